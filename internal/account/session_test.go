package account

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"navidocs/internal/fault"
)

func TestLoginSaysTheSameOfAWrongPasswordAndAnUnknownAddress(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		b.user("ada@example.org", "", "")
		_, wrong := b.Login(t.Context(), "ada@example.org", "wrong", "192.0.2.1", "")
		wantKind(t, wrong, fault.Unauthenticated)
		for _, email := range []string{"eve@example.org", "", "no address", "ada\x00@example.org", "\xff@example.org"} {
			_, err := b.Login(t.Context(), email, password, "192.0.2.1", "")
			wantKind(t, err, fault.Unauthenticated)
			if err == nil || err.Error() != wrong.Error() {
				t.Errorf("%q: %v, want %v", email, err, wrong)
			}
		}
		tokens, err := b.Login(t.Context(), " ADA@example.org", password, "192.0.2.1", strings.Repeat("agent ", 100))
		if err != nil || tokens.TokenType != "Bearer" || tokens.ExpiresIn != 3600 || tokens.User.Email != "ada@example.org" {
			t.Errorf("%+v, %v", tokens, err)
		}
	})
}

func TestFiveFailuresLockThePair(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		b.user("ada@example.org", "", "")
		try := func(password, address string) error {
			_, err := b.Login(t.Context(), "ada@example.org", password, address, "")
			return err
		}
		for range maxFailures {
			wantKind(t, try("wrong", "192.0.2.1"), fault.Unauthenticated)
		}
		locked := try(password, "192.0.2.1")
		wantKind(t, locked, fault.RateLimited)
		if e, _ := asFault(locked); e == nil || e.Details["retry_after"] != 901 {
			t.Errorf("%+v", e)
		}
		if err := try(password, "192.0.2.2"); err != nil {
			t.Error("the captain is locked out elsewhere", err)
		}
		b.clock.Add(lockFor - time.Second)
		wantKind(t, try(password, "192.0.2.1"), fault.RateLimited)
		b.clock.Add(time.Second)
		if err := try(password, "192.0.2.1"); err != nil {
			t.Error("the lock does not end", err)
		}
	})
}

func TestOldFailuresAndASuccessAreForgotten(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		b.user("ada@example.org", "", "")
		fail := func() {
			_, err := b.Login(t.Context(), "ada@example.org", "wrong", "192.0.2.1", "")
			wantKind(t, err, fault.Unauthenticated)
		}
		for range maxFailures - 1 {
			fail()
		}
		b.clock.Add(lockFor + time.Second)
		fail()
		b.login("ada@example.org")
		for range maxFailures - 1 {
			fail()
		}
		b.login("ada@example.org")
	})
}

func TestRefreshRotatesAndReuseEndsTheFamily(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		b.user("ada@example.org", "", "")
		first, other := b.login("ada@example.org"), b.login("ada@example.org")
		second, err := b.Refresh(t.Context(), first.RefreshToken)
		if err != nil || second.RefreshToken == first.RefreshToken || second.Token == first.Token {
			t.Fatal("nothing was rotated", err)
		}
		if n := b.count("SELECT count(*) FROM refresh_tokens WHERE hash = $1", second.RefreshToken); n != 0 {
			t.Error("the token itself is stored")
		}
		_, err = b.Refresh(t.Context(), first.RefreshToken)
		wantKind(t, err, fault.Unauthenticated)
		_, err = b.Refresh(t.Context(), second.RefreshToken)
		wantKind(t, err, fault.Unauthenticated)
		for _, token := range []string{first.Token, second.Token} {
			_, err := b.Authenticate(t.Context(), token)
			wantKind(t, err, fault.Unauthenticated)
		}
		if _, err := b.Refresh(t.Context(), other.RefreshToken); err != nil {
			t.Error("another sign-in ended too", err)
		}
		_, err = b.Refresh(t.Context(), "ndr_unknown")
		wantKind(t, err, fault.Unauthenticated)
	})
}

func TestOneOfManyRefreshesWins(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		b.user("ada@example.org", "", "")
		token := b.login("ada@example.org").RefreshToken
		var all sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			all.Go(func() { _, errs[i] = b.Refresh(t.Context(), token) })
		}
		all.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
				continue
			}
			wantKind(t, err, fault.Unauthenticated)
		}
		if won != 1 {
			t.Errorf("%d refreshes of one token won", won)
		}
	})
}

func TestSessionsEndByTheClock(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		b.user("ada@example.org", "", "")
		tokens := b.login("ada@example.org")
		b.clock.Add(6 * 24 * time.Hour)
		if _, err := b.Authenticate(t.Context(), tokens.Token); !fault.Is(err, fault.Unauthenticated) {
			t.Error("the access token outlives its hour", err)
		}
		tokens, err := b.Refresh(t.Context(), tokens.RefreshToken)
		if err != nil {
			t.Fatal(err)
		}
		b.clock.Add(6 * 24 * time.Hour) // refreshing moved the session's end
		if tokens, err = b.Refresh(t.Context(), tokens.RefreshToken); err != nil {
			t.Fatal(err)
		}
		b.clock.Add(7*24*time.Hour + time.Second)
		_, err = b.Refresh(t.Context(), tokens.RefreshToken)
		wantKind(t, err, fault.Unauthenticated)
	})
}

func TestLogoutBitesAtOnce(t *testing.T) {
	t.Parallel()
	for name, everywhere := range map[string]bool{"here": false, "everywhere": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, nil, func(t *testing.T, b *bench) {
				who := b.actor("ada@example.org", "", "")
				other := b.login("ada@example.org")
				if !b.alive(who) {
					t.Error("the session is not alive")
				}
				if err := b.Logout(t.Context(), who, everywhere); err != nil {
					t.Fatal(err)
				}
				if b.alive(who) {
					t.Error("the session lives on")
				}
				_, err := b.Authenticate(t.Context(), other.Token)
				if everywhere {
					wantKind(t, err, fault.Unauthenticated)
					_, err = b.Refresh(t.Context(), other.RefreshToken)
					wantKind(t, err, fault.Unauthenticated)
				} else if err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestALoweredRoleBitesAtOnce(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		b.user("ada@example.org", "", "")
		token := b.login("ada@example.org").Token
		for _, statement := range []string{"UPDATE memberships SET role = 'viewer'", "DELETE FROM memberships", "UPDATE users SET deleted_at = 1"} {
			before, err := b.Authenticate(t.Context(), token)
			if err != nil {
				t.Fatal(err)
			}
			b.exec(statement)
			after, err := b.Authenticate(t.Context(), token)
			if err == nil && maps.Equal(before.Roles, after.Roles) {
				t.Errorf("%s changed nothing", statement)
			}
		}
		_, err := b.Authenticate(t.Context(), token)
		wantKind(t, err, fault.Unauthenticated)
	})
}

func TestAccessTokensArePinned(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		who := b.actor("ada@example.org", "", "")
		secret := b.config.Secret
		good := func() jwt.MapClaims {
			return jwt.MapClaims{
				"iss": issuer, "aud": audience, "sub": string(who.UserID), "sid": string(who.SessionID), "exp": start.Add(time.Minute).Unix(),
			}
		}
		with := func(claim string, value any) jwt.MapClaims {
			c := good()
			if c[claim] = value; value == nil {
				delete(c, claim)
			}
			return c
		}
		tests := map[string]struct {
			method jwt.SigningMethod
			key    any
			claims jwt.MapClaims
		}{
			"alg none":         {jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, good()},
			"HS384":            {jwt.SigningMethodHS384, secret, good()},
			"another key":      {jwt.SigningMethodHS256, []byte(strings.Repeat("x", 32)), good()},
			"another issuer":   {jwt.SigningMethodHS256, secret, with("iss", "somebody")},
			"no issuer":        {jwt.SigningMethodHS256, secret, with("iss", nil)},
			"another audience": {jwt.SigningMethodHS256, secret, with("aud", "somebody")},
			"no audience":      {jwt.SigningMethodHS256, secret, with("aud", nil)},
			"expired":          {jwt.SigningMethodHS256, secret, with("exp", start.Unix())},
			"never expires":    {jwt.SigningMethodHS256, secret, with("exp", nil)},
			"another user":     {jwt.SigningMethodHS256, secret, with("sub", "somebody")},
			"another session":  {jwt.SigningMethodHS256, secret, with("sid", "somewhere")},
			"no session":       {jwt.SigningMethodHS256, secret, with("sid", nil)},
		}
		sign := func(m jwt.SigningMethod, key any, c jwt.MapClaims) string {
			token, err := jwt.NewWithClaims(m, c).SignedString(key)
			if err != nil {
				t.Fatal(err)
			}
			return token
		}
		for name, test := range tests {
			if _, err := b.Authenticate(t.Context(), sign(test.method, test.key, test.claims)); !fault.Is(err, fault.Unauthenticated) {
				t.Errorf("%s: %v", name, err)
			}
		}
		got, err := b.Authenticate(t.Context(), sign(jwt.SigningMethodHS256, secret, good()))
		if diff := cmp.Diff(who, got); diff != "" || err != nil {
			t.Error(err, diff)
		}
		for _, token := range []string{"", "x", "a.b.c", strings.Repeat("a", 10_000)} {
			_, err := b.Authenticate(t.Context(), token)
			wantKind(t, err, fault.Unauthenticated)
		}
	})
}

func TestClaimsOfAnAccessToken(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		b.user("ada@example.org", "", "")
		var c jwt.MapClaims
		if _, _, err := jwt.NewParser().ParseUnverified(b.login("ada@example.org").Token, &c); err != nil {
			t.Fatal(err)
		}
		want := []string{"aud", "exp", "iat", "iss", "jti", "sid", "sub"}
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(c))); diff != "" {
			t.Error(diff)
		}
	})
}
