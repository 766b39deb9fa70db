package management

import (
	"context"
	"net/http"
	"strings"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/managementgroup"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
)

// wireSubscription is a subscription in a management group.
type wireSubscription struct {
	ID         string                 `json:"id"`
	Type       string                 `json:"type"`
	Name       string                 `json:"name"`
	Properties subscriptionProperties `json:"properties"`
}

// subscriptionProperties are its properties.
type subscriptionProperties struct {
	Tenant      string     `json:"tenant"`
	DisplayName string     `json:"displayName"`
	Parent      wireParent `json:"parent"`
	State       string     `json:"state"`
}

// wireIn shapes a subscription in a group.
func (p *managementProvider) wireIn(ctx context.Context, g managementgroup.Group, sub id.Subscription) (wireSubscription, error) {
	s, err := p.Scopes.Subscription(ctx, sub)
	if err != nil {
		return wireSubscription{}, err
	}
	return wireSubscription{ID: g.ID().Child("subscriptions", string(sub)).String(), Type: managementgroup.Type + "/subscriptions", Name: string(sub),
		Properties: subscriptionProperties{Tenant: string(s.Tenant), DisplayName: s.Name, State: "Active",
			Parent: wireParent{g.ID().String(), g.Name, g.DisplayName}}}, nil
}

// parent reads the group in the path. Errors: managementgroup.ErrNotFound.
func (p *managementProvider) parent(ctx context.Context, r *arm.Request) (managementgroup.Group, error) {
	return p.Groups.Get(ctx, r.Tenant(), r.Var("managementGroup"))
}

// subscriptions answers with the subscriptions directly in a group.
func (p *managementProvider) subscriptions(ctx context.Context, r *arm.Request) (arm.Response, error) {
	g, err := p.parent(ctx, r)
	if err != nil {
		return arm.Response{}, err
	}
	in, err := p.Groups.Children(ctx, g.Tenant, g.Name)
	if err != nil {
		return arm.Response{}, err
	}
	fetch := arm.Slice(in, func(c managementgroup.Child) string { return string(c.Subscription) })
	return arm.Page(ctx, r, fetch, func(ctx context.Context, c managementgroup.Child) (any, error) {
		if c.Group != nil {
			return nil, nil
		}
		return p.wireIn(ctx, g, c.Subscription)
	})
}

// subscription answers with one subscription, if it is in the group.
func (p *managementProvider) subscription(ctx context.Context, r *arm.Request) (arm.Response, error) {
	g, sub, in, err := p.named(ctx, r)
	if err != nil {
		return arm.Response{}, err
	}
	if !in {
		return arm.Response{}, managementgroup.ErrNotFound.With("The subscription '%s' is not in the management group '%s'.", sub, g.Name)
	}
	return p.answer(ctx, g, sub)
}

// named reads group and subscription of the path, and whether the one is in the other.
func (p *managementProvider) named(ctx context.Context, r *arm.Request) (g managementgroup.Group, sub id.Subscription, in bool, err error) {
	if g, err = p.parent(ctx, r); err != nil {
		return g, "", false, err
	}
	if sub, err = subOf(r); err != nil {
		return g, sub, false, err
	}
	at, err := p.Groups.PlaceOf(ctx, g.Tenant, sub)
	return g, sub, strings.EqualFold(at, g.Name), err
}

// answer answers with a subscription in a group.
func (p *managementProvider) answer(ctx context.Context, g managementgroup.Group, sub id.Subscription) (arm.Response, error) {
	w, err := p.wireIn(ctx, g, sub)
	return arm.Response{Status: http.StatusOK, Body: w}, err
}

// place moves a subscription into a group. Besides writing at the group the caller must be
// allowed to assign roles in the subscription: the move changes who may do what in it.
func (p *managementProvider) place(ctx context.Context, r *arm.Request) (arm.Response, error) {
	g, sub, _, err := p.named(ctx, r)
	if err != nil {
		return arm.Response{}, err
	}
	if err := p.demand(ctx, r, assign, resource.SubscriptionID(sub)); err != nil {
		return arm.Response{}, err
	}
	if err := p.Groups.Place(ctx, g.Tenant, g.Name, sub); err != nil {
		return arm.Response{}, err
	}
	return p.answer(ctx, g, sub)
}

// unplace moves a subscription back to the root; 204 if it was not in the group.
func (p *managementProvider) unplace(ctx context.Context, r *arm.Request) (arm.Response, error) {
	g, sub, in, err := p.named(ctx, r)
	if err != nil {
		return arm.Response{}, err
	}
	if !in {
		return arm.NoContent()
	}
	if err := p.demand(ctx, r, assign, resource.SubscriptionID(sub)); err != nil {
		return arm.Response{}, err
	}
	if err := p.Groups.Place(ctx, g.Tenant, string(g.Tenant), sub); err != nil {
		return arm.Response{}, err
	}
	return arm.Response{Status: http.StatusOK}, nil
}

// wireDescendant is a group or subscription anywhere below a group.
type wireDescendant struct {
	ID         string               `json:"id"`
	Type       string               `json:"type"`
	Name       string               `json:"name"`
	Properties descendantProperties `json:"properties"`
}

// descendantProperties are its properties.
type descendantProperties struct {
	DisplayName string `json:"displayName"`
	Parent      struct {
		ID string `json:"id"`
	} `json:"parent"`
}

// descendants answers with all that is below a group, level by level.
func (p *managementProvider) descendants(ctx context.Context, r *arm.Request) (arm.Response, error) {
	g, err := p.parent(ctx, r)
	if err != nil {
		return arm.Response{}, err
	}
	list := []wireDescendant{}
	for queue := []managementgroup.Group{g}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		children, err := p.children(ctx, at, false)
		if err != nil {
			return arm.Response{}, err
		}
		for _, c := range children {
			d := wireDescendant{ID: c.ID, Type: c.Type, Name: c.Name, Properties: descendantProperties{DisplayName: c.DisplayName}}
			d.Properties.Parent.ID = at.ID().String()
			list = append(list, d)
			if c.Type == managementgroup.Type {
				queue = append(queue, managementgroup.Group{Name: c.Name, Tenant: g.Tenant})
			}
		}
	}
	fetch := arm.Slice(list, func(d wireDescendant) string { return strings.ToLower(d.ID) })
	return arm.Page(ctx, r, fetch, func(_ context.Context, d wireDescendant) (any, error) { return d, nil })
}

// entities answers with the groups and subscriptions that the caller may read.
func (p *managementProvider) entities(ctx context.Context, r *arm.Request) (arm.Response, error) {
	all, err := p.Groups.List(ctx, r.Tenant())
	if err != nil {
		return arm.Response{}, err
	}
	list := []wireDescendant{}
	for _, g := range all {
		d := wireDescendant{ID: g.ID().String(), Type: managementgroup.Type, Name: g.Name, Properties: descendantProperties{DisplayName: g.DisplayName}}
		if g.Parent != "" {
			d.Properties.Parent.ID = managementgroup.ID(g.Parent).String()
		}
		list = append(list, d)
		children, err := p.children(ctx, g, false)
		if err != nil {
			return arm.Response{}, err
		}
		for _, c := range children {
			if c.Type == managementgroup.Type {
				continue
			}
			d := wireDescendant{ID: c.ID, Type: c.Type, Name: c.Name, Properties: descendantProperties{DisplayName: c.DisplayName}}
			d.Properties.Parent.ID = g.ID().String()
			list = append(list, d)
		}
	}
	fetch := arm.Slice(list, func(d wireDescendant) string { return strings.ToLower(d.ID) })
	return arm.Page(ctx, r, fetch, func(ctx context.Context, d wireDescendant) (any, error) {
		at, err := resource.ParseID(d.ID)
		if err != nil {
			return nil, err
		}
		visible, err := r.Visible(ctx, at)
		if err != nil || !visible {
			return nil, err
		}
		return d, nil
	})
}

// wireAvailability says whether a name can be had.
type wireAvailability struct {
	Available bool   `json:"nameAvailable"`
	Reason    string `json:"reason,omitempty"`
	Message   string `json:"message,omitempty"`
}

// checkName answers whether a group could have a name.
func (p *managementProvider) checkName(ctx context.Context, r *arm.Request) (arm.Response, error) {
	body, err := r.Body()
	if err != nil {
		return arm.Response{}, err
	}
	name, err := body.Text("name")
	if err != nil {
		return arm.Response{}, err
	}
	at := managementgroup.ID(name)
	if at.IsZero() {
		return arm.OK(wireAvailability{Reason: "Invalid", Message: "The name is not one that a management group can have."})
	}
	there, err := p.Groups.Exists(ctx, at)
	if err != nil {
		return arm.Response{}, err
	}
	if there {
		return arm.OK(wireAvailability{Reason: "AlreadyExists", Message: "The group with the specified name already exists."})
	}
	return arm.OK(wireAvailability{Available: true})
}
