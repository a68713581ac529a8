//go:build prove && linux

package prove_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"navidocs/internal/db"
	"navidocs/internal/demo"
	"navidocs/internal/document/extract"
)

// The share of words that must be read.
const (
	clean = 0.95
	rough = 0.85 // of what is skewed, noisy or photographed
	plate = 0.75 // of a photographed plate: metal, glare, few words
)

// sheet is an image file and what stands on each page of it.
type sheet struct {
	name, media, path string
	truth             []string
	least             float64
}

// engine is a way to read images.
type engine struct{ name, native string }

// engines are both that this machine has.
func engines(t *testing.T) []engine {
	t.Helper()
	all := []engine{{"embedded", extract.NativeOff}}
	if _, err := exec.LookPath("tesseract"); err != nil {
		t.Log("SKIPPED: the native engine, which is not installed:", err)
		return all
	}
	return append(all, engine{"native", ""})
}

// languages are what an organization reads by default.
var languages = []string{"eng", "deu", "fra", "ita", "spa"}

// readAll reads every sheet with every engine and demands the words.
func readAll(t *testing.T, sheets []sheet) {
	t.Helper()
	command, err := build()
	if err != nil {
		t.Fatal(err)
	}
	cache := t.TempDir()
	for _, e := range engines(t) {
		x := extract.New(extract.Options{Command: []string{command, "extract"}, CacheDir: cache, Native: e.native, Languages: languages})
		for _, s := range sheets {
			started := time.Now()
			got, found, all := readSheet(t, x, s)
			recall := float64(found) / float64(all)
			t.Logf("PROVED: %-8s %-28s %5.1f %% of %d words (at least %.0f %%), %s", e.name, s.name, 100*recall, all, 100*s.least,
				time.Since(started).Round(10*time.Millisecond))
			if recall < s.least {
				t.Errorf("%s read by the %s engine: %.3f, less than %.2f; not found: %v", s.name, e.name, recall, s.least, missed(strings.Join(s.truth, "\n"), got))
			}
		}
	}
}

// readSheet reads a file and counts the words of its truth, page by page.
func readSheet(t *testing.T, x *extract.Extractor, s sheet) (text string, found, all int) {
	t.Helper()
	err := x.Pages(t.Context(), s.path, s.media, 1, 0, func(p extract.Page) error {
		if p.Number <= len(s.truth) {
			f, a := recall(s.truth[p.Number-1], p.Text)
			found, all = found+f, all+a
		}
		text += p.Text + "\n"
		return nil
	})
	if err != nil {
		t.Errorf("%s: %v", s.name, err)
	}
	return text, found, max(all, 1)
}

// recall counts how many words of the truth are in the text, each as often as
// it stands there, wherever.
func recall(truth, text string) (found, all int) {
	have := map[string]int{}
	for _, w := range plainWords(text) {
		have[w]++
	}
	for _, w := range plainWords(truth) {
		all++
		if have[w] > 0 {
			have[w]--
			found++
		}
	}
	return found, all
}

func missed(truth, text string) (out []string) {
	have := map[string]int{}
	for _, w := range plainWords(text) {
		have[w]++
	}
	for _, w := range plainWords(truth) {
		if have[w]--; have[w] < 0 {
			out = append(out, w)
		}
	}
	return out[:min(len(out), 60)]
}

// plainWords are the words of two letters or digits and more, as search compares
// them: without case and accents.
func plainWords(text string) (out []string) {
	for _, w := range strings.FieldsFunc(db.Fold(norm.NFKC.String(text)), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r)
	}) {
		if len([]rune(w)) > 1 {
			out = append(out, w)
		}
	}
	return out
}

// Real scans with a known text, from the tests of tesseract itself.
func TestRealScansAreRead(t *testing.T) {
	dir := unpacked(t, sources(t, "tesseract"))
	truth := func(name string) []string {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return []string{string(text)}
	}
	sheets := []sheet{
		{"8087_054.3B.tif", "image/tiff", "", truth("8087_054.3B.txt"), clean},
		{"8071_093.3B.tif", "image/tiff", "", truth("8071_093.3B.txt"), clean},
		{"phototest.tif", "image/tiff", "", truth("phototest.gold.txt"), clean},
		{"phototest-rotated-L.png", "image/png", "", truth("phototest.gold.txt"), clean},
		{"phototest-rotated-R.png", "image/png", "", truth("phototest.gold.txt"), clean},
		{"phototest-rotated-180.png", "image/png", "", truth("phototest.gold.txt"), clean},
		{"phototestrot.tif", "image/tiff", "", truth("phototest.gold.txt"), rough},
		{"eurotext.tif", "image/tiff", "", truth("eurotext.txt"), clean},
	}
	for i := range sheets {
		sheets[i].path = filepath.Join(dir, sheets[i].name)
	}
	readAll(t, append(sheets, imagePDF(t, sheets[0]), imagePDF(t, sheets[2])))
}

// unpacked gives the folder of the test images out of the sources.
func unpacked(t *testing.T, dir string) string {
	t.Helper()
	archives, err := filepath.Glob(filepath.Join(dir, "*.orig-test.tar.*"))
	if err != nil || len(archives) != 1 {
		t.Fatalf("the sources have no test images: %v %v", archives, err)
	}
	must(t, dir, "tar", "-xf", archives[0])
	found, err := filepath.Glob(filepath.Join(dir, "*", "testing"))
	if err != nil || len(found) != 1 {
		t.Fatalf("the sources have no test images: %v %v", found, err)
	}
	return found[0]
}

// imagePDF wraps a scan in a PDF without any text.
func imagePDF(t *testing.T, s sheet) sheet {
	t.Helper()
	out := filepath.Join(t.TempDir(), "scan.pdf")
	must(t, t.TempDir(), program(t, "tiff2pdf", "libtiff-tools"), "-o", out, s.path)
	return sheet{s.name + " as PDF", "application/pdf", out, s.truth, s.least}
}

// The scans of the demo, whose text is known because they were printed by us.
func TestDemoScansAreRead(t *testing.T) {
	papers, err := demo.Papers()
	if err != nil {
		t.Fatal(err)
	}
	var sheets []sheet
	for _, p := range papers {
		if !p.Scanned {
			continue
		}
		content, err := demo.Bytes(p.File)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), p.File)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		least := rough
		if p.File == "engine-plate.jpg" {
			least = plate
		}
		sheets = append(sheets, sheet{fmt.Sprintf("%s (%s)", p.File, p.Language), p.MediaType, path, p.Truth, least})
	}
	readAll(t, sheets)
}
