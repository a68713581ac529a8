package job_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/job"
	"navidocs/internal/testkit"
)

type laterArgs struct{}

func (laterArgs) Kind() string { return "test.later" }

// What comes before its time waits, which costs no attempt, also when an
// operator calls it up.
func TestWorkComesAgainLater(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		q, err := job.New(d, job.Config{Log: slog.New(slog.DiscardHandler), LockPath: filepath.Join(t.TempDir(), "lock")})
		if err != nil {
			t.Fatal(err)
		}
		came, attempts := make(chan struct{}, 2), make(chan int, 1)
		times := 0
		q.Register(job.Define(job.Options[laterArgs]{MaxAttempts: 1}, func(_ context.Context, j *job.Job[laterArgs]) error {
			if times++; times <= 2 {
				came <- struct{}{}
				return job.Later(time.Hour)
			}
			attempts <- j.Attempt
			return nil
		}))
		err = d.Transact(t.Context(), func(tx *db.Tx) error { return q.Enqueue(t.Context(), tx, laterArgs{}, "") })
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- q.Run(ctx) }()
		for range 2 {
			<-came
			waiting := testkit.Scheduled(t, q)
			if left := time.Until(waiting.DueAt); left < 50*time.Minute || left > time.Hour {
				t.Errorf("it comes again in %s", left)
			}
			if err := q.Retry(t.Context(), []int64{waiting.ID}, false); err != nil {
				t.Fatal(err)
			}
		}
		if n := <-attempts; n != 1 {
			t.Errorf("it was done by attempt %d", n)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
