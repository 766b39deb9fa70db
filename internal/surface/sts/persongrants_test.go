package sts_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/secret"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/surface/sts"
)

// codeGrant is a right token request for a code.
func codeGrant(code string, changes ...string) []string {
	return append([]string{"grant_type", "authorization_code", "code", code, "redirect_uri", toMachine, "code_verifier", theProof, "scope", armScope}, changes...)
}

// S-73, DT-58: what a code is bound to, and what its second use does.
func TestACodeIsRedeemedOnce(t *testing.T) {
	w := newWorld(t)
	w.alice()
	other := w.otherTenant()
	for name, c := range map[string]struct {
		tenant  string
		changes []string
		after   time.Duration
		status  int
		error   string
		number  int
	}{
		"by another client":        {"organizations", []string{"client_id", "1950a258-227b-4e31-a9cf-717495945fc2"}, 0, 400, "invalid_grant", 70000},
		"with another port":        {"organizations", []string{"redirect_uri", "http://localhost:1"}, 0, 400, "invalid_grant", 70000},
		"with another verifier":    {"organizations", []string{"code_verifier", strings.ToUpper(theProof)}, 0, 400, "invalid_grant", 501481},
		"without a verifier":       {"organizations", []string{"code_verifier", ""}, 0, 400, "invalid_grant", 501481},
		"with a secret":            {"organizations", []string{"client_secret", "x"}, 0, 401, "invalid_client", 700025},
		"at another tenant":        {string(other), nil, 0, 400, "invalid_grant", 50020},
		"a minute later":           {"organizations", nil, time.Minute, 400, "invalid_grant", 70000},
		"for two resources":        {"organizations", []string{"scope", "https://vault.azure.net/.default https://graph.microsoft.com/.default"}, 0, 400, "invalid_scope", 28000},
		"for a resource of nobody": {"organizations", []string{"scope", "https://nobody.example/.default"}, 0, 400, "invalid_resource", 500011},
		"without the code":         {"organizations", []string{"code", ""}, 0, 400, "invalid_request", 900144},
	} {
		w.now = noon
		code := w.browser().code(request())
		w.now = noon.Add(c.after)
		rec, _ := w.redeem(c.tenant, codeGrant(code, c.changes...)...)
		var e errorBody
		if err := json.Unmarshal(rec.Body.Bytes(), &e); err != nil || rec.Code != c.status || e.Error != c.error || e.Codes[0] != c.number {
			t.Errorf("%s: %d %s", name, rec.Code, rec.Body)
		}
	}
	w.now = noon
	code := w.browser().code(request())
	rec, got := w.redeem("organizations", codeGrant(code)...)
	if rec.Code != http.StatusOK {
		t.Fatal(rec.Body)
	}
	rec, _ = w.redeem("organizations", codeGrant(code)...)
	refused(t, "again", rec, http.StatusBadRequest, "invalid_grant", 54005)
	rec, _ = w.redeem("organizations", "grant_type", "refresh_token", "refresh_token", got.Refresh, "scope", armScope)
	refused(t, "the refresh token of a replayed code", rec, http.StatusBadRequest, "invalid_grant", 50173)
}

// otherTenant makes a second tenant.
func (w *world) otherTenant() id.Tenant {
	w.t.Helper()
	var t directory.Tenant
	err := w.update(func(ctx context.Context, tx *store.Tx) (err error) {
		t, err = w.dir.CreateTenant(ctx, tx, directory.NewTenant{DisplayName: "Fabrikam", Domains: []string{"fabrikam.example"}})
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return t.ID
}

// DT-64: a refresh token is good for any resource of the user's tenant, and is exchanged.
func TestARefreshTokenIsGoodForAnyResource(t *testing.T) {
	w := newWorld(t)
	user := w.alice()
	got := w.signedIn()
	refresh := func(tenant, token, scope string) (tokens, errorBody) {
		rec, out := w.redeem(tenant, "grant_type", "refresh_token", "refresh_token", token, "scope", scope)
		var e errorBody
		if rec.Code != http.StatusOK {
			if err := json.Unmarshal(rec.Body.Bytes(), &e); err != nil {
				t.Fatal(err)
			}
		}
		return out, e
	}
	token := got.Refresh
	for scope, audience := range map[string]string{
		"https://graph.microsoft.com//.default openid": "https://graph.microsoft.com/", "https://vault.azure.net/.default offline_access": "https://vault.azure.net",
		"https://management.core.windows.net//.default": "https://management.core.windows.net/", "User.Read openid": "https://graph.microsoft.com",
	} {
		next, e := refresh(string(w.tenant.ID), token, scope)
		if e.Error != "" || next.Refresh == "" || next.Refresh == token || next.Scope != scope || (next.ID != "") != strings.Contains(scope, "openid") {
			t.Fatalf("%s: %+v", scope, e)
		}
		if c := w.verify(next.Access, audience); c.Object != user.ID {
			t.Errorf("%s: %+v", scope, c)
		}
		if strings.Contains(audience, "graph") && !strings.Contains(payload(t, next.Access)["scp"].(string), "openid") {
			t.Error("DT-3.7: tools tell a person's token by the scope openid")
		}
		token = next.Refresh
	}
	if _, e := refresh(string(w.tenant.ID), token, "https://nobody.example/.default"); e.Error != "invalid_resource" {
		t.Errorf("an unknown resource: %+v", e)
	}
	if _, e := refresh(string(w.otherTenant()), token, armScope); e.Error != "invalid_grant" || e.Codes[0] != 50020 {
		t.Errorf("M-15: at another tenant: %+v", e)
	}
	w.now = w.now.Add(time.Hour)
	last, e := refresh("organizations", token, armScope)
	if e.Error != "" {
		t.Fatalf("refusals use nothing up: %+v", e)
	}
	w.now = w.now.Add(time.Minute)
	if _, e := refresh("organizations", token, armScope); e.Codes[0] != 50173 {
		t.Errorf("S-73: used twice: %+v", e)
	}
	if _, e := refresh("organizations", last.Refresh, armScope); e.Codes[0] != 50173 {
		t.Errorf("S-73: the family of one that was used twice: %+v", e)
	}
	for _, bad := range []string{"x", got.Access, got.Refresh + "A"} {
		if _, e := refresh("organizations", bad, armScope); e.Error != "invalid_grant" || e.Codes[0] != 70000 {
			t.Errorf("forged: %+v", e)
		}
	}
}

// DT-65: what ends refresh tokens.
func TestARefreshTokenEndsWithTheSessions(t *testing.T) {
	w := newWorld(t)
	user := w.alice()
	no := false
	for _, c := range []struct {
		name string
		do   func() error
		code int
	}{
		{"revokeSignInSessions", func() error { return w.dir.RevokeSessions(t.Context(), w.tenant.ID, user.ID) }, 50173},
		{"the account is disabled", func() error {
			_, err := w.dir.UpdateUser(t.Context(), w.tenant.ID, user.ID, directory.UserChange{Enabled: &no})
			return err
		}, 50057},
		{"the account is deleted", func() error { return w.dir.DeleteUser(t.Context(), w.tenant.ID, user.ID) }, 50034},
	} {
		yes := true
		if _, err := w.dir.UpdateUser(t.Context(), w.tenant.ID, user.ID, directory.UserChange{Enabled: &yes}); err != nil {
			t.Fatal(err)
		}
		got := w.signedIn()
		if err := c.do(); err != nil {
			t.Fatal(err)
		}
		rec, _ := w.redeem("organizations", "grant_type", "refresh_token", "refresh_token", got.Refresh, "scope", armScope)
		refused(t, c.name, rec, http.StatusBadRequest, "invalid_grant", c.code)
		if c.code == 50173 && !strings.Contains(rec.Body.String(), `"suberror":"bad_token"`) {
			t.Errorf("%s: %s", c.name, rec.Body)
		}
		if row := w.signIns()[0]; row.Outcome != "Denied" || row.Actor.App != cli {
			t.Errorf("%s: row %+v", c.name, row)
		}
	}
}

// startDevice asks for a device code.
func (w *world) startDevice(tenant string) (device, user string) {
	w.t.Helper()
	rec := w.do(postRequest("/"+tenant+"/oauth2/v2.0/devicecode", "client_id="+cli+"&scope=https%3A%2F%2Fmanagement.core.windows.net%2F%2F.default+openid+offline_access+profile"))
	var a struct {
		Device   string `json:"device_code"`
		User     string `json:"user_code"`
		URI      string `json:"verification_uri"`
		Expires  int    `json:"expires_in"`
		Interval int    `json:"interval"`
		Message  string `json:"message"`
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &a); err != nil || rec.Code != 200 || a.URI != authority+"/device" || a.Expires != 900 || a.Interval != 5 ||
		!strings.Contains(a.Message, a.URI) || !strings.Contains(a.Message, a.User) || len(a.Device) != 43 || len(a.User) != 9 {
		w.t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	return a.Device, a.User
}

// DT-62: the device flow, by both names of the grant.
func TestADeviceIsSignedInFromABrowser(t *testing.T) {
	w := newWorld(t)
	user := w.alice()
	for _, grant := range []string{"device_code", "urn:ietf:params:oauth:grant-type:device_code"} {
		device, code := w.startDevice("organizations")
		for range 20 { // as fast as MSAL for Go: never slow_down
			rec, _ := w.redeem("organizations", "grant_type", grant, "device_code", device)
			refused(t, "pending", rec, http.StatusBadRequest, "authorization_pending", 70016)
		}
		b := w.browser()
		b.get("/common/oauth2/deviceauth")
		b.submit("do", "signin", "username", alice, "password", aliceWord)
		b.submit("do", "code", "code", "WRONGWRNG")
		if !strings.Contains(b.page, "wrong or has expired") {
			t.Error(b.page)
		}
		b.submit("do", "code", "code", strings.ToLower(code[:3]+"-"+code[3:]))
		if !strings.Contains(b.page, "Azure CLI") || !strings.Contains(b.page, "started this yourself") {
			t.Fatal(b.page)
		}
		b.submit("do", "approve")
		if !strings.Contains(b.page, "You are signed in") {
			t.Fatal(b.page)
		}
		rec, got := w.redeem("organizations", "grant_type", grant, "device_code", device, "scope", armScope)
		if rec.Code != http.StatusOK || got.Refresh == "" || got.ID == "" || got.Scope != armScope {
			t.Fatalf("%d %s", rec.Code, rec.Body)
		}
		if c := w.verify(got.Access, "https://management.core.windows.net/"); c.Object != user.ID {
			t.Errorf("%+v", c)
		}
		rec, _ = w.redeem("organizations", "grant_type", grant, "device_code", device)
		refused(t, "again", rec, http.StatusBadRequest, "bad_verification_code", 70018)
	}
	if rows := w.signIns(); len(rows) != 2 || rows[0].Outcome != "Succeeded" {
		t.Errorf("polling fills the sign-in log: %d rows", len(rows))
	}
}

// S-73: a device code that is declined, late or of another tenant, and five guesses.
func TestADeviceIsNotSignedIn(t *testing.T) {
	w := newWorld(t)
	w.alice()
	signedIn := func() *browser {
		b := w.browser()
		b.get("/device")
		b.submit("do", "signin", "username", alice, "password", aliceWord)
		return b
	}
	device, code := w.startDevice(string(w.tenant.ID))
	b := signedIn()
	b.submit("do", "code", "code", code)
	b.submit("do", "decline")
	rec, _ := w.redeem("organizations", "grant_type", "device_code", "device_code", device)
	refused(t, "declined", rec, http.StatusBadRequest, "authorization_declined", 70000)

	device, _ = w.startDevice("organizations")
	w.now = noon.Add(15 * time.Minute)
	rec, _ = w.redeem("organizations", "grant_type", "device_code", "device_code", device)
	var e errorBody
	if err := json.Unmarshal(rec.Body.Bytes(), &e); err != nil || e.Error != "expired_token" || e.Codes[0] != 70020 {
		t.Errorf("late: %s", rec.Body)
	}
	w.now = noon

	_, foreign := w.startDevice(string(w.otherTenant()))
	b = signedIn()
	b.submit("do", "code", "code", foreign)
	if !strings.Contains(b.page, "wrong or has expired") {
		t.Errorf("M-15: of another tenant: %s", b.page)
	}
	_, right := w.startDevice("organizations")
	for range 4 {
		b.submit("do", "code", "code", "BBBBBBBBB")
	}
	b.submit("do", "code", "code", right)
	if !strings.Contains(b.page, "Too many wrong codes") {
		t.Errorf("after five guesses: %s", b.page)
	}
	w.now = noon.Add(14 * time.Minute)
	b = signedIn()
	b.submit("do", "code", "code", right)
	if !strings.Contains(b.page, "Too many wrong codes") {
		t.Errorf("in a new session: %s", b.page)
	}
	w.now = noon.Add(16 * time.Minute)
	_, right = w.startDevice("organizations")
	b = signedIn()
	b.submit("do", "code", "code", right)
	if !strings.Contains(b.page, "Azure CLI") {
		t.Errorf("after 15 minutes: %s", b.page)
	}
}

func TestDeviceCodesAreLimitedByAddress(t *testing.T) {
	w := newWorld(t)
	var last int
	for range 70 {
		last = w.do(postRequest("/organizations/oauth2/v2.0/devicecode", "client_id="+cli+"&scope=openid")).Code
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("the 70th at once: %d", last)
	}
}

// DT-59: the answer in the form_post mode sends itself, and has a button.
func TestAnswersInOtherModes(t *testing.T) {
	w := newWorld(t)
	w.alice()
	b := w.browser()
	b.ask(request("response_mode", "form_post"))
	if !strings.Contains(b.header.Get("Content-Security-Policy"), "form-action 'self' "+toMachine+";") && !strings.HasSuffix(b.header.Get("Content-Security-Policy"), "form-action 'self' "+toMachine) {
		t.Errorf("policy %s", b.header.Get("Content-Security-Policy"))
	}
	b.submit("do", "signin", "username", alice, "password", aliceWord)
	if b.status != http.StatusOK || !strings.Contains(b.page, `action="`+toMachine+`"`) || !strings.Contains(b.page, `name="state" value="a b&amp;c=d"`) ||
		!strings.Contains(b.page, `name="code"`) || !strings.Contains(b.page, `<button type="submit"`) || !strings.Contains(b.header.Get("Content-Security-Policy"), "script-src 'sha256-") {
		t.Errorf("%d %s", b.status, b.page)
	}
	b = w.browser()
	b.ask(request("response_mode", "fragment"))
	b.submit("do", "cancel")
	if to := b.header.Get("Location"); !strings.HasPrefix(to, toMachine+"#") || !strings.Contains(to, "error=access_denied") {
		t.Error(to)
	}
}

func TestOtherGrantsOfPeople(t *testing.T) {
	w := newWorld(t)
	w.alice()
	rec, _ := w.redeem("organizations", "grant_type", "password", "username", alice, "password", aliceWord, "scope", armScope)
	refused(t, "DT-2.12: a password, unless allowed", rec, http.StatusBadRequest, "unsupported_grant_type", 70003)
	rec, _ = w.redeem("organizations", "grant_type", "urn:ietf:params:oauth:grant-type:saml2-bearer")
	refused(t, "SAML", rec, http.StatusBadRequest, "unsupported_grant_type", 70003)
	rec, _ = w.redeem("organizations", "grant_type", "refresh_token", "refresh_token", "x", "client_id", string(w.app.App))
	refused(t, "an application at organizations", rec, http.StatusBadRequest, "unauthorized_client", 700016)
	rec, _ = w.redeem(string(w.tenant.ID), "grant_type", "refresh_token", "refresh_token", "x", "client_id", string(w.app.App))
	refused(t, "a confidential application without its secret", rec, http.StatusUnauthorized, "invalid_client", 7000218)
}

// DT-2.12: where the operator allows it, a client may send a password itself.
func TestThePasswordGrantWhereItIsAllowed(t *testing.T) {
	w := newWorld(t, func(c *sts.Config) { c.PasswordGrant = true })
	user := w.alice()
	ask := func(upn, password string) (*httptest.ResponseRecorder, tokens) {
		return w.redeem("organizations", "grant_type", "password", "username", upn, "password", password, "scope", armScope)
	}
	rec, got := ask(alice, aliceWord)
	if rec.Code != http.StatusOK || got.Refresh == "" || w.verify(got.Access, "https://management.core.windows.net/").Object != user.ID {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	for name, c := range map[string][2]string{"a wrong password": {alice, "x"}, "a name that nobody has": {"bob@contoso.example", aliceWord}, "a domain that nobody has": {"alice@x.example", aliceWord}} {
		rec, _ := ask(c[0], c[1])
		refused(t, name, rec, http.StatusBadRequest, "invalid_grant", 50126)
	}
	next := secret.New("another horse 8 Battery")
	if _, err := w.dir.UpdateUser(t.Context(), w.tenant.ID, user.ID, directory.UserChange{Password: &next, MustChange: true}); err != nil {
		t.Fatal(err)
	}
	rec, _ = ask(alice, next.Reveal())
	refused(t, "a password that has to be changed", rec, http.StatusBadRequest, "invalid_grant", 50055)
	for range 10 {
		ask(alice, "wrong")
	}
	rec, _ = ask(alice, next.Reveal())
	refused(t, "locked", rec, http.StatusBadRequest, "invalid_grant", 50053)
}

// grantedTo answers for what a tenant granted: one permission at one resource, to one client.
type grantedTo struct {
	client, resource id.App
	scope            string
}

func (g *grantedTo) Granted(_ context.Context, _ id.Tenant, _ id.Object, client, resource id.App) ([]string, error) {
	if client == g.client && resource == g.resource {
		return strings.Fields(g.scope), nil
	}
	return nil, nil
}

// DT-4.2: an application of the tenant acts for people as far as it was granted; nobody is
// asked on a page. Its redirect URI decides whether it must prove itself.
func TestAnApplicationOfTheTenant(t *testing.T) {
	granted := &grantedTo{}
	w := newWorld(t, func(c *sts.Config) { c.Grants = granted })
	w.alice()
	w.register(`{"publicClient":{"redirectUris":["http://localhost/cb"]},"web":{"redirectUris":["https://orders.example/cb"]}}`)
	app := string(w.app.App)
	ask := func(redirect, scope string) (*browser, url.Values) {
		b := w.browser()
		b.get("/" + string(w.tenant.ID) + "/oauth2/v2.0/authorize?" + request("client_id", app, "redirect_uri", redirect, "scope", scope).Encode())
		b.submit("do", "signin", "username", alice, "password", aliceWord)
		_, v := b.answer()
		return b, v
	}
	graph := "https://graph.microsoft.com/User.Read openid"
	if _, v := ask("http://localhost:99/cb", graph); v.Get("error") != "access_denied" || !strings.HasPrefix(v.Get("error_description"), "AADSTS65001") {
		t.Errorf("not granted: %v", v)
	}
	granted.client, granted.resource, granted.scope = w.app.App, directory.GraphApp, "User.Read"
	_, v := ask("http://localhost:99/cb", graph)
	fields := []string{"client_id", app, "grant_type", "authorization_code", "code", v.Get("code"), "redirect_uri", "http://localhost:99/cb", "code_verifier", theProof}
	rec, got := w.redeem(string(w.tenant.ID), append(fields, "scope", graph)...)
	if rec.Code != http.StatusOK {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	if scp := payload(t, got.Access)["scp"]; scp != "User.Read openid profile email" {
		t.Errorf("scp %v", scp)
	}
	if _, v := ask("http://localhost:99/cb", "https://graph.microsoft.com/User.ReadWrite.All"); !strings.HasPrefix(v.Get("error_description"), "AADSTS65001") {
		t.Errorf("more than granted: %v", v)
	}
	_, v = ask("https://orders.example/cb", graph+" offline_access")
	fields = []string{"client_id", app, "grant_type", "authorization_code", "code", v.Get("code"), "redirect_uri", "https://orders.example/cb", "code_verifier", theProof, "scope", graph + " offline_access"}
	rec, _ = w.redeem(string(w.tenant.ID), fields...)
	refused(t, "a site without its secret", rec, http.StatusUnauthorized, "invalid_client", 7000218)
	rec, _ = w.redeem(string(w.tenant.ID), append(fields, "client_secret", "wrong")...)
	refused(t, "a site with a wrong secret", rec, http.StatusUnauthorized, "invalid_client", 7000215)
	rec, got = w.redeem(string(w.tenant.ID), append(fields, "client_secret", w.secret.Reveal())...)
	if rec.Code != http.StatusOK || payload(t, got.Access)["appidacr"] != "1" {
		t.Errorf("a site with its secret: %d %s", rec.Code, rec.Body)
	}
	fields = []string{"client_id", app, "grant_type", "refresh_token", "refresh_token", got.Refresh, "scope", graph}
	rec, _ = w.redeem(string(w.tenant.ID), fields...)
	refused(t, "the refresh token of a site, without its secret", rec, http.StatusUnauthorized, "invalid_client", 7000218)
	if rec, _ = w.redeem(string(w.tenant.ID), append(fields, "client_secret", w.secret.Reveal())...); rec.Code != http.StatusOK {
		t.Errorf("with its secret: %d %s", rec.Code, rec.Body)
	}
}

// register replaces the profile of the application as Graph does.
func (w *world) register(profile string) {
	w.t.Helper()
	err := w.update(func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE directory_applications SET profile = $1 WHERE app_id = $2", profile, string(w.app.App))
		tx.Changed(directory.Topic, "a/"+string(w.app.App))
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// DT-1.1: the endpoints of version 1 name a resource, and answer with numbers as texts.
func TestVersionOneOfTheEndpoints(t *testing.T) {
	w := newWorld(t)
	user := w.alice()
	arm := "https://management.core.windows.net/"
	b := w.browser()
	b.get("/common/oauth2/authorize?" + request("scope", "", "resource", arm).Encode())
	b.submit("do", "signin", "username", alice, "password", aliceWord)
	_, v := b.answer()
	form := url.Values{"grant_type": {"authorization_code"}, "client_id": {cli}, "code": {v.Get("code")}, "redirect_uri": {toMachine}, "code_verifier": {theProof}, "resource": {arm}}
	rec := w.do(postRequest("/common/oauth2/token", form.Encode()))
	var got struct {
		Access   string `json:"access_token"`
		Refresh  string `json:"refresh_token"`
		ID       string `json:"id_token"`
		Expires  string `json:"expires_in"`
		Resource string `json:"resource"`
		Scope    string `json:"scope"`
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil || rec.Code != http.StatusOK || got.Expires == "" || got.Resource != arm || got.Scope != "user_impersonation" || got.ID == "" {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	if c := w.verify(got.Access, arm); c.Object != user.ID {
		t.Errorf("%+v", c)
	}
	form = url.Values{"grant_type": {"refresh_token"}, "client_id": {cli}, "refresh_token": {got.Refresh}, "resource": {"https://vault.azure.net"}}
	if rec := w.do(postRequest("/"+string(w.tenant.ID)+"/oauth2/token", form.Encode())); rec.Code != http.StatusOK || !strings.Contains(rec.Body.String(), `"resource":"https://vault.azure.net"`) {
		t.Errorf("another resource: %d %s", rec.Code, rec.Body)
	}
	rec = w.do(postRequest("/common/oauth2/devicecode", "client_id="+cli+"&resource="+url.QueryEscape(arm)))
	if rec.Code != http.StatusOK || !strings.Contains(rec.Body.String(), `"verification_url":"`+authority+`/device"`) || !strings.Contains(rec.Body.String(), `"interval":"5"`) {
		t.Errorf("device code: %d %s", rec.Code, rec.Body)
	}
}
