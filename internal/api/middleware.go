package api

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"navidocs/internal/fault"
	"navidocs/internal/integration"
)

type contextKey int

const (
	requestKey contextKey = iota
	actorKey
)

// request is what the middleware knows of a request before anyone signed in.
type request struct {
	id      string
	path    string
	address string
	start   time.Time
	// user is filled in when somebody is signed in; for the log.
	user string
	// cause is filled in when an answer hides an internal error; for the log.
	cause error
	// panicked is filled in when the operation panicked; the log has it by then.
	panicked *fault.PanicError
	// onMachine says that it comes from the server's own machine.
	onMachine bool
	// foreign says that a page of another site sent it, as its browser tells.
	foreign bool
	// connection is what the request came over.
	connection *http.ResponseController
}

// bodyRead lifts the deadline for reading the body, once that is done; the
// framework does so only where a body came. Left in place, it would cut off
// whatever takes longer: a server takes a connection that cannot be read any more
// for a client that is gone, and ends its request.
func (r *request) bodyRead() {
	if r.connection != nil {
		_ = r.connection.SetReadDeadline(time.Time{}) // a test's recorder has none
	}
}

func requestOf(ctx context.Context) *request {
	r, ok := ctx.Value(requestKey).(*request)
	if !ok {
		return &request{}
	}
	return r
}

func requestID(ctx context.Context) string { return requestOf(ctx).id }

// chain is what every request passes, outermost first.
func (a *API) chain(next http.Handler) http.Handler {
	return a.begin(a.recoverPanics(a.headers(a.cors(next))))
}

// begin names the request, finds its address, and writes its one log line.
func (a *API) begin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get("X-Request-Id")
		if !plainID(id) {
			id = uuid.NewString()
		}
		info := &request{id: id, path: r.URL.Path, address: a.clientAddress(r), start: a.config.Now(), foreign: a.pages.Check(r) != nil}
		info.onMachine = onMachine(r, info.address)
		ctx, traced := a.config.Trace(r.Context(), r.Method)
		r = r.WithContext(context.WithValue(ctx, requestKey, info))
		w.Header().Set("X-Request-Id", id)
		rec := &statusWriter{ResponseWriter: w}
		info.connection = http.NewResponseController(rec)
		next.ServeHTTP(rec, r)
		traced(r.Pattern, rec.code())
		a.logRequest(r, rec, info)
	})
}

func plainID(s string) bool {
	return len(s) >= 8 && len(s) <= 64 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == ""
}

func (a *API) logRequest(r *http.Request, w *statusWriter, info *request) {
	took := a.config.Now().Sub(info.start)
	a.config.Observe(r.Method, r.Pattern, w.code(), took)
	level := slog.LevelInfo
	attrs := []slog.Attr{
		slog.String("request_id", info.id), slog.String("method", r.Method), slog.String("route", r.Pattern),
		slog.Int("status", w.code()), slog.Int64("bytes", w.bytes), slog.Float64("duration_ms", float64(took.Microseconds())/1000),
	}
	if info.user != "" {
		attrs = append(attrs, slog.String("user_id", info.user))
	}
	if w.code() >= http.StatusInternalServerError {
		level = slog.LevelError
		if info.cause != nil {
			attrs = append(attrs, slog.String("error", info.cause.Error()))
		}
		a.report(r, w, info)
	}
	a.config.Log.LogAttrs(r.Context(), level, "request", attrs...)
}

// report tells whoever gathers failures of an answer that nobody wanted: not of
// one that was given on purpose, as in a maintenance, or that nobody waited for.
func (a *API) report(r *http.Request, w *statusWriter, info *request) {
	f := Failure{Method: r.Method, Route: r.Pattern, Status: w.code(), RequestID: info.id, Err: info.cause}
	if info.panicked != nil {
		f.Err = info.panicked
	}
	if f.Err != nil && !errors.Is(f.Err, context.Canceled) {
		a.config.Report(f)
	}
}

// statusWriter remembers what was answered.
type statusWriter struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (w *statusWriter) code() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush implements http.Flusher for event streams.
func (w *statusWriter) Flush() { _ = w.FlushError() } // the next write fails too

// FlushError tells http.ResponseController whether the bytes have left.
func (w *statusWriter) FlushError() error {
	return http.NewResponseController(w.ResponseWriter).Flush()
}

func (a *API) recoverPanics(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(p)
			}
			a.config.Log.ErrorContext(r.Context(), "panic", "request_id", requestID(r.Context()), "error", p, "stack", string(debug.Stack()))
			requestOf(r.Context()).panicked = fault.Panicked(p)
			writeProblem(w, r, newProblem(http.StatusInternalServerError, "something went wrong on our side; the request id helps to find out what"))
		}()
		next.ServeHTTP(w, r)
	})
}

// headers are the ones that every answer carries.
func (a *API) headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		if strings.HasPrefix(a.config.BaseURL, "https://") {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
		if strings.HasPrefix(r.URL.Path, "/api/") {
			h.Set("Cache-Control", "no-store")
		}
		next.ServeHTTP(w, r)
	})
}

// ownPages tell apart what pages of this server, and of the origins that may call
// it, send from what others do: by Sec-Fetch-Site, else by Origin.
func ownPages(c Config) *http.CrossOriginProtection {
	pages := http.NewCrossOriginProtection()
	for _, origin := range append([]string{originOf(c.BaseURL)}, c.CORSOrigins...) {
		if err := pages.AddTrustedOrigin(origin); err != nil && origin != "" {
			c.Log.Warn("origin", "origin", origin, "error", err)
		}
	}
	return pages
}

// originOf is the scheme, host and port of an address.
func originOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// cors answers browsers of the other origins that are allowed, if any.
func (a *API) cors(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Origin")
		origin := r.Header.Get("Origin")
		if !slices.Contains(a.config.CORSOrigins, origin) {
			next.ServeHTTP(w, r)
			return
		}
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Credentials", "true")
		h.Set("Access-Control-Expose-Headers", "ETag, Link, Location, X-Total-Count, X-Request-Id, Retry-After")
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE")
			h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match, Idempotency-Key, X-Organization-Id, X-Request-Id, X-Client")
			h.Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// clientAddress is the peer's, or the one that a trusted proxy forwards: the
// last address in X-Forwarded-For that is not itself a trusted proxy.
func (a *API) clientAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr // a unix socket has no port
	}
	if !a.trusted(host) {
		return host
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop := strings.TrimSpace(hops[i])
		if _, err := netip.ParseAddr(hop); err != nil {
			break
		}
		if host = hop; !a.trusted(hop) {
			break
		}
	}
	return host
}

func (a *API) trusted(host string) bool {
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	for _, p := range a.config.TrustedProxies {
		if p.Contains(addr.Unmap()) {
			return true
		}
	}
	return false
}

// router answers what no route takes in our own form, and passes the rest on.
func router(first, mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := first.Handler(r); pattern != "" {
			first.ServeHTTP(w, r)
			return
		}
		h, pattern := mux.Handler(r)
		if pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		probe := &probeWriter{header: http.Header{}}
		h.ServeHTTP(probe, r)
		switch {
		case probe.status == http.StatusMethodNotAllowed:
			p := newProblem(probe.status, "this address does not take "+r.Method+"; it takes "+probe.header.Get("Allow"))
			p.headers.Set("Allow", probe.header.Get("Allow"))
			writeProblem(w, r, p)
		case probe.status >= 300 && probe.status < 400:
			http.Redirect(w, r, probe.header.Get("Location"), probe.status)
		default:
			writeProblem(w, r, newProblem(http.StatusNotFound, "there is nothing at this address; GET /api/docs lists what there is"))
		}
	})
}

// routes puts into first what the standard mux would not tell from another
// pattern, and refuse: a fixed word where the other has a parameter, and the
// other way round.
type routes struct{ first, rest *http.ServeMux }

// HandleFunc implements humago.Mux.
func (r routes) HandleFunc(pattern string, h func(http.ResponseWriter, *http.Request)) {
	mux := r.rest
	if pattern == http.MethodPost+" "+integration.ConfirmPath+"{nonce}" { // as POST .../{id}/test
		mux = r.first
	}
	mux.HandleFunc(pattern, h)
}

// ServeHTTP implements humago.Mux.
func (r routes) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	router(r.first, r.rest).ServeHTTP(w, req)
}

// probeWriter takes the mux's own answer to see what it would be.
type probeWriter struct {
	header http.Header
	status int
}

func (p *probeWriter) Header() http.Header         { return p.header }
func (p *probeWriter) Write(b []byte) (int, error) { return len(b), nil }
func (p *probeWriter) WriteHeader(status int)      { p.status = status }
