package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"filippo.io/age"

	"navidocs/internal/blob"
	"navidocs/internal/config"
	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// RestoreOptions say where a backup goes.
type RestoreOptions struct {
	// To is a folder that becomes a home of its own; empty means in place of
	// the present installation.
	To string
	// AcceptLoss lets what is newer than the backup go.
	AcceptLoss bool
	// DryRun says what would be lost and touches nothing.
	DryRun bool
	// Announce hears what will be lost before anything is touched.
	Announce func(Loss)
}

// Restored is what a restore did.
type Restored struct {
	ID   string `json:"id"`
	Loss Loss   `json:"loss"`
	// Safety is the backup of the state before; empty when there was none, or
	// when it could not be read.
	Safety string `json:"safety_backup"`
	// Aside is where the old database lies when no safety backup could be made.
	Aside string `json:"aside"`
	// Blobs counts the papers that were brought back, Missing those that the
	// backup does not have in good order.
	Blobs   int           `json:"blobs"`
	Missing []blob.Digest `json:"missing"`
	// Keys tells whether the keys came back too.
	Keys   bool   `json:"keys"`
	Schema int64  `json:"schema"`
	To     string `json:"to"`
}

// Restore verifies a backup and brings it back. In place it needs the
// installation to itself (Conflict while a server runs), says what will be
// lost and refuses without consent (Conflict), makes a backup of the present
// state, prepares and tries the restored database beside the present one, and
// exchanges the two by renames: whenever it is killed, one whole database is
// in place.
func (s *Service) Restore(ctx context.Context, id string, o RestoreOptions) (_ Restored, err error) {
	defer fault.Wrap(&err, "restore %s", id)
	report, err := s.Verify(ctx, id, VerifyOptions{Sample: 1})
	if err == nil {
		err = report.Err()
	}
	if err != nil {
		return Restored{}, err
	}
	if report.Sealed {
		return Restored{}, noKey(errNoKey)
	}
	m, err := s.manifest(ctx, id)
	if err == nil {
		err = s.fits(m)
	}
	if err != nil {
		return Restored{}, err
	}
	r := restore{Service: s, options: o, m: m, done: Restored{ID: id, Schema: s.options.Schema, Missing: []blob.Digest{}}}
	if err := r.unseal(ctx); err != nil {
		return r.done, err
	}
	if o.To != "" {
		err = r.elsewhere(ctx)
	} else {
		err = r.inPlace(ctx)
	}
	return r.done, err
}

// inPlace exchanges the database; the keys follow when that has succeeded.
func (r *restore) inPlace(ctx context.Context) error {
	exchange := r.sqlite
	switch {
	case r.m.Engine != r.engine():
		return fault.New(fault.Conflict, "the backup %s is one of %s and DATABASE_URL names another kind: set it, or restore with --to DIR", r.m.ID, r.m.Engine)
	case r.m.Engine == db.Postgres:
		exchange = r.postgres
	}
	if err := exchange(ctx); err != nil || r.options.DryRun {
		return err
	}
	return r.placeKeys(r.Service.options.Config.KeyDir())
}

func (s *Service) engine() db.Engine {
	if s.options.Config.Postgres() {
		return db.Postgres
	}
	return db.SQLite
}

// restore is one restore in hand.
type restore struct {
	*Service
	options RestoreOptions
	m       Manifest
	done    Restored
	keys    map[string][]byte
	empty   bool // PostgreSQL: there was no table, so there is nothing to keep
}

// elsewhere makes a new home in an empty folder.
func (r *restore) elsewhere(ctx context.Context) error {
	if there, err := os.ReadDir(r.options.To); err == nil && len(there) > 0 {
		return fault.New(fault.Conflict, "the folder %s is not empty: name a new one", r.options.To)
	}
	home, err := filepath.Abs(r.options.To)
	if err != nil || r.options.DryRun {
		return err
	}
	c := config.Config{Home: home}
	if err := os.MkdirAll(c.KeyDir(), 0o700); err != nil {
		return diskError(err)
	}
	database := filepath.Join(c.DataDir(), "navidocs.db")
	if r.m.Engine == db.Postgres {
		database = filepath.Join(c.DataDir(), "db.dump")
	}
	if err := r.extract(ctx, r.m, database); err != nil {
		return err
	}
	if err := syncFile(database); err != nil {
		return err
	}
	store, err := blob.OpenDisk(filepath.Join(c.DataDir(), "blobs"))
	if err != nil {
		return err
	}
	if err := r.gatherErasures(ctx, ErasureJournal(c)); err != nil {
		return err
	}
	r.done.To, r.done.Schema = home, r.m.Schema
	if err := errors.Join(r.blobs(ctx, store), store.Close()); err != nil {
		return err
	}
	return r.placeKeys(c.KeyDir())
}

// blobs brings back the papers that the store lacks.
func (r *restore) blobs(ctx context.Context, store blob.Store) error {
	lines, err := r.blobsOf(ctx, r.m)
	if err != nil {
		return err
	}
	for _, line := range lines {
		if info, err := store.Stat(ctx, line.digest); err == nil && info.Size == line.size {
			continue
		}
		if err := r.bringBlob(ctx, r.m, line, store); err != nil {
			return err
		}
		r.done.Blobs++
	}
	r.done.Missing = r.m.Missing
	return nil
}

// unseal opens the sealed keys when a key was given that opens them, before
// anything is touched.
func (r *restore) unseal(ctx context.Context) error {
	if len(r.given) == 0 {
		return nil
	}
	f, err := r.place.open(ctx, path.Join(r.m.ID, keysFile))
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read from
	r.keys, err = unsealKeys(f, r.given[0])
	if _, none := errors.AsType[*age.NoIdentityMatchError](err); none && r.m.Encrypted {
		return nil // the key was for the database alone
	}
	return err
}

// placeKeys brings back the keys. Those that are there and differ are kept
// beside, under another name.
func (r *restore) placeKeys(dir string) error {
	for name, text := range r.keys {
		there, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil && string(there) != string(text) {
			err = os.Rename(filepath.Join(dir, name), filepath.Join(dir, name+".before-"+r.stamp()))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	r.done.Keys = len(r.keys) > 0
	return writeKeys(dir, r.keys)
}

func (r *restore) stamp() string { return r.Service.options.Now().UTC().Format(idTime) }

// prepare brings a restored copy up to the present schema and day, and its
// papers back.
func (r *restore) prepare(ctx context.Context, address string) error {
	if err := r.gatherErasures(ctx, ErasureJournal(r.Service.options.Config)); err != nil {
		return err
	}
	d, err := db.Open(ctx, db.Options{URL: address, Now: r.Service.options.Now})
	if err != nil {
		return err
	}
	err = r.Service.options.Migrate(ctx, d)
	if settle := r.Service.options.Settle; err == nil && settle != nil {
		err = settle(ctx, d)
	}
	if err := errors.Join(err, d.Close()); err != nil {
		return err
	}
	return r.blobs(ctx, r.Service.options.Store)
}

// safety makes a backup of the state that goes.
func (r *restore) safety(ctx context.Context, live *db.DB) error {
	own := *r.Service
	own.options.DB, own.options.Events = live, nil // what it tells would be gone with the state
	made, err := own.Create(ctx, CreateOptions{Reason: "before the restore of " + r.m.ID})
	if err != nil && made.VerifiedAt == nil { // a missing paper, or a place that is away, does not stop us
		return fmt.Errorf("no backup of the present state: %w", err)
	}
	r.done.Safety = made.ID
	return nil
}

// works tries a copy as a server.
func (r *restore) works(ctx context.Context, c config.Config) error {
	if err := r.Service.options.Smoke(ctx, c); err != nil {
		return fault.Because(err, fault.Unavailable, "the restored database does not work, and the present one stays: %s", err)
	}
	return nil
}
