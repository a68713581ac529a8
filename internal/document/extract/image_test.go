package extract

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/image/draw"
)

func asPNG(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// asPhoto is a JPEG with an EXIF orientation.
func asPhoto(t testing.TB, img image.Image, orientation byte) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 85}); err != nil {
		t.Fatal(err)
	}
	exif := "Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00" + string(orientation) + "\x00\x00\x00\x00\x00\x00"
	segment := append([]byte{0xff, 0xe1}, binary.BigEndian.AppendUint16(nil, uint16(len(exif)+2))...)
	return append(append([]byte{0xff, 0xd8}, append(segment, exif...)...), b.Bytes()[2:]...)
}

func decodedJPEG(t testing.TB, data []byte) image.Image {
	t.Helper()
	img, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func TestPhotosAreReadUpright(t *testing.T) {
	t.Parallel()
	page := drawn(t, "Certificate of warranty\nfor the main engine of this boat")
	page = &image.Gray{Pix: page.Pix[:1654*500], Stride: 1654, Rect: image.Rect(0, 0, 1654, 500)}
	// Stored turned left, as a camera held upright does it.
	path := write(t, "a.jpg", asPhoto(t, turnedGray(page, 270), 6))
	info, pages, err := pagesOf(t, path, "image/jpeg")
	if err != nil {
		t.Fatal(err)
	}
	p := pages[0]
	if info.Pages != 1 || p.Text != "Certificate of warranty\nfor the main engine of this boat" {
		t.Errorf("%+v, text %q", info, p.Text)
	}
	if p.Width != 1280 || p.Height != 387 || p.Rotation != 0 {
		t.Errorf("%dx%d, turned %d", p.Width, p.Height, p.Rotation)
	}
	if got := decodedJPEG(t, p.Thumb).Bounds(); got != image.Rect(0, 0, 240, 73) {
		t.Errorf("thumb %v", got)
	}
}

func TestImageFormats(t *testing.T) {
	t.Parallel()
	clear := image.NewNRGBA(image.Rect(0, 0, 40, 30))
	for name, c := range map[string]struct {
		data      []byte
		mediaType string
	}{
		"webp":        {testFile(t, "picture.webp"), "image/webp"},
		"transparent": {asPNG(t, clear), "image/png"},
		"grey":        {asPNG(t, image.NewGray(image.Rect(0, 0, 3000, 10))), "image/png"},
		"one pixel":   {asPNG(t, image.NewGray(image.Rect(0, 0, 1, 1))), "image/png"},
		"palette":     {asPNG(t, image.NewPaletted(image.Rect(0, 0, 9, 9), color.Palette{color.White, color.Black})), "image/png"},
	} {
		_, pages, err := pagesOf(t, write(t, name, c.data), c.mediaType)
		if err != nil || len(pages) != 1 || pages[0].Reason != "" || len(pages[0].Screen) == 0 {
			t.Errorf("%s: %+v, %v", name, pages, err)
			continue
		}
		if y, _, _, _ := decodedJPEG(t, pages[0].Screen).At(0, 0).RGBA(); name == "transparent" && y < 0xf000 {
			t.Errorf("nothing is shown as %x, not as white paper", y)
		}
	}
}

// bombPNG announces a size and holds nothing.
func bombPNG(w, h uint32, depth byte) []byte {
	header := binary.BigEndian.AppendUint32([]byte("IHDR"), w)
	header = append(binary.BigEndian.AppendUint32(header, h), depth, 6, 0, 0, 0)
	b := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"), header...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(header))
}

func TestImagesThatAreRefused(t *testing.T) {
	t.Parallel()
	whole := asPNG(t, drawn(t, "x"))
	for name, c := range map[string]struct {
		data      []byte
		mediaType string
		reason    string
	}{
		"too many pixels": {bombPNG(20000, 20000, 8), "image/png", ReasonUnsupported},
		"too many bytes":  {bombPNG(9000, 9000, 16), "image/png", ReasonUnsupported},
		"other format":    {whole, "image/jpeg", ReasonBroken},
		"empty":           {nil, "image/webp", ReasonBroken},
		"unknown type":    {whole, "image/heic", ReasonUnsupported},
	} {
		_, _, err := pagesOf(t, write(t, "a", c.data), c.mediaType)
		if refused, ok := errors.AsType[*Refused](err); !ok || refused.Reason != c.reason || refused.Error() == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, pages, err := pagesOf(t, write(t, "a", whole[:len(whole)/2]), "image/png")
	if err != nil || pages[0].Reason != ReasonBroken {
		t.Errorf("cut short: %+v, %v", pages, err)
	}
	if _, _, err := pagesOf(t, "/nonexistent/file", "image/png"); err == nil {
		t.Error("a missing file was opened")
	}
}

func TestOrientations(t *testing.T) {
	t.Parallel()
	// 1 2
	// 3 4
	// 5 6
	img := &image.Gray{Pix: []byte{1, 2, 3, 4, 5, 6}, Stride: 2, Rect: image.Rect(0, 0, 2, 3)}
	for orientation, want := range map[int][]byte{
		1: {1, 2, 3, 4, 5, 6}, 2: {2, 1, 4, 3, 6, 5}, 3: {6, 5, 4, 3, 2, 1}, 4: {5, 6, 3, 4, 1, 2},
		5: {1, 3, 5, 2, 4, 6}, 6: {5, 3, 1, 6, 4, 2}, 7: {6, 4, 2, 5, 3, 1}, 8: {2, 4, 6, 1, 3, 5}, 9: {1, 2, 3, 4, 5, 6},
	} {
		got := orientedGray(img, orientation)
		if diff := cmp.Diff(want, got.Pix); diff != "" {
			t.Errorf("orientation %d: %s", orientation, diff)
		}
		if wide := got.Rect.Dx() == 3; wide != (orientation >= 5 && orientation <= 8) {
			t.Errorf("orientation %d: %v", orientation, got.Rect)
		}
		colour := image.NewRGBA(img.Rect)
		draw.Draw(colour, colour.Rect, img, image.Point{}, draw.Src)
		if diff := cmp.Diff(got.Pix, greyOf(orientedRGBA(colour, orientation)).Pix); diff != "" {
			t.Errorf("orientation %d in colour: %s", orientation, diff)
		}
	}
}

func TestGreyScales(t *testing.T) {
	t.Parallel()
	yuv := image.NewYCbCr(image.Rect(0, 0, 64, 64), image.YCbCrSubsampleRatio420)
	for i := range yuv.Y {
		yuv.Y[i] = 200
	}
	for _, img := range []image.Image{yuv, image.NewUniform(color.Gray{Y: 200})} {
		if _, endless := img.(*image.Uniform); endless {
			rgba := image.NewRGBA(image.Rect(0, 0, 64, 64))
			draw.Draw(rgba, rgba.Rect, img, image.Point{}, draw.Src)
			img = rgba
		}
		for _, side := range []int{32, 64} {
			g := grey(img, side, side)
			if g.Rect != image.Rect(0, 0, side, side) || g.Pix[side+1] != 200 {
				t.Errorf("%T: %v, %d", img, g.Rect, g.Pix[side+1])
			}
		}
	}
}

func FuzzExifOrientation(f *testing.F) {
	f.Add(asPhoto(f, image.NewGray(image.Rect(0, 0, 8, 8)), 6))
	f.Add([]byte("\xff\xd8\xff\xe1\x00\x10Exif\x00\x00II*\x00\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if o := exifOrientation(bytes.NewReader(data)); o < 1 || o > 8 {
			t.Errorf("orientation %d", o)
		}
	})
}
