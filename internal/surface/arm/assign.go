package arm

import (
	"context"
	"fmt"

	"github.com/sealring/sealring/internal/resource"
)

// actionAssign is the second right of attaching an identity (S-48).
const actionAssign = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action"

// Assigning returns what managedidentity asks before it attaches an identity on behalf of
// the principal of r.
func (r *Request) Assigning() Assigner { return Assigner{request: r} }

// Assigner answers for one request whether its principal may attach an identity.
type Assigner struct{ request *Request }

// CanAssign returns nil if the principal may attach identity. An identity elsewhere in
// another tenant is refused like one that does not exist. Errors: ErrLinkedAuthorization.
func (a Assigner) CanAssign(ctx context.Context, identity resource.ID) error {
	r := a.request
	allowed, err := r.Allowed(ctx, actionAssign, identity)
	if err != nil {
		return fmt.Errorf("decide on the linked scope %s: %w", identity, err)
	}
	if allowed {
		return nil
	}
	return ErrLinkedAuthorization.With("The client '%s' with object id '%s' has permission to perform action '%s' on scope '%s'; however, it does not have permission to perform action '%s' on the linked scope(s) '%s' or the linked scope(s) are invalid.",
		clientName(r.Principal), r.Principal.Object, r.Action, r.Target, actionAssign, identity)
}
