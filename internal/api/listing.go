package api

import (
	"bytes"
	"compress/gzip"
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"navidocs/internal/account"
	"navidocs/internal/fleet"
	"navidocs/internal/job"
	"navidocs/internal/listing"
)

type listingPut struct {
	ByID
	IfMatched
	Body listing.Input
}

type sheetInput struct {
	ByID
	Letter bool `query:"letter" doc:"US Letter, not A4"`
}

type portalInput struct {
	Body listing.NewConnection
}

type portalPatch struct {
	ByID
	IfMatched
	Body listing.ConnectionPatch
}

type portalImport struct {
	ByID
	Body *listing.Import `required:"false"`
}

type portalLog struct {
	ByID
	Paging
}

// PortalFeed names a feed by its secret alone.
type PortalFeed struct {
	Token          string `path:"token" maxLength:"100"`
	IfNoneMatch    string `header:"If-None-Match"`
	IfModified     string `header:"If-Modified-Since"`
	AcceptEncoding string `header:"Accept-Encoding"`
}

// PortalPhoto names a picture by the secret of a feed and its own name.
type PortalPhoto struct {
	Token string `path:"token" maxLength:"100"`
	Name  string `path:"name" maxLength:"200"`
}

type feedOutput struct {
	Status          int
	ETag            string `header:"ETag"`
	LastModified    string `header:"Last-Modified"`
	CacheControl    string `header:"Cache-Control"`
	ContentType     string `header:"Content-Type"`
	ContentEncoding string `header:"Content-Encoding"`
	Vary            string `header:"Vary"`
	Robots          string `header:"X-Robots-Tag"`
	Body            []byte
}

func (a *API) listingOperations() {
	const tag, boat = "listings", "/api/boats/{id}"
	add(a, op{id: "get-listing", method: http.MethodGet, path: boat + "/listing", tag: tag, summary: "What is said of the boat to those who may buy it"},
		func(ctx context.Context, who account.Actor, in *ByID) (*resource[listing.Listing], error) {
			l, err := a.Listings.Listing(ctx, who, fleet.BoatID(in.ID))
			return versioned(l, fleet.VersionOf(l.UpdatedAt), ""), err
		})
	add(a, op{id: "put-listing", method: http.MethodPut, path: boat + "/listing", tag: tag, summary: "Put a whole listing in the place of the one before; a public status needs the role manager"},
		func(ctx context.Context, who account.Actor, in *listingPut) (*resource[listing.Listing], error) {
			l, err := a.Listings.Put(ctx, who, fleet.BoatID(in.ID), in.Body, in.version())
			return versioned(l, fleet.VersionOf(l.UpdatedAt), ""), err
		})
	add(a, op{id: "get-mls-status", method: http.MethodGet, path: boat + "/mls-status", tag: tag, summary: "How the boat stands at every portal, and where one says something else"},
		func(ctx context.Context, who account.Actor, in *ByID) (*body[[]listing.Standings], error) {
			return answer(a.Listings.Status(ctx, who, fleet.BoatID(in.ID)))
		})
	add(a, op{id: "sync-mls", method: http.MethodPost, path: boat + "/mls-sync", tag: tag, status: http.StatusAccepted, summary: "Bring the boat to every portal now"},
		func(ctx context.Context, who account.Actor, in *ByID) (*resource[job.Status], error) {
			s, err := a.Listings.Sync(ctx, who, fleet.BoatID(in.ID))
			return &resource[job.Status]{Location: "/api/jobs/" + s.ID, Body: s}, err
		})
	add(a, op{id: "get-listing-sheet", method: http.MethodGet, path: boat + "/listing/sheet.pdf", tag: tag, summary: "The listing as a sheet to type it in from, in the order of the portals' forms"}, a.listingSheet)
	a.describeMedia(boat+"/listing/sheet.pdf", "application/pdf")
	a.portalOperations(tag)
	a.portalFeedOperations(tag)
}

func (a *API) portalOperations(tag string) {
	const all, one = "/api/integrations/mls", "/api/integrations/mls/{id}"
	add(a, op{id: "list-mls", method: http.MethodGet, path: all, tag: tag, summary: "The portals, oldest first"},
		func(ctx context.Context, who account.Actor, _ *none) (*body[[]listing.Connection], error) {
			return answer(a.Listings.Connections(ctx, who))
		})
	add(a, op{id: "create-mls", method: http.MethodPost, path: all, tag: tag, status: http.StatusCreated, summary: "Connect a portal, whose credentials are checked; the answer shows the address of a feed, once"},
		func(ctx context.Context, who account.Actor, in *portalInput) (*resource[listing.Connection], error) {
			org, err := who.Creating()
			if err != nil {
				return nil, err
			}
			c, err := a.Listings.Connect(ctx, who, org, in.Body)
			return versioned(c, fleet.VersionOf(c.UpdatedAt), all+"/"+string(c.ID)), err
		})
	add(a, op{id: "get-mls", method: http.MethodGet, path: one, tag: tag, summary: "One portal, without its credentials and the address of its feed"},
		func(ctx context.Context, who account.Actor, in *ByID) (*resource[listing.Connection], error) {
			c, err := a.Listings.Connection(ctx, who, listing.ConnectionID(in.ID))
			return versioned(c, fleet.VersionOf(c.UpdatedAt), ""), err
		})
	add(a, op{id: "update-mls", method: http.MethodPatch, path: one, tag: tag, summary: "Change what is given; new credentials are checked"},
		func(ctx context.Context, who account.Actor, in *portalPatch) (*resource[listing.Connection], error) {
			c, err := a.Listings.Change(ctx, who, listing.ConnectionID(in.ID), in.Body, in.version())
			return versioned(c, fleet.VersionOf(c.UpdatedAt), ""), err
		})
	add(a, op{id: "delete-mls", method: http.MethodDelete, path: one, tag: tag, summary: "End a portal: the address of its feed is unknown at once"},
		func(ctx context.Context, who account.Actor, in *change) (*body[listing.Connection], error) {
			return answer(a.Listings.Disconnect(ctx, who, listing.ConnectionID(in.ID), in.version()))
		})
	add(a, op{id: "import-mls", method: http.MethodPost, path: one + "/import", tag: tag, status: http.StatusAccepted, summary: "Make boats and draft listings of what a broker's inventory shows and you do not have"},
		func(ctx context.Context, who account.Actor, in *portalImport) (*resource[job.Status], error) {
			var what listing.Import // all
			if in.Body != nil {
				what = *in.Body
			}
			s, err := a.Listings.Import(ctx, who, listing.ConnectionID(in.ID), what)
			return &resource[job.Status]{Location: "/api/jobs/" + s.ID, Body: s}, err
		})
	add(a, op{id: "list-mls-log", method: http.MethodGet, path: one + "/log", tag: tag, summary: "What was done with the portal in 90 days, newest first"},
		func(ctx context.Context, who account.Actor, in *portalLog) (*list[listing.Run], error) {
			all, total, err := a.Listings.Log(ctx, who, listing.ConnectionID(in.ID), in.page())
			return listed(&in.Paging, all, total, err)
		})
}

func (a *API) portalFeedOperations(tag string) {
	const feed, photo = "/feeds/{token}/openmarine.xml", "/feeds/{token}/photos/{name}"
	add(a, op{id: "get-openmarine", method: http.MethodGet, path: feed, tag: tag, summary: "The OpenMarine 1.7 feed of an organization's public listings, as they are now"}, a.openMarine)
	a.describeMedia(feed, "application/xml")
	a.huma.OpenAPI().Paths[feed].Get.Responses["304"] = &huma.Response{Description: "It is as you have it"}
	add(a, op{id: "get-feed-photo", method: http.MethodGet, path: photo, tag: tag, summary: "A picture of a public listing, at most 1280 pixels, without what a camera wrote into it"},
		func(ctx context.Context, _ account.Actor, in *PortalPhoto) (*huma.StreamResponse, error) {
			f, err := a.Listings.Picture(ctx, in.Token, in.Name)
			if err != nil {
				return nil, err
			}
			return &huma.StreamResponse{Body: func(ctx huma.Context) {
				defer f.Close() //nolint:errcheck // only read from
				r, w := humago.Unwrap(ctx)
				h := w.Header()
				h.Set("ETag", `"`+in.Name+`"`)
				h.Set("Content-Type", "image/jpeg")
				h.Set("X-Robots-Tag", "noindex")
				h.Set("Cache-Control", "public, max-age=31536000, immutable")
				http.ServeContent(&rangeWriter{ResponseWriter: w, r: r}, r, "", time.Time{}, f)
			}}, nil
		})
	a.describeMedia(photo, "image/jpeg")
}

// describeMedia says in the contract that an operation answers with a file.
func (a *API) describeMedia(path, mediaType string) {
	a.huma.OpenAPI().Paths[path].Get.Responses["200"].Content = map[string]*huma.MediaType{mediaType: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}
}

func (a *API) listingSheet(ctx context.Context, who account.Actor, in *sheetInput) (*huma.StreamResponse, error) {
	var b bytes.Buffer
	name, err := a.Listings.Sheet(ctx, who, fleet.BoatID(in.ID), in.Letter, &b)
	if err != nil {
		return nil, err
	}
	return printed(name, b.Bytes()), nil
}

func (a *API) openMarine(ctx context.Context, _ account.Actor, in *PortalFeed) (*feedOutput, error) {
	d, err := a.Listings.Feed(ctx, in.Token)
	if err != nil {
		return nil, err
	}
	out := &feedOutput{
		Status: http.StatusOK, ETag: `"` + d.Digest + `"`, LastModified: d.Modified.UTC().Format(http.TimeFormat), CacheControl: "private, no-cache",
		ContentType: "application/xml; charset=utf-8", Vary: "Accept-Encoding", Robots: "noindex", Body: d.Body,
	}
	zipped := acceptsGzip(in.AcceptEncoding)
	if zipped { // other bytes, another tag (RFC 9110, 8.8.3)
		out.ETag = `"` + d.Digest + `-gzip"`
	}
	if asBefore(in, d) {
		out.Status, out.Body = http.StatusNotModified, nil
		return out, nil
	}
	if zipped {
		out.ContentEncoding = "gzip"
		out.Body, err = gzipped(d.Body)
	}
	return out, err
}

// asBefore says whether the caller has the feed as it is (RFC 9110, 13.2.2).
func asBefore(in *PortalFeed, d listing.Document) bool {
	if in.IfNoneMatch != "" {
		for part := range strings.SplitSeq(in.IfNoneMatch, ",") {
			tag := strings.Trim(strings.TrimPrefix(strings.TrimSpace(part), "W/"), `"`)
			if tag == "*" || strings.TrimSuffix(tag, "-gzip") == d.Digest {
				return true
			}
		}
		return false
	}
	since, err := http.ParseTime(in.IfModified)
	return err == nil && !d.Modified.Truncate(time.Second).After(since)
}

// acceptsGzip reads Accept-Encoding: gzip or *, unless with q=0.
func acceptsGzip(header string) bool {
	accepted := false
	for part := range strings.SplitSeq(header, ",") {
		coding, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		coding = strings.ToLower(strings.TrimSpace(coding))
		if coding != "gzip" && coding != "*" {
			continue
		}
		weight := strings.ReplaceAll(params, " ", "")
		refused := strings.HasPrefix(weight, "q=0") && strings.Trim(weight[len("q="):], "0.") == ""
		if coding == "gzip" {
			return !refused
		}
		accepted = !refused
	}
	return accepted
}

func gzipped(text []byte) ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(text); err != nil {
		return nil, err
	}
	err := z.Close()
	return b.Bytes(), err
}
