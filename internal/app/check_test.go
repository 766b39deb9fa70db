package app

import (
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/fault"
)

// checked runs Check on the installation of c.
func checked(t *testing.T, c Config) CheckReport {
	t.Helper()
	o, err := OpenOffline(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	r, err := o.Check(t.Context())
	if err := errors.Join(err, o.Close()); err != nil {
		t.Fatal(err)
	}
	return r
}

// S-38: check finds an installation sound, running and stopped, and names
// each kind of damage in its part; once it is mended all is sound again.
func TestCheckNamesDamage(t *testing.T) {
	eachEngine(t, func(t *testing.T, c Config) {
		a := attackOn(t, c)
		if status, _, body := a.https(t, "PUT", a.vars["vault"], "/secrets/s2?api-version=7.4", a.vars["vaulttoken"], `{"value":"canary-of-another"}`); status != 200 {
			t.Fatalf("secret: %d %s", status, body)
		}
		a.put(t, a.vars["group"]+"/providers/Microsoft.ManagedIdentity/userAssignedIdentities/one?api-version=2023-01-31", `{"location":"local"}`)
		if r := checked(t, c); !r.Intact || len(r.Parts) != 5 {
			t.Errorf("running: %+v", r)
		}
		if err := a.stop(); err != nil {
			t.Fatal(err)
		}
		tables := []string{"vault_secret_versions", "managedidentity_identities", "resources", "authorities", "audit", "feed", "vault_secrets"}
		var keep []string
		for _, table := range tables {
			keep = append(keep, "CREATE TABLE kept_"+table+" AS SELECT * FROM "+table)
		}
		statements(t, c, keep...)
		for _, damage := range []struct{ query, part, says string }{
			{"UPDATE vault_secret_versions SET value = (SELECT value FROM kept_vault_secret_versions k WHERE k.version <> vault_secret_versions.version)", "secrets", "a secret does not open: s1/"},
			{"DELETE FROM managedidentity_identities", "objects", "a resource without its user-assigned identity: "},
			{"UPDATE resources SET principal_id = '11111111-2222-4333-8444-555555555555' WHERE system_identity", "objects", "a system identity without its service principal: "},
			{"DELETE FROM authorities", "keys", "the certificate authorities are gone"},
			{"UPDATE authorities SET sealed = certificate WHERE name = 'installation'", "keys", ""},
			{"UPDATE audit SET body = REPLACE(body, 'Succeeded', 'succeeded') WHERE seq = 3", "audit", "3"},
			{"DELETE FROM feed WHERE seq = 2", "objects", "a feed with a gap"},
			{"UPDATE vault_secrets SET versions = 7", "objects", "a secret that miscounts its versions: "},
		} {
			statements(t, c, damage.query)
			r := checked(t, c)
			for _, p := range r.Parts {
				at := slices.ContainsFunc(p.Problems, func(s string) bool { return strings.Contains(s, damage.says) && s != "" })
				if at != (p.Part == damage.part) || r.Intact {
					t.Errorf("%s: %+v", damage.query, p)
				}
				if strings.Contains(strings.Join(p.Problems, ""), "canary") {
					t.Errorf("%s: says a secret: %s", damage.query, p.Problems)
				}
			}
			var restore []string
			for _, table := range tables {
				restore = append(restore, "DELETE FROM "+table, "INSERT INTO "+table+" SELECT * FROM kept_"+table)
			}
			statements(t, c, restore...)
		}
		if r := checked(t, c); !r.Intact {
			t.Errorf("mended: %+v", r)
		}
	})
}

// a page that SQLite cannot read is damage too, named in one sentence.
func TestCheckOfADamagedFile(t *testing.T) {
	c := testConfig(t)
	s := start(t, c)
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(c.SQLitePath(), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = f.WriteAt(make([]byte, 4096), size/2/4096*4096)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	if o, err := OpenOffline(t.Context(), c); err == nil {
		r, err := o.Check(t.Context())
		if err := errors.Join(err, o.Close()); err != nil || r.Intact {
			t.Errorf("%+v, %v", r, err)
		}
	} else if !strings.Contains(fault.Message(err), "is damaged; nothing was changed") {
		t.Errorf("it says %q", fault.Message(err))
	}
}
