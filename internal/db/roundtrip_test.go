package db_test

import (
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/testkit"
)

// sequence is the base migration and those of a file's name, as number 2.
func sequence(t *testing.T, folder, name string) fs.FS {
	t.Helper()
	all := fstest.MapFS{}
	add := func(file, as string) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[as] = &fstest.MapFile{Data: text}
	}
	const dir = "testdata/sequence/"
	add(dir+"2026010101_base.sql", "2026010101_base.sql")
	files, err := fs.Glob(os.DirFS(dir), path.Join(folder, name+".*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		add(dir+file, "2026010102_"+path.Base(file))
	}
	return all
}

func TestTheCommittedSequenceGoesRoundTrip(t *testing.T) {
	t.Parallel()
	testkit.EachEmpty(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		problems, err := db.RoundTrip(t.Context(), d, db.Migrations())
		if err != nil {
			t.Fatal(err)
		}
		if len(problems) > 0 {
			t.Errorf("%d problems:\n%s", len(problems), strings.Join(problems, "\n"))
		}
	})
}

// Each of these mistakes goes up and down without an error.
func TestSeededMistakesAreFound(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]map[db.Engine]string{
		"forgotten_column": both("down: is new: berths: column depth_m double precision"),
		"forgotten_trigger": {
			db.SQLite:   "down: is new: harbours: sqlite: trigger berths_kept:",
			db.Postgres: "down: is new: harbours: postgres: trigger berths_kept:",
		},
		"foreign_index_dropped": both("down: is gone or changed: berths: index berths_harbour (harbour_id)"),
		"rows_deleted_in_down":  both("down: berths had 3 rows and has 0"),
		"rows_rewritten_in_up":  both("up: rows of berths changed in column number"),
		"empty_down":            both("down: is new: moves: column id text not null"),
		"forgotten_index":       both("down: is new: berths: index berths_number (number desc)"),
		"check_lost": {
			db.SQLite:   "down: is gone or changed: berths: sqlite: table berths:",
			db.Postgres: "down: is gone or changed: berths: postgres: constraint berths_number_check: CHECK ((number > 0))",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testkit.EachEmpty(t, func(t *testing.T, d *db.DB) {
				t.Helper()
				problems, err := db.RoundTrip(t.Context(), d, sequence(t, "mistakes", name))
				if err != nil {
					t.Fatal(err)
				}
				found := strings.Join(problems, "\n")
				if !strings.Contains(found, "2026010102_"+name+": "+want[d.Engine]) {
					t.Errorf("want %q in:\n%s", want[d.Engine], found)
				}
			})
		})
	}
}

func both(s string) map[db.Engine]string { return map[db.Engine]string{db.SQLite: s, db.Postgres: s} }

func TestGoodMigrationsGoRoundTrip(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"contract", "data", "rebuild", "types"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testkit.EachEmpty(t, func(t *testing.T, d *db.DB) {
				t.Helper()
				problems, err := db.RoundTrip(t.Context(), d, sequence(t, "good", name))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff([]string(nil), problems); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestAnExpandMigrationMayNotTakeAway(t *testing.T) {
	t.Parallel()
	testkit.EachEmpty(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		problems, err := db.RoundTrip(t.Context(), d, fstest.MapFS{
			"2026010101_base.sql": {Data: []byte("-- class: expand\n-- +goose Up\nCREATE TABLE a (x TEXT, y TEXT);\n-- +goose Down\nDROP TABLE a;\n")},
			"2026010102_less.sql": {Data: []byte("-- class: expand\n-- +goose Up\nALTER TABLE a DROP COLUMN y;\n-- +goose Down\nALTER TABLE a ADD COLUMN y TEXT;\n")},
		})
		want := []string{"2026010102_less: up: takes away column y of a, but its class is expand"}
		if diff := cmp.Diff(want, problems); err != nil || diff != "" {
			t.Error(err, diff)
		}
	})
}

func TestARoundTripNeedsAnEmptyDatabase(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		if _, err := db.RoundTrip(t.Context(), d, db.Migrations()); !fault.Is(err, fault.Conflict) {
			t.Error(err)
		}
	})
}

func TestATypeWithoutValueIsAnError(t *testing.T) {
	t.Parallel()
	empty, err := db.Open(t.Context(), db.Options{URL: path.Join(t.TempDir(), "x.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = empty.Close() })
	_, err = db.RoundTrip(t.Context(), empty, fstest.MapFS{
		"2026010101_base.sql": {Data: []byte("-- class: expand\n-- +goose Up\nCREATE TABLE a (x POLYGON);\n-- +goose Down\nDROP TABLE a;\n")},
		"2026010102_next.sql": {Data: []byte("-- class: expand\n-- +goose Up\nSELECT 1;\n-- +goose Down\nSELECT 1;\n")},
	})
	if err == nil || !strings.Contains(err.Error(), "there is no value for column x of type polygon") {
		t.Error(err)
	}
}
