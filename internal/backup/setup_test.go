package backup_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"navidocs/internal/backup"
	"navidocs/internal/blob"
	"navidocs/internal/config"
	"navidocs/internal/db"
	"navidocs/internal/event"
	"navidocs/internal/job"
	"navidocs/internal/testkit"
)

var start = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// bundle is an installation without its domains: rows, papers, keys.
type bundle struct {
	t      testing.TB
	db     *db.DB
	store  *blob.Disk
	config config.Config
	clock  *testkit.Clock
	// smoked hears of each try of a restored copy.
	smoked func(config.Config) error
	rows   int
}

// each runs a test on an installation of either engine.
func each(t *testing.T, f func(t *testing.T, b *bundle)) {
	t.Helper()
	testkit.EachAt(t, start, func(t *testing.T, d *db.DB, c *testkit.Clock) { t.Helper(); f(t, setup(t, d, c)) })
}

// sqlite is one whose database file the test may close and replace.
func sqlite(t testing.TB, settings ...string) *bundle {
	t.Helper()
	return setup(t, testkit.SQLite(t), testkit.NewClock(start), settings...)
}

func setup(t testing.TB, d *db.DB, c *testkit.Clock, settings ...string) *bundle {
	t.Helper()
	home := t.TempDir()
	cfg, err := config.Load(config.Source{Environ: append([]string{"APP_ENV=test", "DATABASE_URL=" + testkit.URL(d)}, settings...), Home: home})
	if err != nil {
		t.Fatal(err)
	}
	store, err := blob.OpenDisk(filepath.Join(home, "data", "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	if err := os.MkdirAll(cfg.KeyDir(), 0o700); err != nil {
		t.Fatal(err)
	}
	b := &bundle{t: t, db: d, store: store, config: cfg, clock: c, smoked: func(config.Config) error { return nil }}
	if err := os.WriteFile(filepath.Join(cfg.KeyDir(), "seal"), []byte("the key that seals\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := backup.RecoveryKey(cfg.KeyDir()); err != nil {
		t.Fatal(err)
	}
	return b
}

// service is a new one, as each command has.
func (b *bundle) service(change ...func(*backup.Options)) *backup.Service {
	b.t.Helper()
	queue, err := job.New(b.db, job.Config{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.t.Fatal(err)
	}
	schema, err := db.LatestVersion(db.Migrations())
	if err != nil {
		b.t.Fatal(err)
	}
	o := backup.Options{
		Config: b.config, DB: b.db, Store: b.store, Events: event.New(b.db, queue), Release: "test", Now: b.clock.Now,
		Schema: schema, Migrate: migrate, Smoke: func(_ context.Context, c config.Config) error { return b.smoked(c) },
	}
	for _, f := range change {
		f(&o)
	}
	s, err := backup.New(o)
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

func migrate(ctx context.Context, d *db.DB) error {
	m, err := db.NewMigrator(d, db.Migrations(), "", func(ctx context.Context) error { return job.Migrate(ctx, d) })
	if err == nil {
		_, err = m.Up(ctx, db.UpOptions{})
	}
	return err
}

func (b *bundle) exec(query string, args ...any) {
	b.t.Helper()
	err := b.db.Transact(b.t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(b.t.Context(), query, args...)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// fill adds organizations with a boat each and lines of the audit trail.
func (b *bundle) fill(n int) {
	b.t.Helper()
	err := b.db.Transact(b.t.Context(), func(tx *db.Tx) error {
		for range n {
			if err := addOrganization(b.t.Context(), tx, b.rows); err != nil {
				return err
			}
			b.rows++
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

func addOrganization(ctx context.Context, tx *db.Tx, i int) error {
	id := fmt.Sprintf("org-%06d", i)
	_, err := tx.Exec(ctx, "INSERT INTO organizations (id, name, name_fold, created_at, updated_at) VALUES ($1, $2, $2, $3, $3)", id, "Yard "+id, db.Micros(tx.Now()))
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "INSERT INTO boats (id, org_id, slug, name, name_fold, created_at, updated_at) VALUES ($1, $2, 'b', $3, $3, $4, $4)",
		"boat-"+id, id, "Boat "+id, db.Micros(tx.Now()))
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "INSERT INTO audit_log (id, org_id, action, subject_kind, subject_id, detail, at) VALUES ($1, $2, 'made', 'boat', $1, $3, $4)",
		"line-"+id, id, "a line of the audit trail that is long enough to fill some pages of the database, for "+id, db.Micros(tx.Now()))
	return err
}

// paper keeps bytes and their row.
func (b *bundle) paper(content string) blob.Digest {
	b.t.Helper()
	digest, size, err := b.store.Put(b.t.Context(), bytes.NewReader([]byte(content)))
	if err != nil {
		b.t.Fatal(err)
	}
	err = b.db.Transact(b.t.Context(), func(tx *db.Tx) error {
		return blob.Adopt(b.t.Context(), tx, digest, size, "test", string(digest))
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return digest
}

// create makes a backup that must be good.
func (b *bundle) create() backup.Entry {
	b.t.Helper()
	e, err := b.service().Create(b.t.Context(), backup.CreateOptions{Reason: "test"})
	if err != nil {
		b.t.Fatal(err)
	}
	b.clock.Add(time.Minute)
	return e
}

// verify reads everything.
func (b *bundle) verify(id string) backup.Report {
	b.t.Helper()
	r, err := b.service().Verify(b.t.Context(), id, backup.VerifyOptions{Sample: 1})
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

func (b *bundle) file(parts ...string) string {
	return filepath.Join(append([]string{b.config.Backup.Dir}, parts...)...)
}

func (b *bundle) count(table string) int {
	b.t.Helper()
	n, err := db.One(b.t.Context(), b.db, db.Scalar[int], "SELECT count(*) FROM "+table)
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}
