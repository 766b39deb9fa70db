package model

import (
	"context"
	"crypto/sha1" //nolint:gosec // a thumbprint, as certificates are named everywhere
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/surface/graph/edm"
)

// thumbprint is the SHA-1 of a certificate in upper-case hexadecimal digits.
func thumbprint(der []byte) string {
	sum := sha1.Sum(der) //nolint:gosec // see the import
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

// ServicePrincipalObject is a service principal as Graph sees it: with what it takes from its
// application.
type ServicePrincipalObject struct {
	profile
	directory.ServicePrincipal
	Application *directory.Registration // nil for managed identities and built-in resources
	Roles       []directory.AppRole
	Deleted     time.Time
}

// NewServicePrincipalObject wraps a service principal.
func NewServicePrincipalObject(sp directory.ServicePrincipal) *ServicePrincipalObject {
	o := &ServicePrincipalObject{ServicePrincipal: sp}
	o.raw = &o.ServicePrincipal.Profile
	return o
}

// Keep writes the stored properties into the service principal.
func (o *ServicePrincipalObject) Keep() error { return o.keep() }

// ServicePrincipal is the entity of a service principal.
func (d *Domain) ServicePrincipal(ctx context.Context, sp directory.ServicePrincipal) (edm.Entity, error) {
	o := NewServicePrincipalObject(sp)
	e := edm.Entity{ID: string(sp.ID), Type: ServicePrincipalType, Object: o}
	if sp.Kind == directory.KindManagedIdentity {
		return e, nil
	}
	_, roles, err := d.Directory.AppRolesOf(ctx, sp.Tenant, sp.App)
	if err != nil && !errors.Is(err, directory.ErrServicePrincipalNotFound) {
		return e, err
	}
	o.Roles = roles
	if directory.Builtin(sp.App) {
		return e, nil
	}
	a, err := d.Directory.Application(ctx, sp.Tenant, sp.App)
	if errors.Is(err, directory.ErrApplicationNotFound) {
		return e, nil
	}
	if err != nil {
		return e, err
	}
	o.Application, err = d.Directory.Registration(ctx, sp.Tenant, a.ID)
	return e, err
}

// inherited is a property that an application's service principal takes from the application's
// stored properties.
func (o *ServicePrincipalObject) inherited(name, missing string) any {
	if o.Application != nil {
		if v, ok := NewApplicationObject(*o.Application).Stored()[name]; ok {
			return v
		}
	}
	return json.RawMessage(missing)
}

// replyURLs are the redirect URIs of the application.
func replyURLs(o *ServicePrincipalObject) any {
	out := []string{}
	for _, platform := range []string{"web", "spa", "publicClient"} {
		var p struct {
			RedirectURIs []string `json:"redirectUris"`
		}
		raw, _ := o.inherited(platform, "{}").(json.RawMessage)
		if json.Unmarshal(raw, &p) == nil {
			out = append(out, p.RedirectURIs...)
		}
	}
	return out
}

// names are servicePrincipalNames: a managed identity's have a name of the platform besides
// (DT-6.2); it says nothing.
func names(o *ServicePrincipalObject) any {
	out := list(o.Names)
	if o.Kind == directory.KindManagedIdentity {
		sum := sha256.Sum256([]byte(o.App))
		out = append(out, "https://identity.azure.net/"+base64.StdEncoding.EncodeToString(sum[:]))
	}
	return out
}

// applicationOnly is null for managed identities, which have no application (DT-6.2).
func applicationOnly(value func(*ServicePrincipalObject) any) func(*ServicePrincipalObject) any {
	return func(o *ServicePrincipalObject) any {
		if o.Kind == directory.KindManagedIdentity {
			return nil
		}
		return value(o)
	}
}

// owner is the tenant of the application; null for built-in resources.
func owner(o *ServicePrincipalObject) any {
	if directory.Builtin(o.App) {
		return nil
	}
	return string(o.Tenant)
}

// audience is signInAudience.
func audience(o *ServicePrincipalObject) any {
	if directory.Builtin(o.App) {
		return "AzureADMultipleOrgs"
	}
	return o.inherited("signInAudience", `"AzureADMyOrg"`)
}

// scopes are the delegated permissions of the application.
func scopes(o *ServicePrincipalObject) any {
	if o.Application == nil {
		return []directory.PermissionScope{}
	}
	return list(o.Application.Scopes)
}

// keysOfPrincipal are the certificates of the application, which its service principal shows too.
func keysOfPrincipal(o *ServicePrincipalObject) any {
	if o.Application == nil {
		return []KeyCredential{}
	}
	return keysOf(NewApplicationObject(*o.Application))
}

// setFlag reads a truth value of a service principal.
func setFlag(name string, to func(*ServicePrincipalObject) *bool) func(*ServicePrincipalObject, json.RawMessage) error {
	return func(o *ServicePrincipalObject, value json.RawMessage) error {
		b, err := edm.Bool(name, value)
		if err == nil {
			*to(o) = b
		}
		return err
	}
}

// ServicePrincipalType is the type of service principals.
var ServicePrincipalType = &edm.Type{Name: "servicePrincipal", Properties: properties(
	[]edm.Property{
		edm.Read("id", func(o *ServicePrincipalObject) any { return string(o.ID) }),
		edm.Read("deletedDateTime", func(o *ServicePrincipalObject) any { return stamp(o.Deleted) }),
		edm.Write("accountEnabled", func(o *ServicePrincipalObject) any { return o.Enabled }, setFlag("accountEnabled", func(o *ServicePrincipalObject) *bool { return &o.Enabled })),
		edm.Write("alternativeNames", func(o *ServicePrincipalObject) any { return list(o.AlternativeNames) }, func(o *ServicePrincipalObject, v json.RawMessage) (err error) {
			o.AlternativeNames, err = edm.Texts("alternativeNames", v)
			return err
		}),
		edm.Read("appDisplayName", applicationOnly(func(o *ServicePrincipalObject) any { return o.DisplayName })),
		edm.Read("appDescription", func(*ServicePrincipalObject) any { return nil }),
		edm.Write("appId", func(o *ServicePrincipalObject) any { return string(o.App) }, func(*ServicePrincipalObject, json.RawMessage) error { return nil }),
		edm.Read("applicationTemplateId", func(*ServicePrincipalObject) any { return nil }),
		edm.Read("appOwnerOrganizationId", applicationOnly(owner)),
		edm.Write("appRoleAssignmentRequired", func(o *ServicePrincipalObject) any { return o.RoleRequired },
			setFlag("appRoleAssignmentRequired", func(o *ServicePrincipalObject) *bool { return &o.RoleRequired })),
		edm.Read("createdDateTime", func(o *ServicePrincipalObject) any { return stamp(o.Created) }),
		edm.Read("displayName", func(o *ServicePrincipalObject) any { return o.DisplayName }),
		edm.Read("disabledByMicrosoftStatus", func(*ServicePrincipalObject) any { return nil }),
		edm.Read("replyUrls", replyURLs),
		edm.Read("servicePrincipalNames", names),
		edm.Read("servicePrincipalType", func(o *ServicePrincipalObject) any { return string(o.Kind) }),
		edm.Read("signInAudience", applicationOnly(audience)),
	},
	edm.Null("description", "homepage", "loginUrl", "logoutUrl", "notes", "preferredSingleSignOnMode", "preferredTokenSigningKeyThumbprint",
		"tokenEncryptionKeyId", "samlSingleSignOnSettings"),
	edm.Asked(edm.Null("samlMetadataUrl", "servicePrincipalLockConfiguration", "preferredTokenSigningKeyEndDateTime", "passwordSingleSignOnSettings", "customSecurityAttributes")),
	edm.Empty("notificationEmailAddresses", "tags", "addIns", "resourceSpecificApplicationPermissions"),
	[]edm.Property{
		edm.Read("appRoles", func(o *ServicePrincipalObject) any { return rolesWire(o.Roles) }),
		edm.Default("info", infoDefault),
		edm.Read("keyCredentials", keysOfPrincipal),
		edm.Read("oauth2PermissionScopes", scopes),
		edm.Read("passwordCredentials", func(o *ServicePrincipalObject) any {
			if o.Application == nil {
				return []PasswordCredential{}
			}
			return passwordsOf(NewApplicationObject(*o.Application))
		}),
		edm.Default("verifiedPublisher", publisherDefault),
	},
)}
