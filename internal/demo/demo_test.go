package demo_test

import (
	"bytes"
	"encoding/csv"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/demo"
	"navidocs/internal/demo/press"
)

const (
	limitAll    = 4 << 20
	limitManual = 500 << 10
)

func papers(t *testing.T) []demo.Paper {
	t.Helper()
	list, err := demo.Papers()
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func content(t *testing.T, file string) []byte {
	t.Helper()
	data, err := demo.Bytes(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// The committed papers are what the press prints today; after a change of
// the press run go generate ./internal/demo.
func TestPapersAreAsPrinted(t *testing.T) {
	t.Parallel()
	printed, err := press.All()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range printed {
		names = append(names, f.Name)
		if !bytes.Equal(content(t, f.Name), f.Data) {
			t.Errorf("%s differs from what is printed: run go generate ./internal/demo", f.Name)
		}
	}
	slices.Sort(names)
	entries, err := os.ReadDir("papers")
	if err != nil {
		t.Fatal(err)
	}
	var stored []string
	for _, e := range entries {
		stored = append(stored, e.Name())
	}
	if diff := cmp.Diff(names, stored); diff != "" {
		t.Errorf("files (-printed +stored):\n%s", diff)
	}
}

func TestPapersAreDescribed(t *testing.T) {
	t.Parallel()
	types := codes(t, "testdata/document_types.csv")
	boats := map[string]demo.Boat{}
	for _, b := range demo.Boats() {
		boats[b.Slug] = b
	}
	date := regexp.MustCompile(`^(\d{4}-\d\d-\d\d)?$`)
	described := []string{press.TruthFile}
	for _, p := range papers(t) {
		described = append(described, p.File)
		if !types[p.Type] {
			t.Errorf("%s: no document type %q", p.File, p.Type)
		}
		boat, ok := boats[p.Boat]
		if !ok {
			t.Errorf("%s: no boat %q", p.File, p.Boat)
		}
		if p.Equipment != "" && !slices.Contains(keys(boat), p.Equipment) {
			t.Errorf("%s: %s has no equipment %q", p.File, p.Boat, p.Equipment)
		}
		if !date.MatchString(p.IssuedOn) || !date.MatchString(p.ExpiresOn) {
			t.Errorf("%s: dates %q and %q", p.File, p.IssuedOn, p.ExpiresOn)
		}
		if len(p.Truth) == 0 {
			t.Errorf("%s has no truth", p.File)
		}
		for i, text := range p.Truth {
			if strings.TrimSpace(text) == "" {
				t.Errorf("%s: page %d has no truth", p.File, i+1)
			}
		}
	}
	stored, err := fs.Glob(os.DirFS("papers"), "*")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(described)
	if diff := cmp.Diff(described, stored); diff != "" {
		t.Errorf("papers (-described +stored):\n%s", diff)
	}
}

func TestOpenReadsFromTheStart(t *testing.T) {
	t.Parallel()
	r, err := demo.Open("wiring-note.md")
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(content(t, "wiring-note.md")), string(data)); diff != "" {
		t.Error(diff)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := demo.Open("no-such-paper.pdf"); err == nil {
		t.Error("a paper that does not exist was opened")
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	total := len(content(t, press.TruthFile))
	for _, p := range papers(t) {
		total += len(content(t, p.File))
	}
	if total > limitAll {
		t.Errorf("papers take %d bytes, more than %d", total, limitAll)
	}
	if n := len(content(t, "watermaker-manual.pdf")); n > limitManual {
		t.Errorf("the manual takes %d bytes, more than %d", n, limitManual)
	}
}

func TestFindsStandOnOnePage(t *testing.T) {
	t.Parallel()
	for _, want := range demo.Finds() {
		t.Run(want.Word, func(t *testing.T) {
			t.Parallel()
			word := regexp.MustCompile(`(?i)(^|[^\pL\d])` + regexp.QuoteMeta(want.Word) + `($|[^\pL\d])`)
			var got []demo.Find
			for _, p := range papers(t) {
				for i, text := range p.Truth {
					if word.MatchString(text) {
						got = append(got, demo.Find{Word: want.Word, File: p.File, Page: i + 1})
					}
				}
			}
			if diff := cmp.Diff([]demo.Find{want}, got); diff != "" {
				t.Errorf("pages (-want +got):\n%s", diff)
			}
		})
	}
}

// Every word of the truth can be copied out of a native page, and a scanned
// page has no word at all.
func TestTextOfPDFs(t *testing.T) {
	t.Parallel()
	tool, err := exec.LookPath("pdftotext")
	if err != nil {
		t.Skip("SKIPPED: pdftotext is not installed (package poppler-utils); the text of the PDFs was not compared")
	}
	for _, p := range papers(t) {
		if p.MediaType != "application/pdf" {
			continue
		}
		t.Run(p.File, func(t *testing.T) {
			t.Parallel()
			out, err := exec.CommandContext(t.Context(), tool, "-layout", filepath.Join("papers", p.File), "-").Output()
			if err != nil {
				t.Fatal(err)
			}
			pages := strings.Split(strings.TrimSuffix(string(out), "\f"), "\f")
			if len(pages) != len(p.Truth) {
				t.Fatalf("%d pages, truth has %d", len(pages), len(p.Truth))
			}
			native := 0
			for i, page := range pages {
				if strings.TrimSpace(page) == "" {
					continue
				}
				native++
				compareWords(t, i+1, p.Truth[i], page)
			}
			if (native < len(pages)) != p.Scanned {
				t.Errorf("%d of %d pages are native, Scanned is %v", native, len(pages), p.Scanned)
			}
		})
	}
}

func compareWords(t *testing.T, page int, truth, text string) {
	t.Helper()
	have := map[string]int{}
	for _, w := range strings.Fields(text) {
		have[w]++
	}
	for _, w := range strings.Fields(truth) {
		if have[w]--; have[w] < 0 {
			t.Errorf("page %d: %q of the truth is not in the text", page, w)
		}
	}
}

func TestBoats(t *testing.T) {
	t.Parallel()
	hin := regexp.MustCompile(`^[A-Z]{2}-[A-Z]{3}[A-HJ-NPR-Z0-9]{5}[A-L](\d)(\d\d)$`)
	mids := map[string]string{"GB": "^23[2-5]", "FR": "^22[678]", "MT": "^(215|229|248|249|256)"}
	systems := codes(t, "testdata/systems.csv")
	for _, b := range demo.Boats() {
		t.Run(b.Slug, func(t *testing.T) {
			t.Parallel()
			m := hin.FindStringSubmatch(b.HIN)
			if m == nil {
				t.Fatalf("HIN %q is malformed", b.HIN)
			}
			if m[1] != strconv.Itoa(b.BuildYear%10) || m[2] != strconv.Itoa(b.ModelYear%100) {
				t.Errorf("HIN %q does not fit build year %d and model year %d", b.HIN, b.BuildYear, b.ModelYear)
			}
			if len(b.MMSI) != 9 || !regexp.MustCompile(mids[b.Flag]).MatchString(b.MMSI) {
				t.Errorf("MMSI %q does not fit flag %s", b.MMSI, b.Flag)
			}
			if n := len(b.Equipment); n < 8 || n > 12 {
				t.Errorf("%d pieces of equipment", n)
			}
			for _, e := range b.Equipment {
				if !systems[strconv.Itoa(e.System)] {
					t.Errorf("%s: no system %d", e.Key, e.System)
				}
			}
			all := keys(b)
			if slices.Sort(all); len(slices.Compact(slices.Clone(all))) != len(all) {
				t.Errorf("keys are not unique: %v", all)
			}
			for _, w := range b.Warranties {
				if !slices.Contains(all, w.Equipment) {
					t.Errorf("warranty %q is for unknown equipment %q", w.Item, w.Equipment)
				}
			}
		})
	}
}

// What a paper says of its boat is what the boat says of itself.
func TestPapersAgreeWithBoats(t *testing.T) {
	t.Parallel()
	all := map[string]string{}
	for _, p := range papers(t) {
		all[p.Boat] += strings.Join(p.Truth, "\n")
	}
	for _, b := range demo.Boats() {
		want := []string{b.HIN, b.Name}
		for _, e := range b.Engines {
			want = append(want, e.Serial)
		}
		for _, w := range want {
			if !strings.Contains(strings.ToUpper(all[b.Slug]), strings.ToUpper(w)) {
				t.Errorf("%s: no paper names %q", b.Slug, w)
			}
		}
	}
}

func keys(b demo.Boat) []string {
	var list []string
	for _, e := range b.Engines {
		list = append(list, e.Key)
	}
	for _, e := range b.Equipment {
		list = append(list, e.Key)
	}
	return list
}

// codes reads the first column of a table of the trade.
func codes(t *testing.T, file string) map[string]bool {
	t.Helper()
	table, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(bytes.NewReader(table))
	r.FieldsPerRecord = -1
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	set := map[string]bool{}
	for _, row := range rows[1:] {
		set[row[0]] = true
	}
	return set
}
