package listing

import (
	"context"

	"navidocs/internal/account"
	"navidocs/internal/db"
)

// People is what the package keeps about people: whom buyers may ask.
type People struct{}

var _ account.PersonalData = People{}

// asked is whom buyers of a boat may ask.
type asked struct {
	BoatID account.BoatID `json:"boat_id"`
	Rep    string         `json:"rep"`
	Email  string         `json:"email"`
	Phone  string         `json:"phone"`

	id  ID
	org account.OrgID
}

func scanAsked(r db.Row) (a asked, err error) {
	return a, r.Scan(&a.id, &a.org, &a.BoatID, &a.Rep, &a.Email, &a.Phone)
}

// of narrows listings to those that name a person, and to an organization if one is
// named.
func of(p account.Person) db.Where {
	var w db.Where
	w.Add("lower(email) = ?", db.Text(p.Address))
	if p.Org != "" {
		w.Add("org_id = ?", p.Org)
	}
	return w
}

// Holdings implements account.PersonalData.
func (People) Holdings(ctx context.Context, q db.Querier, p account.Person, put func(account.Holding) error) error {
	w := of(p)
	all, err := db.Collect(ctx, q, scanAsked, "SELECT id, org_id, boat_id, rep, email, phone FROM listings WHERE "+w.SQL()+" ORDER BY created_at, id", w.Args()...)
	if err != nil {
		return err
	}
	for _, a := range all {
		if err := put(account.Holding{Kind: "listing", ID: string(a.id), OrgID: &a.org, Data: a}); err != nil {
			return err
		}
	}
	return nil
}

// Addresses implements account.PersonalData.
func (People) Addresses(ctx context.Context, q db.Querier) ([]string, error) {
	return db.Collect(ctx, q, db.Scalar[string], "SELECT DISTINCT lower(email) FROM listings WHERE email <> ''")
}

// Erase implements account.PersonalData: the listing stays, and names nobody.
func (People) Erase(ctx context.Context, tx *db.Tx, p account.Person) ([]account.Outcome, error) {
	w := of(p)
	now := w.Arg(db.Micros(tx.Now()))
	return db.Collect(ctx, tx, func(r db.Row) (account.Outcome, error) {
		o := account.Outcome{Kind: "listing", Erased: true}
		return o, r.Scan(&o.ID, &o.OrgID)
	}, "UPDATE listings SET rep = '', email = '', phone = '', updated_at = "+now+" WHERE "+w.SQL()+" RETURNING id, org_id", w.Args()...)
}
