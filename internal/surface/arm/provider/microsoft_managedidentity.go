package provider

import (
	"context"
	"errors"
	"net/http"

	"github.com/sealring/sealring/internal/managedidentity"
	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/surface/arm/provider/tracked"
)

// identityProvider is Microsoft.ManagedIdentity.
type identityProvider struct{ Deps }

// managedIdentity makes Microsoft.ManagedIdentity: user-assigned identities, and the view
// of a host's system-assigned identity (CP §3).
func managedIdentity(d Deps) arm.Provider {
	p := &identityProvider{d}
	const (
		kind       = managedidentity.Type
		collection = "/providers/" + kind
		item       = arm.InGroup + collection + "/{identity}"
	)
	return arm.Provider{Namespace: "Microsoft.ManagedIdentity", Routes: []arm.Route{
		arm.List(arm.InSubscription+collection, kind+"/read", p.list),
		arm.List(arm.InGroup+collection, kind+"/read", p.list),
		arm.Get(item, kind+"/read", p.get),
		arm.Head(item, kind+"/read", p.head),
		arm.Put(item, kind+"/write", p.put),
		arm.Patch(item, kind+"/write", p.patch),
		arm.Delete(item, kind+"/delete", p.delete),
		arm.Post(item+"/listAssociatedResources", kind+"/listAssociatedResources/action", p.hosts),
		arm.Get(arm.AnyScope+"/providers/Microsoft.ManagedIdentity/identities/default", "Microsoft.ManagedIdentity/identities/read", p.system),
	}}
}

// wireUserAssigned is a user-assigned identity in answers (CP §3.2).
type wireUserAssigned struct {
	ID         string                 `json:"id"`
	Name       string                 `json:"name"`
	Type       string                 `json:"type"`
	Location   string                 `json:"location"`
	Tags       map[string]string      `json:"tags"`
	Properties userAssignedProperties `json:"properties"`
	SystemData *tracked.SystemData    `json:"systemData,omitempty"`
}

// userAssignedProperties are its properties.
type userAssignedProperties struct {
	TenantID       string        `json:"tenantId"`
	PrincipalID    string        `json:"principalId"`
	ClientID       string        `json:"clientId"`
	IsolationScope string        `json:"isolationScope,omitempty"`
	Restrictions   *restrictions `json:"assignmentRestrictions,omitempty"`
}

// restrictions say to which kinds of host an identity may be attached.
type restrictions struct {
	Providers []string `json:"providers"`
}

// newUserAssigned shapes an identity.
func newUserAssigned(u managedidentity.UserAssigned) wireUserAssigned {
	r := u.Resource
	w := wireUserAssigned{ID: r.ID.String(), Name: r.ID.Name(), Type: managedidentity.Type, Location: r.Location, Tags: r.Tags,
		Properties: userAssignedProperties{TenantID: string(u.Tenant), PrincipalID: string(u.PrincipalID), ClientID: string(u.ClientID),
			IsolationScope: "None"},
		SystemData: tracked.NewSystemData(r.Created, r.Changed)}
	if w.Tags == nil {
		w.Tags = map[string]string{}
	}
	if u.Regional {
		w.Properties.IsolationScope = "Regional"
	}
	if len(u.Providers) > 0 {
		w.Properties.Restrictions = &restrictions{u.Providers}
	}
	return w
}

// list answers with the identities that the caller may read.
func (p *identityProvider) list(ctx context.Context, r *arm.Request) (arm.Response, error) {
	fetch := func(ctx context.Context, after string, limit int) ([]managedidentity.UserAssigned, string, error) {
		return p.Identities.ListUserAssigned(ctx, r.Target, after, limit)
	}
	return arm.Page(ctx, r, fetch, func(ctx context.Context, u managedidentity.UserAssigned) (any, error) {
		visible, err := r.Visible(ctx, u.Resource.ID)
		if err != nil || !visible {
			return nil, err
		}
		return newUserAssigned(u), nil
	})
}

// get answers with one identity.
func (p *identityProvider) get(ctx context.Context, r *arm.Request) (arm.Response, error) {
	u, err := p.Identities.GetUserAssigned(ctx, r.Target)
	if err != nil {
		return arm.Response{}, err
	}
	return arm.Response{Status: http.StatusOK, Body: newUserAssigned(u), ETag: u.Resource.ETag()}, nil
}

// head says 204 for an identity that exists.
func (p *identityProvider) head(ctx context.Context, r *arm.Request) (arm.Response, error) {
	if _, err := p.Identities.GetUserAssigned(ctx, r.Target); err != nil {
		return arm.Response{}, err
	}
	return arm.NoContent()
}

// put creates or replaces an identity; its principal and client ids never change.
func (p *identityProvider) put(ctx context.Context, r *arm.Request) (arm.Response, error) {
	return p.write(ctx, r, false)
}

// patch changes tags and restrictions; az sends the rest of the body along, and it is
// ignored (CP §3.2).
func (p *identityProvider) patch(ctx context.Context, r *arm.Request) (arm.Response, error) {
	return p.write(ctx, r, true)
}

// identityBody is what a write may say.
type identityBody struct {
	body, properties arm.Object
	location         string
	isolation        string
	tags             map[string]string
	restrictions     []string
}

// readIdentityBody reads the body of a write. Errors: arm.ErrContent.
func readIdentityBody(r *arm.Request) (b identityBody, err error) {
	if b.body, err = r.Body(); err != nil {
		return b, err
	}
	if err := b.body.Exact("id", "name", "type", "location", "tags", "properties"); err != nil {
		return b, err
	}
	if err := tracked.CheckNames(b.body, r.Target); err != nil {
		return b, err
	}
	if b.location, err = b.body.Text("location"); err != nil {
		return b, err
	}
	if b.tags, err = tracked.ReadTags(b.body); err != nil {
		return b, err
	}
	if b.properties, err = b.body.Object("properties"); err != nil {
		return b, err
	}
	if err := b.properties.Exact("isolationScope", "assignmentRestrictions"); err != nil {
		return b, err
	}
	if b.isolation, err = b.properties.Text("isolationScope"); err != nil {
		return b, err
	}
	switch b.isolation {
	case "", "None", "Regional":
	default:
		return b, arm.ErrContent.With("The value of 'isolationScope' must be 'None' or 'Regional'.")
	}
	limits, err := b.properties.Object("assignmentRestrictions")
	if err != nil {
		return b, err
	}
	if err := limits.Exact("providers"); err != nil {
		return b, err
	}
	return b, limits.Into("providers", &b.restrictions)
}

// write is PUT and PATCH: a PATCH leaves what the body does not name.
func (p *identityProvider) write(ctx context.Context, r *arm.Request, patch bool) (arm.Response, error) {
	b, err := readIdentityBody(r)
	if err != nil {
		return arm.Response{}, err
	}
	u, created, err := p.Identities.CreateUserAssigned(ctx, managedidentity.UserAssignedWrite{
		ID: r.Target, Pre: r.Precondition(), MustExist: patch,
		Edit: func(u *managedidentity.UserAssigned, exists bool) error {
			if !exists && b.location == "" {
				return arm.ErrLocation
			}
			if !patch {
				u.Resource.Location = b.location
			}
			if !patch || b.body.Has("tags") {
				u.Resource.Tags = b.tags
			}
			if !patch || b.properties.Has("isolationScope") {
				u.Regional = b.isolation == "Regional"
			}
			if !patch || b.properties.Has("assignmentRestrictions") {
				u.Providers = b.restrictions
			}
			return nil
		},
	})
	if err != nil {
		return arm.Response{}, err
	}
	status := http.StatusOK
	if created {
		status = http.StatusCreated
	}
	return arm.Response{Status: status, Body: newUserAssigned(u), ETag: u.Resource.ETag()}, nil
}

// delete removes an identity; hosts keep its name, dead (CP §3.2).
func (p *identityProvider) delete(ctx context.Context, r *arm.Request) (arm.Response, error) {
	existed, err := p.Identities.DeleteUserAssigned(ctx, r.Target, r.Precondition())
	if err != nil {
		return arm.Response{}, err
	}
	if !existed {
		return arm.NoContent()
	}
	return arm.Response{Status: http.StatusOK}, nil
}

// wireAssociated is a resource that carries an identity (CP §3.3).
type wireAssociated struct {
	ID             string `json:"id"`
	Name           string `json:"name"`
	Type           string `json:"type"`
	ResourceGroup  string `json:"resourceGroup"`
	SubscriptionID string `json:"subscriptionId"`
}

// wireAssociatedList is the answer of listAssociatedResources.
type wireAssociatedList struct {
	TotalCount int              `json:"totalCount"`
	Value      []wireAssociated `json:"value"`
}

// hosts answers with the resources that carry the identity and that the caller may read.
func (p *identityProvider) hosts(ctx context.Context, r *arm.Request) (arm.Response, error) {
	filter, err := arm.ParseFilter(r.Query("$filter"))
	if err != nil {
		return arm.Response{}, err
	}
	all, err := p.Identities.Hosts(ctx, r.Target)
	if err != nil {
		return arm.Response{}, err
	}
	list := wireAssociatedList{Value: []wireAssociated{}}
	for _, h := range all {
		fits, err := tracked.Fits(filter, h)
		if err != nil {
			return arm.Response{}, err
		}
		visible, err := r.Allowed(ctx, h.ID.Type()+"/read", h.ID)
		if err != nil {
			return arm.Response{}, err
		}
		if fits && visible {
			list.Value = append(list.Value, wireAssociated{ID: h.ID.String(), Name: h.ID.FullName(), Type: h.ID.Type(),
				ResourceGroup: h.ID.Group(), SubscriptionID: string(h.ID.Subscription())})
		}
	}
	list.TotalCount = len(list.Value)
	return arm.OK(list)
}

// wireSystem is a system-assigned identity in answers: the one place that shows its
// client id (CP §3.5).
type wireSystem struct {
	ID         string                 `json:"id"`
	Name       string                 `json:"name"`
	Type       string                 `json:"type"`
	Location   string                 `json:"location,omitempty"`
	Tags       map[string]string      `json:"tags"`
	Properties userAssignedProperties `json:"properties"`
}

// system answers with the system-assigned identity of the scope.
func (p *identityProvider) system(ctx context.Context, r *arm.Request) (arm.Response, error) {
	i, err := p.Identities.SystemIdentity(ctx, r.Target)
	if errors.Is(err, managedidentity.ErrNoIdentity) {
		return arm.Response{}, arm.NotFound(r.Target.Child("Microsoft.ManagedIdentity/identities", "default"))
	}
	if err != nil {
		return arm.Response{}, err
	}
	res, err := p.Resources.Get(ctx, r.Target)
	if err != nil {
		return arm.Response{}, err
	}
	w := wireSystem{ID: res.ID.String() + "/providers/Microsoft.ManagedIdentity/identities/default", Name: "default",
		Type: "Microsoft.ManagedIdentity/identities", Location: res.Location, Tags: res.Tags,
		Properties: userAssignedProperties{TenantID: string(i.Tenant), PrincipalID: string(i.PrincipalID), ClientID: string(i.ClientID)}}
	if w.Tags == nil {
		w.Tags = map[string]string{}
	}
	return arm.OK(w)
}
