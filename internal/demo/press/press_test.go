package press

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"image"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/image/tiff"
)

func TestHandWrittenPagesExist(t *testing.T) {
	t.Parallel()
	titles := map[string]bool{}
	for _, c := range manualParts() {
		for _, s := range c.sections {
			if titles[s.title] {
				t.Errorf("two sections are called %q", s.title)
			}
			titles[s.title] = true
			if _, ok := dataTables()[s.title]; ok != (s.kind == "data") {
				t.Errorf("section %q of kind %s: table is there: %v", s.title, s.kind, ok)
			}
		}
	}
	for title := range handWritten() {
		if !titles[title] {
			t.Errorf("no section is called %q", title)
		}
	}
}

func TestTruthReadsLineByLine(t *testing.T) {
	t.Parallel()
	p, _ := newSheet(100, 60)
	f := font{sans, 9}
	p.put(50, 20.3, f, black(), "right")
	p.put(10, 30, f, black(), "below")
	p.put(10, 20, f, black(), "left")
	if diff := cmp.Diff("left right\nbelow", p.truth()); diff != "" {
		t.Error(diff)
	}
}

func TestTextOffThePageIsRefused(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]point{"over the footer": {20, 45}, "below": {20, 61}, "right of it": {95, 20}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, _ := newSheet(100, 60)
			p.put(at.x, at.y, font{sans, 9}, black(), "lost")
			if p.fits() == nil {
				t.Error("accepted")
			}
		})
	}
}

func TestTIFFHoldsItsPages(t *testing.T) {
	t.Parallel()
	var pages []*image.Gray
	for i := range 3 {
		p, sheet := newSheet(40+float64(i), 20)
		p.put(3, 10, font{bold, 12}, black(), "page "+string(rune('1'+i)))
		pages = append(pages, scanner{dust: 40, seed: 5}.read(sheet.img))
	}
	data := tiffPages(pages)
	// The reader knows only the first directory: point the header at each.
	at := binary.LittleEndian.Uint32(data[4:])
	for i, want := range pages {
		binary.LittleEndian.PutUint32(data[4:], at)
		got, err := tiff.Decode(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if got.Bounds() != want.Rect {
			t.Fatalf("page %d is %v, want %v", i+1, got.Bounds(), want.Rect)
		}
		for y := range want.Rect.Dy() {
			for x := range want.Rect.Dx() {
				r, _, _, _ := got.At(x, y).RGBA()
				if dark := want.GrayAt(x, y).Y < 140; dark != (r == 0) {
					t.Fatalf("page %d differs at %d, %d", i+1, x, y)
				}
			}
		}
		entries := uint32(binary.LittleEndian.Uint16(data[at:]))
		at = binary.LittleEndian.Uint32(data[at+2+12*entries:])
	}
	if at != 0 {
		t.Error("a fourth page follows")
	}
}

func TestMailCarriesItsAttachment(t *testing.T) {
	t.Parallel()
	f, err := quoteMail()
	if err != nil {
		t.Fatal(err)
	}
	m, err := mail.ReadMessage(bytes.NewReader(f.Data))
	if err != nil {
		t.Fatal(err)
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	text, err := parts.NextPart()
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(text)
	if err != nil {
		t.Fatal(err)
	}
	want := f.Truth[0]
	if got := m.Header.Get("Subject") + "\n" + strings.ReplaceAll(string(body), "\r\n", "\n"); got != want {
		t.Error(cmp.Diff(want, got))
	}
	attached, err := parts.NextPart()
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, attached))
	if err != nil {
		t.Fatal(err)
	}
	if attached.FileName() != "quote-q-5520.pdf" || !bytes.HasPrefix(data, []byte("%PDF-")) {
		t.Errorf("attachment %q begins with %q", attached.FileName(), data[:min(8, len(data))])
	}
}
