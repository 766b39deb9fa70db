package sts

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/secret"
	"github.com/sealring/sealring/internal/signin"
	"github.com/sealring/sealring/internal/surface/sts/aadsts"
	"github.com/sealring/sealring/internal/surface/sts/limit"
	"github.com/sealring/sealring/internal/surface/sts/page"
)

// sessionCookie is the cookie of the browser's session.
const sessionCookie = "__Host-sealring-session"

// isNoTenant reports a domain or id that no tenant has.
func isNoTenant(err error) bool { return errors.Is(err, directory.ErrTenantNotFound) }

// session returns the browser's session and its user, in the tenant of s; the zero User where
// nobody is signed in. On plain localhost there are no sessions: browsers send the cookies of
// a host to every port of it, so other programs on the machine would see them.
func (m *Room) session(r *http.Request, s segment) (signin.Session, directory.User, error) {
	session, err := m.signin.Session(r.Context(), secret.New(page.ReadCookie(r, sessionCookie)))
	if errors.Is(err, signin.ErrNoSession) {
		return session, directory.User{}, nil
	}
	if err != nil {
		return session, directory.User{}, err
	}
	u, err := m.person(r.Context(), signin.Grant{Tenant: session.Tenant, User: session.User, Epoch: session.Epoch})
	if f, refused := translate(err, ""); err != nil {
		if refused && f.Code != 90033 {
			return session, directory.User{}, nil // the session has ended
		}
		return session, directory.User{}, err
	}
	if inSegment(s, u.Tenant) != nil {
		return session, directory.User{}, nil
	}
	return session, u, nil
}

// onLocalhost reports whether the request came in by a name that other programs share.
func (m *Room) onLocalhost(ctx context.Context) bool {
	u, err := url.Parse(m.entryAuthority(ctx))
	return err != nil || u.Hostname() == "localhost"
}

// form is a form of ours that came back, proved to be ours.
type form struct {
	url.Values
	flow string
}

// readProved reads a form and refuses it unless it came from a page of ours in the same
// browser (S-74): the browser says same-origin, and the proof fits the cookie. Refusals: 90013.
func (m *Room) readProved(r *http.Request, purpose string) (form, error) {
	if r.Method != http.MethodPost {
		return form{}, fail(aadsts.Method)
	}
	values, err := readForm(r)
	if err != nil {
		return form{}, err
	}
	f := form{values, values.Get("flow")}
	if !m.forms.Proved(r, m.entryAuthority(r.Context()), purpose, f.flow, values.Get("token")) {
		return form{}, fail(90013, "the page has expired, or the form was not sent by it; go back to the program and begin again")
	}
	return f, nil
}

// showSignIn answers with the page for name and password.
func (m *Room) showSignIn(w http.ResponseWriter, r *http.Request, a authorization, values url.Values, v page.View) error {
	v.Title, v.Client, v.FormTo = "Sign in", a.client.name, a.redirect
	return m.show(w, r, a, values, "signin", v)
}

// showAccount answers with the page that asks whether to go on as the person of the session.
func (m *Room) showAccount(w http.ResponseWriter, r *http.Request, a authorization, values url.Values, u directory.User) error {
	return m.show(w, r, a, values, "account", page.View{Title: "Choose an account", Username: u.UPN, Client: a.client.name, FormTo: a.redirect})
}

// show answers with a page of an authorization request.
func (m *Room) show(w http.ResponseWriter, r *http.Request, a authorization, values url.Values, name string, v page.View) error {
	v.Action = "/" + url.PathEscape(a.segment.text) + "/login"
	if !a.segment.shared {
		v.Tenant = a.segment.tenant.DisplayName
	}
	if err := m.forms.Prove(w, r, &v, "authorize "+a.segment.text, values.Encode()); err != nil {
		return err
	}
	status := http.StatusOK
	if v.Error != "" {
		status = http.StatusBadRequest
	}
	return m.pages.Write(w, status, name, v)
}

// login takes the forms of an authorization request. Everything it carries through is read
// and checked anew.
func (m *Room) login(w http.ResponseWriter, r *http.Request, tenant string) error {
	s, err := m.resolve(r.Context(), tenant)
	if err != nil {
		return err
	}
	f, err := m.readProved(r, "authorize "+s.text)
	if err != nil {
		return err
	}
	values, err := url.ParseQuery(f.flow)
	if err != nil {
		return fail(9002313, "the form has a bad escape or separator")
	}
	a, err := m.readClient(r.Context(), tenant, values)
	if err != nil {
		return err
	}
	if err := m.readAuthorization(&a, values); err != nil {
		return m.answerError(w, r, a, err)
	}
	switch f.Get("do") {
	case "cancel":
		return m.answerError(w, r, a, fail(65004))
	case "other":
		return m.showSignIn(w, r, a, values, page.View{})
	case "continue":
		session, user, err := m.session(r, s)
		if err != nil || user.ID == "" {
			return m.showSignIn(w, r, a, values, page.View{Username: a.hint, Error: "The session has ended. Sign in again."})
		}
		return m.answerCode(w, r, a, session, user)
	}
	user, again, err := m.check(r, s, a.client, f)
	if err != nil {
		return err
	}
	if again.name != "" {
		again.view.Client, again.view.FormTo = a.client.name, a.redirect
		return m.show(w, r, a, values, again.name, again.view)
	}
	session, err := m.startSession(w, r, user, !m.onLocalhost(r.Context()))
	if err != nil {
		return m.answerError(w, r, a, err)
	}
	return m.answerCode(w, r, a, session, user)
}

// again is the page to show instead of going on; none where name is "".
type again struct {
	name string
	view page.View
}

// check takes name and password from a form, and a new password where one is asked for. An
// error is ours; what the person can mend is a page.
func (m *Room) check(r *http.Request, s segment, c client, f form) (directory.User, again, error) {
	ctx := r.Context()
	name := strings.TrimSpace(f.Get("username"))
	tenant, err := m.tenantOf(ctx, s, name)
	if err != nil {
		return directory.User{}, again{}, err
	}
	changing := f.Get("do") == "change"
	var u directory.User
	switch {
	case m.attempts.Wait(limit.Network(r.RemoteAddr)) > 0:
		return u, again{"signin", page.View{Title: "Sign in", Username: clipped(name), Error: "Too many wrong passwords came from your network. Try again in a minute."}}, nil
	case changing && f.Get("new") != f.Get("again"):
		return u, changePage(name, "The two new passwords differ."), nil
	case changing:
		u, err = m.directory.ChangePassword(ctx, tenant, name, secret.New(f.Get("password")), secret.New(f.Get("new")))
	default:
		u, err = m.directory.AuthenticatePassword(ctx, tenant, name, secret.New(f.Get("password")))
	}
	if err == nil && u.MustChange {
		return u, changePage(u.UPN, ""), nil
	}
	if err == nil {
		return u, again{}, nil
	}
	if errors.Is(err, directory.ErrBusy) {
		return u, again{"signin", page.View{Title: "Sign in", Username: clipped(name), Error: "Many people are signing in. Try again in a moment."}}, nil
	}
	m.countAttempt(r, err)
	refused := m.recordUserRefusal(r, u, tenant, c, "interactive", err)
	told, ok := errors.AsType[failure](refused)
	if !ok {
		return u, again{}, refused
	}
	httpd.Note(ctx, "reason", "AADSTS"+strconv.Itoa(told.Number()))
	if errors.Is(err, directory.ErrPasswordWeak) {
		return u, changePage(name, sentence(err)), nil
	}
	return u, again{"signin", page.View{Title: "Sign in", Username: clipped(name), Error: told.Sentence()}}, nil
}

// attemptRate is how many wrong passwords one network may send, whatever the names: it bounds
// what guessing for many names at once costs the server.
var attemptRate = limit.Rate{Burst: 60, Interval: 5 * time.Second}

// countAttempt counts a wrong password.
func (m *Room) countAttempt(r *http.Request, err error) {
	if errors.Is(err, directory.ErrWrongPassword) || errors.Is(err, directory.ErrLocked) {
		m.attempts.Take(limit.Network(r.RemoteAddr))
	}
}

// changePage asks for a new password.
func changePage(username, wrong string) again {
	return again{"password", page.View{Title: "Choose a new password", Username: clipped(username), Error: wrong}}
}

// startSession makes the session of a person who has just signed in; keep sets its cookie. The
// session that the browser had is over.
func (m *Room) startSession(w http.ResponseWriter, r *http.Request, u directory.User, keep bool) (signin.Session, error) {
	if err := m.signin.EndSession(r.Context(), secret.New(page.ReadCookie(r, sessionCookie))); err != nil {
		return signin.Session{}, err
	}
	session, value, err := m.signin.StartSession(r.Context(), u.Tenant, u.ID, u.Epoch)
	if err != nil {
		return session, err
	}
	if keep {
		http.SetCookie(w, page.Cookie(sessionCookie, value.Reveal()))
	}
	return session, nil
}

// clientInfo is the parameter by which MSAL knows accounts apart (DT-61).
func clientInfo(user id.Object, tenant id.Tenant) string {
	return base64.RawURLEncoding.EncodeToString([]byte(`{"uid":"` + string(user) + `","utid":"` + string(tenant) + `"}`))
}

// writeProblem is writeError for what a browser shows: what may be said, and where to look
// for the rest.
func (m *Room) writeProblem(w http.ResponseWriter, r *http.Request, err error) {
	status, number, text := aadsts.Internal.Status, aadsts.Internal.Number, aadsts.Internal.Text
	if f, ok := translate(err, ""); ok {
		status, number, text = aadsts.Catalogue[f.Code].Status, f.Number(), f.Sentence()
	}
	httpd.Note(r.Context(), "reason", "AADSTS"+strconv.Itoa(number))
	detail := "AADSTS" + strconv.Itoa(number) + " · Trace ID: " + httpd.RequestID(r.Context()) + " · " + m.now().UTC().Format("2006-01-02 15:04:05Z")
	_ = m.pages.Write(w, status, "problem", page.View{Title: "Sign-in did not work", Text: text, Detail: detail}) // a client that hung up is in the access event
}
