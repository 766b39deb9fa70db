package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"slices"
	"strings"

	"modernc.org/sqlite"
)

// keptStatements is how many compiled statements a connection to SQLite keeps. The texts of
// statements are constants of this program, a few hundred; more than these are compiled anew.
const keptStatements = 512

// openKeeping is sql.Open for SQLite with connections that compile each statement once: as
// a statement is compiled in about the time that a small one runs, that is a fifth of the
// processor time of a read. The server of PostgreSQL needs no help with that.
func openKeeping(dsn string) (*sql.DB, error) {
	c, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(keepingConnector{c}), nil
}

// keepingConnector makes connections that keep statements.
type keepingConnector struct{ driver.Connector }

// Connect implements driver.Connector.
func (c keepingConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	k := &keepingConn{Conn: conn, idle: map[string]driver.Stmt{}}
	var can [7]bool
	k.ConnBeginTx, can[0] = conn.(driver.ConnBeginTx)
	k.ConnPrepareContext, can[1] = conn.(driver.ConnPrepareContext)
	k.Pinger, can[2] = conn.(driver.Pinger)
	k.SessionResetter, can[3] = conn.(driver.SessionResetter)
	k.Validator, can[4] = conn.(driver.Validator)
	k.exec, can[5] = conn.(driver.ExecerContext)
	k.query, can[6] = conn.(driver.QueryerContext)
	if slices.Contains(can[:], false) {
		return nil, errors.Join(errors.New("store: the SQLite driver lacks what its connections need"), conn.Close())
	}
	return k, nil
}

// keepingConn is a connection of the driver with the compiled statements that are not in use.
// Like every connection it serves one caller at a time.
type keepingConn struct {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
	exec  driver.ExecerContext
	query driver.QueryerContext
	idle  map[string]driver.Stmt
}

// kept reports whether a statement is one that comes again: not a setting, not a change of
// the schema, not a script of several.
func kept(query string) bool {
	query = strings.TrimLeft(query, " \t\n")
	for _, verb := range []string{"SELECT", "INSERT", "UPDATE", "DELETE", "WITH"} {
		if strings.HasPrefix(query, verb) {
			return !strings.Contains(query, ";")
		}
	}
	return false
}

// take returns the compiled statement, which nobody else gets until give.
func (c *keepingConn) take(ctx context.Context, query string) (driver.Stmt, error) {
	if s, ok := c.idle[query]; ok {
		delete(c.idle, query)
		return s, nil
	}
	return c.PrepareContext(ctx, query)
}

// give keeps a statement for the next who asks for it. One that was compiled twice, for a
// query inside a query, or that failed, ends.
func (c *keepingConn) give(query string, s driver.Stmt, failed error) error {
	if _, again := c.idle[query]; again || failed != nil || len(c.idle) >= keptStatements {
		return s.Close()
	}
	c.idle[query] = s
	return nil
}

// ExecContext implements driver.ExecerContext.
func (c *keepingConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if !kept(query) {
		return c.exec.ExecContext(ctx, query, args)
	}
	s, err := c.take(ctx, query)
	if err != nil {
		return nil, err
	}
	result, err := s.(driver.StmtExecContext).ExecContext(ctx, args)
	return result, errors.Join(err, c.give(query, s, err))
}

// QueryContext implements driver.QueryerContext.
func (c *keepingConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if !kept(query) {
		return c.query.QueryContext(ctx, query, args)
	}
	s, err := c.take(ctx, query)
	if err != nil {
		return nil, err
	}
	rows, err := s.(driver.StmtQueryContext).QueryContext(ctx, args)
	if err != nil {
		return nil, errors.Join(err, c.give(query, s, err))
	}
	return &keepingRows{rows, c, query, s}, nil
}

// Close implements driver.Conn.
func (c *keepingConn) Close() error {
	var errs []error
	for _, s := range c.idle {
		errs = append(errs, s.Close())
	}
	clear(c.idle)
	return errors.Join(append(errs, c.Conn.Close())...)
}

// keepingRows are rows whose statement goes back when they are closed.
type keepingRows struct {
	driver.Rows
	conn  *keepingConn
	query string
	stmt  driver.Stmt
}

// Close implements driver.Rows.
func (r *keepingRows) Close() error {
	if r.stmt == nil {
		return nil
	}
	err := r.Rows.Close()
	err = errors.Join(err, r.conn.give(r.query, r.stmt, err))
	r.stmt = nil
	return err
}
