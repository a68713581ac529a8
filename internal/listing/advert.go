package listing

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fleet"
)

// soldFor is how many days portals still show a boat as sold.
const soldFor = 30

// picture is an image of a boat that buyers may see.
type picture struct {
	id, caption, digest string
	at                  time.Time
}

// hash tells another picture by another address.
func (p picture) hash() string { return p.digest[:min(16, len(p.digest))] }

// offer is a listing with all that portals are told.
type offer struct {
	Listing

	advert   Advert // without its images
	pictures []picture
	boatName string
}

// out says whether portals are told of the listing now.
func (o *offer) out(now time.Time) bool {
	return o.Status.Public() && (o.Status != Sold || o.SoldOn == nil || *o.SoldOn >= day(now, soldFor))
}

// at is the advert with its pictures under an address.
func (o *offer) at(base string) Advert {
	a := o.advert
	a.Images = make([]Image, 0, len(o.pictures))
	for _, p := range o.pictures {
		a.Images = append(a.Images, Image{URL: base + p.id + "-" + p.hash() + ".jpg", Caption: p.caption, Type: "image/jpeg", Modified: p.at})
	}
	return a
}

// digest tells whether a portal was told the same before.
func digest(a Advert) string {
	a.Modified = time.Time{}
	sum := sha256.Sum256([]byte(asJSON(a)))
	return hex.EncodeToString(sum[:])
}

const boatColumns = `b.name, b.make, b.model, b.hin, b.year, b.build_year, b.refit_year, b.class, b.designer, b.builder, b.flag, b.length_m,
	b.loa_m, b.lwl_m, b.beam_m, b.draft_m, b.air_draft_m, b.displacement_kg, b.hull_material, b.updated_at`

func scanOffer(r db.Row) (o offer, err error) {
	s := stored{Listing: &o.Listing}
	b := &o.advert.Boat
	var updated int64
	err = r.Scan(append(s.fields(), &b.Name, &b.Make, &b.Model, &b.HIN, &b.ModelYear, &b.BuildYear, &b.RefitYear, &b.Class, &b.Designer, &b.Builder,
		&b.Flag, &b.LengthM, &b.LOAM, &b.LWLM, &b.BeamM, &b.DraftMaxM, &b.AirDraftM, &b.DisplacementKg, &b.HullMaterial, &updated)...)
	if err != nil {
		return o, err
	}
	if err := s.read(); err != nil {
		return o, err
	}
	o.boatName = b.Name
	o.fill(db.Time(updated))
	return o, nil
}

// fill makes an advert of what the listing says.
func (o *offer) fill(boatUpdated time.Time) {
	a, l, x := &o.advert, &o.Listing, o.Listing.Boat
	a.Ref, a.Status, a.NewUsed, a.PriceHidden, a.Tax, a.CoBrokerage = l.Ref, l.Status, l.NewUsed, l.PriceHidden, l.Tax, l.CoBrokerage
	a.Place, a.Broker, a.Descriptions, a.Sections = l.Place, l.Broker, l.Descriptions, l.Sections
	if !l.PriceHidden {
		a.Price = l.price
	}
	if l.FirstListedAt != nil {
		a.FirstListed = *l.FirstListedAt
	}
	if l.SoldOn != nil {
		a.SoldOn = string(*l.SoldOn)
	}
	o.changed(l.UpdatedAt)
	o.changed(boatUpdated)
	b := &a.Boat
	b.Category, b.HullForm, b.Keel, b.LODM, b.DraftMinM = x.Category, x.HullForm, x.Keel, x.LODM, x.DraftMinM
	b.DryWeightKg, b.BallastKg, b.GrossTonnage = x.DryWeightKg, x.BallastKg, x.GrossTonnage
	b.FuelL, b.WaterL, b.HoldingL, b.CruiseKn, b.MaxKn, b.RangeNM = x.FuelL, x.WaterL, x.HoldingL, x.CruiseKn, x.MaxKn, x.RangeNM
	b.Cabins, b.Berths, b.Heads = x.Cabins, x.Berths, x.Heads
}

// changed notes that something of the advert changed at a time.
func (o *offer) changed(at time.Time) {
	if at.After(o.advert.Modified) {
		o.advert.Modified = at
	}
}

// offersOf reads all listings of an organization's boats, in the order of their
// references: by which portals know them.
func offersOf(ctx context.Context, q db.Querier, org account.OrgID) ([]*offer, error) {
	return offers(ctx, q, "l.org_id = $1", org)
}

// offerOf reads one.
func offerOf(ctx context.Context, q db.Querier, boat fleet.BoatID) (*offer, error) {
	all, err := offers(ctx, q, "l.boat_id = $1", boat)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return all[0], nil
}

func offers(ctx context.Context, q db.Querier, where string, arg any) ([]*offer, error) {
	all, err := db.Collect(ctx, q, func(r db.Row) (*offer, error) {
		o, err := scanOffer(r)
		return &o, err
	}, "SELECT "+listingColumns+", "+boatColumns+" FROM listings l JOIN boats b ON b.id = l.boat_id AND b.deleted_at IS NULL WHERE "+where+" ORDER BY l.ref", arg)
	if err != nil {
		return nil, err
	}
	of := map[fleet.BoatID]*offer{}
	for _, o := range all {
		of[o.BoatID] = o
	}
	boats := "IN (SELECT l.boat_id FROM listings l WHERE " + where + ")"
	if err := addEngines(ctx, q, of, boats, arg); err != nil {
		return nil, err
	}
	if err := addChoices(ctx, q, of, boats, arg); err != nil {
		return nil, err
	}
	pictures, err := picturesOf(ctx, q, "f.boat_id "+boats, arg)
	if err != nil {
		return nil, err
	}
	for id, o := range of {
		o.pictures = o.choose(pictures[id])
		for _, p := range o.pictures {
			o.changed(p.at)
		}
	}
	return all, addWarranties(ctx, q, of, boats, arg)
}

func addEngines(ctx context.Context, q db.Querier, of map[fleet.BoatID]*offer, boats string, arg any) error {
	_, err := db.Collect(ctx, q, func(r db.Row) (_ struct{}, err error) {
		var boat fleet.BoatID
		var e Engine
		var updated int64
		err = r.Scan(&boat, &e.Make, &e.Model, &e.Year, &e.Hours, &e.PowerKW, &e.Fuel, &e.Position, &e.Type, &e.Drive, &updated)
		if o := of[boat]; o != nil && err == nil {
			e.Fuel, e.Position = strings.ToLower(e.Fuel), strings.ToLower(e.Position)
			o.advert.Engines = append(o.advert.Engines, e)
			o.changed(db.Time(updated))
		}
		return struct{}{}, err
	}, `SELECT e.boat_id, e.maker, e.model, e.year, e.hours, e.power_kw, e.fuel, e.position, coalesce(x.type, ''), coalesce(x.drive, ''), e.updated_at
		FROM engines e LEFT JOIN listings i ON i.boat_id = e.boat_id LEFT JOIN listing_engines x ON x.listing_id = i.id AND x.engine_id = e.id
		WHERE e.boat_id `+boats+" ORDER BY e.position, e.id", arg)
	return err
}

// addChoices adds which pictures were chosen.
func addChoices(ctx context.Context, q db.Querier, of map[fleet.BoatID]*offer, boats string, arg any) error {
	_, err := db.Collect(ctx, q, func(r db.Row) (_ struct{}, err error) {
		var boat fleet.BoatID
		var p PhotoChoice
		err = r.Scan(&boat, &p.PhotoID, &p.Caption)
		if o := of[boat]; o != nil && err == nil {
			o.Photos = append(o.Photos, p)
		}
		return struct{}{}, err
	}, `SELECT i.boat_id, x.photo_id, x.caption FROM listing_photos x JOIN listings i ON i.id = x.listing_id
		WHERE i.boat_id `+boats+" ORDER BY x.listing_id, x.position", arg)
	return err
}

// picturesOf reads the pictures of boats that buyers may see: of open papers that
// were read, whose images are drawn anew and so say no place.
func picturesOf(ctx context.Context, q db.Querier, where string, arg any) (map[fleet.BoatID][]picture, error) {
	out := map[fleet.BoatID][]picture{}
	_, err := db.Collect(ctx, q, func(r db.Row) (_ struct{}, err error) {
		var boat fleet.BoatID
		var p picture
		var at int64
		err = r.Scan(&boat, &p.id, &p.caption, &p.digest, &at)
		p.at = db.Time(at)
		out[boat] = append(out[boat], p)
		return struct{}{}, err
	}, `SELECT f.boat_id, f.id, f.caption, p.screen_digest, f.created_at FROM boat_photos f JOIN documents d ON d.id = f.document_id
		JOIN pages p ON p.document_id = d.id AND p.number = 1
		WHERE `+where+" AND d.deleted_at IS NULL AND d.class = 'open' AND p.screen_digest <> '' ORDER BY f.position, f.id", arg)
	return out, err
}

// choose puts pictures in the order that was chosen.
func (l *Listing) choose(all []picture) []picture {
	if len(l.Photos) == 0 {
		return all
	}
	var out []picture
	for _, c := range l.Photos {
		if i := slices.IndexFunc(all, func(p picture) bool { return p.id == c.PhotoID }); i >= 0 {
			p := all[i]
			p.caption = cmp.Or(c.Caption, p.caption)
			out = append(out, p)
		}
	}
	return out
}

// addWarranties adds when the last of a boat's warranties ends that a buyer gets.
func addWarranties(ctx context.Context, q db.Querier, of map[fleet.BoatID]*offer, boats string, arg any) error {
	_, err := db.Collect(ctx, q, func(r db.Row) (_ struct{}, err error) {
		var boat fleet.BoatID
		var until string
		err = r.Scan(&boat, &until)
		if o := of[boat]; o != nil && err == nil {
			o.advert.WarrantyUntil = until
		}
		return struct{}{}, err
	}, `SELECT w.boat_id, max(w.expiration_date) FROM warranty_tracking w WHERE w.boat_id `+boats+`
		AND w.deleted_at IS NULL AND w.state <> 'void' AND w.transferable = TRUE GROUP BY w.boat_id`, arg)
	return err
}

// Advert is the neutral advert of a listing, its pictures under an address;
// false when portals are not told of it now.
func (s *Service) Advert(ctx context.Context, q db.Querier, boat fleet.BoatID, pictures string) (a Advert, out bool, err error) {
	o, err := offerOf(ctx, q, boat)
	if err != nil || o == nil {
		return a, false, err
	}
	return o.at(pictures), o.out(s.db.Now()), nil
}
