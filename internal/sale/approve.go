package sale

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
	"navidocs/internal/vault"
)

// approvalDays is how long an owner has to follow the link of a mail.
const approvalDays = 14

// signer is an owner who has to approve: they sign, and have a share. Owners of
// one name are told apart by a number.
type signer struct {
	name, email string
	share       float64
}

func signersOf(ctx context.Context, q db.Querier, boat fleet.BoatID) ([]signer, error) {
	all, err := db.Collect(ctx, q, func(r db.Row) (o signer, err error) {
		var contact string
		err = r.Scan(&o.name, &contact, &o.share)
		if found := account.AddressesIn(contact); len(found) > 0 {
			o.email = found[0]
		}
		return o, err
	}, "SELECT name, contact, share_percent FROM boat_owners WHERE boat_id = $1 AND signs AND share_percent IS NOT NULL ORDER BY id", boat)
	seen := map[string]int{}
	for i := range all {
		name := all[i].name
		if seen[name]++; seen[name] > 1 {
			all[i].name = fmt.Sprintf("%s (%d)", name, seen[name])
		}
	}
	return all, err
}

// How says by what an owner approved.
type How string

// The ways to approve.
const (
	ByLink How = "link"
	ByHand How = "hand"
)

// OwnersApproval is an owner who has to approve, and whether they did.
type OwnersApproval struct {
	Owner      string     `json:"owner"`
	Share      float64    `json:"share_percent"`
	Email      string     `json:"email" doc:"where the link goes; empty when the owner's contact names no address"`
	AskedAt    *time.Time `json:"asked_at" doc:"when the last link was mailed"`
	ApprovedAt *time.Time `json:"approved_at"`
	How        How        `json:"how" enum:",link,hand" doc:"by the link of a mail, or told to the seller otherwise"`
	Note       string     `json:"note"`
	Current    bool       `json:"current" doc:"it is about what the newest package holds; what was approved of another does not count"`
}

// asked is a row of sale_approvals.
type asked struct {
	id, owner, listHash, language, note string
	askedAt, expires, approved          *time.Time
	how                                 How
}

const selectAsked = "SELECT id, owner, list_hash, language, note, asked_at, expires_at, approved_at, how FROM sale_approvals"

func scanAsked(r db.Row) (a asked, err error) {
	var at, expires, approved *int64
	err = r.Scan(&a.id, &a.owner, &a.listHash, &a.language, &a.note, &at, &expires, &approved, &a.how)
	a.askedAt, a.expires, a.approved = db.TimePtr(at), db.TimePtr(expires), db.TimePtr(approved)
	return a, err
}

// approvalsOf tells of each owner who has to approve, for a list.
func approvalsOf(ctx context.Context, q db.Querier, x Sale, listHash string) ([]OwnersApproval, error) {
	signers, err := signersOf(ctx, q, x.BoatID)
	if err != nil {
		return nil, err
	}
	rows, err := db.Collect(ctx, q, scanAsked, selectAsked+" WHERE sale_id = $1 ORDER BY coalesce(asked_at, approved_at), id", x.ID)
	if err != nil {
		return nil, err
	}
	out := []OwnersApproval{}
	for _, o := range signers {
		a := OwnersApproval{Owner: o.name, Share: o.share, Email: o.email}
		for _, row := range rows {
			if row.owner == o.name {
				a.take(row, row.listHash == listHash)
			}
		}
		out = append(out, a)
	}
	return out, nil
}

// take adds what a later row says: an approval of the list counts more than one of
// another.
func (a *OwnersApproval) take(row asked, current bool) {
	if row.askedAt != nil {
		a.AskedAt = row.askedAt
	}
	if row.approved != nil && (current || !a.Current) {
		a.ApprovedAt, a.How, a.Note, a.Current = row.approved, row.how, row.note, current
	}
}

// waiting names the owners who have to approve a package before it is handed over,
// and have not.
func waiting(ctx context.Context, q db.Querier, x Sale, p Package) (names []string, err error) {
	if x.Approval == NoOne {
		return nil, nil
	}
	all, err := approvalsOf(ctx, q, x, p.ListHash)
	for _, a := range all {
		if !a.Current {
			names = append(names, a.Owner)
		}
	}
	if x.Approval == ByAny && len(names) < len(all) {
		return nil, err
	}
	return names, err
}

// Approvals lists the owners who have to approve the newest package, and whether
// they did; whoever manages the boat may see it. Without a package nothing is
// approved of it.
func (s *Service) Approvals(ctx context.Context, who account.Actor, id ID) (_ []OwnersApproval, err error) {
	defer fault.Wrap(&err, "sale.Approvals %s", id)
	x, err := s.load(ctx, s.db, who, id, account.Manager)
	if err != nil {
		return nil, err
	}
	return approvalsOf(ctx, s.db, x, x.newestList())
}

// newestList is what the newest package holds; of no package, what nothing is.
func (x *Sale) newestList() string {
	if x.Package == nil {
		return "no package"
	}
	return x.Package.ListHash
}

// Asking is for whom an approval is recorded that was given by other means; empty,
// it asks the owners by mail.
type Asking struct {
	Owner string `json:"owner,omitempty" maxLength:"220" doc:"who approved by other means, as the list of approvals names them"`
	Note  string `json:"note,omitempty" maxLength:"2000" doc:"with owner: how the approval was given"`
}

// Ask mails each owner who has not approved the newest package and whose contact
// names an address a link to approve it, good for 14 days; with an owner it records
// an approval that was given by other means. Whoever manages the boat may, with a
// confirmed address. Conflict without a package, when what goes in has changed since,
// and when nobody can be asked.
func (s *Service) Ask(ctx context.Context, who account.Actor, id ID, a Asking) (out []OwnersApproval, err error) {
	defer fault.Wrap(&err, "sale.Ask %s", id)
	if err := who.RequireVerified(); err != nil {
		return nil, err
	}
	if a.Note = strings.TrimSpace(db.Text(a.Note)); utf8.RuneCountInString(a.Note) > maxMessage {
		return nil, fault.Fields(fault.Field{Location: "body.note", Message: "must have at most 2000 characters"})
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if err := lock(ctx, tx, id); err != nil {
			return err
		}
		x, err := s.load(ctx, tx, who, id, account.Manager)
		if err != nil {
			return err
		}
		if err := approvable(ctx, tx, x); err != nil {
			return err
		}
		if out, err = approvalsOf(ctx, tx, x, x.newestList()); err != nil {
			return err
		}
		if a.Owner != "" {
			err = s.approveByHand(ctx, tx, who, x, out, a)
		} else {
			err = s.askOwners(ctx, tx, who, x, out)
		}
		if err != nil {
			return err
		}
		out, err = approvalsOf(ctx, tx, x, x.newestList())
		return err
	})
	return out, err
}

// approvable refuses a sale of which there is nothing to approve.
func approvable(ctx context.Context, q db.Querier, x Sale) error {
	if !x.Status.open() {
		return fault.New(fault.Conflict, "the sale is %s: nothing is approved any more", x.Status)
	}
	if x.Package == nil {
		return fault.New(fault.Conflict, "the sale has no package to approve: generate it first")
	}
	now, err := goingOf(ctx, q, x)
	if err == nil && now.ListHash != x.Package.ListHash {
		err = fault.New(fault.Conflict, "what goes in has changed since the package was made: generate it again")
	}
	return err
}

// askOwners mails those who have not approved yet.
func (s *Service) askOwners(ctx context.Context, tx *db.Tx, who account.Actor, x Sale, all []OwnersApproval) error {
	if err := mayAsk(ctx, tx, x.ID); err != nil {
		return err
	}
	names := []string{}
	for _, a := range all {
		if a.Current || a.Email == "" {
			continue
		}
		if err := s.askOwner(ctx, tx, who, x, a); err != nil {
			return err
		}
		names = append(names, a.Owner)
	}
	if len(names) == 0 {
		return fault.New(fault.Conflict, "there is nobody to ask: every owner who has to approve did, or has no e-mail address in contact; record theirs with owner and note")
	}
	return s.audit(ctx, tx, who, "sale.approval_asked", x, map[string]any{"owners": names, "package_id": x.Package.ID})
}

// mayAsk bounds the mails of one sale: nobody can be flooded.
func mayAsk(ctx context.Context, tx *db.Tx, id ID) error {
	n, err := db.One(ctx, tx, db.Scalar[int], "SELECT count(DISTINCT asked_at) FROM sale_approvals WHERE sale_id = $1 AND asked_at > $2",
		id, db.Micros(tx.Now().Add(-24*time.Hour)))
	if err == nil && n >= mailsADay {
		err = fault.New(fault.RateLimited, "the owners were asked %d times within a day, which is the most", mailsADay).With("retry_after", int(time.Hour.Seconds()))
	}
	return err
}

func (s *Service) askOwner(ctx context.Context, tx *db.Tx, who account.Actor, x Sale, a OwnersApproval) error {
	token, hash := vault.Token("nda_")
	language, err := languageAt(ctx, tx, who, a.Email)
	if err != nil {
		return err
	}
	expires := tx.Now().AddDate(0, 0, approvalDays)
	id := db.NewID()
	_, err = tx.Exec(ctx, `INSERT INTO sale_approvals (id, sale_id, package_id, list_hash, owner, email, language, token_hash, asked_at, expires_at, user_id)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, id, x.ID, x.Package.ID, x.Package.ListHash, a.Owner, a.Email, language, hash,
		db.Micros(tx.Now()), db.Micros(expires), db.OrNull(who.UserID))
	if err != nil {
		return err
	}
	return s.onMail(ctx, tx, Mail{Kind: mailApproval, To: a.Email, Language: language, Subject: id, Vars: map[string]string{
		"boat_name": x.BoatName, "recipient_name": a.Owner, "link": s.config.BaseURL + "/approve/" + token, "expires_on": expires.Format(time.DateOnly),
		"files": strconv.Itoa(x.Package.Files), "size": Size(x.Package.Bytes), "seller_name": who.Name, "seller_email": who.Email,
	}})
}

// languageAt is the language of whoever has an address here, else of who asks.
func languageAt(ctx context.Context, q db.Querier, who account.Actor, email string) (string, error) {
	all, err := db.Collect(ctx, q, db.Scalar[string], "SELECT language FROM users WHERE email = $1 OR id = $2 ORDER BY CASE WHEN email = $1 THEN 0 ELSE 1 END",
		email, who.UserID)
	if err != nil || len(all) == 0 || !slices.Contains(languages(), all[0]) {
		return languages()[0], err
	}
	return all[0], nil
}

// approveByHand records what an owner told the seller.
func (s *Service) approveByHand(ctx context.Context, tx *db.Tx, who account.Actor, x Sale, all []OwnersApproval, a Asking) error {
	i := slices.IndexFunc(all, func(o OwnersApproval) bool { return o.Owner == a.Owner })
	if i < 0 {
		return fault.Fields(fault.Field{
			Location: "body.owner", Value: fault.Echo(a.Owner), Message: "is no owner who has to approve: GET the approvals for those who have",
		})
	}
	if all[i].Current {
		return nil
	}
	_, err := tx.Exec(ctx, `INSERT INTO sale_approvals (id, sale_id, package_id, list_hash, owner, email, approved_at, how, note, user_id)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, db.NewID(), x.ID, x.Package.ID, x.Package.ListHash, a.Owner, all[i].Email, db.Micros(tx.Now()), ByHand,
		a.Note, db.OrNull(who.UserID))
	if err != nil {
		return err
	}
	return s.step(ctx, tx, who, "sale.approved", &x, map[string]any{"owner": a.Owner, "how": ByHand, "package_id": x.Package.ID})
}

// Approving is what an owner who was asked is shown: what goes to the buyer, what
// is withheld and why, and what does not go with the boat.
type Approving struct {
	BoatName, Make, Model string
	Year                  *int
	Owner                 string
	Language              string
	Package               Package
	Chapters              []Chapter
	Excluded              []string // equipment that is not sold with the boat
	ApprovedAt            *time.Time

	id   string
	sale Sale
}

const selectApproving = `SELECT a.id, a.sale_id, a.package_id, a.owner, a.language, a.expires_at, a.approved_at, b.deleted_at IS NOT NULL OR g.deleted_at IS NOT NULL,
	b.make, b.model, b.year FROM sale_approvals a JOIN sale_workflows s ON s.id = a.sale_id JOIN boats b ON b.id = s.boat_id
	JOIN organizations g ON g.id = s.org_id WHERE a.token_hash = $1`

// Approving looks up what a link to approve leads to, and changes nothing. NotFound
// for a secret that opens none; Gone, with the reason, when its time is over or the
// list is another by now: its language alone is told then.
func (s *Service) Approving(ctx context.Context, token string) (a Approving, err error) {
	defer fault.Wrap(&err, "sale.Approving")
	return approving(ctx, s.db, token, s.db.Now())
}

func approving(ctx context.Context, q db.Querier, token string, now time.Time) (a Approving, err error) {
	var expires time.Time
	var dead bool
	var packageID PackageID
	var saleID ID
	a, err = db.One(ctx, q, func(r db.Row) (a Approving, err error) {
		var until int64
		var approved *int64
		err = r.Scan(&a.id, &saleID, &packageID, &a.Owner, &a.Language, &until, &approved, &dead, &a.Make, &a.Model, &a.Year)
		a.ApprovedAt, expires = db.TimePtr(approved), db.Time(until)
		return a, err
	}, selectApproving, vault.Hash(token))
	if fault.Is(err, fault.NotFound) {
		return a, errNoLink
	}
	if err != nil {
		return a, err
	}
	if a.sale, err = saleNow(ctx, q, saleID); err != nil {
		return a, err
	}
	if a.Package, err = packageOf(ctx, q, packageID); err != nil {
		return a, err
	}
	list, err := goingOf(ctx, q, a.sale)
	if err != nil {
		return a, err
	}
	if why := a.ending(list, expires, dead, now); why != "" {
		return Approving{Language: a.Language}, gone(why)
	}
	a.BoatName = a.sale.BoatName
	for _, e := range list.Equipment {
		if e.Going == Out {
			a.Excluded = append(a.Excluded, e.Name)
		}
	}
	a.Chapters, err = chapters(a.Package)
	return a, err
}

// ending says why there is nothing to approve by a link any more, "" while there is.
func (a *Approving) ending(now Selection, expires time.Time, dead bool, at time.Time) Ended {
	switch {
	case dead:
		return endedByHand
	case a.sale.Status == Cancelled:
		return endedByCancel
	case a.sale.newestList() != a.Package.ListHash, a.sale.Status.open() && now.ListHash != a.Package.ListHash:
		return endedByList
	case a.ApprovedAt == nil && (!a.sale.Status.open() || !expires.After(at)):
		return endedByTime
	}
	return ""
}

// Approve approves by the link of a mail, once; again it answers the same. who
// tells the address and the request.
func (s *Service) Approve(ctx context.Context, who account.Actor, token string) (a Approving, err error) {
	defer fault.Wrap(&err, "sale.Approve")
	who.Address = masked(who.Address)
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if a, err = approving(ctx, tx, token, tx.Now()); err != nil || a.ApprovedAt != nil {
			return err
		}
		n, err := tx.Exec(ctx, "UPDATE sale_approvals SET approved_at = $1, how = $2 WHERE id = $3 AND approved_at IS NULL", db.Micros(tx.Now()), ByLink, a.id)
		if err != nil {
			return err
		}
		if a.ApprovedAt = new(tx.Now()); n == 0 { // at this moment, by the same link
			return nil
		}
		return s.step(ctx, tx, who, "sale.approved", &a.sale, map[string]any{"owner": a.Owner, "how": ByLink, "package_id": a.Package.ID})
	})
	return a, err
}
