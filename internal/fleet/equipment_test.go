package fleet

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
)

func (b *bench) equipment(boat BoatID, system, name string) Equipment {
	b.t.Helper()
	e, err := b.CreateEquipment(b.t.Context(), b.ada, boat, EquipmentInput{SystemCode: &system, Name: &name})
	if err != nil {
		b.t.Fatal(err)
	}
	return e
}

func TestEquipmentLives(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		boat := b.boat(BoatInput{Name: ptr("Calypso")})
		in := EquipmentInput{
			SystemCode: ptr("400"), Name: ptr(" Watermaker "), Maker: ptr("Maker"), Model: ptr("M"), SerialNumber: ptr("S"), Place: ptr("bilge"),
			InstalledOn: ptr(Date("2024-02-29")), Notes: ptr("dry"),
		}
		made, err := b.CreateEquipment(t.Context(), b.ada, boat.ID, in)
		if err != nil {
			t.Fatal(err)
		}
		want := Equipment{
			ID: made.ID, OrgID: b.org, BoatID: boat.ID, SystemCode: "400", Name: "Watermaker", Maker: "Maker", Model: "M", SerialNumber: "S", Place: "bilge",
			InstalledOn: ptr(Date("2024-02-29")), Notes: "dry", CreatedAt: start, UpdatedAt: start,
		}
		got, err := b.Equipment(t.Context(), b.ada, made.ID)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Error(err, diff)
		}
		changed, err := b.UpdateEquipment(t.Context(), b.ada, made.ID, EquipmentInput{Maker: ptr(""), InstalledOn: ptr(Date(""))}, VersionOf(made.UpdatedAt))
		if err != nil || changed.Maker != "" || changed.InstalledOn != nil || changed.Name != "Watermaker" {
			t.Error(changed, err)
		}
		_, err = b.UpdateEquipment(t.Context(), b.ada, made.ID, EquipmentInput{}, VersionOf(made.UpdatedAt))
		wantKind(t, err, fault.Stale)
		_, err = b.DeleteEquipment(t.Context(), b.ada, made.ID, VersionOf(made.UpdatedAt))
		wantKind(t, err, fault.Stale)
		if gone, err := b.DeleteEquipment(t.Context(), b.ada, made.ID, ""); err != nil || gone.DeletedAt == nil {
			t.Error(gone, err)
		}
		_, err = b.Equipment(t.Context(), b.ada, made.ID)
		wantKind(t, err, fault.NotFound)
		_, audits := b.told()
		if diff := cmp.Diff([]string{"boat.created", "equipment.created", "equipment.updated", "equipment.deleted"}, audits); diff != "" {
			t.Error(diff)
		}
	})
}

func TestEquipmentFaults(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		boat := b.boat(BoatInput{Name: ptr("Calypso")})
		for name, test := range map[string]struct {
			in   EquipmentInput
			want []string
		}{
			"nothing": {EquipmentInput{}, []string{"body"}},
			"many":    {EquipmentInput{Name: ptr(" "), SystemCode: ptr("1"), InstalledOn: ptr(Date("x")), Notes: ptr(strings.Repeat("n", 5001))}, []string{"body.notes", "body.name", "body.installed_on", "body.system_code"}},
		} {
			_, err := b.CreateEquipment(t.Context(), b.ada, boat.ID, test.in)
			if diff := cmp.Diff(test.want, locations(err)); diff != "" {
				t.Error(name, diff)
			}
		}
		_, err := b.UpdateEquipment(t.Context(), b.ada, "none", EquipmentInput{Name: ptr("")}, "")
		wantKind(t, err, fault.Invalid) // form is checked first
	})
}

func TestEquipmentList(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		one, two := b.boat(BoatInput{Name: ptr("One")}), b.boat(BoatInput{Name: ptr("Two")})
		b.equipment(one.ID, "400", "Ölpumpe")
		b.equipment(one.ID, "100", "Zinc")
		b.equipment(two.ID, "400", "Anode")
		for name, test := range map[string]struct {
			filter EquipmentFilter
			want   string
			total  int
		}{
			"all":         {EquipmentFilter{}, "Zinc Anode Ölpumpe", 3},
			"of a boat":   {EquipmentFilter{BoatID: one.ID}, "Zinc Ölpumpe", 2},
			"of a system": {EquipmentFilter{System: "400"}, "Anode Ölpumpe", 2},
			"by name":     {EquipmentFilter{Query: "olp"}, "Ölpumpe", 1},
			"a page":      {EquipmentFilter{Page: Page{Limit: 1, Offset: 1}}, "Anode", 3},
		} {
			if test.filter.Limit == 0 {
				test.filter.Limit = 50
			}
			all, total, err := b.EquipmentList(t.Context(), b.ada, test.filter)
			var names []string
			for _, e := range all {
				names = append(names, e.Name)
			}
			if got := strings.Join(names, " "); got != test.want || total != test.total || err != nil {
				t.Errorf("%s: %q of %d, want %q: %v", name, got, total, test.want, err)
			}
		}
		_, _, err := b.EquipmentList(t.Context(), b.eve, EquipmentFilter{BoatID: one.ID})
		wantKind(t, err, fault.NotFound)
		if all, _, err := b.EquipmentList(t.Context(), b.eve, EquipmentFilter{Page: Page{Limit: 50}}); len(all) != 0 || err != nil {
			t.Error(all, err)
		}
	})
}

// What is installed on a boat goes with it, out of lists and of search.
func TestEquipmentGoesWithItsBoat(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		kept, gone := b.boat(BoatInput{Name: ptr("Kept")}), b.boat(BoatInput{Name: ptr("Gone")})
		stays, goes := b.equipment(kept.ID, "400", "Stays"), b.equipment(gone.ID, "400", "Goes")
		var unindexed []EquipmentID
		b.OnEquipment(func(_ context.Context, _ *db.Tx, e Equipment) error {
			if e.DeletedAt != nil {
				unindexed = append(unindexed, e.ID)
			}
			return nil
		})
		if _, err := b.DeleteBoat(t.Context(), b.ada, gone.ID, ""); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]EquipmentID{goes.ID}, unindexed); diff != "" {
			t.Error(diff)
		}
		_, err := b.Equipment(t.Context(), b.ada, goes.ID)
		wantKind(t, err, fault.NotFound)
		all, total, err := b.EquipmentList(t.Context(), b.ada, EquipmentFilter{Page: Page{Limit: 50}})
		if len(all) != 1 || total != 1 || all[0].ID != stays.ID || err != nil {
			t.Error(all, total, err)
		}
		var walked []EquipmentID
		err = b.EachEquipment(t.Context(), b.db, func(e Equipment) error { walked = append(walked, e.ID); return nil })
		if diff := cmp.Diff([]EquipmentID{stays.ID}, walked); diff != "" || err != nil {
			t.Error(err, diff)
		}
		wantKind(t, b.EachEquipment(t.Context(), b.db, func(Equipment) error { return fault.New(fault.Full, "full") }), fault.Full)
	})
}

func TestTheMeterNeverGoesBack(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		e := b.equipment(b.boat(BoatInput{Name: ptr("Calypso")}).ID, "400", "Watermaker")
		for _, step := range []struct {
			on    Date
			hours float64
			want  fault.Kind // -1 for none
			shown float64
		}{
			{"2026-03-01", 100, -1, 100},
			{"2026-04-01", 150.5, -1, 150.5},
			{"2026-05-01", 150, fault.Conflict, 150.5},
			{"2026-04-01", 150.5, -1, 150.5}, // the same again
			{"2026-03-15", 120, -1, 150.5},   // between
			{"2026-03-20", 110, fault.Conflict, 150.5},
			{"2026-03-20", 160, fault.Conflict, 150.5}, // more than later
			{"2026-02-01", 101, fault.Conflict, 150.5},
			{"2026-02-01", 0, -1, 150.5},
			{"", 200, fault.Invalid, 150.5},
			{"2026-02-30", 200, fault.Invalid, 150.5},
			{"2026-06-01", -1, fault.Invalid, 150.5},
			{"2026-06-01", 200, -1, 200},
		} {
			b.clock.Add(time.Second)
			_, err := b.AddReading(t.Context(), b.ada, e.ID, Reading{Hours: step.hours, ReadOn: step.on, Source: "hour meter"})
			if step.want == -1 && err != nil || step.want != -1 && !fault.Is(err, step.want) {
				t.Errorf("%g on %s: %v", step.hours, step.on, err)
			}
			got, err := b.Equipment(t.Context(), b.ada, e.ID)
			if err != nil || got.Hours == nil || *got.Hours != step.shown {
				t.Errorf("after %g on %s: %+v, %v", step.hours, step.on, got.Hours, err)
			}
		}
	})
}

func TestEquipmentIsForItsOwn(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		boat := b.boat(BoatInput{Name: ptr("Calypso")})
		e := b.equipment(boat.ID, "400", "Watermaker")
		viewer, member := b.user("viewer@example.org", b.org, account.Viewer), b.user("member@example.org", b.org, account.Member)
		in := EquipmentInput{SystemCode: ptr("400"), Name: ptr("N")}
		calls := map[string]struct {
			role account.Role
			call func(who account.Actor) error
		}{
			"read":   {account.Viewer, func(who account.Actor) error { _, err := b.Equipment(t.Context(), who, e.ID); return err }},
			"create": {account.Member, func(who account.Actor) error { _, err := b.CreateEquipment(t.Context(), who, boat.ID, in); return err }},
			"update": {account.Member, func(who account.Actor) error { _, err := b.UpdateEquipment(t.Context(), who, e.ID, in, ""); return err }},
			"reading": {account.Member, func(who account.Actor) error {
				_, err := b.AddReading(t.Context(), who, e.ID, Reading{ReadOn: "2026-01-01"})
				return err
			}},
			"delete": {account.Manager, func(who account.Actor) error { _, err := b.DeleteEquipment(t.Context(), who, e.ID, ""); return err }},
		}
		for name, test := range calls {
			if err := test.call(b.eve); !fault.Is(err, fault.NotFound) {
				t.Errorf("%s as a stranger: %v", name, err)
			}
			for role, who := range map[account.Role]account.Actor{account.Viewer: viewer, account.Member: member} {
				err := test.call(who)
				if allowed := role.AtLeast(test.role); allowed && err != nil || !allowed && !fault.Is(err, fault.Forbidden) {
					t.Errorf("%s as a %s: %v", name, role, err)
				}
			}
		}
	})
}
