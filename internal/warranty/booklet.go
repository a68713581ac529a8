package warranty

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"

	"navidocs/internal/blob"
	"navidocs/internal/bundle"
	"navidocs/internal/db"
	"navidocs/internal/document"
	"navidocs/internal/fault"
	"navidocs/internal/sheet"
)

// Booklet is a claim package as PDF, to be mailed: form, index and the pages of
// the papers as they look, in as many parts as a mailbox takes. The papers
// themselves are in the ZIP alone.
type Booklet struct {
	Name      string
	MediaType string // application/pdf, or application/zip where there are several parts

	p     *Package
	parts [][]side
}

// side is one page of a paper.
type side struct {
	paper   Paper
	name    string // of the paper, with its folder
	caption string
	number  int
	digest  string // of its picture; "" for a page of text
	text    string
	bytes   int64
}

// What is reckoned besides the pictures: form, index and the other sheets, the
// fonts of a part, and what a page takes itself.
const (
	ownSheets = 250 << 10
	ownFonts  = 80 << 10
	ownPage   = 2 << 10
)

// Booklet plans the package as PDF, in parts of at most so many bytes, as far as
// a single page allows. Papers without readable pages are named as missing.
func (p *Package) Booklet(ctx context.Context, most int64) (_ *Booklet, err error) {
	defer fault.Wrap(&err, "warranty.Booklet %s", p.warranty.ID)
	b := &Booklet{p: p, Name: strings.TrimSuffix(p.Name, ".zip") + ".pdf", MediaType: "application/pdf", parts: [][]side{nil}}
	p.missing = p.gaps()
	size := int64(ownSheets)
	for _, paper := range p.papers {
		sides, err := p.sides(ctx, paper)
		if err != nil {
			return nil, err
		}
		for _, x := range sides {
			last := len(b.parts) - 1
			if size+x.bytes > most && (last == 0 || len(b.parts[last]) > 0) {
				b.parts, size, last = append(b.parts, nil), ownFonts, last+1
			}
			b.parts[last] = append(b.parts[last], x)
			size += x.bytes
		}
	}
	if len(b.parts) > 1 {
		b.Name, b.MediaType = p.Name, "application/zip"
	}
	return b, nil
}

// sides are the pages of a paper that can be shown; what cannot is missing.
func (p *Package) sides(ctx context.Context, paper Paper) ([]side, error) {
	name := strings.ReplaceAll(folders[paper.Purpose], "_", " ") + ": " + paper.name()
	if paper.Deleted {
		p.miss("%s", "it is in the bin: restore it, or unlink it", name)
		return nil, nil
	}
	all, err := db.Collect(ctx, p.service.db, func(r db.Row) (x side, err error) {
		var status document.Status
		err = r.Scan(&x.number, &status, &x.digest, &x.text, &x.bytes)
		if x.paper = paper; x.digest == "" {
			x.bytes = int64(len(x.text))
		}
		x.bytes += ownPage
		return x, err
	}, `SELECT p.number, p.status, p.screen_digest, p.text, coalesce(b.bytes, 0) FROM pages p LEFT JOIN blobs b ON b.digest = p.screen_digest
		WHERE p.document_id = $1 ORDER BY p.number`, paper.DocumentID)
	if err != nil {
		return nil, err
	}
	kept := all[:0]
	for _, x := range all {
		if x.digest == "" && x.text == "" {
			p.miss(name+", page %d", "it is not read (yet): the ZIP has the paper itself", x.number)
			continue
		}
		x.name = name
		x.caption = fmt.Sprintf("%s, page %d of %d", name, x.number, len(all))
		kept = append(kept, x)
	}
	if len(all) == 0 {
		p.miss("%s", "its pages are not read (yet): the ZIP has the paper itself", name)
	}
	return kept, nil
}

// Write writes the PDF, or the ZIP of its parts. One part is in memory at a time.
func (b *Booklet) Write(ctx context.Context, out io.Writer) (err error) {
	defer fault.Wrap(&err, "write the booklet of %s", b.p.warranty.ID)
	return b.p.logged(ctx, out, func(out io.Writer) error {
		if len(b.parts) > 1 {
			return b.writeParts(ctx, out)
		}
		s, err := b.part(ctx, 0)
		if err == nil {
			_, err = s.Write(out)
		}
		return err
	})
}

func (b *Booklet) writeParts(ctx context.Context, out io.Writer) error {
	z := bundle.New(out, b.p.at)
	for i := range b.parts {
		s, err := b.part(ctx, i)
		if err != nil {
			return err
		}
		var text bytes.Buffer
		pages, err := s.Write(&text)
		if err != nil {
			return err
		}
		f := bundle.File{Name: fmt.Sprintf("%s, part %d of %d", strings.TrimSuffix(b.p.Name, ".zip"), i+1, len(b.parts)), MediaType: "application/pdf", Pages: pages}
		if _, err := z.Add(ctx, f, &text); err != nil {
			return err
		}
	}
	return z.Close(b.p.manifest())
}

// part makes one part; the first begins with the form and the index.
func (b *Booklet) part(ctx context.Context, n int) (*sheet.Sheet, error) {
	s := b.p.sheet(b.p.title())
	if n == 0 {
		b.front(s)
	}
	for _, x := range b.parts[n] {
		if err := b.show(ctx, s, x); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (b *Booklet) front(s *sheet.Sheet) {
	for i, x := range b.p.leaves() {
		s.Break()
		s.Title(x.title)
		x.fill(s)
		if i == 0 {
			s.Break()
			s.Title("Index")
			b.p.index(s, b.entries())
		}
	}
}

// entries are the papers whose pages are shown, with the hash of each paper.
func (b *Booklet) entries() (out []bundle.Entry) {
	for _, part := range b.parts {
		for _, x := range part {
			if n := len(out); n > 0 && out[n-1].DocumentID == string(x.paper.DocumentID) {
				out[n-1].Pages++
				continue
			}
			out = append(out, bundle.Entry{Path: x.name, SHA256: x.paper.digest, Bytes: x.paper.Bytes, DocumentID: string(x.paper.DocumentID), Pages: 1})
		}
	}
	return out
}

func (b *Booklet) show(ctx context.Context, s *sheet.Sheet, x side) error {
	if x.digest == "" {
		s.Break()
		s.Note(x.caption)
		s.Paragraph(x.text)
		return nil
	}
	r, err := b.p.service.store.Open(ctx, blob.Digest(x.digest))
	if fault.Is(err, fault.NotFound) {
		s.Picture(x.caption, nil)
		return nil
	}
	if err != nil {
		return err
	}
	defer r.Close() //nolint:errcheck // only read from
	picture, err := io.ReadAll(io.LimitReader(r, 64<<20))
	if err != nil {
		return err
	}
	s.Picture(x.caption, picture)
	return nil
}
