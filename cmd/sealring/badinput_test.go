package main

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sealring/sealring/internal/client"
)

// harm are the commands with which scripts make and judge bad input.
var harm = map[string]func(*testscript.TestScript, bool, []string){
	"refused":  refused,
	"busy":     busy,
	"foreign":  foreign,
	"tlsport":  tlsPort,
	"kek":      moveKEK,
	"sql":      execSQL,
	"copydir":  copyDir,
	"cut":      cut,
	"scribble": scribble,
}

// refused runs a command that must end with a status, one line on standard error, nothing
// on standard output and the directory as it was: refused N DIR COMMAND...
func refused(ts *testscript.TestScript, neg bool, args []string) {
	dir := ts.MkAbs(args[1])
	before := listing(ts, dir)
	status(ts, neg, append([]string{args[0]}, args[2:]...))
	if text := ts.ReadFile("stderr"); strings.Count(text, "\n") != 1 || !strings.HasPrefix(text, "sealring: ") {
		ts.Fatalf("not one line: %q", text)
	}
	if text := ts.ReadFile("stdout"); text != "" {
		ts.Fatalf("unexpected output: %q", text)
	}
	if after := listing(ts, dir); after != before {
		ts.Fatalf("%s changed:\nbefore\n%safter\n%s", args[1], before, after)
	}
}

// listing describes a directory: names, modes, owners, contents.
func listing(ts *testscript.TestScript, dir string) string {
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			b.WriteString("none\n")
			return nil
		}
		if err != nil {
			return err
		}
		if d.Name() == "stdout" || d.Name() == "stderr" {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		var content []byte
		if info.Mode().IsRegular() {
			if content, err = os.ReadFile(path); err != nil {
				return err
			}
			if d.Name() == "lock" {
				content = nil // a start that is refused leaves no pid; a killed one does
			}
		}
		fmt.Fprintf(&b, "%s %v %x\n", path, info.Mode(), sha256.Sum256(content))
		return nil
	})
	ts.Check(err)
	return b.String()
}

// busy listens on a loopback port until the script ends: busy VARIABLE
func busy(ts *testscript.TestScript, _ bool, args []string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { _ = ln.Close() })
	_, port, err := net.SplitHostPort(ln.Addr().String())
	ts.Check(err)
	ts.Setenv(args[0], port)
}

// foreign gives a directory to another user: foreign DIR
func foreign(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.MkAbs(args[0])
	ts.Check(os.Chmod(dir, 0o700))
	ts.Check(os.Chown(dir, 12345, 12345))
}

// tlsPort sets a variable to the TLS port of a running platform: tlsport VARIABLE DIR
func tlsPort(ts *testscript.TestScript, _ bool, args []string) {
	e, err := client.ReadEndpoints(ts.MkAbs(args[1]))
	ts.Check(err)
	ts.Setenv(args[0], e.Local[strings.LastIndex(e.Local, ":")+1:])
}

// moveKEK moves the one key-encryption key away: kek CONFIG TO
func moveKEK(ts *testscript.TestScript, _ bool, args []string) {
	keys, err := filepath.Glob(filepath.Join(ts.MkAbs(args[0]), "sealring", "*.kek"))
	ts.Check(err)
	if len(keys) != 1 {
		ts.Fatalf("keys: %v", keys)
	}
	ts.Check(os.Rename(keys[0], ts.MkAbs(args[1])))
}

// execSQL changes a database behind the server's back: sql FILE STATEMENT
func execSQL(ts *testscript.TestScript, _ bool, args []string) {
	db, err := sql.Open("sqlite", ts.MkAbs(args[0]))
	ts.Check(err)
	_, err = db.Exec(args[1])
	ts.Check(errors.Join(err, db.Close()))
}

// copyDir copies a directory, private: copydir FROM TO
func copyDir(ts *testscript.TestScript, _ bool, args []string) {
	to := ts.MkAbs(args[1])
	ts.Check(os.CopyFS(to, os.DirFS(ts.MkAbs(args[0]))))
	files, err := filepath.Glob(filepath.Join(to, "*"))
	ts.Check(err)
	for _, file := range files { // CopyFS makes them readable by everybody
		ts.Check(os.Chmod(file, 0o600))
	}
	ts.Check(os.Chmod(to, 0o700))
}

// cut shortens a file: cut FILE BYTES
func cut(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	ts.Check(os.Truncate(ts.MkAbs(args[0]), n))
}

// scribble overwrites two pages of a file: scribble FILE OFFSET
func scribble(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_WRONLY, 0)
	ts.Check(err)
	_, err = f.WriteAt(bytes.Repeat([]byte("Z"), 8192), n)
	ts.Check(errors.Join(err, f.Close()))
}

// condition tells scripts who runs them.
func condition(name string) (bool, error) {
	if name == "root" {
		return os.Geteuid() == 0, nil
	}
	return false, fmt.Errorf("unknown condition %s", name)
}
