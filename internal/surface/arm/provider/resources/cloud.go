package resources

import (
	"context"
	"net/url"
	"strings"

	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/surface/arm"
)

// cloud is the discovery document of 2022-09-01 (CP §1.2).
type cloud struct {
	Name                     string        `json:"name"`
	Portal                   string        `json:"portal,omitempty"`
	Authentication           cloudSignIn   `json:"authentication"`
	ResourceManager          string        `json:"resourceManager"`
	MicrosoftGraphResourceID string        `json:"microsoftGraphResourceId"`
	Graph                    string        `json:"graph"`
	GraphAudience            string        `json:"graphAudience"`
	Suffixes                 cloudSuffixes `json:"suffixes"`
}

// cloudSignIn says where and for what tokens are got. Terraform refuses every other tenant
// and identity provider than these.
type cloudSignIn struct {
	LoginEndpoint    string   `json:"loginEndpoint"`
	Audiences        []string `json:"audiences"`
	Tenant           string   `json:"tenant"`
	IdentityProvider string   `json:"identityProvider"`
}

// cloudSuffixes are the ends of the names of data services.
type cloudSuffixes struct {
	KeyVaultDNS string `json:"keyVaultDns"`
	Storage     string `json:"storage"`
}

// oldCloud is the document of 2015-01-01, which azure-cli before 2.72 and PowerShell read.
type oldCloud struct {
	GalleryEndpoint string    `json:"galleryEndpoint"`
	GraphEndpoint   string    `json:"graphEndpoint"`
	PortalEndpoint  string    `json:"portalEndpoint"`
	Authentication  oldSignIn `json:"authentication"`
}

// oldSignIn is its sign-in part.
type oldSignIn struct {
	LoginEndpoint string   `json:"loginEndpoint"`
	Audiences     []string `json:"audiences"`
}

// cloudLocations is the document of 2018-01-01: locations by cloud.
type cloudLocations struct {
	CloudEndpoint map[string]cloudLocation `json:"cloudEndpoint"`
}

// cloudLocation is one cloud of it; the endpoint is a host without a scheme.
type cloudLocation struct {
	Endpoint  string   `json:"endpoint"`
	Locations []string `json:"locations"`
}

// metadata answers GET /metadata/endpoints in the shape of the version asked for; unknown
// versions get the newest (CP §1.1).
func (p *resourcesProvider) metadata(ctx context.Context, r *arm.Request) (arm.Response, error) {
	entry := httpd.EntryFrom(ctx)
	c := p.cloud(entry)
	switch r.Version {
	case "2015-01-01", "1.0":
		return arm.OK(oldCloud{GalleryEndpoint: entry.ResourceManager, GraphEndpoint: c.Graph, PortalEndpoint: c.Portal,
			Authentication: oldSignIn{LoginEndpoint: c.Authentication.LoginEndpoint, Audiences: c.Authentication.Audiences}})
	case "2018-01-01":
		host := entry.ResourceManager
		if u, err := url.Parse(host); err == nil {
			host = u.Host
		}
		return arm.OK(cloudLocations{CloudEndpoint: map[string]cloudLocation{
			strings.ToLower(c.Name): {Endpoint: host, Locations: []string{p.Location}}}})
	case "2019-05-01", "2020-06-01":
		return arm.OK([]cloud{c})
	}
	return arm.OK(c)
}

// cloud fills the document in for the name by which the client came (L-6).
func (p *resourcesProvider) cloud(e httpd.Entry) cloud {
	return cloud{
		Name:   p.CloudName,
		Portal: p.Portal,
		Authentication: cloudSignIn{LoginEndpoint: e.Authority, Audiences: []string{e.ResourceManager + "/", e.ResourceManager},
			Tenant: "common", IdentityProvider: "AAD"},
		ResourceManager:          e.ResourceManager,
		MicrosoftGraphResourceID: e.Graph + "/",
		Graph:                    e.Graph + "/",
		GraphAudience:            e.Graph + "/",
		Suffixes:                 cloudSuffixes{KeyVaultDNS: e.VaultSuffix, Storage: strings.TrimPrefix(e.VaultSuffix, "vault.")},
	}
}
