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
// audited changes that have no event. Papers of a class that the actor may not
// see are left out, be it that they had it when it happened or have it now.
func (s *Service) Timeline(ctx context.Context, who account.Actor, id BoatID, p Page) (_ []Moment, err error) {
	defer fault.Wrap(&err, "fleet.Timeline %s", id)
	names, err := s.Names(ctx, s.db, who, []BoatID{id}, account.Viewer)
	if err != nil {
		return nil, err
	}
	want := p.Offset + p.Limit
	right := who.On(names[0].OrgID, id)
	var now map[string]account.Class
	out, err := newest(want, func(limit, offset int) (told []event.Envelope, err error) {
		if told, err = event.OfBoat(ctx, s.db, string(id), limit, offset); err == nil {
			now, err = s.classes(ctx, s.db, papersOf(told))
		}
		return told, err
	}, func(e event.Envelope) (Moment, bool) {
		class, there := now[paperOf(e)]
		shown := right.Shows(account.Class(e.Audience())) && (!there || right.Shows(class))
		return Moment{At: e.Timestamp, Type: e.Type, ActorID: e.ActorID, Data: e.Data}, shown
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

// paperOf is the paper that an event is about, "" when it is about none.
func paperOf(e event.Envelope) string {
	var about struct {
		DocumentID string `json:"document_id"`
	}
	if json.Unmarshal(e.Data, &about) != nil {
		return ""
	}
	return about.DocumentID
}

func papersOf(told []event.Envelope) []string {
	ids := []string{}
	for _, e := range told {
		if id := paperOf(e); id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
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
