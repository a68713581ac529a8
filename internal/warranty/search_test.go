package warranty

import (
	"testing"

	"navidocs/internal/account"
	"navidocs/internal/document"
	"navidocs/internal/fleet"
)

// A warranty is found by its words from the moment it is recorded until it is
// deleted, also after the index was rebuilt; a stranger finds nothing.
func TestWarrantiesAreFound(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.create(Input{ItemName: "Windlass", Provider: "Ankerling", SerialNumber: "AW15-3377", PurchaseDate: "2026-01-15", Months: 12, CoverageAmount: ptr(1234.0), Currency: "EUR"})
		find := func(who account.Actor, query string, want int) {
			t.Helper()
			r, err := b.papers.Search(t.Context(), who, document.Query{Text: query, Page: fleet.Page{Limit: 10}})
			if err != nil || len(r.Hits) != want {
				t.Fatalf("%q: %+v, %v; want %d", query, r.Hits, err, want)
			}
			if want > 0 && (r.Hits[0].Kind != "warranty" || r.Hits[0].SubjectID != string(w.ID) || r.Hits[0].Title != "Windlass" || r.Hits[0].BoatIDs[0] != b.boat) {
				t.Errorf("%+v", r.Hits[0])
			}
		}
		find(b.ada, "ankerling windlass", 1)
		find(b.ada, "AW15-3377", 1)
		find(b.ada, "1234", 0)
		find(b.eve, "windlass", 0)
		if _, err := b.Update(t.Context(), b.ada, w.ID, Patch{Provider: ptr("Moorings")}, ""); err != nil {
			t.Fatal(err)
		}
		find(b.ada, "ankerling", 0)
		if _, err := b.papers.Reindex(t.Context(), func(int, int) {}); err != nil {
			t.Fatal(err)
		}
		find(b.ada, "moorings", 1)
		if _, err := b.Delete(t.Context(), b.ada, w.ID, ""); err != nil {
			t.Fatal(err)
		}
		find(b.ada, "moorings", 0)
		if _, err := b.Restore(t.Context(), b.ada, w.ID); err != nil {
			t.Fatal(err)
		}
		find(b.ada, "moorings", 1)
	})
}
