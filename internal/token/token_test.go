package token_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/token"
)

const (
	authority = "https://login.sealring.internal:8443"
	tenant    = "11111111-1111-4111-8111-111111111111"
	stranger  = "99999999-9999-4999-8999-999999999999"
	object    = "22222222-2222-4222-8222-222222222222"
	app       = "33333333-3333-4333-8333-333333333333"
	vault     = "https://vault.azure.net"
)

var (
	now      = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	ours, _  = rsa.GenerateKey(rand.Reader, 2048)
	other, _ = rsa.GenerateKey(rand.Reader, 2048)
	b64      = base64.RawURLEncoding
)

// ring is a key set of fixed keys; it signs with the one named active.
type ring map[string]crypto.Signer

func (r ring) Signer() (string, crypto.Signer, error) { return "active", r["active"], nil }

func (r ring) Key(kid string) (crypto.PublicKey, bool) {
	key, ok := r[kid]
	if !ok {
		return nil, false
	}
	return key.Public(), true
}

func issuer(t testing.TB) *token.Issuer {
	t.Helper()
	i, err := token.NewIssuer(token.IssuerConfig{Authority: authority, Signer: ring{"active": ours}, Now: func() time.Time { return now }, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func verifierAt(t testing.TB, at time.Time) *token.Verifier {
	t.Helper()
	v, err := token.NewVerifier(token.VerifierConfig{Authority: authority, Keys: ring{"active": ours}, Now: func() time.Time { return at }, Skew: token.MaxSkew})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// request is a managed identity's.
func request() token.Request {
	return token.Request{
		Tenant: tenant, Object: object, App: app, Audience: vault, Version: token.V1, Auth: token.AuthAssertion,
		Lifetime: 24 * time.Hour, Roles: []string{"Read.All"}, TenantCreated: now.Add(-time.Hour),
		MIRID: "/subscriptions/s/resourcegroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i",
		AzRID: "/subscriptions/s/resourcegroups/g/providers/Microsoft.Compute/virtualMachines/v",
	}
}

func issue(t testing.TB, r token.Request) token.Issued {
	t.Helper()
	out, err := issuer(t).Issue(r)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// forge signs any header and payload with any RSA key, RS256.
func forge(key *rsa.PrivateKey, header, payload string) string {
	signed := b64.EncodeToString([]byte(header)) + "." + b64.EncodeToString([]byte(payload))
	digest := sha256.Sum256([]byte(signed))
	sig, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
	if err != nil {
		panic(err)
	}
	return signed + "." + b64.EncodeToString(sig)
}

const goodHeader = `{"typ":"JWT","alg":"RS256","kid":"active"}`

// payload is that of a good token, changed by edits; a nil value removes the claim.
func payload(edits map[string]any) string {
	claims := map[string]any{
		"aud": vault, "iss": authority + "/" + tenant + "/", "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		"appid": app, "appidacr": "2", "idtyp": "app", "oid": object, "sub": object, "tid": tenant, "uti": "u", "ver": "1.0",
	}
	for k, v := range edits {
		if claims[k] = v; v == nil {
			delete(claims, k)
		}
	}
	out, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	return string(out)
}

// DT-68, DT-69, DT-75: header and claims of a managed identity's v1 token.
func TestIssuedV1TokenHasTheDocumentedClaims(t *testing.T) {
	out := issue(t, request())
	parts := strings.Split(out.Token.Reveal(), ".")
	head, _ := b64.DecodeString(parts[0])
	if string(head) != `{"typ":"JWT","alg":"RS256","x5t":"active","kid":"active"}` {
		t.Errorf("header %s", head)
	}
	body, _ := b64.DecodeString(parts[1])
	var got map[string]any
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"aud": vault, "iss": authority + "/" + tenant + "/", "idp": authority + "/" + tenant + "/", "ver": "1.0",
		"appid": app, "appidacr": "2", "idtyp": "app", "oid": object, "sub": object, "tid": tenant, "uti": out.UTI,
		"iat": float64(now.Unix() - 300), "nbf": float64(now.Unix() - 300), "exp": float64(now.Unix() + 86400),
		"xms_mirid": request().MIRID, "xms_az_rid": request().AzRID, "xms_tcdt": float64(now.Unix() - 3600),
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	for _, absent := range []string{"scp", "azp", "azpacr", "upn", "groups", "nonce", "wids"} {
		if _, ok := got[absent]; ok {
			t.Errorf("%s is present", absent)
		}
	}
	if len(out.UTI) != 22 {
		t.Errorf("uti %q", out.UTI)
	}
}

// DT-54, DT-75: v2 names the client azp and the key once.
func TestIssuedV2TokenAndItsExchangeUse(t *testing.T) {
	r := request()
	r.Version, r.Audience = token.V2, token.ExchangeAudience
	out := issue(t, r)
	head, _ := b64.DecodeString(strings.Split(out.Token.Reveal(), ".")[0])
	if string(head) != goodHeader {
		t.Errorf("header %s", head)
	}
	c, err := verifierAt(t, now).VerifyExchange(out.Token.Reveal(), tenant)
	if err != nil || c.App != app || c.Issuer != authority+"/"+tenant+"/v2.0" {
		t.Fatalf("exchange: %+v, %v", c, err)
	}
	// S-33: it is nothing else, not even where somebody lists its audience.
	if _, err := verifierAt(t, now).Verify(out.Token.Reveal(), []string{token.ExchangeAudience}, tenant); !errors.Is(err, token.ErrKind) {
		t.Errorf("as access token: %v", err)
	}
	if _, err := verifierAt(t, now).VerifyExchange(issue(t, request()).Token.Reveal(), tenant); !errors.Is(err, token.ErrKind) {
		t.Errorf("access token as assertion: %v", err)
	}
	r.MIRID = ""
	if _, err := verifierAt(t, now).VerifyExchange(issue(t, r).Token.Reveal(), tenant); !errors.Is(err, token.ErrKind) {
		t.Errorf("application's token as assertion: %v", err)
	}
}

func TestVerifyReadsBackWhatWasIssued(t *testing.T) {
	out := issue(t, request())
	c, err := verifierAt(t, now).Verify(out.Token.Reveal(), []string{"x", vault}, tenant)
	if err != nil {
		t.Fatal(err)
	}
	if c.Tenant != tenant || c.Object != object || c.App != app || c.UTI != out.UTI || c.MIRID != request().MIRID ||
		!c.Expires.Equal(out.Expires) || len(c.Roles) != 1 || c.KeyID != "active" || !c.ManagedIdentity() {
		t.Errorf("claims %+v", c)
	}
	r := request()
	r.MIRID, r.User = "", &token.User{Scopes: []string{"user_impersonation", "openid"}, UPN: "a@b"}
	c, err = verifierAt(t, now).Verify(issue(t, r).Token.Reveal(), []string{vault}, tenant)
	if err != nil || c.Type != token.TypeUser || len(c.Scopes) != 2 || c.UPN != "a@b" {
		t.Errorf("user: %+v, %v", c, err)
	}
}

// S-26, S-27, S-28, S-29, S-30, S-32, S-33: what is signed by our own key, or looks so, and is refused all the same.
func TestVerifyRefuses(t *testing.T) {
	good := forge(ours, goodHeader, payload(nil))
	if _, err := verifierAt(t, now).Verify(good, []string{vault}, tenant); err != nil {
		t.Fatalf("the positive twin of all that follows: %v", err)
	}
	head := func(h string) string { return forge(ours, h, payload(nil)) }
	body := func(edits map[string]any) string { return forge(ours, goodHeader, payload(edits)) }
	public, _ := x509.MarshalPKIXPublicKey(&ours.PublicKey)
	hs := func(secret []byte) string {
		signed := b64.EncodeToString([]byte(`{"alg":"HS256","kid":"active"}`)) + "." + b64.EncodeToString([]byte(payload(nil)))
		h := hmac.New(sha256.New, secret)
		h.Write([]byte(signed))
		return signed + "." + b64.EncodeToString(h.Sum(nil))
	}
	parts := strings.Split(good, ".")
	jwk := `{"alg":"RS256","kid":"active","jwk":{"kty":"RSA","e":"AQAB","n":"` + b64.EncodeToString(other.N.Bytes()) + `"}}`
	cases := map[string]struct {
		text string
		want error
	}{
		"S-26 alg none":                        {head(`{"alg":"none","kid":"active"}`), token.ErrAlgorithm},
		"S-26 alg None":                        {head(`{"alg":"None","kid":"active"}`), token.ErrAlgorithm},
		"S-26 alg nOnE":                        {head(`{"alg":"nOnE","kid":"active"}`), token.ErrAlgorithm},
		"S-26 alg rs256 in lower case":         {head(`{"alg":"rs256","kid":"active"}`), token.ErrAlgorithm},
		"S-26 alg empty":                       {head(`{"alg":"","kid":"active"}`), token.ErrMalformed},
		"S-26 alg absent":                      {head(`{"kid":"active"}`), token.ErrMalformed},
		"S-26 HS256 under the public PEM":      {hs(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})), token.ErrAlgorithm},
		"S-26 HS256 under the modulus":         {hs(ours.N.Bytes()), token.ErrAlgorithm},
		"S-26 ES256 with r=s=0":                {b64.EncodeToString([]byte(`{"alg":"ES256","kid":"active"}`)) + "." + parts[1] + "." + b64.EncodeToString(make([]byte, 64)), token.ErrAlgorithm},
		"S-26 PS256 over an RS256 key":         {head(`{"alg":"PS256","kid":"active"}`), token.ErrAlgorithm},
		"S-26 unsigned":                        {parts[0] + "." + parts[1] + ".", token.ErrMalformed},
		"S-27 embedded jwk that verifies":      {forge(other, jwk, payload(nil)), token.ErrSignature},
		"S-27 jwk without kid":                 {forge(other, strings.Replace(jwk, `"kid":"active",`, "", 1), payload(nil)), token.ErrUnknownKey},
		"S-27 jku and x5u":                     {forge(other, `{"alg":"RS256","kid":"active","jku":"http://127.0.0.1:1/","x5u":"http://127.0.0.1:1/"}`, payload(nil)), token.ErrSignature},
		"S-27 unknown crit":                    {head(`{"alg":"RS256","kid":"active","crit":["exp"]}`), token.ErrMalformed},
		"S-27 unencoded payload":               {head(`{"alg":"RS256","kid":"active","b64":false}`), token.ErrMalformed},
		"S-28 kid that is a path":              {head(`{"alg":"RS256","kid":"../../dev/null"}`), token.ErrUnknownKey},
		"S-28 kid that is SQL":                 {head(`{"alg":"RS256","kid":"' OR 1=1--"}`), token.ErrUnknownKey},
		"S-28 kid in another case":             {head(`{"alg":"RS256","kid":"ACTIVE"}`), token.ErrUnknownKey},
		"S-28 kid absent":                      {head(`{"alg":"RS256"}`), token.ErrUnknownKey},
		"S-28 kid of 129 bytes":                {head(`{"alg":"RS256","kid":"` + strings.Repeat("k", 129) + `"}`), token.ErrMalformed},
		"S-28 kid with a control character":    {head(`{"alg":"RS256","kid":"active\u0000"}`), token.ErrMalformed},
		"S-28 kid that is a number":            {head(`{"alg":"RS256","kid":1}`), token.ErrMalformed},
		"S-29 repeated kid":                    {head(`{"alg":"RS256","kid":"active","kid":"active"}`), token.ErrMalformed},
		"S-29 repeated kid, escaped":           {head(`{"alg":"RS256","kid":"active","k\u0069d":"active"}`), token.ErrMalformed},
		"S-29 padded":                          {good + "==", token.ErrMalformed},
		"S-29 line-wrapped":                    {good[:90] + "\n" + good[90:], token.ErrMalformed},
		"S-29 last character twiddled":         {twiddle(good), token.ErrMalformed},
		"S-29 truncated by one":                {good[:len(good)-1], nil},
		"S-29 truncated by four":               {good[:len(good)-4], nil},
		"S-29 truncated by eight":              {good[:len(good)-8], nil},
		"S-29 extra segment":                   {good + ".e30", token.ErrMalformed},
		"S-29 two segments":                    {parts[0] + "." + parts[1], token.ErrMalformed},
		"S-29 JSON serialisation":              {`{"payload":"` + parts[1] + `","signatures":[]}`, token.ErrMalformed},
		"S-29 JWE":                             {good + "." + parts[1] + "." + parts[1], token.ErrMalformed},
		"S-29 encrypted by header":             {head(`{"alg":"RS256","enc":"A128GCM","kid":"active"}`), token.ErrMalformed},
		"S-29 compressed":                      {head(`{"alg":"RS256","zip":"DEF","kid":"active"}`), token.ErrMalformed},
		"S-29 longer than 16 KiB":              {body(map[string]any{"x": strings.Repeat("x", 16<<10)}), token.ErrMalformed},
		"S-29 a million dots":                  {strings.Repeat(".", 1_000_000), token.ErrMalformed},
		"S-29 repeated aud":                    {forge(ours, goodHeader, `{"aud":"x",`+payload(nil)[1:]), token.ErrMalformed},
		"S-29 repeated member deep down":       {forge(ours, goodHeader, `{"x":[{"a":{"b":1,"b":2}}],`+payload(nil)[1:]), token.ErrMalformed},
		"S-29 aud in another case is no aud":   {forge(ours, goodHeader, strings.Replace(payload(nil), `"aud"`, `"AUD"`, 1)), token.ErrClaim},
		"S-29 two objects":                     {forge(ours, goodHeader, payload(nil)+"{}"), token.ErrMalformed},
		"S-29 an array":                        {forge(ours, goodHeader, "["+payload(nil)+"]"), token.ErrMalformed},
		"S-29 UTF-16":                          {forge(ours, goodHeader, "\xff\xfe{\x00}\x00"), token.ErrMalformed},
		"S-29 not UTF-8":                       {forge(ours, goodHeader, strings.Replace(payload(nil), `"uti":"u"`, "\"uti\":\"\xff\"", 1)), token.ErrMalformed},
		"S-29 nested 65 deep":                  {forge(ours, goodHeader, `{"x":`+strings.Repeat("[", 65)+strings.Repeat("]", 65)+`,`+payload(nil)[1:]), token.ErrMalformed},
		"S-29 empty":                           {"", token.ErrMalformed},
		"S-30 aud of another service":          {body(map[string]any{"aud": "https://storage.azure.com"}), token.ErrAudience},
		"S-30 aud in a list":                   {body(map[string]any{"aud": []string{vault}}), token.ErrMalformed},
		"S-30 aud a prefix":                    {body(map[string]any{"aud": vault[:len(vault)-1]}), token.ErrAudience},
		"S-30 aud longer":                      {body(map[string]any{"aud": vault + ".evil"}), token.ErrAudience},
		"S-30 aud with a slash not listed":     {body(map[string]any{"aud": vault + "/"}), token.ErrAudience},
		"S-30 aud in another case":             {body(map[string]any{"aud": strings.ToUpper(vault)}), token.ErrAudience},
		"S-30 no aud":                          {body(map[string]any{"aud": nil}), token.ErrClaim},
		"S-30 iss of another tenant":           {body(map[string]any{"iss": authority + "/" + stranger + "/"}), token.ErrIssuer},
		"S-30 right iss, another tid":          {body(map[string]any{"tid": stranger}), token.ErrIssuer},
		"S-30 all of another tenant":           {body(map[string]any{"tid": stranger, "iss": authority + "/" + stranger + "/"}), token.ErrTenant},
		"S-30 iss of the other version":        {body(map[string]any{"iss": authority + "/" + tenant + "/v2.0"}), token.ErrIssuer},
		"S-30 iss without its slash":           {body(map[string]any{"iss": authority + "/" + tenant}), token.ErrIssuer},
		"S-30 iss of the public cloud":         {body(map[string]any{"iss": "https://sts.windows.net/" + tenant + "/"}), token.ErrIssuer},
		"S-30 no exp":                          {body(map[string]any{"exp": nil}), token.ErrClaim},
		"S-30 exp as text":                     {body(map[string]any{"exp": "1999999999"}), token.ErrMalformed},
		"S-30 exp 1e300":                       {forge(ours, goodHeader, strings.Replace(payload(map[string]any{"exp": 7}), `"exp":7`, `"exp":1e300`, 1)), token.ErrMalformed},
		"S-30 exp negative":                    {body(map[string]any{"exp": -1}), token.ErrMalformed},
		"S-30 exp above 2^53":                  {body(map[string]any{"exp": int64(1<<53 + 1)}), token.ErrMalformed},
		"S-30 expired beyond the skew":         {body(map[string]any{"exp": now.Unix() - 300}), token.ErrExpired},
		"S-30 nbf in ten minutes":              {body(map[string]any{"nbf": now.Unix() + 600}), token.ErrNotYetValid},
		"S-30 iat in ten minutes":              {body(map[string]any{"iat": now.Unix() + 600}), token.ErrNotYetValid},
		"S-30 no nbf":                          {body(map[string]any{"nbf": nil}), token.ErrClaim},
		"S-30 no oid":                          {body(map[string]any{"oid": nil}), token.ErrClaim},
		"S-30 no tid":                          {body(map[string]any{"tid": nil}), token.ErrClaim},
		"S-30 tid in upper case":               {body(map[string]any{"tid": strings.ToUpper("abcdef00-0000-4000-8000-000000000000")}), token.ErrClaim},
		"S-30 no appid":                        {body(map[string]any{"appid": nil}), token.ErrClaim},
		"S-30 v1 with azp only":                {body(map[string]any{"appid": nil, "azp": app}), token.ErrClaim},
		"S-30 sub of somebody else":            {body(map[string]any{"sub": app}), token.ErrClaim},
		"S-30 oid a number":                    {body(map[string]any{"oid": 7}), token.ErrMalformed},
		"S-30 unknown version":                 {body(map[string]any{"ver": "3.0"}), token.ErrClaim},
		"S-32 another key under our kid":       {forge(other, goodHeader, payload(nil)), token.ErrSignature},
		"S-32 our key under an unpublished id": {head(`{"alg":"RS256","kid":"checkpoint"}`), token.ErrUnknownKey},
		"S-33 an id token":                     {body(map[string]any{"nonce": "n"}), token.ErrKind},
		"S-33 no type":                         {body(map[string]any{"idtyp": nil}), token.ErrKind},
		"S-33 an app with scopes":              {body(map[string]any{"scp": "user_impersonation"}), token.ErrKind},
		"S-33 a client assertion":              {body(map[string]any{"iss": app, "sub": app, "aud": authority + "/" + tenant + "/oauth2/v2.0/token", "ver": nil, "tid": nil, "oid": nil}), token.ErrClaim},
		"S-33 another type of JOSE object":     {head(`{"typ":"dpop+jwt","alg":"RS256","kid":"active"}`), token.ErrMalformed},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := verifierAt(t, now).Verify(c.text, []string{vault}, tenant)
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

// twiddle sets one of the unused bits of the last character.
func twiddle(text string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, text[len(text)-1])
	return text[:len(text)-1] + string(alphabet[last^1])
}

// R-21, S-30: times at the edges of the skew.
func TestVerifyAllowsTheSkewAndNoMore(t *testing.T) {
	for name, c := range map[string]struct {
		edits map[string]any
		want  error
	}{
		"ended 299 s ago":     {map[string]any{"exp": now.Unix() - 299}, nil},
		"ended 300 s ago":     {map[string]any{"exp": now.Unix() - 300}, token.ErrExpired},
		"begins in 300 s":     {map[string]any{"nbf": now.Unix() + 300}, nil},
		"begins in 301 s":     {map[string]any{"nbf": now.Unix() + 301}, token.ErrNotYetValid},
		"unknown claims pass": {map[string]any{"xms_new": map[string]any{"a": []int{1}}}, nil},
	} {
		_, err := verifierAt(t, now).Verify(forge(ours, goodHeader, payload(c.edits)), []string{vault}, tenant)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// S-31: an empty setting is refused, and an empty expectation accepts nothing.
func TestNothingIsCheckedAgainstNothing(t *testing.T) {
	full := token.VerifierConfig{Authority: authority, Keys: ring{}, Now: time.Now}
	for name, change := range map[string]func(*token.VerifierConfig){
		"authority":           func(c *token.VerifierConfig) { c.Authority = "" },
		"authority with path": func(c *token.VerifierConfig) { c.Authority += "/" },
		"plain authority":     func(c *token.VerifierConfig) { c.Authority = "http://login.example" },
		"keys":                func(c *token.VerifierConfig) { c.Keys = nil },
		"clock":               func(c *token.VerifierConfig) { c.Now = nil },
		"skew":                func(c *token.VerifierConfig) { c.Skew = 301 * time.Second },
	} {
		c := full
		change(&c)
		if _, err := token.NewVerifier(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := token.NewVerifier(full); err != nil {
		t.Errorf("complete: %v", err)
	}
	text := issue(t, request()).Token.Reveal()
	if _, err := verifierAt(t, now).Verify(text, nil, tenant); !errors.Is(err, token.ErrAudience) {
		t.Errorf("no audiences: %v", err)
	}
	if _, err := verifierAt(t, now).Verify(text, []string{vault}, ""); !errors.Is(err, token.ErrTenant) {
		t.Errorf("no tenant: %v", err)
	}
	for name, change := range map[string]func(*token.Request){
		"tenant": func(r *token.Request) { r.Tenant = "" }, "object": func(r *token.Request) { r.Object = "" },
		"app": func(r *token.Request) { r.App = "" }, "audience": func(r *token.Request) { r.Audience = "" },
		"version": func(r *token.Request) { r.Version = 0 }, "auth": func(r *token.Request) { r.Auth = "" },
		"lifetime": func(r *token.Request) { r.Lifetime = 25 * time.Hour }, "scopes": func(r *token.Request) { r.User = &token.User{} },
	} {
		r := request()
		change(&r)
		if _, err := issuer(t).Issue(r); err == nil {
			t.Errorf("issued without %s", name)
		}
	}
}

// ecKey is on P-256.
func ecKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}
