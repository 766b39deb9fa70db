package sts

import (
	"net/http"

	"github.com/sealring/sealring/internal/surface/sts/aadsts"
	"github.com/sealring/sealring/internal/surface/sts/ask"
)

// handler serves one endpoint; wild is what the "*" of its pattern matched.
type handler func(m *Room, w http.ResponseWriter, r *http.Request, wild string) error

// route is one endpoint. Fixed segments match in any letter case (DT-1.1).
type route struct {
	method  string // GET includes HEAD; methodPage is GET and POST of a browser
	pattern string // segments; "*" matches any one
	handle  handler
}

// methodPage marks what a browser shows: GET and POST, failures as a page, no preflight.
const methodPage = "page"

// routes are all endpoints; the first match counts.
var routes = []route{
	{http.MethodGet, "common/discovery/instance", (*Room).instance},
	{http.MethodGet, "common/userrealm/*", (*Room).userRealm},
	{http.MethodGet, "*/v2.0/.well-known/openid-configuration", (*Room).discoveryV2},
	{http.MethodGet, "*/.well-known/openid-configuration", (*Room).discoveryV1},
	{http.MethodGet, "*/discovery/v2.0/keys", (*Room).keysV2},
	{http.MethodGet, "*/discovery/keys", (*Room).keysV1},
	{http.MethodPost, "*/oauth2/v2.0/token", (*Room).tokenV2},
	{http.MethodPost, "*/oauth2/token", (*Room).tokenV1},
	{http.MethodPost, "*/oauth2/v2.0/devicecode", (*Room).deviceCode},
	{http.MethodPost, "*/oauth2/devicecode", (*Room).deviceCodeV1},
	{methodPage, "*/oauth2/v2.0/authorize", (*Room).authorize},
	{methodPage, "*/oauth2/authorize", (*Room).authorizeV1},
	{methodPage, "*/login", (*Room).login},
	{methodPage, "common/oauth2/deviceauth", (*Room).devicePage},
	{methodPage, "device", (*Room).devicePage},
	{methodPage, "*/oauth2/v2.0/logout", (*Room).logout},
	{methodPage, "*/oauth2/logout", (*Room).logout},
	{http.MethodGet, "error", (*Room).explain},
}

// serve finds the endpoint, answers preflight requests and refuses wrong methods.
func (m *Room) serve(w http.ResponseWriter, r *http.Request) error {
	setHeaders(w.Header(), r)
	segments, ok := ask.Split(r.URL.EscapedPath())
	if !ok {
		return fail(aadsts.NoEndpoint)
	}
	for _, rt := range routes {
		wild, ok := ask.Match(rt.pattern, segments)
		if !ok {
			continue
		}
		switch {
		case rt.method == methodPage:
			if r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodPost {
				return rt.handle(m, w, r, wild)
			}
			w.Header().Set("Allow", "GET, HEAD, POST")
			return fail(aadsts.Method)
		case r.Method == http.MethodOptions:
			preflight(w, rt.method)
			return nil
		case r.Method == rt.method || r.Method == http.MethodHead && rt.method == http.MethodGet:
			return rt.handle(m, w, r, wild)
		case rt.method == http.MethodPost:
			w.Header().Set("Allow", "POST, OPTIONS")
			return fail(900561)
		}
		w.Header().Set("Allow", "GET, HEAD, OPTIONS")
		return fail(aadsts.Method)
	}
	return fail(aadsts.NoEndpoint)
}

// isPage reports whether a path is one that a browser shows.
func isPage(path string) bool {
	segments, ok := ask.Split(path)
	for _, rt := range routes {
		if _, matches := ask.Match(rt.pattern, segments); ok && matches && rt.method == methodPage {
			return true
		}
	}
	return false
}

// preflight answers a browser that asks before a request (DT-2.1).
func preflight(w http.ResponseWriter, method string) {
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", method+", OPTIONS")
	h.Set("Access-Control-Allow-Headers", "content-type, client-request-id, return-client-request-id, x-client-sku, x-client-ver, x-ms-lib-capability")
	h.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
}
