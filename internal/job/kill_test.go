package job_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/job"
	"navidocs/internal/testkit"
)

// childEnv names the database on which a child process works until it is killed.
const childEnv = "NAVIDOCS_TEST_WORK"

func TestMain(m *testing.M) {
	if address := os.Getenv(childEnv); address != "" {
		fmt.Fprintln(os.Stderr, workChild(context.Background(), address))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// workChild enqueues and works jobs, and says the name of each that was
// committed, until it is killed. Every tenth is rolled back.
func workChild(ctx context.Context, address string) error {
	d, err := db.Open(ctx, db.Options{URL: address})
	if err != nil {
		return err
	}
	q, err := job.New(d, job.Config{Log: slog.New(slog.DiscardHandler), LockPath: os.Getenv("LOCK")})
	if err != nil {
		return err
	}
	// No more wait than can be worked soon, so that a kill hits work in hand.
	slots := make(chan struct{}, 8)
	q.Register(job.Define(job.Options[note]{}, func(ctx context.Context, j *job.Job[note]) error {
		select {
		case <-slots:
		default: // one that an earlier process enqueued
		}
		<-time.After(20 * time.Millisecond) // work takes its time, in which the next is enqueued
		return d.Transact(ctx, func(tx *db.Tx) error {
			return errors.Join(leave(ctx, tx, j.Args.Name), j.Complete(ctx, tx))
		})
	}))
	ended := make(chan error, 1)
	go func() { ended <- q.Run(ctx) }()
	rollBack := errors.New("on purpose")
	for i := 0; ; i++ {
		name := fmt.Sprintf("%d-%d", os.Getpid(), i)
		err := d.Transact(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, "INSERT INTO hour_readings (id, subject_kind, subject_id, hours, read_on, created_at) VALUES ($1, 'x', 'x', 1, '', 1)", name)
			if err := errors.Join(err, q.Enqueue(ctx, tx, note{name}, "")); err != nil {
				return err
			}
			if i%10 == 9 {
				return rollBack
			}
			return nil
		})
		switch {
		case errors.Is(err, rollBack):
			continue
		case err != nil:
			return err
		}
		fmt.Println(name)
		select {
		case err := <-ended:
			return fmt.Errorf("run ended: %w", err)
		case slots <- struct{}{}:
		}
	}
}

// TestKilledProcessesLoseAndRepeatNothing kills a process in the middle of its
// work again and again. What was committed ran once, what was not never did.
func TestKilledProcessesLoseAndRepeatNothing(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		c := config(t)
		said := map[string]bool{}
		held := 0
		for i := range 5 {
			for _, name := range killAfter(t, d, c, 15+5*i) {
				said[name] = true
			}
			held = max(held, states(t, d)["running"])
		}
		if d.Engine == db.Postgres {
			twoMinutesLater(t, d)
		}
		begun := time.Now()
		q := newQueue(t, d, c, leaving(d))
		run(t, q)
		testkit.Eventually(t, func() error { // long before River's two minutes
			n, err := q.Depth(t.Context())
			if n > 0 {
				return errors.Join(err, fmt.Errorf("%d jobs wait: %v", n, states(t, d)))
			}
			return err
		})
		took := time.Since(begun)
		committed, err := db.Collect(t.Context(), d, db.Scalar[string], "SELECT id FROM hour_readings")
		if err != nil {
			t.Fatal(err)
		}
		ran := times(t, d)
		lost, twice := 0, 0
		for _, name := range committed {
			switch n := ran[name]; {
			case n == 0:
				lost++
			case n > 1:
				twice++
			}
			delete(ran, name)
			delete(said, name)
		}
		if lost > 0 || twice > 0 || len(ran) > 0 || len(said) > 0 {
			t.Errorf("of %d: lost %d, twice %d, ghosts %d, said but gone %d", len(committed), lost, twice, len(ran), len(said))
		}
		if held == 0 {
			t.Error("no kill hit a job in hand")
		}
		t.Logf("5 kills, %d committed, up to %d in hand when killed: lost 0, twice 0; drained in %s", len(committed), held, took.Round(time.Millisecond))
	})
}

// killAfter runs a child until it has said n names, kills it, and returns what
// it said.
func killAfter(t *testing.T, d *db.DB, c job.Config, n int) []string {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0]) //nolint:gosec // ourselves
	child.Env = append(os.Environ(), childEnv+"="+testkit.URL(d), "LOCK="+c.LockPath)
	var words strings.Builder
	child.Stderr = &words
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var names []string
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if names = append(names, lines.Text()); len(names) == n {
			if err := child.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
	}
	_ = child.Wait() // it was killed
	if len(names) < n {
		t.Fatalf("it ended by itself after %d: %s", len(names), words.String())
	}
	return names
}

// twoMinutesLater is when River takes back what a killed process held.
func twoMinutesLater(t *testing.T, d *db.DB) {
	t.Helper()
	err := d.Transact(t.Context(), func(tx *db.Tx) error {
		for _, text := range []string{
			"UPDATE river_job SET attempted_at = attempted_at - interval '3 minutes' WHERE state = 'running'",
			"DELETE FROM river_leader",
		} {
			if _, err := tx.Exec(t.Context(), text); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
