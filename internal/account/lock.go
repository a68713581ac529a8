package account

import (
	"context"
	"sync"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

const (
	// everywhere stands for all addresses together in login_failures.
	everywhere = "*"
	// slowAfter is how many failures on an account, from whatever addresses, let the
	// next sign-ins wait; each must follow the one before within lockFor.
	slowAfter = 10
	slowest   = 8 * time.Second
	// maxWaiting is how many sign-ins of one account may wait at once in a process.
	maxWaiting = 4
)

// slowness is how long a sign-in waits after so many failures on its account: 1 s
// from the tenth on, doubled with each, 8 s at most. A stranger who tries from
// many addresses is slowed, and the account's owner is never locked out for long.
func slowness(failures int) time.Duration {
	if failures < slowAfter {
		return 0
	}
	return min(time.Second<<min(failures-slowAfter, 3), slowest)
}

// slowDown makes a sign-in wait for the failures on its account, alike for a right
// and a wrong password and for an unknown address. RateLimited when many wait.
func (s *Service) slowDown(ctx context.Context, email string) error {
	failures, err := db.One(ctx, s.db, db.Scalar[int], "SELECT failures FROM login_failures WHERE email = $1 AND address = $2 AND last_at >= $3",
		email, everywhere, db.Micros(s.db.Now().Add(-lockFor)))
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	wait := slowness(failures)
	if err != nil || wait == 0 {
		return err
	}
	if !s.waiting.enter(email) {
		return fault.New(fault.RateLimited, "too many sign-ins to this account at once: try again in %d seconds", int(slowest.Seconds())).
			With("retry_after", int(slowest.Seconds()))
	}
	defer s.waiting.leave(email)
	return s.config.Wait(ctx, wait)
}

// wait waits, or ends with the context.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// waiting counts the sign-ins that wait, by account.
type waiting struct {
	// mu guards n.
	mu sync.Mutex
	n  map[string]int
}

func (w *waiting) enter(email string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.n[email] >= maxWaiting {
		return false
	}
	w.n[email]++
	return true
}

func (w *waiting) leave(email string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.n[email]--; w.n[email] == 0 {
		delete(w.n, email)
	}
}

func unlockLink() link { return link{"unlock", "/unlock", "ndu_", lockFor} }

var errUnlockLink = fault.New(fault.Invalid, "this link has been used or has expired, and so have the locks that it was for: sign in")

// tellLocked mails the owner of an account that a pair was locked, with a link
// that ends its locks.
func (s *Service) tellLocked(ctx context.Context, tx *db.Tx, email, address string) error {
	u, due, err := owner(ctx, tx, mailLocked, email)
	if err != nil || !due {
		return err
	}
	url, _, err := s.newLink(ctx, tx, unlockLink(), u.ID, u.Email)
	if err != nil {
		return err
	}
	return s.send(ctx, tx, mailLocked, u, map[string]string{"minutes": minutes(lockFor), "address": address, "link": url})
}

// UnlockByLink ends the locks of the account whose owner was mailed a token:
// Invalid for one that was used, has expired or never was.
func (s *Service) UnlockByLink(ctx context.Context, who Actor, token string) (err error) {
	defer fault.Wrap(&err, "account.UnlockByLink")
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		user, _, err := useToken(ctx, tx, unlockLink(), token)
		if err != nil {
			return orNoLink(err, errUnlockLink)
		}
		who.UserID = user
		return s.unlock(ctx, tx, who, user)
	})
}

// Unlock ends the locks of a user's account on an operator's word.
func (s *Service) Unlock(ctx context.Context, email string) (err error) {
	defer fault.Wrap(&err, "account.Unlock")
	who, err := s.ActorFor(ctx, email)
	if err != nil {
		return err
	}
	return s.db.Transact(ctx, func(tx *db.Tx) error { return s.unlock(ctx, tx, who, who.UserID) })
}

// UnlockMember ends the locks of a member's account; admins may. The slowness of
// the account stays, and so does the lock of wrong codes: no admin may guess at a
// member's password without end.
func (s *Service) UnlockMember(ctx context.Context, who Actor, org OrgID, user UserID) (err error) {
	defer fault.Wrap(&err, "account.UnlockMember")
	if err := who.Require(org, Admin, "organization"); err != nil {
		return err
	}
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		m, err := member(ctx, tx, org, user)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM login_failures WHERE email = $1 AND address <> $2", m.Email, everywhere); err != nil {
			return err
		}
		return s.Audit(ctx, tx, who, Entry{OrgID: org, Action: "account.unlocked", Kind: "user", SubjectID: string(user)})
	})
}

// unlock ends the locks and the slowness of an account, and the lock of wrong
// codes, and lets the next lock be told at once.
func (s *Service) unlock(ctx context.Context, tx *db.Tx, who Actor, user UserID) error {
	email, err := db.One(ctx, tx, db.Scalar[string], "SELECT email FROM users WHERE id = $1", user)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "DELETE FROM login_failures WHERE email = $1", email); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "UPDATE totp_secrets SET failures = 0, locked_until = NULL WHERE user_id = $1", user); err != nil {
		return err
	}
	if err := endLinks(ctx, tx, unlockLink(), user); err != nil {
		return err
	}
	if err := forgetMail(ctx, tx, mailLocked, email); err != nil {
		return err
	}
	return s.Audit(ctx, tx, who, Entry{Action: "account.unlocked", Kind: "user", SubjectID: string(user)})
}
