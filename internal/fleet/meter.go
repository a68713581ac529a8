package fleet

import (
	"context"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// Meter is what counts hours: an engine or a piece of equipment.
type Meter struct{ kind, id string }

// Meter counts the hours of an engine.
func (id EngineID) Meter() Meter { return Meter{"engine", string(id)} }

// Meter counts the hours of a piece of equipment.
func (id EquipmentID) Meter() Meter { return Meter{"equipment", string(id)} }

// Engine is whose hours they are; "" when they are those of equipment.
func (m Meter) Engine() EngineID { return EngineID(m.of("engine")) }

// Equipment is whose hours they are; "" when they are those of an engine.
func (m Meter) Equipment() EquipmentID { return EquipmentID(m.of("equipment")) }

func (m Meter) of(kind string) string {
	if m.kind != kind {
		return ""
	}
	return m.id
}

// Reading is the hours of a piece of equipment on a day.
type Reading struct {
	Hours  float64 `json:"hours" minimum:"0" maximum:"1000000"`
	ReadOn Date    `json:"read_on" format:"date"`
	Source string  `json:"source,omitempty" maxLength:"200"`
}

// Readings are all of a meter, oldest first.
func Readings(ctx context.Context, q db.Querier, m Meter) ([]Reading, error) {
	return db.Collect(ctx, q, func(row db.Row) (r Reading, err error) {
		err = row.Scan(&r.Hours, &r.ReadOn, &r.Source)
		return r, err
	}, "SELECT hours, read_on, source FROM hour_readings WHERE subject_kind = $1 AND subject_id = $2 ORDER BY read_on, hours, id", m.kind, m.id)
}

// record keeps a reading and tells who counts on it.
func (s *Service) record(ctx context.Context, tx *db.Tx, who account.Actor, m Meter, r Reading) error {
	if err := checkMeter(ctx, tx, m, r); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `INSERT INTO hour_readings (id, subject_kind, subject_id, hours, read_on, source, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`, db.NewID(), m.kind, m.id, r.Hours, r.ReadOn, r.Source, db.Micros(tx.Now()))
	if err != nil {
		return err
	}
	return s.metered(ctx, tx, who, m)
}

// checkMeter refuses a reading that would have the meter go back: fewer hours
// than on that day or before, or more than on a later one.
func checkMeter(ctx context.Context, tx *db.Tx, m Meter, r Reading) error {
	other, err := db.One(ctx, tx, func(row db.Row) (o Reading, err error) {
		err = row.Scan(&o.Hours, &o.ReadOn)
		return o, err
	}, `SELECT hours, read_on FROM hour_readings WHERE subject_kind = $1 AND subject_id = $2
		AND (read_on <= $3 AND hours > $4 OR read_on > $3 AND hours < $4) ORDER BY read_on, id LIMIT 1`, m.kind, m.id, r.ReadOn, r.Hours)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return fault.New(fault.Conflict, "the meter showed %g hours on %s: was it replaced?", other.Hours, other.ReadOn)
}

// AddReading records hours of equipment; members may. An hour meter never goes
// back: what contradicts another reading is refused with the one in the way.
func (s *Service) AddReading(ctx context.Context, who account.Actor, id EquipmentID, r Reading) (e Equipment, err error) {
	defer fault.Wrap(&err, "fleet.AddReading %s", id)
	var c Checker
	if c.Date(&r.ReadOn, "read_on"); r.ReadOn == "" {
		c.Add("read_on", "hours need the date on which they were read", nil)
	}
	c.Number(&r.Hours, "hours", 1_000_000)
	if err := c.Err(); err != nil {
		return e, err
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if e, err = s.EquipmentIn(ctx, tx, who, id, account.Member); err != nil {
			return err
		}
		if err := s.record(ctx, tx, who, id.Meter(), r); err != nil {
			return err
		}
		if e.HoursOn == nil || *e.HoursOn <= r.ReadOn {
			e.Hours, e.HoursOn, e.UpdatedAt = &r.Hours, &r.ReadOn, Touched(tx, e.UpdatedAt)
			_, err = tx.Exec(ctx, "UPDATE equipment SET hours = $1, hours_on = $2, updated_at = $3 WHERE id = $4",
				r.Hours, r.ReadOn, db.Micros(e.UpdatedAt), id)
			if err != nil {
				return err
			}
		}
		return s.accounts.Audit(ctx, tx, who, account.Entry{
			OrgID: e.OrgID, Action: "equipment.hours_read", Kind: "equipment",
			SubjectID: string(id), BoatID: e.BoatID, Detail: r,
		})
	})
	return e, err
}
