package db_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/db"
	"navidocs/internal/testkit"
)

// common is what both engines say of the schema in the same words.
func common(t *testing.T, d *db.DB) []string {
	t.Helper()
	text, err := db.SchemaPrint(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool {
		return strings.Contains(line, ": sqlite: ") || strings.Contains(line, ": postgres: ")
	})
}

func TestTheEnginesHaveTheSameSchema(t *testing.T) {
	t.Parallel()
	lite := common(t, testkit.SQLite(t))
	isSearch := func(line string) bool { return strings.HasPrefix(line, "search_") }
	lite = slices.DeleteFunc(lite, isSearch)
	pg := slices.DeleteFunc(common(t, testkit.Postgres(t)), isSearch)
	if diff := cmp.Diff(lite, pg); diff != "" {
		t.Error("SQLite (-) and PostgreSQL (+) differ:\n", diff)
	}
	if len(lite) < 300 {
		t.Error("that is not the schema:", len(lite))
	}
}

func TestSchemaPrintSaysEverythingInTheSameWords(t *testing.T) {
	t.Parallel()
	want := strings.Split(strings.TrimSpace(`
berths: column harbour_id text not null
berths: column id text not null
berths: column kind text not null default 'box'
berths: column note text not null default ''
berths: column number bigint not null
berths: constraint unique (harbour_id, number)
berths: foreign key (harbour_id) references harbours (id) on delete cascade
berths: index berths_harbour (harbour_id)
berths: primary key (id)
calibrations: column a bigint not null
calibrations: column b double precision not null
calibrations: foreign key (b, a) references readings (b, a) on delete restrict on update cascade
harbours: column id text not null
harbours: column name text not null
harbours: index harbours_name unique (name)
harbours: primary key (id)
readings: column a bigint not null
readings: column b double precision not null
readings: column d date not null
readings: column e boolean
readings: column f numeric(10,2)
readings: column g text
readings: index readings_half unique (expression) where ...
readings: primary key (b, a)
watches: column before text
watches: column id text not null
watches: foreign key (before) references watches (id)
watches: primary key (id)`), "\n")
	testkit.EachEmpty(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		m, err := db.NewMigrator(d, sequence(t, "good", "types"), "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Up(t.Context(), db.UpOptions{}); err != nil {
			t.Fatal(err)
		}
		got := slices.DeleteFunc(common(t, d), func(line string) bool { // the one type whose names differ
			return strings.HasPrefix(line, "readings: column c ")
		})
		for i, line := range got {
			got[i] = strings.ReplaceAll(line, "numeric(10, 2)", "numeric(10,2)")
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}
