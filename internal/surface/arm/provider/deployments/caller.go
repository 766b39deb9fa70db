package deployments

import (
	"context"
	"strings"

	"github.com/sealring/sealring/internal/deployment"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/template/value"
	"github.com/sealring/sealring/internal/vault"
)

// caller does a deployment's requests as whoever deploys. It implements deployment.Caller.
type caller struct {
	inner  *arm.Caller
	vaults *vault.Service
}

// Do implements deployment.Caller.
func (c *caller) Do(ctx context.Context, call deployment.Call) (int, []byte, error) {
	return c.inner.Do(ctx, arm.Call(call))
}

// Check implements deployment.Caller.
func (c *caller) Check(ctx context.Context, call deployment.Call) error {
	return c.inner.Check(ctx, arm.Call(call))
}

// Allowed implements deployment.Caller.
func (c *caller) Allowed(ctx context.Context, action string, scope resource.ID) (bool, error) {
	return c.inner.Allowed(ctx, action, scope)
}

// Explain implements deployment.Caller.
func (c *caller) Explain(ctx context.Context, err error) deployment.Failure {
	status, told := arm.Told(ctx, err)
	return failure(status, told)
}

// failure turns what a client is told into what a deployment keeps.
func failure(status int, d arm.Detail) deployment.Failure {
	f := deployment.Failure{Status: status, Code: d.Code, Message: d.Message, Target: d.Target}
	for _, inner := range d.Details {
		f.Details = append(f.Details, failure(0, inner))
	}
	return f
}

// actionDeploy is the right to use a vault's secrets in deployments (CP §7.2).
const actionDeploy = "Microsoft.KeyVault/vaults/deploy/action"

// Secret implements deployment.Caller: the vault must be meant for deployments, and the
// caller may use it in them. That the caller may not, and that there is no such vault, look
// the same.
func (c *caller) Secret(ctx context.Context, at resource.ID, name, version string) (string, error) {
	allowed, err := c.inner.Allowed(ctx, actionDeploy, at)
	if err != nil {
		return "", err
	}
	if !allowed {
		return "", c.inner.Denied(actionDeploy, at)
	}
	v, err := c.vaults.Get(ctx, at)
	if err != nil {
		return "", err
	}
	if v.Tenant != c.inner.Tenant() {
		return "", vault.ErrVaultNotFound
	}
	props, err := value.ParseObject(v.Properties)
	if err != nil || props.Get("enabledForTemplateDeployment") != true {
		return "", deployment.ErrVaultClosed.With("The vault '%s' is not enabled for template deployments: set its property enabledForTemplateDeployment.", at.Name())
	}
	s, err := c.vaults.GetSecret(ctx, v, name, strings.ToLower(version))
	if err != nil {
		return "", deployment.ErrVaultClosed.With("The secret '%.127s' of the vault '%s' cannot be read for the deployment.", name, at.Name())
	}
	return s.Value.Reveal(), nil
}
