//go:build pin

// Package azapi pins the Terraform provider of that name: the newest release that the Go
// module proxy has.
package azapi

import _ "github.com/Azure/terraform-provider-azapi"
