package api

import (
	"errors"
	"slices"
	"strings"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/relation"
	"github.com/sealring/sealring/internal/surface/graph/edm"
)

// Is reports whether the path begins with a set, in any letter case.
func (r *Request) Is(set string) bool { return strings.EqualFold(r.Path[0], set) }

// Names reports whether a segment of the path is name, in any letter case.
func (r *Request) Names(name string) bool {
	return slices.ContainsFunc(r.Path, func(s string) bool { return strings.EqualFold(s, name) })
}

// Key reads a parameter that is an object id or an alternate key "appId='…'"; byApp says
// which. Errors: ErrRequest for another alternate key.
func (r *Request) Key(param string) (text string, byApp bool, err error) {
	name, value, alternate := strings.Cut(r.Params[param], "=")
	if !alternate {
		return unquoted(r.Params[param]), false, nil
	}
	if !strings.EqualFold(strings.TrimSpace(name), "appId") {
		return "", false, ErrRequest.With("The key property is not one of appId.")
	}
	return unquoted(value), true, nil
}

// unquoted takes the quotes off a key.
func unquoted(s string) string {
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(s), "'"), "'")
}

// reference is the body of a POST to …/$ref.
type reference struct {
	ID string `json:"@odata.id"`
}

// Reference reads the object that a body refers to; the host in it does not matter (DT-95).
// Errors: ErrRequest.
func (r *Request) Reference() (id.Object, error) {
	var body reference
	if err := r.Into(&body); err != nil {
		return "", err
	}
	return parseReference(body.ID)
}

// parseReference takes the object id at the end of a URL. Errors: ErrRequest.
func parseReference(text string) (id.Object, error) {
	last := strings.TrimSuffix(text, "/")
	last = last[strings.LastIndexByte(last, '/')+1:]
	if _, key, ok := strings.Cut(last, "("); ok {
		last = unquoted(strings.TrimSuffix(key, ")"))
	}
	object, err := id.ParseObject(last)
	if err != nil {
		return "", ErrRequest.With("Invalid object identifier '%s'.", Clipped(last))
	}
	return object, nil
}

// Bound takes the references of a member like "owners@odata.bind" out of a body.
// Errors: ErrRequest.
func Bound(body edm.Body, name string) ([]id.Object, error) {
	raw := body.Take(name)
	if raw == nil {
		return nil, nil
	}
	list, err := edm.Texts(name, raw)
	if err != nil {
		return nil, err
	}
	if len(list) > maxBound {
		return nil, ErrRequest.With("The property '%s' has up to %d references.", name, maxBound)
	}
	var out []id.Object
	for _, text := range list {
		object, err := parseReference(text)
		if err != nil {
			return nil, err
		}
		out = append(out, object)
	}
	return out, nil
}

// maxBound is how many references one body binds.
const maxBound = 20

// Exists says of a reference that exists what tools take for success (DT-95).
func Exists(err error, property string) error {
	if errors.Is(err, relation.ErrRelationExists) {
		return ErrRequest.With("One or more added object references already exist for the following modified properties: '%s'.", property)
	}
	return err
}

// Gone says of a reference that does not exist what tools look for.
func Gone(err error, name string) error {
	if errors.Is(err, relation.ErrRelationNotFound) {
		return NotFound(name)
	}
	return err
}

// Guard refuses to change what holds a directory role, or gives app roles or directory roles by
// an app role at Graph, to a caller who could not give such roles: who takes the object over
// would have them. Errors: ErrDenied.
func Guard(r *Request, relations *relation.Service, object id.Object) error {
	if r.Caller.May(RoleWrite) {
		return nil
	}
	roles, err := relations.DirectoryRoles(r.Context(), r.Tenant(), object)
	if err == nil && len(roles) > 0 {
		err = ErrDenied
	}
	if err != nil || r.Caller.May(AppRoleAssign) { // who gives app roles can give itself these
		return err
	}
	values, err := relations.AppRoles(r.Context(), r.Tenant(), object, directory.GraphApp)
	if err == nil && (slices.Contains(values, string(RoleWrite)) || slices.Contains(values, string(AppRoleAssign))) {
		err = ErrDenied
	}
	return err
}
