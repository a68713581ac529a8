package star

import (
	"io"
	"math"
	"slices"
	"strings"

	"navidocs/internal/fault"
	"navidocs/internal/listing"
	"navidocs/internal/listing/wire"
)

// Read reads the adverts of a message or of a bare list of VehicleRemarketing, of at
// most 64 MB. What cannot be understood is unknown; what names no state is a draft.
// The error is Invalid and names the boat and the element when it is no such XML,
// breaks off or has a boat without a number; TooLarge when it is longer or deeper
// than any real one.
func Read(r io.Reader) (_ []listing.Advert, err error) {
	defer fault.Wrap(&err, "star.Read")
	var all []listing.Advert
	known := false
	w := wire.Walker{
		Enter: func(n *wire.Node) error {
			known = known || strings.Contains(n.Name, "VehicleRemarketing")
			return nil
		},
		Whole: func(name string) bool { return name == "VehicleRemarketing" },
		Take: func(n *wire.Node) error {
			a := advert(n)
			switch {
			case a.Ref == "":
				return fault.New(fault.Invalid, "it has no DocumentID")
			case len(all) >= maxAdverts:
				return fault.New(fault.TooLarge, "the message has more than %d boats", maxAdverts)
			}
			all, known = append(all, a), true
			return nil
		},
		Label: func(n *wire.Node) string {
			if id := reference(n); id != "" {
				return "boat " + wire.Short(id)
			}
			return "a boat"
		},
	}
	if err := w.Walk(r); err != nil {
		return nil, err
	}
	if !known {
		return nil, fault.New(fault.Invalid, "this is no STAR message: it has no element VehicleRemarketing")
	}
	return all, nil
}

const maxAdverts = 20_000

func reference(n *wire.Node) string {
	return n.At("VehicleRemarketingHeader", "DocumentIdentificationGroup", "DocumentIdentification", "DocumentID").T()
}

func yes(s string) bool { return strings.EqualFold(s, "true") || s == "1" }

func advert(n *wire.Node) (a listing.Advert) {
	line := n.At("VehicleRemarketingBoatLineItem")
	t := func(path ...string) string { return line.At(path...).T() }
	a.Ref, a.Status = reference(n), listing.Draft
	if s, ok := back(states, t("SalesStatus")); ok {
		a.Status = s
	}
	amount := line.At("PricingABIE", "Price", "ChargeAmount")
	if minor, currency, ok := wire.Price(amount.T(), amount.A("currencyID")); ok && minor >= 0 {
		a.Price = &listing.Money{Minor: minor, Currency: currency}
	}
	a.PriceHidden = yes(t("PricingABIE", "PriceHideIndicator")) || a.Price == nil
	a.Tax, _ = back(taxes, t("Tax", "TaxStatusCode"))
	a.CoBrokerage = yes(t("Co-OpIndicator"))
	place := line.At("Location", "LocationAddress")
	a.Place = listing.Place{City: place.At("CityName").T(), Region: place.At("StateOrProvinceCountrySub-DivisionID").T(), Country: strings.ToUpper(place.At("CountryID").T())}
	a.Modified = wire.Time(t("LastModificationDate"))
	if at := wire.Time(t("LastModificationDate") + "T" + t("LastModificationTime")); !at.IsZero() {
		a.Modified = at
	}
	a.FirstListed, a.SoldOn = wire.Time(t("ItemReceivedDate")), wire.Date(t("SoldDate"))
	a.WarrantyUntil = wire.Date(t("RemarketingWarranty", "WarrantyExpirationDate"))
	a.Broker = broker(line.At("DealerParty"))
	a.Images = pictures(line)
	for _, d := range line.All("AdditionalDetailDescription") {
		a.Sections = append(a.Sections, listing.Section{Title: d.At("Title").T(), Text: html(d.At("Description"))})
	}
	b := line.At("VehicleRemarketingBoat")
	a.NewUsed = strings.ToLower(b.At("SaleClassCode").T())
	for _, d := range b.All("GeneralBoatDescription") {
		if s := html(d); s != "" {
			language, _, _ := strings.Cut(strings.ToLower(d.A("languageID")), "-")
			a.Descriptions = append(a.Descriptions, listing.Text{Language: language, Text: s})
		}
	}
	a.Boat = boatOf(b)
	for _, l := range line.All("VehicleRemarketingEngineLineItem") {
		for _, e := range l.All("VehicleRemarketingEngine") {
			a.Engines = append(a.Engines, engineOf(e))
		}
	}
	return a
}

func html(n *wire.Node) string {
	if n == nil {
		return ""
	}
	return wire.Text(n.Text)
}

// broker is the one who sells (SLSRP); the dealership's own contact is not.
func broker(n *wire.Node) listing.Broker {
	organization := n.At("SpecifiedOrganization")
	b := listing.Broker{PartyID: n.At("PartyID").T(), Company: organization.At("CompanyName").T()}
	for _, c := range organization.All("PrimaryContact") {
		if c.At("TypeCode").T() == "SLSRP" {
			b.Rep = c.At("PersonName").T()
			b.Phone = c.At("TelephoneCommunication", "CompleteNumber").T()
			b.Email = c.At("URICommunication", "CompleteNumber").T()
		}
	}
	return b
}

// pictures are by their rank, those without one last.
func pictures(n *wire.Node) (all []listing.Image) {
	nodes := n.All("ImageAttachmentExtended")
	rank := func(n *wire.Node) float64 {
		if f, ok := wire.Number(n.At("UsagePreference", "PriorityRankingNumeric").T()); ok {
			return f
		}
		return math.Inf(1)
	}
	slices.SortStableFunc(nodes, func(a, b *wire.Node) int {
		switch x, y := rank(a), rank(b); {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	for _, i := range nodes {
		if uri := i.At("URI").T(); uri != "" {
			all = append(all, listing.Image{URL: uri, Caption: i.At("ImageAttachmentTitle").T(), Modified: wire.Time(i.At("ImageLastModifiedDateTime").T())})
		}
	}
	return all
}

// amount is a measure in the unit that it names, else in the given one.
func amount(n *wire.Node, q wire.Quantity, unit string) *float64 {
	if n == nil {
		return nil
	}
	if said := n.A("unitCode"); said != "" {
		unit = said
	}
	f, ok := wire.Measure(n.T(), q, unit)
	if !ok {
		return nil
	}
	return &f
}

func number(n *wire.Node) *int {
	f, ok := wire.Number(n.T())
	if !ok || f != math.Trunc(f) || f < 0 || f > 10_000 {
		return nil
	}
	i := int(f)
	return &i
}

// among is the measure of the group with a code.
func among(b *wire.Node, group, measured, coded, code string) *float64 {
	for _, g := range b.All(group) {
		if wire.Word(g.At(coded).T()) == wire.Word(code) {
			return amount(g.At(measured), wire.Length, "meter")
		}
	}
	return nil
}

func boatOf(n *wire.Node) (b listing.Boat) {
	t := func(path ...string) string { return n.At(path...).T() }
	length := func(code string) *float64 {
		return among(n, "BoatLengthGroup", "BoatLengthMeasure", "BoatLengthCode", code)
	}
	draft := func(code string) *float64 {
		return among(n, "DraftMeasureGroup", "DraftMeasure", "BoatDraftCode", code)
	}
	b.Make, b.Model, b.Name, b.ModelYear = t("MakeString"), t("Model"), t("BoatName"), number(n.At("ModelYear"))
	b.Category, b.Class = strings.ToLower(t("BoatCategoryCode")), t("BoatClassGroup", "BoatClassCode")
	b.Designer, b.Builder, b.Keel = t("DesignerName"), t("BuilderName"), t("BoatKeelCode")
	b.HullMaterial, b.HullForm = t("Hull", "BoatHullMaterialCode"), t("Hull", "BoatHullDesignCode")
	b.LengthM, b.LOAM = length("Nominal Length"), length("Length Overall")
	b.LWLM, b.LODM = length("Length At Water Line"), length("Length Of Deck")
	b.DraftMaxM, b.DraftMinM = draft("Max Draft"), draft("Drive Up")
	for _, m := range []struct {
		name, unit string
		q          wire.Quantity
		at         **float64
	}{
		{"BeamMeasure", "meter", wire.Length, &b.BeamM},
		{"BridgeClearanceMeasure", "meter", wire.Length, &b.AirDraftM},
		{"DisplacementMeasure", "kilogram", wire.Weight, &b.DisplacementKg},
		{"DryWeightMeasure", "kilogram", wire.Weight, &b.DryWeightKg},
		{"BallastWeightMeasure", "kilogram", wire.Weight, &b.BallastKg},
		{"FuelTankCapacityMeasure", "liter", wire.Volume, &b.FuelL},
		{"WaterTankCapacityMeasure", "liter", wire.Volume, &b.WaterL},
		{"HoldingTankCapacityMeasure", "liter", wire.Volume, &b.HoldingL},
		{"CruisingSpeedMeasure", "knots", wire.Speed, &b.CruiseKn},
		{"MaximumSpeedMeasure", "knots", wire.Speed, &b.MaxKn},
	} {
		*m.at = amount(n.At(m.name), m.q, m.unit)
	}
	b.Berths, b.Heads = number(n.At("NumberOfBerthsNumeric")), number(n.At("NumberOfHeadsNumeric"))
	b.Cabins = number(n.At("NumberOfCabinsNumeric"))
	return b
}

func engineOf(n *wire.Node) (e listing.Engine) {
	word := func(name string) string { return strings.ToLower(n.At(name).T()) }
	e.Make, e.Model, e.Year = n.At("MakeString").T(), n.At("Model").T(), number(n.At("ModelYear"))
	e.Type, e.Drive, e.Position = word("BoatEngineTypeCode"), word("DriveTransmissionDescription"), word("BoatEngineLocationCode")
	e.Fuel = word("FuelTypeCode")
	if ours, ok := back(fuels, e.Fuel); ok {
		e.Fuel = ours
	}
	e.Hours = amount(n.At("TotalEngineHoursNumeric"), wire.Duration, "h")
	if e.PowerKW = amount(n.At("PowerMeasure", "MechanicalEnergyMeasure"), wire.Power, horsepower); e.PowerKW != nil {
		*e.PowerKW = math.Round(*e.PowerKW*1000) / 1000
	}
	return e
}
