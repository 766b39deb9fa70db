// Package compute is the provider Microsoft.Compute: the records of machines that run
// elsewhere (control-plane.md §4.5).
package compute

import (
	"context"
	"net/http"
	"regexp"
	"strings"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/surface/arm/provider/tracked"
)

// machines is the type of virtual machines.
const machines = "Microsoft.Compute/virtualMachines"

// machineName is the rule for names of virtual machines (CP §4.1).
var machineName = regexp.MustCompile(`^[^_\\/"\[\]:|<>+=;,?*@&]([^\\/"\[\]:|<>+=;,?*@&]{0,62}[^\\/"\[\]:|<>+=;,?*@&.-])?$`)

// Deps is what the provider is made of; all of it is needed.
type Deps struct {
	tracked.Deps
	IDs *id.Source
}

// machine is the type of virtual machines with what only they can do.
type machine struct{ tracked.Type }

// New makes Microsoft.Compute. A virtual machine here is the record of a machine that
// runs elsewhere: nothing is started, and even an empty `properties` will do (CP §4.5).
func New(d Deps) arm.Provider {
	t := machine{tracked.Type{Deps: d.Deps, Kind: machines, Created: http.StatusCreated, Name: machineName, Settle: settleMachine(d), Show: showMachine}}
	item, _ := t.Path()
	routes := t.Routes()
	for _, verb := range []string{"start", "powerOff", "deallocate", "restart"} {
		routes = append(routes, arm.Post(arm.InGroup+item+"/"+verb, machines+"/"+verb+"/action", t.power))
	}
	routes = append(routes, arm.Get(arm.InGroup+item+"/instanceView", machines+"/instanceView/read", t.instance))
	return arm.Provider{Namespace: "Microsoft.Compute", Routes: routes}
}

// settleMachine gives a machine its vmId for life, and keeps neither its password nor its
// start-up data: no GET may return a credential (S-51).
func settleMachine(d Deps) func(*resource.Resource, arm.Object, arm.Object) {
	return func(_ *resource.Resource, stored, props arm.Object) {
		if stored.Has("vmId") {
			props["vmId"] = stored["vmId"]
		} else {
			tracked.Set(props, "vmId", d.IDs.Text())
		}
		delete(props, "userData")
		delete(props, "instanceView")
		if props.Has("osProfile") {
			os := tracked.Decode(props["osProfile"])
			delete(os, "adminPassword")
			delete(os, "customData")
			props["osProfile"] = tracked.Encode(os)
		}
	}
}

// osDisk is the disk that a machine without one appears to have.
type osDisk struct {
	OSType       string `json:"osType"`
	Name         string `json:"name"`
	CreateOption string `json:"createOption"`
}

// machineStatus is one line of an instance view.
type machineStatus struct {
	Code          string `json:"code"`
	Level         string `json:"level"`
	DisplayStatus string `json:"displayStatus"`
}

// instanceView says what a machine is doing; here it always runs.
type instanceView struct {
	ComputerName string          `json:"computerName"`
	Statuses     []machineStatus `json:"statuses"`
}

// newInstanceView shapes the instance view of a machine.
func newInstanceView(name string) instanceView {
	return instanceView{ComputerName: name, Statuses: []machineStatus{
		{"ProvisioningState/succeeded", "Info", "Provisioning succeeded"},
		{"PowerState/running", "Info", "VM running"},
	}}
}

// showMachine fills in what az and Terraform dereference (CP §4.3).
func showMachine(r *arm.Request, res resource.Resource, _ *tracked.Resource, props arm.Object) {
	name := res.ID.Name()
	tracked.Fill(props, "hardwareProfile", struct{}{})
	storage := tracked.Decode(props["storageProfile"])
	tracked.Fill(storage, "osDisk", osDisk{OSType: "Linux", Name: name + "_OsDisk", CreateOption: "FromImage"})
	tracked.Fill(storage, "dataDisks", []struct{}{})
	tracked.Set(props, "storageProfile", storage)
	network := tracked.Decode(props["networkProfile"])
	tracked.Fill(network, "networkInterfaces", []struct{}{})
	tracked.Set(props, "networkProfile", network)
	os := tracked.Decode(props["osProfile"])
	tracked.Fill(os, "computerName", name)
	tracked.Set(props, "osProfile", os)
	if strings.Contains(strings.ToLower(r.Query("$expand")), "instanceview") {
		tracked.Set(props, "instanceView", newInstanceView(name))
	}
}

// power accepts a power action on a machine that exists, and does nothing.
func (t machine) power(ctx context.Context, r *arm.Request) (arm.Response, error) {
	if _, err := t.Resources.Get(ctx, r.Target); err != nil {
		return arm.Response{}, err
	}
	return arm.Response{Status: http.StatusOK}, nil
}

// instance answers with the instance view of a machine.
func (t machine) instance(ctx context.Context, r *arm.Request) (arm.Response, error) {
	res, err := t.Resources.Get(ctx, r.Target)
	if err != nil {
		return arm.Response{}, err
	}
	return arm.OK(newInstanceView(res.ID.Name()))
}
