package web_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
	"github.com/sealring/sealring/internal/surface/arm/armtest"
)

// Paths of the tests.
const (
	plan = armtest.Group + "/providers/Microsoft.Web/serverFarms/plan1"
	app  = armtest.Group + "/providers/Microsoft.Web/sites/app1"
	slot = app + "/slots/stage"
)

// CP-35, CP-80: what az dereferences is there, and never null.
func TestPlansAndApps(t *testing.T) {
	f := armtest.Open(t, storetest.SQLite(t))
	p := f.Do("owner", "PUT", plan, `{"location":"local","sku":{"name":"P1V2"},"properties":{"reserved":null}}`).Want(200, "")
	for path, want := range map[string]string{"sku": `{"capacity":1,"family":"P","name":"P1V2","size":"P1V2","tier":"PremiumV2"}`, "kind": "app", "id": strings.Replace(plan, "F", "f", 1)} {
		if got := p.At(path); got != want {
			t.Errorf("%s: %s", path, got)
		}
	}
	if p.At("properties", "reserved") != "false" || p.At("properties", "status") != "Ready" {
		t.Errorf("plan %s", p.Text)
	}
	a := f.Do("owner", "PUT", app, `{"location":"local","kind":"functionapp,linux","properties":{"serverFarmId":"`+plan+`","siteConfig":{"linuxFxVersion":"Python|3.12"}}}`).Want(200, "")
	for _, want := range [][2]string{{"reserved", "true"}, {"state", "Running"}, {"defaultHostName", "app1.web.sealring.internal"}} {
		if got := a.At("properties", want[0]); got != want[1] {
			t.Errorf("%s: %s", want[0], got)
		}
	}
	if got := f.OK("owner", "GET", app+"/config/web", ""); got.At("properties", "linuxFxVersion") != "Python|3.12" || got.At("properties", "alwaysOn") != "false" {
		t.Errorf("config/web %s", got.Text)
	}
	f.OK("owner", "PATCH", app+"/config/web", `{"properties":{"alwaysOn":true,"appSettings":[{"name":"A","value":"b"}]}}`)
	if got := f.OK("owner", "GET", app, ""); got.At("properties", "siteConfig", "alwaysOn") != "true" || got.At("properties", "siteConfig", "linuxFxVersion") != "Python|3.12" {
		t.Errorf("site %s", got.Text)
	}
	if got := f.OK("owner", "POST", app+"/config/appsettings/list", ""); got.At("properties") != `{"A":"b"}` {
		t.Errorf("settings %s", got.Text)
	}
	for path, want := range map[string]string{"authsettings": `{"enabled":false}`, "backup": "", "azurestorageaccounts": `{}`, "logs": ""} {
		if got := f.OK("owner", "POST", app+"/config/"+path+"/list", ""); path != "logs" && got.At("properties") != want {
			t.Errorf("%s: %s", path, got.Text)
		}
	}
	f.OK("owner", "PUT", app+"/basicPublishingCredentialsPolicies/ftp", `{"properties":{"allow":false}}`)
	if got := f.OK("owner", "GET", app+"/basicPublishingCredentialsPolicies", ""); got.At("value", "0", "properties", "allow") != "false" || got.At("value", "1", "properties", "allow") != "true" {
		t.Errorf("policies %s", got.Text)
	}
}

// az makes a Linux app by naming its plan, and no kind; and it lists no settings of an app
// without a tier (CP-80).
func TestAnAppHasItsPlansKindAndIsStoppedAndStarted(t *testing.T) {
	f := armtest.Open(t, storetest.SQLite(t))
	f.Do("owner", "PUT", plan, `{"location":"local","sku":{"name":"B1"},"properties":{"reserved":true}}`).Want(200, "")
	a := f.Do("owner", "PUT", app, `{"location":"local","properties":{"serverFarmId":"`+plan+`"}}`).Want(200, "")
	if a.At("kind") != "app,linux" || a.At("properties", "reserved") != "true" || a.At("properties", "sku") != "Basic" {
		t.Errorf("app %s", a.Text)
	}
	for _, missing := range []string{plan + "2", "no id", app} {
		if got := f.Do("owner", "PUT", slot, `{"location":"local","properties":{"serverFarmId":"`+missing+`"}}`).Want(200, ""); got.At("kind") != "app" || got.At("properties", "sku") != "Standard" {
			t.Errorf("on the plan %q: %s", missing, got.Text)
		}
	}
	for _, c := range []struct{ verb, state string }{{"stop", "Stopped"}, {"start", "Running"}, {"stop", "Stopped"}, {"restart", "Running"}, {"stop", "Stopped"}} {
		f.Do("owner", "POST", app+"/"+c.verb, "").Want(200, "")
		if got := f.OK("owner", "GET", app, "").At("properties", "state"); got != c.state {
			t.Errorf("%s: the state is %q", c.verb, got)
		}
	}
	if got := f.Do("owner", "PUT", app, a.Text).Want(200, "").At("properties", "state"); got != "Stopped" {
		t.Errorf("a stopped app that is written again is %q", got)
	}
}

// CP-82: an app that names no plan gets one, which az looks up.
func TestAppsWithoutAPlan(t *testing.T) {
	f := armtest.Open(t, storetest.SQLite(t))
	a := f.OK("owner", "PUT", app, `{"location":"local","kind":"functionapp,linux"}`)
	at := armtest.Group + "/providers/Microsoft.Web/serverfarms/localLinuxDynamicPlan"
	if a.At("properties", "serverFarmId") != at || a.At("properties", "sku") != "Dynamic" {
		t.Errorf("app %s", a.Text)
	}
	if got := f.OK("owner", "GET", at, ""); got.At("sku", "tier") != "Dynamic" || got.At("properties", "reserved") != "true" {
		t.Errorf("plan %s", got.Text)
	}
	if got := f.OK("owner", "PUT", app, `{"location":"local","kind":"functionapp,linux","properties":{"serverFarmId":"`+plan+`"}}`); got.At("properties", "serverFarmId") != plan {
		t.Errorf("app %s", got.Text)
	}
	if got := f.OK("owner", "PUT", app, `{"location":"local","kind":"functionapp,linux"}`); got.At("properties", "serverFarmId") != plan {
		t.Errorf("app %s", got.Text)
	}
}

// S-40, S-51, CP-89: settings are encrypted in the store, on both engines, and only POST shows them.
func TestSettingsAreSealed(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := armtest.Open(t, db)
		f.OK("owner", "PUT", app, `{"location":"local","properties":{"siteConfig":{"appSettings":[{"name":"KEY","value":"canary"}],"connectionStrings":[{"name":"db","connectionString":"canary","type":"SQLAzure"}]}}}`)
		f.OK("owner", "PUT", app+"/config/azurestorageaccounts", `{"properties":{"a":{"accessKey":"canary"}}}`)
		first := f.OK("owner", "POST", app+"/config/publishingcredentials/list", "").At("properties", "publishingPassword")
		if again := f.OK("owner", "POST", app+"/config/publishingcredentials/list", "").At("properties", "publishingPassword"); again != first || len(first) < 32 {
			t.Errorf("password %q then %q", first, again)
		}
		if got := f.OK("owner", "POST", app+"/publishxml", ""); !strings.Contains(got.Text, first) || !strings.HasPrefix(got.Header.Get("Content-Type"), "application/xml") {
			t.Errorf("profile %s", got.Text)
		}
		for _, query := range []string{"SELECT properties || extra FROM resources", "SELECT body FROM audit"} {
			armtest.Check(t, db.View(t.Context(), func(tx *store.Tx) error {
				return tx.Query(t.Context(), func(r store.Row) error {
					var text string
					err := r.Scan(&text)
					if strings.Contains(text, "canary") || strings.Contains(text, first) {
						t.Errorf("%s holds a credential: %s", query, text)
					}
					return err
				}, query)
			}))
		}
		for _, name := range []string{"appsettings", "connectionstrings", "azurestorageaccounts"} {
			f.Do("reader", "GET", app+"/config/"+name, "").Want(405, "MethodNotAllowed")
			f.Do("reader", "POST", app+"/config/"+name+"/list", "").Want(403, "AuthorizationFailed")
			if got := f.OK("owner", "POST", app+"/config/"+name+"/list", ""); !strings.Contains(got.Text, "canary") {
				t.Errorf("%s: %s", name, got.Text)
			}
		}
		f.Do("reader", "POST", app+"/publishxml", "").Want(403, "AuthorizationFailed")
		if got := f.OK("owner", "PATCH", app+"/config/appsettings", `{"properties":{"NEXT":"1","KEY":null}}`); got.At("properties") != `{"NEXT":"1"}` {
			t.Errorf("merged %s", got.Text)
		}
	})
}

// S-51: to write a setting is not to read the others, and to spell a member differently is
// not to keep a setting where every reader sees it.
func TestWritingSettingsShowsNoOthers(t *testing.T) {
	f := armtest.Open(t, storetest.SQLite(t))
	f.OK("owner", "PUT", app, `{"location":"local","properties":{"siteConfig":{"appSettings":[{"name":"KEY","value":"canary"}]}}}`)
	if got := f.OK("owner", "PATCH", app+"/config/appsettings", `{"properties":{"NEXT":"1"}}`); got.At("properties") != `{"NEXT":"1"}` {
		t.Errorf("merged %s", got.Text)
	}
	if got := f.OK("owner", "POST", app+"/config/appsettings/list", ""); got.At("properties") != `{"KEY":"canary","NEXT":"1"}` {
		t.Errorf("kept %s", got.Text)
	}
	for _, path := range []string{app, slot} {
		f.Do("owner", "PUT", path, `{"location":"local","properties":{"siteConfig":{"AppSettings":[{"name":"KEY","value":"canary"}]}}}`).Want(400, "InvalidRequestContent")
		f.Do("owner", "PUT", path, `{"location":"local","properties":{"SiteConfig":{"appSettings":[{"name":"KEY","value":"canary"}]}}}`).Want(400, "InvalidRequestContent")
	}
	f.Do("owner", "PATCH", app, `{"properties":{"siteConfig":{"connectionstrings":[]}}}`).Want(400, "InvalidRequestContent")
	f.Do("owner", "PUT", app+"/config/web", `{"properties":{"AppSettings":[]}}`).Want(400, "InvalidRequestContent")
	if got := f.OK("reader", "GET", app, ""); strings.Contains(got.Text, "canary") {
		t.Error(got.Text)
	}
}

// CP-81: a swap exchanges what runs, and neither identities nor what sticks.
func TestSwap(t *testing.T) {
	f := armtest.Open(t, storetest.SQLite(t))
	body := func(version, setting string) string {
		return `{"location":"local","identity":{"type":"SystemAssigned"},"properties":{"siteConfig":{"linuxFxVersion":"` + version + `","appSettings":[{"name":"FREE","value":"` + setting + `"},{"name":"STICKY","value":"` + setting + `"}]}}}`
	}
	of := func(path string) (principal, version, free, sticky string) {
		site, settings := f.OK("owner", "GET", path, ""), f.OK("owner", "POST", path+"/config/appsettings/list", "")
		return site.At("identity", "principalId"), site.At("properties", "siteConfig", "linuxFxVersion"), settings.At("properties", "FREE"), settings.At("properties", "STICKY")
	}
	f.OK("owner", "PUT", app, body("one", "1"))
	f.OK("owner", "PUT", slot, body("two", "2"))
	f.OK("owner", "PUT", app+"/config/slotConfigNames", `{"properties":{"appSettingNames":["STICKY"]}}`)
	appPrincipal, _, _, _ := of(app)
	slotPrincipal, _, _, _ := of(slot)
	f.OK("owner", "POST", app+"/slotsswap", `{"targetSlot":"stage","preserveVnet":true}`)
	if p, version, free, sticky := of(app); p != appPrincipal || version != "two" || free != "2" || sticky != "1" {
		t.Errorf("app: %s %s %s", version, free, sticky)
	}
	if p, version, free, sticky := of(slot); p != slotPrincipal || version != "one" || free != "1" || sticky != "2" {
		t.Errorf("slot: %s %s %s", version, free, sticky)
	}
	f.OK("owner", "POST", slot+"/slotsswap", `{"targetSlot":"production"}`)
	if _, version, free, _ := of(app); version != "one" || free != "1" {
		t.Errorf("swapped back: %s %s", version, free)
	}
	f.Person("stager", "de139f84-1756-47ae-9be6-808fbbe84772", slot) // Website Contributor of the slot alone
	f.Do("stager", "POST", slot+"/slotsswap", `{"targetSlot":"production"}`).Want(403, "AuthorizationFailed")
	f.Do("owner", "POST", app+"/slotsswap", `{"targetSlot":"none"}`).Want(404, "ResourceNotFound")
	f.Do("reader", "POST", app+"/slotsswap", `{"targetSlot":"stage"}`).Want(403, "AuthorizationFailed")
}

// CP-82: az reads the languages of function apps before it creates one.
func TestStacks(t *testing.T) {
	f := armtest.Open(t, storetest.SQLite(t))
	var list struct {
		Value []struct {
			Name       string
			Properties struct{ MajorVersions []json.RawMessage }
		}
	}
	a := f.OK("nobody", "GET", "/providers/Microsoft.Web/functionAppStacks", "")
	armtest.Check(t, json.Unmarshal([]byte(a.Text), &list))
	if len(list.Value) < 4 || len(list.Value[0].Properties.MajorVersions) != 1 {
		t.Errorf("%s", a.Text)
	}
}
