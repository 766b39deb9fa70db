package imds

import (
	"net/http"
	"strings"

	"github.com/sealring/sealring/internal/localtoken"
)

// serve refuses in the order that clients and the threat model need, then routes. The
// Metadata header comes first, whatever else is wrong: credential chains probe without it
// and want a quick 400 (S-1, TE §4.3). Only OPTIONS, which no probe uses, is told 405
// before (S-6), and the paths that would announce another protocol 404 (TE §4.5).
func (room *Room) serve(w http.ResponseWriter, r *http.Request) error {
	target, targetErr := localtoken.ParseTarget(r.RequestURI)
	switch {
	case r.Method == http.MethodOptions:
		return localtoken.ErrMethod
	case targetErr == nil && absent[target.Path]:
		return localtoken.ErrNotFound
	case !hasMetadata(r.Header):
		return errMetadata
	}
	if err := localtoken.CheckFraming(r); err != nil { // S-60
		return err
	}
	if err := localtoken.CheckForwarding(r.Header); err != nil { // S-2
		return err
	}
	if err := room.hosts.Check(r); err != nil { // S-6
		return err
	}
	if err := localtoken.CheckBrowser(r.Header); err != nil { // S-6
		return err
	}
	if targetErr != nil { // S-4
		return targetErr
	}
	h := room.route(target.Path)
	switch {
	case h == nil:
		return localtoken.ErrNotFound
	case r.Method != http.MethodGet: // S-3
		return localtoken.ErrMethod
	}
	if err := localtoken.DiscardBody(r); err != nil {
		return err
	}
	var p localtoken.Params
	if err := localtoken.ParseQuery(target.Query, &p); err != nil { // S-5
		return err
	}
	return h(w, r, &p)
}

// endpoint answers one path.
type endpoint func(w http.ResponseWriter, r *http.Request, p *localtoken.Params) error

// route finds the endpoint of an exact canonical path; nil if there is none.
func (room *Room) route(path string) endpoint {
	switch path {
	case "/metadata/identity/oauth2/token":
		return room.token
	case "/metadata/identity/info":
		return room.info
	case "/metadata/versions":
		return room.versions
	}
	return nil
}

// absent are paths whose mere 400 would announce IMDSv2 to clients (TE §4.5, TE-30).
var absent = map[string]bool{
	"/metadata/identity/getplatformmetadata": true,
	"/metadata/identity/issuecredential":     true,
}

// hasMetadata reports whether there is exactly one Metadata header and it says true, in
// any letter case, blanks around it ignored (S-1, TE §3.1).
func hasMetadata(h http.Header) bool {
	v := h["Metadata"]
	return len(v) == 1 && strings.EqualFold(strings.Trim(v[0], " \t"), "true")
}
