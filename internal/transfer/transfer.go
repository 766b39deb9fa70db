// Package transfer hands a subscription to another tenant of the installation (CP §2.13).
//
// Everything that ties the subscription to the old tenant ends in one transaction: who may do
// what there, and the identities in it. What is kept there goes along: groups, resources, locks,
// deployments, and vaults with the secrets in them.
package transfer

import (
	"context"
	"errors"
	"fmt"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/managedidentity"
	"github.com/sealring/sealring/internal/managementgroup"
	"github.com/sealring/sealring/internal/managementlock"
	"github.com/sealring/sealring/internal/rbac"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/trust"
	"github.com/sealring/sealring/internal/vault"
)

// ErrRefused is a subscription that cannot be handed over.
var ErrRefused = fault.New(fault.Invalid, "the subscription cannot be transferred")

// Operation is the name of a transfer in the audit log. It is recorded once for each tenant.
const Operation = "subscription.transfer"

// Config names what a Service needs. All of it is needed.
type Config struct {
	Store     *store.DB
	Audit     *audit.Log
	Directory *directory.Directory
	Trust     *trust.Service
	Resources *resource.Service
	Groups    *managementgroup.Service
	Locks     *managementlock.Service
	RBAC      *rbac.Service
	Vaults    *vault.Service
	IDs       *id.Source
}

// Service transfers subscriptions. It is safe for concurrent use.
type Service struct{ c Config }

// New checks c.
func New(c Config) (*Service, error) {
	if c.Store == nil || c.Audit == nil || c.Directory == nil || c.Trust == nil || c.Resources == nil || c.Groups == nil || c.Locks == nil ||
		c.RBAC == nil || c.Vaults == nil || c.IDs == nil {
		return nil, errors.New("transfer: Store, Audit, Directory, Trust, Resources, Groups, Locks, RBAC, Vaults and IDs are needed")
	}
	return &Service{c}, nil
}

// Order is a transfer.
type Order struct {
	Subscription id.Subscription
	To           id.Tenant
	Owner        id.Object // a service principal of To, which becomes Owner
	// Dry asks what would happen, and changes nothing.
	Dry bool
}

// Report says what a transfer did, or would do.
type Report struct {
	Subscription id.Subscription       `json:"subscription_id"`
	From         id.Tenant             `json:"from_tenant_id"`
	To           id.Tenant             `json:"to_tenant_id"`
	Assignments  int                   `json:"removed_assignments"` // deny assignments too
	Roles        int                   `json:"removed_custom_roles"`
	Identities   managedidentity.Ended `json:"ended_identities"`
	Vaults       int                   `json:"vaults"` // handed over with their secrets, without access policies
	Done         bool                  `json:"done"`
}

// errDry undoes a transfer that was only asked about.
var errDry = errors.New("only asked")

// Transfer hands a subscription over, all of it or nothing. Its assignments, deny assignments
// and custom roles are gone, its identities have ended, its vaults have no access policies; the
// order's owner is its only Owner. Locks stay, except on identities that are gone. Errors:
// resource.ErrSubscriptionNotFound, resource.ErrInvalid for one that the tenant has already,
// directory.ErrTenantNotFound, directory.ErrServicePrincipalNotFound.
func (s *Service) Transfer(ctx context.Context, o Order) (Report, error) {
	if _, err := s.c.Directory.Tenant(ctx, o.To); err != nil {
		return Report{}, err
	}
	if _, err := s.c.Directory.ServicePrincipal(ctx, o.To, o.Owner); err != nil {
		return Report{}, fmt.Errorf("find the new owner: %w", err)
	}
	var r Report
	err := s.c.Store.Update(ctx, func(tx *store.Tx) (err error) {
		r = Report{Subscription: o.Subscription, To: o.To, Done: !o.Dry}
		if err := s.transfer(ctx, tx, o, &r); err != nil {
			return err
		}
		if o.Dry {
			return errDry
		}
		return s.record(ctx, tx, r)
	})
	if errors.Is(err, errDry) {
		err = nil
	}
	return r, err
}

// transfer is Transfer in a transaction.
func (s *Service) transfer(ctx context.Context, tx *store.Tx, o Order, r *Report) error {
	before, err := s.c.Resources.HandOver(ctx, tx, o.Subscription, o.To)
	if err != nil {
		return err
	}
	r.From = before.Tenant
	if err := s.c.Groups.Release(ctx, tx, o.Subscription); err != nil {
		return err
	}
	r.Assignments, r.Roles, err = s.c.RBAC.HandOver(ctx, tx, rbac.NewAssignment{
		Name: rbac.AssignmentID(s.c.IDs.Text()), Tenant: o.To, Scope: resource.SubscriptionID(o.Subscription), Role: rbac.Owner,
		Principal: o.Owner, PrincipalType: rbac.ServicePrincipal, Description: "the owner named when the subscription was transferred",
	})
	if err != nil {
		return err
	}
	r.Identities, err = managedidentity.EndIn(ctx, tx, managedidentity.Ending{
		Audit: s.c.Audit, Resources: s.c.Resources, Directory: s.c.Directory, Trust: s.c.Trust,
		Removed: []func(context.Context, *store.Tx, resource.ID) error{s.c.Locks.RemoveScope},
	}, o.Subscription)
	if err != nil {
		return err
	}
	r.Vaults, err = s.c.Vaults.HandOver(ctx, tx, o.Subscription, o.To)
	return err
}

// record notes the transfer in the log of both tenants.
func (s *Service) record(ctx context.Context, tx *store.Tx, r Report) error {
	for _, tenant := range []id.Tenant{r.From, r.To} {
		actor := audit.ActorFrom(ctx)
		actor.Tenant = tenant
		err := s.c.Audit.Record(ctx, tx, audit.Event{
			Kind: audit.Activity, Outcome: audit.Succeeded, Actor: actor, Operation: Operation,
			Target: resource.SubscriptionID(r.Subscription).String(), Subscription: r.Subscription,
			Details: map[string]string{"from_tenant_id": string(r.From), "to_tenant_id": string(r.To)},
		})
		if err != nil {
			return err
		}
	}
	return nil
}
