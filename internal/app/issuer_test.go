package app

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/store"
)

// kekOf is the path of the key-encryption key that a start made.
func kekOf(t *testing.T, c Config) string {
	t.Helper()
	keks, err := filepath.Glob(filepath.Join(c.ConfigHome, "sealring", "*.kek"))
	if err != nil || len(keks) != 1 {
		t.Fatalf("key-encryption keys %v, %v", keks, err)
	}
	return keks[0]
}

// issuerTables are what makes a store an issuer.
var issuerTables = []string{"signing_keys", "signing_issuer", "data_keys", "installation"}

// statements runs statements on the store of a stopped server.
func statements(t *testing.T, c Config, queries ...string) {
	t.Helper()
	db, err := c.openStore(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(t.Context(), func(tx *store.Tx) error {
		for _, q := range queries {
			if _, err := tx.Exec(t.Context(), q); err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// rows counts the rows of all issuerTables in the store of a stopped server.
func rows(t *testing.T, c Config) string {
	t.Helper()
	db, err := c.openStore(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out string
	for _, table := range append(issuerTables, "audit", "feed") {
		n, err := count(db, "SELECT COUNT(*) FROM "+table)
		if err != nil {
			t.Fatal(err)
		}
		out += fmt.Sprintf("%s %d, ", table, n)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return out
}

// a store that was an issuer and lost what makes it one refuses to start, in one line
// that says why, and makes nothing in its place; when everything is back it is what it was.
func TestNeverANewIssuer(t *testing.T) {
	eachEngine(t, func(t *testing.T, c Config) {
		s := start(t, c)
		before := s.identity(t)
		at := s.Endpoints().AuthorityHost
		kid, _, err := s.keys.Signer()
		if err := errors.Join(err, s.stop()); err != nil {
			t.Fatal(err)
		}
		var keep, restore []string
		for _, table := range issuerTables {
			keep = append(keep, "CREATE TABLE kept_"+table+" AS SELECT * FROM "+table)
			restore = append(restore, "DELETE FROM "+table, "INSERT INTO "+table+" SELECT * FROM kept_"+table)
		}
		statements(t, c, keep...)
		const never = ": restore a backup; nothing is made in "
		for _, damage := range []struct{ name, query, says string }{
			{"the keys are deleted", "DELETE FROM signing_keys", "this store was an issuer and its signing keys are gone" + never + "their place"},
			{"the mark is deleted", "DELETE FROM signing_issuer", "this store has signing keys and its mark as an issuer is gone" + never + "its place"},
			{"the data keys are deleted", "DELETE FROM data_keys", "this store was an issuer and its data keys are gone" + never + "their place"},
			{"the installation is deleted", "DELETE FROM installation", "this store was an issuer and the record of its installation is gone" + never + "its place"},
			{"the installation is incomplete", "DELETE FROM installation WHERE name = 'port'", "the record of the installation in the store is damaged" + never + "its place"},
			{"the domain is edited", "UPDATE installation SET value = 'other.example' WHERE name = 'domain'",
				"the signing keys of this store sign for " + at + " and not for " + strings.Replace(at, "sealring.internal", "other.example", 1) +
					": restore the installation they belong to, or use another data directory"},
			{"the port is edited", "UPDATE installation SET value = '443' WHERE name = 'port'",
				"the signing keys of this store sign for " + at + " and not for https://login.sealring.internal: restore the installation they belong to, or use another data directory"},
			{"a private half is another's", "UPDATE signing_keys SET sealed = (SELECT wrapped FROM data_keys WHERE use = 'mac') WHERE kid = '" + kid + "'",
				"signing key " + kid + " does not open with the key-encryption key" + never + "its place"},
			{"a key has another name", "UPDATE signing_keys SET kid = 'x' WHERE kid = '" + kid + "'", "signing key x has another certificate" + never + "its place"},
			{"the keys were revoked by hand", "UPDATE signing_keys SET revoked_at = 1",
				"this store was an issuer and none of its signing keys may sign" + never + "their place"},
		} {
			statements(t, c, damage.query)
			refusedStart(t, damage.name, c, damage.says)
			statements(t, c, restore...)
		}
		kek := kekOf(t, c)
		own, err := os.ReadFile(kek)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(kek); err != nil {
			t.Fatal(err)
		}
		refusedStart(t, "the key-encryption key is gone", c, "the key-encryption key "+kek+
			" does not exist, and without it the data cannot be read: put the copy back that was kept apart, or name it with kek.file")
		if err := os.WriteFile(kek, []byte("sealring-kek-1 "+base64.StdEncoding.EncodeToString(make([]byte, 32))+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		refusedStart(t, "the key-encryption key is another", c, "the key-encryption key of "+kek+
			" does not open this data: put the copy back that belongs to it, or name it with kek.file")
		if err := os.WriteFile(kek, own, 0o600); err != nil {
			t.Fatal(err)
		}
		other := c
		other.Domain = "other.example"
		refusedStart(t, "another domain is asked for", other,
			"the domain is sealring.internal since the first start and cannot become other.example: use another data directory")
		// L-1: the port is part of the issuer. The same one may be named, also behind another port.
		port := strings.TrimPrefix(at, "https://login.sealring.internal:")
		moved := c
		if moved.PublicPort, err = strconv.Atoi(port); err != nil {
			t.Fatal(err)
		}
		moved.PublicPort++
		refusedStart(t, "another port is asked for", moved, fmt.Sprintf("the issuer's port is %s since the first start and cannot become %d: every token names it; "+
			"set public_port to %[1]s or leave it out, and forward that port to the one listened on", port, moved.PublicPort))
		c.PublicPort = moved.PublicPort - 1
		if after := start(t, c).identity(t); after["issuer"] != before["issuer"] || after["secret"] != before["secret"] || after["ca"] != before["ca"] {
			t.Errorf("before %v\nafter %v", before, after)
		}
	})
}

// refusedStart fails to start, for a reason in one line, and changes nothing.
func refusedStart(t *testing.T, name string, c Config, says string) {
	t.Helper()
	harmed := rows(t, c)
	s, err := New(t.Context(), c)
	if err == nil {
		t.Fatalf("%s: it starts; %v", name, s.close())
	}
	if got := fault.Message(err); got != says {
		t.Errorf("%s: it says\n%q, want\n%q", name, got, says)
	}
	if now := rows(t, c); now != harmed {
		t.Errorf("%s: the refused start changed the store from %s to %s", name, harmed, now)
	}
}
