package listing

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// item is a listing that a portal shows.
type item struct {
	id     string
	advert Advert
}

// kind is an item's make, model and year, as far as they are told.
func (i item) kind() string {
	b := i.advert.Boat
	year := ""
	if b.ModelYear != nil {
		year = strconv.Itoa(*b.ModelYear)
	}
	return oneLine(b.Make, b.Model, year)
}

// title is what people call an item.
func (i item) title() string {
	return fmt.Sprintf("%s (%s)", oneLine(i.kind(), i.advert.Boat.Name), i.id)
}

// oneLine is words with one space between them.
func oneLine(words ...string) string {
	return strings.Join(strings.Fields(strings.Join(words, " ")), " ")
}

// inventory reads what a portal shows; Invalid when it does not know the key.
func (s *Service) inventory(ctx context.Context, c Connection) (all []item, err error) {
	x, err := s.unseal(c)
	if err != nil {
		return nil, err
	}
	portal, err := s.formats.Inventory(s.client, c.Kind, c.URL, x.Key)
	if err != nil {
		return nil, err
	}
	err = portal.Each(ctx, func(id string, a Advert) error {
		all = append(all, item{id, a})
		return nil
	})
	return all, err
}

// readBack compares what a portal shows with what we say.
func (s *Service) readBack(ctx context.Context, c Connection, r *run) error {
	all, err := s.read(ctx, c, r)
	if err != nil || r.Outcome == Broken {
		return err
	}
	return s.db.Transact(ctx, func(tx *db.Tx) error { return s.drifted(ctx, tx, c, all, r) })
}

// read is what a portal shows. What the portal does wrong makes a broken run.
func (s *Service) read(ctx context.Context, c Connection, r *run) ([]item, error) {
	all, err := s.inventory(ctx, c)
	switch {
	case err == nil:
		return all, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	r.Failed, r.Outcome, r.Message = 1, Broken, fault.Message(err)
	if fault.Is(err, fault.Invalid) || fault.Is(err, fault.Unauthenticated) {
		r.Message = c.Name + " does not know the broker's key any more: give a new one"
		return nil, s.db.Transact(ctx, func(tx *db.Tx) error { return s.stop(ctx, tx, c, r.Message) })
	}
	if fault.Is(err, fault.Internal) {
		s.config.Log.Warn("a portal could not be read", "connection_id", c.ID, "error", err)
	}
	return nil, nil
}

// drifted keeps of each listing where the portal says something else.
func (s *Service) drifted(ctx context.Context, tx *db.Tx, c Connection, all []item, r *run) error {
	ours, rows, err := listed(ctx, tx, c)
	if err != nil {
		return err
	}
	found, rest := match(ours, rows, all)
	r.Matched, r.Unmatched = len(found), len(rest)
	now := tx.Now()
	for _, o := range ours {
		e, known := rows[o.ID]
		e.connection, e.listing, e.checkedAt, e.problem = c.ID, o.ID, &now, ""
		theirs, there := found[o.ID]
		switch {
		case there:
			e.state, e.reference, e.drift = Published, theirs.id, Compare(o.at(""), theirs.advert)
			if e.publishedAt == nil {
				e.publishedAt = &now
			}
		case o.out(now) && o.Status != Sold:
			e.state, e.drift = Gone, []Difference{{Field: "listing.status", Ours: string(o.Status), Theirs: "not listed"}}
		case !known:
			continue
		default:
			e.state, e.drift = Gone, nil
		}
		if err := e.store(ctx, tx); err != nil {
			return err
		}
	}
	if len(rest) > 0 {
		titles := make([]string, 0, len(rest))
		for _, i := range rest {
			titles = append(titles, i.title())
		}
		r.note("it also lists: " + strings.Join(titles, ", "))
	}
	return nil
}

// listed are our listings, and how they stand at a portal.
func listed(ctx context.Context, q db.Querier, c Connection) (ours []*offer, rows map[ID]entry, err error) {
	if ours, err = offersOf(ctx, q, c.OrgID); err != nil {
		return nil, nil, err
	}
	rows, err = entriesOf(ctx, q, c.ID)
	return ours, rows, err
}

// match finds which of a portal's listings is which of ours: by the portal's
// number that we know, by the number that people wrote down, by the HIN, at last by
// make, model, year and name together. Each is taken once.
func match(ours []*offer, rows map[ID]entry, all []item) (found map[ID]item, rest []item) {
	found = map[ID]item{}
	rest = slices.Clone(all)
	for _, same := range []func(o *offer, i item) bool{
		func(o *offer, i item) bool { return rows[o.ID].reference != "" && rows[o.ID].reference == i.id },
		func(o *offer, i item) bool {
			return slices.ContainsFunc(o.Postings, func(p Posting) bool { return p.Number != "" && p.Number == i.id })
		},
		func(o *offer, i item) bool { return sameHIN(o.advert.Boat.HIN, i.advert.Boat.HIN) },
		func(o *offer, i item) bool { return sameBoat(o.advert.Boat, i.advert.Boat) },
	} {
		for _, o := range ours {
			if _, done := found[o.ID]; done {
				continue
			}
			if n := slices.IndexFunc(rest, func(i item) bool { return same(o, i) }); n >= 0 {
				found[o.ID] = rest[n]
				rest = slices.Delete(rest, n, n+1)
			}
		}
	}
	return found, rest
}

func sameHIN(a, b string) bool {
	bare := strings.NewReplacer("-", "", " ", "")
	a, b = bare.Replace(a), bare.Replace(b)
	return len(a) >= 12 && strings.EqualFold(a, b)
}

func sameBoat(a, b Boat) bool {
	same := func(x, y string) bool {
		return x != "" && db.Fold(strings.TrimSpace(x)) == db.Fold(strings.TrimSpace(y))
	}
	years := a.ModelYear != nil && b.ModelYear != nil && *a.ModelYear == *b.ModelYear
	return same(a.Make, b.Make) && same(a.Model, b.Model) && years && same(a.Name, b.Name)
}
