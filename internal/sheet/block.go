package sheet

import "strings"

const (
	thin    = 0.2 // thickness of rules, in millimetres
	gutter  = 4.0 // between columns
	writing = 9.0 // from one line for a pen to the next
)

// style is how a piece of text looks.
type style int

const (
	title style = iota
	heading
	body
	label
	small
	header // of a table
	plain  // in a table
	code
)

var (
	ink  = [3]int{28, 32, 40}
	navy = [3]int{22, 48, 84}
	grey = [3]int{104, 110, 120}
	pale = [3]int{206, 210, 216}
)

// looks has a row for each style; sizes are in points.
var looks = [...]struct {
	face  func() *typeface
	size  float64
	color [3]int
}{
	title:   {bold, 19, navy},
	heading: {bold, 11.5, navy},
	body:    {sans, 9.5, ink},
	label:   {sans, 9.5, grey},
	small:   {sans, 7.5, grey},
	header:  {bold, 7.5, grey},
	plain:   {sans, 8.5, ink},
	code:    {mono, 7.5, ink},
}

// size is in millimetres.
func (s style) size() float64 { return looks[s].size * point }

// height is how far apart the style's lines are, in millimetres.
func (s style) height() float64 {
	if s == code { // stands in a row with plain
		s = plain
	}
	return 1.42 * s.size()
}

// Field is a label and what stands beside it.
type Field struct{ Label, Value string }

// Column is a column of a table. Width is its share of the page's width; 0 is
// taken for 1.
type Column struct {
	Title       string
	Width       float64
	Right, Mono bool
}

// Title is the name of the sheet, once at its top.
func (s *Sheet) Title(text string) { s.flow(text, title, 3) }

// Heading begins a part, and stands on the page of what follows.
func (s *Sheet) Heading(text string) {
	s.gap(5)
	s.need(heading.height() + 4*body.height())
	s.flow(text, heading, 1.5)
}

// Paragraph is running text; its line ends are kept.
func (s *Sheet) Paragraph(text string) { s.flow(text, body, 2.5) }

// Note is small and grey.
func (s *Sheet) Note(text string) { s.flow(text, small, 2) }

// flow writes text over as many pages as it takes.
func (s *Sheet) flow(text string, st style, below float64) {
	for _, line := range s.wrap(text, st, s.inner()) {
		s.need(st.height())
		s.draw(side, s.y, line, st)
		s.down(st.height())
	}
	s.y += below
}

// Warning is framed, for what nobody may overlook.
func (s *Sheet) Warning(text string) {
	const pad = 3.5
	s.gap(2)
	lines := s.wrap(text, body, s.inner()-2*pad-2)
	for len(lines) > 0 {
		fit := min(len(lines), int((s.height-bottom-top-2*pad)/body.height()))
		s.need(float64(fit)*body.height() + 2*pad)
		high := float64(fit)*body.height() + 2*pad
		s.pdf.SetFillColor(navy[0], navy[1], navy[2])
		s.pdf.Rect(side, s.y, 1.2, high, "F")
		s.pdf.SetLineWidth(thin)
		s.pdf.SetDrawColor(navy[0], navy[1], navy[2])
		s.pdf.Rect(side, s.y, s.inner(), high, "D")
		for i, line := range lines[:fit] {
			s.draw(side+pad+1, s.y+pad+float64(i)*body.height(), line, body)
		}
		s.down(high + 4)
		lines = lines[fit:]
	}
}

// Fields are labels on the left and values on the right. An empty value is a
// line to write on.
func (s *Sheet) Fields(fields ...Field) {
	left := s.inner() * 0.32
	for _, f := range fields {
		row := []cell{
			{x: side, style: label, lines: s.wrap(f.Label, label, left-gutter)},
			{x: side + left, style: body, lines: s.wrap(f.Value, body, s.inner()-left)},
		}
		if strings.TrimSpace(clean(f.Value)) != "" {
			s.row(row, 0.7, nil)
			continue
		}
		s.row(row, 1.7, nil)
		s.rule(side+left, s.y-1.2, s.inner()-left, grey)
	}
	s.y += 2.5
}

// Table has a header, which is repeated on each page unless it takes a third of
// it. Cells wrap, also within
// long words; a row stays on one page when it fits there. What a row lacks is
// empty; cells beyond the columns are not shown.
func (s *Sheet) Table(columns []Column, rows [][]string) {
	if len(columns) == 0 {
		return
	}
	titles := make([]string, len(columns))
	for i, c := range columns {
		titles[i] = c.Title
	}
	first := s.cells(columns, titles, true)
	begin := func() {
		s.row(first, 1, nil)
		s.rule(side, s.y, s.inner(), grey)
	}
	s.need(tallest(first) + 2 + 3*plain.height())
	begin()
	if tallest(first) > (s.height-top-bottom)/3 {
		begin = nil // or the pages would hold little else
	}
	for _, r := range rows {
		s.row(s.cells(columns, r, false), 1.1, begin)
		s.rule(side, s.y, s.inner(), pale)
	}
	s.y += 5
}

// cells lays out one row of a table.
func (s *Sheet) cells(columns []Column, texts []string, top bool) []cell {
	share := 0.0
	for _, c := range columns {
		share += c.share()
	}
	row, x := make([]cell, len(columns)), side
	for i, c := range columns {
		width := c.share() / share * (s.inner() + gutter)
		look := plain
		switch {
		case top:
			look = header
		case c.Mono:
			look = code
		}
		row[i] = cell{x: x, width: width - gutter, right: c.Right, style: look}
		if i < len(texts) {
			row[i].lines = s.wrap(texts[i], look, width-gutter)
		}
		x += width
	}
	return row
}

func (c Column) share() float64 {
	if c.Width <= 0 {
		return 1
	}
	return c.Width
}

// cell is laid-out text at its place in a row.
type cell struct {
	x, width float64
	right    bool
	style    style
	lines    [][]glyph
}

func tallest(row []cell) float64 {
	high := 0.0
	for _, c := range row {
		high = max(high, float64(len(c.lines))*c.style.height())
	}
	return high
}

// row draws cells side by side with some room above and below. What is higher
// than a page goes on over as many as it takes; again begins those pages.
func (s *Sheet) row(row []cell, pad float64, again func()) {
	for {
		room := s.height - bottom - s.y - 2*pad
		if high := tallest(row); high > room && !s.fresh {
			s.page()
			if again != nil {
				again()
			}
			room = s.height - bottom - s.y - 2*pad
		}
		rest, more := s.part(row, s.y+pad, room)
		s.down(max(0, min(tallest(row), room)) + 2*pad)
		if !more {
			return
		}
		row = rest
	}
}

// part draws the lines that have room, and gives back those that have none.
func (s *Sheet) part(row []cell, y, room float64) (rest []cell, more bool) {
	rest = make([]cell, len(row))
	for i, c := range row {
		fit := min(len(c.lines), max(1, int(room/c.style.height()+0.001)))
		for n, line := range c.lines[:fit] {
			x := c.x
			if c.right {
				x += c.width - length(line)
			}
			s.draw(x, y+float64(n)*c.style.height(), line, c.style)
		}
		rest[i] = c
		rest[i].lines = c.lines[fit:]
		more = more || len(rest[i].lines) > 0
	}
	return rest, more
}

// Lines are n ruled lines to write on.
func (s *Sheet) Lines(n int) {
	for range n {
		s.need(writing)
		s.down(writing)
		s.rule(side, s.y-1, s.inner(), grey)
	}
	s.y += 3
}

// Signature is a line to sign on for each label, two beside each other.
func (s *Sheet) Signature(labels ...string) {
	for len(labels) > 0 {
		n := min(2, len(labels))
		width := (s.inner() - 3*gutter) / 2
		row := make([]cell, n)
		for i := range row {
			row[i] = cell{x: side + float64(i)*(width+3*gutter), style: small, lines: s.wrap(labels[i], small, width)}
		}
		s.need(20 + tallest(row))
		s.down(16)
		for _, c := range row {
			s.rule(c.x, s.y, width, grey)
		}
		s.row(row, 1, nil)
		labels = labels[n:]
	}
	s.y += 3
}

// inner is the width between the margins.
func (s *Sheet) inner() float64 { return s.width - 2*side }

func (s *Sheet) down(height float64) {
	s.y += height
	s.fresh = false
}
