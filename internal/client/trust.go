package client

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Identity is everything by which a principal is trusted, and whether it is used (S-71).
type Identity struct {
	ServicePrincipal
	Type string `json:"type"` // ManagedIdentity or Application
	// Resource is the id of a managed identity's own resource, "" for an application.
	Resource string `json:"resource,omitempty"`
	// Hosts are the resources whose programs may be it.
	Hosts []string `json:"hosts"`
	// Federated are the outside assertions that prove it.
	Federated []FederatedTrust `json:"federated"`
	// Assignments are its roles in every subscription, inherited and held through groups too.
	Assignments []HeldRole `json:"assignments"`
	// LastUse is its newest sign-in on record, nil if there is none.
	LastUse *time.Time `json:"last_use"`
}

// FederatedTrust is one outside subject that is accepted.
type FederatedTrust struct {
	Name    string     `json:"name"`
	Issuer  string     `json:"issuer"`
	Subject string     `json:"subject"`
	LastUse *time.Time `json:"last_use"`
	// Dangling is one that nobody used for 90 days, or ever.
	Dangling bool `json:"dangling"`
}

// HeldRole is one assignment that counts for a principal.
type HeldRole struct {
	Role  string `json:"role"`
	Scope string `json:"scope"`
	// Through is the object id of the group that holds it; "" where the principal does.
	Through string `json:"through,omitempty"`
}

// danglingAfter is how long a federated credential may go unused.
const danglingAfter = 90 * 24 * time.Hour

// graphPrincipal is what is read of a service principal beside its names.
type graphPrincipal struct {
	ServicePrincipal
	Type         string   `json:"servicePrincipalType"`
	Alternatives []string `json:"alternativeNames"`
	Owner        string   `json:"appOwnerOrganizationId"`
}

// own reports whether p is a managed identity or an application of the tenant itself, and not
// one of the services that every tenant knows.
func (p *graphPrincipal) own(tenant string) bool {
	return p.Type == "ManagedIdentity" || strings.EqualFold(p.Owner, tenant)
}

// Identities lists the managed identities and applications of the tenant with their last use.
func (c *Client) Identities(ctx context.Context) ([]Identity, error) {
	var found []graphPrincipal
	query := url.Values{"$select": {"id,appId,displayName,servicePrincipalType,alternativeNames,appOwnerOrganizationId"}, "$top": {"999"}}
	var page struct {
		Value []graphPrincipal `json:"value"`
		Next  string           `json:"@odata.nextLink"`
	}
	err := c.graph(ctx, "/servicePrincipals", query, &page)
	for err == nil {
		found = append(found, page.Value...)
		if page.Next == "" {
			break
		}
		next := page.Next
		page.Value, page.Next = nil, ""
		err = c.call(ctx, http.MethodGet, next, nil, AudienceGraph, nil, &page)
	}
	if err != nil {
		return nil, err
	}
	var out []Identity
	for i := range found {
		p := &found[i]
		if !p.own(c.at.TenantID) {
			continue
		}
		one := identityOf(p)
		if one.LastUse, err = c.lastSignIn(ctx, "servicePrincipalId eq "+quoted(p.ID)); err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}

// identityOf is what the directory says of a principal.
func identityOf(p *graphPrincipal) Identity {
	out := Identity{ServicePrincipal: p.ServicePrincipal, Type: p.Type, Hosts: []string{}, Federated: []FederatedTrust{}, Assignments: []HeldRole{}}
	for _, name := range p.Alternatives {
		if strings.HasPrefix(name, "/") {
			out.Resource = name
		}
	}
	return out
}

// Identity returns everything by which a principal is trusted. Errors: ErrNotFound.
func (c *Client) Identity(ctx context.Context, id string, now time.Time) (Identity, error) {
	var p graphPrincipal
	if err := c.graph(ctx, "/servicePrincipals/"+url.PathEscape(id), nil, &p); err != nil {
		return Identity{}, err
	}
	out := identityOf(&p)
	var err error
	if out.LastUse, err = c.lastSignIn(ctx, "servicePrincipalId eq "+quoted(p.ID)); err != nil {
		return out, err
	}
	if out.Hosts, err = c.hostsOf(ctx, out); err != nil {
		return out, err
	}
	if out.Federated, err = c.federatedOf(ctx, out, now); err != nil {
		return out, err
	}
	out.Assignments, err = c.heldRoles(ctx, p.ID)
	return out, err
}

// userAssigned reports whether an id is that of a user-assigned identity.
func userAssigned(id string) bool {
	return strings.Contains(strings.ToLower(id), "/providers/microsoft.managedidentity/userassignedidentities/")
}

// hostsOf lists the resources that carry a managed identity.
func (c *Client) hostsOf(ctx context.Context, of Identity) ([]string, error) {
	hosts := []string{}
	if !userAssigned(of.Resource) {
		if of.Resource != "" {
			hosts = append(hosts, of.Resource) // a system-assigned identity is its host's
		}
		return hosts, nil
	}
	var associated listed[struct {
		ID string `json:"id"`
	}]
	if err := c.manage(ctx, http.MethodPost, of.Resource+"/listAssociatedResources", versionIdentity, nil, &associated); err != nil {
		return nil, err
	}
	for _, v := range associated.Value {
		hosts = append(hosts, v.ID)
	}
	return hosts, nil
}

// federatedOf lists the federated credentials of an identity, and when each was last used.
func (c *Client) federatedOf(ctx context.Context, of Identity, now time.Time) ([]FederatedTrust, error) {
	var page listed[struct {
		ID string `json:"id"`
		FederatedTrust
	}]
	if err := c.graph(ctx, "/servicePrincipals/"+url.PathEscape(of.ID)+"/federatedIdentityCredentials", nil, &page); err != nil {
		return nil, err
	}
	out := []FederatedTrust{}
	for _, f := range page.Value {
		t := f.FederatedTrust
		var err error
		if t.LastUse, err = c.lastSignIn(ctx, "servicePrincipalId eq "+quoted(of.ID)+" and federatedCredentialId eq "+quoted(f.ID)); err != nil {
			return nil, err
		}
		t.Dangling = t.LastUse == nil || now.Sub(*t.LastUse) > danglingAfter
		out = append(out, t)
	}
	return out, nil
}

// lastSignIn is the time of the newest successful sign-in that meets a condition, nil if none is on record.
func (c *Client) lastSignIn(ctx context.Context, condition string) (*time.Time, error) {
	var page listed[struct {
		At time.Time `json:"createdDateTime"`
	}]
	filter := "signInEventTypes/any(t: t eq 'managedIdentity' or t eq 'servicePrincipal') and status/errorCode eq 0 and " + condition
	if err := c.graph(ctx, "/auditLogs/signIns", url.Values{"$filter": {filter}, "$top": {"1"}}, &page); err != nil || len(page.Value) == 0 {
		return nil, err
	}
	return &page.Value[0].At, nil
}

// heldRoles lists the assignments that count for a principal, in every subscription.
func (c *Client) heldRoles(ctx context.Context, principal string) ([]HeldRole, error) {
	subscriptions, err := listAll[struct {
		ID string `json:"id"`
	}](ctx, c, "/subscriptions", versionTenant, nil)
	if err != nil {
		return nil, err
	}
	out, names := []HeldRole{}, map[string]string{}
	for _, s := range subscriptions {
		found, err := listAll[struct {
			Properties struct {
				Role      string `json:"roleDefinitionId"`
				Scope     string `json:"scope"`
				Principal string `json:"principalId"`
			} `json:"properties"`
		}](ctx, c, s.ID+"/providers/Microsoft.Authorization/roleAssignments", versionRBAC, url.Values{"$filter": {"assignedTo(" + quoted(principal) + ")"}})
		if err != nil {
			return nil, err
		}
		for _, a := range found {
			held := HeldRole{Scope: a.Properties.Scope}
			if !strings.EqualFold(a.Properties.Principal, principal) {
				held.Through = a.Properties.Principal
			}
			id := a.Properties.Role[strings.LastIndexByte(a.Properties.Role, '/')+1:]
			if names[id] == "" {
				role, err := c.Role(ctx, id, s.ID)
				if err != nil {
					return nil, err
				}
				names[id] = role.Properties.RoleName
			}
			held.Role = names[id]
			if !slices.Contains(out, held) { // one above the subscriptions is listed in each
				out = append(out, held)
			}
		}
	}
	return out, nil
}
