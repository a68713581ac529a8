package db_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/testkit"
)

func migrator(t *testing.T, d *db.DB, sequence fs.FS) *db.Migrator {
	t.Helper()
	m, err := db.NewMigrator(d, sequence, filepath.Join(t.TempDir(), "lock"))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func names(all []db.Migration) []string {
	var out []string
	for _, mig := range all {
		out = append(out, mig.String())
	}
	return out
}

func TestUpStatusPendingDown(t *testing.T) {
	t.Parallel()
	testkit.EachEmpty(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		ctx := t.Context()
		m := migrator(t, d, sequence(t, "good", "types"))
		pending := func(want int) {
			t.Helper()
			if n, err := m.Pending(ctx); n != want || err != nil {
				t.Errorf("%d pending, want %d: %v", n, want, err)
			}
		}
		pending(2)
		done, err := m.Up(ctx, db.UpOptions{})
		if err != nil {
			t.Fatal(err)
		}
		applied := done.Applied
		pending(0)
		want := []db.Migration{
			{Version: 2026010101, Name: "base", Class: db.Expand, State: db.Applied, Applied: true, Run: 1},
			{Version: 2026010102, Name: "types", Class: db.Expand, State: db.Applied, Applied: true, Run: 1},
		}
		ignored := cmpopts.IgnoreFields(db.Migration{}, "SHA256", "AppliedAt")
		if diff := cmp.Diff(want, applied, ignored); diff != "" {
			t.Error(diff)
		}
		status, err := m.Status(ctx)
		if diff := cmp.Diff(applied, status); err != nil || diff != "" {
			t.Error("what is applied differs from its status:", err, diff)
		}
		if done, err := m.Up(ctx, db.UpOptions{}); len(done.Applied) > 0 || err != nil {
			t.Error(done, err)
		}
		undone, err := m.Down(ctx, 1)
		if diff := cmp.Diff([]string{"2026010102_types"}, names(undone)); err != nil || diff != "" {
			t.Error(err, diff)
		}
		pending(1)
		undone, err = m.Down(ctx, 1)
		if diff := cmp.Diff([]string{"2026010101_base"}, names(undone)); err != nil || diff != "" {
			t.Error(err, diff)
		}
		pending(2)
		if undone, err = m.Down(ctx, 0); len(undone) > 0 || err != nil {
			t.Error(undone, err)
		}
		if done, err := m.Up(ctx, db.UpOptions{}); len(done.Applied) != 2 || err != nil {
			t.Error(done, err)
		}
	})
}

func TestAPendingMigrationHasNoTime(t *testing.T) {
	t.Parallel()
	testkit.EachEmpty(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		all, err := migrator(t, d, sequence(t, "", "")).Status(t.Context())
		if err != nil || len(all) != 1 {
			t.Fatal(err, all)
		}
		text, err := json.Marshal(all[0])
		if err != nil || strings.Contains(string(text), "applied_at") || !strings.Contains(string(text), `"class":"expand"`) {
			t.Error(string(text), err)
		}
	})
}

func TestAChangedFileIsRefused(t *testing.T) {
	t.Parallel()
	testkit.EachEmpty(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		files := fstest.MapFS{"2026010101_a.sql": {Data: []byte("-- class: expand\n-- +goose Up\nCREATE TABLE a (x TEXT);\n-- +goose Down\nDROP TABLE a;\n")}}
		if _, err := migrator(t, d, files).Up(t.Context(), db.UpOptions{}); err != nil {
			t.Fatal(err)
		}
		files["2026010101_a.sql"] = &fstest.MapFile{Data: append([]byte(nil), "-- class: expand\n-- +goose Up\nCREATE TABLE b (x TEXT);\n-- +goose Down\nDROP TABLE b;\n"...)}
		files["2026010102_c.sql"] = &fstest.MapFile{Data: []byte("-- class: expand\n-- +goose Up\nCREATE TABLE c (x TEXT);\n-- +goose Down\nDROP TABLE c;\n")}
		_, err := migrator(t, d, files).Up(t.Context(), db.UpOptions{})
		if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "migration a was changed") {
			t.Error(err)
		}
		if print, err := db.SchemaPrint(t.Context(), d); strings.Contains(print, "c: ") || err != nil {
			t.Error("it went on all the same", err)
		}
	})
}

// A migration that fails leaves nothing, and can be repaired.
func TestAMigrationIsOneTransaction(t *testing.T) {
	t.Parallel()
	testkit.EachEmpty(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		const up = "-- class: expand\n-- +goose Up\nCREATE TABLE a (x TEXT);\n%s\n-- +goose Down\nDROP TABLE a;\n"
		broken := fstest.MapFS{"2026010101_a.sql": {Data: fmt.Appendf(nil, up, "INSERT INTO nowhere VALUES (1);")}}
		m := migrator(t, d, broken)
		if _, err := m.Up(t.Context(), db.UpOptions{}); err == nil {
			t.Error("no error")
		}
		if n, err := m.Pending(t.Context()); n != 1 || err != nil {
			t.Error(n, err)
		}
		repaired := fstest.MapFS{"2026010101_a.sql": {Data: fmt.Appendf(nil, up, "INSERT INTO a VALUES ('1');")}}
		if _, err := migrator(t, d, repaired).Up(t.Context(), db.UpOptions{}); err != nil {
			t.Error(err)
		}
	})
}

func TestWhatFollowsTheMigrationsMayFail(t *testing.T) {
	t.Parallel()
	testkit.EachEmpty(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		cause := errors.New("no job tables")
		m, err := db.NewMigrator(d, sequence(t, "", ""), "", func(context.Context) error { return cause })
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Up(t.Context(), db.UpOptions{}); !errors.Is(err, cause) {
			t.Error(err)
		}
		if n, err := m.Pending(t.Context()); n != 0 || err != nil {
			t.Error(n, err)
		}
	})
}

func TestFileNamesAndClassesAreChecked(t *testing.T) {
	t.Parallel()
	const good = "-- class: data\n-- +goose Up\nDELETE FROM a WHERE x IN (SELECT x FROM a LIMIT $batch);\n-- +goose Down\n"
	for file, text := range map[string]string{
		"20260101_short.sql":      good,
		"2026010101_Capital.sql":  good,
		"2026010101_no_class.sql": strings.TrimPrefix(good, "-- class: data\n"),
		"2026010101_class.sql":    strings.Replace(good, "data", "magic", 1),
		"2026010101_no_batch.sql": strings.Replace(good, "$batch", "7", 1),
		"2026010101_no_end.sql":   strings.Replace(good, ";", "", 1),
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			d := testkit.SQLite(t)
			m := migrator(t, d, fstest.MapFS{file: {Data: []byte(text)}})
			if _, err := m.Status(t.Context()); err == nil || !strings.Contains(err.Error(), file) {
				t.Error(err)
			}
			if _, err := m.Up(t.Context(), db.UpOptions{}); err == nil {
				t.Error("it was applied")
			}
			if n, err := m.Pending(t.Context()); err == nil {
				t.Error("it counts", n)
			}
		})
	}
}

// Who waits for the lock in vain says why and leaves the database usable.
func TestTheLockIsWaitedForOnlyAsLongAsAsked(t *testing.T) {
	t.Parallel()
	testkit.EachEmpty(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		lock := filepath.Join(t.TempDir(), "lock")
		second, err := db.NewMigrator(d, sequence(t, "", ""), lock)
		if err != nil {
			t.Fatal(err)
		}
		first, err := db.NewMigrator(d, sequence(t, "", ""), lock, func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
			defer cancel()
			if _, err := second.Up(ctx, db.UpOptions{}); err == nil {
				t.Error("two migrate at once")
			} else if d.Engine == db.SQLite && !fault.Is(err, fault.Unavailable) {
				t.Error(err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := first.Up(t.Context(), db.UpOptions{}); err != nil {
			t.Error(err)
		}
		if undone, err := second.Down(t.Context(), 1); len(undone) != 1 || err != nil {
			t.Error("the lock was kept:", undone, err)
		}
	})
}

func TestALockThatCannotBeMadeIsNoOtherProcess(t *testing.T) {
	t.Parallel()
	m, err := db.NewMigrator(testkit.SQLite(t), db.Migrations(), filepath.Join(t.TempDir(), "missing", "lock"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Up(t.Context(), db.UpOptions{}); !errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), "another process") {
		t.Error(err)
	}
}

// modernc.org/sqlite is built for one version of modernc.org/libc; with
// another it has crashed and corrupted.
func TestTheLibcIsTheOneOfSQLite(t *testing.T) {
	t.Parallel()
	list := func(args ...string) string {
		out, err := exec.CommandContext(t.Context(), "go", args...).Output() //nolint:gosec // fixed arguments
		if err != nil {
			t.Fatal(args, err)
		}
		return strings.TrimSpace(string(out))
	}
	var mod struct {
		Require []struct{ Path, Version string }
	}
	file := list("list", "-m", "-f", "{{.GoMod}}", "modernc.org/sqlite")
	if err := json.Unmarshal([]byte(list("mod", "edit", "-json", file)), &mod); err != nil {
		t.Fatal(err)
	}
	got := list("list", "-m", "-f", "{{.Version}}", "modernc.org/libc")
	for _, r := range mod.Require {
		if r.Path == "modernc.org/libc" {
			if r.Version != got {
				t.Errorf("modernc.org/sqlite wants libc %s, ours is %s", r.Version, got)
			}
			return
		}
	}
	t.Error("modernc.org/sqlite does not name its libc")
}
