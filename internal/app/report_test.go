package app_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"navidocs/internal/apptest"
	"navidocs/internal/db"
	"navidocs/internal/fleet"
	"navidocs/internal/testkit"
)

// Secrets are everywhere in what fails: none is in what is reported of it.
func TestReportsOfAServerNameNobody(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var text strings.Builder
	got := func() string {
		mu.Lock()
		defer mu.Unlock()
		return text.String()
	}
	sentry := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(&text, "%v %v %s %v\n", r.URL, r.Header, body, err)
	}))
	t.Cleanup(sentry.Close)
	s := apptest.New(t, apptest.Options{
		Settings: []string{"SENTRY_DSN=" + strings.Replace(sentry.URL, "//", "//public@", 1) + "/42"},
		Wrap: func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Query().Has("panic") {
					panic("it was Hortensia " + r.Header.Get("Authorization"))
				}
				next.ServeHTTP(w, r)
			})
		},
	})
	c := s.User("hortensia@secret.example", "", "")
	var boat fleet.Boat
	c.Post("/api/boats", map[string]any{"name": "Hortensia II"}, &boat)
	err := s.DB.Transact(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), "ALTER TABLE equipment RENAME TO equipment_gone")
		if err == nil {
			_, err = tx.Exec(t.Context(), "ALTER TABLE pages RENAME TO pages_gone")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	header := []string{"X-Request-Id: request-0001", "User-Agent: Hortensia's browser", "X-Forwarded-For: 192.0.2.77", "Cookie: refresh=Hortensia"}
	if a := c.Do("POST", "/api/equipment?note=Hortensia", map[string]any{"boat_id": boat.ID, "system_code": "400", "name": "Hortensia's watermaker"}, header...); a.Status != http.StatusInternalServerError {
		t.Fatal(a.Status, string(a.Body))
	}
	if a := c.Do("GET", "/api/boats?panic=Hortensia", nil, "X-Request-Id: request-0002"); a.Status != http.StatusInternalServerError {
		t.Fatal(a.Status, string(a.Body))
	}
	c.Upload("Hortensia.txt", []byte("Hortensia's words"))
	testkit.Eventually(t, func() error {
		for _, want := range []string{
			`"route":"POST /api/equipment"`, `"request_id":"request-0001"`, `"request_id":"request-0002"`, `"kind":"panic"`, `"status":"500"`,
			`"job":"document.inspect"`, `"release":"test"`, `"environment":"test"`, `"module":"navidocs/internal/fleet"`,
		} {
			if !strings.Contains(got(), want) {
				return fmt.Errorf("%s is missing in\n%s", want, got())
			}
		}
		return nil
	})
	whole := got()
	for _, word := range []string{"ortensia", "secret.example", "192.0.2.77", c.Token, string(boat.ID), string(c.Org), "equipment_gone", "no such table", "SELECT", "INSERT"} {
		for line := range strings.Lines(whole) {
			if line = strings.ReplaceAll(line, sentry.Listener.Addr().String(), ""); strings.Contains(line, word) {
				t.Errorf("%q was sent: %s", word, line)
			}
		}
	}
}
