//go:build e2e

package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// deploymentsThroughTheirLives is what the client for deployments reports of the sample.
const deploymentsThroughTheirLives = `{
"group":          {"location":"local","state":"Succeeded","by":"sdk","exists":true,"other":false},
"validated":      {"state":"Succeeded","resources":RESOURCES},
"refused":        {"status":400,"code":"InvalidDeploymentParameterValue"},
"forecast":       {"Create":RESOURCES},
"before":         false,
"deployed":       {"state":"Succeeded","resources":6,"hash":true},
"same":           true,
"forecast_again": {"NoChange":RESOURCES,"Ignore":1},
"read":           {"exists":true,"exported":true,"hashes":true,"mode":"Incremental"},
"list":           ["main"],
"failed":         {"status":200,"code":"DeploymentFailed"},
"operations":     {"stands":"Succeeded Created","no!name":"Failed BadRequest"},
"subscription":   {"state":"Succeeded","location":"local","resources":1},
"deleted":        {"status":404,"code":"DeploymentNotFound"},
"canceled":       {"status":409,"code":"DeploymentCannotBeCancelled"}
}`

// M-13, CP-132, CP-133, CP-138, CP-140, CP-142, CP-145, CP-146: the Go client for
// deployments, with its own pollers, deploys the samples of the documentation and repeats
// them without a difference.
func TestDeploymentSDK(t *testing.T) {
	p := start(t)
	_, object := p.site("deployer", true)
	p.grant(object, "Owner", "/subscriptions/"+p.SubscriptionID)
	for _, sdk := range available(t) {
		if sdk.language != "Go" {
			continue
		}
		for i, sample := range []string{"identities.json", "identities.symbolic.json"} {
			t.Run(sample, func(t *testing.T) {
				file, err := filepath.Abs(filepath.Join("..", "docs", "samples", sample))
				if err != nil {
					t.Fatal(err)
				}
				same(t, p.in(t).steps("deployer", sdk.command, "armdeploy", p.ResourceManager, p.SubscriptionID, fmt.Sprint(60+i), file),
					strings.ReplaceAll(deploymentsThroughTheirLives, "RESOURCES", "7"))
			})
		}
	}
}
