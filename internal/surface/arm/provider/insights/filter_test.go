package insights

import (
	"errors"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/surface/arm"
)

var now = time.Date(2026, 3, 31, 12, 0, 0, 0, time.UTC)

func TestFiltersAreReadAsClientsWriteThem(t *testing.T) { // CP-123, CP-124
	const from = "eventTimestamp ge "
	at := time.Date(2026, 3, 30, 13, 32, 36, 0, time.UTC)
	for name, c := range map[string]struct {
		text string
		want filter
	}{
		"az, microseconds without a zone": {from + "2026-03-30T13:32:36.358819", filter{from: at}},
		"quoted":                          {from + "'2026-03-30T13:32:36Z'", filter{from: at}},
		"an offset":                       {from + "2026-03-30T15:32:36+02:00", filter{from: at}},
		"an end, to the second":           {from + "2026-03-30T13:32:36Z and eventTimestamp le 2026-03-30T13:32:40.5", filter{from: at, to: at.Add(5 * time.Second)}},
		"a group and a caller":            {from + "2026-03-30T13:32:36Z and resourceGroupName eq 'it''s' and caller eq 'x' and status eq 'Failed'", filter{from: at, group: "it's", caller: "x", status: "Failed"}},
		"az role assignment list-changelogs": {"resourceProvider eq Microsoft.Authorization and eventTimestamp ge 2026-03-30T13:32:36Z and eventTimestamp le 2026-03-31T13:32:36Z",
			filter{from: at, to: at.Add(24*time.Hour + time.Second), namespace: "Microsoft.Authorization"}},
		"the portal": {from + "2026-03-30T13:32:36Z and eventChannels eq 'Admin, Operation' and category eq 'Administrative' AND resourceuri EQ '/x'", filter{from: at, category: "Administrative", resource: "/x"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseFilter(c.text, now)
			if err != nil {
				t.Fatal(err)
			}
			if c.want.to.IsZero() {
				c.want.to = now.Add(time.Hour)
			}
			c.want.seenFrom = true
			if got.from != c.want.from || got.to != c.want.to || got.group != c.want.group || got.resource != c.want.resource ||
				got.namespace != c.want.namespace || got.caller != c.want.caller || got.status != c.want.status || got.category != c.want.category {
				t.Errorf("got %+v\nwant %+v", got, c.want)
			}
		})
	}
}

func TestOtherFiltersAreRefused(t *testing.T) { // CP §6.2
	for name, text := range map[string]string{
		"no time at all":           "",
		"no beginning":             "eventTimestamp le '2026-03-30T13:32:36Z'",
		"no time":                  "eventTimestamp ge yesterday",
		"more than 90 days":        "eventTimestamp ge 2025-12-01T00:00:00Z",
		"an unknown member":        "eventTimestamp ge 2026-03-30T13:32:36Z and colour eq 'red'",
		"or":                       "eventTimestamp ge 2026-03-30T13:32:36Z or caller eq 'x'",
		"nothing behind and":       "eventTimestamp ge 2026-03-30T13:32:36Z and ",
		"no and":                   "eventTimestamp ge 2026-03-30T13:32:36Z caller eq 'x'",
		"a text that does not end": "eventTimestamp ge '2026-03-30T13:32:36Z",
		"a comparison of names":    "eventTimestamp ge 2026-03-30T13:32:36Z and caller ge 'x'",
	} {
		if _, err := parseFilter(text, now); !errors.Is(err, arm.ErrQuery) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheTargetOfAFilterLiesBelowWhatWasAuthorised(t *testing.T) {
	const sub = "11111111-1111-1111-1111-111111111111"
	if got := (filter{group: "g"}).target(sub); got != "/subscriptions/"+sub+"/resourceGroups/g" {
		t.Error(got)
	}
}

func FuzzFilter(f *testing.F) {
	for _, seed := range []string{"eventTimestamp ge '2026-03-30T13:32:36Z' and caller eq 'x'", "resourceProvider eq Microsoft.X and eventTimestamp ge 2026-03-30T13:32:36.1", "a eq ''''", "levels eq 'Critical,Error'"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseFilter(text, now)
		if err == nil && (!got.seenFrom || got.to.Sub(got.from) > longest+time.Hour) {
			t.Fatalf("%q was read as %+v", text, got)
		}
	})
}
