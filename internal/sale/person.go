package sale

import (
	"context"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// People is what this package keeps about people: whom a boat is sold to, and
// what somebody wrote about it.
type People struct{}

var _ account.PersonalData = People{}

// notes are free texts that may name somebody.
var notes = []account.FreeText{
	{Kind: "sale", Table: "sale_workflows", Column: "cancel_reason", Key: "id", Org: "x.org_id"},
	{
		Kind: "sale_tick", Table: "sale_ticks", Column: "note", Key: "sale_id || ' ' || item",
		Org: "(SELECT w.org_id FROM sale_workflows w WHERE w.id = x.sale_id)",
	},
	{
		Kind: "sale_choice", Table: "sale_choices", Column: "note", Key: "sale_id || ' ' || kind || ' ' || subject_id",
		Org: "(SELECT w.org_id FROM sale_workflows w WHERE w.id = x.sale_id)",
	},
}

// buyer is whom a boat is sold to.
type buyer struct {
	id     string
	org    account.OrgID
	Boat   account.BoatID `json:"boat_id"`
	Email  string         `json:"buyer_email"`
	Name   string         `json:"buyer_name"`
	Status Status         `json:"status"`
}

func buyers(ctx context.Context, q db.Querier, p account.Person) ([]buyer, error) {
	var w db.Where
	w.Add("buyer_email <> ''")
	if p.Address != "" {
		w.Add("lower(buyer_email) = ?", p.Address)
	}
	p.Narrow(&w, "org_id", account.Member)
	return db.Collect(ctx, q, func(r db.Row) (b buyer, err error) {
		err = r.Scan(&b.id, &b.org, &b.Boat, &b.Email, &b.Name, &b.Status)
		return b, err
	}, "SELECT id, org_id, boat_id, buyer_email, buyer_name, status FROM sale_workflows WHERE "+w.SQL()+" ORDER BY id", w.Args()...)
}

// Holdings implements account.PersonalData.
func (People) Holdings(ctx context.Context, q db.Querier, p account.Person, put func(account.Holding) error) error {
	if p.User != "" {
		return nil
	}
	all, err := buyers(ctx, q, p)
	if err != nil {
		return err
	}
	for _, b := range all {
		if err := put(account.Holding{Kind: "buyer", ID: b.id, OrgID: &b.org, Data: b}); err != nil {
			return err
		}
	}
	return account.HoldingsIn(ctx, q, p, notes, put)
}

// Addresses implements account.PersonalData.
func (People) Addresses(ctx context.Context, q db.Querier) ([]string, error) {
	var anybody account.Person
	all, err := buyers(ctx, q, anybody)
	if err != nil {
		return nil, err
	}
	texts, err := account.AddressesOf(ctx, q, notes)
	for _, b := range all {
		texts = append(texts, account.AddressesIn(b.Email)...)
	}
	return texts, err
}

// Erase implements account.PersonalData: a buyer whom a running sale needs is
// kept.
func (People) Erase(ctx context.Context, tx *db.Tx, p account.Person) (out []account.Outcome, err error) {
	if p.User != "" {
		return nil, nil
	}
	all, err := buyers(ctx, tx, p)
	if err != nil {
		return nil, err
	}
	for _, b := range all {
		o := account.Outcome{Kind: "buyer", ID: b.id, OrgID: &b.org, Erased: !b.Status.open()}
		if b.Status.open() {
			o.Why = "the sale is " + string(b.Status) + " and needs its buyer: complete or cancel it, then erase again"
		} else if _, err := tx.Exec(ctx, "UPDATE sale_workflows SET buyer_email = '', buyer_name = '', buyer_fold = '', updated_at = $1 WHERE id = $2", db.Micros(tx.Now()), b.id); err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	texts, err := account.EraseIn(ctx, tx, p, notes)
	return append(out, texts...), err
}

// Purge removes an organization's sales.
func (s *Service) Purge(ctx context.Context, org account.OrgID) (err error) {
	defer fault.Wrap(&err, "sale.Purge %s", org)
	const ofSales = "sale_id IN (SELECT id FROM sale_workflows WHERE org_id = $1)"
	if err := s.releasePackages(ctx, "s.org_id = ?", org); err != nil {
		return err
	}
	return s.db.DeleteInBatches(ctx, org,
		db.Rows{Table: "sale_packages", Key: "id", Condition: ofSales},
		db.Rows{Table: "signing_keys", Key: "fingerprint", Condition: "org_id = $1"},
		db.Rows{Table: "sale_choices", Key: "sale_id, kind, subject_id", Condition: ofSales},
		db.Rows{Table: "sale_ticks", Key: "sale_id, item", Condition: ofSales},
		db.Rows{Table: "sale_steps", Key: "sale_id, position", Condition: ofSales},
		db.Rows{Table: "sale_workflows", Key: "id", Condition: "org_id = $1"},
	)
}
