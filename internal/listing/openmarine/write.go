package openmarine

import (
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"navidocs/internal/fault"
	"navidocs/internal/listing"
	"navidocs/internal/listing/wire"
)

// The elements that are written.
type (
	xFeed struct {
		XMLName  xml.Name `xml:"open_marine"`
		Version  string   `xml:"version,attr"`
		Language string   `xml:"language,attr"`
		Origin   string   `xml:"origin,attr"`
		Date     string   `xml:"date,attr,omitempty"`
		Broker   xBroker  `xml:"broker"`
	}
	xBroker struct {
		Code    string    `xml:"code,attr"`
		Company string    `xml:"broker_details>company_name"`
		Offices []xOffice `xml:"offices>office"`
		Adverts []xAdvert `xml:"adverts>advert"`
	}
	xOffice struct {
		ID       string `xml:"id,attr"`
		Name     string `xml:"office_name"`
		Email    string `xml:"email"`
		Contact  xName  `xml:"name"`
		Address  string `xml:"address"`
		Town     string `xml:"town"`
		County   string `xml:"county"`
		Country  string `xml:"country"`
		Postcode string `xml:"postcode"`
		Phone    string `xml:"daytime_phone"`
		Evening  string `xml:"evening_phone"`
		Fax      string `xml:"fax"`
		Mobile   string `xml:"mobile"`
		Website  string `xml:"website"`
	}
	xName struct {
		Title    string `xml:"title"`
		Forename string `xml:"forename"`
		Surname  string `xml:"surname"`
	}
	xAdvert struct {
		Ref      string    `xml:"ref,attr"`
		Office   string    `xml:"office_id,attr"`
		Status   string    `xml:"status,attr"`
		Modified string    `xml:"last_modified,attr,omitempty"`
		Media    []xMedia  `xml:"advert_media>media"`
		Features xFeatures `xml:"advert_features"`
		Boat     xBoat     `xml:"boat_features"`
	}
	xMedia struct {
		Type    string `xml:"type,attr,omitempty"`
		Caption string `xml:"caption,attr"`
		Primary bool   `xml:"primary,attr"`
		Mtime   string `xml:"file_mtime,attr,omitempty"`
		URL     string `xml:",chardata"`
	}
	xFeatures struct {
		Type     string  `xml:"boat_type"`
		Category string  `xml:"boat_category"`
		NewUsed  string  `xml:"new_or_used"`
		Lying    xPlace  `xml:"vessel_lying"`
		Price    xPrice  `xml:"asking_price"`
		Descs    []xDesc `xml:"marketing_descs>marketing_desc"`
		Make     string  `xml:"manufacturer"`
		Model    string  `xml:"model"`
		Other    *xGroup `xml:"other"`
	}
	xPlace struct {
		Country string `xml:"country,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
	xPrice struct {
		POA      bool   `xml:"poa,attr"`
		Currency string `xml:"currency,attr,omitempty"`
		Included string `xml:"vat_included,attr,omitempty"`
		VAT      string `xml:"vat_type,attr,omitempty"`
		Text     string `xml:",chardata"`
	}
	xDesc struct {
		Language string `xml:"language,attr"`
		HTML     string `xml:",cdata"`
	}
	xBoat struct {
		Items         []xItem  `xml:"item"`
		Dimensions    *xGroup  `xml:"dimensions"`
		Build         *xGroup  `xml:"build"`
		Engine        *xEngine `xml:"engine"`
		Accommodation *xGroup  `xml:"accommodation"`
	}
	xGroup struct {
		Items []xItem `xml:"item"`
	}
	xEngine struct {
		Items  []xItem  `xml:"item"`
		Others []xGroup `xml:"other_engines>engine"`
	}
	xItem struct {
		Name string `xml:"name,attr"`
		Unit string `xml:"unit,attr,omitempty"`
		Text string `xml:",chardata"`
	}
)

// Write writes a feed. Only adverts that portals may show are in it; a price that is
// hidden is not. The error is Invalid when an advert has no reference or two have the
// same.
func Write(w io.Writer, f Feed) (err error) {
	defer fault.Wrap(&err, "openmarine.Write")
	if f.Language == "" {
		f.Language = "en"
	}
	doc := xFeed{Version: "1.7", Language: wire.Line(f.Language), Origin: origin, Date: wire.Stamp(f.Date)}
	doc.Broker = xBroker{Code: wire.Line(f.Code), Company: wire.Line(f.Company)}
	offices := newOffices(f.Office)
	seen := map[string]bool{}
	for i := range f.Adverts {
		a := f.Adverts[i]
		a.Ref = wire.Line(a.Ref)
		switch {
		case !a.Status.Public():
			continue
		case a.Ref == "":
			return fault.New(fault.Invalid, "advert %d has no reference, by which portals know it", i+1)
		case seen[a.Ref]:
			return fault.New(fault.Invalid, "two adverts have the reference %s", a.Ref)
		}
		seen[a.Ref] = true
		x := advert(a, f)
		x.Office = offices.of(a.Broker)
		doc.Broker.Adverts = append(doc.Broker.Adverts, x)
	}
	doc.Broker.Offices = offices.all
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", " ")
	if err := e.Encode(doc); err != nil {
		return err
	}
	_, err = io.WriteString(w, "\n")
	return err
}

// origin is who writes; a reader that finds it knows what the items nd_... mean.
const origin = "navidocs"

// offices are the main one and one more for each person whom adverts name.
type offices struct {
	all []xOffice
	ids map[listing.Broker]string
}

func newOffices(o Office) *offices {
	id := wire.Line(o.ID)
	if id == "" {
		id = "main"
	}
	x := xOffice{
		ID: id, Name: wire.Line(o.Name), Email: wire.Line(o.Email), Contact: name(o.Contact),
		Address: wire.Line(o.Address), Town: wire.Line(o.Town), County: wire.Line(o.County), Country: wire.Line(o.Country),
		Postcode: wire.Line(o.Postcode), Phone: wire.Line(o.Phone), Website: wire.Line(o.Website),
	}
	main := listing.Broker{Rep: wire.Line(o.Contact), Email: x.Email, Phone: x.Phone}
	return &offices{[]xOffice{x}, map[listing.Broker]string{main: id, {}: id}}
}

// of is the id of the office where a broker is found.
func (o *offices) of(b listing.Broker) string {
	b = listing.Broker{Rep: wire.Line(b.Rep), Email: wire.Line(b.Email), Phone: wire.Line(b.Phone)}
	if id, known := o.ids[b]; known {
		return id
	}
	x := o.all[0]
	x.ID = fmt.Sprintf("%s-%d", o.all[0].ID, len(o.all)+1)
	x.Email, x.Phone, x.Contact = b.Email, b.Phone, name(b.Rep)
	o.all = append(o.all, x)
	o.ids[b] = x.ID
	return x.ID
}

// name puts the last word of a name into the surname.
func name(s string) xName {
	s = wire.Line(s)
	i := strings.LastIndex(s, " ")
	return xName{Forename: s[:max(i, 0)], Surname: s[i+1:]}
}

func advert(a listing.Advert, f Feed) xAdvert {
	groups := fields(&a)
	boat := xBoat{
		Items: groups[direct], Dimensions: group(groups[dimensions]), Build: group(groups[build]),
		Accommodation: group(groups[accommodation]), Engine: engines(groups[engine], a.Engines),
	}
	more := slices.Concat(groups[other], extras(a, f))
	return xAdvert{
		Ref: a.Ref, Status: status(a.Status), Modified: wire.Stamp(a.Modified), Media: media(a.Images),
		Features: xFeatures{
			Type: title(a.Boat.Category), Category: wire.Line(a.Boat.Class), NewUsed: title(a.NewUsed),
			Lying: xPlace{wire.Line(a.Place.Country), wire.Line(a.Place.City)}, Price: price(a), Descs: descriptions(a, f.Language),
			Make: wire.Line(a.Boat.Make), Model: wire.Line(a.Boat.Model), Other: group(more),
		},
		Boat: boat,
	}
}

// fields are the items of each group.
func fields(a *listing.Advert) map[string][]xItem {
	groups := map[string][]xItem{}
	add := func(group string, i xItem) { groups[group] = append(groups[group], i) }
	if year := a.Boat.ModelYear; year != nil {
		add(build, xItem{Name: "year", Text: strconv.Itoa(*year)})
	} else if year := a.Boat.BuildYear; year != nil {
		add(build, xItem{Name: "year", Text: strconv.Itoa(*year)})
	}
	for _, t := range texts(a) {
		if s := wire.Line(*t.at); s != "" {
			add(t.group, xItem{Name: t.name, Text: s})
		}
	}
	for _, m := range measures(a) {
		if wire.Finite(*m.at) {
			add(m.group, xItem{m.name, m.unit, wire.Format(**m.at)})
		}
	}
	for _, c := range counts(a) {
		if *c.at != nil {
			add(c.group, xItem{Name: c.name, Text: strconv.Itoa(**c.at)})
		}
	}
	return groups
}

// extras are what has no place in the format and is no text, measure or count.
func extras(a listing.Advert, f Feed) (items []xItem) {
	add := func(name, text string) {
		if text != "" {
			items = append(items, xItem{Name: name, Text: text})
		}
	}
	if a.CoBrokerage {
		add("nd_cobrokerage", "true")
	}
	add("nd_first_listed", wire.Stamp(a.FirstListed))
	if s := wire.Line(a.Broker.Company); s != wire.Line(f.Company) {
		add("nd_company", s)
	}
	if s := wire.Line(a.Broker.PartyID); s != wire.Line(f.Code) {
		add("nd_party_id", s)
	}
	return items
}

// engines are the first engine beside what is said of all, and the others below it.
func engines(shared []xItem, all []listing.Engine) *xEngine {
	if len(shared) == 0 && len(all) == 0 {
		return nil
	}
	x := &xEngine{Items: shared}
	for i := range all {
		if i > 0 {
			x.Others = append(x.Others, xGroup{motor(all[i])})
			continue
		}
		x.Items = append(x.Items, xItem{Name: "engine_quantity", Text: strconv.Itoa(len(all))})
		x.Items = append(x.Items, motor(all[i])...)
	}
	return x
}

func motor(e listing.Engine) (items []xItem) {
	for _, t := range words(&e) {
		s := wire.Line(*t.at)
		if t.at == &e.Fuel || t.at == &e.Type || t.at == &e.Drive || t.at == &e.Position {
			s = title(s)
		}
		if s != "" {
			items = append(items, xItem{Name: t.name, Text: s})
		}
	}
	if wire.Finite(e.PowerKW) {
		hp := math.Round(*e.PowerKW / wire.Horsepower)
		items = append(items, xItem{Name: "horse_power", Text: wire.Format(hp)}, xItem{"nd_power", "kilowatts", wire.Format(*e.PowerKW)})
	}
	if wire.Finite(e.Hours) {
		items = append(items, xItem{Name: "hours", Text: wire.Format(*e.Hours)})
	}
	if e.Year != nil {
		items = append(items, xItem{Name: "nd_year", Text: strconv.Itoa(*e.Year)})
	}
	return items
}

func group(items []xItem) *xGroup {
	if len(items) == 0 {
		return nil
	}
	return &xGroup{items}
}

func status(s listing.Status) string {
	switch s {
	case listing.UnderOffer:
		return "UnderOffer"
	case listing.Sold:
		return "Sold"
	default: // the others are not written
		return "Available"
	}
}

// price tells no sum that is hidden.
func price(a listing.Advert) xPrice {
	x := xPrice{POA: a.PriceHidden || a.Price == nil || a.Price.Minor == 0}
	if !x.POA {
		x.Currency, x.Text = a.Price.Currency, wire.Amount(a.Price.Minor, a.Price.Currency)
	}
	switch a.Tax {
	case listing.TaxPaid:
		x.Included, x.VAT = "true", "Tax Paid"
	case listing.TaxNotPaid:
		x.Included, x.VAT = "false", "Tax Not Paid"
	case listing.TaxNone:
		x.VAT = "Not Applicable"
	case listing.TaxOther:
		x.VAT = "Other"
	}
	return x
}

// media has exactly one primary picture, the first.
func media(images []listing.Image) (all []xMedia) {
	for _, i := range images {
		if url := wire.Line(i.URL); url != "" {
			all = append(all, xMedia{wire.Line(i.Type), wire.Line(i.Caption), len(all) == 0, wire.Stamp(i.Modified), url})
		}
	}
	return all
}

// descriptions are by language; the sections follow the first, each with its title.
func descriptions(a listing.Advert, language string) (all []xDesc) {
	for _, d := range a.Descriptions {
		html := wire.HTML(d.Text)
		if html == "" {
			continue
		}
		if d.Language == "" {
			d.Language = language
		}
		all = append(all, xDesc{wire.Line(d.Language), html})
	}
	if len(a.Sections) > 0 && len(all) == 0 {
		all = append(all, xDesc{Language: language})
	}
	for _, s := range a.Sections {
		all[0].HTML += wire.Heading(s.Title) + wire.HTML(s.Text)
	}
	return all
}

// title begins a word with a capital letter.
func title(s string) string {
	s = wire.Line(s)
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return s
	}
	return string(unicode.ToUpper(r)) + s[n:]
}
