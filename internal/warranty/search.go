package warranty

import (
	"context"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/document"
)

// searchKind is what a warranty is among the hits of a search.
const searchKind = "warranty"

// findable is what search knows of a warranty: no amounts, for those are not
// for everyone.
func (w *Warranty) findable() document.Subject {
	return document.Subject{
		ID: string(w.ID), OrgID: w.OrgID, BoatID: w.BoatID, Title: w.ItemName,
		Text: join(" ", w.ItemName, w.Provider, w.SerialNumber, w.RegistrationNumber, w.ClaimInstructions),
	}
}

func (s *Service) subject(ctx context.Context, who account.Actor, id string) (document.Subject, error) {
	w, err := s.load(ctx, s.db, who, ID(id), account.Viewer)
	return w.findable(), err
}

func (s *Service) eachSubject(ctx context.Context, q db.Querier, f func(document.Subject) error) error {
	all, err := db.Collect(ctx, q, scanWarranty, selectWarranty+" WHERE w.deleted_at IS NULL AND b.deleted_at IS NULL")
	if err != nil {
		return err
	}
	for _, w := range all {
		if err := f(w.findable()); err != nil {
			return err
		}
	}
	return nil
}

// index brings search in step with a changed warranty.
func (s *Service) index(ctx context.Context, tx *db.Tx, w Warranty) error {
	if w.deleted {
		return s.papers.Unindex(ctx, tx, searchKind, string(w.ID))
	}
	return s.papers.Index(ctx, tx, searchKind, w.findable())
}
