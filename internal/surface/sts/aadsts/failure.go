package aadsts

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Failure is a refusal with a code of the catalogue. It names what it refuses; it never
// holds a secret.
type Failure struct {
	Code  int
	About string // fills the %s of the catalogue's sentence, as is; may be chosen by a caller
	Kind  string // overrides the catalogue's `error`, where it depends on the endpoint
	Sub   string // overrides the catalogue's `suberror`
	Retry time.Duration
	Cause error // for the log
}

// Fail returns the refusal with a code. about fills the sentence; without it the sentence
// speaks of the request.
func Fail(code int, about ...string) error {
	return Failure{Code: code, About: Clipped(strings.Join(about, " "))}
}

// Error implements error, for the log.
func (f Failure) Error() string {
	text := "AADSTS" + strconv.Itoa(f.Number()) + ": " + f.Sentence()
	if f.Cause != nil {
		text += ": " + f.Cause.Error()
	}
	return text
}

// Unwrap returns the cause.
func (f Failure) Unwrap() error { return f.Cause }

// Number is the public number of the code.
func (f Failure) Number() int {
	if n := Catalogue[f.Code].Number; n != 0 {
		return n
	}
	return f.Code
}

// Sentence is the catalogue's text, filled in.
func (f Failure) Sentence() string {
	text := Catalogue[f.Code].Text
	if strings.Contains(text, "%s") {
		return fmt.Sprintf(text, printable(f.About))
	}
	return text
}

// Clipped caps a text that a caller chose.
func Clipped(s string) string {
	const limit = 256
	if len(s) > limit {
		return s[:limit] + "…"
	}
	return s
}

// printable drops control characters from a text that a caller chose.
func printable(s string) string {
	if s == "" {
		return "of this request"
	}
	return "'" + strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return -1
		}
		return c
	}, s) + "'"
}
