package imds

import (
	"net/http"
	"slices"

	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/localtoken"
)

// allVersions are the published api-versions of the metadata service, oldest first (TE §4.1).
var allVersions = []string{
	"2017-03-01", "2017-04-02", "2017-08-01", "2017-10-01", "2017-12-01",
	"2018-02-01", "2018-04-02", "2018-10-01", "2019-02-01", "2019-03-11", "2019-04-30",
	"2019-06-01", "2019-06-04", "2019-08-01", "2019-08-15", "2019-11-01", "2020-06-01",
	"2020-07-15", "2020-09-01", "2020-10-01", "2020-12-01", "2021-01-01", "2021-02-01",
	"2021-03-01", "2021-05-01", "2021-08-01", "2021-10-01", "2021-11-01", "2021-11-15",
	"2021-12-13", "2023-07-01", "2023-11-15", "2024-03-15", "2024-07-17", "2025-04-07",
}

// identityVersions are those that have the category identity.
var identityVersions = allVersions[5:]

// newestVersions are named to a client that asked for an unknown one, newest first.
var newestVersions = []string{"2025-04-07", "2024-07-17", "2024-03-15"}

// tokenVersion reports whether v has the category identity.
func tokenVersion(v string) bool {
	return v == "2018-02-01" || slices.Contains(identityVersions, v)
}

// versionList is the answer of /metadata/versions.
type versionList struct {
	APIVersions []string `json:"apiVersions"`
}

// versions lists the api-versions; it needs none itself (TE-34).
func (room *Room) versions(w http.ResponseWriter, _ *http.Request, _ *localtoken.Params) error {
	return httpd.WriteJSON(w, http.StatusOK, versionList{allVersions})
}

// identityInfo is the answer of /metadata/identity/info.
type identityInfo struct {
	TenantID id.Tenant `json:"tenantId"`
}

// info names the tenant of this machine's identities (TE-31).
func (room *Room) info(w http.ResponseWriter, _ *http.Request, p *localtoken.Params) error {
	if !tokenVersion(p.Get("api-version")) {
		return localtoken.ErrVersion
	}
	return httpd.WriteJSON(w, http.StatusOK, identityInfo{room.tenant})
}
