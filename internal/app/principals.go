package app

import (
	"context"
	"errors"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/rbac"
	"github.com/sealring/sealring/internal/relation"
)

// principals answers rbac's questions about the principals of every tenant: whose members
// they are follows from their object ids, which are unique.
type principals struct {
	directory *directory.Directory
	relations *relation.Service
}

// Groups implements rbac.Directory: a group is alive, and a member of those above it.
func (p *principals) Groups(ctx context.Context, principal id.Object) ([]id.Object, bool, error) {
	tenant, known, err := p.directory.TenantOf(ctx, principal)
	if err != nil {
		return nil, false, err
	}
	alive := false
	if known {
		alive, err = p.directory.Alive(ctx, tenant, principal)
	} else {
		tenant, alive, err = p.relations.TenantOf(ctx, principal)
	}
	if err != nil || !alive {
		return nil, false, err
	}
	groups, err := p.relations.Memberships(ctx, tenant, principal)
	return groups, err == nil, err
}

// PrincipalType implements rbac.Directory.
func (p *principals) PrincipalType(ctx context.Context, principal id.Object) (rbac.PrincipalType, bool, error) {
	tenant, known, err := p.directory.TenantOf(ctx, principal)
	if err != nil {
		return "", false, err
	}
	if !known {
		_, known, err = p.relations.TenantOf(ctx, principal)
		return rbac.Group, known, err
	}
	_, err = p.directory.User(ctx, tenant, principal)
	if err == nil {
		return rbac.User, true, nil
	}
	if _, err = p.directory.ServicePrincipal(ctx, tenant, principal); errors.Is(err, directory.ErrServicePrincipalNotFound) {
		return "", false, nil
	}
	return rbac.ServicePrincipal, err == nil, err
}

// TenantOf implements rbac.Directory.
func (p *principals) TenantOf(ctx context.Context, principal id.Object) (id.Tenant, bool, error) {
	tenant, known, err := p.directory.TenantOf(ctx, principal)
	if err != nil || known {
		return tenant, known, err
	}
	return p.relations.TenantOf(ctx, principal)
}
