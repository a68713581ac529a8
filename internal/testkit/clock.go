package testkit

import (
	"context"
	"sync"
	"testing"
	"time"
)

// Clock is a time that stands still until it is moved. It is safe for
// concurrent use.
type Clock struct {
	// mu guards now.
	mu  sync.Mutex
	now time.Time
}

// NewClock makes a clock that stands at a time.
func NewClock(at time.Time) *Clock { return &Clock{now: at} }

// Now is where the clock stands.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Add moves the clock and returns where it stands then.
func (c *Clock) Add(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return c.now
}

// Set moves the clock to a time.
func (c *Clock) Set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = at
}

// patience is long, for a machine may be busy: only a failing test waits it out.
const patience = 2 * time.Minute

// Eventually calls f until it returns nil, and ends the test with f's last
// error when that takes too long.
func Eventually(t testing.TB, f func() error) {
	t.Helper()
	err := poll(t.Context(), patience, func() (bool, error) {
		err := f()
		return err == nil, err
	})
	if err != nil {
		t.Fatalf("it never came true: %v", err)
	}
}

// poll calls f until it is done, and returns its last error.
func poll(ctx context.Context, patience time.Duration, f func() (done bool, err error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		done, err := f()
		if done || ctx.Err() != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
}
