//go:build e2e && azurerm

package e2e

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

// M-13, CP-5, CP-9, CP-26, CP-33, CP-44, CP-70, CP-88, CP-91, DT-19: Terraform takes the
// configurations of docs/terraform.md for azurerm through their lives.
func TestAzurerm(t *testing.T) {
	t.Parallel() // it mostly waits
	if !alone(t, 20*time.Minute) {
		return
	}
	p := start(t)
	written := blocks(t)
	t.Run("identities and hosts", func(t *testing.T) {
		t.Parallel()
		f := p.terraform(t, "azurerm", written["azurerm"])
		made := f.circle("11")
		// CP-26: it waits ten seconds before its first look, unless told not to.
		if !regexp.MustCompile(`azurerm_user_assigned_identity\.worker: Creation complete after \ds`).MatchString(made) {
			t.Errorf("the identity took long:\n%s", tail(made, 5000))
		}
	})
	t.Run("what takes minutes", func(t *testing.T) { // CP-43, CP-96
		t.Parallel()
		f := p.terraform(t, "azurerm", written["slow"])
		f.circle("4")
	})
}

// CP-6, CP-7, CP-13: azurerm insists on what the discovery document says, finds the location
// and the providers in it where it is told to look, and registers what it wants.
func TestTerraformValidates(t *testing.T) {
	t.Parallel()
	if !alone(t, 5*time.Minute) {
		return
	}
	p := start(t)
	const empty = `terraform {
  required_providers {
    azurerm = { source = "hashicorp/azurerm" }
  }
}
provider "azurerm" {
  features {}
}
data "azurerm_client_config" "me" {}
data "azurerm_subscription" "here" {}
output "who" { value = "${data.azurerm_client_config.me.client_id} ${data.azurerm_subscription.here.tenant_id}" }
`
	f := p.terraform(t, "azurerm", empty)
	f.says(p.AdminClientID+" "+p.TenantID, "apply", "-auto-approve")
	f.env = append(f.env, "ARM_RESOURCE_PROVIDER_REGISTRATIONS=core", "ARM_PROVIDER_ENHANCED_VALIDATION_LOCATIONS=true", "ARM_PROVIDER_ENHANCED_VALIDATION_RESOURCE_PROVIDERS=true")
	f.write("group.tf", `resource "azurerm_resource_group" "here" {
  name     = "validated"
  location = "local"
}
`)
	f.says("Plan: 1 to add", "plan")
	f.write("group.tf", `resource "azurerm_resource_group" "elsewhere" {
  name     = "validated"
  location = "mars"
}
`)
	if r := f.run("plan"); r.code == 0 || !strings.Contains(r.stderr, `"mars" was not found`) {
		t.Errorf("a location that the document does not list: exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
}
