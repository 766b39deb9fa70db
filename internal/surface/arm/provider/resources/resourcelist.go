package resources

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/surface/arm/provider/tracked"
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
	scope, kind := narrowed(r.Target, filter)
	vaults, err := p.Vaults.List(ctx, scope)
	if err != nil {
		return arm.Response{}, err
	}
	expand := strings.ToLower(r.Query("$expand"))
	fetch := merged(func(ctx context.Context, after string, limit int) ([]resource.Resource, string, error) {
		return p.Resources.List(ctx, resource.Query{Scope: scope, Type: kind, After: after, Limit: limit})
	}, vaults)
	return arm.Page(ctx, r, fetch, func(ctx context.Context, item resource.Resource) (any, error) {
		fits, err := tracked.Fits(filter, item)
		if err != nil || !fits {
			return nil, err
		}
		visible, err := r.Allowed(ctx, item.ID.Type()+"/read", item.ID)
		if err != nil || !visible {
			return nil, err
		}
		w := tracked.New(item)
		w = w.Brief()
		if strings.Contains(expand, "createdtime") {
			w.CreatedTime = arm.Time(item.Created.At)
		}
		if strings.Contains(expand, "changedtime") {
			w.ChangedTime = arm.Time(item.Changed.At)
		}
		if strings.Contains(expand, "provisioningstate") {
			w.ProvisioningState = tracked.Succeeded
		}
		return w, nil
	})
}

// narrowed is where a filter without alternatives can find something: the one group and the
// one type that it demands, so that the rest need not be read.
func narrowed(scope resource.ID, filter [][]arm.Term) (at resource.ID, kind string) {
	if len(filter) != 1 {
		return scope, ""
	}
	for _, t := range filter[0] {
		switch {
		case t.Op != "eq":
		case t.Field == "resourcetype" || t.Field == "type":
			kind = t.Value
		case t.Field == "resourcegroup" && scope.Group() == "":
			if group := resource.GroupID(scope.Subscription(), t.Value); group.Type() == resource.TypeGroup {
				scope = group
			}
		}
	}
	return scope, kind
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

// vaultAsResource is a vault as it stands in lists of resources.
func vaultAsResource(v vault.Vault) resource.Resource {
	return resource.Resource{ID: v.ID, Tenant: v.Tenant, Location: v.Location, Tags: v.Tags, Revision: v.Revision,
		Created: resource.Stamp{At: v.Created, By: v.CreatedBy, ByType: v.CreatedByType},
		Changed: resource.Stamp{At: v.Changed, By: v.ChangedBy, ByType: v.ChangedByType}}
}
