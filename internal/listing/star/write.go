package star

import (
	"cmp"
	"math"
	"strconv"
	"time"

	"navidocs/internal/listing"
	"navidocs/internal/listing/wire"
)

// vehicle is a boat, known to the receiver by a reference.
func vehicle(reference string, a *listing.Advert) *wire.Node {
	line := []*wire.Node{pricing(a), wire.Group("Tax", wire.Opt("TaxStatusCode", taxes[a.Tax])), dealer(a.Broker)}
	line = append(line, images(a.Images)...)
	line = append(line,
		wire.Opt("LastModificationDate", stamp(a.Modified, time.DateOnly)), wire.Opt("LastModificationTime", stamp(a.Modified, "15:04:05Z")),
		wire.Opt("ItemReceivedDate", stamp(a.FirstListed, time.DateOnly)), wire.Opt("SoldDate", a.SoldOn),
		wire.Opt("SalesStatus", states[a.Status]), wire.El("Co-OpIndicator", strconv.FormatBool(a.CoBrokerage)),
		wire.Group("Location", wire.Group("LocationAddress", wire.Opt("CityName", a.Place.City), wire.Opt("CountryID", a.Place.Country),
			wire.Opt("StateOrProvinceCountrySub-DivisionID", a.Place.Region))),
		wire.Group("RemarketingWarranty", wire.Opt("WarrantyExpirationDate", a.WarrantyUntil)))
	for _, s := range a.Sections {
		if html := wire.HTML(s.Text); html != "" || wire.Line(s.Title) != "" {
			line = append(line, wire.El("AdditionalDetailDescription", "", wire.El("Title", wire.Line(s.Title)), wire.El("Description", html)))
		}
	}
	line = append(line, boat(a))
	for i := range a.Engines {
		line = append(line, wire.El("VehicleRemarketingEngineLineItem", "", engine(&a.Engines[i])))
	}
	return wire.El("VehicleRemarketing", "", header(reference, a.Modified), wire.El("VehicleRemarketingBoatLineItem", "", line...))
}

func stamp(t time.Time, layout string) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(layout)
}

func pricing(a *listing.Advert) *wire.Node {
	var amount *wire.Node
	if a.Price != nil {
		amount = wire.El("ChargeAmount", wire.Amount(a.Price.Minor, a.Price.Currency)).With("currencyID", a.Price.Currency)
	}
	hidden := strconv.FormatBool(a.PriceHidden || a.Price == nil)
	return wire.El("PricingABIE", "", wire.El("PriceHideIndicator", hidden), wire.Group("Price", amount))
}

func dealer(b listing.Broker) *wire.Node {
	way := func(element, channel, number string) *wire.Node {
		if wire.Line(number) == "" {
			return nil
		}
		return wire.El(element, "", wire.El("ChannelCode", channel), wire.Opt("CompleteNumber", number))
	}
	contact := wire.Group("PrimaryContact", wire.Opt("PersonName", b.Rep),
		way("TelephoneCommunication", "Telephone", b.Phone), way("URICommunication", "Email", b.Email))
	if contact != nil {
		contact.Kids = append([]*wire.Node{wire.El("TypeCode", "SLSRP")}, contact.Kids...)
	}
	return wire.Group("DealerParty", wire.Opt("PartyID", b.PartyID),
		wire.Group("SpecifiedOrganization", wire.Opt("CompanyName", b.Company), contact))
}

func images(all []listing.Image) (nodes []*wire.Node) {
	for _, i := range all {
		if wire.Line(i.URL) == "" {
			continue
		}
		rank := strconv.Itoa(len(nodes) + 1)
		nodes = append(nodes, wire.El("ImageAttachmentExtended", "", wire.Opt("URI", i.URL),
			wire.Opt("ImageLastModifiedDateTime", wire.Stamp(i.Modified)),
			wire.El("UsagePreference", "", wire.El("PriorityRankingNumeric", rank)), wire.Opt("ImageAttachmentTitle", i.Caption)))
	}
	return nodes
}

// measure is a number with its unit, nil when it is unknown.
func measure(name, unit string, f *float64) *wire.Node {
	if !wire.Finite(f) {
		return nil
	}
	return wire.El(name, wire.Format(*f)).With("unitCode", unit)
}

func whole(name string, n *int) *wire.Node {
	if n == nil {
		return nil
	}
	return wire.El(name, strconv.Itoa(*n))
}

// sized is a measure in a group with the code that says which it is.
func sized(group, measured, coded, code string, f *float64) *wire.Node {
	if !wire.Finite(f) {
		return nil
	}
	return wire.El(group, "", wire.El(coded, code), measure(measured, "meter", f))
}

func boat(a *listing.Advert) *wire.Node {
	b := &a.Boat
	length := func(code string, f *float64) *wire.Node {
		return sized("BoatLengthGroup", "BoatLengthMeasure", "BoatLengthCode", code, f)
	}
	draft := func(code string, f *float64) *wire.Node {
		return sized("DraftMeasureGroup", "DraftMeasure", "BoatDraftCode", code, f)
	}
	class := wire.Group("BoatClassGroup", wire.Opt("BoatClassCode", b.Class))
	if class != nil {
		class.Kids = append(class.Kids, wire.El("PrimaryBoatClassIndicator", "true"))
	}
	nodes := []*wire.Node{
		wire.Opt("MakeString", b.Make), whole("ModelYear", b.ModelYear), coded("SaleClassCode", a.NewUsed), wire.Opt("Model", b.Model),
		wire.Opt("VehicleStockString", a.Ref),
		length("Nominal Length", b.LengthM), length("Length Overall", b.LOAM), length("Length At Water Line", b.LWLM), length("Length Of Deck", b.LODM),
		measure("BeamMeasure", "meter", b.BeamM), draft("Max Draft", b.DraftMaxM), draft("Drive Up", b.DraftMinM),
		measure("FuelTankCapacityMeasure", "liter", b.FuelL), measure("WaterTankCapacityMeasure", "liter", b.WaterL), measure("HoldingTankCapacityMeasure", "liter", b.HoldingL),
		measure("DisplacementMeasure", "kilogram", b.DisplacementKg), measure("DryWeightMeasure", "kilogram", b.DryWeightKg), measure("BallastWeightMeasure", "kilogram", b.BallastKg),
		coded("BoatCategoryCode", b.Category), class, coded("BoatKeelCode", b.Keel),
		measure("CruisingSpeedMeasure", "knots", b.CruiseKn), measure("MaximumSpeedMeasure", "knots", b.MaxKn), totalPower(a.Engines),
	}
	for _, d := range a.Descriptions {
		if html := wire.HTML(d.Text); html != "" {
			nodes = append(nodes, wire.El("GeneralBoatDescription", html).With("languageID", d.Language))
		}
	}
	nodes = append(nodes,
		wire.Opt("BuilderName", b.Builder), wire.Opt("DesignerName", b.Designer), wire.Opt("BoatName", b.Name),
		wire.Group("Hull", wire.Opt("BoatHullMaterialCode", b.HullMaterial), coded("BoatHullDesignCode", b.HullForm)),
		whole("NumberOfBerthsNumeric", b.Berths), whole("NumberOfHeadsNumeric", b.Heads), whole("NumberOfCabinsNumeric", b.Cabins),
		measure("BridgeClearanceMeasure", "meter", b.AirDraftM))
	return wire.El("VehicleRemarketingBoat", "", nodes...)
}

// horsepower is what the export tells power in, though its list of units lacks it.
const horsepower = "horsepower"

// power writes four digits behind the point, of which kilowatts come back to a watt.
func power(name string, kw float64) *wire.Node {
	return wire.El(name, wire.Format(math.Round(kw/wire.Horsepower*1e4)/1e4)).With("unitCode", horsepower)
}

func totalPower(all []listing.Engine) *wire.Node {
	sum := 0.0
	for i := range all {
		if !wire.Finite(all[i].PowerKW) {
			return nil
		}
		sum += *all[i].PowerKW
	}
	if sum == 0 {
		return nil
	}
	return power("TotalEnginePowerQuantity", sum)
}

func engine(e *listing.Engine) *wire.Node {
	var strength *wire.Node
	if wire.Finite(e.PowerKW) {
		strength = wire.El("PowerMeasure", "", power("MechanicalEnergyMeasure", *e.PowerKW))
	}
	var hours *wire.Node
	if wire.Finite(e.Hours) {
		hours = wire.El("TotalEngineHoursNumeric", wire.Format(*e.Hours))
	}
	return wire.El("VehicleRemarketingEngine", "",
		wire.Opt("MakeString", e.Make), wire.Opt("Model", e.Model), whole("ModelYear", e.Year), coded("BoatEngineTypeCode", e.Type),
		coded("FuelTypeCode", cmp.Or(fuels[e.Fuel], e.Fuel)), hours, coded("DriveTransmissionDescription", e.Drive), strength,
		coded("BoatEngineLocationCode", e.Position))
}
