package keeper

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"navidocs/internal/fault"
)

// Process is what one process does. It runs once.
type Process struct {
	// Listener is where Server accepts; nil for a worker alone. Other processes
	// may hold the same socket: what this one does not take, they do.
	Listener net.Listener
	// Server answers, over TLS when it has a TLSConfig. Its hooks (Handler,
	// ConnState, ConnContext) are kept, its BaseContext and, with TLS, its
	// TLSNextProto are replaced.
	Server *http.Server
	// Ready is told whether new requests are welcome; may be nil.
	Ready func(bool)
	// Streams is told that the drain begins, when nobody is accepted any more;
	// may be nil. Answers that have no end of their own, such as event streams,
	// watch Draining.
	Streams func()
	// Work does background work until its context ends, and returns when what it
	// had in hand is finished or given back; nil for a server alone.
	Work func(context.Context) error
	// Close lets go of what Server and Work use; may be nil.
	Close  func() error
	Log    *slog.Logger
	Limits Limits
}

// Limits bound a stop; zero means what is said.
type Limits struct {
	// Drain is how long connections may stay open: 30 s.
	Drain time.Duration
	// Idle is how long one that asks nothing may, so that the idle connection of
	// a browser does not use up Drain: 5 s.
	Idle time.Duration
	// Cut is how long the server's own shutdown may take after that, and after
	// it the handlers whose connections were cut: 3 s each.
	Cut time.Duration
}

func (l Limits) orDefault() Limits {
	for of, otherwise := range map[*time.Duration]time.Duration{&l.Drain: 30 * time.Second, &l.Idle: 5 * time.Second, &l.Cut: 3 * time.Second} {
		if *of == 0 {
			*of = otherwise
		}
	}
	return l
}

// Run serves and works until ctx ends or a part fails, drains, and closes. Its
// error is what made a part fail; that a client had to be cut off is none, and
// is logged.
//
// The drain: from now on every answer ends its connection, or its client is asked
// to leave it (HTTP/2) -> stop accepting, who
// waits in the kernel's queue being let in -> not ready -> streams end -> wait
// until no connection is open -> shut down, cut off what is left -> close. Work
// stops at the same time, so that a stop takes no longer than the longer of the
// two.
func (p *Process) Run(ctx context.Context) (err error) {
	defer fault.Wrap(&err, "keeper.Process.Run")
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var parts sync.WaitGroup
	var served, worked, closed error
	run := func(part func(context.Context) error, err *error) {
		parts.Go(func() {
			if *err = part(ctx); *err != nil {
				stop()
			}
		})
	}
	if p.Listener != nil {
		run(p.serve, &served)
	}
	if p.Work != nil {
		run(p.Work, &worked)
	}
	parts.Wait()
	if p.Close != nil {
		closed = p.Close()
	}
	return errors.Join(served, worked, closed)
}

// serve answers until ctx ends or the server fails, and drains.
func (p *Process) serve(ctx context.Context) error {
	limits := p.Limits.orDefault()
	// Requests outlive ctx: what is in hand when it ends still finishes.
	ending := make(chan struct{})
	base, cut := context.WithCancel(context.WithValue(context.WithoutCancel(ctx), drainKey{}, (<-chan struct{})(ending)))
	defer cut()
	open := newConns(limits.Idle)
	open.attach(base, p.Server)
	g := &gate{Listener: p.Listener}
	ended := make(chan error, 1)
	go func() { ended <- p.accept(g) }()
	p.ready(true)
	var err error
	select {
	case err = <-ended:
		open.drain()
	case <-ctx.Done():
		open.drain() // before who waits is let in: they are to be told as well
		g.shut()
		err = <-ended
	}
	p.ready(false)
	if errors.Is(err, errShut) {
		err = nil
	}
	close(ending)
	return errors.Join(err, p.drain(base, open, limits, cut))
}

type drainKey struct{}

// Draining is closed when the drain begins of the Process that serves a request,
// so that an answer without an end can tell its reader to come back. For the
// context of anything else it is nil.
func Draining(ctx context.Context) <-chan struct{} {
	ending, _ := ctx.Value(drainKey{}).(<-chan struct{})
	return ending
}

func (p *Process) accept(l net.Listener) error {
	if p.Server.TLSConfig != nil {
		return p.Server.ServeTLS(l, "", "")
	}
	return p.Server.Serve(l)
}

func (p *Process) ready(yes bool) {
	if p.Ready != nil {
		p.Ready(yes)
	}
}

// drain lets the connections end that are open, then ends them.
//
// http.Server.Shutdown comes last because it closes idle connections at once: a
// request that is on its way on one of them is lost, which at a round trip of
// 80 ms is one request in thirty. SetKeepAlivesEnabled does the same.
func (p *Process) drain(ctx context.Context, open *conns, limits Limits, cut func()) error {
	p.Log.Info("draining", "connections", open.count())
	if p.Streams != nil {
		p.Streams()
	}
	if !open.until(limits.Drain, open.gone) {
		p.Log.Warn("connections are cut off that did not end in time", "connections", open.count(), "limit", limits.Drain.String())
	}
	short, cancel := context.WithTimeout(ctx, limits.Cut)
	defer cancel()
	if p.Server.Shutdown(short) == nil {
		return nil
	}
	cut()
	err := p.Server.Close()
	if !open.until(limits.Cut, open.quiet) {
		p.Log.Warn("requests are left behind that do not heed their context", "connections", open.count())
	}
	return err
}
