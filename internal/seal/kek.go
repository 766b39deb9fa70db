package seal

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// kekPrefix begins the one line of a KEK file; the key follows in base64.
const kekPrefix = "sealring-kek-1 "

// keyBytes is the length of every key here: 256 bits (S-39).
const keyBytes = 32

// KEK is a key-encryption key. It prints as [secret].
type KEK struct {
	key [keyBytes]byte
	set bool
}

// String implements fmt.Stringer with a mask.
func (KEK) String() string { return "[secret]" }

// GoString implements fmt.GoStringer with a mask.
func (KEK) GoString() string { return "[secret]" }

// LoadKEK reads the KEK file at path: a regular file of the current user, mode 0600 or
// stricter, not a symbolic link. Errors: ErrKEKMissing, ErrKEKUnsafe, ErrKEKMalformed.
func LoadKEK(path string) (KEK, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return KEK{}, ErrKEKMissing.With("the key-encryption key %s does not exist", path)
	case errors.Is(err, syscall.ELOOP):
		return KEK{}, ErrKEKUnsafe.With("the key-encryption key %s is a symbolic link", path)
	case err != nil:
		return KEK{}, fmt.Errorf("open key-encryption key: %w", err)
	}
	defer f.Close() //nolint:errcheck // nothing was written
	if err := safe(f, path); err != nil {
		return KEK{}, err
	}
	text, err := io.ReadAll(io.LimitReader(f, 4096))
	if err != nil {
		return KEK{}, fmt.Errorf("read key-encryption key: %w", err)
	}
	return ParseKEK(text)
}

// safe refuses what is not a regular file of ours that nobody else can read.
func safe(f *os.File, path string) error {
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("look at key-encryption key: %w", err)
	}
	if !info.Mode().IsRegular() {
		return ErrKEKUnsafe.With("the key-encryption key %s is not a regular file", path)
	}
	if perm := info.Mode().Perm(); perm&0o077 != 0 {
		return ErrKEKUnsafe.With("the key-encryption key %s has mode %04o; 0600 is needed", path, perm)
	}
	if s, ok := info.Sys().(*syscall.Stat_t); !ok || int(s.Uid) != os.Geteuid() {
		return ErrKEKUnsafe.With("the key-encryption key %s belongs to another user", path)
	}
	return nil
}

// CreateKEK makes a KEK and writes it durably to path, mode 0600, its directory 0700. A file
// that exists is an error (fs.ErrExist) and left alone.
func CreateKEK(path string, rand io.Reader) (KEK, error) {
	k := KEK{set: true}
	if _, err := io.ReadFull(rand, k.key[:]); err != nil {
		return KEK{}, fmt.Errorf("draw key-encryption key: %w", err)
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return KEK{}, fmt.Errorf("make directory of key-encryption key: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return KEK{}, fmt.Errorf("create key-encryption key: %w", err)
	}
	_, err = f.WriteString(kekPrefix + base64.StdEncoding.EncodeToString(k.key[:]) + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return KEK{}, fmt.Errorf("write key-encryption key: %w", err)
	}
	return k, syncDirectory(dir)
}

// syncDirectory makes a new name in dir durable.
func syncDirectory(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open directory of key-encryption key: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync directory of key-encryption key: %w", err)
	}
	return nil
}

// ParseKEK reads the text of a KEK file, for example the output of kek.command. Errors:
// ErrKEKMalformed.
func ParseKEK(text []byte) (KEK, error) {
	encoded, ok := bytes.CutPrefix(bytes.TrimSpace(text), []byte(kekPrefix))
	if !ok {
		return KEK{}, ErrKEKMalformed
	}
	key, err := base64.StdEncoding.Strict().DecodeString(string(encoded))
	if err != nil || len(key) != keyBytes {
		return KEK{}, ErrKEKMalformed
	}
	return KEK{key: [keyBytes]byte(key), set: true}, nil
}
