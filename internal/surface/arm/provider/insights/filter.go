package insights

import (
	"regexp"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
)

// longest is how far back one question may reach (CP §6.2).
const longest = 90 * 24 * time.Hour

// clause is one comparison of a $filter; values come with quotes or, from some clients, without.
var clause = regexp.MustCompile(`(?i)^\s*([a-z]+)\s+(eq|ge|le)\s+('(?:[^']|'')*'|[^'\s]+)\s*`)

// and joins clauses.
var and = regexp.MustCompile(`(?i)^and\s+`)

// filter is a $filter of the activity log. Zero members select all.
type filter struct {
	from, to                                time.Time // to is exclusive
	group, resource, namespace, correlation string
	caller, status, category                string
	levels                                  []string
	seenFrom                                bool
}

// parseFilter reads the grammar of CP §6.2. Errors: arm.ErrQuery.
func parseFilter(text string, now time.Time) (filter, error) {
	f := filter{to: now.Add(time.Hour)}
	if len(text) > 4096 {
		return f, arm.ErrQuery.With("The $filter is too long.")
	}
	for rest := strings.TrimSpace(text); rest != ""; {
		m := clause.FindStringSubmatch(rest)
		if m == nil {
			return f, unsupported(text)
		}
		value := m[3]
		if strings.HasPrefix(value, "'") {
			value = strings.ReplaceAll(value[1:len(value)-1], "''", "'")
		}
		if err := f.add(strings.ToLower(m[1]), strings.ToLower(m[2]), value); err != nil {
			return f, err
		}
		rest = rest[len(m[0]):]
		if rest == "" {
			break
		}
		joined := and.FindString(rest)
		if rest = rest[len(joined):]; joined == "" || rest == "" {
			return f, unsupported(text)
		}
	}
	switch {
	case !f.seenFrom:
		return f, arm.ErrQuery.With("The $filter must say from when: eventTimestamp ge '2026-01-31T00:00:00Z'.")
	case f.to.Sub(f.from) > longest+time.Hour:
		return f, arm.ErrQuery.With("The $filter reaches over more than 90 days.")
	}
	return f, nil
}

// unsupported refuses a $filter that is not in the grammar.
func unsupported(text string) error {
	return arm.ErrQuery.With("The $filter '%.128s' is not supported.", text)
}

// add takes one clause.
func (f *filter) add(name, op, value string) error {
	if name == "eventtimestamp" {
		at, err := parseTime(value)
		switch {
		case err != nil:
			return arm.ErrQuery.With("'%.64s' is not a time.", value)
		case op == "ge":
			f.from, f.seenFrom = at.Truncate(time.Second), true
		case op == "le":
			f.to = at.Truncate(time.Second).Add(time.Second)
		default:
			return arm.ErrQuery.With("eventTimestamp is compared by ge and le.")
		}
		return nil
	}
	if op != "eq" {
		return arm.ErrQuery.With("'%.64s' is compared by eq.", name)
	}
	switch name {
	case "resourcegroupname":
		f.group = value
	case "resourceid", "resourceuri":
		f.resource = value
	case "resourceprovider":
		f.namespace = value
	case "correlationid":
		f.correlation = strings.ToLower(value)
	case "caller":
		f.caller = value
	case "status":
		f.status = value
	case "category":
		f.category = value
	case "levels":
		for level := range strings.SplitSeq(value, ",") {
			f.levels = append(f.levels, strings.TrimSpace(level))
		}
	case "eventchannels": // all of ours are in all channels
	default:
		return arm.ErrQuery.With("The $filter names '%.64s', which events do not have.", name)
	}
	return nil
}

// parseTime reads a time; without a zone it is UTC (az sends it so).
func parseTime(text string) (time.Time, error) {
	var failure error
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05Z07:00", "2006-01-02"} {
		at, err := time.Parse(layout, text)
		if err == nil {
			return at.UTC(), nil
		}
		failure = err
	}
	return time.Time{}, failure
}

// target is the resource id whose events are asked for, in a subscription or, for "", in the
// tenant.
func (f filter) target(sub id.Subscription) string {
	switch {
	case f.resource != "":
		return f.resource
	case f.group != "":
		return resource.GroupID(sub, f.group).String()
	}
	return ""
}

// matches reports whether an event is selected by what the log itself does not search for.
func (f filter) matches(e event) bool {
	level := len(f.levels) == 0
	for _, l := range f.levels {
		level = level || strings.EqualFold(l, e.Level)
	}
	return level && (f.caller == "" || strings.EqualFold(f.caller, e.Caller)) &&
		(f.status == "" || strings.EqualFold(f.status, e.Status.Value)) &&
		(f.category == "" || strings.EqualFold(f.category, e.Category.Value))
}
