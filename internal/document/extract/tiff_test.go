package extract

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/image/tiff"
)

// sizes of the value types of a directory entry, by their numbers.
var typeSizes = [...]int{0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8}

// joined makes one little-endian file of several with one page each, their
// compression untouched.
func joined(t testing.TB, files ...[]byte) []byte {
	t.Helper()
	out := []byte("II*\x00\x00\x00\x00\x00")
	link := 4 // where the next directory's offset goes
	for _, f := range files {
		if !bytes.HasPrefix(f, []byte("II*\x00")) {
			t.Fatal("not little-endian")
		}
		base := len(out)
		out = append(out, f...)
		dir := base + int(binary.LittleEndian.Uint32(f[4:]))
		binary.LittleEndian.PutUint32(out[link:], uint32(dir))
		n := int(binary.LittleEndian.Uint16(out[dir:]))
		for i := range n {
			moveEntry(out, out[dir+2+12*i:][:12], uint32(base))
		}
		link = dir + 2 + 12*n
		out = append(out, make([]byte, len(out)%2)...)
	}
	return out
}

// moveEntry adds base to the offsets that an entry holds.
func moveEntry(file, e []byte, base uint32) {
	order := binary.LittleEndian
	add := func(at []byte) { order.PutUint32(at, order.Uint32(at)+base) }
	size := typeSizes[order.Uint16(e[2:])] * int(order.Uint32(e[4:]))
	values := e[8:12]
	if size > 4 {
		add(e[8:])
		values = file[order.Uint32(e[8:]):][:size]
	}
	const stripOffsets, tileOffsets = 273, 324
	if tag := order.Uint16(e); tag == stripOffsets || tag == tileOffsets {
		for ; len(values) >= 4; values = values[4:] {
			if order.Uint32(values) != 0 {
				add(values)
			}
		}
	}
}

func testFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func greyTIFF(t testing.TB, img image.Image, compression tiff.CompressionType) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := tiff.Encode(&b, img, &tiff.Options{Compression: compression}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestTIFFHasAllItsPages(t *testing.T) {
	t.Parallel()
	data := joined(t,
		testFile(t, "g4.tiff"),
		testFile(t, "lzw.tiff"),
		testFile(t, "g3.tiff"),
		greyTIFF(t, drawn(t, "A page in grey"), tiff.Deflate),
		greyTIFF(t, image.NewGray16(image.Rect(0, 0, 30, 20)), tiff.Uncompressed),
	)
	info, pages, err := pagesOf(t, write(t, "a.tiff", data), "image/tiff")
	if err != nil {
		t.Fatal(err)
	}
	if info.Pages != 5 || len(pages) != 5 {
		t.Fatalf("%+v, %d pages", info, len(pages))
	}
	for _, p := range pages {
		if p.Reason != "" || len(p.Thumb) == 0 || p.Width == 0 {
			t.Errorf("page %d: %q, %d bytes, %d wide", p.Number, p.Reason, len(p.Thumb), p.Width)
		}
	}
	if r := recall("The raw water impeller of the starboard engine was replaced in March by the yard", pages[1].Text); r < 0.95 {
		t.Errorf("page 2 reads %q", pages[1].Text)
	}
	if pages[3].Text != "A page in grey" || pages[3].Source != SourceOCR {
		t.Errorf("page 4 reads %q", pages[3].Text)
	}
}

func TestTIFFWithDamage(t *testing.T) {
	t.Parallel()
	good := greyTIFF(t, image.NewGray(image.Rect(0, 0, 20, 20)), tiff.Uncompressed)
	order := binary.LittleEndian
	change := func(edit func(f []byte, dir int)) []byte {
		f := joined(t, good, good)
		edit(f, int(order.Uint32(f[4:])))
		return f
	}
	entry := func(f []byte, dir int, tag uint16) []byte {
		for _, e := range chunks(f[dir+2:], 12, int(order.Uint16(f[dir:]))) {
			if order.Uint16(e) == tag {
				return e
			}
		}
		return make([]byte, 12)
	}
	next := func(f []byte, dir int) []byte { return f[dir+2+12*int(order.Uint16(f[dir:])):] }
	for name, c := range map[string]struct {
		data    []byte
		pages   int
		reasons string
		refused string
	}{
		"whole":         {change(func([]byte, int) {}), 2, ",", ""},
		"ring":          {change(func(f []byte, dir int) { order.PutUint32(next(f, dir), uint32(dir)) }), 1, "", ""},
		"broken chain":  {change(func(f []byte, dir int) { order.PutUint32(next(f, dir), 1<<30) }), 1, "", ""},
		"huge image":    {change(func(f []byte, dir int) { order.PutUint32(entry(f, dir, 256)[8:], 1<<24); entry(f, dir, 256)[2] = 4 }), 2, ReasonUnsupported + ",", ""},
		"compression":   {change(func(f []byte, dir int) { entry(f, dir, 259)[8] = 7 }), 2, ReasonUnsupported + ",", ""},
		"data missing":  {change(func(f []byte, dir int) { order.PutUint32(entry(f, dir, 273)[8:], 1<<30) }), 2, ReasonBroken + ",", ""},
		"no directory":  {[]byte("II*\x00\xff\x00\x00\x00"), 0, "", ReasonBroken},
		"none at all":   {[]byte("II*\x00\x00\x00\x00\x00"), 0, "", ReasonBroken},
		"empty entries": {[]byte("II*\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00"), 0, "", ReasonBroken},
		"not a TIFF":    {[]byte("GIF89a.........."), 0, "", ReasonBroken},
		"nothing":       {nil, 0, "", ReasonBroken},
	} {
		info, pages, err := pagesOf(t, write(t, "a.tiff", c.data), "image/tiff")
		refused, _ := errors.AsType[*Refused](err)
		if (refused == nil) != (c.refused == "") || refused != nil && refused.Reason != c.refused {
			t.Errorf("%s: %v", name, err)
		}
		var reasons []string
		for _, p := range pages {
			reasons = append(reasons, p.Reason)
		}
		if got := strings.Join(reasons, ","); info.Pages != c.pages || got != c.reasons {
			t.Errorf("%s: %d pages, reasons %q", name, info.Pages, got)
		}
	}
}

func TestTIFFDirectories(t *testing.T) {
	t.Parallel()
	order := binary.BigEndian
	dir := order.AppendUint16(nil, 4)
	entry := func(tag, kind uint16, count, value uint32) {
		dir = order.AppendUint16(dir, tag)
		dir = order.AppendUint16(dir, kind)
		dir = order.AppendUint32(dir, count)
		dir = order.AppendUint32(dir, value)
	}
	const at, x, y = 8, 8 + 2 + 4*12 + 4, 8 + 2 + 4*12 + 4 + 8
	entry(tagOrientation, 3, 1, 6<<16)
	entry(tagXResolution, 5, 1, x)
	entry(tagYResolution, 5, 1, y)
	entry(tagSubfileType, 4, 1, 0)
	dir = order.AppendUint32(dir, 0)
	for _, n := range []uint32{204, 1, 98, 1} {
		dir = order.AppendUint32(dir, n)
	}
	file := append([]byte("MM\x00*\x00\x00\x00\x08"), dir...)
	got, err := tiffDirectories(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	want := []directory{{offset: at, shape: shape{orientation: 6, stretch: 204.0 / 98}}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(directory{}, shape{})); diff != "" {
		t.Error(diff)
	}
	file[8+2+3*12+11] = 1 // a reduced copy is not a page
	if _, err := tiffDirectories(bytes.NewReader(file)); err == nil {
		t.Error("a reduced copy was taken for a page")
	}
}

func FuzzTIFFDirectories(f *testing.F) {
	f.Add(testFile(f, "g4.tiff"))
	f.Add(joined(f, testFile(f, "g3.tiff"), testFile(f, "g4.tiff")))
	f.Add([]byte("MM\x00*\x00\x00\x00\x08"))
	f.Fuzz(func(t *testing.T, data []byte) {
		pages, err := tiffDirectories(bytes.NewReader(data))
		if err == nil && (len(pages) == 0 || len(pages) > maxDirectories) {
			t.Errorf("%d pages", len(pages))
		}
		for _, p := range pages {
			// The decoder meets the directory; what it says is its own affair.
			_, _ = tiff.DecodeConfig(pageReader(bytes.NewReader(data), p.offset))
		}
	})
}
