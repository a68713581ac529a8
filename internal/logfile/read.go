package logfile

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"navidocs/internal/fault"
)

// Query says which records are wanted.
type Query struct {
	Level slog.Level // and above
	// Since leaves out what is older; zero for nothing. A line without a time has
	// that of the one before it.
	Since time.Time
	// Grep is in the line, whatever its case; "" is in all.
	Grep string
	// Last is how many are wanted, the newest; 0 for all.
	Last int
}

// Matches says whether a record is wanted.
func (q Query) Matches(r Record) bool {
	return r.Level >= q.Level && (q.Since.IsZero() || !r.Time.Before(q.Since)) &&
		(q.Grep == "" || strings.Contains(strings.ToLower(r.Raw), strings.ToLower(q.Grep)))
}

// Read gives the records of a log and of the older files beside it, the oldest
// first. A log that is not there is NotFound.
func Read(path string, q Query, each func(Record) error) (err error) {
	defer fault.Wrap(&err, "read the log")
	t := &tail{q: q, each: each}
	f, err := t.begin(path)
	if f != nil {
		err = errors.Join(err, f.Close())
	}
	return err
}

// begin reads what is there, and returns the file that is written now, which may
// be none.
func (t *tail) begin(path string) (f *os.File, err error) {
	// Opened first: what is begun anew meanwhile is then the same file under
	// another name, and read once.
	if f, err = open(path); err != nil {
		return nil, err
	}
	files, err := older(path, t.q.Since, f)
	if err == nil && f == nil && len(files) == 0 {
		err = fault.New(fault.NotFound, "there is no log at %s", path)
	}
	for _, name := range files {
		if err == nil {
			err = t.readOlder(name)
		}
	}
	if err == nil && f != nil {
		err = t.read(f)
	}
	return f, errors.Join(err, t.tell())
}

// open opens a log, nil when there is none.
func open(path string) (*os.File, error) {
	f, err := os.Open(path) //nolint:forbidigo // in state/log
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return f, err
}

// older are the files that were begun anew, the oldest first, but for those that
// ended before a time. Their names tell their order.
func older(path string, since time.Time, now *os.File) ([]string, error) {
	var written os.FileInfo
	if now != nil {
		var err error
		if written, err = now.Stat(); err != nil {
			return nil, err
		}
	}
	extension := filepath.Ext(path)
	begin := strings.TrimSuffix(filepath.Base(path), extension) + "-"
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		plain := strings.TrimSuffix(e.Name(), ".gz")
		if !strings.HasPrefix(plain, begin) || filepath.Ext(plain) != extension {
			continue
		}
		// While one is compressed both are there.
		if plain != e.Name() && slices.ContainsFunc(entries, func(o fs.DirEntry) bool { return o.Name() == plain }) {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if !info.ModTime().Before(since) && !os.SameFile(info, written) {
			files = append(files, filepath.Join(filepath.Dir(path), e.Name()))
		}
	}
	slices.Sort(files)
	return files, nil
}

// readOlder reads a file that nobody writes any more.
func (t *tail) readOlder(path string) error {
	f, err := open(path)
	if err != nil || f == nil {
		return err // it was compressed or has gone meanwhile
	}
	defer f.Close() //nolint:errcheck // only read
	var from io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if from, err = gzip.NewReader(f); err != nil {
			return fault.Because(err, fault.Internal, "%s cannot be read: remove it", path)
		}
	}
	return errors.Join(t.read(from), t.line())
}

// tail makes records of lines, piece by piece.
type tail struct {
	q    Query
	each func(Record) error
	part []byte
	time time.Time // of the last line that had one
	last []Record  // the newest ones, while only those are wanted
}

// read takes what there is; a line that has not ended waits for its end.
func (t *tail) read(from io.Reader) error {
	in := bufio.NewReaderSize(from, longestLine)
	for {
		piece, err := in.ReadSlice('\n')
		t.part = append(t.part, piece[:min(len(piece), max(0, 2*longestLine-len(t.part)))]...)
		switch {
		case err == nil:
			if err := t.line(); err != nil {
				return err
			}
		case errors.Is(err, io.EOF):
			return nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return err
		}
	}
}

func (t *tail) line() error {
	text := strings.TrimSpace(string(t.part))
	t.part = t.part[:0]
	if text == "" {
		return nil
	}
	r := Parse(text)
	if r.Time.IsZero() {
		r.Time = t.time
	}
	t.time = r.Time
	switch {
	case !t.q.Matches(r):
		return nil
	case t.q.Last == 0:
		return t.each(r)
	}
	if t.last = append(t.last, r); len(t.last) >= 2*t.q.Last {
		t.last = slices.Delete(t.last, 0, len(t.last)-t.q.Last)
	}
	return nil
}

// tell gives the newest ones; from then on all are wanted.
func (t *tail) tell() error {
	last := t.last[max(0, len(t.last)-t.q.Last):]
	t.last, t.q.Last = nil, 0
	for _, r := range last {
		if err := t.each(r); err != nil {
			return err
		}
	}
	return nil
}

// Follow is Read, and then gives what is written, until ctx ends. It looks at
// every tick. A log that is not there yet is waited for.
func Follow(ctx context.Context, path string, q Query, tick <-chan time.Time, each func(Record) error) (err error) {
	defer fault.Wrap(&err, "follow the log")
	t := &tail{q: q, each: each}
	f, err := t.begin(path)
	if fault.Is(err, fault.NotFound) {
		err = nil
	}
	for err == nil {
		select {
		case <-ctx.Done():
			return closed(f)
		case <-tick:
		}
		if f != nil {
			err = t.read(f)
		}
		if err == nil {
			f, err = t.next(path, f)
		}
	}
	return errors.Join(err, closed(f))
}

// next is the file that is written now, when that is another one.
func (t *tail) next(path string, f *os.File) (*os.File, error) {
	fresh, err := open(path)
	if err != nil || fresh == nil {
		return f, err // between two
	}
	if f == nil {
		return fresh, t.read(fresh)
	}
	was, err := f.Stat()
	is, ferr := fresh.Stat()
	if err = errors.Join(err, ferr); err != nil || os.SameFile(was, is) {
		return f, errors.Join(err, fresh.Close())
	}
	err = errors.Join(t.read(f), t.line(), f.Close()) // what came since the last look
	if err != nil {
		return fresh, err
	}
	return fresh, t.read(fresh)
}

func closed(f *os.File) error {
	if f == nil {
		return nil
	}
	return f.Close()
}
