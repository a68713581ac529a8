package app

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// counting is a probe whose check takes a time and counts how often it ran.
func counting(took, fresh time.Duration) (p *probe[int], ran *int) {
	ran = new(int)
	return &probe[int]{limit: time.Second, fresh: fresh, now: time.Now, check: func(context.Context) (int, error) {
		*ran++
		time.Sleep(took) // heeds no context, as a disk that hangs
		return *ran, nil
	}}, ran
}

func TestProbeAsksOnceForAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, ran := counting(time.Second/2, 2*time.Second)
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				if n, err := p.start(t.Context()).wait(t.Context()); n != 1 || err != nil {
					t.Error(n, err)
				}
			})
		}
		all.Wait()
		time.Sleep(2*time.Second - 1)
		if n, _ := p.start(t.Context()).wait(t.Context()); n != 1 || *ran != 1 {
			t.Errorf("an answer of the %d. of %d checks while the first counts", n, *ran)
		}
		time.Sleep(time.Nanosecond)
		if n, _ := p.start(t.Context()).wait(t.Context()); n != 2 {
			t.Error("an old answer was given")
		}
	})
}

func TestProbeWithoutFreshnessAsksAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, _ := counting(0, 0)
		for want := range 3 {
			if n, err := p.start(t.Context()).wait(t.Context()); n != want+1 || err != nil {
				t.Error(n, err)
			}
		}
	})
}

// Who asks waits as long as they like, though the part hangs; no second check
// hangs beside the first; and when the part comes back, so does the answer.
func TestProbeOfAPartThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, ran := counting(time.Minute, 0)
		for range 5 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			begun := time.Now()
			_, err := p.start(ctx).wait(ctx)
			if cancel(); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != time.Second {
				t.Error(err, time.Since(begun))
			}
		}
		if *ran != 1 {
			t.Errorf("%d checks hang", *ran)
		}
		if n, err := p.start(t.Context()).wait(t.Context()); n != 1 || err != nil {
			t.Error(n, err)
		}
	})
}

// The first to ask may go; the check is for the others too.
func TestProbeOutlivesWhoAsked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &probe[int]{limit: time.Second, now: time.Now, check: func(ctx context.Context) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		}}
		ctx, leave := context.WithCancel(t.Context())
		o := p.start(ctx)
		leave()
		begun := time.Now()
		if _, err := o.wait(t.Context()); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != time.Second {
			t.Error(err, time.Since(begun))
		}
	})
}
