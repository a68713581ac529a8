package db_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// The environment of a child process: replace, settle or hold, the database,
// and before which change on disk it kills itself.
const (
	replaceEnv = "NAVIDOCS_TEST_REPLACE"
	pathEnv    = "NAVIDOCS_TEST_PATH"
	killEnv    = "NAVIDOCS_TEST_KILL"
)

// replaceChild does to a database what its order says. The files that come lie
// beside it in the folder new, those that go are put into before.
func replaceChild(order string) int {
	ctx, path := context.Background(), os.Getenv(pathEnv)
	if n, err := strconv.Atoi(os.Getenv(killEnv)); err == nil {
		db.OnStep(func() {
			if n--; n < 0 {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {} // it is dead
			}
		})
	}
	var err error
	switch order {
	case "replace":
		var e *db.Exclusive
		if e, err = db.Exclude(ctx, path); err == nil {
			err = errors.Join(e.Replace(beside(path, "new"), beside(path, "before")), e.Close())
		}
	default: // opens it until its input ends
		var d *db.DB
		if d, err = db.Open(ctx, db.Options{URL: path}); err == nil {
			fmt.Println("open")
			_, err = io.Copy(io.Discard, os.Stdin)
			err = errors.Join(err, d.Close())
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func beside(path, name string) string { return filepath.Join(filepath.Dir(path), name) }

func replacer(t *testing.T, order, path string, kill int) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0])
	c.Env = append(os.Environ(), replaceEnv+"="+order, pathEnv+"="+path)
	if kill >= 0 {
		c.Env = append(c.Env, killEnv+"="+strconv.Itoa(kill))
	}
	return c
}

// struck runs a child that kills itself before its nth change; false when it
// had fewer.
func struck(t *testing.T, order, path string, n int) bool {
	t.Helper()
	words, err := replacer(t, order, path, n).CombinedOutput()
	if err == nil {
		return false
	}
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		if status, ok := e.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGKILL {
			return true
		}
	}
	t.Fatalf("%v: %s", err, words)
	return false
}

func exec1(t *testing.T, d *db.DB, query string, args ...any) {
	t.Helper()
	err := d.Transact(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), query, args...)
		return err
	})
	if err != nil {
		t.Fatal(query, err)
	}
}

// lay puts the files of a database into a folder: a row in the main file and one
// that only the -wal has, as a killed process leaves them; or the main file
// alone.
func lay(t *testing.T, dir, word string, wal bool) {
	t.Helper()
	source := filepath.Join(t.TempDir(), "x.db")
	d, err := db.Open(t.Context(), db.Options{URL: source})
	if err != nil {
		t.Fatal(err)
	}
	exec1(t, d, "CREATE TABLE words (word TEXT PRIMARY KEY)")
	exec1(t, d, "INSERT INTO words VALUES ($1)", word)
	if _, err := d.JobConn().ExecContext(t.Context(), "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		t.Fatal(err)
	}
	exec1(t, d, "INSERT INTO words VALUES ($1)", word+" of the wal")
	suffixes := []string{"", "-wal", "-shm"}
	if !wal {
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		suffixes = suffixes[:1]
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range suffixes {
		text, err := os.ReadFile(source + suffix)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "x.db"+suffix), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if wal {
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// holds opens a database and tells whose rows it has: both or the test fails.
func holds(t *testing.T, path string) string {
	t.Helper()
	d, err := db.Open(t.Context(), db.Options{URL: path})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	words, err := db.Collect(t.Context(), d, db.Scalar[string], "SELECT word FROM words ORDER BY word")
	if err != nil || len(words) != 2 || words[1] != words[0]+" of the wal" {
		t.Fatalf("%s holds %q, %v", path, words, err)
	}
	return words[0]
}

// settled demands that opening finds exactly one of the two databases whole in
// its place, the other whole in its folder, and no note.
func settled(t *testing.T, path string) string {
	t.Helper()
	in := holds(t, path)
	if in == "new" {
		if out := holds(t, beside(path, "before")+"/x.db"); out != "old" {
			t.Errorf("the folder of the old database holds the %s one", out)
		}
		if _, err := os.Stat(beside(path, "new") + "/x.db"); !errors.Is(err, os.ErrNotExist) {
			t.Error("the new one is in two places", err)
		}
	} else if out := holds(t, beside(path, "new")+"/x.db"); out != "new" {
		t.Errorf("the folder of the new database holds the %s one", out)
	}
	if _, err := os.Stat(path + ".swap"); !errors.Is(err, os.ErrNotExist) {
		t.Error("the note is still there", err)
	}
	return in
}

func copied(t *testing.T, dir string) string {
	t.Helper()
	other := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(other, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	// A note names its folders with their path.
	note := filepath.Join(other, "x.db.swap")
	if text, err := os.ReadFile(note); err == nil {
		if err := os.WriteFile(note, []byte(strings.ReplaceAll(string(text), dir, other)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return other
}

// Whenever a replacement is killed, and whenever whoever settles it is killed
// too, the next one to open finds exactly the old or exactly the new database,
// with what only its -wal holds.
func TestAKilledReplacementIsSettledByWhoeverOpensNext(t *testing.T) {
	t.Parallel()
	for _, oldWAL := range []bool{true, false} {
		for _, newWAL := range []bool{true, false} {
			t.Run(fmt.Sprintf("wal of the old %t, of the new %t", oldWAL, newWAL), func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				lay(t, dir, "old", oldWAL)
				lay(t, filepath.Join(dir, "new"), "new", newWAL)
				var ends []string
				for n := 0; ; n++ {
					at := copied(t, dir)
					if !struck(t, "replace", filepath.Join(at, "x.db"), n) {
						if n < 8 {
							t.Errorf("only %d changes on disk", n)
						}
						ends = append(ends, settled(t, filepath.Join(at, "x.db")))
						break
					}
					for m := 0; ; m++ { // and whoever settles it is killed
						again := copied(t, at)
						more := struck(t, "hold", filepath.Join(again, "x.db"), m)
						in := settled(t, filepath.Join(again, "x.db"))
						if m == 0 {
							ends = append(ends, in)
						}
						if !more {
							break
						}
					}
				}
				slices.Reverse(ends)
				if ends[0] != "new" || !slices.IsSortedFunc(ends, strings.Compare) {
					t.Errorf("from the last change to the first: %q", ends)
				}
			})
		}
	}
}

func TestReplacePutsTheOldDatabaseAside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "x.db")
	lay(t, dir, "old", true)
	lay(t, filepath.Join(dir, "new"), "new", false)
	e, err := db.Exclude(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Replace(beside(path, "nowhere"), beside(path, "before")); !errors.Is(err, os.ErrNotExist) {
		t.Error("nothing came in place of it", err)
	}
	if err := e.Replace(beside(path, "new"), dir); !fault.Is(err, fault.Conflict) {
		t.Error("into a folder that is not empty", err)
	}
	if err := e.Replace(beside(path, "new"), beside(path, "before")); err != nil {
		t.Error(err)
	}
	d, err := e.Open(t.Context(), db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := db.One(t.Context(), d, db.Scalar[string], "SELECT min(word) FROM words"); n != "new" || err != nil {
		t.Error(n, err)
	}
	if err := errors.Join(d.Close(), e.Close()); err != nil {
		t.Error(err)
	}
	if in := settled(t, path); in != "new" {
		t.Error(in)
	}
}

// Where there was no database yet, the new one comes.
func TestReplaceNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "x.db")
	lay(t, filepath.Join(dir, "new"), "new", true)
	e, err := db.Exclude(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(e.Replace(beside(path, "new"), beside(path, "before")), e.Close()); err != nil {
		t.Error(err)
	}
	if in := holds(t, path); in != "new" {
		t.Error(in)
	}
}

// Another process that has the database open keeps us out, and is let finish.
func TestExcludeWaitsForOtherProcesses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "x.db")
	lay(t, dir, "old", false)
	release := other(t, path)
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := db.Exclude(short, path); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "stop the server") {
		t.Error(err)
	}
	in := make(chan error, 1)
	go func() {
		e, err := db.Exclude(t.Context(), path)
		if err == nil {
			err = e.Close()
		}
		in <- err
	}()
	select {
	case err := <-in:
		t.Fatal("it did not wait", err)
	default:
	}
	release()
	if err := <-in; err != nil {
		t.Error(err)
	}
}

// other is a second process that has the database open until it is released.
func other(t *testing.T, path string) (release func()) {
	t.Helper()
	c := replacer(t, "hold", path, -1)
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, len("open\n"))); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if err := errors.Join(in.Close(), c.Wait()); err != nil {
			t.Error(err)
		}
	}
}

// While somebody may move the files, nobody opens them: they wait, and are told.
func TestExcludeKeepsOthersOut(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "x.db")
	lay(t, dir, "old", false)
	e, err := db.Exclude(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := db.Open(short, db.Options{URL: path}); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "being replaced by a restore") {
		t.Error(err)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if in := holds(t, path); in != "old" {
		t.Error(in)
	}
}

// A note that cannot be read is told, not guessed at; nothing is moved.
func TestABrokenNoteIsTold(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "x.db")
	lay(t, dir, "old", true)
	if err := os.WriteFile(path+".swap", []byte(`{"from": "`), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := db.Open(t.Context(), db.Options{URL: path}); !fault.Is(err, fault.Internal) || !strings.Contains(err.Error(), path+".swap") {
			t.Error(err)
		}
		if _, err := db.Exclude(t.Context(), path); !fault.Is(err, fault.Internal) || !strings.Contains(err.Error(), path+".swap") {
			t.Error(err)
		}
	}
	if err := os.Remove(path + ".swap"); err != nil {
		t.Fatal(err)
	}
	if in := holds(t, path); in != "old" {
		t.Error(in)
	}
}
