package account

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/db"
)

const base = "https://boat.example.org"

// postbox keeps the mails whose transaction committed.
type postbox struct {
	// mu guards mails.
	mu    sync.Mutex
	mails []Mail
}

func (p *postbox) take(_ context.Context, tx *db.Tx, m Mail) error {
	tx.OnCommit(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.mails = append(p.mails, m)
	})
	return nil
}

// taken empties the box.
func (p *postbox) taken() []Mail {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := p.mails
	p.mails = nil
	return out
}

// eachMailed runs a test on both engines, with a box for the mails.
func eachMailed(t *testing.T, f func(t *testing.T, b *bench, p *postbox)) {
	t.Helper()
	each(t, func(c *Config) { c.BaseURL = base }, func(t *testing.T, b *bench) {
		p := &postbox{}
		b.OnMail(p.take)
		f(t, b, p)
	})
}

// register makes a user as strangers do, whose address is not confirmed.
func (b *bench) register(email string) {
	b.t.Helper()
	if err := b.Register(b.t.Context(), Registering{Email: email, Password: password, Name: "Ada"}, "192.0.2.1"); err != nil {
		b.t.Fatal(err)
	}
}

// forgot asks for a link and returns its token.
func (b *bench) forgot(p *postbox, email string) string {
	b.t.Helper()
	if err := b.ForgotPassword(b.t.Context(), Actor{}, email); err != nil {
		b.t.Fatal(err)
	}
	return tokenOf(b.t, p.taken(), mailReset)
}

// tokenOf is the token in the link of the one mail.
func tokenOf(t *testing.T, mails []Mail, kind string) string {
	t.Helper()
	if len(mails) != 1 || mails[0].Kind != kind {
		t.Fatalf("one mail of kind %s wanted: %+v", kind, mails)
	}
	return tokenIn(t, mails[0].Vars["link"])
}

func tokenIn(t *testing.T, link string) string {
	t.Helper()
	u, err := url.Parse(link)
	if err != nil || !strings.HasPrefix(link, base+"/") {
		t.Fatal(link, err)
	}
	return u.Query().Get("token")
}

func kinds(mails []Mail) []string {
	out := []string{}
	for _, m := range mails {
		out = append(out, m.Kind+" "+m.To)
	}
	return out
}

func TestTheOwnerOfAKnownAddressIsTold(t *testing.T) {
	t.Parallel()
	eachMailed(t, func(t *testing.T, b *bench, p *postbox) {
		b.user("ada@example.org", "", "")
		for range 3 {
			b.register("ADA@example.org")
		}
		want := []Mail{{Kind: "account.exists", To: "ada@example.org", Language: "en", Vars: map[string]string{"link": base + "/login"}}}
		got := p.taken()
		for i := range got {
			if got[i].UserID == "" {
				t.Error("the mail names no user")
			}
			got[i].UserID = ""
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		b.clock.Add(mailEvery)
		b.register("ada@example.org")
		if got := kinds(p.taken()); len(got) != 1 {
			t.Error("after an hour:", got)
		}
	})
}

func TestALockIsToldOnce(t *testing.T) {
	t.Parallel()
	eachMailed(t, func(t *testing.T, b *bench, p *postbox) {
		b.user("ada@example.org", "", "")
		fail := func(email, address string, times int) {
			for range times {
				if _, err := b.Login(t.Context(), email, "wrong", address, ""); err == nil {
					t.Error("a wrong password signs in")
				}
			}
		}
		fail("ada@example.org", "203.0.113.7", maxFailures-1)
		if got := p.taken(); len(got) != 0 {
			t.Error("told before the lock:", got)
		}
		fail("ada@example.org", "203.0.113.7", 4)
		got := p.taken()
		if len(got) != 1 || got[0].Kind != "account.locked" || got[0].To != "ada@example.org" {
			t.Fatalf("%+v", got)
		}
		link := base + "/unlock?token=" + tokenIn(t, got[0].Vars["link"])
		if diff := cmp.Diff(map[string]string{"minutes": "15", "address": "203.0.113.7", "link": link}, got[0].Vars); diff != "" {
			t.Error(diff)
		}
		fail("ada@example.org", "203.0.113.8", maxFailures) // many addresses flood nobody
		fail("nobody@example.org", "203.0.113.7", maxFailures)
		if got := p.taken(); len(got) != 0 {
			t.Errorf("%+v", got)
		}
		b.clock.Add(mailEvery)
		fail("ada@example.org", "203.0.113.7", maxFailures)
		if got := kinds(p.taken()); len(got) != 1 {
			t.Error("a later lock:", got)
		}
	})
}

// A mail that cannot be queued takes the change with it: a link that nobody
// gets must not be good.
func TestAChangeFailsWithItsMail(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		b.user("ada@example.org", "", "")
		lost := errors.New("the queue is away")
		b.OnMail(func(context.Context, *db.Tx, Mail) error { return lost })
		if err := b.ForgotPassword(t.Context(), Actor{}, "ada@example.org"); !errors.Is(err, lost) {
			t.Error(err)
		}
		if err := b.Register(t.Context(), Registering{Email: "bo@example.org", Password: password, Name: "Bo"}, ""); !errors.Is(err, lost) {
			t.Error(err)
		}
		for _, table := range []string{"account_tokens", "account_mails", "users WHERE email = 'bo@example.org'"} {
			if n := b.count("SELECT count(*) FROM " + table); n != 0 {
				t.Errorf("%d rows of %s", n, table)
			}
		}
	})
}

func TestTidyRemovesExpiredLinks(t *testing.T) {
	t.Parallel()
	eachMailed(t, func(t *testing.T, b *bench, p *postbox) {
		b.register("ada@example.org")
		p.taken()
		b.forgot(p, "ada@example.org")
		for _, step := range []struct {
			wait          time.Duration
			tokens, mails int
		}{{time.Hour - time.Second, 2, 2}, {time.Second, 1, 2}, {23 * time.Hour, 0, 2}, {time.Second, 0, 0}} {
			b.clock.Add(step.wait)
			if err := b.Tidy(t.Context()); err != nil {
				t.Fatal(err)
			}
			if tokens, mails := b.count("SELECT count(*) FROM account_tokens"), b.count("SELECT count(*) FROM account_mails"); tokens != step.tokens || mails != step.mails {
				t.Errorf("after %s: %d tokens, %d mails, want %+v", step.wait, tokens, mails, step)
			}
		}
	})
}
