package star_test

import (
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"navidocs/internal/fault"
	"navidocs/internal/listing"
	"navidocs/internal/listing/listingtest"
	"navidocs/internal/listing/star"
)

func ptr[T any](v T) *T { return &v }

var application = star.Application{BODID: "b-1", Created: time.Date(2026, 1, 31, 3, 0, 0, 0, time.UTC), Action: star.Change}

func write(t interface{ Fatal(...any) }, adverts ...listing.Advert) string {
	var b bytes.Buffer
	if err := star.Write(&b, adverts, application); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func read(t interface{ Fatal(...any) }, text string) []listing.Advert {
	all, err := star.Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// lossy are the rows for which the format has no element: "-" in the field map.
var lossy = []string{"boat.build_year", "boat.flag", "boat.gross_tonnage", "boat.hin", "boat.range_nm", "boat.refit_year"}

func TestRowsOfTheFieldMapSurvive(t *testing.T) {
	t.Parallel()
	full := listingtest.Full()
	same, lost := listingtest.Survive(t, "../seed/listing_field_map.csv", full, read(t, write(t, full))[0])
	t.Logf("%d of %d rows survive; lost: %v", len(same), len(same)+len(lost), lost)
	if diff := cmp.Diff(lossy, lost); diff != "" {
		t.Error(diff)
	}
	var dashes []string
	for _, row := range table(t, "../seed/listing_field_map.csv") {
		if row[2] == "-" {
			dashes = append(dashes, row[0])
		}
	}
	slices.Sort(dashes)
	if diff := cmp.Diff(dashes, lost); diff != "" {
		t.Error("the field map names others:", diff)
	}
}

func table(t *testing.T, path string) [][]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows[1:]
}

// The codes in the program are those of the published lists.
func TestCodesAreThePublishedOnes(t *testing.T) {
	t.Parallel()
	published := map[string][]string{}
	for _, row := range table(t, "../seed/openmarine_codes.csv") {
		published[row[0]] = strings.Split(row[1], "|")
	}
	for name, codes := range star.Lists() {
		if diff := cmp.Diff(published[name], codes); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	text := write(t, listingtest.Full())
	for i, part := range strings.Split(text, `unitCode="`) {
		unit, _, _ := strings.Cut(part, `"`)
		if i > 0 && unit != "horsepower" && !slices.Contains(published["unitCode"], unit) {
			t.Errorf("the unit %q is not published", unit)
		}
	}
}

func TestTheMessageIsAsPartnersReadIt(t *testing.T) {
	t.Parallel()
	text := write(t, listingtest.Full())
	if text != write(t, listingtest.Full()) {
		t.Error("the same adverts have other bytes")
	}
	const path = "testdata/full.golden.xml" // run with UPDATE=1 to write it anew
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Error(diff)
	}
}

func TestWordsOutsideTheListsBecomeOther(t *testing.T) {
	t.Parallel()
	a := listingtest.Full()
	a.Boat.Keel, a.Boat.HullForm, a.Boat.Category = "shoal", "stepped", "rowing"
	a.Engines = []listing.Engine{{Type: "steam", Fuel: "coal", Drive: "paddle", Position: "centre"}}
	a.Status, a.Price = listing.Withdrawn, nil
	got := read(t, write(t, a))[0]
	if got.Boat.Keel != "Other" || got.Boat.HullForm != "" || got.Boat.Category != "" || got.Status != listing.Withdrawn || !got.PriceHidden {
		t.Errorf("%+v", got)
	}
	if diff := cmp.Diff([]listing.Engine{{Type: "other", Fuel: "other", Drive: "other"}}, got.Engines); diff != "" {
		t.Error(diff)
	}
	a.Status = listing.Draft
	if text := write(t, a); strings.Contains(text, a.Ref) {
		t.Error("a draft is in it")
	}
	a.Status, a.Ref = listing.Sold, ""
	if err := star.Write(&bytes.Buffer{}, []listing.Advert{a}, application); !fault.Is(err, fault.Invalid) {
		t.Error(err)
	}
}

func TestAnExportOfBoatsGroupIsRead(t *testing.T) {
	t.Parallel()
	got := read(t, `<boats><VehicleRemarketing xmlns="x"><VehicleRemarketingHeader><DocumentIdentificationGroup><DocumentIdentification><DocumentID>7</DocumentID>
	</DocumentIdentification></DocumentIdentificationGroup></VehicleRemarketingHeader><VehicleRemarketingBoatLineItem><SalesStatus>Sale Pending</SalesStatus>
	<PricingABIE><Price><ChargeAmount currencyID="USD">189000.00</ChargeAmount></Price></PricingABIE>
	<DealerParty><SpecifiedOrganization><PrimaryContact><TypeCode>DLR</TypeCode><PersonName>The Owner</PersonName></PrimaryContact></SpecifiedOrganization></DealerParty>
	<ImageAttachmentExtended><URI>b</URI><UsagePreference><PriorityRankingNumeric>2</PriorityRankingNumeric></UsagePreference></ImageAttachmentExtended>
	<ImageAttachmentExtended><URI>c</URI></ImageAttachmentExtended>
	<ImageAttachmentExtended><URI>a</URI><UsagePreference><PriorityRankingNumeric>1</PriorityRankingNumeric></UsagePreference></ImageAttachmentExtended>
	<VehicleRemarketingBoat><BoatLengthGroup><BoatLengthCode>Length Overall</BoatLengthCode><BoatLengthMeasure unitCode="feet">54</BoatLengthMeasure></BoatLengthGroup>
	<CruisingSpeedMeasure unitCode="miles per hour">20</CruisingSpeedMeasure><FuelTankCapacityMeasure unitCode="gallon">200</FuelTankCapacityMeasure></VehicleRemarketingBoat>
	</VehicleRemarketingBoatLineItem></VehicleRemarketing></boats>`)
	want := []listing.Advert{{
		Ref: "7", Status: listing.UnderOffer, Price: &listing.Money{Minor: 18_900_000, Currency: "USD"},
		Boat:   listing.Boat{LOAM: ptr(16.4592), CruiseKn: ptr(17.379525), FuelL: ptr(757.082357)},
		Images: []listing.Image{{URL: "a"}, {URL: "b"}, {URL: "c"}},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhatIsNoMessageIsRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                  "no STAR message",
		"<html></html>":                     "no STAR message",
		"<VehicleRemarketing/>":             "a boat: it has no DocumentID",
		write(t, listingtest.Full())[:3000]: "boat ND-000123, element",
	} {
		if _, err := star.Read(strings.NewReader(text)); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), want) {
			t.Error(want, err)
		}
	}
}

// Numbers of any size come back; kilowatts to the watt.
func TestMeasuresComeBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := listingtest.Full()
		b := &a.Boat
		for name, at := range map[string]**float64{"loa": &b.LOAM, "beam": &b.BeamM, "fuel": &b.FuelL, "max": &b.MaxKn, "weight": &b.DisplacementKg} {
			*at = ptr(rapid.Float64Range(0, 1e7).Draw(t, name))
		}
		a.Engines[0].PowerKW = ptr(float64(rapid.Int64Range(0, 1e8).Draw(t, "watts")) / 1000)
		a.Engines[1].Hours = ptr(rapid.Float64Range(0, 1e5).Draw(t, "hours"))
		b.HIN, b.Flag, b.BuildYear, b.RefitYear, b.GrossTonnage, b.RangeNM = "", "", nil, nil, nil, nil
		for i := range a.Images {
			a.Images[i].Type = ""
		}
		if diff := cmp.Diff([]listing.Advert{a}, read(t, write(t, a)), cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzRead(f *testing.F) {
	f.Add(write(f, listingtest.Full()))
	f.Add("<VehicleRemarketing/>")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := star.Read(strings.NewReader(text))
		if err != nil {
			if k := fault.KindOf(err); k != fault.Invalid && k != fault.TooLarge {
				t.Fatal(k, err)
			}
			return
		}
		for i := range all {
			all[i].Status = listing.Active
		}
		text = write(t, all...)
		if err := xml.Unmarshal([]byte(text), new(struct{})); err != nil {
			t.Fatal(err)
		}
		if again := read(t, text); len(again) != len(all) {
			t.Fatal(len(again), len(all))
		}
	})
}
