package client

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// Error is an answer of 400 and above: what the service said, in its own words.
type Error struct {
	Status  int
	Code    string // for example "AuthorizationFailed"; "" when the service named none
	Message string
	Method  string
	URL     string // without query
	Body    []byte
}

// Error says it in one line.
func (e *Error) Error() string {
	text := strings.Join(strings.Fields(e.Message), " ")
	if text == "" {
		text = http.StatusText(e.Status)
	}
	if e.Code != "" {
		return fmt.Sprintf("%s: %s (%d)", e.Code, text, e.Status)
	}
	return fmt.Sprintf("%s (%d)", text, e.Status)
}

// Denied reports whether the service refused who asked, not what was asked.
func (e *Error) Denied() bool {
	return e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden
}

// anyError covers the error bodies of Resource Manager, Graph and vault (an object under
// "error"), of the token service (a text under "error") and of App Service.
type anyError struct {
	Error            json.RawMessage `json:"error"`
	ErrorDescription string          `json:"error_description"`
	Message          string          `json:"message"`
}

// wireError reads a failed answer, whatever service gave it.
func wireError(req *http.Request, resp *http.Response, body []byte) *Error {
	e := &Error{Status: resp.StatusCode, Method: req.Method, Body: body,
		URL: req.URL.Scheme + "://" + req.URL.Host + req.URL.Path}
	var a anyError
	if json.Unmarshal(body, &a) != nil {
		e.Message = string(body[:min(len(body), 200)])
		return e
	}
	var object struct{ Code, Message string }
	switch {
	case len(a.Error) > 0 && json.Unmarshal(a.Error, &object) == nil:
		e.Code, e.Message = object.Code, object.Message
	case len(a.Error) > 0 && json.Unmarshal(a.Error, &e.Code) == nil:
		e.Message = a.ErrorDescription
	default:
		e.Message = a.Message
	}
	return e
}
