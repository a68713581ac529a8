package press

import (
	"bytes"
	"encoding/binary"
	"image"
)

// tiffPages writes pictures as one bilevel TIFF: what a fax or an old copier
// sends. Rows are packed with PackBits, which every reader knows.
func tiffPages(pages []*image.Gray) []byte {
	out := bytes.NewBuffer([]byte("II*\x00\x00\x00\x00\x00"))
	link := 4 // where the offset of the next directory belongs
	for _, img := range pages {
		strip := out.Len()
		for y := range img.Rect.Dy() {
			out.Write(packBits(bilevel(img, y)))
		}
		length := out.Len() - strip
		if out.Len()%2 == 1 {
			out.WriteByte(0)
		}
		binary.LittleEndian.PutUint32(out.Bytes()[link:], uint32(out.Len()))
		link = writeDirectory(out, img.Rect, strip, length)
	}
	return out.Bytes()
}

// writeDirectory appends the description of one page and answers where the
// offset of the following page is to be written.
func writeDirectory(out *bytes.Buffer, size image.Rectangle, strip, length int) int {
	const short, long, rational = 3, 4, 5
	tags := [][3]uint32{
		{256, long, uint32(size.Dx())},
		{257, long, uint32(size.Dy())},
		{258, short, 1},     // bits per sample
		{259, short, 32773}, // PackBits
		{262, short, 0},     // white is zero
		{273, long, uint32(strip)},
		{277, short, 1}, // samples per pixel
		{278, long, uint32(size.Dy())},
		{279, long, uint32(length)},
		{282, rational, 0},
		{283, rational, 0},
		{296, short, 2}, // inches
	}
	after := uint32(out.Len() + 2 + 12*len(tags) + 4)
	le := binary.LittleEndian
	b := le.AppendUint16(nil, uint16(len(tags)))
	for _, t := range tags {
		count, value := uint32(1), t[2]
		if t[1] == rational {
			value = after
		}
		b = le.AppendUint16(b, uint16(t[0]))
		b = le.AppendUint16(b, uint16(t[1]))
		b = le.AppendUint32(b, count)
		b = le.AppendUint32(b, value)
	}
	link := out.Len() + len(b)
	b = le.AppendUint32(b, 0)
	b = le.AppendUint32(b, dpi)
	b = le.AppendUint32(b, 1)
	out.Write(b)
	return link
}

// bilevel reduces row y to one bit a pixel, dark as 1.
func bilevel(img *image.Gray, y int) []byte {
	w := img.Rect.Dx()
	row := make([]byte, (w+7)/8)
	for x, v := range img.Pix[y*img.Stride : y*img.Stride+w] {
		if v < 140 {
			row[x/8] |= 0x80 >> (x % 8)
		}
	}
	return row
}

// packBits codes runs of two bytes and more as a count and the byte, the rest
// as a count and the bytes (TIFF 6.0, section 9).
func packBits(row []byte) []byte {
	var out []byte
	for i := 0; i < len(row); {
		run := 1
		for i+run < len(row) && run < 128 && row[i+run] == row[i] {
			run++
		}
		if run > 1 {
			out = append(out, byte(1-run), row[i])
			i += run
			continue
		}
		end := i + 1
		for end < len(row) && end-i < 128 && (end+1 >= len(row) || row[end] != row[end+1]) {
			end++
		}
		out = append(out, byte(end-i-1))
		out = append(out, row[i:end]...)
		i = end
	}
	return out
}
