package archive

import (
	"errors"
	"io"
	"os"
	"sync"
	"syscall"

	"navidocs/internal/fault"
)

// Intake takes archives that come as streams: a ZIP is read from its end, so each
// lies in a file until it is closed. All together take at most so many bytes of
// the disk, whoever sends them. It is safe for several goroutines.
type Intake struct {
	dir   string
	limit int64

	mu   sync.Mutex // guards used
	used int64
}

// NewIntake keeps files in dir, which exists, of so many bytes in total.
func NewIntake(dir string, limit int64) *Intake { return &Intake{dir: dir, limit: limit} }

// Received is an archive that came. Its file has no name any more, so that
// nothing is left of it once it is closed, even by the end of the process.
type Received struct {
	file   *os.File
	intake *Intake
	size   int64
}

// Receive reads r to its end. TooLarge is an archive that is larger than all may
// be together (the setting is MAX_PACKAGE_MB), Unavailable one for which others
// that are being read leave no room just now, Full a disk without room; errors of
// r pass as they are. Close what it gives.
func (i *Intake) Receive(r io.Reader) (_ *Received, err error) {
	defer fault.Wrap(&err, "archive.Receive")
	file, err := os.CreateTemp(i.dir, "package-*")
	if err != nil {
		return nil, err
	}
	got := &Received{file: file, intake: i}
	if err = os.Remove(file.Name()); err == nil {
		_, err = io.CopyBuffer(got, struct{ io.Reader }{r}, make([]byte, chunk))
	}
	if err != nil {
		return nil, errors.Join(err, got.Close())
	}
	return got, nil
}

// Write implements io.Writer for Receive, which alone calls it.
func (r *Received) Write(p []byte) (int, error) {
	if err := r.reserve(int64(len(p))); err != nil {
		return 0, err
	}
	n, err := r.file.Write(p)
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		err = fault.Because(err, fault.Full, "the disk has no room for the package; free some and send it again")
	}
	return n, err
}

func (r *Received) reserve(n int64) error {
	i := r.intake
	i.mu.Lock()
	defer i.mu.Unlock()
	switch {
	case r.size+n > i.limit:
		return fault.New(fault.TooLarge, "the package is larger than %d MB, the limit set by MAX_PACKAGE_MB; navidocs package verify has none", i.limit>>20)
	case i.used+n > i.limit:
		return fault.New(fault.Unavailable, "other packages are being read and leave no room for this one: send it again in a minute").With("retry_after", 60)
	}
	i.used += n
	r.size += n
	return nil
}

// ReadAt implements io.ReaderAt.
func (r *Received) ReadAt(p []byte, off int64) (int, error) { return r.file.ReadAt(p, off) }

// Size is how many bytes came.
func (r *Received) Size() int64 { return r.size }

// Close gives the file's room back.
func (r *Received) Close() error {
	i := r.intake
	i.mu.Lock()
	i.used -= r.size
	i.mu.Unlock()
	return r.file.Close()
}
