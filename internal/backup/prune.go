package backup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"navidocs/internal/fault"
)

// Keep says which backups stay: the newest ones, and the newest one of each
// of so many days, weeks and months that have any.
type Keep struct{ Last, Daily, Weekly, Monthly int }

// Keeping is what the configuration says.
func (s *Service) Keeping() Keep {
	c := s.options.Config.Backup
	return Keep{c.KeepLast, c.KeepDaily, c.KeepWeekly, c.KeepMonthly}
}

// plan splits entries, newest first, into those that stay and those that go.
// The newest verified one never goes, nor do those that are bound.
func (k Keep) plan(entries []Entry, bound []string) (stay, leave []Entry) {
	verified := slices.IndexFunc(entries, func(e Entry) bool { return e.VerifiedAt != nil })
	periods := []struct {
		left int
		name func(Entry) string
		seen map[string]bool
	}{
		{k.Daily, func(e Entry) string { return e.Created.Format("2006-01-02") }, map[string]bool{}},
		{k.Weekly, func(e Entry) string { y, w := e.Created.ISOWeek(); return fmt.Sprint(y, " ", w) }, map[string]bool{}},
		{k.Monthly, func(e Entry) string { return e.Created.Format("2006-01") }, map[string]bool{}},
	}
	for i, e := range entries {
		keep := i < k.Last || i == verified || slices.Contains(bound, e.ID)
		for p := range periods {
			period := &periods[p]
			if name := period.name(e); period.left > 0 && !period.seen[name] {
				period.seen[name] = true
				period.left--
				keep = true
			}
		}
		if keep {
			stay = append(stay, e)
		} else {
			leave = append(leave, e)
		}
	}
	return stay, leave
}

// bound are the backups that stay whatever is kept.
func (s *Service) bound() ([]string, error) {
	if s.options.Bound == nil {
		return nil, nil
	}
	return s.options.Bound()
}

// PrunePlan tells what Prune would remove.
func (s *Service) PrunePlan(ctx context.Context, k Keep) (leave []Entry, err error) {
	entries, err := s.List(ctx)
	if err != nil {
		return nil, err
	}
	bound, err := s.bound()
	if err != nil {
		return nil, err
	}
	_, leave = k.plan(entries, bound)
	return leave, nil
}

// Prune removes the backups that the plan gives up, and the papers that no
// backup names any more, here and off-site; it returns what it removed here.
// announce hears what will go before anything does.
func (s *Service) Prune(ctx context.Context, k Keep, announce func(leave []Entry)) (removed []Entry, err error) {
	defer fault.Wrap(&err, "prune backups")
	if k.Last < 1 {
		return nil, fault.New(fault.Invalid, "at least one backup stays: --keep %d is too few", k.Last)
	}
	unlock, err := s.lock(ctx, exclusive)
	if err != nil {
		return nil, err
	}
	defer unlock()
	bound, err := s.bound()
	if err != nil {
		return nil, err
	}
	if removed, err = prune(ctx, s.local, k, bound, announce); err != nil {
		return removed, err
	}
	if s.options.Config.Backup.OffSite == "" {
		return removed, nil
	}
	away, err := openShelf("BACKUP_OFFSITE", s.options.Config.Backup.OffSite)
	if err != nil {
		return removed, err
	}
	_, err = prune(ctx, away, k, bound, nil)
	return removed, err
}

func prune(ctx context.Context, place shelf, k Keep, bound []string, announce func([]Entry)) (removed []Entry, err error) {
	entries, err := list(ctx, place)
	if err != nil {
		return nil, err
	}
	stay, leave := k.plan(entries, bound)
	if announce != nil {
		announce(leave)
	}
	for _, e := range leave {
		if err := removeEntry(ctx, place, e.ID); err != nil {
			return removed, err
		}
		removed = append(removed, e)
	}
	return removed, collect(ctx, place, stay)
}

// removeEntry takes a backup off the list first, so that a kill leaves no half
// one on it.
func removeEntry(ctx context.Context, place shelf, id string) error {
	local, ok := place.(folder)
	if !ok {
		if err := place.remove(ctx, path.Join(id, manifestFile)); err != nil {
			return err
		}
		return place.remove(ctx, id)
	}
	hidden := removingPrefix + id
	if err := os.Rename(local.path(id), local.path(hidden)); err != nil {
		return diskError(err)
	}
	return errors.Join(syncDir(local.dir), local.remove(ctx, hidden))
}

// collect removes the papers that no remaining backup names. When the list of
// one cannot be read, all stay.
func collect(ctx context.Context, place shelf, stay []Entry) error {
	named := map[string]bool{}
	for _, e := range stay {
		text, err := readFile(ctx, place, path.Join(e.ID, blobsFile))
		if err != nil {
			return nil //nolint:nilerr // verify tells; removing by half a list would be worse
		}
		lines, err := decodeBlobs(text)
		if err != nil {
			return nil //nolint:nilerr // as above
		}
		for _, l := range lines {
			named[l.key(false)] = true
		}
	}
	have, err := place.list(ctx, blobDir, true)
	if err != nil {
		return err
	}
	for name := range have {
		if !named[strings.TrimSuffix(name, ageSuffix)] {
			if err := place.remove(ctx, path.Join(blobDir, name)); err != nil {
				return err
			}
		}
	}
	return nil
}
