package testkit_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/testkit"
)

var start = time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)

// Each test has a database of its own, migrated, that starts empty.
func TestEachDatabaseIsNewAndMigrated(t *testing.T) {
	t.Parallel()
	for range 3 {
		testkit.Each(t, func(t *testing.T, d *db.DB) {
			t.Helper()
			for _, table := range []string{"organizations", "river_job"} {
				n, err := db.One(t.Context(), d, db.Scalar[int], "SELECT count(*) FROM "+table)
				if err != nil || n != 0 {
					t.Errorf("%s: %d, %v", table, n, err)
				}
			}
			insert(t, d, "the same id")
			m, err := db.NewMigrator(d, db.Migrations(), "")
			if err != nil {
				t.Fatal(err)
			}
			if n, err := m.Pending(t.Context()); n != 0 || err != nil {
				t.Error(n, err)
			}
			again, err := db.Open(t.Context(), db.Options{URL: testkit.URL(d)})
			if err != nil {
				t.Fatal(err)
			}
			if n, err := db.One(t.Context(), again, db.Scalar[int], "SELECT count(*) FROM organizations"); n != 1 || err != nil {
				t.Error("by its URL another database was opened", n, err)
			}
			if err := again.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func insert(t *testing.T, d *db.DB, id string) {
	t.Helper()
	err := d.Transact(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), `INSERT INTO organizations (id, name, name_fold, created_at, updated_at)
			VALUES ($1, $1, $1, $2, $2)`, id, db.Micros(tx.Now()))
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestEachAtHasItsOwnClock(t *testing.T) {
	t.Parallel()
	testkit.EachAt(t, start, func(t *testing.T, d *db.DB, c *testkit.Clock) {
		t.Helper()
		if !d.Now().Equal(start) {
			t.Error(d.Now())
		}
		if want := start.Add(time.Hour); !c.Add(time.Hour).Equal(want) || !d.Now().Equal(want) {
			t.Error(d.Now())
		}
		if c.Set(start); !d.Now().Equal(start) {
			t.Error(d.Now())
		}
	})
}

func TestEachEmptyHasNoTable(t *testing.T) {
	t.Parallel()
	testkit.EachEmpty(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		if _, err := db.One(t.Context(), d, db.Scalar[int], "SELECT count(*) FROM organizations"); err == nil {
			t.Error("it has tables")
		}
	})
}

func TestTheDatabaseGoesWithItsTest(t *testing.T) { //nolint:tparallel // its subtests are looked at afterwards
	t.Parallel()
	var lite, pg string
	t.Run("sqlite", func(t *testing.T) { lite = testkit.URL(testkit.SQLite(t)) })   //nolint:paralleltest // looked at afterwards
	t.Run("postgres", func(t *testing.T) { pg = testkit.URL(testkit.Postgres(t)) }) //nolint:paralleltest // looked at afterwards
	gone := db.Options{URL: pg}
	if pg == "" {
		t.Skip("SKIPPED: no PostgreSQL")
	}
	if d, err := db.Open(t.Context(), gone); err == nil {
		_ = d.Close()
		t.Error("the database was left behind", lite)
	}
}

func TestEventuallyTriesAgain(t *testing.T) {
	t.Parallel()
	tries := 0
	testkit.Eventually(t, func() error {
		if tries++; tries < 3 {
			return errors.New("not yet")
		}
		return nil
	})
	if tries != 3 {
		t.Error(tries)
	}
}

// What a killed process left is dropped by the next one that starts.
func TestLeftDatabasesAreSwept(t *testing.T) {
	t.Parallel()
	d := testkit.Postgres(t)
	for name, want := range map[string]int{"navidocs_aaaaaaaaaaaaaaaa_1": 0, "navidocs_elsewhere": 1} {
		conn := d.Pool()
		if _, err := conn.Exec(t.Context(), "CREATE DATABASE "+name+" TEMPLATE template0"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if _, err := conn.Exec(context.Background(), "DROP DATABASE IF EXISTS "+name); err != nil {
				t.Error(err)
			}
		})
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestEachEmptyHasNoTable$") //nolint:gosec // ourselves
		if words, err := child.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, words)
		}
		if n, err := db.One(t.Context(), d, db.Scalar[int], "SELECT count(*) FROM pg_database WHERE datname = $1", name); n != want || err != nil {
			t.Errorf("%s: %d, %v", name, n, err)
		}
	}
}

// failing is a test whose failure is looked at.
type failing struct {
	testing.TB
	words string
}

func (f *failing) Fatalf(format string, args ...any) {
	f.words = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func TestEventuallyGivesUpWithTheLastError(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	f := &failing{TB: ended{t, ctx}}
	var waiting sync.WaitGroup
	waiting.Go(func() {
		testkit.Eventually(f, func() error {
			cancel()
			return errors.New("not yet")
		})
	})
	waiting.Wait()
	if !strings.HasSuffix(f.words, ": not yet") {
		t.Error(f.words)
	}
}

// ended is a test that is told to end.
type ended struct {
	testing.TB
	ctx context.Context
}

func (e ended) Context() context.Context { return e.ctx }
