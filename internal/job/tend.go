package job

import (
	"context"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// tendEvery is how long a worker may be wrong about what it missed.
const tendEvery = 2 * time.Second

// tend looks after what River leaves open, until ctx ends.
func (q *Queue) tend(ctx context.Context) {
	tick := time.NewTicker(tendEvery)
	defer tick.Stop()
	var told *bool
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		var err error
		if told, err = q.tellAgain(ctx, told); err == nil {
			err = q.giveBack(ctx)
		}
		if err != nil && ctx.Err() == nil {
			q.config.Log.Warn("queue not tended", "error", err)
		}
	}
}

// tellAgain repeats a pause or its end. River tells its workers once; one that
// had no connection at that moment would claim in a pause, or never again.
func (q *Queue) tellAgain(ctx context.Context, told *bool) (*bool, error) {
	paused, err := q.Paused(ctx)
	if err != nil || told != nil && *told == paused {
		return told, err
	}
	if paused, err = q.setPaused(ctx, same); err != nil {
		return told, err
	}
	return &paused, nil
}

// Abandon makes available what ran in the database that d was copied from: on the copy
// nobody works on it, and for minutes it would count as running.
func Abandon(ctx context.Context, d *db.DB) (err error) {
	defer fault.Wrap(&err, "job.Abandon")
	return d.Transact(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, abandon)
		return err
	})
}

const abandon = "UPDATE river_job SET state = 'available' WHERE state = 'running'"

// rescued is what River's rescuer writes into a job that it takes from a worker.
const rescued = "Stuck job rescued by JobRescuer"

// giveBack makes jobs available that River discarded because their process died
// or hung in their last attempt. On SQLite the start does so; this is the same
// for all others. What happens next, lostAttempts says: without this nobody
// would run Dead for them.
func (q *Queue) giveBack(ctx context.Context) (err error) {
	defer fault.Wrap(&err, "give back what was rescued")
	last := "errors[array_upper(errors, 1)]->>'error'"
	if q.db.Engine == db.SQLite {
		last = "json_extract(errors, '$[#-1].error')"
	}
	ids, err := db.Collect(ctx, q.db, db.Scalar[int64], "SELECT id FROM river_job WHERE state = 'discarded' AND "+last+" = $1", rescued)
	if err != nil || len(ids) == 0 {
		return err
	}
	return q.db.Transact(ctx, func(tx *db.Tx) error {
		for _, id := range ids {
			_, err := tx.Exec(ctx, `UPDATE river_job SET state = 'available', finalized_at = NULL, scheduled_at = CURRENT_TIMESTAMP
				WHERE id = $1 AND state = 'discarded'`, id)
			if err != nil {
				return err
			}
		}
		return nil
	})
}
