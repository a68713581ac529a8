package db_test

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/testkit"
)

// written is a sequence of files, each "name" with "class; up; down".
func written(files map[string]string) fstest.MapFS {
	all := fstest.MapFS{}
	for name, text := range files {
		parts := strings.SplitN(text, "|", 3)
		all[name+".sql"] = &fstest.MapFile{Data: fmt.Appendf(nil, "-- class: %s\n-- +goose Up\n%s\n-- +goose Down\n%s\n", parts[0], parts[1], parts[2])}
	}
	return all
}

// releases are one after the other: what a boat's name is moves to a new column.
func release(n int) fstest.MapFS {
	files := map[string]string{
		"2026010101_base":   "expand|CREATE TABLE boats (id BIGINT PRIMARY KEY, name TEXT);|DROP TABLE boats;",
		"2026020101_title":  "expand|ALTER TABLE boats ADD COLUMN title TEXT;|ALTER TABLE boats DROP COLUMN title;",
		"2026020102_fill":   "data|UPDATE boats SET title = name WHERE id IN (SELECT id FROM boats WHERE title IS NULL AND name IS NOT NULL LIMIT $batch);|",
		"2026030101_rename": "contract|ALTER TABLE boats DROP COLUMN name;|ALTER TABLE boats ADD COLUMN name TEXT;",
		"2026040101_ports":  "expand|CREATE TABLE ports (id BIGINT PRIMARY KEY);|DROP TABLE ports;",
	}
	last := []string{"2026010101_base", "2026020102_fill", "2026030101_rename", "2026040101_ports"}[n-1]
	maps.DeleteFunc(files, func(name, _ string) bool { return name > last })
	return written(files)
}

// older is the first n files of the committed sequence.
func older(t *testing.T, n int) fs.FS {
	t.Helper()
	files, err := fs.Glob(db.Migrations(), "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	all := fstest.MapFS{}
	for _, name := range files[:n] {
		text, err := fs.ReadFile(db.Migrations(), name)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = &fstest.MapFile{Data: text}
	}
	return all
}

func up(t *testing.T, m *db.Migrator) db.Result {
	t.Helper()
	done, err := m.Up(t.Context(), db.UpOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func schemaText(t *testing.T, d *db.DB) string {
	t.Helper()
	text, err := db.SchemaPrint(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func execute(t *testing.T, d *db.DB, query string, args ...any) {
	t.Helper()
	err := d.Transact(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), query, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func count(t *testing.T, d *db.DB, query string) int {
	t.Helper()
	n, err := db.One(t.Context(), d, db.Scalar[int], query)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func states(t *testing.T, m *db.Migrator) string {
	t.Helper()
	all, err := m.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, mig := range all {
		out = append(out, fmt.Sprintf("%s %s", mig.Name, mig.State))
	}
	return strings.Join(out, ", ")
}

func TestUpStopsBeforeAContractMigrationUntilAsked(t *testing.T) {
	t.Parallel()
	testkit.EachEmpty(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		up(t, migrator(t, d, release(1)))
		execute(t, d, "INSERT INTO boats (id, name) VALUES (1, 'Calypso')")
		third := migrator(t, d, release(3))
		done := up(t, third)
		if diff := cmp.Diff([]string{"2026020101_title", "2026020102_fill"}, names(done.Applied)); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"2026030101_rename"}, names(done.Waiting)); diff != "" {
			t.Error(diff)
		}
		if got := states(t, third); got != "base applied, title applied, fill applied, rename waiting" {
			t.Error(got)
		}
		if n, err := third.Pending(t.Context()); n != 0 || err != nil || done.Blocked() != nil {
			t.Error("a release runs before its own contract migration:", n, err, done.Blocked())
		}
		if count(t, d, "SELECT count(*) FROM boats WHERE title = 'Calypso' AND name = 'Calypso'") != 1 {
			t.Error("the boat has no title")
		}
		plan, err := third.PlanUp(t.Context(), db.UpOptions{Contract: true})
		if diff := cmp.Diff([]string{"2026030101_rename"}, names(plan.Applied)); err != nil || diff != "" {
			t.Error(err, diff)
		}
		done, err = third.Up(t.Context(), db.UpOptions{Contract: true})
		if diff := cmp.Diff([]string{"2026030101_rename"}, names(done.Applied)); err != nil || diff != "" || len(done.Waiting) > 0 {
			t.Error(err, diff)
		}
		if strings.Contains(schemaText(t, d), "boats: column name") {
			t.Error("it is not applied")
		}
	})
}

func TestWhatIsBehindAContractMigrationBlocksTheRelease(t *testing.T) {
	t.Parallel()
	testkit.EachEmpty(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		up(t, migrator(t, d, release(2)))
		fourth := migrator(t, d, release(4))
		err := up(t, fourth).Blocked()
		if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "2026040101_ports is needed, but 2026030101_rename") ||
			!strings.Contains(err.Error(), "navidocs migrate up --contract") {
			t.Error(err)
		}
		if got := states(t, fourth); !strings.HasSuffix(got, "rename waiting, ports waiting") {
			t.Error(got)
		}
	})
}

func TestAnEmptyDatabaseGetsEverything(t *testing.T) {
	t.Parallel()
	testkit.EachEmpty(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		m := migrator(t, d, release(4))
		if n, err := m.Pending(t.Context()); n != 5 || err != nil {
			t.Error(n, err)
		}
		if done := up(t, m); len(done.Applied) != 5 || len(done.Waiting) > 0 {
			t.Error(done)
		}
	})
}

// endless never ends by itself on either engine.
const endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i > 0) SELECT i FROM n WHERE i < 0"

func TestWhatTakesLongerThanTheBudgetLeavesNothing(t *testing.T) {
	t.Parallel()
	budget := db.UpOptions{Budget: 300 * time.Millisecond}
	for name, file := range map[string]string{
		"one statement": "expand|CREATE TABLE a (x BIGINT);\nINSERT INTO a " + endless + ";|DROP TABLE a;",
		"several":       "expand|CREATE TABLE a (x BIGINT);\nCREATE INDEX boats_slow ON boats (name, id);\nALTER TABLE boats ADD COLUMN slow TEXT;\nDROP TABLE a;\nCREATE TABLE b AS " + endless + ";|DROP TABLE a;",
		"a batch":       "data|INSERT INTO boats (id) SELECT i FROM (" + endless + ") AS s LIMIT $batch;|",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testkit.EachEmpty(t, func(t *testing.T, d *db.DB) {
				t.Helper()
				up(t, migrator(t, d, release(1)))
				before := schemaText(t, d)
				files := release(1)
				maps.Copy(files, written(map[string]string{"2026020101_slow": file}))
				m := migrator(t, d, files)
				done, err := m.Up(t.Context(), budget)
				if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "migration 2026020101_slow was interrupted after ") ||
					!strings.Contains(err.Error(), "navidocs migrate up --window 30s") || len(done.Applied) > 0 {
					t.Error(done, err)
				}
				if diff := cmp.Diff(before, schemaText(t, d)); diff != "" {
					t.Error(diff)
				}
				if got := states(t, m); got != "base applied, slow pending" {
					t.Error(got)
				}
				execute(t, d, "INSERT INTO boats (id) VALUES (7)") // nothing is locked
				maps.Copy(files, written(map[string]string{"2026020101_slow": "expand|CREATE TABLE a (x BIGINT);|DROP TABLE a;"}))
				if done := up(t, migrator(t, d, files)); len(done.Applied) != 1 {
					t.Error("its repaired file was not applied:", done)
				}
			})
		})
	}
}

func TestOnAnEmptyDatabaseThereIsNoBudget(t *testing.T) {
	t.Parallel()
	testkit.EachEmpty(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		done, err := migrator(t, d, release(2)).Up(t.Context(), db.UpOptions{Budget: time.Nanosecond})
		if err != nil || len(done.Applied) != 3 {
			t.Error(done, err)
		}
	})
}

// On PostgreSQL a statement that waits for a lock stops all that come after it.
func TestWaitingForALockCounts(t *testing.T) {
	t.Parallel()
	d := testkit.Postgres(t)
	execute(t, d, "CREATE TABLE held (id BIGINT)")
	next := older(t, 7).(fstest.MapFS)
	maps.Copy(next, written(map[string]string{"2099010101_wait": "expand|ALTER TABLE held ADD COLUMN x TEXT;|ALTER TABLE held DROP COLUMN x;"}))
	files, err := fs.Glob(db.Migrations(), "*.postgres.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		text, err := fs.ReadFile(db.Migrations(), name)
		if err != nil {
			t.Fatal(err)
		}
		next[name] = &fstest.MapFile{Data: text}
	}
	m := migrator(t, d, next)
	err = d.Transact(t.Context(), func(tx *db.Tx) error {
		if _, err := tx.Exec(t.Context(), "LOCK TABLE held IN ACCESS SHARE MODE"); err != nil {
			return err
		}
		_, err := m.Up(t.Context(), db.UpOptions{Budget: 200 * time.Millisecond})
		return err
	})
	if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "2099010101_wait was interrupted") {
		t.Error(err)
	}
	if done := up(t, m); len(done.Applied) != 1 {
		t.Error(done)
	}
}

func TestALateMigrationIsRefused(t *testing.T) {
	t.Parallel()
	testkit.EachEmpty(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		up(t, migrator(t, d, release(2)))
		files := release(2)
		maps.Copy(files, written(map[string]string{"2026011501_late": "expand|CREATE TABLE late (x TEXT);|DROP TABLE late;"}))
		m := migrator(t, d, files)
		for name, try := range map[string]func() error{
			"up":   func() error { _, err := m.Up(t.Context(), db.UpOptions{}); return err },
			"plan": func() error { _, err := m.PlanUp(t.Context(), db.UpOptions{}); return err },
		} {
			if err := try(); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "2026011501_late came later than 2026020102_fill") {
				t.Error(name, err)
			}
		}
		if strings.Contains(schemaText(t, d), "late") {
			t.Error("it was applied")
		}
	})
}

// The release before runs on the schema of the one after, and takes none of it back.
func TestAnOlderReleaseStartsOnANewerSchema(t *testing.T) {
	t.Parallel()
	testkit.EachEmpty(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		up(t, migrator(t, d, release(1)))
		up(t, migrator(t, d, release(2)))
		old := migrator(t, d, release(1))
		if done := up(t, old); len(done.Applied)+len(done.Waiting) > 0 || done.Blocked() != nil {
			t.Error(done)
		}
		if n, err := old.Pending(t.Context()); n != 0 || err != nil {
			t.Error(n, err)
		}
		if got := states(t, old); got != "base applied, title unknown, fill unknown" {
			t.Error(got)
		}
		_, err := old.Down(t.Context(), 0)
		if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "2026020102_fill is not in this release") {
			t.Error(err)
		}
		if !strings.Contains(schemaText(t, d), "boats: column title") {
			t.Error("it was taken back")
		}
	})
}

func TestEveryRunThatAppliesHasANumber(t *testing.T) {
	t.Parallel()
	testkit.EachEmpty(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		for n := 1; n <= 4; n++ {
			m := migrator(t, d, release(n))
			for range 2 {
				if _, err := m.Up(t.Context(), db.UpOptions{Contract: true}); err != nil {
					t.Fatal(err)
				}
			}
		}
		all, err := migrator(t, d, release(4)).Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var runs []int64
		for _, mig := range all {
			runs = append(runs, mig.Run)
		}
		if !slices.Equal(runs, []int64{1, 2, 2, 3, 4}) {
			t.Error(runs)
		}
	})
}
