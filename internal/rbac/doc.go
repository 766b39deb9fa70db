// Package rbac decides who may do what where: role definitions, role assignments, deny
// assignments, and the evaluation over them (control-plane.md §5; S-43 to S-47).
//
// Nothing is allowed by default. A request is allowed when a role assigned to the
// principal, or to a group that holds it, at the scope or above it has a permission block
// that covers the action, and no deny assignment does. Control actions and data actions
// are two worlds: `*` in one grants nothing in the other.
//
// Reads and decisions use an immutable Policy in memory. It is rebuilt after a change on
// the feed topic "rbac", so a write is effective for the next request of this process,
// and within a second in every other.
//
// What it refuses: conditions. Thirteen built-in roles carry one on their permission
// block (Key Vault Data Access Administrator is one). Until conditions are evaluated such
// a block grants nothing at all, and an assignment or custom role with a condition is
// refused when it is written: a condition that nobody checks would be a wider grant than
// the one a person asked for. Management groups are not known: nothing can be assigned there.
package rbac
