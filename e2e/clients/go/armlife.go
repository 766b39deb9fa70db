package main

import (
	"context"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/authorization/armauthorization/v2"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v7"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/keyvault/armkeyvault"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/monitor/armmonitor"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/msi/armmsi"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armresources/v3"
)

// assignmentName is the GUID that role assignments get, but for the last two digits.
const assignmentName = "5d3c8a10-0000-4000-8000-0000000000"

// management is one run through Resource Manager, in a resource group of its own.
type management struct {
	life
	cred         azcore.TokenCredential
	options      *arm.ClientOptions
	subscription string
	tenant       string
	group        string // its name
	number       string // two digits that no other run has
	principal    string // of the identity "one"
}

// armLife takes resources of every kind through their lives, with the clients' default
// pollers and pagers. manager is Resource Manager's address; number two digits.
func armLife(ctx context.Context, manager, subscription, tenant, number string) (answer, error) {
	m, err := newManagement(manager, subscription)
	if err != nil {
		return answer{}, err
	}
	m.tenant, m.group, m.number = tenant, "sdk-"+number, number
	for _, part := range []func(context.Context){m.groups, m.identities, m.assignments, m.machines, m.sites, m.vaults, m.activity, m.removal} {
		if part(ctx); m.err != nil {
			return answer{}, m.err
		}
	}
	return answer{OK: true, Steps: m.steps}, nil
}

// newManagement makes what every client takes: who signs in, and where Resource Manager is.
func newManagement(manager, subscription string) (*management, error) {
	cred, err := credential("dac", [2]string{})
	if err != nil {
		return nil, err
	}
	options := &arm.ClientOptions{ClientOptions: retry}
	options.Cloud = cloud.Configuration{ActiveDirectoryAuthorityHost: os.Getenv("AZURE_AUTHORITY_HOST"),
		Services: map[cloud.ServiceName]cloud.ServiceConfiguration{cloud.ResourceManager: {Endpoint: manager, Audience: manager}}}
	return &management{life: life{steps: map[string]any{}}, cred: cred, options: options, subscription: subscription}, nil
}

// scope is the resource id of the group.
func (m *management) scope() string {
	return "/subscriptions/" + m.subscription + "/resourceGroups/" + m.group
}

// done waits for an operation with the SDK's own poller.
func done[T any](ctx context.Context, m *management, p *runtime.Poller[T], err error) T {
	var none T
	if !m.ok(err) {
		return none
	}
	got, err := p.PollUntilDone(ctx, &runtime.PollUntilDoneOptions{Frequency: time.Second})
	m.ok(err)
	return got
}

// groups makes the resource group and asks whether it and another exist.
func (m *management) groups(ctx context.Context) {
	client, err := armresources.NewResourceGroupsClient(m.subscription, m.cred, m.options)
	if !m.ok(err) {
		return
	}
	made, err := client.CreateOrUpdate(ctx, m.group, armresources.ResourceGroup{Location: to.Ptr("Local"), Tags: map[string]*string{"by": to.Ptr("sdk")}}, nil)
	if !m.ok(err) {
		return
	}
	here, err := client.CheckExistence(ctx, m.group, nil)
	m.ok(err)
	there, err := client.CheckExistence(ctx, m.group+"-not", nil)
	m.ok(err)
	m.steps["group"] = fields{"location": deref(made.Location), "state": deref(made.Properties.ProvisioningState), "by": deref(made.Tags["by"]),
		"exists": here.Success, "other": there.Success}
}

// identities makes four, updates one, and lists them: all, and with the group's other
// resources on pages of two.
func (m *management) identities(ctx context.Context) {
	client, err := armmsi.NewUserAssignedIdentitiesClient(m.subscription, m.cred, m.options)
	if !m.ok(err) {
		return
	}
	var one armmsi.Identity
	for _, name := range []string{"two", "three", "four", "one"} {
		made, err := client.CreateOrUpdate(ctx, m.group, name, armmsi.Identity{Location: to.Ptr("local")}, nil)
		if !m.ok(err) {
			return
		}
		one = made.Identity
	}
	m.principal = deref(one.Properties.PrincipalID)
	m.steps["identity"] = fields{"name": deref(one.Name), "location": deref(one.Location),
		"ids": m.principal != "" && deref(one.Properties.ClientID) != "" && deref(one.Properties.TenantID) != ""}
	again, err := client.Update(ctx, m.group, "one", armmsi.IdentityUpdate{Tags: map[string]*string{"b": to.Ptr("2")}}, nil)
	if m.ok(err) {
		m.steps["identity_updated"] = fields{"same": deref(again.Properties.PrincipalID) == m.principal, "b": deref(again.Tags["b"])}
	}
	_, err = client.Get(ctx, m.group, "nobody", nil)
	m.refused("identity_missing", err)
	var names []string
	for pager := client.NewListByResourceGroupPager(m.group, nil); pager.More(); {
		page, err := pager.NextPage(ctx)
		if !m.ok(err) {
			return
		}
		for _, i := range page.Value {
			names = append(names, deref(i.Name))
		}
	}
	slices.Sort(names)
	m.steps["identities"] = names
	m.pages(ctx)
}

// pages lists the group's resources two at a time.
func (m *management) pages(ctx context.Context) {
	client, err := armresources.NewClient(m.subscription, m.cred, m.options)
	if !m.ok(err) {
		return
	}
	pages, names := 0, map[string]bool{}
	for pager := client.NewListByResourceGroupPager(m.group, &armresources.ClientListByResourceGroupOptions{Top: to.Ptr[int32](2)}); pager.More(); {
		page, err := pager.NextPage(ctx)
		if !m.ok(err) {
			return
		}
		pages++
		for _, r := range page.Value {
			names[deref(r.Name)] = true
		}
	}
	m.steps["pages"] = fields{"several": pages > 1, "names": len(names)}
}

// assignments finds a role by its name and gives it to an identity; a second assignment of
// the same is refused.
func (m *management) assignments(ctx context.Context) {
	roles, err := armauthorization.NewRoleDefinitionsClient(m.cred, m.options)
	if !m.ok(err) {
		return
	}
	role, found := "", []string{}
	for pager := roles.NewListPager(m.scope(), &armauthorization.RoleDefinitionsClientListOptions{Filter: to.Ptr("roleName eq 'Reader'")}); pager.More(); {
		page, err := pager.NextPage(ctx)
		if !m.ok(err) {
			return
		}
		for _, d := range page.Value {
			role, found = deref(d.ID), append(found, deref(d.Properties.RoleName))
		}
	}
	m.steps["role"] = found
	client, err := armauthorization.NewRoleAssignmentsClient(m.subscription, m.cred, m.options)
	if !m.ok(err) {
		return
	}
	wanted := armauthorization.RoleAssignmentCreateParameters{Properties: &armauthorization.RoleAssignmentProperties{RoleDefinitionID: &role, PrincipalID: &m.principal}}
	made, err := client.Create(ctx, m.scope(), assignmentName+m.number, wanted, nil)
	if m.ok(err) {
		m.steps["assignment"] = fields{"type": string(deref(made.Properties.PrincipalType)), "here": strings.EqualFold(deref(made.Properties.Scope), m.scope())}
	}
	_, err = client.Create(ctx, m.scope(), "6"+assignmentName[1:]+m.number, wanted, nil)
	m.refused("assignment_again", err)
	count := 0
	for pager := client.NewListForScopePager(m.scope(), &armauthorization.RoleAssignmentsClientListForScopeOptions{Filter: to.Ptr("principalId eq '" + m.principal + "'")}); pager.More(); {
		page, err := pager.NextPage(ctx)
		if !m.ok(err) {
			return
		}
		count += len(page.Value)
	}
	m.steps["assignments"] = count
	gone, err := client.Delete(ctx, m.scope(), assignmentName+m.number, nil)
	if m.ok(err) {
		m.steps["assignment_deleted"] = deref(gone.Properties.PrincipalID) == m.principal
	}
}

// machines gives a virtual machine both kinds of identity and takes one away by PATCH.
func (m *management) machines(ctx context.Context) {
	client, err := armcompute.NewVirtualMachinesClient(m.subscription, m.cred, m.options)
	if !m.ok(err) {
		return
	}
	user := m.scope() + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/one"
	p, err := client.BeginCreateOrUpdate(ctx, m.group, "machine", armcompute.VirtualMachine{Location: to.Ptr("local"),
		Identity: &armcompute.VirtualMachineIdentity{Type: to.Ptr(armcompute.ResourceIdentityTypeSystemAssignedUserAssigned),
			UserAssignedIdentities: map[string]*armcompute.UserAssignedIdentitiesValue{user: {}}},
		Properties: &armcompute.VirtualMachineProperties{HardwareProfile: &armcompute.HardwareProfile{VMSize: to.Ptr(armcompute.VirtualMachineSizeTypesStandardA1V2)}}}, nil)
	made := done(ctx, m, p, err)
	if m.err != nil {
		return
	}
	m.steps["machine"] = fields{"state": deref(made.Properties.ProvisioningState), "identity": string(deref(made.Identity.Type)),
		"system": deref(made.Identity.PrincipalID) != "", "users": len(made.Identity.UserAssignedIdentities), "known": deref(made.Properties.VMID) != ""}
	u, err := client.BeginUpdate(ctx, m.group, "machine", armcompute.VirtualMachineUpdate{
		Identity: &armcompute.VirtualMachineIdentity{Type: to.Ptr(armcompute.ResourceIdentityTypeSystemAssigned)}}, nil)
	left := done(ctx, m, u, err)
	if m.err != nil {
		return
	}
	m.steps["machine_updated"] = fields{"identity": string(deref(left.Identity.Type)), "users": len(left.Identity.UserAssignedIdentities),
		"same": deref(left.Identity.PrincipalID) == deref(made.Identity.PrincipalID)}
	d, err := client.BeginDelete(ctx, m.group, "machine", nil)
	done(ctx, m, d, err)
	_, err = client.Get(ctx, m.group, "machine", nil)
	m.refused("machine_deleted", err)
}

// sites makes a web app and deletes it. There is no package of Microsoft.Web for Go that the
// module proxy serves, so this is the client for resources of any kind.
func (m *management) sites(ctx context.Context) {
	client, err := armresources.NewClient(m.subscription, m.cred, m.options)
	if !m.ok(err) {
		return
	}
	id := m.scope() + "/providers/Microsoft.Web/sites/sdk-site-" + m.number
	p, err := client.BeginCreateOrUpdateByID(ctx, id, "2023-12-01", armresources.GenericResource{Location: to.Ptr("local"), Kind: to.Ptr("app,linux"),
		Identity: &armresources.Identity{Type: to.Ptr(armresources.ResourceIdentityTypeSystemAssigned)}, Properties: map[string]any{}}, nil)
	made := done(ctx, m, p, err)
	if m.err != nil {
		return
	}
	m.steps["site"] = fields{"kind": deref(made.Kind), "identity": string(deref(made.Identity.Type)), "system": deref(made.Identity.PrincipalID) != ""}
	d, err := client.BeginDeleteByID(ctx, id, "2023-12-01", nil)
	done(ctx, m, d, err)
	_, err = client.GetByID(ctx, id, "2023-12-01", nil)
	m.refused("site_deleted", err)
}

// vaults makes a vault, lists those of the group, and deletes it.
func (m *management) vaults(ctx context.Context) {
	client, err := armkeyvault.NewVaultsClient(m.subscription, m.cred, m.options)
	if !m.ok(err) {
		return
	}
	p, err := client.BeginCreateOrUpdate(ctx, m.group, "sdk-vault-"+m.number, armkeyvault.VaultCreateOrUpdateParameters{Location: to.Ptr("local"),
		Properties: &armkeyvault.VaultProperties{TenantID: &m.tenant, EnableRbacAuthorization: to.Ptr(true),
			SKU: &armkeyvault.SKU{Family: to.Ptr(armkeyvault.SKUFamilyA), Name: to.Ptr(armkeyvault.SKUNameStandard)}}}, nil)
	made := done(ctx, m, p, err)
	if m.err != nil {
		return
	}
	count := 0
	for pager := client.NewListByResourceGroupPager(m.group, nil); pager.More(); {
		page, err := pager.NextPage(ctx)
		if !m.ok(err) {
			return
		}
		count += len(page.Value)
	}
	m.steps["vault"] = fields{"rbac": deref(made.Properties.EnableRbacAuthorization), "address": strings.Contains(deref(made.Properties.VaultURI), "sdk-vault-"+m.number+".vault."), "count": count}
	_, err = client.Delete(ctx, m.group, "sdk-vault-"+m.number, nil)
	m.ok(err)
}

// activity reads the group's log: what was done above, and nothing of other groups.
func (m *management) activity(ctx context.Context) {
	client, err := armmonitor.NewActivityLogsClient(m.subscription, m.cred, m.options)
	if !m.ok(err) {
		return
	}
	filter := "eventTimestamp ge '" + time.Now().Add(-time.Hour).UTC().Format(time.RFC3339) + "' and resourceGroupName eq '" + m.group + "'"
	others, operations := 0, map[string]bool{}
	for pager := client.NewListPager(filter, nil); pager.More(); {
		page, err := pager.NextPage(ctx)
		if !m.ok(err) {
			return
		}
		for _, e := range page.Value {
			operations[strings.ToLower(deref(e.OperationName.Value))] = true
			if !strings.EqualFold(deref(e.ResourceGroupName), m.group) {
				others++
			}
		}
	}
	m.steps["activity"] = fields{"others": others, "identity": operations["microsoft.managedidentity/userassignedidentities/write"],
		"assignment": operations["microsoft.authorization/roleassignments/delete"], "machine": operations["microsoft.compute/virtualmachines/delete"]}
}

// removal deletes an identity, and the group with the others.
func (m *management) removal(ctx context.Context) {
	identities, err := armmsi.NewUserAssignedIdentitiesClient(m.subscription, m.cred, m.options)
	if !m.ok(err) {
		return
	}
	_, err = identities.Delete(ctx, m.group, "one", nil)
	m.ok(err)
	_, err = identities.Get(ctx, m.group, "one", nil)
	m.refused("identity_deleted", err)
	client, err := armresources.NewResourceGroupsClient(m.subscription, m.cred, m.options)
	if !m.ok(err) {
		return
	}
	p, err := client.BeginDelete(ctx, m.group, nil)
	done(ctx, m, p, err)
	left, err := client.CheckExistence(ctx, m.group, nil)
	m.ok(err)
	m.steps["group_deleted"] = left.Success
}
