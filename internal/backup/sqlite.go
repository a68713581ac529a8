package backup

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// databaseFile is the stored database, before the suffix of encryption.
const databaseFile = "db.zst"

// copySQLite copies the database as of one instant, and packs, checks and
// counts that copy: what the manifest says is what the backup holds.
func (c *creation) copySQLite(ctx context.Context) (found content, err error) {
	live := c.Service.options.DB
	newest, err := db.Newest(ctx, live, live)
	if err != nil {
		return found, err
	}
	size, err := live.Size(ctx)
	if err != nil {
		return found, err
	}
	dir, done, err := c.work(size)
	if err != nil {
		return found, err
	}
	defer done()
	plain := filepath.Join(dir, "plain.db")
	if err := live.CopyInto(ctx, plain); err != nil {
		return found, err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		f, err := os.Open(plain) // our copy: nobody has it open for writing
		if err != nil {
			return diskError(err)
		}
		defer f.Close() //nolint:errcheck // only read from
		c.manifest.Database, err = pack(ctx, c.dir, databaseFile, f, c.to)
		return err
	})
	group.Go(func() (err error) {
		copied, err := db.OpenCopy(ctx, plain)
		if err != nil {
			return err
		}
		found, err = c.inspect(ctx, copied, newest)
		return errors.Join(err, copied.Close())
	})
	return found, group.Wait()
}

// inspect demands that the copy is sound and holds what was acknowledged
// before it was taken, and reads what it holds. That every entry of an index
// agrees with its row is left to the drill, off the time that writers share.
func (c *creation) inspect(ctx context.Context, copied *db.DB, newest []db.RowKey) (content, error) {
	problems, err := copied.Check(ctx, true)
	if err != nil {
		return content{}, err
	}
	if len(problems) > 0 {
		return content{}, fault.New(fault.Internal, "the database is damaged (%s): navidocs doctor says more, navidocs backup restore brings a good one back", problems[0])
	}
	mark := db.RowKey{Table: "backups", Column: "id", Key: c.manifest.ID}
	for _, row := range append(newest, mark) {
		if err := c.holds(ctx, copied, row); err != nil {
			return content{}, err
		}
	}
	return read(ctx, copied, copied)
}

// holds demands a row in the copy, unless it was deleted meanwhile.
func (c *creation) holds(ctx context.Context, copied *db.DB, row db.RowKey) error {
	if there, err := db.Has(ctx, copied, row); err != nil || there {
		return err
	}
	still, err := db.Has(ctx, c.Service.options.DB, row)
	if err != nil || !still {
		return err
	}
	return fault.New(fault.Internal, "the copy of the database lacks the row %v of %s, which was there before it was taken", row.Key, row.Table)
}
