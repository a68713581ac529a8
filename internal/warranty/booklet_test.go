package warranty

import (
	"archive/zip"
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"navidocs/internal/document"
)

// pages gives a paper pages as they are after it was read: of text where a
// picture is nil.
func (b *bench) pages(id document.ID, pictures ...[]byte) {
	b.t.Helper()
	for i, picture := range pictures {
		digest, text := "", "Words of a page"
		if picture != nil {
			d, size, err := b.store.Put(b.t.Context(), bytes.NewReader(picture))
			if err != nil {
				b.t.Fatal(err)
			}
			b.exec("INSERT INTO blobs (digest, bytes, created_at) VALUES ($1, $2, 1) ON CONFLICT DO NOTHING", d, size)
			digest, text = string(d), ""
		}
		b.exec("INSERT INTO pages (document_id, number, status, text, screen_digest, updated_at) VALUES ($1, $2, 'ready', $3, $4, 1)", id, i+1, text, digest)
	}
}

// photo is a JPEG of about so many kilobytes.
func photo(t *testing.T, seed, kilobytes int) []byte {
	t.Helper()
	const width = 400
	img := image.NewGray(image.Rect(0, 0, width, kilobytes*1024/width))
	state := uint32(seed + 1)
	for i := range img.Pix {
		state = state*1664525 + 1013904223
		img.Pix[i] = uint8(state >> 24)
	}
	img.SetGray(0, 0, color.Gray{Y: 1})
	var out bytes.Buffer
	if err := jpeg.Encode(&out, img, &jpeg.Options{Quality: 90}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// printed writes a booklet to a file.
func (b *bench) printed(id ID, most int64) (*Booklet, string) {
	b.t.Helper()
	p, err := b.Package(b.t.Context(), b.ada, id, PackageOptions{})
	if err != nil {
		b.t.Fatal(err)
	}
	book, err := p.Booklet(b.t.Context(), most)
	if err != nil {
		b.t.Fatal(err)
	}
	name := filepath.Join(b.t.TempDir(), "booklet")
	f, err := os.Create(name)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := book.Write(b.t.Context(), f); err != nil {
		b.t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.t.Fatal(err)
	}
	return book, name
}

// A booklet shows the pages of the papers behind form and index, says what it
// cannot show, and comes in parts that a mailbox takes.
func TestBooklet(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.create(Input{PurchaseDate: "2026-01-15", Months: 24})
		link := func(title string, purpose Purpose, pictures ...[]byte) {
			id := b.paper(title, "OTH", title)
			b.pages(id, pictures...)
			if _, err := b.LinkPaper(t.Context(), b.ada, w.ID, Link{DocumentID: id, Purpose: purpose}); err != nil {
				t.Fatal(err)
			}
		}
		link("Invoice", "proof_of_purchase", nil)
		link("Photos", "photo", photo(t, 1, 500), photo(t, 2, 500), photo(t, 3, 500))
		link("Unread", "terms")
		whole, name := b.printed(w.ID, 15<<20)
		tool(t, "qpdf", "--check", name)
		text := tool(t, "pdftotext", "-layout", name, "-")
		if whole.MediaType != "application/pdf" || !strings.HasSuffix(whole.Name, ".pdf") {
			t.Error(whole.Name, whole.MediaType)
		}
		for _, want := range []string{
			"Warranty claim", "Template, have it checked", "Index", "04 Proof of Purchase: Invoice, page 1 of 1", "Words of a page",
			"11 Photos: Photos, page 3 of 3", "07 Warranty Terms: Unread", "its pages are not read (yet)",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("lacks %q", want)
			}
		}
		const most = 1 << 20
		parts, name := b.printed(w.ID, most)
		z, err := zip.OpenReader(name)
		if err != nil || parts.MediaType != "application/zip" {
			t.Fatal(parts.MediaType, err)
		}
		defer z.Close()
		if len(z.File) < 3 { // two parts and the manifest at least
			t.Error(len(z.File))
		}
		for _, f := range z.File {
			if f.UncompressedSize64 > most {
				t.Errorf("%s has %d bytes", f.Name, f.UncompressedSize64)
			}
		}
	})
}
