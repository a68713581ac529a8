package notify

import (
	"context"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
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
// is kept only.
func (s *Service) Report(ctx context.Context, who account.Actor, r Report) (err error) {
	defer fault.Wrap(&err, "notify.Report")
	if !who.Operator {
		return fault.New(fault.Forbidden, "only operators report bounces")
	}
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		m, err := s.loadMessage(ctx, tx, r.MessageID)
		if fault.Is(err, fault.NotFound) {
			return fault.New(fault.NotFound, "no mail has the id %s, or it is older than 30 days", r.MessageID)
		}
		if err != nil || m.channel != Email {
			return err
		}
		status := map[string]Status{"hard": Bounced, "complaint": Complained}[r.Kind]
		if status == "" {
			status = m.status
		}
		_, err = tx.Exec(ctx, "UPDATE notification_messages SET status = $1, reason = $2 WHERE id = $3", status, db.Text(r.Reason), m.id)
		if err != nil || status == m.status {
			return err
		}
		return s.failed(ctx, tx, m, Receipt{Outcome: Gone, Reason: r.Reason})
	})
}
