package backup_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"navidocs/internal/db"
	"navidocs/internal/testkit"
)

// The old runbook copied the database's file while the server wrote to it: what
// was still in the -wal was lost, and every check of the runbook passed.
func TestTheOldCopyLosesRows(t *testing.T) {
	t.Parallel()
	b := sqlite(t)
	b.fill(50) // all of it in the -wal: nothing has been checkpointed
	dir := t.TempDir()
	old := filepath.Join(dir, "navidocs.db.backup")
	text, err := os.ReadFile(b.db.Path) // as cp does; this process holds no lock now
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(old, text, 0o600); err != nil {
		t.Fatal(err)
	}
	lost := 50 - rowsIn(t, old)
	e := b.create()
	to := filepath.Join(dir, "home")
	b.restoreTo(e.ID, to)
	ours := 50 - rowsIn(t, filepath.Join(to, "data", "navidocs.db"))
	t.Logf("of 50 acknowledged rows the old copy lost %d, ours %d", lost, ours)
	if lost == 0 || ours != 0 {
		t.Errorf("the old way lost %d rows, ours %d", lost, ours)
	}
}

func rowsIn(t *testing.T, path string) int {
	t.Helper()
	d, err := db.OpenCopy(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	n, err := db.One(t.Context(), d, db.Scalar[int], "SELECT count(*) FROM organizations")
	if err != nil {
		return 0 // not even the table
	}
	return n
}

// The old rollback copied the backup over a database whose -wal was still
// there: SQLite then applies the new log to the old pages.
func TestTheOldRollbackCorrupts(t *testing.T) {
	t.Parallel()
	corrupt, rounds := 0, 5
	for range rounds {
		b := sqlite(t)
		b.fill(200)
		dir := t.TempDir()
		backed := filepath.Join(dir, "old.db")
		if err := b.db.CopyInto(t.Context(), backed); err != nil {
			t.Fatal(err)
		}
		b.exec("DELETE FROM audit_log WHERE rowid % 3 = 0")
		b.exec("DELETE FROM boats WHERE rowid % 2 = 0")
		b.fill(300)
		// As after a kill: the file, its log, and the backup put over the file.
		hot := filepath.Join(dir, "navidocs.db")
		for _, suffix := range []string{"", "-wal"} {
			copyFile(t, b.db.Path+suffix, hot+suffix)
		}
		copyFile(t, backed, hot)
		if !sound(t, hot) {
			corrupt++
		}
	}
	t.Logf("the old rollback corrupted %d of %d databases", corrupt, rounds)
	if corrupt == 0 {
		t.Error("the old rollback did no harm: the test shows nothing")
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func sound(t *testing.T, path string) bool {
	t.Helper()
	pool, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	var text string
	return pool.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&text) == nil && text == "ok"
}

// .backup, as the sqlite3 program does it, starts again whenever somebody
// writes, so that it does not end while the API is in use; ours does.
func TestABackupEndsWhileTheAPIWrites(t *testing.T) {
	t.Parallel()
	b := sqlite(t)
	b.fill(100)
	var writes atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		var err error
		for i := 1000; ctx.Err() == nil && err == nil; i++ {
			err = b.db.Transact(t.Context(), func(tx *db.Tx) error { return addOrganization(t.Context(), tx, i) })
			writes.Add(1)
		}
		ended <- err
	}()
	testkit.Eventually(t, func() error { return ifFalse(writes.Load() > 10, "nobody writes") })
	before := writes.Load()
	b.create()
	if writes.Load() == before {
		t.Error("nobody could write while the backup was made")
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
