package fleet

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
)

func TestEnginesLive(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		boat, other := b.boat(BoatInput{Name: ptr("Calypso")}), b.boat(BoatInput{Name: ptr("Other")})
		in := EngineInput{
			Position: ptr("starboard"), Maker: ptr("Volvo Penta"), Model: ptr("D2-75"), SerialNumber: ptr("S"), PowerKW: ptr(55.0), Fuel: ptr("diesel"),
			Year: ptr(2020), Hours: ptr(812.5), HoursOn: ptr(Date("2026-04-01")), HoursSource: ptr("hour meter"),
		}
		made, err := b.CreateEngine(t.Context(), b.ada, boat.ID, in)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.CreateEngine(t.Context(), b.ada, boat.ID, EngineInput{Position: ptr("port")}); err != nil {
			t.Fatal(err)
		}
		all, err := b.Engines(t.Context(), b.ada, boat.ID)
		if err != nil || len(all) != 2 || all[0].Position != "port" || all[0].Hours != nil {
			t.Fatal(all, err)
		}
		if diff := cmp.Diff(made, all[1]); diff != "" {
			t.Error(diff)
		}
		changed, err := b.UpdateEngine(t.Context(), b.ada, boat.ID, made.ID, EngineInput{Hours: ptr(900.0), HoursOn: ptr(Date("2026-05-01")), PowerKW: ptr(0.0)}, VersionOf(made.UpdatedAt))
		if err != nil || *changed.Hours != 900 || *changed.HoursOn != "2026-05-01" || changed.PowerKW != nil || changed.Maker != "Volvo Penta" {
			t.Error(changed, err)
		}
		if n := b.readings(made.ID); n != 2 {
			t.Errorf("%d readings", n)
		}
		_, err = b.UpdateEngine(t.Context(), b.ada, boat.ID, made.ID, EngineInput{}, VersionOf(made.UpdatedAt))
		wantKind(t, err, fault.Stale)
		_, err = b.DeleteEngine(t.Context(), b.ada, boat.ID, made.ID, VersionOf(made.UpdatedAt))
		wantKind(t, err, fault.Stale)
		_, err = b.DeleteEngine(t.Context(), b.ada, other.ID, made.ID, "")
		wantKind(t, err, fault.NotFound)
		if _, err := b.DeleteEngine(t.Context(), b.ada, boat.ID, made.ID, ""); err != nil {
			t.Error(err)
		}
		if all, err := b.Engines(t.Context(), b.ada, boat.ID); len(all) != 1 || err != nil || b.readings(made.ID) != 0 {
			t.Error(all, err)
		}
	})
}

func (b *bench) readings(id EngineID) int {
	b.t.Helper()
	n, err := db.One(b.t.Context(), b.db, db.Scalar[int], "SELECT count(*) FROM hour_readings WHERE subject_kind = 'engine' AND subject_id = $1", id)
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

func TestEngineFaults(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		in   EngineInput
		want []string
	}{
		"hours without a date":    {EngineInput{Hours: ptr(1.0)}, []string{"body.hours_on"}},
		"hours with an empty one": {EngineInput{Hours: ptr(1.0), HoursOn: ptr(Date(""))}, []string{"body.hours_on"}},
		"many":                    {EngineInput{PowerKW: ptr(-1.0), Hours: ptr(2e6), HoursOn: ptr(Date("x")), Year: ptr(1)}, []string{"body.power_kw", "body.hours", "body.year", "body.hours_on"}},
	} {
		_, err := (&Service{}).CreateEngine(t.Context(), account.Actor{}, "boat", test.in)
		if diff := cmp.Diff(test.want, locations(err)); diff != "" {
			t.Error(name, diff)
		}
		_, err = (&Service{}).UpdateEngine(t.Context(), account.Actor{}, "boat", "engine", test.in, "")
		wantKind(t, err, fault.Invalid)
	}
}

func TestEnginesAreForTheirOwn(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		boat := b.boat(BoatInput{Name: ptr("Calypso")})
		e, err := b.CreateEngine(t.Context(), b.ada, boat.ID, EngineInput{})
		if err != nil {
			t.Fatal(err)
		}
		viewer := b.user("viewer@example.org", b.org, account.Viewer)
		for name, call := range map[string]func(who account.Actor) error{
			"create": func(who account.Actor) error {
				_, err := b.CreateEngine(t.Context(), who, boat.ID, EngineInput{})
				return err
			},
			"update": func(who account.Actor) error {
				_, err := b.UpdateEngine(t.Context(), who, boat.ID, e.ID, EngineInput{}, "")
				return err
			},
			"delete": func(who account.Actor) error {
				_, err := b.DeleteEngine(t.Context(), who, boat.ID, e.ID, "")
				return err
			},
		} {
			if err := call(b.eve); !fault.Is(err, fault.NotFound) {
				t.Errorf("%s as a stranger: %v", name, err)
			}
			if err := call(viewer); !fault.Is(err, fault.Forbidden) {
				t.Errorf("%s as a viewer: %v", name, err)
			}
		}
		_, err = b.Engines(t.Context(), b.eve, boat.ID)
		wantKind(t, err, fault.NotFound)
		if _, err := b.Engines(t.Context(), viewer, boat.ID); err != nil {
			t.Error(err)
		}
	})
}

func TestEngineMeterNeverGoesBack(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		boat := b.boat(BoatInput{Name: ptr("Calypso")})
		read := func(hours float64, on Date) EngineInput { return EngineInput{Hours: &hours, HoursOn: &on} }
		e, err := b.CreateEngine(t.Context(), b.ada, boat.ID, read(900, "2026-05-01"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = b.UpdateEngine(t.Context(), b.ada, boat.ID, e.ID, read(800, "2026-06-01"), "")
		wantKind(t, err, fault.Conflict)
		_, err = b.UpdateEngine(t.Context(), b.ada, boat.ID, e.ID, read(950, "2026-04-01"), "")
		wantKind(t, err, fault.Conflict)
		older, err := b.UpdateEngine(t.Context(), b.ada, boat.ID, e.ID, read(700, "2026-03-01"), "")
		if err != nil || *older.Hours != 900 || *older.HoursOn != "2026-05-01" || b.readings(e.ID) != 2 {
			t.Errorf("an older reading changes the newest: %v %v (%v)", *older.Hours, *older.HoursOn, err)
		}
	})
}

func TestBoatsAreFoundByMakeWithoutAccents(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		boat := b.boat(BoatInput{Name: ptr("Étoile"), Make: ptr("Bénéteau"), Model: ptr("Océanis")})
		b.update(boat.ID, BoatInput{Model: ptr("Swift Trawler")})
		for query, want := range map[string]int{"beneteau": 1, "BÉNÉ": 1, "etoile": 1, "trawler": 1, "oceanis": 0, "%": 0} {
			if _, n, err := b.Boats(t.Context(), b.ada, BoatFilter{Query: query, Page: Page{Limit: 10}}); err != nil || n != want {
				t.Errorf("%s finds %d, want %d (%v)", query, n, want, err)
			}
		}
	})
}
