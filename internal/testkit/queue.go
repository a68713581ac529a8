package testkit

import (
	"context"
	"fmt"
	"testing"

	"navidocs/internal/job"
)

// Scheduled is a queue's only job, as soon as it waits for its time.
func Scheduled(t testing.TB, q *job.Queue) (e job.Entry) {
	t.Helper()
	Eventually(t, func() error {
		all, err := q.Jobs(t.Context())
		if err == nil && (len(all) != 1 || all[0].State != "scheduled") {
			return fmt.Errorf("%+v", all)
		}
		if err == nil {
			e = all[0]
		}
		return err
	})
	return e
}

// Work works a queue until the test ends.
func Work(t testing.TB, q *job.Queue) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- q.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
