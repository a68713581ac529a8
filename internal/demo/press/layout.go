package press

import (
	"math"
	"math/rand/v2"
)

// firm is an invented sender and the device in its letterhead.
type firm struct {
	name, trade string
	address     []string
	tint        ink
}

// letterhead prints the firm on top of the page and rules it off.
func (p *page) letterhead(f firm) {
	wave := make([]point, 0, 40)
	for i := range 40 {
		t := float64(i) / 39
		wave = append(wave, point{p.left + 16*t, 19 + 3*math.Sin(t*3*math.Pi)})
	}
	p.trace(wave, 1.1, f.tint)
	p.trace([]point{{p.left, 24}, {p.left + 16, 24}}, 0.7, f.tint)
	p.put(p.left+20, 19, font{bold, 15}, f.tint, f.name)
	p.put(p.left+20, 25, font{sans, 9}, grey(70), f.trade)
	for i, line := range f.address {
		small := font{sans, 8}
		p.put(p.right-p.measure(small, line), 16+4*float64(i), small, grey(60), line)
	}
	p.rule(30, 0.5, f.tint)
	p.y = 40
}

// rule draws a line across the page.
func (p *page) rule(y, width float64, c ink) {
	p.trace([]point{{p.left, y}, {p.right, y}}, width, c)
}

// title prints a headline in the middle.
func (p *page) title(f font, s string) {
	for _, line := range p.wrap(f, s, p.right-p.left) {
		p.put((p.left+p.right-p.measure(f, line))/2, p.y+f.size*mmPerPoint, f, black(), line)
		p.y += f.leading() * 1.1
	}
	p.y += 2
}

// heading prints the head of a section.
func (p *page) heading(s string) {
	p.y += 3
	p.put(p.left, p.y+4, font{bold, 11}, ink{20, 50, 90}, s)
	p.rule(p.y+5.6, 0.25, grey(150))
	p.y += 9
}

// para prints running text over the whole width.
func (p *page) para(f font, s string) {
	for _, line := range p.wrap(f, s, p.right-p.left) {
		p.put(p.left, p.y+f.size*mmPerPoint, f, black(), line)
		p.y += f.leading()
	}
	p.y += 1.8
}

// lines prints lines as they are.
func (p *page) lines(f font, lines ...string) {
	for _, line := range lines {
		p.put(p.left, p.y+f.size*mmPerPoint, f, black(), line)
		p.y += f.leading()
	}
	p.y += 1.8
}

// item prints one entry of a list behind its number or bullet.
func (p *page) item(f font, label, s string) { p.indented(f, 9, label, s) }

func (p *page) indented(f font, by float64, label, s string) {
	p.put(p.left, p.y+f.size*mmPerPoint, f, black(), label)
	for _, line := range p.wrap(f, s, p.right-p.left-by) {
		p.put(p.left+by, p.y+f.size*mmPerPoint, f, black(), line)
		p.y += f.leading()
	}
	p.y += 1
}

// pairs prints labels and what is filled in behind them, on dotted lines.
func (p *page) pairs(width float64, rows ...[2]string) {
	label, value := font{sans, 9}, font{bold, 10}
	for _, row := range rows {
		p.put(p.left, p.y+4, label, grey(60), row[0])
		for _, line := range p.wrap(value, row[1], p.right-p.left-width) {
			p.put(p.left+width, p.y+4, value, black(), line)
			p.dots(p.left+width, p.right, p.y+5.3)
			p.y += 6.2
		}
	}
	p.y += 2
}

func (p *page) dots(from, to, y float64) {
	for x := from; x < to; x += 1.6 {
		p.trace([]point{{x, y}, {x + 0.4, y}}, 0.15, grey(120))
	}
}

// box is a field of a form: a small label above what is filled in.
type box struct {
	share        float64
	label, value string
}

// boxes prints one row of fields across the page.
func (p *page) boxes(height float64, cells ...box) {
	var sum float64
	for _, c := range cells {
		sum += c.share
	}
	x := p.left
	value := font{bold, 10}
	for _, c := range cells {
		w := (p.right - p.left) * c.share / sum
		p.frame(x, p.y, w, height, 0.25, black())
		p.put(x+1.2, p.y+3, font{sans, 6.5}, grey(70), c.label)
		y := p.y + 8
		for _, line := range p.wrap(value, c.value, w-3) {
			p.put(x+1.6, y, value, black(), line)
			y += 4.6
		}
		x += w
	}
	p.y += height
}

func (p *page) frame(x, y, w, h, width float64, c ink) {
	p.trace([]point{{x, y}, {x + w, y}, {x + w, y + h}, {x, y + h}, {x, y}}, width, c)
}

// column is a column of a table: its head, its part of the width, and whether
// its cells end at the right.
type column struct {
	head  string
	share float64
	right bool
}

// table prints a ruled table; cells wrap.
func (p *page) table(size float64, cols []column, rows ...[]string) {
	var sum float64
	for _, c := range cols {
		sum += c.share
	}
	heads := make([]string, len(cols))
	widths := make([]float64, len(cols))
	for i, c := range cols {
		heads[i], widths[i] = c.head, (p.right-p.left)*c.share/sum
	}
	p.row(font{bold, size}, cols, widths, heads, true)
	for _, r := range rows {
		p.row(font{sans, size}, cols, widths, r, false)
	}
	p.y += 3
}

func (p *page) row(f font, cols []column, widths []float64, cells []string, head bool) {
	lines := make([][]string, len(cells))
	high := 1
	for i, cell := range cells {
		lines[i] = p.wrap(f, cell, widths[i]-3)
		high = max(high, len(lines[i]))
	}
	height := float64(high)*f.leading() + 1.8
	if head {
		p.fill(p.left, p.y, p.right-p.left, height, grey(226))
	}
	x := p.left
	for i := range cells {
		p.frame(x, p.y, widths[i], height, 0.2, grey(110))
		for k, line := range lines[i] {
			at := x + 1.5
			if cols[i].right {
				at = x + widths[i] - 1.5 - p.measure(f, line)
			}
			p.put(at, p.y+0.9+f.size*mmPerPoint+float64(k)*f.leading(), f, black(), line)
		}
		x += widths[i]
	}
	p.y += height
}

// note prints text in a shaded box, as manuals print their warnings.
func (p *page) note(label, s string) {
	f := font{sans, 9.5}
	lines := p.wrap(f, s, p.right-p.left-34)
	height := float64(len(lines))*f.leading() + 4
	p.fill(p.left, p.y, p.right-p.left, height, grey(236))
	p.fill(p.left, p.y, 1.2, height, ink{190, 60, 30})
	p.put(p.left+4, p.y+2+f.size*mmPerPoint, font{bold, 9.5}, ink{150, 40, 20}, label)
	for i, line := range lines {
		p.put(p.left+32, p.y+2+f.size*mmPerPoint+float64(i)*f.leading(), f, black(), line)
	}
	p.y += height + 3
}

// footer prints a small line at the foot of the page.
func (p *page) footer(s string) {
	f := font{sans, 7.5}
	p.rule(p.h-15, 0.2, grey(150))
	p.put((p.left+p.right-p.measure(f, s))/2, p.h-11, f, grey(90), s)
}

// circle traces a ring.
func (p *page) circle(x, y, r, width float64, c ink) {
	ring := make([]point, 0, 61)
	for i := range 61 {
		sin, cos := math.Sincos(float64(i) * math.Pi / 30)
		ring = append(ring, point{x + r*cos, y + r*sin})
	}
	p.trace(ring, width, c)
}

// seal draws the round stamp of an office.
func (p *page) seal(x, y float64, lines ...string) {
	c := ink{70, 70, 150}
	p.circle(x, y, 15, 0.7, c)
	p.circle(x, y, 11.8, 0.3, c)
	for i := range 24 {
		sin, cos := math.Sincos(float64(i) * math.Pi / 12)
		p.trace([]point{{x + 12.4*cos, y + 12.4*sin}, {x + 14*cos, y + 14*sin}}, 0.35, c)
	}
	f := font{bold, 7}
	top := y - float64(len(lines)-1)*1.8 + 1
	for i, line := range lines {
		p.turned(x-p.measure(f, line)/2, top+3.6*float64(i)+0.8, 8, f, c, line)
	}
}

// stamp draws a rubber stamp in a frame, askew.
func (p *page) stamp(x, y float64, c ink, lines ...string) {
	const deg = 9.0
	sin, cos := math.Sincos(deg * math.Pi / 180)
	at := func(u, v float64) point { return point{x + u*cos + v*sin, y - u*sin + v*cos} }
	f := font{bold, 11}
	var w float64
	for _, line := range lines {
		w = max(w, p.measure(f, line))
	}
	w, h := w+8, float64(len(lines))*5.4+4
	p.trace([]point{at(0, 0), at(w, 0), at(w, h), at(0, h), at(0, 0)}, 0.8, c)
	for i, line := range lines {
		q := at((w-p.measure(f, line))/2, 6+5.4*float64(i))
		p.turned(q.x, q.y, deg, f, c, line)
	}
}

// signature draws a scribble over a line with what the signer is.
func (p *page) signature(x, y, w float64, seed uint64, label string) {
	rng := rand.New(rand.NewPCG(seed, 7))
	a, b, c := 1.5+rng.Float64()*2, 5+rng.Float64()*4, 11+rng.Float64()*8
	pts := make([]point, 0, 90)
	for i := range 90 {
		t := float64(i) / 89
		fade := 1 - 0.7*t
		pts = append(pts, point{
			x + w*(0.08+0.72*t) + 2.2*math.Sin(c*t+a),
			y - 4 + fade*(3*math.Sin(b*4*t+a)+2.2*math.Cos(c*2*t)),
		})
	}
	p.trace(pts, 0.4, ink{30, 40, 110})
	p.trace([]point{{x, y}, {x + w, y}}, 0.2, black())
	p.put(x, y+3.6, font{sans, 7.5}, grey(70), label)
}
