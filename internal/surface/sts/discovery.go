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
)

// document is a discovery document of either version (DT-1.2, DT-1.3); members of the other
// version are left out.
type document struct {
	TokenEndpoint        string   `json:"token_endpoint"`
	TokenAuthMethods     []string `json:"token_endpoint_auth_methods_supported"`
	KeysURI              string   `json:"jwks_uri"`
	ResponseModes        []string `json:"response_modes_supported"`
	SubjectTypes         []string `json:"subject_types_supported"`
	SigningAlgorithms    []string `json:"id_token_signing_alg_values_supported"`
	ResponseTypes        []string `json:"response_types_supported"`
	Scopes               []string `json:"scopes_supported"`
	Issuer               string   `json:"issuer"`
	MultiRefreshToken    bool     `json:"microsoft_multi_refresh_token,omitempty"` // v1
	RequestURIParameter  *bool    `json:"request_uri_parameter_supported,omitempty"`
	UserInfoEndpoint     string   `json:"userinfo_endpoint"`
	AuthorizeEndpoint    string   `json:"authorization_endpoint"`
	DeviceEndpoint       string   `json:"device_authorization_endpoint"`
	HTTPLogout           bool     `json:"http_logout_supported"`
	FrontchannelLogout   bool     `json:"frontchannel_logout_supported"`
	CheckSession         string   `json:"check_session_iframe,omitempty"` // v1
	EndSessionEndpoint   string   `json:"end_session_endpoint"`
	Claims               []string `json:"claims_supported"`
	KerberosEndpoint     string   `json:"kerberos_endpoint,omitempty"` // v2
	TenantRegion         *string  `json:"tenant_region_scope"`
	CloudInstanceName    string   `json:"cloud_instance_name"`
	CloudGraphHost       string   `json:"cloud_graph_host_name"`
	GraphHost            string   `json:"msgraph_host"`
	RoleBasedAccessCheck string   `json:"rbac_url"`
}

// What both documents claim alike.
var (
	authMethods       = []string{"client_secret_post", "private_key_jwt", "client_secret_basic"}
	responseModes     = []string{"query", "fragment", "form_post"}
	subjectTypes      = []string{"pairwise"}
	signingAlgorithms = []string{"RS256"}
	claimsV2          = strings.Fields(`sub iss cloud_instance_name cloud_instance_host_name cloud_graph_host_name msgraph_host aud exp iat
		auth_time acr nonce preferred_username name tid ver at_hash c_hash email`)
	claimsV1 = strings.Fields(`sub iss cloud_instance_name cloud_instance_host_name cloud_graph_host_name msgraph_host aud exp iat
		auth_time acr amr nonce email given_name family_name nickname`)
)

// discoveryV2 serves the v2.0 document.
func (m *Room) discoveryV2(w http.ResponseWriter, r *http.Request, tenant string) error {
	s, err := m.resolveForDiscovery(r, tenant)
	if err != nil {
		return err
	}
	base, no := m.entryAuthority(r.Context())+"/"+s.text, false
	d := m.common(r.Context())
	d.Issuer = m.authority + "/" + s.issuerTenant() + "/v2.0"
	d.TokenEndpoint = base + "/oauth2/v2.0/token"
	d.AuthorizeEndpoint = base + "/oauth2/v2.0/authorize"
	d.DeviceEndpoint = base + "/oauth2/v2.0/devicecode"
	d.EndSessionEndpoint = base + "/oauth2/v2.0/logout"
	d.KerberosEndpoint = base + "/kerberos"
	d.KeysURI = base + "/discovery/v2.0/keys" + appQuery(r)
	d.UserInfoEndpoint = m.graphURL(r.Context()) + "/oidc/userinfo"
	d.ResponseTypes = []string{"code", "id_token", "code id_token", "id_token token"}
	d.Scopes = []string{"openid", "profile", "email", "offline_access"}
	d.RequestURIParameter = &no
	d.Claims = claimsV2
	return writePublic(w, d)
}

// discoveryV1 serves the v1.0 document.
func (m *Room) discoveryV1(w http.ResponseWriter, r *http.Request, tenant string) error {
	s, err := m.resolveForDiscovery(r, tenant)
	if err != nil {
		return err
	}
	authority := m.entryAuthority(r.Context())
	base := authority + "/" + s.text
	d := m.common(r.Context())
	d.Issuer = m.authority + "/" + s.issuerTenant() + "/"
	d.TokenEndpoint = base + "/oauth2/token"
	d.AuthorizeEndpoint = base + "/oauth2/authorize"
	d.DeviceEndpoint = base + "/oauth2/devicecode"
	d.EndSessionEndpoint = base + "/oauth2/logout"
	d.CheckSession = base + "/oauth2/checksession"
	d.KeysURI = authority + "/common/discovery/keys" + appQuery(r)
	d.UserInfoEndpoint = base + "/openid/userinfo"
	d.ResponseTypes = []string{"code", "id_token", "code id_token", "token id_token", "token"}
	d.Scopes = []string{"openid"}
	d.MultiRefreshToken = true
	d.Claims = claimsV1
	return writePublic(w, d)
}

// common fills what both documents share.
func (m *Room) common(ctx context.Context) document {
	return document{
		TokenAuthMethods: authMethods, ResponseModes: responseModes, SubjectTypes: subjectTypes, SigningAlgorithms: signingAlgorithms,
		HTTPLogout: true, FrontchannelLogout: true, CloudInstanceName: m.cloud, CloudGraphHost: "graph.windows.net",
		GraphHost: strings.TrimPrefix(m.graphURL(ctx), "https://"), RoleBasedAccessCheck: "https://pas.windows.net",
	}
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
