package app_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"navidocs/internal/app"
	"navidocs/internal/apptest"
	"navidocs/internal/backup"
	"navidocs/internal/db"
)

// A backup of a whole installation works as a server when it is restored.
func TestADrillStartsAServerOnTheRestoredCopy(t *testing.T) {
	t.Parallel()
	apptest.Each(t, apptest.Options{Demo: true, NoWorker: true}, func(t *testing.T, s *apptest.Server) {
		t.Helper()
		if secret, err := s.RecoveryKey(); err != nil || secret == "" {
			t.Fatal(err)
		}
		e, err := s.Backups.Create(t.Context(), backup.CreateOptions{Reason: "test"})
		if err != nil {
			t.Fatal(err)
		}
		users := count(t, s.App, "users")
		r, err := s.Backups.Drill(t.Context(), e.ID)
		if err != nil || len(r.Damages) > 0 {
			t.Fatal(r, err)
		}
		if n := count(t, s.App, "users"); n != users {
			t.Error("the drill wrote to the installation itself", n)
		}
	})
}

// A backup that was made while the server tried itself holds the trial and a job of
// it that ran: on the copy nobody works on that.
func TestADrillOfABackupThatWasMadeInATrial(t *testing.T) {
	t.Parallel()
	apptest.Each(t, apptest.Options{NoWorker: true}, func(t *testing.T, s *apptest.Server) {
		t.Helper()
		if _, err := s.RecoveryKey(); err != nil {
			t.Fatal(err)
		}
		if status := ask(t, s.URL, probeToken(t, s), "POST", "/api/boats", `{"name":"Nemo"}`); status != http.StatusCreated {
			t.Fatal(status)
		}
		err := s.DB.Transact(t.Context(), func(tx *db.Tx) error {
			n, err := tx.Exec(t.Context(), "UPDATE river_job SET state = 'running', attempt = 1, attempted_at = CURRENT_TIMESTAMP WHERE kind = 'event.dispatch'")
			if err == nil && n == 0 {
				err = errors.New("no job of the trial")
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		e, err := s.Backups.Create(t.Context(), backup.CreateOptions{Reason: "test"})
		if err != nil {
			t.Fatal(err)
		}
		if r, err := s.Backups.Drill(t.Context(), e.ID); err != nil || len(r.Damages) > 0 {
			t.Error(r, err)
		}
	})
}

func count(t *testing.T, a *app.App, table string) int {
	t.Helper()
	n, err := db.One(t.Context(), a.DB, db.Scalar[int], "SELECT count(*) FROM "+table)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Opening and closing the database's files by anything but SQLite drops the
// locks that SQLite holds on them (POSIX, fcntl): another process could then
// write over what this one writes. So nothing that a server does may.
func TestNothingDropsTheLocksOfTheDatabase(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("SKIPPED: the locks are read from /proc/locks")
	}
	s := apptest.New(t, apptest.Options{})
	if _, err := s.RecoveryKey(); err != nil {
		t.Fatal(err)
	}
	held := func(when string) {
		t.Helper()
		for _, suffix := range []string{"", "-shm"} {
			if locks(t, s.DB.Path+suffix) == 0 {
				t.Errorf("after %s SQLite has lost its locks on *.db%s", when, suffix)
			}
		}
	}
	held("the start")
	var entry backup.Entry
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"a health check", func() error { s.Health(t.Context()); return nil }},
		{"a scrape", func() error {
			s.API.Handler().ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
			return nil
		}},
		{"a backup", func() (err error) { entry, err = s.Backups.Create(t.Context(), backup.CreateOptions{}); return err }},
		{"a list", func() error { _, err := s.Backups.List(t.Context()); return err }},
		{"a verification", func() error {
			_, err := s.Backups.Verify(t.Context(), entry.ID, backup.VerifyOptions{Sample: 1})
			return err
		}},
		{"a drill", func() error { _, err := s.Backups.Drill(t.Context(), entry.ID); return err }},
		{"weighing a loss", func() error {
			_, err := s.Backups.Restore(t.Context(), entry.ID, backup.RestoreOptions{DryRun: true})
			return err
		}},
		{"pruning", func() error { _, err := s.Backups.Prune(t.Context(), backup.Keep{Last: 1}, nil); return err }},
	} {
		if err := step.do(); err != nil {
			t.Fatal(step.name, err)
		}
		held(step.name)
	}
	// The test can fail: this is what it looks for.
	f, err := os.Open(s.DB.Path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if locks(t, s.DB.Path) != 0 {
		t.Error("a plain open and close kept the locks, so that this test shows nothing")
	}
}

// locks counts this process's locks on a file.
func locks(t *testing.T, path string) int {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		t.Fatal("no inode")
	}
	text, err := os.ReadFile("/proc/locks")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) >= 6 && words[1] == "POSIX" && words[4] == fmt.Sprint(os.Getpid()) && strings.HasSuffix(words[5], fmt.Sprintf(":%d", stat.Ino)) {
			n++
		}
	}
	return n
}
