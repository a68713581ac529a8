package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/api"
	"navidocs/internal/apptest"
)

// problemOf reads a problem and holds it against its status and media type.
func problemOf(t *testing.T, s *apptest.Server, a apptest.Answer) api.Problem {
	t.Helper()
	var p api.Problem
	a.Into(s, &p)
	if p.Status != a.Status || p.Title != http.StatusText(a.Status) || a.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%d, %s: %+v", a.Status, a.Header.Get("Content-Type"), p)
	}
	if p.RequestID == "" || p.RequestID != a.Header.Get("X-Request-Id") || p.Instance == "" {
		t.Errorf("request %q and instance %q in %s", p.RequestID, p.Instance, a.Body)
	}
	return p
}

func TestProblems(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, apptest.Options{NoWorker: true})
	c := s.User("ada@example.org", "", "")
	const login = "/api/auth/login"
	for name, test := range map[string]struct {
		method, path, body, media string
		status                    int
		locations                 []string
	}{
		"unknown address":      {"GET", "/api/nothing", "", "", 404, nil},
		"outside the API":      {"GET", "/nothing", "", "", 404, nil},
		"another method":       {"PUT", "/api/boats", "", "", 405, nil},
		"unknown id":           {"GET", "/api/boats/none", "", "", 404, nil},
		"an id with a NUL":     {"GET", "/api/boats/a%00b", "", "", 404, nil},
		"broken JSON":          {"POST", login, `{"email":`, "application/json", 400, []string{"body"}},
		"not an object":        {"POST", login, `[1]`, "application/json", 400, []string{"body"}},
		"no body":              {"POST", login, "", "application/json", 400, nil},
		"another media type":   {"POST", login, "<a/>", "application/xml", 415, []string{"body"}},
		"unknown field":        {"POST", "/api/boats", `{"name":"A","mast":1}`, "application/json", 400, []string{"body.mast"}},
		"everything at once":   {"POST", "/api/warranties", `{"boat_id":1,"warranty_period_months":0,"currency":"euro"}`, "application/json", 400, []string{"body", "body", "body.boat_id", "body.currency", "body.warranty_period_months"}},
		"a limit beyond":       {"GET", "/api/boats?limit=101&offset=-1", "", "", 400, []string{"query.limit", "query.offset"}},
		"an unknown sort":      {"GET", "/api/boats?sort=hin", "", "", 400, []string{"query.sort"}},
		"too large a body":     {"POST", "/api/boats", `{"name":"` + strings.Repeat("a", 1<<20) + `"}`, "application/json", 413, nil},
		"a number for a name":  {"PATCH", "/api/auth/me", `{"name":1}`, "application/json", 400, []string{"body.name"}},
		"an unknown language":  {"PATCH", "/api/auth/me", `{"language":"xx"}`, "application/json", 400, []string{"body.language"}},
		"a bad page number":    {"GET", "/api/documents/x/pages/zero", "", "", 400, []string{"path.number"}},
		"a period of no month": {"GET", "/api/warranties/expiring?days=0", "", "", 400, []string{"query.days"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			headers := []string{"X-Other: 1"}
			if test.media != "" {
				headers = append(headers, "Content-Type: "+test.media)
			}
			a := c.Send(test.method, test.path, strings.NewReader(test.body), headers...)
			if a.Status != test.status {
				t.Fatalf("%d, want %d: %s", a.Status, test.status, a.Body)
			}
			p := problemOf(t, s, a)
			var got []string
			for _, f := range p.Errors {
				got = append(got, f.Location)
			}
			if diff := cmp.Diff(test.locations, got, cmp.Transformer("sort", sorted)); diff != "" {
				t.Error(diff, string(a.Body))
			}
			if test.status == 405 && a.Header.Get("Allow") != "GET, HEAD, POST" {
				t.Error(a.Header.Get("Allow"))
			}
		})
	}
}

// No answer repeats what may be a secret.
func TestSecretsAreNotEchoed(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, apptest.Options{NoWorker: true})
	for name, call := range map[string]struct{ path, body string }{
		"wrong password": {"/api/auth/login", `{"email":"a@example.org","password":"hunter2"}`},
		"broken JSON":    {"/api/auth/login", `{"email":"a@example.org","password":"hunter2"`},
		"JSON as text":   {"/api/auth/login", `"hunter2"`},
		"short password": {"/api/auth/register", `{"email":"a@example.org","password":"hunter2","name":"A"}`},
		"a number":       {"/api/auth/register", `{"email":"a@example.org","password":["hunter2"],"name":"A"}`},
		"unknown field":  {"/api/auth/register", `{"email":"a@example.org","passwort":"hunter2","name":"A"}`},
		"setup code":     {"/api/auth/register", `{"email":"a","password":"hunter2hunter2","name":"A","setup_code":"hunter2` + strings.Repeat("x", 100) + `"}`},
		"refresh token":  {"/api/auth/refresh", `{"refresh_token":"hunter2` + strings.Repeat("x", 200) + `"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := s.Anonymous().Do("POST", call.path, call.body)
			if a.Status < 400 || strings.Contains(string(a.Body), "hunter2") {
				t.Errorf("%d: %s", a.Status, a.Body)
			}
		})
	}
}

// What broke inside stays inside.
func TestInternalErrorsSayNothing(t *testing.T) {
	t.Parallel()
	fail := func(f func() error) http.Handler {
		return api.New(api.Services{}, api.Config{
			Now: time.Now,
			Limit: func(context.Context, string, int, time.Duration) (api.Decision, error) {
				return api.Decision{Allowed: true}, f()
			},
			Probes: api.Probes{Health: func(context.Context) api.Health { panic("the secret cause") }},
		}).Handler()
	}
	for name, handler := range map[string]http.Handler{
		"a panic in the middleware": fail(func() error { panic("the secret cause") }),
		"a panic of an error":       fail(func() error { panic(errors.New("the secret cause")) }),
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/api/auth/login", strings.NewReader(`{"email":"a@example.org","password":"x"}`))
		handler.ServeHTTP(w, r)
		var p api.Problem
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Status != http.StatusInternalServerError || p.RequestID == "" {
			t.Errorf("%s: %d %v %s", name, w.Code, err, w.Body)
		}
		if strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s: %s", name, w.Body)
		}
	}
	w := httptest.NewRecorder()
	fail(func() error { return nil }).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/api/health", nil))
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "secret") {
		t.Error(w.Code, w.Body)
	}
	defer func() {
		if r := recover(); r != http.ErrAbortHandler {
			t.Error("an aborted answer was answered", r)
		}
	}()
	fail(func() error { panic(http.ErrAbortHandler) }).ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "POST", "/api/auth/refresh", nil))
}

// A counter that is away does not close the door.
func TestAMissingCounterServesOn(t *testing.T) {
	t.Parallel()
	h := api.New(api.Services{}, api.Config{
		Limit: func(context.Context, string, int, time.Duration) (api.Decision, error) {
			return api.Decision{}, errors.New("away")
		},
	}).Handler()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "POST", "/api/auth/refresh", nil))
	if w.Code != http.StatusBadRequest {
		t.Error(w.Code, w.Body)
	}
}
