package openmarine_test

import (
	"bytes"
	"encoding/xml"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/fault"
	"navidocs/internal/listing"
	"navidocs/internal/listing/listingtest"
	"navidocs/internal/listing/openmarine"
)

func ptr[T any](v T) *T { return &v }

func feed(adverts ...listing.Advert) openmarine.Feed {
	return openmarine.Feed{
		Code: "4711", Company: "Example Yachts", Date: time.Date(2026, 1, 31, 3, 0, 0, 0, time.UTC), Language: "en", Adverts: adverts,
		Office: openmarine.Office{
			ID: "main", Name: "Example Yachts Palma", Email: "sales@example.org", Contact: "Ms Ada Example", Address: "Moll 1", Town: "Palma",
			County: "Mallorca", Country: "Spain", Postcode: "07000", Phone: "+34 900 000 000", Website: "https://example.org",
		},
	}
}

func write(t testing.TB, f openmarine.Feed) string {
	t.Helper()
	var b bytes.Buffer
	if err := openmarine.Write(&b, f); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func read(t testing.TB, text string) openmarine.Feed {
	t.Helper()
	f, err := openmarine.Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestEveryRowOfTheFieldMapSurvives(t *testing.T) {
	t.Parallel()
	full := listingtest.Full()
	got := read(t, write(t, feed(full)))
	if len(got.Adverts) != 1 || len(got.Doubts) > 0 {
		t.Fatalf("%d adverts, doubts %v", len(got.Adverts), got.Doubts)
	}
	same, lost := listingtest.Survive(t, "../seed/listing_field_map.csv", full, got.Adverts[0])
	t.Logf("%d of %d rows survive; lost: %v", len(same), len(same)+len(lost), lost)
	if len(same) != 68 || len(lost) != 0 {
		t.Error("all 68 should")
	}
	if diff := cmp.Diff(full, got.Adverts[0]); diff != "" {
		t.Error(diff)
	}
	want := feed()
	got.Adverts, got.Origin = nil, ""
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTheFeedIsAsPortalsReadIt(t *testing.T) {
	t.Parallel()
	a := listingtest.Full()
	text := write(t, feed(a))
	if text != write(t, feed(a)) {
		t.Error("the same feed has other bytes")
	}
	golden(t, "testdata/full.golden.xml", text)
	for _, other := range []listing.Status{listing.Draft, listing.Withdrawn, ""} {
		a.Status = other
		if got := write(t, feed(a)); strings.Contains(got, a.Ref) {
			t.Errorf("%q is in the feed", other)
		}
	}
}

// Run with UPDATE=1 to write it anew.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
}

func TestPriceStatusAndTax(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*listing.Advert)
		want   []string
		not    string
	}{
		"hidden": {
			func(a *listing.Advert) { a.PriceHidden = true },
			[]string{`<asking_price poa="true" vat_included="true" vat_type="Tax Paid"></asking_price>`},
			"395000",
		},
		"none":     {func(a *listing.Advert) { a.Price = nil }, []string{`<asking_price poa="true"`}, "currency="},
		"zero":     {func(a *listing.Advert) { a.Price.Minor = 0 }, []string{`<asking_price poa="true"`}, "currency="},
		"whole":    {func(a *listing.Advert) { a.Price.Minor = 39_500_000 }, []string{`poa="false" currency="EUR" vat_included="true" vat_type="Tax Paid">395000</asking_price>`}, ""},
		"yen":      {func(a *listing.Advert) { a.Price = &listing.Money{Minor: 500, Currency: "JPY"} }, []string{`currency="JPY"`, ">500</asking_price>"}, ""},
		"not paid": {func(a *listing.Advert) { a.Tax = listing.TaxNotPaid }, []string{`vat_included="false" vat_type="Tax Not Paid"`}, ""},
		"no tax":   {func(a *listing.Advert) { a.Tax = "" }, []string{`<asking_price poa="false" currency="EUR">`}, "vat_"},
		"active":   {func(a *listing.Advert) { a.Status = listing.Active }, []string{`status="Available"`}, ""},
		"sold":     {func(a *listing.Advert) { a.Status = listing.Sold }, []string{`status="Sold"`}, ""},
		"controls": {func(a *listing.Advert) { a.Boat.Name = "Cal\x00yp\x1bso\ufffe \xff" }, []string{`<item name="boat_name">Calypso</item>`}, ""},
	} {
		a := listingtest.Full()
		c.change(&a)
		text := write(t, feed(a))
		for _, w := range c.want {
			if !strings.Contains(text, w) {
				t.Errorf("%s: %s is not in\n%s", name, w, text)
			}
		}
		if c.not != "" && strings.Contains(text, c.not) {
			t.Errorf("%s: %s is in\n%s", name, c.not, text)
		}
	}
}

func TestExactlyTheFirstPictureIsPrimary(t *testing.T) {
	t.Parallel()
	a := listingtest.Full()
	a.Images = append([]listing.Image{{Caption: "lost"}}, a.Images...) // without an address
	text := write(t, feed(a))
	if strings.Count(text, `primary="true"`) != 1 || strings.Count(text, `primary="false"`) != 1 || strings.Contains(text, "lost") {
		t.Error(text)
	}
	if first, second := strings.Index(text, `primary="true"`), strings.Index(text, `primary="false"`); first > second {
		t.Error("it is not the first")
	}
}

func TestOfficesFollowThePeopleWhomAdvertsName(t *testing.T) {
	t.Parallel()
	a, b, c := listingtest.Full(), listingtest.Full(), listingtest.Full()
	b.Ref, b.Broker.Rep, b.Broker.Email = "ND-2", "Grace B. Sample", "grace@example.org"
	c.Ref, c.Broker = "ND-3", listing.Broker{Company: "Another Yard", PartyID: "9"}
	got := read(t, write(t, feed(a, b, c)))
	c.Broker.Rep, c.Broker.Email, c.Broker.Phone = "Ms Ada Example", "sales@example.org", "+34 900 000 000" // those of the office
	if diff := cmp.Diff([]listing.Advert{a, b, c}, got.Adverts); diff != "" {
		t.Error(diff)
	}
}

func TestWriteRefuses(t *testing.T) {
	t.Parallel()
	a := listingtest.Full()
	b := a
	b.Ref = " "
	for want, f := range map[string]openmarine.Feed{"advert 2 has no reference": feed(a, b), "two adverts have the reference ND-000123": feed(a, a)} {
		if err := openmarine.Write(&bytes.Buffer{}, f); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), want) {
			t.Error(want, err)
		}
	}
}

// foreign is written as other programs do.
const foreign = `<?xml version="1.0" encoding="ISO-8859-1"?>
<!DOCTYPE open_marine SYSTEM "http://example.invalid/x.dtd">
<open_marine version="1.7" language="en-GB" origin="other" date="2026-01-31 03:00:00">
<broker code="77"><broker_details><company_name>Caf` + "\xe9" + ` Yachts &amp; Co&nbsp;Ltd</company_name>
 <offices><office id="7"><office_name>North</office_name><name>Pat Doe</name><mobile>+44 1</mobile></office></offices></broker_details>
<adverts>
<advert ref="1" office_id="7" status="Under Offer" rb:file_mtime="x">
 <advert_media><media type="image/jpeg" primary="0">https://e.example/2.jpg</media><media type="video/mp4">https://e.example/v.mp4</media>
  <media type="image/jpeg" primary="1" rb:file_mtime="1700000000" caption="Bow"> https://e.example/1.jpg </media></advert_media>
 <advert_features><boat_type>Sail</boat_type><new_or_used>Used</new_or_used><vessel_lying country="gb">Hamble</vessel_lying>
  <asking_price poa="0" currency="GBP" vat_included="inc VAT">45,000.00</asking_price>
  <marketing_descs><marketing_desc language="en_GB"><![CDATA[<p style="x">Lovely&nbsp;boat</p><script>alert(1)</script><h3>Deck</h3><ul><li>Winch<li>Anchor</ul>]]></marketing_desc>
   <marketing_desc language="EN">And more</marketing_desc><marketing_desc language="fr">Beau</marketing_desc></marketing_descs>
  <manufacturer>Moody</manufacturer><model>36</model></advert_features>
 <boat_features><item name="name">Wave</item>
  <dimensions><item name="loa" unit="feet">36' 6"</item><item name="beam" unit="ft">12.0</item><item name="draft">1,5</item></dimensions>
  <build><item name="year">05/1998</item><item name="displacement" unit="lbs">14,000</item></build>
  <engine><item name="engine_manufacturer">Volvo</item><item name="engine_quantity">2</item><item name="horse_power">28</item><item name="hours">1,200 hrs</item>
   <item name="fuel">Diesel</item><item name="tankage" unit="gallons">40</item><item name="max_speed" unit="mph">10</item></engine>
  <accommodation><item name="cabins">2</item><item name="berths">6+1</item></accommodation></boat_features>
</advert>
<advert ref="2" office_id="7" status="for rent"><advert_features><asking_price poa="no" currency="EUR" vat_included="maybe">on application</asking_price></advert_features></advert>
</adverts></broker></open_marine>`

func TestFeedsOfOthersAreRead(t *testing.T) {
	t.Parallel()
	got := read(t, foreign)
	engine := listing.Engine{Make: "Volvo", Hours: ptr(1200.0), PowerKW: ptr(20.879596), Fuel: "diesel"}
	want := listing.Advert{
		Ref: "1", Status: listing.UnderOffer, NewUsed: "used", Tax: listing.TaxPaid, Price: &listing.Money{Minor: 4_500_000, Currency: "GBP"},
		Place:        listing.Place{City: "Hamble", Country: "GB"},
		Descriptions: []listing.Text{{Language: "en", Text: "Lovely boat\n\nDeck\n\nWinch\nAnchor\n\nAnd more"}, {Language: "fr", Text: "Beau"}},
		Broker:       listing.Broker{Company: "Café Yachts & Co Ltd", PartyID: "77", Rep: "Pat Doe", Phone: "+44 1"},
		Boat: listing.Boat{
			Make: "Moody", Model: "36", Name: "Wave", Category: "sail", ModelYear: ptr(1998), LOAM: ptr(11.1252), BeamM: ptr(3.6576), DraftMaxM: ptr(1.5),
			DisplacementKg: ptr(6350.29318), FuelL: ptr(181.8436), MaxKn: ptr(8.689762), Cabins: ptr(2),
		},
		Engines: []listing.Engine{engine, engine},
		Images: []listing.Image{
			{URL: "https://e.example/1.jpg", Caption: "Bow", Type: "image/jpeg", Modified: time.Unix(1_700_000_000, 0).UTC()}, {URL: "https://e.example/2.jpg", Type: "image/jpeg"},
		},
	}
	if diff := cmp.Diff(want, got.Adverts[0]); diff != "" {
		t.Error(diff)
	}
	if second := got.Adverts[1]; second.Status != listing.Draft || !second.PriceHidden || second.Tax != "" {
		t.Errorf("%+v", second)
	}
	doubts := []string{
		`advert 1: berths: "6+1" is not understood`, `advert 2: status: "for rent" is not understood`,
		`advert 2: asking_price/@vat_included: "maybe" is not understood`, `advert 2: asking_price: "on application EUR" is not understood`,
	}
	if diff := cmp.Diff(doubts, got.Doubts); diff != "" {
		t.Error(diff)
	}
}

func TestWordsForTaxAndState(t *testing.T) {
	t.Parallel()
	shell := func(status, vat string) string {
		return `<open_marine><broker code="1"><adverts><advert ref="1" status="` + status + `"><advert_features><asking_price poa="false" currency="EUR" ` + vat +
			`>1</asking_price></advert_features></advert></adverts></broker></open_marine>`
	}
	for word, want := range map[string]listing.Status{
		"Available": listing.Active, " available ": listing.Active, "UNDER OFFER": listing.UnderOffer, "under_offer": listing.UnderOffer,
		"Sale Pending": listing.UnderOffer, "sold": listing.Sold, "": listing.Draft,
	} {
		if got := read(t, shell(word, "")).Adverts[0].Status; got != want {
			t.Errorf("%q is %q", word, got)
		}
	}
	for vat, want := range map[string]listing.Tax{
		`vat_included="true"`: listing.TaxPaid, `vat_included="1"`: listing.TaxPaid, `vat_included="inc VAT"`: listing.TaxPaid, `vat_included="FALSE"`: listing.TaxNotPaid,
		`vat_included="0"`: listing.TaxNotPaid, `vat_included="ex. VAT"`: listing.TaxNotPaid, `vat_included=""`: "", `vat_type="Tax Not Paid" vat_included="true"`: listing.TaxNotPaid,
	} {
		if got := read(t, shell("Sold", vat)).Adverts[0].Tax; got != want {
			t.Errorf("%s is %q", vat, got)
		}
	}
}

func TestWhatIsNoFeedIsRefused(t *testing.T) {
	t.Parallel()
	one := func(inside string) string {
		return `<open_marine><broker code="1"><adverts><advert ref="ND-7" status="Sold">` + inside + `</advert></adverts></broker></open_marine>`
	}
	for name, c := range map[string]struct {
		text, want string
		kind       fault.Kind
	}{
		"nothing":     {"", "no OpenMarine feed", fault.Invalid},
		"HTML":        {"<html><body>Hi</body></html>", "no OpenMarine feed", fault.Invalid},
		"JSON":        {`{"a":1}`, "no OpenMarine feed", fault.Invalid},
		"half":        {one("<boat_features><item>")[:90], "advert ND-7", fault.Invalid},
		"entity":      {`<!DOCTYPE x [<!ENTITY a "b">]>` + one("<model>&a;</model>"), "advert ND-7, element model: the XML is broken", fault.Invalid},
		"outside":     {`<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>` + one("<model>&a;</model>"), "invalid character entity", fault.Invalid},
		"no ref":      {`<open_marine><advert status="Sold"/></open_marine>`, "number 1 has no ref", fault.Invalid},
		"twice":       {`<open_marine><advert ref="1"/><advert ref="1"/></open_marine>`, "advert 1: another advert has the same ref", fault.Invalid},
		"deep":        {one(strings.Repeat("<a>", 100)), "advert ND-7, element a: elements are nested", fault.TooLarge},
		"deep before": {strings.Repeat("<a>", 100), "nested", fault.TooLarge},
		"many":        {one(strings.Repeat("<a/>", 60_000)), "more than 50000 parts", fault.TooLarge},
		"pieces":      {one("<a>" + strings.Repeat("x<!---->", 60_000) + "</a>"), "more than 50000 parts", fault.TooLarge},
	} {
		_, err := openmarine.Read(strings.NewReader(c.text))
		if !fault.Is(err, c.kind) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(foreign)
	var b bytes.Buffer
	if err := openmarine.Write(&b, feed(listingtest.Full())); err != nil {
		f.Fatal(err)
	}
	f.Add(b.String())
	f.Add(`<open_marine><broker><adverts><advert ref="1"><boat_features><engine><item name="engine_quantity">99999999</item></engine></boat_features></advert>`)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := openmarine.Read(strings.NewReader(text))
		if err != nil {
			if k := fault.KindOf(err); k != fault.Invalid && k != fault.TooLarge {
				t.Fatal(k, err)
			}
			return
		}
		for i := range got.Adverts {
			got.Adverts[i].Status = listing.Active
		}
		text = write(t, got) // whatever was read can be written
		if err := xml.Unmarshal([]byte(text), new(struct{})); err != nil {
			t.Fatal(err)
		}
		again := read(t, text)
		if len(again.Adverts) != len(got.Adverts) {
			t.Fatal(len(again.Adverts), len(got.Adverts))
		}
	})
}
