package db_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/testkit"
)

// counts are the rows of the two tables that paired writes.
func counts(t *testing.T, q db.Querier) (first, second int) {
	t.Helper()
	pair, err := db.One(t.Context(), q, func(r db.Row) (n [2]int, err error) { return n, r.Scan(&n[0], &n[1]) },
		"SELECT (SELECT count(*) FROM first), (SELECT count(*) FROM second)")
	if err != nil {
		t.Fatal(err)
	}
	return pair[0], pair[1]
}

func pairs(t *testing.T, d *db.DB) {
	t.Helper()
	run(t, d, "CREATE TABLE first (id BIGINT PRIMARY KEY)", "CREATE TABLE second (id BIGINT PRIMARY KEY)")
}

// scratch is an empty SQLite database.
func scratch(t *testing.T) *db.DB {
	t.Helper()
	d, drop, err := db.Scratch(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := drop(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func openCopy(t *testing.T, path string) *db.DB {
	t.Helper()
	c, err := db.OpenCopy(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// A copy under writes is of one instant: not a transaction is torn, and nothing
// that was there before is missing.
func TestACopyIsOfOneInstant(t *testing.T) {
	t.Parallel()
	d := scratch(t)
	pairs(t, d)
	end := paired(t, d)
	for i := range 5 {
		before, _ := counts(t, d)
		path := filepath.Join(t.TempDir(), itoa(i)+".db")
		if err := d.CopyInto(t.Context(), path); err != nil {
			t.Fatal(err)
		}
		c := openCopy(t, path)
		if first, second := counts(t, c); first != second || first < before {
			t.Errorf("the copy has %d and %d rows, and %d were there before", first, second, before)
		}
		if problems, err := c.Check(t.Context(), false); err != nil || len(problems) > 0 {
			t.Error(problems, err)
		}
	}
	end()
}

func TestCopyIntoNeverOverwrites(t *testing.T) {
	t.Parallel()
	d := scratch(t)
	pairs(t, d)
	path := filepath.Join(t.TempDir(), "there")
	for _, text := range []string{"somebody's text, which is no database at all", ""} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := d.CopyInto(t.Context(), path); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), path) {
			t.Error(err)
		}
		if now, err := os.ReadFile(path); string(now) != text || err != nil {
			t.Errorf("it was overwritten by %d bytes, %v", len(now), err)
		}
	}
	if err := d.CopyInto(t.Context(), filepath.Join(t.TempDir(), "no", "folder")); err == nil {
		t.Error("it was written nowhere")
	}
	if err := testkit.Postgres(t).CopyInto(t.Context(), filepath.Join(t.TempDir(), "x")); !fault.Is(err, fault.Unsupported) {
		t.Error(err)
	}
}

// Looking at a copy leaves it as it is, and makes no file beside it.
func TestOpenCopyChangesNothing(t *testing.T) {
	t.Parallel()
	d := scratch(t)
	pairs(t, d)
	run(t, d, "INSERT INTO first VALUES (1)", "INSERT INTO second VALUES (2)")
	dir := t.TempDir()
	path := filepath.Join(dir, "50% of #1?.db")
	if err := d.CopyInto(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := db.OpenCopy(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if first, second := counts(t, c); first != 1 || second != 1 {
		t.Error(first, second)
	}
	if _, err := db.Digests(t.Context(), c, c); err != nil {
		t.Error(err)
	}
	if err := c.Transact(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), "INSERT INTO first VALUES (2)")
		return err
	}); err == nil {
		t.Error("it was written to")
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	after, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(before, after) {
		t.Error("its bytes were changed", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Error(entries, err)
	}
}

func TestOpenCopyRefusesWhatIsNone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	if _, err := db.OpenCopy(t.Context(), path); err == nil {
		t.Error("a file that is not there was opened")
	}
	if err := os.WriteFile(path, bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := db.OpenCopy(t.Context(), path); err == nil {
		t.Error("a text was opened")
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Error(entries, err)
	}
}

// family is a database with parents, children and an index, closed.
func family(t *testing.T) (path string) {
	t.Helper()
	d, dir := scratch(t), t.TempDir()
	run(t, d, "CREATE TABLE parents (id BIGINT PRIMARY KEY, name TEXT)", "CREATE INDEX parents_name ON parents (name)",
		"CREATE TABLE children (id BIGINT PRIMARY KEY, parent BIGINT REFERENCES parents (id))",
		"INSERT INTO parents WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) SELECT i, printf('a parent of the number %d, with some words to fill a page', i) FROM n",
		"INSERT INTO children SELECT id, id FROM parents")
	path = filepath.Join(dir, "x.db")
	if err := d.CopyInto(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCheckNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		statements []string
		change     func([]byte) []byte
		want       string // a problem
		unreadable bool   // or an error, where it is so broken that the check ends
	}{
		"nothing": {},
		"orphans": {statements: []string{"DELETE FROM parents WHERE id IN (3, 4)"}, want: "foreign_key_check: 2 rows of children refer to rows of parents that are gone"},
		"a page zeroed": {change: func(b []byte) []byte {
			page := bytes.Index(b, []byte("a parent of the number 250,")) / 4096 * 4096
			clear(b[page : page+4096])
			return b
		}, unreadable: true},
		"cut": {change: func(b []byte) []byte { return b[:len(b)-3*4096] }, unreadable: true},
		"an index that misses a row": {statements: []string{
			"PRAGMA writable_schema = ON", "UPDATE sqlite_schema SET sql = 'CREATE INDEX parents_name ON parents (name) WHERE id <> 7' WHERE name = 'parents_name'",
			"PRAGMA writable_schema = RESET", "REINDEX parents_name",
			"PRAGMA writable_schema = ON", "UPDATE sqlite_schema SET sql = 'CREATE INDEX parents_name ON parents (name)' WHERE name = 'parents_name'",
			"PRAGMA writable_schema = RESET",
		}, want: "entries in index parents_name"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := family(t)
			if len(c.statements) > 0 {
				spoil(t, path, c.statements)
			}
			if c.change != nil {
				text, err := os.ReadFile(path)
				if err == nil {
					err = os.WriteFile(path, c.change(text), 0o600)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			for _, quick := range []bool{false, true} {
				problems, err := check(t, path, quick)
				told := slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, c.want) })
				if c.want != "" && !told || c.want == "" && len(problems) > 0 || c.unreadable != (err != nil) {
					t.Errorf("quick %t: %q, %v", quick, problems, err)
				}
			}
		})
	}
	if problems, err := testkit.Postgres(t).Check(t.Context(), false); err != nil || len(problems) > 0 {
		t.Error(problems, err)
	}
}

func check(t *testing.T, path string, quick bool) ([]string, error) {
	t.Helper()
	c, err := db.OpenCopy(t.Context(), path)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.Check(t.Context(), quick)
}

// spoil runs statements without SQLite's own guards.
func spoil(t *testing.T, path string, statements []string) {
	t.Helper()
	d, err := db.Open(t.Context(), db.Options{URL: path})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range append([]string{"PRAGMA foreign_keys = OFF"}, statements...) {
		if _, err := d.JobConn().ExecContext(t.Context(), s); err != nil {
			t.Fatal(s, err)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

// All that is read in a snapshot is of one instant, also by another session that
// is given its name.
func TestASnapshotIsOfOneInstant(t *testing.T) {
	t.Parallel()
	testkit.EachEmpty(t, func(t *testing.T, d *db.DB) {
		pairs(t, d)
		end := paired(t, d)
		err := d.Snapshot(t.Context(), func(q db.Querier, id string) error {
			first, _ := counts(t, q)
			for range 3 {
				live, _ := counts(t, d)
				testkit.Eventually(t, func() error {
					if now, _ := counts(t, d); now <= live {
						return errors.New("the writer stands still")
					}
					return nil
				})
				if again, second := counts(t, q); again != first || second != first {
					t.Errorf("%d rows, then %d and %d", first, again, second)
				}
			}
			if (id != "") != (d.Engine == db.Postgres) {
				t.Errorf("it is named %q", id)
			}
			if d.Engine == db.Postgres {
				if n := countAs(t, d, id); n != first {
					t.Errorf("another session sees %d rows of %d", n, first)
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		end()
		mine := errors.New("mine")
		if err := d.Snapshot(t.Context(), func(db.Querier, string) error { return mine }); !errors.Is(err, mine) {
			t.Error(err)
		}
		err = d.Snapshot(t.Context(), func(q db.Querier, _ string) error {
			_, err := db.One(t.Context(), q, db.Scalar[int], "INSERT INTO first VALUES (-1) RETURNING 1")
			return err
		})
		if err == nil {
			t.Error("it was written to")
		}
	})
}

// countAs counts in another session that takes over the snapshot.
func countAs(t *testing.T, d *db.DB, snapshot string) (n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), testkit.URL(d))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	err = pgx.BeginTxFunc(t.Context(), conn, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), "SET TRANSACTION SNAPSHOT '"+snapshot+"'"); err != nil {
			return err
		}
		return tx.QueryRow(t.Context(), "SELECT count(*) FROM second").Scan(&n)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Several statements happen together or not at all; one alone may be such as
// takes no transaction.
func TestAdminister(t *testing.T) {
	t.Parallel()
	d := testkit.Postgres(t)
	ctx, address := t.Context(), testkit.URL(d)
	tables := func() int {
		t.Helper()
		n, err := db.One(ctx, d, db.Scalar[int], "SELECT count(*) FROM pg_tables WHERE tablename IN ('one', 'two')")
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if err := db.Administer(ctx, address, "CREATE TABLE one (id TEXT)", "CREATE TABLE two (id NO_TYPE)"); err == nil || tables() != 0 {
		t.Error("half of it happened", err)
	}
	if err := db.Administer(ctx, address, "CREATE TABLE one (id TEXT)", "CREATE TABLE two (id TEXT)"); err != nil || tables() != 2 {
		t.Error(err)
	}
	name := "administered_" + strings.ToLower(rand.Text())
	if err := db.Administer(ctx, address, "CREATE DATABASE "+name); err != nil {
		t.Error(err)
	}
	if err := db.Administer(ctx, address, "DROP DATABASE "+name); err != nil {
		t.Error(err)
	}
	if err := db.Administer(ctx, "postgres://nobody@127.0.0.1:1/none", "SELECT 1"); err == nil {
		t.Error("nobody answered")
	}
}
