package client

import (
	"context"
	"strings"

	"github.com/sealring/sealring/internal/fault"
)

// ErrScope is a text that names no scope.
var ErrScope = fault.New(fault.Invalid, "not a scope")

// shortTypes are the words by which a person may name a resource: WORD/NAME or WORD/GROUP/NAME.
var shortTypes = map[string]struct{ kind, version string }{
	"vault":    {"Microsoft.KeyVault/vaults", versionVault},
	"app":      {"Microsoft.Web/sites", versionWeb},
	"vm":       {"Microsoft.Compute/virtualMachines", versionCompute},
	"identity": {"Microsoft.ManagedIdentity/userAssignedIdentities", versionIdentity},
}

// Scope turns what a person writes into a resource id: an id as it is, "subscription",
// "group/NAME", or "vault|app|vm|identity/NAME", looked up in the whole subscription.
// Errors: ErrScope, ErrNotFound.
func (c *Client) Scope(ctx context.Context, text string) (string, error) {
	if strings.HasPrefix(text, "/") {
		if text == "/" {
			return text, nil
		}
		return strings.TrimSuffix(text, "/"), nil
	}
	word, name, _ := strings.Cut(text, "/")
	switch short, known := shortTypes[strings.ToLower(word)]; {
	case strings.EqualFold(word, "subscription") && name == "":
		return "/subscriptions/" + c.at.SubscriptionID, nil
	case strings.EqualFold(word, "group") && name != "" && !strings.Contains(name, "/"):
		return c.at.GroupID(name), nil
	case known && name != "":
		return c.lookup(ctx, short.kind, short.version, word, name)
	}
	return "", ErrScope.With("%q is no scope: write a resource id, subscription, group/NAME, vault/NAME, app/NAME, vm/NAME or identity/NAME", text)
}

// lookup finds the one resource of a type with this name, or GROUP/NAME.
func (c *Client) lookup(ctx context.Context, kind, version, word, name string) (string, error) {
	if group, leaf, both := strings.Cut(name, "/"); both {
		return c.at.GroupID(group) + "/providers/" + kind + "/" + leaf, nil
	}
	all, err := listAll[Resource](ctx, c, "/subscriptions/"+c.at.SubscriptionID+"/providers/"+kind, version, nil)
	if err != nil {
		return "", err
	}
	var found []string
	for _, r := range all {
		if strings.EqualFold(r.Name, name) {
			found = append(found, r.ID)
		}
	}
	switch len(found) {
	case 0:
		return "", ErrNotFound.With("there is no %s named %s in the subscription", word, name)
	case 1:
		return found[0], nil
	default:
		return "", ErrScope.With("%s/%s is ambiguous; write one of %s", word, name, strings.Join(found, ", "))
	}
}
