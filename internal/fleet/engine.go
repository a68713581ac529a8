package fleet

import (
	"context"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// EngineID identifies an engine.
type EngineID string

// Engine drives a boat. Its hours carry the date and the source they came from.
type Engine struct {
	ID           EngineID  `json:"id"`
	BoatID       BoatID    `json:"boat_id"`
	Position     string    `json:"position" example:"port"`
	Maker        string    `json:"maker"`
	Model        string    `json:"model"`
	SerialNumber string    `json:"serial_number"`
	PowerKW      *float64  `json:"power_kw"`
	Fuel         string    `json:"fuel"`
	Year         *int      `json:"year"`
	Hours        *float64  `json:"hours"`
	HoursOn      *Date     `json:"hours_on" format:"date"`
	HoursSource  string    `json:"hours_source" example:"hour meter"`
	CreatedAt    time.Time `json:"created_at"`
	UpdatedAt    time.Time `json:"updated_at"`
}

// EngineInput is what may be given; absent fields stay as they are.
type EngineInput struct {
	Position     *string  `json:"position,omitempty"`
	Maker        *string  `json:"maker,omitempty"`
	Model        *string  `json:"model,omitempty"`
	SerialNumber *string  `json:"serial_number,omitempty"`
	PowerKW      *float64 `json:"power_kw,omitempty"`
	Fuel         *string  `json:"fuel,omitempty"`
	Year         *int     `json:"year,omitempty"`
	Hours        *float64 `json:"hours,omitempty" doc:"needs hours_on"`
	HoursOn      *Date    `json:"hours_on,omitempty" format:"date"`
	HoursSource  *string  `json:"hours_source,omitempty"`
}

func (in *EngineInput) check() error {
	var c Checker
	for i, text := range []*string{in.Position, in.Maker, in.Model, in.SerialNumber, in.Fuel, in.HoursSource} {
		c.Text(text, []string{"position", "maker", "model", "serial_number", "fuel", "hours_source"}[i], 200)
	}
	c.Number(in.PowerKW, "power_kw", 100_000)
	c.Number(in.Hours, "hours", 1_000_000)
	c.Year(in.Year, "year")
	c.Date(in.HoursOn, "hours_on")
	if in.Hours != nil && (in.HoursOn == nil || *in.HoursOn == "") {
		c.Add("hours_on", "hours need the date on which they were read", nil)
	}
	return c.Err()
}

// reading is what was read off the hour meter, nil when nothing was.
func (in EngineInput) reading() *Reading {
	if in.Hours == nil {
		return nil
	}
	r := &Reading{Hours: *in.Hours, ReadOn: *in.HoursOn}
	set(&r.Source, in.HoursSource)
	return r
}

func (e *Engine) apply(in EngineInput) {
	set(&e.Position, in.Position)
	set(&e.Maker, in.Maker)
	set(&e.Model, in.Model)
	set(&e.SerialNumber, in.SerialNumber)
	setOptional(&e.PowerKW, in.PowerKW)
	set(&e.Fuel, in.Fuel)
	setOptional(&e.Year, in.Year)
	if in.Hours != nil && (e.HoursOn == nil || *e.HoursOn <= *in.HoursOn) {
		e.Hours, e.HoursOn = in.Hours, in.HoursOn
	}
	set(&e.HoursSource, in.HoursSource)
}

const engineColumns = `id, boat_id, position, maker, model, serial_number, power_kw, fuel, year, hours, hours_on, hours_source, created_at, updated_at`

func scanEngine(r db.Row) (e Engine, err error) {
	var created, updated int64
	err = r.Scan(&e.ID, &e.BoatID, &e.Position, &e.Maker, &e.Model, &e.SerialNumber, &e.PowerKW, &e.Fuel, &e.Year,
		&e.Hours, &e.HoursOn, &e.HoursSource, &created, &updated)
	e.CreatedAt, e.UpdatedAt = db.Time(created), db.Time(updated)
	return e, err
}

// Engines lists a boat's engines.
func (s *Service) Engines(ctx context.Context, who account.Actor, boat BoatID) (_ []Engine, err error) {
	defer fault.Wrap(&err, "fleet.Engines %s", boat)
	if _, err := s.Names(ctx, s.db, who, []BoatID{boat}, account.Viewer); err != nil {
		return nil, err
	}
	return db.Collect(ctx, s.db, scanEngine, "SELECT "+engineColumns+" FROM engines WHERE boat_id = $1 ORDER BY position, id", boat)
}

// CreateEngine adds an engine; members may.
func (s *Service) CreateEngine(ctx context.Context, who account.Actor, boat BoatID, in EngineInput) (e Engine, err error) {
	defer fault.Wrap(&err, "fleet.CreateEngine")
	if err := in.check(); err != nil {
		return e, err
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		e, err = s.CreateEngineIn(ctx, tx, who, boat, in)
		return err
	})
	return e, err
}

// CreateEngineIn is CreateEngine within a transaction.
func (s *Service) CreateEngineIn(ctx context.Context, tx *db.Tx, who account.Actor, boat BoatID, in EngineInput) (e Engine, err error) {
	if err := in.check(); err != nil {
		return e, err
	}
	names, err := s.Names(ctx, tx, who, []BoatID{boat}, account.Member)
	if err != nil {
		return e, err
	}
	e = Engine{ID: EngineID(db.NewID()), BoatID: boat, CreatedAt: tx.Now(), UpdatedAt: tx.Now()}
	e.apply(in)
	_, err = tx.Exec(ctx, "INSERT INTO engines ("+engineColumns+") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
		e.ID, e.BoatID, e.Position, e.Maker, e.Model, e.SerialNumber, e.PowerKW, e.Fuel, e.Year, e.Hours, e.HoursOn, e.HoursSource,
		db.Micros(e.CreatedAt), db.Micros(e.UpdatedAt))
	if err != nil {
		return e, err
	}
	return e, s.tellEngine(ctx, tx, who, "created", names[0].OrgID, e, in.reading())
}

// UpdateEngine changes what is given; members may. New hours are also kept as
// a dated reading.
func (s *Service) UpdateEngine(ctx context.Context, who account.Actor, boat BoatID, id EngineID, in EngineInput, at Version) (e Engine, err error) {
	defer fault.Wrap(&err, "fleet.UpdateEngine %s", id)
	if err := in.check(); err != nil {
		return e, err
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		var org account.OrgID
		if e, org, err = s.engine(ctx, tx, who, boat, id, account.Member); err != nil {
			return err
		}
		if err := at.Check(e.UpdatedAt); err != nil {
			return err
		}
		e.apply(in)
		e.UpdatedAt = Touched(tx, e.UpdatedAt)
		_, err := tx.Exec(ctx, `UPDATE engines SET position = $1, maker = $2, model = $3, serial_number = $4, power_kw = $5, fuel = $6, year = $7,
			hours = $8, hours_on = $9, hours_source = $10, updated_at = $11 WHERE id = $12`, e.Position, e.Maker, e.Model, e.SerialNumber,
			e.PowerKW, e.Fuel, e.Year, e.Hours, e.HoursOn, e.HoursSource, db.Micros(e.UpdatedAt), e.ID)
		if err != nil {
			return err
		}
		return s.tellEngine(ctx, tx, who, "updated", org, e, in.reading())
	})
	return e, err
}

// DeleteEngine removes an engine and its readings; managers may.
func (s *Service) DeleteEngine(ctx context.Context, who account.Actor, boat BoatID, id EngineID, at Version) (e Engine, err error) {
	defer fault.Wrap(&err, "fleet.DeleteEngine %s", id)
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		var org account.OrgID
		if e, org, err = s.engine(ctx, tx, who, boat, id, account.Manager); err != nil {
			return err
		}
		if err := at.Check(e.UpdatedAt); err != nil {
			return err
		}
		if err := s.engineNeeded(ctx, tx, id); err != nil {
			return err
		}
		for _, text := range []string{
			"DELETE FROM hour_readings WHERE subject_kind = 'engine' AND subject_id = $1",
			"DELETE FROM engines WHERE id = $1",
		} {
			if _, err := tx.Exec(ctx, text, id); err != nil {
				return err
			}
		}
		return s.tellEngine(ctx, tx, who, "deleted", org, e, nil)
	})
	return e, err
}

func (s *Service) engine(ctx context.Context, q db.Querier, who account.Actor, boat BoatID, id EngineID, role account.Role) (Engine, account.OrgID, error) {
	names, err := s.Names(ctx, q, who, []BoatID{boat}, role)
	if err != nil {
		return Engine{}, "", err
	}
	e, err := db.One(ctx, q, scanEngine, "SELECT "+engineColumns+" FROM engines WHERE id = $1 AND boat_id = $2", id, boat)
	if fault.Is(err, fault.NotFound) {
		err = fault.New(fault.NotFound, "engine not found")
	}
	return e, names[0].OrgID, err
}

// EngineIn reads an engine of a boat, asking for a role on it.
func (s *Service) EngineIn(ctx context.Context, q db.Querier, who account.Actor, boat BoatID, id EngineID, role account.Role) (Engine, error) {
	e, _, err := s.engine(ctx, q, who, boat, id, role)
	return e, err
}

func (s *Service) tellEngine(ctx context.Context, tx *db.Tx, who account.Actor, verb string, org account.OrgID, e Engine, r *Reading) error {
	if r != nil {
		if err := s.record(ctx, tx, who, e.ID.Meter(), *r); err != nil {
			return err
		}
	}
	return s.accounts.Audit(ctx, tx, who, account.Entry{OrgID: org, Action: "engine." + verb, Kind: "engine", SubjectID: string(e.ID), BoatID: e.BoatID})
}
