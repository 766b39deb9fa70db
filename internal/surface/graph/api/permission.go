package api

import "github.com/sealring/sealring/internal/relation"

// Permission is a permission of Graph by its public name.
type Permission string

// The permissions that routes demand (DT-7.1). Anybody is none: every principal of the tenant.
const (
	Anybody                   Permission = ""
	ApplicationRead           Permission = "Application.Read.All"
	ApplicationWrite          Permission = "Application.ReadWrite.All"
	ApplicationOwned          Permission = "Application.ReadWrite.OwnedBy"
	AppRoleAssign             Permission = "AppRoleAssignment.ReadWrite.All"
	AuditLogRead              Permission = "AuditLog.Read.All"
	DelegatedPermissionGrants Permission = "DelegatedPermissionGrant.ReadWrite.All"
	DirectoryRead             Permission = "Directory.Read.All"
	DirectoryWrite            Permission = "Directory.ReadWrite.All"
	DomainRead                Permission = "Domain.Read.All"
	GroupRead                 Permission = "Group.Read.All"
	GroupWrite                Permission = "Group.ReadWrite.All"
	GroupMemberRead           Permission = "GroupMember.Read.All"
	GroupMemberWrite          Permission = "GroupMember.ReadWrite.All"
	OrganizationRead          Permission = "Organization.Read.All"
	RoleRead                  Permission = "RoleManagement.Read.Directory"
	RoleWrite                 Permission = "RoleManagement.ReadWrite.Directory"
	UserRead                  Permission = "User.Read.All"
	UserWrite                 Permission = "User.ReadWrite.All"
	// OwnProfile is the delegated User.Read: a person reads what is said of itself.
	OwnProfile Permission = "User.Read"
	// OwnApplications is what members of a tenant may do without a role: register
	// applications, which they then own.
	OwnApplications Permission = "member.registerApplications"
	// OwnGroups is the same for groups.
	OwnGroups Permission = "member.createGroups"
)

// everything is all permissions.
var everything = []Permission{
	ApplicationRead, ApplicationWrite, AppRoleAssign, AuditLogRead, DelegatedPermissionGrants, DirectoryRead, DirectoryWrite, DomainRead,
	GroupRead, GroupWrite, GroupMemberRead, GroupMemberWrite, OrganizationRead, RoleRead, RoleWrite, UserRead, UserWrite,
}

// GlobalAdministrator is the template of the role that may do everything.
const GlobalAdministrator = string(relation.GlobalAdministrator)

// DirectoryRole is a role of the directory, and the permissions that it stands for here.
type DirectoryRole struct {
	Template    string // GUID
	Name        string
	Description string
	Permissions []Permission
}

// DirectoryRoles are the roles that this installation knows.
var DirectoryRoles = []DirectoryRole{
	{GlobalAdministrator, "Global Administrator", "Can manage all aspects of the directory.", everything},
	{
		"9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3", "Application Administrator", "Can create and manage all aspects of app registrations and enterprise apps.",
		[]Permission{ApplicationRead, ApplicationWrite, DelegatedPermissionGrants, DirectoryRead},
	},
	{
		"158c047a-c907-4556-b7ef-446551a6b5f7", "Cloud Application Administrator", "Can create and manage all aspects of app registrations and enterprise apps.",
		[]Permission{ApplicationRead, ApplicationWrite, DelegatedPermissionGrants, DirectoryRead},
	},
	{"88d8e3e3-8f55-4a1e-953a-9b9898b8876b", "Directory Readers", "Can read basic directory information.", []Permission{DirectoryRead, ApplicationRead, UserRead, GroupRead}},
	{
		"9360feb5-f418-4baa-8175-e2a00bac4301", "Directory Writers", "Can read and write basic directory information.",
		[]Permission{DirectoryRead, ApplicationRead, GroupRead, GroupWrite, UserRead},
	},
	{
		"f2ef992c-3afb-46b9-b7cf-a126ee74c451", "Global Reader", "Can read everything that a Global Administrator can, but not update anything.",
		[]Permission{DirectoryRead, ApplicationRead, UserRead, GroupRead, AuditLogRead, DomainRead, OrganizationRead, RoleRead},
	},
	{"fdd7a751-b60b-444a-984c-02652fe8fa1c", "Groups Administrator", "Can create and manage groups.", []Permission{DirectoryRead, GroupRead, GroupWrite, UserRead}},
	{
		"e8611ab8-c189-46e8-94e1-60213ab1f814", "Privileged Role Administrator", "Can manage role assignments in the directory.",
		[]Permission{DirectoryRead, ApplicationRead, UserRead, GroupRead, RoleRead, RoleWrite, AppRoleAssign, DelegatedPermissionGrants},
	},
	{"4a5d8f65-41da-4de4-8968-e035b65339cf", "Reports Reader", "Can read sign-in and audit reports.", []Permission{AuditLogRead}},
	{"5d6b6bb7-de71-4623-b4af-96380a352509", "Security Reader", "Can read security information and reports.", []Permission{AuditLogRead, DirectoryRead, ApplicationRead, UserRead, GroupRead}},
	{"fe930be7-5e62-47db-91af-98c3a49a38b1", "User Administrator", "Can manage all aspects of users and groups.", []Permission{DirectoryRead, UserRead, UserWrite, GroupRead, GroupWrite}},
}

// FindRole returns the directory role with a template id; nil if there is none.
func FindRole(template string) *DirectoryRole {
	for i := range DirectoryRoles {
		if DirectoryRoles[i].Template == template {
			return &DirectoryRoles[i]
		}
	}
	return nil
}

// Member is what every member of a tenant may do besides: read the directory, and make
// applications and groups of its own (the public service's default).
var Member = []Permission{OwnProfile, ApplicationRead, UserRead, GroupRead, DirectoryRead, DomainRead, OrganizationRead, RoleRead, OwnApplications, OwnGroups}

// Sets of permissions that several routes demand.
var (
	ReadApplications = []Permission{ApplicationRead, ApplicationWrite, ApplicationOwned, DirectoryRead, DirectoryWrite}
	WriteApplication = []Permission{ApplicationWrite}
	ReadGroups       = []Permission{GroupRead, GroupWrite, GroupMemberRead, GroupMemberWrite, DirectoryRead, DirectoryWrite}
	WriteGroups      = []Permission{GroupWrite, DirectoryWrite}
	WriteMembers     = []Permission{GroupWrite, GroupMemberWrite, DirectoryWrite}
	ReadUsers        = []Permission{UserRead, UserWrite, DirectoryRead, DirectoryWrite}
	WriteUsers       = []Permission{UserWrite}
	ReadRoles        = []Permission{RoleRead, RoleWrite, DirectoryRead, DirectoryWrite}
	WriteRoles       = []Permission{RoleWrite}
	ReadDirectory    = []Permission{DirectoryRead, DirectoryWrite}
)
