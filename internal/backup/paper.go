package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"filippo.io/age"

	"navidocs/internal/blob"
	"navidocs/internal/db"
	"navidocs/internal/fault"
)

const selectBlobs = "SELECT digest, bytes FROM blobs ORDER BY digest"

func scanBlobLine(r db.Row) (l blobLine, err error) {
	err = r.Scan(&l.digest, &l.size)
	return l, err
}

// blobs copies the papers that the shelf does not have yet.
func (c *creation) blobs(ctx context.Context) error {
	have, err := c.local.list(ctx, blobDir, true)
	if err != nil {
		return err
	}
	c.manifest.Missing = []blob.Digest{}
	kept := c.all[:0]
	for i, line := range c.all {
		if i%100 == 99 {
			if err := c.prolong(ctx); err != nil {
				return err
			}
		}
		if size, ok := have[line.key(c.manifest.Encrypted)]; !ok || size < line.size {
			err := c.putBlob(ctx, line)
			if fault.Is(err, fault.NotFound) || errors.Is(err, blob.ErrDamaged) {
				c.manifest.Missing = append(c.manifest.Missing, line.digest)
				continue
			}
			if err != nil {
				return err
			}
			c.fresh = append(c.fresh, line)
		}
		kept = append(kept, line)
		c.manifest.BlobBytes += line.size
	}
	c.all, c.manifest.Blobs = kept, len(kept)
	return nil
}

func (c *creation) prolong(ctx context.Context) error {
	return c.Service.options.DB.Transact(ctx, func(tx *db.Tx) error { return blob.Lease(ctx, tx, c.manifest.ID, lease) })
}

func (c *creation) putBlob(ctx context.Context, line blobLine) error {
	r, err := c.Service.options.Store.Open(ctx, line.digest)
	if err != nil {
		return err
	}
	defer r.Close() //nolint:errcheck // only read from
	sum := &hashed{r: r, want: string(line.digest)}
	if !c.manifest.Encrypted {
		return c.local.put(ctx, line.name(false), sum, line.size)
	}
	return c.local.put(ctx, line.name(true), encrypting(sum, c.to), -1)
}

// hashed reads to the end only when the bytes have their digest.
type hashed struct {
	r    io.Reader
	want string
	hash hash.Hash
}

func (h *hashed) Read(p []byte) (int, error) {
	if h.hash == nil {
		h.hash = sha256.New()
	}
	n, err := h.r.Read(p)
	h.hash.Write(p[:n])
	if errors.Is(err, io.EOF) {
		if got := hex.EncodeToString(h.hash.Sum(nil)); got != h.want {
			return n, fmt.Errorf("%.12s: %w", h.want, blob.ErrDamaged)
		}
	}
	return n, err
}

// encrypting is r, encrypted while it is read.
func encrypting(r io.Reader, to []age.Recipient) io.Reader {
	out, in := io.Pipe()
	go func() {
		w, err := age.Encrypt(in, to...)
		if err == nil {
			_, err = io.Copy(w, r)
		}
		if err == nil {
			err = w.Close()
		}
		in.CloseWithError(err) // nil means the end
	}()
	return out
}
