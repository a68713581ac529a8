package account

import (
	"context"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/vault"
)

// answerTTL is how long the answer to an Idempotency-Key is kept.
const answerTTL = 24 * time.Hour

// idempotencyPurpose is what answers are sealed for.
const idempotencyPurpose = "idempotency"

// FirstAnswer claims a key for a request and returns nil, or returns the
// answer of the first request with this key. The same key with another request
// is a Conflict, and so is one whose first request has not ended (or ended
// with the process): its outcome is unknown.
func (s *Service) FirstAnswer(ctx context.Context, who Actor, key, request string) (stored []byte, err error) {
	defer fault.Wrap(&err, "account.FirstAnswer")
	type row struct {
		request, answer string
		status          int
	}
	var known []row
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		hash := vault.Hash(key)
		_, err := tx.Exec(ctx, "DELETE FROM idempotency_keys WHERE user_id = $1 AND key_hash = $2 AND created_at < $3",
			who.UserID, hash, db.Micros(tx.Now().Add(-answerTTL)))
		if err != nil {
			return err
		}
		n, err := tx.Exec(ctx, `INSERT INTO idempotency_keys (user_id, key_hash, request_hash, created_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (user_id, key_hash) DO NOTHING`, who.UserID, hash, request, db.Micros(tx.Now()))
		if err != nil || n == 1 {
			return err
		}
		known, err = db.Collect(ctx, tx, func(r db.Row) (x row, err error) {
			err = r.Scan(&x.request, &x.status, &x.answer)
			return x, err
		}, "SELECT request_hash, status, answer FROM idempotency_keys WHERE user_id = $1 AND key_hash = $2", who.UserID, hash)
		return err
	})
	if err != nil || len(known) == 0 {
		return nil, err
	}
	switch first := known[0]; {
	case first.request != request:
		return nil, fault.New(fault.Conflict, "this Idempotency-Key was used for another request: choose a new one")
	case first.status == 0:
		return nil, fault.New(fault.Conflict, "the first request with this Idempotency-Key has not ended, or its outcome is unknown: look before you repeat it")
	default:
		return s.config.Keys.Unseal(idempotencyPurpose, first.answer)
	}
}

// KeepAnswer stores the answer to a claimed key, sealed; nil gives the key back.
func (s *Service) KeepAnswer(ctx context.Context, user UserID, key string, answer []byte) (err error) {
	defer fault.Wrap(&err, "account.KeepAnswer")
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		if answer == nil {
			_, err := tx.Exec(ctx, "DELETE FROM idempotency_keys WHERE user_id = $1 AND key_hash = $2", user, vault.Hash(key))
			return err
		}
		sealed, err := s.config.Keys.Seal(idempotencyPurpose, answer)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "UPDATE idempotency_keys SET status = 1, answer = $1 WHERE user_id = $2 AND key_hash = $3", sealed, user, vault.Hash(key))
		return err
	})
}

// Tidy removes what has had its time: old answers, ended sessions, old failures,
// expired links, invitations and tokens, sign-ins elsewhere that nobody finished,
// old lines of the audit trail and the network addresses in it, and the accounts
// and organizations whose grace is over.
func (s *Service) Tidy(ctx context.Context) (err error) {
	defer fault.Wrap(&err, "account.Tidy")
	if err := s.tidyAccess(ctx); err != nil {
		return err
	}
	if err := s.tidyTrail(ctx); err != nil {
		return err
	}
	if err := s.eraseLeft(ctx); err != nil {
		return err
	}
	return s.purgeClosed(ctx)
}

func (s *Service) tidyAccess(ctx context.Context) error {
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		now := db.Micros(tx.Now())
		day, month := db.Micros(tx.Now().Add(-answerTTL)), db.Micros(tx.Now().AddDate(0, -1, 0))
		for _, step := range []struct {
			text string
			arg  int64
		}{
			{"DELETE FROM idempotency_keys WHERE created_at < $1", day},
			{"DELETE FROM login_failures WHERE last_at < $1", day},
			{"DELETE FROM account_mails WHERE sent_at < $1", day},
			{"DELETE FROM account_tokens WHERE expires_at <= $1", now},
			{"DELETE FROM oidc_requests WHERE expires_at <= $1", now},
			{"DELETE FROM invitations WHERE expires_at <= $1", now},
			{"DELETE FROM personal_tokens WHERE expires_at <= $1", month},
			{"DELETE FROM refresh_tokens WHERE session_id IN (SELECT id FROM sessions WHERE ended_at < $1 OR expires_at < $1)", month},
			{"DELETE FROM sessions WHERE ended_at < $1 OR expires_at < $1", month},
		} {
			if _, err := tx.Exec(ctx, step.text, step.arg); err != nil {
				return err
			}
		}
		return nil
	})
}
