// Package kv holds what processes share for moments only: how often a caller
// asked, and that there is news to fetch.
//
// Nothing here may be missed when it is lost. What must last is a row in the
// database; a wake-up only says that looking there is worth while now.
package kv

import (
	"context"
	"time"

	"navidocs/internal/fault"
)

// Store is shared by the processes of one installation (Redis) or by the parts
// of one process (Memory).
type Store interface {
	// Allow counts one request of key against the limit and says whether it may
	// go on. A request that may not is not counted. The only errors are a limit
	// that allows nothing (Invalid) and the end of ctx; when the server is away,
	// each process counts for itself.
	Allow(ctx context.Context, key string, limit Limit) (Decision, error)
	// Publish wakes everybody who subscribed to the topic, in this process at
	// once and without fail, in others soon. The error (Unavailable) says that
	// the others may not have heard.
	Publish(ctx context.Context, topic string) error
	// Subscribe returns a channel that holds a value whenever there may be news
	// of the topic since it was last read, and one to begin with. Several
	// publications may be one value; a value without any publication is
	// possible, so look, and wait again. The channel is closed when ctx ends.
	Subscribe(ctx context.Context, topic string) <-chan struct{}
	// Ping reports whether the store answers, Unavailable when it does not.
	Ping(ctx context.Context) error
}

// Limit is a number of requests per window. All of them may come at once; then
// one more is allowed after each Window/Requests.
type Limit struct {
	Requests int
	Window   time.Duration
}

// Decision is the answer to one request, enough for the RateLimit headers.
type Decision struct {
	Allowed    bool
	Remaining  int           // requests that would be allowed right now
	RetryAfter time.Duration // until one would be allowed; 0 when this one was
	ResetAfter time.Duration // until all of them would be allowed
}

func (l Limit) check() error {
	if l.Requests < 1 || l.Window < 1 {
		return fault.New(fault.Invalid, "a limit of %d requests in %s allows nothing", l.Requests, l.Window)
	}
	return nil
}

// interval is the time after which one more request is allowed, in
// microseconds, the unit of the whole calculation: Redis counts in doubles,
// which hold today's date in microseconds and not in nanoseconds.
func (l Limit) interval() int64 {
	return max(1, l.Window.Microseconds()/int64(l.Requests))
}

// span is the time until a caller who used everything may use it all again.
func (l Limit) span() int64 { return l.interval() * int64(l.Requests) }

// count is the generic cell rate algorithm: tat is when the caller will have
// everything back. A tat beyond the span was written by a clock that has since
// been set back, and means nothing.
func (l Limit) count(tat, now int64) (newTAT int64, allowed bool) {
	if tat < now || tat > now+l.span() {
		tat = now
	}
	if tat+l.interval() > now+l.span() {
		return tat, false
	}
	return tat + l.interval(), true
}

// decide puts the outcome of count into words; reset is tat - now.
func (l Limit) decide(allowed bool, reset int64) Decision {
	d := Decision{
		Allowed:    allowed,
		Remaining:  int(max(0, (l.span()-reset)/l.interval())),
		ResetAfter: time.Duration(reset) * time.Microsecond,
	}
	if !allowed {
		d.RetryAfter = time.Duration(reset+l.interval()-l.span()) * time.Microsecond
	}
	return d
}
