package fleet

import (
	"context"
	"strings"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// EquipmentID identifies a piece of equipment.
type EquipmentID string

// Equipment is something installed on a boat, filed by its system.
type Equipment struct {
	ID           EquipmentID   `json:"id"`
	OrgID        account.OrgID `json:"organization_id"`
	BoatID       BoatID        `json:"boat_id"`
	SystemCode   string        `json:"system_code" doc:"see GET /api/systems"`
	Name         string        `json:"name"`
	Maker        string        `json:"maker"`
	Model        string        `json:"model"`
	SerialNumber string        `json:"serial_number"`
	Place        string        `json:"place" doc:"where aboard"`
	InstalledOn  *Date         `json:"installed_on" format:"date"`
	Hours        *float64      `json:"hours"`
	HoursOn      *Date         `json:"hours_on" format:"date"`
	Notes        string        `json:"notes"`
	CreatedAt    time.Time     `json:"created_at"`
	UpdatedAt    time.Time     `json:"updated_at"`
	DeletedAt    *time.Time    `json:"-"`
}

// EquipmentInput is what may be given; absent fields stay as they are.
type EquipmentInput struct {
	SystemCode   *string `json:"system_code,omitempty"`
	Name         *string `json:"name,omitempty" minLength:"1"`
	Maker        *string `json:"maker,omitempty"`
	Model        *string `json:"model,omitempty"`
	SerialNumber *string `json:"serial_number,omitempty"`
	Place        *string `json:"place,omitempty"`
	InstalledOn  *Date   `json:"installed_on,omitempty" doc:"YYYY-MM-DD; empty takes it away"`
	Notes        *string `json:"notes,omitempty"`
}

func (in *EquipmentInput) check() error {
	var c Checker
	for _, f := range []struct {
		text     *string
		location string
		limit    int
	}{
		{in.Name, "name", 200},
		{in.Maker, "maker", 200},
		{in.Model, "model", 200},
		{in.SerialNumber, "serial_number", 200},
		{in.Place, "place", 200},
		{in.Notes, "notes", 5000},
	} {
		c.Text(f.text, f.location, f.limit)
	}
	if in.Name != nil && *in.Name == "" {
		c.Add("name", "must not be empty", nil)
	}
	c.Date(in.InstalledOn, "installed_on")
	if in.SystemCode != nil && !knownSystem(*in.SystemCode) {
		c.Add("system_code", "is not a system number: GET /api/systems lists them", fault.Echo(*in.SystemCode))
	}
	return c.Err()
}

func knownSystem(code string) bool {
	for _, s := range Systems() {
		if s.Code == code {
			return true
		}
	}
	return false
}

func (e *Equipment) apply(in EquipmentInput) {
	set(&e.SystemCode, in.SystemCode)
	set(&e.Name, in.Name)
	set(&e.Maker, in.Maker)
	set(&e.Model, in.Model)
	set(&e.SerialNumber, in.SerialNumber)
	set(&e.Place, in.Place)
	setOptional(&e.InstalledOn, in.InstalledOn)
	set(&e.Notes, in.Notes)
}

// Text is what search finds a piece of equipment by.
func (e Equipment) Text() string {
	return strings.Join([]string{e.Name, e.Maker, e.Model, e.SerialNumber, e.Place, e.Notes}, " ")
}

const equipmentColumns = `id, org_id, boat_id, system_code, name, maker, model, serial_number, place, installed_on, hours, hours_on,
	notes, created_at, updated_at, deleted_at`

func scanEquipment(r db.Row) (e Equipment, err error) {
	var created, updated int64
	var deleted *int64
	err = r.Scan(&e.ID, &e.OrgID, &e.BoatID, &e.SystemCode, &e.Name, &e.Maker, &e.Model, &e.SerialNumber, &e.Place, &e.InstalledOn,
		&e.Hours, &e.HoursOn, &e.Notes, &created, &updated, &deleted)
	e.CreatedAt, e.UpdatedAt, e.DeletedAt = db.Time(created), db.Time(updated), db.TimePtr(deleted)
	return e, err
}

// present keeps what is deleted out, and what is installed on a deleted boat.
const present = "deleted_at IS NULL AND boat_id IN (SELECT id FROM boats WHERE deleted_at IS NULL)"

// EquipmentFilter narrows a list of equipment.
type EquipmentFilter struct {
	BoatID BoatID
	System string
	Query  string
	Page
}

// EquipmentList lists what the actor may see, by system and name, and the total.
func (s *Service) EquipmentList(ctx context.Context, who account.Actor, f EquipmentFilter) (_ []Equipment, total int, err error) {
	defer fault.Wrap(&err, "fleet.EquipmentList")
	var w db.Where
	w.Add(present)
	who.Visible(&w, "org_id", "boat_id")
	if f.BoatID != "" {
		if _, err := s.Names(ctx, s.db, who, []BoatID{f.BoatID}, account.Viewer); err != nil {
			return nil, 0, err
		}
		w.Add("boat_id = ?", f.BoatID)
	}
	if f.System != "" {
		w.Add("system_code = ?", f.System)
	}
	if f.Query != "" {
		w.Add(`name_fold LIKE ? ESCAPE '\'`, "%"+db.LikeEscape(db.Fold(f.Query))+"%")
	}
	if total, err = db.One(ctx, s.db, db.Scalar[int], "SELECT count(*) FROM equipment WHERE "+w.SQL(), w.Args()...); err != nil {
		return nil, 0, err
	}
	query := "SELECT " + equipmentColumns + " FROM equipment WHERE " + w.SQL() + " ORDER BY system_code, name_fold, id"
	query += " LIMIT " + w.Arg(f.Limit) + " OFFSET " + w.Arg(f.Offset)
	all, err := db.Collect(ctx, s.db, scanEquipment, query, w.Args()...)
	return all, total, err
}

// Equipment reads one.
func (s *Service) Equipment(ctx context.Context, who account.Actor, id EquipmentID) (_ Equipment, err error) {
	defer fault.Wrap(&err, "fleet.Equipment %s", id)
	return s.EquipmentIn(ctx, s.db, who, id, account.Viewer)
}

// EquipmentIn reads one, asking for a role on its boat.
func (s *Service) EquipmentIn(ctx context.Context, q db.Querier, who account.Actor, id EquipmentID, role account.Role) (Equipment, error) {
	e, err := db.One(ctx, q, scanEquipment, "SELECT "+equipmentColumns+" FROM equipment WHERE id = $1 AND "+present, id)
	if fault.Is(err, fault.NotFound) {
		return e, fault.New(fault.NotFound, "equipment not found")
	}
	if err != nil {
		return e, err
	}
	if err := who.On(e.OrgID, e.BoatID).Require(role, "equipment"); err != nil || role == account.Viewer {
		return e, err
	}
	_, err = s.Names(ctx, q, who, []BoatID{e.BoatID}, role)
	return e, err
}

// CreateEquipment adds a piece to a boat; members may.
func (s *Service) CreateEquipment(ctx context.Context, who account.Actor, boat BoatID, in EquipmentInput) (e Equipment, err error) {
	defer fault.Wrap(&err, "fleet.CreateEquipment")
	if err := in.check(); err != nil {
		return e, err
	}
	if in.Name == nil || in.SystemCode == nil {
		return e, fault.Fields(fault.Field{Location: "body", Message: "equipment needs name and system_code"})
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		names, err := s.Names(ctx, tx, who, []BoatID{boat}, account.Member)
		if err != nil {
			return err
		}
		e = Equipment{ID: EquipmentID(db.NewID()), OrgID: names[0].OrgID, BoatID: boat, CreatedAt: tx.Now(), UpdatedAt: tx.Now()}
		e.apply(in)
		_, err = tx.Exec(ctx, `INSERT INTO equipment (id, org_id, boat_id, system_code, name, name_fold, maker, model, serial_number, place,
			installed_on, notes, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
			e.ID, e.OrgID, e.BoatID, e.SystemCode, e.Name, db.Fold(e.Name), e.Maker, e.Model, e.SerialNumber, e.Place,
			e.InstalledOn, e.Notes, db.Micros(e.CreatedAt), db.Micros(e.UpdatedAt))
		if err != nil {
			return err
		}
		return s.tellEquipment(ctx, tx, who, "created", e)
	})
	return e, err
}

func (s *Service) tellEquipment(ctx context.Context, tx *db.Tx, who account.Actor, verb string, e Equipment) error {
	if err := s.indexed(ctx, tx, e); err != nil {
		return err
	}
	return s.accounts.Audit(ctx, tx, who, account.Entry{
		OrgID: e.OrgID, Action: "equipment." + verb, Kind: "equipment",
		SubjectID: string(e.ID), BoatID: e.BoatID, Detail: map[string]string{"name": e.Name},
	})
}

// UpdateEquipment changes what is given; members may.
func (s *Service) UpdateEquipment(ctx context.Context, who account.Actor, id EquipmentID, in EquipmentInput, at Version) (e Equipment, err error) {
	defer fault.Wrap(&err, "fleet.UpdateEquipment %s", id)
	if err := in.check(); err != nil {
		return e, err
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if e, err = s.EquipmentIn(ctx, tx, who, id, account.Member); err != nil {
			return err
		}
		if err := at.Check(e.UpdatedAt); err != nil {
			return err
		}
		e.apply(in)
		e.UpdatedAt = Touched(tx, e.UpdatedAt)
		_, err := tx.Exec(ctx, `UPDATE equipment SET system_code = $1, name = $2, name_fold = $3, maker = $4, model = $5, serial_number = $6,
			place = $7, installed_on = $8, notes = $9, updated_at = $10 WHERE id = $11`, e.SystemCode, e.Name, db.Fold(e.Name), e.Maker, e.Model,
			e.SerialNumber, e.Place, e.InstalledOn, e.Notes, db.Micros(e.UpdatedAt), e.ID)
		if err != nil {
			return err
		}
		return s.tellEquipment(ctx, tx, who, "updated", e)
	})
	return e, err
}

// DeleteEquipment hides a piece; managers may.
func (s *Service) DeleteEquipment(ctx context.Context, who account.Actor, id EquipmentID, at Version) (e Equipment, err error) {
	defer fault.Wrap(&err, "fleet.DeleteEquipment %s", id)
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if e, err = s.EquipmentIn(ctx, tx, who, id, account.Manager); err != nil {
			return err
		}
		if err := at.Check(e.UpdatedAt); err != nil {
			return err
		}
		now := Touched(tx, e.UpdatedAt)
		e.DeletedAt = &now
		if _, err := tx.Exec(ctx, "UPDATE equipment SET deleted_at = $1, updated_at = $1 WHERE id = $2", db.Micros(now), id); err != nil {
			return err
		}
		return s.tellEquipment(ctx, tx, who, "deleted", e)
	})
	return e, err
}

// EachEquipment calls f for everything installed anywhere; for rebuilding the
// search index.
func (s *Service) EachEquipment(ctx context.Context, q db.Querier, f func(Equipment) error) error {
	all, err := db.Collect(ctx, q, scanEquipment, "SELECT "+equipmentColumns+" FROM equipment WHERE "+present+" ORDER BY id")
	if err != nil {
		return err
	}
	for _, e := range all {
		if err := f(e); err != nil {
			return err
		}
	}
	return nil
}
