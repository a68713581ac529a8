package notify

import (
	"bytes"
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/job"
	"navidocs/internal/mailbox"
	"navidocs/internal/mailbox/mailboxtest"
	"navidocs/internal/testkit"
)

// inboxOf has the service read a mailbox.
func (b *bench) inboxOf(s *mailboxtest.Server) {
	b.t.Helper()
	m, err := mailbox.New(mailbox.Config{Host: s.Host, Port: s.Port, User: mailboxtest.User, Password: mailboxtest.Password, RootCAs: s.Roots})
	if err != nil {
		b.t.Fatal(err)
	}
	b.config.Mailbox = m
}

// about is a sample that speaks of the mail that was sent last.
func (b *bench) about(name string) string {
	b.t.Helper()
	sent := b.mail.messages()
	return strings.ReplaceAll(string(sample(b.t, name)), returnedID, sent[len(sent)-1].ID)
}

func (b *bench) mailed() Notification {
	b.t.Helper()
	return b.list(b.ada, Filter{Channel: Email})[0]
}

// TestBouncesAreReadFromTheMailbox: by the job, among letters, huge and hostile
// mails, and again without effect when the mark was lost.
func TestBouncesAreReadFromTheMailbox(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		box := mailboxtest.New(t, mailboxtest.StartTLS)
		b.inboxOf(box)
		b.expires("Liferaft", 10)
		b.run()
		letter := box.Put("From: a@example.net\r\nTo: docs@boats.example.org\r\n\r\nHello.\r\n")
		box.Put(strings.Replace(b.about("postfix-delayed"), "multipart/report", "multipart/broken", 1))
		box.Put(b.about("postfix-delayed") + strings.Repeat("x", 2<<20))
		box.Put(b.about("vacation"))
		b.work(t, func() error {
			if n := b.mailed(); n.Status != Sent || !strings.Contains(n.Reason, "timed out") {
				return fault.New(fault.Conflict, "it is %+v", n)
			}
			return nil
		})
		box.Put(b.about("postfix-unknown-user"))
		for range 2 {
			b.ReadBounces(t.Context())
			n := b.mailed()
			if n.Status != Bounced || !strings.HasPrefix(n.Reason, "550 5.1.1 <gone@example.net>: Recipient address rejected") {
				t.Errorf("it is %+v", n)
			}
			box.Put(b.about("postfix-unknown-user"))
			box.Put(b.about("postfix-delayed"))
		}
		b.ReadBounces(t.Context())
		if told := b.list(b.ada, Filter{Channel: InApp, EventType: "warranty.expiring"}); len(told) != 1 {
			t.Errorf("told in the application are %+v", told)
		}
		if p, err := b.Preferences(t.Context(), b.ada); err != nil || !strings.HasPrefix(p.Email.Stopped, "550 5.1.1") {
			t.Error(p.Email, err)
		}
		if left := box.Unread(); !slices.Equal(left, []imap.UID{letter}) {
			t.Errorf("unread are %v", left)
		}
	})
}

// work runs the job that reads the mailbox until something has become of it.
func (b *bench) work(t *testing.T, until func() error) {
	t.Helper()
	queue, err := job.New(b.db, job.Config{Log: slog.New(slog.DiscardHandler), LockPath: filepath.Join(t.TempDir(), "lock")})
	if err != nil {
		t.Fatal(err)
	}
	queue.Register(b.Jobs()...)
	b.do(func(tx *db.Tx) error { return queue.Enqueue(t.Context(), tx, BouncesArgs{}, "") })
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- queue.Run(ctx) }()
	testkit.Eventually(t, until)
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestAComplaintStopsMail(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		box := mailboxtest.New(t, mailboxtest.None)
		b.inboxOf(box)
		b.expires("Liferaft", 10)
		b.run()
		box.Put(b.about("no-spam"))
		box.Put(string(sample(t, "exim"))) // of a mail that is long forgotten
		if b.ReadBounces(t.Context()); b.mailed().Status != Sent {
			t.Errorf("it is %+v", b.mailed())
		}
		box.Put(b.about("complaint"))
		if b.ReadBounces(t.Context()); b.mailed().Status != Complained {
			t.Errorf("it is %+v", b.mailed())
		}
		b.expires("Radar", 9)
		if b.run(); len(b.mail.messages()) != 1 {
			t.Error("mail goes on")
		}
		if left := box.Unread(); len(left) != 0 {
			t.Errorf("unread are %v", left)
		}
	})
}

// TestTheLogSaysOnceThatTheMailboxIsAway: not at every look.
func TestTheLogSaysOnceThatTheMailboxIsAway(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		var said bytes.Buffer
		b.config.Log = slog.New(slog.NewTextHandler(&said, nil))
		b.ReadBounces(t.Context()) // without a mailbox
		box := mailboxtest.New(t, mailboxtest.None)
		b.inboxOf(box)
		b.ReadBounces(t.Context())
		if said.Len() > 0 {
			t.Errorf("a mailbox that is there is said: %s", &said)
		}
		box.Stop()
		for range 3 {
			b.ReadBounces(t.Context())
		}
		b.inboxOf(mailboxtest.New(t, mailboxtest.None))
		for range 2 {
			b.ReadBounces(t.Context())
		}
		text := said.String()
		if strings.Count(text, "\n") != 2 || strings.Count(text, "cannot be read") != 2 || !strings.Contains(text, "again") || strings.Contains(text, mailboxtest.Password) {
			t.Errorf("the log says %s", text)
		}
	})
}
