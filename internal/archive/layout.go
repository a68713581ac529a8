package archive

import (
	"encoding/binary"
	"math"
	"time"

	"navidocs/internal/fault"
)

// The layout is the part of PKWARE's APPNOTE 6.3 that archives use, so that one
// list of entries has one encoding:
//
//   - method 0 (stored), sizes and CRC in the local header, no descriptors (4.3.7);
//   - bit 11 alone is set: names are UTF-8 (4.4.4);
//   - every entry is a regular file, 0644, made on Unix, at the manifest's time;
//   - Zip64 fields where a number does not fit, and nowhere else (4.5.3);
//   - no other extra fields, no comments, no bytes between the parts.
const (
	localMagic     = 0x04034b50
	directoryMagic = 0x02014b50
	end64Magic     = 0x06064b50
	locatorMagic   = 0x07064b50
	endMagic       = 0x06054b50

	localLength     = 30
	directoryLength = 46
	end64Length     = 56
	locatorLength   = 20
	endLength       = 22

	utf8Names = 1 << 11
	regular   = 0o100644 << 16 // external attributes: st_mode
	unix      = 3 << 8
	zip64ID   = 1
)

// entry is a file and where it stands in the archive.
type entry struct {
	path   string
	size   int64
	crc    uint32
	digest [32]byte // SHA-256
	offset int64    // of the local header
}

// stamp is a time as MS-DOS writes it (4.4.6), in steps of two seconds.
type stamp struct{ date, clock uint16 }

func stampOf(t time.Time) (stamp, error) {
	if t.Year() < 1980 || t.Year() > 2107 {
		return stamp{}, fault.Fields(fault.Field{Location: "created_at", Message: "must be between 1980 and 2107, the years that ZIP can say", Value: t})
	}
	return stamp{
		date:  uint16((t.Year()-1980)<<9 | int(t.Month())<<5 | t.Day()),
		clock: uint16(t.Hour()<<11 | t.Minute()<<5 | t.Second()/2),
	}, nil
}

// local is the header before the bytes of an entry.
func (s stamp) local(e entry) []byte {
	var extra []byte
	if e.size >= math.MaxUint32 {
		extra = zip64(e.size, e.size)
	}
	b := make([]byte, 0, localLength+len(e.path)+len(extra))
	b = put32(b, localMagic)
	b = s.common(b, e, extra)
	b = append(b, e.path...)
	return append(b, extra...)
}

// directory is the header of an entry in the central directory.
func (s stamp) directory(e entry) []byte {
	var large []int64
	if e.size >= math.MaxUint32 {
		large = append(large, e.size, e.size)
	}
	if e.offset >= math.MaxUint32 {
		large = append(large, e.offset)
	}
	extra := zip64(large...)
	b := make([]byte, 0, directoryLength+len(e.path)+len(extra))
	b = put32(b, directoryMagic)
	b = put16(b, unix|version(extra))
	b = s.common(b, e, extra)
	b = put16(b, 0) // length of the comment
	b = put16(b, 0) // disk
	b = put16(b, 0) // internal attributes
	b = put32(b, regular)
	b = put32(b, fit32(e.offset))
	b = append(b, e.path...)
	return append(b, extra...)
}

// common is what both headers say of an entry.
func (s stamp) common(b []byte, e entry, extra []byte) []byte {
	b = put16(b, version(extra))
	b = put16(b, utf8Names)
	b = put16(b, 0) // stored
	b = put16(b, s.clock)
	b = put16(b, s.date)
	b = put32(b, e.crc)
	b = put32(b, fit32(e.size))
	b = put32(b, fit32(e.size))
	b = put16(b, uint16(len(e.path)))
	return put16(b, uint16(len(extra)))
}

// end closes an archive of so many entries whose directory has its place and size.
func end(entries int, start, size int64) []byte {
	var b []byte
	if entries >= math.MaxUint16 || start >= math.MaxUint32 || size >= math.MaxUint32 {
		b = put32(b, end64Magic)
		b = put64(b, end64Length-12) // what follows this number
		b = put16(b, unix|45)
		b = put16(b, 45)
		b = put32(b, 0) // this disk
		b = put32(b, 0) // the directory's
		b = put64(b, int64(entries))
		b = put64(b, int64(entries))
		b = put64(b, size)
		b = put64(b, start)
		b = put32(b, locatorMagic)
		b = put32(b, 0)
		b = put64(b, start+size)
		b = put32(b, 1) // disks
	}
	fit := uint16(min(entries, math.MaxUint16))
	b = put32(b, endMagic)
	b = put16(b, 0)
	b = put16(b, 0)
	b = put16(b, fit)
	b = put16(b, fit)
	b = put32(b, fit32(size))
	b = put32(b, fit32(start))
	return put16(b, 0) // length of the comment
}

// zip64 is the extra field of numbers that do not fit elsewhere; none is no field.
func zip64(numbers ...int64) (b []byte) {
	if len(numbers) == 0 {
		return nil
	}
	b = put16(b, zip64ID)
	b = put16(b, uint16(8*len(numbers)))
	for _, n := range numbers {
		b = put64(b, n)
	}
	return b
}

// version is the one of ZIP that a reader needs.
func version(extra []byte) uint16 {
	if len(extra) > 0 {
		return 45
	}
	return 20
}

func fit32(n int64) uint32 { return uint32(min(n, math.MaxUint32)) }

func put16(b []byte, n uint16) []byte { return binary.LittleEndian.AppendUint16(b, n) }
func put32(b []byte, n uint32) []byte { return binary.LittleEndian.AppendUint32(b, n) }
func put64(b []byte, n int64) []byte  { return binary.LittleEndian.AppendUint64(b, uint64(n)) }
