package warranty

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"navidocs/internal/account"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
)

// day is one of a calendar that is counted by hand, for a model of the end of a
// cover that shares nothing with the code.
type day struct{ year, month, date int }

func (d day) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.year, d.month, d.date) }

func lengthOf(year, month int) int {
	leap := year%4 == 0 && year%100 != 0 || year%400 == 0
	switch {
	case month == 2 && leap:
		return 29
	case month == 2:
		return 28
	case month == 4 || month == 6 || month == 9 || month == 11:
		return 30
	}
	return 31
}

func (d day) next() day {
	switch {
	case d.date < lengthOf(d.year, d.month):
		return day{d.year, d.month, d.date + 1}
	case d.month < 12:
		return day{d.year, d.month + 1, 1}
	}
	return day{d.year + 1, 1, 1}
}

// isAfter says whether d is the day so many whole months after another: in that
// month, the day of the same number, or the last one of a shorter month.
func (d day) isAfter(from day, months int) bool {
	return d.year*12+d.month == from.year*12+from.month+months &&
		(d.date == from.date || d.date < from.date && d.date == lengthOf(d.year, d.month))
}

func drawDay(t *rapid.T, label string, from, to int) day {
	y, m := rapid.IntRange(from, to).Draw(t, label+" year"), rapid.IntRange(1, 12).Draw(t, label+" month")
	last := lengthOf(y, m)
	return day{y, m, rapid.OneOf(rapid.IntRange(1, last), rapid.IntRange(last-1, last)).Draw(t, label+" day")}
}

// modelEnd walks day by day and stops at the first on which something ends the
// cover. It gives up after the year 2300.
func modelEnd(x term, start day, invoice *day, readings []fleet.Reading) (last fleet.Date, by string) {
	d := start
	if invoice != nil && invoice.String() < d.String() {
		d = *invoice
	}
	for ; d.year < 2300; d = d.next() {
		switch {
		case x.months > 0 && d.isAfter(start, x.months):
			return fleet.Date(d.String()), byMonths
		case invoice != nil && x.monthsAfterInvoice != nil && d.isAfter(*invoice, *x.monthsAfterInvoice):
			return fleet.Date(d.String()), byInvoice
		case x.hoursLimit != nil && d.String() >= start.String() && readOn(d, readings) >= x.hoursAtStart+*x.hoursLimit:
			return fleet.Date(d.String()), byHours
		}
	}
	return "", ""
}

// readOn is the most that a meter showed on a day; -1 when nobody looked.
func readOn(d day, readings []fleet.Reading) float64 {
	most := -1.0
	for _, r := range readings {
		if string(r.ReadOn) == d.String() {
			most = max(most, r.Hours)
		}
	}
	return most
}

// drawReadings are those of a meter that never goes back, in their order.
func drawReadings(t *rapid.T, from int) (all []fleet.Reading) {
	for range rapid.IntRange(0, 6).Draw(t, "readings") {
		all = append(all, fleet.Reading{ReadOn: fleet.Date(drawDay(t, "read", from-1, from+12).String())})
	}
	slices.SortFunc(all, func(a, b fleet.Reading) int { return strings.Compare(string(a.ReadOn), string(b.ReadOn)) })
	hours := 0.0
	for i := range all {
		hours += float64(rapid.IntRange(0, 400).Draw(t, "more hours"))
		all[i].Hours = hours
	}
	return all
}

func TestTheEndIsTheEarliestOfItsLimits(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		start := drawDay(t, "start", 1900, 2200)
		x := term{start: fleet.Date(start.String()), months: rapid.OneOf(rapid.Just(0), rapid.IntRange(1, 120)).Draw(t, "months")}
		var invoice *day
		if rapid.Bool().Draw(t, "invoiced") {
			d := drawDay(t, "invoice", start.year-3, start.year+1)
			invoice, x.invoice = &d, ptr(fleet.Date(d.String()))
			x.monthsAfterInvoice = ptr(rapid.IntRange(1, 120).Draw(t, "months after the invoice"))
		}
		if rapid.Bool().Draw(t, "limited by hours") {
			x.hoursLimit, x.hoursAtStart = ptr(float64(rapid.IntRange(1, 1000).Draw(t, "hours"))), float64(rapid.IntRange(0, 300).Draw(t, "hours at the start"))
		}
		readings := drawReadings(t, start.year)
		last, by := x.end(readings)
		wantLast, wantBy := modelEnd(x, start, invoice, readings)
		if last != wantLast || by != wantBy {
			t.Fatalf("ends on %s by %q, want %s by %q", last, by, wantLast, wantBy)
		}
		seen[by]++
	})
	for _, by := range []string{byMonths, byHours, byInvoice, ""} {
		if seen[by] == 0 {
			t.Errorf("nothing of it ended by %q", by)
		}
	}
}

// A hundred and twenty years of month ends, each against the model.
func TestMonthsEndLikeTheCalendar(t *testing.T) {
	t.Parallel()
	for year := 1890; year <= 2110; year += 2 {
		for month := 1; month <= 12; month++ {
			for date := 28; date <= lengthOf(year, month); date++ {
				start := day{year, month, date}
				x := term{start: fleet.Date(start.String()), months: 1 + (year+month+date)%25}
				if want, _ := modelEnd(x, start, nil, nil); AddMonths(x.start, x.months) != want {
					t.Fatalf("%s and %d months: %s, want %s", start, x.months, AddMonths(x.start, x.months), want)
				}
			}
		}
	}
}

func TestWhichHoursCount(t *testing.T) {
	t.Parallel()
	reading := func(on fleet.Date, hours float64) fleet.Reading { return fleet.Reading{ReadOn: on, Hours: hours} }
	hours := term{start: "2024-03-10", hoursLimit: ptr(100.0), hoursAtStart: 50}
	both := hours
	both.months = 12
	for name, test := range map[string]struct {
		term     term
		readings []fleet.Reading
		last, by string
	}{
		"no reading":                    {hours, nil, "", ""},
		"not reached":                   {hours, []fleet.Reading{reading("2024-06-01", 149.9)}, "", ""},
		"reached":                       {hours, []fleet.Reading{reading("2024-06-01", 149.9), reading("2024-07-01", 150)}, "2024-07-01", "hours"},
		"long passed":                   {hours, []fleet.Reading{reading("2024-06-01", 900), reading("2024-07-01", 950)}, "2024-06-01", "hours"},
		"before the start":              {hours, []fleet.Reading{reading("2024-03-09", 500)}, "", ""},
		"on the first day":              {hours, []fleet.Reading{reading("2024-03-09", 500), reading("2024-03-10", 500)}, "2024-03-10", "hours"},
		"after the months":              {both, []fleet.Reading{reading("2025-03-11", 500)}, "2025-03-10", "months"},
		"on the day on which they end":  {both, []fleet.Reading{reading("2025-03-10", 500)}, "2025-03-10", "months"},
		"the day before they end":       {both, []fleet.Reading{reading("2025-03-09", 500)}, "2025-03-09", "hours"},
		"nothing limits it":             {term{start: "2024-03-10"}, []fleet.Reading{reading("2024-04-09", 500)}, "", ""},
		"an invoice without its months": {term{start: "2024-03-10", months: 1, invoice: ptr(fleet.Date("2020-01-01"))}, nil, "2024-04-10", "months"},
	} {
		if last, by := test.term.end(test.readings); string(last) != test.last || by != test.by {
			t.Errorf("%s: %s by %q, want %s by %q", name, last, by, test.last, test.by)
		}
	}
}

// ends are the ends of a warranty and of its lines.
func ends(w Warranty) string {
	all := []string{string(w.ExpirationDate) + " " + w.EndsBy}
	for _, l := range w.Lines {
		all = append(all, fmt.Sprintf("%s %s %s", l.Coverage, date(l.ExpirationDate), l.EndsBy))
	}
	return strings.Join(all, ", ")
}

func (b *bench) limited(in Input) Warranty {
	b.t.Helper()
	in.PurchaseDate, in.Months, in.HoursLimit, in.HoursAtStart = "2026-01-10", 24, ptr(100.0), 50
	in.Lines = []LineInput{{Coverage: "parts", HoursLimit: ptr(20.0)}, {Coverage: "structure", Months: ptr(60)}}
	w := b.create(in)
	if got, want := ends(w), "2028-01-10 months, parts  , structure 2031-01-10 months"; got != want {
		b.t.Fatalf("%s, want %s", got, want)
	}
	return w
}

func TestReadingsOfEquipmentMoveTheEnd(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		id := b.equipment(b.boat)
		w, other := b.limited(Input{EquipmentID: &id}), b.limited(Input{})
		for _, test := range []struct {
			on    fleet.Date
			hours float64
			want  string
		}{
			{"2026-01-09", 60, "2028-01-10 months, parts  , structure 2031-01-10 months"},
			{"2026-03-01", 69, "2028-01-10 months, parts  , structure 2031-01-10 months"},
			{"2026-04-01", 70, "2028-01-10 months, parts 2026-04-01 hours, structure 2031-01-10 months"},
			{"2026-04-20", 150, "2026-04-20 hours, parts 2026-04-01 hours, structure 2031-01-10 months"},
			{"2026-04-30", 400, "2026-04-20 hours, parts 2026-04-01 hours, structure 2031-01-10 months"},
			{"2026-04-15", 150, "2026-04-15 hours, parts 2026-04-01 hours, structure 2031-01-10 months"}, // found in the log later
		} {
			before := b.read(w.ID).UpdatedAt
			if _, err := b.boats.AddReading(t.Context(), b.ada, id, fleet.Reading{ReadOn: test.on, Hours: test.hours}); err != nil {
				t.Fatal(err)
			}
			got := b.read(w.ID)
			if ends(got) != test.want {
				t.Errorf("after %g h on %s: %s, want %s", test.hours, test.on, ends(got), test.want)
			}
			_, err := b.Update(t.Context(), b.ada, w.ID, Patch{Provider: ptr("X")}, fleet.VersionOf(before))
			wantKind(t, err, fault.Stale)
		}
		if got := b.read(w.ID); got.Status != Expired || got.Lines[0].Status != Expired || got.Lines[1].Status != Active || *got.Lines[0].DaysLeft != -30 {
			t.Errorf("%+v", got)
		}
		if got := b.read(other.ID); ends(got) != ends(other) || !got.UpdatedAt.Equal(other.UpdatedAt) {
			t.Error("one without a meter was touched:", ends(got))
		}
	})
}

func TestReadingsOfEnginesMoveTheEnd(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		e, err := b.boats.CreateEngine(t.Context(), b.ada, b.boat, fleet.EngineInput{Position: ptr("port"), Hours: ptr(70.0), HoursOn: ptr(fleet.Date("2026-02-01"))})
		if err != nil {
			t.Fatal(err)
		}
		equipment := b.equipment(b.boat)
		w := b.create(Input{EngineID: &e.ID, EquipmentID: &equipment, PurchaseDate: "2026-01-10", Months: 24, HoursLimit: ptr(50.0), HoursAtStart: 40})
		if ends(w) != "2028-01-10 months" {
			t.Error(ends(w))
		}
		// The engine's hours count, not those of the equipment.
		if _, err := b.boats.AddReading(t.Context(), b.ada, equipment, fleet.Reading{ReadOn: "2026-02-05", Hours: 900}); err != nil {
			t.Fatal(err)
		}
		if got := b.read(w.ID); ends(got) != ends(w) || !got.UpdatedAt.Equal(w.UpdatedAt) {
			t.Error(ends(got))
		}
		if _, err := b.boats.UpdateEngine(t.Context(), b.ada, b.boat, e.ID, fleet.EngineInput{Hours: ptr(90.0), HoursOn: ptr(fleet.Date("2026-04-28"))}, ""); err != nil {
			t.Fatal(err)
		}
		if got := b.read(w.ID); ends(got) != "2026-04-28 hours" || !got.UpdatedAt.After(w.UpdatedAt) {
			t.Error(ends(got))
		}
		// What was read before is known when a warranty is recorded.
		if late := b.create(Input{EngineID: &e.ID, PurchaseDate: "2026-01-10", Months: 24, HoursLimit: ptr(65.0)}); ends(late) != "2026-02-01 hours" {
			t.Error(ends(late))
		}
		// Without its engine it counts those of the equipment.
		if got := b.update(w.ID, Patch{EngineID: ptr(fleet.EngineID(""))}); ends(got) != "2026-02-05 hours" {
			t.Error(ends(got))
		}
	})
}

// What was read while a warranty was deleted counts when it is back.
func TestARestoredWarrantyKnowsTheHours(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		id := b.equipment(b.boat)
		w := b.limited(Input{EquipmentID: &id})
		if _, err := b.Delete(t.Context(), b.ada, w.ID, ""); err != nil {
			t.Fatal(err)
		}
		if _, err := b.boats.AddReading(t.Context(), b.ada, id, fleet.Reading{ReadOn: "2026-04-01", Hours: 150}); err != nil {
			t.Fatal(err)
		}
		got, err := b.Restore(t.Context(), b.ada, w.ID)
		if want := "2026-04-01 hours, parts 2026-04-01 hours, structure 2031-01-10 months"; err != nil || ends(got) != want || got.Status != Expired {
			t.Error(got.Status, ends(got), err)
		}
	})
}

func TestTheMakersInvoiceLimitsTheCover(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.create(Input{
			PurchaseDate: "2026-01-31", Months: 60, MakerInvoiceDate: ptr(fleet.Date("2023-08-31")), MonthsAfterInvoice: ptr(66),
			Lines: []LineInput{{Coverage: "paint", Months: ptr(12), MonthsAfterInvoice: ptr(30)}},
		})
		if got, want := ends(w), "2029-02-28 invoice, paint 2026-02-28 invoice"; got != want {
			t.Error(got)
		}
		got := b.update(w.ID, Patch{MonthsAfterInvoice: ptr(0)})
		if want := "2031-01-31 months, paint 2026-02-28 invoice"; ends(got) != want || got.MonthsAfterInvoice != nil {
			t.Error(ends(got))
		}
	})
}

// waters are time zones of many dates: at ten o'clock UTC three are in force.
func waters() []string {
	return []string{
		"UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Europe/Madrid", "America/New_York", "Asia/Kathmandu",
		"Australia/Lord_Howe", "Pacific/Chatham", "America/St_Johns", "Atlantic/Azores",
	}
}

// fill makes organizations and boats of all zones, with warranties that end
// around the first of May.
func (b *bench) fill() {
	b.t.Helper()
	for i := range 4 {
		org, err := b.accounts.CreateOrganization(b.t.Context(), b.ada, fmt.Sprint("Fleet ", i))
		if err != nil {
			b.t.Fatal(err)
		}
		if b.ada, err = b.accounts.ActorFor(b.t.Context(), "ada@example.org"); err != nil {
			b.t.Fatal(err)
		}
		b.org = org.ID
		b.zone(waters()[(3*i+1)%len(waters())])
		for j := range 4 {
			name := append([]string{""}, waters()...)[(i*4+j)%(len(waters())+1)]
			boat := b.newBoat(fmt.Sprint("Boat ", i, j), name)
			for n, days := range []int{-2, -1, 0, 1, 2, 14, 30 + i, 90 - j, 91} {
				end := Today(start.AddDate(0, 0, days), "UTC")
				w := b.create(Input{BoatID: boat, PurchaseDate: AddMonths(end, -12), Months: 12})
				if n%3 == 2 && j%2 == 0 {
					b.exec("UPDATE warranty_tracking SET state = $1 WHERE id = $2", []Status{Claimed, Void}[i%2], w.ID)
				}
			}
		}
	}
}

// instant is one at which a date changes somewhere, or close to it.
func instant(t *rapid.T) time.Time {
	near := rapid.SampledFrom([]time.Duration{-time.Microsecond, 0, time.Microsecond, -30 * time.Minute, 30 * time.Minute, 7 * time.Hour}).Draw(t, "near")
	days := rapid.IntRange(-2, 2).Draw(t, "days")
	if rapid.Bool().Draw(t, "three dates") {
		return time.Date(2026, 5, 1+days, 10, 30, 0, 0, time.UTC).Add(near)
	}
	zone, err := time.LoadLocation(rapid.SampledFrom(waters()).Draw(t, "zone"))
	if err != nil {
		t.Fatal(err)
	}
	changes := []time.Time{ // of summer time, in Europe, America, Lord Howe
		time.Date(2026, 3, 29, 0, 0, 0, 0, zone), time.Date(2026, 10, 25, 0, 0, 0, 0, zone), time.Date(2026, 3, 8, 0, 0, 0, 0, zone),
		time.Date(2026, 11, 1, 0, 0, 0, 0, zone), time.Date(2026, 4, 5, 0, 0, 0, 0, zone),
	}
	midnight := rapid.SampledFrom(append(changes, time.Date(2026, 5, 1, 0, 0, 0, 0, zone), time.Date(2026, 5, 1, 0, 0, 0, 0, zone))).Draw(t, "midnight")
	return midnight.AddDate(0, 0, days).Add(near)
}

// Whatever the zones of boats and organizations, a list holds exactly the rows
// that are what it asks for, each by the date where its boat is.
func TestListsAgreeWithTheirRowsInEveryZone(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.fill()
		zones, dates := map[string]string{}, map[int]bool{}
		rows, _, err := b.Warranties(t.Context(), b.ada, Filter{Within: -1, Page: fleet.Page{Limit: 1000}})
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range rows {
			zones[w.timeZone] = w.timeZone
		}
		rapid.Check(t, func(rt *rapid.T) {
			b.clock.Set(instant(rt))
			today := map[fleet.Date]bool{}
			for zone := range zones {
				today[Today(b.clock.Now(), zone)] = true
			}
			dates[len(today)] = true
			f := Filter{
				Status: rapid.SampledFrom([]Status{"", Active, Expired, Claimed, Void}).Draw(rt, "status"), IncludeExpired: rapid.Bool().Draw(rt, "with expired"),
				Within: rapid.SampledFrom([]int{-1, 0, 1, 2, 14, 30, 90, 365}).Draw(rt, "within"), Page: fleet.Page{Limit: 1000},
			}
			agree(rt, b, b.ada, f)
		})
		if !dates[3] || !dates[2] {
			t.Errorf("dates at once: %v", dates)
		}
	})
}

func agree(t *rapid.T, b *bench, who account.Actor, f Filter) {
	rows, _, err := b.Warranties(b.t.Context(), who, Filter{Within: -1, Page: f.Page})
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, w := range rows {
		in := f.Status == "" || w.Status == f.Status
		if f.Within >= 0 {
			in = in && w.DaysLeft <= f.Within && (f.Status != "" || w.Status == Active || f.IncludeExpired && w.Status == Expired)
		}
		if in {
			want = append(want, w.BoatName+" "+string(w.ExpirationDate)+" "+w.timeZone)
		}
	}
	listed, total, err := b.Warranties(b.t.Context(), who, f)
	if err != nil || total != len(want) {
		t.Fatalf("total %d, want %d: %v", total, len(want), err)
	}
	var got []string
	for _, w := range listed {
		got = append(got, w.BoatName+" "+string(w.ExpirationDate)+" "+w.timeZone)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("at %s: %s", b.clock.Now(), diff)
	}
}

// Whoever deletes an engine is told which warranty needs it, and what to do.
func TestAnEngineThatAWarrantyNamesStays(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		engine := b.engine(b.boat)
		w := b.create(Input{EngineID: &engine, ItemName: "Gearbox", PurchaseDate: "2026-01-10", Months: 24})
		refused := func(want string) {
			t.Helper()
			_, err := b.boats.DeleteEngine(t.Context(), b.ada, b.boat, engine, "")
			if wantKind(t, err, fault.Conflict); !strings.Contains(fault.Message(err), want) {
				t.Errorf("%q lacks %q", fault.Message(err), want)
			}
		}
		refused(`the warranty "Gearbox" names this engine`)
		if _, err := b.Delete(t.Context(), b.ada, w.ID, ""); err != nil {
			t.Fatal(err)
		}
		refused(`the deleted warranty "Gearbox" names this engine: restore it by POST /api/warranties/` + string(w.ID) + "/restore")
		// What it says works.
		if _, err := b.Restore(t.Context(), b.ada, w.ID); err != nil {
			t.Fatal(err)
		}
		b.update(w.ID, Patch{EngineID: ptr(fleet.EngineID(""))})
		if _, err := b.Delete(t.Context(), b.ada, w.ID, ""); err != nil {
			t.Fatal(err)
		}
		if _, err := b.boats.DeleteEngine(t.Context(), b.ada, b.boat, engine, ""); err != nil {
			t.Error(err)
		}
	})
}
