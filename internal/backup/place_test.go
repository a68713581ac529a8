package backup_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"navidocs/internal/backup"
	"navidocs/internal/fault"
	"navidocs/internal/testkit"
)

// A second place takes every backup, gives it back when the first is gone, and
// is pruned by the same rule.
func TestASecondPlace(t *testing.T) {
	t.Parallel()
	for name, place := range map[string]func(*testing.T) string{
		"folder": func(t *testing.T) string { t.Helper(); return filepath.Join(t.TempDir(), "away") },
		"bucket": func(t *testing.T) string { t.Helper(); return strings.Replace(testkit.S3(t), "?", "/backups?", 1) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			away := place(t)
			b := sqlite(t, "BACKUP_OFFSITE="+away)
			b.fill(5)
			b.paper("one")
			first := b.create()
			b.paper("two")
			second := b.create()
			if !second.OffSite {
				t.Error(second)
			}
			there := b.service(func(o *backup.Options) { o.From = away })
			all, err := there.List(t.Context())
			if err != nil || len(all) != 2 || all[0].ID != second.ID || all[0].VerifiedAt == nil {
				t.Fatal(all, err)
			}
			if _, err := b.service().Prune(t.Context(), backup.Keep{Last: 1}, nil); err != nil {
				t.Fatal(err)
			}
			if err := os.RemoveAll(b.config.Backup.Dir); err != nil {
				t.Fatal(err)
			}
			if r, err := there.Verify(t.Context(), second.ID, backup.VerifyOptions{Sample: 1}); err != nil || len(r.Damages) > 0 || r.BlobsRead != 2 {
				t.Error(r, err)
			}
			if _, err := there.Verify(t.Context(), first.ID, backup.VerifyOptions{}); !fault.Is(err, fault.NotFound) {
				t.Error("it was not pruned", err)
			}
			home := filepath.Join(t.TempDir(), "home")
			if _, err := there.Restore(t.Context(), second.ID, backup.RestoreOptions{To: home}); err != nil {
				t.Fatal(err)
			}
			if rowsIn(t, filepath.Join(home, "data", "navidocs.db")) != 5 {
				t.Error("not restored")
			}
		})
	}
}

// A place that is away fails the backup loudly, and the local one stays.
func TestAPlaceThatIsAway(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b := sqlite(t, "BACKUP_OFFSITE="+filepath.Join(file, "away"))
	e, err := b.service().Create(t.Context(), backup.CreateOptions{})
	if err == nil || e.VerifiedAt == nil {
		t.Error(e, err)
	}
	if r := b.verify(e.ID); len(r.Damages) > 0 {
		t.Error(r)
	}
	if got := b.failures(); len(got) != 1 || got[0].Kind != "failed" {
		t.Error(got)
	}
	if _, err := backup.New(backup.Options{From: "s3://nothing"}); !fault.Is(err, fault.Invalid) {
		t.Error(err)
	}
}

// The night's backup is made once, drilled and pruned; what is late or fails
// is told to the operators.
func TestTheNightsBackup(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		nights := func() int {
			t.Helper()
			if err := b.service().Nightly(t.Context()); err != nil {
				t.Log(err)
			}
			all, err := b.service().List(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return len(all)
		}
		b.exec("UPDATE schema_files SET applied_at = $1", start.UnixMicro())
		if nights() != 0 {
			t.Error("a new installation has nothing to lose yet")
		}
		b.clock.Set(time.Date(2026, 5, 5, 1, 59, 0, 0, time.UTC))
		if nights() != 0 {
			t.Error("before its hour")
		}
		b.clock.Add(time.Hour)
		for range 2 {
			if nights() != 1 {
				t.Error("not once a night")
			}
		}
		all, err := b.service().List(t.Context())
		if err != nil || all[0].DrilledAt == nil || all[0].Reason != "nightly" {
			t.Error(all, err)
		}
		if got := b.failures(); len(got) != 0 {
			t.Error(got)
		}
		b.clock.Add(50 * time.Hour) // nobody worked for two nights
		if nights() != 2 {
			t.Error("not made after all")
		}
		got := b.failures()
		if len(got) != 1 || got[0].Kind != "late" || got[0].LastSuccess == nil || !got[0].LastSuccess.Equal(all[0].Created) {
			t.Fatal(got)
		}
		b.clock.Add(24 * time.Hour)
		if err := os.Remove(filepath.Join(b.config.KeyDir(), "recovery.pub")); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			nights()
			b.clock.Add(time.Minute)
		}
		if got := b.failures(); len(got) != 4 || got[3].Kind != "failed" {
			t.Error("not tried three times and told each time", got)
		}
	})
}

// A drill that fails is told, and the older backups stay.
func TestADrillThatFailsIsTold(t *testing.T) {
	t.Parallel()
	b := sqlite(t)
	b.exec("UPDATE schema_files SET applied_at = $1", start.Add(-100*time.Hour).UnixMicro())
	b.smoked = nil
	s := b.service(func(o *backup.Options) { o.Migrate = nil; o.Smoke = nil; o.Migrate = failing })
	if err := s.Nightly(t.Context()); err == nil {
		t.Error("it passed")
	}
	got := b.failures()
	if len(got) == 0 || got[len(got)-1].Kind != "drill" {
		t.Error(got)
	}
}
