package db_test

import (
	"context"
	"path/filepath"
	"testing"

	"navidocs/internal/db"
)

func TestMigrateFresh(t *testing.T) {
	t.Parallel()
	d, err := db.Open(t.Context(), db.Options{URL: filepath.Join(t.TempDir(), "x.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	m, err := db.NewMigrator(d, db.Migrations(), filepath.Join(t.TempDir(), "lock"))
	if err != nil {
		t.Fatal(err)
	}
	up, err := m.Up(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Log(len(up))
	if _, err := m.Down(t.Context(), 100); err != nil {
		t.Fatal(err)
	}
	if up, err = m.Up(t.Context()); err != nil || len(up) != 7 {
		t.Fatal(err, len(up))
	}
}
