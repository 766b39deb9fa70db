// Package resource holds what Resource Manager manages: resource ids, subscriptions,
// resource groups, tracked resources of any type, and the identity blocks on them.
//
// It stores bodies and knows no provider: what a type means, which members its answers
// need and who may write it is decided above. Extensions (role assignments, federated
// credentials, locks) live with the packages that give them meaning. A write composes
// with other packages in the caller's transaction; a read opens its own. The rules are
// those of specs/control-plane.md §2 (CP) and S-44 of the security specification.
package resource
