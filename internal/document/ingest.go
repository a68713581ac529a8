package document

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/blob"
	"navidocs/internal/db"
	"navidocs/internal/document/extract"
	"navidocs/internal/fault"
	"navidocs/internal/job"
)

// maxPageAttempts is how often a page that fails is tried before it is left.
const maxPageAttempts = 3

// maxPages bounds a document; a file that claims more is refused.
const maxPages = 20_000

// The page statuses.
const (
	pagePending = "pending"
	pageReady   = "ready"
	pageFailed  = "failed"
)

// InspectArgs ask for a document to be opened and its pages counted.
type InspectArgs struct {
	DocumentID ID `json:"document_id"`
	// Run tells this reading from an earlier one: Reprocess raises it, and
	// jobs of an earlier run do nothing.
	Run int `json:"run"`
}

// Kind implements job.Args.
func (InspectArgs) Kind() string { return "document.inspect" }

// PagesArgs ask for a group of pages to be read.
type PagesArgs struct {
	DocumentID ID  `json:"document_id"`
	Run        int `json:"run"`
	From       int `json:"from"`
	To         int `json:"to"`
}

// Kind implements job.Args.
func (PagesArgs) Kind() string { return "document.pages" }

// PurgeArgs ask for the bin to be emptied of what is 30 days old.
type PurgeArgs struct{}

// Kind implements job.Args.
func (PurgeArgs) Kind() string { return "document.purge" }

// PagesQueue is the queue of the page groups: as many at once as there are
// cores, for each keeps one busy.
const PagesQueue = "pages"

// Jobs are the package's kinds of work. Their attempts are many because a
// killed server uses them up too; how often a page is tried is counted on the
// page itself.
func (s *Service) Jobs() []job.Work {
	return []job.Work{
		job.Define(job.Options[InspectArgs]{Timeout: 2 * time.Minute, MaxAttempts: 50, Dead: s.inspectDied}, s.inspect),
		job.Define(job.Options[PagesArgs]{Timeout: 30 * time.Minute, MaxAttempts: 50, Dead: s.pagesDied}, s.readPages),
		job.Define(job.Options[ImagesArgs]{Queue: PagesQueue, Timeout: 30 * time.Minute}, s.drawImages),
		job.Define(job.Options[PurgeArgs]{}, func(ctx context.Context, _ *job.Job[PurgeArgs]) error {
			_, err := s.Purge(ctx)
			return err
		}),
	}
}

// reading loads what a job is about; ok is false when the job has nothing to
// do any more: the document is purged or read anew.
func (s *Service) reading(ctx context.Context, q db.Querier, id ID, run int) (d Document, ok bool, err error) {
	d, err = s.raw(ctx, q, id)
	if fault.Is(err, fault.NotFound) {
		return d, false, nil
	}
	return d, err == nil && d.run == run, err
}

func (s *Service) inspect(ctx context.Context, j *job.Job[InspectArgs]) error {
	d, ok, err := s.reading(ctx, s.db, j.Args.DocumentID, j.Args.Run)
	if err != nil || !ok {
		return err
	}
	path, done, err := blob.Path(ctx, s.store, blob.Digest(d.SHA256), s.config.TempDir)
	if err != nil {
		return err
	}
	defer done()
	info, err := s.extract.Inspect(ctx, path, d.MediaType)
	if err == nil && info.Pages > maxPages {
		err = &extract.Refused{Reason: extract.ReasonUnsupported, Detail: fmt.Sprintf("%d pages, at most %d are read", info.Pages, maxPages)}
	}
	refused, isRefused := errors.AsType[*extract.Refused](err)
	if err != nil && !isRefused {
		return err
	}
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		d, ok, err := s.reading(ctx, tx, d.ID, j.Args.Run)
		if err != nil || !ok {
			return errors.Join(err, j.Complete(ctx, tx))
		}
		if isRefused {
			err = s.fail(ctx, tx, d, refused.Reason)
		} else {
			err = s.begin(ctx, tx, d, info)
		}
		if err != nil {
			return err
		}
		return j.Complete(ctx, tx)
	})
}

// begin lays out the pages of a document and enqueues their groups.
func (s *Service) begin(ctx context.Context, tx *db.Tx, d Document, info extract.Info) error {
	outline, err := json.Marshal(info.Outline)
	if err != nil {
		return err
	}
	if info.Outline == nil {
		outline = []byte("[]")
	}
	for _, text := range []string{
		"DELETE FROM pages WHERE document_id = $1",
		"DELETE FROM search_entries WHERE kind = 'page' AND subject_id = $1",
	} {
		if _, err := tx.Exec(ctx, text, d.ID); err != nil {
			return err
		}
	}
	if err := blob.Release(ctx, tx, "page", string(d.ID)); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE documents SET status = $1, page_count = $2, pages_ready = 0, pages_failed = 0, outline = $3, updated_at = $4 WHERE id = $5`,
		Processing, info.Pages, db.Text(string(outline)), db.Micros(tx.Now()), d.ID)
	if err != nil {
		return err
	}
	for n := 1; n <= info.Pages; n++ {
		_, err := tx.Exec(ctx, "INSERT INTO pages (document_id, number, status, updated_at) VALUES ($1, $2, $3, $4)", d.ID, n, pagePending, db.Micros(tx.Now()))
		if err != nil {
			return err
		}
	}
	for from := 1; from <= info.Pages; from += s.config.GroupSize {
		args := PagesArgs{DocumentID: d.ID, Run: d.run, From: from, To: min(from+s.config.GroupSize-1, info.Pages)}
		if err := s.jobs.Enqueue(ctx, tx, args, PagesQueue); err != nil {
			return err
		}
	}
	d.PageCount = info.Pages
	return s.advance(ctx, tx, d)
}

// fail ends a document as a whole.
func (s *Service) fail(ctx context.Context, tx *db.Tx, d Document, reason string) error {
	d.Status, d.Error = Failed, describe(reason)
	_, err := tx.Exec(ctx, "UPDATE documents SET status = $1, reason = $2, updated_at = $3 WHERE id = $4", d.Status, d.Error, db.Micros(tx.Now()), d.ID)
	if err != nil {
		return err
	}
	if err := job.Close(ctx, tx, d.JobID, d.Error); err != nil {
		return err
	}
	return s.ended(ctx, tx, "failed", d)
}

// describe puts a reason of the extraction into words for people.
func describe(reason string) string {
	switch reason {
	case extract.ReasonBroken:
		return "broken: the file is damaged or not what its beginning says; send it again from its source"
	case extract.ReasonEncrypted:
		return "encrypted: the file needs a password; send a copy without one"
	case extract.ReasonTimeout:
		return "timeout: reading took too long and was stopped"
	case extract.ReasonMemory:
		return "memory: reading needed more memory than is allowed and was stopped"
	case extract.ReasonCrashed:
		return "crashed: the file made its reader fail; it is kept as it is"
	case extract.ReasonUnsupported:
		return "unsupported: this kind or size of file is not read"
	}
	return reason
}

func (s *Service) inspectDied(ctx context.Context, j *job.Job[InspectArgs], cause error) error {
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		d, ok, err := s.reading(ctx, tx, j.Args.DocumentID, j.Args.Run)
		if err != nil || !ok {
			return err
		}
		s.config.Log.Error("document given up", "document_id", d.ID, "error", cause)
		return s.fail(ctx, tx, d, "the server could not read the file in many attempts; reprocess it later")
	})
}

// readPages reads a group and stores what it finds as it goes, so that early
// pages are searchable while late ones are still being read.
func (s *Service) readPages(ctx context.Context, j *job.Job[PagesArgs]) error {
	d, ok, err := s.reading(ctx, s.db, j.Args.DocumentID, j.Args.Run)
	if err != nil || !ok {
		return err
	}
	settings, err := account.ReadSettings(ctx, s.db, d.OrgID)
	if err != nil {
		return err
	}
	path, done, err := blob.Path(ctx, s.store, blob.Digest(d.SHA256), s.config.TempDir)
	if err != nil {
		return err
	}
	defer done()
	reader := s.extract.Reading(settings.Languages)
	for range maxPageAttempts {
		open, err := s.openRanges(ctx, j.Args)
		if err != nil {
			return err
		}
		if len(open) == 0 {
			break
		}
		for _, r := range open {
			if err := s.readRange(ctx, reader, d, j.Args, path, r); err != nil {
				return err
			}
		}
	}
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		d, ok, err := s.reading(ctx, tx, d.ID, j.Args.Run)
		if err != nil {
			return err
		}
		if ok {
			if err := s.advance(ctx, tx, d); err != nil {
				return err
			}
		}
		return j.Complete(ctx, tx)
	})
}

// pageRange is a run of neighbouring pages, both ends included.
type pageRange struct{ from, to int }

// openRanges lists the pages of a group that still have to be read.
func (s *Service) openRanges(ctx context.Context, a PagesArgs) ([]pageRange, error) {
	numbers, err := db.Collect(ctx, s.db, db.Scalar[int],
		"SELECT number FROM pages WHERE document_id = $1 AND number BETWEEN $2 AND $3 AND status = $4 ORDER BY number",
		a.DocumentID, a.From, a.To, pagePending)
	var out []pageRange
	for _, n := range numbers {
		if last := len(out) - 1; last >= 0 && out[last].to == n-1 {
			out[last].to = n
			continue
		}
		out = append(out, pageRange{n, n})
	}
	return out, err
}

// flushAfter is how long a page that is read may wait to be stored with others.
const flushAfter = 300 * time.Millisecond

func (s *Service) readRange(ctx context.Context, x *extract.Extractor, d Document, a PagesArgs, path string, r pageRange) error {
	var waiting []readPage
	last := s.db.Now()
	flush := func() error {
		if len(waiting) == 0 {
			return nil
		}
		err := s.storePages(ctx, a, waiting)
		waiting, last = nil, s.db.Now()
		return err
	}
	err := x.Pages(ctx, path, d.MediaType, r.from, r.to, func(p extract.Page) error {
		kept, err := s.keepImages(ctx, p)
		if err != nil {
			return err
		}
		waiting = append(waiting, kept)
		if s.db.Now().Sub(last) < flushAfter {
			return nil
		}
		return flush()
	})
	if refused, ok := errors.AsType[*extract.Refused](err); ok {
		for n := r.from; n <= r.to; n++ {
			waiting = append(waiting, readPage{Page: extract.Page{Number: n, Reason: refused.Reason}, final: true})
		}
		err = nil
	}
	return errors.Join(err, flush())
}

// readPage is a page with its images already in storage.
type readPage struct {
	extract.Page
	thumb, screen stored
	// final says that trying again would give the same.
	final bool
}

type stored struct {
	digest blob.Digest
	bytes  int64
}

func (s *Service) keepImages(ctx context.Context, p extract.Page) (out readPage, err error) {
	out.Page = p
	if out.thumb, err = s.keep(ctx, p.Thumb); err != nil {
		return out, err
	}
	out.screen, err = s.keep(ctx, p.Screen)
	out.Thumb, out.Screen = nil, nil
	return out, err
}

func (s *Service) keep(ctx context.Context, image []byte) (stored, error) {
	if len(image) == 0 {
		return stored{}, nil
	}
	digest, n, err := s.store.Put(ctx, bytes.NewReader(image))
	return stored{digest, n}, err
}

// storePages writes pages, their index entries and the document's progress in
// one transaction.
func (s *Service) storePages(ctx context.Context, a PagesArgs, pages []readPage) error {
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		d, ok, err := s.reading(ctx, tx, a.DocumentID, a.Run)
		if err != nil || !ok {
			return err
		}
		scope := documentScope(d)
		for _, p := range pages {
			if err := s.storePage(ctx, tx, d, scope, p); err != nil {
				return err
			}
		}
		_, err = s.progress(ctx, tx, d)
		return err
	})
}

func (s *Service) storePage(ctx context.Context, tx *db.Tx, d Document, scope string, p readPage) error {
	if p.Reason != "" {
		_, err := tx.Exec(ctx, `UPDATE pages SET attempts = attempts + 1, reason = $1, updated_at = $2,
			status = CASE WHEN attempts + 1 >= $3 THEN 'failed' ELSE status END
			WHERE document_id = $4 AND number = $5 AND status = 'pending'`,
			describe(p.Reason), db.Micros(tx.Now()), attemptsLeft(p), d.ID, p.Number)
		return err
	}
	text := db.Text(p.Text)
	n, err := tx.Exec(ctx, `UPDATE pages SET status = $1, reason = '', source = $2, language = $3, text = $4, width = $5, height = $6,
		thumb_digest = $7, screen_digest = $8, updated_at = $9 WHERE document_id = $10 AND number = $11 AND status <> 'ready'`,
		pageReady, p.Source, p.Language, text, p.Width, p.Height, string(p.thumb.digest), string(p.screen.digest), db.Micros(tx.Now()), d.ID, p.Number)
	if err != nil || n == 0 { // 0: another attempt stored it already
		return err
	}
	for _, image := range []stored{p.thumb, p.screen} {
		if image.digest == "" {
			continue
		}
		if err := blob.Adopt(ctx, tx, image.digest, image.bytes, "page", string(d.ID)); err != nil {
			return err
		}
	}
	if d.DeletedAt != nil {
		return nil
	}
	return s.indexPage(ctx, tx, d, scope, p.Number, text)
}

func attemptsLeft(p readPage) int {
	if p.final {
		return 1
	}
	return maxPageAttempts
}

// progress counts a document's pages, tells whoever watches, and returns the
// document as it is now.
func (s *Service) progress(ctx context.Context, tx *db.Tx, d Document) (Document, error) {
	_, err := tx.Exec(ctx, `UPDATE documents SET
		pages_ready = (SELECT count(*) FROM pages p WHERE p.document_id = documents.id AND p.status = 'ready'),
		pages_failed = (SELECT count(*) FROM pages p WHERE p.document_id = documents.id AND p.status = 'failed') WHERE id = $1`, d.ID)
	if err != nil {
		return d, err
	}
	if d, err = s.raw(ctx, tx, d.ID); err != nil {
		return d, err
	}
	tx.OnCommit(func() { s.config.Changed(d.ID) })
	return d, job.Progress(ctx, tx, d.JobID, (d.PagesReady+d.PagesFailed)*100/max(d.PageCount, 1))
}

// advance ends the document when its last page has ended. It runs at the end
// of every group; only the one that finds nothing left does something.
func (s *Service) advance(ctx context.Context, tx *db.Tx, d Document) error {
	d, err := s.progress(ctx, tx, d)
	if err != nil || d.Status != Processing || d.PagesReady+d.PagesFailed < d.PageCount {
		return err
	}
	if d.PagesReady == 0 && d.PageCount > 0 {
		reason, err := db.One(ctx, tx, db.Scalar[string], "SELECT reason FROM pages WHERE document_id = $1 AND number = 1", d.ID)
		if err != nil {
			return err
		}
		return s.fail(ctx, tx, d, reason)
	}
	return s.finish(ctx, tx, d)
}

func (s *Service) finish(ctx context.Context, tx *db.Tx, d Document) error {
	d.Status = Ready
	if d.PagesFailed > 0 {
		d.Error = fmt.Sprintf("%d of %d pages could not be read", d.PagesFailed, d.PageCount)
	}
	language, err := db.Collect(ctx, tx, db.Scalar[string],
		"SELECT language FROM pages WHERE document_id = $1 AND language <> '' GROUP BY language ORDER BY count(*) DESC, language LIMIT 1", d.ID)
	if err != nil {
		return err
	}
	if len(language) > 0 {
		d.Language = language[0]
	}
	_, err = tx.Exec(ctx, "UPDATE documents SET status = $1, reason = $2, language = $3, updated_at = $4 WHERE id = $5",
		d.Status, d.Error, d.Language, db.Micros(tx.Now()), d.ID)
	if err != nil {
		return err
	}
	if err := job.Close(ctx, tx, d.JobID, ""); err != nil {
		return err
	}
	return s.ended(ctx, tx, "processed", d)
}

// pagesDied gives up the pages of a group that are still open.
func (s *Service) pagesDied(ctx context.Context, j *job.Job[PagesArgs], cause error) error {
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		d, ok, err := s.reading(ctx, tx, j.Args.DocumentID, j.Args.Run)
		if err != nil || !ok {
			return err
		}
		s.config.Log.Error("pages given up", "document_id", d.ID, "error", cause)
		_, err = tx.Exec(ctx, `UPDATE pages SET status = 'failed', reason = $1, updated_at = $2
			WHERE document_id = $3 AND number BETWEEN $4 AND $5 AND status = 'pending'`,
			"the server could not read this page in many attempts; reprocess the document later", db.Micros(tx.Now()), d.ID, j.Args.From, j.Args.To)
		if err != nil {
			return err
		}
		return s.advance(ctx, tx, d)
	})
}
