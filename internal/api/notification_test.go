package api_test

import (
	"net/http"
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
		owner.Upload("bad.pdf", []byte("%PDF-1.7\nno PDF\n%%EOF\n"), "boat_id="+boat.ID)
		var mine []notify.Notification
		testkit.Eventually(t, func() error {
			if owner.Get("/api/notifications?channel=in_app", &mine); len(mine) != 1 {
				return http.ErrNoLocation
			}
			return nil
		})
		walkPersonal(t, admin, "/api/notifications/"+string(mine[0].ID))
		var after []notify.Notification
		if owner.Get("/api/notifications?channel=in_app", &after); len(after) != 1 || after[0].Read {
			t.Errorf("another changed it: %+v", after)
		}
		for _, method := range []string{"GET", "POST"} {
			s.Anonymous().Want(http.StatusNotFound, method, "/u/made-up", nil)
		}
	})
}

func walkPersonal(t *testing.T, other *apptest.Client, path string) {
	t.Helper()
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
		"confirm-phone":          {409, "POST", "/api/notification-preferences/phone/confirm", `{"code":"123456"}`},
		"forget-phone":           {200, "DELETE", "/api/notification-preferences/phone", ""},
	} {
		if _, ok := api.Permissions[id]; !ok || !personal[id] {
			t.Errorf("%s is no personal operation", id)
		}
		var body any
		if want.body != "" {
			body = want.body
		}
		if got := other.Do(want.method, want.path, body); got.Status != want.status {
			t.Errorf("%s: %d, want %d: %s", id, got.Status, want.status, got.Body)
		}
	}
}
