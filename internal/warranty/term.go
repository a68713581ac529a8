package warranty

import (
	"context"
	"slices"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
)

// What ends a cover: the months, the hours, or the maker's invoice.
const (
	byMonths  = "months"
	byHours   = "hours"
	byInvoice = "invoice"
)

// term is for how long something is covered: until the earliest of its limits.
type term struct {
	start              fleet.Date
	months             int // 0: no limit
	hoursLimit         *float64
	hoursAtStart       float64
	invoice            *fleet.Date
	monthsAfterInvoice *int
}

// end is the last day of cover and what ends it: whole months from the start,
// the day on which the meter was read beyond the hours, or so many months after
// the maker's invoice, whichever comes first; "" when nothing has ended it yet.
func (t term) end(readings []fleet.Reading) (last fleet.Date, by string) {
	sooner := func(d fleet.Date, why string) {
		if last == "" || d < last {
			last, by = d, why
		}
	}
	if t.months > 0 {
		sooner(AddMonths(t.start, t.months), byMonths)
	}
	if t.invoice != nil && t.monthsAfterInvoice != nil {
		sooner(AddMonths(*t.invoice, *t.monthsAfterInvoice), byInvoice)
	}
	if t.hoursLimit != nil {
		for _, r := range readings {
			if r.ReadOn >= t.start && r.Hours >= t.hoursAtStart+*t.hoursLimit {
				sooner(r.ReadOn, byHours)
				break // they are in the order of their days
			}
		}
	}
	return last, by
}

// term is that of the warranty itself.
func (w *Warranty) term() term {
	return term{w.StartDate, w.Months, w.HoursLimit, w.HoursAtStart, w.MakerInvoiceDate, w.MonthsAfterInvoice}
}

// term is that of one line of a warranty.
func (l *Line) term(w *Warranty) term {
	t := term{w.StartDate, 0, l.HoursLimit, w.HoursAtStart, w.MakerInvoiceDate, l.MonthsAfterInvoice}
	if l.Months != nil {
		t.months = *l.Months
	}
	return t
}

// meters are whose hours count: those of the engine, else of the equipment.
func (w *Warranty) meter() (m fleet.Meter, ok bool) {
	switch {
	case w.EngineID != nil:
		return w.EngineID.Meter(), true
	case w.EquipmentID != nil:
		return w.EquipmentID.Meter(), true
	}
	return m, false
}

// measure computes when the warranty and its lines end.
func (w *Warranty) measure(ctx context.Context, q db.Querier) (err error) {
	var readings []fleet.Reading
	if m, ok := w.meter(); ok && w.countsHours() {
		if readings, err = fleet.Readings(ctx, q, m); err != nil {
			return err
		}
	}
	w.ExpirationDate, w.EndsBy = w.term().end(readings)
	for i := range w.Lines {
		l := &w.Lines[i]
		last, by := l.term(w).end(readings)
		l.ExpirationDate, l.EndsBy = db.OrNull(last), by
	}
	return nil
}

func (w *Warranty) countsHours() bool {
	for _, l := range w.Lines {
		if l.HoursLimit != nil {
			return true
		}
	}
	return w.HoursLimit != nil
}

// remeasure moves the ends of what is covered for so many hours when a meter
// was read.
func (s *Service) remeasure(ctx context.Context, tx *db.Tx, who account.Actor, m fleet.Meter) error {
	var where db.Where
	if id := m.Engine(); id != "" {
		where.Add("w.engine_id = ?", id)
	} else {
		where.Add("w.equipment_id = ? AND w.engine_id IS NULL", m.Equipment())
	}
	all, err := s.collect(ctx, tx, where.SQL()+" AND w.deleted_at IS NULL", where.Args()...)
	if err != nil {
		return err
	}
	for _, w := range all {
		if !w.countsHours() {
			continue
		}
		if err := s.shift(ctx, tx, who, w); err != nil {
			return err
		}
	}
	return nil
}

// engineNeeded refuses to let an engine go that a warranty names: its hours end
// the cover, also that of a deleted one, which can be restored.
func engineNeeded(ctx context.Context, tx *db.Tx, id fleet.EngineID) error {
	type naming struct {
		id      ID
		item    string
		deleted bool
	}
	all, err := db.Collect(ctx, tx, func(r db.Row) (n naming, err error) { return n, r.Scan(&n.id, &n.item, &n.deleted) },
		"SELECT id, item_name, deleted_at IS NOT NULL FROM warranty_tracking WHERE engine_id = $1 ORDER BY deleted_at IS NOT NULL, id LIMIT 1", id)
	if err != nil || len(all) == 0 {
		return err
	}
	n := all[0]
	if n.deleted {
		return fault.New(fault.Conflict, "the deleted warranty %q names this engine: restore it by POST /api/warranties/%s/restore, "+
			"have it name another engine or none, and delete it again", n.item, n.id).With("id", n.id)
	}
	return fault.New(fault.Conflict, "the warranty %q names this engine: have it name another engine or none first", n.item).With("id", n.id)
}

// shift stores the ends of a warranty as its meter has them now, and tells where
// they are others than before.
func (s *Service) shift(ctx context.Context, tx *db.Tx, who account.Actor, w Warranty) error {
	before := w.toldEnds()
	if err := touch(ctx, tx, w); err != nil {
		return err
	}
	if err := s.move(ctx, tx, &w); err != nil {
		return err
	}
	if slices.Equal(before, w.toldEnds()) {
		return nil
	}
	w.judge(Today(tx.Now(), w.timeZone))
	return s.tell(ctx, tx, who, "updated", w)
}

// move stores the ends of a warranty as they are now, and arms its thresholds.
func (s *Service) move(ctx context.Context, tx *db.Tx, w *Warranty) error {
	if err := w.measure(ctx, tx); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "UPDATE warranty_tracking SET expiration_date = $1, ends_by = $2 WHERE id = $3", w.ExpirationDate, w.EndsBy, w.ID); err != nil {
		return err
	}
	for _, l := range w.Lines {
		if _, err := tx.Exec(ctx, "UPDATE warranty_lines SET expiration_date = $1, ends_by = $2 WHERE id = $3", l.ExpirationDate, l.EndsBy, l.ID); err != nil {
			return err
		}
	}
	return s.arm(ctx, tx, w)
}
