// Package paging makes continuation tokens: the sealed place at which a listing goes on.
//
// A token says nothing to its holder, works only for the caller, tenant and query it was
// made for, and ends after an hour unless its maker says otherwise (S-52). A page is found by seeking behind a key, never
// by counting, so what is written meanwhile moves nothing else.
package paging

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/seal"
)

// ErrToken is a continuation token that was altered, was made for something else, or is
// too old. Which of these it was is not told.
var ErrToken = fault.New(fault.Invalid, "the continuation token is not valid or has expired")

// Limits of a token.
const (
	lifetime  = time.Hour
	maxLength = 8 << 10 // characters
	purpose   = "paging"
)

// sealer encrypts. *seal.Sealer is one.
type sealer interface {
	Seal(ctx context.Context, purpose, binding string, plain []byte) ([]byte, error)
	Open(ctx context.Context, purpose, binding string, sealed []byte) ([]byte, error)
}

// Config names what Tokens need; Sealer and Now.
type Config struct {
	Sealer sealer
	Now    func() time.Time
	// Epoch counts the restores of the installation: a token made in one is not valid in
	// another.
	Epoch int64
}

// Tokens makes and reads continuation tokens. It is safe for concurrent use.
type Tokens struct {
	seal  sealer
	now   func() time.Time
	epoch int64
}

// New returns Tokens or names the missing setting.
func New(c Config) (*Tokens, error) {
	if c.Sealer == nil || c.Now == nil {
		return nil, errors.New("paging: Sealer and Now are needed")
	}
	return &Tokens{seal: c.Sealer, now: c.Now, epoch: c.Epoch}, nil
}

// Query is what a token is bound to.
type Query struct {
	Tenant id.Tenant
	Caller id.Object
	// What are the parts that determine the listing: its path, its filter, its order. The
	// size of a page is not among them.
	What []string
	// Lasts is how long a token made for it is valid; 0 means an hour.
	Lasts time.Duration
}

// binding joins the parts so that no two queries have one binding: each is preceded by
// its length (S-53). The epoch comes first.
func (q Query) binding(epoch int64) string {
	b := binary.AppendVarint(nil, epoch)
	for _, part := range append([]string{string(q.Tenant), string(q.Caller)}, q.What...) {
		b = binary.AppendUvarint(b, uint64(len(part)))
		b = append(b, part...)
	}
	return string(b)
}

// Make returns the token that continues q behind position, in characters that need no
// escaping in a URL.
func (t *Tokens) Make(ctx context.Context, q Query, position string) (string, error) {
	plain := binary.BigEndian.AppendUint64(nil, uint64(t.now().Add(cmp.Or(q.Lasts, lifetime)).Unix()))
	sealed, err := t.seal.Seal(ctx, purpose, q.binding(t.epoch), append(plain, position...))
	if err != nil {
		return "", fmt.Errorf("seal a continuation token: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

// Position returns where q goes on according to a token. Errors: ErrToken.
func (t *Tokens) Position(ctx context.Context, q Query, token string) (string, error) {
	if len(token) > maxLength {
		return "", ErrToken
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil {
		return "", ErrToken
	}
	plain, err := t.seal.Open(ctx, purpose, q.binding(t.epoch), sealed)
	switch {
	case errors.Is(err, seal.ErrOpen):
		return "", ErrToken
	case err != nil:
		return "", fmt.Errorf("open a continuation token: %w", err)
	case len(plain) < 8 || t.now().Unix() >= int64(binary.BigEndian.Uint64(plain)):
		return "", ErrToken
	}
	return string(plain[8:]), nil
}
