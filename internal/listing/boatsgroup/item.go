package boatsgroup

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"navidocs/internal/fault"
	"navidocs/internal/listing"
	"navidocs/internal/listing/wire"
)

// values are a JSON object whose values have any of the types seen for them.
type values map[string]any

// maxDoubts bounds what is noted of one listing.
const maxDoubts = 100

// maxList bounds the pictures, engines and texts of one listing.
const maxList = 1000

// item is a listing in the making.
type item struct {
	values
	Item
}

// Parse reads one listing. The error is Invalid when it is no JSON object or has no
// DocumentID.
func Parse(raw []byte) (_ Item, err error) {
	defer fault.Wrap(&err, "boatsgroup.Parse")
	var v values
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return Item{}, fault.Because(err, fault.Invalid, "a listing is no JSON object")
	}
	x := item{values: v}
	x.ID = v.text("DocumentID")
	if x.ID == "" {
		return Item{}, fault.New(fault.Invalid, "a listing has no DocumentID")
	}
	x.offer()
	x.boat()
	x.sizes()
	x.engines()
	x.texts()
	x.images()
	return x.Item, nil
}

func (x *item) doubt(field, value string) {
	if len(x.Doubts) < maxDoubts {
		x.Doubts = append(x.Doubts, fmt.Sprintf("%s: %q is not understood", field, wire.Short(value)))
	}
}

// text is a value as one line, empty for null and for what is no scalar.
func (v values) text(key string) string {
	switch s := v[key].(type) {
	case string:
		return wire.Line(s)
	case json.Number:
		return s.String()
	case bool:
		return strconv.FormatBool(s)
	}
	return ""
}

// yes reads a boolean, which may be a string.
func (v values) yes(key string) bool {
	switch strings.ToLower(v.text(key)) {
	case "true", "1", "yes", "y":
		return true
	}
	return false
}

func (v values) object(key string) values {
	m, _ := v[key].(map[string]any)
	return m
}

// list are the objects of a list; one that stands alone is a list too.
func (v values) list(key string) (all []values) {
	switch l := v[key].(type) {
	case map[string]any:
		return []values{l}
	case []any:
		for _, e := range l[:min(len(l), maxList)] {
			if m, ok := e.(map[string]any); ok {
				all = append(all, m)
			}
		}
	}
	return all
}

// strings are the texts of a list; one that stands alone is a list too. They are as
// written.
func (v values) strings(key string) (all []string) {
	switch l := v[key].(type) {
	case string:
		return []string{l}
	case []any:
		for _, e := range l[:min(len(l), maxList)] {
			if s, ok := e.(string); ok {
				all = append(all, s)
			}
		}
	}
	return all
}

// measure is a quantity, nil when it is absent or nothing.
func (x *item) measure(key string, q wire.Quantity, unit string) *float64 {
	s := x.text(key)
	if s == "" {
		return nil
	}
	f, ok := wire.Measure(s, q, unit)
	if !ok {
		x.doubt(key, s)
		return nil
	}
	if f == 0 {
		return nil // nobody measured it
	}
	return &f
}

// count is a number of things, nil when it is absent.
func (x *item) count(v values, key string) *int {
	s := v.text(key)
	if s == "" {
		return nil
	}
	f, ok := wire.Number(s)
	if !ok || f != math.Trunc(f) || f < 0 || f > 10_000 {
		x.doubt(key, s)
		return nil
	}
	n := int(f)
	return &n
}

// year is one that boats were built in.
func (x *item) year(v values, key string) *int {
	y := x.count(v, key)
	if y != nil && *y < 1800 {
		if *y != 0 {
			x.doubt(key, v.text(key))
		}
		return nil
	}
	return y
}

// offer is what is asked, and how far it is. Staff's names and addresses are not
// read.
func (x *item) offer() {
	a := &x.Advert
	a.Ref = x.ID
	a.Status = x.status()
	a.NewUsed = strings.ToLower(x.text("SaleClassCode"))
	a.PriceHidden = x.yes("PriceHideInd")
	x.price()
	switch s := x.text("TaxStatusCode"); wire.Word(s) {
	case "":
	case "paid":
		a.Tax = listing.TaxPaid
	case "notpaid":
		a.Tax = listing.TaxNotPaid
	case "notapplicable":
		a.Tax = listing.TaxNone
	default:
		a.Tax = listing.TaxOther
	}
	a.CoBrokerage = x.yes("CoOpIndicator")
	if x.text("CoOpIndicator") == "" {
		a.CoBrokerage = x.yes("IsAvailableForPls")
	}
	place := x.object("BoatLocation")
	a.Place = listing.Place{City: place.text("BoatCityName"), Region: place.text("BoatStateCode"), Country: strings.ToUpper(place.text("BoatCountryID"))}
	if len(a.Place.Country) > 2 {
		x.doubt("BoatCountryID", a.Place.Country)
		a.Place.Country = ""
	}
	a.Modified = wire.Time(x.text("IMTTimeStamp"))
	if a.Modified.IsZero() {
		a.Modified = wire.Time(x.text("LastModificationDate"))
	}
	a.FirstListed = wire.Time(x.text("ItemReceivedDate"))
	a.Broker = listing.Broker{Company: x.text("CompanyName"), PartyID: x.object("Owner").text("PartyId")}
}

func (x *item) status() listing.Status {
	s := x.text("SalesStatus")
	switch wire.Word(s) {
	case "active", "onorder", "available":
		return listing.Active
	case "salepending", "underoffer", "pending":
		return listing.UnderOffer
	case "sold":
		return listing.Sold
	case "delete", "deleted", "inactive":
		return listing.Withdrawn
	}
	x.doubt("SalesStatus", s)
	return listing.Draft
}

// price reads "189000.00 USD"; nothing and 1 mean that one asks.
func (x *item) price() {
	s := x.text("Price")
	if s == "" {
		s = x.text("OriginalPrice")
	}
	if s == "" {
		x.Advert.PriceHidden = true
		return
	}
	minor, currency, ok := wire.Price(s, "")
	switch {
	case !ok || minor < 0:
		x.doubt("Price", s)
	case wire.Amount(minor, currency) == "0", wire.Amount(minor, currency) == "1":
		x.Advert.PriceHidden = true
	default:
		x.Advert.Price = &listing.Money{Minor: minor, Currency: currency}
	}
}

func (x *item) boat() {
	b := &x.Advert.Boat
	b.Make, b.Model, b.Name = x.text("MakeString"), x.text("Model"), x.text("BoatName")
	b.ModelYear = x.year(x.values, "ModelYear")
	b.HIN = hin(x.text("BoatHullID"))
	b.Category = strings.ToLower(x.text("BoatCategoryCode"))
	if classes := x.strings("BoatClassCode"); len(classes) > 0 {
		b.Class = wire.Line(classes[0])
	}
	b.Designer, b.Builder = x.text("DesignerName"), x.text("BuilderName")
	// "0" and "1" are seen there, which are no countries.
	if flag := strings.ToUpper(x.text("RegistrationCountryCode")); len(flag) == 2 && flag > "A" {
		b.Flag = flag
	}
	b.HullMaterial, b.Keel = x.text("BoatHullMaterialCode"), x.text("BoatKeelCode")
	b.Cabins, b.Heads = x.count(x.values, "CabinsCountNumeric"), x.count(x.values, "HeadsCountNumeric")
	b.Berths = x.berths()
}

// berths are places to sleep: two in a double and in a twin.
func (x *item) berths() *int {
	sum, known := 0, false
	for _, kind := range []string{"Single", "Double", "Twin"} {
		n := x.count(x.values, kind+"BerthsCountNumeric")
		if n == nil {
			continue
		}
		known = true
		sum += *n
		if kind != "Single" {
			sum += *n
		}
	}
	if !known {
		return nil
	}
	return &sum
}

// hin drops what stands where a number should be: words, dots, and numbers that
// nobody stamps into a hull.
func hin(s string) string {
	s = strings.ToUpper(s)
	word := wire.Word(s)
	letters, kinds := 0, map[rune]bool{}
	for _, r := range word {
		kinds[r] = true
		if r >= 'a' && r <= 'z' {
			letters++
		}
	}
	switch {
	case len(word) < 10, letters == 0, letters == len(word), len(kinds) < 4,
		strings.Contains(word, "00000000"), strings.Contains(word, "xxxx"), strings.Contains(word, "123456789"):
		return ""
	}
	return s
}

func (x *item) sizes() {
	b := &x.Advert.Boat
	b.LengthM = x.measure("NominalLength", wire.Length, "ft")
	if b.LengthM == nil {
		b.LengthM = x.measure("NormNominalLength", wire.Length, "m")
	}
	b.LOAM = x.measure("LengthOverall", wire.Length, "ft")
	b.BeamM = x.measure("BeamMeasure", wire.Length, "ft")
	b.DraftMaxM, b.DraftMinM = x.measure("MaxDraft", wire.Length, "ft"), x.measure("DriveUp", wire.Length, "ft")
	b.AirDraftM = x.measure("BridgeClearanceMeasure", wire.Length, "ft")
	b.DisplacementKg, b.DryWeightKg = x.measure("DisplacementMeasure", wire.Weight, "lb"), x.measure("DryWeightMeasure", wire.Weight, "lb")
	b.BallastKg = x.measure("BallastWeightMeasure", wire.Weight, "lb")
	b.FuelL, b.WaterL, b.HoldingL = x.tanks("Fuel"), x.tanks("Water"), x.tanks("Holding")
	b.CruiseKn, b.MaxKn = x.measure("CruisingSpeedMeasure", wire.Speed, "kn"), x.measure("MaximumSpeedMeasure", wire.Speed, "kn")
	b.RangeNM = x.measure("RangeMeasure", wire.Distance, "mi")
}

// tanks is the capacity of one times their number.
func (x *item) tanks(kind string) *float64 {
	f := x.measure(kind+"TankCapacityMeasure", wire.Volume, "gallon")
	if n := x.count(x.values, kind+"TankCountNumeric"); f != nil && n != nil && *n > 1 {
		sum := wire.Round(*f * float64(*n))
		return &sum
	}
	return f
}

// engines are those that are listed. Where only a sum of their hours is told, it is
// the hours of a single engine, and else HoursTotal.
func (x *item) engines() {
	a := &x.Advert
	each := false
	for _, v := range x.list("Engines") {
		e := item{values: v}
		engine := listing.Engine{
			Make: v.text("Make"), Model: v.text("Model"), Year: x.year(v, "Year"),
			Hours: e.measure("Hours", wire.Duration, "h"), PowerKW: e.measure("EnginePower", wire.Power, "hp"),
			Fuel: fuel(v.text("Fuel")), Type: strings.ToLower(v.text("Type")),
			Drive: strings.ToLower(v.text("DriveTransmissionDescription")), Position: strings.ToLower(v.text("BoatEngineLocationCode")),
		}
		x.Doubts = append(x.Doubts, e.Doubts[:min(len(e.Doubts), max(0, maxDoubts-len(x.Doubts)))]...)
		each = each || engine.Hours != nil
		a.Engines = append(a.Engines, engine)
	}
	total := x.measure("TotalEngineHoursNumeric", wire.Duration, "h")
	if total == nil || each {
		return
	}
	if number := x.count(x.values, "NumberOfEngines"); len(a.Engines) == 1 && (number == nil || *number <= 1) {
		a.Engines[0].Hours = total
		return
	}
	a.HoursTotal = total
}

func fuel(s string) string {
	s = strings.ToLower(s)
	switch s {
	case "unleaded", "gas", "gasoline":
		return "petrol"
	}
	return s
}

// texts are HTML; their language is not told, and is English in practice.
func (x *item) texts() {
	var parts []string
	for _, s := range x.strings("GeneralBoatDescription") {
		if t := wire.Text(s); t != "" && !slices.Contains(parts, t) {
			parts = append(parts, t)
		}
	}
	if len(parts) > 0 {
		x.Advert.Descriptions = []listing.Text{{Language: "en", Text: strings.Join(parts, "\n\n")}}
	}
	for _, s := range x.strings("AdditionalDetailDescription") {
		if t := wire.Section(s); t != (wire.Titled{}) {
			x.Advert.Sections = append(x.Advert.Sections, listing.Section(t))
		}
	}
}

// images are by priority, those without one last.
func (x *item) images() {
	type ranked struct {
		rank float64
		listing.Image
	}
	var all []ranked
	for _, v := range x.list("Images") {
		uri := v.text("Uri")
		if uri == "" {
			continue
		}
		rank, ok := wire.Number(v.text("Priority"))
		if !ok {
			rank = math.Inf(1)
		}
		all = append(all, ranked{rank, listing.Image{URL: uri, Caption: v.text("Caption"), Modified: wire.Time(v.text("LastModifiedDateTime"))}})
	}
	slices.SortStableFunc(all, func(a, b ranked) int {
		switch {
		case a.rank < b.rank:
			return -1
		case a.rank > b.rank:
			return 1
		}
		return 0
	})
	for _, i := range all {
		x.Advert.Images = append(x.Advert.Images, i.Image)
	}
}
