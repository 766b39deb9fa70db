package app

import (
	"time"

	"github.com/sealring/sealring/internal/deployment"
)

// deploymentWait is how long a deployment is waited for before its answer: most end within
// it, and their clients need not ask again.
const deploymentWait = 2 * time.Second

// buildDeployments wires what runs template deployments.
func (s *Server) buildDeployments() (err error) {
	s.deployments, err = deployment.New(deployment.Config{Store: s.db, Audit: s.audit, Resources: s.resources, Log: s.c.Log, IDs: s.ids,
		Now: s.c.Now, Server: s.c.Hostname, Wait: deploymentWait})
	s.rooms.run = append(s.rooms.run, s.deployments.Run)
	return err
}
