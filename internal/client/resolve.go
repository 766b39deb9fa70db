package client

import (
	"net/url"
	"strings"
)

// vaultVersion is the api-version of a vault path that names none.
const vaultVersion = "7.4"

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
