package dossier

import (
	"bytes"
	"context"
	"encoding/csv"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/archive"
	"navidocs/internal/bundle"
	"navidocs/internal/document"
	"navidocs/internal/fleet"
	"navidocs/internal/warranty"
)

// boat is a record with something of everything.
func boat(t *testing.T) Input {
	t.Helper()
	length, hours, code := 12.5, 640.0, fleet.Systems()[0].Code
	day := fleet.Date("2027-05-01")
	paper := func(id, title, docType string) Paper {
		f := archive.Content("", "application/pdf", []byte("bytes of "+id))
		return Paper{File: f, ID: document.ID(id), Title: title, Type: docType, TypeName: "kind of " + docType, Pages: 2, Bytes: 9}
	}
	raft := paper("raft", "Raft #7 100%.pdf", "SAF-RAFT")
	raft.ExpiresOn = &day
	tender := fleet.EquipmentID("tender")
	return Input{
		At: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC), Boat: fleet.Boat{Name: "Calypso", Make: "Amel", Model: "50", LengthM: &length, HIN: "FRABC12345A626"},
		Engines:   []fleet.Engine{{Position: "port", Maker: "Volvo", Hours: &hours, HoursOn: &day}},
		Meters:    []Meter{{"Engine port", []fleet.Reading{{Hours: 640, ReadOn: day, Source: "meter"}}}},
		Equipment: []fleet.Equipment{{ID: tender, Name: "Tender", SystemCode: code, Notes: "=2+3"}},
		Excluded:  []fleet.Equipment{{ID: "art", Name: "Painting", SystemCode: code}},
		Covers: []Cover{{Warranty: warranty.Warranty{
			ItemName: "=cmd()", EquipmentID: &tender, Transferable: true, Status: warranty.Active, ExpirationDate: "2028-01-01",
			Lines: []warranty.Line{{Coverage: "parts", ExpirationDate: &day}},
		}, Deadline: &day, Assumed: true}},
		Claims: []Claim{{Item: "Tender", State: "sent", Since: "2026-05-05"}},
		Papers: []Paper{raft, paper("ce", "CE", "CE-DOC"), paper("odd", "</script><script>alert(1)</script>", "")},
		Data:   []archive.File{archive.Content("data/boats.json", "application/json", []byte("[]"))}, Missing: []bundle.Gap{{What: "VAT", Why: "no paper"}},
		Withheld: []bundle.Gap{{What: "Policy", Why: "insurance"}}, Seller: []string{"Ada Lovelace"}, Buyer: "Bo", Fingerprint: strings.Repeat("ab", 32),
		Pages: func(_ context.Context, id document.ID, yield func(int, string) error) error {
			return yield(1, "page of "+string(id)+` </script><!-- "Été" `)
		},
		TempDir: t.TempDir(),
	}
}

func contents(t *testing.T, p *Package) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, f := range p.Files {
		r, err := f.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, twice := out[f.Path]; twice {
			t.Errorf("%s is there twice", f.Path)
		}
		out[f.Path] = string(text)
	}
	return out
}

func lay(t *testing.T, in Input) (*Package, map[string]string) {
	t.Helper()
	p, err := New(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p, contents(t, p)
}

func TestEveryTypeHasItsChapter(t *testing.T) {
	t.Parallel()
	for _, x := range document.Types() {
		if n := len(slices.DeleteFunc(slices.Clone(chapters()), func(c chapter) bool { return !c.holds(x.Code) })); n != 1 {
			t.Errorf("%s lies in %d chapters", x.Code, n)
		}
	}
	if chapterOf("").number != unsorted || chapterOf("NEW").number != unsorted || numbered("99").folder() == numbered("00").folder() {
		t.Error("what is unsorted lies elsewhere")
	}
}

func TestTheSameInputGivesTheSameFiles(t *testing.T) {
	t.Parallel()
	p, first := lay(t, boat(t))
	_, second := lay(t, boat(t))
	if diff := cmp.Diff(first, second); diff != "" {
		t.Error(diff)
	}
	if p.Title() != "As-built package: Calypso (Amel 50)" || p.Files[0].Path != "README.txt" || p.Files[len(p.Files)-1].Path != "data/boats.json" {
		t.Errorf("%s, %s", p.Title(), p.Files[0].Path)
	}
	var sheets []string
	for name, text := range first {
		if strings.HasPrefix(text, "%PDF-") {
			sheets = append(sheets, name)
		}
	}
	slices.Sort(sheets)
	want := []string{
		"00_Index_and_integrity/Contents.pdf", "01_Identity_and_specification/Specification.pdf", "04_Compliance_and_certificates/Certificates.pdf",
		"07_Systems_and_equipment/Equipment sheets.pdf", "08_Maintenance/Hours.pdf", "13_Inventory_and_spares/Inventory to sign.pdf",
		"14_Open_items_and_disclosures/Open items.pdf", "15_Handover/Protocol of delivery and acceptance.pdf", "WARRANTY_SUMMARY.pdf",
	}
	if diff := cmp.Diff(want, sheets); diff != "" {
		t.Error(diff)
	}
	if first["10_Safety/Raft #7 100%.pdf"] != "bytes of raft" || !strings.Contains(first["02_Ownership_and_registry/Nothing here.txt"], "title chain") {
		t.Error("papers and empty chapters")
	}
}

func TestTheReadmeAndTheTables(t *testing.T) {
	t.Parallel()
	_, all := lay(t, boat(t))
	for _, line := range []string{"  10  Safety: 1 files\r\n", "  02  Ownership and registry: no papers\r\n", "Policy: insurance", "VAT: no paper", "Issued on 2026-06-01."} {
		if !strings.Contains(all["README.txt"], line) {
			t.Errorf("%q is not in\n%s", line, all["README.txt"])
		}
	}
	rows, err := csv.NewReader(strings.NewReader(all["WARRANTY_SUMMARY.csv"])).ReadAll()
	if err != nil || len(rows) != 2 || rows[1][0] != "'=cmd()" || rows[1][8] != "2027-05-01" || rows[1][9] != "yes" {
		t.Errorf("%q, %v", rows, err)
	}
	rows, err = csv.NewReader(strings.NewReader(all["04_Compliance_and_certificates/Certificates.csv"])).ReadAll()
	if err != nil || len(rows) != 2 || rows[1][3] != "2027-05-01" || rows[1][4] != "10_Safety/Raft #7 100%.pdf" {
		t.Errorf("%q, %v", rows, err)
	}
}

func TestTheIndexTakesNothingForMarkup(t *testing.T) {
	t.Parallel()
	_, all := lay(t, boat(t))
	page := all["index.html"]
	if n := strings.Count(page, "<script"); n != 1 || strings.Count(page, "</script") != 1 {
		t.Errorf("%d scripts", n)
	}
	for _, want := range []string{
		`href="./10_Safety/Raft%20%237%20100%25.pdf"`, "Policy", `<html lang="en">`, `default-src 'none'`, `Été`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("%s is not in the index", want)
		}
	}
	if strings.Contains(page, "http:") || strings.Contains(page, "https:") {
		t.Error("the index wants a network")
	}
}

func TestASupplementHoldsPapersAlone(t *testing.T) {
	t.Parallel()
	in := boat(t)
	in.Supplement, in.Data = true, nil
	p, all := lay(t, in)
	if len(all) != 3+len(in.Papers) || !strings.Contains(all["README.txt"], "Supplement: Calypso") {
		t.Errorf("%d files", len(all))
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(in.TempDir); err != nil || len(left) != 0 {
		t.Errorf("%v, %v", left, err)
	}
}

func TestAnErrorOfThePagesLeavesNothing(t *testing.T) {
	t.Parallel()
	in := boat(t)
	in.Pages = func(context.Context, document.ID, func(int, string) error) error { return io.ErrUnexpectedEOF }
	if _, err := New(t.Context(), in); err == nil {
		t.Error("no error")
	}
	if left, err := os.ReadDir(in.TempDir); err != nil || len(left) != 0 {
		t.Errorf("%v, %v", left, err)
	}
}

func TestTheSheetsOfALongRecord(t *testing.T) {
	t.Parallel()
	in := boat(t)
	for range 200 {
		in.Equipment = append(in.Equipment, in.Equipment[0])
	}
	_, all := lay(t, in)
	if n := bytes.Count([]byte(all["07_Systems_and_equipment/Equipment sheets.pdf"]), []byte("/Type /Page\n")); n != 201 {
		t.Errorf("%d pages", n)
	}
}
