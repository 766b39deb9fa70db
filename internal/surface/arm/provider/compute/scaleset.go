package compute

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/surface/arm/provider/tracked"
)

// scaleSet is the type of scale sets. All instances share the identities of the set; an
// instance shows them and cannot be written (CP §4.1).
type scaleSet struct{ tracked.Type }

// scaleSet makes the type.
func (d Deps) scaleSet() scaleSet {
	return scaleSet{tracked.Type{Deps: d.Deps, Kind: scaleSets, Name: machineName, Settle: d.settleThing, Show: showScaleSet}}
}

// routes are the operations on scale sets and their instances.
func (s scaleSet) routes() []arm.Route {
	const instance = scaleSets + "/virtualMachines"
	at := s.Item() + "/virtualMachines"
	routes := append(s.Routes(),
		arm.Get(at, instance+"/read", s.listInstances),
		arm.Get(at+"/{instance}", instance+"/read", s.getInstance),
		arm.Get(at+"/{instance}/instanceView", instance+"/instanceView/read", s.instanceView),
		s.Read("instanceView", setView),
		s.Read("rollingUpgrades/latest", tracked.None))
	for _, verb := range []string{"start", "powerOff", "deallocate", "restart", "manualupgrade", "reimage", "redeploy"} {
		routes = append(routes, s.Verb(verb, http.StatusOK))
	}
	return routes
}

// upgradePolicy says how the instances of a set are changed.
type upgradePolicy struct {
	Mode string `json:"mode"`
}

// setSKU is the size of a set.
type setSKU struct {
	Name     string `json:"name"`
	Tier     string `json:"tier,omitempty"`
	Capacity int    `json:"capacity"`
}

// sizeOf reads how many instances a set has. A set without a size has none.
func sizeOf(res resource.Resource) setSKU {
	sku := setSKU{Name: "Standard_DS1_v2", Tier: "Standard"}
	if len(res.SKU) > 0 {
		if json.Unmarshal(res.SKU, &sku) != nil {
			sku.Capacity = 0
		}
	}
	sku.Capacity = max(0, min(sku.Capacity, 1000))
	return sku
}

// showScaleSet fills in what azurerm dereferences (CP §4.3).
func showScaleSet(_ *arm.Request, res resource.Resource, w *tracked.Resource, props arm.Object) {
	w.SKU = tracked.Encode(sizeOf(res))
	tracked.Fill(props, "orchestrationMode", "Uniform")
	tracked.Fill(props, "upgradePolicy", upgradePolicy{"Manual"})
	tracked.Fill(props, "singlePlacementGroup", true)
	tracked.Fill(props, "overprovision", false)
	profile := tracked.Decode(props["virtualMachineProfile"])
	for _, part := range []string{"osProfile", "storageProfile"} {
		tracked.Fill(profile, part, struct{}{})
	}
	network := tracked.Decode(profile["networkProfile"])
	tracked.Fill(network, "networkInterfaceConfigurations", []struct{}{})
	profile["networkProfile"] = tracked.Encode(network)
	props["virtualMachineProfile"] = tracked.Encode(profile)
}

// wireInstance is one machine of a set.
type wireInstance struct {
	ID         string             `json:"id"`
	Name       string             `json:"name"`
	Type       string             `json:"type"`
	Location   string             `json:"location"`
	InstanceID string             `json:"instanceId"`
	Identity   json.RawMessage    `json:"identity,omitempty"`
	Properties instanceProperties `json:"properties"`
}

// instanceProperties are its properties.
type instanceProperties struct {
	LatestModelApplied bool   `json:"latestModelApplied"`
	VMID               string `json:"vmId,omitempty"`
	ProvisioningState  string `json:"provisioningState"`
}

// newInstance shapes instance n of a set.
func (s scaleSet) newInstance(r *arm.Request, set resource.Resource, n int) wireInstance {
	number := strconv.Itoa(n)
	w := wireInstance{ID: set.ID.Child("virtualMachines", number).String(), Name: set.ID.Name() + "_" + number, Type: scaleSets + "/virtualMachines",
		Location: set.Location, InstanceID: number, Properties: instanceProperties{LatestModelApplied: true, ProvisioningState: tracked.Succeeded}}
	if block := s.Wire(r, set).Identity; block != nil {
		w.Identity = tracked.Encode(block)
	}
	return w
}

// listInstances answers with as many instances as the set has.
func (s scaleSet) listInstances(ctx context.Context, r *arm.Request) (arm.Response, error) {
	set, err := s.Resources.Get(ctx, r.Target)
	if err != nil {
		return arm.Response{}, err
	}
	page := arm.OnePage[wireInstance]{Value: []wireInstance{}}
	for n := range sizeOf(set).Capacity {
		page.Value = append(page.Value, s.newInstance(r, set, n))
	}
	return arm.OK(page)
}

// find returns the set and the number of the instance in the path.
func (s scaleSet) find(ctx context.Context, r *arm.Request) (resource.Resource, int, error) {
	owner := r.Target
	for !owner.Is(scaleSets) {
		owner = owner.Parent()
	}
	set, err := s.Resources.Get(ctx, owner)
	if err != nil {
		return set, 0, err
	}
	text := strings.TrimPrefix(strings.ToLower(r.Var("instance")), strings.ToLower(set.ID.Name())+"_")
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n >= sizeOf(set).Capacity || strconv.Itoa(n) != text {
		return set, 0, arm.NotFound(owner.Child("virtualMachines", r.Var("instance")))
	}
	return set, n, nil
}

// getInstance answers with one instance.
func (s scaleSet) getInstance(ctx context.Context, r *arm.Request) (arm.Response, error) {
	set, n, err := s.find(ctx, r)
	if err != nil {
		return arm.Response{}, err
	}
	return arm.OK(s.newInstance(r, set, n))
}

// instanceView answers with the instance view of one instance.
func (s scaleSet) instanceView(ctx context.Context, r *arm.Request) (arm.Response, error) {
	set, n, err := s.find(ctx, r)
	if err != nil {
		return arm.Response{}, err
	}
	return arm.OK(instanceView{set.ID.Name() + "_" + strconv.Itoa(n), running()})
}

// setSummary is the instance view of a set.
type setSummary struct {
	VirtualMachine statusCounts `json:"virtualMachine"`
	Statuses       []status     `json:"statuses"`
}

// statusCounts says how many instances are how.
type statusCounts struct {
	StatusesSummary []struct{} `json:"statusesSummary"`
}

// setView answers with the instance view of a set.
func setView(context.Context, *arm.Request) (arm.Response, error) {
	return arm.OK(setSummary{statusCounts{[]struct{}{}}, running()[:1]})
}
