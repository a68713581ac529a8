package extract

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"math"

	"golang.org/x/image/draw"
)

const (
	thumbSide   = 240
	screenSide  = 1280
	jpegQuality = 75
	// maxPixels and maxDecoded bound an image before it is decoded: a small
	// file can announce a huge one.
	maxPixels  = 100_000_000
	maxDecoded = 512 << 20
)

// checkSize refuses images that would not fit into the child's memory.
func checkSize(c image.Config) error {
	pixels := int64(c.Width) * int64(c.Height)
	if c.Width < 1 || c.Height < 1 || pixels > maxPixels || pixels*bytesPerPixel(c.ColorModel) > maxDecoded {
		return refuse(ReasonUnsupported, "image of %dx%d pixels", c.Width, c.Height)
	}
	return nil
}

func bytesPerPixel(m color.Model) int64 {
	switch m {
	case color.RGBA64Model, color.NRGBA64Model:
		return 8
	case color.GrayModel:
		return 1
	case color.Gray16Model:
		return 2
	case color.YCbCrModel:
		return 3
	}
	if _, ok := m.(color.Palette); ok {
		return 1
	}
	return 4
}

// fit gives the size within a square, in the same proportions; a small image
// keeps its own.
func fit(w, h, side int) (int, int) {
	return scaled(w, h, min(1, float64(side)/float64(max(w, h))))
}

func scaled(w, h int, by float64) (int, int) {
	return max(1, int(math.Round(float64(w)*by))), max(1, int(math.Round(float64(h)*by)))
}

// resized draws the image in another size on white paper.
func resized(img image.Image, w, h int) *image.RGBA {
	dst := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(dst, dst.Rect, image.White, image.Point{}, draw.Src)
	scaler(img.Bounds(), w).Scale(dst, dst.Rect, img, img.Bounds(), draw.Over, nil)
	return dst
}

// scaler is the cheap interpolation where it skips no pixel, which is what most
// scans need; the full kernel costs ten times as much.
func scaler(from image.Rectangle, w int) draw.Interpolator {
	if from.Dx() <= 2*w {
		return draw.ApproxBiLinear
	}
	return draw.BiLinear
}

// grey gives the image in grey in the wanted size.
func grey(img image.Image, w, h int) *image.Gray {
	if y, ok := luma(img); ok {
		img = y
	}
	if g, ok := img.(*image.Gray); ok && g.Rect.Dx() == w && g.Rect.Dy() == h && g.Rect.Min == (image.Point{}) {
		return g
	}
	if g, ok := img.(*image.Gray); ok {
		dst := image.NewGray(image.Rect(0, 0, w, h))
		draw.BiLinear.Scale(dst, dst.Rect, g, g.Rect, draw.Src, nil)
		return dst
	}
	return greyOf(resized(img, w, h))
}

// luma is the brightness that a JPEG image holds already.
func luma(img image.Image) (*image.Gray, bool) {
	y, ok := img.(*image.YCbCr)
	if !ok {
		return nil, false
	}
	return &image.Gray{Pix: y.Y, Stride: y.YStride, Rect: y.Rect}, true
}

func greyOf(img *image.RGBA) *image.Gray {
	dst := image.NewGray(img.Rect)
	for i := range dst.Pix {
		p := img.Pix[4*i : 4*i+3]
		dst.Pix[i] = byte((299*uint32(p[0]) + 587*uint32(p[1]) + 114*uint32(p[2]) + 500) / 1000)
	}
	return dst
}

// encoded gives the image as JPEG.
func encoded(img image.Image) ([]byte, error) {
	var b bytes.Buffer
	err := jpeg.Encode(&b, img, &jpeg.Options{Quality: jpegQuality})
	return b.Bytes(), err
}

// dress puts thumbnail and screen image on the page, turned upright.
func (p *Page) dress(screen *image.RGBA) error {
	screen = turnedRGBA(screen, p.Rotation)
	p.Width, p.Height = screen.Rect.Dx(), screen.Rect.Dy()
	w, h := fit(p.Width, p.Height, thumbSide)
	var err error
	if p.Thumb, err = encoded(resized(screen, w, h)); err != nil {
		return err
	}
	p.Screen, err = encoded(screen)
	return err
}

// orientationOf gives the EXIF orientation that turns clockwise.
func orientationOf(degrees int) int {
	switch degrees {
	case 90:
		return 6
	case 180:
		return 3
	case 270:
		return 8
	}
	return 1
}

func turnedRGBA(img *image.RGBA, degrees int) *image.RGBA {
	return orientedRGBA(img, orientationOf(degrees))
}

func turnedGray(img *image.Gray, degrees int) *image.Gray {
	return orientedGray(img, orientationOf(degrees))
}

// orientedRGBA shows an image as its EXIF orientation (1 to 8) says.
func orientedRGBA(img *image.RGBA, orientation int) *image.RGBA {
	if orientation < 2 || orientation > 8 {
		return img
	}
	pix, w, h := reorder(img.Pix, img.Stride, 4, img.Rect.Dx(), img.Rect.Dy(), orientation)
	return &image.RGBA{Pix: pix, Stride: 4 * w, Rect: image.Rect(0, 0, w, h)}
}

// orientedGray is orientedRGBA for grey images.
func orientedGray(img *image.Gray, orientation int) *image.Gray {
	if orientation < 2 || orientation > 8 {
		return img
	}
	pix, w, h := reorder(img.Pix, img.Stride, 1, img.Rect.Dx(), img.Rect.Dy(), orientation)
	return &image.Gray{Pix: pix, Stride: w, Rect: image.Rect(0, 0, w, h)}
}

// reorder copies pixels to where the orientation puts them.
func reorder(pix []byte, stride, size, w, h, orientation int) ([]byte, int, int) {
	outW, outH := w, h
	if orientation >= 5 {
		outW, outH = h, w
	}
	out := make([]byte, size*outW*outH)
	for y := range outH {
		for x := range outW {
			fromX, fromY := source(x, y, w, h, orientation)
			copy(out[size*(y*outW+x):][:size], pix[fromY*stride+fromX*size:])
		}
	}
	return out, outW, outH
}

// source says which pixel of a w by h image is shown at x, y.
func source(x, y, w, h, orientation int) (int, int) {
	switch orientation {
	case 2:
		return w - 1 - x, y
	case 3:
		return w - 1 - x, h - 1 - y
	case 4:
		return x, h - 1 - y
	case 5:
		return y, x
	case 6:
		return y, h - 1 - x
	case 7:
		return w - 1 - y, h - 1 - x
	default: // 8
		return w - 1 - y, x
	}
}
