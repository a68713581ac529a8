package warranty

import (
	"strings"
	"testing"

	"navidocs/internal/account"
	"navidocs/internal/blob"
)

// A paper that a role does not show is withheld, and not said to be missing.
func TestWhatIsWithheldIsNotMissing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.create(Input{PurchaseDate: "2026-01-15", Months: 24})
		if _, err := b.LinkPaper(t.Context(), b.ada, w.ID, Link{DocumentID: b.paper("Passport", "OWN-ID", "P"), Purpose: "proof_of_owner"}); err != nil {
			t.Fatal(err)
		}
		m := b.pack(b.user("member@example.org", b.org, account.Member), w.ID, PackageOptions{}).manifest
		for _, g := range m.Missing {
			if g.What == "proof of owner" {
				t.Error(g)
			}
		}
		if len(m.Withheld) != 1 || m.Withheld[0].What != "a paper (proof_of_owner)" {
			t.Error(m.Withheld)
		}
	})
}

// The maintenance proof names only papers that are there.
func TestMaintenanceIsProvenByWhatIsThere(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.create(Input{PurchaseDate: "2026-01-15", Months: 24})
		proof := func() string {
			return solid(b.pack(b.ada, w.ID, PackageOptions{}).text("09_Maintenance/00 Maintenance proof.pdf", "-raw"))
		}
		if text := proof(); !strings.Contains(text, "Noservicerecordislinked") {
			t.Error(text)
		}
		for _, title := range []string{"Oilchange", "Impeller"} {
			if _, err := b.LinkPaper(t.Context(), b.ada, w.ID, Link{DocumentID: b.paper(title, "MNT-LOG", title), Purpose: "service_record"}); err != nil {
				t.Fatal(err)
			}
		}
		papers, err := b.Papers(t.Context(), b.ada, w.ID)
		if err != nil {
			t.Fatal(err)
		}
		loses := func(p Paper) {
			if err := b.store.Delete(t.Context(), blob.Digest(p.digest)); err != nil {
				t.Fatal(err)
			}
		}
		if loses(papers[0]); strings.Contains(proof(), "Oilchange") || !strings.Contains(proof(), "Impeller") {
			t.Error(proof())
		}
		if loses(papers[1]); !strings.Contains(proof(), "arenotinthispackage") {
			t.Error(proof())
		}
	})
}
