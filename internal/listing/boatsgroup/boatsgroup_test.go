package boatsgroup_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/fault"
	"navidocs/internal/listing"
	"navidocs/internal/listing/boatsgroup"
	"navidocs/internal/listing/listingtest"
)

// waits notes how long it was to wait, and does not.
type waits struct{ all []time.Duration }

func (w *waits) wait(ctx context.Context, d time.Duration) error {
	w.all = append(w.all, d)
	return ctx.Err()
}

func api(t *testing.T, i *listingtest.Inventory, key string, o boatsgroup.Options) *boatsgroup.API {
	t.Helper()
	if o.Wait == nil {
		o.Wait = (&waits{}).wait
	}
	a, err := boatsgroup.New(i.Client(), i.URL, key, o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func recorded(t testing.TB) []json.RawMessage {
	t.Helper()
	raw, err := os.ReadFile("testdata/inventory.json")
	if err != nil {
		t.Fatal(err)
	}
	var page struct{ Results []json.RawMessage }
	if err := json.Unmarshal(raw, &page); err != nil {
		t.Fatal(err)
	}
	return page.Results
}

// The recorded shape, read to our fields and units. Run with UPDATE=1 to write anew.
func TestRecordedListingsAreRead(t *testing.T) {
	t.Parallel()
	var listings []map[string]any
	for _, raw := range recorded(t) {
		var v map[string]any
		if err := json.Unmarshal(raw, &v); err != nil {
			t.Fatal(err)
		}
		listings = append(listings, v)
	}
	i := listingtest.NewInventory(t, listings...)
	var items []boatsgroup.Item
	err := api(t, i, listingtest.Key, boatsgroup.Options{}).Inventory(t.Context(), func(x boatsgroup.Item) error {
		items = append(items, x)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.MarshalIndent(items, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	const path = "testdata/inventory.golden.json"
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, append(got, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)+"\n"); diff != "" {
		t.Error(diff)
	}
	for _, staff := range []string{"Staff", "staff@", "reduced"} {
		if strings.Contains(string(got), staff) {
			t.Error(staff, "was read")
		}
	}
}

func ptr[T any](v T) *T { return &v }

// The traps, one by one: a golden file alone would bless any reading.
func TestTraps(t *testing.T) {
	t.Parallel()
	all := map[string]boatsgroup.Item{}
	for _, raw := range recorded(t) {
		item, err := boatsgroup.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		all[item.ID] = item
	}
	a, b, c, d := all["9000001"].Advert, all["9000002"].Advert, all["9000003"].Advert, all["9000004"].Advert
	for name, pair := range map[string][2]any{
		"feet":                    {a.Boat.LengthM, ptr(14.3256)},
		"gallons of two tanks":    {a.Boat.FuelL, ptr(2271.24707)},
		"pounds with a comma":     {a.Boat.DryWeightKg, ptr(13607.7711)},
		"statute miles":           {a.Boat.RangeNM, ptr(1000.00048)},
		"nothing is unknown":      {a.Boat.AirDraftM, (*float64)(nil)},
		"knots from miles":        {a.Boat.MaxKn, ptr(19.986454)},
		"horsepower":              {a.Engines[0].PowerKW, ptr(231.16696)},
		"hours with a comma":      {a.Engines[1].Hours, ptr(1210.0)},
		"no sum beside hours":     {a.HoursTotal, (*float64)(nil)},
		"price in a string":       {*a.Price, listing.Money{Minor: 18_900_000, Currency: "USD"}},
		"string that is true":     {a.CoBrokerage, true},
		"string that is false":    {b.CoBrokerage, false},
		"0 is no country":         {a.Boat.Flag, ""},
		"country":                 {c.Boat.Flag, "US"},
		"berths":                  {a.Boat.Berths, ptr(5)},
		"HTML":                    {a.Descriptions[0].Text, "A quiet boat & dry.\n\nOne owner.\nSeen any day."},
		"section":                 {a.Sections[0], listing.Section{Title: "Electronics", Text: "Radar\nPlotter"}},
		"pictures by priority":    {a.Images[0].URL, "https://images.example.org/9000001/1.jpg"},
		"instant":                 {a.Modified, time.Date(2026, 1, 30, 11, 12, 13, 0, time.UTC)},
		"price of nothing":        {[]any{b.Price, b.PriceHidden}, []any{(*listing.Money)(nil), true}},
		"price of one":            {[]any{c.Price, c.PriceHidden}, []any{(*listing.Money)(nil), true}},
		"sum of hours":            {[]any{b.HoursTotal, b.Engines[0].Hours}, []any{ptr(1810.0), (*float64)(nil)}},
		"sum of one engine":       {[]any{c.HoursTotal, c.Engines[0].Hours}, []any{(*float64)(nil), ptr(95.0)}},
		"year in a string":        {b.Boat.ModelYear, ptr(1999)},
		"year 0":                  {c.Boat.ModelYear, (*int)(nil)},
		"unleaded":                {c.Engines[0].Fuel, "petrol"},
		"length from the norm":    {c.Boat.LengthM, ptr(6.1)},
		"metres with a comma":     {d.Boat.BeamM, ptr(6.1)},
		"millions with commas":    {*d.Price, listing.Money{Minor: 125_000_000, Currency: "EUR"}},
		"empty tank":              {d.Boat.WaterL, (*float64)(nil)},
		"what is not understood":  {all["9000004"].Doubts, []string{`LengthOverall: "about 80" is not understood`}},
		"a list that is alone":    {all["9000005"].Advert.Engines, []listing.Engine{{Make: "Alone", Hours: ptr(12.5)}}},
		"the former price":        {*all["9000005"].Advert.Price, listing.Money{Minor: 9_500_000, Currency: "CAD"}},
		"said twice":              {all["9000006"].Advert.Descriptions, []listing.Text{{Language: "en", Text: "Same"}}},
		"states":                  {[]listing.Status{a.Status, b.Status, c.Status, all["9000005"].Advert.Status, all["9000006"].Advert.Status, all["9000007"].Advert.Status}, []listing.Status{"active", "under_offer", "sold", "withdrawn", "active", "draft"}},
		"hull numbers":            {[]string{a.Boat.HIN, d.Boat.HIN}, []string{"XYZ12345K203", "IT-QQQ00012H415"}},
		"placeholders are no HIN": {b.Boat.HIN + c.Boat.HIN + all["9000005"].Advert.Boat.HIN + all["9000006"].Advert.Boat.HIN, ""},
	} {
		if diff := cmp.Diff(pair[1], pair[0]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func many(n int) (all []map[string]any) {
	for i := range n {
		all = append(all, listingtest.Listing(fmt.Sprint(i), "Boat", "100000.00 EUR"))
	}
	return all
}

func TestPagesAreAskedForPolitely(t *testing.T) {
	t.Parallel()
	i, w := listingtest.NewInventory(t, many(120)...), &waits{}
	var ids []string
	a := api(t, i, listingtest.Key, boatsgroup.Options{Wait: w.wait})
	note := func(x boatsgroup.Item) error { ids = append(ids, x.ID); return nil }
	i.FailNext(listingtest.Broken, 2)
	if err := a.Inventory(t.Context(), note); err != nil {
		t.Fatal(err)
	}
	if len(ids) != 120 || ids[0] != "0" || ids[119] != "119" || i.Requests() != 5 {
		t.Error(len(ids), i.Requests())
	}
	want := []time.Duration{2 * time.Minute, 2 * time.Minute, 15 * time.Second, 15 * time.Second}
	if diff := cmp.Diff(want, w.all); diff != "" {
		t.Error(diff)
	}
	for name, o := range map[string]boatsgroup.Options{"pages": {MaxPages: 2}} {
		if err := api(t, i, listingtest.Key, o).Inventory(t.Context(), note); !fault.Is(err, fault.TooLarge) || !strings.Contains(err.Error(), "more than 100 listings") {
			t.Error(name, err)
		}
	}
	over := errors.New("enough")
	if err := a.Inventory(t.Context(), func(boatsgroup.Item) error { return over }); !errors.Is(err, over) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := a.Inventory(ctx, func(boatsgroup.Item) error { cancel(); return nil }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	i.Set()
	if err := a.Inventory(t.Context(), func(boatsgroup.Item) error { return over }); err != nil {
		t.Error(err)
	}
}

func TestHowAPortalFails(t *testing.T) {
	t.Parallel()
	want := map[string]fault.Kind{
		"401": fault.Invalid, "403": fault.Invalid, "429": fault.RateLimited, "500": fault.Unavailable, "HTML": fault.Unavailable,
		"half a body": fault.Unavailable, "never answers": fault.Unavailable,
	}
	i := listingtest.NewInventory(t, many(1)...)
	for name, f := range listingtest.Faults() {
		i.Fail(f)
		var log bytes.Buffer
		a := api(t, i, listingtest.Key, boatsgroup.Options{Name: "Boat Trader", Retries: -1, Log: slog.New(slog.NewTextHandler(&log, nil))})
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		for call, err := range map[string]error{"check": a.Check(ctx), "inventory": a.Inventory(ctx, func(boatsgroup.Item) error { return nil })} {
			if !fault.Is(err, want[name]) || !strings.Contains(err.Error(), "Boat Trader") {
				t.Errorf("%s, %s: %v", name, call, err)
			}
			if strings.Contains(err.Error()+log.String(), listingtest.Key) {
				t.Error("the key is in it:", err, log.String())
			}
		}
		cancel()
	}
	i.Fail(listingtest.None)
	if err := api(t, i, listingtest.Key, boatsgroup.Options{}).Check(t.Context()); err != nil {
		t.Error(err)
	}
	if err := api(t, i, "wrong", boatsgroup.Options{}).Check(t.Context()); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "YachtWorld does not know this key") {
		t.Error(err)
	}
	i.Close()
	if err := api(t, i, listingtest.Key, boatsgroup.Options{}).Check(t.Context()); !fault.Is(err, fault.Unavailable) || strings.Contains(err.Error(), listingtest.Key) {
		t.Error(err)
	}
}

// A listing without a number is told to the log and stops no other.
func TestABrokenListingStopsNoOther(t *testing.T) {
	t.Parallel()
	i := listingtest.NewInventory(t, map[string]any{"Price": "1 USD"}, listingtest.Listing("7", "Calypso", "100 EUR"), listingtest.Listing("7", "Twice", "100 EUR"))
	var log bytes.Buffer
	var names []string
	err := api(t, i, listingtest.Key, boatsgroup.Options{Log: slog.New(slog.NewTextHandler(&log, nil))}).
		Inventory(t.Context(), func(x boatsgroup.Item) error { names = append(names, x.Advert.Boat.Name); return nil })
	if err != nil || !slices.Equal(names, []string{"Calypso"}) || !strings.Contains(log.String(), "no DocumentID") {
		t.Error(err, names, log.String())
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for base, key := range map[string]string{"": "k", "api.boats.com": "k", "ftp://api.boats.com": "k", "https://api.boats.com": " "} {
		if _, err := boatsgroup.New(nil, base, key, boatsgroup.Options{}); !fault.Is(err, fault.Invalid) {
			t.Error(base, err)
		}
	}
}

// What a portal shows of a boat of ours is no drift.
func TestAListingOfOursIsNoDrift(t *testing.T) {
	t.Parallel()
	raw, err := json.Marshal(listingtest.Listing("7", "CALYPSO", "395000.00 EUR"))
	if err != nil {
		t.Fatal(err)
	}
	item, err := boatsgroup.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	ours := listing.Advert{
		Status: listing.Active, Price: &listing.Money{Minor: 39_500_000, Currency: "EUR"}, Tax: listing.TaxPaid, Place: listing.Place{City: "Palma", Country: "ES"},
		Boat:    listing.Boat{Name: "Calypso", LengthM: ptr(15.2), LOAM: ptr(15.9), ModelYear: ptr(2008)},
		Engines: []listing.Engine{{Hours: ptr(360.0), Position: "port"}, {Hours: ptr(360.0), Position: "starboard"}}, Images: []listing.Image{{Caption: "Bow"}},
	}
	if got := listing.Compare(ours, item.Advert); len(got) != 0 {
		t.Error(got)
	}
	ours.Price.Minor--
	if got := listing.Compare(ours, item.Advert); len(got) != 1 || got[0].Field != "listing.price" {
		t.Error(got)
	}
}

func FuzzParse(f *testing.F) {
	for _, raw := range recorded(f) {
		f.Add([]byte(raw))
	}
	f.Add([]byte(`{"DocumentID":{},"Engines":[[1],{"Hours":{}}],"Images":[null]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		item, err := boatsgroup.Parse(raw)
		if err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Fatal(err)
			}
			return
		}
		if item.ID == "" || item.Advert.Status == "" || len(item.Doubts) > 200 {
			t.Fatalf("%+v", item)
		}
		if again, err := boatsgroup.Parse(raw); err != nil || !cmp.Equal(again, item) {
			t.Fatal("read twice it differs")
		}
		if got := listing.Compare(item.Advert, item.Advert); len(got) != 0 {
			t.Fatal("a listing differs from itself:", got)
		}
	})
}
