package client

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
)

// vaultVersion is the api-version of a vault path that names none.
const vaultVersion = "7.4"

// Short is a resource that a person named by WORD/NAME.
type Short struct {
	URL string // of the resource at Resource Manager, with an api-version
	New []byte // what a PUT without a body of its own sends: the smallest of its kind
}

// Short reads "group/NAME" and "vault|app|vm|identity/NAME", the resource itself in group, with
// or without a query; ok is false for every other text.
func (e Endpoints) Short(text, group string) (s Short, ok bool, err error) {
	text, query, _ := strings.Cut(text, "?")
	word, name, _ := strings.Cut(strings.TrimSuffix(text, "/"), "/")
	kind, known := shortTypes[strings.ToLower(word)]
	if !known && !strings.EqualFold(word, "group") || name == "" || strings.Contains(name, "/") {
		return Short{}, false, nil
	}
	body := hostBody{Location: defaultLocation}
	path, version := e.GroupID(group)+"/providers/"+kind.kind+"/"+name, kind.version
	switch strings.ToLower(word) {
	case "group":
		path, version = e.GroupID(name), versionGroups
	case "vault":
		body.Properties = newVault{EnableRBACAuthorization: true}
	case "app":
		body.Identity = &IdentityBlock{Type: "SystemAssigned"}
	case "vm":
		body.Identity, body.Properties = &IdentityBlock{Type: "SystemAssigned"}, smallMachine()
	}
	if s.New, err = json.Marshal(body); err != nil {
		return Short{}, false, fmt.Errorf("make %s: %w", text, err)
	}
	if query == "" {
		query = "api-version=" + version
	}
	s.URL = e.Local + escapePath(path) + "?" + query
	return s, true, nil
}

// newVault is a vault that role assignments alone decide about.
type newVault struct {
	EnableRBACAuthorization bool `json:"enableRbacAuthorization"`
}

// Resolve turns what a person writes after a method into a URL of the platform: a path of
// Resource Manager, Graph or the token service, "vault/NAME/…", one of our URLs, or the URL
// of the Azure service that ours stands for. Errors: ErrNotOurs.
func (e Endpoints) Resolve(text string) (string, error) {
	switch {
	case strings.HasPrefix(text, "/"):
		return e.Local + text, nil
	case strings.HasPrefix(strings.ToLower(text), "vault/"):
		name, rest, _ := strings.Cut(text[len("vault/"):], "/")
		if name == "" || strings.ContainsAny(name, ".?#@:%") {
			return "", ErrNotOurs.With("%q names no vault; write vault/NAME/secrets/…", text)
		}
		text = "https://" + name + "." + e.VaultSuffix + "/" + rest
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return "", ErrNotOurs.With("%q is neither a path that begins with /, nor vault/NAME/…, nor an https URL", text)
	}
	host := strings.ToLower(u.Hostname())
	vault, isVault := strings.CutSuffix(host, ".vault.azure.net")
	switch {
	case isVault:
		u.Host = vault + "." + e.VaultSuffix
	case host == "management.azure.com" || host == "graph.microsoft.com" || host == "login.microsoftonline.com":
		local, err := url.Parse(e.Local)
		if err != nil {
			return "", ErrNotOurs.With("%q is not a URL", e.Local)
		}
		u.Host = local.Host
	case !e.Serves(host):
		return "", ErrNotOurs.With("%s is not a name of this platform; its names are https://localhost and *.%s", host, e.Domain)
	}
	if strings.HasSuffix(strings.ToLower(u.Host), "."+strings.ToLower(e.VaultSuffix)) && !u.Query().Has("api-version") {
		if u.RawQuery != "" {
			u.RawQuery += "&"
		}
		u.RawQuery += "api-version=" + vaultVersion
	}
	return u.String(), nil
}
