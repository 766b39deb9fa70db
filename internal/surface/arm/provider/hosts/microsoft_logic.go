package hosts

import (
	"context"
	"net/http"
	"regexp"

	"github.com/sealring/sealring/internal/managedidentity"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/surface/arm/provider/tracked"
)

// workflowName is the rule for names of workflows (CP §4.1).
var workflowName = regexp.MustCompile(`^[A-Za-z0-9_.()-]{1,80}$`)

// logic makes Microsoft.Logic: workflows of the consumption plan (CP §4.7). A workflow
// either has an identity of its own or user-assigned ones.
func logic(d Deps) arm.Provider {
	workflow := tracked.Type{Deps: d.Deps, Kind: "Microsoft.Logic/workflows", Name: workflowName, Verbatim: []string{"definition"},
		Made: []string{"accessEndpoint", "createdTime", "changedTime", "endpointsConfiguration"}, Settle: d.settleWorkflow, Show: d.showWorkflow}
	account := tracked.Type{Deps: d.Deps, Kind: "Microsoft.Logic/integrationAccounts", Name: workflowName}
	return provide("Microsoft.Logic", []tracked.Type{workflow, account},
		workflow.Post("enable", d.setState("Enabled")), workflow.Post("disable", d.setState("Disabled")),
		workflow.Read("versions", tracked.Empty), workflow.Read("triggers", tracked.Empty), workflow.Read("runs", tracked.Empty))
}

// settleWorkflow gives a workflow a number for each version of it, and the state Enabled.
func (d Deps) settleWorkflow(_ *resource.Resource, stored, props arm.Object) {
	tracked.Set(props, "version", d.IDs.Text())
	if !props.Has("state") {
		tracked.Set(props, "state", "Enabled")
		if stored.Has("state") {
			props["state"] = stored["state"]
		}
	}
}

// setState enables or disables a workflow.
func (d Deps) setState(state string) arm.Handler {
	return func(ctx context.Context, r *arm.Request) (arm.Response, error) {
		_, err := d.Identities.PatchHost(ctx, managedidentity.HostWrite{ID: r.Target, Edit: func(res *resource.Resource, _ bool) error {
			props := tracked.Decode(res.Properties)
			tracked.Set(props, "state", state)
			res.Properties = tracked.Encode(props)
			return nil
		}})
		return arm.Response{Status: http.StatusOK}, err
	}
}

// workflowEndpoints are the addresses from which a workflow would call; there are none.
type workflowEndpoints struct {
	Workflow  workflowAddresses `json:"workflow"`
	Connector workflowAddresses `json:"connector"`
}

// workflowAddresses are lists of addresses.
type workflowAddresses struct {
	Outgoing []struct{} `json:"outgoingIpAddresses"`
	Access   []struct{} `json:"accessEndpointIpAddresses,omitempty"`
}

// showWorkflow fills in what az and Terraform dereference (CP §4.3).
func (d Deps) showWorkflow(_ *arm.Request, res resource.Resource, _ *tracked.Resource, props arm.Object) {
	tracked.Fill(props, "parameters", struct{}{})
	tracked.Fill(props, "definition", struct{}{})
	tracked.Set(props, "accessEndpoint", "https://logic."+d.Domain+"/workflows/"+res.ID.Name())
	tracked.Set(props, "createdTime", arm.Time(res.Created.At))
	tracked.Set(props, "changedTime", arm.Time(res.Changed.At))
	none := workflowAddresses{Outgoing: []struct{}{}}
	tracked.Set(props, "endpointsConfiguration", workflowEndpoints{Workflow: none, Connector: none})
}
