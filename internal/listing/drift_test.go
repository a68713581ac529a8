package listing_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"navidocs/internal/listing"
)

func ptr[T any](v T) *T { return &v }

func calypso() listing.Advert {
	return listing.Advert{
		Ref: "ND-1", Status: listing.Active, Tax: listing.TaxPaid,
		Price: &listing.Money{Minor: 39_500_000, Currency: "EUR"},
		Place: listing.Place{City: "Palma", Region: "Mallorca", Country: "ES"},
		Boat:  listing.Boat{Name: "Calypso", HIN: "GB-ABC12345D404", ModelYear: ptr(2008), LengthM: ptr(15.2), LOAM: ptr(15.9)},
		Engines: []listing.Engine{
			{Hours: ptr(360.0), Position: "port"}, {Hours: ptr(362.0), Position: "starboard"},
		},
		Images: []listing.Image{{Caption: "Bow"}, {Caption: "Galley"}, {Caption: "Helm"}},
	}
}

// The kinds of drift that the proof asks for: each alone is found, and nothing else.
func TestEverySeededDifferenceIsFound(t *testing.T) {
	t.Parallel()
	seeded := map[string]func(*listing.Advert){
		"listing.price":            func(a *listing.Advert) { a.Price.Minor -= 100_000 },
		"listing.currency":         func(a *listing.Advert) { a.Price.Currency = "USD" },
		"listing.price_hidden":     func(a *listing.Advert) { a.PriceHidden = true },
		"listing.status":           func(a *listing.Advert) { a.Status = listing.UnderOffer },
		"listing.tax_status":       func(a *listing.Advert) { a.Tax = listing.TaxNotPaid },
		"listing.location_city":    func(a *listing.Advert) { a.Place.City = "Ibiza" },
		"engine.hours":             func(a *listing.Advert) { a.Engines[1].Hours = ptr(372.0) },
		"boat.model_year":          func(a *listing.Advert) { a.Boat.ModelYear = ptr(2007) },
		"boat.hin":                 func(a *listing.Advert) { a.Boat.HIN = "GBABC12345D405" },
		"boat.name":                func(a *listing.Advert) { a.Boat.Name = "Calypso II" },
		"boat.length_nominal_m":    func(a *listing.Advert) { a.Boat.LengthM = ptr(14.3) },
		"boat.loa_m":               func(a *listing.Advert) { a.Boat.LOAM = ptr(16.1) },
		"image.order":              func(a *listing.Advert) { a.Images[0], a.Images[2] = a.Images[2], a.Images[0] },
		"image.missing":            func(a *listing.Advert) { a.Images[1].Caption = "Saloon" },
		"image.count":              func(a *listing.Advert) { a.Images = append(a.Images, listing.Image{}) },
		"listing.location_country": func(a *listing.Advert) { a.Place.Country = "IT" },
	}
	found := 0
	for field, seed := range seeded {
		theirs := calypso()
		seed(&theirs)
		got := listing.Compare(calypso(), theirs)
		if len(got) == 0 {
			t.Error(field, "is not found")
			continue
		}
		found++
		for _, d := range got {
			if d.Field != field || d.Ours == d.Theirs {
				t.Errorf("%s: %+v", field, d)
			}
		}
	}
	t.Logf("%d of %d seeded differences found", found, len(seeded))
}

func TestAllAtOnceAreTold(t *testing.T) {
	t.Parallel()
	theirs := listing.Advert{
		Status: listing.Sold, Price: &listing.Money{Minor: 1_00, Currency: "EUR"}, Engines: []listing.Engine{{}, {}}, HoursTotal: ptr(1000.0),
	}
	want := []listing.Difference{
		{Field: "listing.price", Ours: "395000 EUR", Theirs: "1 EUR"},
		{Field: "listing.status", Ours: "active", Theirs: "sold"},
		{Field: "engine.hours", Ours: "722 h", Theirs: "1000 h"},
		{Field: "image.count", Ours: "3", Theirs: "0"},
	}
	if diff := cmp.Diff(want, listing.Compare(calypso(), theirs)); diff != "" {
		t.Error(diff)
	}
	theirs = calypso()
	theirs.Engines[0], theirs.Engines[1] = theirs.Engines[1], theirs.Engines[0]
	if got := listing.Compare(calypso(), theirs); len(got) != 0 {
		t.Error("engines are known by their positions:", got)
	}
	theirs.Engines = []listing.Engine{{}, {}}
	theirs.HoursTotal = ptr(722.0)
	if got := listing.Compare(calypso(), theirs); len(got) != 0 {
		t.Error("the sum is the same:", got)
	}
}

// What came back from a portal in feet, in capital letters and with the hours summed
// is the same boat.
func TestNothingIsFoundAfterTheUnitsOfAPortal(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ours := calypso()
		length := rapid.Float64Range(2, 120).Draw(t, "length")
		ours.Boat.LengthM, ours.Boat.LOAM = &length, ptr(length*1.03)
		ours.Price.Minor = rapid.Int64Range(1, 1e12).Draw(t, "price")
		theirs := calypso()
		theirs.Price.Minor = ours.Price.Minor
		theirs.Boat.Name, theirs.Boat.HIN = strings.ToUpper(ours.Boat.Name), strings.ReplaceAll(ours.Boat.HIN, "-", "")
		theirs.Place.City = " " + strings.ToUpper(ours.Place.City)
		digits := rapid.IntRange(1, 2).Draw(t, "digits")
		theirs.Boat.LengthM = ptr(feet(length, digits+1))
		theirs.Boat.LOAM = ptr(feet(length*1.03, 2))
		theirs.Place.Region = "IB"
		theirs.Engines[0].Hours = ptr(math.Round(*ours.Engines[0].Hours + 0.4))
		if got := listing.Compare(ours, theirs); len(got) != 0 {
			t.Fatalf("%+v", got)
		}
		if got := listing.Compare(ours, listing.Advert{Images: ours.Images, Price: ours.Price}); len(got) != 0 {
			t.Fatalf("what they do not know: %+v", got)
		}
	})
}

// feet is a length after it was written in feet with so many digits.
func feet(m float64, digits int) float64 {
	var f float64
	if _, err := fmt.Sscan(fmt.Sprintf("%.*f", digits, m/0.3048), &f); err != nil {
		panic(err)
	}
	return f * 0.3048
}
