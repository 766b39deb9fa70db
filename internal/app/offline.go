package app

import (
	"context"
	"errors"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/integrity"
	"github.com/sealring/sealring/internal/keyring"
	"github.com/sealring/sealring/internal/seal"
	"github.com/sealring/sealring/internal/store"
)

// ErrNoInstallation is a data directory or database in which no server was ever started.
var ErrNoInstallation = fault.New(fault.NotFound, "there is no installation")

// Offline is an installation opened by a command on its own host: no listeners, no lock, no
// background work. A server may be running on it; it hears of what a command changes by
// the change feed, within a second. It must be closed.
type Offline struct {
	Store  *store.DB
	Sealer *seal.Sealer
	Audit  *audit.Log

	c           Config
	in          installation
	checkpoints *audit.Checkpoints
}

// OpenOffline opens the installation of c's data directory, or of its PostgreSQL. It makes
// nothing: neither directory nor store nor key-encryption key. Needed of c are the
// configuration, Log, Now, Rand, Hostname and ConfigHome. Errors: ErrDataDir,
// ErrNoInstallation, and those of opening the store and the key-encryption key.
func OpenOffline(ctx context.Context, c Config) (_ *Offline, err error) {
	if c.Log == nil || c.Now == nil || c.Rand == nil || c.Hostname == "" || c.ConfigHome == "" {
		return nil, errors.New("app: Log, Now, Rand, Hostname and ConfigHome are needed")
	}
	if err := checkInstalled(c); err != nil {
		return nil, err
	}
	if err := seal.ProtectProcess(); err != nil {
		return nil, err
	}
	o := &Offline{c: c}
	if o.Store, err = c.openStore(ctx); err != nil {
		return nil, err
	}
	if err := o.open(ctx); err != nil {
		return nil, errors.Join(err, o.Close())
	}
	return o, nil
}

// checkInstalled refuses places where opening would make something.
func checkInstalled(c Config) error {
	if _, err := os.Lstat(c.Data); errors.Is(err, os.ErrNotExist) {
		return ErrNoInstallation.With("there is no installation in %s: name its directory with --data or SEALRING_DATA", c.Data)
	}
	if err := checkDir(c.Data); err != nil {
		return err
	}
	path := c.SQLitePath()
	if path == "" {
		return nil
	}
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return ErrNoInstallation.With("there is no database %s: name the installation's directory with --data or SEALRING_DATA, or its store with --config", path)
	}
	return nil
}

// open reads who the installation is and opens what is sealed.
func (o *Offline) open(ctx context.Context) error {
	err := o.Store.View(ctx, func(tx *store.Tx) error {
		values, err := readInstallation(ctx, tx)
		if err != nil {
			return err
		}
		if len(values) == 0 {
			return ErrNoInstallation.With("no server was ever started on this store: start `sealring up` first")
		}
		o.in, err = parseInstallation(values)
		return err
	})
	if err != nil {
		return err
	}
	if err := checkDataKeys(ctx, o.Store); err != nil {
		return err
	}
	inUse, err := seal.InUse(ctx, o.Store)
	if err != nil {
		return err
	}
	if !inUse {
		return ErrNoInstallation.With("the first start of this installation was cut off: start `sealring up` again")
	}
	kek, _, err := o.c.loadKEK(ctx, o.Store, o.in.id)
	if err != nil {
		return err
	}
	o.Sealer, err = seal.New(ctx, seal.Config{Store: o.Store, KEK: kek, Now: o.c.Now, Rand: o.c.Rand})
	if err != nil {
		return explainKEK(err, o.c.kekPlace(o.in.id))
	}
	// A chain of their own: the server's says whether the server stopped in order.
	if o.Audit, err = audit.New(audit.Config{Store: o.Store, Server: o.in.chain(o.c.Hostname) + "/command", Now: o.c.Now}); err != nil {
		return err
	}
	o.checkpoints, err = o.c.checkpoints(o.Audit, o.Sealer)
	return err
}

// Keys opens the signing keys. They are not followed: what others change later is not seen.
// Errors: keyring.ErrKeysLost.
func (o *Offline) Keys(ctx context.Context) (*keyring.Keyring, error) {
	return keyring.New(ctx, keyring.Config{
		Authority: o.in.url("login"), Store: o.Store, Sealer: o.Sealer, Audit: o.Audit, Log: o.c.Log, Now: o.c.Now, Rand: o.c.Rand,
	})
}

// As marks what is done under the returned context as done by a command of this host's
// user, for the log: "sealring keys rotate", "local user 1000".
func (o *Offline) As(ctx context.Context, command string) context.Context {
	return audit.WithActor(ctx, audit.Actor{Name: command, Source: "local user " + strconv.Itoa(os.Geteuid())})
}

// Close signs what was recorded and ends the connections to the store.
func (o *Offline) Close() error {
	var err error
	if o.checkpoints != nil {
		err = o.checkpoints.Finish(context.Background()) // also after a command that was interrupted
	}
	return errors.Join(err, o.Store.Close())
}

// checkpoints are made by the server and by commands alike.
func (c Config) checkpoints(log *audit.Log, sealer *seal.Sealer) (*audit.Checkpoints, error) {
	return audit.NewCheckpoints(audit.CheckpointsConfig{
		Log: log, Sealer: sealer, Report: c.Log, Rand: c.Rand,
		File: c.Config.Log.Checkpoints, Keep: time.Duration(c.Config.Log.Retention) * 24 * time.Hour,
	})
}

// CheckReport is what Offline.Check found.
type CheckReport = integrity.Report

// Check looks for damage in everything that the installation holds.
func (o *Offline) Check(ctx context.Context) (CheckReport, error) {
	return integrity.Check(ctx, integrity.Config{
		Store: o.Store, Sealer: o.Sealer, Audit: o.Audit, Log: o.c.Log, Now: o.c.Now, Rand: o.c.Rand,
		Records: o.checkpoints, Keys: o.Keys, Domain: o.in.domain,
	})
}

// VerifyAudit checks the whole audit log, and against exported checkpoints unless nil.
func (o *Offline) VerifyAudit(ctx context.Context, exported io.Reader) (audit.Report, error) {
	return o.checkpoints.Verify(ctx, exported)
}

// ExportAudit writes audit records as JSON lines and returns how many: those of one kind,
// or of all if "", from since up to until, where they are not zero.
func (o *Offline) ExportAudit(ctx context.Context, w io.Writer, kind string, since, until time.Time) (int64, error) {
	f := audit.Filter{From: since, To: until}
	if kind != "" {
		f.Kinds = []audit.Kind{audit.Kind(kind)}
	}
	return o.Audit.Export(ctx, w, f)
}
