package fleet

import (
	"context"
	"slices"

	"navidocs/internal/account"
	"navidocs/internal/db"
)

// People is what this package keeps about people: owners of boats, contacts, and
// what somebody wrote about equipment.
type People struct{}

var _ account.PersonalData = People{}

// notes are free texts that may name somebody.
var notes = []account.FreeText{
	{Kind: "equipment", Table: "equipment", Column: "notes", Key: "id", Org: "x.org_id"},
	{Kind: "contact", Table: "contacts", Column: "notes", Key: "id", Org: "x.org_id"},
}

// ownerRow is an owner of a boat.
type ownerRow struct {
	id, boat string
	org      account.OrgID
	Owner
}

func owners(ctx context.Context, q db.Querier, p account.Person) ([]ownerRow, error) {
	var w db.Where
	if p.Address == "" {
		w.Add("o.contact LIKE '%@%'")
	} else {
		w.Add(`lower(o.contact) LIKE ? ESCAPE '\'`, account.Naming(p.Address))
	}
	p.Narrow(&w, "b.org_id", account.Viewer)
	all, err := db.Collect(ctx, q, func(r db.Row) (o ownerRow, err error) {
		err = r.Scan(&o.id, &o.boat, &o.org, &o.Name, &o.SharePercent, &o.Contact, &o.Signs)
		return o, err
	}, `SELECT o.id, o.boat_id, b.org_id, o.name, o.share_percent, o.contact, o.signs FROM boat_owners o JOIN boats b ON b.id = o.boat_id
		WHERE `+w.SQL()+" ORDER BY o.id", w.Args()...)
	return slices.DeleteFunc(all, func(o ownerRow) bool {
		return p.Address != "" && !slices.Contains(account.AddressesIn(o.Contact), p.Address)
	}), err
}

func contacts(ctx context.Context, q db.Querier, p account.Person) ([]Contact, error) {
	var w db.Where
	if p.Address == "" {
		w.Add("email <> ''")
	} else {
		w.Add("email = ?", p.Address)
	}
	p.Narrow(&w, "org_id", account.Viewer)
	return db.Collect(ctx, q, scanContact, selectContact+" WHERE "+w.SQL()+" ORDER BY id", w.Args()...)
}

// Holdings implements account.PersonalData.
func (People) Holdings(ctx context.Context, q db.Querier, p account.Person, put func(account.Holding) error) error {
	if p.User != "" {
		return nil
	}
	var all []account.Holding
	owning, err := owners(ctx, q, p)
	if err != nil {
		return err
	}
	for _, o := range owning {
		all = append(all, account.Holding{Kind: "boat_owner", ID: o.id, OrgID: &o.org, Data: map[string]any{"boat_id": o.boat, "owner": o.Owner}})
	}
	known, err := contacts(ctx, q, p)
	if err != nil {
		return err
	}
	for _, c := range known {
		all = append(all, account.Holding{Kind: "contact", ID: string(c.ID), OrgID: &c.OrgID, Data: c})
	}
	for _, h := range all {
		if err := put(h); err != nil {
			return err
		}
	}
	return account.HoldingsIn(ctx, q, p, notes, put)
}

// Addresses implements account.PersonalData.
func (People) Addresses(ctx context.Context, q db.Querier) (all []string, err error) {
	var anybody account.Person
	owning, err := owners(ctx, q, anybody)
	if err != nil {
		return nil, err
	}
	for _, o := range owning {
		all = append(all, account.AddressesIn(o.Contact)...)
	}
	known, err := contacts(ctx, q, anybody)
	if err != nil {
		return nil, err
	}
	for _, c := range known {
		all = append(all, c.Email)
	}
	texts, err := account.AddressesOf(ctx, q, notes)
	return append(all, texts...), err
}

// Erase implements account.PersonalData: an owner loses the name and how they
// are reached, not their share; a contact loses the person, and its own name
// where it is a person itself.
func (People) Erase(ctx context.Context, tx *db.Tx, p account.Person) (out []account.Outcome, err error) {
	if p.User != "" {
		return nil, nil
	}
	for _, erase := range []func(context.Context, *db.Tx, account.Person) ([]account.Outcome, error){eraseOwners, eraseContacts} {
		some, err := erase(ctx, tx, p)
		if err != nil {
			return nil, err
		}
		out = append(out, some...)
	}
	texts, err := account.EraseIn(ctx, tx, p, notes)
	return append(out, texts...), err
}

func eraseOwners(ctx context.Context, tx *db.Tx, p account.Person) (out []account.Outcome, err error) {
	all, err := owners(ctx, tx, p)
	if err != nil {
		return nil, err
	}
	for _, o := range all {
		if _, err := tx.Exec(ctx, "UPDATE boat_owners SET name = $1, contact = '' WHERE id = $2", account.Erased, o.id); err != nil {
			return nil, err
		}
		// Whoever read the boat before must not write the owner back.
		_, err := tx.Exec(ctx, "UPDATE boats SET updated_at = CASE WHEN updated_at < $1 THEN $1 ELSE updated_at + 1 END WHERE id = $2", db.Micros(tx.Now()), o.boat)
		if err != nil {
			return nil, err
		}
		out = append(out, account.Outcome{Kind: "boat_owner", ID: o.id, OrgID: &o.org, Erased: true})
	}
	return out, nil
}

func eraseContacts(ctx context.Context, tx *db.Tx, p account.Person) (out []account.Outcome, err error) {
	all, err := contacts(ctx, tx, p)
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		c.unname()
		_, err := tx.Exec(ctx, `UPDATE contacts SET name = $1, name_fold = $2, person = $3, email = $4, phone = $5, address = $6, website = $7,
			account_number = $8, notes = $9, updated_at = $10 WHERE id = $11`, c.Name, db.Fold(c.Name), c.Person, c.Email, c.Phone, c.Address,
			c.Website, c.AccountNumber, c.Notes, db.Micros(Touched(tx, c.UpdatedAt)), c.ID)
		if err != nil {
			return nil, err
		}
		if err := account.ForgetDetail(ctx, tx, "contact", string(c.ID)); err != nil {
			return nil, err
		}
		out = append(out, account.Outcome{Kind: "contact", ID: string(c.ID), OrgID: &c.OrgID, Erased: true})
	}
	return out, nil
}

// unname takes the person from a contact; the business stays, where the contact
// is one that has a person to ask for.
func (c *Contact) unname() {
	if c.Person == "" {
		c.Name, c.Address, c.Website, c.AccountNumber = account.Erased, "", "", ""
	}
	c.Person, c.Email, c.Phone, c.Notes = "", "", "", ""
}
