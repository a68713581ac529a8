package keeper

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
)

// h2 serves the connections of a server on which HTTP/2 is spoken over TLS,
// so that their clients can be asked to leave without a request being lost.
//
// net/http says a single GOAWAY, with the newest request that it has seen: those
// that are on their way are dropped, and lost to a client that cannot send them
// again. RFC 9113 (6.8) has a first one that refuses nothing yet. Only between
// the server and TLS can it be put in, and there net/http lets nobody: so TLS is
// its business as before, and what it decrypts is served by a second server.
type h2 struct {
	inner *http.Server
	calls chan net.Conn
	once  sync.Once
	shut  chan struct{}
}

// newH2 serves as s does, from which the connections come.
func newH2(base context.Context, s *http.Server) *h2 {
	h := &h2{calls: make(chan net.Conn), shut: make(chan struct{})}
	h.inner = &http.Server{
		Handler: s.Handler, ErrorLog: s.ErrorLog, Protocols: new(http.Protocols), HTTP2: s.HTTP2, MaxHeaderBytes: s.MaxHeaderBytes,
		ReadTimeout: s.ReadTimeout, ReadHeaderTimeout: s.ReadHeaderTimeout, WriteTimeout: s.WriteTimeout, IdleTimeout: s.IdleTimeout,
		BaseContext: func(net.Listener) context.Context { return base },
		ConnContext: func(_ context.Context, c net.Conn) context.Context { return c.(*framed).ctx },
		ConnState: func(c net.Conn, to http.ConnState) {
			if to == http.StateActive || to == http.StateIdle { // s itself tells the others
				s.ConnState(c.(*framed).Conn, to)
			}
		},
	}
	h.inner.Protocols.SetUnencryptedHTTP2(true)
	s.RegisterOnShutdown(func() { _ = h.inner.Shutdown(base) })
	go func() { _ = h.inner.Serve(h) }()
	return h
}

// serve returns when the connection has ended.
func (h *h2) serve(f *framed) {
	select {
	case h.calls <- f:
		<-f.closed
	case <-h.shut:
	}
}

// Accept, Close and Addr implement net.Listener.

func (h *h2) Accept() (net.Conn, error) {
	select {
	case c := <-h.calls:
		return c, nil
	case <-h.shut:
		return nil, net.ErrClosed
	}
}

func (h *h2) Close() error {
	h.once.Do(func() { close(h.shut) })
	return nil
}

func (h *h2) Addr() net.Addr { return &net.TCPAddr{} }

// framed is a connection on which HTTP/2 is spoken over TLS.
type framed struct {
	net.Conn
	ctx    context.Context // of its requests; net/http asks for it when it takes the connection
	tls    *tls.ConnectionState
	once   sync.Once
	closed chan struct{}

	mu      sync.Mutex // guards what is written
	frames  frames
	leaving bool
}

func newFramed(ctx context.Context, c *tls.Conn) *framed {
	state := c.ConnectionState()
	return &framed{Conn: c, ctx: ctx, tls: &state, closed: make(chan struct{})}
}

func (f *framed) Close() error {
	defer f.once.Do(func() { close(f.closed) })
	return f.Conn.Close()
}

func (f *framed) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.Conn.Write(p)
	f.frames.follow(p[:n])
	if err == nil {
		err = f.goAway()
	}
	return n, err
}

// leave asks the client to send what comes next elsewhere. It waits for who
// writes.
func (f *framed) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.leaving = true
	_ = f.goAway() // who reads or writes next meets the error as well
}

// goAway is said once, and not after the server's own.
func (f *framed) goAway() error {
	if !f.leaving || f.frames.goneAway || !f.frames.between() {
		return nil
	}
	f.frames.goneAway = true
	_, err := f.Conn.Write([]byte{0, 0, 8, frameGoAway, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0})
	return err
}

// Types and flags of frames (RFC 9113, 6).
const (
	frameHeaders      = 0x1
	framePushPromise  = 0x5
	frameGoAway       = 0x7
	frameContinuation = 0x9
	flagEndHeaders    = 0x4
)

// frames follows the frames of HTTP/2 that are written, however they are cut.
type frames struct {
	header   [9]byte
	have     int  // of header
	payload  int  // bytes that are to come
	block    bool // of headers is not at its end: nothing may come between
	begun    bool // with SETTINGS, which must be the first
	goneAway bool
}

func (f *frames) follow(p []byte) {
	for len(p) > 0 {
		if f.payload > 0 {
			n := min(f.payload, len(p))
			f.payload -= n
			p = p[n:]
			continue
		}
		n := copy(f.header[f.have:], p)
		f.have += n
		p = p[n:]
		if f.have == len(f.header) {
			f.have = 0
			f.frame()
		}
	}
}

// frame is told of a whole header.
func (f *frames) frame() {
	f.begun = true
	f.payload = int(f.header[0])<<16 | int(f.header[1])<<8 | int(f.header[2])
	switch f.header[3] {
	case frameHeaders, framePushPromise, frameContinuation:
		f.block = f.header[4]&flagEndHeaders == 0
	case frameGoAway:
		f.goneAway = true
	}
}

// between says whether a frame may be put in.
func (f *frames) between() bool {
	return f.begun && f.have == 0 && f.payload == 0 && !f.block
}
