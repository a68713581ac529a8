package account

import (
	"context"
	"errors"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// ForgotPassword mails the owner of an address a link that sets a new password.
// It answers the same, and commits once, whether the address has an owner or not.
func (s *Service) ForgotPassword(ctx context.Context, who Actor, email string) (err error) {
	defer fault.Wrap(&err, "account.ForgotPassword")
	email, ok := NormalEmail(email)
	if !ok {
		return nil // nobody can have registered it
	}
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		u, due, err := owner(ctx, tx, mailReset, email)
		if err != nil || !due {
			return err
		}
		url, _, err := s.newLink(ctx, tx, resetLink(), u.ID, u.Email)
		if err != nil {
			return err
		}
		if err := s.Audit(ctx, tx, who, Entry{Action: "password.reset_requested", Kind: "user", SubjectID: string(u.ID)}); err != nil {
			return err
		}
		return s.send(ctx, tx, mailReset, u, map[string]string{"link": url, "minutes": minutes(resetLink().ttl)})
	})
}

// ResetPassword sets the password of a token's user, ends all their sessions and
// lifts their lock-outs. A token that was mailed also confirms the address. A
// password that is too weak leaves the token as it was; a token that is no good
// is Invalid.
func (s *Service) ResetPassword(ctx context.Context, who Actor, token, password string) (err error) {
	defer fault.Wrap(&err, "account.ResetPassword")
	u, err := holder(ctx, s.db, resetLink(), token, s.db.Now())
	if err != nil {
		return orNoLink(err, errResetLink)
	}
	if f := checkPassword(password, u.Email); f != nil {
		return fault.Fields(*f)
	}
	hash, err := s.hasher.hash(ctx, password)
	if err != nil {
		return err
	}
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		id, mailed, err := useToken(ctx, tx, resetLink(), token)
		if err != nil {
			return orNoLink(err, errResetLink)
		}
		who := Actor{UserID: id, Address: who.Address, RequestID: who.RequestID}
		return s.reset(ctx, tx, who, u.Email, hash, mailed)
	})
}

func (s *Service) reset(ctx context.Context, tx *db.Tx, who Actor, email, hash string, mailed bool) error {
	_, err := tx.Exec(ctx, "UPDATE users SET password_hash = $1, email_verified = email_verified OR $2, updated_at = $3 WHERE id = $4",
		hash, mailed, db.Micros(tx.Now()), who.UserID)
	if err != nil {
		return err
	}
	if err := endAccess(ctx, tx, who.UserID, "the password was reset"); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "DELETE FROM login_failures WHERE email = $1", email); err != nil {
		return err
	}
	if err := forgetMail(ctx, tx, mailReset, email); err != nil {
		return err
	}
	return s.Audit(ctx, tx, who, Entry{Action: "password.reset", Kind: "user", SubjectID: string(who.UserID)})
}

// endAccess ends what opens a user's account: their sessions, and links that set
// a password.
func endAccess(ctx context.Context, tx *db.Tx, user UserID, why string) error {
	_, err := tx.Exec(ctx, "UPDATE sessions SET ended_at = $1, ended_why = $2 WHERE user_id = $3 AND ended_at IS NULL", db.Micros(tx.Now()), why, user)
	if err != nil {
		return err
	}
	return endLinks(ctx, tx, resetLink(), user)
}

// ChangePassword sets the actor's password and ends all their sessions, the one
// that asks too. A wrong current one counts as a failed sign-in: a session that
// was left open is no place to guess from.
func (s *Service) ChangePassword(ctx context.Context, who Actor, current, password string) (err error) {
	defer fault.Wrap(&err, "account.ChangePassword")
	if f := checkPassword(password, who.Email); f != nil {
		return fault.Fields(*f)
	}
	old, err := s.confirmPassword(ctx, who, current, "body.current")
	if err != nil {
		return err
	}
	hash, err := s.hasher.hash(ctx, password)
	if err != nil {
		return err
	}
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, "UPDATE users SET password_hash = $1, updated_at = $2 WHERE id = $3 AND password_hash = $4",
			hash, db.Micros(tx.Now()), who.UserID, old)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.New(fault.Conflict, "the password was changed elsewhere in this moment: sign in with the new one")
		}
		if err := endAccess(ctx, tx, who.UserID, "the password was changed"); err != nil {
			return err
		}
		return s.Audit(ctx, tx, who, Entry{Action: "password.changed", Kind: "user", SubjectID: string(who.UserID)})
	})
}

// confirmPassword returns the hash of the actor's password, which they gave in a
// location.
func (s *Service) confirmPassword(ctx context.Context, who Actor, given, location string) (string, error) {
	if err := s.checkLock(ctx, who.Email, who.Address); err != nil {
		return "", err
	}
	hash, err := db.One(ctx, s.db, db.Scalar[string], "SELECT password_hash FROM users WHERE id = $1", who.UserID)
	if err != nil {
		return "", err
	}
	ok, err := s.hasher.matches(ctx, given, hash)
	if err != nil {
		return "", err
	}
	if !ok {
		wrong := fault.Fields(fault.Field{Location: location, Message: "is not your password"})
		return "", errors.Join(s.countFailure(ctx, who.Email, who.Address), wrong)
	}
	return hash, nil
}

// ResetLink makes a link that sets a user's password, for an operator to hand
// over, and says until when it is good. It ends the earlier ones.
func (s *Service) ResetLink(ctx context.Context, email string) (url string, expires time.Time, err error) {
	defer fault.Wrap(&err, "account.ResetLink")
	who, err := s.ActorFor(ctx, email)
	if err != nil {
		return "", expires, err
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if url, expires, err = s.newLink(ctx, tx, resetLink(), who.UserID, ""); err != nil {
			return err
		}
		return s.Audit(ctx, tx, who, Entry{Action: "password.reset_requested", Kind: "user", SubjectID: string(who.UserID)})
	})
	return url, expires, err
}
