package managedidentity

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/entitlement"
	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/token"
)

// Minted is a token and the identity that it is for. What is left of its life has to be
// computed from Expires at each answer: the token may come from the cache.
type Minted struct {
	token.Issued
	Identity Identity
}

// renewAt is when half of the token's life is over and a new one takes its place.
func (m *Minted) renewAt() time.Time {
	return m.Issued.Issued.Add(m.Expires.Sub(m.Issued.Issued) / 2)
}

// Mint returns a token of an identity of the calling host: a cached one, or a new one where
// there is none or half of its life is over (TE §8.2). A new token, and a cached one that
// the process gets for the first time, is on record before it is returned; so is a refusal.
// Errors: ErrNotAssigned, ErrNoIdentity, ErrAmbiguous, ErrDisabled, token.ErrAudienceUnknown,
// audit.ErrUnavailable.
func (s *Service) Mint(ctx context.Context, caller Caller, req Request) (Minted, error) {
	h, err := s.hostOf(ctx, caller.Resource)
	if err != nil {
		return Minted{}, err
	}
	identity, err := h.choose(req.Selector, req.Dialect)
	if err != nil {
		return Minted{}, s.refused(ctx, caller, &Identity{Tenant: h.tenant}, req, err)
	}
	cell := s.tokens.at(identity.PrincipalID) // before what decides is read: see shelf
	sp, err := s.alive(ctx, identity)
	if err != nil {
		return Minted{}, s.refused(ctx, caller, identity, req, err)
	}
	audience, err := s.directory.ResolveAudience(ctx, identity.Tenant, req.Audience)
	if errors.Is(err, directory.ErrAudienceUnknown) {
		err = token.ErrAudienceUnknown.With("%s", fault.Message(err))
	}
	if err != nil {
		return Minted{}, s.refused(ctx, caller, identity, req, err)
	}
	says, err := s.entitlement(ctx, identity, audience)
	if err != nil {
		return Minted{}, s.refused(ctx, caller, identity, req, err)
	}
	k := tokenKey{
		tenant: identity.Tenant, app: identity.ClientID, host: h.id.Key(), identity: identity.Resource.Key(), audience: audience.Audience,
		resource: audience.AppID, version: token.Version(audience.Version), capable: capable(req.Capabilities),
	}
	if !s.keep {
		k.says = says.Key()
	}
	if m, ok := s.cached(cell, k); ok {
		return s.handOut(ctx, caller, sp, m)
	}
	return s.mint(ctx, caller, h, identity, sp, cell, k, says)
}

// cached returns the token of k if it may be handed out. A token whose key was revoked may
// not, though it was signed after the caches heard of the revocation and before the key
// ring did.
func (s *Service) cached(cell *principalTokens, k tokenKey) (Minted, bool) {
	m, ok := cell.get(k, s.now())
	return m, ok && s.keys.Accepts(m.KeyID)
}

// alive returns the service principal of identity if it may get tokens. Errors:
// ErrNotAssigned where it is gone, ErrDisabled.
func (s *Service) alive(ctx context.Context, identity *Identity) (directory.ServicePrincipal, error) {
	sp, err := s.directory.ServicePrincipal(ctx, identity.Tenant, identity.PrincipalID)
	switch {
	case errors.Is(err, directory.ErrServicePrincipalNotFound):
		return sp, ErrNotAssigned
	case err != nil:
		return sp, fmt.Errorf("read service principal %s: %w", identity.PrincipalID, err)
	case !sp.Enabled:
		return sp, ErrDisabled
	}
	return sp, nil
}

// entitlement is what a token for a resource says of an identity. Errors:
// token.ErrAudienceUnknown where the resource gives tokens only to whom was assigned to it.
func (s *Service) entitlement(ctx context.Context, identity *Identity, r directory.Resource) (entitlement.Entitlement, error) {
	e, err := s.entitled.At(ctx, identity.Tenant, identity.PrincipalID, false, r.AppID)
	if errors.Is(err, entitlement.ErrNotAssigned) {
		err = token.ErrAudienceUnknown.With("AADSTS501051: Application '%s' is not assigned to a role for the application '%s' (%s).", identity.ClientID, r.AppID, r.DisplayName)
	}
	return e, err
}

// capable reports whether the client understands claims challenges (TE §8.3).
func capable(capabilities []string) bool {
	return slices.ContainsFunc(capabilities, func(c string) bool { return strings.EqualFold(c, "CP1") })
}

// flightKey writes the whole tuple so that no two tuples give the same text (S-53).
func flightKey(identity *Identity, k tokenKey) string {
	var b []byte
	for _, part := range []string{string(identity.PrincipalID), string(k.tenant), string(k.app), k.host, k.identity, k.audience, string(k.resource), k.says} {
		b = strconv.AppendInt(b, int64(len(part)), 10)
		b = append(append(b, ':'), part...)
	}
	return string(strconv.AppendBool(strconv.AppendInt(b, int64(k.version), 10), k.capable))
}

// mint makes a new token, for all that ask for the same one meanwhile.
func (s *Service) mint(ctx context.Context, caller Caller, h *host, identity *Identity, sp directory.ServicePrincipal, cell *principalTokens, k tokenKey, says entitlement.Entitlement) (Minted, error) {
	mine := false
	made, err, _ := s.minting.group.Do(flightKey(identity, k), func() (any, error) {
		if m, ok := s.cached(cell, k); ok {
			return m, nil
		}
		mine = true
		// Others wait for this token: it must not die with the request that leads.
		return s.issue(context.WithoutCancel(ctx), caller, h, identity, sp, cell, k, says)
	})
	if err != nil {
		return Minted{}, err
	}
	m := made.(Minted)
	if mine {
		return m, nil
	}
	return s.handOut(ctx, caller, sp, m)
}

// issue signs a token with the claims of DT §3.2, records it and keeps it.
func (s *Service) issue(ctx context.Context, caller Caller, h *host, identity *Identity, sp directory.ServicePrincipal, cell *principalTokens, k tokenKey, says entitlement.Entitlement) (Minted, error) {
	tenant, err := s.directory.Tenant(ctx, identity.Tenant)
	if err != nil {
		return Minted{}, fmt.Errorf("read tenant %s: %w", identity.Tenant, err)
	}
	from, err := s.directory.TokensFrom(ctx, identity.PrincipalID)
	if err != nil {
		return Minted{}, fmt.Errorf("read from when on tokens of %s are accepted: %w", identity.PrincipalID, err)
	}
	issued, err := s.issuer.Issue(token.Request{
		Tenant: identity.Tenant, Object: identity.PrincipalID, App: identity.ClientID, Audience: k.audience, Version: k.version,
		Auth: token.AuthAssertion, Lifetime: s.lifetime, MIRID: claimID(identity.Resource), AzRID: claimID(h.id),
		TenantCreated: tenant.Created, ClientCapable: k.capable, NotEarlier: from,
		Roles: says.Roles, Groups: says.Groups, DirectoryRoles: says.DirectoryRoles, GroupsEndpoint: says.GroupsEndpoint,
	})
	if err != nil {
		return Minted{}, fmt.Errorf("issue a token for %s: %w", identity.Resource, err)
	}
	m := Minted{Issued: issued, Identity: *identity}
	e := s.event(ctx, caller, identity, sp.DisplayName, "token.issue")
	describeToken(&e, &m)
	if err := s.log.Write(ctx, e); err != nil {
		return Minted{}, err
	}
	cell.put(k, m)
	s.handouts.remember(keyOf(m.UTI, caller.Process), e, m.renewAt())
	return m, nil
}

// handOut returns m once the process is on record as a holder of it (D-4).
func (s *Service) handOut(ctx context.Context, caller Caller, sp directory.ServicePrincipal, m Minted) (Minted, error) {
	k := keyOf(m.UTI, caller.Process)
	if s.handouts.repeat(k) {
		return m, nil
	}
	e := s.event(ctx, caller, &m.Identity, sp.DisplayName, "token.handout")
	describeToken(&e, &m)
	if err := s.log.Write(ctx, e); err != nil {
		return Minted{}, err
	}
	s.handouts.remember(k, e, m.renewAt())
	return m, nil
}

// refused records a refusal of an identified caller and returns why; identity has only a
// tenant where none was found. Failures that are our own are left to the request's log.
func (s *Service) refused(ctx context.Context, caller Caller, identity *Identity, req Request, why error) error {
	reason, ok := reasonOf(why)
	if !ok {
		return why
	}
	e := s.event(ctx, caller, identity, "", "token.issue")
	e.Outcome, e.Reason = audit.Denied, reason
	e.Details = map[string]string{"audience": req.Audience, "dialect": string(req.Dialect)}
	if req.Selector.Kind != SelectNone {
		value := req.Selector.Value
		if _, ok := req.Selector.matcher(); !ok {
			value = "(no id)" // it may be a secret that was put into the wrong variable
		}
		e.Details["selector"] = string(req.Selector.Kind) + "=" + value
	}
	if err := s.log.Write(ctx, e); err != nil {
		return err
	}
	return why
}

// reasonOf names a refusal in the record.
func reasonOf(err error) (string, bool) {
	for _, one := range []struct {
		err    error
		reason string
	}{
		{ErrNotAssigned, "identity_not_assigned"}, {ErrNoIdentity, "no_identity"}, {ErrAmbiguous, "identity_ambiguous"},
		{ErrDisabled, "identity_disabled"}, {token.ErrAudienceUnknown, "audience_unknown"},
	} {
		if errors.Is(err, one.err) {
			return one.reason, true
		}
	}
	return "", false
}

// event begins a sign-in row. The actor is the identity; the request's own facts stay.
func (s *Service) event(ctx context.Context, caller Caller, identity *Identity, name, operation string) audit.Event {
	actor := audit.ActorFrom(ctx)
	actor.Type = string(directory.KindManagedIdentity)
	actor.Tenant, actor.Object, actor.App, actor.Name = identity.Tenant, identity.PrincipalID, identity.ClientID, name
	return audit.Event{
		Kind: audit.SignIn, Actor: actor, Outcome: audit.Succeeded, Operation: operation,
		Target: caller.Resource.String(), Subscription: caller.Resource.Subscription(), Process: caller.Process,
	}
}

// describeToken adds what the row says of the token. The token itself stays out.
func describeToken(e *audit.Event, m *Minted) {
	e.Details = map[string]string{
		"audience": m.Audience, "uti": m.UTI, "key_id": m.KeyID,
		"identity": m.Identity.Resource.String(), "expires_at": m.Expires.UTC().Format(time.RFC3339),
	}
}

// claimID spells a resource id as tokens do: `resourcegroups` in lower case (DT §3.3).
func claimID(i resource.ID) string {
	return strings.Replace(i.String(), "/resourceGroups/", "/resourcegroups/", 1)
}
