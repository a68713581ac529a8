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
	"runtime"

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
	plainSum := sha256.New()
	plain, err := compress(sealed, io.TeeReader(&contextReader{ctx, r}, plainSum))
	if err := errors.Join(err, sealed.Close(), out.Flush(), f.Sync()); err != nil {
		return File{}, diskError(err)
	}
	info, err := f.Stat()
	if err != nil {
		return File{}, diskError(err)
	}
	return File{Name: name, Bytes: info.Size(), SHA256: hex.EncodeToString(sum.Sum(nil)), Plain: plain, PlainSHA256: hex.EncodeToString(plainSum.Sum(nil))}, nil
}

// frameSize is how much becomes one frame of Zstandard. Frames stand for
// themselves and follow each other in one file (RFC 8878, 3), so that they can
// be made side by side.
const frameSize = 4 << 20

// compress writes r as frames, made by all processors at once and written in
// their order, and returns the size of r.
func compress(w io.Writer, r io.Reader) (size int64, err error) {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(true), zstd.WithZeroFrames(true))
	if err != nil {
		return 0, err
	}
	defer z.Close() //nolint:errcheck // nothing is in it
	frames, written := make(chan chan []byte, runtime.GOMAXPROCS(0)), make(chan error, 1)
	go func() { written <- writeFrames(w, frames) }()
	for err == nil {
		part := make([]byte, frameSize)
		var n int
		n, err = io.ReadFull(r, part)
		if size += int64(n); n == 0 && size > 0 {
			break
		}
		frame := make(chan []byte, 1)
		go func() { frame <- z.EncodeAll(part[:n], nil) }()
		select {
		case frames <- frame:
		case err := <-written:
			return size, err
		}
	}
	close(frames)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return size, errors.Join(err, <-written)
}

func writeFrames(w io.Writer, frames <-chan chan []byte) error {
	for frame := range frames {
		if _, err := w.Write(<-frame); err != nil {
			return err
		}
	}
	return nil
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
