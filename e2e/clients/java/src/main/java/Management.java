import com.azure.core.credential.TokenCredential;
import com.azure.core.http.policy.FixedDelayOptions;
import com.azure.core.http.policy.RetryOptions;
import com.azure.core.http.rest.PagedIterable;
import com.azure.core.management.AzureEnvironment;
import com.azure.core.management.exception.ManagementException;
import com.azure.core.management.profile.AzureProfile;
import com.azure.core.util.Context;
import com.azure.resourcemanager.appservice.AppServiceManager;
import com.azure.resourcemanager.appservice.fluent.models.SiteInner;
import com.azure.resourcemanager.appservice.models.ManagedServiceIdentity;
import com.azure.resourcemanager.appservice.models.ManagedServiceIdentityType;
import com.azure.resourcemanager.authorization.AuthorizationManager;
import com.azure.resourcemanager.authorization.models.RoleAssignmentCreateParameters;
import com.azure.resourcemanager.compute.ComputeManager;
import com.azure.resourcemanager.compute.fluent.models.VirtualMachineInner;
import com.azure.resourcemanager.compute.fluent.models.VirtualMachineUpdateInner;
import com.azure.resourcemanager.compute.models.HardwareProfile;
import com.azure.resourcemanager.compute.models.ResourceIdentityType;
import com.azure.resourcemanager.compute.models.VirtualMachineIdentity;
import com.azure.resourcemanager.compute.models.VirtualMachineIdentityUserAssignedIdentities;
import com.azure.resourcemanager.compute.models.VirtualMachineSizeTypes;
import com.azure.resourcemanager.keyvault.KeyVaultManager;
import com.azure.resourcemanager.keyvault.models.Sku;
import com.azure.resourcemanager.keyvault.models.SkuFamily;
import com.azure.resourcemanager.keyvault.models.SkuName;
import com.azure.resourcemanager.keyvault.models.VaultCreateOrUpdateParameters;
import com.azure.resourcemanager.keyvault.models.VaultProperties;
import com.azure.resourcemanager.monitor.MonitorManager;
import com.azure.resourcemanager.msi.MsiManager;
import com.azure.resourcemanager.msi.fluent.models.IdentityInner;
import com.azure.resourcemanager.msi.models.IdentityUpdate;
import com.azure.resourcemanager.resources.ResourceManager;
import com.azure.resourcemanager.resources.fluent.models.ResourceGroupInner;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.stream.Collectors;

/**
 * Resources through their lives, for the command armlife: one run through Resource Manager,
 * in a resource group of its own, with the clients' default pollers and pagers. Every step
 * is recorded in a form that is the same in every language.
 */
final class Management {
    /** The GUID that role assignments get, but for the last two digits. */
    private static final String ASSIGNMENT = "5d3c8a10-0000-4000-8000-0000000000";

    private final String tenant;
    private final String number;
    private final String group;
    private final String scope;
    private final ResourceManager resources;
    private final MsiManager msi;
    private final AuthorizationManager authorization;
    private final ComputeManager compute;
    private final AppServiceManager web;
    private final KeyVaultManager vaults;
    private final MonitorManager monitor;
    private final Map<String, Object> steps = new LinkedHashMap<>();
    private String principal = "";

    Management(TokenCredential credential, String manager, String subscription, String tenant, String number) {
        this.tenant = tenant;
        this.number = number;
        group = "sdk-" + number;
        scope = "/subscriptions/" + subscription + "/resourceGroups/" + group;
        Map<String, String> endpoints = Map.of("activeDirectoryEndpointUrl", System.getenv("AZURE_AUTHORITY_HOST") + "/",
            "resourceManagerEndpointUrl", manager + "/", "managementEndpointUrl", manager + "/",
            "activeDirectoryResourceId", manager + "/", "microsoftGraphResourceId", manager + "/");
        AzureProfile profile = new AzureProfile(tenant, subscription, new AzureEnvironment(endpoints));
        RetryOptions retry = new RetryOptions(new FixedDelayOptions(1, Duration.ofMillis(200)));
        resources = ResourceManager.configure().withRetryOptions(retry).authenticate(credential, profile).withDefaultSubscription();
        msi = MsiManager.configure().withRetryOptions(retry).authenticate(credential, profile);
        authorization = AuthorizationManager.configure().withRetryOptions(retry).authenticate(credential, profile);
        compute = ComputeManager.configure().withRetryOptions(retry).authenticate(credential, profile);
        web = AppServiceManager.configure().withRetryOptions(retry).authenticate(credential, profile);
        vaults = KeyVaultManager.configure().withRetryOptions(retry).authenticate(credential, profile);
        monitor = MonitorManager.configure().withRetryOptions(retry).authenticate(credential, profile);
    }

    /** Does everything, in this order. */
    Map<String, Object> run() {
        groups();
        identities();
        assignments();
        machines();
        sites();
        vaults();
        activity();
        removal();
        return steps;
    }

    /** Records how a call was refused. */
    private void refusal(String step, Runnable call) {
        try {
            call.run();
            steps.put(step, Map.of("status", 200, "code", ""));
        } catch (ManagementException e) {
            steps.put(step, Map.of("status", e.getResponse().getStatusCode(), "code", String.valueOf(e.getValue().getCode())));
        }
    }

    /** Makes the resource group and asks whether it and another exist. */
    private void groups() {
        var groups = resources.serviceClient().getResourceGroups();
        ResourceGroupInner made = groups.createOrUpdate(group, new ResourceGroupInner().withLocation("Local").withTags(Map.of("by", "sdk")));
        steps.put("group", Map.of("location", made.location(), "state", made.properties().provisioningState(), "by", made.tags().get("by"),
            "exists", groups.checkExistence(group), "other", groups.checkExistence(group + "-not")));
    }

    /** Makes four, updates one, and lists them: all, and on pages of two. */
    private void identities() {
        var identities = msi.serviceClient().getUserAssignedIdentities();
        IdentityInner one = null;
        for (String name : new String[] {"two", "three", "four", "one"}) {
            one = identities.createOrUpdate(group, name, new IdentityInner().withLocation("local"));
        }
        principal = one.principalId().toString();
        steps.put("identity", Map.of("name", one.name(), "location", one.location(), "ids", one.clientId() != null && one.tenantId() != null));
        IdentityInner again = identities.update(group, "one", new IdentityUpdate().withTags(Map.of("b", "2")));
        steps.put("identity_updated", Map.of("same", again.principalId().toString().equals(principal), "b", again.tags().get("b")));
        refusal("identity_missing", () -> identities.getByResourceGroup(group, "nobody"));
        steps.put("identities", identities.listByResourceGroup(group).stream().map(IdentityInner::name).sorted().toList());
        int pages = 0;
        Set<String> names = new TreeSet<>();
        for (var page : resources.serviceClient().getResources().listByResourceGroup(group, null, null, 2, Context.NONE).iterableByPage()) {
            pages++;
            page.getValue().forEach(r -> names.add(r.name()));
        }
        steps.put("pages", Map.of("several", pages > 1, "names", names.size()));
    }

    /** Finds a role by its name and gives it to an identity; a second time is refused. */
    private void assignments() {
        var found = authorization.roleServiceClient().getRoleDefinitions().list(scope, "roleName eq 'Reader'", Context.NONE).stream().toList();
        steps.put("role", found.stream().map(d -> d.roleName()).toList());
        var assignments = authorization.roleServiceClient().getRoleAssignments();
        var wanted = new RoleAssignmentCreateParameters().withRoleDefinitionId(found.get(0).id()).withPrincipalId(principal);
        var made = assignments.create(scope, ASSIGNMENT + number, wanted);
        steps.put("assignment", Map.of("type", made.principalType().toString(), "here", made.scope().equalsIgnoreCase(scope)));
        refusal("assignment_again", () -> assignments.create(scope, "6" + ASSIGNMENT.substring(1) + number, wanted));
        String filter = "principalId%20eq%20'" + principal + "'"; // this call alone wants it escaped
        steps.put("assignments", count(assignments.listForScope(scope, filter, null, null, Context.NONE)));
        steps.put("assignment_deleted", assignments.delete(scope, ASSIGNMENT + number).principalId().equals(principal));
    }

    /** Gives a virtual machine both kinds of identity and takes one away by PATCH. */
    private void machines() {
        var machines = compute.serviceClient().getVirtualMachines();
        String user = scope + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/one";
        VirtualMachineInner made = machines.createOrUpdate(group, "machine", new VirtualMachineInner().withLocation("local")
            .withIdentity(new VirtualMachineIdentity().withType(ResourceIdentityType.SYSTEM_ASSIGNED_USER_ASSIGNED)
                .withUserAssignedIdentities(Map.of(user, new VirtualMachineIdentityUserAssignedIdentities())))
            .withHardwareProfile(new HardwareProfile().withVmSize(VirtualMachineSizeTypes.STANDARD_A1_V2)));
        VirtualMachineIdentity before = made.identity();
        steps.put("machine", Map.of("state", made.provisioningState(), "identity", before.type().toString(), "system", before.principalId() != null,
            "users", before.userAssignedIdentities().size(), "known", made.vmId() != null));
        VirtualMachineIdentity left = machines.update(group, "machine", new VirtualMachineUpdateInner()
            .withIdentity(new VirtualMachineIdentity().withType(ResourceIdentityType.SYSTEM_ASSIGNED))).identity();
        steps.put("machine_updated", Map.of("identity", left.type().toString(), "users", left.userAssignedIdentities() == null ? 0 : left.userAssignedIdentities().size(),
            "same", left.principalId().equals(before.principalId())));
        machines.delete(group, "machine");
        refusal("machine_deleted", () -> machines.getByResourceGroup(group, "machine"));
    }

    /** Makes a web app and deletes it. */
    private void sites() {
        var apps = web.serviceClient().getWebApps();
        String name = "sdk-site-" + number;
        SiteInner made = apps.createOrUpdate(group, name, new SiteInner().withLocation("local").withKind("app,linux")
            .withIdentity(new ManagedServiceIdentity().withType(ManagedServiceIdentityType.SYSTEM_ASSIGNED)));
        steps.put("site", Map.of("kind", made.kind(), "identity", made.identity().type().toString(), "system", made.identity().principalId() != null));
        apps.delete(group, name);
        try { // this client has an exception type of its own for the same answer
            refusal("site_deleted", () -> apps.getByResourceGroup(group, name));
        } catch (com.azure.core.exception.HttpResponseException e) {
            steps.put("site_deleted", Map.of("status", e.getResponse().getStatusCode(), "code", Client.codeOf(e.getValue())));
        }
    }

    /** Makes a vault, lists those of the group, and deletes it. */
    private void vaults() {
        var client = vaults.serviceClient().getVaults();
        String name = "sdk-vault-" + number;
        var made = client.createOrUpdate(group, name, new VaultCreateOrUpdateParameters().withLocation("local")
            .withProperties(new VaultProperties().withTenantId(UUID.fromString(tenant)).withEnableRbacAuthorization(true)
                .withSku(new Sku().withFamily(SkuFamily.A).withName(SkuName.STANDARD))));
        steps.put("vault", Map.of("rbac", made.properties().enableRbacAuthorization(),
            "address", made.properties().vaultUri().contains(name + ".vault."), "count", count(client.listByResourceGroup(group))));
        client.delete(group, name);
    }

    /** Reads the group's log: what was done above, and nothing of other groups. */
    private void activity() {
        String since = Instant.now().minus(1, ChronoUnit.HOURS).truncatedTo(ChronoUnit.SECONDS).toString();
        var events = monitor.serviceClient().getActivityLogs()
            .list("eventTimestamp ge '" + since + "' and resourceGroupName eq '" + group + "'").stream().toList();
        Set<String> done = events.stream().map(e -> e.operationName().value().toLowerCase(Locale.ROOT)).collect(Collectors.toSet());
        steps.put("activity", Map.of("others", events.stream().filter(e -> !group.equalsIgnoreCase(e.resourceGroupName())).count(),
            "identity", done.contains("microsoft.managedidentity/userassignedidentities/write"),
            "assignment", done.contains("microsoft.authorization/roleassignments/delete"),
            "machine", done.contains("microsoft.compute/virtualmachines/delete")));
    }

    /** Deletes an identity, and the group with the others. */
    private void removal() {
        var identities = msi.serviceClient().getUserAssignedIdentities();
        identities.delete(group, "one");
        refusal("identity_deleted", () -> identities.getByResourceGroup(group, "one"));
        resources.serviceClient().getResourceGroups().delete(group);
        steps.put("group_deleted", resources.serviceClient().getResourceGroups().checkExistence(group));
    }

    private static long count(PagedIterable<?> all) {
        return all.stream().count();
    }
}
