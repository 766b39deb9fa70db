// Package entitlement says what a token tells a resource about its holder: app roles, groups
// and directory roles (DT-3.2, DT-3.4), and whether the holder gets a token for it at all
// (DT-33).
package entitlement

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/relation"
)

// ErrNotAssigned is a resource that gives tokens only to those who were assigned to it, and a
// principal who was not.
var ErrNotAssigned = fault.New(fault.Denied, "the principal is not assigned to a role of the resource")

// Directory roles that tokens for Graph carry whoever holds them (DT-3.2).
const (
	guestRole  = "0997a1d0-0d1d-4acb-b408-d5ca73121e90" // service principals
	memberRole = "b79fbf4d-3ef9-4689-8143-76b194e85509" // users
)

// maxGroups is how many groups a token names; more are to be asked for at Graph (DT-3.4).
const maxGroups = 200

// Entitlement is what one token says. Slices are shared and must not be changed.
type Entitlement struct {
	Roles          []string // values of app roles
	Groups         []string // object ids
	DirectoryRoles []string // template ids
	// GroupsEndpoint is where the groups are, in place of Groups, where they are too many.
	GroupsEndpoint string
}

// Key is a text that differs where two entitlements differ, "" for none.
func (e Entitlement) Key() string {
	if len(e.Roles)+len(e.Groups)+len(e.DirectoryRoles) == 0 && e.GroupsEndpoint == "" {
		return ""
	}
	parts := []string{strings.Join(e.Roles, " "), strings.Join(e.Groups, " "), strings.Join(e.DirectoryRoles, " "), e.GroupsEndpoint}
	return strings.Join(parts, "\n")
}

// Config names what a Service needs; all fields.
type Config struct {
	Directory *directory.Directory
	Relations *relation.Service
	Graph     string // our own URL of Graph, without a trailing slash
}

// Service decides entitlements. It reads memory only, and is safe for concurrent use.
type Service struct {
	directory *directory.Directory
	relations *relation.Service
	graph     string
}

// New checks c and returns a Service.
func New(c Config) (*Service, error) {
	if c.Directory == nil || c.Relations == nil || c.Graph == "" {
		return nil, errors.New("entitlement: Directory, Relations and Graph are needed")
	}
	return &Service{directory: c.Directory, relations: c.Relations, graph: c.Graph}, nil
}

// At returns what a token of a principal for a resource says. A person's token differs from
// another's in its directory roles. Errors: ErrNotAssigned.
func (s *Service) At(ctx context.Context, tenant id.Tenant, principal id.Object, person bool, resource id.App) (Entitlement, error) {
	builtin := directory.Builtin(resource)
	if builtin && resource != directory.GraphApp {
		return Entitlement{}, nil // they ask the directory themselves
	}
	var e Entitlement
	roles, assigned, err := s.relations.AppAccess(ctx, tenant, principal, resource)
	if err != nil {
		return e, err
	}
	e.Roles = roles
	if builtin {
		return e, s.addDirectoryRoles(ctx, &e, tenant, principal, person)
	}
	sp, err := s.directory.ServicePrincipalByApp(ctx, tenant, resource)
	if err != nil {
		return e, err
	}
	if sp.RoleRequired && !assigned {
		return e, ErrNotAssigned
	}
	app, err := s.directory.Application(ctx, tenant, resource)
	if errors.Is(err, directory.ErrApplicationNotFound) {
		return e, nil
	}
	if err != nil {
		return e, err
	}
	return e, s.addGroups(ctx, &e, app, sp.ID, principal, person)
}

// addDirectoryRoles adds the roles of the directory, which tokens for Graph carry.
func (s *Service) addDirectoryRoles(ctx context.Context, e *Entitlement, tenant id.Tenant, principal id.Object, person bool) error {
	e.DirectoryRoles = []string{guestRole}
	if person {
		e.DirectoryRoles = []string{memberRole}
	}
	more, err := s.relations.DirectoryRoles(ctx, tenant, principal)
	for _, r := range more {
		e.DirectoryRoles = append(e.DirectoryRoles, string(r))
	}
	slices.Sort(e.DirectoryRoles[1:])
	e.DirectoryRoles = slices.Compact(e.DirectoryRoles)
	return err
}

// addGroups adds the groups that the application asks for: security groups, all groups, or
// those that were assigned to the application; transitive in any case.
func (s *Service) addGroups(ctx context.Context, e *Entitlement, app directory.Application, resource, principal id.Object, person bool) error {
	wanted := map[string]bool{}
	for kind := range strings.SplitSeq(app.GroupClaims, ",") {
		wanted[strings.TrimSpace(kind)] = true
	}
	if wanted["DirectoryRole"] || wanted["All"] {
		roles, err := s.relations.DirectoryRoles(ctx, app.Tenant, principal)
		if err != nil {
			return err
		}
		for _, r := range roles {
			e.DirectoryRoles = append(e.DirectoryRoles, string(r))
		}
		slices.Sort(e.DirectoryRoles)
		e.DirectoryRoles = slices.Compact(e.DirectoryRoles)
	}
	if !wanted["SecurityGroup"] && !wanted["All"] && !wanted["ApplicationGroup"] {
		return nil
	}
	groups, err := s.relations.Memberships(ctx, app.Tenant, principal)
	if err != nil || len(groups) == 0 {
		return err
	}
	assigned := map[id.Object]bool{}
	if wanted["ApplicationGroup"] {
		list, err := s.relations.AppRoleAssignmentsAt(ctx, app.Tenant, resource)
		if err != nil {
			return err
		}
		for _, a := range list {
			assigned[a.Principal] = true
		}
	}
	for _, object := range groups {
		g, err := s.relations.Group(ctx, app.Tenant, object)
		if errors.Is(err, relation.ErrGroupNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if wanted["All"] || g.SecurityEnabled && (wanted["SecurityGroup"] || assigned[object]) {
			e.Groups = append(e.Groups, string(object))
		}
	}
	if len(e.Groups) > maxGroups {
		set := "servicePrincipals"
		if person {
			set = "users"
		}
		e.Groups, e.GroupsEndpoint = nil, s.graph+"/v1.0/"+set+"/"+string(principal)+"/getMemberObjects"
	}
	return nil
}
