package sts

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/signin"
	"github.com/sealring/sealring/internal/surface/sts/ask"
	"github.com/sealring/sealring/internal/token"
)

// idLife is how long an id_token is valid (DT-3.6).
const idLife = time.Hour

// personal is what an answer says beside the access token where a person signed in (DT-2.8).
type personal struct {
	Scope      string `json:"scope,omitempty"`
	Refresh    string `json:"refresh_token,omitempty"`
	IDToken    string `json:"id_token,omitempty"`
	ClientInfo string `json:"client_info,omitempty"`
}

// userRequest is a request for tokens on behalf of a person, in which everything is proved.
type userRequest struct {
	tokenRequest
	client client
	public bool // the client proved nothing
	wish   ask.Wish
	grant  signin.Grant
	// interactive says that the person has just signed in on a page.
	interactive bool
}

// person returns the user of a grant while the grant holds. Refusals: 50034, 50057, 50173.
func (m *Room) person(ctx context.Context, g signin.Grant) (directory.User, error) {
	u, err := m.directory.User(ctx, g.Tenant, g.User)
	if err != nil {
		return u, err
	}
	switch {
	case !u.Enabled:
		return u, directory.ErrUserDisabled
	case u.Epoch != g.Epoch:
		return u, signin.ErrRevoked
	}
	return u, nil
}

// userToken makes the access token and what belongs to it; refresh makes the refresh token,
// nil for none. What was issued is recorded before it is answered (S-70).
func (m *Room) userToken(r *http.Request, q userRequest, u directory.User, refresh func() (string, error)) (grantedToken, error) {
	ctx := r.Context()
	res, scopes, err := m.granted(ctx, u, q.client, q.wish)
	if err != nil {
		return grantedToken{}, err
	}
	tenant, err := m.directory.Tenant(ctx, u.Tenant)
	if err != nil {
		return grantedToken{}, err
	}
	request := token.Request{
		Tenant: u.Tenant, Object: u.ID, App: q.client.app, Audience: res.Audience, Version: token.Version(res.Version), Auth: token.AuthPublic,
		TenantCreated: tenant.Created, ClientCapable: q.wantsCP1(),
		User: &token.User{Scopes: scopes, UPN: u.UPN, Name: u.DisplayName, Subject: m.pairwise(u, res.AppID), Methods: []string{"pwd"}, Address: peer(r)},
	}
	if !q.public {
		request.Auth = token.AuthSecret
		if !q.assertion.Empty() {
			request.Auth = token.AuthAssertion
		}
	}
	if err := m.entitle(ctx, &request, res); err != nil {
		return grantedToken{}, err
	}
	if request.Lifetime, err = m.lifetime(); err != nil {
		return grantedToken{}, err
	}
	out := grantedToken{resource: q.wish.Resource, personal: personal{Scope: q.wish.Text}}
	if out.issued, err = m.issuer.Issue(request); err != nil {
		return grantedToken{}, fmt.Errorf("issue a token for user %s: %w", u.ID, err)
	}
	httpd.Note(ctx, "uti", out.issued.UTI)
	if q.wish.OpenID {
		if out.personal.IDToken, err = m.idToken(q, u); err != nil {
			return grantedToken{}, err
		}
	}
	if q.clientInfo {
		out.personal.ClientInfo = clientInfo(u.ID, u.Tenant)
	}
	if refresh != nil && q.wish.Offline {
		if out.personal.Refresh, err = refresh(); err != nil {
			return grantedToken{}, err
		}
	}
	return out, m.recordUserIssue(r, q, u, res, out.issued)
}

// idToken makes the id_token of an answer.
func (m *Room) idToken(q userRequest, u directory.User) (string, error) {
	text, err := m.issuer.IssueID(token.IDRequest{
		Tenant: u.Tenant, Object: u.ID, Audience: q.tokenRequest.client, Subject: m.pairwise(u, q.client.app), UPN: u.UPN, Name: u.DisplayName,
		Nonce: q.grant.Nonce, Session: q.grant.Session, SignedIn: q.grant.SignedIn, Lifetime: idLife,
	})
	if err != nil {
		return "", fmt.Errorf("issue an id_token for user %s: %w", u.ID, err)
	}
	return text.Reveal(), nil
}

// pairwise is the subject of a person at one application: two applications cannot tell from
// it that they see the same person.
func (m *Room) pairwise(u directory.User, app id.App) string {
	mac := m.hash.MAC("sts pairwise subject", []byte(string(u.Tenant)+"\x00"+string(u.ID)+"\x00"+string(app)))
	return base64.RawURLEncoding.EncodeToString(mac)
}

// peer is the address of the caller, without the port.
func peer(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return host
}

// userActor is a person and their client as the log names them.
func userActor(r *http.Request, u directory.User, app id.App) audit.Actor {
	return audit.Actor{
		Tenant: u.Tenant, Object: u.ID, App: app, Name: u.UPN, Type: "User",
		CorrelationID: correlationID(r), RequestID: httpd.RequestID(r.Context()), Source: r.RemoteAddr, UserAgent: r.UserAgent(),
	}
}

// recordUserIssue writes the sign-in row of a person's token.
func (m *Room) recordUserIssue(r *http.Request, q userRequest, u directory.User, res directory.Resource, issued token.Issued) error {
	return m.audit.Write(r.Context(), audit.Event{
		Kind: audit.SignIn, Actor: userActor(r, u, q.client.app), Outcome: audit.Succeeded, Operation: "token.issue", Target: string(u.ID),
		Details: map[string]string{
			"uti": issued.UTI, "audience": issued.Audience, "resource_app_id": string(res.AppID), "resource_name": res.DisplayName,
			"credential": "password", "signing_key_id": issued.KeyID, "expires_at": issued.Expires.UTC().Format(time.RFC3339),
			"grant": q.tokenRequest.grant, "client_name": q.client.name, "user_principal_name": u.UPN, "interactive": yesNo(q.interactive), "scope": clipped(q.wish.Text),
		},
	})
}

// yesNo is a truth value as the record holds it.
func yesNo(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

// recordUserRefusal writes the sign-in row of a person who was refused, and returns what to
// answer. A name that nobody has is not written down: it may be a password in the wrong field.
func (m *Room) recordUserRefusal(r *http.Request, u directory.User, tenant id.Tenant, c client, grant string, err error) error {
	f, ok := translate(err, u.UPN)
	if !ok || errors.Is(err, signin.ErrDevicePending) {
		return err
	}
	if u.Tenant == "" {
		u.Tenant = tenant
	}
	if u.Tenant == "" && grant != "interactive" && grant != "password" {
		return f // a code or token that nobody was given: anybody can send any number; the access log has them
	}
	e := audit.Event{
		Kind: audit.SignIn, Actor: userActor(r, u, c.app), Outcome: audit.Denied, Operation: "token.issue", Target: string(u.ID),
		Reason: fmt.Sprintf("AADSTS%d", f.Number()),
		Details: map[string]string{"credential": "password", "grant": grant, "client_name": c.name, "user_principal_name": u.UPN,
			"interactive": yesNo(grant == "interactive")},
	}
	if err := m.audit.Write(r.Context(), e); err != nil {
		return err
	}
	return f
}
