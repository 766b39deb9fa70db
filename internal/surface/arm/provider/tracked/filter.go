package tracked

import (
	"slices"
	"strings"

	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
)

// Fits applies a $filter of resource lists (CP §2.9). Errors: arm.ErrQuery.
func Fits(filter [][]arm.Term, item resource.Resource) (bool, error) {
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
