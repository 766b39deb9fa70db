package compute

import (
	"context"
	"strings"

	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/surface/arm/provider/tracked"
)

// once gives a member a new GUID when it is first written, and keeps it.
func (d Deps) once(stored, props arm.Object, name string) {
	if stored.Has(name) {
		props[name] = stored[name]
	} else {
		tracked.Set(props, name, d.IDs.Text())
	}
}

// settleMachine gives a machine its vmId for life.
func (d Deps) settleMachine(_ *resource.Resource, stored, props arm.Object) {
	d.once(stored, props, "vmId")
}

// settleThing gives a disk or its like its id for life.
func (d Deps) settleThing(_ *resource.Resource, stored, props arm.Object) {
	d.once(stored, props, "uniqueId")
}

// status is one line of an instance view.
type status struct {
	Code          string `json:"code"`
	Level         string `json:"level"`
	DisplayStatus string `json:"displayStatus"`
}

// running are the lines of what always runs.
func running() []status {
	return []status{{"ProvisioningState/succeeded", "Info", "Provisioning succeeded"}, {"PowerState/running", "Info", "VM running"}}
}

// instanceView says what a machine is doing; here it always runs.
type instanceView struct {
	ComputerName string   `json:"computerName"`
	Statuses     []status `json:"statuses"`
}

// showMachine fills in what az and Terraform dereference (CP §4.3). Start-up data is shown
// to those who ask for it by name, as Azure does.
func showMachine(r *arm.Request, res resource.Resource, _ *tracked.Resource, props arm.Object) {
	name := res.ID.Name()
	tracked.Fill(props, "hardwareProfile", struct{}{})
	disks := tracked.Decode(props["storageProfile"])
	disk := tracked.Decode(disks["osDisk"])
	tracked.Fill(disk, "name", name+"_OsDisk")
	tracked.Fill(disk, "osType", "Linux")
	tracked.Fill(disk, "createOption", "FromImage")
	disks["osDisk"] = tracked.Encode(disk)
	tracked.Fill(disks, "dataDisks", []struct{}{})
	props["storageProfile"] = tracked.Encode(disks)
	network := tracked.Decode(props["networkProfile"])
	tracked.Fill(network, "networkInterfaces", []struct{}{})
	props["networkProfile"] = tracked.Encode(network)
	os := tracked.Decode(props["osProfile"])
	tracked.Fill(os, "computerName", name)
	tracked.Fill(os, "secrets", []struct{}{})
	tracked.Fill(os, "allowExtensionOperations", true)
	props["osProfile"] = tracked.Encode(os)
	expand := strings.ToLower(r.Query("$expand"))
	if strings.Contains(expand, "instanceview") {
		tracked.Set(props, "instanceView", instanceView{name, running()})
	}
	if !strings.Contains(expand, "userdata") {
		delete(props, "userData")
	}
}

// machineView answers with the instance view of a machine.
func machineView(_ context.Context, r *arm.Request) (arm.Response, error) {
	return arm.OK(instanceView{r.Target.Name(), running()})
}
