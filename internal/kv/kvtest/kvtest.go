// Package kvtest says what every kv.Store must do.
package kvtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/fault"
	"navidocs/internal/kv"
)

// Clock is a clock that moves when it is told to.
type Clock struct{ micros atomic.Int64 }

// NewClock returns a clock that stands still.
func NewClock() *Clock {
	c := &Clock{}
	c.micros.Store(time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC).UnixMicro())
	return c
}

// Now is the clock's time.
func (c *Clock) Now() time.Time { return time.UnixMicro(c.micros.Load()).UTC() }

// Advance moves the clock, backwards when d is negative.
func (c *Clock) Advance(d time.Duration) { c.micros.Add(d.Microseconds()) }

// Run tests the stores that open makes; each is given a clock and must be
// empty or shared with none but earlier tests.
func Run(t *testing.T, open func(t *testing.T, now func() time.Time) kv.Store) {
	for name, test := range map[string]func(*testing.T, kv.Store, *Clock){
		"a burst, then one at a time":      testBurst,
		"refused requests are not counted": testRefusedAreFree,
		"keys are apart":                   testKeys,
		"a clock set back locks nobody":    testClockSetBack,
		"as the algorithm says":            testModel,
		"at once":                          testConcurrent,
		"limits that allow nothing":        testBadLimit,
		"the end of the context":           testContext,
		"wake-ups":                         testWake,
		"ping":                             testPing,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := NewClock()
			test(t, open(t, clock.Now), clock)
		})
	}
}

// key is one that no other test or run uses.
func key(t *testing.T, name string) string {
	t.Helper()
	return fmt.Sprintf("%s/%s/%x", t.Name(), name, rand.Uint64())
}

func allow(t *testing.T, s kv.Store, key string, limit kv.Limit) kv.Decision {
	t.Helper()
	d, err := s.Allow(t.Context(), key, limit)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func testBurst(t *testing.T, s kv.Store, clock *Clock) {
	limit, k := kv.Limit{Requests: 3, Window: 3 * time.Hour}, key(t, "k")
	steps := []struct {
		after time.Duration
		want  kv.Decision
	}{
		{0, kv.Decision{Allowed: true, Remaining: 2, ResetAfter: time.Hour}},
		{0, kv.Decision{Allowed: true, Remaining: 1, ResetAfter: 2 * time.Hour}},
		{0, kv.Decision{Allowed: true, Remaining: 0, ResetAfter: 3 * time.Hour}},
		{0, kv.Decision{RetryAfter: time.Hour, ResetAfter: 3 * time.Hour}},
		{59 * time.Minute, kv.Decision{RetryAfter: time.Minute, ResetAfter: 121 * time.Minute}},
		{time.Minute, kv.Decision{Allowed: true, ResetAfter: 3 * time.Hour}},
		{0, kv.Decision{RetryAfter: time.Hour, ResetAfter: 3 * time.Hour}},
		{5 * time.Hour, kv.Decision{Allowed: true, Remaining: 2, ResetAfter: time.Hour}},
	}
	for i, step := range steps {
		clock.Advance(step.after)
		if diff := cmp.Diff(step.want, allow(t, s, k, limit)); diff != "" {
			t.Errorf("step %d: %s", i, diff)
		}
	}
}

func testRefusedAreFree(t *testing.T, s kv.Store, clock *Clock) {
	limit, k := kv.Limit{Requests: 1, Window: time.Hour}, key(t, "k")
	allow(t, s, k, limit)
	for range 50 {
		if allow(t, s, k, limit).Allowed {
			t.Fatal("a second request was allowed")
		}
	}
	clock.Advance(time.Hour)
	if !allow(t, s, k, limit).Allowed {
		t.Error("refused requests were counted")
	}
}

func testKeys(t *testing.T, s kv.Store, _ *Clock) {
	limit := kv.Limit{Requests: 1, Window: time.Hour}
	for _, name := range []string{"a", "b", "a b", "a:b", "ä", ""} {
		if !allow(t, s, key(t, name), limit).Allowed {
			t.Errorf("%q has the count of another key", name)
		}
	}
}

func testClockSetBack(t *testing.T, s kv.Store, clock *Clock) {
	limit, k := kv.Limit{Requests: 2, Window: time.Hour}, key(t, "k")
	allow(t, s, k, limit)
	clock.Advance(-20 * 365 * 24 * time.Hour)
	if d := allow(t, s, k, limit); !d.Allowed || d.Remaining != 1 {
		t.Errorf("after the clock was set back: %+v", d)
	}
}

// testModel compares with Memory, whose algorithm is tested step by step.
func testModel(t *testing.T, s kv.Store, clock *Clock) {
	model := kv.NewMemory(clock.Now)
	random := rand.New(rand.NewPCG(1, 2))
	limit, k := kv.Limit{Requests: 7, Window: 100 * time.Minute}, key(t, "k")
	for i := range 300 {
		clock.Advance(time.Duration(random.Int64N(int64(25 * time.Minute))))
		if diff := cmp.Diff(allow(t, model, k, limit), allow(t, s, k, limit)); diff != "" {
			t.Fatalf("request %d: %s", i, diff)
		}
	}
}

func testConcurrent(t *testing.T, s kv.Store, _ *Clock) {
	limit, k := kv.Limit{Requests: 40, Window: time.Hour}, key(t, "k")
	var allowed atomic.Int64
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			for range 10 {
				if d, err := s.Allow(t.Context(), k, limit); err == nil && d.Allowed {
					allowed.Add(1)
				}
			}
		})
	}
	callers.Wait()
	if n := allowed.Load(); n != 40 {
		t.Errorf("%d of 80 requests were allowed, want 40", n)
	}
}

func testBadLimit(t *testing.T, s kv.Store, _ *Clock) {
	for _, limit := range []kv.Limit{{}, {Requests: -1, Window: time.Hour}, {Requests: 1}} {
		if _, err := s.Allow(t.Context(), key(t, "k"), limit); !fault.Is(err, fault.Invalid) {
			t.Errorf("%+v: %v", limit, err)
		}
	}
	if d := allow(t, s, key(t, "k"), kv.Limit{Requests: 1000, Window: time.Microsecond}); !d.Allowed {
		t.Errorf("more requests than microseconds: %+v", d)
	}
}

func testContext(t *testing.T, s kv.Store, _ *Clock) {
	ctx, cancel := context.WithCancel(t.Context())
	news := s.Subscribe(ctx, "topic")
	cancel()
	for open := true; open; { // may hold a last value, then must close
		_, open = <-news
	}
	if _, err := s.Allow(ctx, "k", kv.Limit{Requests: 1, Window: time.Hour}); err == nil {
		t.Error("a request was counted after its context had ended")
	}
	if err := s.Publish(t.Context(), "topic"); err != nil {
		t.Error(err)
	}
}

func testWake(t *testing.T, s kv.Store, _ *Clock) {
	topic := key(t, "topic")
	first, second := s.Subscribe(t.Context(), topic), s.Subscribe(t.Context(), topic)
	Woken(t, first)
	Woken(t, second)
	for range 3 {
		for range 5 { // more than anybody reads: publishing never blocks
			if err := s.Publish(t.Context(), topic); err != nil {
				t.Fatal(err)
			}
		}
		Woken(t, first)
		Woken(t, second)
	}
}

// Woken waits for a wake-up and fails the test when none comes.
func Woken(t *testing.T, news <-chan struct{}) {
	t.Helper()
	select {
	case _, open := <-news:
		if !open {
			t.Fatal("the channel is closed")
		}
	case <-time.After(20 * time.Second):
		t.Fatal("nobody was woken")
	}
}

func testPing(t *testing.T, s kv.Store, _ *Clock) {
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}
