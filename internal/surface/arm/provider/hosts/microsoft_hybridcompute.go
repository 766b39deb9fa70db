package hosts

import (
	"net/http"
	"regexp"

	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/surface/arm/provider/tracked"
)

// arcName is the rule for names of Arc machines (CP §4.1).
var arcName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,54}$`)

// hybridCompute makes Microsoft.HybridCompute: machines outside of Azure, which is what
// every machine here is.
func hybridCompute(d Deps) arm.Provider {
	machine := tracked.Type{Deps: d.Deps, Kind: "Microsoft.HybridCompute/machines", Created: http.StatusOK, Name: arcName, Made: []string{"status", "lastStatusChange"},
		Settle: d.settleArc, Show: showArc}
	return provide("Microsoft.HybridCompute", []tracked.Type{machine,
		{Deps: d.Deps, Kind: "Microsoft.HybridCompute/machines/extensions", Setting: true}})
}

// settleArc gives a machine its vmId for life.
func (d Deps) settleArc(_ *resource.Resource, stored, props arm.Object) {
	if stored.Has("vmId") || !props.Has("vmId") {
		d.once(stored, props, "vmId")
	}
	if stored.Has("vmUuid") || !props.Has("vmUuid") {
		d.once(stored, props, "vmUuid")
	}
}

// showArc fills in what az connectedmachine shows. Without an agent that says otherwise a
// machine is disconnected.
func showArc(_ *arm.Request, res resource.Resource, _ *tracked.Resource, props arm.Object) {
	tracked.Set(props, "status", "Disconnected")
	tracked.Set(props, "lastStatusChange", arm.Time(res.Changed.At))
	tracked.Fill(props, "displayName", res.ID.Name())
	tracked.Fill(props, "machineFqdn", res.ID.Name())
	tracked.Fill(props, "osName", "linux")
}
