package listing_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
	"navidocs/internal/listing"
)

var errAway = fault.New(fault.Unavailable, "the partner answered 500")

func TestCredentialsAreCheckedSealedAndNotReadBack(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		n := listing.NewConnection{Kind: listing.YachtWorld, URL: "https://127.0.0.1/api", APIKey: "wrong"}
		_, err := b.Connect(t.Context(), b.ada, b.org, n)
		want(t, err, fault.Invalid, "does not know this key")
		n.APIKey, b.shelf.fails = "right", errAway
		_, err = b.Connect(t.Context(), b.ada, b.org, n)
		want(t, err, fault.Unavailable)
		b.shelf.fails = nil
		if all, err := b.Connections(t.Context(), b.ada); err != nil || len(all) != 0 {
			t.Error("kept", all, err)
		}
		b.connect(n)
		b.connect(listing.NewConnection{Kind: listing.BoatTrader}) // the operator's key
		_, err = b.Connect(t.Context(), b.ada, b.org, listing.NewConnection{Kind: listing.BoatTrader, URL: "https://thief.example/"})
		want(t, err, fault.Invalid, "body.api_key") // the operator's key goes nowhere else
		_, err = b.Connect(t.Context(), b.ada, b.org, listing.NewConnection{Kind: listing.YachtWorld, URL: "https://10.0.0.1/", APIKey: "right"})
		want(t, err, fault.Invalid, "body.url")
		_, err = b.Connect(t.Context(), b.ada, b.org, listing.NewConnection{Kind: "fax"})
		want(t, err, fault.Invalid, "body.kind")
		sealed, err := db.Collect(t.Context(), b.db, db.Scalar[string], "SELECT secret_sealed FROM mls_connections")
		if err != nil || len(sealed) != 2 || strings.Contains(fmt.Sprint(sealed), "right") {
			t.Error(sealed, err)
		}
		p, c := b.partner("Partner")
		if c.Agreement == "" || !slices.Equal(p.calls, []string{"validate "}) {
			t.Error("a partner is not said to need an agreement, or not asked", c, p.calls)
		}
		p.fails = func(string, string) error { return fault.New(fault.Unauthenticated, "401") }
		_, err = b.Change(t.Context(), b.ada, c.ID, listing.ConnectionPatch{Token: new("old")}, "")
		want(t, err, fault.Invalid, "does not know these credentials")
	})
}

func TestAPartnerIsSentWhatChangedWhoeverChangedIt(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		p, c := b.partner("Partner")
		boat := b.boat("Calypso")
		b.put(boat, offer(listing.Draft, 1000))
		b.minute()
		p.calls = nil
		l := b.put(boat, offer(listing.Active, 1000))
		b.stands(boat, c, listing.Waiting)
		calls := func(want ...string) {
			t.Helper()
			b.minute()
			if !slices.Equal(p.calls, want) {
				t.Errorf("calls %q, want %q", p.calls, want)
			}
			p.calls = nil
		}
		calls("create " + l.Ref)
		b.stands(boat, c, listing.Published)
		if x := b.standing(boat, c); x.Reference != "P-"+l.Ref {
			t.Error("the portal's reference is", x.Reference)
		}
		calls()
		b.put(boat, offer(listing.Active, 900))
		calls("update " + l.Ref)
		if got := p.has[l.Ref].Price.Minor; got != 90000 {
			t.Error("the price is", got)
		}
		if _, err := b.boats.UpdateBoat(t.Context(), b.ada, boat.ID, fleet.BoatInput{LOAM: new(17.5)}, ""); err != nil {
			t.Fatal(err)
		}
		calls("update " + l.Ref)
		if _, err := b.boats.CreateEngine(t.Context(), b.ada, boat.ID, fleet.EngineInput{Maker: new("Yanmar")}); err != nil {
			t.Fatal(err)
		}
		calls("update " + l.Ref)
		b.photo(boat, "open")
		calls("update " + l.Ref)
		b.photo(boat, "money")
		calls() // which buyers do not see
		b.put(boat, offer(listing.Withdrawn, 900))
		calls("delete " + l.Ref)
		b.stands(boat, c, listing.Gone)
		b.put(boat, offer(listing.Active, 900))
		calls("create " + l.Ref)
		if _, err := b.boats.DeleteBoat(t.Context(), b.ada, boat.ID, ""); err != nil {
			t.Fatal(err)
		}
		calls("delete " + l.Ref)
	})
}

func TestAPortalThatIsAwayIsAskedThreeTimesMore(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		p, c := b.partner("Partner")
		boat := b.boat("Calypso")
		b.put(boat, offer(listing.Active, 1000))
		p.fails = func(string, string) error { return errAway }
		p.calls = nil
		var at []int
		for minute := range 30 {
			before := len(p.calls)
			b.minute()
			if len(p.calls) > before {
				at = append(at, minute)
			}
		}
		if !slices.Equal(at, []int{0, 1, 3, 7}) {
			t.Error("asked in the minutes", at)
		}
		x := b.standing(boat, c)
		if x.State != listing.Failed || !strings.Contains(x.Words, "answered 500") {
			t.Errorf("%+v", x)
		}
		if got := b.told(); !slices.Equal(got, []string{"listing.failed"}) {
			t.Error("told", got)
		}
		p.fails = nil
		b.clock.Add(31 * time.Minute) // past 02:00
		b.minute()
		b.stands(boat, c, listing.Published)
		log, _, err := b.Log(t.Context(), b.ada, c.ID, fleet.Page{Limit: 100})
		if err != nil || !slices.ContainsFunc(log, func(r listing.Run) bool {
			return r.Cause == listing.Daily && r.ListingID == nil && r.Sent == 1 && r.Outcome == listing.Succeeded
		}) {
			t.Errorf("the log says %+v, %v", log, err)
		}
	})
}

func TestOnePortalAndOneBoatStopNoOther(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		good, g := b.partner("Good")
		gone, u := b.partner("Unknown")
		busy, y := b.partner("Busy")
		picky, k := b.partner("Picky")
		b.works()
		one, two := b.boat("One"), b.boat("Two")
		first := b.put(one, offer(listing.Active, 1000))
		second := b.put(two, offer(listing.Active, 2000))
		gone.fails = func(string, string) error { return fault.New(fault.Unauthenticated, "401 for key s3cret") }
		busy.fails = func(string, string) error { return fault.New(fault.RateLimited, "429").With("retry_after", 600) }
		picky.fails = func(_, ref string) error {
			if ref == first.Ref {
				return fault.New(fault.Invalid, "the portal asks for a HIN")
			}
			return nil
		}
		gone.calls, busy.calls = nil, nil
		for range 5 {
			b.minute()
		}
		if len(good.has) != 2 || len(picky.has) != 1 || picky.has[second.Ref].Ref == "" {
			t.Error("the others got", len(good.has), len(picky.has))
		}
		b.stands(one, g, listing.Published)
		b.stands(one, k, listing.Failed)
		b.stands(two, k, listing.Published)
		if len(gone.calls) != 1 || len(busy.calls) != 1 {
			t.Error("asked on and on:", gone.calls, busy.calls)
		}
		if x := b.standing(one, u); x.Status != listing.Stopped || strings.Contains(x.Words, "s3cret") {
			t.Error("the portal that does not know us:", x.Status, x.Words)
		}
		b.stands(one, y, listing.Waiting)
		counts := map[string]int{}
		for _, kind := range b.told() {
			counts[kind]++
		}
		if counts["listing.stopped"] != 1 || counts["listing.failed"] != 1 || counts["listing.published"] != 3 {
			t.Error("told", counts)
		}
		busy.fails, gone.fails = nil, nil
		b.clock.Add(10 * time.Minute)
		b.minute()
		b.stands(one, y, listing.Published)
		if _, err := b.Change(t.Context(), b.ada, u.ID, listing.ConnectionPatch{Status: new(listing.Working), Token: new("new")}, ""); err != nil {
			t.Fatal(err)
		}
		b.minute()
		b.stands(one, u, listing.Published)
		b.stands(two, u, listing.Published)
	})
}

func TestAPortalThatIsSilentIsLeftAlone(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		p, c := b.partner("Partner")
		b.works()
		for i := range 6 {
			b.put(b.boat(fmt.Sprint("Boat ", i)), offer(listing.Active, 1000))
		}
		p.fails, p.calls = func(string, string) error { return errors.New("half a body") }, nil
		b.minute()
		if len(p.calls) != 3 {
			t.Error("a silent portal was asked", len(p.calls), "times in a run")
		}
		p.fails = nil
		for range 3 {
			b.minute()
		}
		if len(p.has) != 6 {
			t.Error("in the end it has", len(p.has))
		}
		if _, err := b.Disconnect(t.Context(), b.ada, c.ID, ""); err != nil {
			t.Fatal(err)
		}
		b.minute()
	})
}

func TestTheDailyRunIsDoneOnceThoughLate(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.connect(listing.NewConnection{Kind: listing.YachtWorld, URL: "https://127.0.0.1/api", APIKey: "right"})
		if n := b.works(); n != 1 {
			t.Error("registering made", n, "runs")
		}
		if n := b.minute(); n != 0 {
			t.Error("before it is due there were", n)
		}
		b.clock.Add(70 * time.Hour) // the server was off for three days
		if n := b.minute() + b.minute(); n != 1 {
			t.Error("after three days there were", n)
		}
	})
}

func TestWhatAPortalShowsIsFoundAndCompared(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		c := b.connect(listing.NewConnection{Kind: listing.YachtWorld, URL: "https://127.0.0.1/api", APIKey: "right"})
		hin, byName, missing := b.boat("Hin"), b.boat("Named"), b.boat("Missing")
		if _, err := b.boats.UpdateBoat(t.Context(), b.ada, hin.ID, fleet.BoatInput{HIN: new("IT-AZI55123A919")}, ""); err != nil {
			t.Fatal(err)
		}
		for _, x := range []fleet.Boat{hin, byName, missing} {
			b.put(x, offer(listing.Active, 1000))
		}
		theirs := func(name, hin string, minor int64) listing.Advert {
			return listing.Advert{
				Status: listing.Active, Price: &listing.Money{Minor: minor, Currency: "EUR"}, Tax: listing.TaxPaid,
				Boat: listing.Boat{Make: "AZIMUT", Model: "55s", Name: name, HIN: hin, ModelYear: new(2019)},
			}
		}
		b.shelf.items = map[string]listing.Advert{"1": theirs("Another name", "ITAZI55123A919", 100000), "2": theirs("named", "", 100000), "3": theirs("Unheard of", "", 100000)}
		b.works()
		b.stands(hin, c, listing.Published)
		b.stands(byName, c, listing.Published)
		b.stands(missing, c, listing.Gone)
		if x := b.standing(missing, c); len(x.Drift) != 1 || x.Drift[0].Field != "listing.status" {
			t.Error("a boat that is not there differs in", x.Drift)
		}
		if x := b.standing(byName, c); x.Reference != "2" {
			t.Error(x)
		}
		log, total, err := b.Log(t.Context(), b.ada, c.ID, fleet.Page{Limit: 10})
		if err != nil || total != 1 || log[0].Matched != 2 || log[0].Unmatched != 1 || !strings.Contains(log[0].Message, "Unheard of (3)") {
			t.Errorf("the log says %+v, %v", log, err)
		}
		b.shelf.key = "another"
		b.clock.Add(24 * time.Hour)
		b.minute()
		if x := b.standing(hin, c); x.Status != listing.Stopped {
			t.Error("a key that is not known any more:", x.Words)
		}
	})
}

func TestALeaseEndsWithItsProcess(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		p, c := b.partner("Partner")
		b.works()
		boat := b.boat("Calypso")
		b.put(boat, offer(listing.Active, 1000))
		p.fails = func(string, string) error { panic("killed") }
		func() {
			defer func() { _ = recover() }()
			b.minute()
		}()
		p.fails, p.calls = nil, nil
		b.works()
		for range 4 {
			b.minute()
		}
		if len(p.calls) != 0 {
			t.Error("what another process may be sending was sent again", p.calls)
		}
		b.minute()
		b.minute()
		b.stands(boat, c, listing.Published)
	})
}
