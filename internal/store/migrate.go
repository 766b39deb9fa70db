package store

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

// migrations hold the tables of all packages, numbered. They go forward only.
//
//go:embed migrations/*.sql
var migrations embed.FS

// undamagedVersion refuses a database whose tables are there and whose own account of them
// is not what migrations leave: version 0 with a feed, or numbers missing between the first
// and the last. On PostgreSQL nothing else would notice a lost row.
func (db *DB) undamagedVersion(ctx context.Context, current int64, known []*goose.Source) error {
	var feed, rows int64
	err := db.View(ctx, func(tx *Tx) error {
		query := "SELECT COUNT(*) FROM sqlite_master WHERE name = 'feed'"
		if db.engine.lock != "" {
			query = "SELECT COUNT(*) FROM pg_catalog.pg_class WHERE oid = to_regclass('feed')"
		}
		if _, err := tx.Get(ctx, query, nil, &feed); err != nil {
			return fmt.Errorf("look for the change feed: %w", err)
		}
		if feed == 0 && current == 0 {
			return nil
		}
		_, err := tx.Get(ctx, "SELECT COUNT(DISTINCT version_id) FROM goose_db_version WHERE version_id > 0 AND version_id <= $1", []any{current}, &rows)
		if err != nil {
			return fmt.Errorf("read the database's versions: %w", err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	want := int64(0)
	for _, m := range known {
		if m.Version <= current {
			want++
		}
	}
	if (feed == 1) != (current > 0) || rows != want {
		return fmt.Errorf("%w: it says that it is at version %d and lists %d of %d migrations", ErrCorrupt, current, rows, want)
	}
	return nil
}

// migrate brings the tables to this release, or says ErrNewer.
func (db *DB) migrate(ctx context.Context) error {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("find migrations: %w", err)
	}
	p, err := goose.NewProvider(db.engine.dialect, db.write, dir, goose.WithVerbose(false))
	if err != nil {
		return fmt.Errorf("load migrations: %w", db.engine.classify(err))
	}
	current, target, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the database's version: %w", db.engine.classify(err))
	}
	if current > target {
		return ErrNewer.With("the database is at version %d and this release knows %d: start the release that wrote it, or restore a backup made before", current, target)
	}
	if err := db.undamagedVersion(ctx, current, p.ListSources()); err != nil {
		return err
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
