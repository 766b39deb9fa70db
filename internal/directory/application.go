package directory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sealring/sealring/internal/directory/builtin"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
)

// Application is a registered program that has credentials of its own. It acts through its
// service principal.
type Application struct {
	Tenant      id.Tenant
	ID          id.Object // the application object, not the principal
	App         id.App    // client_id
	DisplayName string
	// IdentifierURIs name it as a resource ("api://…"), unique in the tenant.
	IdentifierURIs []string
	// TokenVersion is 1 or 2: which access tokens it takes as a resource (DT-3.1).
	TokenVersion int
	AppRoles     []AppRole
	Scopes       []PermissionScope
	// GroupClaims is groupMembershipClaims: which groups the tokens it takes name, kinds parted
	// by commas; "" for none.
	GroupClaims string
	// Profile is a JSON object of further properties, kept for Graph and not looked at here.
	Profile json.RawMessage
	Created time.Time // UTC, whole seconds
}

// NewApplication says what to create.
type NewApplication struct {
	Tenant         id.Tenant
	DisplayName    string // 1 to 256 characters
	IdentifierURIs []string
	TokenVersion   int // 0 means 1
}

// CreateApplication registers an application with a new client id. Its service principal is
// a creation of its own (CreateServicePrincipal), as in Graph. Errors: ErrInvalid.
func (d *Directory) CreateApplication(ctx context.Context, tx *store.Tx, n NewApplication) (Application, error) {
	if err := checkName(n.DisplayName); err != nil {
		return Application{}, err
	}
	a := Application{
		Tenant: n.Tenant, ID: d.ids.Object(), App: d.ids.App(), DisplayName: n.DisplayName,
		IdentifierURIs: slices.Clone(n.IdentifierURIs), TokenVersion: max(1, n.TokenVersion), Created: d.now().UTC().Truncate(time.Second),
	}
	if a.TokenVersion > 2 {
		return Application{}, ErrInvalid.With("access tokens have version 1 or 2, not %d", n.TokenVersion)
	}
	if err := d.CheckURIs(ctx, tx, a); err != nil {
		return Application{}, err
	}
	uris, err := json.Marshal(append([]string{}, a.IdentifierURIs...))
	if err != nil {
		return Application{}, fmt.Errorf("encode identifier URIs: %w", err)
	}
	_, err = tx.Exec(ctx, `INSERT INTO directory_applications (app_id, id, tenant_id, display_name, identifier_uris, token_version, created_at, deleted_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 0)`,
		string(a.App), string(a.ID), string(a.Tenant), a.DisplayName, string(uris), a.TokenVersion, seconds(a.Created))
	if err != nil {
		return Application{}, fmt.Errorf("insert application: %w", err)
	}
	tx.Changed(Topic, ApplicationKey(a.App))
	return a, d.record(ctx, tx, "directory.application.create", string(a.ID), map[string]string{"app_id": string(a.App), "display_name": a.DisplayName})
}

// CheckURIs refuses identifier URIs that another resource of the tenant already has.
// Errors: ErrInvalid.
func (d *Directory) CheckURIs(ctx context.Context, tx *store.Tx, a Application) error {
	taken := map[string]bool{}
	err := tx.Query(ctx, func(r store.Row) error {
		var uris []string
		if err := scanList(r, &uris); err != nil {
			return err
		}
		for _, u := range uris {
			taken[builtin.Canonical(u)] = true
		}
		return nil
	}, "SELECT identifier_uris FROM directory_applications WHERE tenant_id = $1 AND app_id <> $2 AND deleted_at = 0", string(a.Tenant), string(a.App))
	if err != nil {
		return fmt.Errorf("read identifier URIs: %w", err)
	}
	for _, u := range a.IdentifierURIs {
		c := builtin.Canonical(u)
		if _, builtin := d.names.find(c); builtin || taken[c] || c == "" {
			return ErrInvalid.With("the identifier URI %q is empty or taken", u)
		}
		taken[c] = true
	}
	return nil
}

// DeleteApplication removes an application and its service principal in this tenant. Its
// credentials are worth nothing from the commit on; their rows stay, for the application may
// be restored (package registration). Errors: ErrApplicationNotFound.
func (d *Directory) DeleteApplication(ctx context.Context, tx *store.Tx, tenant id.Tenant, app id.App) error {
	at := max(1, seconds(d.now()))
	n, err := tx.Exec(ctx, "UPDATE directory_applications SET deleted_at = $1 WHERE app_id = $2 AND tenant_id = $3 AND deleted_at = 0",
		at, string(app), string(tenant))
	if err != nil {
		return fmt.Errorf("delete application %s: %w", app, err)
	}
	if n == 0 {
		return ErrApplicationNotFound.With("application %s does not exist", app)
	}
	tx.Changed(Topic, ApplicationKey(app))
	if err := d.record(ctx, tx, "directory.application.delete", string(app), nil); err != nil {
		return err
	}
	var object string
	found, err := tx.Get(ctx, "SELECT id FROM directory_service_principals WHERE app_id = $1 AND tenant_id = $2 AND deleted_at = 0",
		[]any{string(app), string(tenant)}, &object)
	if err != nil {
		return fmt.Errorf("find service principal of %s: %w", app, err)
	}
	if !found {
		return nil
	}
	return d.DeleteServicePrincipal(ctx, tx, tenant, id.Object(object))
}

// Application returns an application of the tenant. Errors: ErrApplicationNotFound.
func (d *Directory) Application(ctx context.Context, tenant id.Tenant, app id.App) (Application, error) {
	s, err := d.cache.read(ctx)
	if err != nil {
		return Application{}, err
	}
	defer d.cache.done()
	if a, ok := s.applications[app]; ok && a.Tenant == tenant {
		return a.Application, nil
	}
	return Application{}, ErrApplicationNotFound.With("application %s does not exist", app)
}

// ApplicationColumns are what ScanApplication reads.
const ApplicationColumns = `app_id, id, tenant_id, display_name, identifier_uris, token_version, app_roles, scopes, group_claims, profile, created_at`

// ScanApplication reads a row of ApplicationColumns.
func ScanApplication(r store.Row) (Application, error) {
	var a Application
	var uris, roles, scopes, profile string
	var created int64
	err := r.Scan(&a.App, &a.ID, &a.Tenant, &a.DisplayName, &uris, &a.TokenVersion, &roles, &scopes, &a.GroupClaims, &profile, &created)
	if err != nil {
		return Application{}, fmt.Errorf("scan application: %w", err)
	}
	for _, part := range []struct {
		text string
		out  any
	}{{uris, &a.IdentifierURIs}, {roles, &a.AppRoles}, {scopes, &a.Scopes}, {profile, &a.Profile}} {
		if err := json.Unmarshal([]byte(part.text), part.out); err != nil {
			return Application{}, fmt.Errorf("decode application %s: %w", a.App, err)
		}
	}
	a.Created = instant(created)
	return a, nil
}

// LoadApplication reads an application in a transaction. Errors: ErrApplicationNotFound.
func LoadApplication(ctx context.Context, tx *store.Tx, tenant id.Tenant, app id.App) (Application, error) {
	var a Application
	found := false
	err := tx.Query(ctx, func(r store.Row) (err error) {
		found = true
		a, err = ScanApplication(r)
		return err
	}, "SELECT "+ApplicationColumns+" FROM directory_applications WHERE app_id = $1 AND tenant_id = $2 AND deleted_at = 0", string(app), string(tenant))
	if err != nil {
		return Application{}, fmt.Errorf("read application %s: %w", app, err)
	}
	if !found {
		return Application{}, ErrApplicationNotFound.With("application %s does not exist", app)
	}
	return a, nil
}

// isNoApplication reports a client id without an application.
func isNoApplication(err error) bool { return errors.Is(err, ErrApplicationNotFound) }

// scanList reads a row of one JSON list of texts.
func scanList(r store.Row, out *[]string) error {
	var text string
	if err := r.Scan(&text); err != nil {
		return fmt.Errorf("scan list: %w", err)
	}
	if err := json.Unmarshal([]byte(text), out); err != nil {
		return fmt.Errorf("decode list: %w", err)
	}
	return nil
}
