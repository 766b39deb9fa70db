//go:build e2e

package e2e

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// steps runs a client program as the app and returns the steps it recorded.
func (p *platform) steps(app string, command []string, args ...string) map[string]any {
	p.t.Helper()
	a := p.client([]string{"--app", app}, command, args...)
	if !a.OK {
		p.t.Fatalf("%s: %+v", strings.Join(args, " "), a)
	}
	return a.Steps
}

// same compares recorded steps with those wanted, strictly and one by one. wanted is JSON.
func same(t *testing.T, got map[string]any, wanted string) {
	t.Helper()
	var want map[string]any
	if err := json.Unmarshal([]byte(wanted), &want); err != nil {
		t.Fatal(err)
	}
	for step, w := range want {
		if g := got[step]; !reflect.DeepEqual(g, w) {
			t.Errorf("step %s:\n got %v\nwant %v", step, g, w)
		}
	}
	for step, g := range got {
		if _, ok := want[step]; !ok {
			t.Errorf("step %s was not expected: %v", step, g)
		}
	}
}

// theLifeOfASecret is what every SDK reports of the same calls. Versions are numbered in the
// order in which they are seen, values are named, and names are without the prefix.
const theLifeOfASecret = `{
"set":        {"name":"life","version":"v1","value":"first","content_type":"text/plain","tags":{"a":"1","b":"2"},"enabled":true,"nbf":1700000000,"exp":2000000000,"level":"Recoverable+Purgeable","days":90,"dated":true},
"latest":     {"name":"life","version":"v1","value":"first","content_type":"text/plain","tags":{"a":"1","b":"2"},"enabled":true,"nbf":1700000000,"exp":2000000000,"level":"Recoverable+Purgeable","days":90,"dated":true},
"set_again":  {"name":"life","version":"v2","value":"second","content_type":"","tags":{},"enabled":true,"nbf":0,"exp":0,"level":"Recoverable+Purgeable","days":90,"dated":true},
"by_version": {"name":"life","version":"v1","value":"first","content_type":"text/plain","tags":{"a":"1","b":"2"},"enabled":true,"nbf":1700000000,"exp":2000000000,"level":"Recoverable+Purgeable","days":90,"dated":true},
"update":     {"name":"life","version":"v2","value":"none","content_type":"application/json","tags":{"c":"3"},"enabled":true,"nbf":0,"exp":2000000001,"level":"Recoverable+Purgeable","days":90,"dated":true},
"updated":    {"name":"life","version":"v2","value":"second","content_type":"application/json","tags":{"c":"3"},"enabled":true,"nbf":0,"exp":2000000001,"level":"Recoverable+Purgeable","days":90,"dated":true},
"identifier": {"vault":true,"name":"life","version":"v2"},
"upper_case": {"name":"life","version":"v2","value":"second","content_type":"application/json","tags":{"c":"3"},"enabled":true,"nbf":0,"exp":2000000001,"level":"Recoverable+Purgeable","days":90,"dated":true},
"expired":    {"name":"old","version":"v3","value":"first","content_type":"","tags":{},"enabled":true,"nbf":0,"exp":1000000000,"level":"Recoverable+Purgeable","days":90,"dated":true},
"list":       {"count":32,"several_pages":true},
"listed":     {"name":"life","version":"","value":"none","content_type":"application/json","tags":{"c":"3"},"enabled":true,"nbf":0,"exp":2000000001,"level":"Recoverable+Purgeable","days":90,"dated":true},
"versions":   ["v1","v2"],
"delete":     {"recovery":"deletedsecrets/life","days":90},
"deleted":    {"name":"life","version":"v2","value":"none","content_type":"application/json","tags":{"c":"3"},"enabled":true,"nbf":0,"exp":2000000001,"level":"Recoverable+Purgeable","days":90,"dated":true},
"list_deleted":       {"count":1},
"get_while_deleted":  {"status":404,"code":"SecretNotFound"},
"set_while_deleted":  {"status":409,"code":"Conflict"},
"recover":    {"name":"life","version":"v2","value":"none","content_type":"application/json","tags":{"c":"3"},"enabled":true,"nbf":0,"exp":2000000001,"level":"Recoverable+Purgeable","days":90,"dated":true},
"recovered":  {"name":"life","version":"v2","value":"second","content_type":"application/json","tags":{"c":"3"},"enabled":true,"nbf":0,"exp":2000000001,"level":"Recoverable+Purgeable","days":90,"dated":true},
"recovered_versions": ["v1","v2"],
"backup":     {"empty":false},
"delete_again":       {"recovery":"deletedsecrets/life","days":90},
"purge":      {"status":204},
"purged":     {"status":404,"code":"SecretNotFound"},
"restore":    {"name":"life","version":"v2","value":"none","content_type":"application/json","tags":{"c":"3"},"enabled":true,"nbf":0,"exp":2000000001,"level":"Recoverable+Purgeable","days":90,"dated":true},
"restored":   {"name":"life","version":"v2","value":"second","content_type":"application/json","tags":{"c":"3"},"enabled":true,"nbf":0,"exp":2000000001,"level":"Recoverable+Purgeable","days":90,"dated":true},
"restored_versions":  ["v1","v2"],
"restored_by_version": {"name":"life","version":"v1","value":"first","content_type":"text/plain","tags":{"a":"1","b":"2"},"enabled":true,"nbf":1700000000,"exp":2000000000,"level":"Recoverable+Purgeable","days":90,"dated":true},
"restore_again":      {"status":409,"code":"Conflict"},
"disable":    {"name":"off","version":"v4","value":"none","content_type":"text/plain","tags":{"a":"1"},"enabled":false,"nbf":0,"exp":0,"level":"Recoverable+Purgeable","days":90,"dated":true},
"disabled":   {"status":403,"code":"Forbidden"},
"missing":    {"status":404,"code":"SecretNotFound"},
"invalid":    {"status":400,"code":"BadParameter"}
}`

// RS-16, RS-17, RS-28, RS-31, RS-33, RS-34, RS-37 to RS-40, RS-42, RS-43: the current SDKs take
// secrets through the whole API with every check on and their own pollers, and all report
// the same.
func TestVaultLifeBySDKs(t *testing.T) {
	p := start(t)
	vault := p.vault("lives", "greeting", "hello", true)
	_, object := p.site("keeper", true)
	p.grant(object, "Key Vault Secrets Officer", vault)
	for _, sdk := range available(t) {
		t.Run(sdk.language, func(t *testing.T) {
			t.Parallel()
			prefix, want := strings.ToLower(sdk.language)+"-", theLifeOfASecret
			if sdk.language == "Java" { // its parser of ids leaves the port out (docs/divergences.md)
				want = strings.Replace(want, `"vault":true`, `"vault":false`, 1)
			}
			same(t, p.in(t).steps("keeper", sdk.command, "secretlife", "https://lives."+p.VaultSuffix, prefix), want)
		})
	}
}

// RS-41: whoever may delete and not read sees a deletion through to its end: pollers take 403 for
// done, and would go on for ever with 404.
func TestVaultDeletionWithoutGet(t *testing.T) {
	p := start(t)
	vault := p.vault("bins", "greeting", "hello", false)
	_, object := p.site("sweeper", true)
	p.policy("add", vault, object, "delete")
	for _, sdk := range available(t) {
		name := strings.ToLower(sdk.language)
		p.rest(nil, "PUT", "https://bins."+p.VaultSuffix+"/secrets/"+name+"?api-version=7.4", `{"value":"x"}`)
		t.Run(sdk.language, func(t *testing.T) {
			t.Parallel()
			same(t, p.in(t).steps("sweeper", sdk.command, "secretdelete", "https://bins."+p.VaultSuffix, name),
				`{"before":{"status":403,"code":"Forbidden"},"after":{"status":403,"code":"Forbidden"}}`)
			p.in(t).rest(nil, "GET", "https://bins."+p.VaultSuffix+"/deletedsecrets/"+name+"?api-version=7.4")
		})
	}
}

// RS-57: whoever may list and not read is told 403 of every name, and so not which exist.
func TestVaultListWithoutGet(t *testing.T) {
	p := start(t)
	vault := p.vault("indexes", "greeting", "hello", false)
	_, object := p.site("reader", true)
	p.policy("add", vault, object, "list")
	url, program := "https://indexes."+p.VaultSuffix, sdks[0].command
	same(t, p.steps("reader", program, "secretlist", url), `{"count":1}`)
	for _, name := range []string{"greeting", "nothing"} {
		if a := p.client([]string{"--app", "reader"}, program, "secret", url, name); a.OK || a.Status != 403 || a.Code != "Forbidden" {
			t.Errorf("%s: want 403 Forbidden, got %+v", name, a)
		}
	}
}
