package backup_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"navidocs/internal/backup"
	"navidocs/internal/fault"
)

func TestPruneKeepsNewestDailyAndWeekly(t *testing.T) {
	t.Parallel()
	var entries []backup.Entry
	for day := range 60 { // two a day, newest first
		for _, hour := range []int{20, 2} {
			at := time.Date(2026, 5, 4, hour, 0, 0, 0, time.UTC).AddDate(0, 0, -day)
			entries = append(entries, backup.Entry{ID: at.Format(time.RFC3339), Created: at, VerifiedAt: &at})
		}
	}
	stay, leave := backup.PlanOf(backup.Keep{Last: 5, Daily: 7, Weekly: 4}, entries)
	var days []string
	for _, e := range stay {
		days = append(days, e.Created.Format("02.01. 15"))
	}
	want := []string{"04.05. 20", "04.05. 02", "03.05. 20", "03.05. 02", "02.05. 20", "01.05. 20", "30.04. 20", "29.04. 20", "28.04. 20", "26.04. 20", "19.04. 20"}
	if !slices.Equal(days, want) || len(leave) != 120-len(want) {
		t.Errorf("%q, %d leave", days, len(leave))
	}
}

// Whatever the rule and the backups: the newest verified one stays, so do the
// newest ones, and every backup either stays or goes.
func TestPruneNeverTakesTheNewestVerified(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var entries []backup.Entry
		at := time.Date(2026, 5, 4, 3, 0, 0, 0, time.UTC)
		for i := range rapid.IntRange(0, 40).Draw(t, "backups") {
			e := backup.Entry{ID: fmt.Sprint(i), Created: at}
			if rapid.Bool().Draw(t, "verified") {
				e.VerifiedAt = &at
			}
			entries = append(entries, e)
			at = at.Add(-time.Duration(rapid.IntRange(1, 90).Draw(t, "hours")) * time.Hour)
		}
		n := func(name string) int { return rapid.IntRange(0, 8).Draw(t, name) }
		k := backup.Keep{Last: n("last"), Daily: n("daily"), Weekly: n("weekly"), Monthly: n("monthly")}
		stay, leave := backup.PlanOf(k, entries)
		if len(stay)+len(leave) != len(entries) {
			t.Fatal("some are lost")
		}
		i := slices.IndexFunc(entries, func(e backup.Entry) bool { return e.VerifiedAt != nil })
		if i >= 0 && !slices.ContainsFunc(stay, func(e backup.Entry) bool { return e.ID == entries[i].ID }) {
			t.Fatal("the newest verified one goes")
		}
		for _, e := range entries[:min(k.Last, len(entries))] {
			if !slices.ContainsFunc(stay, func(s backup.Entry) bool { return s.ID == e.ID }) {
				t.Fatal("one of the newest goes")
			}
		}
	})
}

// The backup of the way back stays, at home and away; while nobody can say which
// that is, all do.
func TestPruneNeverTakesWhatIsBound(t *testing.T) {
	t.Parallel()
	b := sqlite(t)
	away := t.TempDir()
	b.config.Backup.OffSite = away
	bound, other, newest := b.create(), b.create(), b.create()
	s := b.service(func(o *backup.Options) { o.Bound = func() ([]string, error) { return nil, errors.New("torn") } })
	if removed, err := s.Prune(t.Context(), backup.Keep{Last: 1}, nil); err == nil || len(removed) > 0 {
		t.Error(removed, err)
	}
	s = b.service(func(o *backup.Options) { o.Bound = func() ([]string, error) { return []string{bound.ID}, nil } })
	if plan, err := s.PrunePlan(t.Context(), backup.Keep{Last: 1}); err != nil || len(plan) != 1 || plan[0].ID != other.ID {
		t.Error(plan, err)
	}
	if removed, err := s.Prune(t.Context(), backup.Keep{Last: 1}, nil); err != nil || len(removed) != 1 || removed[0].ID != other.ID {
		t.Error(removed, err)
	}
	for id, there := range map[string]bool{bound.ID: true, newest.ID: true, other.ID: false} {
		for _, dir := range []string{b.file(id), filepath.Join(away, id)} {
			if _, err := os.Stat(dir); (err == nil) != there {
				t.Errorf("%s: %v", dir, err)
			}
		}
	}
}

func TestPruneDropsPapersThatNobodyNames(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		old := b.paper("only in the first")
		first := b.create()
		b.exec("DELETE FROM blob_refs")
		b.exec("DELETE FROM blobs")
		kept := b.paper("in the second")
		second := b.create()
		stray := b.file("blobs", "ff", "ff", ".new-123")
		if err := os.MkdirAll(b.file("blobs", "ff", "ff"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(stray, []byte("half a copy"), 0o600); err != nil {
			t.Fatal(err)
		}
		var announced []backup.Entry
		s := b.service()
		plan, err := s.PrunePlan(t.Context(), backup.Keep{Last: 1})
		if err != nil || len(plan) != 1 || plan[0].ID != first.ID {
			t.Fatal(plan, err)
		}
		removed, err := s.Prune(t.Context(), backup.Keep{Last: 1}, func(leave []backup.Entry) {
			announced = leave
			if _, err := os.Stat(b.file(first.ID)); err != nil {
				t.Error("it was gone before anybody heard", err)
			}
		})
		if err != nil || len(removed) != 1 || len(announced) != 1 || removed[0].ID != first.ID {
			t.Fatal(removed, announced, err)
		}
		place := func(d string) string { return b.file("blobs", d[:2], d[2:4], d) }
		for path, there := range map[string]bool{place(string(old)): false, place(string(kept)): true, stray: false, b.file(first.ID): false, b.file(second.ID): true} {
			if _, err := os.Stat(path); (err == nil) != there {
				t.Errorf("%s: %v", path, err)
			}
		}
		if r := b.verify(second.ID); len(r.Damages) > 0 {
			t.Error(r.Damages)
		}
	})
}

// While somebody reads a backup, nothing is removed.
func TestPruneWaitsForReaders(t *testing.T) {
	t.Parallel()
	b := sqlite(t)
	b.fill(2)
	first := b.create()
	b.create()
	pruned := make(chan error, 1)
	b.smoked = nil
	s := b.service(func(o *backup.Options) { o.Smoke = smokeWhile(t, b, first.ID, pruned) })
	if r, err := s.Drill(t.Context(), first.ID); err != nil || len(r.Damages) > 0 {
		t.Error(r, err)
	}
	if err := <-pruned; err != nil {
		t.Error(err)
	}
	if all, err := b.service().List(t.Context()); len(all) != 1 || err != nil {
		t.Error(all, err)
	}
}

func TestPruneKeepsAtLeastOne(t *testing.T) {
	t.Parallel()
	b := sqlite(t)
	if _, err := b.service().Prune(t.Context(), backup.Keep{}, nil); !fault.Is(err, fault.Invalid) {
		t.Error(err)
	}
}

// An unreadable list of papers removes none.
func TestPruneRemovesNoPaperByHalfAList(t *testing.T) {
	t.Parallel()
	b := sqlite(t)
	digest := b.paper("wanted")
	e := b.create()
	if err := os.Remove(b.file(e.ID, "blobs.txt")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.service().Prune(t.Context(), backup.Keep{Last: 1}, nil); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(b.file("blobs", string(digest[:2]), string(digest[2:4]), string(digest))); err != nil {
		t.Error(err)
	}
}

// A backup that was good when it was made and is found damaged later does not
// count: the newest one that still is good stays.
func TestPruneKeepsAGoodOneWhenNewerOnesAreFoundDamaged(t *testing.T) {
	t.Parallel()
	for name, find := range map[string]func(b *bundle, id string) (backup.Report, error){
		"by a verification": func(b *bundle, id string) (backup.Report, error) { return b.verify(id), nil },
		"by a drill":        func(b *bundle, id string) (backup.Report, error) { return b.service().Drill(b.t.Context(), id) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := sqlite(t)
			good, hurt := b.create(), b.create()
			if err := os.Truncate(b.file(hurt.ID, "db.zst"), 100); err != nil {
				t.Fatal(err)
			}
			if r, err := find(b, hurt.ID); err != nil || len(r.Damages) == 0 {
				t.Fatal(r, err)
			}
			if removed, err := b.service().Prune(t.Context(), backup.Keep{Last: 1}, nil); err != nil || len(removed) > 0 {
				t.Error(removed, err)
			}
			if r := b.verify(good.ID); len(r.Damages) > 0 {
				t.Error(r)
			}
		})
	}
}
