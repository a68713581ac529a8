package account

import (
	"context"
	"slices"
	"strings"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/vault"
)

// TokenID names a personal token.
type TokenID string

// Scope is what a personal token may do of what its user may; each includes the
// ones before it.
type Scope string

// The scopes, rising.
const (
	Read       Scope = "read"
	Write      Scope = "write"
	Administer Scope = "admin"
)

var scopes = []Scope{"", Read, Write, Administer}

// AtLeast reports whether s includes other.
func (s Scope) AtLeast(other Scope) bool {
	return slices.Index(scopes, s) >= slices.Index(scopes, other)
}

// RequireScope answers Forbidden when a personal token asks for more than it was
// given. A session may all that its user may.
func (a Actor) RequireScope(s Scope) error {
	if a.TokenID == "" || a.Scope.AtLeast(s) {
		return nil
	}
	return fault.New(fault.Forbidden, "this needs a token with the scope %s; this one has %s", s, a.Scope)
}

// RequireSession answers Forbidden to a personal token: what opens an account is
// in the hands of people.
func (a Actor) RequireSession() error {
	if a.TokenID == "" {
		return nil
	}
	return fault.New(fault.Forbidden, "this needs you to be signed in: a personal token cannot do it")
}

// Token is a personal token, without its secret.
type Token struct {
	ID         TokenID    `json:"id"`
	Name       string     `json:"name"`
	Scope      Scope      `json:"scope" enum:"read,write,admin" doc:"the widest that it was given; each includes the ones before it"`
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  *time.Time `json:"expires_at" doc:"null: never"`
	LastUsedAt *time.Time `json:"last_used_at" doc:"to the hour"`
	// Secret is set only in the answer that shows it.
	Secret string `json:"token,omitempty" doc:"only in the answer to create"`
}

// NewToken is what a token is created with.
type NewToken struct {
	Name      string     `json:"name" minLength:"1" maxLength:"100" doc:"what it is for"`
	Scopes    []Scope    `json:"scopes" minItems:"1" maxItems:"3" enum:"read,write,admin"`
	ExpiresAt *time.Time `json:"expires_at,omitempty" doc:"absent: never"`
}

const (
	tokenPrefix = "nd_"
	// maxTokens is how many a user may have.
	maxTokens = 50
	// usedEvery is how exactly the last use is known.
	usedEvery = time.Hour
)

// CreateToken makes a personal token of the actor's. Its secret is in the answer
// and nowhere else.
func (s *Service) CreateToken(ctx context.Context, who Actor, n NewToken) (t Token, err error) {
	defer fault.Wrap(&err, "account.CreateToken")
	if err := n.check(s.db.Now()); err != nil {
		return t, err
	}
	secret, hash := vault.Token(tokenPrefix)
	t = Token{ID: TokenID(db.NewID()), Name: strings.TrimSpace(n.Name), ExpiresAt: n.ExpiresAt, Secret: secret}
	t.Scope = slices.MaxFunc(n.Scopes, func(a, b Scope) int { return slices.Index(scopes, a) - slices.Index(scopes, b) })
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		t.CreatedAt = tx.Now()
		if err := LockUser(ctx, tx, who.UserID); err != nil {
			return err
		}
		count, err := db.One(ctx, tx, db.Scalar[int], "SELECT count(*) FROM personal_tokens WHERE user_id = $1", who.UserID)
		if err != nil {
			return err
		}
		if count >= maxTokens {
			return fault.New(fault.Conflict, "you have %d tokens, which is the most: delete one that is not needed any more", maxTokens)
		}
		_, err = tx.Exec(ctx, "INSERT INTO personal_tokens (id, hash, user_id, name, scope, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
			t.ID, hash, who.UserID, db.Text(t.Name), t.Scope, db.Micros(t.CreatedAt), db.MicrosPtr(t.ExpiresAt))
		if err != nil {
			return err
		}
		return s.Audit(ctx, tx, who, Entry{Action: "token.created", Kind: "token", SubjectID: string(t.ID), Detail: map[string]any{"name": t.Name, "scope": t.Scope}})
	})
	return t, err
}

func (n NewToken) check(now time.Time) error {
	var faults []fault.Field
	if f := checkName(n.Name, "body.name"); f != nil {
		faults = append(faults, *f)
	}
	for _, scope := range n.Scopes {
		if scope == "" || !slices.Contains(scopes, scope) {
			faults = append(faults, fault.Field{Location: "body.scopes", Message: "must be read, write or admin", Value: fault.Echo(string(scope))})
		}
	}
	if len(n.Scopes) == 0 {
		faults = append(faults, fault.Field{Location: "body.scopes", Message: "name at least one: read, write or admin"})
	}
	if n.ExpiresAt != nil && !n.ExpiresAt.After(now) {
		faults = append(faults, fault.Field{Location: "body.expires_at", Message: "must lie in the future", Value: n.ExpiresAt.Format(time.RFC3339)})
	}
	if faults != nil {
		return fault.Fields(faults...)
	}
	return nil
}

// Tokens lists the actor's personal tokens, the newest first.
func (s *Service) Tokens(ctx context.Context, who Actor) (_ []Token, err error) {
	defer fault.Wrap(&err, "account.Tokens")
	return db.Collect(ctx, s.db, func(r db.Row) (t Token, err error) {
		var created int64
		var expires, used *int64
		err = r.Scan(&t.ID, &t.Name, &t.Scope, &created, &expires, &used)
		t.CreatedAt, t.ExpiresAt, t.LastUsedAt = db.Time(created), db.TimePtr(expires), db.TimePtr(used)
		return t, err
	}, "SELECT id, name, scope, created_at, expires_at, last_used_at FROM personal_tokens WHERE user_id = $1 ORDER BY created_at DESC, id", who.UserID)
}

// DeleteToken ends a personal token of the actor's, at once.
func (s *Service) DeleteToken(ctx context.Context, who Actor, id TokenID) (err error) {
	defer fault.Wrap(&err, "account.DeleteToken %s", id)
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, "DELETE FROM personal_tokens WHERE id = $1 AND user_id = $2", id, who.UserID)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.New(fault.NotFound, "token not found")
		}
		return s.Audit(ctx, tx, who, Entry{Action: "token.deleted", Kind: "token", SubjectID: string(id)})
	})
}

// tokenActor is the user in whose name a personal token asks.
func (s *Service) tokenActor(ctx context.Context, secret string) (Actor, error) {
	type stored struct {
		id    TokenID
		scope Scope
		used  *int64
	}
	t, err := db.One(ctx, s.db, func(r db.Row) (t stored, err error) {
		err = r.Scan(&t.id, &t.scope, &t.used)
		return t, err
	}, "SELECT id, scope, last_used_at FROM personal_tokens WHERE hash = $1", vault.Hash(secret))
	if fault.Is(err, fault.NotFound) {
		return Actor{}, errToken
	}
	if err != nil {
		return Actor{}, err
	}
	who, _, err := s.actor(ctx, "personal_tokens", "last_used_at", t.id, "TRUE")
	if fault.Is(err, fault.Unauthenticated) {
		err = errToken
	}
	if err != nil {
		return Actor{}, err
	}
	who.TokenID, who.Scope = t.id, t.scope
	if t.used != nil && s.db.Now().Sub(db.Time(*t.used)) < usedEvery {
		return who, nil
	}
	return who, s.db.Transact(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE personal_tokens SET last_used_at = $1 WHERE id = $2", db.Micros(tx.Now()), t.id)
		return err
	})
}
