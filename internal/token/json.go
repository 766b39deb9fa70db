package token

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// The limits of what is read (S/R 6.2), and the largest integer that JSON readers agree on.
const (
	maxDepth  = 64
	maxMember = 1000
	maxNumber = 1 << 53
)

// eachMember calls fn with the name and raw value of every member of the JSON object text,
// in order. Names are compared exactly, unlike encoding/json does. Refused are text that
// is not one object, not UTF-8, nested too deeply, or that repeats a member at any depth
// (S-29). Errors: ErrMalformed, and those of fn.
func eachMember(text []byte, fn func(name, raw []byte) error) error {
	if !utf8.Valid(text) || !json.Valid(text) {
		return ErrMalformed
	}
	w := walker{text: text}
	w.blanks()
	if w.text[w.at] != '{' {
		return ErrMalformed
	}
	return w.object(1, fn)
}

// walker goes through text that json.Valid has accepted, so it need not look for syntax
// errors, only for what that function lets through.
type walker struct {
	text []byte
	at   int
}

// blanks skips white space.
func (w *walker) blanks() {
	for w.at < len(w.text) {
		switch w.text[w.at] {
		case ' ', '\t', '\r', '\n':
			w.at++
		default:
			return
		}
	}
}

// object walks an object, from its opening brace, and refuses repeated members. The names
// seen are kept in a slice: objects are small, and the limit bounds the square.
func (w *walker) object(depth int, fn func(name, raw []byte) error) error {
	if depth > maxDepth {
		return ErrMalformed
	}
	var few [32][]byte
	seen := few[:0]
	w.at++
	for w.blanks(); w.text[w.at] != '}'; w.blanks() {
		if w.text[w.at] == ',' {
			w.at++
			w.blanks()
		}
		name, err := plain(w.str())
		if err != nil {
			return err
		}
		for _, s := range seen {
			if bytes.Equal(s, name) {
				return ErrMalformed
			}
		}
		if seen = append(seen, name); len(seen) > maxMember {
			return ErrMalformed
		}
		w.blanks()
		w.at++ // the colon
		w.blanks()
		start := w.at
		if err := w.value(depth); err != nil {
			return err
		}
		if fn == nil {
			continue
		}
		if err := fn(name, w.text[start:w.at]); err != nil {
			return err
		}
	}
	w.at++
	return nil
}

// value walks any value.
func (w *walker) value(depth int) error {
	switch w.text[w.at] {
	case '{':
		return w.object(depth+1, nil)
	case '[':
		return w.array(depth + 1)
	case '"':
		w.str()
		return nil
	}
	for ; w.at < len(w.text); w.at++ {
		switch w.text[w.at] {
		case ',', ']', '}', ' ', '\t', '\r', '\n':
			return nil
		}
	}
	return nil
}

// array walks an array, from its opening bracket.
func (w *walker) array(depth int) error {
	if depth > maxDepth {
		return ErrMalformed
	}
	w.at++
	for w.blanks(); w.text[w.at] != ']'; w.blanks() {
		if w.text[w.at] == ',' {
			w.at++
			w.blanks()
		}
		if err := w.value(depth); err != nil {
			return err
		}
	}
	w.at++
	return nil
}

// str walks a string and returns it with its quotes.
func (w *walker) str() []byte {
	start := w.at
	for w.at++; w.text[w.at] != '"'; w.at++ {
		if w.text[w.at] == '\\' {
			w.at++
		}
	}
	w.at++
	return w.text[start:w.at]
}

// plain returns the text of a JSON string, without copying it where nothing is escaped.
func plain(quoted []byte) ([]byte, error) {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1], nil
	}
	var text string
	err := readString(quoted, &text)
	return []byte(text), err
}

// readString reads a JSON string. Errors: ErrMalformed for any other value.
func readString(raw []byte, into *string) error {
	if len(raw) < 2 || raw[0] != '"' {
		return ErrMalformed
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		*into = string(raw[1 : len(raw)-1])
		return nil
	}
	if json.Unmarshal(raw, into) != nil {
		return ErrMalformed
	}
	return nil
}

// readStrings reads a JSON array of strings.
func readStrings(raw []byte, into *[]string) error {
	if raw[0] != '[' || json.Unmarshal(raw, into) != nil {
		return ErrMalformed
	}
	return nil
}

// readInteger reads a JSON number that is written as an integer between 0 and 2^53.
func readInteger(raw []byte, into *int64) error {
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil || n < 0 || n > maxNumber {
		return ErrMalformed
	}
	*into = n
	return nil
}

// readLenient reads an instant as clients write it: a number, or a string that holds one,
// whole or with a fraction, which is cut off (DT 2.4).
func readLenient(raw []byte, into *int64) error {
	text := string(raw)
	if raw[0] == '"' {
		if err := readString(raw, &text); err != nil {
			return err
		}
		if !json.Valid([]byte(text)) { // keeps out the spellings that only Go knows: 0x1p4, Inf, 1_000
			return ErrMalformed
		}
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f < 0 || f > maxNumber {
		return ErrMalformed
	}
	*into = int64(f)
	return nil
}
