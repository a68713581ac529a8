package fleet

import (
	"context"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// Purge removes an organization's boats, with what is on them, and its contacts.
// Nothing refers to them any more when it is called.
func (s *Service) Purge(ctx context.Context, org account.OrgID) (err error) {
	defer fault.Wrap(&err, "fleet.Purge %s", org)
	const ofBoats = " IN (SELECT id FROM boats WHERE org_id = $1)"
	return s.db.DeleteInBatches(ctx, org,
		db.Rows{Table: "hour_readings", Key: "id", Condition: "subject_id IN (SELECT id FROM equipment WHERE org_id = $1) OR subject_id IN (SELECT id FROM engines WHERE boat_id" + ofBoats + ")"},
		db.Rows{Table: "boat_grants", Key: "boat_id, user_id", Condition: "org_id = $1"},
		db.Rows{Table: "boat_owners", Key: "id", Condition: "boat_id" + ofBoats},
		db.Rows{Table: "boat_uses", Key: "id", Condition: "boat_id" + ofBoats},
		db.Rows{Table: "equipment", Key: "id", Condition: "org_id = $1"},
		db.Rows{Table: "engines", Key: "id", Condition: "boat_id" + ofBoats},
		db.Rows{Table: "boats", Key: "id", Condition: "org_id = $1"},
		db.Rows{Table: "contacts", Key: "id", Condition: "org_id = $1"},
	)
}
