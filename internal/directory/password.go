package directory

import (
	"bytes"
	"context"
	"crypto/hmac"
	"encoding/base64"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/crypto/argon2"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/secret"
	"github.com/sealring/sealring/internal/store"
)

// Failures of signing in with a password.
var (
	// ErrWrongPassword is a name and a password that do not belong together; whether the user
	// exists is not said.
	ErrWrongPassword = fault.New(fault.Unauthenticated, "the user name or the password is wrong")
	// ErrLocked is a name for which too many wrong passwords came in a row, whether anybody has it or not.
	ErrLocked = fault.New(fault.Denied, "too many wrong passwords: the account is locked for a while")
	// ErrUserDisabled is a user with the right password who may not sign in.
	ErrUserDisabled = fault.New(fault.Denied, "the user is disabled")
	// ErrPasswordWeak is a new password that is refused.
	ErrPasswordWeak = fault.New(fault.Invalid, "the password does not meet the rules: at least 8 characters of three kinds, or at least 16")
	// ErrBusy is a password that could not be checked soon enough because others are being checked.
	ErrBusy = fault.New(fault.Unavailable, "too many sign-ins at once")
)

// The cost of a password (OWASP's first choice for argon2id): memory in KiB, passes, lanes,
// and the bytes of salt and hash.
const (
	argonMemory = 19 << 10
	argonPasses = 2
	argonLanes  = 1
	argonSalt   = 16
	argonHash   = 32
)

// Bounds of what is read from a stored password, so that a damaged row cannot cost the server
// its memory.
const (
	mostMemory = 256 << 10 // KiB
	mostPasses = 10
	mostLanes  = 8
)

// maxPassword is the longest password, in bytes.
const maxPassword = 256

// At most hashersAtOnce passwords are hashed at the same time (2 × 19 MiB), the others wait up to
// hasherWait, so that sign-ins cost the rest of the server neither its memory nor its processors.
const (
	hashersAtOnce = 2
	hasherWait    = 3 * time.Second
)

// Lockout: after lockAfter wrong passwords in a row the name is locked for lockFirst, and with
// every further one twice as long, up to lockLongest. A name without a wrong password for
// forgetAfter starts anew.
const (
	lockAfter   = 10
	lockFirst   = time.Minute
	lockLongest = 15 * time.Minute
	forgetAfter = time.Hour
)

// passwordPurpose and lockPurpose separate keyed hashes from others under the same key.
const (
	passwordPurpose = "directory user password"
	lockPurpose     = "directory user lockout"
)

// newPasswordHash checks a new password and returns what is stored of it; "" for none.
// Errors: ErrPasswordWeak, ErrBusy.
func (d *Directory) newPasswordHash(ctx context.Context, upn string, password secret.Text) (string, error) {
	if password.Empty() {
		return "", nil
	}
	if err := checkPassword(upn, password.Reveal()); err != nil {
		return "", err
	}
	salt := make([]byte, argonSalt)
	if _, err := io.ReadFull(d.rand, salt); err != nil {
		return "", fmt.Errorf("draw salt: %w", err)
	}
	release, err := d.hashing(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	return d.cost.encode(salt, d.derive(d.cost, salt, argonHash, password)), nil
}

// checkPassword refuses weak passwords: at least 8 characters of three of the four kinds
// (capital, small, digit, other), or at least 16 of any, and not the user's own name.
func checkPassword(upn, password string) error {
	name, _, _ := strings.Cut(userKey(upn), "@")
	if len(name) >= 4 && strings.Contains(strings.ToLower(password), name) {
		return ErrPasswordWeak.With("the password contains the name of the user")
	}
	kinds := map[int]bool{}
	distinct := map[rune]bool{}
	n := 0
	for _, c := range password {
		n++
		distinct[c] = true
		switch {
		case unicode.IsUpper(c):
			kinds[0] = true
		case unicode.IsLower(c):
			kinds[1] = true
		case unicode.IsDigit(c):
			kinds[2] = true
		default:
			kinds[3] = true
		}
	}
	if len(password) > maxPassword || n < 8 || n < 16 && len(kinds) < 3 || len(distinct) < 5 {
		return ErrPasswordWeak
	}
	return nil
}

// hashing waits for leave to hash; release gives it back. Errors: ErrBusy.
func (d *Directory) hashing(ctx context.Context) (release func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, hasherWait)
	defer cancel()
	select {
	case d.hashers <- struct{}{}:
		return func() { <-d.hashers }, nil
	case <-ctx.Done():
		return nil, ErrBusy
	}
}

// argonCost is what a stored password costs to check.
type argonCost struct {
	memory, passes uint32
	lanes          uint8
}

// newCost is the cost of new passwords, with so much memory in KiB; 0 means argonMemory.
func newCost(memory uint32) argonCost {
	if memory == 0 {
		memory = argonMemory
	}
	return argonCost{memory: memory, passes: argonPasses, lanes: argonLanes}
}

// derive returns the hash of a password: argon2id, then keyed, so that the table alone is no
// use to who guesses.
func (d *Directory) derive(c argonCost, salt []byte, size int, password secret.Text) []byte {
	slow := argon2.IDKey([]byte(password.Reveal()), salt, c.passes, c.memory, c.lanes, uint32(size))
	return d.hash.MAC(passwordPurpose, append(bytes.Clone(salt), slow...))
}

// encode writes a PHC text.
func (c argonCost) encode(salt, hash []byte) string {
	b := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.memory, c.passes, c.lanes, b.EncodeToString(salt), b.EncodeToString(hash))
}

// decodePassword reads a PHC text; false for one that is not ours.
func decodePassword(text string) (c argonCost, salt, hash []byte, ok bool) {
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[1] != "argon2id" || parts[2] != "v="+strconv.Itoa(argon2.Version) {
		return c, nil, nil, false
	}
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &c.memory, &c.passes, &c.lanes); n != 3 || err != nil {
		return c, nil, nil, false
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(parts[4])
	hash, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	ok = err1 == nil && err2 == nil && c.memory >= 8 && c.memory <= mostMemory && c.passes >= 1 && c.passes <= mostPasses &&
		c.lanes >= 1 && c.lanes <= mostLanes && len(salt) >= 8 && len(salt) <= 64 && len(hash) >= 16 && len(hash) <= 64
	return c, salt, hash, ok
}

// AuthenticatePassword returns the user that name and password prove. A name that nobody has
// costs the same time as a wrong password. With an error the user is returned if known, for
// the record. Errors: ErrWrongPassword, ErrLocked, ErrUserDisabled (for the right password
// only), ErrBusy.
func (d *Directory) AuthenticatePassword(ctx context.Context, tenant id.Tenant, upn string, password secret.Text) (User, error) {
	release, err := d.hashing(ctx)
	if err != nil {
		return User{}, err
	}
	defer release()
	subject := d.lockSubject(tenant, upn)
	u, stored, locked, err := d.readPassword(ctx, tenant, upn, subject)
	if err != nil {
		return User{}, err
	}
	if locked {
		return u, ErrLocked
	}
	right := len(password.Reveal()) <= maxPassword && d.matches(stored, password)
	if !right || u.ID == "" {
		return u, d.countWrong(ctx, u, subject)
	}
	if !u.Enabled {
		return u, ErrUserDisabled
	}
	return u, d.forgive(ctx, subject)
}

// matches compares a password with what is stored of it; for a user without one, or nobody,
// it takes as long and is false.
func (d *Directory) matches(stored string, password secret.Text) bool {
	c, salt, hash, ok := decodePassword(stored)
	if !ok {
		c, salt, hash = d.cost, make([]byte, argonSalt), make([]byte, argonHash)
	}
	return hmac.Equal(d.derive(c, salt, argonHash, password), hash) && ok
}

// readPassword reads what AuthenticatePassword needs; the zero User for a name that nobody has.
func (d *Directory) readPassword(ctx context.Context, tenant id.Tenant, upn, subject string) (u User, stored string, locked bool, err error) {
	err = d.cache.db.View(ctx, func(tx *store.Tx) error {
		var object string
		if _, err := tx.Get(ctx, "SELECT id, password FROM directory_users WHERE tenant_id = $1 AND upn_key = $2 AND deleted_at = 0",
			[]any{string(tenant), userKey(upn)}, &object, &stored); err != nil {
			return fmt.Errorf("read password: %w", err)
		}
		if object != "" {
			if u, err = loadUser(ctx, tx, tenant, id.Object(object)); err != nil {
				return err
			}
		}
		var until int64
		if _, err := tx.Get(ctx, "SELECT locked_until FROM directory_password_failures WHERE subject = $1", []any{subject}, &until); err != nil {
			return fmt.Errorf("read lockout: %w", err)
		}
		locked = instant(until).After(d.now())
		return nil
	})
	return u, stored, locked, err
}

// countWrong counts a wrong password for u, or for a name that nobody has, and returns
// ErrWrongPassword. A user who is locked by it is on record.
func (d *Directory) countWrong(ctx context.Context, u User, subject string) error {
	now := d.now().UTC()
	err := d.cache.db.Update(ctx, func(tx *store.Tx) error {
		var failures, last int64
		if _, err := tx.Get(ctx, "SELECT failures, last_at FROM directory_password_failures WHERE subject = $1", []any{subject}, &failures, &last); err != nil {
			return fmt.Errorf("read lockout: %w", err)
		}
		if now.Sub(instant(last)) > forgetAfter {
			failures = 0
		}
		failures++
		var until time.Time
		if failures >= lockAfter {
			until = now.Add(min(lockFirst<<min(failures-lockAfter, 8), lockLongest))
		}
		for _, s := range []struct {
			query string
			args  []any
		}{
			{"DELETE FROM directory_password_failures WHERE subject = $1 OR last_at < $2", []any{subject, seconds(now.Add(-forgetAfter))}},
			{"INSERT INTO directory_password_failures (subject, failures, last_at, locked_until) VALUES ($1, $2, $3, $4)",
				[]any{subject, failures, seconds(now), seconds(until)}},
		} {
			if _, err := tx.Exec(ctx, s.query, s.args...); err != nil {
				return fmt.Errorf("count wrong password: %w", err)
			}
		}
		if until.IsZero() || u.ID == "" {
			return nil
		}
		return d.audit.Record(ctx, tx, audit.Event{
			Kind: audit.Security, Actor: audit.Actor{Tenant: u.Tenant, Name: "sign-in"}, Outcome: audit.Succeeded, Operation: "directory.user.lock",
			Target: string(u.ID), Reason: "wrong_passwords", Details: map[string]string{"until": until.Format(time.RFC3339)},
		})
	})
	if err != nil {
		return err
	}
	return ErrWrongPassword
}

// forgive forgets wrong passwords after a right one.
func (d *Directory) forgive(ctx context.Context, subject string) error {
	var failures int64
	err := d.cache.db.View(ctx, func(tx *store.Tx) error {
		_, err := tx.Get(ctx, "SELECT failures FROM directory_password_failures WHERE subject = $1", []any{subject}, &failures)
		return err
	})
	if err != nil || failures == 0 {
		return err
	}
	return d.cache.db.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM directory_password_failures WHERE subject = $1", subject)
		return err
	})
}

// lockSubject is a name as the table of wrong passwords knows it.
func (d *Directory) lockSubject(tenant id.Tenant, upn string) string {
	mac := d.hash.MAC(lockPurpose, []byte(string(tenant)+"\x00"+userKey(upn)))
	return base64.RawURLEncoding.EncodeToString(mac)
}

// ChangePassword replaces the password of a user who knows it, and ends all other sessions.
// The new one must differ. Errors: those of AuthenticatePassword, ErrPasswordWeak.
func (d *Directory) ChangePassword(ctx context.Context, tenant id.Tenant, upn string, current, next secret.Text) (User, error) {
	u, err := d.AuthenticatePassword(ctx, tenant, upn, current)
	if err != nil {
		return u, err
	}
	if current.Equal(next) {
		return u, ErrPasswordWeak.With("the new password is the old one")
	}
	return d.UpdateUser(ctx, tenant, u.ID, UserChange{Password: &next})
}
