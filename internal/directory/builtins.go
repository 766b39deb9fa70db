package directory

import (
	"github.com/sealring/sealring/internal/directory/builtin"
	"github.com/sealring/sealring/internal/id"
)

// Application ids of the built-in resources that our own services answer as.
const (
	GraphApp           = builtin.GraphApp
	ResourceManagerApp = builtin.ResourceManagerApp
	KeyVaultApp        = builtin.KeyVaultApp
	StorageApp         = builtin.StorageApp
	SQLApp             = builtin.SQLApp
	TokenExchangeApp   = builtin.TokenExchangeApp
)

// Whom an app role can be assigned to (Graph's allowedMemberTypes).
const (
	MemberUser        = builtin.MemberUser
	MemberApplication = builtin.MemberApplication
)

type (
	// AppRole is a role that a resource defines for its callers.
	AppRole = builtin.AppRole
	// PermissionScope is a delegated permission that a resource defines.
	PermissionScope = builtin.PermissionScope
)

// Builtin reports whether an application id is one of the built-in resources.
func Builtin(app id.App) bool { return builtin.Known(app) }
