package features

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/cucumber/godog"
	"github.com/google/go-cmp/cmp"

	"navidocs/internal/integration"
	"navidocs/internal/sale"
	"navidocs/internal/testkit"
)

// brokered is what a scenario knows of a Home Assistant's broker.
type brokered struct {
	*aboard

	broker *testkit.Broker
	at     integration.Connection
	kept   map[string]string
	times  int
	ear    *testkit.Listener
}

func (h *aboard) brokerSteps(sc *godog.ScenarioContext) {
	b := &brokered{aboard: h}
	sc.Step(`^its MQTT broker$`, func() error {
		if !testkit.HasMosquitto() { // skipping the test would skip every scenario
			return godog.ErrSkip
		}
		b.broker = testkit.Mosquitto(h.t)
		return nil
	})
	sc.Step(`^the captain connects the broker$`, func() error {
		return h.connects(map[string]any{
			"lane": "mqtt", "url": b.broker.URL(), "username": testkit.BrokerUser, "secret": testkit.BrokerPassword,
		}, &b.at)
	})
	sc.Step(`^the broker has the boat as one device, with the states of its papers$`, b.hasDevice)
	sc.Step(`^the broker loses all that it has (\d+) times$`, func(n int) { b.times = n })
	sc.Step(`^each time the broker has the same again by itself$`, b.hasTheSame)
	sc.Step(`^a document of the boat arrives$`, func() {
		b.ear = b.broker.Listen()
		h.captain.Upload("raft.txt", []byte("life raft"), "boat_id="+h.boat, "title=Life raft")
	})
	sc.Step(`^the device tells of "([^"]*)", once$`, b.tells)
	sc.Step(`^the captain sells the boat that is connected and completes the sale$`, b.sells)
	sc.Step(`^the broker has nothing of the boat$`, func() {
		b.waits(func(kept map[string]string) bool { return !strings.Contains(fmt.Sprint(kept), h.boat) })
	})
	sc.Step(`^the captain disconnects the broker$`, func() {
		h.captain.Want(http.StatusOK, "DELETE", "/api/integrations/home-assistant/"+string(b.at.ID), nil)
	})
	sc.Step(`^the broker has nothing at all$`, func() { b.waits(func(kept map[string]string) bool { return len(kept) == 0 }) })
}

// waits until the broker keeps what it should.
func (b *brokered) waits(f func(kept map[string]string) bool) {
	testkit.Eventually(b.t, func() error {
		if b.kept = b.broker.Retained(); !f(b.kept) {
			return fmt.Errorf("it keeps %v", b.kept)
		}
		return nil
	})
}

func (b *brokered) state() string { return "navidocs/" + string(b.at.ID) + "/" + b.boat + "/state" }

func (b *brokered) hasDevice() error {
	want := []string{
		"homeassistant/device/navidocs_" + string(b.at.ID) + "_" + b.boat + "/config",
		"navidocs/" + string(b.at.ID) + "/status", b.state(),
	}
	slices.Sort(want)
	b.waits(func(kept map[string]string) bool {
		return slices.Equal(slices.Sorted(maps.Keys(kept)), want) && kept[want[1]] != "" && kept["navidocs/"+string(b.at.ID)+"/status"] == "online"
	})
	var s struct {
		Documents *int    `json:"documents_total"`
		Attention *string `json:"attention_needed"`
	}
	if err := json.Unmarshal([]byte(b.kept[b.state()]), &s); err != nil || s.Documents == nil || *s.Documents != 0 || s.Attention == nil || *s.Attention != "OFF" {
		return fmt.Errorf("the state is %s, %w", b.kept[b.state()], err)
	}
	return nil
}

func (b *brokered) hasTheSame() error {
	before := b.kept
	for range b.times {
		b.broker.Stop()
		b.broker.Start()
		b.waits(func(kept map[string]string) bool { return cmp.Equal(kept, before) })
	}
	return nil
}

func (b *brokered) tells(kind string) error {
	var told []string
	testkit.Eventually(b.t, func() error {
		told = nil
		for _, m := range b.ear.Heard() {
			if strings.HasSuffix(m.Topic, "/event") {
				told = append(told, m.Payload)
			}
		}
		if len(told) == 0 {
			return errors.New("nothing has come yet")
		}
		return nil
	})
	if len(told) != 1 || !strings.Contains(told[0], `"event_type":"`+kind+`"`) {
		return fmt.Errorf("%v", told)
	}
	return nil
}

func (b *brokered) sells() error {
	var x sale.Sale
	b.captain.Post("/api/sales", map[string]string{"boat_id": b.boat, "buyer_email": "buyer@example.org"}, &x)
	if _, _, err := b.generates(x.ID); err != nil {
		return err
	}
	b.captain.Want(http.StatusOK, "POST", "/api/sales/"+string(x.ID)+"/transfer", map[string]string{})
	b.captain.Want(http.StatusOK, "POST", "/api/sales/"+string(x.ID)+"/complete", nil)
	return nil
}
