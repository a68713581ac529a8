//go:build prove

package prove_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"navidocs/internal/backup"
	"navidocs/internal/db"
)

// prose is text text of so many bytes.
func prose(dice *rand.Rand, n int) string {
	var b strings.Builder
	for b.Len() < n {
		fmt.Fprintf(&b, "w%x ", dice.IntN(5000))
	}
	return b.String()
}

// A database of 1 GB under 200 writes a second is backed up in less than 10 s,
// no write waits longer than 50 ms, and its drill takes less than 15 s. The
// median of five backups counts: where memory is lent by a host, the first one
// waits for the host to lend it.
func TestABackupOfAGigabyteUnderWrites(t *testing.T) {
	h := newHome(t)
	dice := seeded(1)
	d := h.open()
	defer d.Close()
	for range 242 {
		err := d.Transact(t.Context(), func(tx *db.Tx) error {
			for range 1000 {
				if err := addLine(t.Context(), tx, prose(dice, 4000)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	size, err := os.Stat(d.Path)
	if err != nil {
		t.Fatal(err)
	}
	w := startWriting(t, d, 200)
	w.wait(200) // the rate without a backup
	quiet := w.reset()
	var all []time.Duration
	var waits []time.Duration
	var busy written
	for range 5 {
		began := time.Now()
		h.run("backup", "create")
		all = append(all, time.Since(began))
		busy = w.reset()
		waits = append(waits, busy.longest)
	}
	began := time.Now()
	h.run("backup", "drill")
	drilled := time.Since(began)
	drilling := w.reset()
	if err := w.stop(); err != nil {
		t.Error(err)
	}
	e := h.backups()[0]
	took, wait := median(all), median(waits)
	t.Logf("PROVED: %d MB under %d writes/s: backup %.1f s (< 10; in turn %v), drill %.1f s (< 15); longest write %s before, %s during a backup (< 50ms; in turn %v), %s during the drill; %d rows in the last backup, %d writes were acknowledged while it was made",
		size.Size()>>20, 200, took.Seconds(), all, drilled.Seconds(), quiet.longest, wait, waits, drilling.longest, e.Rows, busy.n)
	if took > 10*time.Second || drilled > 15*time.Second || wait > 50*time.Millisecond {
		t.Error("MISSED: see the figures above")
	}
}

// writing is a process that writes a row every few milliseconds.
type writing struct {
	t     testing.TB
	ended chan error
	quit  chan struct{}
	ask   chan chan written
	count chan int
}

// written is how many rows were acknowledged and how long the slowest took.
type written struct {
	n       int
	longest time.Duration
}

func startWriting(t testing.TB, d *db.DB, perSecond int) *writing {
	t.Helper()
	w := &writing{t: t, ended: make(chan error, 1), quit: make(chan struct{}), ask: make(chan chan written), count: make(chan int)}
	go func() {
		tick := time.NewTicker(time.Second / time.Duration(perSecond))
		defer tick.Stop()
		now, total := written{}, 0
		for {
			select {
			case <-tick.C:
				began := time.Now()
				if err := d.Transact(context.Background(), func(tx *db.Tx) error { return addLine(context.Background(), tx, "a write") }); err != nil {
					w.ended <- err
					return
				}
				now.n, now.longest, total = now.n+1, max(now.longest, time.Since(began)), total+1
			case answer := <-w.ask:
				answer <- now
				now = written{}
			case w.count <- total:
			case <-w.quit:
				w.ended <- nil
				return
			}
		}
	}()
	return w
}

// reset tells what was written since the last time.
func (w *writing) reset() written {
	answer := make(chan written)
	w.ask <- answer
	return <-answer
}

// wait waits for so many rows.
func (w *writing) wait(n int) {
	w.t.Helper()
	wait(w.t, patience, func() error {
		if have := <-w.count; have < n {
			return fmt.Errorf("%d of %d rows", have, n)
		}
		return nil
	})
}

func (w *writing) stop() error {
	close(w.quit)
	return <-w.ended
}

// Whenever a backup, a prune, a restore or a migration is killed: the database
// is whole and has the rows of before or those of the backup, and what lists is
// whole.
func TestKillsOfBackupPruneRestoreAndMigrate(t *testing.T) {
	const kills, most = 200, 600
	h, dice := newHome(t), seeded(2)
	h.change(func(ctx context.Context, tx *db.Tx) error {
		for range 1500 {
			if err := addLine(ctx, tx, prose(dice, 2000)); err != nil {
				return err
			}
		}
		return nil
	})
	h.run("backup", "create")
	struck, ended, took := map[string]int{}, map[string]int{}, map[string]time.Duration{}
	n := 0
	for i := 0; n < kills && i < most; i++ {
		h.change(func(ctx context.Context, tx *db.Tx) error { return addLine(ctx, tx, fmt.Sprint("kill ", i)) })
		d := h.deed(dice)
		began := time.Now()
		if h.kill(dice, d.args, took[d.name]) {
			n++
			struck[d.name]++
		} else {
			ended[d.name]++
			took[d.name] = time.Since(began)
		}
		h.usable(dice, i, d)
	}
	t.Logf("PROVED: %d kills before the end of a command: %v (%v ended before their kill); always one usable database, with the rows of before or those of the backup, and no half backup in the list", n, struck, ended)
	if n < kills {
		t.Errorf("only %d kills struck", n)
	}
}

// deed is a command at random, and the rows that there may be after it.
type deed struct {
	name string
	args []string
	rows []int
}

func (h *home) deed(dice *rand.Rand) deed {
	h.t.Helper()
	all, before := h.backups(), len(h.lines())
	switch dice.IntN(6) {
	case 0, 1:
		return deed{"backup", []string{"backup", "create"}, []int{before}}
	case 2:
		return deed{"prune", []string{"backup", "prune", "--keep", "1", "--keep-daily", "0", "--keep-weekly", "0"}, []int{before}}
	case 3, 4:
		e := all[dice.IntN(len(all))]
		return deed{"restore", []string{"backup", "restore", e.ID, "--accept-loss"}, []int{before, h.rowsOf(e.ID)}}
	default:
		h.run("migrate", "down", "--yes", "--steps", "2")
		return deed{"migrate", []string{"migrate", "up"}, []int{before}}
	}
}

// rowsOf are those of the audit trail in a backup.
func (h *home) rowsOf(id string) int {
	h.t.Helper()
	var m backup.Manifest
	text, err := os.ReadFile(filepath.Join(h.dir, "backups", id, "manifest.json"))
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	i := slices.IndexFunc(m.Tables, func(d db.TableDigest) bool { return d.Name == "audit_log" })
	return int(m.Tables[i].Rows)
}

// kill starts a command and kills it at a random moment of its usual time; it
// reports whether the kill came before the end.
func (h *home) kill(dice *rand.Rand, args []string, usual time.Duration) bool {
	h.t.Helper()
	if usual == 0 {
		usual = time.Second
	}
	ctx, cancel := context.WithTimeout(h.t.Context(), time.Duration(dice.Int64N(int64(usual))))
	defer cancel()
	err := h.command(ctx, args...).Run() // CommandContext kills with SIGKILL
	return err != nil && ctx.Err() != nil
}

// usable demands a whole database, which every process settles by opening it,
// and backups that can be read, now and then to their last byte.
func (h *home) usable(dice *rand.Rand, i int, d deed) {
	h.t.Helper()
	h.run("migrate", "up")
	opened := h.open()
	problems, err := opened.Check(h.t.Context(), false)
	if err := errors.Join(err, opened.Close()); err != nil || len(problems) > 0 {
		h.t.Fatalf("after %d, %s: %v, %v", i, d.name, problems, err)
	}
	if rows := len(h.lines()); !slices.Contains(d.rows, rows) {
		h.t.Fatalf("after %d, %s: %d rows, and there may be %v", i, d.name, rows, d.rows)
	}
	all := h.backups()
	if !slices.ContainsFunc(all, func(e backup.Entry) bool { return e.VerifiedAt != nil }) {
		h.t.Fatalf("after %d, %s: no verified backup is left: %+v", i, d.name, all)
	}
	for _, e := range all {
		if e.Damage != "" {
			h.t.Fatalf("after %d, %s: %s: %s", i, d.name, e.ID, e.Damage)
		}
	}
	if dice.IntN(10) == 0 {
		h.run("backup", "verify", "--all")
	}
}

// The loss that a restore prints is the loss that one counts oneself, in 50
// random cases.
func TestThePrintedLossIsTheCountedLoss(t *testing.T) {
	h, dice := newHome(t), seeded(3)
	rows := 0
	lost := 0
	for i := range 50 {
		h.run("backup", "create")
		id := h.backups()[0].ID
		before := h.lines()
		h.change(func(ctx context.Context, tx *db.Tx) error { return churn(ctx, tx, dice, &rows) })
		after := h.lines()
		var done backup.Restored
		if err := json.Unmarshal(h.run("backup", "restore", id, "--dry-run", "--json"), &done); err != nil {
			t.Fatal(err)
		}
		want, got := db.Difference{Table: "audit_log"}, db.Difference{Table: "audit_log"}
		for key, value := range after {
			if old, ok := before[key]; !ok {
				want.Added++
			} else if old != value {
				want.Changed++
			}
		}
		for key := range before {
			if _, ok := after[key]; !ok {
				want.Removed++
			}
		}
		for _, d := range done.Loss.Tables {
			if d.Table == "audit_log" {
				got = d
			}
		}
		if got.Added != want.Added || got.Changed != want.Changed || got.Removed != want.Removed {
			t.Errorf("case %d: printed %+v, counted %+v", i, got, want)
		}
		lost += int(want.Added + want.Changed)
		h.run("backup", "prune", "--keep", "1", "--keep-daily", "0", "--keep-weekly", "0")
	}
	t.Logf("PROVED: printed loss = counted loss in 50 of 50 random cases, %d rows in all", lost)
}

func (h *home) lines() map[string]string {
	h.t.Helper()
	d := h.open()
	all, err := db.Collect(h.t.Context(), d, func(r db.Row) (kv [2]string, err error) { return kv, r.Scan(&kv[0], &kv[1]) }, "SELECT id, detail FROM audit_log")
	if err := errors.Join(err, d.Close()); err != nil {
		h.t.Fatal(err)
	}
	out := map[string]string{}
	for _, kv := range all {
		out[kv[0]] = kv[1]
	}
	return out
}

func churn(ctx context.Context, tx *db.Tx, dice *rand.Rand, rows *int) error {
	for range dice.IntN(40) {
		*rows++
		if err := addLine(ctx, tx, fmt.Sprint("row ", *rows)); err != nil {
			return err
		}
	}
	for _, text := range []string{
		"UPDATE audit_log SET detail = detail || '!' WHERE abs(random()) %% 10 < %d",
		"DELETE FROM audit_log WHERE abs(random()) %% 10 < %d",
	} {
		if _, err := tx.Exec(ctx, fmt.Sprintf(text, dice.IntN(4))); err != nil {
			return err
		}
	}
	return nil
}

func median(all []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}
