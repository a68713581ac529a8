//go:build unix

package prove_test

import (
	"bytes"
	"context"
	"database/sql"
	"debug/buildinfo"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"modernc.org/sqlite"

	"navidocs/internal/db"
	"navidocs/internal/deploy"
	"navidocs/internal/ops"
)

// runbook is an installation on which what the old runbook did by hand is done
// beside what our commands do.
type runbook struct {
	*installation

	c    *client
	late string     // a boat that was added after a deploy
	back deploy.Run // the rollback of that deploy
	was  deploy.Run // that deploy
}

// Each of the seven defects of the old runbook is shown, where that is cheap, and
// that our command does not have it.
func TestTheOldRunbooksDefects(t *testing.T) { //nolint:tparallel // its subtests share an installation, one after the other
	t.Parallel()
	in := install(t)
	r := &runbook{installation: in, c: register(t, in.url)}
	for _, defect := range []struct {
		name string
		gone func(r *runbook, t *testing.T)
	}{
		{"1 a copy of the file loses what is in the log", (*runbook).copied},
		{"2 a backup in steps never ends under load", (*runbook).stepped},
		{"3 a second, older SQLite opens the database", (*runbook).second},
		{"4 checks see damage that is none", (*runbook).alarmed},
		{"5 a copy over a hot log corrupts", (*runbook).overwritten},
		{"6 a rollback loses what came after, and says it did not", (*runbook).lost},
		{"7 a rollback takes the last commit, and seven tables are too few", (*runbook).counted},
	} {
		t.Run(defect.name, func(st *testing.T) {
			r.t, r.c.t = st, st
			defer func() { r.t, r.c.t = t, t }()
			defect.gone(r, st)
		})
	}
}

// raw opens a database as any program does.
func raw(t *testing.T, path string) *sql.DB {
	t.Helper()
	d, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	d.SetMaxOpenConns(1)
	t.Cleanup(func() { d.Close() })
	return d
}

// run executes statements, and scan reads the one value of a query.
func run(t *testing.T, d *sql.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := d.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func scan[T any](t *testing.T, d *sql.DB, query string) (v T) {
	t.Helper()
	if err := d.QueryRowContext(t.Context(), query).Scan(&v); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return v
}

// shell runs a command of the old runbook.
func shell(t *testing.T, dir, line string) (out string, ok bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-ec", line)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GIT_CONFIG_NOSYSTEM=1"}
	text, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(text)), err == nil
}

// boat adds one, which is acknowledged.
func (r *runbook) boat() string {
	r.t.Helper()
	var boat struct{ ID string }
	r.c.must(http.StatusCreated, "POST", "/api/boats", map[string]string{"name": "Nemo"}, &boat)
	return boat.ID
}

// backup makes one.
func (r *runbook) backup() string {
	r.t.Helper()
	var made struct{ ID string }
	if code, said := r.ask(&made, "backup", "create"); code != 0 {
		r.t.Fatal(said)
	}
	return made.ID
}

// boatsOf are those in a backup, which is restored elsewhere.
func (r *runbook) boatsOf(id string) []string {
	r.t.Helper()
	to := filepath.Join(r.t.TempDir(), "restored")
	if code, said := r.ask(nil, "backup", "restore", id, "--to", to); code != 0 {
		r.t.Fatal(said)
	}
	return boatsIn(r.t, filepath.Join(to, "data", "navidocs.db"))
}

func boatsIn(t testing.TB, path string) []string {
	t.Helper()
	d, err := db.Open(t.Context(), db.Options{URL: path})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	ids, err := db.Collect(t.Context(), d, db.Scalar[string], "SELECT id FROM boats")
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// Part 1 B: cp navidocs.db. The copy is sound, and what was acknowledged last is
// not in it.
func (r *runbook) copied(t *testing.T) {
	file, copied := filepath.Join(r.home, "data", "navidocs.db"), filepath.Join(t.TempDir(), "copy.db")
	run(t, raw(t, file), "PRAGMA wal_checkpoint(TRUNCATE)")
	id := r.boat()
	if out, ok := shell(t, r.home, "cp '"+file+"' '"+copied+"'"); !ok {
		t.Fatal(out)
	}
	d := raw(t, copied)
	if sound, n := scan[string](t, d, "PRAGMA integrity_check"), scan[int](t, d, "SELECT count(*) FROM boats WHERE id = '"+id+"'"); sound != "ok" || n != 0 {
		t.Errorf("the copy is %s and has the boat %d times: the defect is not shown", sound, n)
	}
	if !slices.Contains(r.boatsOf(r.backup()), id) {
		t.Error("the boat is not in our backup")
	}
	if !t.Failed() {
		t.Log("PROVED: cp of the database passes its check and lacks the row acknowledged last; navidocs backup create has it")
	}
}

// Step 3: .backup copies 100 pages at a time, and begins anew whenever somebody
// wrote in between.
func (r *runbook) stepped(t *testing.T) {
	file := filepath.Join(t.TempDir(), "busy.db")
	d := raw(t, file)
	run(t, d, "PRAGMA journal_mode = WAL", "CREATE TABLE t (x)",
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) INSERT INTO t SELECT randomblob(2000) FROM n")
	quiet := steps(t, file, func() {})
	busy := steps(t, file, func() { run(t, d, "INSERT INTO t VALUES (1)") })
	if quiet == most || busy < most {
		t.Errorf("%d steps on a quiet database and %d on a busy one: the defect is not shown", quiet, busy)
	}
	u := &users{t: t, c: r.c, url: r.url, pace: 10 * time.Millisecond}
	for range 2 {
		u.arrive(1, &http.Transport{})
	}
	u.more(20)
	u.mu.Lock()
	before := slices.Clone(u.boats)
	u.mu.Unlock()
	id := r.backup()
	u.leave()
	there := r.boatsOf(id)
	for _, b := range before {
		if !slices.Contains(there, b) {
			t.Errorf("the boat %s, acknowledged before, is not in the backup", b)
		}
	}
	if !t.Failed() {
		t.Logf("PROVED: .backup took %d steps on a quiet database and had not ended after %d on one that is written to; navidocs backup create ended under %d writes and has all %d rows acknowledged before",
			quiet, busy, len(u.boats), len(before))
	}
}

// most is how many steps a backup gets.
const most = 200

// steps counts how many a backup takes with something in between.
func steps(t *testing.T, file string, between func()) (n int) {
	t.Helper()
	conn, err := raw(t, file).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = conn.Raw(func(driver any) error {
		b, err := driver.(interface {
			NewBackup(to string) (*sqlite.Backup, error)
		}).NewBackup(filepath.Join(t.TempDir(), "backup.db"))
		if err != nil {
			return err
		}
		for more := true; more && n < most; n++ {
			if more, err = b.Step(100); err != nil {
				return err
			}
			between()
		}
		return b.Finish()
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Step 3 again: Debian's sqlite3 (3.40) beside a server that has the corrected
// SQLite. Ours needs no second one: the program has one, and it is recent.
func (r *runbook) second(t *testing.T) {
	info, err := buildinfo.ReadFile(r.program)
	if err != nil {
		t.Fatal(err)
	}
	var engines []string
	for _, m := range info.Deps {
		if strings.Contains(m.Path, "sqlite") && !strings.HasPrefix(m.Path, "github.com/riverqueue/") {
			engines = append(engines, m.Path)
		}
	}
	var found []ops.Finding
	r.ask(&found, "doctor")
	i := slices.IndexFunc(found, func(f ops.Finding) bool { return f.Check == "sqlite" })
	version := scan[string](t, raw(t, filepath.Join(t.TempDir(), "any.db")), "SELECT sqlite_version()")
	if !slices.Equal(engines, []string{"modernc.org/sqlite"}) || i < 0 || found[i].Verdict != ops.Pass || !recent(version) {
		t.Errorf("engines %v, SQLite %s, doctor: %+v", engines, version, found)
	}
	if !t.Failed() {
		t.Logf("PROVED: backup, check and restore are the program's own, whose only SQLite is %s (>= 3.51.3); doctor: %s", version, found[i].Text)
	}
}

// recent says whether SQLite has the correction of 3.51.3.
func recent(version string) bool {
	var parts []int
	for p := range strings.SplitSeq(version, ".") {
		n := 0
		for _, c := range p {
			n = 10*n + int(c-'0')
		}
		parts = append(parts, n)
	}
	return slices.Compare(parts, []int{3, 51, 3}) >= 0
}

// Step 4: a backup must have 90 to 110 % of the size of the database. After much
// was deleted a correct one has less. (That damage is found, 12 of 12, is the
// scenario "Each of twelve damages is found and named".)
func (r *runbook) alarmed(t *testing.T) {
	d := r.database()
	write := func(f func(ctx context.Context, tx *db.Tx) error) {
		t.Helper()
		if err := d.Transact(t.Context(), func(tx *db.Tx) error { return f(t.Context(), tx) }); err != nil {
			t.Fatal(err)
		}
	}
	write(func(ctx context.Context, tx *db.Tx) error {
		for range 1500 {
			if err := addLine(ctx, tx, "deleted soon "+strings.Repeat("x", 4000)); err != nil {
				return err
			}
		}
		return nil
	})
	write(func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM audit_log WHERE detail LIKE 'deleted soon %'")
		return err
	})
	id, copied := r.backup(), filepath.Join(t.TempDir(), "copy.db")
	if err := d.CopyInto(t.Context(), copied); err != nil {
		t.Fatal(err)
	}
	size, err := d.Size(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(copied)
	if err != nil {
		t.Fatal(err)
	}
	share := 100 * info.Size() / size
	if share >= 90 {
		t.Errorf("the copy has %d %% of the size: the defect is not shown", share)
	}
	if code, said := r.ask(nil, "backup", "verify", id); code != 0 {
		t.Errorf("a good backup is said to be damaged: %s", said)
	}
	packed, err := filepath.Glob(filepath.Join(r.home, "backups", id, "db.*"))
	if err != nil || len(packed) != 1 {
		t.Fatal(packed, err)
	}
	content, err := os.ReadFile(packed[0])
	if err == nil {
		err = os.WriteFile(packed[0], content[:len(content)*95/100], 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	code, said := r.ask(nil, "backup", "verify", id)
	if code != 1 {
		t.Errorf("the end of a backup is cut off: exit code %d: %s", code, said)
	}
	if !t.Failed() {
		t.Logf("PROVED: after a great deletion a correct copy has %d %% of the size, which the runbook calls damaged; navidocs backup verify finds it good, and says when its end is cut off", share)
	}
}

// Step 5 of the rollback: cp of the backup over a database whose log is hot. The
// log is then applied to another database.
func (r *runbook) overwritten(t *testing.T) {
	dir := t.TempDir()
	live := raw(t, filepath.Join(dir, "live.db"))
	grow := func(table string) string {
		return "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) INSERT INTO " + table + " SELECT i, randomblob(1000) FROM n"
	}
	run(t, live, "PRAGMA journal_mode = WAL", "CREATE TABLE a (i, x)", "CREATE INDEX ai ON a (i)", grow("a"), "PRAGMA wal_checkpoint(TRUNCATE)")
	if out, ok := shell(t, dir, "cp live.db backup.db"); !ok {
		t.Fatal(out)
	}
	run(t, live, "CREATE TABLE b (i, x)", "CREATE INDEX bi ON b (i)", grow("b"), "PRAGMA wal_checkpoint(TRUNCATE)", "DELETE FROM a WHERE i % 3 = 0", grow("b"))
	if out, ok := shell(t, dir, "cp backup.db live.db"); !ok {
		t.Fatal(out)
	}
	var sound string
	err := raw(t, filepath.Join(dir, "live.db")).QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&sound)
	if err == nil && sound == "ok" {
		t.Error("the database is sound: the defect is not shown")
	}
	r.rollsBack(t)
	if !t.Failed() {
		t.Logf("PROVED: cp over a hot log: %.80q %v; navidocs rollback changed 0 rows of all tables, in %s", sound, err, r.back.Took().Round(time.Millisecond))
	}
}

// rollsBack deploys, adds a boat and goes back, and demands that each table is as
// it was before the way back.
func (r *runbook) rollsBack(t *testing.T) {
	t.Helper()
	code, said := r.ask(&r.was, append(unwatched(r.release(), "0s"), "--hold")...)
	if code != 5 || r.was.Outcome != deploy.Held {
		t.Fatalf("exit code %d, %s: %s\n%s", code, r.was.Outcome, r.was.Reason, said)
	}
	r.late = r.boat()
	wait(t, patience, r.c.idle)
	before := r.digests()
	if code, said = r.ask(&r.back, "rollback", "--reason", "the list of boats is empty"); code != 0 {
		t.Fatalf("exit code %d: %s", code, said)
	}
	if after := r.digests(); !slices.Equal(before, after) {
		t.Errorf("before the rollback %v, after it %v", before, after)
	}
}

func (r *runbook) digests() []db.TableDigest {
	r.t.Helper()
	d := r.database()
	all, err := db.Digests(r.t.Context(), d, d)
	if err != nil {
		r.t.Fatal(err)
	}
	return all
}

// Rollback, step 4, and the incident form: the backup of before the deploy is
// restored, all writes since then are gone, and the form says "Data Loss: None".
func (r *runbook) lost(t *testing.T) {
	if slices.Contains(r.boatsOf(r.was.Backup), r.late) {
		t.Error("the backup of before the deploy has the boat of after it: the defect is not shown")
	}
	var boat struct{ ID string }
	r.c.get("/api/boats/"+r.late, &boat)
	found, err := filepath.Glob(filepath.Join(r.home, "state", "incidents", "INC-*.md"))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	text, err := os.ReadFile(found[0])
	if err != nil || !bytes.Contains(text, []byte("Data loss: 0 rows")) || boat.ID != r.late {
		t.Errorf("%v\n%s", err, text)
	}
	if !t.Failed() {
		t.Log("PROVED: the backup that the runbook would have restored lacks the boat of after the deploy; after navidocs rollback it is there, and the incident says: Data loss: 0 rows")
	}
}

// Rollback, step 5: git reset --hard HEAD~1 is the previous commit, whatever was
// released. And BACKUP_TABLES -lt 10 refuses the seven tables that the runbook has.
func (r *runbook) counted(t *testing.T) {
	if _, err := exec.LookPath("git"); err == nil {
		out, ok := shell(t, t.TempDir(), `git init -q . && git config user.email a@b.c && git config user.name a
			for what in "release 1" "half of a change" "release 2"; do echo "$what" > it; git add it; git commit -qm "$what"; done
			git reset -q --hard HEAD~1; cat it`)
		if !ok || out == "release 1" {
			t.Errorf("the previous commit is %q: the defect is not shown", out)
		}
	}
	if s := r.status(); r.back.Release != r.was.Release || r.back.Previous != r.was.Previous || s.Current != r.was.Previous || len(s.Keeper.Children) != 1 {
		t.Errorf("went from %s back to %s, and %s is current; it was %s before %s", r.back.Release, r.back.Previous, s.Current, r.was.Previous, r.was.Release)
	}
	if _, ok := shell(t, t.TempDir(), "BACKUP_TABLES=7; [ $BACKUP_TABLES -lt 10 ]"); !ok {
		t.Error("seven tables are enough: the defect is not shown")
	}
	file, copied := filepath.Join(t.TempDir(), "seven.db"), filepath.Join(t.TempDir(), "copy.db")
	small := raw(t, file)
	for _, name := range []string{"boats", "documents", "warranty_tracking", "webhooks", "sale_workflows", "notification_templates", "home_assistant_config"} {
		run(t, small, "CREATE TABLE "+name+" (id TEXT PRIMARY KEY)", "INSERT INTO "+name+" VALUES ('1')")
	}
	from, err := db.Open(t.Context(), db.Options{URL: file})
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	if err := from.CopyInto(t.Context(), copied); err != nil {
		t.Fatal(err)
	}
	to, err := db.OpenCopy(t.Context(), copied)
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	if loss, err := db.Compare(t.Context(), from, to); err != nil || len(loss) > 0 {
		t.Errorf("the copy of seven tables: %v, %v", loss, err)
	}
	if !t.Failed() {
		t.Logf("PROVED: the commit before release 2 is no release; navidocs rollback went from %s to %s, the release before it; seven tables are copied and compared row by row", r.back.Release, r.back.Previous)
	}
}
