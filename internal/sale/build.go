package sale

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
	"navidocs/internal/dossier"
	"navidocs/internal/fault"
	"navidocs/internal/job"
)

// packageSchema names the form of a package; it changes with the form.
const packageSchema = "navidocs-package/1"

// blobOwner is whose the bytes of packages are, in the registry of blobs.
const blobOwner = "sale_package"

// GenerateOptions say what a package leaves out; nil means that it goes in.
type GenerateOptions struct {
	Manuals         *bool `json:"include_manuals,omitempty" doc:"equipment manuals; they go in unless false"`
	WarrantySummary *bool `json:"include_warranty_summary,omitempty" doc:"it goes in unless false"`
}

func no(b *bool) bool { return b != nil && !*b }

// Generate begins to build the as-built package, in the background; whoever
// manages the boat may. While one is being built, it answers that one.
func (s *Service) Generate(ctx context.Context, who account.Actor, id ID, o GenerateOptions) (p Package, err error) {
	defer fault.Wrap(&err, "sale.Generate %s", id)
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		x, err := s.load(ctx, tx, who, id, account.Manager)
		if err != nil {
			return err
		}
		if !x.Status.open() {
			return fault.New(fault.Conflict, "the sale is %s: no package is made any more", x.Status)
		}
		p, err = s.begin(ctx, tx, who, x, AsBuilt, o)
		return err
	})
	return p, err
}

// begin queues a package unless one of its kind is being built.
func (s *Service) begin(ctx context.Context, tx *db.Tx, who account.Actor, x Sale, kind PackageKind, o GenerateOptions) (p Package, err error) {
	if err := account.LockOrganization(ctx, tx, x.OrgID); err != nil {
		return p, err
	}
	if p, err = newest(ctx, tx, x.ID, kind, Building); !fault.Is(err, fault.NotFound) {
		return p, err
	}
	options, err := json.Marshal(o)
	if err != nil {
		return p, err
	}
	id := PackageID(db.NewID())
	jobID, err := job.Open(ctx, tx, job.Status{OrgID: string(x.OrgID), UserID: string(who.UserID), Kind: BuildArgs{}.Kind(), SubjectID: string(x.ID)})
	if err != nil {
		return p, err
	}
	_, err = tx.Exec(ctx, `INSERT INTO sale_packages (id, sale_id, kind, job_id, state, options, phase, user_id, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, 'gathering', $7, $8)`, id, x.ID, kind, jobID, Building, string(options), db.OrNull(who.UserID), db.Micros(tx.Now()))
	if err != nil {
		return p, err
	}
	if err := s.jobs.Enqueue(ctx, tx, BuildArgs{PackageID: id}, PackageQueue); err != nil {
		return p, err
	}
	if err := s.audit(ctx, tx, who, "sale.package_requested", x, map[string]any{"package_id": id, "kind": kind}); err != nil {
		return p, err
	}
	return newest(ctx, tx, x.ID, kind, Building)
}

func (s *Service) build(ctx context.Context, j *job.Job[BuildArgs]) error {
	return s.make(ctx, j.Args.PackageID, func(tx *db.Tx) error { return j.Complete(ctx, tx) })
}

// make builds a package. What cannot get better by itself ends it: a paper whose
// file is gone, somebody who may no longer, a sale that was called off. Killed at
// any moment, it is begun anew: nobody sees a package before it is whole.
func (s *Service) make(ctx context.Context, id PackageID, done func(*db.Tx) error) error {
	p, err := packageOf(ctx, s.db, id)
	if err != nil || p.State != Building {
		return err
	}
	who, err := s.requester(ctx, p)
	if err != nil {
		return final(err)
	}
	files, in, err := s.gather(ctx, who, &p)
	if err != nil {
		return final(err)
	}
	defer in.Close()
	defer files.Close() //nolint:errcheck // a leftover is swept with the folder
	written, err := s.keep(ctx, &p, files, in)
	if err != nil {
		return final(err)
	}
	return final(s.db.Transact(ctx, func(tx *db.Tx) error {
		if err := s.packed(ctx, tx, who, p, written); err != nil {
			return err
		}
		return done(tx)
	}))
}

// final ends a job whose error another attempt would meet again.
func final(err error) error {
	return job.CancelOn(err, fault.NotFound, fault.Forbidden, fault.Conflict, fault.Invalid)
}

// requester is who asked for a package, with the rights of now.
func (s *Service) requester(ctx context.Context, p Package) (account.Actor, error) {
	email, err := db.One(ctx, s.db, db.Scalar[string], "SELECT u.email FROM users u JOIN sale_packages p ON p.user_id = u.id WHERE p.id = $1", p.ID)
	if fault.Is(err, fault.NotFound) {
		return account.Actor{}, fault.New(fault.Forbidden, "whoever asked for the package has no account any more")
	}
	if err != nil {
		return account.Actor{}, err
	}
	return s.accounts.ActorFor(ctx, email)
}

// stored is a package as it lies in storage.
type stored struct {
	archive.Written
	digest blob.Digest
	listed string
	name   string
	gaps   string // JSON
}

// store writes the archive into storage while it grows.
func (s *Service) keep(ctx context.Context, p *Package, files *dossier.Package, in gathered) (out stored, err error) {
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		var err error
		out.Written, err = archive.Write(ctx, w, in.manifest(files), files.Files, in.key, s.reporter(ctx, *p))
		done <- err
		w.CloseWithError(err)
	}()
	digest, _, err := s.store.Put(ctx, r)
	_ = r.CloseWithError(errors.New("the store takes no more"))
	if written := <-done; written != nil {
		return out, written // it says what is wrong with which file
	}
	out.digest, out.listed, out.name = digest, in.selection.ListHash, in.fileName()
	if err != nil {
		return out, err
	}
	gaps, err := json.Marshal(map[string][]bundle.Gap{"missing": in.input.Missing, "withheld": in.input.Withheld})
	out.gaps = string(gaps)
	return out, err
}

// reportEvery is how often progress is written down.
const reportEvery = time.Second

// reporter writes progress down now and then; what cannot be written is lost.
func (s *Service) reporter(ctx context.Context, p Package) func(archive.Progress) {
	last := s.db.Now()
	return func(at archive.Progress) {
		if s.db.Now().Sub(last) < reportEvery {
			return
		}
		last = s.db.Now()
		percent := 0
		if at.Phase == archive.Writing {
			percent = int(at.Bytes * 100 / max(at.TotalBytes, 1))
		}
		_ = s.db.Transact(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, `UPDATE sale_packages SET phase = $1, files_done = $2, files_total = $3, bytes_done = $4, bytes_total = $5
				WHERE id = $6 AND state = 'building'`, at.Phase, at.Files, at.TotalFiles, at.Bytes, at.TotalBytes, p.ID)
			if err != nil {
				return err
			}
			return job.Progress(ctx, tx, p.JobID, percent)
		})
	}
}

// packed makes a stored archive the sale's newest package.
func (s *Service) packed(ctx context.Context, tx *db.Tx, who account.Actor, p Package, out stored) error {
	x, err := s.load(ctx, tx, who, p.SaleID, account.Manager)
	if err != nil {
		return err
	}
	if x.Status == Cancelled {
		return fault.New(fault.Conflict, "the sale was cancelled")
	}
	if err := blob.Adopt(ctx, tx, out.digest, out.Bytes, blobOwner, string(p.ID)); err != nil {
		return err
	}
	n, err := tx.Exec(ctx, `UPDATE sale_packages SET state = $1, phase = '', files_done = $2, files_total = $2, bytes_done = $3, bytes_total = $3,
		file_name = $4, digest = $5, bytes = $3, files = $2, fingerprint = $6, manifest = $7, list_hash = $8, ready_at = $9, gaps = $10
		WHERE id = $11 AND state = 'building'`, Ready, out.Files, out.Bytes, out.name, out.digest, out.Fingerprint, string(out.Manifest), out.listed,
		db.Micros(tx.Now()), out.gaps, p.ID)
	if err != nil || n == 0 {
		return err
	}
	if err := job.Close(ctx, tx, p.JobID, ""); err != nil {
		return err
	}
	if p.Kind == Supplement {
		return s.sendSupplement(ctx, tx, who, x, p.ID)
	}
	if x.Status == Initiated {
		x.Status, x.UpdatedAt = Packed, tx.Now()
		_, err := tx.Exec(ctx, "UPDATE sale_workflows SET status = $1, updated_at = $2 WHERE id = $3", x.Status, db.Micros(x.UpdatedAt), x.ID)
		if err != nil {
			return err
		}
	}
	return s.tell(ctx, tx, who, "sale.package_generated", &x)
}

// buildDied notes why there is no package.
func (s *Service) buildDied(ctx context.Context, j *job.Job[BuildArgs], cause error) error {
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		p, err := packageOf(ctx, tx, j.Args.PackageID)
		if err != nil || p.State != Building {
			return err
		}
		reason := "the server could not build it in many attempts: generate it again later"
		if e, ok := errors.AsType[*fault.Error](cause); ok && e.Kind != fault.Internal {
			reason = e.Message
		}
		if _, err := tx.Exec(ctx, "UPDATE sale_packages SET state = $1, phase = '', error = $2 WHERE id = $3", Failed, reason, p.ID); err != nil {
			return err
		}
		return job.Close(ctx, tx, p.JobID, reason)
	})
}

// manifest is what stands in manifest.json besides the list of files.
func (g gathered) manifest(files *dossier.Package) bundle.Manifest {
	return bundle.Manifest{
		Schema: packageSchema, Title: files.Title(), CreatedAt: g.input.At, Data: map[string]any{"boat": g.input.Boat, "record": "data/"},
		Missing: g.input.Missing, Withheld: g.input.Withheld,
	}
}
