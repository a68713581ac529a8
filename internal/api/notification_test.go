package api_test

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"

	"navidocs/internal/account"
	"navidocs/internal/api"
	"navidocs/internal/apptest"
	"navidocs/internal/notify"
	"navidocs/internal/testkit"
)

// TestNotificationsAreOnePersons: not even an admin of the organization reads,
// changes or sends again what another person was told.
func TestNotificationsAreOnePersons(t *testing.T) {
	t.Parallel()
	apptest.Each(t, apptest.Options{}, func(t *testing.T, s *apptest.Server) {
		admin := s.User("admin@example.org", "", "")
		owner := s.User("owner@example.org", admin.Org, account.Manager)
		var boat struct{ ID string }
		owner.Post("/api/boats", map[string]string{"name": "Calypso"}, &boat)
		mine := toldOfPaper(t, owner, boat.ID, "mine")
		his := toldOfPaper(t, admin, boat.ID, "his") // later, so that a stream would bring mine before it
		if got := firstOnStream(t, s, admin); got != his.ID {
			t.Errorf("the first on another's stream is %s, not %s", got, his.ID)
		}
		owner.Want(http.StatusCreated, "POST", "/api/push-subscriptions", push("1"))
		walkPersonal(t, admin, "/api/notifications/"+string(mine.ID))
		for endpoint, want := range map[string]int{"1": http.StatusOK, "2": http.StatusNotFound} { // the other one subscribed the second
			owner.Want(want, "DELETE", "/api/push-subscriptions?endpoint=https://push.example/"+endpoint, nil)
		}
		var after []notify.Notification
		if owner.Get("/api/notifications?channel=in_app", &after); len(after) != 1 || after[0].Read {
			t.Errorf("another changed it: %+v", after)
		}
		for _, method := range []string{"GET", "POST"} {
			s.Anonymous().Want(http.StatusNotFound, method, "/u/made-up", nil)
		}
	})
}

// toldOfPaper has somebody upload what cannot be read, and is what they are told.
func toldOfPaper(t *testing.T, who *apptest.Client, boat, title string) notify.Notification {
	t.Helper()
	who.Upload(title+".pdf", []byte("%PDF-1.7\nno PDF, but "+title+"\n%%EOF\n"), "boat_id="+boat)
	var all []notify.Notification
	testkit.Eventually(t, func() error {
		if who.Get("/api/notifications?channel=in_app", &all); len(all) != 1 {
			return fmt.Errorf("told are %+v", all)
		}
		return nil
	})
	return all[0]
}

func push(endpoint string) string {
	return `{"endpoint":"https://push.example/` + endpoint + `","keys":{"p256dh":"x","auth":"x"}}`
}

// firstOnStream is the oldest notification that a stream brings of all that were.
func firstOnStream(t *testing.T, s *apptest.Server, who *apptest.Client) notify.ID {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/api/notifications/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+who.Token)
	req.Header.Set("Last-Event-ID", "0")
	res, err := new(http.Client).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if id, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
			return notify.ID(id)
		}
	}
	t.Fatal("the stream brings nothing")
	return ""
}

// walkPersonal calls every operation about one person's rows as another one.
func walkPersonal(t *testing.T, other *apptest.Client, path string) {
	t.Helper()
	walked := map[string]bool{"stream-notifications": true} // by firstOnStream
	for id, want := range map[string]struct {
		status             int
		method, path, body string
	}{
		"read-notification":      {404, "PUT", path + "/read", ""},
		"delete-notification":    {404, "DELETE", path, ""},
		"resend-notification":    {404, "POST", path + "/resend", ""},
		"report-bounce":          {403, "POST", "/api/notifications/bounces", `{"message_id":"x","kind":"hard","reason":"x"}`},
		"read-all-notifications": {200, "PUT", "/api/notifications/read-all", ""},
		"unsubscribe-push":       {404, "DELETE", "/api/push-subscriptions?endpoint=https://push.example/1", ""},
		"subscribe-push":         {201, "POST", "/api/push-subscriptions", push("2")},
		"set-phone":              {409, "PUT", "/api/notification-preferences/phone", `{"phone":"+441632960001"}`},
		"confirm-phone":          {409, "POST", "/api/notification-preferences/phone/confirm", `{"code":"123456"}`},
		"forget-phone":           {200, "DELETE", "/api/notification-preferences/phone", ""},
	} {
		if _, ok := api.Permissions[id]; !ok || !personal[id] {
			t.Errorf("%s is no personal operation", id)
		}
		walked[id] = true
		var body any
		if want.body != "" {
			body = want.body
		}
		if got := other.Do(want.method, want.path, body); got.Status != want.status {
			t.Errorf("%s: %d, want %d: %s", id, got.Status, want.status, got.Body)
		}
	}
	if !maps.Equal(walked, personal) {
		t.Errorf("walked were %v, personal are %v", walked, personal)
	}
}
