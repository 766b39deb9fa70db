// Package localtoken is what the local token endpoints (IMDS, App Service and their kin)
// share: one strict reading of paths and parameters, the refusal of requests that passed a
// proxy or come from a browser, the choice of an identity by parameter, the success body
// that every client library accepts, and the record of refusals.
//
// Each endpoint keeps its own headers, versions and error bodies. What is ambiguous is
// refused, never repaired: a second reader could understand it differently (S-4, S-5). The
// numbers are those of specs token-endpoints (TE) and security-and-reliability (S).
package localtoken

import "github.com/sealring/sealring/internal/fault"

// Refusals that the endpoints share. Each becomes the error shape of its dialect.
var (
	// ErrForwarded is a request with the marks of a proxy (S-2).
	ErrForwarded = fault.New(fault.Invalid, "the request was forwarded: this endpoint answers only the program that connects to it")
	// ErrHeader is a header that another reader could take for one that counts here (S-60).
	ErrHeader = fault.New(fault.Invalid, "a header name with an underscore resembles one that proves something")
	// ErrHost is a Host that names somebody else: DNS rebinding, or a proxy (S-6).
	ErrHost = fault.New(fault.Denied, "the Host header does not name this endpoint")
	// ErrBrowser is a request with the marks of a browser (S-6).
	ErrBrowser = fault.New(fault.Denied, "browsers are not served")
	// ErrPath is a path with more than one reading (S-4).
	ErrPath = fault.New(fault.Invalid, "the path is not in canonical form")
	// ErrNotFound is a path that is not served.
	ErrNotFound = fault.New(fault.NotFound, "there is nothing at this path")
	// ErrMethod is a method other than the path's (S-3).
	ErrMethod = fault.New(fault.Invalid, "the method is not allowed here")
	// ErrBody is a body larger than any that a client sends (TE-96).
	ErrBody = fault.New(fault.Invalid, "the request body is too large")
	// ErrFraming is a request of which two readers could see different ends (S-60).
	ErrFraming = fault.New(fault.Invalid, "requests with Transfer-Encoding are not served")
	// ErrParameter is a query string with more than one reading (S-5).
	ErrParameter = fault.New(fault.Invalid, "the query parameters are malformed")
	// ErrSelectors is a request that names an identity in more than one way (S-5).
	ErrSelectors = fault.New(fault.Invalid, "name the identity in one way: client_id, object_id or msi_res_id")
	// ErrVersion is an api-version that is missing or not known.
	ErrVersion = fault.New(fault.Invalid, "api-version is invalid or was not specified")
	// ErrNoResource is a request that does not say what the token is for.
	ErrNoResource = fault.New(fault.Invalid, "Required query variable 'resource' is missing")
)
