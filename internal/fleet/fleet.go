// Package fleet keeps boats: their identities, owners, engines and equipment;
// and the contacts of an organization, who make, sell, repair and insure them.
//
// It guarantees: odd or wrong identity numbers warn and never block; a slug is
// unique in its organization and survives a rename; every change is audited
// in its own transaction, a boat's also told as an event. Papers and photos belong to
// package document.
package fleet

import (
	"context"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/event"
	"navidocs/internal/fault"
)

// BoatID identifies a boat.
type BoatID = account.BoatID

// Service is the boats of one installation.
type Service struct {
	db       *db.DB
	accounts *account.Service
	events   *event.Outbox
	// indexed is told of every equipment change, inside its transaction, so
	// that search is never out of step.
	indexed func(ctx context.Context, tx *db.Tx, e Equipment) error
	// metered is told of every reading of hours, inside its transaction: what is
	// covered for so many hours ends by it.
	metered func(ctx context.Context, tx *db.Tx, who account.Actor, m Meter) error
	// engineNeeded refuses to let an engine go that something still names.
	engineNeeded func(ctx context.Context, tx *db.Tx, id EngineID) error
	// classes tells of which class papers are, those that there are.
	classes func(ctx context.Context, q db.Querier, papers []string) (map[string]account.Class, error)
}

// New makes the service.
func New(d *db.DB, accounts *account.Service, events *event.Outbox) *Service {
	return &Service{
		db: d, accounts: accounts, events: events,
		indexed: func(context.Context, *db.Tx, Equipment) error { return nil },
		metered: func(context.Context, *db.Tx, account.Actor, Meter) error { return nil },

		engineNeeded: func(context.Context, *db.Tx, EngineID) error { return nil },
		classes:      func(context.Context, db.Querier, []string) (map[string]account.Class, error) { return nil, nil },
	}
}

// OnEquipment sets what is told of every equipment change, inside its
// transaction; a deleted one has DeletedAt set.
func (s *Service) OnEquipment(f func(ctx context.Context, tx *db.Tx, e Equipment) error) {
	s.indexed = f
}

// OnPapers sets who knows of which class papers are; ids of none are left out.
func (s *Service) OnPapers(f func(ctx context.Context, q db.Querier, ids []string) (map[string]account.Class, error)) {
	s.classes = f
}

// OnReading sets what is told of every reading of hours, inside its transaction.
func (s *Service) OnReading(f func(ctx context.Context, tx *db.Tx, who account.Actor, m Meter) error) {
	s.metered = f
}

// OnEngineDelete sets what is asked before an engine is deleted, inside the
// transaction: its error says what still names the engine, and what to do.
func (s *Service) OnEngineDelete(f func(ctx context.Context, tx *db.Tx, id EngineID) error) {
	s.engineNeeded = f
}

// Version is a row's state as its reader saw it, for If-Match; "" means any.
type Version string

// VersionOf names the state of a row.
func VersionOf(updated time.Time) Version {
	return Version(strconv.FormatInt(updated.UnixMicro(), 36))
}

// Check refuses a change based on an older state than the stored one.
func (v Version) Check(updated time.Time) error {
	if v != "" && v != VersionOf(updated) {
		return fault.New(fault.Stale, "this has changed since you read it: read it again and repeat your change")
	}
	return nil
}

// Touched is the time to store for a change: never the one already stored, so
// that every change has a version of its own.
func Touched(tx *db.Tx, before time.Time) time.Time {
	now := tx.Now()
	if !now.After(before) {
		now = before.Add(time.Microsecond)
	}
	return now
}

// Page cuts a list.
type Page struct{ Limit, Offset int }

// Date is a calendar date, YYYY-MM-DD, without a time zone. "" is no date.
type Date string

// ParseDate checks a date given at location.
func ParseDate(s, location string) (Date, *fault.Field) {
	if _, err := time.Parse(time.DateOnly, s); err != nil {
		return "", &fault.Field{Location: location, Message: "must be a calendar date, YYYY-MM-DD", Value: fault.Echo(s)}
	}
	return Date(s), nil
}

// Checker collects the faults of an input; locations are those in its body.
type Checker []fault.Field

// Add finds a fault; value is what was given, nil when it is better not repeated.
func (c *Checker) Add(location, message string, value any) {
	*c = append(*c, fault.Field{Location: "body." + location, Message: message, Value: value})
}

// Date wants a date, unless there is none.
func (c *Checker) Date(d *Date, location string) {
	if d == nil || *d == "" {
		return
	}
	if _, f := ParseDate(string(*d), "body."+location); f != nil {
		*c = append(*c, *f)
	}
}

// Text takes the blanks around a text away and wants at most so many characters.
func (c *Checker) Text(s *string, location string, limit int) {
	if s == nil {
		return
	}
	*s = strings.TrimSpace(db.Text(*s))
	if utf8.RuneCountInString(*s) > limit {
		c.Add(location, "must have at most "+strconv.Itoa(limit)+" characters", nil)
	}
}

// Country wants a country, in upper case, unless there is none.
func (c *Checker) Country(s *string, location string) {
	if s == nil {
		return
	}
	*s = strings.ToUpper(strings.TrimSpace(*s))
	if *s != "" && (len(*s) != 2 || strings.Trim(*s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "") {
		c.Add(location, "must be a country's two letters (ISO 3166), such as GB", fault.Echo(*s))
	}
}

// Number wants one between 0 and high.
func (c *Checker) Number(v *float64, location string, high float64) {
	if v == nil || *v >= 0 && *v <= high {
		return
	}
	var value any = *v
	if math.IsNaN(*v) || math.IsInf(*v, 0) {
		value = nil // JSON has no such numbers; a portal's file may
	}
	c.Add(location, "must be between 0 and "+strconv.FormatFloat(high, 'f', -1, 64), value)
}

// Year wants one that boats are of; 0 is none.
func (c *Checker) Year(v *int, location string) {
	if v != nil && *v != 0 && (*v < 1800 || *v > 2200) {
		c.Add(location, "must be a year between 1800 and 2200", *v)
	}
}

// Err is Invalid with every fault, nil without any.
func (c Checker) Err() error {
	if len(c) == 0 {
		return nil
	}
	return fault.Fields(c...)
}

// set changes *dst to what was given, if anything was.
func set[T any](dst, src *T) {
	if src != nil {
		*dst = *src
	}
}

// setOptional changes *dst to what was given; zero takes the value away.
func setOptional[T comparable](dst **T, src *T) {
	var zero T
	if src == nil {
		return
	}
	if *dst = src; *src == zero {
		*dst = nil
	}
}
