package app

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/client"
	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/localtoken/corpus"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/workload"
)

// attacked is a whole server with everything an attacker could want from it, and its log.
type attacked struct {
	*running
	roots *x509.CertPool
	vars  map[string]string // what corpora may name in braces
	log   *lines
}

// lines collects a log.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String returns what was written so far.
func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// attack starts the server under attack: a vault with a secret, a machine with an identity
// that this process is registered for, an app for a child process, and tokens.
func attack(t *testing.T) *attacked {
	t.Helper()
	return attackOn(t, testConfig(t))
}

// attackOn is attack with a configuration.
func attackOn(t *testing.T, c Config) *attacked {
	t.Helper()
	log := &lines{}
	c.Log = slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	a := &attacked{running: start(t, c), roots: x509.NewCertPool(), log: log}
	pem, err := os.ReadFile(a.Endpoints().CAFile)
	if err != nil || !a.roots.AppendCertsFromPEM(pem) {
		t.Fatal("no authorities", err)
	}
	e := a.Endpoints()
	secret, err := os.ReadFile(e.AdminSecretFile)
	if err != nil {
		t.Fatal(err)
	}
	tls := strconv.Itoa(port(a.listeners.tls))
	a.vars = map[string]string{
		"sub": e.SubscriptionID, "tenant": e.TenantID, "client": e.AdminClientID, "secret": string(secret), "port": tls,
		"login": "login." + e.Domain + ":" + tls, "arm": "management." + e.Domain + ":" + tls, "graph": "graph." + e.Domain + ":" + tls,
		"vault": "attackkv.vault." + e.Domain + ":" + tls, "local": "localhost:" + tls, "domain": e.Domain,
		"node": a.listeners.node.Addr().String(), "imds": a.listeners.imds[0].Addr().String(), "proxy": a.listeners.proxy.Addr().String(),
		"group":  "/subscriptions/" + e.SubscriptionID + "/resourceGroups/default",
		"random": "11111111-2222-4333-8444-555555555555",
	}
	for name, audience := range map[string]string{
		"armtoken": "https://management.azure.com", "graphtoken": "https://graph.microsoft.com", "vaulttoken": "https://vault.azure.net",
	} {
		token, err := a.client.AdminToken(t.Context(), audience)
		if err != nil {
			t.Fatal(err)
		}
		a.vars[name] = token.Reveal()
	}
	a.furnish(t)
	return a
}

// furnish makes the resources.
func (a *attacked) furnish(t *testing.T) {
	t.Helper()
	group := a.vars["group"]
	admin, err := a.directory.ServicePrincipalByApp(t.Context(), a.in.tenant, a.in.adminApp)
	if err != nil {
		t.Fatal(err)
	}
	a.vars["admin"] = string(admin.ID)
	vault, machine, site := group+"/providers/Microsoft.KeyVault/vaults/attackkv", group+"/providers/Microsoft.Compute/virtualMachines/vm1", group+"/providers/Microsoft.Web/sites/app1"
	a.put(t, vault+"?api-version=2023-07-01", `{"location":"local","properties":{"tenantId":"`+a.vars["tenant"]+`","sku":{"family":"A","name":"standard"},"enableRbacAuthorization":true}}`)
	a.put(t, vault+"/providers/Microsoft.Authorization/roleAssignments/22222222-2222-4333-8444-555555555555?api-version=2022-04-01",
		`{"properties":{"principalId":"`+string(admin.ID)+`","principalType":"ServicePrincipal","roleDefinitionId":"/subscriptions/`+a.vars["sub"]+`/providers/Microsoft.Authorization/roleDefinitions/b86a8fe4-44ce-4948-aee5-eccb2c155cd7"}}`)
	a.put(t, machine+"?api-version=2024-07-01", `{"location":"local","identity":{"type":"SystemAssigned"},"properties":{}}`)
	a.put(t, site+"?api-version=2023-12-01", `{"location":"local","identity":{"type":"SystemAssigned"},"properties":{}}`)
	status, _, body := a.https(t, "PUT", a.vars["vault"], "/secrets/s1?api-version=7.4", a.vars["vaulttoken"], `{"value":"canary-of-the-vault"}`)
	if status != http.StatusOK {
		t.Fatalf("secret: %d %s", status, body)
	}
	self, err := workload.StartTime(os.Getpid())
	if err != nil {
		t.Fatalf("this process is not known: %v", err)
	}
	a.registered(t, machine, os.Getpid(), self)
	child := exec.Command("cat")
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = child.Wait() })
	started, err := workload.StartTime(child.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	a.vars["header"] = a.registered(t, site, child.Process.Pid, started)
}

// registered registers a process and returns its secret.
func (a *attacked) registered(t *testing.T, host string, pid int, start int64) string {
	t.Helper()
	rid, err := resource.ParseID(host)
	if err != nil {
		t.Fatal(err)
	}
	r, err := a.workloads.Register(workload.Spec{Resource: rid, PID: pid, Start: start})
	if err != nil {
		t.Fatal(err)
	}
	return r.Secret.Reveal()
}

// put makes something as the administrator.
func (a *attacked) put(t *testing.T, path, body string) {
	t.Helper()
	_, err := a.client.Do(t.Context(), client.Request{
		Method: http.MethodPut, URL: a.Endpoints().Local + path, Body: []byte(body), Token: a.client.AdminToken, Audience: "https://management.azure.com",
	})
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// dial opens a connection to a listener: "tls", "node", "imds", "proxy" or "socket".
func (a *attacked) dial(t *testing.T, listener string) net.Conn {
	t.Helper()
	conn, err := a.tryDial(t.Context(), listener)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	return conn
}

// tryDial is dial with an error and without a deadline.
func (a *attacked) tryDial(ctx context.Context, listener string) (net.Conn, error) {
	switch listener {
	case "tls":
		d := tls.Dialer{Config: &tls.Config{RootCAs: a.roots, ServerName: "localhost", NextProtos: []string{"http/1.1"}}}
		return d.DialContext(ctx, "tcp", "127.0.0.1:"+a.vars["port"])
	case "socket":
		return new(net.Dialer).DialContext(ctx, "unix", a.dir.file(socketName))
	}
	return new(net.Dialer).DialContext(ctx, "tcp", a.vars[listener])
}

// https makes one well-formed request at a name.
func (a *attacked) https(t *testing.T, method, host, path, token, body string) (int, http.Header, string) {
	t.Helper()
	head := method + " " + path + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n"
	if token != "" {
		head += "Authorization: Bearer " + token + "\r\n"
	}
	answers := a.exchange(t, "tls", head+"\r\n"+body, 1)
	if len(answers) == 0 {
		return 0, nil, ""
	}
	return answers[0].status, answers[0].header, answers[0].body
}

// answer is one answer of a listener.
type answer struct {
	status int
	header http.Header
	body   string
}

// exchange sends raw bytes and reads as many as limit answers.
func (a *attacked) exchange(t *testing.T, listener, raw string, limit int) (out []answer) {
	t.Helper()
	conn := a.dial(t, listener)
	defer func() { _ = conn.Close() }()
	go func() { _, _ = io.WriteString(conn, raw) }() // an early refusal may leave some unread
	method, _, _ := strings.Cut(raw, " ")
	r := bufio.NewReader(conn)
	for len(out) < limit {
		resp, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			return out
		}
		if resp.StatusCode == http.StatusContinue {
			continue
		}
		if method == http.MethodConnect && resp.StatusCode == http.StatusOK {
			return append(out, answer{resp.StatusCode, resp.Header, ""}) // what follows is the tunnel
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		out = append(out, answer{resp.StatusCode, resp.Header, string(body)})
		if err != nil || resp.Close {
			return out
		}
		method = "GET"
	}
	return out
}

// cases reads a corpus with the variables filled in.
func (a *attacked) cases(t *testing.T, file string) []corpus.Case {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "attacks", file))
	if err != nil {
		t.Fatal(err)
	}
	var pairs []string
	for k, v := range a.vars {
		pairs = append(pairs, "{"+k+"}", v)
	}
	for k, v := range bombs() {
		pairs = append(pairs, "{"+k+"}", v)
	}
	out := corpus.Parse(t, strings.NewReplacer(pairs...).Replace(string(text)))
	for i := range out {
		head, body, hasBody := strings.Cut(out[i].Request, "\r\n\r\n")
		if !hasBody {
			out[i].Request += "\r\n"
		} else if body, isMacro := a.body(body); isMacro {
			out[i].Request = head + "\r\n\r\n" + strconv.FormatInt(int64(len(body)), 16) + "\r\n" + body + "\r\n0\r\n\r\n"
		}
	}
	return out
}

// bombs are values too long to be written into a corpus.
func bombs() map[string]string {
	return map[string]string{
		"64k":         strings.Repeat("a", 64<<10),
		"deep":        strings.Repeat("(", 1000) + "a%20eq%201" + strings.Repeat(")", 1000),
		"bomb-deep":   strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000),
		"bomb-wide":   "[" + strings.Repeat("1,", 1_000_000) + "1]",
		"bomb-digits": strings.Repeat("9", 1_000_000),
		"bomb-large":  `{"location":"` + strings.Repeat("a", 5<<20) + `"}`,
		"utf16":       "\xff\xfe{\x00}\x00",
	}
}

// body expands the macros of a corpus, which are sent in one chunk: {body:TEXT} is TEXT,
// {form}, {form&MORE}, {form;MORE} a good token request and more, {form:NAME=VALUE} one with
// that parameter changed, {assert=TEXT} one with a client assertion for a secret.
func (a *attacked) body(text string) (string, bool) {
	if !strings.HasPrefix(text, "{") || !strings.HasSuffix(text, "}") {
		return text, false
	}
	inner := text[1 : len(text)-1]
	good := []string{"grant_type=client_credentials", "client_id=" + a.vars["client"],
		"client_secret=" + url.QueryEscape(a.vars["secret"]), "scope=" + url.QueryEscape("https://vault.azure.net/.default")}
	if rest, ok := strings.CutPrefix(inner, "body:"); ok {
		return rest, true
	}
	if assertion, ok := strings.CutPrefix(inner, "assert="); ok {
		good[2] = "client_assertion_type=" + url.QueryEscape("urn:ietf:params:oauth:client-assertion-type:jwt-bearer") + "&client_assertion=" + assertion
		return strings.Join(good, "&"), true
	}
	rest, ok := strings.CutPrefix(inner, "form")
	if !ok {
		return text, false
	}
	if change, ok := strings.CutPrefix(rest, ":"); ok {
		name, _, _ := strings.Cut(change, "=")
		for i := range good {
			if strings.HasPrefix(good[i], name+"=") {
				good[i] = change
			}
		}
		rest = ""
	}
	return strings.Join(good, "&") + rest, true
}

// unsayable is what no answer may hold, whatever was asked (S-41, S-65, S-72).
var unsayable = []string{
	"goroutine ", ".go:", "panic", "SQL", "sqlite", "pq:", "/tmp/", "attacker.example", "canary", "runtime error",
	"begin transaction", "constraint", "no such table", "-----BEGIN",
}

// checkAnswer checks one answer against its case and against what holds for all answers.
func (a *attacked) checkAnswer(t *testing.T, c corpus.Case, got answer) {
	t.Helper()
	if got.status != c.Status {
		t.Fatalf("status %d, want %d; %s", got.status, c.Status, got.body)
	}
	for k, v := range c.Headers {
		if have := got.header.Get(k); have != v {
			t.Errorf("header %s is %q, want %q", k, have, v)
		}
	}
	for _, s := range c.Has {
		if !strings.Contains(got.body, s) {
			t.Errorf("body lacks %q: %s", s, got.body)
		}
	}
	for _, s := range c.Lacks {
		if strings.Contains(got.body, s) || strings.Contains(fmt.Sprint(got.header), s) {
			t.Errorf("answer has %q: %s %s", s, got.body, got.header)
		}
	}
	if got.status < 400 {
		return
	}
	if got.status >= 500 {
		t.Errorf("our fault: %d %s", got.status, got.body)
	}
	whole := got.body + fmt.Sprint(got.header)
	for _, s := range append(unsayable, "access_token", a.vars["secret"], a.vars["header"], "eyJ") {
		if strings.Contains(whole, s) {
			t.Errorf("the refusal says %q: %s", s, whole)
		}
	}
}

// attacks are the corpora and the listeners they are played at.
var attacks = []struct{ file, listener string }{
	{"sts.http", "tls"}, {"arm.http", "tls"}, {"graph.http", "tls"}, {"keyvault.http", "tls"}, {"front.http", "tls"},
	{"appservice.http", "node"}, {"imds.http", "imds"}, {"proxy.http", "proxy"}, {"socket.http", "socket"},
}

// S-3, S-4, S-5, S-6, S-33, S-40, S-41, S-44, S-50, S-52, S-54, S-56, S-60, S-63, S-64, S-65, S-66, S-72: the
// corpora of testdata/attacks, byte by byte at a whole server. Each file begins with what
// is served; that is played again at the end, since a dead server refuses everything.
func TestAttackCorpora(t *testing.T) {
	t.Parallel()
	a := attack(t)
	for _, at := range attacks {
		cases := a.cases(t, at.file)
		if len(cases) < 2 || cases[0].Status >= 300 {
			t.Fatalf("%s does not begin with what is served", at.file)
		}
		for _, c := range append(cases, cases[0]) {
			t.Run(at.file+"/"+c.Title, func(t *testing.T) {
				got := a.exchange(t, at.listener, c.Request, 1)
				if len(got) == 0 {
					if !c.MayClose {
						t.Fatal("closed without an answer")
					}
					return
				}
				a.checkAnswer(t, c, got[0])
			})
		}
	}
	a.checkLog(t)
}

// checkLog looks at everything that was logged: one JSON object a line, nothing forged,
// nothing secret (S-65, S-66).
func (a *attacked) checkLog(t *testing.T) {
	t.Helper()
	text := a.log.String()
	for _, name := range []string{"secret", "header", "armtoken", "graphtoken", "vaulttoken"} {
		if strings.Contains(text, a.vars[name]) {
			t.Errorf("%s is in the log", name)
		}
	}
	if strings.Contains(text, "canary-of-the-") {
		t.Error("a secret value is in the log")
	}
	n := 0
	for line := range strings.Lines(text) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil || entry["msg"] == nil || entry["level"] == nil {
			t.Errorf("not one record a line: %v %q", err, line)
			continue
		}
		if entry["forged"] != nil || entry["msg"] == "forged" {
			t.Errorf("forged: %q", line)
		}
		if len(line) > 16<<10 {
			t.Errorf("a line of %d bytes", len(line))
		}
		if strings.ContainsFunc(strings.TrimSuffix(line, "\n"), func(r rune) bool { return r < ' ' || r == 0x7f || r == 0x9b }) {
			t.Errorf("control characters: %q", line)
		}
		n++
	}
	if n == 0 {
		t.Error("nothing was logged")
	}
}

// listenersWithProbe are all listeners, with a request that each serves or knows.
func (a *attacked) listenersWithProbe() map[string]map[string]string {
	return map[string]map[string]string{
		"tls":    {"host": a.vars["login"], "path": "/" + a.vars["tenant"] + "/v2.0/.well-known/openid-configuration", "more": "Accept: */*"},
		"node":   {"host": a.vars["node"], "path": "/msi/token?api-version=2019-08-01&resource=https://vault.azure.net", "more": "X-IDENTITY-HEADER: " + a.vars["header"]},
		"imds":   {"host": a.vars["imds"], "path": "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://vault.azure.net", "more": "Metadata: true"},
		"socket": {"host": "localhost", "path": "/node/v1/workloads", "more": "Accept: */*"},
		"proxy":  {"host": "localhost", "path": "/", "more": "Accept: */*"},
	}
}

// S-60: framing with two readings ends the connection with 400 at every listener, and what
// stands behind it is never answered; well-framed twins are answered, and so is the next.
func TestSmugglingAtEveryListener(t *testing.T) {
	t.Parallel()
	a := attack(t)
	for listener, vars := range a.listenersWithProbe() {
		for k, v := range vars {
			a.vars[k] = v
		}
		next := "GET /smuggled HTTP/1.1\r\nHost: " + vars["host"] + "\r\nConnection: close\r\n\r\n"
		for _, c := range append(a.cases(t, "framing.http"), a.cases(t, "framing_strict.http")...) {
			t.Run(listener+"/"+c.Title, func(t *testing.T) {
				got := a.exchange(t, listener, c.Request+next, 3)
				if c.Status < 400 {
					if len(got) != 2 && !(listener == "proxy" && len(got) > 0) {
						t.Fatalf("%d answers, want this one's and the next one's: %+v", len(got), got)
					}
					return
				}
				if len(got) > 1 {
					t.Fatalf("what stands behind it was answered: %+v", got[1])
				}
				if len(got) == 0 {
					if !c.MayClose {
						t.Fatal("closed without an answer")
					}
					return
				}
				if st := got[0].status; st < 400 || st == http.StatusInternalServerError {
					t.Fatalf("status %d: %s", st, got[0].body)
				}
			})
		}
	}
	a.checkLog(t)
}

// otherTenant makes a second tenant with an application, and signs it in: a token that is
// good in every way but the tenant.
func (a *attacked) otherTenant(t *testing.T) {
	t.Helper()
	ctx := audit.WithActor(t.Context(), audit.Actor{Name: "test"})
	err := a.db.Update(ctx, func(tx *store.Tx) error {
		tenant, err := a.directory.CreateTenant(ctx, tx, directory.NewTenant{DisplayName: "Other", Domains: []string{"other.example"}})
		if err != nil {
			return err
		}
		app, err := a.directory.CreateApplication(ctx, tx, directory.NewApplication{Tenant: tenant.ID, DisplayName: "Theirs"})
		if err != nil {
			return err
		}
		sp, err := a.directory.CreateServicePrincipal(ctx, tx, directory.NewServicePrincipal{
			Tenant: tenant.ID, Kind: directory.KindApplication, DisplayName: "Theirs", App: app.App,
		})
		if err != nil {
			return err
		}
		_, secret, err := a.directory.AddSecret(ctx, tx, tenant.ID, app.App, directory.NewSecret{DisplayName: "s", Lifetime: time.Hour})
		a.vars["othertenant"], a.vars["otherclient"], a.vars["othersecret"], a.vars["otherobject"] = string(tenant.ID), string(app.App), secret.Reveal(), string(sp.ID)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, audience := range map[string]string{
		"otherarm": "https://management.azure.com", "othergraph": "https://graph.microsoft.com", "othervault": "https://vault.azure.net",
	} {
		answer, err := a.form(t, a.vars["othertenant"], map[string]string{
			"grant_type": "client_credentials", "client_id": a.vars["otherclient"], "client_secret": a.vars["othersecret"], "scope": audience + "/.default",
		})
		if err != nil {
			t.Fatal(err)
		}
		a.vars[name] = answer
	}
}

// form makes a token request at a tenant and returns the token. Errors: errRefused.
func (a *attacked) form(t *testing.T, tenant string, fields map[string]string) (string, error) {
	t.Helper()
	values := url.Values{}
	for k, v := range fields {
		values.Set(k, v)
	}
	body := values.Encode()
	got := a.exchange(t, "tls", "POST /"+tenant+"/oauth2/v2.0/token HTTP/1.1\r\nHost: "+a.vars["login"]+
		"\r\nContent-Type: application/x-www-form-urlencoded\r\nConnection: close\r\nContent-Length: "+strconv.Itoa(len(body))+"\r\n\r\n"+body, 1)
	if len(got) == 0 {
		return "", errors.New("closed")
	}
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(got[0].body), &answer); err != nil || got[0].status != http.StatusOK || answer.Token == "" {
		return "", fmt.Errorf("%w: %d %s", errRefused, got[0].status, got[0].body)
	}
	return answer.Token, nil
}

// errRefused is an answer of the token endpoint without a token.
var errRefused = errors.New("refused")
