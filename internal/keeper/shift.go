package keeper

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"navidocs/internal/fault"
)

// Post is what a server gets from its keeper: the public sockets and a
// connection for orders.
type Post struct {
	Listeners []*os.File
	control   net.Conn
}

// Addresses are where the public sockets listen, at least one.
func (p *Post) Addresses() (all []net.Addr, err error) {
	if len(p.Listeners) == 0 {
		return nil, fault.New(fault.Invalid, "the keeper has passed no socket")
	}
	for _, f := range p.Listeners {
		l, err := net.FileListener(f)
		if err == nil {
			all = append(all, l.Addr())
			err = l.Close()
		}
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Shift is the child's side: a server that answers on a private socket as long
// as it lives, and serves in public and works when its keeper says so, each any
// number of times. It runs once.
type Shift struct {
	// Home is the installation's folder.
	Home string
	Post *Post
	// Server makes the server of a public socket, by its place in Post; each
	// period of serving has one of its own. The private socket has the first one,
	// without its TLSConfig.
	Server func(socket int) *http.Server
	// Beside is done for as long as it serves in public, and returns when its
	// context ends; may be nil. It begins again with each period.
	Beside func(context.Context) error
	// Ready is told whether new requests are welcome; may be nil.
	Ready func(bool)
	// Work is as in Process, and is called again after it returned.
	Work func(context.Context) error
	// Close lets go of what Server and Work use; may be nil.
	Close  func() error
	Log    *slog.Logger
	Limits Limits

	serving, working duty
	writing          sync.Mutex // one line at a time on the control descriptor
	parts            sync.WaitGroup
	failing          chan struct{} // closed when a part has failed
	failure          sync.Once
	failed           error // of the first part that did
}

// duty is something that is done for a while, again and again.
type duty struct {
	mu  sync.Mutex // held while it begins or ends
	off func()     // ends it; nil while it is not done
}

// Run answers on the private socket and does as the keeper says until ctx ends,
// the keeper does, or a part fails. Then it drains, lets the jobs in hand end,
// and closes.
func (s *Shift) Run(ctx context.Context) (err error) {
	defer fault.Wrap(&err, "keeper.Shift.Run")
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s.failing = make(chan struct{})
	path := privateSocket(s.Home, os.Getpid())
	l, err := listenPrivate(ctx, path)
	if err != nil {
		return errors.Join(err, s.close())
	}
	s.parts.Go(func() { s.part(s.process(0, l, nil).Run(ctx)) })
	if err := s.say(report{Hello: &hello{Socket: path, State: stateVersion}}); err == nil { // else the keeper has died
		go s.obey(ctx, stop)
		select {
		case <-ctx.Done():
		case <-s.failing:
		}
	}
	stop() // from now on no duty begins
	_ = errors.Join(s.turn(ctx, &s.serving, false, nil), s.turn(ctx, &s.working, false, nil))
	s.parts.Wait()
	return errors.Join(s.failed, os.Remove(path), s.Post.control.Close(), s.close())
}

func (s *Shift) close() error {
	if s.Close == nil {
		return nil
	}
	return s.Close()
}

// part notes how a part has ended.
func (s *Shift) part(err error) {
	if err == nil {
		return
	}
	s.failure.Do(func() {
		s.failed = err
		close(s.failing)
	})
}

// obey does what the keeper says, until it says no more: then it has died, or
// wants an end.
func (s *Shift) obey(ctx context.Context, stop context.CancelFunc) {
	defer stop()
	in := bufio.NewReader(s.Post.control)
	for {
		line, err := readLine(in, longestReport)
		if err != nil {
			return
		}
		var o order
		if err := json.Unmarshal(line, &o); err != nil || o.Do == orderExit {
			return
		}
		go func() { // the end of the jobs takes its time, in which serving may have to begin
			r := report{ID: o.ID}
			if err := s.follow(ctx, o); err != nil {
				r.Error = err.Error()
			}
			_ = s.say(r) // a keeper that has died needs no answer
		}()
	}
}

func (s *Shift) follow(ctx context.Context, o order) error {
	switch o.Do {
	case orderServe:
		return s.turn(ctx, &s.serving, o.On, func() (func(), error) { return s.serve(ctx) })
	case orderWork:
		return s.turn(ctx, &s.working, o.On, func() (func(), error) { return s.work(ctx), nil })
	default:
		return fault.New(fault.Unsupported, "this release does not know how to %q: the keeper is newer", o.Do)
	}
}

// turn begins or ends a duty; what is so already stays. None begins after ctx.
func (s *Shift) turn(ctx context.Context, d *duty, on bool, begin func() (off func(), err error)) (err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case on && ctx.Err() != nil:
		return ctx.Err()
	case on && d.off == nil:
		d.off, err = begin()
	case !on && d.off != nil:
		d.off()
		d.off = nil
	}
	return err
}

// process serves on the listener of a socket; drains is told when it has begun
// to drain, and is nil for the private one.
func (s *Shift) process(socket int, l net.Listener, drains func()) *Process {
	server := s.Server(socket)
	if drains == nil {
		server.TLSConfig = nil // the private socket needs none
	}
	return &Process{Listener: l, Server: server, Streams: drains, Log: s.Log, Limits: s.Limits}
}

// serve begins a period of serving. Its off returns when nobody is accepted any
// more and the drain has begun, which goes on beside what comes next.
func (s *Shift) serve(ctx context.Context) (off func(), err error) {
	var listeners []net.Listener
	for _, f := range s.Post.Listeners {
		l, err := net.FileListener(f)
		if err != nil {
			for _, l := range listeners {
				err = errors.Join(err, l.Close())
			}
			return nil, err
		}
		listeners = append(listeners, l)
	}
	period, end := context.WithCancel(context.WithoutCancel(ctx))
	var draining sync.WaitGroup
	for i, l := range listeners {
		draining.Add(1)
		p := s.process(i, l, sync.OnceFunc(draining.Done))
		s.parts.Go(func() { s.part(p.Run(period)) })
	}
	if s.Beside != nil {
		s.parts.Go(func() { s.part(s.Beside(period)) })
	}
	s.ready(true)
	return func() { end(); draining.Wait(); s.ready(false) }, nil
}

func (s *Shift) ready(yes bool) {
	if s.Ready != nil {
		s.Ready(yes)
	}
}

// work begins a period of work. Its off returns when the jobs in hand have ended.
func (s *Shift) work(ctx context.Context) (off func()) {
	if s.Work == nil {
		return func() {}
	}
	period, end := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	s.parts.Go(func() {
		defer close(ended)
		s.part(s.Work(period))
	})
	return func() { end(); <-ended }
}

// say sends a line to the keeper.
func (s *Shift) say(r report) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	late := time.AfterFunc(10*time.Second, func() { _ = s.Post.control.SetWriteDeadline(time.Unix(1, 0)) })
	defer late.Stop()
	_, err = s.Post.control.Write(append(line, '\n'))
	return err
}
