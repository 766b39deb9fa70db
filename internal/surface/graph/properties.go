package graph

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/directory"
)

// property is one property of a service principal on the wire. Its value is a string, a
// bool, a []string, a json.RawMessage (not to be filtered by), or nil.
type property struct {
	name  string
	value func(sp directory.ServicePrincipal) any
}

// null is the value of a single property that is not modelled (DT-6.1).
func null(directory.ServicePrincipal) any { return nil }

// empty is the value of a collection that is not modelled.
func empty(directory.ServicePrincipal) any { return []string{} }

// raw is a constant value.
func raw(text string) func(directory.ServicePrincipal) any {
	return func(directory.ServicePrincipal) any { return json.RawMessage(text) }
}

// applicationOnly is null for managed identities, which have no application (DT-6.2).
func applicationOnly(value func(sp directory.ServicePrincipal) any) func(directory.ServicePrincipal) any {
	return func(sp directory.ServicePrincipal) any {
		if sp.Kind == directory.KindManagedIdentity {
			return nil
		}
		return value(sp)
	}
}

// properties are all properties of a service principal, in the order of the wire.
var properties = []property{
	{"id", func(sp directory.ServicePrincipal) any { return string(sp.ID) }},
	{"deletedDateTime", null},
	{"accountEnabled", func(sp directory.ServicePrincipal) any { return sp.Enabled }},
	{"alternativeNames", func(sp directory.ServicePrincipal) any { return append([]string{}, sp.AlternativeNames...) }},
	{"appDisplayName", applicationOnly(func(sp directory.ServicePrincipal) any { return sp.DisplayName })},
	{"appDescription", null},
	{"appId", func(sp directory.ServicePrincipal) any { return string(sp.App) }},
	{"applicationTemplateId", null},
	{"appOwnerOrganizationId", applicationOnly(func(sp directory.ServicePrincipal) any {
		if directory.Builtin(sp.App) {
			return nil
		}
		return string(sp.Tenant)
	})},
	{"appRoleAssignmentRequired", func(directory.ServicePrincipal) any { return false }},
	{"createdDateTime", func(sp directory.ServicePrincipal) any { return sp.Created.UTC().Format(time.RFC3339) }},
	{"description", null},
	{"disabledByMicrosoftStatus", null},
	{"displayName", func(sp directory.ServicePrincipal) any { return sp.DisplayName }},
	{"homepage", null},
	{"loginUrl", null},
	{"logoutUrl", null},
	{"notes", null},
	{"notificationEmailAddresses", empty},
	{"preferredSingleSignOnMode", null},
	{"preferredTokenSigningKeyThumbprint", null},
	{"replyUrls", empty},
	{"servicePrincipalNames", func(sp directory.ServicePrincipal) any { return append([]string{}, sp.Names...) }},
	{"servicePrincipalType", func(sp directory.ServicePrincipal) any { return string(sp.Kind) }},
	{"signInAudience", applicationOnly(func(sp directory.ServicePrincipal) any {
		if directory.Builtin(sp.App) {
			return "AzureADMultipleOrgs"
		}
		return "AzureADMyOrg"
	})},
	{"tags", empty},
	{"tokenEncryptionKeyId", null},
	{"samlSingleSignOnSettings", null},
	{"addIns", empty},
	{"appRoles", empty},
	{"info", raw(`{"logoUrl":null,"marketingUrl":null,"privacyStatementUrl":null,"supportUrl":null,"termsOfServiceUrl":null}`)},
	{"keyCredentials", empty},
	{"oauth2PermissionScopes", empty},
	{"passwordCredentials", empty},
	{"resourceSpecificApplicationPermissions", empty},
	{"verifiedPublisher", raw(`{"displayName":null,"verifiedPublisherId":null,"addedDateTime":null}`)},
}

// find returns the property with a name, in any letter case; nil if there is none.
func find(name string) *property {
	for i := range properties {
		if strings.EqualFold(properties[i].name, name) {
			return &properties[i]
		}
	}
	return nil
}

// selected returns the properties that $select names, or all. Errors: errRequest.
func selected(names []string) ([]property, error) {
	if len(names) == 0 {
		return properties, nil
	}
	out := make([]property, 0, len(names))
	for _, n := range names {
		p := find(n)
		if p == nil {
			return nil, errRequest.With("Could not find a property named '%s' on type 'microsoft.graph.servicePrincipal'.", clipped(n))
		}
		out = append(out, *p)
	}
	return out, nil
}

// annotation is an OData annotation in front of the properties.
type annotation struct{ name, value string }

// entity is a service principal on its way to the wire.
type entity struct {
	sp          directory.ServicePrincipal
	properties  []property
	annotations []annotation
}

// MarshalJSON writes annotations and properties in their order.
func (e entity) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	member := func(name string, value any) error {
		text, err := json.Marshal(value)
		if err != nil {
			return fmt.Errorf("encode %s: %w", name, err)
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q:%s", name, text)
		return nil
	}
	for _, a := range e.annotations {
		if err := member(a.name, a.value); err != nil {
			return nil, err
		}
	}
	for _, p := range e.properties {
		if err := member(p.name, p.value(e.sp)); err != nil {
			return nil, err
		}
	}
	return fmt.Appendf(nil, "{%s}", b.Bytes()), nil
}
