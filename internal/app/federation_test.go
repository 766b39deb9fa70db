package app

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/sealring/sealring/internal/config"
	"github.com/sealring/sealring/internal/outbound"
)

// S-35: only a server that nobody else can reach asks its own machine, unless the operator says so.
func TestWhoMayAskThisMachine(t *testing.T) {
	for name, c := range map[string]struct {
		address string
		allow   []string
		url     string
		want    error // ErrUnreachable: it was asked, and nobody listens
	}{
		"a laptop asks itself":              {"127.0.0.1", nil, "http://127.0.0.1:1/", outbound.ErrUnreachable},
		"a laptop asks itself by name":      {"127.0.0.1", nil, "http://localhost:1/", outbound.ErrUnreachable},
		"a laptop asks the neighbour":       {"127.0.0.1", nil, "https://192.168.0.1/", outbound.ErrRefused},
		"a laptop asks for metadata":        {"::1", []string{"169.254.1.1:*"}, "https://169.254.1.1/", outbound.ErrRefused},
		"a server asks itself":              {"0.0.0.0", nil, "http://127.0.0.1:1/", outbound.ErrRefused},
		"a server at an address asks":       {"10.0.0.5", nil, "https://localhost:1/", outbound.ErrRefused},
		"a server whose operator allows it": {"0.0.0.0", []string{"127.0.0.1:1"}, "http://127.0.0.1:1/", outbound.ErrUnreachable},
	} {
		conf := Config{Config: config.Default(t.TempDir())}
		conf.Listen.Address, conf.Federation.Allow = c.address, c.allow
		client, err := conf.newOutbound()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Get(t.Context(), c.url, 100); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A mistake in the configuration is found at the start, and named (S-31).
func TestMistakesInTheFederationSettings(t *testing.T) {
	file := filepath.Join(t.TempDir(), "not.pem")
	if err := os.WriteFile(file, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]func(f *config.Federation){
		"a CA file that is missing":        func(f *config.Federation) { f.CAFile = file + "x" },
		"a CA file without a certificate":  func(f *config.Federation) { f.CAFile = file },
		"a host with a wildcard":           func(f *config.Federation) { f.Allow = []string{"*.example.com"} },
		"a URL in the place of a host":     func(f *config.Federation) { f.Allow = []string{"https://example.com"} },
		"a port that is no number":         func(f *config.Federation) { f.Allow = []string{"example.com:https"} },
		"an empty entry, as of a variable": func(f *config.Federation) { f.Allow = []string{""} },
	} {
		conf := Config{Config: config.Default(t.TempDir())}
		edit(&conf.Federation)
		if _, err := conf.newOutbound(); !errors.Is(err, config.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
