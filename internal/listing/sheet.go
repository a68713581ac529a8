package listing

import (
	"context"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"navidocs/internal/account"
	"navidocs/internal/blob"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
	"navidocs/internal/sheet"
)

// Sheet writes a boat's listing as a PDF to type it into a portal's form from: the
// fields in the order of Boats Group's, US units beside metric, the pictures
// numbered, and room to note where it was posted. It answers the name of the file.
// Members may.
func (s *Service) Sheet(ctx context.Context, who account.Actor, boat fleet.BoatID, letter bool, w io.Writer) (name string, err error) {
	defer fault.Wrap(&err, "listing.Sheet %s", boat)
	if _, err := s.boats.NamesEvenSold(ctx, s.db, who, []fleet.BoatID{boat}, account.Member); err != nil {
		return "", err
	}
	if _, err := load(ctx, s.db, boat); err != nil {
		return "", err
	}
	o, err := offerOf(ctx, s.db, boat)
	if err != nil {
		return "", err
	}
	if !o.showsPrice(who) {
		o.price = nil
	}
	p := sheet.New(sheet.Options{
		Title: o.boatName + ": entry sheet", Subject: o.Ref, Language: "en", At: o.advert.Modified, Letter: letter,
		Footer: o.Ref + ", as of " + o.advert.Modified.UTC().Format("2006-01-02 15:04 UTC"),
	})
	o.entry(p)
	for i, x := range o.pictures {
		jpeg, err := s.bytes(ctx, x.digest)
		if err != nil {
			return "", err
		}
		caption := fmt.Sprintf("Photo %d of %d", i+1, len(o.pictures))
		if x.caption != "" {
			caption += ": " + x.caption
		}
		p.Picture(caption, jpeg)
	}
	_, err = p.Write(w)
	return strings.TrimSpace(o.boatName) + " entry sheet.pdf", err
}

func (s *Service) bytes(ctx context.Context, digest string) (_ []byte, err error) {
	f, err := s.store.Open(ctx, blob.Digest(digest))
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read from
	return io.ReadAll(f)
}

// entry lays out the fields in the order in which Boats Group's form and its export
// have them.
func (o *offer) entry(p *sheet.Sheet) {
	a, b := o.advert, o.advert.Boat
	p.Title(o.boatName)
	p.Note("To type in by hand: there is no public way to write to YachtWorld or Boat Trader. Empty fields are not known to NaviDocs.")
	p.Fields(
		sheet.Field{Label: "Our reference", Value: a.Ref}, sheet.Field{Label: "Sales status", Value: capital(string(a.Status))},
		sheet.Field{Label: "Co-brokerage", Value: yes(a.CoBrokerage)}, sheet.Field{Label: "Company", Value: a.Broker.Company},
		sheet.Field{Label: "Sales representative", Value: a.Broker.Rep}, sheet.Field{Label: "Price", Value: o.priceWords()},
		sheet.Field{Label: "Hide price", Value: yes(a.PriceHidden)}, sheet.Field{Label: "Tax status", Value: capital(string(a.Tax))},
	)
	p.Heading("Location")
	p.Fields(sheet.Field{Label: "City", Value: a.Place.City}, sheet.Field{Label: "Country", Value: a.Place.Country}, sheet.Field{Label: "State or province", Value: a.Place.Region})
	p.Heading("Boat")
	p.Fields(
		sheet.Field{Label: "Make", Value: b.Make}, sheet.Field{Label: "Model year", Value: whole(b.ModelYear)}, sheet.Field{Label: "New or used", Value: capital(a.NewUsed)},
		sheet.Field{Label: "Model", Value: b.Model}, sheet.Field{Label: "Category", Value: capital(b.Category)}, sheet.Field{Label: "Class", Value: b.Class},
		sheet.Field{Label: "Boat name", Value: b.Name}, sheet.Field{Label: "Builder", Value: b.Builder}, sheet.Field{Label: "Designer", Value: b.Designer},
		sheet.Field{Label: "Flag", Value: b.Flag}, sheet.Field{Label: "Hull ID (HIN)", Value: b.HIN},
	)
	p.Heading("Specification")
	p.Fields(
		sheet.Field{Label: "Cruising speed", Value: in(b.CruiseKn, "kn", "mph", milesPerNM)}, sheet.Field{Label: "Maximum speed", Value: in(b.MaxKn, "kn", "mph", milesPerNM)},
		sheet.Field{Label: "Range", Value: in(b.RangeNM, "nm", "mi", milesPerNM)}, sheet.Field{Label: "Beam", Value: length(b.BeamM)},
		sheet.Field{Label: "Max draft", Value: length(b.DraftMaxM)}, sheet.Field{Label: "Drive up (min draft)", Value: length(b.DraftMinM)},
		sheet.Field{Label: "Bridge clearance", Value: length(b.AirDraftM)}, sheet.Field{Label: "Nominal length", Value: length(b.LengthM)},
		sheet.Field{Label: "Length overall", Value: length(b.LOAM)}, sheet.Field{Label: "Length at waterline", Value: length(b.LWLM)}, sheet.Field{Label: "Length on deck", Value: length(b.LODM)},
		sheet.Field{Label: "Dry weight", Value: in(b.DryWeightKg, "kg", "lb", poundsPerKg)}, sheet.Field{Label: "Displacement", Value: in(b.DisplacementKg, "kg", "lb", poundsPerKg)},
		sheet.Field{Label: "Ballast", Value: in(b.BallastKg, "kg", "lb", poundsPerKg)}, sheet.Field{Label: "Gross tonnage", Value: number(b.GrossTonnage)},
		sheet.Field{Label: "Keel", Value: b.Keel}, sheet.Field{Label: "Hull material", Value: b.HullMaterial}, sheet.Field{Label: "Hull form", Value: b.HullForm},
	)
	o.engines(p)
	p.Heading("Tanks")
	p.Fields(
		sheet.Field{Label: "Water", Value: in(b.WaterL, "l", "US gal", gallonsPerL)}, sheet.Field{Label: "Fuel", Value: in(b.FuelL, "l", "US gal", gallonsPerL)},
		sheet.Field{Label: "Holding", Value: in(b.HoldingL, "l", "US gal", gallonsPerL)},
	)
	p.Heading("Accommodation")
	p.Fields(sheet.Field{Label: "Heads", Value: whole(b.Heads)}, sheet.Field{Label: "Cabins", Value: whole(b.Cabins)}, sheet.Field{Label: "Berths", Value: whole(b.Berths)})
	o.texts(p)
}

func (o *offer) engines(p *sheet.Sheet) {
	p.Heading("Engines (" + strconv.Itoa(len(o.advert.Engines)) + ")")
	for i, e := range o.advert.Engines {
		p.Fields(
			sheet.Field{Label: fmt.Sprintf("Engine %d make", i+1), Value: e.Make}, sheet.Field{Label: "Model", Value: e.Model}, sheet.Field{Label: "Year", Value: whole(e.Year)},
			sheet.Field{Label: "Fuel", Value: capital(e.Fuel)}, sheet.Field{Label: "Power", Value: in(e.PowerKW, "kW", "hp", horsesPerKW)}, sheet.Field{Label: "Type", Value: e.Type},
			sheet.Field{Label: "Hours", Value: number(e.Hours)}, sheet.Field{Label: "Drive", Value: e.Drive}, sheet.Field{Label: "Location", Value: capital(e.Position)},
		)
	}
}

func (o *offer) texts(p *sheet.Sheet) {
	for _, t := range o.advert.Descriptions {
		p.Heading("Description (" + t.Language + ")")
		p.Paragraph(t.Text)
	}
	for _, x := range o.advert.Sections {
		p.Heading(x.Title)
		p.Paragraph(x.Text)
	}
	if n := len(o.pictures); n > 0 {
		p.Heading("Photos")
		p.Paragraph(fmt.Sprintf("%d photos follow, numbered in their order.", n))
	}
	p.Heading("Posted")
	for _, x := range o.Postings {
		p.Fields(sheet.Field{Label: x.Portal, Value: strings.TrimSpace(x.Number + " " + string(x.PostedOn))})
	}
	p.Signature("Posted on (portal and date)", "Posted by")
	p.Signature("Listing ID at the portal", "Checked by")
}

// Exact factors, by definition of the units: the international mile, foot and
// pound, the US gallon, the mechanical horsepower.
const (
	milesPerNM  = 1852 / 1609.344
	feetPerM    = 1 / 0.3048
	poundsPerKg = 1 / 0.45359237
	gallonsPerL = 1 / 3.785411784
	horsesPerKW = 1 / 0.74569987158227022
)

// in is a measure in its own unit and in another one.
func in(v *float64, unit, other string, factor float64) string {
	if v == nil {
		return ""
	}
	return round(*v, 1) + " " + unit + " (" + round(*v*factor, 1) + " " + other + ")"
}

// length is a length in metres, in feet and inches, and in feet.
func length(v *float64) string {
	if v == nil {
		return ""
	}
	inches := math.Round(*v * feetPerM * 12)
	return fmt.Sprintf("%s m (%.0f ft %.0f in; %s ft)", round(*v, 2), math.Floor(inches/12), math.Mod(inches, 12), round(*v*feetPerM, 2))
}

func round(v float64, digits int) string {
	shift := math.Pow10(digits)
	return strconv.FormatFloat(math.Round(v*shift)/shift, 'f', -1, 64)
}

func number(v *float64) string {
	if v == nil {
		return ""
	}
	return round(*v, 1)
}

func whole(v *int) string {
	if v == nil {
		return ""
	}
	return strconv.Itoa(*v)
}

func yes(b bool) string {
	if b {
		return "Yes"
	}
	return "No"
}

// capital is one of our words as people write it.
func capital(s string) string {
	s = strings.ReplaceAll(s, "_", " ")
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// priceWords is the price that is typed in; portals hide a hidden one themselves.
func (o *offer) priceWords() string {
	if o.price == nil {
		return ""
	}
	return o.price.String()
}
