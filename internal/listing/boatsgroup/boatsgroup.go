// Package boatsgroup reads a broker's own inventory from Boats Group (YachtWorld,
// Boat Trader), with the broker's key. The interface is for reading only.
//
// It guarantees: the key is in no error and in no log; pages are asked for as
// slowly as other importers do; a listing is understood as far as it can be, in our
// units, and what cannot is named; names of staff are not read; what is no answer is
// told as such.
//
// Source: the house's domain reference 1.1 and 1.2, from public importers and twelve
// listings that were read key by key.
package boatsgroup

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"navidocs/internal/fault"
	"navidocs/internal/listing"
	"navidocs/internal/listing/wire"
)

// Doer sends a request; egress.Client is one. Its answers should be allowed 16 MB.
type Doer = wire.Doer

// Options are what New may be told; zero values mean the defaults.
type Options struct {
	Name     string // of the portal, for messages: YachtWorld
	MaxPages int    // of 50 listings each: 200
	Retries  int    // of a page that was not answered: 3; -1 for none
	// Wait is called between pages (15 s) and after an error (120 s, or longer when
	// the portal asks for it); nil sleeps. It ends early with ctx.
	Wait func(ctx context.Context, d time.Duration) error
	Log  *slog.Logger // of listings without a number; nil for none
}

// API is the inventory behind one key. It is safe for concurrent use.
type API struct {
	client Doer
	base   *url.URL
	key    string
	o      Options
}

// Item is a listing of the inventory.
type Item struct {
	ID     string // the portal's (DocumentID)
	Advert listing.Advert
	// Doubts are values that were not understood and left out, by field.
	Doubts []string
}

// As importers of this interface do.
const (
	rows        = 50
	betweenPage = 15 * time.Second
	afterError  = 120 * time.Second
	maxAnswer   = 16 << 20
	// accept asks for the first version of the JSON.
	accept = "application/vnd.dmm-v1+json, application/json"
)

// New prepares to read; the error is Invalid when base is no address or key empty.
func New(client Doer, base, key string, o Options) (_ *API, err error) {
	defer fault.Wrap(&err, "boatsgroup.New")
	o.Name, o.MaxPages = cmp.Or(o.Name, "YachtWorld"), cmp.Or(o.MaxPages, 200)
	o.Retries = max(0, cmp.Or(o.Retries, 3))
	if o.Wait == nil {
		o.Wait = sleep
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	u, err := url.Parse(strings.TrimSpace(base))
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fault.New(fault.Invalid, "the address of %s is no URL: write https://api.boats.com", o.Name)
	}
	key = strings.TrimSpace(key)
	if key == "" {
		return nil, fault.New(fault.Invalid, "%s needs a key: the broker gets it from Boats Group", o.Name)
	}
	return &API{client, u, key, o}, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Check asks for one listing. The error is Invalid when the portal does not know
// the key, RateLimited when it asks us to wait, and Unavailable when it does not
// answer as it should.
func (a *API) Check(ctx context.Context) (err error) {
	defer fault.Wrap(&err, "boatsgroup.Check")
	_, err = a.page(ctx, 0, 1)
	return err
}

// Inventory calls each with every listing once, in the portal's order. Errors are
// those of Check, those of each, ctx's, and TooLarge when there are more pages than
// allowed.
func (a *API) Inventory(ctx context.Context, each func(Item) error) (err error) {
	defer fault.Wrap(&err, "boatsgroup.Inventory")
	seen := map[string]bool{}
	for start, page := 0, 0; ; page++ {
		if page == a.o.MaxPages {
			return fault.New(fault.TooLarge, "the inventory at %s has more than %d listings, which is more than is read at once", a.o.Name, start)
		}
		if page > 0 {
			if err := a.o.Wait(ctx, betweenPage); err != nil {
				return err
			}
		}
		p, err := a.patient(ctx, start)
		if err != nil {
			return err
		}
		fresh, err := a.tell(ctx, p.Results, seen, each)
		if err != nil {
			return err
		}
		// A portal that does not page answers the same for ever.
		if start += len(p.Results); fresh == 0 || start >= p.total() {
			return nil
		}
	}
}

// tell calls each with what was not seen, and counts it.
func (a *API) tell(ctx context.Context, results []json.RawMessage, seen map[string]bool, each func(Item) error) (fresh int, err error) {
	for _, raw := range results {
		item, err := Parse(raw)
		if err != nil {
			fresh++
			a.o.Log.WarnContext(ctx, "a listing of the portal's inventory cannot be read", "portal", a.o.Name, "error", err)
			continue
		}
		if seen[item.ID] {
			continue
		}
		seen[item.ID] = true
		fresh++
		if err := each(item); err != nil {
			return fresh, err
		}
	}
	return fresh, nil
}

// patient asks for a page again when it was not answered.
func (a *API) patient(ctx context.Context, start int) (answer, error) {
	for try := 0; ; try++ {
		p, err := a.page(ctx, start, rows)
		if err == nil || try >= a.o.Retries || ctx.Err() != nil || !fault.Is(err, fault.Unavailable) && !fault.Is(err, fault.RateLimited) {
			return p, err
		}
		wait := afterError
		if f, ok := errors.AsType[*fault.Error](err); ok {
			seconds, _ := f.Details["retry_after"].(int)
			wait = max(wait, time.Duration(seconds)*time.Second)
		}
		if err := a.o.Wait(ctx, wait); err != nil {
			return answer{}, err
		}
	}
}

// answer is a page of the inventory; the other interface of Boats Group wraps it.
type answer struct {
	NumResults json.Number       `json:"numResults"`
	Results    []json.RawMessage `json:"results"`
	Data       *struct {
		NumResults json.Number       `json:"numResults"`
		Results    []json.RawMessage `json:"results"`
	} `json:"data"`
}

func (p answer) total() int {
	n, _ := strconv.Atoi(p.NumResults.String()) // 0 when it is not told
	return n
}

// page asks once.
func (a *API) page(ctx context.Context, start, rows int) (answer, error) {
	u := a.base.JoinPath("inventory", "search")
	q := u.Query()
	q.Set("key", a.key)
	q.Set("rows", strconv.Itoa(rows))
	q.Set("start", strconv.Itoa(start))
	u.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return answer{}, fault.New(fault.Invalid, "the address of %s cannot be asked", a.o.Name)
	}
	req.Header.Set("Accept", accept)
	req.Header.Set("User-Agent", "NaviDocs-Inventory/1")
	got, err := wire.Ask(a.client, req, a.o.Name, maxAnswer)
	if err != nil {
		return answer{}, err
	}
	return a.judge(got)
}

// judge reads an answer. Its words are not repeated: they may hold the key.
func (a *API) judge(got wire.Answer) (p answer, err error) {
	switch {
	case got.Status == http.StatusUnauthorized, got.Status == http.StatusForbidden:
		return p, fault.New(fault.Invalid, "%s does not know this key: it answered %d", a.o.Name, got.Status)
	case got.Status == http.StatusTooManyRequests:
		seconds := int(got.RetryAfter(time.Time{}).Seconds())
		return p, fault.New(fault.RateLimited, "%s asks to be left alone for a while", a.o.Name).With("retry_after", seconds)
	case got.Status == http.StatusNotFound:
		return p, fault.New(fault.Unavailable, "%s has no inventory at this address (404): look at the base address", a.o.Name)
	case !got.OK():
		return p, fault.New(fault.Unavailable, "%s answered %d", a.o.Name, got.Status)
	case got.IsPage():
		return p, fault.New(fault.Unavailable, "%s answered with a page for people", a.o.Name)
	}
	if err := json.Unmarshal(got.Body, &p); err != nil {
		return p, fault.New(fault.Unavailable, "the answer of %s is no JSON, or half of it", a.o.Name)
	}
	if p.Data != nil && p.Results == nil {
		p.NumResults, p.Results = p.Data.NumResults, p.Data.Results
	}
	if p.Results == nil {
		return p, fault.New(fault.Unavailable, "the answer of %s holds no results", a.o.Name)
	}
	return p, nil
}
