package backup_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/backup"
	"github.com/sealring/sealring/internal/seal"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
)

// newKey makes a key of backups of an installation with a key-encryption key of its own.
func newKey(t *testing.T, installation string) seal.BackupKey {
	t.Helper()
	kek, err := seal.CreateKEK(filepath.Join(t.TempDir(), "kek"), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return seal.BackupKey{Installation: installation, Rand: rand.Reader, KEK: func(string) (seal.KEK, error) { return kek, nil }}
}

// fill puts a few rows of every kind of value into a store.
func fill(t *testing.T, db *store.DB) {
	t.Helper()
	err := db.Update(t.Context(), func(tx *store.Tx) error {
		for i := range 20 {
			for _, insert := range []struct {
				text string
				args []any
			}{
				{"INSERT INTO installation (name, value) VALUES ($1, $2)", []any{fmt.Sprint("name ", i), "Grüße\n\"quoted\" \u2028 {[<&"}},
				{"INSERT INTO directory_users (id, tenant_id, upn, upn_key, display_name, mail, profile, enabled, password, must_change, password_changed_at, sessions_valid_from, epoch, created_at, deleted_at) " +
					"VALUES ($1, 't', $1, $1, '', '', '{}', $2, '', $3, 0, 0, 0, $4, 0)", []any{fmt.Sprint(i), i%2 == 0, i%2 == 1, int64(1)<<40 + int64(i)}},
				{"INSERT INTO directory_used_assertions (app_id, digest, expires_at) VALUES ('a', $1, -1)", []any{[]byte{byte(i), 0, 255}}},
			} {
				if i == 0 && insert.text[12:21] == "directory" && insert.text[22:27] == "users" {
					if _, err := tx.Exec(t.Context(), "INSERT INTO directory_tenants (id, display_name, domains, created_at) VALUES ('t', 'T', '[]', 0)"); err != nil {
						return err
					}
				}
				if _, err := tx.Exec(t.Context(), insert.text, insert.args...); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// what a backup holds comes back the same in either engine, and is said by Verify.
func TestABackupComesBackInEitherEngine(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		fill(t, db)
		key := newKey(t, "i1")
		var file bytes.Buffer
		h := backup.Header{Installation: "i1", Release: "test", Created: time.Unix(1e9, 0).UTC(), Files: map[string]string{"a": "b"}}
		wrote, err := backup.Write(t.Context(), db, key, h, &file)
		if err != nil {
			t.Fatal(err)
		}
		read, err := backup.Verify(bytes.NewReader(file.Bytes()), key)
		if err != nil || fmt.Sprint(read) != fmt.Sprint(wrote) || read.Tables["directory_users"] != 20 || read.Rows < 61 || read.Files["a"] != "b" {
			t.Fatalf("%+v\n%+v\n%v", wrote, read, err)
		}
		for engine, c := range map[string]store.Config{
			"sqlite": {SQLitePath: filepath.Join(t.TempDir(), "x.db"), Now: time.Now}, "postgres": {PostgresDSN: storetest.PostgresDSN(t), Now: time.Now},
		} {
			b, err := backup.Open(bytes.NewReader(file.Bytes()), key)
			if err != nil {
				t.Fatal(err)
			}
			if err := store.Load(t.Context(), c, b.Header.Schema, b, func(*store.Tx) error { return nil }); err != nil {
				t.Fatalf("%s: %v", engine, err)
			}
			if err := store.Load(t.Context(), c, b.Header.Schema, b, func(*store.Tx) error { return nil }); !errors.Is(err, store.ErrNotEmpty) {
				t.Errorf("%s: a second time: %v", engine, err)
			}
			var again bytes.Buffer
			copied := storetest.Open(t, c)
			if _, err := backup.Write(t.Context(), copied, key, h, &again); err != nil {
				t.Fatal(err)
			}
			if got, want := everything(t, &again, key), everything(t, bytes.NewBuffer(file.Bytes()), key); got != want {
				at := 0
				for at < min(len(got), len(want)) && got[at] == want[at] {
					at++
				}
				t.Errorf("what came back in %s differs: …%.300s\n…%.300s", engine, got[at:], want[at:])
			}
		}
	})
}

// everything is a backup as text, but for the order of rows.
func everything(t *testing.T, file *bytes.Buffer, key seal.BackupKey) string {
	t.Helper()
	b, err := backup.Open(file, key)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int{}
	for {
		table, columns, err := b.Table()
		if err != nil {
			return fmt.Sprint(out) // maps print in the order of their keys
		}
		for {
			row, err := b.Row()
			if err != nil {
				t.Fatal(err)
			}
			if row == nil {
				break
			}
			out[fmt.Sprintf("%s %v %q", table, columns, row)]++
		}
	}
}

// a byte changed, a cut, an addition and another key all show, and nothing is restored.
func TestAChangedBackupDoesNotOpen(t *testing.T) {
	db := storetest.SQLite(t)
	fill(t, db)
	key := newKey(t, "i1")
	var file bytes.Buffer
	if _, err := backup.Write(t.Context(), db, key, backup.Header{Installation: "i1"}, &file); err != nil {
		t.Fatal(err)
	}
	whole := file.Bytes()
	refused := func(what string, text []byte) {
		t.Helper()
		if _, err := backup.Verify(bytes.NewReader(text), key); !errors.Is(err, backup.ErrDamaged) && !errors.Is(err, seal.ErrOtherKEK) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for at := 0; at < len(whole); at += 1 + len(whole)/97 {
		changed := bytes.Clone(whole)
		changed[at] ^= 1
		refused(fmt.Sprint("a bit changed at ", at), changed)
		refused(fmt.Sprint("cut at ", at), whole[:at])
	}
	refused("a byte too many", append(bytes.Clone(whole), 0))
	if _, err := backup.Verify(bytes.NewReader(whole), newKey(t, "")); !errors.Is(err, seal.ErrOtherKEK) {
		t.Errorf("another key: %v", err)
	}
	if _, err := backup.Verify(bytes.NewReader(whole), key); err != nil {
		t.Errorf("unchanged: %v", err)
	}
	if bytes.Contains(whole, []byte("directory_users")) || bytes.Contains(whole, []byte("quoted")) {
		t.Error("the file can be read")
	}
}

// A failed restore leaves no store, so that it can be tried again.
func TestAFailedRestoreLeavesNothing(t *testing.T) {
	db := storetest.SQLite(t)
	fill(t, db)
	key := newKey(t, "i1")
	var file bytes.Buffer
	if _, err := backup.Write(t.Context(), db, key, backup.Header{Installation: "i1"}, &file); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	for _, c := range []store.Config{{SQLitePath: filepath.Join(t.TempDir(), "x.db"), Now: time.Now}, {PostgresDSN: storetest.PostgresDSN(t), Now: time.Now}} {
		for _, finish := range []error{broken, nil} {
			b, err := backup.Open(bytes.NewReader(file.Bytes()), key)
			if err != nil {
				t.Fatal(err)
			}
			if err := store.Load(t.Context(), c, b.Header.Schema, b, func(*store.Tx) error { return finish }); !errors.Is(err, finish) {
				t.Errorf("%v, want %v", err, finish)
			}
		}
		b, err := backup.Open(bytes.NewReader(file.Bytes()), key)
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Load(t.Context(), c, b.Header.Schema+1000, b, nil); !errors.Is(err, store.ErrNotEmpty) {
			t.Errorf("onto a store: %v", err)
		}
	}
	b, err := backup.Open(bytes.NewReader(file.Bytes()), key)
	if err != nil {
		t.Fatal(err)
	}
	err = store.Load(t.Context(), store.Config{SQLitePath: filepath.Join(t.TempDir(), "y.db"), Now: time.Now}, b.Header.Schema+1000, b, nil)
	if !errors.Is(err, store.ErrNewer) {
		t.Errorf("a newer one: %v", err)
	}
}
