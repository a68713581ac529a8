package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"filippo.io/age"

	"navidocs/internal/blob"
	"navidocs/internal/db"
	"navidocs/internal/event"
	"navidocs/internal/fault"
)

// CreateOptions say how a backup is made.
type CreateOptions struct {
	Reason string
	// Deep reads every paper on the shelf again, not only the new ones and a
	// sample.
	Deep bool
	// Encrypt is a public key (age1...) beside the configured one.
	Encrypt string
	// To is a second place (folder or s3://...) beside the configured one.
	To string
}

// FailedEvent is the type of the event that tells operators of a backup that is
// late, failed or incomplete.
const FailedEvent = "backup.failed"

// Failed is its payload.
type Failed = event.BackupData

// lease is how long the papers stay at least while they are copied; a backup
// that takes longer prolongs it.
const lease = time.Hour

// creation is one backup being made.
type creation struct {
	*Service
	options  CreateOptions
	dir      string // hidden until it is whole
	manifest Manifest
	to       []age.Recipient // empty: not encrypted
	fresh    []blobLine      // copied by this backup
	all      []blobLine
}

// Create makes a backup and verifies it. When papers are missing from the
// store the backup is kept all the same, and the error (Unavailable) says so.
func (s *Service) Create(ctx context.Context, o CreateOptions) (_ Entry, err error) {
	defer fault.Wrap(&err, "create a backup")
	unlock, err := s.lock(ctx, exclusive)
	if err != nil {
		return Entry{}, err
	}
	defer unlock()
	c := &creation{Service: s, options: o}
	if err := c.begin(ctx); err != nil {
		return Entry{}, err
	}
	err = c.make(ctx)
	return entryOf(c.manifest, readChecks(ctx, s.local, c.manifest.ID)), errors.Join(err, c.end(context.WithoutCancel(ctx), err))
}

// Plan is what a backup would copy now.
type Plan struct {
	To string `json:"to"`
	// DatabaseBytes is the size before compression.
	DatabaseBytes int64 `json:"database_bytes"`
	Blobs         int   `json:"blobs"`
	NewBlobs      int   `json:"new_blobs"`
	NewBytes      int64 `json:"new_blob_bytes"`
}

// CreatePlan tells what Create would do.
func (s *Service) CreatePlan(ctx context.Context) (p Plan, err error) {
	defer fault.Wrap(&err, "plan a backup")
	p.To = s.local.dir
	if p.DatabaseBytes, err = s.options.DB.Size(ctx); err != nil {
		return p, err
	}
	have, err := s.local.list(ctx, blobDir, true)
	if err != nil {
		return p, err
	}
	encrypted := s.options.Config.Backup.Recipient != ""
	lines, err := db.Collect(ctx, s.options.DB, scanBlobLine, selectBlobs)
	p.Blobs = len(lines)
	for _, line := range lines {
		if _, there := have[line.key(encrypted)]; !there {
			p.NewBlobs++
			p.NewBytes += line.size
		}
	}
	return p, err
}

// begin names the backup and leaves its mark in the database: the copy must
// hold it.
func (c *creation) begin(ctx context.Context) error {
	now := c.Service.options.Now().UTC().Truncate(time.Microsecond)
	id := "navidocs.db.backup-" + now.Format(idTime)
	for n := 2; exists(c.local.path(id)); n++ {
		id = fmt.Sprintf("navidocs.db.backup-%s-%d", now.Format(idTime), n)
	}
	d := c.Service.options.DB
	c.manifest = Manifest{Format: manifestFormat, ID: id, Created: now, Reason: c.options.Reason, Release: c.Service.options.Release, Engine: d.Engine}
	var err error
	if c.to, err = c.recipients(); err != nil {
		return err
	}
	c.manifest.Encrypted = len(c.to) > 0
	return d.Transact(ctx, func(tx *db.Tx) error {
		if err := blob.Lease(ctx, tx, id, lease); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO backups (id, reason, release, state, started_at) VALUES ($1, $2, $3, 'running', $4)
			ON CONFLICT (id) DO UPDATE SET state = 'running', started_at = $4`, id, db.Text(c.options.Reason), c.manifest.Release, db.Micros(tx.Now()))
		return err
	})
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// recipients are those whose keys open an encrypted backup: whoever the
// operator names, the holder of the recovery key, and the installation itself.
func (c *creation) recipients() (to []age.Recipient, err error) {
	keyDir := c.Service.options.Config.KeyDir()
	for _, public := range []string{c.Service.options.Config.Backup.Recipient, c.options.Encrypt} {
		if public == "" {
			continue
		}
		r, err := parseRecipient(public)
		if err != nil {
			return nil, err
		}
		to = append(to, r)
	}
	if len(to) == 0 {
		return nil, nil
	}
	holder, err := recovery(keyDir)
	if err != nil {
		return nil, err
	}
	own, err := ownIdentity(keyDir)
	if err != nil {
		return nil, err
	}
	return append(to, holder, own.Recipient()), nil
}

// end records how it went, tells the operators when it went wrong, and gives
// the lease up.
func (c *creation) end(ctx context.Context, cause error) error {
	if cause != nil {
		_ = os.RemoveAll(c.dir) // what is left is swept
	}
	return c.Service.options.DB.Transact(ctx, func(tx *db.Tx) error {
		state, text := c.outcome(cause)
		if state == stateFailed || state == stateIncomplete {
			if err := c.tell(ctx, tx, Failed{BackupID: c.manifest.ID, Kind: state, Error: text}); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, "UPDATE backups SET state = $1, error = $2, bytes = $3, finished_at = $4 WHERE id = $5",
			state, db.Text(text), c.manifest.Database.Bytes, db.Micros(tx.Now()), c.manifest.ID)
		if err != nil {
			return err
		}
		return blob.EndLease(ctx, tx, c.manifest.ID)
	})
}

// The states of a row of the table backups, beside running.
const (
	stateCompleted  = "completed"
	stateFailed     = "failed"
	stateIncomplete = "incomplete" // papers were missing
	stateCancelled  = "cancelled"  // the server was told to stop
)

func (c *creation) outcome(cause error) (state, text string) {
	switch {
	case cause == nil:
		return stateCompleted, ""
	case errors.Is(cause, context.Canceled):
		return stateCancelled, ""
	case len(c.manifest.Missing) > 0:
		return stateIncomplete, fault.Message(cause)
	}
	return stateFailed, fault.Message(cause)
}

// tell raises backup.failed.
func (s *Service) tell(ctx context.Context, tx *db.Tx, f Failed) error {
	if s.options.Events == nil {
		return nil
	}
	last, err := db.One(ctx, tx, func(r db.Row) (at *int64, err error) { return at, r.Scan(&at) },
		"SELECT max(started_at) FROM backups WHERE state = 'completed'")
	if err != nil {
		return err
	}
	f.LastSuccess = db.TimePtr(last)
	return s.options.Events.Append(ctx, tx, event.Event{Type: FailedEvent, Data: f})
}

func (c *creation) make(ctx context.Context) (err error) {
	c.dir = c.local.path(makingPrefix + c.manifest.ID)
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return diskError(err)
	}
	content, err := c.database(ctx)
	if err != nil {
		return err
	}
	c.manifest.Tables, c.manifest.Schema, c.all = content.tables, content.version, content.blobs
	if err := c.blobs(ctx); err != nil {
		return err
	}
	if err := c.files(content); err != nil {
		return err
	}
	if err := c.publish(); err != nil {
		return err
	}
	if err := c.verify(ctx); err != nil {
		return err
	}
	if err := c.sendAway(ctx); err != nil {
		return err
	}
	if n := len(c.manifest.Missing); n > 0 {
		return fault.New(fault.Unavailable, "%s was made, but %d papers are missing from the store or damaged there: navidocs doctor names them", c.manifest.ID, n)
	}
	return nil
}

// content is what was found in the very copy that is backed up.
type content struct {
	tables  []db.TableDigest
	print   string
	version int64
	blobs   []blobLine
}

func (c *creation) database(ctx context.Context) (content, error) {
	if c.manifest.Engine == db.Postgres {
		return c.dumpPostgres(ctx)
	}
	return c.copySQLite(ctx)
}

// read collects what the manifest says of a database, as q sees it.
func read(ctx context.Context, d *db.DB, q db.Querier) (out content, err error) {
	if out.tables, err = tables(ctx, d, q); err != nil {
		return out, err
	}
	if out.print, err = db.SchemaPrint(ctx, d); err != nil {
		return out, err
	}
	if out.version, err = db.One(ctx, q, db.Scalar[int64], "SELECT coalesce(max(version), 0) FROM schema_files"); err != nil {
		return out, err
	}
	out.blobs, err = db.Collect(ctx, q, scanBlobLine, selectBlobs)
	return out, err
}

// tables counts the rows. Where the database is stored as its own bytes, their
// hash says that the rows are the same ones; what a dump brings back is hashed.
func tables(ctx context.Context, d *db.DB, q db.Querier) ([]db.TableDigest, error) {
	if d.Engine == db.SQLite {
		return db.Counts(ctx, d, q)
	}
	return db.Digests(ctx, d, q)
}

// files writes what is small: the schema, the list of papers, the sealed keys,
// the list of what was erased.
func (c *creation) files(found content) error {
	holder, err := recovery(c.Service.options.Config.KeyDir())
	if err != nil {
		return err
	}
	var keys bytes.Buffer
	if err := sealKeys(&keys, c.Service.options.Config, holder); err != nil {
		return err
	}
	erased, err := ErasureJournal(c.Service.options.Config).Lines()
	if err != nil {
		return err
	}
	c.manifest.Files = []File{}
	for _, f := range []struct {
		name string
		text []byte
	}{{schemaFile, []byte(found.print)}, {blobsFile, encodeBlobs(c.all)}, {keysFile, keys.Bytes()}, {erasuresFile, joinLines(erased)}} {
		if f.name == erasuresFile && len(f.text) == 0 {
			continue
		}
		if err := writeFile(filepath.Join(c.dir, f.name), f.text); err != nil {
			return err
		}
		sum := sha256.Sum256(f.text)
		c.manifest.Files = append(c.manifest.Files, File{Name: f.name, Bytes: int64(len(f.text)), SHA256: hex.EncodeToString(sum[:])})
	}
	return nil
}

// publish makes the backup one that lists: the manifest, then the name.
func (c *creation) publish() error {
	text, err := c.manifest.encode()
	if err != nil {
		return err
	}
	if c.manifest, err = decodeManifest(text, c.manifest.ID); err != nil {
		return err
	}
	if err := writeFile(filepath.Join(c.dir, manifestFile), text); err != nil {
		return err
	}
	return diskError(errors.Join(os.Rename(c.dir, c.local.path(c.manifest.ID)), syncDir(c.local.dir)))
}

// sample is the part of the papers, already on the shelf, that every backup
// reads again.
const sample = 0.05

// verify reads the backup back. What is in the database was checked in the copy
// that was packed, so that the hash of its stored form is enough; drills and
// verify unpack it.
func (c *creation) verify(ctx context.Context) error {
	o := VerifyOptions{Sample: sample, stored: true, always: c.fresh}
	if c.options.Deep {
		o.Sample = 1
	}
	own := *c.Service
	own.place = c.local
	report, err := own.examine(ctx, c.manifest.ID, o)
	if err != nil {
		return err
	}
	return report.Err()
}
