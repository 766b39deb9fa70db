package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/bearer"
	"github.com/sealring/sealring/internal/client"
	"github.com/sealring/sealring/internal/config"
	"github.com/sealring/sealring/internal/deployment"
	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/entitlement"
	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/federation"
	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/keyring"
	"github.com/sealring/sealring/internal/managedidentity"
	"github.com/sealring/sealring/internal/paging"
	"github.com/sealring/sealring/internal/pki"
	"github.com/sealring/sealring/internal/seal"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/token"
	"github.com/sealring/sealring/internal/vault"
	"github.com/sealring/sealring/internal/workload"
)

// location is the short name of the installation's one location.
const location = "local"

// Server is a platform that is bound and wired and not yet serving.
type Server struct {
	c             Config
	ids           *id.Source
	dir           *dataDir
	listeners     *listeners
	db            *store.DB
	in            installation
	acceptedClock map[string]string // what recordClock writes; nil where the clock was right
	newKEK        string            // path of a key-encryption key made by this start; "" if there was one

	sealer     *seal.Sealer
	audit      *audit.Log
	checkpoint *audit.Checkpoints
	keys       *keyring.Keyring
	pki        *pki.Authority
	issuer     *token.Issuer
	bearer     *bearer.Authenticator
	domain
	identities   *managedidentity.Service
	entitlements *entitlement.Service
	federation   *federation.Verifier
	vaults       *vault.Service
	workloads    *workload.Registry
	pages        *paging.Tokens
	rooms        rooms

	deployments *deployment.Service
	access      *httpd.AccessLog // nil: access lines go through the log
	meter       *httpd.Meter
}

// New prepares a server: everything is bound, opened, wired and founded; Run serves. What
// is wrong with the machine or the configuration is found here, with an error that says
// the way out, and with nothing changed if the listeners cannot be bound.
func New(ctx context.Context, c Config) (_ *Server, err error) {
	if c.Log == nil || c.Now == nil || c.Rand == nil || c.Hostname == "" || c.ConfigHome == "" || c.Version == "" {
		return nil, errors.New("app: Log, Now, Rand, Hostname, ConfigHome and Version are needed")
	}
	if _, err := imdsHost(c); err != nil {
		return nil, err
	}
	if err := seal.ProtectProcess(); err != nil {
		return nil, err
	}
	unix.Umask(0o077) // nothing that this process makes is for others (S-24)
	s := &Server{c: c, ids: id.NewSource(c.Rand), meter: &httpd.Meter{}}
	s.c.Log = slog.New(httpd.Metered{Handler: c.Log.Handler(), Meter: s.meter})
	if c.AccessLog != nil {
		s.access, err = httpd.NewAccessLog(httpd.AccessLogConfig{Handler: c.Log.Handler(), Out: c.AccessLog, Now: c.Now, Meter: s.meter})
		if err != nil {
			return nil, err
		}
		s.c.Log = slog.New(s.access)
	}
	defer func() {
		if err == nil {
			return
		}
		if s.dir != nil {
			s.dir.undo()
		}
		err = errors.Join(err, s.close())
	}()
	if s.listeners, err = bind(ctx, c.Config); err != nil {
		if e, running := client.ReadEndpoints(c.Data); running == nil {
			err = inUse(c.Data, strconv.Itoa(e.PID)) // the likelier mistake: it is started already
		}
		return nil, err
	}
	if s.dir, err = openDataDir(c.Data); err != nil {
		return nil, err
	}
	if err = s.dir.removeLeftovers(); err != nil {
		return nil, err
	}
	for _, step := range []func(context.Context) error{s.checkFiles, s.refuseOrphan, s.openStore, s.checkClock, s.openKeys, s.recordClock, s.buildDomain, s.bootstrap, s.buildRooms} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return s, s.listeners.bindSocket(ctx, s.dir.file(socketName))
}

// refuseOrphan refuses a data directory whose database is gone, before a new one is made.
func (s *Server) refuseOrphan(context.Context) error {
	path := s.c.SQLitePath()
	if path == "" {
		return nil
	}
	_, db := os.Lstat(path)
	if _, err := os.Lstat(s.dir.file(adminSecretFile)); err == nil && errors.Is(db, os.ErrNotExist) {
		return s.dir.orphaned("no database " + path)
	}
	return nil
}

// openStore opens the engine and settles what never changes.
func (s *Server) openStore(ctx context.Context) error {
	db, err := s.c.openStore(ctx)
	if err != nil {
		return err
	}
	s.db = db
	advertised := s.c.PublicPort
	if advertised == 0 {
		advertised = port(s.listeners.tls)
	}
	if s.in, err = settle(ctx, db, s.ids, s.c.Domain, advertised); err != nil {
		return err
	}
	if asked := s.c.PublicPort; asked != 0 && asked != s.in.port {
		return ErrFrozen.With("the issuer's port is %d since the first start and cannot become %d: every token names it; set public_port to %[1]d or leave it out, and forward that port to the one listened on", s.in.port, asked)
	}
	return nil
}

// storeConfig says which engine is configured, and where it is, for people.
func (c Config) storeConfig() (conf store.Config, where string, err error) {
	conf = store.Config{SQLitePath: c.SQLitePath(), FeedLimit: c.Store.FeedLimit, Now: c.Now, Log: c.Log}
	where = conf.SQLitePath
	if file := c.Store.Postgres.DSNFile; file != "" {
		where = "the PostgreSQL server of " + file
		conf.PostgresDSN, err = readDSN(file)
	}
	return conf, where, err
}

// openStore opens the configured engine.
func (c Config) openStore(ctx context.Context) (*store.DB, error) {
	conf, where, err := c.storeConfig()
	if err != nil {
		return nil, err
	}
	if path := conf.SQLitePath; path != "" {
		if err := checkDatabase(path); err != nil {
			return nil, err
		}
	}
	db, err := store.New(ctx, conf)
	if err != nil {
		return nil, explainStore(err, where)
	}
	return db, nil
}

// readDSN reads a connection string, which may hold a password: its file is the owner's alone.
func readDSN(file string) (string, error) {
	info, err := os.Stat(file)
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		return "", store.ErrUnsafe.With("others may read store.postgres.dsn_file %s (mode %#o): run chmod 600 %s", file, info.Mode().Perm(), file)
	}
	dsn, err := os.ReadFile(file)
	if err != nil {
		return "", config.ErrInvalid.With("cannot read store.postgres.dsn_file %s: %s; name a file of mode 0600 that holds the connection string", file, reason(err))
	}
	return strings.TrimSpace(string(dsn)), nil
}

// explainStore adds the place and the way out to a failure to open the store.
func explainStore(err error, where string) error {
	switch {
	case errors.Is(err, store.ErrCorrupt):
		return fmt.Errorf("%w: %w", store.ErrCorrupt.With("%s is damaged; nothing was changed: restore a backup, or move the file away to begin anew", where), err)
	case errors.Is(err, store.ErrNewer):
		return err
	case fault.KindOf(err) == fault.Unavailable:
		return fmt.Errorf("%w: %w", store.ErrUnavailable.With("cannot open %s: check that it is there, that it runs and that this user may write to it", where), err)
	}
	return err
}

// openKeys opens everything that is sealed: keys, authorities, the log.
func (s *Server) openKeys(ctx context.Context) error {
	kek, made, err := s.c.loadKEK(ctx, s.db, s.in.id)
	if err != nil {
		return err
	}
	s.newKEK = made
	if s.sealer, err = seal.New(ctx, seal.Config{Store: s.db, KEK: kek, Now: s.c.Now, Rand: s.c.Rand}); err != nil {
		return explainKEK(err, s.c.kekPlace(s.in.id))
	}
	if s.audit, err = audit.New(audit.Config{Store: s.db, Server: s.in.chain(s.c.Hostname), Now: s.c.Now}); err != nil {
		return err
	}
	if s.checkpoint, err = s.c.checkpoints(s.audit, s.sealer); err != nil {
		return err
	}
	s.keys, err = keyring.New(ctx, keyring.Config{Authority: s.in.url("login"), Store: s.db, Sealer: s.sealer, Audit: s.audit, Log: s.c.Log, Now: s.c.Now, Rand: s.c.Rand})
	if err != nil {
		return err
	}
	if s.pki, err = pki.New(ctx, pki.Config{Store: s.db, Sealer: s.sealer, Domain: s.in.domain, Now: s.c.Now, Rand: s.c.Rand}); err != nil {
		return err
	}
	if s.pages, err = paging.New(paging.Config{Sealer: s.sealer, Now: s.c.Now, Epoch: s.in.epoch}); err != nil {
		return err
	}
	return s.dir.replace("ca.pem", s.pki.Bundle())
}

// buildDomain wires the services that hold the rules.
func (s *Server) buildDomain(ctx context.Context) (err error) {
	s.issuer, err = token.NewIssuer(token.IssuerConfig{Authority: s.in.url("login"), Signer: s.keys, Now: s.c.Now, Rand: s.c.Rand})
	if err != nil {
		return err
	}
	if s.domain, err = newDomain(s.c, s.in, s.db, s.audit, s.sealer, s.audiences()); err != nil {
		return err
	}
	verifier, err := token.NewVerifier(token.VerifierConfig{Authority: s.in.url("login"), Keys: s.keys, Revoked: s.keys.Revoked, Now: s.c.Now, Skew: token.MaxSkew})
	if err != nil {
		return err
	}
	s.bearer, err = bearer.New(bearer.Config{Verifier: verifier, Directory: s.directory, CacheBytes: 16 << 20})
	if err != nil {
		return err
	}
	s.vaults, err = vault.New(vault.Config{Store: s.db, Audit: s.audit, Sealer: s.sealer, Log: s.c.Log, Now: s.c.Now, Rand: s.c.Rand, IDs: s.ids})
	if err != nil {
		return err
	}
	return s.buildWorkloads(ctx)
}

// audiences are our own names of the built-in resources, with and without the port.
func (s *Server) audiences() []directory.Audience {
	var out []directory.Audience
	for name, app := range map[string]id.App{
		"management": "797f4846-ba00-4fd7-ba43-dac1f8f63013",
		"graph":      "00000003-0000-0000-c000-000000000000",
		"vault":      "cfa8b339-82a2-471a-a3c9-0fc0be7a4093",
	} {
		for _, url := range []string{s.in.url(name), "https://" + name + "." + s.in.domain} {
			out = append(out, directory.Audience{AppID: app, Name: url})
		}
	}
	for _, local := range s.localURLs() {
		out = append(out, directory.Audience{AppID: "797f4846-ba00-4fd7-ba43-dac1f8f63013", Name: local})
	}
	return out
}

// localURLs are the addresses of Resource Manager on plain localhost.
func (s *Server) localURLs() []string {
	return []string{"https://localhost:" + strconv.Itoa(port(s.listeners.tls))}
}

// Endpoints describes the server to its users.
func (s *Server) Endpoints() client.Endpoints {
	e := client.Endpoints{
		TenantID: string(s.in.tenant), SubscriptionID: string(s.in.subscription), Domain: s.in.domain,
		AuthorityHost: s.in.url("login"), ResourceManager: s.in.url("management"), Graph: s.in.url("graph"), Portal: s.in.url("portal"),
		Local: s.localURLs()[0],
		Proxy: "http://" + s.listeners.proxy.Addr().String(), Node: "http://" + s.listeners.node.Addr().String(),
		IMDS: "http://" + s.listeners.imds[0].Addr().String(), CAFile: s.dir.file("ca.pem"),
		VaultSuffix: s.in.host("vault"), BlobSuffix: s.in.host("blob"), SQLSuffix: "database." + s.in.domain,
		AdminClientID: string(s.in.adminApp), AdminSecretFile: s.dir.file(adminSecretFile),
		NodeSocket: s.dir.file(socketName), PID: os.Getpid(),
	}
	if s.listeners.ops != nil {
		e.Ops = "http://" + s.listeners.ops.Addr().String()
	}
	return e
}

// NewKEK is the path of the key-encryption key that this start made, to be backed up; ""
// if there was one.
func (s *Server) NewKEK() string { return s.newKEK }

// close ends what New opened, in the order of stopping.
func (s *Server) close() error {
	var errs []error
	if s.listeners != nil {
		errs = append(errs, s.listeners.Close())
	}
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	if s.dir != nil {
		errs = append(errs, s.dir.Close())
	}
	return errors.Join(errs...)
}
