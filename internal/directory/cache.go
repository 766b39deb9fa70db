package directory

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealring/sealring/internal/directory/builtin"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
)

// tenantKey, ApplicationKey and PrincipalKey are the keys of the change feed: a letter for
// the kind of object, then its id.
func tenantKey(t id.Tenant) string { return "t/" + string(t) }

// ApplicationKey stands for an application and its credentials.
func ApplicationKey(a id.App) string { return "a/" + string(a) }

// PrincipalKey stands for a service principal.
func PrincipalKey(object id.Object) string { return "p/" + string(object) }

// appIn is a client id in a tenant.
type appIn struct {
	tenant id.Tenant
	app    id.App
}

// uriIn is a canonical identifier URI in a tenant.
type uriIn struct {
	tenant id.Tenant
	uri    string
}

// storedSecret is a client secret with its hash.
type storedSecret struct {
	Secret
	hash []byte
}

// storedApplication is an application with its credentials.
type storedApplication struct {
	Application
	secrets      []storedSecret
	certificates []Certificate
	view         *Registration // what is shown of it; made when it is put into the state
}

// state is the directory in memory: live objects only. Objects behind pointers and slices
// are replaced, never changed.
type state struct {
	tenants      map[id.Tenant]Tenant
	domains      map[string]id.Tenant
	applications map[id.App]*storedApplication
	registered   map[id.Object]*storedApplication
	registry     map[id.Tenant][]*Registration // by object id
	uris         map[uriIn]id.App
	principals   map[id.Object]*ServicePrincipal
	byApp        map[appIn]*ServicePrincipal
	ordered      map[id.Tenant][]*ServicePrincipal // by object id
	users        map[id.Object]*User
	upns         map[nameIn]*User
	people       map[id.Tenant][]*User   // by object id
	floors       map[id.Object]time.Time // from when on tokens are accepted
}

// cache holds the state and the keys that are newer in the store. A reader that finds such
// keys loads them first, so it sees every write that was delivered before it asked.
type cache struct {
	db *store.DB

	refresh sync.Mutex // held while loading; taken before mu and stale's lock

	// fresh is true while everything is loaded and stale is empty; set under staleMu.
	fresh atomic.Bool

	mu     sync.RWMutex // guards state and loaded
	state  *state
	loaded bool

	staleMu sync.Mutex // guards stale and gen; the innermost lock
	stale   map[string]uint64
	gen     uint64
}

// newCache returns an empty cache that loads everything on first use.
func newCache(db *store.DB) *cache {
	return &cache{db: db, stale: map[string]uint64{}, state: &state{
		tenants: map[id.Tenant]Tenant{}, domains: map[string]id.Tenant{}, applications: map[id.App]*storedApplication{}, uris: map[uriIn]id.App{},
		principals: map[id.Object]*ServicePrincipal{}, byApp: map[appIn]*ServicePrincipal{}, ordered: map[id.Tenant][]*ServicePrincipal{},
		users: map[id.Object]*User{}, upns: map[nameIn]*User{}, people: map[id.Tenant][]*User{},
		floors: map[id.Object]time.Time{}, registered: map[id.Object]*storedApplication{}, registry: map[id.Tenant][]*Registration{},
	}}
}

// invalidate notes keys of the change feed. It does not use the store.
func (c *cache) invalidate(keys []string) {
	c.staleMu.Lock()
	defer c.staleMu.Unlock()
	c.gen++
	c.fresh.Store(false)
	for _, k := range keys {
		c.stale[k] = c.gen
	}
}

// read returns the state with mu held for reading; call done when finished with it.
func (c *cache) read(ctx context.Context) (*state, error) {
	if !c.fresh.Load() {
		if err := c.load(ctx); err != nil {
			return nil, err
		}
	}
	c.mu.RLock()
	return c.state, nil
}

// done ends a read.
func (c *cache) done() { c.mu.RUnlock() }

// load brings the state to what the store held when load began, or later.
func (c *cache) load(ctx context.Context) error {
	c.refresh.Lock()
	defer c.refresh.Unlock()
	c.staleMu.Lock()
	wanted := maps.Clone(c.stale)
	c.staleMu.Unlock()
	c.mu.RLock()
	all := !c.loaded
	c.mu.RUnlock()
	if !all && len(wanted) == 0 {
		return nil // another reader has loaded meanwhile
	}
	var rows loadedRows
	err := c.db.View(ctx, func(tx *store.Tx) error { return rows.read(ctx, tx, all, slices.Collect(maps.Keys(wanted))) })
	if err != nil {
		return fmt.Errorf("load the directory: %w", err)
	}
	c.mu.Lock()
	for k := range wanted {
		c.state.remove(k)
	}
	c.state.add(rows)
	c.loaded = true
	c.mu.Unlock()
	c.staleMu.Lock()
	for k, gen := range wanted {
		if c.stale[k] == gen {
			delete(c.stale, k)
		}
	}
	c.fresh.Store(len(c.stale) == 0)
	c.staleMu.Unlock()
	return nil
}

// remove takes the object of a feed key out of every index.
func (s *state) remove(key string) {
	kind, name, _ := strings.Cut(key, "/")
	switch kind {
	case "t":
		for _, d := range s.tenants[id.Tenant(name)].Domains {
			delete(s.domains, d)
		}
		delete(s.tenants, id.Tenant(name))
	case "a":
		if a, ok := s.applications[id.App(name)]; ok {
			for _, u := range a.IdentifierURIs {
				delete(s.uris, uriIn{a.Tenant, builtin.Canonical(u)})
			}
			delete(s.applications, a.App)
			delete(s.registered, a.ID)
			s.registry[a.Tenant] = slices.DeleteFunc(slices.Clone(s.registry[a.Tenant]), func(o *Registration) bool { return o == a.view })
		}
	case "f":
		delete(s.floors, id.Object(name))
	case "u":
		s.removeUser(id.Object(name))
	case "p":
		if sp, ok := s.principals[id.Object(name)]; ok {
			delete(s.principals, sp.ID)
			if s.byApp[appIn{sp.Tenant, sp.App}] == sp {
				delete(s.byApp, appIn{sp.Tenant, sp.App})
			}
			s.ordered[sp.Tenant] = slices.DeleteFunc(slices.Clone(s.ordered[sp.Tenant]), func(o *ServicePrincipal) bool { return o == sp })
		}
	}
}

// add puts loaded objects into every index.
func (s *state) add(rows loadedRows) {
	for _, t := range rows.tenants {
		s.tenants[t.ID] = t
		for _, d := range t.Domains {
			s.domains[d] = t.ID
		}
	}
	apps := map[id.Tenant][]*Registration{}
	for _, a := range rows.applications {
		s.applications[a.App], s.registered[a.ID] = a, a
		a.view = a.registration()
		apps[a.Tenant] = append(apps[a.Tenant], a.view)
		for _, u := range a.IdentifierURIs {
			s.uris[uriIn{a.Tenant, builtin.Canonical(u)}] = a.App
		}
	}
	for tenant, more := range apps {
		list := append(slices.Clone(s.registry[tenant]), more...)
		slices.SortFunc(list, func(a, b *Registration) int { return compareObjects(a.ID, b.ID) })
		s.registry[tenant] = list
	}
	fresh := map[id.Tenant][]*ServicePrincipal{}
	for _, sp := range rows.principals {
		s.principals[sp.ID] = sp
		s.byApp[appIn{sp.Tenant, sp.App}] = sp
		fresh[sp.Tenant] = append(fresh[sp.Tenant], sp)
	}
	for tenant, more := range fresh {
		list := append(slices.Clone(s.ordered[tenant]), more...)
		slices.SortFunc(list, func(a, b *ServicePrincipal) int { return compareObjects(a.ID, b.ID) })
		s.ordered[tenant] = list
	}
	s.addUsers(rows.users)
	maps.Copy(s.floors, rows.floors)
}

// compareObjects orders object ids.
func compareObjects(a, b id.Object) int { return strings.Compare(string(a), string(b)) }

// loadedRows is what a load reads.
type loadedRows struct {
	tenants      []Tenant
	applications []*storedApplication
	principals   []*ServicePrincipal
	users        []*User
	floors       map[id.Object]time.Time
}

// read loads everything, or the objects of keys.
func (l *loadedRows) read(ctx context.Context, tx *store.Tx, all bool, keys []string) error {
	if all {
		keys = []string{"t/", "a/", "p/", "u/", "f/"}
	}
	for _, k := range keys {
		kind, name, _ := strings.Cut(k, "/")
		var err error
		switch kind {
		case "t":
			err = l.readTenants(ctx, tx, name)
		case "a":
			err = l.readApplications(ctx, tx, name)
		case "p":
			err = l.readPrincipals(ctx, tx, name)
		case "u":
			err = l.readUsers(ctx, tx, name)
		case "f":
			err = l.readFloors(ctx, tx, name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// onlyRow is the condition that picks one row by key, or nothing where key is "".
func onlyRow(column, key string) (condition string, args []any) {
	if key == "" {
		return "", nil
	}
	return " AND " + column + " = $1", []any{key}
}

// readTenants loads one tenant, or all for "".
func (l *loadedRows) readTenants(ctx context.Context, tx *store.Tx, only string) error {
	condition, args := onlyRow("id", only)
	return tx.Query(ctx, func(r store.Row) error {
		var t Tenant
		var domains string
		var created int64
		if err := r.Scan(&t.ID, &t.DisplayName, &domains, &created); err != nil {
			return fmt.Errorf("scan tenant: %w", err)
		}
		if json.Unmarshal([]byte(domains), &t.Domains) != nil {
			return nil // a damaged row is an object that does not exist, and harms no other (S-67)
		}
		t.Created = instant(created)
		l.tenants = append(l.tenants, t)
		return nil
	}, "SELECT id, display_name, domains, created_at FROM directory_tenants WHERE 1 = 1"+condition, args...)
}

// readPrincipals loads one service principal, or all for ""; tombstones are left out.
func (l *loadedRows) readPrincipals(ctx context.Context, tx *store.Tx, only string) error {
	condition, args := onlyRow("id", only)
	return tx.Query(ctx, tx.Sound(ctx, "service principal", func(r store.Row) error {
		sp, err := ScanServicePrincipal(r)
		if err == nil { // a damaged row is as a damaged tenant
			l.principals = append(l.principals, &sp)
		}
		return err
	}), "SELECT "+ServicePrincipalColumns+" FROM directory_service_principals WHERE deleted_at = 0"+condition, args...)
}
