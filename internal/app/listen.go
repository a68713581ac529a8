package app

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"golang.org/x/sync/errgroup"

	"navidocs/internal/config"
	"navidocs/internal/fault"
	"navidocs/internal/https"
	"navidocs/internal/keeper"
)

// Parts say what a process runs.
type Parts struct{ API, Worker bool }

// Run serves on the listeners, as Listen returns them, and works jobs until ctx
// ends, lets what is in hand finish, and closes the App.
func (a *App) Run(ctx context.Context, parts Parts, listeners []net.Listener) (err error) {
	defer func() { err = errors.Join(err, a.Close()) }()
	group, ctx := errgroup.WithContext(ctx)
	if parts.API {
		var sockets []net.Addr
		for _, l := range listeners {
			sockets = append(sockets, l.Addr())
		}
		if err := a.secure(ctx, sockets); err != nil {
			return err
		}
		for i, l := range listeners {
			p := keeper.Process{Listener: l, Server: a.server(i), Log: a.options.Log}
			if i == 0 {
				p.Ready = a.ready.Store
			}
			group.Go(func() error { return p.Run(ctx) })
		}
		group.Go(func() error { return a.certify(ctx) })
	}
	if parts.Worker {
		group.Go(func() error { return a.work(ctx) })
	}
	return group.Wait()
}

// Shift serves and works as a keeper says until ctx ends or the keeper does, lets
// what is in hand finish, and closes the App.
func (a *App) Shift(ctx context.Context, post *keeper.Post) error {
	sockets, err := post.Addresses()
	if err == nil {
		err = a.secure(ctx, sockets)
	}
	if err != nil {
		return errors.Join(err, a.Close())
	}
	s := keeper.Shift{
		Home: a.options.Config.Home, Post: post, Server: a.server, Ready: a.ready.Store, Beside: a.certify, Work: a.work, Close: a.Close, Log: a.options.Log,
	}
	return s.Run(ctx)
}

// secure reads the certificate of a server that speaks HTTPS itself on the first
// of the sockets. One that is not on a network needs none.
func (a *App) secure(ctx context.Context, sockets []net.Addr) error {
	c := a.options.Config
	if !c.HTTPS() || len(sockets) == 0 || sockets[0].Network() != "tcp" {
		return nil
	}
	o := https.Config{
		CertFile: c.Server.TLSCert, KeyFile: c.Server.TLSKey, Domain: a.base().Hostname(), Dir: c.CertificateDir(), Email: c.Integration.OperatorEmail,
		Directory: c.Server.ACMEDirectory, Secure: sockets[0], Log: a.options.Log,
	}
	if len(sockets) > 1 {
		o.Plain = sockets[1]
	}
	certificates, err := https.New(ctx, o)
	if err == nil {
		a.certificates.Store(certificates)
	}
	return err
}

// certify keeps the certificate fresh until ctx ends.
func (a *App) certify(ctx context.Context) error {
	if c := a.certificates.Load(); c != nil {
		return c.Run(ctx)
	}
	return nil
}

// server is that of one of the public sockets: with HTTPS those after the first
// send everybody there.
func (a *App) server(socket int) *http.Server {
	s := &http.Server{
		Handler: a.API.Handler(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 120 * time.Second, MaxHeaderBytes: 32 << 10,
		ErrorLog: slog.NewLogLogger(handshakes{a.options.Log.Handler()}, slog.LevelWarn),
	}
	c := a.certificates.Load()
	switch {
	case c == nil:
	case socket == 0:
		s.TLSConfig = c.TLS()
	default:
		s.Handler = c.Plain(a.base())
	}
	return s
}

// base is the address where people reach the application.
func (a *App) base() *url.URL {
	u, err := url.Parse(baseURL(a.options.Config))
	if err != nil {
		return &url.URL{Host: "localhost"} // the configuration was checked
	}
	return u
}

// handshakes makes little of TLS handshakes that fail: strangers try all day.
type handshakes struct{ slog.Handler }

// Handle implements slog.Handler.
func (h handshakes) Handle(ctx context.Context, r slog.Record) error {
	if strings.HasPrefix(r.Message, "http: TLS handshake error") {
		if r.Level = slog.LevelDebug; !h.Enabled(ctx, r.Level) {
			return nil
		}
	}
	return h.Handler.Handle(ctx, r)
}

// Listen takes the sockets that systemd or a parent passes (sd_listen_fds(3)), or
// else opens the addresses that the configuration names: that of the API, and
// with HTTPS the one after it that sends plain HTTP there.
func Listen(ctx context.Context, c config.Config) ([]net.Listener, error) {
	if passed := activation.Files(true); len(passed) > 0 {
		return inherited(passed)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", c.Address())
	if err != nil {
		return nil, unheard(err, c.Address(), "Set PORT to another one")
	}
	all := []net.Listener{l}
	if address, ok := c.PlainAddress(); ok {
		l, err := lc.Listen(ctx, "tcp", address)
		if err != nil {
			return nil, errors.Join(unheard(err, address, "It would send plain HTTP to HTTPS; HTTP_PORT=0 does without"), all[0].Close())
		}
		all = append(all, l)
	}
	return all, nil
}

// unheard says why an address cannot be listened on.
func unheard(err error, address, remedy string) error {
	if errors.Is(err, fs.ErrPermission) {
		return fault.Because(err, fault.Unavailable, "not allowed to listen on %s: start NaviDocs by systemd (packaging/navidocs.socket opens ports for it). %s", address, remedy)
	}
	return fault.Because(err, fault.Unavailable, "cannot listen on %s: is another server running? %s", address, remedy)
}

func inherited(passed []*os.File) (all []net.Listener, err error) {
	for _, f := range passed {
		l, lerr := net.FileListener(f)
		if lerr != nil {
			err = fault.Because(errors.Join(err, lerr), fault.Invalid, "%s, which was passed by LISTEN_FDS, is no listening socket: use ListenStream= in the unit, or unset LISTEN_FDS", f.Name())
		} else {
			all = append(all, l)
		}
		err = errors.Join(err, f.Close()) // the listener has a descriptor of its own
	}
	if err != nil {
		for _, l := range all {
			err = errors.Join(err, l.Close())
		}
		return nil, err
	}
	return all, nil
}
