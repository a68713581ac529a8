//go:build prove && linux

package prove_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"navidocs/internal/document"
)

// manual is a real manual out of a Debian package. Phrase stands in it.
type manual struct {
	file   string
	pages  int // at least
	phrase string
}

// Every page of real manuals, also French and Japanese ones, is found by its
// rarest word.
func TestEveryPageOfRealManualsIsFound(t *testing.T) {
	root := packages(t, "avrdude-doc", "debian-reference-de", "developers-reference-fr", "auto-multiple-choice-doc-pdf")
	s := serve(t)
	c := register(t, s.url)
	for _, m := range []manual{
		{"doc/avrdude/avrdude.pdf.gz", 61, "programmer"},
		{"debian-reference/debian-reference.de.pdf", 200, "Zugriffsrechte"},
		{"developers-reference/fr/developers-reference.pdf", 100, "développeur"},
		{"doc/auto-multiple-choice/auto-multiple-choice.ja.pdf", 20, "日本語"},
	} {
		content := unzipped(t, filepath.Join(root, "usr/share", m.file))
		started := time.Now()
		name := strings.TrimSuffix(filepath.Base(m.file), ".gz")
		d := c.read(c.add(name, content), 10*time.Minute)
		took := time.Since(started)
		if d.Status != document.Ready || d.PageCount < m.pages || d.PagesFailed > 0 {
			t.Errorf("%s is %s with %d pages (at least %d), %d failed: %s", name, d.Status, d.PageCount, m.pages, d.PagesFailed, d.Error)
		}
		hits := c.search(`"`+m.phrase+`"`, 100)
		if hits.Total == 0 {
			t.Errorf("%q is not found in %s", m.phrase, name)
		}
		found, empty, lost := findPages(t, c, d)
		withText := d.PageCount - empty
		t.Logf("PROVED: %s: %d pages read in %s (%.0f ms a page); %d of %d pages with text found by their rarest word (%d empty); %q found on %d pages",
			name, d.PageCount, took.Round(100*time.Millisecond), float64(took.Milliseconds())/float64(max(d.PageCount, 1)), found, withText, empty, m.phrase, hits.Total)
		if float64(found) < 0.99*float64(withText) {
			t.Errorf("%s: pages not found: %v", name, lost)
		}
	}
}

func unzipped(t *testing.T, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	content, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// findPages looks for each page of a document by the rarest of its words.
func findPages(t *testing.T, c *client, d document.Document) (found, empty int, lost []string) {
	t.Helper()
	var pages []document.Page
	for len(pages) < d.PageCount {
		var some []document.Page
		c.get(fmt.Sprintf("/api/documents/%s/pages?limit=100&offset=%d", d.ID, len(pages)), &some)
		if len(some) == 0 {
			t.Fatalf("%d of %d pages are listed", len(pages), d.PageCount)
		}
		pages = append(pages, some...)
	}
	on := map[string]int{} // pages that a word is on
	for _, p := range pages {
		for w := range distinct(p.Text) {
			on[w]++
		}
	}
	for _, p := range pages {
		word := rarest(distinct(p.Text), on)
		switch {
		case word == "":
			empty++
		case shows(c.search(`"`+word+`"`, 100), d.ID, p.Number):
			found++
		default:
			lost = append(lost, fmt.Sprintf("%d (%s)", p.Number, word))
		}
	}
	return found, empty, lost
}

func shows(r document.Results, id document.ID, page int) bool {
	for _, h := range r.Hits {
		if h.DocumentID == id && h.Page == page {
			return true
		}
	}
	return false
}

// rarest picks the word that is on the fewest pages, the longest of those.
func rarest(words map[string]bool, on map[string]int) (best string) {
	for w := range words {
		switch {
		case best == "", on[w] < on[best]:
			best = w
		case on[w] == on[best] && (len(w) > len(best) || len(w) == len(best) && w < best):
			best = w
		}
	}
	return best
}

// distinct lists what one may search for: words of four letters or digits and
// more, and of scripts without spaces four signs in a row.
func distinct(text string) map[string]bool {
	out := map[string]bool{}
	var run []rune
	end := func() {
		if n := len(run); n >= 4 && n <= 40 {
			if sign(run[0]) {
				run = run[:4]
			}
			out[string(run)] = true
		}
		run = run[:0]
	}
	for _, r := range text {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r) {
			end()
			continue
		}
		if len(run) > 0 && sign(r) != sign(run[0]) {
			end()
		}
		run = append(run, r)
	}
	end()
	return out
}

// sign says whether a letter is of a script without spaces.
func sign(r rune) bool { return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana) }
