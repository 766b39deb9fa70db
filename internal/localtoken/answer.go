package localtoken

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/sealring/sealring/internal/managedidentity"
)

// errStale is a minter that handed out a token at or past its end.
var errStale = errors.New("the minter returned an expired token")

// Headers of every answer (S-12). Header values are shared and never changed.
var (
	headerJSON    = []string{"application/json; charset=utf-8"} // Content-Type
	headerNoStore = []string{"no-store"}                        // Cache-Control
	headerNoCache = []string{"no-cache"}                        // Pragma
	headerNoSniff = []string{"nosniff"}                         // X-Content-Type-Options
)

// Answers writes success bodies. The zero value is ready; it is safe for concurrent use.
type Answers struct{ buffers sync.Pool }

// Write answers with the token in the one shape that every client accepts (TE §3.3): all
// values strings, no value empty, no member twice. asked is the `resource` as sent.
func (a *Answers) Write(w http.ResponseWriter, m *managedidentity.Minted, asked string, sel managedidentity.Selector, now time.Time) error {
	left := m.Expires.Unix() - now.Unix()
	if left <= 0 || m.Token.Empty() {
		return errStale
	}
	buf, _ := a.buffers.Get().(*[]byte)
	if buf == nil {
		buf = new([]byte)
	}
	defer a.buffers.Put(buf)
	*buf = appendAnswer((*buf)[:0], m, asked, sel, left)
	setHeaders(w.Header(), len(*buf))
	w.WriteHeader(http.StatusOK)
	if _, err := w.Write(*buf); err != nil {
		return fmt.Errorf("send token: %w", err)
	}
	return nil
}

// appendAnswer encodes the success body; left is the life in seconds.
func appendAnswer(b []byte, m *managedidentity.Minted, asked string, sel managedidentity.Selector, left int64) []byte {
	b = append(b, `{"access_token":"`...)
	b = append(b, m.Token.Reveal()...) // base64url and dots: nothing to escape
	b = append(b, `","client_id":"`...)
	b = append(b, m.Identity.ClientID...)
	b = append(b, `","expires_in":"`...)
	b = strconv.AppendInt(b, left, 10)
	b = append(b, `","expires_on":"`...)
	b = strconv.AppendInt(b, m.Expires.Unix(), 10)
	b = append(b, `","ext_expires_in":"`...)
	b = strconv.AppendInt(b, left, 10)
	b = append(b, `","not_before":"`...)
	b = strconv.AppendInt(b, m.NotBefore.Unix(), 10)
	b = append(b, `","resource":`...)
	b = AppendString(b, asked)
	b = append(b, `,"token_type":"Bearer"`...)
	switch sel.Kind {
	case managedidentity.SelectObject:
		b = append(b, `,"object_id":"`...)
		b = append(b, m.Identity.PrincipalID...)
		b = append(b, '"')
	case managedidentity.SelectResource:
		b = append(b, `,"msi_res_id":`...)
		b = AppendString(b, m.Identity.Resource.String())
	}
	return append(b, '}')
}

// setHeaders sets what every answer carries, success or not, with an exact length in bytes.
func setHeaders(h http.Header, length int) {
	h["Content-Type"] = headerJSON
	h["Cache-Control"] = headerNoStore
	h["Pragma"] = headerNoCache
	h["X-Content-Type-Options"] = headerNoSniff
	h["Content-Length"] = []string{strconv.Itoa(length)}
}

// WriteRefusal answers with an error body. 405 says what is allowed, 429 and 503 when to come
// back, and after a request whose end is doubtful the connection is closed (S-60).
func WriteRefusal(w http.ResponseWriter, status int, reason string, body []byte) {
	h := w.Header()
	setHeaders(h, len(body))
	switch status {
	case http.StatusMethodNotAllowed:
		h["Allow"] = []string{http.MethodGet}
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		h["Retry-After"] = []string{"1"}
	}
	switch reason {
	case "body", "framing", "header_lookalike":
		h["Connection"] = []string{"close"}
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client is gone if this fails
}

// AppendString appends s, valid UTF-8, as a JSON string in which nothing can end a script
// or a line.
func AppendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < 0x20 || c == 0x7f || c == '<' || c == '>':
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
