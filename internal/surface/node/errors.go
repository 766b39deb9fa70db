package node

import (
	"net/http"

	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/httpd"
)

// wireErrors translates kinds of failure to statuses and codes of this room's own shape.
var wireErrors = map[fault.Kind]struct {
	status int
	code   string
}{
	fault.Internal:        {http.StatusInternalServerError, "internal_error"},
	fault.Invalid:         {http.StatusBadRequest, "invalid_request"},
	fault.Unauthenticated: {http.StatusUnauthorized, "unauthenticated"},
	fault.Denied:          {http.StatusForbidden, "access_denied"},
	fault.NotFound:        {http.StatusNotFound, "not_found"},
	fault.Conflict:        {http.StatusConflict, "conflict"},
	fault.Precondition:    {http.StatusPreconditionFailed, "precondition_failed"},
	fault.Throttled:       {http.StatusTooManyRequests, "too_many_requests"},
	fault.Unavailable:     {http.StatusServiceUnavailable, "service_unavailable"},
}

// failure is the error body.
type failure struct {
	Error problem `json:"error"`
}

// problem says what is wrong and how to find the request again.
type problem struct {
	Code          string `json:"code"`
	Message       string `json:"message"`
	CorrelationID string `json:"correlation_id"`
}

// writeError is the room's only translator of failures.
func writeError(w http.ResponseWriter, r *http.Request, err error) {
	row := wireErrors[fault.KindOf(err)]
	message := fault.Message(err)
	if message == "" {
		message = "The request could not be served."
	}
	_ = httpd.WriteJSON(w, row.status, failure{problem{row.code, message, httpd.CorrelationID(r.Context())}})
}
