package sts

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/signin"
	"github.com/sealring/sealring/internal/surface/sts/aadsts"
	"github.com/sealring/sealring/internal/surface/sts/ask"
	"github.com/sealring/sealring/internal/surface/sts/page"
)

// authorization is an authorization request (RFC 6749 §4.1.1) whose client and redirect URI
// are known to belong together.
type authorization struct {
	segment   segment
	client    client
	public    bool
	redirect  string
	mode      string // query, fragment or form_post
	state     string
	nonce     string
	wish      ask.Wish
	challenge string
	prompt    []string
	hint      string        // login_hint
	info      bool          // client_info=1
	maxAge    time.Duration // how long ago the person may have signed in; negative: any time
}

// The response modes.
const (
	modeQuery    = "query"
	modeFragment = "fragment"
	modeFormPost = "form_post"
)

// authorize serves the authorization endpoint: GET, and POST of the same parameters.
func (m *Room) authorize(w http.ResponseWriter, r *http.Request, tenant string) error {
	values, err := parameters(r)
	if err != nil {
		return err
	}
	return m.begin(w, r, tenant, values)
}

// authorizeV1 is the endpoint of version 1, which names a resource instead of a scope.
func (m *Room) authorizeV1(w http.ResponseWriter, r *http.Request, tenant string) error {
	values, err := parameters(r)
	if err != nil {
		return err
	}
	if values.Get("scope") == "" || values.Has("resource") {
		resource := values.Get("resource")
		if resource == "" {
			resource = ask.Graph
		}
		values.Set("scope", resource+"/.default openid offline_access")
	}
	return m.begin(w, r, tenant, values)
}

// parameters are those of the query, or of the form where it is a POST; repeated ones are
// refused (S-5). Refusals: 9002313.
func parameters(r *http.Request) (url.Values, error) {
	if r.Method == http.MethodPost {
		return readForm(r)
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || len(r.URL.RawQuery) > 8<<10 {
		return nil, fail(9002313, "the query has a bad escape or separator, or is too long")
	}
	for _, v := range values {
		if len(v) > 1 {
			return nil, fail(9002313, "a parameter is repeated")
		}
	}
	return values, nil
}

// begin reads an authorization request and answers with a page, or with a code where a page
// is neither needed nor allowed.
func (m *Room) begin(w http.ResponseWriter, r *http.Request, tenant string, values url.Values) error {
	a, err := m.readClient(r.Context(), tenant, values)
	if err != nil {
		return err // not to the redirect URI: it is not known to be the client's
	}
	if err := m.readAuthorization(&a, values); err != nil {
		return m.answerError(w, r, a, err)
	}
	httpd.Note(r.Context(), "client_id", string(a.client.app))
	session, user, err := m.session(r, a.segment)
	if err != nil {
		return m.answerError(w, r, a, err)
	}
	signedIn := user.ID != "" && (a.hint == "" || strings.EqualFold(a.hint, user.UPN)) && (a.maxAge < 0 || m.now().Sub(session.SignedIn) <= a.maxAge)
	switch {
	case slices.Contains(a.prompt, "none"):
		if !signedIn {
			return m.answerError(w, r, a, fail(50058))
		}
		if a.public { // RFC 8252 §8.6: nobody vouches for what listens on the machine
			return m.answerError(w, r, a, fail(16000))
		}
	case !signedIn || slices.Contains(a.prompt, "login"):
		return m.showSignIn(w, r, a, values, page.View{Username: a.hint})
	case a.public || slices.Contains(a.prompt, "select_account") || slices.Contains(a.prompt, "consent"):
		return m.showAccount(w, r, a, values, user)
	}
	return m.answerCode(w, r, a, session, user)
}

// readClient finds client and redirect URI. Refusals: those of resolve, client and redirect.
func (m *Room) readClient(ctx context.Context, tenant string, values url.Values) (a authorization, err error) {
	if a.segment, err = m.resolve(ctx, tenant); err != nil {
		return a, err
	}
	if a.client, err = m.client(ctx, a.segment, values.Get("client_id")); err != nil {
		return a, err
	}
	a.redirect, a.state = values.Get("redirect_uri"), values.Get("state")
	if a.public, err = a.client.redirect(a.redirect); err != nil {
		return a, err
	}
	switch mode := values.Get("response_mode"); mode {
	case "", modeQuery:
		a.mode = modeQuery
	case modeFragment, modeFormPost:
		a.mode = mode
	default:
		return a, fail(90013, "response_mode must be query, fragment or form_post")
	}
	if a.mode == modeFormPost && !strings.HasPrefix(a.redirect, "http") {
		return a, fail(90013, "response_mode form_post needs a redirect URI of scheme https, or of this machine")
	}
	return a, nil
}

// readAuthorization reads the rest; what is wrong with it is told to the client.
// Refusals: 700054, 9002325, 90013 and those of readWish.
func (m *Room) readAuthorization(a *authorization, values url.Values) (err error) {
	if got := values.Get("response_type"); got != "code" {
		return fail(700054, got)
	}
	a.challenge, a.nonce, a.hint = values.Get("code_challenge"), values.Get("nonce"), values.Get("login_hint")
	a.prompt, a.info = strings.Fields(values.Get("prompt")), values.Get("client_info") == "1"
	for _, p := range a.prompt {
		if !slices.Contains([]string{"none", "login", "consent", "select_account", "create"}, p) {
			return fail(90013, "prompt must be login, none, consent or select_account")
		}
	}
	a.maxAge = -1
	if text := values.Get("max_age"); text != "" {
		seconds, err := strconv.ParseUint(text, 10, 31)
		if err != nil {
			return fail(90013, "max_age must be a number of seconds")
		}
		a.maxAge = time.Duration(seconds) * time.Second
	}
	if len(a.state) > 4096 || len(a.nonce) > 512 || len(a.hint) > 320 {
		return fail(90013, "state, nonce or login_hint is too long")
	}
	method := values.Get("code_challenge_method")
	switch {
	case a.challenge == "" && method == "" && !a.public:
	case method != "S256" || len(a.challenge) != 43:
		return fail(9002325) // plain, the default of RFC 7636, too (S-73)
	}
	a.wish, err = readWish(values.Get("scope"))
	return err
}

// answerCode ends a sign-in: the client gets an authorization code.
func (m *Room) answerCode(w http.ResponseWriter, r *http.Request, a authorization, s signin.Session, u directory.User) error {
	if _, _, err := m.granted(r.Context(), u, a.client, a.wish); err != nil {
		return m.answerError(w, r, a, m.recordUserRefusal(r, u, u.Tenant, a.client, "interactive", err))
	}
	code, err := m.signin.IssueCode(r.Context(), signin.Code{
		Grant: signin.Grant{
			Tenant: u.Tenant, User: u.ID, Epoch: u.Epoch, Client: a.client.app, Scope: a.wish.Text, Nonce: a.nonce, Session: s.ID, SignedIn: s.SignedIn,
		},
		Redirect: a.redirect, Challenge: a.challenge,
	})
	if err != nil {
		return m.answerError(w, r, a, err)
	}
	fields := []page.Field{{Name: "code", Value: code.Reveal()}}
	if a.info {
		fields = append(fields, page.Field{Name: "client_info", Value: clientInfo(u.ID, u.Tenant)})
	}
	fields = append(fields, page.Field{Name: "session_state", Value: s.ID})
	return m.answer(w, r, a, fields)
}

// answerError tells the client what went wrong (RFC 6749 §4.1.2.1); our own failures, too, so
// that the program in front of the person does not wait for ever.
func (m *Room) answerError(w http.ResponseWriter, r *http.Request, a authorization, err error) error {
	f, ok := translate(err, "")
	if !ok {
		return err // to the page, and to the log
	}
	kind, number, text := aadsts.Catalogue[f.Code].Error, f.Number(), f.Sentence()
	switch kind {
	case "invalid_grant", "unauthorized_client":
		kind = "access_denied" // the others are errors of the token endpoint
	case "invalid_resource":
		kind = "invalid_scope"
	}
	httpd.Note(r.Context(), "reason", "AADSTS"+strconv.Itoa(number))
	return m.answer(w, r, a, []page.Field{
		{Name: "error", Value: kind},
		{Name: "error_description", Value: "AADSTS" + strconv.Itoa(number) + ": " + text + " Trace ID: " + httpd.RequestID(r.Context())},
		{Name: "error_uri", Value: m.entryAuthority(r.Context()) + "/error?code=" + strconv.Itoa(number)},
	})
}

// answer goes back to the client with fields and the state, as it asked (S-73: state is echoed
// unchanged, and nothing but the code is secret in it).
func (m *Room) answer(w http.ResponseWriter, r *http.Request, a authorization, fields []page.Field) error {
	if a.state != "" {
		fields = append(fields, page.Field{Name: "state", Value: a.state})
	}
	if a.mode == modeFormPost {
		return m.pages.Write(w, http.StatusOK, "post", page.View{Title: "One moment", Action: a.redirect, Fields: fields, Client: a.client.name, FormTo: a.redirect})
	}
	query := url.Values{}
	for _, f := range fields {
		query.Set(f.Name, f.Value)
	}
	to := a.redirect
	switch {
	case a.mode == modeFragment:
		to += "#" + query.Encode()
	case strings.Contains(to, "?"):
		to += "&" + query.Encode()
	default:
		to += "?" + query.Encode()
	}
	h := w.Header()
	noStore(h)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Location", to)
	h.Del("Access-Control-Allow-Origin")
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

// tenantOf is the tenant in which a name signs in: the one of the URL, or the one that has
// the name's domain; "" if none has, which then is as good as a name that nobody has.
func (m *Room) tenantOf(ctx context.Context, s segment, username string) (id.Tenant, error) {
	if !s.shared {
		return s.tenant.ID, nil
	}
	_, domain, _ := strings.Cut(username, "@")
	t, err := m.directory.TenantByDomain(ctx, domain)
	if isNoTenant(err) {
		return "", nil
	}
	return t.ID, err
}
