package bearer

import (
	"net/http"
	"strings"
	"testing"
)

// S-29, S-69: a credential is the one text behind the one word Bearer, or nothing.
func FuzzCredential(f *testing.F) {
	for _, seed := range []string{"Bearer a.b.c", "bearer a", "Bearer", "Bearer ", "Bearer  a", "Bearer a b", "Basic a", "Bearer a, Bearer b", "Bearer\ta", "", "Bearer a\x00"} {
		f.Add(seed, "")
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		r := &http.Request{Header: http.Header{"Authorization": {first}}}
		if second != "" {
			r.Header.Add("Authorization", second)
		}
		got, err := credential(r)
		if err != nil {
			return
		}
		if second != "" || got == "" || !strings.HasSuffix(strings.TrimRight(first, " "), got) || !strings.EqualFold(first[:6], "bearer") {
			t.Fatalf("%q and %q give %q", first, second, got)
		}
	})
}
