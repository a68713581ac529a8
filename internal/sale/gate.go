package sale

import (
	"context"
	"strings"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// handable is the newest package, when it may be handed over now: nothing in it is
// undecided unless that was confirmed, it holds what would go in now, and its
// owners have approved it. Conflict names what stands in the way.
func (s *Service) handable(ctx context.Context, tx *db.Tx, x Sale, confirmed bool) (Package, error) {
	p, err := newest(ctx, tx, x.ID, AsBuilt, Ready)
	if fault.Is(err, fault.NotFound) || err == nil && p.released {
		return p, fault.New(fault.Conflict, "the sale has no package to hand over: generate it first")
	}
	if err != nil {
		return p, err
	}
	now, err := goingOf(ctx, tx, x)
	if err != nil {
		return p, err
	}
	if names := now.undecided(); len(names) > 0 && !confirmed {
		return p, fault.New(fault.Conflict, "nobody decided whether these go to the buyer: %s; decide, or send confirm_left_out to leave them out", strings.Join(names, ", "))
	}
	if now.ListHash != p.ListHash {
		return p, fault.New(fault.Conflict, "what goes in has changed since the package was made: generate it again")
	}
	names, err := waiting(ctx, tx, x, p)
	if err == nil && len(names) > 0 {
		err = fault.New(fault.Conflict, "these owners have not approved the package yet: %s", strings.Join(names, ", "))
	}
	return p, err
}

// undecided names the papers that are left out because nobody said anything.
func (x Selection) undecided() (names []string) {
	for _, p := range x.Documents {
		if p.Going == Ask {
			names = append(names, p.Title)
		}
	}
	return names
}
