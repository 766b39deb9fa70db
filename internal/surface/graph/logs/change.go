package logs

import (
	"cmp"
	"strings"
	"unicode"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/surface/graph/edm"
)

// change is a row of the directory's audit log.
type change struct {
	audit.Event
	position string
}

// id is the place of the row in the record, which no other row has.
func (c *change) id() string { return "Directory_" + c.position }

// object and verb are the two parts of an operation: "directory.group.addMember".
func (c *change) object() string { return strings.Split(c.Operation+"..", ".")[1] }

// verb is what was done to the object.
func (c *change) verb() string { return strings.Split(c.Operation+"..", ".")[2] }

// categories say where each kind of object belongs.
var categories = map[string]string{
	"application": "ApplicationManagement", "servicePrincipal": "ApplicationManagement", "secret": "ApplicationManagement", "certificate": "ApplicationManagement",
	"credential": "ApplicationManagement", "appRoleAssignment": "ApplicationManagement", "oauth2PermissionGrant": "ApplicationManagement",
	"owner": "ApplicationManagement", "federatedCredential": "ApplicationManagement", "group": "GroupManagement", "user": "UserManagement",
	"role": "RoleManagement", "tenant": "DirectoryManagement",
}

// words spells "addMember" as "Add member".
func words(camel string) string {
	var b strings.Builder
	for i, c := range camel {
		switch {
		case i == 0:
			b.WriteRune(unicode.ToUpper(c))
		case unicode.IsUpper(c):
			b.WriteRune(' ')
			b.WriteRune(unicode.ToLower(c))
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// activity is what was done, in words.
func (c *change) activity() string {
	return words(c.verb()) + " " + strings.ToLower(words(c.object()))
}

// operationType is Add, Delete, Update or the like.
func (c *change) operationType() string {
	switch v := strings.ToLower(c.verb()); {
	case strings.HasPrefix(v, "create"), strings.HasPrefix(v, "add"):
		return "Add"
	case strings.HasPrefix(v, "delete"), strings.HasPrefix(v, "remove"), strings.HasPrefix(v, "purge"):
		return "Delete"
	}
	return "Update"
}

// initiator is the property initiatedBy: one of the two.
type initiator struct {
	User *userActor `json:"user"`
	App  *appActor  `json:"app"`
}

// userActor is a person.
type userActor struct {
	ID   string `json:"id"`
	Name string `json:"displayName"`
	UPN  string `json:"userPrincipalName"`
	IP   string `json:"ipAddress"`
}

// appActor is an application or managed identity, or the installation itself.
type appActor struct {
	AppID     string `json:"appId"`
	Name      string `json:"displayName"`
	Principal string `json:"servicePrincipalId"`
	SPName    string `json:"servicePrincipalName"`
}

// initiatedBy says who did it.
func initiatedBy(c *change) any {
	if c.Actor.Type == "User" {
		return initiator{User: &userActor{string(c.Actor.Object), c.Actor.Name, c.Actor.Name, c.Actor.Source}}
	}
	return initiator{App: &appActor{string(c.Actor.App), c.Actor.Name, string(c.Actor.Object), c.Actor.Name}}
}

// target is an element of targetResources.
type target struct {
	ID       string     `json:"id"`
	Name     string     `json:"displayName"`
	Type     string     `json:"type"`
	Modified []keyValue `json:"modifiedProperties"`
}

// targetTypes are Graph's names for the kinds of objects.
var targetTypes = map[string]string{
	"application": "Application", "secret": "Application", "certificate": "Application", "credential": "Application", "federatedCredential": "Application",
	"servicePrincipal": "ServicePrincipal", "group": "Group", "user": "User", "role": "Role", "tenant": "Directory",
}

// targets say what it was done to.
func targets(c *change) any {
	return []target{{c.Target, cmp.Or(c.Details["display_name"], c.Details["user_principal_name"]), cmp.Or(targetTypes[c.object()], "Other"), []keyValue{}}}
}

// details are the facts of the record.
func details(c *change) any {
	out := []keyValue{}
	for _, k := range sorted(c.Details) {
		out = append(out, keyValue{k, c.Details[k]})
	}
	return out
}

// result is success or failure.
func result(c *change) any {
	if c.Outcome == audit.Succeeded {
		return "success"
	}
	return "failure"
}

// changeType is the type of the directory audit log's rows.
var changeType = &edm.Type{Name: "directoryAudit", Properties: []edm.Property{
	edm.Read("id", func(c *change) any { return c.id() }),
	edm.Read("category", func(c *change) any { return cmp.Or(categories[c.object()], "Other") }),
	edm.Read("correlationId", func(c *change) any { return c.Actor.CorrelationID }),
	edm.Read("result", result),
	edm.Read("resultReason", func(c *change) any { return c.Reason }),
	edm.Read("activityDisplayName", func(c *change) any { return c.activity() }),
	edm.Read("activityDateTime", func(c *change) any { return c.Time.UTC() }),
	edm.Read("loggedByService", func(*change) any { return "Core Directory" }),
	edm.Read("operationType", func(c *change) any { return c.operationType() }),
	edm.Read("initiatedBy", initiatedBy),
	edm.Read("targetResources", targets),
	edm.Read("additionalDetails", details),
	{Name: "initiatedBy/user/id", OnDemand: true, Value: func(o any) any { return string(o.(*change).Actor.Object) }},
	{Name: "initiatedBy/app/servicePrincipalId", OnDemand: true, Value: func(o any) any { return string(o.(*change).Actor.Object) }},
}}
