package app

import (
	"context"
	"net/http"
	"os"
	"strconv"

	"github.com/sealring/sealring/internal/config"
	"github.com/sealring/sealring/internal/entitlement"
	"github.com/sealring/sealring/internal/localtoken"
	"github.com/sealring/sealring/internal/managedidentity"
	"github.com/sealring/sealring/internal/nameproxy"
	"github.com/sealring/sealring/internal/registration"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/surface/appservice"
	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/surface/arm/provider"
	"github.com/sealring/sealring/internal/surface/graph"
	"github.com/sealring/sealring/internal/surface/imds"
	"github.com/sealring/sealring/internal/surface/keyvault"
	"github.com/sealring/sealring/internal/surface/node"
	"github.com/sealring/sealring/internal/surface/ops"
	"github.com/sealring/sealring/internal/workload"
)

// rooms are what answers on the listeners, and the loops that belong to them.
type rooms struct {
	front, appservice, imds, node, ops http.Handler
	proxy                              *nameproxy.Proxy
	run                                []func(context.Context) error
}

// buildWorkloads wires what mints for and recognises programs.
func (s *Server) buildWorkloads(_ context.Context) (err error) {
	if err := s.buildDeployments(); err != nil {
		return err
	}
	s.entitlements, err = entitlement.New(entitlement.Config{Directory: s.directory, Relations: s.relations, Graph: s.in.url("graph")})
	if err != nil {
		return err
	}
	s.identities, err = managedidentity.New(managedidentity.Config{
		Store: s.db, Audit: s.audit, Resources: s.resources, Directory: s.directory, Trust: s.trust, Entitlements: s.entitlements, Issuer: s.issuer, Keys: s.keys, Now: s.c.Now,
		Lifetime: s.c.Tokens.ManagedIdentity, KeepOnChange: s.c.Azure.On(s.c.Azure.Cache24h), Strict: s.c.Azure.Preset == "strict", OneFederatedWrite: s.c.federationLimits(),
		Removed: []func(context.Context, *store.Tx, resource.ID) error{s.vaults.DeleteInGroup, s.removeAssignments, s.deployments.RemoveScope},
	})
	if err != nil {
		return err
	}
	host, err := imdsHost(s.c)
	if err != nil {
		return err
	}
	s.workloads, err = workload.New(workload.Config{Now: s.c.Now, Rand: s.c.Rand, IDs: s.ids, Host: s.c.Hostname, IMDSHost: host, Keep: s.dir.file(workloadsFile)})
	return err
}

// workloadsFile holds the digests of the endpoint secrets of running programs: of this machine,
// so in the data directory and not in a store that replicas share.
const workloadsFile = "workloads.json"

// imdsHost reads the machine of unregistered callers; the zero ID if there is none.
// Errors: config.ErrInvalid.
func imdsHost(c Config) (resource.ID, error) {
	if c.IMDSHost == "" {
		return resource.ID{}, nil
	}
	host, err := resource.ParseID(c.IMDSHost)
	if err != nil || host.Type() == "" {
		return host, config.ErrInvalid.With("--imds-host %q is not the resource id of a machine: /subscriptions/…/resourceGroups/…/providers/Microsoft.Compute/virtualMachines/NAME", c.IMDSHost)
	}
	return host, nil
}

// removeAssignments takes the role assignments and locks at a deleted scope with it (S-47).
func (s *Server) removeAssignments(ctx context.Context, tx *store.Tx, scope resource.ID) error {
	if _, err := s.rbac.RemoveScope(ctx, tx, scope); err != nil {
		return err
	}
	return s.locks.RemoveScope(ctx, tx, scope)
}

// buildRooms wires every surface.
func (s *Server) buildRooms(_ context.Context) error {
	f := newFront(s.in, strconv.Itoa(port(s.listeners.tls)))
	s.rooms.front = acknowledged(f)
	for _, build := range []func(*front) error{s.buildSignIn, s.buildManagement, s.buildVaults, s.buildLocal, s.buildSupport} {
		if err := build(f); err != nil {
			return err
		}
	}
	return nil
}

// buildSignIn wires the token service and Graph.
func (s *Server) buildSignIn(f *front) error {
	room, err := s.newSignIn()
	if err != nil {
		return err
	}
	f.sts = room
	registrations, err := registration.New(registration.Config{Audit: s.audit, Directory: s.directory, Relations: s.relations, Store: s.db, Now: s.c.Now, Log: s.c.Log})
	if err != nil {
		return err
	}
	s.rooms.run = append(s.rooms.run, registrations.Run)
	f.graph, err = graph.New(graph.Config{
		Graph: s.in.url("graph"), Authority: s.in.url("login"),
		Audiences:     s.audiencesOf("graph", "https://graph.microsoft.com", "00000003-0000-0000-c000-000000000000"),
		Authenticator: s.bearer, Directory: s.directory, Trust: s.trust, Relations: s.relations, Registrations: registrations, Audit: s.audit,
		Pages: s.pages, Log: s.c.Log, Now: s.c.Now, IDs: s.ids,
	})
	return err
}

// audiencesOf lists what one of our services accepts as `aud`: its own names, its public
// name and its application id, each with and without the slash (RS 0.2).
func (s *Server) audiencesOf(name, public, app string) []string {
	out := []string{app}
	for _, url := range append([]string{s.in.url(name), "https://" + name + "." + s.in.domain, public}, s.localURLs()...) {
		out = append(out, url, url+"/")
	}
	return out
}

// buildManagement wires Resource Manager.
func (s *Server) buildManagement(f *front) error {
	audiences := s.audiencesOf("management", "https://management.azure.com", "797f4846-ba00-4fd7-ba43-dac1f8f63013")
	audiences = append(audiences, "https://management.core.windows.net", "https://management.core.windows.net/")
	room, err := arm.New(arm.Config{
		Log: s.c.Log, Now: s.c.Now, IDs: s.ids, Authenticator: s.bearer, Authorizer: s.rbac, Scopes: s.resources, Locks: s.locks,
		Audit: s.audit, Pages: s.pages, Tenant: s.in.tenant, Audiences: audiences, Location: location,
		Strict: s.strictManagement(),
		Providers: provider.All(provider.Deps{
			Quotas: s.quotas(), Unregistered: s.c.Azure.On(s.c.Azure.StrictRegistration),
			Deployments: s.deployments,
			Resources:   s.resources, Identities: s.identities, RBAC: s.rbac, Groups: s.groups, Locks: s.locks, Administrator: s.administers, Vaults: s.vaults, Tenants: s.directory, Audit: s.audit,
			Now: s.c.Now, IDs: s.ids, CloudName: "SealringCloud", Location: location, LocationName: "Local", Domain: s.in.domain, Portal: s.in.url("portal"),
		}),
	})
	f.arm = room
	return err
}

// buildVaults wires the data plane of Key Vault.
func (s *Server) buildVaults(f *front) error {
	room, err := keyvault.New(keyvault.Config{
		Vaults: s.vaults, Bearer: s.bearer, Roles: s.rbac, Groups: &principals{s.directory, s.relations}, Audit: s.audit, Pages: s.pages,
		Parents: []string{s.in.url("vault"), "https://vault." + s.in.domain}, Log: s.c.Log, Now: s.c.Now, IDs: s.ids,
		StrictAudience: s.c.Azure.On(s.c.Azure.StrictVaultAudience), StrictVersions: s.c.Azure.On(s.c.Azure.StrictAPIVersions),
		Throttle: s.c.Azure.On(s.c.Azure.Throttle),
	})
	f.vault = room
	return err
}

// buildLocal wires the endpoints that only programs on this machine can reach.
func (s *Server) buildLocal(*front) error {
	guard := workload.NewGuard(workload.GuardConfig{Now: s.c.Now, Azure: s.c.Azure.On(s.c.Azure.Throttle)})
	refusals := map[string]*localtoken.Refusals{}
	for _, room := range []string{"appservice", "imds"} {
		r, err := localtoken.NewRefusals(localtoken.RefusalsConfig{Room: room, Audit: s.audit, Log: s.c.Log})
		if err != nil {
			return err
		}
		refusals[room] = r
		s.rooms.run = append(s.rooms.run, r.Run)
	}
	sites, err := appservice.New(appservice.Config{
		Minter: s.identities, Callers: s.workloads, Switches: newSiteSwitches(s.resources, s.db), Guard: guard,
		Refusals: refusals["appservice"], Log: s.c.Log, Now: s.c.Now, IDs: s.ids,
	})
	if err != nil {
		return err
	}
	machines, err := imds.New(imds.Config{
		Minter: s.identities, Callers: s.workloads, Guard: guard, Refusals: refusals["imds"],
		Tenant: s.in.tenant, Log: s.c.Log, Now: s.c.Now, IDs: s.ids,
	})
	if err != nil {
		return err
	}
	registration, err := node.New(node.Config{
		Registry: s.workloads, Audit: s.audit, OwnerUID: os.Geteuid(),
		IdentityEndpoint: "http://" + s.listeners.node.Addr().String() + "/msi/token",
		IMDSEndpoint:     "http://" + s.listeners.imds[0].Addr().String(),
		Log:              s.c.Log, Now: s.c.Now, IDs: s.ids,
	})
	s.rooms.appservice, s.rooms.imds, s.rooms.node = acknowledged(sites), acknowledged(machines), registration
	return err
}

// buildSupport wires the name proxy and the operations listener.
func (s *Server) buildSupport(*front) (err error) {
	to := "127.0.0.1:" + strconv.Itoa(port(s.listeners.tls))
	s.rooms.proxy, err = nameproxy.New(nameproxy.Config{Log: s.c.Log, Rules: []nameproxy.Rule{
		{Hosts: []string{"*." + s.in.domain, "login.microsoftonline.com"}, Tunnel: to},
	}})
	if err != nil {
		return err
	}
	room, err := ops.New(ops.Config{Version: s.c.Version, Ready: s.db.Health, Read: s.readings})
	s.rooms.ops = room
	return err
}
