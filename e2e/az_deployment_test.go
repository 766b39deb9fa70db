//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// M-13: templates, as people deploy them with the Azure CLI.
func TestAzureCLIDeployments(t *testing.T) {
	t.Parallel()
	if !alone(t, 10*time.Minute) {
		return
	}
	p := start(t)
	a := p.azure(t, "--app", "ops")
	a.register()
	a.signIn()
	azDeployments(a)
}

// template writes a template file, with what the head of one needs.
func (a *azure) template(rest string) string {
	a.t.Helper()
	return strings.TrimPrefix(a.file(`{"$schema":"https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#","contentVersion":"1.0.0.0",`+rest+"}"), "@")
}

// azDeployments deploys the samples of the documentation, again, with a mistake, at the
// subscription, and looks at what became of it (CP-129 to CP-146).
func azDeployments(a *azure) {
	group := a.group("templates")
	for i, sample := range []string{"identities.json", "identities.symbolic.json"} {
		file, err := filepath.Abs(filepath.Join("..", "docs", "samples", sample))
		if err != nil {
			a.t.Fatal(err)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			a.t.Fatal(err)
		}
		commented := filepath.Join(a.t.TempDir(), sample) // CP-129
		if err := os.WriteFile(commented, []byte("// a comment\n"+string(text)), 0o600); err != nil {
			a.t.Fatal(err)
		}
		with := " -g templates -n main --template-file " + commented + " --parameters app=azshop" + string(rune('0'+i))
		a.prints(`/"Succeeded"/`, "deployment group validate"+with+" --query properties.provisioningState")
		a.prints(`/"Create"/`, "deployment group what-if --no-pretty-print"+with+" --query 'changes[].changeType'")
		first := a.ok("deployment group create" + with + " --query properties.outputs")
		a.prints(compact(first), "deployment group create"+with+" --mode incremental --query properties.outputs") // CP-130, CP-146
		a.prints(`["NoChange"]`, "deployment group what-if --no-pretty-print"+with+" --query 'sort(changes[?contains(resourceId, `azshop"+string(rune('0'+i))+"`)].changeType) | [0:1]'")
		if got := a.ok("deployment group what-if" + with); !strings.Contains(got, "no change") {
			a.t.Errorf("az deployment group what-if prints %s", got)
		}
	}
	a.prints(`["main"]`, "deployment group list -g templates --query '[].name'")
	a.prints(`"Succeeded"`, "deployment group show -g templates -n main --query properties.provisioningState")
	a.prints(`/"languageVersion":"2.0"/`, "deployment group export -g templates -n main") // CP-142

	uai := `{"type":"Microsoft.ManagedIdentity/userAssignedIdentities","apiVersion":"2023-01-31","location":"local",`
	half := a.template(`"parameters":{"secret":{"type":"securestring"}},"resources":[` + uai + `"name":"stands"},` + uai + `"name":"no!name"}],"outputs":{"s":{"type":"securestring","value":"[parameters('secret')]"}}`)
	a.refused("DeploymentFailed", "deployment group create -g templates -n half --template-file "+half+" --parameters secret=hunter2")
	a.prints(`[["no!name","Failed"],["stands","Succeeded"]]`, "deployment operation group list -g templates -n half --query 'sort_by([].properties, &targetResource.resourceName)[].[targetResource.resourceName,provisioningState]'") // CP-141
	a.prints(`{"type":"SecureString"}`, "deployment group show -g templates -n half --query properties.parameters.secret")                                                                                                             // CP-139
	a.refused("InvalidDeploymentParameterValue", "deployment group validate -g templates --template-file "+a.template(`"parameters":{"n":{"type":"int","maxValue":3}},"resources":[]`)+" --parameters n=4")
	a.refused("InvalidTemplateCircularDependency", "deployment group validate -g templates --template-file "+a.template(`"resources":[`+uai+`"name":"one","dependsOn":["two"]},`+uai+`"name":"two","dependsOn":["one"]}]`))
	a.refused("InvalidTemplate", "deployment group create -g templates --template-file "+a.template(`"resources":[`+uai+`"name":"[nothing()]"}]`))
	if out := a.ok("deployment group what-if -g templates --template-file " + a.template(`"resources":[`+uai+`"name":"stands","tags":{"new":"tag"}}]`)); !strings.Contains(out, "~ Microsoft.ManagedIdentity/userAssignedIdentities/stands") {
		a.t.Errorf("az deployment group what-if prints %s", out)
	}
	a.ok("deployment group create -g templates -n all --mode Complete --template-file " + a.template(`"resources":[`+uai+`"name":"stands"}]`)) // CP-144
	a.prints(`["stands"]`, "resource list -g templates --query '[].name'")
	a.ok("deployment group delete -g templates -n half")
	a.refused("DeploymentNotFound", "deployment group show -g templates -n half")

	top := strings.TrimPrefix(a.file(`{"$schema":"https://schema.management.azure.com/schemas/2018-05-01/subscriptionDeploymentTemplate.json#","contentVersion":"1.0.0.0","resources":[
		{"type":"Microsoft.Resources/resourceGroups","apiVersion":"2021-04-01","name":"by-template","location":"[deployment().location]"}],"outputs":{"id":{"type":"string","value":"[subscription().id]"}}}`), "@")
	a.prints(`"`+strings.TrimSuffix(group, "/resourceGroups/templates")+`"`, "deployment sub create -n top -l local --template-file "+top+" --query properties.outputs.id.value") // CP-145
	a.prints("true", "group exists -n by-template")
	a.prints(`["top"]`, "deployment sub list --query '[].name'")
	a.prints(`["by-template"]`, "deployment operation sub list -n top --query '[?properties.targetResource].properties.targetResource.resourceName'")
	a.ok("deployment sub delete -n top")
	a.ok("group delete -n by-template -y")
	a.ok("group delete -n templates -y")
}
