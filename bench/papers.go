package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"codeberg.org/go-pdf/fpdf"

	"navidocs/internal/demo"
	"navidocs/internal/document/extract"
)

// childCPU runs f and returns the processor time of the children that ended in
// it.
func childCPU(f func() error) (time.Duration, error) {
	before := childTime()
	err := f()
	return childTime() - before, err
}

// extractor reads with the binary itself as the child.
func extractor(binary, cache, native string) *extract.Extractor {
	return extract.New(extract.Options{Command: []string{binary, "extract"}, CacheDir: cache, Languages: []string{"eng"}, Native: native})
}

// pdfText compares reading the words of a manual with pdftotext. Ours also
// draws two images of each page, so the text alone is the smaller part.
func pdfText(ctx context.Context, binary string) error {
	dir, err := os.MkdirTemp("", "navidocs-bench-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	manual := filepath.Join(dir, "manual.pdf")
	if err := write(manual, "watermaker-manual.pdf"); err != nil {
		return err
	}
	x := extractor(binary, dir, extract.NativeOff)
	words := 0
	all := func() error {
		words = 0
		return x.Pages(ctx, manual, "application/pdf", 1, 0, func(p extract.Page) error {
			words += len(strings.Fields(p.Text))
			return nil
		})
	}
	if err := all(); err != nil { // fills the compile cache
		return err
	}
	ours, err := childCPU(all)
	if err != nil {
		return err
	}
	peer, err := childCPU(func() error {
		if err := exec.CommandContext(ctx, "pdftotext", manual, filepath.Join(dir, "out.txt")).Run(); err != nil {
			return err
		}
		for n := 1; n <= 100; n++ { // the same two images
			for _, size := range []string{"240", "1280"} {
				err := exec.CommandContext(ctx, "pdftoppm", "-jpeg", "-f", strconv.Itoa(n), "-l", strconv.Itoa(n), "-scale-to", size, manual, filepath.Join(dir, "p")).Run()
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(dir, "out.txt"))
	if err != nil {
		return err
	}
	report("PDF page, text and two images: CPU against poppler", ours.Seconds()/peer.Seconds(), 2, "x")
	note("PDF page: CPU", ours.Seconds()*1000/100, "ms")
	note("words found against pdftotext", float64(words)/float64(len(strings.Fields(string(text)))), "x")
	return nil
}

func write(path, paper string) error {
	content, err := demo.Bytes(paper)
	if err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o600)
}

// ocr compares reading a scanned page with the bare tesseract command.
func ocr(ctx context.Context, binary string) error {
	dir, err := os.MkdirTemp("", "navidocs-bench-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	prose, err := prosePage(ctx, dir)
	if err != nil {
		return err
	}
	form := filepath.Join(dir, "form.jpg")
	if err := write(form, "liferaft-certificate.jpg"); err != nil {
		return err
	}
	for name, scan := range map[string]string{"prose": prose, "a form of numbers": form} {
		if err := ocrPage(ctx, binary, dir, name, scan); err != nil {
			return err
		}
	}
	return pagesPerMinute(ctx, extractor(binary, dir, ""), prose)
}

// prosePage is a page of the survey as a picture.
func prosePage(ctx context.Context, dir string) (string, error) {
	survey := filepath.Join(dir, "survey.pdf")
	if err := write(survey, "pre-purchase-survey.pdf"); err != nil {
		return "", err
	}
	err := exec.CommandContext(ctx, "pdftoppm", "-gray", "-jpeg", "-r", "200", "-f", "4", "-l", "4", "-singlefile", survey, filepath.Join(dir, "prose")).Run()
	return filepath.Join(dir, "prose.jpg"), err
}

// ocrPages is how many pages the measured document has: as many as one child
// reads in one go.
const ocrPages = 8

// ocrPage measures a document of eight scanned pages with both engines against
// tesseract on the bare pictures. Ours also opens the PDF, looks for skew and
// rotation, and draws two images of each page.
func ocrPage(ctx context.Context, binary, dir, name, scan string) error {
	document := filepath.Join(dir, "document.pdf")
	if err := scannedPDF(document, scan); err != nil {
		return err
	}
	peer, err := childCPU(func() error {
		for range ocrPages {
			cmd := exec.CommandContext(ctx, "tesseract", scan, filepath.Join(dir, "out"), "-l", "eng", "--dpi", "200", "-c", "thresholding_method=2")
			cmd.Env = append(os.Environ(), "OMP_THREAD_LIMIT=1")
			if err := cmd.Run(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	rest, err := withoutRecognition(ctx, binary, dir, document)
	if err != nil {
		return err
	}
	for _, e := range []struct {
		name, native string
		aim          float64
	}{{"native", "", 1.15}, {"embedded", extract.NativeOff, 2.2}} {
		x := extractor(binary, dir, e.native)
		read := func(to int) func() error {
			return func() error {
				return x.Pages(ctx, document, "application/pdf", 1, to, func(p extract.Page) error {
					if p.Reason != "" || p.Source != extract.SourceOCR {
						return fmt.Errorf("page %d: source %q, reason %q", p.Number, p.Source, p.Reason)
					}
					return nil
				})
			}
		}
		if err := read(1)(); err != nil { // fills the compile cache
			return err
		}
		ours, err := childCPU(read(ocrPages))
		if err != nil {
			return err
		}
		report("OCR of "+name+", "+e.name+": recognition against tesseract", (ours-rest).Seconds()/peer.Seconds(), e.aim, "x")
		note("OCR of "+name+", "+e.name+": with opening, straightening, images", ours.Seconds()/peer.Seconds(), "x")
		note("OCR of "+name+", "+e.name+": CPU a page", ours.Seconds()*1000/ocrPages, "ms")
	}
	return nil
}

// instead stands for tesseract and costs nothing: it knows English and finds
// the same line on every page.
const instead = `#!/bin/sh
case "$*" in
*--list-langs*) printf 'List:\neng\n' ;;
*) cat >/dev/null; i=0; while [ $i -lt 60 ]; do i=$((i+1)); printf '5\t1\t1\t1\t1\t%d\t0\t0\t9\t9\t96\tthe\n' $i; done ;;
esac
`

// withoutRecognition is what a document costs beside the recognition itself:
// the child, opening the PDF, looking for skew, drawing the images.
func withoutRecognition(ctx context.Context, binary, dir, document string) (time.Duration, error) {
	program := filepath.Join(dir, "instead")
	if err := os.WriteFile(program, []byte(instead), 0o700); err != nil { //nolint:gosec // a program of its own folder
		return 0, err
	}
	x := extractor(binary, dir, program)
	all := func() error {
		return x.Pages(ctx, document, "application/pdf", 1, 0, func(extract.Page) error { return nil })
	}
	if err := all(); err != nil { // fills the compile cache
		return 0, err
	}
	return childCPU(all)
}

// scannedPDF is a picture eight times, as a scanner would save it.
func scannedPDF(path, picture string) error {
	pdf := fpdf.New("P", "mm", "A4", "")
	for range ocrPages {
		pdf.AddPage()
		pdf.ImageOptions(picture, 0, 0, 210, 297, false, fpdf.ImageOptions{ImageType: "JPG"}, 0, "")
	}
	return pdf.OutputFileAndClose(path)
}

func pagesPerMinute(ctx context.Context, x *extract.Extractor, scan string) error {
	const pages = 12
	began := time.Now()
	errs := make(chan error, 2)
	for range 2 {
		go func() {
			for range pages / 2 {
				if err := x.Pages(ctx, scan, "image/jpeg", 1, 1, func(extract.Page) error { return nil }); err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	for range 2 {
		if err := <-errs; err != nil {
			return err
		}
	}
	note("OCR pages per minute, two at once", pages/time.Since(began).Minutes(), "/min")
	return nil
}

// search fills a server by uploading text papers, through the whole of
// ingestion, and asks it.
func search(ctx context.Context, binary, sizes string) error {
	home, err := os.MkdirTemp("", "navidocs-bench-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(home)
	s, err := serve(ctx, binary, home)
	if err != nil {
		return err
	}
	defer s.stop()
	if err := s.signUp(); err != nil {
		return err
	}
	text, have := newWriter(), 0
	for size := range strings.SplitSeq(sizes, ",") {
		want, err := strconv.Atoi(size)
		if err != nil {
			return err
		}
		began := time.Now()
		for ; have < want; have += 1000 {
			if _, err := s.upload(fmt.Sprintf("book-%d.txt", have), text.book(1000)); err != nil {
				return err
			}
		}
		if err := s.drained(); err != nil {
			return err
		}
		note(fmt.Sprintf("pages read and indexed to %d", want), float64(want)/time.Since(began).Seconds(), "/s")
		if err := ask(s, want); err != nil {
			return err
		}
	}
	return nil
}

// ask measures each kind of search.
func ask(s *server, pages int) error {
	var all []float64
	for _, q := range []struct{ name, text string }{
		{"common word", "engine"},
		{"two words", "coolant pressure"},
		{"rare word", "serial-0001234"},
		{"phrase", `"check the coolant"`},
		{"prefix", "cool*"},
		{"mistyped word", "coolamt"},
		{"no such word", "zzzzqqqq"},
	} {
		var took []float64
		for range 60 {
			began := time.Now()
			var r json.RawMessage
			if err := s.call("GET", "/api/search?limit=20&q="+url.QueryEscape(q.text), nil, &r); err != nil {
				return err
			}
			took = append(took, float64(time.Since(began).Microseconds())/1000)
		}
		slices.Sort(took)
		all = append(all, took...)
		note(fmt.Sprintf("search, %d pages, %s: p50", pages, q.name), took[len(took)/2], "ms")
		note(fmt.Sprintf("search, %d pages, %s: p95", pages, q.name), took[len(took)*95/100], "ms")
	}
	slices.Sort(all)
	report(fmt.Sprintf("search, %d pages, all kinds: p95", pages), all[len(all)*95/100], 20, "ms")
	return nil
}

// writer makes text whose words are spread as in a language: few common, many
// rare (Zipf). Every page has a serial number of its own.
type writer struct {
	random *rand.Rand
	zipf   *rand.Zipf
	page   int
}

func newWriter() *writer {
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same text in every run
	return &writer{random: r, zipf: rand.NewZipf(r, 1.1, 4, 60_000)}
}

func (w *writer) book(pages int) []byte {
	var b strings.Builder
	for range pages {
		w.page++
		start := b.Len()
		fmt.Fprintf(&b, "Page of engine manual serial-%07d. Check the coolant pressure before work.\n", w.page)
		for b.Len()-start < 2000 {
			for range 12 {
				b.WriteString(word(w.zipf.Uint64()) + " ")
			}
			b.WriteByte('\n')
		}
		for b.Len()-start < 2960 { // the rest of a page of 3,000 characters
			b.WriteString("- - - - - - - -\n")
		}
	}
	return []byte(b.String())
}

// word spells a number in syllables.
func word(n uint64) string {
	syllables := []string{"ka", "lo", "mi", "ru", "ten", "sor", "vel", "dap", "gri", "nou"}
	var b strings.Builder
	for ok := true; ok; ok = n > 0 {
		b.WriteString(syllables[n%10])
		n /= 10
	}
	return b.String()
}
