package app_test

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"navidocs/internal/app"
	"navidocs/internal/config"
)

func TestStartRemovesWhatKilledProcessesLeft(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	cfg, err := config.Load(config.Source{Environ: []string{"APP_ENV=test"}, Home: home})
	if err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(-2 * time.Hour)
	var old, fresh []string
	for _, dir := range []string{"data/tmp", "data/blobs/tmp"} {
		dir = filepath.Join(home, dir)
		old, fresh = append(old, filepath.Join(dir, "old")), append(fresh, filepath.Join(dir, "fresh"))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range append(old, fresh...) {
		if err := os.WriteFile(name, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range old {
		if err := os.Chtimes(name, long, long); err != nil {
			t.Fatal(err)
		}
	}
	a, err := app.New(t.Context(), app.Options{Config: cfg, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	for _, name := range old {
		if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is still there: %v", name, err)
		}
	}
	for _, name := range fresh {
		if _, err := os.Stat(name); err != nil {
			t.Error("another process was writing it:", err)
		}
	}
}
