package warranty

import (
	"strings"
	"testing"

	"navidocs/internal/account"
	"navidocs/internal/document"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
)

// A member's paper that nobody has sorted yet is linked with its upload, though
// they may not link any other that their role does not show.
func TestAnUnsortedUploadIsLinked(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.create(Input{PurchaseDate: "2026-01-15", Months: 24})
		member := b.user("member@example.org", b.org, account.Member)
		d, err := b.papers.Upload(t.Context(), member, document.Upload{FileName: "photo.txt", BoatIDs: []fleet.BoatID{b.boat}}, strings.NewReader("P"))
		if err != nil || d.Class != account.Personal {
			t.Fatal(d.Class, err)
		}
		_, err = b.LinkPaper(t.Context(), member, w.ID, Link{DocumentID: d.ID, Purpose: "photo"})
		wantKind(t, err, fault.NotFound)
		if err := b.LinkUpload(t.Context(), member, w.ID, d.ID, "photo"); err != nil {
			t.Fatal(err)
		}
		papers, err := b.Papers(t.Context(), b.ada, w.ID)
		if err != nil || len(papers) != 1 || papers[0].DocumentID != d.ID || papers[0].Purpose != "photo" {
			t.Error(papers, err)
		}
		if papers, err := b.Papers(t.Context(), member, w.ID); err != nil || len(papers) != 0 {
			t.Error(papers, err)
		}
		viewer := b.user("viewer@example.org", b.org, account.Viewer)
		wantKind(t, b.LinkUpload(t.Context(), viewer, w.ID, d.ID, "photo"), fault.Forbidden)
		wantKind(t, b.LinkUpload(t.Context(), b.eve, w.ID, d.ID, "photo"), fault.NotFound)
	})
}
