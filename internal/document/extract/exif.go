package extract

import (
	"bytes"
	"encoding/binary"
	"io"
)

// exifOrientation finds the orientation (1 to 8) in the head of a JPEG file; 1
// when it says nothing that can be understood.
func exifOrientation(r io.Reader) int {
	head, err := io.ReadAll(io.LimitReader(r, 256<<10))
	if err != nil {
		return 1
	}
	segment := exifSegment(head)
	if len(segment) < 8 {
		return 1
	}
	order, ok := byteOrder(segment)
	if !ok {
		return 1
	}
	at := uint64(order.Uint32(segment[4:]))
	if at+2 > uint64(len(segment)) {
		return 1
	}
	entries := int(order.Uint16(segment[at:]))
	const tagOrientation, entrySize = 0x0112, 12
	for _, e := range chunks(segment[at+2:], entrySize, entries) {
		if order.Uint16(e) == tagOrientation {
			if o := int(order.Uint16(e[8:])); o >= 1 && o <= 8 {
				return o
			}
		}
	}
	return 1
}

// exifSegment gives the TIFF structure inside the APP1 segment.
func exifSegment(jpeg []byte) []byte {
	const startOfScan, app1 = 0xda, 0xe1
	if len(jpeg) < 2 || jpeg[0] != 0xff || jpeg[1] != 0xd8 {
		return nil
	}
	for at := 2; at+4 <= len(jpeg) && jpeg[at] == 0xff && jpeg[at+1] != startOfScan; {
		size := int(binary.BigEndian.Uint16(jpeg[at+2:]))
		end := at + 2 + size
		if size < 2 || end > len(jpeg) {
			return nil
		}
		if body, ok := bytes.CutPrefix(jpeg[at+4:end], []byte("Exif\x00\x00")); ok && jpeg[at+1] == app1 {
			return body
		}
		at = end
	}
	return nil
}

func byteOrder(head []byte) (binary.ByteOrder, bool) {
	switch {
	case bytes.HasPrefix(head, []byte("II*\x00")):
		return binary.LittleEndian, true
	case bytes.HasPrefix(head, []byte("MM\x00*")):
		return binary.BigEndian, true
	}
	return nil, false
}

// chunks cuts whole pieces of a size, at most count of them.
func chunks(data []byte, size, count int) [][]byte {
	var pieces [][]byte
	for range count {
		if len(data) < size {
			break
		}
		pieces = append(pieces, data[:size])
		data = data[size:]
	}
	return pieces
}
