package release

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"

	"navidocs/internal/fault"
)

// Limits of what is read: nobody knows yet who made it.
const (
	maxBinary = 1 << 30
	maxSmall  = 16 << 20 // manifest, signature, sbom, key
)

// readSmall reads a file that is no binary.
func readSmall(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, diskError(err)
	}
	defer f.Close() //nolint:errcheck // only read from
	return readLimited(f, name)
}

func readLimited(r io.Reader, name string) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxSmall+1))
	if err == nil && len(text) > maxSmall {
		err = fault.New(fault.TooLarge, "%s has more than %d MB", name, maxSmall>>20)
	}
	return text, diskError(err)
}

// writeNew writes a file that is not there yet, and brings it to the platter.
func writeNew(ctx context.Context, name string, text []byte, mode os.FileMode) error {
	_, _, err := copyNew(ctx, name, bytes.NewReader(text), mode)
	return err
}

// copyNew writes a file that is not there yet, brings it to the platter, and
// says what was written.
func copyNew(ctx context.Context, name string, from io.Reader, mode os.FileMode) (sum string, size int64, err error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return "", 0, diskError(err)
	}
	h := sha256.New()
	size, err = io.Copy(io.MultiWriter(f, h), &contextReader{ctx, io.LimitReader(from, maxBinary+1)})
	if err == nil && size > maxBinary {
		err = fault.New(fault.TooLarge, "the binary has more than %d MB", maxBinary>>20)
	}
	err = diskError(errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()))
	return hex.EncodeToString(h.Sum(nil)), size, err
}

// hash reads a file and says what it holds.
func hash(ctx context.Context, name string) (sum string, size int64, err error) {
	f, err := os.Open(name)
	if err != nil {
		return "", 0, diskError(err)
	}
	defer f.Close() //nolint:errcheck // only read from
	h := sha256.New()
	size, err = io.Copy(h, &contextReader{ctx, f})
	return hex.EncodeToString(h.Sum(nil)), size, diskError(err)
}

func sumOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
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

// strict reads JSON that has no member but those that are known.
func strict(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fault.Because(err, fault.Invalid, "the reports cannot be read: %s", err)
	}
	return nil
}

// diskError gives errors of the file system their kind.
func diskError(err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fault.Because(err, fault.Full, "the disk is full: free some room, or navidocs releases prune --keep 2")
	case errors.Is(err, fs.ErrExist):
		return fault.Because(err, fault.Conflict, "the file is there already")
	case errors.Is(err, fs.ErrNotExist):
		return fault.Because(err, fault.NotFound, "a file is not there")
	case errors.Is(err, fs.ErrPermission):
		return fault.Because(err, fault.Unavailable, "a file may not be used; correct its owner or permissions")
	}
	return err
}

// syncDir brings the entries of a folder to the platter.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return diskError(err)
	}
	err = f.Sync()
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	// Some network file systems and Windows know no sync of a folder.
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINVAL) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return diskError(err)
}
