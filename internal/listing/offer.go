package listing

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"slices"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/event"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
	"navidocs/internal/money"
)

// ID identifies a listing.
type ID string

// Specification is what an advert says of a boat and its own record does not
// keep, in the units of Advert.
type Specification struct {
	Category     string   `json:"category" required:"false" enum:",power,sail"`
	HullForm     string   `json:"hull_form" required:"false" maxLength:"200"`
	Keel         string   `json:"keel" required:"false" maxLength:"200"`
	LODM         *float64 `json:"lod_m" required:"false" doc:"length on deck, metres"`
	DraftMinM    *float64 `json:"draft_min_m" required:"false"`
	DryWeightKg  *float64 `json:"dry_weight_kg" required:"false"`
	BallastKg    *float64 `json:"ballast_kg" required:"false"`
	GrossTonnage *float64 `json:"gross_tonnage" required:"false"`
	FuelL        *float64 `json:"fuel_l" required:"false" doc:"of all tanks together, litres"`
	WaterL       *float64 `json:"water_l" required:"false"`
	HoldingL     *float64 `json:"holding_l" required:"false"`
	CruiseKn     *float64 `json:"cruise_kn" required:"false"`
	MaxKn        *float64 `json:"max_kn" required:"false"`
	RangeNM      *float64 `json:"range_nm" required:"false"`
	Cabins       *int     `json:"cabins" required:"false"`
	Berths       *int     `json:"berths" required:"false"`
	Heads        *int     `json:"heads" required:"false"`
}

// EngineMore is what an advert says of an engine and its own record does not keep.
type EngineMore struct {
	EngineID fleet.EngineID `json:"engine_id"`
	Type     string         `json:"type" required:"false" maxLength:"200" doc:"inboard, outboard, ..."`
	Drive    string         `json:"drive" required:"false" maxLength:"200"`
}

// PhotoChoice is a picture of the boat that is shown to buyers.
type PhotoChoice struct {
	PhotoID string `json:"photo_id"`
	Caption string `json:"caption" required:"false" maxLength:"300" doc:"the photo's own unless given"`
}

// Posting is where somebody typed the listing in by hand.
type Posting struct {
	Portal   string     `json:"portal" maxLength:"200"`
	Number   string     `json:"number" required:"false" maxLength:"200" doc:"the portal's own"`
	PostedOn fleet.Date `json:"posted_on" required:"false" format:"date"`
}

// Input is a whole listing as it is put in the place of the one before; what is
// left out is none.
type Input struct {
	Status       Status        `json:"status" enum:"draft,active,under_offer,sold,withdrawn"`
	Language     string        `json:"language,omitempty" pattern:"^[a-z]{2}$" doc:"of the listing; en unless given"`
	NewUsed      string        `json:"new_used,omitempty" enum:"new,used" doc:"used unless given"`
	Price        *float64      `json:"price,omitempty" doc:"in the currency's own unit, such as 395000"`
	Currency     string        `json:"currency,omitempty" doc:"ISO 4217"`
	PriceHidden  bool          `json:"price_hidden,omitempty" doc:"portals say that the price is told on request, and are told none"`
	Tax          Tax           `json:"tax,omitempty" enum:"paid,not_paid,not_applicable,other"`
	CoBrokerage  bool          `json:"cobrokerage,omitempty"`
	Place        Place         `json:"place,omitempty"`
	Broker       Broker        `json:"broker,omitempty"`
	Descriptions []Text        `json:"descriptions,omitempty" maxItems:"30"`
	Sections     []Section     `json:"sections,omitempty" maxItems:"50"`
	Boat         Specification `json:"boat,omitempty" doc:"what the boat's own record does not keep"`
	Engines      []EngineMore  `json:"engines,omitempty" maxItems:"20"`
	Photos       []PhotoChoice `json:"photos,omitempty" maxItems:"200" doc:"in order, the main one first; all of the boat's unless given. Only open ones are shown"`
	Postings     []Posting     `json:"postings,omitempty" maxItems:"50" doc:"where it was typed in by hand"`
	SoldOn       fleet.Date    `json:"sold_on,omitempty" format:"date" doc:"today unless given, when the status becomes sold"`
}

// Listing is what is said of a boat to those who may buy it.
type Listing struct {
	ID          ID            `json:"id"`
	OrgID       account.OrgID `json:"organization_id"`
	BoatID      fleet.BoatID  `json:"boat_id"`
	Ref         string        `json:"ref" doc:"by which portals know it, for good"`
	Status      Status        `json:"status" enum:"draft,active,under_offer,sold,withdrawn"`
	Language    string        `json:"language"`
	NewUsed     string        `json:"new_used" enum:"new,used"`
	Price       *float64      `json:"price" doc:"null where you may not see money and no portal shows it"`
	Currency    string        `json:"currency"`
	PriceHidden bool          `json:"price_hidden"`
	Tax         Tax           `json:"tax" enum:",paid,not_paid,not_applicable,other"`
	CoBrokerage bool          `json:"cobrokerage"`
	Place       Place         `json:"place"`
	Broker      Broker        `json:"broker"`

	Descriptions []Text        `json:"descriptions"`
	Sections     []Section     `json:"sections"`
	Boat         Specification `json:"boat"`
	Engines      []EngineMore  `json:"engines"`
	Photos       []PhotoChoice `json:"photos"`
	Postings     []Posting     `json:"postings"`

	FirstListedAt *time.Time  `json:"first_listed_at"`
	SoldOn        *fleet.Date `json:"sold_on" format:"date"`
	// Shown and Withheld count the boat's pictures that go out and that stay.
	Shown     int       `json:"photos_shown"`
	Withheld  int       `json:"photos_withheld" doc:"pictures of the boat that no portal is shown: their papers are not of the class open, or are not read yet"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`

	price *Money
}

const listingColumns = `l.id, l.org_id, l.boat_id, l.ref, l.status, l.language, l.new_used, l.price_minor, l.currency, l.price_hidden, l.tax,
	l.cobrokerage, l.city, l.region, l.country, l.company, l.party_id, l.rep, l.email, l.phone, l.descriptions, l.sections, l.specification,
	l.postings, l.first_listed_at, l.sold_on, l.created_at, l.updated_at`

// stored is a listing's row on its way in or out.
type stored struct {
	*Listing

	minor                                  *int64
	descriptions, sections, boat, postings string
	firstListed                            *int64
	created, updated                       int64
}

func (s *stored) fields() []any {
	l := s.Listing
	return []any{
		&l.ID, &l.OrgID, &l.BoatID, &l.Ref, &l.Status, &l.Language, &l.NewUsed, &s.minor, &l.Currency, &l.PriceHidden, &l.Tax,
		&l.CoBrokerage, &l.Place.City, &l.Place.Region, &l.Place.Country, &l.Broker.Company, &l.Broker.PartyID, &l.Broker.Rep, &l.Broker.Email,
		&l.Broker.Phone, &s.descriptions, &s.sections, &s.boat, &s.postings, &s.firstListed, &l.SoldOn, &s.created, &s.updated,
	}
}

// read makes the row's own forms the listing's.
func (s *stored) read() error {
	l := s.Listing
	if s.minor != nil {
		l.price = &Money{Minor: *s.minor, Currency: l.Currency}
		l.Price = new(money.Major(l.price.Minor, l.price.Currency))
	}
	l.FirstListedAt, l.CreatedAt, l.UpdatedAt = db.TimePtr(s.firstListed), db.Time(s.created), db.Time(s.updated)
	l.Engines, l.Photos = []EngineMore{}, []PhotoChoice{}
	for _, x := range []struct {
		text string
		to   any
	}{{s.descriptions, &l.Descriptions}, {s.sections, &l.Sections}, {s.boat, &l.Boat}, {s.postings, &l.Postings}} {
		if err := json.Unmarshal([]byte(x.text), x.to); err != nil {
			return err
		}
	}
	return nil
}

func scanListing(r db.Row) (l Listing, err error) {
	s := stored{Listing: &l}
	if err := r.Scan(s.fields()...); err != nil {
		return l, err
	}
	return l, s.read()
}

// asJSON is a value that cannot fail to be JSON.
func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain structs of texts and numbers
	}
	return string(b)
}

// row is a listing as it is stored.
func (l *Listing) row() []any {
	s := stored{
		Listing: l, descriptions: asJSON(l.Descriptions), sections: asJSON(l.Sections), boat: asJSON(l.Boat), postings: asJSON(l.Postings),
		firstListed: db.MicrosPtr(l.FirstListedAt), created: db.Micros(l.CreatedAt), updated: db.Micros(l.UpdatedAt),
	}
	if l.price != nil {
		s.minor = &l.price.Minor
	}
	return s.fields()
}

// newRef is a name for portals that is short enough to be typed.
func newRef() string { return "ND-" + rand.Text()[:10] }

// load reads a boat's listing; NotFound when it has none.
func load(ctx context.Context, q db.Querier, boat fleet.BoatID) (l Listing, err error) {
	l, err = db.One(ctx, q, scanListing, "SELECT "+listingColumns+" FROM listings l WHERE l.boat_id = $1", boat)
	if fault.Is(err, fault.NotFound) {
		return l, fault.New(fault.NotFound, "this boat has no listing: PUT /api/boats/%s/listing makes one", boat)
	}
	if err != nil {
		return l, err
	}
	return l, l.attach(ctx, q)
}

// attach reads what was chosen of engines and pictures.
func (l *Listing) attach(ctx context.Context, q db.Querier) (err error) {
	l.Engines, err = db.Collect(ctx, q, func(r db.Row) (e EngineMore, err error) {
		return e, r.Scan(&e.EngineID, &e.Type, &e.Drive)
	}, `SELECT x.engine_id, x.type, x.drive FROM listing_engines x JOIN engines e ON e.id = x.engine_id AND e.boat_id = $2
		WHERE x.listing_id = $1 ORDER BY e.position, e.id`, l.ID, l.BoatID)
	if err != nil {
		return err
	}
	l.Photos, err = db.Collect(ctx, q, func(r db.Row) (p PhotoChoice, err error) {
		return p, r.Scan(&p.PhotoID, &p.Caption)
	}, `SELECT x.photo_id, x.caption FROM listing_photos x JOIN boat_photos f ON f.id = x.photo_id AND f.boat_id = $2
		WHERE x.listing_id = $1 ORDER BY x.position`, l.ID, l.BoatID)
	return err
}

// Listing reads what is said of a boat to buyers. Its price is one of the class
// money until a portal shows it.
func (s *Service) Listing(ctx context.Context, who account.Actor, boat fleet.BoatID) (l Listing, err error) {
	defer fault.Wrap(&err, "listing.Listing %s", boat)
	if _, err := s.boats.Names(ctx, s.db, who, []fleet.BoatID{boat}, account.Viewer); err != nil {
		return l, err
	}
	if l, err = load(ctx, s.db, boat); err != nil {
		return l, err
	}
	return s.shown(ctx, s.db, who, l)
}

// shown is a listing as an actor may see it.
func (s *Service) shown(ctx context.Context, q db.Querier, who account.Actor, l Listing) (Listing, error) {
	if !l.showsPrice(who) {
		l.Price = nil
	}
	total, err := db.One(ctx, q, db.Scalar[int], `SELECT count(*) FROM boat_photos f JOIN documents d ON d.id = f.document_id
		WHERE f.boat_id = $1 AND d.deleted_at IS NULL`, l.BoatID)
	if err != nil {
		return l, err
	}
	pictures, err := picturesOf(ctx, q, "f.boat_id = $1", l.BoatID)
	if err != nil {
		return l, err
	}
	open := pictures[l.BoatID]
	l.Shown, l.Withheld = len(l.choose(open)), total-len(open)
	return l, nil
}

// showsPrice says whether an actor may see the price.
func (l *Listing) showsPrice(who account.Actor) bool {
	return l.Status.Public() && !l.PriceHidden || who.On(l.OrgID, l.BoatID).Shows(account.Money)
}

// Put writes what is said of a boat, if it is still at the version that the
// actor read. Members may; to make it public, or no longer public, managers.
func (s *Service) Put(ctx context.Context, who account.Actor, boat fleet.BoatID, in Input, at fleet.Version) (l Listing, err error) {
	defer fault.Wrap(&err, "listing.Put %s", boat)
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		b, err := s.boats.BoatIn(ctx, tx, who, boat, account.Member)
		if err != nil {
			return err
		}
		if l, err = s.put(ctx, tx, who, b, in, at); err != nil {
			return err
		}
		l, err = s.shown(ctx, tx, who, l)
		return err
	})
	return l, err
}

// put writes what is said of a boat that the actor may change.
func (s *Service) put(ctx context.Context, tx *db.Tx, who account.Actor, b fleet.Boat, in Input, at fleet.Version) (l Listing, err error) {
	before, err := load(ctx, tx, b.ID)
	fresh := fault.Is(err, fault.NotFound)
	if err != nil && !fresh {
		return l, err
	}
	if !fresh {
		if err := at.Check(before.UpdatedAt); err != nil {
			return l, err
		}
	}
	if err := mayPublish(who, b, before.Status, in.Status); err != nil {
		return l, err
	}
	found := in.check()
	more, err := checkOn(ctx, tx, b, in)
	if err != nil {
		return l, err
	}
	found.Checker = append(found.Checker, more.Checker...)
	if err := found.Err(); err != nil {
		return l, err
	}
	l = before
	if fresh {
		l = Listing{ID: ID(db.NewID()), OrgID: b.OrgID, BoatID: b.ID, Ref: newRef(), CreatedAt: tx.Now()}
	}
	l.apply(in, tx.Now())
	l.UpdatedAt = fleet.Touched(tx, before.UpdatedAt)
	if err := write(ctx, tx, &l, fresh); err != nil {
		return l, err
	}
	return l, s.audit(ctx, tx, who, verb(fresh), l)
}

func verb(fresh bool) string {
	if fresh {
		return "created"
	}
	return "updated"
}

func (s *Service) audit(ctx context.Context, tx *db.Tx, who account.Actor, verb string, l Listing) error {
	return s.accounts.Audit(ctx, tx, who, account.Entry{
		OrgID: l.OrgID, Action: "listing." + verb, Kind: "listing", SubjectID: string(l.ID), BoatID: l.BoatID, Detail: map[string]any{"status": l.Status},
	})
}

// mayPublish asks for the role manager to begin or end that buyers see a boat.
func mayPublish(who account.Actor, b fleet.Boat, from, to Status) error {
	if from.Public() == to.Public() && (!to.Public() || from == to) {
		return nil
	}
	err := who.On(b.OrgID, b.ID).Require(account.Manager, "boat")
	if fault.Is(err, fault.Forbidden) {
		return fault.New(fault.Forbidden, "to change what buyers see from %q to %q needs the role manager; yours here is %s",
			from, to, who.On(b.OrgID, b.ID).Role)
	}
	return err
}

func (l *Listing) apply(in Input, now time.Time) {
	was := l.Status
	l.Status, l.Language, l.NewUsed, l.Currency, l.PriceHidden = in.Status, in.Language, in.NewUsed, in.Currency, in.PriceHidden
	l.Tax, l.CoBrokerage, l.Place, l.Broker = in.Tax, in.CoBrokerage, in.Place, in.Broker
	l.Descriptions, l.Sections, l.Boat = in.Descriptions, in.Sections, in.Boat
	l.Engines, l.Photos, l.Postings = in.Engines, in.Photos, in.Postings
	l.Price, l.price = in.Price, nil
	if in.Price != nil {
		l.price = &Money{Minor: money.Minor(*in.Price, in.Currency), Currency: in.Currency}
	}
	if l.Status.Public() && l.FirstListedAt == nil {
		l.FirstListedAt = &now
	}
	switch {
	case l.Status != Sold:
		l.SoldOn = nil
	case in.SoldOn != "":
		l.SoldOn = &in.SoldOn
	case was != Sold || l.SoldOn == nil:
		l.SoldOn = new(fleet.Date(now.Format(time.DateOnly)))
	}
}

// write stores a listing with what was chosen of engines and pictures.
func write(ctx context.Context, tx *db.Tx, l *Listing, fresh bool) error {
	var w db.Where
	row := l.row()
	text := ""
	if fresh {
		text = "INSERT INTO listings (" + plain(listingColumns) + ") VALUES (" + marks(&w, row) + ")"
	} else {
		text = "UPDATE listings SET (" + plain(listingColumns) + ") = (" + marks(&w, row) + ") WHERE id = " + w.Arg(l.ID)
	}
	if _, err := tx.Exec(ctx, text, w.Args()...); err != nil {
		return err
	}
	for _, table := range []string{"listing_engines", "listing_photos"} {
		if _, err := tx.Exec(ctx, "DELETE FROM "+table+" WHERE listing_id = $1", l.ID); err != nil {
			return err
		}
	}
	for _, e := range l.Engines {
		_, err := tx.Exec(ctx, "INSERT INTO listing_engines (listing_id, engine_id, type, drive) VALUES ($1, $2, $3, $4)", l.ID, e.EngineID, e.Type, e.Drive)
		if err != nil {
			return err
		}
	}
	for i, p := range l.Photos {
		_, err := tx.Exec(ctx, "INSERT INTO listing_photos (listing_id, photo_id, position, caption) VALUES ($1, $2, $3, $4)", l.ID, p.PhotoID, i, p.Caption)
		if err != nil {
			return err
		}
	}
	return nil
}

// Consume follows what happens to boats: one whose sale is completed is sold, and
// one that was deleted is withdrawn. It is an event.Consumer.
func (s *Service) Consume(ctx context.Context, tx *db.Tx, e event.Envelope) (err error) {
	defer fault.Wrap(&err, "listing.Consume %s", e.ID)
	if e.Boat == nil || !slices.Contains([]string{"sale.completed", "boat.deleted"}, e.Type) {
		return nil
	}
	l, err := load(ctx, tx, fleet.BoatID(e.Boat.ID))
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	was := l.Status
	switch {
	case e.Type == "boat.deleted":
		l.Status = Withdrawn
	case l.Status == Active || l.Status == UnderOffer:
		l.Status, l.SoldOn = Sold, new(fleet.Date(e.Timestamp.UTC().Format(time.DateOnly)))
	}
	if l.Status == was {
		return nil
	}
	l.UpdatedAt = fleet.Touched(tx, l.UpdatedAt)
	_, err = tx.Exec(ctx, "UPDATE listings SET status = $1, sold_on = $2, updated_at = $3 WHERE id = $4", l.Status, l.SoldOn, db.Micros(l.UpdatedAt), l.ID)
	if err != nil {
		return err
	}
	return s.accounts.Audit(ctx, tx, account.Actor{}, account.Entry{
		OrgID: l.OrgID, Action: "listing.updated", Kind: "listing", SubjectID: string(l.ID), BoatID: l.BoatID, Detail: map[string]any{"status": l.Status, "because": e.Type},
	})
}
