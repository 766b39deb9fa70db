package hosts

import (
	"context"
	"net/http"
	"strings"

	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/surface/arm/provider/tracked"
)

// serviceFabric makes Microsoft.ServiceFabric: clusters of both kinds and their
// applications (CP §4.8). The application carries the identity, not the cluster.
func serviceFabric(d Deps) arm.Provider {
	var types []tracked.Type
	for _, cluster := range []string{"Microsoft.ServiceFabric/clusters", "Microsoft.ServiceFabric/managedClusters"} {
		types = append(types,
			tracked.Type{Deps: d.Deps, Kind: cluster, Created: http.StatusOK, Name: lowerDashes63, Settle: d.settleFabric, Show: d.showFabric},
			tracked.Type{Deps: d.Deps, Kind: cluster + "/applications", Created: http.StatusOK, Prepare: pairs, Show: showApplication},
			tracked.Type{Deps: d.Deps, Kind: cluster + "/applications/services", Created: http.StatusOK, Setting: true},
			tracked.Type{Deps: d.Deps, Kind: cluster + "/applicationTypes", Created: http.StatusOK, Setting: true},
			tracked.Type{Deps: d.Deps, Kind: cluster + "/applicationTypes/versions", Created: http.StatusOK, Setting: true})
	}
	types = append(types, tracked.Type{Deps: d.Deps, Kind: "Microsoft.ServiceFabric/managedClusters/nodeTypes", Created: http.StatusOK, Setting: true})
	return provide("Microsoft.ServiceFabric", types)
}

// settleFabric gives a cluster its id.
func (d Deps) settleFabric(_ *resource.Resource, stored, props arm.Object) {
	d.once(stored, props, "clusterId")
}

// showFabric fills in what clients dereference.
func (d Deps) showFabric(_ *arm.Request, res resource.Resource, _ *tracked.Resource, props arm.Object) {
	host := res.ID.Name() + "." + res.Location + ".fabric." + d.Domain
	tracked.Set(props, "clusterState", "Ready")
	tracked.Fill(props, "fqdn", host)
	tracked.Fill(props, "clusterEndpoint", "https://"+host)
	tracked.Fill(props, "managementEndpoint", "https://"+host+":19080")
	tracked.Fill(props, "nodeTypes", []struct{}{})
	tracked.Fill(props, "fabricSettings", []struct{}{})
}

// pairs checks the names that an application gives to its user-assigned identities: each
// has a name and the principal id of an identity.
func pairs(_ context.Context, _ *arm.Request, w tracked.Write) error {
	var list []arm.Object
	if err := w.Properties.Into("managedIdentities", &list); err != nil {
		return err
	}
	for _, pair := range list {
		if err := pair.Exact("name", "principalId"); err != nil {
			return err
		}
		name, err := pair.Text("name")
		if err != nil {
			return err
		}
		principal, err := pair.Text("principalId")
		if err != nil {
			return err
		}
		if strings.TrimSpace(name) == "" || principal == "" {
			return arm.ErrContent.With("Each element of 'properties.managedIdentities' needs a 'name' and the 'principalId' of a user assigned identity.")
		}
	}
	return nil
}

// showApplication fills in what clients dereference (CP §4.3).
func showApplication(_ *arm.Request, _ resource.Resource, _ *tracked.Resource, props arm.Object) {
	tracked.Fill(props, "parameters", struct{}{})
	tracked.Fill(props, "managedIdentities", []struct{}{})
}
