package signin

import (
	"context"
	"fmt"
	"time"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/secret"
	"github.com/sealring/sealring/internal/store"
)

// Session is a browser in which a user is signed in.
type Session struct {
	ID       string // GUID; not the cookie
	Tenant   id.Tenant
	User     id.Object
	Epoch    int64
	SignedIn time.Time // UTC, whole seconds
}

// StartSession begins a session and returns what the cookie holds. Every sign-in gets one of
// its own, so that none can be prepared for another person (session fixation).
func (s *Service) StartSession(ctx context.Context, tenant id.Tenant, user id.Object, epoch int64) (Session, secret.Text, error) {
	cookie, err := s.fresh()
	if err != nil {
		return Session{}, secret.Text{}, err
	}
	now := s.now().UTC().Truncate(time.Second)
	session := Session{ID: s.ids.Text(), Tenant: tenant, User: user, Epoch: epoch, SignedIn: now}
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		if err := prune(ctx, tx, "signin_sessions", now); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO signin_sessions (hash, id, tenant_id, user_id, epoch, signed_in_at, seen_at, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, s.key("session", cookie.Reveal()), session.ID, string(tenant), string(user), epoch,
			now.Unix(), now.Unix(), now.Add(sessionLife).Unix())
		if err != nil {
			return fmt.Errorf("insert session: %w", err)
		}
		return nil
	})
	return session, cookie, err
}

// Session returns the session of a cookie; it ends 8 hours after it was last used, and 24
// hours after the sign-in in any case. The caller compares the epoch with the user's.
// Errors: ErrNoSession.
func (s *Service) Session(ctx context.Context, cookie secret.Text) (Session, error) {
	if cookie.Empty() || len(cookie.Reveal()) > 128 {
		return Session{}, ErrNoSession
	}
	key, now := s.key("session", cookie.Reveal()), s.now()
	var out Session
	var signedIn, seen, expires int64
	err := s.db.View(ctx, func(tx *store.Tx) error {
		found, err := tx.Get(ctx, "SELECT id, tenant_id, user_id, epoch, signed_in_at, seen_at, expires_at FROM signin_sessions WHERE hash = $1",
			[]any{key}, &out.ID, &out.Tenant, &out.User, &out.Epoch, &signedIn, &seen, &expires)
		if err != nil {
			return fmt.Errorf("read session: %w", err)
		}
		if !found || now.Unix() >= expires || now.Sub(time.Unix(seen, 0)) >= sessionIdle {
			return ErrNoSession
		}
		return nil
	})
	if err != nil {
		return Session{}, err
	}
	out.SignedIn = time.Unix(signedIn, 0).UTC()
	if now.Sub(time.Unix(seen, 0)) < time.Minute {
		return out, nil
	}
	return out, s.db.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE signin_sessions SET seen_at = $1 WHERE hash = $2", now.Unix(), key)
		return err
	})
}

// EndSession ends the session of a cookie; one that does not exist is ended already.
func (s *Service) EndSession(ctx context.Context, cookie secret.Text) error {
	if cookie.Empty() {
		return nil
	}
	return s.db.Update(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM signin_sessions WHERE hash = $1", s.key("session", cookie.Reveal())); err != nil {
			return fmt.Errorf("end session: %w", err)
		}
		return nil
	})
}
