package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/account/accounttest"
	"navidocs/internal/db"
	"navidocs/internal/event"
	"navidocs/internal/fault"
	"navidocs/internal/job"
	"navidocs/internal/testkit"
	"navidocs/internal/vault"
)

// Friday, ten in the morning in Paris.
var start = time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)

// line is a channel to nowhere that keeps what it was given and answers as it
// is told.
type line struct {
	channel Channel
	mu      sync.Mutex // guards what follows
	sent    []Message
	answers []Receipt // used up one by one, then accepted
}

func (l *line) Channel() Channel { return l.channel }

func (l *line) Send(_ context.Context, m Message) Receipt {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent = append(l.sent, m)
	if len(l.answers) == 0 {
		return Receipt{Outcome: Accepted}
	}
	r := l.answers[0]
	l.answers = l.answers[1:]
	return r
}

func (l *line) messages() []Message {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.sent)
}

// bench is a service on a real database whose clock the test moves. Jobs do not
// run by themselves: run works those that are due.
type bench struct {
	*Service
	t         *testing.T
	clock     *testkit.Clock
	mail, sms *line
	pushes    *line
	org       account.OrgID
	ada       account.Actor // admin
}

func each(t *testing.T, f func(t *testing.T, b *bench)) {
	t.Helper()
	testkit.EachAt(t, start, func(t *testing.T, d *db.DB, clock *testkit.Clock) {
		queue, err := job.New(d, job.Config{Log: slog.New(slog.DiscardHandler), LockPath: t.TempDir() + "/lock"})
		if err != nil {
			t.Fatal(err)
		}
		accounts := account.New(d, account.Config{PasswordCost: accounttest.Cheap(), Secret: []byte(strings.Repeat("s", 32)), Keys: vault.Keys{Present: []byte(strings.Repeat("k", 32))}})
		b := &bench{t: t, clock: clock, mail: &line{channel: Email}, sms: &line{channel: SMS}, pushes: &line{channel: Push}}
		b.Service = New(d, queue, accounts, event.New(d, queue), Config{BaseURL: "https://navidocs.example", Senders: []Sender{b.mail, b.sms, b.pushes}, Log: slog.New(slog.DiscardHandler)})
		b.ada = b.user("ada@example.org", "", "")
		b.org = b.ada.Orgs(account.Admin)[0]
		f(t, b)
	})
}

func (b *bench) user(email string, org account.OrgID, role account.Role) account.Actor {
	b.t.Helper()
	return accounttest.User(b.t, b.accounts, email, org, role)
}

func (b *bench) do(f func(tx *db.Tx) error) {
	b.t.Helper()
	if err := b.db.Transact(b.t.Context(), f); err != nil {
		b.t.Fatal(err)
	}
}

// happens has the service told of an event, as the dispatcher does.
func (b *bench) happens(eventType string, actor *string, data map[string]any) {
	b.t.Helper()
	if err := b.handOver(eventType, actor, data); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) handOver(eventType string, actor *string, data map[string]any) error {
	text, err := json.Marshal(data)
	if err != nil {
		return err
	}
	e := event.Envelope{ID: db.NewID(), Type: eventType, OrgID: new(string(b.org)), Boat: &event.Boat{ID: "boat", Name: "Calypso"}, ActorID: actor, Data: text}
	return b.db.Transact(b.t.Context(), func(tx *db.Tx) error { return b.Consume(b.t.Context(), tx, e) })
}

func (b *bench) expires(item string, days int) {
	b.t.Helper()
	b.happens("warranty.expiring", nil, ending(item, days))
}

// ending is the data of an event of a warranty.
func ending(item string, days int) map[string]any {
	return map[string]any{
		"warranty_id": item, "item_name": item, "provider": "Maker", "expiration_date": "2026-05-31", "threshold_days": days, "days_until_expiration": days,
	}
}

// run sends what is due, as the jobs do, and reports how many there were.
func (b *bench) run() (n int) {
	b.t.Helper()
	due, err := db.Collect(b.t.Context(), b.db, db.Scalar[string], "SELECT id FROM notification_messages WHERE status = 'queued' AND send_at <= $1 ORDER BY id", db.Micros(b.clock.Now()))
	if err != nil {
		b.t.Fatal(err)
	}
	for _, id := range due {
		m, err := b.loadMessage(b.t.Context(), b.db, id)
		if err != nil {
			b.t.Fatal(err)
		}
		r, err := b.attempt(b.t.Context(), m)
		if err != nil {
			b.t.Fatal(err)
		}
		b.do(func(tx *db.Tx) error { return b.record(b.t.Context(), tx, m, r) })
	}
	return len(due)
}

func (b *bench) list(who account.Actor, f Filter) []Notification {
	b.t.Helper()
	f.Limit = 100
	all, _, err := b.Notifications(b.t.Context(), who, f)
	if err != nil {
		b.t.Fatal(err)
	}
	return all
}

func (b *bench) wish(who account.Actor, w Wishes) {
	b.t.Helper()
	if _, err := b.SetPreferences(b.t.Context(), who, w); err != nil {
		b.t.Fatal(err)
	}
}

func TestAReminderIsToldOnceByEachChannel(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.user("viewer@example.org", b.org, account.Viewer)
		for range 3 {
			b.expires("Watermaker", 30)
		}
		b.run()
		if got := b.mail.messages(); len(got) != 1 || got[0].To != "ada@example.org" || !strings.Contains(got[0].Title, "Watermaker") {
			t.Fatalf("%+v", got)
		}
		m := b.mail.messages()[0]
		for _, want := range []string{"31 May 2026", "https://navidocs.example/warranties/Watermaker"} {
			if !strings.Contains(m.Text, want) || !strings.Contains(m.HTML, want) {
				t.Errorf("%q is not said in\n%s\n%s", want, m.Text, m.HTML)
			}
		}
		all := b.list(b.ada, Filter{})
		if len(all) != 2 || all[0].Channel == all[1].Channel {
			t.Fatalf("%+v", all)
		}
		b.expires("Watermaker", 14)
		if b.clock.Add(4 * 24 * time.Hour); b.run() != 1 {
			t.Error("the next threshold is not told")
		}
	})
}

func TestRemindersOfADayAreOneMessageInTheMorning(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.wish(b.ada, Wishes{TimeZone: "America/New_York"}) // four in the morning there
		b.expires("Watermaker", 30)
		b.expires("Windlass", 90)
		if b.run() != 0 {
			t.Error("sent at night")
		}
		b.clock.Set(time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)) // eight
		b.run()
		got := b.mail.messages()
		if len(got) != 1 || !strings.Contains(got[0].Text, "Watermaker") || !strings.Contains(got[0].Text, "Windlass") {
			t.Fatalf("%+v", got)
		}
		b.expires("Liferaft", 10) // urgent
		if b.run() != 1 {
			t.Error("urgent waits")
		}
	})
}

// Four days lie between two messages: what comes in between waits for the next.
func TestReminderMessagesAreFourDaysApart(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.expires("Watermaker", 30)
		b.run()
		for day, item := range []string{"Radar", "Windlass", "Genset"} {
			b.clock.Set(start.AddDate(0, 0, day+1))
			if b.expires(item, 30); b.run() != 0 {
				t.Errorf("%s: sent after %d days", item, day+1)
			}
		}
		b.happens("webhook.disabled", nil, map[string]any{"webhook_id": "w", "url": "https://example.org"}) // no reminder
		if b.run() != 1 {
			t.Error("other mail waits too")
		}
		b.clock.Set(start.AddDate(0, 0, 4))
		b.run()
		got := b.mail.messages()
		if text := got[len(got)-1].Text; len(got) != 3 || !strings.Contains(text, "Radar") || !strings.Contains(text, "Windlass") || !strings.Contains(text, "Genset") {
			t.Errorf("%+v", got)
		}
	})
}

// What is found in the middle of a day, as after days without a server, comes
// as one message, though its events are handed over one by one.
func TestRemindersOfAnAfternoonAreOneMessage(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.clock.Add(6 * time.Hour)
		n := 0
		for _, item := range []string{"Watermaker", "Windlass", "Radar"} {
			b.expires(item, 30)
			n += b.run()
			b.clock.Add(time.Second)
		}
		if b.clock.Add(gathering); n != 0 || b.run() != 1 {
			t.Errorf("%d messages at once: %+v", n, b.mail.messages())
		}
	})
}

// One that is due and not sent yet counts: the server may have come back just now.
func TestAMessageThatIsDueCountsAsSent(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.clock.Add(-time.Hour)
		b.expires("Watermaker", 30) // at eight, when the server is off
		b.clock.Add(5 * 24 * time.Hour)
		b.expires("Windlass", 30)
		b.run()
		if b.clock.Add(3 * 24 * time.Hour); b.run() != 0 || len(b.mail.messages()) != 1 {
			t.Errorf("%+v", b.mail.messages())
		}
		if b.clock.Add(24*time.Hour + time.Hour); b.run() != 1 {
			t.Error("the second is lost")
		}
	})
}

// Events that are handed over at the same time add to the same message. Each
// round begins without one, for only then workers could miss each other's.
func TestWorkersGroupRemindersTogether(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.clock.Add(-time.Hour)
		const rounds, workers = 6, 8
		for round := range rounds {
			var all sync.WaitGroup
			for i := range workers {
				all.Go(func() {
					if err := b.handOver("warranty.expiring", nil, ending(fmt.Sprint("Item ", round, i), 30)); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			b.do(func(tx *db.Tx) error {
				n, err := tx.Exec(t.Context(), "UPDATE notification_messages SET status = 'refused' WHERE status = 'queued'")
				if n != 1 {
					t.Errorf("%d messages", n)
				}
				return err
			})
		}
	})
}

func TestOnlyWhoActedIsToldOfTheirPaper(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		bob := b.user("bob@example.org", b.org, account.Member)
		b.happens("document.processed", new(string(bob.UserID)), map[string]any{"document_id": "d", "title": "Manual"})
		if len(b.list(bob, Filter{})) != 1 || len(b.list(b.ada, Filter{})) != 0 {
			t.Error(b.list(bob, Filter{}), b.list(b.ada, Filter{}))
		}
	})
}

func TestADeferredMailIsTriedAgainWithItsID(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.mail.answers = []Receipt{{Outcome: Deferred, Reason: "451 later"}, {Outcome: Deferred, Reason: "451 later", After: time.Hour}}
		b.expires("Watermaker", 30)
		b.run()
		if b.run() != 0 {
			t.Error("it does not wait")
		}
		if b.clock.Add(time.Minute); b.run() != 1 {
			t.Error("no second attempt after a minute")
		}
		if b.clock.Add(59 * time.Minute); b.run() != 0 {
			t.Error("the server's wish is not heeded")
		}
		if b.clock.Add(time.Minute); b.run() != 1 {
			t.Error("no third attempt")
		}
		got := b.mail.messages()
		if len(got) != 3 || got[0].ID != got[1].ID || got[1].ID != got[2].ID {
			t.Errorf("%+v", got)
		}
		if n := b.list(b.ada, Filter{Channel: Email})[0]; n.Status != Sent || n.SentAt == nil {
			t.Errorf("%+v", n)
		}
	})
}

func TestARefusedReminderReachesTheAdmin(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		bob := b.user("bob@example.org", b.org, account.Member)
		b.wish(b.ada, Wishes{Events: []Choice{{"warranty.expiring", []Channel{}}}})
		b.wish(bob, Wishes{Events: []Choice{{"warranty.expiring", []Channel{Email}}}})
		b.mail.answers = []Receipt{{Outcome: Gone, Reason: "550 5.1.1 no such mailbox"}}
		b.expires("Watermaker", 30)
		b.run()
		all := b.list(bob, Filter{})
		if len(all) != 2 || all[0].Channel != InApp || all[1].Status != Failed || all[1].Reason != "550 5.1.1 no such mailbox" {
			t.Fatalf("%+v", all)
		}
		raised := b.list(b.ada, Filter{EventType: unreached, Channel: InApp})
		if len(raised) != 1 || !strings.Contains(raised[0].Title+raised[0].Message, "bob@example.org") {
			t.Fatalf("%+v", raised)
		}
		b.run() // the admin's mail
		b.expires("Windlass", 30)
		b.clock.Add(24 * time.Hour)
		b.run()
		if sent := b.mail.messages(); len(sent) != 2 || sent[1].To != "ada@example.org" {
			t.Errorf("mail goes on to an address that is gone: %+v", sent)
		}
		if p, err := b.Preferences(t.Context(), bob); err != nil || p.Email.Stopped == "" {
			t.Error(p.Email, err)
		}
	})
}

func TestMailTakesOverAfterThreeFailuresOfATextMessage(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.phone(b.ada, "+351 912 345 678")
		b.wish(b.ada, Wishes{Events: []Choice{{"warranty.expiring", []Channel{SMS}}}})
		b.sms.answers = slices.Repeat([]Receipt{{Outcome: Deferred, Reason: "busy"}}, 5)
		b.expires("Liferaft", 10)
		for range 10 {
			b.run()
			b.clock.Add(time.Hour)
		}
		if n := len(b.sms.messages()); n != 1+3 { // the code, three tries
			t.Errorf("%d text messages", n)
		}
		if got := b.mail.messages(); len(got) != 1 || !strings.Contains(got[0].Text, "Liferaft") {
			t.Errorf("%+v", got)
		}
	})
}

// phone gives and confirms a number with the code that was sent.
func (b *bench) phone(who account.Actor, number string) {
	b.t.Helper()
	if err := b.SetPhone(b.t.Context(), who, number); err != nil {
		b.t.Fatal(err)
	}
	sent := b.sms.messages()
	text := sent[len(sent)-1].Text
	i := strings.IndexFunc(text, func(r rune) bool { return r >= '0' && r <= '9' })
	if _, err := b.ConfirmPhone(b.t.Context(), who, "000000x"); !fault.Is(err, fault.Invalid) {
		b.t.Error(err)
	}
	if p, err := b.ConfirmPhone(b.t.Context(), who, text[i:i+6]); err != nil || p.Phone != "+351912345678" {
		b.t.Fatal(p, err)
	}
}

func TestATextMessageOfUnknownOutcomeIsNotSentAgain(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.phone(b.ada, "+351912345678")
		b.wish(b.ada, Wishes{Events: []Choice{{"warranty.expiring", []Channel{SMS}}}})
		b.sms.answers = []Receipt{{Outcome: Unknown, Reason: "no answer"}}
		b.expires("Liferaft", 10)
		b.run()
		b.clock.Add(100 * time.Hour)
		if n := b.list(b.ada, Filter{Channel: SMS})[0]; b.run() != 0 || n.Status != Unclear {
			t.Errorf("%+v", n)
		}
	})
}

func TestAPushForgetsBrowsersThatAreGone(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		for i := range 2 {
			x := Subscription{Endpoint: fmt.Sprintf("https://push.example/%d", i), Keys: SubscriptionKeys{"p", "a"}}
			if _, err := b.Subscribe(t.Context(), b.ada, x); err != nil {
				t.Fatal(err)
			}
		}
		b.pushes.answers = []Receipt{{Outcome: Gone}, {Outcome: Accepted}, {Outcome: Accepted}}
		b.expires("Liferaft", 10)
		b.run()
		b.expires("Windlass", 9)
		b.run()
		if n := len(b.pushes.messages()); n != 3 {
			t.Errorf("%d pushes: the dead one is asked again", n)
		}
		stored, err := db.One(t.Context(), b.db, db.Scalar[string], "SELECT sealed FROM push_subscriptions")
		if err != nil || strings.Contains(stored, "push.example") {
			t.Error(stored, err)
		}
	})
}

func TestUnsubscribingStopsThatMailAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.expires("Liferaft", 10)
		b.run()
		token := strings.TrimPrefix(b.mail.messages()[0].Unsubscribe, "https://navidocs.example/u/")
		if events, err := b.Stopping(token); err != nil || !slices.Equal(events, []string{"warranty.expiring"}) {
			t.Fatal(events, err)
		}
		b.wish(b.ada, Wishes{Digest: Daily})
		b.expires("Windlass", 90) // waits
		for range 2 {
			if _, err := b.Stop(t.Context(), token); err != nil {
				t.Fatal(err)
			}
		}
		b.expires("Radar", 9)
		b.clock.Add(48 * time.Hour)
		if b.run(); len(b.mail.messages()) != 1 {
			t.Errorf("%+v", b.mail.messages())
		}
		if _, err := b.Stop(t.Context(), token[:len(token)-2]+"AA"); !fault.Is(err, fault.NotFound) {
			t.Error(err)
		}
	})
}

func TestSecretMailsAreSealedAndBlanked(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.do(func(tx *db.Tx) error {
			return b.SecretMail(t.Context(), tx, SecretMail{Kind: "account.reset_password", To: "eve@example.org", Language: "de", Values: map[string]string{"link": "https://navidocs.example/reset?token=s3cret", "minutes": "60"}})
		})
		stored := func() string {
			s, err := db.One(t.Context(), b.db, db.Scalar[string], "SELECT kind || recipient || sealed || status FROM secret_mails")
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		id, err := db.One(t.Context(), b.db, db.Scalar[string], "SELECT id FROM secret_mails")
		if err != nil || strings.Contains(stored(), "s3cret") {
			t.Fatal(stored(), err)
		}
		x, err := b.loadSecret(t.Context(), b.db, id)
		if err != nil {
			t.Fatal(err)
		}
		r, err := b.deliverSecret(t.Context(), x)
		if err != nil {
			t.Fatal(err)
		}
		b.do(func(tx *db.Tx) error { return b.recordSecret(t.Context(), tx, x, r) })
		if m := b.mail.messages()[0]; !strings.Contains(m.Text, "s3cret") || m.Unsubscribe != "" {
			t.Errorf("%+v", m)
		}
		if s := stored(); s != "account.reset_passwordeve@example.orgaccepted" {
			t.Error(s)
		}
	})
}

func TestTheListIsOnesOwn(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		bob := b.user("bob@example.org", b.org, account.Member)
		b.expires("Liferaft", 10)
		b.run()
		mine := b.list(b.ada, Filter{Channel: InApp})[0]
		for name, f := range map[string]func() error{
			"read":   func() error { _, err := b.Read(t.Context(), bob, mine.ID); return err },
			"delete": func() error { _, err := b.Delete(t.Context(), bob, mine.ID); return err },
			"resend": func() error { _, err := b.Resend(t.Context(), bob, mine.ID); return err },
		} {
			if err := f(); !fault.Is(err, fault.NotFound) {
				t.Error(name, err)
			}
		}
		if n, err := b.Unread(t.Context(), b.ada); n != 1 || err != nil {
			t.Error(n, err)
		}
		if n, err := b.Read(t.Context(), b.ada, mine.ID); !n.Read || err != nil {
			t.Error(n, err)
		}
		mailed := b.list(b.ada, Filter{Channel: Email})[0]
		again, err := b.Resend(t.Context(), b.ada, mailed.ID)
		if err != nil || again.RetryCount != 1 || again.Status != Queued {
			t.Fatal(again, err)
		}
		if _, err := b.Resend(t.Context(), b.ada, mailed.ID); !fault.Is(err, fault.Conflict) {
			t.Error(err)
		}
		b.run()
		if n := len(b.mail.messages()); n != 3 {
			t.Errorf("%d mails, want 2 and one again", n)
		}
		if _, err := b.Delete(t.Context(), b.ada, mailed.ID); err != nil || len(b.list(b.ada, Filter{})) != 1 {
			t.Error(err)
		}
		b.clock.Add(31 * 24 * time.Hour)
		if err := b.Tidy(t.Context()); err != nil || len(b.list(b.ada, Filter{})) != 0 {
			t.Error("30 days are over", err)
		}
	})
}

func TestAHardBounceStopsMail(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.expires("Liferaft", 10)
		b.run()
		r := Report{MessageID: b.mail.messages()[0].ID, Kind: "hard", Reason: "user unknown"}
		if err := b.Report(t.Context(), b.ada, r); !fault.Is(err, fault.Forbidden) {
			t.Error(err)
		}
		operator := account.Actor{UserID: "x", Operator: true}
		if err := b.Report(t.Context(), operator, r); err != nil {
			t.Fatal(err)
		}
		if n := b.list(b.ada, Filter{Channel: Email})[0]; n.Status != Bounced || n.Reason != "user unknown" {
			t.Errorf("%+v", n)
		}
		b.expires("Radar", 9)
		if b.run(); len(b.mail.messages()) != 1 {
			t.Error("mail goes on")
		}
		if p, err := b.ResumeMail(t.Context(), b.ada); err != nil || p.Email.Stopped != "" {
			t.Error(p.Email, err)
		}
		b.expires("Windlass", 8)
		if b.run(); len(b.mail.messages()) != 2 {
			t.Error("mail does not go on")
		}
		r.MessageID = "nobody's"
		if err := b.Report(t.Context(), operator, r); !fault.Is(err, fault.NotFound) {
			t.Error(err)
		}
	})
}

func TestARestoreSendsNothingTwice(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.expires("Liferaft", 10)
		b.wish(b.ada, Wishes{Digest: Daily})
		b.expires("Windlass", 90) // due tomorrow: it was not sent before the restore
		b.do(func(tx *db.Tx) error {
			return b.SecretMail(t.Context(), tx, SecretMail{Kind: "account.reset_password", To: "ada@example.org", Language: "en", Values: map[string]string{"link": "x", "minutes": "60"}})
		})
		if err := SettleRestored(t.Context(), b.db); err != nil {
			t.Fatal(err)
		}
		if b.run() != 0 {
			t.Error("what may have been sent is sent again")
		}
		if waiting, err := db.One(t.Context(), b.db, db.Scalar[int], "SELECT count(*) FROM secret_mails WHERE sealed <> ''"); waiting != 0 || err != nil {
			t.Error(waiting, err)
		}
		if b.clock.Add(24 * time.Hour); b.run() != 1 {
			t.Error("what was not due is lost")
		}
	})
}
