package account

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

func TestRegisteringMailsAConfirmation(t *testing.T) {
	t.Parallel()
	eachMailed(t, func(t *testing.T, b *bench, p *postbox) {
		b.register("ada@example.org")
		mails := p.taken()
		token := tokenOf(t, mails, "account.verify_email")
		m := mails[0]
		if m.To != "ada@example.org" || m.Language != "en" || m.UserID == "" || m.Vars["expires_on"] != "2026-05-02" || m.Vars["link"] != base+"/verify?token="+token {
			t.Errorf("%+v", m)
		}
		if n := b.count("SELECT count(*) FROM account_tokens WHERE hash = $1", token); n != 0 {
			t.Error("the token itself is stored")
		}
		who, err := b.Authenticate(t.Context(), b.login("ada@example.org").Token)
		if err != nil {
			t.Fatal(err)
		}
		wantKind(t, who.RequireVerified(), fault.Forbidden)
		u, err := b.VerifyEmail(t.Context(), Actor{Address: "192.0.2.9"}, token)
		if err != nil || !u.EmailVerified || u.ID != m.UserID {
			t.Fatalf("%+v, %v", u, err)
		}
		if n := b.count("SELECT count(*) FROM audit_log WHERE action = 'email.verified' AND user_id = $1 AND address = '192.0.2.9'", u.ID); n != 1 {
			t.Errorf("%d lines in the audit trail", n)
		}
		if who, err = b.Authenticate(t.Context(), b.login("ada@example.org").Token); err != nil || who.RequireVerified() != nil {
			t.Error("a confirmed address may not mail", err)
		}
		for _, bad := range []string{token, "", "ndv_unknown"} {
			_, err := b.VerifyEmail(t.Context(), Actor{}, bad)
			wantKind(t, err, fault.Invalid)
		}
	})
}

func TestWithoutMailNothingIsToConfirm(t *testing.T) {
	t.Parallel()
	each(t, func(c *Config) { c.SkipVerification = true }, func(t *testing.T, b *bench) {
		p := &postbox{}
		b.OnMail(p.take)
		b.register("ada@example.org")
		if got := p.taken(); len(got) != 0 || !b.login("ada@example.org").User.EmailVerified {
			t.Error(got)
		}
	})
}

func TestAConfirmationEndsByTheClock(t *testing.T) {
	t.Parallel()
	eachMailed(t, func(t *testing.T, b *bench, p *postbox) {
		b.register("ada@example.org")
		ada := tokenOf(t, p.taken(), mailVerify)
		b.clock.Add(time.Second)
		b.register("bo@example.org")
		bo := tokenOf(t, p.taken(), mailVerify)
		b.clock.Add(24*time.Hour - time.Second)
		_, err := b.VerifyEmail(t.Context(), Actor{}, ada)
		wantKind(t, err, fault.Invalid)
		if _, err := b.VerifyEmail(t.Context(), Actor{}, bo); err != nil {
			t.Error("it ended too early", err)
		}
	})
}

func TestALaterConfirmationEndsTheEarlier(t *testing.T) {
	t.Parallel()
	eachMailed(t, func(t *testing.T, b *bench, p *postbox) {
		b.register("ada@example.org")
		first := tokenOf(t, p.taken(), mailVerify)
		who := Actor{UserID: b.login("ada@example.org").User.ID}
		b.clock.Add(mailEvery - time.Minute)
		soon := b.ResendVerification(t.Context(), who)
		wantKind(t, soon, fault.RateLimited)
		if e, _ := asFault(soon); e == nil || e.Details["retry_after"] != 61 {
			t.Errorf("%+v", e)
		}
		b.clock.Add(time.Minute)
		if err := b.ResendVerification(t.Context(), who); err != nil {
			t.Fatal(err)
		}
		second := tokenOf(t, p.taken(), mailVerify)
		_, err := b.VerifyEmail(t.Context(), Actor{}, first)
		wantKind(t, err, fault.Invalid)
		if _, err := b.VerifyEmail(t.Context(), Actor{}, second); err != nil {
			t.Error(err)
		}
		wantKind(t, b.ResendVerification(t.Context(), who), fault.Conflict)
	})
}

func TestAChangedAddressEndsItsLinks(t *testing.T) {
	t.Parallel()
	eachMailed(t, func(t *testing.T, b *bench, p *postbox) {
		b.register("ada@example.org")
		verify := tokenOf(t, p.taken(), mailVerify)
		reset := b.forgot(p, "ada@example.org")
		err := b.db.Transact(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), "UPDATE users SET email = 'lovelace@example.org'")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = b.VerifyEmail(t.Context(), Actor{}, verify)
		wantKind(t, err, fault.Invalid)
		wantKind(t, b.ResetPassword(t.Context(), Actor{}, reset, "another passphrase"), fault.Invalid)
	})
}

func TestATokenIsOfOneKind(t *testing.T) {
	t.Parallel()
	eachMailed(t, func(t *testing.T, b *bench, p *postbox) {
		b.register("ada@example.org")
		verify := tokenOf(t, p.taken(), mailVerify)
		wantKind(t, b.ResetPassword(t.Context(), Actor{}, verify, "another passphrase"), fault.Invalid)
		_, err := b.VerifyEmail(t.Context(), Actor{}, b.forgot(p, "ada@example.org"))
		wantKind(t, err, fault.Invalid)
	})
}

func TestAnOperatorConfirmsAnAddress(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		b.register("ada@example.org")
		for range 2 {
			if err := b.MarkVerified(t.Context(), "ADA@example.org"); err != nil {
				t.Fatal(err)
			}
		}
		verified, err := db.Collect(t.Context(), b.db, db.Scalar[bool], "SELECT email_verified FROM users")
		if diff := cmp.Diff([]bool{true}, verified); diff != "" || err != nil {
			t.Error(diff, err)
		}
		wantKind(t, b.MarkVerified(t.Context(), "nobody@example.org"), fault.NotFound)
	})
}
