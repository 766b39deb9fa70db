package signin

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/secret"
	"github.com/sealring/sealring/internal/store"
)

// Code is what an authorization code stands for.
type Code struct {
	Grant
	Redirect string `json:"redirect"`
	// Challenge is the S256 code_challenge; "" only for a client that proves itself by a credential.
	Challenge string `json:"challenge"`
}

// IssueCode returns a new authorization code, valid for a minute.
func (s *Service) IssueCode(ctx context.Context, c Code) (secret.Text, error) {
	text, err := s.fresh()
	if err != nil {
		return secret.Text{}, err
	}
	body, err := encode(c)
	if err != nil {
		return secret.Text{}, err
	}
	now := s.now()
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		if err := prune(ctx, tx, "signin_codes", now.Add(-keepUsed)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "INSERT INTO signin_codes (hash, family_id, grant_json, expires_at, used_at) VALUES ($1, $2, $3, $4, 0)",
			s.key("code", text.Reveal()), s.ids.Text(), body, now.Add(codeLife).Unix())
		if err != nil {
			return fmt.Errorf("insert code: %w", err)
		}
		return nil
	})
	return text, err
}

// Presented is how a client presents an authorization code.
type Presented struct {
	Code     secret.Text
	Client   id.App
	Redirect string
	Verifier string
}

// RedeemCode uses a code up, whether or not the rest of p is right, and returns what it stands
// for. Of several at the same time one succeeds. A second use revokes the refresh tokens of
// the first. family names the refresh tokens that come of it.
// Errors: ErrCode, ErrCodeUsed, ErrCodeBinding, ErrVerifier.
func (s *Service) RedeemCode(ctx context.Context, p Presented) (c Code, family string, err error) {
	key, now := s.key("code", p.Code.Reveal()), s.now()
	var refused error
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		var body string
		var expires, used int64
		found, err := tx.Get(ctx, "SELECT family_id, grant_json, expires_at, used_at FROM signin_codes WHERE hash = $1", []any{key},
			&family, &body, &expires, &used)
		if err != nil {
			return fmt.Errorf("read code: %w", err)
		}
		if !found {
			return ErrCode
		}
		if err := json.Unmarshal([]byte(body), &c); err != nil {
			return fmt.Errorf("decode code: %w", err)
		}
		if used != 0 {
			refused = ErrCodeUsed // and yet the transaction commits
			return s.revoke(ctx, tx, family, "code_reuse")
		}
		if _, err := tx.Exec(ctx, "UPDATE signin_codes SET used_at = $1 WHERE hash = $2", max(1, now.Unix()), key); err != nil {
			return fmt.Errorf("use code: %w", err)
		}
		refused = c.refuse(p, now.Unix() >= expires)
		return nil
	})
	if err == nil {
		err = refused
	}
	return c, family, err
}

// refuse says what is wrong with the way a code was presented, if anything.
func (c Code) refuse(p Presented, expired bool) error {
	switch {
	case expired:
		return ErrCode
	case p.Client != c.Client || p.Redirect != c.Redirect:
		return ErrCodeBinding
	case c.Challenge != "" && !fits(c.Challenge, p.Verifier), c.Challenge == "" && p.Verifier != "":
		return ErrVerifier
	}
	return nil
}

// fits compares a verifier with an S256 challenge (RFC 7636 §4.6).
func fits(challenge, verifier string) bool {
	sum := sha256.Sum256([]byte(verifier))
	return len(verifier) >= 43 && len(verifier) <= 128 &&
		subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(challenge)) == 1
}
