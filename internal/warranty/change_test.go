package warranty

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/account"
	"navidocs/internal/event"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
)

// full is a warranty with every field.
func (b *bench) full() Input {
	equipment, engine := b.equipment(b.boat), b.engine(b.boat)
	return Input{
		BoatID: b.boat, EquipmentID: &equipment, EngineID: &engine, ItemName: "Engine", Provider: "Maker", SerialNumber: "S",
		PurchaseDate: "2025-06-10", StartDate: "2025-07-01", Months: 24, HoursLimit: ptr(2000.0), HoursAtStart: 10,
		MakerInvoiceDate: ptr(fleet.Date("2025-05-01")), MonthsAfterInvoice: ptr(66), CoverageAmount: ptr(1234.56), Currency: "EUR",
		Lines:              []LineInput{{Coverage: "structure", Months: ptr(60)}, {Coverage: "parts", HoursLimit: ptr(500.0), MonthsAfterInvoice: ptr(36)}},
		RegistrationNumber: "R", Transferable: true, TransferWindowDays: ptr(30), TransferCost: ptr(99.5), ClaimInstructions: "call",
	}
}

// given is what of a warranty was given.
func given(w Warranty) Input {
	in := w.input()
	in.state, in.voidReason = "", ""
	return in
}

func sameInput(t *testing.T, want, got Input) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(Input{}, LineInput{})); diff != "" {
		t.Error(diff)
	}
}

func TestPutReplacesEverything(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		full := b.full()
		w := b.create(full)
		sameInput(t, full, given(b.read(w.ID)))
		bare := Input{BoatID: b.boat, ItemName: "Mast", PurchaseDate: "2024-02-29", Months: 12}
		got, err := b.Replace(t.Context(), b.ada, w.ID, bare, fleet.VersionOf(w.UpdatedAt))
		if err != nil {
			t.Fatal(err)
		}
		bare.StartDate = bare.PurchaseDate
		sameInput(t, bare, given(got))
		if got.ExpirationDate != "2025-02-28" || got.ID != w.ID || !got.CreatedAt.Equal(w.CreatedAt) || !got.UpdatedAt.After(w.UpdatedAt) {
			t.Errorf("%+v", got)
		}
		if got, err = b.Replace(t.Context(), b.ada, w.ID, full, ""); err != nil {
			t.Fatal(err)
		}
		sameInput(t, full, given(got))
	})
}

// Whether it is claimed or void is not what was recorded, and stays.
func TestPutLeavesTheState(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.ending("Engine", 50)
		b.update(w.ID, Patch{Status: ptr(Void), VoidReason: ptr("raced")})
		got, err := b.Replace(t.Context(), b.ada, w.ID, given(w), "")
		if err != nil || got.Status != Void || got.VoidReason != "raced" {
			t.Error(got.Status, got.VoidReason, err)
		}
	})
}

func TestPatchLeavesWhatIsAbsent(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		full := b.full()
		w := b.create(full)
		sameInput(t, full, given(b.update(w.ID, Patch{})))
		full.Provider = "Another"
		sameInput(t, full, given(b.update(w.ID, Patch{Provider: ptr(" Another ")})))
	})
}

func TestPatchTakesAway(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.create(b.full())
		got := b.update(w.ID, Patch{
			EquipmentID: ptr(fleet.EquipmentID("")), EngineID: ptr(fleet.EngineID("")), Provider: ptr(""), SerialNumber: ptr(""),
			StartDate: ptr(fleet.Date("")), HoursLimit: ptr(0.0), HoursAtStart: ptr(0.0), MakerInvoiceDate: ptr(fleet.Date("")), MonthsAfterInvoice: ptr(0),
			CoverageAmount: ptr(0.0), Lines: &[]LineInput{}, RegistrationNumber: ptr(""), Transferable: ptr(false), TransferWindowDays: ptr(0),
			ClaimInstructions: ptr(""),
		})
		want := Input{
			BoatID: b.boat, ItemName: "Engine", PurchaseDate: "2025-06-10", StartDate: "2025-06-10", Months: 24, Currency: "EUR", TransferCost: ptr(99.5),
		}
		sameInput(t, want, given(got))
		if got := b.update(w.ID, Patch{TransferCost: ptr(0.0)}); *got.TransferCost != 0 { // free is a price
			t.Error(*got.TransferCost)
		}
	})
}

func TestTheStartFollowsThePurchase(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.create(Input{PurchaseDate: "2025-06-10", Months: 12})
		if got := b.update(w.ID, Patch{PurchaseDate: ptr(fleet.Date("2025-07-31"))}); got.StartDate != "2025-07-31" || got.ExpirationDate != "2026-07-31" {
			t.Error(got.StartDate, got.ExpirationDate)
		}
		// A start of its own stays.
		b.update(w.ID, Patch{StartDate: ptr(fleet.Date("2025-08-15"))})
		if got := b.update(w.ID, Patch{PurchaseDate: ptr(fleet.Date("2025-06-01"))}); got.StartDate != "2025-08-15" || got.ExpirationDate != "2026-08-15" {
			t.Error(got.StartDate, got.ExpirationDate)
		}
		both := Patch{PurchaseDate: ptr(fleet.Date("2025-01-31")), StartDate: ptr(fleet.Date("2025-02-28"))}
		if got := b.update(w.ID, both); got.PurchaseDate != "2025-01-31" || got.StartDate != "2025-02-28" {
			t.Error(got.PurchaseDate, got.StartDate)
		}
		if got := b.update(w.ID, Patch{StartDate: ptr(fleet.Date(""))}); got.StartDate != "2025-01-31" {
			t.Error(got.StartDate)
		}
	})
}

func TestChangesNeedTheVersionThatWasRead(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.ending("Engine", 50)
		old := fleet.VersionOf(w.UpdatedAt)
		if _, err := b.Update(t.Context(), b.ada, w.ID, Patch{Provider: ptr("A")}, old); err != nil {
			t.Fatal(err)
		}
		_, err := b.Update(t.Context(), b.ada, w.ID, Patch{Provider: ptr("B")}, old)
		wantKind(t, err, fault.Stale)
		_, err = b.Replace(t.Context(), b.ada, w.ID, given(w), old)
		wantKind(t, err, fault.Stale)
		_, err = b.Delete(t.Context(), b.ada, w.ID, old)
		wantKind(t, err, fault.Stale)
		if got := b.read(w.ID); got.Provider != "A" {
			t.Error(got.Provider)
		}
		if _, err = b.Delete(t.Context(), b.ada, w.ID, fleet.VersionOf(b.read(w.ID).UpdatedAt)); err != nil {
			t.Error(err)
		}
	})
}

func TestChangesAreForTheirOwn(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.ending("Engine", 50)
		for who, kind := range map[*account.Actor]fault.Kind{&b.eve: fault.NotFound, ptr(b.viewer()): fault.Forbidden} {
			_, err := b.Update(t.Context(), *who, w.ID, Patch{Provider: ptr("X")}, "")
			wantKind(t, err, kind)
			_, err = b.Replace(t.Context(), *who, w.ID, given(w), "")
			wantKind(t, err, kind)
			_, err = b.Delete(t.Context(), *who, w.ID, "")
			wantKind(t, err, kind)
			_, err = b.Restore(t.Context(), *who, w.ID)
			wantKind(t, err, kind)
		}
		member := b.member()
		if _, err := b.Update(t.Context(), member, w.ID, Patch{Provider: ptr("X")}, ""); err != nil {
			t.Error(err)
		}
		_, err := b.Delete(t.Context(), member, w.ID, "")
		wantKind(t, err, fault.Forbidden)
		_, err = b.Restore(t.Context(), member, w.ID)
		wantKind(t, err, fault.Forbidden)
	})
}

// A warranty stays in its organization, even for who is in both.
func TestAWarrantyMovesToBoatsOfItsOrganizationOnly(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		equipment := b.equipment(b.boat)
		w := b.create(Input{EquipmentID: &equipment, PurchaseDate: "2026-01-15", Months: 12})
		other := b.newBoat("Other", "Pacific/Kiritimati")
		home := b.org
		org, err := b.accounts.CreateOrganization(t.Context(), b.ada, "Second")
		if err != nil {
			t.Fatal(err)
		}
		if b.ada, err = b.accounts.ActorFor(t.Context(), "ada@example.org"); err != nil {
			t.Fatal(err)
		}
		b.org = org.ID
		foreign := b.newBoat("Foreign", "")
		b.org = home

		_, err = b.Update(t.Context(), b.ada, w.ID, Patch{BoatID: &foreign, EquipmentID: ptr(fleet.EquipmentID(""))}, "")
		wantFields(t, err, "body.boat_id")
		_, err = b.Update(t.Context(), b.ada, w.ID, Patch{BoatID: ptr(fleet.BoatID("none"))}, "")
		wantKind(t, err, fault.NotFound)
		_, err = b.Update(t.Context(), b.ada, w.ID, Patch{BoatID: &other}, "")
		wantFields(t, err, "body.equipment_id")
		got := b.update(w.ID, Patch{BoatID: &other, EquipmentID: ptr(fleet.EquipmentID(""))})
		if got.BoatID != other || got.BoatName != "Other" || got.timeZone != "Pacific/Kiritimati" || got.OrgID != home {
			t.Errorf("%+v", got)
		}
	})
}

func TestWhatCountsHoursIsOnTheBoat(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		other := b.newBoat("Other", "")
		equipment, engine := b.equipment(other), b.engine(other)
		in := Input{BoatID: b.boat, ItemName: "X", PurchaseDate: "2026-01-15", Months: 12, EngineID: &engine}
		_, err := b.Create(t.Context(), b.ada, in)
		wantKind(t, err, fault.NotFound)
		w := b.ending("Engine", 50)
		_, err = b.Update(t.Context(), b.ada, w.ID, Patch{EngineID: &engine}, "")
		wantKind(t, err, fault.NotFound)
		_, err = b.Update(t.Context(), b.ada, w.ID, Patch{EquipmentID: &equipment}, "")
		wantFields(t, err, "body.equipment_id")
	})
}

func TestAllFaultsAreSaidAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.ending("Engine", 50)
		bad := Input{
			BoatID: b.boat, PurchaseDate: "2026-02-30", StartDate: "soon", Months: 0, HoursLimit: ptr(-1.0), HoursAtStart: 1e7,
			MonthsAfterInvoice: ptr(12), TransferWindowDays: ptr(-1), CoverageAmount: ptr(-1.0), TransferCost: ptr(1e9), Currency: "eur",
			Lines: []LineInput{{}, {Coverage: "Lack"}, {Coverage: "LACK", Months: ptr(361), HoursLimit: ptr(0.5), MonthsAfterInvoice: ptr(0)}},
		}
		want := []string{
			"body.item_name", "body.purchase_date", "body.start_date", "body.warranty_period_months", "body.hours_limit", "body.hours_at_start",
			"body.maker_invoice_date", "body.coverage_lines[0].coverage", "body.coverage_lines[0].months", "body.coverage_lines[1].months",
			"body.coverage_lines[2].coverage", "body.coverage_lines[2].months", "body.coverage_lines[2].hours_limit",
			"body.coverage_lines[2].months_after_invoice", "body.maker_invoice_date", "body.transfer_window_days", "body.coverage_amount",
			"body.transfer_cost", "body.currency",
		}
		_, err := b.Create(t.Context(), b.ada, bad)
		wantFields(t, err, want...)
		_, err = b.Replace(t.Context(), b.ada, w.ID, bad, "")
		wantFields(t, err, want...)
		_, err = b.Update(t.Context(), b.ada, w.ID, Patch{
			ItemName: ptr(" "), Months: ptr(0), Status: ptr(Void), HoursAtStart: ptr(-1.0),
		}, "")
		wantFields(t, err, "body.item_name", "body.warranty_period_months", "body.hours_at_start", "body.void_reason")
		if got := b.read(w.ID); got.Status != Active || !got.UpdatedAt.Equal(w.UpdatedAt) {
			t.Errorf("a refused change left %+v", got)
		}
	})
}

func TestVoidKeepsItsReason(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.ending("Engine", 50)
		refused := func(p Patch, fields ...string) {
			t.Helper()
			_, err := b.Update(t.Context(), b.ada, w.ID, p, "")
			wantFields(t, err, fields...)
		}
		refused(Patch{Status: ptr(Void)}, "body.void_reason")
		refused(Patch{Status: ptr(Void), VoidReason: ptr(" \x00")}, "body.void_reason")
		refused(Patch{VoidReason: ptr("raced")}, "body.void_reason")
		refused(Patch{Status: ptr(Expired)}, "body.status")
		refused(Patch{Status: ptr(Deleted)}, "body.status")
		refused(Patch{Status: ptr(Status(""))}, "body.status")
		w = b.update(w.ID, Patch{Status: ptr(Void), VoidReason: ptr(" raced ")})
		if w.Status != Void || w.VoidReason != "raced" || w.Level != nil {
			t.Errorf("%+v", w)
		}
		if got := b.update(w.ID, Patch{Provider: ptr("X")}); got.Status != Void || got.VoidReason != "raced" {
			t.Errorf("%+v", got)
		}
		if got := b.update(w.ID, Patch{VoidReason: ptr("raced twice")}); got.VoidReason != "raced twice" {
			t.Error(got.VoidReason)
		}
		refused(Patch{VoidReason: ptr("")}, "body.void_reason")
		refused(Patch{Status: ptr(Active), VoidReason: ptr("not any more")}, "body.void_reason")
		if got := b.update(w.ID, Patch{Status: ptr(Active)}); got.Status != Active || got.VoidReason != "" {
			t.Errorf("%+v", got)
		}
	})
}

func TestMoneyIsHiddenFromViewers(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.create(b.full())
		viewer := b.viewer()
		got, err := b.Warranty(t.Context(), viewer, w.ID)
		if err != nil || got.CoverageAmount != nil || got.TransferCost != nil {
			t.Error(got.CoverageAmount, got.TransferCost, err)
		}
		totals, err := b.Totals(t.Context(), viewer, b.boat)
		if err != nil || len(totals.Coverage) != 0 || totals.Total != 1 || totals.ByStatus["active"] != 1 {
			t.Errorf("%+v, %v", totals, err)
		}
		totals, err = b.Totals(t.Context(), b.member(), b.boat)
		if diff := cmp.Diff([]Sum{{"EUR", 1234.56}}, totals.Coverage); diff != "" || err != nil {
			t.Error(err, diff)
		}
	})
}

func TestADeletedWarrantyCanOnlyBeRestored(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.ending("Engine", 50)
		gone, err := b.Delete(t.Context(), b.ada, w.ID, "")
		if err != nil || gone.Status != Deleted || gone.Level != nil {
			t.Fatal(gone, err)
		}
		_, err = b.Warranty(t.Context(), b.ada, w.ID)
		wantKind(t, err, fault.NotFound)
		_, err = b.Update(t.Context(), b.ada, w.ID, Patch{}, "")
		wantKind(t, err, fault.NotFound)
		_, err = b.Replace(t.Context(), b.ada, w.ID, given(w), "")
		wantKind(t, err, fault.NotFound)
		_, err = b.Delete(t.Context(), b.ada, w.ID, "")
		wantKind(t, err, fault.NotFound)
		for status, n := range map[Status]int{"": 0, Active: 0, Deleted: 1} {
			all, total, err := b.Warranties(t.Context(), b.ada, Filter{Status: status, Within: -1, Page: fleet.Page{Limit: 10}})
			if err != nil || len(all) != n || total != n {
				t.Errorf("%q: %d of %d, %v", status, len(all), total, err)
			}
		}
		if totals, err := b.Totals(t.Context(), b.ada, b.boat); err != nil || totals.Total != 0 {
			t.Error(totals, err)
		}
		back, err := b.Restore(t.Context(), b.ada, w.ID)
		if err != nil || back.Status != Active || !back.UpdatedAt.After(gone.UpdatedAt) {
			t.Error(back, err)
		}
		again, err := b.Restore(t.Context(), b.ada, w.ID)
		if err != nil || !again.UpdatedAt.Equal(back.UpdatedAt) {
			t.Error("restoring what is there changed it:", err)
		}
	})
}

func TestChangesAreToldAndAudited(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.ending("Engine", 50)
		b.update(w.ID, Patch{Months: ptr(24)})
		if _, err := b.Delete(t.Context(), b.ada, w.ID, ""); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Restore(t.Context(), b.ada, w.ID); err != nil {
			t.Fatal(err)
		}
		told, err := event.OfBoat(t.Context(), b.db, string(b.boat), 10, 0)
		if err != nil {
			t.Fatal(err)
		}
		var types []string
		for _, e := range told {
			types = append(types, e.Type)
		}
		if diff := cmp.Diff([]string{"warranty.updated", "warranty.deleted", "warranty.updated", "warranty.created", "boat.created"}, types); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"warranty.updated", "warranty.deleted", "warranty.updated", "warranty.created"}, b.trail("warranty")); diff != "" {
			t.Error(diff)
		}
	})
}

// trail is what was audited of a kind of subject, newest first.
func (b *bench) trail(kind string) (actions []string) {
	b.t.Helper()
	all, _, err := b.accounts.AuditTrail(b.t.Context(), b.ada, account.AuditFilter{Limit: 100})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, r := range all {
		if r.Kind == kind {
			actions = append(actions, r.Action)
		}
	}
	return actions
}

// A warranty outlives what it was for, and can still be changed.
func TestAWarrantyOfEquipmentThatIsGoneCanBeChanged(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		id := b.equipment(b.boat)
		w := b.create(Input{EquipmentID: &id, PurchaseDate: "2026-01-15", Months: 12})
		if _, err := b.boats.DeleteEquipment(t.Context(), b.ada, id, ""); err != nil {
			t.Fatal(err)
		}
		if got := b.update(w.ID, Patch{Provider: ptr("X")}); *got.EquipmentID != id || got.Provider != "X" {
			t.Errorf("%+v", got)
		}
		_, err := b.Create(t.Context(), b.ada, Input{BoatID: b.boat, EquipmentID: &id, ItemName: "X", PurchaseDate: "2026-01-15", Months: 12})
		wantKind(t, err, fault.NotFound)
	})
}
