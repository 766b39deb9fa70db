package sts

import (
	"context"
	"slices"
	"strings"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/surface/sts/ask"
)

// impersonation is the one delegated permission of the built-in resources but Graph.
const impersonation = "user_impersonation"

// cliScopes are the delegated permissions at Graph of the first-party clients. What a person
// may do is decided by the person's own roles; these only say that the client may act for them.
var cliScopes = strings.Fields(`Application.ReadWrite.All AppRoleAssignment.ReadWrite.All AuditLog.Read.All
	DelegatedPermissionGrant.ReadWrite.All Directory.AccessAsUser.All Group.ReadWrite.All User.ReadWrite.All`)

// graphScopes are all delegated permissions at Graph that may be asked for by name.
var graphScopes = append(slices.Clone(cliScopes), "User.Read", "User.Read.All", "User.ReadBasic.All", "Group.Read.All", "GroupMember.Read.All",
	"Application.Read.All", "Directory.Read.All", "Directory.ReadWrite.All")

// readWish reads a scope. Refusals: 900144, 70011, 28000.
func readWish(scope string) (ask.Wish, error) {
	w, err := ask.ReadWish(scope)
	if err == nil {
		return w, nil
	}
	f, _ := translate(err, fault.Message(err))
	return w, f
}

// granted is what a client gets of a wish: the resource and the names of the permissions, as
// the claim `scp` carries them.
func (m *Room) granted(ctx context.Context, u directory.User, c client, w ask.Wish) (directory.Resource, []string, error) {
	res, err := m.directory.ResolveAudience(ctx, u.Tenant, w.Resource)
	if err != nil {
		f, ok := translate(err, w.Resource)
		if !ok {
			return res, nil, err
		}
		return res, nil, f
	}
	offered, standard := []string{impersonation}, []string{impersonation}
	switch {
	case res.AppID == directory.GraphApp:
		offered, standard = graphScopes, cliScopes
	case !directory.Builtin(res.AppID):
		if offered, err = m.offered(ctx, u.Tenant, res.AppID); err != nil {
			return res, nil, err
		}
		standard = offered
	}
	var names []string
	for _, n := range w.Names {
		if n == ask.Default {
			names = standard
			continue
		}
		i := slices.IndexFunc(offered, func(o string) bool { return strings.EqualFold(o, n) })
		if i < 0 {
			return res, nil, fail(70011, n)
		}
		names = append(names, offered[i])
	}
	if len(names) > 0 && !c.firstParty && c.app != res.AppID {
		if names, err = m.consented(ctx, u, c, res.AppID, w, names); err != nil {
			return res, nil, err
		}
	}
	if res.AppID == directory.GraphApp {
		names = append(slices.Clone(names), "openid", "profile", "email") // tools tell a person's token by them (DT-3.7)
	}
	if len(names) == 0 {
		return res, nil, fail(65001, res.DisplayName)
	}
	return res, names, nil
}

// offered are the enabled permissions that an application of the tenant defines.
func (m *Room) offered(ctx context.Context, tenant id.Tenant, app id.App) ([]string, error) {
	a, err := m.directory.Application(ctx, tenant, app)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, s := range a.Scopes {
		if s.Enabled && s.Value != "" {
			out = append(out, s.Value)
		}
	}
	return out, nil
}

// consented are those of names that the tenant has granted to the client (Graph
// oauth2PermissionGrant). Refusals: 65001.
func (m *Room) consented(ctx context.Context, u directory.User, c client, resource id.App, w ask.Wish, names []string) ([]string, error) {
	if m.grants == nil {
		return nil, fail(65001, w.Resource)
	}
	granted, err := m.grants.Granted(ctx, u.Tenant, u.ID, c.app, resource)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, n := range names {
		if slices.ContainsFunc(granted, func(g string) bool { return strings.EqualFold(g, n) }) {
			out = append(out, n)
		} else if !slices.Contains(w.Names, ask.Default) {
			return nil, fail(65001, w.Resource)
		}
	}
	if len(out) == 0 {
		return nil, fail(65001, w.Resource)
	}
	return out, nil
}
