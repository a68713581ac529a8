package features

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/cucumber/godog"

	"navidocs/internal/account"
	"navidocs/internal/apptest"
	"navidocs/internal/testkit"
)

func (i *informed) accessSteps(sc *godog.ScenarioContext) {
	var link string
	sc.Step(`^the captain invites "([^"]*)" as a manager$`, func(email string) error {
		i.captain.Want(http.StatusCreated, "POST", i.invitations(), map[string]string{"email": email, "role": "manager"})
		return nil
	})
	sc.Step(`^"([^"]*)" has a mail with a link that the captain did not see$`, func(email string) (err error) {
		link, err = i.invited(email)
		return err
	})
	sc.Step(`^whoever has the link accepts it as "([^"]*)" with a password$`, func(name string) error {
		i.server.Anonymous().Want(http.StatusOK, "POST", "/api/invitations/"+link+"/accept", map[string]string{"name": name, "password": password})
		return nil
	})
	sc.Step(`^"([^"]*)" signs in and is a manager of the captain's organization$`, i.isManager)
	sc.Step(`^the link is used again$`, func() error {
		i.answer = i.server.Anonymous().Do("POST", "/api/invitations/"+link+"/accept", map[string]string{"name": "Eve", "password": password})
		return nil
	})
	sc.Step(`^the audit trail tells who invited whom, and that it was accepted$`, i.auditTellsInvitation)
	i.tokenSteps(sc)
}

func (w *world) tokenSteps(sc *godog.ScenarioContext) {
	var made account.Token
	program := func() *apptest.Client {
		c := w.server.Anonymous()
		c.Token = made.Secret
		return c
	}
	sc.Step(`^the captain makes a token that may read$`, func() error {
		w.captain.Post("/api/auth/tokens", map[string]any{"name": "Plotter", "scopes": []string{"read"}}, &made)
		return nil
	})
	sc.Step(`^a program with the token reads the boat$`, func() error {
		program().Want(http.StatusOK, "GET", "/api/boats/"+w.boat, nil)
		return nil
	})
	sc.Step(`^it cannot rename the boat, make another token or end a session$`, func() error {
		program().Want(http.StatusForbidden, "PATCH", "/api/boats/"+w.boat, map[string]string{"name": "Mine"})
		program().Want(http.StatusForbidden, "POST", "/api/auth/tokens", map[string]any{"name": "Another", "scopes": []string{"admin"}})
		program().Want(http.StatusForbidden, "DELETE", "/api/auth/sessions/any", nil)
		return nil
	})
	sc.Step(`^the captain deletes the token$`, func() error {
		w.captain.Want(http.StatusOK, "DELETE", "/api/auth/tokens/"+string(made.ID), nil)
		return nil
	})
	sc.Step(`^the program is refused$`, func() error {
		program().Want(http.StatusUnauthorized, "GET", "/api/boats/"+w.boat, nil)
		return nil
	})
}

func (w *world) invitations() string {
	return "/api/organizations/" + string(w.captain.Org) + "/invitations"
}

// invited waits for the mail to an invited address and returns its token, which
// no answer of the API holds.
func (i *informed) invited(email string) (token string, err error) {
	testkit.Eventually(i.t, func() error {
		mails := i.mailbox.about(email, "invites you")
		if len(mails) != 1 {
			return fmt.Errorf("%d mails", len(mails))
		}
		_, rest, ok := strings.Cut(mails[0].text, "/invitation?token=")
		if token = strings.Fields(rest + " ")[0]; !ok || token == "" {
			return errors.New("no link in the mail")
		}
		return nil
	})
	if shown := i.captain.Want(http.StatusOK, "GET", i.invitations(), nil); strings.Contains(string(shown.Body), token) {
		return "", errors.New("the captain was shown the token")
	}
	return token, nil
}

func (w *world) isManager(email string) error {
	var orgs []account.Organization
	w.server.SignIn(email, password).Get("/api/organizations", &orgs)
	if len(orgs) != 1 || orgs[0].ID != w.captain.Org || orgs[0].Role != account.Manager {
		return fmt.Errorf("%+v", orgs)
	}
	return nil
}

func (w *world) auditTellsInvitation() error {
	var invited, accepted []account.Record
	w.captain.Get("/api/audit?action=invitation.created", &invited)
	w.captain.Get("/api/audit?action=invitation.accepted", &accepted)
	if len(invited) != 1 || len(accepted) != 1 || invited[0].SubjectID != accepted[0].SubjectID || !strings.Contains(string(invited[0].Detail), "mate@example.org") {
		return fmt.Errorf("%+v %+v", invited, accepted)
	}
	return nil
}
