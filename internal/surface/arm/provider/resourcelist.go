package provider

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/vault"
)

// gone reports whether a failure says only that there is nothing to delete any more.
func gone(err error) bool {
	return errors.Is(err, resource.ErrNotFound) || errors.Is(err, vault.ErrVaultNotFound)
}

// listResources answers with the resources of a subscription or group that the caller may
// read: things, not settings, and no extension resources (CP §2.9).
func (p *resourcesProvider) listResources(ctx context.Context, r *arm.Request) (arm.Response, error) {
	filter, err := arm.ParseFilter(r.Query("$filter"))
	if err != nil {
		return arm.Response{}, err
	}
	vaults, err := p.Vaults.List(ctx, r.Target)
	if err != nil {
		return arm.Response{}, err
	}
	expand := strings.ToLower(r.Query("$expand"))
	fetch := merged(func(ctx context.Context, after string, limit int) ([]resource.Resource, string, error) {
		return p.Resources.List(ctx, resource.Query{Scope: r.Target, After: after, Limit: limit})
	}, vaults)
	return arm.Page(ctx, r, fetch, func(ctx context.Context, item resource.Resource) (any, error) {
		fits, err := resourceFits(filter, item)
		if err != nil || !fits {
			return nil, err
		}
		visible, err := r.Allowed(ctx, item.ID.Type()+"/read", item.ID)
		if err != nil || !visible {
			return nil, err
		}
		w := newResource(item)
		w.Properties, w.SystemData, w.extra = nil, nil, nil
		if strings.Contains(expand, "createdtime") {
			w.CreatedTime = arm.Time(item.Created.At)
		}
		if strings.Contains(expand, "changedtime") {
			w.ChangedTime = arm.Time(item.Changed.At)
		}
		if strings.Contains(expand, "provisioningstate") {
			w.ProvisioningState = succeeded
		}
		return w, nil
	})
}

// merged adds vaults, which are kept elsewhere, to a listing in the order of keys.
func merged(fetch arm.Fetch[resource.Resource], vaults []vault.Vault) arm.Fetch[resource.Resource] {
	extra := make([]resource.Resource, 0, len(vaults))
	for _, v := range vaults {
		extra = append(extra, vaultAsResource(v))
	}
	byKey := func(a, b resource.Resource) int { return strings.Compare(a.ID.Key(), b.ID.Key()) }
	return func(ctx context.Context, after string, limit int) ([]resource.Resource, string, error) {
		items, next, err := fetch(ctx, after, limit)
		if err != nil {
			return nil, "", err
		}
		all := slices.Clone(items)
		for _, v := range extra {
			if key := v.ID.Key(); key > after && (next == "" || key <= next) {
				all = append(all, v)
			}
		}
		slices.SortFunc(all, byKey)
		if len(all) > limit {
			return all[:limit], all[limit-1].ID.Key(), nil
		}
		return all, next, nil
	}
}

// resourceFits applies a $filter of resource lists (CP §2.9). Errors: arm.ErrQuery.
func resourceFits(filter [][]arm.Term, item resource.Resource) (bool, error) {
	if filter == nil {
		return true, nil
	}
	for _, all := range filter {
		fits := true
		for _, t := range all {
			one, err := termFits(t, all, item)
			if err != nil {
				return false, err
			}
			fits = fits && one
		}
		if fits {
			return true, nil
		}
	}
	return false, nil
}

// termFits applies one term; all is the alternative it stands in, since tagName and
// tagValue belong together. Errors: arm.ErrQuery.
func termFits(t arm.Term, all []arm.Term, item resource.Resource) (bool, error) {
	if t.Op == "substringof" || t.Op == "contains" || t.Op == "startswith" {
		if t.Field != "name" {
			return false, arm.ErrQuery.With("The $filter may search in 'name' only.")
		}
		name, value := strings.ToLower(item.ID.FullName()), strings.ToLower(t.Value)
		if t.Op == "startswith" {
			return strings.HasPrefix(name, value), nil
		}
		return strings.Contains(name, value), nil
	}
	if t.Op != "eq" && t.Op != "ne" {
		return false, arm.ErrQuery.With("The function '%s' is not supported in this $filter.", t.Op)
	}
	var equal bool
	switch t.Field {
	case "resourcetype", "type":
		equal = item.ID.Is(t.Value)
	case "resourcegroup":
		equal = strings.EqualFold(item.ID.Group(), t.Value)
	case "subscriptionid":
		equal = strings.EqualFold(string(item.ID.Subscription()), t.Value)
	case "name":
		equal = strings.EqualFold(item.ID.Name(), t.Value) || strings.EqualFold(item.ID.FullName(), t.Value)
	case "location":
		equal = resource.CanonicalLocation(t.Value) == item.Location
	case "tagname":
		equal = hasTag(item.Tags, t.Value, all)
	case "tagvalue":
		equal = true // looked at with its tagName
	case "identity/principalid":
		equal = holdsPrincipal(item.Identity, t.Value)
	default:
		return false, arm.ErrQuery.With("The property '%.64s' is not supported in this $filter.", t.Field)
	}
	return equal == (t.Op == "eq"), nil
}

// hasTag reports whether tags has name, with the value that the alternative demands, if any.
func hasTag(tags map[string]string, name string, all []arm.Term) bool {
	for have, value := range tags {
		if !strings.EqualFold(have, name) {
			continue
		}
		for _, t := range all {
			if t.Field == "tagvalue" && t.Value != value {
				return false
			}
		}
		return true
	}
	return false
}

// holdsPrincipal reports whether an identity block names a principal.
func holdsPrincipal(i resource.Identity, principal string) bool {
	if i.System && strings.EqualFold(string(i.PrincipalID), principal) {
		return true
	}
	return slices.ContainsFunc(i.UserAssigned, func(a resource.Attached) bool { return strings.EqualFold(string(a.PrincipalID), principal) })
}
