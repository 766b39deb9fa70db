// Package signin keeps what a person's sign-in leaves behind: browser sessions,
// authorization codes, device codes and refresh tokens (RFC 6749, 7636, 8628, 9700).
//
// Whatever a browser or client holds is random or derived under the installation's key, and
// kept here as a keyed hash or not at all: the tables are no use to who reads them. Codes are
// used once; a second use revokes what the first produced. Refresh tokens rotate; an old one
// revokes its family, except for a short while after the rotation, in which the client may
// not have got the answer. Everything ends when the user's epoch moves on (password changed,
// user disabled, sessions revoked). What has ended is removed when something new is written.
//
// Who may sign in, and whether a password is right, is the directory's business; how it
// looks on the wire the sign-in room's.
package signin

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/secret"
	"github.com/sealring/sealring/internal/store"
)

// Failures of this package.
var (
	// ErrNoSession is a cookie that names no session, or one that has ended.
	ErrNoSession = fault.New(fault.Unauthenticated, "there is no session")
	// ErrCode is an authorization code that does not exist or has expired.
	ErrCode = fault.New(fault.Invalid, "the authorization code is not valid or has expired")
	// ErrCodeUsed is an authorization code that was used before; what it produced is revoked.
	ErrCodeUsed = fault.New(fault.Invalid, "the authorization code was used already")
	// ErrCodeBinding is a code presented by another client, or with another redirect URI or tenant.
	ErrCodeBinding = fault.New(fault.Invalid, "the authorization code was issued to another client or redirect URI")
	// ErrVerifier is a code_verifier that does not fit the challenge.
	ErrVerifier = fault.New(fault.Invalid, "the code_verifier does not match the code_challenge")
	// ErrRefresh is a refresh token that was never issued, or to another client.
	ErrRefresh = fault.New(fault.Invalid, "the refresh token is not valid")
	// ErrRefreshExpired is a refresh token that was not used for too long.
	ErrRefreshExpired = fault.New(fault.Invalid, "the refresh token has expired")
	// ErrRevoked is a refresh token of a family that was revoked, or of a user whose sessions were.
	ErrRevoked = fault.New(fault.Invalid, "the refresh token was revoked")
	// ErrDevicePending is a device code that nobody has decided on.
	ErrDevicePending = fault.New(fault.Invalid, "the user has not finished signing in")
	// ErrDeviceDeclined is a device code that the user declined.
	ErrDeviceDeclined = fault.New(fault.Denied, "the user declined")
	// ErrDevice is a device code that does not exist, or was redeemed, or is another client's.
	ErrDevice = fault.New(fault.Invalid, "the device code is not valid")
	// ErrDeviceExpired is a device code that was not used in time.
	ErrDeviceExpired = fault.New(fault.Invalid, "the device code has expired")
	// ErrUserCode is a user code that names nothing that waits.
	ErrUserCode = fault.New(fault.NotFound, "the code is wrong or has expired")
	// ErrTooMany is a caller who asks for more than is kept.
	ErrTooMany = fault.New(fault.Throttled, "too many sign-ins are waiting")
)

// Lifetimes (S-73, DT-3.6).
const (
	codeLife      = time.Minute
	deviceLife    = 15 * time.Minute
	sessionIdle   = 8 * time.Hour
	sessionLife   = 24 * time.Hour
	refreshIdle   = 90 * 24 * time.Hour
	refreshLife   = 365 * 24 * time.Hour
	rotationGrace = 30 * time.Second
	keepUsed      = time.Hour // used codes, to recognise a second use
)

// DeviceLife is how long a device code waits.
const DeviceLife = deviceLife

// hasher makes keyed hashes, the same for ever and on every replica.
type hasher interface {
	MAC(purpose string, data []byte) []byte
}

// Config names what a Service needs; all fields.
type Config struct {
	Store  *store.DB
	Audit  *audit.Log
	Hasher hasher
	IDs    *id.Source
	Rand   io.Reader
	Now    func() time.Time
}

// Service keeps sessions, codes and refresh tokens. It is safe for concurrent use.
type Service struct {
	db    *store.DB
	audit *audit.Log
	hash  hasher
	ids   *id.Source
	rand  io.Reader
	now   func() time.Time
}

// New checks c.
func New(c Config) (*Service, error) {
	if c.Store == nil || c.Audit == nil || c.Hasher == nil || c.IDs == nil || c.Rand == nil || c.Now == nil {
		return nil, errors.New("signin: Store, Audit, Hasher, IDs, Rand and Now are needed")
	}
	return &Service{db: c.Store, audit: c.Audit, hash: c.Hasher, ids: c.IDs, rand: c.Rand, now: c.Now}, nil
}

// Grant is what a user let a client do.
type Grant struct {
	Tenant id.Tenant `json:"tenant"`
	User   id.Object `json:"user"`
	// Epoch is the user's at sign-in; when the user's moves on, the grant has ended.
	Epoch  int64  `json:"epoch"`
	Client id.App `json:"client"`
	Scope  string `json:"scope"` // as requested
	Nonce  string `json:"nonce,omitempty"`
	// Proved says that the client proved itself by a credential, and has to do so again.
	Proved bool `json:"proved,omitempty"`
	// Session is the id of the browser session, for session_state.
	Session  string    `json:"session"`
	SignedIn time.Time `json:"signed_in"` // auth_time
}

// encode writes a grant, or a larger thing with one in it, as a column holds it.
func encode(v any) (string, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("encode a grant: %w", err)
	}
	return string(text), nil
}

// fresh draws 256 random bits as text.
func (s *Service) fresh() (secret.Text, error) {
	raw := make([]byte, 32)
	if _, err := io.ReadFull(s.rand, raw); err != nil {
		return secret.Text{}, fmt.Errorf("draw a secret: %w", err)
	}
	return secret.New(base64.RawURLEncoding.EncodeToString(raw)), nil
}

// key is the hash under which a secret is kept. purpose keeps the kinds apart.
func (s *Service) key(purpose, text string) string {
	return base64.RawURLEncoding.EncodeToString(s.hash.MAC("signin "+purpose, []byte(text)))
}

// record writes what happened to a grant in the transaction that made it happen.
func (s *Service) record(ctx context.Context, tx *store.Tx, operation, reason string, g Grant) error {
	e := audit.Event{Kind: audit.Security, Outcome: audit.Succeeded, Operation: operation, Target: string(g.User), Reason: reason,
		Details: map[string]string{"client_id": string(g.Client)}}
	e.Actor = audit.ActorFrom(ctx)
	if e.Actor == (audit.Actor{}) {
		e.Actor = audit.Actor{Tenant: g.Tenant, Object: g.User, App: g.Client, Type: "User"}
	}
	return s.audit.Record(ctx, tx, e)
}

// prune removes rows of a table that ended before a time.
func prune(ctx context.Context, tx *store.Tx, table string, before time.Time) error {
	if _, err := tx.Exec(ctx, "DELETE FROM "+table+" WHERE expires_at < $1", before.Unix()); err != nil {
		return fmt.Errorf("remove what has ended from %s: %w", table, err)
	}
	return nil
}
