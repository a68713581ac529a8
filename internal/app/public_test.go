package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"navidocs/internal/api"
	"navidocs/internal/apptest"
	"navidocs/internal/deploy"
	"navidocs/internal/ops"
	"navidocs/internal/testkit"
)

// watched is a server whose status strangers look at.
type watched struct {
	*apptest.Server
	t     *testing.T
	state string
	clock *testkit.Clock
}

func watch(t *testing.T, settings ...string) *watched {
	t.Helper()
	home := t.TempDir()
	w := &watched{t: t, state: filepath.Join(home, "state"), clock: testkit.NewClock(time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC))}
	w.Server = apptest.New(t, apptest.Options{Home: home, Now: w.clock.Now, Settings: append(settings, "APP_BASE_URL=http://papers.example")})
	return w
}

// page is what a reader gets who sends these headers.
func (w *watched) page(headers ...string) apptest.Answer {
	w.t.Helper()
	w.clock.Add(3 * time.Second) // what was found before no longer counts
	a := w.Anonymous().Want(http.StatusOK, "GET", "/status", nil, headers...)
	if a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("X-Robots-Tag") != "noindex" || len(a.Body) > 20_000 {
		w.t.Errorf("%d bytes, %v", len(a.Body), a.Header)
	}
	return a
}

func (w *watched) read() (s api.PublicStatus) {
	w.t.Helper()
	a := w.page("Accept: application/json")
	if err := json.Unmarshal(a.Body, &s); err != nil || a.Header.Get("Content-Type") != "application/json" {
		w.t.Fatalf("%v: %s", err, a.Body)
	}
	return s
}

func (w *watched) journal(runs ...deploy.Run) {
	w.t.Helper()
	for _, r := range runs {
		if err := deploy.JournalOf(w.state).Add(r); err != nil {
			w.t.Fatal(err)
		}
	}
}

// Anybody may look, in their own language; what works is said in plain words.
func TestPublicStatus(t *testing.T) {
	t.Parallel()
	w := watch(t, "DEPLOYMENT_VERSION=7.1.0-abc", "DEPLOYMENT_TIMESTAMP=2026-05-01T10:00:00Z", "STATUS_URL=https://status.example/navidocs", "SMTP_HOST=mail.secret.example", "SMTP_FROM=a@boats.example")
	testkit.Eventually(t, func() error {
		if s := w.read(); s.Status != "works" {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	for language, words := range map[string][]string{
		"en": {"NaviDocs works", "Reading of papers and reminders", "There are none"},
		"fr": {"NaviDocs fonctionne", "Base de données"},
		"de": {"NaviDocs funktioniert", "Datenbank"},
		"it": {"NaviDocs funziona", "Banca dati"},
		"es": {"NaviDocs funciona", "Base de datos"},
	} {
		a := w.page("Accept: text/html,application/xhtml+xml", "Accept-Language: nl, "+language+"-CH;q=0.9, en;q=0.1")
		page := string(a.Body)
		if a.Header.Get("Content-Language") != language || !strings.Contains(page, `<html lang="`+language+`">`) || !strings.Contains(strings.Join(a.Header.Values("Vary"), ","), "Accept-Language") {
			t.Errorf("%s: %v", language, a.Header)
		}
		for _, word := range append(words, "7.1.0-abc", "2026-05-01T10:00:00Z", `href="https://status.example/navidocs"`, `name="robots" content="noindex"`, "<h1", "<main>") {
			if !strings.Contains(page, word) {
				t.Errorf("%s lacks %q: %s", language, word, page)
			}
		}
		if strings.Contains(page, "<script") || strings.Contains(page, "mail.secret") || !strings.Contains(a.Header.Get("Content-Security-Policy"), "default-src 'none'; style-src 'sha256-") {
			t.Errorf("%s: %v", page, a.Header)
		}
	}
	if page := string(w.Anonymous().Want(http.StatusOK, "GET", "/status?lang=de", nil, "Accept-Language: fr").Body); !strings.Contains(page, "Datenbank") {
		t.Error("the reader's choice does not count")
	}
	s := w.read()
	want := []api.PublicPart{{Name: "database", State: "works"}, {Name: "storage", State: "works"}, {Name: "queue", State: "works"}, {Name: "mail", State: "works"}}
	if !slices.Equal(s.Parts, want) || s.Deploying != nil || s.Maintenance != nil || len(s.Deploys) != 0 || len(s.Incidents) != 0 {
		t.Errorf("%+v", s)
	}
}

// What was deployed is told, and what went wrong, but no names and no reasons.
func TestPublicStatusKeepsSecrets(t *testing.T) {
	t.Parallel()
	w := watch(t)
	secrets := []string{"Ann Operator", "Bob Approver", "db-7.internal", "/srv/secret", "10.1.2.3", "boats.sqlite", "+49 151", "4711 rows"}
	at := w.clock.Now().Add(-72 * time.Hour)
	outcomes := []deploy.Outcome{deploy.Committed, deploy.Refused, deploy.Stopped, deploy.RolledBack, deploy.Held, deploy.Begun}
	for i := range 30 {
		r := deploy.Run{
			ID: fmt.Sprintf("r%02d", i), Kind: "deploy", Outcome: outcomes[i%len(outcomes)], Release: fmt.Sprintf("1.0.%d-abcdef01", i), Previous: "/srv/secret/before",
			By: "Ann Operator", ApprovedBy: "Bob Approver", Reason: "db-7.internal (10.1.2.3) lost 4711 rows", Backup: "boats.sqlite", At: at.Add(time.Duration(i) * time.Hour),
			Steps: []deploy.Step{{Name: "stage", Text: "/srv/secret"}},
		}
		if i == 28 {
			r.Release = "/srv/secret/release"
		}
		w.journal(r)
	}
	opened, err := deploy.IncidentsOf(w.state).Open(deploy.Incident{
		At: at, Reason: "db-7.internal lost 4711 rows", Release: "1.0.3", Back: "1.0.2", Actions: []string{"Ann Operator called +49 151"}, Contacts: "Ann Operator, +49 151",
	})
	if err != nil {
		t.Fatal(err)
	}
	unlock, err := ops.Lock(t.Context(), w.state, ops.Holder{PID: 1, By: "Ann Operator", Why: "deploy /srv/secret", Since: w.clock.Now()})
	if err != nil {
		t.Fatal(err)
	}
	s, page := w.read(), string(w.page("Accept-Language: en").Body)
	if s.Deploying == nil || len(s.Deploys) != 10 || s.Deploys[0].Release != "1.0.29-abcdef01" || s.Deploys[0].Outcome != "running" || s.Deploys[1].Release != "" || s.Deploys[6].Outcome != "cut_off" {
		t.Errorf("%+v", s)
	}
	if len(s.Incidents) != 1 || !s.Incidents[0].TakenBack || "INC-"+s.Incidents[0].At.Format("20060102-150405") != opened.ID {
		t.Errorf("%+v", s.Incidents)
	}
	for _, words := range []string{"in progress, and nobody is turned away", "In progress.", "It was interrupted.", "Taken back: the release before it serves.", "a check did not pass", "under observation", "the one before it serves again", at.Format("2006-01-02 15:04 UTC")} {
		if !strings.Contains(page, words) {
			t.Errorf("the page lacks %q: %s", words, page)
		}
	}
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range secrets {
		if strings.Contains(page, secret) || strings.Contains(string(text), secret) {
			t.Errorf("%q is told to strangers", secret)
		}
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	if s := w.read(); s.Deploying != nil || s.Deploys[0].Outcome != "cut_off" {
		t.Errorf("after the deploy: %+v", s)
	}
}

// People who are turned away can still read why, and since when.
func TestPublicStatusInMaintenance(t *testing.T) {
	t.Parallel()
	w := watch(t)
	since := w.clock.Now().Add(-time.Hour)
	until := since.Add(3 * time.Hour)
	why := "The disk is <b>exchanged</b>. " + strings.Repeat("x", 30_000)
	if err := ops.Maintain(w.state, ops.Maintenance{Why: why, By: "Ann Operator", Since: since, Until: &until}); err != nil {
		t.Fatal(err)
	}
	s := w.read()
	page := string(w.page("Accept: text/html", "Accept-Language: de").Body)
	if s.Status != "maintenance" || !s.Maintenance.Since.Equal(since) || !s.Maintenance.Until.Equal(until) || !strings.HasPrefix(s.Maintenance.Why, "The disk is <b>exchanged</b>.") {
		t.Errorf("%+v", s.Maintenance)
	}
	for _, words := range []string{"NaviDocs wird gewartet", "The disk is &lt;b&gt;exchanged&lt;/b&gt;.", since.Format(time.RFC3339), until.Format(time.RFC3339)} {
		if !strings.Contains(page, words) {
			t.Errorf("the page lacks %q: %s", words, page)
		}
	}
	if strings.Contains(page, "Ann Operator") {
		t.Error("who did it is told")
	}
	turned := w.Anonymous().Want(http.StatusServiceUnavailable, "GET", "/", nil, "Accept: text/html")
	if !strings.Contains(string(turned.Body), `href="/status"`) {
		t.Errorf("who is turned away is not told where to look: %s", turned.Body)
	}
	if err := ops.Unmaintain(w.state); err != nil {
		t.Fatal(err)
	}
	if s := w.read(); s.Maintenance != nil || s.Status == "maintenance" {
		t.Errorf("%+v", s)
	}
}

// What fails is said, and the page is there without the database.
func TestPublicStatusOfWhatFails(t *testing.T) {
	t.Parallel()
	w := &watched{t: t, clock: testkit.NewClock(time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC))}
	w.Server = apptest.New(t, apptest.Options{Now: w.clock.Now, NoWorker: true})
	if s := w.read(); s.Status != "degraded" || s.Parts[2] != (api.PublicPart{Name: "queue", State: "late"}) {
		t.Errorf("without workers: %+v", s)
	}
	if err := w.DB.Close(); err != nil {
		t.Fatal(err)
	}
	s, page := w.read(), string(w.page("Accept-Language: en").Body)
	if s.Status != "down" || s.Parts[0] != (api.PublicPart{Name: "database", State: "down"}) || !strings.Contains(page, "NaviDocs does not work") {
		t.Errorf("%+v: %s", s, page)
	}
}
