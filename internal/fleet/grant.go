package fleet

import (
	"context"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// Grants lists who has a right on a boat besides the organization's members; who
// manages the boat may.
func (s *Service) Grants(ctx context.Context, who account.Actor, boat BoatID) (_ []account.Grant, err error) {
	defer fault.Wrap(&err, "fleet.Grants %s", boat)
	at, err := s.place(ctx, s.db, who, boat)
	if err != nil {
		return nil, err
	}
	return s.accounts.Grants(ctx, who, at)
}

// Grant gives somebody a right on a boat; who manages it may.
func (s *Service) Grant(ctx context.Context, who account.Actor, boat BoatID, n account.NewGrant) (g account.Grant, err error) {
	defer fault.Wrap(&err, "fleet.Grant %s", boat)
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		at, err := s.place(ctx, tx, who, boat)
		if err != nil {
			return err
		}
		g, err = s.accounts.Grant(ctx, tx, who, at, n)
		return err
	})
	return g, err
}

// EndGrant ends the right of a user, or of an invited address, at once; who
// manages the boat may, and everybody their own.
func (s *Service) EndGrant(ctx context.Context, who account.Actor, boat BoatID, user string) (err error) {
	defer fault.Wrap(&err, "fleet.EndGrant %s", boat)
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		at, err := s.place(ctx, tx, who, boat)
		if err != nil {
			return err
		}
		return s.accounts.EndGrant(ctx, tx, who, at, user)
	})
}

// place finds the organization of a boat that the actor sees.
func (s *Service) place(ctx context.Context, q db.Querier, who account.Actor, boat BoatID) (account.Place, error) {
	names, err := s.Names(ctx, q, who, []BoatID{boat}, account.Viewer)
	if err != nil {
		return account.Place{}, err
	}
	return account.Place{OrgID: names[0].OrgID, Boat: boat, Name: names[0].Name}, nil
}

// NamesNow is Names outside a transaction.
func (s *Service) NamesNow(ctx context.Context, who account.Actor, ids []BoatID, role account.Role) (_ []Named, err error) {
	defer fault.Wrap(&err, "fleet.NamesNow")
	return s.Names(ctx, s.db, who, ids, role)
}
