//go:build e2e && azurerm

package e2e

import (
	"testing"
	"time"
)

// hostsConfiguration are the hosts of CP-88 that docs/terraform.md does not show.
const hostsConfiguration = `terraform {
  required_providers {
    azurerm = { source = "hashicorp/azurerm" }
  }
}
provider "azurerm" {
  features {}
}
variable "stage" { default = "dev" }
resource "azurerm_resource_group" "hosts" {
  name     = "tf-hosts"
  location = "local"
}
resource "azurerm_user_assigned_identity" "worker" {
  name                = "worker"
  resource_group_name = azurerm_resource_group.hosts.name
  location            = azurerm_resource_group.hosts.location
}
resource "azurerm_virtual_network" "net" {
  name                = "net"
  resource_group_name = azurerm_resource_group.hosts.name
  location            = azurerm_resource_group.hosts.location
  address_space       = ["10.0.0.0/16"]
}
resource "azurerm_subnet" "one" {
  name                 = "one"
  resource_group_name  = azurerm_resource_group.hosts.name
  virtual_network_name = azurerm_virtual_network.net.name
  address_prefixes     = ["10.0.1.0/24"]
}
resource "azurerm_linux_virtual_machine_scale_set" "set" {
  name                            = "set"
  resource_group_name             = azurerm_resource_group.hosts.name
  location                        = azurerm_resource_group.hosts.location
  sku                             = "Standard_B1s"
  instances                       = 1
  admin_username                  = "me"
  admin_password                  = "Canary-0815!"
  disable_password_authentication = false
  source_image_reference {
    publisher = "Canonical"
    offer     = "ubuntu-24_04-lts"
    sku       = "server"
    version   = "latest"
  }
  os_disk {
    storage_account_type = "Standard_LRS"
    caching              = "ReadWrite"
  }
  network_interface {
    name    = "nic"
    primary = true
    ip_configuration {
      name      = "internal"
      primary   = true
      subnet_id = azurerm_subnet.one.id
    }
  }
  identity {
    type         = "SystemAssigned, UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.worker.id]
  }
  tags = { stage = var.stage }
}
resource "azurerm_storage_account" "functions" {
  name                     = "tffunctions"
  resource_group_name      = azurerm_resource_group.hosts.name
  location                 = azurerm_resource_group.hosts.location
  account_tier             = "Standard"
  account_replication_type = "LRS"
}
resource "azurerm_service_plan" "plan" {
  name                = "plan"
  resource_group_name = azurerm_resource_group.hosts.name
  location            = azurerm_resource_group.hosts.location
  os_type             = "Linux"
  sku_name            = "Y1"
}
resource "azurerm_linux_function_app" "fn" {
  name                       = "tf-fn"
  resource_group_name        = azurerm_resource_group.hosts.name
  location                   = azurerm_resource_group.hosts.location
  service_plan_id            = azurerm_service_plan.plan.id
  storage_account_name       = azurerm_storage_account.functions.name
  storage_account_access_key = azurerm_storage_account.functions.primary_access_key
  site_config {
    application_stack {
      python_version = "3.12"
    }
  }
  app_settings = { STAGE = var.stage }
  identity {
    type         = "SystemAssigned, UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.worker.id]
  }
}
resource "azurerm_spring_cloud_service" "svc" {
  name                = "tfspring"
  resource_group_name = azurerm_resource_group.hosts.name
  location            = azurerm_resource_group.hosts.location
}
resource "azurerm_spring_cloud_app" "app" {
  name                = "front"
  resource_group_name = azurerm_resource_group.hosts.name
  service_name        = azurerm_spring_cloud_service.svc.name
  identity {
    type = "SystemAssigned"
  }
}
`

// CP-88: the hosts that docs/terraform.md leaves out go through their lives, too.
func TestTerraformHosts(t *testing.T) {
	t.Parallel()
	if !alone(t, 15*time.Minute) {
		return
	}
	p := start(t)
	f := p.terraform(t, "azurerm", hostsConfiguration)
	f.circle("10")
}
