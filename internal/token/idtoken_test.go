package token_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/token"
)

// DT-61: an id_token says who signed in, to the client as it spells itself, and is no access token.
func TestAnIDTokenIsNoAccessToken(t *testing.T) {
	spelled := strings.ToUpper(app)
	text, err := issuer(t).IssueID(token.IDRequest{
		Tenant: tenant, Object: object, Audience: spelled, Subject: "pairwise", UPN: "alice@contoso.example", Name: "Alice", Nonce: "n",
		Session: "s", SignedIn: now, Lifetime: time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := b64.DecodeString(strings.Split(text.Reveal(), ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(payload, &got); err != nil {
		t.Fatal(err)
	}
	for claim, want := range map[string]any{
		"aud": spelled, "iss": authority + "/" + tenant + "/v2.0", "oid": object, "tid": tenant, "sub": "pairwise", "ver": "2.0",
		"preferred_username": "alice@contoso.example", "name": "Alice", "nonce": "n", "exp": float64(now.Add(time.Hour).Unix()), "sid": "s",
	} {
		if got[claim] != want {
			t.Errorf("%s is %v, want %v", claim, got[claim], want)
		}
	}
	if _, err := verifierAt(t, now).Verify(text.Reveal(), []string{spelled}, tenant); err == nil {
		t.Error("an id_token is taken for an access token")
	}
}

// DT-3.2: what only the tokens of people say.
func TestTheTokenOfAPerson(t *testing.T) {
	r := token.Request{
		Tenant: tenant, Object: object, App: app, Audience: vault, Version: token.V1, Auth: token.AuthPublic, Lifetime: time.Hour,
		User: &token.User{Scopes: []string{"user_impersonation"}, UPN: "alice@contoso.example", Name: "Alice", Subject: "pairwise", Methods: []string{"pwd"}},
	}
	c, err := verifierAt(t, now).Verify(issue(t, r).Token.Reveal(), []string{vault}, tenant)
	if err != nil || c.Type != token.TypeUser || c.UPN != "alice@contoso.example" || c.Subject != "pairwise" || c.Auth != token.AuthPublic || c.Scopes[0] != "user_impersonation" {
		t.Errorf("%+v, %v", c, err)
	}
	r.User = nil
	if _, err := issuer(t).Issue(r); err == nil {
		t.Error("an application's own token without a credential")
	}
}
