package extract

import (
	"bytes"
	"errors"
	"image"
	"strings"
	"testing"

	"codeberg.org/go-pdf/fpdf"
	"github.com/google/go-cmp/cmp"
)

func output(t testing.TB, p *fpdf.Fpdf) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := p.Output(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// manual is a document of three pages: text, a scanned page, a nearly empty one.
func manual(t testing.TB) []byte {
	t.Helper()
	p := fpdf.New("P", "mm", "A4", "")
	p.SetTitle("Engine manual", true)
	p.SetFont("Helvetica", "", 11)
	p.AddPage()
	p.Bookmark("Service", 0, -1)
	p.Bookmark("Impeller", 1, -1)
	p.MultiCell(180, 6, prose, "", "L", false)
	p.AddPage()
	p.Bookmark("Scan", 0, -1)
	scan(t, p, drawn(t, prose))
	p.AddPage()
	p.Cell(40, 10, "Notes")
	return output(t, p)
}

// scan puts a picture over the whole page.
func scan(t testing.TB, p *fpdf.Fpdf, img image.Image) {
	t.Helper()
	p.RegisterImageOptionsReader("scan", fpdf.ImageOptions{ImageType: "PNG"}, bytes.NewReader(asPNG(t, img)))
	p.ImageOptions("scan", 0, 0, 210, 297, false, fpdf.ImageOptions{}, 0, "")
}

func TestPDF(t *testing.T) {
	t.Parallel()
	info, pages, err := pagesOf(t, write(t, "a.pdf", manual(t)), "application/pdf")
	if err != nil {
		t.Fatal(err)
	}
	want := Info{Pages: 3, Title: "Engine manual", Outline: []OutlineItem{
		{Title: "Service", Page: 1, Level: 1}, {Title: "Impeller", Page: 1, Level: 2}, {Title: "Scan", Page: 2, Level: 1},
	}}
	if diff := cmp.Diff(want, info); diff != "" {
		t.Error(diff)
	}
	for i, source := range []string{SourceNative, SourceOCR, SourceNative} {
		p := pages[i]
		if p.Source != source || p.Reason != "" || p.Width != 905 || p.Height != 1280 || p.Rotation != 0 {
			t.Errorf("page %d: source %q, reason %q, %dx%d, turned %d", p.Number, p.Source, p.Reason, p.Width, p.Height, p.Rotation)
		}
		if got := decodedJPEG(t, p.Thumb).Bounds(); got != image.Rect(0, 0, 170, 240) {
			t.Errorf("page %d: thumb %v", p.Number, got)
		}
		if got := decodedJPEG(t, p.Screen).Bounds(); got != image.Rect(0, 0, p.Width, p.Height) {
			t.Errorf("page %d: screen %v", p.Number, got)
		}
	}
	for _, p := range pages[:2] {
		if r := recall(prose, p.Text); r < 0.95 || p.Language != "en" {
			t.Errorf("page %d: recall %.2f, language %q", p.Number, r, p.Language)
		}
	}
	if pages[2].Text != "Notes" {
		t.Errorf("page 3 says %q", pages[2].Text)
	}
}

func TestPDFScannedOnItsHead(t *testing.T) {
	t.Parallel()
	p := fpdf.New("P", "mm", "A4", "")
	p.AddPage()
	scan(t, p, turnedGray(drawn(t, prose), 180))
	_, pages, err := pagesOf(t, write(t, "a.pdf", output(t, p)), "application/pdf")
	if err != nil {
		t.Fatal(err)
	}
	if r := recall(prose, pages[0].Text); r < 0.95 || pages[0].Rotation != 180 {
		t.Errorf("recall %.2f, turned %d", r, pages[0].Rotation)
	}
	// The lower half of the page is empty, once it stands upright.
	screen := decodedJPEG(t, pages[0].Screen)
	darkest := uint32(0xffff)
	for y := 900; y < 1270; y++ {
		v, _, _, _ := screen.At(300, y).RGBA()
		darkest = min(darkest, v)
	}
	if darkest < 0x9000 {
		t.Error("the screen image was not turned")
	}
}

func TestPDFThatIsRefused(t *testing.T) {
	t.Parallel()
	locked := fpdf.New("P", "mm", "A4", "")
	locked.SetProtection(fpdf.CnProtectPrint, "user", "owner")
	locked.AddPage()
	whole := manual(t)
	for name, c := range map[string]struct {
		data   []byte
		reason string
	}{
		"locked":  {output(t, locked), ReasonEncrypted},
		"empty":   {nil, ReasonBroken},
		"garbage": {bytes.Repeat([]byte("garbage "), 999), ReasonBroken},
		"head":    {whole[:900], ReasonBroken},
	} {
		_, _, err := pagesOf(t, write(t, "a.pdf", c.data), "application/pdf")
		if refused, ok := errors.AsType[*Refused](err); !ok || refused.Reason != c.reason {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPDFOutlineThatTurnsInCircles(t *testing.T) {
	t.Parallel()
	p := fpdf.New("P", "mm", "A4", "")
	p.SetFont("Helvetica", "", 11)
	p.SetCompression(false)
	p.AddPage()
	for _, title := range []string{"one", "two", "three"} {
		p.Bookmark(title, 0, -1)
	}
	data := string(output(t, p))
	// The last bookmark gets the first as its next sibling, in place of the
	// link back that nobody reads.
	first := data[strings.Index(data, "/First ")+len("/First "):]
	first = first[:strings.Index(first, " 0 R")]
	at := strings.LastIndex(data, "/Prev ")
	data = data[:at] + "/Next " + first + data[at+len("/Prev ")+len(first):]
	info, _, err := pagesOf(t, write(t, "a.pdf", []byte(data)), "application/pdf")
	if err != nil {
		t.Fatal(err)
	}
	if len(info.Outline) < 3 || len(info.Outline) > maxOutline {
		t.Errorf("%d lines", len(info.Outline))
	}
}

func TestReadResolution(t *testing.T) {
	t.Parallel()
	const a4, a0 = 595.0 * 842, 2384.0 * 3370
	for want, size := range map[int]float64{200: a4, 124: a0} {
		if got := readResolution(size, 1); got != want {
			t.Errorf("%v square points: %d dpi, want %d", size, got, want)
		}
	}
}
