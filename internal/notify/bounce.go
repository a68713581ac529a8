package notify

import (
	"context"
	"sync"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/mailbox"
)

// Report is what the mail system says of a mail after it was taken on.
type Report struct {
	// MessageID is the part of the return path after bounce+.
	MessageID string `json:"message_id" minLength:"1" maxLength:"100"`
	Kind      string `json:"kind" enum:"hard,soft,complaint"`
	Reason    string `json:"reason" maxLength:"1000"`
}

// Report takes in a bounce or a complaint. A hard bounce stops mail to the
// address, tells in the application what the mail said, and the organization's
// admins when a reminder reached nobody; a complaint stops mail too. A soft one
// is kept only. Of a mail with a secret only a hard one counts, for whoever had it
// sent; its address is left alone.
func (s *Service) Report(ctx context.Context, who account.Actor, r Report) (err error) {
	defer fault.Wrap(&err, "notify.Report")
	if !who.Operator {
		return fault.New(fault.Forbidden, "only operators report bounces")
	}
	return s.report(ctx, r)
}

// report is Report by whoever may. What was reported before changes nothing.
func (s *Service) report(ctx context.Context, r Report) error {
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		m, err := s.loadMessage(ctx, tx, r.MessageID)
		if fault.Is(err, fault.NotFound) {
			if err = s.reportSecret(ctx, tx, r); err == nil {
				return nil
			}
		}
		if fault.Is(err, fault.NotFound) {
			return fault.New(fault.NotFound, "no mail has the id %s, or it is older than 30 days", r.MessageID)
		}
		if err != nil || m.channel != Email {
			return err
		}
		status := map[string]Status{"hard": Bounced, "complaint": Complained}[r.Kind]
		if status == "" {
			if status = m.status; status == Bounced || status == Complained { // the soft one is older
				return nil
			}
		}
		_, err = tx.Exec(ctx, "UPDATE notification_messages SET status = $1, reason = $2 WHERE id = $3", status, db.Text(r.Reason), m.id)
		if err != nil || status == m.status {
			return err
		}
		return s.failed(ctx, tx, m, Receipt{Outcome: Gone, Reason: r.Reason})
	})
}

// maxReturned is how much is read of a mail that came back: the report stands
// before the copy of the mail itself.
const maxReturned = 1 << 20

// BouncesArgs ask for the mailbox of returned mails to be read.
type BouncesArgs struct{}

// Kind implements job.Args.
func (BouncesArgs) Kind() string { return "notify.bounces" }

// ReadBounces reads what came back to the return paths and takes it in as
// Report does. Mails that are not of ours stay unread. Without a mailbox it does
// nothing; one that cannot be read is said in the log, once, and is no error:
// the next look comes soon.
func (s *Service) ReadBounces(ctx context.Context) {
	if s.config.Mailbox == nil {
		return
	}
	err := s.config.Mailbox.Visit(ctx, mailbox.Visitor{Wants: wanted, Limit: maxReturned, Take: s.takeReturned})
	if ctx.Err() != nil {
		return // the server stops
	}
	s.inbox.tell(s, err)
}

// takeReturned takes a mail in, and says whether it was about one of ours. A
// mail older than 30 days was ours too, though nothing is kept of it. Whoever knows the id of a mail has received it or carried it, and
// can do no more than stop mail to its address.
func (s *Service) takeReturned(ctx context.Context, m mailbox.Mail) (mine bool, err error) {
	r, ours := readReturned(m.Raw)
	if !ours || r.kind == "" {
		return ours, nil
	}
	if err = s.report(ctx, Report{MessageID: r.id, Kind: r.kind, Reason: r.reason}); fault.Is(err, fault.NotFound) {
		err = nil
	}
	return err == nil, err
}

// inbox is what the log was told of the mailbox last.
type inbox struct {
	mu      sync.Mutex // guards trouble
	trouble string     // "" while it can be read
}

// tell writes to the log when something changed.
func (i *inbox) tell(s *Service, err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	now := ""
	if err != nil {
		now = fault.Message(err)
	}
	switch {
	case now == i.trouble:
	case err != nil:
		s.config.Log.Error("bounces cannot be read from the mailbox", "error", err)
	default:
		s.config.Log.Info("bounces are read from the mailbox again")
	}
	i.trouble = now
}
