package deployment

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/template"
	"github.com/sealring/sealring/internal/template/value"
)

// nameForm is what deployments may be called (CP §7.3).
var nameForm = regexp.MustCompile(`^[-A-Za-z0-9_.()]+$`)

// CheckName applies the rule for names. Errors: ErrNameCharacters, ErrNameLength.
func CheckName(name string) error {
	switch {
	case len(name) > 64:
		return ErrNameLength.With("The deployment name '%.80s' has %d characters; the limit is 64.", name, len(name))
	case !nameForm.MatchString(name):
		return ErrNameCharacters.With("The deployment name '%s' may have letters, digits, '-', '_', '.', '(' and ')' only.", name)
	}
	return nil
}

// prepare checks a request and plans it; parent is the deployment in which it is nested,
// nil for none.
func (s *Service) prepare(ctx context.Context, req Request, parent *exec) (*exec, error) {
	if err := CheckName(req.ID.Name()); err != nil {
		return nil, err
	}
	scope := req.ID.Scope()
	if scope.Group() == "" && req.Location == "" {
		return nil, ErrLocation.With("The 'location' property must be specified for '%s'. Please see https://aka.ms/deploy-to-subscription for usage details.", req.ID.Name())
	}
	if req.Complete && scope.Type() != resource.TypeGroup {
		return nil, ErrContent.With("The deployment mode 'Complete' is for resource groups only.")
	}
	in, err := s.input(ctx, req)
	if err != nil {
		return nil, err
	}
	select {
	case s.planning <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	plan, err := template.New(in)
	<-s.planning
	if err != nil {
		return nil, err
	}
	return s.runnable(req, plan, parent)
}

// runnable refuses what could be recorded and not done: nobody here runs scripts.
func (s *Service) runnable(req Request, plan *template.Plan, parent *exec) (*exec, error) {
	for _, r := range plan.Resources {
		if r.Enabled && !r.Existing && r.ID.Is("Microsoft.Resources/deploymentScripts") {
			return nil, ErrContent.With("The template has the deployment script '%s'. Deployment scripts are not run here: take it out, or make it conditional.", r.Name)
		}
	}
	return newExec(s, req, plan, parent), nil
}

// input gathers what a plan is made of.
func (s *Service) input(ctx context.Context, req Request) (in template.Input, err error) {
	in = template.Input{Template: req.Template, At: req.ID.Scope(), Facts: req.Facts, Now: s.now(), NewGUID: s.ids.Text}
	if in.Parameters, in.Secret, err = s.parameters(ctx, req); err != nil {
		return in, err
	}
	scope := req.ID.Scope()
	if sub := scope.Subscription(); sub != "" {
		found, err := s.resources.Subscription(ctx, sub)
		if err != nil {
			return in, err
		}
		in.Facts.Subscription = value.NewObject("id", resource.SubscriptionID(sub).String(), "subscriptionId", string(found.ID),
			"tenantId", string(found.Tenant), "displayName", found.Name)
	}
	in.Facts.ResourceGroup, in.Facts.ManagementGroup = nil, nil
	if group := scope.GroupScope(); !group.IsZero() {
		g, err := s.resources.Group(ctx, group)
		if err != nil {
			return in, err
		}
		in.At = g.ID // ids are made of it, so it is spelled as it was created
		tags := &value.Object{}
		for _, name := range sortedNames(g.Tags) {
			tags.Set(name, g.Tags[name])
		}
		in.Facts.ResourceGroup = value.NewObject("id", g.ID.String(), "name", g.ID.Name(), "type", resource.TypeGroup, "location", g.Location,
			"tags", tags, "properties", value.NewObject("provisioningState", Succeeded))
		if g.ManagedBy != "" {
			in.Facts.ResourceGroup.Set("managedBy", g.ManagedBy)
		}
	}
	if scope.Is("Microsoft.Management/managementGroups") {
		in.Facts.ManagementGroup = value.NewObject("id", scope.String(), "name", scope.Name(), "type", "Microsoft.Management/managementGroups",
			"properties", value.NewObject("displayName", scope.Name()))
	}
	in.Facts.Deployment = fact(req)
	return in, nil
}

// sortedNames are the keys of m in order.
func sortedNames(m map[string]string) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// fact is what the function deployment() answers.
func fact(req Request) *value.Object {
	props := value.NewObject("template", req.Template, "templateHash", template.Hash(req.Template), "parameters", orEmpty(req.Parameters),
		"mode", mode(req.Complete), "provisioningState", "Accepted")
	out := value.NewObject("name", req.ID.Name(), "properties", props)
	if req.Location != "" {
		out.Set("location", req.Location)
	}
	return out
}

// orEmpty is an object instead of none.
func orEmpty(o *value.Object) *value.Object {
	if o == nil {
		return &value.Object{}
	}
	return o
}

// mode names the two modes.
func mode(complete bool) string {
	if complete {
		return "Complete"
	}
	return "Incremental"
}

// parameters reads the values out of a request; those in vaults as the caller, and says
// which these are, by folded name.
func (s *Service) parameters(ctx context.Context, req Request) (out *value.Object, secret map[string]bool, err error) {
	out, secret = &value.Object{}, map[string]bool{}
	for _, name := range req.Parameters.Names() {
		p, ok := req.Parameters.Get(name).(*value.Object)
		if !ok {
			return nil, nil, template.ErrParameterValue.With("The deployment parameter '%.80s' is not an object with a member 'value' or 'reference'.", name)
		}
		if ref := p.Object("reference"); ref != nil {
			text, err := s.secret(ctx, req, name, ref)
			if err != nil {
				return nil, nil, err
			}
			out.Set(name, text)
			secret[value.Fold(name)] = true
			continue
		}
		v, there := p.Find("value")
		if !there {
			return nil, nil, template.ErrParameterValue.With("The deployment parameter '%.80s' has neither a 'value' nor a 'reference'.", name)
		}
		out.Set(name, v)
	}
	return out, secret, nil
}

// secret reads a parameter that is kept in a vault.
func (s *Service) secret(ctx context.Context, req Request, name string, ref *value.Object) (string, error) {
	vault, err := resource.ParseID(ref.Object("keyVault").Text("id"))
	if err != nil || !vault.Is("Microsoft.KeyVault/vaults") || ref.Text("secretName") == "" {
		return "", template.ErrParameterValue.With("The reference of the deployment parameter '%.80s' names no vault and secret.", name)
	}
	return req.Caller.Secret(ctx, vault, ref.Text("secretName"), ref.Text("secretVersion"))
}

// newExec makes what executes a plan.
func newExec(s *Service, req Request, plan *template.Plan, parent *exec) *exec {
	now := s.now().UTC()
	x := &exec{s: s, req: req, plan: plan, parent: parent, nodes: map[*template.Resource]*node{}}
	x.record = Deployment{ID: req.ID, Tenant: req.Tenant, State: Running, Location: req.Location, Tags: req.Tags, Mode: mode(req.Complete), Operation: s.ids.Text(),
		Correlated: req.Correlation, Hash: template.Hash(req.Template), Started: now, Changed: now, Parameters: shownParameters(plan)}
	x.record.Providers, x.record.Dependencies = describe(plan)
	if parent != nil {
		x.slots, x.depth = parent.slots, parent.depth+1
	} else {
		x.slots = make(chan struct{}, parallel)
	}
	for i, r := range plan.Resources {
		if r.Enabled {
			x.order = append(x.order, &node{r: r, place: i})
			x.nodes[r] = x.order[len(x.order)-1]
		}
	}
	return x
}

// shownParameters writes the parameters as answers have them, without secure values.
func shownParameters(plan *template.Plan) json.RawMessage {
	out := &value.Object{}
	for _, p := range plan.Parameters {
		shown := value.NewObject("type", p.Type)
		if !p.Secure {
			shown.Set("value", p.Value)
		}
		out.Set(p.Name, shown)
	}
	return value.Marshal(out)
}

// describe lists the types and the dependencies of a plan.
func describe(plan *template.Plan) (types []Provided, order []Dependency) {
	for _, r := range plan.Resources {
		if r.Existing || !r.Enabled {
			continue
		}
		namespace, kind, _ := strings.Cut(r.ID.Type(), "/")
		i := slices.IndexFunc(types, func(p Provided) bool { return strings.EqualFold(p.Namespace, namespace) })
		if i < 0 {
			i = len(types)
			types = append(types, Provided{Namespace: namespace})
		}
		if !slices.ContainsFunc(types[i].Types, func(t string) bool { return strings.EqualFold(t, kind) }) {
			types[i].Types = append(types[i].Types, kind)
		}
		d := Dependency{ID: r.ID.String()}
		for _, a := range r.After {
			if !a.Existing {
				d.After = append(d.After, a.ID.String())
			}
		}
		if d.After != nil {
			order = append(order, d)
		}
	}
	return types, order
}

// kept is a template as it is stored: without the defaults of secure parameters, here and
// in what is nested, unless they are expressions or empty.
func kept(t *value.Object) *value.Object {
	out := t.Clone()
	if params := t.Object("parameters"); params != nil {
		cleaned, secure := params.Clone(), template.SecureIn(t)
		for _, name := range params.Names() {
			p := params.Object(name)
			text, isText := p.Get("defaultValue").(string)
			if !secure(p) || isText && (text == "" || strings.HasPrefix(text, "[")) {
				continue
			}
			p = p.Clone()
			p.Delete("defaultValue")
			cleaned.Set(name, p)
		}
		out.Set("parameters", cleaned)
	}
	keepResources(out)
	return out
}

// keepResources is kept for the resources that stand in a template or a resource.
func keepResources(in *value.Object) {
	switch list := in.Get("resources").(type) {
	case []any:
		items := make([]any, len(list))
		for i, item := range list {
			items[i] = item
			if r, ok := item.(*value.Object); ok {
				items[i] = keptResource(r)
			}
		}
		in.Set("resources", items)
	case *value.Object:
		items := &value.Object{}
		for _, name := range list.Names() {
			items.Set(name, list.Get(name))
			if r := list.Object(name); r != nil {
				items.Set(name, keptResource(r))
			}
		}
		in.Set("resources", items)
	}
}

// keptResource is kept for a resource: for the template of a nested deployment, whose type
// may be an expression, and for the resources that stand in it.
func keptResource(r *value.Object) *value.Object {
	r = r.Clone()
	if props := r.Object("properties"); props.Object("template") != nil {
		props = props.Clone()
		props.Set("template", kept(props.Object("template")))
		r.Set("properties", props)
	}
	keepResources(r)
	return r
}

// open writes the record of a deployment that begins.
func (x *exec) open(ctx context.Context) (created bool, err error) {
	err = x.s.db.Update(ctx, func(tx *store.Tx) error {
		if created, err = x.s.insert(ctx, tx, &x.record, kept(x.req.Template)); err != nil {
			return err
		}
		details := map[string]string{"state": "Accepted", "created": strconv.FormatBool(created)}
		return x.s.record(ctx, tx, x.record.ID, "write", audit.Succeeded, "", details)
	})
	if err != nil {
		return false, fmt.Errorf("begin deployment %s: %w", x.record.ID, err)
	}
	return created, nil
}
