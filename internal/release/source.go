package release

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"navidocs/internal/fault"
)

// source is where the files of a release are read from, by their names.
type source struct {
	// open says fs.ErrNotExist of a file that is not there.
	open func(name string) (io.ReadCloser, error)
	// binary is the path of the program where it lies as a file.
	binary string
}

// openSource takes a folder, a .tar.gz of one, or a binary alone.
func openSource(from string) (source, error) {
	info, err := os.Stat(from)
	switch {
	case err != nil:
		return source{}, fault.Because(err, fault.NotFound, "%s is not there: give the folder, the .tar.gz or the binary of a release", from)
	case info.IsDir():
		return source{open: func(name string) (io.ReadCloser, error) { return os.Open(filepath.Join(from, name)) }, binary: filepath.Join(from, Binary)}, nil
	case strings.HasSuffix(from, ".tar.gz"), strings.HasSuffix(from, ".tgz"):
		return source{open: func(name string) (io.ReadCloser, error) { return openPacked(from, name) }}, nil
	}
	return source{open: func(name string) (io.ReadCloser, error) {
		if name != Binary {
			return nil, fs.ErrNotExist
		}
		return os.Open(from)
	}, binary: from}, nil
}

// small reads one of the files that are no binary, nothing when it is not there.
func (s source) small(name string) ([]byte, error) {
	f, err := s.open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, diskError(err)
	}
	defer f.Close() //nolint:errcheck // only read from
	return readLimited(f, name)
}

// packed is a file within an archive.
type packed struct {
	content io.Reader
	file    *os.File
}

func (p packed) Read(b []byte) (int, error) {
	n, err := p.content.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		err = notPacked(err)
	}
	return n, err
}

func (p packed) Close() error { return p.file.Close() }

// openPacked reads an archive up to a file, whatever folder that is in. Its own
// names are never used as such, so that none of them leads anywhere.
func openPacked(archive, name string) (_ io.ReadCloser, err error) {
	f, err := os.Open(archive)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, notPacked(err)
	}
	for t := tar.NewReader(io.LimitReader(z, 2*maxBinary)); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil, fs.ErrNotExist
		}
		if err != nil {
			return nil, notPacked(err)
		}
		if h.Typeflag == tar.TypeReg && path.Base(h.Name) == name {
			return packed{t, f}, nil
		}
	}
}

func notPacked(err error) error {
	return fault.Because(err, fault.Invalid, "the archive cannot be read: it is damaged, or no .tar.gz")
}
