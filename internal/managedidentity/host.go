package managedidentity

import (
	"context"
	"errors"
	"fmt"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store"
)

// Authorizer answers whether the caller of this request may attach a user-assigned
// identity: the second right of S-48.
type Authorizer interface {
	// CanAssign returns nil if the caller holds
	// Microsoft.ManagedIdentity/userAssignedIdentities/assign/action on identity, and
	// otherwise the failure that the write shall end with.
	CanAssign(ctx context.Context, identity resource.ID) error
}

// HostWrite is one write of a tracked resource.
type HostWrite struct {
	ID resource.ID
	// Edit fills in the body. It receives the stored resource, or one with only ID and Tenant
	// set, and may be called more than once; it must not use the store. What it does to ID,
	// Tenant, Identity, Revision and the stamps is ignored.
	Edit func(r *resource.Resource, exists bool) error
	// Identity is the parsed identity member of the body.
	Identity resource.IdentityPatch
	// Pre holds If-Match and If-None-Match of the request.
	Pre resource.Precondition
	// Assign is asked for every identity that the write adds. It is needed if one is added.
	Assign Authorizer
	// Rules overrides resource.RulesFor where a configuration says so.
	Rules *resource.IdentityRules
}

// rules are the identity rules of the write.
func (w HostWrite) rules(strict bool) resource.IdentityRules {
	out := resource.RulesFor(w.ID.Type())
	if w.Rules != nil {
		out = *w.Rules
	}
	out.Strict = out.Strict || strict
	return out
}

// PutHost creates or replaces a resource and its identities; it reports whether the
// resource is new. Errors: those of resource.Service.Save, resource.ErrIdentity,
// resource.ErrPrecondition, ErrIdentityNotFound, ErrNotAllowed, what Edit and Assign return.
func (s *Service) PutHost(ctx context.Context, w HostWrite) (resource.Resource, bool, error) {
	return s.writeHost(ctx, w, false)
}

// PatchHost changes an existing resource and its identities by the rules of PATCH.
// Errors: resource.ErrNotFound and those of PutHost.
func (s *Service) PatchHost(ctx context.Context, w HostWrite) (resource.Resource, error) {
	r, _, err := s.writeHost(ctx, w, true)
	return r, err
}

// attempt is one try of a write: what it reads decides which identities it adds, and those
// the caller must be asked about outside of the transaction.
type attempt struct {
	HostWrite
	patch   bool
	allowed map[string]bool // identities the caller may assign, by key
	ask     []resource.ID   // added by this try and not in allowed; the try has failed
	created bool
}

// errAsk ends a try whose added identities are not all allowed yet.
var errAsk = errors.New("identities have to be authorised first")

// writeHost tries, asks for the second right of what is added (S-48), and tries again.
func (s *Service) writeHost(ctx context.Context, w HostWrite, patch bool) (resource.Resource, bool, error) {
	a := &attempt{HostWrite: w, patch: patch, allowed: map[string]bool{}}
	for {
		var out resource.Resource
		err := s.db.Update(ctx, func(tx *store.Tx) (err error) {
			out, err = s.try(ctx, tx, a)
			return err
		})
		if !errors.Is(err, errAsk) {
			return out, a.created, err
		}
		for _, identity := range a.ask { // each is asked once, so the loop ends
			if w.Assign == nil {
				return resource.Resource{}, false, fmt.Errorf("attach %s: nobody to authorise it", identity)
			}
			if err := w.Assign.CanAssign(ctx, identity); err != nil {
				return resource.Resource{}, false, err
			}
			a.allowed[identity.Key()] = true
		}
	}
}

// try writes the resource, or fails with errAsk before it has written anything.
func (s *Service) try(ctx context.Context, tx *store.Tx, a *attempt) (resource.Resource, error) {
	stored, err := s.stored(ctx, tx, a)
	if err != nil {
		return resource.Resource{}, err
	}
	r := stored
	if err := a.Edit(&r, !a.created); err != nil {
		return resource.Resource{}, err
	}
	r.ID, r.Tenant = stored.ID, stored.Tenant
	apply := a.Identity.Put
	if a.patch {
		apply = a.Identity.Patch
	}
	if r.Identity, err = apply(stored.Identity, a.rules(s.strict)); err != nil {
		return resource.Resource{}, err
	}
	if err := a.authorise(stored.Identity, r.Identity); err != nil {
		return resource.Resource{}, err
	}
	if err := s.resolve(ctx, tx, a.Identity, &r); err != nil {
		return resource.Resource{}, err
	}
	if err := s.switchSystem(ctx, tx, stored, &r); err != nil {
		return resource.Resource{}, err
	}
	if r, err = s.resources.Save(ctx, tx, r); err != nil {
		return resource.Resource{}, err
	}
	return r, s.record(ctx, tx, r.ID, "write", a.created)
}

// stored returns what is there, or the beginning of what is to be created.
func (s *Service) stored(ctx context.Context, tx *store.Tx, a *attempt) (resource.Resource, error) {
	r, err := s.resources.GetIn(ctx, tx, a.ID)
	a.created = errors.Is(err, resource.ErrNotFound)
	tag := ""
	switch {
	case err != nil && (!a.created || a.patch):
		return resource.Resource{}, err
	case err == nil:
		tag = r.ETag()
	}
	if err := a.Pre.Check(tag); err != nil || !a.created {
		return r, err
	}
	r = resource.Resource{}
	r.ID, r.Tenant, err = s.resources.Place(ctx, tx, a.ID)
	return r, err
}

// authorise collects the identities that the write adds and that nobody was asked about.
// Added is what was not attached before; a key that died counts as not attached.
func (a *attempt) authorise(stored, next resource.Identity) error {
	a.ask = nil
	for _, one := range next.UserAssigned {
		before, ok := stored.Find(one.ID)
		added := !ok || before.Dead() && a.Identity.Names(one.ID)
		if added && !a.allowed[one.ID.Key()] {
			a.ask = append(a.ask, one.ID)
		}
	}
	if len(a.ask) > 0 {
		return errAsk
	}
	return nil
}

// DeleteHost deletes a resource, everything below it and their identities; it reports
// whether there was anything to delete. Errors: resource.ErrPrecondition.
func (s *Service) DeleteHost(ctx context.Context, host resource.ID, pre resource.Precondition) (bool, error) {
	existed := false
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		r, err := s.resources.GetIn(ctx, tx, host)
		if errors.Is(err, resource.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		existed = true
		if err := pre.Check(r.ETag()); err != nil {
			return err
		}
		gone, err := s.resources.Remove(ctx, tx, host)
		if err != nil {
			return err
		}
		return s.bury(ctx, tx, r.ID, gone)
	})
	return existed && err == nil, err
}

// DeleteGroup deletes a resource group with everything in it; it reports whether it existed.
func (s *Service) DeleteGroup(ctx context.Context, group resource.ID) (bool, error) {
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		gone, err := s.resources.RemoveGroup(ctx, tx, group)
		if err != nil {
			return err
		}
		return s.bury(ctx, tx, group, gone)
	})
	if errors.Is(err, resource.ErrGroupNotFound) {
		return false, nil
	}
	return err == nil, err
}

// bury ends the identities of deleted resources, records the deletions, and lets the other
// packages forget what they hold at the scope (S-47).
func (s *Service) bury(ctx context.Context, tx *store.Tx, scope resource.ID, gone []resource.Resource) error {
	for _, r := range gone {
		if r.Identity.System {
			if err := s.deletePrincipal(ctx, tx, r.Identity.Tenant, r.Identity.PrincipalID); err != nil {
				return err
			}
		}
		if r.ID.Is(Type) {
			if err := s.forget(ctx, tx, r.ID); err != nil {
				return err
			}
		}
		if !r.Hidden {
			if err := s.record(ctx, tx, r.ID, "delete", false); err != nil {
				return err
			}
		}
	}
	for _, forget := range s.removed {
		if err := forget(ctx, tx, scope); err != nil {
			return fmt.Errorf("delete what is held at %s: %w", scope, err)
		}
	}
	return nil
}

// record notes a write of a resource in the activity log, in the write's transaction.
func (s *Service) record(ctx context.Context, tx *store.Tx, target resource.ID, verb string, created bool) error {
	var details map[string]string
	if created {
		details = map[string]string{"created": "true"}
	}
	return s.log.Record(ctx, tx, audit.Event{
		Kind: audit.Activity, Outcome: audit.Succeeded, Operation: target.Type() + "/" + verb,
		Target: target.String(), Subscription: target.Subscription(), Details: details,
	})
}

// SystemIdentity returns the identity block of a host that has a system-assigned identity
// (CP §3.5). Errors: resource.ErrNotFound, ErrNoIdentity.
func (s *Service) SystemIdentity(ctx context.Context, host resource.ID) (resource.Identity, error) {
	r, err := s.resources.Get(ctx, host)
	if err != nil {
		return resource.Identity{}, err
	}
	if !r.Identity.System {
		return resource.Identity{}, ErrNoIdentity
	}
	return r.Identity, nil
}
