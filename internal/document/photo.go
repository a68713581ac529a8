package document

import (
	"context"
	"strings"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
)

// Photo is a picture of a boat: a document shown with it.
type Photo struct {
	ID         string       `json:"id"`
	BoatID     fleet.BoatID `json:"boat_id"`
	DocumentID ID           `json:"document_id"`
	Caption    string       `json:"caption"`
	Position   int          `json:"position"`
	CreatedAt  time.Time    `json:"created_at"`
}

func scanPhoto(r db.Row) (p Photo, err error) {
	var at int64
	err = r.Scan(&p.ID, &p.BoatID, &p.DocumentID, &p.Caption, &p.Position, &at)
	p.CreatedAt = db.Time(at)
	return p, err
}

// Photos lists a boat's pictures that the actor may see, in order.
func (s *Service) Photos(ctx context.Context, who account.Actor, boat fleet.BoatID) (_ []Photo, err error) {
	defer fault.Wrap(&err, "document.Photos %s", boat)
	if _, err := s.boats.Names(ctx, s.db, who, []fleet.BoatID{boat}, account.Viewer); err != nil {
		return nil, err
	}
	var w db.Where
	w.Add("f.boat_id = ? AND d.deleted_at IS NULL", boat)
	visible(&w, who)
	return db.Collect(ctx, s.db, scanPhoto, `SELECT f.id, f.boat_id, f.document_id, f.caption, f.position, f.created_at
		FROM boat_photos f JOIN documents d ON d.id = f.document_id WHERE `+w.SQL()+" ORDER BY f.position, f.id", w.Args()...)
}

// AddPhoto shows an image document as a picture of a boat; members may.
func (s *Service) AddPhoto(ctx context.Context, who account.Actor, boat fleet.BoatID, id ID, caption string) (p Photo, err error) {
	defer fault.Wrap(&err, "document.AddPhoto")
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if _, err := s.boats.Names(ctx, tx, who, []fleet.BoatID{boat}, account.Member); err != nil {
			return err
		}
		d, err := s.present(ctx, tx, who, id, account.Member)
		if err != nil {
			return err
		}
		if !strings.HasPrefix(d.MediaType, "image/") {
			return fault.Fields(fault.Field{Location: "body.document_id", Message: "is not an image", Value: d.MediaType})
		}
		next, err := db.One(ctx, tx, db.Scalar[int], "SELECT COALESCE(max(position), 0) + 1 FROM boat_photos WHERE boat_id = $1", boat)
		if err != nil {
			return err
		}
		p = Photo{ID: db.NewID(), BoatID: boat, DocumentID: id, Caption: strings.TrimSpace(db.Text(caption)), Position: next, CreatedAt: tx.Now()}
		_, err = tx.Exec(ctx, "INSERT INTO boat_photos (id, boat_id, document_id, caption, position, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
			p.ID, p.BoatID, p.DocumentID, p.Caption, p.Position, db.Micros(p.CreatedAt))
		if fault.Is(err, fault.Conflict) {
			return fault.New(fault.Conflict, "this picture is shown with the boat already")
		}
		if err != nil {
			return err
		}
		return s.auditPhoto(ctx, tx, who, "added", d.OrgID, p)
	})
	return p, err
}

// RemovePhoto stops showing a picture with a boat; the document stays.
func (s *Service) RemovePhoto(ctx context.Context, who account.Actor, boat fleet.BoatID, id string) (p Photo, err error) {
	defer fault.Wrap(&err, "document.RemovePhoto %s", id)
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		names, err := s.boats.Names(ctx, tx, who, []fleet.BoatID{boat}, account.Manager)
		if err != nil {
			return err
		}
		p, err = db.One(ctx, tx, scanPhoto, "SELECT id, boat_id, document_id, caption, position, created_at FROM boat_photos WHERE id = $1 AND boat_id = $2", id, boat)
		if fault.Is(err, fault.NotFound) {
			return fault.New(fault.NotFound, "photo not found")
		}
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM boat_photos WHERE id = $1", id); err != nil {
			return err
		}
		return s.auditPhoto(ctx, tx, who, "removed", names[0].OrgID, p)
	})
	return p, err
}

func (s *Service) auditPhoto(ctx context.Context, tx *db.Tx, who account.Actor, verb string, org account.OrgID, p Photo) error {
	return s.accounts.Audit(ctx, tx, who, account.Entry{OrgID: org, Action: "photo." + verb, Kind: "photo", SubjectID: p.ID, BoatID: p.BoatID})
}
