// Package builtin is the table of the resources that every tenant knows without registering
// them: their application ids, names, token versions and app roles (DT-3.8, DT-7.8). It is data.
package builtin

import (
	"strings"

	"github.com/sealring/sealring/internal/id"
)

// Application ids of the built-in resources that our own services answer as.
const (
	GraphApp           id.App = "00000003-0000-0000-c000-000000000000"
	ResourceManagerApp id.App = "797f4846-ba00-4fd7-ba43-dac1f8f63013"
	KeyVaultApp        id.App = "cfa8b339-82a2-471a-a3c9-0fc0be7a4093"
	StorageApp         id.App = "e406a681-f3d4-42a8-90b6-c2b029497af1"
	SQLApp             id.App = "022907d3-0f1b-48f7-badc-1ba6abab6d66"
	TokenExchangeApp   id.App = "fb60f99c-7a34-4190-8149-302f77469936"
)

// Resource is a row of the table.
type Resource struct {
	Name    string
	App     id.App
	Version int // of the access tokens it takes: 1 or 2
	URIs    []string
}

// Resources are the resources that every tenant knows.
var Resources = []Resource{
	{"Microsoft Graph", GraphApp, 1, []string{"https://graph.microsoft.com"}},
	{"Windows Azure Active Directory", "00000002-0000-0000-c000-000000000000", 1, []string{"https://graph.windows.net"}},
	{"Windows Azure Service Management API", ResourceManagerApp, 1, []string{"https://management.azure.com", "https://management.core.windows.net"}},
	{"Azure Key Vault", KeyVaultApp, 1, []string{"https://vault.azure.net"}},
	{"Azure Key Vault Managed HSM", "1341df96-0b28-43da-ba24-7a6ce39be816", 1, []string{"https://managedhsm.azure.net"}},
	{"Azure Storage", StorageApp, 1, []string{"https://storage.azure.com"}},
	{"Azure SQL Database", SQLApp, 1, []string{"https://database.windows.net"}},
	{"OSSRDBMS AAD", "123cd850-d9df-40bd-94d5-c9f07b7fa203", 1, []string{"https://ossrdbms-aad.database.windows.net"}},
	{"Microsoft.ServiceBus", "80a10ef9-8168-493d-abf9-3297c4ef6e3c", 1, []string{"https://servicebus.azure.net"}},
	{"Microsoft.EventHubs", "80369ed6-5f11-4dd9-bef3-692475845e77", 1, []string{"https://eventhubs.azure.net"}},
	{"Azure App Configuration", "35ffadb3-7fc1-497e-b61b-381d28e744cc", 1, []string{"https://azconfig.io"}},
	{"Azure Container Registry", "6a0ec4d3-30cb-4a83-91c0-ae56bc0e3d26", 1, []string{"https://containerregistry.azure.net"}},
	{"Azure Cosmos DB", "a232010e-820c-4083-83bb-3ace5fc29d0b", 1, []string{"https://cosmos.azure.com"}},
	{"Microsoft Cognitive Services", "7d312290-28c8-473c-a0ed-8e53749b6d6d", 1, []string{"https://cognitiveservices.azure.com"}},
	{"Log Analytics API", "ca7f3f0b-7d91-482c-8e09-c5d840d0eac5", 1, []string{"https://api.loganalytics.io"}},
	{"Microsoft Azure Batch", "ddbf3205-c6bd-46ae-8127-60eb93363864", 1, []string{"https://batch.core.windows.net"}},
	{"Azure Data Lake", "e9f49c6b-5ce5-44c8-925d-015017e9f7ad", 1, []string{"https://datalake.azure.net"}},
	{"Azure Synapse Gateway", "9e09aefc-b2e5-4d19-9f74-3e3e8b11a57b", 1, []string{"https://dev.azuresynapse.net"}},
	{"Azure DevOps", "499b84ac-1321-427f-aa17-267ca6975798", 1, nil},
	{"Azure Kubernetes Service AAD Server", "6dae42f8-4368-4678-94ff-3960e28e3630", 1, nil},
	{"AAD Token Exchange", TokenExchangeApp, 2, []string{"api://AzureADTokenExchange", "api://AzureADTokenExchangeUSGov", "api://AzureADTokenExchangeChina"}},
}

// Known reports whether an application id is one of the table.
func Known(app id.App) bool {
	for i := range Resources {
		if Resources[i].App == app {
			return true
		}
	}
	return false
}

// Canonical folds what does not matter in a resource name: the letter case of scheme and host
// (of the whole text where there is no scheme), and one trailing slash.
func Canonical(s string) string {
	s = strings.TrimSuffix(s, "/")
	scheme, rest, found := strings.Cut(s, "://")
	if !found {
		return strings.ToLower(s)
	}
	host, path, hasPath := strings.Cut(rest, "/")
	out := strings.ToLower(scheme) + "://" + strings.ToLower(host)
	if hasPath {
		out += "/" + path
	}
	return out
}
