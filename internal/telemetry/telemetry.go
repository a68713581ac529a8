// Package telemetry tells a service of the operator's choice (Sentry) what went
// wrong here: answers of 500 and above, panics, jobs that failed, releases that
// were taken back.
//
// It guarantees: without an address nothing is begun and nothing is sent; whoever
// reports is never held up; a report says where in the code and of which kind, and
// nothing of whom or of what: it is made of route patterns, kinds, types and
// functions, never of the text of an error, and what the library adds is taken out
// again. What goes wrong is for others to notice.
package telemetry

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/getsentry/sentry-go"

	"navidocs/internal/fault"
)

const (
	queued  = 256 // failures that wait at most; what comes then is left out
	sending = 100 // reports that are on their way at most
	patient = 10 * time.Second
)

// Options say where to and as whom.
type Options struct {
	DSN         string
	Release     string
	Environment string
}

// Failure is what went wrong. All of it but Err is sent as it is: it must name
// nobody.
type Failure struct {
	// What happened, a constant: "request", "job", "rollback".
	What string
	// Warning: it will be tried again, or was put right.
	Warning bool
	// Tags are names that the code has chosen: a route's pattern, a kind of job.
	Tags map[string]string
	// Err is looked at for its kind, its types and where it came from.
	Err error
}

// Reporter sends failures. Nil is one that sends nothing. Close it.
type Reporter struct {
	client *sentry.Client
	queue  chan Failure
	ended  chan struct{}

	mu     sync.RWMutex // guards the end of queue
	closed bool
}

// Open begins to send to the address, nil when there is none. An address that is
// none is Invalid.
func Open(o Options) (_ *Reporter, err error) {
	if o.DSN == "" {
		return nil, nil
	}
	transport := sentry.NewHTTPTransport()
	transport.BufferSize = sending
	client, err := sentry.NewClient(sentry.ClientOptions{
		Dsn: o.DSN, Release: o.Release, Environment: o.Environment, Transport: transport, HTTPClient: client(),
		Integrations: func([]sentry.Integration) []sentry.Integration { return nil }, BeforeSend: scrub, MaxBreadcrumbs: -1, DisableClientReports: true,
	})
	if err != nil {
		return nil, fault.New(fault.Invalid, "SENTRY_DSN is no address of Sentry's: copy it from the project's settings, as in https://key@host/number")
	}
	r := &Reporter{client: client, queue: make(chan Failure, queued), ended: make(chan struct{})}
	go r.run()
	return r, nil
}

// client goes through the proxy that the machine has, and where it is told to
// alone.
func client() *http.Client {
	return &http.Client{
		Timeout: patient, Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConns: 1, IdleConnTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Report queues a failure. It does not wait.
func (r *Reporter) Report(f Failure) {
	if r == nil {
		return
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.closed {
		return
	}
	select {
	case r.queue <- f:
	default: // as many as wait already tell enough
	}
}

// Close sends what waits, for as long as is said.
func (r *Reporter) Close(ctx context.Context) {
	if r == nil {
		return
	}
	r.mu.Lock()
	if !r.closed {
		r.closed = true
		close(r.queue)
	}
	r.mu.Unlock()
	select {
	case <-r.ended:
		r.client.FlushWithContext(ctx)
	case <-ctx.Done():
	}
}

func (r *Reporter) run() {
	defer close(r.ended)
	scope := sentry.NewScope() // an empty one: nothing is gathered between two reports
	for f := range r.queue {
		r.client.CaptureEvent(event(f), nil, scope)
	}
}
