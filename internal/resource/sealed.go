package resource

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sealring/sealring/internal/store"
)

// sealer encrypts what lies in the store; *seal.Sealer is one.
type sealer interface {
	Seal(ctx context.Context, purpose, binding string, plain []byte) ([]byte, error)
	Open(ctx context.Context, purpose, binding string, sealed []byte) ([]byte, error)
}

// sealedPurpose binds what is sealed to this package.
const sealedPurpose = "resource.sealed"

// errNoSealer is a setting with credentials in an installation that cannot encrypt them.
var errNoSealer = errors.New("resource: a Sealer is needed to keep sealed settings")

// sealIn stores the sealed part of r, if it has one, and brings it into the form in which it
// is read again. Errors: ErrInvalid.
func (s *Service) sealIn(ctx context.Context, tx *store.Tx, r *Resource) error {
	if r.Sealed == nil {
		return nil
	}
	if s.sealer == nil {
		return errNoSealer
	}
	text, err := clean("properties", r.Sealed)
	if err != nil {
		return err
	}
	if text == "" {
		text = "{}"
	}
	r.Sealed = json.RawMessage(text)
	sealed, err := s.sealer.Seal(ctx, sealedPurpose, r.ID.Key(), r.Sealed)
	if err != nil {
		return fmt.Errorf("seal settings of %s: %w", r.ID, err)
	}
	if _, err := tx.Exec(ctx, "DELETE FROM resource_sealed WHERE path = $1", path(r.ID)); err != nil {
		return fmt.Errorf("replace settings of %s: %w", r.ID, err)
	}
	if _, err := tx.Exec(ctx, "INSERT INTO resource_sealed (path, sealed) VALUES ($1, $2)", path(r.ID), sealed); err != nil {
		return fmt.Errorf("write settings of %s: %w", r.ID, err)
	}
	return nil
}

// unsealIn fills in the sealed part of a setting.
func (s *Service) unsealIn(ctx context.Context, tx *store.Tx, r *Resource) error {
	var sealed []byte
	found, err := tx.Get(ctx, "SELECT sealed FROM resource_sealed WHERE path = $1", []any{path(r.ID)}, &sealed)
	if err != nil || !found {
		return wrapped(err, "read settings of %s", r.ID)
	}
	if s.sealer == nil {
		return errNoSealer
	}
	r.Sealed, err = s.sealer.Open(ctx, sealedPurpose, r.ID.Key(), sealed)
	return wrapped(err, "open settings of %s", r.ID)
}

// wrapped says what failed; nil stays nil.
func wrapped(err error, what string, of ID) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(what+": %w", of, err)
}
