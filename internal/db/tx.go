package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"navidocs/internal/fault"
)

// handle is what a *sql.DB, *sql.Tx and *sql.Conn have in common.
type handle interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Querier reads rows: a *DB (the pool of readers) or a *Tx.
type Querier interface {
	query(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	// observed begins the measurement of a read; what it returns ends it.
	observed() func()
}

// Tx is a write transaction. Its time does not move.
type Tx struct {
	Engine Engine

	h        handle
	sqlTx    *sql.Tx
	pgxTx    pgx.Tx
	now      time.Time
	onCommit []func()
}

// Now is the transaction's time: UTC, whole microseconds, the same throughout.
func (t *Tx) Now() time.Time { return t.now }

// OnCommit runs f after the transaction has committed, never otherwise.
// For wake-ups only: f must not fail and may be lost with the process.
func (t *Tx) OnCommit(f func()) { t.onCommit = append(t.onCommit, f) }

// SQL is the transaction on SQLite, nil on PostgreSQL. Only package job uses it.
func (t *Tx) SQL() *sql.Tx { return t.sqlTx }

// PGX is the transaction on PostgreSQL, nil on SQLite. Only package job uses it.
func (t *Tx) PGX() pgx.Tx { return t.pgxTx }

// errNoContext is the answer to a nil context, at which database/sql panics
// with its locks held: nobody could use the database after that.
var errNoContext = errors.New("database call without a context")

// Exec runs a statement and returns how many rows it changed.
func (t *Tx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	if ctx == nil {
		return 0, errNoContext
	}
	res, err := t.h.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, mapError(err)
	}
	n, err := res.RowsAffected()
	return n, mapError(err)
}

func (t *Tx) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if ctx == nil {
		return nil, errNoContext
	}
	return t.h.QueryContext(ctx, query, args...)
}

// observed: what a transaction reads is part of its own duration.
func (t *Tx) observed() func() { return nothing }

func nothing() {}

func (d *DB) observed() func() { return d.measure(Read) }

// measure begins a measurement; what it returns ends it.
func (d *DB) measure(kind string) func() {
	if d.observe == nil {
		return nothing
	}
	began := time.Now() // not the clock of transactions: that one may stand still
	return func() { d.observe(kind, time.Since(began)) }
}

func (d *DB) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if ctx == nil {
		return nil, errNoContext
	}
	if d.Engine == Postgres {
		return d.read.QueryContext(ctx, query, args...)
	}
	s, err := d.reading.prepare(ctx, d.read, query) //nolint:sqlclosecheck // kept for the next reader
	if err != nil {
		return nil, err
	}
	return s.QueryContext(ctx, args...)
}

// attempts is how often Transact tries when PostgreSQL asks for a retry.
const attempts = 4

// Transact runs f in a write transaction and commits when it returns nil.
// f may run again when PostgreSQL reports a deadlock or a serialization
// failure, so it must have no effect outside the transaction; effects that
// follow a commit go through OnCommit. Nothing slow belongs inside.
func (d *DB) Transact(ctx context.Context, f func(tx *Tx) error) (err error) {
	if ctx == nil {
		return errNoContext
	}
	defer d.measure(Write)()
	if d.trace != nil {
		var traced func(error)
		ctx, traced = d.trace(ctx)
		defer func() { traced(err) }()
	}
	for i := 1; ; i++ {
		err = d.transact(ctx, f)
		if fault.Is(err, fault.Full) {
			d.full.Store(true)
		}
		if err == nil || i == attempts || !retryable(err) {
			return err
		}
		// Those who got in each other's way must not do so again.
		select {
		case <-time.After(rand.N(50 * time.Millisecond << i)): //nolint:gosec // no secret
		case <-ctx.Done():
			return err
		}
	}
}

func (d *DB) transact(ctx context.Context, f func(tx *Tx) error) error {
	if d.Engine == Postgres {
		return d.transactPostgres(ctx, f)
	}
	sqlTx, err := d.write.BeginTx(ctx, nil)
	if err != nil {
		return mapError(err)
	}
	defer sqlTx.Rollback() //nolint:errcheck // after a commit it has nothing to do
	tx := &Tx{Engine: SQLite, h: sqlTx, sqlTx: sqlTx, now: d.Now()}
	if err := f(tx); err != nil {
		return err
	}
	if err := sqlTx.Commit(); err != nil {
		return mapError(err)
	}
	tx.committed()
	return nil
}

// transactPostgres begins a pgx transaction on the connection that our SQL
// uses too, so that River (which takes pgx.Tx) and we commit together.
func (d *DB) transactPostgres(ctx context.Context, f func(tx *Tx) error) error {
	conn, pgxTx, err := d.begin(ctx, pgx.TxOptions{})
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // gives the connection back to the pool
	defer rollback(ctx, conn, pgxTx)
	tx := &Tx{Engine: Postgres, h: conn, pgxTx: pgxTx, now: d.Now()}
	if err := f(tx); err != nil {
		return err
	}
	if err := pgxTx.Commit(ctx); err != nil {
		return mapError(err)
	}
	tx.committed()
	return nil
}

// rollback ends a transaction that begin began, unless it has ended. It asks for the
// connection as our SQL does: one that a cancelled statement broke is given up by then,
// and being closed elsewhere.
func rollback(ctx context.Context, conn *sql.Conn, tx pgx.Tx) {
	_ = conn.Raw(func(any) error { return tx.Rollback(context.WithoutCancel(ctx)) })
}

// begin begins a pgx transaction on a connection that our SQL uses too.
func (d *DB) begin(ctx context.Context, o pgx.TxOptions) (conn *sql.Conn, tx pgx.Tx, err error) {
	if conn, err = d.write.Conn(ctx); err != nil {
		return nil, nil, mapError(err)
	}
	err = conn.Raw(func(driverConn any) (err error) {
		c, ok := driverConn.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("unexpected driver connection %T", driverConn)
		}
		tx, err = c.Conn().BeginTx(ctx, o)
		return err
	})
	if err != nil {
		return nil, nil, errors.Join(mapError(err), conn.Close())
	}
	return conn, tx, nil
}

func (t *Tx) committed() {
	for _, f := range t.onCommit {
		f()
	}
}

// Row is one result row, for the scan functions of One and Collect.
type Row interface {
	Scan(dest ...any) error
}

// Collect returns every row of a query, an empty slice when there is none.
func Collect[T any](ctx context.Context, q Querier, scan func(Row) (T, error), query string, args ...any) (_ []T, err error) {
	defer q.observed()()
	rows, err := q.query(ctx, query, args...)
	if err != nil {
		return nil, mapError(err)
	}
	defer func() { err = errors.Join(err, mapError(rows.Close())) }()
	out := []T{}
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, mapError(err)
		}
		out = append(out, v)
	}
	return out, mapError(rows.Err())
}

// One returns the first row of a query; fault.NotFound when there is none.
func One[T any](ctx context.Context, q Querier, scan func(Row) (T, error), query string, args ...any) (T, error) {
	all, err := Collect(ctx, q, scan, query, args...)
	if err != nil || len(all) == 0 {
		var zero T
		if err == nil {
			err = mapError(sql.ErrNoRows)
		}
		return zero, err
	}
	return all[0], nil
}

// OptionalTime scans a row of one stored instant, the zero time for NULL.
func OptionalTime(r Row) (time.Time, error) {
	var micros *int64
	if err := r.Scan(&micros); err != nil || micros == nil {
		return time.Time{}, err
	}
	return Time(*micros), nil
}

// Scalar scans a row of one column.
func Scalar[T any](r Row) (v T, err error) {
	err = r.Scan(&v)
	return v, err
}
