package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/config"
	"github.com/sealring/sealring/internal/fault"
)

func load(t *testing.T, text string, env map[string]string) (config.Config, error) {
	t.Helper()
	file := ""
	if text != "" {
		file = filepath.Join(t.TempDir(), "sealring.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := config.Load("/data", file, func(k string) (string, bool) { v, ok := env[k]; return v, ok })
	if err != nil {
		return c, err
	}
	return c, c.Validate()
}

func TestDefaultsAreValid(t *testing.T) {
	c, err := load(t, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen.ProxyPort != 8081 || c.Listen.IMDSPort != 8082 || c.SQLitePath() != "/data/sealring.db" || c.Tokens.ManagedIdentity != 24*time.Hour {
		t.Fatalf("got %+v", c)
	}
}

func TestPortZeroPicksFreeOnesForAll(t *testing.T) {
	c, err := load(t, "listen: {http_port: 0, tls_port: 0}", nil)
	if err != nil || c.Listen.ProxyPort != 0 || c.Listen.IMDSPort != 0 {
		t.Fatalf("got %+v, %v", c.Listen, err)
	}
}

func TestEnvironmentBeatsFileAndPresetYieldsToSwitch(t *testing.T) {
	c, err := load(t, "domain: a.example\nazure: {preset: strict}", map[string]string{
		"SEALRING_DOMAIN": "b.example", "SEALRING_LISTEN_TLS_PORT": "9443", "SEALRING_AZURE_THROTTLE": "false",
		"SEALRING_TOKENS_MANAGED_IDENTITY": "1h", "SEALRING_LOG_RETENTION": "90", "SEALRING_STORE_FEED_LIMIT": "20s", "SEALRING_LOG_CHECKPOINTS": "/elsewhere/audit", "SEALRING_LISTEN_IMDS": "127.0.0.1:1,127.0.0.1:2",
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.Domain != "b.example" || c.Listen.TLSPort != 9443 || c.Tokens.ManagedIdentity != time.Hour || c.Log.Retention != 90 || c.Store.FeedLimit != 20*time.Second || c.Log.Checkpoints != "/elsewhere/audit" || len(c.Listen.IMDS) != 2 {
		t.Fatalf("got %+v", c)
	}
	if c.Azure.On(c.Azure.Throttle) || !c.Azure.On(c.Azure.Cache24h) {
		t.Fatal("a switch does not beat the preset, or the preset does not turn the others on")
	}
}

// S-31: nothing that is missing, empty or misspelt may pass quietly.
func TestBadConfigurationNamesTheKey(t *testing.T) {
	for name, c := range map[string]struct{ text, names string }{
		"unknown key":                      {"listn: {tls_port: 1}", "listn"},
		"unknown key inside":               {"listen: {tls_prot: 1}", "tls_prot"},
		"key twice":                        {"domain: a.b\ndomain: c.d", "domain"},
		"port out of range":                {"listen: {tls_port: 70000}", "listen.tls_port"},
		"two listeners on one port":        {"listen: {tls_port: 8080}", "listen.tls_port"},
		"answers that go nowhere":          {"listen: {imds_hop_limit: 0}", "listen.imds_hop_limit"},
		"metadata endpoint on all":         {`listen: {imds: ["0.0.0.0:80"]}`, "0.0.0.0:80"},
		"operations on a routable address": {`ops: {listen: "10.0.0.1:9090"}`, "10.0.0.1:9090"},
		"not an address":                   {"listen: {address: localhost}", "listen.address"},
		"domain of one label":              {"domain: localhost", "domain"},
		"domain with the word token":       {"domain: token.example", "domain"},
		"two stores":                       {"store: {sqlite: {path: a}, postgres: {dsn_file: b}}", "store.sqlite.path"},
		"two key sources":                  {"kek: {file: a, command: [b]}", "kek.file"},
		"decisions too old":                {"store: {feed_limit: 61s}", "store.feed_limit"},
		"decisions without the feed":       {"store: {feed_limit: 0s}", "store.feed_limit"},
		"token life zero":                  {"tokens: {managed_identity: 0s}", "tokens.managed_identity"},
		"token life too long":              {"tokens: {managed_identity: 25h}", "tokens.managed_identity"},
		"unknown preset":                   {"azure: {preset: lax}", "azure.preset"},
		"log level":                        {"log: {level: loud}", "log.level"},
		"retention below zero":             {"log: {retention: -1}", "log.retention"},
		"checkpoints at no fixed place":    {"log: {checkpoints: audit.log}", "log.checkpoints"},
		"checkpoints beside the data":      {"log: {checkpoints: /data/audit.log}", "log.checkpoints"},
	} {
		_, err := load(t, c.text, nil)
		if !errors.Is(err, config.ErrInvalid) || !strings.Contains(fault.Message(err), c.names) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := load(t, "", map[string]string{"SEALRING_LISTEN_TLS_PORT": "many"}); !errors.Is(err, config.ErrInvalid) {
		t.Errorf("bad environment: %v", err)
	}
	if _, err := config.Load("/data", "/does/not/exist.yaml", func(string) (string, bool) { return "", false }); !errors.Is(err, config.ErrInvalid) {
		t.Errorf("missing file: %v", err)
	}
}

// D-8: what a preset means is in what is printed, and a single switch has the last word.
func TestEffectiveSaysWhichSwitchesAreOn(t *testing.T) {
	c, err := load(t, "azure: {preset: strict, throttle: false}", nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := c.Effective()
	if err != nil || !strings.Contains(text, "cache_24h: true") || !strings.Contains(text, "throttle: false") {
		t.Errorf("%v\n%s", err, text)
	}
	if c.Azure.Cache24h != nil {
		t.Error("printing a configuration changed it")
	}
}

func TestEffectiveLoadsAgainAndMasksArguments(t *testing.T) {
	c, err := load(t, "kek: {command: [fetch-key, --password, hunter2]}", nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := c.Effective()
	if err != nil || strings.Contains(text, "hunter2") {
		t.Fatalf("%v\n%s", err, text)
	}
	again, err := load(t, text, nil)
	if err != nil || again.Domain != c.Domain || again.Listen.IMDSPort != c.Listen.IMDSPort {
		t.Fatalf("%v\n%s", err, text)
	}
}
