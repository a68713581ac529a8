//go:build unix

package prove_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"navidocs/internal/db"
	"navidocs/internal/deploy"
	"navidocs/internal/keeper"
)

// installation is a keeper with its servers, and the commands that people type.
type installation struct {
	*server

	made int // releases
}

// install starts a keeper with its data in a new folder.
func install(t testing.TB, settings ...string) *installation {
	t.Helper()
	in := arrange(t, settings...)
	in.start()
	return in
}

// arrange is install without the start.
func arrange(t testing.TB, settings ...string) *installation {
	t.Helper()
	home := t.TempDir()
	// It is spared the compiling of what reads papers.
	shared, data := filepath.Join(os.TempDir(), "navidocs-test-wazero"), filepath.Join(home, "data")
	if err := errors.Join(os.MkdirAll(shared, 0o700), os.MkdirAll(data, 0o700), os.Symlink(shared, filepath.Join(data, "cache"))); err != nil {
		t.Fatal(err)
	}
	s := prepare(t, home, settings...)
	s.kept, s.environ = true, append(s.environ, "APP_BASE_URL="+s.url)
	return &installation{server: s}
}

// release makes the binary of another release: the same program with another
// last line.
func (in *installation) release() string {
	in.t.Helper()
	in.made++
	return releaseOf(in.t, in.program, fmt.Sprintf("release %d", in.made))
}

// releaseOf is a program with a line behind it.
func releaseOf(t testing.TB, program, line string) string {
	t.Helper()
	content, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "navidocs")
	if err := os.WriteFile(path, append(content, "\n"+line+"\n"...), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// faultyProgram is the program that is given a fault by its last line.
var faultyProgram = sync.OnceValues(func() (string, error) {
	if _, err := build(); err != nil { // makes the folder
		return "", err
	}
	path := filepath.Join(built, "faulty")
	cmd := exec.Command("go", "build", "-pgo=off", "-o", path, "navidocs/internal/testkit/faulty")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// tool is a command of the installation.
func (in *installation) tool(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(in.t.Context(), in.program, append([]string{"--home", in.home, "--json"}, args...)...)
	cmd.Env = in.environ
	return cmd
}

// ask runs a command, reads what it prints into v unless that is nil, and
// returns its exit code and what it says.
func (in *installation) ask(v any, args ...string) (code int, said string) {
	in.t.Helper()
	var out, words bytes.Buffer
	cmd := in.tool(args...)
	cmd.Stdout, cmd.Stderr = &out, &words
	err := cmd.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		in.t.Fatal(err)
	}
	if v != nil {
		if err := json.Unmarshal(out.Bytes(), v); err != nil {
			in.t.Fatalf("navidocs %s: %v\n%s%s", strings.Join(args, " "), err, &out, &words)
		}
	}
	return cmd.ProcessState.ExitCode(), words.String()
}

// unwatched are the flags of a deploy in a test.
func unwatched(path, watch string) []string {
	return []string{"deploy", path, "--unsigned", "--no-review", "--watch", watch, "--by", "the captain"}
}

// deploy deploys a release that must be committed.
func (in *installation) deploy(path, watch string) (run deploy.Run) {
	in.t.Helper()
	code, said := in.ask(&run, unwatched(path, watch)...)
	if code != 0 || run.Outcome != deploy.Committed {
		in.t.Fatalf("exit code %d, %s: %s\n%s%+v", code, run.Outcome, run.Reason, said, run.Steps)
	}
	return run
}

func (in *installation) status() (s deploy.Status) {
	in.t.Helper()
	if code, said := in.ask(&s, "status"); s.Keeper == nil {
		in.t.Fatalf("no keeper, exit code %d: %s", code, said)
	}
	return s
}

// leader is the server that users meet.
func (in *installation) leader() keeper.Child {
	in.t.Helper()
	c, _ := in.status().Keeper.Child(keeper.Leader)
	return c
}

// rest waits until all that was asked for is done, and told to whom it concerns.
func (in *installation) rest(c *client) {
	in.t.Helper()
	d := in.database()
	wait(in.t, patience, func() error {
		untold, err := db.Collect(in.t.Context(), d, db.Scalar[string], "SELECT type || ' of ' || coalesce(org_id, 'operators') FROM events WHERE dispatched_at IS NULL")
		if err == nil && len(untold) > 0 {
			jobs, jerr := db.Collect(in.t.Context(), d, db.Scalar[string], `SELECT state || ' ' || attempt || ' ' || coalesce(errors, '') || ' ' || scheduled_at
				FROM river_job WHERE kind = 'event.dispatch' AND state <> 'completed'`)
			err = errors.Join(fmt.Errorf("%d events are not handed on: %v, by the jobs %v", len(untold), untold, jobs), jerr)
		}
		return errors.Join(err, c.idle())
	})
	if err := d.Close(); err != nil {
		in.t.Fatal(err)
	}
}

// holds demands that what was acknowledged is there, once, and nothing else: the
// boats of users beside that of who registered.
func (in *installation) holds(u *users) {
	in.t.Helper()
	found, err := db.Collect(in.t.Context(), in.database(), db.Scalar[string], "SELECT id FROM boats")
	if err != nil {
		in.t.Fatal(err)
	}
	there := map[string]bool{}
	for _, id := range found {
		there[id] = true
	}
	for _, id := range u.boats {
		if !there[id] {
			in.t.Errorf("the boat %s was acknowledged and is not there", id)
		}
	}
	if extra := len(found) - len(u.boats) - 1; extra != 0 && len(u.cut) == 0 {
		in.t.Errorf("%d boats are there that nobody was told of", extra)
	}
}

func addLine(ctx context.Context, tx *db.Tx, detail string) error {
	_, err := tx.Exec(ctx, "INSERT INTO audit_log (id, action, subject_kind, subject_id, detail, at) VALUES ($1, 'made', 'boat', 'x', $2, $3)",
		db.NewID(), detail, db.Micros(tx.Now()))
	return err
}
