package managedidentity

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store"
)

// host is what minting needs to know of a host. It is not changed once made.
type host struct {
	id     resource.ID
	tenant id.Tenant // "" if the host does not exist
	system *Identity
	user   []Identity // alive and allowed on this host, in the order of their keys
}

// hostOf returns the host from memory, or loads it. A host that does not exist has no
// identities.
func (s *Service) hostOf(ctx context.Context, name resource.ID) (*host, error) {
	cell := s.hosts.at(name.Key())
	if h := cell.host.Load(); h != nil {
		return h, nil
	}
	cell.loading.Lock()
	defer cell.loading.Unlock()
	if h := cell.host.Load(); h != nil {
		return h, nil
	}
	h := &host{id: name}
	err := s.db.View(ctx, func(tx *store.Tx) error {
		r, err := s.resources.GetIn(ctx, tx, name)
		if errors.Is(err, resource.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		return s.describe(ctx, tx, h, r)
	})
	if err != nil {
		return nil, fmt.Errorf("read the identities of %s: %w", name, err)
	}
	cell.host.Store(h)
	return h, nil
}

// describe fills h with the identities of r that may be used: deleted ones and those whose
// restrictions exclude the host are left out (S-49).
func (s *Service) describe(ctx context.Context, tx *store.Tx, h *host, r resource.Resource) error {
	h.id, h.tenant = r.ID, r.Tenant
	if r.Identity.System {
		h.system = &Identity{
			PrincipalID: r.Identity.PrincipalID, ClientID: r.Identity.ClientID, Tenant: r.Identity.Tenant, System: true, Resource: r.ID,
		}
	}
	for _, a := range r.Identity.UserAssigned {
		u, err := s.userAssignedIn(ctx, tx, a.ID)
		if errors.Is(err, resource.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		// An entry of an identity that was deleted since names no principal, so that one of
		// the same name made later is not it (S-47).
		if u.PrincipalID != a.PrincipalID || u.Tenant != r.Tenant || u.allows(r) != nil {
			continue
		}
		h.user = append(h.user, Identity{PrincipalID: u.PrincipalID, ClientID: u.ClientID, Tenant: u.Tenant, Resource: u.Resource.ID})
	}
	return nil
}

// choose picks the identity that the request names, or the one that the dialect takes when
// none is named. A selector never falls back (S-5). Errors: ErrNotAssigned, ErrNoIdentity,
// ErrAmbiguous.
func (h *host) choose(sel Selector, dialect Dialect) (*Identity, error) {
	if sel.Kind != SelectNone && sel.Value != "" {
		return h.named(sel)
	}
	if h.system != nil {
		return h.system, nil
	}
	if dialect == IMDS {
		switch len(h.user) {
		case 0:
		case 1:
			return &h.user[0], nil
		default:
			return nil, ErrAmbiguous.With("%s. Attached to '%s' are %s. Pass a client id, for example by AZURE_CLIENT_ID or the credential's client id option.",
				ambiguous, h.id.FullName(), h.names())
		}
	}
	if len(h.user) > 0 {
		return nil, ErrNoIdentity.With("Identity not found: '%s' has no system assigned identity. Attached are %s: pass a client id, for example by AZURE_CLIENT_ID.",
			h.id.FullName(), h.names())
	}
	return nil, ErrNoIdentity
}

// names lists the attached identities for a person: 'a' (client id 1…), 'b' (client id 2…).
func (h *host) names() string {
	var out []string
	for _, u := range h.user {
		out = append(out, fmt.Sprintf("'%s' (client id %s)", u.Resource.Name(), u.ClientID))
	}
	return strings.Join(out, ", ")
}

// named finds the identity that sel names; one that names the system-assigned identity
// selects it (TE §3.2). Errors: ErrNotAssigned.
func (h *host) named(sel Selector) (*Identity, error) {
	matches, ok := sel.matcher()
	if !ok {
		return nil, ErrNotAssigned
	}
	if h.system != nil && matches(h.system) {
		return h.system, nil
	}
	for n := range h.user {
		if matches(&h.user[n]) {
			return &h.user[n], nil
		}
	}
	return nil, ErrNotAssigned
}

// matcher returns the comparison that the selector asks for; false for a value that cannot
// name anything.
func (sel Selector) matcher() (func(*Identity) bool, bool) {
	switch sel.Kind {
	case SelectClient:
		app, err := id.ParseApp(sel.Value)
		return func(i *Identity) bool { return i.ClientID == app }, err == nil
	case SelectObject:
		object, err := id.ParseObject(sel.Value)
		return func(i *Identity) bool { return i.PrincipalID == object }, err == nil
	case SelectResource:
		name, err := resource.ParseID(sel.Value)
		return func(i *Identity) bool { return i.Resource.Equal(name) }, err == nil
	}
	return nil, false
}
