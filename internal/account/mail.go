package account

import (
	"context"
	"strconv"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// Mail is a mail about an account, for somebody else to send. Its kinds, with
// their variables:
//
//   - account.verify_email: link, expires_on (YYYY-MM-DD, UTC)
//   - account.reset_password: link, minutes
//   - account.locked: link, minutes, address (of whoever failed to sign in)
//   - account.recovery_code_used: left, address; somebody signed in with one
//   - account.exists: link; somebody registered an address that has an account
//   - account.invitation: link, inviter_name, organization_name, expires_on
//   - account.granted: link, inviter_name, organization_name, boat_name, ends (a
//     date and time in UTC, or a dash)
//
// A link may carry a secret: variables are sealed where they wait, never logged.
type Mail struct {
	Kind, To string
	UserID   UserID
	Language string
	Vars     map[string]string
}

const (
	mailVerify = "account.verify_email"
	mailReset  = "account.reset_password"
	mailLocked = "account.locked"
	mailExists = "account.exists"
)

// mailEvery is how seldom an address gets mails of one kind: nobody can be
// flooded by strangers who type their address.
const mailEvery = time.Hour

// OnMail says who takes the mails; without it none is sent. f is called in the
// transaction of the change, so that a mail leaves if and only if it commits,
// and may run again with it. Call it before the service is used.
func (s *Service) OnMail(f func(ctx context.Context, tx *db.Tx, m Mail) error) { s.onMail = f }

func (s *Service) send(ctx context.Context, tx *db.Tx, kind string, u User, vars map[string]string) error {
	return s.onMail(ctx, tx, Mail{Kind: kind, To: u.Email, UserID: u.ID, Language: orDefault(u.Language, "en"), Vars: vars})
}

// tellOwner mails the owner of an address, if it has one and has had no mail of
// this kind within the hour.
func (s *Service) tellOwner(ctx context.Context, tx *db.Tx, kind, email string, vars map[string]string) error {
	u, due, err := owner(ctx, tx, kind, email)
	if err != nil || !due {
		return err
	}
	return s.send(ctx, tx, kind, u, vars)
}

// owner finds the user of an address who is due a mail. An address that nobody
// has is counted all the same, so that it is answered after the same write.
func owner(ctx context.Context, tx *db.Tx, kind, email string) (u User, due bool, err error) {
	if due, err = countMail(ctx, tx, kind, email); err != nil || !due {
		return u, false, err
	}
	u, err = db.One(ctx, tx, scanUser, "SELECT "+userColumns+" FROM users WHERE email = $1 AND deleted_at IS NULL", email)
	if fault.Is(err, fault.NotFound) {
		return u, false, nil
	}
	return u, err == nil, err
}

// countMail reports whether a mail of a kind may go to an address now, and
// counts it as sent.
func countMail(ctx context.Context, tx *db.Tx, kind, email string) (bool, error) {
	n, err := tx.Exec(ctx, `INSERT INTO account_mails (email, kind, sent_at) VALUES ($1, $2, $3)
		ON CONFLICT (email, kind) DO UPDATE SET sent_at = $3 WHERE account_mails.sent_at <= $4`,
		email, kind, db.Micros(tx.Now()), db.Micros(tx.Now().Add(-mailEvery)))
	return n == 1, err
}

// untilMail is how long an address waits for the next mail of a kind.
func untilMail(ctx context.Context, tx *db.Tx, kind, email string) (time.Duration, error) {
	sent, err := db.One(ctx, tx, db.Scalar[int64], "SELECT sent_at FROM account_mails WHERE email = $1 AND kind = $2", email, kind)
	return db.Time(sent).Add(mailEvery).Sub(tx.Now()), err
}

// forgetMail lets the next mail of a kind go at once: the last one arrived.
func forgetMail(ctx context.Context, tx *db.Tx, kind, email string) error {
	_, err := tx.Exec(ctx, "DELETE FROM account_mails WHERE email = $1 AND kind = $2", email, kind)
	return err
}

func minutes(d time.Duration) string { return strconv.Itoa(int(d.Minutes())) }
