// Resources through their lives, for the command armlife: with the clients' default pollers
// and pagers. Every step is recorded in a form that is the same in every language.

import { WebSiteManagementClient } from "@azure/arm-appservice";
import { AuthorizationManagementClient } from "@azure/arm-authorization";
import { ComputeManagementClient } from "@azure/arm-compute";
import { KeyVaultManagementClient } from "@azure/arm-keyvault";
import { MonitorClient } from "@azure/arm-monitor";
import { ManagedServiceIdentityClient } from "@azure/arm-msi";
import { ResourceManagementClient } from "@azure/arm-resources";
import { refused } from "./life.mjs";

// The GUID that role assignments get, but for the last two digits.
const assignment = "5d3c8a10-0000-4000-8000-0000000000";

// collect reads all pages.
async function collect(pages) {
  const all = [];
  for await (const item of pages) {
    all.push(item);
  }
  return all;
}

// Management is one run through Resource Manager, in a resource group of its own.
export class Management {
  steps = {};

  constructor(credential, manager, subscription, tenant, number, retryOptions) {
    const scopes = [`${manager}/.default`]; // named in one way by older packages, in another by newer
    const options = { endpoint: manager, credentialScopes: scopes, credentials: { scopes }, retryOptions };
    const client = (Kind) => new Kind(credential, subscription, options);
    const group = `sdk-${number}`;
    Object.assign(this, {
      tenant,
      number,
      group,
      scope: `/subscriptions/${subscription}/resourceGroups/${group}`,
      resources: client(ResourceManagementClient),
      msi: client(ManagedServiceIdentityClient),
      authorization: client(AuthorizationManagementClient),
      compute: client(ComputeManagementClient),
      web: client(WebSiteManagementClient),
      keyvault: client(KeyVaultManagementClient),
      monitor: client(MonitorClient),
    });
  }

  // run does everything, in this order.
  async run() {
    await this.groups();
    await this.identities();
    await this.assignments();
    await this.machines();
    await this.sites();
    await this.vaults();
    await this.activity();
    await this.removal();
    return this.steps;
  }

  // refusal records how a call was refused.
  async refusal(step, call) {
    try {
      await call();
      this.steps[step] = { status: 200, code: "" };
    } catch (e) {
      this.steps[step] = refused(e);
    }
  }

  // groups makes the resource group and asks whether it and another exist.
  async groups() {
    const { resourceGroups } = this.resources;
    const made = await resourceGroups.createOrUpdate(this.group, { location: "Local", tags: { by: "sdk" } });
    this.steps.group = {
      location: made.location,
      state: made.properties.provisioningState,
      by: made.tags.by,
      exists: (await resourceGroups.checkExistence(this.group)).body,
      other: (await resourceGroups.checkExistence(`${this.group}-not`)).body,
    };
  }

  // identities makes four, updates one, and lists them: all, and on pages of two.
  async identities() {
    const identities = this.msi.userAssignedIdentities;
    let one;
    for (const name of ["two", "three", "four", "one"]) {
      one = await identities.createOrUpdate(this.group, name, { location: "local" });
    }
    this.principal = one.principalId;
    this.steps.identity = { name: one.name, location: one.location, ids: Boolean(one.principalId && one.clientId && one.tenantId) };
    const again = await identities.update(this.group, "one", { tags: { b: "2" } });
    this.steps.identity_updated = { same: again.principalId === this.principal, b: again.tags.b };
    await this.refusal("identity_missing", () => identities.get(this.group, "nobody"));
    this.steps.identities = (await collect(identities.listByResourceGroup(this.group))).map((i) => i.name).sort();
    let pages = 0;
    const names = new Set();
    for await (const page of this.resources.resources.listByResourceGroup(this.group, { top: 2 }).byPage()) {
      pages++;
      page.forEach((r) => names.add(r.name));
    }
    this.steps.pages = { several: pages > 1, names: names.size };
  }

  // assignments finds a role by its name and gives it to an identity; a second time is refused.
  async assignments() {
    const found = await collect(this.authorization.roleDefinitions.list(this.scope, { filter: "roleName eq 'Reader'" }));
    this.steps.role = found.map((d) => d.roleName);
    const assignments = this.authorization.roleAssignments;
    const wanted = { roleDefinitionId: found[0].id, principalId: this.principal };
    const made = await assignments.create(this.scope, assignment + this.number, wanted);
    this.steps.assignment = { type: made.principalType, here: made.scope.toLowerCase() === this.scope.toLowerCase() };
    const other = `6${assignment.slice(1)}${this.number}`;
    await this.refusal("assignment_again", () => assignments.create(this.scope, other, wanted));
    const filter = `principalId eq '${this.principal}'`;
    this.steps.assignments = (await collect(assignments.listForScope(this.scope, { filter }))).length;
    const gone = await assignments.delete(this.scope, assignment + this.number);
    this.steps.assignment_deleted = gone.principalId === this.principal;
  }

  // machines gives a virtual machine both kinds of identity and takes one away by PATCH.
  async machines() {
    const machines = this.compute.virtualMachines;
    const user = `${this.scope}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/one`;
    const made = await machines.createOrUpdate(this.group, "machine", {
      location: "local",
      identity: { type: "SystemAssigned, UserAssigned", userAssignedIdentities: { [user]: {} } },
      hardwareProfile: { vmSize: "Standard_A1_v2" },
    });
    this.steps.machine = {
      state: made.provisioningState,
      identity: made.identity.type,
      system: Boolean(made.identity.principalId),
      users: Object.keys(made.identity.userAssignedIdentities).length,
      known: Boolean(made.vmId),
    };
    const left = await machines.update(this.group, "machine", { identity: { type: "SystemAssigned" } });
    this.steps.machine_updated = {
      identity: left.identity.type,
      users: Object.keys(left.identity.userAssignedIdentities ?? {}).length,
      same: left.identity.principalId === made.identity.principalId,
    };
    await machines.delete(this.group, "machine");
    await this.refusal("machine_deleted", () => machines.get(this.group, "machine"));
  }

  // sites makes a web app and deletes it.
  async sites() {
    const { webApps } = this.web;
    const name = `sdk-site-${this.number}`;
    const made = await webApps.createOrUpdate(this.group, name, {
      location: "local",
      kind: "app,linux",
      identity: { type: "SystemAssigned" },
    });
    this.steps.site = { kind: made.kind, identity: made.identity.type, system: Boolean(made.identity.principalId) };
    await webApps.delete(this.group, name);
    await this.refusal("site_deleted", () => webApps.get(this.group, name));
  }

  // vaults makes a vault, lists those of the group, and deletes it.
  async vaults() {
    const { vaults } = this.keyvault;
    const name = `sdk-vault-${this.number}`;
    const made = await vaults.createOrUpdate(this.group, name, {
      location: "local",
      properties: { tenantId: this.tenant, enableRbacAuthorization: true, sku: { family: "A", name: "standard" } },
    });
    this.steps.vault = {
      rbac: made.properties.enableRbacAuthorization,
      address: made.properties.vaultUri.includes(`${name}.vault.`),
      count: (await collect(vaults.listByResourceGroup(this.group))).length,
    };
    await vaults.delete(this.group, name);
  }

  // activity reads the group's log: what was done above, and nothing of other groups.
  async activity() {
    const since = new Date(Date.now() - 3_600_000).toISOString();
    const filter = `eventTimestamp ge '${since}' and resourceGroupName eq '${this.group}'`;
    const events = await collect(this.monitor.activityLogs.list(filter));
    const done = new Set(events.map((e) => e.operationName.value.toLowerCase()));
    this.steps.activity = {
      others: events.filter((e) => e.resourceGroupName.toLowerCase() !== this.group).length,
      identity: done.has("microsoft.managedidentity/userassignedidentities/write"),
      assignment: done.has("microsoft.authorization/roleassignments/delete"),
      machine: done.has("microsoft.compute/virtualmachines/delete"),
    };
  }

  // removal deletes an identity, and the group with the others.
  async removal() {
    const identities = this.msi.userAssignedIdentities;
    await identities.delete(this.group, "one");
    await this.refusal("identity_deleted", () => identities.get(this.group, "one"));
    await this.resources.resourceGroups.beginDeleteAndWait(this.group);
    this.steps.group_deleted = (await this.resources.resourceGroups.checkExistence(this.group)).body;
  }
}
