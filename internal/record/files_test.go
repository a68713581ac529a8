package record_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/record"
)

// read are the files of a scope.
func (b *bench) read(sc record.Scope) (map[string]string, *record.Files) {
	b.t.Helper()
	files := must(b.Files(b.t.Context(), b.db, sc))
	defer files.Close()
	out := map[string]string{}
	for _, f := range files.List {
		r := must(f.Open(b.t.Context()))
		out[f.Path] = string(must(io.ReadAll(r)))
		r.Close()
	}
	return out, files
}

func TestAPackageHoldsWhatABuyerMaySee(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		boat := b.boat(b.ada, "Selma")
		b.boat(b.ada, "Other")
		whole, _ := b.read(record.Scope{Org: org(b.ada)})
		manual := fmt.Sprint(rows(t, whole["data/documents.json"])[0]["id"])
		files, about := b.read(record.Scope{Org: org(b.ada), Boats: []account.BoatID{boat.ID}, Documents: map[string]bool{manual: true}, Redact: true})
		want := map[string]int{
			"boats": 1, "uses": 1, "engines": 1, "equipment": 1, "hour_readings": 1, "documents": 1, "document_boats": 1, "document_equipment": 1,
			"pages": 1, "photos": 0, "warranties": 1, "coverage_lines": 1, "warranty_documents": 1,
		}
		if diff := cmp.Diff(want, about.Counts); diff != "" {
			t.Error(diff)
		}
		if len(about.Documents) != 1 || about.Documents[0].ID != manual || about.Documents[0].Digest == "" {
			t.Errorf("%+v", about.Documents)
		}
		for path, text := range files {
			for _, secret := range []string{"coverage_minor", "123450", "transfer_cost", "owner@example.org", "buyer@example.org", "yard@example.org", "Invoice", "price of", "leaks", "Other", string(org(b.ada)), string(b.ada.UserID)} {
				if strings.Contains(text, secret) {
					t.Errorf("%s holds %s: %s", path, secret, text)
				}
			}
		}
		// Without the pump, what refers to it goes without it, or stays.
		files, about = b.read(record.Scope{Org: org(b.ada), Boats: []account.BoatID{boat.ID}, Documents: map[string]bool{manual: true}, Equipment: map[string]bool{}, Redact: true})
		if about.Counts["equipment"] != 0 || about.Counts["document_equipment"] != 0 || rows(t, files["data/warranties.json"])[0]["equipment_id"] != nil {
			t.Errorf("%v %s", about.Counts, files["data/warranties.json"])
		}
		for _, none := range []record.Scope{
			{Org: org(b.eve), Boats: []account.BoatID{boat.ID}}, {Org: org(b.ada), Boats: []account.BoatID{}}, {Org: org(b.eve)},
		} {
			if files, about := b.read(none); about.Counts["boats"]+about.Counts["documents"]+about.Counts["pages"] != 0 || files["data/boats.json"] != "[]\n" {
				t.Errorf("%+v: %v", none, about.Counts)
			}
		}
	})
}

func TestAPackageArrivesWithoutWhatWasLeftOut(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		boat := b.boat(b.ada, "Selma")
		files, about := b.read(record.Scope{Org: org(b.ada), Boats: []account.BoatID{boat.ID}, Redact: true})
		documents := map[string]string{}
		for _, d := range about.Documents {
			path := "documents/" + d.FileName
			documents[path] = d.ID
			r := must(b.store.Open(t.Context(), d.Digest))
			files[path] = string(must(io.ReadAll(r)))
			r.Close()
		}
		x, err := b.bring(b.eve, pack(t, "navidocs-package/1", files, documents))
		if err != nil || len(x.Boats) != 1 || x.Counts["warranties"] != 1 {
			t.Fatal(x, err)
		}
		if n := b.count("SELECT count(*) FROM warranty_tracking WHERE org_id = $1 AND coverage_minor IS NULL AND currency = 'EUR'", org(b.eve)); n != 1 {
			t.Error("the amount came along")
		}
	})
}

func TestEqualRowsGiveEqualBytes(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		boat := b.boat(b.ada, "Selma")
		first, _ := b.read(record.Scope{Org: org(b.ada)})
		second, _ := b.read(record.Scope{Org: org(b.ada)})
		if diff := cmp.Diff(first, second); diff != "" {
			t.Error(diff)
		}
		sheet := must(csv.NewReader(strings.NewReader(first["data/equipment.csv"])).ReadAll())
		row := rows(t, first["data/equipment.json"])[0]
		for i, column := range sheet[0] {
			want := ""
			if row[column] != nil {
				want = fmt.Sprint(row[column])
			}
			if column == "name" {
				want = "'=Pump" // nothing that a spreadsheet would compute
			}
			if sheet[1][i] != want {
				t.Errorf("%s is %q in CSV, %q in JSON", column, sheet[1][i], want)
			}
		}
		if b := rows(t, first["data/boats.json"])[0]; b["id"] != string(boat.ID) || b["length_m"] != 12.35 || b["created_at"] != "2026-05-01T08:00:00Z" {
			t.Errorf("%v", b)
		}
		if !json.Valid([]byte(first["data/schema.json"])) || !strings.Contains(first["data/schema.json"], record.Schema) {
			t.Error(first["data/schema.json"])
		}
	})
}

// TestEveryColumnTravelsOrHasAReason walks the real schema.
func TestEveryColumnTravelsOrHasAReason(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		tables := map[string]record.Table{}
		for _, table := range b.Tables() {
			tables[table.Name] = table
		}
		left := record.Left()
		for name, columns := range b.schema() {
			table, travels := tables[name]
			if !travels {
				if left[name] == "" {
					t.Errorf("the table %s neither travels nor has a reason in record.Left", name)
				}
				continue
			}
			if left[name] != "" {
				t.Errorf("%s travels, and record.Left says why it does not", name)
			}
			for _, column := range columns {
				if !table.Holds(column) && table.Omitted[column] == "" {
					t.Errorf("%s.%s neither travels nor has a reason", name, column)
				}
				if table.Holds(column) && table.Omitted[column] != "" {
					t.Errorf("%s.%s travels, and has a reason not to", name, column)
				}
			}
			delete(tables, name)
		}
		for name := range tables {
			t.Errorf("there is no table %s", name)
		}
	})
}

// schema lists the columns of the tables that are ours.
func (b *bench) schema() map[string][]string {
	b.t.Helper()
	query := `SELECT m.name, c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'`
	if b.db.Engine == db.Postgres {
		query = `SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()`
	}
	out := map[string][]string{}
	must(db.Collect(b.t.Context(), b.db, func(r db.Row) (_ struct{}, err error) {
		var table, column string
		err = r.Scan(&table, &column)
		for _, others := range []string{"river_", "goose_", "sqlite_", "search_index", "search_word_grams", "schema_"} {
			if strings.HasPrefix(table, others) {
				return struct{}{}, err
			}
		}
		out[table] = append(out[table], column)
		return struct{}{}, err
	}, query))
	if len(out) < 40 {
		b.t.Fatalf("%d tables", len(out))
	}
	return out
}
