package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/rbac"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/secret"
	"github.com/sealring/sealring/internal/store"
)

// adminSecretFile is the name of the administrator's secret in the data directory.
const adminSecretFile = "admin.secret"

// adminSecretIDFile names the credential of that secret, so that a new one replaces it; in
// further lines those that it replaced.
const adminSecretIDFile = "admin.secret.id"

// onceSuffix is added to the name of the secret's file for the one that says that the secret
// works once; commands on this host then exchange it for one that stays (client.AdminToken).
const onceSuffix = ".once"

// ownerAssignment is the name of the administrator's assignment: fixed, so that a first
// start that was cut off can be repeated.
const ownerAssignment = rbac.AssignmentID("5ea15a11-0000-4000-8000-000000000001")

// bootstrap makes the first objects: tenant, administrator, subscription, resource group
// `default` and the administrator's Owner assignment. Every step can be repeated, so a
// start that was cut off is completed by the next one.
func (s *Server) bootstrap(ctx context.Context) error {
	ctx = audit.WithActor(ctx, audit.Actor{Name: "sealring up"})
	if s.in.tenant == "" {
		if _, err := os.Lstat(s.dir.file(adminSecretFile)); err == nil {
			return s.dir.orphaned("a new database")
		}
		if err := s.foundDirectory(ctx); err != nil {
			return fmt.Errorf("found the directory: %w", err)
		}
	}
	if err := s.founder().administrator(ctx, s.in.tenant, s.in.adminApp); err != nil {
		return fmt.Errorf("give the administrator its directory role: %w", err)
	}
	if s.in.complete {
		return s.keepAdminSecret(ctx)
	}
	admin, err := s.directory.ServicePrincipalByApp(ctx, s.in.tenant, s.in.adminApp)
	if err != nil {
		return fmt.Errorf("find the administrator: %w", err)
	}
	sub := resource.Subscription{ID: s.in.subscription, Tenant: s.in.tenant, Name: "Sealring"}
	err = s.founder().subscription(ctx, sub, rbac.NewAssignment{
		Name: ownerAssignment, Principal: admin.ID, PrincipalType: rbac.ServicePrincipal, Description: "the administrator made at first start",
	})
	if err != nil {
		return err
	}
	err = s.db.Update(ctx, func(tx *store.Tx) error { return writeInstallation(ctx, tx, "complete", "true") })
	if err != nil {
		return err
	}
	s.in.complete = true
	return s.keepAdminSecret(ctx)
}

// foundDirectory makes tenant and administrator in one transaction.
func (s *Server) foundDirectory(ctx context.Context) error {
	var tenant directory.Tenant
	var app directory.Application
	err := s.db.Update(ctx, func(tx *store.Tx) (err error) {
		tenant, app, _, err = s.founder().tenant(ctx, tx, directory.NewTenant{DisplayName: "Sealring", Domains: []string{s.in.domain}})
		if err != nil {
			return err
		}
		if err := writeInstallation(ctx, tx, "tenant_id", string(tenant.ID)); err != nil {
			return err
		}
		return writeInstallation(ctx, tx, "admin_client_id", string(app.App))
	})
	s.in.tenant, s.in.adminApp = tenant.ID, app.App
	return err
}

// keepAdminSecret writes the administrator's secret where there is none that fits: at first
// start, for whoever removed the file, and when a server moves between loopback and other
// addresses. The secret that the file held ends with that, so removing the file and starting
// again is rotation; other credentials, such as those of replicas with their own data
// directories, stay. On loopback it works until it is rotated; where others can reach the
// server it works once within an hour, to make a real credential (S-55).
func (s *Server) keepAdminSecret(ctx context.Context) error {
	lifetime := s.c.adminSecretLife()
	named, err := os.ReadFile(s.dir.file(adminSecretIDFile))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("find the administrator's secret: %w", err)
	}
	old := strings.Fields(string(named))
	if fits, err := s.adminSecretFits(ctx, old, lifetime); err != nil || fits {
		return err
	}
	value, err := s.newAdminSecret(ctx, old, lifetime)
	if err == nil {
		err = s.markOnce(lifetime != directory.Unlimited)
	}
	if err == nil {
		err = s.dir.replace(adminSecretFile, []byte(value.Reveal()))
	}
	if err != nil {
		return fmt.Errorf("make the administrator's secret: %w", err)
	}
	return nil
}

// newAdminSecret replaces the credentials named old by a new one. A start may be cut off at
// any point here: the file is gone before anything changes and comes back only after the
// commit, so that one that is there works, and one that is missing is made again; the new
// credential and those it replaces are both named before the commit, so that the next start
// ends whichever of them exist.
func (s *Server) newAdminSecret(ctx context.Context, old []string, lifetime time.Duration) (value secret.Text, err error) {
	if err := os.Remove(s.dir.file(adminSecretFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return value, err
	}
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		names := []string{""}
		for _, id := range old {
			err := s.directory.RemoveCredential(ctx, tx, s.in.tenant, s.in.adminApp, id)
			if errors.Is(err, directory.ErrCredentialNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			names = append(names, id)
		}
		made, v, err := addAdminSecret(ctx, tx, s.directory, s.in.tenant, s.in.adminApp, "made by sealring up", lifetime)
		if err != nil {
			return err
		}
		value, names[0] = v, made.KeyID
		return s.dir.replace(adminSecretIDFile, []byte(strings.Join(names, "\n")))
	})
	return value, err
}

// adminSecretFits reports whether the file holds a secret of this lifetime. One that somebody
// put there, whose credential nobody named, fits; so does a bootstrap secret that has ended
// where others can reach the server: only whoever removes the file gets another.
func (s *Server) adminSecretFits(ctx context.Context, named []string, lifetime time.Duration) (bool, error) {
	if _, err := os.Lstat(s.dir.file(adminSecretFile)); err != nil {
		return false, nil
	}
	secrets, _, err := s.directory.Credentials(ctx, s.in.tenant, s.in.adminApp)
	if err != nil {
		return false, fmt.Errorf("find the administrator's secret: %w", err)
	}
	for _, c := range secrets {
		if len(named) > 0 && c.KeyID == named[0] {
			return (c.End.Sub(c.Start) == directory.Unlimited) == (lifetime == directory.Unlimited), nil
		}
	}
	return true, nil
}

// markOnce says in a file beside the secret whether it works once.
func (s *Server) markOnce(once bool) error {
	if once {
		return s.dir.replace(adminSecretFile+onceSuffix, []byte("the secret beside this file works once: the first command of sealring on this host exchanges it\n"))
	}
	if err := os.Remove(s.dir.file(adminSecretFile + onceSuffix)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// addAdminSecret makes a secret of an administrator: one that stays, or, where others can
// reach the server, one for a single use within the hour (S-55).
func addAdminSecret(ctx context.Context, tx *store.Tx, d *directory.Directory, tenant id.Tenant, app id.App, name string, lifetime time.Duration) (directory.Secret, secret.Text, error) {
	if lifetime == directory.BootstrapLife {
		return d.AddBootstrapSecret(ctx, tx, tenant, app, name)
	}
	return d.AddSecret(ctx, tx, tenant, app, directory.NewSecret{DisplayName: name, Lifetime: lifetime})
}
