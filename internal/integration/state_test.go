package integration

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/event"
	"navidocs/internal/fleet"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares with a file as people read it.
func golden(t *testing.T, name string, v any) {
	t.Helper()
	got, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil { //nolint:gosec // for everyone to read
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Error(diff)
	}
}

func calypso(t *testing.T) facts {
	t.Helper()
	kind, ok := event.TypeOf("warranty.expiring")
	if !ok {
		t.Fatal("no such type")
	}
	last := kind.Sample()
	return facts{
		boat: "019a0000-0000-7000-8000-0000000000b1", name: "Calypso", make: "Azimut", model: "55S", zone: "Europe/Rome", documents: 12, last: &last,
		warranties: []ending{{"w1", "Watermaker", "2026-05-31"}, {"w2", "Engine", "2027-04-30"}, {"w3", "Old", "2026-04-30"}},
		papers:     []ending{{"d1", "Life raft service", "2026-05-15"}, {"d2", "Registration", "2026-04-01"}, {"d3", "Survey", "2029-01-01"}},
	}
}

func TestDiscoveryPayloads(t *testing.T) {
	t.Parallel()
	s := &Service{config: Config{AppURL: "https://boats.example.org", Version: "0.1.0"}}
	c := Connection{key: "019a0000-0000-7000-8000-0000000000aa", Broker: &Broker{DiscoveryPrefix: "homeassistant"}}
	golden(t, "discovery.json", s.discoveryOf(c.topics(), calypso(t)))
	golden(t, "discovery_bare.json", s.discoveryOf(c.topics(), facts{boat: "punt", name: "Punt"}))
}

func TestStates(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)
	golden(t, "state.json", stateOf(calypso(t), now))
	golden(t, "state_bare.json", stateOf(facts{boat: "punt"}, now))
}

func TestAttentionIsForWhatEndsSoon(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 1, 22, 30, 0, 0, time.UTC) // the 2nd in Rome
	on := func(d fleet.Date) []ending { return []ending{{"x", "Raft", d}} }
	for _, c := range []struct {
		name     string
		f        facts
		want     string
		expiring int
	}{
		{"nothing", facts{}, "OFF", 0},
		{"a warranty's last day", facts{warranties: on("2026-05-01")}, "ON", 1},
		{"a warranty that ended, where the boat is", facts{warranties: on("2026-05-01"), zone: "Europe/Rome"}, "OFF", 0},
		{"a warranty in 30 days", facts{warranties: on("2026-05-31")}, "ON", 1},
		{"a warranty in 31 days", facts{warranties: on("2026-06-01")}, "OFF", 0},
		{"a warranty in 30 days, where the boat is", facts{warranties: on("2026-06-01"), zone: "Europe/Rome"}, "ON", 1},
		{"a paper in 30 days", facts{papers: on("2026-05-31")}, "ON", 0},
		{"a paper in 31 days", facts{papers: on("2026-06-01")}, "OFF", 0},
		{"a paper that expired", facts{papers: on("2026-04-01")}, "ON", 0},
		{"a paper of long ago", facts{papers: on("2025-04-30")}, "OFF", 0},
	} {
		s := stateOf(c.f, now)
		if s.Attention != c.want || s.WarrantiesExpiring != c.expiring {
			t.Errorf("%s: %+v", c.name, s)
		}
		c.f.seen = digest(reasonsOf(c.f, now))
		if s := stateOf(c.f, now); s.Attention != "OFF" {
			t.Errorf("%s, seen: %+v", c.name, s)
		}
	}
	both := facts{warranties: append(on("2026-05-20"), ending{"y", "Engine", "2026-05-21"}), seen: digest(reasonsOf(facts{warranties: on("2026-05-20")}, now))}
	if s := stateOf(both, now); s.Attention != "ON" {
		t.Errorf("something new needs attention: %+v", s)
	}
}
