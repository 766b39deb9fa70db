package sts

import (
	"net/http"
	"net/url"

	"github.com/sealring/sealring/internal/secret"
	"github.com/sealring/sealring/internal/surface/sts/page"
)

// logoutPurpose binds the form of the sign-out page.
const logoutPurpose = "logout"

// logout ends the browser's session, once the person says so: other sites can send a browser
// here. Afterwards it goes to post_logout_redirect_uri where that is a redirect URI of the
// client named by client_id, and nowhere else.
func (m *Room) logout(w http.ResponseWriter, r *http.Request, tenant string) error {
	s, err := m.resolve(r.Context(), tenant)
	if err != nil {
		return err
	}
	if r.Method == http.MethodPost && !r.URL.Query().Has("post_logout_redirect_uri") {
		return m.signOut(w, r, s)
	}
	values, err := parameters(r)
	if err != nil {
		return err
	}
	back := url.Values{}
	for _, name := range []string{"client_id", "post_logout_redirect_uri", "state"} {
		if v := values.Get(name); v != "" {
			back.Set(name, v)
		}
	}
	_, user, err := m.session(r, segment{shared: true})
	if err != nil {
		return err
	}
	if user.ID == "" {
		return m.signedOut(w, r, s, back)
	}
	v := page.View{Title: "Sign out?", Username: user.UPN, Action: "/" + url.PathEscape(s.text) + "/oauth2/v2.0/logout", FormTo: m.afterLogout(r, s, back)}
	if err := m.forms.Prove(w, r, &v, logoutPurpose, back.Encode()); err != nil {
		return err
	}
	return m.pages.Write(w, http.StatusOK, "logout", v)
}

// signOut takes the form of the sign-out page.
func (m *Room) signOut(w http.ResponseWriter, r *http.Request, s segment) error {
	f, err := m.readProved(r, logoutPurpose)
	if err != nil {
		return err
	}
	back, err := url.ParseQuery(f.flow)
	if err != nil {
		return fail(9002313, "the form has a bad escape or separator")
	}
	if err := m.signin.EndSession(r.Context(), secret.New(page.ReadCookie(r, sessionCookie))); err != nil {
		return err
	}
	http.SetCookie(w, page.Cookie(sessionCookie, ""))
	return m.signedOut(w, r, s, back)
}

// afterLogout is where to go afterwards; "" for nowhere.
func (m *Room) afterLogout(r *http.Request, s segment, back url.Values) string {
	to := back.Get("post_logout_redirect_uri")
	if to == "" {
		return ""
	}
	c, err := m.client(r.Context(), s, back.Get("client_id"))
	if err != nil {
		return ""
	}
	if _, err := c.redirect(to); err != nil {
		return ""
	}
	return to
}

// signedOut says so, or goes back to the client.
func (m *Room) signedOut(w http.ResponseWriter, r *http.Request, s segment, back url.Values) error {
	if to := m.afterLogout(r, s, back); to != "" {
		return m.answer(w, r, authorization{redirect: to, mode: modeQuery, state: back.Get("state")}, nil)
	}
	return m.pages.Write(w, http.StatusOK, "done", page.View{Title: "Signed out", Text: "You are signed out of this browser. Programs that you signed in to stay signed in."})
}
