package extract

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"golang.org/x/image/tiff"
)

const (
	// maxDirectories bounds the pages of one file.
	maxDirectories = 2000
	// maxEntries bounds one directory; a real one has about twenty.
	maxEntries = 4096
)

// Tags of a directory that matter here.
const (
	tagSubfileType = 254
	tagOrientation = 274
	tagXResolution = 282
	tagYResolution = 283
)

// tiffDocument is a file of one picture for each directory.
type tiffDocument struct {
	file        *os.File
	directories []directory
	tools       *tools
}

// directory is where one page is described and what was found there.
type directory struct {
	offset uint32
	shape  shape
}

func openTIFF(f *os.File, t *tools) (document, error) {
	directories, err := tiffDirectories(f)
	if err != nil {
		return nil, refuse(ReasonBroken, "%v", err)
	}
	return &tiffDocument{file: f, directories: directories, tools: t}, nil
}

func (d *tiffDocument) info() Info { return Info{Pages: len(d.directories)} }

func (d *tiffDocument) close() {}

func (d *tiffDocument) page(ctx context.Context, n int) (Page, error) {
	dir := d.directories[n-1]
	config, err := tiff.DecodeConfig(pageReader(d.file, dir.offset))
	if err != nil {
		return Page{}, tiffError(err)
	}
	if err := checkSize(config); err != nil {
		return Page{}, err
	}
	img, err := tiff.Decode(pageReader(d.file, dir.offset))
	if err != nil {
		return Page{}, tiffError(err)
	}
	return picturePage(ctx, img, dir.shape, d.tools)
}

func tiffError(err error) error {
	if _, ok := errors.AsType[tiff.UnsupportedError](err); ok {
		return refuse(ReasonUnsupported, "%v", err)
	}
	return refuse(ReasonBroken, "%v", err)
}

// pageReader shows the file as if the directory at offset were its first: the
// decoder knows no other.
func pageReader(f io.ReaderAt, offset uint32) io.Reader {
	return io.NewSectionReader(firstDirectory{f, offset}, 0, math.MaxInt64)
}

// firstDirectory replaces bytes 4 to 7 of a file.
type firstDirectory struct {
	file   io.ReaderAt
	offset uint32
}

// ReadAt reads the file and puts the offset where it belongs.
func (d firstDirectory) ReadAt(p []byte, off int64) (int, error) {
	n, err := d.file.ReadAt(p, off)
	const first, last = 4, 8
	if off >= last || off+int64(n) <= first {
		return n, err
	}
	var head [8]byte
	if _, err := d.file.ReadAt(head[:4], 0); err != nil {
		return 0, err
	}
	order, ok := byteOrder(head[:])
	if !ok {
		return n, err
	}
	order.PutUint32(head[first:], d.offset)
	for i := max(off, first); i < min(off+int64(n), last); i++ {
		p[i-off] = head[i]
	}
	return n, err
}

// tiffDirectories lists the pages of a file. A chain that breaks later keeps
// the pages before; one that turns back to itself ends there.
func tiffDirectories(f io.ReaderAt) ([]directory, error) {
	var head [8]byte
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return nil, err
	}
	order, ok := byteOrder(head[:])
	if !ok {
		return nil, errors.New("not a TIFF file")
	}
	var pages []directory
	seen := map[uint32]bool{}
	for at := order.Uint32(head[4:]); at != 0 && !seen[at] && len(seen) < maxDirectories; {
		seen[at] = true
		d, next, reduced, err := readDirectory(f, order, at)
		if err != nil && len(pages) == 0 {
			return nil, err
		}
		if err != nil {
			break
		}
		if !reduced {
			pages = append(pages, d)
		}
		at = next
	}
	if len(pages) == 0 {
		return nil, errors.New("no page in the file")
	}
	return pages, nil
}

// readDirectory reads one directory and where the next is; reduced says that
// it only holds a small copy of another.
func readDirectory(f io.ReaderAt, order binary.ByteOrder, at uint32) (d directory, next uint32, reduced bool, err error) {
	const entrySize = 12
	var count [2]byte
	if _, err := f.ReadAt(count[:], int64(at)); err != nil {
		return d, 0, false, err
	}
	n := int(order.Uint16(count[:]))
	if n == 0 || n > maxEntries {
		return d, 0, false, fmt.Errorf("directory of %d entries", n)
	}
	body := make([]byte, n*entrySize+4)
	if _, err := f.ReadAt(body, int64(at)+2); err != nil {
		return d, 0, false, err
	}
	d = directory{offset: at, shape: shape{orientation: 1, stretch: 1}}
	var x, y float64
	for _, e := range chunks(body, entrySize, n) {
		switch order.Uint16(e) {
		case tagSubfileType:
			reduced = order.Uint32(e[8:])&1 != 0
		case tagOrientation:
			d.shape.orientation = int(order.Uint16(e[8:]))
		case tagXResolution:
			x = rational(f, order, order.Uint32(e[8:]))
		case tagYResolution:
			y = rational(f, order, order.Uint32(e[8:]))
		}
	}
	// A fax has about half as many lines to the inch as dots.
	if stretch := x / y; stretch > 1.1 && stretch < 3 {
		d.shape.stretch = stretch
	}
	return d, order.Uint32(body[n*entrySize:]), reduced, nil
}

// rational reads a fraction; 0 when there is none.
func rational(f io.ReaderAt, order binary.ByteOrder, at uint32) float64 {
	var b [8]byte
	if _, err := f.ReadAt(b[:], int64(at)); err != nil {
		return 0
	}
	if order.Uint32(b[4:]) == 0 {
		return 0
	}
	return float64(order.Uint32(b[:])) / float64(order.Uint32(b[4:]))
}
