package backup_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"navidocs/internal/backup"
	"navidocs/internal/blob"
	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/testkit"
)

func TestABackupListsWhatItHolds(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		b.fill(20)
		b.paper("one")
		b.paper("two")
		e := b.create()
		all, err := b.service().List(t.Context())
		if err != nil || len(all) != 1 {
			t.Fatal(all, err)
		}
		got := all[0]
		if got.ID != "navidocs.db.backup-20260504-120000" || got.ID != e.ID || !got.Created.Equal(start) {
			t.Error(got)
		}
		if got.Blobs != 2 || got.VerifiedAt == nil || got.DrilledAt != nil || got.OffSite || got.Release != "test" || got.Engine != b.db.Engine || got.Rows < 60 {
			t.Errorf("%+v", got)
		}
		if state, err := db.One(t.Context(), b.db, db.Scalar[string], "SELECT state FROM backups WHERE id = $1", e.ID); state != "completed" || err != nil {
			t.Error(state, err)
		}
		if n := b.count("blob_leases"); n != 0 {
			t.Error("a lease was left", n)
		}
		if r := b.verify(e.ID); len(r.Damages) > 0 || r.BlobsRead != 2 {
			t.Error(r)
		}
	})
}

// What was acknowledged before a backup began is in it, however busy the
// database is meanwhile.
func TestABackupUnderLoadHoldsEveryAcknowledgedRow(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var acked atomic.Int64
		ended := make(chan error, 1)
		go func() {
			for i := 0; ctx.Err() == nil; i++ {
				err := b.db.Transact(context.WithoutCancel(ctx), func(tx *db.Tx) error { return addOrganization(context.WithoutCancel(ctx), tx, i) })
				if err != nil {
					ended <- err
					return
				}
				acked.Add(1)
			}
			ended <- nil
		}()
		for range 2 {
			before := acked.Load()
			testkit.Eventually(t, func() error { return ifFalse(acked.Load() > before+20, "the writer stands still") })
			before = acked.Load()
			e := b.create()
			m := b.manifest(e.ID)
			i := slices.IndexFunc(m.Tables, func(d db.TableDigest) bool { return d.Name == "organizations" })
			if m.Tables[i].Rows < before {
				t.Errorf("%d rows were acknowledged, and the backup holds %d", before, m.Tables[i].Rows)
			}
			if r, err := b.service().Drill(t.Context(), e.ID); err != nil || len(r.Damages) > 0 {
				t.Error(r, err)
			}
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// The row of the mark and the newest row of each table are looked for, and a
// row that was deleted meanwhile is no damage.
func TestABackupWhileRowsAreDeleted(t *testing.T) {
	t.Parallel()
	b := sqlite(t)
	b.fill(200)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		for i := 199; i >= 0 && ctx.Err() == nil; i-- {
			err := b.db.Transact(t.Context(), func(tx *db.Tx) error {
				_, err := tx.Exec(t.Context(), "DELETE FROM audit_log WHERE id = (SELECT max(id) FROM audit_log)")
				return err
			})
			if err != nil {
				ended <- err
				return
			}
		}
		ended <- nil
	}()
	b.create()
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestAMissingPaperIsToldAndTheRestIsKept(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		good, gone, hurt := b.paper("good"), b.paper("gone"), b.paper("hurt")
		if err := b.store.Delete(t.Context(), gone); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(b.blobFile(hurt), []byte("HURT"), 0o600); err != nil {
			t.Fatal(err)
		}
		e, err := b.service().Create(t.Context(), backup.CreateOptions{})
		if !fault.Is(err, fault.Unavailable) || e.VerifiedAt == nil || e.Missing != 2 || e.Blobs != 1 {
			t.Fatal(e, err)
		}
		if m := b.manifest(e.ID); !slices.Contains(m.Missing, gone) || !slices.Contains(m.Missing, hurt) {
			t.Error(m.Missing)
		}
		if _, err := os.Stat(b.file("blobs", string(good[:2]), string(good[2:4]), string(good))); err != nil {
			t.Error(err)
		}
		if got := b.failures(); len(got) != 1 || got[0].Kind != "incomplete" || got[0].BackupID != e.ID {
			t.Error(got)
		}
		if r := b.verify(e.ID); len(r.Damages) > 0 {
			t.Error(r)
		}
	})
}

// A damaged database is no state to keep: it is told, and nothing is listed.
func TestADamagedDatabaseIsNotBackedUp(t *testing.T) {
	t.Parallel()
	b := sqlite(t)
	b.fill(5)
	b.exec("PRAGMA foreign_keys = OFF") // inside a transaction it has no effect
	var err error
	if _, err = b.db.JobConn().ExecContext(t.Context(), "PRAGMA foreign_keys = OFF"); err == nil {
		_, err = b.db.JobConn().ExecContext(t.Context(), "DELETE FROM organizations WHERE id = 'org-000003'")
	}
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.service().Create(t.Context(), backup.CreateOptions{})
	if err == nil || !strings.Contains(err.Error(), "foreign_key_check") {
		t.Error(err)
	}
	if all, err := b.service().List(t.Context()); len(all) != 0 || err != nil {
		t.Error(all, err)
	}
	if got := b.failures(); len(got) != 1 || got[0].Kind != "failed" || !strings.Contains(got[0].Error, "damaged") {
		t.Error(got)
	}
	b.nothingHidden()
}

func TestACancelledBackupLeavesNothingAndAlarmsNobody(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		b.fill(3)
		ctx, cancel := context.WithCancel(t.Context())
		s := b.service(func(o *backup.Options) { o.Store = cancelling{b.store, cancel} })
		b.paper("one")
		if _, err := s.Create(ctx, backup.CreateOptions{}); err == nil {
			t.Error("it was made")
		}
		if all, err := b.service().List(t.Context()); len(all) != 0 || err != nil {
			t.Error(all, err)
		}
		if got := b.failures(); len(got) != 0 {
			t.Error(got)
		}
		b.nothingHidden()
	})
}

// cancelling is a store during whose use the server is told to stop.
type cancelling struct {
	*blob.Disk
	cancel func()
}

func (c cancelling) Open(ctx context.Context, d blob.Digest) (*blob.Reader, error) {
	c.cancel()
	return c.Disk.Open(ctx, d)
}

// Bytes that no row wants are collected, but never while a backup copies.
func TestALeaseKeepsTheBytes(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		digest := b.paper("wanted no more")
		err := b.db.Transact(t.Context(), func(tx *db.Tx) error { return blob.Release(t.Context(), tx, "test", string(digest)) })
		if err != nil {
			t.Fatal(err)
		}
		old := start.Add(-time.Hour)
		if err := os.Chtimes(b.blobFile(digest), old, old); err != nil {
			t.Fatal(err)
		}
		b.clock.Add(25 * time.Hour)
		lease := func(f func(tx *db.Tx) error) {
			if err := b.db.Transact(t.Context(), f); err != nil {
				t.Fatal(err)
			}
		}
		lease(func(tx *db.Tx) error { return blob.Lease(t.Context(), tx, "x", time.Hour) })
		if n, err := blob.Collect(t.Context(), b.db, b.store); n != 0 || err != nil {
			t.Error("collected under a lease", n, err)
		}
		lease(func(tx *db.Tx) error { return blob.EndLease(t.Context(), tx, "x") })
		if n, err := blob.Collect(t.Context(), b.db, b.store); n != 1 || err != nil {
			t.Error(n, err)
		}
	})
}

// Two commands at once are one after the other, or refused.
func TestTwoBackupsAtOnceAreBothGood(t *testing.T) {
	t.Parallel()
	b := sqlite(t)
	b.fill(10)
	ended := make(chan error, 4)
	for range 4 {
		go func() {
			_, err := b.service().Create(t.Context(), backup.CreateOptions{})
			ended <- err
		}()
	}
	for range 4 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	all, err := b.service().List(t.Context())
	if err != nil || len(all) != 4 || all[0].ID != "navidocs.db.backup-20260504-120000-4" {
		t.Error(all, err)
	}
}

// What a killed process left is gone with the next backup, and was never listed.
func TestLeftoversAreNeverListedAndSwept(t *testing.T) {
	t.Parallel()
	b := sqlite(t)
	for _, name := range []string{".making-navidocs.db.backup-20260504-110000", ".work-1", ".removing-navidocs.db.backup-20260503-110000"} {
		if err := os.MkdirAll(b.file(name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(b.file("navidocs.db.backup-20260101-000000"), 0o700); err != nil { // without a manifest
		t.Fatal(err)
	}
	if all, err := b.service().List(t.Context()); len(all) != 0 || err != nil {
		t.Error(all, err)
	}
	b.create()
	b.nothingHidden()
}

func (b *bundle) blobFile(d blob.Digest) string {
	return filepath.Join(b.config.DataDir(), "blobs", string(d[:2]), string(d[2:4]), string(d))
}

// nothingHidden demands that no half-made folder is left.
func (b *bundle) nothingHidden() {
	b.t.Helper()
	left, err := filepath.Glob(b.file(".[mwr]*"))
	if err != nil || len(left) > 0 {
		b.t.Error("left behind", left, err)
	}
}
