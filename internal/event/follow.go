package event

import (
	"context"
	"time"

	"navidocs/internal/db"
)

// Following are the events of a boat after a sequence, in their order. None is
// missed: a boat's numbers become visible one after the other.
func Following(ctx context.Context, q db.Querier, boatID string, sequence int64, limit int) ([]Envelope, error) {
	return db.Collect(ctx, q, scanEnvelope, "SELECT "+columns+" FROM events WHERE stream = $1 AND sequence > $2 ORDER BY sequence LIMIT $3",
		"boat:"+boatID, sequence, limit)
}

// Latest is the newest event of a boat of some types, NotFound when there is none.
func Latest(ctx context.Context, q db.Querier, boatID string, types ...string) (Envelope, error) {
	var w db.Where
	w.Add("stream = ?", "boat:"+boatID)
	db.In(&w, "type", types)
	return db.One(ctx, q, scanEnvelope, "SELECT "+columns+" FROM events WHERE "+w.SQL()+" ORDER BY sequence DESC LIMIT 1", w.Args()...)
}

// Before is the sequence of a boat's last event before an instant, 0 when there
// is none.
func Before(ctx context.Context, q db.Querier, boatID string, at time.Time) (int64, error) {
	return db.One(ctx, q, db.Scalar[int64], "SELECT coalesce(max(sequence), 0) FROM events WHERE stream = $1 AND at < $2", "boat:"+boatID, db.Micros(at))
}
