package app

import (
	"context"
	"strconv"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/demo"
	"navidocs/internal/document"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
	"navidocs/internal/warranty"
)

// The demo's account. Its password breaks the password rule on purpose, so
// that nobody takes the demo for an installation.
const (
	DemoEmail    = "demo@navidocs.app"
	DemoPassword = "test"
)

// LoadDemo fills an empty installation with the demo boats and their papers;
// one that has them already stays as it is. It refuses a database with other
// users, and production.
func (a *App) LoadDemo(ctx context.Context) (err error) {
	defer fault.Wrap(&err, "app.LoadDemo")
	if a.options.Config.Production() {
		return fault.New(fault.Conflict, "demo data does not load with APP_ENV=production")
	}
	if _, err := a.Accounts.ActorFor(ctx, DemoEmail); err == nil {
		return nil
	} else if !fault.Is(err, fault.NotFound) {
		return err
	}
	users, err := a.Accounts.CountUsers(ctx)
	if err != nil {
		return err
	}
	if users > 0 {
		return fault.New(fault.Conflict, "demo data loads into an empty database only, and this one has users: start with --home in another folder")
	}
	_, err = a.Accounts.CreateUser(ctx, account.NewUser{
		Registering: account.Registering{Email: DemoEmail, Password: DemoPassword, Name: "Demo", Organization: "Demo Yachts"}, AnyPassword: true,
	})
	if err != nil {
		return err
	}
	who, err := a.Accounts.ActorFor(ctx, DemoEmail)
	if err != nil {
		return err
	}
	a.SetupCode = ""
	return a.loadDemoBoats(ctx, who)
}

func (a *App) loadDemoBoats(ctx context.Context, who account.Actor) error {
	org, err := who.Creating()
	if err != nil {
		return err
	}
	things := demoThings{map[string]fleet.EquipmentID{}, map[string]fleet.EngineID{}, map[string]warranty.ID{}}
	for _, b := range demo.Boats() {
		if _, err := a.Boats.CreateBoat(ctx, who, org, demoBoat(b)); err != nil {
			return err
		}
		if err := a.loadDemoEquipment(ctx, who, b, things); err != nil {
			return err
		}
		for _, w := range b.Warranties {
			made, err := a.Warranties.Create(ctx, who, a.demoWarranty(fleet.BoatID(b.Slug), w, things))
			if err != nil {
				return err
			}
			things.warranties[b.Slug+"/"+w.Equipment] = made.ID
		}
	}
	return a.loadDemoPapers(ctx, who, things)
}

// demoThings are what was loaded, by boat and key.
type demoThings struct {
	equipment  map[string]fleet.EquipmentID
	engines    map[string]fleet.EngineID
	warranties map[string]warranty.ID
}

func demoBoat(b demo.Boat) fleet.BoatInput {
	owners := []fleet.Owner{}
	for _, o := range b.Owners {
		owners = append(owners, fleet.Owner{Name: o.Name, SharePercent: &o.Share, Contact: o.Contact, Signs: o.Signs})
	}
	displacement := float64(b.Displacement)
	return fleet.BoatInput{
		ID: fleet.BoatID(b.Slug), Name: &b.Name, Make: &b.Make, Model: &b.Model, Year: &b.ModelYear, BuildYear: &b.BuildYear,
		LaunchYear: &b.LaunchYear, RefitYear: &b.LastRefit, HIN: &b.HIN, MMSI: &b.MMSI, CallSign: &b.CallSign, OfficialNumber: &b.OfficialNumber,
		HullNumber: &b.HullNumber, Flag: &b.Flag, HomePort: &b.HomePort, HullMaterial: &b.HullMaterial, Builder: &b.Builder, Class: &b.Class,
		LengthM: &b.NominalLength, LOAM: &b.LOA, LWLM: &b.LWL, BeamM: &b.Beam, DraftM: &b.Draft, AirDraftM: &b.AirDraft,
		DisplacementKg: &displacement, Owners: &owners, Uses: &[]fleet.Use{{Use: b.Use}},
	}
}

// loadDemoEquipment adds what is installed and remembers it by boat and key.
func (a *App) loadDemoEquipment(ctx context.Context, who account.Actor, b demo.Boat, things demoThings) error {
	boat := fleet.BoatID(b.Slug)
	for _, e := range b.Engines {
		hours, on := float64(e.Hours), fleet.Date(e.HoursOn)
		made, err := a.Boats.CreateEngine(ctx, who, boat, fleet.EngineInput{
			Position: &e.Position, Maker: &e.Maker, Model: &e.Model,
			SerialNumber: &e.Serial, Fuel: &e.Fuel, PowerKW: &e.PowerKW, Hours: &hours, HoursOn: &on, HoursSource: &e.HoursSource,
		})
		if err != nil {
			return err
		}
		things.engines[b.Slug+"/"+e.Key] = made.ID
	}
	for _, e := range b.Equipment {
		system, installed := strconv.Itoa(e.System), fleet.Date(e.InstalledOn)
		made, err := a.Boats.CreateEquipment(ctx, who, boat, fleet.EquipmentInput{
			SystemCode: &system, Name: &e.Name, Maker: &e.Maker,
			Model: &e.Model, SerialNumber: &e.Serial, Place: &e.Place, InstalledOn: &installed,
		})
		if err != nil {
			return err
		}
		things.equipment[b.Slug+"/"+e.Key] = made.ID
		if e.Hours > 0 {
			_, err := a.Boats.AddReading(ctx, who, made.ID, fleet.Reading{Hours: float64(e.Hours), ReadOn: warranty.Today(a.options.Now(), "UTC"), Source: "hour meter"})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *App) demoWarranty(boat fleet.BoatID, w demo.Warranty, things demoThings) warranty.Input {
	amount := float64(w.Coverage)
	in := warranty.Input{BoatID: boat, ItemName: w.Item, Provider: w.Provider, SerialNumber: w.Serial, CoverageAmount: &amount, Currency: w.Currency, Transferable: true}
	in.PurchaseDate, in.Months = startOf(warranty.Today(a.options.Now().Add(time.Duration(w.DaysLeft)*24*time.Hour), "UTC"), w.Months)
	if id, ok := things.equipment[string(boat)+"/"+w.Equipment]; ok {
		in.EquipmentID = &id
	}
	if id, ok := things.engines[string(boat)+"/"+w.Equipment]; ok {
		in.EngineID = &id
	}
	return in
}

// startOf finds the day from which whole months end on a date. No day of a
// short month leads to a 31st: then a month more does.
func startOf(end fleet.Date, months int) (fleet.Date, int) {
	for ; ; months++ {
		if start := warranty.AddMonths(end, -months); warranty.AddMonths(start, months) == end {
			return start, months
		}
	}
}

func (a *App) loadDemoPapers(ctx context.Context, who account.Actor, things demoThings) error {
	papers, err := demo.Papers()
	if err != nil {
		return err
	}
	for _, p := range papers {
		f, err := demo.Open(p.File)
		if err != nil {
			return err
		}
		u := document.Upload{
			FileName: p.File, Title: p.Title, Type: p.Type, BoatIDs: []fleet.BoatID{fleet.BoatID(p.Boat)},
			IssuedOn: fleet.Date(p.IssuedOn), ExpiresOn: fleet.Date(p.ExpiresOn),
		}
		if id, ok := things.equipment[p.Boat+"/"+p.Equipment]; ok {
			u.EquipmentIDs = []fleet.EquipmentID{id}
		}
		d, err := a.Documents.Upload(ctx, who, u, f)
		if err != nil {
			return err
		}
		if id, ok := things.warranties[p.Boat+"/"+p.Warranty]; ok {
			if _, err := a.Warranties.LinkPaper(ctx, who, id, warranty.Link{DocumentID: d.ID, Purpose: warranty.Purpose(p.Purpose)}); err != nil {
				return err
			}
		}
	}
	return nil
}
