package sale

import (
	"context"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/event"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
	"navidocs/internal/warranty"
)

// The states of a reminder.
const (
	reminderDue    = "due"    // nobody was told yet
	reminderPassed = "passed" // its day was over before anybody could be told
	reminderSent   = "sent"
)

const (
	// remindBatch is how many reminders a transaction looks at.
	remindBatch = 100
	// remindBefore is how long before its end a buyer is reminded of a link.
	remindBefore = 24 * time.Hour
	// tokensFor is how long a link that ended is still known by its secret.
	tokensFor = 90 * 24 * time.Hour
)

// daysBefore are how many days before a planned transfer somebody is told.
func daysBefore() []int { return []int{7, 1} }

// zone is where a boat's days begin.
const zone = "CASE WHEN b.time_zone <> '' THEN b.time_zone ELSE o.time_zone END"

// arm makes the reminders of a sale those of its date as it is now; what is past
// already will not be sent. What was sent for the same date stays sent.
func arm(ctx context.Context, tx *db.Tx, x Sale) error {
	date := fleet.Date("")
	if x.TransferDate != nil && x.Status.open() {
		date = *x.TransferDate
	}
	_, err := tx.Exec(ctx, "DELETE FROM sale_reminders WHERE sale_id = $1 AND state <> $2 AND transfer_date <> $3", x.ID, reminderSent, date)
	if err != nil || date == "" {
		return err
	}
	place, err := db.One(ctx, tx, db.Scalar[string], "SELECT "+zone+" FROM boats b JOIN organization_settings o ON o.org_id = b.org_id WHERE b.id = $1", x.BoatID)
	if err != nil {
		return err
	}
	today := warranty.Today(tx.Now(), place)
	for _, days := range daysBefore() {
		due, state := dayBefore(date, days), reminderDue
		if due < today {
			state = reminderPassed
		}
		_, err := tx.Exec(ctx, `INSERT INTO sale_reminders (sale_id, transfer_date, days, due_on, state, changed_at) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT DO NOTHING`, x.ID, date, days, due, state, db.Micros(tx.Now()))
		if err != nil {
			return err
		}
	}
	return nil
}

func dayBefore(d fleet.Date, days int) fleet.Date {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return d
	}
	return fleet.Date(t.AddDate(0, 0, -days).Format(time.DateOnly))
}

// Remind tells sellers of transfers that are near, buyers of links that end within a
// day and by which nothing was fetched, and both of what is left to do after the
// sale, each once. It may run at the
// same time as itself, and be killed: what is marked is told, the rest is due.
func (s *Service) Remind(ctx context.Context) (err error) {
	defer fault.Wrap(&err, "sale.Remind")
	if err := s.remindSellers(ctx); err != nil {
		return err
	}
	if err := s.remindBuyers(ctx); err != nil {
		return err
	}
	return s.remindTasks(ctx)
}

// reminder is a day before a transfer on which somebody may be told.
type reminder struct {
	sale ID
	date fleet.Date
	days int
	due  fleet.Date
	zone string
}

func scanReminder(r db.Row) (x reminder, err error) {
	return x, r.Scan(&x.sale, &x.date, &x.days, &x.due, &x.zone)
}

// selectReminders reads what is due by tomorrow's date in UTC, which may be due
// somewhere already; for the others it is left to the caller.
const selectReminders = `SELECT m.sale_id, m.transfer_date, m.days, m.due_on, ` + zone + ` FROM sale_reminders m JOIN sale_workflows s ON s.id = m.sale_id
	JOIN boats b ON b.id = s.boat_id JOIN organizations g ON g.id = s.org_id JOIN organization_settings o ON o.org_id = s.org_id
	WHERE m.state = $1 AND m.due_on <= $2 AND s.status NOT IN ('completed', 'cancelled') AND b.deleted_at IS NULL AND g.deleted_at IS NULL
	AND (m.due_on, m.sale_id, m.days) > ($3, $4, $5) ORDER BY m.due_on, m.sale_id, m.days LIMIT $6`

func (s *Service) remindSellers(ctx context.Context) error {
	for after := (reminder{}); ; {
		var batch []reminder
		err := s.db.Transact(ctx, func(tx *db.Tx) (err error) {
			latest := dayBefore(warranty.Today(tx.Now(), ""), -1)
			batch, err = db.Collect(ctx, tx, scanReminder, selectReminders, reminderDue, latest, after.due, after.sale, after.days, remindBatch)
			for _, m := range batch {
				if err == nil && m.due <= warranty.Today(tx.Now(), m.zone) {
					err = s.remindSeller(ctx, tx, m)
				}
			}
			return err
		})
		if err != nil || len(batch) < remindBatch {
			return err
		}
		after = batch[len(batch)-1]
	}
}

// remindSeller tells the most urgent of what is due of one date; the others have
// passed. A transfer that was planned for a day before today is no more near.
func (s *Service) remindSeller(ctx context.Context, tx *db.Tx, m reminder) error {
	today, state := warranty.Today(tx.Now(), m.zone), reminderSent
	if dayBefore(m.date, 1) <= today && m.days > 1 || m.date < today {
		state = reminderPassed
	}
	n, err := tx.Exec(ctx, "UPDATE sale_reminders SET state = $1, changed_at = $2 WHERE sale_id = $3 AND transfer_date = $4 AND days = $5 AND state = $6",
		state, db.Micros(tx.Now()), m.sale, m.date, m.days, reminderDue)
	if err != nil || n == 0 || state == reminderPassed {
		return err
	}
	x, err := saleNow(ctx, tx, m.sale)
	if err != nil {
		return err
	}
	return s.append(ctx, tx, account.Actor{}, "sale.due", &x, event.SaleData{SaleID: string(x.ID), Status: string(x.Status), TransferDate: string(m.date), Threshold: m.days})
}

// selectEnding finds links that end soon and by which nothing was fetched.
const selectEnding = `SELECT l.id FROM sale_links l JOIN sale_workflows s ON s.id = l.sale_id JOIN boats b ON b.id = s.boat_id JOIN organizations g ON g.id = s.org_id
	WHERE l.ended_at IS NULL AND l.reminded_at IS NULL AND l.finished = 0 AND l.email <> '' AND l.expires_at > $1 AND l.expires_at <= $2
	AND s.status <> 'cancelled' AND s.unreached = '' AND b.deleted_at IS NULL AND g.deleted_at IS NULL ORDER BY l.expires_at, l.id LIMIT $3`

func (s *Service) remindBuyers(ctx context.Context) error {
	for {
		now := s.db.Now()
		ids, err := db.Collect(ctx, s.db, db.Scalar[string], selectEnding, db.Micros(now), db.Micros(now.Add(remindBefore)), remindBatch)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := s.remindBuyer(ctx, id); err != nil {
				return err
			}
		}
		if len(ids) < remindBatch {
			return nil
		}
	}
}

// remindBuyer mails a link again before it ends. The secret of the first mail is
// not known any more, and stays good beside the new one.
func (s *Service) remindBuyer(ctx context.Context, link string) error {
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, "UPDATE sale_links SET reminded_at = $1 WHERE id = $2 AND reminded_at IS NULL AND ended_at IS NULL AND finished = 0", db.Micros(tx.Now()), link)
		if err != nil || n == 0 {
			return err
		}
		l, err := db.One(ctx, tx, scanLink, selectLink+" WHERE l.id = $1", link)
		if err != nil {
			return err
		}
		x, err := saleNow(ctx, tx, l.saleID)
		if err != nil {
			return err
		}
		x.Link = &l
		if _, err := s.mail(ctx, tx, mailReminder, x, letter{}); err != nil {
			return err
		}
		return s.audit(ctx, tx, account.Actor{}, "sale.buyer_reminded", x, nil)
	})
}

// PassMissed marks what is due by now as passed, in a database that was restored:
// somebody may have been told since the backup was made.
func PassMissed(ctx context.Context, d *db.DB) (err error) {
	defer fault.Wrap(&err, "pass the missed reminders of sales")
	return d.Transact(ctx, func(tx *db.Tx) error {
		now := db.Micros(tx.Now())
		_, err := tx.Exec(ctx, "UPDATE sale_reminders SET state = $1, changed_at = $2 WHERE state = $3 AND due_on <= $4",
			reminderPassed, now, reminderDue, warranty.Today(tx.Now(), ""))
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "UPDATE sale_links SET reminded_at = $1 WHERE reminded_at IS NULL AND expires_at <= $2", now, db.Micros(tx.Now().Add(remindBefore)))
		if err != nil {
			return err
		}
		return passTasks(ctx, tx)
	})
}
