//go:build e2e

package e2e

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	_ "modernc.org/sqlite"
)

// spoiled is a table whose rows are spoiled, one column of one row at a time, each row
// belonging to an object of its own.
type spoiled struct {
	table, kind, where string // where finds the row by the object's name
	make               func(m *model, name string) reply
	read               func(m *model, name string) reply
}

// S-67: a malformed row (blank, of an unknown kind, of another type, in every column of
// every table that holds objects) is an error of that object and of nothing else: the server
// starts, stays up, and everything beside it works.
func TestMalformedRowsHarmNothingElse(t *testing.T) {
	v := newVictim(t, buildWithFailpoints(t), "sqlite")
	v.up("")
	m := newModel(v)
	m.prepare()
	good := func() {
		t.Helper()
		for _, op := range m.everyWrite() {
			if a := op.do(); a.status/100 != 2 {
				t.Errorf("%s beside malformed rows: %d %s", op.name, a.status, tail(a.body, 300))
			}
		}
		if s := v.ready(); s != 200 {
			t.Errorf("readiness: %d", s)
		}
		if s := v.keys(); s != 200 {
			t.Errorf("keys: %d", s)
		}
	}
	good()
	db, err := sql.Open("sqlite", v.file()+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	defer db.Close()
	var read []func() reply
	for _, s := range spoiledTables {
		for i, column := range columns(t, db, s.table) {
			for j, value := range []string{"''", "'unknown kind'", "-1", "x'00ff'"} {
				name := fmt.Sprintf("bad-%s-%d-%d", s.kind, i, j)
				if s.kind == "assignment" {
					name = fmt.Sprintf("bad00000-0000-4000-8000-%06d%06d", i, j)
				}
				if a := s.make(m, name); a.status/100 != 2 {
					t.Fatalf("make %s: %d %s", name, a.status, a.body)
				}
				// Constraints keep some values out; that is as good.
				_, _ = db.Exec("UPDATE " + s.table + " SET " + column + " = " + value + " WHERE " + strings.ReplaceAll(s.where, "NAME", name))
				read = append(read, func() reply { return s.read(m, name) })
			}
		}
	}
	good() // as far as caches have not noticed
	v.kill()
	v.up("")
	good()
	statuses := map[int]int{}
	for _, r := range read {
		a := r()
		statuses[a.status]++
		if a.status == 0 {
			t.Errorf("no answer: %s", a.body)
		}
	}
	good()
	t.Logf("%d malformed rows; reading their objects was answered with %v", len(read), statuses)
}

// spoiledTables are the tables that hold many objects.
var spoiledTables = []spoiled{
	{"resources", "machine", "id LIKE '%/NAME'",
		func(m *model, n string) reply {
			return m.v.arm("PUT", m.machinePath(n), "2024-07-01", "", m.machineBody("SystemAssigned,UserAssigned", fixedName(0, 0), "x"))
		},
		func(m *model, n string) reply { return m.v.arm("GET", m.machinePath(n), "2024-07-01", "", "") }},
	{"directory_service_principals", "principal", "display_name = 'NAME'",
		func(m *model, n string) reply { return m.identity(n) },
		func(m *model, n string) reply { return m.v.arm("GET", m.identityPath(n), "2023-01-31", "", "") }},
	{"managedidentity_identities", "identity", "path = (SELECT path FROM resources WHERE id LIKE '%/NAME')",
		func(m *model, n string) reply { return m.identity(n) },
		func(m *model, n string) reply { return m.v.arm("GET", m.identityPath(n), "2023-01-31", "", "") }},
	{"resource_attachments", "attached", "path = (SELECT path FROM resources WHERE id LIKE '%/NAME')",
		func(m *model, n string) reply {
			return m.v.arm("PUT", m.machinePath(n), "2024-07-01", "", m.machineBody("UserAssigned", fixedName(0, 0), "x"))
		},
		func(m *model, n string) reply { return m.v.arm("GET", m.machinePath(n), "2024-07-01", "", "") }},
	{"role_assignment", "assignment", "name = 'NAME'",
		func(m *model, n string) reply {
			id := "for-" + n
			a := m.identity(id)
			return m.v.arm("PUT", m.assignmentPath(n), "2022-04-01", "", `{"properties":{"roleDefinitionId":"/subscriptions/`+m.v.SubscriptionID+
				`/providers/Microsoft.Authorization/roleDefinitions/`+roles[0]+`","principalId":"`+principalOf(a)+`","principalType":"ServicePrincipal"}}`)
		},
		func(m *model, n string) reply { return m.v.arm("GET", m.assignmentPath(n), "2022-04-01", "", "") }},
	{"vault_secrets", "secret", "name = 'NAME'", makeSecret, readSecret},
	{"vault_secret_versions", "version", "name_key = (SELECT name_key FROM vault_secrets WHERE name = 'NAME')", makeSecret, readSecret},
}

// makeSecret sets a secret.
func makeSecret(m *model, n string) reply {
	return m.v.vaultCall("PUT", crashVault, "/secrets/"+n, "", `{"value":"x"}`)
}

// readSecret reads it.
func readSecret(m *model, n string) reply {
	return m.v.vaultCall("GET", crashVault, "/secrets/"+n, "", "")
}

// columns lists the columns of a table.
func columns(t *testing.T, db *sql.DB, table string) (out []string) {
	t.Helper()
	rows, err := db.Query("SELECT name FROM pragma_table_info('" + table + "')")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		out = append(out, name)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}
