package kv

import (
	"context"
	"sync"
)

// hub wakes the subscribers of this process. Its zero value is ready.
type hub struct {
	// mu guards topics, and that nobody sends on a channel that is closed.
	mu     sync.Mutex
	topics map[string]map[chan struct{}]bool
}

func (h *hub) listen(ctx context.Context, topic string) <-chan struct{} {
	news := make(chan struct{}, 1)
	notify(news)
	h.mu.Lock()
	if h.topics == nil {
		h.topics = map[string]map[chan struct{}]bool{}
	}
	if h.topics[topic] == nil {
		h.topics[topic] = map[chan struct{}]bool{}
	}
	h.topics[topic][news] = true
	h.mu.Unlock()
	context.AfterFunc(ctx, func() { h.leave(topic, news) })
	return news
}

func (h *hub) leave(topic string, news chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.topics[topic], news)
	if len(h.topics[topic]) == 0 {
		delete(h.topics, topic)
	}
	close(news)
}

func (h *hub) wake(topic string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for news := range h.topics[topic] {
		notify(news)
	}
}

// wakeAll is for when publications may have been missed.
func (h *hub) wakeAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, subscribers := range h.topics {
		for news := range subscribers {
			notify(news)
		}
	}
}

// notify leaves a value; one that is still there says the same.
func notify(news chan struct{}) {
	select {
	case news <- struct{}{}:
	default:
	}
}
