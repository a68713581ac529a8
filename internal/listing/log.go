package listing

import (
	"context"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
)

// Outcome is how something that was done with a portal ended.
type Outcome string

// The outcomes.
const (
	Succeeded Outcome = "succeeded"
	Partly    Outcome = "partly" // some boats were not taken
	Broken    Outcome = "failed"
)

// Run is a line of the log: what was done with a portal.
type Run = run

type run struct {
	ID        string    `json:"id"`
	ListingID *ID       `json:"listing_id" doc:"null: the whole portal"`
	Cause     Cause     `json:"cause" enum:"daily,change,asked,registered,import"`
	Outcome   Outcome   `json:"outcome" enum:"succeeded,partly,failed"`
	Sent      int       `json:"sent" doc:"boats that the portal was told of; of a feed: that are in it"`
	Removed   int       `json:"removed"`
	Failed    int       `json:"failed"`
	Matched   int       `json:"matched" doc:"the portal's listings that are boats of ours"`
	Unmatched int       `json:"unmatched" doc:"the portal's listings that are none"`
	Imported  int       `json:"imported" doc:"boats that were brought in from the portal"`
	Message   string    `json:"message"`
	At        time.Time `json:"at"`
}

// note adds a sentence.
func (r *run) note(text string) {
	if r.Message != "" {
		r.Message += "; "
	}
	r.Message += text
}

// logged ends a run of a whole connection.
func (s *Service) logged(ctx context.Context, c Connection, r run) error {
	if r.Outcome == "" {
		switch {
		case r.Failed == 0:
			r.Outcome = Succeeded
		case r.Sent+r.Removed+r.Matched+r.Imported > 0:
			r.Outcome = Partly
		default:
			r.Outcome = Broken
		}
	}
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, "UPDATE mls_connections SET last_run_at = $1 WHERE id = $2", db.Micros(tx.Now()), c.ID); err != nil {
			return err
		}
		return s.log(ctx, tx, c, r)
	})
}

// log writes a line; of a connection that is gone none.
func (s *Service) log(ctx context.Context, tx *db.Tx, c Connection, r run) error {
	_, err := tx.Exec(ctx, `INSERT INTO mls_sync (id, connection_id, listing_id, cause, outcome, sent, removed, failed, matched, unmatched, imported, message, at)
		SELECT $1, c.id, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13 FROM mls_connections c WHERE c.id = $2`,
		db.NewID(), c.ID, r.ListingID, r.Cause, r.Outcome, r.Sent, r.Removed, r.Failed, r.Matched, r.Unmatched, r.Imported, clip(r.Message, 5000), db.Micros(tx.Now()))
	return err
}

func scanRun(r db.Row) (x run, err error) {
	var at int64
	err = r.Scan(&x.ID, &x.ListingID, &x.Cause, &x.Outcome, &x.Sent, &x.Removed, &x.Failed, &x.Matched, &x.Unmatched, &x.Imported, &x.Message, &at)
	x.At = db.Time(at)
	return x, err
}

const selectRun = "SELECT id, listing_id, cause, outcome, sent, removed, failed, matched, unmatched, imported, message, at FROM mls_sync"

// Log lists what was done with a portal, newest first, and the total; admins may.
func (s *Service) Log(ctx context.Context, who account.Actor, id ConnectionID, cut fleet.Page) (_ []Run, total int, err error) {
	defer fault.Wrap(&err, "listing.Log %s", id)
	if _, err := administered(ctx, s.db, who, id); err != nil {
		return nil, 0, err
	}
	if total, err = db.One(ctx, s.db, db.Scalar[int], "SELECT count(*) FROM mls_sync WHERE connection_id = $1", id); err != nil {
		return nil, 0, err
	}
	all, err := db.Collect(ctx, s.db, scanRun, selectRun+" WHERE connection_id = $1 ORDER BY at DESC, id DESC LIMIT $2 OFFSET $3", id, cut.Limit, cut.Offset)
	return all, total, err
}
