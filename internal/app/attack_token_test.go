package app

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

// forge makes a token from a good one: its header and claims are changed and it is signed
// again, with the server's own key unless the case says otherwise.
type forge struct {
	t      *testing.T
	kid    string
	key    *rsa.PrivateKey
	header map[string]any
	claims map[string]any
}

// newForge takes a token of the server apart.
func newForge(t *testing.T, a *attacked, token string) *forge {
	t.Helper()
	kid, signer, err := a.keys.Signer()
	if err != nil {
		t.Fatal(err)
	}
	key, ok := signer.(*rsa.PrivateKey)
	if !ok {
		t.Fatalf("the signer is a %T", signer)
	}
	f := &forge{t: t, kid: kid, key: key, header: map[string]any{}, claims: map[string]any{}}
	for i, into := range []*map[string]any{&f.header, &f.claims} {
		part, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[i])
		if err != nil || json.Unmarshal(part, into) != nil {
			t.Fatal("cannot read the good token")
		}
	}
	return f
}

// encode is a part of a token.
func encode(v any) string {
	text, isText := v.(string)
	if !isText {
		b, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		text = string(b)
	}
	return base64.RawURLEncoding.EncodeToString([]byte(text))
}

// with is a copy of m with members changed; nil removes one.
func with(m map[string]any, changes map[string]any) map[string]any {
	out := maps.Clone(m)
	for k, v := range changes {
		if out[k] = v; v == nil {
			delete(out, k)
		}
	}
	return out
}

// rs signs with RSA and SHA-256, PKCS #1, under any header and claims.
func (f *forge) rs(key *rsa.PrivateKey, header, claims any) string {
	signed := encode(header) + "." + encode(claims)
	sum := sha256.Sum256([]byte(signed))
	sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		f.t.Fatal(err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// head is the good header changed, signed by the server's key.
func (f *forge) head(changes map[string]any) string {
	return f.rs(f.key, with(f.header, changes), f.claims)
}

// claim is the good token with claims changed, signed by the server's key.
func (f *forge) claim(changes map[string]any) string {
	return f.rs(f.key, f.header, with(f.claims, changes))
}

// hs signs with HMAC under a secret that everybody knows: something public of the key.
func (f *forge) hs(alg string, secret []byte) string {
	signed := encode(with(f.header, map[string]any{"alg": alg})) + "." + encode(f.claims)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// algorithms are tokens whose signature is not RS256 by the server's key (S-26, S-27, S-28, S-29).
func (f *forge) algorithms() map[string]string {
	good := f.rs(f.key, f.header, f.claims)
	parts := strings.Split(good, ".")
	own, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		f.t.Fatal(err)
	}
	pkix, err := x509.MarshalPKIXPublicKey(f.key.Public())
	if err != nil {
		f.t.Fatal(err)
	}
	pkcs1 := x509.MarshalPKCS1PublicKey(&f.key.PublicKey)
	jwk := map[string]any{"kty": "RSA", "n": base64.RawURLEncoding.EncodeToString(own.N.Bytes()), "e": "AQAB", "kid": f.kid}
	out := map[string]string{
		"alg none, no signature":         encode(with(f.header, map[string]any{"alg": "none"})) + "." + parts[1] + ".",
		"alg none, two parts":            encode(with(f.header, map[string]any{"alg": "none"})) + "." + parts[1],
		"HS256 by the modulus":           f.hs("HS256", f.key.N.Bytes()),
		"HS256 by the PEM":               f.hs("HS256", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pkix})),
		"HS256 by the PKCS #1 PEM":       f.hs("HS256", pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: pkcs1})),
		"HS256 by the DER":               f.hs("HS256", pkix),
		"HS256 by the key id":            f.hs("HS256", []byte(f.kid)),
		"HS256 by nothing":               f.hs("HS256", nil),
		"RS256 in the header, HMAC made": f.hs("RS256", f.key.N.Bytes()),
		"another key":                    f.rs(own, f.header, f.claims),
		"another key, embedded":          f.rs(own, with(f.header, map[string]any{"jwk": jwk}), f.claims),
		"another key, by address":        f.rs(own, with(f.header, map[string]any{"jku": "https://127.0.0.1:1/keys"}), f.claims),
		"another key, x5u":               f.rs(own, with(f.header, map[string]any{"x5u": "https://127.0.0.1:1/c"}), f.claims),
		"no kid":                         f.head(map[string]any{"kid": nil, "x5t": nil}),
		"an empty kid":                   f.head(map[string]any{"kid": ""}),
		"an unknown kid":                 f.head(map[string]any{"kid": "x"}),
		"a kid that is a path":           f.head(map[string]any{"kid": "../../../dev/null"}),
		"a kid that is SQL":              f.head(map[string]any{"kid": "' UNION SELECT 1 --"}),
		"a kid in another letter case":   f.head(map[string]any{"kid": swapCase(f.kid)}),
		"a long kid":                     f.head(map[string]any{"kid": strings.Repeat("k", 129)}),
		"a kid with a line end":          f.head(map[string]any{"kid": f.kid + "\n"}),
		"a kid that is a list":           f.head(map[string]any{"kid": []string{f.kid}}),
		"a critical extension":           f.head(map[string]any{"crit": []string{"x"}}),
		"compressed":                     f.head(map[string]any{"zip": "DEF"}),
		"encrypted by name":              f.head(map[string]any{"enc": "A256GCM"}),
		"nested":                         f.rs(f.key, with(f.header, map[string]any{"cty": "JWT", "typ": "JWE"}), good),
		"a proof by type":                f.head(map[string]any{"typ": "dpop+jwt"}),
		"no signature":                   parts[0] + "." + parts[1] + ".",
		"a signature of zeros":           parts[0] + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 256)),
		"one bit of the signature":       parts[0] + "." + parts[1] + "." + flip(parts[2]),
		"one bit of the claims":          parts[0] + "." + flip(parts[1]) + "." + parts[2],
		"an extra part":                  good + ".x",
		"five parts":                     good + ".a.b",
		"padding":                        good + "==",
		"a blank within":                 parts[0] + "." + parts[1] + ". " + parts[2],
		"the other alphabet":             parts[0] + "." + parts[1] + ".+" + parts[2][1:],
		"JSON serialisation":             `{"protected":"` + parts[0] + `","payload":"` + parts[1] + `","signature":"` + parts[2] + `"}`,
		"alg twice":                      f.rs(f.key, `{"alg":"none","alg":"RS256","typ":"JWT","kid":"`+f.kid+`"}`, f.claims),
		"oid twice":                      f.rs(f.key, f.header, strings.Replace(string(mustJSON(f.claims)), `{`, `{"oid":"11111111-2222-4333-8444-555555555555",`, 1)),
		"claims in a list":               f.rs(f.key, f.header, []any{f.claims}),
		"text behind the claims":         f.rs(f.key, f.header, string(mustJSON(f.claims))+"{}"),
		"17 KiB":                         f.claim(map[string]any{"x": strings.Repeat("x", 17<<10)}),
	}
	for _, alg := range []string{"None", "NONE", "nOnE", "rs256", "RS384", "RS512", "PS256", "ES256", "EdDSA", "HS256", "HS384", "", "RS256 "} {
		out["RS256 made, header says "+alg] = f.head(map[string]any{"alg": alg})
	}
	sum := sha256.Sum256([]byte(encode(with(f.header, map[string]any{"alg": "PS256"})) + "." + parts[1]))
	pss, err := rsa.SignPSS(rand.Reader, f.key, crypto.SHA256, sum[:], nil)
	if err != nil {
		f.t.Fatal(err)
	}
	out["PS256 by the server's key"] = encode(with(f.header, map[string]any{"alg": "PS256"})) + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(pss)
	long := sha512.Sum512([]byte(encode(with(f.header, map[string]any{"alg": "RS512"})) + "." + parts[1]))
	sig, err := rsa.SignPKCS1v15(rand.Reader, f.key, crypto.SHA512, long[:])
	if err != nil {
		f.t.Fatal(err)
	}
	out["RS512 by the server's key"] = encode(with(f.header, map[string]any{"alg": "RS512"})) + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(sig)
	return out
}

// claimed are tokens by the server's own key of which one claim is wrong (S-30, S-32, S-33).
func (f *forge) claimed(a *attacked) map[string]string {
	now := time.Now()
	random := a.vars["random"]
	return map[string]string{
		"no exp":                           f.claim(map[string]any{"exp": nil}),
		"exp long past":                    f.claim(map[string]any{"exp": now.Add(-time.Hour).Unix()}),
		"exp as text":                      f.claim(map[string]any{"exp": "9999999999"}),
		"exp nought":                       f.claim(map[string]any{"exp": 0}),
		"exp beyond 64 bits":               f.rs(f.key, f.header, regexp.MustCompile(`"exp":\d+`).ReplaceAllString(string(mustJSON(f.claims)), `"exp":1e400`)),
		"nbf in an hour":                   f.claim(map[string]any{"nbf": now.Add(time.Hour).Unix()}),
		"iat in an hour":                   f.claim(map[string]any{"iat": now.Add(time.Hour).Unix()}),
		"no issuer":                        f.claim(map[string]any{"iss": nil}),
		"issuer of another tenant":         f.claim(map[string]any{"iss": strings.Replace(f.claims["iss"].(string), a.vars["tenant"], a.vars["othertenant"], 1)}),
		"issuer and tenant not of one":     f.claim(map[string]any{"tid": a.vars["othertenant"]}),
		"issuer of the public cloud":       f.claim(map[string]any{"iss": "https://sts.windows.net/" + a.vars["tenant"] + "/"}),
		"issuer with a tail":               f.claim(map[string]any{"iss": f.claims["iss"].(string) + "x"}),
		"issuer in capitals":               f.claim(map[string]any{"iss": strings.ToUpper(f.claims["iss"].(string))}),
		"no audience":                      f.claim(map[string]any{"aud": nil}),
		"audiences in a list":              f.claim(map[string]any{"aud": []any{f.claims["aud"]}}),
		"audience with a tail":             f.claim(map[string]any{"aud": f.claims["aud"].(string) + ".attacker.example"}),
		"audience with two slashes":        f.claim(map[string]any{"aud": strings.TrimSuffix(f.claims["aud"].(string), "/") + "//"}),
		"audience of an exchange":          f.claim(map[string]any{"aud": "api://AzureADTokenExchange"}),
		"audience of the token endpoint":   f.claim(map[string]any{"aud": a.in.url("login") + "/" + a.vars["tenant"] + "/oauth2/v2.0/token"}),
		"a client assertion":               f.rs(f.key, f.header, map[string]any{"iss": a.vars["client"], "sub": a.vars["client"], "aud": f.claims["aud"], "exp": now.Add(time.Minute).Unix(), "jti": random}),
		"no object":                        f.claim(map[string]any{"oid": nil}),
		"an object that does not exist":    f.claim(map[string]any{"oid": random}),
		"an object of another tenant":      f.claim(map[string]any{"oid": a.vars["otherobject"]}),
		"an object with blanks":            f.claim(map[string]any{"oid": " " + a.vars["admin"]}),
		"no application":                   f.claim(map[string]any{"appid": nil, "azp": nil}),
		"no tenant":                        f.claim(map[string]any{"tid": nil}),
		"a tenant that is a list":          f.claim(map[string]any{"tid": []string{a.vars["tenant"]}}),
		"the other tenant, wholly":         f.claim(map[string]any{"tid": a.vars["othertenant"], "oid": a.vars["otherobject"], "iss": strings.Replace(f.claims["iss"].(string), a.vars["tenant"], a.vars["othertenant"], 1)}),
		"null for the object":              f.rs(f.key, f.header, strings.Replace(string(mustJSON(f.claims)), `"oid":"`+a.vars["admin"]+`"`, `"oid":null`, 1)),
		"members in another letter case":   f.rs(f.key, f.header, strings.Replace(string(mustJSON(f.claims)), `"oid":`, `"OID":`, 1)),
		"an escaped second member":         f.rs(f.key, f.header, strings.Replace(string(mustJSON(f.claims)), `{`, `{"\u006fid":"`+random+`",`, 1)),
		"a version that does not exist":    f.claim(map[string]any{"ver": "3.0"}),
		"a user's token of an application": f.claim(map[string]any{"idtyp": "user", "oid": random}),
	}
}

// mustJSON encodes what is known to be encodable.
func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// swapCase changes the letter case of the first letter.
func swapCase(s string) string {
	for i, r := range s {
		if up := strings.ToUpper(string(r)); up != string(r) {
			return s[:i] + up + s[i+1:]
		} else if low := strings.ToLower(string(r)); low != string(r) {
			return s[:i] + low + s[i+1:]
		}
	}
	return s + "x"
}

// flip changes a character in the middle.
func flip(s string) string {
	i := len(s) / 2
	if s[i] == 'A' {
		return s[:i] + "B" + s[i+1:]
	}
	return s[:i] + "A" + s[i+1:]
}

// S-26, S-27, S-28, S-29, S-30, S-32, S-33, S-53: every service refuses every forged token with 401, although
// the good one that it is made of was verified and kept just before; and no refusal says why
// in words that help to forge.
func TestForgedTokensAtEveryService(t *testing.T) {
	t.Parallel()
	a := attack(t)
	a.otherTenant(t)
	for _, service := range []struct{ host, token, path string }{
		{"arm", "armtoken", a.vars["group"] + "?api-version=2021-04-01"},
		{"graph", "graphtoken", "/v1.0/servicePrincipals"},
		{"vault", "vaulttoken", "/secrets/s1?api-version=7.4"},
	} {
		f := newForge(t, a, a.vars[service.token])
		twin := func(t *testing.T) {
			t.Helper()
			for _, token := range []string{a.vars[service.token], f.rs(f.key, f.header, f.claims)} {
				if status, _, body := a.https(t, "GET", a.vars[service.host], service.path, token, ""); status != http.StatusOK {
					t.Fatalf("%s: the good token: %d %s", service.host, status, body)
				}
			}
		}
		twin(t)
		forged := f.algorithms()
		maps.Copy(forged, f.claimed(a))
		for name, token := range forged {
			t.Run(service.host+"/"+name, func(t *testing.T) {
				status, header, body := a.https(t, "GET", a.vars[service.host], service.path, token, "")
				if status == http.StatusRequestHeaderFieldsTooLarge && len(token) > 16<<10 {
					return
				}
				if status != http.StatusUnauthorized || header.Get("WWW-Authenticate") == "" || strings.Contains(body, "canary") {
					t.Errorf("%d %s %s", status, header, body)
				}
				for _, s := range unsayable {
					if s != "attacker.example" && strings.Contains(body, s) {
						t.Errorf("the refusal says %q: %s", s, body)
					}
				}
			})
		}
		twin(t)
	}
	a.checkLog(t)
}

// S-33: what one endpoint gives out opens no other: tokens as assertions at the token
// endpoint, secrets and tokens of each kind in the place of another.
func TestKindsOfCredentialsAreNotExchangeable(t *testing.T) {
	t.Parallel()
	a := attack(t)
	a.otherTenant(t)
	got := a.exchange(t, "imds", "GET /metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://management.azure.com HTTP/1.1\r\nHost: "+
		a.vars["imds"]+"\r\nMetadata: true\r\nConnection: close\r\n\r\n", 1)
	var machine struct {
		Token string `json:"access_token"`
	}
	if len(got) != 1 || json.Unmarshal([]byte(got[0].body), &machine) != nil || machine.Token == "" {
		t.Fatalf("no token for the machine: %+v", got)
	}
	// twin: it is a token of Resource Manager: it gets past authentication, to 403
	if status, _, body := a.https(t, "GET", a.vars["arm"], a.vars["group"]+"?api-version=2021-04-01", machine.Token, ""); status != http.StatusForbidden {
		t.Fatalf("the machine at Resource Manager: %d %s", status, body)
	}
	kind := "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	for name, credential := range map[string]map[string]string{
		"an access token as an assertion":       {"client_assertion": a.vars["armtoken"], "client_assertion_type": kind},
		"a machine's token as an assertion":     {"client_assertion": machine.Token, "client_assertion_type": kind},
		"another tenant's token":                {"client_assertion": a.vars["otherarm"], "client_assertion_type": kind},
		"an access token as a secret":           {"client_secret": a.vars["armtoken"]},
		"an endpoint secret as a client secret": {"client_secret": a.vars["header"]},
		"another application's secret":          {"client_secret": a.vars["othersecret"]},
		"no credential":                         {},
	} {
		fields := map[string]string{"grant_type": "client_credentials", "client_id": a.vars["client"], "scope": "https://vault.azure.net/.default"}
		maps.Copy(fields, credential)
		if _, err := a.form(t, a.vars["tenant"], fields); !errors.Is(err, errRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, token := range map[string]string{"an endpoint secret": a.vars["header"], "a client secret": a.vars["secret"]} {
		if status, _, _ := a.https(t, "GET", a.vars["arm"], a.vars["group"]+"?api-version=2021-04-01", token, ""); status != http.StatusUnauthorized {
			t.Errorf("%s as a token: %d", name, status)
		}
	}
}

// S-30, S-33, S-54: with a good token of another tenant every real object answers as a
// random id does, and an application signs in at its own tenant only.
func TestAnotherTenantSeesNothing(t *testing.T) {
	t.Parallel()
	a := attack(t)
	a.otherTenant(t)
	for _, c := range []struct{ host, token, twin, path string }{
		{"arm", "otherarm", "armtoken", "/subscriptions/{sub}?api-version=2021-04-01"},
		{"arm", "otherarm", "armtoken", "/subscriptions/{sub}/resourceGroups/default?api-version=2021-04-01"},
		{"arm", "otherarm", "armtoken", "/subscriptions/{sub}/resources?api-version=2021-04-01"},
		{"arm", "otherarm", "armtoken", "/subscriptions/{sub}/resourceGroups/default/providers/Microsoft.KeyVault/vaults/attackkv?api-version=2023-07-01"},
		{"arm", "otherarm", "armtoken", "/subscriptions/{sub}/providers/Microsoft.Authorization/roleAssignments?api-version=2022-04-01"},
		{"graph", "othergraph", "graphtoken", "/v1.0/servicePrincipals/{admin}"},
		{"vault", "othervault", "vaulttoken", "/secrets/s1?api-version=7.4"},
	} {
		fill := func(sub, admin, secret string) string {
			return strings.NewReplacer("{sub}", sub, "{admin}", admin, "s1", secret).Replace(c.path)
		}
		real, random := fill(a.vars["sub"], a.vars["admin"], "s1"), fill(a.vars["random"], a.vars["random"], "s2")
		if status, _, body := a.https(t, "GET", a.vars[c.host], real, a.vars[c.twin], ""); status != http.StatusOK {
			t.Errorf("%s: its owner: %d %s", c.path, status, body)
		}
		status, header, body := a.https(t, "GET", a.vars[c.host], real, a.vars[c.token], "")
		status2, header2, body2 := a.https(t, "GET", a.vars[c.host], random, a.vars[c.token], "")
		if status < 400 || status != status2 || neutral(a, body) != neutral(a, body2) || header.Get("WWW-Authenticate") != header2.Get("WWW-Authenticate") {
			t.Errorf("%s: %d %s\nbut a random id: %d %s", c.path, status, body, status2, body2)
		}
	}
	good := map[string]string{"grant_type": "client_credentials", "client_id": a.vars["otherclient"], "client_secret": a.vars["othersecret"], "scope": "https://vault.azure.net/.default"}
	if _, err := a.form(t, a.vars["othertenant"], good); err != nil {
		t.Errorf("at its own tenant: %v", err)
	}
	_, here := a.form(t, a.vars["tenant"], good)
	good["client_id"] = a.vars["random"]
	_, unknown := a.form(t, a.vars["tenant"], good)
	if !errors.Is(here, errRefused) || neutral(a, here.Error()) != neutral(a, unknown.Error()) {
		t.Errorf("at another tenant: %v\nbut an unknown one: %v", here, unknown)
	}
}

// varying is what differs between any two answers.
var varying = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\dZ?|secrets/s\d`)

// neutral is an answer without its ids and times.
func neutral(_ *attacked, body string) string { return varying.ReplaceAllString(body, "*") }
