package warranty

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"navidocs/internal/account"
	"navidocs/internal/account/accounttest"
	"navidocs/internal/blob"
	"navidocs/internal/db"
	"navidocs/internal/document"
	"navidocs/internal/document/extract"
	"navidocs/internal/event"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
	"navidocs/internal/job"
	"navidocs/internal/testkit"
	"navidocs/internal/vault"
)

var start = time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)

// bench is a service on a real database with two organizations.
type bench struct {
	*Service
	t     *testing.T
	clock *testkit.Clock
	blobs string // the folder of the store
	queue *job.Queue
	org   account.OrgID
	boat  fleet.BoatID
	ada   account.Actor // admin of org, which has the boat
	eve   account.Actor // admin of another
}

func each(t *testing.T, f func(t *testing.T, b *bench)) {
	t.Helper()
	testkit.EachAt(t, start, func(t *testing.T, d *db.DB, clock *testkit.Clock) {
		queue, err := job.New(d, job.Config{Log: slog.New(slog.DiscardHandler), LockPath: t.TempDir() + "/lock", Workers: map[string]int{"": 1}})
		if err != nil {
			t.Fatal(err)
		}
		events := event.New(d, queue)
		queue.Register(events.Jobs()...)
		accounts := account.New(d, account.Config{PasswordCost: accounttest.Cheap(), Secret: []byte(strings.Repeat("s", 32)), Keys: vault.Keys{Present: []byte(strings.Repeat("k", 32))}})
		blobs := t.TempDir() + "/blobs"
		store, err := blob.OpenDisk(blobs)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { store.Close() })
		boats := fleet.New(d, accounts, events)
		papers := document.New(d, store, accounts, boats, events, queue, extract.New(extract.Options{Command: []string{"/bin/false"}}),
			document.Config{MaxBytes: 1 << 20, TempDir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
		queue.Register(papers.Jobs()...)
		b := &bench{Service: New(d, store, accounts, boats, papers, events), t: t, clock: clock, blobs: blobs, queue: queue}
		b.ada, b.eve = b.user("ada@example.org", "", ""), b.user("eve@example.org", "", "")
		b.org = b.ada.Orgs(account.Admin)[0]
		b.boat = b.newBoat("Calypso", "")
		f(t, b)
	})
}

func (b *bench) user(email string, org account.OrgID, role account.Role) account.Actor {
	b.t.Helper()
	return accounttest.User(b.t, b.accounts, email, org, role)
}

func (b *bench) member() account.Actor {
	b.t.Helper()
	return b.user("member@example.org", b.org, account.Member)
}

func (b *bench) viewer() account.Actor {
	b.t.Helper()
	return b.user("viewer@example.org", b.org, account.Viewer)
}

// Kinds of papers, one of each class.
const (
	openPaper     = "OWN-REG-EU"
	moneyPaper    = "OWN-BOS"
	personalPaper = "OWN-ID"
)

// paper uploads one of a kind to the boat.
func (b *bench) paper(title, kind, content string) document.ID {
	b.t.Helper()
	d, err := b.papers.Upload(b.t.Context(), b.ada, document.Upload{FileName: "file", Title: title, Type: kind, BoatIDs: []fleet.BoatID{b.boat}}, strings.NewReader(content))
	if err != nil {
		b.t.Fatal(err)
	}
	return d.ID
}

func (b *bench) equipment(boat fleet.BoatID) fleet.EquipmentID {
	b.t.Helper()
	e, err := b.boats.CreateEquipment(b.t.Context(), b.ada, boat, fleet.EquipmentInput{Name: ptr("Watermaker"), SystemCode: ptr("400")})
	if err != nil {
		b.t.Fatal(err)
	}
	return e.ID
}

func (b *bench) engine(boat fleet.BoatID) fleet.EngineID {
	b.t.Helper()
	e, err := b.boats.CreateEngine(b.t.Context(), b.ada, boat, fleet.EngineInput{Position: ptr("port"), Maker: ptr("Yanmar"), Model: ptr("4JH45")})
	if err != nil {
		b.t.Fatal(err)
	}
	return e.ID
}

func (b *bench) newBoat(name, zone string) fleet.BoatID {
	b.t.Helper()
	boat, err := b.boats.CreateBoat(b.t.Context(), b.ada, b.org, fleet.BoatInput{Name: &name, TimeZone: &zone})
	if err != nil {
		b.t.Fatal(err)
	}
	return boat.ID
}

func (b *bench) zone(zone string) {
	b.t.Helper()
	_, err := b.accounts.PutSettings(b.t.Context(), b.ada, b.org, account.Settings{TimeZone: zone, Languages: []string{"eng"}, AuditYears: 7})
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) create(in Input) Warranty {
	b.t.Helper()
	if in.BoatID == "" {
		in.BoatID = b.boat
	}
	if in.ItemName == "" {
		in.ItemName = "Engine"
	}
	w, err := b.Create(b.t.Context(), b.ada, in)
	if err != nil {
		b.t.Fatal(err)
	}
	return w
}

// ending makes a warranty whose last day is so many days from the clock's day in UTC.
func (b *bench) ending(name string, days int) Warranty {
	b.t.Helper()
	end := Today(b.clock.Now().AddDate(0, 0, days), "UTC")
	w := b.create(Input{ItemName: name, PurchaseDate: AddMonths(end, -12), Months: 12})
	if w.ExpirationDate != end {
		b.t.Fatalf("ends on %s, want %s", w.ExpirationDate, end)
	}
	return w
}

// read is a warranty as ada sees it.
func (b *bench) read(id ID) Warranty {
	b.t.Helper()
	w, err := b.Warranty(b.t.Context(), b.ada, id)
	if err != nil {
		b.t.Fatal(err)
	}
	return w
}

func (b *bench) update(id ID, p Patch) Warranty {
	b.t.Helper()
	w, err := b.Update(b.t.Context(), b.ada, id, p, "")
	if err != nil {
		b.t.Fatal(err)
	}
	return w
}

func (b *bench) exec(statement string, args ...any) {
	b.t.Helper()
	err := b.db.Transact(b.t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(b.t.Context(), statement, args...)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

func wantKind(t *testing.T, err error, kind fault.Kind) {
	t.Helper()
	if !fault.Is(err, kind) {
		t.Errorf("kind %d wanted, got %d: %v", kind, fault.KindOf(err), err)
	}
}

// wantFields demands a refusal that names exactly these places, in this order.
func wantFields(t *testing.T, err error, want ...string) {
	t.Helper()
	var got []string
	if e, ok := errors.AsType[*fault.Error](err); ok {
		for _, f := range e.Fields {
			got = append(got, f.Location)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(err, diff)
	}
}

func ptr[T any](v T) *T { return &v }

func TestAddMonths(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		from   fleet.Date
		months int
		want   fleet.Date
	}{
		{"2024-01-31", 1, "2024-02-29"},
		{"2023-01-31", 1, "2023-02-28"},
		{"2100-01-31", 1, "2100-02-28"},
		{"2000-01-31", 1, "2000-02-29"},
		{"2024-02-29", 12, "2025-02-28"},
		{"2024-02-29", 48, "2028-02-29"},
		{"2023-01-15", 24, "2025-01-15"},
		{"2024-10-31", 1, "2024-11-30"},
		{"2024-12-31", 2, "2025-02-28"},
		{"2024-03-31", -1, "2024-02-29"},
		{"2024-01-31", -12, "2023-01-31"},
		{"2024-05-05", 0, "2024-05-05"},
		{"2024-11-30", 360, "2054-11-30"},
		{"no date", 1, "no date"},
	} {
		if got := AddMonths(test.from, test.months); got != test.want {
			t.Errorf("%s and %d months: %s, want %s", test.from, test.months, got, test.want)
		}
	}
}

// The month is the right one and the day the same, or the month's last.
func TestAddMonthsProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		from := time.Unix(0, 0).UTC().AddDate(0, 0, rapid.IntRange(-40_000, 80_000).Draw(t, "day"))
		months := rapid.IntRange(-400, 400).Draw(t, "months")
		got, err := time.Parse(time.DateOnly, string(AddMonths(fleet.Date(from.Format(time.DateOnly)), months)))
		if err != nil {
			t.Fatal(err)
		}
		if have, want := got.Year()*12+int(got.Month()), from.Year()*12+int(from.Month())+months; have != want {
			t.Fatalf("%s and %d months: %s is in another month", from, months, got)
		}
		if last := got.AddDate(0, 0, 1).Day() == 1; got.Day() != from.Day() && (!last || got.Day() > from.Day()) {
			t.Fatalf("%s and %d months: %s", from, months, got)
		}
	})
}

func TestToday(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 28, 23, 30, 0, 0, time.UTC)
	for zone, want := range map[string]fleet.Date{
		"": "2026-03-28", "UTC": "2026-03-28", "Nowhere/Land": "2026-03-28", "Europe/Madrid": "2026-03-29",
		"Pacific/Kiritimati": "2026-03-29", "Pacific/Pago_Pago": "2026-03-28", "America/New_York": "2026-03-28",
	} {
		if got := Today(at, zone); got != want {
			t.Errorf("%s: %s, want %s", zone, got, want)
		}
	}
}

func TestDaysBetween(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		from, to fleet.Date
		want     int
	}{
		{"2026-05-01", "2026-05-01", 0},
		{"2026-05-01", "2026-04-30", -1},
		{"2024-02-28", "2024-03-01", 2},
		{"2023-12-31", "2024-12-31", 366},
		{"", "2024-12-31", 0},
	} {
		if got := daysBetween(test.from, test.to); got != test.want {
			t.Errorf("%s to %s: %d, want %d", test.from, test.to, got, test.want)
		}
	}
}

func TestLevels(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		days          int
		status, level string
	}{
		{-1, "expired", ""},
		{0, "active", "critical"},
		{1, "active", "critical"},
		{13, "active", "critical"},
		{14, "active", "warning"},
		{30, "active", "warning"},
		{31, "active", "info"},
		{90, "active", "info"},
		{91, "active", ""},
	} {
		w := Warranty{state: "active", ExpirationDate: Today(start.AddDate(0, 0, test.days), "UTC")}
		w.judge(Today(start, ""))
		if got := fmt.Sprint(w.DaysLeft, w.Status, level(w)); got != fmt.Sprint(test.days, test.status, test.level) {
			t.Errorf("%d days: %s", test.days, got)
		}
	}
	for _, state := range []string{"void", "claimed"} {
		w := Warranty{state: state, ExpirationDate: Today(start, "UTC")}
		if w.judge(Today(start, "")); w.Level != nil || string(w.Status) != state {
			t.Errorf("%s: %s %s", state, w.Status, level(w))
		}
	}
}

func level(w Warranty) string {
	if w.Level == nil {
		return ""
	}
	return *w.Level
}

// The last day of cover ends at midnight where the boat is.
func TestTheDayEndsInTheBoatsZone(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		boat, org string
		end       time.Time // of 2026-05-10 there
	}{
		"UTC":                               {"", "UTC", time.Date(2026, 5, 11, 0, 0, 0, 0, time.UTC)},
		"the organization's":                {"", "Europe/Madrid", time.Date(2026, 5, 10, 22, 0, 0, 0, time.UTC)},
		"the boat's before it":              {"Pacific/Kiritimati", "Europe/Madrid", time.Date(2026, 5, 10, 10, 0, 0, 0, time.UTC)},
		"the boat's west of it":             {"Pacific/Pago_Pago", "Pacific/Kiritimati", time.Date(2026, 5, 11, 11, 0, 0, 0, time.UTC)},
		"a zone that is not in whole hours": {"Asia/Kathmandu", "UTC", time.Date(2026, 5, 10, 18, 15, 0, 0, time.UTC)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, b *bench) {
				b.zone(test.org)
				w := b.create(Input{BoatID: b.newBoat("Other", test.boat), PurchaseDate: "2025-05-10", Months: 12})
				look := func(at time.Time) string {
					b.clock.Set(at)
					got, err := b.Warranty(t.Context(), b.ada, w.ID)
					if err != nil {
						t.Fatal(err)
					}
					listed, _, err := b.Warranties(t.Context(), b.ada, Filter{Within: 0, Page: fleet.Page{Limit: 10}})
					if err != nil {
						t.Fatal(err)
					}
					return fmt.Sprintln(got.DaysLeft, got.Status, level(got), len(listed))
				}
				if got, want := look(test.end.Add(-time.Microsecond)), fmt.Sprintln(0, Active, "critical", 1); got != want {
					t.Error(got)
				}
				if got, want := look(test.end), fmt.Sprintln(-1, Expired, "", 0); got != want {
					t.Error(got)
				}
				if got, want := look(test.end.AddDate(0, 0, -1)), fmt.Sprintln(0, Active, "critical", 1); got != want {
					t.Error(got)
				}
				if got, want := look(test.end.AddDate(0, 0, -1).Add(-time.Microsecond)), fmt.Sprintln(1, Active, "critical", 0); got != want {
					t.Error(got)
				}
			})
		})
	}
}

func TestLists(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		for _, days := range []int{91, 90, 30, 14, 13, 0, -1, -400} {
			b.ending(fmt.Sprint(days), days)
		}
		for name, state := range map[string]string{"void": "void", "claimed": "claimed"} {
			w := b.ending(name, 5)
			b.exec("UPDATE warranty_tracking SET state = $1 WHERE id = $2", state, w.ID)
		}
		b.exec("UPDATE warranty_tracking SET provider = $1, provider_fold = $2 WHERE item_name = '14'", "Völvo Penta", "volvo penta")
		gone := b.ending("deleted", 3)
		b.exec("UPDATE warranty_tracking SET deleted_at = 1 WHERE id = $1", gone.ID)
		for name, test := range map[string]struct {
			filter Filter
			want   string
		}{
			"all, soonest first": {Filter{Within: -1}, "-400 -1 0 void claimed 13 14 30 90 91"},
			"today":              {Filter{Within: 0}, "0"},
			"within 13":          {Filter{Within: 13}, "0 13"},
			"within 14":          {Filter{Within: 14}, "0 13 14"},
			"within 30":          {Filter{Within: 30}, "0 13 14 30"},
			"within 90":          {Filter{Within: 90}, "0 13 14 30 90"},
			"with the expired":   {Filter{Within: 13, IncludeExpired: true}, "-400 -1 0 13"},
			"active":             {Filter{Within: -1, Status: Active}, "0 13 14 30 90 91"},
			"expired":            {Filter{Within: -1, Status: Expired}, "-400 -1"},
			"void":               {Filter{Within: -1, Status: Void}, "void"},
			"claimed":            {Filter{Within: -1, Status: Claimed}, "claimed"},
			"of a provider":      {Filter{Within: -1, Provider: "volvo PENTA"}, "14"},
			"of a boat":          {Filter{Within: 0, BoatID: b.boat}, "0"},
			"a page":             {Filter{Within: 90, Page: fleet.Page{Limit: 2, Offset: 1}}, "13 14"},
			"past all":           {Filter{Within: 90, Page: fleet.Page{Limit: 2, Offset: 99}}, ""},
		} {
			if test.filter.Limit == 0 {
				test.filter.Limit = 50
			}
			all, total, err := b.Warranties(t.Context(), b.ada, test.filter)
			if err != nil {
				t.Fatal(name, err)
			}
			if got := sameDay(all); got != sortedLike(test.want, got) {
				t.Errorf("%s: %s, want %s", name, got, test.want)
			}
			if test.filter.Offset == 0 && total != len(all) || name == "a page" && total != 5 {
				t.Errorf("%s: total %d", name, total)
			}
		}
	})
}

func sameDay(all []Warranty) string {
	var names []string
	for _, w := range all {
		names = append(names, w.ItemName)
	}
	return strings.Join(names, " ")
}

// sortedLike lets the two that end on one day come in either order.
func sortedLike(want, got string) string {
	if strings.Contains(got, "claimed void") {
		return strings.Replace(want, "void claimed", "claimed void", 1)
	}
	return want
}

func TestCreateKeepsWhatItIsGiven(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		name, system := "Watermaker", "400"
		e, err := b.boats.CreateEquipment(t.Context(), b.ada, b.boat, fleet.EquipmentInput{Name: &name, SystemCode: &system})
		if err != nil {
			t.Fatal(err)
		}
		made := b.create(Input{
			EquipmentID: &e.ID, ItemName: " Watermaker ", Provider: "Maker", SerialNumber: "S", PurchaseDate: "2025-06-10", StartDate: "2025-07-01", Months: 24,
			HoursLimit: ptr(2000.0), CoverageAmount: ptr(1234.56), Currency: "EUR", RegistrationNumber: "R", Transferable: true, ClaimInstructions: "call",
		})
		want := Warranty{
			ID: made.ID, OrgID: b.org, BoatID: b.boat, BoatName: "Calypso", EquipmentID: &e.ID, ItemName: "Watermaker", Provider: "Maker", SerialNumber: "S",
			PurchaseDate: "2025-06-10", StartDate: "2025-07-01", Months: 24, ExpirationDate: "2027-07-01", DaysLeft: 426, Status: Active,
			HoursLimit: ptr(2000.0), CoverageAmount: ptr(1234.56), Currency: "EUR", RegistrationNumber: "R", Transferable: true, ClaimInstructions: "call",
			EndsBy: "months", Lines: []Line{}, CreatedAt: start, UpdatedAt: start, state: "active", timeZone: "UTC",
			Thresholds: []Threshold{
				{ExpiresOn: "2027-07-01", Days: 90, DueOn: "2027-04-02", State: "due"},
				{ExpiresOn: "2027-07-01", Days: 30, DueOn: "2027-06-01", State: "due"},
				{ExpiresOn: "2027-07-01", Days: 14, DueOn: "2027-06-17", State: "due"},
				{ExpiresOn: "2027-07-01", Days: 0, DueOn: "2027-07-02", State: "due"},
			},
		}
		got, err := b.Warranty(t.Context(), b.ada, made.ID)
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(Warranty{})); diff != "" || err != nil {
			t.Error(err, diff)
		}
	})
}

func TestInputFaults(t *testing.T) {
	t.Parallel()
	good := Input{BoatID: "boat", ItemName: "Engine", PurchaseDate: "2026-01-15", Months: 12}
	for name, test := range map[string]struct {
		change func(*Input)
		want   []string
	}{
		"nothing":                     {func(in *Input) { *in = Input{} }, []string{"body.boat_id", "body.item_name", "body.purchase_date", "body.warranty_period_months"}},
		"long name":                   {func(in *Input) { in.ItemName = strings.Repeat("ä", 201) }, []string{"body.item_name"}},
		"dates":                       {func(in *Input) { in.PurchaseDate, in.StartDate = "2026-02-30", "tomorrow" }, []string{"body.purchase_date", "body.start_date"}},
		"too many months":             {func(in *Input) { in.Months = 361 }, []string{"body.warranty_period_months"}},
		"an amount without currency":  {func(in *Input) { in.CoverageAmount = ptr(1.0) }, []string{"body.currency"}},
		"beyond what a date can show": {func(in *Input) { in.PurchaseDate = "9999-06-01" }, []string{"body.start_date"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := good
			test.change(&in)
			_, err := (&Service{}).Create(t.Context(), account.Actor{}, in)
			wantFields(t, err, test.want...)
		})
	}
}

// An amount is kept in whole minor units of its currency.
func TestMinorUnits(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		for _, test := range []struct {
			currency    string
			given, want float64
			minor       int64
		}{
			{"EUR", 1234.56, 1234.56, 123456},
			{"EUR", 0.1 + 0.2, 0.3, 30},
			{"JPY", 5000, 5000, 5000},
			{"JPY", 0.4, 0, 0},
			{"KWD", 1.234, 1.234, 1234},
			{"IQD", 0.001, 0.001, 1},
			{"RWF", 7, 7, 7},
			{"CLF", 1.2345, 1.2345, 12345},
			{"USD", 1e9, 1e9, 1e11},
		} {
			w := b.create(Input{PurchaseDate: "2026-01-15", Months: 12, CoverageAmount: &test.given, Currency: test.currency})
			minor, err := db.One(t.Context(), b.db, db.Scalar[int64], "SELECT coverage_minor FROM warranty_tracking WHERE id = $1", w.ID)
			if err != nil || minor != test.minor || *w.CoverageAmount != test.want {
				t.Errorf("%g %s: %d, %g, %v", test.given, test.currency, minor, *w.CoverageAmount, err)
			}
		}
	})
}

func TestWarrantiesAreForTheirOwn(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.create(Input{PurchaseDate: "2026-01-15", Months: 12, CoverageAmount: ptr(100.0), Currency: "EUR"})
		in := Input{BoatID: b.boat, ItemName: "Engine", PurchaseDate: "2026-01-15", Months: 12}
		viewer, member := b.user("viewer@example.org", b.org, account.Viewer), b.user("member@example.org", b.org, account.Member)
		_, err := b.Warranty(t.Context(), b.eve, w.ID)
		wantKind(t, err, fault.NotFound)
		_, err = b.Create(t.Context(), b.eve, in)
		wantKind(t, err, fault.NotFound)
		_, _, err = b.Warranties(t.Context(), b.eve, Filter{BoatID: b.boat, Within: -1})
		wantKind(t, err, fault.NotFound)
		if all, _, err := b.Warranties(t.Context(), b.eve, Filter{Within: -1, Page: fleet.Page{Limit: 50}}); len(all) != 0 || err != nil {
			t.Error(all, err)
		}
		_, err = b.Create(t.Context(), viewer, in)
		wantKind(t, err, fault.Forbidden)
		if _, err := b.Create(t.Context(), member, in); err != nil {
			t.Error(err)
		}
		for who, sees := range map[*account.Actor]bool{&viewer: false, &member: true} {
			one, err := b.Warranty(t.Context(), *who, w.ID)
			if err != nil || (one.CoverageAmount != nil) != sees {
				t.Errorf("%s: %v, %v", who.Email, one.CoverageAmount, err)
			}
			all, _, err := b.Warranties(t.Context(), *who, Filter{Within: -1, Page: fleet.Page{Limit: 1}})
			if err != nil || len(all) != 1 || (all[0].CoverageAmount != nil) != sees {
				t.Errorf("%s: %v, %v", who.Email, all, err)
			}
		}
		if _, err := b.boats.DeleteBoat(t.Context(), b.ada, b.boat, ""); err != nil {
			t.Fatal(err)
		}
		_, err = b.Warranty(t.Context(), b.ada, w.ID)
		wantKind(t, err, fault.NotFound)
	})
}

func TestEquipmentMustBeOnTheBoat(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		name, system := "Watermaker", "400"
		e, err := b.boats.CreateEquipment(t.Context(), b.ada, b.newBoat("Other", ""), fleet.EquipmentInput{Name: &name, SystemCode: &system})
		if err != nil {
			t.Fatal(err)
		}
		none := fleet.EquipmentID("none")
		for id, want := range map[*fleet.EquipmentID]fault.Kind{&e.ID: fault.Invalid, &none: fault.NotFound} {
			_, err := b.Create(t.Context(), b.ada, Input{BoatID: b.boat, EquipmentID: id, ItemName: "X", PurchaseDate: "2026-01-15", Months: 12})
			wantKind(t, err, want)
		}
	})
}

func TestCreatingIsToldAndAudited(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.create(Input{PurchaseDate: "2026-01-15", Months: 12, CoverageAmount: ptr(987.0), Currency: "EUR"})
		told, err := event.OfBoat(t.Context(), b.db, string(b.boat), 1, 0)
		if err != nil || len(told) != 1 || told[0].Type != "warranty.created" || told[0].Sequence != 2 {
			t.Fatal(told, err)
		}
		want := fmt.Sprintf(`{"warranty_id":%q,"boat_id":%q,"item_name":"Engine","provider":"","expiration_date":"2027-01-15","days_until_expiration":259,"status":"active"}`, w.ID, b.boat)
		if diff := cmp.Diff(want, string(told[0].Data)); diff != "" {
			t.Error(diff) // and no amount
		}
		trail, total, err := b.accounts.AuditTrail(t.Context(), b.ada, account.AuditFilter{Action: "warranty.created", Limit: 10})
		if err != nil || total != 1 || trail[0].SubjectID != string(w.ID) || *trail[0].BoatID != b.boat {
			t.Error(trail, err)
		}
	})
}
