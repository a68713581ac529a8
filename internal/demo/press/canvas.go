package press

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// mmPerPoint turns a type size into a height on paper.
const mmPerPoint = 25.4 / 72

// style names a face that both kinds of paper have.
type style int

const (
	sans style = iota
	bold
	italic
	serif
	serifBold
	mono
)

// font is a face at a size in points.
type font struct {
	style style
	size  float64
}

// leading is the distance between two baselines, in millimetres.
func (f font) leading() float64 { return f.size * mmPerPoint * 1.35 }

// ink is a colour; scans keep only its lightness.
type ink struct{ r, g, b uint8 }

func black() ink { return ink{20, 20, 24} }

func grey(v uint8) ink { return ink{v, v, v} }

// point is a place on the paper in millimetres from its top left corner.
type point struct{ x, y float64 }

// canvas is what a paper is drawn on: the page of a PDF, or the picture of a
// page that passes for a scan. All measures are millimetres, y grows downwards.
type canvas interface {
	// measure is the width of s.
	measure(f font, s string) float64
	// text sets s with its baseline at y.
	text(x, y float64, f font, c ink, s string)
	// turned sets s turned by deg against the clock around its start.
	turned(x, y, deg float64, f font, c ink, s string)
	// trace draws a line through pts.
	trace(pts []point, width float64, c ink)
	// fill paints a rectangle.
	fill(x, y, w, h float64, c ink)
}

// mark is a piece of printed text and where it stands.
type mark struct {
	x, y float64
	s    string
}

// page is one sheet with a cursor. It remembers what was printed on it, so
// that the ground truth can never differ from the drawing.
type page struct {
	canvas
	w, h        float64
	left, right float64
	y           float64
	marks       []mark
}

func newPage(c canvas, w, h float64) *page {
	return &page{canvas: c, w: w, h: h, left: 20, right: w - 20, y: 20}
}

// put prints s and remembers it. Stamps and signatures are traced instead:
// nobody expects them to be read.
func (p *page) put(x, y float64, f font, c ink, s string) {
	if s == "" {
		return
	}
	p.text(x, y, f, c, s)
	p.marks = append(p.marks, mark{x, y, s})
}

// truth is the printed text, line by line from the top, pieces on one
// baseline from left to right with a blank between them.
func (p *page) truth() string {
	marks := slices.Clone(p.marks)
	slices.SortStableFunc(marks, func(a, b mark) int { return cmp.Compare(a.y, b.y) })
	var lines []string
	for i := 0; i < len(marks); {
		j := i + 1
		for j < len(marks) && marks[j].y-marks[i].y < 0.8 {
			j++
		}
		row := marks[i:j]
		slices.SortStableFunc(row, func(a, b mark) int { return cmp.Compare(a.x, b.x) })
		parts := make([]string, len(row))
		for k, m := range row {
			parts[k] = m.s
		}
		lines = append(lines, strings.Join(parts, " "))
		i = j
	}
	return strings.Join(lines, "\n")
}

// fits reports text that ran over the footer or off the paper.
func (p *page) fits() error {
	for _, m := range p.marks {
		if m.y > p.h-10 || (m.y > p.h-17 && m.y < p.h-12) || m.x < 0 || m.x > p.w-10 {
			return fmt.Errorf("%q at %.0f, %.0f mm does not fit on the page", m.s, m.x, m.y)
		}
	}
	return nil
}

// wrap breaks s into lines no wider than width. A line break in s is kept.
func (p *page) wrap(f font, s string, width float64) []string {
	var lines []string
	for _, part := range strings.Split(s, "\n") {
		line := ""
		for _, word := range strings.Fields(part) {
			longer := strings.TrimSpace(line + " " + word)
			if line != "" && p.measure(f, longer) > width {
				lines = append(lines, line)
				longer = word
			}
			line = longer
		}
		lines = append(lines, line)
	}
	return lines
}
