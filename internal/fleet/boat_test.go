package fleet

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
)

func TestBoatKeepsWhatItIsGiven(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		in := BoatInput{
			Name: ptr(" Calypso "), Make: ptr("Bénéteau"), Model: ptr("Oceanis 46.1"), Year: ptr(2021), BuildYear: ptr(2020), LaunchYear: ptr(2021), RefitYear: ptr(2024),
			HIN: ptr("gb abc00042a313"), MMSI: ptr("235 012 345"), IMO: ptr("IMO 9074729"), CallSign: ptr("mabc1"), OfficialNumber: ptr("123"), SailNumber: ptr("GBR 1"),
			HullNumber: ptr("7"), Flag: ptr("gb"), HomePort: ptr("Cowes"), HullMaterial: ptr("GRP"), Builder: ptr("B"), Designer: ptr("D"), Class: ptr("sail"),
			LengthM: ptr(14.6), LOAM: ptr(15.0), LWLM: ptr(13.2), BeamM: ptr(4.5), DraftM: ptr(2.35), AirDraftM: ptr(21.0), DisplacementKg: ptr(10597.0),
			TimeZone: ptr("Europe/London"),
			Owners:   &[]Owner{{Name: "Ada", SharePercent: ptr(60.0), Contact: "ada@example.org", Signs: true}, {Name: "Bo", SharePercent: ptr(40.0)}},
			Uses:     &[]Use{{Use: "private", StartsOn: "2021-05-01", EndsOn: "2023-04-30"}, {Use: "charter", StartsOn: "2023-05-01"}},
		}
		made := b.boat(in)
		want := Boat{
			ID: made.ID, OrgID: b.org, Slug: "calypso", Name: "Calypso", Make: "Bénéteau", Model: "Oceanis 46.1",
			Year: ptr(2021), BuildYear: ptr(2020), LaunchYear: ptr(2021), RefitYear: ptr(2024),
			HIN: "GB-ABC00042A313", MMSI: "235012345", IMO: "9074729", CallSign: made.CallSign, OfficialNumber: "123", SailNumber: "GBR 1",
			HullNumber: "7", Flag: "GB", HomePort: "Cowes", HullMaterial: "GRP", Builder: "B", Designer: "D", Class: "sail",
			LengthM: ptr(14.6), LOAM: ptr(15.0), LWLM: ptr(13.2), BeamM: ptr(4.5), DraftM: ptr(2.35), AirDraftM: ptr(21.0), DisplacementKg: ptr(10597.0),
			TimeZone: "Europe/London", Owners: *in.Owners, Uses: *in.Uses, Warnings: made.Warnings, CreatedAt: start, UpdatedAt: start,
		}
		got, err := b.Boat(t.Context(), b.ada, made.ID)
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(Boat{}, twins{})); diff != "" || err != nil {
			t.Error(err, diff)
		}
	})
}

func TestUpdateChangesWhatIsGivenAndTakesAway(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		boat := b.boat(BoatInput{
			Name: ptr("Calypso"), Make: ptr("Maker"), Year: ptr(2020), LengthM: ptr(12.0), Flag: ptr("FR"),
			Owners: &[]Owner{{Name: "Ada"}}, Uses: &[]Use{{Use: "private"}},
		})
		same := b.update(boat.ID, BoatInput{})
		if diff := cmp.Diff(boat.Owners, same.Owners); diff != "" || same.Make != "Maker" || *same.Year != 2020 || len(same.Uses) != 1 {
			t.Errorf("nothing was given: %+v", same)
		}
		bare := b.update(boat.ID, BoatInput{Make: ptr(""), Year: ptr(0), LengthM: ptr(0.0), Flag: ptr(""), Owners: &[]Owner{}, Uses: &[]Use{}})
		if bare.Make != "" || bare.Year != nil || bare.LengthM != nil || bare.Flag != "" || len(bare.Owners) != 0 || len(bare.Uses) != 0 || bare.Name != "Calypso" {
			t.Errorf("%+v", bare)
		}
	})
}

func TestBoatFaultsAreListedAtOnce(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", 201)
	for name, test := range map[string]struct {
		in   BoatInput
		want []string
	}{
		"no name":       {BoatInput{}, []string{"body.name"}},
		"blank name":    {BoatInput{Name: ptr("  ")}, []string{"body.name"}},
		"many":          {BoatInput{Name: &long, Flag: ptr("GBR"), TimeZone: ptr("Local"), Year: ptr(20), LengthM: ptr(-1.0), DisplacementKg: ptr(1e9)}, []string{"body.name", "body.flag", "body.time_zone", "body.year", "body.length_m", "body.displacement_kg"}},
		"unknown zone":  {BoatInput{Name: ptr("A"), TimeZone: ptr("Mars")}, []string{"body.time_zone"}},
		"shares":        {BoatInput{Name: ptr("A"), Owners: &[]Owner{{Name: "A", SharePercent: ptr(60.0)}, {Name: "B", SharePercent: ptr(40.5)}}}, []string{"body.owners"}},
		"owner's name":  {BoatInput{Name: ptr("A"), Owners: &[]Owner{{Name: " "}, {Name: long}}}, []string{"body.owners[0].name", "body.owners[1].name"}},
		"dates of uses": {BoatInput{Name: ptr("A"), Uses: &[]Use{{Use: "private", StartsOn: "1.5.2020", EndsOn: "2020-02-30"}}}, []string{"body.uses[0].starts_on", "body.uses[0].ends_on"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := (&Service{}).CreateBoat(t.Context(), account.Actor{}, "", test.in)
			wantKind(t, err, fault.Invalid)
			if diff := cmp.Diff(test.want, locations(err)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBoatWarnings(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		boat := b.boat(BoatInput{
			Name: ptr("Odd"), Year: ptr(2001), HIN: ptr("GB-ABC00042A313"), MMSI: ptr("12"), IMO: ptr("9074728"), CallSign: ptr("?"), Flag: ptr("GB"),
		})
		fields := map[string]bool{}
		for _, w := range boat.Warnings {
			if w.Message == "" {
				t.Errorf("%s has an empty warning", w.Field)
			}
			fields[w.Field] = true
		}
		if diff := cmp.Diff(map[string]bool{"hin": true, "mmsi": true, "imo": true, "call_sign": true}, fields); diff != "" {
			t.Error(diff, boat.Warnings)
		}
		if text := says(boat, "hin"); !strings.Contains(text, "model year 2013") || !strings.Contains(text, "2001") {
			t.Error(text)
		}
		if good := b.boat(BoatInput{Name: ptr("Plain")}); len(good.Warnings) != 0 {
			t.Error(good.Warnings)
		}
	})
}

func says(b Boat, field string) string {
	var all []string
	for _, w := range b.Warnings {
		if w.Field == field {
			all = append(all, w.Message)
		}
	}
	return strings.Join(all, "\n")
}

func TestTwinsWarn(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		in := BoatInput{Name: ptr("One"), HIN: ptr("GB-ABC00042A313"), MMSI: ptr("235012345")}
		one, other := b.boat(in), b.boat(in)
		if _, err := b.CreateBoat(t.Context(), b.eve, b.eve.Orgs(account.Admin)[0], in); err != nil {
			t.Fatal(err)
		}
		warned := func(id BoatID) (hin, mmsi bool) {
			got, err := b.Boat(t.Context(), b.ada, id)
			if err != nil {
				t.Fatal(err)
			}
			return strings.Contains(says(got, "hin"), "another boat"), strings.Contains(says(got, "mmsi"), "another boat")
		}
		for _, id := range []BoatID{one.ID, other.ID} {
			if hin, mmsi := warned(id); !hin || !mmsi {
				t.Errorf("%s: hin %t, mmsi %t", id, hin, mmsi)
			}
		}
		if _, err := b.DeleteBoat(t.Context(), b.ada, other.ID, ""); err != nil {
			t.Fatal(err)
		}
		if hin, mmsi := warned(one.ID); hin || mmsi {
			t.Error("a deleted boat is a twin")
		}
	})
}

// Who create boats of one name at the same moment all get theirs.
func TestSlugsAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		var slugs sync.Map
		var all sync.WaitGroup
		for range 12 {
			all.Go(func() {
				boat, err := b.CreateBoat(t.Context(), b.ada, b.org, BoatInput{Name: ptr("Nemo")})
				if err != nil {
					t.Error(err)
				}
				if _, twice := slugs.LoadOrStore(boat.Slug, true); twice {
					t.Errorf("%s is there twice", boat.Slug)
				}
			})
		}
		all.Wait()
	})
}

func TestSlugs(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		slugOf := func(name string) string { return b.boat(BoatInput{Name: &name}).Slug }
		for _, test := range []struct{ name, want string }{
			{"Calypso II", "calypso-ii"},
			{"calypso ii", "calypso-ii-2"},
			{"Calypso II", "calypso-ii-3"},
			{"Ærø & Übermut!", "aero-ubermut"},
			{"帆船", "boat"},
			{"---", "boat-2"},
			{strings.Repeat("abcdefghij", 12), strings.Repeat("abcdefghij", 4)},
		} {
			if got := slugOf(test.name); got != test.want {
				t.Errorf("%s: %s, want %s", test.name, got, test.want)
			}
		}
		boat := b.boat(BoatInput{Name: ptr("First")})
		if renamed := b.update(boat.ID, BoatInput{Name: ptr("Second")}); renamed.Slug != "first" || renamed.Name != "Second" {
			t.Error(renamed.Slug, renamed.Name)
		}
		if got := slugOf("First"); got != "first-2" {
			t.Error(got)
		}
		if _, err := b.DeleteBoat(t.Context(), b.ada, boat.ID, ""); err != nil {
			t.Fatal(err)
		}
		if got := slugOf("First"); got != "first" {
			t.Error("a deleted boat keeps its slug: ", got)
		}
		theirs, err := b.CreateBoat(t.Context(), b.eve, b.eve.Orgs(account.Admin)[0], BoatInput{Name: ptr("Calypso II")})
		if err != nil || theirs.Slug != "calypso-ii" {
			t.Error(theirs.Slug, err)
		}
	})
}

func TestVersions(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		boat := b.boat(BoatInput{Name: ptr("Calypso")})
		old := VersionOf(boat.UpdatedAt)
		// The clock stands still, and yet each change is another version.
		changed, err := b.UpdateBoat(t.Context(), b.ada, boat.ID, BoatInput{Name: ptr("Second")}, old)
		if err != nil || VersionOf(changed.UpdatedAt) == old {
			t.Fatal(changed.UpdatedAt, err)
		}
		_, err = b.UpdateBoat(t.Context(), b.ada, boat.ID, BoatInput{Name: ptr("Third")}, old)
		wantKind(t, err, fault.Stale)
		_, err = b.DeleteBoat(t.Context(), b.ada, boat.ID, old)
		wantKind(t, err, fault.Stale)
		if _, err := b.DeleteBoat(t.Context(), b.ada, boat.ID, VersionOf(changed.UpdatedAt)); err != nil {
			t.Error(err)
		}
		_, err = b.Boat(t.Context(), b.ada, boat.ID)
		wantKind(t, err, fault.NotFound)
	})
}

func TestBoatsList(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		for _, x := range []struct {
			name, maker string
			year        int
		}{{"Åland", "Nauticat", 1990}, {"bravo", "50% Boats", 0}, {"Alpha", "Nauti_cat", 2010}, {"Zulu", "Other", 2000}} {
			b.clock.Add(time.Second)
			b.boat(BoatInput{Name: &x.name, Make: &x.maker, Model: ptr("M1"), Year: &x.year})
		}
		for name, test := range map[string]struct {
			filter BoatFilter
			want   string
			total  int
		}{
			"by name":         {BoatFilter{}, "Åland Alpha bravo Zulu", 4},
			"by name, back":   {BoatFilter{Sort: "-name"}, "Zulu bravo Alpha Åland", 4},
			"by year":         {BoatFilter{Sort: "year"}, "Åland Zulu Alpha bravo", 4},
			"by year, back":   {BoatFilter{Sort: "-year"}, "Alpha Zulu Åland bravo", 4},
			"oldest":          {BoatFilter{Sort: "created_at"}, "Åland bravo Alpha Zulu", 4},
			"newest":          {BoatFilter{Sort: "-created_at"}, "Zulu Alpha bravo Åland", 4},
			"a page":          {BoatFilter{Page: Page{Limit: 2, Offset: 1}}, "Alpha bravo", 4},
			"past all":        {BoatFilter{Page: Page{Limit: 2, Offset: 9}}, "", 4},
			"name, folded":    {BoatFilter{Query: "ALAND"}, "Åland", 1},
			"maker":           {BoatFilter{Query: "nauti"}, "Åland Alpha", 2},
			"model":           {BoatFilter{Query: "m1"}, "Åland Alpha bravo Zulu", 4},
			"a literal %":     {BoatFilter{Query: "0%"}, "bravo", 1},
			"a literal _":     {BoatFilter{Query: "i_c"}, "Alpha", 1},
			"nothing matches": {BoatFilter{Query: "yankee"}, "", 0},
		} {
			if test.filter.Limit == 0 {
				test.filter.Limit = 50
			}
			all, total, err := b.Boats(t.Context(), b.ada, test.filter)
			var names []string
			for _, x := range all {
				names = append(names, x.Name)
			}
			if got := strings.Join(names, " "); got != test.want || total != test.total || err != nil {
				t.Errorf("%s: %q of %d, want %q of %d: %v", name, got, total, test.want, test.total, err)
			}
		}
		_, _, err := b.Boats(t.Context(), b.ada, BoatFilter{Sort: "hin; DROP TABLE boats"})
		wantKind(t, err, fault.Invalid)
	})
}

func TestBoatsAreForTheirOwn(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		boat := b.boat(BoatInput{Name: ptr("Calypso")})
		member := b.user("member@example.org", b.org, account.Member)
		calls := map[string]func(who account.Actor) error{
			"read": func(who account.Actor) error { _, err := b.Boat(t.Context(), who, boat.ID); return err },
			"create": func(who account.Actor) error {
				_, err := b.CreateBoat(t.Context(), who, b.org, BoatInput{Name: ptr("A")})
				return err
			},
			"update": func(who account.Actor) error {
				_, err := b.UpdateBoat(t.Context(), who, boat.ID, BoatInput{}, "")
				return err
			},
			"timeline": func(who account.Actor) error {
				_, err := b.Timeline(t.Context(), who, boat.ID, Page{Limit: 1})
				return err
			},
			"delete": func(who account.Actor) error { _, err := b.DeleteBoat(t.Context(), who, boat.ID, ""); return err },
		}
		for name, call := range calls {
			if err := call(b.eve); !fault.Is(err, fault.NotFound) {
				t.Errorf("%s as a stranger: %v", name, err)
			}
			err := call(member)
			if reads := name == "read" || name == "timeline"; reads && err != nil || !reads && !fault.Is(err, fault.Forbidden) {
				t.Errorf("%s as a member: %v", name, err)
			}
		}
		if all, total, err := b.Boats(t.Context(), b.eve, BoatFilter{Page: Page{Limit: 50}}); len(all) != 0 || total != 0 || err != nil {
			t.Error(all, total, err)
		}
		err := b.db.Transact(t.Context(), func(tx *db.Tx) error {
			if got, err := b.BoatIn(t.Context(), tx, b.ada, boat.ID, account.Manager); err != nil || got.ID != boat.ID {
				t.Error(got.ID, err)
			}
			_, err := b.BoatIn(t.Context(), tx, member, boat.ID, account.Manager)
			return err
		})
		wantKind(t, err, fault.Forbidden)
	})
}

func TestBoatChangesAreToldAndAudited(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		boat := b.boat(BoatInput{Name: ptr("Calypso")})
		b.boat(BoatInput{Name: ptr("Other")})
		b.update(boat.ID, BoatInput{Name: ptr("Second")})
		if _, err := b.UpdateBoat(t.Context(), b.ada, boat.ID, BoatInput{Name: ptr("Third")}, "stale"); err == nil {
			t.Error("a stale change was made")
		}
		if _, err := b.DeleteBoat(t.Context(), b.ada, boat.ID, ""); err != nil {
			t.Fatal(err)
		}
		events, audits := b.told()
		if diff := cmp.Diff([]string{"boat.created 1", "boat.created 1", "boat.updated 2", "boat.deleted 3"}, events); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"boat.created", "boat.created", "boat.updated", "boat.deleted"}, audits); diff != "" {
			t.Error(diff)
		}
	})
}
