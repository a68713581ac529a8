package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

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

// Loss is what the present state has and a backup has not.
type Loss struct {
	BackupID string    `json:"backup_id"`
	Created  time.Time `json:"created_at"`
	// Minutes is how much older the backup is than now.
	Minutes int64 `json:"minutes"`
	// Tables are those that would change: Added rows are lost, Changed ones
	// take their older form, Removed ones come back.
	Tables []db.Difference `json:"tables"`
	// Unknown says why the present database cannot be compared; empty otherwise.
	Unknown string `json:"unknown"`
	// Rows is the sum of what is lost or takes an older form.
	Rows int64 `json:"rows"`
}

// Any reports whether anything would be lost, or cannot be known.
func (l Loss) Any() bool { return len(l.Tables) > 0 || l.Unknown != "" }

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
	switch {
	case o.To != "":
		err = r.elsewhere(ctx)
	case m.Engine != s.engine():
		err = fault.New(fault.Conflict, "the backup %s is one of %s and DATABASE_URL names another kind: set it, or restore with --to DIR", id, m.Engine)
	case m.Engine == db.Postgres:
		err = r.postgres(ctx)
	default:
		err = r.sqlite(ctx)
	}
	return r.done, err
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
	r.done.To, r.done.Schema = home, r.m.Schema
	if err := errors.Join(r.blobs(ctx, store), store.Close()); err != nil {
		return err
	}
	return r.keys(ctx, c.KeyDir())
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

// keys brings back the sealed keys when a key was given that opens them. Those
// that are there and differ are kept beside, under another name.
func (r *restore) keys(ctx context.Context, dir string) error {
	if len(r.given) == 0 {
		return nil
	}
	f, err := r.place.open(ctx, path.Join(r.m.ID, keysFile))
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read from
	keys, err := unsealKeys(f, r.given[0])
	if err != nil {
		if _, none := errors.AsType[*age.NoIdentityMatchError](err); none && r.m.Encrypted {
			return nil // the key was for the database alone
		}
		return err
	}
	for name, text := range keys {
		there, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil && string(there) != string(text) {
			err = os.Rename(filepath.Join(dir, name), filepath.Join(dir, name+".before-"+r.stamp()))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	r.done.Keys = true
	return writeKeys(dir, keys)
}

func (r *restore) stamp() string { return r.Service.options.Now().UTC().Format(idTime) }

// weighed is how the present state is read: nil DB and nil cause when there is
// none, a cause when it cannot be read.
type weighed struct {
	live  *db.DB
	cause error
}

// consent tells what will be lost and stops when nobody agreed.
func (r *restore) consent(ctx context.Context, w weighed, copied *db.DB) error {
	loss := Loss{BackupID: r.m.ID, Created: r.m.Created, Minutes: int64(r.Service.options.Now().Sub(r.m.Created).Minutes()), Tables: []db.Difference{}}
	if w.live != nil {
		tables, err := db.Compare(ctx, w.live, copied)
		if w.cause = err; err != nil && ctx.Err() != nil {
			return err
		}
		loss.Tables = slices.DeleteFunc(tables, func(d db.Difference) bool { return slices.Contains(bookkeeping, d.Table) })
	}
	if w.cause != nil {
		loss.Unknown = "the present database cannot be read: " + w.cause.Error()
	}
	for _, d := range loss.Tables {
		loss.Rows += d.Added + d.Changed
	}
	if told := r.done.Loss; r.options.Announce != nil && (told.BackupID == "" || told.Rows != loss.Rows) {
		r.options.Announce(loss)
	}
	r.done.Loss = loss
	if loss.Any() && !r.options.AcceptLoss && !r.options.DryRun {
		return fault.New(fault.Conflict, "what is newer than %s would be lost; repeat with --accept-loss if that is right", r.m.ID)
	}
	return nil
}

// bookkeeping are the tables that tell of backups, not of boats: each backup
// is newer than its own copy.
var bookkeeping = []string{"backups", "blob_leases"}

// prepare brings a restored copy up to the present schema, tries it, and
// brings back its papers and keys.
func (r *restore) prepare(ctx context.Context, address string) error {
	d, err := db.Open(ctx, db.Options{URL: address, Now: r.Service.options.Now})
	if err != nil {
		return err
	}
	if err := errors.Join(r.Service.options.Migrate(ctx, d), d.Close()); err != nil {
		return err
	}
	if err := r.blobs(ctx, r.Service.options.Store); err != nil {
		return err
	}
	return r.keys(ctx, r.Service.options.Config.KeyDir())
}

// safety makes a backup of the state that goes.
func (r *restore) safety(ctx context.Context, live *db.DB) error {
	own, err := New(Options{
		Config: r.Service.options.Config, DB: live, Store: r.Service.options.Store, Release: r.Service.options.Release,
		Now: r.Service.options.Now, Log: r.Service.options.Log,
	})
	if err != nil {
		return err
	}
	made, err := own.Create(ctx, CreateOptions{Reason: "before the restore of " + r.m.ID})
	if err != nil && made.VerifiedAt == nil { // a missing paper, or a place that is away, does not stop us
		return fmt.Errorf("no backup of the present state: %w", err)
	}
	r.done.Safety = made.ID
	return nil
}

// syncFile brings a file that nobody writes to the platter.
func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0) // Windows syncs only what may be written
	if err != nil {
		return diskError(err)
	}
	return diskError(errors.Join(f.Sync(), f.Close()))
}

const restoringPrefix = ".restoring-"

// sqlite exchanges the database file.
func (r *restore) sqlite(ctx context.Context) error {
	live := r.Service.options.Config.Storage.Database
	if r.options.DryRun || !r.options.AcceptLoss {
		if err := r.preview(ctx, live); err != nil || r.options.DryRun {
			return err
		}
	}
	wait, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	alone, err := db.Exclude(wait, live)
	if err != nil {
		return err
	}
	return errors.Join(r.exchange(ctx, alone, live), alone.Close())
}

// preview weighs the loss while others may still be at work.
func (r *restore) preview(ctx context.Context, live string) error {
	dir, done, err := r.work(r.m.Database.Plain)
	if err != nil {
		return err
	}
	defer done()
	copied := filepath.Join(dir, "copy.db")
	if err := r.extract(ctx, r.m, copied); err != nil {
		return err
	}
	return r.weigh(ctx, live, copied, db.Open, nil)
}

// weigh tells the loss, and calls then, when it is given, with the present
// database if that can be read.
func (r *restore) weigh(ctx context.Context, live, copied string, open func(context.Context, db.Options) (*db.DB, error), then func(context.Context, *db.DB) error) error {
	var w weighed
	if exists(live) {
		if w.live, w.cause = open(ctx, db.Options{URL: live, Now: r.Service.options.Now}); w.cause == nil {
			defer w.live.Close() //nolint:errcheck // what was written to it has its own errors
		}
	}
	c, err := db.OpenCopy(ctx, copied)
	if err != nil {
		return err
	}
	if err := errors.Join(r.consent(ctx, w, c), c.Close()); err != nil || then == nil || w.live == nil || r.done.Loss.Unknown != "" {
		return err
	}
	return then(ctx, w.live)
}

// exchange prepares the restored database beside the present one, and puts it
// in its place.
func (r *restore) exchange(ctx context.Context, alone *db.Exclusive, live string) error {
	if err := sweepRestores(live, r.stamp()); err != nil {
		return err
	}
	work, err := os.MkdirTemp(filepath.Dir(live), restoringPrefix)
	if err != nil {
		return diskError(err)
	}
	coming, going := filepath.Join(work, "new"), filepath.Join(work, "before")
	if err := r.ready(ctx, alone, live, work, coming); err != nil {
		return errors.Join(err, os.RemoveAll(work))
	}
	if err := alone.Replace(coming, going); err != nil {
		return err
	}
	return r.cleared(live, work, going)
}

// ready does everything that can fail before the exchange.
func (r *restore) ready(ctx context.Context, alone *db.Exclusive, live, work, coming string) error {
	if err := os.Mkdir(coming, 0o700); err != nil {
		return diskError(err)
	}
	prepared := filepath.Join(coming, filepath.Base(live))
	if err := r.extract(ctx, r.m, prepared); err != nil {
		return err
	}
	if err := r.weigh(ctx, live, prepared, alone.Open, r.safety); err != nil {
		return err
	}
	if err := r.prepare(ctx, prepared); err != nil {
		return err
	}
	if err := r.smoke(ctx, prepared, filepath.Join(work, "try")); err != nil {
		return err
	}
	return syncFile(prepared) // nobody has it open now
}

// smoke tries a copy of the prepared database, for trying writes to it.
func (r *restore) smoke(ctx context.Context, prepared, home string) error {
	c := r.drillConfig(home)
	if err := r.furnish(c); err != nil {
		return err
	}
	d, err := db.Open(ctx, db.Options{URL: prepared})
	if err != nil {
		return err
	}
	if err := errors.Join(d.CopyInto(ctx, c.Storage.Database), d.Close()); err != nil {
		return err
	}
	return r.works(ctx, c)
}

// works tries a copy as a server.
func (r *restore) works(ctx context.Context, c config.Config) error {
	if err := r.Service.options.Smoke(ctx, c); err != nil {
		return fault.Because(err, fault.Unavailable, "the restored database does not work, and the present one stays: %s", err)
	}
	return nil
}

// cleared removes what is no longer needed; a state without a safety backup
// stays beside the database.
func (r *restore) cleared(live, work, going string) error {
	if r.done.Safety == "" && exists(filepath.Join(going, filepath.Base(live))) {
		r.done.Aside = live + ".before-" + r.stamp()
		if err := os.Rename(going, r.done.Aside); err != nil {
			return err
		}
	}
	return os.RemoveAll(work)
}

// sweepRestores clears what killed restores left; a database among it is kept
// beside the present one.
func sweepRestores(live, stamp string) error {
	left, err := filepath.Glob(filepath.Join(filepath.Dir(live), restoringPrefix+"*"))
	if err != nil {
		return err
	}
	for i, work := range left {
		going := filepath.Join(work, "before")
		if exists(filepath.Join(going, filepath.Base(live))) {
			if err := os.Rename(going, fmt.Sprintf("%s.before-%s-%d", live, stamp, i+1)); err != nil {
				return err
			}
		}
		if err := os.RemoveAll(work); err != nil {
			return err
		}
	}
	return nil
}

// postgres exchanges the database by renaming it and its successor in one
// transaction.
func (r *restore) postgres(ctx context.Context) error {
	dir, done, err := r.work(r.m.Database.Plain)
	if err != nil {
		return err
	}
	defer done()
	c := r.Service.options.Config
	c.Home = dir
	drop, err := r.bringDatabase(ctx, r.m, &c)
	if err != nil {
		return err
	}
	renamed := false
	defer func() {
		if !renamed {
			drop()
		}
	}()
	if err := r.weighPostgres(ctx, c.Storage.Database); err != nil || r.options.DryRun {
		return err
	}
	if err := r.prepare(ctx, c.Storage.Database); err != nil {
		return err
	}
	if err := r.smokePostgres(ctx, c.Storage.Database); err != nil {
		return err
	}
	err = r.rename(ctx, c.Storage.Database)
	renamed = err == nil
	return err
}

func (r *restore) weighPostgres(ctx context.Context, prepared string) error {
	live, err := db.Open(ctx, db.Options{URL: r.Service.options.Config.Storage.Database, Now: r.Service.options.Now})
	if err != nil {
		return err
	}
	defer live.Close() //nolint:errcheck // it was only read
	copied, err := db.Open(ctx, db.Options{URL: prepared})
	if err != nil {
		return err
	}
	err = r.consent(ctx, weighed{live: live}, copied)
	if err = errors.Join(err, copied.Close()); err != nil || r.options.DryRun {
		return err
	}
	others, err := db.One(ctx, live, db.Scalar[int], `SELECT count(*) FROM pg_stat_activity
		WHERE datname = current_database() AND backend_type = 'client backend' AND application_name <> $1`, db.Application())
	if err != nil {
		return err
	}
	if others > 0 {
		return fault.New(fault.Conflict, "%d other connections use the database: stop the server and every other navidocs command, then repeat", others)
	}
	print, err := db.SchemaPrint(ctx, live)
	if r.empty = print == ""; err != nil || r.empty {
		return err
	}
	return r.safety(ctx, live)
}

func (r *restore) smokePostgres(ctx context.Context, prepared string) error {
	home, done, err := r.work(r.m.Database.Plain)
	if err != nil {
		return err
	}
	defer done()
	c := r.drillConfig(home)
	if err := r.furnish(c); err != nil {
		return err
	}
	name := databaseName(prepared) + "_try"
	if err := r.admin(ctx, "CREATE DATABASE "+quoteName(name)+" TEMPLATE "+quoteName(databaseName(prepared))); err != nil {
		return err
	}
	defer r.drop(context.WithoutCancel(ctx), name) //nolint:errcheck // a scratch database
	if c.Storage.Database, err = otherDatabase(prepared, name); err != nil {
		return err
	}
	return r.works(ctx, c)
}

func (r *restore) rename(ctx context.Context, prepared string) error {
	name := databaseName(r.Service.options.Config.Storage.Database)
	before := name + "_before_" + strings.ReplaceAll(r.stamp(), "-", "_")
	err := r.admin(ctx, "ALTER DATABASE "+quoteName(name)+" RENAME TO "+quoteName(before),
		"ALTER DATABASE "+quoteName(databaseName(prepared))+" RENAME TO "+quoteName(name))
	if err != nil {
		return fault.Because(err, fault.Conflict, "the database cannot be exchanged: something still uses it, or its user may not rename databases")
	}
	if r.done.Safety == "" && !r.empty {
		r.done.Aside = before
		return nil
	}
	return r.drop(ctx, before)
}
