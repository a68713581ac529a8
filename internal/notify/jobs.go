package notify

import (
	"context"
	"errors"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/job"
)

// keep is how long notifications are kept.
const keep = 30 * 24 * time.Hour

// TidyArgs ask for what is older than 30 days to be removed.
type TidyArgs struct{}

// Kind implements job.Args.
func (TidyArgs) Kind() string { return "notify.tidy" }

// Jobs are the package's kinds of work.
func (s *Service) Jobs() []job.Work {
	return []job.Work{
		job.Define(job.Options[SendArgs]{Queue: queue, Timeout: 2 * time.Minute, Dead: s.giveUp}, s.send),
		job.Define(job.Options[SecretMailArgs]{Queue: queue, Timeout: 2 * time.Minute, Dead: s.giveUpSecret}, s.sendSecret),
		job.Define(job.Options[BouncesArgs]{Timeout: 4 * time.Minute, MaxAttempts: 1}, func(ctx context.Context, _ *job.Job[BouncesArgs]) error {
			s.ReadBounces(ctx)
			return ctx.Err()
		}),
		job.Define(job.Options[TidyArgs]{}, func(ctx context.Context, _ *job.Job[TidyArgs]) error { return s.Tidy(ctx) }),
	}
}

// Tidy removes what is older than 30 days. That a reminder was sent is known to
// the domain too, so that it does not come again.
func (s *Service) Tidy(ctx context.Context) (err error) {
	defer fault.Wrap(&err, "notify.Tidy")
	return s.db.Transact(ctx, func(tx *db.Tx) (err error) {
		before := db.Micros(tx.Now().Add(-keep))
		for _, text := range []string{
			"DELETE FROM notifications WHERE created_at < $1 AND (message_id IS NULL OR message_id NOT IN (SELECT id FROM notification_messages WHERE status = 'queued'))",
			"DELETE FROM notification_messages WHERE created_at < $1 AND status <> 'queued' AND id NOT IN (SELECT message_id FROM notifications WHERE message_id IS NOT NULL)",
			"DELETE FROM secret_mails WHERE created_at < $1",
		} {
			_, e := tx.Exec(ctx, text, before)
			err = errors.Join(err, e)
		}
		return err
	})
}
