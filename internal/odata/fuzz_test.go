package odata_test

import (
	"testing"

	"github.com/sealring/sealring/internal/odata"
)

// S-69: an accepted query has a filter whose text comes back as itself.
func FuzzParseQuery(f *testing.F) {
	for _, seed := range []string{
		"$filter=appId%20eq%20'x'", "$top=5&$select=id,appId", "$top=-1", "$top=5&$top=6", "$FILTER=a", "$skiptoken=x", "$filter=%7b%22%24ne%22:1%7d", "%zz", "$select=a,a,,", "$count=true&$orderby=a",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := odata.ParseQuery(raw)
		if err != nil || q.Filter == nil {
			return
		}
		text := q.Filter.String()
		again, err := odata.ParseFilter(text)
		if err != nil || again.String() != text {
			t.Fatalf("%q reads as %q and then as %v, %v", raw, text, again, err)
		}
	})
}
