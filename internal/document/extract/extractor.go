package extract

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"navidocs/internal/fault"
)

// maxDeaths is how many children in a row may die over the pages of one file
// before the rest is not tried any more.
const maxDeaths = 10

// Extractor starts one child for each call. It is safe for concurrent use; how
// many children run at once is up to its callers.
type Extractor struct {
	options Options
}

// New makes an Extractor. Nothing is started yet.
func New(o Options) *Extractor { return &Extractor{options: o.withDefaults()} }

// Inspect tells what the file says about itself. A file that cannot be opened
// gives a *Refused.
func (e *Extractor) Inspect(ctx context.Context, path, mediaType string) (info Info, err error) {
	defer fault.Wrap(&err, "extract.Inspect %s", filepath.Base(path))
	c, err := e.start(ctx, request{Op: opInspect, Path: path, MediaType: mediaType})
	if err != nil {
		return Info{}, err
	}
	defer c.stop()
	for {
		m, err := c.next(ctx)
		switch {
		case err != nil:
			return Info{}, wholeFile(err)
		case m.Refuse != nil:
			return Info{}, m.Refuse
		case m.Failed != "":
			return Info{}, childFailed(m.Failed)
		case m.Info != nil:
			info = *m.Info
		case m.Done:
			return info, nil
		}
	}
}

// Pages takes the pages from..to apart, numbered from 1, both included, and
// hands each over in order; to = 0 is the last page. A page that kills its
// child is handed over with a Reason, and a fresh child goes on after it. A
// file that cannot be opened, or that kills ten children in a row, gives a
// *Refused. An error of each ends the work and is returned.
func (e *Extractor) Pages(ctx context.Context, path, mediaType string, from, to int, each func(Page) error) (err error) {
	defer fault.Wrap(&err, "extract.Pages %s", filepath.Base(path))
	run := pageRun{
		extractor: e,
		request:   request{Op: opPages, Path: path, MediaType: mediaType, From: max(from, 1), To: to},
		each:      each,
	}
	for deaths := 0; ; {
		before := run.request.From
		finished, err := run.child(ctx)
		dead, isDeath := errors.AsType[*death](err)
		if finished || err != nil && !isDeath {
			return err
		}
		if run.request.From > before {
			deaths = 0
		}
		if run.opened && run.request.From > run.last {
			return nil // it died of what it had done already
		}
		if deaths++; deaths > maxDeaths || !run.opened {
			return &Refused{Reason: dead.reason, Detail: dead.Error()}
		}
		if err := run.hand(Page{Number: run.request.From, Reason: dead.reason}); err != nil {
			return err
		}
	}
}

// pageRun is the work on one range over several children.
type pageRun struct {
	extractor *Extractor
	request   request // From moves with the pages handed over
	each      func(Page) error
	opened    bool // this child got the file open
	last      int  // the last page to hand over, once opened
}

// child runs one child until the range ends, the file is refused or it dies.
func (r *pageRun) child(ctx context.Context) (finished bool, err error) {
	r.opened = false
	c, err := r.extractor.start(ctx, r.request)
	if err != nil {
		return true, err
	}
	defer c.stop()
	for {
		m, err := c.next(ctx)
		switch {
		case err != nil:
			return false, err
		case m.Refuse != nil:
			return true, m.Refuse
		case m.Failed != "":
			return true, childFailed(m.Failed)
		case m.Opened != nil:
			r.opened, r.last = true, m.Opened.Pages
			if r.request.To > 0 {
				r.last = min(r.last, r.request.To)
			}
		case m.Page != nil:
			if m.Page.Number != r.request.From || m.Page.Number > r.last {
				return false, &death{ReasonCrashed, fmt.Errorf("%w: page %d out of turn", errFrame, m.Page.Number)}
			}
			if err := r.hand(*m.Page); err != nil {
				return true, err
			}
		case m.Done:
			return true, nil
		}
	}
}

func (r *pageRun) hand(p Page) error {
	r.request.From++
	return r.each(p)
}

// childFailed is an error that has nothing to do with the file: another try
// may succeed.
func childFailed(what string) error { return errors.New("extraction child: " + what) }

// wholeFile turns the death of a child into the refusal of its file.
func wholeFile(err error) error {
	if dead, ok := errors.AsType[*death](err); ok {
		return &Refused{Reason: dead.reason, Detail: dead.Error()}
	}
	return err
}

// Reading is the same Extractor for pages in other languages.
func (e *Extractor) Reading(languages []string) *Extractor {
	o := e.options
	if len(languages) > 0 {
		o.Languages = languages
	}
	return &Extractor{options: o}
}
