package webhook

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/event"
	"navidocs/internal/fault"
	"navidocs/internal/job"
)

const (
	// warnAfter is how long an endpoint fails before its owner is told.
	warnAfter = 24 * time.Hour
	// holdAfter is how long it fails before it is held.
	holdAfter = 5 * 24 * time.Hour
)

// failed counts a failure, tells of a streak of a day, holds after one of five,
// and disables at once who answers 410.
func (s *Service) failed(ctx context.Context, tx *db.Tx, w *Webhook, r result) error {
	now := tx.Now()
	w.Failures++
	if w.FailingSince == nil {
		w.FailingSince = &now
	}
	streak := now.Sub(*w.FailingSince)
	switch {
	case w.Status != Active:
		return nil
	case r.gone():
		return s.stop(ctx, tx, w, Disabled, r.problem)
	case streak >= holdAfter:
		if err := s.keepSpent(ctx, tx, *w); err != nil {
			return err
		}
		return s.stop(ctx, tx, w, Held, "every delivery failed for 5 days; the last time "+r.problem)
	case streak >= warnAfter && w.warnedAt == nil:
		w.warnedAt = &now
		return s.tell(ctx, tx, *w, "failing", fmt.Sprintf("every delivery failed for %d hours; the last time %s", int(streak.Hours()), r.problem))
	}
	return nil
}

// stop ends the deliveries of an endpoint and tells of it.
func (s *Service) stop(ctx context.Context, tx *db.Tx, w *Webhook, to Status, reason string) error {
	if err := s.leaveActive(ctx, tx, w, to, reason); err != nil {
		return err
	}
	return s.tell(ctx, tx, *w, string(to), reason)
}

func (s *Service) tell(ctx context.Context, tx *db.Tx, w Webhook, status, reason string) error {
	return s.events.Append(ctx, tx, event.Event{
		Type: "webhook.disabled", OrgID: string(w.OrgID),
		Data: event.WebhookData{
			WebhookID: string(w.ID), URL: origin(w.URL), Description: w.Description, Status: status, Reason: reason, FailureCount: w.Failures,
		},
	})
}

func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// leaveActive changes the state and keeps what is to come.
func (s *Service) leaveActive(ctx context.Context, tx *db.Tx, w *Webhook, to Status, reason string) error {
	w.Status, w.Reason = to, reason
	touch(tx, w)
	_, err := tx.Exec(ctx, "UPDATE webhooks SET status = $1, status_reason = $2, updated_at = $3 WHERE id = $4", to, reason, db.Micros(w.UpdatedAt), w.ID)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "UPDATE webhook_deliveries SET status = 'held', parked = FALSE, next_attempt_at = NULL WHERE webhook_id = $1 AND status = 'pending'", w.ID)
	return err
}

// keepSpent keeps as well what was tried to the end of its schedule while the
// endpoint was failing: it is as undelivered as the rest.
func (s *Service) keepSpent(ctx context.Context, tx *db.Tx, w Webhook) error {
	spent, err := db.Collect(ctx, tx, db.Scalar[string], `SELECT DISTINCT message_id FROM webhook_deliveries d WHERE webhook_id = $1
		AND status = 'failed' AND cause = 'event' AND attempted_at >= $2 AND NOT EXISTS (SELECT 1 FROM webhook_deliveries o
			WHERE o.webhook_id = d.webhook_id AND o.message_id = d.message_id AND o.status <> 'failed') ORDER BY message_id`,
		w.ID, db.Micros(*w.FailingSince))
	if err != nil {
		return err
	}
	for _, message := range spent {
		d := Delivery{WebhookID: w.ID, EventID: message, Cause: ByEvent, Attempt: 1, Status: Kept}
		if err := insert(ctx, tx, &d, false); err != nil {
			return err
		}
	}
	return nil
}

// turn brings an endpoint into the state that a person asks for, if any.
func (s *Service) turn(ctx context.Context, tx *db.Tx, w *Webhook, to *Status) error {
	switch {
	case to == nil || *to == w.Status:
		return nil
	case *to == Active:
		return s.resume(ctx, tx, w)
	}
	return s.leaveActive(ctx, tx, w, *to, "")
}

// Resume makes an endpoint active and sends all that was kept for it, the
// oldest first, each as if for the first time. Managers may. On one that is
// active it changes nothing.
func (s *Service) Resume(ctx context.Context, who account.Actor, id ID) (w Webhook, err error) {
	defer fault.Wrap(&err, "webhook.Resume %s", id)
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if w, err = managed(ctx, tx, who, id); err != nil {
			return err
		}
		active := Active
		if err := s.turn(ctx, tx, &w, &active); err != nil {
			return err
		}
		return s.audit(ctx, tx, who, "resumed", w, nil)
	})
	return w, err
}

func (s *Service) resume(ctx context.Context, tx *db.Tx, w *Webhook) error {
	w.Status, w.Reason, w.Failures, w.FailingSince, w.warnedAt = Active, "", 0, nil, nil
	touch(tx, w)
	_, err := tx.Exec(ctx, `UPDATE webhooks SET status = 'active', status_reason = '', failure_count = 0, failing_since = NULL,
		warned_at = NULL, updated_at = $1 WHERE id = $2`, db.Micros(w.UpdatedAt), w.ID)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE webhook_deliveries SET status = 'pending', parked = TRUE, attempt = 1, next_attempt_at = $1
		WHERE webhook_id = $2 AND status = 'held'`, db.Micros(tx.Now()), w.ID)
	if err != nil {
		return err
	}
	return s.wake(ctx, tx, w.ID, 2*laneWidth)
}

// setAside parks an attempt whose lane is full: it takes no worker and no turn
// in the queue until another one of its endpoint has ended.
func (s *Service) setAside(ctx context.Context, j *job.Job[DeliverArgs], d Delivery) error {
	err := s.db.Transact(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, "UPDATE webhook_deliveries SET parked = TRUE WHERE id = $1 AND status = 'pending'", d.ID); err != nil {
			return err
		}
		return j.Complete(ctx, tx)
	})
	if err == nil && s.lanes.park(d.WebhookID) {
		s.rouse(ctx, d.WebhookID)
	}
	return err
}

// wake takes up the oldest parked attempts of an endpoint.
func (s *Service) wake(ctx context.Context, tx *db.Tx, id ID, n int) error {
	all, err := db.Collect(ctx, tx, db.Scalar[DeliveryID],
		"SELECT id FROM webhook_deliveries WHERE webhook_id = $1 AND parked = TRUE ORDER BY message_id, id LIMIT $2", id, n)
	if err != nil {
		return err
	}
	for _, d := range all {
		n, err := tx.Exec(ctx, "UPDATE webhook_deliveries SET parked = FALSE WHERE id = $1 AND parked = TRUE", d)
		if err != nil {
			return err
		}
		if n == 0 {
			continue // another transaction was first
		}
		if err := s.jobs.Enqueue(ctx, tx, DeliverArgs{DeliveryID: d}, Queue); err != nil {
			return err
		}
	}
	return nil
}

// rouse wakes one parked attempt after the job that it belongs to has ended.
// Should it fail, webhook.wake does it within a minute.
func (s *Service) rouse(ctx context.Context, id ID) {
	_ = s.db.Transact(ctx, func(tx *db.Tx) error { return s.wake(ctx, tx, id, 1) })
}

// wakeAll takes up parked attempts of every endpoint, as many as it is given at
// a time.
func (s *Service) wakeAll(ctx context.Context) (err error) {
	defer fault.Wrap(&err, "webhook.wakeAll")
	all, err := db.Collect(ctx, s.db, db.Scalar[ID],
		"SELECT id FROM webhooks w WHERE EXISTS (SELECT 1 FROM webhook_deliveries WHERE webhook_id = w.id AND parked = TRUE)")
	if err != nil {
		return err
	}
	for _, id := range all {
		if err := s.db.Transact(ctx, func(tx *db.Tx) error { return s.wake(ctx, tx, id, laneWidth) }); err != nil {
			return err
		}
	}
	return nil
}
