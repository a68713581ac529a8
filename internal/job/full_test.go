package job_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"

	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/job"
	"navidocs/internal/testkit"
)

type roomArgs struct{}

func (roomArgs) Kind() string { return "test.room" }

// A full disk is not the job's fault: it is held, costs no attempt, and is done
// as soon as there is room, even when no other attempt would follow.
func TestWorkWaitsForRoom(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		q, err := job.New(d, job.Config{Log: slog.New(slog.DiscardHandler), LockPath: filepath.Join(t.TempDir(), "lock")})
		if err != nil {
			t.Fatal(err)
		}
		tries, attempts := 0, make(chan int, 1)
		q.Register(job.Define(job.Options[roomArgs]{MaxAttempts: 1}, func(_ context.Context, j *job.Job[roomArgs]) error {
			if tries++; tries < 4 {
				return fault.New(fault.Full, "no room")
			}
			attempts <- j.Attempt
			return nil
		}))
		err = d.Transact(t.Context(), func(tx *db.Tx) error { return q.Enqueue(t.Context(), tx, roomArgs{}, "") })
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- q.Run(ctx) }()
		if n := <-attempts; n != 1 {
			t.Errorf("it was done by attempt %d", n)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
