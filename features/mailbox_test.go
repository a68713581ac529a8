package features

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/http/httptest"
	netmail "net/mail"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// trustTestServers makes the certificate of this machine's test servers one of
// the system's, which are read once: so the product verifies them as any other.
func trustTestServers() error {
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	f, err := os.CreateTemp("", "roots-*.pem")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	err = pem.Encode(f, &pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := errors.Join(err, f.Close(), os.Setenv("SSL_CERT_FILE", f.Name())); err != nil {
		return err
	}
	_, err = x509.SystemCertPool()
	return errors.Join(err, os.Unsetenv("SSL_CERT_FILE"))
}

const mailPassword = "p4ss-w0rd-of-the-mails"

// mailbox is a real SMTP server, with STARTTLS and passwords, that keeps what
// it takes.
type mailbox struct {
	port int

	mu     sync.Mutex // guards what follows
	answer error      // to whoever hands a mail over; nil takes it
	mails  []letter
}

// letter is a mail as it came.
type letter struct {
	from, to, user    string
	encrypted         bool
	header            netmail.Header
	title, text, html string
}

// openMailbox is one until the end of the test.
func openMailbox(t testing.TB) (*mailbox, error) {
	t.Helper()
	m := &mailbox{}
	s := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &handing{box: m, conn: c}, nil }))
	certified := httptest.NewTLSServer(nil)
	certified.Close()
	s.Domain, s.ErrorLog = "mail.example.org", silent{}
	s.TLSConfig = &tls.Config{Certificates: certified.TLS.Certificates, MinVersion: tls.VersionTLS12}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	m.port = l.Addr().(*net.TCPAddr).Port
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		_ = l.Close() // the server may not know its listener yet
		_ = s.Close()
		<-done
	})
	return m, nil
}

// settings have a server send its mails here.
func (m *mailbox) settings() []string {
	return []string{
		"SMTP_HOST=127.0.0.1", fmt.Sprintf("SMTP_PORT=%d", m.port), "SMTP_USER=navidocs", "SMTP_PASSWORD=" + mailPassword,
		"SMTP_FROM=docs@boats.example.org",
	}
}

func (m *mailbox) answers(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.answer = err
}

// about are the mails to an address whose title has the words.
func (m *mailbox) about(to, words string) (found []letter) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range m.mails {
		if l.to == to && strings.Contains(l.title, words) {
			found = append(found, l)
		}
	}
	return found
}

// silent is a log that nobody reads.
type silent struct{}

func (silent) Printf(string, ...any) {}
func (silent) Println(...any)        {}

// handing is a connection over which mails are handed over.
type handing struct {
	box  *mailbox
	conn *smtp.Conn
	mail letter
}

func (h *handing) AuthMechanisms() []string { return []string{sasl.Plain} }

func (h *handing) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if password != mailPassword {
			return smtp.ErrAuthFailed
		}
		h.mail.user = user
		return nil
	}), nil
}

func (h *handing) Mail(from string, _ *smtp.MailOptions) error {
	h.mail.from = from
	_, h.mail.encrypted = h.conn.TLSConnectionState()
	return nil
}

func (h *handing) Rcpt(to string, _ *smtp.RcptOptions) error {
	h.mail.to = to
	return nil
}

func (h *handing) Data(r io.Reader) error {
	content, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := h.mail.open(content); err != nil {
		return err
	}
	h.box.mu.Lock()
	defer h.box.mu.Unlock()
	if h.box.answer == nil {
		h.box.mails = append(h.box.mails, h.mail)
	}
	return h.box.answer
}

func (h *handing) Reset()        {}
func (h *handing) Logout() error { return nil }

// open takes a mail of text and HTML apart.
func (l *letter) open(content []byte) error {
	m, err := netmail.ReadMessage(bytes.NewReader(content))
	if err != nil {
		return err
	}
	l.header = m.Header
	if l.title, err = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); err != nil {
		return err
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for _, into := range []*string{&l.text, &l.html} {
		p, err := parts.NextRawPart()
		if err != nil {
			return err
		}
		text, err := io.ReadAll(quotedprintable.NewReader(p))
		if err != nil {
			return err
		}
		*into = string(text)
	}
	return nil
}
