package compute

import (
	"context"

	"github.com/sealring/sealring/internal/surface/arm"
)

// places are the questions that clients ask about a location before they create a machine:
// images, sizes and quotas (CP §4.2, §4.5). The answers make every image look like a small
// Linux, and limit nothing.
func places() []arm.Route {
	const (
		ns       = arm.InSubscription + "/providers/Microsoft.Compute"
		location = ns + "/locations/{location}"
		images   = location + "/publishers/{publisher}/artifacttypes/vmimage/offers/{offer}/skus/{sku}/versions"
	)
	return []arm.Route{
		arm.GetByAnyone(images, listVersions),
		arm.GetByAnyone(images+"/{version}", getVersion),
		arm.GetByAnyone(location+"/vmSizes", listSizes),
		arm.GetByAnyone(location+"/usages", listUsages),
		arm.GetByAnyone(ns+"/skus", listSKUs),
	}
}

// wireVersion is a version of an image.
type wireVersion struct {
	ID         string            `json:"id"`
	Name       string            `json:"name"`
	Location   string            `json:"location"`
	Properties versionProperties `json:"properties"`
}

// versionProperties are its properties.
type versionProperties struct {
	OSDiskImage    diskImage  `json:"osDiskImage"`
	DataDiskImages []struct{} `json:"dataDiskImages"`
	Generation     string     `json:"hyperVGeneration"`
	Architecture   string     `json:"architecture"`
}

// diskImage is the disk of an image.
type diskImage struct {
	OperatingSystem string `json:"operatingSystem"`
}

// imageVersion is the one version that every image has.
const imageVersion = "1.0.0"

// newVersion shapes a version of the image in the path.
func newVersion(r *arm.Request, name string) wireVersion {
	os := "Linux"
	if publisher := r.Var("publisher"); len(publisher) >= 16 && publisher[:16] == "MicrosoftWindows" {
		os = "Windows"
	}
	return wireVersion{ID: r.Target.String() + "/versions/" + name, Name: name, Location: r.Var("location"),
		Properties: versionProperties{diskImage{os}, []struct{}{}, "V2", "x64"}}
}

// listVersions answers with a bare list, as only this call does.
func listVersions(_ context.Context, r *arm.Request) (arm.Response, error) {
	return arm.OK([]wireVersion{newVersion(r, imageVersion)})
}

// getVersion answers with one version; any will do.
func getVersion(_ context.Context, r *arm.Request) (arm.Response, error) {
	return arm.OK(newVersion(r, r.Var("version")))
}

// wireSize is a size of machines.
type wireSize struct {
	Name             string `json:"name"`
	NumberOfCores    int    `json:"numberOfCores"`
	OSDiskSizeInMB   int    `json:"osDiskSizeInMB"`
	ResourceDiskInMB int    `json:"resourceDiskSizeInMB"`
	MemoryInMB       int    `json:"memoryInMB"`
	MaxDataDiskCount int    `json:"maxDataDiskCount"`
}

// listSizes answers with a few sizes; bodies may name any other.
func listSizes(context.Context, *arm.Request) (arm.Response, error) {
	page := arm.OnePage[wireSize]{}
	for _, size := range []struct {
		name          string
		cores, memory int
	}{{"Standard_B1s", 1, 1024}, {"Standard_DS1_v2", 1, 3584}, {"Standard_D2s_v3", 2, 8192}, {"Standard_D2s_v5", 2, 8192}} {
		page.Value = append(page.Value, wireSize{size.name, size.cores, 1047552, 4096, size.memory, 4})
	}
	return arm.OK(page)
}

// wireUsage is a quota and how much of it is used.
type wireUsage struct {
	Unit         string    `json:"unit"`
	CurrentValue int       `json:"currentValue"`
	Limit        int       `json:"limit"`
	Name         usageName `json:"name"`
}

// usageName names a quota.
type usageName struct {
	Value          string `json:"value"`
	LocalizedValue string `json:"localizedValue"`
}

// listUsages answers that next to nothing is limited.
func listUsages(context.Context, *arm.Request) (arm.Response, error) {
	return arm.OK(arm.OnePage[wireUsage]{Value: []wireUsage{{"Count", 0, 1 << 30, usageName{"cores", "Total Regional vCPUs"}}}})
}

// wireSKU is a kind of thing that may be created.
type wireSKU struct {
	ResourceType string     `json:"resourceType"`
	Name         string     `json:"name"`
	Locations    []string   `json:"locations"`
	Restrictions []struct{} `json:"restrictions"`
	Capabilities []struct{} `json:"capabilities"`
}

// listSKUs answers with the sizes as az wants them.
func listSKUs(_ context.Context, r *arm.Request) (arm.Response, error) {
	page := arm.OnePage[wireSKU]{}
	for _, name := range []string{"Standard_B1s", "Standard_DS1_v2", "Standard_D2s_v3", "Standard_D2s_v5"} {
		page.Value = append(page.Value, wireSKU{"virtualMachines", name, []string{r.Location()}, []struct{}{}, []struct{}{}})
	}
	return arm.OK(page)
}
