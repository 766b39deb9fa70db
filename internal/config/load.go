package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/sealring/sealring/internal/fault"
)

// ErrInvalid is a configuration that cannot be used; its sentence names the key and the way out.
var ErrInvalid = fault.New(fault.Invalid, "the configuration is not valid")

// Load reads file (none if "") over the defaults, then the environment. Call Validate
// after the flags are applied. Errors: ErrInvalid.
func Load(dataDir, file string, lookup func(string) (string, bool)) (Config, error) {
	c := Default(dataDir)
	if file != "" {
		raw, err := os.ReadFile(file)
		if err != nil {
			return c, ErrInvalid.With("cannot read the configuration file: %v; name another with --config", err)
		}
		if err := decode(raw, &c); err != nil {
			return c, ErrInvalid.With("%s: %s", file, err)
		}
	}
	if err := applyEnvironment(reflect.ValueOf(&c).Elem(), "SEALRING", lookup); err != nil {
		return c, err
	}
	return c, nil
}

// decode reads YAML strictly into c.
func decode(raw []byte, c *Config) error {
	err := yaml.NewDecoder(bytes.NewReader(raw), yaml.Strict(), yaml.DisallowUnknownField()).Decode(c)
	if err == nil || errors.Is(err, io.EOF) {
		return nil
	}
	return errors.New(strings.TrimSpace(yaml.FormatError(err, false, false)))
}

// applyEnvironment sets every leaf whose variable is present. Lists are split at commas.
func applyEnvironment(v reflect.Value, prefix string, lookup func(string) (string, bool)) error {
	for i := range v.NumField() {
		key := v.Type().Field(i).Tag.Get("yaml")
		if key == "-" {
			continue
		}
		name := prefix + "_" + strings.ToUpper(key)
		field := v.Field(i)
		if field.Kind() == reflect.Struct {
			if err := applyEnvironment(field, name, lookup); err != nil {
				return err
			}
			continue
		}
		text, ok := lookup(name)
		if !ok {
			continue
		}
		if err := set(field, text); err != nil {
			return ErrInvalid.With("%s=%q: %v", name, text, err)
		}
	}
	return nil
}

// set parses text into field by the field's type.
func set(field reflect.Value, text string) error {
	switch field.Interface().(type) {
	case string:
		field.SetString(text)
	case int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return errors.New("not a whole number")
		}
		field.SetInt(int64(n))
	case time.Duration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return errors.New("not a duration such as 90m or 24h")
		}
		field.SetInt(int64(d))
	case *bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return errors.New("neither true nor false")
		}
		field.Set(reflect.ValueOf(&b))
	case []string:
		field.Set(reflect.ValueOf(strings.Split(text, ",")))
	default:
		return fmt.Errorf("cannot be set from the environment (%s)", field.Type())
	}
	return nil
}

// domainName is a lower-case DNS name of at least two labels.
var domainName = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)

// Validate completes defaults that depend on others and checks every value. Errors: ErrInvalid.
func (c *Config) Validate() error {
	for _, p := range []*int{&c.Listen.ProxyPort, &c.Listen.IMDSPort} {
		if *p != unset {
			continue
		}
		*p = 0
		if c.Listen.HTTPPort != 0 {
			*p = c.Listen.HTTPPort + 1
			if p == &c.Listen.IMDSPort {
				*p++
			}
		}
	}
	abs, err := filepath.Abs(c.Data)
	if err != nil || c.Data == "" {
		return ErrInvalid.With("the data directory is not set: use --data or SEALRING_DATA")
	}
	c.Data = abs
	for _, check := range []func() error{c.checkListen, c.checkNames, c.checkSources, c.checkValues} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// checkListen checks addresses and ports.
func (c *Config) checkListen() error {
	if _, err := netip.ParseAddr(c.Listen.Address); err != nil {
		return ErrInvalid.With("listen.address %q is not an IP address", c.Listen.Address)
	}
	ports := map[int]string{}
	for _, p := range []struct {
		key  string
		port int
	}{{"listen.tls_port", c.Listen.TLSPort}, {"listen.http_port", c.Listen.HTTPPort}, {"listen.proxy_port", c.Listen.ProxyPort}, {"listen.imds_port", c.Listen.IMDSPort}} {
		if p.port < 0 || p.port > 65535 {
			return ErrInvalid.With("%s %d is not a port: use 1 to 65535, or 0 for a free one", p.key, p.port)
		}
		if other, taken := ports[p.port]; taken && p.port != 0 {
			return ErrInvalid.With("%s and %s are both %d", other, p.key, p.port)
		}
		ports[p.port] = p.key
	}
	if n := c.Listen.IMDSHopLimit; n < 1 || n > 255 {
		return ErrInvalid.With("listen.imds_hop_limit %d is out of range: 1 to 255", n)
	}
	for _, a := range append(append([]string{}, c.Listen.IMDS...), c.Ops.Listen) {
		if a == "" {
			continue
		}
		ap, err := netip.ParseAddrPort(a)
		if err != nil || !ap.Addr().IsLoopback() && !ap.Addr().IsLinkLocalUnicast() {
			return ErrInvalid.With("%q must be ip:port on loopback or link-local: node and operations endpoints never listen elsewhere", a)
		}
	}
	return nil
}

// checkNames checks the domain against the rules that clients' own parsing imposes.
func (c *Config) checkNames() error {
	switch {
	case c.Domain != "" && !domainName.MatchString(c.Domain) || len(c.Domain) > 200:
		return ErrInvalid.With("domain %q is not a lower-case DNS name such as sealring.internal", c.Domain)
	case strings.Contains(c.Domain, "token"):
		return ErrInvalid.With("domain %q contains the word token, which breaks MSAL's endpoint rewriting", c.Domain)
	case c.PublicPort < 0 || c.PublicPort > 65535:
		return ErrInvalid.With("public_port %d is not a port", c.PublicPort)
	}
	return nil
}

// checkSources checks that secrets come from exactly one place.
func (c *Config) checkSources() error {
	switch {
	case c.Store.SQLite.Path != "" && c.Store.Postgres.DSNFile != "":
		return ErrInvalid.With("store.sqlite.path and store.postgres.dsn_file are both set: choose one")
	case c.KEK.File != "" && len(c.KEK.Command) > 0:
		return ErrInvalid.With("kek.file and kek.command are both set: choose one")
	}
	return nil
}

// checkValues checks what has a range or a list of words.
func (c *Config) checkValues() error {
	life := c.Tokens.ManagedIdentity
	switch {
	case life < 5*time.Minute || life > 24*time.Hour:
		return ErrInvalid.With("tokens.managed_identity %s is out of range: 5m to 24h", life)
	case life%time.Second != 0:
		return ErrInvalid.With("tokens.managed_identity %s is not whole seconds", life)
	case c.Store.FeedLimit < 5*time.Second || c.Store.FeedLimit > time.Minute:
		return ErrInvalid.With("store.feed_limit %s is out of range: 5s to 1m", c.Store.FeedLimit)
	case c.Azure.Preset != "" && c.Azure.Preset != "strict":
		return ErrInvalid.With("azure.preset %q is unknown: the only preset is strict", c.Azure.Preset)
	case slices.ContainsFunc(slices.Collect(maps.Values(c.Hosts.UserAssigned)), func(limit int) bool { return limit < 0 }):
		return ErrInvalid.With("hosts.user_assigned has a limit below 0; 0 means none")
	case !oneOf(c.Log.Level, "debug", "info", "warn", "error"):
		return ErrInvalid.With("log.level %q is none of debug, info, warn, error", c.Log.Level)
	case !oneOf(c.Log.Format, "text", "json"):
		return ErrInvalid.With("log.format %q is neither text nor json", c.Log.Format)
	case c.Log.Retention < 0 || c.Log.Retention > 36500:
		return ErrInvalid.With("log.retention %d is not a number of days from 0, for ever, to 36500", c.Log.Retention)
	case c.Log.Checkpoints != "" && (!filepath.IsAbs(c.Log.Checkpoints) || within(c.Data, c.Log.Checkpoints)):
		return ErrInvalid.With("log.checkpoints %q is not an absolute path outside the data directory: who can change the one could change the other", c.Log.Checkpoints)
	}
	return nil
}

// within reports whether path lies in dir; both are absolute.
func within(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}

// oneOf reports whether s is among words.
func oneOf(s string, words ...string) bool {
	for _, w := range words {
		if s == w {
			return true
		}
	}
	return false
}
