package cli_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"navidocs/internal/backup"
	"navidocs/internal/cli"
	"navidocs/internal/testkit"
)

func TestMigrateWorksOnPostgreSQL(t *testing.T) {
	t.Parallel()
	d, home := testkit.Postgres(t), t.TempDir()
	if _, err := backup.RenewRecoveryKey(filepath.Join(home, "data", "keys")); err != nil {
		t.Fatal(err)
	}
	run := func(want int, words string, command ...string) {
		t.Helper()
		var out bytes.Buffer
		code := cli.Run(t.Context(), cli.Env{
			Args: append([]string{"migrate", "--home", home}, command...), Environ: []string{"APP_ENV=test", "DATABASE_URL=" + testkit.URL(d)},
			Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out,
		})
		if code != want || !strings.Contains(out.String(), words) {
			t.Errorf("%v: code %d, want %d and %q in:\n%s", command, code, want, words, &out)
		}
	}
	run(0, "every migration goes up, down and up to the same schema and rows on postgres", "verify")
	run(3, "would lose table mls_sync: 0 rows", "down", "--steps", "1")
	run(0, "undone 2025112501_listings", "down", "--steps", "1", "--yes")
	run(0, "2025112501  listings                     expand   pending", "status")
	run(0, "applied 20", "up")
	run(3, "is the database itself", "rehearse", "--on", testkit.URL(d))
	run(0, "", "rehearse") // on the backup that down made
}
