package listing

import (
	"context"
	"encoding/json"
	"time"

	"navidocs/internal/db"
)

// Standing is how a listing stands at a portal.
type Standing string

// The standings.
const (
	Waiting   Standing = "waiting"   // the portal is to be told something
	Published Standing = "published" // it shows what we say
	Failed    Standing = "failed"    // it did not take it; the next daily run tries again
	Gone      Standing = "withdrawn" // it does not have it
)

// entry is how a listing stands at a portal, as it is stored.
type entry struct {
	connection   ConnectionID
	listing      ID
	state        Standing
	reference    string // the portal's own
	sent, wanted string // digests; "" is nothing
	problem      string
	attempts     int
	nextTry      *time.Time
	publishedAt  *time.Time
	checkedAt    *time.Time
	drift        []Difference
}

const selectEntry = `SELECT e.connection_id, e.listing_id, e.state, e.reference, e.sent, e.wanted, e.error, e.attempts, e.next_try_at, e.published_at,
	e.checked_at, e.drift FROM mls_listings e`

func scanEntry(r db.Row) (e entry, err error) {
	var next, published, checked *int64
	var drift string
	err = r.Scan(&e.connection, &e.listing, &e.state, &e.reference, &e.sent, &e.wanted, &e.problem, &e.attempts, &next, &published, &checked, &drift)
	if err != nil {
		return e, err
	}
	e.nextTry, e.publishedAt, e.checkedAt = db.TimePtr(next), db.TimePtr(published), db.TimePtr(checked)
	return e, json.Unmarshal([]byte(drift), &e.drift)
}

// entriesOf are a connection's, by listing.
func entriesOf(ctx context.Context, q db.Querier, id ConnectionID) (map[ID]entry, error) {
	all, err := db.Collect(ctx, q, scanEntry, selectEntry+" WHERE e.connection_id = $1", id)
	out := map[ID]entry{}
	for _, e := range all {
		out[e.listing] = e
	}
	return out, err
}

// store writes an entry, new or not. One of a connection or listing that is gone
// meanwhile is not written.
func (e *entry) store(ctx context.Context, tx *db.Tx) error {
	if e.drift == nil {
		e.drift = []Difference{}
	}
	_, err := tx.Exec(ctx, `INSERT INTO mls_listings (connection_id, listing_id, state, reference, sent, wanted, error, attempts, next_try_at, published_at,
		checked_at, drift, updated_at) SELECT c.id, l.id, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13
		FROM mls_connections c, listings l WHERE c.id = $1 AND l.id = $2
		ON CONFLICT (connection_id, listing_id) DO UPDATE SET state = excluded.state, reference = excluded.reference, sent = excluded.sent,
		wanted = excluded.wanted, error = excluded.error, attempts = excluded.attempts, next_try_at = excluded.next_try_at,
		published_at = excluded.published_at, checked_at = excluded.checked_at, drift = excluded.drift, updated_at = excluded.updated_at`,
		e.connection, e.listing, e.state, e.reference, e.sent, e.wanted, clip(e.problem, 2000), e.attempts, db.MicrosPtr(e.nextTry), db.MicrosPtr(e.publishedAt),
		db.MicrosPtr(e.checkedAt), asJSON(e.drift), db.Micros(tx.Now()))
	return err
}
