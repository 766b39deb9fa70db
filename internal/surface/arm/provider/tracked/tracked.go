// Package tracked is the one set of handlers behind every resource type that is stored as it
// is sent and may carry identities: envelope, identity block, merge patches, lists and entity
// tags (control-plane.md §2, §4.2). What differs between types is a Type's fields; the
// packages beside this one fill them in. It knows no type by name.
package tracked

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/sealring/sealring/internal/managedidentity"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
)

// Deps is what every tracked type stands on; all of it is needed.
type Deps struct {
	Resources  *resource.Service
	Identities *managedidentity.Service
	// Quotas are the most user-assigned identities of a resource, by full type in lower case;
	// 0 means no limit. What is not named has the limit of its type.
	Quotas map[string]int
}

// Type is a resource type that is stored as it is sent and may carry identities. One set
// of handlers serves them all; what differs is here (CP §4.2). Kind is needed, the rest has
// useful zeroes.
type Type struct {
	Deps
	Kind    string // full type, in its own spelling
	Created int    // status of a PUT that creates (CP §2.7); 0 means 201
	Deleted int    // status of a DELETE of what was there; 0 means 200
	// Returns says that DELETE answers with what was there.
	Returns bool
	Name    *regexp.Regexp // rule for the last name (CP §4.1); nil means that of ids
	// Setting says that the type is a setting of its parent rather than a thing: lists of
	// resources leave it out, and it needs no location.
	Setting bool
	// Made names properties that only Show gives: what a body says of them is ignored.
	Made []string
	// Verbatim names properties that are stored without looking for credentials in them.
	Verbatim []string
	// Prepare looks at a write before it is made, and may change the properties that are
	// stored. Nil does nothing.
	Prepare func(ctx context.Context, r *arm.Request, w Write) error
	// Settle fills in, when a body is written, the members that are made once, and takes out
	// what must not be kept; stored are the properties of before. Nil does nothing.
	Settle func(r *resource.Resource, stored, props arm.Object)
	// Show fills in the members that clients dereference (CP §4.3). Nil does nothing.
	Show func(r *arm.Request, res resource.Resource, w *Resource, props arm.Object)
	// After runs behind a successful PUT or PATCH with the request's properties, and returns
	// what is answered. Nil does nothing.
	After func(ctx context.Context, r *arm.Request, res resource.Resource, props arm.Object) (resource.Resource, error)
	// Leave runs before a DELETE of what is there, and may refuse it. Nil does nothing.
	Leave func(ctx context.Context, r *arm.Request, was resource.Resource) error
	// Gone runs behind a successful DELETE of what was there. Nil does nothing.
	Gone func(ctx context.Context, was resource.Resource) error
}

// Write is a write that is about to be made.
type Write struct {
	Patch bool
	// Body is the whole body, Properties its member of that name: what is done to it is
	// what is stored. Both are never nil.
	Body, Properties arm.Object
}

// child reports whether the type stands below another one.
func (t Type) child() bool { return strings.Count(t.Kind, "/") > 1 }

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
	if !t.child() {
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
	if t.Name != nil && !t.Name.MatchString(r.Target.Name()) {
		return arm.Response{}, arm.ErrName.With("The name '%s' is not valid for a resource of type '%s'.", r.Target.Name(), t.Kind)
	}
	w, props, err := t.write(ctx, r, false)
	if err != nil {
		return arm.Response{}, err
	}
	res, created, err := t.Identities.PutHost(ctx, w)
	if err != nil {
		return arm.Response{}, err
	}
	if res, err = t.afterwards(ctx, r, res, props); err != nil {
		return arm.Response{}, err
	}
	if created {
		return t.answer(r, cmp.Or(t.Created, http.StatusCreated), res)
	}
	return t.answer(r, http.StatusOK, res)
}

// patch merges the body into the resource and its identity block.
func (t Type) patch(ctx context.Context, r *arm.Request) (arm.Response, error) {
	w, props, err := t.write(ctx, r, true)
	if err != nil {
		return arm.Response{}, err
	}
	res, err := t.Identities.PatchHost(ctx, w)
	if err != nil {
		return arm.Response{}, err
	}
	if res, err = t.afterwards(ctx, r, res, props); err != nil {
		return arm.Response{}, err
	}
	return t.answer(r, http.StatusOK, res)
}

// afterwards calls After, where the type has one.
func (t Type) afterwards(ctx context.Context, r *arm.Request, res resource.Resource, props arm.Object) (resource.Resource, error) {
	if t.After == nil {
		return res, nil
	}
	return t.After(ctx, r, res, props)
}

// delete removes the resource, what lies below it and their identities.
func (t Type) delete(ctx context.Context, r *arm.Request) (arm.Response, error) {
	var was resource.Resource
	if t.Returns || t.Leave != nil || t.Gone != nil {
		var err error
		if was, err = t.Resources.Get(ctx, r.Target); err != nil && !errors.Is(err, resource.ErrNotFound) {
			return arm.Response{}, err
		}
	}
	if t.Leave != nil && !was.ID.IsZero() {
		if err := t.Leave(ctx, r, was); err != nil {
			return arm.Response{}, err
		}
	}
	existed, err := t.Identities.DeleteHost(ctx, r.Target, r.Precondition())
	if err != nil {
		return arm.Response{}, err
	}
	if !existed {
		return arm.NoContent()
	}
	if t.Gone != nil {
		if err := t.Gone(ctx, was); err != nil {
			return arm.Response{}, err
		}
	}
	answer := arm.Response{Status: cmp.Or(t.Deleted, http.StatusOK)}
	if t.Returns && !was.ID.IsZero() {
		answer.Body = t.Wire(r, was)
	}
	return answer, nil
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
		return t.Resources.List(ctx, resource.Query{Scope: r.Target, Type: t.Kind, Hidden: t.Setting, After: after, Limit: limit})
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
func (t Type) write(ctx context.Context, r *arm.Request, patch bool) (managedidentity.HostWrite, arm.Object, error) {
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
	if f.properties == nil {
		f.properties = arm.Object{}
	}
	if t.Prepare != nil {
		if err := t.Prepare(ctx, r, Write{Patch: patch, Body: body, Properties: f.properties}); err != nil {
			return managedidentity.HostWrite{}, nil, err
		}
	}
	edit := func(res *resource.Resource, exists bool) error {
		if !exists && f.location == "" && !t.child() && !t.Setting {
			return arm.ErrLocation
		}
		res.Hidden = t.Setting
		f.apply(res, patch)
		t.settled(res, f.properties, patch)
		return nil
	}
	return managedidentity.HostWrite{ID: r.Target, Edit: edit, Identity: identity, Pre: r.Precondition(), Assign: r.Assigning(), Rules: t.rules()}, f.properties, nil
}

// rules are the identity rules of the type with the configured limit; nil for its own.
func (t Type) rules() *resource.IdentityRules {
	limit, configured := t.Quotas[strings.ToLower(t.Kind)]
	if !configured {
		return nil
	}
	rules := resource.RulesFor(t.Kind)
	rules.MaxUser = limit
	return &rules
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
	for _, made := range t.Made {
		delete(next, made)
	}
	for name, v := range next {
		if strings.TrimSpace(string(v)) == "{}" {
			delete(next, name) // an empty object that comes back is a permanent difference to Terraform (CP §2.10)
		}
	}
	if t.Settle != nil {
		t.Settle(res, stored, next)
	}
	for name, v := range next {
		if !slices.Contains(t.Verbatim, name) {
			next[name] = withoutCredentials(name, v)
		}
	}
	for name, v := range next {
		if isNothing(v) {
			delete(next, name)
		}
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
