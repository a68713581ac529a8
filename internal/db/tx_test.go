package db_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/testkit"
)

var start = time.Date(2026, 5, 1, 8, 0, 0, 123456789, time.UTC)

// addStream inserts into the simplest of the tables.
func addStream(ctx context.Context, tx *db.Tx, name string) error {
	_, err := tx.Exec(ctx, "INSERT INTO event_streams (stream, last_sequence) VALUES ($1, 1)", name)
	return err
}

func streams(t *testing.T, q db.Querier) []string {
	t.Helper()
	names, err := db.Collect(t.Context(), q, db.Scalar[string], "SELECT stream FROM event_streams ORDER BY stream")
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// writes fails when the writer is stuck or in a transaction that was left open.
func writes(t *testing.T, d *db.DB, want ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := d.Transact(ctx, func(tx *db.Tx) error { return addStream(ctx, tx, "~writes") }); err != nil {
		t.Fatal("the writer is not free:", err)
	}
	if diff := cmp.Diff(append(want, "~writes"), streams(t, d)); diff != "" {
		t.Error(diff)
	}
}

func TestTransactCommitsOrRollsBack(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		var calls []string
		err := d.Transact(t.Context(), func(tx *db.Tx) error {
			tx.OnCommit(func() { calls = append(calls, "first") })
			tx.OnCommit(func() { calls = append(calls, "second") })
			if err := addStream(t.Context(), tx, "kept"); err != nil {
				return err
			}
			if diff := cmp.Diff([]string{"kept"}, streams(t, tx)); diff != "" {
				t.Error("a transaction sees what it wrote:", diff)
			}
			if got := streams(t, d); len(got) > 0 || len(calls) > 0 {
				t.Error("others see it before it is committed:", got, calls)
			}
			return nil
		})
		if diff := cmp.Diff([]string{"first", "second"}, calls); err != nil || diff != "" {
			t.Error(err, diff)
		}
		cause := errors.New("no")
		err = d.Transact(t.Context(), func(tx *db.Tx) error {
			tx.OnCommit(func() { t.Error("OnCommit without a commit") })
			return errors.Join(addStream(t.Context(), tx, "lost"), cause)
		})
		if !errors.Is(err, cause) {
			t.Error(err)
		}
		writes(t, d, "kept")
	})
}

func TestTheTimeOfATransactionDoesNotMove(t *testing.T) {
	t.Parallel()
	testkit.EachAt(t, start.In(time.FixedZone("CEST", 7200)), func(t *testing.T, d *db.DB, c *testkit.Clock) {
		t.Helper()
		want := start.Truncate(time.Microsecond)
		err := d.Transact(t.Context(), func(tx *db.Tx) error {
			c.Add(time.Hour)
			if tx.Now() != want {
				t.Errorf("%v, want %v", tx.Now(), want)
			}
			return nil
		})
		if err != nil || d.Now() != want.Add(time.Hour) {
			t.Error(err, d.Now())
		}
	})
}

// The one writer of SQLite must come back whatever happens inside.
func TestTransactGivesTheWriterBack(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]func(ctx context.Context, d *db.DB, inside func(*db.Tx) error) error{
		"panic": func(ctx context.Context, d *db.DB, inside func(*db.Tx) error) (err error) {
			defer func() { err = fmt.Errorf("%v", recover()) }()
			return d.Transact(ctx, func(tx *db.Tx) error {
				panic(inside(tx))
			})
		},
		"goroutine ends": func(ctx context.Context, d *db.DB, inside func(*db.Tx) error) error {
			var ended sync.WaitGroup
			ended.Go(func() {
				_ = d.Transact(ctx, func(tx *db.Tx) error {
					defer runtime.Goexit()
					return inside(tx)
				})
			})
			ended.Wait()
			return errors.New("it ended")
		},
		"context ends": func(ctx context.Context, d *db.DB, inside func(*db.Tx) error) error {
			ctx, cancel := context.WithCancel(ctx)
			return d.Transact(ctx, func(tx *db.Tx) error {
				defer cancel()
				return inside(tx)
			})
		},
		"nil context": func(_ context.Context, d *db.DB, inside func(*db.Tx) error) error {
			return d.Transact(nil, inside) //nolint:staticcheck // what is tested
		},
		"nil context inside": func(ctx context.Context, d *db.DB, inside func(*db.Tx) error) error {
			return d.Transact(ctx, func(tx *db.Tx) error {
				if err := inside(tx); err != nil {
					return err
				}
				if _, err := db.One(nil, tx, db.Scalar[int], "SELECT 1"); err == nil { //nolint:staticcheck // what is tested
					return nil
				}
				_, err := tx.Exec(nil, "SELECT 1") //nolint:staticcheck // what is tested
				return err
			})
		},
		"nil context of a reader": func(_ context.Context, d *db.DB, _ func(*db.Tx) error) error {
			_, err := db.One(nil, d, db.Scalar[int], "SELECT 1") //nolint:staticcheck // what is tested
			return err
		},
		"a commit that fails": func(ctx context.Context, d *db.DB, inside func(*db.Tx) error) error {
			err := d.Transact(ctx, func(tx *db.Tx) error {
				if err := inside(tx); err != nil {
					return err
				}
				return breakOnCommit(ctx, tx)
			})
			if !fault.Is(err, fault.Conflict) {
				return nil
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testkit.Each(t, func(t *testing.T, d *db.DB) {
				t.Helper()
				if err := f(t.Context(), d, func(tx *db.Tx) error { return addStream(t.Context(), tx, "lost") }); err == nil {
					t.Error("no error")
				}
				writes(t, d)
			})
		})
	}
}

// breakOnCommit writes a row whose reference is looked at by the commit.
func breakOnCommit(ctx context.Context, tx *db.Tx) error {
	statements := []string{"PRAGMA defer_foreign_keys = ON"}
	if tx.Engine == db.Postgres {
		statements = []string{
			"ALTER TABLE job_status ALTER CONSTRAINT job_status_org_id_fkey DEFERRABLE INITIALLY DEFERRED",
		}
	}
	statements = append(statements, "INSERT INTO job_status (id, org_id, kind, state, created_at) VALUES ('1', 'nobody', 'x', 'x', 1)")
	for _, text := range statements {
		if _, err := tx.Exec(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

func TestTransactTriesAgainWhenPostgresAsks(t *testing.T) {
	t.Parallel()
	d := testkit.Postgres(t)
	for _, code := range []string{"40001", "40P01"} {
		for fails, want := range map[int]int{0: 1, 1: 2, 3: 4, 100: 4} {
			runs, committed := 0, 0
			err := d.Transact(t.Context(), func(tx *db.Tx) error {
				tx.OnCommit(func() { committed++ })
				if runs++; runs <= fails {
					_, err := tx.Exec(t.Context(), "DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '"+code+"'; END $$")
					return err
				}
				return nil
			})
			if runs != want || (err == nil) != (fails < 4) || committed != min(1, max(0, 4-fails)) {
				t.Errorf("%s %d times: ran %d times, committed %d: %v", code, fails, runs, committed, err)
			}
		}
	}
}

// Two transactions that wait for each other are PostgreSQL's to untie: it ends
// one, which runs again.
func TestADeadlockEndsWell(t *testing.T) {
	t.Parallel()
	d := testkit.Postgres(t)
	err := d.Transact(t.Context(), func(tx *db.Tx) error {
		return errors.Join(addStream(t.Context(), tx, "a"), addStream(t.Context(), tx, "b"))
	})
	if err != nil {
		t.Fatal(err)
	}
	const rise = "UPDATE event_streams SET last_sequence = last_sequence + 1 WHERE stream = $1"
	var runs atomic.Int64
	var both, meet sync.WaitGroup
	meet.Add(2)
	for _, order := range [][]string{{"a", "b"}, {"b", "a"}} {
		both.Go(func() {
			arrive := sync.OnceFunc(meet.Done)
			err := d.Transact(t.Context(), func(tx *db.Tx) error {
				runs.Add(1)
				if _, err := tx.Exec(t.Context(), rise, order[0]); err != nil {
					return err
				}
				arrive()
				meet.Wait()
				_, err := tx.Exec(t.Context(), rise, order[1])
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	got, err := db.Collect(t.Context(), d, db.Scalar[int], "SELECT last_sequence FROM event_streams")
	if diff := cmp.Diff([]int{3, 3}, got); err != nil || diff != "" || runs.Load() != 3 {
		t.Error(err, diff, runs.Load())
	}
}

func TestOneAndCollect(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		ctx := t.Context()
		got, err := db.Collect(ctx, d, db.Scalar[string], "SELECT stream FROM event_streams")
		if got == nil || len(got) > 0 || err != nil {
			t.Error("no rows are an empty slice:", got, err)
		}
		if _, err := db.One(ctx, d, db.Scalar[string], "SELECT stream FROM event_streams"); !fault.Is(err, fault.NotFound) {
			t.Error(err)
		}
		if n, err := db.One(ctx, d, db.Scalar[int], "SELECT 7"); n != 7 || err != nil {
			t.Error(n, err)
		}
		if _, err := db.One(ctx, d, db.Scalar[int], "SELECT 'x'"); err == nil {
			t.Error("a row that cannot be scanned is no error")
		}
		if _, err := db.One(ctx, d, db.Scalar[int], "SELECT"); d.Engine == db.SQLite && err == nil {
			t.Error("a wrong query is no error")
		}
		writes(t, d)
	})
}

// $n binds by number: not every driver does that (ncruces/go-sqlite3 does not).
func TestPlaceholdersBindByNumber(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		const query = "SELECT CAST($2 AS TEXT) || CAST($1 AS TEXT) || CAST($2 AS TEXT) || CAST($11 AS TEXT)"
		args := []any{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "eleven"}
		if d.Engine == db.Postgres { // it refuses parameters that are not used
			got, err := db.One(t.Context(), d, db.Scalar[string], "SELECT CAST($2 AS TEXT) || CAST($1 AS TEXT) || CAST($2 AS TEXT)", "1", "2")
			if got != "212" || err != nil {
				t.Error(got, err)
			}
			return
		}
		if got, err := db.One(t.Context(), d, db.Scalar[string], query, args...); got != "212eleven" || err != nil {
			t.Error(got, err)
		}
	})
}

func TestExecCountsRows(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		err := d.Transact(t.Context(), func(tx *db.Tx) error {
			if err := errors.Join(addStream(t.Context(), tx, "a"), addStream(t.Context(), tx, "b")); err != nil {
				return err
			}
			for suffix, want := range map[string]int64{"": 2, " WHERE stream = 'a'": 1, " WHERE stream = 'x'": 0} {
				if n, err := tx.Exec(t.Context(), "UPDATE event_streams SET last_sequence = 2"+suffix); n != want || err != nil {
					t.Error(suffix, n, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// A swallowed error must not commit half a transaction.
func TestAnErrorThatWasSwallowed(t *testing.T) {
	t.Parallel()
	d := testkit.Postgres(t)
	err := d.Transact(t.Context(), func(tx *db.Tx) error {
		if err := addStream(t.Context(), tx, "lost"); err != nil {
			return err
		}
		if _, err := tx.Exec(t.Context(), "SELECT nonsense"); err == nil {
			t.Error("no error")
		} else if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || pg.Code != "42703" {
			t.Error(err)
		}
		return nil
	})
	if err == nil {
		t.Error("it says that it committed")
	}
	writes(t, d)
}

func TestEveryReadAndWriteIsObserved(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, base *db.DB) {
		t.Helper()
		seen := map[string]int{}
		d, err := db.Open(t.Context(), db.Options{URL: testkit.URL(base), Observe: func(kind string, took time.Duration) {
			seen[kind]++
			if took <= 0 || took > time.Minute {
				t.Error(kind, took)
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		if _, err := db.One(t.Context(), d, db.Scalar[int], "SELECT 1"); err != nil {
			t.Error(err)
		}
		if _, err := db.One(t.Context(), d, db.Scalar[int], "SELECT nothing"); err == nil {
			t.Error("no error")
		}
		refused := errors.New("no")
		for _, want := range []error{nil, refused} {
			err := d.Transact(t.Context(), func(tx *db.Tx) error {
				_, err := db.One(t.Context(), tx, db.Scalar[int], "SELECT 1") // part of the write
				return errors.Join(err, want)
			})
			if !errors.Is(err, want) {
				t.Error(err)
			}
		}
		if diff := cmp.Diff(map[string]int{db.Read: 2, db.Write: 2}, seen); diff != "" {
			t.Error(diff)
		}
	})
}

// BenchmarkObserved: beside a query the measurement is nothing.
func BenchmarkObserved(b *testing.B) {
	for name, observe := range map[string]func(string, time.Duration){"off": nil, "on": func(string, time.Duration) {}} {
		b.Run(name, func(b *testing.B) {
			d, err := db.Open(b.Context(), db.Options{URL: testkit.URL(testkit.SQLite(b)), Observe: observe})
			if err != nil {
				b.Fatal(err)
			}
			defer d.Close()
			for b.Loop() {
				if _, err := db.One(b.Context(), d, db.Scalar[int], "SELECT 1"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
