package notify_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"navidocs/internal/fault"
	"navidocs/internal/notify"
	"navidocs/internal/notify/notifytest"
)

const smtpPassword = "p4ss-w0rd-of-the-mails"

// mailServer is a real SMTP server that answers as it is told.
type mailServer struct {
	port  int
	roots *x509.CertPool
	over  chan struct{} // closed at the end of the test

	mu     sync.Mutex // guards what follows
	answer map[string]error
	hang   string
	mails  []mailed
	clear  bool // a password came without encryption
}

// mailed is a mail as the server took it.
type mailed struct {
	from, to, user string
	encrypted      bool
	content        []byte
}

// mailOptions is what a server offers.
type mailOptions struct{ noTLS, implicit, noAuth bool }

func serveMail(t *testing.T, o mailOptions) *mailServer {
	t.Helper()
	cert, roots := certificate(t)
	m := &mailServer{roots: roots, answer: map[string]error{}, over: make(chan struct{})}
	s := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		session := &mailSession{server: m, conn: c}
		if o.noAuth {
			return plainSession{session}, nil
		}
		return session, nil
	}))
	s.Domain, s.AllowInsecureAuth, s.ErrorLog = "mail.example.com", true, quiet{}
	settings := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.port = l.Addr().(*net.TCPAddr).Port
	switch {
	case o.implicit:
		l = tls.NewListener(l, settings)
	case !o.noTLS:
		s.TLSConfig = settings
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		close(m.over)
		_ = l.Close() // the server may not know its listener yet
		_ = s.Close()
		<-done
	})
	return m
}

// quiet is a log that nobody reads.
type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

// certificate is one for 127.0.0.1 that signs itself.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{
		SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, form, form, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

// set makes a step (auth, mail, rcpt, data) end with an error.
func (m *mailServer) set(step string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.answer[step] = err
}

func (m *mailServer) at(step string) error {
	m.mu.Lock()
	err, hang := m.answer[step], m.hang == step
	m.mu.Unlock()
	if hang {
		<-m.over
	}
	return err
}

func (m *mailServer) arrived() []mailed {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.mails)
}

type mailSession struct {
	server *mailServer
	conn   *smtp.Conn
	mail   mailed
}

// plainSession has no AUTH.
type plainSession struct{ smtp.Session }

func (s *mailSession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *mailSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if _, encrypted := s.conn.TLSConnectionState(); !encrypted {
			s.server.mu.Lock()
			s.server.clear = true
			s.server.mu.Unlock()
		}
		if err := s.server.at("auth"); err != nil {
			return err
		}
		if password != smtpPassword {
			return smtp.ErrAuthFailed
		}
		s.mail.user = user
		return nil
	}), nil
}

func (s *mailSession) Mail(from string, _ *smtp.MailOptions) error {
	s.mail.from = from
	_, s.mail.encrypted = s.conn.TLSConnectionState()
	return s.server.at("mail")
}

func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.mail.to = to
	return s.server.at("rcpt")
}

func (s *mailSession) Data(r io.Reader) error {
	content, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := s.server.at("data"); err != nil {
		if errors.Is(err, net.ErrClosed) { // vanish after the last dot
			_ = s.conn.Conn().Close()
		}
		return err
	}
	s.mail.content = content
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.mails = append(s.server.mails, s.mail)
	return nil
}

func (s *mailSession) Reset()        {}
func (s *mailSession) Logout() error { return nil }

func clock() time.Time { return time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC) }

func (m *mailServer) config() notify.EmailConfig {
	return notify.EmailConfig{
		Host: "127.0.0.1", Port: m.port, User: "navidocs", Password: smtpPassword,
		From: "docs@boats.example.com", FromName: "NaviDocs für Boote", RootCAs: m.roots, Now: clock,
	}
}

func emailSender(t *testing.T, c notify.EmailConfig) *notify.EmailSender {
	t.Helper()
	s, err := notify.NewEmail(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// letter is a mail taken apart.
type letter struct {
	header     netmail.Header
	text, html string
}

func open(t *testing.T, content []byte) letter {
	t.Helper()
	m, err := netmail.ReadMessage(bytes.NewReader(content))
	if err != nil {
		t.Fatalf("%v in\n%s", err, content)
	}
	l := letter{header: m.Header}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	if kind == "text/plain" {
		l.text = decode(t, m.Header.Get("Content-Transfer-Encoding"), m.Body)
		return l
	}
	if kind != "multipart/alternative" {
		t.Fatalf("the mail is %s", kind)
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for _, into := range []*string{&l.text, &l.html} {
		p, err := parts.NextRawPart()
		if err != nil {
			t.Fatal(err)
		}
		*into = decode(t, p.Header.Get("Content-Transfer-Encoding"), p)
	}
	return l
}

func decode(t *testing.T, encoding string, r io.Reader) string {
	t.Helper()
	switch encoding {
	case "quoted-printable":
		r = quotedprintable.NewReader(r)
	case "base64":
		r = base64.NewDecoder(base64.StdEncoding, r)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(b), "\r\n", "\n")
}

func (l letter) arrival(t *testing.T) notifytest.Arrival {
	t.Helper()
	subject, err := new(mime.WordDecoder).DecodeHeader(l.header.Get("Subject"))
	if err != nil {
		t.Fatal(err)
	}
	a := notifytest.Arrival{Title: subject, Text: l.text, Identity: l.header.Get("Message-ID")}
	if i := strings.Index(l.text, "https://"); i >= 0 {
		a.Link = strings.Fields(l.text[i:])[0]
	}
	for name := range l.header {
		a.Names = append(a.Names, name)
	}
	return a
}

func TestEmailConforms(t *testing.T) {
	t.Parallel()
	notifytest.Run(t, func(t *testing.T) notifytest.Harness {
		m := serveMail(t, mailOptions{})
		echo := " for " + smtpPassword
		return notifytest.Harness{
			Channel: notify.Email, Sender: emailSender(t, m.config()), To: "captain@example.org", Secrets: []string{smtpPassword},
			Answer: func(a notifytest.Answer) bool {
				m.set("rcpt", map[notifytest.Answer]error{
					notifytest.Refuse: &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "not wanted" + echo},
					notifytest.Defer:  &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "later" + echo},
				}[a])
				if a == notifytest.Hang {
					m.mu.Lock()
					m.hang = "data"
					m.mu.Unlock()
				}
				return true
			},
			Arrivals: func() []notifytest.Arrival {
				var all []notifytest.Arrival
				for _, mail := range m.arrived() {
					all = append(all, open(t, mail.content).arrival(t))
				}
				return all
			},
		}
	})
}

func reminder() notify.Message {
	return notify.Message{
		ID: "0198a1b2-0000-7000-8000-00000000abcd", To: "captain@example.org",
		Title: "Garantie läuft ab: Wassermacher", Text: "Bis 4. Mai 2027.\n.\nGruß", HTML: "<p>Bis <b>4. Mai 2027</b></p>",
		Link: "https://docs.example.com/w/1", Unsubscribe: "https://docs.example.com/u/" + strings.Repeat("x", 120),
	}
}

func TestEmailIsWhole(t *testing.T) {
	t.Parallel()
	m := serveMail(t, mailOptions{})
	r := emailSender(t, m.config()).Send(t.Context(), reminder())
	if r.Outcome != notify.Accepted || r.Reference != "0198a1b2-0000-7000-8000-00000000abcd@boats.example.com" {
		t.Fatalf("%+v", r)
	}
	mail := m.arrived()[0]
	if mail.from != "bounce+0198a1b2-0000-7000-8000-00000000abcd@boats.example.com" || mail.to != "captain@example.org" ||
		!mail.encrypted || mail.user != "navidocs" {
		t.Errorf("the envelope is %+v", mail)
	}
	l := open(t, mail.content)
	for name, want := range map[string]string{
		"Message-ID":            "<0198a1b2-0000-7000-8000-00000000abcd@boats.example.com>",
		"Date":                  "Mon, 04 May 2026 03:02:01 +0000",
		"Auto-Submitted":        "auto-generated",
		"List-Unsubscribe":      "<" + reminder().Unsubscribe + ">",
		"List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
		"To":                    "<captain@example.org>",
		"User-Agent":            "",
		"X-Mailer":              "",
	} {
		if got := l.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	from, err := l.header.AddressList("From")
	if err != nil || from[0].Name != "NaviDocs für Boote" || from[0].Address != "docs@boats.example.com" {
		t.Errorf("from %v, %v", from, err)
	}
	if l.text != "Bis 4. Mai 2027.\n.\nGruß\n\nhttps://docs.example.com/w/1" || l.html != reminder().HTML {
		t.Errorf("text %q, html %q", l.text, l.html)
	}
}

// TestEmailUnsubscribe: nothing but a web address gets into the header, and
// one click is promised for https alone.
func TestEmailUnsubscribe(t *testing.T) {
	t.Parallel()
	m := serveMail(t, mailOptions{})
	s := emailSender(t, m.config())
	for address, want := range map[string][2]string{
		"":                                    {"", ""},
		"http://boat.local/u/1":               {"<http://boat.local/u/1>", ""},
		"https://a.example/u?t=1":             {"<https://a.example/u?t=1>", "List-Unsubscribe=One-Click"},
		"https://a.example/\r\nX-Injected: 1": {"", ""},
		"https://a.example/>, <mailto:x@y.z":  {"", ""},
		"javascript:alert(1)":                 {"", ""},
		"https://a.example/é":                 {"", ""},
	} {
		message := reminder()
		message.Unsubscribe = address
		if r := s.Send(t.Context(), message); r.Outcome != notify.Accepted {
			t.Fatalf("%+v", r)
		}
		all := m.arrived()
		h := open(t, all[len(all)-1].content).header
		if got := [2]string{h.Get("List-Unsubscribe"), h.Get("List-Unsubscribe-Post")}; got != want {
			t.Errorf("%q: %q", address, got)
		}
	}
}

// TestEmailAnswers: which answer at which step means what.
func TestEmailAnswers(t *testing.T) {
	t.Parallel()
	m := serveMail(t, mailOptions{})
	s := emailSender(t, m.config())
	answer := func(code int, e smtp.EnhancedCode, text string) error {
		return &smtp.SMTPError{Code: code, EnhancedCode: e, Message: text}
	}
	none := smtp.NoEnhancedCode
	for _, test := range []struct {
		step string
		err  error
		want notify.Outcome
		says string
	}{
		{"auth", answer(535, smtp.EnhancedCode{5, 7, 8}, "wrong password "+smtpPassword), notify.Deferred, "535 5.7.8 wrong password ***"},
		{"mail", answer(451, smtp.EnhancedCode{4, 3, 0}, "busy"), notify.Deferred, "451 4.3.0 busy"},
		{"mail", answer(553, smtp.EnhancedCode{5, 1, 8}, "bad sender"), notify.Refused, "553 5.1.8 bad sender"},
		{"rcpt", answer(452, smtp.EnhancedCode{4, 2, 2}, "over quota"), notify.Deferred, "452 4.2.2 over quota"},
		{"rcpt", answer(421, none, "closing"), notify.Deferred, "421 closing"},
		{"rcpt", answer(550, smtp.EnhancedCode{5, 1, 1}, "who?"), notify.Gone, "550 5.1.1 who?"},
		{"rcpt", answer(550, smtp.EnhancedCode{5, 1, 10}, "null MX"), notify.Gone, "550 5.1.10 null MX"},
		{"rcpt", answer(550, none, "No such user here"), notify.Gone, "550 No such user here"},
		{"rcpt", answer(550, none, "mailbox unavailable"), notify.Refused, "550 mailbox unavailable"},
		{"rcpt", answer(550, smtp.EnhancedCode{5, 7, 1}, "user unknown to me"), notify.Refused, "550 5.7.1 user unknown to me"},
		{"rcpt", answer(552, smtp.EnhancedCode{5, 2, 2}, "full\nand\r\nover"), notify.Refused, "552 "},
		{"data", answer(550, smtp.EnhancedCode{5, 7, 515}, "unsigned"), notify.Refused, "550 5.7.515 unsigned"},
		{"data", answer(554, none, "spam"), notify.Refused, "554 spam"},
		{"data", answer(451, none, "greylisted"), notify.Deferred, "451 greylisted"},
		{"data", net.ErrClosed, notify.Deferred, ""},
	} {
		m.set(test.step, test.err)
		r := s.Send(t.Context(), reminder())
		if r.Outcome != test.want || !strings.HasPrefix(r.Reason, test.says) || r.Reason == "" {
			t.Errorf("%s %v: %+v", test.step, test.err, r)
		}
		m.set(test.step, nil)
	}
}

// TestEmailKeepsThePassword: it is never sent without encryption, nor to a
// server whose certificate is not trusted.
func TestEmailKeepsThePassword(t *testing.T) {
	t.Parallel()
	clear := serveMail(t, mailOptions{noTLS: true})
	r := emailSender(t, clear.config()).Send(t.Context(), reminder())
	if r.Outcome != notify.Deferred || !strings.Contains(r.Reason, "STARTTLS") || clear.clear || len(clear.arrived()) != 0 {
		t.Errorf("%+v, in clear: %v", r, clear.clear)
	}
	stranger := serveMail(t, mailOptions{})
	c := stranger.config()
	c.RootCAs = clear.roots
	r = emailSender(t, c).Send(t.Context(), reminder())
	if r.Outcome != notify.Deferred || !strings.Contains(r.Reason, "certificate") || len(stranger.arrived()) != 0 {
		t.Errorf("%+v", r)
	}
}

func TestEmailWithoutPassword(t *testing.T) {
	t.Parallel()
	for _, o := range []mailOptions{{noAuth: true}, {noAuth: true, noTLS: true}} {
		m := serveMail(t, o)
		c := m.config()
		c.User, c.Password = "", ""
		if r := emailSender(t, c).Send(t.Context(), reminder()); r.Outcome != notify.Accepted || m.arrived()[0].encrypted == o.noTLS {
			t.Errorf("%+v: %+v", o, r)
		}
	}
	m := serveMail(t, mailOptions{noAuth: true})
	if r := emailSender(t, m.config()).Send(t.Context(), reminder()); r.Outcome != notify.Deferred || !strings.Contains(r.Reason, "AUTH") {
		t.Errorf("%+v", r)
	}
}

func TestEmailEncryptedFromTheStart(t *testing.T) {
	t.Parallel()
	m := serveMail(t, mailOptions{implicit: true})
	c := m.config()
	c.ImplicitTLS = true
	if r := emailSender(t, c).Send(t.Context(), reminder()); r.Outcome != notify.Accepted || !m.arrived()[0].encrypted {
		t.Errorf("%+v", r)
	}
}

// TestEmailServerIsSilent: a server that takes the connection and says nothing
// costs no more than the time set for a mail.
// A trial gets as far as a mail would, and leaves none.
func TestEmailTry(t *testing.T) {
	t.Parallel()
	m := serveMail(t, mailOptions{})
	s := emailSender(t, m.config())
	if err := s.Try(t.Context()); err != nil || len(m.arrived()) != 0 {
		t.Error(err, m.arrived())
	}
	m.set("auth", &smtp.SMTPError{Code: 535, Message: "no " + smtpPassword})
	err := s.Try(t.Context())
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "535") || strings.Contains(err.Error(), smtpPassword) {
		t.Error(err)
	}
}

func TestEmailServerIsSilent(t *testing.T) {
	t.Parallel()
	for _, implicit := range []bool{false, true} {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		s := emailSender(t, notify.EmailConfig{
			Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, ImplicitTLS: implicit,
			From: "docs@example.com", Now: clock, Timeout: 100 * time.Millisecond,
		})
		if r := s.Send(t.Context(), reminder()); r.Outcome != notify.Deferred || !strings.Contains(r.Reason, "in time") {
			t.Errorf("implicit %v: %+v", implicit, r)
		}
	}
}

func TestEmailNobodyListens(t *testing.T) {
	t.Parallel()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	_ = l.Close()
	c := notify.EmailConfig{Host: "127.0.0.1", Port: port, From: "docs@example.com", Now: clock}
	r := emailSender(t, c).Send(t.Context(), reminder())
	if r.Outcome != notify.Deferred || !strings.Contains(r.Reason, "refused") {
		t.Errorf("%+v", r)
	}
}

func TestEmailSigns(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaPublic, err := x509.MarshalPKIXPublicKey(&rsaKey.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	for record, key := range map[string]any{
		"v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(rsaPublic):  rsaKey,
		"v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(public): private,
	} {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		m := serveMail(t, mailOptions{})
		c := m.config()
		c.DKIM = notify.DKIM{Domain: "example.com", Selector: "boat", PrivateKey: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))}
		if r := emailSender(t, c).Send(t.Context(), reminder()); r.Outcome != notify.Accepted {
			t.Fatalf("%+v", r)
		}
		verifySigned(t, m.arrived()[0].content, record)
	}
}

func verifySigned(t *testing.T, content []byte, record string) {
	t.Helper()
	verify := func(content []byte) (*dkim.Verification, error) {
		all, err := dkim.VerifyWithOptions(bytes.NewReader(content), &dkim.VerifyOptions{LookupTXT: func(domain string) ([]string, error) {
			if domain != "boat._domainkey.example.com" {
				t.Errorf("looked up %s", domain)
			}
			return []string{record}, nil
		}})
		if err != nil || len(all) != 1 {
			t.Fatalf("%v, %v", all, err)
		}
		return all[0], all[0].Err
	}
	v, err := verify(content)
	if err != nil || v.Domain != "example.com" {
		t.Fatalf("%+v, %v", v, err)
	}
	for _, name := range []string{"From", "Subject", "List-Unsubscribe", "List-Unsubscribe-Post", "Auto-Submitted", "Message-ID"} {
		if !slices.Contains(v.HeaderKeys, name) {
			t.Errorf("%s is not signed", name)
		}
	}
	for what, forged := range map[string][]byte{
		"another text":    bytes.Replace(content, []byte("2027"), []byte("2028"), 1),
		"another address": bytes.Replace(content, []byte("docs.example.com/u/"), []byte("evil.example.com/u/"), 1),
		"a second From":   append([]byte("From: evil@example.com\r\n"), content...),
	} {
		if _, err := verify(forged); err == nil {
			t.Errorf("%s passes", what)
		}
	}
}

func TestEmailConfiguration(t *testing.T) {
	t.Parallel()
	good := notify.EmailConfig{Host: "mail.example.com", From: "NaviDocs <docs@example.com>", Now: clock}
	if _, err := notify.NewEmail(good); err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(*notify.EmailConfig){
		"no host":      func(c *notify.EmailConfig) { c.Host = "" },
		"no sender":    func(c *notify.EmailConfig) { c.From = "" },
		"bad sender":   func(c *notify.EmailConfig) { c.From = "docs" },
		"no password":  func(c *notify.EmailConfig) { c.User = "u" },
		"no user":      func(c *notify.EmailConfig) { c.Password = "p" },
		"half of DKIM": func(c *notify.EmailConfig) { c.DKIM.Domain = "example.com" },
		"no key":       func(c *notify.EmailConfig) { c.DKIM = notify.DKIM{Domain: "d", Selector: "s", PrivateKey: "k"} },
		"no clock":     func(c *notify.EmailConfig) { c.Now = nil },
	} {
		c := good
		change(&c)
		if _, err := notify.NewEmail(c); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
