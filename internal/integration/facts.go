package integration

import (
	"context"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/event"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
)

// read reads what the devices of a connection show: of every boat that its
// organization has now.
func (s *Service) read(ctx context.Context, q db.Querier, c Connection) ([]facts, error) {
	all, err := db.Collect(ctx, q, func(r db.Row) (f facts, err error) {
		return f, r.Scan(&f.boat, &f.name, &f.make, &f.model, &f.zone, &f.seen)
	}, `SELECT b.id, b.name, b.make, b.model, CASE b.time_zone WHEN '' THEN o.time_zone ELSE b.time_zone END, coalesce(d.seen, '')
		FROM boats b JOIN organization_settings o ON o.org_id = b.org_id
		LEFT JOIN home_assistant_devices d ON d.boat_id = b.id AND d.connection_id = $1
		WHERE b.org_id = $2 AND b.deleted_at IS NULL AND b.frozen_at IS NULL AND `+account.Existing("b.org_id")+" ORDER BY b.id", c.ID, c.OrgID)
	if err != nil {
		return nil, err
	}
	of := map[fleet.BoatID]*facts{}
	for i := range all {
		of[all[i].boat] = &all[i]
	}
	if err := s.readEndings(ctx, q, c.OrgID, of); err != nil {
		return nil, err
	}
	for id, f := range of {
		e, err := event.Latest(ctx, q, string(id), told...)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return nil, err
		}
		if err == nil {
			f.last = &e
		}
	}
	return all, nil
}

// readEndings adds warranties, papers and how many documents there are.
func (s *Service) readEndings(ctx context.Context, q db.Querier, org account.OrgID, of map[fleet.BoatID]*facts) error {
	type row struct {
		boat fleet.BoatID
		ending
	}
	scan := func(r db.Row) (x row, err error) { return x, r.Scan(&x.boat, &x.id, &x.name, &x.on) }
	since := fleet.Date(s.db.Now().AddDate(0, 0, -longPast-2).Format("2006-01-02")) // for the index; what follows is exact
	warranties, err := db.Collect(ctx, q, scan, `SELECT boat_id, id, item_name, expiration_date FROM warranty_tracking
		WHERE org_id = $1 AND expiration_date >= $2 AND state = 'active' AND deleted_at IS NULL ORDER BY expiration_date, id`, org, since)
	if err != nil {
		return err
	}
	for _, x := range warranties {
		if f := of[x.boat]; f != nil {
			f.warranties = append(f.warranties, x.ending)
		}
	}
	// Whoever may read the broker reads the reasons: only open papers are named.
	papers, err := db.Collect(ctx, q, scan, `SELECT x.boat_id, d.id, CASE d.class WHEN 'open' THEN d.title ELSE 'A document' END, d.expires_on
		FROM documents d JOIN document_boats x ON x.document_id = d.id
		WHERE d.org_id = $1 AND d.deleted_at IS NULL AND d.expires_on >= $2 ORDER BY d.expires_on, d.id`, org, since)
	if err != nil {
		return err
	}
	for _, x := range papers {
		if f := of[x.boat]; f != nil {
			f.papers = append(f.papers, x.ending)
		}
	}
	type count struct {
		boat fleet.BoatID
		n    int
	}
	counts, err := db.Collect(ctx, q, func(r db.Row) (x count, err error) { return x, r.Scan(&x.boat, &x.n) },
		`SELECT x.boat_id, count(*) FROM documents d JOIN document_boats x ON x.document_id = d.id
		WHERE d.org_id = $1 AND d.deleted_at IS NULL GROUP BY x.boat_id`, org)
	for _, x := range counts {
		if f := of[x.boat]; f != nil {
			f.documents = x.n
		}
	}
	return err
}

// pulse changes whenever something happened to a boat of an organization: every
// change has its event.
func (s *Service) pulse(ctx context.Context, org account.OrgID) (string, error) {
	return db.One(ctx, s.db, db.Scalar[string], `SELECT count(*) || ' ' || coalesce(sum(e.last_sequence), 0) FROM boats b
		LEFT JOIN event_streams e ON e.stream = 'boat:' || b.id WHERE b.org_id = $1 AND b.deleted_at IS NULL AND b.frozen_at IS NULL`, org)
}

// enroll begins to follow the events of boats that have become devices, from when
// the connection was made.
func (s *Service) enroll(ctx context.Context, c Connection, all []facts) error {
	known, err := db.Collect(ctx, s.db, db.Scalar[fleet.BoatID], "SELECT boat_id FROM home_assistant_devices WHERE connection_id = $1", c.ID)
	if err != nil {
		return err
	}
	old := map[fleet.BoatID]bool{}
	for _, id := range known {
		old[id] = true
	}
	var fresh []fleet.BoatID
	for _, f := range all {
		if !old[f.boat] {
			fresh = append(fresh, f.boat)
		}
		delete(old, f.boat)
	}
	if len(fresh)+len(old) == 0 {
		return nil
	}
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		for _, id := range fresh {
			from, err := event.Before(ctx, tx, string(id), c.CreatedAt)
			if err != nil {
				return err
			}
			_, err = tx.Exec(ctx, "INSERT INTO home_assistant_devices (connection_id, boat_id, sequence) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", c.ID, id, from)
			if err != nil {
				return err
			}
		}
		for id := range old {
			if _, err := tx.Exec(ctx, "DELETE FROM home_assistant_devices WHERE connection_id = $1 AND boat_id = $2", c.ID, id); err != nil {
				return err
			}
		}
		return nil
	})
}

// acknowledge notes that what needs attention on a boat now was seen.
func (s *Service) acknowledge(ctx context.Context, c Connection, id fleet.BoatID) error {
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		all, err := s.read(ctx, tx, c)
		if err != nil {
			return err
		}
		for _, f := range all {
			if f.boat != id {
				continue
			}
			seen := digest(reasonsOf(f, tx.Now()))
			n, err := tx.Exec(ctx, "UPDATE home_assistant_devices SET seen = $1 WHERE connection_id = $2 AND boat_id = $3 AND seen <> $1", seen, c.ID, id)
			if err != nil || n == 0 {
				return err
			}
			return s.accounts.Audit(ctx, tx, account.Actor{}, account.Entry{
				OrgID: c.OrgID, Action: "home_assistant.acknowledged", Kind: "home_assistant", SubjectID: string(c.ID), BoatID: id,
				Detail: map[string]any{"name": c.Name, "reasons": len(reasonsOf(f, tx.Now()))},
			})
		}
		return nil // a boat that is gone, or no boat
	})
}
