package db

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"

	"navidocs/internal/fault"
)

// Every process that has a SQLite database open holds a shared lock on the
// file <database>.lock. Whoever holds it alone may move the database's files.

const (
	lockSuffix = ".lock"
	swapSuffix = ".swap"
)

// enter takes the shared lock, after settling a replacement that a killed
// process left half done.
func enter(ctx context.Context, path string) (*flock.Flock, error) {
	if err := settle(path); err != nil {
		return nil, err
	}
	l := flock.New(path + lockSuffix)
	wait, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if ok, err := l.TryRLockContext(wait, 20*time.Millisecond); err != nil || !ok {
		return nil, errors.Join(busy(path, err), l.Close())
	}
	if _, err := os.Lstat(path + swapSuffix); err == nil { // one was killed while we waited
		return nil, errors.Join(busy(path, nil), l.Close())
	}
	return l, nil
}

func busy(path string, cause error) error {
	return fault.Because(cause, fault.Unavailable, "the database %s is being replaced by a restore; try again when that has ended", path)
}

// step is called before each change on disk that a replacement makes; tests put
// a kill there.
var step = func() {} //nolint:gochecknoglobals // tests alone set it

// Exclusive is the right to move the files of a SQLite database.
type Exclusive struct {
	path string
	lock *flock.Flock
}

// Exclude waits until no process has the SQLite database open and keeps them
// out until Close. A Conflict when ctx ends first.
func Exclude(ctx context.Context, path string) (_ *Exclusive, err error) {
	defer fault.Wrap(&err, "exclude others from %s", path)
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	l := flock.New(path + lockSuffix)
	if ok, err := l.TryLockContext(ctx, 20*time.Millisecond); err != nil || !ok {
		if ctx.Err() != nil {
			err = nil // it says no more than the message
		}
		return nil, errors.Join(fault.Because(err, fault.Conflict,
			"the database %s is in use: stop the server and every other navidocs command, then repeat", path), l.Close())
	}
	e := &Exclusive{path: path, lock: l}
	if err := e.settle(); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// Open opens the database for the holder of the right; close it before Replace.
func (e *Exclusive) Open(ctx context.Context, o Options) (_ *DB, err error) {
	defer fault.Wrap(&err, "open database")
	o.URL = e.path
	return openFile(ctx, e.path, nil, o)
}

// Close lets others in again.
func (e *Exclusive) Close() error { return e.lock.Close() }

// swap is the note of a replacement in hand.
type swap struct {
	// From holds the files that come, To takes those that go; both are folders
	// on the database's file system.
	From string `json:"from"`
	To   string `json:"to"`
}

// Replace moves the database's files into the folder to, and those of the same
// name in the folder from into their place. Everything is a rename; a kill or
// a loss of power in between is settled by whoever opens the database next:
// either all has happened or nothing.
func (e *Exclusive) Replace(from, to string) (err error) {
	defer fault.Wrap(&err, "replace %s", e.path)
	base := filepath.Base(e.path)
	if _, err := os.Lstat(filepath.Join(from, base)); err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	if there, err := os.ReadDir(to); err != nil || len(there) > 0 {
		return errors.Join(err, fault.New(fault.Conflict, "the folder %s is not empty", to))
	}
	step()
	note, err := json.Marshal(swap{From: from, To: to})
	if err != nil {
		return err
	}
	if err := writeFile(e.path+swapSuffix, note); err != nil {
		return err
	}
	err = e.move(e.dir(), to, mainLast)
	if err == nil {
		err = e.move(from, e.dir(), mainLast)
	}
	if err == nil {
		err = syncDirs(to, from, e.dir())
	}
	return errors.Join(err, e.settle())
}

func (e *Exclusive) dir() string { return filepath.Dir(e.path) }

// The orders in which a database's files move. Forward the main file goes last:
// it tells that all have moved. Back it goes first: while it is not in place,
// what lies there came ahead of the new one.
const (
	mainLast  = false
	mainFirst = true
)

// move renames the database's files that are there.
func (e *Exclusive) move(from, to string, first bool) error {
	suffixes := []string{"-shm", "-wal", ""}
	if first {
		slices.Reverse(suffixes)
	}
	for _, suffix := range suffixes {
		name := filepath.Base(e.path) + suffix
		step()
		if err := os.Rename(filepath.Join(from, name), filepath.Join(to, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// settle ends a replacement: forward when the new database has come, else back.
func (e *Exclusive) settle() error {
	text, err := os.ReadFile(e.path + swapSuffix) //nolint:forbidigo // our note, none of SQLite's files
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var s swap
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		return fault.Because(err, fault.Internal, "%s cannot be read: it tells which files belong to the database", e.path+swapSuffix)
	}
	base := filepath.Base(e.path)
	if _, err := os.Lstat(filepath.Join(s.From, base)); err == nil { // not arrived
		if err := e.back(s); err != nil {
			return err
		}
	}
	step()
	if err := os.Remove(e.path + swapSuffix); err != nil {
		return err
	}
	return syncDirs(e.dir())
}

// back undoes the moves that were made. While the old main file is in place
// nothing has come yet, and what moved ahead of it goes back to its side.
func (e *Exclusive) back(s swap) error {
	if _, err := os.Lstat(e.path); errors.Is(err, fs.ErrNotExist) {
		if err := e.move(e.dir(), s.From, mainLast); err != nil { // a -wal that came ahead
			return err
		}
	}
	if err := e.move(s.To, e.dir(), mainFirst); err != nil {
		return err
	}
	return syncDirs(s.From, s.To, e.dir())
}

// settle is for those who open: it needs the lock only when there is something
// to settle.
func settle(path string) error {
	if _, err := os.Lstat(path + swapSuffix); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	l := flock.New(path + lockSuffix)
	if ok, err := l.TryLock(); err != nil || !ok {
		return errors.Join(busy(path, err), l.Close()) // the restore that wrote it still lives
	}
	e := &Exclusive{path: path, lock: l}
	return errors.Join(e.settle(), e.Close())
}

// writeFile makes a small file that is there whole, and on the platter, or not
// at all.
func writeFile(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // renamed or useless by then
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return errors.Join(os.Rename(f.Name(), path), syncDirs(filepath.Dir(path)))
}

// syncDirs brings the entries of folders to the platter.
func syncDirs(dirs ...string) error {
	for _, dir := range dirs {
		f, err := os.Open(dir) //nolint:forbidigo // a folder
		if err != nil {
			return err
		}
		err = f.Sync()
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, fs.ErrInvalid) {
			return err
		}
	}
	return nil
}
