// Package warranty keeps what is covered until when, and what is claimed.
//
// It guarantees: an end is computed, never typed: the earliest of whole months
// from the start, clamped to the month's end, of the hours that a meter was read
// to have, and of the months after the maker's invoice; "today" is the calendar
// date in the boat's or its organization's time zone; expiration_date is the
// last day of cover. A claim keeps each of its states with its date. A claim
// package holds the papers as they are stored, or says which are gone and why.
package warranty

import (
	"context"
	"slices"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/blob"
	"navidocs/internal/db"
	"navidocs/internal/document"
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
	Deleted Status = "deleted"
)

// Warranty is a promise of a maker or dealer about one item.
type Warranty struct {
	ID                 ID                 `json:"id"`
	OrgID              account.OrgID      `json:"organization_id"`
	BoatID             fleet.BoatID       `json:"boat_id"`
	BoatName           string             `json:"boat_name"`
	EquipmentID        *fleet.EquipmentID `json:"equipment_id"`
	EngineID           *fleet.EngineID    `json:"engine_id"`
	ItemName           string             `json:"item_name"`
	Provider           string             `json:"provider"`
	SerialNumber       string             `json:"serial_number"`
	PurchaseDate       fleet.Date         `json:"purchase_date" format:"date"`
	StartDate          fleet.Date         `json:"start_date" format:"date"`
	Months             int                `json:"warranty_period_months"`
	HoursLimit         *float64           `json:"hours_limit"`
	HoursAtStart       float64            `json:"hours_at_start"`
	MakerInvoiceDate   *fleet.Date        `json:"maker_invoice_date" format:"date"`
	MonthsAfterInvoice *int               `json:"months_after_invoice"`
	ExpirationDate     fleet.Date         `json:"expiration_date" format:"date" doc:"the last day of cover, computed"`
	EndsBy             string             `json:"ends_by" enum:"months,hours,invoice" doc:"which limit comes first"`
	DaysLeft           int                `json:"days_until_expiration" doc:"negative after the end"`
	Level              *string            `json:"level" enum:"critical,warning,info" doc:"null beyond 90 days or when not active"`
	Status             Status             `json:"status" enum:"active,claimed,void,expired,deleted"`
	VoidReason         string             `json:"void_reason"`
	CoverageAmount     *float64           `json:"coverage_amount" doc:"hidden from viewers"`
	Currency           string             `json:"currency"`
	Lines              []Line             `json:"coverage_lines" doc:"what is covered for a time of its own"`
	RegistrationNumber string             `json:"registration_number"`
	Transferable       bool               `json:"transferable"`
	TransferWindowDays *int               `json:"transfer_window_days" doc:"days after a sale in which the new owner must be registered"`
	TransferCost       *float64           `json:"transfer_cost" doc:"hidden from viewers"`
	ClaimInstructions  string             `json:"claim_instructions"`
	TermsSource        string             `json:"terms_source" doc:"where applied terms come from"`
	Thresholds         []Threshold        `json:"thresholds,omitempty" doc:"only where one warranty is read"`
	CreatedAt          time.Time          `json:"created_at"`
	UpdatedAt          time.Time          `json:"updated_at"`

	state    string // as stored: active, claimed or void
	deleted  bool
	timeZone string
}

// Line is a part of what is covered, with an end of its own.
type Line struct {
	ID                 string      `json:"id"`
	Coverage           string      `json:"coverage" example:"structure"`
	Months             *int        `json:"months"`
	HoursLimit         *float64    `json:"hours_limit"`
	MonthsAfterInvoice *int        `json:"months_after_invoice"`
	ExpirationDate     *fleet.Date `json:"expiration_date" format:"date" doc:"the last day of cover; null while only hours could end it"`
	EndsBy             string      `json:"ends_by" enum:"months,hours,invoice,"`
	DaysLeft           *int        `json:"days_until_expiration"`
	Status             Status      `json:"status" enum:"active,claimed,void,expired,deleted"`
	TermsSource        string      `json:"terms_source"`
}

// judge fills in what depends on the day, which is that of its time zone.
func (w *Warranty) judge(today fleet.Date) {
	w.DaysLeft = daysBetween(today, w.ExpirationDate)
	w.Status = w.statusOf(w.DaysLeft)
	w.Level = w.level()
	for i := range w.Lines {
		l := &w.Lines[i]
		l.Status = w.statusOf(0)
		if l.ExpirationDate != nil {
			days := daysBetween(today, *l.ExpirationDate)
			l.DaysLeft, l.Status = &days, w.statusOf(days)
		}
	}
}

func (w *Warranty) statusOf(days int) Status {
	switch {
	case w.deleted:
		return Deleted
	case w.state == string(Active) && days < 0:
		return Expired
	}
	return Status(w.state)
}

func (w *Warranty) level() *string {
	level := ""
	switch {
	case w.Status != Active || w.DaysLeft > 90:
		return nil
	case w.DaysLeft < 14:
		level = "critical"
	case w.DaysLeft <= 30:
		level = "warning"
	default:
		level = "info"
	}
	return &level
}

// Service is the warranties of one installation.
type Service struct {
	db       *db.DB
	store    blob.Store
	accounts *account.Service
	boats    *fleet.Service
	papers   *document.Service
	events   *event.Outbox
}

// New makes the service, has it told of every reading of hours, its warranties
// found by search, and what they name kept: papers and engines.
func New(d *db.DB, store blob.Store, accounts *account.Service, boats *fleet.Service, papers *document.Service, events *event.Outbox) *Service {
	s := &Service{db: d, store: store, accounts: accounts, boats: boats, papers: papers, events: events}
	boats.OnReading(s.remeasure)
	boats.OnEngineDelete(engineNeeded)
	papers.Hold("warranty_documents", "warranty_claim_documents", "warranty_claim_log")
	papers.Include(document.Kind{Name: searchKind, Find: s.subject, Each: s.eachSubject})
	return s
}

const zone = "CASE WHEN b.time_zone <> '' THEN b.time_zone ELSE o.time_zone END"

const fromWarranties = ` FROM warranty_tracking w JOIN boats b ON b.id = w.boat_id JOIN organization_settings o ON o.org_id = w.org_id`

const selectWarranty = `SELECT w.id, w.org_id, w.boat_id, b.name, w.equipment_id, w.engine_id, w.item_name, w.provider, w.serial_number,
	w.purchase_date, w.start_date, w.warranty_period_months, w.hours_limit, w.hours_at_start, w.maker_invoice_date, w.months_after_invoice,
	w.expiration_date, w.ends_by, w.coverage_minor, w.currency, w.registration_number, w.transferable, w.transfer_window_days,
	w.transfer_cost_minor, w.claim_instructions, w.terms_source, w.state, w.void_reason, w.created_at, w.updated_at,
	w.deleted_at IS NOT NULL, ` + zone + `, EXISTS (SELECT 1 FROM warranty_lines l WHERE l.warranty_id = w.id)` + fromWarranties

// stored is a warranty with its amounts as they are kept.
type stored struct {
	Warranty

	coverage, transferCost *int64
	hasLines               bool
}

func scanWarranty(r db.Row) (w *stored, err error) {
	w = &stored{}
	var created, updated int64
	err = r.Scan(&w.ID, &w.OrgID, &w.BoatID, &w.BoatName, &w.EquipmentID, &w.EngineID, &w.ItemName, &w.Provider, &w.SerialNumber,
		&w.PurchaseDate, &w.StartDate, &w.Months, &w.HoursLimit, &w.HoursAtStart, &w.MakerInvoiceDate, &w.MonthsAfterInvoice,
		&w.ExpirationDate, &w.EndsBy, &w.coverage, &w.Currency, &w.RegistrationNumber, &w.Transferable, &w.TransferWindowDays,
		&w.transferCost, &w.ClaimInstructions, &w.TermsSource, &w.state, &w.VoidReason, &created, &updated, &w.deleted, &w.timeZone, &w.hasLines)
	w.CreatedAt, w.UpdatedAt, w.Lines = db.Time(created), db.Time(updated), []Line{}
	return w, err
}

// shown is a stored warranty as an actor may see it: amounts from member on.
func shown(all []*stored, may sight, now time.Time) []Warranty {
	out := make([]Warranty, len(all))
	today := map[string]fleet.Date{} // by time zone: each is a file to be read
	for i, x := range all {
		if _, known := today[x.timeZone]; !known {
			today[x.timeZone] = Today(now, x.timeZone)
		}
		out[i] = x.Warranty
		w := &out[i]
		w.CoverageAmount = fromMinor(x.coverage, w.Currency, may(w.OrgID, w.BoatID))
		w.TransferCost = fromMinor(x.transferCost, w.Currency, may(w.OrgID, w.BoatID))
		w.judge(today[w.timeZone])
	}
	return out
}

// sight says on which boats amounts are seen.
type sight func(account.OrgID, fleet.BoatID) bool

func seesMoney(who account.Actor) sight {
	return func(org account.OrgID, boat fleet.BoatID) bool { return who.On(org, boat).Shows(account.Money) }
}

// seesAll is our own.
func seesAll(account.OrgID, fleet.BoatID) bool { return true }

// collect reads warranties for our own use, with all that they hold.
func (s *Service) collect(ctx context.Context, q db.Querier, where string, args ...any) ([]Warranty, error) {
	all, err := db.Collect(ctx, q, scanWarranty, selectWarranty+" WHERE "+where+" ORDER BY w.id", args...)
	if err != nil {
		return nil, err
	}
	if err := attachLines(ctx, q, all); err != nil {
		return nil, err
	}
	return shown(all, seesAll, s.db.Now()), nil
}

// attachLines reads the coverage lines of several warranties at once.
func attachLines(ctx context.Context, q db.Querier, all []*stored) error {
	at, ids := map[ID]*stored{}, []ID{}
	for _, w := range all {
		if w.hasLines {
			ids, at[w.ID] = append(ids, w.ID), w
		}
	}
	for part := range slices.Chunk(ids, 1000) { // an engine bounds how much a statement names
		var w db.Where
		db.In(&w, "warranty_id", part)
		_, err := db.Collect(ctx, q, func(r db.Row) (_ struct{}, err error) {
			var id ID
			var l Line
			err = r.Scan(&id, &l.ID, &l.Coverage, &l.Months, &l.HoursLimit, &l.MonthsAfterInvoice, &l.ExpirationDate, &l.EndsBy, &l.TermsSource)
			if err == nil {
				at[id].Lines = append(at[id].Lines, l)
			}
			return struct{}{}, err
		}, `SELECT warranty_id, id, coverage, months, hours_limit, months_after_invoice, expiration_date, ends_by, terms_source
			FROM warranty_lines WHERE `+w.SQL()+" ORDER BY position", w.Args()...)
		if err != nil {
			return err
		}
	}
	return nil
}

// Warranty reads one.
func (s *Service) Warranty(ctx context.Context, who account.Actor, id ID) (w Warranty, err error) {
	defer fault.Wrap(&err, "warranty.Warranty %s", id)
	return s.load(ctx, s.db, who, id, account.Viewer)
}

// find reads one that the actor has a role for, deleted or not.
func (s *Service) find(ctx context.Context, q db.Querier, who account.Actor, id ID, role account.Role) (w Warranty, err error) {
	row, err := db.One(ctx, q, scanWarranty, selectWarranty+" WHERE w.id = $1 AND b.deleted_at IS NULL", id)
	if fault.Is(err, fault.NotFound) {
		return w, fault.New(fault.NotFound, "warranty not found")
	}
	if err != nil {
		return w, err
	}
	if err := who.On(row.OrgID, row.BoatID).Require(role, "warranty"); err != nil {
		return w, err
	}
	one := []*stored{row}
	if err := attachLines(ctx, q, one); err != nil {
		return w, err
	}
	w = shown(one, seesMoney(who), s.db.Now())[0]
	w.Thresholds, err = readThresholds(ctx, q, id)
	return w, err
}

// load is find without what was deleted.
func (s *Service) load(ctx context.Context, q db.Querier, who account.Actor, id ID, role account.Role) (Warranty, error) {
	w, err := s.find(ctx, q, who, id, role)
	if err == nil && w.deleted {
		return Warranty{}, fault.New(fault.NotFound, "warranty not found: it was deleted, POST /api/warranties/%s/restore brings it back", id)
	}
	return w, err
}

// edit is load for a change: a sold boat's record has none.
func (s *Service) edit(ctx context.Context, tx *db.Tx, who account.Actor, id ID, role account.Role) (Warranty, error) {
	w, err := s.load(ctx, tx, who, id, role)
	if err != nil {
		return w, err
	}
	return w, s.boats.Writable(ctx, tx, w.BoatID)
}

// editClaim is loadClaim for a change.
func (s *Service) editClaim(ctx context.Context, tx *db.Tx, who account.Actor, id ID, claim ClaimID, role account.Role) (Warranty, Claim, error) {
	w, x, err := s.loadClaim(ctx, tx, who, id, claim, role)
	if err != nil {
		return w, x, err
	}
	return w, x, s.boats.Writable(ctx, tx, w.BoatID)
}

// Data is the payload of the warranty events.
type Data struct {
	WarrantyID     ID           `json:"warranty_id"`
	BoatID         fleet.BoatID `json:"boat_id"`
	ItemName       string       `json:"item_name"`
	Provider       string       `json:"provider"`
	ExpirationDate fleet.Date   `json:"expiration_date"`
	DaysLeft       int          `json:"days_until_expiration"`
	Status         Status       `json:"status"`
	ClaimID        ClaimID      `json:"claim_id,omitempty"`
}

// tell writes the audit line and the event of a change, and what search knows.
func (s *Service) tell(ctx context.Context, tx *db.Tx, who account.Actor, verb string, w Warranty) error {
	return s.tellClaim(ctx, tx, who, verb, w, "")
}

func (s *Service) tellClaim(ctx context.Context, tx *db.Tx, who account.Actor, verb string, w Warranty, claim ClaimID) error {
	if err := s.audit(ctx, tx, who, verb, w, nil); err != nil {
		return err
	}
	if err := s.index(ctx, tx, w); err != nil {
		return err
	}
	return s.events.Append(ctx, tx, event.Event{
		Type: "warranty." + verb, OrgID: string(w.OrgID), Boat: &event.Boat{ID: string(w.BoatID), Name: w.BoatName}, ActorID: string(who.UserID),
		Data: Data{
			WarrantyID: w.ID, BoatID: w.BoatID, ItemName: w.ItemName, Provider: w.Provider,
			ExpirationDate: w.ExpirationDate, DaysLeft: w.DaysLeft, Status: w.Status, ClaimID: claim,
		},
	})
}

func (s *Service) audit(ctx context.Context, tx *db.Tx, who account.Actor, verb string, w Warranty, detail any) error {
	return s.accounts.Audit(ctx, tx, who, account.Entry{
		OrgID: w.OrgID, Action: "warranty." + verb, Kind: "warranty", SubjectID: string(w.ID), BoatID: w.BoatID, Detail: detail,
	})
}
