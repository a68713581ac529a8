// Package notify tells people what happened, each by the channels and at the
// times that they chose, and keeps what became of it.
//
// It guarantees: a person is told once of an occasion by each channel (the kind
// of event, its subject, its due date), however often the event comes; what is
// sent later is a job that was enqueued with the notification; a message keeps
// its id over all attempts; what nobody may turn off (mails that carry a secret)
// is sealed until it is sent and blanked then. Who may see an event is decided
// by roles alone: payloads hold no amounts. Domains are never asked.
package notify

import (
	"context"
	"log/slog"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/event"
	"navidocs/internal/fault"
	"navidocs/internal/job"
	"navidocs/internal/mailbox"
)

// Config is what the service needs to know.
type Config struct {
	// BaseURL is where people open the application, without a slash at its end.
	BaseURL string
	// Senders are the channels that can send; in-app needs none.
	Senders []Sender
	// VAPIDKey is the public key that browsers subscribe with.
	VAPIDKey string
	// Mailbox is where bounces come back to; nil when somebody reports them.
	Mailbox *mailbox.Mailbox
	// Changed is called when a person's notifications changed; may be nil. It
	// wakes streams, and may be lost.
	Changed func(account.UserID)
	Log     *slog.Logger
}

// Service is the notifications of one installation.
type Service struct {
	db       *db.DB
	jobs     *job.Queue
	accounts *account.Service
	events   *event.Outbox
	config   Config
	senders  map[Channel]Sender
	inbox    inbox
	// undelivered is told of secret mails that did not arrive.
	undelivered func(ctx context.Context, tx *db.Tx, kind, subject, reason string) error
}

// New makes the service and has it told of every event.
func New(d *db.DB, jobs *job.Queue, accounts *account.Service, events *event.Outbox, c Config) *Service {
	s := &Service{db: d, jobs: jobs, accounts: accounts, events: events, config: c, senders: map[Channel]Sender{}}
	s.undelivered = func(context.Context, *db.Tx, string, string, string) error { return nil }
	for _, sender := range c.Senders {
		s.senders[sender.Channel()] = sender
	}
	if s.config.Changed == nil {
		s.config.Changed = func(account.UserID) {}
	}
	events.Subscribe(s.Consume)
	return s
}

// notification is one to be written.
type notification struct {
	user      account.UserID
	orgID     *string
	boatID    string
	eventID   string
	eventType string
	subject   string
	due       string
	channel   Channel
	title     string
	message   string
	actionURL string
}

// occasion is an event made ready for people.
type occasion struct {
	event    event.Envelope
	kind     kind
	values   map[string]string
	subject  string
	due      string
	template string
	org      organization
}

type organization struct{ name, zone string }

// Consume turns an event into a notification for each person and channel, and
// into the jobs that send them; it is an event.Consumer.
func (s *Service) Consume(ctx context.Context, tx *db.Tx, e event.Envelope) error {
	k, ok := kinds[e.Type]
	if !ok {
		return nil
	}
	values, err := k.values(e)
	if err != nil {
		return err
	}
	o := occasion{event: e, kind: k, values: values, template: templateFor(e.Type, values)}
	o.subject, o.due = k.subjectOf(e, values)
	if o.org, err = s.organization(ctx, tx, e.OrgID); err != nil {
		return err
	}
	people, err := s.audience(ctx, tx, o)
	if err != nil {
		return err
	}
	for _, p := range people {
		if err := s.tell(ctx, tx, o, p); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) organization(ctx context.Context, q db.Querier, id *string) (o organization, err error) {
	if id == nil {
		return organization{name: "NaviDocs", zone: "UTC"}, nil
	}
	return db.One(ctx, q, func(r db.Row) (o organization, err error) {
		err = r.Scan(&o.name, &o.zone)
		return o, err
	}, "SELECT o.name, s.time_zone FROM organizations o JOIN organization_settings s ON s.org_id = o.id WHERE o.id = $1", *id)
}

// tell writes what one person is told, and enqueues what is to be sent.
func (s *Service) tell(ctx context.Context, tx *db.Tx, o occasion, p person) error {
	told := false
	for _, channel := range p.channels(o.event.Type, o.kind) {
		n, err := s.compose(ctx, tx, o, p, channel)
		if err != nil {
			return err
		}
		if channel == InApp {
			told = true
			if err := s.insert(ctx, tx, n, nil); err != nil {
				return err
			}
			continue
		}
		if _, ok := s.senders[channel]; !ok {
			continue
		}
		if err := s.post(ctx, tx, o, p, n); err != nil {
			return err
		}
	}
	if told {
		tx.OnCommit(func() { s.config.Changed(p.id) })
	}
	return nil
}

// compose says it in the person's language, in the organization's words where
// it has any.
func (s *Service) compose(ctx context.Context, q db.Querier, o occasion, p person, channel Channel) (n notification, err error) {
	values := localized(o.values, p.language)
	values["organization_name"], values["recipient_name"] = o.org.name, p.called()
	values["action_url"] = s.pageOf(o)
	w, err := s.wordsOf(ctx, q, o.event.OrgID, o.template, channel, p.language)
	if err != nil {
		return n, err
	}
	n = notification{
		user: p.id, orgID: o.event.OrgID, eventID: o.event.ID, eventType: o.event.Type, subject: o.subject, due: o.due, channel: channel,
		title: joined(fill(w.title, values)), message: fill(w.text, values), actionURL: values["action_url"],
	}
	if channel == SMS {
		n.message = fill(w.sms, values)
	}
	if o.event.Boat != nil {
		n.boatID = o.event.Boat.ID
	}
	return n, nil
}

// pageOf is where one sees what it is about.
func (s *Service) pageOf(o occasion) string {
	if o.kind.page == "" || o.subject == "" {
		return s.config.BaseURL + "/"
	}
	return s.config.BaseURL + "/" + o.kind.page + o.subject
}

// insert writes a notification, and does nothing when the person was told of
// this occasion by this channel before.
func (s *Service) insert(ctx context.Context, tx *db.Tx, n notification, message *string) error {
	_, err := s.insertOnce(ctx, tx, n, message)
	return err
}

// insertOnce is insert that reports which it was.
func (s *Service) insertOnce(ctx context.Context, tx *db.Tx, n notification, message *string) (fresh bool, err error) {
	count, err := tx.Exec(ctx, `INSERT INTO notifications (id, user_id, org_id, boat_id, event_id, event_type, subject, due, channel, title, message, action_url, message_id, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
		ON CONFLICT (event_type, subject, due, channel, user_id) DO NOTHING`,
		db.NewID(), n.user, n.orgID, db.OrNull(n.boatID), n.eventID, n.eventType, n.subject, n.due, n.channel, db.Text(n.title), db.Text(n.message), n.actionURL,
		message, db.Micros(tx.Now()))
	return count == 1, err
}

// post queues a notification for sending: in a message that waits for the same
// person, channel and time, or in one of its own.
func (s *Service) post(ctx context.Context, tx *db.Tx, o occasion, p person, n notification) error {
	known, err := db.One(ctx, tx, db.Scalar[int], `SELECT count(*) FROM notifications
		WHERE event_type = $1 AND subject = $2 AND due = $3 AND channel = $4 AND user_id = $5`, n.eventType, n.subject, n.due, n.channel, n.user)
	if err != nil || known > 0 {
		return err
	}
	out := outgoing{channel: n.channel, urgent: o.kind.urgent(o.values), reminds: o.kind.reminder, at: tx.Now()}
	if !out.urgent {
		g, err := s.groups(ctx, tx, p.id, n.channel)
		if err != nil {
			return err
		}
		out.at = p.rhythm(o.org.zone).sendAt(out.at, out.reminds, g)
	}
	id, err := s.message(ctx, tx, p, out)
	if err != nil {
		return err
	}
	return s.insert(ctx, tx, n, &id)
}

// groups tells of the messages with reminders that a person had, and holds the
// person until the transaction ends: what two add at once is one message. One
// that is due is as good as sent, one that nobody took on was none.
func (s *Service) groups(ctx context.Context, tx *db.Tx, user account.UserID, channel Channel) (groups, error) {
	if err := account.LockUser(ctx, tx, user); err != nil {
		return groups{}, err
	}
	return db.One(ctx, tx, func(r db.Row) (g groups, err error) {
		var waiting, last *int64
		err = r.Scan(&waiting, &last)
		if waiting != nil {
			g.waiting = db.Time(*waiting)
		}
		if last != nil {
			g.last = db.Time(*last)
		}
		return g, err
	}, `SELECT min(CASE WHEN status = 'queued' AND attempts = 0 AND urgent = FALSE AND send_at > $3 THEN send_at END),
		max(CASE WHEN status <> 'queued' THEN coalesce(sent_at, send_at) WHEN send_at > $3 THEN send_at ELSE $3 END)
		FROM notification_messages WHERE user_id = $1 AND channel = $2 AND reminds = TRUE AND status <> 'refused'`, user, channel, db.Micros(tx.Now()))
}

// outgoing is a message to be queued. reminds says that a reminder is in it.
type outgoing struct {
	channel         Channel
	urgent, reminds bool
	at              time.Time
}

// message is one that waits for the same person, channel and time, or a new one
// with the job that sends it. One that is due may be on its way already.
func (s *Service) message(ctx context.Context, tx *db.Tx, p person, out outgoing) (id string, err error) {
	if !out.urgent && out.at.After(tx.Now()) {
		waiting, err := db.Collect(ctx, tx, db.Scalar[string], `UPDATE notification_messages SET reminds = reminds OR $4
			WHERE user_id = $1 AND channel = $2 AND status = 'queued' AND send_at = $3 AND urgent = FALSE AND attempts = 0 RETURNING id`,
			p.id, out.channel, db.Micros(out.at), out.reminds)
		if err != nil || len(waiting) > 0 {
			return first(waiting), err
		}
	}
	id = db.NewID()
	_, err = tx.Exec(ctx, `INSERT INTO notification_messages (id, user_id, channel, recipient, urgent, reminds, status, send_at, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		id, p.id, out.channel, p.address(out.channel), out.urgent, out.reminds, Queued, db.Micros(out.at), db.Micros(tx.Now()))
	if err != nil {
		return "", err
	}
	return id, s.jobs.EnqueueAt(ctx, tx, SendArgs{MessageID: id}, queue, out.at)
}

func first(s []string) string {
	if len(s) == 0 {
		return ""
	}
	return s[0]
}

// errNotFound is the answer to what is not there, or not this person's.
var errNotFound = fault.New(fault.NotFound, "notification not found")
