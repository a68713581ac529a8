package integration

import (
	"encoding/json"
	"strings"

	"navidocs/internal/event"
	"navidocs/internal/fleet"
)

// The types of events that a device tells of.
var told = []string{"document.uploaded", "warranty.expiring", "maintenance.due", "sale.transferred"}

// topics are the names under which a connection is known at its broker.
type topics struct {
	base   string // of its states
	prefix string // of discovery
	device string // the beginning of its devices' ids
}

func (c Connection) topics() topics {
	return topics{base: "navidocs/" + c.key, prefix: c.broker().DiscoveryPrefix, device: "navidocs_" + c.key + "_"}
}

func (t topics) status() string { return t.base + "/status" }
func (t topics) birth() string  { return t.prefix + "/status" }

// mark is where a connection tells itself that everything before it has come.
func (t topics) mark() string { return "navidocs/mark/" + strings.TrimPrefix(t.base, "navidocs/") }

func (t topics) config(id fleet.BoatID) string {
	return t.prefix + "/device/" + t.device + string(id) + "/config"
}

func (t topics) of(id fleet.BoatID, what string) string {
	return t.base + "/" + string(id) + "/" + what
}

// isConfig reports whether a topic is that of one of our devices.
func (t topics) isConfig(topic string) bool {
	rest, ours := strings.CutPrefix(topic, t.prefix+"/device/"+t.device)
	id, ok := strings.CutSuffix(rest, "/config")
	return ours && ok && !strings.Contains(id, "/")
}

// pressed is the boat whose button is at a topic.
func (t topics) pressed(topic string) (fleet.BoatID, bool) {
	rest, ours := strings.CutPrefix(topic, t.base+"/")
	id, button := strings.CutSuffix(rest, "/acknowledge")
	return fleet.BoatID(id), ours && button && !strings.Contains(id, "/")
}

// The payload of discovery: one message for a device and all that it has
// (home-assistant.io/integrations/mqtt, device discovery payload).
type (
	discovery struct {
		Device       device               `json:"dev"`
		Origin       origins              `json:"o"`
		Components   map[string]component `json:"cmps"`
		Availability string               `json:"availability_topic"`
		QoS          int                  `json:"qos"`
	}
	device struct {
		Identifiers  []string `json:"identifiers"`
		Name         string   `json:"name"`
		Manufacturer string   `json:"manufacturer,omitempty"`
		Model        string   `json:"model,omitempty"`
		Link         string   `json:"configuration_url"`
	}
	origins struct {
		Name    string `json:"name"`
		Version string `json:"sw_version,omitempty"`
	}
	component struct {
		Platform   string   `json:"p"`
		UniqueID   string   `json:"unique_id"`
		Name       string   `json:"name"`
		Class      string   `json:"device_class,omitempty"`
		Icon       string   `json:"icon,omitempty"`
		State      string   `json:"state_topic,omitempty"`
		Value      string   `json:"value_template,omitempty"`
		Attributes string   `json:"json_attributes_topic,omitempty"`
		Template   string   `json:"json_attributes_template,omitempty"`
		Types      []string `json:"event_types,omitempty"`
		Command    string   `json:"command_topic,omitempty"`
	}
)

// discoveryOf describes a boat to Home Assistant.
func (s *Service) discoveryOf(t topics, f facts) discovery {
	id := t.device + string(f.boat)
	state := t.of(f.boat, "state")
	all := map[string]component{}
	add := func(key string, c component) {
		c.UniqueID = id + "_" + key
		all[key] = c
	}
	sensor := func(key, name, class, icon string) component {
		return component{Platform: "sensor", Name: name, Class: class, Icon: icon, State: state, Value: "{{ value_json." + key + " }}"}
	}
	add("next_maintenance_due", sensor("next_maintenance_due", "Next maintenance due", "timestamp", "mdi:wrench-clock"))
	add("next_warranty_expiry", sensor("next_warranty_expiry", "Next warranty expiry", "timestamp", "mdi:shield-alert"))
	add("maintenance_overdue", sensor("maintenance_overdue", "Maintenance overdue", "", "mdi:wrench"))
	add("warranties_expiring_30d", sensor("warranties_expiring_30d", "Warranties expiring in 30 days", "", "mdi:shield-half-full"))
	add("documents_total", sensor("documents_total", "Documents", "", "mdi:file-document-multiple"))
	last := sensor("last_event", "Last event", "", "mdi:bell")
	last.Attributes, last.Template = state, "{{ value_json.last_event_attributes | tojson }}"
	add("last_event", last)
	attention := sensor("attention_needed", "Attention needed", "problem", "")
	attention.Platform = "binary_sensor"
	attention.Attributes, attention.Template = state, "{{ {'reasons': value_json.attention_reasons} | tojson }}"
	add("attention_needed", attention)
	add("event", component{Platform: "event", Name: "Event", State: t.of(f.boat, "event"), Types: told, Icon: "mdi:bell-ring"})
	add("acknowledge", component{Platform: "button", Name: "Acknowledge", Command: t.of(f.boat, "acknowledge"), Icon: "mdi:check"})
	return discovery{
		Device: device{
			Identifiers: []string{id}, Name: f.name, Manufacturer: f.make, Model: f.model, Link: s.config.AppURL + "/boats/" + string(f.boat),
		},
		Origin: origins{Name: "NaviDocs", Version: s.config.Version}, Components: all, Availability: t.status(), QoS: 1,
	}
}

// message is what is published on a topic; retained unless it is an event.
type message struct{ topic, payload string }

// wished are the messages that the broker is to keep, each device before its
// state.
func (s *Service) wished(t topics, all []facts) ([]message, error) {
	out := []message{{t.status(), online}}
	for _, f := range all {
		config, err := json.Marshal(s.discoveryOf(t, f))
		if err != nil {
			return nil, err
		}
		state, err := json.Marshal(stateOf(f, s.db.Now()))
		if err != nil {
			return nil, err
		}
		out = append(out, message{t.config(f.boat), string(config)}, message{t.of(f.boat, "state"), string(state)})
	}
	return out, nil
}

// The payloads of a status.
const (
	online  = "online"
	offline = "offline"
)

// happening is what the event entity is told. What not everyone who sees the
// boat may read goes without its data: whoever may read the broker reads this.
type happening struct {
	Type      string          `json:"event_type"`
	ID        string          `json:"id"`
	Timestamp string          `json:"timestamp"`
	Sequence  int64           `json:"sequence"`
	Boat      *event.Boat     `json:"boat"`
	Data      json.RawMessage `json:"data,omitempty"`
}

func happeningOf(e event.Envelope) happening {
	h := happening{Type: e.Type, ID: e.ID, Timestamp: e.Timestamp.UTC().Format(stampForm), Sequence: e.Sequence, Boat: e.Boat}
	if e.Audience() == event.Open {
		h.Data = e.Data
	}
	return h
}
