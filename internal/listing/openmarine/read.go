package openmarine

import (
	"fmt"
	"io"
	"strings"

	"navidocs/internal/fault"
	"navidocs/internal/listing"
	"navidocs/internal/listing/wire"
)

// Read reads a feed of at most 64 MB, ours or somebody else's: offices where either
// put them, states and tax in the words that are in use, feet and pounds, descriptions
// in several languages as plain text. The error is Invalid, and names the advert and
// the element, when it is no OpenMarine, breaks off, or has an advert without a
// reference or with another's; TooLarge when it is longer or deeper than any real one.
// A value that cannot be understood is left out and named in Doubts.
func Read(r io.Reader) (_ Feed, err error) {
	defer fault.Wrap(&err, "openmarine.Read")
	x := reader{refs: map[string]bool{}}
	w := wire.Walker{
		Enter: x.enter, Leave: x.leave, Take: x.take,
		Whole: func(name string) bool { return name == "advert" || name == "office" || name == "company_name" },
		Label: func(n *wire.Node) string {
			if n.Name == "advert" {
				return "advert " + wire.Short(n.A("ref"))
			}
			return n.Name
		},
	}
	if err := w.Walk(r); err != nil {
		return Feed{}, err
	}
	if !x.marine {
		return Feed{}, fault.New(fault.Invalid, "this is no OpenMarine feed: it has no element open_marine")
	}
	return x.feed, nil
}

// The bounds of a feed, beside its length.
const (
	maxAdverts = 20_000
	maxDoubts  = 1000
	maxEngines = 8
	maxOffices = 1000
	maxTexts   = 100 // of one advert
)

// reader is where a feed is in the making.
type reader struct {
	feed    Feed
	marine  bool
	refs    map[string]bool
	code    string // of the broker that is being read
	company string
	offices []Office
	first   int      // where the broker's adverts begin
	office  []string // of each of them, its office's id
	named   string   // the advert that is being read
}

func (x *reader) enter(n *wire.Node) error {
	switch n.Name {
	case "open_marine":
		x.marine = true
		x.feed.Origin, x.feed.Date, x.feed.Language = n.A("origin"), wire.Time(n.A("date")), language(n.A("language"))
	case "broker":
		x.code, x.company, x.offices, x.office, x.first = n.A("code"), "", nil, nil, len(x.feed.Adverts)
		if x.feed.Code == "" {
			x.feed.Code = x.code
		}
	}
	return nil
}

// leave gives the adverts of a broker its name: the offices may follow them.
func (x *reader) leave(name string) error {
	if name != "broker" {
		return nil
	}
	if x.feed.Company == "" {
		x.feed.Company = x.company
	}
	if x.feed.Office == (Office{}) && len(x.offices) > 0 {
		x.feed.Office = x.offices[0]
	}
	for i, id := range x.office {
		a := &x.feed.Adverts[x.first+i]
		if a.Broker.Company == "" {
			a.Broker.Company = x.company
		}
		if a.Broker.PartyID == "" {
			a.Broker.PartyID = x.code
		}
		x.named = a.Ref
		if o, found := x.find(id); found {
			a.Broker.Rep, a.Broker.Email, a.Broker.Phone = o.Contact, o.Email, o.Phone
		} else if id != "" {
			x.doubt("office_id", id)
		}
	}
	return nil
}

// find is the office of an id; the only one is meant by any.
func (x *reader) find(id string) (Office, bool) {
	for _, o := range x.offices {
		if o.ID == id {
			return o, true
		}
	}
	if len(x.offices) == 1 {
		return x.offices[0], true
	}
	return Office{}, false
}

func (x *reader) take(n *wire.Node) error {
	switch n.Name {
	case "company_name":
		x.company = n.T()
	case "office":
		if len(x.offices) == maxOffices {
			return fault.New(fault.TooLarge, "a broker has more than %d offices", maxOffices)
		}
		x.offices = append(x.offices, office(n))
	case "advert":
		return x.advert(n)
	}
	return nil
}

func office(n *wire.Node) Office {
	t := func(path ...string) string { return n.At(path...).T() }
	contact := t("name", "title") + " " + t("name", "forename") + " " + t("name", "surname")
	if len(n.All("name")) > 0 && len(n.At("name").Kids) == 0 {
		contact = t("name")
	}
	o := Office{
		ID: n.A("id"), Name: t("office_name"), Email: t("email"), Contact: wire.Line(contact), Address: t("address"), Town: t("town"),
		County: t("county"), Country: t("country"), Postcode: t("postcode"), Phone: t("daytime_phone"), Website: t("website"),
	}
	if o.Phone == "" {
		o.Phone = t("mobile")
	}
	return o
}

func (x *reader) advert(n *wire.Node) error {
	a := listing.Advert{Ref: wire.Line(n.A("ref")), Modified: wire.Time(n.A("last_modified"))}
	switch {
	case a.Ref == "":
		return fault.New(fault.Invalid, "number %d has no ref", len(x.feed.Adverts)+1)
	case x.refs[a.Ref]:
		return fault.New(fault.Invalid, "another advert has the same ref")
	case len(x.feed.Adverts) >= maxAdverts:
		return fault.New(fault.TooLarge, "the feed has more than %d adverts", maxAdverts)
	}
	x.refs[a.Ref], x.named = true, a.Ref
	a.Status = x.status(n.A("status"))
	features := n.At("advert_features")
	a.Boat.Category = strings.ToLower(features.At("boat_type").T())
	a.Boat.Class = features.At("boat_category").T()
	a.NewUsed = strings.ToLower(features.At("new_or_used").T())
	a.Place.City = features.At("vessel_lying").T()
	a.Place.Country = x.country(features.At("vessel_lying").A("country"))
	a.Boat.Make, a.Boat.Model = features.At("manufacturer").T(), features.At("model").T()
	x.price(&a, features.At("asking_price"))
	x.descriptions(&a, features.At("marketing_descs"))
	a.Images = images(n.At("advert_media"))
	x.fields(&a, n)
	x.engines(&a, n.At("boat_features", engine))
	x.feed.Adverts = append(x.feed.Adverts, a)
	x.office = append(x.office, n.A("office_id"))
	return nil
}

// doubt notes what was left out.
func (x *reader) doubt(element, value string) {
	if len(x.feed.Doubts) < maxDoubts {
		x.feed.Doubts = append(x.feed.Doubts, fmt.Sprintf("advert %s: %s: %q is not understood", wire.Short(x.named), element, wire.Short(value)))
	}
}

// status reads the words in use; what says nothing is not offered to anybody.
func (x *reader) status(s string) listing.Status {
	switch wire.Word(s) {
	case "available", "active", "forsale", "new":
		return listing.Active
	case "underoffer", "salepending", "pending", "saleagreed":
		return listing.UnderOffer
	case "sold":
		return listing.Sold
	case "withdrawn", "deleted", "delete":
		return listing.Withdrawn
	}
	x.doubt("status", s)
	return listing.Draft
}

func (x *reader) country(s string) string {
	s = strings.ToUpper(s)
	if s == "" || len(s) == 2 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" {
		return s
	}
	x.doubt("vessel_lying/@country", s)
	return ""
}

func (x *reader) price(a *listing.Advert, n *wire.Node) {
	a.Tax = x.tax(n)
	text := n.T()
	if text != "" {
		minor, currency, ok := wire.Price(text, n.A("currency"))
		switch {
		case !ok || minor < 0:
			x.doubt("asking_price", text+" "+n.A("currency"))
		case minor > 0:
			a.Price = &listing.Money{Minor: minor, Currency: currency}
		}
	}
	a.PriceHidden = yes(n.A("poa")) || a.Price == nil
}

func yes(s string) bool {
	switch wire.Word(s) {
	case "true", "1", "yes", "y":
		return true
	}
	return false
}

// tax reads the extension first: the standard knows two states only.
func (x *reader) tax(n *wire.Node) listing.Tax {
	for _, name := range []string{"vat_type", "vat_included"} {
		s := n.A(name)
		switch wire.Word(s) {
		case "":
		case "true", "1", "yes", "incvat", "includingvat", "vatincluded", "included", "vatpaid", "taxpaid", "paid":
			return listing.TaxPaid
		case "false", "0", "no", "exvat", "excvat", "excludingvat", "plusvat", "vatnotpaid", "taxnotpaid", "notpaid", "unpaid":
			return listing.TaxNotPaid
		case "notapplicable", "na", "none", "exempt", "vatexempt":
			return listing.TaxNone
		case "other":
			return listing.TaxOther
		default:
			x.doubt("asking_price/@"+name, s)
		}
	}
	return ""
}

// language is the first part of a tag such as en-GB.
func language(s string) string {
	s, _, _ = strings.Cut(strings.ToLower(wire.Line(strings.ReplaceAll(s, "_", "-"))), "-")
	return s
}

// descriptions joins what is said twice in a language. In a feed of ours titles begin
// sections.
func (x *reader) descriptions(a *listing.Advert, n *wire.Node) {
	all := n.All("marketing_desc")
	for _, d := range all[:min(len(all), maxTexts)] {
		said := language(d.A("language"))
		if said == "" {
			said = x.feed.Language
		}
		var lead string
		if x.feed.Origin == origin {
			var below []wire.Titled
			lead, below = wire.Split(d.Text)
			for _, s := range below {
				a.Sections = append(a.Sections, listing.Section(s))
			}
		} else {
			lead = wire.Text(d.Text)
		}
		if lead != "" {
			a.Descriptions = add(a.Descriptions, listing.Text{Language: said, Text: lead})
		}
	}
}

func add(all []listing.Text, t listing.Text) []listing.Text {
	for i := range all {
		if all[i].Language == t.Language {
			all[i].Text += "\n\n" + t.Text
			return all
		}
	}
	return append(all, t)
}

// images are the pictures in the feed's order, the main one first.
func images(n *wire.Node) []listing.Image {
	var main, all []listing.Image
	for _, m := range n.All("media") {
		kind := strings.ToLower(m.A("type"))
		if m.T() == "" || kind != "" && !strings.HasPrefix(kind, "image") {
			continue
		}
		i := listing.Image{URL: m.T(), Caption: wire.Line(m.A("caption")), Type: kind, Modified: wire.Time(m.A("file_mtime"))}
		if yes(m.A("primary")) && main == nil {
			main = append(main, i)
		} else {
			all = append(all, i)
		}
	}
	return append(main, all...)
}
