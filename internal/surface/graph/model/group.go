package model

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/relation"
	"github.com/sealring/sealring/internal/surface/graph/api"
	"github.com/sealring/sealring/internal/surface/graph/edm"
)

// GroupObject is a group as Graph sees it.
type GroupObject struct {
	profile
	relation.Group
	Deleted time.Time
}

// NewGroupObject wraps a group.
func NewGroupObject(g relation.Group) *GroupObject {
	o := &GroupObject{Group: g}
	o.raw = &o.Group.Profile
	return o
}

// Keep writes the stored properties into the group.
func (o *GroupObject) Keep() error { return o.keep() }

// Group is the entity of a group.
func Group(g relation.Group) edm.Entity {
	return edm.Entity{ID: string(g.ID), Type: GroupType, Object: NewGroupObject(g)}
}

// groupTypes are the texts of groupTypes.
func groupTypes(o *GroupObject) any {
	if o.Unified {
		return []string{"Unified"}
	}
	return []string{}
}

// setGroupTypes reads groupTypes: dynamic membership is not served.
func setGroupTypes(o *GroupObject, value json.RawMessage) error {
	types, err := edm.Texts("groupTypes", value)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(types, func(t string) bool { return !strings.EqualFold(t, "Unified") }) {
		return edm.ErrProperty.With("A group has the type Unified or none: dynamic membership is not served here.")
	}
	o.Unified = len(types) > 0
	return nil
}

// groupFlag is a truth value of a group that can be set.
func groupFlag(name string, of func(*GroupObject) *bool) edm.Property {
	return edm.Write(name, func(o *GroupObject) any { return *of(o) }, func(o *GroupObject, v json.RawMessage) (err error) {
		*of(o), err = edm.Bool(name, v)
		return err
	})
}

// securityIdentifier is S-1-12-1 and the four words of the object id, as Windows names groups.
func securityIdentifier(o *GroupObject) any {
	hex := strings.ReplaceAll(string(o.ID), "-", "")
	if len(hex) != 32 {
		return nil
	}
	parts := []string{hex[0:8], hex[12:16] + hex[8:12], swapped(hex[16:24]), swapped(hex[24:32])}
	out := "S-1-12-1"
	for _, p := range parts {
		n, err := strconv.ParseUint(p, 16, 32)
		if err != nil {
			return nil
		}
		out += "-" + strconv.FormatUint(n, 10)
	}
	return out
}

// swapped reverses the bytes of eight hexadecimal digits.
func swapped(hex string) string { return hex[6:8] + hex[4:6] + hex[2:4] + hex[0:2] }

// groupText sets a text of a group.
func groupText(name string, to func(*GroupObject) *string) func(*GroupObject, json.RawMessage) error {
	return func(o *GroupObject, value json.RawMessage) error {
		s, err := edm.Text(name, value)
		if err == nil {
			*to(o) = s
		}
		return err
	}
}

// GroupType is the type of groups.
var GroupType = &edm.Type{Name: "group", Properties: properties(
	[]edm.Property{
		edm.Read("id", func(o *GroupObject) any { return string(o.ID) }),
		edm.Read("deletedDateTime", func(o *GroupObject) any { return stamp(o.Deleted) }),
		edm.Read("createdDateTime", func(o *GroupObject) any { return stamp(o.Created) }),
		edm.Write("displayName", func(o *GroupObject) any { return o.DisplayName }, groupText("displayName", func(o *GroupObject) *string { return &o.DisplayName })),
		edm.Write("groupTypes", groupTypes, setGroupTypes),
		groupFlag("isAssignableToRole", func(o *GroupObject) *bool { return &o.RoleAssignable }),
		groupFlag("mailEnabled", func(o *GroupObject) *bool { return &o.MailEnabled }),
		edm.Write("mailNickname", func(o *GroupObject) any { return o.MailNickname }, groupText("mailNickname", func(o *GroupObject) *string { return &o.MailNickname })),
		groupFlag("securityEnabled", func(o *GroupObject) *bool { return &o.SecurityEnabled }),
		edm.Read("securityIdentifier", securityIdentifier),
		edm.Read("renewedDateTime", func(o *GroupObject) any { return stamp(o.Created) }),
	},
	edm.Null("classification", "description", "expirationDateTime", "mail", "membershipRule", "membershipRuleProcessingState", "onPremisesDomainName",
		"onPremisesLastSyncDateTime", "onPremisesNetBiosName", "onPremisesSamAccountName", "onPremisesSecurityIdentifier", "onPremisesSyncEnabled",
		"preferredDataLocation", "preferredLanguage", "theme", "visibility", "uniqueName", "allowExternalSenders", "autoSubscribeNewMembers",
		"hideFromAddressLists", "hideFromOutlookClients", "writebackConfiguration"),
	edm.Empty("creationOptions", "proxyAddresses", "resourceBehaviorOptions", "resourceProvisioningOptions", "onPremisesProvisioningErrors", "assignedLabels", "serviceProvisioningErrors"),
)}

// RoleObject is a directory role.
type RoleObject struct{ *api.DirectoryRole }

// Role is the entity of a directory role; its id is the id of its template.
func Role(r *api.DirectoryRole) edm.Entity {
	return edm.Entity{ID: r.Template, Type: DirectoryRoleType, Object: &RoleObject{r}}
}

// DirectoryRoleType is the type of directory roles.
var DirectoryRoleType = &edm.Type{Name: "directoryRole", Properties: []edm.Property{
	edm.Read("id", func(o *RoleObject) any { return o.Template }),
	edm.Read("deletedDateTime", func(*RoleObject) any { return nil }),
	edm.Read("description", func(o *RoleObject) any { return o.Description }),
	edm.Read("displayName", func(o *RoleObject) any { return o.Name }),
	edm.Read("roleTemplateId", func(o *RoleObject) any { return o.Template }),
}}

// TenantObject is a tenant, as /organization shows it.
type TenantObject struct{ directory.Tenant }

// OrganizationType is the type of a tenant.
var OrganizationType = &edm.Type{Name: "organization", Properties: []edm.Property{
	edm.Read("id", func(o *TenantObject) any { return string(o.ID) }),
	edm.Read("deletedDateTime", func(*TenantObject) any { return nil }),
	edm.Read("createdDateTime", func(o *TenantObject) any { return stamp(o.Created) }),
	edm.Read("displayName", func(o *TenantObject) any { return o.DisplayName }),
	edm.Read("tenantType", func(*TenantObject) any { return "AAD" }),
	edm.Read("verifiedDomains", func(o *TenantObject) any {
		out := []verifiedDomain{}
		for i, d := range o.Domains {
			out = append(out, verifiedDomain{d, "Managed", "", i == 0, i == 0})
		}
		return out
	}),
}}

// verifiedDomain is a domain of a tenant on the wire.
type verifiedDomain struct {
	Name         string `json:"name"`
	Type         string `json:"type"`
	Capabilities string `json:"capabilities"`
	Default      bool   `json:"isDefault"`
	Initial      bool   `json:"isInitial"`
}

// DomainObject is a verified domain.
type DomainObject struct {
	Name    string
	Default bool
}

// DomainType is the type of verified domains.
var DomainType = &edm.Type{Name: "domain", Properties: []edm.Property{
	edm.Read("id", func(o *DomainObject) any { return o.Name }),
	edm.Read("authenticationType", func(*DomainObject) any { return "Managed" }),
	edm.Read("isAdminManaged", func(*DomainObject) any { return true }),
	edm.Read("isDefault", func(o *DomainObject) any { return o.Default }),
	edm.Read("isInitial", func(o *DomainObject) any { return o.Default }),
	edm.Read("isRoot", func(*DomainObject) any { return true }),
	edm.Read("isVerified", func(*DomainObject) any { return true }),
	edm.Read("supportedServices", func(*DomainObject) any { return []string{} }),
}}
