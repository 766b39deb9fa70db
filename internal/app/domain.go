package app

import (
	"context"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/managementgroup"
	"github.com/sealring/sealring/internal/managementlock"
	"github.com/sealring/sealring/internal/rbac"
	"github.com/sealring/sealring/internal/relation"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/seal"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/trust"
)

// domain is the services that a server and the commands on its host share: who there is,
// what there is, and who may do what.
type domain struct {
	directory *directory.Directory
	trust     *trust.Service
	relations *relation.Service
	resources *resource.Service
	groups    *managementgroup.Service
	locks     *managementlock.Service
	rbac      *rbac.Service
}

// newDomain wires them over an open store. audiences are further names of the built-in
// resources; a command that issues no tokens needs none.
func newDomain(c Config, in installation, db *store.DB, log *audit.Log, sealer *seal.Sealer, audiences []directory.Audience) (d domain, err error) {
	ids := id.NewSource(c.Rand)
	d.directory, err = directory.New(directory.Config{
		Store: db, Audit: log, IDs: ids, Rand: c.Rand, Now: c.Now, Audiences: audiences, Hasher: sealer,
	})
	if err != nil {
		return d, err
	}
	if d.trust, err = trust.New(trust.Config{Store: db, Audit: log, Directory: d.directory, IDs: ids, Now: c.Now, Limit: c.federatedLimit(), Restored: in.restored}); err != nil {
		return d, err
	}
	if d.relations, err = relation.New(relation.Config{Store: db, Audit: log, Directory: d.directory, IDs: ids, Now: c.Now}); err != nil {
		return d, err
	}
	if d.resources, err = resource.New(resource.Config{Store: db, Audit: log, Now: c.Now, Sealer: sealer}); err != nil {
		return d, err
	}
	var roles *rbac.Service // needs the groups, which need it when one is deleted
	d.groups, err = managementgroup.New(managementgroup.Config{
		Store: db, Audit: log, Subscriptions: d.resources, Now: c.Now,
		Removed: func(ctx context.Context, tx *store.Tx, scope resource.ID) error {
			_, err := roles.RemoveScope(ctx, tx, scope)
			return err
		},
	})
	if err != nil {
		return d, err
	}
	if d.locks, err = managementlock.New(managementlock.Config{Store: db, Audit: log, Now: c.Now}); err != nil {
		return d, err
	}
	perSubscription, perGroup := c.assignmentLimits()
	roles, err = rbac.New(rbac.Config{
		Store: db, Audit: log, Directory: &principals{d.directory, d.relations}, Hierarchy: d.groups, Now: c.Now,
		AssignmentsPerSubscription: perSubscription, AssignmentsPerManagementGroup: perGroup, Delay: c.replication(),
	})
	d.rbac = roles
	return d, err
}
