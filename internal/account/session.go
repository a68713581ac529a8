package account

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/vault"
)

// Tokens is what a sign-in or a refresh hands out.
type Tokens struct {
	Token        string `json:"token"`
	RefreshToken string `json:"refresh_token"`
	TokenType    string `json:"token_type" enum:"Bearer"`
	// ExpiresIn is in seconds.
	ExpiresIn int  `json:"expires_in"`
	User      User `json:"user"`
}

// Lock-out of a pair (account, address): five failures within fifteen minutes.
// A stranger elsewhere cannot lock the captain out.
const (
	maxFailures = 5
	lockFor     = 15 * time.Minute
)

var (
	errSignIn  = fault.New(fault.Unauthenticated, "e-mail address or password is wrong")
	errSession = fault.New(fault.Unauthenticated, "the session has ended: sign in again")
	errToken   = fault.New(fault.Unauthenticated, "the token is missing, wrong or expired: sign in again")
)

// SigningIn is what somebody gives to sign in.
type SigningIn struct {
	Email, Password string
	// Code is the second factor's, or a recovery code; needed where it is on.
	Code string
	// Remember has a session without an idle limit, on the user's own device.
	Remember       bool
	Address, Agent string
}

// Login signs a user in. The answer to a wrong password and to an unknown
// address is the same and takes the same time; whether there is a second factor
// shows only after the right password.
func (s *Service) Login(ctx context.Context, in SigningIn) (t Tokens, err error) {
	defer fault.Wrap(&err, "account.Login")
	email, _ := NormalEmail(in.Email)
	if err := s.checkLock(ctx, email, in.Address); err != nil {
		return t, err
	}
	if err := s.slowDown(ctx, email); err != nil {
		return t, err
	}
	type credentials struct {
		User
		hash string
	}
	user, err := db.One(ctx, s.db, func(r db.Row) (c credentials, err error) {
		var at int64
		err = r.Scan(&c.ID, &c.Email, &c.Name, &c.EmailVerified, &c.Language, &at, &c.hash)
		c.CreatedAt = db.Time(at)
		return c, err
	}, "SELECT "+userColumns+", password_hash FROM users WHERE email = $1", email)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return t, err
	}
	ok, err := s.hasher.matches(ctx, in.Password, user.hash)
	if err != nil {
		return t, err
	}
	if !ok {
		return t, errors.Join(s.countFailure(ctx, email, in.Address), errSignIn)
	}
	if t, err = s.open(ctx, user.User, user.hash, in); errors.Is(err, errCode) {
		return t, errors.Join(s.countCode(ctx, user.ID, email, in.Address), errCode)
	}
	return t, err
}

func (s *Service) checkLock(ctx context.Context, email, address string) error {
	until, err := db.One(ctx, s.db, db.Scalar[*int64],
		"SELECT locked_until FROM login_failures WHERE email = $1 AND address = $2", email, address)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil || until == nil {
		return err
	}
	wait := db.Time(*until).Sub(s.db.Now())
	if wait <= 0 {
		return nil
	}
	return fault.New(fault.RateLimited, "too many failed sign-ins from here: try again in %d minutes", int(wait.Minutes())+1).
		With("retry_after", int(wait.Seconds())+1)
}

// countFailure locks the pair at the fifth failure and tells the account's owner.
func (s *Service) countFailure(ctx context.Context, email, address string) error {
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		if _, err := addFailure(ctx, tx, email, everywhere); err != nil {
			return err
		}
		n, err := addFailure(ctx, tx, email, address)
		if err != nil || n < maxFailures {
			return err
		}
		_, err = tx.Exec(ctx, "UPDATE login_failures SET failures = 0, locked_until = $1 WHERE email = $2 AND address = $3",
			db.Micros(tx.Now().Add(lockFor)), email, address)
		if err != nil {
			return err
		}
		return s.tellLocked(ctx, tx, email, address)
	})
}

// addFailure counts a failed sign-in, from an address or everywhere; those of
// more than lockFor ago are forgotten.
func addFailure(ctx context.Context, tx *db.Tx, email, address string) (int, error) {
	return db.One(ctx, tx, db.Scalar[int], `INSERT INTO login_failures (email, address, failures, last_at) VALUES ($1, $2, 1, $3)
		ON CONFLICT (email, address) DO UPDATE SET last_at = $3,
		failures = CASE WHEN login_failures.last_at < $4 THEN 1 ELSE login_failures.failures + 1 END RETURNING failures`,
		email, address, db.Micros(tx.Now()), db.Micros(tx.Now().Add(-lockFor)))
}

// open begins a session of a user whose password was found right against hash,
// and uses up the code of their second factor.
func (s *Service) open(ctx context.Context, user User, hash string, in SigningIn) (t Tokens, err error) {
	var session SessionID
	var refresh string
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if err := holdPassword(ctx, tx, user.ID, hash); err != nil {
			return err
		}
		if err := s.takeCode(ctx, tx, user, Actor{UserID: user.ID, Address: in.Address}, in.Code); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM login_failures WHERE email = $1 AND address = $2", user.Email, in.Address); err != nil {
			return err
		}
		session, refresh, err = s.begin(ctx, tx, user.ID, in, nil)
		return err
	})
	if err != nil {
		return t, err
	}
	return s.tokens(user, session, refresh)
}

// begin writes a session and its first refresh token; detail goes to the audit
// trail.
func (s *Service) begin(ctx context.Context, tx *db.Tx, user UserID, in SigningIn, detail any) (session SessionID, refresh string, err error) {
	session = SessionID(db.NewID())
	now := tx.Now()
	_, err = tx.Exec(ctx, `INSERT INTO sessions (id, user_id, address, agent, created_at, last_seen_at, expires_at, remembered)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, session, user, in.Address, db.Text(truncate(in.Agent, 200)),
		db.Micros(now), db.Micros(now), db.Micros(now.Add(s.config.RefreshTTL)), in.Remember)
	if err != nil {
		return "", "", err
	}
	if refresh, err = insertRefresh(ctx, tx, session); err != nil {
		return "", "", err
	}
	who := Actor{UserID: user, SessionID: session, Address: in.Address}
	if err := s.revive(ctx, tx, who); err != nil {
		return "", "", err
	}
	return session, refresh, s.Audit(ctx, tx, who, Entry{Action: "session.opened", Kind: "session", SubjectID: string(session), Detail: detail})
}

// holdPassword keeps a password from being changed until the transaction ends,
// and refuses one that has been: a session begun beside a reset would outlive it.
func holdPassword(ctx context.Context, tx *db.Tx, user UserID, hash string) error {
	n, err := tx.Exec(ctx, "UPDATE users SET password_hash = password_hash WHERE id = $1 AND password_hash = $2 AND erased_at IS NULL", user, hash)
	if err == nil && n == 0 {
		return errSignIn
	}
	return err
}

func truncate(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}

func insertRefresh(ctx context.Context, tx *db.Tx, session SessionID) (string, error) {
	secret, hash := vault.Token("ndr_")
	_, err := tx.Exec(ctx, "INSERT INTO refresh_tokens (hash, session_id, created_at) VALUES ($1, $2, $3)",
		hash, session, db.Micros(tx.Now()))
	return secret, err
}

// Refresh exchanges a refresh token for new tokens. A token that was used
// before ends its whole family: one of its two holders is not its owner
// (RFC 9700, 4.14.2).
func (s *Service) Refresh(ctx context.Context, token string) (t Tokens, err error) {
	defer fault.Wrap(&err, "account.Refresh")
	var user User
	var session SessionID
	var refresh string
	reused := false
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		hash := vault.Hash(token)
		session, err = db.One(ctx, tx, db.Scalar[SessionID], "SELECT session_id FROM refresh_tokens WHERE hash = $1", hash)
		if err != nil {
			return asUnauthenticated(err)
		}
		n, err := tx.Exec(ctx, "UPDATE refresh_tokens SET used_at = $1 WHERE hash = $2 AND used_at IS NULL", db.Micros(tx.Now()), hash)
		if err != nil {
			return err
		}
		if reused = n == 0; reused {
			return endSession(ctx, tx, session, "a refresh token was used twice")
		}
		if user, err = s.sessionUser(ctx, tx, session); err != nil {
			return asUnauthenticated(err)
		}
		if refresh, err = insertRefresh(ctx, tx, session); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "UPDATE sessions SET last_seen_at = $1, expires_at = $2 WHERE id = $3",
			db.Micros(tx.Now()), db.Micros(tx.Now().Add(s.config.RefreshTTL)), session)
		return err
	})
	if err != nil {
		return t, err
	}
	if reused {
		return t, errSession
	}
	return s.tokens(user, session, refresh)
}

func asUnauthenticated(err error) error {
	if fault.Is(err, fault.NotFound) {
		return errSession
	}
	return err
}

// sessionUser reads the user of a session that is alive.
func (s *Service) sessionUser(ctx context.Context, q db.Querier, session SessionID) (User, error) {
	return db.One(ctx, q, scanUser, `SELECT u.id, u.email, u.name, u.email_verified, u.language, u.created_at
		FROM sessions x JOIN users u ON u.id = x.user_id
		WHERE x.id = $1 AND x.expires_at > $2 AND u.deleted_at IS NULL AND `+awake, session, db.Micros(s.db.Now()), s.awakeSince())
}

type claims struct {
	jwt.RegisteredClaims
	Session SessionID `json:"sid"`
}

const (
	issuer   = "navidocs"
	audience = "navidocs-api"
)

func (s *Service) tokens(user User, session SessionID, refresh string) (Tokens, error) {
	now := s.db.Now()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: issuer, Audience: jwt.ClaimStrings{audience}, Subject: string(user.ID), ID: db.NewID(),
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(s.config.AccessTTL)),
		},
		Session: session,
	}).SignedString(s.config.Secret)
	return Tokens{Token: token, RefreshToken: refresh, TokenType: "Bearer", ExpiresIn: int(s.config.AccessTTL.Seconds()), User: user}, err
}

// Authenticate reads the actor behind an access token or a personal token: user
// and roles as they are now. The algorithm of access tokens is pinned to HS256.
func (s *Service) Authenticate(ctx context.Context, token string) (who Actor, err error) {
	defer fault.Wrap(&err, "account.Authenticate")
	if strings.HasPrefix(token, tokenPrefix) {
		return s.tokenActor(ctx, token)
	}
	if strings.HasPrefix(token, probePrefix) {
		return s.probeActor(ctx, token)
	}
	var c claims
	_, err = jwt.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return s.config.Secret, nil },
		jwt.WithValidMethods([]string{"HS256"}), jwt.WithIssuer(issuer), jwt.WithAudience(audience),
		jwt.WithExpirationRequired(), jwt.WithTimeFunc(s.db.Now))
	if err != nil {
		return who, fault.Because(err, fault.Unauthenticated, "%s", errToken.Message)
	}
	if who, err = s.sessionActor(ctx, c.Session); err == nil && who.UserID != UserID(c.Subject) {
		return Actor{}, errSession
	}
	return who, err
}

func (s *Service) sessionActor(ctx context.Context, session SessionID) (Actor, error) {
	who, seen, err := s.actor(ctx, "sessions", "last_seen_at", session, awake, s.awakeSince())
	if who.SessionID = session; err != nil {
		return who, err
	}
	return who, s.touch(ctx, session, db.Time(*seen))
}

// actor is the user of a row, read in one query with their roles and grants: a
// row a membership, or one without any, and a row a grant. It is Unauthenticated
// when the row's time is over, or good, with args from $3 on, does not hold. seen
// is when it was last used.
func (s *Service) actor(ctx context.Context, table, used string, id any, good string, args ...any) (who Actor, seen *int64, err error) {
	type row struct {
		Actor
		seen  *int64
		org   *OrgID
		role  *string
		boat  *BoatID
		money bool
		until *int64
	}
	user := "SELECT u.id, u.email, u.name, u.email_verified, u.operator, x." + used + ", "
	from := " FROM " + table + " x JOIN users u ON u.id = x.user_id"
	where := " WHERE x.id = $1 AND " + good + " AND (x.expires_at IS NULL OR x.expires_at > $2) AND u.deleted_at IS NULL"
	rows, err := db.Collect(ctx, s.db, func(r db.Row) (x row, err error) {
		err = r.Scan(&x.UserID, &x.Email, &x.Name, &x.Verified, &x.Operator, &x.seen, &x.org, &x.role, &x.boat, &x.money, &x.until)
		return x, err
	}, user+"m.org_id, m.role, NULL, FALSE, NULL"+from+" LEFT JOIN memberships m ON m.user_id = u.id AND "+Existing("m.org_id")+where+
		" UNION ALL "+user+"g.org_id, g.level, g.boat_id, g.money, g.expires_at"+from+
		" JOIN boat_grants g ON g.user_id = u.id AND (g.expires_at IS NULL OR g.expires_at > $2) AND "+Existing("g.org_id")+where,
		append([]any{id, db.Micros(s.db.Now())}, args...)...)
	if err != nil {
		return Actor{}, nil, err
	}
	if len(rows) == 0 {
		return Actor{}, nil, errSession
	}
	who = rows[0].Actor
	who.Roles, who.Grants = map[OrgID]Role{}, map[BoatID]Granted{}
	for _, x := range rows {
		switch {
		case x.boat != nil:
			who.Grants[*x.boat] = Granted{OrgID: *x.org, Level: Level(*x.role), Money: x.money, Until: db.TimePtr(x.until)}
		case x.org != nil:
			who.Roles[*x.org] = Role(*x.role)
		}
	}
	return who, rows[0].seen, nil
}

// Again reads an actor anew, for streams that stay open: it is Unauthenticated
// when their session or token has ended.
func (s *Service) Again(ctx context.Context, who Actor) (now Actor, err error) {
	defer fault.Wrap(&err, "account.Again")
	if who.TokenID != "" {
		now, _, err = s.actor(ctx, "personal_tokens", "last_used_at", who.TokenID, "TRUE")
		now.TokenID, now.Scope = who.TokenID, who.Scope
	} else {
		now, err = s.sessionActor(ctx, who.SessionID)
	}
	now.Narrow, now.Address, now.RequestID = who.Narrow, who.Address, who.RequestID
	return now, err
}

// Session is a sign-in that has not ended.
type Session struct {
	ID         SessionID `json:"id"`
	Current    bool      `json:"current" doc:"the one that asks"`
	Address    string    `json:"address"`
	Agent      string    `json:"user_agent"`
	Remembered bool      `json:"remembered" doc:"on the user's own device: no idle limit"`
	CreatedAt  time.Time `json:"created_at"`
	LastSeenAt time.Time `json:"last_seen_at" doc:"when it was last used, to the minute"`
}

// Sessions lists the actor's, the latest seen first.
func (s *Service) Sessions(ctx context.Context, who Actor) (_ []Session, err error) {
	defer fault.Wrap(&err, "account.Sessions")
	return db.Collect(ctx, s.db, func(r db.Row) (x Session, err error) {
		var created, seen int64
		err = r.Scan(&x.ID, &x.Address, &x.Agent, &x.Remembered, &created, &seen)
		x.Current, x.CreatedAt, x.LastSeenAt = x.ID == who.SessionID, db.Time(created), db.Time(seen)
		return x, err
	}, `SELECT x.id, x.address, x.agent, x.remembered, x.created_at, x.last_seen_at FROM sessions x
		WHERE x.user_id = $1 AND x.expires_at > $2 AND `+awake+` ORDER BY x.last_seen_at DESC, x.id`, who.UserID, db.Micros(s.db.Now()), s.awakeSince())
}

// EndSession ends one of the actor's sessions, at once also on open streams.
func (s *Service) EndSession(ctx context.Context, who Actor, id SessionID) (err error) {
	defer fault.Wrap(&err, "account.EndSession %s", id)
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, "UPDATE sessions SET ended_at = $1, ended_why = $2 WHERE id = $3 AND user_id = $4 AND ended_at IS NULL",
			db.Micros(tx.Now()), "ended from another session", id, who.UserID)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.New(fault.NotFound, "session not found: it may have ended")
		}
		return s.Audit(ctx, tx, who, Entry{Action: "session.ended", Kind: "session", SubjectID: string(id)})
	})
}

// Logout ends the actor's session; everywhere ends all of the user's.
func (s *Service) Logout(ctx context.Context, who Actor, everywhere bool) (err error) {
	defer fault.Wrap(&err, "account.Logout")
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		if !everywhere {
			if err := endSession(ctx, tx, who.SessionID, "signed out"); err != nil {
				return err
			}
			return s.Audit(ctx, tx, who, Entry{Action: "session.ended", Kind: "session", SubjectID: string(who.SessionID)})
		}
		_, err := tx.Exec(ctx, "UPDATE sessions SET ended_at = $1, ended_why = $2 WHERE user_id = $3 AND ended_at IS NULL",
			db.Micros(tx.Now()), "signed out everywhere", who.UserID)
		if err != nil {
			return err
		}
		return s.Audit(ctx, tx, who, Entry{Action: "session.ended_all", Kind: "user", SubjectID: string(who.UserID)})
	})
}

func endSession(ctx context.Context, tx *db.Tx, session SessionID, why string) error {
	_, err := tx.Exec(ctx, "UPDATE sessions SET ended_at = $1, ended_why = $2 WHERE id = $3 AND ended_at IS NULL",
		db.Micros(tx.Now()), why, session)
	return err
}

// ActorFor is the actor of a command that an operator runs on the machine
// itself, in a user's name; NotFound when there is no such user.
func (s *Service) ActorFor(ctx context.Context, email string) (who Actor, err error) {
	defer fault.Wrap(&err, "account.ActorFor")
	email, _ = NormalEmail(email)
	user, err := db.One(ctx, s.db, scanUser, "SELECT "+userColumns+" FROM users WHERE email = $1 AND deleted_at IS NULL", email)
	if fault.Is(err, fault.NotFound) {
		return who, fault.New(fault.NotFound, "no user has the address %s: navidocs user create makes one", email)
	}
	if err != nil {
		return who, err
	}
	if who, err = s.actorOf(ctx, user); err == nil {
		who.Address = "console"
	}
	return who, err
}

// ActorOf is a user with the rights that they have now, for what is done in
// their name without them; NotFound when there is no such user any more.
func (s *Service) ActorOf(ctx context.Context, id UserID) (who Actor, err error) {
	defer fault.Wrap(&err, "account.ActorOf %s", id)
	user, err := db.One(ctx, s.db, scanUser, "SELECT "+userColumns+" FROM users WHERE id = $1 AND deleted_at IS NULL", id)
	if err != nil {
		return who, err
	}
	return s.actorOf(ctx, user)
}

func (s *Service) actorOf(ctx context.Context, user User) (who Actor, err error) {
	who = Actor{
		UserID: user.ID, Email: user.Email, Name: user.Name, Verified: user.EmailVerified,
		Roles: map[OrgID]Role{}, Grants: map[BoatID]Granted{},
	}
	_, err = db.Collect(ctx, s.db, func(r db.Row) (_ struct{}, err error) {
		var org OrgID
		var role Role
		err = r.Scan(&org, &role)
		who.Roles[org] = role
		return struct{}{}, err
	}, "SELECT org_id, role FROM memberships m WHERE user_id = $1 AND "+Existing("m.org_id"), user.ID)
	if err != nil {
		return who, err
	}
	_, err = db.Collect(ctx, s.db, func(r db.Row) (_ struct{}, err error) {
		var boat BoatID
		var g Granted
		var until *int64
		err = r.Scan(&boat, &g.OrgID, &g.Level, &g.Money, &until)
		g.Until = db.TimePtr(until)
		who.Grants[boat] = g
		return struct{}{}, err
	}, "SELECT boat_id, org_id, level, money, expires_at FROM boat_grants g WHERE user_id = $1 AND (expires_at IS NULL OR expires_at > $2) AND "+Existing("g.org_id"),
		user.ID, db.Micros(s.db.Now()))
	return who, err
}

// OnlyUser is the address of the one user of a small installation, or an error
// that asks to name one.
func (s *Service) OnlyUser(ctx context.Context) (string, error) {
	all, err := db.Collect(ctx, s.db, db.Scalar[string], "SELECT email FROM users WHERE deleted_at IS NULL AND id <> $1 LIMIT 2", ProbeUser)
	if err != nil {
		return "", err
	}
	if len(all) != 1 {
		return "", fault.New(fault.Invalid, "name the user with --user ADDRESS: there are none or several")
	}
	return all[0], nil
}
