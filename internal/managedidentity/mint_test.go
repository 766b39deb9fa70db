package managedidentity_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/managedidentity"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
	"github.com/sealring/sealring/internal/token"
)

// S-5, TE §3.2, M-16: which identity a request gets.
func TestSelection(t *testing.T) {
	f := open(t, storetest.SQLite(t), nil)
	one, two := f.create("one"), f.create("two")
	other := f.create("other")
	both := f.put(f.vm("both"), f.block("SystemAssigned, UserAssigned", "one", "two"))
	f.put(f.vm("single"), f.block("UserAssigned", "one"))
	f.put(f.vm("several"), f.block("UserAssigned", "one", "two"))
	f.put(f.vm("bare"), resource.IdentityPatch{})
	stranger := f.put(f.vm("stranger"), f.block("SystemAssigned, UserAssigned", "other"))
	for _, c := range []struct {
		name, host string
		dialect    managedidentity.Dialect
		kind       managedidentity.SelectorKind
		value      string
		want       string // client id
		err        error
	}{
		{"no selector takes the system identity", "both", managedidentity.IMDS, "", "", string(both.Identity.ClientID), nil},
		{"an empty selector is none", "both", managedidentity.IMDS, managedidentity.SelectClient, "", string(both.Identity.ClientID), nil},
		{"no selector takes the only user identity", "single", managedidentity.IMDS, "", "", string(one.ClientID), nil},
		{"no selector with several", "several", managedidentity.IMDS, "", "", "", managedidentity.ErrAmbiguous},
		{"no selector without any", "bare", managedidentity.IMDS, "", "", "", managedidentity.ErrNoIdentity},
		{"App Service takes the system identity", "both", managedidentity.AppService, "", "", string(both.Identity.ClientID), nil},
		{"App Service takes no user identity unasked", "single", managedidentity.AppService, "", "", "", managedidentity.ErrNoIdentity},
		{"an unknown dialect takes no user identity unasked", "single", "", "", "", "", managedidentity.ErrNoIdentity},
		{"by client id in capitals", "several", managedidentity.AppService, managedidentity.SelectClient, strings.ToUpper(string(two.ClientID)), string(two.ClientID), nil},
		{"by object id", "several", managedidentity.IMDS, managedidentity.SelectObject, string(one.PrincipalID), string(one.ClientID), nil},
		{"by resource id in another case", "several", managedidentity.IMDS, managedidentity.SelectResource, f.uai("TWO").Key(), string(two.ClientID), nil},
		{"the system identity by client id", "both", managedidentity.IMDS, managedidentity.SelectClient, string(both.Identity.ClientID), string(both.Identity.ClientID), nil},
		{"the system identity by object id", "both", managedidentity.IMDS, managedidentity.SelectObject, string(both.Identity.PrincipalID), string(both.Identity.ClientID), nil},
		{"the system identity by the host's id", "both", managedidentity.IMDS, managedidentity.SelectResource, f.vm("BOTH").String(), string(both.Identity.ClientID), nil},
		{"a selector that matches nothing never falls back", "both", managedidentity.IMDS, managedidentity.SelectClient, "22222222-2222-2222-2222-222222222222", "", managedidentity.ErrNotAssigned},
		{"a selector that is no GUID", "both", managedidentity.IMDS, managedidentity.SelectClient, "x", "", managedidentity.ErrNotAssigned},
		{"a client id in the place of an object id", "both", managedidentity.IMDS, managedidentity.SelectObject, string(one.ClientID), "", managedidentity.ErrNotAssigned},
		{"a kind nobody knows", "both", managedidentity.IMDS, "name", "one", "", managedidentity.ErrNotAssigned},
		{"another host's identity by client id", "both", managedidentity.IMDS, managedidentity.SelectClient, string(other.ClientID), "", managedidentity.ErrNotAssigned},
		{"another host's identity by object id", "both", managedidentity.IMDS, managedidentity.SelectObject, string(other.PrincipalID), "", managedidentity.ErrNotAssigned},
		{"another host's identity by resource id", "both", managedidentity.IMDS, managedidentity.SelectResource, f.uai("other").String(), "", managedidentity.ErrNotAssigned},
		{"another host's system identity by client id", "both", managedidentity.IMDS, managedidentity.SelectClient, string(stranger.Identity.ClientID), "", managedidentity.ErrNotAssigned},
		{"another host's system identity by object id", "both", managedidentity.IMDS, managedidentity.SelectObject, string(stranger.Identity.PrincipalID), "", managedidentity.ErrNotAssigned},
		{"another host by resource id", "both", managedidentity.IMDS, managedidentity.SelectResource, f.vm("stranger").String(), "", managedidentity.ErrNotAssigned},
		{"a host that does not exist", "none", managedidentity.IMDS, "", "", "", managedidentity.ErrNoIdentity},
	} {
		t.Run(c.name, func(t *testing.T) {
			denied := f.rows("token.issue")
			m, err := f.Mint(t.Context(), managedidentity.Caller{Resource: f.vm(c.host)}, managedidentity.Request{
				Audience: vault, Dialect: c.dialect, Selector: managedidentity.Selector{Kind: c.kind, Value: c.value},
			})
			if !errors.Is(err, c.err) || string(m.Identity.ClientID) != c.want {
				t.Fatalf("got %q, %v; want %q, %v", m.Identity.ClientID, err, c.want, c.err)
			}
			if c.err != nil && f.rows("token.issue") != denied+1 {
				t.Error("the refusal is not on record")
			}
			if c.err == nil && f.claims(m)["oid"] != string(m.Identity.PrincipalID) {
				t.Errorf("claims %v are not of %+v", f.claims(m), m.Identity)
			}
		})
	}
	_, err := f.mint(f.vm("several"), 1, "", "")
	for _, part := range []string{"Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request", "'one'", "'two'", string(two.ClientID), "AZURE_CLIENT_ID"} {
		if !strings.Contains(fault.Message(err), part) {
			t.Errorf("%q does not say %q", fault.Message(err), part) // M-16
		}
	}
	_, err = f.mint(f.vm("bare"), 1, "", "")
	if !strings.Contains(fault.Message(err), "Identity not found") {
		t.Errorf("message is %q", fault.Message(err))
	}
}

// DT §3.2, §3.3, §3.9: the claims of both versions.
func TestClaims(t *testing.T) {
	f := open(t, storetest.SQLite(t), nil)
	u := f.create("one")
	r := f.put(f.vm("v"), f.block("SystemAssigned, UserAssigned", "one"))
	tenant, err := f.directory.Tenant(t.Context(), f.tenant)
	f.check(err)
	lower := "/subscriptions/" + subscription + "/resourcegroups/rg/providers/"
	host, own := lower+"Microsoft.Compute/virtualMachines/v", lower+managedidentity.Type+"/one"
	for _, c := range []struct {
		name, audience, selector string
		capabilities             []string
		want                     map[string]any
	}{
		{"the system identity, version 1", vault + "/", "", nil, map[string]any{
			"aud": vault + "/", "ver": "1.0", "appid": string(r.Identity.ClientID), "appidacr": "2", "oid": string(r.Identity.PrincipalID), "sub": string(r.Identity.PrincipalID),
			"idtyp": "app", "tid": string(f.tenant), "xms_mirid": host, "xms_az_rid": host, "xms_tcdt": float64(tenant.Created.Unix()), "xms_cc": nil, "scp": nil,
		}},
		{"a user identity with CP1", vault, string(u.ClientID), []string{"cp1"}, map[string]any{
			"aud": vault, "appid": string(u.ClientID), "oid": string(u.PrincipalID), "xms_mirid": own, "xms_az_rid": host, "xms_cc": []any{"CP1"},
		}},
		{"a resource of version 2", "api://AzureADTokenExchange", string(u.ClientID), nil, map[string]any{
			"aud": token.ExchangeAudience, "ver": "2.0", "azp": string(u.ClientID), "azpacr": "2", "appid": nil, "xms_mirid": own,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := f.Mint(t.Context(), managedidentity.Caller{Resource: f.vm("v")}, managedidentity.Request{
				Audience: c.audience, Dialect: managedidentity.IMDS, Capabilities: c.capabilities,
				Selector: managedidentity.Selector{Kind: managedidentity.SelectClient, Value: c.selector},
			})
			f.check(err)
			got := f.claims(m)
			for claim, want := range c.want {
				if fmt.Sprint(got[claim]) != fmt.Sprint(want) {
					t.Errorf("%s is %v, want %v", claim, got[claim], want)
				}
			}
			if life := m.Expires.Sub(m.Issued.Issued); life != 24*time.Hour || got["exp"] != float64(m.Expires.Unix()) {
				t.Errorf("it lives %v until %v", life, got["exp"])
			}
			if got["xms_idrel"] == nil || got["uti"] != m.UTI {
				t.Errorf("claims are %v", got)
			}
		})
	}
	if _, err := f.Mint(t.Context(), managedidentity.Caller{Resource: f.vm("v")}, managedidentity.Request{Audience: "https://unknown.example", Dialect: managedidentity.IMDS}); !errors.Is(err, token.ErrAudienceUnknown) {
		t.Errorf("an unknown audience gave %v", err)
	}
}

// TE §8.2, D-4: a token is kept to half its life, and every process that gets it is on record.
func TestCacheAndHandouts(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := open(t, db, nil)
		f.put(f.vm("v"), f.block("SystemAssigned"))
		get := func(pid int) managedidentity.Minted {
			t.Helper()
			m, err := f.mint(f.vm("v"), pid, "", "")
			f.check(err)
			return m
		}
		first := get(1)
		for range 3 {
			if again := get(1); again.UTI != first.UTI {
				t.Fatal("the token was not kept")
			}
		}
		if a, b := get(2), get(2); a.UTI != first.UTI || b.UTI != first.UTI {
			t.Fatal("another process got another token")
		}
		if f.rows("token.issue") != 1 || f.rows("token.handout") != 1 {
			t.Errorf("%d issued, %d handed out; want 1 and 1", f.rows("token.issue"), f.rows("token.handout"))
		}
		f.check(f.Flush(t.Context()))
		f.check(f.Flush(t.Context()))
		list, err := f.log.List(t.Context(), audit.Filter{Kinds: []audit.Kind{audit.SignIn}})
		f.check(err)
		counts := map[int]string{}
		for _, e := range list {
			if e.Operation == "token.issue" && e.Details["uti"] != first.UTI {
				t.Errorf("the record of the token names it %q, want %q", e.Details["uti"], first.UTI)
			}
			if e.Operation == "token.repeat" {
				counts[e.Process.PID] += e.Details["count"]
			}
		}
		if counts[1] != "3" || counts[2] != "1" {
			t.Errorf("repeats are %v, want 3 by process 1 and 1 by process 2", counts)
		}
		f.offset.Store(12*3600 - 1)
		if get(1).UTI != first.UTI {
			t.Error("renewed before half its life")
		}
		f.offset.Store(12 * 3600)
		if second := get(1); second.UTI == first.UTI || !second.Expires.After(first.Expires) {
			t.Error("not renewed at half its life")
		}
		f.offset.Store(-3600)
		if m := get(1); m.Issued.Issued.Unix() != 1_760_000_000-3600 {
			t.Error("a token from the future was handed out after the clock went back")
		}
	})
}

// S-42, S-53: what changes takes effect at once, and equal spellings only share a token.
func TestChangesTakeEffectAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := open(t, db, nil)
		u := f.create("one")
		r := f.put(f.vm("v"), f.block("SystemAssigned, UserAssigned", "one"))
		byClient := func() (managedidentity.Minted, error) {
			return f.mint(f.vm("v"), 1, managedidentity.SelectClient, string(u.ClientID))
		}
		first, err := byClient()
		f.check(err)
		update := func(fn func(tx *store.Tx) error) { t.Helper(); f.check(db.Update(t.Context(), fn)) }
		update(func(tx *store.Tx) error {
			return f.directory.SetEnabled(t.Context(), tx, f.tenant, u.PrincipalID, false)
		})
		if _, err := byClient(); !errors.Is(err, managedidentity.ErrDisabled) {
			t.Errorf("a disabled identity: %v", err)
		}
		update(func(tx *store.Tx) error {
			return f.directory.SetEnabled(t.Context(), tx, f.tenant, u.PrincipalID, true)
		})
		second, err := byClient()
		if err != nil || second.UTI == first.UTI {
			t.Errorf("after it was enabled again: %v, the old token: %v", err, second.UTI == first.UTI)
		}
		_, err = f.PatchHost(t.Context(), f.write(f.vm("v"), f.block("SystemAssigned")))
		f.check(err)
		if _, err := byClient(); !errors.Is(err, managedidentity.ErrNotAssigned) {
			t.Errorf("a detached identity: %v", err)
		}
		if _, err := f.mint(f.vm("v"), 1, "", ""); err != nil {
			t.Errorf("the other one: %v", err)
		}
		update(func(tx *store.Tx) error {
			return f.directory.DeleteServicePrincipal(t.Context(), tx, f.tenant, r.Identity.PrincipalID)
		})
		if _, err := f.mint(f.vm("v"), 1, "", ""); !errors.Is(err, managedidentity.ErrNotAssigned) {
			t.Errorf("a deleted service principal: %v", err)
		}
	})
}

// S-53: two hosts that share an identity, and two spellings of an audience, share no token.
func TestTokensAreKeptApart(t *testing.T) {
	f := open(t, storetest.SQLite(t), nil)
	f.create("one")
	f.put(f.vm("a"), f.block("UserAssigned", "one"))
	f.put(f.vm("b"), f.block("UserAssigned", "one"))
	seen := map[string]string{}
	for _, host := range []string{"a", "b"} {
		for _, audience := range []string{vault, vault + "/", "https://storage.azure.com"} {
			for _, cc := range [][]string{nil, {"CP1"}} {
				m, err := f.Mint(t.Context(), managedidentity.Caller{Resource: f.vm(host)}, managedidentity.Request{Audience: audience, Dialect: managedidentity.IMDS, Capabilities: cc})
				f.check(err)
				what := fmt.Sprint(host, " ", audience, " ", cc)
				if before, ok := seen[m.UTI]; ok {
					t.Errorf("%q got the token of %q", what, before)
				}
				seen[m.UTI] = what
				if got := fmt.Sprint(f.claims(m)["xms_az_rid"]); !strings.HasSuffix(got, "/"+host) {
					t.Errorf("%q got a token for %s", what, got)
				}
			}
		}
	}
}

// TE §8.2: concurrent identical requests make one token, and each process is on record.
func TestConcurrentRequestsMakeOneToken(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := open(t, db, nil)
		f.put(f.vm("v"), f.block("SystemAssigned"))
		const n = 24
		var wg sync.WaitGroup
		utis := make([]string, n)
		for i := range n {
			wg.Go(func() {
				m, err := f.mint(f.vm("v"), i, "", "")
				if err != nil {
					t.Error(err)
				}
				utis[i] = m.UTI
			})
		}
		wg.Wait()
		for _, uti := range utis {
			if uti != utis[0] {
				t.Fatal("more than one token was made")
			}
		}
		if f.rows("token.issue") != 1 || f.rows("token.handout") != n-1 {
			t.Errorf("%d issued, %d handed out; want 1 and %d", f.rows("token.issue"), f.rows("token.handout"), n-1)
		}
	})
}

// D-4: the cached path touches no database: it works with the store closed. R-11: what
// cannot be put on record is not handed out.
func TestCachedTokensNeedNoDatabase(t *testing.T) {
	db := storetest.SQLite(t)
	f := open(t, db, nil)
	f.put(f.vm("v"), f.block("SystemAssigned"))
	first, err := f.mint(f.vm("v"), 1, "", "")
	f.check(err)
	f.check(db.Close())
	if again, err := f.mint(f.vm("v"), 1, "", ""); err != nil || again.UTI != first.UTI {
		t.Errorf("the same process got %q, %v", again.UTI, err)
	}
	if m, err := f.mint(f.vm("v"), 2, "", ""); !errors.Is(err, audit.ErrUnavailable) || !m.Token.Empty() {
		t.Errorf("a new process got a token without record: %v", err)
	}
	f.offset.Store(13 * 3600)
	if m, err := f.mint(f.vm("v"), 1, "", ""); !errors.Is(err, audit.ErrUnavailable) || !m.Token.Empty() {
		t.Errorf("a token was made without record: %v", err)
	}
}

// M-15: the 24 h switch keeps a token although its identity has changed; a disabled one gets none.
func TestKeepOnChange(t *testing.T) {
	f := open(t, storetest.SQLite(t), func(c *managedidentity.Config) { c.KeepOnChange = true })
	r := f.put(f.vm("v"), f.block("SystemAssigned"))
	first, err := f.mint(f.vm("v"), 1, "", "")
	f.check(err)
	toggle := func(on bool) {
		f.check(f.db.Update(t.Context(), func(tx *store.Tx) error {
			return f.directory.SetEnabled(t.Context(), tx, f.tenant, r.Identity.PrincipalID, on)
		}))
	}
	toggle(false)
	if _, err := f.mint(f.vm("v"), 1, "", ""); !errors.Is(err, managedidentity.ErrDisabled) {
		t.Errorf("a disabled identity: %v", err)
	}
	toggle(true)
	if m, err := f.mint(f.vm("v"), 1, "", ""); err != nil || m.UTI != first.UTI {
		t.Errorf("the token was not kept: %v", err)
	}
}

// An audience that an application of the tenant gives up is refused, cached or not.
func TestAudienceIsResolvedEachTime(t *testing.T) {
	f := open(t, storetest.SQLite(t), nil)
	f.put(f.vm("v"), f.block("SystemAssigned"))
	var app directory.Application
	f.check(f.db.Update(t.Context(), func(tx *store.Tx) (err error) {
		app, err = f.directory.CreateApplication(t.Context(), tx, directory.NewApplication{Tenant: f.tenant, DisplayName: "api", IdentifierURIs: []string{"api://mine"}, TokenVersion: 2})
		if err != nil {
			return err
		}
		_, err = f.directory.CreateServicePrincipal(t.Context(), tx, directory.NewServicePrincipal{Tenant: f.tenant, Kind: directory.KindApplication, App: app.App})
		return err
	}))
	ask := func() (managedidentity.Minted, error) {
		return f.Mint(t.Context(), managedidentity.Caller{Resource: f.vm("v")}, managedidentity.Request{Audience: "api://mine", Dialect: managedidentity.IMDS})
	}
	if m, err := ask(); err != nil || m.Audience != string(app.App) {
		t.Fatalf("audience %q, %v", m.Audience, err)
	}
	f.check(f.db.Update(t.Context(), func(tx *store.Tx) error {
		return f.directory.DeleteApplication(t.Context(), tx, f.tenant, app.App)
	}))
	if _, err := ask(); !errors.Is(err, token.ErrAudienceUnknown) {
		t.Errorf("a deleted audience: %v", err)
	}
}

// D-4: counts that are not written yet are written when the service stops.
func TestRunFlushesWhenItEnds(t *testing.T) {
	f := open(t, storetest.SQLite(t), nil)
	f.put(f.vm("v"), f.block("SystemAssigned"))
	for range 2 {
		_, err := f.mint(f.vm("v"), 1, "", "")
		f.check(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	f.check(f.Run(ctx))
	if f.rows("token.repeat") != 1 {
		t.Errorf("%d rows of repeats, want 1", f.rows("token.repeat"))
	}
}
