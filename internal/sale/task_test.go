package sale

import (
	"strings"
	"testing"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
)

// completed is a sale of a boat with a warranty and identities.
func (b *bench) completed() Sale {
	b.t.Helper()
	ctx := b.t.Context()
	b.fill()
	b.paper(b.boat, "EPIRB", "SAF-EPIRB-REG", account.Open, "registered")
	if _, err := b.boats.UpdateBoat(ctx, b.ada, b.boat.ID, fleet.BoatInput{MMSI: ptr("227123450"), CallSign: ptr("FAB1234")}, ""); err != nil {
		b.t.Fatal(err)
	}
	x := b.start(b.boat)
	b.packaged(x, 100)
	if _, err := b.Transfer(ctx, b.ada, x.ID, Transfer{ConfirmLeftOut: true}, ""); err != nil {
		b.t.Fatal(err)
	}
	x, err := b.Complete(ctx, b.ada, x.ID, "")
	if err != nil {
		b.t.Fatal(err)
	}
	return x
}

func (b *bench) lettersOf(kind string) (all []Mail) {
	for _, m := range b.mails {
		if m.Kind == kind {
			all = append(all, m)
		}
	}
	return all
}

func TestACompletedSaleLeavesTasks(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		x := b.completed()
		boat, err := b.boats.Boat(ctx, b.ada, b.boat.ID)
		if err != nil || boat.FrozenAt == nil {
			t.Errorf("the record goes on: %+v, %v", boat, err)
		}
		all, err := b.Tasks(ctx, b.ada, x.ID)
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, task := range all {
			lines = append(lines, string(task.Kind)+" "+task.Title+" "+string(task.DueOn))
			if !task.Assumed {
				t.Errorf("%s: nobody knows its window", task.Title)
			}
		}
		const due = " 2026-05-31"
		want := "register Watermaker" + due + ", release MMSI 227123450" + due + ", release Call sign FAB1234" + due + ", release EPIRB" + due
		if got := strings.Join(lines, ", "); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		member := b.user("member@example.org", b.boat.OrgID, account.Member)
		_, err = b.EndTask(ctx, member, x.ID, TaskDone{ID: "mmsi", Done: true})
		wantKind(t, err, fault.Forbidden)
		_, err = b.EndTask(ctx, b.ada, x.ID, TaskDone{ID: "another", Done: true})
		wantKind(t, err, fault.Invalid)
		if _, err = b.EndTask(ctx, b.ada, x.ID, TaskDone{ID: "mmsi", Done: true, Note: ptr(" told the agency ")}); err != nil {
			t.Fatal(err)
		}
		all, err = b.EndTask(ctx, b.ada, x.ID, TaskDone{ID: "mmsi", Done: true})
		if err != nil || !all[1].Done || all[1].Note != "told the agency" || all[1].By == nil {
			t.Errorf("%+v, %v", all, err)
		}
		if n := b.audits("sale.task_changed", x.ID); n != 2 {
			t.Errorf("%d changes in the trail", n)
		}
	})
}

func TestOpenTasksAreToldThreeTimes(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		x := b.completed()
		told := func(events, letters int) {
			t.Helper()
			for range 2 {
				if err := b.Remind(ctx); err != nil {
					t.Fatal(err)
				}
			}
			if n, m := len(b.data("sale.tasks_due")), len(b.lettersOf("handover_tasks")); n != events || m != letters {
				t.Errorf("%d events and %d letters, want %d and %d", n, m, events, letters)
			}
		}
		told(1, 1)
		if m := b.lettersOf("handover_tasks")[0]; m.To != "bo@example.org" || !strings.HasPrefix(m.Vars["tasks"], "Watermaker: 2026-05-31\nMMSI 227123450: 2026-05-31") {
			t.Errorf("%+v", m)
		}
		b.clock.Add(9 * 24 * time.Hour)
		told(1, 1)
		b.clock.Add(20 * 24 * time.Hour) // ten and twenty days at once: the later alone
		told(2, 2)
		if d := b.data("sale.tasks_due")[1]; d.Threshold != 20 || d.OpenTasks != 4 {
			t.Errorf("%+v", d)
		}
		b.clock.Add(100 * 24 * time.Hour)
		told(2, 2)
		if n := b.audits("sale.tasks_reminded", x.ID); n != 2 {
			t.Errorf("%d reminders in the trail", n)
		}
	})
}

func TestNobodyIsToldOfWhatIsDone(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		x := b.completed()
		all, err := b.Tasks(t.Context(), b.ada, x.ID)
		if err != nil || len(all) != 4 {
			t.Fatal(all, err)
		}
		for _, task := range all {
			if _, err := b.EndTask(t.Context(), b.ada, x.ID, TaskDone{ID: task.ID, Done: true}); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.Remind(t.Context()); err != nil || len(b.data("sale.tasks_due")) != 0 {
			t.Error("it was told", err)
		}
	})
}

func TestARestoredSaleTellsNothingTwice(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.completed()
		b.clock.Add(10 * 24 * time.Hour)
		if err := PassMissed(t.Context(), b.db); err != nil {
			t.Fatal(err)
		}
		if err := b.Remind(t.Context()); err != nil || len(b.lettersOf("handover_tasks")) != 0 {
			t.Error("it was told", err)
		}
		b.clock.Add(10 * 24 * time.Hour)
		if err := b.Remind(t.Context()); err != nil || len(b.lettersOf("handover_tasks")) != 1 {
			t.Error("it was not told", err)
		}
	})
}

func TestThePlanCountsFromTheTransfer(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.fill()
		x := b.start(b.boat)
		for day, want := range map[fleet.Date]fleet.Date{"": "2026-05-31", "2026-06-10": "2026-07-10"} {
			if _, err := b.Update(t.Context(), b.ada, x.ID, Patch{TransferDate: &day}, ""); err != nil {
				t.Fatal(err)
			}
			all, err := b.Tasks(t.Context(), b.ada, x.ID)
			if err != nil || len(all) != 1 || all[0].DueOn != want {
				t.Errorf("%s: %+v, %v", day, all, err)
			}
		}
		_, err := b.EndTask(t.Context(), b.ada, x.ID, TaskDone{ID: "warranty-1", Done: true})
		wantKind(t, err, fault.Conflict)
	})
}
