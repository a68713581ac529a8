package warranty

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/db"
	"navidocs/internal/fleet"
	"navidocs/internal/job"
	"navidocs/internal/testkit"
)

func (b *bench) remind() {
	b.t.Helper()
	if err := b.Remind(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

// reminders are the payloads of what was told of a warranty, of all for "", in
// order; the day on which it was told is that of UTC.
func (b *bench) reminders(id ID) (all []ReminderData, days []string) {
	b.t.Helper()
	type told struct {
		kind, data string
		at         int64
	}
	rows, err := db.Collect(b.t.Context(), b.db, func(r db.Row) (x told, err error) { return x, r.Scan(&x.kind, &x.data, &x.at) },
		"SELECT type, data, at FROM events WHERE type IN ('warranty.expiring', 'warranty.expired') ORDER BY at, boat_id, sequence")
	if err != nil {
		b.t.Fatal(err)
	}
	for _, row := range rows {
		var d ReminderData
		if err := json.Unmarshal([]byte(row.data), &d); err != nil {
			b.t.Fatal(err)
		}
		if (row.kind == "warranty.expired") != (d.Threshold == 0) {
			b.t.Errorf("%s tells threshold %d", row.kind, d.Threshold)
		}
		if id == "" || d.WarrantyID == id {
			all = append(all, d)
			days = append(days, string(Today(db.Time(row.at), "UTC")))
		}
	}
	return all, days
}

// told writes what was told of a warranty as "threshold at days left".
func (b *bench) told(id ID) string {
	b.t.Helper()
	all, _ := b.reminders(id)
	var out []string
	for _, d := range all {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %d at %d", d.Coverage, d.Threshold, d.DaysLeft)))
	}
	return strings.Join(out, ", ")
}

func TestEachThresholdIsToldOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		item := b.equipment(b.boat)
		w := b.create(Input{ItemName: "Pump", Provider: "Jabsco", EquipmentID: &item, PurchaseDate: "2025-08-04", Months: 12})
		for range 110 {
			for range 3 {
				b.remind()
				b.clock.Add(8 * time.Hour)
			}
		}
		want := ReminderData{
			Data:     Data{WarrantyID: w.ID, BoatID: b.boat, ItemName: "Pump", Provider: "Jabsco", ExpirationDate: "2026-08-04", Status: Active},
			BoatName: "Calypso", EquipmentID: &item, EquipmentName: "Watermaker",
		}
		var wants []ReminderData
		for _, x := range []struct {
			threshold, left int
			due             fleet.Date
		}{{90, 90, "2026-05-06"}, {30, 30, "2026-07-05"}, {14, 14, "2026-07-21"}, {0, -1, "2026-08-05"}} {
			want.Threshold, want.DaysLeft, want.DueOn = x.threshold, x.left, x.due
			if x.threshold == 0 {
				want.Status = Expired
			}
			wants = append(wants, want)
		}
		got, days := b.reminders(w.ID)
		if diff := cmp.Diff(wants, got); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"2026-05-06", "2026-07-05", "2026-07-21", "2026-08-05"}, days); diff != "" {
			t.Error(diff)
		}
		if got := armed(b.read(w.ID)); got != "90 sent, 30 sent, 14 sent, 0 sent" {
			t.Error(got)
		}
	})
}

// After downtime, of what was missed the most urgent is told, late; the rest has
// passed.
func TestAfterDowntimeTheMostUrgentIsTold(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		for _, x := range []struct {
			name        string
			ends, after int
			told, armed string
		}{
			{"two days over 30", 31, 3, "30 at 28", "90 passed, 30 sent, 14 due, 0 due"},
			{"two days over the end", 1, 3, "0 at -2", "90 passed, 30 passed, 14 passed, 0 sent"},
			{"three weeks over 30 and 14", 33, 21, "14 at 12", "90 passed, 30 passed, 14 sent, 0 due"},
			{"half a year over all", 100, 180, "0 at -80", "90 passed, 30 passed, 14 passed, 0 sent"},
			{"nothing missed", 33, 2, "", "90 passed, 30 due, 14 due, 0 due"},
		} {
			b.clock.Set(start)
			w := b.ending(x.name, x.ends)
			b.clock.Set(start.AddDate(0, 0, x.after))
			b.remind()
			b.remind()
			if got := b.told(w.ID); got != x.told {
				t.Errorf("%s: told %q, want %q", x.name, got, x.told)
			}
			if got := armed(b.read(w.ID)); got != x.armed {
				t.Errorf("%s: %s, want %s", x.name, got, x.armed)
			}
		}
	})
}

// A day begins where the boat is, else where its organization is.
func TestRemindersGoByTheBoatsDay(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.zone("America/Los_Angeles")
		var all []Warranty
		for _, zone := range []string{"Pacific/Kiritimati", "Europe/Berlin", "", "Pacific/Pago_Pago"} {
			all = append(all, b.create(Input{BoatID: b.newBoat("In "+zone, zone), PurchaseDate: "2025-06-02", Months: 12}))
		}
		told := func() (n []int) {
			b.remind()
			for _, w := range all {
				if got := b.told(w.ID); got != "" && got != "30 at 30" {
					t.Error(got)
				}
				n = append(n, len(strings.Fields(b.told(w.ID)))/3)
			}
			return n
		}
		// 30 days before the end is 3 May, which begins one after the other.
		for _, x := range []struct {
			at   string
			want []int
		}{
			{"2026-05-02T09:59:00Z", []int{0, 0, 0, 0}},
			{"2026-05-02T10:00:00Z", []int{1, 0, 0, 0}},
			{"2026-05-02T21:59:00Z", []int{1, 0, 0, 0}},
			{"2026-05-02T22:00:00Z", []int{1, 1, 0, 0}},
			{"2026-05-03T06:59:00Z", []int{1, 1, 0, 0}},
			{"2026-05-03T07:00:00Z", []int{1, 1, 1, 0}},
			{"2026-05-03T10:59:00Z", []int{1, 1, 1, 0}},
			{"2026-05-03T11:00:00Z", []int{1, 1, 1, 1}},
		} {
			at, err := time.Parse(time.RFC3339, x.at)
			if err != nil {
				t.Fatal(err)
			}
			b.clock.Set(at)
			if got := told(); !slices.Equal(got, x.want) {
				t.Errorf("%s: %v, want %v", x.at, got, x.want)
			}
		}
	})
}

func TestAChangedEndIsToldAnew(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.ending("Engine", 30)
		b.remind()
		b.update(w.ID, Patch{Months: ptr(13)}) // 61 days are left
		b.remind()
		if got := b.told(w.ID); got != "30 at 30" {
			t.Error(got)
		}
		b.clock.Set(start.AddDate(0, 0, 30))
		b.remind()
		if got := b.told(w.ID); got != "30 at 30, 30 at 30" {
			t.Error(got)
		}
		b.clock.Set(start.AddDate(0, 0, 31))
		b.update(w.ID, Patch{Months: ptr(12)}) // it ended yesterday: that is told, and 30 was
		b.remind()
		if got := b.told(w.ID); got != "30 at 30, 30 at 30, 0 at -1" {
			t.Error(got)
		}
	})
}

func TestNobodyIsRemindedOfWhatIsNotCovered(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		void, claimed, deleted := b.ending("void", 31), b.ending("claimed", 31), b.ending("deleted", 31)
		sold := b.newBoat("Sold", "")
		ofSold := b.create(Input{BoatID: sold, PurchaseDate: "2025-06-01", Months: 12})
		b.update(void.ID, Patch{Status: ptr(Void), VoidReason: ptr("raced")})
		b.update(claimed.ID, Patch{Status: ptr(Claimed)})
		if _, err := b.Delete(t.Context(), b.ada, deleted.ID, ""); err != nil {
			t.Fatal(err)
		}
		if _, err := b.boats.DeleteBoat(t.Context(), b.ada, sold, ""); err != nil {
			t.Fatal(err)
		}
		b.clock.Set(start.AddDate(0, 0, 1))
		b.remind()
		for _, w := range []Warranty{void, claimed, deleted, ofSold} {
			if got := b.told(w.ID); got != "" {
				t.Errorf("%s: %s", w.ItemName, got)
			}
		}
		// What is covered again is told from then on.
		b.update(claimed.ID, Patch{Status: ptr(Active)})
		b.remind()
		if got := b.told(claimed.ID); got != "30 at 30" {
			t.Error(got)
		}
	})
}

// A part of the cover with an end of its own is told with its name.
func TestEachLineIsToldOfItsOwnEnd(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.create(Input{PurchaseDate: "2025-08-01", Months: 12, Lines: []LineInput{{Coverage: "paint", Months: ptr(10)}, {Coverage: "hull", Months: ptr(12)}}})
		for range 100 {
			b.remind()
			b.clock.Add(24 * time.Hour)
		}
		const want = "paint 30 at 30, 90 at 90, paint 14 at 14, paint 0 at -1, 30 at 30, 14 at 14, 0 at -1"
		if got := b.told(w.ID); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		all, _ := b.reminders(w.ID)
		if x := all[3]; x.LineID != w.Lines[0].ID || x.ExpirationDate != "2026-06-01" || x.Status != Active {
			t.Errorf("%+v", x) // the paint has ended, the warranty has not
		}
	})
}

// many makes warranties without the service, which would take long; they end on
// a day, and of their thresholds those before the days given are due.
func (b *bench) many(n int, boat fleet.BoatID, end fleet.Date) {
	b.t.Helper()
	err := b.db.Transact(b.t.Context(), func(tx *db.Tx) error {
		for range n {
			id := db.NewID()
			_, err := tx.Exec(b.t.Context(), `INSERT INTO warranty_tracking (id, org_id, boat_id, item_name, item_name_fold, purchase_date, start_date,
				warranty_period_months, expiration_date, created_at, updated_at) VALUES ($1, $2, $3, 'Many', 'many', '2025-01-01', '2025-01-01', 12, $4, 0, 0)`,
				id, b.org, boat, end)
			if err != nil {
				return err
			}
			for _, days := range thresholds() {
				_, err := tx.Exec(b.t.Context(), `INSERT INTO warranty_thresholds (warranty_id, line_id, expires_on, days, due_on, state, changed_at)
					VALUES ($1, '', $2, $3, $4, 'due', 0)`, id, end, days, dueOn(end, days))
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// Several workers at once, over several batches, tell each once. Two boats, for
// events of one boat are written one after the other.
func TestThreeWorkersTellOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		const each = 150
		other := b.newBoat("Other", "")
		b.many(each, b.boat, "2026-05-20") // 90 and 30 are due
		b.many(each, other, "2026-05-21")
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				if err := b.Remind(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		got, _ := b.reminders("")
		seen := map[ID]bool{}
		for _, d := range got {
			if seen[d.WarrantyID] || d.Threshold != 30 {
				t.Errorf("%+v is told again", d)
			}
			seen[d.WarrantyID] = true
		}
		if len(seen) != 2*each {
			t.Errorf("%d are told, want %d", len(seen), 2*each)
		}
		states, err := db.Collect(t.Context(), b.db, db.Scalar[string], "SELECT days || ' ' || state || ' ' || count(*) FROM warranty_thresholds GROUP BY days, state ORDER BY days DESC")
		if diff := cmp.Diff([]string{"90 passed 300", "30 sent 300", "14 due 300", "0 due 300"}, states); diff != "" || err != nil {
			t.Error(diff, err)
		}
	})
}

// What is due tomorrow, except beyond the date line, fills no batch for what is
// due there.
func TestWhatIsNotDueYetKeepsNobodyWaiting(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.clock.Set(time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC))
		b.many(remindBatch+50, b.boat, "2026-06-01")
		b.exec("DELETE FROM warranty_thresholds WHERE days = 90")
		b.many(1, b.newBoat("Beyond", "Pacific/Kiritimati"), "2026-06-01")
		b.remind()
		got, _ := b.reminders("")
		if len(got) != 1 || got[0].BoatName != "Beyond" {
			t.Errorf("%+v", got)
		}
	})
}

// A run that breaks off tells nothing of the batch that it was at, and marks
// nothing; the next one does.
func TestARunThatBreaksOffLosesNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.many(remindBatch+50, b.boat, "2026-05-31")
		b.exec("DELETE FROM warranty_thresholds WHERE days = 90")
		cause := errors.New("killed")
		if err := b.Service.remind(t.Context(), func(*db.Tx) error { return cause }); !errors.Is(err, cause) {
			t.Fatal(err)
		}
		if got, _ := b.reminders(""); len(got) != remindBatch {
			t.Errorf("%d are told, want the first batch", len(got))
		}
		b.remind()
		got, _ := b.reminders("")
		seen := map[ID]bool{}
		for _, d := range got {
			seen[d.WarrantyID] = true
		}
		if len(got) != remindBatch+50 || len(seen) != len(got) {
			t.Errorf("%d are told, %d of them once", len(got), len(seen))
		}
	})
}

func TestTheJobReminds(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.ending("Engine", 30)
		b.queue.Register(b.Jobs()...)
		b.queue.Every(time.Hour, func() job.Args { return RemindArgs{} })
		ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
		ended := make(chan error, 1)
		go func() { ended <- b.queue.Run(ctx) }()
		testkit.Eventually(t, func() error {
			n, err := db.One(t.Context(), b.db, db.Scalar[int], "SELECT count(*) FROM river_job WHERE kind = 'warranty.remind' AND CAST(state AS TEXT) = 'completed'")
			if err == nil && n == 0 {
				err = errors.New("it has not run")
			}
			return err
		})
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if got := b.told(w.ID); got != "30 at 30" {
			t.Error(got)
		}
	})
}

// The query reads the thresholds in the order of their index, no more of them
// than it returns.
func TestWhatIsDueIsFoundByItsIndex(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		err := b.db.Transact(t.Context(), func(tx *db.Tx) error {
			explain := "EXPLAIN QUERY PLAN "
			text := func(r db.Row) (s string, err error) {
				var a, b, c int
				return s, r.Scan(&a, &b, &c, &s)
			}
			if tx.Engine == db.Postgres {
				explain, text = "EXPLAIN ", db.Scalar[string]
				if _, err := tx.Exec(t.Context(), "SET LOCAL enable_seqscan = off"); err != nil { // there are few rows
					return err
				}
			}
			lines, err := db.Collect(t.Context(), tx, text, explain+selectDue, "2026-05-02", "2026-05-01", "id", "", 30, remindBatch)
			plan := strings.Join(lines, "\n")
			if !strings.Contains(plan, "warranty_thresholds_due") || strings.Contains(plan, "TEMP B-TREE") || strings.Contains(plan, "Sort") || strings.Contains(plan, "SCAN warranty_thresholds") {
				t.Error(plan)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// Half a year of warranties in five zones, of a server that is off for days on
// end and runs at any hour, against a model: nothing is told twice, nothing that
// was still true is missed.
func TestHalfAYearWithOutages(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		random := rand.New(rand.NewPCG(5, 90)) //nolint:gosec // the same at every run
		model := map[ID]*modelled{}
		zones := []string{"UTC", "Europe/Berlin", "America/Los_Angeles", "Pacific/Kiritimati", "Pacific/Pago_Pago"}
		for _, zone := range zones {
			boat := b.newBoat("In "+zone, zone)
			for range 6 {
				bought := start.AddDate(-1, 0, random.IntN(300)-20)
				w := b.create(Input{BoatID: boat, PurchaseDate: Today(bought, "UTC"), Months: 12})
				model[w.ID] = newModelled(t, zone, string(w.ExpirationDate), b.clock.Now())
			}
		}
		end := start.AddDate(0, 6, 0)
		for runs := 0; b.clock.Now().Before(end); runs++ {
			pause := time.Duration(1+random.IntN(9)) * time.Hour
			if random.IntN(40) == 0 {
				pause = time.Duration(random.IntN(20*24)) * time.Hour
			}
			b.clock.Add(pause + time.Duration(random.IntN(3600))*time.Second)
			b.remind()
			for _, m := range model {
				m.run(b.clock.Now())
			}
		}
		told := map[ID][]string{}
		all, _ := b.reminders("")
		for _, d := range all {
			told[d.WarrantyID] = append(told[d.WarrantyID], fmt.Sprintf("%d at %d", d.Threshold, d.DaysLeft))
		}
		n := 0
		for id, m := range model {
			n += len(m.told)
			if diff := cmp.Diff(m.told, told[id]); diff != "" {
				t.Errorf("in %s, ends on %s: %s", m.zone, m.end, diff)
			}
		}
		if n < 40 {
			t.Errorf("only %d were to be told", n)
		}
	})
}

// modelled is what ought to be told of a warranty, reckoned by hours from the
// first instant of each day.
type modelled struct {
	zone *time.Location
	end  time.Time
	done int // how many of the thresholds, the most urgent last, are behind
	told []string
}

func newModelled(t *testing.T, zone, end string, now time.Time) *modelled {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	day, err := time.ParseInLocation(time.DateOnly, end, loc)
	if err != nil {
		t.Fatal(err)
	}
	m := &modelled{zone: loc, end: day}
	for m.done < 4 && !now.Before(m.begins(m.done).AddDate(0, 0, 1)) { // its day is over
		m.done++
	}
	return m
}

// begins is when the day of a threshold begins.
func (m *modelled) begins(i int) time.Time {
	return m.end.AddDate(0, 0, []int{-90, -30, -14, 1}[i])
}

func (m *modelled) run(now time.Time) {
	reached := m.done
	for reached < 4 && !now.Before(m.begins(reached)) {
		reached++
	}
	if reached == m.done {
		return
	}
	m.done = reached
	left := 0
	for day := m.end; now.Before(day); day = day.AddDate(0, 0, -1) {
		left++
	}
	for day := m.end; !now.Before(day.AddDate(0, 0, 1)); day = day.AddDate(0, 0, 1) {
		left--
	}
	m.told = append(m.told, fmt.Sprintf("%d at %d", []int{90, 30, 14, 0}[reached-1], left))
}
