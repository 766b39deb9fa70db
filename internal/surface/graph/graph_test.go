package graph_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/bearer"
	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/paging"
	"github.com/sealring/sealring/internal/registration"
	"github.com/sealring/sealring/internal/relation"
	"github.com/sealring/sealring/internal/seal"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
	"github.com/sealring/sealring/internal/surface/graph"
	"github.com/sealring/sealring/internal/token"
	"github.com/sealring/sealring/internal/trust"
)

// noon is when every test begins; the URLs are our own.
var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

const (
	authority = "https://login.sealring.internal:8443"
	graphURL  = "https://graph.sealring.internal:8443"
	unknown   = "0f8fad5b-d9cb-469f-a165-70867728950e"
)

// zeros is a random source without surprises.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// fixed stands in for the keys of an installation: hash, seal and signing key.
type fixed struct{}

func (fixed) MAC(purpose string, data []byte) []byte {
	h := hmac.New(sha256.New, []byte(purpose))
	h.Write(data)
	return h.Sum(nil)
}

func (f fixed) Seal(_ context.Context, purpose, binding string, plain []byte) ([]byte, error) {
	return append(f.MAC(purpose+binding, plain), plain...), nil
}

func (f fixed) Open(_ context.Context, purpose, binding string, sealed []byte) ([]byte, error) {
	if len(sealed) < 32 || !bytes.Equal(f.MAC(purpose+binding, sealed[32:]), sealed[:32]) {
		return nil, seal.ErrOpen
	}
	return sealed[32:], nil
}

var signingKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func (fixed) Signer() (string, crypto.Signer, error)  { return "k1", signingKey(), nil }
func (fixed) Key(kid string) (crypto.PublicKey, bool) { return signingKey().Public(), kid == "k1" }

// world is a room over a real store, with two tenants; the caller is of the first.
type world struct {
	t             *testing.T
	dir           *directory.Directory
	rel           *relation.Service
	reg           *registration.Service
	trusted       *trust.Service
	log           *audit.Log
	db            *store.DB
	room          http.Handler
	issuer        *token.Issuer
	now           time.Time
	tenant, other directory.Tenant
	caller        directory.ServicePrincipal
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, db: storetest.SQLite(t), now: noon}
	now := func() time.Time { return w.now }
	log, err1 := audit.New(audit.Config{Store: w.db, Server: "s1", Now: now})
	var err2, err3 error
	w.dir, err2 = directory.New(directory.Config{Store: w.db, Audit: log, IDs: id.NewSource(rand.Reader), Rand: rand.Reader, Now: now, Hasher: fixed{}})
	w.issuer, err3 = token.NewIssuer(token.IssuerConfig{Authority: authority, Signer: fixed{}, Now: now, Rand: rand.Reader})
	verifier, err4 := token.NewVerifier(token.VerifierConfig{Authority: authority, Keys: fixed{}, Now: now})
	auth, err5 := bearer.New(bearer.Config{Verifier: verifier, Directory: w.dir})
	tokens, err6 := paging.New(paging.Config{Sealer: fixed{}, Now: now})
	if err := errors.Join(err1, err2, err3, err4, err5, err6); err != nil {
		t.Fatal(err)
	}
	w.log = log
	w.rel, err1 = relation.New(relation.Config{Store: w.db, Audit: log, Directory: w.dir, IDs: id.NewSource(rand.Reader), Now: now})
	registrations, err2 := registration.New(registration.Config{Store: w.db, Audit: log, Directory: w.dir, Relations: w.rel, Now: now, Log: slog.New(slog.DiscardHandler)})
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	w.reg = registrations
	err := w.db.Update(t.Context(), func(tx *store.Tx) (err error) {
		w.tenant, err1 = w.dir.CreateTenant(t.Context(), tx, directory.NewTenant{DisplayName: "Contoso", Domains: []string{"contoso.example"}})
		w.other, err2 = w.dir.CreateTenant(t.Context(), tx, directory.NewTenant{DisplayName: "Fabrikam"})
		return errors.Join(err1, err2)
	})
	if err != nil {
		t.Fatal(err)
	}
	w.trusted, err = trust.New(trust.Config{Store: w.db, Audit: log, Directory: w.dir, IDs: id.NewSource(rand.Reader), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	w.room, err = graph.New(graph.Config{
		Graph: graphURL, Authority: authority, Authenticator: auth, Directory: w.dir, Trust: w.trusted, Relations: w.rel, Registrations: registrations, Audit: log, Pages: tokens,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Now: now, IDs: id.NewSource(zeros{}),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.caller = w.identity(w.tenant.ID, "caller", false)
	w.permit(w.caller, "Application.Read.All", "Directory.Read.All")
	return w
}

// permit gives a principal permissions of Graph.
func (w *world) permit(sp directory.ServicePrincipal, names ...string) {
	w.t.Helper()
	graphSP, err := w.dir.ServicePrincipalByApp(w.t.Context(), sp.Tenant, directory.GraphApp)
	if err != nil {
		w.t.Fatal(err)
	}
	_, roles, err := w.dir.AppRolesOf(w.t.Context(), sp.Tenant, directory.GraphApp)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, n := range names {
		i := slices.IndexFunc(roles, func(r directory.AppRole) bool { return r.Value == n })
		if i < 0 {
			w.t.Fatalf("Graph has no permission %s", n)
		}
		_, err := w.rel.AssignAppRole(w.t.Context(), relation.AppRoleAssignment{Tenant: sp.Tenant, Principal: sp.ID, Resource: graphSP.ID, Role: roles[i].ID})
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// admin makes the caller a global administrator.
func (w *world) admin() *world {
	w.t.Helper()
	if err := w.rel.AddRoleMember(w.t.Context(), w.tenant.ID, relation.GlobalAdministrator, w.caller.ID); err != nil {
		w.t.Fatal(err)
	}
	return w
}

// identity makes the service principal of a managed identity.
func (w *world) identity(tenant id.Tenant, name string, explicit bool) (sp directory.ServicePrincipal) {
	w.t.Helper()
	kind, ctx := "isExplicit=False", w.t.Context()
	if explicit {
		kind = "isExplicit=True"
	}
	err := w.db.Update(ctx, func(tx *store.Tx) (err error) {
		sp, err = w.dir.CreateServicePrincipal(ctx, tx, directory.NewServicePrincipal{
			Tenant: tenant, Kind: directory.KindManagedIdentity, DisplayName: name,
			AlternativeNames: []string{kind, "/subscriptions/s/resourcegroups/g/providers/Microsoft.Web/sites/" + name},
		})
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return sp
}

// token issues a token for sp.
func (w *world) token(sp directory.ServicePrincipal, audience string) string {
	w.t.Helper()
	issued, err := w.issuer.Issue(token.Request{
		Tenant: sp.Tenant, Object: sp.ID, App: sp.App, Audience: audience, Version: token.V1, Auth: token.AuthAssertion, Lifetime: time.Hour, MIRID: "/x",
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return issued.Token.Reveal()
}

// send sends a request with the caller's token.
func (w *world) send(method, target, body string, header map[string]string) *httptest.ResponseRecorder {
	w.t.Helper()
	if strings.HasPrefix(target, "/") {
		target = graphURL + target
	}
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+w.token(w.caller, graphURL))
	for k, v := range header {
		r.Header.Set(k, v)
	}
	rec := httptest.NewRecorder()
	w.room.ServeHTTP(rec, r)
	return rec
}

// page is a listing as clients read it.
type page struct {
	Context string           `json:"@odata.context"`
	Count   *int             `json:"@odata.count"`
	Next    string           `json:"@odata.nextLink"`
	Value   []map[string]any `json:"value"`
}

// list reads a listing.
func (w *world) list(target string, header map[string]string) page {
	w.t.Helper()
	rec := w.send(http.MethodGet, target, "", header)
	var p page
	if err := json.Unmarshal(rec.Body.Bytes(), &p); rec.Code != http.StatusOK || err != nil {
		w.t.Fatalf("%s: %d %s", target, rec.Code, rec.Body)
	}
	return p
}

// names are the display names of a listing, sorted and joined.
func (p page) names() string {
	var out []string
	for _, v := range p.Value {
		out = append(out, fmt.Sprint(v["displayName"]))
	}
	slices.Sort(out)
	return strings.Join(out, ",")
}

// refused checks a refusal and its envelope (DT-103).
func refused(t *testing.T, name string, rec *httptest.ResponseRecorder, status int, code, message string) {
	t.Helper()
	var e struct {
		Error struct {
			Code, Message string
			InnerError    map[string]string
		}
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &e); err != nil || rec.Code != status || e.Error.Code != code || !strings.Contains(e.Error.Message, message) {
		t.Errorf("%s: %d %s", name, rec.Code, rec.Body)
	}
	if e.Error.InnerError["request-id"] == "" || e.Error.InnerError["date"] != "2026-05-01T12:00:00" {
		t.Errorf("%s: inner error %v", name, e.Error.InnerError)
	}
}

func TestExactServicePrincipal(t *testing.T) { // DT-83, DT-97; source: documented, DT-6.2
	w := newWorld(t)
	sp := w.identity(w.tenant.ID, "shop/slots/staging", false)
	sum := sha256.Sum256([]byte(sp.App))
	want := `{"@odata.context":"https://graph.sealring.internal:8443/v1.0/$metadata#servicePrincipals/$entity","id":"` + string(sp.ID) + `","deletedDateTime":null,` +
		`"accountEnabled":true,"alternativeNames":["isExplicit=False","/subscriptions/s/resourcegroups/g/providers/Microsoft.Web/sites/shop/slots/staging"],` +
		`"appDisplayName":null,"appDescription":null,"appId":"` + string(sp.App) + `","applicationTemplateId":null,"appOwnerOrganizationId":null,` +
		`"appRoleAssignmentRequired":false,"createdDateTime":"2026-05-01T12:00:00Z","displayName":"shop/slots/staging","disabledByMicrosoftStatus":null,` +
		`"replyUrls":[],"servicePrincipalNames":["` + string(sp.App) + `","https://identity.azure.net/` + base64.StdEncoding.EncodeToString(sum[:]) + `"],` +
		`"servicePrincipalType":"ManagedIdentity","signInAudience":null,"description":null,"homepage":null,"loginUrl":null,"logoutUrl":null,"notes":null,` +
		`"preferredSingleSignOnMode":null,"preferredTokenSigningKeyThumbprint":null,"tokenEncryptionKeyId":null,"samlSingleSignOnSettings":null,` +
		`"notificationEmailAddresses":[],"tags":[],"addIns":[],"resourceSpecificApplicationPermissions":[],"appRoles":[],` +
		`"info":{"logoUrl":null,"marketingUrl":null,"privacyStatementUrl":null,"supportUrl":null,"termsOfServiceUrl":null},"keyCredentials":[],` +
		`"oauth2PermissionScopes":[],"passwordCredentials":[],"verifiedPublisher":{"displayName":null,"verifiedPublisherId":null,"addedDateTime":null}}`
	for _, path := range []string{
		"/servicePrincipals/" + string(sp.ID), "/SERVICEPRINCIPALS/" + strings.ToUpper(string(sp.ID)), "/servicePrincipals('" + string(sp.ID) + "')",
		"/servicePrincipals(appId='" + string(sp.App) + "')", "/servicePrincipals(appId=%27" + string(sp.App) + "%27)",
	} {
		rec := w.send(http.MethodGet, "/v1.0"+path, "", nil)
		if rec.Code != http.StatusOK || rec.Body.String() != want {
			t.Errorf("%s: %d\ngot  %s\nwant %s", path, rec.Code, rec.Body, want)
		}
		if h := rec.Header(); !strings.HasPrefix(h.Get("Content-Type"), "application/json") || h.Get("Request-Id") == "" || h.Get("Client-Request-Id") == "" || h.Get("OData-Version") != "4.0" {
			t.Errorf("headers %v", h)
		}
	}
	rec := w.send(http.MethodGet, "/beta/servicePrincipals/"+string(sp.ID)+"?$select=AppId,id", "", nil)
	want = `{"@odata.context":"https://graph.sealring.internal:8443/beta/$metadata#servicePrincipals(AppId,id)/$entity","appId":"` + string(sp.App) + `","id":"` + string(sp.ID) + `"}`
	if rec.Body.String() != want {
		t.Errorf("selected: %s", rec.Body)
	}
}

func TestFilters(t *testing.T) { // DT-91, DT-97
	w := newWorld(t)
	a, _ := w.identity(w.tenant.ID, "Alpha", true), w.identity(w.tenant.ID, "O'Brien", false)
	mi := "servicePrincipalType eq 'ManagedIdentity'"
	for filter, want := range map[string]string{
		mi:                                       "Alpha,O'Brien,caller",
		mi + " and displayName eq 'alpha'":       "Alpha",
		mi + " and startswith(displayName,'AL')": "Alpha",
		"displayName eq 'O''Brien'":              "O'Brien",
		"appId eq '" + strings.ToUpper(string(a.App)) + "'":            "Alpha",
		"id eq " + string(a.ID):                                        "Alpha",
		"id in ('" + string(a.ID) + "','" + unknown + "')":             "Alpha",
		"servicePrincipalNames/any(x:x eq '" + string(a.App) + "')":    "Alpha",
		"servicePrincipalNames/any(c: c eq 'https://vault.azure.net')": "Azure Key Vault",
		"alternativeNames/any(x:x eq 'isExplicit=True')":               "Alpha",
		"alternativeNames/any(x:startswith(x,'isExplicit=F'))":         "O'Brien,caller",
		"displayName eq 'Alpha' or displayName eq 'caller'":            "Alpha,caller",
		mi + " and accountEnabled eq false":                            "",
		mi + " and accountEnabled eq true and appDisplayName eq null":  "Alpha,O'Brien,caller",
		mi + " and createdDateTime ge 2026-05-02T00:00:00Z":            "",
		mi + " and createdDateTime le 2026-05-01T12:00:00Z":            "Alpha,O'Brien,caller",
		"displayName eq null":                                          "", "displayName eq 'nobody'": "", "tags/any(t:t eq 'x')": "",
	} {
		if got := w.list("/v1.0/servicePrincipals?$filter="+url.QueryEscape(filter), nil).names(); got != want {
			t.Errorf("%s: got %q, want %q", filter, got, want)
		}
	}
}

func TestAdvancedQueriesNeedTheirHeader(t *testing.T) { // DT-92
	w := newWorld(t)
	w.identity(w.tenant.ID, "Alpha", true)
	eventual := map[string]string{"ConsistencyLevel": "eventual"}
	for filter, want := range map[string]string{
		"servicePrincipalType ne 'Application'":     "Alpha,caller",
		"not servicePrincipalType eq 'Application'": "Alpha,caller",
		"endswith(displayName,'PHA')":               "Alpha",
	} {
		target := "/v1.0/servicePrincipals?$filter=" + url.QueryEscape(filter)
		refused(t, filter, w.send(http.MethodGet, target, "", nil), 400, "Request_UnsupportedQuery", "Unsupported Query")
		refused(t, filter, w.send(http.MethodGet, target, "", eventual), 400, "Request_UnsupportedQuery", "Unsupported Query")
		p := w.list(target+"&$count=true", eventual)
		if p.names() != want || p.Count == nil || *p.Count != len(p.Value) {
			t.Errorf("%s: %q, count %v", filter, p.names(), p.Count)
		}
	}
	if p := w.list("/v1.0/servicePrincipals?$count=true", nil); p.Count != nil {
		t.Error("a count without the header")
	}
	refused(t, "$count", w.send(http.MethodGet, "/v1.0/servicePrincipals/$count", "", nil), 400, "Request_BadRequest", "$count is not currently supported.")
	rec := w.send(http.MethodGet, "/v1.0/servicePrincipals/$count?$filter="+url.QueryEscape("servicePrincipalType eq 'ManagedIdentity'"), "", eventual)
	if rec.Body.String() != "2" || rec.Header().Get("Content-Type") != "text/plain" {
		t.Errorf("$count: %d %s", rec.Code, rec.Body)
	}
}

func TestPaging(t *testing.T) { // DT-93, S-52
	w := newWorld(t)
	for _, name := range []string{"a", "b", "c", "d"} {
		w.identity(w.tenant.ID, name, false)
	}
	filter := "$filter=" + url.QueryEscape("servicePrincipalType eq 'ManagedIdentity'") + "&$select=displayName&$top=2"
	p := w.list("/v1.0/servicePrincipals?"+filter, nil)
	if p.Context != graphURL+"/v1.0/$metadata#servicePrincipals(displayName)" {
		t.Errorf("context %s", p.Context)
	}
	first, all, pages := p.Next, p.names(), 1
	for p.Next != "" {
		next := p.Next
		if pages == 1 {
			next += "&" + filter // az sends the parameters again
		}
		p = w.list(next, nil)
		if len(p.Value[0]) != 1 {
			t.Errorf("the selection is lost: %v", p.Value)
		}
		all += "," + p.names()
		pages++
	}
	got := strings.Split(all, ",")
	slices.Sort(got)
	if pages != 3 || strings.Join(got, ",") != "a,b,c,caller,d" {
		t.Errorf("%d pages: %v", pages, got)
	}
	refused(t, "altered", w.send(http.MethodGet, first[:len(first)-4]+"AAAA", "", nil), 400, "Directory_ExpiredPageToken", "")
	refused(t, "other version", w.send(http.MethodGet, strings.Replace(first, "/v1.0/", "/beta/", 1), "", nil), 400, "Directory_ExpiredPageToken", "")
	w.caller = w.identity(w.tenant.ID, "thief", false)
	w.permit(w.caller, "Directory.Read.All")
	refused(t, "another caller", w.send(http.MethodGet, first, "", nil), 400, "Directory_ExpiredPageToken", "")
}

func TestBadQueries(t *testing.T) { // DT-7.2
	w := newWorld(t)
	for query, message := range map[string]string{
		"$filter=" + url.QueryEscape("foo eq 'x'"):          "Could not find a property named 'foo' on type 'microsoft.graph.servicePrincipal'.",
		"$filter=" + url.QueryEscape("foo/any(x:x eq 'y')"): "Could not find a property named 'foo'",
		"$filter=" + url.QueryEscape("displayName"):         "Invalid filter clause",
		"$select=foo": "Could not find a property named 'foo'", "$top=1000": "Invalid page size", "$foo=1": "not supported", "$top=1&$top=2": "given once",
	} {
		refused(t, query, w.send(http.MethodGet, "/v1.0/servicePrincipals?"+query, "", nil), 400, "Request_BadRequest", message)
	}
}

func TestAuthentication(t *testing.T) { // DT-104, S-54, S-72
	w := newWorld(t)
	gone := w.identity(w.tenant.ID, "gone", false)
	goneToken := w.token(gone, graphURL)
	err := w.db.Update(t.Context(), func(tx *store.Tx) error { return w.dir.DeleteServicePrincipal(t.Context(), tx, w.tenant.ID, gone.ID) })
	if err != nil {
		t.Fatal(err)
	}
	get := func(authorization string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, graphURL+"/v1.0/servicePrincipals", nil)
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		rec := httptest.NewRecorder()
		w.room.ServeHTTP(rec, r)
		return rec
	}
	for name, c := range map[string]struct{ authorization, message string }{
		"no token":           {"", "Access token is empty."},
		"rubbish":            {"Bearer rubbish", "Access token validation failure."},
		"foreign audience":   {"Bearer " + w.token(w.caller, "https://vault.azure.net"), "Access token validation failure. Invalid audience."},
		"a deleted identity": {"Bearer " + goneToken, "Access token validation failure."},
	} {
		rec := get(c.authorization)
		refused(t, name, rec, 401, "InvalidAuthenticationToken", c.message)
		want := `Bearer realm="", authorization_uri="https://login.sealring.internal:8443/common/oauth2/authorize", client_id="00000003-0000-0000-c000-000000000000"`
		if rec.Header().Get("WWW-Authenticate") != want {
			t.Errorf("%s: challenge %s", name, rec.Header().Get("WWW-Authenticate"))
		}
	}
	for _, audience := range []string{graphURL, graphURL + "/", "https://graph.microsoft.com", "https://graph.microsoft.com/", string(directory.GraphApp)} {
		if rec := get("Bearer " + w.token(w.caller, audience)); rec.Code != http.StatusOK {
			t.Errorf("audience %s: %d %s", audience, rec.Code, rec.Body)
		}
	}
	old := "Bearer " + w.token(w.caller, graphURL)
	w.now = noon.Add(2 * time.Hour)
	if rec := get(old); rec.Code != 401 || !strings.Contains(rec.Body.String(), "Lifetime validation failed, the token is expired.") {
		t.Errorf("expired: %d %s", rec.Code, rec.Body)
	}
}

func TestAnotherTenantsObjectLooksLikeARandomID(t *testing.T) { // S-54
	w := newWorld(t)
	foreign := w.identity(w.other.ID, "foreign", false)
	for _, pattern := range []string{"/v1.0/servicePrincipals/%s", "/v1.0/servicePrincipals('%s')", "/v1.0/servicePrincipals(appId='%s')"} {
		for _, key := range []string{string(foreign.ID), string(foreign.App)} {
			got := w.send(http.MethodGet, fmt.Sprintf(pattern, key), "", nil)
			random := w.send(http.MethodGet, fmt.Sprintf(pattern, unknown), "", nil)
			refused(t, pattern, got, 404, "Request_ResourceNotFound", "Resource '"+key+"' does not exist or one of its queried reference-property objects are not present.")
			if strings.ReplaceAll(got.Body.String(), key, unknown) != random.Body.String() {
				t.Errorf("%s: %s differs from %s", pattern, got.Body, random.Body)
			}
		}
	}
	if got := w.list("/v1.0/servicePrincipals?$filter="+url.QueryEscape("displayName eq 'foreign'"), nil).names(); got != "" {
		t.Errorf("listed: %s", got)
	}
	body := fmt.Sprintf(`{"ids":["%s","%s","%s"]}`, foreign.ID, unknown, w.caller.ID)
	rec := w.send(http.MethodPost, "/v1.0/directoryObjects/getByIds", body, nil)
	if strings.Contains(rec.Body.String(), "foreign") || !strings.Contains(rec.Body.String(), "caller") {
		t.Errorf("getByIds: %s", rec.Body)
	}
}

func TestGetByIDs(t *testing.T) { // DT-94, DT-98
	w := newWorld(t)
	post := func(body string) *httptest.ResponseRecorder {
		return w.send(http.MethodPost, "/v1.0/directoryObjects/getByIds", body, nil)
	}
	rec := post(`{"ids":["` + strings.ToUpper(string(w.caller.ID)) + `"],"types":["user","group","servicePrincipal"]}`)
	prefix := `{"@odata.context":"https://graph.sealring.internal:8443/v1.0/$metadata#directoryObjects","value":[{"@odata.type":"#microsoft.graph.servicePrincipal","id":"` + string(w.caller.ID) + `",`
	if rec.Code != http.StatusOK || !strings.HasPrefix(rec.Body.String(), prefix) {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	if rec := post(`{"ids":["` + string(w.caller.ID) + `"],"types":["group"]}`); strings.Contains(rec.Body.String(), "caller") {
		t.Errorf("only groups were asked for: %s", rec.Body)
	}
	for name, body := range map[string]string{
		"empty": "", "no ids": "{}", "not a GUID": `{"ids":["x"]}`, "not a list": `{"ids":"x"}`, "twice": `{"ids":[],"ids":["x"]}`,
		"too many": `{"ids":["` + strings.Repeat(unknown+`","`, 1000) + unknown + `"]}`,
	} {
		refused(t, name, post(body), 400, "Request_BadRequest", "")
	}
}

func TestWritesAndUnknownPathsAreRefused(t *testing.T) { // DT-85
	w := newWorld(t)
	target := "/v1.0/servicePrincipals/" + string(w.caller.ID)
	for _, method := range []string{http.MethodPatch, http.MethodDelete} {
		refused(t, method, w.send(method, target, `{"notes":"x"}`, nil), 403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
	}
	for _, method := range []string{http.MethodPost, http.MethodPut} {
		refused(t, method, w.send(method, target, "{}", nil), 405, "Request_BadRequest", "not allowed")
	}
	refused(t, "addPassword", w.send(http.MethodPost, target+"/addPassword", "{}", nil), 403, "Authorization_RequestDenied", "Insufficient privileges")
	if sp, err := w.dir.ServicePrincipal(t.Context(), w.tenant.ID, w.caller.ID); err != nil || sp.DisplayName != "caller" {
		t.Errorf("changed: %+v %v", sp, err)
	}
	for _, path := range []string{"/", "/v1.0", "/v2.0/servicePrincipals", "/v1.0/planner", "/v1.0/servicePrincipals/a/b/c", "/v1.0///servicePrincipals", "//v1.0/servicePrincipals", "/v1.0/servicePrincipals//x", "/v1.0/../servicePrincipals", "/v1.0/servicePrincipals/x%00"} {
		refused(t, path, w.send(http.MethodGet, path, "", nil), 404, "Request_BadRequest", "Resource not found for the segment")
	}
	refused(t, "other key", w.send(http.MethodGet, "/v1.0/servicePrincipals(displayName='x')", "", nil), 400, "Request_BadRequest", "")
}

func TestLinksFollowTheEntry(t *testing.T) { // S-41, L-6
	w := newWorld(t)
	r := httptest.NewRequest(http.MethodGet, graphURL+"/v1.0/servicePrincipals?$top=1", nil)
	r.Host = "attacker.example"
	r.Header.Set("X-Forwarded-Host", "attacker.example")
	r.Header.Set("Authorization", "Bearer "+w.token(w.caller, "https://graph.microsoft.com"))
	rec := httptest.NewRecorder()
	w.room.ServeHTTP(rec, r)
	if body := rec.Body.String(); strings.Contains(body, "attacker") || !strings.Contains(body, `"@odata.nextLink":"`+graphURL+`/v1.0/servicePrincipals?$skiptoken=`) {
		t.Errorf("%s", body)
	}
	rec = httptest.NewRecorder()
	w.room.ServeHTTP(rec, r.WithContext(httpd.WithEntry(r.Context(), httpd.Entry{Graph: "https://graph.microsoft.com"})))
	if body := rec.Body.String(); !strings.Contains(body, `"@odata.nextLink":"https://graph.microsoft.com/v1.0/servicePrincipals?$skiptoken=`) {
		t.Errorf("%s", body)
	}
}

func TestNewNeedsEverything(t *testing.T) {
	if _, err := graph.New(graph.Config{}); err == nil {
		t.Fatal("an empty configuration is accepted")
	}
}
