package document

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fleet"
	"navidocs/internal/testkit"
)

func TestSearchFindsWhatWasMeant(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		b := setup(t, d, "good")
		b.run()
		calypso, second := b.boat(b.ada, "Calypso"), b.boat(b.ada, "Second")
		manual := strings.Repeat("The raw-water pump feeds the watermaker.\n", 90) + "Fault code E-4711: change the impeller after 500 h.\n"
		b.text(b.ada, Upload{Title: "Manual", Type: "MAN-EQ", BoatIDs: []fleet.BoatID{calypso}, IssuedOn: "2023-09-04"}, manual)
		b.text(b.ada, Upload{Title: "Prüfung", Type: "SUR-GAS", BoatIDs: []fleet.BoatID{second}, IssuedOn: "2025-05-14"}, "Der Flaschenkasten ist dicht. La réquisition. 船の書類 mit größter Sorgfalt")
		name, system := "Windlass", "510"
		if _, err := b.boats.CreateEquipment(t.Context(), b.ada, calypso, fleet.EquipmentInput{Name: &name, SystemCode: &system}); err != nil {
			t.Fatal(err)
		}
		for _, tc := range []struct {
			name string
			q    Query
			want []string
		}{
			{"a word on one page", Query{Text: "impeller"}, []string{"page 2 Manual"}},
			{"upper case", Query{Text: "IMPELLER"}, []string{"page 2 Manual"}},
			{"a code is a phrase", Query{Text: "E-4711"}, []string{"page 2 Manual"}},
			{"a code that is not there", Query{Text: "E-4712"}, []string{}},
			{"a phrase", Query{Text: `"change the impeller"`}, []string{"page 2 Manual"}},
			{"a phrase in another order", Query{Text: `"impeller the change"`}, []string{}},
			{"two words on one page", Query{Text: "impeller fault"}, []string{"page 2 Manual"}},
			{"two words on two documents", Query{Text: "impeller Flaschenkasten"}, []string{}},
			{"a prefix", Query{Text: "impel*"}, []string{"page 2 Manual"}},
			{"the last word begun", Query{Text: "change the impe"}, []string{"page 2 Manual"}},
			{"accents left out", Query{Text: "requisition"}, []string{"page 1 Prüfung"}},
			{"an umlaut spelt out", Query{Text: "groesster"}, []string{"page 1 Prüfung"}},
			{"eszett as ss", Query{Text: "grosster"}, []string{"page 1 Prüfung"}},
			{"a language without spaces", Query{Text: "書類"}, []string{"page 1 Prüfung"}},
			{"its signs in another order", Query{Text: "類書"}, []string{}},
			{"a typing mistake", Query{Text: "impellr"}, []string{"page 2 Manual"}},
			{"two typing mistakes", Query{Text: "flashenkaten"}, []string{"page 1 Prüfung"}},
			{"swapped letters in a short word", Query{Text: "falut"}, []string{"page 2 Manual"}},
			{"a title", Query{Text: "prufung"}, []string{"document 0 Prüfung"}},
			{"equipment", Query{Text: "windlass"}, []string{"equipment 0 Windlass"}},
			{"one boat", Query{Text: "the", BoatID: second}, []string{}},
			{"one type", Query{Text: "impeller", Type: "SUR-GAS"}, []string{}},
			{"dates of the paper", Query{Text: "impeller", From: "2023-01-01", To: "2023-12-31"}, []string{"page 2 Manual"}},
			{"other dates", Query{Text: "impeller", From: "2024-01-01"}, []string{}},
			{"nothing", Query{Text: ` "" * `}, []string{}},
			{"operators are words", Query{Text: `impeller" OR scope:`}, []string{}},
		} {
			t.Run(tc.name, func(t *testing.T) {
				if diff := cmp.Diff(tc.want, b.find(b.ada, tc.q)); diff != "" {
					t.Error(diff)
				}
			})
		}
	})
}

func TestSearchShowsNobodyElsesPapers(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		b := setup(t, d, "good")
		b.run()
		adas, eves := b.boat(b.ada, "Ada's"), b.boat(b.eve, "Eve's")
		b.text(b.ada, Upload{Title: "Secret", Type: "MAN-EQ", BoatIDs: []fleet.BoatID{adas}}, "the code is xylophone")
		b.text(b.eve, Upload{Title: "Trap", Type: "MAN-EQ", BoatIDs: []fleet.BoatID{eves}}, "trap "+classWord(b.org(b.ada), account.Open))
		if got := b.find(b.eve, Query{Text: "xylophone"}); len(got) > 0 {
			t.Errorf("another organization finds %v", got)
		}
		r, err := b.Search(t.Context(), b.eve, Query{Text: "xylophonne", Page: fleet.Page{Limit: 10}})
		if err != nil || r.Corrected != "" {
			t.Errorf("a correction tells of another's word: %q %v", r.Corrected, err)
		}
		if got := b.find(b.ada, Query{Text: "trap"}); len(got) > 0 {
			t.Errorf("a page that names our scope is found: %v", got)
		}
		if _, err := b.Search(t.Context(), b.eve, Query{Text: "x", BoatID: adas}); err == nil {
			t.Error("another organization's boat may be named")
		}
	})
}

func TestSearchKeepsToTheClassesOfARole(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		b := setup(t, d, "good")
		b.run()
		viewer, member := b.user("v@example.org", b.org(b.ada), account.Viewer), b.user("m@example.org", b.org(b.ada), account.Member)
		boat := []fleet.BoatID{b.boat(b.ada, "Calypso")}
		open := b.text(b.ada, Upload{Title: "Manual", Type: "MAN-EQ", BoatIDs: boat}, "halyard one")
		b.text(b.ada, Upload{Title: "Invoice", Type: "INV-PUR", BoatIDs: boat}, "halyard two")
		b.text(b.ada, Upload{Title: "Unsorted", BoatIDs: boat}, "halyard three")
		for _, tc := range []struct {
			who  account.Actor
			want int
		}{{viewer, 1}, {member, 2}, {b.ada, 3}} {
			if got := b.find(tc.who, Query{Text: "halyard"}); len(got) != tc.want {
				t.Errorf("%s finds %v, want %d", tc.who.Email, got, tc.want)
			}
			if _, total, err := b.Documents(t.Context(), tc.who, Filter{Page: fleet.Page{Limit: 10}}); err != nil || total != tc.want {
				t.Errorf("%s lists %d, want %d (%v)", tc.who.Email, total, tc.want, err)
			}
		}
		personal := account.Personal
		if _, err := b.Update(t.Context(), b.ada, open.ID, Patch{Class: &personal}, ""); err != nil {
			t.Fatal(err)
		}
		if got := b.find(viewer, Query{Text: "halyard"}); len(got) != 0 {
			t.Errorf("a paper made personal is still found: %v", got)
		}
		if _, err := b.Document(t.Context(), viewer, open.ID); err == nil {
			t.Error("a paper made personal is still read")
		}
	})
}

func TestReindexFindsTheSame(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		b := setup(t, d, "good")
		b.run()
		boat := b.boat(b.ada, "Calypso")
		doc := b.text(b.ada, Upload{Title: "Manual", Type: "MAN-EQ", BoatIDs: []fleet.BoatID{boat}}, "the halyard")
		gone := b.text(b.ada, Upload{Title: "Gone", Type: "MAN-EQ", BoatIDs: []fleet.BoatID{boat}}, "the old halyard")
		if _, err := b.Delete(t.Context(), b.ada, gone.ID, ""); err != nil {
			t.Fatal(err)
		}
		want := []string{"page 1 Manual"}
		if diff := cmp.Diff(want, b.find(b.ada, Query{Text: "halyard"})); diff != "" {
			t.Error("before:", diff)
		}
		err := d.Transact(t.Context(), func(tx *db.Tx) error { return b.unindex(t.Context(), tx, doc.ID) })
		if err != nil {
			t.Fatal(err)
		}
		if n, err := b.Reindex(t.Context(), func(int, int) {}); err != nil || n != 2 {
			t.Fatal(n, err)
		}
		if diff := cmp.Diff(want, b.find(b.ada, Query{Text: "halyard"})); diff != "" {
			t.Error("after:", diff)
		}
	})
}
