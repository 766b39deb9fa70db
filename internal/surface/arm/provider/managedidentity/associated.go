package managedidentity

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/surface/arm/provider/tracked"
)

// associatedPage is how many resources a page holds that does not say (CP §3.3).
const associatedPage = 100

// wireAssociated is a resource that carries an identity (CP §3.3).
type wireAssociated struct {
	ID             string `json:"id"`
	Name           string `json:"name"`
	Type           string `json:"type"`
	ResourceGroup  string `json:"resourceGroup"`
	SubscriptionID string `json:"subscriptionId"`
	Subscription   string `json:"subscriptionDisplayName"`
}

// wireAssociatedList is a page of them; the count is that of all pages.
type wireAssociatedList struct {
	TotalCount int              `json:"totalCount"`
	Value      []wireAssociated `json:"value"`
	NextLink   string           `json:"nextLink,omitempty"`
}

// associated answers with the resources that carry the identity and that the caller may
// read; the count is of the same set (CP §3.3).
func (p *provider) associated(ctx context.Context, r *arm.Request) (arm.Response, error) {
	filter, err := arm.ParseFilter(r.Query("$filter"))
	if err != nil {
		return arm.Response{}, err
	}
	order, err := readOrder(r.Query("$orderby"))
	if err != nil {
		return arm.Response{}, err
	}
	all, err := p.Identities.Hosts(ctx, r.Target)
	if err != nil {
		return arm.Response{}, err
	}
	var seen []resource.Resource
	for _, h := range all {
		fits, err := tracked.Fits(filter, h)
		if err != nil {
			return arm.Response{}, err
		}
		visible, err := r.Allowed(ctx, h.ID.Type()+"/read", h.ID)
		if err != nil {
			return arm.Response{}, err
		}
		if fits && visible {
			seen = append(seen, h)
		}
	}
	slices.SortFunc(seen, order)
	page, next, err := arm.Window(ctx, r, seen, func(h resource.Resource) string { return h.ID.Key() }, associatedPage)
	if err != nil {
		return arm.Response{}, err
	}
	list := wireAssociatedList{TotalCount: len(seen), Value: []wireAssociated{}, NextLink: next}
	names := map[id.Subscription]string{}
	for _, h := range page {
		sub := h.ID.Subscription()
		if _, known := names[sub]; !known {
			s, err := p.Resources.Subscription(ctx, sub)
			if err != nil && !errors.Is(err, resource.ErrSubscriptionNotFound) {
				return arm.Response{}, err
			}
			names[sub] = s.Name
		}
		list.Value = append(list.Value, wireAssociated{ID: h.ID.String(), Name: h.ID.FullName(), Type: h.ID.Type(),
			ResourceGroup: h.ID.Group(), SubscriptionID: string(sub), Subscription: names[sub]})
	}
	return arm.OK(list)
}

// readOrder reads $orderby: one of the members that $filter knows, ascending or not.
// Without it the order is that of the ids. Errors: arm.ErrQuery.
func readOrder(text string) (func(a, b resource.Resource) int, error) {
	key := func(r resource.Resource) string { return r.ID.Key() }
	field, direction, _ := strings.Cut(strings.TrimSpace(text), " ")
	switch strings.ToLower(field) {
	case "", "id":
	case "name":
		key = func(r resource.Resource) string { return strings.ToLower(r.ID.FullName()) }
	case "type":
		key = func(r resource.Resource) string { return strings.ToLower(r.ID.Type()) }
	case "resourcegroup":
		key = func(r resource.Resource) string { return strings.ToLower(r.ID.Group()) }
	case "subscriptionid":
		key = func(r resource.Resource) string { return string(r.ID.Subscription()) }
	default:
		return nil, arm.ErrQuery.With("The $orderby '%.64s' is not supported.", text)
	}
	sign := 1
	switch strings.ToLower(strings.TrimSpace(direction)) {
	case "", "asc":
	case "desc":
		sign = -1
	default:
		return nil, arm.ErrQuery.With("The $orderby '%.64s' is not supported.", text)
	}
	return func(a, b resource.Resource) int {
		if c := strings.Compare(key(a), key(b)); c != 0 {
			return sign * c
		}
		return sign * strings.Compare(a.ID.Key(), b.ID.Key())
	}, nil
}
