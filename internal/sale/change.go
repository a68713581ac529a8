package sale

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
)

// Input is what a sale begins with.
type Input struct {
	BoatID     fleet.BoatID `json:"boat_id"`
	BuyerEmail string       `json:"buyer_email" maxLength:"254"`
	BuyerName  string       `json:"buyer_name,omitempty" maxLength:"200"`
	// BuyerLanguage is that of mails and pages for the buyer.
	BuyerLanguage string      `json:"buyer_language,omitempty" enum:",en,fr,de,it,es" doc:"of mails and pages for the buyer; absent: yours"`
	Region        Region      `json:"region,omitempty" enum:",US,EU,UK" doc:"absent: by the boat's flag, EU where that says nothing"`
	Approval      Approval    `json:"approval,omitempty" enum:",all,any,off" doc:"which of the owners who sign and have a share approve the package; absent: all"`
	TransferDate  *fleet.Date `json:"transfer_date,omitempty" format:"date"`
}

// Patch is what may be changed of an open sale; nil leaves a field as it is.
type Patch struct {
	BuyerEmail    *string     `json:"buyer_email,omitempty" maxLength:"254"`
	BuyerName     *string     `json:"buyer_name,omitempty" maxLength:"200"`
	BuyerLanguage *string     `json:"buyer_language,omitempty" enum:"en,fr,de,it,es"`
	Region        *Region     `json:"region,omitempty" enum:"US,EU,UK"`
	Approval      *Approval   `json:"approval,omitempty" enum:"all,any,off"`
	TransferDate  *fleet.Date `json:"transfer_date,omitempty" doc:"YYYY-MM-DD; empty takes it away"`
}

// check makes what was given fit to be stored, or names what is wrong with it.
func (x *Sale) check() error {
	var faults []fault.Field
	add := func(field, message, value string) {
		faults = append(faults, fault.Field{Location: "body." + field, Message: message, Value: fault.Echo(value)})
	}
	email, ok := account.NormalEmail(x.BuyerEmail)
	if !ok {
		add("buyer_email", "must be an e-mail address", x.BuyerEmail)
	}
	x.BuyerEmail, x.BuyerName = email, strings.TrimSpace(db.Text(x.BuyerName))
	if utf8.RuneCountInString(x.BuyerName) > 200 {
		add("buyer_name", "must have at most 200 characters", "")
	}
	if !slices.Contains(languages(), x.BuyerLanguage) {
		add("buyer_language", "must be one of "+strings.Join(languages(), ", "), x.BuyerLanguage)
	}
	if !slices.Contains([]Region{US, EU, UK}, x.Region) {
		add("region", "must be US, EU or UK", string(x.Region))
	}
	if !slices.Contains([]Approval{ByAll, ByAny, NoOne}, x.Approval) {
		add("approval", "must be all, any or off", string(x.Approval))
	}
	if x.TransferDate != nil {
		if _, f := fleet.ParseDate(string(*x.TransferDate), "body.transfer_date"); f != nil {
			faults = append(faults, *f)
		}
	}
	if faults != nil {
		return fault.Fields(faults...)
	}
	return nil
}

// regionOf is whose customs a boat under a flag follows, as far as the flag says.
func regionOf(flag string) Region {
	switch strings.ToUpper(strings.TrimSpace(flag)) {
	case "US", "USA":
		return US
	case "GB", "UK", "GG", "JE", "IM", "GI":
		return UK
	}
	return EU
}

// Start begins a sale; whoever manages the boat may. Conflict, with its id, when
// the boat has an open one.
func (s *Service) Start(ctx context.Context, who account.Actor, in Input) (x Sale, err error) {
	defer fault.Wrap(&err, "sale.Start")
	if in.BoatID == "" {
		return x, fault.Fields(fault.Field{Location: "body.boat_id", Message: "name the boat that is sold"})
	}
	x = Sale{BuyerEmail: in.BuyerEmail, BuyerName: in.BuyerName, BuyerLanguage: in.BuyerLanguage, Region: in.Region, Approval: cmp.Or(in.Approval, ByAll), TransferDate: in.TransferDate, BuyerReached: true}
	if x.Region == "" {
		x.Region = EU // until the boat is known
	}
	if x.BuyerLanguage == "" {
		if x.BuyerLanguage, err = s.languageOf(ctx, who); err != nil {
			return Sale{}, err
		}
	}
	if err := x.check(); err != nil {
		return Sale{}, err
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		boat, err := s.boats.BoatIn(ctx, tx, who, in.BoatID, account.Manager)
		if err != nil {
			return err
		}
		if in.Region == "" {
			x.Region = regionOf(boat.Flag)
		}
		x.ID, x.OrgID, x.BoatID, x.BoatName, x.Status = ID(db.NewID()), boat.OrgID, boat.ID, boat.Name, Initiated
		x.CreatedAt, x.UpdatedAt, x.Timeline, x.NotRecalled = tx.Now(), tx.Now(), []Step{}, []Download{}
		if err := onlyOne(ctx, tx, x); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO sale_workflows (id, org_id, boat_id, buyer_email, buyer_name, buyer_fold, buyer_language, status, region, transfer_date, created_at, updated_at, approval)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $12)`, x.ID, x.OrgID, x.BoatID, x.BuyerEmail, x.BuyerName, x.folded(), x.BuyerLanguage, x.Status,
			x.Region, x.TransferDate, db.Micros(x.CreatedAt), x.Approval)
		if err != nil {
			return err
		}
		if err := arm(ctx, tx, x); err != nil {
			return err
		}
		return s.tell(ctx, tx, who, "sale.initiated", &x)
	})
	return x, err
}

// languages are those in which buyers are written to; the first is for those
// whose language is none of them.
func languages() []string { return []string{"en", "fr", "de", "it", "es"} }

// languageOf is the language of whoever sells.
func (s *Service) languageOf(ctx context.Context, who account.Actor) (string, error) {
	me, err := s.accounts.Me(ctx, who)
	if err != nil || !slices.Contains(languages(), me.Language) {
		return languages()[0], err
	}
	return me.Language, nil
}

// onlyOne refuses a second open sale of a boat, also when two begin at once.
func onlyOne(ctx context.Context, tx *db.Tx, x Sale) error {
	if err := account.LockOrganization(ctx, tx, x.OrgID); err != nil {
		return err
	}
	other, err := db.One(ctx, tx, db.Scalar[ID], "SELECT id FROM sale_workflows WHERE boat_id = $1 AND status NOT IN ('completed', 'cancelled')", x.BoatID)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return fault.New(fault.Conflict, "%s is being sold already: complete or cancel that sale first", x.BoatName).With("id", other)
}

// Update changes what is given of an open sale, at the version that was read;
// whoever manages the boat may.
func (s *Service) Update(ctx context.Context, who account.Actor, id ID, p Patch, at fleet.Version) (x Sale, err error) {
	defer fault.Wrap(&err, "sale.Update %s", id)
	return s.change(ctx, who, id, at, func(tx *db.Tx, x *Sale) error {
		before := x.Approval
		p.apply(x)
		if err := x.check(); err != nil {
			return err
		}
		var detail any
		if x.Approval != before {
			detail = map[string]any{"approval": x.Approval, "approval_before": before}
		}
		return s.audit(ctx, tx, who, "sale.updated", *x, detail)
	})
}

func (p Patch) apply(x *Sale) {
	for field, given := range map[*string]*string{&x.BuyerEmail: p.BuyerEmail, &x.BuyerName: p.BuyerName, &x.BuyerLanguage: p.BuyerLanguage} {
		if given != nil {
			*field = *given
		}
	}
	if p.Region != nil {
		x.Region = *p.Region
	}
	if p.Approval != nil {
		x.Approval = *p.Approval
	}
	if p.TransferDate != nil {
		x.TransferDate = db.OrNull(*p.TransferDate)
	}
}

// Cancel calls a sale off and ends its link; whoever manages the boat may. The
// answer tells what was downloaded before, which nothing takes back.
func (s *Service) Cancel(ctx context.Context, who account.Actor, id ID, reason string, at fleet.Version) (x Sale, err error) {
	defer fault.Wrap(&err, "sale.Cancel %s", id)
	reason = strings.TrimSpace(db.Text(reason))
	if utf8.RuneCountInString(reason) > 2000 {
		return x, fault.Fields(fault.Field{Location: "body.reason", Message: "must have at most 2000 characters"})
	}
	return s.change(ctx, who, id, at, func(tx *db.Tx, x *Sale) error {
		x.Status, x.CancelReason = Cancelled, reason
		if err := s.tell(ctx, tx, who, "sale.cancelled", x); err != nil {
			return err
		}
		if err := endLinks(ctx, tx, x.ID, endedByCancel); err != nil {
			return err
		}
		one := []Sale{*x}
		err := attachLinks(ctx, tx, one)
		*x = one[0]
		return err
	})
}

// change stores what f makes of an open sale, at the version that was read.
func (s *Service) change(ctx context.Context, who account.Actor, id ID, at fleet.Version, f func(*db.Tx, *Sale) error) (x Sale, err error) {
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if err := lock(ctx, tx, id); err != nil {
			return err
		}
		if x, err = s.load(ctx, tx, who, id, account.Manager); err != nil {
			return err
		}
		if err := at.Check(x.UpdatedAt); err != nil {
			return err
		}
		if !x.Status.open() {
			return fault.New(fault.Conflict, "the sale is %s: nothing of it changes any more", x.Status)
		}
		x.UpdatedAt = fleet.Touched(tx, x.UpdatedAt)
		if err := f(tx, &x); err != nil {
			return err
		}
		n, err := tx.Exec(ctx, `UPDATE sale_workflows SET buyer_email = $1, buyer_name = $2, buyer_fold = $3, buyer_language = $4, unreached = $5, status = $6,
			region = $7, transfer_date = $8, transferred_at = $9, cancel_reason = $10, updated_at = $11, approval = $12 WHERE id = $13 AND status NOT IN ('completed', 'cancelled')`,
			x.BuyerEmail, x.BuyerName, x.folded(), x.BuyerLanguage, x.Unreached, x.Status, x.Region, x.TransferDate, db.MicrosPtr(x.TransferredAt), x.CancelReason,
			db.Micros(x.UpdatedAt), x.Approval, id)
		if err == nil && n == 0 {
			err = fault.New(fault.Stale, "the sale ended at this moment")
		}
		if err != nil {
			return err
		}
		return arm(ctx, tx, x)
	})
	return x, err
}
