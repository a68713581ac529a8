package keeper

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// conns knows the open connections of a server and lets them end.
type conns struct {
	draining atomic.Bool
	idle     time.Duration
	// changed wakes the one who waits in until.
	changed chan struct{}

	// mu guards what follows, and the connections' own fields.
	mu      sync.Mutex
	open    map[net.Conn]*conn
	left    int // open ones that wait for the server's shutdown
	running int // handlers
}

// conn is one open connection.
type conn struct {
	ctx   context.Context        // of its requests
	two   atomic.Pointer[framed] // when it speaks HTTP/2
	busy  bool                   // has a request in hand
	left  bool                   // is left to the server's shutdown
	timer *time.Timer            // closes it when it stays idle in the drain
}

type connKey struct{}

func newConns(idle time.Duration) *conns {
	return &conns{idle: idle, changed: make(chan struct{}, 1), open: map[net.Conn]*conn{}}
}

// attach hears of every connection and request of a server.
func (c *conns) attach(base context.Context, s *http.Server) {
	handler, state, connContext := s.Handler, s.ConnState, s.ConnContext
	s.BaseContext = func(net.Listener) context.Context { return base }
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { c.serve(handler, w, r) })
	s.ConnContext = func(ctx context.Context, nc net.Conn) context.Context {
		if connContext != nil {
			ctx = connContext(ctx, nc)
		}
		return c.add(ctx, nc).ctx
	}
	s.ConnState = func(nc net.Conn, to http.ConnState) {
		if state != nil {
			state(nc, to)
		}
		c.moved(nc, to)
	}
	if s.TLSConfig == nil {
		return
	}
	h := newH2(base, s)
	s.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){
		"h2": func(_ *http.Server, tc *tls.Conn, _ http.Handler) { c.second(h, tc) },
	}
}

// serve passes a request on. In the drain its answer says that it is the last
// one of its connection. For HTTP/2 the server would make of that the GOAWAY
// that loses what is on its way.
func (c *conns) serve(next http.Handler, w http.ResponseWriter, r *http.Request) {
	k, _ := r.Context().Value(connKey{}).(*conn)
	if f := k.two.Load(); f != nil {
		r.TLS = f.tls
	} else if c.draining.Load() {
		w.Header().Set("Connection", "close")
	}
	c.handlers(1)
	defer c.handlers(-1)
	next.ServeHTTP(w, r)
}

func (c *conns) handlers(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running += n
	c.tell()
}

// tell wakes until; a wake-up that is still there says the same.
func (c *conns) tell() {
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

func (c *conns) add(ctx context.Context, nc net.Conn) *conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := &conn{}
	k.ctx = context.WithValue(ctx, connKey{}, k)
	c.open[nc] = k
	return k
}

// second gives a connection that speaks HTTP/2 to who serves it.
func (c *conns) second(h *h2, tc *tls.Conn) {
	c.mu.Lock()
	k := c.open[tc]
	f := newFramed(k.ctx, tc)
	f.leaving = c.draining.Load()
	k.two.Store(f)
	c.mu.Unlock()
	h.serve(f)
}

// moved is told what becomes of a connection.
func (c *conns) moved(nc net.Conn, to http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.open[nc]
	if k == nil {
		return // closed already
	}
	if k.timer != nil {
		k.timer.Stop()
		k.timer = nil
	}
	if k.left {
		k.left = false
		c.left--
	}
	switch to {
	case http.StateClosed, http.StateHijacked:
		delete(c.open, nc)
	case http.StateActive:
		k.busy = true
	default:
		k.busy = false
		c.watch(nc, k)
	}
	c.tell()
}

// watch gives an idle connection its time, once the drain has begun.
func (c *conns) watch(nc net.Conn, k *conn) {
	if !c.draining.Load() {
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(c.idle, func() {
		c.mu.Lock()
		idle := k.timer == timer
		if idle && k.two.Load() != nil {
			// It has been asked to leave; the rest is the server's shutdown.
			k.left, idle = true, false
			c.left++
			c.tell()
		}
		c.mu.Unlock()
		if idle {
			_ = nc.Close() // the server sees it and tells moved
		}
	})
	k.timer = timer
}

// drain makes every answer from now on the last one of its connection, or asks
// its client to leave it.
func (c *conns) drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.draining.Store(true)
	for nc, k := range c.open {
		if f := k.two.Load(); f != nil {
			go f.leave() // it waits for a client that does not read, until the connection ends
		}
		if !k.busy {
			c.watch(nc, k)
		}
	}
}

// until waits until something holds, and reports whether it did in time.
func (c *conns) until(limit time.Duration, holds func() bool) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for !holds() {
		select {
		case <-c.changed:
		case <-timer.C:
			return holds()
		}
	}
	return true
}

// gone says whether nothing is open but what is left to the server's shutdown.
func (c *conns) gone() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open) == c.left
}

// quiet says whether no connection is open and no handler runs.
func (c *conns) quiet() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open) == 0 && c.running == 0
}

func (c *conns) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open)
}
