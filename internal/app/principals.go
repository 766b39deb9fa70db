package app

import (
	"context"
	"errors"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/rbac"
	"github.com/sealring/sealring/internal/relation"
)

// principals answers rbac's questions about the principals of the server's tenant.
type principals struct{ s *Server }

// Groups implements rbac.Directory: a group is alive, and a member of those above it.
func (p *principals) Groups(ctx context.Context, principal id.Object) ([]id.Object, bool, error) {
	groups, err := p.s.relations.Memberships(ctx, p.s.in.tenant, principal)
	if err != nil {
		return nil, false, err
	}
	alive, err := p.s.directory.Alive(ctx, p.s.in.tenant, principal)
	if err != nil || alive {
		return groups, alive, err
	}
	_, err = p.s.relations.Group(ctx, p.s.in.tenant, principal)
	if errors.Is(err, relation.ErrGroupNotFound) {
		return nil, false, nil
	}
	return groups, err == nil, err
}

// PrincipalType implements rbac.Directory.
func (p *principals) PrincipalType(ctx context.Context, principal id.Object) (rbac.PrincipalType, bool, error) {
	_, err := p.s.directory.User(ctx, p.s.in.tenant, principal)
	if err == nil {
		return rbac.User, true, nil
	}
	_, err = p.s.directory.ServicePrincipal(ctx, p.s.in.tenant, principal)
	if !errors.Is(err, directory.ErrServicePrincipalNotFound) {
		return rbac.ServicePrincipal, err == nil, err
	}
	_, err = p.s.relations.Group(ctx, p.s.in.tenant, principal)
	if errors.Is(err, relation.ErrGroupNotFound) {
		return "", false, nil
	}
	return rbac.Group, err == nil, err
}
