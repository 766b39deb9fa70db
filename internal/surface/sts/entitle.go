package sts

import (
	"context"
	"errors"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/entitlement"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/token"
)

// entitled knows what a token says of its holder; *entitlement.Service is one.
type entitled interface {
	At(ctx context.Context, tenant id.Tenant, principal id.Object, person bool, resource id.App) (entitlement.Entitlement, error)
}

// entitle adds to a request what the token says of its holder at the resource: app roles,
// groups, directory roles. Refusals: 501051, and 50105 of a person, where the resource gives
// tokens only to whom was assigned to it (DT-33).
func (m *Room) entitle(ctx context.Context, request *token.Request, res directory.Resource) error {
	e, err := m.entitled.At(ctx, request.Tenant, request.Object, request.User != nil, res.AppID)
	switch {
	case errors.Is(err, entitlement.ErrNotAssigned) && request.User != nil:
		return fail(50105, res.DisplayName)
	case errors.Is(err, entitlement.ErrNotAssigned):
		return fail(501051, res.DisplayName)
	case err != nil:
		return err
	}
	request.Roles, request.Groups, request.GroupsEndpoint, request.DirectoryRoles = e.Roles, e.Groups, e.GroupsEndpoint, e.DirectoryRoles
	return nil
}
