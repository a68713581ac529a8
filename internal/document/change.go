package document

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"navidocs/internal/account"
	"navidocs/internal/blob"
	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
	"navidocs/internal/job"
)

// binDays is how long a deleted document can be restored.
const binDays = 30

// Filter narrows a list of documents.
type Filter struct {
	BoatID fleet.BoatID
	Type   string
	Status Status
	Query  string // part of the title
	Bin    bool   // the bin instead of what is present
	// Certificates keeps only documents with an expiry, soonest first.
	Certificates bool
	Sort         string // created_at, title, expires_on, with - for descending
	fleet.Page
}

var orders = map[string]string{
	"": "d.created_at DESC, d.id DESC", "-created_at": "d.created_at DESC, d.id DESC", "created_at": "d.created_at, d.id",
	"title": "d.title_fold, d.id", "-title": "d.title_fold DESC, d.id DESC",
	"expires_on": "d.expires_on, d.id", "-expires_on": "d.expires_on DESC, d.id DESC",
}

// Documents lists what the actor may see, and the total.
func (s *Service) Documents(ctx context.Context, who account.Actor, f Filter) (_ []Document, total int, err error) {
	defer fault.Wrap(&err, "document.Documents")
	order, ok := orders[f.Sort]
	if !ok {
		return nil, 0, fault.Fields(fault.Field{Location: "query.sort", Message: "must be created_at, title or expires_on, with - for descending"})
	}
	var w db.Where
	visible(&w, who)
	if f.Bin {
		w.Add("d.deleted_at IS NOT NULL")
	} else {
		w.Add("d.deleted_at IS NULL")
	}
	if f.BoatID != "" {
		if _, err := s.boats.Names(ctx, s.db, who, []fleet.BoatID{f.BoatID}, account.Viewer); err != nil {
			return nil, 0, err
		}
		w.Add("EXISTS (SELECT 1 FROM document_boats l WHERE l.document_id = d.id AND l.boat_id = ?)", f.BoatID)
	}
	if f.Type != "" {
		w.Add("d.type = ?", f.Type)
	}
	if f.Status != "" {
		w.Add("d.status = ?", f.Status)
	}
	if f.Query != "" {
		w.Add(`d.title_fold LIKE ? ESCAPE '\'`, "%"+db.LikeEscape(db.Fold(f.Query))+"%")
	}
	if f.Certificates {
		w.Add("d.expires_on IS NOT NULL")
		order = orders["expires_on"]
	}
	if total, err = db.One(ctx, s.db, db.Scalar[int], "SELECT count(*) FROM documents d WHERE "+w.SQL(), w.Args()...); err != nil {
		return nil, 0, err
	}
	query := "SELECT " + documentColumns + " FROM documents d WHERE " + w.SQL() + " ORDER BY " + order
	query += " LIMIT " + w.Arg(f.Limit) + " OFFSET " + w.Arg(f.Offset)
	docs, err := db.Collect(ctx, s.db, scanDocument, query, w.Args()...)
	if err != nil {
		return nil, 0, err
	}
	return docs, total, attachSeen(ctx, s.db, who, docs)
}

// Patch is what may be changed; nil leaves a field as it is.
type Patch struct {
	Title        *string              `json:"title,omitempty" minLength:"1" maxLength:"300"`
	Type         *string              `json:"type,omitempty"`
	Class        *account.Class       `json:"class,omitempty" enum:"open,money,personal"`
	Tags         *[]string            `json:"tags,omitempty" maxItems:"50"`
	BoatIDs      *[]fleet.BoatID      `json:"boat_ids,omitempty"`
	EquipmentIDs *[]fleet.EquipmentID `json:"equipment_ids,omitempty"`
	IssuedOn     *fleet.Date          `json:"issued_on,omitempty" doc:"YYYY-MM-DD; empty takes it away"`
	ExpiresOn    *fleet.Date          `json:"expires_on,omitempty" doc:"YYYY-MM-DD; empty takes it away"`
}

func (p *Patch) check() error {
	var faults []fault.Field
	if p.Title != nil {
		*p.Title = strings.TrimSpace(db.Text(*p.Title))
		if n := utf8.RuneCountInString(*p.Title); n < 1 || n > 300 {
			faults = append(faults, fault.Field{Location: "body.title", Message: "must have 1 to 300 characters"})
		}
	}
	if p.Type != nil && *p.Type != "" {
		if _, ok := typeByCode(*p.Type); !ok {
			faults = append(faults, fault.Field{Location: "body.type", Message: "is not a document type: GET /api/document-types lists them"})
		}
	}
	for i, d := range []*fleet.Date{p.IssuedOn, p.ExpiresOn} {
		if d != nil && *d != "" {
			if _, f := fleet.ParseDate(string(*d), "body."+[]string{"issued_on", "expires_on"}[i]); f != nil {
				faults = append(faults, *f)
			}
		}
	}
	if len(faults) > 0 {
		return fault.Fields(faults...)
	}
	return nil
}

func (p *Patch) apply(d *Document) {
	if p.Title != nil {
		d.Title = *p.Title
	}
	if p.Type != nil && *p.Type != d.Type {
		d.Type, d.Class = *p.Type, defaultClass(*p.Type)
	}
	if p.Class != nil {
		d.Class = *p.Class
	}
	if p.Tags != nil {
		d.Tags = cleanTags(*p.Tags)
	}
	if p.IssuedOn != nil {
		d.IssuedOn = db.OrNull(*p.IssuedOn)
	}
	if p.ExpiresOn != nil {
		d.ExpiresOn = db.OrNull(*p.ExpiresOn)
	}
}

// Update changes what is given; members may, at the version that they read.
func (s *Service) Update(ctx context.Context, who account.Actor, id ID, p Patch, at fleet.Version) (d Document, err error) {
	defer fault.Wrap(&err, "document.Update %s", id)
	if err := p.check(); err != nil {
		return d, err
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if d, err = s.present(ctx, tx, who, id, account.Member); err != nil {
			return err
		}
		if err := at.Check(d.UpdatedAt); err != nil {
			return err
		}
		p.apply(&d)
		if !who.On(d.OrgID, d.BoatIDs...).Shows(d.Class) {
			return fault.New(fault.Forbidden, "your role may not make a paper %s: you would no longer see it", d.Class)
		}
		if err := s.relink(ctx, tx, who, &d, p); err != nil {
			return err
		}
		d.UpdatedAt = fleet.Touched(tx, d.UpdatedAt)
		tags, err := json.Marshal(d.Tags)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE documents SET title = $1, title_fold = $2, type = $3, class = $4, tags = $5, issued_on = $6, expires_on = $7,
			updated_at = $8 WHERE id = $9`, d.Title, db.Fold(d.Title), d.Type, d.Class, string(tags), d.IssuedOn, d.ExpiresOn, db.Micros(d.UpdatedAt), id)
		if err != nil {
			return err
		}
		if err := s.rescope(ctx, tx, d); err != nil {
			return err
		}
		return s.audit(ctx, tx, who, "updated", d)
	})
	return d, err
}

// relink replaces the boats and equipment where they were given.
func (s *Service) relink(ctx context.Context, tx *db.Tx, who account.Actor, d *Document, p Patch) error {
	if p.BoatIDs != nil {
		d.BoatIDs = unique(*p.BoatIDs)
		if _, err := tx.Exec(ctx, "DELETE FROM document_boats WHERE document_id = $1", d.ID); err != nil {
			return err
		}
	}
	if p.EquipmentIDs != nil {
		d.EquipmentIDs = unique(*p.EquipmentIDs)
		if _, err := tx.Exec(ctx, "DELETE FROM document_equipment WHERE document_id = $1", d.ID); err != nil {
			return err
		}
	}
	if p.BoatIDs == nil && p.EquipmentIDs == nil {
		return nil
	}
	org, err := s.place(ctx, tx, who, Upload{OrgID: d.OrgID, BoatIDs: d.BoatIDs, EquipmentIDs: d.EquipmentIDs})
	if err != nil {
		return err
	}
	if org != d.OrgID {
		return fault.Fields(fault.Field{Location: "body.boat_ids", Message: "the boat belongs to another organization than the document"})
	}
	return s.link(ctx, tx, *d)
}

func unique[T comparable](in []T) []T {
	out := []T{}
	for _, v := range in {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// Delete moves a document to the bin for 30 days; managers may.
func (s *Service) Delete(ctx context.Context, who account.Actor, id ID, at fleet.Version) (d Document, err error) {
	defer fault.Wrap(&err, "document.Delete %s", id)
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if d, err = s.present(ctx, tx, who, id, account.Manager); err != nil {
			return err
		}
		if err := at.Check(d.UpdatedAt); err != nil {
			return err
		}
		now := fleet.Touched(tx, d.UpdatedAt)
		d.DeletedAt, d.UpdatedAt = &now, now
		if _, err := tx.Exec(ctx, "UPDATE documents SET deleted_at = $1, updated_at = $1 WHERE id = $2", db.Micros(now), id); err != nil {
			return err
		}
		if err := s.unindex(ctx, tx, id); err != nil {
			return err
		}
		return s.tell(ctx, tx, who, "deleted", d)
	})
	return d, err
}

// Restore brings a document back from the bin; managers may. Restoring what is
// not in the bin changes nothing.
func (s *Service) Restore(ctx context.Context, who account.Actor, id ID) (d Document, err error) {
	defer fault.Wrap(&err, "document.Restore %s", id)
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if d, err = s.load(ctx, tx, who, id, account.Manager); err != nil || d.DeletedAt == nil {
			return err
		}
		d.DeletedAt, d.UpdatedAt = nil, fleet.Touched(tx, d.UpdatedAt)
		if _, err := tx.Exec(ctx, "UPDATE documents SET deleted_at = NULL, updated_at = $1 WHERE id = $2", db.Micros(d.UpdatedAt), id); err != nil {
			return err
		}
		if err := s.reindexDocument(ctx, tx, d); err != nil {
			return err
		}
		return s.audit(ctx, tx, who, "restored", d)
	})
	return d, err
}

// Reprocess has a document read again from its bytes; members may.
func (s *Service) Reprocess(ctx context.Context, who account.Actor, id ID) (d Document, err error) {
	defer fault.Wrap(&err, "document.Reprocess %s", id)
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if d, err = s.present(ctx, tx, who, id, account.Member); err != nil {
			return err
		}
		d.run++
		d.Status, d.Error, d.PagesReady, d.PagesFailed = Pending, "", 0, 0
		d.UpdatedAt = fleet.Touched(tx, d.UpdatedAt)
		if d.JobID, err = job.Open(ctx, tx, job.Status{OrgID: string(d.OrgID), UserID: string(who.UserID), Kind: "document.read", SubjectID: string(id)}); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE documents SET run = $1, status = $2, reason = '', pages_ready = 0, pages_failed = 0, job_id = $3, updated_at = $4
			WHERE id = $5`, d.run, d.Status, d.JobID, db.Micros(d.UpdatedAt), id)
		if err != nil {
			return err
		}
		if err := s.jobs.Enqueue(ctx, tx, InspectArgs{DocumentID: id, Run: d.run}, ""); err != nil {
			return err
		}
		return s.audit(ctx, tx, who, "reprocessed", d)
	})
	return d, err
}

// Content opens a document's bytes. whole says that they are read from the
// beginning, which the audit trail remembers as a download.
func (s *Service) Content(ctx context.Context, who account.Actor, id ID, whole bool) (d Document, f *blob.Reader, err error) {
	defer fault.Wrap(&err, "document.Content %s", id)
	if d, err = s.present(ctx, s.db, who, id, account.Viewer); err != nil {
		return d, nil, err
	}
	if f, err = s.store.Open(ctx, blob.Digest(d.SHA256)); err != nil {
		if fault.Is(err, fault.NotFound) {
			err = fault.Because(err, fault.Internal, "the bytes of this document are missing from storage: navidocs doctor tells more")
		}
		return d, nil, err
	}
	if whole {
		err = s.db.Transact(ctx, func(tx *db.Tx) error { return s.audit(ctx, tx, who, "downloaded", d) })
	}
	if fault.Is(err, fault.Full) {
		// Papers must be at hand also when nothing can be written down.
		s.config.Log.Warn("download not audited", "document_id", d.ID, "user_id", who.UserID, "error", err)
		err = nil
	}
	if err != nil {
		f.Close() //nolint:errcheck // only read from; the first error counts
	}
	return d, f, err
}

// Hold names tables whose rows keep a document, by their column document_id:
// what they name is not purged. For packages that link documents; before the
// queue runs.
func (s *Service) Hold(tables ...string) { s.holders = append(s.holders, tables...) }

// unheld is the condition that no row of another package keeps a document d.
func (s *Service) unheld() string {
	var sql strings.Builder
	for _, table := range s.holders {
		sql.WriteString(" AND NOT EXISTS (SELECT 1 FROM " + table + " h WHERE h.document_id = d.id)")
	}
	return sql.String()
}

// Purge removes what has been in the bin for 30 days, at most 100 documents,
// and returns how many; what is still linked stays. Their bytes go with the next blob collection.
func (s *Service) Purge(ctx context.Context) (n int, err error) {
	defer fault.Wrap(&err, "document.Purge")
	before := db.Micros(s.db.Now().Add(-binDays * 24 * time.Hour))
	ids, err := db.Collect(ctx, s.db, db.Scalar[ID], "SELECT d.id FROM documents d WHERE d.deleted_at < $1"+s.unheld()+" ORDER BY d.deleted_at LIMIT 100", before)
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		err := s.db.Transact(ctx, func(tx *db.Tx) error { return s.purge(ctx, tx, id) })
		if fault.Is(err, fault.Conflict) { // it was linked meanwhile
			continue
		}
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

func (s *Service) purge(ctx context.Context, tx *db.Tx, id ID) error {
	if err := s.unindex(ctx, tx, id); err != nil {
		return err
	}
	for _, text := range []string{
		"DELETE FROM boat_photos WHERE document_id = $1", "DELETE FROM pages WHERE document_id = $1",
		"DELETE FROM document_boats WHERE document_id = $1", "DELETE FROM document_equipment WHERE document_id = $1",
	} {
		if _, err := tx.Exec(ctx, text, id); err != nil {
			return err
		}
	}
	for _, kind := range []string{"document", "page"} { // itself, and the images of its pages
		if err := blob.Release(ctx, tx, kind, string(id)); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, "DELETE FROM documents WHERE id = $1 AND deleted_at IS NOT NULL", id)
	return err
}
