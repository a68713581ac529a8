package notify

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/event"
	"navidocs/internal/fault"
	"navidocs/internal/job"
)

// Status is what became of a notification.
type Status string

// The statuses. An in-app one is delivered at once.
const (
	Queued     Status = "queued"
	Delivered  Status = "delivered"
	Sent       Status = "accepted" // by the next server
	Failed     Status = "refused"
	Bounced    Status = "bounced"
	Complained Status = "complained"
	Unclear    Status = "unknown" // it may have arrived, and is not sent again by itself
)

// queue is where messages wait, so that neither papers nor webhooks delay them.
const queue = "notify"

// Queue is the name of the queue of messages.
const Queue = queue

// smsTries is after how many failures of a text message mail takes over.
const smsTries = 3

// SendArgs ask for a message to be sent.
type SendArgs struct {
	MessageID string `json:"message_id"`
}

// Kind implements job.Args.
func (SendArgs) Kind() string { return "notify.send" }

// message is one to be sent, with what it tells.
type message struct {
	id        string
	user      account.UserID
	channel   Channel
	recipient string
	urgent    bool
	status    Status
	sendAt    time.Time
	attempts  int
	begun     bool // SMS only
	tells     []told
}

// told is a notification in a message.
type told struct {
	id, eventType, title, message, actionURL, subject, due, eventID string
	organization                                                    string
	orgID                                                           *string
	boatID                                                          *string
}

// send tries once, and not before the message's time, whoever called the job up:
// quiet hours hold also when an operator retries the queue. What became of it,
// the next attempt and the end of the job are one transaction: a crash before it
// repeats the attempt with the same id.
func (s *Service) send(ctx context.Context, j *job.Job[SendArgs]) error {
	m, err := s.loadMessage(ctx, s.db, j.Args.MessageID)
	if fault.Is(err, fault.NotFound) {
		return s.db.Transact(ctx, func(tx *db.Tx) error { return j.Complete(ctx, tx) })
	}
	if err != nil {
		return err
	}
	if wait := m.sendAt.Sub(s.db.Now()); wait > 0 && m.status == Queued {
		return job.Later(wait)
	}
	receipt, err := s.attempt(ctx, m)
	if err != nil {
		return err
	}
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		return errors.Join(s.record(ctx, tx, m, receipt), j.Complete(ctx, tx))
	})
}

// begun marks a text message that is being sent: its service knows no ids, so
// that it is never sent again unless the attempt is known to have failed.
const begun = "begun"

// attempt sends a message, unless that was done or would be wrong.
func (s *Service) attempt(ctx context.Context, m message) (Receipt, error) {
	switch {
	case m.status != Queued: // ended before; record changes nothing
		return Receipt{}, nil
	case len(m.tells) == 0:
		return Receipt{Outcome: Refused, Reason: "deleted before it was sent"}, nil
	case m.begun:
		return Receipt{Outcome: Unknown, Reason: "the server stopped while it was being sent"}, nil
	case m.channel != SMS:
		return s.deliver(ctx, m)
	}
	err := s.db.Transact(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE notification_messages SET reference = $1 WHERE id = $2", begun, m.id)
		return err
	})
	if err != nil {
		return Receipt{}, err
	}
	return s.deliver(ctx, m)
}

// giveUp ends a message whose job died.
func (s *Service) giveUp(ctx context.Context, j *job.Job[SendArgs], cause error) error {
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		m, err := s.loadMessage(ctx, tx, j.Args.MessageID)
		if err != nil {
			return err
		}
		return s.record(ctx, tx, m, Receipt{Outcome: Refused, Reason: "it could not be sent: " + fault.Message(cause)})
	})
}

func (s *Service) loadMessage(ctx context.Context, q db.Querier, id string) (m message, err error) {
	m, err = db.One(ctx, q, func(r db.Row) (m message, err error) {
		var at int64
		err = r.Scan(&m.id, &m.user, &m.channel, &m.recipient, &m.urgent, &m.status, &at, &m.attempts, &m.begun)
		m.sendAt = db.Time(at)
		return m, err
	}, "SELECT id, user_id, channel, recipient, urgent, status, send_at, attempts, reference = $2 FROM notification_messages WHERE id = $1", id, begun)
	if err != nil {
		return m, err
	}
	m.tells, err = db.Collect(ctx, q, func(r db.Row) (t told, err error) {
		err = r.Scan(&t.id, &t.eventType, &t.title, &t.message, &t.actionURL, &t.subject, &t.due, &t.eventID, &t.orgID, &t.boatID, &t.organization)
		return t, err
	}, `SELECT n.id, n.event_type, n.title, n.message, n.action_url, n.subject, n.due, n.event_id, n.org_id, n.boat_id, coalesce(o.name, 'NaviDocs')
		FROM notifications n LEFT JOIN organizations o ON o.id = n.org_id WHERE n.message_id = $1 AND n.deleted_at IS NULL AND o.deleted_at IS NULL ORDER BY n.id`, id)
	return m, err
}

// deliver hands a message to the channel's sender.
func (s *Service) deliver(ctx context.Context, m message) (Receipt, error) {
	sender, ok := s.senders[m.channel]
	if !ok {
		return Receipt{Outcome: Refused, Reason: "this channel is not set up on this server"}, nil
	}
	p, found, err := s.person(ctx, s.db, m.user)
	if err != nil || !found {
		return Receipt{Outcome: Gone, Reason: "the account was deleted"}, err
	}
	out, err := s.write(m, p)
	if err != nil {
		return Receipt{}, err
	}
	if m.user == account.ProbeUser {
		return Receipt{Outcome: Accepted, Reason: "a smoke test's: written, and not sent"}, nil
	}
	if m.channel == Push {
		return s.push(ctx, sender, m.user, out)
	}
	if out.To = m.recipient; m.channel == Email && p.suppressed {
		return Receipt{Outcome: Gone, Reason: "mail to this address came back before"}, nil
	}
	return sender.Send(ctx, out), nil
}

// record keeps what became of a message and enqueues what follows.
func (s *Service) record(ctx context.Context, tx *db.Tx, m message, r Receipt) error {
	if m.status != Queued {
		return nil
	}
	m.attempts++
	status, next := s.judge(m, r)
	var sent, at *int64
	if status == Sent {
		sent = new(db.Micros(tx.Now()))
	}
	if status == Queued {
		at = new(db.Micros(tx.Now().Add(next)))
	}
	_, err := tx.Exec(ctx, `UPDATE notification_messages SET status = $1, reason = $2, reference = $3, attempts = $4, sent_at = coalesce($5, sent_at), send_at = coalesce($6, send_at)
		WHERE id = $7`, status, db.Text(r.Reason), db.Text(r.Reference), m.attempts, sent, at, m.id)
	if err != nil {
		return err
	}
	tx.OnCommit(func() { s.config.Changed(m.user) })
	switch status {
	case Queued:
		return s.jobs.EnqueueAt(ctx, tx, SendArgs{MessageID: m.id}, queue, tx.Now().Add(next))
	case Failed:
		return s.failed(ctx, tx, m, r)
	case Sent, Delivered, Bounced, Complained, Unclear:
	}
	return nil
}

// judge says what an attempt makes of a message and, when it is to be tried
// again, after how long.
func (s *Service) judge(m message, r Receipt) (Status, time.Duration) {
	switch r.Outcome {
	case Accepted:
		return Sent, 0
	case Unknown:
		return Unclear, 0
	case Refused, Gone:
		return Failed, 0
	case Deferred:
	}
	wait, again := waitAfter(m.attempts)
	if m.channel == SMS && m.attempts >= smsTries {
		again = false
	}
	if !again {
		return Failed, 0
	}
	return Queued, max(wait, min(r.After, 24*time.Hour))
}

// failed sees to it that a person who was not reached is reached otherwise.
func (s *Service) failed(ctx context.Context, tx *db.Tx, m message, r Receipt) error {
	if m.channel == Email && r.Outcome == Gone {
		if err := s.suppress(ctx, tx, m.recipient, r.Reason); err != nil {
			return err
		}
	}
	other := InApp
	if m.channel == SMS {
		other = Email
	}
	for _, t := range m.tells {
		if err := s.instead(ctx, tx, m, t, other); err != nil {
			return err
		}
		if err := s.raise(ctx, tx, t); err != nil {
			return err
		}
	}
	return nil
}

// instead tells the same by another channel, if it was not told there already.
func (s *Service) instead(ctx context.Context, tx *db.Tx, m message, t told, other Channel) error {
	p, found, err := s.person(ctx, tx, m.user)
	if err != nil || !found {
		return err
	}
	if !p.reachable(other) || (other != InApp && s.senders[other] == nil) {
		other = InApp
	}
	n := notification{
		user: m.user, orgID: t.orgID, eventID: t.eventID, eventType: t.eventType, subject: t.subject, due: t.due, channel: other,
		title: t.title, message: t.message, actionURL: t.actionURL,
	}
	if t.boatID != nil {
		n.boatID = *t.boatID
	}
	if other == InApp {
		return s.insert(ctx, tx, n, nil)
	}
	id, err := s.message(ctx, tx, p, outgoing{channel: other, urgent: true, reminds: kinds[t.eventType].reminder, at: tx.Now()})
	if err != nil {
		return err
	}
	fresh, err := s.insertOnce(ctx, tx, n, &id)
	if err == nil && !fresh { // told there already: nothing is sent
		_, err = tx.Exec(ctx, "UPDATE notification_messages SET status = $1, reason = 'told already' WHERE id = $2", Failed, id)
	}
	return err
}

// raise tells the organization's admins of a reminder that reached nobody: none
// of its messages was taken on or can be, and nobody read it in the application.
func (s *Service) raise(ctx context.Context, tx *db.Tx, t told) error {
	if !kinds[t.eventType].reminder || t.orgID == nil {
		return nil
	}
	reached, err := db.One(ctx, tx, db.Scalar[int], `SELECT count(*) FROM notifications n LEFT JOIN notification_messages x ON x.id = n.message_id
		WHERE n.event_type = $1 AND n.subject = $2 AND n.due = $3 AND (n.read_at IS NOT NULL OR x.status IN ('queued', 'accepted', 'unknown'))`,
		t.eventType, t.subject, t.due)
	if err != nil || reached > 0 {
		return err
	}
	names, err := db.Collect(ctx, tx, db.Scalar[string], `SELECT DISTINCT CASE WHEN u.name = '' THEN u.email ELSE u.name END FROM notifications n JOIN users u ON u.id = n.user_id
		WHERE n.event_type = $1 AND n.subject = $2 AND n.due = $3 ORDER BY 1 LIMIT 20`, t.eventType, t.subject, t.due)
	if err != nil {
		return err
	}
	e := event.Envelope{ID: t.eventID, Type: unreached, OrgID: t.orgID}
	org, err := s.organization(ctx, tx, t.orgID)
	if err != nil {
		return err
	}
	o := occasion{
		event: e, kind: kinds[unreached], template: unreached, org: org, subject: t.eventType + "/" + t.subject, due: t.due,
		values: map[string]string{"item_title": t.title, "names": strings.Join(names, ", ")},
	}
	admins, err := s.audience(ctx, tx, o)
	for _, p := range admins {
		err = errors.Join(err, s.tell(ctx, tx, o, p))
	}
	return err
}

// suppress stops mail to an address.
func (s *Service) suppress(ctx context.Context, tx *db.Tx, address, reason string) error {
	_, err := tx.Exec(ctx, `INSERT INTO mail_suppressions (address, reason, created_at) VALUES ($1, $2, $3) ON CONFLICT (address) DO NOTHING`,
		strings.ToLower(address), db.Text(reason), db.Micros(tx.Now()))
	return err
}

// push sends to every browser of a person; one that took it is enough. Those
// that are gone are forgotten.
func (s *Service) push(ctx context.Context, sender Sender, user account.UserID, out Message) (best Receipt, err error) {
	subscriptions, err := s.subscriptions(ctx, user)
	if err != nil {
		return best, err
	}
	best = Receipt{Outcome: Gone, Reason: "no browser is subscribed any more"}
	for _, x := range subscriptions {
		out.To = x.text
		r := sender.Send(ctx, out)
		if r.Outcome == Gone {
			err = errors.Join(err, s.forget(ctx, x.id))
			continue
		}
		if order := []Outcome{Accepted, Unknown, Deferred, Refused, Gone}; slices.Index(order, r.Outcome) < slices.Index(order, best.Outcome) {
			best = r
		}
	}
	return best, err
}

// write makes the message of its notifications: one as it is, several as a list.
func (s *Service) write(m message, p person) (Message, error) {
	b, err := bookIn(p.language)
	if err != nil {
		return Message{}, err
	}
	out := Message{ID: m.id, Title: m.tells[0].title, Text: m.tells[0].message, Link: m.tells[0].actionURL, Urgent: m.urgent}
	if len(m.tells) > 1 {
		values := map[string]string{"count": strconv.Itoa(len(m.tells)), "recipient_name": p.called(), "action_url": s.config.BaseURL + "/"}
		out.Title, out.Text, out.Link = fill(b.words["digest"].title, values), listing(m.tells), s.config.BaseURL+"/"
	}
	if m.channel != Email {
		return out, nil
	}
	if out.Unsubscribe, err = s.unsubscribeLink(m); err != nil {
		return out, err
	}
	parts := make([]part, len(m.tells))
	for i, t := range m.tells {
		parts[i] = part{t.title, t.message, t.actionURL}
	}
	return s.typeset(b, out, parts, map[string]string{"recipient_name": p.called(), "organization_name": m.tells[0].organization}, p.language)
}

// listing is several notifications in a short text.
func listing(tells []told) string {
	lines := make([]string, len(tells))
	for i, t := range tells {
		lines[i] = "- " + t.title
	}
	return strings.Join(lines, "\n")
}
