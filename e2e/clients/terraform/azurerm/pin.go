//go:build pin

// Package azurerm pins the Terraform provider of that name. Its releases from the second on
// cannot be named as Go modules; this is the state of its source between 5.2 and 5.3.
package azurerm

import _ "github.com/hashicorp/terraform-provider-azurerm"
