package keyvault

import (
	"strings"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/rbac"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/vault"
)

// helpLink is where the service sends people who lack an access policy.
const helpLink = "https://go.microsoft.com/fwlink/?linkid=2125287"

// authorize decides whether the caller may take the route: by role assignments or by the
// vault's access policies, as its switch says, and never by both (RS §1.9.1). A refusal is
// on record before it is answered. Errors: errByRole, errByPolicy.
func (k *Room) authorize(c *call) error {
	refusal, reason, err := k.refusal(c, c.scope())
	if err != nil || refusal == nil {
		return err
	}
	return k.refuse(c, reason, refusal)
}

// scope is what the route acts on: the secret that the path names, or the vault.
func (c *call) scope() resource.ID {
	if named := c.vault.SecretScope(c.name); c.name != "" && !named.IsZero() {
		return named
	}
	return c.vault.ID
}

// refuse puts a refusal on record and returns it; or why that could not be done.
func (k *Room) refuse(c *call, reason string, refusal error) error {
	event := audit.Event{
		Kind: audit.Security, Outcome: audit.Denied, Operation: c.route.action, Target: c.scope().String(),
		Subscription: c.vault.ID.Subscription(), Reason: reason,
	}
	if err := k.audit.Write(c.ctx(), event); err != nil {
		return err
	}
	return refusal
}

// refusal returns why the caller may not, and a stable code for the record; nil if they may.
func (k *Room) refusal(c *call, scope resource.ID) (refusal error, reason string, err error) {
	if c.vault.RBAC {
		d, err := k.roles.Decide(c.ctx(), rbac.Request{Principal: c.principal.Object, Action: c.route.action, Data: true, Scope: scope})
		if err != nil || d.Allowed {
			return nil, "", err
		}
		return errByRole.With("%s", roleDenial(c, scope, d)), "ForbiddenByRbac", nil
	}
	groups, _, err := k.groups.Groups(c.ctx(), c.principal.Object)
	if err != nil {
		return nil, "", err
	}
	caller := vault.Caller{
		Tenant: c.principal.Tenant, Object: c.principal.Object, App: c.principal.App, OnBehalf: actorType(c.principal) == "User", Groups: groups,
	}
	if c.vault.PolicyAllows(caller, c.route.permission) {
		return nil, "", nil
	}
	return errByPolicy.With("The user, group or application '%s' does not have secrets %s permission on key vault '%s'. For help resolving this issue, please see %s",
		callerText(c), c.route.permission, vaultText(c.vault), helpLink), "ForbiddenByPolicy", nil
}

// roleDenial is the service's text for a refusal by roles: it names what is missing (RS §1.8).
func roleDenial(c *call, scope resource.ID, d rbac.Decision) string {
	deny, reason := "null", "DeniedWithNoValidRBAC"
	if d.Deny != nil {
		deny, reason = "'"+string(d.Deny.Name)+"'", "DeniedByDenyAssignment"
	}
	return strings.Join([]string{
		"Caller is not authorized to perform action on resource.",
		"If role assignments, deny assignments or role definitions were changed recently, please observe propagation time.",
		"Caller: " + callerText(c),
		"Action: '" + c.route.action + "'",
		"Resource: '" + scope.String() + "'",
		"Assignment: (not found)",
		"DenyAssignmentId: " + deny,
		"DecisionReason: '" + reason + "'",
		"Vault: " + vaultText(c.vault),
	}, "\r\n")
}

// callerText names the caller as the service does.
func callerText(c *call) string {
	return "appid=" + string(c.principal.App) + ";oid=" + string(c.principal.Object) + ";iss=" + c.principal.Issuer
}

// vaultText names the vault as the service does.
func vaultText(v vault.Vault) string { return v.Name + ";location=" + plainLocation(v) }

// plainLocation is the location without case and blanks: "westeurope".
func plainLocation(v vault.Vault) string {
	return strings.ToLower(strings.ReplaceAll(v.Location, " ", ""))
}
