// Package sheet writes PDFs that people print, fill in and send: forms, indexes,
// lists, logs.
//
// Text in Latin, Greek, Cyrillic, Chinese, Japanese and Korean comes out as it
// is written, mixed in one string too; the fonts are in the binary and the
// characters in use go into the file, so that it reads the same everywhere. A
// character that no font has is shown as U+FFFD, as are controls and marks that
// reorder text; nothing is lost unseen but what has no width by nature (soft
// hyphens, joiners, variation selectors). No text is refused. Arabic, Hebrew
// and the scripts of India are neither shaped nor turned: their characters
// stand one by one from left to right.
//
// The same calls give the same bytes: the only time in the file is Options.At.
// A Sheet is for one goroutine; any number of them work side by side.
//
// What a sheet says is its caller's; all words in it but "page n of m" are.
package sheet

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
	"unicode/utf16"

	"codeberg.org/go-pdf/fpdf"
	"golang.org/x/image/font/sfnt"

	"navidocs/internal/fault"
)

const (
	point  = 25.4 / 72 // millimetres
	side   = 22.0      // margins, in millimetres
	top    = 20.0
	bottom = 24.0
)

// Options are what holds for the whole sheet.
type Options struct {
	Title, Subject string    // metadata, shown by readers and file managers
	Language       string    // BCP 47: metadata, and the language of "page n of m"
	At             time.Time // when it was made
	Footer         string    // on every page beside "page n of m", two lines at most
	Letter         bool      // US Letter, not A4
}

// Sheet is a PDF in the making, written from top to bottom.
type Sheet struct {
	options       Options
	pdf           *fpdf.Fpdf
	y             float64 // where the next block begins
	width, height float64 // of the page
	fresh         bool    // nothing stands on this page yet
	err           error   // the first one

	added  map[*typeface]bool
	known  map[glyphKey]glyph
	buffer sfnt.Buffer
}

// New begins a sheet with an empty page.
func New(o Options) *Sheet {
	size := "A4"
	if o.Letter {
		size = "Letter"
	}
	s := &Sheet{options: o, pdf: fpdf.New("P", "mm", size, ""), added: map[*typeface]bool{}, known: map[glyphKey]glyph{}}
	s.pdf.SetAutoPageBreak(false, 0)
	s.pdf.SetCatalogSort(true)
	at := o.At.UTC()
	if at.IsZero() {
		at = time.Unix(0, 0).UTC() // fpdf would take the clock's
	}
	s.pdf.SetCreationDate(at)
	s.pdf.SetModificationDate(at)
	s.pdf.SetProducer("NaviDocs", false)
	s.pdf.SetTitle(metadata(o.Title), false)
	s.pdf.SetSubject(metadata(o.Subject), false)
	if regexp.MustCompile(`^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$`).MatchString(o.Language) {
		s.pdf.SetLang(o.Language)
	}
	s.width, s.height = s.pdf.GetPageSize()
	s.page()
	return s
}

// metadata is text as PDF keeps it, UTF-16 with its mark; fpdf's own conversion
// knows no characters above U+FFFF and trips over invalid UTF-8.
func metadata(text string) string {
	if text == "" {
		return ""
	}
	b := []byte{0xFE, 0xFF}
	for _, unit := range utf16.Encode([]rune(strings.ToValidUTF8(text, "\uFFFD"))) {
		b = append(b, byte(unit>>8), byte(unit))
	}
	return string(b)
}

// Write ends the sheet and writes it: to be called once. It says how many pages
// there are. An error is the writer's, or says that the sheet was written
// before.
func (s *Sheet) Write(w io.Writer) (pages int, err error) {
	defer fault.Wrap(&err, "sheet.Write")
	if s.err != nil {
		return 0, s.err
	}
	pages = s.pdf.PageCount()
	s.footers(pages)
	if s.err != nil {
		return 0, s.err
	}
	s.err = errors.New("this sheet is written already")
	return pages, s.pdf.Output(w)
}

// footers are written last, when the number of pages is known. fpdf's own way,
// a mark that is replaced, would replace it in people's text too.
func (s *Sheet) footers(pages int) {
	y := s.height - bottom + 8
	widest := length(s.glyphs(pageOf(s.options.Language, pages, pages), small))
	lines := s.wrap(s.options.Footer, small, s.inner()-widest-8)
	for n := 1; n <= pages; n++ {
		s.pdf.SetPage(n)
		s.rule(side, y-2, s.inner(), pale)
		count := s.glyphs(pageOf(s.options.Language, n, pages), small)
		s.draw(s.width-side-length(count), y, count, small)
		for i, line := range lines[:min(2, len(lines))] {
			s.draw(side, y+float64(i)*small.height(), line, small)
		}
	}
}

func pageOf(language string, n, pages int) string {
	form := "%d / %d"
	switch base, _, _ := strings.Cut(strings.ToLower(language), "-"); base {
	case "", "en":
		form = "page %d of %d"
	case "de":
		form = "Seite %d von %d"
	case "fr":
		form = "page %d sur %d"
	case "it":
		form = "pagina %d di %d"
	case "es":
		form = "página %d de %d"
	}
	return fmt.Sprintf(form, n, pages)
}

func (s *Sheet) page() {
	s.pdf.AddPage()
	s.y, s.fresh = top, true
}

// need begins a new page unless the height is left on this one.
func (s *Sheet) need(height float64) {
	if !s.fresh && s.y+height > s.height-bottom {
		s.page()
	}
}

// gap leaves room above a block, unless the page begins with it.
func (s *Sheet) gap(height float64) {
	if !s.fresh {
		s.y += height
	}
}

func (s *Sheet) rule(x, y, width float64, color [3]int) {
	s.pdf.SetLineWidth(thin)
	s.pdf.SetDrawColor(color[0], color[1], color[2])
	s.pdf.Line(x, y, x+width, y)
}

func (s *Sheet) failed(err error) {
	if s.err == nil {
		s.err = err
	}
}
