package managedidentity

import (
	"context"
	"errors"

	identity "github.com/sealring/sealring/internal/managedidentity"
	"github.com/sealring/sealring/internal/surface/arm"
)

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
func (p *provider) system(ctx context.Context, r *arm.Request) (arm.Response, error) {
	i, err := p.Identities.SystemIdentity(ctx, r.Target)
	if errors.Is(err, identity.ErrNoIdentity) {
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
