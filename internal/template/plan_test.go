package template

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/template/value"
)

// The scopes of the tests.
const (
	testSub   = "/subscriptions/11111111-1111-1111-1111-111111111111"
	testGroup = testSub + "/resourceGroups/Rg"
)

// head begins a template for a group.
const head = `"$schema":"https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#","contentVersion":"1.0.0.0",`

// plan reads a template and its parameters; it may be a whole one or what follows head.
func plan(t testing.TB, text, params string) (*Plan, error) {
	t.Helper()
	return planAt(t, text, params, testGroup)
}

// planAt is plan at a scope.
func planAt(t testing.TB, text, params, scope string) (*Plan, error) {
	t.Helper()
	if !strings.HasPrefix(text, "{") {
		text = "{" + head + text + "}"
	}
	doc, err := value.ParseObject([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if params == "" {
		params = "{}"
	}
	given, err := value.ParseObject([]byte(params))
	if err != nil {
		t.Fatal(err)
	}
	at, err := resource.ParseID(scope)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	in := Input{Template: doc, Parameters: given, At: at, Now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), NewGUID: func() string { n++; return fmt.Sprintf("guid-%d", n) }}
	in.Facts.Subscription = value.NewObject("id", testSub, "subscriptionId", at.Subscription(), "tenantId", "t")
	if at.Group() != "" {
		in.Facts.ResourceGroup = value.NewObject("id", testGroup, "name", "Rg", "location", "local")
	}
	in.Facts.Deployment = value.NewObject("name", "d")
	return New(in)
}

// world is a runtime in which what a plan deploys is there at once.
type world struct{ bodies map[string]string }

// State implements Runtime.
func (w world) State(r *Resource) (*value.Object, error) {
	return w.Read(r.ID, "")
}

// Read implements Runtime.
func (w world) Read(at resource.ID, _ string) (*value.Object, error) {
	text, ok := w.bodies[at.Name()]
	if !ok {
		return nil, ErrPending
	}
	return value.ParseObject([]byte(text))
}

// Act implements Runtime.
func (w world) Act(at resource.ID, verb, version string, _ any) (any, error) {
	return value.NewObject("did", verb+" "+at.Name()+" "+version), nil
}

// order writes a plan as names with what they wait for: "a b<a".
func order(p *Plan) string {
	var out []string
	for _, r := range p.Resources {
		s := r.Name
		if !r.Enabled {
			s = "(" + s + ")"
		}
		for i, a := range r.After {
			s += string("<,"[min(i, 1)]) + a.Name
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

// uai begins an identity resource.
const uai = `{"type":"Microsoft.ManagedIdentity/userAssignedIdentities","apiVersion":"2023-01-31","location":"local",`

func TestPlansOrderWhatTheyDeploy(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"dependsOn by name, id and relative id":      {`"resources":[` + uai + `"name":"a"},` + uai + `"name":"b","dependsOn":["a"]},` + uai + `"name":"c","dependsOn":["[resourceId('Microsoft.ManagedIdentity/userAssignedIdentities','B')]","Microsoft.ManagedIdentity/userAssignedIdentities/a"]}]`, "a b<a c<b,a"},
		"a reference is a dependency":                {`"resources":[` + uai + `"name":"b","tags":{"p":"[reference('a').principalId]"}},` + uai + `"name":"a"}]`, "b<a a"},
		"only the branch of an if that is taken":     {`"resources":[` + uai + `"name":"b","tags":{"p":"[if(equals(1,2),reference('a').x,'none')]"}},` + uai + `"name":"a"}]`, "b a"},
		"a disabled dependency passes its own on":    {`"resources":[` + uai + `"name":"a"},` + uai + `"name":"b","condition":false,"dependsOn":["a"]},` + uai + `"name":"c","dependsOn":["b"]}]`, "a (b)<a c<a"},
		"a copy loop by its name":                    {`"resources":[` + uai + `"name":"[format('a{0}',copyIndex(1))]","copy":{"name":"loop","count":2}},` + uai + `"name":"c","dependsOn":["loop"]}]`, "a1 a2 c<a1,a2"},
		"a serial loop goes one by one":              {`"resources":[` + uai + `"name":"[concat('a',copyIndex())]","copy":{"name":"loop","count":3,"mode":"Serial"}}]`, "a0 a1<a0 a2<a1"},
		"a serial loop in batches":                   {`"resources":[` + uai + `"name":"[concat('a',copyIndex())]","copy":{"name":"loop","count":4,"mode":"serial","batchSize":2}}]`, "a0 a1 a2<a0,a1 a3<a0,a1"},
		"a loop that turns no time":                  {`"resources":[` + uai + `"name":"x","copy":{"name":"loop","count":0}},` + uai + `"name":"c","dependsOn":["loop"]}]`, "c"},
		"children do not wait for parents by chance": {`"resources":[{"type":"Microsoft.Web/sites","apiVersion":"2023-12-01","name":"s","location":"local","resources":[{"type":"config","apiVersion":"2023-12-01","name":"appsettings","dependsOn":["s"]}]}]`, "s s/appsettings<s"},
		"symbolic names, loops and existing": {`"languageVersion":"2.0","resources":{"u":{"existing":true,"type":"Microsoft.ManagedIdentity/userAssignedIdentities","apiVersion":"2023-01-31","name":"u"},
			"many":` + uai + `"name":"[format('m{0}',copyIndex())]","copy":{"name":"many","count":2},"dependsOn":["u"]},
			"one":` + uai + `"name":"one","tags":{"a":"[reference('many[1]').x]"}},"all":` + uai + `"name":"all","tags":{"a":"[references('many')[0].x]"}}}`, "u m0<u m1<u one<m1 all<m0,m1"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := plan(t, c.text, "")
			if err != nil {
				t.Fatal(err)
			}
			if got := order(p); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// CP-137
func TestTemplatesThatAreWrongSaySo(t *testing.T) {
	two := uai + `"name":"a","dependsOn":["b"]},` + uai + `"name":"b","dependsOn":["a"]}`
	for name, c := range map[string]struct {
		text, params string
		want         error
	}{
		"a circle":                          {`"resources":[` + two + `]`, "", ErrCircular},
		"a resource that waits for itself":  {`"resources":[` + uai + `"name":"a","dependsOn":["a"]}]`, "", ErrCircular},
		"an unknown function":               {`"resources":[` + uai + `"name":"a","tags":{"x":"[nothing()]"}}]`, "", ErrInvalid},
		"an unknown function in an output":  {`"resources":[],"outputs":{"o":{"type":"string","value":"[nothing()]"}}`, "", ErrInvalid},
		"a syntax error":                    {`"resources":[` + uai + `"name":"[concat('a'"}]`, "", nil},
		"bad syntax":                        {`"resources":[` + uai + `"name":"[concat('a']"}]`, "", ErrInvalid},
		"an unknown dependency":             {`"resources":[` + uai + `"name":"a","dependsOn":["zz"]}]`, "", ErrInvalid},
		"a reference in a name":             {`"resources":[` + uai + `"name":"[reference('a')]"}]`, "", ErrInvalid},
		"a missing parameter":               {`"parameters":{"p":{"type":"string"}},"resources":[]`, "", ErrParameterMissing},
		"a parameter of another type":       {`"parameters":{"p":{"type":"int"}},"resources":[]`, `{"p":"3"}`, ErrParameterValue},
		"a value that is not allowed":       {`"parameters":{"p":{"type":"string","allowedValues":["a"]}},"resources":[]`, `{"p":"b"}`, ErrParameterValue},
		"a text that is too long":           {`"parameters":{"p":{"type":"string","maxLength":2}},"resources":[]`, `{"p":"abc"}`, ErrParameterValue},
		"a number that is too small":        {`"parameters":{"p":{"type":"int","minValue":2}},"resources":[]`, `{"p":1}`, ErrParameterValue},
		"a parameter nobody declared":       {`"parameters":{"p":{"type":"int"}},"resources":[]`, `{"p":1,"q":1}`, ErrParameterKey},
		"a default that needs itself":       {`"parameters":{"p":{"type":"string","defaultValue":"[parameters('p')]"}},"resources":[]`, "", ErrInvalid},
		"a variable that needs itself":      {`"variables":{"v":"[variables('v')]"},"resources":[` + uai + `"name":"[variables('v')]"}]`, "", ErrInvalid},
		"newGuid outside of a default":      {`"resources":[` + uai + `"name":"[newGuid()]"}]`, "", ErrInvalid},
		"too few names for the type":        {`"resources":[{"type":"Microsoft.Web/sites/slots","apiVersion":"2023-12-01","name":"a"}]`, "", ErrInvalid},
		"the same resource twice":           {`"resources":[` + uai + `"name":"a"},` + uai + `"name":"A"}]`, "", ErrInvalid},
		"no apiVersion":                     {`"resources":[{"type":"Microsoft.Web/sites","name":"a"}]`, "", ErrInvalid},
		"no resources":                      {`"variables":{}`, "", ErrInvalid},
		"a loop of 801":                     {`"resources":[` + uai + `"name":"a","copy":{"name":"l","count":801}}]`, "", ErrInvalid},
		"801 resources in two loops":        {`"resources":[` + uai + `"name":"[concat('a',copyIndex())]","copy":{"name":"l","count":800}},` + uai + `"name":"b"}]`, "", ErrInvalid},
		"a copy bomb in variables":          {`"variables":{"copy":[{"name":"a","count":800,"input":"[range(0,10000)]"}],"b":"[string(variables('a'))]"},"resources":[` + uai + `"name":"[variables('b')]"}]`, "", ErrInvalid},
		"a group's fact at no group":        {`"$schema":"https://schema.management.azure.com/schemas/2018-05-01/subscriptionDeploymentTemplate.json#","contentVersion":"1.0.0.0","resources":[]`, "", ErrInvalid},
		"a member twice after evaluation":   {`"variables":{"a":{"x":1,"[toLower('X')]":2}},"resources":[` + uai + `"name":"[string(variables('a'))]"}]`, "", ErrInvalid},
		"a schema that is none":             {`"$schema":"x","contentVersion":"1.0.0.0","resources":[]`, "", ErrInvalid},
		"an extension of the language":      {`"extensions":{"k":{"name":"Kubernetes","version":"1.0.0"}},"resources":[]`, "", ErrInvalid},
		"no content version":                {`"$schema":"https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#","resources":[]`, "", ErrInvalid},
		"an ambiguous dependency":           {`"resources":[` + uai + `"name":"a"},{"type":"Microsoft.Web/sites","apiVersion":"1","name":"a"},` + uai + `"name":"b","dependsOn":["a"]}]`, "", ErrInvalid},
		"a member that an object must have": {`"parameters":{"p":{"type":"object","properties":{"x":{"type":"int"}}}},"resources":[]`, `{"p":{}}`, ErrParameterValue},
	} {
		t.Run(name, func(t *testing.T) {
			text := c.text
			if strings.HasPrefix(text, `"$schema"`) {
				text = "{" + text + "}"
			}
			if _, err := plan(t, text, c.params); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

// CP-139
func TestErrorsOfSecureParametersHoldNoValue(t *testing.T) {
	for _, text := range []string{
		`"parameters":{"p":{"type":"securestring","maxLength":2,"allowedValues":["hunter1"]}},"resources":[]`,
		`"parameters":{"p":{"type":"securestring"}},"resources":[` + uai + `"name":"[fail(parameters('p'))]"}]`,
		`"parameters":{"p":{"type":"securestring"}},"resources":[{"type":"[parameters('p')]","apiVersion":"1","name":"x"}]`,
		`"parameters":{"p":{"type":"securestring"}},"resources":[` + uai + `"name":"x","dependsOn":["[parameters('p')]"]}]`,
	} {
		if _, err := plan(t, text, `{"p":"hunter2"}`); err == nil || strings.Contains(err.Error(), "hunter") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// body computes what is sent for the resource of a name.
func body(t *testing.T, p *Plan, name string, rt Runtime) string {
	t.Helper()
	for _, r := range p.Resources {
		if r.Name == name {
			b, err := p.Body(r, rt)
			if err != nil {
				t.Fatal(err)
			}
			return string(value.Marshal(b))
		}
	}
	t.Fatalf("no resource %s", name)
	return ""
}

func TestBodiesAreComputedWhenTheirTurnComes(t *testing.T) {
	rt := world{map[string]string{"u": `{"location":"local","identity":{"principalId":"p1"},"properties":{"principalId":"pu","clientId":"cu"}}`, "n": `{"properties":{"outputs":{"x":{"value":5}}}}`}}
	for name, c := range map[string]struct{ text, resource, want string }{
		"expression keys": {`"resources":[` + uai + `"name":"u"},{"type":"Microsoft.Compute/virtualMachines","apiVersion":"2023-03-01","name":"vm","location":"[resourceGroup().location]","identity":{"type":"UserAssigned","userAssignedIdentities":{"[resourceId('Microsoft.ManagedIdentity/userAssignedIdentities','u')]":{}}}}]`, "vm",
			`{"location":"local","identity":{"type":"UserAssigned","userAssignedIdentities":{"` + testGroup + `/providers/Microsoft.ManagedIdentity/userAssignedIdentities/u":{}}}}`},
		"reference short and full": {`"resources":[` + uai + `"name":"u"},` + uai + `"name":"b","tags":{"a":"[reference('u').clientId]","b":"[reference(resourceId('Microsoft.ManagedIdentity/userAssignedIdentities','u'),'2023-01-31','fUll').Identity.principalId]"}}]`, "b", `{"location":"local","tags":{"a":"cu","b":"p1"}}`},
		"loops of properties":      {`"resources":[` + uai + `"name":"[concat('b',copyIndex())]","copy":{"name":"r","count":2},"properties":{"copy":[{"name":"list","count":3,"input":{"n":"[add(copyIndex('list'),mul(10,copyIndex()))]"}}],"k":null}}]`, "b1", `{"location":"local","properties":{"list":[{"n":10},{"n":11},{"n":12}]}}`},
		"loops of variables":       {`"variables":{"copy":[{"name":"v","count":2,"input":"[copyIndex('v',5)]"}],"o":{"copy":[{"name":"in","count":1,"input":"x"}]}},"resources":[` + uai + `"name":"b","tags":{"v":"[string(variables('v'))]","o":"[variables('o').in[0]]"}}]`, "b", `{"location":"local","tags":{"v":"[5,6]","o":"x"}}`},
		"the template's functions": {`"functions":[{"namespace":"my","members":{"up":{"parameters":[{"name":"s","type":"string"}],"output":{"type":"string","value":"[toUpper(parameters('s'))]"}}}}],"resources":[` + uai + `"name":"b","tags":{"v":"[my.up('x')]"}}]`, "b", `{"location":"local","tags":{"v":"X"}}`},
		"a bracket that is text":   {`"resources":[` + uai + `"name":"b","tags":{"v":"[[not]"}}]`, "b", `{"location":"local","tags":{"v":"[not]"}}`},
		"list functions":           {`"resources":[` + uai + `"name":"b","tags":{"v":"[listKeys(resourceId('Microsoft.Storage/storageAccounts','s'),'2022-09-01').did]"}}]`, "b", `{"location":"local","tags":{"v":"listkeys s 2022-09-01"}}`},
		"outputs of a nested one":  {`"resources":[{"type":"Microsoft.Resources/deployments","apiVersion":"2022-09-01","name":"n","properties":{"mode":"Incremental","template":{}}},` + uai + `"name":"b","tags":{"v":"[reference('n').outputs.x.value]"}}]`, "b", `{"location":"local","tags":{"v":5}}`},
		"existing elsewhere": {`"languageVersion":"2.0","resources":{"u":{"existing":true,"type":"Microsoft.ManagedIdentity/userAssignedIdentities","apiVersion":"2023-01-31","subscriptionId":"22222222-2222-2222-2222-222222222222","resourceGroup":"other","name":"u"},
			"b":` + uai + `"name":"b","tags":{"v":"[reference('u').principalId]","i":"[resourceInfo('u').id]"}}}`, "b", `{"location":"local","tags":{"v":"pu","i":"/subscriptions/22222222-2222-2222-2222-222222222222/resourceGroups/other/providers/Microsoft.ManagedIdentity/userAssignedIdentities/u"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := plan(t, c.text, "")
			if err != nil {
				t.Fatal(err)
			}
			if got := body(t, p, c.resource, rt); got != c.want {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestResourcesAreWhereTheirTemplateSays(t *testing.T) {
	for name, c := range map[string]struct{ resource, want string }{
		"an extension by scope":          {`{"type":"Microsoft.Authorization/roleAssignments","apiVersion":"2022-04-01","name":"g","scope":"[resourceId('Microsoft.Web/sites','s')]"}`, testGroup + "/providers/Microsoft.Web/sites/s/providers/Microsoft.Authorization/roleAssignments/g"},
		"an extension by relative scope": {`{"type":"Microsoft.Authorization/roleAssignments","apiVersion":"2022-04-01","name":"g","scope":"[format('Microsoft.Web/sites/{0}','s')]"}`, testGroup + "/providers/Microsoft.Web/sites/s/providers/Microsoft.Authorization/roleAssignments/g"},
		"an extension in the old form":   {`{"type":"Microsoft.Compute/virtualMachines/providers/roleAssignments","apiVersion":"2022-04-01","name":"vm1/Microsoft.Authorization/g"}`, testGroup + "/providers/Microsoft.Compute/virtualMachines/vm1/providers/Microsoft.Authorization/roleAssignments/g"},
		"a child by its full name":       {`{"type":"Microsoft.Web/sites/slots","apiVersion":"2023-12-01","name":"a/b"}`, testGroup + "/providers/Microsoft.Web/sites/a/slots/b"},
		"a deployment in another group":  {`{"type":"Microsoft.Resources/deployments","apiVersion":"2022-09-01","name":"n","resourceGroup":"other","properties":{}}`, testSub + "/resourceGroups/other/providers/Microsoft.Resources/deployments/n"},
		"a resource of the tenant":       {`{"type":"Microsoft.Management/managementGroups","apiVersion":"2021-04-01","name":"m","scope":"/"}`, "/providers/Microsoft.Management/managementGroups/m"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := plan(t, `"resources":[`+c.resource+`]`, "")
			if err != nil {
				t.Fatal(err)
			}
			if got := p.Resources[0].ID.String(); got != c.want {
				t.Errorf("got %s", got)
			}
		})
	}
	t.Run("a group, and what waits for it", func(t *testing.T) {
		p, err := planAt(t, `{"$schema":"https://schema.management.azure.com/schemas/2018-05-01/subscriptionDeploymentTemplate.json#","contentVersion":"1.0.0.0","resources":[
			{"type":"Microsoft.Resources/resourceGroups","apiVersion":"2021-04-01","name":"new","location":"local"},
			{"type":"Microsoft.Resources/deployments","apiVersion":"2021-04-01","name":"in","resourceGroup":"new","dependsOn":["[subscriptionResourceId('Microsoft.Resources/resourceGroups','new')]"],"properties":{"template":{}}}]}`, "", testSub)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Resources[0].ID.String(); got != testSub+"/resourceGroups/new" || order(p) != "new in<new" {
			t.Errorf("got %s, %s", got, order(p))
		}
	})
}

func TestOutputsAreTypedConditionalAndRepeated(t *testing.T) {
	p, err := plan(t, `"parameters":{"s":{"type":"securestring"},"g":{"type":"string","defaultValue":"[newGuid()]"},"t":{"type":"string","defaultValue":"[utcNow('yyyy')]"}},
		"resources":[],"outputs":{"a":{"type":"string","value":"[concat(parameters('g'),parameters('t'))]"},"b":{"type":"array","copy":{"count":2,"input":"[copyIndex()]"}},
		"c":{"type":"string","condition":false,"value":"[fail('no')]"},"d":{"type":"securestring","value":"[parameters('s')]"}}`, `{"s":"hunter2"}`)
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Outputs(world{})
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, o := range out {
		got += fmt.Sprintf("%s %s %s %v; ", o.Name, o.Type, value.Marshal(o.Value), o.Secure)
	}
	if got != `a String "guid-12026" false; b Array [0,1] false; d SecureString "hunter2" true; ` {
		t.Error(got)
	}
	for _, shown := range p.Parameters {
		if shown.Secure != (shown.Name == "s") || shown.Secure && shown.Value != nil {
			t.Errorf("%+v", shown)
		}
	}
}

func TestNestedTemplatesSeeTheirOwnScopeOrTheirParents(t *testing.T) {
	inner := `{` + head + `"parameters":{"x":{"type":"string"}},"variables":{"v":"inner"},"resources":[` + uai + `"name":"[concat(parameters('x'),variables('v'))]","tags":{"r":"[reference('u').principalId]"}}]}`
	for scope, want := range map[string]string{"inner": "giveninner", "outer": "outerparent", "": "outerparent"} {
		p, err := plan(t, `"parameters":{"x":{"type":"string","defaultValue":"outer"}},"variables":{"v":"parent"},"resources":[`+uai+`"name":"u"},{"type":"Microsoft.Resources/deployments","apiVersion":"2022-09-01","name":"n","properties":{"mode":"Incremental","expressionEvaluationOptions":{"scope":"`+scope+`"},"parameters":{"x":{"value":"given"}},"template":`+inner+`}}]`, "")
		if err != nil {
			t.Fatal(err)
		}
		n, err := p.Nested(p.Resources[1], world{})
		if err != nil {
			t.Fatal(err)
		}
		params := value.NewObject("x", "given")
		below, err := n.Plan(Input{Parameters: params, At: n.Scope})
		if err != nil {
			t.Fatal(err)
		}
		if got := order(below); got != want {
			t.Errorf("%s: got %s", scope, got)
		}
		if scope == "outer" {
			if got := body(t, below, want, world{map[string]string{"u": `{"properties":{"principalId":"p"}}`}}); got != `{"location":"local","tags":{"r":"p"}}` || order(p) != "u n<u" {
				t.Error(got, order(p))
			}
		}
	}
}

// FuzzTemplate: whatever is read as a template is planned within its limits (CP-147).
func FuzzTemplate(f *testing.F) {
	for _, seed := range []string{`"resources":[` + uai + `"name":"a","tags":{"x":"[reference('a')]"}}]`, `"languageVersion":"2.0","definitions":{"d":{"type":"object","properties":{"x":{"$ref":"#/definitions/d","nullable":true}}}},"parameters":{"p":{"$ref":"#/definitions/d","defaultValue":{"x":{}}}},"resources":{"a":` + uai + `"name":"a","copy":{"name":"a","count":2}}}`,
		`"variables":{"copy":[{"name":"v","count":3,"input":{"copy":[{"name":"w","count":800,"input":"[copyIndex('w')]"}]}}]},"resources":[{"type":"Microsoft.Resources/deployments","apiVersion":"1","name":"n","properties":{"template":{"resources":[]}}}],"outputs":{"o":{"type":"array","copy":{"count":"[length(variables('v'))]","input":1}}}`} {
		f.Add([]byte("{"+head+seed+"}"), "{}")
	}
	f.Fuzz(func(t *testing.T, text []byte, params string) {
		doc, err := value.ParseObject(text)
		if err != nil {
			return
		}
		given, err := value.ParseObject([]byte(params))
		if err != nil {
			return
		}
		at := resource.GroupID("11111111-1111-1111-1111-111111111111", "rg")
		p, err := New(Input{Template: doc, Parameters: given, At: at, NewGUID: func() string { return "g" }})
		if err != nil {
			return
		}
		for _, r := range p.Resources {
			_, _ = p.Sketch(r, nil)
			_, _ = p.Body(r, world{})
		}
		_, _ = p.Outputs(world{})
	})
}

// CP-147: templates that ask for too much are refused before they cost much.
func TestBombsAreRefused(t *testing.T) {
	many := strings.TrimSuffix(strings.Repeat(`"l",`, 800), ",")
	for name, text := range map[string]string{
		"loops in loops of constants":   `"variables":{"v":{"copy":[{"name":"a","count":800,"input":{"copy":[{"name":"b","count":800,"input":{"copy":[{"name":"c","count":800,"input":{"x":{}}}]}}]}}]}},"resources":[` + uai + `"name":"[string(variables('v'))]"}]`,
		"dependencies on a loop":        `"resources":[` + uai + `"name":"[concat('a',copyIndex())]","copy":{"name":"l","count":700},"dependsOn":[]},` + uai + `"name":"b","dependsOn":[` + many + `]},` + strings.TrimSuffix(strings.Repeat(uai+`"name":"c","dependsOn":[`+many+`]},`, 1), ",") + `]`,
		"a search in a search":          `"variables":{"l":"[range(0,10000)]"},"resources":[` + uai + `"name":"[string(map(variables('l'),lambda('i',map(variables('l'),lambda('j',contains(variables('l'),-1))))))]"}]`,
		"texts that double":             `"variables":{"a":"[concat('xxxxxxxxxxxxxxxx','xxxxxxxxxxxxxxxx')]"},"resources":[` + uai + `"name":"[reduce(range(0,60),'x',lambda('a','b',format('{0}{0}',lambdaVariables('a'))))]"}]`,
		"objects that double":           `"resources":[` + uai + `"name":"[string(reduce(range(0,60),createObject(),lambda('a','b',createObject('x',lambdaVariables('a'),'y',lambdaVariables('a')))))]"}]`,
		"a long list in every turn":     `"resources":[` + uai + `"name":"a","properties":{"copy":[{"name":"p","count":800,"input":{"list":[` + strings.TrimSuffix(strings.Repeat("1,", 60_000), ",") + `]}}]}}]`,
		"functions that call functions": `"functions":[{"namespace":"n","members":{"f":{"parameters":[{"name":"x","type":"int"}],"output":{"type":"int","value":"[add(n.f(parameters('x')),n.f(parameters('x')))]"}}}}],"resources":[` + uai + `"name":"[string(n.f(1))]"}]`,
	} {
		t.Run(name, func(t *testing.T) {
			p, err := plan(t, text, "")
			if name == "dependencies on a loop" {
				if err != nil { // many, and still within bounds
					t.Error(err)
				}
				return
			}
			if !errors.Is(err, ErrInvalid) {
				t.Errorf("%v %v", p, err)
			}
		})
	}
}

// CP-147: what is nested in a template works on its parent's allowance, so that deployments
// in deployments do not multiply it.
func TestNestedTemplatesShareTheAllowance(t *testing.T) {
	inner := `{` + head + `"resources":[` + uai + `"name":"[string(length(map(range(0,10000),lambda('i',lambdaVariables('i')))))]"}]}`
	p, err := plan(t, `"resources":[{"type":"Microsoft.Resources/deployments","apiVersion":"2022-09-01","name":"n","properties":{"mode":"Incremental","expressionEvaluationOptions":{"scope":"inner"},"template":`+inner+`}}]`, "")
	if err != nil {
		t.Fatal(err)
	}
	for turn := range 500 {
		n, err := p.Nested(p.Resources[0], world{})
		if err == nil {
			_, err = n.Plan(Input{At: n.Scope})
		}
		if err != nil {
			if turn < 2 || !errors.Is(err, ErrInvalid) {
				t.Errorf("refused at turn %d: %v", turn, err)
			}
			return
		}
	}
	t.Error("500 nested templates of ten thousand steps each were planned")
}

// CP-147: types that refer to themselves in many members cost no more than they are long.
func TestRecursiveTypesAreLookedAtOnce(t *testing.T) {
	var members []string
	for i := range 10 {
		members = append(members, fmt.Sprintf(`"m%d":{"$ref":"#/definitions/s","nullable":true}`, i))
	}
	begun := time.Now()
	p, err := plan(t, `"definitions":{"s":{"type":"object","properties":{`+strings.Join(members, ",")+`}}},"parameters":{"p":{"$ref":"#/definitions/s","defaultValue":{}}},"resources":[]`, "")
	if err != nil || p.Parameters[0].Secure || time.Since(begun) > 2*time.Second {
		t.Error(p, err, time.Since(begun))
	}
	p, err = plan(t, `"definitions":{"s":{"type":"object","properties":{`+strings.Join(members, ",")+`,"k":{"type":"securestring","nullable":true}}}},"parameters":{"p":{"$ref":"#/definitions/s","defaultValue":{}}},"resources":[]`, "")
	if err != nil || !p.Parameters[0].Secure {
		t.Error(p, err)
	}
}
