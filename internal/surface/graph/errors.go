package graph

import (
	"errors"
	"net/http"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/bearer"
	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/odata"
	"github.com/sealring/sealring/internal/paging"
	"github.com/sealring/sealring/internal/registration"
	"github.com/sealring/sealring/internal/relation"
	"github.com/sealring/sealring/internal/surface/graph/api"
	"github.com/sealring/sealring/internal/surface/graph/edm"
	"github.com/sealring/sealring/internal/surface/graph/model"
	"github.com/sealring/sealring/internal/token"
)

// badRequest is the code of most refusals.
const badRequest = "Request_BadRequest"

// wireErrors says how each failure looks. Anything else goes by kind: Unauthenticated is
// 401, Unavailable 503, the rest is ours and says nothing.
var wireErrors = []struct {
	err     error
	status  int
	code    string
	message string // "" says what the error says
}{
	{api.ErrSegment, http.StatusNotFound, badRequest, ""},
	{api.ErrMethod, http.StatusMethodNotAllowed, badRequest, ""},
	{api.ErrNotFound, http.StatusNotFound, "Request_ResourceNotFound", ""},
	{api.ErrDenied, http.StatusForbidden, "Authorization_RequestDenied", ""},
	{api.ErrRequest, http.StatusBadRequest, badRequest, ""},
	{api.ErrConflict, http.StatusConflict, "Request_MultipleObjectsWithSameKeyValue", ""},
	{api.ErrQuota, http.StatusForbidden, "Directory_QuotaExceeded", ""},
	{edm.ErrProperty, http.StatusBadRequest, badRequest, ""},
	{edm.ErrUnsupported, http.StatusBadRequest, "Request_UnsupportedQuery", ""},
	{odata.ErrFilter, http.StatusBadRequest, badRequest, ""},
	{odata.ErrOption, http.StatusBadRequest, badRequest, ""},
	{paging.ErrToken, http.StatusBadRequest, "Directory_ExpiredPageToken", "The specified page token value is not valid or has expired."},
	{directory.ErrServicePrincipalNotFound, http.StatusNotFound, "Request_ResourceNotFound", ""},
	{directory.ErrApplicationNotFound, http.StatusNotFound, "Request_ResourceNotFound", ""},
	{directory.ErrPrincipalNotFound, http.StatusNotFound, "Request_ResourceNotFound", ""},
	{directory.ErrUserNotFound, http.StatusNotFound, "Request_ResourceNotFound", ""},
	{directory.ErrTenantNotFound, http.StatusNotFound, "Request_ResourceNotFound", ""},
	{directory.ErrCredentialNotFound, http.StatusBadRequest, badRequest, ""},
	{directory.ErrInvalid, http.StatusBadRequest, badRequest, ""},
	{directory.ErrPasswordWeak, http.StatusBadRequest, badRequest, "The specified password does not comply with password complexity requirements. Please provide a different password."},
	{directory.ErrUserExists, http.StatusBadRequest, badRequest, "Another object with the same value for property userPrincipalName already exists."},
	{directory.ErrBusy, http.StatusTooManyRequests, "TooManyRequests", ""},
	{model.ErrNoObject, http.StatusNotFound, "Request_ResourceNotFound", ""},
	{relation.ErrGroupNotFound, http.StatusNotFound, "Request_ResourceNotFound", ""},
	{relation.ErrObjectNotFound, http.StatusNotFound, "Request_ResourceNotFound", ""},
	{relation.ErrRelationNotFound, http.StatusNotFound, "Request_ResourceNotFound", ""},
	{relation.ErrRelationExists, http.StatusBadRequest, badRequest, ""},
	{relation.ErrInvalid, http.StatusBadRequest, badRequest, ""},
	{relation.ErrAppRoleUnknown, http.StatusBadRequest, badRequest, ""},
	{registration.ErrInvalid, http.StatusBadRequest, badRequest, ""},
	{registration.ErrEnabled, http.StatusBadRequest, "CannotDeleteOrUpdateEnabledEntitlement", ""},
	{registration.ErrHostName, http.StatusBadRequest, "HostNameNotOnVerifiedDomain", ""},
	{registration.ErrManaged, http.StatusForbidden, "Authorization_RequestDenied", ""},
	{registration.ErrNotDeleted, http.StatusNotFound, "Request_ResourceNotFound", ""},
	{registration.ErrTaken, http.StatusConflict, "Request_MultipleObjectsWithSameKeyValue", ""},
	{audit.ErrPosition, http.StatusBadRequest, badRequest, ""},
	{httpd.ErrBadJSON, http.StatusBadRequest, badRequest, ""},
	{httpd.ErrTooLarge, http.StatusRequestEntityTooLarge, badRequest, ""},
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
		m.api.Now().UTC().Format("2006-01-02T15:04:05"), httpd.RequestID(r.Context()), httpd.CorrelationID(r.Context()),
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
		e.Graph = m.api.Graph
	}
	if e.Authority == "" {
		e.Authority = m.api.Authority
	}
	return e
}
