package account

import (
	"context"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/vault"
)

// link is a kind of one-use link: what it is stored as, its page, what its
// tokens begin with, and how long it is good for.
type link struct {
	kind, page, prefix string
	ttl                time.Duration
}

func verifyLink() link { return link{"verify", "/verify", "ndv_", 24 * time.Hour} }
func resetLink() link  { return link{"reset", "/reset", "ndp_", time.Hour} }

var (
	errVerifyLink = fault.New(fault.Invalid, "this link has been used, has expired, or was replaced by a later one: sign in, and ask for a new one unless your address is confirmed")
	errResetLink  = fault.New(fault.Invalid, "this link has been used, has expired, or was replaced by a later one: ask for a new one with POST /api/auth/password/forgot")
)

// newLink makes a link for a user, ends the earlier ones of its kind, and says
// when it expires. email is the address it is mailed to, "" for an operator's
// eyes; a link is good only while that is the user's address.
func (s *Service) newLink(ctx context.Context, tx *db.Tx, l link, user UserID, email string) (url string, expires time.Time, err error) {
	if err := endLinks(ctx, tx, l, user); err != nil {
		return "", expires, err
	}
	token, hash := vault.Token(l.prefix)
	expires = tx.Now().Add(l.ttl)
	_, err = tx.Exec(ctx, "INSERT INTO account_tokens (hash, user_id, kind, email, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)",
		hash, user, l.kind, email, db.Micros(tx.Now()), db.Micros(expires))
	return s.config.BaseURL + l.page + "?token=" + token, expires, err
}

func endLinks(ctx context.Context, tx *db.Tx, l link, user UserID) error {
	_, err := tx.Exec(ctx, "DELETE FROM account_tokens WHERE user_id = $1 AND kind = $2", user, l.kind)
	return err
}

// goodToken is true of a token that may be used now.
const goodToken = `hash = $1 AND kind = $2 AND used_at IS NULL AND expires_at > $3 AND EXISTS (SELECT 1 FROM users u
	WHERE u.id = account_tokens.user_id AND u.deleted_at IS NULL AND account_tokens.email IN ('', u.email))`

// holder is whose token it is, without using it; NotFound when it is no good.
func holder(ctx context.Context, q db.Querier, l link, token string, now time.Time) (User, error) {
	return db.One(ctx, q, scanUser, "SELECT "+userColumns+" FROM users WHERE id = (SELECT user_id FROM account_tokens WHERE "+goodToken+")",
		vault.Hash(token), l.kind, db.Micros(now))
}

// useToken uses a token up and says whether it had been mailed; NotFound when it
// is no good. Of several that use it at once, one succeeds.
func useToken(ctx context.Context, tx *db.Tx, l link, token string) (user UserID, mailed bool, err error) {
	email, err := db.One(ctx, tx, func(r db.Row) (email string, err error) {
		err = r.Scan(&user, &email)
		return email, err
	}, "UPDATE account_tokens SET used_at = $3 WHERE "+goodToken+" RETURNING user_id, email", vault.Hash(token), l.kind, db.Micros(tx.Now()))
	return user, email != "", err
}

// orNoLink answers a token that is no good with what to do about it.
func orNoLink(err, noLink error) error {
	if fault.Is(err, fault.NotFound) {
		return noLink
	}
	return err
}
