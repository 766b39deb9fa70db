package appservice

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

// notFound is App Service's own sentence for an identity that the app does not have.
const notFound = "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId."

// wireError is a row of the translation.
type wireError struct {
	err    error
	status int
	say    string // `message` of the answer; the failure's own sentence if empty
	reason string // counted under; "" means that someone else has recorded it
}

// wireErrors translates failures to statuses (TE §5.1); the first match wins. Every
// identity that cannot be used is 400: clients retry 404 and 5xx.
var wireErrors = []wireError{
	{err: workload.ErrSecret, status: http.StatusUnauthorized},
	{err: workload.ErrBusy, status: http.StatusTooManyRequests, reason: "busy"},
	{err: ErrSwitchedOff, status: http.StatusBadRequest},
	{err: localtoken.ErrForwarded, status: http.StatusBadRequest, reason: "forwarded"},
	{err: localtoken.ErrHeader, status: http.StatusBadRequest, reason: "header_lookalike"},
	{err: localtoken.ErrHost, status: http.StatusForbidden, reason: "host"},
	{err: localtoken.ErrBrowser, status: http.StatusForbidden, reason: "browser"},
	{err: localtoken.ErrPath, status: http.StatusBadRequest, reason: "path"},
	{err: localtoken.ErrNotFound, status: http.StatusNotFound, reason: "not_found"},
	{err: localtoken.ErrMethod, status: http.StatusMethodNotAllowed, reason: "method"},
	{err: localtoken.ErrBody, status: http.StatusRequestEntityTooLarge, reason: "body"},
	{err: localtoken.ErrFraming, status: http.StatusBadRequest, reason: "framing"},
	{err: localtoken.ErrParameter, status: http.StatusBadRequest, reason: "parameters"},
	{err: localtoken.ErrSelectors, status: http.StatusBadRequest, reason: "selectors"},
	{err: localtoken.ErrVersion, status: http.StatusBadRequest, reason: "api_version"},
	{err: localtoken.ErrNoResource, status: http.StatusBadRequest, reason: "no_resource"},
	{err: managedidentity.ErrNotAssigned, status: http.StatusBadRequest, say: notFound},
	{err: managedidentity.ErrNoIdentity, status: http.StatusBadRequest, say: notFound},
	{err: managedidentity.ErrAmbiguous, status: http.StatusBadRequest},
	{err: managedidentity.ErrDisabled, status: http.StatusBadRequest},
	{err: token.ErrAudienceUnknown, status: http.StatusBadRequest},
}

// byKind translates what the table does not name.
var byKind = map[fault.Kind]wireError{
	fault.Invalid:     {status: http.StatusBadRequest, reason: "invalid"},
	fault.NotFound:    {status: http.StatusBadRequest, say: notFound},
	fault.Denied:      {status: http.StatusForbidden},
	fault.Throttled:   {status: http.StatusTooManyRequests, reason: "busy"},
	fault.Unavailable: {status: http.StatusServiceUnavailable},
}

// failure is the error body of this dialect; clients build their message from the first
// two members and need both.
type failure struct {
	Status        int    `json:"statusCode"`
	Message       string `json:"message"`
	CorrelationID string `json:"correlationId"`
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
	return wireError{status: http.StatusInternalServerError}
}

// writeError is the room's only translator of failures.
func (room *Room) writeError(w http.ResponseWriter, r *http.Request, err error) {
	row := translate(err)
	if row.reason != "" {
		room.refusals.Count(row.reason)
	}
	message := row.say
	if detail := fault.Message(err); message == "" {
		message = detail
	} else if row.err != nil && detail != row.err.Error() {
		message += " " + detail // the dialect's own sentence first: clients and people know it (M-16)
	}
	if message == "" {
		message = "The request could not be served. Try again later."
	}
	text, err := json.Marshal(failure{row.status, message, httpd.CorrelationID(r.Context())})
	if err != nil {
		text = []byte(`{"statusCode":500,"message":""}`)
	}
	localtoken.WriteRefusal(w, row.status, row.reason, text)
}
