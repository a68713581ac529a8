package db_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"navidocs/internal/db"
	"navidocs/internal/testkit"
)

// twins runs a test on two empty databases of the same engine.
func twins(t *testing.T, f func(t *testing.T, a, b *db.DB)) {
	t.Helper()
	testkit.EachEmpty(t, func(t *testing.T, a *db.DB) {
		t.Helper()
		b, drop, err := db.Scratch(t.Context(), testkit.URL(a))
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := drop(); err != nil {
				t.Error(err)
			}
		}()
		f(t, a, b)
	})
}

func run(t testing.TB, d *db.DB, statements ...string) {
	t.Helper()
	err := d.Transact(t.Context(), func(tx *db.Tx) error {
		for _, s := range statements {
			if _, err := tx.Exec(t.Context(), s); err != nil {
				return fmt.Errorf("%s: %w", s, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func digests(t testing.TB, d *db.DB) map[string]db.TableDigest {
	t.Helper()
	all, err := db.Digests(t.Context(), d, d)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]db.TableDigest{}
	for _, one := range all {
		out[one.Name] = one
	}
	return out
}

// The order in which rows came, and those that came and went, leave no trace.
func TestEqualRowsHaveEqualDigests(t *testing.T) {
	t.Parallel()
	twins(t, func(t *testing.T, a, b *db.DB) {
		for _, d := range []*db.DB{a, b} {
			run(t, d, "CREATE TABLE keyed (x TEXT, y BIGINT, v TEXT, PRIMARY KEY (x, y))", "CREATE TABLE plain (v TEXT, n BIGINT)", "CREATE TABLE empty (id TEXT PRIMARY KEY)")
		}
		run(t, a, "INSERT INTO keyed VALUES ('a', 2, 'two'), ('a', 10, NULL), ('B', 1, '')", "INSERT INTO plain VALUES ('v', 1), (NULL, 2), ('v', 1)")
		run(t, b, "INSERT INTO keyed VALUES ('B', 1, ''), ('gone', 1, ''), ('a', 10, NULL), ('a', 2, 'other')", "DELETE FROM keyed WHERE x = 'gone'",
			"UPDATE keyed SET v = 'two' WHERE y = 2", "INSERT INTO plain VALUES (NULL, 2), ('v', 1), ('v', 1)")
		da := digests(t, a)
		if diff := cmp.Diff(da, digests(t, b)); diff != "" {
			t.Error(diff)
		}
		if len(da) != 3 || da["keyed"].Rows != 3 || da["plain"].Rows != 3 || da["empty"].Rows != 0 || len(da["empty"].SHA256) != 64 {
			t.Errorf("%+v", da)
		}
		if diffs, err := db.Compare(t.Context(), a, a); err != nil || len(diffs) != 1 || diffs[0].Table != "plain" {
			t.Error("all but the table without a key are equal", diffs, err)
		}
	})
}

// Each kind of change gives another digest than each other one.
func TestEachChangeHasItsOwnDigest(t *testing.T) {
	t.Parallel()
	changes := []string{
		"", // none
		"UPDATE t SET a = NULL WHERE id = 'x'",
		"UPDATE t SET a = '' WHERE id = 'x'",
		"UPDATE t SET a = '1', n = NULL WHERE id = 'x'",
		"UPDATE t SET a = NULL, n = 1 WHERE id = 'x'",
		"UPDATE t SET a = b, b = a WHERE id = 'x'",
		"UPDATE t SET a = 'ab', b = 'c' WHERE id = 'x'",
		"UPDATE t SET a = 'a', b = 'bc' WHERE id = 'x'",
		"UPDATE t SET a = 'bee ' WHERE id = 'x'",
		"UPDATE t SET n = n + 1 WHERE id = 'x'",
		"UPDATE t SET n = -n WHERE id = 'x'",
		"UPDATE t SET r = r + 0.5 WHERE id = 'x'",
		"UPDATE t SET id = 'z' WHERE id = 'x'",
		"UPDATE t SET id = CASE id WHEN 'x' THEN 'y' ELSE 'x' END WHERE n < 100", // rows swap keys
		"INSERT INTO t (id) VALUES ('w')",
		"DELETE FROM t WHERE id = 'x'",
		"DELETE FROM t",
	}
	testkit.EachEmpty(t, func(t *testing.T, d *db.DB) {
		seen := map[string]string{}
		for _, change := range changes {
			run(t, d, "CREATE TABLE t (id TEXT, a TEXT, b TEXT, n BIGINT, r DOUBLE PRECISION)",
				"INSERT INTO t VALUES ('x', 'ay', 'bee', 7, 0.5), ('y', 'ay', 'bee', 8, 0.25)")
			if change != "" {
				run(t, d, change)
			}
			sum := digests(t, d)["t"].SHA256
			if other, twice := seen[sum]; twice {
				t.Errorf("%q and %q have the same digest", change, other)
			}
			seen[sum] = change
			run(t, d, "DROP TABLE t")
		}
	})
}

// A SQLite column without a type holds any kind of value: each is another.
func TestKindsOfValuesHaveTheirOwnDigests(t *testing.T) {
	t.Parallel()
	d, drop, err := db.Scratch(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := drop(); err != nil {
			t.Error(err)
		}
	}()
	seen := map[string]string{}
	for _, value := range []string{"NULL", "''", "x''", "0", "0.0", "'0'", "1", "1.0", "'1'", "x'31'", "'1.0'", "'NULL'", "'n'"} {
		run(t, d, "CREATE TABLE t (id TEXT PRIMARY KEY, v)", "INSERT INTO t VALUES ('x', "+value+")")
		sum := digests(t, d)["t"].SHA256
		if other, twice := seen[sum]; twice {
			t.Errorf("%s and %s have the same digest", value, other)
		}
		seen[sum] = value
		run(t, d, "DROP TABLE t")
	}
}

// kept is a table of the model: values by key.
type kept map[string]string

// The kinds of keys that Compare puts in order; the text of one is what SQL
// reads.
var keyKinds = map[string]struct {
	columns, key string
	draw         *rapid.Generator[string]
}{
	"texts":   {"k TEXT PRIMARY KEY, v TEXT", "k", rapid.Map(rapid.StringOfN(rapid.RuneFrom([]rune("aAbB1 ~éßüЖ-'😀")), 0, 4, -1), quoteText)},
	"numbers": {"k BIGINT PRIMARY KEY, v TEXT", "k", rapid.Map(rapid.Int64Range(-12, 12), func(n int64) string { return fmt.Sprint(n) })},
	"reals":   {"k DOUBLE PRECISION PRIMARY KEY, v TEXT", "k", rapid.Map(rapid.IntRange(-60, 60), func(n int) string { return fmt.Sprintf("%.2f", float64(n)/4) })},
	"bytes":   {"k BYTEA PRIMARY KEY, v TEXT", "k", rapid.Map(rapid.SliceOfN(rapid.Byte(), 1, 2), func(b []byte) string { return fmt.Sprintf("x'%x'", b) })},
	"pairs": {"x TEXT, y BIGINT, v TEXT, PRIMARY KEY (x, y)", "x, y", rapid.Custom(func(t *rapid.T) string {
		return quoteText(rapid.SampledFrom([]string{"", "a", "b", "aa", "A"}).Draw(t, "x")) + ", " + fmt.Sprint(rapid.IntRange(-2, 11).Draw(t, "y"))
	})},
}

func quoteText(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// What Compare counts is what a plain map of keys and values counts, whatever
// the kind of the key.
func TestCompareCountsAsAModelDoes(t *testing.T) {
	t.Parallel()
	twins(t, func(t *testing.T, a, b *db.DB) {
		for name, kind := range keyKinds {
			for _, d := range []*db.DB{a, b} {
				run(t, d, "CREATE TABLE "+name+" ("+kind.columns+")")
			}
		}
		rapid.Check(t, func(rt *rapid.T) {
			var want []db.Difference
			for _, name := range []string{"bytes", "numbers", "pairs", "reals", "texts"} {
				values := rapid.SampledFrom([]string{"NULL", "''", "'1'", "'v'"})
				draw := rapid.MapOfN(keyKinds[name].draw, values, 0, 8)
				one := draw.Draw(rt, name)
				two := draw.Draw(rt, name+" of the other")
				for _, key := range slices.Sorted(maps.Keys(one)) { // so that they share some
					if rapid.Bool().Draw(rt, "shared") {
						two[key] = one[key]
					}
				}
				lays(t.Context(), rt, a, name, keyKinds[name].key, one)
				lays(t.Context(), rt, b, name, keyKinds[name].key, two)
				if d := (db.Difference{Table: name}); model(&d, one, two) {
					want = append(want, d)
				}
			}
			got, err := db.Compare(t.Context(), a, b)
			if err != nil {
				rt.Fatal(err)
			}
			if diff := cmp.Diff(append([]db.Difference{}, want...), got); diff != "" {
				rt.Fatal(diff)
			}
			same := digests(t, a)
			for name, other := range digests(t, b) {
				differs := false
				for _, d := range want {
					differs = differs || d.Table == name
				}
				if (same[name] != other) != differs {
					rt.Fatalf("the digests of %s: %v, %v", name, same[name], other)
				}
			}
		})
	})
}

func lays(ctx context.Context, rt *rapid.T, d *db.DB, table, key string, rows kept) {
	rt.Helper()
	err := d.Transact(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM "+table); err != nil {
			return err
		}
		for k, v := range rows {
			if d.Engine == db.Postgres && strings.HasPrefix(k, "x'") {
				k = `'\x` + k[2:]
			}
			if _, err := tx.Exec(ctx, "INSERT INTO "+table+" ("+key+", v) VALUES ("+k+", "+v+")"); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		rt.Fatal(err)
	}
}

// model counts, and says whether anything differs.
func model(d *db.Difference, a, b kept) bool {
	for k, v := range a {
		if other, there := b[k]; !there {
			d.Added++
		} else if other != v {
			d.Changed++
		}
	}
	for k := range b {
		if _, there := a[k]; !there {
			d.Removed++
		}
	}
	return d.Added+d.Changed+d.Removed > 0
}

// What only one of the two knows: a table, a column, a key.
func TestCompareAcrossSchemas(t *testing.T) {
	t.Parallel()
	twins(t, func(t *testing.T, a, b *db.DB) {
		run(t, a, "CREATE TABLE same (id TEXT PRIMARY KEY, v TEXT)", "INSERT INTO same VALUES ('a', '1')",
			"CREATE TABLE missing (id TEXT PRIMARY KEY)", "INSERT INTO missing VALUES ('a'), ('b')",
			"CREATE TABLE missing_empty (id TEXT PRIMARY KEY)",
			"CREATE TABLE wider (id TEXT PRIMARY KEY, v TEXT, more TEXT, most BIGINT)", "INSERT INTO wider VALUES ('a', '1', 'x', 1), ('b', '2', 'x', 1)",
			"CREATE TABLE narrower (id TEXT PRIMARY KEY, v TEXT)", "INSERT INTO narrower VALUES ('a', '1'), ('b', '2')",
			"CREATE TABLE rekeyed (id TEXT PRIMARY KEY, v TEXT)", "INSERT INTO rekeyed VALUES ('a', '1')",
			"CREATE TABLE keyless (v TEXT)", "INSERT INTO keyless VALUES ('a'), ('a'), (NULL)")
		run(t, b, "CREATE TABLE same (id TEXT PRIMARY KEY, v TEXT)", "INSERT INTO same VALUES ('a', '1')",
			"CREATE TABLE wider (id TEXT PRIMARY KEY, v TEXT)", "INSERT INTO wider VALUES ('a', '1'), ('b', 'other')",
			"CREATE TABLE narrower (v TEXT, less TEXT, id TEXT PRIMARY KEY)", "INSERT INTO narrower VALUES ('1', 'y', 'a'), ('2', 'y', 'c')",
			"CREATE TABLE rekeyed (id TEXT, v TEXT PRIMARY KEY)", "INSERT INTO rekeyed VALUES ('a', '1')",
			"CREATE TABLE keyless (v TEXT)", "CREATE TABLE only_there (id TEXT PRIMARY KEY)", "INSERT INTO only_there VALUES ('a')")
		want := []db.Difference{
			{Table: "keyless", Added: 3},
			{Table: "missing", Added: 2},
			{Table: "narrower", Added: 1, Removed: 1},
			{Table: "rekeyed", Added: 1},
			{Table: "wider", Changed: 1, Columns: []string{"more", "most"}},
		}
		got, err := db.Compare(t.Context(), a, b)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Error(diff, err)
		}
	})
}

// Compare sees both databases as they were at one instant each.
func TestCompareUnderWrites(t *testing.T) {
	t.Parallel()
	twins(t, func(t *testing.T, a, b *db.DB) {
		for _, d := range []*db.DB{a, b} {
			run(t, d, "CREATE TABLE first (id BIGINT PRIMARY KEY)", "CREATE TABLE second (id BIGINT PRIMARY KEY)")
		}
		end := paired(t, a)
		for range 5 {
			diffs, err := db.Compare(t.Context(), a, b)
			if err != nil || len(diffs) != 2 || diffs[0].Added != diffs[1].Added || diffs[0].Added < 10 {
				t.Errorf("%+v, %v", diffs, err)
			}
		}
		end()
	})
}

// paired writes pairs of rows, one to each of two tables in one transaction,
// until it is told to end; there are some when it returns.
func paired(t *testing.T, d *db.DB) (end func()) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	ended, some := make(chan error, 1), make(chan struct{})
	go func() {
		var err error
		for n := 0; ctx.Err() == nil && err == nil; n++ {
			if n == 10 {
				close(some)
			}
			err = d.Transact(t.Context(), func(tx *db.Tx) error {
				_, err := tx.Exec(t.Context(), "INSERT INTO first (id) VALUES ($1)", n)
				if err == nil {
					_, err = tx.Exec(t.Context(), "INSERT INTO second (id) VALUES ($1)", n)
				}
				return err
			})
		}
		ended <- err
	}()
	select {
	case <-some:
	case err := <-ended:
		t.Fatal("the writer ended", err)
	}
	return func() {
		t.Helper()
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// The newest row of each table is noted, and found again as long as it is there.
func TestNewestAndHas(t *testing.T) {
	t.Parallel()
	testkit.EachEmpty(t, func(t *testing.T, d *db.DB) {
		run(t, d, "CREATE TABLE texts (id TEXT PRIMARY KEY)", "INSERT INTO texts VALUES ('01'), ('03'), ('02')",
			"CREATE TABLE numbers (id BIGINT PRIMARY KEY)", "INSERT INTO numbers VALUES (9), (10)",
			"CREATE TABLE pairs (x TEXT, y TEXT, PRIMARY KEY (x, y))", "INSERT INTO pairs VALUES ('a', 'b')", "CREATE TABLE empty (id TEXT PRIMARY KEY)")
		got, err := db.Newest(t.Context(), d, d)
		want := []db.RowKey{{Table: "numbers", Column: "id", Key: int64(10)}, {Table: "texts", Column: "id", Key: "03"}}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Error(diff, err)
		}
		for _, row := range want {
			if there, err := db.Has(t.Context(), d, row); !there || err != nil {
				t.Error(row, err)
			}
		}
		for _, row := range []db.RowKey{{Table: "texts", Column: "id", Key: "04"}, {Table: "numbers", Column: "id", Key: int64(1)}} {
			if there, err := db.Has(t.Context(), d, row); there || err != nil {
				t.Error(row, err)
			}
		}
	})
}
