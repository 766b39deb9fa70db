package authorization

import (
	"context"
	"errors"
	"net/http"

	"github.com/sealring/sealring/internal/rbac"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
)

// userAccessAdministrator is the role that elevateAccess gives.
const userAccessAdministrator rbac.RoleID = "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9"

// elevateAccess makes an administrator of the tenant User Access Administrator at its root,
// by an ordinary assignment that everybody can see and delete (CP §5.1, D-5).
func (p *authorizationProvider) elevateAccess(ctx context.Context, r *arm.Request) (arm.Response, error) {
	admin, err := p.Administrator(ctx, r.Tenant(), r.Principal.Object)
	if err != nil {
		return arm.Response{}, err
	}
	if !admin {
		return arm.Response{}, r.Deny()
	}
	// The name follows from the principal, so that elevating twice makes one assignment.
	name := rbac.AssignmentID("5ea15a12" + r.Principal.Object[8:])
	_, _, err = p.RBAC.PutAssignment(ctx, rbac.NewAssignment{Name: name, Tenant: r.Tenant(), Scope: resource.Root(),
		Role: userAccessAdministrator, Principal: r.Principal.Object, Description: "made by elevateAccess"})
	if err != nil && !errors.Is(err, rbac.ErrAssignmentExists) {
		return arm.Response{}, err
	}
	return arm.Response{Status: http.StatusOK}, nil
}
