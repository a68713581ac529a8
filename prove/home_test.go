//go:build prove

package prove_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"navidocs/internal/backup"
	"navidocs/internal/db"
)

// home is a folder that commands of the built binary work on, one after the
// other, without a server.
type home struct {
	t       testing.TB
	program string
	dir     string
}

func newHome(t testing.TB) *home {
	t.Helper()
	program, err := build()
	if err != nil {
		t.Fatal(err)
	}
	h := &home{t: t, program: program, dir: t.TempDir()}
	h.run("migrate", "up")
	h.run("backup", "key", "renew")
	return h
}

// command is one that can be killed.
func (h *home) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, h.program, append([]string{"--home", h.dir}, args...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + h.dir, "TMPDIR=" + os.TempDir(), "APP_ENV=test", "LOG_LEVEL=error"}
	return cmd
}

// run runs a command that must succeed and returns what it prints.
func (h *home) run(args ...string) []byte {
	h.t.Helper()
	var words bytes.Buffer
	cmd := h.command(h.t.Context(), args...)
	cmd.Stderr = &words
	out, err := cmd.Output()
	if err != nil {
		h.t.Fatalf("navidocs %s: %v\n%s%s", strings.Join(args, " "), err, out, &words)
	}
	return out
}

func (h *home) open() *db.DB {
	h.t.Helper()
	d, err := db.Open(h.t.Context(), db.Options{URL: filepath.Join(h.dir, "data", "navidocs.db")})
	if err != nil {
		h.t.Fatal(err)
	}
	return d
}

// change runs f in a transaction of a process beside the commands.
func (h *home) change(f func(ctx context.Context, tx *db.Tx) error) {
	h.t.Helper()
	d := h.open()
	err := d.Transact(h.t.Context(), func(tx *db.Tx) error { return f(h.t.Context(), tx) })
	if err := errors.Join(err, d.Close()); err != nil {
		h.t.Fatal(err)
	}
}

// backups are those that list.
func (h *home) backups() (all []backup.Entry) {
	h.t.Helper()
	if err := json.Unmarshal(h.run("backup", "list", "--json"), &all); err != nil {
		h.t.Fatal(err)
	}
	return all
}
