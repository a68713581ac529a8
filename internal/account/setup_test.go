package account

import (
	"context"
	"strings"
	"testing"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/testkit"
	"navidocs/internal/vault"
)

var start = time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)

const password = "a long test passphrase"

// bench is a service on a real database whose clock the test moves.
type bench struct {
	*Service
	t     *testing.T
	clock *testkit.Clock
}

// each runs a test on both engines; change may alter the configuration.
func each(t *testing.T, change func(*Config), f func(t *testing.T, b *bench)) {
	t.Helper()
	testkit.EachAt(t, start, func(t *testing.T, d *db.DB, clock *testkit.Clock) {
		c := Config{
			Secret: []byte(strings.Repeat("s", 32)), Keys: vault.Keys{Present: []byte(strings.Repeat("k", 32))},
			AccessTTL: time.Hour, RefreshTTL: 7 * 24 * time.Hour, Registration: Anyone, PasswordCost: Cost{Memory: 64, Time: 1},
		}
		if change != nil {
			change(&c)
		}
		f(t, &bench{New(d, c), t, clock})
	})
}

// user makes a user: with an organization, or in one with a role.
func (b *bench) user(email string, join OrgID, role Role) {
	b.t.Helper()
	_, err := b.CreateUser(b.t.Context(), NewUser{Registering: Registering{Email: email, Password: password, Name: email}, Join: join, Role: role})
	if err != nil {
		b.t.Fatal(err)
	}
}

// Login signs in with the password alone.
func (b *bench) Login(ctx context.Context, email, password, address, agent string) (Tokens, error) {
	return b.Service.Login(ctx, SigningIn{Email: email, Password: password, Address: address, Agent: agent})
}

func (b *bench) login(email string) Tokens {
	b.t.Helper()
	tokens, err := b.Login(b.t.Context(), email, password, "192.0.2.1", "a test")
	if err != nil {
		b.t.Fatal(err)
	}
	return tokens
}

// actor makes a user and signs them in.
func (b *bench) actor(email string, join OrgID, role Role) Actor {
	b.t.Helper()
	b.user(email, join, role)
	who, err := b.Authenticate(b.t.Context(), b.login(email).Token)
	if err != nil {
		b.t.Fatal(err)
	}
	return who
}

// alive reports whether what an actor asks by stands yet.
func (b *bench) alive(who Actor) bool {
	b.t.Helper()
	_, err := b.Again(b.t.Context(), who)
	if err != nil && !fault.Is(err, fault.Unauthenticated) {
		b.t.Fatal(err)
	}
	return err == nil
}

func (b *bench) count(query string, args ...any) int {
	b.t.Helper()
	n, err := db.One(b.t.Context(), b.db, db.Scalar[int], query, args...)
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

func wantKind(t *testing.T, err error, kind fault.Kind) {
	t.Helper()
	if !fault.Is(err, kind) {
		t.Errorf("kind %d wanted, got %d: %v", kind, fault.KindOf(err), err)
	}
}

// locations lists the inputs that an error finds fault with.
func locations(err error) []string {
	out := []string{}
	if e, ok := asFault(err); ok {
		for _, f := range e.Fields {
			out = append(out, f.Location)
		}
	}
	return out
}
