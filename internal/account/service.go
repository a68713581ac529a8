package account

import (
	"cmp"
	"context"
	"log/slog"
	"net/mail"
	"strings"
	"time"
	"unicode/utf8"

	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/vault"
)

// Registration says who may register.
type Registration string

// The kinds of registration.
const (
	Invite Registration = "invite"
	Anyone Registration = "open"
	Closed Registration = "closed"
)

// Config holds what accounts need to know.
type Config struct {
	// Secret signs access tokens; at least 32 bytes.
	Secret []byte
	// Keys seal what is stored and nobody may read.
	Keys vault.Keys
	// AccessTTL and RefreshTTL bound the tokens.
	AccessTTL, RefreshTTL time.Duration
	// SessionIdle is how long a session may lie unused; 0 means for ever.
	SessionIdle  time.Duration
	Registration Registration
	// SetupCode lets the first user in while nobody has registered.
	SetupCode string
	// SkipVerification marks every new address verified: no mail can be sent.
	SkipVerification bool
	// BaseURL is where people reach the application: links in mails begin with it.
	BaseURL string
	OIDC    OIDC
	// PasswordCost is that of new hashes; zero means OWASP's. Less is for tests.
	PasswordCost Cost
	// Wait makes sign-ins wait that follow many failures; nil means by the clock.
	Wait func(ctx context.Context, d time.Duration) error
	Log  *slog.Logger
	// Journal keeps the list of erasures beside the database; nil keeps it in
	// the database alone.
	Journal Journal
}

// Service is the accounts of one installation.
type Service struct {
	db       *db.DB
	config   Config
	hasher   *hasher
	waiting  waiting
	provider *provider
	onMail   func(ctx context.Context, tx *db.Tx, m Mail) error
	// personal and purges are those of the packages above.
	personal []PersonalData
	purges   []Purge
}

// New makes the service.
func New(d *db.DB, c Config) *Service {
	if c.Wait == nil {
		c.Wait = wait
	}
	return &Service{
		db: d, config: c, hasher: newHasher(4, cmp.Or(c.PasswordCost, dear())), waiting: waiting{n: map[string]int{}}, provider: newProvider(),
		onMail: func(context.Context, *db.Tx, Mail) error { return nil },
	}
}

// Keys seal what is stored and nobody may read.
func (s *Service) Keys() vault.Keys { return s.config.Keys }

// Vaults are where the sealed values of this package lie.
func Vaults() []vault.Column {
	return []vault.Column{
		{Kind: "answers to repeated requests", Table: "idempotency_keys", Key: []string{"user_id", "key_hash"}, Column: "answer", Purpose: idempotencyPurpose},
		{Kind: "second factors", Table: "totp_secrets", Key: []string{"user_id"}, Column: "secret_sealed", Purpose: totpPurpose},
	}
}

// User is a person who signs in.
type User struct {
	ID            UserID    `json:"id"`
	Email         string    `json:"email"`
	Name          string    `json:"name"`
	EmailVerified bool      `json:"email_verified"`
	Language      string    `json:"language"`
	CreatedAt     time.Time `json:"created_at"`
}

// Registering is what a new user gives.
type Registering struct {
	Email, Password, Name, Organization, SetupCode string
}

// Register makes a user with an organization of their own, whose admin they
// are, and mails them to confirm their address. It answers the same for a known
// address, so that nobody learns whose addresses are registered; its owner is
// told by mail.
func (s *Service) Register(ctx context.Context, r Registering, address string) (err error) {
	defer fault.Wrap(&err, "account.Register")
	email, faults := checkUser(r)
	if len(faults) > 0 {
		return fault.Fields(faults...)
	}
	if err := s.mayRegister(ctx, r.SetupCode); err != nil {
		return err
	}
	hash, err := s.hasher.hash(ctx, r.Password)
	if err != nil {
		return err
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if known, err := userExists(ctx, tx, email); err != nil {
			return err
		} else if known {
			return s.tellOwner(ctx, tx, mailExists, email, map[string]string{"link": s.config.BaseURL + "/login"})
		}
		user := User{Email: email, Name: strings.TrimSpace(r.Name), EmailVerified: s.config.SkipVerification}
		return s.insertUserWithOrg(ctx, tx, user, hash, r.Organization, address)
	})
	if fault.Is(err, fault.Conflict) { // two at once: the other one was first
		return nil
	}
	return err
}

func (s *Service) insertUserWithOrg(ctx context.Context, tx *db.Tx, user User, hash, orgName, address string) error {
	id, err := insertUser(ctx, tx, user, hash, false)
	if err != nil {
		return err
	}
	if orgName = strings.TrimSpace(orgName); orgName == "" {
		orgName = user.Name
	}
	org, err := insertOrganization(ctx, tx, orgName)
	if err != nil {
		return err
	}
	if err := insertMembership(ctx, tx, org, id, Admin); err != nil {
		return err
	}
	who := Actor{UserID: id, Address: address}
	if err := s.Audit(ctx, tx, who, Entry{OrgID: org, Action: "user.registered", Kind: "user", SubjectID: string(id)}); err != nil {
		return err
	}
	if user.ID = id; user.EmailVerified {
		return nil
	}
	_, err = s.mailVerification(ctx, tx, user)
	return err
}

func checkUser(r Registering) (email string, faults []fault.Field) {
	email, ok := NormalEmail(r.Email)
	if !ok {
		faults = append(faults, fault.Field{Location: "body.email", Message: "must be an e-mail address", Value: fault.Echo(r.Email)})
	}
	if f := checkName(r.Name, "body.name"); f != nil {
		faults = append(faults, *f)
	}
	if f := checkName(orDefault(r.Organization, "its user's name"), "body.organization_name"); f != nil {
		faults = append(faults, *f)
	}
	if f := checkPassword(r.Password, email); f != nil {
		faults = append(faults, *f)
	}
	return email, faults
}

func checkName(name, location string) *fault.Field {
	if n := utf8.RuneCountInString(strings.TrimSpace(db.Text(name))); n < 1 || n > 200 {
		return &fault.Field{Location: location, Message: "must have 1 to 200 characters"}
	}
	return nil
}

// NormalEmail lower-cases a bare e-mail address (RFC 5322 addr-spec) and says
// whether it is one. What is none comes back as text that can be looked up.
func NormalEmail(s string) (string, bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	a, err := mail.ParseAddress(s)
	if err != nil || a.Name != "" || a.Address != s || len(s) > 254 {
		return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD"), false
	}
	return s, true
}

// mayRegister applies REGISTRATION; a server without users belongs to whoever
// holds the code that it printed.
func (s *Service) mayRegister(ctx context.Context, code string) error {
	if s.config.Registration == Anyone {
		return nil
	}
	users, err := s.CountUsers(ctx)
	if err != nil {
		return err
	}
	if users == 0 && s.config.SetupCode != "" {
		if vault.Hash(code) == vault.Hash(s.config.SetupCode) {
			return nil
		}
		return fault.New(fault.Forbidden, "this server has no users yet: give setup_code, the code that it printed when it started")
	}
	return fault.New(fault.Forbidden, "registration is by invitation on this server")
}

// CountUsers counts the people registered.
func (s *Service) CountUsers(ctx context.Context) (int, error) {
	return db.One(ctx, s.db, db.Scalar[int], "SELECT count(*) FROM users WHERE deleted_at IS NULL AND id <> $1", ProbeUser)
}

// NewUser is what an operator gives to make a user from the command line.
type NewUser struct {
	Registering
	Operator bool
	// Join names an existing organization instead of a new one, with Role.
	Join OrgID
	Role Role
	// AnyPassword skips the password rule: demo data only.
	AnyPassword bool
}

// CreateUser makes a verified user without asking anyone's leave; for the
// operator's commands and the demo.
func (s *Service) CreateUser(ctx context.Context, n NewUser) (id UserID, err error) {
	defer fault.Wrap(&err, "account.CreateUser")
	email, faults := checkUser(n.Registering)
	if n.AnyPassword {
		faults = nil
	}
	if len(faults) > 0 {
		return "", fault.Fields(faults...)
	}
	hash, err := s.hasher.hash(ctx, n.Password)
	if err != nil {
		return "", err
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		user := User{Email: email, Name: n.Name, EmailVerified: true}
		if id, err = insertUser(ctx, tx, user, hash, n.Operator); err != nil {
			if fault.Is(err, fault.Conflict) {
				return fault.New(fault.Conflict, "%s is registered already", email)
			}
			return err
		}
		org, role := n.Join, n.Role
		if org == "" {
			role = Admin
			if org, err = insertOrganization(ctx, tx, orDefault(n.Organization, n.Name)); err != nil {
				return err
			}
		}
		if err := insertMembership(ctx, tx, org, id, role); err != nil {
			if fault.Is(err, fault.Conflict) {
				return fault.New(fault.NotFound, "no organization has the id %s", org)
			}
			return err
		}
		return s.Audit(ctx, tx, Actor{}, Entry{OrgID: org, Action: "user.created", Kind: "user", SubjectID: string(id)})
	})
	return id, err
}

func orDefault(s, otherwise string) string {
	if s = strings.TrimSpace(s); s == "" {
		return otherwise
	}
	return s
}

func insertUser(ctx context.Context, tx *db.Tx, u User, hash string, operator bool) (UserID, error) {
	id, now := UserID(db.NewID()), db.Micros(tx.Now())
	_, err := tx.Exec(ctx, `INSERT INTO users (id, email, name, password_hash, email_verified, operator, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, id, u.Email, db.Text(u.Name), hash, u.EmailVerified, operator, now, now)
	return id, err
}

func userExists(ctx context.Context, q db.Querier, email string) (bool, error) {
	n, err := db.One(ctx, q, db.Scalar[int], "SELECT count(*) FROM users WHERE email = $1", email)
	return n > 0, err
}

const userColumns = "id, email, name, email_verified, language, created_at"

func scanUser(r db.Row) (u User, err error) {
	var at int64
	err = r.Scan(&u.ID, &u.Email, &u.Name, &u.EmailVerified, &u.Language, &at)
	u.CreatedAt = db.Time(at)
	return u, err
}

// Me reads the actor's own user.
func (s *Service) Me(ctx context.Context, who Actor) (User, error) {
	return db.One(ctx, s.db, scanUser, "SELECT "+userColumns+" FROM users WHERE id = $1", who.UserID)
}

// UpdateMe changes the actor's own name or language; nil leaves a field as it is.
func (s *Service) UpdateMe(ctx context.Context, who Actor, name, language *string) (u User, err error) {
	defer fault.Wrap(&err, "account.UpdateMe")
	if name != nil {
		if f := checkName(*name, "body.name"); f != nil {
			return u, fault.Fields(*f)
		}
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if u, err = db.One(ctx, tx, scanUser, "SELECT "+userColumns+" FROM users WHERE id = $1", who.UserID); err != nil {
			return err
		}
		if name != nil {
			u.Name = db.Text(strings.TrimSpace(*name))
		}
		if language != nil {
			u.Language = *language
		}
		_, err := tx.Exec(ctx, "UPDATE users SET name = $1, language = $2, updated_at = $3 WHERE id = $4",
			u.Name, u.Language, db.Micros(tx.Now()), u.ID)
		if err != nil {
			return err
		}
		return s.Audit(ctx, tx, who, Entry{Action: "user.updated", Kind: "user", SubjectID: string(u.ID)})
	})
	return u, err
}
