package document

import (
	"context"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
)

// Subject is something besides papers that search finds by its text: a piece of
// equipment, a warranty. Everyone who may see its boat may find it.
type Subject struct {
	ID     string
	OrgID  account.OrgID
	BoatID fleet.BoatID
	Title  string
	Text   string
}

// Kind is a kind of subjects, as the package that keeps them offers it.
type Kind struct {
	Name string
	// Find reads one that the actor may see; NotFound when there is none.
	Find func(ctx context.Context, who account.Actor, id string) (Subject, error)
	// Each reads all, to rebuild the index.
	Each func(ctx context.Context, q db.Querier, f func(Subject) error) error
}

// Include has a kind of subjects found by search. Its package calls Index and
// Unindex in the transaction of each change.
func (s *Service) Include(k Kind) { s.kinds = append(s.kinds, k) }

// Index makes a subject findable as it is now.
func (s *Service) Index(ctx context.Context, tx *db.Tx, kind string, x Subject) error {
	scope := classWord(x.OrgID, account.Open) + " " + boatWord(x.BoatID)
	return s.put(ctx, tx, entry{kind, x.ID, 0, x.OrgID, scope, x.Text})
}

// Unindex makes a subject unfindable.
func (s *Service) Unindex(ctx context.Context, tx *db.Tx, kind, id string) error {
	_, err := tx.Exec(ctx, "DELETE FROM search_entries WHERE kind = $1 AND subject_id = $2", kind, id)
	return err
}

// reindexSubjects rebuilds all that is no paper.
func (s *Service) reindexSubjects(ctx context.Context) error {
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM search_entries WHERE NOT EXISTS (SELECT 1 FROM documents d WHERE d.id = search_entries.subject_id)`); err != nil {
			return err
		}
		for _, k := range s.kinds {
			if err := k.Each(ctx, tx, func(x Subject) error { return s.Index(ctx, tx, k.Name, x) }); err != nil {
				return err
			}
		}
		return nil
	})
}

// subject reads what a search found; false when the reader may not see it, or
// it is gone.
func (s *Service) subject(ctx context.Context, who account.Actor, kind, id string) (x Subject, ok bool, err error) {
	for _, k := range s.kinds {
		if k.Name != kind {
			continue
		}
		x, err = k.Find(ctx, who, id)
		if fault.Is(err, fault.NotFound) {
			return x, false, nil
		}
		return x, err == nil, err
	}
	return x, false, nil
}

// equipmentKind is what is installed, which fleet keeps without knowing of us.
func (s *Service) equipmentKind() Kind {
	return Kind{
		Name: kindEquipment,
		Find: func(ctx context.Context, who account.Actor, id string) (Subject, error) {
			e, err := s.boats.Equipment(ctx, who, fleet.EquipmentID(id))
			return equipmentSubject(e), err
		},
		Each: func(ctx context.Context, q db.Querier, f func(Subject) error) error {
			return s.boats.EachEquipment(ctx, q, func(e fleet.Equipment) error { return f(equipmentSubject(e)) })
		},
	}
}

func equipmentSubject(e fleet.Equipment) Subject {
	return Subject{string(e.ID), e.OrgID, e.BoatID, e.Name, e.Text()}
}

// indexEquipment is told of every change of equipment.
func (s *Service) indexEquipment(ctx context.Context, tx *db.Tx, e fleet.Equipment) error {
	if e.DeletedAt != nil {
		return s.Unindex(ctx, tx, kindEquipment, string(e.ID))
	}
	return s.Index(ctx, tx, kindEquipment, equipmentSubject(e))
}
