package db_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/job"
	"navidocs/internal/testkit"
)

// The environment of a child process: what it migrates, by which lock, and the
// folder of the sequence where it is not the committed one.
const (
	childEnv    = "NAVIDOCS_TEST_MIGRATE"
	lockEnv     = "NAVIDOCS_TEST_LOCK"
	sequenceEnv = "NAVIDOCS_TEST_SEQUENCE"
)

func TestMain(m *testing.M) {
	if address := os.Getenv(childEnv); address != "" {
		os.Exit(migrateChild(address))
	}
	if order := os.Getenv(replaceEnv); order != "" {
		os.Exit(replaceChild(order))
	}
	os.Exit(m.Run())
}

// migrateChild migrates when its input ends, as a process that starts does.
func migrateChild(address string) int {
	_, err := io.Copy(io.Discard, os.Stdin)
	var d *db.DB
	if err == nil {
		d, err = db.Open(context.Background(), db.Options{URL: address})
	}
	if err == nil {
		sequence := db.Migrations()
		if dir := os.Getenv(sequenceEnv); dir != "" {
			sequence = os.DirFS(dir)
		}
		var m *db.Migrator
		if m, err = db.NewMigrator(d, sequence, os.Getenv(lockEnv), func(ctx context.Context) error { return job.Migrate(ctx, d) }); err == nil {
			_, err = m.Up(context.Background(), db.UpOptions{})
		}
		err = errors.Join(err, d.Close())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func child(t *testing.T, d *db.DB, stdin io.Reader, env ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	c := exec.CommandContext(ctx, os.Args[0])
	c.Env = append(append(os.Environ(), childEnv+"="+testkit.URL(d)), env...)
	c.Stdin = stdin
	return c
}

// Without the lock most of them fail: "table already exists". Every other
// round starts with the schema of an older release.
func TestProcessesMigrateAtOnce(t *testing.T) {
	t.Parallel()
	const rounds, processes = 6, 8
	for round := range rounds {
		testkit.EachEmpty(t, func(t *testing.T, d *db.DB) {
			t.Helper()
			if round%2 == 1 {
				up(t, migrator(t, d, older(t, 1+round%6)))
			}
			begin, release := pipe(t)
			lock := lockEnv + "=" + filepath.Join(t.TempDir(), "lock")
			var all sync.WaitGroup
			for range processes {
				c := child(t, d, begin, lock)
				all.Go(func() {
					if words, err := c.CombinedOutput(); err != nil {
						t.Errorf("%v: %s", err, words)
					}
				})
			}
			if err := release.Close(); err != nil {
				t.Error(err)
			}
			all.Wait()
			m := migrator(t, d, db.Migrations())
			if n, err := m.Pending(t.Context()); n != 0 || err != nil {
				t.Error(n, err)
			}
			writes(t, d)
		})
	}
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r, w
}
