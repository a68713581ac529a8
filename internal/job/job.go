// Package job is a thin face of River: background work that is enqueued in the
// transaction of the change that causes it, and kept in the same database.
//
// It guarantees: a job exists if and only if its transaction committed; a job
// that calls Complete in its own transaction runs its effect exactly once;
// work that a killed process held is taken up again at the next start; every
// job ends visibly (completed, cancelled or dead). What a job does belongs to
// the domain packages.
package job

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// Args are a job's arguments, stored as JSON. Kind is `domain.verb`.
type Args = river.JobArgs

// Job is one attempt at some work.
type Job[T Args] struct {
	Args T
	// Attempt counts from 1 to MaxAttempts.
	Attempt, MaxAttempts int

	row *river.Job[T]
}

// Last reports whether no attempt follows this one.
func (j *Job[T]) Last() bool { return j.Attempt >= j.MaxAttempts }

// Complete ends the job in the caller's transaction: the effect and the end of
// the job commit together, so that a crash between them cannot repeat it. It
// refuses when the job was given to another attempt meanwhile, which River
// would let pass.
func (j *Job[T]) Complete(ctx context.Context, tx *db.Tx) error {
	n, err := tx.Exec(ctx, "UPDATE river_job SET attempt = attempt WHERE id = $1 AND attempt = $2 AND state = 'running'", j.row.ID, j.Attempt)
	if err != nil {
		return err
	}
	if n == 0 {
		return fault.New(fault.Stale, "this attempt of the job was given up")
	}
	if tx.Engine == db.SQLite {
		_, err = river.JobCompleteTx[*riversqlite.Driver](ctx, tx.SQL(), j.row)
	} else {
		_, err = river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx.PGX(), j.row)
	}
	return err
}

// Options bound one kind of work.
type Options[T Args] struct {
	// Queue is where it waits; "" means the default queue.
	Queue string
	// Timeout ends an attempt; 0 means one minute.
	Timeout time.Duration
	// MaxAttempts is how often it is tried; 0 means 5.
	MaxAttempts int
	// Dead runs when an attempt failed that no other follows, be it the last or
	// one that ended with Cancel, so that the domain can show it.
	Dead func(ctx context.Context, j *Job[T], cause error) error
}

// Work is one kind of work, ready to be registered.
type Work struct {
	kind    string
	queue   string
	max     int
	timeout time.Duration
	add     func(*river.Workers, *Queue) error
}

// Define makes a kind of work from a function. The function must respect its
// context and be safe to run again.
func Define[T Args](o Options[T], f func(ctx context.Context, j *Job[T]) error) Work {
	if o.Timeout == 0 {
		o.Timeout = time.Minute
	}
	if o.MaxAttempts == 0 {
		o.MaxAttempts = 5
	}
	var zero T
	return Work{kind: zero.Kind(), queue: o.Queue, max: o.MaxAttempts, timeout: o.Timeout, add: func(ws *river.Workers, q *Queue) error {
		return river.AddWorkerSafely(ws, &worker[T]{o: o, f: f, log: q.config.Log, observe: q.config.Observe, failed: q.config.Failed, trace: q.config.Trace})
	}}
}

type worker[T Args] struct {
	river.WorkerDefaults[T]
	o       Options[T]
	f       func(context.Context, *Job[T]) error
	log     *slog.Logger
	observe func(kind, outcome string, took time.Duration)
	failed  func(kind, outcome string, attempt int, err error)
	trace   func(ctx context.Context, kind string, attempt int) (context.Context, func(outcome string, err error))
}

func (w *worker[T]) Timeout(*river.Job[T]) time.Duration { return w.o.Timeout }

// NextRetry waits 1, 2, 4 ... seconds after a failure, at most an hour. River
// would not take a time before its own present.
func (w *worker[T]) NextRetry(j *river.Job[T]) time.Time {
	wait := time.Hour
	if j.Attempt <= 12 {
		wait = min(wait, time.Second<<max(0, j.Attempt-1))
	}
	return time.Now().Add(wait) //nolint:forbidigo // River's clock, not a domain's
}

// The outcomes of an attempt, as Observe is told them.
const (
	OutcomeCompleted = "completed"
	OutcomeFailed    = "failed"    // and tried again
	OutcomeDead      = "dead"      // no attempt follows
	OutcomeCancelled = "cancelled" // ended by Cancel
	OutcomeReturned  = "returned"  // told to stop, no room, or not yet: it does not count
)

// lostAttempts is how many attempts more a job has when its process died or
// hung in the last one: that is seldom the job's fault. One that goes on to
// take its process with it is dead all the same.
const lostAttempts = 3

func (w *worker[T]) Work(ctx context.Context, rj *river.Job[T]) error {
	j := &Job[T]{Args: rj.Args, Attempt: rj.Attempt, MaxAttempts: rj.MaxAttempts, row: rj}
	began := time.Now() //nolint:forbidigo // for a duration, which is no instant of a domain
	traced := func(string, error) {}
	if w.trace != nil {
		ctx, traced = w.trace(ctx, rj.Kind, rj.Attempt)
	}
	outcome, err := w.attempt(ctx, j)
	traced(outcome, err)
	if w.observe != nil {
		w.observe(rj.Kind, outcome, time.Since(began)) //nolint:forbidigo // as above
	}
	if w.failed != nil && (outcome == OutcomeFailed || outcome == OutcomeDead) {
		w.failed(rj.Kind, outcome, rj.Attempt, err)
	}
	return err
}

func (w *worker[T]) attempt(ctx context.Context, j *Job[T]) (outcome string, err error) {
	if j.Attempt > j.MaxAttempts+lostAttempts {
		err = fmt.Errorf("its process ended or hung in each of the last %d attempts", 1+lostAttempts)
		return w.die(ctx, j, OutcomeDead, err)
	}
	if err = w.tryUntilRoom(ctx, j); err == nil {
		return OutcomeCompleted, nil
	}
	if fault.Is(err, fault.Full) {
		return OutcomeReturned, river.JobSnooze(fullWait) // no fault of the job: the attempt does not count
	}
	if _, early := errors.AsType[*river.JobSnoozeError](err); early {
		return OutcomeReturned, err
	}
	_, cancelled := errors.AsType[*river.JobCancelError](err)
	switch {
	case !cancelled && ctx.Err() == context.Canceled: //nolint:errorlint // Err returns the bare value
		return OutcomeReturned, errors.Join(err, ctx.Err()) // told to stop: River gives it back without counting the attempt
	case cancelled:
		return w.die(ctx, j, OutcomeCancelled, err)
	case j.Last():
		return w.die(ctx, j, OutcomeDead, err)
	}
	return OutcomeFailed, err
}

// die ends a job that no attempt follows. Whatever the domain makes of it, the
// log says it: such a job is otherwise seen only by who looks for it.
func (w *worker[T]) die(ctx context.Context, j *Job[T], outcome string, cause error) (string, error) {
	w.log.Error("job given up", "job_id", j.row.ID, "job_kind", j.row.Kind, "attempt", j.Attempt, "outcome", outcome,
		"error", cause, "remedy", fmt.Sprintf("navidocs queue retry %d", j.row.ID))
	if w.o.Dead == nil {
		return outcome, cause
	}
	dead, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return outcome, errors.Join(cause, w.o.Dead(dead, j, cause))
}

// try makes a panic an error, so that it too ends visibly.
func (w *worker[T]) try(ctx context.Context, j *Job[T]) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fault.Panicked(p)
		}
	}()
	return w.f(ctx, j)
}

// The waits between two tries of work for which there was no room.
const (
	firstFullWait = 100 * time.Millisecond
	fullWait      = 15 * time.Second
)

// tryUntilRoom runs the work again while the disk is full. The attempt is held
// meanwhile and not failed: on a full disk its end cannot be recorded, and a
// job whose end is not recorded would count as running until its deadline, long
// after there is room again.
func (w *worker[T]) tryUntilRoom(ctx context.Context, j *Job[T]) error {
	for wait := firstFullWait; ; wait = min(2*wait, fullWait) {
		err := w.try(ctx, j)
		if !fault.Is(err, fault.Full) {
			return err
		}
		again := time.NewTimer(wait)
		select {
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return err
		}
	}
}

// Config says how a Queue runs.
type Config struct {
	// Log is told of jobs that are given up, and of River's troubles.
	Log *slog.Logger
	// LockPath is the file that lets one process work the jobs of a SQLite
	// database; unused on PostgreSQL.
	LockPath string
	// Workers is how many jobs run at once per queue name; "" is the default queue.
	Workers map[string]int
	// StopAfter is how long jobs in hand may take to finish when Run is told
	// to end; then they are cancelled and go back. 0 means 20 s.
	StopAfter time.Duration
	// Observe is told of every attempt, when set. It must be quick.
	Observe func(kind, outcome string, took time.Duration)
	// Failed is told of every attempt whose outcome is failed or dead, when set. It
	// must be quick.
	Failed func(kind, outcome string, attempt int, err error)
	// Trace begins a trace of an attempt; what ends it is told how that came out. Nil
	// for none.
	Trace func(ctx context.Context, kind string, attempt int) (context.Context, func(outcome string, err error))
}

// Queue enqueues jobs and, while Run runs, works them.
type Queue struct {
	db        *db.DB
	config    Config
	work      []Work
	schedules []schedule
	max       map[string]int
	timeout   map[string]time.Duration
	running   atomic.Bool // this process works the jobs
	lite      *river.Client[*sql.Tx]
	pg        *river.Client[pgx.Tx]
}

type schedule struct {
	every time.Duration
	args  func() Args
}

// New makes a queue that can enqueue at once.
func New(d *db.DB, c Config) (_ *Queue, err error) {
	defer fault.Wrap(&err, "open job queue")
	if c.StopAfter == 0 {
		c.StopAfter = 20 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	q := &Queue{db: d, config: c, max: map[string]int{}, timeout: map[string]time.Duration{}}
	if d.Engine == db.SQLite {
		q.lite, err = river.NewClient(riversqlite.New(d.JobConn()), &river.Config{Logger: quiet(c.Log)})
	} else {
		q.pg, err = river.NewClient(riverpgxv5.New(d.Pool()), &river.Config{Logger: quiet(c.Log)})
	}
	return q, err
}

// Register adds kinds of work; before Run.
func (q *Queue) Register(work ...Work) {
	for _, w := range work {
		q.max[w.kind], q.timeout[w.kind] = w.max, w.timeout
	}
	q.work = append(q.work, work...)
}

// Every enqueues args when the queue starts and again and again while it runs.
func (q *Queue) Every(d time.Duration, args func() Args) {
	q.schedules = append(q.schedules, schedule{d, args})
}

// Enqueue adds a job in the caller's transaction.
func (q *Queue) Enqueue(ctx context.Context, tx *db.Tx, args Args, queue string) error {
	return q.EnqueueAt(ctx, tx, args, queue, time.Time{})
}

// EnqueueAt adds a job that is not to run before an instant. It runs about a
// second after that at the latest, when a worker is free.
func (q *Queue) EnqueueAt(ctx context.Context, tx *db.Tx, args Args, queue string, at time.Time) (err error) {
	defer fault.Wrap(&err, "enqueue %s", args.Kind())
	ahead := time.Until(at) //nolint:forbidigo // River's clock, not a domain's
	if ahead <= 0 {
		at = time.Time{} // now, of which River tells the workers
	}
	o := &river.InsertOpts{MaxAttempts: q.max[args.Kind()], Queue: queue, ScheduledAt: at}
	var made *rivertype.JobInsertResult
	if tx.Engine == db.SQLite {
		made, err = q.lite.InsertTx(ctx, tx.SQL(), args, o)
	} else {
		made, err = q.pg.InsertTx(ctx, tx.PGX(), args, o)
	}
	if err != nil || ahead <= 0 || ahead > lookahead {
		return err
	}
	// River looks every few seconds which scheduled jobs are due; what is
	// available is looked at every second, and not taken before its time either.
	_, err = tx.Exec(ctx, "UPDATE river_job SET state = 'available' WHERE id = $1", made.Job.ID)
	return err
}

// lookahead is longer than the time between River's looks at scheduled jobs.
const lookahead = 10 * time.Second

// Cancel makes an error final: no attempt follows.
func Cancel(err error) error { return river.JobCancel(err) }

// CancelOn makes an error of some kinds final: another attempt would meet it again.
func CancelOn(err error, kinds ...fault.Kind) error {
	if slices.Contains(kinds, fault.KindOf(err)) {
		return Cancel(err)
	}
	return err
}

// Later is returned by work that came before its time: it comes again after the
// wait, and the attempt does not count.
func Later(wait time.Duration) error { return river.JobSnooze(wait) }

// runner is what the two River clients have in common.
type runner interface {
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
	StopAndCancel(ctx context.Context) error
}

// Run works jobs until ctx ends. On SQLite it first waits for the lock that
// makes this process the only worker, and takes back what a killed one held.
func (q *Queue) Run(ctx context.Context) (err error) {
	defer fault.Wrap(&err, "run jobs")
	if q.db.Engine == db.SQLite {
		lock := flock.New(q.config.LockPath)
		if ok, err := lock.TryLockContext(ctx, 50*time.Millisecond); err != nil || !ok {
			return ignoreCancel(ctx, err)
		}
		defer lock.Unlock() //nolint:errcheck // ends with the process at the latest
		if err := q.sweep(ctx); err != nil {
			return ignoreCancel(ctx, err)
		}
	}
	client, err := q.client()
	if err != nil {
		return err
	}
	// River gets a context that outlives ctx: it is told to stop, not cut off.
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	if err := q.pauseNewQueues(base); err != nil {
		return err
	}
	if err := client.Start(base); err != nil {
		return err
	}
	q.running.Store(true)
	defer q.running.Store(false)
	q.tend(ctx)
	return q.stop(base, client)
}

func ignoreCancel(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (q *Queue) stop(ctx context.Context, client runner) error {
	soft, cancel := context.WithTimeout(ctx, q.config.StopAfter)
	defer cancel()
	if err := client.Stop(soft); err == nil {
		return nil
	}
	hard, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return client.StopAndCancel(hard)
}

// sweep gives back at once what a killed process held: on SQLite no other
// process can be working while we hold the lock.
func (q *Queue) sweep(ctx context.Context) error {
	for _, text := range []string{abandon, "DELETE FROM river_leader"} {
		if _, err := q.db.JobConn().ExecContext(ctx, text); err != nil {
			return fmt.Errorf("sweep: %w", err)
		}
	}
	return nil
}

func (q *Queue) client() (runner, error) {
	c, err := q.riverConfig()
	if err != nil {
		return nil, err
	}
	if q.db.Engine == db.SQLite {
		return river.NewClient(riversqlite.New(q.db.JobConn()), c)
	}
	return river.NewClient(riverpgxv5.New(q.db.Pool()), c)
}

func (q *Queue) riverConfig() (*river.Config, error) {
	workers := river.NewWorkers()
	for _, w := range q.work {
		if err := w.add(workers, q); err != nil {
			return nil, err
		}
	}
	queues := map[string]river.QueueConfig{}
	for name, n := range q.queues() {
		queues[name] = river.QueueConfig{MaxWorkers: n}
	}
	var periodic []*river.PeriodicJob
	for _, s := range q.schedules {
		periodic = append(periodic, river.NewPeriodicJob(river.PeriodicInterval(s.every),
			func() (river.JobArgs, *river.InsertOpts) {
				args := s.args()
				return args, &river.InsertOpts{MaxAttempts: q.max[args.Kind()]}
			}, &river.PeriodicJobOpts{RunOnStart: true}))
	}
	return &river.Config{
		Logger: quiet(q.config.Log), Workers: workers, Queues: queues, PeriodicJobs: periodic,
		FetchCooldown: 10 * time.Millisecond, FetchPollInterval: time.Second,
		RescueStuckJobsAfter: rescueAfter, MaxAttempts: 5,
		DiscardedJobRetentionPeriod: deadFor,
	}, nil
}

const (
	// rescueAfter is how long a job may run, beyond which and its timeout it is
	// given to another worker.
	rescueAfter = 2 * time.Minute
	// deadFor is how long a dead job can be seen and retried.
	deadFor = 90 * 24 * time.Hour
)

// queues are the names of the queues and how many jobs run at once in each, 4
// where the configuration does not say.
func (q *Queue) queues() map[string]int {
	all := map[string]int{river.QueueDefault: 4}
	for _, w := range q.work {
		all[cmp.Or(w.queue, river.QueueDefault)] = 4
	}
	for name, n := range q.config.Workers {
		all[cmp.Or(name, river.QueueDefault)] = n
	}
	return all
}

// Migrate brings River's own tables up to date.
func Migrate(ctx context.Context, d *db.DB) (err error) {
	defer fault.Wrap(&err, "migrate job tables")
	if d.Engine == db.SQLite {
		m, err := rivermigrate.New(riversqlite.New(d.JobConn()), nil)
		if err != nil {
			return err
		}
		_, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil)
		return err
	}
	m, err := rivermigrate.New(riverpgxv5.New(d.Pool()), nil)
	if err != nil {
		return err
	}
	_, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil)
	return err
}

// Depth counts the jobs that wait or run.
func (q *Queue) Depth(ctx context.Context) (int, error) {
	return db.One(ctx, q.db, db.Scalar[int],
		"SELECT count(*) FROM river_job WHERE state IN ('available', 'running', 'retryable', 'scheduled', 'pending')")
}

// Here reports whether this process works the jobs now.
func (q *Queue) Here() bool { return q.running.Load() }

// Working reports whether some process works the jobs now.
func (q *Queue) Working(ctx context.Context) bool {
	if q.Here() {
		return true
	}
	if q.db.Engine == db.Postgres {
		n, err := db.One(ctx, q.db, db.Scalar[int], "SELECT count(*) FROM river_leader WHERE expires_at > now()")
		return err == nil && n > 0
	}
	lock := flock.New(q.config.LockPath)
	free, err := lock.TryLock()
	if free {
		err = lock.Unlock()
	}
	return !free && err == nil
}
