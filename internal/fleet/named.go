package fleet

import (
	"context"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// Named is a boat's name and organization, for the packages above.
type Named struct {
	ID    BoatID
	OrgID account.OrgID
	Name  string

	frozen *int64
}

// Names looks up boats that the actor may see; NotFound names the first that
// they may not. A role that changes something is refused on a boat that was sold.
func (s *Service) Names(ctx context.Context, q db.Querier, who account.Actor, ids []BoatID, role account.Role) ([]Named, error) {
	all, err := s.NamesEvenSold(ctx, q, who, ids, role)
	if err != nil || role == account.Viewer {
		return all, err
	}
	for _, n := range all {
		if n.frozen != nil {
			return nil, sold(n.Name, db.Time(*n.frozen))
		}
	}
	return all, nil
}

// NamesEvenSold is Names for what may still come to a boat that was sold, such as
// a paper that arrives late.
func (s *Service) NamesEvenSold(ctx context.Context, q db.Querier, who account.Actor, ids []BoatID, role account.Role) ([]Named, error) {
	out := make([]Named, 0, len(ids))
	for _, id := range ids {
		n, err := db.One(ctx, q, func(r db.Row) (n Named, err error) {
			err = r.Scan(&n.ID, &n.OrgID, &n.Name, &n.frozen)
			return n, err
		}, "SELECT id, org_id, name, frozen_at FROM boats WHERE id = $1 AND deleted_at IS NULL", id)
		if fault.Is(err, fault.NotFound) {
			return nil, fault.New(fault.NotFound, "boat not found")
		}
		if err != nil {
			return nil, err
		}
		if err := who.On(n.OrgID, id).Require(role, "boat"); err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}

// sold refuses a change of a boat's record after its sale.
func sold(name string, at time.Time) error {
	return fault.New(fault.Conflict, "%s was sold on %s: its record stays as it was, read only", name, at.Format(time.DateOnly))
}

// Writable answers Conflict for a boat that was sold.
func (s *Service) Writable(ctx context.Context, tx *db.Tx, id BoatID) error {
	var name string
	frozen, err := db.One(ctx, tx, func(r db.Row) (at *int64, err error) { return at, r.Scan(&name, &at) }, "SELECT name, frozen_at FROM boats WHERE id = $1", id)
	if err != nil || frozen == nil {
		return err
	}
	return sold(name, db.Time(*frozen))
}

// Freeze keeps a boat's record as it is, for good: the boat was sold.
func (s *Service) Freeze(ctx context.Context, tx *db.Tx, id BoatID) error {
	_, err := tx.Exec(ctx, "UPDATE boats SET frozen_at = $1, updated_at = $1 WHERE id = $2 AND frozen_at IS NULL", db.Micros(tx.Now()), id)
	return err
}
