// Package tracked is the one set of handlers behind every resource type that is stored as it
// is sent and may carry identities: envelope, identity block, merge patches, lists and entity
// tags (control-plane.md §2, §4.2). What differs between types is a Type's fields; the
// packages beside this one fill them in. It knows no type by name.
package tracked

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"

	"github.com/sealring/sealring/internal/managedidentity"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
)

// Deps is what every tracked type stands on; all of it is needed.
type Deps struct {
	Resources  *resource.Service
	Identities *managedidentity.Service
}

// Type is a resource type that is stored as it is sent and may carry identities. One set
// of handlers serves them all; what differs is here (CP §4.2).
type Type struct {
	Deps
	Kind    string         // full type, in its own spelling
	Created int            // status of a PUT that creates (CP §2.7)
	Name    *regexp.Regexp // rule for the last name (CP §4.1)
	// Settle fills in, when a body is written, the members that are made once, and takes out
	// what must not be kept; stored are the properties of before. Nil does nothing.
	Settle func(r *resource.Resource, stored, props arm.Object)
	// Show fills in the members that clients dereference (CP §4.3). Nil does nothing.
	Show func(r *arm.Request, res resource.Resource, w *Resource, props arm.Object)
	// After runs behind a successful PUT or PATCH with the request's properties. Nil does nothing.
	After func(ctx context.Context, r *arm.Request, res resource.Resource, props arm.Object) error
}

// Path is the pattern of the type below a group: with the last name, and without it.
func (t Type) Path() (item, collection string) {
	parts := strings.Split(t.Kind, "/")
	item = "/providers/" + parts[0]
	for _, p := range parts[1:] {
		collection = item + "/" + p
		item = collection + "/{" + p + "}"
	}
	return item, collection
}

// Routes are the operations of the type.
func (t Type) Routes() []arm.Route {
	item, collection := t.Path()
	routes := []arm.Route{
		arm.Get(arm.InGroup+item, t.Kind+"/read", t.get),
		arm.Head(arm.InGroup+item, t.Kind+"/read", t.head),
		arm.Put(arm.InGroup+item, t.Kind+"/write", t.put),
		arm.Patch(arm.InGroup+item, t.Kind+"/write", t.patch),
		arm.Delete(arm.InGroup+item, t.Kind+"/delete", t.delete),
		arm.List(arm.InGroup+collection, t.Kind+"/read", t.list),
	}
	if strings.Count(t.Kind, "/") == 1 {
		routes = append(routes, arm.List(arm.InSubscription+collection, t.Kind+"/read", t.list))
	}
	return routes
}

// get answers with the resource.
func (t Type) get(ctx context.Context, r *arm.Request) (arm.Response, error) {
	res, err := t.Resources.Get(ctx, r.Target)
	if err != nil {
		return arm.Response{}, err
	}
	return t.answer(r, http.StatusOK, res)
}

// head says 204 for a resource that exists.
func (t Type) head(ctx context.Context, r *arm.Request) (arm.Response, error) {
	if _, err := t.Resources.Get(ctx, r.Target); err != nil {
		return arm.Response{}, err
	}
	return arm.NoContent()
}

// put creates or replaces the resource and its identity block.
func (t Type) put(ctx context.Context, r *arm.Request) (arm.Response, error) {
	if !t.Name.MatchString(r.Target.Name()) {
		return arm.Response{}, arm.ErrName.With("The name '%s' is not valid for a resource of type '%s'.", r.Target.Name(), t.Kind)
	}
	w, props, err := t.write(r, false)
	if err != nil {
		return arm.Response{}, err
	}
	res, created, err := t.Identities.PutHost(ctx, w)
	if err != nil {
		return arm.Response{}, err
	}
	if err := t.afterwards(ctx, r, res, props); err != nil {
		return arm.Response{}, err
	}
	if created {
		return t.answer(r, t.Created, res)
	}
	return t.answer(r, http.StatusOK, res)
}

// patch merges the body into the resource and its identity block.
func (t Type) patch(ctx context.Context, r *arm.Request) (arm.Response, error) {
	w, props, err := t.write(r, true)
	if err != nil {
		return arm.Response{}, err
	}
	res, err := t.Identities.PatchHost(ctx, w)
	if err != nil {
		return arm.Response{}, err
	}
	if err := t.afterwards(ctx, r, res, props); err != nil {
		return arm.Response{}, err
	}
	return t.answer(r, http.StatusOK, res)
}

// afterwards calls After, where the type has one.
func (t Type) afterwards(ctx context.Context, r *arm.Request, res resource.Resource, props arm.Object) error {
	if t.After == nil {
		return nil
	}
	return t.After(ctx, r, res, props)
}

// delete removes the resource, what lies below it and their identities.
func (t Type) delete(ctx context.Context, r *arm.Request) (arm.Response, error) {
	existed, err := t.Identities.DeleteHost(ctx, r.Target, r.Precondition())
	if err != nil {
		return arm.Response{}, err
	}
	if !existed {
		return arm.NoContent()
	}
	return arm.Response{Status: http.StatusOK}, nil
}

// list answers with the resources of the type that the caller may read.
func (t Type) list(ctx context.Context, r *arm.Request) (arm.Response, error) {
	if r.Target.IsResource() { // whoever may not read the parent sees an empty list, whether it exists or not
		visible, err := r.Visible(ctx, r.Target)
		if err != nil {
			return arm.Response{}, err
		}
		if _, err := t.Resources.Get(ctx, r.Target); visible && err != nil {
			return arm.Response{}, err
		}
	}
	fetch := func(ctx context.Context, after string, limit int) ([]resource.Resource, string, error) {
		return t.Resources.List(ctx, resource.Query{Scope: r.Target, Type: t.Kind, After: after, Limit: limit})
	}
	return arm.Page(ctx, r, fetch, func(ctx context.Context, res resource.Resource) (any, error) {
		visible, err := r.Visible(ctx, res.ID)
		if err != nil || !visible {
			return nil, err
		}
		return t.Wire(r, res), nil
	})
}

// envelope are the members of a body that have a meaning of their own; all others are kept
// as they are.
var envelope = []string{"id", "name", "type", "location", "tags", "identity", "sku", "kind", "plan", "managedBy", "properties", "systemData", "etag"}

// write turns the body into a write of the resource, and returns its properties as sent.
func (t Type) write(r *arm.Request, patch bool) (managedidentity.HostWrite, arm.Object, error) {
	body, err := r.Body()
	if err != nil {
		return managedidentity.HostWrite{}, nil, err
	}
	if err := body.Exact(envelope...); err != nil {
		return managedidentity.HostWrite{}, nil, err
	}
	if err := CheckNames(body, r.Target); err != nil {
		return managedidentity.HostWrite{}, nil, err
	}
	f, err := readFields(body)
	if err != nil {
		return managedidentity.HostWrite{}, nil, err
	}
	identity, err := resource.ParseIdentity(body["identity"])
	if err != nil {
		return managedidentity.HostWrite{}, nil, err
	}
	edit := func(res *resource.Resource, exists bool) error {
		if !exists && f.location == "" && strings.Count(t.Kind, "/") == 1 {
			return arm.ErrLocation
		}
		f.apply(res, patch)
		t.settled(res, f.properties, patch)
		return nil
	}
	return managedidentity.HostWrite{ID: r.Target, Edit: edit, Identity: identity, Pre: r.Precondition(), Assign: r.Assigning()}, f.properties, nil
}

// fields are the members of a body that a write stores.
type fields struct {
	body                      arm.Object
	location, kind, managedBy string
	tags                      map[string]string
	properties                arm.Object
	extra                     arm.Object
}

// readFields reads the envelope. Errors: arm.ErrContent.
func readFields(body arm.Object) (f fields, err error) {
	f.body, f.extra = body, arm.Object{}
	for _, m := range []struct {
		name string
		to   any
	}{{"location", &f.location}, {"kind", &f.kind}, {"managedBy", &f.managedBy}, {"tags", &f.tags}, {"properties", &f.properties}} {
		if err := body.Into(m.name, m.to); err != nil {
			return f, err
		}
	}
	for name, v := range body {
		f.extra[name] = v
	}
	for _, name := range envelope {
		delete(f.extra, name)
	}
	return f, nil
}

// apply writes the fields to res; a patch leaves alone what the body does not name.
func (f fields) apply(res *resource.Resource, patch bool) {
	keep := func(name string) bool { return patch && !f.body.Has(name) }
	res.Location = f.location
	if !keep("kind") {
		res.Kind = f.kind
	}
	if !keep("managedBy") {
		res.ManagedBy = f.managedBy
	}
	if !keep("tags") {
		res.Tags = f.tags
	}
	if !keep("sku") {
		res.SKU = f.body["sku"]
	}
	if !keep("plan") {
		res.Plan = f.body["plan"]
	}
	extra := Encode(f.extra)
	if patch {
		extra = arm.Merge(res.Extra, extra)
	}
	res.Extra = extra
}

// settled computes the properties to store.
func (t Type) settled(res *resource.Resource, sent arm.Object, patch bool) {
	stored := Decode(res.Properties)
	props := Encode(sent)
	if patch {
		props = arm.Merge(res.Properties, props)
	}
	next := Decode(props)
	delete(next, "provisioningState")
	for name, v := range next {
		if strings.TrimSpace(string(v)) == "{}" {
			delete(next, name) // an empty object that comes back is a permanent difference to Terraform (CP §2.10)
		}
	}
	if t.Settle != nil {
		t.Settle(res, stored, next)
	}
	res.Properties = Encode(next)
}

// answer writes the resource with its entity tag.
func (t Type) answer(r *arm.Request, status int, res resource.Resource) (arm.Response, error) {
	return arm.Response{Status: status, Body: t.Wire(r, res), ETag: res.ETag()}, nil
}

// Wire shapes the resource with everything that clients expect of its type.
func (t Type) Wire(r *arm.Request, res resource.Resource) Resource {
	w := New(res)
	props := Decode(res.Properties)
	Set(props, "provisioningState", Succeeded)
	if t.Show != nil {
		t.Show(r, res, &w, props)
	}
	w.Properties = Encode(props)
	return w
}

// New shapes the envelope of a resource.
func New(res resource.Resource) Resource {
	return Resource{ID: res.ID.String(), Name: res.ID.FullName(), Type: res.ID.Type(), Location: res.Location, Kind: res.Kind,
		ManagedBy: res.ManagedBy, Tags: res.Tags, SKU: res.SKU, Plan: res.Plan, Identity: newIdentity(res.Identity, res.ID.Type()),
		Properties: res.Properties, SystemData: NewSystemData(res.Created, res.Changed), extra: res.Extra}
}

// Brief is the resource as it stands in lists of resources of all types: without its
// properties and further members (CP §2.9).
func (w Resource) Brief() Resource {
	w.Properties, w.SystemData, w.extra = nil, nil, nil
	return w
}

// Decode reads a JSON object; an empty one for absence.
func Decode(raw json.RawMessage) arm.Object {
	o := arm.Object{}
	if len(raw) > 0 {
		_ = json.Unmarshal(raw, &o) // what is stored was an object when it was written
	}
	if o == nil {
		return arm.Object{}
	}
	return o
}

// Encode writes a value that came from JSON or is made of plain fields, which cannot fail.
func Encode(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return raw
}

// Set gives a member a value.
func Set(o arm.Object, name string, value any) { o[name] = Encode(value) }

// Fill gives a member a value if it has none.
func Fill(o arm.Object, name string, value any) {
	if !o.Has(name) {
		Set(o, name, value)
	}
}
