package notify

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/job"
	"navidocs/internal/vault"
)

// SecretMailArgs ask for a mail to be sent whose contents are sealed.
type SecretMailArgs struct {
	MailID string `json:"mail_id"`
}

// Kind implements job.Args.
func (SecretMailArgs) Kind() string { return "notify.secret_mail" }

// secretPurpose is what the values of secret mails are sealed for.
const secretPurpose = "secret_mail"

// Vaults are where the package's sealed values lie. The links to unsubscribe are
// sealed too, and lie in people's mails: they end with the key that sealed them.
func Vaults() []vault.Column {
	return []vault.Column{
		{Kind: "push subscriptions", Table: "push_subscriptions", Key: []string{"id"}, Column: "sealed", Purpose: pushPurpose},
		{Kind: "mails that carry a secret", Table: "secret_mails", Key: []string{"id"}, Column: "sealed", Purpose: secretPurpose},
	}
}

// SecretMail is a mail that carries a secret.
type SecretMail struct {
	Kind, To, Language string
	// Subject is what the mail is about; it comes back when the mail does not
	// arrive.
	Subject string
	Values  map[string]string
}

// OnUndelivered says who is told of a secret mail that was refused, given up or
// came back, with the mail server's words; in the transaction that records it.
// Call it before the queue runs.
func (s *Service) OnUndelivered(f func(ctx context.Context, tx *db.Tx, kind, subject, reason string) error) {
	s.undelivered = f
}

// SecretMail queues a mail that carries a secret, in the transaction of its
// cause. Its values are stored sealed and blanked when it was sent or given up.
func (s *Service) SecretMail(ctx context.Context, tx *db.Tx, m SecretMail) (err error) {
	defer fault.Wrap(&err, "notify.SecretMail %s", m.Kind)
	if _, ok := letters[m.Kind]; !ok {
		return fault.New(fault.Internal, "no letter is called %s", m.Kind)
	}
	plain, err := json.Marshal(m.Values)
	if err != nil {
		return err
	}
	sealed, err := s.accounts.Keys().Seal(secretPurpose, plain)
	if err != nil {
		return err
	}
	id := db.NewID()
	_, err = tx.Exec(ctx, `INSERT INTO secret_mails (id, kind, recipient, language, subject, sealed, status, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		id, m.Kind, m.To, m.Language, m.Subject, sealed, Queued, db.Micros(tx.Now()))
	if err != nil {
		return err
	}
	return s.jobs.Enqueue(ctx, tx, SecretMailArgs{MailID: id}, queue)
}

// secret is a secret mail as it waits.
type secret struct {
	id, kind, to, language, subject, sealed string
	status                                  Status
	attempts                                int
}

func (s *Service) loadSecret(ctx context.Context, q db.Querier, id string) (secret, error) {
	return db.One(ctx, q, func(r db.Row) (x secret, err error) {
		err = r.Scan(&x.id, &x.kind, &x.to, &x.language, &x.subject, &x.sealed, &x.status, &x.attempts)
		return x, err
	}, "SELECT id, kind, recipient, language, subject, sealed, status, attempts FROM secret_mails WHERE id = $1", id)
}

func (s *Service) sendSecret(ctx context.Context, j *job.Job[SecretMailArgs]) error {
	x, err := s.loadSecret(ctx, s.db, j.Args.MailID)
	if err != nil {
		return err
	}
	receipt := Receipt{Outcome: Accepted}
	if x.status == Queued {
		if receipt, err = s.deliverSecret(ctx, x); err != nil {
			return err
		}
	}
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		return errors.Join(s.recordSecret(ctx, tx, x, receipt), j.Complete(ctx, tx))
	})
}

func (s *Service) deliverSecret(ctx context.Context, x secret) (Receipt, error) {
	sender, ok := s.senders[Email]
	if !ok {
		return Receipt{Outcome: Refused, Reason: "mail is not set up on this server"}, nil
	}
	raw, err := s.accounts.Keys().Unseal(secretPurpose, x.sealed)
	if err != nil {
		return Receipt{Outcome: Refused, Reason: "its sealed contents cannot be opened any more"}, nil //nolint:nilerr // the reason says it; no retry helps
	}
	var values map[string]string
	if err := json.Unmarshal(raw, &values); err != nil {
		return Receipt{}, err
	}
	m, err := s.secretLetter(x, values)
	if err != nil {
		return Receipt{}, err
	}
	return sender.Send(ctx, m), nil
}

func (s *Service) secretLetter(x secret, values map[string]string) (Message, error) {
	b, err := bookIn(x.language)
	if err != nil {
		return Message{}, err
	}
	values = localized(values, x.language)
	if values["recipient_name"] == "" {
		values["recipient_name"] = x.to
	}
	w := b.words[x.kind]
	if w.open != "" {
		b.mail = maps.Clone(b.mail)
		b.mail["open"] = w.open
	}
	m := Message{ID: x.id, To: x.to, Title: joined(fill(w.title, values)), Urgent: true}
	return s.typeset(b, m, []part{{m.Title, fillParagraphs(w.text, values), values["link"]}}, values, x.language)
}

// fillParagraphs is fill that leaves out paragraphs one of whose values is empty;
// a text of one stays.
func fillParagraphs(text string, values map[string]string) string {
	all := strings.Split(text, paragraph)
	if len(all) > 1 {
		all = slices.DeleteFunc(all, func(p string) bool {
			return slices.ContainsFunc(variable.FindAllStringSubmatch(p, -1), func(m []string) bool { return values[m[1]] == "" })
		})
	}
	return fill(strings.Join(all, paragraph), values)
}

// reportSecret takes in that a secret mail came back.
func (s *Service) reportSecret(ctx context.Context, tx *db.Tx, r Report) error {
	x, err := s.loadSecret(ctx, tx, r.MessageID)
	if err != nil || r.Kind != "hard" || x.status == Bounced {
		return err
	}
	if _, err := tx.Exec(ctx, "UPDATE secret_mails SET status = $1, reason = $2 WHERE id = $3", Bounced, db.Text(r.Reason), x.id); err != nil {
		return err
	}
	return s.undelivered(ctx, tx, x.kind, x.subject, r.Reason)
}

// recordSecret keeps what became of a secret mail and blanks it at its end.
func (s *Service) recordSecret(ctx context.Context, tx *db.Tx, x secret, r Receipt) error {
	if x.status != Queued {
		return nil
	}
	status, wait := s.judge(message{channel: Email, attempts: x.attempts + 1}, r)
	ending, args := "", []any{status, db.Text(r.Reason), x.id}
	if status != Queued {
		ending, args = ", sealed = '', ended_at = $4", append(args, db.Micros(tx.Now()))
	} // else it stays as it is stored, which may be anew
	_, err := tx.Exec(ctx, "UPDATE secret_mails SET status = $1, reason = $2, attempts = attempts + 1"+ending+" WHERE id = $3", args...)
	if err == nil && status == Failed {
		err = s.undelivered(ctx, tx, x.kind, x.subject, r.Reason)
	}
	if err != nil || status != Queued {
		return err
	}
	return s.jobs.EnqueueAt(ctx, tx, SecretMailArgs{MailID: x.id}, queue, tx.Now().Add(wait))
}

// giveUpSecret ends a secret mail whose job died.
func (s *Service) giveUpSecret(ctx context.Context, j *job.Job[SecretMailArgs], _ error) error {
	x, err := s.loadSecret(ctx, s.db, j.Args.MailID)
	if err != nil {
		return err
	}
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		return s.recordSecret(ctx, tx, x, Receipt{Outcome: Refused, Reason: "it could not be sent"})
	})
}
