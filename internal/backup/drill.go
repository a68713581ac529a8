package backup

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"

	"navidocs/internal/blob"
	"navidocs/internal/config"
	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// drillBlobs is how many papers a drill brings back.
const drillBlobs = 20

// Drill restores a backup into a passing folder (on PostgreSQL into a scratch
// database), holds what came back against the manifest, migrates it, tries it
// as a server, and removes it all. What did not hold is in the report.
func (s *Service) Drill(ctx context.Context, id string) (r Report, err error) {
	defer fault.Wrap(&err, "drill %s", id)
	unlock, err := s.lock(ctx, shared)
	if err != nil {
		return Report{}, err
	}
	defer unlock()
	start := s.options.Now().UTC()
	r = Report{ID: id, At: start, Damages: []Damage{}}
	m, err := s.manifest(ctx, id)
	if err != nil {
		return r, err
	}
	if err := s.fits(m); err != nil {
		return r, err
	}
	if err := s.examineFiles(ctx, m, VerifyOptions{}, &r); err != nil {
		return r, err
	}
	if len(r.Damages) > 0 {
		s.distrust(ctx, id)
		return r, nil
	}
	if err := s.drill(ctx, m, &r); err != nil {
		return r, err
	}
	now := s.options.Now().UTC()
	if r.Millis = now.Sub(start).Milliseconds(); len(r.Damages) > 0 {
		return r, nil
	}
	err = writeChecks(ctx, s.place, id, func(c *Checks) { c.VerifiedAt, c.DrilledAt, c.DrillMillis = &now, &now, r.Millis })
	if s.options.DB != nil && err == nil {
		err = s.options.DB.Transact(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE backups SET drilled_at = $1 WHERE id = $2", db.Micros(tx.Now()), id)
			return err
		})
	}
	return r, err
}

// Copy restores the database of a backup, the newest one unless an id is given,
// for a trial. drop closes and removes it; until then no backup is made or
// removed.
func (s *Service) Copy(ctx context.Context, id string) (_ *db.DB, drop func() error, err error) {
	defer fault.Wrap(&err, "restore a copy")
	var undo []func()
	undoAll := func() {
		for _, f := range slices.Backward(undo) {
			f()
		}
	}
	defer func() {
		if err != nil {
			undoAll()
		}
	}()
	unlock, err := s.lock(ctx, shared)
	if err != nil {
		return nil, nil, err
	}
	undo = append(undo, unlock)
	m, err := s.newest(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	home, done, err := s.work(2 * m.Database.Plain)
	if err != nil {
		return nil, nil, err
	}
	undo = append(undo, done)
	c := s.drillConfig(home)
	if err := os.MkdirAll(c.DataDir(), 0o700); err != nil {
		return nil, nil, diskError(err)
	}
	gone, err := s.bringDatabase(ctx, m, &c)
	if err != nil {
		return nil, nil, err
	}
	undo = append(undo, gone)
	d, err := db.Open(ctx, db.Options{URL: c.Storage.Database, Now: s.options.Now})
	return d, func() error { defer undoAll(); return d.Close() }, err
}

// newest is the manifest of a backup, the newest one when none is named.
func (s *Service) newest(ctx context.Context, id string) (Manifest, error) {
	if id != "" {
		return s.manifest(ctx, id)
	}
	all, err := s.List(ctx)
	if err != nil {
		return Manifest{}, err
	}
	if len(all) == 0 {
		return Manifest{}, fault.New(fault.NotFound, "there are no backups: make one with navidocs backup create")
	}
	return s.manifest(ctx, all[0].ID)
}

// fits refuses a backup that this release cannot bring back.
func (s *Service) fits(m Manifest) error {
	if m.Schema > s.options.Schema {
		return fault.New(fault.Conflict, "the backup %s has schema %d, newer than this release's %d: use release %s", m.ID, m.Schema, s.options.Schema, m.Release)
	}
	return nil
}

func (s *Service) drill(ctx context.Context, m Manifest, r *Report) error {
	home, done, err := s.work(2 * m.Database.Plain)
	if err != nil {
		return err
	}
	defer done()
	c := s.drillConfig(home)
	if err := s.furnish(c); err != nil {
		return err
	}
	drop, err := s.bringDatabase(ctx, m, &c)
	if err != nil {
		return err
	}
	defer drop()
	if err := s.tryDatabase(ctx, m, c, r); err != nil || len(r.Damages) > 0 {
		return err
	}
	if err := s.bringSample(ctx, m, c, r); err != nil {
		return err
	}
	if err := s.options.Smoke(ctx, c); err != nil {
		r.found("smoke", "the restored copy does not work: %s", err)
	}
	return nil
}

// drillConfig is an installation in a folder, which can reach nobody.
func (s *Service) drillConfig(home string) config.Config {
	c := s.options.Config
	c.Home = home
	c.Storage.Database = filepath.Join(home, "data", "navidocs.db")
	c.Storage.Blobs = filepath.Join(home, "data", "blobs")
	c.Storage.Redis = ""
	c.Auth.JWTSecret, c.Webhook.Secret = "", "" // from the keys' folder
	c.SMTP = config.SMTP{}
	c.Notify = config.Notify{}
	c.IMAP = config.IMAP{}
	c.Document.Inbox = ""
	c.Backup.OffSite = ""
	return c
}

// furnish makes the folders of a home and gives it our keys.
func (s *Service) furnish(c config.Config) error {
	for _, dir := range []string{c.DataDir(), c.StateDir()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return diskError(err)
		}
	}
	keys, err := readKeys(s.options.Config)
	if err != nil {
		return err
	}
	return writeKeys(c.KeyDir(), keys)
}

// bringDatabase restores the database where c says, on PostgreSQL to a scratch
// database that it puts into c and that drop removes.
func (s *Service) bringDatabase(ctx context.Context, m Manifest, c *config.Config) (drop func(), err error) {
	file := c.Storage.Database
	if m.Engine == db.Postgres {
		file = filepath.Join(c.Home, "db.dump")
	}
	if err := s.extract(ctx, m, file); err != nil {
		return nil, err
	}
	if m.Engine == db.SQLite {
		return func() {}, nil
	}
	if !s.options.Config.Postgres() {
		return nil, fault.New(fault.Conflict, "the backup %s is one of PostgreSQL: set DATABASE_URL to a server of that kind", m.ID)
	}
	address, name, err := s.scratch(ctx, "drill")
	if err != nil {
		return nil, err
	}
	drop = func() { _ = s.drop(context.WithoutCancel(ctx), name) } // a scratch database
	if err := load(ctx, file, address); err != nil {
		drop()
		return nil, err
	}
	c.Storage.Database = address
	return drop, nil
}

// extract writes the stored database to a new file, which a loss of power may
// take away.
func (s *Service) extract(ctx context.Context, m Manifest, file string) error {
	plain, err := s.openDatabase(ctx, m)
	if err != nil {
		return err
	}
	defer plain.Close() //nolint:errcheck // only read from
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return diskError(err)
	}
	_, err = io.Copy(f, &contextReader{ctx, plain})
	return diskError(errors.Join(err, f.Close()))
}

// tryDatabase holds the restored database against the manifest and migrates it.
func (s *Service) tryDatabase(ctx context.Context, m Manifest, c config.Config, r *Report) error {
	d, err := db.Open(ctx, db.Options{URL: c.Storage.Database, Now: s.options.Now})
	if err != nil {
		return err
	}
	err = s.compare(ctx, m, d, r)
	if err == nil && len(r.Damages) == 0 {
		if merr := s.options.Migrate(ctx, d); merr != nil {
			r.found("migrate", "the restored copy cannot be migrated: %s", merr)
		}
	}
	return errors.Join(err, d.Close())
}

// bringSample restores the first papers, which are random ones, being named by
// their digests.
func (s *Service) bringSample(ctx context.Context, m Manifest, c config.Config, r *Report) error {
	lines, err := s.blobsOf(ctx, m)
	if err != nil {
		return err
	}
	store, err := blob.OpenDisk(c.Storage.Blobs)
	if err != nil {
		return err
	}
	for _, line := range lines[:min(len(lines), drillBlobs)] {
		r.BlobsRead++
		if err = s.bringBlob(ctx, m, line, store); err != nil {
			r.found("blob", "%s cannot be restored: %s", line.digest, err)
		}
	}
	r.Blobs = len(lines)
	return store.Close()
}

func (s *Service) bringBlob(ctx context.Context, m Manifest, line blobLine, store blob.Store) error {
	f, err := s.openBlob(ctx, m, line)
	if err != nil {
		return err
	}
	_, _, err = store.Put(ctx, f)
	return errors.Join(err, f.Close())
}

func writeKeys(dir string, keys map[string][]byte) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return diskError(err)
	}
	for name, text := range keys {
		if err := writeFile(filepath.Join(dir, name), text); err != nil {
			return err
		}
	}
	return nil
}
