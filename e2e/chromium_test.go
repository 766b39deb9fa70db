//go:build e2e

package e2e

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// chromium is a real browser, driven by keys over the DevTools protocol on a pipe
// (--remote-debugging-pipe): nothing listens, and nothing but the platform can be reached.
type chromium struct {
	t       *testing.T
	to      *os.File
	session string

	mu      sync.Mutex // guards what follows
	next    int
	waiting map[int]chan devtools
	log     strings.Builder // what the browser says on its console, once Log is enabled
}

// devtools is a message of the protocol, to or from the browser.
type devtools struct {
	ID      int                       `json:"id,omitempty"`
	Session string                    `json:"sessionId,omitempty"`
	Method  string                    `json:"method,omitempty"`
	Params  any                       `json:"params,omitempty"`
	Result  json.RawMessage           `json:"result,omitempty"`
	Error   *struct{ Message string } `json:"error,omitempty"`
}

// chromium starts the browser with one empty page, 320 pixels wide. It trusts the platform's
// certificate authorities by its certificate store, as a person's browser would after
// importing ca.pem; every name is resolved to this machine or not at all.
func (p *platform) chromium(t *testing.T) *chromium {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		missing(t, "chromium is not installed: apt-get install chromium libnss3-tools")
	}
	home := t.TempDir()
	p.trust(t, home)
	fromUs, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	from, toUs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	domain := strings.TrimPrefix(hostOf(t, p.AuthorityHost), "login.")
	cmd := exec.Command(program, "--headless", "--remote-debugging-pipe", "--user-data-dir="+filepath.Join(home, "profile"),
		"--host-resolver-rules=MAP *."+domain+" 127.0.0.1, MAP localhost 127.0.0.1, MAP * ~NOTFOUND",
		"--no-sandbox", // tests run as root in CI, where the browser refuses to start with it; it opens nothing but our pages
		"--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update", "--no-first-run",
		"--no-default-browser-check", "--no-proxy-server", "about:blank")
	cmd.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8", "XDG_CONFIG_HOME=" + home, "XDG_CACHE_HOME=" + home, "TMPDIR=" + home}
	cmd.ExtraFiles = []*os.File{fromUs, toUs} // 3 and 4
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = fromUs.Close(), toUs.Close()
	b := &chromium{t: t, to: to, waiting: map[int]chan devtools{}}
	read := make(chan struct{})
	go b.read(from, read)
	t.Cleanup(func() {
		_ = to.Close() // the browser ends with its pipe
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			_ = cmd.Process.Kill()
			<-done
		}
		<-read
	})
	var target struct {
		TargetID string `json:"targetId"`
	}
	b.call(&target, "Target.createTarget", map[string]any{"url": "about:blank"})
	var attached struct {
		SessionID string `json:"sessionId"`
	}
	b.call(&attached, "Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true})
	b.session = attached.SessionID
	b.call(nil, "Page.enable", nil)
	b.call(nil, "Accessibility.enable", nil)
	b.screen(320, 640, "light")
	return b
}

// trust puts the platform's certificate authorities into the browser's store.
func (p *platform) trust(t *testing.T, home string) {
	t.Helper()
	certutil, err := exec.LookPath("certutil")
	if err != nil {
		missing(t, "certutil is not installed: apt-get install libnss3-tools")
	}
	db := filepath.Join(home, ".pki", "nssdb")
	if err := os.MkdirAll(db, 0o700); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) {
		t.Helper()
		if out, err := exec.Command(certutil, append([]string{"-d", "sql:" + db}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("certutil %v: %v\n%s", args, err, out)
		}
	}
	run("-N", "--empty-password")
	rest, err := os.ReadFile(p.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; ; n++ {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		file := filepath.Join(home, fmt.Sprintf("ca%d.pem", n))
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		run("-A", "-t", "C,,", "-n", fmt.Sprintf("sealring %d", n), "-i", file)
	}
}

// hostOf is the host name of a URL.
func hostOf(t *testing.T, text string) string {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u.Hostname()
}

// read hands answers to who waits for them until the browser ends.
func (b *chromium) read(from *os.File, done chan struct{}) {
	defer close(done)
	defer from.Close()
	in := bufio.NewReader(from)
	for {
		raw, err := in.ReadBytes(0)
		if err != nil {
			return
		}
		var m devtools
		if json.Unmarshal(raw[:len(raw)-1], &m) != nil {
			continue
		}
		b.mu.Lock()
		if m.Method == "Log.entryAdded" {
			b.log.Write(raw)
		}
		answer := b.waiting[m.ID]
		delete(b.waiting, m.ID)
		b.mu.Unlock()
		if answer != nil {
			answer <- m
		}
	}
}

// call sends a command that must succeed and decodes its answer into v, if v is not nil.
func (b *chromium) call(v any, method string, params any) {
	b.t.Helper()
	if refusal := b.ask(v, method, params); refusal != "" {
		b.t.Fatalf("browser: %s: %s", method, refusal)
	}
}

// ask is call for a command that may be refused; it returns why, or "".
func (b *chromium) ask(v any, method string, params any) string {
	b.t.Helper()
	answer := make(chan devtools, 1)
	b.mu.Lock()
	b.next++
	m := devtools{ID: b.next, Session: b.session, Method: method, Params: params}
	b.waiting[m.ID] = answer
	b.mu.Unlock()
	raw, err := json.Marshal(m)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.to.Write(append(raw, 0)); err != nil {
		b.t.Fatalf("browser: %s: %v", method, err)
	}
	select {
	case got := <-answer:
		if got.Error != nil {
			return got.Error.Message
		}
		if v != nil {
			if err := json.Unmarshal(got.Result, v); err != nil {
				b.t.Fatalf("browser: %s: %v", method, err)
			}
		}
	case <-time.After(60 * time.Second):
		b.t.Fatalf("browser: no answer to %s within a minute", method)
	}
	return ""
}

// screen sets size and colour scheme.
func (b *chromium) screen(width, height int, scheme string) {
	b.t.Helper()
	b.call(nil, "Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": true})
	b.call(nil, "Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}})
}

// open goes to a URL.
func (b *chromium) open(to string) {
	b.t.Helper()
	b.call(nil, "Page.navigate", map[string]any{"url": to})
}

// eval is the value of an expression on the page, as text; for looking, never for acting. A
// page that is left while it is looked at is looked at again.
func (b *chromium) eval(expression string) string {
	b.t.Helper()
	var out struct {
		Result struct{ Value any }
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		refusal := b.ask(&out, "Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true})
		if refusal == "" {
			return fmt.Sprint(out.Result.Value)
		}
		if leaving := strings.Contains(refusal, "navigated") || strings.Contains(refusal, "context"); !leaving || time.Now().After(deadline) {
			b.t.Fatalf("browser: look at the page: %s", refusal)
		}
	}
}

// wait waits until the page has a heading, and returns the page's text.
func (b *chromium) wait(heading string) string {
	b.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		got := b.eval(`document.readyState + "|" + (document.querySelector("h1")?.innerText ?? "")`)
		if got == "complete|"+heading {
			return b.eval("document.body.innerText")
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("no page %q within 30 s, but %q at %s:\n%s", heading, got, b.eval("location.href"), b.eval("document.body?.innerText"))
		}
	}
}

// waitText waits until the page has one of the texts.
func (b *chromium) waitText(texts ...string) {
	b.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		got := b.eval("document.body?.innerText")
		if slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(got, text) }) {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("no %q within 30 s at %s:\n%s", texts, b.eval("location.href"), got)
		}
	}
}

// complains waits until the browser has said something on its console.
func (b *chromium) complains(text string) {
	b.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		b.mu.Lock()
		log := b.log.String()
		b.mu.Unlock()
		if strings.Contains(log, text) {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("the browser does not say %q within 30 s:\n%s", text, log)
		}
	}
}

// keys are the keys that have no text.
var keys = map[string]int{"Tab": 9, "Enter": 13, "Space": 32}

// press presses a key.
func (b *chromium) press(names ...string) {
	b.t.Helper()
	for _, name := range names {
		key := map[string]any{"key": name, "code": name, "windowsVirtualKeyCode": keys[name], "nativeVirtualKeyCode": keys[name]}
		down := map[string]any{"type": "keyDown"}
		if name == "Enter" {
			down["text"] = "\r"
		}
		if name == "Space" {
			key["key"], down["text"] = " ", " "
		}
		for k, v := range key {
			down[k] = v
		}
		b.call(nil, "Input.dispatchKeyEvent", down)
		key["type"] = "keyUp"
		b.call(nil, "Input.dispatchKeyEvent", key)
	}
}

// write types a text where the focus is.
func (b *chromium) write(text string) {
	b.t.Helper()
	b.call(nil, "Input.insertText", map[string]any{"text": text})
}

// focus says which element has the keyboard: its name for screen readers.
func (b *chromium) focus() string {
	b.t.Helper()
	return b.eval(`(document.activeElement.labels?.[0]?.innerText || document.activeElement.innerText || "").trim()`)
}

// fits demands that nothing sticks out at this width.
func (b *chromium) fits(page string) {
	b.t.Helper()
	if got := b.eval("document.documentElement.scrollWidth <= window.innerWidth"); got != "true" {
		b.t.Errorf("%s is wider than the screen: %s", page, b.eval("document.documentElement.scrollWidth + ' > ' + window.innerWidth"))
	}
}

// named demands that every element that takes the focus has a role and a name in the
// accessibility tree, and that the page has one heading.
func (b *chromium) named(page string) {
	b.t.Helper()
	var tree struct {
		Nodes []struct {
			Role, Name struct{ Value any }
			Ignored    bool
			Properties []struct {
				Name  string
				Value struct{ Value any }
			}
		}
	}
	b.call(&tree, "Accessibility.getFullAXTree", nil)
	headings, focusable := 0, 0
	for _, n := range tree.Nodes {
		if n.Role.Value == "heading" {
			headings++
		}
		for _, p := range n.Properties {
			if p.Name == "focusable" && p.Value.Value == true && n.Role.Value != "RootWebArea" && !n.Ignored {
				focusable++
				if fmt.Sprint(n.Name.Value) == "" {
					b.t.Errorf("%s: a %v has no name for screen readers", page, n.Role.Value)
				}
			}
		}
	}
	if headings != 1 || focusable == 0 {
		b.t.Errorf("%s: %d headings, %d elements that take the focus", page, headings, focusable)
	}
}

// picture keeps a screenshot where SEALRING_PICTURES names a directory, for people to look at.
func (b *chromium) picture(name string) {
	b.t.Helper()
	dir := os.Getenv("SEALRING_PICTURES")
	if dir == "" {
		return
	}
	var out struct{ Data string }
	b.call(&out, "Page.captureScreenshot", map[string]any{"format": "png"})
	raw, err := base64.StdEncoding.DecodeString(out.Data)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), raw, 0o600)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}
