// Package warranty keeps what is covered until when.
//
// It guarantees: an expiry is computed, never typed: whole months from the
// start, clamped to the month's end; "today" is the calendar date in the
// boat's or its organization's time zone; expiration_date is the last day of
// cover.
package warranty

import (
	"context"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/event"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
)

// ID identifies a warranty.
type ID string

// Status is what a reader is told about a warranty.
type Status string

// The statuses.
const (
	Active  Status = "active"
	Claimed Status = "claimed"
	Void    Status = "void"
	Expired Status = "expired"
)

// Warranty is a promise of a maker or dealer about one item.
type Warranty struct {
	ID                 ID                 `json:"id"`
	OrgID              account.OrgID      `json:"organization_id"`
	BoatID             fleet.BoatID       `json:"boat_id"`
	BoatName           string             `json:"boat_name"`
	EquipmentID        *fleet.EquipmentID `json:"equipment_id"`
	ItemName           string             `json:"item_name"`
	Provider           string             `json:"provider"`
	SerialNumber       string             `json:"serial_number"`
	PurchaseDate       fleet.Date         `json:"purchase_date" format:"date"`
	StartDate          fleet.Date         `json:"start_date" format:"date"`
	Months             int                `json:"warranty_period_months"`
	ExpirationDate     fleet.Date         `json:"expiration_date" format:"date" doc:"the last day of cover, computed"`
	DaysLeft           int                `json:"days_until_expiration" doc:"negative after the end"`
	Level              *string            `json:"level" enum:"critical,warning,info" doc:"null beyond 90 days or when not active"`
	Status             Status             `json:"status" enum:"active,claimed,void,expired"`
	HoursLimit         *float64           `json:"hours_limit"`
	CoverageAmount     *float64           `json:"coverage_amount" doc:"hidden from viewers"`
	Currency           string             `json:"currency"`
	RegistrationNumber string             `json:"registration_number"`
	Transferable       bool               `json:"transferable"`
	ClaimInstructions  string             `json:"claim_instructions"`
	CreatedAt          time.Time          `json:"created_at"`
	UpdatedAt          time.Time          `json:"updated_at"`

	state    string
	timeZone string
}

// Input is what is given to create a warranty.
type Input struct {
	BoatID             fleet.BoatID       `json:"boat_id"`
	EquipmentID        *fleet.EquipmentID `json:"equipment_id,omitempty"`
	ItemName           string             `json:"item_name" minLength:"1" maxLength:"200"`
	Provider           string             `json:"provider,omitempty" maxLength:"200"`
	SerialNumber       string             `json:"serial_number,omitempty" maxLength:"200"`
	PurchaseDate       fleet.Date         `json:"purchase_date" format:"date"`
	StartDate          fleet.Date         `json:"start_date,omitempty" format:"date" doc:"the purchase date unless given"`
	Months             int                `json:"warranty_period_months" minimum:"1" maximum:"360"`
	HoursLimit         *float64           `json:"hours_limit,omitempty" minimum:"0" maximum:"1000000"`
	CoverageAmount     *float64           `json:"coverage_amount,omitempty" minimum:"0" maximum:"1000000000"`
	Currency           string             `json:"currency,omitempty" pattern:"^[A-Z]{3}$"`
	RegistrationNumber string             `json:"registration_number,omitempty" maxLength:"200"`
	Transferable       bool               `json:"transferable,omitempty"`
	ClaimInstructions  string             `json:"claim_instructions,omitempty" maxLength:"5000"`
}

func (in *Input) check() error {
	var faults []fault.Field
	add := func(location, message string) {
		faults = append(faults, fault.Field{Location: "body." + location, Message: message})
	}
	for _, text := range []*string{&in.ItemName, &in.Provider, &in.SerialNumber, &in.RegistrationNumber, &in.ClaimInstructions} {
		*text = strings.TrimSpace(db.Text(*text))
	}
	if in.BoatID == "" {
		add("boat_id", "name the boat")
	}
	if n := utf8.RuneCountInString(in.ItemName); n < 1 || n > 200 {
		add("item_name", "must have 1 to 200 characters")
	}
	if in.StartDate == "" {
		in.StartDate = in.PurchaseDate
	}
	for i, d := range []fleet.Date{in.PurchaseDate, in.StartDate} {
		if _, f := fleet.ParseDate(string(d), "body."+[]string{"purchase_date", "start_date"}[i]); f != nil && (i == 0 || d != in.PurchaseDate) {
			faults = append(faults, *f)
		}
	}
	if in.Months < 1 || in.Months > 360 {
		add("warranty_period_months", "must be 1 to 360")
	}
	if len(faults) == 0 && len(AddMonths(in.StartDate, in.Months)) != len(time.DateOnly) {
		add("start_date", "the cover would end after the year 9999")
	}
	if in.CoverageAmount != nil && in.Currency == "" {
		add("currency", "an amount needs its currency, such as EUR")
	}
	if len(faults) > 0 {
		return fault.Fields(faults...)
	}
	return nil
}

// AddMonths adds whole months to a date, clamped to the end of the month:
// 2024-01-31 plus 1 is 2024-02-29.
func AddMonths(d fleet.Date, months int) fleet.Date {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return d
	}
	first := time.Date(t.Year(), t.Month()+time.Month(months), 1, 0, 0, 0, 0, time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return fleet.Date(first.AddDate(0, 0, min(t.Day(), last)-1).Format(time.DateOnly))
}

// daysBetween counts calendar days from one date to another.
func daysBetween(from, to fleet.Date) int {
	a, errA := time.Parse(time.DateOnly, string(from))
	b, errB := time.Parse(time.DateOnly, string(to))
	if errA != nil || errB != nil {
		return 0
	}
	return int(math.Round(b.Sub(a).Hours() / 24))
}

// Today is the calendar date at an instant in a time zone, UTC when unknown.
func Today(now time.Time, zone string) fleet.Date {
	loc, err := time.LoadLocation(zone)
	if err != nil || zone == "" {
		loc = time.UTC
	}
	return fleet.Date(now.In(loc).Format(time.DateOnly))
}

// judge fills in what depends on the day.
func (w *Warranty) judge(now time.Time) {
	w.DaysLeft = daysBetween(Today(now, w.timeZone), w.ExpirationDate)
	if w.Status = Status(w.state); w.Status == Active && w.DaysLeft < 0 {
		w.Status = Expired
	}
	if w.Level = nil; w.Status != Active {
		return
	}
	level := ""
	switch {
	case w.DaysLeft < 14:
		level = "critical"
	case w.DaysLeft <= 30:
		level = "warning"
	case w.DaysLeft <= 90:
		level = "info"
	default:
		return
	}
	w.Level = &level
}

// Service is the warranties of one installation.
type Service struct {
	db       *db.DB
	accounts *account.Service
	boats    *fleet.Service
	events   *event.Outbox
}

// New makes the service.
func New(d *db.DB, accounts *account.Service, boats *fleet.Service, events *event.Outbox) *Service {
	return &Service{db: d, accounts: accounts, boats: boats, events: events}
}

const selectWarranty = `SELECT w.id, w.org_id, w.boat_id, b.name, w.equipment_id, w.item_name, w.provider, w.serial_number, w.purchase_date,
	w.start_date, w.warranty_period_months, w.expiration_date, w.hours_limit, w.coverage_minor, w.currency, w.registration_number,
	w.transferable, w.claim_instructions, w.state, w.created_at, w.updated_at,
	CASE WHEN b.time_zone <> '' THEN b.time_zone ELSE s.time_zone END
	FROM warranty_tracking w JOIN boats b ON b.id = w.boat_id JOIN organization_settings s ON s.org_id = w.org_id`

// scanner reads a row as an actor may see it, on the day of now.
func scanner(who account.Actor, now time.Time) func(db.Row) (Warranty, error) {
	return func(r db.Row) (w Warranty, err error) {
		var minor *int64
		var created, updated int64
		err = r.Scan(&w.ID, &w.OrgID, &w.BoatID, &w.BoatName, &w.EquipmentID, &w.ItemName, &w.Provider, &w.SerialNumber, &w.PurchaseDate,
			&w.StartDate, &w.Months, &w.ExpirationDate, &w.HoursLimit, &minor, &w.Currency, &w.RegistrationNumber,
			&w.Transferable, &w.ClaimInstructions, &w.state, &created, &updated, &w.timeZone)
		w.CreatedAt, w.UpdatedAt = db.Time(created), db.Time(updated)
		if minor != nil && who.Roles[w.OrgID].AtLeast(account.Member) {
			amount := float64(*minor) / minorUnits(w.Currency)
			w.CoverageAmount = &amount
		}
		w.judge(now)
		return w, err
	}
}

// minorUnits is how many minor units make one of a currency (ISO 4217).
func minorUnits(currency string) float64 {
	switch currency {
	case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF":
		return 1
	case "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND":
		return 1000
	case "CLF", "UYW":
		return 10_000
	}
	return 100
}

// Warranty reads one.
func (s *Service) Warranty(ctx context.Context, who account.Actor, id ID) (w Warranty, err error) {
	defer fault.Wrap(&err, "warranty.Warranty %s", id)
	return s.load(ctx, s.db, who, id)
}

func (s *Service) load(ctx context.Context, q db.Querier, who account.Actor, id ID) (Warranty, error) {
	w, err := db.One(ctx, q, scanner(who, s.db.Now()), selectWarranty+" WHERE w.id = $1 AND w.deleted_at IS NULL AND b.deleted_at IS NULL", id)
	if fault.Is(err, fault.NotFound) {
		return w, fault.New(fault.NotFound, "warranty not found")
	}
	if err != nil {
		return w, err
	}
	return w, who.Require(w.OrgID, account.Viewer, "warranty")
}

// Filter narrows a list of warranties.
type Filter struct {
	BoatID   fleet.BoatID
	Status   Status
	Provider string
	// Within keeps those that end in at most so many days, -1 for no limit.
	Within         int
	IncludeExpired bool
	fleet.Page
}

// maxListed bounds what is judged by its day in memory: the status depends on
// each boat's own calendar, so the database alone cannot tell it.
const maxListed = 50_000

// Warranties lists what the actor may see, soonest end first, and the total.
func (s *Service) Warranties(ctx context.Context, who account.Actor, f Filter) (_ []Warranty, total int, err error) {
	defer fault.Wrap(&err, "warranty.Warranties")
	var w db.Where
	w.Add("w.deleted_at IS NULL AND b.deleted_at IS NULL")
	db.In(&w, "w.org_id", who.Orgs(account.Viewer))
	if f.BoatID != "" {
		if _, err := s.boats.Names(ctx, s.db, who, []fleet.BoatID{f.BoatID}, account.Viewer); err != nil {
			return nil, 0, err
		}
		w.Add("w.boat_id = ?", f.BoatID)
	}
	if f.Provider != "" {
		w.Add("lower(w.provider) = ?", strings.ToLower(f.Provider))
	}
	// A day more at either side covers every time zone; judge is exact.
	if f.Within >= 0 {
		w.Add("w.expiration_date <= ?", Today(s.db.Now().AddDate(0, 0, f.Within+1), "UTC"))
	}
	if f.Status == Active || f.Within >= 0 && !f.IncludeExpired {
		w.Add("w.expiration_date >= ?", Today(s.db.Now().AddDate(0, 0, -1), "UTC"))
	}
	all, err := db.Collect(ctx, s.db, scanner(who, s.db.Now()),
		selectWarranty+" WHERE "+w.SQL()+" ORDER BY w.expiration_date, w.id LIMIT "+w.Arg(maxListed), w.Args()...)
	if err != nil {
		return nil, 0, err
	}
	kept := all[:0]
	for _, x := range all {
		if f.keeps(x) {
			kept = append(kept, x)
		}
	}
	total = len(kept)
	from := min(f.Offset, total)
	return kept[from:min(from+f.Limit, total)], total, nil
}

func (f Filter) keeps(w Warranty) bool {
	if f.Status != "" && w.Status != f.Status {
		return false
	}
	if f.Within < 0 {
		return true
	}
	if w.DaysLeft > f.Within {
		return false
	}
	return w.Status == Active || f.IncludeExpired && w.Status == Expired
}

// Data is the payload of the warranty events.
type Data struct {
	WarrantyID     ID           `json:"warranty_id"`
	BoatID         fleet.BoatID `json:"boat_id"`
	ItemName       string       `json:"item_name"`
	Provider       string       `json:"provider"`
	ExpirationDate fleet.Date   `json:"expiration_date"`
	DaysLeft       int          `json:"days_until_expiration"`
}

// Create records a warranty; members may.
func (s *Service) Create(ctx context.Context, who account.Actor, in Input) (w Warranty, err error) {
	defer fault.Wrap(&err, "warranty.Create")
	if err := in.check(); err != nil {
		return w, err
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		names, err := s.boats.Names(ctx, tx, who, []fleet.BoatID{in.BoatID}, account.Member)
		if err != nil {
			return err
		}
		if in.EquipmentID != nil {
			e, err := s.boats.EquipmentIn(ctx, tx, who, *in.EquipmentID, account.Member)
			if err != nil {
				return err
			}
			if e.BoatID != in.BoatID {
				return fault.Fields(fault.Field{Location: "body.equipment_id", Message: "is installed on another boat"})
			}
		}
		id := ID(db.NewID())
		if err := insert(ctx, tx, id, names[0].OrgID, in); err != nil {
			return err
		}
		if w, err = s.load(ctx, tx, who, id); err != nil {
			return err
		}
		return s.tell(ctx, tx, who, "created", w)
	})
	return w, err
}

func insert(ctx context.Context, tx *db.Tx, id ID, org account.OrgID, in Input) error {
	var minor *int64
	if in.CoverageAmount != nil {
		m := int64(math.Round(*in.CoverageAmount * minorUnits(in.Currency)))
		minor = &m
	}
	_, err := tx.Exec(ctx, `INSERT INTO warranty_tracking (id, org_id, boat_id, equipment_id, item_name, item_name_fold, provider, serial_number,
		purchase_date, start_date, warranty_period_months, expiration_date, hours_limit, coverage_minor, currency, registration_number,
		transferable, claim_instructions, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)`,
		id, org, in.BoatID, in.EquipmentID, in.ItemName, db.Fold(in.ItemName), in.Provider, in.SerialNumber,
		in.PurchaseDate, in.StartDate, in.Months, AddMonths(in.StartDate, in.Months), in.HoursLimit, minor, in.Currency,
		in.RegistrationNumber, in.Transferable, in.ClaimInstructions, db.Micros(tx.Now()), db.Micros(tx.Now()))
	return err
}

func (s *Service) tell(ctx context.Context, tx *db.Tx, who account.Actor, verb string, w Warranty) error {
	err := s.accounts.Audit(ctx, tx, who, account.Entry{OrgID: w.OrgID, Action: "warranty." + verb, Kind: "warranty", SubjectID: string(w.ID), BoatID: w.BoatID})
	if err != nil {
		return err
	}
	return s.events.Append(ctx, tx, event.Event{
		Type: "warranty." + verb, OrgID: string(w.OrgID), Boat: &event.Boat{ID: string(w.BoatID), Name: w.BoatName}, ActorID: string(who.UserID),
		Data: Data{WarrantyID: w.ID, BoatID: w.BoatID, ItemName: w.ItemName, Provider: w.Provider, ExpirationDate: w.ExpirationDate, DaysLeft: w.DaysLeft},
	})
}
