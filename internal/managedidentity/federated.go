package managedidentity

import (
	"context"
	"errors"
	"time"

	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/trust"
)

// FederatedType is the resource type of an identity's federated credentials.
const FederatedType = Type + "/federatedIdentityCredentials"

// ErrBusy is a second write of an identity's federated credentials while another is under
// way, where Config.OneFederatedWrite says that it is refused.
var ErrBusy = fault.New(fault.Conflict, "Too many concurrent requests for the federated identity credentials of this identity. Try again.")

// credentials keeps what outside issuers may prove; *trust.Service is one.
type credentials interface {
	WriteFederatedCredential(ctx context.Context, tx *store.Tx, w trust.FederatedWrite) (trust.FederatedCredential, bool, error)
	DeleteFederatedCredential(ctx context.Context, tx *store.Tx, tenant id.Tenant, app id.App, name string) error
	FederatedCredentials(ctx context.Context, tenant id.Tenant, app id.App) ([]trust.FederatedCredential, error)
	RemoveOwner(ctx context.Context, tx *store.Tx, app id.App) error
}

// revoker ends tokens; *directory.Directory is one.
type revoker interface {
	RevokeTokens(ctx context.Context, tx *store.Tx, tenant id.Tenant, object id.Object) (time.Time, error)
	TokensFrom(ctx context.Context, object id.Object) (time.Time, error)
}

// PutFederated creates or replaces a federated credential of a user-assigned identity; it
// reports whether it is new. Errors: resource.ErrNotFound, ErrBusy, those of
// trust.WriteFederatedCredential.
func (s *Service) PutFederated(ctx context.Context, identity resource.ID, name string, edit func(c *trust.FederatedCredential) error) (out trust.FederatedCredential, created bool, err error) {
	err = s.writeFederated(ctx, identity, func(tx *store.Tx, u UserAssigned) (err error) {
		out, created, err = s.trust.WriteFederatedCredential(ctx, tx, trust.FederatedWrite{Tenant: u.Tenant, App: u.ClientID, Name: name, Edit: edit})
		if err != nil {
			return err
		}
		return s.record(ctx, tx, u.Resource.ID.Child("federatedIdentityCredentials", out.Name), "write", created)
	})
	return out, created, err
}

// DeleteFederated removes a federated credential; it reports whether it existed.
// Errors: resource.ErrNotFound for the identity, ErrBusy.
func (s *Service) DeleteFederated(ctx context.Context, identity resource.ID, name string) (bool, error) {
	err := s.writeFederated(ctx, identity, func(tx *store.Tx, u UserAssigned) error {
		if err := s.trust.DeleteFederatedCredential(ctx, tx, u.Tenant, u.ClientID, name); err != nil {
			return err
		}
		return s.record(ctx, tx, u.Resource.ID.Child("federatedIdentityCredentials", name), "delete", false)
	})
	if errors.Is(err, trust.ErrFederatedNotFound) {
		return false, nil
	}
	return err == nil, err
}

// writeFederated runs a write on an identity that exists.
func (s *Service) writeFederated(ctx context.Context, identity resource.ID, write func(tx *store.Tx, u UserAssigned) error) error {
	if s.oneFederatedWrite {
		if _, taken := s.federating.LoadOrStore(identity.Key(), true); taken {
			return ErrBusy
		}
		defer s.federating.Delete(identity.Key())
	}
	return s.db.Update(ctx, func(tx *store.Tx) error {
		u, err := s.userAssignedIn(ctx, tx, identity)
		if err != nil {
			return err
		}
		return write(tx, u)
	})
}

// Federated returns the federated credentials of a user-assigned identity, by name.
// Errors: resource.ErrNotFound.
func (s *Service) Federated(ctx context.Context, identity resource.ID) ([]trust.FederatedCredential, error) {
	u, err := s.GetUserAssigned(ctx, identity)
	if err != nil {
		return nil, err
	}
	return s.trust.FederatedCredentials(ctx, u.Tenant, u.ClientID)
}

// RevokeTokens ends every token of a user-assigned identity that was issued before: our
// services refuse them from now on, and nobody is handed one from the cache (CP §3.1).
// Errors: resource.ErrNotFound.
func (s *Service) RevokeTokens(ctx context.Context, identity resource.ID) error {
	return s.db.Update(ctx, func(tx *store.Tx) error {
		u, err := s.userAssignedIn(ctx, tx, identity)
		if err != nil {
			return err
		}
		if _, err := s.directory.RevokeTokens(ctx, tx, u.Tenant, u.PrincipalID); err != nil {
			return err
		}
		return s.record(ctx, tx, u.Resource.ID, "revokeTokens/action", false)
	})
}
