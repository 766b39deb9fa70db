package web

import (
	"context"

	"github.com/sealring/sealring/internal/surface/arm"
)

// stacks are the questions about what an app may run and where; az asks them before it
// creates one (CP §4.4).
func stacks() []arm.Route {
	const ns = "/providers/Microsoft.Web"
	return []arm.Route{
		arm.GetByAnyone(ns+"/webAppStacks", listWebStacks),
		arm.GetByAnyone(ns+"/functionAppStacks", listFunctionStacks),
		arm.GetByAnyone(ns+"/locations/{location}/webAppStacks", listWebStacks),
		arm.GetByAnyone(ns+"/locations/{location}/functionAppStacks", listFunctionStacks),
		arm.GetByAnyone(arm.InSubscription+ns+"/geoRegions", listRegions),
	}
}

// wireStack is a language that apps may be written in.
type wireStack struct {
	ID         string          `json:"id"`
	Name       string          `json:"name"`
	Type       string          `json:"type"`
	Properties stackProperties `json:"properties"`
}

// stackProperties are its properties.
type stackProperties struct {
	DisplayText   string         `json:"displayText"`
	Value         string         `json:"value"`
	PreferredOS   string         `json:"preferredOs"`
	MajorVersions []majorVersion `json:"majorVersions"`
}

// majorVersion is a version of a language.
type majorVersion struct {
	DisplayText   string         `json:"displayText"`
	Value         string         `json:"value"`
	MinorVersions []minorVersion `json:"minorVersions"`
}

// minorVersion is a version of a version.
type minorVersion struct {
	DisplayText   string        `json:"displayText"`
	Value         string        `json:"value"`
	StackSettings stackSettings `json:"stackSettings"`
}

// stackSettings are what an app of a version is made of.
type stackSettings struct {
	Linux linuxRuntime `json:"linuxRuntimeSettings"`
}

// linuxRuntime is how a version runs on Linux.
type linuxRuntime struct {
	RuntimeVersion  string            `json:"runtimeVersion"`
	RemoteDebugging bool              `json:"remoteDebuggingSupported"`
	AppInsights     supported         `json:"appInsightsSettings"`
	GitHub          supported         `json:"gitHubActionSettings"`
	AppSettings     map[string]string `json:"appSettingsDictionary,omitempty"`
	SiteConfig      stackConfig       `json:"siteConfigPropertiesDictionary"`
	Extensions      []string          `json:"supportedFunctionsExtensionVersions,omitempty"`
	IsPreview       bool              `json:"isPreview"`
	IsDeprecated    bool              `json:"isDeprecated"`
	IsHidden        bool              `json:"isHidden"`
	IsDefault       bool              `json:"isDefault"`
}

// stackConfig is what a version makes of an app's siteConfig.
type stackConfig struct {
	Use32Bit       bool   `json:"use32BitWorkerProcess"`
	LinuxFxVersion string `json:"linuxFxVersion"`
}

// supported says whether something is.
type supported struct {
	IsSupported bool `json:"isSupported"`
}

// runtimes are the languages on offer; bodies may name any other.
var runtimes = []struct {
	name, label, worker string
	versions            []string
	web, functions      bool
}{
	{"dotnet", ".NET", "dotnet-isolated", []string{"10.0", "9.0", "8.0"}, true, false},
	{"dotnet-isolated", ".NET (isolated)", "dotnet-isolated", []string{"10.0", "9.0", "8.0"}, false, true},
	{"node", "Node", "node", []string{"24", "22", "20"}, true, true},
	{"python", "Python", "python", []string{"3.13", "3.12", "3.11", "3.10"}, true, true},
	{"java", "Java", "java", []string{"25", "21", "17", "11", "8"}, true, true},
	{"powershell", "PowerShell", "powershell", []string{"7.4"}, false, true},
}

// listWebStacks answers with the languages of web apps.
func listWebStacks(context.Context, *arm.Request) (arm.Response, error) {
	return listStacks("Microsoft.Web/webAppStacks", false)
}

// listFunctionStacks answers with the languages of function apps.
func listFunctionStacks(context.Context, *arm.Request) (arm.Response, error) {
	return listStacks("Microsoft.Web/functionAppStacks", true)
}

// listStacks shapes the table of runtimes.
func listStacks(kind string, functions bool) (arm.Response, error) {
	page := arm.OnePage[wireStack]{}
	for _, rt := range runtimes {
		if functions && !rt.functions || !functions && !rt.web {
			continue
		}
		major := majorVersion{DisplayText: rt.label, Value: rt.name}
		for n, v := range rt.versions {
			linux := linuxRuntime{RuntimeVersion: rt.name + "|" + v, IsDefault: n == 0}
			linux.SiteConfig.LinuxFxVersion = rt.name + "|" + v
			if functions {
				linux.AppSettings = map[string]string{"FUNCTIONS_WORKER_RUNTIME": rt.worker}
				linux.Extensions = []string{"~4"}
			}
			major.MinorVersions = append(major.MinorVersions, minorVersion{DisplayText: rt.label + " " + v, Value: v, StackSettings: stackSettings{linux}})
		}
		page.Value = append(page.Value, wireStack{ID: "/providers/" + kind + "/" + rt.name, Name: rt.name, Type: kind,
			Properties: stackProperties{DisplayText: rt.label, Value: rt.name, PreferredOS: "linux", MajorVersions: []majorVersion{major}}})
	}
	return arm.OK(page)
}

// wireRegion is a place where apps may be.
type wireRegion struct {
	ID         string           `json:"id"`
	Name       string           `json:"name"`
	Type       string           `json:"type"`
	Properties regionProperties `json:"properties"`
}

// regionProperties are its properties.
type regionProperties struct {
	Name        string `json:"name"`
	DisplayName string `json:"displayName"`
	Description string `json:"description"`
	OrgDomain   string `json:"orgDomain"`
}

// listRegions answers with the one location of the installation.
func listRegions(_ context.Context, r *arm.Request) (arm.Response, error) {
	name := r.Location()
	return arm.OK(arm.OnePage[wireRegion]{Value: []wireRegion{{ID: r.Target.String() + "/providers/Microsoft.Web/geoRegions/" + name, Name: name,
		Type: "Microsoft.Web/geoRegions", Properties: regionProperties{Name: name, DisplayName: name, OrgDomain: "PUBLIC;LINUX;DYNAMIC;LINUXDYNAMIC;ELASTICPREMIUM;ELASTICLINUX"}}}})
}
