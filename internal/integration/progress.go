package integration

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/event"
	"navidocs/internal/fleet"
)

// passes bounds how often a broker is looked at whose devices were removed: who
// else publishes there may do so for ever.
const passes = 5

// clear takes everything off the broker, until nothing is left; then the
// connection is forgotten. A broker that refuses is asked again.
func (l *link) clear(ctx context.Context) (done bool) {
	again := time.NewTicker(l.config.Again)
	defer again.Stop()
	for {
		err := l.takeOff(ctx)
		if err == nil {
			err = l.forgotten(ctx)
		}
		if err == nil {
			return true
		}
		l.tell(ctx, problem([]error{err}))
		select {
		case <-again.C:
		case <-ctx.Done():
			return false
		}
	}
}

// takeOff removes what is there, and looks again until nothing is.
func (l *link) takeOff(ctx context.Context) error {
	known, err := db.Collect(ctx, l.db, db.Scalar[fleet.BoatID], "SELECT boat_id FROM home_assistant_devices WHERE connection_id = $1", l.target.ID)
	if err != nil {
		return err
	}
	for range passes {
		errs := []error{l.settle(ctx)}
		for _, id := range known { // also where the broker lets nobody read
			l.there[l.topics.config(id)] = true
			l.there[l.topics.of(id, "state")] = l.kept(l.topics.of(id, "state"))
		}
		left := slices.Sorted(maps.Keys(l.there))
		for _, topic := range left {
			if l.there[topic] {
				errs = append(errs, l.remove(ctx, topic))
			}
		}
		if err := errors.Join(errs...); err != nil || len(left) == 0 {
			return err
		}
		known = nil
	}
	return nil
}

// forgotten notes that nothing is on the broker: the row goes with a connection
// that was deleted, and stays with one whose organization was, which may return.
func (l *link) forgotten(ctx context.Context) error {
	if l.target.endedAt != nil {
		return l.forget(ctx, l.target.ID)
	}
	return l.db.Transact(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE home_assistant_config SET cleared_at = $1, connected_at = NULL, held_by = '', held_until = 0 WHERE id = $2 AND held_by = $3",
			db.Micros(tx.Now()), l.target.ID, l.me)
		return err
	})
}

// setConnected notes whether the broker is reached. What it keeps of us from now
// on is to be removed some day.
func (l *link) setConnected(ctx context.Context, up bool) error {
	return l.db.Transact(ctx, func(tx *db.Tx) error {
		var at *int64
		if up {
			at = new(db.Micros(tx.Now()))
		}
		_, err := tx.Exec(ctx, "UPDATE home_assistant_config SET connected_at = $1, cleared_at = NULL WHERE id = $2 AND held_by = $3", at, l.target.ID, l.me)
		return err
	})
}

// tell notes a problem for those who look at the connection, "" when there is
// none. That it cannot be noted keeps nothing from going on.
func (l *link) tell(ctx context.Context, text string) {
	l.telling.Lock()
	defer l.telling.Unlock()
	if l.told != nil && *l.told == text {
		return
	}
	err := l.db.Transact(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE home_assistant_config SET last_error = $1 WHERE id = $2 AND held_by = $3", db.Text(text), l.target.ID, l.me)
		return err
	})
	if err == nil {
		l.told = &text
	}
}

// step is an event of a boat as the device is told of it.
type step struct {
	sequence int64
	tell     bool
	last     bool // of those that were read at once
	payload  string
}

// following are the next events of a boat; those of other types and those that
// are too old are passed over.
func (l *link) following(ctx context.Context, id fleet.BoatID, after int64, limit int) (out []step, err error) {
	all, err := event.Following(ctx, l.db, string(id), after, limit)
	for i, e := range all {
		one := step{sequence: e.Sequence, last: i == len(all)-1}
		if one.tell = slices.Contains(told, e.Type) && l.db.Now().Sub(e.Timestamp) < lateAfter; one.tell {
			payload, err := json.Marshal(happeningOf(e))
			if err != nil {
				return nil, err
			}
			one.payload = string(payload)
		}
		out = append(out, one)
	}
	return out, err
}

// toldUntil notes how far a boat's events were told.
func (l *link) toldUntil(ctx context.Context, id fleet.BoatID, sequence int64) error {
	return l.db.Transact(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE home_assistant_devices SET sequence = $1 WHERE connection_id = $2 AND boat_id = $3", sequence, l.target.ID, id)
		return err
	})
}
