package resources

import (
	_ "embed" // types.json
	"encoding/json"
	"fmt"
	"strings"

	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
)

// typesJSON lists the namespaces and types that are served, with the api-versions that are
// advertised, newest first. Any other well-formed version is accepted too (CP §2.4). The
// last namespaces have no types: clients want to find them registered.
//
//go:embed types.json
var typesJSON []byte

// catalogEntry is a namespace of types.json.
type catalogEntry struct {
	Namespace     string        `json:"namespace"`
	ResourceTypes []catalogType `json:"resourceTypes"`
}

// catalogType is a type of types.json.
type catalogType struct {
	ResourceType string   `json:"resourceType"`
	APIVersions  []string `json:"apiVersions"`
	Capabilities string   `json:"capabilities"`
}

// wireProvider is a namespace in answers (CP §1.6).
type wireProvider struct {
	ID                 string             `json:"id"`
	Namespace          string             `json:"namespace"`
	RegistrationState  string             `json:"registrationState"`
	RegistrationPolicy string             `json:"registrationPolicy"`
	ResourceTypes      []wireProviderType `json:"resourceTypes"`
}

// wireProviderType is a type of a namespace in answers.
type wireProviderType struct {
	ResourceType      string   `json:"resourceType"`
	Locations         []string `json:"locations"`
	APIVersions       []string `json:"apiVersions"`
	DefaultAPIVersion string   `json:"defaultApiVersion,omitempty"`
	Capabilities      string   `json:"capabilities"`
}

// readCatalog parses the embedded list; it panics if the program was built with a bad one.
func readCatalog() []catalogEntry {
	var entries []catalogEntry
	if err := json.Unmarshal(typesJSON, &entries); err != nil {
		panic(fmt.Sprintf("types.json: %v", err))
	}
	return entries
}

// Versions returns what arm.Strict asks for: the api-versions of a full resource type, in
// any letter case.
func Versions() func(fullType string) []string {
	known := map[string][]string{}
	for _, e := range readCatalog() {
		for _, t := range e.ResourceTypes {
			known[strings.ToLower(e.Namespace+"/"+t.ResourceType)] = t.APIVersions
		}
	}
	return func(fullType string) []string { return known[strings.ToLower(fullType)] }
}

// wire writes an entry as seen from a subscription or the tenant ("").
func (e catalogEntry) wire(scope, locationName, state string) wireProvider {
	w := wireProvider{ID: scope + "/providers/" + e.Namespace, Namespace: e.Namespace, RegistrationState: state,
		RegistrationPolicy: "RegistrationRequired", ResourceTypes: []wireProviderType{}}
	for _, t := range e.ResourceTypes {
		wt := wireProviderType{ResourceType: t.ResourceType, Locations: []string{locationName}, APIVersions: t.APIVersions, Capabilities: t.Capabilities}
		if wt.Capabilities == "" {
			wt.Capabilities = capabilities(e.Namespace + "/" + t.ResourceType)
		}
		for _, v := range t.APIVersions {
			if !strings.Contains(v, "-preview") {
				wt.DefaultAPIVersion = v
				break
			}
		}
		w.ResourceTypes = append(w.ResourceTypes, wt)
	}
	return w
}

// capabilities says what the things of a type can do that types.json does not list.
func capabilities(fullType string) string {
	const moves = "CrossResourceGroupResourceMove, CrossSubscriptionResourceMove, "
	switch rules := resource.RulesFor(fullType); {
	case rules.System:
		return moves + "SystemAssignedResourceIdentity, SupportsTags, SupportsLocation"
	case strings.HasPrefix(fullType, "Microsoft.Resources/"), strings.HasPrefix(fullType, "Microsoft.Authorization/"), strings.Count(fullType, "/") > 1:
		return "None"
	}
	return moves + "SupportsTags, SupportsLocation"
}

// findEntry returns the entry of a namespace in any letter case. Errors: arm.ErrNamespace.
func findEntry(entries []catalogEntry, namespace string) (catalogEntry, error) {
	for _, e := range entries {
		if strings.EqualFold(e.Namespace, namespace) {
			return e, nil
		}
	}
	return catalogEntry{}, arm.ErrNamespace.With("The resource namespace '%.128s' is invalid.", namespace)
}
