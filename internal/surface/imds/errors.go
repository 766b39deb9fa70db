package imds

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/localtoken"
	"github.com/sealring/sealring/internal/managedidentity"
	"github.com/sealring/sealring/internal/token"
	"github.com/sealring/sealring/internal/workload"
)

// errMetadata is a request without the header that keeps forged ones out (S-1).
var errMetadata = fault.New(fault.Invalid, "Required metadata header not specified")

// wireError is a row of the translation.
type wireError struct {
	err    error
	status int
	code   string // `error` of the answer
	prefix string // of `error_description`
	say    string // `error_description` in full, where clients look for its words
	reason string // counted under; "" means that someone else has recorded it
}

// wireErrors translates failures to the canonical errors of TE §4.2; the first match wins.
// Every identity that cannot be used is 400: clients retry 404 and 5xx for a minute.
var wireErrors = []wireError{
	{err: errMetadata, status: http.StatusBadRequest, code: "invalid_request", reason: "no_metadata_header"},
	{err: localtoken.ErrForwarded, status: http.StatusBadRequest, code: "invalid_request", reason: "forwarded"},
	{err: localtoken.ErrHeader, status: http.StatusBadRequest, code: "invalid_request", reason: "header_lookalike"},
	{err: localtoken.ErrHost, status: http.StatusForbidden, code: "access_denied", reason: "host"},
	{err: localtoken.ErrBrowser, status: http.StatusForbidden, code: "access_denied", reason: "browser"},
	{err: localtoken.ErrPath, status: http.StatusBadRequest, code: "invalid_request", reason: "path"},
	{err: localtoken.ErrNotFound, status: http.StatusNotFound, code: "not_found", reason: "not_found"},
	{err: localtoken.ErrMethod, status: http.StatusMethodNotAllowed, code: "method_not_allowed", reason: "method"},
	{err: localtoken.ErrBody, status: http.StatusRequestEntityTooLarge, code: "invalid_request", reason: "body"},
	{err: localtoken.ErrFraming, status: http.StatusBadRequest, code: "invalid_request", reason: "framing"},
	{err: localtoken.ErrParameter, status: http.StatusBadRequest, code: "invalid_request", reason: "parameters"},
	{err: localtoken.ErrSelectors, status: http.StatusBadRequest, code: "invalid_request", reason: "selectors"},
	{err: localtoken.ErrNoResource, status: http.StatusBadRequest, code: "invalid_request", reason: "no_resource"},
	{err: workload.ErrUnknownCaller, status: http.StatusForbidden, code: "access_denied"},
	{err: workload.ErrNoEvidence, status: http.StatusForbidden, code: "access_denied"},
	{err: workload.ErrBusy, status: http.StatusTooManyRequests, code: "too_many_requests", reason: "busy"},
	{err: managedidentity.ErrNotAssigned, status: http.StatusBadRequest, code: "invalid_request", say: "Identity not found"},
	{err: managedidentity.ErrNoIdentity, status: http.StatusBadRequest, code: "invalid_request", say: "Identity not found"},
	{err: managedidentity.ErrAmbiguous, status: http.StatusBadRequest, code: "invalid_request"},
	{err: managedidentity.ErrDisabled, status: http.StatusBadRequest, code: "unauthorized_client"},
	{err: token.ErrAudienceUnknown, status: http.StatusBadRequest, code: "invalid_resource", prefix: "AADSTS500011: "},
}

// byKind translates what the table does not name.
var byKind = map[fault.Kind]wireError{
	fault.Invalid:     {status: http.StatusBadRequest, code: "invalid_request", reason: "invalid"},
	fault.NotFound:    {status: http.StatusBadRequest, code: "invalid_request", prefix: "Identity not found: "},
	fault.Denied:      {status: http.StatusForbidden, code: "access_denied"},
	fault.Throttled:   {status: http.StatusTooManyRequests, code: "too_many_requests", reason: "busy"},
	fault.Unavailable: {status: http.StatusServiceUnavailable, code: "service_unavailable"},
}

// failure is the error body of this dialect.
type failure struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// versionFailure is the one error with another shape: region discovery reads its list.
type versionFailure struct {
	Error  string   `json:"error"`
	Newest []string `json:"newest-versions"`
}

// translate finds the row for err.
func translate(err error) wireError {
	for _, row := range wireErrors {
		if errors.Is(err, row.err) {
			return row
		}
	}
	if row, ok := byKind[fault.KindOf(err)]; ok {
		return row
	}
	return wireError{status: http.StatusInternalServerError, code: "server_error"}
}

// writeError is the room's only translator of failures.
func (room *Room) writeError(w http.ResponseWriter, r *http.Request, err error) {
	row := translate(err)
	var body any
	if errors.Is(err, localtoken.ErrVersion) {
		row.reason = "api_version"
		body = versionFailure{"Bad request. api-version is invalid or was not specified. For more information refer to aka.ms/azureimds", newestVersions}
	} else {
		body = failure{row.code, describe(row, err)}
	}
	if row.reason != "" {
		room.refusals.Count(row.reason)
	}
	text, err := json.Marshal(body)
	if err != nil {
		text = []byte(`{"error":"server_error"}`)
	}
	w.Header()["X-Ms-Request-Id"] = []string{httpd.RequestID(r.Context())}
	localtoken.WriteRefusal(w, row.status, row.reason, text)
}

// describe is what may be said aloud.
func describe(row wireError, err error) string {
	if row.say != "" {
		return row.say
	}
	if m := fault.Message(err); m != "" {
		return row.prefix + m
	}
	return "The request could not be served. Try again later."
}
