package backup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"navidocs/internal/db"
)

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
