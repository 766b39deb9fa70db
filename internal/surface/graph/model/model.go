// Package model gives the directory's objects the shape that Graph shows them in: their types
// with every property of DT-6, and how an object is found whatever its type.
package model

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/registration"
	"github.com/sealring/sealring/internal/relation"
	"github.com/sealring/sealring/internal/surface/graph/api"
	"github.com/sealring/sealring/internal/surface/graph/edm"
	"github.com/sealring/sealring/internal/trust"
)

// Domain is what the areas of Graph work on; all fields.
type Domain struct {
	Directory     *directory.Directory
	Relations     *relation.Service
	Registrations *registration.Service
	Trust         *trust.Service
}

// ErrNoObject is an id that names no object of the tenant.
var ErrNoObject = fault.New(fault.NotFound, "the object does not exist in this tenant")

// profile are stored properties of an object, read from its JSON when first asked for.
type profile struct {
	raw    *json.RawMessage
	values map[string]json.RawMessage
}

// Stored implements edm.Profiled.
func (p *profile) Stored() map[string]json.RawMessage {
	if p.values == nil {
		p.values = map[string]json.RawMessage{}
		if p.raw != nil && len(*p.raw) > 0 {
			_ = json.Unmarshal(*p.raw, &p.values) // the domain keeps no other JSON than objects
		}
	}
	return p.values
}

// keep writes the stored properties back.
func (p *profile) keep() error {
	text, err := json.Marshal(p.Stored())
	if err == nil {
		*p.raw = text
	}
	return err
}

// stamp is a time as Graph writes it; nil for none.
func stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Truncate(time.Second)
}

// list is a list that is never null.
func list[T any](l []T) []T { return append([]T{}, l...) }

// nullable is nil for an empty text.
func nullable(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// properties joins lists of properties.
func properties(lists ...[]edm.Property) []edm.Property {
	var out []edm.Property
	for _, l := range lists {
		out = append(out, l...)
	}
	return out
}

// Find returns an object of the tenant whatever its type. Errors: ErrNoObject.
func (d *Domain) Find(ctx context.Context, tenant id.Tenant, object id.Object) (edm.Entity, error) {
	sp, err := d.Directory.ServicePrincipal(ctx, tenant, object)
	if err == nil {
		return d.ServicePrincipal(ctx, sp)
	}
	if !errors.Is(err, directory.ErrServicePrincipalNotFound) {
		return edm.Entity{}, err
	}
	u, err := d.Directory.User(ctx, tenant, object)
	if err == nil {
		return User(u), nil
	}
	if !errors.Is(err, directory.ErrUserNotFound) {
		return edm.Entity{}, err
	}
	g, err := d.Relations.Group(ctx, tenant, object)
	if err == nil {
		return Group(g), nil
	}
	if !errors.Is(err, relation.ErrGroupNotFound) {
		return edm.Entity{}, err
	}
	a, err := d.Directory.Registration(ctx, tenant, object)
	if err == nil {
		return Application(*a), nil
	}
	if errors.Is(err, directory.ErrApplicationNotFound) {
		err = ErrNoObject
	}
	return edm.Entity{}, err
}

// Objects returns the entities of the ids that live, in their order.
func (d *Domain) Objects(ctx context.Context, tenant id.Tenant, ids []id.Object) ([]edm.Entity, error) {
	out := make([]edm.Entity, 0, len(ids))
	for _, o := range ids {
		e, err := d.Find(ctx, tenant, o)
		if errors.Is(err, ErrNoObject) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

// Lazily is a source of the objects of ids, which are ordered: each is read when it is reached.
func (d *Domain) Lazily(ctx context.Context, tenant id.Tenant, ids []id.Object, only *edm.Type) edm.Source {
	return edm.Slice[id.Object]{
		List: ids, ID: func(o id.Object) string { return string(o) },
		Entity: func(o id.Object) (edm.Entity, bool) {
			e, err := d.Find(ctx, tenant, o)
			return e, err == nil && (only == nil || e.Type == only)
		},
	}
}

// Entities is a source of entities that are ordered by id.
func Entities(l []edm.Entity) edm.Source {
	return edm.Slice[edm.Entity]{List: l, ID: func(e edm.Entity) string { return e.ID }, Entity: func(e edm.Entity) (edm.Entity, bool) { return e, true }}
}

// Principals are the types of members, owners and getByIds.
var Principals = []*edm.Type{ServicePrincipalType, UserType, GroupType, ApplicationType, DirectoryRoleType}

// Guard demands of whoever changes an application whose service principal has a directory role
// that it could give such roles itself: who can sign in as the application has them. Errors:
// api.ErrDenied.
func (d *Domain) Guard(r *api.Request, app id.App) error {
	sp, err := d.Directory.ServicePrincipalByApp(r.Context(), r.Tenant(), app)
	if errors.Is(err, directory.ErrServicePrincipalNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return api.Guard(r, d.Relations, sp.ID)
}
