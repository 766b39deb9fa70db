package hosts

import (
	"encoding/json"
	"net/http"

	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/surface/arm/provider/tracked"
)

// containerInstance makes Microsoft.ContainerInstance: container groups (CP §4.6).
func containerInstance(d Deps) arm.Provider {
	group := tracked.Type{Deps: d.Deps, Kind: "Microsoft.ContainerInstance/containerGroups", Name: lowerDashes63,
		Made: []string{"instanceView"}, Returns: true, Show: d.showContainerGroup}
	return provide("Microsoft.ContainerInstance", []tracked.Type{group},
		group.Verb("start", http.StatusNoContent), group.Verb("stop", http.StatusNoContent), group.Verb("restart", http.StatusNoContent))
}

// groupView is the instance view of a container group.
type groupView struct {
	State  string     `json:"state"`
	Events []struct{} `json:"events"`
}

// containerView is the instance view of a container.
type containerView struct {
	RestartCount int            `json:"restartCount"`
	CurrentState containerState `json:"currentState"`
	Events       []struct{}     `json:"events"`
}

// containerState says what a container is doing.
type containerState struct {
	State        string `json:"state"`
	DetailStatus string `json:"detailStatus"`
}

// showContainerGroup fills in what azurerm dereferences: it crashes without ports (CP §4.3).
func (d Deps) showContainerGroup(_ *arm.Request, res resource.Resource, _ *tracked.Resource, props arm.Object) {
	for _, list := range []string{"containers", "initContainers"} {
		var containers []arm.Object
		if props.Into(list, &containers) != nil || containers == nil {
			continue
		}
		for _, c := range containers {
			inner := tracked.Decode(c["properties"])
			if list == "containers" {
				tracked.Fill(inner, "ports", []struct{}{})
			}
			tracked.Fill(inner, "environmentVariables", []struct{}{})
			tracked.Set(inner, "instanceView", containerView{CurrentState: containerState{State: "Running"}, Events: []struct{}{}})
			c["properties"] = tracked.Encode(inner)
		}
		tracked.Set(props, list, containers)
	}
	tracked.Fill(props, "containers", []json.RawMessage{})
	tracked.Fill(props, "initContainers", []json.RawMessage{})
	tracked.Fill(props, "sku", "Standard")
	tracked.Fill(props, "osType", "Linux")
	tracked.Set(props, "instanceView", groupView{State: "Running", Events: []struct{}{}})
	if !props.Has("ipAddress") {
		return
	}
	address := tracked.Decode(props["ipAddress"])
	tracked.Fill(address, "ports", []struct{}{})
	if label, err := address.Text("dnsNameLabel"); err == nil && label != "" {
		tracked.Set(address, "fqdn", label+"."+res.Location+".container."+d.Domain)
	}
	props["ipAddress"] = tracked.Encode(address)
}
