// Package mailbox reads the operator's mailbox (IMAP), into which bounces and
// papers come.
//
// It guarantees: whoever visits is handed every unread mail that they want, of
// bounded size; one is marked as read when they say that it was theirs, and is
// otherwise left as it is, for others and for people. No mail keeps the others
// from being read, whatever it holds. The flag is the whole state: a visit that
// breaks off hands out again what it had not marked, so that handling a mail
// must be safe to repeat. What a mail means is left to the visitor.
package mailbox

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"

	"navidocs/internal/fault"
)

// Config says where the mailbox is and whose.
type Config struct {
	Host string
	// Port 993 is encrypted from the start, others by STARTTLS; a server of this
	// machine alone may speak plainly. 0 means 993.
	Port           int
	ImplicitTLS    bool // encrypted from the start on another port too
	User, Password string
	Name           string         // of the mailbox, "" means INBOX
	RootCAs        *x509.CertPool // nil: those of the system
	// Timeout is the longest wait for each answer of the server; 0 means 30 s.
	Timeout time.Duration
}

const (
	implicitTLS    = 993
	defaultTimeout = 30 * time.Second
)

// Mailbox is one of one server. It holds no connection between visits and is
// safe for concurrent use.
type Mailbox struct{ config Config }

// New checks the configuration; it connects to nothing.
func New(c Config) (_ *Mailbox, err error) {
	defer fault.Wrap(&err, "mailbox.New")
	if c.Host == "" || c.User == "" || c.Password == "" {
		return nil, fault.New(fault.Invalid, "a mailbox needs the name of its server, a user and a password")
	}
	c.Port, c.Name, c.Timeout = cmp.Or(c.Port, implicitTLS), cmp.Or(c.Name, "INBOX"), cmp.Or(c.Timeout, defaultTimeout)
	c.ImplicitTLS = c.ImplicitTLS || c.Port == implicitTLS
	return &Mailbox{config: c}, nil
}

// session is a connection with its mailbox open.
type session struct {
	*imapclient.Client
	conn    net.Conn // beneath; closed when a step takes too long
	timeout time.Duration
}

// open connects, signs in and opens the mailbox. Close the session.
func (m *Mailbox) open(ctx context.Context) (_ *session, err error) {
	s, err := m.connect(ctx)
	if err != nil {
		return nil, m.unreachable(err)
	}
	defer func() {
		if err != nil {
			_ = s.Close()
		}
	}()
	if err := s.step(ctx, func() error { return m.signIn(s.Client) }); err != nil {
		return nil, m.refused(err, "does not let the user in", "check IMAP_USER and IMAP_PASSWORD")
	}
	err = s.step(ctx, func() error {
		_, err := s.Select(m.config.Name, nil).Wait()
		return err
	})
	if err != nil {
		return nil, m.refused(err, "does not open the mailbox "+m.config.Name, "check IMAP_MAILBOX")
	}
	return s, nil
}

// connect makes an encrypted connection, or a plain one to this machine when
// the server there knows no encryption.
func (m *Mailbox) connect(ctx context.Context) (*session, error) {
	s, err := m.dial(ctx)
	if err != nil {
		return nil, err
	}
	settings := &imapclient.Options{TLSConfig: &tls.Config{ServerName: m.config.Host, RootCAs: m.config.RootCAs, MinVersion: tls.VersionTLS12}}
	switch {
	case m.config.ImplicitTLS:
		err = s.encrypted(ctx, settings)
	case isLoopback(s.conn.RemoteAddr()):
		var offers bool
		if offers, err = s.plain(ctx, settings); err != nil || !offers {
			break
		}
		_ = s.Close() // the client cannot encrypt what it has begun
		if s, err = m.dial(ctx); err != nil {
			return nil, err
		}
		err = s.startTLS(ctx, settings)
	default:
		err = s.startTLS(ctx, settings)
	}
	if err != nil {
		_ = s.conn.Close()
		return nil, err
	}
	return s, nil
}

func (m *Mailbox) dial(ctx context.Context) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, m.config.Timeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", m.address())
	if err != nil {
		return nil, err
	}
	return &session{conn: conn, timeout: m.config.Timeout}, nil
}

func (m *Mailbox) address() string {
	return net.JoinHostPort(m.config.Host, strconv.Itoa(m.config.Port))
}

// isLoopback reports whether nobody is on the line between.
func isLoopback(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

func (s *session) encrypted(ctx context.Context, settings *imapclient.Options) error {
	return s.step(ctx, func() error {
		secure := tls.Client(s.conn, settings.TLSConfig)
		if err := secure.HandshakeContext(ctx); err != nil {
			return err
		}
		s.Client = imapclient.New(secure, settings)
		return s.WaitGreeting()
	})
}

func (s *session) startTLS(ctx context.Context, settings *imapclient.Options) error {
	return s.step(ctx, func() (err error) {
		s.Client, err = imapclient.NewStartTLS(s.conn, settings)
		return err
	})
}

// plain reports whether the server offers encryption.
func (s *session) plain(ctx context.Context, settings *imapclient.Options) (offers bool, err error) {
	err = s.step(ctx, func() error {
		s.Client = imapclient.New(s.conn, settings)
		if err := s.WaitGreeting(); err != nil {
			return err
		}
		offers = s.Caps().Has(imap.CapStartTLS)
		return nil
	})
	return offers, err
}

// end takes leave.
func (s *session) end(ctx context.Context) {
	_ = s.step(ctx, func() error { return s.Logout().Wait() })
	_ = s.Close()
}

// step does something that waits for the server, which is cut off when that
// takes too long: the client itself waits for ever.
func (s *session) step(ctx context.Context, f func() error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, s.timeout, errSilent)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = s.conn.Close() })
	defer stop()
	err := f()
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// errSilent is why a step was cut off.
var errSilent = errors.New("it did not answer in time")

func (m *Mailbox) signIn(c *imapclient.Client) error {
	if c.Caps().Has(imap.AuthCap(sasl.Plain)) {
		return c.Authenticate(sasl.NewPlainClient("", m.config.User, m.config.Password))
	}
	return c.Login(m.config.User, m.config.Password).Wait()
}

func (m *Mailbox) unreachable(err error) error {
	return fault.Because(err, fault.Unavailable, "the mail server %s cannot be read from: %s", m.address(), m.said(err))
}

// refused says what the server would not do and what to look at, or that it is
// no longer there.
func (m *Mailbox) refused(err error, what, remedy string) error {
	if _, ok := errors.AsType[*imap.Error](err); !ok {
		return m.unreachable(err)
	}
	return fault.New(fault.Unavailable, "the mail server %s %s, and says %q: %s", m.address(), what, m.said(err), remedy)
}

// said is an error for people, without the password, which some servers repeat.
func (m *Mailbox) said(err error) string {
	text := err.Error()
	if answer, ok := errors.AsType[*imap.Error](err); ok {
		text = answer.Text
	}
	if r := []rune(text); len(r) > 200 {
		text = string(r[:200])
	}
	return strings.ReplaceAll(text, m.config.Password, "***")
}
