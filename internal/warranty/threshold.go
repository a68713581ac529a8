package warranty

import (
	"context"

	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
)

// The states of a threshold.
const (
	thresholdDue    = "due"    // nobody was told yet
	thresholdPassed = "passed" // its day was over before anybody could be told: nobody will be
	thresholdSent   = "sent"
)

// thresholds are how many days before the end of a cover somebody is told; on
// the first day without cover (0) its end is told.
func thresholds() []int { return []int{90, 30, 14, 0} }

// Threshold is a day on which somebody is to be told of the end of a cover.
type Threshold struct {
	// LineID is empty for the warranty itself.
	LineID    string     `json:"line_id"`
	ExpiresOn fleet.Date `json:"expires_on" format:"date"`
	Days      int        `json:"days" enum:"90,30,14,0" doc:"before the end; 0 is the first day without cover"`
	DueOn     fleet.Date `json:"due_on" format:"date"`
	State     string     `json:"state" enum:"due,passed,sent" doc:"passed: its day was over when the warranty was recorded or changed; nobody is told"`
}

// dueOn is the day from which a threshold counts.
func dueOn(end fleet.Date, days int) fleet.Date {
	if days == 0 {
		return addDays(end, 1) // the last day of cover is still covered
	}
	return addDays(end, -days)
}

// arm makes the thresholds of a warranty those of its ends as they are now. What
// was sent for the same end stays sent, what is due for it stays due, however
// late it is; of an end that is new, what is past already will not be sent. A
// warranty that is not active has none left.
func (s *Service) arm(ctx context.Context, tx *db.Tx, w *Warranty) error {
	ends := w.toldEnds()
	var gone db.Where
	gone.Add("warranty_id = ? AND state <> ?", w.ID, thresholdSent)
	for _, e := range ends {
		gone.Add("NOT (line_id = ? AND expires_on = ?)", e.line, e.on)
	}
	if _, err := tx.Exec(ctx, "DELETE FROM warranty_thresholds WHERE "+gone.SQL(), gone.Args()...); err != nil {
		return err
	}
	for _, e := range ends {
		if err := armEnd(ctx, tx, w, e.line, e.on); err != nil {
			return err
		}
	}
	return nil
}

// lineEnd is when a line ends; that of the warranty itself is "".
type lineEnd struct {
	line string
	on   fleet.Date
}

// toldEnds are those that somebody is told of. A line that ends with the
// warranty is told with it.
func (w *Warranty) toldEnds() []lineEnd {
	if w.state != string(Active) || w.deleted {
		return nil
	}
	all := []lineEnd{{"", w.ExpirationDate}}
	for _, l := range w.Lines {
		if l.ExpirationDate != nil && *l.ExpirationDate != w.ExpirationDate {
			all = append(all, lineEnd{l.ID, *l.ExpirationDate})
		}
	}
	return all
}

func armEnd(ctx context.Context, tx *db.Tx, w *Warranty, line string, end fleet.Date) error {
	today := Today(tx.Now(), w.timeZone)
	for _, days := range thresholds() {
		due, state := dueOn(end, days), thresholdDue
		if due < today {
			state = thresholdPassed
		}
		_, err := tx.Exec(ctx, `INSERT INTO warranty_thresholds (warranty_id, line_id, expires_on, days, due_on, state, changed_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`, w.ID, line, end, days, due, state, db.Micros(tx.Now()))
		if err != nil {
			return err
		}
	}
	return nil
}

// PassMissed marks what is due by now as passed, in a database that was
// restored: somebody may have been told since the backup was made.
func PassMissed(ctx context.Context, d *db.DB) (err error) {
	defer fault.Wrap(&err, "pass the missed thresholds")
	return d.Transact(ctx, func(tx *db.Tx) error {
		due, err := db.Collect(ctx, tx, func(r db.Row) (t missed, err error) {
			err = r.Scan(&t.warranty, &t.LineID, &t.ExpiresOn, &t.Days, &t.DueOn, &t.zone)
			return t, err
		}, `SELECT t.warranty_id, t.line_id, t.expires_on, t.days, t.due_on, `+zone+`
			FROM warranty_thresholds t JOIN warranty_tracking w ON w.id = t.warranty_id
			JOIN boats b ON b.id = w.boat_id JOIN organization_settings o ON o.org_id = w.org_id
			WHERE t.state = $1 AND t.due_on <= $2`, thresholdDue, addDays(Today(tx.Now(), ""), 1))
		if err != nil {
			return err
		}
		for _, t := range due {
			if t.DueOn > Today(tx.Now(), t.zone) {
				continue
			}
			_, err := tx.Exec(ctx, `UPDATE warranty_thresholds SET state = $1, changed_at = $2
				WHERE warranty_id = $3 AND line_id = $4 AND expires_on = $5 AND days = $6`,
				thresholdPassed, db.Micros(tx.Now()), t.warranty, t.LineID, t.ExpiresOn, t.Days)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

type missed struct {
	Threshold

	warranty ID
	zone     string
}

func readThresholds(ctx context.Context, q db.Querier, id ID) ([]Threshold, error) {
	return db.Collect(ctx, q, func(r db.Row) (t Threshold, err error) {
		err = r.Scan(&t.LineID, &t.ExpiresOn, &t.Days, &t.DueOn, &t.State)
		return t, err
	}, "SELECT line_id, expires_on, days, due_on, state FROM warranty_thresholds WHERE warranty_id = $1 ORDER BY due_on, line_id, days", id)
}
