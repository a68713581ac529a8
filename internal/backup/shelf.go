package backup

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/minio/minio-go/v7"

	"navidocs/internal/blob"
	"navidocs/internal/fault"
)

// shelf is where backups lie: a folder, or a bucket. Names are relative, with
// slashes. Errors are NotFound for what is not there.
type shelf interface {
	// list gives the files below a folder by their names relative to it, with
	// their sizes; unless deep is set, only what lies directly in it, folders
	// with a slash at the end and the size 0. A folder that is not there is
	// empty.
	list(ctx context.Context, dir string, deep bool) (map[string]int64, error)
	open(ctx context.Context, name string) (io.ReadCloser, error)
	// put keeps the whole of r, or nothing.
	put(ctx context.Context, name string, r io.Reader, size int64) error
	// remove takes away a file, or a folder with everything below it.
	remove(ctx context.Context, name string) error
}

// openShelf opens a folder or s3://...; option is the setting it came from.
func openShelf(option, place string) (shelf, error) {
	if !strings.Contains(place, "://") {
		dir, err := filepath.Abs(place)
		return folder{dir}, err
	}
	client, bucketName, prefix, err := blob.DialS3(option, place)
	if err != nil {
		return nil, err
	}
	return bucket{client, bucketName, prefix}, nil
}

type folder struct{ dir string }

func (f folder) path(name string) string { return filepath.Join(f.dir, filepath.FromSlash(name)) }

func (f folder) list(ctx context.Context, dir string, deep bool) (map[string]int64, error) {
	root, out := f.path(dir), map[string]int64{}
	err := filepath.WalkDir(root, func(p string, entry fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if errors.Is(err, fs.ErrNotExist) || p == root {
			return ignoreAbsent(err)
		}
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if deep {
				return nil
			}
			out[filepath.ToSlash(name)+"/"] = 0
			return fs.SkipDir
		}
		info, err := entry.Info()
		if err == nil {
			out[filepath.ToSlash(name)] = info.Size()
		}
		return ignoreAbsent(err)
	})
	return out, diskError(err)
}

func ignoreAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (f folder) open(_ context.Context, name string) (io.ReadCloser, error) {
	file, err := os.Open(f.path(name))
	return file, diskError(err)
}

func (f folder) put(ctx context.Context, name string, r io.Reader, _ int64) error {
	target := f.path(name)
	if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
		return diskError(err)
	}
	// Hidden until it is whole and on the platter.
	file, err := os.CreateTemp(filepath.Dir(target), ".new-*")
	if err != nil {
		return diskError(err)
	}
	defer os.Remove(file.Name()) //nolint:errcheck // renamed or useless by then
	_, err = io.Copy(file, &contextReader{ctx, r})
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return diskError(err)
	}
	return diskError(errors.Join(os.Rename(file.Name(), target), syncDir(filepath.Dir(target))))
}

func (f folder) remove(_ context.Context, name string) error {
	return diskError(os.RemoveAll(f.path(name)))
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

// diskError gives errors of the file system their kind.
func diskError(err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fault.Because(err, fault.Full, "the disk of the backups is full: free some room, or prune with navidocs backup prune --keep 3")
	case errors.Is(err, fs.ErrNotExist):
		return fault.Because(err, fault.NotFound, "a file of the backup is not there")
	case errors.Is(err, fs.ErrPermission):
		return fault.Because(err, fault.Unavailable, "the folder of the backups may not be used; correct its owner or permissions")
	}
	return err
}

// syncDir brings the entries of a folder to the platter.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = f.Sync()
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	// Some network file systems and Windows know no sync of a folder.
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINVAL) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}

type bucket struct {
	client       *minio.Client
	name, prefix string
}

func (b bucket) key(name string) string { return path.Join(b.prefix, name) }

func (b bucket) list(ctx context.Context, dir string, deep bool) (map[string]int64, error) {
	prefix := b.key(dir)
	if prefix != "" {
		prefix += "/"
	}
	out := map[string]int64{}
	ctx, cancel := context.WithCancel(ctx) // ends the listing when it is left early
	defer cancel()
	for object := range b.client.ListObjects(ctx, b.name, minio.ListObjectsOptions{Prefix: prefix, Recursive: deep}) {
		if object.Err != nil {
			return nil, bucketError(object.Err)
		}
		out[strings.TrimPrefix(object.Key, prefix)] = object.Size
	}
	return out, nil
}

func (b bucket) open(ctx context.Context, name string) (io.ReadCloser, error) {
	object, err := b.client.GetObject(ctx, b.name, b.key(name), minio.GetObjectOptions{})
	if err != nil {
		return nil, bucketError(err)
	}
	if _, err := object.Stat(); err != nil { // the request is sent by the first use
		return nil, errors.Join(bucketError(err), object.Close())
	}
	return object, nil
}

func (b bucket) put(ctx context.Context, name string, r io.Reader, size int64) error {
	_, err := b.client.PutObject(ctx, b.name, b.key(name), r, size, minio.PutObjectOptions{PartSize: 16 << 20, ContentType: "application/octet-stream"})
	return bucketError(err)
}

func (b bucket) remove(ctx context.Context, name string) error {
	below, err := b.list(ctx, name, true)
	if err != nil {
		return err
	}
	for file := range below {
		if err := b.client.RemoveObject(ctx, b.name, b.key(name+"/"+file), minio.RemoveObjectOptions{}); err != nil {
			return bucketError(err)
		}
	}
	return bucketError(b.client.RemoveObject(ctx, b.name, b.key(name), minio.RemoveObjectOptions{}))
}

func bucketError(err error) error {
	if err == nil {
		return nil
	}
	switch minio.ToErrorResponse(err).Code {
	case minio.NoSuchKey, minio.NoSuchBucket:
		return fault.Because(err, fault.NotFound, "a file of the backup is not there")
	}
	return fault.Because(err, fault.Unavailable, "the bucket of the backups cannot be used")
}
