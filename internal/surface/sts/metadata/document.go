// Package metadata shapes the discovery documents of the sign-in room, in the members and with
// the values of Microsoft Entra's (OpenID Connect Discovery 1.0, DT-1.2, DT-1.3).
package metadata

import "strings"

// Document is a discovery document of either version (DT-1.2, DT-1.3); members of the other
// version are left out.
type Document struct {
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

// Names are what the documents of one request are made of: URLs without a trailing slash.
type Names struct {
	Authority string // to name to this caller
	Issuer    string // the authority as tokens carry it
	Tenant    string // of endpoint URLs: the GUID, or "common", "organizations"
	// IssuerTenant is the GUID, or the literal template that clients fill in (DT-7).
	IssuerTenant string
	Graph        string
	Cloud        string // cloud_instance_name
	KeysQuery    string // "?appid=…", or ""
}

// V2 is the v2.0 document.
func V2(n Names) Document {
	base, no := n.Authority+"/"+n.Tenant, false
	d := n.common()
	d.Issuer = n.Issuer + "/" + n.IssuerTenant + "/v2.0"
	d.TokenEndpoint = base + "/oauth2/v2.0/token"
	d.AuthorizeEndpoint = base + "/oauth2/v2.0/authorize"
	d.DeviceEndpoint = base + "/oauth2/v2.0/devicecode"
	d.EndSessionEndpoint = base + "/oauth2/v2.0/logout"
	d.KerberosEndpoint = base + "/kerberos"
	d.KeysURI = base + "/discovery/v2.0/keys" + n.KeysQuery
	d.UserInfoEndpoint = n.Graph + "/oidc/userinfo"
	d.ResponseTypes = []string{"code", "id_token", "code id_token", "id_token token"}
	d.Scopes = []string{"openid", "profile", "email", "offline_access"}
	d.RequestURIParameter = &no
	d.Claims = claimsV2
	return d
}

// V1 is the v1.0 document.
func V1(n Names) Document {
	base := n.Authority + "/" + n.Tenant
	d := n.common()
	d.Issuer = n.Issuer + "/" + n.IssuerTenant + "/"
	d.TokenEndpoint = base + "/oauth2/token"
	d.AuthorizeEndpoint = base + "/oauth2/authorize"
	d.DeviceEndpoint = base + "/oauth2/devicecode"
	d.EndSessionEndpoint = base + "/oauth2/logout"
	d.CheckSession = base + "/oauth2/checksession"
	d.KeysURI = n.Authority + "/common/discovery/keys" + n.KeysQuery
	d.UserInfoEndpoint = base + "/openid/userinfo"
	d.ResponseTypes = []string{"code", "id_token", "code id_token", "token id_token", "token"}
	d.Scopes = []string{"openid"}
	d.MultiRefreshToken = true
	d.Claims = claimsV1
	return d
}

// common fills what both documents share.
func (n Names) common() Document {
	return Document{
		TokenAuthMethods: authMethods, ResponseModes: responseModes, SubjectTypes: subjectTypes, SigningAlgorithms: signingAlgorithms,
		HTTPLogout: true, FrontchannelLogout: true, CloudInstanceName: n.Cloud, CloudGraphHost: "graph.windows.net",
		GraphHost: strings.TrimPrefix(n.Graph, "https://"), RoleBasedAccessCheck: "https://pas.windows.net",
	}
}
