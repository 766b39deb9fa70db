package app

import (
	"strings"

	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/surface/arm/provider"
)

// strictManagement is what Resource Manager refuses beyond its own rules (D-8).
func (s *Server) strictManagement() arm.Strict {
	a := s.c.Azure
	return provider.Strict(s.resources, a.On(a.StrictAPIVersions), a.On(a.StrictRegistration))
}

// quotas are the configured limits of user-assigned identities by type in lower case.
func (s *Server) quotas() map[string]int {
	out := map[string]int{}
	for kind, limit := range s.c.Hosts.UserAssigned {
		out[strings.ToLower(kind)] = limit
	}
	return out
}
