package management

import (
	"context"
	"errors"
	"strings"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/managementgroup"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
)

// wireGroup is a management group in answers.
type wireGroup struct {
	ID         string          `json:"id"`
	Type       string          `json:"type"`
	Name       string          `json:"name"`
	Properties groupProperties `json:"properties"`
}

// groupProperties are its properties; lists leave out details and children.
type groupProperties struct {
	TenantID    string        `json:"tenantId"`
	DisplayName string        `json:"displayName"`
	Details     *groupDetails `json:"details,omitempty"`
	Path        []wireParent  `json:"path,omitempty"`
	Children    []wireChild   `json:"children,omitempty"`
}

// groupDetails say when a group was changed, and what is above it.
type groupDetails struct {
	Version     int64       `json:"version"`
	UpdatedTime string      `json:"updatedTime,omitempty"`
	UpdatedBy   string      `json:"updatedBy,omitempty"`
	Parent      *wireParent `json:"parent,omitempty"`
}

// wireParent names a group.
type wireParent struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	DisplayName string `json:"displayName"`
}

// wireChild is a group or subscription in a group, with its own children if asked for.
type wireChild struct {
	Type        string      `json:"type"`
	ID          string      `json:"id"`
	Name        string      `json:"name"`
	DisplayName string      `json:"displayName"`
	Children    []wireChild `json:"children,omitempty"`
}

// list answers with the groups of the caller's tenant that the caller may read.
func (p *managementProvider) list(ctx context.Context, r *arm.Request) (arm.Response, error) {
	all, err := p.Groups.List(ctx, r.Tenant())
	if err != nil {
		return arm.Response{}, err
	}
	fetch := arm.Slice(all, func(g managementgroup.Group) string { return strings.ToLower(g.Name) })
	return arm.Page(ctx, r, fetch, func(ctx context.Context, g managementgroup.Group) (any, error) {
		visible, err := r.Visible(ctx, g.ID())
		if err != nil || !visible {
			return nil, err
		}
		return wireGroup{ID: g.ID().String(), Type: managementgroup.Type, Name: g.Name,
			Properties: groupProperties{TenantID: string(g.Tenant), DisplayName: g.DisplayName}}, nil
	})
}

// get answers with one group; $expand=children or path adds them, $recurse=true the
// children's children.
func (p *managementProvider) get(ctx context.Context, r *arm.Request) (arm.Response, error) {
	g, err := p.Groups.Get(ctx, r.Tenant(), r.Target.Name())
	if err != nil {
		return arm.Response{}, err
	}
	w, err := p.wire(ctx, g)
	if err != nil {
		return arm.Response{}, err
	}
	expand, recurse := strings.ToLower(r.Query("$expand")), strings.EqualFold(r.Query("$recurse"), "true")
	switch expand {
	case "", "ancestors":
	case "children":
		if w.Properties.Children, err = p.children(ctx, g, recurse); err != nil {
			return arm.Response{}, err
		}
	case "path":
		for at := g; at.Parent != ""; {
			if at, err = p.Groups.Get(ctx, g.Tenant, at.Parent); err != nil {
				return arm.Response{}, err
			}
			w.Properties.Path = append([]wireParent{{at.ID().String(), at.Name, at.DisplayName}}, w.Properties.Path...)
		}
	default:
		return arm.Response{}, arm.ErrQuery.With("The value of $expand must be children, path or ancestors.")
	}
	return arm.OK(w)
}

// wire shapes a group with its details.
func (p *managementProvider) wire(ctx context.Context, g managementgroup.Group) (wireGroup, error) {
	w := wireGroup{ID: g.ID().String(), Type: managementgroup.Type, Name: g.Name, Properties: groupProperties{TenantID: string(g.Tenant), DisplayName: g.DisplayName,
		Details: &groupDetails{Version: g.Version, UpdatedTime: arm.Time(g.Updated), UpdatedBy: string(g.UpdatedBy)}}}
	if g.Parent == "" {
		return w, nil
	}
	above, err := p.Groups.Get(ctx, g.Tenant, g.Parent)
	if err != nil {
		return w, err
	}
	w.Properties.Details.Parent = &wireParent{above.ID().String(), above.Name, above.DisplayName}
	return w, nil
}

// children shapes what is in a group.
func (p *managementProvider) children(ctx context.Context, g managementgroup.Group, recurse bool) ([]wireChild, error) {
	in, err := p.Groups.Children(ctx, g.Tenant, g.Name)
	if err != nil {
		return nil, err
	}
	var list []wireChild
	for _, c := range in {
		if c.Group == nil {
			s, err := p.Scopes.Subscription(ctx, c.Subscription)
			if err != nil {
				return nil, err
			}
			list = append(list, wireChild{Type: "/subscriptions", ID: resource.SubscriptionID(s.ID).String(), Name: string(s.ID), DisplayName: s.Name})
			continue
		}
		w := wireChild{Type: managementgroup.Type, ID: c.Group.ID().String(), Name: c.Group.Name, DisplayName: c.Group.DisplayName}
		if recurse {
			if w.Children, err = p.children(ctx, *c.Group, true); err != nil {
				return nil, err
			}
		}
		list = append(list, w)
	}
	return list, nil
}

// readGroupBody reads display name and parent: of a PUT below properties, the parent in
// details; of a PATCH at the top.
func readGroupBody(body arm.Object, name string) (n managementgroup.Group, err error) {
	n.Name = name
	props := body
	if body.Has("properties") {
		if props, err = body.Object("properties"); err != nil {
			return n, err
		}
	}
	if err := props.Exact("displayName", "details", "parentGroupId"); err != nil {
		return n, err
	}
	if n.DisplayName, err = props.Text("displayName"); err != nil {
		return n, err
	}
	above, err := props.Text("parentGroupId")
	if err != nil {
		return n, err
	}
	if details, err := props.Object("details"); err != nil {
		return n, err
	} else if details.Has("parent") {
		parent, err := details.Object("parent")
		if err != nil {
			return n, err
		}
		if above, err = parent.Text("id"); err != nil {
			return n, err
		}
	}
	n.Parent = above[strings.LastIndexByte(above, '/')+1:]
	return n, nil
}

// put creates or changes a group.
func (p *managementProvider) put(ctx context.Context, r *arm.Request) (arm.Response, error) {
	return p.write(ctx, r)
}

// patch changes a group that exists.
func (p *managementProvider) patch(ctx context.Context, r *arm.Request) (arm.Response, error) {
	if _, err := p.Groups.Get(ctx, r.Tenant(), r.Target.Name()); err != nil {
		return arm.Response{}, err
	}
	return p.write(ctx, r)
}

// write is PUT and PATCH. A group that is moved needs the right above its new place and its
// old one too.
func (p *managementProvider) write(ctx context.Context, r *arm.Request) (arm.Response, error) {
	body, err := r.Body()
	if err != nil {
		return arm.Response{}, err
	}
	n, err := readGroupBody(body, r.Target.Name())
	if err != nil {
		return arm.Response{}, err
	}
	n.Tenant = r.Tenant()
	old, err := p.Groups.Get(ctx, n.Tenant, n.Name)
	if err != nil && !errors.Is(err, managementgroup.ErrNotFound) {
		return arm.Response{}, err
	}
	if err == nil && n.Parent != "" && !strings.EqualFold(n.Parent, old.Parent) {
		for _, name := range []string{old.Parent, n.Parent} {
			if err := p.demand(ctx, r, r.Action, managementgroup.ID(name)); err != nil {
				return arm.Response{}, err
			}
		}
	}
	g, _, err := p.Groups.Put(ctx, n)
	if err != nil {
		return arm.Response{}, err
	}
	w, err := p.wire(ctx, g)
	if err != nil {
		return arm.Response{}, err
	}
	return arm.OK(w)
}

// demand refuses a caller who may not do action at another scope.
func (p *managementProvider) demand(ctx context.Context, r *arm.Request, action string, scope resource.ID) error {
	if scope.IsZero() {
		return nil // no group of that name: the domain says so
	}
	allowed, err := r.Allowed(ctx, action, scope)
	if err == nil && !allowed {
		err = r.DenyAt(scope)
	}
	return err
}

// delete removes an empty group, with the assignments at it.
func (p *managementProvider) delete(ctx context.Context, r *arm.Request) (arm.Response, error) {
	err := p.Groups.Delete(ctx, r.Tenant(), r.Target.Name())
	if err != nil && !errors.Is(err, managementgroup.ErrNotFound) {
		return arm.Response{}, err
	}
	return arm.NoContent()
}

// subOf reads the subscription in the path. Errors: resource.ErrSubscriptionNotFound.
func subOf(r *arm.Request) (id.Subscription, error) {
	sub, err := id.ParseSubscription(r.Var("subscription"))
	if err != nil {
		return "", resource.ErrSubscriptionNotFound.With("The subscription '%.64s' could not be found.", r.Var("subscription"))
	}
	return sub, nil
}
