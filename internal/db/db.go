// Package db opens the one database (embedded SQLite, or PostgreSQL) and runs
// SQL on it. One SQL text with $1..$n placeholders serves both engines; domain
// packages never ask which one it is, except for full-text search.
//
// It guarantees: every write goes through Transact, one writer at a time on
// SQLite (BEGIN IMMEDIATE), a fixed time per transaction, and driver errors
// turned into fault kinds by code, never by text. Rules and tables belong to
// the domain packages.
package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite" // the "sqlite" driver

	"navidocs/internal/fault"
)

// Engine names the database engine.
type Engine string

// The engines.
const (
	SQLite   Engine = "sqlite"
	Postgres Engine = "postgres"
)

// minSQLite is the first release without the WAL-reset corruption bug
// (sqlite.org, 3.7.0 to 3.51.2).
const minSQLite = 3_051_003

// DB is an open database. It is safe for concurrent use.
type DB struct {
	Engine Engine
	// Path is the file of a SQLite database, empty on PostgreSQL.
	Path string

	write *sql.DB
	read  *sql.DB
	// reading are the readers' statements; SQLite only, pgx keeps its own. A
	// writer's cannot be kept: its only connection is inside a transaction.
	reading statements
	pool    *pgxpool.Pool
	reader  string       // SQLite only: how a reader opens the file
	use     *flock.Flock // SQLite only: tells that a process has the file open
	now     func() time.Time
	observe func(kind string, took time.Duration)
	trace   func(ctx context.Context) (context.Context, func(err error))
	file    os.FileInfo // SQLite only: the file as it was opened
	full    atomic.Bool // a transaction found no room
}

// Options say what to open.
type Options struct {
	// URL is a postgres:// address or the path of a SQLite file, whose folder
	// is made when missing.
	URL string
	// Now is the clock of transactions; nil means the machine's.
	Now func() time.Time
	// Readers bounds the SQLite readers; 0 means one per processor, at least two:
	// more would only share the processors, and none would be done early.
	Readers int
	// Observe is told of every write transaction, with its waiting and its
	// retries, and of every query outside of one, when set. It must be quick.
	Observe func(kind string, took time.Duration)
	// Trace begins a trace of a write transaction; what ends it is told how that came
	// out. Nil for none.
	Trace func(ctx context.Context) (context.Context, func(err error))
}

// The kinds that Options.Observe is told.
const (
	Read  = "read"
	Write = "write"
)

func (o *Options) complete() {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Readers == 0 {
		o.Readers = max(2, runtime.GOMAXPROCS(0))
	}
}

// Open opens the database and checks that it is one that NaviDocs can trust:
// the SQLite version, the PostgreSQL collation. It changes no schema.
func Open(ctx context.Context, o Options) (_ *DB, err error) {
	defer fault.Wrap(&err, "open database")
	o.complete()
	if isPostgres(o.URL) {
		return openPostgres(ctx, o)
	}
	return openSQLite(ctx, o)
}

func openSQLite(ctx context.Context, o Options) (*DB, error) {
	path, err := filepath.Abs(o.URL)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	use, err := enter(ctx, path)
	if err != nil {
		return nil, err
	}
	return openFile(ctx, path, use, o)
}

// openFile opens a file that use, when it is given, says is in use.
func openFile(ctx context.Context, path string, use *flock.Flock, o Options) (_ *DB, err error) {
	o.complete()
	d := &DB{Engine: SQLite, Path: path, reader: address(path, "&_pragma=query_only(1)"), now: o.Now, use: use, observe: o.Observe, trace: o.Trace}
	if err := create(ctx, path); err != nil {
		return nil, closing(d, err)
	}
	if d.write, err = openPool(address(path, ""), 1); err != nil {
		return nil, closing(d, err)
	}
	if err := d.checkSQLite(ctx); err != nil {
		return nil, closing(d, err)
	}
	if d.read, err = openPool(d.reader, o.Readers); err != nil {
		return nil, closing(d, err)
	}
	if d.file, err = os.Stat(path); err != nil {
		return nil, closing(d, err)
	}
	if err := closeToOthers(path); err != nil {
		return nil, closing(d, err)
	}
	return d, nil
}

// closeToOthers takes from everybody but the owner what SQLite's files were
// made with. It opens none of them.
func closeToOthers(path string) error {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			err = os.Chmod(path+suffix, info.Mode().Perm()&^0o077)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) { // another owner's: doctor tells
			return err
		}
	}
	return nil
}

// create makes a SQLite file where there is none.
func create(ctx context.Context, path string) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	pool, err := openPool(dsn(path)+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)", 1)
	if err != nil {
		return err
	}
	return mapError(errors.Join(pool.PingContext(ctx), pool.Close()))
}

// address says how a SQLite file is opened. FULL, because a boat loses power;
// rw, for a file that vanishes while in use must not come back empty by the
// next connection.
func address(path, extra string) string {
	return dsn(path) + "?mode=rw&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)" +
		"&_pragma=foreign_keys(1)&_pragma=cache_size(-16384)&_pragma=temp_store(2)&_txlock=immediate" + extra
}

func openPool(address string, conns int) (*sql.DB, error) {
	pool, err := sql.Open("sqlite", address)
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(conns)
	pool.SetMaxIdleConns(conns)
	return pool, nil
}

// dsn is a file's name as SQLite reads it in an address.
func dsn(path string) string {
	return "file:" + strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
}

func zeroTime() time.Time { return time.Time{} }

func (d *DB) checkSQLite(ctx context.Context) error {
	var version, journal string
	var synchronous int
	if err := d.write.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&version); err != nil {
		return mapError(err)
	}
	var major, minor, patch int
	if _, err := fmt.Sscanf(version, "%d.%d.%d", &major, &minor, &patch); err != nil {
		return fmt.Errorf("SQLite version %q: %w", version, err)
	}
	if major*1_000_000+minor*1_000+patch < minSQLite {
		return fault.New(fault.Internal, "SQLite %s is linked in, but 3.51.3 or later is needed: rebuild NaviDocs", version)
	}
	if err := d.write.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&journal); err != nil {
		return mapError(err)
	}
	if err := d.write.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&synchronous); err != nil {
		return mapError(err)
	}
	if journal != "wal" || synchronous != 2 {
		return fault.New(fault.Internal, "the database needs WAL and synchronous=FULL, but the file system gave %s and %d: put it on a local disk", journal, synchronous)
	}
	return nil
}

func openPostgres(ctx context.Context, o Options) (*DB, error) {
	cfg, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		return nil, fault.Because(err, fault.Invalid, "DATABASE_URL cannot be read as a PostgreSQL address")
	}
	cfg.ConnConfig.RuntimeParams["application_name"] = Application()
	cfg.MaxConns = max(cfg.MaxConns, 4) // migrating takes some at once
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	handle := stdlib.OpenDBFromPool(pool)
	d := &DB{Engine: Postgres, write: handle, read: handle, pool: pool, now: o.Now, observe: o.Observe, trace: o.Trace}
	if err := d.checkPostgres(ctx); err != nil {
		return nil, closing(d, err)
	}
	return d, nil
}

// Application is how this process names itself to PostgreSQL.
func Application() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("navidocs %d %s", os.Getpid(), host[:min(len(host), 40)]) // 63 bytes at most
}

// checkPostgres refuses a collation that orders by language: it changes with
// the system's libraries and silently breaks indexes.
func (d *DB) checkPostgres(ctx context.Context) error {
	var name, collation, encoding string
	// With the provider ICU (from version 15 on) datcollate says nothing.
	err := d.write.QueryRowContext(ctx, `SELECT datname, CASE p->>'datlocprovider' WHEN 'i'
			THEN coalesce(p->>'datlocale', p->>'daticulocale', 'of ICU') ELSE datcollate END, pg_encoding_to_char(encoding)
		FROM (SELECT *, to_jsonb(pg_database) p FROM pg_database) d WHERE datname = current_database()`).Scan(&name, &collation, &encoding)
	if err != nil {
		return fault.Because(err, fault.Unavailable, "PostgreSQL cannot be reached: check DATABASE_URL and that the server runs")
	}
	switch strings.ToLower(collation) {
	case "c", "posix", "c.utf-8", "c.utf8":
	default:
		return fault.New(fault.Invalid, "database %q has collation %s; NaviDocs needs C.UTF-8: createdb -T template0 -E UTF8 --locale=C.UTF-8 %s_c", name, collation, name)
	}
	if encoding != "UTF8" {
		return fault.New(fault.Invalid, "database %q has encoding %s; NaviDocs needs UTF8: createdb -T template0 -E UTF8 --locale=C.UTF-8 %s_c", name, encoding, name)
	}
	return nil
}

func closing(d *DB, err error) error {
	if cerr := d.Close(); cerr != nil {
		return fmt.Errorf("%w (and closing: %w)", err, cerr)
	}
	return err
}

// Close ends all connections.
func (d *DB) Close() error {
	d.reading.close()
	var first error
	for _, pool := range []*sql.DB{d.read, d.write} {
		if pool == nil {
			continue
		}
		if err := pool.Close(); err != nil && first == nil {
			first = err
		}
	}
	if d.pool != nil {
		d.pool.Close()
	}
	if d.use != nil { // last: whoever waits for us may now touch the files
		if err := d.use.Close(); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// Now is the clock's present, UTC, in whole microseconds.
func (d *DB) Now() time.Time { return d.now().UTC().Truncate(time.Microsecond) }

// Pool is the PostgreSQL pool, nil on SQLite. Only package job uses it.
func (d *DB) Pool() *pgxpool.Pool { return d.pool }

// JobConn is what the job queue writes by on SQLite, nil on PostgreSQL: the one
// connection that all else is written by, where each waits its turn. With one of
// its own it would have to wait for SQLite's lock, which is given to nobody in
// particular: beside busy writers it could go without for seconds. Only package
// job uses it.
func (d *DB) JobConn() *sql.DB {
	if d.Engine == Postgres {
		return nil
	}
	return d.write
}
