package features

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cucumber/godog"

	"navidocs/internal/apptest"
	"navidocs/internal/testkit"
	"navidocs/internal/webhook"
)

// delivered is a request as the receiver got it, and what it answered.
type delivered struct {
	header http.Header
	body   string
	status int
}

// hook is what a scenario knows of a webhook and its receiver.
type hook struct {
	*world

	webhook  webhook.Webhook
	secrets  []string // that were shown, the newest last
	clock    *testkit.Clock
	receiver *httptest.Server

	mu       sync.Mutex // guards what the receiver's goroutines use
	statuses []int      // to answer, the last one again and again
	got      []delivered
}

func (w *world) webhookSteps(sc *godog.ScenarioContext) {
	h := &hook{world: w}
	sc.Step(`^a captain at home$`, func() error { return h.atHome(nil) })
	sc.Step(`^a captain at home, where half a day goes by at each failed delivery$`, h.atHomeInTime)
	sc.Step(`^a webhook for "([^"]*)" to a receiver that answers (\d+)$`, func(kind string, status int) error { return h.isAdded(kind, status) })
	sc.Step(`^a webhook for "([^"]*)" to a receiver that answers (\d+) once and then (\d+)$`, func(kind string, first, then int) error { return h.isAdded(kind, first, then) })
	sc.Step(`^the captain renames the boat to "([^"]*)"$`, h.renames)
	sc.Step(`^the receiver has (\d+) requests?$`, h.hasRequests)
	sc.Step(`^each is signed as the specification says, with the secret that was shown$`, func() error { return h.areSigned(h.secrets[0]) })
	sc.Step(`^each is signed with the secret before and with the new one$`, func() error { return h.areSigned(h.secrets...) })
	sc.Step(`^it tells of "([^"]*)" with the boat "([^"]*)"$`, h.tellsOf)
	sc.Step(`^a changed body, id or time is not signed$`, h.changesShow)
	sc.Step(`^they have the same id and the same body$`, h.areTheSame)
	sc.Step(`^the log shows: (.*)$`, h.logShows)
	sc.Step(`^the captain replays the oldest delivery$`, h.replays)
	sc.Step(`^the webhook is held after its deliveries failed for 5 days$`, h.isHeld)
	sc.Step(`^the log has (\d+) held deliveries$`, h.hasHeld)
	sc.Step(`^the receiver answers (\d+)$`, func(status int) error { return h.answers(status) })
	sc.Step(`^the captain resumes the webhook$`, func() error { return h.posts("/resume", nil) })
	sc.Step(`^the receiver has got both names with status 200$`, h.hasBoth)
	sc.Step(`^the captain rotates the secret$`, h.rotates)
	sc.Step(`^these URLs are refused for a webhook, and the answer names EGRESS_ALLOW:$`, h.areRefused)
	sc.Step(`^a URL on an address that the operator listed is taken$`, h.isTaken)
}

// atHome is a server whose operator lists this machine. Sessions outlast the hours
// that its clock skips.
func (h *hook) atHome(now func() time.Time) error {
	h.server = apptest.New(h.t, apptest.Options{Database: h.database, Settings: []string{"EGRESS_ALLOW=127.0.0.1", "SESSION_IDLE=30d", "JWT_EXPIRATION=30d"}, Now: now})
	h.captain = h.server.User(captain, "", "")
	h.receiver = httptest.NewServer(http.HandlerFunc(h.receive))
	h.t.Cleanup(h.receiver.Close)
	return h.addsBoat("Calypso")
}

// atHomeInTime starts a month ago, so that the queue finds every retry due.
func (h *hook) atHomeInTime() error {
	h.clock = testkit.NewClock(time.Now().Add(-30 * 24 * time.Hour))
	return h.atHome(h.clock.Now)
}

func (h *hook) receive(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	status := h.statuses[0]
	if len(h.statuses) > 1 {
		h.statuses = h.statuses[1:]
	}
	if h.clock != nil && status != http.StatusOK {
		h.clock.Add(12 * time.Hour)
	}
	h.got = append(h.got, delivered{req.Header.Clone(), string(body), status})
	w.WriteHeader(status)
}

// requests are a copy of what came.
func (h *hook) requests() []delivered {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]delivered(nil), h.got...)
}

func (h *hook) answers(statuses ...int) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.statuses = statuses
	return nil
}

func (h *hook) isAdded(kind string, statuses ...int) error {
	h.captain.Post("/api/webhooks", map[string]any{"url": h.receiver.URL + "/hook", "event_types": []string{kind}}, &h.webhook)
	h.secrets = []string{h.webhook.Secret}
	return h.answers(statuses...)
}

func (h *hook) path() string { return "/api/webhooks/" + string(h.webhook.ID) }

func (h *hook) renames(name string) error {
	h.captain.Want(http.StatusOK, "PATCH", "/api/boats/"+h.boat, map[string]string{"name": name})
	return nil
}

func (h *hook) posts(what string, v any) error {
	a := h.captain.Want(http.StatusOK, "POST", h.path()+what, nil)
	if v != nil {
		a.Into(h.server, v)
	}
	return nil
}

func (h *hook) hasRequests(n int) error {
	testkit.Eventually(h.t, func() error {
		if got := len(h.requests()); got != n {
			return fmt.Errorf("%d requests came", got)
		}
		return nil
	})
	return nil
}

// signature is what the specification says, written here once more: it uses
// nothing of the product.
func signature(secret, id, at, body string) (string, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		return "", err
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + at + "." + body))
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)), nil
}

func (d delivered) signedWith(secret string) error {
	id, at := d.header.Get("Webhook-Id"), d.header.Get("Webhook-Timestamp")
	want, err := signature(secret, id, at, d.body)
	if err != nil {
		return err
	}
	if !strings.Contains(" "+d.header.Get("Webhook-Signature")+" ", " "+want+" ") {
		return fmt.Errorf("%s is not among %q", want, d.header.Get("Webhook-Signature"))
	}
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err == nil && time.Since(time.Unix(seconds, 0)).Abs() > 5*time.Minute {
		err = fmt.Errorf("it was sent at %s", at)
	}
	return err
}

func (h *hook) areSigned(secrets ...string) error {
	var errs []error
	for _, d := range h.requests() {
		for _, secret := range secrets {
			errs = append(errs, d.signedWith(secret))
		}
	}
	return errors.Join(errs...)
}

func (h *hook) tellsOf(kind, boat string) error {
	body := h.requests()[0].body
	if !strings.Contains(body, `"type":"`+kind+`"`) || !strings.Contains(body, `"name":"`+boat+`"`) {
		return fmt.Errorf("it says %s", body)
	}
	return nil
}

func (h *hook) changesShow() error {
	d := h.requests()[0]
	id, at := d.header.Get("Webhook-Id"), d.header.Get("Webhook-Timestamp")
	for _, changed := range [][3]string{{id, at, d.body + " "}, {id + "x", at, d.body}, {id, at + "0", d.body}} {
		text, err := signature(h.secrets[0], changed[0], changed[1], changed[2])
		if err != nil || strings.Contains(d.header.Get("Webhook-Signature"), text) {
			return fmt.Errorf("%v is signed as well (%w)", changed, err)
		}
	}
	return nil
}

func (h *hook) areTheSame() error {
	all := h.requests()
	for _, d := range all {
		if d.body != all[0].body || d.header.Get("Webhook-Id") != all[0].header.Get("Webhook-Id") {
			return fmt.Errorf("%s %s and %s %s", d.header.Get("Webhook-Id"), d.body, all[0].header.Get("Webhook-Id"), all[0].body)
		}
	}
	return nil
}

// log is the newest first.
func (h *hook) log(query string) (all []webhook.Delivery) {
	h.captain.Get(h.path()+"/deliveries?limit=100"+query, &all)
	return all
}

func (h *hook) logShows(states string) error {
	testkit.Eventually(h.t, func() error {
		var got []string
		for _, d := range h.log("") {
			got = append(got, string(d.Status))
		}
		if strings.Join(got, ", ") != states {
			return fmt.Errorf("it shows %v", got)
		}
		return nil
	})
	return nil
}

func (h *hook) replays() error {
	all := h.log("")
	h.captain.Want(http.StatusAccepted, "POST", "/api/deliveries/"+string(all[len(all)-1].ID)+"/replay", nil)
	return nil
}

func (h *hook) isHeld() error {
	testkit.Eventually(h.t, func() error {
		h.captain = h.server.SignIn(captain, password) // the days end every session
		h.captain.Get(h.path(), &h.webhook)
		if h.webhook.Status != webhook.Held {
			return fmt.Errorf("it is %s after %d failures", h.webhook.Status, h.webhook.Failures)
		}
		return nil
	})
	if streak := h.clock.Now().Sub(*h.webhook.FailingSince); streak < 5*24*time.Hour {
		return fmt.Errorf("it failed for %s", streak)
	}
	return nil
}

func (h *hook) hasHeld(n int) error {
	testkit.Eventually(h.t, func() error {
		if got := len(h.log("&status=held")); got != n {
			return fmt.Errorf("%d are held", got)
		}
		return nil
	})
	return nil
}

func (h *hook) hasBoth() error {
	testkit.Eventually(h.t, func() error {
		var taken string
		for _, d := range h.requests() {
			if d.status == http.StatusOK {
				taken += d.body
			}
		}
		if !strings.Contains(taken, `"Calypso II"`) || !strings.Contains(taken, `"Calypso III"`) {
			return fmt.Errorf("it took %s", taken)
		}
		return nil
	})
	return nil
}

func (h *hook) rotates() error {
	err := h.posts("/rotate-secret", &h.webhook)
	h.secrets = append(h.secrets, h.webhook.Secret)
	return err
}

func (h *hook) areRefused(table *godog.Table) error {
	for _, row := range rows(table) {
		a := h.captain.Do("POST", "/api/webhooks", map[string]any{"url": row[0], "event_types": []string{"*"}})
		if a.Status != http.StatusBadRequest || !strings.Contains(string(a.Body), "EGRESS_ALLOW") || !strings.Contains(string(a.Body), "body.url") {
			return fmt.Errorf("%s: %d %s", row[0], a.Status, a.Body)
		}
	}
	return nil
}

func (h *hook) isTaken() error {
	if err := h.isAdded("*", http.StatusOK); err != nil {
		return err
	}
	var d webhook.Delivery
	err := h.posts("/test", &d)
	if err == nil && d.Status != webhook.Succeeded {
		err = fmt.Errorf("the test says %+v", d)
	}
	return err
}
