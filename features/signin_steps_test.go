package features

import (
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/cucumber/godog"

	"navidocs/internal/account"
	"navidocs/internal/apptest"
	"navidocs/internal/testkit"
)

func (i *informed) signInSteps(sc *godog.ScenarioContext) {
	sc.Step(`^"([^"]*)" has a mail with a link that confirms the address, once$`, i.confirmsAddress)
	var other *apptest.Client
	sc.Step(`^they sign in on another device, and sign out everywhere there$`, func() error {
		other = i.server.SignIn("ada@example.org", password)
		other.Want(http.StatusOK, "GET", "/api/auth/me", nil)
		other.Want(http.StatusNoContent, "POST", "/api/auth/logout-all", nil)
		return nil
	})
	sc.Step(`^neither token of the other device works$`, func() error {
		other.Want(http.StatusUnauthorized, "GET", "/api/auth/me", nil)
		i.answer = i.refresh(other.Refresh)
		return i.answerIs(http.StatusUnauthorized)
	})
	i.factorSteps(sc)
}

// confirmsAddress follows the link in the mail that a registration sends.
func (i *informed) confirmsAddress(email string) error {
	var token string
	testkit.Eventually(i.t, func() error {
		mails := i.mailbox.about(email, "Confirm your e-mail address")
		if len(mails) != 1 {
			return fmt.Errorf("%d mails", len(mails))
		}
		_, rest, ok := strings.Cut(mails[0].text, "/verify?token=")
		if token = strings.Fields(rest + " ")[0]; !ok || token == "" {
			return errors.New("no link in the mail")
		}
		return nil
	})
	anyone, body := i.server.Anonymous(), map[string]string{"token": token}
	var u account.User
	anyone.Want(http.StatusOK, "POST", "/api/auth/email/verify", body).Into(i.server, &u)
	anyone.Want(http.StatusBadRequest, "POST", "/api/auth/email/verify", body)
	if !u.EmailVerified || u.Email != email {
		return fmt.Errorf("%+v", u)
	}
	return nil
}

// factorSteps are about the captain's authenticator.
func (i *informed) factorSteps(sc *godog.ScenarioContext) {
	var secret []byte
	var codes []string
	now := func(steps int) string {
		return testkit.TOTP(secret, i.clock.Now().Add(time.Duration(steps)*30*time.Second))
	}
	sc.Step(`^the captain turns on a second factor$`, func() (err error) {
		var key account.TOTPKey
		i.captain.Want(http.StatusOK, "POST", "/api/auth/totp", map[string]string{"password": password}).Into(i.server, &key)
		if secret, err = base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(key.Secret); err != nil {
			return err
		}
		var made account.RecoveryCodes
		i.captain.Want(http.StatusOK, "POST", "/api/auth/totp/confirm", map[string]string{"code": now(0)}).Into(i.server, &made)
		codes = made.Codes
		return nil
	})
	sc.Step(`^the password alone signs in no more$`, func() error { return i.signsInWith("", http.StatusUnauthorized, "totp_required") })
	sc.Step(`^the password alone signs in again$`, func() error { return i.signsInWith("", http.StatusOK, "") })
	sc.Step(`^a code of the captain's device signs in, once$`, func() error {
		return errors.Join(i.signsInWith(now(1), http.StatusOK, ""), i.signsInWith(now(1), http.StatusUnauthorized, "totp_wrong"))
	})
	sc.Step(`^the captain signs in with a recovery code$`, func() error { return i.signsInWith(codes[0], http.StatusOK, "") })
	sc.Step(`^the recovery code signs in no more$`, func() error { return i.signsInWith(codes[0], http.StatusUnauthorized, "totp_wrong") })
	sc.Step(`^a mail tells the captain that (\d+) are left$`, i.hasCodesLeft)
	sc.Step(`^the captain turns the second factor off with another one$`, func() error {
		i.captain.Want(http.StatusOK, "DELETE", "/api/auth/totp", map[string]string{"password": password, "code": codes[1]})
		return nil
	})
}

func (i *informed) signsInWith(code string, status int, reason string) error {
	body := map[string]string{"email": captain, "password": password, "code": code}
	i.answer = i.server.Anonymous().Do("POST", "/api/auth/login", body)
	var p struct{ Reason string }
	if err := json.Unmarshal(i.answer.Body, &p); err != nil {
		return err
	}
	if p.Reason != reason {
		return fmt.Errorf("the reason is %q", p.Reason)
	}
	return i.answerIs(status)
}

func (i *informed) hasCodesLeft(n int) error {
	testkit.Eventually(i.t, func() error {
		mails := i.mailbox.about(captain, "recovery code")
		if len(mails) != 1 || !strings.Contains(mails[0].text, fmt.Sprintf("Codes left: %d.", n)) {
			return fmt.Errorf("mails: %+v", mails)
		}
		return nil
	})
	return nil
}
