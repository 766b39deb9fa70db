package store

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/pressly/goose/v3"
)

// migrations hold the tables of all packages, numbered. They go forward only.
//
//go:embed migrations/*.sql
var migrations embed.FS

// undamagedVersions refuses a database whose tables are there and whose own account of them
// is not what migrations leave: no account, one without its beginning, or one that lacks a
// migration between the first and the last. On PostgreSQL nothing else would notice.
// Versions above what we know are left to ErrNewer.
func (db *DB) undamagedVersions(ctx context.Context, known []*goose.Source) error {
	feed, account := false, false
	var applied []int64
	err := db.View(ctx, func(tx *Tx) (err error) {
		if feed, err = tx.hasTable(ctx, "feed"); err != nil {
			return err
		}
		if account, err = tx.hasTable(ctx, "goose_db_version"); err != nil || !account {
			return err
		}
		return tx.Query(ctx, func(r Row) error {
			var v int64
			if err := r.Scan(&v); err != nil {
				return fmt.Errorf("scan a version: %w", err)
			}
			applied = append(applied, v)
			return nil
		}, "SELECT DISTINCT version_id FROM goose_db_version ORDER BY version_id")
	})
	if err != nil {
		return fmt.Errorf("read the database's versions: %w", err)
	}
	if !feed && !account {
		return nil
	}
	want := []int64{0}
	for _, m := range known {
		if len(applied) > 0 && m.Version <= applied[len(applied)-1] {
			want = append(want, m.Version)
		}
	}
	if len(applied) < len(want) || !slices.Equal(applied[:len(want)], want) || feed != (len(want) > 1) {
		return fmt.Errorf("%w: it lists migrations %v where %v are expected", ErrCorrupt, applied, want)
	}
	return nil
}

// hasTable reports whether there is a table of this name.
func (tx *Tx) hasTable(ctx context.Context, name string) (bool, error) {
	query := "SELECT name FROM sqlite_master WHERE type = 'table' AND name = $1"
	if tx.db.engine.lock != "" {
		query = "SELECT relname FROM pg_catalog.pg_class WHERE oid = to_regclass($1)"
	}
	var found string
	return tx.Get(ctx, query, []any{name}, &found)
}

// provider knows the migrations of this release.
func (db *DB) provider() (*goose.Provider, error) {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("find migrations: %w", err)
	}
	p, err := goose.NewProvider(db.engine.dialect, db.write, dir, goose.WithVerbose(false))
	if err != nil {
		return nil, fmt.Errorf("load migrations: %w", db.engine.classify(err))
	}
	return p, nil
}

// migrate brings the tables to this release, or says ErrNewer.
func (db *DB) migrate(ctx context.Context) error {
	p, err := db.provider()
	if err != nil {
		return err
	}
	if err := db.undamagedVersions(ctx, p.ListSources()); err != nil {
		return err
	}
	current, target, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the database's version: %w", db.engine.classify(err))
	}
	if current > target {
		return ErrNewer.With("the database is at version %d and this release knows %d: start the release that wrote it, or restore a backup made before", current, target)
	}
	for current < target {
		if err := Failpoint(MidMigration); err != nil {
			return fmt.Errorf("migrate: %w", err)
		}
		done, err := p.UpByOne(ctx) // in a transaction of its own
		if errors.Is(err, goose.ErrNoNextVersion) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("migrate: %w", db.engine.classify(err))
		}
		current = done.Source.Version
	}
	return nil
}
