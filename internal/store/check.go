package store

import (
	"context"
	"database/sql"
	"fmt"
)

// Check reads the whole database and returns the engine with its version, and in the
// engine's words what is wrong with it, at most a hundred things. SQLite compares every
// page, index and reference; PostgreSQL is made to read every row of every table, and so to
// verify its page checksums where the cluster has them. Errors: ErrUnavailable.
func (db *DB) Check(ctx context.Context) (engine string, problems []string, err error) {
	if db.engine.lock == "" {
		return db.checkSQLite(ctx)
	}
	err = db.Inspect(ctx, func(tx *Tx) error {
		if _, err := tx.Get(ctx, "SELECT 'PostgreSQL ' || current_setting('server_version')", nil, &engine); err != nil {
			return err
		}
		var tables []string
		err := tx.Query(ctx, func(r Row) error {
			var name string
			if err := r.Scan(&name); err != nil {
				return fmt.Errorf("scan table name: %w", err)
			}
			tables = append(tables, name)
			return nil
		}, "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename")
		if err != nil {
			return err
		}
		for _, t := range tables {
			if _, err := tx.Exec(ctx, "SAVEPOINT reading"); err != nil {
				return err
			}
			var bytes int64
			if _, err := tx.Get(ctx, "SELECT COALESCE(SUM(LENGTH(t::text)), 0)::bigint FROM "+t+" t", nil, &bytes); err != nil {
				problems = append(problems, fmt.Sprintf("table %s cannot be read: %v", t, err))
				if _, err := tx.Exec(ctx, "ROLLBACK TO SAVEPOINT reading"); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return engine, problems, err
}

// checkSQLite is Check on SQLite.
func (db *DB) checkSQLite(ctx context.Context) (engine string, problems []string, err error) {
	err = db.View(ctx, func(tx *Tx) error {
		if _, err := tx.Get(ctx, "SELECT 'SQLite ' || sqlite_version()", nil, &engine); err != nil {
			return err
		}
		err := tx.Query(ctx, func(r Row) error {
			var said string
			if err := r.Scan(&said); err != nil {
				return fmt.Errorf("scan a finding: %w", err)
			}
			if said != "ok" {
				problems = append(problems, said)
			}
			return nil
		}, "PRAGMA integrity_check(100)")
		if err != nil {
			return err
		}
		return tx.Query(ctx, func(r Row) error {
			var table, parent string
			var row sql.NullInt64
			var key int64
			if err := r.Scan(&table, &row, &parent, &key); err != nil {
				return fmt.Errorf("scan a broken reference: %w", err)
			}
			problems = append(problems, fmt.Sprintf("row %d of %s refers to a row of %s that is not there", row.Int64, table, parent))
			return nil
		}, "PRAGMA foreign_key_check")
	})
	return engine, problems, err
}

// Inspect is View for questions about everything: without the time limit of a statement.
func (db *DB) Inspect(ctx context.Context, fn func(*Tx) error) error {
	return db.View(ctx, func(tx *Tx) error {
		if db.engine.lock != "" {
			if _, err := tx.Exec(ctx, "SET LOCAL statement_timeout = 0"); err != nil {
				return err
			}
		}
		return fn(tx)
	})
}
