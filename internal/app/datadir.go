package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// dataDir is a prepared and locked data directory.
type dataDir struct {
	path string
	lock *os.File
}

// openDataDir makes the directory where there is none, refuses one that others own, could
// enter or that is a link (S-24), and takes its lock. Errors: ErrDataDir, ErrInUse.
func openDataDir(path string) (*dataDir, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, ErrDataDir.With("cannot make %s: %s; choose another place with --data", filepath.Dir(path), reason(err))
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, ErrDataDir.With("cannot make the data directory %s: %s; choose another place with --data", path, reason(err))
	}
	if err := checkDir(path); err != nil {
		return nil, err
	}
	name := filepath.Join(path, "lock")
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, ErrDataDir.With("cannot write in the data directory %s: %s", path, reason(err))
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close() //nolint:errcheck // nothing was written
		holder, _ := os.ReadFile(name)
		return nil, ErrInUse.With("the data directory %s is in use by process %s: stop it, or choose another with --data", path, strings.TrimSpace(string(holder)))
	}
	if err := f.Truncate(0); err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		return nil, errors.Join(ErrDataDir.With("cannot write in the data directory %s: %s", path, reason(err)), f.Close())
	}
	return &dataDir{path: path, lock: f}, nil
}

// checkDir refuses a directory that is not the current user's alone.
func checkDir(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return ErrDataDir.With("cannot look at the data directory %s: %s", path, reason(err))
	}
	owner, _ := info.Sys().(*syscall.Stat_t)
	switch {
	case info.Mode()&os.ModeSymlink != 0:
		return ErrDataDir.With("the data directory %s is a symbolic link: name the directory itself", path)
	case !info.IsDir():
		return ErrDataDir.With("%s is not a directory: choose another place with --data", path)
	case owner != nil && int(owner.Uid) != os.Geteuid():
		return ErrDataDir.With("the data directory %s belongs to user %d, and this is user %d: run as its owner, or choose another with --data", path, owner.Uid, os.Geteuid())
	case info.Mode().Perm()&0o077 != 0:
		return ErrDataDir.With("others may enter the data directory %s (mode %#o): run chmod 700 %s", path, info.Mode().Perm(), path)
	}
	return nil
}

// file is the path of a file in the directory.
func (d *dataDir) file(name string) string { return filepath.Join(d.path, name) }

// Close gives the lock back.
func (d *dataDir) Close() error { return d.lock.Close() }

// replace writes a file of mode 0600 so that a reader or a crash sees the old or the new
// content and nothing between: temporary file, flush, rename, flush of the directory (S-24).
func (d *dataDir) replace(name string, content []byte) error {
	f, err := os.CreateTemp(d.path, "."+name+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer os.Remove(f.Name()) //nolint:errcheck // gone after the rename
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := os.Rename(f.Name(), d.file(name)); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	dir, err := os.Open(d.path)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// reason is the part of a file error that a person needs: not the path again.
func reason(err error) string {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}
