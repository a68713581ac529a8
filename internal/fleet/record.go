package fleet

import (
	"context"
	"strings"

	"navidocs/internal/db"
	"navidocs/internal/record"
)

const (
	ofOrg   = "x.boat_id IN (SELECT b.id FROM boats b WHERE b.org_id = {org})"
	ofBoats = "x.boat_id IN {boats}"
	maxHour = 1_000_000
)

// Tables are the boats with what is on them, and the contacts, as they travel.
func (s *Service) Tables() []record.Table {
	return []record.Table{contactTable(), s.boatTable(), ownerTable(), useTable(), engineTable(), s.equipmentTable(), readingTable()}
}

// made are the instants of a row.
func made() []record.Column {
	return []record.Column{{Name: "created_at", Kind: record.Time()}, {Name: "updated_at", Kind: record.Time()}}
}

func texts(limit int, names ...string) []record.Column {
	out := make([]record.Column, len(names))
	for i, name := range names {
		out[i] = record.Column{Name: name, Kind: record.Text(limit)}
	}
	return out
}

func optional(kind record.Kind, names ...string) []record.Column {
	out := make([]record.Column, len(names))
	for i, name := range names {
		out[i] = record.Column{Name: name, Kind: kind, Null: true}
	}
	return out
}

func columns(parts ...[]record.Column) []record.Column {
	out := []record.Column{{Name: "id", Kind: record.ID()}}
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

func ofBoat() []record.Column { return []record.Column{{Name: "boat_id", Kind: record.Ref("boats")}} }

func (s *Service) boatTable() record.Table {
	return record.Table{
		Name: "boats", File: "boats", About: "a boat with its identities",
		Columns: columns(
			texts(200, "name", "make", "model"),
			optional(record.Int(1800, 2200), "year", "build_year", "launch_year", "refit_year"),
			texts(200, "hin", "mmsi", "imo", "call_sign", "official_number", "sail_number", "hull_number"),
			texts(2, "flag"), texts(200, "home_port", "hull_material", "builder", "designer", "class"),
			optional(record.Float(0, 500), "length_m", "loa_m", "lwl_m", "beam_m", "draft_m", "air_draft_m"),
			optional(record.Float(0, 1e8), "displacement_kg"),
			[]record.Column{
				{Name: "time_zone", Kind: record.Text(100), About: "IANA name; empty is the organization's"},
				{Name: "slug", Kind: record.Text(60), About: "its name for machines; another where it is taken"},
				{Name: "frozen_at", Kind: record.Time(), Null: true, Private: true, About: "when it was sold; not in a package"},
			},
			made(),
		),
		Omitted: map[string]string{
			"org_id": organizations, "name_fold": derived, "search_fold": derived,
			"deleted_at": "a deleted boat does not travel",
		},
		Within: "x.org_id = {org} AND x.deleted_at IS NULL", OfBoats: "x.id IN {boats}",
		Check: checkBoat, Place: placeBoat, After: s.boatsArrived,
	}
}

// Why columns do not travel.
const (
	organizations = "it is the organization's that has the row"
	derived       = "it is computed from others"
)

func checkBoat(r *record.Row) error {
	var in BoatInput
	if err := r.Into(&in); err != nil {
		return err
	}
	if err := in.check(); err != nil {
		return err
	}
	if slug := r.Text("slug"); strings.Trim(slug, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return r.Fault("slug", "must have only a to z, digits and -")
	}
	b := Boat{}
	b.apply(in)
	r.Set("name_fold", db.Fold(b.Name))
	r.Set("search_fold", b.searchFold())
	return r.From(b.numbers())
}

// numbers are the identities as they are stored.
func (b *Boat) numbers() BoatInput {
	return BoatInput{Name: &b.Name, Flag: &b.Flag, HIN: &b.HIN, MMSI: &b.MMSI, IMO: &b.IMO, CallSign: &b.CallSign}
}

// placeBoat keeps the slug where it is free.
func placeBoat(ctx context.Context, tx *db.Tx, to *record.Target, r *record.Row) (string, error) {
	taken, err := db.One(ctx, tx, db.Scalar[int], "SELECT count(*) FROM boats WHERE org_id = $1 AND slug = $2", to.Org, r.Text("slug"))
	if err != nil || taken == 0 && r.Text("slug") != "" {
		return "", err
	}
	free, err := freeSlug(ctx, tx, to.Org, r.Text("name"))
	r.Set("slug", free)
	return "", err
}

func (s *Service) boatsArrived(ctx context.Context, tx *db.Tx, to *record.Target, rows record.Arrived) error {
	for _, id := range rows.New {
		b, err := db.One(ctx, tx, scanBoat, selectBoat+" WHERE id = $1", id)
		if err != nil {
			return err
		}
		if err := s.tell(ctx, tx, to.Who, "created", b); err != nil {
			return err
		}
	}
	return nil
}

func ownerTable() record.Table {
	return record.Table{
		Name: "boat_owners", File: "owners", About: "who a boat belongs to, in their order",
		Columns: columns(ofBoat(), texts(200, "name"), optional(record.Float(0, 100), "share_percent"), texts(500, "contact"),
			[]record.Column{{Name: "signs", Kind: record.Bool(), About: "has to sign when the boat is sold"}}),
		Within: ofOrg,
		Check: func(r *record.Row) error {
			in := BoatInput{Owners: &[]Owner{{}}}
			if err := r.Into(&(*in.Owners)[0]); err != nil {
				return err
			}
			if (*in.Owners)[0].Name == "" {
				return r.Fault("name", "must not be empty")
			}
			return in.check()
		},
	}
}

func useTable() record.Table {
	return record.Table{
		Name: "boat_uses", File: "uses", About: "how a boat was used in some time",
		Columns: columns(ofBoat(), []record.Column{{Name: "use", Kind: record.Choice("private", "charter", "commercial", "racing")}},
			optional(record.Date(), "starts_on", "ends_on")),
		Within: ofOrg, OfBoats: ofBoats,
	}
}

func engineTable() record.Table {
	return record.Table{
		Name: "engines", File: "engines", About: "an engine with its last hours",
		Columns: columns(ofBoat(), texts(200, "position", "maker", "model", "serial_number"),
			optional(record.Float(0, 100_000), "power_kw"), texts(200, "fuel"), optional(record.Int(1800, 2200), "year"),
			optional(record.Float(0, maxHour), "hours"), optional(record.Date(), "hours_on"), texts(200, "hours_source"), made()),
		Within: ofOrg, OfBoats: ofBoats,
		Check: func(r *record.Row) error {
			var in EngineInput
			if err := r.Into(&in); err != nil {
				return err
			}
			return in.check()
		},
	}
}

func (s *Service) equipmentTable() record.Table {
	return record.Table{
		Name: "equipment", File: "equipment", About: "what is fitted to a boat",
		Columns: columns(ofBoat(), texts(8, "system_code"), texts(200, "name", "maker", "model", "serial_number", "place"),
			optional(record.Date(), "installed_on"), optional(record.Float(0, maxHour), "hours"), optional(record.Date(), "hours_on"),
			texts(5000, "notes"), made()),
		Omitted: map[string]string{"org_id": organizations, "name_fold": derived, "deleted_at": "deleted equipment does not travel"},
		Within:  "x.org_id = {org} AND x.deleted_at IS NULL", OfBoats: ofBoats,
		Check: func(r *record.Row) error {
			var in EquipmentInput
			if err := r.Into(&in); err != nil {
				return err
			}
			if err := in.check(); err != nil {
				return err
			}
			r.Set("name_fold", db.Fold(*in.Name))
			return r.From(in)
		},
		After: func(ctx context.Context, tx *db.Tx, _ *record.Target, rows record.Arrived) error {
			for _, id := range rows.New {
				e, err := db.One(ctx, tx, scanEquipment, "SELECT "+equipmentColumns+" FROM equipment WHERE id = $1", id)
				if err != nil {
					return err
				}
				if err := s.indexed(ctx, tx, e); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func readingTable() record.Table {
	const subjects = `(x.subject_kind = 'engine' AND x.subject_id IN (SELECT e.id FROM engines e WHERE e.boat_id IN `
	const pieces = `) OR x.subject_kind = 'equipment' AND x.subject_id IN (SELECT e.id FROM equipment e WHERE e.boat_id IN `
	const everyone = "(SELECT b.id FROM boats b WHERE b.org_id = {org})"
	return record.Table{
		Name: "hour_readings", File: "hour_readings", About: "what an hour meter showed on a day",
		Columns: columns([]record.Column{
			{Name: "subject_kind", Kind: record.Choice("engine", "equipment")},
			{Name: "subject_id", Kind: record.RefBy("subject_kind", map[string]string{"engine": "engines", "equipment": "equipment"})},
			{Name: "hours", Kind: record.Float(0, maxHour)},
			{Name: "read_on", Kind: record.Date()},
			{Name: "source", Kind: record.Text(200)},
			{Name: "created_at", Kind: record.Time()},
		}),
		Within: subjects + everyone + pieces + everyone + "))", OfBoats: subjects + "{boats}" + pieces + "{boats}))",
		Place: func(ctx context.Context, tx *db.Tx, _ *record.Target, r *record.Row) (string, error) {
			return "", checkMeter(ctx, tx, Meter{r.Text("subject_kind"), r.Text("subject_id")}, Reading{Hours: *r.Float("hours"), ReadOn: Date(r.Text("read_on"))})
		},
	}
}

func contactTable() record.Table {
	return record.Table{
		Name: "contacts", File: "contacts", About: "whom the organization deals with",
		Columns: columns([]record.Column{{Name: "kind", Kind: record.Choice("maker", "dealer", "yard", "insurer", "surveyor", "other")}},
			texts(200, "name", "person"), texts(254, "email"), texts(50, "phone"), texts(1000, "address"), texts(2, "country"), texts(500, "website"),
			texts(100, "account_number"), texts(5000, "notes"), made(), optional(record.Time(), "deleted_at")),
		Omitted: map[string]string{"org_id": organizations, "name_fold": derived},
		Within:  "x.org_id = {org}",
		Check: func(r *record.Row) error {
			var in ContactInput
			if err := r.Into(&in); err != nil {
				return err
			}
			if err := in.check(); err != nil {
				return err
			}
			r.Set("name_fold", db.Fold(*in.Name))
			return r.From(in)
		},
	}
}
