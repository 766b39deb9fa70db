package signin

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/secret"
	"github.com/sealring/sealring/internal/store"
)

// refreshPrefix begins every refresh token, so that scanners can find one that leaked.
const refreshPrefix = "srr1."

// refreshBytes is the length of a refresh token behind the prefix: family, generation, proof.
const refreshBytes = 16 + 4 + 32

// family is a chain of refresh tokens of which the last one is valid.
type family struct {
	id         uuid.UUID
	grant      Grant
	salt       []byte
	generation uint32
	rotated    time.Time
	expires    time.Time
	revoked    bool
}

// text is the refresh token of a generation.
func (s *Service) text(f family, generation uint32) secret.Text {
	raw := binary.BigEndian.AppendUint32(append([]byte{}, f.id[:]...), generation)
	raw = append(raw, s.hash.MAC("signin refresh token", append(append([]byte{}, raw...), f.salt...))...)
	return secret.New(refreshPrefix + base64.RawURLEncoding.EncodeToString(raw))
}

// readRefresh takes a refresh token apart; nothing is proved by it.
func readRefresh(text string) (family uuid.UUID, generation uint32, ok bool) {
	if len(text) != len(refreshPrefix)+base64.RawURLEncoding.EncodedLen(refreshBytes) || text[:len(refreshPrefix)] != refreshPrefix {
		return uuid.UUID{}, 0, false
	}
	raw, err := base64.RawURLEncoding.DecodeString(text[len(refreshPrefix):])
	if err != nil || len(raw) != refreshBytes {
		return uuid.UUID{}, 0, false
	}
	return uuid.UUID(raw[:16]), binary.BigEndian.Uint32(raw[16:20]), true
}

// IssueRefresh begins a family and returns its first refresh token. name is the family's, as
// RedeemCode gave it; "" makes a new one.
func (s *Service) IssueRefresh(ctx context.Context, name string, g Grant) (secret.Text, error) {
	if name == "" {
		name = s.ids.Text()
	}
	parsed, err := uuid.Parse(name)
	if err != nil {
		return secret.Text{}, fmt.Errorf("family of refresh tokens: %w", err)
	}
	now := s.now()
	f := family{id: parsed, grant: g, salt: make([]byte, 16)}
	if _, err := io.ReadFull(s.rand, f.salt); err != nil {
		return secret.Text{}, fmt.Errorf("draw salt: %w", err)
	}
	g.Nonce = "" // of the first answer only
	body, err := encode(g)
	if err != nil {
		return secret.Text{}, err
	}
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		if err := prune(ctx, tx, "signin_families", now); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO signin_families (id, grant_json, salt, generation, rotated_at, expires_at, revoked_at)
			VALUES ($1, $2, $3, 1, $4, $5, 0)`, f.id.String(), body, f.salt, now.Unix(), now.Add(refreshIdle).Unix())
		if errors.Is(err, store.ErrExists) {
			return ErrCodeUsed // revoked by a second use of the code, meanwhile
		}
		if err != nil {
			return fmt.Errorf("insert refresh token: %w", err)
		}
		return nil
	})
	return s.text(f, 1), err
}

// Rotate exchanges a refresh token of the client for the next one. Within 30 seconds of its
// rotation the same token gets the same answer, for a client that asked twice at once or did
// not hear us; after that, or for any older one, the family is revoked.
// Errors: ErrRefresh, ErrRefreshExpired, ErrRevoked.
func (s *Service) Rotate(ctx context.Context, token secret.Text, client id.App) (g Grant, next secret.Text, err error) {
	name, generation, ok := readRefresh(token.Reveal())
	if !ok {
		return g, next, ErrRefresh
	}
	now := s.now()
	var refused error
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		f, err := loadFamily(ctx, tx, name)
		if err != nil {
			return err
		}
		g = f.grant
		switch {
		case !hmac.Equal([]byte(s.text(f, generation).Reveal()), []byte(token.Reveal())) || g.Client != client || generation > f.generation:
			return ErrRefresh
		case f.revoked:
			return ErrRevoked
		case !now.Before(f.expires):
			return ErrRefreshExpired
		case generation == f.generation:
			f.generation++
			next = s.text(f, f.generation)
			end := min(now.Add(refreshIdle).Unix(), g.SignedIn.Add(refreshLife).Unix())
			if _, err := tx.Exec(ctx, "UPDATE signin_families SET generation = $1, rotated_at = $2, expires_at = $3 WHERE id = $4",
				int64(f.generation), now.Unix(), end, f.id.String()); err != nil {
				return fmt.Errorf("rotate refresh token: %w", err)
			}
			return nil
		case generation == f.generation-1 && now.Sub(f.rotated) <= rotationGrace:
			next = s.text(f, f.generation)
			return nil
		}
		refused = ErrRevoked // and yet the transaction commits
		return s.revoke(ctx, tx, f.id.String(), "refresh_token_reuse")
	})
	if err == nil {
		err = refused
	}
	return g, next, err
}

// Refreshed returns what a refresh token of the client stands for, and leaves it as it is; one
// that Rotate would punish is punished. Errors: those of Rotate.
func (s *Service) Refreshed(ctx context.Context, token secret.Text, client id.App) (g Grant, err error) {
	name, generation, ok := readRefresh(token.Reveal())
	if !ok {
		return g, ErrRefresh
	}
	var f family
	err = s.db.View(ctx, func(tx *store.Tx) error {
		f, err = loadFamily(ctx, tx, name)
		return err
	})
	if err != nil {
		return g, err
	}
	if f.generation == generation && !f.revoked && s.now().Before(f.expires) && f.grant.Client == client &&
		hmac.Equal([]byte(s.text(f, generation).Reveal()), []byte(token.Reveal())) {
		return f.grant, nil
	}
	g, _, err = s.Rotate(ctx, token, client) // refuses, or repeats its last answer
	return g, err
}

// loadFamily reads a family. Errors: ErrRefresh.
func loadFamily(ctx context.Context, tx *store.Tx, name uuid.UUID) (family, error) {
	f := family{id: name}
	var body string
	var generation, rotated, expires, revoked int64
	found, err := tx.Get(ctx, "SELECT grant_json, salt, generation, rotated_at, expires_at, revoked_at FROM signin_families WHERE id = $1",
		[]any{name.String()}, &body, &f.salt, &generation, &rotated, &expires, &revoked)
	if err != nil {
		return f, fmt.Errorf("read refresh token: %w", err)
	}
	if !found {
		return f, ErrRefresh
	}
	if err := json.Unmarshal([]byte(body), &f.grant); err != nil {
		return f, fmt.Errorf("decode refresh token: %w", err)
	}
	f.generation, f.rotated, f.expires, f.revoked = uint32(generation), time.Unix(rotated, 0), time.Unix(expires, 0), revoked != 0
	return f, nil
}

// revoke ends a family and says why in the record. Where it does not exist yet, because the
// first use of the code has not come that far, it is made, ended.
func (s *Service) revoke(ctx context.Context, tx *store.Tx, name, reason string) error {
	now := s.now()
	parsed, err := uuid.Parse(name)
	if err != nil {
		return fmt.Errorf("family of refresh tokens: %w", err)
	}
	f, err := loadFamily(ctx, tx, parsed)
	switch {
	case errors.Is(err, ErrRefresh):
		_, err = tx.Exec(ctx, `INSERT INTO signin_families (id, grant_json, salt, generation, rotated_at, expires_at, revoked_at)
			VALUES ($1, '{}', $2, 1, $3, $4, $3)`, name, []byte{}, now.Unix(), now.Add(keepUsed).Unix())
	case err != nil:
		return err
	case f.revoked:
		return nil
	default:
		_, err = tx.Exec(ctx, "UPDATE signin_families SET revoked_at = $1 WHERE id = $2", max(1, now.Unix()), name)
	}
	if err != nil {
		return fmt.Errorf("revoke refresh tokens: %w", err)
	}
	return s.record(ctx, tx, "signin.refreshTokens.revoke", reason, f.grant)
}
