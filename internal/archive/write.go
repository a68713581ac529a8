package archive

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"io"
	"strings"
	"sync"
	"sync/atomic"

	"navidocs/internal/bundle"
	"navidocs/internal/fault"
)

// check reads every file, two at once, and gives their sizes and sums; one that is
// not what its SHA256 says is damaged. Of several errors it gives the one that the
// order of the files has first.
func check(ctx context.Context, files []File, tell *meter, damaged func(f File, have string) error) ([]entry, error) {
	entries, faults := make([]entry, len(files)), make([]error, len(files))
	var next atomic.Int64
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			buffer := make([]byte, chunk)
			for i := next.Add(1) - 1; i < int64(len(files)); i = next.Add(1) - 1 {
				if entries[i], faults[i] = files[i].check(ctx, buffer, tell, damaged); faults[i] != nil {
					next.Store(int64(len(files))) // hand out no more
				}
			}
		})
	}
	readers.Wait()
	for _, err := range faults {
		if err != nil {
			return nil, err
		}
	}
	return entries, nil
}

func (f File) check(ctx context.Context, buffer []byte, tell *meter, damaged func(f File, have string) error) (e entry, err error) {
	e.path = f.Path
	sum, crc := sha256.New(), crc32.NewIEEE()
	e.size, err = f.copy(ctx, io.MultiWriter(sum, crc), -1, buffer, tell)
	if err != nil {
		return e, err
	}
	sum.Sum(e.digest[:0])
	e.crc = crc.Sum32()
	if have := hex.EncodeToString(e.digest[:]); f.SHA256 != "" && !strings.EqualFold(f.SHA256, have) {
		return e, damaged(f, have)
	}
	tell.add(1, 0)
	return e, nil
}

// copy gives the file's bytes to w, at most one more than size unless that is
// negative, and says how many there were.
func (f File) copy(ctx context.Context, w io.Writer, size int64, buffer []byte, tell *meter) (n int64, err error) {
	r, err := f.Open(ctx)
	if err != nil {
		return 0, f.unreadable(ctx, err)
	}
	defer func() {
		if closed := r.Close(); closed != nil && err == nil {
			err = f.unreadable(ctx, closed)
		}
	}()
	from := io.Reader(r)
	if size >= 0 {
		from = io.LimitReader(r, size+1)
	}
	for {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		read, problem := from.Read(buffer)
		if _, err := w.Write(buffer[:read]); err != nil {
			return n, err
		}
		n += int64(read)
		tell.add(0, int64(read))
		switch {
		case errors.Is(problem, io.EOF):
			return n, nil
		case problem != nil:
			return n, f.unreadable(ctx, problem)
		}
	}
}

// unreadable names the file in the message, keeps the kind, and the message of
// what has one for users.
func (f File) unreadable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if e, ok := errors.AsType[*fault.Error](err); ok {
		return fault.Because(err, e.Kind, "the file %q cannot be read: %s", f.Path, e.Message)
	}
	return fault.Because(err, fault.Internal, "the file %q cannot be read", f.Path)
}

// writer writes the parts of an archive one after the other.
type writer struct {
	w       *bufio.Writer // gathers headers; what is larger passes through
	at      stamp
	tell    *meter
	buffer  []byte
	offset  int64
	entries []entry
}

func (z *writer) Write(p []byte) (int, error) {
	n, err := z.w.Write(p)
	z.offset += int64(n)
	return n, err
}

// file writes what was checked before, and notices when it is another by now.
func (z *writer) file(ctx context.Context, e entry, f File) error {
	e.offset = z.offset
	z.entries = append(z.entries, e)
	if _, err := z.Write(z.at.local(e)); err != nil {
		return err
	}
	crc := crc32.NewIEEE()
	n, err := f.copy(ctx, io.MultiWriter(z, crc), e.size, z.buffer, z.tell)
	switch {
	case err != nil:
		return err
	case n != e.size || crc.Sum32() != e.crc:
		return fault.Because(bundle.ErrDamaged, fault.Internal, "the file %q changed while the archive was written: write it again", e.path)
	}
	return nil
}

// own writes an entry that is not in the manifest.
func (z *writer) own(ctx context.Context, f File) error {
	quiet := &meter{}
	e, err := f.check(ctx, z.buffer, quiet, nil)
	if err != nil {
		return err
	}
	z.tell = quiet
	return z.file(ctx, e, f)
}

// close writes the directory.
func (z *writer) close() error {
	start := z.offset
	for _, e := range z.entries {
		if _, err := z.Write(z.at.directory(e)); err != nil {
			return err
		}
	}
	if _, err := z.Write(end(len(z.entries), start, z.offset-start)); err != nil {
		return err
	}
	return z.w.Flush()
}
