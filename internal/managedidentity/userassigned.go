package managedidentity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store"
)

// Type is the resource type of a user-assigned identity.
const Type = "Microsoft.ManagedIdentity/userAssignedIdentities"

// validName is the rule for the name of a user-assigned identity (CP §3.2).
var validName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{2,127}$`)

// UserAssigned is a user-assigned identity: a resource and a service principal.
type UserAssigned struct {
	Resource    resource.Resource // location, tags, ETag, stamps
	PrincipalID id.Object
	ClientID    id.App
	Tenant      id.Tenant
	// Regional restricts hosts to the identity's location (isolationScope Regional).
	Regional bool
	// Providers restricts hosts to these namespaces or types; none means no restriction
	// (assignmentRestrictions.providers).
	Providers []string
}

// UserAssignedWrite is one write of a user-assigned identity.
type UserAssignedWrite struct {
	ID resource.ID
	// Edit fills in Resource.Location, Resource.Tags, Regional and Providers, on the stored
	// identity or on one with only Resource.ID and Tenant set. It must not use the store.
	Edit func(u *UserAssigned, exists bool) error
	Pre  resource.Precondition
	// MustExist makes it a PATCH: a missing identity is not created.
	MustExist bool
}

// CreateUserAssigned creates or changes a user-assigned identity; it reports whether it is
// new. Errors: resource.ErrInvalid (name, location), resource.ErrNotFound, those of
// resource.Service.Save, resource.ErrPrecondition, what Edit returns.
func (s *Service) CreateUserAssigned(ctx context.Context, w UserAssignedWrite) (UserAssigned, bool, error) {
	if !w.ID.Is(Type) || w.ID.Group() == "" {
		return UserAssigned{}, false, resource.ErrInvalidID.With("'%s' is not a user assigned identity.", w.ID)
	}
	if !validName.MatchString(w.ID.Name()) {
		return UserAssigned{}, false, resource.ErrInvalid.With("The name of a user assigned identity has 3 to 128 letters, digits, hyphens and underscores, and starts with a letter or digit.")
	}
	var out UserAssigned
	created := false
	err := s.db.Update(ctx, func(tx *store.Tx) (err error) {
		out, created, err = s.putUserAssigned(ctx, tx, w)
		return err
	})
	if err != nil {
		return UserAssigned{}, false, err
	}
	return out, created, nil
}

// putUserAssigned is CreateUserAssigned in a transaction.
func (s *Service) putUserAssigned(ctx context.Context, tx *store.Tx, w UserAssignedWrite) (UserAssigned, bool, error) {
	u, err := s.userAssignedIn(ctx, tx, w.ID)
	created := errors.Is(err, resource.ErrNotFound)
	tag := ""
	switch {
	case err != nil && (!created || w.MustExist):
		return UserAssigned{}, false, err
	case err == nil:
		tag = u.Resource.ETag()
	}
	if err := w.Pre.Check(tag); err != nil {
		return UserAssigned{}, false, err
	}
	if created {
		u = UserAssigned{}
		if u.Resource.ID, u.Tenant, err = s.resources.Place(ctx, tx, w.ID); err != nil {
			return UserAssigned{}, false, err
		}
	}
	next := u
	if err := w.Edit(&next, !created); err != nil {
		return UserAssigned{}, false, err
	}
	next.Resource.ID, next.PrincipalID, next.ClientID, next.Tenant = u.Resource.ID, u.PrincipalID, u.ClientID, u.Tenant
	next.Resource.Identity = resource.Identity{}
	if next.Resource.Location == "" {
		return UserAssigned{}, false, resource.ErrInvalid.With("The member 'location' of a user assigned identity is required.")
	}
	if created {
		sp, err := s.createPrincipal(ctx, tx, u.Tenant, u.Resource.ID, true)
		if err != nil {
			return UserAssigned{}, false, err
		}
		next.PrincipalID, next.ClientID = sp.ID, sp.App
	}
	if next.Resource, err = s.resources.Save(ctx, tx, next.Resource); err != nil {
		return UserAssigned{}, false, err
	}
	if err := s.writeRow(ctx, tx, next); err != nil {
		return UserAssigned{}, false, err
	}
	return next, created, s.record(ctx, tx, next.Resource.ID, "write", created)
}

// writeRow replaces the identity's own row and lets its hosts be read again, since its
// restrictions may have changed.
func (s *Service) writeRow(ctx context.Context, tx *store.Tx, u UserAssigned) error {
	providers, err := json.Marshal(append([]string{}, u.Providers...))
	if err != nil {
		return fmt.Errorf("encode providers: %w", err)
	}
	if _, err := tx.Exec(ctx, "DELETE FROM managedidentity_identities WHERE path = $1", []byte(u.Resource.ID.Key())); err != nil {
		return fmt.Errorf("replace identity %s: %w", u.Resource.ID, err)
	}
	_, err = tx.Exec(ctx, `INSERT INTO managedidentity_identities (path, tenant_id, principal_id, client_id, regional, providers)
		VALUES ($1, $2, $3, $4, $5, $6)`,
		[]byte(u.Resource.ID.Key()), string(u.Tenant), string(u.PrincipalID), string(u.ClientID), u.Regional, string(providers))
	if err != nil {
		return fmt.Errorf("write identity %s: %w", u.Resource.ID, err)
	}
	tx.Changed(Topic, u.Resource.ID.Key())
	return s.resources.TouchHosts(ctx, tx, u.Resource.ID)
}

// forget ends a deleted identity: its service principal, its row, and its life in the
// blocks of hosts, where only its dead key stays (CP §3.2).
func (s *Service) forget(ctx context.Context, tx *store.Tx, identity resource.ID) error {
	var tenant id.Tenant
	var principal id.Object
	var client id.App
	found, err := tx.Get(ctx, "SELECT tenant_id, principal_id, client_id FROM managedidentity_identities WHERE path = $1",
		[]any{[]byte(identity.Key())}, &tenant, &principal, &client)
	if err != nil {
		return fmt.Errorf("read identity %s: %w", identity, err)
	}
	if found {
		if err := s.deletePrincipal(ctx, tx, tenant, principal); err != nil {
			return err
		}
		if err := s.trust.RemoveOwner(ctx, tx, client); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, "DELETE FROM managedidentity_identities WHERE path = $1", []byte(identity.Key())); err != nil {
		return fmt.Errorf("delete identity %s: %w", identity, err)
	}
	tx.Changed(Topic, identity.Key())
	return s.resources.ForgetIdentity(ctx, tx, identity)
}

// GetUserAssigned returns one identity. Errors: resource.ErrNotFound.
func (s *Service) GetUserAssigned(ctx context.Context, identity resource.ID) (UserAssigned, error) {
	var out UserAssigned
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		out, err = s.userAssignedIn(ctx, tx, identity)
		return err
	})
	return out, err
}

// userAssignedIn reads an identity in a transaction. Errors: resource.ErrNotFound.
func (s *Service) userAssignedIn(ctx context.Context, tx *store.Tx, identity resource.ID) (UserAssigned, error) {
	r, err := s.resources.GetIn(ctx, tx, identity)
	if err != nil {
		return UserAssigned{}, err
	}
	return s.complete(ctx, tx, r)
}

// complete adds the identity's own row to its resource. Errors: resource.ErrNotFound.
func (s *Service) complete(ctx context.Context, tx *store.Tx, r resource.Resource) (UserAssigned, error) {
	u := UserAssigned{Resource: r}
	var providers string
	found, err := tx.Get(ctx, "SELECT tenant_id, principal_id, client_id, regional, providers FROM managedidentity_identities WHERE path = $1",
		[]any{[]byte(r.ID.Key())}, &u.Tenant, &u.PrincipalID, &u.ClientID, &u.Regional, &providers)
	if err != nil {
		return UserAssigned{}, fmt.Errorf("read identity %s: %w", r.ID, err)
	}
	if !found {
		return UserAssigned{}, resource.ErrNotFound.With("The user assigned identity '%s' was not found.", r.ID)
	}
	if err := json.Unmarshal([]byte(providers), &u.Providers); err != nil {
		return UserAssigned{}, fmt.Errorf("decode providers of %s: %w", r.ID, err)
	}
	return u, nil
}

// ListUserAssigned returns a page of the identities below a subscription or group, after
// the key after, and the key for the next page, "" on the last.
func (s *Service) ListUserAssigned(ctx context.Context, scope resource.ID, after string, limit int) ([]UserAssigned, string, error) {
	var out []UserAssigned
	var next string
	err := s.db.View(ctx, func(tx *store.Tx) error {
		page, n, err := s.resources.ListIn(ctx, tx, resource.Query{Scope: scope, Type: Type, After: after, Limit: limit})
		if err != nil {
			return err
		}
		next = n
		for _, r := range page {
			u, err := s.complete(ctx, tx, r)
			if err != nil {
				return err
			}
			out = append(out, u)
		}
		return nil
	})
	return out, next, err
}

// DeleteUserAssigned deletes an identity and its service principal; it reports whether it
// existed. Hosts keep its key, dead. Errors: resource.ErrPrecondition.
func (s *Service) DeleteUserAssigned(ctx context.Context, identity resource.ID, pre resource.Precondition) (bool, error) {
	return s.DeleteHost(ctx, identity, pre)
}

// Hosts returns the resources to which an identity is attached, by id
// (listAssociatedResources, CP §3.3). Errors: resource.ErrNotFound.
func (s *Service) Hosts(ctx context.Context, identity resource.ID) ([]resource.Resource, error) {
	var out []resource.Resource
	err := s.db.View(ctx, func(tx *store.Tx) error {
		if _, err := s.userAssignedIn(ctx, tx, identity); err != nil {
			return err
		}
		all, err := s.resources.AttachedTo(ctx, tx, identity)
		for _, r := range all {
			if a, ok := r.Identity.Find(identity); ok && !a.Dead() {
				out = append(out, r)
			}
		}
		return err
	})
	return out, err
}
