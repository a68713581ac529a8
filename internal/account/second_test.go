package account

import (
	"encoding/base32"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/fault"
)

// device is an authenticator that holds a secret.
type device struct {
	b   *bench
	key []byte
}

// code is what it shows some steps from now.
func (d device) code(steps int64) string { return totpCode(d.key, totpAt(d.b.clock.Now())+steps) }

// secure turns a user's second factor on; the code of now is used up by it.
func (b *bench) secure(who Actor) (device, []string) {
	b.t.Helper()
	d := b.pending(who)
	out, err := b.ConfirmTOTP(b.t.Context(), who, d.code(0))
	if err != nil {
		b.t.Fatal(err)
	}
	return d, out.Codes
}

func (b *bench) pending(who Actor) device {
	b.t.Helper()
	key, err := b.BeginTOTP(b.t.Context(), who, password)
	if err != nil {
		b.t.Fatal(err)
	}
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(key.Secret)
	if err != nil || len(raw) != totpKey || !strings.Contains(key.URI, "secret="+key.Secret+"&") {
		b.t.Fatal(key, err)
	}
	return device{b, raw}
}

// withCode signs in with the right password and a code.
func (b *bench) withCode(email, code string) error {
	_, err := b.Service.Login(b.t.Context(), SigningIn{Email: email, Password: password, Code: code, Address: "192.0.2.1"})
	return err
}

func wantReason(t *testing.T, err error, reason string) {
	t.Helper()
	e, _ := asFault(err)
	if e == nil || e.Kind != fault.Unauthenticated || e.Details["reason"] != reason {
		t.Errorf("reason %s wanted: %v", reason, err)
	}
}

func TestASecondFactorIsAskedForOnceItIsConfirmed(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		who := b.actor("ada@example.org", "", "")
		_, err := b.BeginTOTP(t.Context(), who, "a guess")
		if diff := cmp.Diff([]string{"body.password"}, locations(err)); diff != "" {
			t.Error(diff)
		}
		_, err = b.ConfirmTOTP(t.Context(), who, "123456")
		wantKind(t, err, fault.Conflict)
		b.pending(who)
		d := b.pending(who) // replaces the one before
		if err := b.withCode("ada@example.org", ""); err != nil {
			t.Error("an unconfirmed secret asks for a code", err)
		}
		_, err = b.ConfirmTOTP(t.Context(), who, d.code(2))
		if diff := cmp.Diff([]string{"body.code"}, locations(err)); diff != "" {
			t.Error(diff)
		}
		if _, err := b.ConfirmTOTP(t.Context(), who, d.code(0)[:3]+" "+d.code(0)[3:]); err != nil {
			t.Fatal(err)
		}
		wantReason(t, b.withCode("ada@example.org", ""), "totp_required")
		wantKind(t, b.signIn("ada@example.org", "wrong"), fault.Unauthenticated)
		if err := b.signIn("ada@example.org", "wrong"); err == nil || strings.Contains(err.Error(), "second factor") {
			t.Error("a wrong password learns of the second factor", err)
		}
		_, err = b.BeginTOTP(t.Context(), who, password)
		wantKind(t, err, fault.Conflict)
		if n := b.count("SELECT count(*) FROM totp_secrets WHERE secret_sealed LIKE $1", b.config.Keys.ID()+".%"); n != 1 {
			t.Error("the secret is not sealed")
		}
		if !b.alive(who) {
			t.Error("a session that is open asks for a code")
		}
	})
}

func TestACodeIsGoodOnce(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		d, _ := b.secure(b.actor("ada@example.org", "", ""))
		wantReason(t, b.withCode("ada@example.org", d.code(0)), "totp_wrong") // it confirmed the secret
		b.clock.Add(totpStep)
		if err := b.withCode("ada@example.org", d.code(0)); err != nil {
			t.Fatal(err)
		}
		for _, old := range []int64{0, -1} {
			wantReason(t, b.withCode("ada@example.org", d.code(old)), "totp_wrong")
		}
		if err := b.withCode("ada@example.org", d.code(1)); err != nil {
			t.Error("the clock of the device may be a step ahead", err)
		}
		b.clock.Add(3 * totpStep)
		var all sync.WaitGroup
		errs := make([]error, 4) // fewer than lock the pair
		for i := range errs {
			all.Go(func() { errs[i] = b.withCode("ada@example.org", d.code(0)) })
		}
		all.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			}
		}
		if won != 1 {
			t.Errorf("%d sign-ins by one code", won)
		}
	})
}

func TestARecoveryCodeIsGoodOnce(t *testing.T) {
	t.Parallel()
	eachMailed(t, func(t *testing.T, b *bench, p *postbox) {
		who := b.actor("ada@example.org", "", "")
		_, codes := b.secure(who)
		if len(codes) != recoveryCodes || len(codes[0]) != 19 {
			t.Fatal(codes)
		}
		if err := b.withCode("ada@example.org", strings.ToUpper(codes[3])); err != nil {
			t.Fatal(err)
		}
		wantReason(t, b.withCode("ada@example.org", codes[3]), "totp_wrong")
		got, err := b.TOTP(t.Context(), who)
		if err != nil || !got.On || got.RecoveryCodes != recoveryCodes-1 || !got.Since.Equal(start) {
			t.Errorf("%+v, %v", got, err)
		}
		mails := p.taken()
		if len(mails) != 1 || mails[0].Kind != mailRecoveryUsed || mails[0].Vars["left"] != "9" {
			t.Errorf("%+v", mails)
		}
		if n := b.count(`SELECT count(*) FROM audit_log WHERE action = 'totp.recovery_code_used' AND detail = '{"left":9}'`); n != 1 {
			t.Errorf("%d lines in the audit trail", n)
		}
		fresh, err := b.NewRecoveryCodes(t.Context(), who, password)
		if err != nil {
			t.Fatal(err)
		}
		wantReason(t, b.withCode("ada@example.org", codes[4]), "totp_wrong")
		if err := b.withCode("ada@example.org", fresh.Codes[0]); err != nil {
			t.Error(err)
		}
		if n := b.count("SELECT count(*) FROM recovery_codes WHERE hash IN ($1, $2)", fresh.Codes[1], plainCode(fresh.Codes[1])); n != 0 {
			t.Error("a code itself is stored")
		}
	})
}

func TestWrongCodesCountLikeWrongPasswords(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		d, _ := b.secure(b.actor("ada@example.org", "", ""))
		for range maxFailures {
			wantReason(t, b.withCode("ada@example.org", d.code(5)), "totp_wrong")
		}
		b.clock.Add(totpStep)
		wantKind(t, b.withCode("ada@example.org", d.code(0)), fault.RateLimited)
	})
}

// Whoever has the password and many addresses has few codes all the same.
func TestWrongCodesFromEverywhereLockTheSecondFactor(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		d, codes := b.secure(b.actor("ada@example.org", "", ""))
		b.clock.Add(totpStep)
		from := func(address, code string) error {
			_, err := b.Service.Login(t.Context(), SigningIn{Email: "ada@example.org", Password: password, Code: code, Address: address})
			return err
		}
		for i := range maxCodes {
			wantReason(t, from("203.0.113."+string(rune('0'+i)), d.code(5)), "totp_wrong")
		}
		for _, code := range []string{d.code(0), codes[0]} {
			wantKind(t, from("198.51.100.1", code), fault.RateLimited)
		}
		wantReason(t, from("198.51.100.1", ""), "totp_required")
		b.clock.Add(lockFor)
		if err := from("198.51.100.1", d.code(0)); err != nil {
			t.Error("the lock does not end", err)
		}
	})
}

func TestTheSecondFactorIsTurnedOffWithBoth(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		who := b.actor("ada@example.org", "", "")
		wantKind(t, b.EndTOTP(t.Context(), who, password, "123456"), fault.Conflict)
		d, _ := b.secure(who)
		b.clock.Add(totpStep)
		wantKind(t, b.EndTOTP(t.Context(), who, "a guess", d.code(0)), fault.Invalid)
		for _, code := range []string{d.code(3), ""} {
			err := b.EndTOTP(t.Context(), who, password, code)
			if diff := cmp.Diff([]string{"body.code"}, locations(err)); diff != "" {
				t.Error(diff)
			}
		}
		if err := b.EndTOTP(t.Context(), who, password, d.code(0)); err != nil {
			t.Fatal(err)
		}
		if err := b.withCode("ada@example.org", ""); err != nil {
			t.Error(err)
		}
		if n := b.count("SELECT count(*) FROM recovery_codes") + b.count("SELECT count(*) FROM totp_secrets"); n != 0 {
			t.Errorf("%d rows are left", n)
		}
		_, err := b.NewRecoveryCodes(t.Context(), who, password)
		wantKind(t, err, fault.Conflict)
	})
}

func TestAResetLeavesTheSecondFactor(t *testing.T) {
	t.Parallel()
	eachMailed(t, func(t *testing.T, b *bench, p *postbox) {
		d, _ := b.secure(b.actor("ada@example.org", "", ""))
		if err := b.ResetPassword(t.Context(), Actor{}, b.forgot(p, "ada@example.org"), password); err != nil {
			t.Fatal(err)
		}
		wantReason(t, b.withCode("ada@example.org", ""), "totp_required")
		b.clock.Add(totpStep)
		if err := b.withCode("ada@example.org", d.code(0)); err != nil {
			t.Error(err)
		}
		if err := b.ResetTOTP(t.Context(), "ADA@example.org"); err != nil {
			t.Fatal(err)
		}
		if err := b.withCode("ada@example.org", ""); err != nil {
			t.Error(err)
		}
		wantKind(t, b.ResetTOTP(t.Context(), "ada@example.org"), fault.Conflict)
		wantKind(t, b.ResetTOTP(t.Context(), "nobody@example.org"), fault.NotFound)
	})
}

func TestAPersonalTokenAsksForNoCode(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		who := b.actor("ada@example.org", "", "")
		token, err := b.CreateToken(t.Context(), who, NewToken{Name: "Plotter", Scopes: []Scope{Read}})
		if err != nil {
			t.Fatal(err)
		}
		b.secure(who)
		b.clock.Add(time.Hour)
		if _, err := b.Authenticate(t.Context(), token.Secret); err != nil {
			t.Error(err)
		}
	})
}
