package backup_test

import (
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/backup"
	"navidocs/internal/blob"
	"navidocs/internal/config"
	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/testkit"
)

// smokeWhile prunes while a drill reads a backup, and lets the drill go on only
// when the prune is known to wait.
func smokeWhile(t *testing.T, b *bundle, id string, pruned chan<- error) func(context.Context, config.Config) error {
	t.Helper()
	return func(context.Context, config.Config) error {
		began := make(chan struct{})
		go func() {
			close(began)
			_, err := b.service().Prune(context.WithoutCancel(t.Context()), backup.Keep{Last: 1}, nil)
			pruned <- err
		}()
		<-began
		for range 100 { // it has every chance
			if _, err := os.Stat(b.file(id, "manifest.json")); err != nil {
				t.Error("it was removed under the drill", err)
			}
		}
		return nil
	}
}

func (b *bundle) restoreTo(id, dir string) {
	b.t.Helper()
	if _, err := b.service().Restore(b.t.Context(), id, backup.RestoreOptions{To: dir}); err != nil {
		b.t.Fatal(err)
	}
}

// stop closes the database, as a server that was stopped; start opens it again.
func (b *bundle) stop() {
	b.t.Helper()
	if err := b.db.Close(); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bundle) start() {
	b.t.Helper()
	d, err := db.Open(b.t.Context(), db.Options{URL: b.config.Storage.Database, Now: b.clock.Now})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = d.Close() })
	b.db = d
}

// restore brings a backup back in place, with the server stopped.
func (b *bundle) restore(id string, o backup.RestoreOptions, change ...func(*backup.Options)) (backup.Restored, error) {
	b.t.Helper()
	s := b.service(append(change, func(o *backup.Options) { o.DB = nil })...)
	b.stop()
	defer b.start()
	return s.Restore(b.t.Context(), id, o)
}

func TestRestorePrintsTheLossAndRefusesWithoutConsent(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		b.fill(10)
		paper := b.paper("a paper")
		e := b.create()
		b.fill(3)
		b.exec("UPDATE boats SET name = 'renamed' WHERE id IN ('boat-org-000001', 'boat-org-000002')")
		b.exec("DELETE FROM audit_log WHERE id = 'line-org-000004'")
		b.clock.Add(89 * time.Minute)
		if err := b.store.Delete(t.Context(), paper); err != nil {
			t.Fatal(err)
		}
		var told []backup.Loss
		announce := func(l backup.Loss) { told = append(told, l) }
		done, err := b.restore(e.ID, backup.RestoreOptions{Announce: announce})
		if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "--accept-loss") || done.Safety != "" {
			t.Fatal(done, err)
		}
		want := map[string]db.Difference{
			"organizations": {Table: "organizations", Added: 3}, "boats": {Table: "boats", Added: 3, Changed: 2},
			"audit_log": {Table: "audit_log", Added: 3, Removed: 1},
		}
		if len(told) != 1 || told[0].Minutes != 90 || len(told[0].Tables) != len(want) || told[0].Rows != 11 {
			t.Fatalf("%+v", told)
		}
		for _, d := range told[0].Tables {
			if !cmp.Equal(d, want[d.Table]) {
				t.Errorf("%+v, want %+v", d, want[d.Table])
			}
		}
		if n := b.count("organizations"); n != 13 {
			t.Error("something was touched", n)
		}
		done, err = b.restore(e.ID, backup.RestoreOptions{AcceptLoss: true, Announce: announce})
		if err != nil || done.Safety == "" || done.Aside != "" || done.Blobs != 1 || len(told) != 2 || told[1].Rows != told[0].Rows {
			t.Fatal(done, told, err)
		}
		if b.count("organizations") != 10 || b.count("audit_log") != 10 {
			t.Error("the rows are not those of the backup")
		}
		if _, err := b.store.Stat(t.Context(), paper); err != nil {
			t.Error(err)
		}
		// And the state before comes back from the safety backup.
		if _, err := b.restore(done.Safety, backup.RestoreOptions{AcceptLoss: true}); err != nil {
			t.Fatal(err)
		}
		if b.count("organizations") != 13 || b.count("audit_log") != 12 {
			t.Error("the state before did not come back")
		}
		b.nothingBeside()
	})
}

// nothingBeside demands that no restore left files beside the database.
func (b *bundle) nothingBeside() {
	b.t.Helper()
	path, ok := b.config.SQLitePath()
	if !ok {
		return
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".restoring-*"))
	more, merr := filepath.Glob(path + ".[bs]*")
	if err != nil || merr != nil || len(left)+len(more) > 0 {
		b.t.Error("left behind", left, more)
	}
}

// What is printed is what is lost, in random cases.
func TestThePrintedLossIsTheCountedLoss(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		dice := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test's dice
		b.fill(30)
		for range 2 { // fifty in make prove
			e := b.create()
			before := b.keys()
			b.churn(dice)
			after := b.keys()
			done, err := b.restore(e.ID, backup.RestoreOptions{AcceptLoss: true})
			if err != nil {
				t.Fatal(err)
			}
			for _, table := range []string{"organizations", "boats", "audit_log"} {
				want := difference(table, after[table], before[table])
				got := db.Difference{Table: table}
				for _, d := range done.Loss.Tables {
					if d.Table == table {
						got = d
					}
				}
				if !cmp.Equal(got, want) {
					t.Errorf("printed %+v, counted %+v", got, want)
				}
			}
		}
	})
}

// keys are the rows of some tables: their keys and what tells their versions.
func (b *bundle) keys() map[string]map[string]string {
	b.t.Helper()
	out := map[string]map[string]string{}
	for table, version := range map[string]string{"organizations": "name", "boats": "name", "audit_log": "detail"} {
		rows, err := db.Collect(b.t.Context(), b.db, func(r db.Row) (kv [2]string, err error) { return kv, r.Scan(&kv[0], &kv[1]) },
			"SELECT id, "+version+" FROM "+table)
		if err != nil {
			b.t.Fatal(err)
		}
		out[table] = map[string]string{}
		for _, kv := range rows {
			out[table][kv[0]] = kv[1]
		}
	}
	return out
}

func difference(table string, a, b map[string]string) db.Difference {
	d := db.Difference{Table: table}
	for key, value := range a {
		if other, ok := b[key]; !ok {
			d.Added++
		} else if other != value {
			d.Changed++
		}
	}
	for key := range b {
		if _, ok := a[key]; !ok {
			d.Removed++
		}
	}
	return d
}

// churn adds, changes and removes rows at random.
func (b *bundle) churn(dice *rand.Rand) {
	b.t.Helper()
	b.fill(dice.IntN(5))
	for range dice.IntN(6) {
		id := fmt.Sprintf("org-%06d", dice.IntN(b.rows))
		switch dice.IntN(3) {
		case 0:
			b.exec("DELETE FROM audit_log WHERE id = $1", "line-"+id)
		case 1:
			b.exec("UPDATE boats SET name = $1 WHERE id = $2", fmt.Sprint("name ", dice.IntN(1000)), "boat-"+id)
		default:
			b.exec("UPDATE organizations SET name = $1 WHERE id = $2", fmt.Sprint("name ", dice.IntN(1000)), id)
		}
	}
}

// A restore needs the database to itself.
func TestRestoreRefusesWhileAServerRuns(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		b.fill(1)
		e := b.create()
		b.fill(1)
		other := b.otherProcess()
		if _, err := b.service().Restore(t.Context(), e.ID, backup.RestoreOptions{AcceptLoss: true}); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "stop the server") {
			t.Error(err)
		}
		other()
		if b.count("organizations") != 2 {
			t.Error("something was touched")
		}
	})
}

// A dry run says what would be lost, even while a server runs.
func TestADryRunTouchesNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		b.fill(1)
		e := b.create()
		b.fill(1)
		done, err := b.service().Restore(t.Context(), e.ID, backup.RestoreOptions{DryRun: true})
		if err != nil || done.Loss.Rows != 3 || done.Safety != "" {
			t.Error(done, err)
		}
		if b.count("organizations") != 2 {
			t.Error("something was touched")
		}
	})
}

// A damaged database is what restores are for: what cannot be read is kept
// aside, after consent.
func TestRestoreOverADamagedDatabase(t *testing.T) {
	t.Parallel()
	b := sqlite(t)
	b.fill(10)
	e := b.create()
	s := b.service(func(o *backup.Options) { o.DB = nil })
	b.stop()
	if err := os.WriteFile(b.db.Path, []byte(strings.Repeat("this is no database. ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	done, err := s.Restore(t.Context(), e.ID, backup.RestoreOptions{})
	if !fault.Is(err, fault.Conflict) || done.Loss.Unknown == "" {
		t.Fatal(done, err)
	}
	done, err = s.Restore(t.Context(), e.ID, backup.RestoreOptions{AcceptLoss: true})
	if err != nil || done.Safety != "" || done.Aside == "" {
		t.Fatal(done, err)
	}
	if text, err := os.ReadFile(filepath.Join(done.Aside, filepath.Base(b.db.Path))); err != nil || !strings.HasPrefix(string(text), "this is no database") {
		t.Error(err)
	}
	b.start()
	if b.count("organizations") != 10 {
		t.Error("not restored")
	}
}

// A damaged backup is refused before anything is touched, and so is one that a
// newer release made.
func TestRestoreRefusesWhatItCannotBringBack(t *testing.T) {
	t.Parallel()
	b := sqlite(t)
	b.fill(1)
	e := b.create()
	if _, err := b.restore(e.ID, backup.RestoreOptions{AcceptLoss: true}, func(o *backup.Options) { o.Schema = 2025010101 }); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "newer") {
		t.Error(err)
	}
	if _, err := b.restore("navidocs.db.backup-20000101-000000", backup.RestoreOptions{}); !fault.Is(err, fault.NotFound) || !strings.Contains(err.Error(), "backup list") {
		t.Error(err)
	}
	if _, err := b.restore("../../etc", backup.RestoreOptions{}); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
	if err := os.Remove(b.file(e.ID, "keys.age")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.restore(e.ID, backup.RestoreOptions{AcceptLoss: true}); err == nil || !strings.Contains(err.Error(), "keys.age is not there") {
		t.Error(err)
	}
	b.nothingBeside()
}

// A copy that does not work as a server never takes the place of one that does.
func TestACopyThatDoesNotWorkStaysOut(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		b.fill(1)
		e := b.create()
		b.fill(1)
		b.smoked = func(config.Config) error { return errors.New("it smokes") }
		if _, err := b.restore(e.ID, backup.RestoreOptions{AcceptLoss: true}); err == nil || !strings.Contains(err.Error(), "it smokes") {
			t.Error(err)
		}
		if b.count("organizations") != 2 {
			t.Error("it took the place")
		}
		b.nothingBeside()
	})
}

// A backup of an older schema is migrated up, in a drill and in a restore.
func TestRestoreWorksAcrossSchemaVersions(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		b.fill(4)
		e := b.create()
		newer := newer(t)
		up := func(ctx context.Context, d *db.DB) error {
			m, err := db.NewMigrator(d, newer, "")
			if err == nil {
				_, err = m.Up(ctx, db.UpOptions{})
			}
			return err
		}
		release := func(o *backup.Options) { o.Schema, o.Migrate = 2100010101, up }
		if r, err := b.service(release).Drill(t.Context(), e.ID); err != nil || len(r.Damages) > 0 {
			t.Error(r, err)
		}
		if err := up(t.Context(), b.db); err != nil {
			t.Fatal(err)
		}
		b.fill(2)
		b.exec("INSERT INTO later (id) VALUES ('a'), ('b')")
		b.exec("UPDATE boats SET mood = 'glad'")
		done, err := b.restore(e.ID, backup.RestoreOptions{AcceptLoss: true}, release)
		if err != nil || done.Loss.Rows != 8 || len(done.Loss.Tables) != 4 || !hasColumn(done.Loss, "boats", "mood") || done.Schema != 2100010101 {
			t.Fatalf("%+v, %v", done, err)
		}
		if b.count("organizations") != 4 || b.count("later") != 0 {
			t.Error("not restored and migrated")
		}
	})
}

func hasColumn(l backup.Loss, table, column string) bool {
	return slices.ContainsFunc(l.Tables, func(d db.Difference) bool { return d.Table == table && slices.Contains(d.Columns, column) })
}

// newer is the sequence of a later release.
func newer(t *testing.T) fs.FS {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, db.Migrations()); err != nil {
		t.Fatal(err)
	}
	text := "-- class: expand\n-- +goose Up\nCREATE TABLE later (id TEXT PRIMARY KEY);\nALTER TABLE boats ADD COLUMN mood TEXT NOT NULL DEFAULT '';\n" +
		"-- +goose Down\nALTER TABLE boats DROP COLUMN mood;\nDROP TABLE later;\n"
	if err := os.WriteFile(filepath.Join(dir, "2100010101_later.sql"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return os.DirFS(dir)
}

// On an empty machine the recovery key alone brings everything back, the
// sealed secrets included; without it the database comes and the keys do not.
func TestRestoreOnAnEmptyMachine(t *testing.T) {
	t.Parallel()
	b := sqlite(t)
	secret, err := backup.RenewRecoveryKey(b.config.KeyDir())
	if err != nil {
		t.Fatal(err)
	}
	b.fill(7)
	paper := b.paper("a paper")
	e := b.create()

	home := t.TempDir()
	cfg, err := config.Load(config.Source{Environ: []string{"APP_ENV=test"}, Home: home})
	if err != nil {
		t.Fatal(err)
	}
	store, err := blob.OpenDisk(filepath.Join(home, "data", "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	empty := &bundle{t: t, db: b.db, store: store, config: cfg, clock: b.clock, smoked: func(config.Config) error { return nil }}
	s := empty.service(func(o *backup.Options) { o.DB, o.Events, o.From, o.Identity = nil, nil, b.config.Backup.Dir, secret })
	done, err := s.Restore(t.Context(), e.ID, backup.RestoreOptions{})
	if err != nil || !done.Keys || done.Blobs != 1 || done.Safety != "" || done.Loss.Any() {
		t.Fatal(done, err)
	}
	if key, err := os.ReadFile(filepath.Join(cfg.KeyDir(), "seal")); string(key) != "the key that seals\n" || err != nil {
		t.Error(key, err)
	}
	if _, err := store.Stat(t.Context(), paper); err != nil {
		t.Error(err)
	}
	empty.start()
	if empty.count("organizations") != 7 {
		t.Error("not restored")
	}
}

// A new home beside the old one, for looking at.
func TestRestoreToANewHome(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		b.fill(2)
		b.paper("a paper")
		e := b.create()
		to := filepath.Join(t.TempDir(), "new")
		done, err := b.service().Restore(t.Context(), e.ID, backup.RestoreOptions{To: to})
		if err != nil || done.To != to || done.Blobs != 1 || done.Keys {
			t.Fatal(done, err)
		}
		if _, err := b.service().Restore(t.Context(), e.ID, backup.RestoreOptions{To: to}); !fault.Is(err, fault.Conflict) {
			t.Error("into a folder that is not empty", err)
		}
		if b.db.Engine == db.SQLite && rowsIn(t, filepath.Join(to, "data", "navidocs.db")) != 2 {
			t.Error("not restored")
		}
	})
}

// A new home knows what was erased after its backup from a later one, and its
// first start erases it.
func TestANewHomeKnowsWhatWasErasedSince(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		journal := backup.ErasureJournal(b.config)
		older := b.create()
		if err := journal.Append([][]byte{[]byte(`{"id":"1"}`), []byte(`{"id":"2"}`)}); err != nil {
			t.Fatal(err)
		}
		b.clock.Add(time.Hour)
		newer := b.create()
		if err := os.Remove(b.config.ErasureJournal()); err != nil {
			t.Fatal(err)
		}
		if report, err := b.service().Verify(t.Context(), newer.ID, backup.VerifyOptions{Sample: 1}); err != nil || report.Err() != nil {
			t.Error(report, err)
		}
		to := filepath.Join(t.TempDir(), "new")
		if _, err := b.service().Restore(t.Context(), older.ID, backup.RestoreOptions{To: to}); err != nil {
			t.Fatal(err)
		}
		lines, err := backup.ErasureJournal(config.Config{Home: to}).Lines()
		if err != nil || len(lines) != 2 || string(lines[1]) != `{"id":"2"}` {
			t.Errorf("%s, %v", lines, err)
		}
	})
}

// otherProcess is one more that uses the database, until the function is called.
func (b *bundle) otherProcess() func() {
	b.t.Helper()
	if b.db.Engine == db.SQLite {
		return func() {} // the bundle's own database is open, which is the same
	}
	return b.otherConnection()
}

// A PostgreSQL database that was made for the purpose, as on a new machine,
// holds nothing that a backup could be made of.
func TestRestoreIntoAnEmptyPostgresDatabase(t *testing.T) {
	t.Parallel()
	b := setup(t, testkit.Postgres(t), testkit.NewClock(start))
	b.fill(3)
	e := b.create()
	server, name := testkit.PostgresURL(t), "restored_"+strings.ToLower(crand.Text())
	address, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	address.Path = "/" + name
	ctx := context.WithoutCancel(t.Context())
	if err := db.Administer(ctx, server, "CREATE DATABASE "+name+" TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Administer(ctx, server, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	s := b.service(func(o *backup.Options) { o.DB, o.Events, o.Config.Storage.Database = nil, nil, address.String() })
	done, err := s.Restore(t.Context(), e.ID, backup.RestoreOptions{})
	if err != nil || done.Safety != "" || done.Aside != "" {
		t.Fatal(done, err)
	}
	d, err := db.Open(t.Context(), db.Options{URL: address.String()})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for query, want := range map[string]int{
		"SELECT count(*) FROM organizations":                                     3,
		"SELECT count(*) FROM pg_database WHERE datname LIKE '" + name + "\\_%'": 0,
	} {
		if n, err := db.One(t.Context(), d, db.Scalar[int], query); n != want || err != nil {
			t.Error(query, n, err)
		}
	}
}
