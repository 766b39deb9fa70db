//go:build e2e && azurerm

package e2e

import (
	"path/filepath"
	"testing"
	"time"
)

// CP-142: azurerm deploys the sample of the documentation and a template of the subscription,
// reads both back without a difference, and takes away what they made.
func TestTerraformDeploysTemplates(t *testing.T) {
	t.Parallel()
	if !alone(t, 10*time.Minute) {
		return
	}
	p := start(t)
	sample, err := filepath.Abs(filepath.Join("..", "docs", "samples", "identities.json"))
	if err != nil {
		t.Fatal(err)
	}
	f := p.terraform(t, "azurerm", `terraform {
  required_providers {
    azurerm = { source = "hashicorp/azurerm" }
  }
}
provider "azurerm" {
  features {
    resource_group {
      prevent_deletion_if_contains_resources = false # the plan that the app was given stays
    }
  }
}
resource "azurerm_resource_group" "here" {
  name     = "terraform-templates"
  location = "local"
}
resource "azurerm_resource_group_template_deployment" "main" {
  name                = "main"
  resource_group_name = azurerm_resource_group.here.name
  deployment_mode     = "Incremental"
  template_content    = file("`+sample+`")
  # all of them: what the provider reads back has the defaults too
  parameters_content = jsonencode({ app = { value = "tfshop" }, vault = { value = "tfshop-vault" }, location = { value = "local" } })
}
resource "azurerm_subscription_template_deployment" "top" {
  name     = "top"
  location = "local"
  template_content = jsonencode({
    "$schema"      = "https://schema.management.azure.com/schemas/2018-05-01/subscriptionDeploymentTemplate.json#"
    contentVersion = "1.0.0.0"
    resources      = [{ type = "Microsoft.Resources/resourceGroups", apiVersion = "2021-04-01", name = "terraform-made", location = "[deployment().location]" }]
    outputs        = { tenant = { type = "string", value = "[tenant().tenantId]" } }
  })
}
output "tenant" { value = jsondecode(azurerm_subscription_template_deployment.top.output_content).tenant.value }
`)
	f.says(p.TenantID, "apply", "-auto-approve")
	f.says("No changes.", "plan", "-detailed-exitcode")
	f.says("Destroy complete! Resources: 3 destroyed.", "destroy", "-auto-approve")
}
