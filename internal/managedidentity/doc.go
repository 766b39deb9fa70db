// Package managedidentity gives identities to resources and mints their tokens.
//
// It composes internal/resource, internal/directory and internal/audit: a resource and the
// service principal of its system-assigned identity appear, change and disappear in one
// transaction (CP §2.12, DT §6.2). All writes of tracked resources go through PutHost,
// PatchHost, DeleteHost and DeleteGroup, whether or not the resource has an identity.
//
// A user-assigned identity is a resource of type Microsoft.ManagedIdentity/userAssignedIdentities
// with a service principal of its own. Deleting it leaves its key in the blocks of hosts,
// dead: it yields no token, and an identity created later under the same name is not
// attached to anything (CP §3.2, S-47).
//
// Mint picks an identity of the calling host, never one that is not attached to it, and
// never another than the selector names (S-5). Tokens are cached and renewed at half life
// and whenever something that shows in them changes; see cache.go.
package managedidentity
