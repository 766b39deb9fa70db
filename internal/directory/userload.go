package directory

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
)

// nameIn is a user principal name, folded, in a tenant.
type nameIn struct {
	tenant id.Tenant
	name   string
}

// userFeedKey stands for a user in the change feed.
func userFeedKey(object id.Object) string { return "u/" + string(object) }

// userKey is how user principal names are compared.
func userKey(upn string) string { return strings.ToLower(upn) }

// maxProfile is the largest profile of a user, in bytes.
const maxProfile = 64 << 10

// checkUser refuses what no user has, and puts an empty profile into its one form.
// Errors: ErrInvalid.
func (d *Directory) checkUser(ctx context.Context, u *User) error {
	if err := checkName(u.DisplayName); err != nil {
		return err
	}
	name, domain, found := strings.Cut(u.UPN, "@")
	if !found || name == "" || len(u.UPN) > 113 || strings.ContainsFunc(name, notInUserName) || strings.HasSuffix(name, ".") {
		return ErrInvalid.With("the userPrincipalName %q is not of the form name@domain", clipped(u.UPN))
	}
	t, err := d.Tenant(ctx, u.Tenant)
	if err != nil {
		return err
	}
	if !slices.Contains(t.Domains, strings.ToLower(domain)) {
		return ErrInvalid.With("the domain %q of the userPrincipalName is not one of this tenant: %s", clipped(domain), strings.Join(t.Domains, ", "))
	}
	if len(u.Mail) > 320 {
		return ErrInvalid.With("a mail address has up to 320 characters")
	}
	if len(u.Profile) == 0 {
		u.Profile = json.RawMessage("{}")
	}
	var object map[string]json.RawMessage
	if len(u.Profile) > maxProfile || json.Unmarshal(u.Profile, &object) != nil {
		return ErrInvalid.With("the profile of a user is a JSON object of up to 64 KiB")
	}
	return nil
}

// notInUserName reports a character that the name of a user cannot have (Graph user resource).
func notInUserName(c rune) bool {
	letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
	return !letter && !strings.ContainsRune("'.-_!#^~+", c)
}

// refuseTakenName looks for another user of that name. Errors: ErrUserExists.
func refuseTakenName(ctx context.Context, tx *store.Tx, u User) error {
	var other string
	found, err := tx.Get(ctx, "SELECT id FROM directory_users WHERE tenant_id = $1 AND upn_key = $2 AND deleted_at = 0 AND id <> $3",
		[]any{string(u.Tenant), userKey(u.UPN), string(u.ID)}, &other)
	if err != nil {
		return fmt.Errorf("look for a user of the same name: %w", err)
	}
	if found {
		return ErrUserExists
	}
	return nil
}

// writeUser writes a changed user; hash replaces the password unless it is "".
func writeUser(ctx context.Context, tx *store.Tx, u User, hash string) error {
	_, err := tx.Exec(ctx, `UPDATE directory_users SET upn = $1, upn_key = $2, display_name = $3, mail = $4, profile = $5, enabled = $6,
		must_change = $7, password_changed_at = $8, sessions_valid_from = $9, epoch = $10 WHERE id = $11 AND deleted_at = 0`,
		u.UPN, userKey(u.UPN), u.DisplayName, u.Mail, string(u.Profile), u.Enabled, u.MustChange, seconds(u.PasswordChanged),
		seconds(u.SessionsValidFrom), u.Epoch, string(u.ID))
	if err != nil {
		return fmt.Errorf("update user %s: %w", u.ID, err)
	}
	if hash == "" {
		return nil
	}
	if _, err := tx.Exec(ctx, "UPDATE directory_users SET password = $1 WHERE id = $2", hash, string(u.ID)); err != nil {
		return fmt.Errorf("set the password of user %s: %w", u.ID, err)
	}
	return nil
}

// userColumns are what scanUser reads.
const userColumns = `id, tenant_id, upn, display_name, mail, profile, enabled, password, must_change, password_changed_at,
	sessions_valid_from, epoch, created_at`

// scanUser reads a row of userColumns.
func scanUser(r store.Row) (*User, error) {
	u := &User{}
	var profile, password string
	var changed, valid, created int64
	err := r.Scan(&u.ID, &u.Tenant, &u.UPN, &u.DisplayName, &u.Mail, &profile, &u.Enabled, &password, &u.MustChange, &changed, &valid, &u.Epoch, &created)
	if err != nil {
		return nil, fmt.Errorf("scan user: %w", err)
	}
	u.Profile, u.HasPassword = json.RawMessage(profile), password != ""
	u.PasswordChanged, u.SessionsValidFrom, u.Created = instant(changed), instant(valid), instant(created)
	return u, nil
}

// loadUser reads a live user in a transaction. Errors: ErrUserNotFound.
func loadUser(ctx context.Context, tx *store.Tx, tenant id.Tenant, object id.Object) (User, error) {
	var u *User
	err := tx.Query(ctx, func(r store.Row) (err error) {
		u, err = scanUser(r)
		return err
	}, "SELECT "+userColumns+" FROM directory_users WHERE id = $1 AND tenant_id = $2 AND deleted_at = 0", string(object), string(tenant))
	if err != nil {
		return User{}, fmt.Errorf("read user %s: %w", object, err)
	}
	if u == nil {
		return User{}, ErrUserNotFound.With("user %s does not exist", object)
	}
	return *u, nil
}

// readUsers loads one user, or all for "".
func (l *loadedRows) readUsers(ctx context.Context, tx *store.Tx, only string) error {
	condition, args := onlyRow("id", only)
	return tx.Query(ctx, tx.Sound(ctx, "user", func(r store.Row) error {
		u, err := scanUser(r)
		if err != nil {
			return err
		}
		if json.Valid(u.Profile) { // a damaged row is a user who does not exist (S-67)
			l.users = append(l.users, u)
		}
		return nil
	}), "SELECT "+userColumns+" FROM directory_users WHERE deleted_at = 0"+condition, args...)
}

// removeUser takes a user out of every index.
func (s *state) removeUser(object id.Object) {
	u, ok := s.users[object]
	if !ok {
		return
	}
	delete(s.users, object)
	if key := (nameIn{u.Tenant, userKey(u.UPN)}); s.upns[key] == u {
		delete(s.upns, key)
	}
	s.people[u.Tenant] = slices.DeleteFunc(slices.Clone(s.people[u.Tenant]), func(o *User) bool { return o == u })
}

// addUsers puts loaded users into every index.
func (s *state) addUsers(users []*User) {
	fresh := map[id.Tenant][]*User{}
	for _, u := range users {
		s.users[u.ID] = u
		s.upns[nameIn{u.Tenant, userKey(u.UPN)}] = u
		fresh[u.Tenant] = append(fresh[u.Tenant], u)
	}
	for tenant, more := range fresh {
		list := slices.Clone(s.people[tenant])
		if len(more) > 16 { // a whole directory: sort once
			list = append(list, more...)
			slices.SortFunc(list, func(a, b *User) int { return compareObjects(a.ID, b.ID) })
			more = nil
		}
		for _, u := range more {
			at, _ := slices.BinarySearchFunc(list, u.ID, func(o *User, object id.Object) int { return compareObjects(o.ID, object) })
			list = slices.Insert(list, at, u)
		}
		s.people[tenant] = list
	}
}

// setFloor lets no token of a user be accepted that was issued before a time.
func setFloor(ctx context.Context, tx *store.Tx, u User, from time.Time) error {
	if _, err := tx.Exec(ctx, "DELETE FROM directory_token_floors WHERE object_id = $1", string(u.ID)); err != nil {
		return fmt.Errorf("revoke tokens of user %s: %w", u.ID, err)
	}
	_, err := tx.Exec(ctx, "INSERT INTO directory_token_floors (object_id, tenant_id, valid_from) VALUES ($1, $2, $3)", string(u.ID), string(u.Tenant), seconds(from))
	if err != nil {
		return fmt.Errorf("revoke tokens of user %s: %w", u.ID, err)
	}
	tx.Changed(Topic, FloorKey(u.ID))
	return nil
}
