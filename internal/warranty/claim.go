package warranty

import (
	"context"
	"slices"
	"strings"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/document"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
)

// ClaimID identifies a claim.
type ClaimID string

// ClaimState is how far a claim is.
type ClaimState string

// The states.
const (
	Draft        ClaimState = "draft"
	Sent         ClaimState = "sent"
	Acknowledged ClaimState = "acknowledged" // with a case number
	Inspection   ClaimState = "inspection"
	Accepted     ClaimState = "accepted"
	Partly       ClaimState = "partly"
	Refused      ClaimState = "refused" // with its reason, and until when one may appeal
	Repaired     ClaimState = "repaired"
	Closed       ClaimState = "closed"
)

// next are the states that may follow one. A refused claim goes on when one
// appeals; a closed one is over.
func (s ClaimState) next() []ClaimState {
	answered := []ClaimState{Accepted, Partly, Refused, Closed}
	switch s {
	case Draft:
		return []ClaimState{Sent, Closed}
	case Sent:
		return append([]ClaimState{Acknowledged, Inspection}, answered...)
	case Acknowledged:
		return append([]ClaimState{Inspection}, answered...)
	case Inspection:
		return answered
	case Accepted, Partly:
		return []ClaimState{Repaired, Refused, Closed}
	case Refused:
		return []ClaimState{Sent, Acknowledged, Inspection, Accepted, Partly, Closed}
	case Repaired:
		return []ClaimState{Closed}
	case Closed:
	}
	return []ClaimState{}
}

// Claim is what is asked of a maker or a seller under a warranty.
type Claim struct {
	ID            ClaimID          `json:"id"`
	OrgID         account.OrgID    `json:"organization_id"`
	WarrantyID    ID               `json:"warranty_id"`
	BoatID        fleet.BoatID     `json:"boat_id"`
	State         ClaimState       `json:"state" enum:"draft,sent,acknowledged,inspection,accepted,partly,refused,repaired,closed"`
	Next          []ClaimState     `json:"next_states" doc:"which may follow"`
	History       []ClaimStep      `json:"history" doc:"each state with its date, oldest first"`
	ContactID     *fleet.ContactID `json:"contact_id" doc:"whom it is addressed to"`
	Jurisdiction  string           `json:"jurisdiction" doc:"of the form; empty: as the answers suggest"`
	Buyer         string           `json:"buyer" enum:"consumer,business,"`
	Seller        string           `json:"seller" enum:"trader,private,"`
	ItemCondition string           `json:"item_condition" enum:"new,used,"`
	Country       string           `json:"country" doc:"of the purchase, ISO 3166 alpha-2"`
	DeliveredOn   *fleet.Date      `json:"delivered_on" format:"date"`
	CaseNumber    string           `json:"case_number" doc:"RMA or case number"`
	FailedOn      *fleet.Date      `json:"failed_on" format:"date"`
	Hours         *float64         `json:"hours_at_failure"`
	Story         string           `json:"story" doc:"what happened, in which conditions"`
	FaultCodes    string           `json:"fault_codes" doc:"alarms and codes that were shown"`
	Measures      string           `json:"measures" doc:"what was done at once to limit the damage"`
	Access        string           `json:"access" doc:"where the boat lies and how to get aboard"`
	Remedy        string           `json:"remedy" doc:"what is asked for"`
	AnswerBy      *fleet.Date      `json:"answer_by" format:"date"`
	NoticeBy      *fleet.Date      `json:"notice_by" format:"date" doc:"until when notice must be given"`
	AppealBy      *fleet.Date      `json:"appeal_by" format:"date"`
	RefusalReason string           `json:"refusal_reason"`
	Parts         *float64         `json:"estimate_parts" doc:"hidden from viewers, like the other estimates"`
	Labour        *float64         `json:"estimate_labour"`
	HaulOut       *float64         `json:"estimate_haul_out"`
	Currency      string           `json:"currency"`
	CreatedAt     time.Time        `json:"created_at"`
	UpdatedAt     time.Time        `json:"updated_at"`
}

// ClaimStep is a state that a claim has reached.
type ClaimStep struct {
	State ClaimState `json:"state"`
	On    fleet.Date `json:"on" format:"date"`
	Note  string     `json:"note"`
}

// ClaimInput is what may be given of a claim; absent fields stay as they are, an
// empty text or date takes a value away.
type ClaimInput struct {
	State         *ClaimState      `json:"state,omitempty" enum:"draft,sent,acknowledged,inspection,accepted,partly,refused,repaired,closed"`
	StateOn       *fleet.Date      `json:"state_on,omitempty" format:"date" doc:"when it reached the state; today unless given"`
	Note          *string          `json:"note,omitempty" maxLength:"2000" doc:"on the change of state"`
	ContactID     *fleet.ContactID `json:"contact_id,omitempty" maxLength:"64"`
	Jurisdiction  *string          `json:"jurisdiction,omitempty" enum:"EU,UK,US,maker,private,"`
	Buyer         *string          `json:"buyer,omitempty" enum:"consumer,business,"`
	Seller        *string          `json:"seller,omitempty" enum:"trader,private,"`
	ItemCondition *string          `json:"item_condition,omitempty" enum:"new,used,"`
	Country       *string          `json:"country,omitempty" pattern:"^([A-Z]{2})?$"`
	DeliveredOn   *fleet.Date      `json:"delivered_on,omitempty"`
	CaseNumber    *string          `json:"case_number,omitempty" maxLength:"200"`
	FailedOn      *fleet.Date      `json:"failed_on,omitempty"`
	Hours         *float64         `json:"hours_at_failure,omitempty" minimum:"0" maximum:"1000000"`
	Story         *string          `json:"story,omitempty" maxLength:"20000"`
	FaultCodes    *string          `json:"fault_codes,omitempty" maxLength:"2000"`
	Measures      *string          `json:"measures,omitempty" maxLength:"5000"`
	Access        *string          `json:"access,omitempty" maxLength:"2000"`
	Remedy        *string          `json:"remedy,omitempty" maxLength:"5000"`
	AnswerBy      *fleet.Date      `json:"answer_by,omitempty"`
	NoticeBy      *fleet.Date      `json:"notice_by,omitempty"`
	AppealBy      *fleet.Date      `json:"appeal_by,omitempty"`
	RefusalReason *string          `json:"refusal_reason,omitempty" maxLength:"5000"`
	Parts         *float64         `json:"estimate_parts,omitempty" minimum:"0" maximum:"1000000000"`
	Labour        *float64         `json:"estimate_labour,omitempty" minimum:"0" maximum:"1000000000"`
	HaulOut       *float64         `json:"estimate_haul_out,omitempty" minimum:"0" maximum:"1000000000"`
	Currency      *string          `json:"currency,omitempty" pattern:"^([A-Z]{3})?$"`
}

func (in ClaimInput) apply(x *Claim) {
	if in.ContactID != nil {
		x.ContactID = db.OrNull(*in.ContactID)
	}
	set(&x.Jurisdiction, in.Jurisdiction)
	set(&x.Buyer, in.Buyer)
	set(&x.Seller, in.Seller)
	set(&x.ItemCondition, in.ItemCondition)
	set(&x.Country, in.Country)
	setPtr(&x.DeliveredOn, in.DeliveredOn)
	set(&x.CaseNumber, in.CaseNumber)
	setPtr(&x.FailedOn, in.FailedOn)
	setPtr(&x.Hours, in.Hours)
	set(&x.Story, in.Story)
	set(&x.FaultCodes, in.FaultCodes)
	set(&x.Measures, in.Measures)
	set(&x.Access, in.Access)
	set(&x.Remedy, in.Remedy)
	setPtr(&x.AnswerBy, in.AnswerBy)
	setPtr(&x.NoticeBy, in.NoticeBy)
	setPtr(&x.AppealBy, in.AppealBy)
	set(&x.RefusalReason, in.RefusalReason)
	setPtr(&x.Parts, in.Parts)
	setPtr(&x.Labour, in.Labour)
	setPtr(&x.HaulOut, in.HaulOut)
	set(&x.Currency, in.Currency)
}

func (x *Claim) check() error {
	var c checker
	for _, t := range []struct {
		text     *string
		location string
		limit    int
	}{
		{&x.CaseNumber, "case_number", 200},
		{&x.Story, "story", 20_000},
		{&x.FaultCodes, "fault_codes", 2000},
		{&x.Measures, "measures", 5000},
		{&x.Access, "access", 2000},
		{&x.Remedy, "remedy", 5000},
		{&x.RefusalReason, "refusal_reason", 5000},
	} {
		c.Text(t.text, t.location, t.limit)
	}
	for _, d := range []struct {
		date     **fleet.Date
		location string
	}{
		{&x.DeliveredOn, "delivered_on"},
		{&x.FailedOn, "failed_on"},
		{&x.AnswerBy, "answer_by"},
		{&x.NoticeBy, "notice_by"},
		{&x.AppealBy, "appeal_by"},
	} {
		c.optionalDate(d.date, d.location)
	}
	for _, e := range []struct {
		value    string
		location string
		allowed  []string
	}{
		{x.Jurisdiction, "jurisdiction", Jurisdictions()},
		{x.Buyer, "buyer", []string{"consumer", "business"}},
		{x.Seller, "seller", []string{"trader", "private"}},
		{x.ItemCondition, "item_condition", []string{"new", "used"}},
	} {
		if e.value != "" && !slices.Contains(e.allowed, e.value) {
			c.add(e.location, "%q is none of %s", e.value, strings.Join(e.allowed, ", "))
		}
	}
	if len(x.Country) != 0 && (len(x.Country) != 2 || strings.Trim(x.Country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "") {
		c.add("country", "must be two capital letters (ISO 3166), such as IT")
	}
	x.checkFigures(&c)
	return c.Err()
}

func (x *Claim) checkFigures(c *checker) {
	if outside(x.Hours, 0, 1_000_000) {
		c.add("hours_at_failure", "must be 0 to 1000000")
	}
	amounts := false
	for i, amount := range []*float64{x.Parts, x.Labour, x.HaulOut} {
		if amounts = amounts || amount != nil; outside(amount, 0, 1e9) {
			c.add([]string{"estimate_parts", "estimate_labour", "estimate_haul_out"}[i], "must be 0 to 1000000000")
		}
	}
	if amounts && x.Currency == "" {
		c.add("currency", "an amount needs its currency, such as EUR")
	}
	if !isCurrency(x.Currency) {
		c.add("currency", "must be three capital letters (ISO 4217), such as EUR")
	}
}

const selectClaim = `SELECT c.id, c.org_id, c.warranty_id, w.boat_id, c.state, c.contact_id, c.jurisdiction, c.buyer, c.seller, c.item_condition,
	c.country, c.delivered_on, c.case_number, c.failed_on, c.hours_at_failure, c.story, c.fault_codes, c.measures, c.access, c.remedy,
	c.answer_by, c.notice_by, c.appeal_by, c.refusal_reason, c.parts_minor, c.labour_minor, c.haul_out_minor, c.currency, c.created_at, c.updated_at
	FROM warranty_claims c JOIN warranty_tracking w ON w.id = c.warranty_id`

func scanClaim(may sight) func(db.Row) (Claim, error) {
	return func(r db.Row) (x Claim, err error) {
		var parts, labour, haulOut *int64
		var created, updated int64
		err = r.Scan(&x.ID, &x.OrgID, &x.WarrantyID, &x.BoatID, &x.State, &x.ContactID, &x.Jurisdiction, &x.Buyer, &x.Seller, &x.ItemCondition,
			&x.Country, &x.DeliveredOn, &x.CaseNumber, &x.FailedOn, &x.Hours, &x.Story, &x.FaultCodes, &x.Measures, &x.Access, &x.Remedy,
			&x.AnswerBy, &x.NoticeBy, &x.AppealBy, &x.RefusalReason, &parts, &labour, &haulOut, &x.Currency, &created, &updated)
		x.CreatedAt, x.UpdatedAt, x.Next = db.Time(created), db.Time(updated), x.State.next()
		x.Parts = fromMinor(parts, x.Currency, may(x.OrgID, x.BoatID))
		x.Labour = fromMinor(labour, x.Currency, may(x.OrgID, x.BoatID))
		x.HaulOut = fromMinor(haulOut, x.Currency, may(x.OrgID, x.BoatID))
		return x, err
	}
}

// Claims lists those of a warranty, newest first.
func (s *Service) Claims(ctx context.Context, who account.Actor, id ID) (_ []Claim, err error) {
	defer fault.Wrap(&err, "warranty.Claims %s", id)
	if _, err := s.load(ctx, s.db, who, id, account.Viewer); err != nil {
		return nil, err
	}
	all, err := db.Collect(ctx, s.db, scanClaim(seesMoney(who)), selectClaim+" WHERE c.warranty_id = $1 ORDER BY c.created_at DESC, c.id DESC", id)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].History, err = history(ctx, s.db, all[i].ID); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Claim reads one.
func (s *Service) Claim(ctx context.Context, who account.Actor, id ID, claim ClaimID) (x Claim, err error) {
	defer fault.Wrap(&err, "warranty.Claim %s", claim)
	_, x, err = s.loadClaim(ctx, s.db, who, id, claim, account.Viewer)
	return x, err
}

func (s *Service) loadClaim(ctx context.Context, q db.Querier, who account.Actor, id ID, claim ClaimID, role account.Role) (w Warranty, x Claim, err error) {
	if w, err = s.load(ctx, q, who, id, role); err != nil {
		return w, x, err
	}
	x, err = db.One(ctx, q, scanClaim(seesMoney(who)), selectClaim+" WHERE c.id = $1 AND c.warranty_id = $2", claim, id)
	if fault.Is(err, fault.NotFound) {
		return w, x, fault.New(fault.NotFound, "claim not found")
	}
	if err == nil {
		x.History, err = history(ctx, q, claim)
	}
	return w, x, err
}

func history(ctx context.Context, q db.Querier, id ClaimID) ([]ClaimStep, error) {
	return db.Collect(ctx, q, func(r db.Row) (s ClaimStep, err error) { return s, r.Scan(&s.State, &s.On, &s.Note) },
		"SELECT state, on_date, note FROM warranty_claim_states WHERE claim_id = $1 ORDER BY position", id)
}

// CreateClaim begins one, as a draft; members may.
func (s *Service) CreateClaim(ctx context.Context, who account.Actor, id ID, in ClaimInput) (x Claim, err error) {
	defer fault.Wrap(&err, "warranty.CreateClaim")
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		w, err := s.edit(ctx, tx, who, id, account.Member)
		if err != nil {
			return err
		}
		if in.State != nil && *in.State != Draft {
			return fault.Fields(fault.Field{Location: "body.state", Message: "a claim begins as a draft: record it, then change its state"})
		}
		first, c := in.step(Draft, Today(tx.Now(), w.timeZone))
		if c.Err() != nil {
			return c.Err()
		}
		claim := ClaimID(db.NewID())
		_, err = tx.Exec(ctx, "INSERT INTO warranty_claims (id, org_id, warranty_id, state, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $5)",
			claim, w.OrgID, id, Draft, db.Micros(tx.Now()))
		if err != nil {
			return err
		}
		if err := s.step(ctx, tx, who, claim, first); err != nil {
			return err
		}
		if err := s.writeClaim(ctx, tx, who, &Claim{ID: claim, OrgID: w.OrgID, BoatID: w.BoatID, UpdatedAt: tx.Now()}, in); err != nil {
			return err
		}
		if _, x, err = s.loadClaim(ctx, tx, who, id, claim, account.Member); err != nil {
			return err
		}
		return s.auditClaim(ctx, tx, who, "created", w, claim, nil)
	})
	return x, err
}

// writeClaim stores what was given of a claim, but not its state.
func (s *Service) writeClaim(ctx context.Context, tx *db.Tx, who account.Actor, x *Claim, in ClaimInput) error {
	if !seesMoney(who)(x.OrgID, x.BoatID) {
		if err := keepEstimates(ctx, tx, x, &in); err != nil {
			return err
		}
	}
	in.apply(x)
	if err := x.check(); err != nil {
		return err
	}
	if in.ContactID != nil && x.ContactID != nil {
		if err := s.sameOrg(ctx, tx, who, *x.ContactID, x.OrgID); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, `UPDATE warranty_claims SET contact_id = $1, jurisdiction = $2, buyer = $3, seller = $4, item_condition = $5, country = $6,
		delivered_on = $7, case_number = $8, failed_on = $9, hours_at_failure = $10, story = $11, fault_codes = $12, measures = $13, access = $14,
		remedy = $15, answer_by = $16, notice_by = $17, appeal_by = $18, refusal_reason = $19, parts_minor = $20, labour_minor = $21,
		haul_out_minor = $22, currency = $23, updated_at = $24 WHERE id = $25`,
		x.ContactID, x.Jurisdiction, x.Buyer, x.Seller, x.ItemCondition, x.Country, x.DeliveredOn, x.CaseNumber, x.FailedOn, x.Hours, x.Story,
		x.FaultCodes, x.Measures, x.Access, x.Remedy, x.AnswerBy, x.NoticeBy, x.AppealBy, x.RefusalReason,
		toMinor(x.Parts, x.Currency), toMinor(x.Labour, x.Currency), toMinor(x.HaulOut, x.Currency), x.Currency,
		db.Micros(fleet.Touched(tx, x.UpdatedAt)), x.ID)
	return err
}

// keepEstimates leaves the amounts of a claim as they are: whoever does not see
// them changes none.
func keepEstimates(ctx context.Context, tx *db.Tx, x *Claim, in *ClaimInput) error {
	as, err := db.One(ctx, tx, scanClaim(seesAll), selectClaim+" WHERE c.id = $1", x.ID)
	x.Parts, x.Labour, x.HaulOut, x.Currency = as.Parts, as.Labour, as.HaulOut, as.Currency
	in.Parts, in.Labour, in.HaulOut, in.Currency = nil, nil, nil, nil
	return err
}

func (s *Service) sameOrg(ctx context.Context, q db.Querier, who account.Actor, id fleet.ContactID, org account.OrgID) error {
	c, err := s.boats.ContactIn(ctx, q, who, id, account.Viewer)
	if err == nil && c.OrgID != org {
		err = fault.New(fault.NotFound, "contact not found")
	}
	return err
}

// inClaim runs f in a transaction, on a claim that the actor may change.
func (s *Service) inClaim(ctx context.Context, who account.Actor, id ID, claim ClaimID, f func(tx *db.Tx, w Warranty, x Claim) error) error {
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		w, x, err := s.editClaim(ctx, tx, who, id, claim, account.Member)
		if err != nil {
			return err
		}
		return f(tx, w, x)
	})
}

// UpdateClaim changes what is given, and the state when one is given that may
// follow; members may.
func (s *Service) UpdateClaim(ctx context.Context, who account.Actor, id ID, claim ClaimID, in ClaimInput, at fleet.Version) (x Claim, err error) {
	defer fault.Wrap(&err, "warranty.UpdateClaim %s", claim)
	err = s.inClaim(ctx, who, id, claim, func(tx *db.Tx, w Warranty, c Claim) error {
		if err := at.Check(c.UpdatedAt); err != nil {
			return err
		}
		if err := s.writeClaim(ctx, tx, who, &c, in); err != nil {
			return err
		}
		if in.State != nil && *in.State != c.State {
			if err := s.advance(ctx, tx, who, w, c, in); err != nil {
				return err
			}
		}
		if _, x, err = s.loadClaim(ctx, tx, who, id, claim, account.Member); err != nil {
			return err
		}
		return s.auditClaim(ctx, tx, who, "updated", w, claim, map[string]any{"state": x.State})
	})
	return x, err
}

// step is what is given of a new state, and what is wrong with it.
func (in ClaimInput) step(to ClaimState, today fleet.Date) (step ClaimStep, c checker) {
	step = ClaimStep{State: to, On: today}
	if in.StateOn != nil && *in.StateOn != "" && c.date(*in.StateOn, "state_on") {
		step.On = *in.StateOn
	}
	if step.On > addDays(today, 1) { // tomorrow may have begun where the actor is
		c.add("state_on", "%s has not come yet", step.On)
	}
	set(&step.Note, in.Note)
	c.Text(&step.Note, "note", 2000)
	return step, c
}

// advance moves a claim to the state that was given.
func (s *Service) advance(ctx context.Context, tx *db.Tx, who account.Actor, w Warranty, x Claim, in ClaimInput) error {
	to := *in.State
	if !slices.Contains(x.Next, to) {
		return fault.New(fault.Conflict, "a claim that is %s cannot become %s; it may become %v", x.State, to, x.Next)
	}
	step, c := in.step(to, Today(tx.Now(), w.timeZone))
	if to == Refused && x.RefusalReason == "" {
		c.add("refusal_reason", "say why it was refused")
	}
	last := x.History[len(x.History)-1].On
	if in.StateOn == nil {
		step.On = max(step.On, last)
	}
	if step.On < last {
		c.add("state_on", "is before %s, when it became %s", last, x.State)
	}
	if c.Err() != nil {
		return c.Err()
	}
	if _, err := tx.Exec(ctx, "UPDATE warranty_claims SET state = $1 WHERE id = $2", to, x.ID); err != nil {
		return err
	}
	if err := s.step(ctx, tx, who, x.ID, step); err != nil {
		return err
	}
	return s.follow(ctx, tx, who, w, x, to)
}

func (s *Service) step(ctx context.Context, tx *db.Tx, who account.Actor, id ClaimID, step ClaimStep) error {
	_, err := tx.Exec(ctx, `INSERT INTO warranty_claim_states (claim_id, position, state, on_date, note, user_id, at)
		VALUES ($1, (SELECT count(*) FROM warranty_claim_states WHERE claim_id = $1), $2, $3, $4, $5, $6)`,
		id, step.State, step.On, step.Note, db.OrNull(who.UserID), db.Micros(tx.Now()))
	return err
}

// follow brings the warranty in step: claimed from the first claim that is sent
// until the last one is closed.
func (s *Service) follow(ctx context.Context, tx *db.Tx, who account.Actor, w Warranty, x Claim, to ClaimState) error {
	before, state := w.state, w.state
	switch {
	case x.State == Draft && to == Sent && state == string(Active):
		state = string(Claimed)
	case x.State != Draft && to == Closed && state == string(Claimed):
		open, err := openClaims(ctx, tx, w.ID)
		if err != nil {
			return err
		}
		if open == 0 {
			state = string(Active)
		}
	}
	if state != w.state {
		now := db.Micros(fleet.Touched(tx, w.UpdatedAt))
		if _, err := tx.Exec(ctx, "UPDATE warranty_tracking SET state = $1, updated_at = $2 WHERE id = $3", state, now, w.ID); err != nil {
			return err
		}
		var err error
		if w, err = s.rearm(ctx, tx, who, w.ID); err != nil {
			return err
		}
	}
	switch {
	case x.State == Draft && to == Sent:
		return s.tellClaim(ctx, tx, who, "claimed", w, x.ID)
	case w.state != before:
		return s.tell(ctx, tx, who, "updated", w)
	}
	return nil
}

// openClaims counts those that were sent and are not closed.
func openClaims(ctx context.Context, q db.Querier, id ID) (int, error) {
	return db.One(ctx, q, db.Scalar[int], "SELECT count(*) FROM warranty_claims WHERE warranty_id = $1 AND state NOT IN ($2, $3)", id, Draft, Closed)
}

func (s *Service) auditClaim(ctx context.Context, tx *db.Tx, who account.Actor, verb string, w Warranty, id ClaimID, detail any) error {
	return s.accounts.Audit(ctx, tx, who, account.Entry{
		OrgID: w.OrgID, Action: "claim." + verb, Kind: "claim", SubjectID: string(id), BoatID: w.BoatID, Detail: detail,
	})
}

// Evidence lists the documents of a claim that the actor may see.
func (s *Service) Evidence(ctx context.Context, who account.Actor, id ID, claim ClaimID) (_ []Paper, err error) {
	defer fault.Wrap(&err, "warranty.Evidence %s", claim)
	_, x, err := s.loadClaim(ctx, s.db, who, id, claim, account.Viewer)
	if err != nil {
		return nil, err
	}
	all, err := claim.folder().papers(ctx, s.db)
	shown, _ := seen(all, who.On(x.OrgID, x.BoatID))
	return shown, err
}

// LinkEvidence adds a document to a claim, or changes its purpose and caption;
// members may.
func (s *Service) LinkEvidence(ctx context.Context, who account.Actor, id ID, claim ClaimID, l Link) (p Paper, err error) {
	defer fault.Wrap(&err, "warranty.LinkEvidence %s", claim)
	if err := l.check(); err != nil {
		return p, err
	}
	err = s.inClaim(ctx, who, id, claim, func(tx *db.Tx, w Warranty, _ Claim) error {
		if err := s.readable(ctx, tx, who, l.DocumentID); err != nil {
			return err
		}
		if p, err = claim.folder().link(ctx, tx, w.OrgID, l); err != nil {
			return err
		}
		return s.auditClaim(ctx, tx, who, "document_linked", w, claim, l)
	})
	return p, err
}

// UnlinkEvidence takes a document from a claim; members may. The document stays.
func (s *Service) UnlinkEvidence(ctx context.Context, who account.Actor, id ID, claim ClaimID, doc document.ID) (p Paper, err error) {
	defer fault.Wrap(&err, "warranty.UnlinkEvidence %s", claim)
	err = s.inClaim(ctx, who, id, claim, func(tx *db.Tx, w Warranty, _ Claim) error {
		if p, err = claim.folder().unlink(ctx, tx, who.On(w.OrgID, w.BoatID), doc); err != nil {
			return err
		}
		return s.auditClaim(ctx, tx, who, "document_unlinked", w, claim, map[string]any{"document_id": doc})
	})
	return p, err
}
