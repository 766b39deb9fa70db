package launch

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/sealring/sealring/internal/client"
)

// Kind is the sort of platform a program is told it runs on. The zero value is none: the
// environment then says nothing about identity and leaves what is there.
type Kind string

// The kinds that `run --kind` knows (token-endpoints.md §10).
const (
	Site Kind = "site" // App Service and Functions: mode B, a secret in the environment
	VM   Kind = "vm"   // virtual machine: mode C, no secret; the kernel says who asks
)

// Settings is all that decides a program's environment.
type Settings struct {
	Kind         Kind
	App          string // site or machine name
	Slot         string // deployment slot; "" is production
	Group        string
	Endpoints    client.Endpoints
	Registration client.Registration
	Proxy        string // URL of the name proxy
	Trust        Trust
	// PublicNames says that the proxy answers for Azure's public names, so no authority is set.
	PublicNames bool
	// DenyEgress sends plain HTTP to the proxy as well, which refuses it.
	DenyEgress bool
}

// Change is one difference from the environment we were started in.
type Change struct {
	Name  string
	Value string
	Unset bool // the variable must not exist; Value is empty
}

// identityVariables steer a client to a token endpoint. Those a kind does not set are
// unset, never empty: some clients look only whether they exist (TE §2.1).
var identityVariables = []string{
	"IDENTITY_ENDPOINT", "IDENTITY_HEADER", "MSI_ENDPOINT", "MSI_SECRET",
	"IDENTITY_SERVER_THUMBPRINT", "IMDS_ENDPOINT", "AZURE_POD_IDENTITY_AUTHORITY_HOST",
	"AZURE_FEDERATED_TOKEN_FILE", "AZURE_KUBERNETES_TOKEN_PROXY", "AZUREPS_HOST_ENVIRONMENT",
	"WEBSITE_SITE_NAME", "WEBSITE_SLOT_NAME", "WEBSITE_RESOURCE_GROUP",
}

// neverEmpty are variables of the user that stay as they are, unless they are empty.
var neverEmpty = []string{"AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH",
	"DEFAULT_IDENTITY_CLIENT_ID", "AZURE_REGIONAL_AUTHORITY_NAME", "AZURE_TOKEN_CREDENTIALS"}

// Changes returns what to set and unset on top of base ("NAME=value"), sorted by name.
func (s Settings) Changes(base []string) []Change {
	old := lookup(base)
	set := map[string]string{}
	if s.Kind != "" {
		s.identity(set, old)
	}
	s.names(set, old)
	s.trust(set, old)
	var out []Change
	for name, value := range set {
		out = append(out, Change{Name: name, Value: value})
	}
	unset := func(name string) {
		if _, ours := set[name]; !ours {
			out = append(out, Change{Name: name, Unset: true})
		}
	}
	for _, name := range identityVariables {
		if s.Kind != "" {
			unset(name)
		}
	}
	for _, name := range neverEmpty {
		if value, there := old[name]; there && value == "" {
			unset(name)
		}
	}
	if at := old["AZURE_AUTHORITY_HOST"]; s.PublicNames && strings.TrimSuffix(at, "/") == s.Endpoints.AuthorityHost {
		unset("AZURE_AUTHORITY_HOST") // left over from a run without public names
	}
	slices.SortFunc(out, func(a, b Change) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// identity sets what leads a client to its token endpoint (TE §10).
func (s Settings) identity(set, old map[string]string) {
	if s.Kind == VM {
		set["AZURE_POD_IDENTITY_AUTHORITY_HOST"] = s.imds()
		return
	}
	set["WEBSITE_SITE_NAME"] = s.App
	set["WEBSITE_SLOT_NAME"] = s.Slot
	if s.Slot == "" {
		set["WEBSITE_SLOT_NAME"] = "Production"
	}
	set["WEBSITE_RESOURCE_GROUP"] = s.Group
	if Disabled(old["WEBSITE_DISABLE_MSI"]) {
		return
	}
	set["IDENTITY_ENDPOINT"] = s.Registration.IdentityEndpoint
	set["IDENTITY_HEADER"] = s.Registration.IdentityHeader.Reveal()
	set["MSI_ENDPOINT"] = s.Registration.IdentityEndpoint
	set["MSI_SECRET"] = s.Registration.IdentityHeader.Reveal()
}

// imds is scheme://host:port of the instance metadata endpoint; clients add the path.
func (s Settings) imds() string {
	at := s.Endpoints.IMDS
	if u, err := url.Parse(s.Registration.IMDSEndpoint); err == nil && u.Host != "" {
		at = u.Scheme + "://" + u.Host
	}
	return strings.TrimSuffix(at, "/")
}

// Disabled reports whether a value of WEBSITE_DISABLE_MSI switches managed identity off.
func Disabled(value string) bool {
	on, err := strconv.ParseBool(strings.ToLower(strings.TrimSpace(value)))
	return err == nil && on
}

// names sets what leads a client to our names.
func (s Settings) names(set, old map[string]string) {
	if !s.PublicNames {
		set["AZURE_AUTHORITY_HOST"] = s.Endpoints.AuthorityHost
	}
	around := strings.Join(s.noProxy(old), ",")
	for _, name := range []string{"HTTPS_PROXY", "https_proxy"} {
		set[name] = s.Proxy
	}
	if s.DenyEgress {
		for _, name := range []string{"HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"} {
			set[name] = s.Proxy
		}
	}
	set["NO_PROXY"], set["no_proxy"] = around, around
	set["NODE_USE_ENV_PROXY"] = "1" // node 24 and later: its own http and fetch, too
}

// noProxy is the user's list without entries that would lead around the proxy to names it
// serves, and with the loopback and link-local names that no proxy can serve.
func (s Settings) noProxy(old map[string]string) []string {
	out := []string{"localhost", "127.0.0.1", "::1", "169.254.169.254"}
	if s.DenyEgress {
		return out
	}
	for _, entry := range strings.Split(old["NO_PROXY"]+","+old["no_proxy"], ",") {
		entry = strings.TrimSpace(entry)
		if entry != "" && !slices.Contains(out, entry) && !s.covers(entry) {
			out = append(out, entry)
		}
	}
	return out
}

// covers reports whether a NO_PROXY entry matches a name that only the proxy reaches.
func (s Settings) covers(entry string) bool {
	if entry == "*" {
		return true
	}
	host, _, err := net.SplitHostPort(entry)
	if err != nil {
		host = entry
	}
	suffix := "." + strings.TrimPrefix(strings.TrimPrefix(strings.ToLower(host), "*"), ".")
	served := []string{strings.ToLower(s.Endpoints.Domain), discoveryName}
	if s.PublicNames {
		served = append(served, PublicNames...)
	}
	return slices.ContainsFunc(served, func(name string) bool {
		name = "." + strings.TrimPrefix(name, "*.")
		return strings.HasSuffix(name, suffix) || strings.HasSuffix(suffix, name)
	})
}

// trust sets what makes clients trust our certificates (D-10, L-16).
func (s Settings) trust(set, old map[string]string) {
	for _, name := range trustVariables {
		set[name] = s.Trust.Bundle
	}
	options := []string{
		"-Djavax.net.ssl.trustStore=" + s.Trust.JavaStore,
		"-Djavax.net.ssl.trustStoreType=PKCS12",
		"-Djavax.net.ssl.trustStorePassword=" + javaStorePassword,
		"-Dhttp.nonProxyHosts=localhost|127.*|[::1]|169.254.169.254",
	}
	if u, err := url.Parse(s.Proxy); err == nil && u.Host != "" {
		options = append(options, "-Dhttps.proxyHost="+u.Hostname(), "-Dhttps.proxyPort="+u.Port())
		if s.DenyEgress {
			options = append(options, "-Dhttp.proxyHost="+u.Hostname(), "-Dhttp.proxyPort="+u.Port())
		}
	}
	for i, o := range options {
		if strings.ContainsAny(o, " \t") {
			options[i] = `"` + o + `"`
		}
	}
	if before := strings.TrimSpace(old["JAVA_TOOL_OPTIONS"]); before != "" {
		options = append([]string{before}, options...)
	}
	set["JAVA_TOOL_OPTIONS"] = strings.Join(options, " ")
}

// Apply returns base with the changes made.
func Apply(base []string, changes []Change) []string {
	touched := map[string]bool{}
	for _, c := range changes {
		touched[c.Name] = true
	}
	var out []string
	for _, pair := range base {
		if name, _, _ := strings.Cut(pair, "="); !touched[name] {
			out = append(out, pair)
		}
	}
	for _, c := range changes {
		if !c.Unset {
			out = append(out, fmt.Sprintf("%s=%s", c.Name, c.Value))
		}
	}
	return out
}

// lookup turns "NAME=value" pairs into a map; the last of equal names wins, as in getenv of Go.
func lookup(base []string) map[string]string {
	m := map[string]string{}
	for _, pair := range base {
		if name, value, ok := strings.Cut(pair, "="); ok {
			m[name] = value
		}
	}
	return m
}
