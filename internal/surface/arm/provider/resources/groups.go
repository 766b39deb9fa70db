package resources

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/surface/arm/provider/tracked"
)

// wireGroup is a resource group in answers (CP §2.13).
type wireGroup struct {
	ID         string            `json:"id"`
	Name       string            `json:"name"`
	Type       string            `json:"type"`
	Location   string            `json:"location"`
	ManagedBy  string            `json:"managedBy,omitempty"`
	Tags       map[string]string `json:"tags"`
	Properties provisioned       `json:"properties"`
}

// provisioned is the one property of what is ready when it is answered.
type provisioned struct {
	ProvisioningState string `json:"provisioningState"`
}

// newGroup shapes a group.
func newGroup(g resource.Group) wireGroup {
	w := wireGroup{ID: g.ID.String(), Name: g.ID.Name(), Type: resource.TypeGroup, Location: g.Location, ManagedBy: g.ManagedBy,
		Tags: g.Tags, Properties: provisioned{tracked.Succeeded}}
	if w.Tags == nil {
		w.Tags = map[string]string{}
	}
	return w
}

// listGroups answers with the groups that the caller may read.
func (p *resourcesProvider) listGroups(ctx context.Context, r *arm.Request) (arm.Response, error) {
	filter, err := arm.ParseFilter(r.Query("$filter"))
	if err != nil {
		return arm.Response{}, err
	}
	fetch := func(ctx context.Context, after string, limit int) ([]resource.Group, string, error) {
		return p.Resources.Groups(ctx, r.Subscription(), after, limit)
	}
	return arm.Page(ctx, r, fetch, func(ctx context.Context, g resource.Group) (any, error) {
		fits, err := tracked.Fits(filter, resource.Resource{ID: g.ID, Location: g.Location, Tags: g.Tags})
		if err != nil || !fits {
			return nil, err
		}
		visible, err := r.Visible(ctx, g.ID)
		if err != nil || !visible {
			return nil, err
		}
		return newGroup(g), nil
	})
}

// getGroup answers with one group.
func (p *resourcesProvider) getGroup(ctx context.Context, r *arm.Request) (arm.Response, error) {
	g, err := p.Resources.Group(ctx, r.Target)
	if err != nil {
		return arm.Response{}, err
	}
	return arm.Response{Status: http.StatusOK, Body: newGroup(g), ETag: g.ETag()}, nil
}

// headGroup says 204 for a group that exists; that it does was checked before (CP §2.7).
func (p *resourcesProvider) headGroup(context.Context, *arm.Request) (arm.Response, error) {
	return arm.NoContent()
}

// putGroup creates or replaces a group.
func (p *resourcesProvider) putGroup(ctx context.Context, r *arm.Request) (arm.Response, error) {
	return p.writeGroup(ctx, r, false)
}

// patchGroup changes tags and owner of a group.
func (p *resourcesProvider) patchGroup(ctx context.Context, r *arm.Request) (arm.Response, error) {
	return p.writeGroup(ctx, r, true)
}

// writeGroup is PUT and PATCH: a PATCH leaves what the body does not name.
func (p *resourcesProvider) writeGroup(ctx context.Context, r *arm.Request, patch bool) (arm.Response, error) {
	body, err := r.Body()
	if err == nil {
		err = checkGroupNames(body, r.Target)
	}
	if err != nil {
		return arm.Response{}, err
	}
	location, err := body.Text("location")
	if err != nil {
		return arm.Response{}, err
	}
	managedBy, err := body.Text("managedBy")
	if err != nil {
		return arm.Response{}, err
	}
	tags, err := tracked.ReadTags(body)
	if err != nil {
		return arm.Response{}, err
	}
	if location == "" && !patch {
		return arm.Response{}, arm.ErrLocation
	}
	g, created, err := p.Resources.PutGroup(ctx, r.Target, r.Precondition(), func(g *resource.Group) error {
		if patch && g.Revision == 0 {
			return resource.ErrGroupNotFound // deleted since it was seen
		}
		g.Location = location
		if managedBy != "" && g.Revision != 0 && !strings.EqualFold(managedBy, g.ManagedBy) {
			return arm.ErrContent.With("The member 'managedBy' of a resource group cannot be changed.") // the manager may delete the group
		}
		if g.Revision == 0 {
			g.ManagedBy = managedBy
		}
		if !patch || body.Has("tags") {
			g.Tags = tags
		}
		return nil
	})
	if err != nil {
		return arm.Response{}, err
	}
	status := http.StatusOK
	if created {
		status = http.StatusCreated
	}
	return arm.Response{Status: status, Body: newGroup(g), ETag: g.ETag()}, nil
}

// checkGroupNames is tracked.CheckNames with the two spellings of the type of groups.
func checkGroupNames(body arm.Object, target resource.ID) error {
	rest := arm.Object{"id": body["id"], "name": body["name"]}
	return tracked.CheckNames(rest, target)
}

// deleteGroup deletes a group and all in it: the vaults softly, the rest for good.
func (p *resourcesProvider) deleteGroup(ctx context.Context, r *arm.Request) (arm.Response, error) {
	vaults, err := p.Vaults.List(ctx, r.Target)
	if err != nil {
		return arm.Response{}, err
	}
	for _, v := range vaults {
		if err := p.Vaults.Delete(ctx, v.ID); err != nil && !gone(err) {
			return arm.Response{}, err
		}
	}
	if _, err := p.Identities.DeleteGroup(ctx, r.Target); err != nil && !errors.Is(err, resource.ErrGroupNotFound) {
		return arm.Response{}, err
	}
	return arm.Response{Status: http.StatusOK}, nil
}
