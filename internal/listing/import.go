package listing

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
	"navidocs/internal/job"
	"navidocs/internal/money"
)

// Import says what is brought in from a broker's inventory.
type Import struct {
	Numbers         []string `json:"numbers,omitempty" maxItems:"1000" doc:"the portal's own numbers of what to bring in; without any, all that are no boats of yours"`
	WithoutPictures bool     `json:"without_pictures,omitempty" doc:"leave the pictures where they are"`
}

// ImportArgs ask for what a portal shows and we do not have to be brought in.
type ImportArgs struct {
	Import

	ConnectionID ConnectionID   `json:"connection_id"`
	UserID       account.UserID `json:"user_id"`
	JobID        string         `json:"job_id"`
}

// Kind implements job.Args.
func (ImportArgs) Kind() string { return "listing.import" }

// Import makes boats and drafts of a portal's listings that are no boats of ours, in
// the background; admins may. A portal that cannot be read is Invalid, one that is
// stopped a Conflict.
func (s *Service) Import(ctx context.Context, who account.Actor, id ConnectionID, in Import) (x job.Status, err error) {
	defer fault.Wrap(&err, "listing.Import %s", id)
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		c, err := administered(ctx, tx, who, id)
		switch {
		case err != nil:
			return err
		case !c.Kind.Read():
			return fault.New(fault.Invalid, "%s tells nobody what it lists: only YachtWorld and Boat Trader do", c.Name)
		case c.Status != Working:
			return fault.New(fault.Conflict, "%s is stopped: set its status to active first", c.Name)
		}
		x, err = begin(ctx, tx, job.Status{OrgID: string(c.OrgID), UserID: string(who.UserID), Kind: ImportArgs{}.Kind(), SubjectID: string(c.ID)})
		if err != nil {
			return err
		}
		if err := s.jobs.Enqueue(ctx, tx, ImportArgs{Import: in, ConnectionID: c.ID, UserID: who.UserID, JobID: x.ID}, Queue); err != nil {
			return err
		}
		return s.auditConnection(ctx, tx, who, "imported", c)
	})
	return x, err
}

// importInventory works an Import. What one listing lacks stops no other.
func (s *Service) importInventory(ctx context.Context, j *job.Job[ImportArgs]) error {
	c, err := s.working(ctx, j.Args.ConnectionID)
	if err != nil {
		return job.CancelOn(err, fault.NotFound)
	}
	who, err := s.accounts.ActorOf(ctx, j.Args.UserID)
	if err == nil {
		err = who.Require(c.OrgID, account.Admin, "connection") // the rights of now
	}
	if err != nil {
		return job.CancelOn(err, fault.NotFound, fault.Forbidden)
	}
	r := run{Cause: Imported}
	all, err := s.read(ctx, c, &r)
	if err != nil {
		return err
	}
	if r.Outcome != Broken {
		if err := s.importAll(ctx, who, c, all, j.Args, &r); err != nil {
			return err
		}
	}
	if err := s.logged(ctx, c, r); err != nil {
		return err
	}
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		reason := ""
		if r.Failed > 0 {
			reason = r.Message
		}
		return errors.Join(job.Close(ctx, tx, j.Args.JobID, reason), j.Complete(ctx, tx))
	})
}

// importDied records that an Import was given up.
func (s *Service) importDied(ctx context.Context, j *job.Job[ImportArgs], cause error) error {
	return s.died(ctx, j.Args.JobID, cause)
}

// importAll brings in what was asked for of an inventory, and compares the whole of
// it again.
func (s *Service) importAll(ctx context.Context, who account.Actor, c Connection, all []item, a ImportArgs, r *run) error {
	ours, rows, err := listed(ctx, s.db, c)
	if err != nil {
		return err
	}
	_, missing := match(ours, rows, all)
	if len(a.Numbers) > 0 {
		missing = slices.DeleteFunc(missing, func(i item) bool { return !slices.Contains(a.Numbers, i.id) })
		for _, n := range a.Numbers {
			if !slices.ContainsFunc(all, func(i item) bool { return i.id == n }) {
				r.Failed++
				r.note(fmt.Sprintf("it lists no %q", clip(n, 50)))
			}
		}
	}
	for n, i := range missing {
		brought := false
		err := s.db.Transact(ctx, func(tx *db.Tx) (err error) {
			if brought, err = s.bring(ctx, tx, who, c, i, a); err != nil {
				return err
			}
			return job.Progress(ctx, tx, a.JobID, 100*(n+1)/(len(missing)+1))
		})
		switch {
		case err == nil:
			r.Imported += b2i(brought)
		case ctx.Err() != nil, fault.Is(err, fault.Internal), fault.Is(err, fault.Unavailable):
			return err
		default:
			r.Failed++
			r.note(i.title() + ": " + reasons(err))
		}
	}
	return s.db.Transact(ctx, func(tx *db.Tx) error { return s.drifted(ctx, tx, c, all, r) })
}

// reasons are what is wrong with what a portal says, field by field.
func reasons(err error) string {
	var words []string
	for _, f := range fault.FieldsOf(err) {
		words = append(words, strings.TrimPrefix(f.Location, "body.")+" "+f.Message)
	}
	return cmp.Or(strings.Join(words, ", "), fault.Message(err))
}

// bring makes a draft of a portal's listing, and a boat unless there is one that has
// no listing yet; false when it came meanwhile.
func (s *Service) bring(ctx context.Context, tx *db.Tx, who account.Actor, c Connection, i item, a ImportArgs) (bool, error) {
	// One after the other: what two people import at once comes once.
	if _, err := tx.Exec(ctx, "UPDATE mls_connections SET name = name WHERE id = $1", c.ID); err != nil {
		return false, err
	}
	known, err := db.One(ctx, tx, db.Scalar[int], `SELECT count(*) FROM mls_listings e JOIN listings l ON l.id = e.listing_id
		JOIN boats b ON b.id = l.boat_id AND b.deleted_at IS NULL WHERE e.connection_id = $1 AND e.reference = $2`, c.ID, i.id)
	if err != nil || known > 0 {
		return false, err
	}
	in := draft(c, i, tx.Now())
	id, err := unlisted(ctx, tx, c.OrgID, i.advert.Boat)
	if err != nil {
		return false, err
	}
	if id == "" {
		if id, in.Engines, err = s.build(ctx, tx, who, c, i); err != nil {
			return false, err
		}
	}
	b, err := s.boats.BoatIn(ctx, tx, who, id, account.Member)
	if err != nil {
		return false, err
	}
	l, err := s.put(ctx, tx, who, b, in, "")
	if err != nil {
		return false, err
	}
	if err := (&entry{connection: c.ID, listing: l.ID, state: Published, reference: i.id, publishedAt: new(tx.Now())}).store(ctx, tx); err != nil {
		return false, err
	}
	if a.WithoutPictures || len(i.advert.Images) == 0 {
		return true, nil
	}
	return true, s.jobs.Enqueue(ctx, tx, PicturesArgs{
		ConnectionID: c.ID, ListingID: l.ID, UserID: who.UserID, Images: i.advert.Images[:min(len(i.advert.Images), maxPictures)],
	}, Queue)
}

// unlisted is the boat without a listing that an advert is of: by HIN, else by make,
// model, year and name; "" when there is none.
func unlisted(ctx context.Context, q db.Querier, org account.OrgID, b Boat) (fleet.BoatID, error) {
	type boat struct {
		id fleet.BoatID
		Boat
	}
	all, err := db.Collect(ctx, q, func(r db.Row) (x boat, err error) {
		return x, r.Scan(&x.id, &x.HIN, &x.Make, &x.Model, &x.ModelYear, &x.Name)
	}, `SELECT b.id, b.hin, b.make, b.model, b.year, b.name FROM boats b WHERE b.org_id = $1 AND b.deleted_at IS NULL AND b.frozen_at IS NULL
		AND NOT EXISTS (SELECT 1 FROM listings l WHERE l.boat_id = b.id) ORDER BY b.created_at, b.id`, org)
	if err != nil {
		return "", err
	}
	for _, same := range []func(x boat) bool{
		func(x boat) bool { return sameHIN(x.HIN, b.HIN) },
		func(x boat) bool { return sameBoat(x.Boat, b) },
	} {
		if n := slices.IndexFunc(all, same); n >= 0 {
			return all[n].id, nil
		}
	}
	return "", nil
}

// build makes a boat with its engines of what a portal says.
func (s *Service) build(ctx context.Context, tx *db.Tx, who account.Actor, c Connection, i item) (id fleet.BoatID, kinds []EngineMore, err error) {
	text := func(s string) *string { return new(clip(s, 200)) }
	a := i.advert.Boat
	b, err := s.boats.CreateBoatIn(ctx, tx, who, c.OrgID, fleet.BoatInput{
		Name: text(name(i)), Make: text(a.Make), Model: text(a.Model), HIN: text(a.HIN), Year: a.ModelYear, BuildYear: a.BuildYear, RefitYear: a.RefitYear,
		Class: text(a.Class), Designer: text(a.Designer), Builder: text(a.Builder), Flag: new(country(a.Flag)), HullMaterial: text(a.HullMaterial),
		LengthM: a.LengthM, LOAM: a.LOAM, LWLM: a.LWLM, BeamM: a.BeamM, DraftM: a.DraftMaxM, AirDraftM: a.AirDraftM, DisplacementKg: a.DisplacementKg,
	})
	if err != nil {
		return "", nil, err
	}
	readOn := day(cmp.Or(i.advert.Modified, tx.Now()), 0)
	for _, e := range i.advert.Engines {
		in := fleet.EngineInput{Position: text(e.Position), Maker: text(e.Make), Model: text(e.Model), PowerKW: e.PowerKW, Fuel: text(e.Fuel), Year: e.Year}
		if e.Hours != nil {
			in.Hours, in.HoursOn, in.HoursSource = e.Hours, &readOn, text(c.Name)
		}
		x, err := s.boats.CreateEngineIn(ctx, tx, who, b.ID, in)
		if err != nil {
			return "", nil, err
		}
		kinds = append(kinds, EngineMore{EngineID: x.ID, Type: clip(e.Type, 200), Drive: clip(e.Drive, 200)})
	}
	return b.ID, kinds, nil
}

// country is a country's code, "" for what is none: portals have numbers there.
func country(code string) string {
	if countryForm.MatchString(code) {
		return code
	}
	return ""
}

// name is what a boat is called whose listing may say no name.
func name(i item) string {
	return cmp.Or(strings.TrimSpace(i.advert.Boat.Name), i.kind(), i.id)
}

// draft is a listing as a portal shows it, that buyers are not told of here.
func draft(c Connection, i item, now time.Time) Input {
	a, b := i.advert, i.advert.Boat
	in := Input{
		Status: Draft, Language: "en", NewUsed: "used", PriceHidden: a.PriceHidden, Tax: a.Tax, CoBrokerage: a.CoBrokerage,
		Place:  Place{City: clip(a.Place.City, 200), Region: clip(a.Place.Region, 200), Country: country(a.Place.Country)},
		Broker: Broker{Company: clip(a.Broker.Company, 200), PartyID: clip(a.Broker.PartyID, 100)},
		Boat: Specification{
			HullForm: clip(b.HullForm, 200), Keel: clip(b.Keel, 200), LODM: b.LODM, DraftMinM: b.DraftMinM,
			DryWeightKg: b.DryWeightKg, BallastKg: b.BallastKg, GrossTonnage: b.GrossTonnage, FuelL: b.FuelL, WaterL: b.WaterL, HoldingL: b.HoldingL,
			CruiseKn: b.CruiseKn, MaxKn: b.MaxKn, RangeNM: b.RangeNM, Cabins: b.Cabins, Berths: b.Berths, Heads: b.Heads,
		},
		Postings: []Posting{{Portal: c.Name, Number: clip(i.id, 200), PostedOn: day(cmp.Or(a.FirstListed, now), 0)}},
	}
	if a.NewUsed == "new" {
		in.NewUsed = "new"
	}
	if b.Category == "power" || b.Category == "sail" {
		in.Boat.Category = b.Category
	}
	if a.Price != nil {
		in.Price, in.Currency = new(money.Major(a.Price.Minor, a.Price.Currency)), a.Price.Currency
	}
	for _, t := range a.Descriptions {
		in.Descriptions = append(in.Descriptions, Text{Language: t.Language, Text: clip(t.Text, 20_000)})
	}
	for _, x := range a.Sections {
		in.Sections = append(in.Sections, Section{Title: clip(x.Title, 200), Text: clip(x.Text, 20_000)})
	}
	return in
}
