package app

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/rbac"
	"github.com/sealring/sealring/internal/relation"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/transfer"
	"github.com/sealring/sealring/internal/vault"
)

// founder makes what every tenant and every subscription begins with: at first start, and
// for the commands `tenant` and `subscription`.
type founder struct {
	db *store.DB
	domain
}

// founder is the server's.
func (s *Server) founder() founder { return founder{s.db, s.domain} }

// tenant makes a tenant with a global administrator, an application without credentials.
func (f founder) tenant(ctx context.Context, tx *store.Tx, n directory.NewTenant) (t directory.Tenant, app directory.Application, sp directory.ServicePrincipal, err error) {
	if t, err = f.directory.CreateTenant(ctx, tx, n); err != nil {
		return t, app, sp, err
	}
	app, err = f.directory.CreateApplication(ctx, tx, directory.NewApplication{Tenant: t.ID, DisplayName: n.DisplayName + " administrator"})
	if err != nil {
		return t, app, sp, err
	}
	sp, err = f.directory.CreateServicePrincipal(ctx, tx, directory.NewServicePrincipal{
		Tenant: t.ID, Kind: directory.KindApplication, DisplayName: app.DisplayName, App: app.App,
	})
	if err == nil {
		err = f.relations.AddRoleMemberIn(ctx, tx, t.ID, relation.GlobalAdministrator, sp.ID)
	}
	return t, app, sp, err
}

// administrator gives the administrator of a tenant that an earlier release founded the
// directory role that new ones begin with. It does nothing where somebody has the role.
func (f founder) administrator(ctx context.Context, tenant id.Tenant, app id.App) error {
	members, err := f.relations.RoleMembers(ctx, tenant, relation.GlobalAdministrator)
	if err != nil || len(members) > 0 {
		return err
	}
	sp, err := f.directory.ServicePrincipalByApp(ctx, tenant, app)
	if errors.Is(err, directory.ErrServicePrincipalNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.relations.AddRoleMember(ctx, tenant, relation.GlobalAdministrator, sp.ID)
}

// subscription makes a subscription with the resource group `default` and its first Owner.
// It can be repeated with the same names.
func (f founder) subscription(ctx context.Context, sub resource.Subscription, owner rbac.NewAssignment) error {
	if err := f.resources.PutSubscription(ctx, sub); err != nil {
		return fmt.Errorf("make the subscription: %w", err)
	}
	_, _, err := f.resources.PutGroup(ctx, resource.GroupID(sub.ID, "default"), resource.Precondition{}, func(g *resource.Group) error {
		g.Location = location
		return nil
	})
	if err != nil {
		return fmt.Errorf("make the resource group default: %w", err)
	}
	owner.Scope, owner.Role = resource.SubscriptionID(sub.ID), rbac.Owner
	if _, _, err := f.rbac.PutAssignment(ctx, owner); err != nil && !errors.Is(err, rbac.ErrAssignmentExists) {
		return fmt.Errorf("make the administrator owner: %w", err)
	}
	return nil
}

// adminOf names the record of the administrator of a tenant that a command made.
func adminOf(tenant id.Tenant) string { return "admin_client_id/" + string(tenant) }

// Tenant is a tenant as commands show it.
type Tenant struct {
	ID            id.Tenant         `json:"tenant_id"`
	Name          string            `json:"name"`
	Domains       []string          `json:"domains"`
	AdminClientID id.App            `json:"admin_client_id"`
	SecretFile    string            `json:"admin_secret_file,omitempty"`
	Subscriptions []id.Subscription `json:"subscriptions"`
}

// Subscription is a subscription as commands show it.
type Subscription struct {
	ID     id.Subscription `json:"subscription_id"`
	Tenant id.Tenant       `json:"tenant_id"`
	Name   string          `json:"name"`
}

// Estate is the tenants and subscriptions of an installation, opened by a command.
type Estate struct {
	o *Offline
	founder
}

// Estate opens the tenants and subscriptions. Errors: those of reading the store.
func (o *Offline) Estate() (*Estate, error) {
	d, err := newDomain(o.c, o.in, o.Store, o.Audit, o.Sealer, nil)
	return &Estate{o, founder{o.Store, d}}, err
}

// CreateTenant makes a tenant with an administrator, whose secret it writes to a file in
// the data directory, and a first subscription that the administrator owns. Nothing in it is
// reachable from another tenant (M-15). Errors: directory.ErrInvalid, store.ErrExists for a
// domain that is taken.
func (e *Estate) CreateTenant(ctx context.Context, name string, domains []string) (Tenant, error) {
	var t directory.Tenant
	var app directory.Application
	var sp directory.ServicePrincipal
	var file string
	err := e.db.Update(ctx, func(tx *store.Tx) (err error) {
		if t, app, sp, err = e.tenant(ctx, tx, directory.NewTenant{DisplayName: name, Domains: domains}); err != nil {
			return err
		}
		_, value, err := e.directory.AddSecret(ctx, tx, t.ID, app.App, directory.NewSecret{DisplayName: "made by sealring tenant create", Lifetime: e.o.c.adminSecretLife()})
		if err != nil {
			return err
		}
		if file, err = e.writeSecret(t.ID, value.Reveal()); err != nil {
			return err
		}
		return writeInstallation(ctx, tx, adminOf(t.ID), string(app.App))
	})
	if errors.Is(err, store.ErrExists) {
		err = directory.ErrInvalid.With("one of the domains %s belongs to a tenant already", strings.Join(domains, ", "))
	}
	if err != nil {
		return Tenant{}, err
	}
	sub := resource.Subscription{ID: id.NewSource(e.o.c.Rand).Subscription(), Tenant: t.ID, Name: name}
	if err := e.own(ctx, sub, sp.ID); err != nil {
		return Tenant{}, err
	}
	return Tenant{t.ID, t.DisplayName, t.Domains, app.App, file, []id.Subscription{sub.ID}}, nil
}

// writeSecret keeps an administrator's secret for its owner's eyes.
func (e *Estate) writeSecret(tenant id.Tenant, value string) (string, error) {
	dir := filepath.Join(e.o.c.Data, "tenants")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("keep the administrator's secret: %w", err)
	}
	file := filepath.Join(dir, string(tenant)+".secret")
	if err := os.WriteFile(file, []byte(value), 0o600); err != nil {
		return "", fmt.Errorf("keep the administrator's secret: %w", err)
	}
	return file, nil
}

// own makes a subscription that a principal owns.
func (e *Estate) own(ctx context.Context, sub resource.Subscription, owner id.Object) error {
	return e.subscription(ctx, sub, rbac.NewAssignment{
		Name: rbac.AssignmentID(id.NewSource(e.o.c.Rand).Text()), Principal: owner, PrincipalType: rbac.ServicePrincipal,
		Description: "the owner named when the subscription was made",
	})
}

// CreateSubscription makes a subscription in a tenant, "" for the one of the first start,
// that the tenant's administrator owns. Errors: directory.ErrTenantNotFound,
// resource.ErrInvalid.
func (e *Estate) CreateSubscription(ctx context.Context, tenant id.Tenant, name string) (Subscription, error) {
	if tenant == "" {
		tenant = e.o.in.tenant
	}
	owner, err := e.ownerOf(ctx, tenant)
	if err != nil {
		return Subscription{}, err
	}
	sub := resource.Subscription{ID: id.NewSource(e.o.c.Rand).Subscription(), Tenant: tenant, Name: name}
	return Subscription{sub.ID, tenant, name}, e.own(ctx, sub, owner)
}

// Transfer hands a subscription to another tenant, whose administrator then owns it; a dry one
// only says what that would end. The one of the first start stays: what commands run on this
// host is in it. Errors: transfer.ErrRefused and those of transfer.Service.Transfer.
func (e *Estate) Transfer(ctx context.Context, sub id.Subscription, to id.Tenant, dry bool) (transfer.Report, error) {
	if sub == e.o.in.subscription {
		return transfer.Report{}, transfer.ErrRefused.With("the subscription of the first start cannot be transferred: what `sealring run` starts on this host is in it")
	}
	owner, err := e.ownerOf(ctx, to)
	if err != nil {
		return transfer.Report{}, err
	}
	ids := id.NewSource(e.o.c.Rand)
	vaults, err := vault.New(vault.Config{Store: e.db, Audit: e.o.Audit, Sealer: e.o.Sealer, Log: e.o.c.Log, Now: e.o.c.Now, Rand: e.o.c.Rand, IDs: ids})
	if err != nil {
		return transfer.Report{}, err
	}
	t, err := transfer.New(transfer.Config{
		Store: e.db, Audit: e.o.Audit, Directory: e.directory, Trust: e.trust, Resources: e.resources, Groups: e.groups, Locks: e.locks,
		RBAC: e.rbac, Vaults: vaults, IDs: ids,
	})
	if err != nil {
		return transfer.Report{}, err
	}
	return t.Transfer(ctx, transfer.Order{Subscription: sub, To: to, Owner: owner, Dry: dry})
}

// ownerOf is the administrator of a tenant. Errors: directory.ErrTenantNotFound.
func (e *Estate) ownerOf(ctx context.Context, tenant id.Tenant) (id.Object, error) {
	if _, err := e.directory.Tenant(ctx, tenant); err != nil {
		return "", err
	}
	app, err := e.admin(ctx, tenant)
	if err != nil {
		return "", err
	}
	sp, err := e.directory.ServicePrincipalByApp(ctx, tenant, app)
	if err != nil {
		return "", fmt.Errorf("find the administrator: %w", err)
	}
	return sp.ID, nil
}

// admin is the application id of a tenant's administrator.
func (e *Estate) admin(ctx context.Context, tenant id.Tenant) (app id.App, err error) {
	if tenant == e.o.in.tenant {
		return e.o.in.adminApp, nil
	}
	err = e.db.View(ctx, func(tx *store.Tx) error {
		values, err := readInstallation(ctx, tx)
		app = id.App(values[adminOf(tenant)])
		return err
	})
	return app, err
}

// Tenants lists the tenants, the one of the first start first, with their subscriptions.
func (e *Estate) Tenants(ctx context.Context) ([]Tenant, error) {
	all, err := e.directory.Tenants(ctx)
	if err != nil {
		return nil, err
	}
	var out []Tenant
	for _, t := range all {
		shown := Tenant{ID: t.ID, Name: t.DisplayName, Domains: t.Domains, Subscriptions: []id.Subscription{}}
		if shown.AdminClientID, err = e.admin(ctx, t.ID); err != nil {
			return nil, err
		}
		subs, err := e.Subscriptions(ctx, t.ID)
		if err != nil {
			return nil, err
		}
		for _, s := range subs {
			shown.Subscriptions = append(shown.Subscriptions, s.ID)
		}
		if t.ID == e.o.in.tenant {
			out = append([]Tenant{shown}, out...)
			continue
		}
		out = append(out, shown)
	}
	return out, nil
}

// Subscriptions lists the subscriptions of a tenant, "" for the one of the first start.
func (e *Estate) Subscriptions(ctx context.Context, tenant id.Tenant) ([]Subscription, error) {
	if tenant == "" {
		tenant = e.o.in.tenant
	}
	subs, err := e.resources.Subscriptions(ctx, tenant)
	if err != nil {
		return nil, err
	}
	out := []Subscription{}
	for _, s := range subs {
		out = append(out, Subscription{s.ID, s.Tenant, s.Name})
	}
	return out, nil
}

// adminSecretLife is how long an administrator's first secret works: until it is rotated
// where only this machine can reach the server, else S-55's hour.
func (c Config) adminSecretLife() time.Duration {
	if address, err := netip.ParseAddr(c.Listen.Address); err != nil || !address.IsLoopback() {
		return directory.BootstrapLife
	}
	return directory.Unlimited
}
