package audit

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/sealring/sealring/internal/store"
)

// When a checkpoint is due, if anything was recorded since the last.
const (
	checkpointRecords = 1000
	checkpointEvery   = time.Minute
)

// Why a checkpoint was made.
const (
	madeAtStart     = "start"
	madeOnTime      = "time" // checkpointEvery or checkpointRecords
	madeByCommand   = "command"
	madeByRetention = "retention" // records before the marks' First were deleted with it
	madeAtStop      = "stop"      // the server ended as asked; without it, it did not
)

// sealer keeps the signing key from whoever holds the database alone.
type sealer interface {
	Seal(ctx context.Context, purpose, binding string, plain []byte) ([]byte, error)
	Open(ctx context.Context, purpose, binding string, sealed []byte) ([]byte, error)
}

// CheckpointsConfig names what Checkpoints needs. File and Keep may be zero.
type CheckpointsConfig struct {
	Log    *Log
	Sealer sealer
	Report *slog.Logger // background trouble
	Rand   io.Reader
	// File is appended every checkpoint, one JSON line each; "" for none.
	File string
	// Keep is how long records stay; 0 is for ever.
	Keep time.Duration
}

// Checkpoints signs, now and then, where the chains of all servers stand, so that what was
// recorded before can neither be changed nor cut off unseen by somebody who can write to
// the database and does not hold the key-encryption key. The signing key is for this alone
// (S-32). It is safe for concurrent use.
type Checkpoints struct {
	CheckpointsConfig

	mu       sync.Mutex // guards what follows, and is held while a checkpoint is made
	number   int64      // the last one that this process saw
	began    int64      // the first one that this process made
	exported int64      // the last one in File; 0 before the first look
	alarmed  bool       // damage is on record
}

// NewCheckpoints returns Checkpoints over c.Log's store; Start begins.
func NewCheckpoints(c CheckpointsConfig) (*Checkpoints, error) {
	if c.Log == nil || c.Sealer == nil || c.Report == nil || c.Rand == nil || c.Keep < 0 {
		return nil, errors.New("audit: Log, Sealer, Report and Rand are needed, and Keep is not negative")
	}
	return &Checkpoints{CheckpointsConfig: c}, nil
}

// hexBytes are bytes that stand as hexadecimal digits in JSON.
type hexBytes []byte

// MarshalText implements encoding.TextMarshaler.
func (b hexBytes) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(b)), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (b *hexBytes) UnmarshalText(text []byte) (err error) {
	*b, err = hex.DecodeString(string(text))
	return err
}

// statement is the signed text of a checkpoint.
type statement struct {
	Number   int64     `json:"number"` // 1, 2, 3 …
	At       time.Time `json:"at"`
	Server   string    `json:"server"` // which made it
	Reason   string    `json:"reason"`
	Key      string    `json:"key"`
	Previous hexBytes  `json:"previous"` // SHA-256 of the text of the one before; empty in the first
	Oldest   int64     `json:"oldest"`   // number of the oldest checkpoint that is kept
	Chains   []mark    `json:"chains"`   // by server
}

// mark says between which records a chain stands.
type mark struct {
	Server string   `json:"server"`
	First  int64    `json:"first"`  // the oldest record that is kept
	Before hexBytes `json:"before"` // the hash of the one before it; empty if First is 1
	Last   int64    `json:"last"`
	Hash   hexBytes `json:"hash"` // of Last
}

// mark finds the mark of a server.
func (s statement) mark(server string) (mark, bool) {
	for _, m := range s.Chains {
		if m.Server == server {
			return m, true
		}
	}
	return mark{}, false
}

// signed is a checkpoint as it is kept and exported.
type signed struct {
	Body      string   `json:"checkpoint"`
	Signature hexBytes `json:"signature"`
	statement
}

// MarshalJSON writes what is signed as a string, so that its bytes survive any tool.
func (s signed) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Body      string   `json:"checkpoint"`
		Signature hexBytes `json:"signature"`
	}{s.Body, s.Signature})
}

// signingContext keeps a checkpoint's signature from meaning anything else.
const signingContext = "sealring audit checkpoint 1\n"

// check parses the statement and verifies its signature. Errors: ErrBroken.
func (s *signed) check(keys map[string]ed25519.PublicKey) error {
	if err := json.Unmarshal([]byte(s.Body), &s.statement); err != nil {
		return ErrBroken.With("its text cannot be read")
	}
	key, known := keys[s.Key]
	if !known {
		return ErrBroken.With("it is signed with a key that is not in this store")
	}
	if !ed25519.Verify(key, []byte(signingContext+s.Body), s.Signature) {
		return ErrBroken.With("its signature does not hold")
	}
	return nil
}

// sum is what the next checkpoint says of s.
func (s signed) sum() []byte {
	h := sha256.Sum256([]byte(s.Body))
	return h[:]
}

// add makes a checkpoint over all chains as they stand in tx. move, if set, changes the
// statement before it is signed. Nothing is signed over damage: the last checkpoint must
// hold and every record that it named must be there. Errors: ErrBroken.
func (c *Checkpoints) add(ctx context.Context, tx *store.Tx, reason string, move func(*statement) error) (signed, error) {
	keys, private, err := c.keys(ctx, tx)
	if err != nil {
		return signed{}, err
	}
	last, err := newest(ctx, tx)
	if err != nil {
		return signed{}, err
	}
	if last.Body != "" {
		if err := last.check(keys); err != nil {
			return signed{}, fmt.Errorf("the newest checkpoint: %w", err)
		}
	}
	if last.Number < c.number {
		return signed{}, ErrBroken.With("checkpoint %d is gone", c.number)
	}
	if private == nil {
		if private, err = c.newKey(ctx, tx); err != nil {
			return signed{}, err
		}
	}
	s := statement{
		Number: last.Number + 1, At: c.Log.now().UTC().Truncate(time.Second), Server: c.Log.server, Reason: reason,
		Key: keyID(private.Public().(ed25519.PublicKey)), Oldest: max(1, last.Oldest),
	}
	if last.Body != "" {
		s.Previous = last.sum()
	}
	if s.Chains, err = marks(ctx, tx, last.statement); err != nil {
		return signed{}, err
	}
	if reason == madeOnTime && sameHeads(last.Chains, s.Chains) {
		return last, nil
	}
	if move != nil {
		if err := move(&s); err != nil {
			return signed{}, err
		}
	}
	return insert(ctx, tx, s, private)
}

// insert signs and keeps a statement.
func insert(ctx context.Context, tx *store.Tx, s statement, private ed25519.PrivateKey) (signed, error) {
	body, err := json.Marshal(s)
	if err != nil {
		return signed{}, fmt.Errorf("encode a checkpoint: %w", err)
	}
	out := signed{Body: string(body), Signature: ed25519.Sign(private, append([]byte(signingContext), body...)), statement: s}
	_, err = tx.Exec(ctx, "INSERT INTO audit_checkpoints (number, at, server, reason, body, signature) VALUES ($1, $2, $3, $4, $5, $6)",
		s.Number, s.At.Unix(), s.Server, s.Reason, out.Body, []byte(out.Signature))
	if err != nil {
		return signed{}, fmt.Errorf("keep a checkpoint: %w", err)
	}
	return out, nil
}

// newest reads the last checkpoint, unchecked; zero if there is none.
func newest(ctx context.Context, tx *store.Tx) (s signed, err error) {
	var signature []byte
	_, err = tx.Get(ctx, "SELECT body, signature FROM audit_checkpoints ORDER BY number DESC LIMIT 1", nil, &s.Body, &signature)
	if err != nil {
		return s, fmt.Errorf("read the newest checkpoint: %w", err)
	}
	s.Signature = signature
	return s, nil
}

// marks says where all chains stand, given the checkpoint before. Errors: ErrBroken, if
// what was signed last is not there.
func marks(ctx context.Context, tx *store.Tx, last statement) ([]mark, error) {
	servers, err := servers(ctx, tx, last)
	if err != nil {
		return nil, err
	}
	var out []mark
	for _, server := range servers {
		m, known := last.mark(server)
		if known {
			var hash []byte
			found, err := tx.Get(ctx, "SELECT hash FROM audit WHERE server = $1 AND seq = $2", []any{server, m.Last}, &hash)
			if err != nil {
				return nil, fmt.Errorf("read the audit chain: %w", err)
			}
			if !found || !bytes.Equal(hash, m.Hash) {
				return nil, ErrBroken.With("record %d of %s is not the one that checkpoint %d signed", m.Last, server, last.Number)
			}
		} else {
			m = mark{Server: server, First: 1}
		}
		var hash []byte
		_, err := tx.Get(ctx, "SELECT seq, hash FROM audit WHERE server = $1 ORDER BY seq DESC LIMIT 1", []any{server}, &m.Last, &hash)
		if err != nil {
			return nil, fmt.Errorf("read the audit chain: %w", err)
		}
		m.Hash = hash
		out = append(out, m)
	}
	return out, nil
}

// servers lists the chains of the table and of a checkpoint, in order, without walking the
// chains.
func servers(ctx context.Context, tx *store.Tx, known statement) ([]string, error) {
	found := map[string]string{}
	for _, m := range known.Chains {
		found[m.Server] = ""
	}
	for server := ""; ; {
		more, err := tx.Get(ctx, "SELECT server FROM audit WHERE server > $1 ORDER BY server LIMIT 1", []any{server}, &server)
		if err != nil {
			return nil, fmt.Errorf("list the audit chains: %w", err)
		}
		if !more {
			return sortedKeys(found), nil
		}
		found[server] = ""
	}
}

// sameHeads reports whether nothing was recorded between two lists of marks.
func sameHeads(a, b []mark) bool {
	return slices.EqualFunc(a, b, func(x, y mark) bool { return x.Server == y.Server && x.Last == y.Last })
}
