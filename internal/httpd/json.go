package httpd

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/sealring/sealring/internal/fault"
)

// ErrBadJSON is a body that is not one JSON value of the expected shape, or that is deeper
// or larger than S-63 allows, or names a member twice.
var ErrBadJSON = fault.New(fault.Invalid, "the request body is not valid JSON")

// Limits of S-63.
const (
	maxDepth   = 64
	maxMembers = 10_000
)

// ReadJSON reads the whole body into v: one value, nothing behind it, no member twice.
// Unknown members are ignored, as every service here does. Errors: ErrBadJSON, ErrTooLarge.
func ReadJSON(r *http.Request, v any) error {
	body, err := ReadBody(r)
	if err != nil {
		return err
	}
	return DecodeJSON(body, v)
}

// ReadBody reads the whole body. One that ends early or is framed wrongly is the client's
// fault, not ours. Errors: ErrTooLarge, ErrBadJSON.
func ReadBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	if err = BodyError(err); err == nil || errors.Is(err, ErrTooLarge) {
		return body, err
	}
	return nil, fmt.Errorf("%w: %w", ErrBadJSON.With("the request body could not be read to its end"), err)
}

// DecodeJSON is ReadJSON for a body that was read already. A byte order mark is skipped.
func DecodeJSON(body []byte, v any) error {
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	if err := checkJSON(body); err != nil {
		return err
	}
	if err := json.Unmarshal(body, v); err != nil {
		if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return ErrBadJSON.With("the member %q must be of type %s", e.Field, e.Type)
		}
		return fmt.Errorf("%w: %w", ErrBadJSON, err)
	}
	return nil
}

// checkJSON walks the tokens and applies the limits.
func checkJSON(body []byte) error {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var open []map[string]bool // names seen per open object; nil for an array
	members, atName := 0, false
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) && members == 0 && len(open) == 0 {
			return ErrBadJSON.With("the request body is empty")
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrBadJSON, err)
		}
		switch t := tok.(type) {
		case json.Delim:
			switch t {
			case '{':
				open, atName = append(open, map[string]bool{}), true
				members++
				if len(open) > maxDepth {
					return ErrBadJSON.With("the request body is nested deeper than %d", maxDepth)
				}
				continue
			case '[':
				open = append(open, nil)
				members++
				if len(open) > maxDepth {
					return ErrBadJSON.With("the request body is nested deeper than %d", maxDepth)
				}
			default:
				open = open[:len(open)-1]
			}
		case string:
			if atName && len(open) > 0 && open[len(open)-1] != nil {
				seen := open[len(open)-1]
				if seen[t] {
					return ErrBadJSON.With("the member %q appears twice", t)
				}
				seen[t] = true
				members++
				atName = false
				continue
			}
			members++
		default:
			members++
		}
		if members > maxMembers {
			return ErrBadJSON.With("the request body has more than %d members", maxMembers)
		}
		atName = len(open) > 0 && open[len(open)-1] != nil
		if len(open) == 0 {
			if _, err := dec.Token(); !errors.Is(err, io.EOF) {
				return ErrBadJSON.With("there is text behind the JSON value")
			}
			return nil
		}
	}
}

// WriteJSON answers with v as JSON, with an exact length.
func WriteJSON(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, err = w.Write(body)
	if err != nil {
		return fmt.Errorf("send answer: %w", err)
	}
	return nil
}
