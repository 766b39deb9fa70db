package managedidentity

import (
	"context"
	"net/http"

	identity "github.com/sealring/sealring/internal/managedidentity"
	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/surface/arm/provider/tracked"
)

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
func newUserAssigned(u identity.UserAssigned) wireUserAssigned {
	r := u.Resource
	w := wireUserAssigned{ID: r.ID.String(), Name: r.ID.Name(), Type: identity.Type, Location: r.Location, Tags: r.Tags,
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
func (p *provider) list(ctx context.Context, r *arm.Request) (arm.Response, error) {
	fetch := func(ctx context.Context, after string, limit int) ([]identity.UserAssigned, string, error) {
		return p.Identities.ListUserAssigned(ctx, r.Target, after, limit)
	}
	return arm.Page(ctx, r, fetch, func(ctx context.Context, u identity.UserAssigned) (any, error) {
		visible, err := r.Visible(ctx, u.Resource.ID)
		if err != nil || !visible {
			return nil, err
		}
		return newUserAssigned(u), nil
	})
}

// get answers with one identity.
func (p *provider) get(ctx context.Context, r *arm.Request) (arm.Response, error) {
	u, err := p.Identities.GetUserAssigned(ctx, r.Target)
	if err != nil {
		return arm.Response{}, err
	}
	return arm.Response{Status: http.StatusOK, Body: newUserAssigned(u), ETag: u.Resource.ETag()}, nil
}

// head says 204 for an identity that exists.
func (p *provider) head(ctx context.Context, r *arm.Request) (arm.Response, error) {
	if _, err := p.Identities.GetUserAssigned(ctx, r.Target); err != nil {
		return arm.Response{}, err
	}
	return arm.NoContent()
}

// put creates or replaces an identity; its principal and client ids never change.
func (p *provider) put(ctx context.Context, r *arm.Request) (arm.Response, error) {
	return p.write(ctx, r, false)
}

// patch changes tags and restrictions; az sends the rest of the body along, and it is
// ignored (CP §3.2).
func (p *provider) patch(ctx context.Context, r *arm.Request) (arm.Response, error) {
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
func (p *provider) write(ctx context.Context, r *arm.Request, patch bool) (arm.Response, error) {
	b, err := readIdentityBody(r)
	if err != nil {
		return arm.Response{}, err
	}
	u, created, err := p.Identities.CreateUserAssigned(ctx, identity.UserAssignedWrite{
		ID: r.Target, Pre: r.Precondition(), MustExist: patch,
		Edit: func(u *identity.UserAssigned, exists bool) error {
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
func (p *provider) delete(ctx context.Context, r *arm.Request) (arm.Response, error) {
	existed, err := p.Identities.DeleteUserAssigned(ctx, r.Target, r.Precondition())
	if err != nil {
		return arm.Response{}, err
	}
	if !existed {
		return arm.NoContent()
	}
	return arm.Response{Status: http.StatusOK}, nil
}
