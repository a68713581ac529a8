package sale

import (
	"context"
	"time"

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
	{Kind: "sale", Table: "sale_workflows", Column: "unreached", Key: "id", Org: "x.org_id"},
	{
		Kind: "handover_message", Table: "sale_links", Column: "message", Key: "id",
		Org: "(SELECT w.org_id FROM sale_workflows w WHERE w.id = x.sale_id)",
	},
	{
		Kind: "sale_tick", Table: "sale_ticks", Column: "note", Key: "sale_id || ' ' || item",
		Org: "(SELECT w.org_id FROM sale_workflows w WHERE w.id = x.sale_id)",
	},
	{
		Kind: "sale_task", Table: "sale_tasks", Column: "note", Key: "sale_id || ' ' || item",
		Org: "(SELECT w.org_id FROM sale_workflows w WHERE w.id = x.sale_id)",
	},
	{
		Kind: "sale_approval", Table: "sale_approvals", Column: "note", Key: "id",
		Org: "(SELECT w.org_id FROM sale_workflows w WHERE w.id = x.sale_id)",
	},
	{
		Kind: "sale_choice", Table: "sale_choices", Column: "note", Key: "sale_id || ' ' || kind || ' ' || subject_id",
		Org: "(SELECT w.org_id FROM sale_workflows w WHERE w.id = x.sale_id)",
	},
}

// buyer is whom a boat is sold to.
type buyer struct {
	id       string
	org      account.OrgID
	Boat     account.BoatID `json:"boat_id"`
	Email    string         `json:"buyer_email"`
	Name     string         `json:"buyer_name"`
	Language string         `json:"buyer_language"`
	Status   Status         `json:"status"`
}

func buyers(ctx context.Context, q db.Querier, p account.Person) ([]buyer, error) {
	var w db.Where
	w.Add("buyer_email <> ''")
	if p.Address != "" {
		w.Add("lower(buyer_email) = ?", p.Address)
	}
	p.Narrow(&w, "org_id", account.Member)
	return db.Collect(ctx, q, func(r db.Row) (b buyer, err error) {
		err = r.Scan(&b.id, &b.org, &b.Boat, &b.Email, &b.Name, &b.Language, &b.Status)
		return b, err
	}, "SELECT id, org_id, boat_id, buyer_email, buyer_name, buyer_language, status FROM sale_workflows WHERE "+w.SQL()+" ORDER BY id", w.Args()...)
}

// sent is a link that was mailed to somebody. It is needed while it works and
// its sale goes on.
type sent struct {
	id       string
	org      account.OrgID
	needed   bool
	Sale     ID        `json:"sale_id"`
	Email    string    `json:"email"`
	Language string    `json:"language"`
	Message  string    `json:"message"`
	At       time.Time `json:"created_at"`
}

func links(ctx context.Context, q db.Querier, p account.Person) ([]sent, error) {
	var w db.Where
	w.Add("l.email <> ''")
	if p.Address != "" {
		w.Add("l.email = ?", p.Address)
	}
	p.Narrow(&w, "s.org_id", account.Member)
	return db.Collect(ctx, q, func(r db.Row) (l sent, err error) {
		var at int64
		err = r.Scan(&l.id, &l.org, &l.needed, &l.Sale, &l.Email, &l.Language, &l.Message, &at)
		l.At = db.Time(at)
		return l, err
	}, `SELECT l.id, s.org_id, l.ended_at IS NULL AND s.status NOT IN ('completed', 'cancelled'), l.sale_id, l.email, l.language, l.message, l.created_at
		FROM sale_links l JOIN sale_workflows s ON s.id = l.sale_id WHERE `+w.SQL()+" ORDER BY l.id", w.Args()...)
}

// signed is what somebody approved or confirmed to have received.
type signed struct {
	id    string
	org   account.OrgID
	Sale  ID         `json:"sale_id"`
	Name  string     `json:"name"`
	Email string     `json:"email"`
	Asked *time.Time `json:"asked_at,omitempty"`
	At    *time.Time `json:"at" doc:"null: asked, and not approved"`
}

func signedBy(ctx context.Context, q db.Querier, p account.Person, from string) ([]signed, error) {
	var w db.Where
	w.Add("x.email <> ''")
	if p.Address != "" {
		w.Add("x.email = ?", p.Address)
	}
	p.Narrow(&w, "s.org_id", account.Member)
	return db.Collect(ctx, q, func(r db.Row) (x signed, err error) {
		var asked, at *int64
		err = r.Scan(&x.id, &x.org, &x.Sale, &x.Name, &x.Email, &asked, &at)
		x.Asked, x.At = db.TimePtr(asked), db.TimePtr(at)
		return x, err
	}, "SELECT x.id, s.org_id, x.sale_id, "+from+" x JOIN sale_workflows s ON s.id = x.sale_id WHERE "+w.SQL()+" ORDER BY x.id", w.Args()...)
}

// Where names and addresses of owners and buyers stand.
const (
	approvers = "x.owner, x.email, x.asked_at, x.approved_at FROM sale_approvals"
	receivers = "x.name, x.email, CAST(NULL AS BIGINT), x.at FROM sale_receipts"
)

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
	mailed, err := links(ctx, q, p)
	if err != nil {
		return err
	}
	for _, l := range mailed {
		if err := put(account.Holding{Kind: "handover_link", ID: l.id, OrgID: &l.org, Data: l}); err != nil {
			return err
		}
	}
	for kind, from := range map[string]string{"sale_approval": approvers, "sale_receipt": receivers} {
		all, err := signedBy(ctx, q, p, from)
		if err != nil {
			return err
		}
		for _, x := range all {
			if err := put(account.Holding{Kind: kind, ID: x.id, OrgID: &x.org, Data: x}); err != nil {
				return err
			}
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
	mailed, err := links(ctx, q, anybody)
	if err != nil {
		return nil, err
	}
	texts, err := account.AddressesOf(ctx, q, notes)
	for _, from := range []string{approvers, receivers} {
		all, err := signedBy(ctx, q, anybody, from)
		if err != nil {
			return nil, err
		}
		for _, x := range all {
			texts = append(texts, account.AddressesIn(x.Email)...)
		}
	}
	for _, b := range all {
		texts = append(texts, account.AddressesIn(b.Email)...)
	}
	for _, l := range mailed {
		texts = append(texts, account.AddressesIn(l.Email)...)
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
		} else if _, err := tx.Exec(ctx, `UPDATE sale_workflows SET buyer_email = '', buyer_name = '', buyer_fold = '', buyer_language = 'en', unreached = '', updated_at = $1
			WHERE id = $2`, db.Micros(tx.Now()), b.id); err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	forgotten, err := eraseLinks(ctx, tx, p)
	if err != nil {
		return nil, err
	}
	out = append(out, forgotten...)
	if forgotten, err = eraseSigned(ctx, tx, p); err != nil {
		return nil, err
	}
	out = append(out, forgotten...)
	texts, err := account.EraseIn(ctx, tx, p, notes)
	return append(out, texts...), err
}

// eraseLinks makes links nameless; one that still works for a running sale is kept.
func eraseLinks(ctx context.Context, tx *db.Tx, p account.Person) (out []account.Outcome, err error) {
	all, err := links(ctx, tx, p)
	if err != nil {
		return nil, err
	}
	for _, l := range all {
		o := account.Outcome{Kind: "handover_link", ID: l.id, OrgID: &l.org, Erased: !l.needed}
		if l.needed {
			o.Why = "the buyer fetches the package by it: revoke it, or complete or cancel the sale, then erase again"
		} else if _, err := tx.Exec(ctx, "UPDATE sale_links SET email = '', message = '', language = 'en' WHERE id = $1", l.id); err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, nil
}

// eraseSigned makes approvals nameless, and keeps receipts.
func eraseSigned(ctx context.Context, tx *db.Tx, p account.Person) (out []account.Outcome, err error) {
	approvals, err := signedBy(ctx, tx, p, approvers)
	if err != nil {
		return nil, err
	}
	for _, x := range approvals {
		out = append(out, account.Outcome{Kind: "sale_approval", ID: x.id, OrgID: &x.org, Erased: true})
		if _, err := tx.Exec(ctx, "UPDATE sale_approvals SET owner = $1, email = '' WHERE id = $2", account.Erased, x.id); err != nil {
			return nil, err
		}
	}
	receipts, err := signedBy(ctx, tx, p, receivers)
	for _, x := range receipts {
		out = append(out, account.Outcome{
			Kind: "sale_receipt", ID: x.id, OrgID: &x.org, Why: "a receipt is evidence of the handover for both sides: it is kept for 7 years, and then goes by itself",
		})
	}
	return out, err
}

// Purge removes an organization's sales.
func (s *Service) Purge(ctx context.Context, org account.OrgID) (err error) {
	defer fault.Wrap(&err, "sale.Purge %s", org)
	const ofSales = "sale_id IN (SELECT id FROM sale_workflows WHERE org_id = $1)"
	const ofLinks = "link_id IN (SELECT l.id FROM sale_links l JOIN sale_workflows w ON w.id = l.sale_id WHERE w.org_id = $1)"
	if err := s.releasePackages(ctx, "s.org_id = ?", org); err != nil {
		return err
	}
	return s.db.DeleteInBatches(ctx, org,
		db.Rows{Table: "sale_tasks", Key: "sale_id, item", Condition: ofSales},
		db.Rows{Table: "sale_approvals", Key: "id", Condition: ofSales},
		db.Rows{Table: "sale_receipts", Key: "id", Condition: ofSales},
		db.Rows{Table: "sale_downloads", Key: "id", Condition: ofLinks},
		db.Rows{Table: "sale_tokens", Key: "hash", Condition: ofLinks},
		db.Rows{Table: "sale_links", Key: "id", Condition: ofSales},
		db.Rows{Table: "sale_packages", Key: "id", Condition: ofSales},
		db.Rows{Table: "signing_keys", Key: "fingerprint", Condition: "org_id = $1"},
		db.Rows{Table: "sale_choices", Key: "sale_id, kind, subject_id", Condition: ofSales},
		db.Rows{Table: "sale_reminders", Key: "sale_id, transfer_date, days", Condition: ofSales},
		db.Rows{Table: "sale_ticks", Key: "sale_id, item", Condition: ofSales},
		db.Rows{Table: "sale_steps", Key: "sale_id, position", Condition: ofSales},
		db.Rows{Table: "sale_workflows", Key: "id", Condition: "org_id = $1"},
	)
}
