package listingtest

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"navidocs/internal/listing"
)

func ptr[T any](v T) *T { return &v }

// Full is an advert in which every field of the field map says something, in words
// that the formats' lists of codes have.
func Full() listing.Advert {
	at := time.Date(2026, 1, 30, 14, 5, 6, 0, time.UTC)
	return listing.Advert{
		Ref: "ND-000123", Status: listing.UnderOffer, NewUsed: "used", Tax: listing.TaxPaid, CoBrokerage: true,
		Price:        &listing.Money{Minor: 39_500_050, Currency: "EUR"},
		Place:        listing.Place{City: "Palma de Mallorca", Region: "Mallorca", Country: "ES"},
		Descriptions: []listing.Text{{Language: "en", Text: "One <owner> & \"dry\" ]]> winters.\nFast.\n\nSea trial by appointment."}, {Language: "de", Text: "Gepflegt."}},
		Sections:     []listing.Section{{Title: "Electronics & <Nav>", Text: "Radar\nPlotter"}, {Title: "Galley", Text: "Oven"}},
		Modified:     at, FirstListed: time.Date(2025, 11, 1, 0, 0, 0, 0, time.UTC), SoldOn: "2026-01-29", WarrantyUntil: "2027-05-31",
		Broker: listing.Broker{Company: "Example Yachts", PartyID: "4711", Rep: "Ada Example", Email: "sales@example.org", Phone: "+34 900 000 000"},
		Boat: listing.Boat{
			Make: "Example", Model: "50 Fly", Name: "Calypso", HIN: "GBABC12345D404", ModelYear: ptr(2008), BuildYear: ptr(2007), RefitYear: ptr(2019),
			Category: "power", Class: "Flybridge", Designer: "B. Drawn", Builder: "Example Yard", Flag: "GB",
			LengthM: ptr(15.2), LOAM: ptr(15.87), LWLM: ptr(13.1), LODM: ptr(14.9), BeamM: ptr(4.4), DraftMaxM: ptr(1.2), DraftMinM: ptr(0.9), AirDraftM: ptr(6.35),
			DisplacementKg: ptr(21000.0), DryWeightKg: ptr(18500.5), BallastKg: ptr(100.0), GrossTonnage: ptr(29.7), HullMaterial: "GRP (fibreglass)",
			HullForm: "Planing", Keel: "Other", FuelL: ptr(2200.0), WaterL: ptr(600.0), HoldingL: ptr(180.0), CruiseKn: ptr(22.0), MaxKn: ptr(31.5), RangeNM: ptr(280.0),
			Cabins: ptr(3), Berths: ptr(6), Heads: ptr(2),
		},
		Engines: []listing.Engine{
			{Make: "Volvo", Model: "D9", Year: ptr(2008), Hours: ptr(360.5), PowerKW: ptr(423.0), Fuel: "diesel", Type: "inboard", Drive: "direct", Position: "port"},
			{Make: "Volvo", Model: "D9", Year: ptr(2009), Hours: ptr(358.0), PowerKW: ptr(423.0), Fuel: "petrol", Type: "v drive", Drive: "v", Position: "starboard"},
		},
		Images: []listing.Image{
			{URL: "https://example.org/f/abc/1.jpg?v=2&w=1", Caption: "Starboard \"bow\"", Type: "image/jpeg", Modified: at},
			{URL: "https://example.org/f/abc/2.jpg", Caption: "Helm", Type: "image/jpeg", Modified: at.Add(time.Hour)},
		},
	}
}

// fields are the rows of the field map, as what an advert says of them.
func fields() map[string]func(listing.Advert) any {
	type advert = listing.Advert
	table := map[string]func(advert) any{
		"listing.external_id":      func(a advert) any { return a.Ref },
		"listing.status":           func(a advert) any { return a.Status },
		"listing.new_used":         func(a advert) any { return a.NewUsed },
		"listing.price":            func(a advert) any { return a.Price },
		"listing.price_hidden":     func(a advert) any { return map[bool]string{false: "told", true: "hidden"}[a.PriceHidden] },
		"listing.tax_status":       func(a advert) any { return a.Tax },
		"listing.cobrokerage":      func(a advert) any { return a.CoBrokerage },
		"listing.location_city":    func(a advert) any { return a.Place.City },
		"listing.location_region":  func(a advert) any { return a.Place.Region },
		"listing.location_country": func(a advert) any { return a.Place.Country },
		"listing.description":      func(a advert) any { return a.Descriptions },
		"listing.sections":         func(a advert) any { return a.Sections },
		"listing.modified":         func(a advert) any { return a.Modified },
		"listing.first_listed":     func(a advert) any { return a.FirstListed },
		"listing.sold_date":        func(a advert) any { return a.SoldOn },
		"broker.company":           func(a advert) any { return a.Broker.Company },
		"broker.party_id":          func(a advert) any { return a.Broker.PartyID },
		"broker.rep":               func(a advert) any { return a.Broker.Rep },
		"warranty.expiry":          func(a advert) any { return a.WarrantyUntil },
	}
	for row, field := range map[string]string{
		"make": "Make", "model": "Model", "model_year": "ModelYear", "build_year": "BuildYear", "refit_year": "RefitYear", "name": "Name", "hin": "HIN",
		"category": "Category", "class": "Class", "designer": "Designer", "builder": "Builder", "flag": "Flag", "length_nominal_m": "LengthM", "loa_m": "LOAM",
		"lwl_m": "LWLM", "lod_m": "LODM", "beam_m": "BeamM", "draft_max_m": "DraftMaxM", "draft_min_m": "DraftMinM", "air_draft_m": "AirDraftM",
		"displacement_kg": "DisplacementKg", "dry_weight_kg": "DryWeightKg", "ballast_kg": "BallastKg", "gross_tonnage": "GrossTonnage",
		"hull_material": "HullMaterial", "hull_form": "HullForm", "keel": "Keel", "fuel_l": "FuelL", "water_l": "WaterL", "holding_l": "HoldingL",
		"cruise_kn": "CruiseKn", "max_kn": "MaxKn", "range_nm": "RangeNM", "cabins": "Cabins", "berths": "Berths", "heads": "Heads",
	} {
		table["boat."+row] = func(a advert) any { return reflect.ValueOf(a.Boat).FieldByName(field).Interface() }
	}
	for row, field := range map[string]string{
		"make": "Make", "model": "Model", "year": "Year", "hours": "Hours", "power_kw": "PowerKW", "fuel": "Fuel", "type": "Type", "drive": "Drive", "position": "Position",
	} {
		table["engine."+row] = func(a advert) any { return column(a.Engines, field) }
	}
	for row, field := range map[string]string{"url": "URL", "caption": "Caption", "order": "URL", "modified": "Modified"} {
		table["image."+row] = func(a advert) any { return column(a.Images, field) }
	}
	return table
}

// column is one field of each.
func column[T any](all []T, field string) (values []any) {
	for _, e := range all {
		values = append(values, reflect.ValueOf(e).FieldByName(field).Interface())
	}
	return values
}

// Survive compares two adverts row by row of the field map in seed and returns the
// rows that are the same in both, and those that are not. It fails the test when a row
// is unknown here, or when before says nothing of it.
func Survive(t testing.TB, seed string, before, after listing.Advert) (same, lost []string) {
	t.Helper()
	f, err := os.Open(filepath.Clean(seed)) //nolint:forbidigo // listing_field_map.csv
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	table := fields()
	for _, row := range rows[1:] {
		get := table[row[0]]
		if get == nil {
			t.Errorf("the row %s is no field of an advert", row[0])
			continue
		}
		delete(table, row[0])
		value := reflect.ValueOf(get(before))
		if !value.IsValid() || value.IsZero() {
			t.Errorf("%s: the advert says nothing of it", row[0])
		}
		if reflect.DeepEqual(get(before), get(after)) {
			same = append(same, row[0])
		} else {
			lost = append(lost, row[0])
		}
	}
	for row := range table {
		t.Errorf("%s is no row of the field map", row)
	}
	slices.Sort(lost)
	return same, lost
}
