package notify

import (
	"context"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// ID identifies a notification.
type ID string

// Notification is what one person was told by one channel.
type Notification struct {
	ID         ID         `json:"id"`
	OrgID      *string    `json:"organization_id"`
	BoatID     *string    `json:"boat_id"`
	Channel    Channel    `json:"channel" enum:"in_app,email,sms,push,ntfy"`
	EventType  string     `json:"event_type"`
	Title      string     `json:"title"`
	Message    string     `json:"message"`
	Status     Status     `json:"status" enum:"queued,delivered,accepted,refused,bounced,complained,unknown"`
	Reason     string     `json:"reason" doc:"what the next server said, where it did not take it"`
	Read       bool       `json:"read"`
	Recipient  string     `json:"recipient"`
	ActionURL  string     `json:"action_url"`
	RetryCount int        `json:"retry_count" doc:"how often it was sent again by hand"`
	SendAt     *time.Time `json:"send_at" doc:"when it is, or was, to be sent"`
	SentAt     *time.Time `json:"sent_at"`
	ReadAt     *time.Time `json:"read_at"`
	CreatedAt  time.Time  `json:"created_at"`
}

// Filter narrows a list of notifications.
type Filter struct {
	Channel       Channel // "" means all
	Status        Status
	EventType     string
	BoatID        string
	Unread        bool
	After         ID // newer than this one, oldest first
	Limit, Offset int
}

const notificationColumns = `n.id, n.org_id, n.boat_id, n.channel, n.event_type, n.title, n.message, coalesce(x.status, 'delivered'), coalesce(x.reason, ''),
	coalesce(x.recipient, ''), n.action_url, n.retry_count, x.send_at, CASE WHEN n.channel = 'in_app' THEN n.created_at ELSE x.sent_at END, n.read_at, n.created_at`

const fromNotifications = ` FROM notifications n LEFT JOIN notification_messages x ON x.id = n.message_id`

// shown leaves out what a deleted organization told.
var shown = "(n.org_id IS NULL OR " + account.Existing("n.org_id") + ")" //nolint:gochecknoglobals // a condition

func scanNotification(r db.Row) (n Notification, err error) {
	var sendAt, sentAt, readAt *int64
	var created int64
	err = r.Scan(&n.ID, &n.OrgID, &n.BoatID, &n.Channel, &n.EventType, &n.Title, &n.Message, &n.Status, &n.Reason,
		&n.Recipient, &n.ActionURL, &n.RetryCount, &sendAt, &sentAt, &readAt, &created)
	n.SendAt, n.SentAt, n.ReadAt, n.CreatedAt = db.TimePtr(sendAt), db.TimePtr(sentAt), db.TimePtr(readAt), db.Time(created)
	n.Read = n.ReadAt != nil
	return n, err
}

// Notifications lists the actor's own, newest first, and how many there are.
func (s *Service) Notifications(ctx context.Context, who account.Actor, f Filter) (_ []Notification, total int, err error) {
	defer fault.Wrap(&err, "notify.Notifications")
	w := f.where(who)
	condition, args := w.SQL(), w.Args()
	order := "n.id DESC"
	if f.After != "" {
		order = "n.id"
	}
	query := "SELECT " + notificationColumns + fromNotifications + " WHERE " + condition + " ORDER BY " + order + " LIMIT " + w.Arg(f.Limit) + " OFFSET " + w.Arg(f.Offset)
	all, err := db.Collect(ctx, s.db, scanNotification, query, w.Args()...)
	if err != nil {
		return nil, 0, err
	}
	total, err = db.One(ctx, s.db, db.Scalar[int], "SELECT count(*)"+fromNotifications+" WHERE "+condition, args...)
	return all, total, err
}

func (f Filter) where(who account.Actor) *db.Where {
	w := &db.Where{}
	w.Add("n.user_id = ?", who.UserID)
	w.Add("n.deleted_at IS NULL")
	w.Add(shown)
	if who.Narrow != "" {
		w.Add("n.org_id = ?", who.Narrow)
	}
	if f.Channel != "" {
		w.Add("n.channel = ?", f.Channel)
	}
	if f.Status != "" {
		w.Add("coalesce(x.status, 'delivered') = ?", f.Status)
	}
	if f.EventType != "" {
		w.Add("n.event_type = ?", f.EventType)
	}
	if f.BoatID != "" {
		w.Add("n.boat_id = ?", f.BoatID)
	}
	if f.Unread {
		w.Add("n.read_at IS NULL")
	}
	if f.After != "" {
		w.Add("n.id > ?", f.After)
	}
	return w
}

// Unread counts what the actor has not read in the application.
func (s *Service) Unread(ctx context.Context, who account.Actor) (n int, err error) {
	defer fault.Wrap(&err, "notify.Unread")
	return db.One(ctx, s.db, db.Scalar[int],
		"SELECT count(*) FROM notifications n WHERE user_id = $1 AND channel = $2 AND read_at IS NULL AND deleted_at IS NULL AND "+shown, who.UserID, InApp)
}

// find reads one of the actor's own.
func (s *Service) find(ctx context.Context, q db.Querier, who account.Actor, id ID) (Notification, error) {
	n, err := db.One(ctx, q, scanNotification, "SELECT "+notificationColumns+fromNotifications+
		" WHERE n.id = $1 AND n.user_id = $2 AND n.deleted_at IS NULL AND "+shown, id, who.UserID)
	if fault.Is(err, fault.NotFound) {
		return n, errNotFound
	}
	return n, err
}

// Read marks one read; again changes nothing.
func (s *Service) Read(ctx context.Context, who account.Actor, id ID) (n Notification, err error) {
	defer fault.Wrap(&err, "notify.Read %s", id)
	err = s.db.Transact(ctx, func(tx *db.Tx) (err error) {
		if _, err := tx.Exec(ctx, "UPDATE notifications SET read_at = coalesce(read_at, $1) WHERE id = $2 AND user_id = $3 AND deleted_at IS NULL",
			db.Micros(tx.Now()), id, who.UserID); err != nil {
			return err
		}
		tx.OnCommit(func() { s.config.Changed(who.UserID) })
		n, err = s.find(ctx, tx, who, id)
		return err
	})
	return n, err
}

// ReadAll marks everything read and tells how many that were.
func (s *Service) ReadAll(ctx context.Context, who account.Actor) (n int64, err error) {
	defer fault.Wrap(&err, "notify.ReadAll")
	err = s.db.Transact(ctx, func(tx *db.Tx) (err error) {
		tx.OnCommit(func() { s.config.Changed(who.UserID) })
		n, err = tx.Exec(ctx, "UPDATE notifications SET read_at = $1 WHERE user_id = $2 AND read_at IS NULL AND deleted_at IS NULL", db.Micros(tx.Now()), who.UserID)
		return err
	})
	return n, err
}

// Delete removes one from the list. What waits to be sent is not sent.
func (s *Service) Delete(ctx context.Context, who account.Actor, id ID) (n Notification, err error) {
	defer fault.Wrap(&err, "notify.Delete %s", id)
	err = s.db.Transact(ctx, func(tx *db.Tx) (err error) {
		if n, err = s.find(ctx, tx, who, id); err != nil {
			return err
		}
		tx.OnCommit(func() { s.config.Changed(who.UserID) })
		_, err = tx.Exec(ctx, "UPDATE notifications SET deleted_at = $1 WHERE id = $2", db.Micros(tx.Now()), id)
		return err
	})
	return n, err
}

// Resend sends a notification again, at once and on its own, and counts it. One
// that waits is a Conflict, and so is one in the application: it is there.
func (s *Service) Resend(ctx context.Context, who account.Actor, id ID) (n Notification, err error) {
	defer fault.Wrap(&err, "notify.Resend %s", id)
	err = s.db.Transact(ctx, func(tx *db.Tx) (err error) {
		if n, err = s.find(ctx, tx, who, id); err != nil {
			return err
		}
		if err := s.resendable(n); err != nil {
			return err
		}
		if err := s.repeat(ctx, tx, who, n); err != nil {
			return err
		}
		n, err = s.find(ctx, tx, who, id)
		return err
	})
	return n, err
}

func (s *Service) resendable(n Notification) error {
	switch {
	case n.Channel == InApp:
		return fault.New(fault.Conflict, "a notification in the application is not sent: it is in the list")
	case n.Status == Queued:
		return fault.New(fault.Conflict, "it waits to be sent, at %s", n.SendAt.Format(time.RFC3339))
	case s.senders[n.Channel] == nil:
		return fault.New(fault.Conflict, "the channel %s is not set up on this server", n.Channel)
	}
	return nil
}

func (s *Service) repeat(ctx context.Context, tx *db.Tx, who account.Actor, n Notification) error {
	p, _, err := s.person(ctx, tx, who.UserID)
	if err != nil {
		return err
	}
	if !p.reachable(n.Channel) {
		return fault.New(fault.Conflict, "%s does not reach you: confirm the address or number first; mail that stopped because it came back goes on with POST /api/notification-preferences/email/resume", n.Channel)
	}
	message, err := s.message(ctx, tx, p, outgoing{channel: n.Channel, urgent: true, at: tx.Now()})
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "UPDATE notifications SET message_id = $1, retry_count = retry_count + 1 WHERE id = $2", message, n.ID); err != nil {
		return err
	}
	tx.OnCommit(func() { s.config.Changed(who.UserID) })
	org := account.OrgID("")
	if n.OrgID != nil {
		org = account.OrgID(*n.OrgID)
	}
	return s.accounts.Audit(ctx, tx, who, account.Entry{OrgID: org, Action: "notification.resent", Kind: "notification", SubjectID: string(n.ID)})
}
