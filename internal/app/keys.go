package app

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/sealring/sealring/internal/seal"
	"github.com/sealring/sealring/internal/store"
)

// kekCommandTimeout bounds kek.command.
const kekCommandTimeout = 30 * time.Second

// loadKEK returns the key-encryption key from where the configuration says, making it only
// for a store that holds nothing sealed yet (L-12). made is the path of a new file, for
// the line that says to back it up.
func (c Config) loadKEK(ctx context.Context, db *store.DB, installation string) (key seal.KEK, made string, err error) {
	if len(c.KEK.Command) > 0 {
		key, err = runKEKCommand(ctx, c.KEK.Command)
		return key, "", err
	}
	path := c.KEK.File
	if path == "" {
		path = filepath.Join(c.ConfigHome, "sealring", installation+".kek")
	}
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
	return key, "", err
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
