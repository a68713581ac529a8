package backup

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"

	"navidocs/internal/fault"
)

// pack compresses, and encrypts when there is anybody to encrypt to, all of r
// into a file that survives a loss of power.
func pack(ctx context.Context, dir, name string, r io.Reader, to []age.Recipient) (_ File, err error) {
	if len(to) > 0 {
		name += ageSuffix
	}
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return File{}, diskError(err)
	}
	defer func() { err = errors.Join(err, diskError(f.Close())) }()
	sum := sha256.New()
	out := bufio.NewWriterSize(io.MultiWriter(&synced{f: f}, sum), 1<<20)
	var sealed io.WriteCloser = nopCloser{out}
	if len(to) > 0 {
		if sealed, err = age.Encrypt(out, to...); err != nil {
			return File{}, err
		}
	}
	z, err := zstd.NewWriter(sealed, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(true))
	if err != nil {
		return File{}, err
	}
	plain, err := io.Copy(z, &contextReader{ctx, r})
	if err := errors.Join(err, z.Close(), sealed.Close(), out.Flush(), f.Sync()); err != nil {
		return File{}, diskError(err)
	}
	info, err := f.Stat()
	if err != nil {
		return File{}, diskError(err)
	}
	return File{Name: name, Bytes: info.Size(), SHA256: hex.EncodeToString(sum.Sum(nil)), Plain: plain}, nil
}

// synced brings what is written to the platter bit by bit: all of it at once
// would keep the disk, and thereby every commit of the database, waiting.
type synced struct {
	f     *os.File
	since int
}

const syncEvery = 4 << 20

func (s *synced) Write(p []byte) (int, error) {
	n, err := s.f.Write(p)
	if s.since += n; err == nil && s.since >= syncEvery {
		s.since, err = 0, s.f.Sync()
	}
	return n, err
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// errNoKey says that an encrypted file cannot be opened here.
var errNoKey = errors.New("no key opens it")

// unpack is the reverse of pack. errNoKey is in the chain when none of the
// identities opens it.
func unpack(r io.Reader, encrypted bool, with []age.Identity) (io.ReadCloser, error) {
	r = bufio.NewReaderSize(r, 1<<20)
	if encrypted {
		opened, err := decrypting(r, with)
		if err != nil {
			return nil, err
		}
		r = opened
	}
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(2), zstd.WithDecoderMaxWindow(128<<20))
	if err != nil {
		return nil, err
	}
	return z.IOReadCloser(), nil
}

func decrypting(r io.Reader, with []age.Identity) (io.Reader, error) {
	if len(with) == 0 {
		return nil, noKey(errNoKey)
	}
	opened, err := age.Decrypt(r, with...)
	if _, none := errors.AsType[*age.NoIdentityMatchError](err); none {
		return nil, noKey(errors.Join(errNoKey, err))
	}
	return opened, err
}

func noKey(cause error) error {
	return fault.Because(cause, fault.Conflict, "the backup is encrypted and no key here opens it: give --identity FILE, with the recovery key or that of BACKUP_RECIPIENT")
}
