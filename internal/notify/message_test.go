package notify

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"navidocs/internal/job"
	"navidocs/internal/testkit"
)

// TestNothingIsSentBeforeItsTime: quiet hours hold also when the message's job
// is called up, by an operator or by a clock that is ahead.
func TestNothingIsSentBeforeItsTime(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		queue, err := job.New(b.db, job.Config{Log: slog.New(slog.DiscardHandler), LockPath: filepath.Join(t.TempDir(), "lock"), Workers: map[string]int{Queue: 1}})
		if err != nil {
			t.Fatal(err)
		}
		queue.Register(b.Jobs()...)
		b.wish(b.ada, Wishes{Digest: Daily})
		b.expires("Windlass", 90) // due tomorrow, in the past of this machine's clock
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- queue.Run(ctx) }()
		defer func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}()
		waiting := testkit.Scheduled(t, queue)
		if n := len(b.mail.messages()); n != 0 {
			t.Fatalf("%d mails went out early", n)
		}
		b.clock.Add(24 * time.Hour)
		if err := queue.Retry(t.Context(), []int64{waiting.ID}, false); err != nil {
			t.Fatal(err)
		}
		testkit.Eventually(t, func() error {
			if n := len(b.mail.messages()); n != 1 {
				return fmt.Errorf("%d mails", n)
			}
			return nil
		})
	})
}
