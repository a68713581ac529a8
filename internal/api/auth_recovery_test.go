package api_test

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/account"
	"navidocs/internal/apptest"
	"navidocs/internal/db"
)

// mailedLinks keeps the last link that went to an address, by kind.
type mailedLinks struct {
	// mu guards links.
	mu    sync.Mutex
	links map[string]string
}

func keepLinks(s *apptest.Server) *mailedLinks {
	m := &mailedLinks{links: map[string]string{}}
	s.Accounts.OnMail(func(_ context.Context, _ *db.Tx, mail account.Mail) error {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.links[mail.Kind+" "+mail.To] = mail.Vars["link"]
		return nil
	})
	return m
}

// token is the one in the last link of a kind that went to an address.
func (m *mailedLinks) token(t *testing.T, kind, email string) string {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	u, err := url.Parse(m.links[kind+" "+email])
	if err != nil || u.Host != "boat.example.org" || u.Query().Get("token") == "" {
		t.Fatalf("no link: %v, %v", m.links, err)
	}
	return u.Query().Get("token")
}

var mailing = apptest.Options{NoWorker: true, Settings: []string{"SMTP_HOST=mail.example.org", "SMTP_FROM=boat@example.org", "APP_BASE_URL=https://boat.example.org"}}

func TestConfirmingAnAddress(t *testing.T) {
	t.Parallel()
	apptest.Each(t, mailing, func(t *testing.T, s *apptest.Server) {
		mails, anyone := keepLinks(s), s.Anonymous()
		anyone.Want(http.StatusCreated, "POST", "/api/auth/register", map[string]string{"email": "ada@example.org", "password": apptest.Password, "name": "Ada"})
		c := s.SignIn("ada@example.org", apptest.Password)
		if c.Want(http.StatusTooManyRequests, "POST", "/api/auth/email/resend", nil).Header.Get("Retry-After") == "" {
			t.Error("it does not say when to try again")
		}
		token := map[string]string{"token": mails.token(t, "account.verify_email", "ada@example.org")}
		var u account.User
		anyone.Want(http.StatusOK, "POST", "/api/auth/email/verify", token).Into(s, &u)
		if !u.EmailVerified || u.Email != "ada@example.org" {
			t.Errorf("%+v", u)
		}
		problemOf(t, s, anyone.Want(http.StatusBadRequest, "POST", "/api/auth/email/verify", token))
		problemOf(t, s, c.Want(http.StatusConflict, "POST", "/api/auth/email/resend", nil))
	})
}

func TestResettingAPassword(t *testing.T) {
	t.Parallel()
	apptest.Each(t, mailing, func(t *testing.T, s *apptest.Server) {
		mails, anyone := keepLinks(s), s.Anonymous()
		c := s.User("ada@example.org", "", "")
		forgot := func(email string) string {
			return string(anyone.Want(http.StatusOK, "POST", "/api/auth/password/forgot", map[string]string{"email": email}).Body)
		}
		known := forgot("ada@example.org")
		for _, email := range []string{"nobody@example.org", "ada@example.org"} {
			if diff := cmp.Diff(known, forgot(email)); diff != "" {
				t.Errorf("%s is answered otherwise: %s", email, diff)
			}
		}
		anyone.Want(http.StatusBadRequest, "POST", "/api/auth/password/forgot", map[string]string{"email": "no address"})
		reset := map[string]string{"token": mails.token(t, "account.reset_password", "ada@example.org"), "password": "short"}
		problemOf(t, s, anyone.Want(http.StatusBadRequest, "POST", "/api/auth/password/reset", reset))
		reset["password"] = "another long passphrase"
		anyone.Want(http.StatusOK, "POST", "/api/auth/password/reset", reset)
		problemOf(t, s, anyone.Want(http.StatusBadRequest, "POST", "/api/auth/password/reset", reset))
		c.Want(http.StatusUnauthorized, "GET", "/api/auth/me", nil)
		s.SignIn("ada@example.org", "another long passphrase").Want(http.StatusOK, "GET", "/api/auth/me", nil)
	})
}

func TestChangingAPassword(t *testing.T) {
	t.Parallel()
	apptest.Each(t, mailing, func(t *testing.T, s *apptest.Server) {
		c := s.User("ada@example.org", "", "")
		other := s.SignIn("ada@example.org", apptest.Password)
		change := map[string]string{"current": "a guess", "password": "another long passphrase"}
		problemOf(t, s, c.Want(http.StatusBadRequest, "POST", "/api/auth/password/change", change))
		change["current"] = apptest.Password
		c.Want(http.StatusOK, "POST", "/api/auth/password/change", change)
		for _, ended := range []*apptest.Client{c, other} {
			ended.Want(http.StatusUnauthorized, "GET", "/api/auth/me", nil)
		}
		s.SignIn("ada@example.org", "another long passphrase")
	})
}

// The links share the limit of signing in: tokens and addresses cannot be tried
// without end.
func TestLinksAreLimitedLikeSigningIn(t *testing.T) {
	t.Parallel()
	o := mailing
	o.Settings = append([]string{"RATE_LIMIT_MAX_REQUESTS=4"}, mailing.Settings...)
	s := apptest.New(t, o)
	anyone := s.Anonymous()
	for path, body := range map[string]map[string]string{
		"email/verify": {"token": "x"}, "password/forgot": {"email": "nobody@example.org"}, "password/reset": {"token": "x", "password": "y"},
		"login": {"email": "nobody@example.org", "password": "y"},
	} {
		if got := anyone.Do("POST", "/api/auth/"+path, body).Status; got == http.StatusTooManyRequests {
			t.Errorf("%s: %d", path, got)
		}
	}
	for _, path := range []string{"email/verify", "password/reset"} {
		anyone.Want(http.StatusTooManyRequests, "POST", "/api/auth/"+path, map[string]string{"token": "x", "password": "another long passphrase"})
	}
	anyone.Want(http.StatusTooManyRequests, "POST", "/api/auth/password/forgot", map[string]string{"email": "nobody@example.org"})
}
