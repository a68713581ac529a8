package db_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/testkit"
)

// inside runs one statement in a transaction of its own.
func inside(t *testing.T, d *db.DB, query string, args ...any) error {
	t.Helper()
	return d.Transact(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), query, args...)
		return err
	})
}

func TestErrorsHaveTheirKind(t *testing.T) {
	t.Parallel()
	const organization = `INSERT INTO organizations (id, name, name_fold, created_at, updated_at) VALUES ('1', 'a', 'a', 1, 1)`
	const boat = `INSERT INTO boats (id, org_id, slug, name, name_fold, created_at, updated_at) VALUES ($1, $2, $3, 'a', 'a', 1, 1)`
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		for _, err := range []error{inside(t, d, organization), inside(t, d, boat, "1", "1", "slug")} {
			if err != nil {
				t.Fatal(err)
			}
		}
		for name, test := range map[string]struct {
			err  error
			want fault.Kind
		}{
			"primary key twice":           {inside(t, d, organization), fault.Conflict},
			"unique index twice":          {inside(t, d, boat, "2", "1", "slug"), fault.Conflict},
			"reference to nothing":        {inside(t, d, boat, "2", "nobody", "other"), fault.Conflict},
			"row that is referred to":     {inside(t, d, "DELETE FROM organizations"), fault.Conflict},
			"null where there must be no": {inside(t, d, "UPDATE boats SET name = NULL"), fault.Internal},
			"not SQL":                     {inside(t, d, "SELEKT"), fault.Internal},
		} {
			if test.err == nil || fault.KindOf(test.err) != test.want {
				t.Errorf("%s: %v", name, test.err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := db.One(ctx, d, db.Scalar[int], "SELECT 1"); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

func TestPostgresCodes(t *testing.T) {
	t.Parallel()
	d := testkit.Postgres(t)
	for code, want := range map[string]fault.Kind{
		"53100": fault.Full, "53200": fault.Full, "54000": fault.TooLarge,
		"57P01": fault.Unavailable, "53300": fault.Unavailable, "22012": fault.Internal,
	} {
		err := inside(t, d, "DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '"+code+"'; END $$")
		if err == nil || fault.KindOf(err) != want {
			t.Errorf("%s: %v", code, err)
		}
	}
	// An index takes no value above 2,704 bytes.
	if err := inside(t, d, "INSERT INTO event_streams (stream, last_sequence) SELECT string_agg(md5(n::text), ''), 1 FROM generate_series(1, 1000) n"); !fault.Is(err, fault.TooLarge) {
		t.Error(err)
	}
	address := strings.Replace(testkit.URL(d), "host=", "host=/nowhere", 1)
	if _, err := db.Open(t.Context(), db.Options{URL: address}); !fault.Is(err, fault.Unavailable) {
		t.Error(err)
	}
}

func TestAFullDiskIsFullAndThenNot(t *testing.T) {
	t.Parallel()
	d := testkit.SQLite(t)
	pages, err := db.One(t.Context(), d, db.Scalar[int], "PRAGMA page_count")
	if err != nil {
		t.Fatal(err)
	}
	if err := inside(t, d, "PRAGMA max_page_count = "+itoa(pages+3)); err != nil {
		t.Fatal(err)
	}
	big := strings.Repeat("x", 5000)
	kept := 0
	for err == nil {
		if err = inside(t, d, "INSERT INTO login_failures (email, address, failures, last_at) VALUES ($1, $2, 1, 1)", itoa(kept), big); err == nil {
			kept++
		}
	}
	if !fault.Is(err, fault.Full) {
		t.Error(err)
	}
	if err := inside(t, d, "PRAGMA max_page_count = 100000"); err != nil {
		t.Fatal(err)
	}
	n, err := db.One(t.Context(), d, db.Scalar[int], "SELECT count(*) FROM login_failures")
	if n != kept || err != nil {
		t.Errorf("%d rows were kept, there are %d: %v", kept, n, err)
	}
	writes(t, d)
	if ok, err := db.One(t.Context(), d, db.Scalar[string], "PRAGMA integrity_check"); ok != "ok" || err != nil {
		t.Error(ok, err)
	}
}

func TestABusyDatabaseIsUnavailable(t *testing.T) {
	t.Parallel()
	d := testkit.SQLite(t)
	other, err := db.Open(t.Context(), db.Options{URL: d.Path})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := inside(t, d, "PRAGMA busy_timeout = 1"); err != nil {
		t.Fatal(err)
	}
	err = other.Transact(t.Context(), func(*db.Tx) error {
		if err := inside(t, d, "DELETE FROM events"); !fault.Is(err, fault.Unavailable) {
			t.Error(err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	writes(t, d)
}

func TestAFolderIsNoDatabase(t *testing.T) {
	t.Parallel()
	if _, err := db.Open(t.Context(), db.Options{URL: t.TempDir()}); !fault.Is(err, fault.Unavailable) {
		t.Error(err)
	}
	file := filepath.Join(testkit.SQLite(t).Path, "below.db")
	if _, err := db.Open(t.Context(), db.Options{URL: file}); err == nil {
		t.Error("a database below a file")
	}
}

func TestPingAndClose(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		if err := d.Ping(t.Context()); err != nil {
			t.Error(err)
		}
		other, err := db.Open(t.Context(), db.Options{URL: testkit.URL(d)})
		if err != nil {
			t.Fatal(err)
		}
		if now := time.Since(other.Now()); now < 0 || now > time.Minute {
			t.Error("without a clock the machine's is used:", now)
		}
		if err := other.Close(); err != nil {
			t.Error(err)
		}
		if err := other.Ping(t.Context()); err == nil {
			t.Error("a closed database answers")
		}
		if err := other.Transact(t.Context(), func(*db.Tx) error { return nil }); err == nil {
			t.Error("a closed database writes")
		}
	})
}
