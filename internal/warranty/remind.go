package warranty

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/event"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
	"navidocs/internal/job"
)

// RemindArgs ask for the events of the thresholds that are due.
type RemindArgs struct{}

// Kind implements job.Args.
func (RemindArgs) Kind() string { return "warranty.remind" }

// Jobs are the package's kinds of work.
func (s *Service) Jobs() []job.Work {
	return []job.Work{job.Define(job.Options[RemindArgs]{Timeout: 10 * time.Minute}, func(ctx context.Context, j *job.Job[RemindArgs]) error {
		return s.remind(ctx, func(tx *db.Tx) error { return j.Complete(ctx, tx) })
	})}
}

// ReminderData is the payload of warranty.expiring and warranty.expired.
type ReminderData struct {
	Data

	BoatName      string             `json:"boat_name"`
	EquipmentID   *fleet.EquipmentID `json:"equipment_id"`
	EquipmentName string             `json:"equipment_name"`
	LineID        string             `json:"line_id" doc:"of the part that ends; empty for the whole warranty"`
	Coverage      string             `json:"coverage" doc:"the part that ends, such as paint; empty for the whole warranty"`
	Threshold     int                `json:"threshold_days" enum:"90,30,14,0" doc:"so many days before the end; 0 is the first day without cover"`
	DueOn         fleet.Date         `json:"due_on" format:"date" doc:"the day on which the threshold was reached"`
}

// remindBatch is how many thresholds a transaction looks at: a writer of SQLite
// waits for no more.
const remindBatch = 200

// Remind tells the thresholds that are due and were not told yet: of each end
// the most urgent one, by an event in the transaction that marks it sent; what
// is less urgent has passed. It may run at the same time as itself, and be
// killed: what is marked is told, and the rest is due still.
func (s *Service) Remind(ctx context.Context) (err error) {
	defer fault.Wrap(&err, "warranty.Remind")
	return s.remind(ctx, func(*db.Tx) error { return nil })
}

// remind has done called in the last transaction.
func (s *Service) remind(ctx context.Context, done func(*db.Tx) error) error {
	for after := (remindAt{}); ; {
		var batch []reminder
		err := s.db.Transact(ctx, func(tx *db.Tx) (err error) {
			if batch, err = dueAfter(ctx, tx, after); err != nil {
				return err
			}
			if err := s.tellDue(ctx, tx, batch); err != nil || len(batch) == remindBatch {
				return err
			}
			return done(tx)
		})
		if err != nil || len(batch) < remindBatch {
			return err
		}
		after = batch[len(batch)-1].at()
	}
}

// reminder is a threshold that may be due, with what is told of it.
type reminder struct {
	Threshold

	live     bool // there is a cover, a boat, and an organization
	org      account.OrgID
	whole    fleet.Date // the end of the warranty itself
	timeZone string
	data     ReminderData
}

// remindAt is a place in the order in which thresholds are looked at.
type remindAt struct {
	due  fleet.Date
	id   ID
	line string
	days int
}

func (r *reminder) at() remindAt { return remindAt{r.DueOn, r.data.WarrantyID, r.LineID, r.Days} }

func (a remindAt) compare(b remindAt) int {
	return cmp.Or(cmp.Compare(a.due, b.due), cmp.Compare(a.id, b.id), cmp.Compare(a.line, b.line), cmp.Compare(a.days, b.days))
}

// selectDue reads thresholds of all organizations in the order of their index:
// before anything is joined, so that no more of them are read than returned,
// whatever the database knows of its tables. What is due by tomorrow's date in
// UTC may be due somewhere already; for the others it is left to the caller.
const selectDue = `SELECT t.line_id, t.expires_on, t.days, t.due_on, w.state = 'active' AND w.deleted_at IS NULL AND b.deleted_at IS NULL AND b.frozen_at IS NULL AND g.deleted_at IS NULL,
	w.org_id, w.expiration_date, w.id, w.boat_id, b.name, w.item_name, w.provider, w.equipment_id, COALESCE(e.name, ''), COALESCE(l.coverage, ''), ` + zone + `
	FROM (SELECT warranty_id, line_id, expires_on, days, due_on FROM warranty_thresholds
		WHERE state = 'due' AND due_on <= $1 AND (due_on, warranty_id, line_id, days) > ($2, $3, $4, $5)
		ORDER BY due_on, warranty_id, line_id, days LIMIT $6) t
	JOIN warranty_tracking w ON w.id = t.warranty_id JOIN boats b ON b.id = w.boat_id JOIN organization_settings o ON o.org_id = w.org_id
	JOIN organizations g ON g.id = w.org_id LEFT JOIN equipment e ON e.id = w.equipment_id LEFT JOIN warranty_lines l ON l.id = t.line_id`

func dueAfter(ctx context.Context, tx *db.Tx, after remindAt) ([]reminder, error) {
	latest := addDays(Today(tx.Now(), ""), 1)
	all, err := db.Collect(ctx, tx, func(r db.Row) (x reminder, err error) {
		d := &x.data
		err = r.Scan(&x.LineID, &x.ExpiresOn, &x.Days, &x.DueOn, &x.live, &x.org, &x.whole, &d.WarrantyID, &d.BoatID, &d.BoatName, &d.ItemName,
			&d.Provider, &d.EquipmentID, &d.EquipmentName, &d.Coverage, &x.timeZone)
		return x, err
	}, selectDue, latest, after.due, after.id, after.line, after.days, remindBatch)
	slices.SortFunc(all, func(a, b reminder) int { return a.at().compare(b.at()) }) // a join keeps no order
	return all, err
}

// tellDue marks what is due in the order in which it was read, which is that of
// every other worker, and then appends the events boat by boat: so that two
// seldom wait for each other.
func (s *Service) tellDue(ctx context.Context, tx *db.Tx, batch []reminder) error {
	var won []reminder
	for _, r := range batch {
		today := Today(tx.Now(), r.timeZone)
		if !r.live || r.DueOn > today {
			continue
		}
		r.Days = mostUrgent(r.ExpiresOn, today)
		mine, err := r.mark(ctx, tx)
		if err != nil {
			return err
		}
		if mine {
			won = append(won, r)
		}
	}
	slices.SortStableFunc(won, func(a, b reminder) int { return strings.Compare(string(a.data.BoatID), string(b.data.BoatID)) })
	for _, r := range won {
		if err := s.events.Append(ctx, tx, r.event(Today(tx.Now(), r.timeZone))); err != nil {
			return err
		}
	}
	return nil
}

// mostUrgent is the threshold of an end that was reached last. What has been
// due on some day has reached the first.
func mostUrgent(end, today fleet.Date) int {
	most := thresholds()[0]
	for _, days := range thresholds() {
		if dueOn(end, days) <= today {
			most = days
		}
	}
	return most
}

// mark makes the threshold sent, and those before it passed; it reports whether
// it was this transaction that did, and not another worker or an earlier run.
func (r *reminder) mark(ctx context.Context, tx *db.Tx) (mine bool, err error) {
	const of = " WHERE warranty_id = $3 AND line_id = $4 AND expires_on = $5 AND state = 'due' AND days "
	args := []any{"", db.Micros(tx.Now()), r.data.WarrantyID, r.LineID, r.ExpiresOn, r.Days}
	args[0] = thresholdPassed
	if _, err := tx.Exec(ctx, "UPDATE warranty_thresholds SET state = $1, changed_at = $2"+of+"> $6", args...); err != nil {
		return false, err
	}
	args[0] = thresholdSent
	n, err := tx.Exec(ctx, "UPDATE warranty_thresholds SET state = $1, changed_at = $2"+of+"= $6", args...)
	return n == 1, err
}

// event is what is told on a day.
func (r *reminder) event(today fleet.Date) event.Event {
	d := r.data
	d.ExpirationDate, d.DaysLeft, d.Status = r.ExpiresOn, daysBetween(today, r.ExpiresOn), Active
	if daysBetween(today, r.whole) < 0 {
		d.Status = Expired
	}
	d.LineID, d.Threshold, d.DueOn = r.LineID, r.Days, dueOn(r.ExpiresOn, r.Days)
	name := "warranty.expiring"
	if r.Days == 0 {
		name = "warranty.expired"
	}
	return event.Event{Type: name, OrgID: string(r.org), Boat: &event.Boat{ID: string(d.BoatID), Name: d.BoatName}, Data: d}
}
