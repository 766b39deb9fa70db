package client

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// defaultLocation is where our own commands create things.
const defaultLocation = "local"

// Resource is what our commands read of a resource.
type Resource struct {
	ID         string         `json:"id"`
	Name       string         `json:"name"`
	Type       string         `json:"type"`
	Location   string         `json:"location"`
	Identity   *IdentityBlock `json:"identity"`
	Properties struct {
		PrincipalID string `json:"principalId"` // of a user-assigned identity
		ClientID    string `json:"clientId"`    // of a user-assigned identity
		VaultURI    string `json:"vaultUri"`    // of a vault
	} `json:"properties"`
}

// IdentityBlock is the identity member of a resource (CP §2.12).
type IdentityBlock struct {
	Type         string                   `json:"type"`
	PrincipalID  string                   `json:"principalId,omitempty"`
	TenantID     string                   `json:"tenantId,omitempty"`
	UserAssigned map[string]*UserAssigned `json:"userAssignedIdentities,omitempty"`
}

// UserAssigned is one attached identity; an empty one means "attach".
type UserAssigned struct {
	PrincipalID string `json:"principalId,omitempty"`
	ClientID    string `json:"clientId,omitempty"`
}

// system reports whether the block has a system-assigned identity.
func (b *IdentityBlock) system() bool {
	return b != nil && strings.Contains(strings.ToLower(b.Type), "systemassigned")
}

// has reports whether the user-assigned identity id is attached.
func (b *IdentityBlock) has(id string) bool {
	if b == nil {
		return false
	}
	for key := range b.UserAssigned {
		if strings.EqualFold(key, id) {
			return true
		}
	}
	return false
}

// Host says which app or machine a program is to be, with which identities.
type Host struct {
	Machine    bool // a virtual machine instead of an App Service app
	Name       string
	Slot       string // deployment slot of an app; "" is production
	Group      string
	Identities []string // "system", the name of an identity in Group, or a resource id; none keeps what is there
}

// GroupID is the resource id of a group in the platform's subscription.
func (e Endpoints) GroupID(group string) string {
	return "/subscriptions/" + e.SubscriptionID + "/resourceGroups/" + group
}

// ID is the resource id of the host.
func (h Host) ID(e Endpoints) string {
	switch {
	case h.Machine:
		return e.GroupID(h.Group) + "/providers/Microsoft.Compute/virtualMachines/" + h.Name
	case h.Slot != "":
		return e.GroupID(h.Group) + "/providers/Microsoft.Web/sites/" + h.Name + "/slots/" + h.Slot
	default:
		return e.GroupID(h.Group) + "/providers/Microsoft.Web/sites/" + h.Name
	}
}

// version is the api-version of the host's provider.
func (h Host) version() string {
	if h.Machine {
		return versionCompute
	}
	return versionWeb
}

// hostBody is the least a provider accepts for a resource (design.md §5: small bodies are enough).
type hostBody struct {
	Location   string         `json:"location"`
	Identity   *IdentityBlock `json:"identity,omitempty"`
	Properties any            `json:"properties,omitempty"` // by kind: vmProperties, newVault
}

// vmProperties is a virtual machine with only a size.
type vmProperties struct {
	HardwareProfile struct {
		VMSize string `json:"vmSize"`
	} `json:"hardwareProfile"`
}

// smallMachine is a virtual machine of the smallest common size.
func smallMachine() vmProperties {
	var p vmProperties
	p.HardwareProfile.VMSize = "Standard_B1s"
	return p
}

// Ensure makes sure that h exists and has its identities, creating what is missing: the
// group, the app a slot belongs to, user-assigned identities, the host. It never takes an
// identity away and grants nothing (D-5, L-13). did is told each thing that was done.
func (c *Client) Ensure(ctx context.Context, h Host, did func(format string, args ...any)) (Resource, error) {
	if err := c.ensureGroup(ctx, h.Group, did); err != nil {
		return Resource{}, err
	}
	if h.Slot != "" {
		app := h
		app.Slot, app.Identities = "", nil
		if _, found, err := c.find(ctx, app.ID(c.at), app.version()); err != nil {
			return Resource{}, err
		} else if !found {
			if err := c.putHost(ctx, app, nil, did); err != nil {
				return Resource{}, err
			}
		}
	}
	want, err := c.identities(ctx, h, did)
	if err != nil {
		return Resource{}, err
	}
	have, found, err := c.find(ctx, h.ID(c.at), h.version())
	switch {
	case err != nil:
		return Resource{}, err
	case !found:
		err = c.putHost(ctx, h, want.block(), did)
	default:
		err = c.addIdentities(ctx, h, have, want, did)
	}
	if err != nil {
		return Resource{}, err
	}
	have, found, err = c.find(ctx, h.ID(c.at), h.version())
	if err == nil && !found {
		err = ErrNotFound.With("%s is gone again", h.ID(c.at))
	}
	return have, err
}

// wanted are the identities a host is to have.
type wanted struct {
	system bool
	ids    []string // of user-assigned identities
}

// block writes the identities as a request; a host without any wish gets a system identity.
func (w wanted) block() *IdentityBlock {
	b := &IdentityBlock{Type: "SystemAssigned"}
	if len(w.ids) == 0 {
		return b
	}
	b.Type = "UserAssigned"
	if w.system {
		b.Type = "SystemAssigned, UserAssigned"
	}
	b.UserAssigned = map[string]*UserAssigned{}
	for _, id := range w.ids {
		b.UserAssigned[id] = &UserAssigned{}
	}
	return b
}

// identities resolves what h asks for, creating named identities that do not exist.
func (c *Client) identities(ctx context.Context, h Host, did func(string, ...any)) (wanted, error) {
	var w wanted
	for _, name := range h.Identities {
		if strings.EqualFold(name, "system") {
			w.system = true
			continue
		}
		id := c.at.IdentityID(name, h.Group)
		_, found, err := c.find(ctx, id, versionIdentity)
		if err != nil {
			return w, err
		}
		if !found {
			if strings.HasPrefix(name, "/") {
				return w, ErrNotFound.With("there is no identity %s: create it first, or give just a name", name)
			}
			if err := c.manage(ctx, http.MethodPut, id, versionIdentity, hostBody{Location: defaultLocation}, nil); err != nil {
				return w, fmt.Errorf("create identity %s: %w", name, err)
			}
			did("created user-assigned identity %s", name)
		}
		if !slices.ContainsFunc(w.ids, func(o string) bool { return strings.EqualFold(o, id) }) {
			w.ids = append(w.ids, id)
		}
	}
	return w, nil
}

// IdentityID is the resource id of a user-assigned identity given by name or by id.
func (e Endpoints) IdentityID(nameOrID, group string) string {
	if strings.HasPrefix(nameOrID, "/") {
		return strings.TrimSuffix(nameOrID, "/")
	}
	return e.GroupID(group) + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/" + nameOrID
}

// ensureGroup creates the group unless it exists.
func (c *Client) ensureGroup(ctx context.Context, group string, did func(string, ...any)) error {
	_, found, err := c.find(ctx, c.at.GroupID(group), versionGroups)
	if err != nil || found {
		return err
	}
	if err := c.manage(ctx, http.MethodPut, c.at.GroupID(group), versionGroups, hostBody{Location: defaultLocation}, nil); err != nil {
		return fmt.Errorf("create resource group %s: %w", group, err)
	}
	did("created resource group %s", group)
	return nil
}

// find reads a resource; found is false when there is none.
func (c *Client) find(ctx context.Context, id, version string) (r Resource, found bool, err error) {
	err = c.manage(ctx, http.MethodGet, id, version, nil, &r)
	if isStatus(err, http.StatusNotFound) {
		return Resource{}, false, nil
	}
	if err != nil {
		return Resource{}, false, fmt.Errorf("read %s: %w", id, err)
	}
	return r, true, nil
}

// putHost creates a host.
func (c *Client) putHost(ctx context.Context, h Host, block *IdentityBlock, did func(string, ...any)) error {
	body := hostBody{Location: defaultLocation, Identity: block}
	what := "app"
	if h.Machine {
		what = "virtual machine"
		body.Properties = smallMachine()
	}
	name := h.Name
	if h.Slot != "" {
		what, name = "slot", h.Name+"/slots/"+h.Slot
	}
	if err := c.manage(ctx, http.MethodPut, h.ID(c.at), h.version(), body, nil); err != nil {
		return fmt.Errorf("create %s %s: %w", what, name, err)
	}
	if block == nil {
		did("created %s %s in group %s", what, name, h.Group)
	} else {
		did("created %s %s in group %s with identity %s", what, name, h.Group, block.Type)
	}
	return nil
}

// addIdentities gives an existing host the identities it lacks, by PATCH (CP §2.12).
func (c *Client) addIdentities(ctx context.Context, h Host, have Resource, want wanted, did func(string, ...any)) error {
	add := wanted{system: want.system || have.Identity.system()}
	for _, id := range want.ids {
		if !have.Identity.has(id) {
			add.ids = append(add.ids, id)
		}
	}
	lacksSystem := want.system && !have.Identity.system()
	if !lacksSystem && len(add.ids) == 0 {
		return nil
	}
	block := add.block()
	if have.Identity != nil && len(have.Identity.UserAssigned) > 0 && len(add.ids) == 0 {
		block.Type = "SystemAssigned, UserAssigned" // SystemAssigned alone would detach the others
	}
	patch := struct {
		Identity *IdentityBlock `json:"identity"`
	}{block}
	if err := c.manage(ctx, http.MethodPatch, h.ID(c.at), h.version(), patch, nil); err != nil {
		return fmt.Errorf("give %s its identities: %w", h.Name, err)
	}
	did("gave %s the identities it lacked (%s)", h.Name, block.Type)
	return nil
}

// Host reads a host that must exist. Errors: ErrNotFound.
func (c *Client) Host(ctx context.Context, h Host) (Resource, error) {
	r, found, err := c.find(ctx, h.ID(c.at), h.version())
	if err == nil && !found {
		err = ErrNotFound.With("there is no %s: `sealring run` creates it", h.ID(c.at))
	}
	return r, err
}
