package signin

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/secret"
	"github.com/sealring/sealring/internal/store"
)

// userAlphabet are the characters of user codes: no vowels, so that no words come out, and
// nothing that looks like something else (RFC 8628 §6.1). Nine of them are 38 bits.
const (
	userAlphabet = "BCDFGHJKLMNPQRSTVWXZ"
	userLength   = 9
)

// mostDevices is how many device codes wait at most, for everybody together.
const mostDevices = 10000

// The states of a device code.
const (
	statePending  = "pending"
	stateApproved = "approved"
	stateDeclined = "declined"
	stateRedeemed = "redeemed"
)

// Device is a sign-in that was asked for on another device.
type Device struct {
	// Tenant restricts who may sign in; "" lets the user's name decide.
	Tenant  id.Tenant
	Client  id.App
	Scope   string
	Expires time.Time
}

// StartDevice returns a device code for the client and a user code for the person, valid for
// 15 minutes. Errors: ErrTooMany.
func (s *Service) StartDevice(ctx context.Context, d Device) (code secret.Text, user string, err error) {
	if code, err = s.fresh(); err != nil {
		return code, "", err
	}
	if user, err = s.userCode(); err != nil {
		return code, "", err
	}
	now := s.now()
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		if err := prune(ctx, tx, "signin_devices", now.Add(-deviceLife)); err != nil { // kept a while, to say that they have expired
			return err
		}
		var waiting int64
		if _, err := tx.Get(ctx, "SELECT count(*) FROM signin_devices", nil, &waiting); err != nil {
			return fmt.Errorf("count device codes: %w", err)
		}
		if waiting >= mostDevices {
			return ErrTooMany
		}
		_, err := tx.Exec(ctx, `INSERT INTO signin_devices (hash, user_hash, tenant_id, client_id, scope, expires_at, state, grant_json)
			VALUES ($1, $2, $3, $4, $5, $6, $7, '')`, s.key("device", code.Reveal()), s.key("user code", user), string(d.Tenant), string(d.Client),
			d.Scope, now.Add(deviceLife).Unix(), statePending)
		if err != nil {
			return fmt.Errorf("insert device code: %w", err)
		}
		return nil
	})
	return code, user, err
}

// userCode draws a user code without preferring any character.
func (s *Service) userCode() (string, error) {
	out := make([]byte, 0, userLength)
	for b := make([]byte, 1); len(out) < userLength; {
		if _, err := io.ReadFull(s.rand, b); err != nil {
			return "", fmt.Errorf("draw a user code: %w", err)
		}
		if n := int(b[0]); n < 256/len(userAlphabet)*len(userAlphabet) {
			out = append(out, userAlphabet[n%len(userAlphabet)])
		}
	}
	return string(out), nil
}

// plainUserCode is a user code as a person may have typed it, in the form that was handed out.
func plainUserCode(typed string) string {
	return strings.Map(func(c rune) rune {
		if c == ' ' || c == '-' || c == '\t' {
			return -1
		}
		return c
	}, strings.ToUpper(typed))
}

// WaitingDevice returns what a user code stands for while nobody has decided on it.
// Errors: ErrUserCode.
func (s *Service) WaitingDevice(ctx context.Context, typed string) (d Device, err error) {
	if len(typed) > 64 {
		return d, ErrUserCode
	}
	err = s.db.View(ctx, func(tx *store.Tx) error {
		var expires int64
		found, err := tx.Get(ctx, "SELECT tenant_id, client_id, scope, expires_at FROM signin_devices WHERE user_hash = $1 AND state = $2",
			[]any{s.key("user code", plainUserCode(typed)), statePending}, &d.Tenant, &d.Client, &d.Scope, &expires)
		if err != nil {
			return fmt.Errorf("read user code: %w", err)
		}
		d.Expires = time.Unix(expires, 0).UTC()
		if !found || !s.now().Before(d.Expires) {
			return ErrUserCode
		}
		return nil
	})
	return d, err
}

// DecideDevice lets the client of a user code act for the user of g, or declines where
// approve is false. Client and scope of g are filled in here. Errors: ErrUserCode.
func (s *Service) DecideDevice(ctx context.Context, typed string, g Grant, approve bool) error {
	key, state := s.key("user code", plainUserCode(typed)), stateDeclined
	if approve {
		state = stateApproved
	}
	return s.db.Update(ctx, func(tx *store.Tx) error {
		found, err := tx.Get(ctx, "SELECT client_id, scope FROM signin_devices WHERE user_hash = $1 AND state = $2 AND expires_at > $3",
			[]any{key, statePending, s.now().Unix()}, &g.Client, &g.Scope)
		if err != nil {
			return fmt.Errorf("read user code: %w", err)
		}
		if !found {
			return ErrUserCode
		}
		body, err := encode(g)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "UPDATE signin_devices SET state = $1, grant_json = $2 WHERE user_hash = $3", state, body, key); err != nil {
			return fmt.Errorf("decide on a device: %w", err)
		}
		return s.record(ctx, tx, "signin.device."+state, "", g)
	})
}

// RedeemDevice returns what the user granted, once.
// Errors: ErrDevice, ErrDevicePending, ErrDeviceDeclined, ErrDeviceExpired.
func (s *Service) RedeemDevice(ctx context.Context, code secret.Text, client id.App) (g Grant, err error) {
	key, state := s.key("device", code.Reveal()), ""
	err = s.db.View(ctx, func(tx *store.Tx) (err error) { // clients poll often: no write for those who wait
		state, g, err = s.deviceState(ctx, tx, key, client)
		return err
	})
	if err != nil || state != stateApproved {
		return g, err
	}
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		if _, g, err = s.deviceState(ctx, tx, key, client); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "UPDATE signin_devices SET state = $1 WHERE hash = $2", stateRedeemed, key)
		return err
	})
	return g, err
}

// deviceState reads a device code; an error unless it is approved.
func (s *Service) deviceState(ctx context.Context, tx *store.Tx, key string, client id.App) (state string, g Grant, err error) {
	var body string
	var owner id.App
	var expires int64
	found, err := tx.Get(ctx, "SELECT client_id, state, grant_json, expires_at FROM signin_devices WHERE hash = $1", []any{key},
		&owner, &state, &body, &expires)
	switch {
	case err != nil:
		return "", g, fmt.Errorf("read device code: %w", err)
	case !found || owner != client || state == stateRedeemed:
		return "", g, ErrDevice
	case s.now().Unix() >= expires:
		return "", g, ErrDeviceExpired
	case state == statePending:
		return "", g, ErrDevicePending
	}
	if err := json.Unmarshal([]byte(body), &g); err != nil {
		return "", g, fmt.Errorf("decode device code: %w", err)
	}
	if state == stateDeclined {
		return state, g, ErrDeviceDeclined
	}
	return state, g, nil
}
