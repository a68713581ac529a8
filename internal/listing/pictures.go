package listing

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/document"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
	"navidocs/internal/job"
	"navidocs/internal/listing/wire"
)

const (
	// maxPictures bounds those that are fetched of one listing.
	maxPictures = 100
	// maxPicture bounds one, in bytes.
	maxPicture = 16 << 20
	// photo is the document type of what anybody may see of a boat.
	photo = "PHO"
)

// PicturesArgs ask for the pictures of a listing that was brought in.
type PicturesArgs struct {
	ConnectionID ConnectionID   `json:"connection_id"`
	ListingID    ID             `json:"listing_id"`
	UserID       account.UserID `json:"user_id"`
	Images       []Image        `json:"images"`
}

// Kind implements job.Args.
func (PicturesArgs) Kind() string { return "listing.pictures" }

// fetchPictures brings in a portal's pictures of a boat as photos, in their order.
// Done again it adds none twice. What cannot be had is named in the log, and stops no
// other.
func (s *Service) fetchPictures(ctx context.Context, j *job.Job[PicturesArgs]) error {
	c, err := s.working(ctx, j.Args.ConnectionID)
	if err != nil {
		return job.CancelOn(err, fault.NotFound)
	}
	who, err := s.accounts.ActorOf(ctx, j.Args.UserID)
	if err != nil {
		return job.CancelOn(err, fault.NotFound)
	}
	boat, err := db.One(ctx, s.db, db.Scalar[fleet.BoatID], "SELECT boat_id FROM listings WHERE id = $1", j.Args.ListingID)
	if err != nil {
		return job.CancelOn(err, fault.NotFound)
	}
	r := run{Cause: Imported, ListingID: &j.Args.ListingID, Outcome: Succeeded}
	for i, image := range j.Args.Images {
		err := s.fetchPicture(ctx, who, c, boat, image, i+1)
		switch {
		case err == nil:
		case ctx.Err() != nil, fault.Is(err, fault.Internal):
			return err
		default:
			r.Failed++
			r.Outcome = Partly
			r.note(fmt.Sprintf("picture %d: %s", i+1, fault.Message(err)))
		}
	}
	have := len(j.Args.Images) - r.Failed
	if have == 0 {
		r.Outcome = Broken
	}
	r.Message = strings.TrimSuffix(fmt.Sprintf("%d of %d pictures were fetched: %s", have, len(j.Args.Images), r.Message), ": ")
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		if err := s.log(ctx, tx, c, r); err != nil {
			return err
		}
		return j.Complete(ctx, tx)
	})
}

func (s *Service) fetchPicture(ctx context.Context, who account.Actor, c Connection, boat fleet.BoatID, image Image, number int) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, image.URL, http.NoBody)
	if err != nil {
		return fault.New(fault.Invalid, "its address is none")
	}
	got, err := wire.Ask(s.client, req, c.Name, maxPicture)
	switch {
	case err != nil:
		return err
	case !got.OK():
		return fault.New(fault.Unavailable, "%s answered %d", c.Name, got.Status)
	case !strings.HasPrefix(http.DetectContentType(got.Body), "image/"):
		return fault.New(fault.Invalid, "what %s sent is no image", c.Name)
	}
	caption := clip(image.Caption, 300)
	d, err := s.documents.Upload(ctx, who, document.Upload{
		FileName: fileName(image.URL), Title: cmp.Or(caption, fmt.Sprintf("Picture %d", number)), Type: photo, BoatIDs: []fleet.BoatID{boat}, Link: true,
	}, bytes.NewReader(got.Body))
	if err != nil {
		return err
	}
	_, err = s.documents.AddPhoto(ctx, who, boat, d.ID, caption)
	if fault.Is(err, fault.Conflict) {
		return nil // it is shown already
	}
	return err
}

// fileName is the last part of an address.
func fileName(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "picture"
	}
	return path.Base(u.Path)
}
