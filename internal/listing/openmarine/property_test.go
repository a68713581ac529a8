package openmarine_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"navidocs/internal/listing"
	"navidocs/internal/listing/openmarine"
	"navidocs/internal/listing/wire"
)

// drawn makes adverts of any words and numbers, as the house may hold them.
type drawn struct{ t *rapid.T }

func (d drawn) line(label string) string {
	return wire.Line(rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z <>&"'\]]{0,12}`)).Draw(d.t, label))
}

// word begins small, as the house's own words do.
func (d drawn) word(label string) string {
	return rapid.SampledFrom([]string{"", "inboard", "pod drive", "other", "v"}).Draw(d.t, label)
}

func (d drawn) text(label string) string {
	return wire.Plain(rapid.OneOf(rapid.String(), rapid.StringMatching(`([a-z<>&;#]{0,5}[ \n]{0,3}){0,5}(\]\]>)?<h3>`)).Draw(d.t, label))
}

func (d drawn) number(label string) *float64 {
	if rapid.Bool().Draw(d.t, label+"?") {
		return nil
	}
	return ptr(rapid.Float64Range(0, 1e6).Draw(d.t, label))
}

func (d drawn) count(label string) *int {
	if rapid.Bool().Draw(d.t, label+"?") {
		return nil
	}
	return ptr(rapid.IntRange(0, 9999).Draw(d.t, label))
}

func (d drawn) time(label string) time.Time {
	seconds := rapid.Int64Range(0, 4e9).Draw(d.t, label)
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}

func (d drawn) advert(i int) listing.Advert {
	a := listing.Advert{
		Ref: fmt.Sprint("ND-", i), Status: rapid.SampledFrom([]listing.Status{listing.Active, listing.UnderOffer, listing.Sold}).Draw(d.t, "status"),
		NewUsed: rapid.SampledFrom([]string{"", "new", "used"}).Draw(d.t, "new"), CoBrokerage: rapid.Bool().Draw(d.t, "co"),
		Tax:      rapid.SampledFrom([]listing.Tax{"", listing.TaxPaid, listing.TaxNotPaid, listing.TaxNone, listing.TaxOther}).Draw(d.t, "tax"),
		Place:    listing.Place{City: d.line("city"), Region: d.line("region"), Country: rapid.SampledFrom([]string{"", "ES", "US"}).Draw(d.t, "country")},
		Modified: d.time("modified"), FirstListed: d.time("listed"), SoldOn: rapid.SampledFrom([]string{"", "2026-01-29"}).Draw(d.t, "sold"),
		HoursTotal: d.number("hours"),
		Broker: listing.Broker{
			Company: rapid.SampledFrom([]string{"Example Yachts", "Another"}).Draw(d.t, "company"), PartyID: "4711",
			Rep: d.line("rep"), Email: d.line("email"), Phone: "+1",
		},
		Boat: listing.Boat{
			Make: d.line("make"), Model: d.line("model"), Name: d.line("name"), HIN: d.line("hin"), ModelYear: d.count("my"), BuildYear: d.count("by"),
			RefitYear: d.count("ry"), Category: rapid.SampledFrom([]string{"", "power", "sail"}).Draw(d.t, "category"), Class: d.line("class"),
			Designer: d.line("designer"), Builder: d.line("builder"), Flag: d.line("flag"), Keel: d.line("keel"), HullForm: d.line("form"),
			LengthM: d.number("length"), LOAM: d.number("loa"), DraftMaxM: d.number("draft"), DisplacementKg: d.number("weight"), GrossTonnage: d.number("gt"),
			FuelL: d.number("fuel"), WaterL: d.number("water"), CruiseKn: d.number("cruise"), RangeNM: d.number("range"), Berths: d.count("berths"),
		},
	}
	if minor := rapid.Int64Range(0, 1e12).Draw(d.t, "price"); minor > 0 {
		a.Price = &listing.Money{Minor: minor, Currency: rapid.SampledFrom([]string{"EUR", "JPY", "KWD"}).Draw(d.t, "currency")}
	}
	a.PriceHidden = a.Price == nil
	for _, language := range []string{"en", "de", "fr"}[:rapid.IntRange(0, 3).Draw(d.t, "languages")] {
		if s := d.text(language); s != "" {
			a.Descriptions = append(a.Descriptions, listing.Text{Language: language, Text: s})
		}
	}
	for range rapid.IntRange(0, 3).Draw(d.t, "sections") {
		a.Sections = append(a.Sections, listing.Section{Title: d.line("title"), Text: d.text("section")})
	}
	for range rapid.IntRange(0, 4).Draw(d.t, "engines") {
		a.Engines = append(a.Engines, listing.Engine{
			Make: d.line("make"), Model: d.line("model"), Year: d.count("year"), Hours: d.number("hours"), PowerKW: d.number("kw"),
			Fuel: rapid.SampledFrom([]string{"", "diesel", "petrol"}).Draw(d.t, "fuel"), Type: d.word("type"), Drive: d.word("drive"), Position: d.word("position"),
		})
	}
	for i := range rapid.IntRange(0, 3).Draw(d.t, "images") {
		a.Images = append(a.Images, listing.Image{
			URL: fmt.Sprintf("https://example.org/%d?a=1&b=%s", i, d.word("query")), Caption: d.line("caption"), Type: "image/png", Modified: d.time("mtime"),
		})
	}
	return a
}

func TestWhatWasWrittenIsRead(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := drawn{t}
		var adverts []listing.Advert
		for i := range rapid.IntRange(0, 3).Draw(t, "adverts") {
			adverts = append(adverts, d.advert(i))
		}
		var b bytes.Buffer
		if err := openmarine.Write(&b, feed(adverts...)); err != nil {
			t.Fatal(err)
		}
		text := b.String()
		got, err := openmarine.Read(strings.NewReader(text))
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if diff := cmp.Diff(adverts, got.Adverts, cmpopts.EquateEmpty()); diff != "" || len(got.Doubts) > 0 {
			t.Fatalf("%s\n%v\n%s", diff, got.Doubts, text)
		}
	})
}
