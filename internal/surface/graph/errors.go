package graph

import (
	"errors"
	"net/http"

	"github.com/sealring/sealring/internal/bearer"
	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/odata"
	"github.com/sealring/sealring/internal/paging"
	"github.com/sealring/sealring/internal/token"
)

// Refusals of this room itself. The texts are those that tools look for (DT-7.4).
var (
	errSegment     = fault.New(fault.NotFound, "Resource not found for the segment.")
	errNotFound    = fault.New(fault.NotFound, "Resource does not exist or one of its queried reference-property objects are not present.")
	errReadOnly    = fault.New(fault.Denied, "Insufficient privileges to complete the operation.")
	errRequest     = fault.New(fault.Invalid, "One or more property values specified are invalid.")
	errUnsupported = fault.New(fault.Invalid, "Unsupported Query.")
)

// wireErrors says how each failure looks. Anything else goes by kind: Unauthenticated is
// 401, Unavailable 503, the rest is ours and says nothing.
var wireErrors = []struct {
	err     error
	status  int
	code    string
	message string // "" says what the error says
}{
	{errSegment, http.StatusNotFound, "Request_BadRequest", ""},
	{errNotFound, http.StatusNotFound, "Request_ResourceNotFound", ""},
	{errReadOnly, http.StatusForbidden, "Authorization_RequestDenied", ""},
	{errRequest, http.StatusBadRequest, "Request_BadRequest", ""},
	{errUnsupported, http.StatusBadRequest, "Request_UnsupportedQuery", ""},
	{odata.ErrFilter, http.StatusBadRequest, "Request_BadRequest", ""},
	{odata.ErrOption, http.StatusBadRequest, "Request_BadRequest", ""},
	{paging.ErrToken, http.StatusBadRequest, "Directory_ExpiredPageToken", "The specified page token value is not valid or has expired."},
	{directory.ErrServicePrincipalNotFound, http.StatusNotFound, "Request_ResourceNotFound", ""},
	{httpd.ErrBadJSON, http.StatusBadRequest, "Request_BadRequest", ""},
	{httpd.ErrTooLarge, http.StatusRequestEntityTooLarge, "Request_BadRequest", ""},
	{bearer.ErrMissing, http.StatusUnauthorized, "InvalidAuthenticationToken", "Access token is empty."},
	{token.ErrAudience, http.StatusUnauthorized, "InvalidAuthenticationToken", "Access token validation failure. Invalid audience."},
	{token.ErrExpired, http.StatusUnauthorized, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired."},
}

// errorBody is the body of every refusal (DT-7.4).
type errorBody struct {
	Error wireError `json:"error"`
}

// wireError is the object inside.
type wireError struct {
	Code    string     `json:"code"`
	Message string     `json:"message"`
	Inner   innerError `json:"innerError"`
}

// innerError lets a client find the request again.
type innerError struct {
	Date            string `json:"date"`
	RequestID       string `json:"request-id"`
	ClientRequestID string `json:"client-request-id"`
}

// writeError is the only translator of failures to the wire.
func (m *Room) writeError(w http.ResponseWriter, r *http.Request, err error) {
	status, code, message := http.StatusInternalServerError, "UnknownError", "The service failed. The request can be found by its id."
	switch fault.KindOf(err) {
	case fault.Unauthenticated:
		status, code, message = http.StatusUnauthorized, "InvalidAuthenticationToken", "Access token validation failure."
	case fault.Unavailable:
		status, code, message = http.StatusServiceUnavailable, "serviceNotAvailable", "The service is temporarily unavailable. Try again."
		w.Header().Set("Retry-After", "1")
	}
	for _, e := range wireErrors {
		if errors.Is(err, e.err) {
			status, code, message = e.status, e.code, e.message
			if message == "" {
				message = fault.Message(err)
			}
			break
		}
	}
	if status == http.StatusUnauthorized && !bearer.ChallengeFresh(w.Header(), m.entry(r).Authority, err) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="", authorization_uri="`+m.entry(r).Authority+
			`/common/oauth2/authorize", client_id="`+string(directory.GraphApp)+`"`)
	}
	httpd.Note(r.Context(), "reason", code)
	_ = httpd.WriteJSON(w, status, errorBody{wireError{code, message, innerError{ // a client that hung up is in the access event
		m.now().UTC().Format("2006-01-02T15:04:05"), httpd.RequestID(r.Context()), httpd.CorrelationID(r.Context()),
	}}})
}

// setHeaders sets what every answer carries (DT-7.1).
func setHeaders(h http.Header, r *http.Request) {
	h.Set("Request-Id", httpd.RequestID(r.Context()))
	h.Set("Client-Request-Id", httpd.CorrelationID(r.Context()))
	h.Set("Odata-Version", "4.0")
	h.Set("Cache-Control", "no-store")
}

// entry is the configured name to build links from, with our own names as fallback.
func (m *Room) entry(r *http.Request) httpd.Entry {
	e := httpd.EntryFrom(r.Context())
	if e.Graph == "" {
		e.Graph = m.graph
	}
	if e.Authority == "" {
		e.Authority = m.authority
	}
	return e
}

// clipped caps a text that a caller chose.
func clipped(s string) string {
	const limit = 256
	if len(s) > limit {
		return s[:limit] + "…"
	}
	return s
}
