//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
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
}

// program starts a client of clients/python/person.py with the platform's names and
// certificates, as `sealring run` sets them.
func (p *platform) program(t *testing.T, args ...string) *signingIn {
	t.Helper()
	python := filepath.Join(clients, "python/.venv/bin/python")
	if _, err := os.Stat(python); err != nil {
		missing(t, "the Python clients are not installed: run e2e/clients/install.sh python")
	}
	s := &signingIn{t: t}
	s.cmd = exec.Command(binary, append([]string{"run", "--egress", "deny", "--app", "person", "--", python, "-u", filepath.Join(clients, "python/person.py")}, args...)...)
	s.cmd.Env = p.env("SEALRING_AUTHORITY="+p.AuthorityHost, "PYTHONUNBUFFERED=1", "BROWSER=echo OPEN %s")
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
	for _, args := range [][]string{{"browser", "query"}, {"browser", "form_post"}, {"identity"}} {
		mode := strings.Join(args, " ")
		client := p.program(t, args...)
		b.open(client.line("OPEN"))
		if mode != "browser query" { // the browser knows her already, and asks all the same
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
		b.waitText("You can close this window")
		got := client.result()
		if got.Error != "" || got.Username != upn || got.Object != object || got.Tenant != p.TenantID || !got.Hit {
			t.Fatalf("%s: %+v", mode, got)
		}
		if mode != "identity" && (len(got.Others) != 2 || !strings.Contains(got.Others[0], "graph")) {
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
	client := p.program(t, "device")
	message := client.line("MESSAGE")
	parts := regexp.MustCompile(`open the page (\S+) and enter the code (\S+) to`).FindStringSubmatch(message)
	if parts == nil {
		t.Fatalf("message %q", message)
	}
	b.open(parts[1])
	b.wait("Sign in")
	b.write(upn)
	b.press("Tab")
	b.write(aliceWord)
	b.press("Enter")
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
