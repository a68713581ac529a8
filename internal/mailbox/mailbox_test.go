package mailbox_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"navidocs/internal/fault"
	"navidocs/internal/mailbox"
	"navidocs/internal/mailbox/mailboxtest"
)

func config(s *mailboxtest.Server) mailbox.Config {
	return mailbox.Config{Host: s.Host, Port: s.Port, User: mailboxtest.User, Password: mailboxtest.Password, RootCAs: s.Roots}
}

func open(t *testing.T, c mailbox.Config) *mailbox.Mailbox {
	t.Helper()
	m, err := mailbox.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func mail(subject, body string) string {
	return "From: a@example.org\r\nTo: docs@example.org\r\nSubject: " + subject + "\r\n\r\n" + body
}

// reader wants what has its word in the header, and keeps what it takes.
type reader struct {
	word  string
	limit int64
	taken []mailbox.Mail
	take  func(m mailbox.Mail) (bool, error) // nil: all are the reader's
}

func (r *reader) visitor() mailbox.Visitor {
	return mailbox.Visitor{
		Wants: func(header []byte) bool { return strings.Contains(string(header), r.word) },
		Limit: r.limit,
		Take: func(_ context.Context, m mailbox.Mail) (bool, error) {
			r.taken = append(r.taken, m)
			if r.take != nil {
				return r.take(m)
			}
			return true, nil
		},
	}
}

func TestWhatWasTakenIsMarkedAndTheRestIsLeft(t *testing.T) {
	t.Parallel()
	for name, e := range map[string]mailboxtest.Encryption{"plain": mailboxtest.None, "STARTTLS": mailboxtest.StartTLS, "TLS": mailboxtest.Implicit} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := mailboxtest.New(t, e)
			c := config(s)
			c.ImplicitTLS = e == mailboxtest.Implicit
			m := open(t, c)
			s.Put(mail("mine, one", "first"))
			other := s.Put(mail("a letter", "mine, says the body"))
			s.Put(mail("mine, two", "second"))
			r := &reader{word: "mine", limit: 1000}
			for range 2 {
				if err := m.Visit(t.Context(), r.visitor()); err != nil {
					t.Fatal(err)
				}
			}
			if len(r.taken) != 2 || string(r.taken[0].Raw) != mail("mine, one", "first") || !strings.HasSuffix(string(r.taken[1].Raw), "second") {
				t.Errorf("taken were %+v", r.taken)
			}
			if left := s.Unread(); !slices.Equal(left, []imap.UID{other}) {
				t.Errorf("unread are %v", left)
			}
		})
	}
}

func TestAMailIsCutAtTheLimit(t *testing.T) {
	t.Parallel()
	s := mailboxtest.New(t, mailboxtest.None)
	long := mail("mine", strings.Repeat("0123456789", 1000))
	s.Put(long)
	r := &reader{limit: 100}
	if err := open(t, config(s)).Visit(t.Context(), r.visitor()); err != nil {
		t.Fatal(err)
	}
	if m := r.taken[0]; string(m.Raw) != long[:100] || m.Size != int64(len(long)) {
		t.Errorf("%d octets of %d", len(m.Raw), m.Size)
	}
}

// TestNoMailStopsTheOthers: neither one that the visitor fails or panics over
// nor a broken one.
func TestNoMailStopsTheOthers(t *testing.T) {
	t.Parallel()
	s := mailboxtest.New(t, mailboxtest.None)
	broken := errors.New("the database is away")
	bad := []imap.UID{s.Put(mail("fails", "")), s.Put(mail("panics", ""))}
	for _, odd := range []string{"", "\x00\xff\xfe", "no header at all", "Subject: (((\"\\\r\nContent-Type: multipart/mixed; boundary=\r\n\r\n--", strings.Repeat("X: y\r\n", 40_000)} {
		s.Put(odd)
	}
	good := mail("good", "")
	s.Put(good)
	r := &reader{limit: 1000, take: func(m mailbox.Mail) (bool, error) {
		switch text := string(m.Raw); {
		case strings.Contains(text, "fails"):
			return true, broken
		case strings.Contains(text, "panics"):
			panic("over this")
		}
		return true, nil
	}}
	err := open(t, config(s)).Visit(t.Context(), r.visitor())
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "over this") {
		t.Error(err)
	}
	if len(r.taken) != 8 || string(r.taken[7].Raw) != good {
		t.Errorf("%d were handed out", len(r.taken))
	}
	if left := s.Unread(); !slices.Equal(left, bad) {
		t.Errorf("unread are %v, want %v", left, bad)
	}
}

func TestTheNewestAreLookedAt(t *testing.T) {
	t.Parallel()
	s := mailboxtest.New(t, mailboxtest.None)
	for n := range 510 {
		s.Put(mail(fmt.Sprintf("letter %d", n), ""))
	}
	looked := 0
	err := open(t, config(s)).Visit(t.Context(), mailbox.Visitor{Wants: func(header []byte) bool {
		if looked++; looked == 1 && !strings.Contains(string(header), "letter 10\r\n") {
			t.Errorf("the first is %s", header)
		}
		return false
	}})
	if err != nil || looked != 500 {
		t.Errorf("%d were looked at, %v", looked, err)
	}
}

func TestTroubleIsSaidWithItsRemedy(t *testing.T) {
	t.Parallel()
	s, secure, implicit := mailboxtest.New(t, mailboxtest.None), mailboxtest.New(t, mailboxtest.StartTLS), mailboxtest.New(t, mailboxtest.Implicit)
	host, port := mailboxtest.Deaf(t)
	stopped := mailboxtest.New(t, mailboxtest.None)
	stopped.Stop()
	for name, test := range map[string]struct {
		server *mailboxtest.Server
		change func(c *mailbox.Config)
		says   string
	}{
		"password":          {s, func(c *mailbox.Config) { c.Password = "wrong" }, "IMAP_PASSWORD"},
		"mailbox":           {s, func(c *mailbox.Config) { c.Name = "Papers" }, "IMAP_MAILBOX"},
		"certificate":       {secure, func(c *mailbox.Config) { c.RootCAs = nil }, "certificate"},
		"other certificate": {implicit, func(c *mailbox.Config) { c.RootCAs, c.ImplicitTLS = nil, true }, "certificate"},
		"nobody there":      {stopped, func(*mailbox.Config) {}, "refused"},
		"no answer":         {s, func(c *mailbox.Config) { c.Host, c.Port, c.Timeout = host, port, 50*time.Millisecond }, "did not answer in time"},
		"no handshake": {s, func(c *mailbox.Config) {
			c.Host, c.Port, c.Timeout, c.ImplicitTLS = host, port, 50*time.Millisecond, true
		}, "did not answer in time"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := config(test.server)
			test.change(&c)
			err := open(t, c).Visit(t.Context(), mailbox.Visitor{})
			if text := fault.Message(err); !fault.Is(err, fault.Unavailable) || !strings.Contains(text, test.says) || strings.Contains(text, mailboxtest.Password) {
				t.Errorf("%v", err)
			}
		})
	}
	if _, err := mailbox.New(mailbox.Config{Host: "mail.example.org"}); !fault.Is(err, fault.Invalid) {
		t.Error(err)
	}
}
