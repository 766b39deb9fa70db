package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/keyring"
	"github.com/sealring/sealring/internal/seal"
	"github.com/sealring/sealring/internal/store"
)

// The keyring as commands see it, which import nothing below this package.
type (
	// Keyring is what Offline.Keys opens.
	Keyring = keyring.Keyring
	// SigningKey is one of its keys.
	SigningKey = keyring.Key
	// RotateOptions say how a rotation may differ from the schedule.
	RotateOptions = keyring.RotateOptions
	// RevokeOptions say why a key is withdrawn.
	RevokeOptions = keyring.RevokeOptions
)

// kekCommandTimeout bounds kek.command.
const kekCommandTimeout = 30 * time.Second

// loadKEK returns the key-encryption key from where the configuration says, making it only
// for a store that holds nothing sealed yet (L-12). made is the path of a new file, for
// the line that says to back it up.
func (c Config) loadKEK(ctx context.Context, db *store.DB, installation string) (key seal.KEK, made string, err error) {
	if err := checkDataKeys(ctx, db); err != nil {
		return key, "", err
	}
	if len(c.KEK.Command) > 0 {
		key, err = runKEKCommand(ctx, c.KEK.Command)
		return key, "", err
	}
	path := c.kekPlace(installation)
	inUse, err := seal.InUse(ctx, db)
	if err != nil {
		return key, "", err
	}
	if _, statErr := os.Lstat(path); os.IsNotExist(statErr) && !inUse {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return key, "", fmt.Errorf("%w: %w", seal.ErrKEKUnsafe.With("cannot make %s for the key-encryption key: %s", filepath.Dir(path), reason(err)), err)
		}
		key, err = seal.CreateKEK(path, c.Rand)
		return key, path, err
	}
	key, err = seal.LoadKEK(path)
	return key, "", explainKEK(err, path)
}

// checkDataKeys refuses a store that was an issuer and whose data keys are gone: new ones
// would open nothing of what it holds. Errors: keyring.ErrKeysLost.
func checkDataKeys(ctx context.Context, db *store.DB) error {
	inUse, err := seal.InUse(ctx, db)
	if err != nil || inUse {
		return err
	}
	return db.View(ctx, func(tx *store.Tx) error {
		issued, err := keyring.Issued(ctx, tx)
		if err != nil || !issued {
			return err
		}
		return keyring.ErrKeysLost.With("this store was an issuer and its data keys are gone: restore a backup; nothing is made in their place")
	})
}

// kekPlace is where the key-encryption key comes from: a file, or a program.
func (c Config) kekPlace(installation string) string {
	switch {
	case len(c.KEK.Command) > 0:
		return c.KEK.Command[0]
	case c.KEK.File != "":
		return c.KEK.File
	}
	return filepath.Join(c.ConfigHome, "sealring", installation+".kek")
}

// explainKEK adds the way out to a failure to load the key-encryption key.
func explainKEK(err error, path string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, seal.ErrKEKMissing):
		return fmt.Errorf("%w: %w", seal.ErrKEKMissing.With("the key-encryption key %s does not exist, and without it the data cannot be read: put the copy back that was kept apart, or name it with kek.file", path), err)
	case errors.Is(err, seal.ErrKEKWrong):
		return fmt.Errorf("%w: %w", seal.ErrKEKWrong.With("the key-encryption key of %s does not open this data: put the copy back that belongs to it, or name it with kek.file", path), err)
	case errors.Is(err, seal.ErrKEKMalformed):
		return fmt.Errorf("%w: %w", seal.ErrKEKMalformed.With("%s holds no key-encryption key: put the copy back that was kept apart, or name another file with kek.file", path), err)
	case errors.Is(err, seal.ErrKEKUnsafe):
		return fmt.Errorf("%w: %w", seal.ErrKEKUnsafe.With("%s: run chmod 600 on the file itself, as its owner", fault.Message(err)), err)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("%w: %w", seal.ErrKEKUnsafe.With("this user may not read the key-encryption key %s: run as its owner, or name another file with kek.file", path), err)
	}
	return err
}

// runKEKCommand runs the program without a shell (S-25) and reads the key from its output,
// which appears nowhere else.
func runKEKCommand(ctx context.Context, command []string) (seal.KEK, error) {
	ctx, cancel := context.WithTimeout(ctx, kekCommandTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...) //nolint:gosec // the operator's own program, by design
	out, err := cmd.Output()
	if err != nil {
		return seal.KEK{}, seal.ErrKEKMissing.With("kek.command %s failed: %v", command[0], err)
	}
	return seal.ParseKEK(bytes.TrimSpace(out))
}
