package warranty

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/fleet"
)

// armed writes the thresholds of a warranty as "days state", with the name of
// their line, by the day on which they are due.
func armed(w Warranty) string {
	lines := map[string]string{"": ""}
	for _, l := range w.Lines {
		lines[l.ID] = l.Coverage + " "
	}
	var all []string
	for _, t := range w.Thresholds {
		name, known := lines[t.LineID]
		if !known {
			name = "gone "
		}
		all = append(all, fmt.Sprintf("%s%d %s", name, t.Days, t.State))
	}
	return strings.Join(all, ", ")
}

const allDue = "90 due, 30 due, 14 due, 0 due"

func TestWhatIsPastWhenRecordedHasPassed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		for days, want := range map[int]string{
			400: allDue,
			91:  allDue,
			90:  allDue, // today's day is not over
			89:  "90 passed, 30 due, 14 due, 0 due",
			30:  "90 passed, 30 due, 14 due, 0 due",
			29:  "90 passed, 30 passed, 14 due, 0 due",
			13:  "90 passed, 30 passed, 14 passed, 0 due",
			0:   "90 passed, 30 passed, 14 passed, 0 due",
			-1:  "90 passed, 30 passed, 14 passed, 0 due", // its first day without cover
			-2:  "90 passed, 30 passed, 14 passed, 0 passed",
		} {
			if got := armed(b.ending("Engine", days)); got != want {
				t.Errorf("%d days: %s, want %s", days, got, want)
			}
		}
	})
}

// The days are those where the boat is.
func TestThresholdsGoByTheBoatsZone(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.clock.Set(time.Date(2026, 5, 1, 10, 30, 0, 0, time.UTC)) // three dates at once
		for zone, want := range map[string]string{
			"":                   allDue,
			"Pacific/Kiritimati": "90 passed, 30 due, 14 due, 0 due",
			"Pacific/Pago_Pago":  allDue,
		} {
			w := b.create(Input{BoatID: b.newBoat("In "+zone, zone), PurchaseDate: "2025-07-30", Months: 12})
			if got := armed(w); got != want || w.ExpirationDate != "2026-07-30" {
				t.Errorf("%s: %s, want %s", zone, got, want)
			}
		}
	})
}

func TestAChangedEndArmsAnew(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.ending("Engine", 20)
		b.exec("UPDATE warranty_thresholds SET state = 'sent' WHERE warranty_id = $1 AND days = 14", w.ID)
		end := w.ExpirationDate

		w = b.update(w.ID, Patch{Months: ptr(24)})
		if got, want := armed(w), "14 sent, "+allDue; got != want {
			t.Errorf("a year later: %s, want %s", got, want)
		}
		for i, on := range []fleet.Date{"2026-05-07", "2027-02-20", "2027-04-21", "2027-05-07", "2027-05-22"} {
			if got := w.Thresholds[i].DueOn; got != on {
				t.Errorf("threshold %d is due on %s, want %s", i, got, on)
			}
		}
		// What was sent for the same end is not sent again.
		w = b.update(w.ID, Patch{Months: ptr(12)})
		if got, want := armed(w), "90 passed, 30 passed, 14 sent, 0 due"; got != want || w.ExpirationDate != end {
			t.Errorf("back: %s, want %s", got, want)
		}
	})
}

// What is due and was not sent yet, as after days of downtime, stays due when
// something else is changed.
func TestAChangeOfAnotherFieldLosesNoThreshold(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.create(Input{PurchaseDate: "2025-06-01", Months: 12, Lines: []LineInput{{Coverage: "paint", Months: ptr(13)}}})
		if got := armed(w); got != "90 passed, paint 90 passed, 30 due, 14 due, paint 30 due, 0 due, paint 14 due, paint 0 due" {
			t.Fatal(got)
		}
		b.clock.Set(start.AddDate(0, 0, 20)) // past 30 and 14 days before the end
		got := armed(b.update(w.ID, Patch{Provider: ptr("Maker")}))
		if diff := cmp.Diff(armed(w), got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestOnlyWhatIsActiveIsArmed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.ending("Engine", 95)
		b.exec("UPDATE warranty_thresholds SET state = 'sent' WHERE warranty_id = $1 AND days = 90", w.ID)
		for _, p := range []Patch{
			{Status: ptr(Void), VoidReason: ptr("raced")},
			{Status: ptr(Claimed)},
		} {
			if got := armed(b.update(w.ID, p)); got != "90 sent" {
				t.Errorf("%s: %s", *p.Status, got)
			}
			b.clock.Set(b.clock.Now().AddDate(0, 0, 40))
			if got := b.update(w.ID, Patch{Provider: ptr(string(*p.Status))}); armed(got) != "90 sent" {
				t.Errorf("changed while %s: %s", *p.Status, armed(got))
			}
		}
		if got := armed(b.update(w.ID, Patch{Status: ptr(Active)})); got != "90 sent, 30 passed, 14 due, 0 due" {
			t.Error(got) // 15 days are left
		}
	})
}

func TestADeletedWarrantyRemindsNobody(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.ending("Engine", 95)
		b.exec("UPDATE warranty_thresholds SET state = 'sent' WHERE warranty_id = $1 AND days = 90", w.ID)
		gone, err := b.Delete(t.Context(), b.ada, w.ID, "")
		if err != nil || armed(gone) != "90 sent" {
			t.Error(armed(gone), err)
		}
		b.clock.Set(start.AddDate(0, 0, 70))
		back, err := b.Restore(t.Context(), b.ada, w.ID)
		if want := "90 sent, 30 passed, 14 due, 0 due"; err != nil || armed(back) != want {
			t.Errorf("%s, want %s: %v", armed(back), want, err)
		}
	})
}

func TestLinesHaveThresholdsOfTheirOwn(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		lines := []LineInput{
			{Coverage: "Structure", Months: ptr(60)}, {Coverage: "parts", Months: ptr(24)}, {Coverage: "wear", HoursLimit: ptr(500.0)},
		}
		w := b.create(Input{PurchaseDate: "2026-01-10", Months: 24, Lines: lines})
		const want = allDue + ", Structure 90 due, Structure 30 due, Structure 14 due, Structure 0 due"
		if got := armed(w); got != want {
			t.Errorf("%s, want %s", got, want) // "parts" ends with the warranty, "wear" has no end yet
		}
		b.exec("UPDATE warranty_thresholds SET state = 'sent' WHERE line_id = $1 AND days = 90", w.Lines[0].ID)
		// One of the same coverage, however it is written, is the same line.
		lines[0].Coverage = "STRUCTURE"
		got := b.update(w.ID, Patch{Lines: &lines})
		if want := allDue + ", STRUCTURE 90 sent, STRUCTURE 30 due, STRUCTURE 14 due, STRUCTURE 0 due"; armed(got) != want {
			t.Errorf("%s, want %s", armed(got), want)
		}
		if got := armed(b.update(w.ID, Patch{Lines: &[]LineInput{}})); got != allDue+", gone 90 sent" {
			t.Error(got)
		}
	})
}
