package api_test

import (
	"encoding/base32"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/apptest"
	"navidocs/internal/testkit"
)

// reason is the word for programs in an error's answer.
func reason(a apptest.Answer) string {
	var p struct{ Reason string }
	if json.Unmarshal(a.Body, &p) != nil {
		return ""
	}
	return p.Reason
}

func TestASecondFactor(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)
	o := mailing
	o.Now = func() time.Time { return now }
	apptest.Each(t, o, func(t *testing.T, s *apptest.Server) {
		c := s.User("ada@example.org", "", "")
		password := map[string]string{"password": apptest.Password}
		var key account.TOTPKey
		c.Want(http.StatusOK, "POST", "/api/auth/totp", password).Into(s, &key)
		secret, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(key.Secret)
		if err != nil || !strings.HasPrefix(key.URI, "otpauth://totp/NaviDocs:ada@example.org?") {
			t.Fatal(key, err)
		}
		code := testkit.TOTP(secret, now)
		var state account.TOTP
		if c.Get("/api/auth/totp", &state); state.On {
			t.Errorf("%+v", state)
		}
		problemOf(t, s, c.Want(http.StatusBadRequest, "POST", "/api/auth/totp/confirm", map[string]string{"code": "no code"}))
		var made account.RecoveryCodes
		c.Want(http.StatusOK, "POST", "/api/auth/totp/confirm", map[string]string{"code": code}).Into(s, &made)
		if c.Get("/api/auth/totp", &state); !state.On || state.RecoveryCodes != 10 || len(made.Codes) != 10 {
			t.Errorf("%+v, %v", state, made)
		}
		problemOf(t, s, c.Want(http.StatusConflict, "POST", "/api/auth/totp", password))

		anyone := s.Anonymous()
		login := func(status int, secret, code string) string {
			body := map[string]string{"email": "ada@example.org", "password": secret, "code": code}
			return reason(anyone.Want(status, "POST", "/api/auth/login", body))
		}
		if got := login(http.StatusUnauthorized, apptest.Password, ""); got != "totp_required" {
			t.Error(got)
		}
		if got := login(http.StatusUnauthorized, apptest.Password, code); got != "totp_wrong" {
			t.Error("a code that was used before:", got)
		}
		if got := login(http.StatusUnauthorized, "a wrong password", made.Codes[0]); got != "" {
			t.Error("a wrong password learns of the second factor:", got)
		}
		login(http.StatusOK, apptest.Password, testkit.TOTP(secret, now.Add(30*time.Second)))
		login(http.StatusOK, apptest.Password, made.Codes[0])

		var fresh account.RecoveryCodes
		c.Want(http.StatusOK, "POST", "/api/auth/totp/recovery-codes", password).Into(s, &fresh)
		login(http.StatusUnauthorized, apptest.Password, made.Codes[1])
		end := map[string]string{"password": apptest.Password, "code": "no code"}
		problemOf(t, s, c.Want(http.StatusBadRequest, "DELETE", "/api/auth/totp", end))
		end["code"] = fresh.Codes[0]
		c.Want(http.StatusOK, "DELETE", "/api/auth/totp", end)
		problemOf(t, s, c.Want(http.StatusConflict, "DELETE", "/api/auth/totp", end))
		login(http.StatusOK, apptest.Password, "")
	})
}

func TestALinkUnlocks(t *testing.T) {
	t.Parallel()
	apptest.Each(t, mailing, func(t *testing.T, s *apptest.Server) {
		mails, anyone := keepLinks(s), s.Anonymous()
		s.User("ada@example.org", "", "")
		login := map[string]string{"email": "ada@example.org", "password": "a wrong password"}
		for range 5 {
			anyone.Want(http.StatusUnauthorized, "POST", "/api/auth/login", login)
		}
		login["password"] = apptest.Password
		anyone.Want(http.StatusTooManyRequests, "POST", "/api/auth/login", login)
		token := map[string]string{"token": mails.token(t, "account.locked", "ada@example.org")}
		anyone.Want(http.StatusOK, "POST", "/api/auth/unlock", token)
		anyone.Want(http.StatusOK, "POST", "/api/auth/login", login)
		problemOf(t, s, anyone.Want(http.StatusBadRequest, "POST", "/api/auth/unlock", token))
	})
}
