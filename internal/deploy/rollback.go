package deploy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"navidocs/internal/fault"
	"navidocs/internal/keeper"
	"navidocs/internal/ops"
	"navidocs/internal/release"
)

// Rollback takes an earlier release back: the one that is kept warm, within
// milliseconds, or the previous or the named one, started anew. The database
// stays as it is; Rollback refuses a release that cannot live with its schema.
type Rollback struct {
	Home, State string
	Keeper      func(ctx context.Context) (*keeper.Client, error)
	// Schema is the newest migration that is applied, and the newest of those
	// after which older releases cannot run.
	Schema   func(ctx context.Context) (schema, contract int64, err error)
	Announce func(ctx context.Context, a Announcement)
	Now      func() time.Time
	By       string
	Reason   string
	Contacts string
}

// Run goes back to the release named to, "" being the warm one or the previous
// one. Its errors are those of Deploy.Run.
func (b *Rollback) Run(ctx context.Context, to string) (run Run, err error) {
	defer fault.Wrap(&err, "rollback")
	now := b.Now().UTC()
	run = Run{ID: now.Format("20060102-150405.000"), Kind: "rollback", Outcome: Begun, By: b.By, At: now, Steps: []Step{}}
	unlock, err := ops.Lock(ctx, b.State, ops.Holder{PID: os.Getpid(), By: b.By, Why: "rollback", Since: now})
	if err != nil {
		run.Outcome, run.Reason = Refused, fault.Message(err)
		return run, err
	}
	defer unlock() //nolint:errcheck // the process ends
	if err := JournalOf(b.State).Add(run); err != nil {
		return run, err
	}
	return b.end(ctx, run, b.back(ctx, to, &run))
}

// back is not broken off in the middle: it takes seconds, and half a way back is
// none.
func (b *Rollback) back(ctx context.Context, to string, run *Run) error {
	ctx = context.WithoutCancel(ctx)
	k, err := b.Keeper(ctx)
	if err != nil {
		return err
	}
	defer k.Close() //nolint:errcheck // only asked
	if _, err := (mending{b.Home, b.State, run.ID, k, b.Now}).run(ctx, true); err != nil {
		return err
	}
	s, err := k.Status(ctx)
	if err != nil {
		return err
	}
	leader, _ := s.Child(keeper.Leader)
	warm, isWarm := s.Child(keeper.Warm)
	run.Release = b.name(leader)
	if !isWarm || to != "" && to != b.name(warm) {
		return b.cold(ctx, k, to, run)
	}
	run.Previous = b.name(warm)
	_, err = k.Back(ctx, b.reason())
	return err
}

// name is the release of a server. One that was started before there were
// releases is the one that became the first of them.
func (b *Rollback) name(c keeper.Child) string {
	if c.Release == "" {
		if r, err := release.Current(b.Home); err == nil {
			return r.Name
		}
	}
	return folderName(c.Release)
}

func (b *Rollback) reason() string {
	if b.Reason == "" {
		return "by hand"
	}
	return b.Reason
}

// cold starts an earlier release beside the one that runs, promotes it and makes
// it the current one.
func (b *Rollback) cold(ctx context.Context, k *keeper.Client, to string, run *Run) error {
	r, err := b.find(to)
	if err != nil {
		return err
	}
	run.Previous, run.Step = r.Name, "start"
	if err := JournalOf(b.State).Add(*run); err != nil { // for whoever mends, should this be killed
		return err
	}
	schema, contract, err := b.Schema(ctx)
	if err != nil {
		return err
	}
	if err := r.Manifest.Runs(schema, contract); err != nil {
		return err
	}
	if _, err := k.Start(ctx, r.Dir); err != nil {
		return err
	}
	if _, err := k.Promote(ctx, false); err != nil {
		_, serr := settle(ctx, k)
		return errors.Join(err, serr)
	}
	return commit(ctx, b.Home, r, k)
}

func (b *Rollback) find(to string) (release.Release, error) {
	if to != "" {
		return release.Find(b.Home, to)
	}
	return release.Previous(b.Home)
}

func (b *Rollback) end(ctx context.Context, run Run, err error) (Run, error) {
	ctx = context.WithoutCancel(ctx)
	run.EndedAt, run.Outcome, run.Step = new(b.Now().UTC()), RolledBack, ""
	if err != nil {
		run.Outcome, run.Reason = Stopped, fault.Message(err)
		if fault.Is(err, fault.Conflict) || fault.Is(err, fault.NotFound) {
			run.Outcome = Refused
		}
		return run, errors.Join(err, JournalOf(b.State).Add(run))
	}
	said, unread := lines(b.State, run.At.Add(-tenMinutes))
	_, opened := IncidentsOf(b.State).Open(Incident{
		At: run.At, Duration: run.Took().Round(time.Millisecond), Reason: b.reason(), Release: run.Release, Back: run.Previous,
		Actions: []string{fmt.Sprintf("taken back by %s in %s", orNone(run.By), run.Took().Round(time.Millisecond))}, Contacts: b.Contacts, Said: said,
	})
	b.Announce(ctx, Announcement{
		Title: "NaviDocs " + run.Release + " was taken back", Lines: []string{run.Previous + " serves again, no row was changed", b.reason()},
	})
	return run, errors.Join(unread, opened, JournalOf(b.State).Add(run))
}

// tenMinutes is how far back what was said may explain why somebody goes back.
const tenMinutes = 10 * time.Minute

// commit swaps the links before the old release ends: a machine that fails in
// between starts the new one.
func commit(ctx context.Context, home string, r release.Release, k *keeper.Client) error {
	if err := release.Commit(ctx, home, r); err != nil {
		return err
	}
	return endWarm(ctx, k)
}

// Commit makes the release that is held, or that a killed deploy left in front,
// the current one; the old one ends. It returns the release's name. Without one
// it is a Conflict.
func Commit(ctx context.Context, home, state, by string, now func() time.Time) (name string, err error) {
	defer fault.Wrap(&err, "commit")
	unlock, err := ops.Lock(ctx, state, ops.Holder{PID: os.Getpid(), By: by, Why: "commit", Since: now().UTC()})
	if err != nil {
		return "", err
	}
	defer unlock() //nolint:errcheck // the process ends
	k, err := keeper.Dial(ctx, home)
	if err != nil {
		return "", err
	}
	defer k.Close() //nolint:errcheck // only asked
	s, err := settle(ctx, k)
	if err != nil {
		return "", err
	}
	leader, _ := s.Child(keeper.Leader)
	if _, warm := s.Child(keeper.Warm); !warm {
		return "", fault.New(fault.Conflict, "no release is held: %s runs alone", folderName(leader.Release))
	}
	r, err := release.Find(home, folderName(leader.Release))
	if err != nil {
		return "", err
	}
	if err := commit(ctx, home, r, k); err != nil {
		return "", err
	}
	return r.Name, decided(state, r.Name, by, now)
}

// decided writes down that a person kept the release of the last deploy.
func decided(state, name, by string, now func() time.Time) error {
	all, err := JournalOf(state).Runs()
	if err != nil || len(all) == 0 || all[0].Release != name || all[0].Outcome != Held && all[0].Outcome != Begun {
		return err
	}
	run := all[0]
	if run.Outcome == Begun {
		run.Reason = run.inHand() + ", and kept by " + orNone(by)
	}
	run.Outcome, run.EndedAt = Committed, new(now().UTC())
	return JournalOf(state).Add(run)
}
