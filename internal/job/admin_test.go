package job_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/job"
	"navidocs/internal/testkit"
)

// twin is another process's view of the same database.
func twin(t *testing.T, d *db.DB, c job.Config) *job.Queue {
	t.Helper()
	other, err := db.Open(t.Context(), db.Options{URL: testkit.URL(d)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { other.Close() })
	return newQueue(t, other, c)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// stays looks for half a second, in which a worker would have claimed.
func stays(t *testing.T, d *db.DB, want map[string]int) {
	t.Helper()
	looks := time.NewTicker(20 * time.Millisecond)
	defer looks.Stop()
	over := time.After(500 * time.Millisecond)
	for {
		select {
		case <-over:
			return
		case <-looks.C:
			if diff := cmp.Diff(want, states(t, d)); diff != "" {
				t.Fatal(diff)
			}
		}
	}
}

// blocking is work that says when it begins and ends when released.
func blocking(begun chan<- int64, release <-chan struct{}) job.Work {
	return job.Define(job.Options[other]{Timeout: 5 * time.Minute}, func(ctx context.Context, j *job.Job[other]) error {
		begun <- int64(j.Attempt)
		select {
		case <-release:
		case <-ctx.Done():
		}
		return ctx.Err()
	})
}

// Whoever pauses is another process than the one that works.
func TestAPauseReachesAWorkerElsewhereAndSurvivesItsRestart(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		c := config(t)
		c.Workers = map[string]int{"slow": 1}
		admin := twin(t, d, c)
		worker := newQueue(t, d, c, leaving(d))
		stop := run(t, worker)
		enqueue(t, d, worker, note{"before"})
		eventually(t, d, map[string]int{"completed": 1})

		if left, err := admin.Drain(t.Context(), time.Minute); len(left) > 0 || err != nil {
			t.Fatal(left, err)
		}
		enqueue(t, d, worker, note{"in the pause"})
		must(t, d.Transact(t.Context(), func(tx *db.Tx) error {
			return worker.Enqueue(t.Context(), tx, note{"in the pause of another queue"}, "slow")
		}))
		paused := map[string]int{"completed": 1, "available": 2}
		stays(t, d, paused)
		if p, err := worker.Paused(t.Context()); !p || err != nil {
			t.Error(p, err)
		}
		if !admin.Working(t.Context()) {
			t.Error("a paused worker does not run")
		}

		stop()
		next := newQueue(t, d, c, leaving(d))
		run(t, next)
		stays(t, d, paused)

		must(t, admin.Resume(t.Context()))
		eventually(t, d, map[string]int{"completed": 3})
		if p, err := admin.Paused(t.Context()); p || err != nil {
			t.Error(p, err)
		}
	})
}

// On a new installation no worker has made a queue's row yet.
func TestAPauseBeforeTheFirstStart(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		c := config(t)
		must(t, twin(t, d, c).Pause(t.Context()))
		c.Workers = map[string]int{"later_release": 1}
		q := newQueue(t, d, c, leaving(d))
		enqueue(t, d, q, note{"first"})
		must(t, d.Transact(t.Context(), func(tx *db.Tx) error {
			return q.Enqueue(t.Context(), tx, note{"second"}, "later_release")
		}))
		run(t, q)
		stays(t, d, map[string]int{"available": 2})
		must(t, q.Resume(t.Context()))
		eventually(t, d, map[string]int{"completed": 2})
	})
}

// River tells its workers once; one that was not listening hears it all the same.
func TestAMissedPauseIsHeardAgain(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		q := newQueue(t, d, config(t), leaving(d))
		run(t, q)
		enqueue(t, d, q, note{"before"})
		eventually(t, d, map[string]int{"completed": 1})
		set := func(value string) {
			must(t, d.Transact(t.Context(), func(tx *db.Tx) error {
				_, err := tx.Exec(t.Context(), "UPDATE river_queue SET paused_at = "+value)
				return err
			}))
		}
		set("CURRENT_TIMESTAMP")
		n := 0
		testkit.Eventually(t, func() error { // until one stays
			n++
			enqueue(t, d, q, note{fmt.Sprint(n)})
			<-time.After(300 * time.Millisecond)
			if states(t, d)["available"] == 0 {
				return errors.New("it still claims")
			}
			return nil
		})
		set("NULL")
		testkit.Eventually(t, func() error {
			if got := states(t, d); got["available"] > 0 {
				return fmt.Errorf("%v", got)
			}
			return nil
		})
	})
}

func TestDrainNamesWhatStillRuns(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		c := config(t)
		begun, release := make(chan int64, 1), make(chan struct{})
		q := newQueue(t, d, c, leaving(d), blocking(begun, release))
		run(t, q)
		enqueue(t, d, q, other{})
		<-begun
		enqueue(t, d, q, note{"beside it"})
		eventually(t, d, map[string]int{"completed": 1, "running": 1})
		admin := twin(t, d, c)
		admin.Register(blocking(nil, nil))
		left, err := admin.Drain(t.Context(), 150*time.Millisecond)
		if err != nil || len(left) != 1 {
			t.Fatal(left, err)
		}
		e := left[0]
		if e.Kind != "test.other" || e.State != "running" || e.Attempt != 1 || e.StartedAt == nil || e.EndedAt != nil {
			t.Errorf("%+v", e)
		}
		if lease := e.LeaseUntil.Sub(*e.StartedAt); lease != 5*time.Minute {
			t.Errorf("it is given back after %s", lease)
		}
		enqueue(t, d, q, note{"in the pause"})
		stays(t, d, map[string]int{"completed": 1, "running": 1, "available": 1})
		close(release)
		if left, err := admin.Drain(t.Context(), time.Minute); len(left) > 0 || err != nil {
			t.Error(left, err)
		}
		if diff := cmp.Diff(map[string]int{"completed": 2, "available": 1}, states(t, d)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestDrainEndsWhenSomebodyResumes(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		c := config(t)
		begun, release := make(chan int64, 1), make(chan struct{})
		q := newQueue(t, d, c, blocking(begun, release))
		run(t, q)
		enqueue(t, d, q, other{})
		<-begun
		ended := make(chan error, 1)
		admin := twin(t, d, c)
		go func() {
			_, err := admin.Drain(t.Context(), time.Hour)
			ended <- err
		}()
		testkit.Eventually(t, func() error {
			if paused, err := q.Paused(t.Context()); !paused || err != nil {
				return fmt.Errorf("not paused yet, %w", err)
			}
			return nil
		})
		must(t, q.Resume(t.Context()))
		if err := <-ended; !fault.Is(err, fault.Conflict) {
			t.Error(err)
		}
		if paused, err := q.Paused(t.Context()); paused || err != nil {
			t.Error(paused, err)
		}
		close(release)
	})
}

// What a killed process held does not run, however its rows look.
func TestDrainWithoutAWorkerOnSQLite(t *testing.T) {
	t.Parallel()
	d := testkit.SQLite(t)
	q := newQueue(t, d, config(t), leaving(d))
	enqueue(t, d, q, note{"held"})
	must(t, d.Transact(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), "UPDATE river_job SET state = 'running', attempt = 1, attempted_at = CURRENT_TIMESTAMP")
		return err
	}))
	if left, err := q.Drain(t.Context(), time.Hour); len(left) > 0 || err != nil {
		t.Error(left, err)
	}
	if p, err := q.Paused(t.Context()); !p || err != nil {
		t.Error(p, err)
	}
}

func TestRetry(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		begun, release := make(chan int64, 10), make(chan struct{})
		var well sync.Map
		c := config(t)
		q := newQueue(t, d, c, blocking(begun, release),
			job.Define(job.Options[note]{MaxAttempts: 1}, func(ctx context.Context, j *job.Job[note]) error {
				if _, ok := well.Load(j.Args.Name); ok {
					return nil
				}
				return errors.New("the sea is rough")
			}))
		run(t, q)
		for _, name := range []string{"a", "b"} {
			enqueue(t, d, q, note{name})
		}
		enqueue(t, d, q, other{})
		<-begun
		eventually(t, d, map[string]int{"discarded": 2, "running": 1})
		dead, err := q.Dead(t.Context())
		if err != nil || len(dead) != 2 {
			t.Fatal(dead, err)
		}
		for _, e := range dead {
			if e.State != "discarded" || e.Error != "the sea is rough" || e.EndedAt == nil || e.LeaseUntil != nil {
				t.Errorf("%+v", e)
			}
		}
		open, err := q.Jobs(t.Context())
		if err != nil || len(open) != 1 || open[0].State != "running" {
			t.Fatal(open, err)
		}
		first, second, runs := dead[0].ID, dead[1].ID, open[0].ID

		admin := twin(t, d, c)
		if err := admin.Retry(t.Context(), []int64{first, 99}, false); !fault.Is(err, fault.NotFound) || !strings.Contains(err.Error(), "no job 99") {
			t.Error(err)
		}
		if err := admin.Retry(t.Context(), []int64{first, runs}, false); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "runs") {
			t.Error(err)
		}
		must(t, admin.Retry(t.Context(), []int64{first, second}, true))
		if diff := cmp.Diff(map[string]int{"discarded": 2, "running": 1}, states(t, d)); diff != "" {
			t.Error("refused and rehearsed, and yet", diff)
		}

		must(t, admin.Retry(t.Context(), []int64{first}, false)) // still rough
		testkit.Eventually(t, func() error {
			all, err := q.Dead(t.Context())
			if err != nil || len(all) != 2 || all[0].Attempt != 2 {
				return fmt.Errorf("%+v, %w", all, err)
			}
			return nil
		})
		well.Store("a", true)
		well.Store("b", true)
		must(t, admin.Retry(t.Context(), []int64{first, second}, false))
		eventually(t, d, map[string]int{"completed": 2, "running": 1})
		if err := admin.Retry(t.Context(), []int64{first}, false); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "completed") {
			t.Error(err)
		}
		close(release)
	})
}

func TestStats(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		begun, release := make(chan int64, 1), make(chan struct{})
		q := newQueue(t, d, config(t), leaving(d), blocking(begun, release))
		empty, err := q.Stats(t.Context())
		if err != nil || empty.Working || empty.Paused || len(empty.Kinds) != 0 || empty.Oldest != 0 || empty.States["available"] != 0 {
			t.Fatalf("%+v %v", empty, err)
		}
		run(t, q)
		for i := range 20 {
			enqueue(t, d, q, note{fmt.Sprint(i)})
		}
		enqueue(t, d, q, other{})
		<-begun
		eventually(t, d, map[string]int{"completed": 20, "running": 1})
		must(t, q.Pause(t.Context()))
		must(t, d.Transact(t.Context(), func(tx *db.Tx) error {
			durations, due := "attempted_at = finalized_at - interval '1 second' * id", "scheduled_at = now() - interval '1 hour'"
			if d.Engine == db.SQLite {
				durations = "attempted_at = strftime('%Y-%m-%d %H:%M:%f', finalized_at, '-' || id || ' seconds')"
				due = "scheduled_at = strftime('%Y-%m-%d %H:%M:%f', 'now', '-1 hour')"
			}
			_, err := tx.Exec(t.Context(), "UPDATE river_job SET "+durations+" WHERE state = 'completed'")
			if err := errors.Join(err, q.Enqueue(t.Context(), tx, note{"late"}, "nobodys")); err != nil {
				return err
			}
			_, err = tx.Exec(t.Context(), "UPDATE river_job SET "+due+" WHERE state = 'available'")
			return err
		}))
		s, err := q.Stats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !s.Paused || len(s.Kinds) != 2 || len(s.Running) != 1 || s.States["running"] != 1 || s.States["available"] != 1 {
			t.Errorf("%+v", s)
		}
		notes, others := s.Kinds[0], s.Kinds[1]
		if notes.Kind != "test.note" || notes.Waiting != 1 || notes.Completed != 20 || notes.P95 < 18.9 || notes.P95 > 19.1 {
			t.Errorf("%+v", notes)
		}
		if notes.Oldest < 3590 || notes.Oldest > 3700 || s.Oldest != notes.Oldest || others.Running != 1 || others.Oldest != 0 {
			t.Errorf("%+v %+v", s, others)
		}
		close(release)
	})
}

// A job whose process dies in its last attempt has a few more, and then is dead
// like any other.
func TestAJobThatIsRescuedInItsLastAttempt(t *testing.T) {
	t.Parallel()
	for attempt, want := range map[int]string{2: "completed", 5: "discarded"} { // of 2
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			testkit.Each(t, func(t *testing.T, d *db.DB) {
				t.Helper()
				q := newQueue(t, d, config(t), job.Define(job.Options[note]{
					MaxAttempts: 2, Dead: func(ctx context.Context, _ *job.Job[note], _ error) error {
						return d.Transact(ctx, func(tx *db.Tx) error { return leave(ctx, tx, "dead") })
					},
				}, func(context.Context, *job.Job[note]) error { return nil }))
				enqueue(t, d, q, note{"held"})
				long := "now() - interval '3 minutes'"
				if d.Engine == db.SQLite {
					long = "datetime('now', '-3 minutes')"
				}
				hold := func() {
					must(t, d.Transact(t.Context(), func(tx *db.Tx) error {
						_, err := tx.Exec(t.Context(), "UPDATE river_job SET state = 'running', attempt = $1, attempted_at = "+long, attempt)
						return err
					}))
				}
				if d.Engine == db.SQLite { // whose start gives back what a killed process held
					must(t, q.Pause(t.Context()))
					run(t, q)
					testkit.Eventually(t, func() error {
						if !q.Working(t.Context()) {
							return errors.New("not yet")
						}
						return nil
					})
					hold()
					must(t, q.Resume(t.Context()))
				} else {
					hold()
					run(t, q)
				}
				testkit.Eventually(t, func() error {
					all, err := q.Jobs(t.Context(), want)
					switch {
					case err != nil || len(all) != 1:
						return fmt.Errorf("%v, %w", states(t, d), err)
					case want == "discarded" && !strings.Contains(all[0].Error, "its process"):
						return errors.New(all[0].Error)
					}
					return nil
				})
				if ran := times(t, d)["dead"]; ran > 1 || (ran == 1) != (want == "discarded") {
					t.Error("Dead ran:", ran)
				}
			})
		})
	}
}

// buffer is a log that is written and read at the same time.
type buffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func TestTheLogAndTheObserverHearOfEveryEnd(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		var log buffer
		heard := make(chan string, 10)
		c := config(t)
		c.Log = slog.New(slog.NewJSONHandler(&log, nil))
		c.Observe = func(kind, outcome string, took time.Duration) {
			if kind != "test.note" || took < 0 || took > time.Minute {
				t.Error(kind, took)
			}
			heard <- outcome
		}
		q := newQueue(t, d, c, job.Define(job.Options[note]{MaxAttempts: 2}, func(_ context.Context, j *job.Job[note]) error {
			switch j.Args.Name {
			case "bad":
				return fmt.Errorf("run aground: %w", context.Canceled) // as River's own chatter at a stop
			case "hopeless":
				return job.Cancel(errors.New("sunk"))
			}
			return nil
		}))
		run(t, q)
		for _, test := range []struct {
			name string
			want []string
		}{{"good", []string{"completed"}}, {"bad", []string{"failed", "dead"}}, {"hopeless", []string{"cancelled"}}} {
			enqueue(t, d, q, note{test.name})
			for _, want := range test.want {
				if got := <-heard; got != want {
					t.Errorf("%s: %s, want %s", test.name, got, want)
				}
			}
		}
		for _, want := range []string{`"level":"ERROR","msg":"job given up","job_id":2,"job_kind":"test.note","attempt":2,"outcome":"dead","error":"run aground`, "navidocs queue retry 2", "sunk"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log lacks %s: %s", want, log.String())
			}
		}
	})
}
