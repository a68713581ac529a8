package document

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"navidocs/internal/account"
	"navidocs/internal/blob"
	"navidocs/internal/db"
	"navidocs/internal/document/extract"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
	"navidocs/internal/job"
	"navidocs/internal/record"
)

const (
	ofOrg         = "x.document_id IN (SELECT d.id FROM documents d WHERE d.org_id = {org})"
	derived       = "it is computed from others"
	organizations = "it is the organization's that has the row"
	people        = "people of another installation are nobody here"
)

// Tables are the papers with their pages and links, as they travel. Images of
// pages do not: they are made again.
func (s *Service) Tables() []record.Table {
	return []record.Table{s.documentTable(), documentBoatTable(), documentEquipmentTable(), pageTable(), photoTable()}
}

func (s *Service) documentTable() record.Table {
	text := func(name string, limit int) record.Column { return record.Column{Name: name, Kind: record.Text(limit)} }
	count := func(name string) record.Column { return record.Column{Name: name, Kind: record.Int(0, maxPages)} }
	at := func(name string) record.Column { return record.Column{Name: name, Kind: record.Time()} }
	return record.Table{
		Name: "documents", File: "documents", About: "a paper; its file is the one of the manifest with its id",
		Columns: []record.Column{
			{Name: "id", Kind: record.ID()},
			text("title", 300), text("type", 40),
			{Name: "class", Kind: record.Choice(string(account.Open), string(account.Money), string(account.Personal))},
			{Name: "status", Kind: record.Choice(string(Pending), string(Processing), string(Ready), string(Failed)), About: "one that was not read yet is read by who imports it"},
			text("reason", 1000), text("file_name", 200), text("media_type", 100),
			{Name: "bytes", Kind: record.Int(0, 1<<50)},
			{Name: "sha256", Column: "digest", Kind: record.Digest(), About: "of its file"},
			count("page_count"), count("pages_ready"), count("pages_failed"), text("language", 10),
			{Name: "issued_on", Kind: record.Date(), Null: true},
			{Name: "expires_on", Kind: record.Date(), Null: true},
			{Name: "tags", Kind: record.JSON(10_000)},
			{Name: "outline", Kind: record.JSON(2 << 20), About: "title, page and level of each line of its table of contents"},
			at("created_at"), at("updated_at"),
			{Name: "deleted_at", Kind: record.Time(), Null: true, About: "since when it is in the bin"},
		},
		Omitted: map[string]string{
			"org_id": organizations, "title_fold": derived, "created_by": people,
			"run": "it counts readings of one installation", "job_id": "jobs are of one installation",
		},
		Within:  "x.org_id = {org}",
		OfBoats: "EXISTS (SELECT 1 FROM document_boats l WHERE l.document_id = x.id AND l.boat_id IN {boats})", OfDocuments: "id",
		Check: checkDocument, Place: s.placeDocument, After: s.documentsArrived,
	}
}

func checkDocument(r *record.Row) error {
	var p Patch
	if err := r.Into(&p); err != nil {
		return r.Fault("tags", "must be a list of texts")
	}
	if err := p.check(); err != nil {
		return err
	}
	tags := cleanTags(*p.Tags)
	if len(tags) > 50 {
		return r.Fault("tags", "must be at most 50")
	}
	p.Tags = &tags
	var outline struct {
		Outline []extract.OutlineItem `json:"outline"`
	}
	if r.Into(&outline) != nil {
		return r.Fault("outline", "must be a list of title, page and level")
	}
	text, err := json.Marshal(outline.Outline)
	if err != nil {
		return err
	}
	r.Set("outline", string(text))
	r.Set("file_name", safeName(r.Text("file_name")))
	r.Set("title_fold", db.Fold(*p.Title))
	r.Set("run", int64(1))
	return r.From(p)
}

// placeDocument gives a paper its file, or finds the one with the same bytes:
// the organization keeps them once.
func (s *Service) placeDocument(ctx context.Context, tx *db.Tx, to *record.Target, r *record.Row) (string, error) {
	paper, there := to.Papers[r.Before()]
	switch {
	case !there:
		return "", r.Fault("id", "no file of the archive has this document_id")
	case string(paper.Digest) != r.Text("sha256"):
		return "", r.Fault("sha256", "is not the one of "+paper.Path)
	}
	r.Set("bytes", paper.Bytes)
	r.Set("media_type", paper.MediaType)
	r.Set("created_by", db.OrNull(to.Who.UserID))
	first, err := db.One(ctx, tx, db.Scalar[string], "SELECT id FROM documents WHERE org_id = $1 AND digest = $2", to.Org, r.Text("sha256"))
	if fault.Is(err, fault.NotFound) {
		return "", nil
	}
	if err != nil || r.Int("deleted_at") != 0 {
		return first, err
	}
	return first, s.outOfBin(ctx, tx, to.Who, ID(first))
}

// outOfBin brings a paper back whose bytes came again.
func (s *Service) outOfBin(ctx context.Context, tx *db.Tx, who account.Actor, id ID) error {
	d, err := s.raw(ctx, tx, id)
	if err != nil || d.DeletedAt == nil {
		return err
	}
	_, err = tx.Exec(ctx, "UPDATE documents SET deleted_at = NULL, updated_at = $1 WHERE id = $2", db.Micros(fleet.Touched(tx, d.UpdatedAt)), id)
	if err != nil {
		return err
	}
	return s.audit(ctx, tx, who, "restored", d)
}

// documentsArrived makes papers findable at once by the texts that came with
// them, and has made what did not come: images, or everything of a paper that
// was not read yet.
func (s *Service) documentsArrived(ctx context.Context, tx *db.Tx, to *record.Target, rows record.Arrived) error {
	for _, id := range slices.Concat(rows.New, rows.Known) {
		d, err := s.raw(ctx, tx, ID(id))
		if err != nil {
			return err
		}
		if slices.Contains(rows.New, id) {
			if err := s.documentArrived(ctx, tx, to, &d); err != nil {
				return err
			}
		}
		if err := s.reindexDocument(ctx, tx, d); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) documentArrived(ctx context.Context, tx *db.Tx, to *record.Target, d *Document) error {
	if err := blob.Adopt(ctx, tx, blob.Digest(d.SHA256), d.Bytes, "document", string(d.ID)); err != nil {
		return err
	}
	if d.Status == Failed {
		return nil
	}
	ended, err := db.One(ctx, tx, db.Scalar[int], "SELECT count(*) FROM pages WHERE document_id = $1 AND status <> $2 AND number <= $3", d.ID, pagePending, d.PageCount)
	if err != nil {
		return err
	}
	if d.Status == Ready && ended == d.PageCount {
		return s.picture(ctx, tx, *d)
	}
	d.Status, d.PageCount, d.PagesReady, d.PagesFailed = Pending, 0, 0, 0
	d.JobID, err = job.Open(ctx, tx, job.Status{OrgID: string(d.OrgID), UserID: string(to.Who.UserID), Kind: "document.read", SubjectID: string(d.ID)})
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "DELETE FROM pages WHERE document_id = $1", d.ID); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "UPDATE documents SET status = $1, page_count = 0, pages_ready = 0, pages_failed = 0, job_id = $2 WHERE id = $3", d.Status, d.JobID, d.ID)
	if err != nil {
		return err
	}
	return s.jobs.Enqueue(ctx, tx, InspectArgs{DocumentID: d.ID, Run: d.run}, "")
}

// picture has the images of a paper's pages made.
func (s *Service) picture(ctx context.Context, tx *db.Tx, d Document) error {
	if strings.HasPrefix(d.MediaType, "text/") || d.MediaType == "message/rfc822" {
		return nil // it has none
	}
	for from := 1; from <= d.PageCount; from += s.config.GroupSize {
		args := ImagesArgs{DocumentID: d.ID, Run: d.run, From: from, To: min(from+s.config.GroupSize-1, d.PageCount)}
		if err := s.jobs.Enqueue(ctx, tx, args, PagesQueue); err != nil {
			return err
		}
	}
	return nil
}

func linkKey(other string) []string { return []string{"document_id", other} }

func documentBoatTable() record.Table {
	return record.Table{
		Name: "document_boats", File: "document_boats", About: "which boat a paper is about", Key: linkKey("boat_id"),
		Columns: []record.Column{
			{Name: "document_id", Kind: record.Ref("documents")}, {Name: "boat_id", Kind: record.Ref("boats")}, {Name: "position", Kind: record.Int(0, 1e6)},
		},
		Within: ofOrg, OfBoats: "x.boat_id IN {boats}",
	}
}

func documentEquipmentTable() record.Table {
	return record.Table{
		Name: "document_equipment", File: "document_equipment", About: "which equipment a paper is about", Key: linkKey("equipment_id"),
		Columns: []record.Column{{Name: "document_id", Kind: record.Ref("documents")}, {Name: "equipment_id", Kind: record.Ref("equipment")}},
		Within:  ofOrg, OfBoats: "x.equipment_id IN (SELECT e.id FROM equipment e WHERE e.boat_id IN {boats})",
	}
}

func pageTable() record.Table {
	return record.Table{
		Name: "pages", File: "pages", About: "a page with its text", Key: linkKey("number"), PartOf: "document_id",
		Columns: []record.Column{
			{Name: "document_id", Kind: record.Ref("documents")},
			{Name: "number", Kind: record.Int(1, maxPages)},
			{Name: "status", Kind: record.Choice(pagePending, pageReady, pageFailed)},
			{Name: "reason", Kind: record.Text(1000)},
			{Name: "source", Kind: record.Choice("", extract.SourceNative, extract.SourceOCR), About: "whether the file holds the text, or it was read from the image"},
			{Name: "language", Kind: record.Text(10)},
			{Name: "text", Kind: record.Text(maxPageText)},
			{Name: "width", Kind: record.Int(0, 1e5)},
			{Name: "height", Kind: record.Int(0, 1e5)},
		},
		Omitted: map[string]string{
			"thumb_digest": "images are made again", "screen_digest": "images are made again", "attempts": "it counts those of one installation",
			"updated_at": "it says when one installation read it",
		},
		Within: ofOrg, OfBoats: "EXISTS (SELECT 1 FROM document_boats l WHERE l.document_id = x.document_id AND l.boat_id IN {boats})",
		OfDocuments: "document_id",
		Check: func(r *record.Row) error {
			if len(r.Text("text")) > maxPageText {
				return r.Fault("text", "must have at most 64 KiB")
			}
			return nil
		},
		Place: func(_ context.Context, tx *db.Tx, _ *record.Target, r *record.Row) (string, error) {
			r.Set("updated_at", db.Micros(tx.Now()))
			return "", nil
		},
	}
}

// maxPageText bounds the text of a page, in bytes.
const maxPageText = 64 << 10

func photoTable() record.Table {
	return record.Table{
		Name: "boat_photos", File: "photos", About: "a paper that is shown as a picture of a boat",
		Columns: []record.Column{
			{Name: "id", Kind: record.ID()},
			{Name: "boat_id", Kind: record.Ref("boats")},
			{Name: "document_id", Kind: record.Ref("documents")},
			{Name: "caption", Kind: record.Text(1000)},
			{Name: "position", Kind: record.Int(0, 1e6)},
			{Name: "created_at", Kind: record.Time()},
		},
		Within: "x.boat_id IN (SELECT b.id FROM boats b WHERE b.org_id = {org})", OfBoats: "x.boat_id IN {boats}",
		Place: func(ctx context.Context, tx *db.Tx, _ *record.Target, r *record.Row) (string, error) {
			media, err := db.One(ctx, tx, db.Scalar[string], "SELECT media_type FROM documents WHERE id = $1", r.Text("document_id"))
			if err == nil && !strings.HasPrefix(media, "image/") {
				err = r.Fault("document_id", "is not an image")
			}
			return "", err
		},
	}
}

// Sniff tells the media type of stored bytes by their content; Unsupported when
// no such paper is read, Invalid when there are none.
func (s *Service) Sniff(ctx context.Context, digest blob.Digest) (_ string, err error) {
	defer fault.Wrap(&err, "document.Sniff %.12s", string(digest))
	return s.sniff(ctx, digest)
}
