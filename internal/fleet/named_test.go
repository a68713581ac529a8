package fleet

import (
	"testing"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
)

func TestASoldBoatStaysAsItWas(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		ctx, name := t.Context(), "Calypso"
		boat := b.boat(BoatInput{Name: &name})
		code := Systems()[0].Code
		e, err := b.CreateEquipment(ctx, b.ada, boat.ID, EquipmentInput{Name: &name, SystemCode: &code})
		if err != nil {
			t.Fatal(err)
		}
		if err := b.db.Transact(ctx, func(tx *db.Tx) error { return b.Freeze(ctx, tx, boat.ID) }); err != nil {
			t.Fatal(err)
		}
		for what, change := range map[string]func() error{
			"boat":        func() error { _, err := b.UpdateBoat(ctx, b.ada, boat.ID, BoatInput{Name: &name}, ""); return err },
			"delete boat": func() error { _, err := b.DeleteBoat(ctx, b.ada, boat.ID, ""); return err },
			"engine":      func() error { _, err := b.CreateEngine(ctx, b.ada, boat.ID, EngineInput{}); return err },
			"equipment": func() error {
				_, err := b.CreateEquipment(ctx, b.ada, boat.ID, EquipmentInput{Name: &name, SystemCode: &code})
				return err
			},
			"edit equipment": func() error {
				_, err := b.UpdateEquipment(ctx, b.ada, e.ID, EquipmentInput{Name: &name}, "")
				return err
			},
			"delete equipment": func() error { _, err := b.DeleteEquipment(ctx, b.ada, e.ID, ""); return err },
			"writable":         func() error { return b.db.Transact(ctx, func(tx *db.Tx) error { return b.Writable(ctx, tx, boat.ID) }) },
		} {
			if err := change(); !fault.Is(err, fault.Conflict) {
				t.Errorf("%s: %v", what, err)
			}
		}
		got, err := b.Boat(ctx, b.ada, boat.ID)
		if err != nil || got.FrozenAt == nil {
			t.Errorf("%+v, %v", got, err)
		}
		if _, err := b.EquipmentIn(ctx, b.db, b.ada, e.ID, account.Viewer); err != nil {
			t.Error(err)
		}
		if all, err := b.NamesEvenSold(ctx, b.db, b.ada, []BoatID{boat.ID}, account.Member); err != nil || len(all) != 1 {
			t.Errorf("%v, %v", all, err)
		}
	})
}
