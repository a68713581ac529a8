package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/jackc/pgx/v5"

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
	pool, err := openPool(address(d.Path, "&_pragma=synchronous(0)&_pragma=cache_size(-65536)"), 1)
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
	reader := dsn(path) + "?mode=ro&immutable=1&_pragma=query_only(1)&_pragma=mmap_size(2147418112)&_pragma=foreign_keys(1)"
	pool, err := openPool(reader, 8)
	if err != nil {
		return nil, err
	}
	d := &DB{Engine: SQLite, Path: path, reader: reader, write: pool, read: pool, now: zeroTime}
	if _, err := One(ctx, d, Scalar[int], "SELECT count(*) FROM sqlite_schema"); err != nil {
		return nil, closing(d, err)
	}
	return d, nil
}

// Size is how many bytes the database has.
func (d *DB) Size(ctx context.Context) (int64, error) {
	if d.Engine == Postgres {
		return One(ctx, d, Scalar[int64], "SELECT pg_database_size(current_database())")
	}
	return One(ctx, d, Scalar[int64], "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
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
	// From a connection of its own: one that has searched before remembers the
	// full-text index as it was, and takes what was written since for damage.
	fresh, err := d.fresh()
	if err != nil {
		return nil, err
	}
	defer fresh.Close() //nolint:errcheck // it has only read
	lines, err := Collect(ctx, fresh, Scalar[string], "PRAGMA "+pragma)
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

// fresh is the same SQLite file, read by a new connection.
func (d *DB) fresh() (*DB, error) {
	pool, err := openPool(d.reader, 1)
	return &DB{Engine: SQLite, Path: d.Path, write: pool, read: pool, now: d.now}, err
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
	conn, pgxTx, err := d.begin(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // gives the connection back to the pool
	defer rollback(ctx, conn, pgxTx)
	var id string
	if err := pgxTx.QueryRow(ctx, "SELECT pg_export_snapshot()").Scan(&id); err != nil {
		return mapError(err)
	}
	return f(&Tx{Engine: Postgres, h: conn, pgxTx: pgxTx, now: d.Now()}, id)
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

// Checkpoint brings SQLite's write-ahead log into the database and empties it;
// false when somebody still reads what is older.
func (d *DB) Checkpoint(ctx context.Context) (done bool, err error) {
	defer fault.Wrap(&err, "checkpoint")
	var busy, frames, moved int
	if err := d.write.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &frames, &moved); err != nil {
		return false, mapError(err)
	}
	return busy == 0, nil
}
