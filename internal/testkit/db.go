package testkit

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"navidocs/internal/db"
	"navidocs/internal/job"
)

// Each runs a test on a new migrated database of either engine, as the parallel
// subtests "sqlite" and "postgres".
func Each(t *testing.T, f func(t *testing.T, d *db.DB)) {
	t.Helper()
	each(t, func(t *testing.T, open opener) { t.Helper(); f(t, open(t, true, nil)) })
}

// EachAt is Each with a clock that the test moves, one per engine, which stands
// at start.
func EachAt(t *testing.T, start time.Time, f func(t *testing.T, d *db.DB, c *Clock)) {
	t.Helper()
	each(t, func(t *testing.T, open opener) {
		t.Helper()
		c := NewClock(start)
		f(t, open(t, true, c.Now), c)
	})
}

// EachEmpty is Each on databases without a table.
func EachEmpty(t *testing.T, f func(t *testing.T, d *db.DB)) {
	t.Helper()
	each(t, func(t *testing.T, open opener) { t.Helper(); f(t, open(t, false, nil)) })
}

// SQLite is a new migrated SQLite database, closed and gone after the test.
func SQLite(t testing.TB) *db.DB {
	t.Helper()
	return openSQLite(t, true, nil)
}

// Postgres is a new migrated PostgreSQL database, closed and dropped after the
// test, which is skipped when there is no server.
func Postgres(t testing.TB) *db.DB {
	t.Helper()
	return openPostgres(t, true, nil)
}

// URL is the address by which another process opens the same database.
func URL(d *db.DB) string {
	if d.Engine == db.SQLite {
		return d.Path
	}
	return d.Pool().Config().ConnString()
}

type opener func(t testing.TB, migrated bool, now func() time.Time) *db.DB

func each(t *testing.T, f func(t *testing.T, open opener)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); f(t, openSQLite) })
	t.Run("postgres", func(t *testing.T) { t.Parallel(); f(t, openPostgres) })
}

// open opens a database that is closed after the test.
func open(t testing.TB, address string, now func() time.Time) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), db.Options{URL: address, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("close the database: %v", err)
		}
	})
	return d
}

// migrate makes a database, migrates it as serving does, and closes it.
func migrate(ctx context.Context, address string) error {
	d, err := db.Open(ctx, db.Options{URL: address})
	if err != nil {
		return err
	}
	m, err := db.NewMigrator(d, db.Migrations(), "", func(ctx context.Context) error { return job.Migrate(ctx, d) })
	if err == nil {
		_, err = m.Up(ctx, db.UpOptions{})
	}
	return errors.Join(err, d.Close())
}

// liteTemplate is the file of a migrated SQLite database, made once a process.
var liteTemplate struct {
	once  sync.Once
	bytes []byte
	err   error
}

func openSQLite(t testing.TB, migrated bool, now func() time.Time) *db.DB {
	t.Helper()
	path := filepath.Join(t.TempDir(), "navidocs.db")
	if migrated {
		liteTemplate.once.Do(func() { liteTemplate.bytes, liteTemplate.err = makeLiteTemplate(t.Context()) })
		if liteTemplate.err != nil {
			t.Fatalf("make the template: %v", liteTemplate.err)
		}
		if err := os.WriteFile(path, liteTemplate.bytes, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return open(t, path, now)
}

func makeLiteTemplate(ctx context.Context) ([]byte, error) {
	dir, err := os.MkdirTemp("", "navidocs-template-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "template.db")
	if err := migrate(context.WithoutCancel(ctx), path); err != nil {
		return nil, err
	}
	if _, err := os.Stat(path + "-wal"); !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the template was not checkpointed: %w", err)
	}
	return os.ReadFile(path)
}

// pgTemplate is this process's part of the server.
var pgTemplate struct {
	once sync.Once
	err  error
	pgServer
}

// pgServer makes databases on a server that other processes use too. Every
// name begins with the process's own prefix, which an advisory lock protects
// while the process lives.
type pgServer struct {
	prefix string
	// mu guards the connection and the counter.
	mu   sync.Mutex
	conn *pgx.Conn
	made int
}

func openPostgres(t testing.TB, migrated bool, now func() time.Time) *db.DB {
	t.Helper()
	address := PostgresURL(t)
	ctx := context.WithoutCancel(t.Context())
	s := &pgTemplate.pgServer
	pgTemplate.once.Do(func() { pgTemplate.err = s.start(ctx, address) })
	if pgTemplate.err != nil {
		t.Fatalf("make the template: %v", pgTemplate.err)
	}
	template := "template0"
	if migrated {
		template = s.prefix + "template"
	}
	name, err := s.create(ctx, template)
	if err != nil {
		t.Fatalf("create a database: %v", err)
	}
	t.Cleanup(func() {
		if err := s.exec(ctx, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("drop the database: %v", err)
		}
	})
	return open(t, databaseURL(address, name), now)
}

// start takes a prefix, clears what killed processes left, and makes the
// template.
func (s *pgServer) start(ctx context.Context, address string) (err error) {
	if s.conn, err = pgx.Connect(ctx, address); err != nil {
		return err
	}
	s.prefix = "navidocs_" + strings.ToLower(rand.Text()[:16]) + "_"
	template := s.prefix + "template"
	for _, step := range []func() error{
		func() error { return s.exec(ctx, "SELECT pg_advisory_lock(hashtextextended($1, 0))", s.prefix) },
		func() error { return s.sweep(ctx) },
		func() error { return s.exec(ctx, s.createDatabase(template, "template0")) },
		func() error { return migrate(ctx, databaseURL(address, template)) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// sweep drops the databases of processes that hold their lock no more.
func (s *pgServer) sweep(ctx context.Context) error {
	rows, err := s.conn.Query(ctx, `SELECT datname FROM pg_database WHERE CASE WHEN datname ~ '^navidocs_[a-z2-7]{16}_'
		THEN pg_try_advisory_lock(hashtextextended(left(datname, 26), 0)) ELSE FALSE END`)
	if err != nil {
		return err
	}
	orphans, err := pgx.CollectRows(rows, pgx.RowTo[string])
	for _, name := range orphans {
		err = errors.Join(err, s.exec(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"))
	}
	return err
}

// create makes a database. Somebody may still be leaving the template (55006).
func (s *pgServer) create(ctx context.Context, template string) (string, error) {
	s.mu.Lock()
	s.made++
	name := fmt.Sprintf("%s%d", s.prefix, s.made)
	s.mu.Unlock()
	err := poll(ctx, patience, func() (bool, error) {
		err := s.exec(ctx, s.createDatabase(name, template))
		pg, ok := errors.AsType[*pgconn.PgError](err)
		return !ok || pg.Code != "55006", err
	})
	return name, err
}

func (s *pgServer) exec(ctx context.Context, query string, args ...any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.conn.Exec(ctx, query, args...)
	return err
}

// copying makes a server from version 15 on copy files, as older ones do, and not log
// every page of them, which takes four times as long.
func (s *pgServer) copying() string {
	major, _, _ := strings.Cut(s.conn.PgConn().ParameterStatus("server_version"), ".")
	if n, err := strconv.Atoi(major); err != nil || n < 15 {
		return ""
	}
	return " STRATEGY FILE_COPY"
}

func (s *pgServer) createDatabase(name, template string) string {
	return "CREATE DATABASE " + name + " TEMPLATE " + template + " ENCODING 'UTF8' LOCALE 'C.UTF-8'" + s.copying()
}

func databaseURL(server, name string) string {
	u, err := url.Parse(server)
	if err != nil {
		return server // which the driver will refuse
	}
	u.Path = "/" + name
	return u.String()
}
