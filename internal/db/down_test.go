package db_test

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/testkit"
)

// two is release 1, with two boats, and then release 2.
func two(t *testing.T, d *db.DB) *db.Migrator {
	t.Helper()
	up(t, migrator(t, d, release(1)))
	execute(t, d, "INSERT INTO boats (id, name) VALUES (1, 'Calypso'), (2, NULL)")
	m := migrator(t, d, release(2))
	up(t, m)
	return m
}

func TestDownTakesBackTheLastRunAlone(t *testing.T) {
	t.Parallel()
	testkit.EachEmpty(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		m := two(t, d)
		undone, err := m.Down(t.Context(), 0)
		if diff := cmp.Diff([]string{"2026020102_fill", "2026020101_title"}, names(undone)); err != nil || diff != "" {
			t.Error(err, diff)
		}
		if n := count(t, d, "SELECT count(*) FROM boats"); n != 2 {
			t.Error(n, "boats")
		}
		for steps, want := range map[int]string{0: "installed the schema", 2: "--steps 1 at most"} {
			if _, err := m.Down(t.Context(), steps); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), want) {
				t.Error(steps, err)
			}
			if _, err := m.PlanDown(t.Context(), steps); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), want) {
				t.Error(steps, err)
			}
		}
		if undone, err := m.Down(t.Context(), 1); len(undone) != 1 || err != nil {
			t.Error(undone, err)
		}
		if undone, err := m.Down(t.Context(), 0); len(undone) != 0 || err != nil {
			t.Error(undone, err)
		}
		if p, err := m.PlanDown(t.Context(), 0); len(p.Undo) != 0 || err != nil {
			t.Error(p, err)
		}
	})
}

func TestThePlanOfDownCountsWhatWouldBeLost(t *testing.T) {
	t.Parallel()
	testkit.EachEmpty(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		m := two(t, d)
		before := schemaText(t, d)
		plan := func(steps int, undo []string, lost ...db.Loss) {
			t.Helper()
			p, err := m.PlanDown(t.Context(), steps)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(undo, names(p.Undo)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(lost, p.Lost); diff != "" || p.Engine != d.Engine {
				t.Error(p.Engine, diff)
			}
		}
		plan(1, []string{"2026020102_fill"})
		plan(0, []string{"2026020102_fill", "2026020101_title"}, db.Loss{Table: "boats", Column: "title", Rows: 1})
		if diff := cmp.Diff(before, schemaText(t, d)); diff != "" {
			t.Error("the plan changed the schema:", diff)
		}
		if _, err := m.Down(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		plan(1, []string{"2026010101_base"}, db.Loss{Table: "boats", Rows: 2})
	})
}

func TestDownNeedsTheFilesThatWereApplied(t *testing.T) {
	t.Parallel()
	testkit.EachEmpty(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		two(t, d)
		files := release(2)
		files["2026020101_title.sql"].Data = append(files["2026020101_title.sql"].Data, "DROP TABLE boats;\n"...)
		m := migrator(t, d, files)
		if _, err := m.Down(t.Context(), 0); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "migration title was changed") {
			t.Error(err)
		}
		if got := states(t, m); got != "base applied, title changed, fill applied" {
			t.Error(got)
		}
	})
}

func TestAScratchDatabaseIsEmptyAndGoes(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		s, drop, err := db.Scratch(t.Context(), testkit.URL(d))
		if err != nil {
			t.Fatal(err)
		}
		if s.Engine != d.Engine || schemaText(t, s) != "" {
			t.Error(s.Engine, schemaText(t, s))
		}
		address := testkit.URL(s)
		if err := drop(); err != nil {
			t.Error(err)
		}
		if d.Engine == db.SQLite {
			if _, err := os.Stat(filepath.Dir(address)); !os.IsNotExist(err) {
				t.Error("its folder stayed", err)
			}
		} else if again, err := db.Open(t.Context(), db.Options{URL: address}); err == nil {
			again.Close()
			t.Error("it stayed")
		}
	})
}

// A user that may not make databases gets one of SQLite.
func TestWithoutTheRightAScratchDatabaseIsSQLite(t *testing.T) {
	t.Parallel()
	d := testkit.Postgres(t)
	name := "role_" + strings.ReplaceAll(db.NewID(), "-", "")
	execute(t, d, "CREATE ROLE "+name+" LOGIN PASSWORD 'x'")
	ctx := context.WithoutCancel(t.Context())
	t.Cleanup(func() {
		err := d.Transact(ctx, func(tx *db.Tx) error { _, err := tx.Exec(ctx, "DROP ROLE "+name); return err })
		if err != nil {
			t.Error(err)
		}
	})
	s, drop, err := db.Scratch(t.Context(), asUser(t, testkit.URL(d), name))
	if err != nil {
		t.Fatal(err)
	}
	if s.Engine != db.SQLite {
		t.Error(s.Engine)
	}
	if err := drop(); err != nil {
		t.Error(err)
	}
}

func asUser(t *testing.T, address, name string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(name, "x")
	return u.String()
}
