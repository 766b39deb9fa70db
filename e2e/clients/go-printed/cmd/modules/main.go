// Command modules does nothing: it keeps the modules that the documentation's printed Go
// program imports in go.mod, at the versions for which it was written. The test puts the
// program itself beside this one for the time of a run.
package main

import (
	_ "github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	_ "github.com/Azure/azure-sdk-for-go/sdk/keyvault/azsecrets"
)

func main() {}
