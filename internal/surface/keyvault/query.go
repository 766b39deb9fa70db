package keyvault

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/vault"
)

// versions are the api-versions that are known, oldest first (RS §1.4).
var versions = []string{
	"2016-10-01", "7.0", "7.1", "7.2", "7.3", "7.4", "7.5", "7.6-preview.1", "7.6-preview.2", "7.6", "2025-06-01-preview", "2025-07-01",
	"2026-01-01-preview", "2026-03-01-preview", "2026-04-01", "2026-05-01-preview", "2026-07-01-preview",
}

// apiVersion is the version that a request asked for.
type apiVersion struct {
	text string
	rank int // index in versions; len(versions) for a later one
}

// atLeast reports whether v has what came with a known version.
func (v apiVersion) atLeast(known string) bool { return v.rank >= slices.Index(versions, known) }

// parseVersion reads an api-version. Unless strict, a date later than all that are known is
// accepted too and gets the newest behaviour. Errors: errParameter.
func parseVersion(s string, strict bool) (apiVersion, error) {
	if s == "" {
		return apiVersion{}, errParameter.With("The api-version query parameter is required.")
	}
	if i := slices.Index(versions, s); i >= 0 {
		return apiVersion{s, i}, nil
	}
	date, _ := strings.CutSuffix(s, "-preview")
	if _, err := time.Parse(time.DateOnly, date); err == nil && date+"z" > versions[len(versions)-1] && !strict {
		return apiVersion{s, len(versions)}, nil
	}
	return apiVersion{}, errParameter.With("The specified version (%s) is not recognized. Consider using the latest supported version.", short(s))
}

// query is the query string, parsed.
type query struct {
	api       apiVersion
	max       int    // items of a page
	skipToken string // "" for the first page
}

// parseQuery reads the query string. Names are decoded before they are matched, since some
// clients escape them. Errors: errParameter.
func parseQuery(raw string, strict bool) (query, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return query{}, errParameter.With("The query string is not valid.")
	}
	for _, name := range []string{"api-version", "maxresults", "$skiptoken"} {
		if len(values[name]) > 1 {
			return query{}, errParameter.With("The query parameter %s is given more than once.", name)
		}
	}
	q := query{max: vault.MaxPage, skipToken: values.Get("$skiptoken")}
	if q.api, err = parseVersion(values.Get("api-version"), strict); err != nil {
		return query{}, err
	}
	if values.Has("maxresults") {
		q.max, err = strconv.Atoi(values.Get("maxresults"))
		if err != nil || q.max < 1 || q.max > vault.MaxPage {
			return query{}, errParameter.With("Invalid maxresults: it must be between 1 and %d.", vault.MaxPage)
		}
	}
	return q, nil
}

// short cuts a text of the caller's for a message.
func short(s string) string {
	const limit = 127
	r := []rune(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\uFFFD' {
			return '?'
		}
		return r
	}, s))
	if len(r) > limit {
		return string(r[:limit]) + "…"
	}
	return string(r)
}
