package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/backup"
	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/seal"
	"github.com/sealring/sealring/internal/store"
)

// ErrBackupFile is a backup file that cannot be written or read.
var ErrBackupFile = fault.New(fault.Precondition, "the backup file cannot be used")

// BackupSummary is what a backup holds.
type BackupSummary = backup.Summary

// backedUp are the files of the data directory that belong to the store and hold no secret.
var backedUp = []string{adminSecretIDFile}

// Backup writes everything of the installation but its key-encryption key to file, as it is
// at one moment, while a server may be writing. The file is there whole or not at
// all, of mode 0600; one that exists is not replaced. Errors: ErrBackupFile.
func (o *Offline) Backup(ctx context.Context, file, release string) (sum BackupSummary, err error) {
	if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
		return sum, ErrBackupFile.With("%s exists: a backup replaces nothing", file)
	}
	out, err := os.CreateTemp(filepath.Dir(file), ".sealring-backup-*") // mode 0600
	if err != nil {
		return sum, ErrBackupFile.With("cannot write beside %s: %s", file, reason(err))
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(out.Name()))
		}
	}()
	kek, _, err := o.c.loadKEK(ctx, o.Store, o.in.id)
	if err != nil {
		return sum, errors.Join(err, out.Close())
	}
	h := backup.Header{Installation: o.in.id, Release: release, Created: o.c.Now().UTC().Truncate(time.Second), Files: o.smallFiles()}
	key := seal.BackupKey{Installation: o.in.id, Rand: o.c.Rand, KEK: func(string) (seal.KEK, error) { return kek, nil }}
	if sum, err = backup.Write(ctx, o.Store, key, h, out); err != nil {
		return sum, errors.Join(err, out.Close())
	}
	if err := errors.Join(out.Sync(), out.Close()); err != nil {
		return sum, ErrBackupFile.With("cannot write %s: %s", file, reason(err))
	}
	if err := os.Link(out.Name(), file); err != nil { // unlike a rename it replaces nothing
		return sum, ErrBackupFile.With("cannot write %s: %s", file, reason(err))
	}
	if err := os.Remove(out.Name()); err != nil {
		return sum, ErrBackupFile.With("cannot remove %s: %s", out.Name(), reason(err))
	}
	if err := syncDir(filepath.Dir(file)); err != nil {
		return sum, err
	}
	return sum, o.Store.Update(ctx, func(tx *store.Tx) error {
		return writeInstallation(ctx, tx, "backed_up_at", strconv.FormatInt(h.Created.Unix(), 10))
	})
}

// syncDir makes a new name in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return ErrBackupFile.With("cannot open %s: %s", dir, reason(err))
	}
	return errors.Join(d.Sync(), d.Close())
}

// smallFiles reads the files that go with the store; those that are not there are left out.
func (o *Offline) smallFiles() map[string]string {
	files := map[string]string{}
	for _, name := range backedUp {
		if text, err := os.ReadFile(filepath.Join(o.c.Data, name)); err == nil {
			files[name] = string(text)
		}
	}
	return files
}

// backupKey opens backups with the key-encryption key from where c says.
func (c Config) backupKey(ctx context.Context) seal.BackupKey {
	return seal.BackupKey{Rand: c.Rand, KEK: func(installation string) (seal.KEK, error) {
		if len(c.KEK.Command) > 0 {
			return runKEKCommand(ctx, c.KEK.Command)
		}
		path := c.kekPlace(installation)
		key, err := seal.LoadKEK(path)
		return key, explainKEK(err, path)
	}}
}

// VerifyBackup reads a backup to its end and says what it holds; nothing is restored. Needed
// of c are the configuration, Rand and ConfigHome. Errors: ErrBackupFile, backup.ErrDamaged,
// seal.ErrOtherKEK, and those of finding the key-encryption key.
func VerifyBackup(ctx context.Context, c Config, file string) (BackupSummary, error) {
	in, err := os.Open(file)
	if err != nil {
		return BackupSummary{}, ErrBackupFile.With("cannot read %s: %s", file, reason(err))
	}
	defer in.Close() //nolint:errcheck // it is only read
	return backup.Verify(in, c.backupKey(ctx))
}

// Restored is what a restore made.
type Restored struct {
	BackupSummary
	// Epoch counts the restores of the installation: 1 after the first.
	Epoch int64 `json:"epoch"`
	// Revived are objects of the backup that an exported audit log says were removed after
	// it was made, in words.
	Revived []string `json:"revived"`
}

// endedByRestore takes away what may be used once or was handed out for a short time: of a
// backup such things would come to life again.
var endedByRestore = []string{
	"DELETE FROM signin_sessions", "DELETE FROM signin_codes", "DELETE FROM signin_families", "DELETE FROM signin_devices",
	"DELETE FROM directory_password_failures",
}

// Restore fills the empty store that c names from a backup, and puts the files that go with
// it into c's data directory, which must not hold an installation. The clock of c
// marks from when on assertions that work once are accepted. exported is an audit log in JSON
// lines that reaches beyond the backup, or nil. Errors: those of VerifyBackup,
// store.ErrNotEmpty, store.ErrNewer, ErrDataDir.
func Restore(ctx context.Context, c Config, file string, exported io.Reader) (r Restored, err error) {
	in, err := os.Open(file)
	if err != nil {
		return r, ErrBackupFile.With("cannot read %s: %s", file, reason(err))
	}
	defer in.Close() //nolint:errcheck // it is only read
	key := c.backupKey(ctx)
	if r.BackupSummary, err = backup.Verify(in, key); err != nil { // before anything is written
		return r, err
	}
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		return r, ErrBackupFile.With("cannot read %s twice: %s", file, reason(err))
	}
	b, err := backup.Open(in, key)
	if err != nil {
		return r, err
	}
	dir, err := openDataDir(c.Data)
	if err != nil {
		return r, err
	}
	defer func() {
		if err != nil {
			dir.undo()
		}
		err = errors.Join(err, dir.Close())
	}()
	if _, err := os.Lstat(dir.file(adminSecretFile)); err == nil {
		return r, store.ErrNotEmpty.With("%s holds an installation: a restore replaces nothing; name another directory", c.Data)
	}
	target, where, err := c.storeConfig()
	if err != nil {
		return r, err
	}
	err = store.Load(ctx, target, b.Header.Schema, b, func(tx *store.Tx) error {
		r.Epoch, err = c.beginEpoch(ctx, tx)
		if err != nil {
			return err
		}
		r.Revived, err = backup.Revived(ctx, tx, exported, b.Header.Created)
		return err
	})
	if err != nil {
		return r, explainStore(err, where)
	}
	for name, text := range b.Header.Files {
		if err := dir.replace(filepath.Base(name), []byte(text)); err != nil {
			return r, err
		}
	}
	return r, c.recordRestore(ctx, r)
}

// recordRestore puts the restore on record, in a chain of its own.
func (c Config) recordRestore(ctx context.Context, r Restored) error {
	o, err := OpenOffline(ctx, c)
	if err != nil {
		return fmt.Errorf("open what was restored: %w", err)
	}
	err = o.Audit.Write(o.As(ctx, "sealring restore"), audit.Event{
		Kind: audit.Security, Outcome: audit.Succeeded, Operation: "installation.restore", Target: r.Installation,
		Details: map[string]string{"epoch": strconv.FormatInt(r.Epoch, 10), "backup_of": r.Created.Format(time.RFC3339), "rows": strconv.FormatInt(r.Rows, 10)},
	})
	return errors.Join(err, o.Close())
}

// beginEpoch ends what a restore must not revive, and notes when it was.
func (c Config) beginEpoch(ctx context.Context, tx *store.Tx) (epoch int64, err error) {
	for _, statement := range endedByRestore {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return 0, fmt.Errorf("end what a restore must not revive: %w", err)
		}
	}
	values, err := readInstallation(ctx, tx)
	if err != nil {
		return 0, err
	}
	in, err := parseInstallation(values)
	if err != nil {
		return 0, err
	}
	epoch = in.epoch + 1
	if err := writeInstallation(ctx, tx, "epoch", strconv.FormatInt(epoch, 10)); err != nil {
		return 0, err
	}
	if err := writeInstallation(ctx, tx, "restored_at", strconv.FormatInt(c.Now().Unix(), 10)); err != nil {
		return 0, err
	}
	return epoch, nil
}
