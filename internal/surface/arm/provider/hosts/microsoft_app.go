package hosts

import (
	"net/http"
	"regexp"
	"strings"

	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/surface/arm/provider/tracked"
)

// containerAppName is the rule for names of container apps and jobs.
var containerAppName = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,58}[a-z0-9])?$`)

// containerApps makes Microsoft.App: container apps, jobs and their environments.
func containerApps(d Deps) arm.Provider {
	environment := tracked.Type{Deps: d.Deps, Kind: "Microsoft.App/managedEnvironments", Name: lettersDigits63, Show: d.showEnvironment}
	app := tracked.Type{Deps: d.Deps, Kind: "Microsoft.App/containerApps", Name: containerAppName, Show: d.showContainerApp}
	job := tracked.Type{Deps: d.Deps, Kind: "Microsoft.App/jobs", Name: containerAppName, Show: showJob}
	return provide("Microsoft.App", []tracked.Type{environment, app, job},
		app.Post("listSecrets", tracked.Empty), job.Post("listSecrets", tracked.Empty), app.Read("revisions", tracked.Empty),
		app.Verb("start", http.StatusOK), app.Verb("stop", http.StatusOK))
}

// showEnvironment fills in what az containerapp dereferences.
func (d Deps) showEnvironment(_ *arm.Request, res resource.Resource, _ *tracked.Resource, props arm.Object) {
	tracked.Set(props, "defaultDomain", strings.ToLower(res.ID.Name())+"."+res.Location+".apps."+d.Domain)
	tracked.Fill(props, "zoneRedundant", false)
}

// showContainerApp fills in what az containerapp and azurerm dereference.
func (d Deps) showContainerApp(_ *arm.Request, res resource.Resource, _ *tracked.Resource, props arm.Object) {
	host := res.ID.Name() + "." + res.Location + ".apps." + d.Domain
	tracked.Set(props, "runningStatus", "Running")
	tracked.Set(props, "latestRevisionName", res.ID.Name()+"--1")
	tracked.Set(props, "latestReadyRevisionName", res.ID.Name()+"--1")
	tracked.Set(props, "latestRevisionFqdn", host)
	tracked.Fill(props, "customDomainVerificationId", "")
	tracked.Fill(props, "outboundIpAddresses", []struct{}{})
	tracked.Fill(props, "workloadProfileName", "Consumption")
	config := tracked.Decode(props["configuration"])
	tracked.Fill(config, "activeRevisionsMode", "Single")
	if config.Has("ingress") {
		ingress := tracked.Decode(config["ingress"])
		tracked.Set(ingress, "fqdn", host)
		config["ingress"] = tracked.Encode(ingress)
	}
	props["configuration"] = tracked.Encode(config)
	tracked.Fill(props, "template", struct{}{})
}

// showJob fills in what az containerapp job dereferences.
func showJob(_ *arm.Request, _ resource.Resource, _ *tracked.Resource, props arm.Object) {
	tracked.Fill(props, "configuration", struct{}{})
	tracked.Fill(props, "template", struct{}{})
	tracked.Fill(props, "outboundIpAddresses", []struct{}{})
}
