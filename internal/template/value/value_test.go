package value

import (
	"bytes"
	"encoding/json"
	"testing"
)

// CP-129: what az wraps around a template file, and what people write into one.
func TestTheReaderTakesWhatToolsAndPeopleWrite(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"an unquoted name":             {`{"properties": {"mode": "Incremental", template:{ "a": 1 }` + "\n}}", `{"properties":{"mode":"Incremental","template":{"a":1}}}`},
		"comments of both kinds":       {"{ // one\n/* two */ \"a\": /* three */ 1 }", `{"a":1}`},
		"a line break inside a string": {"{\"a\": \"x\n  y\"}", `{"a":"x\n  y"}`},
		"trailing commas":              {`{"a":[1,2,],}`, `{"a":[1,2]}`},
		"a byte order mark":            {"\ufeff{}", `{}`},
		"single quotes":                {`{'a':'b"'}`, `{"a":"b\""}`},
		"escapes":                      {`"\u00e4\ud83d\ude00\n\/"`, `"ä😀\n/"`},
		"a slash in a string":          {`{"a":"https://x//y /* no */"}`, `{"a":"https://x//y /* no */"}`},
		"numbers as written":           {`[1,-2,1.50,1e3,9223372036854775807,92233720368547758070]`, `[1,-2,1.50,1e3,9223372036854775807,92233720368547758070]`},
		"literals":                     {`[true,false,null]`, `[true,false,null]`},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := Parse([]byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			if got := string(Marshal(v)); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestTheReaderRefusesWhatCouldBeReadTwice(t *testing.T) {
	deep := bytes.Repeat([]byte("["), 200)
	for name, text := range map[string]string{
		"a name twice":           `{"a":1,"A":2}`,
		"more behind the value":  `{} {}`,
		"no end of a string":     `"abc`,
		"no end of a comment":    `{} /* x`,
		"no end of an object":    `{"a":1`,
		"a leading zero":         `01`,
		"nothing":                ``,
		"a word that is nothing": `maybe`,
		"an unknown escape":      `"\q"`,
		"two commas":             `[1,,2]`,
		"depth":                  string(deep),
		"not UTF-8":              "\"\xff\"",
	} {
		if v, err := Parse([]byte(text)); err == nil {
			t.Errorf("%s: read as %s", name, Marshal(v))
		}
	}
}

func TestObjectsKeepOrderAndCompareNamesWithoutCase(t *testing.T) {
	o := NewObject("Zeta", int64(1), "alpha", "x")
	o.Set("ZETA", int64(2))
	if got := string(Marshal(o)); got != `{"Zeta":2,"alpha":"x"}` {
		t.Error(got)
	}
	if o.Get("zETa") != int64(2) || o.Text("Alpha") != "x" || o.Has("none") {
		t.Error("a member is not found by another case")
	}
	o.Delete("ALPHA")
	if o.Len() != 1 || !Equal(o, NewObject("zeta", Number("2.0"))) {
		t.Error("not equal to what is left", string(Marshal(o)))
	}
	if got := string(Marshal(WithoutNulls(NewObject("a", nil, "b", []any{nil, NewObject("c", nil)})))); got != `{"b":[null,{}]}` {
		t.Error(got)
	}
}

// FuzzParse: what is read writes as strict JSON that reads as the same.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2.5,"x",null,true]}`, "{a:'b' /* c */,}", `"\ud800\u0041"`, "\ufeff[]", "{\"a\":\"x\ny\"}", `1e999`, "\"\\\\\x7f\""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		v, err := Parse(text)
		if err != nil {
			return
		}
		written := Marshal(v)
		if !json.Valid(written) {
			t.Fatalf("%q is not JSON", written)
		}
		again, err := Parse(written)
		if err != nil || !bytes.Equal(Marshal(again), written) {
			t.Fatalf("%q reads as %q (%v)", written, Marshal(again), err)
		}
	})
}
