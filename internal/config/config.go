// Package config turns one YAML file, the environment and the command line into one
// validated Config. Unknown keys are errors, and a missing value never switches a check
// off: what has no safe default must be given.
//
// Order of precedence, strongest first: flag, environment variable, file, default. The
// environment variable of a key is SEALRING_ and its path in capitals joined by
// underscores: `listen.tls_port` is SEALRING_LISTEN_TLS_PORT.
package config

import (
	"path/filepath"
	"time"
)

// Config is the validated configuration of `sealring up`.
type Config struct {
	// Data is the data directory, absolute, mode 0700. Not in the file: it says where the file's world is.
	Data string `yaml:"-"`
	// Listen says where the servers listen.
	Listen Listen `yaml:"listen"`
	// Domain is the suffix of all names served. It is frozen at first start; default then
	// "sealring.internal", later what the installation was made with.
	Domain string `yaml:"domain"`
	// PublicPort is the port that clients outside the proxy use for the issuer's names,
	// 1-65535. It is frozen at first start like the domain; default then the TLS port (L-1).
	PublicPort int `yaml:"public_port"`
	// Store says where the data lives.
	Store Store `yaml:"store"`
	// KEK says where the key-encryption key comes from.
	KEK KEK `yaml:"kek"`
	// Tokens says how long tokens live.
	Tokens Tokens `yaml:"tokens"`
	// Federation says which outside issuers may be asked for their keys, and how.
	Federation Federation `yaml:"federation"`
	// Hosts limits the resources that carry identities.
	Hosts Hosts `yaml:"hosts"`
	// Azure switches Azure's awkward behaviours on (D-8).
	Azure Azure `yaml:"azure"`
	// Log says what is logged, and how long the audit log is kept.
	Log Log `yaml:"log"`
	// Ops says where health, version and profiles are served.
	Ops Ops `yaml:"ops"`
}

// Listen holds addresses and ports. A port of 0 picks a free one.
type Listen struct {
	// Address is the IP address of the TLS listener. Default "127.0.0.1".
	Address string `yaml:"address"`
	// TLSPort serves sign-in, Resource Manager, Graph and vaults. Default 8443.
	TLSPort int `yaml:"tls_port"`
	// HTTPPort serves the App Service token endpoint, on loopback. Default 8080.
	HTTPPort int `yaml:"http_port"`
	// ProxyPort serves the CONNECT proxy for our names, on loopback. Default 8081; 0 if HTTPPort is 0.
	ProxyPort int `yaml:"proxy_port"`
	// IMDSPort serves the instance metadata token endpoint, on loopback. Default 8082; 0 if HTTPPort is 0.
	IMDSPort int `yaml:"imds_port"`
	// IMDS lists further addresses (ip:port) for the instance metadata endpoint: loopback or
	// link-local only. Default none.
	IMDS []string `yaml:"imds"`
	// IMDSHopLimit is the IP time-to-live of answers on link-local addresses of IMDS, so that
	// no router passes them on: 1 to 255. Default 1 (S-16).
	IMDSHopLimit int `yaml:"imds_hop_limit"`
}

// Store names the engine, of which at most one is set; neither means SQLite in Data.
type Store struct {
	SQLite   SQLite   `yaml:"sqlite"`
	Postgres Postgres `yaml:"postgres"`
	// FeedLimit is how long decisions go on while changes made by other processes cannot be
	// read; then services answer 503 (L-3). Default 5s, from 5s to 1m.
	FeedLimit time.Duration `yaml:"feed_limit"`
}

// SQLite is the embedded engine.
type SQLite struct {
	// Path is the database file. Default "<data>/sealring.db".
	Path string `yaml:"path"`
}

// Postgres is the engine for several replicas.
type Postgres struct {
	// DSNFile holds the connection string: a secret, so it comes from a file of mode 0600.
	DSNFile string `yaml:"dsn_file"`
}

// KEK is the source of the key-encryption key (L-12). At most one is set; neither means
// $XDG_CONFIG_HOME/sealring/<installation>.kek.
type KEK struct {
	// File holds the key: 0600, outside the data directory.
	File string `yaml:"file"`
	// Command prints the key on standard output. Its parts are not passed to a shell.
	Command []string `yaml:"command"`
}

// Tokens holds lifetimes.
type Tokens struct {
	// ManagedIdentity is the life of a managed identity's token. Default 24h, from 5m to 24h.
	ManagedIdentity time.Duration `yaml:"managed_identity"`
	// PasswordGrant lets clients send people's passwords themselves (RFC 6749 §4.3, "ROPC"),
	// past the sign-in page and whatever it asks. Default false.
	PasswordGrant bool `yaml:"password_grant"`
}

// Federation is about the issuers that federated credentials name. Which of them is trusted
// each credential says; this is what is asked for their sake, and with which keys.
type Federation struct {
	// Allow lists issuers' hosts that may lie in a private network or use other ports than 443:
	// "host", "host:port", or "host:*" for any port. A server that listens on loopback always
	// allows this machine, and plain http to it. Default none.
	Allow []string `yaml:"allow"`
	// CAFile holds further authorities (PEM) for issuers' TLS certificates. Default "": the system's.
	CAFile string `yaml:"ca_file"`
	// Issuers are those of which more is said than their URL. Default none.
	Issuers []FederationIssuer `yaml:"issuers"`
}

// FederationIssuer is an issuer with keys of its own, or that may use further algorithms.
type FederationIssuer struct {
	// URL is the issuer, compared byte for byte.
	URL string `yaml:"url"`
	// KeysFile holds its JSON Web Key Set, for issuers that publish none where we could fetch
	// it. Default "": it is fetched.
	KeysFile string `yaml:"keys_file"`
	// Algorithms it may sign with. Default RS256; with KeysFile whatever its keys are for.
	Algorithms []string `yaml:"algorithms"`
}

// Hosts are limits on the resources that carry identities.
type Hosts struct {
	// UserAssigned is the most user-assigned identities of a resource, by its full type:
	// "Microsoft.Web/sites: 20". 0 means no limit. Default: the limits that Azure publishes.
	UserAssigned map[string]int `yaml:"user_assigned"`
}

// Azure holds the switches of D-8. All are off by default; preset: strict turns all on.
type Azure struct {
	// Preset is "" or "strict".
	Preset string `yaml:"preset"`
	// Cache24h keeps a minted token for its whole life, whatever changes: permission claims stay stale as in Azure.
	Cache24h *bool `yaml:"cache_24h"`
	// Throttle answers 429 above 20 token requests a second or 5 at a time per node, and above
	// 4,000 requests in ten seconds per vault.
	Throttle *bool `yaml:"throttle"`
	// StrictAPIVersions refuses api-versions that Azure does not list.
	StrictAPIVersions *bool `yaml:"strict_api_versions"`
	// StrictRegistration refuses resources of namespaces that the subscription has not registered.
	StrictRegistration *bool `yaml:"strict_registration"`
	// FederationLimits allows 20 federated credentials for each application or identity, one write of an
	// identity's at a time, and RS256 only.
	FederationLimits *bool `yaml:"federation_limits"`
	// AuthorizationLimits allows 4,000 role assignments for each subscription and 500 for each management group.
	AuthorizationLimits *bool `yaml:"authorization_limits"`
	// ReplicationDelay lets role assignments and roles take effect ten seconds after they were written, revocations
	// too, and accepts assignments to principals that do not exist yet if they say their type.
	ReplicationDelay *bool `yaml:"replication_delay"`
	// StrictVaultAudience refuses a vault token whose audience ends in a slash.
	StrictVaultAudience *bool `yaml:"strict_vault_audience"`
}

// Log says what is logged, to standard error, and how the audit log, which lies in the
// store, is kept.
type Log struct {
	// Level is debug, info, warn or error. Default "info".
	Level string `yaml:"level"`
	// Format is text or json. Default "json".
	Format string `yaml:"format"`
	// Retention is how long audit records are kept, in days, from 0 to 36500. Default 0: for ever.
	Retention int `yaml:"retention"`
	// Checkpoints is a file, best on another machine's disk, to which every signed checkpoint
	// of the audit log is appended; an absolute path outside the data directory. Default "": none.
	Checkpoints string `yaml:"checkpoints"`
}

// Ops is the operations listener.
type Ops struct {
	// Listen is a loopback ip:port. Default "": off.
	Listen string `yaml:"listen"`
}

// On reports whether a switch is on, given the preset.
func (a Azure) On(choice *bool) bool {
	if choice != nil {
		return *choice
	}
	return a.Preset == "strict"
}

// SQLitePath is the database file, or "" when PostgreSQL is configured.
func (c Config) SQLitePath() string {
	if c.Store.Postgres.DSNFile != "" {
		return ""
	}
	if c.Store.SQLite.Path != "" {
		return c.Store.SQLite.Path
	}
	return filepath.Join(c.Data, "sealring.db")
}

// Default returns the configuration of a machine with no file, no environment and no flags.
func Default(dataDir string) Config {
	return Config{
		Data:   dataDir,
		Listen: Listen{Address: "127.0.0.1", TLSPort: 8443, HTTPPort: 8080, ProxyPort: unset, IMDSPort: unset, IMDSHopLimit: 1},
		Store:  Store{FeedLimit: 5 * time.Second},
		Tokens: Tokens{ManagedIdentity: 24 * time.Hour},
		Log:    Log{Level: "info", Format: "json"},
	}
}

// unset marks a port whose default depends on another.
const unset = -1
