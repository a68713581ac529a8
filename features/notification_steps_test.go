package features

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cucumber/godog"
	"github.com/emersion/go-smtp"

	"navidocs/internal/account"
	"navidocs/internal/apptest"
	"navidocs/internal/db"
	"navidocs/internal/notify"
	"navidocs/internal/testkit"
	"navidocs/internal/warranty"
)

const (
	member  = "member@example.org"
	appURL  = "https://docs.example.org"
	unread  = "document.failed" // tells whoever uploaded a paper that it cannot be read
	wording = "/api/notification-templates/" + unread + ":email:en"
)

// informed is what a scenario knows of people who are told something.
type informed struct {
	*world

	clock   *testkit.Clock // nil where the machine's goes
	workers workers
	mailbox *mailbox
	member  *apptest.Client
	mail    letter              // that was read last
	shown   notify.Notification // that was looked at last
	line    *line
	phone   *browser
	laptop  *browser

	settings []string // beyond those of mail
	carrier  *carrier // nil where no text messages are sent
}

func (w *world) notificationSteps(sc *godog.ScenarioContext) {
	i := &informed{world: w}
	sc.Step(`^a captain whose server sends mail$`, func() error { return i.begins(nil) })
	sc.Step(`^a captain whose server sends mail, in the morning of (\S+)$`, i.beginsOn)
	sc.Step(`^the paper "([^"]*)" cannot be read$`, i.cannotBeRead)
	i.mailSteps(sc)
	i.listSteps(sc)
	i.reminderSteps(sc)
	i.pushSteps(sc)
	i.textSteps(sc)
	i.quietSteps(sc)
	i.accessSteps(sc)
	i.signInSteps(sc)
	sc.After(func(ctx context.Context, _ *godog.Scenario, _ error) (context.Context, error) {
		return ctx, errors.Join(i.line.breaks(), i.workers.end())
	})
}

func (i *informed) mailSteps(sc *godog.ScenarioContext) {
	sc.Step(`^within a minute the captain has a mail about "([^"]*)"$`, i.hasMail)
	sc.Step(`^it came encrypted and after a password, and answers to it do not go to people$`, i.cameWell)
	sc.Step(`^it says so in plain text and in HTML, and leads to the paper$`, i.leadsToPaper)
	sc.Step(`^the mail server answers 554, "([^"]*)"$`, i.refuses)
	sc.Step(`^the mail server takes mails again$`, func() { i.mailbox.answers(nil) })
	sc.Step(`^a scanner opens the link that stops these mails$`, i.scannerOpens)
	sc.Step(`^the mail program posts to the link, without a sign-in$`, i.programPosts)
	sc.Step(`^the captain is told of "([^"]*)" in the application, and by no mail$`, i.isToldWithoutMail)
	sc.Step(`^the captain words the mail about unread papers as "([^"]*)"$`, i.words)
	sc.Step(`^the answer names "([^"]*)" and what is known$`, i.namesVariable)
	sc.Step(`^the words are still those that came with NaviDocs$`, i.wordsAreStandard)
}

func (i *informed) listSteps(sc *godog.ScenarioContext) {
	sc.Step(`^the (mail|push) about "([^"]*)" is shown as accepted, within a minute$`, i.isAccepted)
	sc.Step(`^the mail about "([^"]*)" is shown as refused, because "([^"]*)"$`, i.isRefused)
	sc.Step(`^the captain has the mail about "([^"]*)" sent again$`, i.sendsAgain)
	sc.Step(`^it was sent again once, and the audit trail says by whom$`, i.wasSentAgain)
	sc.Step(`^the captain deletes the mail about "([^"]*)"$`, i.deletes)
	sc.Step(`^it is in no list any more$`, i.isGone)
	sc.Step(`^the captain follows their notifications(?: again)?$`, i.follows)
	sc.Step(`^they see "([^"]*)" at once$`, i.see)
	sc.Step(`^(\d+) (?:is|are) unread$`, i.areUnread)
	sc.Step(`^their line breaks$`, func() error { return i.line.breaks() })
	sc.Step(`^they have seen each once$`, i.sawEachOnce)
	sc.Step(`^the captain reads the one about "([^"]*)"$`, i.readsOne)
	sc.Step(`^the captain reads all$`, i.readsAll)
}

// begins is a server with a way out for mail, whose operator lists this machine.
func (i *informed) begins(now func() time.Time) (err error) {
	if i.mailbox, err = openMailbox(i.t); err != nil {
		return err
	}
	settings := slices.Concat(i.mailbox.settings(), i.settings, []string{"APP_BASE_URL=" + appURL, "EGRESS_ALLOW=127.0.0.1"})
	i.server = apptest.New(i.t, apptest.Options{Database: i.database, Settings: settings, Now: now, NoWorker: true})
	i.captain = i.server.User(captain, "", "")
	return errors.Join(i.addsBoat("Calypso"), i.work(&i.workers))
}

// cannotBeRead uploads a paper that will fail, of which its uploader is told.
func (i *informed) cannotBeRead(title string) error { return i.unreadable(i.captain, title) }

func (i *informed) unreadable(who *apptest.Client, title string) error {
	i.paper = who.Upload(title+".pdf", []byte("%PDF-1.7\nthis is no PDF, but "+title+"\n%%EOF\n"), "boat_id="+i.boat)
	return nil
}

func (i *informed) hasMail(about string) error {
	testkit.Eventually(i.t, func() error {
		all := i.mailbox.about(captain, about)
		if len(all) != 1 {
			return fmt.Errorf("%d mails came; the list is %+v", len(all), i.told(i.captain, notify.Email, ""))
		}
		i.mail = all[0]
		return nil
	})
	return nil
}

func (i *informed) cameWell() error {
	m := i.mail
	if !m.encrypted || m.user != "navidocs" || !strings.HasPrefix(m.from, "bounce+") || m.header.Get("Auto-Submitted") != "auto-generated" {
		return fmt.Errorf("from %s, by %q, encrypted %v: %v", m.from, m.user, m.encrypted, m.header)
	}
	return nil
}

func (i *informed) leadsToPaper() error {
	link := appURL + "/documents/" + string(i.paper.ID)
	for _, text := range []string{i.mail.text, i.mail.html} {
		if !strings.Contains(text, link) || !strings.Contains(text, "could not be read") {
			return fmt.Errorf("it says %s", text)
		}
	}
	return nil
}

func (i *informed) refuses(why string) {
	i.mailbox.answers(&smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: why})
}

// told are a person's notifications by a channel whose title has the words.
func (i *informed) told(who *apptest.Client, channel notify.Channel, about string) (found []notify.Notification) {
	var all []notify.Notification
	who.Get("/api/notifications?limit=100&channel="+string(channel), &all)
	return slices.DeleteFunc(all, func(n notify.Notification) bool { return !strings.Contains(n.Title, about) })
}

// becomes waits until a notification of somebody has a status.
func (i *informed) becomes(who *apptest.Client, channel notify.Channel, about string, status notify.Status) {
	testkit.Eventually(i.t, func() error {
		all := i.told(who, channel, about)
		if len(all) != 1 || all[0].Status != status {
			return fmt.Errorf("it is %+v", all)
		}
		i.shown = all[0]
		return nil
	})
}

func (i *informed) isAccepted(what, about string) error {
	i.becomes(i.captain, map[string]notify.Channel{"mail": notify.Email, "push": notify.Push}[what], about, notify.Sent)
	if n := i.shown; n.SentAt == nil || n.SentAt.Sub(*n.SendAt) > time.Minute || (what == "mail") != (n.Recipient == captain) {
		return fmt.Errorf("it is %+v", n)
	}
	return nil
}

func (i *informed) isRefused(about, why string) error {
	i.becomes(i.captain, notify.Email, about, notify.Failed)
	if !strings.Contains(i.shown.Reason, why) {
		return fmt.Errorf("it says %s", i.shown.Reason)
	}
	return nil
}

func (i *informed) path() string { return "/api/notifications/" + string(i.shown.ID) }

func (i *informed) sendsAgain(string) error {
	i.captain.Want(http.StatusOK, "POST", i.path()+"/resend", nil)
	return nil
}

func (i *informed) wasSentAgain() error {
	var trail []account.Record
	i.captain.Get("/api/audit?limit=100", &trail)
	audited := slices.ContainsFunc(trail, func(r account.Record) bool {
		return r.Action == "notification.resent" && r.SubjectID == string(i.shown.ID) && r.UserID != nil
	})
	if i.shown.RetryCount != 1 || !audited {
		return fmt.Errorf("%d times, the trail says %+v", i.shown.RetryCount, trail)
	}
	return nil
}

func (i *informed) deletes(string) error {
	i.captain.Want(http.StatusOK, "DELETE", i.path(), nil)
	return nil
}

func (i *informed) isGone() error {
	i.captain.Want(http.StatusNotFound, "PUT", i.path()+"/read", nil)
	i.captain.Want(http.StatusNotFound, "POST", i.path()+"/resend", nil)
	if left := i.told(i.captain, notify.Email, ""); len(left) > 0 {
		return fmt.Errorf("%+v is left", left)
	}
	return nil
}

// line is an open stream of notifications and what came over it.
type line struct {
	stop  context.CancelFunc
	ended chan struct{}

	mu   sync.Mutex // guards what follows
	last string
	seen []notify.Notification
}

// follows opens the stream, as a browser does after the last id that it has.
func (i *informed) follows() error {
	if i.line == nil {
		i.line = &line{}
	}
	ctx, stop := context.WithCancel(i.t.Context())
	res, err := i.opens(ctx, i.captain, "/api/notifications/stream", i.line.last) //nolint:bodyclose // read closes it
	if err != nil {
		stop()
		return err
	}
	i.line.stop, i.line.ended = stop, make(chan struct{})
	go i.line.read(res)
	return nil
}

// read keeps what comes until the line breaks.
func (l *line) read(res *http.Response) {
	defer close(l.ended)
	defer res.Body.Close()
	id := ""
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
			id = text
		}
		text, ok := strings.CutPrefix(lines.Text(), "data: ")
		var n notify.Notification
		if !ok || json.Unmarshal([]byte(text), &n) != nil {
			continue
		}
		l.mu.Lock()
		l.last, l.seen = id, append(l.seen, n)
		l.mu.Unlock()
	}
}

// breaks ends the line; what came is kept.
func (l *line) breaks() error {
	if l != nil && l.stop != nil {
		l.stop()
		<-l.ended
		l.stop = nil
	}
	return nil
}

// about are those that came whose title has the words.
func (l *line) about(words string) (found []notify.Notification) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range l.seen {
		if strings.Contains(n.Title, words) {
			found = append(found, n)
		}
	}
	return found
}

func (i *informed) see(about string) error {
	testkit.Eventually(i.t, func() error {
		if len(i.line.about(about)) == 0 {
			return fmt.Errorf("nothing came about %s", about)
		}
		return nil
	})
	return nil
}

func (i *informed) sawEachOnce() error {
	if all := i.line.about(""); len(all) != 2 || all[0].ID == all[1].ID || all[0].Channel != notify.InApp || all[1].Channel != notify.InApp {
		return fmt.Errorf("they saw %+v", all)
	}
	return nil
}

func (i *informed) areUnread(n int) error {
	testkit.Eventually(i.t, func() error {
		var got struct{ Count int }
		i.captain.Get("/api/notifications/unread-count", &got)
		var all []notify.Notification
		i.captain.Get("/api/notifications?channel=in_app&unread=true", &all)
		if got.Count != n || len(all) != n {
			return fmt.Errorf("%d are counted, %d listed", got.Count, len(all))
		}
		return nil
	})
	return nil
}

func (i *informed) readsOne(about string) error {
	one := i.line.about(about)[0]
	var read notify.Notification
	i.captain.Want(http.StatusOK, "PUT", "/api/notifications/"+string(one.ID)+"/read", nil).Into(i.server, &read)
	if !read.Read || one.Read {
		return fmt.Errorf("it was %+v and is %+v", one, read)
	}
	return nil
}

func (i *informed) readsAll() error {
	i.captain.Want(http.StatusOK, "PUT", "/api/notifications/read-all", nil)
	return nil
}

func (i *informed) words(subject string) error {
	i.answer = i.captain.Do("PUT", wording, map[string]string{"subject": subject, "body": "It is on {{boat_name}}."})
	return nil
}

func (i *informed) namesVariable(name string) error {
	if text := string(i.answer.Body); !strings.Contains(text, name) {
		return fmt.Errorf("it says %s", text)
	}
	return nil
}

func (i *informed) wordsAreStandard() error {
	var t notify.Template
	i.captain.Get(wording, &t)
	if t.OrgID != nil || !strings.Contains(t.Subject, "could not be read") {
		return fmt.Errorf("they are %+v", t)
	}
	return nil
}

// stopPath is the path of the link that a mail's header names for one click.
func (i *informed) stopPath() (string, error) {
	h := i.mail.header
	u, err := url.Parse(strings.Trim(h.Get("List-Unsubscribe"), "<>"))
	if err != nil || u.Scheme+"://"+u.Host != appURL || h.Get("List-Unsubscribe-Post") != "List-Unsubscribe=One-Click" {
		return "", fmt.Errorf("the header names %v, %s", u, h.Get("List-Unsubscribe-Post"))
	}
	return u.Path, err
}

func (i *informed) scannerOpens() error {
	path, err := i.stopPath()
	if err == nil {
		i.server.Anonymous().Want(http.StatusOK, "GET", path, nil)
	}
	return err
}

func (i *informed) programPosts() error {
	path, err := i.stopPath()
	if err == nil {
		i.server.Anonymous().Want(http.StatusOK, "POST", path, "List-Unsubscribe=One-Click", "Content-Type: application/x-www-form-urlencoded")
	}
	return err
}

func (i *informed) isToldWithoutMail(about string) error {
	i.becomes(i.captain, notify.InApp, about, notify.Delivered)
	// What tells in the application would have queued the mail as well.
	if mails := i.told(i.captain, notify.Email, about); len(mails) > 0 {
		return fmt.Errorf("there is %+v", mails)
	}
	return nil
}

func (i *informed) reminderSteps(sc *godog.ScenarioContext) {
	sc.Step(`^a member of the organization who (also|alone) wants mails about warranties$`, i.memberWants)
	sc.Step(`^a warranty of the "([^"]*)" that ends on (\S+)$`, i.hasWarranty)
	sc.Step(`^it is the morning of (\S+)$`, i.isMorning)
	sc.Step(`^the server is down from the night before (\S+) to the morning of (\S+)$`, i.isDown)
	sc.Step(`^the hour's look for reminders is over(, three times)?$`, i.looks)
	sc.Step(`^the member has (\d+) mails? about "([^"]*)"$`, func(n int, about string) error { return i.haveMails(n, about, member) })
	sc.Step(`^the captain and the member have (\d+) mails? each about "([^"]*)"$`, func(n int, about string) error { return i.haveMails(n, about, captain, member) })
	sc.Step(`^in the application each is told once of "([^"]*)"$`, i.eachIsToldOnce)
	sc.Step(`^it says that (\d+) days are left$`, i.saysDaysLeft)
	sc.Step(`^the operator reports that it came back because "([^"]*)"$`, i.cameBack)
	sc.Step(`^the mail of the member is shown as bounced, because "([^"]*)"$`, i.isBounced)
	sc.Step(`^the member sees why no mail comes any more$`, i.seesWhy)
	sc.Step(`^the captain is told that the reminder about "([^"]*)" reached nobody$`, i.isToldOfSilence)
	sc.Step(`^the member is told in the application that the cover of the "([^"]*)" ends soon$`, i.isToldSoon)
}

// beginsOn is a server whose clock stands still at eight in the morning.
func (i *informed) beginsOn(day string) error {
	at, err := morning(day)
	if err != nil {
		return err
	}
	i.clock = testkit.NewClock(at)
	return i.begins(i.clock.Now)
}

func morning(day string) (time.Time, error) {
	at, err := time.Parse(time.DateOnly, day)
	return at.Add(8 * time.Hour), err
}

func (i *informed) isMorning(day string) error {
	at, err := morning(day)
	if err != nil {
		return err
	}
	i.clock.Set(at) // the days end every session
	i.captain = i.server.SignIn(captain, password)
	i.member = i.server.SignIn(member, password)
	return nil
}

func (i *informed) isDown(_, until string) error {
	return errors.Join(i.workers.end(), i.isMorning(until), i.work(&i.workers))
}

func (i *informed) memberWants(how string) error {
	i.member = i.server.User(member, i.captain.Org, account.Member)
	if how == "also" {
		return nil
	}
	i.captain.Want(http.StatusOK, "PUT", "/api/notification-preferences", map[string]any{
		"events": []notify.Choice{{EventType: "warranty.expiring", Channels: []notify.Channel{notify.InApp}}},
	})
	return nil
}

func (i *informed) hasWarranty(item, ends string) error {
	end, err := time.Parse(time.DateOnly, ends)
	if err != nil {
		return err
	}
	var made warranty.Warranty
	i.captain.Post("/api/warranties", map[string]any{
		"boat_id": i.boat, "item_name": item, "purchase_date": end.AddDate(-1, 0, 0).Format(time.DateOnly), "warranty_period_months": 12,
	}, &made)
	if string(made.ExpirationDate) != ends {
		return fmt.Errorf("it ends on %s", made.ExpirationDate)
	}
	return nil
}

// looks has the hour's job done, and whatever follows from it.
func (i *informed) looks(often string) error {
	ctx := i.t.Context()
	err := i.server.DB.Transact(ctx, func(tx *db.Tx) (err error) {
		for range 1 + len(strings.Fields(often)) {
			err = errors.Join(err, i.server.Jobs.Enqueue(ctx, tx, warranty.RemindArgs{}, ""))
		}
		return err
	})
	return errors.Join(err, i.settle())
}

func (i *informed) haveMails(n int, about string, people ...string) error {
	for _, who := range people {
		all := i.mailbox.about(who, about)
		if len(all) != n {
			return fmt.Errorf("%s has %d mails about %s", who, len(all), about)
		}
		if n > 0 {
			i.mail = all[n-1]
		}
	}
	return nil
}

func (i *informed) eachIsToldOnce(about string) error {
	for _, who := range []*apptest.Client{i.captain, i.member} {
		if all := i.told(who, notify.InApp, about); len(all) != 1 {
			return fmt.Errorf("one is told %+v", all)
		}
	}
	return nil
}

func (i *informed) saysDaysLeft(days int) error {
	if !strings.Contains(i.mail.text, fmt.Sprintf("Days left: %d.", days)) {
		return fmt.Errorf("it says %s", i.mail.text)
	}
	return nil
}

// cameBack reports what came to the return path of the member's mail.
func (i *informed) cameBack(why string) error {
	const operator = "operator@example.org"
	_, err := i.server.Accounts.CreateUser(i.t.Context(), account.NewUser{
		Registering: account.Registering{Email: operator, Password: password, Name: "Operator", Organization: "Operators"}, Operator: true,
	})
	if err != nil {
		return err
	}
	id, _, _ := strings.Cut(strings.TrimPrefix(i.mail.from, "bounce+"), "@")
	report := notify.Report{MessageID: id, Kind: "hard", Reason: why}
	i.member.Want(http.StatusForbidden, "POST", "/api/notifications/bounces", report)
	i.server.SignIn(operator, password).Want(http.StatusOK, "POST", "/api/notifications/bounces", report)
	return nil
}

func (i *informed) isBounced(why string) error {
	i.becomes(i.member, notify.Email, "", notify.Bounced)
	if i.shown.Reason != why {
		return fmt.Errorf("it says %s", i.shown.Reason)
	}
	return nil
}

func (i *informed) seesWhy() error {
	var p notify.Preferences
	i.member.Get("/api/notification-preferences", &p)
	if p.Email.Stopped != i.shown.Reason || p.Email.Address != member {
		return fmt.Errorf("they see %+v", p.Email)
	}
	return nil
}

func (i *informed) isToldOfSilence(about string) error {
	all := slices.DeleteFunc(i.told(i.captain, notify.InApp, about), func(n notify.Notification) bool { return n.EventType != "notification.unreached" })
	if len(all) != 1 || !strings.Contains(all[0].Message, member) {
		return fmt.Errorf("they are told %+v", all)
	}
	return nil
}

func (i *informed) isToldSoon(item string) error {
	for _, n := range i.told(i.member, notify.InApp, item) {
		if strings.Contains(n.Title, "cover ends soon") {
			return nil
		}
	}
	return fmt.Errorf("they are told %+v", i.told(i.member, notify.InApp, item))
}
