package blob

import (
	"context"
	"io"
	"os"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// grace is how long bytes without an owner stay: an upload may be between its
// bytes and its row, a backup between its list and its copies.
const grace = 24 * time.Hour

// Adopt records, in the transaction of the owner's row, that an owner needs
// the bytes.
func Adopt(ctx context.Context, tx *db.Tx, digest Digest, size int64, ownerKind, ownerID string) (err error) {
	defer fault.Wrap(&err, "blob.Adopt %.12s", string(digest))
	_, err = tx.Exec(ctx, `INSERT INTO blobs (digest, bytes, created_at) VALUES ($1, $2, $3)
		ON CONFLICT (digest) DO UPDATE SET unreferenced_at = NULL`, digest, size, db.Micros(tx.Now()))
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "INSERT INTO blob_refs (digest, owner_kind, owner_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", digest, ownerKind, ownerID)
	return err
}

// Release records that an owner needs nothing more.
func Release(ctx context.Context, tx *db.Tx, ownerKind, ownerID string) (err error) {
	defer fault.Wrap(&err, "blob.Release %s %s", ownerKind, ownerID)
	_, err = tx.Exec(ctx, `UPDATE blobs SET unreferenced_at = $1 WHERE digest IN
		(SELECT digest FROM blob_refs WHERE owner_kind = $2 AND owner_id = $3) AND NOT EXISTS
		(SELECT 1 FROM blob_refs o WHERE o.digest = blobs.digest AND NOT (o.owner_kind = $2 AND o.owner_id = $3))`,
		db.Micros(tx.Now()), ownerKind, ownerID)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "DELETE FROM blob_refs WHERE owner_kind = $1 AND owner_id = $2", ownerKind, ownerID)
	return err
}

// Lease keeps every blob where it is until the lease ends or is given up: a
// backup is copying them. The same id again prolongs it.
func Lease(ctx context.Context, tx *db.Tx, id string, length time.Duration) (err error) {
	defer fault.Wrap(&err, "blob.Lease")
	_, err = tx.Exec(ctx, `INSERT INTO blob_leases (id, ends_at) VALUES ($1, $2)
		ON CONFLICT (id) DO UPDATE SET ends_at = $2`, id, db.Micros(tx.Now().Add(length)))
	return err
}

// EndLease gives a lease up.
func EndLease(ctx context.Context, tx *db.Tx, id string) (err error) {
	defer fault.Wrap(&err, "blob.EndLease")
	_, err = tx.Exec(ctx, "DELETE FROM blob_leases WHERE id = $1 OR ends_at < $2", id, db.Micros(tx.Now()))
	return err
}

// Collect removes bytes that nobody has needed for a day: rows that lost their
// last owner, and files that never got one because a process died between the
// two. It returns how many it removed, and does nothing while there is a lease.
func Collect(ctx context.Context, d *db.DB, s Store) (n int, err error) {
	defer fault.Wrap(&err, "blob.Collect")
	before := d.Now().Add(-grace)
	for info, err := range s.Walk(ctx) {
		if err != nil {
			return n, err
		}
		if info.Modified.After(before) {
			continue
		}
		gone, err := forget(ctx, d, info.Digest, before)
		if err != nil {
			return n, err
		}
		if !gone {
			continue
		}
		if err := s.Delete(ctx, info.Digest); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// Discard removes at once, of some bytes, those that nobody needs any more. It is
// only for bytes that nobody else can be bringing at this moment, being random;
// for all others Collect waits a day. While there is a lease it does nothing, and
// Collect comes later.
func Discard(ctx context.Context, d *db.DB, s Store, digests []Digest) (err error) {
	defer fault.Wrap(&err, "blob.Discard")
	for _, digest := range digests {
		gone, err := forget(ctx, d, digest, d.Now())
		if err != nil {
			return err
		}
		if !gone {
			continue
		}
		if err := s.Delete(ctx, digest); err != nil {
			return err
		}
	}
	return nil
}

// forget removes the row of ownerless bytes and says whether no row is left.
func forget(ctx context.Context, d *db.DB, digest Digest, before time.Time) (gone bool, err error) {
	rows, err := db.One(ctx, d, db.Scalar[int], `SELECT count(*) FROM blobs WHERE digest = $1
		AND (unreferenced_at IS NULL OR unreferenced_at > $2)`, digest, db.Micros(before))
	if err != nil || rows > 0 {
		return false, err
	}
	err = d.Transact(ctx, func(tx *db.Tx) error {
		leases, err := db.One(ctx, tx, db.Scalar[int], "SELECT count(*) FROM blob_leases WHERE ends_at > $1", db.Micros(tx.Now()))
		if err != nil || leases > 0 {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM blobs WHERE digest = $1 AND unreferenced_at <= $2
			AND NOT EXISTS (SELECT 1 FROM blob_refs r WHERE r.digest = blobs.digest)`, digest, db.Micros(before))
		if err != nil {
			return err
		}
		left, err := db.One(ctx, tx, db.Scalar[int], "SELECT count(*) FROM blobs WHERE digest = $1", digest)
		gone = left == 0
		return err
	})
	return gone, err
}

// Path gives the bytes as a file that another process can open: the store's
// own where it keeps files, else a copy in tempDir. The caller must not write
// to it, and calls done when finished with it.
func Path(ctx context.Context, s Store, digest Digest, tempDir string) (name string, done func(), err error) {
	defer fault.Wrap(&err, "blob.Path %.12s", string(digest))
	if disk, ok := s.(*Disk); ok {
		name, err := disk.Name(digest)
		return name, func() {}, err
	}
	r, err := s.Open(ctx, digest)
	if err != nil {
		return "", nil, err
	}
	defer r.Close() //nolint:errcheck // only read from
	f, err := os.CreateTemp(tempDir, "blob-*")
	if err != nil {
		return "", nil, diskError(err)
	}
	remove := func() { _ = os.Remove(f.Name()) } // a leftover copy is swept with the folder
	if _, err := io.Copy(f, &contextReader{ctx, r}); err != nil {
		_ = f.Close() // the copy's error counts
		remove()
		return "", nil, diskError(err)
	}
	if err := f.Close(); err != nil {
		remove()
		return "", nil, diskError(err)
	}
	return f.Name(), remove, nil
}
