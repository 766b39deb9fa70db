package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// dataDir is a prepared and locked data directory.
type dataDir struct {
	path string
	lock *os.File
	made []string // what this start created, in the order of removing it
}

// openDataDir makes the directory where there is none, refuses one that others own, could
// enter or that is a link (S-24), and takes its lock. Errors: ErrDataDir, ErrInUse.
func openDataDir(path string) (*dataDir, error) {
	if n := len(filepath.Join(path, socketName)); n >= len(unix.RawSockaddrUnix{}.Path) {
		return nil, ErrDataDir.With("the path of the data directory %s is too long for the socket in it: choose a shorter one with --data", path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, ErrDataDir.With("cannot make %s: %s; choose another place with --data", filepath.Dir(path), reason(err))
	}
	var made []string
	if err := os.Mkdir(path, 0o700); err == nil {
		made = []string{path}
	} else if !errors.Is(err, os.ErrExist) {
		return nil, ErrDataDir.With("cannot make the data directory %s: %s; choose another place with --data", path, reason(err))
	}
	if err := checkDir(path); err != nil {
		return nil, err
	}
	name := filepath.Join(path, "lock")
	if err := checkFile(name, 0, publicFile); err != nil {
		return nil, err
	}
	if _, err := os.Lstat(name); errors.Is(err, os.ErrNotExist) {
		made = append([]string{name}, made...)
	}
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, unwritable(path, err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close() //nolint:errcheck // nothing was written
		holder, _ := os.ReadFile(name)
		return nil, inUse(path, strings.TrimSpace(string(holder)))
	}
	if !current(f, name) {
		return nil, errors.Join(ErrInUse.With("another start of the data directory %s was under way: try again", path), f.Close())
	}
	if err = f.Truncate(0); err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		return nil, errors.Join(unwritable(path, err), f.Close())
	}
	return &dataDir{path: path, lock: f, made: made}, nil
}

// orphaned refuses to found an installation beside the remains of another.
func (d *dataDir) orphaned(missing string) error {
	return ErrDataDir.With("the data directory %s has an %s and %s: bring the installation's database back, or remove %s to begin anew",
		d.path, adminSecretFile, missing, d.file(adminSecretFile))
}

// current reports whether the file that is locked still is the one of that name: a failed
// first start removes the lock that it made.
func current(f *os.File, name string) bool {
	locked, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Lstat(name)
	return err == nil && os.SameFile(locked, named)
}

// undo removes what this start created, as far as nothing else lies in it.
func (d *dataDir) undo() {
	for _, name := range d.made {
		_ = os.Remove(name) // a directory that holds something stays
	}
}

// inUse says who holds a data directory.
func inUse(path, pid string) error {
	return ErrInUse.With("the data directory %s is in use by process %s: stop it, or choose another with --data", path, pid)
}

// unwritable says that nothing can be kept in a directory.
func unwritable(path string, err error) error {
	return ErrDataDir.With("cannot write in the data directory %s: %s; run chmod 700 %s, or choose another with --data", path, reason(err), path)
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

// socketName is the name of the registration socket in the data directory.
const socketName = "node.sock"

// file is the path of a file in the directory.
func (d *dataDir) file(name string) string { return filepath.Join(d.path, name) }

// Close gives the lock back; the file stays, empty.
func (d *dataDir) Close() error { return errors.Join(d.lock.Truncate(0), d.lock.Close()) }

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

// leftover matches the temporary files of dataDir.replace and of whoever else replaces a file
// in the data directory: packages client (endpoints.json) and workload (workloads.json).
var leftover = regexp.MustCompile(`^\.(admin\.secret(\.id)?\.|ca\.pem\.|endpoints\.json-|workloads-)[0-9]+$`)

// removeLeftovers removes the temporary files of a server that was killed while it replaced a
// file; one may hold a secret. The lock must be held. Errors: ErrDataDir.
func (d *dataDir) removeLeftovers() error {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return ErrDataDir.With("cannot look at the data directory %s: %s", d.path, reason(err))
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || !leftover.MatchString(e.Name()) {
			continue
		}
		if err := os.Remove(d.file(e.Name())); err != nil {
			return unwritable(d.path, err)
		}
	}
	return nil
}

// reason is the part of a file error that a person needs: not the path again.
func reason(err error) string {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}
