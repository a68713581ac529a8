package sheet_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"navidocs/internal/sheet"
)

var look = flag.String("look", "", "a folder to write the sheets of TestForm to, for eyes")

func at() time.Time { return time.Date(2026, 6, 1, 9, 30, 0, 0, time.UTC) }

func options() sheet.Options {
	return sheet.Options{Title: "Warranty claim", At: at(), Footer: "Ægir · claim 2026-0007", Language: "en-GB"}
}

// form is a page as it is used for claims.
func form(o sheet.Options) *sheet.Sheet {
	s := sheet.New(o)
	s.Title("Warranty claim")
	s.Note("Prepared with NaviDocs on 1 June 2026. Claim no. 2026-0007")
	s.Warning("Template, have it checked: this letter follows the general rule of the country named below and is no legal advice.")
	s.Heading("Boat and owner")
	s.Fields(
		sheet.Field{Label: "Boat", Value: "Ægir, Bavaria Cruiser 46"},
		sheet.Field{Label: "Hull identification number", Value: "DE-BAVA46A1E626"},
		sheet.Field{Label: "Owner", Value: "Zoë Łukaszewicz-Ångström"},
		sheet.Field{Label: "Telephone"},
	)
	s.Heading("What is claimed")
	s.Paragraph("The compressor of the saloon's refrigerator stopped on 14 May 2026 after 210 hours. It does not start again, neither at the shore supply nor from the batteries; the controller blinks five times.\nWe ask for a repair or a replacement under the warranty of 24 months.")
	s.Table([]sheet.Column{{Title: "Paper", Width: 4}, {Title: "Pages", Width: 1, Right: true}, {Title: "SHA-256", Width: 4, Mono: true}}, [][]string{
		{"01_Invoice/Invoice Isotherm.pdf", "2", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},
		{"04_Proof_of_Purchase/Rechnung für den Kühlschrank, bezahlt.pdf", "14", "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"},
	})
	s.Heading("Remarks")
	s.Lines(3)
	s.Signature("Place and date", "Signature of the owner")
	return s
}

// scripts are what every sheet can say.
func scripts() []string {
	return []string{"Łódź İğÅøßŒ Příliš žluťoučký", "Ελληνικά Ωδείο", "Судно «Заря»", "中文保修条款", "日本語のカタカナ、保証書。", "한국어 보증서"}
}

func sixScripts() *sheet.Sheet {
	s := sheet.New(sheet.Options{Title: "保証書 \U0001F6A4", At: at(), Language: "ja"})
	s.Title("Six scripts, 六つの文字")
	for _, text := range scripts() {
		s.Heading(text)
		s.Paragraph("In the middle of a line " + text + " and on.")
		s.Fields(sheet.Field{Label: text, Value: text})
		s.Table([]sheet.Column{{Title: text, Width: 1}, {Title: "Mono", Width: 1, Mono: true}}, [][]string{{text, text}})
	}
	return s
}

// written ends a sheet; tool runs a program of the machine on the file.
func written(t testing.TB, s *sheet.Sheet) (file string, pages int) {
	t.Helper()
	var out bytes.Buffer
	pages, err := s.Write(&out)
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "sheet.pdf")
	if *look != "" {
		file = filepath.Join(*look, strings.ReplaceAll(t.Name(), "/", "-")+".pdf")
	}
	if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, pages
}

func tool(t testing.TB, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not installed; scripts/setup does it", name)
	}
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

// pages gives the text of each page, its spaces as single ones.
func pages(t testing.TB, file string) []string {
	t.Helper()
	all := strings.Split(strings.TrimSuffix(tool(t, "pdftotext", "-raw", file, "-"), "\f"), "\f")
	for i := range all {
		all[i] = strings.Join(strings.Fields(all[i]), " ")
	}
	return all
}

func TestForm(t *testing.T) {
	t.Parallel()
	for name, letter := range map[string]bool{"A4": false, "letter": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options()
			o.Letter = letter
			file, n := written(t, form(o))
			if n != 1 {
				t.Errorf("%d pages", n)
			}
			if info, err := os.Stat(file); err != nil || info.Size() > 80_000 {
				t.Error(info.Size(), err)
			}
			info := tool(t, "pdfinfo", "-isodates", file)
			for _, want := range []string{"Warranty claim", "2026-06-01T09:30:00", map[bool]string{true: "612 x 792", false: "A4"}[letter]} {
				if !strings.Contains(info, want) {
					t.Errorf("%q is missing in\n%s", want, info)
				}
			}
			if text := pages(t, file)[0]; !strings.Contains(text, "page 1 of 1") || !strings.Contains(text, "Zoë Łukaszewicz-Ångström") {
				t.Error(text)
			}
			tool(t, "qpdf", "--check", file)
		})
	}
}

func TestEveryScriptComesBack(t *testing.T) {
	t.Parallel()
	file, _ := written(t, sixScripts())
	if info, err := os.Stat(file); err != nil || info.Size() > 150_000 {
		t.Error(info.Size(), err)
	}
	tool(t, "qpdf", "--check", file)
	all := strings.Join(pages(t, file), " ")
	for _, text := range scripts() {
		if n := strings.Count(all, text); n != 7 {
			t.Errorf("%q comes back %d times from\n%s", text, n, all)
		}
	}
	if title := tool(t, "pdfinfo", file); !strings.Contains(title, "保証書 \U0001F6A4") {
		t.Error(title)
	}
	embedded(t, file, "utf8dejavusans", "utf8dejavusans-bold", "utf8dejavusansmono", "utf8droidsansfallback")
}

func TestEuropeNeedsNoFontOfAsia(t *testing.T) {
	t.Parallel()
	file, _ := written(t, form(options()))
	embedded(t, file, "utf8dejavusans", "utf8dejavusans-bold", "utf8dejavusansmono")
}

// embedded says that the file has just these fonts, and has them inside.
func embedded(t *testing.T, file string, names ...string) {
	t.Helper()
	rows := strings.Split(strings.TrimSpace(tool(t, "pdffonts", file)), "\n")[2:]
	found := map[string]bool{}
	for _, row := range rows {
		columns := strings.Fields(row)
		found[columns[0]] = columns[4] == "yes"
	}
	for _, name := range names {
		if !found[name] {
			t.Errorf("%s is not embedded:\n%s", name, strings.Join(rows, "\n"))
		}
	}
	if len(rows) != len(names) {
		t.Errorf("%d fonts instead of %d:\n%s", len(rows), len(names), strings.Join(rows, "\n"))
	}
}

func TestWhatNoFontHasIsShown(t *testing.T) {
	t.Parallel()
	s := sheet.New(options())
	s.Paragraph("a\U0001F6A4b \u0e01 bidi\u202eover\u2066ride nul\x00 escape\x1b bad\xffutf soft\u00adhyphen zero\u200bwidth e\u0301 tab\tend")
	file, _ := written(t, s)
	want := "a\uFFFDb \uFFFD bidi\uFFFDover\uFFFDride nul\uFFFD escape\uFFFD bad\uFFFDutf softhyphen zerowidth é tab end"
	if got := pages(t, file)[0]; !strings.HasPrefix(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestALongTableRepeatsItsHeader(t *testing.T) {
	t.Parallel()
	s := sheet.New(options())
	s.Title("Correspondence")
	var rows [][]string
	for i := range 300 {
		rows = append(rows, []string{fmt.Sprintf("begin-%d", i), "a letter about the refrigerator that takes more than one line of this narrow column", fmt.Sprintf("line\nend-%d", i)})
	}
	s.Table([]sheet.Column{{Title: "Number", Width: 1}, {Title: "What", Width: 2}, {Title: "Last", Width: 1, Right: true}}, rows)
	file, n := written(t, s)
	all := pages(t, file)
	if len(all) != n || n < 5 {
		t.Fatalf("%d pages, %d said", len(all), n)
	}
	next := 0
	for i, text := range all {
		if strings.Count(text, "Number What Last") != 1 || !strings.Contains(text, fmt.Sprintf("page %d of %d", i+1, n)) {
			t.Errorf("page %d: %s", i+1, text)
		}
		for ; strings.Contains(text+" ", fmt.Sprintf("begin-%d ", next)); next++ {
			if !strings.Contains(text+" ", fmt.Sprintf("end-%d ", next)) {
				t.Errorf("row %d is split", next)
			}
		}
	}
	if next != 300 {
		t.Errorf("row %d is missing", next)
	}
}

// TestWhatIsHigherThanAPageGoesOn in each kind of block, and loses nothing.
func TestWhatIsHigherThanAPageGoesOn(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&b, "w%d ", i)
	}
	long := b.String()
	for name, write := range map[string]func(*sheet.Sheet){
		"paragraph": func(s *sheet.Sheet) { s.Paragraph(long) },
		"warning":   func(s *sheet.Sheet) { s.Warning(long) },
		"field":     func(s *sheet.Sheet) { s.Fields(sheet.Field{Label: "label", Value: long}) },
		"cell":      func(s *sheet.Sheet) { s.Table([]sheet.Column{{Title: "head", Width: 1}, {}}, [][]string{{long}}) },
		"header":    func(s *sheet.Sheet) { s.Table([]sheet.Column{{Title: long}}, nil) },
		"signature": func(s *sheet.Sheet) { s.Signature(long) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := sheet.New(sheet.Options{At: at()})
			s.Paragraph("before")
			write(s)
			s.Paragraph("after")
			file, n := written(t, s)
			all := strings.Join(pages(t, file), " ") + " "
			for i := range 3000 {
				if word := fmt.Sprintf("w%d ", i); !strings.Contains(all, word) {
					t.Fatalf("%s is missing on %d pages", word, n)
				}
			}
			if n < 3 || !strings.Contains(all, "after") {
				t.Errorf("%d pages", n)
			}
			tool(t, "qpdf", "--check", file)
		})
	}
}

func TestTheSameCallsGiveTheSameBytes(t *testing.T) {
	t.Parallel()
	const writers = 8
	var out [2 * writers]bytes.Buffer
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() {
			_, err := form(options()).Write(&out[2*i])
			_, err2 := sixScripts().Write(&out[2*i+1])
			if err := errors.Join(err, err2); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for i := range out {
		if !bytes.Equal(out[i].Bytes(), out[i%2].Bytes()) {
			t.Errorf("sheet %d differs", i)
		}
	}
}

func TestPagesAreCountedInTheSheetsLanguage(t *testing.T) {
	t.Parallel()
	for language, want := range map[string]string{
		"": "page 1 of 1", "en-US": "page 1 of 1", "de": "Seite 1 von 1", "fr-FR": "page 1 sur 1", "it": "pagina 1 di 1",
		"es": "página 1 de 1", "ko": "1 / 1", "de) /Evil (": "1 / 1",
	} {
		file, _ := written(t, sheet.New(sheet.Options{At: at(), Language: language}))
		if got := pages(t, file)[0]; got != want {
			t.Errorf("%q: %q, want %q", language, got, want)
		}
		tool(t, "qpdf", "--check", file)
	}
}

func TestWriteSaysWhatFailed(t *testing.T) {
	t.Parallel()
	broken := errors.New("no space left")
	s := form(options())
	if _, err := s.Write(io.Discard); err != nil {
		t.Error(err)
	}
	if _, err := form(options()).Write(failing{broken}); !errors.Is(err, broken) {
		t.Error(err)
	}
	if _, err := s.Write(io.Discard); err == nil {
		t.Error("written twice")
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func hostile() []string {
	return []string{
		"", " ", "\n\n\n", "\x00\x01\x1b[31m", "\u202e\u2066\u200f", "\xff\xfe\xfd", "{nb}", `)\( Tj ET`, "\\", "\r\r\n",
		"\ufffe\uffff\U0010ffff\U0001F6A4", strings.Repeat("e\u0301\u0302", 50), "ا\u0644عربية עברית", strings.Repeat("\u0301", 2000),
	}
}

// every writes text wherever it can stand.
func every(text string) *sheet.Sheet {
	s := sheet.New(sheet.Options{Title: text, Subject: text, Language: text, Footer: text, At: at()})
	s.Title(text)
	s.Heading(text)
	s.Paragraph(text)
	s.Note(text)
	s.Warning(text)
	s.Fields(sheet.Field{Label: text, Value: text}, sheet.Field{Label: text})
	s.Table([]sheet.Column{{Title: text, Width: 1}, {Title: text, Mono: true, Right: true, Width: -1}}, [][]string{{text}, {text, text, text}, nil})
	s.Table(nil, [][]string{{text}})
	s.Signature(text, text, text)
	return s
}

func TestNoTextIsRefused(t *testing.T) {
	t.Parallel()
	for i, text := range append(hostile(), strings.Repeat("x", 100_000)) {
		file, n := written(t, every(text))
		if info := tool(t, "pdfinfo", file); !strings.Contains(info, fmt.Sprintf("Pages:           %d\n", n)) {
			t.Errorf("text %d: %d pages\n%s", i, n, info)
		}
		tool(t, "qpdf", "--check", file)
	}
}

func FuzzSheet(f *testing.F) {
	for _, text := range append(hostile(), scripts()...) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1000 {
			text = text[:1000]
		}
		if n, err := every(text).Write(io.Discard); err != nil || n < 1 {
			t.Errorf("%d pages: %v", n, err)
		}
	})
}
