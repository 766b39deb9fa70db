package resource_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
)

// subscription is the GUID of sub.
const subscription = "11111111-1111-1111-1111-111111111111"

// fixture is a service with one subscription and the group "rg".
type fixture struct {
	*resource.Service
	db *store.DB
}

// fixedNow is the time of the tests.
func fixedNow() time.Time { return time.Unix(1_760_000_000, 0) }

// open makes a fixture over db.
func open(t *testing.T, db *store.DB) fixture {
	t.Helper()
	log, err := audit.New(audit.Config{Store: db, Server: "a", Now: fixedNow})
	if err != nil {
		t.Fatal(err)
	}
	return openWith(t, db, resource.Config{Store: db, Audit: log, Now: fixedNow})
}

// openWith makes a fixture over db from a configuration.
func openWith(t *testing.T, db *store.DB, c resource.Config) fixture {
	t.Helper()
	s, err := resource.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.PutSubscription(t.Context(), resource.Subscription{ID: subscription, Tenant: "t", Name: "mine"}); err != nil {
		t.Fatal(err)
	}
	f := fixture{s, db}
	f.group(t, "rg")
	return f
}

// group creates a resource group.
func (f fixture) group(t *testing.T, name string) resource.ID {
	t.Helper()
	g, _, err := f.PutGroup(t.Context(), resource.GroupID(subscription, name), resource.Precondition{}, func(g *resource.Group) error {
		g.Location = "West Europe"
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return g.ID
}

// save stores a resource in a transaction of its own.
func (f fixture) save(ctx context.Context, r resource.Resource) (out resource.Resource, err error) {
	err = f.db.Update(ctx, func(tx *store.Tx) error {
		out, err = f.Save(ctx, tx, r)
		return err
	})
	return out, err
}

// must stores a resource that has to be accepted.
func (f fixture) must(t *testing.T, text string) resource.Resource {
	t.Helper()
	out, err := f.save(t.Context(), resource.Resource{ID: parse(t, text), Location: "westeurope"})
	if err != nil {
		t.Fatalf("save %s: %v", text, err)
	}
	return out
}

// CP §2.2, §2.8, §2.10: what is stored comes back, without nulls, spelled as first written.
func TestSaveKeepsTheBody(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := open(t, db)
		ctx := audit.WithActor(t.Context(), audit.Actor{Object: "o1", Type: "User"})
		first, err := f.save(ctx, resource.Resource{
			ID: parse(t, sub+"/resourceGroups/RG/providers/Microsoft.Web/sites/App"), Location: "West Europe", Kind: "app",
			Tags: map[string]string{"Env": "<b>"}, SKU: json.RawMessage(`{"name":"S1","x":null}`),
			Properties: json.RawMessage(`{"n":12345678901234567890.10,"null":null,"deep":[{"a":null},null,{"b":"<&>"}]}`),
			Extra:      json.RawMessage(`{"zones":["1"]}`), Plan: json.RawMessage(`null`),
			Identity: block(t, "Sab"),
		})
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.Get(t.Context(), parse(t, sub+"/resourcegroups/rg/providers/microsoft.web/SITES/app"))
		if err != nil {
			t.Fatal(err)
		}
		if want := sub + "/resourceGroups/rg/providers/Microsoft.Web/sites/App"; got.ID.String() != want {
			t.Errorf("id is %s, want %s: the group as created, the rest as first written", got.ID, want)
		}
		if want := `{"deep":[{},{"b":"<&>"}],"n":12345678901234567890.10}`; string(got.Properties) != want {
			t.Errorf("properties are %s, want %s", got.Properties, want)
		}
		if string(got.SKU) != `{"name":"S1"}` || got.Plan != nil || got.Location != "westeurope" || got.Tags["Env"] != "<b>" || got.Tenant != "t" {
			t.Errorf("stored %+v", got)
		}
		if text(got.Identity) != "Sab" || got.Created.By != "o1" || got.Created.ByType != "User" || got.ETag() != first.ETag() {
			t.Errorf("stored %+v", got)
		}
		again, err := f.save(t.Context(), resource.Resource{ID: parse(t, sub+"/resourceGroups/rg/providers/Microsoft.Web/sites/APP")})
		if err != nil {
			t.Fatal(err)
		}
		if again.ID.String() != got.ID.String() || again.ETag() == got.ETag() || again.Location != "westeurope" || again.Created != got.Created {
			t.Errorf("second write gave %+v", again)
		}
		if _, err := f.save(t.Context(), resource.Resource{ID: got.ID, Location: "eastus"}); !errors.Is(err, resource.ErrLocationFixed) {
			t.Errorf("moving it gave %v", err)
		}
	})
}

func TestSaveRefuses(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := open(t, db)
		f.group(t, "other")
		f.must(t, sub+"/resourceGroups/rg/providers/Microsoft.Web/sites/app")
		site := sub + "/resourceGroups/rg/providers/Microsoft.Web/sites/"
		many := map[string]string{}
		for n := range 51 {
			many[fmt.Sprint(n)] = ""
		}
		for _, c := range []struct {
			name string
			r    resource.Resource
			want error
		}{
			{"an unknown subscription", resource.Resource{ID: parse(t, "/subscriptions/22222222-2222-2222-2222-222222222222/providers/N/t/a")}, resource.ErrSubscriptionNotFound},
			{"an unknown group", resource.Resource{ID: parse(t, sub+"/resourceGroups/none/providers/N/t/a")}, resource.ErrGroupNotFound},
			{"an unknown parent", resource.Resource{ID: parse(t, site+"none/slots/s")}, resource.ErrParentNotFound},
			{"a bare scope", resource.Resource{ID: parse(t, sub+"/resourceGroups/rg")}, resource.ErrInvalidID},
			{"an app name that another group has", resource.Resource{ID: parse(t, sub+"/resourceGroups/other/providers/microsoft.web/Sites/APP")}, resource.ErrNameTaken},
			{"too many tags", resource.Resource{ID: parse(t, site+"x"), Tags: many}, resource.ErrInvalid},
			{"one tag in two spellings", resource.Resource{ID: parse(t, site+"x"), Tags: map[string]string{"a": "", "A": ""}}, resource.ErrInvalid},
			{"properties that are no object", resource.Resource{ID: parse(t, site+"x"), Properties: json.RawMessage(`[1]`)}, resource.ErrInvalid},
		} {
			t.Run(c.name, func(t *testing.T) {
				if _, err := f.save(t.Context(), c.r); !errors.Is(err, c.want) {
					t.Errorf("error is %v, want %v", err, c.want)
				}
			})
		}
		// The positive twin: the name is free again once its holder is gone.
		err := db.Update(t.Context(), func(tx *store.Tx) error {
			_, err := f.Remove(t.Context(), tx, parse(t, site+"APP"))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		f.must(t, sub+"/resourceGroups/other/providers/Microsoft.Web/sites/app")
	})
}

// keys are the ids of a page, without the subscription.
func keys(page []resource.Resource) (out []string) {
	for _, r := range page {
		out = append(out, r.ID.Key()[len(sub):])
	}
	return out
}

// CP §2.9: lists by subscription, group, type and parent, in pages, alike on both engines.
func TestListInPages(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := open(t, db)
		f.group(t, "rg2")
		a := sub + "/resourceGroups/rg/providers/"
		for _, one := range []string{a + "Microsoft.Web/sites/b", a + "Microsoft.Web/sites/b/slots/s", a + "Microsoft.Web/sites/B-2", a + "Microsoft.Web/sites/a_1",
			a + "Microsoft.Compute/virtualMachines/v", sub + "/resourceGroups/rg2/providers/Microsoft.Web/sites/c"} {
			f.must(t, one)
		}
		if _, err := f.save(t.Context(), resource.Resource{ID: parse(t, a+"Microsoft.Web/sites/b/config/web"), Hidden: true}); err != nil {
			t.Fatal(err)
		}
		rg := parse(t, sub+"/resourceGroups/RG")
		web := "/resourcegroups/rg/providers/microsoft.web/sites/"
		for _, c := range []struct {
			name string
			q    resource.Query
			want []string
		}{
			{"by group, not its longer namesake", resource.Query{Scope: rg}, []string{"/resourcegroups/rg/providers/microsoft.compute/virtualmachines/v", web + "a_1", web + "b", web + "b-2", web + "b/slots/s"}},
			{"by type in another case", resource.Query{Scope: parse(t, sub), Type: "microsoft.WEB/sites"}, []string{web + "a_1", web + "b", web + "b-2", "/resourcegroups/rg2/providers/microsoft.web/sites/c"}},
			{"directly under the group", resource.Query{Scope: rg, Direct: true, Type: "Microsoft.Web/sites"}, []string{web + "a_1", web + "b", web + "b-2"}},
			{"under a parent", resource.Query{Scope: parse(t, a+"Microsoft.Web/sites/B"), Direct: true}, []string{web + "b/slots/s"}},
			{"with settings", resource.Query{Scope: parse(t, a+"Microsoft.Web/sites/B"), Hidden: true}, []string{web + "b/config/web", web + "b/slots/s"}},
			{"everything", resource.Query{Scope: resource.Root(), Type: "Microsoft.Compute/virtualMachines"}, []string{"/resourcegroups/rg/providers/microsoft.compute/virtualmachines/v"}},
		} {
			t.Run(c.name, func(t *testing.T) {
				whole, next, err := f.List(t.Context(), c.q)
				if err != nil || next != "" || !slices.Equal(keys(whole), c.want) {
					t.Fatalf("list is %q, next %q, %v; want %q", keys(whole), next, err, c.want)
				}
				var paged []resource.Resource
				for c.q.Limit = 1; ; {
					page, next, err := f.List(t.Context(), c.q)
					if err != nil || len(page) > 1 {
						t.Fatalf("page %q, %v", keys(page), err)
					}
					paged = append(paged, page...)
					if c.q.After = next; next == "" {
						break
					}
				}
				if !slices.Equal(keys(paged), c.want) {
					t.Errorf("pages are %q, want %q", keys(paged), c.want)
				}
			})
		}
	})
}

// CP §2.13: a group goes with everything in it, hosts before identities before settings.
func TestRemoveGroupCascades(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := open(t, db)
		f.group(t, "rg2")
		a := sub + "/resourceGroups/rg/providers/"
		for _, one := range []string{uai("x"), a + "Microsoft.Web/sites/b", a + "Microsoft.Web/sites/b/slots/s", sub + "/resourceGroups/rg2/providers/N/t/keep"} {
			if one == uai("x") {
				one = a + "Microsoft.ManagedIdentity/userAssignedIdentities/x"
			}
			f.must(t, one)
		}
		var gone []resource.Resource
		err := db.Update(t.Context(), func(tx *store.Tx) (err error) {
			gone, err = f.RemoveGroup(t.Context(), tx, parse(t, sub+"/resourceGroups/RG"))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		p := "/resourcegroups/rg/providers/"
		if want := []string{p + "microsoft.web/sites/b/slots/s", p + "microsoft.web/sites/b", p + "microsoft.managedidentity/userassignedidentities/x"}; !slices.Equal(keys(gone), want) {
			t.Errorf("removed %q, want %q", keys(gone), want)
		}
		if rest, _, err := f.List(t.Context(), resource.Query{Scope: resource.Root()}); err != nil || len(rest) != 1 {
			t.Errorf("left are %q, %v", keys(rest), err)
		}
		if _, err := f.Group(t.Context(), parse(t, sub+"/resourceGroups/rg")); !errors.Is(err, resource.ErrGroupNotFound) {
			t.Errorf("the group is still there: %v", err)
		}
		groups, _, err := f.Groups(t.Context(), subscription, "", 0)
		if err != nil || len(groups) != 1 || groups[0].ID.Name() != "rg2" {
			t.Errorf("groups are %+v, %v", groups, err)
		}
	})
}

// CP §2.8: the table of conditions, and revisions that are never used twice.
func TestPreconditions(t *testing.T) {
	for _, c := range []struct {
		name, match, none, tag string
		ok                     bool
	}{
		{"no condition", "", "", `"1"`, true},
		{"if-match on nothing", "*", "", "", false},
		{"if-match any", "*", "", `"1"`, true},
		{"if-match the tag", `"1"`, "", `"1"`, true},
		{"if-match one of several", `"0", "1"`, "", `"1"`, true},
		{"if-match another tag", `"2"`, "", `"1"`, false},
		{"if-none-match any on nothing", "", "*", "", true},
		{"if-none-match any", "", "*", `"1"`, false},
		{"if-none-match another tag", "", `"2"`, `"1"`, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := resource.Precondition{IfMatch: c.match, IfNoneMatch: c.none}.Check(c.tag)
			if (err == nil) != c.ok {
				t.Errorf("error is %v", err)
			}
		})
	}
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := open(t, db)
		first := f.must(t, sub+"/resourceGroups/rg/providers/N/t/a")
		err := db.Update(t.Context(), func(tx *store.Tx) error {
			_, err := f.Remove(t.Context(), tx, first.ID)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if second := f.must(t, first.ID.String()); second.ETag() == first.ETag() {
			t.Error("a new resource of the same name has the old tag")
		}
		_, _, err = f.PutGroup(t.Context(), resource.GroupID(subscription, "rg"), resource.Precondition{IfNoneMatch: "*"}, func(*resource.Group) error { return nil })
		if !errors.Is(err, resource.ErrPrecondition) {
			t.Errorf("creating a group that exists gave %v", err)
		}
	})
}
