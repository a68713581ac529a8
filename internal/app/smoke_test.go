package app_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/account"
	"navidocs/internal/app"
	"navidocs/internal/apptest"
	"navidocs/internal/config"
	"navidocs/internal/db"
	"navidocs/internal/ops"
	"navidocs/internal/testkit"
)

// smokes tries a server as the command does, and demands that all held.
func smokes(t *testing.T, s *apptest.Server, o ops.SmokeOptions) ops.SmokeReport {
	t.Helper()
	o.Token = probeToken(t, s)
	r, err := ops.Smoke(t.Context(), &http.Client{}, s.URL, o)
	if err != nil || !r.OK {
		t.Fatal(err, r.Err())
	}
	return r
}

func probeToken(t *testing.T, s *apptest.Server) string {
	t.Helper()
	token := s.ProbeToken()
	if token == "" {
		t.Fatal("the keys of the server cannot be read")
	}
	return token
}

// rows counts those of every table, and the jobs without those that the server
// does by itself at its start and every minute.
func rows(t *testing.T, s *apptest.Server) map[string]int64 {
	t.Helper()
	all, err := db.Counts(t.Context(), s.DB, s.DB)
	if err != nil {
		t.Fatal(err)
	}
	n := map[string]int64{}
	for _, x := range all {
		n[x.Name] = x.Rows
	}
	for _, kind := range []string{"event.dispatch", "webhook.deliver", "notify.send", "document."} {
		jobs, err := db.One(t.Context(), s.DB, db.Scalar[int64], "SELECT count(*) FROM river_job WHERE kind LIKE $1", kind+"%")
		if err != nil {
			t.Fatal(err)
		}
		if kind != "document." {
			n["river_job "+kind] = jobs
			continue
		}
		purges, err := db.One(t.Context(), s.DB, db.Scalar[int64], "SELECT count(*) FROM river_job WHERE kind = 'document.purge'")
		if err != nil {
			t.Fatal(err)
		}
		n["river_job "+kind] = jobs - purges
	}
	return n
}

// blobs lists what the store keeps.
func blobs(t *testing.T, s *apptest.Server) (all []string) {
	t.Helper()
	for info, err := range s.Store.Walk(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(info.Digest))
	}
	return all
}

// The smoke test of the old runbook left a row in production with each run. Ours
// leaves none, in any table, and no bytes, with people's own data beside it.
func TestASmokeTestLeavesNoTrace(t *testing.T) {
	t.Parallel()
	apptest.Each(t, apptest.Options{}, func(t *testing.T, s *apptest.Server) {
		t.Helper()
		c := s.User("ada@example.org", "", "")
		var boat named
		c.Post("/api/boats", map[string]string{"name": "Calypso"}, &boat)
		c.Upload("manual.txt", []byte("The manual of the windlass.\n"), "boat_id="+boat.ID)
		testkit.Eventually(t, func() error { return idle(t, s) })
		before, kept := rows(t, s), blobs(t, s)
		began := time.Now()
		r := smokes(t, s, ops.SmokeOptions{})
		t.Logf("smoke: %s", time.Since(began).Round(time.Millisecond))
		for _, name := range ops.FourSuites() {
			if !slices.ContainsFunc(r.Suites, func(x ops.SmokeSuite) bool { return x.Name == name && x.OK }) {
				t.Errorf("%s is not among %+v", name, r.Suites)
			}
		}
		if diff := cmp.Diff(before, rows(t, s)); diff != "" {
			t.Error("rows before and after", diff)
		}
		if diff := cmp.Diff(kept, blobs(t, s)); diff != "" {
			t.Error("bytes before and after", diff)
		}
	})
}

// What the probe is told by mail is written and stays here.
func TestASmokeTestMailsNobody(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	s := apptest.New(t, apptest.Options{Home: home})
	smokes(t, s, ops.SmokeOptions{Only: []string{ops.SuiteNotifications}})
	if mails, err := filepath.Glob(filepath.Join(home, "data", "outbox", "*")); err != nil || len(mails) > 0 {
		t.Error("mailed", mails, err)
	}
}

type named struct{ ID, Name string }

// idle is when no job waits or runs.
func idle(t *testing.T, s *apptest.Server) error {
	t.Helper()
	left, err := s.Jobs.Jobs(t.Context())
	if err == nil && len(left) > 0 {
		err = busyError(left[0].Kind)
	}
	return err
}

type busyError string

func (e busyError) Error() string { return string(e) + " is to be done" }

// Without a worker what needs one is skipped, and what is left goes all the same.
func TestASmokeTestWithoutAWorker(t *testing.T) {
	t.Parallel()
	apptest.Each(t, apptest.Options{NoWorker: true}, func(t *testing.T, s *apptest.Server) {
		t.Helper()
		before := rows(t, s)
		r := smokes(t, s, ops.SmokeOptions{NoJobs: true})
		skipped := slices.DeleteFunc(r.Suites, func(x ops.SmokeSuite) bool { return x.OK })
		if len(skipped) != 1 || skipped[0].Name != "job-round-trip" || skipped[0].Skipped == "" {
			t.Errorf("%+v", skipped)
		}
		if diff := cmp.Diff(before, rows(t, s)); diff != "" {
			t.Error(diff)
		}
	})
}

// What a smoke test that was cut off has left goes with the next one; while it may
// still run, nobody else begins.
func TestSmokeTestsFollowOneAnother(t *testing.T) {
	t.Parallel()
	clock := testkit.NewClock(time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC))
	s := apptest.New(t, apptest.Options{NoWorker: true, Now: clock.Now})
	before, first := rows(t, s), probeToken(t, s)
	if status := ask(t, s.URL, first, "POST", "/api/boats", `{"name":"Cut off"}`); status != http.StatusCreated {
		t.Fatal(status)
	}
	for path, status := range map[string]int{"/api/boats": http.StatusConflict, "/internal/probe/reset": http.StatusConflict} {
		if got := ask(t, s.URL, probeToken(t, s), "POST", path, `{"name":"Second"}`); got != status {
			t.Error(path, got)
		}
	}
	clock.Add(3 * time.Minute)
	smokes(t, s, ops.SmokeOptions{NoJobs: true, Only: []string{ops.SuiteDatabase}})
	if diff := cmp.Diff(before, rows(t, s)); diff != "" {
		t.Error(diff)
	}
	clock.Add(3 * time.Minute)
	if status := ask(t, s.URL, first, "GET", "/api/boats", ""); status != http.StatusUnauthorized {
		t.Error("a token that is too old signs in", status)
	}
}

// A trial that has the name of one that was killed takes its place at once, and so
// does any trial of a database that was restored.
func TestATrialTakesThePlaceOfAKilledOne(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	s := apptest.New(t, apptest.Options{NoWorker: true, Home: home})
	before := rows(t, s)
	token := func(run string) string { return app.ProbeToken(config.Config{Home: home}, run, s.DB.Now()) }
	for _, test := range []struct {
		killed, next string
		between      func() error
	}{
		{"deploy", "deploy", func() error { return nil }},
		{"", "", func() error { return account.ForgetProbe(t.Context(), s.DB) }},
	} {
		if status := ask(t, s.URL, token(test.killed), "POST", "/api/boats", `{"name":"Cut off"}`); status != http.StatusCreated {
			t.Fatal(status)
		}
		if got := ask(t, s.URL, token("another"), "POST", "/internal/probe/reset", ""); got != http.StatusConflict {
			t.Error("another one begins", got)
		}
		if err := test.between(); err != nil {
			t.Fatal(err)
		}
		if got := ask(t, s.URL, token(test.next), "POST", "/internal/probe/reset", ""); got != http.StatusOK {
			t.Errorf("%q waits for %q: %d", test.next, test.killed, got)
		}
	}
	if diff := cmp.Diff(before, rows(t, s)); diff != "" {
		t.Error(diff)
	}
}

// ask sends a request and returns the status of its answer.
func ask(t *testing.T, base, token, method, path, body string, header ...string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := new(http.Client).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // only read from
	return res.StatusCode
}

// The probe signs in with the installation's key, on its machine, and nowhere else.
func TestTheProbeIsForTheMachineAlone(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, apptest.Options{NoWorker: true})
	token := probeToken(t, s)
	foreign := account.ProbeToken([]byte("another key, which is long enough"), "", s.DB.Now())
	elsewhere := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.RemoteAddr = "203.0.113.7:4711" // as if from another machine
		s.API.Handler().ServeHTTP(w, r)
	}))
	elsewhere.Start()
	t.Cleanup(elsewhere.Close)
	for name, test := range map[string]struct {
		base, token string
		header      []string
		boats, end  int
	}{
		"here":            {s.URL, token, nil, http.StatusOK, http.StatusOK},
		"another key":     {s.URL, foreign, nil, http.StatusUnauthorized, http.StatusUnauthorized},
		"no token":        {s.URL, "", nil, http.StatusUnauthorized, http.StatusUnauthorized},
		"half a token":    {s.URL, "ndp_", nil, http.StatusUnauthorized, http.StatusUnauthorized},
		"through a proxy": {s.URL, token, []string{"X-Forwarded-For", "203.0.113.7"}, http.StatusUnauthorized, http.StatusForbidden},
		"another machine": {elsewhere.URL, token, nil, http.StatusUnauthorized, http.StatusForbidden},
	} {
		if got := ask(t, test.base, test.token, "GET", "/api/boats", "", test.header...); got != test.boats {
			t.Error(name, "lists boats", got)
		}
		if got := ask(t, test.base, test.token, "POST", "/internal/probe/reset", "", test.header...); got != test.end {
			t.Error(name, "resets", got)
		}
	}
	if status := ask(t, s.URL, s.User("ada@example.org", "", "").Token, "POST", "/internal/probe/reset", ""); status != http.StatusUnauthorized {
		t.Error("a person resets the probe", status)
	}
}

// Nobody counts the probe among the people, or takes it for one of them, while a
// test runs.
func TestTheProbeIsNobody(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, apptest.Options{NoWorker: true})
	s.User("ada@example.org", "", "")
	if status := ask(t, s.URL, probeToken(t, s), "GET", "/api/boats", ""); status != http.StatusOK {
		t.Fatal(status)
	}
	if n, err := s.Accounts.CountUsers(t.Context()); n != 1 || err != nil {
		t.Error(n, err)
	}
	if who, err := s.Accounts.OnlyUser(t.Context()); who != "ada@example.org" || err != nil {
		t.Error(who, err)
	}
	if _, err := s.Accounts.Login(t.Context(), account.SigningIn{Email: "probe"}); err == nil {
		t.Error("it signs in without a password")
	}
}

// Rows that go when a smoke test ends are not counted: they would look like a loss.
func TestRowsAreCountedBesideNoSmokeTest(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	s := apptest.New(t, apptest.Options{NoWorker: true, Home: home})
	before, err := app.Rows(t.Context(), s.DB, "")
	if err != nil || len(before) == 0 {
		t.Fatal(before, err)
	}
	token := app.ProbeToken(config.Config{Home: home}, "deploy", s.DB.Now())
	if status := ask(t, s.URL, token, "GET", "/api/boats", ""); status != http.StatusOK {
		t.Fatal(status)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if got, err := app.Rows(ctx, s.DB, ""); !errors.Is(err, context.DeadlineExceeded) {
		t.Error("beside a smoke test:", got, err)
	}
	if _, err := app.Rows(t.Context(), s.DB, "deploy"); err != nil {
		t.Error("beside one that was killed:", err)
	}
	if status := ask(t, s.URL, token, "POST", "/internal/probe/reset", ""); status != http.StatusOK {
		t.Fatal(status)
	}
	after, err := app.Rows(t.Context(), s.DB, "")
	if diff := cmp.Diff(before, after); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

// A server that does not do what it should is told from one that does, whichever
// part it is.
func TestASmokeTestNamesWhatDoesNotHold(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, apptest.Options{NoWorker: true})
	broken := func(path string) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, path) {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			s.API.Handler().ServeHTTP(w, r)
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	for path, want := range map[string]string{
		"/api/health": "health", "/api/boats/": ops.SuiteDatabase, "/api/warranties": ops.SuiteWarranty, "/api/webhooks": ops.SuiteWebhook,
		"/api/notification-templates": ops.SuiteNotifications, "/api/search": "search", "/api/documents": "upload-download",
	} {
		r, err := ops.Smoke(t.Context(), &http.Client{}, broken(path), ops.SmokeOptions{Token: probeToken(t, s), NoJobs: true})
		failed := r.Err()
		if err != nil || r.OK || failed == nil || !strings.Contains(failed.Error(), want+": ") {
			t.Error(path, err, failed)
		}
		if strings.Contains(failed.Error(), "clean-up") {
			t.Error(path, "is not cleaned up after", failed)
		}
	}
}

// Without the keys, whoever answers 401 is alive, and the rest is skipped.
func TestASmokeTestWithoutKeys(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, apptest.Options{NoWorker: true})
	r, err := ops.Smoke(t.Context(), &http.Client{}, s.URL, ops.SmokeOptions{})
	if err != nil || !r.OK || !r.Suites[0].OK {
		t.Error(r, err)
	}
	for _, x := range r.Suites[1:] {
		if x.Skipped == "" || x.OK {
			t.Errorf("%+v", x)
		}
	}
	if token := app.ProbeToken(config.Config{Home: t.TempDir()}, "", s.DB.Now()); token != "" {
		t.Error("a token without a key")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed at once
	if err != nil {
		t.Fatal(err)
	}
	address := "http://" + l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{"", probeToken(t, s)} { // and does not wait for it
		if r, err := ops.Smoke(t.Context(), &http.Client{}, address, ops.SmokeOptions{Token: token}); err != nil || r.OK || r.Suites[0].OK {
			t.Error("nobody answers, and all is well", r, err)
		}
	}
}

// A server tries itself when it is told to, which shows in its metrics, and leaves
// no row by that either.
func TestAServerTriesItself(t *testing.T) {
	t.Parallel()
	apptest.Each(t, apptest.Options{Settings: []string{"SMOKE_INTERVAL=1h"}}, func(t *testing.T, s *apptest.Server) {
		t.Helper()
		testkit.Eventually(t, func() error {
			if got := scrape(t, s); got["navidocs_smoke_ok"] != 1 || got[`navidocs_smoke_seconds{suite="`+ops.SuiteWebhook+`"}`] == 0 {
				return busyError(fmt.Sprint("navidocs_smoke_ok ", got["navidocs_smoke_ok"], ", which"))
			}
			return nil
		})
		for _, table := range []string{"organizations", "users", "events", "blobs"} {
			if n := rows(t, s)[table]; n != 0 {
				t.Error(table, n)
			}
		}
	})
}

func TestWhereAServerTriesItself(t *testing.T) {
	t.Parallel()
	for settings, want := range map[string]time.Duration{
		"APP_ENV=production": time.Minute, "APP_ENV=staging": time.Minute, "APP_ENV=test": 0, "APP_ENV=development": 0,
		"APP_ENV=production SMOKE_INTERVAL=0": 0, "APP_ENV=development SMOKE_INTERVAL=5m": 5 * time.Minute,
	} {
		c, err := config.Load(config.Source{Environ: strings.Fields(settings), Home: t.TempDir()})
		if got := c.SmokeEvery(); err != nil || got != want {
			t.Error(settings, got, err)
		}
	}
}
