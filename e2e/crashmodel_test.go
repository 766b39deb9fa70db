//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	byteorder "encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/store"
)

// The size of the model: objects are few and change often, so that every comparison sees
// all of them.
const (
	writers    = 4
	slots      = 6
	crashVault = "crash"
	crashSite  = "crash"
)

// object is what a client can see of one object. The zero value is one that is not there;
// "?" in a field stands for what only the answer would have told.
type object struct {
	there     bool
	principal string // identities, machines with a system identity, assignments
	attached  string // machines: the one attached identity
	tag       string // machines
	version   string // secrets: of the current version
	value     string // secrets
}

// matches compares, taking "?" for anything that is not empty.
func (o object) matches(want object) bool {
	for _, f := range [][2]*string{{&o.principal, &want.principal}, {&o.version, &want.version}} {
		if *f[1] == "?" && *f[0] != "" {
			*f[1] = *f[0]
		}
	}
	return o == want
}

// pending is a write whose answer did not come: it happened wholly or not at all.
type pending struct {
	before, after object
	correlation   string
}

// model is what the server has acknowledged.
type model struct {
	v *victim

	mu           sync.Mutex // guards what follows
	known        map[string]object
	open         map[string]pending
	acknowledged map[string]string // correlation id of each acknowledged write → what it was
	utis         map[string]string // of each token handed out → to whom
	cycleAcks    []string
	writes       int // acknowledged over all cycles
	compared     int // comparisons of an acknowledged object with what is there
	unanswered   int
	happened     int // of the unanswered ones
}

// newModel knows of nothing.
func newModel(v *victim) *model {
	return &model{v: v, known: map[string]object{}, open: map[string]pending{}, acknowledged: map[string]string{}, utis: map[string]string{}}
}

// summary says what was done.
func (m *model) summary() string {
	return fmt.Sprintf("%d acknowledged writes and %d tokens on record, %d comparisons of objects, %d unanswered writes (%d happened)",
		m.writes, len(m.utis), m.compared, m.unanswered, m.happened)
}

// prepare makes the vault, the site and the identities that others refer to.
func (m *model) prepare() {
	v := m.v
	v.t.Helper()
	v.signIn()
	vault := v.group() + "/providers/Microsoft.KeyVault/vaults/" + crashVault
	m.expect(v.arm("PUT", vault, "2023-07-01", "", `{"location":"local","properties":{"tenantId":"`+v.TenantID+`","sku":{"family":"A","name":"standard"},"accessPolicies":[
		{"tenantId":"`+v.TenantID+`","objectId":"`+m.adminObject()+`","permissions":{"secrets":["all"]}}]}}`))
	m.expect(v.arm("PUT", v.group()+"/providers/Microsoft.Web/sites/"+crashSite, "2023-12-01", "", `{"location":"local","identity":{"type":"SystemAssigned"},"properties":{}}`))
	for w := range writers {
		for s := range 2 {
			name := fixedName(w, s)
			a := m.identity(name)
			m.expect(a)
			m.known["fixed/"+name] = object{there: true, principal: principalOf(a)}
		}
	}
}

// expect fails the test unless the answer is a success.
func (m *model) expect(a reply) {
	m.v.t.Helper()
	if a.status/100 != 2 {
		m.v.t.Fatalf("status %d %s", a.status, tail(a.body, 400))
	}
}

// fixedName is an identity that lives through everything; others are attached or granted.
func fixedName(w, s int) string { return fmt.Sprintf("fixed-%d-%d", w, s) }

// adminObject reads the administrator's object id from its own token.
func (m *model) adminObject() string {
	return claim(m.v.tokens["arm"], "oid")
}

// claim reads a claim without checking the token, which others do.
func claim(token, name string) string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return ""
	}
	raw, _ := base64.RawURLEncoding.DecodeString(parts[1])
	var claims map[string]any
	_ = json.Unmarshal(raw, &claims)
	text, _ := claims[name].(string)
	return text
}

// The paths of objects.
func (m *model) identityPath(name string) string {
	return m.v.group() + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/" + name
}

// machinePath is the id of a machine.
func (m *model) machinePath(name string) string {
	return m.v.group() + "/providers/Microsoft.Compute/virtualMachines/" + name
}

// assignmentPath is the id of the assignment with a fixed name per writer and slot.
func (m *model) assignmentPath(name string) string {
	return m.v.group() + "/providers/Microsoft.Authorization/roleAssignments/" + name
}

// assignmentName is a GUID made of writer and slot.
func assignmentName(w, s int) string { return fmt.Sprintf("c7a54000-0000-4000-8000-%06d%06d", w, s) }

// identity makes a user-assigned identity.
func (m *model) identity(name string) reply {
	return m.v.arm("PUT", m.identityPath(name), "2023-01-31", "", `{"location":"local"}`)
}

// list lists resources of the group.
func (m *model) list(path, version string) reply {
	return m.v.arm("GET", m.v.group()+path, version, "", "")
}

// principalOf reads the principal of an identity, a machine or an assignment.
func principalOf(a reply) string {
	var out struct {
		Identity   struct{ PrincipalID string }
		Properties struct{ PrincipalID string }
	}
	_ = json.Unmarshal([]byte(a.body), &out)
	return out.Identity.PrincipalID + out.Properties.PrincipalID
}

// change is one write: what it does to the object of its key, and how to ask for it.
type change struct {
	key   string
	after object
	do    func(correlation string) reply
	learn func(o *object, a reply) // completes after from the answer
}

// write sends random changes until the server is gone or stop is closed.
func (m *model) write(w int, stop <-chan struct{}) {
	header := m.register()
	for {
		select {
		case <-stop:
			return
		default:
		}
		if rand.IntN(5) == 0 {
			if !m.token(w, header) {
				return
			}
			continue
		}
		c, ok := m.choose(w, rand.IntN(slots))
		if ok && !m.apply(c) {
			return
		}
	}
}

// apply sends a change and notes how it ended; false when the server is gone.
func (m *model) apply(c change) bool {
	m.mu.Lock()
	before := m.known[c.key]
	m.mu.Unlock()
	correlation := uuid.NewString()
	a := c.do(correlation)
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case a.status/100 == 2:
		after := c.after
		if c.learn != nil {
			c.learn(&after, a)
		}
		m.known[c.key] = after
		m.acknowledged[correlation] = c.key
		m.cycleAcks = append(m.cycleAcks, correlation)
		m.writes++
	case a.status == 0 || a.status >= 500:
		m.open[c.key] = pending{before, c.after, correlation}
		m.unanswered++
	default:
		m.v.t.Errorf("%s: status %d %s", c.key, a.status, tail(a.body, 300))
		return false
	}
	return a.status != 0
}

// choose picks what to do with a slot: make, change or remove one of four kinds. Slots with
// an open question are left alone.
func (m *model) choose(w, s int) (change, bool) {
	kinds := []func(w, s int) change{m.changeIdentity, m.changeMachine, m.changeAssignment, m.changeSecret}
	c := kinds[rand.IntN(len(kinds))](w, s)
	m.mu.Lock()
	defer m.mu.Unlock()
	_, open := m.open[c.key]
	return c, !open
}

// get reads what is known.
func (m *model) get(key string) object {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.known[key]
}

// changeIdentity makes a user-assigned identity, or removes it.
func (m *model) changeIdentity(w, s int) change {
	name := fmt.Sprintf("id-%d-%d", w, s)
	c := change{key: "identity/" + name, after: object{there: true, principal: "?"}}
	method, body := "PUT", `{"location":"local"}`
	if m.get(c.key).there {
		method, body, c.after = "DELETE", "", object{}
	} else {
		c.learn = func(o *object, a reply) { o.principal = principalOf(a) }
	}
	c.do = func(id string) reply { return m.v.arm(method, m.identityPath(name), "2023-01-31", id, body) }
	return c
}

// changeMachine makes a machine with a system identity and an attached one, takes one of
// them away, changes a tag, or removes it all.
func (m *model) changeMachine(w, s int) change {
	name := fmt.Sprintf("vm-%d-%d", w, s)
	c := change{key: "machine/" + name}
	was := m.get(c.key)
	tag := strconv.Itoa(rand.IntN(1e6))
	method, body := "PUT", ""
	attached := fixedName(w, rand.IntN(2))
	switch n := rand.IntN(4); {
	case was.there && n == 0:
		method = "DELETE"
	case was.there && n == 1: // the system identity goes, an attachment stays or comes
		c.after = object{there: true, attached: attached, tag: tag}
		body = m.machineBody("UserAssigned", attached, tag)
	default:
		c.after = object{there: true, attached: attached, tag: tag, principal: was.principal}
		if was.principal == "" {
			c.after.principal = "?"
		}
		c.learn = func(o *object, a reply) {
			if o.principal = principalOf(a); was.principal != "" && o.principal != was.principal {
				m.v.t.Errorf("%s changed its principal from %s to %s", name, was.principal, o.principal)
			}
		}
		body = m.machineBody("SystemAssigned,UserAssigned", attached, tag)
	}
	c.do = func(id string) reply { return m.v.arm(method, m.machinePath(name), "2024-07-01", id, body) }
	return c
}

// machineBody is a machine with an identity block.
func (m *model) machineBody(kind, attached, tag string) string {
	return `{"location":"local","tags":{"n":"` + tag + `"},"identity":{"type":"` + kind + `","userAssignedIdentities":{"` + m.identityPath(attached) + `":{}}},"properties":{}}`
}

// roles give each slot's assignment one of its own, as (scope, principal, role) is unique.
var roles = []string{"acdd72a7-3385-48ef-bd42-f606fba81ae7", "4633458b-17de-408a-b874-0445c86b69e6", "21090545-7ca7-4776-b22c-e363652d74d2"}

// changeAssignment makes a role assignment, or removes it.
func (m *model) changeAssignment(w, s int) change {
	name := assignmentName(w, s)
	c := change{key: "assignment/" + name}
	if m.get(c.key).there {
		c.do = func(id string) reply { return m.v.arm("DELETE", m.assignmentPath(name), "2022-04-01", id, "") }
		return c
	}
	principal := m.get("fixed/" + fixedName(w, s%2)).principal
	c.after = object{there: true, principal: principal}
	body := `{"properties":{"roleDefinitionId":"/subscriptions/` + m.v.SubscriptionID + `/providers/Microsoft.Authorization/roleDefinitions/` + roles[s/2] +
		`","principalId":"` + principal + `","principalType":"ServicePrincipal"}}`
	c.do = func(id string) reply { return m.v.arm("PUT", m.assignmentPath(name), "2022-04-01", id, body) }
	return c
}

// changeSecret adds a version.
func (m *model) changeSecret(w, s int) change {
	name, value := fmt.Sprintf("s-%d-%d", w, s), uuid.NewString()
	return change{
		key: "secret/" + name, after: object{there: true, version: "?", value: value},
		do: func(id string) reply {
			return m.v.vaultCall("PUT", crashVault, "/secrets/"+name, id, `{"value":"`+value+`"}`)
		},
		learn: func(o *object, a reply) { o.version = versionOf(a.body) },
	}
}

// versionOf reads the version out of a secret's id.
func versionOf(body string) string {
	var out struct{ ID string }
	_ = json.Unmarshal([]byte(body), &out)
	return out.ID[strings.LastIndexByte(out.ID, '/')+1:]
}

// register makes this process the site's program and returns what proves it; "" if the
// server is gone.
func (m *model) register() string {
	v := m.v
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return ""
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	c := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", v.data+"/node.sock")
		}}}
	body := fmt.Sprintf(`{"resource_id":%q,"pid":%d,"start_time":%s}`, v.group()+"/providers/Microsoft.Web/sites/"+crashSite, os.Getpid(), fields[19])
	resp, err := c.Post("http://node/node/v1/workloads", "application/json", strings.NewReader(body))
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	var out struct {
		Header string `json:"identity_header"`
	}
	_ = json.NewDecoder(resp.Body).Decode(&out)
	return out.Header
}

// token gets one, from the token service or as the site's program; whatever reaches us is
// to be on record. False when the server is gone.
func (m *model) token(w int, header string) bool {
	var a reply
	who := "administrator"
	if header != "" && w%2 == 0 {
		who = "site"
		a = m.v.send("GET", m.v.Node+"/msi/token?api-version=2019-08-01&resource="+url.QueryEscape("https://vault.azure.net"), "",
			map[string]string{"X-IDENTITY-HEADER": header}, "")
	} else {
		a = m.v.mint("https://management.azure.com/.default", uuid.NewString())
	}
	var out struct {
		Token string `json:"access_token"`
	}
	switch {
	case a.status == 200:
		if err := json.Unmarshal([]byte(a.body), &out); err != nil || claim(out.Token, "uti") == "" {
			m.v.t.Errorf("token for %s: %s", who, tail(a.body, 200))
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		m.utis[claim(out.Token, "uti")] = who
	case a.status != 0 && a.status < 500:
		m.v.t.Errorf("token for %s: %d %s", who, a.status, tail(a.body, 200))
		return false
	}
	return a.status != 0
}

// reset begins a cycle.
func (m *model) reset() { m.cycleAcks = nil }

// observe reads everything that is there.
func (m *model) observe() map[string]object {
	v := m.v
	v.t.Helper()
	seen := map[string]object{}
	for _, r := range m.all(m.v.group()+"/providers/Microsoft.ManagedIdentity/userAssignedIdentities", "2023-01-31") {
		kind := "identity/"
		if strings.HasPrefix(r.Name, "fixed-") {
			kind = "fixed/"
		}
		seen[kind+r.Name] = object{there: true, principal: r.Properties.PrincipalID}
	}
	for _, r := range m.all(m.v.group()+"/providers/Microsoft.Compute/virtualMachines", "2024-07-01") {
		o := object{there: true, principal: r.Identity.PrincipalID, tag: r.Tags["n"]}
		for id := range r.Identity.UserAssignedIdentities {
			o.attached = id[strings.LastIndexByte(id, '/')+1:]
		}
		seen["machine/"+r.Name] = o
	}
	for _, r := range m.all(m.v.group()+"/providers/Microsoft.Authorization/roleAssignments?$filter=atScope()", "2022-04-01") {
		if strings.HasPrefix(r.Name, "c7a54000-") {
			seen["assignment/"+r.Name] = object{there: true, principal: r.Properties.PrincipalID}
		}
	}
	for w := range writers {
		for s := range slots {
			name := fmt.Sprintf("s-%d-%d", w, s)
			a := v.vaultCall("GET", crashVault, "/secrets/"+name, "", "")
			if a.status == 404 {
				continue
			}
			m.expect(a)
			var out struct{ Value string }
			_ = json.Unmarshal([]byte(a.body), &out)
			seen["secret/"+name] = object{there: true, version: versionOf(a.body), value: out.Value}
		}
	}
	return seen
}

// listed is an entry of a list, as much of it as is compared.
type listed struct {
	Name     string
	Tags     map[string]string
	Identity struct {
		PrincipalID            string
		UserAssignedIdentities map[string]any
	}
	Properties struct{ PrincipalID string }
}

// all reads a list with all its pages.
func (m *model) all(path, version string) (out []listed) {
	m.v.t.Helper()
	for a := m.v.arm("GET", path, version, "", ""); ; {
		m.expect(a)
		var page struct {
			Value    []listed
			NextLink string
		}
		if err := json.Unmarshal([]byte(a.body), &page); err != nil {
			m.v.t.Fatal(err)
		}
		out = append(out, page.Value...)
		if page.NextLink == "" {
			return out
		}
		a = m.v.send("GET", page.NextLink, "", map[string]string{"Authorization": "Bearer " + m.v.tokens["arm"]}, "")
	}
}

// compare holds what is there against what was acknowledged, settles open questions by what
// is seen, and checks the invariants and the record.
func (m *model) compare(when string) {
	m.v.t.Helper()
	seen := m.observe()
	keys := maps.Clone(m.known)
	for k := range m.open {
		keys[k] = object{}
	}
	for k := range seen {
		if _, ok := keys[k]; !ok {
			m.v.t.Errorf("%s: %s is there and nobody made it", when, k)
		}
	}
	happened := map[string]bool{} // by correlation id
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		got := seen[k]
		p, open := m.open[k]
		switch {
		case !open:
			m.compared++
			if !got.matches(m.known[k]) {
				m.v.t.Errorf("%s: LOST: %s is %+v, acknowledged was %+v", when, k, got, m.known[k])
			}
		case got.matches(p.after):
			if p.before != p.after {
				happened[p.correlation] = true
				m.happened++
			}
			m.known[k] = got
		case got.matches(p.before):
			happened[p.correlation] = false
		default:
			m.v.t.Errorf("%s: HALF: %s is %+v, neither %+v nor %+v", when, k, got, p.before, p.after)
		}
	}
	clear(m.open)
	m.invariants(when)
	m.records(when, happened)
}

// everyWrite is one write of each kind, on objects of its own that a failure must not change.
func (m *model) everyWrite() []struct {
	name string
	do   func() reply
} {
	type op = struct {
		name string
		do   func() reply
	}
	v := m.v
	principal := m.known["fixed/"+fixedName(0, 0)].principal
	assignment := m.assignmentPath("c7a54000-0000-4000-8000-999999999999")
	return []op{
		{"a user-assigned identity", func() reply { return m.identity("every") }},
		{"a machine with both kinds of identity", func() reply {
			return v.arm("PUT", m.machinePath("every"), "2024-07-01", "", m.machineBody("SystemAssigned,UserAssigned", "every", uuid.NewString()))
		}},
		{"a machine without its identities", func() reply {
			return v.arm("PATCH", m.machinePath("every"), "2024-07-01", "", `{"identity":{"type":"None"},"tags":{"n":"`+uuid.NewString()+`"}}`)
		}},
		{"an assignment", func() reply {
			return v.arm("PUT", assignment, "2022-04-01", "", `{"properties":{"roleDefinitionId":"/subscriptions/`+v.SubscriptionID+
				`/providers/Microsoft.Authorization/roleDefinitions/`+roles[0]+`","principalId":"`+principal+`","principalType":"ServicePrincipal"}}`)
		}},
		{"no assignment", func() reply { return v.arm("DELETE", assignment, "2022-04-01", "", "") }},
		{"a secret", func() reply { return v.vaultCall("PUT", crashVault, "/secrets/every", "", `{"value":"x"}`) }},
		{"a secret read", func() reply { return v.vaultCall("GET", crashVault, "/secrets/every", "", "") }},
		{"a resource group", func() reply {
			return v.arm("PUT", "/subscriptions/"+v.SubscriptionID+"/resourceGroups/every", "2022-09-01", "", `{"location":"local","tags":{"n":"`+uuid.NewString()+`"}}`)
		}},
		{"a machine removed", func() reply { return v.arm("DELETE", m.machinePath("every"), "2024-07-01", "", "") }},
		{"an identity removed", func() reply { return v.arm("DELETE", m.identityPath("every"), "2023-01-31", "", "") }},
		{"a token", func() reply { return v.mint("https://management.azure.com/.default", "") }},
	}
}

// refusesWritesOnly: every kind of write is refused with 503 in its room's wire shape, the
// server is not ready within 5 s, and reads and keys are served.
func (m *model) refusesWritesOnly() {
	v := m.v
	v.t.Helper()
	a := m.identity("refused")
	var arm struct{ Error struct{ Code string } }
	if _ = json.Unmarshal([]byte(a.body), &arm); a.status != 503 || arm.Error.Code == "" {
		v.t.Errorf("a write to Resource Manager: %d %s", a.status, a.body)
	}
	a = v.vaultCall("PUT", crashVault, "/secrets/refused", "", `{"value":"x"}`)
	if _ = json.Unmarshal([]byte(a.body), &arm); a.status != 503 || arm.Error.Code == "" {
		v.t.Errorf("a secret: %d %s", a.status, a.body)
	}
	var sts struct{ Error string }
	a = v.mint("https://management.azure.com/.default", "")
	if _ = json.Unmarshal([]byte(a.body), &sts); a.status != 503 || sts.Error == "" {
		v.t.Errorf("a token: %d %s", a.status, a.body)
	}
	began := time.Now()
	v.eventually("not ready", func() bool { return v.ready() == 503 })
	if took := time.Since(began); took > 5*time.Second {
		v.t.Errorf("not ready only after %s", took)
	}
	if a := m.list("/providers/Microsoft.ManagedIdentity/userAssignedIdentities", "2023-01-31"); a.status != 200 || strings.Contains(a.body, `"refused"`) {
		v.t.Errorf("a read: %d %s", a.status, tail(a.body, 300))
	}
	if s := v.keys(); s != 200 {
		v.t.Errorf("keys: %d", s)
	}
}

// eventuallyWrites waits for readiness.
func (m *model) eventuallyWrites() {
	m.v.t.Helper()
	m.v.eventually("ready again", func() bool { return m.v.ready() == 200 })
}

// writesAgain is the positive twin.
func (m *model) writesAgain() {
	m.v.t.Helper()
	m.expect(m.identity("again"))
	m.expect(m.v.vaultCall("PUT", crashVault, "/secrets/again", "", `{"value":"x"}`))
	m.expect(m.v.mint("https://management.azure.com/.default", ""))
	if s := m.v.ready(); s != 200 {
		m.v.t.Errorf("readiness: %d", s)
	}
}

// changeAll changes everything once with nothing failing.
func (m *model) changeAll() {
	for w := range writers {
		for s := range slots {
			for _, c := range []change{m.changeIdentity(w, s), m.changeMachine(w, s), m.changeAssignment(w, s), m.changeSecret(w, s)} {
				if !m.apply(c) {
					m.v.t.Fatalf("%s cannot be changed after the last cycle", c.key)
				}
			}
		}
	}
}

// inspect reads the store beside the server.
func (m *model) inspect(fn func(ctx context.Context, tx *store.Tx) error) {
	m.v.t.Helper()
	ctx := m.v.t.Context()
	db, err := store.New(ctx, m.v.config)
	if err != nil {
		m.v.t.Fatalf("open the store: %v", err)
	}
	defer db.Close()
	if err := db.View(ctx, func(tx *store.Tx) error { return fn(ctx, tx) }); err != nil {
		m.v.t.Fatal(err)
	}
}

// invariants has `sealring check` look at the store, beside the server: nothing is damaged,
// and no object lost, or never got, its other half.
func (m *model) invariants(when string) {
	m.v.t.Helper()
	cmd := exec.Command(m.v.binary, "check", "--data", m.v.data)
	cmd.Env = m.v.env
	m.v.wrap(cmd)
	if out, err := cmd.CombinedOutput(); err != nil {
		m.v.t.Errorf("%s: check: %v\n%s", when, err, out)
	}
}

// records checks that every acknowledged write of this cycle is on record, that an
// unanswered one is exactly if it happened, that tokens are, and that the chain holds.
func (m *model) records(when string, happened map[string]bool) {
	m.v.t.Helper()
	m.inspect(func(ctx context.Context, tx *store.Tx) error {
		for _, id := range m.cycleAcks {
			if !recorded(ctx, tx, m.v, id) {
				m.v.t.Errorf("%s: the acknowledged write of %s is not on record", when, m.acknowledged[id])
			}
		}
		for id, did := range happened {
			if recorded(ctx, tx, m.v, id) != did {
				m.v.t.Errorf("%s: an unanswered write happened: %v, and is on record: %v", when, did, !did)
			}
		}
		return nil
	})
}

// recorded reports whether a success is on record under the correlation id.
func recorded(ctx context.Context, tx *store.Tx, v *victim, correlation string) bool {
	v.t.Helper()
	var n int64
	if _, err := tx.Get(ctx, "SELECT COUNT(*) FROM audit WHERE correlation_id = $1 AND body LIKE $2", []any{correlation, `%"outcome":"Succeeded"%`}, &n); err != nil {
		v.t.Fatal(err)
	}
	return n > 0
}

// checkAllRecords holds the whole log against everything that was ever answered.
func (m *model) checkAllRecords() {
	m.v.t.Helper()
	have := map[string]bool{}
	m.inspect(func(ctx context.Context, tx *store.Tx) error {
		return tx.Query(ctx, func(r store.Row) error {
			var correlation, body string
			if err := r.Scan(&correlation, &body); err != nil {
				return err
			}
			have[correlation] = true
			var e audit.Event
			if err := json.Unmarshal([]byte(body), &e); err != nil {
				return err
			}
			have[e.Details["uti"]] = true
			return nil
		}, "SELECT correlation_id, body FROM audit")
	})
	for id, what := range m.acknowledged {
		if !have[id] {
			m.v.t.Errorf("the acknowledged write of %s is not on record", what)
		}
	}
	for uti, who := range m.utis {
		if !have[uti] {
			m.v.t.Errorf("the token %s of the %s is not on record", uti, who)
		}
	}
	m.chain()
}

// chain computes the hash chain of every server's records anew: each record's hash is over
// the one before it, the server, the number and the text, each preceded by its length.
func (m *model) chain() {
	m.v.t.Helper()
	heads, last := map[string][]byte{}, map[string]int64{}
	m.inspect(func(ctx context.Context, tx *store.Tx) error {
		return tx.Query(ctx, func(r store.Row) error {
			var server, body string
			var seq int64
			var prev, hash []byte
			if err := r.Scan(&server, &seq, &body, &prev, &hash); err != nil {
				return err
			}
			h := sha256.New()
			for _, part := range [][]byte{heads[server], []byte(server), byteorder.BigEndian.AppendUint64(nil, uint64(seq)), []byte(body)} {
				h.Write(byteorder.BigEndian.AppendUint64(nil, uint64(len(part))))
				h.Write(part)
			}
			if seq != last[server]+1 || !bytes.Equal(prev, heads[server]) || !bytes.Equal(hash, h.Sum(nil)) {
				m.v.t.Errorf("the audit chain of %s is broken at %d", server, seq)
			}
			heads[server], last[server] = hash, seq
			return nil
		}, "SELECT server, seq, body, prev, hash FROM audit ORDER BY server, seq")
	})
	if len(last) == 0 {
		m.v.t.Error("the audit log is empty")
	}
}
