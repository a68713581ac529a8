// Package blob keeps the bytes of papers under the name of their SHA-256: the
// same bytes are kept once, and damage can always be told.
//
// A store knows nothing of owners. Which digests are still wanted, and when
// the others may go, is decided by the registry in the database.
package blob

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"iter"
	"regexp"
	"time"

	"navidocs/internal/fault"
)

// Store keeps bytes. Disk and S3 are stores. Errors are NotFound for a digest
// that is not there, Full when there is no room, Unavailable when the store
// does not answer.
type Store interface {
	// Put keeps what r gives until its end and returns its digest and size. It
	// may be called again, or at the same time, with the same bytes. After a
	// nil error the bytes survive a loss of power; after an error, be it of r
	// (returned as it is, wrapped) or of the store, nothing is kept.
	Put(ctx context.Context, r io.Reader) (Digest, int64, error)
	// Open returns the bytes for reading at any place; the caller closes it.
	Open(ctx context.Context, d Digest) (*Reader, error)
	// Stat tells what is known without reading.
	Stat(ctx context.Context, d Digest) (Info, error)
	// Delete removes the bytes; that they are not there is no error.
	Delete(ctx context.Context, d Digest) error
	// Walk lists everything that is kept, ordered by digest. An error ends it.
	Walk(ctx context.Context) iter.Seq2[Info, error]
	// Ping reports whether bytes could be kept and read now.
	Ping(ctx context.Context) error
}

// Digest names bytes: their SHA-256 in 64 lower-case hexadecimal digits.
type Digest string

// Info describes kept bytes.
type Info struct {
	Digest   Digest
	Size     int64
	Modified time.Time
}

// Reader reads kept bytes at any place. It is not safe for concurrent use,
// except for ReadAt.
type Reader struct {
	Info
	source
}

type source interface {
	io.ReadSeekCloser
	io.ReaderAt
}

// ErrDamaged is in the chain of what Verify returns for bytes that are not
// those that were put.
var ErrDamaged = errors.New("the content does not have its digest")

var digestForm = regexp.MustCompile(`^[0-9a-f]{64}$`)

// ParseDigest reads a digest from outside; the error is Invalid.
func ParseDigest(s string) (Digest, error) {
	if !digestForm.MatchString(s) {
		return "", fault.New(fault.Invalid, "a digest is 64 hexadecimal digits")
	}
	return Digest(s), nil
}

// path is the place of a digest: two levels of folders keep each one small.
func (d Digest) path() (string, error) {
	if !digestForm.MatchString(string(d)) { // never a path of somebody's making
		return "", fault.New(fault.Invalid, "a digest is 64 hexadecimal digits")
	}
	return string(d[:2] + "/" + d[2:4] + "/" + d), nil
}

func missing(d Digest) error {
	return fault.New(fault.NotFound, "the file %.12s is not in the store", string(d))
}

// Verify reads the bytes and compares them with their digest; ErrDamaged is in
// the chain when they differ.
func Verify(ctx context.Context, s Store, d Digest) (err error) {
	defer fault.Wrap(&err, "blob.Verify %.12s", string(d))
	r, err := s.Open(ctx, d)
	if err != nil {
		return err
	}
	defer r.Close() //nolint:errcheck // only read from
	got, n, err := hashCopy(ctx, io.Discard, r)
	if err != nil {
		return err
	}
	if got != d {
		return fault.Because(ErrDamaged, fault.Internal, "the stored file %.12s (%d bytes) is damaged; restore it from a backup", string(d), n)
	}
	return nil
}

// hashCopy copies all of r to w and names it. It stops when ctx ends.
func hashCopy(ctx context.Context, w io.Writer, r io.Reader) (Digest, int64, error) {
	hash := sha256.New()
	n, err := io.Copy(io.MultiWriter(hash, w), &contextReader{ctx, r})
	return Digest(hex.EncodeToString(hash.Sum(nil))), n, err
}

// contextReader ends with its context. It lives as long as one call, which is
// why it may hold one.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
