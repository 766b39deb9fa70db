// Package corpus plays files of requests with expected answers against a listener, byte by
// byte; it serves tests only. A case looks so:
//
//	=== S-2: a forwarded request is refused
//	> GET /metadata/identity/oauth2/token?api-version=2018-02-01 HTTP/1.1
//	> Host: {host}
//	> X-Forwarded-For: 10.0.0.1
//	< 400
//	< Allow: GET            the header must have this value
//	< {"error":"…"}         the body must be this JSON; "{any}" stands for any string
//	~ forwarded             the body must contain this
//	! unreachable           the body must not contain this
//
// Lines of a request end in CRLF; `>q "…"` gives a line as a Go string, for control
// characters. A line with `>>` starts the body. {host} and the caller's variables are
// replaced everywhere. `< close` accepts a connection that is closed without an answer.
// Lines with # are comments.
package corpus

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
)

// patience is how long an answer may take.
const patience = 5 * time.Second

// Case is one request with what is expected.
type Case struct {
	Title   string
	Request string
	Status  int
	Headers map[string]string
	Body    string // JSON; "" if not compared
	Has     []string
	Lacks   []string
	// MayClose accepts a closed connection in place of the status.
	MayClose bool
}

// Run plays every case of the files that match pattern against addr. After each file its
// first request that was served is played once more: a dead server refuses everything.
func Run(t *testing.T, pattern, addr string, vars map[string]string) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no files match %s (%v)", pattern, err)
	}
	replacements := []string{"{host}", addr}
	for k, v := range vars {
		replacements = append(replacements, "{"+k+"}", v)
	}
	fill := strings.NewReplacer(replacements...)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var served *Case
		cases := Parse(t, fill.Replace(string(text)))
		for i := range cases {
			t.Run(filepath.Base(file)+"/"+cases[i].Title, func(t *testing.T) { Play(t, addr, cases[i]) })
			if served == nil && cases[i].Status == http.StatusOK {
				served = &cases[i]
			}
		}
		if served == nil {
			t.Errorf("%s has no request that is served", file)
			continue
		}
		t.Run(filepath.Base(file)+"/still serves", func(t *testing.T) { Play(t, addr, *served) })
	}
}

// Parse reads the cases of one file.
func Parse(t *testing.T, text string) []Case {
	t.Helper()
	var out []Case
	for n, line := range strings.Split(text, "\n") {
		mark, rest, _ := strings.Cut(line, " ")
		if mark == "===" {
			out = append(out, Case{Title: rest, Headers: map[string]string{}})
			continue
		}
		if len(out) == 0 || line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		c := &out[len(out)-1]
		switch mark {
		case ">":
			c.Request += rest + "\r\n"
		case ">q":
			raw, err := strconv.Unquote(rest)
			if err != nil {
				t.Fatalf("line %d: %v", n+1, err)
			}
			c.Request += raw
		case ">>":
			c.Request += "\r\n" + rest
		case "~":
			c.Has = append(c.Has, rest)
		case "!":
			c.Lacks = append(c.Lacks, rest)
		case "<":
			parseExpected(c, rest)
		default:
			t.Fatalf("line %d is none of === > >q >> < ~ !: %s", n+1, line)
		}
	}
	return out
}

// parseExpected reads a line of an expected answer.
func parseExpected(c *Case, rest string) {
	name, value, isHeader := strings.Cut(rest, ": ")
	status, err := strconv.Atoi(rest)
	switch {
	case err == nil:
		c.Status = status
	case rest == "close":
		c.MayClose = true
	case strings.HasPrefix(rest, "{"):
		c.Body = rest
	case isHeader:
		c.Headers[name] = value
	}
}

// Play sends one request and checks the answer, including what holds for every answer of
// a token endpoint: JSON, uncacheable, exact length, no redirect, no cross-origin leave,
// and no token in a refusal.
func Play(t *testing.T, addr string, c Case) {
	t.Helper()
	status, header, body, ok := exchange(t, addr, c.Request)
	if !ok {
		if !c.MayClose {
			t.Fatal("the connection was closed without an answer")
		}
		return
	}
	if status != c.Status {
		t.Fatalf("status %d, want %d; body %s", status, c.Status, body)
	}
	for k, v := range c.Headers {
		if got := header.Get(k); got != v {
			t.Errorf("header %s is %q, want %q", k, got, v)
		}
	}
	if c.Body != "" && !sameJSON(t, c.Body, body) {
		t.Errorf("body  %s\nwant %s", body, c.Body)
	}
	for _, s := range c.Has {
		if !strings.Contains(body, s) {
			t.Errorf("body lacks %q: %s", s, body)
		}
	}
	for _, s := range c.Lacks {
		if strings.Contains(body, s) {
			t.Errorf("body contains %q: %s", s, body)
		}
	}
	always(t, status, header, body)
}

// always checks what holds for every answer (S-6, S-12, TE §3.5, TE-37, TE-95).
func always(t *testing.T, status int, h http.Header, body string) {
	t.Helper()
	if status >= 300 && status < 400 {
		t.Error("a redirect")
	}
	if status != http.StatusOK && strings.Contains(body, "access_token") {
		t.Error("a refusal with a token")
	}
	if status == http.StatusForbidden && strings.Contains(body, "unreachable") {
		t.Error("clients take this 403 for a missing endpoint")
	}
	for name := range h {
		if strings.HasPrefix(name, "Access-Control-") || name == "Location" || name == "Set-Cookie" {
			t.Errorf("header %s", name)
		}
	}
	fromNetHTTP := strings.HasPrefix(h.Get("Content-Type"), "text/plain")
	if fromNetHTTP && status >= 400 {
		return // refused while framing, before any handler
	}
	if h.Get("Content-Type") != "application/json; charset=utf-8" || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers %v", h)
	}
	if h.Get("Content-Encoding") != "" || h.Get("Content-Length") == "" {
		t.Errorf("headers %v", h)
	}
	if strings.Contains(body, "access_token") && (h.Get("Cache-Control") != "no-store" || h.Get("Pragma") != "no-cache") {
		t.Errorf("a token that may be cached: %v", h)
	}
}

// exchange sends raw bytes and reads one answer; ok is false if there was none.
func exchange(t *testing.T, addr, request string) (status int, h http.Header, body string, ok bool) {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	defer time.AfterFunc(patience, func() { _ = conn.Close() }).Stop()
	head, payload, hasBody := strings.Cut(request, "\r\n\r\n")
	raw := request + "\r\n"
	if hasBody {
		raw = head + "\r\n\r\n" + payload
	}
	if _, err := io.WriteString(conn, raw); err != nil {
		return 0, nil, "", false
	}
	method, _, _ := strings.Cut(request, " ")
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return 0, nil, "", false
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, nil, "", false
	}
	_ = resp.Body.Close()
	if resp.Header.Get("Content-Length") == "" && resp.ContentLength >= 0 {
		resp.Header.Set("Content-Length", strconv.FormatInt(resp.ContentLength, 10))
	}
	if resp.Close {
		resp.Header.Set("Connection", "close") // ReadResponse takes it away
	}
	return resp.StatusCode, resp.Header, string(text), true
}

// sameJSON compares, with "{any}" for any non-empty string.
func sameJSON(t *testing.T, want, got string) bool {
	t.Helper()
	var w, g any
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatalf("expected body: %v", err)
	}
	if err := json.Unmarshal([]byte(got), &g); err != nil {
		return false
	}
	return matches(w, g)
}

// matches compares two decoded values.
func matches(want, got any) bool {
	wantMap, ok := want.(map[string]any)
	if !ok {
		s, isText := got.(string)
		return reflect.DeepEqual(want, got) || want == "{any}" && isText && s != ""
	}
	gotMap, ok := got.(map[string]any)
	if !ok || len(gotMap) != len(wantMap) {
		return false
	}
	for k, v := range wantMap {
		if g, ok := gotMap[k]; !ok || !matches(v, g) {
			return false
		}
	}
	return true
}
