package kv

import (
	"context"
	"sync"
	"time"

	"navidocs/internal/fault"
)

var _ Store = (*Memory)(nil)

// Memory is the store of a single process.
type Memory struct {
	hub
	now func() time.Time

	// mu guards the two below.
	mu      sync.Mutex
	tats    map[string]int64 // key -> when everything is back, in microseconds
	sweepAt int              // number of keys at which those of the past are dropped
}

const minSweep = 1024

// NewMemory makes a store of this process alone.
func NewMemory(now func() time.Time) *Memory {
	return &Memory{now: now, tats: map[string]int64{}, sweepAt: minSweep}
}

// Allow implements Store.
func (m *Memory) Allow(ctx context.Context, key string, limit Limit) (_ Decision, err error) {
	defer fault.Wrap(&err, "kv.Memory.Allow")
	if err := ctx.Err(); err != nil {
		return Decision{}, err
	}
	if err := limit.check(); err != nil {
		return Decision{}, err
	}
	now := m.now().UnixMicro()
	m.mu.Lock()
	defer m.mu.Unlock()
	tat, allowed := limit.count(m.tats[key], now)
	m.tats[key] = tat
	if len(m.tats) >= m.sweepAt {
		m.sweep(now)
	}
	return limit.decide(allowed, tat-now), nil
}

// sweep drops keys that have everything back: they are as good as unknown.
// Sweeping at twice what was left makes it cost nothing on average.
func (m *Memory) sweep(now int64) {
	for key, tat := range m.tats {
		if tat <= now {
			delete(m.tats, key)
		}
	}
	m.sweepAt = max(minSweep, 2*len(m.tats))
}

// Publish implements Store.
func (m *Memory) Publish(_ context.Context, topic string) error {
	m.wake(topic)
	return nil
}

// Subscribe implements Store.
func (m *Memory) Subscribe(ctx context.Context, topic string) <-chan struct{} {
	return m.listen(ctx, topic)
}

// Ping implements Store; memory always answers.
func (m *Memory) Ping(context.Context) error { return nil }
