package document

import (
	"context"
	"errors"

	"navidocs/internal/blob"
	"navidocs/internal/db"
	"navidocs/internal/document/extract"
	"navidocs/internal/job"
)

// ImagesArgs ask for the images of a group of pages whose text is there: those of
// papers that were imported.
type ImagesArgs struct {
	DocumentID ID  `json:"document_id"`
	Run        int `json:"run"`
	From       int `json:"from"`
	To         int `json:"to"`
}

// Kind implements job.Args.
func (ImagesArgs) Kind() string { return "document.images" }

// drawImages makes the images of pages. A file that cannot be opened any more
// leaves them without: their text stays.
func (s *Service) drawImages(ctx context.Context, j *job.Job[ImagesArgs]) error {
	d, ok, err := s.reading(ctx, s.db, j.Args.DocumentID, j.Args.Run)
	if err != nil || !ok {
		return err
	}
	path, done, err := blob.Path(ctx, s.store, blob.Digest(d.SHA256), s.config.TempDir)
	if err != nil {
		return err
	}
	defer done()
	err = s.extract.Pages(ctx, path, d.MediaType, j.Args.From, j.Args.To, func(p extract.Page) error {
		kept, err := s.keepImages(ctx, p)
		if err != nil {
			return err
		}
		return s.db.Transact(ctx, func(tx *db.Tx) error { return s.storeImages(ctx, tx, j.Args, kept) })
	})
	if _, refused := errors.AsType[*extract.Refused](err); refused {
		return nil
	}
	return err
}

func (s *Service) storeImages(ctx context.Context, tx *db.Tx, a ImagesArgs, p readPage) error {
	d, ok, err := s.reading(ctx, tx, a.DocumentID, a.Run)
	if err != nil || !ok || p.screen.digest == "" {
		return err
	}
	n, err := tx.Exec(ctx, `UPDATE pages SET width = $1, height = $2, thumb_digest = $3, screen_digest = $4, updated_at = $5
		WHERE document_id = $6 AND number = $7 AND status = $8 AND screen_digest = ''`,
		p.Width, p.Height, string(p.thumb.digest), string(p.screen.digest), db.Micros(tx.Now()), d.ID, p.Number, pageReady)
	if err != nil || n == 0 {
		return err
	}
	tx.OnCommit(func() { s.config.Changed(d.ID) })
	for _, image := range []stored{p.thumb, p.screen} {
		if image.digest == "" {
			continue
		}
		if err := blob.Adopt(ctx, tx, image.digest, image.bytes, "page", string(d.ID)); err != nil {
			return err
		}
	}
	return nil
}
