//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// M-13: everything that people do with the Azure CLI, in one installation, against what it
// prints. Areas do not depend on each other: each makes its own resource group.
func TestAzureCLI(t *testing.T) {
	t.Parallel() // with Terraform, which waits
	if !alone(t, 20*time.Minute) {
		return
	}
	p := start(t)
	a := p.azure(t, "--app", "ops")
	a.register()
	a.signIn()
	for _, area := range []struct {
		name string
		try  func(*azure)
	}{
		{"cloud and account", azAccount},
		{"groups", azGroups},
		{"identities", azIdentities},
		{"machines", azMachines},
		{"web apps", azWebApps},
		{"roles", azRoles},
		{"vaults", azVaults},
		{"resources", azResources},
		{"tags", azTags},
		{"locks", azLocks},
		{"management groups", azManagementGroups},
		{"federated credentials", azFederatedCredentials},
		{"associated resources", azAssociated},
		{"directory", azDirectory},
		{"pipelines", azForPipelines},
		{"managed identity", azAsIdentity},
		{"extensions", azExtensions},
		{"activity log", azActivity},
	} {
		t.Run(area.name, func(t *testing.T) { area.try(a.with(t)) })
	}
}

// register makes the platform a cloud of the CLI by its metadata and chooses it (CP-3).
func (a *azure) register() {
	a.t.Helper()
	a.ok("cloud register -n Sealring --endpoint-resource-manager " + a.p.ResourceManager)
	a.ok("cloud set -n Sealring")
}

// signIn signs in as the administrator, with a secret.
func (a *azure) signIn() {
	a.t.Helper()
	a.ok("login --service-principal -u " + a.p.AdminClientID + " -p @" + a.p.AdminSecretFile + " -t " + a.p.TenantID)
}

// group makes a resource group and returns its id.
func (a *azure) group(name string) string {
	a.t.Helper()
	return a.value("id", "group create -n "+name+" -l local")
}

// azAccount looks at the cloud and the account as az keeps them (CP-3, CP-9).
func azAccount(a *azure) {
	a.prints(`"`+a.p.ResourceManager+`/"`, "cloud show --query endpoints.activeDirectoryResourceId")
	a.prints(`".`+a.p.VaultSuffix+`"`, "cloud show --query suffixes.keyvaultDns")
	a.prints(`["`+a.p.SubscriptionID+`","`+a.p.TenantID+`","servicePrincipal","`+a.p.AdminClientID+`"]`, "account show --query '[id,tenantId,user.type,user.name]'")
	a.prints(`[["`+a.p.SubscriptionID+`","Enabled",true]]`, "account list --refresh --query '[].[id,state,isDefault]'")
	a.prints(`["local"]`, "account list-locations --query '[].name'")
	a.ok("account set -s Sealring")
	token := claims(a.t, a.value("accessToken", "account get-access-token"))
	if token["aud"] != a.p.ResourceManager+"/" || token["appid"] != a.p.AdminClientID {
		a.t.Errorf("claims of az account get-access-token: %v", token)
	}
	// The program itself, not only its library (CP-3).
	if got := a.binary("account show --query tenantId"); got != `"`+a.p.TenantID+`"` {
		a.t.Errorf("az account show prints %s", got)
	}
	if got := a.binary("group exists -n default"); got != "true" {
		a.t.Errorf("az group exists prints %s", got)
	}
}

// azGroups makes, finds, tags and deletes resource groups.
func azGroups(a *azure) {
	a.prints(`"/subscriptions/`+a.p.SubscriptionID+`/resourceGroups/Groups"`, "group create -n Groups -l Local --tags a=1 'b=two words' --query id")
	a.prints("true", "group exists -n groups")
	a.prints("false", "group exists -n nowhere")
	a.prints(`[{"a":"1","b":"two words"},"local","Succeeded"]`, "group show -n GROUPS --query '[tags,location,properties.provisioningState]'")
	a.prints(`["Groups"]`, "group list --tag a=1 --query '[].name'")
	a.prints(`{"a":"1","c":"3"}`, "group update -n Groups --tags a=1 c=3 --query tags")
	a.refused("InvalidResourceLocation", "group create -n Groups -l elsewhere")
	a.refused("ResourceGroupNotFound", "group show -n nowhere")
	a.ok("identity create -g Groups -n inside")
	a.ok("group delete -n groups -y")
	a.prints("false", "group exists -n Groups")
	a.refused("ResourceGroupNotFound", "identity show -g Groups -n inside")
}

// The commands of docs/azure-cli.md work as they are printed, in a shell, by the real program.
func TestAzureCLIAsDocumented(t *testing.T) {
	t.Parallel()
	if !alone(t, 5*time.Minute) {
		return
	}
	p := start(t)
	text, err := os.ReadFile(filepath.Join("..", "docs", "azure-cli.md"))
	if err != nil {
		t.Fatal(err)
	}
	work := t.TempDir()
	script := "set -e\ncd " + work + "\n"
	for _, block := range regexp.MustCompile("(?s)```console\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		script += strings.ReplaceAll("\n"+block[1], "\n$ ", "\n")
	}
	shell := "sealring run --app desk -- bash\n"
	if !strings.Contains(script, shell) || !strings.Contains(script, "./your-program") {
		t.Fatalf("docs/azure-cli.md no longer begins in a shell, or ends with a program:\n%s", script)
	}
	script = strings.Replace(script, shell, "", 1)
	program := "#!/bin/sh\n[ \"$WEBSITE_SITE_NAME\" = shop-front ] && echo the program ran\n"
	if err := os.WriteFile(filepath.Join(work, "your-program"), []byte(program), 0o700); err != nil {
		t.Fatal(err)
	}
	az, sealring := filepath.Dir(filepath.Join(clients, "az/.venv/bin/az")), filepath.Dir(binary)
	a := p.azure(t, "--app", "desk")
	r := p.exec(4*time.Minute, append(a.env(), "PATH="+az+":"+sealring+":"+os.Getenv("PATH")), "run", "--app", "desk", "--egress", "deny", "--", "bash", "-c", script)
	if r.code != 0 || !strings.Contains(r.stdout, "the program ran") {
		t.Errorf("exit %d\n%s\n%s\n%s", r.code, script, tail(r.stdout, 3000), tail(r.stderr, 3000))
	}
}
