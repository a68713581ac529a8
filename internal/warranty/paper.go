package warranty

import (
	"context"
	"slices"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/document"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
)

// Purpose says what a paper proves; it decides its place in a claim package.
type Purpose string

// Purposes are all of them, in the order of a claim package.
func Purposes() []Purpose {
	return []Purpose{
		"proof_of_owner", "plate", "proof_of_purchase", "registration", "warranty_card", "installation", "terms", "hours", "service_record",
		"report", "photo", "diagnosis", "estimate", "correspondence", "shipping", "other",
	}
}

// Paper is a document that is linked to a warranty or to a claim.
type Paper struct {
	DocumentID document.ID     `json:"document_id"`
	Purpose    Purpose         `json:"purpose"`
	Caption    string          `json:"caption"`
	Title      string          `json:"title"`
	Type       string          `json:"type"`
	Class      account.Class   `json:"class" enum:"open,money,personal"`
	Status     document.Status `json:"status" enum:"pending,processing,ready,failed"`
	FileName   string          `json:"file_name"`
	MediaType  string          `json:"media_type"`
	Bytes      int64           `json:"bytes"`
	PageCount  int             `json:"page_count"`
	IssuedOn   *fleet.Date     `json:"issued_on" format:"date"`
	Deleted    bool            `json:"deleted" doc:"it is in the bin, and no longer goes into packages"`

	digest string
}

// Link is what is given to link a document.
type Link struct {
	DocumentID document.ID `json:"document_id" maxLength:"64"`
	Purpose    Purpose     `json:"purpose" enum:"proof_of_owner,plate,proof_of_purchase,registration,warranty_card,installation,terms,hours,service_record,report,photo,diagnosis,estimate,correspondence,shipping,other"`
	Caption    string      `json:"caption,omitempty" maxLength:"300"`
}

func (l *Link) check() error {
	var c checker
	if l.DocumentID == "" {
		c.add("document_id", "name the document")
	}
	if !slices.Contains(Purposes(), l.Purpose) {
		c.add("purpose", "%q is none of %v", l.Purpose, Purposes())
	}
	c.Text(&l.Caption, "caption", 300)
	return c.Err()
}

// folder is where links are kept: those of a warranty, or those of a claim.
type folder struct{ table, owner, id string }

func (id ID) folder() folder      { return folder{"warranty_documents", "warranty_id", string(id)} }
func (id ClaimID) folder() folder { return folder{"warranty_claim_documents", "claim_id", string(id)} }

// papers reads what is linked, of all classes.
func (f folder) papers(ctx context.Context, q db.Querier) ([]Paper, error) {
	return db.Collect(ctx, q, func(r db.Row) (p Paper, err error) {
		err = r.Scan(&p.DocumentID, &p.Purpose, &p.Caption, &p.Title, &p.Type, &p.Class, &p.Status, &p.FileName, &p.MediaType,
			&p.Bytes, &p.PageCount, &p.IssuedOn, &p.Deleted, &p.digest)
		return p, err
	}, `SELECT l.document_id, l.purpose, l.caption, d.title, d.type, d.class, d.status, d.file_name, d.media_type, d.bytes, d.page_count, d.issued_on,
		d.deleted_at IS NOT NULL, d.digest FROM `+f.table+` l JOIN documents d ON d.id = l.document_id WHERE l.`+f.owner+` = $1
		ORDER BY l.position, l.document_id`, f.id)
}

// seen splits papers into those that a right shows and those that it does not.
func seen(all []Paper, right account.Right) (shown, hidden []Paper) {
	shown = []Paper{}
	for _, p := range all {
		if right.Shows(p.Class) {
			shown = append(shown, p)
		} else {
			hidden = append(hidden, p)
		}
	}
	return shown, hidden
}

// link adds a document of the organization, or changes the purpose and caption of
// one that is linked.
func (f folder) link(ctx context.Context, tx *db.Tx, org account.OrgID, l Link) (p Paper, err error) {
	there, err := db.One(ctx, tx, db.Scalar[int], "SELECT count(*) FROM documents WHERE id = $1 AND org_id = $2 AND deleted_at IS NULL", l.DocumentID, org)
	if err != nil {
		return p, err
	}
	if there == 0 {
		return p, fault.New(fault.NotFound, "document not found")
	}
	_, err = tx.Exec(ctx, `INSERT INTO `+f.table+` (`+f.owner+`, document_id, purpose, caption, position)
		VALUES ($1, $2, $3, $4, (SELECT coalesce(max(position), 0) + 1 FROM `+f.table+` WHERE `+f.owner+` = $1))
		ON CONFLICT (`+f.owner+`, document_id) DO UPDATE SET purpose = excluded.purpose, caption = excluded.caption`,
		f.id, l.DocumentID, l.Purpose, l.Caption)
	if err != nil {
		return p, err
	}
	return f.paper(ctx, tx, l.DocumentID)
}

func (f folder) paper(ctx context.Context, q db.Querier, id document.ID) (p Paper, err error) {
	all, err := f.papers(ctx, q)
	if err != nil {
		return p, err
	}
	i := slices.IndexFunc(all, func(p Paper) bool { return p.DocumentID == id })
	if i < 0 {
		return p, fault.New(fault.NotFound, "the document is not linked")
	}
	return all[i], nil
}

// unlink takes one away that the actor may see; the document stays.
func (f folder) unlink(ctx context.Context, tx *db.Tx, right account.Right, id document.ID) (p Paper, err error) {
	if p, err = f.paper(ctx, tx, id); err != nil {
		return p, err
	}
	if !right.Shows(p.Class) {
		return Paper{}, fault.New(fault.NotFound, "the document is not linked")
	}
	_, err = tx.Exec(ctx, "DELETE FROM "+f.table+" WHERE "+f.owner+" = $1 AND document_id = $2", f.id, id)
	return p, err
}

// Papers lists the documents of a warranty that the actor may see.
func (s *Service) Papers(ctx context.Context, who account.Actor, id ID) (_ []Paper, err error) {
	defer fault.Wrap(&err, "warranty.Papers %s", id)
	w, err := s.load(ctx, s.db, who, id, account.Viewer)
	if err != nil {
		return nil, err
	}
	all, err := id.folder().papers(ctx, s.db)
	shown, _ := seen(all, who.On(w.OrgID, w.BoatID))
	return shown, err
}

// LinkPaper links a document of the same organization to a warranty, or changes
// its purpose; members may.
func (s *Service) LinkPaper(ctx context.Context, who account.Actor, id ID, l Link) (p Paper, err error) {
	defer fault.Wrap(&err, "warranty.LinkPaper %s", id)
	return s.linkPaper(ctx, who, id, l, s.readable)
}

// LinkUpload links a document that the actor has just brought; members may.
// Their role need not show it: one that nobody has sorted yet is personal.
func (s *Service) LinkUpload(ctx context.Context, who account.Actor, id ID, doc document.ID, purpose Purpose) (err error) {
	defer fault.Wrap(&err, "warranty.LinkUpload %s", id)
	theirs := func(context.Context, db.Querier, account.Actor, document.ID) error { return nil }
	_, err = s.linkPaper(ctx, who, id, Link{DocumentID: doc, Purpose: purpose}, theirs)
	return err
}

// readable answers NotFound unless the actor may see a document.
func (s *Service) readable(ctx context.Context, q db.Querier, who account.Actor, doc document.ID) error {
	_, err := s.papers.DocumentIn(ctx, q, who, doc, account.Viewer)
	return err
}

func (s *Service) linkPaper(ctx context.Context, who account.Actor, id ID, l Link, may func(context.Context, db.Querier, account.Actor, document.ID) error) (p Paper, err error) {
	if err := l.check(); err != nil {
		return p, err
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		w, err := s.edit(ctx, tx, who, id, account.Member)
		if err != nil {
			return err
		}
		if err := may(ctx, tx, who, l.DocumentID); err != nil {
			return err
		}
		if p, err = id.folder().link(ctx, tx, w.OrgID, l); err != nil {
			return err
		}
		return s.audit(ctx, tx, who, "document_linked", w, l)
	})
	return p, err
}

// UnlinkPaper takes a document from a warranty; members may. The document stays.
func (s *Service) UnlinkPaper(ctx context.Context, who account.Actor, id ID, doc document.ID) (p Paper, err error) {
	defer fault.Wrap(&err, "warranty.UnlinkPaper %s", id)
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		w, err := s.edit(ctx, tx, who, id, account.Member)
		if err != nil {
			return err
		}
		if p, err = id.folder().unlink(ctx, tx, who.On(w.OrgID, w.BoatID), doc); err != nil {
			return err
		}
		return s.audit(ctx, tx, who, "document_unlinked", w, map[string]any{"document_id": doc})
	})
	return p, err
}
