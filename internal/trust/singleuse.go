package trust

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sealring/sealring/internal/directory"
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
func (s *Service) RequireSingleUseAssertions(ctx context.Context, tx *store.Tx, tenant id.Tenant, app id.App, on bool) error {
	if _, err := directory.LoadApplication(ctx, tx, tenant, app); err != nil {
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
	tx.Changed(Topic, string(app))
	return s.record(ctx, tx, operation, string(app), nil)
}

// SetSingleUseAssertions is RequireSingleUseAssertions in a transaction of its own.
func (s *Service) SetSingleUseAssertions(ctx context.Context, tenant id.Tenant, app id.App, on bool) error {
	return s.db.Update(ctx, func(tx *store.Tx) error { return s.RequireSingleUseAssertions(ctx, tx, tenant, app, on) })
}

// SingleUseAssertions reports whether the application takes each client assertion once.
func (s *Service) SingleUseAssertions(ctx context.Context, app id.App) (bool, error) {
	h, err := s.of(ctx, app)
	return h.once, err
}

// longestAssertion is how long an assertion may be used; one that does not say when it begins
// is taken to have begun so long before it ends.
const longestAssertion = 24 * time.Hour

// Use is one use of a client assertion.
type Use struct {
	Digest  []byte    // names the assertion
	Begins  time.Time // zero: it does not say
	Expires time.Time
}

// UseAssertion notes that an assertion is used until it expires; of any number of uses, on any
// replica, one succeeds, and of those from before a restore none. It takes a
// transaction of its own and does nothing for an application that lets assertions be reused.
// Errors: ErrAssertionUsed.
func (s *Service) UseAssertion(ctx context.Context, app id.App, u Use) error {
	once, err := s.SingleUseAssertions(ctx, app)
	if err != nil || !once {
		return err
	}
	if u.Begins.IsZero() {
		u.Begins = u.Expires.Add(-longestAssertion)
	}
	if u.Begins.Before(s.restored) {
		return ErrAssertionUsed
	}
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM directory_used_assertions WHERE expires_at < $1", s.now().Unix()); err != nil {
			return fmt.Errorf("forget expired assertions: %w", err)
		}
		_, err := tx.Exec(ctx, "INSERT INTO directory_used_assertions (app_id, digest, expires_at) VALUES ($1, $2, $3)", string(app), u.Digest, u.Expires.Unix())
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
