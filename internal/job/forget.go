package job

import (
	"context"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

const (
	// forgetPage is how many jobs are looked at together.
	forgetPage = 500
	// forgetLeast is how many of the newest jobs are looked at in any case:
	// River's clock need not agree with ours.
	forgetLeast = 1000
	// clockSlack is by how much the two may differ beyond that.
	clockSlack = time.Minute
)

// Forget removes the jobs that were enqueued since an instant and that mine
// recognizes by their arguments (JSON), whether they wait or have ended, and
// counts those that it had to leave because they run.
func (q *Queue) Forget(ctx context.Context, since time.Time, mine func(args string) bool) (left int, err error) {
	defer fault.Wrap(&err, "forget jobs")
	below, seen := int64(1)<<62, 0
	for {
		all, err := db.Collect(ctx, q.db, scanStored, `SELECT id, CAST(args AS TEXT), created_at FROM river_job
			WHERE id < $1 ORDER BY id DESC LIMIT $2`, below, forgetPage)
		if err != nil {
			return left, err
		}
		for _, j := range all {
			if below = j.id; !mine(j.args) {
				continue
			}
			gone, err := q.forget(ctx, j.id)
			if err != nil {
				return left, err
			}
			if !gone {
				left++
			}
		}
		if seen += len(all); len(all) < forgetPage || seen >= forgetLeast && all[len(all)-1].created.Before(since.Add(-clockSlack)) {
			return left, nil
		}
	}
}

// stored is a job as it lies in its table.
type stored struct {
	id      int64
	args    string
	created time.Time
}

func scanStored(r db.Row) (j stored, err error) {
	err = r.Scan(&j.id, &j.args, &j.created)
	return j, err
}

// forget removes a job unless it runs; one that is gone already is gone.
func (q *Queue) forget(ctx context.Context, id int64) (gone bool, err error) {
	err = q.db.Transact(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM river_job WHERE id = $1 AND state <> 'running'", id); err != nil {
			return err
		}
		n, err := db.One(ctx, tx, db.Scalar[int], "SELECT count(*) FROM river_job WHERE id = $1", id)
		gone = n == 0
		return err
	})
	return gone, err
}
