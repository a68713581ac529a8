package fleet

import (
	"context"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// purgeBatch bounds a transaction.
const purgeBatch = 500

// Purge removes an organization's boats, with what is on them, and its contacts.
// Nothing refers to them any more when it is called.
func (s *Service) Purge(ctx context.Context, org account.OrgID) (err error) {
	defer fault.Wrap(&err, "fleet.Purge %s", org)
	const ofBoats = " IN (SELECT id FROM boats WHERE org_id = $1)"
	for _, x := range []struct{ table, key, condition string }{
		{"hour_readings", "id", "subject_id IN (SELECT id FROM equipment WHERE org_id = $1) OR subject_id IN (SELECT id FROM engines WHERE boat_id" + ofBoats + ")"},
		{"boat_grants", "boat_id", "org_id = $1"},
		{"boat_owners", "id", "boat_id" + ofBoats},
		{"boat_uses", "id", "boat_id" + ofBoats},
		{"equipment", "id", "org_id = $1"},
		{"engines", "id", "boat_id" + ofBoats},
		{"boats", "id", "org_id = $1"},
		{"contacts", "id", "org_id = $1"},
	} {
		query := "DELETE FROM " + x.table + " WHERE " + x.key + " IN (SELECT " + x.key + " FROM " + x.table + " WHERE " + x.condition + " LIMIT $2)"
		if err := s.inBatches(ctx, query, org); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) inBatches(ctx context.Context, query string, org account.OrgID) error {
	for {
		var n int64
		err := s.db.Transact(ctx, func(tx *db.Tx) (err error) {
			n, err = tx.Exec(ctx, query, org, purgeBatch)
			return err
		})
		if err != nil || n < purgeBatch {
			return err
		}
	}
}
