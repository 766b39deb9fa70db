package sts

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/federation"
	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/signin"
	"github.com/sealring/sealring/internal/token"
)

// failure is a refusal with a code of the catalogue. It names what it refuses; it never
// holds a secret.
type failure struct {
	code  int
	about string // fills the %s of the catalogue's sentence, as is; may be chosen by a caller
	kind  string // overrides the catalogue's `error`, where it depends on the endpoint
	sub   string // overrides the catalogue's `suberror`
	retry time.Duration
	cause error // for the log
}

// fail returns the refusal with a code. about fills the sentence; without it the sentence
// speaks of the request.
func fail(code int, about ...string) error {
	return failure{code: code, about: clipped(strings.Join(about, " "))}
}

// Error implements error, for the log.
func (f failure) Error() string {
	text := "AADSTS" + strconv.Itoa(f.number()) + ": " + f.sentence()
	if f.cause != nil {
		text += ": " + f.cause.Error()
	}
	return text
}

// Unwrap returns the cause.
func (f failure) Unwrap() error { return f.cause }

// number is the public number of the code.
func (f failure) number() int {
	if n := catalogue[f.code].number; n != 0 {
		return n
	}
	return f.code
}

// sentence is the catalogue's text, filled in.
func (f failure) sentence() string {
	text := catalogue[f.code].text
	if strings.Contains(text, "%s") {
		return fmt.Sprintf(text, printable(f.about))
	}
	return text
}

// domainErrors says which code a failure of a domain package has. Anything else goes by
// kind: Unavailable is 90033, the rest is ours and says nothing.
var domainErrors = []struct {
	err  error
	code int
}{
	{directory.ErrServicePrincipalNotFound, 700016},
	{directory.ErrApplicationNotFound, 700016},
	{directory.ErrDisabled, 7000112},
	{directory.ErrWrongSecret, 7000215},
	{directory.ErrCredentialExpired, 7000222},
	{directory.ErrAudienceUnknown, 500011},
	{directory.ErrTenantNotFound, 90002},
	{directory.ErrAssertionUsed, 700263},
	{federation.ErrNone, 70025},
	{federation.ErrIssuer, 700211},
	{federation.ErrSubject, 700213},
	{federation.ErrSubjectCase, 7002138},
	{federation.ErrAudience, 700212},
	{federation.ErrAudienceForm, 700214},
	{federation.ErrNotUserAssigned, codeNotUserAssigned},
	{federation.ErrEnded, codeEnded},
	{federation.ErrUnreachable, 90061},
	{federation.ErrMetadata, 50166},
	{token.ErrDerived, 700231},
	{token.ErrCertificateExpired, 7000222},
	{token.ErrAudience, 700023},
	{token.ErrExpired, 700024},
	{token.ErrNotYetValid, 700024},
	{token.ErrTooLong, 700024},
	{token.ErrSubject, 700021},
	{token.ErrIssuer, 700021},
	{token.ErrClaim, 700021},
	{token.ErrKind, 700021},
	{token.ErrMalformed, 700027},
	{token.ErrAlgorithm, 700027},
	{token.ErrSignature, 700027},
	{token.ErrUnknownKey, 700027},
	{token.ErrTenant, 700027},
	{token.ErrKeyWeak, 700027},
	{httpd.ErrTooLarge, codeTooLarge},
	{directory.ErrUserNotFound, 50034},
	{directory.ErrWrongPassword, 50126},
	{directory.ErrLocked, 50053},
	{directory.ErrUserDisabled, 50057},
	{directory.ErrPasswordWeak, 50142},
	{signin.ErrCode, 70000},
	{signin.ErrCodeUsed, 54005},
	{signin.ErrCodeBinding, 70000},
	{signin.ErrVerifier, 501481},
	{signin.ErrRefresh, 70000},
	{signin.ErrRefreshExpired, 700082},
	{signin.ErrRevoked, 50173},
	{signin.ErrDevicePending, 70016},
	{signin.ErrDeviceDeclined, codeDeclined},
	{signin.ErrDevice, 70018},
	{signin.ErrDeviceExpired, 70020},
	{signin.ErrUserCode, 70018},
	{signin.ErrTooMany, codeBusy},
	{signin.ErrNoSession, 50058},
}

// translate finds the refusal behind err; about fills its sentence. False for an error
// without a code: it is ours.
func translate(err error, about string) (failure, bool) {
	if f, ok := errors.AsType[failure](err); ok {
		return f, true
	}
	for _, d := range domainErrors {
		if errors.Is(err, d.err) {
			return failure{code: d.code, about: clipped(about), cause: err}, true
		}
	}
	if fault.KindOf(err) == fault.Unavailable {
		return failure{code: 90033, cause: err, retry: time.Second}, true
	}
	return failure{}, false
}

// wireError is the body of every refusal (DT-4.1, RFC 6749 §5.2).
type wireError struct {
	Error         string `json:"error"`
	Sub           string `json:"suberror,omitempty"`
	Description   string `json:"error_description"`
	Codes         []int  `json:"error_codes"`
	Timestamp     string `json:"timestamp"`
	TraceID       string `json:"trace_id"`
	CorrelationID string `json:"correlation_id"`
	URI           string `json:"error_uri"`
}

// writeError is the only translator of failures to the wire.
func (m *Room) writeError(w http.ResponseWriter, r *http.Request, err error) {
	if isPage(r.URL.EscapedPath()) {
		m.writeProblem(w, r, err)
		return
	}
	sub := ""
	status, kind, number, text := internalEntry.status, internalEntry.error, internalEntry.number, internalEntry.text
	if f, ok := translate(err, ""); ok {
		e := catalogue[f.code]
		status, kind, number, text = e.status, e.error, f.number(), f.sentence()
		if f.kind != "" {
			kind = f.kind
		}
		if sub = e.sub; f.sub != "" {
			sub = f.sub
		}
		if f.retry > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int((f.retry+time.Second-1)/time.Second)))
		}
	}
	httpd.Note(r.Context(), "reason", "AADSTS"+strconv.Itoa(number))
	trace, correlation := httpd.RequestID(r.Context()), correlationID(r)
	at := m.now().UTC().Format("2006-01-02 15:04:05Z")
	noStore(w.Header())
	_ = httpd.WriteJSON(w, status, wireError{ // a client that hung up is in the access event
		Error:       kind,
		Sub:         sub,
		Description: fmt.Sprintf("AADSTS%d: %s Trace ID: %s Correlation ID: %s Timestamp: %s", number, text, trace, correlation, at),
		Codes:       []int{number}, Timestamp: at, TraceID: trace, CorrelationID: correlation,
		URI: m.entryAuthority(r.Context()) + "/error?code=" + strconv.Itoa(number),
	})
}

// correlationID is the client's request id: from the header, or, as MSAL for JavaScript
// sends it, from the query string; else the request's own.
func correlationID(r *http.Request) string {
	own := httpd.CorrelationID(r.Context())
	if own != httpd.RequestID(r.Context()) {
		return own
	}
	if q := r.URL.Query().Get("client-request-id"); len(q) == 36 && uuid.Validate(q) == nil {
		return q
	}
	return own
}

// setHeaders sets what every answer carries (DT-1.2, DT-2.1).
func setHeaders(h http.Header, r *http.Request) {
	h.Set("X-Ms-Request-Id", httpd.RequestID(r.Context()))
	h.Set("X-Ms-Ests-Server", "sealring")
	h.Set("Access-Control-Allow-Origin", "*") // nothing here is proved by ambient credentials
	if strings.EqualFold(r.Header.Get("Return-Client-Request-Id"), "true") {
		h.Set("Client-Request-Id", correlationID(r))
	}
}

// noStore forbids every cache.
func noStore(h http.Header) {
	h.Set("Cache-Control", "no-store, no-cache")
	h.Set("Pragma", "no-cache")
	h.Set("Expires", "-1")
}

// clipped caps a text that a caller chose.
func clipped(s string) string {
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

// explain is the page behind `error_uri`: what a number means.
func (m *Room) explain(w http.ResponseWriter, r *http.Request, _ string) error {
	code, err := strconv.Atoi(r.URL.Query().Get("code"))
	e, ok := catalogue[code]
	if err != nil || !ok || code < 0 {
		return fail(codeNoEndpoint)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, err = fmt.Fprintf(w, "AADSTS%d: %s\n", code, strings.ReplaceAll(e.text, "%s", "…"))
	if err != nil {
		return fmt.Errorf("send page: %w", err)
	}
	return nil
}

// sentence is what may be said aloud about a failure of a domain package.
func sentence(err error) string {
	if text := fault.Message(err); text != "" {
		return strings.ToUpper(text[:1]) + text[1:] + "."
	}
	return internalEntry.text
}
