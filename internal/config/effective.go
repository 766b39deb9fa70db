package config

import (
	"fmt"

	"github.com/goccy/go-yaml"
)

// Effective returns the configuration as YAML, for a person: what was asked, completed by
// the defaults and by what the preset means. It holds no secrets: those are named by file, and a command's arguments
// beyond the program are masked.
func (c Config) Effective() (string, error) {
	if len(c.KEK.Command) > 1 {
		c.KEK.Command = []string{c.KEK.Command[0], "[masked]"}
	}
	if c.Store.Postgres.DSNFile == "" {
		c.Store.SQLite.Path = c.SQLitePath()
	}
	a := &c.Azure
	for _, choice := range []**bool{&a.Cache24h, &a.Throttle, &a.StrictAPIVersions, &a.StrictRegistration, &a.StrictVaultAudience, &a.FederationLimits, &a.AuthorizationLimits, &a.ReplicationDelay} {
		on := a.On(*choice)
		*choice = &on
	}
	out, err := yaml.MarshalWithOptions(c, yaml.IndentSequence(true))
	if err != nil {
		return "", fmt.Errorf("write the configuration: %w", err)
	}
	return string(out), nil
}
