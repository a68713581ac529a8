package listing

import (
	"context"
	"encoding/json"

	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/record"
)

// Tables are the listings as they travel with a whole organization. A boat that is
// sold goes without: what was said of it to buyers is its seller's. What portals
// were told does not: where a listing arrives it is a draft until somebody makes it
// public again.
func Tables() []record.Table {
	const organizations = "it is the organization's that has the row"
	column := func(name string, kind record.Kind) record.Column { return record.Column{Name: name, Kind: kind} }
	optional := func(name string, kind record.Kind) record.Column {
		return record.Column{Name: name, Kind: kind, Null: true}
	}
	private := func(c record.Column) record.Column { c.Private = true; return c }
	const ofOrg = "x.listing_id IN (SELECT l.id FROM listings l WHERE l.org_id = {org})"
	return []record.Table{
		{
			Name: "listings", File: "listings", About: "what is said of a boat to those who may buy it",
			Columns: []record.Column{
				column("id", record.ID()), column("boat_id", record.Ref("boats")),
				{Name: "status", Kind: record.Choice(string(Draft), string(Active), string(UnderOffer), string(Sold), string(Withdrawn)), About: "a public one is a draft where it arrives"},
				column("language", record.Text(2)), column("new_used", record.Choice("new", "used")),
				private(optional("price_minor", record.Int(0, mostPrice*1000))), column("currency", record.Text(3)), column("price_hidden", record.Bool()),
				column("tax", record.Choice("", string(TaxPaid), string(TaxNotPaid), string(TaxNone), string(TaxOther))), column("cobrokerage", record.Bool()),
				column("city", record.Text(200)), column("region", record.Text(200)), column("country", record.Text(2)), column("company", record.Text(200)),
				column("party_id", record.Text(100)), private(column("rep", record.Text(200))), private(column("email", record.Text(254))), private(column("phone", record.Text(50))),
				column("descriptions", record.JSON(4<<20)), column("sections", record.JSON(8<<20)), column("specification", record.JSON(16<<10)), column("postings", record.JSON(256<<10)),
				optional("first_listed_at", record.Time()), optional("sold_on", record.Date()), column("created_at", record.Time()), column("updated_at", record.Time()),
			},
			Omitted: map[string]string{"org_id": organizations, "ref": "portals know a listing by it where it was published"},
			Within:  "x.org_id = {org}", Check: checkRow, Place: placeRow,
		},
		{
			Name: "listing_engines", File: "listing_engines", About: "what is said of an engine beside its own record", Key: []string{"listing_id", "engine_id"},
			Columns: []record.Column{
				column("listing_id", record.Ref("listings")), column("engine_id", record.Ref("engines")), column("type", record.Text(200)), column("drive", record.Text(200)),
			},
			Within: ofOrg + " AND x.engine_id IN (SELECT e.id FROM engines e)", PartOf: "listing_id",
		},
		{
			Name: "listing_photos", File: "listing_photos", About: "a picture that was chosen for buyers", Key: []string{"listing_id", "photo_id"},
			Columns: []record.Column{
				column("listing_id", record.Ref("listings")), column("photo_id", record.Ref("boat_photos")), column("position", record.Int(0, 1000)), column("caption", record.Text(300)),
			},
			Within: ofOrg + " AND x.photo_id IN (SELECT f.id FROM boat_photos f)", PartOf: "listing_id",
		},
	}
}

// checkRow holds a listing from outside to the rules for what people type.
func checkRow(r *record.Row) error {
	in := Input{
		Status: Status(r.Text("status")), Language: r.Text("language"), NewUsed: r.Text("new_used"), Currency: r.Text("currency"), Tax: Tax(r.Text("tax")),
		Place:  Place{City: r.Text("city"), Region: r.Text("region"), Country: r.Text("country")},
		Broker: Broker{Company: r.Text("company"), PartyID: r.Text("party_id"), Rep: r.Text("rep"), Email: r.Text("email"), Phone: r.Text("phone")},
	}
	for column, to := range map[string]any{"descriptions": &in.Descriptions, "sections": &in.Sections, "specification": &in.Boat, "postings": &in.Postings} {
		if json.Unmarshal([]byte(r.Text(column)), to) != nil {
			return r.Fault(column, "is not of the form that a listing has")
		}
	}
	if in.Status.Public() {
		in.Status = Draft // nobody is told of a boat because a file was read
	}
	if err := in.check().Err(); err != nil {
		return err
	}
	r.Set("status", string(in.Status))
	r.Set("ref", newRef())
	for column, v := range map[string]any{"descriptions": in.Descriptions, "sections": in.Sections, "specification": in.Boat, "postings": in.Postings} {
		r.Set(column, asJSON(v))
	}
	return nil
}

// placeRow leaves what is said of a boat that was there already.
func placeRow(ctx context.Context, tx *db.Tx, _ *record.Target, r *record.Row) (existing string, err error) {
	existing, err = db.One(ctx, tx, db.Scalar[string], "SELECT id FROM listings WHERE boat_id = $1", r.Text("boat_id"))
	if fault.Is(err, fault.NotFound) {
		return "", nil
	}
	return existing, err
}
