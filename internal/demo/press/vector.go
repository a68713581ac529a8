package press

import (
	"bytes"
	"fmt"
	"image"
	"time"

	"codeberg.org/go-pdf/fpdf"
)

// A4 in millimetres.
const (
	a4Width  = 210.0
	a4Height = 297.0
)

// pen draws on the current page of a PDF with the core fonts, which cost no
// bytes in the file.
type pen struct {
	pdf  *fpdf.Fpdf
	code func(string) string
}

func (d pen) use(f font) {
	switch f.style {
	case bold:
		d.pdf.SetFont("Helvetica", "B", f.size)
	case italic:
		d.pdf.SetFont("Helvetica", "I", f.size)
	case serif:
		d.pdf.SetFont("Times", "", f.size)
	case serifBold:
		d.pdf.SetFont("Times", "B", f.size)
	case mono:
		d.pdf.SetFont("Courier", "", f.size)
	default:
		d.pdf.SetFont("Helvetica", "", f.size)
	}
}

func (d pen) measure(f font, s string) float64 {
	d.use(f)
	return d.pdf.GetStringWidth(d.code(s))
}

func (d pen) text(x, y float64, f font, c ink, s string) {
	d.use(f)
	d.pdf.SetTextColor(int(c.r), int(c.g), int(c.b))
	d.pdf.Text(x, y, d.code(s))
}

func (d pen) turned(x, y, deg float64, f font, c ink, s string) {
	d.pdf.TransformBegin()
	d.pdf.TransformRotate(deg, x, y)
	d.text(x, y, f, c, s)
	d.pdf.TransformEnd()
}

func (d pen) trace(pts []point, width float64, c ink) {
	d.pdf.SetDrawColor(int(c.r), int(c.g), int(c.b))
	d.pdf.SetLineWidth(width)
	d.pdf.MoveTo(pts[0].x, pts[0].y)
	for _, q := range pts[1:] {
		d.pdf.LineTo(q.x, q.y)
	}
	d.pdf.DrawPath("D")
}

func (d pen) fill(x, y, w, h float64, c ink) {
	d.pdf.SetFillColor(int(c.r), int(c.g), int(c.b))
	d.pdf.Rect(x, y, w, h, "F")
}

// book is a PDF under construction.
type book struct {
	pen
	pages []*page
}

// newBook begins a PDF whose dates come from the paper, not from the clock.
func newBook(title string, on time.Time) *book {
	pdf := fpdf.New("P", "mm", "A4", "")
	pdf.SetAutoPageBreak(false, 0)
	pdf.SetCatalogSort(true)
	pdf.SetCreationDate(on)
	pdf.SetModificationDate(on)
	pdf.SetProducer("", false)
	pdf.SetTitle(title, true)
	return &book{pen: pen{pdf: pdf, code: pdf.UnicodeTranslatorFromDescriptor("")}}
}

// page adds an empty A4 page.
func (b *book) page() *page {
	b.pdf.AddPage()
	p := newPage(b.pen, a4Width, a4Height)
	b.pages = append(b.pages, p)
	return p
}

// chapter adds an entry to the outline that points at the current page.
func (b *book) chapter(level int, title string) { b.pdf.Bookmark(title, level, 0) }

// scanned adds a page that is nothing but the picture of p. Each picture
// loses a few columns of its margin: fpdf writes pictures in the order of
// their widths, and equal widths would come in a random order.
func (b *book) scanned(p *page, img *image.Gray, quality int) error {
	size := img.Rect
	size.Max.X -= len(b.pages)
	data, err := jpegBytes(img.SubImage(size), quality)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("scan-%d", len(b.pages))
	b.pdf.AddPageFormat("P", fpdf.SizeType{Wd: p.w, Ht: p.h})
	options := fpdf.ImageOptions{ImageType: "JPG"}
	b.pdf.RegisterImageOptionsReader(name, options, bytes.NewReader(data))
	b.pdf.ImageOptions(name, 0, 0, p.w, p.h, false, options, 0, "")
	b.pages = append(b.pages, p)
	return nil
}

// file closes the PDF.
func (b *book) file(name string) (File, error) {
	var out bytes.Buffer
	if err := b.pdf.Output(&out); err != nil {
		return File{}, err
	}
	f := File{Name: name, Data: out.Bytes()}
	for i, p := range b.pages {
		if err := p.fits(); err != nil {
			return File{}, fmt.Errorf("%s, page %d: %w", name, i+1, err)
		}
		f.Truth = append(f.Truth, p.truth())
	}
	return f, nil
}
