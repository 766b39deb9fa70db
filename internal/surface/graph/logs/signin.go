package logs

import (
	"cmp"
	"context"
	"net"
	"strconv"
	"strings"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/surface/graph/edm"
)

// signIn is a row of the sign-in log.
type signIn struct {
	audit.Event
	position string
	resource resource
}

// resource is what a token was for.
type resource struct{ app, name, principal string }

// id is the request's own id, as the answer to it carried it; where there was no request of
// its own, the token's.
func (s *signIn) id() string { return cmp.Or(s.Actor.RequestID, s.Details["uti"], s.position) }

// kind is the row's signInEventType.
func (s *signIn) kind() string {
	switch s.Actor.Type {
	case string(directory.KindManagedIdentity):
		return "managedIdentity"
	case "User":
		if s.Details["interactive"] == "true" {
			return "interactiveUser"
		}
		return "nonInteractiveUser"
	}
	return "servicePrincipal"
}

// person reports a user's sign-in.
func (s *signIn) person() bool { return strings.HasSuffix(s.kind(), "User") }

// resourceOf finds what a token was for; known keeps what was found.
func (a *area) resourceOf(ctx context.Context, s *signIn, known map[string]resource) resource {
	audience := s.Details["audience"]
	if r, ok := known[audience]; ok {
		return r
	}
	out := resource{app: s.Details["resource_app_id"], name: s.Details["resource_name"]}
	if found, err := a.Directory.ResolveAudience(ctx, s.Actor.Tenant, audience); err == nil {
		out.app, out.name = cmp.Or(out.app, string(found.AppID)), cmp.Or(out.name, found.DisplayName)
		if sp, err := a.Directory.ServicePrincipalByApp(ctx, s.Actor.Tenant, found.AppID); err == nil {
			out.principal = string(sp.ID)
		}
	}
	known[audience] = out
	return out
}

// errorCodes are the numbers that Entra gives refusals which local endpoints name in words.
var errorCodes = map[string]int{
	"identity_not_assigned": 700016, "no_identity": 700016, "identity_ambiguous": 900023, "identity_disabled": 7000112, "audience_unknown": 500011,
}

// errorCode is 0 for a token that was made.
func (s *signIn) errorCode() int {
	if s.Outcome == audit.Succeeded {
		return 0
	}
	if n, err := strconv.Atoi(strings.TrimPrefix(s.Reason, "AADSTS")); err == nil {
		return n
	}
	return cmp.Or(errorCodes[s.Reason], 90000)
}

// status is the property status.
type status struct {
	ErrorCode int     `json:"errorCode"`
	Reason    *string `json:"failureReason"`
	Details   *string `json:"additionalDetails"`
}

// managedIdentity is the property managedServiceIdentity.
type managedIdentity struct {
	Type               string `json:"msiType"`
	AssociatedResource string `json:"associatedResourceId"`
	FederatedTokenID   string `json:"federatedTokenId"`
	FederatedIssuer    string `json:"federatedTokenIssuer"`
}

// keyValue is a fact under a name.
type keyValue struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// location is where a sign-in came from: not known here.
type location struct {
	City    string   `json:"city"`
	State   string   `json:"state"`
	Country string   `json:"countryOrRegion"`
	Geo     struct{} `json:"geoCoordinates"`
}

// managed describes the managed identity of a row.
func managed(s *signIn) any {
	out := managedIdentity{Type: "none", FederatedTokenID: s.Details["federated_token_id"], FederatedIssuer: s.Details["federated_issuer"]}
	if s.kind() == "managedIdentity" {
		out.Type, out.AssociatedResource = "systemAssigned", s.Target
		if strings.Contains(strings.ToLower(s.Details["identity"]), "/userassignedidentities/") {
			out.Type = "userAssigned"
		}
	}
	return out
}

// address is the peer's address without its port.
func address(s *signIn) any {
	if host, _, err := net.SplitHostPort(s.Actor.Source); err == nil {
		return host
	}
	return s.Actor.Source
}

// credentialType says how the caller proved itself.
func credentialType(s *signIn) any {
	if s.kind() == "managedIdentity" {
		return "managedIdentity"
	}
	switch s.Details["credential"] {
	case "secret":
		return "clientSecret"
	case "certificate":
		return "certificate"
	case "assertion":
		return "clientAssertion"
	case "federated":
		return "federatedIdentityCredential"
	}
	return "none"
}

// process is what the kernel said of who asked.
func process(s *signIn) any {
	out := []keyValue{}
	if p := s.Process; p != nil {
		add := func(key, value string) {
			if value != "" {
				out = append(out, keyValue{key, value})
			}
		}
		add("Host", p.Host)
		if p.PID != 0 {
			add("Process ID", strconv.Itoa(p.PID))
		}
		if p.UID != nil {
			add("User ID", strconv.Itoa(*p.UID))
		}
		add("Executable", p.Executable)
		add("Unit", p.Unit)
	}
	return out
}

// of is a property of a row that is a text.
func of(name string, value func(*signIn) string) edm.Property {
	return edm.Read(name, func(s *signIn) any { return value(s) })
}

// ifPerson is value for people, ifNot for everybody else.
func (s *signIn) ifPerson(value, ifNot string) string {
	if s.person() {
		return value
	}
	return ifNot
}

// constant is a property that is the same in every row.
func constant(name string, value any) edm.Property {
	return edm.Read(name, func(*signIn) any { return value })
}

// signInType is the type of the sign-in log's rows (DT-7.9).
var signInType = &edm.Type{Name: "signIn", Properties: []edm.Property{
	of("id", (*signIn).id),
	edm.Read("createdDateTime", func(s *signIn) any { return s.Time.UTC() }),
	of("userDisplayName", func(s *signIn) string { return s.ifPerson(s.Actor.Name, "") }),
	of("userPrincipalName", func(s *signIn) string { return s.ifPerson(cmp.Or(s.Details["user_principal_name"], s.Actor.Name), "") }),
	of("userId", func(s *signIn) string { return s.ifPerson(string(s.Actor.Object), "") }),
	of("appId", func(s *signIn) string { return string(s.Actor.App) }),
	of("appDisplayName", func(s *signIn) string { return s.ifPerson(s.Details["client_name"], s.Actor.Name) }),
	edm.Read("ipAddress", address),
	of("clientAppUsed", func(s *signIn) string { return s.Details["client_name"] }),
	of("userAgent", func(s *signIn) string { return s.Actor.UserAgent }),
	of("correlationId", func(s *signIn) string { return s.Actor.CorrelationID }),
	constant("conditionalAccessStatus", "notApplied"),
	of("originalRequestId", (*signIn).id),
	edm.Read("isInteractive", func(s *signIn) any { return s.kind() == "interactiveUser" }),
	edm.Read("signInEventTypes", func(s *signIn) any { return []string{s.kind()} }),
	of("servicePrincipalId", func(s *signIn) string { return s.ifPerson("", string(s.Actor.Object)) }),
	of("servicePrincipalName", func(s *signIn) string { return s.ifPerson("", s.Actor.Name) }),
	of("servicePrincipalCredentialKeyId", func(s *signIn) string { return s.ifPerson("", s.Details["credential_key_id"]) }),
	constant("servicePrincipalCredentialThumbprint", ""),
	of("resourceId", func(s *signIn) string { return s.resource.app }),
	of("resourceDisplayName", func(s *signIn) string { return s.resource.name }),
	of("resourceServicePrincipalId", func(s *signIn) string { return s.resource.principal }),
	of("resourceTenantId", func(s *signIn) string { return string(s.Actor.Tenant) }),
	of("homeTenantId", func(s *signIn) string { return string(s.Actor.Tenant) }),
	of("uniqueTokenIdentifier", func(s *signIn) string { return s.Details["uti"] }),
	edm.Read("clientCredentialType", credentialType),
	of("federatedCredentialId", func(s *signIn) string {
		if s.Details["credential"] == "federated" {
			return s.Details["credential_key_id"]
		}
		return ""
	}),
	edm.Read("managedServiceIdentity", managed),
	constant("incomingTokenType", "none"),
	edm.Read("status", func(s *signIn) any {
		out := status{ErrorCode: s.errorCode()}
		if out.ErrorCode != 0 {
			out.Reason = &s.Reason
		}
		return out
	}),
	{Name: "status/errorCode", Value: func(o any) any { return strconv.Itoa(o.(*signIn).errorCode()) }, OnDemand: true},
	constant("location", location{}),
	constant("deviceDetail", struct{}{}),
	edm.Read("authenticationProcessingDetails", process),
	constant("appliedConditionalAccessPolicies", []string{}),
	constant("authenticationDetails", []string{}),
	constant("networkLocationDetails", []string{}),
	constant("autonomousSystemNumber", 0),
	constant("processingTimeInMilliseconds", 0),
	of("azureResourceId", func(s *signIn) string { return s.ifPerson("", s.Details["identity"]) }),
	constant("riskDetail", "none"), constant("riskState", "none"), constant("riskLevelAggregated", "none"), constant("riskLevelDuringSignIn", "none"),
	constant("riskEventTypes_v2", []string{}),
	constant("tokenIssuerName", ""), constant("tokenIssuerType", "AzureAD"),
}}
