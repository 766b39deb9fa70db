package app

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/relation"
	"github.com/sealring/sealring/internal/signin"
	"github.com/sealring/sealring/internal/surface/sts"
)

// newSignIn builds the sign-in room and what keeps the sign-ins of people for it.
func (s *Server) newSignIn() (*sts.Room, error) {
	kept, err := signin.New(signin.Config{Store: s.db, Audit: s.audit, Hasher: s.sealer, IDs: s.ids, Rand: s.c.Rand, Now: s.c.Now})
	if err != nil {
		return nil, err
	}
	outside, err := s.newFederation()
	if err != nil {
		return nil, err
	}
	return sts.New(sts.Config{
		Federation: outside, IdentityLifetime: s.c.Tokens.ManagedIdentity,
		Authority: s.in.url("login"), Graph: s.in.url("graph"),
		Hosts:     []string{"localhost:" + strconv.Itoa(port(s.listeners.tls)), "localhost", "login." + s.in.domain}, // MSAL drops ports
		Directory: s.directory, Trust: s.trust, Keys: s.keys, Issuer: s.issuer, Audit: s.audit, SignIn: kept, Hasher: s.sealer, Grants: delegated{s.directory, s.relations}, Entitlements: s.entitlements,
		PasswordGrant: s.c.Tokens.PasswordGrant, Log: s.c.Log, Now: s.c.Now, Rand: s.c.Rand, IDs: s.ids,
	})
}

// delegated answers the sign-in room's question about delegated permissions.
type delegated struct {
	directory *directory.Directory
	relations *relation.Service
}

// Granted implements sts.Config's Grants: what was granted to the client for everybody, and
// for this user.
func (d delegated) Granted(ctx context.Context, tenant id.Tenant, user id.Object, client, resource id.App) ([]string, error) {
	var ends [2]id.Object
	for i, app := range []id.App{client, resource} {
		sp, err := d.directory.ServicePrincipalByApp(ctx, tenant, app)
		if errors.Is(err, directory.ErrServicePrincipalNotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		ends[i] = sp.ID
	}
	all, err := d.relations.Grants(ctx, tenant)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, g := range all {
		if g.Client == ends[0] && g.Resource == ends[1] && (g.Principal == "" || g.Principal == user) {
			out = append(out, strings.Fields(g.Scope)...)
		}
	}
	return out, nil
}
