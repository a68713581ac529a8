package db_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// A migration is begun in the sources alone, above all that there are, in a form
// that the sequence can be read with.
func TestNewMigration(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	dir := filepath.Join(root, "internal", "db", "migrations")
	deep := filepath.Join(root, "internal", "cli")
	for _, d := range []string{dir, deep} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	today := time.Date(2026, 5, 4, 23, 0, 0, 0, time.UTC)
	if _, err := (db.NewFile{Name: "x", Class: db.Expand, Now: today}).Create(deep); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "checkout") {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(root, "go.mod"), []byte("module navidocs\n\ngo 1.26\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		file db.NewFile
		want string
	}{
		{db.NewFile{Name: "add_moorings", Class: db.Expand, Now: today}, "2026050401_add_moorings.sql"},
		{db.NewFile{Name: "fill_moorings", Class: db.Data, Now: today}, "2026050402_fill_moorings.sql"},
		{db.NewFile{Name: "search_2", Class: db.Contract, Now: today.AddDate(0, 0, -9), Pair: true}, "2026050403_search_2.sqlite.sql 2026050403_search_2.postgres.sql"},
		{db.NewFile{Name: "later", Class: db.Expand, Now: today.Add(2 * time.Hour)}, "2026050501_later.sql"},
	} {
		paths, err := c.file.Create(deep)
		if err != nil {
			t.Fatal(err)
		}
		for i, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil || !strings.HasPrefix(string(text), "-- class: "+string(c.file.Class)+"\n-- +goose Up\n") || !strings.Contains(string(text), "\n-- +goose Down\n") {
				t.Error(string(text), err)
			}
			paths[i] = filepath.Base(path)
		}
		if got := strings.Join(paths, " "); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
	if v, err := db.LatestVersion(os.DirFS(dir)); v != 2026050501 || err != nil {
		t.Error(v, err)
	}
	for _, wrong := range []db.NewFile{{Name: "Add", Class: db.Expand}, {Name: "../x", Class: db.Expand}, {Name: "", Class: db.Expand}, {Name: "x", Class: "grow"}} {
		if _, err := wrong.Create(root); !fault.Is(err, fault.Invalid) {
			t.Error(wrong, err)
		}
	}
}
