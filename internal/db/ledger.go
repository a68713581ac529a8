package db

import (
	"context"
	"errors"

	"github.com/pressly/goose/v3/database"
)

// ledger is the table schema_files, in which each applied migration is written
// in its own transaction: goose's list of versions, with what we want to know
// besides.
type ledger struct {
	db    *DB
	files map[int64]Migration
	run   int64
}

var _ database.Store = (*ledger)(nil)

func newLedger(s *session) *ledger {
	l := &ledger{db: s.m.db, files: map[int64]Migration{}, run: 1}
	for _, f := range s.files {
		l.files[f.Version] = f.Migration
	}
	for _, mig := range s.applied {
		l.run = max(l.run, mig.Run+1)
	}
	return l
}

// Tablename implements database.Store.
func (l *ledger) Tablename() string { return "schema_files" }

// TableExists lets goose ask before it creates the table.
func (l *ledger) TableExists(ctx context.Context, h database.DBTxConn) (exists bool, err error) {
	err = h.QueryRowContext(ctx, ledgerExists(l.db.Engine)).Scan(&exists)
	return exists, err
}

// ledgerExists asks for the table.
func ledgerExists(e Engine) string {
	if e == Postgres {
		return "SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'schema_files')"
	}
	return "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'schema_files')"
}

// CreateVersionTable implements database.Store.
func (l *ledger) CreateVersionTable(ctx context.Context, h database.DBTxConn) error {
	_, err := h.ExecContext(ctx, `CREATE TABLE schema_files (version BIGINT PRIMARY KEY, name TEXT NOT NULL, class TEXT NOT NULL,
		sha256 TEXT NOT NULL, applied_at BIGINT NOT NULL, run BIGINT NOT NULL)`)
	return err
}

const insertApplied = `INSERT INTO schema_files (version, name, class, sha256, applied_at, run) VALUES ($1, $2, $3, $4, $5, $6)`

// Insert implements database.Store. goose's version 0, the empty database, is
// no row here.
func (l *ledger) Insert(ctx context.Context, h database.DBTxConn, r database.InsertRequest) error {
	if r.Version == 0 {
		return nil
	}
	_, err := h.ExecContext(ctx, insertApplied, l.row(r.Version)...)
	return err
}

func (l *ledger) row(version int64) []any {
	mig := l.files[version]
	return []any{version, mig.Name, string(mig.Class), mig.SHA256, Micros(l.db.Now()), l.run}
}

// Delete implements database.Store.
func (l *ledger) Delete(ctx context.Context, h database.DBTxConn, version int64) error {
	_, err := h.ExecContext(ctx, "DELETE FROM schema_files WHERE version = $1", version)
	return err
}

// GetMigration implements database.Store.
func (l *ledger) GetMigration(ctx context.Context, h database.DBTxConn, version int64) (*database.GetMigrationResult, error) {
	all, err := l.ListMigrations(ctx, h)
	if err != nil {
		return nil, err
	}
	for _, mig := range all {
		if mig.Version == version {
			return &database.GetMigrationResult{IsApplied: true}, nil
		}
	}
	return nil, database.ErrVersionNotFound
}

// GetLatestVersion implements database.Store.
func (l *ledger) GetLatestVersion(ctx context.Context, h database.DBTxConn) (int64, error) {
	all, err := l.ListMigrations(ctx, h)
	if err != nil {
		return 0, err
	}
	return all[0].Version, nil
}

// ListMigrations implements database.Store.
func (l *ledger) ListMigrations(ctx context.Context, h database.DBTxConn) (all []*database.ListMigrationsResult, err error) {
	rows, err := h.QueryContext(ctx, "SELECT version FROM schema_files ORDER BY version DESC")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		mig := &database.ListMigrationsResult{IsApplied: true}
		if err := rows.Scan(&mig.Version); err != nil {
			return nil, err
		}
		all = append(all, mig)
	}
	return append(all, &database.ListMigrationsResult{IsApplied: true}), rows.Err()
}

// errProbe rolls a question back.
var errProbe = errors.New("only a question")

// committed tells of a migration whose end was not heard of whether it is
// applied. It asks by writing the same row, which waits for a commit under way.
func (l *ledger) committed(ctx context.Context, version int64) (yes bool, err error) {
	err = l.db.Transact(ctx, func(tx *Tx) error {
		n, err := tx.Exec(ctx, insertApplied+" ON CONFLICT (version) DO NOTHING", l.row(version)...)
		if yes = n == 0; err != nil {
			return err
		}
		return errProbe
	})
	if errors.Is(err, errProbe) {
		err = nil
	}
	return yes && err == nil, err
}

// applied reads the ledger, oldest first.
func (m *Migrator) applied(ctx context.Context) ([]Migration, error) {
	if exists, err := One(ctx, m.db, Scalar[bool], ledgerExists(m.db.Engine)); err != nil || !exists {
		return nil, err
	}
	return Collect(ctx, m.db, func(r Row) (Migration, error) {
		mig := Migration{State: Unknown, Applied: true}
		var at int64
		err := r.Scan(&mig.Version, &mig.Name, &mig.Class, &mig.SHA256, &at, &mig.Run)
		mig.AppliedAt = Time(at)
		return mig, err
	}, "SELECT version, name, class, sha256, applied_at, run FROM schema_files ORDER BY version")
}
