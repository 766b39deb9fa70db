// Package compute is the provider Microsoft.Compute: the records of machines and scale sets
// that run elsewhere (control-plane.md §4.5).
package compute

import (
	"maps"
	"net/http"
	"regexp"
	"slices"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/surface/arm/provider/tracked"
)

// Types of Microsoft.Compute that have code of their own.
const (
	machines  = "Microsoft.Compute/virtualMachines"
	scaleSets = "Microsoft.Compute/virtualMachineScaleSets"
)

// things are the types around machines, with what their clients take for created.
var things = map[string]int{
	"availabilitySets": http.StatusOK, "diskEncryptionSets": http.StatusOK, "disks": http.StatusOK, "snapshots": http.StatusOK,
	"galleries": http.StatusCreated, "images": http.StatusCreated, "proximityPlacementGroups": http.StatusCreated, "sshPublicKeys": http.StatusCreated,
}

// machineName is the rule for names of machines and scale sets (CP §4.1).
var machineName = regexp.MustCompile(`^[^_\\/"\[\]:|<>+=;,?*@&]([^\\/"\[\]:|<>+=;,?*@&]{0,62}[^\\/"\[\]:|<>+=;,?*@&.-])?$`)

// Deps is what the provider is made of; all of it is needed.
type Deps struct {
	tracked.Deps
	IDs *id.Source
}

// New makes Microsoft.Compute. A virtual machine here is the record of a machine that
// runs elsewhere: nothing is started, and even an empty `properties` will do (CP §4.5).
func New(d Deps) arm.Provider {
	machine := tracked.Type{Deps: d.Deps, Kind: machines, Name: machineName, Made: []string{"instanceView"}, Settle: d.settleMachine, Show: showMachine}
	types := []tracked.Type{machine,
		{Deps: d.Deps, Kind: machines + "/extensions", Setting: true}, {Deps: d.Deps, Kind: machines + "/runCommands", Setting: true},
		{Deps: d.Deps, Kind: scaleSets + "/extensions", Setting: true}}
	for _, kind := range slices.Sorted(maps.Keys(things)) {
		types = append(types, tracked.Type{Deps: d.Deps, Kind: "Microsoft.Compute/" + kind, Created: things[kind], Settle: d.settleThing})
	}
	set := d.scaleSet()
	routes := set.routes()
	for _, t := range types {
		routes = append(routes, t.Routes()...)
	}
	for _, verb := range []string{"start", "powerOff", "deallocate", "restart", "redeploy", "reapply", "generalize"} {
		routes = append(routes, machine.Verb(verb, http.StatusOK))
	}
	routes = append(routes, machine.Read("instanceView", machineView))
	return arm.Provider{Namespace: "Microsoft.Compute", Routes: append(routes, places()...)}
}
