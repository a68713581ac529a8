//go:build prove

package prove_test

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"navidocs/internal/db"
)

// stallSteps are applied one after the other to a table of a gigabyte. An
// expand migration may keep writers waiting for half a second, a batch for 50 ms.
var stallSteps = []struct {
	name, class, up string
	limit           time.Duration // 0: it is only measured
}{
	{"add_column", "expand", "ALTER TABLE logs ADD COLUMN kind TEXT NOT NULL DEFAULT 'note';", 500 * time.Millisecond},
	{"create_table", "expand", "CREATE TABLE marks (id BIGINT PRIMARY KEY, at BIGINT NOT NULL);\nCREATE INDEX marks_at ON marks (at);", 500 * time.Millisecond},
	{"create_index", "expand", "CREATE INDEX logs_at ON logs (at);", 500 * time.Millisecond},
	{"batches", "data", "UPDATE logs SET done = 1 WHERE id IN (SELECT id FROM logs WHERE done = 0 LIMIT $batch);", 50 * time.Millisecond},
	{"update_at_once", "expand", "UPDATE logs SET spare = 'another';", 0},
	{"drop_column", "contract", "ALTER TABLE logs DROP COLUMN spare;", 0},
}

const logsTable = "-- class: expand\n-- +goose Up\nCREATE TABLE logs (id INTEGER PRIMARY KEY, at BIGINT NOT NULL, done BIGINT NOT NULL DEFAULT 0, spare TEXT, body TEXT NOT NULL);\n" +
	"CREATE INDEX logs_done ON logs (done);\nCREATE TABLE entries (id INTEGER PRIMARY KEY, body TEXT NOT NULL);\n-- +goose Down\nDROP TABLE entries;\nDROP TABLE logs;\n"

// The stall that a rehearsal on a copy predicts, beside the longest wait of
// writers when the real database of 1 GB is migrated under 200 writes a second.
func TestMigrationsStallWritersAsPredicted(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "real.db")
	d := openAt(t, path)
	sequence := fstest.MapFS{"2026010101_logs.sql": {Data: []byte(logsTable)}}
	upTo(t, d, sequence)
	big(t, d, 242_000)
	copied := filepath.Join(dir, "copy.db")
	vacuumInto(t, path, copied)
	for i, step := range stallSteps {
		sequence[fmt.Sprintf("20260102%02d_%s.sql", i, step.name)] = &fstest.MapFile{
			Data: fmt.Appendf(nil, "-- class: %s\n-- +goose Up\n%s\n-- +goose Down\n", step.class, step.up),
		}
	}
	r, err := db.Rehearse(t.Context(), openAt(t, copied), sequence)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("PROVED: rehearsed on a copy of %d MB", r.DatabaseBytes>>20)
	idle := underWrites(t, path, func() { <-time.After(15 * time.Second) })
	t.Logf("PROVED: while nothing is migrated, %s", idle)
	for i, step := range stallSteps {
		name := fmt.Sprintf("20260102%02d_%s.sql", i, step.name)
		var took time.Duration
		w := underWrites(t, path, func() { took = apply(t, d, sequence, name) })
		t.Logf("PROVED: %-14s %-8s took %6.0f ms, predicted stall %6.0f ms, %s", step.name, step.class, milli(took), r.Migrations[i].StallMS, w)
		if limit := step.limit + idle.longest(); step.limit > 0 && (w.longest() > limit || w.refused > 0) {
			t.Errorf("%s kept a writer waiting for %s, want at most %s, what the machine itself takes included; %d writes refused",
				step.name, w.longest(), limit, w.refused)
		}
	}
}

func milli(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func openAt(t *testing.T, path string) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), db.Options{URL: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// upTo applies a whole sequence and returns how long it took.
func upTo(t *testing.T, d *db.DB, sequence fstest.MapFS) time.Duration {
	t.Helper()
	m, err := db.NewMigrator(d, sequence, "")
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if _, err := m.Up(t.Context(), db.UpOptions{Contract: true}); err != nil {
		t.Fatal(err)
	}
	return time.Since(start)
}

// apply applies a sequence up to one file.
func apply(t *testing.T, d *db.DB, all fstest.MapFS, last string) time.Duration {
	t.Helper()
	part := fstest.MapFS{}
	for name, file := range all {
		if name <= last {
			part[name] = file
		}
	}
	return upTo(t, d, part)
}

// big fills the table with rows of 4 kB.
func big(t *testing.T, d *db.DB, rows int) {
	t.Helper()
	body := strings.Repeat("engine oil checked, bilge dry, ", 132)
	for from := 0; from < rows; from += 2000 {
		err := d.Transact(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), `INSERT INTO logs (id, at, spare, body) WITH RECURSIVE n(i) AS (SELECT $1 UNION ALL SELECT i + 1 FROM n WHERE i < $2)
				SELECT i, i * 7919 % 1000003, 'spare', $3 FROM n`, from, min(from+1999, rows-1), body)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func vacuumInto(t *testing.T, from, to string) {
	t.Helper()
	d := openAt(t, from)
	if _, err := d.JobConn().ExecContext(t.Context(), "VACUUM INTO $1", to); err != nil {
		t.Fatal(err)
	}
}

// waits is how long each of some writes took.
type waits struct {
	took    []time.Duration
	refused int // after 10 s
}

func (w waits) longest() time.Duration { return slices.Max(append(w.took, 0)) }

func (w waits) String() string {
	sorted := slices.Sorted(slices.Values(w.took))
	p99 := time.Duration(0)
	if len(sorted) > 0 {
		p99 = sorted[len(sorted)*99/100]
	}
	return fmt.Sprintf("of %d writers 99 in 100 wait up to %.1f ms, the longest %.0f ms, %d refused", len(w.took), milli(p99), milli(w.longest()), w.refused)
}

// underWrites runs f while another connection writes 200 rows a second.
func underWrites(t *testing.T, path string, f func()) (w waits) {
	t.Helper()
	d := openAt(t, path)
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	started := make(chan struct{})
	all.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ctx.Err() == nil; n++ {
			<-tick.C
			start := time.Now()
			err := d.Transact(t.Context(), func(tx *db.Tx) error {
				_, err := tx.Exec(t.Context(), "INSERT INTO entries (body) VALUES ('under way')")
				return err
			})
			if err != nil {
				w.refused++
			}
			if n == 50 { // what comes before warms up
				close(started)
			} else if n > 50 {
				w.took = append(w.took, time.Since(start))
			}
		}
	})
	<-started
	f()
	stop()
	all.Wait()
	return w
}

// A process that migrates and is killed at any moment leaves a schema that the
// next one completes.
func TestKilledMigrationsAreCompleted(t *testing.T) {
	program, err := build()
	if err != nil {
		t.Fatal(err)
	}
	const rounds = 50
	dice := seeded(8)
	want, killed := "", 0
	for round := range rounds {
		home := t.TempDir()
		migrate := func(ctx context.Context) error {
			cmd := exec.CommandContext(ctx, program, "--home", home, "migrate", "up")
			cmd.Env = []string{"APP_ENV=test"}
			return cmd.Run()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(dice.IntN(120))*time.Millisecond)
		if err := migrate(ctx); err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
			killed++
		}
		cancel()
		if err := migrate(t.Context()); err != nil {
			t.Errorf("round %d: %v", round, err)
		}
		text, err := db.SchemaPrint(t.Context(), openAt(t, filepath.Join(home, "data", "navidocs.db")))
		if err != nil {
			t.Fatal(err)
		}
		if want == "" {
			want = text
		}
		if text != want || text == "" {
			t.Errorf("round %d ended with another schema", round)
		}
	}
	t.Logf("PROVED: %d of %d processes were killed while they migrated; the next one completed each schema", killed, rounds)
}
