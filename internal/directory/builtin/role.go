package builtin

import (
	"slices"

	"github.com/sealring/sealring/internal/id"
)

// Whom an app role can be assigned to (Graph's allowedMemberTypes).
const (
	MemberUser        = "User"
	MemberApplication = "Application"
)

// AppRole is a role that a resource defines for its callers; its Value is what the claim
// `roles` carries. The tags are how the store and Graph spell it.
type AppRole struct {
	ID          string   `json:"id"` // GUID
	Members     []string `json:"allowedMemberTypes"`
	Description string   `json:"description"`
	DisplayName string   `json:"displayName"`
	Enabled     bool     `json:"isEnabled"`
	Value       string   `json:"value"` // may be empty
}

// PermissionScope is a delegated permission that a resource defines (Graph's
// api.oauth2PermissionScopes). The tags are how the store and Graph spell it.
type PermissionScope struct {
	ID               string `json:"id"` // GUID
	AdminDescription string `json:"adminConsentDescription"`
	AdminName        string `json:"adminConsentDisplayName"`
	Enabled          bool   `json:"isEnabled"`
	Type             string `json:"type"` // User or Admin
	UserDescription  string `json:"userConsentDescription"`
	UserName         string `json:"userConsentDisplayName"`
	Value            string `json:"value"`
}

// graphRoles are the application permissions of Microsoft Graph that this installation knows
// (DT-7.1, DT-7.8). The ids are the public ones: scripts and Terraform have them built in.
var graphRoles = []AppRole{
	graphRole("9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30", "Application.Read.All", "Read all applications"),
	graphRole("1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9", "Application.ReadWrite.All", "Read and write all applications"),
	graphRole("18a4783c-866b-4cc7-a460-3d5e5662c884", "Application.ReadWrite.OwnedBy", "Manage apps that this app creates or owns"),
	graphRole("06b708a9-e830-4db3-a914-8e69da51d44f", "AppRoleAssignment.ReadWrite.All", "Manage app permission grants and app role assignments"),
	graphRole("b0afded3-3588-46d8-8b3d-9842eff778da", "AuditLog.Read.All", "Read all audit log data"),
	graphRole("8e8e4742-1d95-4f68-9d56-6ee75648c72a", "DelegatedPermissionGrant.ReadWrite.All", "Manage all delegated permission grants"),
	graphRole("7ab1d382-f21e-4acd-a863-ba3e13f7da61", "Directory.Read.All", "Read directory data"),
	graphRole("19dbc75e-c2e2-444c-a770-ec69d8559fc7", "Directory.ReadWrite.All", "Read and write directory data"),
	graphRole("dbb9058a-0e50-45d7-ae91-66909b5d4664", "Domain.Read.All", "Read domains"),
	graphRole("5b567255-7703-4780-807c-7be8301ae99b", "Group.Read.All", "Read all groups"),
	graphRole("62a82d76-70ea-41e2-9197-370581804d09", "Group.ReadWrite.All", "Read and write all groups"),
	graphRole("98830695-27a2-44f7-8c18-0c3ebc9698f6", "GroupMember.Read.All", "Read all group memberships"),
	graphRole("dbaae8cf-10b5-4b86-a4a1-f871c94c6695", "GroupMember.ReadWrite.All", "Read and write all group memberships"),
	graphRole("498476ce-e0fe-48b0-b801-37ba7e2685c6", "Organization.Read.All", "Read organization information"),
	graphRole("483bed4a-2ad3-4361-a73b-c83ccdbdc53c", "RoleManagement.Read.Directory", "Read all directory RBAC settings"),
	graphRole("9e3f62cf-ca93-4989-b6ce-bf83c28f9fe8", "RoleManagement.ReadWrite.Directory", "Read and write all directory RBAC settings"),
	graphRole("df021288-bdef-4463-88db-98f22de89214", "User.Read.All", "Read all users' full profiles"),
	graphRole("741f803b-c850-494e-b5df-cde7c675a1ca", "User.ReadWrite.All", "Read and write all users' full profiles"),
}

// graphRole is one application permission.
func graphRole(id, value, name string) AppRole {
	return AppRole{ID: id, Members: []string{MemberApplication}, Description: name + ", without a signed-in user.", DisplayName: name, Enabled: true, Value: value}
}

// Roles are the app roles of a resource of the table; nil if it has none.
func Roles(app id.App) []AppRole {
	if app != GraphApp {
		return nil
	}
	return slices.Clone(graphRoles)
}
