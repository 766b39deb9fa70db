package sts

import (
	"net/http"
	"strconv"
	"time"

	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/token"
)

// answerV2 is a token response of the v2.0 endpoint (DT-2.3).
type answerV2 struct {
	Type      string `json:"token_type"`
	ExpiresIn int    `json:"expires_in"` // seconds
	ExtExpire int    `json:"ext_expires_in"`
	RefreshIn int    `json:"refresh_in,omitempty"` // only above two hours
	Token     string `json:"access_token"`
	personal
}

// answerV1 is a token response of the v1.0 endpoint: numbers are texts (DT-24).
type answerV1 struct {
	Type      string `json:"token_type"`
	ExpiresIn string `json:"expires_in"`
	ExtExpire string `json:"ext_expires_in"`
	ExpiresOn string `json:"expires_on"` // seconds since 1970
	NotBefore string `json:"not_before"`
	Resource  string `json:"resource"`
	Token     string `json:"access_token"`
	personal
}

// grantedToken is what a grant ends with.
type grantedToken struct {
	issued   token.Issued
	resource string // as requested
	personal personal
}

// seconds is how long the token lives, from its issue.
func (g grantedToken) seconds() int { return int(g.issued.Expires.Sub(g.issued.Issued) / time.Second) }

// tokenV2 serves the v2.0 token endpoint.
func (m *Room) tokenV2(w http.ResponseWriter, r *http.Request, tenant string) error {
	g, err := m.grant(r, tenant, func(t *tokenRequest) (string, error) {
		if t.hasResource {
			return "", fail(901002)
		}
		return scopeResource(t.scope)
	})
	if err != nil {
		return err
	}
	answer := answerV2{Type: "Bearer", ExpiresIn: g.seconds(), ExtExpire: g.seconds(), Token: g.issued.Token.Reveal(), personal: g.personal}
	if answer.ExpiresIn > 7200 {
		answer.RefreshIn = answer.ExpiresIn / 2
	}
	noStore(w.Header())
	return httpd.WriteJSON(w, http.StatusOK, answer)
}

// tokenV1 serves the v1.0 token endpoint.
func (m *Room) tokenV1(w http.ResponseWriter, r *http.Request, tenant string) error {
	g, err := m.grant(r, tenant, func(t *tokenRequest) (string, error) {
		switch {
		case t.resource != "":
			return t.resource, nil
		case t.scope != "":
			return scopeResource(t.scope)
		}
		return "", fail(900144, "resource")
	})
	if err != nil {
		return err
	}
	in := strconv.Itoa(g.seconds())
	noStore(w.Header())
	return httpd.WriteJSON(w, http.StatusOK, answerV1{
		Type: "Bearer", ExpiresIn: in, ExtExpire: in, ExpiresOn: strconv.FormatInt(g.issued.Expires.Unix(), 10),
		NotBefore: strconv.FormatInt(g.issued.NotBefore.Unix(), 10), Resource: g.resource, Token: g.issued.Token.Reveal(), personal: g.personal,
	})
}

// grant reads a token request and runs its grant. resource says what the endpoint's
// version asks for.
func (m *Room) grant(r *http.Request, tenant string, resource func(*tokenRequest) (string, error)) (grantedToken, error) {
	t, err := readRequest(r)
	if err != nil {
		return grantedToken{}, err
	}
	switch t.grant {
	case "":
		return grantedToken{}, fail(900144, "grant_type")
	case "client_credentials":
	default:
		return m.userGrant(r, tenant, t)
	}
	s, err := m.resolve(r.Context(), tenant)
	if err != nil {
		return grantedToken{}, err
	}
	if s.shared {
		return grantedToken{}, fail(50059)
	}
	httpd.Note(r.Context(), "tenant_id", string(s.tenant.ID))
	name, err := resource(&t)
	if err != nil {
		return grantedToken{}, err
	}
	return m.clientCredentials(r, clientRequest{tokenRequest: t, tenant: s.tenant, segment: tenant, resource: name})
}

// userGrant runs a grant that ends a person's sign-in.
func (m *Room) userGrant(r *http.Request, tenant string, t tokenRequest) (grantedToken, error) {
	run, ok := userGrants[t.grant]
	if !ok {
		return grantedToken{}, fail(70003, t.grant)
	}
	s, err := m.resolve(r.Context(), tenant)
	if err != nil {
		return grantedToken{}, err
	}
	if !s.shared {
		httpd.Note(r.Context(), "tenant_id", string(s.tenant.ID))
	}
	return m.user(r, t, s, run)
}
