package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// openPostgres opens a pool whose sessions carry the time-outs of our table of defaults
// (connect and statement 5 s, lock 3 s, idle in transaction 10 s) and checks that commits
// are flushed. Both returned pools are the same.
func openPostgres(ctx context.Context, dsn string) (write, read *sql.DB, err error) {
	conf, err := pgx.ParseConfig(dsn)
	if err != nil {
		// The text of the error may quote the connection string, which is a secret.
		return nil, nil, fmt.Errorf("%w: the connection string does not parse", ErrUnavailable)
	}
	conf.ConnectTimeout = 5 * time.Second
	conf.RuntimeParams["application_name"] = "sealring"
	conf.RuntimeParams["statement_timeout"] = "5000"
	conf.RuntimeParams["lock_timeout"] = "3000"
	conf.RuntimeParams["idle_in_transaction_session_timeout"] = "10000"
	conf.RuntimeParams["timezone"] = "UTC"
	db := stdlib.OpenDB(*conf)
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(16)
	var commit, fsync, pages string
	err = db.QueryRowContext(ctx, `SELECT current_setting('synchronous_commit'), current_setting('fsync'),
		current_setting('full_page_writes')`).Scan(&commit, &fsync, &pages)
	if err != nil {
		_ = db.Close()
		return nil, nil, unavailable("connect to PostgreSQL", err)
	}
	if commit != "on" && commit != "remote_apply" || fsync != "on" || pages != "on" {
		_ = db.Close()
		return nil, nil, ErrUnsafe.With("PostgreSQL may lose commits: synchronous_commit is %s (on or remote_apply is needed), fsync is %s and full_page_writes is %s (both on)", commit, fsync, pages)
	}
	return db, db, nil
}
