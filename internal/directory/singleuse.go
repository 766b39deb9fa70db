package directory

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
)

// ErrAssertionUsed is a client assertion that comes a second time for an application that
// takes each once (S-36).
var ErrAssertionUsed = fault.New(fault.Unauthenticated, "the client assertion was used before")

// RequireSingleUseAssertions sets whether each client assertion of an application, signed by
// a certificate or federated, works once. It is off for new applications, since some clients
// send one several times (S-36). Errors: ErrApplicationNotFound.
func (d *Directory) RequireSingleUseAssertions(ctx context.Context, tx *store.Tx, tenant id.Tenant, app id.App, on bool) error {
	if _, err := LoadApplication(ctx, tx, tenant, app); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "DELETE FROM directory_single_use WHERE app_id = $1", string(app)); err != nil {
		return fmt.Errorf("let assertions of %s be reused: %w", app, err)
	}
	operation := "directory.application.allowAssertionReuse"
	if on {
		operation = "directory.application.requireSingleUseAssertions"
		if _, err := tx.Exec(ctx, "INSERT INTO directory_single_use (app_id) VALUES ($1)", string(app)); err != nil {
			return fmt.Errorf("let assertions of %s be used once: %w", app, err)
		}
	}
	tx.Changed(Topic, singleUseKey(app))
	return d.record(ctx, tx, operation, string(app), nil)
}

// SetSingleUseAssertions is RequireSingleUseAssertions in a transaction of its own.
func (d *Directory) SetSingleUseAssertions(ctx context.Context, tenant id.Tenant, app id.App, on bool) error {
	return d.cache.db.Update(ctx, func(tx *store.Tx) error { return d.RequireSingleUseAssertions(ctx, tx, tenant, app, on) })
}

// singleUseKey is the feed's key of the setting of an application.
func singleUseKey(app id.App) string { return "o/" + string(app) }

// readSingleUse loads which applications take each assertion once: one, or all for "".
func (l *loadedRows) readSingleUse(ctx context.Context, tx *store.Tx, only string) error {
	condition, args := onlyRow("app_id", only)
	return tx.Query(ctx, func(r store.Row) error {
		var app id.App
		if err := r.Scan(&app); err != nil {
			return fmt.Errorf("scan application: %w", err)
		}
		l.singleUse = append(l.singleUse, app)
		return nil
	}, "SELECT app_id FROM directory_single_use WHERE 1 = 1"+condition, args...)
}

// SingleUseAssertions reports whether the application takes each client assertion once.
func (d *Directory) SingleUseAssertions(ctx context.Context, app id.App) (bool, error) {
	s, err := d.cache.read(ctx)
	if err != nil {
		return false, err
	}
	defer d.cache.done()
	return s.singleUse[app], nil
}

// UseAssertion notes that an assertion is used, named by a digest, until it expires; of any
// number of uses, on any replica, one succeeds. It takes a transaction of its own and does
// nothing for an application that lets assertions be reused. Errors: ErrAssertionUsed.
func (d *Directory) UseAssertion(ctx context.Context, app id.App, digest []byte, expires time.Time) error {
	once, err := d.SingleUseAssertions(ctx, app)
	if err != nil || !once {
		return err
	}
	err = d.cache.db.Update(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM directory_used_assertions WHERE expires_at < $1", seconds(d.now())); err != nil {
			return fmt.Errorf("forget expired assertions: %w", err)
		}
		_, err := tx.Exec(ctx, "INSERT INTO directory_used_assertions (app_id, digest, expires_at) VALUES ($1, $2, $3)", string(app), digest, seconds(expires))
		return err
	})
	if errors.Is(err, store.ErrExists) {
		return ErrAssertionUsed
	}
	if err != nil {
		return fmt.Errorf("note the use of an assertion of %s: %w", app, err)
	}
	return nil
}
