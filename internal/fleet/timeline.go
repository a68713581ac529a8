package fleet

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/event"
	"navidocs/internal/fault"
)

// Moment is one thing that happened to a boat.
type Moment struct {
	At      time.Time       `json:"at"`
	Type    string          `json:"type" doc:"event type or audited action"`
	ActorID *string         `json:"actor_id"`
	Data    json.RawMessage `json:"data"`
}

// Timeline tells what happened to a boat, newest first: its events, and the
// audited changes that have no event. Papers of a class that the actor's role
// does not show are left out.
func (s *Service) Timeline(ctx context.Context, who account.Actor, id BoatID, p Page) (_ []Moment, err error) {
	defer fault.Wrap(&err, "fleet.Timeline %s", id)
	names, err := s.Names(ctx, s.db, who, []BoatID{id}, account.Viewer)
	if err != nil {
		return nil, err
	}
	want := p.Offset + p.Limit
	events, err := event.OfBoat(ctx, s.db, string(id), want, 0)
	if err != nil {
		return nil, err
	}
	changes, err := account.AuditOfBoat(ctx, s.db, id, want, 0)
	if err != nil {
		return nil, err
	}
	classes := who.Roles[names[0].OrgID].Classes()
	out := []Moment{}
	for _, e := range events {
		if shows(classes, e.Data) {
			out = append(out, Moment{At: e.Timestamp, Type: e.Type, ActorID: e.ActorID, Data: e.Data})
		}
	}
	for _, c := range changes {
		if kind, _, _ := strings.Cut(c.Action, "."); kind == "equipment" || kind == "engine" || kind == "photo" {
			out = append(out, Moment{At: c.At, Type: c.Action, ActorID: (*string)(c.UserID), Data: c.Detail})
		}
	}
	slices.SortStableFunc(out, func(a, b Moment) int { return b.At.Compare(a.At) })
	return out[min(p.Offset, len(out)):min(want, len(out))], nil
}

// shows says whether an event's payload may be seen: one about a paper carries
// the paper's class.
func shows(classes []account.Class, data json.RawMessage) bool {
	var paper struct {
		Class account.Class `json:"class"`
	}
	if err := json.Unmarshal(data, &paper); err != nil {
		return false
	}
	return paper.Class == "" || slices.Contains(classes, paper.Class)
}
