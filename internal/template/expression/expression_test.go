package expression

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/template/value"
)

// bench is an environment with one variable and one function of a template.
type bench struct{}

// Call implements Environment.
func (bench) Call(name string, args []any) (any, error) {
	if name == "variables" && len(args) == 1 && args[0] == "o" {
		return value.NewObject("Name", "x", "list", []any{int64(1), int64(2)}, "inner", value.NewObject("a", int64(1), "b", int64(2))), nil
	}
	return nil, ErrFunction
}

// CallUser implements Environment.
func (bench) CallUser(namespace, name string, args []any) (any, error) {
	if namespace == "__bicep" && name == "twice" {
		return text(args[0]) + text(args[0]), nil
	}
	return nil, ErrFunction
}

// evaluate parses and evaluates.
func evaluate(expr string) (any, error) {
	n, err := Parse(expr)
	if err != nil {
		return nil, err
	}
	return (&Evaluator{Env: bench{}, Budget: NewBudget(1 << 20)}).Eval(n)
}

// values are expressions and their results as JSON.
var values = [][2]string{
	// CP-131: guid and uniqueString
	{`guid('a','b','c')`, `"a98fa280-e03f-5afa-8d8e-92d0a9c201e8"`},
	{`guid('test')`, `"d6a5baf1-8b9b-542a-8525-2982f1f98a0c"`},
	{`uniqueString('test')`, `"rbgf3xv4ufgzg"`},
	{`uniqueString('abc')`, `"cgtzqvhu4i23s"`},
	{`uniqueString('fu')`, `"6rkxbspxjmsho"`},
	{`uniqueString('fubar')`, `"cj2xpqsiwjfne"`},
	{`uniqueString('fu','bar')`, `"q5wxoscxs5j6k"`},
	{`uniqueString('hello','world')`, `"a7wkljktk6wne"`},
	{`uniqueString('foo','bar','baz')`, `"xzi4ioaxtmth4"`},
	{`uniqueString('/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/my-rg')`, `"bmg7c6xu4tw46"`},
	{`uniqueString('/subscriptions/00000000-0000-0000-0000-000000000000','resource-id')`, `"cwvxuqg24sifi"`},
	{`uniqueString('/subscriptions/12345678-1234-1234-1234-123456789012/resourceGroups/my-rg','Microsoft.Storage/storageAccounts')`, `"z22rah77jfqry"`},

	// grammar
	{`'it''s'`, `"it's"`}, {`-5`, `-5`}, {"concat( 'a' ,\n 'b' )", `"ab"`}, {`CONCAT('a',1,true())`, `"a1True"`},
	{`variables('o').name`, `"x"`}, {`variables('o')['NAME']`, `"x"`}, {`variables('o').list[1]`, `2`}, {`__bicep.twice('ab')`, `"abab"`},

	// logic
	{`if(true(),'a',fail('no'))`, `"a"`}, {`if(equals(1,2),fail('no'),'b')`, `"b"`}, {`and(false(),fail('no'))`, `false`},
	{`or(true(),fail('no'))`, `true`}, {`not(bool('False'))`, `true`}, {`coalesce(null(),'x',fail('no'))`, `"x"`},
	{`equals(createObject('a',1),json('{"A":1.0}'))`, `true`}, {`equals('a','A')`, `false`}, {`less('a','b')`, `true`},
	{`greaterOrEquals(3,float('2.5'))`, `true`}, {`empty(json('{}'))`, `true`}, {`empty(null())`, `true`}, {`contains('Hay','ay')`, `true`},
	{`contains('Hay','AY')`, `false`}, {`contains(variables('o'),'NAME')`, `true`}, {`contains(createArray('a'),'a')`, `true`}, {`like('Hello','h*o')`, `true`},

	// numbers
	{`add(2,3)`, `5`}, {`sub(2,3)`, `-1`}, {`mul(-2,3)`, `-6`}, {`div(-7,2)`, `-3`}, {`mod(-7,2)`, `-1`}, {`int('42')`, `42`}, {`int(json('4.9'))`, `4`},
	{`min(3,1,2)`, `1`}, {`max(createArray(3,1,2))`, `3`}, {`range(2,3)`, `[2,3,4]`}, {`float('1.5')`, `1.5`},

	// texts
	{`format('{0}-{1}-{{x}}','a',1)`, `"a-1-{x}"`}, {`format('{0:D3}|{1:N0}|{2,5}|{3,-3}|{4:X2}|{5:000}|{0:F1}',7,1234567,'ab','c',255,5)`, `"007|1,234,567|   ab|c  |FF|005|7.0"`},
	{`format('{0}',true())`, `"True"`}, {`string(createArray(1,'a'))`, `"[1,\"a\"]"`}, {`toUpper('ab')`, `"AB"`}, {`trim('  a ')`, `"a"`},
	{`replace('a-b-c','-','')`, `"abc"`}, {`split('a,b;c',createArray(',',';'))`, `["a","b","c"]`}, {`split('a/b','/')[1]`, `"b"`},
	{`substring('hello',1,3)`, `"ell"`}, {`substring('hello',3)`, `"lo"`}, {`indexOf('aBc','bC')`, `1`}, {`lastIndexOf('abab','AB')`, `2`},
	{`indexOf(createArray('a','b'),'b')`, `1`}, {`startsWith('Abc','aB')`, `true`}, {`endsWith('abc','BC')`, `true`}, {`padLeft('7',3,'0')`, `"007"`},
	{`padLeft(7,3)`, `"  7"`}, {`join(createArray('a',1),'-')`, `"a-1"`}, {`base64('one')`, `"b25l"`}, {`base64ToString('b25l')`, `"one"`},
	{`base64ToJson(base64('{"a":1}')).a`, `1`}, {`dataUri('x')`, `"data:text/plain;charset=utf8;base64,eA=="`}, {`dataUriToString('data:;base64,eA==')`, `"x"`},
	{`uri('http://contoso.org/firstpath','myscript.sh')`, `"http://contoso.org/myscript.sh"`}, {`uri('http://contoso.org/firstpath/','/myscript.sh')`, `"http://contoso.org/firstpath/myscript.sh"`},
	{`uri('http://contoso.org','a')`, `"http://contoso.org/a"`}, {`uriComponent('a b/c')`, `"a%20b%2Fc"`}, {`uriComponentToString('a%20b')`, `"a b"`},
	{`parseUri('https://h:8443/p?q=1').port`, `8443`}, {`buildUri(createObject('scheme','https','host','h','port',1,'path','p','query','?a=b'))`, `"https://h:1/p?a=b"`},

	// arrays and objects
	{`length('äb')`, `2`}, {`length(variables('o'))`, `3`}, {`skip(createArray(1,2,3),1)`, `[2,3]`}, {`take('hello',2)`, `"he"`}, {`take(createArray(1),9)`, `[1]`},
	{`first('abc')`, `"a"`}, {`last(createArray(1,2))`, `2`}, {`first(createArray())`, `null`}, {`array('a')`, `["a"]`},
	{`union(createArray(1,2),createArray(2,3))`, `[1,2,3]`}, {`union(json('{"a":{"x":1},"b":1}'),json('{"a":{"y":2},"B":2}'))`, `{"a":{"x":1,"y":2},"b":2}`},
	{`intersection(createArray(1,2,3),createArray(3,1))`, `[1,3]`}, {`intersection(json('{"a":1,"b":2}'),json('{"a":1,"b":3}'))`, `{"a":1}`},
	{`flatten(createArray(createArray(1),createArray(2,3)))`, `[1,2,3]`}, {`distinct(createArray('a','b','a'))`, `["a","b"]`},
	{`items(json('{"b":1,"a":2}'))`, `[{"key":"a","value":2},{"key":"b","value":1}]`}, {`objectKeys(json('{"b":1,"a":2}'))`, `["a","b"]`},
	{`shallowMerge(createArray(json('{"a":{"x":1}}'),json('{"a":{"y":1}}')))`, `{"a":{"y":1}}`}, {`tryGet(variables('o'),'inner','c')`, `null`},
	{`tryGet(variables('o'),'inner','b')`, `2`}, {`tryGet(null(),'a')`, `null`}, {`indexFromEnd(createArray(1,2,3),1)`, `3`}, {`tryIndexFromEnd(createArray(1),2)`, `null`},
	{`filter(range(0,5),lambda('i',greater(lambdaVariables('i'),2)))`, `[3,4]`}, {`map(createArray('a','b'),lambda('x','n',concat(lambdaVariables('x'),lambdaVariables('n'))))`, `["a0","b1"]`},
	{`mapValues(variables('o').inner,lambda('v',add(lambdaVariables('v'),1)))`, `{"a":2,"b":3}`}, {`reduce(range(1,3),0,lambda('a','b',add(lambdaVariables('a'),lambdaVariables('b'))))`, `6`},
	{`sort(createArray(3,1,2),lambda('a','b',less(lambdaVariables('a'),lambdaVariables('b'))))`, `[1,2,3]`},
	{`groupBy(createArray('ab','ac','b'),lambda('s',first(lambdaVariables('s'))))`, `{"a":["ab","ac"],"b":["b"]}`},
	{`toObject(createArray('a','b'),lambda('k',lambdaVariables('k')),lambda('k',length(lambdaVariables('k'))))`, `{"a":1,"b":1}`},
	{`map(range(0,2),lambda('i',map(range(0,2),lambda('j',add(mul(lambdaVariables('i'),10),lambdaVariables('j'))))))`, `[[0,1],[10,11]]`},

	// dates and networks
	{`dateTimeAdd('20200407T145314Z','P1D')`, `"20200408T145314Z"`}, {`dateTimeAdd('2020-04-07 14:53:14Z','-PT1H')`, `"2020-04-07 13:53:14Z"`},
	{`dateTimeAdd('2020-01-31T00:00:00Z','P1Y','yyyy-MM')`, `"2021-01"`}, {`dateTimeToEpoch('1970-01-02T00:00:00Z')`, `86400`}, {`dateTimeFromEpoch(86400)`, `"1970-01-02T00:00:00Z"`},
	{`cidrSubnet('10.144.0.0/20',24,1)`, `"10.144.1.0/24"`}, {`cidrHost('10.144.3.0/24',0)`, `"10.144.3.1"`},
	{`parseCidr('10.144.0.0/20')`, `{"network":"10.144.0.0","netmask":"255.255.240.0","broadcast":"10.144.15.255","firstUsable":"10.144.0.1","lastUsable":"10.144.15.254","cidr":20}`},
	{`cidrSubnet('2001:db8::/32',48,2)`, `"2001:db8:2::/48"`},
}

// CP-131 and the functions of CP §7.5.
func TestExpressionsHaveTheirValues(t *testing.T) {
	for _, c := range values {
		v, err := evaluate(c[0])
		if err != nil {
			t.Errorf("%s: %v", c[0], err)
		} else if got := string(value.Marshal(v)); got != c[1] {
			t.Errorf("%s is %s, want %s", c[0], got, c[1])
		}
	}
}

func TestExpressionsThatHaveNoValueSayWhy(t *testing.T) {
	for _, c := range []struct {
		expr string
		want error
	}{
		{`concat('a'`, ErrSyntax}, {`'a`, ErrSyntax}, {`a`, ErrSyntax}, {`f()()`, ErrSyntax}, {`f(,)`, ErrSyntax}, {`1.`, ErrSyntax}, {``, ErrSyntax}, {`99999999999999999999`, ErrSyntax},
		{strings.Repeat("not(", 300) + "1" + strings.Repeat(")", 300), ErrSyntax}, {`'` + strings.Repeat("x", 25000) + `'`, ErrSyntax},
		{`nothing()`, ErrFunction}, {`__bicep.none()`, ErrFunction}, {`add(1)`, ErrEvaluation}, {`add('a',1)`, ErrEvaluation}, {`variables('o').missing`, ErrEvaluation},
		{`variables('o').list[2]`, ErrEvaluation}, {`variables('o')[0]`, ErrEvaluation}, {`null().x`, ErrEvaluation}, {`div(1,0)`, ErrEvaluation}, {`add(9223372036854775807,1)`, ErrEvaluation},
		{`mul(4611686018427387904,4)`, ErrEvaluation}, {`fail('stop')`, ErrEvaluation}, {`range(0,10001)`, ErrEvaluation}, {`lambda('a',1)`, ErrEvaluation}, {`string(lambda('a',1))`, ErrEvaluation},
		{`json('{')`, ErrEvaluation}, {`cidrSubnet('10.0.0.0/24',24,1)`, ErrEvaluation}, {`format('{1}','a')`, ErrEvaluation}, {`format('{0','a')`, ErrEvaluation},
		{`padLeft('a',2000000000)`, ErrBudget}, {`reduce(range(0,40),'xx',lambda('a','b',concat(lambdaVariables('a'),lambdaVariables('a'))))`, ErrBudget},
		{`reduce(range(0,40),'xx',lambda('a','b',createArray(lambdaVariables('a'),lambdaVariables('a'))))`, ErrBudget},
		{`map(range(0,10000),lambda('a',map(range(0,10000),lambda('b',1))))`, ErrBudget},
	} {
		if v, err := evaluate(c.expr); !errors.Is(err, c.want) {
			t.Errorf("%.60s: %v (%v), want %v", c.expr, v, err, c.want)
		}
	}
}

func TestMessagesOfErrorsHoldNoValues(t *testing.T) {
	for _, expr := range []string{`int('hunter2')`, `json('hunter2')`, `base64ToString('hunter2')`, `add('hunter2',1)`, `dateTimeAdd('hunter2','P1D')`, `cidrHost('hunter2',1)`, `bool('hunter2')`} {
		if _, err := evaluate(expr); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", expr, err)
		}
	}
}

func TestTimesAreWrittenInDotNetFormats(t *testing.T) {
	at := time.Date(2026, 3, 4, 15, 6, 7, 80_000_000, time.UTC)
	for form, want := range map[string]string{
		"": "20260304T150607Z", "u": "2026-03-04 15:06:07Z", "d": "03/04/2026", "yyyy-M-d": "2026-3-4", "HH:mm:ss.fff": "15:06:07.080", "dd MMM yy 'at' h tt": "04 Mar 26 at 3 PM", "o": "2026-03-04T15:06:07.0800000Z",
	} {
		if got, err := FormatTime(at, form); err != nil || got != want {
			t.Errorf("%q: %q (%v), want %q", form, got, err, want)
		}
	}
}

// FuzzExpression: whatever is parsed evaluates within its budget, and never panics (CP-147).
func FuzzExpression(f *testing.F) {
	for _, c := range values {
		f.Add(c[0])
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := evaluate(text)
		if err == nil && value.Size(v, 2*maxValue) > 2*maxValue {
			t.Fatal("a value above the limit")
		}
	})
}
