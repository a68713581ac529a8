package webhook

import (
	"context"

	"navidocs/internal/account"
	"navidocs/internal/fault"
)

// Purge removes an organization's endpoints, what was sent to them, and what
// was to be sent.
func (s *Service) Purge(ctx context.Context, org account.OrgID) (err error) {
	defer fault.Wrap(&err, "webhook.Purge %s", org)
	for _, x := range []struct{ table, condition string }{
		{"webhook_deliveries", "webhook_id IN (SELECT id FROM webhooks WHERE org_id = $1) OR message_id IN (SELECT id FROM webhook_messages WHERE org_id = $1)"},
		{"webhook_messages", "org_id = $1"},
		{"webhooks", "org_id = $1"},
		{"home_assistant_config", "org_id = $1"},
	} {
		query := "DELETE FROM " + x.table + " WHERE id IN (SELECT id FROM " + x.table + " WHERE " + x.condition + " LIMIT $2)"
		if err := s.inBatches(ctx, query, org, pruneBatch); err != nil {
			return err
		}
	}
	return nil
}
