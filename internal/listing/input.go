package listing

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/currency"

	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
	"navidocs/internal/money"
)

// faults collects what is wrong with an input.
type faults struct{ fleet.Checker }

func (c *faults) count(v *int, location string) {
	if v != nil && (*v < 0 || *v > 500) {
		c.Add(location, "must be between 0 and 500", *v)
	}
}

func (c *faults) word(s, location string, words ...string) {
	if !slices.Contains(words, s) {
		c.Add(location, "must be one of "+strings.Join(words, ", "), fault.Echo(s))
	}
}

func (c *faults) email(s *string, location string) {
	c.Text(s, location, 254)
	if a, err := mail.ParseAddress(*s); *s != "" && (err != nil || a.Address != *s) {
		c.Add(location, "must be an e-mail address", fault.Echo(*s))
	}
}

var (
	languageForm = regexp.MustCompile(`^[a-z]{2}$`)
	countryForm  = regexp.MustCompile(`^[A-Z]{2}$`)
)

// mostPrice is the highest price in a currency's own unit.
const mostPrice = 1e11

// check finds every fault that the input alone shows, after what is absent was
// filled in.
func (in *Input) check() faults {
	var c faults
	in.Language, in.NewUsed = cmp.Or(in.Language, "en"), cmp.Or(in.NewUsed, "used")
	in.Currency = strings.ToUpper(strings.TrimSpace(in.Currency))
	c.word(string(in.Status), "status", string(Draft), string(Active), string(UnderOffer), string(Sold), string(Withdrawn))
	c.word(in.NewUsed, "new_used", "new", "used")
	c.word(string(in.Tax), "tax", "", string(TaxPaid), string(TaxNotPaid), string(TaxNone), string(TaxOther))
	if !languageForm.MatchString(in.Language) {
		c.Add("language", "must be a language's two letters (ISO 639-1), such as en", fault.Echo(in.Language))
	}
	in.checkPrice(&c)
	in.checkPlace(&c)
	in.checkTexts(&c)
	in.Boat.check(&c)
	c.Date(&in.SoldOn, "sold_on")
	for i := range in.Postings {
		p := &in.Postings[i]
		c.Text(&p.Portal, fmt.Sprintf("postings[%d].portal", i), 200)
		c.Text(&p.Number, fmt.Sprintf("postings[%d].number", i), 200)
		c.Date(&p.PostedOn, fmt.Sprintf("postings[%d].posted_on", i))
		if p.Portal == "" {
			c.Add(fmt.Sprintf("postings[%d].portal", i), "must say where it was posted", nil)
		}
	}
	if in.Status.Public() {
		in.checkPublic(&c)
	}
	return c
}

func (in *Input) checkPrice(c *faults) {
	if in.Price != nil && !(*in.Price > 0 && *in.Price <= mostPrice) { // so that NaN is refused too
		c.Add("price", "must be above 0 and at most 100000000000; for a price on request set price_hidden", fmt.Sprint(*in.Price))
	}
	switch _, err := currency.ParseISO(in.Currency); {
	case in.Price != nil && in.Currency == "":
		c.Add("currency", "a price needs its currency", nil)
	case in.Currency != "" && err != nil:
		c.Add("currency", "must be a currency's three letters (ISO 4217), such as EUR", fault.Echo(in.Currency))
	case in.Price != nil && !exact(*in.Price, in.Currency):
		c.Add("price", fmt.Sprintf("%s has %d decimals", in.Currency, money.Digits(in.Currency)), fmt.Sprint(*in.Price))
	}
}

// exact says whether a currency has the decimals of a price, as far as a float tells.
func exact(price float64, currency string) bool {
	off := math.Abs(price - money.Major(money.Minor(price, currency), currency))
	return off <= math.Pow10(-2-money.Digits(currency))+price*1e-15
}

func (in *Input) checkPlace(c *faults) {
	in.Place.Country = strings.ToUpper(strings.TrimSpace(in.Place.Country))
	if in.Place.Country != "" && !countryForm.MatchString(in.Place.Country) {
		c.Add("place.country", "must be a country's two letters (ISO 3166), such as ES", fault.Echo(in.Place.Country))
	}
	c.Text(&in.Place.City, "place.city", 200)
	c.Text(&in.Place.Region, "place.region", 200)
	c.Text(&in.Broker.Company, "broker.company", 200)
	c.Text(&in.Broker.PartyID, "broker.party_id", 100)
	c.Text(&in.Broker.Rep, "broker.rep", 200)
	c.Text(&in.Broker.Phone, "broker.phone", 50)
	c.email(&in.Broker.Email, "broker.email")
}

func (in *Input) checkTexts(c *faults) {
	seen := map[string]bool{}
	for i := range in.Descriptions {
		t, at := &in.Descriptions[i], fmt.Sprintf("descriptions[%d]", i)
		if !languageForm.MatchString(t.Language) || seen[t.Language] {
			c.Add(at+".language", "must be a language's two letters (ISO 639-1), once in the list", fault.Echo(t.Language))
		}
		seen[t.Language] = true
		if c.Text(&t.Text, at+".text", 20_000); t.Text == "" {
			c.Add(at+".text", "must not be empty", nil)
		}
	}
	// The listing's own language comes first: portals with one text take that.
	slices.SortStableFunc(in.Descriptions, func(a, b Text) int {
		return cmp.Compare(b2i(b.Language == in.Language), b2i(a.Language == in.Language))
	})
	for i := range in.Sections {
		x := &in.Sections[i]
		c.Text(&x.Title, fmt.Sprintf("sections[%d].title", i), 200)
		c.Text(&x.Text, fmt.Sprintf("sections[%d].text", i), 20_000)
	}
	if in.Descriptions == nil {
		in.Descriptions = []Text{}
	}
	if in.Sections == nil {
		in.Sections = []Section{}
	}
	if in.Postings == nil {
		in.Postings = []Posting{}
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (x *Specification) check(c *faults) {
	c.word(x.Category, "boat.category", "", "power", "sail")
	c.Text(&x.HullForm, "boat.hull_form", 200)
	c.Text(&x.Keel, "boat.keel", 200)
	for _, n := range []struct {
		v    *float64
		at   string
		high float64
	}{
		{x.LODM, "lod_m", 500},
		{x.DraftMinM, "draft_min_m", 500},
		{x.DryWeightKg, "dry_weight_kg", 1e8},
		{x.BallastKg, "ballast_kg", 1e8},
		{x.GrossTonnage, "gross_tonnage", 1e6},
		{x.FuelL, "fuel_l", 1e7},
		{x.WaterL, "water_l", 1e7},
		{x.HoldingL, "holding_l", 1e7},
		{x.CruiseKn, "cruise_kn", 200},
		{x.MaxKn, "max_kn", 200},
		{x.RangeNM, "range_nm", 100_000},
	} {
		c.Number(n.v, "boat."+n.at, n.high)
	}
	c.count(x.Cabins, "boat.cabins")
	c.count(x.Berths, "boat.berths")
	c.count(x.Heads, "boat.heads")
}

// checkPublic demands what buyers and portals ask for first.
func (in *Input) checkPublic(c *faults) {
	if in.Price == nil && !in.PriceHidden {
		c.Add("price", "buyers are told a price, or that it is told on request (price_hidden)", nil)
	}
	if in.Place.Country == "" {
		c.Add("place.country", "portals ask in which country the boat lies", nil)
	}
	if len(in.Descriptions) == 0 {
		c.Add("descriptions", "portals ask for a description in one language at least", nil)
	}
}

// checkOn finds the faults that show beside the boat's own record.
func checkOn(ctx context.Context, q db.Querier, b fleet.Boat, in Input) (c faults, err error) {
	if in.Status.Public() {
		if b.Make == "" {
			c.Add("status", "portals ask who made the boat: give make by PATCH /api/boats/"+string(b.ID), nil)
		}
		if b.Model == "" {
			c.Add("status", "portals ask for the boat's model: give model by PATCH /api/boats/"+string(b.ID), nil)
		}
	}
	engines, err := db.Collect(ctx, q, db.Scalar[fleet.EngineID], "SELECT id FROM engines WHERE boat_id = $1", b.ID)
	if err != nil {
		return c, err
	}
	seen := map[string]bool{}
	for i := range in.Engines {
		e, at := &in.Engines[i], fmt.Sprintf("engines[%d]", i)
		if !slices.Contains(engines, e.EngineID) || seen[string(e.EngineID)] {
			c.Add(at+".engine_id", "must be an engine of the boat, once in the list", fault.Echo(string(e.EngineID)))
		}
		seen[string(e.EngineID)] = true
		c.Text(&e.Type, at+".type", 200)
		c.Text(&e.Drive, at+".drive", 200)
	}
	return c, checkPhotos(ctx, q, b, in, &c)
}

func checkPhotos(ctx context.Context, q db.Querier, b fleet.Boat, in Input, c *faults) error {
	type photo struct{ id, class string }
	all, err := db.Collect(ctx, q, func(r db.Row) (p photo, err error) { return p, r.Scan(&p.id, &p.class) },
		"SELECT f.id, d.class FROM boat_photos f JOIN documents d ON d.id = f.document_id WHERE f.boat_id = $1 AND d.deleted_at IS NULL", b.ID)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for i := range in.Photos {
		p, at := &in.Photos[i], fmt.Sprintf("photos[%d]", i)
		n := slices.IndexFunc(all, func(x photo) bool { return x.id == p.PhotoID })
		switch {
		case n < 0 || seen[p.PhotoID]:
			c.Add(at+".photo_id", "must be a photo of the boat, once in the list", fault.Echo(p.PhotoID))
		case all[n].class != "open":
			c.Add(at+".photo_id", "is of the class "+all[n].class+" and not shown to buyers: make its document open first", p.PhotoID)
		}
		seen[p.PhotoID] = true
		c.Text(&p.Caption, at+".caption", 300)
	}
	return nil
}

// day is a date some days before an instant.
func day(at time.Time, days int) fleet.Date {
	return fleet.Date(at.UTC().AddDate(0, 0, -days).Format(time.DateOnly))
}
