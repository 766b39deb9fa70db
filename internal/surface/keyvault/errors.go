package keyvault

import (
	"errors"
	"net/http"
	"strings"

	"github.com/sealring/sealring/internal/bearer"
	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/paging"
	"github.com/sealring/sealring/internal/token"
	"github.com/sealring/sealring/internal/vault"
)

// Failures that only this room knows.
var (
	errPath      = fault.New(fault.NotFound, "The requested resource was not found.")
	errMethod    = fault.New(fault.Invalid, "The request method is not allowed for this resource.")
	errParameter = fault.New(fault.Invalid, "A parameter is not valid.")
	errByRole    = fault.New(fault.Denied, "Caller is not authorized to perform action on resource.")
	errByPolicy  = fault.New(fault.Denied, "The caller does not have the permission on this key vault.")
)

// methodError is a method that a path does not have, with those it has.
type methodError struct{ allowed string }

// Error implements error.
func (e *methodError) Error() string { return errMethod.Error() }

// Unwrap serves errors.Is.
func (e *methodError) Unwrap() error { return errMethod }

// wireError is the answer to a failure; the message is the failure's own.
type wireError struct {
	err    error
	status int
	code   string
	inner  string
}

// wireErrors is the table of failures (RS §1.8). What is not in it goes by its kind.
var wireErrors = []wireError{
	{errByRole, http.StatusForbidden, "Forbidden", "ForbiddenByRbac"},
	{errByPolicy, http.StatusForbidden, "Forbidden", "ForbiddenByPolicy"},
	{errMethod, http.StatusMethodNotAllowed, "MethodNotAllowed", ""},
	{vault.ErrVaultNotFound, http.StatusNotFound, "VaultNotFound", ""},
	{vault.ErrSecretNotFound, http.StatusNotFound, "SecretNotFound", ""},
	{vault.ErrDeletedSecretNotFound, http.StatusNotFound, "SecretNotFound", ""},
	{vault.ErrSecretDisabled, http.StatusForbidden, "Forbidden", "SecretDisabled"},
	{vault.ErrSecretDeleted, http.StatusConflict, "Conflict", "ObjectIsDeletedButRecoverable"},
	{vault.ErrSecretExists, http.StatusConflict, "Conflict", ""},
	{vault.ErrPurgeProtected, http.StatusForbidden, "Forbidden", ""},
	{vault.ErrTooManyVersions, http.StatusForbidden, "Forbidden", ""},
	{vault.ErrSecretName, http.StatusBadRequest, "BadParameter", ""},
	{vault.ErrSecretInvalid, http.StatusBadRequest, "BadParameter", ""},
	{vault.ErrBackupInvalid, http.StatusBadRequest, "BadParameter", ""},
	{httpd.ErrTooLarge, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", ""},
	{paging.ErrToken, http.StatusBadRequest, "BadParameter", ""},
}

// byKind answers what has no row.
var byKind = map[fault.Kind]wireError{
	fault.Invalid:         {nil, http.StatusBadRequest, "BadParameter", ""},
	fault.Unauthenticated: {nil, http.StatusUnauthorized, "Unauthorized", ""},
	fault.Denied:          {nil, http.StatusForbidden, "Forbidden", ""},
	fault.NotFound:        {nil, http.StatusNotFound, "NotFound", ""},
	fault.Conflict:        {nil, http.StatusConflict, "Conflict", ""},
	fault.Precondition:    {nil, http.StatusPreconditionFailed, "PreconditionFailed", ""},
	fault.Throttled:       {nil, http.StatusTooManyRequests, "Throttled", ""},
	fault.Unavailable:     {nil, http.StatusServiceUnavailable, "ServiceUnavailable", ""},
	fault.Internal:        {nil, http.StatusInternalServerError, "InternalServerError", ""},
}

// errorBody is the envelope.
type errorBody struct {
	Error errorDetail `json:"error"`
}

// errorDetail is what the envelope holds.
type errorDetail struct {
	Code    string      `json:"code"`
	Message string      `json:"message"`
	Inner   *innerError `json:"innererror,omitempty"`
}

// innerError is the finer code that some programs match.
type innerError struct {
	Code string `json:"code"`
}

// writeError is the only place of this room that writes a failure.
func writeError(w http.ResponseWriter, r *http.Request, err error) {
	wire := byKind[fault.KindOf(err)]
	for _, row := range wireErrors {
		if errors.Is(err, row.err) {
			wire = row
			break
		}
	}
	message := fault.Message(err)
	if message == "" {
		message = "An internal error occurred. The request id leads to its cause in the log."
	}
	if u, ok := errors.AsType[*unauthorized](err); ok {
		entry := httpd.EntryFrom(r.Context())
		if !bearer.ChallengeFresh(w.Header(), entry.Authority, err) {
			bearer.ChallengeVault(w.Header(), entry.Authority, u.tenant, entry.Parent)
		}
		message = tokenMessage(u, entry)
	}
	if m, ok := errors.AsType[*methodError](err); ok {
		w.Header().Set("Allow", m.allowed)
	}
	if wire.status == http.StatusServiceUnavailable || wire.status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "1")
	}
	body := errorBody{errorDetail{Code: wire.code, Message: message}}
	if wire.inner != "" {
		body.Error.Inner = &innerError{wire.inner}
	}
	_ = httpd.WriteJSON(w, wire.status, body) // the client is gone: nobody is left to tell
}

// isUnauthenticated reports whether err is about the token and not about us.
func isUnauthenticated(err error) bool { return fault.KindOf(err) == fault.Unauthenticated }

// tokenMessage is the text about a token, with the service's numbers where they are known
// (RS §1.2.5).
func tokenMessage(u *unauthorized, entry httpd.Entry) string {
	for _, row := range []struct {
		errs []error
		text string
	}{
		{[]error{bearer.ErrMissing, bearer.ErrScheme}, "AKV10000: Request is missing a Bearer or PoP token."},
		{[]error{token.ErrAudience}, "AKV10022: Invalid audience. Expected " + publicAudience + " or " + entry.Parent + "."},
		{[]error{token.ErrIssuer, token.ErrTenant}, "AKV10032: Invalid issuer. Expected one of " + entry.Authority + "/" + string(u.tenant) + "/."},
		{[]error{token.ErrUnknownKey, token.ErrSignature}, "AKV10046: Unable to resolve the key used for signature validation."},
		{[]error{token.ErrExpired, token.ErrNotYetValid}, "AKV10001: The token is outside its lifetime."},
	} {
		for _, e := range row.errs {
			if errors.Is(u, e) {
				return row.text
			}
		}
	}
	return "The token is not accepted: " + strings.TrimSuffix(fault.Message(u), ".") + "."
}
