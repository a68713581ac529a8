package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/db"
	"navidocs/internal/event"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
	"navidocs/internal/testkit"
	"navidocs/internal/warranty"
)

// bridge runs a bridge until the test ends or it is stopped.
func (b *bench) bridge() (stop func()) {
	b.t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(b.t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- b.Bridge(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			b.t.Error(err)
		}
	})
	b.t.Cleanup(stop)
	return stop
}

// joins connects a broker.
func (b *bench) joins(broker *testkit.Broker) Connection {
	b.t.Helper()
	return b.connect(Input{Lane: MQTT, URL: broker.URL(), Username: testkit.BrokerUser, Secret: testkit.BrokerPassword})
}

func (b *bench) boat(name string) fleet.BoatID {
	b.t.Helper()
	boat, err := b.fleet.CreateBoat(b.t.Context(), b.ada, b.org, fleet.BoatInput{Name: &name})
	if err != nil {
		b.t.Fatal(err)
	}
	return boat.ID
}

// cover gives a boat a warranty that ends after so many days.
func (b *bench) cover(id fleet.BoatID, item string, days int) {
	b.t.Helper()
	end := fleet.Date(b.clock.Now().AddDate(-1, 0, days).Format(time.DateOnly))
	_, err := b.covers.Create(b.t.Context(), b.ada, warranty.Input{BoatID: id, ItemName: item, PurchaseDate: end, Months: 12})
	if err != nil {
		b.t.Fatal(err)
	}
}

// tells appends an event of a boat.
func (b *bench) tells(id fleet.BoatID, kind string, data any) {
	b.t.Helper()
	err := b.db.Transact(b.t.Context(), func(tx *db.Tx) error {
		return b.events.Append(b.t.Context(), tx, event.Event{Type: kind, OrgID: string(b.org), Boat: &event.Boat{ID: string(id), Name: "Calypso"}, Data: data})
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// keeps waits until a broker keeps what is expected.
func (b *bench) keeps(broker *testkit.Broker, f func(kept map[string]string) error) (kept map[string]string) {
	b.t.Helper()
	testkit.Eventually(b.t, func() error {
		kept = broker.Retained()
		return f(kept)
	})
	return kept
}

// devices waits until a broker keeps the devices of some boats, online, and
// nothing else.
func (b *bench) devices(broker *testkit.Broker, c Connection, boats ...fleet.BoatID) map[string]string {
	b.t.Helper()
	want := []string{"navidocs/" + string(c.ID) + "/status"}
	for _, id := range boats {
		want = append(want, fmt.Sprintf("homeassistant/device/navidocs_%s_%s/config", c.ID, id), fmt.Sprintf("navidocs/%s/%s/state", c.ID, id))
	}
	slices.Sort(want)
	return b.keeps(broker, func(kept map[string]string) error {
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(kept))); diff != "" || kept["navidocs/"+string(c.ID)+"/status"] != online {
			return fmt.Errorf("%v: %s", kept, diff)
		}
		return nil
	})
}

// shows waits until the state of a boat is what f wants.
func (b *bench) shows(broker *testkit.Broker, c Connection, id fleet.BoatID, f func(s map[string]any) bool) {
	b.t.Helper()
	b.keeps(broker, func(kept map[string]string) error {
		text := kept[fmt.Sprintf("navidocs/%s/%s/state", c.ID, id)]
		var s map[string]any
		if err := json.Unmarshal([]byte(text), &s); err != nil || !f(s) {
			return fmt.Errorf("the state is %s, %w", text, err)
		}
		return nil
	})
}

func none(kept map[string]string) error {
	if len(kept) > 0 {
		return fmt.Errorf("it keeps %v", kept)
	}
	return nil
}

func TestABoatIsADevice(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		broker := testkit.Mosquitto(t)
		c := b.joins(broker)
		if c.Probe.Outcome != Present || c.WebhookID != nil || c.Broker.DiscoveryPrefix != "homeassistant" || len(c.EventTypes) != 0 || c.Secret != "" {
			t.Errorf("%+v", c)
		}
		stop := b.bridge()
		b.devices(broker, c)
		first, second := b.boat("Calypso"), b.boat("Belafonte")
		b.devices(broker, c, first, second)
		b.cover(first, "Watermaker", 20)
		b.shows(broker, c, first, func(s map[string]any) bool {
			return s["warranties_expiring_30d"] == 1.0 && s["next_warranty_expiry"] == "2026-05-21T00:00:00Z" && s["attention_needed"] == "ON"
		})
		testkit.Eventually(t, func() error {
			got, err := b.Connection(t.Context(), b.ada, c.ID)
			if err != nil || !got.Broker.Connected || got.Broker.ConnectedSince == nil || got.Broker.LastError != "" {
				return fmt.Errorf("%+v, %w", got.Broker, err)
			}
			return nil
		})
		b.clock.Add(12 * 24 * time.Hour) // a day is as good as an event
		b.shows(broker, c, first, func(s map[string]any) bool { return s["warranties_expiring_30d"] == 1.0 })
		b.clock.Add(12 * 24 * time.Hour)
		b.shows(broker, c, first, func(s map[string]any) bool {
			return s["warranties_expiring_30d"] == 0.0 && s["next_warranty_expiry"] == nil
		})
		stop()
		if kept := broker.Retained(); kept["navidocs/"+string(c.ID)+"/status"] != offline || len(kept) != 5 {
			t.Errorf("%v", kept)
		}
		held, err := db.One(t.Context(), b.db, db.Scalar[string], "SELECT held_by FROM home_assistant_config")
		if err != nil || held != "" {
			t.Error(held, err)
		}
		if got, err := b.Connection(t.Context(), b.ada, c.ID); err != nil || got.Broker.Connected {
			t.Errorf("%+v, %v", got.Broker, err)
		}
	})
}

// TestABrokerComesBack: three times, without anything on its disk.
func TestABrokerComesBack(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		broker := testkit.Mosquitto(t)
		first, second := b.boat("Calypso"), b.boat("Belafonte")
		b.cover(first, "Watermaker", 20)
		c := b.joins(broker)
		b.bridge()
		before := b.devices(broker, c, first, second)
		for range 3 {
			broker.Stop()
			b.isConnected(c, false, "refused")
			broker.Start()
			if diff := cmp.Diff(before, b.devices(broker, c, first, second)); diff != "" {
				t.Error(diff)
			}
			b.isConnected(c, true, "")
		}
	})
}

// isConnected waits until a connection says so, and what is wrong.
func (b *bench) isConnected(c Connection, want bool, wrong string) {
	b.t.Helper()
	testkit.Eventually(b.t, func() error {
		got, err := b.Connection(b.t.Context(), b.ada, c.ID)
		if err != nil || got.Broker.Connected != want || !strings.Contains(got.Broker.LastError, wrong) || (got.Broker.LastError == "") != (wrong == "") {
			return fmt.Errorf("%+v, %w", got.Broker, err)
		}
		return nil
	})
}

func TestABirthIsAnswered(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		broker := testkit.Mosquitto(t)
		id := b.boat("Calypso")
		c := b.joins(broker)
		b.bridge()
		b.devices(broker, c, id)
		ear := broker.Listen()
		ear.Publish("homeassistant/status", "offline", false)
		ear.Publish("homeassistant/status", "online", false)
		testkit.Eventually(t, func() error {
			live := map[string]bool{}
			for _, m := range ear.Heard() {
				live[m.Topic] = live[m.Topic] || !m.Retained
			}
			if topics := c.topics(); !live[topics.config(id)] || !live[topics.of(id, "state")] || !live[topics.status()] {
				return fmt.Errorf("only %v", live)
			}
			return nil
		})
	})
}

// TestABoatThatIsGoneLeaves: sold, deleted, and either while nobody looked.
func TestABoatThatIsGoneLeaves(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		broker := testkit.Mosquitto(t)
		sold, deleted, stays := b.boat("Sold"), b.boat("Deleted"), b.boat("Stays")
		soldLater := b.boat("Sold later")
		c := b.joins(broker)
		stop := b.bridge()
		b.devices(broker, c, sold, deleted, stays, soldLater)
		b.sells(sold)
		b.devices(broker, c, deleted, stays, soldLater)
		if _, err := b.fleet.DeleteBoat(t.Context(), b.ada, deleted, ""); err != nil {
			t.Fatal(err)
		}
		b.devices(broker, c, stays, soldLater)
		stop()
		b.sells(soldLater)
		ear := broker.Listen()
		ear.Publish(c.topics().of("nobody", "acknowledge"), "PRESS", true) // retained by mistake
		ear.Publish("homeassistant/device/others/config", "{}", true)
		b.bridge()
		b.keeps(broker, func(kept map[string]string) error {
			if _, ok := kept["homeassistant/device/others/config"]; !ok || len(kept) != 4 || kept[c.topics().config(stays)] == "" {
				return fmt.Errorf("%v", kept)
			}
			return nil
		})
		// What somebody else changes of ours is put right.
		ear.Publish(c.topics().config(stays), "", true)
		ear.Publish(c.topics().of("nobody", "state"), "{}", true)
		b.keeps(broker, func(kept map[string]string) error {
			if len(kept) != 4 || kept[c.topics().config(stays)] == "" {
				return fmt.Errorf("%v", kept)
			}
			return nil
		})
	})
}

func (b *bench) sells(id fleet.BoatID) {
	b.t.Helper()
	if err := b.db.Transact(b.t.Context(), func(tx *db.Tx) error { return b.fleet.Freeze(b.t.Context(), tx, id) }); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) rows() int {
	b.t.Helper()
	n, err := db.One(b.t.Context(), b.db, db.Scalar[int], "SELECT (SELECT count(*) FROM home_assistant_config) + (SELECT count(*) FROM home_assistant_devices)")
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

func TestADeletedConnectionLeavesNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		broker := testkit.Mosquitto(t)
		id := b.boat("Calypso")
		c := b.joins(broker)
		b.bridge()
		b.devices(broker, c, id)
		broker.Stop()
		if _, err := b.Delete(t.Context(), b.ada, c.ID, ""); err != nil {
			t.Fatal(err)
		}
		if all, err := b.Connections(t.Context(), b.ada); err != nil || len(all) != 0 {
			t.Error(all, err)
		}
		_, err := b.Connection(t.Context(), b.ada, c.ID)
		wantKind(t, err, fault.NotFound)
		broker.Start()
		broker.Listen().Publish(c.topics().config(id), "{}", true) // as if it had kept it
		b.keeps(broker, none)
		testkit.Eventually(t, func() error {
			if n := b.rows(); n > 0 {
				return fmt.Errorf("%d rows are left", n)
			}
			return nil
		})
	})
}

func TestABrokerThatIsGoneIsGivenUp(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.boat("Calypso")
		c := b.connect(Input{Lane: MQTT, URL: "mqtt://127.0.0.1:1", Unprobed: true})
		b.bridge()
		testkit.Eventually(t, func() error {
			got, err := b.Connection(t.Context(), b.ada, c.ID)
			if err == nil && !strings.Contains(got.Broker.LastError, "refused") {
				err = fmt.Errorf("%+v", got.Broker)
			}
			return err
		})
		if _, err := b.Delete(t.Context(), b.ada, c.ID, ""); err != nil {
			t.Fatal(err)
		}
		b.clock.Add(takenOffFor - time.Second)
		if n := b.rows(); n == 0 {
			t.Error("it was given up too early")
		}
		b.clock.Add(2 * time.Second)
		testkit.Eventually(t, func() error {
			if n := b.rows(); n > 0 {
				return fmt.Errorf("%d rows are left", n)
			}
			return nil
		})
	})
}

// TestAConnectionMoves: nothing stays where it was.
func TestAConnectionMoves(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		broker, other := testkit.Mosquitto(t), testkit.Mosquitto(t)
		id := b.boat("Calypso")
		c := b.joins(broker)
		b.bridge()
		b.devices(broker, c, id)
		in := Input{URL: broker.URL(), Username: testkit.BrokerUser, Prefix: "house/ha"}
		if _, err := b.Replace(t.Context(), b.ada, c.ID, in, ""); err != nil {
			t.Fatal(err)
		}
		b.keeps(broker, func(kept map[string]string) error {
			if len(kept) != 3 || kept[fmt.Sprintf("house/ha/device/navidocs_%s_%s/config", c.ID, id)] == "" || kept[c.topics().status()] != online {
				return fmt.Errorf("%v", kept)
			}
			return nil
		})
		in = Input{URL: other.URL(), Username: testkit.BrokerUser}
		_, err := b.Replace(t.Context(), b.ada, c.ID, in, "")
		wantKind(t, err, fault.Invalid) // the password was given for another host
		in.Secret = testkit.BrokerPassword
		if _, err := b.Replace(t.Context(), b.ada, c.ID, in, ""); err != nil {
			t.Fatal(err)
		}
		b.devices(other, c, id)
		b.keeps(broker, none)
		testkit.Eventually(t, func() error {
			if n := b.rows(); n != 2 {
				return fmt.Errorf("%d rows", n)
			}
			return nil
		})
	})
}

// TestOneBridgeOwnsAConnection: a second one takes it when the first has given it
// back, or has said nothing for half a minute.
func TestOneBridgeOwnsAConnection(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		broker := testkit.Mosquitto(t)
		id := b.boat("Calypso")
		c := b.joins(broker)
		owner := func() string {
			held, err := db.One(t.Context(), b.db, db.Scalar[string], "SELECT held_by FROM home_assistant_config")
			if err != nil {
				t.Fatal(err)
			}
			return held
		}
		stop := b.bridge()
		b.devices(broker, c, id)
		first := owner()
		b.bridge()
		ear := broker.Listen()
		b.boat("Another") // which both look at
		testkit.Eventually(t, func() error {
			if len(broker.Retained()) != 5 {
				return errors.New("not yet")
			}
			return nil
		})
		if owner() != first {
			t.Error("it has changed hands")
		}
		for _, m := range ear.Heard() {
			if m.Payload == offline {
				t.Errorf("one has driven the other out: %+v", m)
			}
		}
		stop()
		testkit.Eventually(t, func() error {
			if now := owner(); now == first || now == "" || broker.Retained()[c.topics().status()] != online {
				return fmt.Errorf("%q holds it after %q", now, first)
			}
			return nil
		})
	})
}

func TestALeaseEnds(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		broker := testkit.Mosquitto(t)
		id := b.boat("Calypso")
		c := b.joins(broker)
		killed := &bridge{Service: b.Service, me: "killed"}
		if until, err := killed.take(t.Context(), c.ID); err != nil || until.IsZero() {
			t.Fatal(until, err)
		}
		waiting := &bridge{Service: b.Service, me: "waiting"}
		if until, err := waiting.take(t.Context(), c.ID); err != nil || !until.IsZero() {
			t.Fatal(until, err)
		}
		b.bridge()
		b.clock.Add(leaseFor)
		b.devices(broker, c, id)
	})
}

// relay carries connections to a broker until it is cut.
type relay struct {
	net.Listener

	mu    sync.Mutex
	conns []net.Conn // guarded by mu
}

func newRelay(t *testing.T, to string) *relay {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{Listener: l}
	t.Cleanup(r.cut)
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", to)
			if err != nil {
				_ = near.Close()
				continue
			}
			r.mu.Lock()
			r.conns = append(r.conns, near, far)
			r.mu.Unlock()
			go func() { _, _ = io.Copy(near, far) }()
			go func() { _, _ = io.Copy(far, near) }()
		}
	}()
	return r
}

func (r *relay) cut() {
	_ = r.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.conns {
		_ = c.Close()
	}
}

// TestAHardEndIsTold: what a process cannot say any more, the broker says.
func TestAHardEndIsTold(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		broker := testkit.Mosquitto(t)
		id := b.boat("Calypso")
		way := newRelay(t, broker.Address)
		c := b.connect(Input{Lane: MQTT, URL: "mqtt://" + way.Addr().String(), Username: testkit.BrokerUser, Secret: testkit.BrokerPassword})
		b.bridge()
		b.devices(broker, c, id)
		way.cut()
		b.keeps(broker, func(kept map[string]string) error {
			if kept[c.topics().status()] != offline || len(kept) != 3 {
				return fmt.Errorf("%v", kept)
			}
			return nil
		})
	})
}

func TestAPressIsSeen(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		broker := testkit.Mosquitto(t)
		id := b.boat("Calypso")
		b.cover(id, "Watermaker", 20)
		c := b.joins(broker)
		b.bridge()
		attention := func(want string, reasons int) {
			t.Helper()
			b.shows(broker, c, id, func(s map[string]any) bool {
				all, _ := s["attention_reasons"].([]any)
				return s["attention_needed"] == want && len(all) == reasons
			})
		}
		attention("ON", 1)
		ear := broker.Listen()
		ear.Publish(c.topics().of(id, "acknowledge"), "PRESS", false)
		attention("OFF", 1)
		if err := b.acknowledge(t.Context(), c, id); err != nil { // a second one changes nothing
			t.Fatal(err)
		}
		b.cover(id, "Life raft", 10)
		attention("ON", 2)
		n, err := db.One(t.Context(), b.db, db.Scalar[int], "SELECT count(*) FROM audit_log WHERE action = 'home_assistant.acknowledged' AND boat_id = $1", id)
		if err != nil || n != 1 {
			t.Error(n, err)
		}
	})
}

// TestEventsAreToldInOrder: each once, also over a restart; none that is too old.
func TestEventsAreToldInOrder(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		broker := testkit.Mosquitto(t)
		id := b.boat("Calypso")
		b.tells(id, "maintenance.due", nil)
		b.clock.Add(time.Second)
		c := b.joins(broker)
		ear := broker.Listen()
		stop := b.bridge()
		b.devices(broker, c, id)
		got := func() (all []string) {
			for _, m := range ear.Heard() {
				if m.Topic != c.topics().of(id, "event") {
					continue
				}
				var h happening
				if err := json.Unmarshal([]byte(m.Payload), &h); err != nil || m.Retained || h.Boat == nil {
					t.Errorf("%+v, %v", m, err)
				}
				text := fmt.Sprint(h.Type, " ", h.Sequence)
				if len(h.Data) > 0 {
					text += " with data"
				}
				all = append(all, text)
			}
			return all
		}
		want := func(all ...string) {
			t.Helper()
			testkit.Eventually(t, func() error {
				if diff := cmp.Diff(all, got()); diff != "" {
					return errors.New(diff)
				}
				return nil
			})
		}
		b.tells(id, "warranty.expiring", map[string]string{"item_name": "Raft"})
		b.tells(id, "boat.updated", nil)
		b.tells(id, "sale.transferred", nil) // which says its data to members alone
		want("warranty.expiring 3 with data", "sale.transferred 5")
		stop()
		b.tells(id, "warranty.expiring", map[string]string{})
		b.clock.Add(lateAfter)
		b.tells(id, "document.uploaded", map[string]string{"class": "personal"})
		b.bridge()
		want("warranty.expiring 3 with data", "sale.transferred 5", "document.uploaded 7")
		b.shows(broker, c, id, func(s map[string]any) bool {
			details, _ := s["last_event_attributes"].(map[string]any)
			return s["last_event"] == "document.uploaded" && details["sequence"] == 7.0 && details["data"] == nil
		})
	})
}

// TestARefusalIsShown: of a user who may connect and nothing else.
func TestARefusalIsShown(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		broker := testkit.Mosquitto(t)
		b.boat("Calypso")
		c := b.connect(Input{Lane: MQTT, URL: broker.URL(), Username: testkit.BrokerGuest, Secret: testkit.BrokerPassword})
		b.bridge()
		testkit.Eventually(t, func() error {
			got, err := b.Connection(t.Context(), b.ada, c.ID)
			if err == nil && (!got.Broker.Connected || !strings.Contains(got.Broker.LastError, "the user may not publish to navidocs/")) {
				err = fmt.Errorf("%+v", got.Broker)
			}
			return err
		})
	})
}

func TestTheDevicesOfADeletedOrganizationLeave(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		broker := testkit.Mosquitto(t)
		id := b.boat("Calypso")
		c := b.joins(broker)
		b.bridge()
		b.devices(broker, c, id)
		set := func(at any) {
			t.Helper()
			if err := b.db.Transact(t.Context(), func(tx *db.Tx) error {
				_, err := tx.Exec(t.Context(), "UPDATE organizations SET deleted_at = CAST($1 AS BIGINT) WHERE id = $2", at, b.org)
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		set(db.Micros(b.clock.Now()))
		b.keeps(broker, none)
		set(nil)
		b.devices(broker, c, id)
		if err := b.Purge(t.Context(), b.org); err != nil {
			t.Fatal(err)
		}
	})
}
