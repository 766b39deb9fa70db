package app

import (
	"context"
	"errors"
	"time"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
)

// administers reports whether a principal is the administrator that its tenant was founded
// with: who is may give itself access to everything in the tenant, in the open.
func (s *Server) administers(ctx context.Context, tenant id.Tenant, principal id.Object) (bool, error) {
	app := s.in.adminApp
	if tenant != s.in.tenant {
		err := s.db.View(ctx, func(tx *store.Tx) error {
			values, err := readInstallation(ctx, tx)
			app = id.App(values[adminOf(tenant)])
			return err
		})
		if err != nil || app == "" {
			return false, err
		}
	}
	sp, err := s.directory.ServicePrincipalByApp(ctx, tenant, app)
	if errors.Is(err, directory.ErrServicePrincipalNotFound) {
		return false, nil
	}
	return sp.ID == principal, err
}

// The most role assignments of a subscription and of a management group where Azure's
// numbers do not hold: enough for a million identities, and a bound all the same.
const (
	assignmentLimit      = 2_000_000
	groupAssignmentLimit = 100_000
)

// assignmentLimits are the most assignments of a subscription and of a management group; 0
// are those of Azure.
func (c Config) assignmentLimits() (subscription, group int) {
	if c.Azure.On(c.Azure.AuthorizationLimits) {
		return 0, 0
	}
	return assignmentLimit, groupAssignmentLimit
}

// replicationDelay is how much later than it was written an assignment takes effect where
// Azure's delay is asked for.
const replicationDelay = 10 * time.Second

// replication is what rbac delays writes with; nil where they take effect at once.
func (c Config) replication() func(func()) {
	if !c.Azure.On(c.Azure.ReplicationDelay) {
		return nil
	}
	return func(effective func()) { time.AfterFunc(replicationDelay, effective) }
}
