package archive

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"unicode/utf8"

	"navidocs/internal/bundle"
	"navidocs/internal/fault"
)

const (
	maxPath  = 400 // bytes; what is too long for bundle is refused with its name
	maxExtra = 64  // bytes of extra fields, of which ours take 28
	maxOwn   = 2   // manifest.json and manifest.sig
)

// refuse says what is wrong with an archive, and which file or entry it is.
func refuse(file, format string, args ...any) error {
	return fault.New(fault.Invalid, format, args...).With("file", file)
}

// FileOf is the file or entry of the archive that an error of this package is
// about; "" when it is about none.
func FileOf(err error) string {
	if e, ok := errors.AsType[*fault.Error](err); ok {
		file, _ := e.Details["file"].(string)
		return file
	}
	return ""
}

// source is where an archive is read from.
type source struct {
	io.ReaderAt
	size int64
}

// at reads n bytes, of which the caller knows that they are few.
func (s source) at(offset int64, n int) ([]byte, error) {
	if offset < 0 || offset > s.size-int64(n) {
		return nil, refuse("", "the archive is cut off: it has no %d bytes at %d", n, offset)
	}
	b := make([]byte, n)
	if got, err := s.ReadAt(b, offset); got < n {
		return nil, torn(err)
	}
	return b, nil
}

// torn is a source that is shorter than its size.
func torn(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return refuse("", "the archive is cut off")
	}
	return err
}

// numbers takes little-endian numbers off a header.
type numbers []byte

func (n *numbers) take16() uint16 {
	v := binary.LittleEndian.Uint16(*n)
	*n = (*n)[2:]
	return v
}

func (n *numbers) take32() uint32 {
	v := binary.LittleEndian.Uint32(*n)
	*n = (*n)[4:]
	return v
}

func (n *numbers) take64() uint64 {
	v := binary.LittleEndian.Uint64(*n)
	*n = (*n)[8:]
	return v
}

// directory is what the end of an archive says of its central directory.
type directory struct{ entries, start, size uint64 }

// directory reads the end of the archive. What it gives fits into the archive.
func (s source) directory() (d directory, err error) {
	b, err := s.at(s.size-endLength, endLength)
	if err != nil {
		return d, err
	}
	n := numbers(b)
	if n.take32() != endMagic {
		return d, refuse("", "this is no archive of NaviDocs, or bytes were cut off or added at its end: a ZIP without a comment ends otherwise")
	}
	disks := n.take32()
	here := uint64(n.take16())
	d = directory{entries: uint64(n.take16()), size: uint64(n.take32()), start: uint64(n.take32())}
	if n.take16() != 0 {
		return d, refuse("", "the archive has a comment")
	}
	behind := s.size - endLength // the directory
	if d.entries == math.MaxUint16 || d.size == math.MaxUint32 || d.start == math.MaxUint32 {
		behind -= locatorLength + end64Length
		if here, disks, err = s.directory64(&d, behind); err != nil {
			return d, err
		}
	}
	switch {
	case disks != 0 || here != d.entries:
		return d, refuse("", "the archive is a part of several disks, or its numbers of entries disagree")
	case d.entries > maxFiles+maxOwn:
		return d, refuse("", "the archive says that it has %d entries, more than %d", d.entries, maxFiles+maxOwn)
	case d.start > uint64(behind) || d.size != uint64(behind)-d.start:
		return d, refuse("", "the directory does not lie where the archive's end says: bytes were added or taken")
	}
	return d, nil
}

// directory64 reads the Zip64 end, which begins behind the directory.
func (s source) directory64(d *directory, behind int64) (here uint64, disks uint32, err error) {
	b, err := s.at(behind, end64Length+locatorLength)
	if err != nil {
		return 0, 0, err
	}
	n := numbers(b)
	bad := n.take32() != end64Magic || n.take64() != end64Length-12
	n.take32() // versions: compared when the archive is rebuilt
	disks = n.take32()
	disks |= n.take32()
	here = n.take64()
	*d = directory{entries: n.take64(), size: n.take64(), start: n.take64()}
	bad = n.take32() != locatorMagic || bad
	disks |= n.take32()
	bad = n.take64() != uint64(behind) || bad
	if disk := n.take32(); bad || disk != 1 {
		return 0, 0, refuse("", "the Zip64 end of the archive is damaged")
	}
	return here, disks, nil
}

// header is what a local header or one of the directory says of an entry.
type header struct {
	path          string
	flags, method uint16
	crc           uint32
	packed, size  uint64
	attributes    uint32
	offset        uint64
	length        int64 // of the header itself
}

// common is the part that both headers have; the lengths of name and extra fields
// follow.
func (h *header) common(n *numbers) (name, extra int) {
	n.take16() // version: compared when the archive is rebuilt
	h.flags, h.method = n.take16(), n.take16()
	n.take32() // time
	h.crc = n.take32()
	h.packed, h.size = uint64(n.take32()), uint64(n.take32())
	return int(n.take16()), int(n.take16())
}

// rest takes the name and the extra fields, of which Zip64's is the one that is
// read; large are the numbers it may hold.
func (h *header) rest(b []byte, name int, large ...*uint64) error {
	h.path = string(b[:name])
	h.length += int64(len(b))
	extra := numbers(b[name:])
	for len(extra) > 0 {
		if len(extra) < 4 {
			return refuse(h.path, "the extra fields of %q are cut off", h.path)
		}
		id, length := extra.take16(), int(extra.take16())
		if length > len(extra) {
			return refuse(h.path, "the extra fields of %q are cut off", h.path)
		}
		field := extra[:length]
		extra = extra[length:]
		for i := 0; id == zip64ID && i < len(large); i++ {
			if *large[i] == math.MaxUint32 && len(field) >= 8 {
				*large[i] = field.take64()
			}
		}
	}
	return nil
}

// local reads the header before an entry's bytes.
func (s source) local(offset int64) (h header, err error) {
	b, err := s.at(offset, localLength)
	if err != nil {
		return h, err
	}
	n := numbers(b)
	magic := n.take32()
	name, extra := h.common(&n)
	if magic != localMagic || name > maxPath || extra > maxExtra {
		return h, refuse("", "there is no header of an entry at byte %d, where the directory says one is", offset)
	}
	if b, err = s.at(offset+localLength, name+extra); err != nil {
		return h, err
	}
	h.length = localLength
	return h, h.rest(b, name, &h.size, &h.packed)
}

// next reads the next header of the directory.
func next(r io.Reader, index int) (h header, err error) {
	b := make([]byte, directoryLength)
	if _, err := io.ReadFull(r, b); err != nil {
		return h, torn(err)
	}
	n := numbers(b)
	magic := n.take32()
	n.take16() // version
	name, extra := h.common(&n)
	comment, disk := n.take16(), n.take16()
	n.take16() // internal attributes
	h.attributes = n.take32()
	h.offset = uint64(n.take32())
	switch {
	case magic != directoryMagic:
		return h, refuse("", "entry %d of the directory is damaged", index+1)
	case comment != 0 || disk != 0:
		return h, refuse("", "entry %d of the directory has a comment or lies on another disk", index+1)
	case name > maxPath || extra > maxExtra:
		return h, refuse("", "entry %d of the directory has a name of %d bytes and extra fields of %d, more than %d and %d", index+1, name, extra, maxPath, maxExtra)
	}
	b = make([]byte, name+extra)
	if _, err := io.ReadFull(r, b); err != nil {
		return h, torn(err)
	}
	h.length = directoryLength
	return h, h.rest(b, name, &h.size, &h.packed, &h.offset)
}

// check refuses what only a hostile archive has.
func (h header) check() error {
	const (
		encrypted  = 1 | 1<<6 | 1<<13
		descriptor = 1 << 3
		notRegular = 0x8 | 0x10 | 0x400 // volume, folder, link, as Windows says it
	)
	mode := h.attributes >> 16
	switch {
	case h.flags&encrypted != 0:
		return refuse(h.path, "%q is encrypted", h.path)
	case h.method != 0:
		return refuse(h.path, "%q is compressed: files are taken as they are only, so that none can grow when it is unpacked", h.path)
	case h.flags&descriptor != 0 || h.packed != h.size:
		return refuse(h.path, "the sizes of %q disagree", h.path)
	case mode&0o170000 != 0 && mode&0o170000 != 0o100000 || mode&0o7000 != 0 || h.attributes&notRegular != 0:
		return refuse(h.path, "%q is no regular file: links, folders and devices are not taken", h.path)
	case !utf8.ValidString(h.path):
		return refuse(h.path, "the name %q is no UTF-8", h.path)
	}
	return nil
}

// stored is an entry whose bytes lie at data.
type stored struct {
	entry
	data int64
}

// entries reads the directory and the header of each entry. They follow each
// other from the first byte to the directory without a gap, each is a regular
// file under a path of its own that is safe on every system, and its bytes are
// there.
func (s source) entries(d directory) ([]stored, error) {
	r := bufio.NewReaderSize(io.NewSectionReader(s, int64(d.start), int64(d.size)), chunk)
	paths := bundle.NewPaths()
	var all []stored
	read, place := int64(0), uint64(0)
	for i := range int(d.entries) {
		h, err := next(r, i)
		if err != nil {
			return nil, err
		}
		if err := h.check(); err != nil {
			return nil, err
		}
		if err := paths.Keep(h.path); err != nil {
			return nil, refuse(h.path, "%s", fault.Message(err))
		}
		switch {
		case h.offset < place:
			return nil, refuse(h.path, "%q overlaps the entry before it", h.path)
		case h.offset > place:
			return nil, refuse(h.path, "there are bytes before %q that belong to no entry", h.path)
		}
		e, err := s.entry(h)
		if err != nil {
			return nil, err
		}
		if h.size > d.start || uint64(e.data) > d.start-h.size {
			return nil, refuse(h.path, "%q is larger than the archive", h.path)
		}
		place = uint64(e.data) + h.size
		read += h.length
		all = append(all, e)
	}
	if place != d.start || uint64(read) != d.size {
		return nil, refuse("", "there are bytes around the directory that belong to no entry")
	}
	return all, nil
}

// entry compares the header of the directory with the local one.
func (s source) entry(h header) (stored, error) {
	local, err := s.local(int64(h.offset))
	if err != nil {
		if FileOf(err) == "" && fault.Is(err, fault.Invalid) {
			return stored{}, refuse(h.path, "%q: %s", h.path, fault.Message(err))
		}
		return stored{}, err
	}
	if local.path != h.path || local.flags != h.flags || local.method != h.method || local.crc != h.crc || local.size != h.size || local.packed != h.packed {
		return stored{}, refuse(h.path, "the directory and the header of %q disagree on its name, sizes, sum or method", h.path)
	}
	e := entry{path: h.path, size: int64(h.size), crc: h.crc, offset: int64(h.offset)}
	return stored{e, e.offset + local.length}, nil
}
