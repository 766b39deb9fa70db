// Package rbac decides who may do what where: role definitions, role assignments, deny
// assignments, and the evaluation over them (control-plane.md §5; S-43 to S-47).
//
// Nothing is allowed by default. A request is allowed when a role assigned to the
// principal, or to a group that holds it, at the scope or above it has a permission block
// that covers the action, and no deny assignment does. Control actions and data actions
// are two worlds: `*` in one grants nothing in the other.
//
// Scopes form a tree: the root, management groups, subscriptions, groups, resources, their
// children and extensions. Who knows the management groups is told by Hierarchy.
//
// A condition, on an assignment or on a block of a role, must be true: one that depends on
// what nobody supplied grants nothing. On a deny assignment it is the other way round.
//
// Decisions use an immutable Policy in memory. After a change on the feed topic "rbac" what
// changed is read again before the next decision, so a write is effective for the next
// request of this process, and within a second in every other. Lists come from the tables.
package rbac
