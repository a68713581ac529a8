package record_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"navidocs/internal/blob"
	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/record"
)

// change puts a value into a row of a data file; a nil function deletes it.
func change(t *testing.T, files map[string]string, file string, n int, f func(row map[string]any)) {
	t.Helper()
	all := rows(t, files["data/"+file+".json"])
	f(all[n])
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	files["data/"+file+".json"] = string(text)
}

// nothingLeft demands that an organization is as empty as before.
func (b *bench) nothingLeft(t *testing.T) {
	t.Helper()
	for _, table := range b.tables {
		where := strings.NewReplacer("{org}", "'"+string(org(b.eve))+"'").Replace(table.Within)
		if n := b.count("SELECT count(*) FROM " + table.Name + " x WHERE " + where); n != 0 {
			t.Errorf("%d rows of %s are left", n, table.Name)
		}
	}
	left := b.count("SELECT count(*) FROM imported_ids i JOIN imports m ON m.id = i.import_id WHERE m.org_id = $1", org(b.eve)) + b.count("SELECT count(*) FROM events WHERE org_id = $1", org(b.eve)) +
		b.count("SELECT count(*) FROM search_entries WHERE org_id = $1", org(b.eve)) +
		b.count("SELECT count(*) FROM audit_log WHERE org_id = $1 AND action LIKE '%.imported'", org(b.eve))
	if left != 0 {
		t.Errorf("%d ids, events, entries or lines of the trail are left", left)
	}
}

func TestHostileRowsAreRefused(t *testing.T) {
	t.Parallel()
	set := func(file, column string, v any) func(*testing.T, map[string]string) {
		return func(t *testing.T, files map[string]string) {
			t.Helper()
			change(t, files, file, 0, func(row map[string]any) { row[column] = v })
		}
	}
	raw := func(file, text string) func(*testing.T, map[string]string) {
		return func(_ *testing.T, files map[string]string) { files["data/"+file+".json"] = text }
	}
	each(t, func(t *testing.T, b *bench) {
		b.boat(b.ada, "Selma")
		content := b.export(b.ada)
		documents := papersOf(content)
		theirs := must(b.bring(b.ada, content)).Boats[0] // a boat of somebody else, by an id that exists
		for name, test := range map[string]struct {
			spoil func(*testing.T, map[string]string)
			words []string
		}{
			"an unknown column": {set("boats", "owner", "x"), []string{"data/boats.json, row 1, owner", "not a column"}},
			"a column of ours":  {set("boats", "org_id", org(b.ada)), []string{"data/boats.json, row 1, org_id"}},
			"a missing column": {func(t *testing.T, f map[string]string) {
				change(t, f, "boats", 0, func(r map[string]any) { delete(r, "name") })
			}, []string{"row 1, name", "is missing"}},
			"a number for a text":            {set("boats", "name", 5), []string{"row 1, name", "text", "5"}},
			"a text for a number":            {set("boats", "year", "2018"), []string{"row 1, year", "whole number", "2018"}},
			"half a year":                    {set("boats", "year", 2018.5), []string{"row 1, year", "2018.5"}},
			"no name":                        {set("boats", "name", " "), []string{"row 1, name", "must not be empty"}},
			"null for a value":               {set("boats", "name", nil), []string{"row 1, name", "must have a value"}},
			"a time zone of nowhere":         {set("boats", "time_zone", "Mars/Base"), []string{"row 1, time_zone", "Mars/Base"}},
			"a slug that leads away":         {set("boats", "slug", "../x"), []string{"row 1, slug", "../x"}},
			"an unknown class":               {set("documents", "class", "secret"), []string{"data/documents.json, row 1, class", "secret"}},
			"an unknown type":                {set("documents", "type", "NOPE"), []string{"row 1, type", "NOPE"}},
			"an outline of something else":   {set("documents", "outline", map[string]any{"x": 1}), []string{"row 1, outline"}},
			"a date that is none":            {set("documents", "issued_on", "2024-02-30"), []string{"row 1, issued_on", "2024-02-30"}},
			"a time in another zone":         {set("documents", "created_at", "2026-05-01T08:00:00+02:00"), []string{"row 1, created_at", "UTC"}},
			"an unknown system":              {set("equipment", "system_code", "999"), []string{"data/equipment.json, row 1, system_code", "999"}},
			"months beyond all":              {set("warranties", "warranty_period_months", 361), []string{"data/warranties.json, row 1, warranty_period_months", "361"}},
			"no currency":                    {set("warranties", "currency", ""), []string{"row 1, currency"}},
			"a currency of one's own":        {set("warranties", "currency", "eur"), []string{"row 1, currency", "eur"}},
			"a warranty that is sorry":       {set("warranties", "state", "sorry"), []string{"row 1, state", "sorry"}},
			"a line without a limit":         {set("coverage_lines", "months", nil), []string{"data/warranties.json", "needs a limit"}},
			"a claim without its state":      {raw("claim_states", "[]"), []string{"claim_states.json"}},
			"a reference to nothing":         {set("equipment", "boat_id", "nothing"), []string{"data/equipment.json, row 1, boat_id", "no row of boats"}},
			"a reference to somebody else's": {set("equipment", "boat_id", theirs), []string{"row 1, boat_id", "no row of boats"}},
			"a link to nothing":              {set("document_boats", "document_id", "nothing"), []string{"document_boats.json, row 1, document_id"}},
			"a meter that goes back": {func(t *testing.T, f map[string]string) {
				t.Helper()
				change(t, f, "hour_readings", 0, func(r map[string]any) { r["hours"] = 1e7 })
			}, []string{"hour_readings.json, row 1, hours"}},
			"the same id twice": {func(t *testing.T, f map[string]string) {
				t.Helper()
				f["data/owners.json"] = strings.ReplaceAll(f["data/owners.json"], fmt.Sprint(rows(t, f["data/owners.json"])[1]["id"]), fmt.Sprint(rows(t, f["data/owners.json"])[0]["id"]))
			}, []string{"data/owners.json, row 2, id", "is there twice"}},
			"the same link twice": {func(t *testing.T, f map[string]string) {
				t.Helper()
				all := rows(t, f["data/document_boats.json"])
				text, _ := json.Marshal(append(all, all[0]))
				f["data/document_boats.json"] = string(text)
			}, []string{"document_boats.json, row 3", "is there twice"}},
			"the same member twice": {func(_ *testing.T, f map[string]string) {
				f["data/boats.json"] = strings.Replace(f["data/boats.json"], `{"id"`, `{"name":"x","id"`, 1)
			}, []string{"row 1, name", "is there twice"}},
			"a text of 64 MB":             {set("boats", "name", strings.Repeat("x", 64<<20)), []string{"data/boats.json, row 1", "longer than 4 MiB"}},
			"a text that is too long":     {set("boats", "name", strings.Repeat("x", 201)), []string{"row 1, name", "200"}},
			"no array":                    {raw("boats", `{"id":"x"}`), []string{"data/boats.json", "array"}},
			"no objects":                  {raw("boats", `[1]`), []string{"row 1", "objects"}},
			"no JSON":                     {raw("boats", `[{"id"`), []string{"data/boats.json", "not JSON"}},
			"words behind the rows":       {raw("uses", `[] x`), []string{"data/uses.json"}},
			"a file of the future":        {raw("cranes", "[]"), []string{"data/cranes.json", "newer NaviDocs"}},
			"a form of the future":        {raw("schema", `{"schema":"navidocs-record/2"}`), []string{"navidocs-record/2", "newer NaviDocs"}},
			"no form":                     {func(_ *testing.T, f map[string]string) { delete(f, "data/schema.json") }, []string{"data/schema.json"}},
			"another sum than the file's": {set("documents", "sha256", strings.Repeat("a", 64)), []string{"row 1, sha256"}},
			"a paper without a file":      {set("documents", "id", "another"), []string{"row 1, id", "no file"}},
		} {
			files := unpack(t, content)
			test.spoil(t, files)
			spoiled := pack(t, record.ExportSchema, files, documents)
			service := record.New(b.db, b.store, b.accounts, b.queue, b.options(200<<20))
			x, err := service.Import(t.Context(), b.eve, org(b.eve), bytes.NewReader(spoiled))
			if err == nil {
				err = service.RunImport(t.Context(), x.ID)
			}
			if !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.Conflict) {
				t.Errorf("%s: %v", name, err)
				continue
			}
			for _, w := range test.words {
				if !strings.Contains(fault.Message(err), w) {
					t.Errorf("%s: %q is not in: %.300s", name, w, fault.Message(err))
				}
			}
		}
		b.nothingLeft(t)
	})
}

func TestAFileThatIsNoPaperIsRefused(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.boat(b.ada, "Selma")
		content := b.export(b.ada)
		files, documents := unpack(t, content), papersOf(content)
		for path, id := range documents {
			files[path] = "\x7fELF\x02\x01\x01" + id
		}
		_, err := b.bring(b.eve, pack(t, record.ExportSchema, files, documents))
		wantKind(t, err, fault.Unsupported, "documents/")
		b.nothingLeft(t)
	})
}

func TestAChangedByteIsNamed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.boat(b.ada, "Selma")
		content := b.export(b.ada)
		at := bytes.LastIndex(content, []byte("impeller of Selma"))
		content[at] ^= 1
		x, err := b.Import(t.Context(), b.eve, org(b.eve), bytes.NewReader(content))
		if err == nil {
			err = b.RunImport(t.Context(), x.ID)
		}
		wantKind(t, err, fault.Invalid, "documents/Manual of Selma.txt")
		b.nothingLeft(t)
		_, err = b.Import(t.Context(), b.eve, org(b.eve), strings.NewReader("no archive at all"))
		wantKind(t, err, fault.Invalid)
		small := record.New(b.db, b.store, b.accounts, b.queue, b.options(100))
		_, err = small.Import(t.Context(), b.eve, org(b.eve), bytes.NewReader(content))
		wantKind(t, err, fault.TooLarge, "MAX_PACKAGE_MB")
	})
}

// TestAnEndInTheMiddleLeavesNothing breaks the import off at each table, as a
// killed server would, and takes it up again.
func TestAnEndInTheMiddleLeavesNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.boat(b.ada, "Selma")
		content := b.export(b.ada)
		x := must(b.Import(t.Context(), b.eve, org(b.eve), bytes.NewReader(content)))
		broken := errors.New("killed")
		for i := range b.tables {
			tables := append([]record.Table{}, b.tables...)
			tables[i].Check = func(*record.Row) error { return broken }
			if len(rows(t, unpack(t, content)["data/"+tables[i].File+".json"])) == 0 {
				continue
			}
			if err := b.service(tables).RunImport(t.Context(), x.ID); err == nil {
				t.Fatal(tables[i].Name)
			}
			tables[i] = b.tables[i]
			tables[i].After = func(context.Context, *db.Tx, *record.Target, record.Arrived) error { return broken }
			if err := b.service(tables).RunImport(t.Context(), x.ID); !errors.Is(err, broken) {
				t.Fatal(tables[i].Name, err)
			}
			b.nothingLeft(t)
		}
		o := b.options(8 << 20)
		o.Sniff = func(context.Context, blob.Digest) (string, error) { return "", broken }
		if err := record.New(b.db, b.store, b.accounts, b.queue, o).RunImport(t.Context(), x.ID); !errors.Is(err, broken) {
			t.Fatal(err)
		}
		b.nothingLeft(t)
		for range 2 { // a job may run again after its effect
			if err := b.RunImport(t.Context(), x.ID); err != nil {
				t.Fatal(err)
			}
		}
		if n := b.count("SELECT count(*) FROM boats WHERE org_id = $1", org(b.eve)); n != 1 {
			t.Errorf("%d boats", n)
		}
	})
}

func TestAFailedImportMayBeTriedAgain(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.boat(b.ada, "Selma")
		content := b.export(b.ada)
		x := must(b.Import(t.Context(), b.eve, org(b.eve), bytes.NewReader(content)))
		if err := b.Fail(t.Context(), x.ID, fault.New(fault.Invalid, "because")); err != nil {
			t.Fatal(err)
		}
		failed := must(b.Imported(t.Context(), b.eve, x.ID))
		if failed.State != record.Failed || failed.Error != "because" || b.count("SELECT count(*) FROM blob_refs WHERE owner_kind = 'import'") != 0 {
			t.Errorf("%+v", failed)
		}
		again := must(b.bring(b.eve, content))
		if again.ID == x.ID || again.State != record.Completed {
			t.Errorf("%+v", again)
		}
	})
}

// TestADigestIsNotAClaim: whoever knows the sum of a stranger's paper does not get
// it without its bytes.
func TestADigestIsNotAClaim(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.boat(b.ada, "Selma")
		content := b.export(b.ada)
		files, documents := unpack(t, content), papersOf(content)
		for path := range documents {
			delete(files, path)
		}
		_, err := b.bring(b.eve, pack(t, record.ExportSchema, files, nil))
		wantKind(t, err, fault.Invalid, "data/documents.json, row 1, id", "no file")
		b.nothingLeft(t)
	})
}
