package db

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"navidocs/internal/fault"
)

// UpOptions say how far Up goes. The zero value is for the start of a server.
type UpOptions struct {
	// Contract asks for the contract migrations too.
	Contract bool
	// Budget is how long a migration may keep writers waiting, or one batch of
	// a data migration; 0 means as long as it takes. On an empty database
	// nobody waits.
	Budget time.Duration
}

// Result is what Up did.
type Result struct {
	Applied []Migration
	// Waiting is a contract migration that was not asked for, and all behind it.
	Waiting []Migration
	Timings []Timing // of those applied
}

// Timing is how long a migration took.
type Timing struct {
	Migration

	Took time.Duration
	// Stall is how long it kept writers waiting at one time: the longest batch
	// of a data migration, else all of it.
	Stall time.Duration
}

// Blocked is an error when the release cannot run on the schema: what it needs
// is behind a contract migration of the release before.
func (r Result) Blocked() error {
	for _, mig := range r.Waiting {
		if mig.Class != Contract {
			return fault.New(fault.Conflict, "migration %s is needed, but %s has to be applied before it, after which older releases cannot run: navidocs migrate up --contract",
				mig, r.Waiting[0])
		}
	}
	return nil
}

// Up applies what is pending, each migration in a transaction of its own, and
// stops before the first contract migration unless it is asked for or the
// database is empty. It returns what it applied also when it fails.
//
// It is refused (fault.Conflict) when an applied file was changed, when a
// pending migration is older than an applied one, and when a migration takes
// longer than the budget, which leaves nothing of that one.
func (m *Migrator) Up(ctx context.Context, o UpOptions) (r Result, err error) {
	defer fault.Wrap(&err, "migrate up")
	budget := func(s *session) time.Duration {
		if len(s.applied) == 0 {
			return 0
		}
		return o.Budget
	}
	err = m.locked(ctx, budget, func(s *session) error {
		todo, waiting, err := due(s.all, o.Contract)
		if err != nil {
			return err
		}
		r.Waiting = waiting
		for _, mig := range todo {
			t, err := s.up(ctx, mig)
			if err != nil {
				return err
			}
			r.Applied, r.Timings = append(r.Applied, t.Migration), append(r.Timings, t)
		}
		for _, f := range m.then {
			if err := f(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	return r, err
}

// PlanUp is what Up would do, and what it would refuse; it changes nothing.
func (m *Migrator) PlanUp(ctx context.Context, o UpOptions) (r Result, err error) {
	defer fault.Wrap(&err, "plan migrate up")
	all, err := m.Status(ctx)
	if err == nil {
		r.Applied, r.Waiting, err = due(all, o.Contract)
	}
	return r, err
}

// due parts what is not applied into what Up applies and what it leaves.
func due(all []Migration, contract bool) (todo, waiting []Migration, err error) {
	if err := trusted(all); err != nil {
		return nil, nil, err
	}
	for i := len(all) - 1; i > 0; i-- {
		if newest := all[i]; newest.Applied {
			if late := firstLate(all[:i]); late != nil {
				return nil, nil, fault.New(fault.Conflict, "migration %s came later than %s, which is applied: give its file a higher number, or apply it with a release that has both in order",
					late, newest)
			}
			break
		}
	}
	for _, mig := range all {
		switch {
		case mig.State == Pending, mig.State == Waiting && contract:
			todo = append(todo, mig)
		case mig.State == Waiting:
			waiting = append(waiting, mig)
		}
	}
	return todo, waiting, nil
}

func firstLate(older []Migration) *Migration {
	for i := range older {
		if !older[i].Applied {
			return &older[i]
		}
	}
	return nil
}

// up applies one migration within the budget.
func (s *session) up(ctx context.Context, mig Migration) (t Timing, err error) {
	within, cancel := ctx, context.CancelFunc(func() {})
	if s.budget > 0 && mig.Class != Data { // whose batches have it each
		within, cancel = context.WithTimeout(ctx, s.budget)
	}
	defer cancel()
	s.longest = 0
	start := time.Now()
	_, err = s.goose.ApplyVersion(within, mig.Version, true)
	t.Took = time.Since(start)
	if err != nil {
		if ctx.Err() != nil || s.budget == 0 || !overdue(within, err) {
			return t, err
		}
		if done, cerr := newLedger(s).committed(ctx, mig.Version); cerr != nil || !done {
			return t, errors.Join(s.overBudget(mig, t.Took, err), cerr)
		}
	}
	if t.Stall = t.Took; mig.Class == Data {
		t.Stall = s.longest
	}
	all, err := s.m.Status(ctx)
	for _, a := range all {
		if a.Version == mig.Version {
			t.Migration = a
		}
	}
	return t, err
}

// overdue tells whether the budget ended a migration, or PostgreSQL on its behalf.
func overdue(within context.Context, err error) bool {
	if within.Err() != nil || errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (pg.Code == "55P03" || pg.Code == "57014")
}

func (s *session) overBudget(mig Migration, took time.Duration, cause error) error {
	command := "navidocs migrate up --window " + max(30*time.Second, 4*s.budget).String()
	if mig.Class == Contract {
		command += " --contract"
	}
	stays := "nothing of it stays"
	if mig.Class == Data {
		stays = "what its earlier batches did stays"
	}
	return fault.Because(cause, fault.Conflict, "migration %s was interrupted after %s, since writers may wait %s: %s. At a quiet hour: %s",
		mig, took.Round(time.Millisecond), s.budget, stays, command)
}
