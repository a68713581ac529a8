package deploy

import (
	"context"
	"time"

	"navidocs/internal/fault"
	"navidocs/internal/keeper"
	"navidocs/internal/ops"
	"navidocs/internal/release"
)

// A command that was killed leaves what it had in hand: an operation of the
// keeper that goes on, a candidate that nobody knows of, two releases, links that
// name one of them. Whoever comes next holds the lock, so that nobody is at work,
// and mends it before anything else.

const (
	// underway is how long an operation of the keeper may take that nobody waits
	// for any more: a candidate to start, or jobs to be finished.
	underway = 3 * time.Minute
	// busyPace is how often it is asked whether it has ended.
	busyPace = 100 * time.Millisecond
)

// insist looks at the keeper and does what is to be done, again and again, while
// another operation is under way there. do says whether it has come to an end.
func insist(ctx context.Context, k *keeper.Client, do func(s keeper.Status) (done bool, err error)) (s keeper.Status, err error) {
	ctx, cancel := context.WithTimeout(ctx, underway)
	defer cancel()
	for {
		if s, err = k.Status(ctx); err != nil {
			return s, err
		}
		done, err := do(s)
		if done || err != nil && !fault.Is(err, fault.Conflict) {
			return s, err
		}
		if ops.Sleep(ctx, busyPace); ctx.Err() != nil {
			return s, fault.Because(err, fault.Conflict, "the keeper does not come to an end with what it does: see navidocs status")
		}
	}
}

// settle ends a candidate, which no user has met, and waits until the keeper has
// nothing in hand. It returns what is there then.
func settle(ctx context.Context, k *keeper.Client) (keeper.Status, error) {
	return insist(ctx, k, func(s keeper.Status) (bool, error) {
		if _, there := s.Child(keeper.Candidate); !there {
			return true, nil
		}
		_, err := k.Discard(ctx)
		return false, err // look again
	})
}

// endWarm ends the old release, if it is still there.
func endWarm(ctx context.Context, k *keeper.Client) error {
	_, err := insist(ctx, k, func(s keeper.Status) (bool, error) {
		if _, there := s.Child(keeper.Warm); !there {
			return true, nil
		}
		_, err := k.Commit(ctx)
		return false, err
	})
	return err
}

// cut finds the run that was killed and not mended since. Own is the run that
// asks. Nil means that there is none.
func cut(all []Run, own string) *Run {
	for i, r := range all {
		switch {
		case r.ID == own:
		case r.Outcome == Begun:
			return &all[i]
		case r.Outcome != Refused && r.Outcome != Stopped:
			return nil // what it left was settled by this one
		}
	}
	return nil
}

// mending is what whoever holds the lock knows.
type mending struct {
	home, state, own string // own is the run that mends
	keeper           *keeper.Client
	now              func() time.Time
}

// run makes the leader the only server, if a killed run is why it is not. Its
// text is what was done, "" for nothing. Two releases that a person holds are a
// Conflict, unless pair says that they may stay: who goes back needs both.
func (m mending) run(ctx context.Context, pair bool) (text string, err error) {
	all, err := JournalOf(m.state).Runs()
	if err != nil {
		return "", err
	}
	killed := cut(all, m.own)
	s, err := m.keeper.Status(ctx)
	if err != nil {
		return "", err
	}
	if _, left := s.Child(keeper.Candidate); left {
		text = "what a command that was killed had started is ended"
	}
	if s, err = settle(ctx, m.keeper); err != nil {
		return "", err
	}
	if warm, there := s.Child(keeper.Warm); there {
		leader, _ := s.Child(keeper.Leader)
		if text, err = m.choose(ctx, killed, leader, warm, pair); err != nil {
			return "", err
		}
	}
	if killed == nil {
		return text, nil
	}
	was := *killed
	was.Outcome, was.EndedAt, was.Reason = CutOff, new(m.now().UTC()), killed.inHand()
	if text != "" {
		was.Reason += "; " + text
	}
	return text, JournalOf(m.state).Add(was)
}

// choose says which of two releases stays: the one that the links name, the one
// that a killed rollback wanted, the one before a killed deploy, whose release
// nobody has judged to the end.
func (m mending) choose(ctx context.Context, killed *Run, leader, warm keeper.Child, pair bool) (string, error) {
	fresh, old := folderName(leader.Release), folderName(warm.Release)
	current, err := release.Current(m.home)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return "", err
	}
	wanted := killed != nil && killed.Kind == "rollback" && killed.Previous == fresh
	switch {
	case current.Name == fresh && fresh != old || wanted:
		r, err := release.Find(m.home, fresh)
		if err == nil {
			err = release.Commit(ctx, m.home, r)
		}
		if err == nil {
			err = endWarm(ctx, m.keeper)
		}
		return old + ", which was left over, has ended", err
	case pair:
		return "", nil
	case killed == nil:
		return "", fault.New(fault.Conflict, "%s and %s are both there: navidocs commit keeps the new one, navidocs rollback the old one", fresh, old)
	}
	_, err = insist(ctx, m.keeper, func(s keeper.Status) (bool, error) {
		if _, there := s.Child(keeper.Warm); !there {
			return true, nil
		}
		_, err := m.keeper.Back(ctx, "its deploy was killed before it was judged")
		return err == nil, err
	})
	return old + " serves again, because the deploy of " + fresh + " was killed before it was judged", err
}

// inHand is what a killed run was doing, for people.
func (r Run) inHand() string {
	if r.Step == "" {
		return "it was cut off"
	}
	return "it was cut off in the step " + r.Step
}
