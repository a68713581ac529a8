package document

import (
	"bytes"
	"errors"
	"image"
	"image/png"
	"testing"

	"navidocs/internal/db"
	"navidocs/internal/fleet"
	"navidocs/internal/testkit"
)

// TestImagesAreMadeForPagesThatHaveText: what was imported keeps its text, and
// gets its images without it.
func TestImagesAreMadeForPagesThatHaveText(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		b := setup(t, d, "good")
		b.run()
		var picture bytes.Buffer
		if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 64, 48))); err != nil {
			t.Fatal(err)
		}
		boat := b.boat(b.ada, "Selma")
		paper, err := b.Upload(t.Context(), b.ada, Upload{FileName: "a.png", BoatIDs: []fleet.BoatID{boat}}, &picture)
		if err != nil {
			t.Fatal(err)
		}
		paper = b.wait(b.ada, paper.ID)
		err = b.db.Transact(t.Context(), func(tx *db.Tx) error {
			for _, text := range []string{
				"UPDATE pages SET thumb_digest = '', screen_digest = '', text = 'as it came' WHERE document_id = $1",
				"DELETE FROM blob_refs WHERE owner_kind = 'page' AND owner_id = $1",
			} {
				if _, err := tx.Exec(t.Context(), text, paper.ID); err != nil {
					return err
				}
			}
			raw, err := b.raw(t.Context(), tx, paper.ID)
			return errors.Join(err, b.picture(t.Context(), tx, raw))
		})
		if err != nil {
			t.Fatal(err)
		}
		testkit.Eventually(t, func() error {
			_, _, err := b.PageImage(t.Context(), b.ada, paper.ID, 1, "screen")
			return err
		})
		pages, _, err := b.Pages(t.Context(), b.ada, paper.ID, fleet.Page{Limit: 1})
		if err != nil || pages[0].Text != "as it came" {
			t.Errorf("%v %+v", err, pages)
		}
		owned, err := db.One(t.Context(), b.db, db.Scalar[int], "SELECT count(*) FROM blob_refs WHERE owner_kind = 'page' AND owner_id = $1", paper.ID)
		if err != nil || owned == 0 {
			t.Errorf("%d images are owned: %v", owned, err)
		}
	})
}
