// Package listing keeps what is said of a boat to those who may buy it, and
// brings it to the portals: as a feed that they fetch, as what a partner is sent,
// as a sheet that a person types from; and compares it with what a broker's own
// inventory says.
//
// It guarantees: an advert's reference never changes; what a portal is told is
// what the record says at that moment, never older than five minutes; a portal
// that fails is told to the broker and stops no other, and a boat that fails no
// other boat; credentials are sealed and never read back.
//
// Each vendor's format lies in a package below this one and knows nothing of the
// database: it writes an Advert, reads one, or both.
package listing

import "time"

// Status is how far an offer is.
type Status string

// The states of a listing. A draft is told to nobody; what is withdrawn leaves
// the feeds.
const (
	Draft      Status = "draft"
	Active     Status = "active"
	UnderOffer Status = "under_offer"
	Sold       Status = "sold"
	Withdrawn  Status = "withdrawn"
)

// Public says whether portals show a listing in this state.
func (s Status) Public() bool { return s == Active || s == UnderOffer || s == Sold }

// Tax says whether the tax of the country has been paid on a boat.
type Tax string

// The tax states (Boats Group's TaxStatusCode).
const (
	TaxPaid    Tax = "paid"
	TaxNotPaid Tax = "not_paid"
	TaxNone    Tax = "not_applicable"
	TaxOther   Tax = "other"
)

// Money is a sum in a currency's smallest unit.
type Money struct {
	Minor    int64  `json:"minor" minimum:"0" doc:"in the currency's smallest unit: cents for EUR, yen for JPY"`
	Currency string `json:"currency" pattern:"^[A-Z]{3}$" doc:"ISO 4217"`
}

// Text is a description in a language.
type Text struct {
	Language string `json:"language" pattern:"^[a-z]{2}$" doc:"ISO 639-1"`
	Text     string `json:"text" maxLength:"20000" doc:"plain text; an empty line ends a paragraph"`
}

// Section is a part of a description that has a title.
type Section struct {
	Title string `json:"title" required:"false" maxLength:"200"`
	Text  string `json:"text" required:"false" maxLength:"20000"`
}

// Place is where a boat lies.
type Place struct {
	City    string `json:"city" required:"false" maxLength:"200"`
	Region  string `json:"region" required:"false" maxLength:"200" doc:"state or province"`
	Country string `json:"country" required:"false" pattern:"^([A-Z]{2})?$" doc:"ISO 3166 alpha-2"`
}

// Broker is who offers a boat.
type Broker struct {
	Company string `json:"company" required:"false" maxLength:"200"`
	PartyID string `json:"party_id" required:"false" maxLength:"100" doc:"the broker's number at the portals"`
	Rep     string `json:"rep" required:"false" maxLength:"200" doc:"whom to ask"`
	Email   string `json:"email" required:"false" maxLength:"254"`
	Phone   string `json:"phone" required:"false" maxLength:"50"`
}

// Advert is all that portals are told of one boat: what the listing says and what
// the boat's record says, in metres, kilograms, litres, kilowatts, knots and
// nautical miles. A nil number and an empty text are unknown. Its fields are the
// rows of the field map (seed/listing_field_map.csv).
type Advert struct {
	Ref         string // ours, and never another: portals know a boat by it
	Status      Status
	NewUsed     string // "new" or "used"
	Price       *Money
	PriceHidden bool // the price is told on request
	Tax         Tax
	CoBrokerage bool
	Place       Place
	// Descriptions are by language, the listing's own first.
	Descriptions []Text
	Sections     []Section
	Modified     time.Time
	FirstListed  time.Time
	SoldOn       string // a date
	Broker       Broker
	Boat         Boat
	Engines      []Engine
	// HoursTotal are the hours of all engines together, where a portal says no more.
	HoursTotal *float64
	Images     []Image // in order; the first is the main one
	// WarrantyUntil is when the last of the boat's warranties ends, a date.
	WarrantyUntil string
}

// Boat is what an advert says of a boat.
type Boat struct {
	Make, Model, Name, HIN           string
	ModelYear, BuildYear, RefitYear  *int
	Category                         string // "power" or "sail"
	Class, Designer, Builder, Flag   string
	LengthM, LOAM, LWLM, LODM, BeamM *float64 // nominal, over all, waterline, deck
	DraftMaxM, DraftMinM, AirDraftM  *float64
	DisplacementKg, DryWeightKg      *float64
	BallastKg, GrossTonnage          *float64
	HullMaterial, HullForm, Keel     string
	FuelL, WaterL, HoldingL          *float64 // of all tanks together
	CruiseKn, MaxKn, RangeNM         *float64
	Cabins, Berths, Heads            *int
}

// Engine is what an advert says of an engine.
type Engine struct {
	Make, Model string
	Year        *int
	Hours       *float64
	PowerKW     *float64
	Fuel        string // "diesel", "petrol", "electric" or another word
	Type        string // "inboard", "outboard", ...
	Drive       string
	Position    string // "port", "starboard", "centre"
}

// Image is a picture of an advert.
type Image struct {
	URL      string // another one when the picture is another
	Caption  string
	Type     string // media type
	Modified time.Time
}
