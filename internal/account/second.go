package account

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/vault"
)

// TOTP says whether a sign-in asks for a second factor.
type TOTP struct {
	On            bool       `json:"on"`
	Since         *time.Time `json:"since" doc:"null: off"`
	RecoveryCodes int        `json:"recovery_codes" doc:"how many are left"`
}

// TOTPKey is the secret of a second factor that is not confirmed yet.
type TOTPKey struct {
	Secret string `json:"secret" doc:"base32 (RFC 4648), for typing"`
	URI    string `json:"uri" doc:"otpauth://, for a QR code"`
}

// RecoveryCodes are each good once in place of a code. No other answer shows them.
type RecoveryCodes struct {
	Codes []string `json:"recovery_codes"`
}

const (
	totpPurpose      = "totp"
	mailRecoveryUsed = "account.recovery_code_used"
	// recoveryCodes is how many are made at once, recoveryBytes the entropy of each.
	recoveryCodes = 10
	recoveryBytes = 10
	// maxCodes is after how many wrong codes in a row none is taken for lockFor, from
	// wherever they come: whoever types them has the password already.
	maxCodes = 10
)

var (
	errCodeNeeded = fault.New(fault.Unauthenticated, "this account signs in with a second factor: send code, from the authenticator or a recovery code").With("reason", "totp_required")
	errCode       = fault.New(fault.Unauthenticated, "the code is wrong, was used before or is over: take the next one, and check the clock of the device that shows it").With("reason", "totp_wrong")
	errTOTPOn     = fault.New(fault.Conflict, "the second factor is on already: turn it off first")
	errTOTPOff    = fault.New(fault.Conflict, "the second factor is off: begin with POST /api/auth/totp")
)

// TOTP says how the actor's second factor stands.
func (s *Service) TOTP(ctx context.Context, who Actor) (out TOTP, err error) {
	defer fault.Wrap(&err, "account.TOTP")
	since, err := db.One(ctx, s.db, db.Scalar[*int64], "SELECT confirmed_at FROM totp_secrets WHERE user_id = $1", who.UserID)
	if fault.Is(err, fault.NotFound) || err == nil && since == nil {
		return out, nil
	}
	if err != nil {
		return out, err
	}
	out.On, out.Since = true, db.TimePtr(since)
	out.RecoveryCodes, err = codesLeft(ctx, s.db, who.UserID)
	return out, err
}

// BeginTOTP makes a secret, which asks for nothing until it is confirmed and
// replaces an unconfirmed one. Conflict when the second factor is on.
func (s *Service) BeginTOTP(ctx context.Context, who Actor, password string) (out TOTPKey, err error) {
	defer fault.Wrap(&err, "account.BeginTOTP")
	if _, err := s.confirmPassword(ctx, who, password, "body.password"); err != nil {
		return out, err
	}
	key := vault.Random(totpKey)
	sealed, err := s.config.Keys.Seal(totpPurpose, key)
	if err != nil {
		return out, err
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `INSERT INTO totp_secrets (user_id, secret_sealed, created_at) VALUES ($1, $2, $3)
			ON CONFLICT (user_id) DO UPDATE SET secret_sealed = $2, created_at = $3 WHERE totp_secrets.confirmed_at IS NULL`,
			who.UserID, sealed, db.Micros(tx.Now()))
		if err != nil {
			return err
		}
		if n == 0 {
			return errTOTPOn
		}
		return s.Audit(ctx, tx, who, Entry{Action: "totp.begun", Kind: "user", SubjectID: string(who.UserID)})
	})
	if err != nil {
		return out, err
	}
	out.Secret = base32Text(key)
	out.URI = totpURI(who.Email, out.Secret)
	return out, nil
}

// ConfirmTOTP turns the second factor on with a code that shows that the actor's
// device has the secret.
func (s *Service) ConfirmTOTP(ctx context.Context, who Actor, code string) (out RecoveryCodes, err error) {
	defer fault.Wrap(&err, "account.ConfirmTOTP")
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		f, err := s.factor(ctx, tx, who.UserID)
		switch {
		case err != nil:
			return err
		case f.on:
			return errTOTPOn
		case f.sealed == "":
			return errTOTPOff
		}
		key, err := s.config.Keys.Unseal(totpPurpose, f.sealed)
		if err != nil {
			return err
		}
		step, ok := totpMatch(key, tx.Now(), plainCode(code))
		if !ok {
			return fault.Fields(fault.Field{Location: "body.code", Message: "is not what this secret shows now: check the clock of your device"})
		}
		n, err := tx.Exec(ctx, `UPDATE totp_secrets SET confirmed_at = $1, last_step = $2, failures = 0, locked_until = NULL
			WHERE user_id = $3 AND secret_sealed = $4 AND confirmed_at IS NULL`, db.Micros(tx.Now()), step, who.UserID, f.sealed)
		if err != nil {
			return err
		}
		if n == 0 {
			return errTOTPOn
		}
		if out.Codes, err = newRecoveryCodes(ctx, tx, who.UserID); err != nil {
			return err
		}
		return s.Audit(ctx, tx, who, Entry{Action: "totp.enabled", Kind: "user", SubjectID: string(who.UserID)})
	})
	return out, err
}

// NewRecoveryCodes replaces the actor's recovery codes, used or not.
func (s *Service) NewRecoveryCodes(ctx context.Context, who Actor, password string) (out RecoveryCodes, err error) {
	defer fault.Wrap(&err, "account.NewRecoveryCodes")
	if _, err := s.confirmPassword(ctx, who, password, "body.password"); err != nil {
		return out, err
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) (err error) {
		if err := s.requireTOTP(ctx, tx, who.UserID); err != nil {
			return err
		}
		if out.Codes, err = newRecoveryCodes(ctx, tx, who.UserID); err != nil {
			return err
		}
		return s.Audit(ctx, tx, who, Entry{Action: "totp.recovery_codes_made", Kind: "user", SubjectID: string(who.UserID)})
	})
	return out, err
}

// EndTOTP turns the second factor off, with the password and a last code.
func (s *Service) EndTOTP(ctx context.Context, who Actor, password, code string) (err error) {
	defer fault.Wrap(&err, "account.EndTOTP")
	if _, err := s.confirmPassword(ctx, who, password, "body.password"); err != nil {
		return err
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if err := s.requireTOTP(ctx, tx, who.UserID); err != nil {
			return err
		}
		if err := s.takeCode(ctx, tx, User{ID: who.UserID, Email: who.Email}, who, code); err != nil {
			return err
		}
		return s.dropTOTP(ctx, tx, who, "totp.disabled")
	})
	if errors.Is(err, errCode) || errors.Is(err, errCodeNeeded) {
		wrong := fault.Fields(fault.Field{Location: "body.code", Message: errCode.Message})
		return errors.Join(s.countCode(ctx, who.UserID, who.Email, who.Address), wrong)
	}
	return err
}

// ResetTOTP turns a user's second factor off on an operator's word; Conflict when
// it is off.
func (s *Service) ResetTOTP(ctx context.Context, email string) (err error) {
	defer fault.Wrap(&err, "account.ResetTOTP")
	who, err := s.ActorFor(ctx, email)
	if err != nil {
		return err
	}
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		f, err := s.factor(ctx, tx, who.UserID)
		if err != nil {
			return err
		}
		if !f.on {
			return fault.New(fault.Conflict, "%s signs in without a second factor: there is nothing to turn off", who.Email)
		}
		return s.dropTOTP(ctx, tx, who, "totp.reset")
	})
}

func (s *Service) dropTOTP(ctx context.Context, tx *db.Tx, who Actor, action string) error {
	for _, table := range []string{"recovery_codes", "totp_secrets"} {
		if _, err := tx.Exec(ctx, "DELETE FROM "+table+" WHERE user_id = $1", who.UserID); err != nil {
			return err
		}
	}
	return s.Audit(ctx, tx, who, Entry{Action: action, Kind: "user", SubjectID: string(who.UserID)})
}

// factor is a user's second factor as it is stored; its zero value is none.
type factor struct {
	sealed string
	on     bool
	locked *int64
}

func (s *Service) factor(ctx context.Context, q db.Querier, user UserID) (factor, error) {
	f, err := db.One(ctx, q, func(r db.Row) (f factor, err error) {
		var confirmed *int64
		err = r.Scan(&f.sealed, &f.locked, &confirmed)
		f.on = confirmed != nil
		return f, err
	}, "SELECT secret_sealed, locked_until, confirmed_at FROM totp_secrets WHERE user_id = $1", user)
	if fault.Is(err, fault.NotFound) {
		return factor{}, nil
	}
	return f, err
}

func (s *Service) requireTOTP(ctx context.Context, q db.Querier, user UserID) error {
	f, err := s.factor(ctx, q, user)
	if err == nil && !f.on {
		return errTOTPOff
	}
	return err
}

// takeCode uses up the code of a user whose password was found right: nil also
// where there is no second factor. A step is good once, however many ask at once:
// the last one that was taken is compared and advanced in one statement.
func (s *Service) takeCode(ctx context.Context, tx *db.Tx, u User, who Actor, code string) error {
	f, err := s.factor(ctx, tx, u.ID)
	if err != nil || !f.on {
		return err
	}
	if code = plainCode(code); code == "" {
		return errCodeNeeded
	}
	if wait := db.TimePtr(f.locked); wait != nil && wait.After(tx.Now()) {
		seconds := int(wait.Sub(tx.Now()).Seconds()) + 1
		return fault.New(fault.RateLimited, "too many wrong codes: try again in %d minutes", seconds/60+1).With("retry_after", seconds)
	}
	if len(code) != totpDigits {
		return s.takeRecoveryCode(ctx, tx, u, who, code)
	}
	key, err := s.config.Keys.Unseal(totpPurpose, f.sealed)
	if err != nil {
		return err
	}
	step, ok := totpMatch(key, tx.Now(), code)
	if !ok {
		return errCode
	}
	n, err := tx.Exec(ctx, "UPDATE totp_secrets SET last_step = $1, failures = 0, locked_until = NULL WHERE user_id = $2 AND secret_sealed = $3 AND last_step < $1",
		step, u.ID, f.sealed)
	if err == nil && n == 0 {
		return errCode
	}
	return err
}

// takeRecoveryCode uses up one of the codes that stand in for a lost device, and
// tells their owner.
func (s *Service) takeRecoveryCode(ctx context.Context, tx *db.Tx, u User, who Actor, code string) error {
	n, err := tx.Exec(ctx, "UPDATE recovery_codes SET used_at = $1 WHERE user_id = $2 AND hash = $3 AND used_at IS NULL",
		db.Micros(tx.Now()), u.ID, vault.Hash(code))
	if err != nil {
		return err
	}
	if n == 0 {
		return errCode
	}
	if _, err := tx.Exec(ctx, "UPDATE totp_secrets SET failures = 0, locked_until = NULL WHERE user_id = $1", u.ID); err != nil {
		return err
	}
	left, err := codesLeft(ctx, tx, u.ID)
	if err != nil {
		return err
	}
	if err := s.send(ctx, tx, mailRecoveryUsed, u, map[string]string{"left": strconv.Itoa(left), "address": who.Address}); err != nil {
		return err
	}
	return s.Audit(ctx, tx, who, Entry{Action: "totp.recovery_code_used", Kind: "user", SubjectID: string(u.ID), Detail: map[string]any{"left": left}})
}

// countCode counts a wrong code like a wrong password, and against the account.
func (s *Service) countCode(ctx context.Context, user UserID, email, address string) error {
	err := s.db.Transact(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE totp_secrets SET failures = CASE WHEN failures + 1 >= $1 THEN 0 ELSE failures + 1 END,
			locked_until = CASE WHEN failures + 1 >= $1 THEN $2 ELSE locked_until END WHERE user_id = $3`,
			maxCodes, db.Micros(tx.Now().Add(lockFor)), user)
		return err
	})
	return errors.Join(err, s.countFailure(ctx, email, address))
}

// newRecoveryCodes replaces a user's.
func newRecoveryCodes(ctx context.Context, tx *db.Tx, user UserID) ([]string, error) {
	if _, err := tx.Exec(ctx, "DELETE FROM recovery_codes WHERE user_id = $1", user); err != nil {
		return nil, err
	}
	codes := make([]string, recoveryCodes)
	for i := range codes {
		text := strings.ToLower(base32Text(vault.Random(recoveryBytes)))
		codes[i] = strings.Join([]string{text[:4], text[4:8], text[8:12], text[12:]}, "-")
		_, err := tx.Exec(ctx, "INSERT INTO recovery_codes (user_id, hash, created_at) VALUES ($1, $2, $3)", user, vault.Hash(text), db.Micros(tx.Now()))
		if err != nil {
			return nil, err
		}
	}
	return codes, nil
}

func codesLeft(ctx context.Context, q db.Querier, user UserID) (int, error) {
	return db.One(ctx, q, db.Scalar[int], "SELECT count(*) FROM recovery_codes WHERE user_id = $1 AND used_at IS NULL", user)
}

// plainCode is a code without what people type for readability.
func plainCode(s string) string {
	return strings.ToLower(strings.NewReplacer(" ", "", "-", "").Replace(s))
}
