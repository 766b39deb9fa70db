// Package page draws the pages of the sign-in room: signing in, choosing an account, a new
// password, the code of another device, signing out, and what went wrong.
//
// They are plain HTML that works without script, with a keyboard, a screen reader, and on a
// screen 320 pixels wide, light or dark. Everything that anybody named is text in them
// (html/template). Nothing is loaded from elsewhere: the one style sheet is allowed by its
// hash, and so is the one line of script by which an answer in the form_post mode sends
// itself, which has a button beside it (S-74).
package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
)

// files are the templates.
//
//go:embed *.html
var files embed.FS

// style is the one style sheet.
//
//go:embed page.css
var style string

// send is the one line of script.
const send = "document.forms[0].submit()"

// Pages draws. It is safe for concurrent use.
type Pages struct {
	templates map[string]*template.Template
	styleHash string
	sendHash  string
}

// names are the pages; each is a file that fills the frame.
var names = []string{"signin", "account", "password", "code", "confirm", "done", "logout", "post", "problem"}

// New reads the templates.
func New() (*Pages, error) {
	p := &Pages{templates: map[string]*template.Template{}, styleHash: hash(style), sendHash: hash(send)}
	for _, name := range names {
		t, err := template.New("frame.html").ParseFS(files, "frame.html", name+".html")
		if err != nil {
			return nil, fmt.Errorf("read page %s: %w", name, err)
		}
		p.templates[name] = t
	}
	return p, nil
}

// hash is how a content security policy names an inline text.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// View is what a page says. Each page uses what it needs.
type View struct {
	// Title is the heading, and the window's.
	Title string
	// Error says what was wrong with the last try; it is announced to screen readers.
	Error string
	// Action is where the form goes: a path of this service, or, for an answer in the
	// form_post mode, the client.
	Action string
	// Flow is what the form carries through; Token proves that the form is ours.
	Flow, Token string
	// Username is filled in; Fixed says that it cannot be changed.
	Username string
	Fixed    bool
	// Client is the program that asks, Tenant the organisation.
	Client, Tenant string
	// Text is what pages without a form say; Detail what helps an administrator.
	Text, Detail string
	// Fields are the hidden fields of an answer in the form_post mode.
	Fields []Field
	// FormTo is a further address that the form's answer may lead to: the client's.
	FormTo string
}

// Field is a hidden field.
type Field struct{ Name, Value string }

// framed is a View inside the frame.
type framed struct {
	View
	Style template.CSS
	Send  template.JS
}

// errNoPage is a name that is not in the list.
var errNoPage = errors.New("no such page")

// Write answers with a page.
func (p *Pages) Write(w http.ResponseWriter, status int, name string, v View) error {
	t := p.templates[name]
	if t == nil {
		return fmt.Errorf("page %s: %w", name, errNoPage)
	}
	var out bytes.Buffer
	if err := t.Execute(&out, framed{View: v, Style: template.CSS(style), Send: send}); err != nil { //nolint:gosec // both are constants of this package
		return fmt.Errorf("draw page %s: %w", name, err)
	}
	p.setHeaders(w.Header(), name == "post", v.FormTo)
	w.WriteHeader(status)
	if _, err := w.Write(out.Bytes()); err != nil {
		return fmt.Errorf("send page %s: %w", name, err)
	}
	return nil
}

// setHeaders sets what every page carries (S-74).
func (p *Pages) setHeaders(h http.Header, script bool, formTo string) {
	policy := []string{
		"default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "style-src " + p.styleHash,
		"form-action 'self'" + source(formTo),
	}
	if script {
		policy = append(policy, "script-src "+p.sendHash)
	}
	h.Set("Content-Security-Policy", strings.Join(policy, "; "))
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY") // for browsers that do not know frame-ancestors
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
	h.Set("Strict-Transport-Security", "max-age=31536000")
	h.Del("Access-Control-Allow-Origin") // pages are for the person, not for other sites
}

// source is the origin of a registered redirect URI as form-action names it: browsers apply
// the directive to where the answer to a form redirects, too.
func source(formTo string) string {
	u, err := url.Parse(formTo)
	if err != nil || u.Scheme == "" {
		return ""
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return " " + u.Scheme + ":"
	}
	if u.Host == "" || strings.ContainsAny(u.Host, " ;,'\"") {
		return ""
	}
	return " " + u.Scheme + "://" + u.Host
}
