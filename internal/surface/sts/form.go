package sts

import (
	"encoding/base64"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/secret"
	"github.com/sealring/sealring/internal/token"
)

// assertionType is the only kind of client_assertion (RFC 7523 §2.2).
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// tokenRequest is a token request as sent; nothing of it is verified.
type tokenRequest struct {
	grant         string
	client        string // as spelled
	secret        secret.Text
	assertion     secret.Text
	assertionType string
	scope         string
	resource      string
	hasResource   bool
	claims        string

	code, verifier, refresh, device secret.Text // of the grants that people's sign-ins end in
	username                        string
	password                        secret.Text
	redirect                        string
	clientInfo                      bool
}

// readRequest reads the form and the Basic header. Parameters in the query string are not
// looked at (DT-2.1). Refusals: 9002313, 900144, 90013.
func readRequest(r *http.Request) (tokenRequest, error) {
	form, err := readForm(r)
	if err != nil {
		return tokenRequest{}, err
	}
	t := tokenRequest{
		grant: form.Get("grant_type"), client: form.Get("client_id"), secret: secret.New(form.Get("client_secret")),
		assertion: secret.New(strings.TrimRight(form.Get("client_assertion"), "\r\n")), assertionType: form.Get("client_assertion_type"),
		scope: form.Get("scope"), resource: form.Get("resource"), hasResource: form.Has("resource"), claims: form.Get("claims"),
		code: secret.New(form.Get("code")), verifier: secret.New(form.Get("code_verifier")), refresh: secret.New(form.Get("refresh_token")),
		device: secret.New(form.Get("device_code")), username: form.Get("username"), password: secret.New(form.Get("password")),
		redirect: form.Get("redirect_uri"), clientInfo: form.Get("client_info") == "1",
	}
	if err := t.readBasic(r.Header.Values("Authorization")); err != nil {
		return tokenRequest{}, err
	}
	if !t.secret.Empty() && !t.assertion.Empty() {
		return tokenRequest{}, fail(90013, "it has both a client secret and a client assertion")
	}
	return t, nil
}

// readForm parses the body strictly: bad escapes and repeated parameters are refused, not
// repaired (S-5).
func readForm(r *http.Request) (url.Values, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, fail(900144, "grant_type")
	}
	body, err := httpd.ReadBody(r)
	if errors.Is(err, httpd.ErrBadJSON) {
		return nil, fail(9002313, "the body could not be read to its end")
	}
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, fail(9002313, "the form has a bad escape or separator") // err would quote the body
	}
	seen := map[string]bool{}
	for name, values := range form {
		folded := strings.ToLower(name)
		if len(values) > 1 || seen[folded] {
			return nil, fail(9002313, "a parameter is repeated")
		}
		seen[folded] = true
	}
	return form, nil
}

// readBasic takes client id and secret from HTTP Basic (RFC 6749 §2.3.1): both are
// form-encoded inside. Other schemes are refused. A client_id in the form must agree.
func (t *tokenRequest) readBasic(headers []string) error {
	if len(headers) == 0 {
		return nil
	}
	scheme, encoded, _ := strings.Cut(headers[0], " ")
	raw, err := base64.StdEncoding.DecodeString(encoded)
	user, password, found := strings.Cut(string(raw), ":")
	if len(headers) > 1 || !strings.EqualFold(scheme, "Basic") || err != nil || !found {
		return fail(9002313, "the Authorization header is not one of scheme Basic")
	}
	user, err1 := url.QueryUnescape(user)
	password, err2 := url.QueryUnescape(password)
	if err1 != nil || err2 != nil {
		return fail(9002313, "the Authorization header has a bad escape")
	}
	if !t.secret.Empty() || t.client != "" && !strings.EqualFold(t.client, user) {
		return fail(90013, "the client authenticates in the header and in the body")
	}
	t.client, t.secret = user, secret.New(password)
	return nil
}

// clientID reads the client id; canonical is what it would be without braces and blanks,
// for counting attempts (S-40). Refusals: 900144, 700016.
func (t *tokenRequest) clientID() (app, canonical id.App, err error) {
	text := t.client
	if text == "" && !t.assertion.Empty() {
		if app, err := token.UnverifiedClient(t.assertion.Reveal()); err == nil {
			return app, app, nil // RFC 7521 §4.2: the assertion names the client
		}
	}
	if text == "" {
		return "", "", fail(900144, "client_id")
	}
	canonical, _ = id.ParseApp(strings.Trim(text, " \t\r\n{}()"))
	app, err = id.ParseApp(text)
	if err != nil {
		return "", canonical, fail(700016, text)
	}
	return app, app, nil
}

// wantsCP1 reports whether the client says it handles claims challenges (DT-2.13). What
// cannot be read says nothing.
func (t *tokenRequest) wantsCP1() bool {
	var c struct {
		AccessToken struct {
			Capabilities struct {
				Values []string `json:"values"`
			} `json:"xms_cc"`
		} `json:"access_token"`
	}
	if t.claims == "" || httpd.DecodeJSON([]byte(t.claims), &c) != nil {
		return false
	}
	for _, v := range c.AccessToken.Capabilities.Values {
		if strings.EqualFold(v, "CP1") {
			return true
		}
	}
	return false
}

// oidcScopes are ignored beside a resource: MSAL for Go sends them with every grant (DT-28).
var oidcScopes = map[string]bool{"openid": true, "profile": true, "email": true, "offline_access": true}

// scopeResource returns the resource that a v2.0 scope names (DT-3.8 steps 1 and 2).
// Refusals: 900144, 70011, 1002012.
func scopeResource(scope string) (string, error) {
	var named []string
	for _, s := range strings.Fields(scope) {
		if !oidcScopes[strings.ToLower(s)] {
			named = append(named, s)
		}
	}
	switch {
	case scope == "":
		return "", fail(900144, "scope")
	case len(named) == 0:
		return "", fail(1002012, scope)
	case len(named) > 1:
		return "", fail(70011, scope)
	}
	resource, ok := strings.CutSuffix(named[0], "/.default")
	if !ok || resource == "" {
		return "", fail(1002012, named[0])
	}
	return resource, nil
}
