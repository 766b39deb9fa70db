// Package deployments serves template deployments (control-plane.md §7) at every scope:
// resource groups, subscriptions, management groups and the tenant. Bodies are read
// leniently, since the Azure CLI puts the text of template files into them as it is.
//
// A deployment that ends within a moment is answered with its result; a longer one with its
// beginning and the address of its state. Linked templates are not fetched, and what
// debugSetting asks to keep is not kept: it could hold secrets (docs/divergences.md).
package deployments

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/sealring/sealring/internal/deployment"
	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/template"
	"github.com/sealring/sealring/internal/template/value"
	"github.com/sealring/sealring/internal/vault"
)

// tenants knows the directories by name; *directory.Directory is one.
type tenants interface {
	Tenant(ctx context.Context, tenant id.Tenant) (directory.Tenant, error)
}

// Deps is what the routes are made of; all of it is needed.
type Deps struct {
	Deployments *deployment.Service
	Vaults      *vault.Service
	Tenants     tenants
	// CloudName is what templates learn as environment().name.
	CloudName string
	// LocationName is the displayed name of the installation's location.
	LocationName string
}

// provider serves the routes.
type provider struct{ Deps }

// The actions of deployments.
const (
	action = "Microsoft.Resources/deployments/"
	under  = arm.AnyScope + "/providers/Microsoft.Resources/deployments"
	item   = under + "/{deployment}"
	// The Azure CLI lists operations at this path, without the provider (CP §2.3).
	short = arm.AnyScope + "/deployments/{deployment}/operations"
)

// Routes are the routes of deployments, of the namespace Microsoft.Resources.
func Routes(d Deps) []arm.Route {
	p := &provider{d}
	return []arm.Route{
		arm.List(under, action+"read", p.list),
		arm.Get(item, action+"read", p.get),
		arm.Head(item, action+"read", p.head),
		arm.Put(item, action+"write", p.put),
		arm.Delete(item, action+"delete", p.delete),
		arm.Post(item+"/validate", action+"validate/action", p.validate),
		arm.Post(item+"/whatIf", action+"whatIf/action", p.whatIf),
		arm.Post(item+"/cancel", action+"cancel/action", p.cancel),
		arm.Post(item+"/exportTemplate", action+"exportTemplate/action", p.export),
		arm.Get(item+"/operationStatuses/{step}", action+"operationstatuses/read", p.status),
		arm.Get(item+"/operations", action+"operations/read", p.operations),
		arm.Get(item+"/operations/{step}", action+"operations/read", p.operation),
		arm.Get(short, action+"operations/read", p.operations),
		arm.Get(short+"/{step}", action+"operations/read", p.operation),
		arm.PostByAnyone("/providers/Microsoft.Resources/calculateTemplateHash", p.hash),
		arm.PostByAnyone("/providers/Microsoft.Resources/validateResources", p.validateResources),
	}
}

// target returns the id of the deployment in the path. Deployments stand at scopes, not at
// resources. Errors: arm.ErrType, those of deployment.CheckName.
func target(r *arm.Request) (resource.ID, error) {
	if err := scoped(r.Target); err != nil {
		return resource.ID{}, err
	}
	if err := deployment.CheckName(r.Var("deployment")); err != nil {
		return resource.ID{}, err
	}
	return r.Target.Child(template.TypeDeployment, r.Var("deployment")), nil
}

// scoped refuses scopes at which nothing is deployed.
func scoped(scope resource.ID) error {
	if scope.IsResource() && !scope.Is("Microsoft.Management/managementGroups") {
		return arm.ErrType.With("Deployments are made at resource groups, subscriptions, management groups and the tenant.")
	}
	return nil
}

// stored is target for a deployment that is there already. One of another tenant, at the root
// that all tenants share, is none (S-54). Errors: those of target, deployment.ErrNotFound.
func (p *provider) stored(ctx context.Context, r *arm.Request) (resource.ID, error) {
	at, err := target(r)
	if err != nil || !r.Target.IsRoot() {
		return at, err
	}
	d, err := p.Deployments.Get(ctx, at)
	if err == nil && d.Tenant != r.Tenant() {
		err = deployment.ErrNotFound.With("Deployment '%s' could not be found.", at.Name())
	}
	return at, err
}

// put deploys.
func (p *provider) put(ctx context.Context, r *arm.Request) (arm.Response, error) {
	req, err := p.request(ctx, r)
	if err != nil {
		return arm.Response{}, err
	}
	d, created, err := p.Deployments.Start(ctx, req)
	if err != nil {
		return arm.Response{}, explained(err)
	}
	resp := arm.Response{Status: http.StatusOK, Body: p.wire(d, nil)}
	if created {
		resp.Status = http.StatusCreated
	}
	if d.State == deployment.Succeeded {
		return resp, nil
	}
	// A deployment that has failed by now is answered as one that began: clients look for
	// the error at the address of its state.
	d.State, d.Failure = deployment.Running, nil
	resp.Body = p.wire(d, nil)
	resp.Operation = r.Link(ctx, d.ID.String()+"/operationStatuses/"+d.Operation+"?api-version="+r.Version)
	return resp, nil
}

// get answers with one deployment.
func (p *provider) get(ctx context.Context, r *arm.Request) (arm.Response, error) {
	at, err := p.stored(ctx, r)
	if err != nil {
		return arm.Response{}, err
	}
	d, err := p.Deployments.Get(ctx, at)
	if err != nil {
		return arm.Response{}, err
	}
	return arm.OK(p.wire(d, nil))
}

// head says 204 for a deployment that exists.
func (p *provider) head(ctx context.Context, r *arm.Request) (arm.Response, error) {
	if _, err := p.get(ctx, r); err != nil {
		return arm.Response{}, err
	}
	return arm.NoContent()
}

// delete removes the record. It is done at once, and 200 is refused by clients (CP §2.7).
func (p *provider) delete(ctx context.Context, r *arm.Request) (arm.Response, error) {
	at, err := p.stored(ctx, r)
	if errors.Is(err, deployment.ErrNotFound) {
		return arm.NoContent()
	}
	if err != nil {
		return arm.Response{}, err
	}
	if _, err := p.Deployments.Delete(ctx, at); err != nil {
		return arm.Response{}, err
	}
	return arm.NoContent()
}

// list answers with the deployments at a scope, the newest first, to whoever may read them.
func (p *provider) list(ctx context.Context, r *arm.Request) (arm.Response, error) {
	if err := scoped(r.Target); err != nil {
		return arm.Response{}, err
	}
	state, err := stateFilter(r.Query("$filter"))
	if err != nil {
		return arm.Response{}, err
	}
	all, err := p.Deployments.List(ctx, r.Target, state)
	if err != nil {
		return arm.Response{}, err
	}
	visible, err := r.Visible(ctx, r.Target)
	if err != nil || !visible {
		all = nil
	}
	if r.Target.IsRoot() {
		all = slices.DeleteFunc(all, func(d deployment.Deployment) bool { return d.Tenant != r.Tenant() })
	}
	if err != nil {
		return arm.Response{}, err
	}
	return arm.Page(ctx, r, newestFirst(all), func(_ context.Context, d deployment.Deployment) (any, error) { return p.wire(d, nil), nil })
}

// stateFilter reads `provisioningState eq 'x'`; "" for no filter. Errors: arm.ErrFilter.
func stateFilter(text string) (string, error) {
	filter, err := arm.ParseFilter(text)
	if err != nil || filter == nil {
		return "", err
	}
	if len(filter) != 1 || len(filter[0]) != 1 || filter[0][0].Op != "eq" || filter[0][0].Field != "provisioningstate" {
		return "", arm.ErrFilter.With("The filter '%.128s' is not supported. Supported is provisioningState eq '…'.", text)
	}
	return filter[0][0].Value, nil
}

// newestFirst pages through a list in the order in which it is.
func newestFirst(all []deployment.Deployment) arm.Fetch[deployment.Deployment] {
	return func(_ context.Context, after string, limit int) ([]deployment.Deployment, string, error) {
		from := 0
		for i, d := range all {
			if after != "" && d.ID.Key() == after {
				from = i + 1
			}
		}
		rest := all[from:]
		if len(rest) <= limit {
			return rest, "", nil
		}
		return rest[:limit], rest[limit-1].ID.Key(), nil
	}
}

// validate plans a deployment and asks for the permissions it takes; nothing is changed.
func (p *provider) validate(ctx context.Context, r *arm.Request) (arm.Response, error) {
	req, err := p.request(ctx, r)
	if err != nil {
		return arm.Response{}, err
	}
	d, err := p.Deployments.Validate(ctx, req)
	if err != nil {
		return arm.Response{}, explained(err)
	}
	validated := d.Resources
	d.Resources = nil
	return arm.OK(p.wire(d, validated))
}

// whatIf says what a deployment would do.
func (p *provider) whatIf(ctx context.Context, r *arm.Request) (arm.Response, error) {
	body, err := readBody(r)
	if err != nil {
		return arm.Response{}, err
	}
	req, err := p.requested(ctx, r, body)
	if err != nil {
		return arm.Response{}, err
	}
	full := !strings.EqualFold(body.Object("properties").Object("whatIfSettings").Text("resultFormat"), "ResourceIdOnly")
	changes, err := p.Deployments.WhatIf(ctx, req)
	if err != nil {
		return arm.Response{}, explained(err)
	}
	return arm.OK(newWhatIf(changes, full))
}

// cancel stops a deployment.
func (p *provider) cancel(ctx context.Context, r *arm.Request) (arm.Response, error) {
	at, err := p.stored(ctx, r)
	if err != nil {
		return arm.Response{}, err
	}
	if err := p.Deployments.Cancel(ctx, at); err != nil {
		return arm.Response{}, err
	}
	return arm.NoContent()
}

// exported is the answer of exportTemplate.
type exported struct {
	Template *value.Object `json:"template"`
}

// export answers with the template as it was submitted.
func (p *provider) export(ctx context.Context, r *arm.Request) (arm.Response, error) {
	at, err := p.stored(ctx, r)
	if err != nil {
		return arm.Response{}, err
	}
	t, err := p.Deployments.Template(ctx, at)
	if err != nil {
		return arm.Response{}, err
	}
	return arm.OK(exported{t})
}

// status answers how far a deployment is. The state of a run that was followed by another
// of the same name is gone.
func (p *provider) status(ctx context.Context, r *arm.Request) (arm.Response, error) {
	at, err := p.stored(ctx, r)
	if err != nil {
		return arm.Response{}, err
	}
	d, err := p.Deployments.Get(ctx, at)
	if err != nil {
		return arm.Response{}, err
	}
	if !strings.EqualFold(d.Operation, r.Var("step")) {
		return arm.Response{}, deployment.ErrOperationNotFound.With("The deployment '%s' has no operation '%.64s'.", at.Name(), r.Var("step"))
	}
	return arm.OK(newStatus(d))
}

// operations lists what a deployment did.
func (p *provider) operations(ctx context.Context, r *arm.Request) (arm.Response, error) {
	at, err := p.stored(ctx, r)
	if err != nil {
		return arm.Response{}, err
	}
	all, err := p.Deployments.Operations(ctx, at)
	if err != nil {
		return arm.Response{}, err
	}
	fetch := func(_ context.Context, after string, limit int) ([]deployment.Operation, string, error) {
		from := 0
		for i, op := range all {
			if op.ID == after {
				from = i + 1
			}
		}
		rest := all[from:]
		if len(rest) <= limit {
			return rest, "", nil
		}
		return rest[:limit], rest[limit-1].ID, nil
	}
	return arm.Page(ctx, r, fetch, func(_ context.Context, op deployment.Operation) (any, error) { return newOperation(at, op), nil })
}

// operation answers with one thing that a deployment did.
func (p *provider) operation(ctx context.Context, r *arm.Request) (arm.Response, error) {
	at, err := p.stored(ctx, r)
	if err != nil {
		return arm.Response{}, err
	}
	all, err := p.Deployments.Operations(ctx, at)
	if err != nil {
		return arm.Response{}, err
	}
	for _, op := range all {
		if strings.EqualFold(op.ID, r.Var("step")) {
			return arm.OK(newOperation(at, op))
		}
	}
	return arm.Response{}, deployment.ErrOperationNotFound.With("The deployment '%s' has no operation '%.64s'.", at.Name(), r.Var("step"))
}

// hashed is the answer of calculateTemplateHash.
type hashed struct {
	MinifiedTemplate string `json:"minifiedTemplate"`
	TemplateHash     string `json:"templateHash"`
}

// hash answers with the number by which templates are compared.
func (p *provider) hash(_ context.Context, r *arm.Request) (arm.Response, error) {
	body, err := r.Raw()
	if err != nil {
		return arm.Response{}, err
	}
	t, err := value.ParseObject(body)
	if err != nil {
		return arm.Response{}, contentError(err)
	}
	return arm.OK(hashed{MinifiedTemplate: string(value.Marshal(t)), TemplateHash: template.Hash(t)})
}

// validateResources accepts what azapi asks about before a plan: a write is judged when it
// is made.
func (p *provider) validateResources(_ context.Context, r *arm.Request) (arm.Response, error) {
	body, err := r.Raw()
	if err != nil {
		return arm.Response{}, err
	}
	if _, err := value.ParseObject(body); err != nil {
		return arm.Response{}, contentError(err)
	}
	return arm.OK(struct{}{})
}
