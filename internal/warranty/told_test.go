package warranty

import (
	"testing"

	"navidocs/internal/event"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
)

// A reading that ends a cover sooner is told as a change of the warranty; one
// that moves nothing is not.
func TestAReadingThatMovesAnEndIsTold(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		item := b.equipment(b.boat)
		w := b.create(Input{EquipmentID: &item, PurchaseDate: "2026-01-15", Months: 24, HoursLimit: ptr(100.0)})
		for _, x := range []struct {
			hours float64
			want  string
		}{{50, "warranty.created"}, {120, "warranty.updated"}} {
			if _, err := b.boats.AddReading(t.Context(), b.ada, item, fleet.Reading{Hours: x.hours, ReadOn: "2026-04-01"}); err != nil {
				t.Fatal(err)
			}
			told, err := event.OfBoat(t.Context(), b.db, string(b.boat), 1, 0)
			if err != nil || told[0].Type != x.want {
				t.Errorf("after %g hours: %+v, %v", x.hours, told, err)
			}
		}
		if got := b.read(w.ID); got.ExpirationDate != "2026-04-01" || got.EndsBy != "hours" {
			t.Error(got.ExpirationDate, got.EndsBy)
		}
	})
}

// A warranty stays claimed as long as a claim is open.
func TestAnOpenClaimKeepsItsWarrantyClaimed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.create(Input{PurchaseDate: "2026-01-15", Months: 24})
		x, err := b.CreateClaim(t.Context(), b.ada, w.ID, ClaimInput{})
		if err != nil {
			t.Fatal(err)
		}
		b.update(w.ID, Patch{Status: ptr(Active)}) // a draft does not count
		for _, to := range []ClaimState{Sent, Closed} {
			if _, err := b.UpdateClaim(t.Context(), b.ada, w.ID, x.ID, ClaimInput{State: &to}, ""); err != nil {
				t.Fatal(err)
			}
			_, err := b.Update(t.Context(), b.ada, w.ID, Patch{Status: ptr(Active)}, "")
			if to == Sent {
				wantKind(t, err, fault.Conflict)
			} else if err != nil {
				t.Error(err)
			}
		}
	})
}
