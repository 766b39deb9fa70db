package sts_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/secret"
)

const (
	cli        = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
	alice      = "alice@contoso.example"
	aliceWord  = "correct horse 7 Battery"
	armScope   = "https://management.core.windows.net//.default openid offline_access profile"
	toMachine  = "http://localhost:4711"
	theProof   = "abcdefghijklmnopqrstuvwxyz0123456789-._~ABCDEF"
	formCookie = "__Host-sealring-form"
	ourSession = "__Host-sealring-session"
)

// challenge is the S256 challenge of theProof.
func challenge() string {
	sum := sha256.Sum256([]byte(theProof))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// alice makes a user.
func (w *world) alice() directory.User {
	w.t.Helper()
	u, err := w.dir.CreateUser(w.t.Context(), directory.NewUser{Tenant: w.tenant.ID, UPN: alice, DisplayName: "Alice <script>alert(1)</script>", Password: secret.New(aliceWord)})
	if err != nil {
		w.t.Fatal(err)
	}
	return u
}

// browser is as much of a browser as the pages need: cookies and forms.
type browser struct {
	w       *world
	cookies map[string]string
	page    string // the last page
	header  http.Header
	status  int
	origin  string // Sec-Fetch-Site; "" sends none
	entry   httpd.Entry
}

func (w *world) browser() *browser {
	return &browser{w: w, cookies: map[string]string{}, origin: "same-origin"}
}

// send sends a request with the cookies and returns the answer.
func (b *browser) send(r *http.Request) *httptest.ResponseRecorder {
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	if b.origin != "" {
		r.Header.Set("Sec-Fetch-Site", b.origin)
	}
	if b.entry.Base != "" {
		r = r.WithContext(httpd.WithEntry(r.Context(), b.entry))
	}
	rec := b.w.do(r)
	for _, c := range rec.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
			continue
		}
		if !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteLaxMode || !strings.HasPrefix(c.Name, "__Host-") {
			b.w.t.Errorf("S-74: cookie %v", c)
		}
		b.cookies[c.Name] = c.Value
	}
	b.page, b.header, b.status = rec.Body.String(), rec.Header(), rec.Code
	return rec
}

// get opens a page.
func (b *browser) get(target string) *httptest.ResponseRecorder {
	return b.send(httptest.NewRequest(http.MethodGet, target, nil))
}

var (
	hidden = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
	action = regexp.MustCompile(`<form method="post" action="([^"]*)"`)
)

// submit sends the form of the last page with some fields filled in: name, value, ….
func (b *browser) submit(fields ...string) *httptest.ResponseRecorder {
	b.w.t.Helper()
	to := action.FindStringSubmatch(b.page)
	if to == nil {
		b.w.t.Fatalf("no form on %d %s", b.status, b.page)
	}
	values := url.Values{}
	for _, m := range hidden.FindAllStringSubmatch(b.page, -1) {
		values.Set(m[1], html.UnescapeString(m[2]))
	}
	for i := 0; i < len(fields); i += 2 {
		values.Set(fields[i], fields[i+1])
	}
	return b.send(postRequest(html.UnescapeString(to[1]), values.Encode()))
}

// request is a right authorization request of Azure CLI.
func request(changes ...string) url.Values {
	q := url.Values{
		"client_id": {cli}, "response_type": {"code"}, "redirect_uri": {toMachine}, "scope": {armScope}, "state": {"a b&c=d"}, "nonce": {"n-1"},
		"code_challenge": {challenge()}, "code_challenge_method": {"S256"}, "prompt": {"select_account"}, "client_info": {"1"},
	}
	for i := 0; i < len(changes); i += 2 {
		q.Set(changes[i], changes[i+1])
		if changes[i+1] == "" {
			q.Del(changes[i])
		}
	}
	return q
}

// ask begins a sign-in.
func (b *browser) ask(q url.Values) *httptest.ResponseRecorder {
	return b.get("/organizations/oauth2/v2.0/authorize?" + q.Encode())
}

// answer is where the browser was sent, and with what.
func (b *browser) answer() (to string, values url.Values) {
	b.w.t.Helper()
	u, err := url.Parse(b.header.Get("Location"))
	if err != nil || b.status != http.StatusSeeOther {
		b.w.t.Fatalf("no redirect: %d %s", b.status, b.page)
	}
	values = u.Query()
	u.RawQuery = ""
	return u.String(), values
}

// code signs alice in and returns the code.
func (b *browser) code(q url.Values) string {
	b.w.t.Helper()
	b.ask(q)
	b.submit("do", "signin", "username", alice, "password", aliceWord)
	_, values := b.answer()
	if values.Get("code") == "" {
		b.w.t.Fatalf("no code: %v", values)
	}
	return values.Get("code")
}

// tokens is what a client gets.
type tokens struct {
	Access     string `json:"access_token"`
	Refresh    string `json:"refresh_token"`
	ID         string `json:"id_token"`
	Scope      string `json:"scope"`
	ClientInfo string `json:"client_info"`
	Expires    int    `json:"expires_in"`
}

// redeem sends a token request to a tenant's endpoint.
func (w *world) redeem(tenant string, fields ...string) (*httptest.ResponseRecorder, tokens) {
	w.t.Helper()
	v := url.Values{"client_id": {strings.ToUpper(cli)}, "client_info": {"1"}}
	for i := 0; i < len(fields); i += 2 {
		v.Set(fields[i], fields[i+1])
		if fields[i+1] == "" {
			v.Del(fields[i])
		}
	}
	rec := w.do(postRequest("/"+tenant+"/oauth2/v2.0/token", v.Encode()))
	var out tokens
	if rec.Code == http.StatusOK {
		if err := json.Unmarshal(rec.Body.Bytes(), &out); err != nil {
			w.t.Fatal(err)
		}
	}
	return rec, out
}

// signedIn is what alice's sign-in with Azure CLI ends in.
func (w *world) signedIn() tokens {
	w.t.Helper()
	code := w.browser().code(request())
	rec, out := w.redeem("organizations", "grant_type", "authorization_code", "code", code, "redirect_uri", toMachine, "code_verifier", theProof, "scope", armScope)
	if rec.Code != http.StatusOK {
		w.t.Fatalf("redeem: %d %s", rec.Code, rec.Body)
	}
	return out
}

// DT-58, DT-60, DT-61, DT-66: what Azure CLI gets after a sign-in with the browser.
func TestAPersonSignsInWithABrowser(t *testing.T) {
	w := newWorld(t)
	user := w.alice()
	b := w.browser()
	b.ask(request())
	if b.status != http.StatusOK || !strings.Contains(b.page, "Azure CLI") {
		t.Fatalf("%d %s", b.status, b.page)
	}
	b.submit("do", "signin", "username", "ALICE@contoso.example", "password", aliceWord)
	to, values := b.answer()
	if to != toMachine || values.Get("state") != "a b&c=d" || values.Get("code") == "" || values.Get("session_state") == "" {
		t.Fatalf("S-73: answered to %s: %v", to, values)
	}
	rec, got := w.redeem("organizations", "grant_type", "authorization_code", "code", values.Get("code"), "redirect_uri", toMachine, "code_verifier", theProof, "scope", armScope)
	if rec.Code != http.StatusOK || rec.Header().Get("Cache-Control") != "no-store, no-cache" {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	c := w.verify(got.Access, "https://management.core.windows.net/")
	if c.Object != user.ID || c.UPN != alice || c.Type != "user" || c.App != cli || c.Auth != "0" || len(c.Scopes) != 1 || c.Scopes[0] != "user_impersonation" || c.Subject == string(user.ID) {
		t.Errorf("access token %+v", c)
	}
	if got.Scope != armScope || got.Expires < 3600 || got.Refresh == "" {
		t.Errorf("answer %s", rec.Body)
	}
	info, err := base64.RawURLEncoding.DecodeString(got.ClientInfo)
	if err != nil || string(info) != `{"uid":"`+string(user.ID)+`","utid":"`+string(w.tenant.ID)+`"}` {
		t.Errorf("client_info %s %v", info, err)
	}
	id := payload(t, got.ID)
	for claim, want := range map[string]any{"aud": strings.ToUpper(cli), "nonce": "n-1", "preferred_username": alice, "tid": string(w.tenant.ID), "oid": string(user.ID), "ver": "2.0"} {
		if id[claim] != want {
			t.Errorf("id_token %s is %v, want %v", claim, id[claim], want)
		}
	}
	row := w.signIns()[0]
	if row.Actor.Object != user.ID || row.Actor.Name != alice || row.Details["interactive"] != "true" || row.Details["client_name"] != "Azure CLI" || row.Details["uti"] != c.UTI || row.Actor.Source == "" {
		t.Errorf("sign-in row %+v", row)
	}
	if strings.Contains(w.logged.String(), got.Refresh) || strings.Contains(w.logged.String(), values.Get("code")) || strings.Contains(w.logged.String(), aliceWord) {
		t.Error("S-65: the log has a secret")
	}
}

// S-73: nothing but the registered address, its port apart, is ever redirected to.
func TestRedirectURIsAreComparedExactly(t *testing.T) {
	w := newWorld(t)
	for uri, want := range map[string]bool{
		"http://localhost": true, "http://localhost:1": true, "http://localhost:65535/": true, "http://127.0.0.1:4711": true,
		"https://localhost": false, "http://localhost:4711/x": false, "http://localhost:4711?x=y": false, "http://localhost:4711#x": false,
		"http://localhost:4711@evil.example": false, "http://localhost@evil.example": false, "http://evil.example@localhost": false, "http://localhost.evil.example": false,
		"http://localhost:4711.evil.example": false, "http://localhost%2eevil.example": false, `http://localhost\@evil.example`: false, "//localhost": false,
		"http:/localhost": false, "http://localhost//evil.example": false, "http://localhost:": false, "http://localhost:123456": false, "http://LOCALHOST": false,
		"http://[::1]:4711": false, "javascript:alert(1)": false, "https://evil.example": false, "http://localhost:4711/../x": false, " http://localhost": false,
		"http://localhost:4711/%2e": false, "urn:ietf:wg:oauth:2.0:oob": false, "http://0.0.0.0": false, "http://localhost:47 11": false, "http://localhost\n": false,
	} {
		b := w.browser()
		b.ask(request("redirect_uri", uri))
		if got := b.status == http.StatusOK; got != want || b.header.Get("Location") != "" {
			t.Errorf("%q: %d, redirected to %q", uri, b.status, b.header.Get("Location"))
		}
		if !want && (!strings.Contains(b.page, "AADSTS50011") || !strings.Contains(b.page, "<title>Sign-in did not work")) {
			t.Errorf("%q: %s", uri, b.page)
		}
	}
}

// What is wrong with a request is told to the client once its address is known, and to the
// person before that.
func TestWhatIsWrongWithAnAuthorizationRequest(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		changes []string
		page    string // AADSTS number on a page
		error   string // or told to the client
	}{
		"no client":                  {[]string{"client_id", ""}, "900144", ""},
		"a client nobody knows":      {[]string{"client_id", string(w.tenant.ID)}, "700016", ""},
		"no redirect URI":            {[]string{"redirect_uri", ""}, "900144", ""},
		"another response mode":      {[]string{"response_mode", "web_message"}, "90013", ""},
		"an implicit token":          {[]string{"response_type", "token"}, "", "unsupported_response_type"},
		"a hybrid":                   {[]string{"response_type", "code id_token"}, "", "unsupported_response_type"},
		"no PKCE":                    {[]string{"code_challenge", "", "code_challenge_method", ""}, "", "invalid_request"},
		"S-73 plain PKCE":            {[]string{"code_challenge", theProof[:43], "code_challenge_method", "plain"}, "", "invalid_request"},
		"plain PKCE by default":      {[]string{"code_challenge_method", ""}, "", "invalid_request"},
		"a short challenge":          {[]string{"code_challenge", "x"}, "", "invalid_request"},
		"no scope":                   {[]string{"scope", ""}, "", "invalid_request"},
		"two resources":              {[]string{"scope", "https://vault.azure.net/.default https://graph.microsoft.com/.default"}, "", "invalid_scope"},
		"everything and more":        {[]string{"scope", "https://graph.microsoft.com/.default https://graph.microsoft.com/User.Read"}, "", "invalid_scope"},
		"an unknown prompt":          {[]string{"prompt", "maybe"}, "", "invalid_request"},
		"nobody signed in, silently": {[]string{"prompt", "none"}, "", "login_required"},
		"a long state":               {[]string{"state", strings.Repeat("x", 5000)}, "", "invalid_request"},
	} {
		b := w.browser()
		b.ask(request(c.changes...))
		if c.page != "" {
			if b.status != http.StatusBadRequest || !strings.Contains(b.page, "AADSTS"+c.page) || b.header.Get("Location") != "" {
				t.Errorf("%s: %d %s", name, b.status, b.page)
			}
			continue
		}
		to, values := b.answer()
		if to != toMachine || values.Get("error") != c.error || !strings.HasPrefix(values.Get("error_description"), "AADSTS") || values.Get("state") == "" {
			t.Errorf("%s: to %s %v", name, to, values)
		}
	}
	rec := w.browser().get("/organizations/oauth2/v2.0/authorize?client_id=" + cli + "&client_id=" + cli)
	if rec.Code != http.StatusBadRequest || !strings.Contains(rec.Body.String(), "AADSTS9002313") {
		t.Errorf("a repeated parameter: %d", rec.Code)
	}
}

// S-74: what every page carries.
func TestPagesAreLocked(t *testing.T) {
	w := newWorld(t)
	w.alice()
	b := w.browser()
	b.ask(request("login_hint", `"><script>alert(1)</script>`))
	for _, page := range []string{"sign in", "account", "problem", "device"} {
		switch page {
		case "account":
			b.code(request())
			b.ask(request())
			if !strings.Contains(b.page, "Continue as alice@contoso.example") {
				t.Errorf("no account page: %s", b.page)
			}
		case "problem":
			b.ask(request("redirect_uri", "https://<script>"))
		case "device":
			b.get("/device")
		}
		policy := b.header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "style-src 'sha256-", "form-action 'self'", "base-uri 'none'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: policy %q lacks %s", page, policy, want)
			}
		}
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "Access-Control-Allow-Origin": "", "Content-Type": "text/html; charset=utf-8"} {
			if got := b.header.Get(name); got != want {
				t.Errorf("%s: %s is %q", page, name, got)
			}
		}
		if strings.Contains(policy, "unsafe") || strings.Contains(policy, "script-src") || strings.Contains(b.page, "<script") || strings.Contains(b.page, "style=") {
			t.Errorf("%s: script or loose style: %s\n%s", page, policy, b.page)
		}
		sum := sha256.Sum256([]byte(b.page[strings.Index(b.page, "<style>")+7 : strings.Index(b.page, "</style>")]))
		if !strings.Contains(policy, base64.StdEncoding.EncodeToString(sum[:])) {
			t.Errorf("%s: the style sheet is not the one that the policy allows", page)
		}
	}
}

// S-74: only a form of ours, in the browser that it was made for, does anything.
func TestFormsFromElsewhereDoNothing(t *testing.T) {
	w := newWorld(t)
	w.alice()
	for name, spoil := range map[string]func(b *browser, v []string) []string{
		"as it should be":             func(_ *browser, v []string) []string { return v },
		"sent by another site":        func(b *browser, v []string) []string { b.origin = "cross-site"; return v },
		"sent by a sister site":       func(b *browser, v []string) []string { b.origin = "same-site"; return v },
		"a browser that says nothing": func(b *browser, v []string) []string { b.origin = ""; return v },
		"without the cookie":          func(b *browser, v []string) []string { delete(b.cookies, formCookie); return v },
		"the cookie of another":       func(b *browser, v []string) []string { b.cookies[formCookie] = "x"; return v },
		"without the proof":           func(_ *browser, v []string) []string { return append(v, "token", "") },
		"with another request":        func(_ *browser, v []string) []string { return append(v, "flow", request("state", "x").Encode()) },
	} {
		b := w.browser()
		b.ask(request())
		b.submit(spoil(b, []string{"do", "signin", "username", alice, "password", aliceWord})...)
		if right := name == "as it should be"; (b.status == http.StatusSeeOther) != right || (b.cookies[ourSession] != "") != right {
			t.Errorf("%s: %d %v", name, b.status, b.cookies)
		}
	}
}

func TestASessionSparesThePasswordAndNotTheQuestion(t *testing.T) {
	w := newWorld(t)
	user := w.alice()
	b := w.browser()
	b.code(request())
	first := b.cookies[ourSession]
	b.ask(request("prompt", ""))
	if !strings.Contains(b.page, "Continue as "+alice) {
		t.Fatalf("RFC 8252 8.6: %d %s", b.status, b.page)
	}
	b.submit("do", "continue")
	if _, v := b.answer(); v.Get("code") == "" {
		t.Errorf("continued: %v", v)
	}
	b.ask(request("prompt", "none"))
	if _, v := b.answer(); v.Get("error") != "interaction_required" {
		t.Errorf("silently, to a program on the machine: %v", v)
	}
	b.ask(request("prompt", "login"))
	if !strings.Contains(b.page, `name="password"`) {
		t.Errorf("prompt=login: %s", b.page)
	}
	b.ask(request("login_hint", "bob@contoso.example"))
	if !strings.Contains(b.page, `value="bob@contoso.example"`) {
		t.Errorf("another person's hint: %s", b.page)
	}
	w.now = w.now.Add(time.Minute)
	for age, asked := range map[string]bool{"59": true, "0": true, "60": false} {
		if b.ask(request("max_age", age)); strings.Contains(b.page, `name="password"`) != asked {
			t.Errorf("a minute after the sign-in, max_age=%s: %s", age, b.page)
		}
	}
	b.ask(request())
	b.submit("do", "other")
	b.submit("do", "signin", "username", alice, "password", aliceWord)
	if b.cookies[ourSession] == first {
		t.Error("a new sign-in keeps the old cookie")
	}
	b.ask(request())
	b.submit("do", "cancel")
	if _, v := b.answer(); v.Get("error") != "access_denied" || v.Get("state") == "" {
		t.Errorf("cancelled: %v", v)
	}
	for name, end := range map[string]func(){
		"sessions revoked": func() {
			if err := w.dir.RevokeSessions(t.Context(), w.tenant.ID, user.ID); err != nil {
				t.Fatal(err)
			}
		},
		"a day later": func() { w.now = w.now.Add(24 * time.Hour) },
	} {
		b := w.browser()
		b.code(request())
		end()
		b.ask(request())
		if !strings.Contains(b.page, `name="password"`) {
			t.Errorf("%s: the session goes on: %s", name, b.page)
		}
	}
}

func TestSigningOutAsks(t *testing.T) {
	w := newWorld(t)
	w.alice()
	b := w.browser()
	if b.get("/common/oauth2/v2.0/logout"); !strings.Contains(b.page, "Signed out") {
		t.Error(b.page)
	}
	b.code(request())
	b.get("/common/oauth2/v2.0/logout?client_id=" + cli + "&post_logout_redirect_uri=" + url.QueryEscape(toMachine) + "&state=s")
	if b.cookies[ourSession] == "" || !strings.Contains(b.page, "Sign out?") {
		t.Fatalf("signed out by a link: %s", b.page)
	}
	b.submit("do", "signout")
	if to, v := b.answer(); b.cookies[ourSession] != "" || to != toMachine || v.Get("state") != "s" {
		t.Errorf("%s %v %v", to, v, b.cookies)
	}
	b.get("/common/oauth2/v2.0/logout?client_id=" + cli + "&post_logout_redirect_uri=https://evil.example")
	if b.status != http.StatusOK || !strings.Contains(b.page, "Signed out") {
		t.Errorf("to somebody else: %d %s", b.status, b.header.Get("Location"))
	}
}

func TestAPasswordForOneSignInIsReplaced(t *testing.T) {
	w := newWorld(t)
	_, err := w.dir.CreateUser(t.Context(), directory.NewUser{Tenant: w.tenant.ID, UPN: alice, DisplayName: "Alice", Password: secret.New(aliceWord), MustChange: true})
	if err != nil {
		t.Fatal(err)
	}
	b := w.browser()
	b.ask(request())
	b.submit("do", "signin", "username", alice, "password", aliceWord)
	if !strings.Contains(b.page, "Choose a new password") || b.cookies[ourSession] != "" {
		t.Fatal(b.page)
	}
	for wrong, fields := range map[string][]string{
		"The two new passwords differ": {"new", "another horse 8 Battery", "again", "another horse 9 Battery"},
		"The new password is the old":  {"new", aliceWord, "again", aliceWord},
		"does not meet the rules":      {"new", "short", "again", "short"},
	} {
		b.submit(append(fields, "do", "change", "username", alice, "password", aliceWord)...)
		if !strings.Contains(b.page, wrong) || b.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", wrong, b.status, b.page)
		}
	}
	b.submit("do", "change", "username", alice, "password", aliceWord, "new", "another horse 8 Battery", "again", "another horse 8 Battery")
	if _, v := b.answer(); v.Get("code") == "" {
		t.Errorf("%v", v)
	}
}

func TestWrongPasswordsSayNothing(t *testing.T) {
	w := newWorld(t)
	user := w.alice()
	b := w.browser()
	b.ask(request())
	pages := map[string]string{}
	for _, name := range []string{alice, "nobody@contoso.example", "nobody@elsewhere.example"} {
		b.submit("do", "signin", "username", name, "password", "wrong")
		if b.status != http.StatusBadRequest || !strings.Contains(b.page, `role="alert"`) || b.cookies[ourSession] != "" {
			t.Errorf("%s: %d %s", name, b.status, b.page)
		}
		pages[strings.ReplaceAll(b.page, name, "")] = name
	}
	if len(pages) != 1 {
		t.Errorf("the pages differ: %v", pages)
	}
	var known, unknown bool
	for _, row := range w.signIns() {
		if row.Reason != "AADSTS50126" || row.Outcome != "Denied" || row.Details["client_name"] != "Azure CLI" {
			t.Errorf("row %+v", row)
		}
		known = known || row.Actor.Object == user.ID && row.Actor.Name == alice
		unknown = unknown || row.Actor.Object == "" && row.Actor.Name == ""
	}
	if !known || !unknown {
		t.Error("refusals are not in the sign-in log")
	}
}

// Browsers send the cookies of a host to every port of it: on plain localhost nothing is left
// behind, and a device's session ends with the decision.
func TestLocalhostKeepsNoSession(t *testing.T) {
	w := newWorld(t)
	w.alice()
	b := w.browser()
	b.entry = httpd.Entry{Base: "https://localhost:8443", Authority: "https://localhost:8443", Graph: "https://localhost:8443"}
	b.code(request())
	if b.cookies[ourSession] != "" {
		t.Error("authorize leaves a session")
	}
	device, code := w.startDevice("organizations")
	b.get("/device")
	b.submit("do", "signin", "username", alice, "password", aliceWord)
	b.submit("do", "code", "code", code)
	b.submit("do", "approve")
	if b.cookies[ourSession] != "" || !strings.Contains(b.page, "You are signed in") {
		t.Errorf("the device page leaves a session: %s", b.page)
	}
	if rec, _ := w.redeem("organizations", "grant_type", "device_code", "device_code", device); rec.Code != http.StatusOK {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	public := postRequest("/organizations/oauth2/v2.0/devicecode", "client_id="+cli+"&scope=openid")
	rec := w.do(public.WithContext(httpd.WithEntry(public.Context(), httpd.Entry{Authority: "https://login.microsoftonline.com", Public: true})))
	if !strings.Contains(rec.Body.String(), `"verification_uri":"`+authority+`/device"`) {
		t.Errorf("under a public name the person is sent to a stranger: %s", rec.Body)
	}
}

// Guessing for many names at once is held by network, not by name.
func TestANetworkSendsSoManyWrongPasswords(t *testing.T) {
	w := newWorld(t)
	w.alice()
	b := w.browser()
	b.ask(request())
	for i := range 60 {
		b.submit("do", "signin", "username", "u"+strconv.Itoa(i)+"@contoso.example", "password", "wrong")
	}
	rows := len(w.signIns())
	b.submit("do", "signin", "username", alice, "password", aliceWord)
	if !strings.Contains(b.page, "Too many wrong passwords came from your network") || len(w.signIns()) != rows {
		t.Errorf("the 61st: %d %s", b.status, b.page)
	}
	w.now = w.now.Add(5 * time.Second)
	b.submit("do", "signin", "username", alice, "password", aliceWord)
	if _, v := b.answer(); v.Get("code") == "" {
		t.Errorf("five seconds later: %v", v)
	}
}

// S-54, M-15: the domain of a name picks its tenant, and a session of one tenant is none in another.
func TestPeopleStayInTheirTenant(t *testing.T) {
	w := newWorld(t)
	w.alice()
	other := w.otherTenant()
	bob, err := w.dir.CreateUser(t.Context(), directory.NewUser{Tenant: other, UPN: "bob@fabrikam.example", DisplayName: "Bob", Password: secret.New(aliceWord)})
	if err != nil {
		t.Fatal(err)
	}
	b := w.browser()
	b.ask(request())
	b.submit("do", "signin", "username", "bob@fabrikam.example", "password", aliceWord)
	_, v := b.answer()
	rec, got := w.redeem("organizations", codeGrant(v.Get("code"))...)
	if rec.Code != http.StatusOK || payload(t, got.Access)["tid"] != string(other) || payload(t, got.Access)["oid"] != string(bob.ID) {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	b.get("/contoso.example/oauth2/v2.0/authorize?" + request().Encode())
	if strings.Contains(b.page, "bob@") || !strings.Contains(b.page, "in <strong>Contoso</strong>") || !strings.Contains(b.page, `name="password"`) {
		t.Errorf("his session shows in another tenant: %s", b.page)
	}
	b.submit("do", "signin", "username", "bob@fabrikam.example", "password", aliceWord)
	if !strings.Contains(b.page, "The user name or the password is wrong") {
		t.Errorf("he signs in to another tenant: %d %s", b.status, b.page)
	}
	b.get("/fabrikam.example/oauth2/v2.0/authorize?" + request().Encode())
	if !strings.Contains(b.page, "Continue as bob@fabrikam.example") {
		t.Errorf("his session is gone in his own: %s", b.page)
	}
}
