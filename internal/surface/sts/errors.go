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
	"github.com/sealring/sealring/internal/surface/sts/aadsts"
	"github.com/sealring/sealring/internal/surface/sts/ask"
	"github.com/sealring/sealring/internal/token"
	"github.com/sealring/sealring/internal/trust"
)

// failure is a refusal with a code of the catalogue.
type failure = aadsts.Failure

// fail returns the refusal with a code. about fills the sentence; without it the sentence
// speaks of the request.
func fail(code int, about ...string) error { return aadsts.Fail(code, about...) }

// clipped caps a text that a caller chose.
func clipped(s string) string { return aadsts.Clipped(s) }

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
	{directory.ErrCredentialUsed, 7000222},
	{directory.ErrAudienceUnknown, 500011},
	{directory.ErrTenantNotFound, 90002},
	{trust.ErrAssertionUsed, 700263},
	{federation.ErrNone, 70025},
	{federation.ErrIssuer, 700211},
	{federation.ErrSubject, 700213},
	{federation.ErrSubjectCase, 7002138},
	{federation.ErrAudience, 700212},
	{federation.ErrAudienceForm, 700214},
	{federation.ErrNotUserAssigned, aadsts.NotUserAssigned},
	{federation.ErrEnded, aadsts.Ended},
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
	{token.ErrMalformed, aadsts.Malformed},
	{token.ErrAlgorithm, 700027},
	{token.ErrSignature, 700027},
	{token.ErrUnknownKey, 700027},
	{token.ErrTenant, 700027},
	{token.ErrKeyWeak, 700027},
	{httpd.ErrTooLarge, aadsts.TooLarge},
	{directory.ErrUserNotFound, 50034},
	{directory.ErrWrongPassword, 50126},
	{directory.ErrLocked, 50053},
	{directory.ErrUserDisabled, 50057},
	{directory.ErrPasswordWeak, 50142},
	{ask.ErrMissing, 900144},
	{ask.ErrMalformed, 70011},
	{ask.ErrSeveral, 28000},
	{signin.ErrCode, 70000},
	{signin.ErrCodeUsed, 54005},
	{signin.ErrCodeBinding, 70000},
	{signin.ErrVerifier, 501481},
	{signin.ErrRefresh, 70000},
	{signin.ErrRefreshExpired, 700082},
	{signin.ErrRevoked, 50173},
	{signin.ErrDevicePending, 70016},
	{signin.ErrDeviceDeclined, aadsts.Declined},
	{signin.ErrDevice, 70018},
	{signin.ErrDeviceExpired, 70020},
	{signin.ErrUserCode, 70018},
	{signin.ErrTooMany, aadsts.Busy},
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
			return failure{Code: d.code, About: clipped(about), Cause: err}, true
		}
	}
	if fault.KindOf(err) == fault.Unavailable {
		return failure{Code: 90033, Cause: err, Retry: time.Second}, true
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
	status, kind, number, text := aadsts.Internal.Status, aadsts.Internal.Error, aadsts.Internal.Number, aadsts.Internal.Text
	if f, ok := translate(err, ""); ok {
		e := aadsts.Catalogue[f.Code]
		status, kind, number, text = e.Status, e.Error, f.Number(), f.Sentence()
		if f.Kind != "" {
			kind = f.Kind
		}
		if sub = e.Sub; f.Sub != "" {
			sub = f.Sub
		}
		if f.Retry > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int((f.Retry+time.Second-1)/time.Second)))
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

// explain is the page behind `error_uri`: what a number means.
func (m *Room) explain(w http.ResponseWriter, r *http.Request, _ string) error {
	code, err := strconv.Atoi(r.URL.Query().Get("code"))
	e, ok := aadsts.Catalogue[code]
	if err != nil || !ok || code < 0 {
		return fail(aadsts.NoEndpoint)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, err = fmt.Fprintf(w, "AADSTS%d: %s\n", code, strings.ReplaceAll(e.Text, "%s", "…"))
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
	return aadsts.Internal.Text
}
