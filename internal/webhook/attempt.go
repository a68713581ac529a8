package webhook

import (
	"context"
	"math/rand/v2"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/job"
)

// deliver is one job: one attempt. Its outcome, what it does to the endpoint,
// the next attempt and the job's end are one transaction; a process that dies
// before it sends the same bytes under the same id once more.
func (s *Service) deliver(ctx context.Context, j *job.Job[DeliverArgs]) error {
	d, err := delivery(ctx, s.db, j.Args.DeliveryID)
	if fault.Is(err, fault.NotFound) || err == nil && d.Status != Pending {
		return s.db.Transact(ctx, func(tx *db.Tx) error { return j.Complete(ctx, tx) }) // deleted or held meanwhile
	}
	if err != nil {
		return err
	}
	if !s.lanes.enter(ctx, d.WebhookID) {
		return s.setAside(ctx, j, d)
	}
	err = s.attempt(ctx, j, d)
	if s.lanes.leave(d.WebhookID) {
		s.rouse(ctx, d.WebhookID)
	}
	return err
}

func (s *Service) attempt(ctx context.Context, j *job.Job[DeliverArgs], d Delivery) error {
	w, err := db.One(ctx, s.db, scanWebhook, selectWebhook+" WHERE id = $1", d.WebhookID)
	if err != nil {
		return err
	}
	if w.Status != Active && d.Cause == ByEvent {
		return s.keep(ctx, j, d) // it was recorded while the endpoint was being stopped
	}
	open, err := account.IsOpen(ctx, s.db, w.OrgID)
	if err != nil {
		return err
	}
	if !open { // deleted: what waits is kept, should it come back
		return s.db.Transact(ctx, func(tx *db.Tx) error { return hold(ctx, tx, j, d) })
	}
	r := s.send(ctx, w, d.EventID, []byte(d.RequestBody))
	if ctx.Err() != nil && !r.ok() {
		return ctx.Err() // we stop: the failure is ours
	}
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		if err := s.settle(ctx, tx, d, r, rand.Float64()*2-1); err != nil { //nolint:gosec // no secret
			return err
		}
		return j.Complete(ctx, tx)
	})
}

// keep holds an attempt back until its endpoint is resumed.
func (s *Service) keep(ctx context.Context, j *job.Job[DeliverArgs], d Delivery) error {
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		w, err := locked(ctx, tx, d.WebhookID)
		if err != nil {
			return err
		}
		if w.Status == Active {
			return fault.New(fault.Stale, "the webhook was resumed at this moment") // the job's next attempt sends it
		}
		return hold(ctx, tx, j, d)
	})
}

func hold(ctx context.Context, tx *db.Tx, j *job.Job[DeliverArgs], d Delivery) error {
	_, err := tx.Exec(ctx, "UPDATE webhook_deliveries SET status = 'held', next_attempt_at = NULL WHERE id = $1 AND status = 'pending'", d.ID)
	if err != nil {
		return err
	}
	return j.Complete(ctx, tx)
}

// settle records how an attempt ended, and what follows from it.
func (s *Service) settle(ctx context.Context, tx *db.Tx, d Delivery, r result, jitter float64) error {
	w, err := locked(ctx, tx, d.WebhookID)
	if fault.Is(err, fault.NotFound) {
		return nil // deleted meanwhile
	}
	if err != nil {
		return err
	}
	if !r.ok() && d.Cause != ByReplay {
		if err := s.failed(ctx, tx, &w, r); err != nil {
			return err
		}
	}
	if r.ok() {
		w.Failures, w.FailingSince, w.warnedAt = 0, nil, nil
	}
	next, err := s.retry(ctx, tx, w, d, r, jitter)
	if err != nil {
		return err
	}
	if err := record(ctx, tx, &d, r, next); err != nil {
		return err
	}
	if err := remember(ctx, tx, w, d.Status); err != nil {
		return err
	}
	return s.wake(ctx, tx, w.ID, 1)
}

// locked reads an endpoint that no other transaction changes before this one ends.
func locked(ctx context.Context, tx *db.Tx, id ID) (Webhook, error) {
	if _, err := tx.Exec(ctx, "UPDATE webhooks SET status = status WHERE id = $1", id); err != nil {
		return Webhook{}, err
	}
	return db.One(ctx, tx, scanWebhook, selectWebhook+" WHERE id = $1", id)
}

// retry adds the attempt that follows a failed one and says when it is due; one
// to an endpoint that is not active any more is kept instead.
func (s *Service) retry(ctx context.Context, tx *db.Tx, w Webhook, d Delivery, r result, jitter float64) (*time.Time, error) {
	if r.ok() {
		return nil, nil
	}
	if w.Status != Active {
		kept := Delivery{WebhookID: w.ID, EventID: d.EventID, Cause: d.Cause, Attempt: d.Attempt + 1, Status: Kept}
		return nil, insert(ctx, tx, &kept, false)
	}
	pause, ok := wait(s.config.MaxRetries, d.Attempt, r.asked, jitter)
	if !ok || r.refused {
		return nil, nil
	}
	due := tx.Now().Add(pause)
	next := Delivery{WebhookID: w.ID, EventID: d.EventID, Cause: d.Cause, Attempt: d.Attempt + 1, Status: Pending, NextAttemptAt: &due}
	if err := insert(ctx, tx, &next, false); err != nil {
		return nil, err
	}
	return &due, s.jobs.EnqueueAt(ctx, tx, DeliverArgs{DeliveryID: next.ID}, Queue, due)
}

// record writes an attempt's outcome into its row.
func record(ctx context.Context, tx *db.Tx, d *Delivery, r result, next *time.Time) error {
	now, took := tx.Now(), r.took.Milliseconds()
	d.Status, d.Error, d.NextAttemptAt, d.AttemptedAt, d.DurationMS = Succeeded, db.Text(r.problem), next, &now, &took
	d.ResponseBody, d.Truncated = r.body, r.truncated
	if !r.ok() {
		d.Status = Failed
	}
	if r.status != 0 {
		d.ResponseStatus = &r.status
	}
	_, err := tx.Exec(ctx, `UPDATE webhook_deliveries SET status = $1, parked = FALSE, response_status = $2, response_body = $3,
		response_truncated = $4, error = $5, duration_ms = $6, next_attempt_at = $7, attempted_at = $8 WHERE id = $9`,
		d.Status, d.ResponseStatus, d.ResponseBody, d.Truncated, d.Error, took, db.MicrosPtr(next), db.Micros(now), d.ID)
	return err
}

// remember writes what an attempt did to its endpoint.
func remember(ctx context.Context, tx *db.Tx, w Webhook, last DeliveryStatus) error {
	_, err := tx.Exec(ctx, `UPDATE webhooks SET failure_count = $1, failing_since = $2, warned_at = $3, last_delivery_at = $4,
		last_delivery_status = $5 WHERE id = $6`, w.Failures, db.MicrosPtr(w.FailingSince), db.MicrosPtr(w.warnedAt),
		db.Micros(tx.Now()), last, w.ID)
	return err
}

// giveUp shows an attempt whose job is dead, for a cause of our own.
func (s *Service) giveUp(ctx context.Context, j *job.Job[DeliverArgs], _ error) (err error) {
	defer fault.Wrap(&err, "give up delivery %s", j.Args.DeliveryID)
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE webhook_deliveries SET status = 'failed', next_attempt_at = NULL, error = $1 WHERE id = $2 AND status = 'pending'",
			"this server could not make the attempt; its log says why. Replay it", j.Args.DeliveryID)
		return err
	})
}
