package sts

import (
	"net/http"
	"strconv"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/token"
)

// recordIssue writes the sign-in row of a token, durable before the token is handed out
// (S-70, D-4). It names the token by its uti.
func (m *Room) recordIssue(r *http.Request, sp directory.ServicePrincipal, res directory.Resource, how proof, issued token.Issued) error {
	details := map[string]string{
		"uti": issued.UTI, "audience": issued.Audience, "resource_app_id": string(res.AppID), "resource_name": res.DisplayName,
		"credential": how.credential, "credential_key_id": how.keyID, "signing_key_id": issued.KeyID,
		"expires_at": issued.Expires.UTC().Format(time.RFC3339), "grant": "client_credentials",
	}
	if how.federated {
		details["federated_issuer"], details["federated_subject"], details["federated_token_id"] = clipped(how.issuer), clipped(how.subject), clipped(how.tokenID)
	}
	return m.audit.Write(r.Context(), audit.Event{
		Kind: audit.SignIn, Actor: actor(r, sp.Tenant, sp), Outcome: audit.Succeeded, Operation: "token.issue", Target: string(sp.ID), Details: details,
	})
}

// recordRefusal writes the sign-in row of a refused client.
func (m *Room) recordRefusal(r *http.Request, q clientRequest, app id.App, sp directory.ServicePrincipal, f failure) error {
	a := actor(r, q.tenant.ID, sp)
	if a.App == "" {
		a.App = app
	}
	details := map[string]string{"audience": clipped(q.resource), "credential": "secret", "grant": "client_credentials"}
	if !q.assertion.Empty() {
		details["credential"] = "assertion"
		if a, err := token.ParseAssertion(q.assertion.Reveal()); err == nil {
			details["unverified_issuer"], details["unverified_subject"] = clipped(a.Issuer), clipped(a.Subject)
		}
	}
	return m.audit.Write(r.Context(), audit.Event{
		Kind: audit.SignIn, Actor: a, Outcome: audit.Denied, Operation: "token.issue", Target: string(sp.ID),
		Reason: "AADSTS" + strconv.Itoa(f.Number()), Details: details,
	})
}

// actor is the client as the log names it.
func actor(r *http.Request, tenant id.Tenant, sp directory.ServicePrincipal) audit.Actor {
	return audit.Actor{
		Tenant: tenant, Object: sp.ID, App: sp.App, Name: sp.DisplayName, Type: string(sp.Kind),
		CorrelationID: correlationID(r), RequestID: httpd.RequestID(r.Context()), Source: r.RemoteAddr, UserAgent: r.UserAgent(),
	}
}
