package hosts

import (
	"net/http"
	"regexp"

	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/surface/arm/provider/tracked"
)

// accountName is the rule for names of storage accounts.
var accountName = regexp.MustCompile(`^[a-z0-9]{3,24}$`)

// storageAccounts is the type of storage accounts.
const storageAccounts = "Microsoft.Storage/storageAccounts"

// storage makes Microsoft.Storage: accounts with what clients ask about them (CP §4.2).
func storage(d Deps) arm.Provider {
	account := tracked.Type{Deps: d.Deps, Kind: storageAccounts, Created: http.StatusOK, Name: accountName, Made: []string{"primaryEndpoints", "creationTime", "statusOfPrimary"},
		Show: d.showAccount, After: d.makeServices}
	types := []tracked.Type{account}
	for _, service := range []string{"/blobServices", "/fileServices", "/queueServices", "/tableServices"} {
		types = append(types, tracked.Type{Deps: d.Deps, Kind: storageAccounts + service, Created: http.StatusOK, Setting: true, Show: showService})
	}
	for _, inner := range []string{"/blobServices/containers", "/fileServices/shares"} {
		types = append(types, tracked.Type{Deps: d.Deps, Kind: storageAccounts + inner, Setting: true})
	}
	return provide("Microsoft.Storage", types, account.Post("listKeys", d.listKeys), account.Post("regenerateKey", d.regenerateKey),
		arm.Post(arm.InSubscription+"/providers/Microsoft.Storage/checkNameAvailability", "Microsoft.Storage/checkNameAvailability/read", d.checkAccountName))
}

// storageEndpoints are the addresses of an account's services.
type storageEndpoints struct {
	Blob  string `json:"blob"`
	DFS   string `json:"dfs"`
	File  string `json:"file"`
	Queue string `json:"queue"`
	Table string `json:"table"`
	Web   string `json:"web"`
}

// storageSKU is the SKU of an account.
type storageSKU struct {
	Name string `json:"name"`
	Tier string `json:"tier"`
}

// showAccount fills in what az and azurerm dereference.
func (d Deps) showAccount(_ *arm.Request, res resource.Resource, w *tracked.Resource, props arm.Object) {
	name := res.ID.Name()
	at := func(service string) string { return "https://" + name + "." + service + "." + d.Domain + "/" }
	tracked.Set(props, "primaryEndpoints", storageEndpoints{at("blob"), at("dfs"), at("file"), at("queue"), at("table"), at("web")})
	tracked.Set(props, "primaryLocation", res.Location)
	tracked.Set(props, "statusOfPrimary", "available")
	tracked.Set(props, "creationTime", arm.Time(res.Created.At))
	tracked.Fill(props, "accessTier", "Hot")
	tracked.Fill(props, "supportsHttpsTrafficOnly", true)
	tracked.Fill(props, "allowBlobPublicAccess", false)
	tracked.Fill(props, "allowSharedKeyAccess", true)
	tracked.Fill(props, "minimumTlsVersion", "TLS1_2")
	tracked.Fill(props, "publicNetworkAccess", "Enabled")
	acls := tracked.Decode(props["networkAcls"])
	for _, list := range []string{"virtualNetworkRules", "ipRules", "resourceAccessRules"} {
		tracked.Fill(acls, list, []struct{}{})
	}
	tracked.Fill(acls, "bypass", "AzureServices")
	tracked.Fill(acls, "defaultAction", "Allow")
	props["networkAcls"] = tracked.Encode(acls)
	if w.Kind == "" {
		w.Kind = "StorageV2"
	}
	sku, err := tracked.Decode(w.SKU).Text("name")
	if err != nil || sku == "" {
		sku = "Standard_LRS"
	}
	tier := "Standard"
	if len(sku) > 7 && sku[:7] == "Premium" {
		tier = "Premium"
	}
	w.SKU = tracked.Encode(storageSKU{sku, tier})
}
