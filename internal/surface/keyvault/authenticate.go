package keyvault

import (
	"errors"
	"net"
	"net/http"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/bearer"
	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/token"
	"github.com/sealring/sealring/internal/vault"
)

// unauthorized is a failure to authenticate, with the tenant that the challenge names.
type unauthorized struct {
	tenant id.Tenant
	err    error
}

// Error implements error.
func (u *unauthorized) Error() string { return u.err.Error() }

// Unwrap serves errors.Is.
func (u *unauthorized) Unwrap() error { return u.err }

// authenticate returns the caller, who must belong to the vault's tenant, and the request
// with the caller as actor. Errors: *unauthorized, and those of a store that is not there.
func (k *Room) authenticate(r *http.Request, v vault.Vault) (*http.Request, bearer.Principal, error) {
	actor := audit.Actor{
		Tenant: v.Tenant, CorrelationID: httpd.CorrelationID(r.Context()), RequestID: httpd.RequestID(r.Context()),
		Source: r.RemoteAddr, UserAgent: r.UserAgent(),
	}
	p, err := k.bearer.Authenticate(r, k.audiences, v.Tenant)
	if err != nil {
		if recordable(err) {
			event := audit.Event{
				Kind: audit.Security, Actor: actor, Outcome: audit.Denied, Operation: "vault.authenticate", Target: v.ID.String(),
				Subscription: v.ID.Subscription(), Reason: err.Error(),
			}
			if failure := k.audit.Write(r.Context(), event); failure != nil {
				return nil, bearer.Principal{}, failure
			}
		}
		if isUnauthenticated(err) {
			return nil, bearer.Principal{}, &unauthorized{tenant: v.Tenant, err: err}
		}
		return nil, bearer.Principal{}, err
	}
	actor.Object, actor.App, actor.Type = p.Object, p.App, actorType(p)
	httpd.Note(r.Context(), "tenant_id", string(p.Tenant))
	httpd.Note(r.Context(), "principal_id", string(p.Object))
	httpd.Note(r.Context(), "resource_id", v.ID.String())
	return r.WithContext(audit.WithActor(r.Context(), actor)), p, nil
}

// recordable reports whether err refuses a token of ours: those refusals go on record one
// by one, while probes without one do not (L-2).
func recordable(err error) bool {
	for _, genuine := range []error{token.ErrAudience, token.ErrTenant, token.ErrIssuer, token.ErrExpired, bearer.ErrGone, bearer.ErrRevoked} {
		if errors.Is(err, genuine) {
			return true
		}
	}
	return false
}

// actorType names the kind of principal for the record.
func actorType(p bearer.Principal) string {
	switch {
	case p.Type == token.TypeUser:
		return "User"
	case p.MIRID != "":
		return "ManagedIdentity"
	}
	return "Application"
}

// serviceVersion is what answers give as the version of the service.
const serviceVersion = "1.0.0.0"

// standardHeaders sets what every answer of Key Vault has (RS §1.2.1).
func standardHeaders(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-cache")
	h.Set("Pragma", "no-cache")
	h.Set("Expires", "-1")
	h.Set("Strict-Transport-Security", "max-age=31536000;includeSubDomains")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Ms-Request-Id", httpd.RequestID(r.Context()))
	h.Set("X-Ms-Keyvault-Service-Version", serviceVersion)
	h.Set("X-Ms-Keyvault-Network-Info", networkInfo(r.RemoteAddr))
	if sent := r.Header.Get("X-Ms-Client-Request-Id"); sent != "" && len(sent) <= 128 {
		h.Set("X-Ms-Client-Request-Id", sent)
	}
}

// networkInfo describes the peer in the words of the service.
func networkInfo(peer string) string {
	host, _, err := net.SplitHostPort(peer)
	if err != nil {
		host = peer
	}
	if ip := net.ParseIP(host); ip != nil && ip.To4() == nil {
		return "conn_type=Ipv6;addr=" + host + ";act_addr_fam=InterNetworkV6;"
	}
	return "conn_type=Ipv4;addr=" + host + ";act_addr_fam=InterNetwork;"
}
