package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"net"
	"net/textproto"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"navidocs/internal/fault"
)

// EmailConfig says how mails leave and as whose.
type EmailConfig struct {
	Host string
	// Port 465 is encrypted from the start; on others STARTTLS is used where the
	// server offers it, and demanded when there is a password. 0 means 587.
	Port           int
	ImplicitTLS    bool   // encrypted from the start on another port too
	User, Password string // both empty: no authentication
	From, FromName string
	// BounceDomain is the domain of return paths, bounce+<ID>@; "" means From's.
	BounceDomain string
	DKIM         DKIM
	RootCAs      *x509.CertPool // nil: those of the system
	Timeout      time.Duration  // of a whole mail, 0 means 60 s
	Now          func() time.Time
}

const (
	implicitTLS   = 465
	submission    = 587
	emailTimeout  = 60 * time.Second
	farewellLimit = 2 * time.Second
)

// EmailSender hands mails to one SMTP server, each over its own connection.
//
// Every answer of class 5 to the mail is Refused, or Gone when it says that
// there is no such mailbox. What says nothing about the mail (no connection,
// no encryption, a password that is not taken) and every answer of class 4 is
// Deferred. So is a connection lost after the last dot: the mail may arrive
// twice then, under one Message-ID, rather than never.
type EmailSender struct {
	config EmailConfig
	*composer
}

var _ Sender = (*EmailSender)(nil)

// NewEmail checks the configuration; it connects to nothing.
func NewEmail(c EmailConfig) (_ *EmailSender, err error) {
	defer fault.Wrap(&err, "notify.NewEmail")
	if c.Host == "" {
		return nil, fault.New(fault.Invalid, "mails need the name of an SMTP server")
	}
	if c.Port == 0 {
		c.Port = submission
	}
	c.ImplicitTLS = c.ImplicitTLS || c.Port == implicitTLS
	if (c.User == "") != (c.Password == "") {
		return nil, fault.New(fault.Invalid, "an SMTP user needs a password, and a password a user")
	}
	if c.Timeout <= 0 {
		c.Timeout = emailTimeout
	}
	composer, err := newComposer(c)
	if err != nil {
		return nil, err
	}
	return &EmailSender{config: c, composer: composer}, nil
}

// Channel is Email.
func (s *EmailSender) Channel() Channel { return Email }

// Send hands the mail to the server.
func (s *EmailSender) Send(ctx context.Context, m Message) Receipt {
	e, err := s.compose(m)
	if err != nil {
		return notComposed(err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	client, err := s.dial(ctx)
	if err != nil {
		return Receipt{Outcome: Deferred, Reason: s.reason(ctx, err)}
	}
	reference, outcome, err := deliver(client, e)
	if err != nil {
		_ = client.Close()
		return Receipt{Outcome: outcome, Reason: s.reason(ctx, err)}
	}
	if client.UpdateDeadline(farewellLimit) != nil || client.Quit() != nil {
		_ = client.Close()
	}
	return Receipt{Outcome: Accepted, Reason: hidden(reference, s.secrets()...), Reference: e.id}
}

// Try does all that sending does but send: it connects, encrypts, authenticates
// and asks for nothing.
func (s *EmailSender) Try(ctx context.Context) (err error) {
	defer fault.Wrap(&err, "notify.Try")
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	client, err := s.dial(ctx)
	if err == nil {
		err = client.Noop()
	}
	if err != nil {
		err = fault.New(fault.Unavailable, "%s", s.reason(ctx, err))
	}
	if client != nil && (client.UpdateDeadline(farewellLimit) != nil || client.Quit() != nil) {
		_ = client.Close()
	}
	return err
}

// dial connects, encrypts and authenticates. The connection ends with ctx.
func (s *EmailSender) dial(ctx context.Context) (*smtp.Client, error) {
	c := s.config
	settings := &tls.Config{ServerName: c.Host, RootCAs: c.RootCAs, MinVersion: tls.VersionTLS12}
	policy := mail.TLSOpportunistic
	switch {
	case c.ImplicitTLS:
		policy = mail.NoTLS // for it is there already
	case c.User != "":
		policy = mail.TLSMandatory
	}
	options := []mail.Option{
		mail.WithPort(c.Port), mail.WithTimeout(c.Timeout), mail.WithHELO(s.domain),
		mail.WithTLSConfig(settings), mail.WithTLSPolicy(policy),
		mail.WithDialContextFunc(connector(ctx, c.ImplicitTLS, settings)),
	}
	if c.User != "" {
		options = append(options, mail.WithUsername(c.User), mail.WithPassword(c.Password),
			mail.WithOpportunisticSMTPAuth(mail.SMTPAuthSCRAMSHA256, mail.SMTPAuthPlain, mail.SMTPAuthLogin))
	}
	client, err := mail.NewClient(c.Host, options...)
	if err != nil {
		return nil, err
	}
	return client.DialToSMTPClientWithContext(ctx)
}

// connector makes connections that are closed when ctx ends: go-mail itself
// heeds the context while it connects, and no longer.
func connector(ctx context.Context, encrypted bool, settings *tls.Config) mail.DialContextFunc {
	return func(dialling context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(dialling, network, address)
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, func() { _ = conn.Close() })
		if !encrypted {
			return conn, nil
		}
		secure := tls.Client(conn, settings)
		if err := secure.HandshakeContext(dialling); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		return secure, nil
	}
}

// deliver speaks of the mail itself; an error comes with what became of it.
func deliver(client *smtp.Client, e *envelope) (answer string, _ Outcome, _ error) {
	if err := client.Mail("<" + e.from + ">"); err != nil {
		return "", verdict(err, false), err
	}
	if err := client.Rcpt("<" + e.to + ">"); err != nil {
		return "", verdict(err, true), err
	}
	w, err := client.Data()
	if err != nil {
		return "", verdict(err, false), err
	}
	if _, err := w.Write(e.content); err != nil {
		return "", Deferred, err
	}
	if err := w.Close(); err != nil {
		return "", verdict(err, true), err
	}
	if closer, ok := w.(*smtp.DataCloser); ok {
		answer = closer.ServerResponse()
	}
	return answer, Accepted, nil
}

var (
	// The enhanced codes (RFC 3463) of a mailbox that is not there or closed.
	noMailbox = regexp.MustCompile(`^5\.(1\.[1236]|1\.10|2\.1)\b`)
	// The words of servers that know no enhanced codes.
	noMailboxWords = regexp.MustCompile(`(?i)no such (user|mailbox|recipient|address)|(user|recipient|mailbox|address) (is )?(unknown|not found)|unknown (user|recipient|mailbox)|does not exist`)
	enhanced       = regexp.MustCompile(`^[245]\.\d{1,3}\.\d{1,3}\b`)
)

// verdict reads an answer to the mail; aboutRecipient says that the answer may
// be about the mailbox.
func verdict(err error, aboutRecipient bool) Outcome {
	answer, ok := errors.AsType[*textproto.Error](err)
	switch {
	case !ok || answer.Code < 500 || answer.Code > 599:
		return Deferred
	case noMailbox.MatchString(answer.Msg):
		return Gone
	case aboutRecipient && answer.Code == 550 && !enhanced.MatchString(answer.Msg) && noMailboxWords.MatchString(answer.Msg):
		return Gone
	}
	return Refused
}

// reason is what people read: the server's words, or why there were none.
func (s *EmailSender) reason(ctx context.Context, err error) string {
	if answer, ok := errors.AsType[*textproto.Error](err); ok {
		return hidden(strconv.Itoa(answer.Code)+" "+answer.Msg, s.secrets()...)
	}
	server := net.JoinHostPort(s.config.Host, strconv.Itoa(s.config.Port))
	if ctx.Err() != nil || errors.Is(err, os.ErrDeadlineExceeded) {
		return "the mail server " + server + " did not answer in time"
	}
	return hidden("the mail server "+server+": "+strings.TrimSpace(err.Error()), s.secrets()...)
}

// secrets are the forms in which a password can come back.
func (s *EmailSender) secrets() []string {
	user, password := s.config.User, s.config.Password
	if password == "" {
		return nil
	}
	encode := base64.StdEncoding.EncodeToString
	return []string{password, encode([]byte(password)), encode([]byte("\x00" + user + "\x00" + password))}
}
