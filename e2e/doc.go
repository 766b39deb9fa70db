// Package e2e drives the built binary with third-party clients: Azure SDKs and MSAL in
// Go, Python, JavaScript and Java, the Azure CLI, Terraform with its Azure providers, a
// browser, and independent token verifiers. Build tag e2e;
// `make e2e` builds the binary and installs the clients first.
//
// Nothing here leaves the machine. Everything that could look for the metadata endpoint
// at its link-local address runs either with the App Service variables set, or inside a
// network namespace that the test makes for itself.
package e2e
