package account

import (
	"context"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// identify finds the user whom the provider names, or makes one.
func (s *Service) identify(ctx context.Context, tx *db.Tx, c oidcClaims, address string) (User, error) {
	u, err := db.One(ctx, tx, scanUser, `SELECT u.id, u.email, u.name, u.email_verified, u.language, u.created_at
		FROM user_identities i JOIN users u ON u.id = i.user_id WHERE i.issuer = $1 AND i.subject = $2 AND u.erased_at IS NULL`,
		s.config.OIDC.Issuer, c.Subject)
	if !fault.Is(err, fault.NotFound) {
		return u, err
	}
	email, ok := NormalEmail(c.Email)
	if !ok || !c.verified() {
		return u, fault.New(fault.Forbidden, "%s has not confirmed your e-mail address: confirm it there, or sign in with your password", s.config.OIDC.Name)
	}
	u, err = db.One(ctx, tx, scanUser, "SELECT "+userColumns+" FROM users WHERE email = $1 AND erased_at IS NULL", email)
	switch {
	case fault.Is(err, fault.NotFound):
		if u, err = s.registerIdentity(ctx, tx, c, email, address); err != nil {
			return u, err
		}
	case err != nil:
		return u, err
	case !u.EmailVerified || s.unproven():
		// Somebody else may have registered the address, to wait for its owner.
		return u, fault.New(fault.Forbidden, "nobody has shown yet that the account of %s is yours: sign in with its password, and confirm the address", email)
	}
	return u, s.link(ctx, tx, c, u.ID, address)
}

// unproven says that accounts here carry a confirmed address that nobody had to
// show: anyone registers, and no mail can be sent.
func (s *Service) unproven() bool {
	return s.config.SkipVerification && s.config.Registration == Anyone
}

func (s *Service) registerIdentity(ctx context.Context, tx *db.Tx, c oidcClaims, email, address string) (User, error) {
	known, err := userExists(ctx, tx, email)
	if err != nil {
		return User{}, err
	}
	if known || s.config.Registration != Anyone {
		return User{}, fault.New(fault.Forbidden, "%s has no account on this server: ask an admin of your organization for an invitation", email)
	}
	u := User{Email: email, Name: c.Name, EmailVerified: true}
	if checkName(u.Name, "") != nil {
		u.Name = email
	}
	if err := s.insertUserWithOrg(ctx, tx, u, "", "", address); err != nil { // no password matches an empty hash
		return User{}, err
	}
	return db.One(ctx, tx, scanUser, "SELECT "+userColumns+" FROM users WHERE email = $1", email)
}

func (s *Service) link(ctx context.Context, tx *db.Tx, c oidcClaims, user UserID, address string) error {
	_, err := tx.Exec(ctx, "INSERT INTO user_identities (issuer, subject, user_id, created_at) VALUES ($1, $2, $3, $4)",
		s.config.OIDC.Issuer, db.Text(c.Subject), user, db.Micros(tx.Now()))
	if err != nil {
		return err
	}
	who := Actor{UserID: user, Address: address}
	return s.Audit(ctx, tx, who, Entry{Action: "identity.linked", Kind: "user", SubjectID: string(user), Detail: map[string]any{"issuer": s.config.OIDC.Issuer}})
}
