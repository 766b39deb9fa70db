package tracked

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/sealring/sealring/internal/managedidentity"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
)

// Embedded is a child type whose things live in a list among their parent's properties, as
// subnets do in a network: both ways of writing them are one (CP §4.2).
type Embedded struct {
	Deps
	Parent string // full type of the parent
	Type   string // the child's own part of the type: "subnets"
	Member string // the parent's property: "subnets", "agentPoolProfiles"
	// Flat says that an element has its properties beside its name rather than in a member
	// of that name.
	Flat bool
	// Show fills in what clients dereference. Nil does nothing.
	Show func(props arm.Object)
}

// kind is the full type.
func (e Embedded) kind() string { return e.Parent + "/" + e.Type }

// Routes are the operations of the type.
func (e Embedded) Routes() []arm.Route {
	collection := Type{Kind: e.Parent}.Item() + "/" + e.Type
	item := collection + "/{" + e.Type + "}"
	return []arm.Route{
		arm.Get(item, e.kind()+"/read", e.get),
		arm.Put(item, e.kind()+"/write", e.put),
		arm.Delete(item, e.kind()+"/delete", e.delete),
		arm.Get(collection, e.kind()+"/read", e.list),
	}
}

// elements reads the list of a parent.
func (e Embedded) elements(parent resource.Resource) ([]arm.Object, error) {
	var list []arm.Object
	err := Decode(parent.Properties).Into(e.Member, &list)
	return list, err
}

// named finds the element with a name; -1 if there is none.
func named(list []arm.Object, name string) int {
	for n, o := range list {
		if have, err := o.Text("name"); err == nil && strings.EqualFold(have, name) {
			return n
		}
	}
	return -1
}

// wireEmbedded is an element in answers.
type wireEmbedded struct {
	ID         string          `json:"id"`
	Name       string          `json:"name"`
	Type       string          `json:"type"`
	Properties json.RawMessage `json:"properties"`
}

// wire shapes an element.
func (e Embedded) wire(parent resource.Resource, o arm.Object) wireEmbedded {
	name, _ := o.Text("name") // it was found by it
	props := arm.Object{}
	if e.Flat {
		for member, v := range o {
			if member != "name" {
				props[member] = v
			}
		}
	} else {
		props = Decode(o["properties"])
	}
	Set(props, "provisioningState", Succeeded)
	if e.Show != nil {
		e.Show(props)
	}
	return wireEmbedded{ID: parent.ID.Child(e.Type, name).String(), Name: name, Type: e.kind(), Properties: Encode(props)}
}

// get answers with one element.
func (e Embedded) get(ctx context.Context, r *arm.Request) (arm.Response, error) {
	parent, err := e.Resources.Get(ctx, r.Target.Parent())
	if err != nil {
		return arm.Response{}, err
	}
	list, err := e.elements(parent)
	if err != nil {
		return arm.Response{}, err
	}
	n := named(list, r.Target.Name())
	if n < 0 {
		return arm.Response{}, arm.NotFound(r.Target)
	}
	return arm.Response{Status: http.StatusOK, Body: e.wire(parent, list[n]), ETag: parent.ETag()}, nil
}

// list answers with all elements of a parent.
func (e Embedded) list(ctx context.Context, r *arm.Request) (arm.Response, error) {
	parent, err := e.Resources.Get(ctx, r.Target)
	if err != nil {
		return arm.Response{}, err
	}
	list, err := e.elements(parent)
	if err != nil {
		return arm.Response{}, err
	}
	page := arm.OnePage[wireEmbedded]{Value: []wireEmbedded{}}
	for _, o := range list {
		page.Value = append(page.Value, e.wire(parent, o))
	}
	return arm.OK(page)
}

// put adds or replaces an element.
func (e Embedded) put(ctx context.Context, r *arm.Request) (arm.Response, error) {
	body, err := r.Body()
	if err != nil {
		return arm.Response{}, err
	}
	if err := CheckNames(body, r.Target); err != nil {
		return arm.Response{}, err
	}
	props, err := body.Object("properties")
	if err != nil {
		return arm.Response{}, err
	}
	element := arm.Object{}
	if e.Flat {
		for member, v := range Decode(withoutCredentials("", Encode(props))) {
			element[member] = v
		}
	} else {
		element["properties"] = withoutCredentials("", Encode(props))
	}
	Set(element, "name", r.Target.Name())
	created := false
	parent, err := e.edit(ctx, r, func(list []arm.Object) []arm.Object {
		n := named(list, r.Target.Name())
		if created = n < 0; created {
			return append(list, element)
		}
		element["name"] = list[n]["name"]
		list[n] = element
		return list
	})
	if errors.Is(err, resource.ErrNotFound) {
		return arm.Response{}, resource.ErrParentNotFound.With("Can not perform requested operation on nested resource. Parent resource '%s' not found.", r.Target.Parent().FullName())
	}
	if err != nil {
		return arm.Response{}, err
	}
	status := http.StatusOK
	if created {
		status = http.StatusCreated
	}
	return arm.Response{Status: status, Body: e.wire(parent, element), ETag: parent.ETag()}, nil
}

// delete removes an element.
func (e Embedded) delete(ctx context.Context, r *arm.Request) (arm.Response, error) {
	existed := false
	_, err := e.edit(ctx, r, func(list []arm.Object) []arm.Object {
		n := named(list, r.Target.Name())
		if existed = n >= 0; existed {
			return append(list[:n:n], list[n+1:]...)
		}
		return list
	})
	if err != nil && !errors.Is(err, resource.ErrNotFound) {
		return arm.Response{}, err
	}
	if !existed {
		return arm.NoContent()
	}
	return arm.Response{Status: http.StatusOK}, nil
}

// edit changes the list of the parent in one write of it. Errors: resource.ErrNotFound.
func (e Embedded) edit(ctx context.Context, r *arm.Request, change func([]arm.Object) []arm.Object) (resource.Resource, error) {
	return e.Identities.PatchHost(ctx, managedidentity.HostWrite{ID: r.Target.Parent(), Pre: r.Precondition(), Edit: func(res *resource.Resource, _ bool) error {
		list, err := e.elements(*res)
		if err != nil {
			return err
		}
		props := Decode(res.Properties)
		Set(props, e.Member, change(list))
		res.Properties = Encode(props)
		return nil
	}})
}
