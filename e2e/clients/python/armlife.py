"""Resources through their lives, for the command armlife: with the clients' default pollers
and pagers. Every step is recorded in a form that is the same in every language."""

import datetime

from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.keyvault import KeyVaultManagementClient
from azure.mgmt.monitor import MonitorManagementClient
from azure.mgmt.msi import ManagedServiceIdentityClient
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.web import WebSiteManagementClient

from life import refused

# The GUID that role assignments get, but for the last two digits.
ASSIGNMENT = "5d3c8a10-0000-4000-8000-0000000000"


class Management:
    """One run through Resource Manager, in a resource group of its own."""

    def __init__(self, credential, manager, subscription, tenant, number, **options):
        self.tenant, self.number, self.group = tenant, number, f"sdk-{number}"
        self.scope = f"/subscriptions/{subscription}/resourceGroups/{self.group}"
        self.steps, self.principal = {}, ""

        def client(kind):
            return kind(credential, subscription, base_url=manager, credential_scopes=[manager + "/.default"], **options)

        self.resources, self.msi = client(ResourceManagementClient), client(ManagedServiceIdentityClient)
        self.authorization, self.compute = client(AuthorizationManagementClient), client(ComputeManagementClient)
        self.web, self.keyvault = client(WebSiteManagementClient), client(KeyVaultManagementClient)
        self.monitor = client(MonitorManagementClient)

    def run(self):
        """Does everything, in this order."""
        self.groups()
        self.identities()
        self.assignments()
        self.machines()
        self.sites()
        self.vaults()
        self.activity()
        self.removal()
        return self.steps

    def refusal(self, step, call):
        """Records how a call was refused."""
        try:
            call()
            self.steps[step] = {"status": 200, "code": ""}
        except Exception as e:
            self.steps[step] = refused(e)

    def groups(self):
        """Makes the resource group and asks whether it and another exist."""
        groups = self.resources.resource_groups
        made = groups.create_or_update(self.group, {"location": "Local", "tags": {"by": "sdk"}})
        self.steps["group"] = {
            "location": made.location, "state": made.properties.provisioning_state, "by": made.tags["by"],
            "exists": groups.check_existence(self.group), "other": groups.check_existence(self.group + "-not")}

    def identities(self):
        """Makes four, updates one, and lists them: all, and on pages of two."""
        identities = self.msi.user_assigned_identities
        for name in ("two", "three", "four", "one"):
            one = identities.create_or_update(self.group, name, {"location": "local"})
        self.principal = one.principal_id
        self.steps["identity"] = {"name": one.name, "location": one.location, "ids": bool(one.principal_id and one.client_id and one.tenant_id)}
        again = identities.update(self.group, "one", {"tags": {"b": "2"}})
        self.steps["identity_updated"] = {"same": again.principal_id == self.principal, "b": again.tags["b"]}
        self.refusal("identity_missing", lambda: identities.get(self.group, "nobody"))
        self.steps["identities"] = sorted(i.name for i in identities.list_by_resource_group(self.group))
        pages, names = 0, set()
        for page in self.resources.resources.list_by_resource_group(self.group, top=2).by_page():
            pages += 1
            names.update(r.name for r in page)
        self.steps["pages"] = {"several": pages > 1, "names": len(names)}

    def assignments(self):
        """Finds a role by its name and gives it to an identity; a second time is refused."""
        found = list(self.authorization.role_definitions.list(self.scope, filter="roleName eq 'Reader'"))
        self.steps["role"] = [d.role_name for d in found]
        assignments = self.authorization.role_assignments
        wanted = {"properties": {"roleDefinitionId": found[0].id, "principalId": self.principal}}
        made = assignments.create(self.scope, ASSIGNMENT + self.number, wanted)
        self.steps["assignment"] = {"type": made.principal_type, "here": made.scope.lower() == self.scope.lower()}
        self.refusal("assignment_again", lambda: assignments.create(self.scope, "6" + ASSIGNMENT[1:] + self.number, wanted))
        self.steps["assignments"] = len(list(assignments.list_for_scope(self.scope, filter=f"principalId eq '{self.principal}'")))
        gone = assignments.delete(self.scope, ASSIGNMENT + self.number)
        self.steps["assignment_deleted"] = gone.principal_id == self.principal

    def machines(self):
        """Gives a virtual machine both kinds of identity and takes one away by PATCH."""
        machines = self.compute.virtual_machines
        user = self.scope + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/one"
        made = machines.begin_create_or_update(self.group, "machine", {
            "location": "local", "identity": {"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {user: {}}},
            "properties": {"hardwareProfile": {"vmSize": "Standard_A1_v2"}}}).result()
        self.steps["machine"] = {
            "state": made.provisioning_state, "identity": made.identity.type, "system": bool(made.identity.principal_id),
            "users": len(made.identity.user_assigned_identities), "known": bool(made.vm_id)}
        left = machines.begin_update(self.group, "machine", {"identity": {"type": "SystemAssigned"}}).result()
        self.steps["machine_updated"] = {
            "identity": left.identity.type, "users": len(left.identity.user_assigned_identities or {}),
            "same": left.identity.principal_id == made.identity.principal_id}
        machines.begin_delete(self.group, "machine").wait()
        self.refusal("machine_deleted", lambda: machines.get(self.group, "machine"))

    def sites(self):
        """Makes a web app and deletes it."""
        apps, name = self.web.web_apps, "sdk-site-" + self.number
        made = apps.begin_create_or_update(self.group, name, {
            "location": "local", "kind": "app,linux", "identity": {"type": "SystemAssigned"}, "properties": {}}).result()
        self.steps["site"] = {"kind": made.kind, "identity": made.identity.type, "system": bool(made.identity.principal_id)}
        apps.delete(self.group, name)
        self.refusal("site_deleted", lambda: apps.get(self.group, name))

    def vaults(self):
        """Makes a vault, lists those of the group, and deletes it."""
        vaults, name = self.keyvault.vaults, "sdk-vault-" + self.number
        made = vaults.begin_create_or_update(self.group, name, {"location": "local", "properties": {
            "tenantId": self.tenant, "enableRbacAuthorization": True, "sku": {"family": "A", "name": "standard"}}}).result()
        self.steps["vault"] = {
            "rbac": made.properties.enable_rbac_authorization, "address": f"{name}.vault." in made.properties.vault_uri,
            "count": len(list(vaults.list_by_resource_group(self.group)))}
        vaults.delete(self.group, name)

    def activity(self):
        """Reads the group's log: what was done above, and nothing of other groups."""
        since = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
        events = list(self.monitor.activity_logs.list(
            filter=f"eventTimestamp ge '{since:%Y-%m-%dT%H:%M:%SZ}' and resourceGroupName eq '{self.group}'"))
        done = {e.operation_name.value.lower() for e in events}
        self.steps["activity"] = {
            "others": sum(e.resource_group_name.lower() != self.group for e in events),
            "identity": "microsoft.managedidentity/userassignedidentities/write" in done,
            "assignment": "microsoft.authorization/roleassignments/delete" in done,
            "machine": "microsoft.compute/virtualmachines/delete" in done}

    def removal(self):
        """Deletes an identity, and the group with the others."""
        identities = self.msi.user_assigned_identities
        identities.delete(self.group, "one")
        self.refusal("identity_deleted", lambda: identities.get(self.group, "one"))
        self.resources.resource_groups.begin_delete(self.group).wait()
        self.steps["group_deleted"] = self.resources.resource_groups.check_existence(self.group)
