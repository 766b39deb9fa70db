package id_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/id"
)

func TestParseFoldsCaseAndRefusesOtherSpellings(t *testing.T) {
	const canonical = "0f8fad5b-d9cb-469f-a165-70867728950e"
	got, err := id.ParseTenant(strings.ToUpper(canonical))
	if err != nil || got != canonical {
		t.Fatalf("upper case: got %q, %v", got, err)
	}
	for name, text := range map[string]string{
		"empty":           "",
		"braces":          "{" + canonical + "}",
		"urn":             "urn:uuid:" + canonical,
		"without hyphens": strings.ReplaceAll(canonical, "-", ""),
		"leading blank":   " " + canonical[:35],
		"not hexadecimal": "g" + canonical[1:],
		"hyphen moved":    "0f8fad5bd-9cb-469f-a165-70867728950e",
	} {
		if _, err := id.ParseApp(text); !errors.Is(err, id.ErrMalformed) {
			t.Errorf("%s: %q gave %v, want ErrMalformed", name, text, err)
		}
	}
}

func TestSourceMakesVersion4(t *testing.T) {
	got := id.NewSource(bytes.NewReader(make([]byte, 16))).Object()
	if got != "00000000-0000-4000-8000-000000000000" {
		t.Fatalf("got %s", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("0f8fad5b-d9cb-469f-a165-70867728950e")
	f.Add("{0f8fad5b-d9cb-469f-a165-70867728950e}")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := id.ParseObject(text)
		if err == nil && string(got) != strings.ToLower(text) {
			t.Fatalf("%q parsed to %q", text, got)
		}
	})
}
