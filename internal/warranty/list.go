package warranty

import (
	"context"
	"slices"
	"strings"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
)

// Filter narrows a list of warranties.
type Filter struct {
	BoatID   fleet.BoatID
	Status   Status // deleted ones are listed only when asked for
	Provider string // whole name, whatever its case and accents
	Query    string // part of the item's name
	// Within keeps those that end in at most so many days, -1 for no limit;
	// without IncludeExpired only active ones.
	Within         int
	IncludeExpired bool
	Sort           string // one of orders
	fleet.Page
}

var orders = map[string]string{
	"": "w.expiration_date, w.id", "expiration_date": "w.expiration_date, w.id", "-expiration_date": "w.expiration_date DESC, w.id DESC",
	"item_name": "w.item_name_fold, w.id", "-item_name": "w.item_name_fold DESC, w.id DESC",
	"provider": "w.provider_fold, w.id", "-provider": "w.provider_fold DESC, w.id DESC",
	"purchase_date": "w.purchase_date, w.id", "-purchase_date": "w.purchase_date DESC, w.id DESC",
	"created_at": "w.created_at, w.id", "-created_at": "w.created_at DESC, w.id DESC",
}

// Warranties lists what the actor may see, soonest end first unless sorted
// otherwise, and the total.
func (s *Service) Warranties(ctx context.Context, who account.Actor, f Filter) (_ []Warranty, total int, err error) {
	defer fault.Wrap(&err, "warranty.Warranties")
	order, ok := orders[f.Sort]
	if !ok {
		return nil, 0, fault.Fields(fault.Field{
			Location: "query.sort", Value: fault.Echo(f.Sort),
			Message: "must be expiration_date, item_name, provider, purchase_date or created_at, with - for descending",
		})
	}
	w, err := s.where(ctx, who, f)
	if err != nil {
		return nil, 0, err
	}
	condition, args := w.SQL(), w.Args()
	query := selectWarranty + " WHERE " + condition + " ORDER BY " + order
	query += " LIMIT " + w.Arg(f.Limit) + " OFFSET " + w.Arg(f.Offset)
	all, err := db.Collect(ctx, s.db, scanWarranty, query, w.Args()...)
	if err != nil {
		return nil, 0, err
	}
	if err := attachLines(ctx, s.db, all); err != nil {
		return nil, 0, err
	}
	if total = len(all); f.Offset > 0 || total == f.Limit { // there may be more
		total, err = db.One(ctx, s.db, db.Scalar[int], "SELECT count(*)"+fromWarranties+" WHERE "+condition, args...)
	}
	return shown(all, seesMoney(who), s.db.Now()), total, err
}

func (s *Service) where(ctx context.Context, who account.Actor, f Filter) (*db.Where, error) {
	w := &db.Where{}
	who.Visible(w, "w.org_id", "w.boat_id")
	w.Add("b.deleted_at IS NULL")
	if f.BoatID != "" {
		if _, err := s.boats.Names(ctx, s.db, who, []fleet.BoatID{f.BoatID}, account.Viewer); err != nil {
			return nil, err
		}
		w.Add("w.boat_id = ?", f.BoatID)
	}
	if f.Provider != "" {
		w.Add("w.provider_fold = ?", db.Fold(f.Provider))
	}
	if f.Query != "" {
		w.Add(`w.item_name_fold LIKE ? ESCAPE '\'`, "%"+db.LikeEscape(db.Fold(f.Query))+"%")
	}
	if f.Status == Deleted {
		w.Add("w.deleted_at IS NOT NULL")
		return w, nil
	}
	w.Add("w.deleted_at IS NULL")
	days, err := s.days(ctx, who.Everywhere())
	if err != nil {
		return nil, err
	}
	f.addStatus(w, days)
	f.addWindow(w, days)
	return w, nil
}

func (f Filter) addStatus(w *db.Where, days []localDay) {
	switch f.Status {
	case Active:
		after(w, days)
		addDay(w, "w.state = 'active' AND w.expiration_date >= ", days, 0)
	case Expired:
		addDay(w, "w.state = 'active' AND w.expiration_date < ", days, 0)
	case Claimed, Void:
		w.Add("w.state = ?", f.Status)
	case Deleted: // where has seen to them
	}
}

// after lets the index leave out what ended before any of the days.
func after(w *db.Where, days []localDay) { w.Add("w.expiration_date >= ?", earliest(days).date) }

func (f Filter) addWindow(w *db.Where, days []localDay) {
	if f.Within < 0 {
		return
	}
	w.Add("b.frozen_at IS NULL")                                          // a sold boat's covers are its buyer's
	w.Add("w.expiration_date <= ?", addDays(latest(days).date, f.Within)) // for the index; what follows is exact
	addDay(w, "w.expiration_date <= ", days, f.Within)
	if f.Status != "" {
		return
	}
	if w.Add("w.state = 'active'"); !f.IncludeExpired {
		after(w, days)
		addDay(w, "w.expiration_date >= ", days, 0)
	}
}

// localDay is the calendar date that some time zones have now.
type localDay struct {
	date  fleet.Date
	zones []string
}

func earliest(days []localDay) localDay {
	return slices.MinFunc(days, func(a, b localDay) int { return strings.Compare(string(a.date), string(b.date)) })
}

func latest(days []localDay) localDay {
	return slices.MaxFunc(days, func(a, b localDay) int { return strings.Compare(string(a.date), string(b.date)) })
}

// days are the dates, at most three at any instant, that the boats of some
// organizations have; that of UTC is the first, for every zone not named.
func (s *Service) days(ctx context.Context, orgs []account.OrgID) ([]localDay, error) {
	now := s.db.Now()
	days := []localDay{{date: Today(now, "")}}
	var w db.Where
	db.In(&w, "org_id", orgs)
	of := " WHERE " + w.SQL() // the same placeholders in both
	zones, err := db.Collect(ctx, s.db, db.Scalar[string],
		"SELECT time_zone FROM boats"+of+" UNION SELECT time_zone FROM organization_settings"+of+" ORDER BY time_zone", w.Args()...)
	if err != nil {
		return nil, err
	}
	for _, zone := range zones {
		days = addZone(days, Today(now, zone), zone)
	}
	return days, nil
}

func addZone(days []localDay, date fleet.Date, zone string) []localDay {
	i := slices.IndexFunc(days, func(d localDay) bool { return d.date == date })
	switch {
	case i == 0: // as UTC has it
	case i < 0:
		days = append(days, localDay{date, []string{zone}})
	case !slices.Contains(days[i].zones, zone):
		days[i].zones = append(days[i].zones, zone)
	}
	return days
}

// addDay adds a condition that ends with the date of each boat, and so many
// days more.
func addDay(w *db.Where, condition string, days []localDay, more int) {
	if len(days) == 1 {
		w.Add(condition+"?", addDays(days[0].date, more))
		return
	}
	var sql strings.Builder
	var args []any
	for _, d := range days[1:] {
		sql.WriteString(" WHEN " + zone + " IN (?" + strings.Repeat(", ?", len(d.zones)-1) + ") THEN ?")
		for _, z := range d.zones {
			args = append(args, z)
		}
		args = append(args, string(addDays(d.date, more)))
	}
	w.Add(condition+"CASE"+sql.String()+" ELSE ? END", append(args, string(addDays(days[0].date, more)))...)
}

// Totals are a boat's warranties in figures.
type Totals struct {
	Total    int            `json:"total"`
	ByStatus map[string]int `json:"by_status"`
	ByLevel  map[string]int `json:"by_level"`
	// NextEnd is when the next active one ends.
	NextEnd *fleet.Date `json:"next_expiration_date" format:"date"`
	// Coverage is what active ones cover, per currency: sums of different ones are
	// never added.
	Coverage []Sum `json:"coverage" doc:"hidden from viewers"`
}

// Sum is an amount in one currency.
type Sum struct {
	Currency string  `json:"currency"`
	Amount   float64 `json:"amount"`
}

// Totals counts the warranties of a boat.
func (s *Service) Totals(ctx context.Context, who account.Actor, boat fleet.BoatID) (t Totals, err error) {
	defer fault.Wrap(&err, "warranty.Totals %s", boat)
	names, err := s.boats.Names(ctx, s.db, who, []fleet.BoatID{boat}, account.Viewer)
	if err != nil {
		return t, err
	}
	all, err := s.collect(ctx, s.db, "w.boat_id = $1 AND w.deleted_at IS NULL", boat)
	if err != nil {
		return t, err
	}
	t = Totals{Total: len(all), ByStatus: map[string]int{}, ByLevel: map[string]int{}, Coverage: []Sum{}}
	minor := map[string]int64{}
	for _, w := range all {
		t.ByStatus[string(w.Status)]++
		if w.Level != nil {
			t.ByLevel[*w.Level]++
		}
		if w.Status != Active {
			continue
		}
		if t.NextEnd == nil || w.ExpirationDate < *t.NextEnd {
			t.NextEnd = &w.ExpirationDate
		}
		if m := toMinor(w.CoverageAmount, w.Currency); m != nil && seesMoney(who)(names[0].OrgID, boat) {
			minor[w.Currency] += *m
		}
	}
	for currency, m := range minor {
		t.Coverage = append(t.Coverage, Sum{currency, *fromMinor(&m, currency, true)})
	}
	slices.SortFunc(t.Coverage, func(a, b Sum) int { return strings.Compare(a.Currency, b.Currency) })
	return t, nil
}
