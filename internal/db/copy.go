package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"navidocs/internal/fault"
)

// CopyInto writes what the database holds at one instant to a new SQLite file
// (VACUUM INTO, from a connection of its own): readers and writers go on. The
// copy may still be in the system's memory; who needs it after a loss of power
// syncs it. The error is a Conflict when the file is there already.
func (d *DB) CopyInto(ctx context.Context, path string) (err error) {
	defer fault.Wrap(&err, "copy the database to %s", path)
	if d.Engine != SQLite {
		return fault.New(fault.Unsupported, "only a SQLite database is copied into a file")
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) { // SQLite would take an empty file
		return errors.Join(err, fault.New(fault.Conflict, "the file %s is there already: name a new one", path))
	}
	// Without syncs of the copy: it is read, hashed and compressed right away.
	pool, err := openPool(d.Path, 1, "&_pragma=synchronous(0)&_pragma=cache_size(-65536)")
	if err != nil {
		return err
	}
	defer pool.Close() //nolint:errcheck // nothing is left to be written
	_, err = pool.ExecContext(ctx, "VACUUM INTO ?", path)
	return mapError(err)
}

// OpenCopy opens a SQLite file that nobody changes, for reading alone: not a
// byte of it, and no file beside it, is written.
func OpenCopy(ctx context.Context, path string) (_ *DB, err error) {
	defer fault.Wrap(&err, "open the copy %s", path)
	pool, err := sql.Open("sqlite", dsn(path)+"?mode=ro&immutable=1&_pragma=query_only(1)&_pragma=cache_size(-65536)&_pragma=foreign_keys(1)")
	if err != nil {
		return nil, err
	}
	d := &DB{Engine: SQLite, Path: path, write: pool, read: pool, now: zeroTime}
	if _, err := One(ctx, d, Scalar[int], "SELECT count(*) FROM sqlite_schema"); err != nil {
		return nil, closing(d, err)
	}
	return d, nil
}

// Check reads the whole database and returns what is wrong with it: broken
// pages and indexes, and rows that refer to rows that are gone. PostgreSQL
// checks its pages and keys itself; there the list is empty. quick leaves out
// what needs every index to be compared with its table.
func (d *DB) Check(ctx context.Context, quick bool) (problems []string, err error) {
	defer fault.Wrap(&err, "check the database")
	if d.Engine != SQLite {
		return nil, d.Ping(ctx)
	}
	pragma := "integrity_check"
	if quick {
		pragma = "quick_check"
	}
	lines, err := Collect(ctx, d, Scalar[string], "PRAGMA "+pragma)
	if err != nil {
		return nil, err
	}
	for _, line := range lines {
		if line != "ok" {
			problems = append(problems, pragma+": "+line)
		}
	}
	orphans, err := Collect(ctx, d, func(r Row) (string, error) {
		var table, parent string
		var n int
		err := r.Scan(&table, &parent, &n)
		return fmt.Sprintf("foreign_key_check: %d rows of %s refer to rows of %s that are gone", n, table, parent), err
	}, `SELECT "table", parent, count(*) FROM pragma_foreign_key_check GROUP BY "table", parent ORDER BY 1, 2`)
	return append(problems, orphans...), err
}

// Snapshot calls f with a view of the database at one instant. On PostgreSQL
// id names it for other sessions (pg_dump --snapshot) as long as f runs; on
// SQLite id is empty.
func (d *DB) Snapshot(ctx context.Context, f func(q Querier, id string) error) (err error) {
	defer fault.Wrap(&err, "read a snapshot")
	if d.Engine == SQLite {
		tx, err := d.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
		if err != nil {
			return mapError(err)
		}
		defer tx.Rollback() //nolint:errcheck // it has read only
		return f(&Tx{Engine: SQLite, h: tx, sqlTx: tx, now: d.Now()}, "")
	}
	conn, err := d.read.Conn(ctx)
	if err != nil {
		return mapError(err)
	}
	defer conn.Close() //nolint:errcheck // gives the connection back to the pool
	var pgxTx pgx.Tx
	err = conn.Raw(func(driverConn any) (err error) {
		c, ok := driverConn.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("unexpected driver connection %T", driverConn)
		}
		pgxTx, err = c.Conn().BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
		return err
	})
	if err != nil {
		return mapError(err)
	}
	defer pgxTx.Rollback(context.WithoutCancel(ctx)) //nolint:errcheck // it has read only
	var id string
	if err := pgxTx.QueryRow(ctx, "SELECT pg_export_snapshot()").Scan(&id); err != nil {
		return mapError(err)
	}
	return errors.Join(f(&Tx{Engine: Postgres, h: conn, pgxTx: pgxTx, now: d.Now()}, id))
}

// Administer runs statements on a PostgreSQL server from a connection of its
// own, outside any transaction of ours: several in one transaction, a single
// one alone, as CREATE and DROP DATABASE demand.
func Administer(ctx context.Context, address string, statements ...string) (err error) {
	defer fault.Wrap(&err, "administer PostgreSQL")
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return mapError(err)
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // everything has been said
	if len(statements) == 1 {
		_, err := conn.Exec(ctx, statements[0])
		return mapError(err)
	}
	return mapError(pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for _, text := range statements {
			if _, err := tx.Exec(ctx, text); err != nil {
				return err
			}
		}
		return nil
	}))
}
