package seal_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/seal"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
)

func kek(t *testing.T) seal.KEK {
	t.Helper()
	k, err := seal.CreateKEK(filepath.Join(t.TempDir(), "x", "i.kek"), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func sealer(t *testing.T, db *store.DB, k seal.KEK, now func() time.Time) *seal.Sealer {
	t.Helper()
	s, err := seal.New(t.Context(), seal.Config{Store: db, KEK: k, Now: now, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// S-38: a value opens for its own purpose and row, after a restart too, and for nothing else.
func TestSealedValuesStayWhereTheyBelong(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		k := kek(t)
		ctx := t.Context()
		sealed, err := sealer(t, db, k, time.Now).Seal(ctx, "vault.secret", "row/1", []byte("canary"))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(sealed, []byte("canary")) {
			t.Fatal("readable")
		}
		s := sealer(t, db, k, time.Now)
		if got, err := s.Open(ctx, "vault.secret", "row/1", sealed); err != nil || string(got) != "canary" {
			t.Fatalf("opened %q, %v", got, err)
		}
		changed := bytes.Clone(sealed)
		changed[len(changed)-1] ^= 1
		other := bytes.Clone(sealed)
		other[8]++ // names another data key
		for name, c := range map[string]struct {
			purpose, binding string
			sealed           []byte
		}{
			"moved to another row":    {"vault.secret", "row/2", sealed},
			"used for something else": {"vault.key", "row/1", sealed},
			"border moved":            {"vault.secretr", "ow/1", sealed},
			"changed":                 {"vault.secret", "row/1", changed},
			"of another data key":     {"vault.secret", "row/1", other},
			"cut":                     {"vault.secret", "row/1", sealed[:12]},
			"empty":                   {"vault.secret", "row/1", nil},
			"the plain text":          {"vault.secret", "row/1", []byte("canary canary canary canary")},
			"of an unknown format":    {"vault.secret", "row/1", append([]byte{9}, sealed[1:]...)},
		} {
			if _, err := s.Open(ctx, c.purpose, c.binding, c.sealed); !errors.Is(err, seal.ErrOpen) {
				t.Errorf("%s: %v, want ErrOpen", name, err)
			}
		}
		again, err := s.Seal(ctx, "vault.secret", "row/1", []byte("canary"))
		if err != nil || bytes.Equal(again, sealed) {
			t.Error("two seals of one value are equal")
		}
	})
}

// R-19, S-38: another KEK, or swapped wrapped rows, refuse and create nothing.
func TestNewRefusesAStoreThatDoesNotOpen(t *testing.T) {
	db := storetest.SQLite(t)
	ctx := t.Context()
	if in, err := seal.InUse(ctx, db); err != nil || in {
		t.Fatalf("empty store in use: %v, %v", in, err)
	}
	k := kek(t)
	sealer(t, db, k, time.Now)
	if in, err := seal.InUse(ctx, db); err != nil || !in {
		t.Fatalf("store not in use: %v, %v", in, err)
	}
	if _, err := seal.New(ctx, seal.Config{Store: db, KEK: kek(t), Now: time.Now, Rand: rand.Reader}); !errors.Is(err, seal.ErrKEKWrong) {
		t.Errorf("another KEK: %v", err)
	}
	if _, err := seal.New(ctx, seal.Config{Store: db, Now: time.Now, Rand: rand.Reader}); err == nil {
		t.Error("S-31: no KEK accepted")
	}
	exec(t, db, "UPDATE data_keys SET wrapped = (SELECT wrapped FROM data_keys WHERE id = 1)")
	if _, err := seal.New(ctx, seal.Config{Store: db, KEK: k, Now: time.Now, Rand: rand.Reader}); !errors.Is(err, seal.ErrKEKWrong) {
		t.Errorf("moved data key: %v", err)
	}
	var rows int64
	if err := db.View(ctx, func(tx *store.Tx) error {
		_, err := tx.Get(ctx, "SELECT COUNT(id) FROM data_keys", nil, &rows)
		return err
	}); err != nil || rows != 2 {
		t.Errorf("%d data keys, %v", rows, err)
	}
}

func exec(t *testing.T, db *store.DB, query string) {
	t.Helper()
	err := db.Update(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(t.Context(), query)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// S/R 6.1: after 90 days, or 2^31 uses, there is a new data key; old values still open, also
// on a replica that did not make it.
func TestDataKeysRotate(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		k, at := kek(t), time.Now()
		clock := func() time.Time { return at }
		a, b := sealer(t, db, k, clock), sealer(t, db, k, clock)
		old, _ := a.Seal(t.Context(), "p", "b", []byte("old"))
		if err := seal.Maintain(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		same, _ := a.Seal(t.Context(), "p", "b", nil)
		at = at.Add(90 * 24 * time.Hour)
		if err := seal.Maintain(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		fresh, _ := a.Seal(t.Context(), "p", "b", []byte("new"))
		if same[8] != old[8] || fresh[8] == old[8] {
			t.Fatalf("data keys %d, %d, %d", old[8], same[8], fresh[8])
		}
		exec(t, db, "UPDATE data_keys SET uses = 2147483648")
		if err := seal.Maintain(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		worn, _ := a.Seal(t.Context(), "p", "b", []byte("worn"))
		if worn[8] == fresh[8] {
			t.Error("a worn data key goes on")
		}
		for want, sealed := range map[string][]byte{"old": old, "new": fresh, "worn": worn} {
			if got, err := b.Open(t.Context(), "p", "b", sealed); err != nil || string(got) != want {
				t.Errorf("the other replica opens %s as %q, %v", want, got, err)
			}
		}
		if !bytes.Equal(a.MAC("x", []byte("s")), b.MAC("x", []byte("s"))) {
			t.Error("the MAC changed with the data key")
		}
	})
}

// S-40: the keyed hash depends on purpose, data and installation.
func TestMAC(t *testing.T) {
	s := sealer(t, storetest.SQLite(t), kek(t), time.Now)
	other := sealer(t, storetest.SQLite(t), kek(t), time.Now)
	sum := s.MAC("client secret", []byte("a"))
	if len(sum) != 32 || !bytes.Equal(sum, s.MAC("client secret", []byte("a"))) {
		t.Error("not a stable hash of 32 bytes")
	}
	for name, got := range map[string][]byte{
		"other data": s.MAC("client secret", []byte("b")), "other purpose": s.MAC("page", []byte("a")), "other installation": other.MAC("client secret", []byte("a")),
	} {
		if bytes.Equal(sum, got) {
			t.Errorf("%s gives the same hash", name)
		}
	}
}

// L-12, S/R 6.5: the KEK file.
func TestKEKFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "conf", "i.kek")
	if _, err := seal.LoadKEK(path); !errors.Is(err, seal.ErrKEKMissing) {
		t.Errorf("missing: %v", err)
	}
	made, err := seal.CreateKEK(path, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if read, err := seal.LoadKEK(path); err != nil || read != made {
		t.Errorf("does not read back: %v", err)
	}
	if _, err := seal.CreateKEK(path, rand.Reader); !errors.Is(err, fs.ErrExist) {
		t.Errorf("overwritten: %v", err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if printed := fmt.Sprintf("%v %+v %#v %s", made, made, made, struct{ K seal.KEK }{made}); bytes.Contains([]byte(printed), text[15:30]) || len(printed) > 60 {
		t.Errorf("printed %s", printed)
	}
	link := filepath.Join(dir, "link.kek")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if _, err := seal.LoadKEK(link); !errors.Is(err, seal.ErrKEKUnsafe) {
		t.Errorf("symbolic link: %v", err)
	}
	if _, err := seal.LoadKEK(dir); !errors.Is(err, seal.ErrKEKUnsafe) {
		t.Errorf("directory: %v", err)
	}
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o660, 0o601} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := seal.LoadKEK(path); !errors.Is(err, seal.ErrKEKUnsafe) {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
	if os.Geteuid() == 0 {
		if err := errors.Join(os.Chmod(path, 0o600), os.Chown(path, 65534, 65534)); err != nil {
			t.Fatal(err)
		}
		if _, err := seal.LoadKEK(path); !errors.Is(err, seal.ErrKEKUnsafe) {
			t.Errorf("foreign owner: %v", err)
		}
	}
	for name, text := range map[string]string{
		"empty": "", "no prefix": "AAAA", "short": "sealring-kek-1 AAAA", "not base64": "sealring-kek-1 " + string(make([]byte, 44)),
	} {
		if _, err := seal.ParseKEK([]byte(text)); !errors.Is(err, seal.ErrKEKMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Run ends with its context and without an error.
func TestRunEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := sealer(t, storetest.SQLite(t), kek(t), time.Now).Run(ctx); err != nil {
		t.Error(err)
	}
}
