package db_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/testkit"
)

const (
	things = "expand|CREATE TABLE things (id BIGINT PRIMARY KEY, n BIGINT NOT NULL DEFAULT 0, ready BOOLEAN NOT NULL DEFAULT FALSE);\nCREATE INDEX things_ready ON things (ready);|DROP TABLE things;"
	fill   = "UPDATE things SET n = n + 1, ready = TRUE WHERE id IN (SELECT id FROM things WHERE NOT ready LIMIT $batch)"
	seed   = "INSERT INTO things (id) WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < $1) SELECT i FROM s"
)

func thing(t *testing.T, d *db.DB, rows int64) {
	t.Helper()
	up(t, migrator(t, d, written(map[string]string{"2026010101_things": things})))
	execute(t, d, seed, rows)
}

func TestABackfillWorksInBatches(t *testing.T) {
	t.Parallel()
	testkit.EachEmpty(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		thing(t, d, 105)
		batch := db.Batch{Size: 10, Pause: time.Microsecond}
		for _, want := range []int64{105, 0} {
			done, err := db.Backfill(t.Context(), d, batch, fill)
			if err != nil || done.Rows != want || done.Longest <= 0 {
				t.Errorf("%+v, want %d rows: %v", done, want, err)
			}
		}
		if n := count(t, d, "SELECT count(*) FROM things WHERE n = 1 AND ready"); n != 105 {
			t.Error(n)
		}
		done, err := db.Backfill(t.Context(), d, batch, "DELETE FROM things WHERE id IN (SELECT id FROM things WHERE id > $1 LIMIT $batch)", 42)
		if n := count(t, d, "SELECT count(*) FROM things"); err != nil || done.Rows != 63 || n != 42 {
			t.Errorf("%+v, %d left: %v", done, n, err)
		}
	})
}

func TestABackfillThatNeverEndsIsAnError(t *testing.T) {
	t.Parallel()
	for name, statement := range map[string]string{
		"the same rows again": "UPDATE things SET n = n + 1 WHERE id IN (SELECT id FROM things LIMIT $batch)",
		"new rows always":     "INSERT INTO things (id) SELECT id + (SELECT max(id) FROM things) FROM things ORDER BY id LIMIT $batch",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testkit.EachEmpty(t, func(t *testing.T, d *db.DB) {
				t.Helper()
				thing(t, d, 20)
				done, err := db.Backfill(t.Context(), d, db.Batch{Size: 10, Pause: time.Microsecond}, statement)
				if !fault.Is(err, fault.Internal) || !strings.Contains(err.Error(), "has not come to an end") || done.Rows > 1100 {
					t.Errorf("%+v %v", done, err)
				}
			})
		})
	}
}

func TestABackfillNeedsABatchAndStopsWhenTold(t *testing.T) {
	t.Parallel()
	testkit.EachEmpty(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		thing(t, d, 20)
		if _, err := db.Backfill(t.Context(), d, db.Batch{}, "DELETE FROM things"); err == nil || count(t, d, "SELECT count(*) FROM things") != 20 {
			t.Error(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := db.Backfill(ctx, d, db.Batch{}, fill); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// A data migration whose process is killed goes on where it was, and changes no
// row twice.
func TestAKilledDataMigrationGoesOn(t *testing.T) {
	t.Parallel()
	const rows = 10_000
	testkit.EachEmpty(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		thing(t, d, rows)
		files := written(map[string]string{"2026010101_things": things})
		maps.Copy(files, written(map[string]string{"2026010102_fill": "data|" + fill + ";|"}))
		dir := t.TempDir()
		for name, file := range files {
			if err := os.WriteFile(filepath.Join(dir, name), file.Data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		begin, release := pipe(t)
		release.Close()
		lock := filepath.Join(t.TempDir(), "lock")
		c := child(t, d, begin, lockEnv+"="+lock, sequenceEnv+"="+dir)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		const ready = "SELECT count(*) FROM things WHERE ready"
		testkit.Eventually(t, func() error {
			if count(t, d, ready) == 0 {
				return errors.New("no batch is done")
			}
			return nil
		})
		if err := c.Process.Kill(); err != nil {
			t.Error(err)
		}
		if err := c.Wait(); err == nil {
			t.Fatal("it ended before it was killed")
		}
		if n := count(t, d, ready); n == rows {
			t.Error("it was done before it was killed")
		}
		m, err := db.NewMigrator(d, files, lock)
		if err != nil {
			t.Fatal(err)
		}
		if got := states(t, m); got != "things applied, fill pending" {
			t.Error(got)
		}
		if done := up(t, m); len(done.Applied) != 1 {
			t.Error(done)
		}
		if n := count(t, d, "SELECT count(*) FROM things WHERE ready AND n = 1"); n != rows {
			t.Errorf("%d of %d rows were changed once", n, rows)
		}
	})
}

func TestARehearsalTimesWhatIsPending(t *testing.T) {
	t.Parallel()
	testkit.EachEmpty(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		thing(t, d, 1200)
		files := written(map[string]string{
			"2026010101_things": things,
			"2026010102_fill":   "data|" + fill + ";|",
			"2026010103_slow":   "contract|CREATE TABLE slow AS WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 100000) SELECT count(*) AS n FROM s;|DROP TABLE slow;",
		})
		r, err := db.Rehearse(t.Context(), d, files)
		if err != nil || len(r.Migrations) != 2 || r.DatabaseBytes < 1000 || r.At.IsZero() {
			t.Fatalf("%+v %v", r, err)
		}
		data, slow := r.Migrations[0], r.Migrations[1]
		if data.Name != "fill" || data.StallMS <= 0 || data.StallMS > data.TookMS || data.TookMS < 60 {
			t.Errorf("three batches with their pauses: %+v", data)
		}
		if slow.Name != "slow" || slow.StallMS != slow.TookMS || slow.TookMS <= 1 || slow.Class != db.Contract {
			t.Errorf("%+v", slow)
		}
		all, err := migrator(t, d, files).Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if stall, ok := r.Stall(all[2]); !ok || stall < time.Millisecond {
			t.Error(stall, ok)
		}
		all[2].SHA256 = "another file's"
		if stall, ok := r.Stall(all[2]); ok {
			t.Error("of another file:", stall)
		}
	})
}
