package provider

import (
	"context"
	"net/http"
	"regexp"
	"strings"

	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
)

// machines is the type of virtual machines.
const machines = "Microsoft.Compute/virtualMachines"

// machineName is the rule for names of virtual machines (CP §4.1).
var machineName = regexp.MustCompile(`^[^_\\/"\[\]:|<>+=;,?*@&]([^\\/"\[\]:|<>+=;,?*@&]{0,62}[^\\/"\[\]:|<>+=;,?*@&.-])?$`)

// compute makes Microsoft.Compute. A virtual machine here is the record of a machine that
// runs elsewhere: nothing is started, and even an empty `properties` will do (CP §4.5).
func compute(d Deps) arm.Provider {
	t := tracked{Deps: d, kind: machines, created: http.StatusCreated, name: machineName, settle: settleMachine(d), show: showMachine}
	item, _ := t.path()
	routes := t.routes()
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
			set(props, "vmId", d.IDs.Text())
		}
		delete(props, "userData")
		delete(props, "instanceView")
		if props.Has("osProfile") {
			os := decode(props["osProfile"])
			delete(os, "adminPassword")
			delete(os, "customData")
			props["osProfile"] = encode(os)
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
func showMachine(r *arm.Request, res resource.Resource, _ *wireResource, props arm.Object) {
	name := res.ID.Name()
	fill(props, "hardwareProfile", struct{}{})
	storage := decode(props["storageProfile"])
	fill(storage, "osDisk", osDisk{OSType: "Linux", Name: name + "_OsDisk", CreateOption: "FromImage"})
	fill(storage, "dataDisks", []struct{}{})
	set(props, "storageProfile", storage)
	network := decode(props["networkProfile"])
	fill(network, "networkInterfaces", []struct{}{})
	set(props, "networkProfile", network)
	os := decode(props["osProfile"])
	fill(os, "computerName", name)
	set(props, "osProfile", os)
	if strings.Contains(strings.ToLower(r.Query("$expand")), "instanceview") {
		set(props, "instanceView", newInstanceView(name))
	}
}

// power accepts a power action on a machine that exists, and does nothing.
func (t tracked) power(ctx context.Context, r *arm.Request) (arm.Response, error) {
	if _, err := t.Resources.Get(ctx, r.Target); err != nil {
		return arm.Response{}, err
	}
	return arm.Response{Status: http.StatusOK}, nil
}

// instance answers with the instance view of a machine.
func (t tracked) instance(ctx context.Context, r *arm.Request) (arm.Response, error) {
	res, err := t.Resources.Get(ctx, r.Target)
	if err != nil {
		return arm.Response{}, err
	}
	return arm.OK(newInstanceView(res.ID.Name()))
}
