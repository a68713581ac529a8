package warranty

import (
	"context"
	"slices"
	"strings"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
)

// Suggestions proposes terms whose maker and product are those of a warranty's
// item. None is applied unasked.
func (s *Service) Suggestions(ctx context.Context, who account.Actor, id ID) (_ []Term, err error) {
	defer fault.Wrap(&err, "warranty.Suggestions %s", id)
	w, err := s.load(ctx, s.db, who, id, account.Viewer)
	if err != nil {
		return nil, err
	}
	return s.proposals(ctx, s.db, who, w)
}

// proposals looks for the maker in what is known of the item: who gives the
// warranty, the equipment, the engine.
func (s *Service) proposals(ctx context.Context, q db.Querier, who account.Actor, w Warranty) ([]Term, error) {
	maker, model, words := []string{w.Provider}, []string{}, []string{w.ItemName}
	if w.EquipmentID != nil {
		e, err := s.boats.EquipmentIn(ctx, q, who, *w.EquipmentID, account.Viewer)
		if err != nil && !fault.Is(err, fault.NotFound) { // it may be gone
			return nil, err
		}
		maker, model, words = append(maker, e.Maker), append(model, e.Model), append(words, e.Name, e.SystemCode)
	}
	if w.EngineID != nil {
		e, err := s.boats.EngineIn(ctx, q, who, w.BoatID, *w.EngineID, account.Viewer)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return nil, err
		}
		maker, model = append(maker, e.Maker), append(model, e.Model)
	}
	return Propose(strings.Join(maker, " "), strings.Join(model, " "), words...), nil
}

// Apply takes suggested terms over, as the warranty's own limits or as a
// coverage line beside them, and notes where they come from; members may. Only
// what the terms say is changed.
func (s *Service) Apply(ctx context.Context, who account.Actor, id ID, term string, line bool, at fleet.Version) (w Warranty, err error) {
	defer fault.Wrap(&err, "warranty.Apply %s", id)
	return s.change(ctx, who, id, at, func(tx *db.Tx, w *Warranty) (Input, error) {
		in := w.input()
		all, err := s.proposals(ctx, tx, who, *w)
		if err != nil {
			return in, err
		}
		i := slices.IndexFunc(all, func(t Term) bool { return t.ID == term })
		if i < 0 {
			return in, fault.New(fault.NotFound, "these terms are not suggested for this warranty: GET /api/warranties/%s/suggestions lists those that are", id)
		}
		if line {
			return in, all[i].addTo(&in)
		}
		return in, all[i].replaceIn(&in)
	})
}

// from says where terms come from, for people.
func (t Term) from() string {
	return join(", ", join(" ", t.Maker, t.Product), t.Coverage, t.Edition, t.Source)
}

// replaceIn makes the terms the warranty's own.
func (t Term) replaceIn(in *Input) error {
	if t.Months == 0 {
		return fault.New(fault.Conflict, "the terms %q do not say for how many months they hold: give them by hand", t.from())
	}
	if t.MonthsAfterInvoice > 0 && in.MakerInvoiceDate != nil {
		in.MonthsAfterInvoice = &t.MonthsAfterInvoice
	}
	in.Months, in.termsSource = t.Months, t.from()
	if t.HoursLimit != nil {
		in.HoursLimit = t.HoursLimit
	}
	if t.transfers() {
		in.Transferable = true
	}
	return nil
}

// addTo adds the terms as a line, in place of one of the same coverage.
func (t Term) addTo(in *Input) error {
	l := LineInput{Coverage: t.Coverage, HoursLimit: t.HoursLimit, termsSource: t.from()}
	if t.Months > 0 {
		l.Months = &t.Months
	}
	if t.MonthsAfterInvoice > 0 && in.MakerInvoiceDate != nil {
		l.MonthsAfterInvoice = &t.MonthsAfterInvoice
	}
	if l.Months == nil && l.HoursLimit == nil && l.MonthsAfterInvoice == nil {
		return fault.New(fault.Conflict, "the terms %q give no limit that could be applied", t.from())
	}
	in.Lines = slices.DeleteFunc(in.Lines, func(x LineInput) bool { return db.Fold(x.Coverage) == db.Fold(l.Coverage) })
	in.Lines = append(in.Lines, l)
	return nil
}

// transfers says whether the terms let a new owner have the rest of the cover.
func (t Term) transfers() bool {
	return strings.HasPrefix(t.Transferable, "yes") || t.Transferable == "usually" || t.Transferable == "often once"
}
