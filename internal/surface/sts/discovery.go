package sts

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/surface/sts/ask"
	"github.com/sealring/sealring/internal/surface/sts/metadata"
)

// discoveryV2 serves the v2.0 document.
func (m *Room) discoveryV2(w http.ResponseWriter, r *http.Request, tenant string) error {
	return m.discovery(w, r, tenant, metadata.V2)
}

// discoveryV1 serves the v1.0 document.
func (m *Room) discoveryV1(w http.ResponseWriter, r *http.Request, tenant string) error {
	return m.discovery(w, r, tenant, metadata.V1)
}

// discovery serves the document of a version.
func (m *Room) discovery(w http.ResponseWriter, r *http.Request, tenant string, version func(metadata.Names) metadata.Document) error {
	s, err := m.resolveForDiscovery(r, tenant)
	if err != nil {
		return err
	}
	return writePublic(w, version(metadata.Names{
		Authority: m.entryAuthority(r.Context()), Issuer: m.authority, Tenant: s.text, IssuerTenant: s.issuerTenant(),
		Graph: m.graphURL(r.Context()), Cloud: m.cloud, KeysQuery: appQuery(r),
	}))
}

// graphURL is the Graph service to name to this caller.
func (m *Room) graphURL(ctx context.Context) string {
	if g := httpd.EntryFrom(ctx).Graph; g != "" {
		return g
	}
	return m.graph
}

// appQuery repeats the query ?appid= of a client that asks for its own keys (DT-1.2).
func appQuery(r *http.Request) string {
	app := r.URL.Query().Get("appid")
	if app == "" || len(app) > 64 {
		return ""
	}
	return "?appid=" + url.QueryEscape(app)
}

// resolveForDiscovery is resolve with the error name that discovery uses (DT-8).
func (m *Room) resolveForDiscovery(r *http.Request, tenant string) (segment, error) {
	s, err := m.resolve(r.Context(), tenant)
	if f, ok := errors.AsType[failure](err); ok && f.Code == 90002 {
		f.Kind = "invalid_tenant"
		return segment{}, f
	}
	return s, err
}

// writePublic answers with a document that everyone may read and keep for a day (DT-12).
func writePublic(w http.ResponseWriter, v any) error {
	w.Header().Set("Cache-Control", "max-age=86400, private")
	w.Header().Set("Access-Control-Allow-Methods", "GET, OPTIONS")
	return httpd.WriteJSON(w, http.StatusOK, v)
}

// instanceDocument answers instance discovery (DT-1.5).
type instanceDocument struct {
	TenantDiscovery string       `json:"tenant_discovery_endpoint"`
	APIVersion      string       `json:"api-version"`
	Metadata        []aliasGroup `json:"metadata"`
}

// aliasGroup are names of one sign-in service.
type aliasGroup struct {
	PreferredNetwork string   `json:"preferred_network"`
	PreferredCache   string   `json:"preferred_cache"`
	Aliases          []string `json:"aliases"`
}

// instance tells a client whether an authority is one of ours, and its aliases. The answer
// names the known host, never the text that was sent.
func (m *Room) instance(w http.ResponseWriter, r *http.Request, _ string) error {
	q := r.URL.Query()
	version := q.Get("api-version")
	if version != "1.0" && version != "1.1" {
		return fail(90013, "api-version must be 1.0 or 1.1")
	}
	asked, err := url.Parse(q.Get("authorization_endpoint"))
	if err != nil || asked.Scheme != "https" || asked.User != nil {
		return fail(90013, "authorization_endpoint must be an https URL")
	}
	authority, known := m.authorityOf(asked)
	if entry := m.entryAuthority(r.Context()); strings.EqualFold("https://"+asked.Host, entry) {
		authority, known = entry, true
	}
	if !known {
		return fail(50049, asked.Host)
	}
	segments, ok := ask.Split(asked.EscapedPath())
	if !ok {
		return fail(90013, "authorization_endpoint has no tenant")
	}
	document := authority + "/" + url.PathEscape(segments[0])
	if slices.ContainsFunc(segments, func(s string) bool { return strings.EqualFold(s, "v2.0") }) {
		document += "/v2.0"
	}
	host := strings.TrimPrefix(authority, "https://")
	return writePublic(w, instanceDocument{
		TenantDiscovery: document + "/.well-known/openid-configuration", APIVersion: version,
		Metadata: []aliasGroup{{PreferredNetwork: host, PreferredCache: host, Aliases: m.aliases()}},
	})
}

// authorityOf finds the authority that a URL belongs to. A URL without a port belongs to
// the authority of its host name, the issuer's first: MSAL for Python and for Java leave
// the port of a custom authority out when they ask (DT §0.4).
func (m *Room) authorityOf(asked *url.URL) (string, bool) {
	host := strings.ToLower(asked.Host)
	if authority, ok := m.hosts[host]; ok || asked.Port() != "" {
		return authority, ok
	}
	for _, alias := range m.aliases() {
		if name, _, err := net.SplitHostPort(alias); err == nil && name == host {
			return m.hosts[alias], true
		}
	}
	return "", false
}

// aliases are all hosts of the service, the issuer's first.
func (m *Room) aliases() []string {
	out := []string{m.host}
	for h := range m.hosts {
		if h != m.host {
			out = append(out, h)
		}
	}
	slices.Sort(out[1:])
	return out
}

// realm answers user realm discovery (DT-1.6): all accounts are ours.
type realm struct {
	Version       string `json:"ver"`
	AccountType   string `json:"account_type"`
	DomainName    string `json:"domain_name"`
	CloudInstance string `json:"cloud_instance_name"`
	CloudAudience string `json:"cloud_audience_urn"`
}

// userRealm serves /common/userrealm/{upn}.
func (m *Room) userRealm(w http.ResponseWriter, _ *http.Request, upn string) error {
	_, domain, ok := strings.Cut(upn, "@")
	if !ok || !domainName(strings.ToLower(domain)) {
		return fail(90013, "the user name is not of the form name@domain")
	}
	return httpd.WriteJSON(w, http.StatusOK, realm{
		Version: "1.0", AccountType: "Managed", DomainName: strings.ToLower(domain), CloudInstance: m.cloud,
		CloudAudience: "urn:federation:MicrosoftOnline",
	})
}
