package warranty

import (
	"fmt"
	"strings"
	"testing"
	"time"

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

// Papers in the bin that a warranty needs stay, and however many they are, they
// do not keep the others in it.
func TestLinkedPapersDoNotFillTheBin(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		w := b.create(Input{PurchaseDate: "2026-01-15", Months: 24})
		x := b.claim(w.ID, ClaimInput{})
		bin := func(id document.ID) {
			t.Helper()
			if _, err := b.papers.Delete(t.Context(), b.ada, id, ""); err != nil {
				t.Fatal(err)
			}
			b.clock.Add(time.Second)
		}
		for i := range 100 { // as many as a purge takes
			id := b.paper(fmt.Sprint("Linked ", i), openPaper, fmt.Sprint("linked ", i))
			switch i % 3 {
			case 0:
				b.link(w.ID, id, "other", "")
			case 1:
				b.letter(x, LetterInput{Direction: "sent", Channel: "email", DocumentID: id})
			case 2:
				if _, err := b.LinkEvidence(t.Context(), b.ada, w.ID, x.ID, Link{id, "report", ""}); err != nil {
					t.Fatal(err)
				}
			}
			bin(id)
		}
		bin(b.paper("Free", openPaper, "free"))
		b.clock.Add(31 * 24 * time.Hour)
		for _, want := range []int{1, 0} {
			if n, err := b.papers.Purge(t.Context()); err != nil || n != want {
				t.Errorf("%d are purged, want %d: %v", n, want, err)
			}
		}
		if _, total, err := b.papers.Documents(t.Context(), b.ada, document.Filter{Bin: true, Page: fleet.Page{Limit: 1}}); err != nil || total != 100 {
			t.Error(total, err)
		}
	})
}
