package press

import (
	"image"
	"image/color"
	"math/rand/v2"
)

// enginePlate is a photograph of a type plate: brushed metal seen from the
// side, in bad light.
func enginePlate() (File, error) {
	p, sheet := newSheet(140, 92)
	brush(sheet.img, rand.New(rand.NewPCG(909, 1)))
	drawPlate(p)
	img := photograph(sheet.img, rand.New(rand.NewPCG(909, 2)))
	return picture("engine-plate.jpg", p, img, 62)
}

// brush gives the blank its grain: streaks along the rows.
func brush(img *image.Gray, rng *rand.Rand) {
	for y := range img.Rect.Dy() {
		tone := 188 + rng.IntN(14)
		for x := range img.Rect.Dx() {
			if x%24 == 0 {
				tone += rng.IntN(7) - 3
				tone = max(176, min(208, tone))
			}
			img.Pix[y*img.Stride+x] = uint8(tone)
		}
	}
}

func drawPlate(p *page) {
	p.frame(2, 2, p.w-4, p.h-4, 0.8, grey(60))
	for _, at := range []point{{7, 7}, {p.w - 7, 7}, {7, p.h - 7}, {p.w - 7, p.h - 7}} {
		p.circle(at.x, at.y, 2.6, 1.4, grey(90))
		p.trace([]point{{at.x - 2, at.y - 1.2}, {at.x + 2, at.y + 1.2}}, 0.7, grey(50))
	}
	p.fill(14, 8, p.w-28, 15, grey(45))
	p.put(20, 18.6, font{bold, 26}, grey(225), "NORSKERRY DIESEL")
	label, value := font{sans, 11}, font{bold, 17}
	for i, row := range [][2]string{
		{"MODEL", "NK6-435 POD"},
		{"SERIAL NO.", "NK6A-20418"},
		{"POWER", "320 kW / 3000 rpm"},
		{"BUILT", "10/2019"},
		{"DRY WEIGHT", "768 kg"},
	} {
		y := 33 + 11.2*float64(i)
		p.put(16, y, label, grey(50), row[0])
		p.put(54, y, value, grey(35), row[1])
		p.trace([]point{{52, y + 2.4}, {p.w - 14, y + 2.4}}, 0.3, grey(90))
	}
}

// photograph sees the plate through a lens: in perspective, on a dark engine
// block, with a lamp on one side and the grain of a small sensor.
func photograph(plate *image.Gray, rng *rand.Rand) *image.RGBA {
	const w, h = 1500, 1100
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			tone, on := plateAt(plate, x, y)
			if !on {
				tone = 38 + (x*7+y*3)/90%6 + 20*y/h
			}
			lamp := 165 - (abs(x-420)+abs(y-330))/12
			tone = tone*lamp/120 + rng.IntN(15) - 7
			out.SetRGBA(x, y, color.RGBA{R: clamp(tone + 4), G: clamp(tone), B: clamp(tone - 9), A: 255})
		}
	}
	return out
}

// plateAt maps a pixel of the photograph back onto the plate: the right side
// is farther away than the left one, and the camera was held askew.
func plateAt(plate *image.Gray, x, y int) (tone int, on bool) {
	const left, right = 150, 1360
	if x < left || x > right {
		return 0, false
	}
	along := x - left
	top := 150 + along*95/1000
	bottom := 950 - along*70/1000
	if y < top || y > bottom {
		return 0, false
	}
	w, h := int64(plate.Rect.Dx()-2), int64(plate.Rect.Dy()-2)
	// Equal steps in the picture are larger steps on the far side.
	span := int64(right - left)
	u := int64(along) * (1000 + 160*int64(along)/span) / 1160
	return int(sample(plate, u*w*65536/span, int64(y-top)*h*65536/int64(bottom-top))), true
}

func abs(v int) int { return max(v, -v) }
