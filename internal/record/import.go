package record

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/archive"
	"navidocs/internal/blob"
	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/job"
)

// ImportID names an import.
type ImportID string

// The states of an import or an export.
const (
	Queued    = "queued"
	Running   = "running"
	Completed = "completed"
	Failed    = "failed"
	Expired   = "expired"
)

// Import is the arrival of an archive in an organization.
type Import struct {
	ID          ImportID         `json:"id"`
	OrgID       account.OrgID    `json:"organization_id"`
	Title       string           `json:"title" doc:"of the archive"`
	Schema      string           `json:"schema"`
	Fingerprint string           `json:"fingerprint" doc:"SHA-256 of the public key that signed it"`
	State       string           `json:"state" enum:"queued,running,completed,failed"`
	JobID       string           `json:"job_id"`
	Boats       []account.BoatID `json:"boats" doc:"that were created"`
	Counts      map[string]int   `json:"counts" doc:"how many rows of each kind were created"`
	Already     bool             `json:"already" doc:"it was imported before, and nothing changes"`
	Error       string           `json:"error" doc:"why it failed: file, row, column and value"`
	CreatedAt   time.Time        `json:"created_at"`
	FinishedAt  *time.Time       `json:"finished_at"`

	userID  account.UserID
	archive blob.Digest
}

const selectImport = `SELECT id, org_id, title, schema_name, fingerprint, state, job_id, boats, counts, error, created_at, finished_at, user_id, archive FROM imports`

func scanImport(r db.Row) (x Import, err error) {
	var boats, counts string
	var created int64
	var finished *int64
	var user *account.UserID
	err = r.Scan(&x.ID, &x.OrgID, &x.Title, &x.Schema, &x.Fingerprint, &x.State, &x.JobID, &boats, &counts, &x.Error, &created, &finished, &user, &x.archive)
	if err != nil {
		return x, err
	}
	if user != nil {
		x.userID = *user
	}
	x.CreatedAt, x.FinishedAt = db.Time(created), db.TimePtr(finished)
	return x, errors.Join(json.Unmarshal([]byte(boats), &x.Boats), json.Unmarshal([]byte(counts), &x.Counts))
}

// Import takes an archive into an organization: its bytes are kept, and a job
// does the rest. Managers may import a package, admins what a whole organization
// exported. The same archive again answers the import that there is, with
// Already set. What cannot be opened or is not signed is Invalid.
func (s *Service) Import(ctx context.Context, who account.Actor, org account.OrgID, body io.Reader) (x Import, err error) {
	return s.ImportFile(ctx, who, org, &limited{r: body, left: s.o.MaxBytes, limit: s.o.MaxBytes})
}

// ImportFile is Import of an archive of any size.
func (s *Service) ImportFile(ctx context.Context, who account.Actor, org account.OrgID, body io.Reader) (x Import, err error) {
	defer fault.Wrap(&err, "record.Import")
	if err := who.Require(org, account.Manager, "organization"); err != nil {
		return x, err
	}
	digest, _, err := s.store.Put(ctx, body)
	if err != nil {
		return x, err
	}
	return s.ImportStored(ctx, who, org, digest)
}

// limited fails past its limit, naming the setting.
type limited struct {
	r           io.Reader
	left, limit int64
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p[:min(int64(len(p)), l.left+1)])
	if l.left -= int64(n); l.left < 0 {
		return 0, fault.New(fault.TooLarge, "the archive is larger than %d MB, the limit set by MAX_PACKAGE_MB: raise it, or use navidocs package import on the server", l.limit>>20)
	}
	return n, err
}

// ImportStored is Import of an archive that is in the store.
func (s *Service) ImportStored(ctx context.Context, who account.Actor, org account.OrgID, digest blob.Digest) (x Import, err error) {
	return s.ImportWith(ctx, who, org, digest, func(*db.Tx, Import) error { return nil })
}

// ImportWith is ImportStored with something that happens with it, in its
// transaction: with a new import only.
func (s *Service) ImportWith(ctx context.Context, who account.Actor, org account.OrgID, digest blob.Digest, with func(*db.Tx, Import) error) (x Import, err error) {
	defer fault.Wrap(&err, "record.ImportWith %.12s", string(digest))
	if err := who.Require(org, account.Manager, "organization"); err != nil {
		return x, err
	}
	a, err := s.open(ctx, digest)
	if err != nil {
		return x, err
	}
	defer a.close()
	m := a.Manifest()
	if m.Schema == ExportSchema {
		if err := who.Require(org, account.Admin, "organization"); err != nil {
			return x, err
		}
	}
	x = Import{OrgID: org, Title: m.Title, Schema: m.Schema, Fingerprint: a.Fingerprint(), State: Queued, userID: who.UserID, archive: digest}
	x.Boats, x.Counts = []account.BoatID{}, map[string]int{}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if err := s.enqueue(ctx, tx, who, &x, a); err != nil || x.Already {
			return err
		}
		return with(tx, x)
	})
	return x, err
}

// enqueue records an import and its job, or finds the one before.
func (s *Service) enqueue(ctx context.Context, tx *db.Tx, who account.Actor, x *Import, a *opened) error {
	if err := account.LockOrganization(ctx, tx, x.OrgID); err != nil {
		return err
	}
	before, err := db.One(ctx, tx, scanImport, selectImport+" WHERE org_id = $1 AND manifest = $2 AND state <> 'failed'", x.OrgID, a.manifest)
	if err == nil {
		*x = before
		x.Already = true
		return nil
	}
	if !fault.Is(err, fault.NotFound) {
		return err
	}
	x.ID, x.CreatedAt = ImportID(db.NewID()), tx.Now()
	x.JobID, err = job.Open(ctx, tx, job.Status{OrgID: string(x.OrgID), UserID: string(x.userID), Kind: ImportArgs{}.Kind(), SubjectID: string(x.ID)})
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO imports (id, org_id, user_id, job_id, manifest, archive, title, schema_name, fingerprint, state, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, x.ID, x.OrgID, db.OrNull(x.userID), x.JobID, a.manifest, x.archive, db.Text(x.Title), db.Text(x.Schema),
		x.Fingerprint, x.State, db.Micros(x.CreatedAt))
	if err != nil {
		return err
	}
	if err := blob.Adopt(ctx, tx, x.archive, a.size, "import", string(x.ID)); err != nil {
		return err
	}
	err = s.accounts.Audit(ctx, tx, who, account.Entry{
		OrgID: x.OrgID, Action: "package.received", Kind: "import", SubjectID: string(x.ID), Detail: map[string]string{"title": x.Title, "fingerprint": x.Fingerprint},
	})
	if err != nil {
		return err
	}
	return s.jobs.Enqueue(ctx, tx, ImportArgs{ImportID: x.ID}, "")
}

// Imported reads one; managers of its organization may.
func (s *Service) Imported(ctx context.Context, who account.Actor, id ImportID) (x Import, err error) {
	defer fault.Wrap(&err, "record.Imported %s", id)
	x, err = db.One(ctx, s.db, scanImport, selectImport+" WHERE id = $1", id)
	if fault.Is(err, fault.NotFound) {
		return x, fault.New(fault.NotFound, "import not found")
	}
	if err == nil {
		err = who.Require(x.OrgID, account.Manager, "import")
	}
	if err != nil {
		return Import{}, err
	}
	return x, nil
}

// opened is an archive of the store while it is read.
type opened struct {
	*archive.Reader

	manifest string // the SHA-256 of manifest.json
	size     int64
	close    func()
}

// open opens an archive and checks its signature and list.
func (s *Service) open(ctx context.Context, digest blob.Digest) (_ *opened, err error) {
	path, done, err := blob.Path(ctx, s.store, digest, s.o.TempDir)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path) //nolint:forbidigo // of the store, never the database
	if err != nil {
		done()
		return nil, err
	}
	a := &opened{close: func() { _ = f.Close(); done() }} // only read from
	defer func() {
		if err != nil {
			a.close()
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if a.Reader, err = archive.Open(f, info.Size()); err != nil {
		return nil, err
	}
	text, err := a.ManifestBytes()
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	a.size, a.manifest = info.Size(), hex.EncodeToString(sum[:])
	return a, nil
}

// ImportArgs ask for an archive to be imported.
type ImportArgs struct {
	ImportID ImportID `json:"import_id"`
}

// Kind implements job.Args.
func (ImportArgs) Kind() string { return "record.import" }

func (s *Service) importJob(ctx context.Context, j *job.Job[ImportArgs]) error {
	return final(s.RunImport(ctx, j.Args.ImportID))
}

// final ends a job whose error would be the same again.
func final(err error) error {
	return job.CancelOn(err, fault.Invalid, fault.Conflict, fault.Forbidden, fault.NotFound, fault.TooLarge, fault.Unsupported, fault.Gone)
}

func (s *Service) importDied(ctx context.Context, j *job.Job[ImportArgs], cause error) error {
	return s.Fail(ctx, j.Args.ImportID, cause)
}

// Fail ends an import that has not ended, with the reason; the same archive may
// be imported again.
func (s *Service) Fail(ctx context.Context, id ImportID, cause error) (err error) {
	defer fault.Wrap(&err, "record.Fail %s", id)
	return s.db.Transact(ctx, func(tx *db.Tx) error { return s.failImport(ctx, tx, id, cause) })
}

func (s *Service) failImport(ctx context.Context, tx *db.Tx, id ImportID, cause error) error {
	x, err := db.One(ctx, tx, scanImport, selectImport+" WHERE id = $1", id)
	if err != nil || x.FinishedAt != nil {
		return err
	}
	reason := fault.Message(cause)
	_, err = tx.Exec(ctx, "UPDATE imports SET state = $1, error = $2, finished_at = $3, archive = '' WHERE id = $4", Failed, reason, db.Micros(tx.Now()), id)
	return errors.Join(err, blob.Release(ctx, tx, "import", string(id)), job.Close(ctx, tx, x.JobID, reason))
}

// RunImport does what an import asks for. Files are brought into the store first,
// rows are created in one transaction, so that an import that was ended in the
// middle has left nothing that anybody sees. It may be run again.
func (s *Service) RunImport(ctx context.Context, id ImportID) (err error) {
	defer fault.Wrap(&err, "record.RunImport %s", id)
	x, err := db.One(ctx, s.db, scanImport, selectImport+" WHERE id = $1", id)
	if fault.Is(err, fault.NotFound) || err == nil && x.FinishedAt != nil {
		return nil
	}
	if err != nil {
		return err
	}
	a, err := s.open(ctx, x.archive)
	if err != nil {
		return err
	}
	defer a.close()
	if err := s.begun(ctx, x); err != nil {
		return err
	}
	if _, err := a.Verify(ctx); err != nil {
		return err
	}
	if err := s.known(a); err != nil {
		return err
	}
	papers, err := s.papers(ctx, a)
	if err != nil {
		return err
	}
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		now, err := db.One(ctx, tx, scanImport, selectImport+" WHERE id = $1", id)
		if err != nil || now.FinishedAt != nil {
			return err
		}
		return s.create(ctx, tx, now, a, papers)
	})
}

func (s *Service) begun(ctx context.Context, x Import) error {
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, "UPDATE imports SET state = $1 WHERE id = $2", Running, x.ID); err != nil {
			return err
		}
		return job.Progress(ctx, tx, x.JobID, 1)
	})
}

// known refuses data files of another form than ours.
func (s *Service) known(a *opened) error {
	files := map[string]bool{schemaFile: true}
	for i := range s.o.Tables {
		files[s.o.Tables[i].path()] = true
	}
	for _, e := range a.Manifest().Files {
		if isData(e.Path) && !files[e.Path] {
			return fault.New(fault.Invalid, "%s is unknown here: a newer NaviDocs made the archive; update this one and import it again", e.Path)
		}
	}
	text, err := readAll(a, schemaFile, 1<<10)
	if fault.Is(err, fault.NotFound) {
		return fault.New(fault.Invalid, "the archive has no %s: it is no record of NaviDocs", schemaFile)
	}
	if err != nil {
		return err
	}
	var form struct {
		Schema string `json:"schema"`
	}
	if json.Unmarshal(text, &form) != nil || form.Schema != Schema {
		return fault.New(fault.Invalid, "%s says %q, and %s is read: a newer NaviDocs made the archive; update this one and import it again", schemaFile, form.Schema, Schema)
	}
	return nil
}

func readAll(a *opened, path string, limit int64) (_ []byte, err error) {
	r, err := a.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	text, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fault.New(fault.Invalid, "%s is longer than %d bytes", path, limit)
	}
	return text, err
}

// papers brings the files of documents into the store, where they belong to
// nobody until their rows are there.
func (s *Service) papers(ctx context.Context, a *opened) (map[string]Paper, error) {
	out := map[string]Paper{}
	for _, e := range a.Manifest().Files {
		if e.DocumentID == "" {
			continue
		}
		if first, twice := out[e.DocumentID]; twice {
			if string(first.Digest) != e.SHA256 {
				return nil, fault.New(fault.Invalid, "%s and %s are both the file of document %s, and differ", first.Path, e.Path, e.DocumentID)
			}
			continue
		}
		p, err := s.paper(ctx, a, e.Path)
		if err != nil {
			return nil, err
		}
		out[e.DocumentID] = p
	}
	return out, nil
}

func (s *Service) paper(ctx context.Context, a *opened, path string) (p Paper, err error) {
	r, err := a.Open(path)
	if err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	p.Path = path
	if p.Digest, p.Bytes, err = s.store.Put(ctx, r); err != nil {
		return p, err
	}
	if p.MediaType, err = s.o.Sniff(ctx, p.Digest); err != nil {
		return p, fault.Because(err, fault.KindOf(err), "%s: %s", path, fault.Message(err))
	}
	return p, nil
}

// actor is who imports, with the role that they have now.
func actor(ctx context.Context, q db.Querier, x Import) (account.Actor, error) {
	who := account.Actor{UserID: x.userID, Address: "job", RequestID: x.JobID}
	if x.userID == "" { // an operator's command
		return who, nil
	}
	role, err := db.One(ctx, q, db.Scalar[account.Role], "SELECT role FROM memberships m WHERE org_id = $1 AND user_id = $2 AND "+account.Existing("m.org_id"), x.OrgID, x.userID)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return who, err
	}
	who.Roles = map[account.OrgID]account.Role{x.OrgID: role}
	need := account.Manager
	if x.Schema == ExportSchema {
		need = account.Admin
	}
	return who, who.Require(x.OrgID, need, "organization")
}

func isData(path string) bool {
	return strings.HasPrefix(path, "data/") && strings.HasSuffix(path, ".json")
}
