package blob

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"syscall"
	"time"

	"navidocs/internal/fault"
)

var _ Store = (*Disk)(nil)

// Disk keeps bytes in a folder, ab/cd/<digest>; what is still being written is
// in tmp. Every path is resolved inside the folder by the system.
type Disk struct {
	root *os.Root
	// through is put before each file that is written, to fail in tests.
	through func(io.Writer) io.Writer
}

const tmpDir = "tmp"

// OpenDisk opens the folder and makes it when it is not there.
func OpenDisk(dir string) (_ *Disk, err error) {
	defer fault.Wrap(&err, "blob.OpenDisk")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, diskError(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, diskError(err)
	}
	if err := root.Mkdir(tmpDir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, errors.Join(diskError(err), root.Close())
	}
	return &Disk{root: root, through: func(w io.Writer) io.Writer { return w }}, nil
}

// Close lets go of the folder.
func (d *Disk) Close() error { return d.root.Close() }

// Put implements Store: a whole file in tmp, on the platter, then renamed, then
// the folder's entry on the platter. Bytes that are there already with the same
// size are kept; with another size they are damaged, and replaced.
func (d *Disk) Put(ctx context.Context, r io.Reader) (_ Digest, _ int64, err error) {
	defer fault.Wrap(&err, "blob.Disk.Put")
	tmp := path.Join(tmpDir, rand.Text())
	digest, size, err := d.write(ctx, tmp, r)
	if err == nil {
		err = d.place(tmp, digest, size)
	}
	if err != nil {
		_ = d.root.Remove(tmp) // what caused err counts
		return "", 0, err
	}
	return digest, size, nil
}

// write makes a file that survives a loss of power, though not yet its name.
func (d *Disk) write(ctx context.Context, name string, r io.Reader) (_ Digest, _ int64, err error) {
	f, err := d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", 0, diskError(err)
	}
	defer func() {
		if cerr := f.Close(); err == nil && cerr != nil {
			err = diskError(cerr)
		}
	}()
	digest, size, err := hashCopy(ctx, d.through(f), r)
	if err != nil {
		return "", 0, diskError(err)
	}
	return digest, size, diskError(f.Sync())
}

// place moves a written file to the name of its digest.
func (d *Disk) place(tmp string, digest Digest, size int64) error {
	name, err := digest.path()
	if err != nil {
		return err
	}
	folder := path.Dir(name)
	if there, err := d.root.Stat(name); err == nil && there.Size() == size {
		// The collection of ownerless bytes goes by age: these are wanted again.
		if fresh, err := d.root.Stat(tmp); err == nil {
			if err := d.root.Chtimes(name, fresh.ModTime(), fresh.ModTime()); err != nil {
				return diskError(err)
			}
		}
		if err := d.root.Remove(tmp); err != nil {
			return diskError(err)
		}
		return d.sync(folder) // another Put may not have come to this yet
	}
	if err := d.root.MkdirAll(folder, 0o700); err != nil {
		return diskError(err)
	}
	if err := d.root.Rename(tmp, name); err != nil {
		return diskError(err)
	}
	return d.sync(folder, path.Dir(folder), ".")
}

// sync brings the entries of folders to the platter.
func (d *Disk) sync(folders ...string) error {
	for _, folder := range folders {
		f, err := d.root.Open(folder)
		if err != nil {
			return diskError(err)
		}
		err = f.Sync()
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		// Some network file systems and Windows know no sync of a folder.
		if err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, fs.ErrPermission) {
			return diskError(err)
		}
	}
	return nil
}

// Open implements Store.
func (d *Disk) Open(ctx context.Context, digest Digest) (_ *Reader, err error) {
	defer fault.Wrap(&err, "blob.Disk.Open")
	name, err := digest.path()
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, err := d.root.Open(name)
	if err != nil {
		return nil, absent(err, digest)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(diskError(err), f.Close())
	}
	return &Reader{Info{digest, info.Size(), info.ModTime()}, f}, nil
}

// Stat implements Store.
func (d *Disk) Stat(_ context.Context, digest Digest) (_ Info, err error) {
	defer fault.Wrap(&err, "blob.Disk.Stat")
	name, err := digest.path()
	if err != nil {
		return Info{}, err
	}
	info, err := d.root.Stat(name)
	if err != nil {
		return Info{}, absent(err, digest)
	}
	return Info{digest, info.Size(), info.ModTime()}, nil
}

// Delete implements Store.
func (d *Disk) Delete(_ context.Context, digest Digest) (err error) {
	defer fault.Wrap(&err, "blob.Disk.Delete")
	name, err := digest.path()
	if err != nil {
		return err
	}
	if err := d.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return diskError(err)
	}
	return nil
}

// Walk implements Store. Files that are no blobs are passed over.
func (d *Disk) Walk(ctx context.Context) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		visit := func(name string, entry fs.DirEntry, err error) error {
			switch {
			case err == nil && ctx.Err() != nil:
				err = ctx.Err()
			case errors.Is(err, fs.ErrNotExist): // deleted meanwhile
				return nil
			case err == nil && name == tmpDir:
				return fs.SkipDir
			}
			if err != nil {
				return err
			}
			digest := Digest(entry.Name())
			if place, _ := digest.path(); place != name {
				return nil
			}
			info, err := entry.Info()
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			if !yield(Info{digest, info.Size(), info.ModTime()}, nil) {
				return fs.SkipAll
			}
			return nil
		}
		if err := fs.WalkDir(d.root.FS(), ".", visit); err != nil {
			err = diskError(err)
			fault.Wrap(&err, "blob.Disk.Walk")
			yield(Info{}, err)
		}
	}
}

// pingSize is more than a file system puts beside a file's name: an empty file,
// or one of a few bytes, can be made on a full disk.
const pingSize = 16 << 10

// Ping implements Store by writing a file to the platter and removing it: Full
// when there is no room.
func (d *Disk) Ping(ctx context.Context) (err error) {
	defer fault.Wrap(&err, "blob.Disk.Ping")
	name := path.Join(tmpDir, rand.Text())
	_, _, err = d.write(ctx, name, bytes.NewReader(make([]byte, pingSize)))
	if rerr := d.root.Remove(name); err == nil {
		err = diskError(rerr)
	}
	return err
}

// Sweep removes what puts left in tmp when they were killed, as far as it was
// last written before the time given, and returns how many files it removed.
func (d *Disk) Sweep(before time.Time) (n int, err error) {
	defer fault.Wrap(&err, "blob.Disk.Sweep")
	entries, err := fs.ReadDir(d.root.FS(), tmpDir)
	if err != nil {
		return 0, diskError(err)
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || !info.ModTime().Before(before) {
			continue // in use, or finished meanwhile
		}
		if err := d.root.Remove(path.Join(tmpDir, entry.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return n, diskError(err)
		}
		n++
	}
	return n, nil
}

func absent(err error, digest Digest) error {
	if errors.Is(err, fs.ErrNotExist) {
		return missing(digest)
	}
	return diskError(err)
}

// diskError gives errors of the file system their kind; those of a reader that
// was being copied, and nil, pass as they are.
func diskError(err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fault.Because(err, fault.Full, "the disk that keeps files is full; free some room or choose another folder (BLOB_URL)")
	case errors.Is(err, fs.ErrPermission):
		return fault.Because(err, fault.Unavailable, "the folder of the files may not be used; correct its owner or permissions")
	}
	return err
}

// Name is the path of kept bytes for another process to read.
func (d *Disk) Name(digest Digest) (string, error) {
	name, err := digest.path()
	if err != nil {
		return "", err
	}
	if _, err := d.root.Stat(name); err != nil {
		return "", absent(err, digest)
	}
	return filepath.Join(d.root.Name(), name), nil
}
