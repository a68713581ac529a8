package deploy

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"time"

	"navidocs/internal/fault"
	"navidocs/internal/keeper"
)

// undo brings the old release back, or ends the candidate that nobody met.
func (x *deploy) undo(ctx context.Context, at string, cause error) error {
	if ctx.Err() != nil {
		cause = fault.Because(cause, fault.Unavailable, "it was broken off in the step %s", at)
	}
	ctx = context.WithoutCancel(ctx)
	x.run.Outcome = Stopped
	if fault.Is(cause, fault.Conflict) && slices.Contains([]string{"stage", "preflight"}, at) {
		x.run.Outcome = Refused
	}
	if x.keeper == nil || x.fresh.Name == "" {
		return cause
	}
	// A question that was broken off has left its answer on the old connection.
	k, err := x.Keeper(ctx)
	if err != nil {
		return errors.Join(cause, err)
	}
	_ = x.keeper.Close()
	x.keeper = k
	s, err := settle(ctx, k)
	if err != nil {
		return errors.Join(cause, err)
	}
	defer x.clear(ctx)
	if leads := x.leads(s); !leads && x.promoted.at.IsZero() {
		return cause
	}
	if x.promoted.at.IsZero() {
		x.promoted.at = x.Now() // it was broken off in the middle
	}
	x.run.Outcome = RolledBack
	return errors.Join(cause, x.step(ctx, step{"back", func(ctx context.Context) (string, error) { return x.back(ctx, fault.Message(cause)) }}))
}

// clearing bounds how long that may take which nobody waits for.
const clearing = 10 * time.Second

// clear removes the rows of a trial that was cut off. Where it cannot, the next
// trial does.
func (x *deploy) clear(ctx context.Context) {
	s, err := x.keeper.Status(ctx)
	leader, ok := s.Child(keeper.Leader)
	if err != nil || !ok || !x.tried {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, clearing)
	defer cancel()
	_, _ = x.Tool(ctx, x.fresh.Binary(), "smoke", "--json", "--socket", leader.Socket, "--run", SmokeTest, "--clear")
}

// leads says whether users meet the new release.
func (x *deploy) leads(s keeper.Status) bool {
	leader, ok := s.Child(keeper.Leader)
	return ok && (leader.PID == x.pid || folderName(leader.Release) == x.fresh.Name && x.fresh.Name != x.run.Previous)
}

// back has the old release serve: the warm one, or one that is started when that
// has ended. The keeper may have been faster.
func (x *deploy) back(ctx context.Context, why string) (string, error) {
	_, err := insist(ctx, x.keeper, func(s keeper.Status) (bool, error) {
		if !x.leads(s) {
			return true, nil
		}
		if _, there := s.Child(keeper.Warm); there {
			_, err := x.keeper.Back(ctx, why)
			return err == nil, err
		}
		if _, err := x.keeper.Start(ctx, filepath.Dir(x.old)); err != nil {
			return false, err
		}
		if _, err := x.keeper.Promote(ctx, false); err != nil {
			return false, err
		}
		return true, endWarm(ctx, x.keeper)
	})
	return "the old release serves again", err
}
