package app

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/client"
	"github.com/sealring/sealring/internal/seal"
)

// S-24: a start refuses every file that it would use and that is a link, another user's,
// open to others or of another kind, names it, changes nothing, and starts once it is put right.
func TestUnsafeFilesAreRefused(t *testing.T) {
	t.Parallel()
	c := testConfig(t)
	r := start(t, c)
	kek := filepath.Join(c.ConfigHome, "sealring", r.in.id+".kek")
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	inData := func(name string) string { return filepath.Join(c.Data, name) }
	secret := []string{"sealring.db", "sealring.db-wal", "sealring.db-shm", "admin.secret"}
	public := []string{"lock", "ca.pem", "endpoints.json"}
	var paths []string
	for _, name := range append(secret, public...) {
		paths = append(paths, inData(name))
	}
	paths = append(paths, kek, inData("node.sock"), c.Data)
	spoils := map[string]func(t *testing.T, path string) (undo func()){
		"a link": func(t *testing.T, path string) func() {
			must(t, os.Rename(path, path+".moved"))
			must(t, os.Symlink(path+".moved", path))
			return func() { must(t, os.Remove(path)); must(t, os.Rename(path+".moved", path)) }
		},
		"a dangling link": func(t *testing.T, path string) func() {
			must(t, os.Rename(path, path+".moved"))
			must(t, os.Symlink(path+".nothing", path))
			return func() { must(t, os.Remove(path)); must(t, os.Rename(path+".moved", path)) }
		},
		"another user's": func(t *testing.T, path string) func() {
			if os.Geteuid() != 0 {
				t.Skip("only root can give files away")
			}
			must(t, os.Chown(path, 65534, -1))
			return func() { must(t, os.Chown(path, 0, -1)) }
		},
		"written by others": func(t *testing.T, path string) func() { return chmod(t, path, 0o022) },
		"read by the group": func(t *testing.T, path string) func() { return chmod(t, path, 0o040) },
		"read by others":    func(t *testing.T, path string) func() { return chmod(t, path, 0o004) },
		"a directory": func(t *testing.T, path string) func() {
			must(t, os.Rename(path, path+".moved"))
			must(t, os.Mkdir(path, 0o700))
			return func() { must(t, os.Remove(path)); must(t, os.Rename(path+".moved", path)) }
		},
	}
	for _, path := range paths {
		name := filepath.Base(path)
		for what, spoil := range spoils {
			open := strings.HasPrefix(what, "read by")
			if path == c.Data && what == "a directory" || open && (name == "lock" || name == "ca.pem" || name == "endpoints.json") {
				continue
			}
			t.Run(name+" is "+what, func(t *testing.T) {
				made := furnished(t, path)
				undo := spoil(t, path)
				s, err := New(context.Background(), c)
				if err == nil {
					_ = s.close()
				}
				if !errors.Is(err, ErrDataDir) && !errors.Is(err, seal.ErrKEKUnsafe) {
					t.Errorf("it starts: %v", err)
				} else if !strings.Contains(err.Error(), path) {
					t.Errorf("the refusal does not name the file: %v", err)
				}
				undo()
				if made {
					must(t, os.Remove(path))
				}
			})
		}
	}
	start(t, c)
	for _, name := range secret {
		if info, err := os.Lstat(inData(name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

// What a kill between a temporary file and its name leaves is gone after the next start, the
// secret in it too; a running server's is left alone, and so is what is not ours.
func TestLeftoversOfAKillAreRemoved(t *testing.T) {
	t.Parallel()
	c := testConfig(t)
	must(t, os.MkdirAll(c.Data, 0o700))
	dir := &dataDir{path: c.Data}
	var left []string
	for _, prefix := range []string{"." + adminSecretFile + ".", "." + adminSecretIDFile + ".", ".ca.pem.", "." + client.FileName + "-", ".workloads-"} {
		f, err := os.CreateTemp(c.Data, prefix+"*")
		must(t, err)
		must(t, f.Close())
		left = append(left, f.Name())
	}
	others := []string{dir.file(".admin.secret.mine"), dir.file("admin.secret.1"), dir.file(".sealring.db.1")}
	for _, name := range others {
		must(t, os.WriteFile(name, nil, 0o600))
	}
	must(t, os.Mkdir(dir.file(".ca.pem.1"), 0o700))
	others = append(others, dir.file(".ca.pem.1"))
	start(t, c)
	for _, name := range left {
		if _, err := os.Lstat(name); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there: %v", name, err)
		}
	}
	must(t, os.WriteFile(left[0], nil, 0o600))
	if s, err := New(t.Context(), c); err == nil {
		t.Error("a second server starts", s.close())
	}
	for _, name := range append(others, left[0]) {
		if _, err := os.Lstat(name); err != nil {
			t.Error(err)
		}
	}
}

// furnished makes a file that only a running server has, and says whether it did.
func furnished(t *testing.T, path string) bool {
	t.Helper()
	if _, err := os.Lstat(path); err == nil {
		return false
	}
	if filepath.Ext(path) != ".sock" {
		must(t, os.WriteFile(path, nil, 0o600))
		return true
	}
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	must(t, err)
	ln.SetUnlinkOnClose(false)
	must(t, ln.Close())
	must(t, os.Chmod(path, 0o600))
	return true
}

// chmod gives others more.
func chmod(t *testing.T, path string, more os.FileMode) func() {
	t.Helper()
	info, err := os.Lstat(path)
	must(t, err)
	must(t, os.Chmod(path, info.Mode().Perm()|more))
	return func() { must(t, os.Chmod(path, info.Mode().Perm())) }
}

// must ends the test at an error.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
