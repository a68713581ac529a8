// Package sale keeps the sale of a boat: who buys it, how far it is, and what is
// left to do before the boat changes hands.
//
// It guarantees: a boat has one open sale at most; a handover link is good for so
// many complete downloads and not one more, however many ask at once; a sale's steps follow each
// other, each with its time; every change is audited and told as an event in its
// own transaction. Who buys is shown to those who see money.
package sale

import (
	"context"
	"maps"
	"strings"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/blob"
	"navidocs/internal/db"
	"navidocs/internal/document"
	"navidocs/internal/event"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
	"navidocs/internal/job"
	"navidocs/internal/record"
	"navidocs/internal/warranty"
)

// ID identifies a sale.
type ID string

// Status is how far a sale is.
type Status string

// The statuses, in the order in which they follow; any but the last two may end
// as cancelled.
const (
	Initiated   Status = "initiated"
	Packed      Status = "package_generated"
	Transferred Status = "transferred"
	Completed   Status = "completed"
	Cancelled   Status = "cancelled"
)

// open reports whether the sale still goes on.
func (s Status) open() bool { return s != Completed && s != Cancelled }

// Region is whose customs a sale follows: it decides what is on the checklist.
type Region string

// The regions.
const (
	US Region = "US"
	EU Region = "EU"
	UK Region = "UK"
)

// Approval says which owners approve what goes to the buyer before it is handed
// over: of those who sign and have a share, every one, one of them, or none.
type Approval string

// The approvals.
const (
	ByAll Approval = "all"
	ByAny Approval = "any"
	NoOne Approval = "off"
)

// Sale is one boat on its way to a buyer.
type Sale struct {
	ID         ID            `json:"id"`
	OrgID      account.OrgID `json:"organization_id"`
	BoatID     fleet.BoatID  `json:"boat_id"`
	BoatName   string        `json:"boat_name"`
	BuyerEmail string        `json:"buyer_email" doc:"empty once it was erased"`
	BuyerName  string        `json:"buyer_name"`
	// BuyerLanguage is that of mails and pages for the buyer.
	BuyerLanguage string `json:"buyer_language" enum:"en,fr,de,it,es"`
	// BuyerReached is false when the last mail to the buyer did not arrive.
	BuyerReached bool        `json:"buyer_reached" doc:"false when the mail with the link was refused or came back: correct buyer_email and transfer again"`
	Unreached    string      `json:"buyer_unreached_reason" doc:"the mail server's words"`
	Status       Status      `json:"status" enum:"initiated,package_generated,transferred,completed,cancelled"`
	Region       Region      `json:"region" enum:"US,EU,UK" doc:"decides what is on the checklist"`
	Approval     Approval    `json:"approval" enum:"all,any,off" doc:"which of the owners who sign and have a share approve the package before it is handed over"`
	TransferDate *fleet.Date `json:"transfer_date" format:"date" doc:"when the boat is planned to change hands"`
	// TransferredAt is when the buyer was last sent a link.
	TransferredAt *time.Time `json:"transferred_at" doc:"when the buyer was last sent a link"`
	Link          *Link      `json:"link,omitempty" doc:"the link of the last transfer; absent before the first"`
	// NotRecalled are copies that nothing takes back.
	NotRecalled  []Download `json:"not_recalled" doc:"of a cancelled sale: complete downloads, which nothing takes back"`
	CancelReason string     `json:"cancel_reason"`
	Generated    bool       `json:"documents_generated" doc:"there is a package"`
	Package      *Package   `json:"package,omitempty" doc:"the newest as-built package that is ready; absent while there is none"`
	Timeline     []Step     `json:"timeline" doc:"oldest first"`
	CreatedAt    time.Time  `json:"created_at"`
	UpdatedAt    time.Time  `json:"updated_at"`
}

// Step is something that happened to a sale.
type Step struct {
	Event string    `json:"event" example:"sale.initiated"`
	At    time.Time `json:"at"`
}

// Service is the sales of one installation.
type Service struct {
	db         *db.DB
	store      blob.Store
	accounts   *account.Service
	boats      *fleet.Service
	documents  *document.Service
	warranties *warranty.Service
	records    *record.Service
	events     *event.Outbox
	jobs       *job.Queue
	config     Config
	onMail     func(ctx context.Context, tx *db.Tx, m Mail) error
}

// Config is what the service needs to know.
type Config struct {
	// BaseURL is where people reach the application, without a slash at its end:
	// handover links begin with it.
	BaseURL string
	// TempDir takes the index of a package while it is made.
	TempDir string
}

// New makes the service.
func New(d *db.DB, store blob.Store, accounts *account.Service, boats *fleet.Service, documents *document.Service, warranties *warranty.Service,
	records *record.Service, events *event.Outbox, jobs *job.Queue, config Config,
) *Service {
	return &Service{
		db: d, store: store, accounts: accounts, boats: boats, documents: documents, warranties: warranties, records: records, events: events, jobs: jobs, config: config,
		onMail: func(context.Context, *db.Tx, Mail) error { return nil },
	}
}

const selectSale = `SELECT s.id, s.org_id, s.boat_id, b.name, s.buyer_email, s.buyer_name, s.buyer_language, s.unreached, s.status, s.region, s.approval,
	s.transfer_date, s.transferred_at, s.cancel_reason, s.created_at, s.updated_at`

const fromSales = " FROM sale_workflows s JOIN boats b ON b.id = s.boat_id"

func scanSale(r db.Row) (s Sale, err error) {
	var created, updated int64
	var transferred *int64
	err = r.Scan(&s.ID, &s.OrgID, &s.BoatID, &s.BoatName, &s.BuyerEmail, &s.BuyerName, &s.BuyerLanguage, &s.Unreached, &s.Status, &s.Region, &s.Approval,
		&s.TransferDate, &transferred, &s.CancelReason, &created, &updated)
	s.CreatedAt, s.UpdatedAt, s.TransferredAt = db.Time(created), db.Time(updated), db.TimePtr(transferred)
	s.Timeline, s.NotRecalled, s.BuyerReached = []Step{}, []Download{}, s.Unreached == ""
	return s, err
}

// require answers nil when a right on the boat includes a role and shows money,
// which who buys it is.
func require(right account.Right, role account.Role) error {
	if err := right.Require(role, "sale"); err != nil {
		return err
	}
	if !right.Shows(account.Money) {
		return fault.New(fault.Forbidden, "this needs a right that shows money: yours on this boat does not")
	}
	return nil
}

func (s *Service) load(ctx context.Context, q db.Querier, who account.Actor, id ID, role account.Role) (Sale, error) {
	x, err := db.One(ctx, q, scanSale, selectSale+fromSales+" WHERE s.id = $1 AND b.deleted_at IS NULL", id)
	if fault.Is(err, fault.NotFound) {
		return x, fault.New(fault.NotFound, "sale not found")
	}
	if err != nil {
		return x, err
	}
	if err := require(who.On(x.OrgID, x.BoatID), role); err != nil {
		return Sale{}, err
	}
	one := []Sale{x}
	err = attach(ctx, q, one)
	return one[0], err
}

// attach reads what several sales have in rows of their own, at once.
func attach(ctx context.Context, q db.Querier, all []Sale) error {
	if err := attachTimelines(ctx, q, all); err != nil {
		return err
	}
	if err := attachPackages(ctx, q, all); err != nil {
		return err
	}
	return attachLinks(ctx, q, all)
}

// attachTimelines reads what happened to several sales at once.
func attachTimelines(ctx context.Context, q db.Querier, all []Sale) error {
	at, ids := map[ID]*Sale{}, make([]ID, len(all))
	for i := range all {
		at[all[i].ID], ids[i] = &all[i], all[i].ID
	}
	var w db.Where
	db.In(&w, "sale_id", ids)
	_, err := db.Collect(ctx, q, func(r db.Row) (_ struct{}, err error) {
		var id ID
		var step Step
		var when int64
		if err = r.Scan(&id, &step.Event, &when); err == nil {
			step.At = db.Time(when)
			at[id].Timeline = append(at[id].Timeline, step)
		}
		return struct{}{}, err
	}, "SELECT sale_id, event, at FROM sale_steps WHERE "+w.SQL()+" ORDER BY sale_id, position", w.Args()...)
	return err
}

// Sale reads one; members may, and guests who see money.
func (s *Service) Sale(ctx context.Context, who account.Actor, id ID) (_ Sale, err error) {
	defer fault.Wrap(&err, "sale.Sale %s", id)
	return s.load(ctx, s.db, who, id, account.Member)
}

// Filter narrows a list of sales.
type Filter struct {
	BoatID fleet.BoatID
	Status Status
	Query  string // part of the boat's name, or of the buyer's name or address
	fleet.Page
}

// Sales lists those that the actor may see, the newest first, and the total.
func (s *Service) Sales(ctx context.Context, who account.Actor, f Filter) (_ []Sale, total int, err error) {
	defer fault.Wrap(&err, "sale.Sales")
	var w db.Where
	w.Add("b.deleted_at IS NULL")
	db.InEither(&w, "s.org_id", who.Orgs(account.Member), "s.boat_id", who.GrantedBoats(account.Member, account.Money))
	if f.BoatID != "" {
		names, err := s.boats.NamesNow(ctx, who, []fleet.BoatID{f.BoatID}, account.Viewer)
		if err != nil {
			return nil, 0, err
		}
		if err := require(who.On(names[0].OrgID, f.BoatID), account.Member); err != nil {
			return nil, 0, err
		}
		w.Add("s.boat_id = ?", f.BoatID)
	}
	if f.Status != "" {
		w.Add("s.status = ?", f.Status)
	}
	if f.Query != "" {
		like := "%" + db.LikeEscape(db.Fold(f.Query)) + "%"
		w.Add(`(b.search_fold LIKE ? ESCAPE '\' OR s.buyer_fold LIKE ? ESCAPE '\')`, like, like)
	}
	if total, err = db.One(ctx, s.db, db.Scalar[int], "SELECT count(*)"+fromSales+" WHERE "+w.SQL(), w.Args()...); err != nil {
		return nil, 0, err
	}
	query := selectSale + fromSales + " WHERE " + w.SQL() + " ORDER BY s.created_at DESC, s.id DESC"
	query += " LIMIT " + w.Arg(f.Limit) + " OFFSET " + w.Arg(f.Offset)
	all, err := db.Collect(ctx, s.db, scanSale, query, w.Args()...)
	if err != nil {
		return nil, 0, err
	}
	return all, total, attach(ctx, s.db, all)
}

// lock holds a sale until the transaction ends: its steps are numbered one after
// the other. It comes before anything that is held of the sale.
func lock(ctx context.Context, tx *db.Tx, id ID) error {
	_, err := tx.Exec(ctx, "UPDATE sale_workflows SET updated_at = updated_at WHERE id = $1", id)
	return err
}

// tell adds a step to a sale's timeline, audits it and tells it as an event.
func (s *Service) tell(ctx context.Context, tx *db.Tx, who account.Actor, eventType string, x *Sale) error {
	if err := s.step(ctx, tx, who, eventType, x, nil); err != nil {
		return err
	}
	return s.append(ctx, tx, who, eventType, x, x.data())
}

// step adds to a sale's timeline and audits it, with further detail if there is any.
func (s *Service) step(ctx context.Context, tx *db.Tx, who account.Actor, name string, x *Sale, detail map[string]any) error {
	if err := lock(ctx, tx, x.ID); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `INSERT INTO sale_steps (sale_id, position, event, at)
		VALUES ($1, (SELECT count(*) FROM sale_steps WHERE sale_id = $1), $2, $3)`, x.ID, name, db.Micros(tx.Now()))
	if err != nil {
		return err
	}
	x.Timeline = append(x.Timeline, Step{name, tx.Now()})
	all := map[string]any{"status": x.Status}
	maps.Copy(all, detail)
	return s.audit(ctx, tx, who, name, *x, all)
}

// append tells something of a sale as an event.
func (s *Service) append(ctx context.Context, tx *db.Tx, who account.Actor, eventType string, x *Sale, data event.SaleData) error {
	return s.events.Append(ctx, tx, event.Event{
		Type: eventType, OrgID: string(x.OrgID), Boat: &event.Boat{ID: string(x.BoatID), Name: x.BoatName}, ActorID: string(who.UserID), Data: data,
	})
}

// data is what events tell of the sale as it is now.
func (x *Sale) data() event.SaleData {
	d := event.SaleData{SaleID: string(x.ID), Status: string(x.Status), Reason: x.unreachedFor()}
	if x.TransferDate != nil {
		d.TransferDate = string(*x.TransferDate)
	}
	if x.Link != nil && x.Link.EndedAt == nil {
		d.ExpiresAt, d.DownloadsLeft = &x.Link.ExpiresAt, &x.Link.DownloadsLeft
		d.PackageSHA256, d.PackageBytes = x.Link.sha256, x.Link.bytes
	}
	return d
}

// unreachedFor is why the buyer is not reached, for those who are not to know who
// buys: mail servers name the address.
func (x *Sale) unreachedFor() string {
	reason := x.Unreached
	for _, address := range account.AddressesIn(reason) {
		reason = strings.ReplaceAll(strings.ToLower(reason), address, "<buyer>")
	}
	return reason
}

func (s *Service) audit(ctx context.Context, tx *db.Tx, who account.Actor, action string, x Sale, detail any) error {
	return s.accounts.Audit(ctx, tx, who, account.Entry{OrgID: x.OrgID, Action: action, Kind: "sale", SubjectID: string(x.ID), BoatID: x.BoatID, Detail: detail})
}

// folded is what a buyer is found by.
func (x *Sale) folded() string { return db.Fold(strings.TrimSpace(x.BuyerName + " " + x.BuyerEmail)) }
