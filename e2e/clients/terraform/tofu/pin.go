//go:build pin

// Package tofu pins OpenTofu, for machines without Terraform.
package tofu

import _ "github.com/opentofu/opentofu/cmd/tofu"
