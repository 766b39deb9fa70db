package resources

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/sealring/sealring/internal/rbac"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
)

// operations answers what may be done with each namespace: the actions of every route, and
// the data actions that roles name (CP §1.6).
type operations struct {
	rbac  *rbac.Service
	named map[string][]string // actions by folded namespace, in order
	names map[string]string   // its usual spelling
}

// Operations lists the operations of providers under both of the paths that clients know.
func Operations(providers []arm.Provider, roles *rbac.Service) arm.Provider {
	o := &operations{rbac: roles, named: map[string][]string{}, names: map[string]string{}}
	for _, p := range providers {
		if len(p.Routes) > 0 {
			o.names[strings.ToLower(p.Namespace)] = p.Namespace
		}
		for _, route := range p.Routes {
			if namespace, _, ok := strings.Cut(route.Action(), "/"); ok {
				key := strings.ToLower(namespace)
				o.named[key] = append(o.named[key], route.Action())
			}
		}
	}
	for key, actions := range o.named {
		slices.Sort(actions)
		o.named[key] = slices.Compact(actions)
	}
	const tree = "/providers/Microsoft.Authorization/providerOperations"
	return arm.Provider{Namespace: "Microsoft.Authorization", Routes: []arm.Route{
		arm.GetByAnyone(tree, o.list),
		arm.GetByAnyone(tree+"/{namespace}", o.get),
		arm.GetByAnyone("/providers/{namespace}/operations", o.flat),
	}}
}

// wireOperations is a namespace with its operations by resource type.
type wireOperations struct {
	ID            string              `json:"id"`
	Name          string              `json:"name"`
	Type          string              `json:"type"`
	DisplayName   string              `json:"displayName"`
	Operations    []wireOperation     `json:"operations"`
	ResourceTypes []wireOperationType `json:"resourceTypes"`
}

// wireOperationType is a resource type with its operations.
type wireOperationType struct {
	Name        string          `json:"name"`
	DisplayName string          `json:"displayName"`
	Operations  []wireOperation `json:"operations"`
}

// wireOperation is an action in the tree of operations.
type wireOperation struct {
	Name         string `json:"name"`
	DisplayName  string `json:"displayName"`
	Description  string `json:"description"`
	IsDataAction bool   `json:"isDataAction"`
}

// wireFlat is an action in the list of one namespace.
type wireFlat struct {
	Name         string      `json:"name"`
	IsDataAction bool        `json:"isDataAction"`
	Display      flatDisplay `json:"display"`
}

// flatDisplay says the same in words.
type flatDisplay struct {
	Provider    string `json:"provider"`
	Resource    string `json:"resource"`
	Operation   string `json:"operation"`
	Description string `json:"description"`
}

// action is one action, cut into its parts.
type action struct {
	name, kind, verb string
	data             bool
}

// newAction cuts the name of an action: the type, and what is done with it.
func newAction(name string, data bool) action {
	parts := strings.Split(name, "/")
	last := len(parts) - 1
	if parts[last] == "action" && last > 1 {
		last--
	}
	return action{name: name, kind: strings.Join(parts[1:last], "/"), verb: strings.Join(parts[last:], "/"), data: data}
}

// title is the action in words.
func (a action) title() string { return a.verb + " " + a.kind }

// of returns the actions of a namespace in order, data actions last.
func (o *operations) of(ctx context.Context, namespace string) ([]action, error) {
	var out []action
	for _, name := range o.named[namespace] {
		out = append(out, newAction(name, false))
	}
	data := map[string]bool{}
	roles, err := o.rbac.ListDefinitions(ctx, rbac.DefinitionQuery{Scope: resource.Root(), Type: rbac.BuiltIn})
	if err != nil {
		return nil, err
	}
	for _, d := range roles {
		for _, block := range d.Permissions {
			for _, name := range block.DataActions {
				if ns, _, _ := strings.Cut(name, "/"); strings.EqualFold(ns, namespace) && !strings.Contains(name, "*") {
					data[name] = true
				}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(data)) {
		out = append(out, newAction(name, true))
	}
	return out, nil
}

// tree shapes a namespace.
func (o *operations) tree(ctx context.Context, key string) (wireOperations, error) {
	name := o.names[key]
	w := wireOperations{ID: "/providers/Microsoft.Authorization/providerOperations/" + name, Name: name, Type: "Microsoft.Authorization/providerOperations",
		DisplayName: name, Operations: []wireOperation{}, ResourceTypes: []wireOperationType{}}
	actions, err := o.of(ctx, key)
	if err != nil {
		return w, err
	}
	at := map[string]int{}
	for _, a := range actions {
		one := wireOperation{Name: a.name, DisplayName: a.title(), Description: a.title(), IsDataAction: a.data}
		if a.kind == "" {
			w.Operations = append(w.Operations, one)
			continue
		}
		n, ok := at[strings.ToLower(a.kind)]
		if !ok {
			n = len(w.ResourceTypes)
			at[strings.ToLower(a.kind)] = n
			w.ResourceTypes = append(w.ResourceTypes, wireOperationType{Name: a.kind, DisplayName: a.kind})
		}
		w.ResourceTypes[n].Operations = append(w.ResourceTypes[n].Operations, one)
	}
	return w, nil
}

// list answers with all namespaces.
func (o *operations) list(ctx context.Context, _ *arm.Request) (arm.Response, error) {
	page := arm.OnePage[wireOperations]{Value: []wireOperations{}}
	for _, key := range slices.Sorted(maps.Keys(o.names)) {
		w, err := o.tree(ctx, key)
		if err != nil {
			return arm.Response{}, err
		}
		page.Value = append(page.Value, w)
	}
	return arm.OK(page)
}

// get answers with one namespace. Errors: arm.ErrNamespace.
func (o *operations) get(ctx context.Context, r *arm.Request) (arm.Response, error) {
	key, err := o.find(r)
	if err != nil {
		return arm.Response{}, err
	}
	w, err := o.tree(ctx, key)
	if err != nil {
		return arm.Response{}, err
	}
	return arm.OK(w)
}

// flat answers with the operations of one namespace as a list. Errors: arm.ErrNamespace.
func (o *operations) flat(ctx context.Context, r *arm.Request) (arm.Response, error) {
	key, err := o.find(r)
	if err != nil {
		return arm.Response{}, err
	}
	actions, err := o.of(ctx, key)
	if err != nil {
		return arm.Response{}, err
	}
	page := arm.OnePage[wireFlat]{Value: []wireFlat{}}
	for _, a := range actions {
		page.Value = append(page.Value, wireFlat{Name: a.name, IsDataAction: a.data, Display: flatDisplay{o.names[key], a.kind, a.verb, a.title()}})
	}
	return arm.OK(page)
}

// find reads the namespace in the path.
func (o *operations) find(r *arm.Request) (string, error) {
	key := strings.ToLower(r.Var("namespace"))
	if o.names[key] == "" {
		return "", arm.ErrNamespace.With("The resource namespace '%.128s' is invalid.", r.Var("namespace"))
	}
	return key, nil
}
