// Package mailboxtest is a real IMAP server on this machine, for tests.
package mailboxtest

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
)

// The one user of a server.
const (
	User     = "docs@boats.example.org"
	Password = "p4ss-w0rd-of-the-mailbox"
)

// Encryption is what a server offers.
type Encryption int

// The encryptions.
const (
	None Encryption = iota
	StartTLS
	Implicit
)

// silent is a log that nobody reads.
type silent struct{}

func (silent) Printf(string, ...any) {}

// Server holds the mailbox INBOX of one user.
type Server struct {
	Host  string
	Port  int
	Roots *x509.CertPool // of its certificate

	t     testing.TB
	user  *imapmemserver.User
	stops func()
}

// New is a server until the end of the test.
func New(t testing.TB, e Encryption) *Server {
	t.Helper()
	certified := httptest.NewTLSServer(nil)
	certified.Close()
	settings := &tls.Config{Certificates: certified.TLS.Certificates, MinVersion: tls.VersionTLS12}
	s := &Server{Roots: x509.NewCertPool(), t: t, user: imapmemserver.NewUser(User, Password)}
	s.Roots.AddCert(certified.Certificate())
	if err := s.user.Create("INBOX", nil); err != nil {
		t.Fatal(err)
	}
	mails := imapmemserver.New()
	mails.AddUser(s.user)
	options := &imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return mails.NewSession(), nil, nil
		},
		InsecureAuth: e != StartTLS, Logger: silent{},
	}
	if e == StartTLS {
		options.TLSConfig = settings
	}
	s.serve(imapserver.New(options), e, settings)
	return s
}

func (s *Server) serve(server *imapserver.Server, e Encryption, settings *tls.Config) {
	l, err := new(net.ListenConfig).Listen(s.t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	address := l.Addr().(*net.TCPAddr)
	s.Host, s.Port = address.IP.String(), address.Port
	if e == Implicit {
		l = tls.NewListener(l, settings)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	stopped := false
	s.stops = func() {
		if stopped {
			return
		}
		stopped = true
		_ = l.Close() // the server may not know its listener yet
		_ = server.Close()
		<-ended
	}
	s.t.Cleanup(s.stops)
}

// Stop ends the server.
func (s *Server) Stop() { s.stops() }

type literal struct{ *bytes.Reader }

func (l literal) Size() int64 { return l.Reader.Size() }

// Put lays an unread mail into the mailbox and returns its number.
func (s *Server) Put(mail string) imap.UID {
	s.t.Helper()
	put, err := s.user.Append("INBOX", literal{bytes.NewReader([]byte(mail))}, &imap.AppendOptions{Time: time.Unix(0, 0)})
	if err != nil {
		s.t.Fatal(err)
	}
	return put.UID
}

// Unread are the numbers of the mails that are not marked as read.
func (s *Server) Unread() []imap.UID {
	s.t.Helper()
	session := imapmemserver.NewUserSession(s.user)
	defer session.Close()
	if _, err := session.Select("INBOX", &imap.SelectOptions{ReadOnly: true}); err != nil {
		s.t.Fatal(err)
	}
	found, err := session.Search(imapserver.NumKindUID, &imap.SearchCriteria{NotFlag: []imap.Flag{imap.FlagSeen}}, &imap.SearchOptions{ReturnAll: true})
	if err != nil {
		s.t.Fatal(err)
	}
	return found.AllUIDs()
}

// Deaf is the address of a server that answers to nothing.
func Deaf(t testing.TB) (host string, port int) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(context.WithoutCancel(t.Context()), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	address := l.Addr().(*net.TCPAddr)
	return address.IP.String(), address.Port
}
