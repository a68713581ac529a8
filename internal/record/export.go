package record

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/archive"
	"navidocs/internal/blob"
	"navidocs/internal/bundle"
	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/job"
)

// keepFor is how long the bytes of an export are kept.
const keepFor = 7 * 24 * time.Hour

// ExportID names an export.
type ExportID string

// Export is the archive of a whole organization.
type Export struct {
	ID          ExportID       `json:"id"`
	OrgID       account.OrgID  `json:"organization_id"`
	State       string         `json:"state" enum:"queued,running,completed,failed,expired"`
	JobID       string         `json:"job_id"`
	Title       string         `json:"title" doc:"the organization's name"`
	Bytes       int64          `json:"bytes"`
	Files       int            `json:"files"`
	SHA256      string         `json:"sha256" doc:"of the archive; empty until it is completed and once it has expired"`
	Fingerprint string         `json:"fingerprint" doc:"SHA-256 of the public key that signed it"`
	Counts      map[string]int `json:"counts" doc:"how many rows of each kind it holds"`
	Error       string         `json:"error"`
	CreatedAt   time.Time      `json:"created_at"`
	FinishedAt  *time.Time     `json:"finished_at"`
	ExpiresAt   *time.Time     `json:"expires_at" doc:"until when its content can be fetched"`

	userID account.UserID
}

// FileName is a name for the archive.
func (x Export) FileName() string {
	return bundle.SafeName(x.Title+" "+x.CreatedAt.Format(time.DateOnly)+".zip", "application/zip")
}

const selectExport = `SELECT id, org_id, state, job_id, title, bytes, files, digest, fingerprint, counts, error, created_at, finished_at, expires_at, user_id FROM exports`

func scanExport(r db.Row) (x Export, err error) {
	var counts string
	var created int64
	var finished, expires *int64
	var user *account.UserID
	err = r.Scan(&x.ID, &x.OrgID, &x.State, &x.JobID, &x.Title, &x.Bytes, &x.Files, &x.SHA256, &x.Fingerprint, &counts, &x.Error, &created, &finished, &expires, &user)
	if err != nil {
		return x, err
	}
	if user != nil {
		x.userID = *user
	}
	x.CreatedAt, x.FinishedAt, x.ExpiresAt = db.Time(created), db.TimePtr(finished), db.TimePtr(expires)
	return x, json.Unmarshal([]byte(counts), &x.Counts)
}

// Export has an archive of everything that an organization has made in the
// background; admins may.
func (s *Service) Export(ctx context.Context, who account.Actor, org account.OrgID) (x Export, err error) {
	defer fault.Wrap(&err, "record.Export %s", org)
	if err := who.Require(org, account.Admin, "organization"); err != nil {
		return x, err
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		x = Export{ID: ExportID(db.NewID()), OrgID: org, State: Queued, Counts: map[string]int{}, CreatedAt: tx.Now(), userID: who.UserID}
		if x.Title, err = db.One(ctx, tx, db.Scalar[string], "SELECT name FROM organizations WHERE id = $1", org); err != nil {
			return err
		}
		x.JobID, err = job.Open(ctx, tx, job.Status{OrgID: string(org), UserID: string(who.UserID), Kind: ExportArgs{}.Kind(), SubjectID: string(x.ID)})
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "INSERT INTO exports (id, org_id, user_id, job_id, state, title, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
			x.ID, org, db.OrNull(who.UserID), x.JobID, x.State, x.Title, db.Micros(x.CreatedAt))
		if err != nil {
			return err
		}
		if err := s.auditExport(ctx, tx, who, "exported", x); err != nil {
			return err
		}
		return s.jobs.Enqueue(ctx, tx, ExportArgs{ExportID: x.ID}, "")
	})
	return x, err
}

func (s *Service) auditExport(ctx context.Context, tx *db.Tx, who account.Actor, verb string, x Export) error {
	return s.accounts.Audit(ctx, tx, who, account.Entry{OrgID: x.OrgID, Action: "organization." + verb, Kind: "export", SubjectID: string(x.ID)})
}

// Exported reads one; admins of its organization may.
func (s *Service) Exported(ctx context.Context, who account.Actor, id ExportID) (x Export, err error) {
	defer fault.Wrap(&err, "record.Exported %s", id)
	x, err = db.One(ctx, s.db, scanExport, selectExport+" WHERE id = $1", id)
	if fault.Is(err, fault.NotFound) {
		return x, fault.New(fault.NotFound, "export not found")
	}
	if err == nil {
		err = who.Require(x.OrgID, account.Admin, "export")
	}
	if err != nil {
		return Export{}, err
	}
	return x, nil
}

// Content opens the bytes of an export; the caller closes them. whole says that
// they are read from the beginning, which the audit trail remembers. Gone once
// they have expired, Conflict while there are none yet.
func (s *Service) Content(ctx context.Context, who account.Actor, id ExportID, whole bool) (x Export, f *blob.Reader, err error) {
	defer fault.Wrap(&err, "record.Content %s", id)
	if x, err = s.Exported(ctx, who, id); err != nil {
		return x, nil, err
	}
	switch {
	case x.State == Expired, x.ExpiresAt != nil && !s.db.Now().Before(*x.ExpiresAt):
		return x, nil, fault.New(fault.Gone, "the export has expired: POST /api/export makes a new one")
	case x.State != Completed:
		return x, nil, fault.New(fault.Conflict, "the export is %s: GET /api/exports/%s says when it is completed", x.State, id)
	}
	if f, err = s.store.Open(ctx, blob.Digest(x.SHA256)); err != nil || !whole {
		return x, f, err
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error { return s.auditExport(ctx, tx, who, "export_downloaded", x) })
	if err != nil {
		return x, nil, errors.Join(err, f.Close())
	}
	return x, f, nil
}

// ExportArgs ask for an archive of an organization.
type ExportArgs struct {
	ExportID ExportID `json:"export_id"`
}

// Kind implements job.Args.
func (ExportArgs) Kind() string { return "record.export" }

// exportJob makes an export; it may be run again.
func (s *Service) exportJob(ctx context.Context, j *job.Job[ExportArgs]) error {
	x, err := db.One(ctx, s.db, scanExport, selectExport+" WHERE id = $1", j.Args.ExportID)
	if fault.Is(err, fault.NotFound) || err == nil && x.FinishedAt != nil {
		return nil
	}
	if err != nil {
		return err
	}
	// The bytes go straight into the store, which keeps nothing after an error.
	r, w := io.Pipe()
	var made archive.Written
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		var err error
		made, x.Counts, err = s.write(ctx, x, w, s.progress(ctx, x.JobID))
		_ = w.CloseWithError(err) // it never fails
	}()
	digest, size, err := s.store.Put(ctx, r)
	_ = r.CloseWithError(err) // ends the writer, if it has not ended
	<-ended
	if err != nil {
		return final(err)
	}
	counts, err := json.Marshal(x.Counts)
	if err != nil {
		return err
	}
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE exports SET state = $1, digest = $2, bytes = $3, files = $4, fingerprint = $5, counts = $6, finished_at = $7, expires_at = $8
			WHERE id = $9 AND finished_at IS NULL`, Completed, digest, size, made.Files, made.Fingerprint, string(counts), db.Micros(tx.Now()),
			db.Micros(tx.Now().Add(keepFor)), x.ID)
		if err != nil || n == 0 {
			return err
		}
		if err := blob.Adopt(ctx, tx, digest, size, "export", string(x.ID)); err != nil {
			return err
		}
		return errors.Join(job.Close(ctx, tx, x.JobID, ""), j.Complete(ctx, tx))
	})
}

func (s *Service) exportDied(ctx context.Context, j *job.Job[ExportArgs], cause error) error {
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		x, err := db.One(ctx, tx, scanExport, selectExport+" WHERE id = $1", j.Args.ExportID)
		if err != nil || x.FinishedAt != nil {
			return err
		}
		reason := fault.Message(cause)
		_, err = tx.Exec(ctx, "UPDATE exports SET state = $1, error = $2, finished_at = $3 WHERE id = $4", Failed, reason, db.Micros(tx.Now()), x.ID)
		return errors.Join(err, job.Close(ctx, tx, x.JobID, reason))
	})
}

// progress writes how far an archive is to its job, a percent at a time.
func (s *Service) progress(ctx context.Context, id string) func(archive.Progress) {
	last := 0
	return func(p archive.Progress) {
		percent := 1
		if p.Phase == archive.Writing && p.TotalBytes > 0 {
			percent = int(p.Bytes * 99 / p.TotalBytes)
		}
		if percent <= last {
			return
		}
		last = percent
		_ = s.db.Transact(ctx, func(tx *db.Tx) error { return job.Progress(ctx, tx, id, percent) }) // for people to look at
	}
}

// ExportTo writes the archive of an organization to w; admins may.
func (s *Service) ExportTo(ctx context.Context, who account.Actor, org account.OrgID, w io.Writer) (_ archive.Written, err error) {
	defer fault.Wrap(&err, "record.ExportTo %s", org)
	if err := who.Require(org, account.Admin, "organization"); err != nil {
		return archive.Written{}, err
	}
	x := Export{ID: ExportID(db.NewID()), OrgID: org}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		x.CreatedAt = tx.Now()
		if x.Title, err = db.One(ctx, tx, db.Scalar[string], "SELECT name FROM organizations WHERE id = $1", org); err != nil {
			return err
		}
		return s.auditExport(ctx, tx, who, "exported", x)
	})
	if err != nil {
		return archive.Written{}, err
	}
	made, _, err := s.write(ctx, x, w, nil)
	return made, err
}

// about is the data of an export's manifest.
type about struct {
	Record       string         `json:"record"`
	Organization account.OrgID  `json:"organization_id"`
	Counts       map[string]int `json:"counts"`
}

// write writes the archive of an organization: its rows, and the file of each
// paper.
func (s *Service) write(ctx context.Context, x Export, w io.Writer, progress func(archive.Progress)) (made archive.Written, counts map[string]int, err error) {
	key, err := s.o.Signer(ctx, x.OrgID)
	if err != nil {
		return made, nil, err
	}
	rows, err := s.Files(ctx, s.db, Scope{Org: x.OrgID})
	if err != nil {
		return made, nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	files, paths := rows.List, archive.NewPaths()
	for _, d := range rows.Documents {
		files = append(files, archive.File{
			Path: paths.Take("documents", d.FileName, d.MediaType), MediaType: d.MediaType, DocumentID: d.ID, SHA256: string(d.Digest),
			Open: func(ctx context.Context) (io.ReadCloser, error) { return s.store.Open(ctx, d.Digest) },
		})
	}
	m := bundle.Manifest{Schema: ExportSchema, Title: x.Title, CreatedAt: x.CreatedAt, Data: about{Schema, x.OrgID, rows.Counts}}
	made, err = archive.Write(ctx, w, m, files, key, progress)
	return made, rows.Counts, err
}
