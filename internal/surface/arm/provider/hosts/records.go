package hosts

import (
	"net/http"
	"strings"

	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/surface/arm/provider/tracked"
)

// recorded are types that need nothing beyond the generic handlers: they carry identities,
// or stand beside what does in people's templates (CP §4.1 "also useful").
var recorded = []string{
	"Microsoft.AppConfiguration/configurationStores",
	"Microsoft.Automation/automationAccounts",
	"Microsoft.Batch/batchAccounts",
	"Microsoft.Batch/batchAccounts/pools",
	"Microsoft.Cache/redis",
	"Microsoft.CognitiveServices/accounts",
	"Microsoft.ContainerRegistry/registries",
	"Microsoft.DataFactory/factories",
	"Microsoft.DBforPostgreSQL/flexibleServers",
	"Microsoft.DocumentDB/databaseAccounts",
	"Microsoft.EventHub/namespaces",
	"Microsoft.MachineLearningServices/workspaces",
	"Microsoft.MachineLearningServices/workspaces/computes",
	"Microsoft.OperationalInsights/workspaces",
	"Microsoft.Resources/deploymentScripts",
	"Microsoft.Search/searchServices",
	"Microsoft.ServiceBus/namespaces",
	"Microsoft.SignalRService/signalR",
	"Microsoft.Sql/servers",
	"Microsoft.Sql/servers/databases",
}

// records makes the providers of recorded. Their clients all take 200 for created, and some
// nothing else.
func records(d Deps) []arm.Provider {
	var out []arm.Provider
	for _, kind := range recorded {
		namespace, _, _ := strings.Cut(kind, "/")
		if len(out) == 0 || out[len(out)-1].Namespace != namespace {
			out = append(out, arm.Provider{Namespace: namespace})
		}
		last := &out[len(out)-1]
		last.Routes = append(last.Routes, tracked.Type{Deps: d.Deps, Kind: kind, Created: http.StatusOK}.Routes()...)
	}
	return out
}
