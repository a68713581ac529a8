package notify

import (
	"context"
	"encoding/json"
	"errors"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/job"
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
func Vaults() []account.Vault {
	return []account.Vault{
		{Kind: "push subscriptions", Table: "push_subscriptions", Key: []string{"id"}, Column: "sealed", Purpose: pushPurpose},
		{Kind: "mails that carry a secret", Table: "secret_mails", Key: []string{"id"}, Column: "sealed", Purpose: secretPurpose},
	}
}

// SecretMail queues a mail that carries a secret, in the transaction of its
// cause. Its values are stored sealed and blanked when it was sent or given up.
func (s *Service) SecretMail(ctx context.Context, tx *db.Tx, kind, to, language string, values map[string]string) (err error) {
	defer fault.Wrap(&err, "notify.SecretMail %s", kind)
	if _, ok := letters[kind]; !ok {
		return fault.New(fault.Internal, "no letter is called %s", kind)
	}
	plain, err := json.Marshal(values)
	if err != nil {
		return err
	}
	sealed, err := s.accounts.Seal(secretPurpose, plain)
	if err != nil {
		return err
	}
	id := db.NewID()
	_, err = tx.Exec(ctx, `INSERT INTO secret_mails (id, kind, recipient, language, sealed, status, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		id, kind, to, language, sealed, Queued, db.Micros(tx.Now()))
	if err != nil {
		return err
	}
	return s.jobs.Enqueue(ctx, tx, SecretMailArgs{MailID: id}, queue)
}

// secret is a secret mail as it waits.
type secret struct {
	id, kind, to, language, sealed string
	status                         Status
	attempts                       int
}

func (s *Service) loadSecret(ctx context.Context, id string) (secret, error) {
	return db.One(ctx, s.db, func(r db.Row) (x secret, err error) {
		err = r.Scan(&x.id, &x.kind, &x.to, &x.language, &x.sealed, &x.status, &x.attempts)
		return x, err
	}, "SELECT id, kind, recipient, language, sealed, status, attempts FROM secret_mails WHERE id = $1", id)
}

func (s *Service) sendSecret(ctx context.Context, j *job.Job[SecretMailArgs]) error {
	x, err := s.loadSecret(ctx, j.Args.MailID)
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
	raw, err := s.accounts.Unseal(secretPurpose, x.sealed)
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
	m := Message{ID: x.id, To: x.to, Title: joined(fill(w.title, values)), Urgent: true}
	return s.typeset(b, m, []part{{m.Title, fill(w.text, values), values["link"]}}, values, x.language)
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
	if err != nil || status != Queued {
		return err
	}
	return s.jobs.EnqueueAt(ctx, tx, SecretMailArgs{MailID: x.id}, queue, tx.Now().Add(wait))
}

// giveUpSecret ends a secret mail whose job died.
func (s *Service) giveUpSecret(ctx context.Context, j *job.Job[SecretMailArgs], _ error) error {
	x, err := s.loadSecret(ctx, j.Args.MailID)
	if err != nil {
		return err
	}
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		return s.recordSecret(ctx, tx, x, Receipt{Outcome: Refused, Reason: "it could not be sent"})
	})
}
