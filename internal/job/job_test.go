package job_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/job"
	"navidocs/internal/testkit"
)

// note is work that leaves a row of its name.
type note struct {
	Name string `json:"name"`
}

func (note) Kind() string { return "test.note" }

// other is a second kind.
type other struct{}

func (other) Kind() string { return "test.other" }

func config(t *testing.T) job.Config {
	t.Helper()
	return job.Config{Log: slog.New(slog.DiscardHandler), LockPath: filepath.Join(t.TempDir(), "worker.lock")}
}

func newQueue(t *testing.T, d *db.DB, c job.Config, work ...job.Work) *job.Queue {
	t.Helper()
	q, err := job.New(d, c)
	if err != nil {
		t.Fatal(err)
	}
	q.Register(work...)
	return q
}

// run works the jobs until the test ends or stop is called.
func run(t *testing.T, q *job.Queue) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- q.Run(ctx) }()
	var done atomic.Bool
	stop = func() {
		if done.Swap(true) {
			return
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	}
	t.Cleanup(stop)
	return stop
}

func enqueue(t *testing.T, d *db.DB, q *job.Queue, args job.Args) {
	t.Helper()
	err := d.Transact(t.Context(), func(tx *db.Tx) error { return q.Enqueue(t.Context(), tx, args, "") })
	if err != nil {
		t.Fatal(err)
	}
}

// leave writes the row that a note leaves.
func leave(ctx context.Context, tx *db.Tx, name string) error {
	_, err := tx.Exec(ctx, `INSERT INTO event_streams (stream, last_sequence) VALUES ($1, 1)
		ON CONFLICT (stream) DO UPDATE SET last_sequence = event_streams.last_sequence + 1`, name)
	return err
}

// times is how often each note was left.
func times(t *testing.T, d *db.DB) map[string]int {
	t.Helper()
	type row struct {
		name string
		n    int
	}
	rows, err := db.Collect(t.Context(), d, func(r db.Row) (v row, err error) {
		err = r.Scan(&v.name, &v.n)
		return v, err
	}, "SELECT stream, last_sequence FROM event_streams")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int{}
	for _, v := range rows {
		out[v.name] = v.n
	}
	return out
}

// states counts the jobs by state.
func states(t *testing.T, d *db.DB) map[string]int {
	t.Helper()
	all, err := db.Collect(t.Context(), d, db.Scalar[string], "SELECT CAST(state AS TEXT) FROM river_job")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int{}
	for _, s := range all {
		out[s]++
	}
	return out
}

func eventually(t *testing.T, d *db.DB, want map[string]int) {
	t.Helper()
	testkit.Eventually(t, func() error {
		if diff := cmp.Diff(want, states(t, d)); diff != "" {
			return errors.New(diff)
		}
		return nil
	})
}

// leaving is the work that leaves a note and ends in one transaction.
func leaving(d *db.DB) job.Work {
	return job.Define(job.Options[note]{}, func(ctx context.Context, j *job.Job[note]) error {
		return d.Transact(ctx, func(tx *db.Tx) error {
			return errors.Join(leave(ctx, tx, j.Args.Name), j.Complete(ctx, tx))
		})
	})
}

func TestAJobExistsWhenItsTransactionCommitted(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		q := newQueue(t, d, config(t), leaving(d))
		enqueue(t, d, q, note{"kept"})
		cause := errors.New("no")
		err := d.Transact(t.Context(), func(tx *db.Tx) error {
			return errors.Join(q.Enqueue(t.Context(), tx, note{"ghost"}, ""), cause)
		})
		if !errors.Is(err, cause) {
			t.Error(err)
		}
		if n, err := q.Depth(t.Context()); n != 1 || err != nil {
			t.Error(n, err)
		}
		run(t, q)
		eventually(t, d, map[string]int{"completed": 1})
		if diff := cmp.Diff(map[string]int{"kept": 1}, times(t, d)); diff != "" {
			t.Error(diff)
		}
		if n, err := q.Depth(t.Context()); n != 0 || err != nil {
			t.Error(n, err)
		}
	})
}

// TestEnqueueAtWaitsForItsInstant: an instant that has passed is now; one that
// is near is kept to within about a second, which is sooner than River looks at
// scheduled jobs; one that is far off is left to River, and not taken before.
func TestEnqueueAtWaitsForItsInstant(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		type end struct {
			name string
			at   time.Time
		}
		ends := make(chan end, 3)
		q := newQueue(t, d, config(t), job.Define(job.Options[note]{}, func(ctx context.Context, j *job.Job[note]) error {
			ends <- end{j.Args.Name, time.Now()}
			return d.Transact(ctx, func(tx *db.Tx) error { return j.Complete(ctx, tx) })
		}))
		now := time.Now()
		due := map[string]time.Time{"past": now.Add(-time.Hour), "near": now.Add(1500 * time.Millisecond), "far": now.Add(time.Hour)}
		err := d.Transact(t.Context(), func(tx *db.Tx) error {
			for name, at := range due {
				if err := q.EnqueueAt(t.Context(), tx, note{name}, "", at); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]int{"available": 2, "scheduled": 1}, states(t, d)); diff != "" {
			t.Error(diff)
		}
		run(t, q)
		for _, want := range []string{"past", "near"} {
			if got := <-ends; got.name != want || got.at.Before(due[want]) {
				t.Errorf("%s ran %v after its instant, want %s", got.name, got.at.Sub(due[got.name]), want)
			}
		}
		eventually(t, d, map[string]int{"completed": 2, "scheduled": 1})
	})
}

// TestEnqueueAtRollsBack: a job to come is of its transaction like any other.
func TestEnqueueAtRollsBack(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		q, cause := newQueue(t, d, config(t), leaving(d)), errors.New("no")
		for _, wait := range []time.Duration{time.Second, time.Hour} { // both ways that a job is stored
			err := d.Transact(t.Context(), func(tx *db.Tx) error {
				return errors.Join(q.EnqueueAt(t.Context(), tx, note{"ghost"}, "", time.Now().Add(wait)), cause)
			})
			if got := states(t, d); !errors.Is(err, cause) || len(got) > 0 {
				t.Error(err, got)
			}
		}
	})
}

// The end of a job rolls back with its effect, and the next attempt does both.
func TestCompleteRollsBackWithTheEffect(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		var attempts atomic.Int64
		q := newQueue(t, d, config(t), job.Define(job.Options[note]{}, func(ctx context.Context, j *job.Job[note]) error {
			attempts.Add(1)
			return d.Transact(ctx, func(tx *db.Tx) error {
				if err := errors.Join(leave(ctx, tx, j.Args.Name), j.Complete(ctx, tx)); err != nil {
					return err
				}
				if j.Attempt == 1 {
					return errors.New("after the end")
				}
				return nil
			})
		}))
		enqueue(t, d, q, note{"once"})
		run(t, q)
		eventually(t, d, map[string]int{"completed": 1})
		if diff := cmp.Diff(map[string]int{"once": 1}, times(t, d)); diff != "" || attempts.Load() != 2 {
			t.Error(attempts.Load(), diff)
		}
	})
}

// An attempt that was given up while it hung must not have its effect when it
// wakes up: another attempt has it.
func TestCompleteRefusesAnAttemptThatWasGivenUp(t *testing.T) {
	t.Parallel()
	for _, change := range []string{"state = 'available'", "attempt = attempt + 1"} {
		t.Run(change, func(t *testing.T) {
			t.Parallel()
			testkit.Each(t, func(t *testing.T, d *db.DB) {
				t.Helper()
				refused := make(chan error, 10)
				q := newQueue(t, d, config(t), job.Define(job.Options[note]{}, func(ctx context.Context, j *job.Job[note]) error {
					err := d.Transact(ctx, func(tx *db.Tx) error {
						_, err := tx.Exec(ctx, "UPDATE river_job SET "+change)
						return err
					})
					if err != nil {
						return err
					}
					err = d.Transact(ctx, func(tx *db.Tx) error {
						return errors.Join(leave(ctx, tx, j.Args.Name), j.Complete(ctx, tx))
					})
					select {
					case refused <- err:
					default:
					}
					return job.Cancel(err)
				}))
				enqueue(t, d, q, note{"never"})
				run(t, q)
				if err := <-refused; !fault.Is(err, fault.Stale) {
					t.Error(err)
				}
				if got := times(t, d); len(got) > 0 {
					t.Error(got)
				}
			})
		})
	}
}

func TestDeadRunsWhenNoAttemptFollows(t *testing.T) {
	t.Parallel()
	cause := errors.New("broken")
	for name, test := range map[string]struct {
		max      int
		f        func(ctx context.Context) error
		want     string
		attempts int
	}{
		"the last attempt fails": {2, func(context.Context) error { return cause }, "discarded", 2},
		"the only one fails":     {1, func(context.Context) error { return cause }, "discarded", 1},
		"it panics":              {1, func(context.Context) error { panic(cause) }, "discarded", 1},
		"it is cancelled":        {5, func(context.Context) error { return fmt.Errorf("wrapped: %w", job.Cancel(cause)) }, "cancelled", 1},
		"its time is over":       {1, func(ctx context.Context) error { <-ctx.Done(); return cause }, "discarded", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testkit.Each(t, func(t *testing.T, d *db.DB) {
				t.Helper()
				var attempts, dead atomic.Int64
				q := newQueue(t, d, config(t), job.Define(job.Options[note]{
					MaxAttempts: test.max, Timeout: 200 * time.Millisecond,
					Dead: func(ctx context.Context, j *job.Job[note], got error) error {
						dead.Add(1)
						if int(attempts.Load()) != test.attempts || j.Attempt != test.attempts || got == nil {
							t.Errorf("after %d attempts, number %d of %d: %v", attempts.Load(), j.Attempt, j.MaxAttempts, got)
						}
						return d.Transact(ctx, func(tx *db.Tx) error { return leave(ctx, tx, "dead") })
					},
				}, func(ctx context.Context, j *job.Job[note]) error {
					attempts.Add(1)
					return test.f(ctx)
				}))
				enqueue(t, d, q, note{})
				run(t, q)
				eventually(t, d, map[string]int{test.want: 1})
				if diff := cmp.Diff(map[string]int{"dead": 1}, times(t, d)); diff != "" || dead.Load() != 1 {
					t.Error(dead.Load(), diff)
				}
			})
		})
	}
}

// A kind that another process enqueued without knowing it has River's number
// of attempts, and is dead after those, not before.
func TestTheRowSaysWhichAttemptIsTheLast(t *testing.T) {
	t.Parallel()
	d := testkit.SQLite(t)
	enqueue(t, d, newQueue(t, d, config(t)), note{})
	last := make(chan bool, 1)
	q := newQueue(t, d, config(t), job.Define(job.Options[note]{MaxAttempts: 1}, func(_ context.Context, j *job.Job[note]) error {
		last <- j.Last() || j.MaxAttempts != 25
		return nil
	}))
	run(t, q)
	if <-last {
		t.Error("more attempts would follow")
	}
}

// River takes another plan of retries when a job took longer than its wait.
func TestALongAttemptKeepsTheWaits(t *testing.T) {
	t.Parallel()
	d := testkit.SQLite(t)
	q := newQueue(t, d, config(t), job.Define(job.Options[note]{Timeout: 1200 * time.Millisecond}, func(ctx context.Context, j *job.Job[note]) error {
		<-ctx.Done()
		return ctx.Err()
	}))
	enqueue(t, d, q, note{})
	run(t, q)
	testkit.Eventually(t, func() error {
		wait, err := db.One(t.Context(), d, db.Scalar[float64], `SELECT 86400 * (julianday(scheduled_at) - julianday(attempted_at))
			FROM river_job WHERE state IN ('available', 'retryable') AND attempt = 1`)
		if err == nil && (wait < 2.1 || wait > 5) {
			t.Errorf("waits %.1f s from its start, want 1.2 + 1", wait)
		}
		return err
	})
}

func TestEveryRunsAtTheStartAndAgain(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		ran := make(chan int, 100)
		q := newQueue(t, d, config(t), job.Define(job.Options[other]{MaxAttempts: 3}, func(_ context.Context, j *job.Job[other]) error {
			ran <- j.MaxAttempts
			return nil
		}))
		q.Every(time.Second, func() job.Args { return other{} })
		run(t, q)
		for range 2 {
			if n := <-ran; n != 3 {
				t.Errorf("it has %d attempts", n)
			}
		}
	})
}

func TestQueuesHaveTheirOwnWorkers(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		c := config(t)
		c.Workers = map[string]int{"": 1, "slow": 1}
		release := make(chan struct{})
		q := newQueue(t, d, c, leaving(d), job.Define(job.Options[other]{}, func(ctx context.Context, _ *job.Job[other]) error {
			select {
			case <-release:
			case <-ctx.Done():
			}
			return ctx.Err()
		}))
		for range 2 {
			err := d.Transact(t.Context(), func(tx *db.Tx) error { return q.Enqueue(t.Context(), tx, other{}, "slow") })
			if err != nil {
				t.Fatal(err)
			}
		}
		enqueue(t, d, q, note{"past the slow ones"})
		run(t, q)
		eventually(t, d, map[string]int{"completed": 1, "running": 1, "available": 1})
		close(release)
		eventually(t, d, map[string]int{"completed": 3})
	})
}

func TestRunWaitsForJobsInHand(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		begun, release := make(chan struct{}), make(chan struct{})
		q := newQueue(t, d, config(t), job.Define(job.Options[note]{}, func(ctx context.Context, j *job.Job[note]) error {
			close(begun)
			<-release
			return d.Transact(ctx, func(tx *db.Tx) error {
				return errors.Join(leave(ctx, tx, j.Args.Name), j.Complete(ctx, tx))
			})
		}))
		enqueue(t, d, q, note{"in hand"})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- q.Run(ctx) }()
		<-begun
		cancel()
		select {
		case err := <-ended:
			t.Error("it did not wait:", err)
		case <-time.After(100 * time.Millisecond):
		}
		close(release)
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(map[string]int{"completed": 1}, states(t, d)); diff != "" {
			t.Error(diff)
		}
		if q.Working(t.Context()) && d.Engine == db.SQLite {
			t.Error("it still works")
		}
	})
}

// Being told to stop is not the job's fault, whatever error it makes of it.
func TestAJobThatTakesTooLongToStopGoesBack(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		c := config(t)
		c.StopAfter = 50 * time.Millisecond
		begun := make(chan struct{})
		q := newQueue(t, d, c, job.Define(job.Options[note]{
			MaxAttempts: 1,
			Dead: func(context.Context, *job.Job[note], error) error {
				t.Error("it is not dead")
				return nil
			},
		}, func(ctx context.Context, _ *job.Job[note]) error {
			close(begun)
			<-ctx.Done()
			return errors.New("signal: killed")
		}))
		enqueue(t, d, q, note{"later"})
		stop := run(t, q)
		<-begun
		stop()
		if diff := cmp.Diff(map[string]int{"available": 1}, states(t, d)); diff != "" {
			t.Error(diff)
		}
		run(t, newQueue(t, d, config(t), leaving(d)))
		eventually(t, d, map[string]int{"completed": 1})
	})
}

func TestOneProcessWorksASQLiteDatabase(t *testing.T) {
	t.Parallel()
	d := testkit.SQLite(t)
	c := config(t)
	first, second := newQueue(t, d, c, leaving(d)), newQueue(t, d, c, leaving(d))
	if second.Working(t.Context()) {
		t.Error("nobody works yet")
	}
	stop := run(t, first)
	working := func(want bool, q *job.Queue) {
		t.Helper()
		testkit.Eventually(t, func() error {
			if q.Working(t.Context()) != want {
				return fmt.Errorf("working is not %v", want)
			}
			return nil
		})
	}
	working(true, first)
	working(true, second) // by the lock of the first
	stopSecond := run(t, second)
	enqueue(t, d, second, note{"by the first"})
	eventually(t, d, map[string]int{"completed": 1})
	stop()
	enqueue(t, d, first, note{"by the second"})
	eventually(t, d, map[string]int{"completed": 2})
	working(true, first)
	stopSecond()
	working(false, first)
}

func TestWhoWaitsForTheLockEndsWhenTold(t *testing.T) {
	t.Parallel()
	d := testkit.SQLite(t)
	c := config(t)
	first := newQueue(t, d, c, leaving(d))
	run(t, first)
	testkit.Eventually(t, func() error {
		if !first.Working(t.Context()) {
			return errors.New("not yet")
		}
		return nil
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := newQueue(t, d, c).Run(ctx); err != nil {
		t.Error(err)
	}
	c.LockPath = filepath.Join(t.TempDir(), "missing", "lock")
	if err := newQueue(t, d, c).Run(t.Context()); err == nil {
		t.Error("a lock that cannot be made is no error")
	}
}

func TestPostgresHasALeaderWhileItWorks(t *testing.T) {
	t.Parallel()
	d := testkit.Postgres(t)
	q := newQueue(t, d, config(t), leaving(d))
	if q.Working(t.Context()) {
		t.Error("nobody works yet")
	}
	stop := run(t, q)
	testkit.Eventually(t, func() error {
		if !q.Working(t.Context()) {
			return errors.New("not yet")
		}
		return nil
	})
	stop()
	if q.Working(t.Context()) {
		t.Error("it still works")
	}
}

func TestAKindIsRegisteredOnce(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		if err := newQueue(t, d, config(t), leaving(d), leaving(d)).Run(t.Context()); err == nil {
			t.Error("twice is no error")
		}
	})
}

func TestMigratingTwiceChangesNothing(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		if err := job.Migrate(t.Context(), d); err != nil {
			t.Error(err)
		}
	})
}

// A queue works again after it was told to end: what came meanwhile is done, and
// nothing is done twice.
func TestRunAgain(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		q := newQueue(t, d, config(t), job.Define(job.Options[note]{}, func(ctx context.Context, j *job.Job[note]) error {
			return d.Transact(ctx, func(tx *db.Tx) error {
				return errors.Join(leave(ctx, tx, j.Args.Name), j.Complete(ctx, tx))
			})
		}))
		want := map[string]int{}
		for i := range 4 {
			name := fmt.Sprintf("between %d", i)
			enqueue(t, d, q, note{name})
			want[name] = 1
			stop := run(t, q)
			testkit.Eventually(t, func() error {
				if got := times(t, d); !cmp.Equal(got, want) {
					return errors.New(cmp.Diff(want, got))
				}
				return nil
			})
			if !q.Here() {
				t.Error("it does not say that it works")
			}
			stop()
			if q.Here() || q.Working(t.Context()) && d.Engine == db.SQLite {
				t.Error("it says that it works still")
			}
		}
		if got := states(t, d); got["running"] != 0 {
			t.Error(got)
		}
	})
}
