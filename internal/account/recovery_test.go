package account

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

const another = "another long passphrase"

// signIn tries a password from an address that no other test step uses.
func (b *bench) signIn(email, password string) error {
	_, err := b.Login(b.t.Context(), email, password, "198.51.100.20", "")
	return err
}

func TestAForgottenPasswordIsResetOnce(t *testing.T) {
	t.Parallel()
	eachMailed(t, func(t *testing.T, b *bench, p *postbox) {
		b.register("ada@example.org")
		p.taken()
		open := []Tokens{b.login("ada@example.org"), b.login("ada@example.org")}
		token := b.forgot(p, "ADA@example.org")
		if err := b.ResetPassword(t.Context(), Actor{Address: "192.0.2.9"}, token, another); err != nil {
			t.Fatal(err)
		}
		for _, s := range open {
			_, err := b.Authenticate(t.Context(), s.Token)
			wantKind(t, err, fault.Unauthenticated)
			_, err = b.Refresh(t.Context(), s.RefreshToken)
			wantKind(t, err, fault.Unauthenticated)
		}
		wantKind(t, b.signIn("ada@example.org", password), fault.Unauthenticated)
		if err := b.signIn("ada@example.org", another); err != nil {
			t.Error(err)
		}
		if n := b.count("SELECT count(*) FROM users WHERE email_verified"); n != 1 {
			t.Error("the link reached the address, which is confirmed by that")
		}
		if n := b.count("SELECT count(*) FROM audit_log WHERE action = 'password.reset' AND address = '192.0.2.9' AND user_id <> ''"); n != 1 {
			t.Errorf("%d lines in the audit trail", n)
		}
		for _, bad := range []string{token, "", "ndp_unknown"} {
			wantKind(t, b.ResetPassword(t.Context(), Actor{}, bad, another), fault.Invalid)
		}
	})
}

func TestAWeakPasswordLeavesTheToken(t *testing.T) {
	t.Parallel()
	eachMailed(t, func(t *testing.T, b *bench, p *postbox) {
		b.user("ada@example.org", "", "")
		token := b.forgot(p, "ada@example.org")
		for _, weak := range []string{"short", "ADA@example.org", strings.Repeat("x", 201)} {
			err := b.ResetPassword(t.Context(), Actor{}, token, weak)
			wantKind(t, err, fault.Invalid)
			if diff := cmp.Diff([]string{"body.password"}, locations(err)); diff != "" {
				t.Errorf("%s: %s", weak, diff)
			}
		}
		if err := b.ResetPassword(t.Context(), Actor{}, token, another); err != nil {
			t.Error(err)
		}
	})
}

func TestAResetEndsByTheClock(t *testing.T) {
	t.Parallel()
	eachMailed(t, func(t *testing.T, b *bench, p *postbox) {
		b.user("ada@example.org", "", "")
		first := b.forgot(p, "ada@example.org")
		b.clock.Add(time.Hour)
		wantKind(t, b.ResetPassword(t.Context(), Actor{}, first, another), fault.Invalid)
		second := b.forgot(p, "ada@example.org")
		b.clock.Add(time.Hour - time.Second)
		if err := b.ResetPassword(t.Context(), Actor{}, second, another); err != nil {
			t.Error(err)
		}
		b.forgot(p, "ada@example.org") // the last mail arrived, so the next one goes at once
	})
}

func TestUnknownAddressesAreAnsweredLikeKnownOnes(t *testing.T) {
	t.Parallel()
	eachMailed(t, func(t *testing.T, b *bench, p *postbox) {
		b.user("ada@example.org", "", "")
		b.user("gone@example.org", "", "")
		err := b.db.Transact(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), "UPDATE users SET deleted_at = 1 WHERE email = 'gone@example.org'")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, email := range []string{"nobody@example.org", "gone@example.org", "no address", "", "\xff@example.org", "ada\x00@example.org"} {
			if err := b.ForgotPassword(t.Context(), Actor{}, email); err != nil {
				t.Errorf("%q: %v", email, err)
			}
		}
		if got := kinds(p.taken()); len(got) != 0 {
			t.Error(got)
		}
		// Both write the same row, so that both wait for the disk.
		if n := b.count("SELECT count(*) FROM account_mails WHERE email IN ('nobody@example.org', 'gone@example.org')"); n != 2 {
			t.Errorf("%d addresses were counted", n)
		}
		b.forgot(p, "ada@example.org")
		for range 3 {
			if err := b.ForgotPassword(t.Context(), Actor{}, "ada@example.org"); err != nil {
				t.Error(err)
			}
		}
		if got := kinds(p.taken()); len(got) != 0 {
			t.Error("flooded:", got)
		}
	})
}

func TestOneOfManyResetsWins(t *testing.T) {
	t.Parallel()
	eachMailed(t, func(t *testing.T, b *bench, p *postbox) {
		b.user("ada@example.org", "", "")
		token := b.forgot(p, "ada@example.org")
		errs := make([]error, 6)
		var all sync.WaitGroup
		for i := range errs {
			all.Go(func() {
				errs[i] = b.ResetPassword(t.Context(), Actor{}, token, another+strings.Repeat("!", i))
			})
		}
		all.Wait()
		won := []int{}
		for i, err := range errs {
			if err == nil {
				won = append(won, i)
				continue
			}
			wantKind(t, err, fault.Invalid)
		}
		if len(won) != 1 {
			t.Fatalf("%d resets by one token won", len(won))
		}
		if err := b.signIn("ada@example.org", another+strings.Repeat("!", won[0])); err != nil {
			t.Error("another password than the winner's was set", err)
		}
	})
}

// Whoever knew the old password must not hold a session that began beside the reset.
func TestNoSignInOutlivesAReset(t *testing.T) {
	t.Parallel()
	eachMailed(t, func(t *testing.T, b *bench, p *postbox) {
		b.user("ada@example.org", "", "")
		token := b.forgot(p, "ada@example.org")
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() { _ = b.signIn("ada@example.org", password) })
		}
		all.Go(func() {
			if err := b.ResetPassword(t.Context(), Actor{}, token, another); err != nil {
				t.Error(err)
			}
		})
		all.Wait()
		if n := b.count("SELECT count(*) FROM sessions WHERE ended_at IS NULL"); n != 0 {
			t.Errorf("%d sessions of the old password live", n)
		}
		u, err := db.One(t.Context(), b.db, scanUser, "SELECT "+userColumns+" FROM users")
		if err != nil {
			t.Fatal(err)
		}
		_, err = b.open(t.Context(), u, "the hash of the old password", SigningIn{})
		wantKind(t, err, fault.Unauthenticated)
	})
}

func TestAResetLiftsTheLock(t *testing.T) {
	t.Parallel()
	eachMailed(t, func(t *testing.T, b *bench, p *postbox) {
		b.user("ada@example.org", "", "")
		for range maxFailures {
			wantKind(t, b.signIn("ada@example.org", "wrong"), fault.Unauthenticated)
		}
		wantKind(t, b.signIn("ada@example.org", password), fault.RateLimited)
		p.taken()
		if err := b.ResetPassword(t.Context(), Actor{}, b.forgot(p, "ada@example.org"), another); err != nil {
			t.Fatal(err)
		}
		if err := b.signIn("ada@example.org", another); err != nil {
			t.Error(err)
		}
	})
}

func TestChangingThePasswordEndsTheOtherSessions(t *testing.T) {
	t.Parallel()
	eachMailed(t, func(t *testing.T, b *bench, p *postbox) {
		here := b.actor("ada@example.org", "", "")
		elsewhere := b.login("ada@example.org")
		link := b.forgot(p, "ada@example.org")
		wantKind(t, b.ChangePassword(t.Context(), here, password, "short"), fault.Invalid)
		if err := b.ChangePassword(t.Context(), here, password, another); err != nil {
			t.Fatal(err)
		}
		if b.alive(here) {
			t.Error("the session that changed it goes on")
		}
		_, err := b.Authenticate(t.Context(), elsewhere.Token)
		wantKind(t, err, fault.Unauthenticated)
		wantKind(t, b.ResetPassword(t.Context(), Actor{}, link, password), fault.Invalid)
		wantKind(t, b.signIn("ada@example.org", password), fault.Unauthenticated)
		if err := b.signIn("ada@example.org", another); err != nil {
			t.Error(err)
		}
	})
}

func TestAnOpenSessionIsNoPlaceToGuess(t *testing.T) {
	t.Parallel()
	eachMailed(t, func(t *testing.T, b *bench, p *postbox) {
		who := b.actor("ada@example.org", "", "")
		who.Address = "192.0.2.1"
		for range maxFailures {
			err := b.ChangePassword(t.Context(), who, "a guess", another)
			if diff := cmp.Diff([]string{"body.current"}, locations(err)); diff != "" {
				t.Error(diff)
			}
		}
		wantKind(t, b.ChangePassword(t.Context(), who, password, another), fault.RateLimited)
		if diff := cmp.Diff([]string{"account.locked ada@example.org"}, kinds(p.taken())); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAnOperatorsLinkConfirmsNoAddress(t *testing.T) {
	t.Parallel()
	eachMailed(t, func(t *testing.T, b *bench, p *postbox) {
		b.register("ada@example.org")
		mailed := func() string { p.taken(); return b.forgot(p, "ada@example.org") }()
		link, expires, err := b.ResetLink(t.Context(), "ADA@example.org")
		if err != nil || !expires.Equal(start.Add(time.Hour)) {
			t.Fatal(expires, err)
		}
		wantKind(t, b.ResetPassword(t.Context(), Actor{}, mailed, another), fault.Invalid)
		if err := b.ResetPassword(t.Context(), Actor{}, tokenIn(t, link), another); err != nil {
			t.Fatal(err)
		}
		if n := b.count("SELECT count(*) FROM users WHERE email_verified"); n != 0 {
			t.Error("the address was confirmed by nobody's mail")
		}
		_, _, err = b.ResetLink(t.Context(), "nobody@example.org")
		wantKind(t, err, fault.NotFound)
	})
}
