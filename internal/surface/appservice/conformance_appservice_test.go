package appservice_test

import (
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/localtoken/corpus"
)

// TE-55: every spelling of a selector picks the same identity, in both letter cases and
// percent-encoded; the same values under no selector's name pick none.
func TestEverySelectorSpelling(t *testing.T) {
	b := serve(t, "h.p.s")
	_, own := b.register(t, app)
	ask := func(query string) corpus.Case {
		return corpus.Case{Status: 200, Request: strings.Replace(request(own), "resource=https://vault.azure.net", "resource=https://vault.azure.net&"+query, 1)}
	}
	const user, system = `"client_id":"0aaaaaaa-0000-4000-8000-00000000000a"`, `"client_id":"0aaaaaaa-0000-4000-8000-00000000000c"`
	for query, want := range map[string]string{
		"client_id=0aaaaaaa-0000-4000-8000-00000000000a":    user,
		"clientid=0AAAAAAA-0000-4000-8000-00000000000A":     user,
		"object_id=0aaaaaaa-0000-4000-8000-00000000000b":    user,
		"principal_id=0aaaaaaa-0000-4000-8000-00000000000b": user,
		"mi_res_id=" + uai:  user,
		"msi_res_id=" + uai: user,
		"msi_res_id=" + strings.ReplaceAll(uai, "/", "%2F"): user,
		"id=0aaaaaaa-0000-4000-8000-00000000000a":           system,
	} {
		c := ask(query)
		c.Has = []string{want}
		t.Run(query, func(t *testing.T) { corpus.Play(t, b.addr, c) })
	}
}
