package keyvault

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/surface/arm/provider/tracked"
	"github.com/sealring/sealring/internal/vault"
)

// wireVault is a vault in answers.
type wireVault struct {
	ID         string              `json:"id"`
	Name       string              `json:"name"`
	Type       string              `json:"type"`
	Location   string              `json:"location"`
	Tags       map[string]string   `json:"tags"`
	SystemData *tracked.SystemData `json:"systemData,omitempty"`
	Properties json.RawMessage     `json:"properties"`
}

// vaultProperties are the properties that have a meaning here.
type vaultProperties struct {
	TenantID          string       `json:"tenantId"`
	SKU               vault.SKU    `json:"sku"`
	AccessPolicies    []wirePolicy `json:"accessPolicies"`
	RBAC              bool         `json:"enableRbacAuthorization"`
	SoftDelete        bool         `json:"enableSoftDelete"`
	RetentionDays     int          `json:"softDeleteRetentionInDays"`
	PurgeProtection   *bool        `json:"enablePurgeProtection,omitempty"` // never false: Azure leaves it out
	VaultURI          string       `json:"vaultUri"`
	ProvisioningState string       `json:"provisioningState"`
}

// knownVaultProperties are the members of a body that vaultProperties and createMode cover;
// all others are kept as they come.
var knownVaultProperties = []string{"tenantId", "sku", "accessPolicies", "enableRbacAuthorization", "enableSoftDelete",
	"softDeleteRetentionInDays", "enablePurgeProtection", "vaultUri", "provisioningState", "createMode"}

// wirePolicy is an access policy.
type wirePolicy struct {
	TenantID      string          `json:"tenantId"`
	ObjectID      string          `json:"objectId"`
	ApplicationID string          `json:"applicationId,omitempty"`
	Permissions   wirePermissions `json:"permissions"`
}

// wirePermissions are what an access policy permits.
type wirePermissions struct {
	Keys         []string `json:"keys,omitempty"`
	Secrets      []string `json:"secrets,omitempty"`
	Certificates []string `json:"certificates,omitempty"`
	Storage      []string `json:"storage,omitempty"`
}

// wirePolicies is the answer to a change of access policies.
type wirePolicies struct {
	ID         string `json:"id"`
	Type       string `json:"type"`
	Location   string `json:"location"`
	Properties struct {
		AccessPolicies []wirePolicy `json:"accessPolicies"`
	} `json:"properties"`
}

// newPolicies shapes access policies.
func newPolicies(in []vault.Policy) []wirePolicy {
	out := []wirePolicy{}
	for _, p := range in {
		out = append(out, wirePolicy{string(p.Tenant), string(p.Object), string(p.App), wirePermissions{p.Keys, p.Secrets, p.Certificates, p.Storage}})
	}
	return out
}

// newVault shapes a vault; its address is under the name by which the client came (L-6).
func newVault(ctx context.Context, v vault.Vault) wireVault {
	known := vaultProperties{TenantID: string(v.Tenant), SKU: v.SKU, AccessPolicies: newPolicies(v.Policies), RBAC: v.RBAC,
		SoftDelete: true, RetentionDays: v.RetentionDays, VaultURI: "https://" + v.Name + "." + httpd.EntryFrom(ctx).VaultSuffix + "/",
		ProvisioningState: tracked.Succeeded}
	if v.PurgeProtection {
		known.PurgeProtection = &v.PurgeProtection
	}
	props := tracked.Decode(v.Properties)
	tracked.Fill(props, "enabledForDeployment", false)
	tracked.Fill(props, "publicNetworkAccess", "Enabled")
	for name, value := range tracked.Decode(tracked.Encode(known)) {
		props[name] = value
	}
	w := wireVault{ID: v.ID.String(), Name: v.Name, Type: vault.Type, Location: v.Location, Tags: v.Tags, Properties: tracked.Encode(props),
		SystemData: tracked.NewSystemData(resource.Stamp{At: v.Created, By: v.CreatedBy, ByType: v.CreatedByType},
			resource.Stamp{At: v.Changed, By: v.ChangedBy, ByType: v.ChangedByType})}
	if w.Tags == nil {
		w.Tags = map[string]string{}
	}
	return w
}

// vaultTag is the entity tag of a vault; the UID tells apart vaults that had one name.
func vaultTag(v vault.Vault) string {
	return `"` + v.UID[:8] + "-" + strconv.FormatInt(v.Revision, 16) + `"`
}

// vaultAnswer writes a vault with its entity tag.
func vaultAnswer(ctx context.Context, status int, v vault.Vault) (arm.Response, error) {
	return arm.Response{Status: status, Body: newVault(ctx, v), ETag: vaultTag(v)}, nil
}

// wireDeleted is a soft-deleted vault in answers.
type wireDeleted struct {
	ID         string            `json:"id"`
	Name       string            `json:"name"`
	Type       string            `json:"type"`
	Properties deletedProperties `json:"properties"`
}

// deletedProperties say when and for how long a vault is deleted.
type deletedProperties struct {
	VaultID            string            `json:"vaultId"`
	Location           string            `json:"location"`
	Tags               map[string]string `json:"tags"`
	DeletionDate       string            `json:"deletionDate"`
	ScheduledPurgeDate string            `json:"scheduledPurgeDate"`
	PurgeProtection    bool              `json:"purgeProtectionEnabled,omitempty"`
}

// newDeleted shapes a soft-deleted vault.
func newDeleted(v vault.Vault) wireDeleted {
	tags := v.Tags
	if tags == nil {
		tags = map[string]string{}
	}
	return wireDeleted{ID: resource.SubscriptionID(v.ID.Subscription()).String() + "/providers/Microsoft.KeyVault/locations/" + v.Location + "/deletedVaults/" + v.Name,
		Name: v.Name, Type: "Microsoft.KeyVault/deletedVaults",
		Properties: deletedProperties{VaultID: v.ID.String(), Location: v.Location, Tags: tags, DeletionDate: arm.Time(v.Deleted),
			ScheduledPurgeDate: arm.Time(v.ScheduledPurge), PurgeProtection: v.PurgeProtection}}
}

// vaultBody is what a write of a vault says.
type vaultBody struct {
	settings   vault.Settings
	createMode string
}

// readVaultBody reads the body of PUT and PATCH. A vault without a tenantId gets the
// caller's. Errors: arm.ErrContent.
func readVaultBody(r *arm.Request) (b vaultBody, err error) {
	body, err := r.Body()
	if err != nil {
		return b, err
	}
	if err := body.Exact("id", "name", "type", "location", "tags", "properties"); err != nil {
		return b, err
	}
	if err := tracked.CheckNames(body, r.Target); err != nil {
		return b, err
	}
	if b.settings.Location, err = body.Text("location"); err != nil {
		return b, err
	}
	b.settings.Location = resource.CanonicalLocation(b.settings.Location)
	if b.settings.Tags, err = tracked.ReadTags(body); err != nil {
		return b, err
	}
	props, err := body.Object("properties")
	if err != nil {
		return b, err
	}
	if err := props.Exact(knownVaultProperties...); err != nil {
		return b, err
	}
	for _, m := range []struct {
		name string
		to   any
	}{
		{"createMode", &b.createMode}, {"enableRbacAuthorization", &b.settings.RBAC},
		{"softDeleteRetentionInDays", &b.settings.RetentionDays}, {"enablePurgeProtection", &b.settings.PurgeProtection}, {"sku", &b.settings.SKU},
	} {
		if err := props.Into(m.name, m.to); err != nil {
			return b, err
		}
	}
	if b.settings.Tenant, err = readTenant(props, r.Tenant()); err != nil {
		return b, err
	}
	if b.settings.Policies, err = readPolicies(props); err != nil {
		return b, err
	}
	for _, name := range knownVaultProperties {
		delete(props, name)
	}
	for name := range props {
		if !props.Has(name) {
			delete(props, name)
		}
	}
	if len(props) > 0 {
		b.settings.Properties = tracked.Encode(props)
	}
	return b, nil
}

// readTenant reads the tenantId of a vault, which must be the caller's (S-54).
func readTenant(props arm.Object, own id.Tenant) (id.Tenant, error) {
	text, err := props.Text("tenantId")
	if err != nil || text == "" {
		return own, err
	}
	t, err := id.ParseTenant(text)
	if err != nil || t != own {
		return "", arm.ErrContent.With("The member 'properties.tenantId' must be the tenant of the subscription.")
	}
	return t, nil
}

// readPolicies reads the accessPolicies member; nil if it is absent or null. Members are
// read by their exact names, since they say who may do what (S-63). Errors: arm.ErrContent.
func readPolicies(props arm.Object) (*[]vault.Policy, error) {
	if !props.Has("accessPolicies") {
		return nil, props.Exact("accessPolicies")
	}
	var list []arm.Object
	if err := props.Into("accessPolicies", &list); err != nil {
		return nil, err
	}
	out := []vault.Policy{}
	for _, o := range list {
		p, err := readPolicy(o)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return &out, nil
}

// readPolicy reads one access policy.
func readPolicy(o arm.Object) (p vault.Policy, err error) {
	if err := o.Exact("tenantId", "objectId", "applicationId", "permissions"); err != nil {
		return p, err
	}
	for _, m := range []struct {
		name  string
		parse func(string) error
	}{
		{"tenantId", func(s string) (err error) { p.Tenant, err = id.ParseTenant(s); return err }},
		{"objectId", func(s string) (err error) { p.Object, err = id.ParseObject(s); return err }},
		{"applicationId", func(s string) (err error) { p.App, err = id.ParseApp(s); return err }},
	} {
		text, err := o.Text(m.name)
		if err != nil {
			return p, err
		}
		if text == "" {
			continue
		}
		if err := m.parse(text); err != nil {
			return p, arm.ErrContent.With("The member '%s' of an access policy must be a GUID.", m.name)
		}
	}
	permissions, err := o.Object("permissions")
	if err != nil {
		return p, err
	}
	if err := permissions.Exact("keys", "secrets", "certificates", "storage"); err != nil {
		return p, err
	}
	for name, to := range map[string]*[]string{"keys": &p.Keys, "secrets": &p.Secrets, "certificates": &p.Certificates, "storage": &p.Storage} {
		if err := permissions.Into(name, to); err != nil {
			return p, err
		}
	}
	return p, nil
}
