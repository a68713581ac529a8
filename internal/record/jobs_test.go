package record_test

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"io"
	"testing"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/archive"
	"navidocs/internal/fault"
	"navidocs/internal/job"
	"navidocs/internal/record"
	"navidocs/internal/testkit"
)

// run works the queue until the test ends.
func (b *bench) run() {
	b.t.Helper()
	testkit.Work(b.t, b.queue)
}

func TestAnExportIsKeptForAWeek(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		b.boat(b.ada, "Selma")
		x := must(b.Export(ctx, b.ada, org(b.ada)))
		_, _, err := b.Content(ctx, b.ada, x.ID, true)
		wantKind(t, err, fault.Conflict, "queued")
		b.run()
		testkit.Eventually(t, func() (err error) {
			if x, err = b.Exported(ctx, b.ada, x.ID); err == nil && x.FinishedAt == nil {
				err = fmt.Errorf("it is %s", x.State)
			}
			return err
		})
		if x.State != record.Completed || x.Counts["boats"] != 1 || x.Fingerprint != archive.Fingerprint(key().Public().(ed25519.PublicKey)) || x.Bytes == 0 || x.Error != "" {
			t.Errorf("%+v", x)
		}
		if status := must(job.Load(ctx, b.db, x.JobID)); status.State != job.Completed || status.OrgID != string(x.OrgID) {
			t.Errorf("%+v", status)
		}
		_, err = b.Exported(ctx, b.eve, x.ID)
		wantKind(t, err, fault.NotFound)
		_, f, err := b.Content(ctx, b.ada, x.ID, true)
		if err != nil {
			t.Fatal(err)
		}
		content := must(io.ReadAll(f))
		f.Close()
		if _, err := archive.Verify(ctx, bytes.NewReader(content), int64(len(content))); err != nil {
			t.Error(err)
		}
		trail := b.count("SELECT count(*) FROM audit_log WHERE subject_id = $1 AND action IN ('organization.exported', 'organization.export_downloaded')", x.ID)
		b.clock.Add(7*24*time.Hour - time.Second)
		must(0, b.Tidy(ctx))
		before := must(b.Exported(ctx, b.ada, x.ID)).State
		b.clock.Add(time.Second)
		_, _, err = b.Content(ctx, b.ada, x.ID, true)
		wantKind(t, err, fault.Gone, "POST /api/export")
		must(0, b.Tidy(ctx))
		after := must(b.Exported(ctx, b.ada, x.ID))
		if refs := b.count("SELECT count(*) FROM blob_refs WHERE owner_kind = 'export'"); trail != 2 || before != record.Completed || after.State != record.Expired || refs != 0 {
			t.Errorf("%d lines in the trail, %s, then %s, %d owned", trail, before, after.State, refs)
		}
	})
}

func TestAnExportWithoutAPaperSaysWhich(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		b.boat(b.ada, "Selma")
		for info, err := range b.store.Walk(ctx) {
			must(0, err)
			must(0, b.store.Delete(ctx, info.Digest))
		}
		x := must(b.Export(ctx, b.ada, org(b.ada)))
		b.run()
		testkit.Eventually(t, func() (err error) {
			if x, err = b.Exported(ctx, b.ada, x.ID); err == nil && x.FinishedAt == nil {
				err = fmt.Errorf("it is %s", x.State)
			}
			return err
		})
		if x.State != record.Failed || x.Error == "" || must(job.Load(ctx, b.db, x.JobID)).State != job.Failed {
			t.Errorf("%+v", x)
		}
	})
}

func TestAJobImportsAndTellsWhyNot(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		b.boat(b.ada, "Selma")
		content := b.export(b.ada)
		files := unpack(t, content)
		change(t, files, "boats", 0, func(r map[string]any) { r["year"] = 1 })
		good := must(b.Import(ctx, b.eve, org(b.eve), bytes.NewReader(content)))
		bad := must(b.Import(ctx, b.eve, org(b.eve), bytes.NewReader(pack(t, record.ExportSchema, files, papersOf(content)))))
		b.run()
		testkit.Eventually(t, func() (err error) {
			if good, err = b.Imported(ctx, b.eve, good.ID); err != nil {
				return err
			}
			if bad, err = b.Imported(ctx, b.eve, bad.ID); err == nil && (bad.FinishedAt == nil || good.FinishedAt == nil) {
				err = fmt.Errorf("they are %s and %s", good.State, bad.State)
			}
			return err
		})
		if good.State != record.Completed || len(good.Boats) != 1 || good.Error != "" {
			t.Errorf("%+v", good)
		}
		if bad.State != record.Failed || bad.Error != "data/boats.json, row 1, year: must be a whole number, 1800 to 2200, not 1" {
			t.Errorf("%+v", bad)
		}
		if status := must(job.Load(ctx, b.db, bad.JobID)); status.State != job.Failed || status.Error != bad.Error {
			t.Errorf("%+v", status)
		}
	})
}

func TestPurgeLeavesNothingOfAnOrganization(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		b.boat(b.ada, "Selma")
		content := b.export(b.ada)
		must(b.bring(b.eve, content))
		must(b.bring(b.ada, content))
		must(b.Export(ctx, b.eve, org(b.eve)))
		b.exec("INSERT INTO blobs (digest, bytes, created_at) VALUES ('d', 1, 1)")
		b.exec("INSERT INTO blob_refs (digest, owner_kind, owner_id) SELECT 'd', 'export', id FROM exports")
		must(0, b.Purge(ctx, org(b.eve)))
		rest := b.count("SELECT count(*) FROM imports WHERE org_id = $1", org(b.eve)) + b.count("SELECT count(*) FROM exports WHERE org_id = $1", org(b.eve)) +
			b.count("SELECT count(*) FROM blob_refs WHERE owner_kind = 'export'")
		others := b.count("SELECT count(*) FROM imports WHERE org_id = $1", org(b.ada))
		if rest != 0 || others != 1 || b.count("SELECT count(*) FROM imported_ids") == 0 {
			t.Errorf("%d rows are left, %d of others", rest, others)
		}
	})
}

func TestOperatorsNameAnOrganization(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		b.exec("UPDATE organizations SET name = 'North Yachts', name_fold = 'north yachts' WHERE id = $1", org(b.ada))
		for _, named := range []string{string(org(b.ada)), "north YACHTS"} {
			who, id, err := b.accounts.OperatorIn(ctx, named)
			if err != nil || id != org(b.ada) || who.Require(id, account.Admin, "x") != nil || who.UserID != "" {
				t.Error(named, who, id, err)
			}
		}
		_, _, err := b.accounts.OperatorIn(ctx, "South")
		wantKind(t, err, fault.NotFound, "South")
		b.exec("UPDATE organizations SET name_fold = 'north yachts'")
		_, _, err = b.accounts.OperatorIn(ctx, "North Yachts")
		wantKind(t, err, fault.Conflict, "2 organizations", string(org(b.ada)))
	})
}
