package press

import (
	"image"
	"image/color"
	"image/draw"
	"math"

	xfont "golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goitalic"
	"golang.org/x/image/font/gofont/gomedium"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/gofont/gosmallcaps"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// dpi is what an office scanner is usually left at.
const dpi = 200

// sheet is a grey picture that is drawn on like a page.
type sheet struct {
	img   *image.Gray
	scale float64 // pixels per millimetre
	faces map[font]xfont.Face
}

// newSheet begins a page of w by h millimetres at 200 dpi.
func newSheet(w, h float64) (*page, *sheet) {
	s := &sheet{scale: dpi / 25.4, faces: map[font]xfont.Face{}}
	s.img = image.NewGray(image.Rect(0, 0, int(w*s.scale+0.5), int(h*s.scale+0.5)))
	draw.Draw(s.img, s.img.Rect, image.NewUniform(color.Gray{Y: 250}), image.Point{}, draw.Src)
	return newPage(s, w, h), s
}

func typeface(s style) []byte {
	switch s {
	case bold:
		return gobold.TTF
	case italic:
		return goitalic.TTF
	case serif:
		return gomedium.TTF
	case serifBold:
		return gosmallcaps.TTF
	case mono:
		return gomono.TTF
	default:
		return goregular.TTF
	}
}

// face panics on a bad font: the fonts are compiled in.
func (s *sheet) face(f font) xfont.Face {
	if face, ok := s.faces[f]; ok {
		return face
	}
	parsed, err := opentype.Parse(typeface(f.style))
	if err != nil {
		panic(err)
	}
	face, err := opentype.NewFace(parsed, &opentype.FaceOptions{Size: f.size, DPI: dpi, Hinting: xfont.HintingNone})
	if err != nil {
		panic(err)
	}
	s.faces[f] = face
	return face
}

func (s *sheet) measure(f font, text string) float64 {
	return float64(xfont.MeasureString(s.face(f), text)) / 64 / s.scale
}

func (s *sheet) text(x, y float64, f font, c ink, text string) {
	d := xfont.Drawer{
		Dst: s.img, Src: image.NewUniform(c.grey()), Face: s.face(f),
		Dot: fixed.Point26_6{X: fixed.Int26_6(x * s.scale * 64), Y: fixed.Int26_6(y * s.scale * 64)},
	}
	d.DrawString(text)
}

// turned draws the text level into a mask of its own and lays the turned mask
// over the picture.
func (s *sheet) turned(x, y, deg float64, f font, c ink, text string) {
	high := int(f.size * mmPerPoint * s.scale * 1.3)
	wide := int(s.measure(f, text)*s.scale) + 2
	level := image.NewGray(image.Rect(0, 0, wide, 2*high))
	d := xfont.Drawer{Dst: level, Src: image.White, Face: s.face(f), Dot: fixed.P(0, high)}
	d.DrawString(text)
	sin, cos := math.Sincos(deg * math.Pi / 180)
	reach := wide + 2*high
	for dy := -reach; dy <= reach; dy++ {
		for dx := -reach; dx <= reach; dx++ {
			u := int(math.Round(float64(dx)*cos - float64(dy)*sin))
			v := int(math.Round(float64(dx)*sin+float64(dy)*cos)) + high
			if !(image.Pt(u, v).In(level.Rect)) {
				continue
			}
			s.blend(int(x*s.scale)+dx, int(y*s.scale)+dy, c.grey().Y, level.GrayAt(u, v).Y)
		}
	}
}

func (s *sheet) blend(x, y int, tone, cover uint8) {
	if cover == 0 || !image.Pt(x, y).In(s.img.Rect) {
		return
	}
	old := int(s.img.GrayAt(x, y).Y)
	s.img.SetGray(x, y, color.Gray{Y: uint8(old + (int(tone)-old)*int(cover)/255)})
}

func (s *sheet) trace(pts []point, width float64, c ink) {
	half := width * s.scale / 2
	for i := 1; i < len(pts); i++ {
		s.stroke(pts[i-1], pts[i], half, c)
	}
}

// stroke fills the thin rectangle around one straight piece of a line.
func (s *sheet) stroke(a, b point, half float64, c ink) {
	ax, ay, bx, by := a.x*s.scale, a.y*s.scale, b.x*s.scale, b.y*s.scale
	length := math.Hypot(bx-ax, by-ay)
	if length == 0 {
		return
	}
	ux, uy := (bx-ax)/length*half, (by-ay)/length*half
	ax, ay, bx, by = ax-ux/2, ay-uy/2, bx+ux/2, by+uy/2
	left, top := math.Floor(min(ax, bx)-half-1), math.Floor(min(ay, by)-half-1)
	w, h := int(math.Abs(bx-ax)+2*half)+4, int(math.Abs(by-ay)+2*half)+4
	r := vector.NewRasterizer(w, h)
	r.MoveTo(float32(ax-uy-left), float32(ay+ux-top))
	r.LineTo(float32(bx-uy-left), float32(by+ux-top))
	r.LineTo(float32(bx+uy-left), float32(by-ux-top))
	r.LineTo(float32(ax+uy-left), float32(ay-ux-top))
	r.ClosePath()
	box := image.Rect(int(left), int(top), int(left)+w, int(top)+h)
	r.Draw(s.img, box, image.NewUniform(c.grey()), image.Point{})
}

func (s *sheet) fill(x, y, w, h float64, c ink) {
	box := image.Rect(int(x*s.scale), int(y*s.scale), int((x+w)*s.scale), int((y+h)*s.scale))
	draw.Draw(s.img, box, image.NewUniform(c.grey()), image.Point{}, draw.Src)
}

// grey is the lightness a scanner sees.
func (c ink) grey() color.Gray {
	return color.Gray{Y: uint8((299*int(c.r) + 587*int(c.g) + 114*int(c.b)) / 1000)}
}
