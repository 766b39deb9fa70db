package sts_test

import (
	"encoding/json"
	"testing"
)

// DT-7: both names for "any tenant" have a document whose issuer leaves the tenant open;
// a tenant's own document does not.
func TestOrganizationsHaveADocument(t *testing.T) {
	w := newWorld(t)
	for name, want := range map[string]string{"common": "{tenantid}", "organizations": "{tenantid}", string(w.tenant.ID): string(w.tenant.ID)} {
		var d struct {
			Issuer string `json:"issuer"`
		}
		rec := w.get("/" + name + "/v2.0/.well-known/openid-configuration")
		if err := json.Unmarshal(rec.Body.Bytes(), &d); err != nil || d.Issuer != authority+"/"+want+"/v2.0" {
			t.Errorf("%s: %d, issuer %q, %v", name, rec.Code, d.Issuer, err)
		}
	}
}
