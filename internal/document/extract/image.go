package extract

import (
	"context"
	"errors"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"math"
	"os"

	"golang.org/x/image/webp"
)

const (
	// readDPI is the resolution that pages are read at: more costs time and
	// finds no more words.
	readDPI = 200
	// readPixels is an A4 page at that resolution, and some margin.
	readPixels = 4_600_000
	// smallSide is the long side below which an image is enlarged to be read.
	smallSide = 1000
)

// codec decodes one format of images.
type codec struct {
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}

func codecOf(mediaType string) codec {
	switch mediaType {
	case "image/jpeg":
		return codec{jpeg.DecodeConfig, jpeg.Decode}
	case "image/png":
		return codec{png.DecodeConfig, png.Decode}
	default:
		return codec{webp.DecodeConfig, webp.Decode}
	}
}

// imageDocument is a file that is one picture.
type imageDocument struct {
	file        *os.File
	codec       codec
	orientation int
	tools       *tools
}

func openImage(f *os.File, t *tools) (document, error) {
	d := &imageDocument{file: f, codec: codecOf(t.request.MediaType), orientation: 1, tools: t}
	config, err := d.codec.config(f)
	if err != nil {
		return nil, refuse(ReasonBroken, "%v", err)
	}
	if err := checkSize(config); err != nil {
		return nil, err
	}
	if t.request.MediaType == "image/jpeg" {
		d.orientation = exifOrientation(io.NewSectionReader(f, 0, math.MaxInt64))
	}
	return d, nil
}

func (d *imageDocument) info() Info { return Info{Pages: 1} }

func (d *imageDocument) close() {}

func (d *imageDocument) page(ctx context.Context, _ int) (Page, error) {
	img, err := d.codec.decode(io.NewSectionReader(d.file, 0, math.MaxInt64))
	if err != nil {
		return Page{}, refuse(ReasonBroken, "%v", err)
	}
	return picturePage(ctx, img, shape{orientation: d.orientation, stretch: 1}, d.tools)
}

// shape says how the pixels of a picture are meant.
type shape struct {
	orientation int     // as in EXIF
	stretch     float64 // height of a pixel by its width
}

// picturePage reads a picture and makes its images.
func picturePage(ctx context.Context, img image.Image, s shape, t *tools) (Page, error) {
	w := img.Bounds().Dx()
	h := max(1, int(math.Round(float64(img.Bounds().Dy())*s.stretch)))
	readW, readH := scaled(w, h, readScale(w, h))
	scan := orientedGray(grey(img, readW, readH), s.orientation)
	screenW, screenH := fit(w, h, screenSide)
	screen := orientedRGBA(resized(img, screenW, screenH), s.orientation)
	found, err := t.read(ctx, scan, readDPI)
	page := Page{Text: found.text, Source: SourceOCR, Rotation: found.rotation}
	return page, errors.Join(err, page.dress(screen))
}

// readScale brings an image near the size of a page at readDPI.
func readScale(w, h int) float64 {
	switch {
	case max(w, h) < smallSide:
		return 2
	case float64(w)*float64(h) > 1.25*readPixels:
		return math.Sqrt(readPixels / (float64(w) * float64(h)))
	}
	return 1
}
