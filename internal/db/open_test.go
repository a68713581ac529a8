package db_test

import (
	"context"
	"crypto/rand"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/testkit"
)

func itoa(n int) string { return strconv.Itoa(n) }

func TestSQLiteIsOpenedForABoat(t *testing.T) {
	t.Parallel()
	d := testkit.SQLite(t)
	for query, want := range map[string]string{
		"PRAGMA journal_mode":                 "wal",
		"PRAGMA synchronous":                  "2",
		"PRAGMA foreign_keys":                 "1",
		"SELECT sqlite_version() >= '3.51.3'": "1",
	} {
		if got, err := db.One(t.Context(), d, db.Scalar[string], query); got != want || err != nil {
			t.Errorf("%s of the readers: %s, %v", query, got, err)
		}
		err := d.Transact(t.Context(), func(tx *db.Tx) error {
			got, err := db.One(t.Context(), tx, db.Scalar[string], query)
			if got != want {
				t.Errorf("%s of the writer: %s", query, got)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
		var got string
		if err := d.JobConn().QueryRowContext(t.Context(), query).Scan(&got); got != want || err != nil {
			t.Errorf("%s of the jobs: %s, %v", query, got, err)
		}
	}
	if d.Pool() != nil {
		t.Error("it has a pool of PostgreSQL")
	}
}

func TestReadersCannotWrite(t *testing.T) {
	t.Parallel()
	d := testkit.SQLite(t)
	_, err := db.One(t.Context(), d, db.Scalar[string], "INSERT INTO event_streams (stream, last_sequence) VALUES ('x', 1) RETURNING stream")
	if err == nil {
		t.Error("a reader wrote")
	}
	writes(t, d)
}

func TestAnyPathCanBeOpened(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new", "50% of #1? ü", "x.db")
	d, err := db.Open(t.Context(), db.Options{URL: path, Readers: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
	info, err := os.Stat(filepath.Dir(path))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Error("others may look inside", info.Mode(), err)
	}
}

// wrong makes a PostgreSQL database that NaviDocs must refuse.
func wrong(t *testing.T, options string) string {
	t.Helper()
	address := testkit.PostgresURL(t)
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	name := "wrong_" + strings.ToLower(rand.Text())
	t.Cleanup(func() {
		ctx := context.Background()
		if _, err := conn.Exec(ctx, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
		_ = conn.Close(ctx)
	})
	if _, err := conn.Exec(t.Context(), "CREATE DATABASE "+name+" TEMPLATE template0 "+options); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

func TestAWrongPostgresDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	for options, want := range map[string]string{
		"ENCODING 'SQL_ASCII' LOCALE 'C'":                                         "has encoding SQL_ASCII",
		"ENCODING 'UTF8' LOCALE 'C.UTF-8' LOCALE_PROVIDER icu ICU_LOCALE 'de-DE'": "has collation de-DE",
		"ENCODING 'UTF8' LC_COLLATE 'en_US.utf8' LC_CTYPE 'en_US.utf8'":           "has collation en_US.utf8",
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			if strings.Contains(options, "en_US") && !hasLocale(t, "en_US.utf8") {
				t.Skip("SKIPPED: the system has no locale en_US.utf8")
			}
			d, err := db.Open(t.Context(), db.Options{URL: wrong(t, options)})
			if err == nil {
				_ = d.Close()
				t.Fatal("it was opened")
			}
			if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "createdb -T template0") {
				t.Error(err)
			}
		})
	}
	if _, err := db.Open(t.Context(), db.Options{URL: "postgres://%zz"}); !fault.Is(err, fault.Invalid) {
		t.Error(err)
	}
}

func hasLocale(t *testing.T, name string) bool {
	t.Helper()
	n, err := db.One(t.Context(), testkit.Postgres(t), db.Scalar[int], "SELECT count(*) FROM pg_collation WHERE collname = $1", name)
	return n > 0 && err == nil
}
