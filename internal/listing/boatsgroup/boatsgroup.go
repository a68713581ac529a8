// Package boatsgroup reads a broker's own inventory from Boats Group (YachtWorld,
// Boat Trader), with the broker's key. The interface is for reading only.
//
// It guarantees: the key is in no error and in no log; pages are asked for as
// slowly as other importers do; a listing is understood as far as it can be, in our
// units; names of staff are not read; what is no answer is told as such.
package boatsgroup

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"navidocs/internal/fault"
	"navidocs/internal/listing"
)

// Doer sends a request; egress.Client is one. Its answers should be allowed 16 MB.
type Doer interface {
	Do(req *http.Request) (*http.Response, error)
}

// Options are what New may be told; zero values mean the defaults.
type Options struct {
	Name     string // of the portal, for messages: YachtWorld
	MaxPages int    // of 50 listings each: 100
	Retries  int    // of one page: 3; -1 for none
	// Wait is called between pages (15 s) and after an error (120 s, or longer when
	// the portal asks for it); nil sleeps. It ends early with ctx.
	Wait func(ctx context.Context, d time.Duration) error
	Log  *slog.Logger
}

// API is the inventory behind one key. It is safe for concurrent use.
type API struct {
	client    Doer
	base, key string
	o         Options
}

// Item is a listing of the inventory.
type Item struct {
	ID     string // the portal's (DocumentID)
	Advert listing.Advert
	// Doubts are values that were not understood and left out, by field.
	Doubts []string
}

// New prepares to read; the error is Invalid when base is no address or key empty.
func New(client Doer, base, key string, o Options) (_ *API, err error) {
	defer fault.Wrap(&err, "boatsgroup.New")
	return &API{client: client, base: base, key: key, o: o}, nil
}

// Check asks for one listing. The error is Invalid when the portal does not know
// the key, and Unavailable when it does not answer as it should.
func (a *API) Check(ctx context.Context) (err error) {
	defer fault.Wrap(&err, "boatsgroup.Check")
	return fault.New(fault.Unsupported, "not yet")
}

// Inventory calls each with every listing, in the portal's order. Errors are those
// of Check, those of each, ctx's, and TooLarge when there are more pages than allowed.
func (a *API) Inventory(ctx context.Context, each func(Item) error) (err error) {
	defer fault.Wrap(&err, "boatsgroup.Inventory")
	return fault.New(fault.Unsupported, "not yet")
}
