// Package template turns a deployment template into a plan: which resources there are, with
// which ids, in which order, and what each of them is sent when its turn comes
// (control-plane.md §7.3–§7.7). It is pure: what a resource looks like once it exists it
// asks a Runtime, whom the deployment supplies.
//
// It reads language version 1.0 (an array of resources) and 2.0 (symbolic names, as Bicep
// compiles them, with `existing` resources and type definitions). Work is bounded: see the
// limits below and expression.Budget. Messages of errors never hold the value of a secure
// parameter.
package template

import (
	"strings"
	"sync"
	"time"

	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/template/expression"
	"github.com/sealring/sealring/internal/template/value"
)

// Failures of templates.
var (
	// ErrInvalid is a template that breaks a rule of the language.
	ErrInvalid = fault.New(fault.Invalid, "the template is not valid")
	// ErrCircular is a template whose resources wait for one another.
	ErrCircular = fault.New(fault.Invalid, "the template has a circular dependency")
	// ErrParameterValue is a parameter of the wrong type or outside of its constraints.
	ErrParameterValue = fault.New(fault.Invalid, "the value of a template parameter is not valid")
	// ErrParameterKey is a value for a parameter that the template does not have.
	ErrParameterKey = fault.New(fault.Invalid, "a template parameter is not known")
	// ErrParameterMissing is a parameter without a value.
	ErrParameterMissing = fault.New(fault.Invalid, "a template parameter has no value")
	// ErrRuntime is a function that needs resources to exist, where none exist yet.
	ErrRuntime = fault.New(fault.Invalid, "the template function is not expected at this location")
	// ErrPending is what a Runtime says of a resource of the plan that has not been applied.
	ErrPending = fault.New(fault.Precondition, "the resource is not deployed yet")
)

// Limits of a template (CP §7.3).
const (
	maxParameters = 256
	maxVariables  = 512
	maxResources  = 800
	maxOutputs    = 64
	maxCopies     = 800
	maxNesting    = 8         // levels of functions calling functions, and of resources in resources
	maxSteps      = 2_000_000 // of evaluation, for a template and all that is nested in it
)

// Runtime knows the resources that exist. Its methods are called one at a time.
type Runtime interface {
	// State returns what a resource of the plan answered when it was applied; for one that
	// is `existing`, what reading it answers. Errors: ErrPending.
	State(r *Resource) (*value.Object, error)
	// Read returns a resource that is not of the plan.
	Read(at resource.ID, version string) (*value.Object, error)
	// Act calls an operation of a resource, such as listKeys.
	Act(at resource.ID, verb, version string, body any) (any, error)
}

// Facts are what the functions of CP §7.5 say about where a deployment runs. Those that do
// not exist at a scope are nil.
type Facts struct {
	Subscription, ResourceGroup, Tenant, ManagementGroup *value.Object
	Deployment, Deployer, Environment                    *value.Object
	// Provider describes a namespace, or one of its types.
	Provider func(namespace, kind string) (any, error)
	// RoleDefinition finds a role by its name.
	RoleDefinition func(name string) (any, error)
}

// Input is what a plan is made of.
type Input struct {
	Template *value.Object
	// Parameters are values by name.
	Parameters *value.Object
	// Secret are the parameters, by folded name, whose values are not to be shown, whatever
	// type the template gives them.
	Secret map[string]bool
	// At is the scope of the deployment: tenant, management group, subscription or group.
	At    resource.ID
	Facts Facts
	Now   time.Time
	// NewGUID makes the results of newGuid.
	NewGUID func() string

	outer  *environment       // of a nested template that is evaluated in its parent's scope
	budget *expression.Budget // of the template in which a nested one stands
}

// Plan is a template with its parameters, expanded. Methods may be called concurrently;
// evaluation takes turns.
type Plan struct {
	// Resources are in the order of the template. Their After form no circle.
	Resources []*Resource
	// Parameters are in the order of the template.
	Parameters []Parameter

	in        Input
	symbolic  bool
	functions map[string]*value.Object // by folded "namespace.name"
	shared    *shared
	variables map[string]*lazy // by folded name
	params    map[string]*lazy
	loops     map[string][]*Resource // members by folded name of the copy loop
	symbols   map[string]*Resource   // by folded symbolic name, with [n] for members of loops
	ids       map[string]*Resource   // by ID.Key
	names     map[string][]*Resource // by folded name
	schemas   map[string]*value.Object
	outputs   *value.Object
}

// shared is what a plan has in common with the plans nested in it in its scope. Those with
// parameters of their own share the budget alone.
type shared struct {
	mu     sync.Mutex // held while anything is evaluated
	budget *expression.Budget
}

// New reads, checks and expands a template. Errors: ErrInvalid, ErrCircular, ErrParameterValue,
// ErrParameterKey, ErrParameterMissing.
func New(in Input) (*Plan, error) {
	p := &Plan{in: in, functions: map[string]*value.Object{}, variables: map[string]*lazy{}, params: map[string]*lazy{},
		loops: map[string][]*Resource{}, symbols: map[string]*Resource{}, schemas: map[string]*value.Object{}}
	if in.outer != nil {
		p.shared = in.outer.owner.shared
	} else if p.shared = (&shared{budget: in.budget}); in.budget == nil {
		p.shared.budget = expression.NewBudget(maxSteps)
	}
	p.shared.mu.Lock()
	defer p.shared.mu.Unlock()
	for _, step := range []func() error{p.readHead, p.readFunctions, p.readParameters, p.readVariables, p.readOutputs, p.expand, p.connect, p.checkCalls} {
		if err := step(); err != nil {
			return nil, p.hushed(err)
		}
	}
	return p, nil
}

// invalid is ErrInvalid in the words of Resource Manager.
func invalid(format string, args ...any) error {
	inner := ErrInvalid.With(format, args...).Error()
	return ErrInvalid.With("Deployment template validation failed: '%s'.", strings.TrimSuffix(inner, "."))
}

// schemaScopes are the names of schemas and the type of scope that each is for.
var schemaScopes = map[string]string{
	"deploymenttemplate.json":                resource.TypeGroup,
	"subscriptiondeploymenttemplate.json":    resource.TypeSubscription,
	"managementgroupdeploymenttemplate.json": typeManagementGroup,
	"tenantdeploymenttemplate.json":          resource.TypeTenant,
}

// typeManagementGroup is the type of management groups.
const typeManagementGroup = "Microsoft.Management/managementGroups"

// readHead checks $schema, contentVersion and languageVersion.
func (p *Plan) readHead() error {
	t := p.in.Template
	schema := strings.ToLower(strings.TrimSuffix(t.Text("$schema"), "#"))
	scope, known := schemaScopes[schema[strings.LastIndexByte(schema, '/')+1:]]
	switch {
	case schema == "":
		return invalid("The template has no '$schema'.")
	case !known:
		return invalid("The template schema '%s' is not supported.", clip(t.Text("$schema")))
	case !strings.EqualFold(scope, p.in.At.Type()) && p.in.outer == nil:
		return invalid("The template schema '%s' is for deployments at the scope '%s'; this deployment is at the scope '%s'.", clip(t.Text("$schema")), scope, p.in.At.Type())
	}
	if !versionForm.MatchString(t.Text("contentVersion")) {
		return invalid("The template has no 'contentVersion' of the form '1.0.0.0'.")
	}
	switch v := t.Text("languageVersion"); v {
	case "", "1.0", "1.9-experimental":
	case "1.10-experimental", "2.0", "2.1-experimental", "2.2-experimental":
		p.symbolic = true
	default:
		return invalid("The template language version '%s' is not supported.", clip(v))
	}
	if _, named := t.Get("resources").(*value.Object); named {
		p.symbolic = true
	}
	for _, name := range []string{"imports", "extensions", "extensionConfigs"} {
		if t.Object(name).Len() > 0 {
			return invalid("The template uses '%s': extensions of the language are not supported.", name)
		}
	}
	for _, name := range t.Object("definitions").Names() {
		p.schemas[value.Fold(name)] = t.Object("definitions").Object(name)
	}
	return nil
}

// readFunctions collects the template's own functions.
func (p *Plan) readFunctions() error {
	for _, item := range p.in.Template.List("functions") {
		group, _ := item.(*value.Object)
		for _, name := range group.Object("members").Names() {
			f := group.Object("members").Object(name)
			if f == nil || f.Object("output") == nil {
				return invalid("The template function '%s' has no output.", clip(name))
			}
			p.functions[value.Fold(group.Text("namespace")+"."+name)] = f
		}
	}
	return nil
}

// Hash is the number by which templates are compared, as text.
func Hash(t *value.Object) string {
	return uintText(expression.Hash([]byte(strings.ToUpper(string(value.Marshal(t))))))
}

// clip caps what is said back.
func clip(s string) string {
	const limit = 256
	if len(s) > limit {
		return strings.ToValidUTF8(s[:limit], "")
	}
	return s
}
