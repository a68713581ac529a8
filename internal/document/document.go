// Package document keeps papers: their bytes, their pages with text and
// images, and the search over them.
//
// It guarantees: the same bytes are kept once per organization; a broken,
// encrypted or hostile file is kept and marked with the reason, and never
// stops the queue; a page is searchable from the transaction that stores it;
// nobody finds or reads what their role does not show. Hostile input is only
// ever opened in the extraction child (package extract).
package document

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/blob"
	"navidocs/internal/db"
	"navidocs/internal/document/extract"
	"navidocs/internal/event"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
	"navidocs/internal/job"
)

// ID identifies a document.
type ID string

// Status is how far a document's pages are.
type Status string

// The statuses.
const (
	Pending    Status = "pending"
	Processing Status = "processing"
	Ready      Status = "ready"
	Failed     Status = "failed"
)

// Document is a paper with its pages.
type Document struct {
	ID           ID                  `json:"id"`
	OrgID        account.OrgID       `json:"organization_id"`
	BoatIDs      []fleet.BoatID      `json:"boat_ids"`
	EquipmentIDs []fleet.EquipmentID `json:"equipment_ids"`
	Title        string              `json:"title"`
	Type         string              `json:"type" doc:"see GET /api/document-types; empty while unsorted"`
	Class        account.Class       `json:"class" enum:"open,money,personal"`
	Status       Status              `json:"status" enum:"pending,processing,ready,failed"`
	FileName     string              `json:"file_name"`
	MediaType    string              `json:"media_type"`
	Bytes        int64               `json:"bytes"`
	SHA256       string              `json:"sha256"`
	PageCount    int                 `json:"page_count"`
	PagesReady   int                 `json:"pages_ready"`
	PagesFailed  int                 `json:"pages_failed"`
	Language     string              `json:"language"`
	IssuedOn     *fleet.Date         `json:"issued_on" format:"date"`
	ExpiresOn    *fleet.Date         `json:"expires_on" format:"date"`
	Tags         []string            `json:"tags"`
	// Error says why the file or some of its pages cannot be read.
	Error     string     `json:"error"`
	JobID     string     `json:"job_id" doc:"the job that reads it, see GET /api/jobs/{id}"`
	CreatedAt time.Time  `json:"created_at"`
	UpdatedAt time.Time  `json:"updated_at"`
	DeletedAt *time.Time `json:"deleted_at"`

	outline string
	run     int
}

// Config says how a Service works.
type Config struct {
	// MaxBytes bounds an upload; its setting is MAX_UPLOAD_MB.
	MaxBytes int64
	// TempDir takes copies of files that the store does not keep as files.
	TempDir string
	// GroupSize is how many pages one job reads; 0 means 8.
	GroupSize int
	// Changed wakes whoever watches a document; it may be lost.
	Changed func(ID)
	Log     *slog.Logger
}

// Service is the documents of one installation.
type Service struct {
	db       *db.DB
	store    blob.Store
	accounts *account.Service
	boats    *fleet.Service
	events   *event.Outbox
	jobs     *job.Queue
	extract  *extract.Extractor
	config   Config
	words    *wordCache
	kinds    []Kind
	holders  []string // tables of other packages whose rows keep documents
}

// New makes the service and has equipment indexed for search.
func New(d *db.DB, store blob.Store, accounts *account.Service, boats *fleet.Service, events *event.Outbox,
	jobs *job.Queue, x *extract.Extractor, c Config,
) *Service {
	if c.GroupSize == 0 {
		c.GroupSize = 8
	}
	if c.Changed == nil {
		c.Changed = func(ID) {}
	}
	s := &Service{db: d, store: store, accounts: accounts, boats: boats, events: events, jobs: jobs, extract: x, config: c, words: newWordCache()}
	s.Include(s.equipmentKind())
	boats.OnEquipment(s.indexEquipment)
	boats.OnPapers(classesNow)
	return s
}

const documentColumns = `d.id, d.org_id, d.title, d.type, d.class, d.status, d.file_name, d.media_type, d.bytes, d.digest,
	d.page_count, d.pages_ready, d.pages_failed, d.language, d.issued_on, d.expires_on, d.tags, d.reason, d.job_id,
	d.created_at, d.updated_at, d.deleted_at, d.outline, d.run`

func scanDocument(r db.Row) (d Document, err error) {
	var tags string
	var jobID *string
	var created, updated int64
	var deleted *int64
	err = r.Scan(&d.ID, &d.OrgID, &d.Title, &d.Type, &d.Class, &d.Status, &d.FileName, &d.MediaType, &d.Bytes, &d.SHA256,
		&d.PageCount, &d.PagesReady, &d.PagesFailed, &d.Language, &d.IssuedOn, &d.ExpiresOn, &tags, &d.Error, &jobID,
		&created, &updated, &deleted, &d.outline, &d.run)
	if err != nil {
		return d, err
	}
	if jobID != nil {
		d.JobID = *jobID
	}
	d.CreatedAt, d.UpdatedAt, d.DeletedAt = db.Time(created), db.Time(updated), db.TimePtr(deleted)
	d.BoatIDs, d.EquipmentIDs, d.Tags = []fleet.BoatID{}, []fleet.EquipmentID{}, []string{}
	return d, json.Unmarshal([]byte(tags), &d.Tags)
}

// visible adds what the actor may see: per organization, the classes that
// their role shows, and per class, papers of the boats on which a grant shows it.
func visible(w *db.Where, who account.Actor) {
	cond, args := "1 = 0", []any{}
	for _, org := range who.Orgs(account.Viewer) {
		cond += " OR (d.org_id = ? AND d.class IN ('open'"
		for _, c := range who.On(org).Classes()[1:] {
			cond += ", '" + string(c) + "'"
		}
		cond += "))"
		args = append(args, org)
	}
	for _, c := range []account.Class{account.Open, account.Money, account.Personal} {
		for _, boat := range who.GrantedBoats(account.Viewer, c) {
			cond += " OR (d.class = '" + string(c) + "' AND EXISTS (SELECT 1 FROM document_boats g WHERE g.document_id = d.id AND g.boat_id = ?))"
			args = append(args, boat)
		}
	}
	w.Add("("+cond+")", args...)
}

// load reads a document that the actor may see, in the bin or not.
func (s *Service) load(ctx context.Context, q db.Querier, who account.Actor, id ID, role account.Role) (Document, error) {
	var w db.Where
	w.Add("d.id = ?", id)
	visible(&w, who)
	d, err := db.One(ctx, q, scanDocument, "SELECT "+documentColumns+" FROM documents d WHERE "+w.SQL(), w.Args()...)
	if fault.Is(err, fault.NotFound) {
		return d, fault.New(fault.NotFound, "document not found")
	}
	if err != nil {
		return d, err
	}
	one := []Document{d}
	if err := attachLinks(ctx, q, one); err != nil {
		return d, err
	}
	if d = one[0]; role == account.Viewer {
		return d, nil // it is visible
	}
	if err := who.OnAll(d.OrgID, d.BoatIDs...).Require(role, "document"); err != nil {
		return d, err
	}
	return d, unsold(ctx, q, d)
}

// unsold refuses a change of a paper that belongs to the record of boats that were
// all sold since; what came later can still be put in order.
func unsold(ctx context.Context, q db.Querier, d Document) error {
	var w db.Where
	db.In(&w, "id", d.BoatIDs)
	kept, err := db.One(ctx, q, db.Scalar[int], "SELECT count(*) FROM boats WHERE "+w.SQL()+" AND (frozen_at IS NULL OR frozen_at < "+w.Arg(db.Micros(d.CreatedAt))+")", w.Args()...)
	if err == nil && kept == 0 && len(d.BoatIDs) > 0 {
		err = fault.New(fault.Conflict, "the boat of this paper was sold: its record stays as it was, read only")
	}
	return err
}

// DocumentIn reads one that is not in the bin, asking for a role.
func (s *Service) DocumentIn(ctx context.Context, q db.Querier, who account.Actor, id ID, role account.Role) (Document, error) {
	return s.present(ctx, q, who, id, role)
}

// classesNow are the classes of papers by their ids; what is purged has none.
func classesNow(ctx context.Context, q db.Querier, ids []string) (map[string]account.Class, error) {
	out := map[string]account.Class{}
	for part := range slices.Chunk(ids, 500) { // an engine bounds how much a statement names
		var w db.Where
		db.In(&w, "id", part)
		_, err := db.Collect(ctx, q, func(r db.Row) (_ struct{}, err error) {
			var id string
			var class account.Class
			err = r.Scan(&id, &class)
			out[id] = class
			return struct{}{}, err
		}, "SELECT id, class FROM documents WHERE "+w.SQL(), w.Args()...)
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// present is load without the bin.
func (s *Service) present(ctx context.Context, q db.Querier, who account.Actor, id ID, role account.Role) (Document, error) {
	d, err := s.load(ctx, q, who, id, role)
	if err == nil && d.DeletedAt != nil {
		return d, fault.New(fault.NotFound, "document not found: it is in the bin, POST /api/documents/%s/restore brings it back", id)
	}
	return d, err
}

// Document reads one, also from the bin.
func (s *Service) Document(ctx context.Context, who account.Actor, id ID) (_ Document, err error) {
	defer fault.Wrap(&err, "document.Document %s", id)
	d, err := s.load(ctx, s.db, who, id, account.Viewer)
	if err != nil {
		return d, err
	}
	one := []Document{d}
	err = hideOthers(ctx, s.db, who, one)
	return one[0], err
}

// hideOthers takes out of papers the boats and equipment that the reader does not
// see: whoever has a grant on one sister ship learns nothing of the other.
func hideOthers(ctx context.Context, q db.Querier, who account.Actor, docs []Document) error {
	if len(who.Grants) == 0 {
		return nil
	}
	for i := range docs {
		d := &docs[i]
		if who.On(d.OrgID).Role != account.Nobody {
			continue
		}
		d.BoatIDs = slices.DeleteFunc(d.BoatIDs, func(b fleet.BoatID) bool { return who.On(d.OrgID, b).Role == account.Nobody })
		if len(d.EquipmentIDs) == 0 {
			continue
		}
		var w db.Where
		db.In(&w, "id", d.EquipmentIDs)
		db.In(&w, "boat_id", who.GrantedBoats(account.Viewer, account.Open))
		seen, err := db.Collect(ctx, q, db.Scalar[fleet.EquipmentID], "SELECT id FROM equipment WHERE "+w.SQL()+" ORDER BY id", w.Args()...)
		if err != nil {
			return err
		}
		d.EquipmentIDs = seen
	}
	return nil
}

// attachSeen is attachLinks for a reader, of papers that are only shown.
func attachSeen(ctx context.Context, q db.Querier, who account.Actor, docs []Document) error {
	if err := attachLinks(ctx, q, docs); err != nil {
		return err
	}
	return hideOthers(ctx, q, who, docs)
}

// attachLinks reads boats and equipment of several documents at once.
func attachLinks(ctx context.Context, q db.Querier, docs []Document) error {
	if len(docs) == 0 {
		return nil
	}
	at := make(map[ID]*Document, len(docs))
	ids := make([]ID, len(docs))
	for i := range docs {
		ids[i], at[docs[i].ID] = docs[i].ID, &docs[i]
	}
	var w db.Where
	db.In(&w, "document_id", ids)
	_, err := db.Collect(ctx, q, func(r db.Row) (_ struct{}, err error) {
		var id ID
		var boat fleet.BoatID
		if err = r.Scan(&id, &boat); err == nil {
			at[id].BoatIDs = append(at[id].BoatIDs, boat)
		}
		return struct{}{}, err
	}, "SELECT document_id, boat_id FROM document_boats WHERE "+w.SQL()+" ORDER BY position, boat_id", w.Args()...)
	if err != nil {
		return err
	}
	_, err = db.Collect(ctx, q, func(r db.Row) (_ struct{}, err error) {
		var id ID
		var equipment fleet.EquipmentID
		if err = r.Scan(&id, &equipment); err == nil {
			at[id].EquipmentIDs = append(at[id].EquipmentIDs, equipment)
		}
		return struct{}{}, err
	}, "SELECT document_id, equipment_id FROM document_equipment WHERE "+w.SQL()+" ORDER BY equipment_id", w.Args()...)
	return err
}

// Data is the payload of the document events.
type Data struct {
	DocumentID ID             `json:"document_id"`
	Title      string         `json:"title"`
	Type       string         `json:"type"`
	Class      account.Class  `json:"class"`
	BoatIDs    []fleet.BoatID `json:"boat_ids"`
	PageCount  int            `json:"page_count"`
	Reason     string         `json:"reason,omitempty"`
}

// tell writes the audit line and the event of a change; the event's boat is
// the document's first.
func (s *Service) tell(ctx context.Context, tx *db.Tx, who account.Actor, verb string, d Document) error {
	if err := s.audit(ctx, tx, who, verb, d); err != nil {
		return err
	}
	return s.announce(ctx, tx, string(who.UserID), verb, d)
}

// ended tells what came of a reading. The machine did it, but whoever asked for
// it caused the event, and is told.
func (s *Service) ended(ctx context.Context, tx *db.Tx, verb string, d Document) error {
	if err := s.audit(ctx, tx, account.Actor{}, verb, d); err != nil {
		return err
	}
	asked, err := job.Load(ctx, tx, d.JobID)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	return s.announce(ctx, tx, asked.UserID, verb, d)
}

func (s *Service) announce(ctx context.Context, tx *db.Tx, by, verb string, d Document) error {
	boat, err := s.firstBoat(ctx, tx, d)
	if err != nil {
		return err
	}
	tx.OnCommit(func() { s.config.Changed(d.ID) })
	return s.events.Append(ctx, tx, event.Event{
		Type: "document." + verb, OrgID: string(d.OrgID), Boat: boat, ActorID: by,
		Data: Data{DocumentID: d.ID, Title: d.Title, Type: d.Type, Class: d.Class, BoatIDs: d.BoatIDs, PageCount: d.PageCount, Reason: d.Error},
	})
}

func (s *Service) audit(ctx context.Context, tx *db.Tx, who account.Actor, verb string, d Document) error {
	e := account.Entry{OrgID: d.OrgID, Action: "document." + verb, Kind: "document", SubjectID: string(d.ID)}
	if len(d.BoatIDs) > 0 {
		e.BoatID = d.BoatIDs[0]
	}
	return s.accounts.Audit(ctx, tx, who, e)
}

func (s *Service) firstBoat(ctx context.Context, q db.Querier, d Document) (*event.Boat, error) {
	if len(d.BoatIDs) == 0 {
		return nil, nil //nolint:nilnil // an event without a boat has none
	}
	name, err := db.One(ctx, q, db.Scalar[string], "SELECT name FROM boats WHERE id = $1", d.BoatIDs[0])
	return &event.Boat{ID: string(d.BoatIDs[0]), Name: name}, err
}
