package features

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"time"

	ics "github.com/arran4/golang-ical"
	"github.com/cucumber/godog"

	"navidocs/internal/apptest"
	"navidocs/internal/integration"
	"navidocs/internal/testkit"
)

const (
	knownHook  = "4f0c2d7a9b6e4f0c2d7a9b6e4f0c2d7a"
	knownToken = "a-long-lived-token-of-home-assistant"
)

// aboard is what a scenario knows of a Home Assistant.
type aboard struct {
	*world

	home *testkit.HomeAssistant
	hook integration.Connection
	feed integration.Feed
	ids  []string
}

func (w *world) homeAssistantSteps(sc *godog.ScenarioContext) {
	h := &aboard{world: w}
	sc.Step(`^a Home Assistant aboard$`, h.isAboard)
	sc.Step(`^a webhook at an address (.*) is refused with "([^"]*)"$`, h.isRefused)
	sc.Step(`^its automation confirms every test$`, h.confirms)
	sc.Step(`^the captain connects its webhook$`, func() error { return h.connects(map[string]any{"url": h.home.Hook(knownHook)}, &h.hook) })
	sc.Step(`^the captain connects its event bus$`, func() error {
		return h.connects(map[string]any{"url": h.home.URL, "lane": "event", "secret": knownToken}, &integration.Connection{})
	})
	sc.Step(`^the captain tests the connection$`, func() error {
		h.captain.Want(http.StatusOK, "POST", h.path()+"/test", nil)
		return nil
	})
	sc.Step(`^the connection is( not)? confirmed$`, func(not string) error { return h.isConfirmed(not == "") })
	sc.Step(`^the captain renames the boat that is connected to "([^"]*)"$`, func(name string) error {
		h.captain.Want(http.StatusOK, "PATCH", "/api/boats/"+h.boat, map[string]string{"name": name})
		return nil
	})
	sc.Step(`^Home Assistant has got "([^"]*)", signed and with the secret header$`, h.hasGotSigned)
	sc.Step(`^the configuration is read without its secrets$`, h.isReadWithout)
	sc.Step(`^the captain disconnects the webhook$`, func() error {
		h.captain.Want(http.StatusOK, "DELETE", h.path(), nil)
		return nil
	})
	sc.Step(`^Home Assistant has got "([^"]*)" on its event bus alone$`, h.hasGotOnBus)
	sc.Step(`^a connection with a wrong token is refused with "([^"]*)"$`, h.isWrongToken)
	sc.Step(`^a warranty and a certificate of the boat$`, h.hasDates)
	sc.Step(`^the captain subscribes to the calendar$`, func() error {
		h.captain.Post("/api/feeds", map[string]any{}, &h.feed)
		return nil
	})
	sc.Step(`^the calendar parses and has (\d+) days with their alarms$`, h.parses)
	sc.Step(`^the calendar has the same ids and says "([^"]*)"$`, h.keepsIDs)
	h.brokerSteps(sc)
}

func (h *aboard) isAboard() error {
	h.server = apptest.New(h.t, apptest.Options{
		Database: h.database, Settings: []string{"EGRESS_ALLOW=127.0.0.1", "HOME_ASSISTANT_WEBHOOK_TIMEOUT=1000"},
	})
	h.captain = h.server.User(captain, "", "")
	h.home = testkit.NewHomeAssistant(h.t, knownToken, knownHook)
	return h.addsBoat("Calypso")
}

func (h *aboard) path() string { return "/api/integrations/home-assistant/" + string(h.hook.ID) }

// address is one that fails in a way.
func (h *aboard) address(way string) (string, error) {
	switch way {
	case "that never answers":
		silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
		h.t.Cleanup(silent.Close)
		return silent.URL, nil
	case "that answers 502":
		down := testkit.NewHomeAssistant(h.t, knownToken)
		down.Fail(http.StatusBadGateway)
		return down.URL, nil
	case "whose name does not exist":
		return "https://home-assistant.invalid", nil // RFC 6761: never there
	case "where nothing listens":
		var lc net.ListenConfig
		l, err := lc.Listen(h.t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		return "http://" + l.Addr().String(), l.Close()
	}
	return "", godog.ErrPending
}

func (h *aboard) isRefused(way, says string) error {
	address, err := h.address(way)
	if err != nil {
		return err
	}
	return h.refuses(map[string]any{"url": address + "/api/webhook/" + knownHook}, says)
}

func (h *aboard) refuses(in map[string]any, says string) error {
	a := h.captain.Want(http.StatusBadRequest, "POST", "/api/integrations/home-assistant", in)
	if !strings.Contains(string(a.Body), says) {
		return fmt.Errorf("it says %s", a.Body)
	}
	return nil
}

func (h *aboard) isWrongToken(says string) error {
	return h.refuses(map[string]any{"url": h.home.URL, "lane": "event", "secret": "a-token-of-somebody-else"}, says)
}

// confirms is the blueprint's rest_command.
func (h *aboard) confirms() error {
	h.home.OnTrigger = func(t testkit.Trigger) {
		data, _ := t.JSON["data"].(map[string]any)
		address, _ := data["confirm_url"].(string)
		if _, path, ok := strings.Cut(address, "/api/"); ok {
			h.server.Anonymous().Want(http.StatusOK, "POST", "/api/"+path, nil)
		}
	}
	return nil
}

func (h *aboard) connects(in map[string]any, c *integration.Connection) error {
	h.captain.Post("/api/integrations/home-assistant", in, c)
	return nil
}

func (h *aboard) isConfirmed(want bool) error {
	var c integration.Connection
	h.captain.Get(h.path(), &c)
	if (c.ConfirmedAt != nil) != want {
		return fmt.Errorf("confirmed_at is %v", c.ConfirmedAt)
	}
	return nil
}

// came waits for an automation that runs for a type of events.
func (h *aboard) came(kind string) (out []testkit.Trigger) {
	testkit.Eventually(h.t, func() error {
		out = slices.DeleteFunc(h.home.Triggers(), func(t testkit.Trigger) bool { return t.JSON["type"] != kind })
		if len(out) == 0 {
			return errors.New("nothing has come yet")
		}
		return nil
	})
	return out
}

func (h *aboard) hasGotSigned(kind string) error {
	t := h.came(kind)[0]
	if got := t.Header.Get(integration.SecretHeader); got == "" || got != h.hook.Secret {
		return fmt.Errorf("the secret header says %q", got)
	}
	return delivered{header: t.Header, body: t.Body, status: http.StatusOK}.signedWith(h.hook.SigningSecret)
}

func (h *aboard) isReadWithout() error {
	for _, path := range []string{h.path(), "/api/integrations/home-assistant", "/api/integrations/home-assistant/connections", "/api/webhooks"} {
		a := h.captain.Want(http.StatusOK, "GET", path, nil)
		if strings.Contains(string(a.Body), h.hook.Secret) || strings.Contains(string(a.Body), h.hook.SigningSecret) || strings.Contains(string(a.Body), `secret"`) {
			return fmt.Errorf("%s says %s", path, a.Body)
		}
	}
	return nil
}

func (h *aboard) hasGotOnBus(kind string) error {
	for _, t := range h.came(kind) {
		if t.Webhook != "" || t.Event != "navidocs_event" {
			return fmt.Errorf("%+v", t)
		}
	}
	return nil
}

func (h *aboard) hasDates() error {
	today := time.Now().UTC()
	h.captain.Want(http.StatusCreated, "POST", "/api/warranties", map[string]any{
		"boat_id": h.boat, "item_name": "Engine", "purchase_date": today.Format(time.DateOnly), "warranty_period_months": 24,
	})
	paper := h.captain.Upload("raft.txt", []byte("life raft"), "boat_id="+h.boat, "title=Life raft")
	h.captain.Want(http.StatusOK, "PATCH", "/api/documents/"+string(paper.ID), map[string]string{"expires_on": today.AddDate(1, 0, 0).Format(time.DateOnly)})
	return nil
}

func (h *aboard) events() ([]*ics.VEvent, error) {
	a := h.server.Anonymous().Want(http.StatusOK, "GET", "/feeds/"+h.feed.Token+"/calendar.ics", nil)
	cal, err := ics.ParseCalendar(bytes.NewReader(a.Body))
	if err != nil {
		return nil, err
	}
	return cal.Events(), nil
}

func (h *aboard) parses(days int) error {
	events, err := h.events()
	if err != nil || len(events) != days {
		return fmt.Errorf("%d days, %w", len(events), err)
	}
	for _, e := range events {
		if len(e.Alarms()) != 1 {
			return fmt.Errorf("%s has %d alarms", e.Id(), len(e.Alarms()))
		}
		h.ids = append(h.ids, e.Id())
	}
	return nil
}

func (h *aboard) keepsIDs(says string) error {
	events, err := h.events()
	if err != nil {
		return err
	}
	var ids []string
	for _, e := range events {
		ids = append(ids, e.Id())
		if summary := e.GetProperty(ics.ComponentPropertySummary).Value; !strings.Contains(summary, says) {
			return fmt.Errorf("%q", summary)
		}
	}
	if !slices.Equal(ids, h.ids) {
		return fmt.Errorf("%v became %v", h.ids, ids)
	}
	return nil
}
