package keyvault

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// route is one operation and the permission it needs; a route without one cannot be written.
type route struct {
	method string
	// path is the segments; {name} and {version} take any one. Earlier routes win.
	path string
	// permission is the word of access policies, action the data action of roles.
	permission, action string
	serve              func(*Room, *call) error
}

// secretAction is the prefix of the data actions on secrets.
const secretAction = "Microsoft.KeyVault/vaults/secrets/"

// routes is everything that is served (RS §1.5.1).
var routes = []route{
	{http.MethodGet, "secrets", "list", secretAction + "readMetadata/action", (*Room).listSecrets},
	{http.MethodPost, "secrets/restore", "restore", secretAction + "restore/action", (*Room).restoreSecret},
	{http.MethodPut, "secrets/{name}", "set", secretAction + "setSecret/action", (*Room).setSecret},
	{http.MethodGet, "secrets/{name}", "get", secretAction + "getSecret/action", (*Room).getSecret},
	{http.MethodPatch, "secrets/{name}", "set", secretAction + "update/action", (*Room).updateSecret},
	{http.MethodDelete, "secrets/{name}", "delete", secretAction + "delete", (*Room).deleteSecret},
	{http.MethodGet, "secrets/{name}/versions", "list", secretAction + "readMetadata/action", (*Room).listVersions},
	{http.MethodPost, "secrets/{name}/backup", "backup", secretAction + "backup/action", (*Room).backupSecret},
	{http.MethodGet, "secrets/{name}/{version}", "get", secretAction + "getSecret/action", (*Room).getSecret},
	{http.MethodPatch, "secrets/{name}/{version}", "set", secretAction + "update/action", (*Room).updateSecret},
	{http.MethodGet, "deletedsecrets", "list", secretAction + "readMetadata/action", (*Room).listDeleted},
	{http.MethodGet, "deletedsecrets/{name}", "get", secretAction + "readMetadata/action", (*Room).getDeleted},
	{http.MethodDelete, "deletedsecrets/{name}", "purge", secretAction + "purge/action", (*Room).purgeSecret},
	{http.MethodPost, "deletedsecrets/{name}/recover", "recover", secretAction + "recover/action", (*Room).recoverSecret},
}

// segments splits an escaped path. Empty segments vanish: clients send a doubled slash in
// front and a slash behind (RS §1.3).
func segments(escaped string) ([]string, error) {
	var out []string
	for s := range strings.SplitSeq(escaped, "/") {
		if s == "" {
			continue
		}
		plain, err := url.PathUnescape(s)
		if err != nil {
			return nil, errPath
		}
		out = append(out, plain)
	}
	return out, nil
}

// fits reports whether the path of a route takes the segments, and what it takes as name
// and version. Fixed words compare without case.
func (rt route) fits(seg []string) (name, version string, ok bool) {
	n := 0
	for part := range strings.SplitSeq(rt.path, "/") {
		if n >= len(seg) {
			return "", "", false
		}
		switch {
		case part == "{name}":
			name = seg[n]
		case part == "{version}":
			version = seg[n]
		case len(part) != len(seg[n]) || !strings.EqualFold(part, seg[n]): // of one length, so no look-alike outside ASCII
			return "", "", false
		}
		n++
	}
	return name, version, n == len(seg)
}

// match finds the route of the request. Errors: errPath, *methodError.
func (c *call) match() error {
	seg, err := segments(c.r.URL.EscapedPath())
	if err != nil {
		return err
	}
	var allowed []string
	for _, rt := range routes {
		name, version, ok := rt.fits(seg)
		if !ok {
			continue
		}
		if rt.method == c.r.Method {
			c.route, c.name, c.version = rt, name, version
			return nil
		}
		if !slices.Contains(allowed, rt.method) {
			allowed = append(allowed, rt.method)
		}
	}
	if allowed == nil {
		return errPath
	}
	return &methodError{allowed: strings.Join(allowed, ", ")}
}
