package record_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/account"
	"navidocs/internal/document"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
	"navidocs/internal/record"
)

// renamed puts numbers in the place of ids, in the order in which they first
// appear, and leaves out what is for reading only.
func renamed(t *testing.T, tables []record.Table, files map[string]string) map[string]any {
	t.Helper()
	ids := map[string]string{}
	for _, table := range tables {
		for i, row := range rows(t, files["data/"+table.File+".json"]) {
			if id, ok := row["id"].(string); ok {
				ids[id] = fmt.Sprintf("%s %d", table.File, i)
			}
		}
	}
	out := map[string]any{}
	for _, table := range tables {
		all := rows(t, files["data/"+table.File+".json"])
		for _, row := range all {
			for column, v := range row {
				if name, isID := ids[fmt.Sprint(v)]; isID {
					row[column] = name
				}
			}
		}
		out[table.File] = all
	}
	return out
}

func TestAnExportIsTheSameElsewhere(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.boat(b.ada, "Selma")
		b.boat(b.ada, "Ægir")
		first := b.export(b.ada)
		x, err := b.bring(b.eve, first)
		if err != nil {
			t.Fatal(err)
		}
		if x.State != record.Completed || len(x.Boats) != 2 || x.Counts["documents"] != 4 || x.Counts["pages"] != 4 || x.Counts["claims"] != 2 || x.Counts["members"] != 0 || x.Already {
			t.Errorf("%+v", x)
		}
		second := b.export(b.eve)
		before, after := unpack(t, first), unpack(t, second)
		if diff := cmp.Diff(renamed(t, b.tables, before), renamed(t, b.tables, after)); diff != "" {
			t.Error(diff)
		}
		for path := range papersOf(first) {
			if before[path] == "" || before[path] != after[path] {
				t.Errorf("%s: %q became %q", path, before[path], after[path])
			}
		}
		for _, table := range b.tables {
			if len(rows(t, before["data/"+table.File+".json"])) == 0 && table.File != "photos" && table.File != "listing_photos" && table.File != "sale_ticks" {
				t.Errorf("nothing of %s was tried", table.Name)
			}
		}
	})
}

func TestWhatArrivesIsFoundAndCounts(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.boat(b.ada, "Selma")
		if _, err := b.bring(b.eve, b.export(b.ada)); err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{"impeller", "Pump", "price"} {
			r := must(b.papers.Search(t.Context(), b.eve, document.Query{Text: word, Page: fleet.Page{Limit: 10}}))
			if r.Total == 0 {
				t.Errorf("%s is not found", word)
			}
		}
		warranties := b.count("SELECT count(*) FROM warranty_tracking WHERE org_id = $1 AND expiration_date = '2027-01-31'", org(b.eve))
		passed := b.count("SELECT count(*) FROM warranty_thresholds t JOIN warranty_tracking w ON w.id = t.warranty_id WHERE w.org_id = $1 AND t.state = 'passed'", org(b.eve))
		due := b.count("SELECT count(*) FROM warranty_thresholds t JOIN warranty_tracking w ON w.id = t.warranty_id WHERE w.org_id = $1 AND t.state = 'due'", org(b.eve))
		if warranties != 1 || passed != 4 || due != 4 { // the line ended in 2025, the warranty has not
			t.Errorf("%d warranties, %d thresholds passed, %d due", warranties, passed, due)
		}
		created := b.count("SELECT count(*) FROM events WHERE org_id = $1 AND type = 'boat.created'", org(b.eve))
		trail := b.count("SELECT count(*) FROM audit_log WHERE org_id = $1 AND action = 'package.imported' AND boat_id IS NOT NULL", org(b.eve))
		kept := b.count("SELECT count(*) FROM blob_refs r JOIN documents d ON d.id = r.owner_id WHERE d.org_id = $1", org(b.eve))
		left := b.count("SELECT count(*) FROM blob_refs WHERE owner_kind = 'import'")
		if created != 1 || trail != 1 || kept != 2 || left != 0 {
			t.Errorf("%d events, %d lines in the trail, %d files owned, %d archives left", created, trail, kept, left)
		}
	})
}

func TestTheSameArchiveArrivesOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.boat(b.ada, "Selma")
		content := b.export(b.ada)
		first := must(b.bring(b.eve, content))
		again := must(b.bring(b.eve, content))
		if !again.Already || again.ID != first.ID || len(again.Boats) != 1 {
			t.Errorf("%+v", again)
		}
		if n := b.count("SELECT count(*) FROM boats WHERE org_id = $1", org(b.eve)); n != 1 {
			t.Errorf("%d boats", n)
		}
		b.exec("UPDATE documents SET deleted_at = 1 WHERE org_id = $1", org(b.ada))
		// Where the papers are already, they are linked: the bytes are kept once.
		home := must(b.bring(b.ada, content))
		if home.Counts["documents"] != 0 || home.Counts["document_boats"] != 2 || home.Counts["pages"] != 0 {
			t.Errorf("%+v", home.Counts)
		}
		if n := b.count("SELECT count(*) FROM documents WHERE org_id = $1 AND deleted_at IS NOT NULL", org(b.ada)); n != 0 {
			t.Errorf("%d papers stayed in the bin", n)
		}
		if slugs := b.count("SELECT count(DISTINCT slug) FROM boats WHERE org_id = $1", org(b.ada)); slugs != 2 {
			t.Errorf("%d slugs of two boats", slugs)
		}
	})
}

func TestWhoMayImportAndExport(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.boat(b.ada, "Selma")
		content := b.export(b.ada)
		ctx := t.Context()
		as := func(role account.Role) account.Actor {
			return account.Actor{UserID: b.eve.UserID, Roles: map[account.OrgID]account.Role{org(b.ada): role}}
		}
		for role, kind := range map[account.Role]fault.Kind{account.Nobody: fault.NotFound, account.Member: fault.Forbidden, account.Manager: fault.Forbidden} {
			_, err := b.Import(ctx, as(role), org(b.ada), strings.NewReader(string(content)))
			wantKind(t, err, kind)
			_, err = b.Export(ctx, as(role), org(b.ada))
			wantKind(t, err, kind)
		}
		x := must(b.Import(ctx, b.ada, org(b.ada), strings.NewReader(string(content))))
		_, err := b.Imported(ctx, b.eve, x.ID)
		wantKind(t, err, fault.NotFound)
		// A role that was lowered since bites when the job runs.
		b.exec("UPDATE memberships SET role = 'manager' WHERE user_id = $1", b.ada.UserID)
		wantKind(t, b.RunImport(ctx, x.ID), fault.Forbidden)
	})
}
