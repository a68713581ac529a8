package document

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gabriel-vasile/mimetype"

	"navidocs/internal/account"
	"navidocs/internal/blob"
	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
	"navidocs/internal/job"
)

// Upload is what comes with a file.
type Upload struct {
	// OrgID is used when no boat is named.
	OrgID        account.OrgID
	FileName     string
	Title        string
	Type         string
	Tags         []string
	BoatIDs      []fleet.BoatID
	EquipmentIDs []fleet.EquipmentID
	IssuedOn     fleet.Date
	ExpiresOn    fleet.Date
	// Link adds the boats and equipment to a document that exists already,
	// instead of refusing the same bytes.
	Link bool
}

// accepted are the media types that are read; everything else is refused.
var accepted = []string{
	"application/pdf", "image/jpeg", "image/png", "image/webp", "image/tiff", "text/plain", "message/rfc822",
}

func (u *Upload) check() error {
	var faults []fault.Field
	add := func(location, message string) {
		faults = append(faults, fault.Field{Location: "form." + location, Message: message})
	}
	u.FileName = safeName(u.FileName)
	if u.Title = strings.TrimSpace(db.Text(u.Title)); u.Title == "" {
		u.Title = strings.TrimSuffix(u.FileName, filepath.Ext(u.FileName))
	}
	if utf8.RuneCountInString(u.Title) > 300 {
		add("title", "must have at most 300 characters")
	}
	if u.Type != "" {
		if _, ok := typeByCode(u.Type); !ok {
			add("type", "is not a document type: GET /api/document-types lists them")
		}
	}
	for i, d := range []fleet.Date{u.IssuedOn, u.ExpiresOn} {
		if d != "" {
			if _, f := fleet.ParseDate(string(d), "form."+[]string{"issued_on", "expires_on"}[i]); f != nil {
				faults = append(faults, *f)
			}
		}
	}
	if u.Tags = cleanTags(u.Tags); len(u.Tags) > 50 {
		add("tags", "must be at most 50")
	}
	if len(faults) > 0 {
		return fault.Fields(faults...)
	}
	return nil
}

func cleanTags(tags []string) []string {
	out := []string{}
	for _, t := range tags {
		if t = strings.TrimSpace(db.Text(t)); t != "" && utf8.RuneCountInString(t) <= 100 && !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out
}

// safeName keeps the last element of a file's name, without control characters.
func safeName(name string) string {
	name = db.Text(name)
	if i := strings.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	name = strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return -1
		}
		return r
	}, name))
	for len(name) > 200 {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	if name == "" || name == "." || name == ".." {
		return "document"
	}
	return name
}

// Received are bytes that are in storage and belong to nobody yet.
type Received struct {
	digest    blob.Digest
	bytes     int64
	mediaType string
}

// Upload keeps a file and has it read in the background: Receive and Add.
func (s *Service) Upload(ctx context.Context, who account.Actor, u Upload, body io.Reader) (Document, error) {
	got, err := s.Receive(ctx, who, u, body)
	if err != nil {
		return Document{}, err
	}
	return s.Add(ctx, who, u, *got)
}

// Receive streams a file to storage. What is known of it already is checked
// first, so that bytes which would be refused need not be sent.
func (s *Service) Receive(ctx context.Context, who account.Actor, u Upload, body io.Reader) (got *Received, err error) {
	defer fault.Wrap(&err, "document.Receive")
	if !mayBring(who) {
		return nil, fault.New(fault.Forbidden, "this needs the role member")
	}
	if len(u.BoatIDs) > 0 || len(u.EquipmentIDs) > 0 {
		if _, err := s.place(ctx, s.db, who, u); err != nil {
			return nil, err
		}
	}
	got = &Received{}
	if got.digest, got.bytes, err = s.store.Put(ctx, &limited{r: body, left: s.config.MaxBytes, limit: s.config.MaxBytes}); err != nil {
		return nil, err
	}
	got.mediaType, err = s.sniff(ctx, got.digest)
	return got, err
}

// mayBring reports whether the actor is a member anywhere, or may edit a boat.
func mayBring(who account.Actor) bool {
	for _, g := range who.Grants {
		if g.Level.Role().AtLeast(account.Member) {
			return true
		}
	}
	return len(who.Orgs(account.Member)) > 0
}

// Add makes a document of received bytes. The same bytes again are a Conflict
// that names the document which has them, unless Link is set.
func (s *Service) Add(ctx context.Context, who account.Actor, u Upload, got Received) (d Document, err error) {
	defer fault.Wrap(&err, "document.Add")
	if err := u.check(); err != nil {
		return d, err
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if u.OrgID, err = s.place(ctx, tx, who, u); err != nil {
			return err
		}
		d, err = s.insert(ctx, tx, who, u, string(got.digest), got.bytes, got.mediaType)
		return err
	})
	if fault.Is(err, fault.Conflict) {
		return s.duplicate(ctx, who, u, string(got.digest), err)
	}
	return d, err
}

// place checks that the actor may add papers to the boats and equipment, and
// finds their one organization.
func (s *Service) place(ctx context.Context, q db.Querier, who account.Actor, u Upload) (account.OrgID, error) {
	org := u.OrgID
	boats, err := s.boats.NamesEvenSold(ctx, q, who, u.BoatIDs, account.Member)
	if err != nil {
		return "", err
	}
	for i, b := range boats {
		if i > 0 && b.OrgID != boats[0].OrgID {
			return "", fault.Fields(fault.Field{Location: "form.boat_id", Message: "the boats belong to different organizations"})
		}
		org = b.OrgID
	}
	for _, id := range u.EquipmentIDs {
		e, err := s.boats.EquipmentIn(ctx, q, who, id, account.Member)
		if err != nil {
			return "", err
		}
		if org == "" {
			org = e.OrgID
		}
		if e.OrgID != org {
			return "", fault.Fields(fault.Field{Location: "form.equipment_id", Message: "belongs to another organization than the boat"})
		}
	}
	if len(boats) > 0 {
		return org, nil // each was checked
	}
	if org == "" {
		if org, err = who.Creating(); err != nil {
			return "", err
		}
	}
	return org, who.Require(org, account.Member, "organization")
}

// limited fails past its limit, naming the setting.
type limited struct {
	r           io.Reader
	left, limit int64
}

func (l *limited) Read(p []byte) (int, error) {
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, fault.New(fault.TooLarge, "the file is larger than %d MB, the limit set by MAX_UPLOAD_MB", l.limit>>20)
	}
	return n, err
}

// sniff decides the type by content, never by name.
func (s *Service) sniff(ctx context.Context, digest blob.Digest) (string, error) {
	f, err := s.store.Open(ctx, digest)
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // only read from
	head := make([]byte, 3072)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return "", err
	}
	if n == 0 {
		return "", fault.Fields(fault.Field{Location: "form.file", Message: "the file is empty"})
	}
	found := mimetype.Detect(head[:n])
	if looksLikeMail(head[:n]) {
		return "message/rfc822", nil
	}
	for t := found; t != nil; t = t.Parent() {
		base, _, _ := strings.Cut(t.String(), ";")
		if slices.Contains(accepted, base) {
			return base, nil
		}
	}
	return "", fault.New(fault.Unsupported, "files of type %s are not read: send PDF, JPEG, PNG, WebP, TIFF, text, Markdown or e-mail (.eml)", found.String())
}

// looksLikeMail says whether text begins as a message (RFC 5322) does: two
// known header fields before the first empty line.
func looksLikeMail(head []byte) bool {
	known := 0
	for line := range strings.Lines(string(head)) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			break
		}
		name, _, ok := strings.Cut(line, ":")
		if !ok && line[0] != ' ' && line[0] != '\t' {
			return false
		}
		switch strings.ToLower(name) {
		case "from", "to", "subject", "date", "message-id", "received", "return-path", "mime-version", "delivered-to":
			known++
		}
	}
	return known >= 3
}

func (s *Service) insert(ctx context.Context, tx *db.Tx, who account.Actor, u Upload, digest string, size int64, mediaType string) (d Document, err error) {
	d = Document{
		ID: ID(db.NewID()), OrgID: u.OrgID, Title: u.Title, Type: u.Type, Class: defaultClass(u.Type), Status: Pending, FileName: u.FileName,
		MediaType: mediaType, Bytes: size, SHA256: digest, Tags: u.Tags, BoatIDs: u.BoatIDs, EquipmentIDs: u.EquipmentIDs,
		CreatedAt: tx.Now(), UpdatedAt: tx.Now(), run: 1,
	}
	if d.JobID, err = job.Open(ctx, tx, job.Status{OrgID: string(d.OrgID), UserID: string(who.UserID), Kind: "document.read", SubjectID: string(d.ID)}); err != nil {
		return d, err
	}
	tags, err := json.Marshal(d.Tags)
	if err != nil {
		return d, err
	}
	_, err = tx.Exec(ctx, `INSERT INTO documents (id, org_id, title, title_fold, type, class, status, file_name, media_type, bytes, digest,
		issued_on, expires_on, tags, run, job_id, created_by, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)`,
		d.ID, d.OrgID, d.Title, db.Fold(d.Title), d.Type, d.Class, d.Status, d.FileName, d.MediaType, d.Bytes, d.SHA256,
		db.OrNull(u.IssuedOn), db.OrNull(u.ExpiresOn), string(tags), d.run, d.JobID, db.OrNull(who.UserID), db.Micros(d.CreatedAt), db.Micros(d.UpdatedAt))
	if err != nil {
		return d, err
	}
	if err := blob.Adopt(ctx, tx, blob.Digest(digest), size, "document", string(d.ID)); err != nil {
		return d, err
	}
	if err := s.link(ctx, tx, d); err != nil {
		return d, err
	}
	if err := s.indexTitle(ctx, tx, d); err != nil {
		return d, err
	}
	if err := s.jobs.Enqueue(ctx, tx, InspectArgs{DocumentID: d.ID, Run: d.run}, ""); err != nil {
		return d, err
	}
	if d.IssuedOn, d.ExpiresOn = db.OrNull(u.IssuedOn), db.OrNull(u.ExpiresOn); d.BoatIDs == nil {
		d.BoatIDs = []fleet.BoatID{}
	}
	if d.EquipmentIDs == nil {
		d.EquipmentIDs = []fleet.EquipmentID{}
	}
	return d, s.tell(ctx, tx, who, "uploaded", d)
}

func (s *Service) link(ctx context.Context, tx *db.Tx, d Document) error {
	for i, b := range d.BoatIDs {
		_, err := tx.Exec(ctx, "INSERT INTO document_boats (document_id, boat_id, position) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", d.ID, b, i)
		if err != nil {
			return err
		}
	}
	for _, e := range d.EquipmentIDs {
		_, err := tx.Exec(ctx, "INSERT INTO document_equipment (document_id, equipment_id) VALUES ($1, $2) ON CONFLICT DO NOTHING", d.ID, e)
		if err != nil {
			return err
		}
	}
	return nil
}

// duplicate answers an upload of bytes that the organization has already.
func (s *Service) duplicate(ctx context.Context, who account.Actor, u Upload, digest string, cause error) (Document, error) {
	id, err := db.One(ctx, s.db, db.Scalar[ID], "SELECT id FROM documents WHERE org_id = $1 AND digest = $2", u.OrgID, digest)
	if err != nil {
		return Document{}, errors.Join(cause, err)
	}
	first, err := s.load(ctx, s.db, who, id, account.Member)
	if fault.Is(err, fault.NotFound) { // of a class that the actor does not see
		return Document{}, fault.New(fault.Conflict, "this file is here already, among papers that your role does not show")
	}
	if err != nil {
		return Document{}, err
	}
	if first.DeletedAt != nil {
		return first, fault.New(fault.Conflict, "this file is in the bin as %q: POST /api/documents/%s/restore brings it back", first.Title, first.ID).
			With("id", first.ID).With("in_bin", true)
	}
	if !u.Link {
		return first, fault.New(fault.Conflict, "this file is here already as %q; send it with ?duplicate=link to link it to the boat", first.Title).
			With("id", first.ID).With("in_bin", false)
	}
	patch := Patch{}
	boats, equipment := append(slices.Clone(first.BoatIDs), u.BoatIDs...), append(slices.Clone(first.EquipmentIDs), u.EquipmentIDs...)
	patch.BoatIDs, patch.EquipmentIDs = &boats, &equipment
	return s.Update(ctx, who, first.ID, patch, "")
}
