package webhook

import (
	"context"
	"encoding/json"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/event"
	"navidocs/internal/fault"
)

// maxBody is the longest body that is sent, in bytes; beyond it an event goes
// thin. The specification advises it, and receivers are set up for it.
const maxBody = 20_000

// thin is an envelope without its data, for an event that is too long to send.
type thin struct {
	event.Envelope
	Thin bool   `json:"thin"`
	Link string `json:"link,omitempty"`
}

// body is what every endpoint is sent of an event. One that would be too long
// goes without its data and says where its subject is read.
func body(e event.Envelope) ([]byte, error) {
	b, err := json.Marshal(e)
	if err != nil || len(b) <= maxBody {
		return b, err
	}
	short := thin{Envelope: e, Thin: true}
	short.Data = json.RawMessage("null")
	if e.Boat != nil {
		short.Link = "/api/boats/" + e.Boat.ID + "/timeline"
	}
	return json.Marshal(short)
}

// Consume records a delivery for each endpoint of the event's organization that
// subscribes to its type, and enqueues its first attempt; for one that is not
// active the delivery is kept. It is an event.Consumer.
func (s *Service) Consume(ctx context.Context, tx *db.Tx, e event.Envelope) (err error) {
	defer fault.Wrap(&err, "webhook.Consume %s", e.ID)
	if e.OrgID == nil {
		return nil // for operators, who are told otherwise
	}
	if open, err := account.IsOpen(ctx, tx, account.OrgID(*e.OrgID)); err != nil || !open {
		return err // nothing leaves an organization that was deleted
	}
	all, err := db.Collect(ctx, tx, scanWebhook, selectWebhook+" WHERE org_id = $1 ORDER BY id", *e.OrgID)
	if err != nil {
		return err
	}
	stored := false
	for _, w := range all {
		if !w.subscribes(e.Type) {
			continue
		}
		if !stored {
			if err := storeMessage(ctx, tx, e); err != nil {
				return err
			}
			stored = true
		}
		if err := s.begin(ctx, tx, w, e.ID, ByEvent); err != nil {
			return err
		}
	}
	return nil
}

func storeMessage(ctx context.Context, tx *db.Tx, e event.Envelope) error {
	b, err := body(e)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "INSERT INTO webhook_messages (id, org_id, event_type, body, created_at) VALUES ($1, $2, $3, $4, $5)",
		e.ID, *e.OrgID, e.Type, string(b), db.Micros(e.Timestamp))
	return err
}

// begin records the first attempt to send something, and enqueues it when the
// endpoint is active.
func (s *Service) begin(ctx context.Context, tx *db.Tx, w Webhook, message string, cause Cause) error {
	d := Delivery{WebhookID: w.ID, EventID: message, Cause: cause, Attempt: 1, Status: Kept}
	if w.Status != Active {
		return insert(ctx, tx, &d, false)
	}
	now := tx.Now()
	d.Status, d.NextAttemptAt = Pending, &now
	if err := insert(ctx, tx, &d, false); err != nil {
		return err
	}
	return s.jobs.Enqueue(ctx, tx, DeliverArgs{DeliveryID: d.ID}, Queue)
}
