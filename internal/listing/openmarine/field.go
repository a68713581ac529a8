package openmarine

import (
	"navidocs/internal/listing"
	"navidocs/internal/listing/wire"
)

// The groups of items: parts of boat_features, and advert_features/other, where the
// items are that only we read.
const (
	direct        = ""
	dimensions    = "dimensions"
	build         = "build"
	engine        = "engine"
	accommodation = "accommodation"
	other         = "other"
)

// A field is an item of a group, for writing and for reading alike.
type (
	measure struct {
		group, name, unit string
		quantity          wire.Quantity
		at                **float64
	}
	count struct {
		group, name string
		at          **int
	}
	text struct {
		group, name string
		at          *string
	}
)

func measures(a *listing.Advert) []measure {
	b := &a.Boat
	return []measure{
		{direct, "range", "nautical miles", wire.Distance, &b.RangeNM},
		{dimensions, "beam", "metres", wire.Length, &b.BeamM},
		{dimensions, "draft", "metres", wire.Length, &b.DraftMaxM},
		{dimensions, "loa", "metres", wire.Length, &b.LOAM},
		{dimensions, "lwl", "metres", wire.Length, &b.LWLM},
		{dimensions, "air_draft", "metres", wire.Length, &b.AirDraftM},
		{build, "ballast", "kgs", wire.Weight, &b.BallastKg},
		{build, "displacement", "kgs", wire.Weight, &b.DisplacementKg},
		{engine, "cruising_speed", "knots", wire.Speed, &b.CruiseKn},
		{engine, "max_speed", "knots", wire.Speed, &b.MaxKn},
		{engine, "tankage", "litres", wire.Volume, &b.FuelL},
		{other, "nd_length_nominal", "metres", wire.Length, &b.LengthM},
		{other, "nd_length_deck", "metres", wire.Length, &b.LODM},
		{other, "nd_draft_min", "metres", wire.Length, &b.DraftMinM},
		{other, "nd_dry_weight", "kgs", wire.Weight, &b.DryWeightKg},
		{other, "nd_gross_tonnage", "", plain, &b.GrossTonnage},
		{other, "nd_water", "litres", wire.Volume, &b.WaterL},
		{other, "nd_holding", "litres", wire.Volume, &b.HoldingL},
		{other, "nd_hours_total", "", plain, &a.HoursTotal},
	}
}

// plain is a number without a unit.
const plain wire.Quantity = -1

func counts(a *listing.Advert) []count {
	b := &a.Boat
	return []count{
		{accommodation, "cabins", &b.Cabins},
		{accommodation, "berths", &b.Berths},
		{accommodation, "toilet", &b.Heads},
		{other, "nd_model_year", &b.ModelYear},
		{other, "nd_build_year", &b.BuildYear},
		{other, "nd_refit_year", &b.RefitYear},
	}
}

func texts(a *listing.Advert) []text {
	b := &a.Boat
	return []text{
		{direct, "boat_name", &b.Name},
		{build, "hin", &b.HIN},
		{build, "designer", &b.Designer},
		{build, "builder", &b.Builder},
		{build, "hull_construction", &b.HullMaterial},
		{build, "hull_type", &b.HullForm},
		{build, "keel_type", &b.Keel},
		{other, "nd_region", &a.Place.Region},
		{other, "nd_flag", &b.Flag},
		{other, "nd_sold_on", &a.SoldOn},
		{other, "nd_warranty_until", &a.WarrantyUntil},
	}
}

// words are what an engine's block says in words.
func words(e *listing.Engine) []text {
	return []text{
		{engine, "engine_manufacturer", &e.Make},
		{engine, "engine_model", &e.Model},
		{engine, "fuel", &e.Fuel},
		{engine, "drive_type", &e.Type},
		{engine, "gearbox", &e.Drive},
		{engine, "engine_location", &e.Position},
	}
}
