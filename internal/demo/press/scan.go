package press

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"slices"
)

// scanner is what lies between a paper and its picture: laid on askew, a
// lamp that fades towards the edge, grain and dust.
type scanner struct {
	skew  float64 // degrees
	grain int     // largest deviation of a pixel
	dust  int     // specks
	seed  uint64
}

// read pictures a sheet.
func (s scanner) read(src *image.Gray) *image.Gray {
	img := turn(src, s.skew)
	rng := rand.New(rand.NewPCG(s.seed, 2020))
	s.shade(img)
	s.speckle(img, rng)
	s.roughen(img, rng)
	return img
}

// turn rotates a picture around its centre. It counts in whole numbers: the
// committed papers must come out the same on every kind of processor.
func turn(src *image.Gray, deg float64) *image.Gray {
	sin, cos := math.Sincos(deg * math.Pi / 180)
	s, c := int64(math.Round(sin*65536)), int64(math.Round(cos*65536))
	w, h := int64(src.Rect.Dx()), int64(src.Rect.Dy())
	dst := image.NewGray(src.Rect)
	for y := range h {
		for x := range w {
			dx, dy := x-w/2, y-h/2
			u := dx*c + dy*s + w/2*65536
			v := dy*c - dx*s + h/2*65536
			dst.Pix[y*w+x] = sample(src, u, v)
		}
	}
	return dst
}

// sample reads a picture between its pixels; u and v have 16 binary places.
// What lies outside is the lid of the scanner.
func sample(src *image.Gray, u, v int64) uint8 {
	x, y := int(u>>16), int(v>>16)
	if x < 0 || y < 0 || x+1 >= src.Rect.Dx() || y+1 >= src.Rect.Dy() {
		return 226
	}
	fx, fy := int(u>>8&255), int(v>>8&255)
	at := y*src.Stride + x
	top := int(src.Pix[at])*(256-fx) + int(src.Pix[at+1])*fx
	low := int(src.Pix[at+src.Stride])*(256-fx) + int(src.Pix[at+src.Stride+1])*fx
	return uint8((top*(256-fy) + low*fy) >> 16)
}

// shade darkens towards the far edge and leaves the shadow of the binding.
func (s scanner) shade(img *image.Gray) {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	for y := range h {
		for x := range w {
			loss := 14*x/w*x/w + 8*y/h
			if x < 30 {
				loss += (30 - x) * 3
			}
			at := y*img.Stride + x
			img.Pix[at] = uint8(int(img.Pix[at]) * (255 - loss) / 255)
		}
	}
}

// speckle drops dust: small dark blots of one to three pixels.
func (s scanner) speckle(img *image.Gray, rng *rand.Rand) {
	for range s.dust {
		x, y, size := rng.IntN(img.Rect.Dx()), rng.IntN(img.Rect.Dy()), 1+rng.IntN(3)
		tone := uint8(60 + rng.IntN(120))
		for dy := range size {
			for dx := range size {
				img.SetGray(x+dx, y+dy, color.Gray{Y: tone})
			}
		}
	}
}

// roughen adds grain, eight pixels to a draw.
func (s scanner) roughen(img *image.Gray, rng *rand.Rand) {
	if s.grain == 0 {
		return
	}
	span := 2*s.grain + 1
	for chunk := range slices.Chunk(img.Pix, 8) {
		bits := rng.Uint64()
		for i := range chunk {
			// Two nibbles make the middle likelier than the ends.
			n := (int(bits&15) + int(bits>>4&15)) * span / 31
			chunk[i] = clamp(int(chunk[i]) + n - s.grain)
			bits >>= 8
		}
	}
}

func clamp(v int) uint8 { return uint8(max(0, min(255, v))) }

func jpegBytes(img image.Image, quality int) ([]byte, error) {
	var out bytes.Buffer
	err := jpeg.Encode(&out, img, &jpeg.Options{Quality: quality})
	return out.Bytes(), err
}
