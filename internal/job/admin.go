package job

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// Entry is a job as the operator sees it.
type Entry struct {
	ID          int64  `json:"id"`
	Kind        string `json:"kind"`
	Queue       string `json:"queue"`
	State       string `json:"state"`
	Attempt     int    `json:"attempt"`
	MaxAttempts int    `json:"max_attempts"`
	// CreatedAt is when it was enqueued, DueAt when it may run (again),
	// StartedAt when its last attempt began, EndedAt when it ended.
	CreatedAt time.Time  `json:"created_at"`
	DueAt     time.Time  `json:"due_at"`
	StartedAt *time.Time `json:"started_at"`
	EndedAt   *time.Time `json:"ended_at"`
	// LeaseUntil is when a running job is given to another worker, should its
	// own not have ended it by then.
	LeaseUntil *time.Time `json:"lease_until"`
	// Error is what the last failed attempt said.
	Error string `json:"error"`
}

// maxListed bounds how many jobs are listed.
const maxListed = 1000

// all is River's name for every queue.
const all = "*"

// Pause makes workers claim no more jobs: those that run within moments, those
// that start later too, until Resume, also over restarts. What runs goes on.
func (q *Queue) Pause(ctx context.Context) (err error) {
	defer fault.Wrap(&err, "pause the queue")
	_, err = q.setPaused(ctx, func(bool) bool { return true })
	return err
}

// Resume ends a Pause.
func (q *Queue) Resume(ctx context.Context) (err error) {
	defer fault.Wrap(&err, "resume the queue")
	_, err = q.setPaused(ctx, func(bool) bool { return false })
	return err
}

// Paused reports whether the queue is paused.
func (q *Queue) Paused(ctx context.Context) (bool, error) { return isPaused(ctx, q.db) }

func isPaused(ctx context.Context, from db.Querier) (bool, error) {
	n, err := db.One(ctx, from, db.Scalar[int], "SELECT count(*) FROM river_queue WHERE paused_at IS NOT NULL")
	return n > 0, err
}

// same repeats what is: whoever missed the word hears it.
func same(paused bool) bool { return paused }

// setPaused makes the queue what want makes of what it is, and tells the
// workers. It is one transaction, so that a repetition cannot undo what
// somebody else says at the same time.
func (q *Queue) setPaused(ctx context.Context, want func(paused bool) bool) (paused bool, err error) {
	err = q.db.Transact(ctx, func(tx *db.Tx) error {
		// A queue has a row once a worker has had it; only then can it be paused.
		for _, name := range slices.Sorted(maps.Keys(q.queues())) {
			_, err := tx.Exec(ctx, "INSERT INTO river_queue (name, updated_at) VALUES ($1, CURRENT_TIMESTAMP) ON CONFLICT (name) DO NOTHING", name)
			if err != nil {
				return err
			}
		}
		// Locks the rows on PostgreSQL; on SQLite the transaction is the only one.
		if _, err := tx.Exec(ctx, "UPDATE river_queue SET updated_at = updated_at"); err != nil {
			return err
		}
		was, err := isPaused(ctx, tx)
		if err != nil {
			return err
		}
		paused = want(was)
		return q.tell(ctx, tx, paused)
	})
	return paused, err
}

// tell has River set the rows and tell the workers when tx has committed.
func (q *Queue) tell(ctx context.Context, tx *db.Tx, paused bool) error {
	switch {
	case q.lite != nil && paused:
		return q.lite.QueuePauseTx(ctx, tx.SQL(), all, nil)
	case q.lite != nil:
		return q.lite.QueueResumeTx(ctx, tx.SQL(), all, nil)
	case paused:
		return q.pg.QueuePauseTx(ctx, tx.PGX(), all, nil)
	}
	return q.pg.QueueResumeTx(ctx, tx.PGX(), all, nil)
}

// pauseNewQueues pauses the queues that did not exist when the others were.
func (q *Queue) pauseNewQueues(ctx context.Context) error {
	if paused, err := q.Paused(ctx); err != nil || !paused {
		return err
	}
	_, err := q.setPaused(ctx, same)
	return err
}

const (
	drainTick = 100 * time.Millisecond
	// settled is how many looks in a row must find nothing running: a worker
	// that has not heard of the pause yet may still claim a job.
	settled = 10
)

// Drain pauses the queue and waits until no job runs. It returns the jobs that
// still run after the timeout; they go on, and the queue stays paused.
// fault.Conflict when somebody resumes it meanwhile.
func (q *Queue) Drain(ctx context.Context, timeout time.Duration) (_ []Entry, err error) {
	defer fault.Wrap(&err, "drain the queue")
	if err := q.Pause(ctx); err != nil {
		return nil, err
	}
	over := time.NewTimer(timeout)
	defer over.Stop()
	tick := time.NewTicker(drainTick)
	defer tick.Stop()
	idle, late := 0, false
	for look := 1; ; look++ {
		if look%settled == 0 {
			paused, err := q.setPaused(ctx, same)
			if err != nil {
				return nil, err
			}
			if !paused {
				return nil, fault.New(fault.Conflict, "the queue was resumed while it was drained: workers claim jobs again")
			}
		}
		left, err := q.Jobs(ctx, string(rivertype.JobStateRunning))
		if err != nil {
			return nil, err
		}
		if idle++; len(left) > 0 {
			idle = 0
		}
		if idle > settled || q.db.Engine == db.SQLite && !q.Working(ctx) || late && len(left) > 0 {
			return q.unlessDead(ctx, left), nil
		}
		select {
		case <-over.C:
			late = true
		case <-tick.C:
		case <-ctx.Done():
			return left, ctx.Err()
		}
	}
}

// unlessDead leaves out what only seems to run: on SQLite, where one process
// works, nothing runs when none does. The next start gives it back.
func (q *Queue) unlessDead(ctx context.Context, running []Entry) []Entry {
	if q.db.Engine == db.SQLite && !q.Working(ctx) {
		return nil
	}
	return running
}

// errDry rolls a rehearsal back.
var errDry = errors.New("rehearsed")

// Retry makes ended or waiting jobs available at once, with an attempt more
// when theirs are used up; all of them or none. With dry set it only says
// whether it could. fault.NotFound when there is no such job, fault.Conflict
// when one runs or has completed.
func (q *Queue) Retry(ctx context.Context, ids []int64, dry bool) (err error) {
	defer fault.Wrap(&err, "retry")
	err = q.db.Transact(ctx, func(tx *db.Tx) error {
		for _, id := range ids {
			if err := retry(ctx, tx, id); err != nil {
				return err
			}
		}
		if dry {
			return errDry
		}
		return nil
	})
	if errors.Is(err, errDry) {
		return nil
	}
	return err
}

// retry is River's, but refuses what has completed, and leaves an attempt to
// jobs that had more than they were meant to have.
func retry(ctx context.Context, tx *db.Tx, id int64) error {
	n, err := tx.Exec(ctx, `UPDATE river_job SET state = 'available', finalized_at = NULL, scheduled_at = CURRENT_TIMESTAMP,
		max_attempts = CASE WHEN attempt >= max_attempts THEN attempt + 1 ELSE max_attempts END
		WHERE id = $1 AND state NOT IN ('running', 'completed')`, id)
	if err != nil || n > 0 {
		return err
	}
	state, err := db.One(ctx, tx, db.Scalar[string], "SELECT CAST(state AS TEXT) FROM river_job WHERE id = $1", id)
	switch {
	case fault.Is(err, fault.NotFound):
		return fault.New(fault.NotFound, "there is no job %d: see navidocs queue list and navidocs queue dead", id)
	case err != nil:
		return err
	case state == string(rivertype.JobStateRunning):
		return fault.New(fault.Conflict, "job %d runs now: wait until it has ended, see navidocs queue list", id)
	}
	return fault.New(fault.Conflict, "job %d is %s: there is nothing left to do", id, state)
}

// Open are the states of a job that waits or runs.
func openStates() []string {
	return []string{"available", "running", "retryable", "scheduled", "pending"}
}

// Jobs lists jobs in some states, those that wait or run when none is named;
// in the order of their ids, ended ones the newest first; at most 1,000.
func (q *Queue) Jobs(ctx context.Context, states ...string) (_ []Entry, err error) {
	defer fault.Wrap(&err, "list jobs")
	if len(states) == 0 {
		states = openStates()
	}
	params := river.NewJobListParams().First(maxListed)
	in := make([]rivertype.JobState, len(states))
	for i, s := range states {
		in[i] = rivertype.JobState(s)
	}
	params = params.States(in...)
	if !slices.ContainsFunc(states, func(s string) bool { return slices.Contains(openStates(), s) }) {
		params = params.OrderBy(river.JobListOrderByFinalizedAt, river.SortOrderDesc)
	}
	var found *river.JobListResult
	if q.lite != nil {
		found, err = q.lite.JobList(ctx, params)
	} else {
		found, err = q.pg.JobList(ctx, params)
	}
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, len(found.Jobs))
	for i, row := range found.Jobs {
		entries[i] = q.entry(row)
	}
	return entries, nil
}

// Dead lists the jobs that failed in all their attempts, the newest first. They
// are kept for 90 days.
func (q *Queue) Dead(ctx context.Context) ([]Entry, error) {
	return q.Jobs(ctx, string(rivertype.JobStateDiscarded))
}

func (q *Queue) entry(row *rivertype.JobRow) Entry {
	e := Entry{
		ID: row.ID, Kind: row.Kind, Queue: row.Queue, State: string(row.State), Attempt: row.Attempt, MaxAttempts: row.MaxAttempts,
		CreatedAt: row.CreatedAt.UTC(), DueAt: row.ScheduledAt.UTC(), StartedAt: utc(row.AttemptedAt), EndedAt: utc(row.FinalizedAt),
	}
	if n := len(row.Errors); n > 0 {
		e.Error = row.Errors[n-1].Error
	}
	if row.State == rivertype.JobStateRunning && e.StartedAt != nil {
		until := e.StartedAt.Add(max(rescueAfter, q.timeout[row.Kind]))
		e.LeaseUntil = &until
	}
	return e
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}
