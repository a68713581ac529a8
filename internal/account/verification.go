package account

import (
	"context"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// mailVerification mails a user the link that confirms their address; false
// when one went within the hour.
func (s *Service) mailVerification(ctx context.Context, tx *db.Tx, u User) (sent bool, err error) {
	if due, err := countMail(ctx, tx, mailVerify, u.Email); err != nil || !due {
		return false, err
	}
	url, expires, err := s.newLink(ctx, tx, verifyLink(), u.ID, u.Email)
	if err != nil {
		return false, err
	}
	return true, s.send(ctx, tx, mailVerify, u, map[string]string{"link": url, "expires_on": expires.Format(time.DateOnly)})
}

// VerifyEmail confirms the address that a token was mailed to. It answers
// Invalid for a token that was used, has expired or never was.
func (s *Service) VerifyEmail(ctx context.Context, who Actor, token string) (u User, err error) {
	defer fault.Wrap(&err, "account.VerifyEmail")
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		id, _, err := useToken(ctx, tx, verifyLink(), token)
		if err != nil {
			return orNoLink(err, errVerifyLink)
		}
		who.UserID = id
		u, err = s.setVerified(ctx, tx, who)
		return err
	})
	return u, err
}

// setVerified marks the actor's own address as theirs.
func (s *Service) setVerified(ctx context.Context, tx *db.Tx, who Actor) (u User, err error) {
	u, err = db.One(ctx, tx, scanUser, "UPDATE users SET email_verified = TRUE, updated_at = $1 WHERE id = $2 RETURNING "+userColumns,
		db.Micros(tx.Now()), who.UserID)
	if err != nil {
		return u, err
	}
	if err := forgetMail(ctx, tx, mailVerify, u.Email); err != nil {
		return u, err
	}
	return u, s.Audit(ctx, tx, who, Entry{Action: "email.verified", Kind: "user", SubjectID: string(u.ID)})
}

// ResendVerification mails the actor a new link, which ends the earlier one:
// Conflict when the address is confirmed, RateLimited within an hour of the last.
func (s *Service) ResendVerification(ctx context.Context, who Actor) (err error) {
	defer fault.Wrap(&err, "account.ResendVerification")
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		u, err := db.One(ctx, tx, scanUser, "SELECT "+userColumns+" FROM users WHERE id = $1", who.UserID)
		if err != nil {
			return err
		}
		if u.EmailVerified {
			return fault.New(fault.Conflict, "%s is confirmed already: there is nothing to do", u.Email)
		}
		sent, err := s.mailVerification(ctx, tx, u)
		if err != nil {
			return err
		}
		if !sent {
			return tooSoon(ctx, tx, mailVerify, u.Email)
		}
		return s.Audit(ctx, tx, who, Entry{Action: "email.verification_sent", Kind: "user", SubjectID: string(u.ID)})
	})
}

func tooSoon(ctx context.Context, tx *db.Tx, kind, email string) error {
	wait, err := untilMail(ctx, tx, kind, email)
	if err != nil {
		return err
	}
	return fault.New(fault.RateLimited, "a mail went to %s within the hour: look for it, also among the unwanted ones, or try again in %d minutes",
		email, int(wait.Minutes())+1).With("retry_after", int(wait.Seconds())+1)
}

// MarkVerified confirms a user's address on an operator's word.
func (s *Service) MarkVerified(ctx context.Context, email string) (err error) {
	defer fault.Wrap(&err, "account.MarkVerified")
	who, err := s.ActorFor(ctx, email)
	if err != nil {
		return err
	}
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		_, err := s.setVerified(ctx, tx, who)
		return err
	})
}
