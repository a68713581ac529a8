package document

import (
	"context"
	"encoding/json"

	"navidocs/internal/account"
	"navidocs/internal/blob"
	"navidocs/internal/db"
	"navidocs/internal/document/extract"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
)

// Page is one page of a document.
type Page struct {
	Number int    `json:"number"`
	Status string `json:"status" enum:"pending,ready,failed"`
	// Source says where the text comes from: the file, or OCR.
	Source   string `json:"source" enum:",native,ocr"`
	Language string `json:"language"`
	Text     string `json:"text"`
	Width    int    `json:"width" doc:"of the screen image, pixels; 0 when there is none"`
	Height   int    `json:"height"`
	Error    string `json:"error"`

	thumb, screen string
}

const pageColumns = "number, status, source, language, text, width, height, reason, thumb_digest, screen_digest"

func scanPage(r db.Row) (p Page, err error) {
	err = r.Scan(&p.Number, &p.Status, &p.Source, &p.Language, &p.Text, &p.Width, &p.Height, &p.Error, &p.thumb, &p.screen)
	return p, err
}

// Pages lists a document's pages with their text, and the total.
func (s *Service) Pages(ctx context.Context, who account.Actor, id ID, cut fleet.Page) (_ []Page, total int, err error) {
	defer fault.Wrap(&err, "document.Pages %s", id)
	d, err := s.present(ctx, s.db, who, id, account.Viewer)
	if err != nil {
		return nil, 0, err
	}
	pages, err := db.Collect(ctx, s.db, scanPage, "SELECT "+pageColumns+" FROM pages WHERE document_id = $1 ORDER BY number LIMIT $2 OFFSET $3",
		id, cut.Limit, cut.Offset)
	return pages, d.PageCount, err
}

// Page reads one page.
func (s *Service) Page(ctx context.Context, who account.Actor, id ID, number int) (_ Page, err error) {
	defer fault.Wrap(&err, "document.Page %s %d", id, number)
	if _, err := s.present(ctx, s.db, who, id, account.Viewer); err != nil {
		return Page{}, err
	}
	p, err := db.One(ctx, s.db, scanPage, "SELECT "+pageColumns+" FROM pages WHERE document_id = $1 AND number = $2", id, number)
	if fault.Is(err, fault.NotFound) {
		return p, fault.New(fault.NotFound, "the document has no page %d", number)
	}
	return p, err
}

// Size names one of a page's images.
type Size string

// The sizes: at most 240 and 1280 pixels.
const (
	Thumb  Size = "thumb"
	Screen Size = "screen"
)

// PageImage opens a page's image, a JPEG, and names its digest.
func (s *Service) PageImage(ctx context.Context, who account.Actor, id ID, number int, size Size) (f *blob.Reader, digest string, err error) {
	defer fault.Wrap(&err, "document.PageImage %s %d", id, number)
	p, err := s.Page(ctx, who, id, number)
	if err != nil {
		return nil, "", err
	}
	if digest = p.screen; size == Thumb {
		digest = p.thumb
	}
	if digest == "" {
		return nil, "", fault.New(fault.NotFound, "page %d has no image (yet)", number)
	}
	f, err = s.store.Open(ctx, blob.Digest(digest))
	return f, digest, err
}

// OutlineItem is a line of a table of contents.
type OutlineItem = extract.OutlineItem

// Outline is a document's table of contents.
func (s *Service) Outline(ctx context.Context, who account.Actor, id ID) (items []OutlineItem, err error) {
	defer fault.Wrap(&err, "document.Outline %s", id)
	d, err := s.present(ctx, s.db, who, id, account.Viewer)
	if err != nil {
		return nil, err
	}
	items = []OutlineItem{}
	return items, json.Unmarshal([]byte(d.outline), &items)
}
