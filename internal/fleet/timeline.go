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
	classes := who.Roles[names[0].OrgID].Classes()
	out, err := newest(want, func(limit, offset int) ([]event.Envelope, error) {
		return event.OfBoat(ctx, s.db, string(id), limit, offset)
	}, func(e event.Envelope) (Moment, bool) {
		return Moment{At: e.Timestamp, Type: e.Type, ActorID: e.ActorID, Data: e.Data}, slices.Contains(classes, account.Class(e.Audience()))
	})
	if err != nil {
		return nil, err
	}
	changes, err := newest(want, func(limit, offset int) ([]account.Record, error) {
		return account.AuditOfBoat(ctx, s.db, id, limit, offset)
	}, func(c account.Record) (Moment, bool) {
		kind, _, _ := strings.Cut(c.Action, ".")
		return Moment{At: c.At, Type: c.Action, ActorID: (*string)(c.UserID), Data: c.Detail}, kind == "equipment" || kind == "engine" || kind == "photo"
	})
	if err != nil {
		return nil, err
	}
	out = append(out, changes...)
	slices.SortStableFunc(out, func(a, b Moment) int { return b.At.Compare(a.At) })
	return out[min(p.Offset, len(out)):min(want, len(out))], nil
}

// newest reads until it has n moments that are shown, or everything: what is
// hidden must not make a page shorter than it is.
func newest[T any](n int, read func(limit, offset int) ([]T, error), show func(T) (Moment, bool)) ([]Moment, error) {
	out, batch := []Moment{}, max(n, 100)
	for offset := 0; ; offset += batch {
		rows, err := read(batch, offset)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			if m, ok := show(row); ok {
				out = append(out, m)
			}
		}
		if len(rows) < batch || len(out) >= n {
			return out, nil
		}
	}
}
