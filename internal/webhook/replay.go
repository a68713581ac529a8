package webhook

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/event"
	"navidocs/internal/fault"
)

// Replay sends an event again: the same id and bytes, signed with the present
// secret. Its failures do not count against the endpoint. Managers may, also
// while the endpoint is paused or held; of a disabled one it is a Conflict.
func (s *Service) Replay(ctx context.Context, who account.Actor, id DeliveryID) (d Delivery, err error) {
	defer fault.Wrap(&err, "webhook.Replay %s", id)
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		old, err := managedDelivery(ctx, tx, who, id)
		if err != nil {
			return err
		}
		w, err := managed(ctx, tx, who, old.WebhookID)
		if err != nil {
			return err
		}
		if w.Status == Disabled {
			return fault.New(fault.Conflict, "the webhook is disabled: resume it, which sends what was kept, and then replay")
		}
		now := tx.Now()
		d = Delivery{
			WebhookID: w.ID, EventID: old.EventID, EventType: old.EventType, Cause: ByReplay, Attempt: 1, Status: Pending, NextAttemptAt: &now,
		}
		if err := insert(ctx, tx, &d, false); err != nil {
			return err
		}
		if err := s.audit(ctx, tx, who, "replayed", w, map[string]any{"event_id": old.EventID}); err != nil {
			return err
		}
		return s.jobs.Enqueue(ctx, tx, DeliverArgs{DeliveryID: d.ID}, Queue)
	})
	return d, err
}

// Range says which events are sent again.
type Range struct {
	Since time.Time  `json:"since" format:"date-time"`
	Until *time.Time `json:"until,omitempty" format:"date-time" doc:"before it; now unless given"`
	Types []string   `json:"types,omitempty" doc:"all unless given"`
}

// Replayed says how many events are sent again.
type Replayed struct {
	Replayed int `json:"replayed"`
}

// maxReplay bounds one request for a range.
const maxReplay = 5000

// ReplayRange sends again, the oldest first, what an endpoint was to get of the
// events in a time of at most 30 days ago. Managers may; the endpoint must be
// active, else it is a Conflict.
func (s *Service) ReplayRange(ctx context.Context, who account.Actor, id ID, r Range) (out Replayed, err error) {
	defer fault.Wrap(&err, "webhook.ReplayRange %s", id)
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		w, err := managed(ctx, tx, who, id)
		if err != nil {
			return err
		}
		if w.Status != Active {
			return fault.New(fault.Conflict, "the webhook is %s: resume it, which sends what was kept, and then replay", w.Status)
		}
		messages, err := s.inRange(ctx, tx, id, r)
		if err != nil {
			return err
		}
		if len(messages) > maxReplay {
			return fault.New(fault.Invalid, "there are more than %d events in this time: replay a shorter one", maxReplay)
		}
		now := tx.Now()
		for _, message := range messages {
			d := Delivery{WebhookID: id, EventID: message, Cause: ByReplay, Attempt: 1, Status: Pending, NextAttemptAt: &now}
			if err := insert(ctx, tx, &d, true); err != nil {
				return err
			}
		}
		out.Replayed = len(messages)
		if err := s.audit(ctx, tx, who, "replayed", w, map[string]any{"events": len(messages)}); err != nil {
			return err
		}
		return s.wake(ctx, tx, id, 2*laneWidth)
	})
	return out, err
}

func (s *Service) inRange(ctx context.Context, tx *db.Tx, id ID, r Range) ([]string, error) {
	until := tx.Now()
	if r.Until != nil {
		until = *r.Until
	}
	if !r.Since.Before(until) {
		return nil, fault.Fields(fault.Field{Location: "body.since", Message: "must be before until, and in the past", Value: r.Since.Format(time.RFC3339)})
	}
	var w db.Where
	w.Add("d.webhook_id = ?", id)
	w.Add("d.cause <> ?", ByTest)
	w.Add("m.created_at >= ?", db.Micros(r.Since))
	w.Add("m.created_at < ?", db.Micros(until))
	if types := slices.DeleteFunc(slices.Clone(r.Types), func(t string) bool { return strings.TrimSpace(t) == "" }); len(types) > 0 {
		db.In(&w, "m.event_type", types)
	}
	query := "SELECT DISTINCT d.message_id" + fromDeliveries + " WHERE " + w.SQL() + " ORDER BY d.message_id"
	query += " LIMIT " + w.Arg(maxReplay+1)
	return db.Collect(ctx, tx, db.Scalar[string], query, w.Args()...)
}

// Test sends a message of the type webhook.test now, whatever the endpoint's
// state, and says how it ended; no retry follows and no failure is counted.
// Managers may.
func (s *Service) Test(ctx context.Context, who account.Actor, id ID) (d Delivery, err error) {
	defer fault.Wrap(&err, "webhook.Test %s", id)
	return s.test(ctx, who, id, map[string]string{"message": testMessage})
}

const testMessage = "This is a test, sent by hand from NaviDocs."

func (s *Service) test(ctx context.Context, who account.Actor, id ID, said map[string]string) (d Delivery, err error) {
	w, err := managed(ctx, s.db, who, id)
	if err != nil {
		return d, err
	}
	data, err := json.Marshal(said)
	if err != nil {
		return d, err
	}
	e := event.Envelope{
		ID: db.NewID(), Type: "webhook.test", Timestamp: s.db.Now(), OrgID: (*string)(&w.OrgID), ActorID: db.OrNull(string(who.UserID)),
		Data: data,
	}
	b, err := body(e)
	if err != nil {
		return d, err
	}
	r := s.send(ctx, w, e.ID, b)
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if w, err = locked(ctx, tx, id); err != nil {
			return err
		}
		if err := storeMessage(ctx, tx, e); err != nil {
			return err
		}
		d = Delivery{WebhookID: id, EventID: e.ID, EventType: e.Type, Cause: ByTest, Attempt: 1, Status: Pending}
		if err := insert(ctx, tx, &d, false); err != nil {
			return err
		}
		if err := record(ctx, tx, &d, r, nil); err != nil {
			return err
		}
		if err := remember(ctx, tx, w, d.Status); err != nil {
			return err
		}
		return s.audit(ctx, tx, who, "tested", w, map[string]any{"status": d.Status})
	})
	return d, err
}
