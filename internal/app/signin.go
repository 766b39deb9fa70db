package app

import (
	"strconv"

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
		Directory: s.directory, Keys: s.keys, Issuer: s.issuer, Audit: s.audit, SignIn: kept, Hasher: s.sealer,
		Log: s.c.Log, Now: s.c.Now, Rand: s.c.Rand, IDs: s.ids,
	})
}
