package fleet

import (
	"context"
	"fmt"
	"strings"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/event"
	"navidocs/internal/fault"
)

// Warning says what looks wrong about a field; it never blocks.
type Warning struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// Owner holds a share of a boat.
type Owner struct {
	Name         string   `json:"name" minLength:"1" maxLength:"200"`
	SharePercent *float64 `json:"share_percent,omitempty" minimum:"0" maximum:"100"`
	Contact      string   `json:"contact,omitempty" maxLength:"500"`
	Signs        bool     `json:"signs" doc:"has to sign when the boat is sold"`
}

// Use is how a boat is used in some time; some uses void a warranty.
type Use struct {
	Use      string `json:"use" enum:"private,charter,commercial,racing"`
	StartsOn Date   `json:"starts_on,omitempty" format:"date"`
	EndsOn   Date   `json:"ends_on,omitempty" format:"date"`
}

// Boat is a boat with its set of identities.
type Boat struct {
	ID             BoatID        `json:"id"`
	OrgID          account.OrgID `json:"organization_id"`
	Slug           string        `json:"slug" doc:"unique in the organization, kept on rename"`
	Name           string        `json:"name"`
	Make           string        `json:"make"`
	Model          string        `json:"model"`
	Year           *int          `json:"year" doc:"model year"`
	BuildYear      *int          `json:"build_year"`
	LaunchYear     *int          `json:"launch_year"`
	RefitYear      *int          `json:"refit_year"`
	HIN            string        `json:"hin"`
	MMSI           string        `json:"mmsi"`
	IMO            string        `json:"imo"`
	CallSign       string        `json:"call_sign"`
	OfficialNumber string        `json:"official_number"`
	SailNumber     string        `json:"sail_number"`
	HullNumber     string        `json:"hull_number"`
	Flag           string        `json:"flag" doc:"ISO 3166 alpha-2"`
	HomePort       string        `json:"home_port"`
	HullMaterial   string        `json:"hull_material"`
	Builder        string        `json:"builder"`
	Designer       string        `json:"designer"`
	Class          string        `json:"class"`
	LengthM        *float64      `json:"length_m" doc:"nominal length, metres"`
	LOAM           *float64      `json:"loa_m"`
	LWLM           *float64      `json:"lwl_m"`
	BeamM          *float64      `json:"beam_m"`
	DraftM         *float64      `json:"draft_m"`
	AirDraftM      *float64      `json:"air_draft_m"`
	DisplacementKg *float64      `json:"displacement_kg"`
	TimeZone       string        `json:"time_zone" doc:"IANA name; empty means the organization's"`
	Owners         []Owner       `json:"owners"`
	Uses           []Use         `json:"uses"`
	Warnings       []Warning     `json:"warnings"`
	CreatedAt      time.Time     `json:"created_at"`
	UpdatedAt      time.Time     `json:"updated_at"`
	FrozenAt       *time.Time    `json:"frozen_at" doc:"when it was sold: its record stays as it was, read only"`

	twins twins
}

// twins says whether another boat of the organization has the same number.
type twins struct{ hin, mmsi bool }

// BoatInput is what may be given of a boat. Absent fields stay as they are; an
// empty text or a zero number takes a value away.
type BoatInput struct {
	// ID is set by the demo only.
	ID             BoatID   `json:"-"`
	Name           *string  `json:"name,omitempty" minLength:"1"`
	Make           *string  `json:"make,omitempty"`
	Model          *string  `json:"model,omitempty"`
	Year           *int     `json:"year,omitempty"`
	BuildYear      *int     `json:"build_year,omitempty"`
	LaunchYear     *int     `json:"launch_year,omitempty"`
	RefitYear      *int     `json:"refit_year,omitempty"`
	HIN            *string  `json:"hin,omitempty"`
	MMSI           *string  `json:"mmsi,omitempty"`
	IMO            *string  `json:"imo,omitempty"`
	CallSign       *string  `json:"call_sign,omitempty"`
	OfficialNumber *string  `json:"official_number,omitempty"`
	SailNumber     *string  `json:"sail_number,omitempty"`
	HullNumber     *string  `json:"hull_number,omitempty"`
	Flag           *string  `json:"flag,omitempty" doc:"ISO 3166 alpha-2"`
	HomePort       *string  `json:"home_port,omitempty"`
	HullMaterial   *string  `json:"hull_material,omitempty"`
	Builder        *string  `json:"builder,omitempty"`
	Designer       *string  `json:"designer,omitempty"`
	Class          *string  `json:"class,omitempty"`
	LengthM        *float64 `json:"length_m,omitempty"`
	LOAM           *float64 `json:"loa_m,omitempty"`
	LWLM           *float64 `json:"lwl_m,omitempty"`
	BeamM          *float64 `json:"beam_m,omitempty"`
	DraftM         *float64 `json:"draft_m,omitempty"`
	AirDraftM      *float64 `json:"air_draft_m,omitempty"`
	DisplacementKg *float64 `json:"displacement_kg,omitempty"`
	TimeZone       *string  `json:"time_zone,omitempty"`
	Owners         *[]Owner `json:"owners,omitempty"`
	Uses           *[]Use   `json:"uses,omitempty"`
}

func (in *BoatInput) checkNew() error {
	if in.Name == nil {
		return fault.Fields(fault.Field{Location: "body.name", Message: "a boat needs a name"})
	}
	return in.check()
}

func (in *BoatInput) check() error {
	var c Checker
	for _, f := range []struct {
		text     *string
		location string
	}{
		{in.Name, "name"},
		{in.Make, "make"},
		{in.Model, "model"},
		{in.HIN, "hin"},
		{in.MMSI, "mmsi"},
		{in.IMO, "imo"},
		{in.CallSign, "call_sign"},
		{in.OfficialNumber, "official_number"},
		{in.SailNumber, "sail_number"},
		{in.HullNumber, "hull_number"},
		{in.HomePort, "home_port"},
		{in.HullMaterial, "hull_material"},
		{in.Builder, "builder"},
		{in.Designer, "designer"},
		{in.Class, "class"},
	} {
		c.Text(f.text, f.location, 200)
	}
	if in.Name != nil && *in.Name == "" {
		c.Add("name", "must not be empty", nil)
	}
	c.Country(in.Flag, "flag")
	if in.TimeZone != nil && *in.TimeZone != "" {
		if _, err := time.LoadLocation(*in.TimeZone); err != nil || *in.TimeZone == "Local" {
			c.Add("time_zone", "must be an IANA time zone such as Europe/Madrid", fault.Echo(*in.TimeZone))
		}
	}
	for i, y := range []*int{in.Year, in.BuildYear, in.LaunchYear, in.RefitYear} {
		c.Year(y, []string{"year", "build_year", "launch_year", "refit_year"}[i])
	}
	for i, v := range []*float64{in.LengthM, in.LOAM, in.LWLM, in.BeamM, in.DraftM, in.AirDraftM} {
		c.Number(v, []string{"length_m", "loa_m", "lwl_m", "beam_m", "draft_m", "air_draft_m"}[i], 500)
	}
	c.Number(in.DisplacementKg, "displacement_kg", 1e8)
	in.checkLists(&c)
	return c.Err()
}

func (in *BoatInput) checkLists(c *Checker) {
	if in.Owners != nil {
		total := 0.0
		for i, o := range *in.Owners {
			c.Text(&(*in.Owners)[i].Name, fmt.Sprintf("owners[%d].name", i), 200)
			if (*in.Owners)[i].Name == "" {
				c.Add(fmt.Sprintf("owners[%d].name", i), "must not be empty", nil)
			}
			if o.SharePercent != nil {
				total += *o.SharePercent
			}
		}
		if total > 100.001 {
			c.Add("owners", "the shares add up to more than 100 %", total)
		}
	}
	if in.Uses != nil {
		for i, u := range *in.Uses {
			c.Date(&u.StartsOn, fmt.Sprintf("uses[%d].starts_on", i))
			c.Date(&u.EndsOn, fmt.Sprintf("uses[%d].ends_on", i))
		}
	}
}

func (b *Boat) apply(in BoatInput) {
	set(&b.Name, in.Name)
	set(&b.Make, in.Make)
	set(&b.Model, in.Model)
	setOptional(&b.Year, in.Year)
	setOptional(&b.BuildYear, in.BuildYear)
	setOptional(&b.LaunchYear, in.LaunchYear)
	setOptional(&b.RefitYear, in.RefitYear)
	set(&b.HIN, in.HIN)
	set(&b.MMSI, in.MMSI)
	set(&b.IMO, in.IMO)
	set(&b.CallSign, in.CallSign)
	set(&b.OfficialNumber, in.OfficialNumber)
	set(&b.SailNumber, in.SailNumber)
	set(&b.HullNumber, in.HullNumber)
	set(&b.Flag, in.Flag)
	set(&b.HomePort, in.HomePort)
	set(&b.HullMaterial, in.HullMaterial)
	set(&b.Builder, in.Builder)
	set(&b.Designer, in.Designer)
	set(&b.Class, in.Class)
	setOptional(&b.LengthM, in.LengthM)
	setOptional(&b.LOAM, in.LOAM)
	setOptional(&b.LWLM, in.LWLM)
	setOptional(&b.BeamM, in.BeamM)
	setOptional(&b.DraftM, in.DraftM)
	setOptional(&b.AirDraftM, in.AirDraftM)
	setOptional(&b.DisplacementKg, in.DisplacementKg)
	set(&b.TimeZone, in.TimeZone)
	set(&b.Owners, in.Owners)
	set(&b.Uses, in.Uses)
	b.normalise()
}

// normalise stores numbers the way their authority writes them, when they are
// well formed, and keeps what was typed when they are not.
func (b *Boat) normalise() {
	if b.HIN != "" {
		b.HIN = CheckHIN(b.HIN).Value
	}
	if b.MMSI != "" {
		b.MMSI = CheckMMSI(b.MMSI, b.Flag).Value
	}
	if b.IMO != "" {
		b.IMO = CheckIMO(b.IMO).Value
	}
	if b.CallSign != "" {
		b.CallSign = CheckCallSign(b.CallSign, b.Flag).Value
	}
}

// warn fills in what looks odd about the identities.
func (b *Boat) warn() {
	b.Warnings = []Warning{}
	if b.HIN != "" {
		hin := CheckHIN(b.HIN)
		b.warnings("hin", hin.Finding)
		if b.Year != nil && hin.ModelYear != 0 && hin.ModelYear != *b.Year {
			b.Warnings = append(b.Warnings, Warning{"hin", fmt.Sprintf("the HIN says model year %d, the boat says %d", hin.ModelYear, *b.Year)})
		}
		if b.twins.hin {
			b.Warnings = append(b.Warnings, Warning{"hin", "another boat of this organization has the same HIN"})
		}
	}
	if b.MMSI != "" {
		b.warnings("mmsi", CheckMMSI(b.MMSI, b.Flag).Finding)
		if b.twins.mmsi {
			b.Warnings = append(b.Warnings, Warning{"mmsi", "another boat of this organization has the same MMSI"})
		}
	}
	if b.IMO != "" {
		b.warnings("imo", CheckIMO(b.IMO).Finding)
	}
	if b.CallSign != "" {
		b.warnings("call_sign", CheckCallSign(b.CallSign, b.Flag).Finding)
	}
}

func (b *Boat) warnings(field string, f Finding) {
	all := f.Warnings
	if f.Error != "" {
		all = append([]string{f.Error}, all...)
	}
	for i, message := range all {
		if i == len(all)-1 && f.Suggestion != "" {
			message += "; did you mean " + f.Suggestion + "?"
		}
		b.Warnings = append(b.Warnings, Warning{field, message})
	}
}

// columns are the stored columns in the order of fields.
const boatColumns = `id, org_id, slug, name, make, model, year, build_year, launch_year, refit_year, hin, mmsi, imo, call_sign,
	official_number, sail_number, hull_number, flag, home_port, hull_material, builder, designer, class,
	length_m, loa_m, lwl_m, beam_m, draft_m, air_draft_m, displacement_kg, time_zone`

func (b *Boat) fields() []any {
	return []any{
		&b.ID, &b.OrgID, &b.Slug, &b.Name, &b.Make, &b.Model, &b.Year, &b.BuildYear, &b.LaunchYear, &b.RefitYear,
		&b.HIN, &b.MMSI, &b.IMO, &b.CallSign, &b.OfficialNumber, &b.SailNumber, &b.HullNumber, &b.Flag, &b.HomePort,
		&b.HullMaterial, &b.Builder, &b.Designer, &b.Class, &b.LengthM, &b.LOAM, &b.LWLM, &b.BeamM, &b.DraftM,
		&b.AirDraftM, &b.DisplacementKg, &b.TimeZone,
	}
}

func scanBoat(r db.Row) (b Boat, err error) {
	var created, updated int64
	var frozen *int64
	err = r.Scan(append(b.fields(), &created, &updated, &frozen, &b.twins.hin, &b.twins.mmsi)...)
	b.CreatedAt, b.UpdatedAt, b.FrozenAt = db.Time(created), db.Time(updated), db.TimePtr(frozen)
	b.Owners, b.Uses = []Owner{}, []Use{}
	b.warn()
	return b, err
}

// A number that is not there has no twin: without the CASE, all boats that lack it are read.
const selectBoat = "SELECT " + boatColumns + `, created_at, updated_at, frozen_at,
	CASE WHEN boats.hin = '' THEN FALSE ELSE
		EXISTS (SELECT 1 FROM boats o WHERE o.org_id = boats.org_id AND o.hin = boats.hin AND o.id <> boats.id AND o.deleted_at IS NULL) END,
	CASE WHEN boats.mmsi = '' THEN FALSE ELSE
		EXISTS (SELECT 1 FROM boats o WHERE o.org_id = boats.org_id AND o.mmsi = boats.mmsi AND o.id <> boats.id AND o.deleted_at IS NULL) END
	FROM boats`

// Boat reads one; NotFound when it does not exist or is not the actor's.
func (s *Service) Boat(ctx context.Context, who account.Actor, id BoatID) (b Boat, err error) {
	defer fault.Wrap(&err, "fleet.Boat %s", id)
	return s.boat(ctx, s.db, who, id, account.Viewer)
}

// BoatIn reads a boat within a transaction, asking for a role on it.
func (s *Service) BoatIn(ctx context.Context, tx *db.Tx, who account.Actor, id BoatID, role account.Role) (Boat, error) {
	return s.boat(ctx, tx, who, id, role)
}

func (s *Service) boat(ctx context.Context, q db.Querier, who account.Actor, id BoatID, role account.Role) (Boat, error) {
	b, err := db.One(ctx, q, scanBoat, selectBoat+" WHERE id = $1 AND deleted_at IS NULL", id)
	if fault.Is(err, fault.NotFound) {
		return b, fault.New(fault.NotFound, "boat not found")
	}
	if err != nil {
		return b, err
	}
	if err := who.On(b.OrgID, id).Require(role, "boat"); err != nil {
		return Boat{}, err
	}
	if b.FrozenAt != nil && role != account.Viewer {
		return Boat{}, sold(b.Name, *b.FrozenAt)
	}
	one := []Boat{b}
	err = attachLists(ctx, q, one)
	return one[0], err
}

// BoatFilter narrows a list of boats.
type BoatFilter struct {
	Query string // part of name, make or model
	Sort  string // name, -name, year, -year, created_at, -created_at
	Page
}

// The engines place NULL differently: boats without a year always come last.
var boatOrders = map[string]string{
	"": "name_fold, id", "name": "name_fold, id", "-name": "name_fold DESC, id DESC",
	"year": "year IS NULL, year, id", "-year": "year IS NULL, year DESC, id DESC", "created_at": "created_at, id", "-created_at": "created_at DESC, id DESC",
}

// Boats lists what the actor may see, and the total.
func (s *Service) Boats(ctx context.Context, who account.Actor, f BoatFilter) (_ []Boat, total int, err error) {
	defer fault.Wrap(&err, "fleet.Boats")
	order, ok := boatOrders[f.Sort]
	if !ok {
		return nil, 0, fault.Fields(fault.Field{Location: "query.sort", Message: "must be name, year or created_at, with - for descending", Value: fault.Echo(f.Sort)})
	}
	var w db.Where
	w.Add("deleted_at IS NULL")
	who.Visible(&w, "org_id", "id")
	if f.Query != "" {
		w.Add(`search_fold LIKE ? ESCAPE '\'`, "%"+db.LikeEscape(db.Fold(f.Query))+"%")
	}
	if total, err = db.One(ctx, s.db, db.Scalar[int], "SELECT count(*) FROM boats WHERE "+w.SQL(), w.Args()...); err != nil {
		return nil, 0, err
	}
	query := selectBoat + " WHERE " + w.SQL() + " ORDER BY " + order
	query += " LIMIT " + w.Arg(f.Limit) + " OFFSET " + w.Arg(f.Offset)
	boats, err := db.Collect(ctx, s.db, scanBoat, query, w.Args()...)
	if err != nil {
		return nil, 0, err
	}
	return boats, total, attachLists(ctx, s.db, boats)
}

// attachLists reads owners and uses of several boats at once.
func attachLists(ctx context.Context, q db.Querier, boats []Boat) error {
	if len(boats) == 0 {
		return nil
	}
	at := make(map[BoatID]*Boat, len(boats))
	ids := make([]BoatID, len(boats))
	for i := range boats {
		ids[i], at[boats[i].ID] = boats[i].ID, &boats[i]
	}
	var w db.Where
	db.In(&w, "boat_id", ids)
	_, err := db.Collect(ctx, q, func(r db.Row) (_ struct{}, err error) {
		var id BoatID
		var o Owner
		err = r.Scan(&id, &o.Name, &o.SharePercent, &o.Contact, &o.Signs)
		at[id].Owners = append(at[id].Owners, o)
		return struct{}{}, err
	}, "SELECT boat_id, name, share_percent, contact, signs FROM boat_owners WHERE "+w.SQL()+" ORDER BY id", w.Args()...)
	if err != nil {
		return err
	}
	_, err = db.Collect(ctx, q, func(r db.Row) (_ struct{}, err error) {
		var id BoatID
		var u Use
		var starts, ends *Date
		err = r.Scan(&id, &u.Use, &starts, &ends)
		set(&u.StartsOn, starts)
		set(&u.EndsOn, ends)
		at[id].Uses = append(at[id].Uses, u)
		return struct{}{}, err
	}, "SELECT boat_id, use, starts_on, ends_on FROM boat_uses WHERE "+w.SQL()+" ORDER BY id", w.Args()...)
	return err
}

// BoatData is the payload of boat.created, boat.updated and boat.deleted.
type BoatData struct {
	BoatID BoatID `json:"boat_id"`
	Slug   string `json:"slug"`
	Name   string `json:"name"`
	Make   string `json:"make"`
	Model  string `json:"model"`
	Year   *int   `json:"year"`
}

func (s *Service) tell(ctx context.Context, tx *db.Tx, who account.Actor, verb string, b Boat) error {
	err := s.accounts.Audit(ctx, tx, who, account.Entry{OrgID: b.OrgID, Action: "boat." + verb, Kind: "boat", SubjectID: string(b.ID), BoatID: b.ID})
	if err != nil {
		return err
	}
	return s.events.Append(ctx, tx, event.Event{
		Type: "boat." + verb, OrgID: string(b.OrgID), Boat: &event.Boat{ID: string(b.ID), Name: b.Name}, ActorID: string(who.UserID),
		Data: BoatData{BoatID: b.ID, Slug: b.Slug, Name: b.Name, Make: b.Make, Model: b.Model, Year: b.Year},
	})
}

// CreateBoat adds a boat to an organization where the actor is a manager.
func (s *Service) CreateBoat(ctx context.Context, who account.Actor, org account.OrgID, in BoatInput) (b Boat, err error) {
	defer fault.Wrap(&err, "fleet.CreateBoat")
	if err := in.checkNew(); err != nil {
		return b, err
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		b, err = s.CreateBoatIn(ctx, tx, who, org, in)
		return err
	})
	if err != nil {
		return b, err
	}
	return s.boat(ctx, s.db, who, b.ID, account.Viewer)
}

// CreateBoatIn is CreateBoat within a transaction, for others who add something to
// the boat in it.
func (s *Service) CreateBoatIn(ctx context.Context, tx *db.Tx, who account.Actor, org account.OrgID, in BoatInput) (b Boat, err error) {
	if err := in.checkNew(); err != nil {
		return b, err
	}
	if err := who.Require(org, account.Manager, "organization"); err != nil {
		return b, err
	}
	b = Boat{ID: in.ID, OrgID: org, CreatedAt: tx.Now(), UpdatedAt: tx.Now(), Owners: []Owner{}, Uses: []Use{}}
	if b.ID == "" {
		b.ID = BoatID(db.NewID())
	}
	b.apply(in)
	if b.Slug, err = freeSlug(ctx, tx, org, b.Name); err != nil {
		return b, err
	}
	if err := insertBoat(ctx, tx, &b); err != nil {
		return b, err
	}
	if err := replaceLists(ctx, tx, &b); err != nil {
		return b, err
	}
	return b, s.tell(ctx, tx, who, "created", b)
}

// searchFold is what a list's filter looks in.
func (b *Boat) searchFold() string { return db.Fold(b.Name + "\n" + b.Make + "\n" + b.Model) }

func insertBoat(ctx context.Context, tx *db.Tx, b *Boat) error {
	args := append(b.fields(), db.Fold(b.Name), b.searchFold(), db.Micros(b.CreatedAt), db.Micros(b.UpdatedAt))
	var w db.Where
	marks := make([]string, len(args))
	for i, a := range args {
		marks[i] = w.Arg(a)
	}
	_, err := tx.Exec(ctx, "INSERT INTO boats ("+boatColumns+", name_fold, search_fold, created_at, updated_at) VALUES ("+strings.Join(marks, ", ")+")", w.Args()...)
	return err
}

// UpdateBoat changes what is given, if the boat is still at the version that
// the actor read.
func (s *Service) UpdateBoat(ctx context.Context, who account.Actor, id BoatID, in BoatInput, at Version) (b Boat, err error) {
	defer fault.Wrap(&err, "fleet.UpdateBoat %s", id)
	if err := in.check(); err != nil {
		return b, err
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if b, err = s.boat(ctx, tx, who, id, account.Manager); err != nil {
			return err
		}
		if err := at.Check(b.UpdatedAt); err != nil {
			return err
		}
		b.apply(in)
		b.UpdatedAt = Touched(tx, b.UpdatedAt)
		if err := updateBoat(ctx, tx, &b); err != nil {
			return err
		}
		if err := replaceLists(ctx, tx, &b); err != nil {
			return err
		}
		return s.tell(ctx, tx, who, "updated", b)
	})
	if err != nil {
		return b, err
	}
	return s.boat(ctx, s.db, who, id, account.Viewer)
}

func updateBoat(ctx context.Context, tx *db.Tx, b *Boat) error {
	var w db.Where
	columns := strings.Split(boatColumns, ",")
	sets := []string{"name_fold = " + w.Arg(db.Fold(b.Name)), "search_fold = " + w.Arg(b.searchFold()), "updated_at = " + w.Arg(db.Micros(b.UpdatedAt))}
	for i, field := range b.fields() {
		if column := strings.TrimSpace(columns[i]); column != "id" && column != "org_id" && column != "slug" {
			sets = append(sets, column+" = "+w.Arg(field))
		}
	}
	_, err := tx.Exec(ctx, "UPDATE boats SET "+strings.Join(sets, ", ")+" WHERE id = "+w.Arg(b.ID), w.Args()...)
	return err
}

func replaceLists(ctx context.Context, tx *db.Tx, b *Boat) error {
	for _, text := range []string{"DELETE FROM boat_owners WHERE boat_id = $1", "DELETE FROM boat_uses WHERE boat_id = $1"} {
		if _, err := tx.Exec(ctx, text, b.ID); err != nil {
			return err
		}
	}
	for _, o := range b.Owners {
		_, err := tx.Exec(ctx, "INSERT INTO boat_owners (id, boat_id, name, share_percent, contact, signs) VALUES ($1, $2, $3, $4, $5, $6)",
			db.NewID(), b.ID, o.Name, o.SharePercent, db.Text(o.Contact), o.Signs)
		if err != nil {
			return err
		}
	}
	for _, u := range b.Uses {
		_, err := tx.Exec(ctx, "INSERT INTO boat_uses (id, boat_id, use, starts_on, ends_on) VALUES ($1, $2, $3, $4, $5)",
			db.NewID(), b.ID, u.Use, db.OrNull(u.StartsOn), db.OrNull(u.EndsOn))
		if err != nil {
			return err
		}
	}
	return nil
}

// DeleteBoat hides a boat; its rows stay until a purge.
func (s *Service) DeleteBoat(ctx context.Context, who account.Actor, id BoatID, at Version) (b Boat, err error) {
	defer fault.Wrap(&err, "fleet.DeleteBoat %s", id)
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if b, err = s.boat(ctx, tx, who, id, account.Manager); err != nil {
			return err
		}
		if err := at.Check(b.UpdatedAt); err != nil {
			return err
		}
		now := db.Micros(Touched(tx, b.UpdatedAt))
		// The slug is given up, so that another boat may have the name.
		_, err := tx.Exec(ctx, "UPDATE boats SET deleted_at = $1, updated_at = $1, slug = $2 WHERE id = $3", now, b.Slug+"~"+string(b.ID), id)
		if err != nil {
			return err
		}
		if err := s.hideEquipment(ctx, tx, id); err != nil {
			return err
		}
		return s.tell(ctx, tx, who, "deleted", b)
	})
	return b, err
}

// hideEquipment makes what is installed on a deleted boat unfindable.
func (s *Service) hideEquipment(ctx context.Context, tx *db.Tx, id BoatID) error {
	all, err := db.Collect(ctx, tx, scanEquipment, "SELECT "+equipmentColumns+" FROM equipment WHERE boat_id = $1 AND deleted_at IS NULL", id)
	if err != nil {
		return err
	}
	now := tx.Now()
	for _, e := range all {
		e.DeletedAt = &now
		if err := s.indexed(ctx, tx, e); err != nil {
			return err
		}
	}
	return nil
}

// freeSlug makes a name for machines from a boat's name: the name itself, or with a
// number that is free after one that is taken, and that nobody else is given before
// the transaction ends. It asks a dozen times where thousands have the name.
func freeSlug(ctx context.Context, tx *db.Tx, org account.OrgID, name string) (string, error) {
	if err := account.LockOrganization(ctx, tx, org); err != nil {
		return "", err
	}
	base := slug(name)
	numbered := func(n int) string {
		if n == 1 {
			return base
		}
		return fmt.Sprintf("%s-%d", base, n)
	}
	taken := func(n int) (bool, error) {
		found, err := db.One(ctx, tx, db.Scalar[int], "SELECT count(*) FROM boats WHERE org_id = $1 AND slug = $2", org, numbered(n))
		return found > 0, err
	}
	low, high := 0, 1
	for {
		if is, err := taken(high); err != nil {
			return "", err
		} else if !is {
			break
		}
		low, high = high, 2*high
	}
	for high-low > 1 {
		middle := (low + high) / 2
		if is, err := taken(middle); err != nil {
			return "", err
		} else if is {
			low = middle
		} else {
			high = middle
		}
	}
	return numbered(high), nil
}

func slug(name string) string {
	var b strings.Builder
	for _, r := range db.Fold(name) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		if b.Len() >= 40 {
			break
		}
	}
	if s := strings.Trim(b.String(), "-"); s != "" {
		return s
	}
	return "boat"
}
