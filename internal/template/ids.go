package template

import (
	"strings"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/template/expression"
	"github.com/sealring/sealring/internal/template/value"
)

// callResourceID builds ids from their parts (CP §7.5); what they name need not exist.
func callResourceID(env *environment, name string, args []any) (any, error) {
	parts := make([]string, len(args))
	for i, arg := range args {
		s, ok := arg.(string)
		if !ok {
			return nil, expression.ErrEvaluation.With("the template function '%s' takes strings", name)
		}
		parts[i] = s
	}
	// An extension's base is an id too, so its type is the first behind it.
	at, from := -1, 0
	if name == "extensionresourceid" {
		from = 1
	}
	for i := from; i < len(parts); i++ {
		if strings.Contains(parts[i], "/") {
			at = i
			break
		}
	}
	if at < 0 {
		return nil, expression.ErrEvaluation.With("Unable to evaluate template language function '%s': no argument is a resource type with its namespace, such as 'Microsoft.Web/sites'.", name)
	}
	tail, ok := interleave(parts[at], strings.Split(strings.Join(parts[at+1:], "/"), "/"))
	if !ok {
		return nil, expression.ErrEvaluation.With("Unable to evaluate template language function '%s': the type '%s' requires '%d' resource name argument(s).", name, clip(parts[at]), strings.Count(parts[at], "/"))
	}
	base, err := env.base(name, parts[:at])
	if err != nil {
		return nil, err
	}
	return strings.TrimSuffix(base, "/") + "/providers/" + tail, nil
}

// interleave puts the names of a resource behind the parts of its type.
func interleave(kind string, names []string) (string, bool) {
	types := strings.Split(kind, "/")
	if len(types)-1 != len(names) {
		return "", false
	}
	out := types[0]
	for i, name := range names {
		out += "/" + types[i+1] + "/" + name
	}
	return out, true
}

// base is the scope that a function's leading arguments name, or the deployment's.
func (env *environment) base(name string, given []string) (string, error) {
	here := env.owner.in.At
	wrong := expression.ErrEvaluation.With("Unable to evaluate template language function '%s': the arguments before the resource type are not expected.", name)
	switch name {
	case "tenantresourceid":
		if len(given) != 0 {
			return "", wrong
		}
		return "", nil
	case "managementgroupresourceid":
		group := here.Name()
		switch {
		case len(given) == 1:
			group = given[0]
		case len(given) > 1 || !here.Is(typeManagementGroup):
			return "", wrong
		}
		return "/providers/Microsoft.Management/managementGroups/" + group, nil
	case "extensionresourceid":
		if len(given) != 1 {
			return "", wrong
		}
		return given[0], nil
	}
	sub, group := string(here.Subscription()), here.Group()
	for _, g := range given {
		if parsed, err := id.ParseSubscription(g); err == nil && g == given[0] {
			if sub = g; string(parsed) == string(here.Subscription()) {
				sub = string(here.Subscription())
			}
			continue
		}
		group = g
	}
	switch {
	case len(given) > 2 || name == "subscriptionresourceid" && len(given) > 1:
		return "", wrong
	case sub == "" && name == "subscriptionresourceid":
		return "", wrong
	case sub == "":
		return "", nil
	case name == "subscriptionresourceid" || group == "":
		return "/subscriptions/" + sub, nil
	}
	return "/subscriptions/" + sub + "/resourceGroups/" + group, nil
}

// parseID reads the id of a resource, absolute or relative to a scope. Groups may be
// written as subscriptionResourceId makes them.
func parseID(text string, base resource.ID) (resource.ID, bool) {
	if !strings.HasPrefix(text, "/") {
		if !strings.Contains(text, "/") {
			return resource.ID{}, false
		}
		if strings.HasPrefix(value.Fold(text), "microsoft.management/managementgroups/") {
			base = resource.Root()
		}
		text = strings.TrimSuffix(base.String(), "/") + "/providers/" + text
	}
	parsed, err := resource.ParseID(text)
	if err != nil {
		return resource.ID{}, false
	}
	return settled(parsed), true
}

// settled spells /subscriptions/…/providers/Microsoft.Resources/resourceGroups/x, and the
// same below a group, as the id of the group.
func settled(i resource.ID) resource.ID {
	if i.Is(resource.TypeGroup) && i.IsResource() {
		return resource.GroupID(i.Subscription(), i.Name())
	}
	return i
}

// place finds the id of a resource from its type, name and scope.
func (p *Plan) place(env *environment, src *value.Object, kind, name string) (resource.ID, error) {
	base, err := p.scopeOf(env, src, kind)
	if err != nil {
		return resource.ID{}, err
	}
	if strings.EqualFold(kind, resource.TypeGroup) {
		if group := resource.GroupID(base.Subscription(), name); !group.IsZero() {
			return group, nil
		}
		return resource.ID{}, invalid("The resource group '%s' has a name that is not valid, or no subscription.", clip(name))
	}
	if strings.EqualFold(kind, resource.TypeSubscription) {
		if sub, err := id.ParseSubscription(name); err == nil {
			return resource.SubscriptionID(sub), nil
		}
	}
	tail, ok := interleave(kind, strings.Split(name, "/"))
	if !ok {
		return resource.ID{}, invalid("The template resource '%s' for type '%s' has incorrect segment lengths. A nested resource type must have identical number of segments as its resource name. A root resource type must have segment length one greater than its resource name. Please see https://aka.ms/arm-syntax-resources for usage details.", clip(name), clip(kind))
	}
	out, err := resource.ParseID(strings.TrimSuffix(base.String(), "/") + "/providers/" + tail)
	if err != nil {
		return resource.ID{}, invalid("The template resource '%s' of type '%s' has a name or type that is not valid.", clip(name), clip(kind))
	}
	return out, nil
}

// TypeDeployment is the type of nested deployments.
const TypeDeployment = "Microsoft.Resources/deployments"

// scopeOf is the scope under which a resource stands: the deployment's, or what `scope`,
// `subscriptionId` and `resourceGroup` say.
func (p *Plan) scopeOf(env *environment, src *value.Object, kind string) (resource.ID, error) {
	base := p.in.At
	fields := map[string]string{}
	for _, name := range []string{"scope", "subscriptionId", "resourceGroup"} {
		if src.Has(name) {
			text, err := env.text(src.Get(name), "'"+name+"' of a resource")
			if err != nil {
				return resource.ID{}, err
			}
			fields[name] = text
		}
	}
	if sub, group := fields["subscriptionId"], fields["resourceGroup"]; sub+group != "" {
		if !strings.EqualFold(kind, TypeDeployment) && src.Get("existing") != true {
			return resource.ID{}, invalid("Only nested deployments and existing resources may name another subscription or resource group.")
		}
		if sub == "" {
			sub = string(base.Subscription())
		}
		parsed, err := id.ParseSubscription(sub)
		if err != nil {
			return resource.ID{}, invalid("The subscription of a resource is not a GUID.")
		}
		base = resource.SubscriptionID(parsed)
		if group != "" {
			base = resource.GroupID(parsed, group)
		}
		if base.IsZero() {
			return resource.ID{}, invalid("The resource group '%s' is not a valid name.", clip(group))
		}
	}
	if scope, there := fields["scope"]; there {
		parsed, ok := parseID(scope, base)
		if scope == "/" {
			parsed, ok = resource.Root(), true
		}
		if !ok {
			return resource.ID{}, invalid("The scope '%s' of a resource is not valid.", clip(scope))
		}
		base = parsed
	}
	return base, nil
}
