package webhook

import (
	"context"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// Purge removes an organization's endpoints, what was sent to them, and what
// was to be sent.
func (s *Service) Purge(ctx context.Context, org account.OrgID) (err error) {
	defer fault.Wrap(&err, "webhook.Purge %s", org)
	return s.db.DeleteInBatches(ctx, org,
		db.Rows{Table: "webhook_deliveries", Key: "id", Condition: "webhook_id IN (SELECT id FROM webhooks WHERE org_id = $1) OR message_id IN (SELECT id FROM webhook_messages WHERE org_id = $1)"},
		db.Rows{Table: "webhook_messages", Key: "id", Condition: "org_id = $1"},
		db.Rows{Table: "webhooks", Key: "id", Condition: "org_id = $1"},
	)
}
