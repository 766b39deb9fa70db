package sts

import (
	"errors"
	"net/http"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/signin"
	"github.com/sealring/sealring/internal/surface/sts/aadsts"
	"github.com/sealring/sealring/internal/surface/sts/ask"
	"github.com/sealring/sealring/internal/surface/sts/limit"
)

// userGrant ends a person's sign-in: it proves the grant and makes the tokens.
type userGrant func(m *Room, r *http.Request, q userRequest, s segment) (grantedToken, error)

// userGrants are the grants by which clients act for people, by grant_type; MSAL sends device
// codes under two names (DT-62).
var userGrants = map[string]userGrant{
	"authorization_code": (*Room).authorizationCode,
	"refresh_token":      (*Room).refreshToken,
	"device_code":        (*Room).deviceGrant,
	"urn:ietf:params:oauth:grant-type:device_code": (*Room).deviceGrant,
	"password": (*Room).passwordGrant,
}

// user runs a grant of a person's client.
func (m *Room) user(r *http.Request, t tokenRequest, s segment, run userGrant) (grantedToken, error) {
	c, err := m.client(r.Context(), s, t.client)
	if err != nil {
		return grantedToken{}, err
	}
	q := userRequest{tokenRequest: t, client: c}
	if q.public, err = m.proveClient(r, q, s); err != nil {
		return grantedToken{}, err
	}
	return run(m, r, q, s)
}

// proveClient checks the credential of a client that has one, and reports whether it is a
// public client, which must send none. Refusals: 700025, 7000218 and those of the credential.
func (m *Room) proveClient(r *http.Request, q userRequest, s segment) (public bool, err error) {
	none, public := q.secret.Empty() && q.assertion.Empty(), q.client.fallback
	if q.redirect != "" { // which registration of a client with several is meant
		if public, err = q.client.redirect(q.redirect); err != nil {
			return false, err
		}
	}
	switch {
	case none && public:
		return true, nil
	case none:
		return false, fail(7000218, string(q.client.app))
	case q.client.firstParty || q.redirect != "" && public:
		return false, fail(700025, string(q.client.app))
	}
	cq := clientRequest{tokenRequest: q.tokenRequest, tenant: s.tenant, segment: s.text}
	sp, how, err := m.authenticate(r.Context(), cq, q.client.app)
	if err == nil && how.use.Digest != nil {
		err = m.trust.UseAssertion(r.Context(), q.client.app, how.use) // S-36: whatever the grant
	}
	if err != nil {
		return false, m.refuseUnproved(r, cq, q.client.app, sp, err)
	}
	return false, nil
}

// inSegment refuses a grant of another tenant than the URL names. Refusals: 50020.
func inSegment(s segment, tenant id.Tenant) error {
	if s.shared || s.tenant.ID == tenant {
		return nil
	}
	return fail(50020, s.text)
}

// authorizationCode serves RFC 6749 §4.1.3 with RFC 7636 §4.5.
func (m *Room) authorizationCode(r *http.Request, q userRequest, s segment) (grantedToken, error) {
	if q.code.Empty() {
		return grantedToken{}, fail(900144, "code")
	}
	code, family, err := m.signin.RedeemCode(r.Context(), signin.Presented{Code: q.code, Client: q.client.app, Redirect: q.redirect, Verifier: q.verifier.Reveal()})
	q.grant, q.interactive = code.Grant, true
	q.grant.Proved = !q.public
	if err == nil && code.Challenge == "" && q.public {
		err = signin.ErrVerifier // a public client without PKCE gets no code; this is the second lock
	}
	if err == nil {
		err = inSegment(s, code.Tenant)
	}
	return m.conclude(r, q, err, func() (string, error) {
		text, err := m.signin.IssueRefresh(r.Context(), family, q.grant)
		return text.Reveal(), err
	})
}

// deviceGrant serves RFC 8628 §3.4.
func (m *Room) deviceGrant(r *http.Request, q userRequest, s segment) (grantedToken, error) {
	if q.device.Empty() {
		q.device = q.code // as older clients call it
	}
	if q.device.Empty() {
		return grantedToken{}, fail(900144, "device_code")
	}
	grant, err := m.signin.RedeemDevice(r.Context(), q.device, q.client.app)
	q.grant, q.interactive = grant, true
	if err == nil {
		err = inSegment(s, grant.Tenant)
	}
	if q.scope == "" {
		q.scope = grant.Scope
	}
	return m.conclude(r, q, err, func() (string, error) {
		text, err := m.signin.IssueRefresh(r.Context(), "", q.grant)
		return text.Reveal(), err
	})
}

// refreshToken serves RFC 6749 §6: the token is good for any resource, and is exchanged.
func (m *Room) refreshToken(r *http.Request, q userRequest, s segment) (grantedToken, error) {
	if q.refresh.Empty() {
		return grantedToken{}, fail(900144, "refresh_token")
	}
	grant, err := m.signin.Refreshed(r.Context(), q.refresh, q.client.app)
	q.grant = grant
	if err == nil && grant.Proved && q.public {
		err = fail(7000218, string(q.client.app))
	}
	if err == nil {
		err = inSegment(s, grant.Tenant)
	}
	if q.scope == "" && q.resource == "" {
		q.scope = grant.Scope
	}
	q.wish.Offline = true                                 // whoever has a refresh token keeps one
	return m.conclude(r, q, err, func() (string, error) { // last: a request that is refused for another reason uses nothing up
		_, next, err := m.signin.Rotate(r.Context(), q.refresh, q.client.app)
		return next.Reveal(), err
	})
}

// passwordGrant serves RFC 6749 §4.3 where the operator allows it. A password that has to be
// changed is refused: that needs a page.
func (m *Room) passwordGrant(r *http.Request, q userRequest, s segment) (grantedToken, error) {
	if !m.passwords {
		return grantedToken{}, fail(70003, "password")
	}
	if q.username == "" || q.password.Empty() {
		return grantedToken{}, fail(900144, "username and password")
	}
	if wait := m.attempts.Wait(limit.Network(r.RemoteAddr)); wait > 0 {
		return grantedToken{}, failure{Code: aadsts.Busy, Retry: wait}
	}
	tenant, err := m.tenantOf(r.Context(), s, q.username)
	if err != nil {
		return grantedToken{}, err
	}
	u, err := m.directory.AuthenticatePassword(r.Context(), tenant, q.username, q.password)
	m.countAttempt(r, err)
	if err == nil && u.MustChange {
		err = fail(50055)
	}
	q.grant = signin.Grant{Tenant: tenant, User: u.ID, Epoch: u.Epoch, Client: q.client.app, Scope: q.scope, SignedIn: m.now().UTC()}
	return m.conclude(r, q, err, func() (string, error) {
		text, err := m.signin.IssueRefresh(r.Context(), "", q.grant)
		return text.Reveal(), err
	})
}

// conclude answers a grant that was proved, or records why it was not.
func (m *Room) conclude(r *http.Request, q userRequest, err error, refresh func() (string, error)) (grantedToken, error) {
	var u directory.User
	if err == nil || errors.Is(err, signin.ErrRevoked) || errors.Is(err, signin.ErrCodeUsed) {
		known, gone := m.person(r.Context(), q.grant)
		if u = known; err == nil {
			err = gone
		}
	}
	offline := q.wish.Offline
	if err == nil {
		q.wish, err = q.userWish()
		q.wish.Offline = q.wish.Offline || offline
	}
	var out grantedToken
	if err == nil {
		out, err = m.userToken(r, q, u, refresh)
	}
	if err != nil {
		return grantedToken{}, m.recordUserRefusal(r, u, q.grant.Tenant, q.client, q.tokenRequest.grant, err)
	}
	return out, nil
}

// userWish is what the request asks for: a scope, or, at the v1.0 endpoint, a resource.
func (q userRequest) userWish() (ask.Wish, error) {
	if q.scope == "" && q.resource != "" {
		return ask.Wish{Text: impersonation, Resource: q.resource, Names: []string{ask.Default}, OpenID: true, Offline: true}, nil
	}
	if q.scope == "" && q.tokenRequest.grant == "authorization_code" {
		return readWish(q.grant.Scope)
	}
	return readWish(q.scope)
}
