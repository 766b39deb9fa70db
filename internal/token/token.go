// Package token shapes, signs and checks JSON Web Tokens. No other package reads or
// writes one.
//
// Issued are access tokens of both versions of the Entra format, signed RS256. Checked are
// our own access tokens (Verifier), the certificate assertions by which a client
// authenticates itself (VerifyClientAssertion), and those of outside issuers
// (ParseAssertion). All are read by one strict parser:
// compact JWS only, canonical base64url, JSON objects without repeated members, at most
// 16 KiB (RFC 7515, RFC 8725, S-26 to S-30). Keys come from the caller and never from a
// token's header; nothing here does I/O.
package token

import (
	"time"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/secret"
)

// MaxBytes is the longest token that is read (S-29).
const MaxBytes = 16 << 10

// MaxSkew is how far clocks may differ at most, and how far back issued tokens are dated.
const MaxSkew = 300 * time.Second

// ExchangeAudience is the application id of the token exchange, the `aud` of a token that
// may serve as a federated assertion and as nothing else (S-33).
const ExchangeAudience = "fb60f99c-7a34-4190-8149-302f77469936"

// Version is the format of an access token; the resource decides it, not the endpoint.
type Version int

// The versions.
const (
	V1 Version = 1
	V2 Version = 2
)

// How the client proved itself: the values of `appidacr` and `azpacr`.
const (
	AuthPublic    = "0" // a client that cannot keep a secret; for users only
	AuthSecret    = "1"
	AuthAssertion = "2" // certificate, federated assertion or managed identity
)

// Types of principal: the values of `idtyp`.
const (
	TypeApp  = "app"
	TypeUser = "user"
)

// Request is what a token shall say. Tenant, Object, App, Audience, Version, Auth and
// Lifetime are needed; the rest appears only where set.
type Request struct {
	Tenant   id.Tenant
	Object   id.Object
	App      id.App
	Audience string // v1: the resource as requested; v2: the application id of the resource
	Version  Version
	Auth     string        // AuthSecret or AuthAssertion
	Lifetime time.Duration // 5 min to 24 h (S/R 6.1)

	Roles            []string // app role values
	DirectoryRoles   []string // wids
	Groups           []string
	GroupsEndpoint   string    // set instead of Groups where there are more than 200
	MIRID            string    // xms_mirid: the resource that has the identity; managed identities only
	AzRID            string    // xms_az_rid: the resource that asked
	TenantCreated    time.Time // xms_tcdt
	ClientCapable    bool      // xms_cc: the client asked for CP1
	DisplayName      string    // app_displayname
	NetworkPerimeter bool      // xms_az_nwperimid: an empty list
	Federated        bool      // xms_ficinfo: the client proved itself by a federated assertion
	// NotEarlier is from when on tokens of the principal are accepted (UTC, whole seconds, at
	// most one ahead of now); the token is dated no earlier.
	NotEarlier time.Time

	User *User // nil for an application's own token
}

// User is what the token of a person says beside.
type User struct {
	Scopes []string // delegated permissions
	UPN    string
	Name   string
	// Subject is `sub`: stable for this user and this resource, and no other (pairwise). ""
	// leaves the object id.
	Subject string
	// Methods is `amr`: how the person signed in.
	Methods []string
	// Address is `ipaddr`: where the request came from; "" where it is not told.
	Address string
}

// Issued is a new token and what the answer says about it.
type Issued struct {
	Token     secret.Text
	Audience  string
	UTI       string    // unique token id, joins to the sign-in record
	KeyID     string    // the key that signed it
	Issued    time.Time // UTC, whole seconds
	NotBefore time.Time // 300 s before Issued
	Expires   time.Time // Issued plus the lifetime
}
