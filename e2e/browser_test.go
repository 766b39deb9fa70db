//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	aliceName = "alice"
	aliceWord = "correct horse 7 Battery"
)

// person makes a user with a password, as an administrator does through Graph, and lets her
// read the subscription.
func (p *platform) person(name, password string) (upn, object string) {
	p.t.Helper()
	upn = name + "@" + strings.TrimPrefix(hostOf(p.t, p.AuthorityHost), "login.")
	body, err := json.Marshal(map[string]any{
		"accountEnabled": true, "displayName": "Alice Doe", "mailNickname": name, "userPrincipalName": upn,
		"passwordProfile": map[string]any{"password": password, "forceChangePasswordNextSignIn": false},
	})
	if err != nil {
		p.t.Fatal(err)
	}
	var user struct{ ID string }
	p.rest(&user, "POST", p.Graph+"/v1.0/users", string(body))
	p.grant(user.ID, "Reader", "/subscriptions/"+p.SubscriptionID)
	return upn, user.ID
}

// signingIn is a client that a person signs in to: it says where to go, and what it got.
type signingIn struct {
	t   *testing.T
	cmd *exec.Cmd
	out *bufio.Scanner
	err bytes.Buffer
	// opened is a pipe through which the address comes that the client opens a browser with.
	opened string
}

// address is where the client sends the person.
func (s *signingIn) address() string {
	s.t.Helper()
	came := make(chan string, 1)
	go func() {
		text, _ := os.ReadFile(s.opened) // until the script has written it
		came <- string(text)
	}()
	select {
	case text := <-came:
		return strings.TrimSpace(strings.TrimPrefix(text, "OPEN "))
	case <-time.After(time.Minute):
		s.t.Fatalf("the client opens no browser within a minute\n%s", tail(s.err.String(), 4000))
		return ""
	}
}

// languages are the clients that a person signs in to, and what each needs to be there.
var languages = map[string]struct {
	command []string
	needs   string
}{
	"python": {[]string{filepath.Join(clients, "python/.venv/bin/python"), "-u", filepath.Join(clients, "python/person.py")}, "python/.venv/installed"},
	"go":     {[]string{filepath.Join(clients, "go/bin/client"), "person"}, "go/bin/client"},
	"node":   {[]string{"node", filepath.Join(clients, "node/person.mjs")}, "node/node_modules/.installed"},
}

// program starts a client with the platform's names and certificates, as `sealring run` sets
// them. Where it opens a browser, it runs a script of ours that says where to go.
func (p *platform) program(t *testing.T, language string, args ...string) *signingIn {
	t.Helper()
	l := languages[language]
	if _, err := os.Stat(filepath.Join(clients, l.needs)); err != nil {
		missing(t, "the %s clients are not installed: run e2e/clients/install.sh %s", language, language)
	}
	tools := t.TempDir()
	opened := filepath.Join(tools, "opened")
	for _, name := range []string{"xdg-open", "browser"} {
		if err := os.WriteFile(filepath.Join(tools, name), []byte("#!/bin/sh\nprintf 'OPEN %s\\n' \"$1\" >\"$SEALRING_OPENED\"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(opened, 0o600); err != nil {
		t.Fatal(err)
	}
	s := &signingIn{t: t, opened: opened}
	s.cmd = exec.Command(binary, slices.Concat([]string{"run", "--egress", "deny", "--app", "person", "--"}, l.command, args)...)
	s.cmd.Env = p.env("SEALRING_AUTHORITY="+p.AuthorityHost, "PYTHONUNBUFFERED=1", "BROWSER="+filepath.Join(tools, "browser")+" %s", "SEALRING_OPENED="+opened,
		"PATH="+tools+":"+os.Getenv("PATH"))
	s.cmd.Stderr = &s.err
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.out = bufio.NewScanner(out)
	s.out.Buffer(nil, 1<<20)
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
	})
	return s
}

// line is what the client says next, after a word.
func (s *signingIn) line(word string) string {
	s.t.Helper()
	for s.out.Scan() {
		if rest, ok := strings.CutPrefix(s.out.Text(), word+" "); ok {
			return rest
		}
	}
	_ = s.cmd.Wait()
	s.t.Fatalf("the client ended without %q\n%s", word, tail(s.err.String(), 4000))
	return ""
}

// signedIn is what a client says of its tokens.
type signedIn struct {
	Username string   `json:"username"`
	Object   string   `json:"oid"`
	Tenant   string   `json:"tid"`
	Scopes   []string `json:"scopes"`
	Audience string   `json:"aud"`
	// Hit says that the second request was answered from the client's cache.
	Hit bool `json:"hit"`
	// Others are the audiences of tokens that the refresh token gave.
	Others []string `json:"others"`
	Error  string   `json:"error"`
}

// result decodes what the client says at the end.
func (s *signingIn) result() signedIn {
	s.t.Helper()
	var out signedIn
	if err := json.Unmarshal([]byte(s.line("RESULT")), &out); err != nil {
		s.t.Fatal(err)
	}
	return out
}

// A person signs in with a real browser, by keyboard alone, on a narrow screen; MSAL for
// Python is the program that asks (DT-58, DT-60, DT-61, DT-64, S-74).
func TestAPersonSignsInWithABrowser(t *testing.T) {
	p := start(t)
	upn, object := p.person(aliceName, aliceWord)
	b := p.chromium(t)
	for _, c := range []struct {
		language string
		args     []string
		others   int
	}{
		{"python", []string{"browser", "query"}, 2}, {"python", []string{"browser", "form_post"}, 2}, {"python", []string{"identity"}, 0},
		{"go", []string{"browser"}, 1}, {"node", []string{"browser"}, 1},
	} {
		mode := c.language + " " + strings.Join(c.args, " ")
		client := p.program(t, c.language, c.args...)
		b.open(client.address())
		if mode != "python browser query" { // the browser knows her already, and asks all the same
			if text := b.wait("Choose an account"); !strings.Contains(text, "Continue as "+upn) {
				t.Errorf("account page: %s", text)
			}
			b.named("account page")
			b.fits("account page")
			b.picture("account")
			b.press("Enter")
		} else {
			typeIn(t, b, upn)
		}
		b.waitText("ou can close this window", "close this browser tab") // in the words of each client
		got := client.result()
		if got.Error != "" || got.Username != upn || got.Object != object || got.Tenant != p.TenantID || !got.Hit {
			t.Fatalf("%s: %+v", mode, got)
		}
		if len(got.Others) != c.others || c.others > 0 && !strings.Contains(got.Others[0], "graph") {
			t.Errorf("%s: %+v", mode, got)
		}
		if got.Audience != "https://management.core.windows.net/" {
			t.Errorf("%s: %+v", mode, got)
		}
	}
	if href := b.eval("location.href"); strings.Contains(href, "token") {
		t.Errorf("S-73: a token in a URL: %s", href)
	}
}

// typeIn signs a person in by keyboard, with a wrong password first.
func typeIn(t *testing.T, b *chromium, upn string) {
	t.Helper()
	b.wait("Sign in")
	b.named("sign-in page")
	b.fits("sign-in page")
	b.picture("signin")
	if got := b.focus(); got != "User name" {
		t.Errorf("the focus begins at %q", got)
	}
	b.write(upn)
	b.press("Tab")
	if got := b.focus(); got != "Password" {
		t.Errorf("the next element is %q", got)
	}
	b.write("wrong")
	b.press("Enter")
	b.waitText("The user name or the password is wrong")
	if b.eval(`document.querySelector("[role=alert]") !== null`) != "true" || b.focus() != "Password" || b.eval("document.getElementById('username').value") != upn {
		t.Errorf("after a wrong password: focus %q", b.focus())
	}
	b.screen(320, 640, "dark")
	b.fits("sign-in page with an error")
	b.picture("signin-wrong-dark")
	b.screen(320, 640, "light")
	b.write(aliceWord)
	b.press("Tab")
	if got := b.focus(); got != "Sign in" {
		t.Errorf("after the password comes %q", got)
	}
	b.press("Space")
}

// A device is signed in from a browser elsewhere, by keyboard alone; azure-identity's
// DeviceCodeCredential is the program that waits (DT-62, DT-63).
func TestAPersonSignsADeviceIn(t *testing.T) {
	p := start(t)
	upn, object := p.person(aliceName, aliceWord)
	b := p.chromium(t)
	for _, language := range []string{"python", "go", "node"} {
		device(t, p, b, language, upn, object)
	}
}

// device signs a client of a language in; the browser knows the person from the second on.
func device(t *testing.T, p *platform, b *chromium, language, upn, object string) {
	t.Helper()
	client := p.program(t, language, "device")
	message := client.line("MESSAGE")
	parts := regexp.MustCompile(`open the page (\S+) and enter the code (\S+) to`).FindStringSubmatch(message)
	if parts == nil {
		t.Fatalf("message %q", message)
	}
	b.open(parts[1])
	if language == "python" {
		b.wait("Sign in")
		b.write(upn)
		b.press("Tab")
		b.write(aliceWord)
		b.press("Enter")
	}
	b.wait("Enter the code")
	b.named("code page")
	b.fits("code page")
	b.write(strings.ToLower(parts[2]))
	b.picture("code")
	b.press("Enter")
	if text := b.wait("Is this you?"); !strings.Contains(text, "Azure CLI") {
		t.Errorf("confirmation: %s", text)
	}
	b.named("confirmation")
	b.fits("confirmation")
	b.picture("confirm")
	b.press("Tab")
	if got := b.focus(); got != "Continue" {
		t.Errorf("the first element is %q", got)
	}
	b.press("Enter")
	b.wait("You are signed in")
	b.picture("done")
	if got := client.result(); got.Error != "" || got.Username != upn || got.Object != object || got.Audience != "https://management.core.windows.net/" {
		t.Errorf("%+v", got)
	}
}

// S-74: another site can neither frame our pages nor send their forms, while the person is
// signed in; the browser itself sees to it, as the pages tell it.
func TestOtherSitesCannotUseASession(t *testing.T) {
	p := start(t)
	upn, _ := p.person(aliceName, aliceWord)
	b := p.chromium(t)
	page := p.AuthorityHost + "/device"
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		switch r.URL.Path {
		case "/frame":
			_, _ = fmt.Fprintf(w, `<h1>Evil</h1><iframe src="%s"></iframe>`, page)
		case "/form":
			_, _ = fmt.Fprintf(w, `<h1>Evil</h1><form method="post" action="%s"><input name="do" value="code"><input name="code" value="x"><button autofocus>Win</button></form>`, page)
		}
	}))
	t.Cleanup(evil.Close)
	there := strings.Replace(evil.URL, "127.0.0.1", "localhost", 1)

	b.open(page)
	b.wait("Sign in")
	b.write(upn)
	b.press("Tab")
	b.write(aliceWord)
	b.press("Enter")
	b.wait("Enter the code")

	b.open(there + "/form")
	b.wait("Evil")
	b.press("Enter")
	if text := b.wait("Sign-in did not work"); !strings.Contains(text, "AADSTS90013") {
		t.Errorf("a form of another site: %s", text)
	}
	b.call(nil, "Log.enable", nil)
	b.open(there + "/frame")
	b.wait("Evil")
	b.complains("frame-ancestors 'none'")
	b.open(page)
	b.wait("Enter the code") // the session was there all the time
}
