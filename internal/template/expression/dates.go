package expression

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// BasicTime is the format of utcNow when none is asked for.
const BasicTime = "yyyyMMddTHHmmssZ"

// dateForms are the forms of dates that are understood, and in which format each is written.
var dateForms = []struct{ layout, format string }{
	{"20060102T150405Z", BasicTime},
	{time.RFC3339Nano, "yyyy-MM-ddTHH:mm:ssZ"},
	{"2006-01-02 15:04:05Z07:00", "yyyy-MM-dd HH:mm:ssZ"},
	{"2006-01-02T15:04:05", "yyyy-MM-ddTHH:mm:ss"},
	{"2006-01-02 15:04:05", "yyyy-MM-dd HH:mm:ss"},
	{"2006-01-02", "yyyy-MM-dd"},
}

// parseDate reads a date and says in which format it was written.
func parseDate(name, s string) (time.Time, string, error) {
	for _, f := range dateForms {
		if t, err := time.Parse(f.layout, strings.TrimSpace(s)); err == nil {
			return t.UTC(), f.format, nil
		}
	}
	return time.Time{}, "", ErrEvaluation.With("the text given to the template function '%s' is not a date", name)
}

// durationForm is ISO 8601 for durations, with an optional sign.
var durationForm = regexp.MustCompile(`^([-+]?)P(?:(\d{1,6})Y)?(?:(\d{1,6})M)?(?:(\d{1,6})W)?(?:(\d{1,6})D)?(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9})(?:\.\d+)?S)?)?$`)

// dateTimeAdd adds a duration to a date.
func dateTimeAdd(name string, args []any) (any, error) {
	t, err := texts(name, args)
	if err != nil {
		return nil, err
	}
	at, form, err := parseDate(name, t[0])
	if err != nil {
		return nil, err
	}
	m := durationForm.FindStringSubmatch(t[1])
	if m == nil || strings.HasSuffix(t[1], "P") || strings.HasSuffix(t[1], "T") {
		return nil, ErrEvaluation.With("the second argument of the template function 'dateTimeAdd' is not a duration such as P1DT2H")
	}
	var n [9]int
	for i := 2; i < len(m); i++ {
		n[i], _ = strconv.Atoi(m[i]) // digits or nothing
		if m[1] == "-" {
			n[i] = -n[i]
		}
	}
	at = at.AddDate(n[2], n[3], 7*n[4]+n[5]).Add(time.Duration(n[6])*time.Hour + time.Duration(n[7])*time.Minute + time.Duration(n[8])*time.Second)
	if len(t) > 2 {
		form = t[2]
	}
	return FormatTime(at, form)
}

// dateTimeToEpoch is the number of seconds since 1970.
func dateTimeToEpoch(name string, args []any) (any, error) {
	t, err := texts(name, args)
	if err != nil {
		return nil, err
	}
	at, _, err := parseDate(name, t[0])
	return at.Unix(), err
}

// dateTimeFromEpoch writes a number of seconds since 1970 as a date.
func dateTimeFromEpoch(name string, args []any) (any, error) {
	n, ok := args[0].(int64)
	if !ok || n < -62135596800 || n > 253402300799 { // years 1 to 9999
		return nil, wrongType(name)
	}
	return time.Unix(n, 0).UTC().Format(time.RFC3339), nil
}

// standardForms are the formats of one letter.
var standardForms = map[string]string{
	"d": "MM/dd/yyyy", "D": "dddd, dd MMMM yyyy", "f": "dddd, dd MMMM yyyy HH:mm", "F": "dddd, dd MMMM yyyy HH:mm:ss",
	"g": "MM/dd/yyyy HH:mm", "G": "MM/dd/yyyy HH:mm:ss", "M": "MMMM dd", "m": "MMMM dd", "o": "yyyy-MM-ddTHH:mm:ss.fffffffZ",
	"O": "yyyy-MM-ddTHH:mm:ss.fffffffZ", "R": "ddd, dd MMM yyyy HH:mm:ss 'GMT'", "r": "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
	"s": "yyyy-MM-ddTHH:mm:ss", "t": "HH:mm", "T": "HH:mm:ss", "u": "yyyy-MM-dd HH:mm:ssZ", "U": "dddd, dd MMMM yyyy HH:mm:ss",
	"Y": "yyyy MMMM", "y": "yyyy MMMM",
}

// dateParts are the runs of a custom format and the layouts they stand for.
var dateParts = map[string]string{
	"yyyy": "2006", "yy": "06", "MMMM": "January", "MMM": "Jan", "MM": "01", "M": "1", "dddd": "Monday", "ddd": "Mon", "dd": "02", "d": "2",
	"HH": "15", "hh": "03", "h": "3", "mm": "04", "m": "4", "ss": "05", "s": "5", "tt": "PM", "t": "PM", "zzz": "-07:00", "zz": "-07", "K": "Z07:00",
}

// FormatTime writes a time in a .NET format. Errors: ErrEvaluation.
func FormatTime(t time.Time, form string) (string, error) {
	if form == "" {
		form = BasicTime
	}
	if len(form) > 256 {
		return "", ErrEvaluation.With("the format of a date is too long")
	}
	if standard, ok := standardForms[form]; ok {
		form = standard
	}
	var b strings.Builder
	for form != "" {
		c := form[0]
		run := len(form) - len(strings.TrimLeft(form, string(c)))
		part := form[:run]
		switch {
		case c == '\'' || c == '"':
			end := strings.IndexByte(form[1:], c)
			if end < 0 {
				return "", ErrEvaluation.With("a quote in the format of a date has no end")
			}
			b.WriteString(form[1 : end+1])
			form = form[end+2:]
			continue
		case c == '\\' && len(form) > 1:
			b.WriteByte(form[1])
			form = form[2:]
			continue
		case c == 'f' || c == 'F':
			nanos := zeros(strconv.Itoa(t.Nanosecond()), 9)
			b.WriteString(nanos[:min(run, 7)])
		case part == "H":
			b.WriteString(strconv.Itoa(t.Hour()))
		case dateParts[part] != "":
			b.WriteString(t.Format(dateParts[part]))
		default:
			b.WriteString(part)
		}
		form = form[run:]
	}
	return b.String(), nil
}
