package db

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/pressly/goose/v3"

	"navidocs/internal/fault"
)

//go:embed migrations/*.sql
var embedded embed.FS

// Migrations is the committed sequence.
func Migrations() fs.FS {
	sub, err := fs.Sub(embedded, "migrations")
	if err != nil {
		panic(err) // the folder is embedded: only a programmer can break this
	}
	return sub
}

// Class says how a migration may be applied: expand ones under the running
// old release, contract ones a release later, data ones in batches.
type Class string

// Migration is one file of the sequence.
type Migration struct {
	Version int64  `json:"version"`
	Name    string `json:"name"`
	Class   Class  `json:"class"`
	SHA256  string `json:"sha256"`
	Applied bool   `json:"applied"`
	// AppliedAt is zero when the migration is pending.
	AppliedAt time.Time `json:"applied_at,omitzero"`
}

// Migrator applies one sequence of migrations to one database.
type Migrator struct {
	db    *DB
	files fs.FS // only this engine's file of each pair
	// then runs after the sequence, under the same lock: the job queue's tables.
	then []func(context.Context) error
	lock string
}

// NewMigrator prepares a sequence. On SQLite lockPath is the file that lets one
// process migrate at a time; PostgreSQL takes an advisory lock.
func NewMigrator(d *DB, sequence fs.FS, lockPath string, then ...func(context.Context) error) (*Migrator, error) {
	files, err := engineFiles(sequence, d.Engine)
	if err != nil {
		return nil, err
	}
	return &Migrator{db: d, files: files, then: then, lock: lockPath}, nil
}

// Up applies what is pending, each migration in a transaction of its own, and
// returns what it applied. A file that changed after it was applied stops it.
func (m *Migrator) Up(ctx context.Context) (applied []Migration, err error) {
	defer fault.Wrap(&err, "migrate up")
	err = m.locked(ctx, func(p *goose.Provider) error {
		if err := m.verifyFiles(ctx); err != nil {
			return err
		}
		for {
			res, err := p.UpByOne(ctx)
			if err != nil {
				if errors.Is(err, goose.ErrNoNextVersion) {
					break
				}
				return err
			}
			mig, err := m.remember(ctx, res.Source.Version)
			if err != nil {
				return err
			}
			applied = append(applied, mig)
		}
		for _, f := range m.then {
			if err := f(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	return applied, err
}

// Down takes back the newest n migrations. The data of the tables and columns
// that they added is lost.
func (m *Migrator) Down(ctx context.Context, n int) (undone []int64, err error) {
	defer fault.Wrap(&err, "migrate down")
	err = m.locked(ctx, func(p *goose.Provider) error {
		for range n {
			res, err := p.Down(ctx)
			if err != nil {
				if errors.Is(err, goose.ErrNoNextVersion) {
					return nil
				}
				return err
			}
			undone = append(undone, res.Source.Version)
			if _, err := m.db.write.ExecContext(ctx, "DELETE FROM schema_files WHERE version = $1", res.Source.Version); err != nil {
				return mapError(err)
			}
		}
		return nil
	})
	return undone, err
}

// Status lists the sequence, oldest first, with what is applied.
func (m *Migrator) Status(ctx context.Context) (_ []Migration, err error) {
	defer fault.Wrap(&err, "migrate status")
	all, err := m.list()
	if err != nil {
		return nil, err
	}
	done := map[int64]Migration{}
	known, err := m.knownFiles(ctx)
	if err != nil {
		return nil, err
	}
	for _, k := range known {
		done[k.Version] = k
	}
	for i, mig := range all {
		if k, ok := done[mig.Version]; ok {
			all[i].Applied, all[i].AppliedAt = true, k.AppliedAt
		}
	}
	return all, nil
}

// Pending counts what Up would apply.
func (m *Migrator) Pending(ctx context.Context) (int, error) {
	all, err := m.Status(ctx)
	n := 0
	for _, mig := range all {
		if !mig.Applied {
			n++
		}
	}
	return n, err
}

func (m *Migrator) locked(ctx context.Context, f func(*goose.Provider) error) error {
	unlock, err := m.acquire(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	_, err = m.db.write.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS schema_files (
		version BIGINT PRIMARY KEY, name TEXT NOT NULL, class TEXT NOT NULL, sha256 TEXT NOT NULL, applied_at BIGINT NOT NULL)`)
	if err != nil {
		return mapError(err)
	}
	dialect := goose.DialectSQLite3
	if m.db.Engine == Postgres {
		dialect = goose.DialectPostgres
	}
	p, err := goose.NewProvider(dialect, m.db.write, m.files, goose.WithDisableGlobalRegistry(true), goose.WithTableName("schema_version"))
	if err != nil {
		return err
	}
	return f(p)
}

// advisoryKey is any number that nothing else on the server uses.
const advisoryKey = 7_308_324_465_020_641

func (m *Migrator) acquire(ctx context.Context) (unlock func(), err error) {
	if m.db.Engine == SQLite {
		if m.lock == "" {
			return func() {}, nil
		}
		l := flock.New(m.lock)
		if ok, err := l.TryLockContext(ctx, 20*time.Millisecond); err != nil || !ok {
			if ctx.Err() == nil {
				return nil, err
			}
			return nil, fault.Because(err, fault.Unavailable, "another process is migrating (lock file %s)", m.lock)
		}
		return func() { l.Unlock() }, nil //nolint:errcheck // the lock ends with the process at the latest
	}
	conn, err := m.db.write.Conn(ctx)
	if err != nil {
		return nil, mapError(err)
	}
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", advisoryKey); err != nil {
		return nil, errors.Join(mapError(err), conn.Close())
	}
	return func() { release(context.WithoutCancel(ctx), conn) }, nil
}

func release(ctx context.Context, conn *sql.Conn) {
	conn.ExecContext(ctx, "SELECT pg_advisory_unlock($1)", advisoryKey) //nolint:errcheck // closing the connection releases it too
	conn.Close()                                                        //nolint:errcheck // gives the connection back to the pool
}

// verifyFiles refuses a sequence whose applied files are not the ones that
// this binary carries.
func (m *Migrator) verifyFiles(ctx context.Context) error {
	all, err := m.list()
	if err != nil {
		return err
	}
	byVersion := map[int64]Migration{}
	for _, mig := range all {
		byVersion[mig.Version] = mig
	}
	known, err := m.knownFiles(ctx)
	if err != nil {
		return err
	}
	for _, k := range known {
		if mig, ok := byVersion[k.Version]; ok && mig.SHA256 != k.SHA256 {
			return fault.New(fault.Conflict, "migration %s was changed after it was applied: restore the file, or start a new database", mig.Name)
		}
	}
	return nil
}

func (m *Migrator) remember(ctx context.Context, version int64) (Migration, error) {
	all, err := m.list()
	if err != nil {
		return Migration{}, err
	}
	for _, mig := range all {
		if mig.Version != version {
			continue
		}
		mig.Applied, mig.AppliedAt = true, m.db.Now()
		_, err := m.db.write.ExecContext(ctx, `INSERT INTO schema_files (version, name, class, sha256, applied_at)
			VALUES ($1, $2, $3, $4, $5) ON CONFLICT (version) DO NOTHING`,
			mig.Version, mig.Name, string(mig.Class), mig.SHA256, Micros(mig.AppliedAt))
		return mig, mapError(err)
	}
	return Migration{}, fmt.Errorf("migration %d has no file", version)
}

func (m *Migrator) knownFiles(ctx context.Context) ([]Migration, error) {
	exists := "SELECT count(*) FROM sqlite_schema WHERE name = 'schema_files'"
	if m.db.Engine == Postgres {
		exists = "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'schema_files'"
	}
	if n, err := One(ctx, m.db, Scalar[int], exists); err != nil || n == 0 {
		return nil, err
	}
	return Collect(ctx, m.db, func(r Row) (mig Migration, err error) {
		var at int64
		err = r.Scan(&mig.Version, &mig.SHA256, &at)
		mig.AppliedAt = Time(at)
		return mig, err
	}, "SELECT version, sha256, applied_at FROM schema_files ORDER BY version")
}

var (
	fileName  = regexp.MustCompile(`^(\d{10})_([a-z0-9_]+)(\.sqlite|\.postgres)?\.sql$`)
	classLine = regexp.MustCompile(`^-- class: (expand|contract|data)\n`)
)

func (m *Migrator) list() ([]Migration, error) {
	names, err := fs.Glob(m.files, "*.sql")
	if err != nil {
		return nil, err
	}
	out := make([]Migration, 0, len(names))
	for _, name := range names {
		text, err := fs.ReadFile(m.files, name)
		if err != nil {
			return nil, err
		}
		parts, class := fileName.FindStringSubmatch(name), classLine.FindSubmatch(text)
		if parts == nil || class == nil {
			return nil, fmt.Errorf("migration %s: want YYYYMMDDNN_name.sql with a first line `-- class: expand|contract|data`", name)
		}
		version, err := strconv.ParseInt(parts[1], 10, 64)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(text)
		out = append(out, Migration{Version: version, Name: parts[2], Class: Class(class[1]), SHA256: hex.EncodeToString(sum[:])})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Version < out[j].Version })
	return out, nil
}

// engineFiles shows only the file that an engine runs where the two differ.
func engineFiles(sequence fs.FS, engine Engine) (fs.FS, error) {
	names, err := fs.Glob(sequence, "*.sql")
	if err != nil {
		return nil, err
	}
	other := ".postgres.sql"
	if engine == Postgres {
		other = ".sqlite.sql"
	}
	keep := map[string]bool{}
	for _, name := range names {
		if !strings.HasSuffix(name, other) {
			keep[name] = true
		}
	}
	return onlyFS{sequence, keep}, nil
}

// onlyFS is a flat folder with some of its files hidden.
type onlyFS struct {
	fs.FS
	keep map[string]bool
}

func (o onlyFS) Open(name string) (fs.File, error) {
	if name != "." && !o.keep[path.Base(name)] {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return o.FS.Open(name)
}

func (o onlyFS) ReadDir(name string) ([]fs.DirEntry, error) {
	all, err := fs.ReadDir(o.FS, name)
	if err != nil {
		return nil, err
	}
	out := all[:0]
	for _, e := range all {
		if o.keep[e.Name()] {
			out = append(out, e)
		}
	}
	return out, nil
}

// Glob keeps fs.Glob on our ReadDir instead of the wrapped file system's.
func (o onlyFS) Glob(pattern string) ([]string, error) {
	entries, err := o.ReadDir(".")
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		if ok, err := path.Match(pattern, e.Name()); err != nil {
			return nil, err
		} else if ok {
			out = append(out, e.Name())
		}
	}
	return out, nil
}
