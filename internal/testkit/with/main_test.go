//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"navidocs/internal/blob"
	"navidocs/internal/kv"
	"navidocs/internal/testkit"
)

// sleeper is a service that does nothing until it is stopped.
func sleeper(p **process) service {
	return service{"sleeper", "SLEEPER", func(ctx context.Context, dir string) (*running, error) {
		var err error
		*p, err = launch(ctx, dir, nil, syscall.SIGTERM, "sleep", "600")
		return &running{dir, *p}, err
	}}
}

func absent(context.Context, string) (*running, error) {
	return nil, fmt.Errorf("it is %w", errMissing)
}

func ended(t *testing.T, p *process) {
	t.Helper()
	select {
	case <-p.done:
	default:
		t.Error("the server was left running")
	}
}

func TestTheCommandsExitCodeIsOurs(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args []string
		want int
	}{
		{[]string{"--", "true"}, 0},
		{[]string{"false"}, 1},
		{[]string{"--", "sh", "-c", "exit 42"}, 42},
		{[]string{"sh", "-c", "kill -TERM $$"}, 143},
		{[]string{"no-such-program"}, 127},
		{nil, exitUsage},
		{[]string{"--"}, exitUsage},
	} {
		var out bytes.Buffer
		if got := run(t.Context(), test.args, os.Environ(), &out, nil); got != test.want {
			t.Errorf("%q: %d, want %d: %s", test.args, got, test.want, &out)
		}
	}
}

func TestServersAreNamedSkippedAndStopped(t *testing.T) {
	t.Parallel()
	var p *process
	note := filepath.Join(t.TempDir(), "note")
	all := []service{sleeper(&p), {"gone", "GONE", absent}, {"given", "GIVEN", absent}}
	environ := append(os.Environ(), "GIVEN=before", "NOTE="+note)
	var out bytes.Buffer
	code := run(t.Context(), []string{"sh", "-c", `test -d "$SLEEPER" && test -z "$GONE" && echo "$SLEEPER $GIVEN" > "$NOTE"`}, environ, &out, all)
	if code != 0 {
		t.Fatalf("%d: %s", code, &out)
	}
	const want = "with: SKIPPED: gone: it is not installed\nwith: SKIPPED SERVICES (1): gone\n"
	if out.String() != want {
		t.Errorf("it said %q", &out)
	}
	text, err := os.ReadFile(note)
	if err != nil {
		t.Fatal(err)
	}
	dir, given, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) || given != "before" {
		t.Errorf("left %s (%v), given %q", dir, err, given)
	}
	ended(t, p)
}

func TestAServerThatFailsIsAnErrorAndStopsTheOthers(t *testing.T) {
	t.Parallel()
	var p *process
	failing := service{"failing", "FAILING", func(ctx context.Context, dir string) (*running, error) {
		p, err := launch(ctx, dir, nil, os.Interrupt, "sh", "-c", "echo last words; exit 3")
		if err != nil {
			return nil, err
		}
		return nil, p.await(ctx, time.Minute, func(context.Context) error { return errors.New("not yet") })
	}}
	var out bytes.Buffer
	if code := run(t.Context(), []string{"true"}, nil, &out, []service{sleeper(&p), failing}); code != exitServer {
		t.Errorf("%d", code)
	}
	if want := "with: failing did not start: it ended: last words\n"; out.String() != want {
		t.Errorf("it said %q", &out)
	}
	ended(t, p)
}

func TestAServerThatNeverAnswersIsStopped(t *testing.T) {
	t.Parallel()
	p, err := launch(t.Context(), t.TempDir(), nil, syscall.SIGTERM, "sleep", "600")
	if err != nil {
		t.Fatal(err)
	}
	late := errors.New("not yet")
	if err := p.await(t.Context(), 50*time.Millisecond, func(context.Context) error { return late }); !errors.Is(err, late) {
		t.Errorf("%v", err)
	}
	ended(t, p)
}

func TestAServerThatWillNotEndIsKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p, err := launch(t.Context(), dir, nil, syscall.SIGTERM, "sh", "-c", `trap "" TERM; : > ready; exec sleep 600`)
	if err != nil {
		t.Fatal(err)
	}
	err = p.await(t.Context(), time.Minute, func(context.Context) error {
		_, err := os.Stat(filepath.Join(dir, "ready"))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	p.grace = time.Millisecond
	p.stop()
	ended(t, p)
	// Only its log is left to say what it was.
	if err := p.failure(errors.New("cause")); err.Error() != "cause: " {
		t.Errorf("%v", err)
	}
	if err := os.Remove(p.log); err != nil {
		t.Fatal(err)
	}
	if err := p.failure(errors.New("cause")); err.Error() != "cause" {
		t.Errorf("%v", err)
	}
}

func TestASignalEndsCommandAndServers(t *testing.T) {
	t.Parallel()
	var p *process
	ctx, cancel := context.WithCancel(t.Context())
	ready := filepath.Join(t.TempDir(), "ready")
	if err := syscall.Mkfifo(ready, 0o600); err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _ = os.ReadFile(ready) // the command runs once it writes here
		cancel()
	}()
	var out bytes.Buffer
	code := run(ctx, []string{"sh", "-c", `echo > "$READY"; exec sleep 600`}, append(os.Environ(), "READY="+ready), &out, []service{sleeper(&p)})
	if code != 143 {
		t.Errorf("%d: %s", code, &out)
	}
	ended(t, p)
}

// TestRealServers starts what is installed and asks each of them, as the tests
// of the other packages will.
func TestRealServers(t *testing.T) {
	t.Parallel()
	dir, _, err := makeDir()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := startAll(t.Context(), services, nil, dir)
	t.Cleanup(func() {
		s.stop()
		for _, r := range s.running {
			ended(t, r.process)
		}
	})
	if s.failed {
		t.Fatal(s.notes)
	}
	if address := lookup(s.environ, testkit.PostgresEnv); address != "" {
		conn, err := pgx.Connect(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
		var collation string
		if err := conn.QueryRow(t.Context(), "SELECT datcollate FROM pg_database WHERE datname = current_database()").Scan(&collation); err != nil || collation != "C.UTF-8" {
			t.Errorf("%s, %v", collation, err)
		}
		_ = conn.Close(t.Context())
	}
	if address := lookup(s.environ, testkit.RedisEnv); address != "" {
		r, err := kv.NewRedis(address, func() time.Time { return time.Unix(0, 0) })
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(r.Ping(t.Context()), r.Close()); err != nil {
			t.Error(err)
		}
	}
	if address := lookup(s.environ, testkit.S3Env); address != "" {
		bucket, err := blob.OpenS3(address, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		if err := bucket.Ping(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if len(s.skipped) > 0 {
		t.Skip("SKIPPED: ", s.notes)
	}
}

func TestMissingProgramsAreSkipped(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for _, s := range services[1:] { // PostgreSQL is found outside the path too
		if _, err := s.start(t.Context(), t.TempDir()); !errors.Is(err, errMissing) {
			t.Errorf("%s: %v", s.name, err)
		}
	}
}

func TestBrokenProgramsAreNoSkip(t *testing.T) {
	bin := t.TempDir()
	for _, name := range []string{"initdb", "redis-server", "versitygw"} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\necho broken\nexit 1\n"), 0o755); err != nil { //nolint:gosec // a program
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	for _, s := range services {
		if _, err := s.start(t.Context(), t.TempDir()); err == nil || errors.Is(err, errMissing) {
			t.Errorf("%s: %v", s.name, err)
		}
	}
}

func TestTheFolderIsShortEnoughForSockets(t *testing.T) {
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), strings.Repeat("long/", 20)))
	dir, _, err := makeDir()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if len(dir) > 60 {
		t.Error(dir)
	}
}
