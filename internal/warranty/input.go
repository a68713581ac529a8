package warranty

import (
	"fmt"
	"strings"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/fleet"
)

// Input is what is given to record a warranty, or to replace what is recorded.
type Input struct {
	BoatID             fleet.BoatID       `json:"boat_id"`
	EquipmentID        *fleet.EquipmentID `json:"equipment_id,omitempty"`
	EngineID           *fleet.EngineID    `json:"engine_id,omitempty" doc:"whose hours count, unless those of the equipment do"`
	ItemName           string             `json:"item_name" minLength:"1" maxLength:"200"`
	Provider           string             `json:"provider,omitempty" maxLength:"200"`
	SerialNumber       string             `json:"serial_number,omitempty" maxLength:"200"`
	PurchaseDate       fleet.Date         `json:"purchase_date" format:"date"`
	StartDate          fleet.Date         `json:"start_date,omitempty" doc:"YYYY-MM-DD: purchase, delivery, commissioning or installation; the purchase date unless given"`
	Months             int                `json:"warranty_period_months" minimum:"1" maximum:"360"`
	HoursLimit         *float64           `json:"hours_limit,omitempty" minimum:"0" maximum:"1000000" doc:"counted from hours_at_start; 0 is no limit"`
	HoursAtStart       float64            `json:"hours_at_start,omitempty" minimum:"0" maximum:"1000000"`
	MakerInvoiceDate   *fleet.Date        `json:"maker_invoice_date,omitempty" doc:"YYYY-MM-DD; of the maker's invoice to the dealer"`
	MonthsAfterInvoice *int               `json:"months_after_invoice,omitempty" minimum:"0" maximum:"360" doc:"the cover ends at most so many months after the maker's invoice; 0 is no limit"`
	CoverageAmount     *float64           `json:"coverage_amount,omitempty" minimum:"0" maximum:"1000000000"`
	Currency           string             `json:"currency,omitempty" pattern:"^([A-Z]{3})?$"`
	Lines              []LineInput        `json:"coverage_lines,omitempty" maxItems:"20"`
	RegistrationNumber string             `json:"registration_number,omitempty" maxLength:"200"`
	Transferable       bool               `json:"transferable,omitempty"`
	TransferWindowDays *int               `json:"transfer_window_days,omitempty" minimum:"0" maximum:"3650"`
	TransferCost       *float64           `json:"transfer_cost,omitempty" minimum:"0" maximum:"1000000"`
	ClaimInstructions  string             `json:"claim_instructions,omitempty" maxLength:"5000"`

	termsSource string
	// state and voidReason are changed by a Patch alone.
	state, voidReason string
}

// LineInput is a part of the cover with limits of its own; the earliest ends it.
type LineInput struct {
	Coverage           string   `json:"coverage" minLength:"1" maxLength:"100" example:"structure"`
	Months             *int     `json:"months,omitempty" minimum:"1" maximum:"360"`
	HoursLimit         *float64 `json:"hours_limit,omitempty" minimum:"1" maximum:"1000000"`
	MonthsAfterInvoice *int     `json:"months_after_invoice,omitempty" minimum:"1" maximum:"360"`

	termsSource string
}

// Patch is what may be changed; absent fields stay as they are, an empty text
// or a zero number takes a value away.
type Patch struct {
	BoatID             *fleet.BoatID      `json:"boat_id,omitempty"`
	EquipmentID        *fleet.EquipmentID `json:"equipment_id,omitempty"`
	EngineID           *fleet.EngineID    `json:"engine_id,omitempty"`
	ItemName           *string            `json:"item_name,omitempty" minLength:"1" maxLength:"200"`
	Provider           *string            `json:"provider,omitempty" maxLength:"200"`
	SerialNumber       *string            `json:"serial_number,omitempty" maxLength:"200"`
	PurchaseDate       *fleet.Date        `json:"purchase_date,omitempty" format:"date"`
	StartDate          *fleet.Date        `json:"start_date,omitempty" doc:"YYYY-MM-DD; empty makes it the purchase date"`
	Months             *int               `json:"warranty_period_months,omitempty" minimum:"1" maximum:"360"`
	HoursLimit         *float64           `json:"hours_limit,omitempty" minimum:"0" maximum:"1000000"`
	HoursAtStart       *float64           `json:"hours_at_start,omitempty" minimum:"0" maximum:"1000000"`
	MakerInvoiceDate   *fleet.Date        `json:"maker_invoice_date,omitempty" doc:"YYYY-MM-DD; empty takes it away"`
	MonthsAfterInvoice *int               `json:"months_after_invoice,omitempty" minimum:"0" maximum:"360"`
	CoverageAmount     *float64           `json:"coverage_amount,omitempty" minimum:"0" maximum:"1000000000"`
	Currency           *string            `json:"currency,omitempty" pattern:"^([A-Z]{3})?$"`
	Lines              *[]LineInput       `json:"coverage_lines,omitempty" maxItems:"20"`
	RegistrationNumber *string            `json:"registration_number,omitempty" maxLength:"200"`
	Transferable       *bool              `json:"transferable,omitempty"`
	TransferWindowDays *int               `json:"transfer_window_days,omitempty" minimum:"0" maximum:"3650"`
	TransferCost       *float64           `json:"transfer_cost,omitempty" minimum:"0" maximum:"1000000"`
	ClaimInstructions  *string            `json:"claim_instructions,omitempty" maxLength:"5000"`
	Status             *Status            `json:"status,omitempty" enum:"active,claimed,void" doc:"void needs void_reason; active takes it back"`
	VoidReason         *string            `json:"void_reason,omitempty" maxLength:"2000"`
}

// input is what was given of a warranty as it is.
func (w *Warranty) input() Input {
	in := Input{
		w.BoatID, w.EquipmentID, w.EngineID, w.ItemName, w.Provider, w.SerialNumber, w.PurchaseDate, w.StartDate, w.Months,
		w.HoursLimit, w.HoursAtStart, w.MakerInvoiceDate, w.MonthsAfterInvoice, w.CoverageAmount, w.Currency, nil,
		w.RegistrationNumber, w.Transferable, w.TransferWindowDays, w.TransferCost, w.ClaimInstructions,
		w.TermsSource, w.state, w.VoidReason,
	}
	for _, l := range w.Lines {
		in.Lines = append(in.Lines, LineInput{l.Coverage, l.Months, l.HoursLimit, l.MonthsAfterInvoice, l.TermsSource})
	}
	return in
}

func (p Patch) apply(in *Input) {
	set(&in.BoatID, p.BoatID)
	setPtr(&in.EquipmentID, p.EquipmentID)
	setPtr(&in.EngineID, p.EngineID)
	set(&in.ItemName, p.ItemName)
	set(&in.Provider, p.Provider)
	set(&in.SerialNumber, p.SerialNumber)
	if p.PurchaseDate != nil && in.StartDate == in.PurchaseDate {
		in.StartDate = "" // it followed the purchase, and still does
	}
	set(&in.PurchaseDate, p.PurchaseDate)
	set(&in.StartDate, p.StartDate)
	set(&in.Months, p.Months)
	setPtr(&in.HoursLimit, p.HoursLimit)
	set(&in.HoursAtStart, p.HoursAtStart)
	setPtr(&in.MakerInvoiceDate, p.MakerInvoiceDate)
	setPtr(&in.MonthsAfterInvoice, p.MonthsAfterInvoice)
	setPtr(&in.CoverageAmount, p.CoverageAmount)
	set(&in.Currency, p.Currency)
	set(&in.Lines, p.Lines)
	set(&in.RegistrationNumber, p.RegistrationNumber)
	set(&in.Transferable, p.Transferable)
	setPtr(&in.TransferWindowDays, p.TransferWindowDays)
	setPtr(&in.TransferCost, p.TransferCost)
	set(&in.ClaimInstructions, p.ClaimInstructions)
	p.applyState(in)
}

// applyState makes a warranty void, claimed or active again. A void one keeps
// its reason until it is taken back.
func (p Patch) applyState(in *Input) {
	if p.Status != nil {
		in.state = string(*p.Status)
	}
	if set(&in.voidReason, p.VoidReason); p.VoidReason == nil && in.state != string(Void) {
		in.voidReason = ""
	}
}

func set[T any](dst, src *T) {
	if src != nil {
		*dst = *src
	}
}

func setPtr[T any](dst **T, src *T) {
	if src != nil {
		*dst = src
	}
}

// checker collects what is wrong with an input.
type checker struct{ fleet.Checker }

func (c *checker) add(location, format string, args ...any) {
	c.Add(location, fmt.Sprintf(format, args...), nil)
}

func (c *checker) date(d fleet.Date, location string) bool {
	_, f := fleet.ParseDate(string(d), "body."+location)
	if f != nil {
		c.Checker = append(c.Checker, *f)
	}
	return f == nil
}

// optionalDate takes an empty date for none.
func (c *checker) optionalDate(d **fleet.Date, location string) {
	if *d != nil && **d == "" {
		*d = nil
	}
	if *d != nil {
		c.date(**d, location)
	}
}

// orNone takes a zero for no value.
func orNone[T comparable](v **T) {
	var zero T
	if *v != nil && **v == zero {
		*v = nil
	}
}

func outside[T int | float64](v *T, low, high T) bool { return v != nil && (*v < low || *v > high) }

func (in *Input) check() error {
	var c checker
	for _, t := range []struct {
		text     *string
		location string
		limit    int
	}{
		{&in.ItemName, "item_name", 200},
		{&in.Provider, "provider", 200},
		{&in.SerialNumber, "serial_number", 200},
		{&in.RegistrationNumber, "registration_number", 200},
		{&in.ClaimInstructions, "claim_instructions", 5000},
	} {
		c.Text(t.text, t.location, t.limit)
	}
	if in.BoatID == "" {
		c.add("boat_id", "name the boat")
	}
	if in.ItemName == "" {
		c.add("item_name", "must have 1 to 200 characters")
	}
	orNone(&in.EquipmentID)
	orNone(&in.EngineID)
	in.checkTime(&c)
	in.checkLines(&c)
	in.checkMoney(&c)
	in.checkState(&c)
	return c.Err()
}

func (in *Input) checkTime(c *checker) {
	if in.StartDate == "" {
		in.StartDate = in.PurchaseDate
	}
	valid := c.date(in.PurchaseDate, "purchase_date")
	if in.StartDate != in.PurchaseDate {
		valid = c.date(in.StartDate, "start_date") && valid
	}
	if in.Months < 1 || in.Months > 360 {
		c.add("warranty_period_months", "must be 1 to 360")
		valid = false
	}
	if valid && len(AddMonths(in.StartDate, in.Months)) != len(time.DateOnly) {
		c.add("start_date", "the cover would end after the year 9999")
	}
	orNone(&in.HoursLimit)
	orNone(&in.MonthsAfterInvoice)
	c.optionalDate(&in.MakerInvoiceDate, "maker_invoice_date")
	if outside(in.HoursLimit, 0, 1_000_000) {
		c.add("hours_limit", "must be 0 to 1000000")
	}
	if outside(&in.HoursAtStart, 0, 1_000_000) {
		c.add("hours_at_start", "must be 0 to 1000000")
	}
	if outside(in.MonthsAfterInvoice, 0, 360) {
		c.add("months_after_invoice", "must be 0 to 360")
	}
	if in.MonthsAfterInvoice != nil && in.MakerInvoiceDate == nil {
		c.add("maker_invoice_date", "months_after_invoice are counted from it: give it")
	}
}

func (in *Input) checkLines(c *checker) {
	if len(in.Lines) > 20 {
		c.add("coverage_lines", "must be at most 20")
	}
	seen := map[string]bool{}
	for i := range in.Lines {
		l := &in.Lines[i]
		at := fmt.Sprintf("coverage_lines[%d].", i)
		c.Text(&l.Coverage, at+"coverage", 100)
		if l.Coverage == "" {
			c.add(at+"coverage", "must have 1 to 100 characters, such as structure, parts, labour or paint")
		}
		if key := db.Fold(l.Coverage); seen[key] {
			c.add(at+"coverage", "%q is there twice", l.Coverage)
		} else {
			seen[key] = true
		}
		if l.Months == nil && l.HoursLimit == nil && l.MonthsAfterInvoice == nil {
			c.add(at+"months", "a line needs a limit: months, hours_limit or months_after_invoice")
		}
		if outside(l.Months, 1, 360) {
			c.add(at+"months", "must be 1 to 360")
		}
		if outside(l.HoursLimit, 1, 1_000_000) {
			c.add(at+"hours_limit", "must be 1 to 1000000")
		}
		if outside(l.MonthsAfterInvoice, 1, 360) {
			c.add(at+"months_after_invoice", "must be 1 to 360")
		}
		if l.MonthsAfterInvoice != nil && in.MakerInvoiceDate == nil {
			c.add("maker_invoice_date", "months_after_invoice of %q are counted from it: give it", l.Coverage)
		}
	}
}

func (in *Input) checkMoney(c *checker) {
	orNone(&in.TransferWindowDays)
	orNone(&in.CoverageAmount)
	if outside(in.TransferWindowDays, 0, 3650) {
		c.add("transfer_window_days", "must be 0 to 3650")
	}
	if outside(in.CoverageAmount, 0, 1e9) {
		c.add("coverage_amount", "must be 0 to 1000000000")
	}
	if outside(in.TransferCost, 0, 1e6) {
		c.add("transfer_cost", "must be 0 to 1000000")
	}
	if (in.CoverageAmount != nil || in.TransferCost != nil) && in.Currency == "" {
		c.add("currency", "an amount needs its currency, such as EUR")
	}
	if !isCurrency(in.Currency) {
		c.add("currency", "must be three capital letters (ISO 4217), such as EUR")
	}
}

func (in *Input) checkState(c *checker) {
	c.Text(&in.voidReason, "void_reason", 2000)
	switch {
	case in.state != string(Active) && in.state != string(Claimed) && in.state != string(Void):
		c.add("status", "must be active, claimed or void: an end is computed, and DELETE deletes")
	case in.state == string(Void) && in.voidReason == "":
		c.add("void_reason", "say why the cover is void")
	case in.state != string(Void) && in.voidReason != "":
		c.add("void_reason", "is for a void warranty: give status void with it")
	}
}

func isCurrency(s string) bool {
	return s == "" || len(s) == 3 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}
