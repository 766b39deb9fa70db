package app

import (
	"net"
	"net/http"
	"strings"

	"github.com/sealring/sealring/internal/httpd"
)

// front chooses the room by the configured name that the Host header selects (L-6), or, on
// localhost, by the first path segment: the paths of sign-in, Resource Manager and Graph
// do not collide.
type front struct {
	domain                 string
	own, public            httpd.Entry // what the two families of names have in common
	sts, arm, graph, vault http.Handler
	local                  string // "https://localhost:<live port>"
}

// publicHosts are the public cloud's names and the room that answers each.
var publicHosts = map[string]string{
	"login.microsoftonline.com": "login", "login.windows.net": "login", "login.microsoft.com": "login", "sts.windows.net": "login",
	"management.azure.com": "management", "management.core.windows.net": "management", "graph.microsoft.com": "graph",
}

// publicVaultDomain is the parent of vaults in the public cloud.
const publicVaultDomain = "vault.azure.net"

// newFront prepares the families of names.
func newFront(in installation, live string) *front {
	f := &front{
		domain: in.domain, local: "https://localhost:" + live,
		own: httpd.Entry{
			Authority: in.url("login"), ResourceManager: in.url("management"), Graph: in.url("graph"),
			VaultSuffix: in.host("vault"),
		},
		public: httpd.Entry{
			Authority: "https://login.microsoftonline.com", ResourceManager: "https://management.azure.com",
			Graph: "https://graph.microsoft.com", VaultSuffix: publicVaultDomain, Public: true,
		},
	}
	return f
}

// ServeHTTP implements http.Handler.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	room, entry := f.choose(r)
	if room == nil {
		http.Error(w, "this name is not served here", http.StatusMisdirectedRequest)
		return
	}
	room.ServeHTTP(w, r.WithContext(httpd.WithEntry(r.Context(), entry)))
}

// choose returns the room and the entry for a request; a nil room for a name not served.
func (f *front) choose(r *http.Request) (http.Handler, httpd.Entry) {
	host := strings.ToLower(r.Host)
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if room := publicHosts[host]; room != "" {
		e := f.public
		e.Base = "https://" + host
		return f.room(room), e
	}
	if label, ok := vaultLabel(host, publicVaultDomain); ok {
		e := f.public
		e.Label, e.Parent = label, "https://"+publicVaultDomain
		e.Base = "https://" + label + "." + publicVaultDomain
		return f.vault, e
	}
	if host == "localhost" || host == "127.0.0.1" || host == "[::1]" || host == "::1" {
		e := f.own
		e.Base, e.Authority, e.ResourceManager, e.Graph = f.local, f.local, f.local, f.local
		return f.roomByPath(r.URL.Path), e
	}
	if label, ok := vaultLabel(host, "vault."+f.domain); ok {
		e := f.own
		e.Label, e.Parent = label, "https://"+e.VaultSuffix
		e.Base = "https://" + label + "." + e.VaultSuffix
		return f.vault, e
	}
	name, ok := strings.CutSuffix(host, "."+f.domain)
	if !ok {
		return nil, httpd.Entry{}
	}
	e := f.own
	e.Base = map[string]string{"login": e.Authority, "management": e.ResourceManager, "graph": e.Graph}[name]
	return f.room(name), e
}

// vaultLabel returns the one label before parent.
func vaultLabel(host, parent string) (string, bool) {
	label, ok := strings.CutSuffix(host, "."+parent)
	return label, ok && label != "" && !strings.Contains(label, ".")
}

// room returns the room behind a name of ours.
func (f *front) room(name string) http.Handler {
	switch name {
	case "login":
		return f.sts
	case "management":
		return f.arm
	case "graph":
		return f.graph
	}
	return nil
}

// roomByPath tells the rooms apart on localhost.
func (f *front) roomByPath(path string) http.Handler {
	first, _, _ := strings.Cut(strings.TrimLeft(path, "/"), "/")
	switch strings.ToLower(first) {
	case "subscriptions", "providers", "tenants", "metadata":
		return f.arm
	case "v1.0", "beta":
		return f.graph
	}
	return f.sts
}
