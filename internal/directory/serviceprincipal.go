package directory

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
)

// Kind is what a service principal stands for; its text is Graph's servicePrincipalType.
type Kind string

// The kinds.
const (
	// KindApplication is the presence of an application in a tenant.
	KindApplication Kind = "Application"
	// KindManagedIdentity has no application object and no credential that leaves the platform.
	KindManagedIdentity Kind = "ManagedIdentity"
)

// ServicePrincipal is who acts in a tenant: what role assignments name and tokens carry as `oid`.
type ServicePrincipal struct {
	Tenant      id.Tenant
	ID          id.Object // principalId, `oid`
	App         id.App    // clientId, `appid`
	Kind        Kind
	DisplayName string
	// AlternativeNames of a managed identity are "isExplicit=True" or "isExplicit=False" and
	// the resource id of its resource (DT-6.2); else empty.
	AlternativeNames []string
	// Names are servicePrincipalNames: the app id first, then URIs it is known by as a resource.
	Names   []string
	Enabled bool
	// RoleRequired lets only principals with an app role assignment get tokens for it (DT-33).
	RoleRequired bool
	// Profile is a JSON object of further properties, kept for Graph and not looked at here.
	Profile json.RawMessage
	Created time.Time // UTC, whole seconds
}

// ServicePrincipalColumns are what ScanServicePrincipal reads.
const ServicePrincipalColumns = "id, tenant_id, app_id, kind, display_name, alternative_names, names, enabled, role_required, profile, created_at"

// ScanServicePrincipal reads a row of ServicePrincipalColumns.
func ScanServicePrincipal(r store.Row) (ServicePrincipal, error) {
	var sp ServicePrincipal
	var alternative, names, profile string
	var created int64
	err := r.Scan(&sp.ID, &sp.Tenant, &sp.App, &sp.Kind, &sp.DisplayName, &alternative, &names, &sp.Enabled, &sp.RoleRequired, &profile, &created)
	if err != nil {
		return ServicePrincipal{}, fmt.Errorf("scan service principal: %w", err)
	}
	for _, part := range []struct {
		text string
		out  any
	}{{alternative, &sp.AlternativeNames}, {names, &sp.Names}, {profile, &sp.Profile}} {
		if err := json.Unmarshal([]byte(part.text), part.out); err != nil {
			return ServicePrincipal{}, fmt.Errorf("decode service principal %s: %w", sp.ID, err)
		}
	}
	if sp.Kind != KindApplication && sp.Kind != KindManagedIdentity {
		return ServicePrincipal{}, fmt.Errorf("service principal %s is of kind %q", sp.ID, sp.Kind)
	}
	sp.Created = instant(created)
	return sp, nil
}

// NewServicePrincipal says what to create.
type NewServicePrincipal struct {
	Tenant      id.Tenant
	Kind        Kind
	DisplayName string // 1 to 256 characters; taken from the application where Kind is Application
	// App is the application it belongs to where Kind is Application: one of the tenant, or one
	// of another tenant that offers itself to all. For a managed identity
	// it must be empty: the client id is made here.
	App              id.App
	AlternativeNames []string
}

// CreateServicePrincipal makes a service principal with new ids.
// Errors: ErrInvalid, ErrApplicationNotFound, store.ErrExists if the application has one already.
func (d *Directory) CreateServicePrincipal(ctx context.Context, tx *store.Tx, n NewServicePrincipal) (ServicePrincipal, error) {
	sp := ServicePrincipal{Tenant: n.Tenant, Kind: n.Kind, DisplayName: n.DisplayName, AlternativeNames: slices.Clone(n.AlternativeNames)}
	switch {
	case n.Kind == KindManagedIdentity && n.App == "":
		sp.App = d.ids.App()
		sp.Names = []string{string(sp.App)}
	case n.Kind == KindApplication && n.App != "":
		app, err := offered(ctx, tx, n.Tenant, n.App)
		if err != nil {
			return ServicePrincipal{}, err
		}
		sp.App, sp.DisplayName = app.App, app.DisplayName
		sp.Names = append([]string{string(sp.App)}, app.IdentifierURIs...)
	default:
		return ServicePrincipal{}, ErrInvalid.With("a service principal of kind %q cannot be made with the client id %q", n.Kind, n.App)
	}
	return d.insertServicePrincipal(ctx, tx, sp)
}

// insertServicePrincipal gives sp its object id and writes it.
func (d *Directory) insertServicePrincipal(ctx context.Context, tx *store.Tx, sp ServicePrincipal) (ServicePrincipal, error) {
	if err := checkName(sp.DisplayName); err != nil {
		return ServicePrincipal{}, err
	}
	sp.ID, sp.Enabled, sp.Created = d.ids.Object(), true, d.now().UTC().Truncate(time.Second)
	alternative, names, err := encodeNames(sp)
	if err != nil {
		return ServicePrincipal{}, err
	}
	_, err = tx.Exec(ctx, `INSERT INTO directory_service_principals
		(id, tenant_id, app_id, kind, display_name, alternative_names, names, enabled, created_at, deleted_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0)`,
		string(sp.ID), string(sp.Tenant), string(sp.App), string(sp.Kind), sp.DisplayName, alternative, names, true, seconds(sp.Created))
	if err != nil {
		return ServicePrincipal{}, fmt.Errorf("insert service principal: %w", err)
	}
	tx.Changed(Topic, PrincipalKey(sp.ID))
	return sp, d.record(ctx, tx, "directory.servicePrincipal.create", string(sp.ID),
		map[string]string{"app_id": string(sp.App), "kind": string(sp.Kind), "display_name": sp.DisplayName})
}

// encodeNames writes the two lists as JSON texts.
func encodeNames(sp ServicePrincipal) (alternative, names string, err error) {
	a, err := json.Marshal(append([]string{}, sp.AlternativeNames...))
	if err != nil {
		return "", "", fmt.Errorf("encode alternative names: %w", err)
	}
	n, err := json.Marshal(append([]string{}, sp.Names...))
	if err != nil {
		return "", "", fmt.Errorf("encode names: %w", err)
	}
	return string(a), string(n), nil
}

// SetEnabled lets a service principal sign in and act, or stops it from the commit on. No room
// writes directory objects yet; like the other writes here it is what their rules are tested by.
// Errors: ErrServicePrincipalNotFound.
func (d *Directory) SetEnabled(ctx context.Context, tx *store.Tx, tenant id.Tenant, object id.Object, enabled bool) error {
	n, err := tx.Exec(ctx, "UPDATE directory_service_principals SET enabled = $1 WHERE id = $2 AND tenant_id = $3 AND deleted_at = 0",
		enabled, string(object), string(tenant))
	if err != nil {
		return fmt.Errorf("enable or disable service principal %s: %w", object, err)
	}
	operation := "directory.servicePrincipal.disable"
	if enabled {
		operation = "directory.servicePrincipal.enable"
	}
	return d.touched(ctx, tx, n, object, operation, nil)
}

// DeleteServicePrincipal leaves a tombstone: from the commit on the principal is not alive,
// gets no token and matches no assignment (L-9, S-47). Errors: ErrServicePrincipalNotFound.
func (d *Directory) DeleteServicePrincipal(ctx context.Context, tx *store.Tx, tenant id.Tenant, object id.Object) error {
	n, err := tx.Exec(ctx, "UPDATE directory_service_principals SET deleted_at = $1 WHERE id = $2 AND tenant_id = $3 AND deleted_at = 0",
		max(1, seconds(d.now())), string(object), string(tenant))
	if err != nil {
		return fmt.Errorf("delete service principal %s: %w", object, err)
	}
	return d.touched(ctx, tx, n, object, "directory.servicePrincipal.delete", nil)
}

// touched ends a change of one service principal: refused if no row matched, else noted.
func (d *Directory) touched(ctx context.Context, tx *store.Tx, rows int64, object id.Object, operation string, details map[string]string) error {
	if rows == 0 {
		return ErrServicePrincipalNotFound.With("service principal %s does not exist", object)
	}
	tx.Changed(Topic, PrincipalKey(object))
	return d.record(ctx, tx, operation, string(object), details)
}

// ServicePrincipal returns a live service principal. Errors: ErrServicePrincipalNotFound,
// also for one of another tenant (S-54).
func (d *Directory) ServicePrincipal(ctx context.Context, tenant id.Tenant, object id.Object) (ServicePrincipal, error) {
	if err := d.cache.db.Fresh(); err != nil {
		return ServicePrincipal{}, err
	}
	s, err := d.cache.read(ctx)
	if err != nil {
		return ServicePrincipal{}, err
	}
	defer d.cache.done()
	if sp, ok := s.principals[object]; ok && sp.Tenant == tenant {
		return *sp, nil
	}
	return ServicePrincipal{}, ErrServicePrincipalNotFound.With("service principal %s does not exist", object)
}

// ServicePrincipalByApp returns the live service principal of a client id in the tenant.
// Errors: ErrServicePrincipalNotFound.
func (d *Directory) ServicePrincipalByApp(ctx context.Context, tenant id.Tenant, app id.App) (ServicePrincipal, error) {
	if err := d.cache.db.Fresh(); err != nil {
		return ServicePrincipal{}, err
	}
	s, err := d.cache.read(ctx)
	if err != nil {
		return ServicePrincipal{}, err
	}
	defer d.cache.done()
	if sp, ok := s.byApp[appIn{tenant, app}]; ok {
		return *sp, nil
	}
	return ServicePrincipal{}, ErrServicePrincipalNotFound.With("no service principal has the client id %s", app)
}

// Alive reports whether the principal exists in the tenant, is enabled and not deleted. It
// reads memory only, but for loading again what the feed says has changed.
func (d *Directory) Alive(ctx context.Context, tenant id.Tenant, object id.Object) (bool, error) {
	if err := d.cache.db.Fresh(); err != nil {
		return false, err
	}
	s, err := d.cache.read(ctx)
	if err != nil {
		return false, err
	}
	defer d.cache.done()
	if u, ok := s.users[object]; ok {
		return u.Tenant == tenant && u.Enabled, nil
	}
	sp, ok := s.principals[object]
	return ok && sp.Tenant == tenant && sp.Enabled, nil
}

// TenantOf returns the tenant of a live user or service principal, disabled ones included;
// false if there is none. Object ids are unique among tenants.
func (d *Directory) TenantOf(ctx context.Context, object id.Object) (id.Tenant, bool, error) {
	s, err := d.cache.read(ctx)
	if err != nil {
		return "", false, err
	}
	defer d.cache.done()
	if u, ok := s.users[object]; ok {
		return u.Tenant, true, nil
	}
	if sp, ok := s.principals[object]; ok {
		return sp.Tenant, true, nil
	}
	return "", false, nil
}
