package registration

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
)

// Limits of an application.
const (
	maxProfile = 256 << 10 // bytes of JSON
	maxRoles   = 1200      // app roles and scopes together, as in Entra
	maxURIs    = 50
)

// changeApplication lets change work on a live application and keeps what it makes of it; ids
// and creation stay. The service principal in the same tenant follows with its display name
// and names. Errors: directory.ErrApplicationNotFound, ErrInvalid, ErrEnabled, ErrHostName,
// directory.ErrInvalid for a URI that is taken, and those of change.
func (s *Service) changeApplication(ctx context.Context, tx *store.Tx, tenant id.Tenant, app id.App, change func(*directory.Application) error) (directory.Application, error) {
	before, err := directory.LoadApplication(ctx, tx, tenant, app)
	if err != nil {
		return directory.Application{}, err
	}
	a := before
	a.Profile, a.IdentifierURIs = slices.Clone(before.Profile), slices.Clone(before.IdentifierURIs)
	a.AppRoles, a.Scopes = slices.Clone(before.AppRoles), slices.Clone(before.Scopes)
	if err := change(&a); err != nil {
		return directory.Application{}, err
	}
	a.ID, a.App, a.Tenant, a.Created = before.ID, before.App, before.Tenant, before.Created
	if err := s.check(ctx, &a); err != nil {
		return directory.Application{}, err
	}
	if err := disabledFirst(before, a); err != nil {
		return directory.Application{}, err
	}
	if err := s.directory.CheckURIs(ctx, tx, a); err != nil {
		return directory.Application{}, err
	}
	if err := s.save(ctx, tx, a); err != nil {
		return directory.Application{}, err
	}
	return a, s.record(ctx, tx, "directory.application.update", string(a.ID), map[string]string{"app_id": string(app), "changed": changed(before, a)})
}

// check refuses what no application has. Errors: ErrInvalid, ErrHostName.
func (s *Service) check(ctx context.Context, a *directory.Application) error {
	if n := len([]rune(a.DisplayName)); n < 1 || n > 256 {
		return ErrInvalid.With("The displayName of an application has 1 to 256 characters, not %d.", n)
	}
	if a.TokenVersion < 1 || a.TokenVersion > 2 {
		return ErrInvalid.With("requestedAccessTokenVersion is null, 1 or 2.")
	}
	for kind := range strings.SplitSeq(a.GroupClaims, ",") {
		if !slices.Contains([]string{"", "None", "SecurityGroup", "DirectoryRole", "ApplicationGroup", "All"}, strings.TrimSpace(kind)) {
			return ErrInvalid.With("groupMembershipClaims is null, or a list of None, SecurityGroup, DirectoryRole, ApplicationGroup and All.")
		}
	}
	if len(a.AppRoles)+len(a.Scopes) > maxRoles || len(a.IdentifierURIs) > maxURIs || len(a.Profile) > maxProfile {
		return ErrInvalid.With("The application has more than %d app roles and scopes, more than %d identifier URIs or is too large.", maxRoles, maxURIs)
	}
	if err := checkRoles(a); err != nil {
		return err
	}
	tenant, err := s.directory.Tenant(ctx, a.Tenant)
	if err != nil {
		return err
	}
	for _, u := range a.IdentifierURIs {
		if err := checkURI(u, tenant, a.App); err != nil {
			return err
		}
	}
	return nil
}

// checkRoles refuses app roles and scopes without an id of their own, or with a value that
// another has. Errors: ErrInvalid.
func checkRoles(a *directory.Application) error {
	ids, roles, scopes := map[string]bool{}, map[string]bool{}, map[string]bool{}
	one := func(id, value string, values map[string]bool) error {
		id, value = strings.ToLower(id), strings.ToLower(value)
		if uuid.Validate(id) != nil || ids[id] {
			return ErrInvalid.With("The id of an app role or scope is a GUID of its own: %q is not.", id)
		}
		if value != "" && values[value] || strings.ContainsAny(value, " \t\n\r\"") {
			return ErrInvalid.With("The value %q of an app role or scope is used twice or has a blank or quote in it.", value)
		}
		ids[id], values[value] = true, true
		return nil
	}
	for _, r := range a.AppRoles {
		if err := one(r.ID, r.Value, roles); err != nil {
			return err
		}
		if len(r.Members) == 0 || slices.ContainsFunc(r.Members, func(m string) bool { return m != directory.MemberUser && m != directory.MemberApplication }) {
			return ErrInvalid.With("The allowedMemberTypes of an app role are User, Application or both.")
		}
	}
	for _, p := range a.Scopes {
		if err := one(p.ID, p.Value, scopes); err != nil {
			return err
		}
	}
	return nil
}

// checkURI refuses an identifier URI that could be somebody else's name: api:// followed by
// the application's or the tenant's id, or a name under a domain of the tenant. Errors:
// ErrInvalid, ErrHostName.
func checkURI(text string, tenant directory.Tenant, app id.App) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || len(text) > 255 || u.Fragment != "" || u.User != nil || strings.ContainsAny(text, " \"<>\\^`{|}") {
		return ErrInvalid.With("The identifier URI %q is not a URI of up to 255 characters.", text)
	}
	host := strings.ToLower(u.Hostname())
	ours := host == string(tenant.ID) || slices.ContainsFunc(tenant.Domains, func(d string) bool { return host == d || strings.HasSuffix(host, "."+d) })
	switch {
	case u.Scheme == "api" && (ours || host == string(app)):
		return nil
	case u.Scheme == "https" && ours:
		return nil
	case u.Scheme == "urn", u.Scheme == "ms-app":
		return nil
	}
	return ErrHostName.With("Values of identifierUris property must use a verified domain of the organization or its subdomain: '%s'", text)
}

// disabledFirst refuses to change or remove what callers may rely on. Errors: ErrEnabled.
func disabledFirst(before, after directory.Application) error {
	for _, old := range before.AppRoles {
		i := slices.IndexFunc(after.AppRoles, func(r directory.AppRole) bool { return strings.EqualFold(r.ID, old.ID) })
		if old.Enabled && (i < 0 || after.AppRoles[i].Enabled && after.AppRoles[i].Value != old.Value) {
			return ErrEnabled
		}
	}
	for _, old := range before.Scopes {
		i := slices.IndexFunc(after.Scopes, func(p directory.PermissionScope) bool { return strings.EqualFold(p.ID, old.ID) })
		if old.Enabled && (i < 0 || after.Scopes[i].Enabled && after.Scopes[i].Value != old.Value) {
			return ErrEnabled
		}
	}
	return nil
}

// save writes an application and what its service principal takes from it.
func (s *Service) save(ctx context.Context, tx *store.Tx, a directory.Application) error {
	var texts []string
	for _, v := range []any{append([]string{}, a.IdentifierURIs...), append([]directory.AppRole{}, a.AppRoles...), append([]directory.PermissionScope{}, a.Scopes...)} {
		text, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("encode application %s: %w", a.App, err)
		}
		texts = append(texts, string(text))
	}
	_, err := tx.Exec(ctx, `UPDATE directory_applications SET display_name = $1, identifier_uris = $2, token_version = $3, app_roles = $4, scopes = $5,
		group_claims = $6, profile = $7 WHERE app_id = $8 AND deleted_at = 0`,
		a.DisplayName, texts[0], a.TokenVersion, texts[1], texts[2], a.GroupClaims, string(a.Profile), string(a.App))
	if err != nil {
		return fmt.Errorf("update application %s: %w", a.App, err)
	}
	tx.Changed(directory.Topic, directory.ApplicationKey(a.App))
	names, err := json.Marshal(append([]string{string(a.App)}, a.IdentifierURIs...))
	if err != nil {
		return fmt.Errorf("encode names of %s: %w", a.App, err)
	}
	var principal id.Object
	found, err := tx.Get(ctx, "SELECT id FROM directory_service_principals WHERE app_id = $1 AND tenant_id = $2 AND deleted_at = 0",
		[]any{string(a.App), string(a.Tenant)}, &principal)
	if err != nil || !found {
		return err
	}
	_, err = tx.Exec(ctx, "UPDATE directory_service_principals SET display_name = $1, names = $2 WHERE id = $3", a.DisplayName, string(names), string(principal))
	if err != nil {
		return fmt.Errorf("update the service principal of %s: %w", a.App, err)
	}
	tx.Changed(directory.Topic, directory.PrincipalKey(principal))
	return nil
}

// changed names what differs, for the record.
func changed(before, after directory.Application) string {
	var names []string
	for _, p := range []struct {
		name    string
		differs bool
	}{
		{"displayName", before.DisplayName != after.DisplayName},
		{"identifierUris", !slices.Equal(before.IdentifierURIs, after.IdentifierURIs)},
		{"requestedAccessTokenVersion", before.TokenVersion != after.TokenVersion},
		{"appRoles", !slices.EqualFunc(before.AppRoles, after.AppRoles, func(a, b directory.AppRole) bool { return fmt.Sprint(a) == fmt.Sprint(b) })},
		{"oauth2PermissionScopes", !slices.Equal(before.Scopes, after.Scopes)},
		{"groupMembershipClaims", before.GroupClaims != after.GroupClaims},
		{"profile", string(before.Profile) != string(after.Profile)},
	} {
		if p.differs {
			names = append(names, p.name)
		}
	}
	return strings.Join(names, " ")
}
