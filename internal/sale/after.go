package sale

import (
	"context"
	"slices"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// After is what came to a boat after its package was made.
type After struct {
	Documents   []Candidate `json:"documents" doc:"papers that the buyer does not have: what came since the package was made, and what was decided since"`
	Supplements []Later     `json:"supplements" doc:"what was sent after the package, the newest first"`
}

// Later is a supplement with its link.
type Later struct {
	Package
	Link *Link `json:"link,omitempty" doc:"absent until the supplement is ready"`
}

// After tells what waits for the buyer since the boat was handed over, and what
// went after it; whoever manages the boat may see it. Before a transfer nothing
// waits: the package takes it.
func (s *Service) After(ctx context.Context, who account.Actor, id ID) (out After, err error) {
	defer fault.Wrap(&err, "sale.After %s", id)
	x, err := s.load(ctx, s.db, who, id, account.Manager)
	if err != nil {
		return out, err
	}
	if out.Documents, err = afterOf(ctx, s.db, x); err != nil {
		return out, err
	}
	made, err := db.Collect(ctx, s.db, scanBrief, selectBrief+" WHERE p.sale_id = $1 AND p.kind = $2 ORDER BY p.created_at DESC, p.id DESC", id, Supplement)
	if err != nil {
		return out, err
	}
	links, err := db.Collect(ctx, s.db, scanLink, selectLink+" WHERE l.sale_id = $1 AND p.kind = $2", id, Supplement)
	out.Supplements = []Later{}
	for _, p := range made {
		later := Later{Package: p}
		if i := slices.IndexFunc(links, func(l Link) bool { return l.packageID == p.ID }); i >= 0 {
			later.Link = &links[i]
		}
		out.Supplements = append(out.Supplements, later)
	}
	return out, err
}

// handedOver reports whether the buyer was given a package that stands.
func (x *Sale) handedOver() bool {
	return x.Link != nil && (x.Status == Transferred || x.Status == Completed)
}

// afterOf lists the papers that are in neither the package that was handed over nor
// a supplement, as far as they came since or would go.
func afterOf(ctx context.Context, q db.Querier, x Sale) ([]Candidate, error) {
	out := []Candidate{}
	if !x.handedOver() {
		return out, nil
	}
	has, since, err := sentOf(ctx, q, x)
	if err != nil {
		return nil, err
	}
	now, err := goingOf(ctx, q, x)
	if err != nil {
		return nil, err
	}
	for _, p := range now.Documents {
		if going := p.Going == In || p.Going == Use; !has[string(p.sent().DocumentID)] && (going || p.arrived.After(since)) {
			out = append(out, p)
		}
	}
	return out, nil
}

// sentOf are the papers that the buyer has, or gets by a supplement, and when the
// package that was handed over was begun.
func sentOf(ctx context.Context, q db.Querier, x Sale) (has map[string]bool, since time.Time, err error) {
	all, err := db.Collect(ctx, q, scanPackage, selectPackage+" WHERE p.id = $1 OR p.sale_id = $2 AND p.kind = $3 AND p.state = $4",
		x.Link.packageID, x.ID, Supplement, Ready)
	if err != nil {
		return nil, since, err
	}
	has = map[string]bool{}
	for _, p := range all {
		if p.Kind == AsBuilt {
			since = p.begun
		}
		m, err := p.Manifest()
		if err != nil {
			return nil, since, err
		}
		for _, f := range m.Files {
			has[f.DocumentID] = true
		}
	}
	return has, since, nil
}

// Supplement begins to build a package of the papers that came after the one that
// was handed over, in the background; when it is ready the buyer is mailed a link
// to it, beside the first. Whoever manages the boat may, with a confirmed address.
// Conflict before a transfer, when nothing waits, and when the buyer was erased.
func (s *Service) Supplement(ctx context.Context, who account.Actor, id ID) (p Package, err error) {
	defer fault.Wrap(&err, "sale.Supplement %s", id)
	if err := who.RequireVerified(); err != nil {
		return p, err
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		x, err := s.load(ctx, tx, who, id, account.Manager)
		if err != nil {
			return err
		}
		if err := x.supplementable(); err != nil {
			return err
		}
		all, err := afterOf(ctx, tx, x)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(all, func(p Candidate) bool { return p.Going == In || p.Going == Use }) {
			return fault.New(fault.Conflict, "no paper waits to go to the buyer: upload it, or decide that it goes in")
		}
		p, err = s.begin(ctx, tx, who, x, Supplement, GenerateOptions{})
		return err
	})
	return p, err
}

func (x *Sale) supplementable() error {
	switch {
	case !x.handedOver():
		return fault.New(fault.Conflict, "the sale is %s: a supplement follows a package that was transferred", x.Status)
	case x.BuyerEmail == "":
		return fault.New(fault.Conflict, "the buyer's address was erased: there is nobody to send a supplement to")
	}
	return nil
}

// sendSupplement mails the buyer a link to a supplement that is ready.
func (s *Service) sendSupplement(ctx context.Context, tx *db.Tx, who account.Actor, x Sale, id PackageID) error {
	if err := x.supplementable(); err != nil {
		return err
	}
	p, err := packageOf(ctx, tx, id)
	if err != nil {
		return err
	}
	first := x.Link
	if x.Link, err = insertLink(ctx, tx, who, x, p, ""); err != nil {
		return err
	}
	if _, err = s.mail(ctx, tx, mailMore, x, letter{seller: who, of: p}); err != nil {
		return err
	}
	x.Link = first
	return s.step(ctx, tx, who, "sale.supplement_sent", &x, map[string]any{"package_id": id, "files": p.Files})
}
