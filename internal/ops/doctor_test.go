package ops_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"navidocs/internal/apptest"
	"navidocs/internal/backup"
	"navidocs/internal/blob"
	"navidocs/internal/db"
	"navidocs/internal/ops"
	"navidocs/internal/testkit"
)

// patient is an installation that the doctor examines.
type patient struct {
	*apptest.Server
	t     *testing.T
	clock *testkit.Clock
	home  string
}

// examine demands a verdict of one check, whose text holds words, and after a
// repair that it is well.
func (p *patient) examine(check, verdict, text string, fixable bool) {
	p.t.Helper()
	f := p.find(check, false)
	if f.Verdict != verdict || !strings.Contains(f.Text, text) || (verdict == ops.Warn || verdict == ops.Fail) && f.Remedy == "" || f.Fixed {
		p.t.Errorf("%+v, want %s: %s", f, verdict, text)
	}
	if !fixable {
		return
	}
	if f := p.find(check, true); !f.Fixed {
		p.t.Errorf("it was not put right: %+v", f)
	}
	if f := p.find(check, false); f.Verdict != ops.Pass {
		p.t.Errorf("after the repair: %+v", f)
	}
}

func (p *patient) find(check string, fix bool) ops.Finding {
	p.t.Helper()
	for _, f := range p.Doctor(fix).Run(p.t.Context()) {
		if f.Check == check {
			return f
		}
	}
	p.t.Fatal("there is no check", check)
	return ops.Finding{}
}

func (p *patient) exec(query string, args ...any) {
	p.t.Helper()
	err := p.DB.Transact(p.t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(p.t.Context(), query, args...)
		return err
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

func newPatient(t *testing.T, database string) *patient {
	t.Helper()
	clock := testkit.NewClock(time.Now().UTC().Truncate(time.Second))
	p := &patient{t: t, clock: clock, Server: apptest.New(t, apptest.Options{Database: database, Now: clock.Now, NoWorker: true})}
	p.home = p.Doctor(false).Config.Home
	return p
}

func eachPatient(t *testing.T, f func(p *patient)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); f(newPatient(t, "")) })
	t.Run("postgres", func(t *testing.T) { t.Parallel(); f(newPatient(t, testkit.URL(testkit.Postgres(t)))) })
}

// Of a healthy installation nothing is said but that it is well, or that it
// does not apply.
func TestTheDoctorFindsNothingWhereThereIsNothing(t *testing.T) {
	t.Parallel()
	eachPatient(t, func(p *patient) {
		secret, err := p.RecoveryKey()
		if err != nil {
			p.t.Fatal(err)
		}
		if err := backup.ConfirmRecoveryKey(filepath.Join(p.home, "data", "keys"), secret); err != nil {
			p.t.Fatal(err)
		}
		apptest.Work(p.t, p.App)
		testkit.Eventually(p.t, func() error {
			if f := p.find("queue", false); f.Verdict != ops.Pass {
				return errorOf(f)
			}
			return nil
		})
		found := p.Doctor(false).Run(p.t.Context())
		for _, f := range found {
			if f.Verdict == ops.Fail || f.Verdict == ops.Warn && f.Check != "load" && f.Check != "memory" && f.Check != "disk" {
				p.t.Errorf("%+v", f)
			}
		}
		if len(found) < 17 || ops.Failed(found) != 0 {
			p.t.Error(len(found), ops.Failed(found))
		}
	})
}

func errorOf(f ops.Finding) error { return &finding{f} }

type finding struct{ f ops.Finding }

func (f *finding) Error() string { return f.f.Check + ": " + f.f.Text }

// Each illness is found, named and, where that loses nothing, healed.
func TestTheDoctorFindsIllnesses(t *testing.T) {
	t.Parallel()
	eachPatient(t, func(p *patient) {
		p.examine("recovery_key", ops.Warn, "nobody", false)
		p.examine("queue", ops.Warn, "nobody works", false)
		key := filepath.Join(p.home, "data", "keys", "jwt")
		if err := os.Chmod(key, 0o644); err != nil {
			p.t.Fatal(err)
		}
		p.examine("modes", ops.Fail, key, true)
		p.illBlobs()
		p.exec("DROP INDEX boats_hin")
		p.examine("schema", ops.Fail, "boats_hin", false)
		p.exec("CREATE INDEX boats_hin ON boats (org_id, hin)")
		p.exec("INSERT INTO audit_log (id, action, subject_kind, subject_id, at) VALUES ('x', 'x', 'x', 'x', $1)", db.Micros(p.clock.Now().Add(time.Hour)))
		p.examine("clock", ops.Fail, "1h0m0s ahead", false)
		if err := p.Jobs.Pause(p.t.Context()); err != nil {
			p.t.Fatal(err)
		}
		p.examine("queue", ops.Warn, "paused", false)
		p.clock.Add(27 * time.Hour)
		p.examine("backup", ops.Fail, "27h", false)
		p.clock.Add(7 * 24 * time.Hour)
		p.examine("drill", ops.Fail, "195h", false)
	})
}

// illBlobs loses the bytes of one paper and leaves bytes that nobody wants.
func (p *patient) illBlobs() {
	p.t.Helper()
	digest, size, err := p.Store.Put(p.t.Context(), bytes.NewReader([]byte("a paper")))
	if err != nil {
		p.t.Fatal(err)
	}
	old := p.clock.Now().Add(-100 * time.Hour)
	if err := os.Chtimes(filepath.Join(p.home, "data", "blobs", string(digest[:2]), string(digest[2:4]), string(digest)), old, old); err != nil {
		p.t.Fatal(err)
	}
	p.examine("blobs", ops.Warn, "1 files are wanted by nothing", true)
	err = p.DB.Transact(p.t.Context(), func(tx *db.Tx) error {
		return blob.Adopt(p.t.Context(), tx, digest, size, "test", "x")
	})
	if err != nil {
		p.t.Fatal(err)
	}
	p.examine("blobs", ops.Fail, string(digest), false)
	p.exec("DELETE FROM blob_refs")
	p.exec("DELETE FROM blobs")
}

// What only a SQLite file can suffer from.
func TestTheDoctorFindsIllnessesOfSQLite(t *testing.T) {
	t.Parallel()
	p := newPatient(t, "")
	c := p.User("ada@example.org", "", "")
	c.Want(201, "POST", "/api/boats", map[string]string{"name": "Nautilus"})
	p.exec("INSERT INTO search_index (rowid, scope, body) VALUES (999, 'x', 'a stray')")
	p.examine("search", ops.Fail, "does not agree", true)
	if _, err := p.DB.JobConn().ExecContext(t.Context(), "PRAGMA foreign_keys = OFF"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.DB.JobConn().ExecContext(t.Context(), "INSERT INTO boat_uses (id, boat_id, use) VALUES ('x', 'no boat', 'x')"); err != nil {
		t.Fatal(err)
	}
	p.examine("db", ops.Fail, "foreign_key_check", false)
	if runtime.GOOS == "linux" {
		p.stranger()
	}
	p.longLog()
}

// stranger is another program that has the database open.
func (p *patient) stranger() {
	p.t.Helper()
	ctx, cancel := context.WithCancel(p.t.Context())
	defer cancel()
	cmd := exec.CommandContext(ctx, "tail", "-f", p.DB.Path)
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	testkit.Eventually(p.t, func() error {
		if f := p.find("processes", false); f.Verdict != ops.Fail || !strings.Contains(f.Text, "tail") {
			return errorOf(f)
		}
		return nil
	})
	cancel()
	_ = cmd.Wait() // it was killed
	p.examine("processes", ops.Pass, "", false)
}

// longLog keeps a reader open while much is written, which keeps the log from
// being emptied.
func (p *patient) longLog() {
	p.t.Helper()
	err := p.DB.Snapshot(p.t.Context(), func(q db.Querier, _ string) error {
		if _, err := db.One(p.t.Context(), q, db.Scalar[int], "SELECT count(*) FROM boats"); err != nil {
			return err
		}
		text := strings.Repeat("many words ", 100_000)
		for range 70 {
			p.exec("INSERT INTO audit_log (id, action, subject_kind, subject_id, detail, at) VALUES ($1, 'x', 'x', 'x', $2, 1)", db.NewID(), text)
		}
		f := p.find("wal", true)
		if f.Verdict != ops.Warn || f.Fixed {
			p.t.Errorf("with a reader: %+v", f)
		}
		return nil
	})
	if err != nil {
		p.t.Fatal(err)
	}
	p.examine("wal", ops.Warn, "MB", true)
}
