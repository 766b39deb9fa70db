package sts_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"flag"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/entitlement"
	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/keyring"
	"github.com/sealring/sealring/internal/relation"
	"github.com/sealring/sealring/internal/secret"
	"github.com/sealring/sealring/internal/signin"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
	"github.com/sealring/sealring/internal/surface/sts"
	"github.com/sealring/sealring/internal/token"
	"github.com/sealring/sealring/internal/trust"
)

var update = flag.Bool("update", false, "rewrite the goldens")

// noon is when every test begins; authority is the frozen issuer.
var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

const (
	authority = "https://login.sealring.internal:8443"
	graphURL  = "https://graph.sealring.internal:8443"
	requestID = "00000000-0000-4000-8000-000000000000"
)

// zeros is a random source without surprises.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// hasher is a keyed hash with a fixed key.
type hasher struct{}

func (hasher) MAC(purpose string, data []byte) []byte {
	h := hmac.New(sha256.New, []byte("key of the tests"+purpose))
	h.Write(data)
	return h.Sum(nil)
}

// ring is one signing key with its certificate.
type ring struct {
	key *rsa.PrivateKey
	der []byte
	id  string
}

// oneRing is made once: RSA keys are slow.
var oneRing = sync.OnceValue(func() *ring {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "signing"}, NotBefore: noon.Add(-time.Hour), NotAfter: noon.AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		panic(err)
	}
	sum := sha1.Sum(der)
	return &ring{key, der, base64.RawURLEncoding.EncodeToString(sum[:])}
})

func (r *ring) Signer() (string, crypto.Signer, error)  { return r.id, r.key, nil }
func (r *ring) Key(kid string) (crypto.PublicKey, bool) { return r.key.Public(), kid == r.id }
func (r *ring) Published() []keyring.Key {
	return []keyring.Key{{ID: r.id, Public: &r.key.PublicKey, Certificate: r.der}}
}

// world is a room over a real store, one tenant and one application with a secret.
type world struct {
	t    *testing.T
	db   *store.DB
	dir  *directory.Directory
	log  *audit.Log
	kept *signin.Service

	relations *relation.Service
	entitled  *entitlement.Service

	outside outside
	trusted *trust.Service
	logged  bytes.Buffer
	room    http.Handler
	now     time.Time
	tenant  directory.Tenant
	app     directory.Application
	sp      directory.ServicePrincipal
	secret  secret.Text
}

func newWorld(t *testing.T, settings ...func(*sts.Config)) *world {
	t.Helper()
	w := &world{t: t, db: storetest.SQLite(t), now: noon}
	now := func() time.Time { return w.now }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	w.log, err = audit.New(audit.Config{Store: w.db, Server: "s1", Now: now})
	must(err)
	w.dir, err = directory.New(directory.Config{
		Store: w.db, Audit: w.log, IDs: id.NewSource(rand.Reader), Rand: rand.Reader, Now: now, Hasher: hasher{}, PasswordMemory: 64,
		Audiences: []directory.Audience{{AppID: directory.KeyVaultApp, Name: "https://vault.sealring.internal:8443"}},
	})
	must(err)
	issuer, err := token.NewIssuer(token.IssuerConfig{Authority: authority, Signer: oneRing(), Now: now, Rand: rand.Reader})
	must(err)
	w.kept, err = signin.New(signin.Config{Store: w.db, Audit: w.log, Hasher: hasher{}, IDs: id.NewSource(rand.Reader), Rand: rand.Reader, Now: now})
	must(err)
	w.trusted, err = trust.New(trust.Config{Store: w.db, Audit: w.log, Directory: w.dir, IDs: id.NewSource(rand.Reader), Now: now})
	must(err)
	w.relations, err = relation.New(relation.Config{Store: w.db, Audit: w.log, Directory: w.dir, IDs: id.NewSource(rand.Reader), Now: now})
	must(err)
	w.entitled, err = entitlement.New(entitlement.Config{Directory: w.dir, Relations: w.relations, Graph: graphURL})
	must(err)
	c := sts.Config{
		Authority: authority, Graph: graphURL, Hosts: []string{"localhost:8443"}, Directory: w.dir, Trust: w.trusted, Keys: oneRing(), Issuer: issuer,
		SignIn: w.kept, Hasher: hasher{}, Entitlements: w.entitled, Federation: w.federation(now),
		Audit: w.log, Log: slog.New(slog.NewJSONHandler(&w.logged, nil)), Now: now, Rand: zeros{}, IDs: id.NewSource(zeros{}),
	}
	for _, set := range settings {
		set(&c)
	}
	w.room, err = sts.New(c)
	must(err)
	must(w.update(func(ctx context.Context, tx *store.Tx) (err error) {
		w.tenant, err = w.dir.CreateTenant(ctx, tx, directory.NewTenant{DisplayName: "Contoso", Domains: []string{"contoso.example"}})
		return err
	}))
	w.app, w.sp, w.secret = w.application()
	return w
}

// update runs fn in a transaction.
func (w *world) update(fn func(ctx context.Context, tx *store.Tx) error) error {
	ctx := w.t.Context()
	return w.db.Update(ctx, func(tx *store.Tx) error { return fn(ctx, tx) })
}

// application makes an application with a principal and a secret for an hour.
func (w *world) application() (app directory.Application, sp directory.ServicePrincipal, value secret.Text) {
	w.t.Helper()
	err := w.update(func(ctx context.Context, tx *store.Tx) (err error) {
		if app, err = w.dir.CreateApplication(ctx, tx, directory.NewApplication{Tenant: w.tenant.ID, DisplayName: "orders"}); err != nil {
			return err
		}
		n := directory.NewServicePrincipal{Tenant: w.tenant.ID, Kind: directory.KindApplication, App: app.App}
		if sp, err = w.dir.CreateServicePrincipal(ctx, tx, n); err != nil {
			return err
		}
		_, value, err = w.dir.AddSecret(ctx, tx, w.tenant.ID, app.App, directory.NewSecret{Lifetime: time.Hour})
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return app, sp, value
}

// do sends a request and returns the answer.
func (w *world) do(r *http.Request) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	w.room.ServeHTTP(rec, r)
	return rec
}

// get sends a GET.
func (w *world) get(target string) *httptest.ResponseRecorder {
	return w.do(httptest.NewRequest(http.MethodGet, target, nil))
}

// form is a right request of the v2.0 endpoint.
func (w *world) form() url.Values {
	return url.Values{
		"grant_type": {"client_credentials"}, "client_id": {string(w.app.App)}, "client_secret": {w.secret.Reveal()},
		"scope": {"https://vault.azure.net/.default"},
	}
}

// post sends a form to the token endpoint of a version: "v2.0/" or "".
func (w *world) post(version string, form url.Values) *httptest.ResponseRecorder {
	return w.do(postRequest("/"+string(w.tenant.ID)+"/oauth2/"+version+"token", form.Encode()))
}

func postRequest(target, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	return r
}

// errorBody is what every refusal looks like.
type errorBody struct {
	Error         string `json:"error"`
	Description   string `json:"error_description"`
	Codes         []int  `json:"error_codes"`
	Timestamp     string `json:"timestamp"`
	TraceID       string `json:"trace_id"`
	CorrelationID string `json:"correlation_id"`
	URI           string `json:"error_uri"`
}

// refused checks status, error and number of a refusal and its whole envelope (DT-78).
func refused(t *testing.T, name string, rec *httptest.ResponseRecorder, status int, kind string, code int) errorBody {
	t.Helper()
	var e errorBody
	if err := json.Unmarshal(rec.Body.Bytes(), &e); err != nil {
		t.Errorf("%s: %d, not JSON: %s", name, rec.Code, rec.Body)
		return e
	}
	if rec.Code != status || e.Error != kind || len(e.Codes) != 1 || e.Codes[0] != code {
		t.Errorf("%s: %d %s", name, rec.Code, rec.Body)
	}
	if !strings.HasPrefix(e.Description, "AADSTS") || e.Timestamp != "2026-05-01 12:00:00Z" || e.TraceID == "" || e.CorrelationID == "" || e.URI == "" {
		t.Errorf("%s: envelope %s", name, rec.Body)
	}
	if !strings.HasPrefix(rec.Header().Get("Content-Type"), "application/json") || rec.Header().Get("Cache-Control") != "no-store, no-cache" {
		t.Errorf("%s: headers %v", name, rec.Header())
	}
	return e
}

// golden compares got with testdata/name after naming the ids that differ from run to run.
func (w *world) golden(name string, got []byte) {
	w.t.Helper()
	r := oneRing()
	text := strings.NewReplacer(
		string(w.tenant.ID), "{tid}", r.id, "{kid}", base64.StdEncoding.EncodeToString(r.der), "{der}",
		base64.RawURLEncoding.EncodeToString(r.key.N.Bytes()), "{n}",
	).Replace(string(got))
	var indented bytes.Buffer
	if err := json.Indent(&indented, []byte(text), "", "  "); err != nil {
		w.t.Fatalf("%s: %v", got, err)
	}
	indented.WriteByte('\n')
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, indented.Bytes(), 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(want, indented.Bytes()) {
		w.t.Errorf("%s differs (%v); got\n%s", name, err, indented.Bytes())
	}
}

// signIns lists the sign-in rows, newest first.
func (w *world) signIns() []audit.Stored {
	w.t.Helper()
	out, err := w.log.List(w.t.Context(), audit.Filter{Kinds: []audit.Kind{audit.SignIn}})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// verify checks a token and returns its claims.
func (w *world) verify(text, audience string) *token.Claims {
	w.t.Helper()
	v, err := token.NewVerifier(token.VerifierConfig{Authority: authority, Keys: oneRing(), Now: func() time.Time { return w.now }})
	if err != nil {
		w.t.Fatal(err)
	}
	c, err := v.Verify(text, []string{audience}, w.tenant.ID)
	if err != nil {
		w.t.Fatalf("verify: %v", err)
	}
	return c
}

// payload decodes the claims of a token as they are on the wire.
func payload(t *testing.T, text string) map[string]any {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(text, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestNewChecksItsConfiguration(t *testing.T) { // DT-15
	w := newWorld(t)
	good := sts.Config{
		Authority: authority, Graph: graphURL, Directory: w.dir, Trust: w.trusted, Keys: oneRing(), Issuer: &token.Issuer{}, Audit: w.log, SignIn: w.kept, Hasher: hasher{}, Entitlements: w.entitled,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Now: time.Now, Rand: zeros{}, IDs: id.NewSource(zeros{}),
	}
	if _, err := sts.New(good); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "http://login.x", "https://login.x/", "https://token.x", "https://login.mytokens.x", "https://Login.x"} {
		c := good
		c.Authority = bad
		if _, err := sts.New(c); err == nil {
			t.Errorf("authority %q is accepted", bad)
		}
	}
	if _, err := sts.New(sts.Config{}); err == nil {
		t.Error("an empty configuration is accepted")
	}
}

// public marks a request as one for the public cloud's names.
func public(r *http.Request) *http.Request {
	return r.WithContext(httpd.WithEntry(r.Context(), httpd.Entry{
		Base: "https://login.microsoftonline.com", Authority: "https://login.microsoftonline.com", Graph: "https://graph.microsoft.com", Public: true,
	}))
}
