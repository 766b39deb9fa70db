// Package sts is the sign-in service: discovery, key sets and the token endpoints of
// versions 1 and 2, in the shapes of Microsoft Entra.
//
// Programs sign in by the grant client_credentials, with a client secret (form or Basic), a
// certificate assertion, or the assertion of an issuer that they trust (federated.go); managed
// identities sign in by such assertions only, and else get their tokens from the node endpoints. People sign in on pages of this room (authorize.go, interactive.go), for
// programs in front of them by authorization code with PKCE, for others by device code, and
// refresh tokens carry on from there. Other grants are refused. Unknown form parameters are
// ignored, repeated ones are refused.
//
// The issuer is the configured authority whatever name a client used (L-1). Endpoint URLs
// name the configured entry the request came in by, never the text of the Host header
// (L-6, S-41). Every token issued, and every refusal of a caller who sent a credential for
// a known application, is in the sign-in log before the answer (S-70).
//
// Different from Azure: a right secret is accepted even while wrong ones for the same
// application are throttled, so nobody can lock an application out; who has no account is
// told the same as who has a wrong password; refresh tokens rotate (docs/sign-in.md).
package sts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/keyring"
	"github.com/sealring/sealring/internal/secret"
	"github.com/sealring/sealring/internal/signin"
	"github.com/sealring/sealring/internal/surface/sts/limit"
	"github.com/sealring/sealring/internal/surface/sts/page"
	"github.com/sealring/sealring/internal/token"
	"github.com/sealring/sealring/internal/trust"
)

// maxBody is the largest form, in bytes (security defaults §6.2).
const maxBody = 64 << 10

// issuer makes tokens; *token.Issuer is one.
type issuer interface {
	Issue(r token.Request) (token.Issued, error)
	IssueID(r token.IDRequest) (secret.Text, error)
}

// grants knows what a tenant lets an application do for people.
type grants interface {
	// Granted returns the values of the delegated permissions at resource that client has for a user.
	Granted(ctx context.Context, tenant id.Tenant, user id.Object, client, resource id.App) ([]string, error)
}

// hasher makes keyed hashes, the same for ever and on every replica.
type hasher interface {
	MAC(purpose string, data []byte) []byte
}

// keySet knows the published signing keys; *keyring.Keyring is one.
type keySet interface {
	Published() []keyring.Key
}

// Config names what a Room needs; all fields but Hosts.
type Config struct {
	// Authority is frozen at first start, without a trailing slash: "https://login.sealring.internal:8443".
	Authority string
	// Graph is the URL of the Graph service, without a trailing slash, for requests without an Entry.
	Graph string
	// Hosts are further names, with port if it is not 443, under which sign-in is reached:
	// "localhost:8443". The public cloud's names are always known.
	Hosts     []string
	Directory *directory.Directory
	Trust     *trust.Service
	Keys      keySet
	Issuer    issuer
	Audit     *audit.Log
	// Federation decides about assertions of outside issuers; nil refuses them all.
	Federation federated
	// IdentityLifetime is how long tokens of user-assigned identities live that sign in by
	// federation; 0 means 24 h.
	IdentityLifetime time.Duration
	// SignIn keeps what the sign-in of a person leaves behind.
	SignIn *signin.Service
	// Hasher keys the proofs in forms and the pairwise subjects of people.
	Hasher hasher
	// Grants knows which delegated permissions a tenant has granted; nil if there are none.
	Grants grants
	// Entitlements are asked what a token says beside who its holder is.
	Entitlements entitled
	// PasswordGrant lets clients send a person's password themselves (RFC 6749 §4.3); off
	// unless the operator asks for it.
	PasswordGrant bool
	Log           *slog.Logger
	Now           func() time.Time
	// Rand chooses lifetimes.
	Rand io.Reader
	IDs  *id.Source
}

// Room is the sign-in service. It is safe for concurrent use.
type Room struct {
	http.Handler
	authority        string // "https://login.sealring.internal:8443"
	host             string // "login.sealring.internal:8443"
	cloud            string // cloud_instance_name: the domain behind "login."
	graph            string
	hosts            map[string]string // known host, lower case → its authority
	directory        *directory.Directory
	trust            *trust.Service
	keys             keySet
	issuer           issuer
	federation       federated
	identityLifetime time.Duration
	audit            *audit.Log
	now              func() time.Time
	rand             io.Reader
	throttle, denied *limit.Bucket[id.App]
	signin           *signin.Service
	hash             hasher
	pages            *page.Pages
	forms            *page.Forms
	grants           grants
	entitled         entitled
	passwords        bool
	guesses          *limit.Guesses[id.Object]
	devices          *limit.Bucket[netip.Prefix]
	attempts         *limit.Bucket[netip.Prefix]
}

// publicHosts are the public cloud's sign-in names, part of the same group of aliases.
var publicHosts = []string{"login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"}

// New checks c and returns the room. The host of the authority must not contain "token":
// clients derive other endpoints by replacing that word (DT-15).
func New(c Config) (*Room, error) {
	if c.Directory == nil || c.Trust == nil || c.Keys == nil || c.Issuer == nil || c.Audit == nil || c.Log == nil || c.Now == nil || c.Rand == nil || c.IDs == nil || c.SignIn == nil || c.Hasher == nil || c.Entitlements == nil {
		return nil, errors.New("sts: Directory, Trust, Keys, Issuer, Audit, SignIn, Hasher, Entitlements, Log, Now, Rand and IDs are needed")
	}
	if c.Graph == "" {
		return nil, errors.New("sts: Graph is needed")
	}
	u, err := url.Parse(c.Authority)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.Path != "" || u.Host != strings.ToLower(u.Host) {
		return nil, fmt.Errorf("sts: the authority %q is not https:// and a lower-case host", c.Authority)
	}
	if strings.Contains(u.Host, "token") {
		return nil, fmt.Errorf("sts: the authority %q contains the word token, which breaks clients", c.Authority)
	}
	pages, err := page.New()
	if err != nil {
		return nil, err
	}
	forms, err := page.NewForms(c.Hasher, c.Rand)
	if err != nil {
		return nil, err
	}
	m := &Room{
		authority: c.Authority, host: u.Host, cloud: strings.TrimPrefix(u.Hostname(), "login."), graph: c.Graph,
		hosts: map[string]string{}, directory: c.Directory, trust: c.Trust, keys: c.Keys, issuer: c.Issuer, audit: c.Audit,
		now: c.Now, rand: c.Rand, throttle: limit.NewBucket[id.App](wrongRate, 1024, c.Now), denied: limit.NewBucket[id.App](unprovedRate, 1024, c.Now),
		federation: c.Federation, identityLifetime: cmp.Or(c.IdentityLifetime, 24*time.Hour),
		signin: c.SignIn, hash: c.Hasher, pages: pages, forms: forms, grants: c.Grants, entitled: c.Entitlements, passwords: c.PasswordGrant,
		guesses: limit.NewGuesses[id.Object](mostGuesses, guessesReset, c.Now), devices: limit.NewBucket[netip.Prefix](deviceRate, 4096, c.Now), attempts: limit.NewBucket[netip.Prefix](attemptRate, 4096, c.Now),
	}
	for _, h := range append(append([]string{u.Host}, c.Hosts...), publicHosts...) {
		h = strings.ToLower(h)
		m.hosts[h] = "https://" + h
	}
	m.Handler = httpd.Wrap(httpd.Config{
		Room: "sts", Log: c.Log, Now: c.Now, NewID: c.IDs.Text, MaxBody: maxBody, WriteError: m.writeError,
	}, m.serve)
	return m, nil
}

// entryAuthority is the authority to name to this caller (L-6).
func (m *Room) entryAuthority(ctx context.Context) string {
	if a := httpd.EntryFrom(ctx).Authority; a != "" {
		return a
	}
	return m.authority
}
