package app_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"navidocs/internal/account"
	"navidocs/internal/apptest"
	"navidocs/internal/db"
	"navidocs/internal/document"
	"navidocs/internal/event"
	"navidocs/internal/testkit"
)

func change(t *testing.T, s *apptest.Server, query string, args ...any) {
	t.Helper()
	err := s.DB.Transact(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), query, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// holding lists the columns that hold a text.
func holding(t *testing.T, s *apptest.Server, text string) (found []string) {
	t.Helper()
	query := `SELECT '"' || table_name || '"."' || column_name || '"' FROM information_schema.columns WHERE table_schema = current_schema()`
	if s.DB.Engine == db.SQLite {
		query = `SELECT '"' || m.name || '"."' || p.name || '"' FROM sqlite_master m, pragma_table_info(m.name) p WHERE m.type = 'table' AND m.sql NOT LIKE 'CREATE VIRTUAL%'`
	}
	columns, err := db.Collect(t.Context(), s.DB, db.Scalar[string], query)
	if err != nil {
		t.Fatal(err)
	}
	for _, column := range columns {
		table, _, _ := strings.Cut(column, ".")
		n, err := db.One(t.Context(), s.DB, db.Scalar[int], "SELECT count(*) FROM "+table+" WHERE CAST("+column+" AS TEXT) LIKE '%' || $1 || '%'", text)
		if err != nil {
			t.Fatal(column, err)
		}
		if n > 0 {
			found = append(found, strings.ReplaceAll(column, `"`, ""))
		}
	}
	return found
}

// Of an organization whose grace is over nothing is left but that it was there,
// and the bytes of its papers have no owner any more.
func TestOfAnOrganizationNothingIsLeft(t *testing.T) {
	t.Parallel()
	apptest.Each(t, apptest.Options{Demo: true, NoWorker: true}, func(t *testing.T, s *apptest.Server) {
		admin := s.SignIn("demo@navidocs.app", "test")
		other := s.User("other@example.org", "", "")
		kept := other.Upload("other.txt", []byte("another's"))
		var warranties []struct{ ID string }
		admin.Get("/api/warranties", &warranties)
		var claim struct{ ID string }
		admin.Post("/api/warranties/"+warranties[0].ID+"/claims", nil, &claim)
		admin.Want(http.StatusCreated, "POST", "/api/warranties/"+warranties[0].ID+"/claims/"+claim.ID+"/log", map[string]string{"direction": "sent", "channel": "phone", "text": "They call back"})
		admin.Post("/api/webhooks", map[string]any{"url": "https://receiver.example.org", "event_types": []string{"*"}}, &struct{}{})
		admin.Post("/api/contacts", map[string]string{"name": "Yard"}, &struct{}{})
		before := len(holding(t, s, string(admin.Org)))
		change(t, s, "UPDATE organizations SET deleted_at = 1 WHERE id = $1", admin.Org)
		if err := s.Accounts.Tidy(t.Context()); err != nil {
			t.Fatal(err)
		}
		found := slices.DeleteFunc(holding(t, s, string(admin.Org)), func(column string) bool { return strings.HasPrefix(column, "river_") })
		if !slices.Equal(found, []string{"audit_log.subject_id"}) || before < 12 {
			t.Errorf("of %d columns these still name it: %v", before, found)
		}
		if n := count(t, s.App, "boats"); n != 0 {
			t.Error(n, "boats")
		}
		if n := count(t, s.App, "blobs WHERE unreferenced_at IS NULL"); n != 1 || count(t, s.App, "blob_refs") != 1 {
			t.Error(n, "blobs have an owner")
		}
		other.Want(http.StatusOK, "GET", "/api/documents/"+string(kept.ID)+"/content", nil)
		admin.Want(http.StatusOK, "GET", "/api/auth/me", nil)
	})
}

// Nothing leaves an organization that was deleted: no webhook, no notification.
func TestADeletedOrganizationIsSilent(t *testing.T) {
	t.Parallel()
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(receiver.Close)
	apptest.Each(t, apptest.Options{Settings: []string{"EGRESS_ALLOW=127.0.0.1"}}, func(t *testing.T, s *apptest.Server) {
		admin := s.User("admin@example.org", "", "")
		var me account.User
		admin.Get("/api/auth/me", &me)
		admin.Post("/api/webhooks", map[string]any{"url": receiver.URL, "event_types": []string{"document.failed"}}, &struct{}{})
		told := func(want int) {
			t.Helper()
			err := s.DB.Transact(t.Context(), func(tx *db.Tx) error {
				return s.Events.Append(t.Context(), tx, event.Event{
					Type: "document.failed", OrgID: string(admin.Org), ActorID: string(me.ID),
					Data: document.Data{DocumentID: document.ID(fmt.Sprint("paper-", want)), Title: "Log", Class: account.Open, Reason: "broken"},
				})
			})
			if err != nil {
				t.Fatal(err)
			}
			testkit.Eventually(t, func() error {
				if n := count(t, s.App, "events WHERE type = 'document.failed' AND dispatched_at IS NULL"); n > 0 {
					return fmt.Errorf("%d events wait", n)
				}
				return nil
			})
			deliveries, notifications := count(t, s.App, "webhook_deliveries WHERE attempt = 1"), count(t, s.App, "notifications WHERE channel = 'in_app'")
			if deliveries != want || notifications != want {
				t.Errorf("%d deliveries, %d notifications, want %d", deliveries, notifications, want)
			}
		}
		told(1)
		path := "/api/organizations/" + string(admin.Org)
		admin.Want(http.StatusOK, "DELETE", path, map[string]string{"confirm": "Org of admin@example.org"})
		told(1)
		var shown []struct{ ID string }
		if admin.Get("/api/notifications", &shown); len(shown) != 0 {
			t.Error(shown)
		}
		admin.Want(http.StatusOK, "POST", path+"/restore", nil)
		if admin.Get("/api/notifications?channel=in_app", &shown); len(shown) != 1 {
			t.Error(shown)
		}
	})
}
