package app

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/sealring/sealring/internal/client"
)

// Modes that a file may not have, and what it is that way.
const (
	secretFile fs.FileMode = 0o077 // the owner's alone
	publicFile fs.FileMode = 0o022 // others may read, not write
)

// checkFiles refuses what a start finds in the data directory and would use, if it is a
// link, another user's or open to others (S-24); the lock was looked at when it was taken.
// Errors: ErrDataDir.
func (s *Server) checkFiles(context.Context) error {
	for _, f := range []struct {
		name    string
		forbids fs.FileMode
	}{
		{"ca.pem", publicFile}, {client.FileName, publicFile}, {adminSecretFile, secretFile},
	} {
		if err := checkFile(s.dir.file(f.name), 0, f.forbids); err != nil {
			return err
		}
	}
	return checkFile(s.dir.file(socketName), fs.ModeSocket, secretFile)
}

// checkDatabase is checkFiles for a database file and its companions, wherever they are.
// Errors: ErrDataDir.
func checkDatabase(path string) error {
	for _, suffix := range []string{"", "-wal", "-shm", "-journal", ".new"} {
		if err := checkFile(path+suffix, 0, secretFile); err != nil {
			return err
		}
	}
	return nil
}

// checkFile refuses a file that is not of the given type, is not this user's or has a mode
// that it forbids. One that is not there is well.
func checkFile(path string, kind, forbids fs.FileMode) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return ErrDataDir.With("cannot look at %s: %s", path, reason(err))
	}
	owner, _ := info.Sys().(*syscall.Stat_t)
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		return ErrDataDir.With("%s is a symbolic link: put the %s itself into %s", path, filepath.Base(path), filepath.Dir(path))
	case info.Mode().Type() != kind:
		return ErrDataDir.With("%s is not the kind of file it should be: move it away", path)
	case owner != nil && int(owner.Uid) != os.Geteuid():
		return ErrDataDir.With("%s belongs to user %d, and this is user %d: run as its owner", path, owner.Uid, os.Geteuid())
	case info.Mode().Perm()&forbids != 0:
		return ErrDataDir.With("others have access to %s (mode %#o): run chmod 600 %s", path, info.Mode().Perm(), path)
	}
	return nil
}
