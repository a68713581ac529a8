package db

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"navidocs/internal/fault"
)

// Class says how a migration may be applied.
type Class string

// The classes.
const (
	// Expand adds, and takes nothing from the release that runs.
	Expand Class = "expand"
	// Contract takes away what the release before still uses: it waits until
	// somebody asks for it, when nobody will go back to that release.
	Contract Class = "contract"
	// Data changes rows, in batches (see Backfill).
	Data Class = "data"
)

// State is where a migration stands.
type State string

// The states.
const (
	Applied State = "applied"
	Pending State = "pending"
	// Waiting is a contract migration that nobody asked for, and what is behind it.
	Waiting State = "waiting"
	// Changed is an applied one whose file is not the one that was applied.
	Changed State = "changed"
	// Unknown is an applied one that this release does not have.
	Unknown State = "unknown"
)

// Migration is one file of the sequence, or one that a newer release applied.
type Migration struct {
	Version int64  `json:"version"`
	Name    string `json:"name"`
	Class   Class  `json:"class"`
	SHA256  string `json:"sha256"`
	State   State  `json:"state"`
	Applied bool   `json:"applied"`
	// AppliedAt is zero when the migration is not applied.
	AppliedAt time.Time `json:"applied_at,omitzero"`
	// Run counts the calls of Up that applied something, from 1.
	Run int64 `json:"run,omitempty"`
}

func (m Migration) String() string { return strconv.FormatInt(m.Version, 10) + "_" + m.Name }

// Migrator applies one sequence of migrations to one database.
type Migrator struct {
	db       *DB
	sequence fs.FS
	files    fs.FS // only this engine's file of each pair
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
	return &Migrator{db: d, sequence: sequence, files: files, then: then, lock: lockPath}, nil
}

// Status lists the sequence, oldest first, with what is applied and what else
// is in the database.
func (m *Migrator) Status(ctx context.Context) (_ []Migration, err error) {
	defer fault.Wrap(&err, "migrate status")
	files, err := listFiles(m.files)
	if err != nil {
		return nil, err
	}
	applied, err := m.applied(ctx)
	if err != nil {
		return nil, err
	}
	return merge(files, applied), nil
}

// Pending counts what Up would apply without being asked for contract
// migrations; those that wait are no fault.
func (m *Migrator) Pending(ctx context.Context) (int, error) {
	all, err := m.Status(ctx)
	n := 0
	for _, mig := range all {
		if mig.State == Pending {
			n++
		}
	}
	return n, err
}

// merge says of each migration where it stands.
func merge(files []file, applied []Migration) []Migration {
	all := slices.Clone(applied)
	waits := false
	for _, f := range files {
		i := slices.IndexFunc(applied, func(a Migration) bool { return a.Version == f.Version })
		mig := f.Migration
		switch {
		case i >= 0 && applied[i].SHA256 == f.SHA256:
			all[i].State = Applied
			continue
		case i >= 0:
			all[i].State = Changed
			continue
		}
		waits = waits || mig.Class == Contract && len(applied) > 0
		if mig.State = Pending; waits {
			mig.State = Waiting
		}
		all = append(all, mig)
	}
	slices.SortFunc(all, func(a, b Migration) int { return cmp.Compare(a.Version, b.Version) })
	return all
}

// trusted refuses a database whose applied files are not those that this
// binary carries.
func trusted(all []Migration) error {
	for _, mig := range all {
		if mig.State == Changed {
			return fault.New(fault.Conflict, "migration %s was changed after it was applied: restore the file, or start a new database", mig.Name)
		}
	}
	return nil
}

// session is a time in which nobody else migrates.
type session struct {
	m       *Migrator
	files   []file
	applied []Migration
	all     []Migration // as Status
	budget  time.Duration
	goose   *goose.Provider
	longest time.Duration // of the last data migration's batches
}

// locked runs f alone. choose says how long each step may take, 0 for as long
// as it needs; it may be nil.
func (m *Migrator) locked(ctx context.Context, choose func(*session) time.Duration, f func(*session) error) (err error) {
	unlock, err := m.acquire(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	s := &session{m: m}
	if s.files, err = listFiles(m.files); err != nil {
		return err
	}
	if s.applied, err = m.applied(ctx); err != nil {
		return err
	}
	s.all = merge(s.files, s.applied)
	if choose != nil {
		s.budget = choose(s)
	}
	pool, err := m.db.migrationPool(s.budget)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	if s.goose, err = s.provider(pool); err != nil {
		return err
	}
	return f(s)
}

func (s *session) provider(pool *sql.DB) (*goose.Provider, error) {
	var batched []*goose.Migration
	sqlFiles := map[string]bool{}
	for _, f := range s.files {
		if f.Class == Data {
			batched = append(batched, goose.NewGoMigration(f.Version, s.backfill(f.up), s.backfill(f.down)))
		} else {
			sqlFiles[f.path] = true
		}
	}
	return goose.NewProvider(goose.DialectCustom, pool, onlyFS{s.m.files, sqlFiles}, goose.WithStore(newLedger(s)),
		goose.WithGoMigrations(batched...), goose.WithDisableGlobalRegistry(true))
}

// migrationPool is connections for goose alone, which holds one while it takes
// another. On PostgreSQL the server too ends what takes longer than the budget:
// waiting for a lock stops everybody who comes after.
func (d *DB) migrationPool(budget time.Duration) (*sql.DB, error) {
	if d.Engine == SQLite {
		return openPool(address(d.Path, ""), 2)
	}
	ms := strconv.FormatInt(budget.Milliseconds(), 10)
	return stdlib.OpenDB(*d.pool.Config().ConnConfig, stdlib.OptionAfterConnect(func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, strings.ReplaceAll("SET lock_timeout = $; SET statement_timeout = $", "$", ms))
		return err
	})), nil
}
