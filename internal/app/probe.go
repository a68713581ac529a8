package app

import (
	"context"
	"sync"
	"time"
)

// probe asks one part of the installation how it is: once at a time, however
// many want to know, and never for longer than they wait, though the part hangs.
type probe[T any] struct {
	check func(ctx context.Context) (T, error)
	// limit bounds a check that heeds its context.
	limit time.Duration
	// fresh is how long an answer counts; 0 means that it is asked each time.
	fresh time.Duration
	now   func() time.Time

	mu   sync.Mutex // guards last
	last *outcome[T]
}

// outcome is an answer that may not be there yet.
type outcome[T any] struct {
	done  chan struct{} // closed when the rest is set
	value T
	err   error
	at    time.Time
}

// start begins a check unless one is under way or its answer still counts.
func (p *probe[T]) start(ctx context.Context) *outcome[T] {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last != nil && p.counts(p.last) {
		return p.last
	}
	o := &outcome[T]{done: make(chan struct{})}
	p.last = o
	go func() {
		defer close(o.done)
		// The answer is for all who ask, and not only for the first.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.limit)
		defer cancel()
		o.value, o.err = p.check(ctx)
		o.at = p.now()
	}()
	return o
}

func (p *probe[T]) counts(o *outcome[T]) bool {
	select {
	case <-o.done:
		age := p.now().Sub(o.at)
		return age >= 0 && age < p.fresh
	default:
		return true // it hangs, and another one would too
	}
}

// wait returns the answer, or that it did not come in time.
func (o *outcome[T]) wait(ctx context.Context) (value T, err error) {
	select {
	case <-o.done:
		return o.value, o.err
	case <-ctx.Done():
	}
	select {
	case <-o.done: // while the caller waited for something else
		return o.value, o.err
	default:
		return value, ctx.Err()
	}
}
