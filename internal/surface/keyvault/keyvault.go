// Package keyvault speaks the data plane of Key Vault: secrets, their versions, soft
// delete, recovery, purge, backup and restore (RS §1.1–1.8). The vault is chosen by the
// name under which the request came in, never by the path.
//
// It refuses, in this order: a vault that does not exist (404, without a challenge, so that
// no client fetches a token for nothing), a missing or wrong token (401 with the challenge
// that all official clients accept, before anything else of the request is looked at), a
// caller without the permission (403, whether or not the object exists), parameters and
// names that are not valid, absent objects, and states that do not allow the operation.
// Keys and certificates are not served: their paths answer 404.
//
// Differences from Azure: deletion, recovery and purge are done when they are answered;
// role changes take effect within a second; a token of a deleted principal stops working.
package keyvault

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/bearer"
	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/paging"
	"github.com/sealring/sealring/internal/rbac"
	"github.com/sealring/sealring/internal/vault"
)

// maxBody is the largest body in bytes: a backup and the JSON around it.
const maxBody = vault.MaxBackup + 4<<10

// AppID is the application id of Key Vault in every Entra tenant; tokens may name it as
// their audience.
const AppID = "cfa8b339-82a2-471a-a3c9-0fc0be7a4093"

// publicAudience is Key Vault's name in the public cloud, which every client may ask for.
const publicAudience = "https://vault.azure.net"

// authenticator finds out who sends a request; *bearer.Authenticator is one.
type authenticator interface {
	Authenticate(r *http.Request, audiences []string, tenant id.Tenant) (bearer.Principal, error)
}

// decider decides by role assignments; *rbac.Service is one.
type decider interface {
	Decide(ctx context.Context, r rbac.Request) (rbac.Decision, error)
}

// membership knows the groups of a principal, for access policies that name a group. It is
// part of rbac.Directory.
type membership interface {
	Groups(ctx context.Context, principal id.Object) (groups []id.Object, alive bool, err error)
}

// auditor keeps the record of refusals; *audit.Log is one.
type auditor interface {
	Write(ctx context.Context, e audit.Event) error
}

// Config names what a Room needs; all but the switches.
type Config struct {
	Vaults *vault.Service
	Bearer authenticator
	Roles  decider
	Groups membership
	Audit  auditor
	Pages  *paging.Tokens
	// Parents are the URLs of the names above the vaults, without a trailing slash, as
	// challenges name them: "https://vault.sealring.internal:8443". Tokens for them are
	// accepted with and without a slash behind.
	Parents []string
	Log     *slog.Logger
	Now     func() time.Time
	IDs     *id.Source
	// StrictAudience refuses tokens for "https://vault.azure.net/", as Azure did (RS-20).
	StrictAudience bool
	// StrictVersions refuses api-versions that this release does not know.
	StrictVersions bool
	// Throttle answers 429 above Azure's limits (RS-62).
	Throttle bool
}

// Room serves all vaults.
type Room struct {
	vaults         *vault.Service
	bearer         authenticator
	roles          decider
	groups         membership
	audit          auditor
	pages          *paging.Tokens
	audiences      []string
	strictVersions bool
	quota          *quota // nil: no limit
	handler        http.Handler
}

// New returns the room or names the missing setting.
func New(c Config) (*Room, error) {
	if c.Vaults == nil || c.Bearer == nil || c.Roles == nil || c.Groups == nil || c.Audit == nil || c.Pages == nil ||
		len(c.Parents) == 0 || c.Log == nil || c.Now == nil || c.IDs == nil {
		return nil, errors.New("keyvault: Vaults, Bearer, Roles, Groups, Audit, Pages, Parents, Log, Now and IDs are needed")
	}
	k := &Room{
		vaults: c.Vaults, bearer: c.Bearer, roles: c.Roles, groups: c.Groups, audit: c.Audit, pages: c.Pages,
		audiences: []string{publicAudience, AppID}, strictVersions: c.StrictVersions,
	}
	if c.Throttle {
		k.quota = newQuota(c.Now)
	}
	if !c.StrictAudience {
		k.audiences = append(k.audiences, publicAudience+"/")
	}
	for _, parent := range c.Parents {
		parent = strings.TrimSuffix(parent, "/")
		if !slices.Contains(k.audiences, parent) {
			k.audiences = append(k.audiences, parent, parent+"/")
		}
	}
	k.handler = httpd.Wrap(httpd.Config{
		Room: "keyvault", Log: c.Log, Now: c.Now, NewID: c.IDs.Text, MaxBody: maxBody, WriteError: writeError,
	}, k.serve)
	return k, nil
}

// ServeHTTP implements http.Handler.
func (k *Room) ServeHTTP(w http.ResponseWriter, r *http.Request) { k.handler.ServeHTTP(w, r) }

// call is one request on its way.
type call struct {
	w         http.ResponseWriter
	r         *http.Request
	vault     vault.Vault
	principal bearer.Principal
	route     route
	name      string // of the secret, as in the path
	version   string // of the secret, "" for the current one
	query     query
}

// ctx is the request's context, which names the actor.
func (c *call) ctx() context.Context { return c.r.Context() }

// serve takes a request through the checks, in the order that the package promises.
func (k *Room) serve(w http.ResponseWriter, r *http.Request) error {
	standardHeaders(w, r)
	v, err := k.vaults.GetByName(r.Context(), httpd.EntryFrom(r.Context()).Label)
	if err != nil {
		return err
	}
	w.Header().Set("X-Ms-Keyvault-Region", plainLocation(v))
	c := &call{w: w, vault: v}
	if c.r, c.principal, err = k.authenticate(r, v); err != nil {
		return err
	}
	if err := k.quota.take(v); err != nil {
		return err
	}
	if err := c.match(); err != nil {
		return err
	}
	if err := k.authorize(c); err != nil {
		return err
	}
	if c.query, err = parseQuery(r.URL.RawQuery, k.strictVersions); err != nil {
		return err
	}
	err = c.route.serve(k, c)
	if fault.KindOf(err) == fault.Denied { // a state that forbids it: disabled, protected
		return k.refuse(c, "ForbiddenByState", err)
	}
	return err
}
