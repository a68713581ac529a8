package webhook

import (
	"context"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/job"
)

// Queue is where attempts wait, apart from the other jobs: they wait on
// strangers' machines.
const Queue = "webhooks"

// Workers is how many attempts run at once; laneWidth of them for one endpoint.
const Workers = 32

// DeliverArgs ask for one attempt.
type DeliverArgs struct {
	DeliveryID DeliveryID `json:"delivery_id"`
}

// Kind implements job.Args.
func (DeliverArgs) Kind() string { return "webhook.deliver" }

// WakeArgs ask for what lies parked to be taken up, should a process have died
// that was to do so.
type WakeArgs struct{}

// Kind implements job.Args.
func (WakeArgs) Kind() string { return "webhook.wake" }

// PruneArgs ask for deliveries that have had their time to be removed.
type PruneArgs struct{}

// Kind implements job.Args.
func (PruneArgs) Kind() string { return "webhook.prune" }

// Jobs are the package's kinds of work.
func (s *Service) Jobs() []job.Work {
	return []job.Work{
		job.Define(job.Options[DeliverArgs]{Queue: Queue, Timeout: max(s.config.Timeout, s.config.HomeAssistant) + 30*time.Second, MaxAttempts: 20, Dead: s.giveUp}, s.deliver),
		job.Define(job.Options[WakeArgs]{}, func(ctx context.Context, _ *job.Job[WakeArgs]) error { return s.wakeAll(ctx) }),
		job.Define(job.Options[PruneArgs]{Timeout: 10 * time.Minute}, func(ctx context.Context, _ *job.Job[PruneArgs]) error { return s.Prune(ctx) }),
	}
}

const (
	// logFor is how long a delivery can be seen and replayed.
	logFor = 30 * 24 * time.Hour
	// heldFor is how long what an endpoint has not got is kept for it.
	heldFor = 90 * 24 * time.Hour
)

// Prune removes deliveries that are older than 30 days, held ones older than
// 90, and what no delivery is left of.
func (s *Service) Prune(ctx context.Context) (err error) {
	defer fault.Wrap(&err, "webhook.Prune")
	old, held := db.Micros(s.db.Now().Add(-logFor)), db.Micros(s.db.Now().Add(-heldFor))
	err = s.db.InBatches(ctx, `DELETE FROM webhook_deliveries WHERE id IN (SELECT id FROM webhook_deliveries
		WHERE created_at < $1 AND status <> 'pending' AND (status <> 'held' OR created_at < $2) LIMIT $3)`, old, held)
	if err != nil {
		return err
	}
	return s.db.InBatches(ctx, `DELETE FROM webhook_messages WHERE id IN (SELECT id FROM webhook_messages m WHERE created_at < $1
		AND NOT EXISTS (SELECT 1 FROM webhook_deliveries WHERE message_id = m.id) LIMIT $2)`, old)
}
