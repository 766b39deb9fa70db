package store

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

// migrations hold the tables of all packages, numbered. They go forward only.
//
//go:embed migrations/*.sql
var migrations embed.FS

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
	if current == target {
		return nil
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", db.engine.classify(err))
	}
	return nil
}
