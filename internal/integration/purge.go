package integration

import (
	"context"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// Purge removes an organization's connections, before the webhooks that carry
// them, and the calendars of its boats, before those.
func (s *Service) Purge(ctx context.Context, org account.OrgID) (err error) {
	defer fault.Wrap(&err, "integration.Purge %s", org)
	return s.db.DeleteInBatches(ctx, org,
		db.Rows{Table: "feeds", Key: "id", Condition: "boat_id IN (SELECT id FROM boats WHERE org_id = $1)"},
		db.Rows{Table: "home_assistant_devices", Key: "connection_id, boat_id", Condition: "connection_id IN (SELECT id FROM home_assistant_config WHERE org_id = $1)"},
		db.Rows{Table: "home_assistant_config", Key: "id", Condition: "org_id = $1"},
	)
}
