package notify

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// stop is what a link in a mail stops: mails of these kinds to one person.
type stop struct {
	User   account.UserID `json:"u"`
	Events []string       `json:"e"`
}

// stopPurpose is what the links are sealed for: they cannot be made by others.
const stopPurpose = "unsubscribe"

// unsubscribeLink is the address of the one-click form for a message.
func (s *Service) unsubscribeLink(m message) (string, error) {
	x := stop{User: m.user}
	for _, t := range m.tells {
		if !slices.Contains(x.Events, t.eventType) {
			x.Events = append(x.Events, t.eventType)
		}
	}
	plain, err := json.Marshal(x)
	if err != nil {
		return "", err
	}
	sealed, err := s.accounts.Keys().Seal(stopPurpose, plain)
	if err != nil {
		return "", err
	}
	return s.config.BaseURL + "/u/" + urlSafe.Replace(sealed), nil
}

// urlSafe and its inverse turn a sealed value into base64url and back (RFC 4648).
var (
	urlSafe = strings.NewReplacer("+", "-", "/", "_")
	sealed  = strings.NewReplacer("-", "+", "_", "/")
)

// Stopping says what a link stops, and changes nothing: mail scanners open
// links too (RFC 8058, 3).
func (s *Service) Stopping(token string) (events []string, err error) {
	x, err := s.stop(token)
	return x.Events, err
}

func (s *Service) stop(token string) (x stop, err error) {
	plain, err := s.accounts.Keys().Unseal(stopPurpose, sealed.Replace(token))
	if err == nil {
		err = json.Unmarshal(plain, &x)
	}
	if err != nil {
		return x, fault.Because(err, fault.NotFound, "this link is not one of ours, or too old: sign in and choose under settings what you are told")
	}
	return x, nil
}

// Stop turns mails off as a link says; again changes nothing.
func (s *Service) Stop(ctx context.Context, token string) (events []string, err error) {
	defer fault.Wrap(&err, "notify.Stop")
	x, err := s.stop(token)
	if err != nil {
		return nil, err
	}
	return x.Events, s.db.Transact(ctx, func(tx *db.Tx) error {
		for _, eventType := range x.Events {
			if err := s.want(ctx, tx, x.User, eventType, Email, false); err != nil {
				return err
			}
		}
		return s.drop(ctx, tx, x)
	})
}

// drop takes back the mails that wait: the person asked for no more of them.
func (s *Service) drop(ctx context.Context, tx *db.Tx, x stop) error {
	var w db.Where
	w.Add("user_id = ?", x.User)
	w.Add("channel = ?", Email)
	db.In(&w, "event_type", x.Events)
	w.Add("message_id IN (SELECT id FROM notification_messages WHERE status = 'queued')")
	condition, args := w.SQL(), w.Args()
	_, err := tx.Exec(ctx, "UPDATE notifications SET deleted_at = "+w.Arg(db.Micros(tx.Now()))+" WHERE "+condition, append(args, db.Micros(tx.Now()))...)
	return err
}
