//go:build e2e

package e2e

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// outsideIssuer is an OpenID Connect issuer of the test's own: discovery, keys, and tokens
// signed by one key. It knows nothing of our server.
type outsideIssuer struct {
	*httptest.Server
	t   *testing.T
	key *rsa.PrivateKey
}

// newOutsideIssuer starts an issuer on loopback, with TLS or in plain.
func newOutsideIssuer(t *testing.T, secure bool) *outsideIssuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	o := &outsideIssuer{t: t, key: key}
	o.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/.well-known/openid-configuration":
			_ = json.NewEncoder(w).Encode(map[string]any{"issuer": o.URL, "jwks_uri": o.URL + "/keys", "id_token_signing_alg_values_supported": []string{"RS256"}})
		case "/keys":
			_, _ = w.Write(o.keys())
		default:
			http.NotFound(w, r)
		}
	}))
	if secure {
		o.StartTLS()
	} else {
		o.Start()
	}
	t.Cleanup(o.Close)
	return o
}

// keys is the issuer's key set.
func (o *outsideIssuer) keys() []byte {
	return fmt.Appendf(nil, `{"keys":[{"kid":"one","kty":"RSA","use":"sig","alg":"RS256","n":%q,"e":"AQAB"}]}`,
		base64.RawURLEncoding.EncodeToString(big.NewInt(0).Set(o.key.N).Bytes()))
}

// token writes a token of the issuer to a file, as a cluster projects it: the audience is a
// list. The line break behind it is a person's (TE-90). A claim of edits that is nil is taken out.
func (o *outsideIssuer) token(edits map[string]any) string {
	o.t.Helper()
	now := time.Now()
	claims := jwt.MapClaims{
		"iss": o.URL, "sub": "system:serviceaccount:shop:orders", "aud": []string{"api://AzureADTokenExchange"},
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		"kubernetes.io": map[string]any{"namespace": "shop", "serviceaccount": map[string]string{"name": "orders", "uid": "u"}},
	}
	for k, v := range edits {
		if claims[k] = v; v == nil {
			delete(claims, k)
		}
	}
	j := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	j.Header["kid"] = "one"
	delete(j.Header, "typ") // clusters send none
	text, err := j.SignedString(o.key)
	if err != nil {
		o.t.Fatal(err)
	}
	file := filepath.Join(o.t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
		o.t.Fatal(err)
	}
	return file
}

// caFile holds the certificate of the issuer.
func (o *outsideIssuer) caFile() string {
	o.t.Helper()
	file := filepath.Join(o.t.TempDir(), "issuer.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: o.Certificate().Raw})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		o.t.Fatal(err)
	}
	return file
}

// trustingSDKs are the languages whose programs know federation.
func trustingSDKs(t *testing.T) []sdk {
	t.Helper()
	var out []sdk
	for _, s := range available(t) {
		if s.language != "Java" {
			out = append(out, s)
		}
	}
	return out
}

// application registers an application with a service principal through Graph.
func (p *platform) application(name string) (object, client, principal string) {
	p.t.Helper()
	var app struct{ ID, AppID string }
	p.rest(&app, "POST", p.Graph+"/v1.0/applications", `{"displayName":"`+name+`"}`)
	var sp struct{ ID string }
	p.rest(&sp, "POST", p.Graph+"/v1.0/servicePrincipals", `{"appId":"`+app.AppID+`"}`)
	return app.ID, app.AppID, sp.ID
}

// https is a client that trusts the platform.
func (p *platform) https() *http.Client {
	p.t.Helper()
	text, err := os.ReadFile(p.CAFile)
	if err != nil {
		p.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
}

// accepted reports whether Resource Manager takes a token.
func (p *platform) accepted(token string) bool {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, p.Local+"/subscriptions?api-version=2022-12-01", http.NoBody)
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := p.https().Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// management is the scope of the tests' tokens.
const management = "https://management.azure.com/.default"

// DT-46, DT-47, CP-70: WorkloadIdentityCredential and ClientAssertionCredential sign in as a
// user-assigned identity by an issuer that the server was told to trust, and by one on this
// machine in plain.
func TestOutsideIssuersProveIdentities(t *testing.T) {
	secure, plain := newOutsideIssuer(t, true), newOutsideIssuer(t, false)
	config := filepath.Join(t.TempDir(), "sealring.yaml")
	if err := os.WriteFile(config, []byte("federation:\n  ca_file: "+secure.caFile()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, "--config", config)
	id, client, object := p.identity("orders")
	for name, issuer := range map[string]*outsideIssuer{"secure": secure, "plain": plain} {
		p.rest(nil, "PUT", id+"/federatedIdentityCredentials/"+name+"?api-version=2023-01-31",
			`{"properties":{"issuer":"`+issuer.URL+`","subject":"system:serviceaccount:shop:orders","audiences":["api://AzureADTokenExchange"]}}`)
	}
	for _, s := range trustingSDKs(t) {
		for _, how := range []string{"workload", "assertion"} {
			for name, issuer := range map[string]*outsideIssuer{"secure": secure, "plain": plain} {
				a := p.client([]string{"--app", "worker"}, s.command, how, p.TenantID, client, issuer.token(nil), management)
				if !a.OK {
					t.Errorf("%s %s %s: %+v", s.language, how, name, a)
					continue
				}
				c := claims(t, a.Token)
				if c["oid"] != object || c["appid"] != client || c["appidacr"] != "2" || !strings.HasSuffix(fmt.Sprint(c["xms_mirid"]), "/userAssignedIdentities/orders") {
					t.Errorf("%s %s %s: claims %v", s.language, how, name, c)
				}
				if !p.accepted(a.Token) {
					t.Errorf("%s %s %s: Resource Manager refuses the token", s.language, how, name)
				}
			}
			refusals := map[string]struct {
				edits map[string]any
				code  string
			}{
				"another subject":  {map[string]any{"sub": "system:serviceaccount:shop:other"}, "AADSTS700213"},
				"another audience": {map[string]any{"aud": []string{"api://other"}}, "AADSTS700212"},
				"another issuer":   {map[string]any{"iss": secure.URL + "/"}, "AADSTS700211"},
				"the past":         {map[string]any{"exp": time.Now().Add(-time.Hour).Unix(), "iat": 1, "nbf": 1}, "AADSTS700024"},
			}
			if how == "assertion" {
				refusals = map[string]struct {
					edits map[string]any
					code  string
				}{"another letter case": {map[string]any{"sub": "system:serviceaccount:shop:ORDERS"}, "AADSTS7002138"}}
			}
			for name, c := range refusals {
				a := p.client([]string{"--app", "worker"}, s.command, how, p.TenantID, client, secure.token(c.edits), management)
				want := map[string]string{"Go": "azidentity.AuthenticationFailedError", "Python": "ClientAuthenticationError", "JavaScript": "AuthenticationRequiredError"}[s.language]
				if a.OK || a.Type != want || !strings.Contains(a.Message, c.code) {
					t.Errorf("%s %s %s: %+v", s.language, how, name, a)
				}
			}
		}
	}
	// CP-76, S-42: revoked, then deleted: the next request knows.
	sdk := trustingSDKs(t)[0]
	a := p.client([]string{"--app", "worker"}, sdk.command, "assertion", p.TenantID, client, secure.token(nil), management)
	p.rest(nil, "POST", id+"/revokeTokens?api-version=2023-07-31-preview")
	if p.accepted(a.Token) {
		t.Error("a revoked token is accepted")
	}
	b := p.client([]string{"--app", "worker"}, sdk.command, "assertion", p.TenantID, client, secure.token(nil), management)
	if !p.accepted(b.Token) {
		t.Errorf("a new token is refused: %+v", b)
	}
	p.rest(nil, "DELETE", id+"/federatedIdentityCredentials/secure?api-version=2023-01-31")
	gone := p.client([]string{"--app", "worker"}, sdk.command, "assertion", p.TenantID, client, secure.token(nil), management)
	if gone.OK || !strings.Contains(gone.Message, "AADSTS700211") {
		t.Errorf("after deletion: %+v", gone)
	}
}

// DT-54, DT-55, M-11: a managed identity is the credential of an application; issuers whose
// keys are given with the credential are not asked.
func TestIdentitiesAndGivenKeysProveApplications(t *testing.T) {
	p := start(t)
	hidden := newOutsideIssuer(t, true)
	url := "https://kubernetes.default.svc.cluster.local"
	object, client, principal := p.application("orders")
	id, identity, user := p.identity("deployer")
	fics := p.Graph + "/v1.0/applications/" + object + "/federatedIdentityCredentials"
	p.rest(nil, "POST", fics, `{"name":"identity","issuer":"`+p.AuthorityHost+"/"+p.TenantID+`/v2.0","subject":"`+user+`","audiences":["api://AzureADTokenExchange"]}`)
	p.rest(nil, "POST", fics, `{"name":"cluster","issuer":"`+url+`","subject":"system:serviceaccount:shop:orders","audiences":["api://AzureADTokenExchange"],"keySet":`+string(hidden.keys())+`}`)
	for _, s := range trustingSDKs(t) {
		mine := p.client([]string{"--app", "worker", "--identity", id}, s.command, "identityassertion", p.TenantID, client, identity, management)
		given := p.client([]string{"--app", "worker"}, s.command, "workload", p.TenantID, client, hidden.token(map[string]any{"iss": url}), management)
		for name, a := range map[string]answer{"identity": mine, "given keys": given} {
			if !a.OK {
				t.Errorf("%s by %s: %+v", s.language, name, a)
				continue
			}
			if c := claims(t, a.Token); c["oid"] != principal || c["appid"] != client || c["xms_mirid"] != nil {
				t.Errorf("%s by %s: claims %v", s.language, name, c)
			}
			if !p.accepted(a.Token) {
				t.Errorf("%s by %s: Resource Manager refuses the token", s.language, name)
			}
		}
	}
	p.rest(nil, "DELETE", fics+"/identity")
	a := p.client([]string{"--app", "worker", "--identity", id}, trustingSDKs(t)[0].command, "identityassertion", p.TenantID, client, identity, management)
	if a.OK || !strings.Contains(a.Message, "AADSTS700211") {
		t.Errorf("after deletion: %+v", a)
	}
}

// other is a second tenant of the installation, and a token of its administrator for Graph.
func (p *platform) other(name string) (tenant, graphToken string) {
	p.t.Helper()
	var made struct {
		TenantID   string `json:"tenant_id"`
		Admin      string `json:"admin_client_id"`
		SecretFile string `json:"admin_secret_file"`
	}
	if err := json.Unmarshal([]byte(p.must("tenant", "create", "--name", name, "--json")), &made); err != nil {
		p.t.Fatal(err)
	}
	sdk := trustingSDKs(p.t)[0]
	for deadline := time.Now().Add(10 * time.Second); ; { // the command wrote beside the server, which hears of it within a second
		a := p.client([]string{"--app", "worker"}, sdk.command, "secretcred", made.TenantID, made.Admin, made.SecretFile, p.Graph+"/.default")
		if a.OK {
			return made.TenantID, a.Token
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("the administrator of %s: %+v", name, a)
		}
	}
}

// call sends a request with a token and decodes what comes.
func (p *platform) call(token, method, url, body string, into any) int {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, strings.Replace(url, p.Graph, p.Local, 1), strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := p.https().Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil && into != nil {
		p.t.Fatalf("%s %s: %d, %v", method, url, resp.StatusCode, err)
	}
	return resp.StatusCode
}

// M-15, DT-55: the one way for an identity to matter in another tenant is that somebody there
// trusts it.
func TestAnIdentityProvesAnApplicationOfAnotherTenant(t *testing.T) {
	p := start(t)
	id, identity, user := p.identity("deployer")
	tenant, admin := p.other("Acme")
	var app struct{ ID, AppID string }
	if status := p.call(admin, "POST", p.Graph+"/v1.0/applications", `{"displayName":"orders"}`, &app); status != http.StatusCreated {
		t.Fatalf("application: %d", status)
	}
	var sp struct{ ID string }
	if status := p.call(admin, "POST", p.Graph+"/v1.0/servicePrincipals", `{"appId":"`+app.AppID+`"}`, &sp); status != http.StatusCreated {
		t.Fatalf("service principal: %d", status)
	}
	for _, s := range trustingSDKs(t) {
		flags := []string{"--app", "worker", "--identity", id}
		a := p.client(flags, s.command, "identityassertion", tenant, app.AppID, identity, management)
		if a.OK || !strings.Contains(a.Message, "AADSTS70025") {
			t.Errorf("%s, untrusted: %+v", s.language, a)
		}
		var fic struct{ ID string }
		fics := p.Graph + "/v1.0/applications/" + app.ID + "/federatedIdentityCredentials"
		status := p.call(admin, "POST", fics, `{"name":"deployer","issuer":"`+p.AuthorityHost+"/"+p.TenantID+`/v2.0","subject":"`+user+`","audiences":["api://AzureADTokenExchange"]}`, &fic)
		if status != http.StatusCreated {
			t.Fatalf("federated credential: %d", status)
		}
		a = p.client(flags, s.command, "identityassertion", tenant, app.AppID, identity, management)
		if !a.OK {
			t.Errorf("%s: %+v", s.language, a)
		} else if c := claims(t, a.Token); c["tid"] != tenant || c["oid"] != sp.ID {
			t.Errorf("%s: claims %v", s.language, c)
		}
		if status := p.call(admin, "DELETE", fics+"/"+fic.ID, "", nil); status != http.StatusNoContent {
			t.Fatalf("delete: %d", status)
		}
	}
}

// DT-57: az signs in by a federated token, as an application and as an identity, and says of
// one that has expired what pipelines look for.
func TestAzureCLISignsInByFederatedToken(t *testing.T) {
	p := start(t)
	issuer := newOutsideIssuer(t, false)
	object, client, principal := p.application("pipeline")
	id, identity, user := p.identity("deployer")
	body := `"issuer":"` + issuer.URL + `","subject":"system:serviceaccount:shop:orders","audiences":["api://AzureADTokenExchange"]`
	p.rest(nil, "POST", p.Graph+"/v1.0/applications/"+object+"/federatedIdentityCredentials", `{"name":"pipeline",`+body+`}`)
	p.rest(nil, "PUT", id+"/federatedIdentityCredentials/pipeline?api-version=2023-01-31", `{"properties":{`+body+`}}`)
	for _, object := range []string{principal, user} {
		p.grant(object, "Reader", p.group())
	}
	a := p.azure(t, "--app", "worker")
	a.register()
	read := func(edits map[string]any) string {
		text, err := os.ReadFile(issuer.token(edits))
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(text))
	}
	for who, object := range map[string]string{client: principal, identity: user} {
		login := "login --service-principal -u " + who + " -t " + p.TenantID + " --federated-token "
		a.ok(login + read(nil))
		a.prints(`["deployer"]`, "identity list -g default --query '[].name'")
		if c := claims(t, a.value("accessToken", "account get-access-token")); c["oid"] != object || c["appidacr"] != "2" {
			t.Errorf("claims %v", c)
		}
		a.ok("logout")
		a.refused("AADSTS700024", login+read(map[string]any{"exp": time.Now().Add(-time.Hour).Unix(), "iat": 1, "nbf": 1}))
		a.refused("AADSTS700213", login+read(map[string]any{"sub": "repo:a/b"}))
	}
}

// DT-55, M-15: an application that offers itself to every tenant, proved by an identity of its
// home, acts in another tenant through the service principal that somebody made of it there.
func TestAnIdentityActsInAnotherTenantThroughItsApplication(t *testing.T) {
	p := start(t)
	id, identity, user := p.identity("deployer")
	object, client, _ := p.application("shop")
	p.rest(nil, "POST", p.Graph+"/v1.0/applications/"+object+"/federatedIdentityCredentials",
		`{"name":"deployer","issuer":"`+p.AuthorityHost+"/"+p.TenantID+`/v2.0","subject":"`+user+`","audiences":["api://AzureADTokenExchange"]}`)
	tenant, admin := p.other("Acme")
	if status := p.call(admin, "POST", p.Graph+"/v1.0/servicePrincipals", `{"appId":"`+client+`"}`, nil); status != http.StatusBadRequest {
		t.Errorf("an application of one tenant: %d", status)
	}
	p.rest(nil, "PATCH", p.Graph+"/v1.0/applications/"+object, `{"signInAudience":"AzureADMultipleOrgs"}`)
	var sp struct{ ID string }
	if status := p.call(admin, "POST", p.Graph+"/v1.0/servicePrincipals", `{"appId":"`+client+`"}`, &sp); status != http.StatusCreated {
		t.Fatalf("its service principal in the other tenant: %d", status)
	}
	for _, s := range trustingSDKs(t) {
		a := p.client([]string{"--app", "worker", "--identity", id}, s.command, "identityassertion", tenant, client, identity, management)
		if !a.OK {
			t.Errorf("%s: %+v", s.language, a)
		} else if c := claims(t, a.Token); c["tid"] != tenant || c["oid"] != sp.ID || c["appid"] != client {
			t.Errorf("%s: claims %v", s.language, c)
		}
	}
	p.rest(nil, "DELETE", p.Graph+"/v1.0/applications/"+object)
	a := p.client([]string{"--app", "worker", "--identity", id}, trustingSDKs(t)[0].command, "identityassertion", tenant, client, identity, management)
	if a.OK || !strings.Contains(a.Message, "AADSTS70025") {
		t.Errorf("after its home deleted it: %+v", a)
	}
}
