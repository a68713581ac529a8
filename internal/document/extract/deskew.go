package extract

import (
	"image"
	"math"
	"slices"
)

const (
	// inkSide is the long side of the small copy that lines are looked for in.
	inkSide = 800
	// maxSkew is how far, in degrees, a page may lie askew.
	maxSkew = 8.0
	// leastSkew is what the engines do not mind.
	leastSkew = 0.25
	// blankInk is how few dark dots an empty page has.
	blankInk = 20
)

// ink is where a small copy of a page is darker than its surroundings.
type ink struct {
	w, h int
	dots []image.Point
}

// inkOf finds dots by comparing each pixel with the mean around it, so that
// shadows and coloured paper do not count.
func inkOf(img *image.Gray) ink {
	w, h := fit(img.Rect.Dx(), img.Rect.Dy(), inkSide)
	small := img
	if w != img.Rect.Dx() || h != img.Rect.Dy() {
		small = shrunk(img, w, h)
	}
	const radius, darker = 12, 24
	sums := integral(small)
	k := ink{w: w, h: h}
	for y := range h {
		top, bottom := max(0, y-radius), min(h, y+radius+1)
		for x := range w {
			left, right := max(0, x-radius), min(w, x+radius+1)
			area := (bottom - top) * (right - left)
			sum := sums[bottom][right] - sums[top][right] - sums[bottom][left] + sums[top][left]
			if (int(small.Pix[y*small.Stride+x])+darker)*area < sum {
				k.dots = append(k.dots, image.Pt(x, y))
			}
		}
	}
	return k
}

// shrunk makes each pixel the mean of those that it stands for. The library's
// scalers have no fast way from grey to grey.
func shrunk(img *image.Gray, w, h int) *image.Gray {
	small := image.NewGray(image.Rect(0, 0, w, h))
	fromW, fromH := img.Rect.Dx(), img.Rect.Dy()
	for y := range h {
		top := y * fromH / h
		bottom := max(top+1, (y+1)*fromH/h)
		for x := range w {
			left := x * fromW / w
			right := max(left+1, (x+1)*fromW/w)
			sum := 0
			for row := top; row < bottom; row++ {
				for _, p := range img.Pix[row*img.Stride+left : row*img.Stride+right] {
					sum += int(p)
				}
			}
			small.Pix[y*small.Stride+x] = byte(sum / ((bottom - top) * (right - left)))
		}
	}
	return small
}

// integral gives the sums of all pixels above and left of each.
func integral(img *image.Gray) [][]int {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	sums := make([][]int, h+1)
	sums[0] = make([]int, w+1)
	for y := range h {
		sums[y+1] = make([]int, w+1)
		row := 0
		for x := range w {
			row += int(img.Pix[y*img.Stride+x])
			sums[y+1][x+1] = sums[y][x+1] + row
		}
	}
	return sums
}

// blank says that there is nothing to read.
func (k ink) blank() bool { return len(k.dots) < blankInk }

// skew gives the angle in degrees at which the lines are sharpest, clockwise
// on the screen, and how sharp they are there.
func (k ink) skew() (degrees, sharpness float64) {
	for a := -maxSkew; a <= maxSkew; a += 0.5 {
		if s := k.sharpness(a); s > sharpness {
			degrees, sharpness = a, s
		}
	}
	for a := degrees - 0.4; a <= degrees+0.4; a += 0.1 {
		if s := k.sharpness(a); s > sharpness {
			degrees, sharpness = a, s
		}
	}
	if s := k.sharpness(0); math.Abs(degrees) < leastSkew || sharpness < 1.05*s {
		return 0, s
	}
	return degrees, sharpness
}

// sharpness is large when the dots, seen along lines at this angle, lie in
// some lines and not in others.
func (k ink) sharpness(degrees float64) float64 {
	slope := math.Tan(degrees * math.Pi / 180)
	offset := int(math.Ceil(math.Abs(slope) * float64(k.w)))
	profile := make([]int, k.h+2*offset+2)
	for _, d := range k.dots {
		profile[d.Y+offset-int(math.Floor(float64(d.X)*slope))]++
	}
	sum := 0.0
	for i := 1; i < len(profile); i++ {
		step := float64(profile[i] - profile[i-1])
		sum += step * step
	}
	return sum
}

// sideways is the ink of the page turned by a quarter.
func (k ink) sideways() ink {
	turned := ink{w: k.h, h: k.w, dots: make([]image.Point, len(k.dots))}
	for i, d := range k.dots {
		turned.dots[i] = image.Pt(d.Y, d.X)
	}
	return turned
}

// straightened turns the image back by the angle; what was outside of it is
// filled with the colour of its paper, because white corners ruin the
// threshold of the engines.
func straightened(img *image.Gray, degrees float64) *image.Gray {
	if degrees == 0 {
		return img
	}
	w, h := img.Rect.Dx(), img.Rect.Dy()
	dst := image.NewGray(image.Rect(0, 0, w, h))
	paper := median(img)
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	middleX, middleY := float64(w-1)/2, float64(h-1)/2
	for y := range h {
		fromX := middleX - middleX*cos - (float64(y)-middleY)*sin
		fromY := middleY - middleX*sin + (float64(y)-middleY)*cos
		row := dst.Pix[y*dst.Stride:][:w]
		for x := range row {
			row[x] = sample(img, fromX, fromY, paper)
			fromX += cos
			fromY += sin
		}
	}
	return dst
}

// sample mixes the four pixels around a place.
func sample(img *image.Gray, x, y float64, outside byte) byte {
	x0, y0 := int(math.Floor(x)), int(math.Floor(y))
	if x0 < 0 || y0 < 0 || x0+1 >= img.Rect.Dx() || y0+1 >= img.Rect.Dy() {
		return outside
	}
	right, down := int((x-float64(x0))*256), int((y-float64(y0))*256)
	at := y0*img.Stride + x0
	upper := int(img.Pix[at])*(256-right) + int(img.Pix[at+1])*right
	lower := int(img.Pix[at+img.Stride])*(256-right) + int(img.Pix[at+img.Stride+1])*right
	return byte((upper*(256-down) + lower*down) >> 16)
}

// median is the brightness of most of the page: its paper.
func median(img *image.Gray) byte {
	var counts [256]int
	for y := range img.Rect.Dy() {
		for _, p := range img.Pix[y*img.Stride:][:img.Rect.Dx()] {
			counts[p]++
		}
	}
	half := img.Rect.Dx() * img.Rect.Dy() / 2
	return byte(slices.IndexFunc(counts[:], func(n int) bool { half -= n; return half <= 0 }))
}
