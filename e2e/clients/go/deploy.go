package main

import (
	"context"
	"encoding/json"
	"os"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armdeployments"
)

// deploying is a run of the client for deployments in a resource group of its own.
type deploying struct {
	management
	client   *armdeployments.DeploymentsClient
	template any
	app      string
}

// armDeploy validates, forecasts, deploys, repeats, lists, exports and deletes the template
// of a file, with the client's default pollers and pagers.
func armDeploy(ctx context.Context, manager, subscription, number, file string) (answer, error) {
	cred, err := credential("dac", [2]string{})
	if err != nil {
		return answer{}, err
	}
	options := &arm.ClientOptions{ClientOptions: retry}
	options.Cloud = cloud.Configuration{ActiveDirectoryAuthorityHost: os.Getenv("AZURE_AUTHORITY_HOST"),
		Services: map[cloud.ServiceName]cloud.ServiceConfiguration{cloud.ResourceManager: {Endpoint: manager, Audience: manager}}}
	m := &deploying{management: management{life: life{steps: map[string]any{}}, cred: cred, options: options, subscription: subscription,
		group: "deploy-" + number, number: number}, app: "shop" + number}
	text, err := os.ReadFile(file)
	if err != nil {
		return answer{}, err
	}
	if err := json.Unmarshal(text, &m.template); err != nil {
		return answer{}, err
	}
	if m.client, err = armdeployments.NewDeploymentsClient(subscription, cred, options); err != nil {
		return answer{}, err
	}
	for _, part := range []func(context.Context){m.groups, m.before, m.twice, m.after, m.failing, m.above, m.end} {
		if part(ctx); m.err != nil {
			return answer{}, m.err
		}
	}
	return answer{OK: true, Steps: m.steps}, nil
}

// properties is the deployment of the file.
func (m *deploying) properties() *armdeployments.DeploymentProperties {
	return &armdeployments.DeploymentProperties{Mode: to.Ptr(armdeployments.DeploymentModeIncremental), Template: m.template,
		Parameters: map[string]*armdeployments.DeploymentParameter{"app": {Value: m.app}}}
}

// changes counts what a deployment would do, by kind.
func (m *deploying) changes(ctx context.Context) map[string]int {
	p := m.properties()
	poller, err := m.client.BeginWhatIf(ctx, m.group, "main", armdeployments.DeploymentWhatIf{Properties: &armdeployments.DeploymentWhatIfProperties{
		Mode: p.Mode, Template: p.Template, Parameters: p.Parameters}}, nil)
	result := done(ctx, &m.management, poller, err)
	counts := map[string]int{}
	if m.err == nil {
		for _, c := range result.Properties.Changes {
			counts[string(deref(c.ChangeType))]++
		}
	}
	return counts
}

// before validates and forecasts what does not exist yet.
func (m *deploying) before(ctx context.Context) {
	poller, err := m.client.BeginValidate(ctx, m.group, "main", armdeployments.Deployment{Properties: m.properties()}, nil)
	valid := done(ctx, &m.management, poller, err)
	if m.err != nil {
		return
	}
	m.steps["validated"] = fields{"state": string(deref(valid.Properties.ProvisioningState)), "resources": len(valid.Properties.ValidatedResources)}
	wrong := m.properties()
	wrong.Parameters = map[string]*armdeployments.DeploymentParameter{"app": {Value: 5}}
	poller, err = m.client.BeginValidate(ctx, m.group, "main", armdeployments.Deployment{Properties: wrong}, nil)
	if err == nil {
		_, err = poller.PollUntilDone(ctx, nil)
	}
	m.refused("refused", err)
	m.steps["forecast"] = m.changes(ctx)
	there, err := m.client.CheckExistence(ctx, m.group, "main", nil)
	m.ok(err)
	m.steps["before"] = there.Success
}

// twice deploys, and again.
func (m *deploying) twice(ctx context.Context) {
	var outputs []string
	for range 2 {
		poller, err := m.client.BeginCreateOrUpdate(ctx, m.group, "main", armdeployments.Deployment{Properties: m.properties()}, nil)
		made := done(ctx, &m.management, poller, err)
		if m.err != nil {
			return
		}
		text, err := json.Marshal(made.Properties.Outputs)
		m.ok(err)
		outputs = append(outputs, string(text))
		m.steps["deployed"] = fields{"state": string(deref(made.Properties.ProvisioningState)), "resources": len(made.Properties.OutputResources), "hash": deref(made.Properties.TemplateHash) != ""}
	}
	m.steps["same"] = outputs[0] == outputs[1] && len(outputs[0]) > 100
	m.steps["forecast_again"] = m.changes(ctx)
}

// after reads the record in every way there is.
func (m *deploying) after(ctx context.Context) {
	there, err := m.client.CheckExistence(ctx, m.group, "main", nil)
	m.ok(err)
	exported, err := m.client.ExportTemplate(ctx, m.group, "main", nil)
	m.ok(err)
	sent, _ := json.Marshal(m.template)
	back, _ := json.Marshal(exported.Template)
	hash, err := m.client.CalculateTemplateHash(ctx, m.template, nil)
	m.ok(err)
	got, err := m.client.Get(ctx, m.group, "main", nil)
	if !m.ok(err) {
		return
	}
	m.steps["read"] = fields{"exists": there.Success, "exported": string(sent) == string(back), "hashes": deref(hash.TemplateHash) != "", "mode": string(deref(got.Properties.Mode))}
	names := []string{}
	for pager := m.client.NewListByResourceGroupPager(m.group, &armdeployments.DeploymentsClientListByResourceGroupOptions{Filter: to.Ptr("provisioningState eq 'Succeeded'")}); pager.More(); {
		page, err := pager.NextPage(ctx)
		if !m.ok(err) {
			return
		}
		for _, d := range page.Value {
			names = append(names, deref(d.Name))
		}
	}
	m.steps["list"] = names
}

// failing deploys something of which one resource cannot be, and reads why.
func (m *deploying) failing(ctx context.Context) {
	template := map[string]any{"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#", "contentVersion": "1.0.0.0", "resources": []any{
		map[string]any{"type": "Microsoft.ManagedIdentity/userAssignedIdentities", "apiVersion": "2023-01-31", "name": "stands", "location": "local"},
		map[string]any{"type": "Microsoft.ManagedIdentity/userAssignedIdentities", "apiVersion": "2023-01-31", "name": "no!name", "location": "local"}}}
	poller, err := m.client.BeginCreateOrUpdate(ctx, m.group, "half", armdeployments.Deployment{Properties: &armdeployments.DeploymentProperties{
		Mode: to.Ptr(armdeployments.DeploymentModeIncremental), Template: template}}, nil)
	if !m.ok(err) {
		return
	}
	_, err = poller.PollUntilDone(ctx, nil)
	m.refused("failed", err)
	operations, err := armdeployments.NewDeploymentOperationsClient(m.subscription, m.cred, m.options)
	if !m.ok(err) {
		return
	}
	states := map[string]string{}
	for pager := operations.NewListPager(m.group, "half", nil); pager.More(); {
		page, err := pager.NextPage(ctx)
		if !m.ok(err) {
			return
		}
		for _, op := range page.Value {
			states[deref(op.Properties.TargetResource.ResourceName)] = deref(op.Properties.ProvisioningState) + " " + deref(op.Properties.StatusCode)
		}
	}
	m.steps["operations"] = states
}

// above deploys at the subscription.
func (m *deploying) above(ctx context.Context) {
	template := map[string]any{"$schema": "https://schema.management.azure.com/schemas/2018-05-01/subscriptionDeploymentTemplate.json#", "contentVersion": "1.0.0.0",
		"resources": []any{map[string]any{"type": "Microsoft.Resources/resourceGroups", "apiVersion": "2021-04-01", "name": m.group + "-made", "location": "[deployment().location]"}},
		"outputs":   map[string]any{"tenant": map[string]any{"type": "string", "value": "[tenant().tenantId]"}}}
	poller, err := m.client.BeginCreateOrUpdateAtSubscriptionScope(ctx, m.group, armdeployments.Deployment{Location: to.Ptr("local"), Properties: &armdeployments.DeploymentProperties{
		Mode: to.Ptr(armdeployments.DeploymentModeIncremental), Template: template}}, nil)
	made := done(ctx, &m.management, poller, err)
	if m.err != nil {
		return
	}
	m.steps["subscription"] = fields{"state": string(deref(made.Properties.ProvisioningState)), "location": deref(made.Location), "resources": len(made.Properties.OutputResources)}
}

// end deletes the record of the deployment; what it deployed stays.
func (m *deploying) end(ctx context.Context) {
	poller, err := m.client.BeginDelete(ctx, m.group, "main", nil)
	done(ctx, &m.management, poller, err)
	_, err = m.client.Get(ctx, m.group, "main", nil)
	m.refused("deleted", err)
	_, err = m.client.Cancel(ctx, m.group, "half", nil)
	m.refused("canceled", err)
}
