package directory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/secret"
	"github.com/sealring/sealring/internal/store"
)

// Failures with users.
var (
	// ErrUserNotFound is a user that does not exist in the tenant, or was deleted.
	ErrUserNotFound = fault.New(fault.NotFound, "the user does not exist in this tenant")
	// ErrUserExists is a user principal name that another user of the tenant has.
	ErrUserExists = fault.New(fault.Conflict, "another user has this userPrincipalName")
)

// User is a person. Users are principals like service principals: role assignments name them,
// tokens carry their id as `oid`.
type User struct {
	Tenant      id.Tenant
	ID          id.Object
	UPN         string // userPrincipalName as given; compared ignoring the case of letters
	DisplayName string
	Mail        string // "" if there is none
	// Profile is a JSON object of further properties, kept for Graph and not looked at here.
	Profile json.RawMessage
	Enabled bool
	// HasPassword is false for a user who cannot sign in yet.
	HasPassword bool
	// MustChange says that the password is for one sign-in, at which another is chosen.
	MustChange      bool
	PasswordChanged time.Time // UTC, whole seconds, as the next two
	// SessionsValidFrom is Graph's signInSessionsValidFromDateTime.
	SessionsValidFrom time.Time
	Created           time.Time
	// Epoch grows whenever everything issued to the user so far ends: the password was
	// changed, the user disabled, sessions revoked. Who keeps a session keeps the epoch with it.
	Epoch int64
}

// NewUser says what to create.
type NewUser struct {
	Tenant      id.Tenant
	UPN         string // name@domain, the domain one of the tenant's
	DisplayName string // 1 to 256 characters
	Mail        string
	Profile     json.RawMessage // empty, or an object
	Disabled    bool
	// Password may be empty: the user cannot sign in until one is set.
	Password   secret.Text
	MustChange bool
}

// UserChange says what to change; nil leaves a property as it is.
type UserChange struct {
	UPN         *string
	DisplayName *string
	Mail        *string
	Enabled     *bool
	Profile     json.RawMessage
	// Password replaces the password and ends all sessions; MustChange counts with it only.
	Password   *secret.Text
	MustChange bool
}

// CreateUser makes a user with a new object id.
// Errors: ErrInvalid, ErrPasswordWeak, ErrUserExists, ErrBusy.
func (d *Directory) CreateUser(ctx context.Context, n NewUser) (User, error) {
	now := d.now().UTC().Truncate(time.Second)
	u := User{
		Tenant: n.Tenant, ID: d.ids.Object(), UPN: n.UPN, DisplayName: n.DisplayName, Mail: n.Mail, Profile: slices.Clone(n.Profile),
		Enabled: !n.Disabled, MustChange: n.MustChange, PasswordChanged: now, SessionsValidFrom: now, Created: now, Epoch: 1,
	}
	if err := d.checkUser(ctx, &u); err != nil {
		return User{}, err
	}
	hash, err := d.newPasswordHash(ctx, u.UPN, n.Password)
	if err != nil {
		return User{}, err
	}
	u.HasPassword = hash != ""
	err = d.cache.db.Update(ctx, func(tx *store.Tx) error {
		if err := refuseTakenName(ctx, tx, u); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO directory_users (id, tenant_id, upn, upn_key, display_name, mail, profile, enabled, password, must_change,
			password_changed_at, sessions_valid_from, epoch, created_at, deleted_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 0)`,
			string(u.ID), string(u.Tenant), u.UPN, userKey(u.UPN), u.DisplayName, u.Mail, string(u.Profile), u.Enabled, hash, u.MustChange,
			seconds(u.PasswordChanged), seconds(u.SessionsValidFrom), u.Epoch, seconds(u.Created))
		if err != nil {
			return fmt.Errorf("insert user: %w", err)
		}
		return d.userTouched(ctx, tx, u.ID, "directory.user.create", map[string]string{"user_principal_name": u.UPN, "display_name": u.DisplayName})
	})
	return u, err
}

// UpdateUser changes a user; disabling and a new password end all sessions, and access tokens
// of earlier seconds at our services.
// Errors: ErrUserNotFound, ErrInvalid, ErrPasswordWeak, ErrUserExists, ErrBusy.
func (d *Directory) UpdateUser(ctx context.Context, tenant id.Tenant, object id.Object, c UserChange) (User, error) {
	before, err := d.User(ctx, tenant, object)
	if err != nil {
		return User{}, err
	}
	hash := ""
	if c.Password != nil {
		if c.Password.Empty() {
			return User{}, ErrPasswordWeak.With("a password cannot be empty")
		}
		name := before.UPN
		if c.UPN != nil {
			name = *c.UPN
		}
		if hash, err = d.newPasswordHash(ctx, name, *c.Password); err != nil { // outside the transaction: it is slow by design
			return User{}, err
		}
	}
	var u User
	err = d.cache.db.Update(ctx, func(tx *store.Tx) error {
		if u, err = loadUser(ctx, tx, tenant, object); err != nil {
			return err
		}
		epoch := u.Epoch
		details := d.apply(&u, c)
		if err := d.checkUser(ctx, &u); err != nil {
			return err
		}
		if err := refuseTakenName(ctx, tx, u); err != nil {
			return err
		}
		if err := writeUser(ctx, tx, u, hash); err != nil {
			return err
		}
		if u.Epoch != epoch {
			if err := setFloor(ctx, tx, u, u.SessionsValidFrom); err != nil {
				return err
			}
		}
		if hash != "" { // whoever sets a password unlocks the account
			if _, err := tx.Exec(ctx, "DELETE FROM directory_password_failures WHERE subject = $1", d.lockSubject(tenant, u.UPN)); err != nil {
				return fmt.Errorf("unlock user %s: %w", object, err)
			}
		}
		return d.userTouched(ctx, tx, u.ID, "directory.user.update", details)
	})
	return u, err
}

// apply makes the change in u and says for the record which properties it names.
func (d *Directory) apply(u *User, c UserChange) map[string]string {
	var names []string
	set := func(name string, to *string, from *string) {
		if from != nil {
			*to = *from
			names = append(names, name)
		}
	}
	set("userPrincipalName", &u.UPN, c.UPN)
	set("displayName", &u.DisplayName, c.DisplayName)
	set("mail", &u.Mail, c.Mail)
	if c.Profile != nil {
		u.Profile = slices.Clone(c.Profile)
		names = append(names, "profile")
	}
	end := false
	if c.Enabled != nil {
		end = u.Enabled && !*c.Enabled
		u.Enabled = *c.Enabled
		names = append(names, "accountEnabled")
	}
	now := d.now().UTC().Truncate(time.Second)
	if c.Password != nil {
		u.HasPassword, u.MustChange, u.PasswordChanged, end = true, c.MustChange, now, true
		names = append(names, "passwordProfile")
	}
	if end {
		u.Epoch++
		u.SessionsValidFrom = now
	}
	return map[string]string{"changed": strings.Join(names, " ")}
}

// RevokeSessions ends all sessions and refresh tokens of a user (Graph revokeSignInSessions);
// our services refuse access tokens that were issued before, too (S-42). Errors: ErrUserNotFound.
func (d *Directory) RevokeSessions(ctx context.Context, tenant id.Tenant, object id.Object) error {
	return d.cache.db.Update(ctx, func(tx *store.Tx) error {
		u, err := loadUser(ctx, tx, tenant, object)
		if err != nil {
			return err
		}
		u.Epoch++
		u.SessionsValidFrom = d.now().UTC().Truncate(time.Second)
		if err := writeUser(ctx, tx, u, ""); err != nil {
			return err
		}
		if err := setFloor(ctx, tx, u, u.SessionsValidFrom.Add(time.Second)); err != nil { // tokens are dated by the second
			return err
		}
		return d.userTouched(ctx, tx, object, "directory.user.revokeSignInSessions", nil)
	})
}

// DeleteUser leaves a tombstone: from the commit on the user is not alive, gets no token and
// matches no assignment (L-9, S-47). Errors: ErrUserNotFound.
func (d *Directory) DeleteUser(ctx context.Context, tenant id.Tenant, object id.Object) error {
	return d.cache.db.Update(ctx, func(tx *store.Tx) error {
		n, err := tx.Exec(ctx, "UPDATE directory_users SET deleted_at = $1, epoch = epoch + 1 WHERE id = $2 AND tenant_id = $3 AND deleted_at = 0",
			max(1, seconds(d.now())), string(object), string(tenant))
		if err != nil {
			return fmt.Errorf("delete user %s: %w", object, err)
		}
		if n == 0 {
			return ErrUserNotFound.With("user %s does not exist", object)
		}
		return d.userTouched(ctx, tx, object, "directory.user.delete", nil)
	})
}

// RestoreUser brings a deleted user back with its id; it has to sign in anew.
// Errors: ErrUserNotFound, ErrUserExists if another has taken the name.
func (d *Directory) RestoreUser(ctx context.Context, tenant id.Tenant, object id.Object) (u User, err error) {
	err = d.cache.db.Update(ctx, func(tx *store.Tx) error {
		n, err := tx.Exec(ctx, "UPDATE directory_users SET deleted_at = 0 WHERE id = $1 AND tenant_id = $2 AND deleted_at <> 0", string(object), string(tenant))
		if errors.Is(err, store.ErrExists) {
			return ErrUserExists
		}
		if err != nil {
			return fmt.Errorf("restore user %s: %w", object, err)
		}
		if n == 0 {
			return ErrUserNotFound.With("no deleted user has the id %s", object)
		}
		if u, err = loadUser(ctx, tx, tenant, object); err != nil {
			return err
		}
		return d.userTouched(ctx, tx, object, "directory.user.restore", nil)
	})
	return u, err
}

// User returns a live user. Errors: ErrUserNotFound, also for one of another tenant (S-54).
func (d *Directory) User(ctx context.Context, tenant id.Tenant, object id.Object) (User, error) {
	if err := d.cache.db.Fresh(); err != nil {
		return User{}, err
	}
	s, err := d.cache.read(ctx)
	if err != nil {
		return User{}, err
	}
	defer d.cache.done()
	if u, ok := s.users[object]; ok && u.Tenant == tenant {
		return *u, nil
	}
	return User{}, ErrUserNotFound.With("user %s does not exist", object)
}

// UserByUPN returns the live user of a name, whatever the case of its letters. Errors: ErrUserNotFound.
func (d *Directory) UserByUPN(ctx context.Context, tenant id.Tenant, upn string) (User, error) {
	if err := d.cache.db.Fresh(); err != nil {
		return User{}, err
	}
	s, err := d.cache.read(ctx)
	if err != nil {
		return User{}, err
	}
	defer d.cache.done()
	if u, ok := s.upns[nameIn{tenant, userKey(upn)}]; ok {
		return *u, nil
	}
	return User{}, ErrUserNotFound.With("no user has the name %q", clipped(upn))
}

// userTouched notes the change of a user in feed and record.
func (d *Directory) userTouched(ctx context.Context, tx *store.Tx, object id.Object, operation string, details map[string]string) error {
	tx.Changed(Topic, userFeedKey(object))
	return d.record(ctx, tx, operation, string(object), details)
}
