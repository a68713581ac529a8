package integration

import (
	"sync"

	"github.com/eclipse/paho.golang/paho"
)

// received is a message that a broker sent.
type received struct {
	topic, payload string
	retained       bool
}

// mostReceived bounds what waits in an inbox: beyond it a broker sends more than
// it can have of ours, and the rest is met at the next look.
const mostReceived = 20_000

// inbox is what a broker sent and nobody has looked at. The library hands
// messages over one by one and must not be kept waiting.
type inbox struct {
	mu  sync.Mutex
	all []received // guarded by mu
	// more is signalled when something has come.
	more chan struct{}
}

func newInbox() *inbox { return &inbox{more: make(chan struct{}, 1)} }

func (b *inbox) put(p *paho.Publish) {
	b.mu.Lock()
	if len(b.all) < mostReceived {
		b.all = append(b.all, received{p.Topic, string(p.Payload), p.Retain})
	}
	b.mu.Unlock()
	select {
	case b.more <- struct{}{}:
	default:
	}
}

// take empties the inbox.
func (b *inbox) take() []received {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := b.all
	b.all = nil
	return all
}
