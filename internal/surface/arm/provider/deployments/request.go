package deployments

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strings"

	"github.com/sealring/sealring/internal/deployment"
	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/template"
	"github.com/sealring/sealring/internal/template/value"
)

// contentError is a body that is not JSON even in the lenient reading.
func contentError(err error) error {
	return arm.ErrContent.With("The request content was invalid and could not be deserialized: '%s'.", fault.Message(err))
}

// request reads the body of a deployment (CP §7.2).
func (p *provider) request(ctx context.Context, r *arm.Request) (deployment.Request, error) {
	body, err := readBody(r)
	if err != nil {
		return deployment.Request{}, err
	}
	return p.requested(ctx, r, body)
}

// requested is request for a body that was read.
func (p *provider) requested(ctx context.Context, r *arm.Request, body *value.Object) (req deployment.Request, err error) {
	at, err := target(r)
	if err != nil {
		return req, err
	}
	props := body.Object("properties")
	if props == nil {
		return req, arm.ErrContent.With("The request content is invalid: the member 'properties' is missing.")
	}
	req = deployment.Request{ID: at, Tenant: r.Tenant(), Location: resource.CanonicalLocation(body.Text("location")), Template: props.Object("template"),
		Parameters: props.Object("parameters"), Correlation: httpd.CorrelationID(ctx), Caller: &caller{inner: r.Caller(), vaults: p.Vaults}}
	if !at.GroupScope().IsZero() {
		req.Location = "" // a group's deployments are where the group is
	}
	switch mode := strings.ToLower(props.Text("mode")); mode {
	case "", "incremental":
	case "complete":
		req.Complete = true
	default:
		return req, arm.ErrContent.With("The deployment mode '%.64s' is neither 'Incremental' nor 'Complete'.", props.Text("mode"))
	}
	switch {
	case props.Has("templateLink"), props.Has("parametersLink"):
		return req, deployment.ErrLink
	case req.Template == nil:
		return req, template.ErrInvalid.With("Deployment template validation failed: 'The deployment has no template'.")
	case props.Has("onErrorDeployment"):
		return req, arm.ErrContent.With("The member 'onErrorDeployment' is not supported: deploy the earlier template again instead.")
	case props.Has("parameters") && req.Parameters == nil:
		return req, arm.ErrContent.With("The member 'properties.parameters' is not an object.")
	}
	if tags := body.Object("tags"); tags.Len() > 0 {
		req.Tags = map[string]string{}
		for _, name := range tags.Names() {
			req.Tags[name] = tags.Text(name)
		}
	}
	req.Facts, err = p.facts(ctx, r)
	return req, err
}

// readBody reads the body leniently. Errors: arm.ErrContent, httpd.ErrTooLarge.
func readBody(r *arm.Request) (*value.Object, error) {
	raw, err := r.Raw()
	if err != nil {
		return nil, err
	}
	body, err := value.ParseObject(raw)
	if err != nil {
		return nil, contentError(err)
	}
	return body, nil
}

// facts is what templates learn of tenant, caller and platform.
func (p *provider) facts(ctx context.Context, r *arm.Request) (f template.Facts, err error) {
	t, err := p.Tenants.Tenant(ctx, r.Tenant())
	if err != nil {
		return f, err
	}
	f.Tenant = value.NewObject("tenantId", string(t.ID), "displayName", t.DisplayName, "country", "", "countryCode", "",
		"tenantCategory", "Home", "defaultDomain", "")
	if len(t.Domains) > 0 {
		f.Tenant.Set("defaultDomain", t.Domains[0])
	}
	f.Deployer = value.NewObject("objectId", string(r.Principal.Object), "tenantId", string(r.Tenant()), "userPrincipalName", r.Principal.UPN)
	f.Environment = p.environment(httpd.EntryFrom(ctx))
	inner := r.Caller()
	ctx = context.WithoutCancel(ctx)
	f.Provider = func(namespace, kind string) (any, error) { return p.namespace(ctx, inner, namespace, kind) }
	scope := r.Target
	f.RoleDefinition = func(name string) (any, error) { return role(ctx, inner, scope, name) }
	return f, nil
}

// environment is the function of that name. Endpoints end in a slash and suffixes of vaults
// and servers begin with a dot, as templates expect.
func (p *provider) environment(e httpd.Entry) *value.Object {
	domain := strings.TrimPrefix(e.VaultSuffix, "vault.")
	return value.NewObject("name", p.CloudName, "graph", e.Graph+"/", "graphAudience", e.Graph+"/", "resourceManager", e.ResourceManager+"/",
		"authentication", value.NewObject("loginEndpoint", e.Authority+"/", "audiences", []any{e.ResourceManager + "/", e.ResourceManager}, "tenant", "common", "identityProvider", "AAD"),
		"suffixes", value.NewObject("keyvaultDns", "."+e.VaultSuffix, "storage", domain, "sqlServerHostname", ".database."+domain))
}

// namespace is the function providers.
func (p *provider) namespace(ctx context.Context, c *arm.Caller, namespace, kind string) (any, error) {
	_, raw, err := c.Do(ctx, arm.Call{Method: "GET", Path: "/providers/" + namespace, Version: "2021-04-01"})
	if err != nil {
		return nil, err
	}
	body, err := value.ParseObject(raw)
	if err != nil || kind == "" {
		return body, err
	}
	for _, item := range body.List("resourceTypes") {
		t, _ := item.(*value.Object)
		if strings.EqualFold(t.Text("resourceType"), kind) {
			return t, nil
		}
	}
	return nil, arm.ErrType.With("The resource type '%.128s' could not be found in the namespace '%.128s'.", kind, namespace)
}

// role is the function roleDefinitions.
func role(ctx context.Context, c *arm.Caller, scope resource.ID, name string) (any, error) {
	filter := "roleName eq '" + strings.ReplaceAll(name, "'", "''") + "'"
	_, raw, err := c.Do(ctx, arm.Call{Method: "GET", Path: strings.TrimSuffix(scope.String(), "/") + "/providers/Microsoft.Authorization/roleDefinitions",
		Version: "2022-04-01", Query: url.Values{"$filter": {filter}}})
	if err != nil {
		return nil, err
	}
	var found struct {
		Value []struct {
			ID   string `json:"id"`
			Name string `json:"name"`
		} `json:"value"`
	}
	if err := json.Unmarshal(raw, &found); err != nil {
		return nil, err
	}
	if len(found.Value) != 1 {
		return nil, arm.ErrContent.With("There is no role with the name '%.128s'.", name)
	}
	return value.NewObject("id", found.Value[0].ID, "roleDefinitionId", found.Value[0].Name), nil
}

// explained gives a failure of planning the details that clients print.
func explained(err error) error {
	preflight, ok := errors.AsType[*deployment.PreflightError](err)
	if !ok {
		return err
	}
	return &arm.Detailed{Err: preflight.Err, Details: details(preflight.Details)}
}

// details writes failures as answers have them.
func details(failures []deployment.Failure) []arm.Detail {
	var out []arm.Detail
	for _, f := range failures {
		out = append(out, arm.Detail{Code: f.Code, Message: f.Message, Target: f.Target, Details: details(f.Details)})
	}
	return out
}
