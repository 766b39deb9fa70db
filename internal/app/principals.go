package app

import (
	"context"
	"errors"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/rbac"
)

// principals answers rbac's questions about the principals of the server's tenant.
type principals struct{ s *Server }

// Groups implements rbac.Directory. The directory holds no groups yet, so none is returned.
func (p *principals) Groups(ctx context.Context, principal id.Object) ([]id.Object, bool, error) {
	alive, err := p.s.directory.Alive(ctx, p.s.in.tenant, principal)
	return nil, alive, err
}

// PrincipalType implements rbac.Directory.
func (p *principals) PrincipalType(ctx context.Context, principal id.Object) (rbac.PrincipalType, bool, error) {
	_, err := p.s.directory.User(ctx, p.s.in.tenant, principal)
	if err == nil {
		return rbac.User, true, nil
	}
	_, err = p.s.directory.ServicePrincipal(ctx, p.s.in.tenant, principal)
	if errors.Is(err, directory.ErrServicePrincipalNotFound) {
		return "", false, nil
	}
	return rbac.ServicePrincipal, err == nil, err
}
