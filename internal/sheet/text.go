package sheet

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// glyph is one character, in the font that has it.
type glyph struct {
	r     rune
	face  *typeface
	width float64 // millimetres
}

// clean makes text that every font and reader takes alike: composed (NFC), line
// ends as "\n", tabs as spaces, without marks that mean nothing on paper. What
// would reorder or hide other characters is shown as a replacement character.
func clean(text string) string {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\f", "\n", "\v", "\n",
		"\u0085", "\n", "\u2028", "\n", "\u2029", "\n", "\t", "    ").Replace(text)
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r == '\u00ad', r >= '\u200b' && r <= '\u200d', r == '\u2060', r == '\ufeff', unicode.Is(unicode.Variation_Selector, r):
			return -1
		case unicode.Is(unicode.C, r), r > 0xFFFE: // fpdf writes 16 bits a character
			return unicode.ReplacementChar
		}
		return r
	}, norm.NFC.String(strings.ToValidUTF8(text, "\uFFFD")))
}

// glyphs finds a font for each character of clean text.
func (s *Sheet) glyphs(text string, st style) []glyph {
	all := make([]glyph, 0, len(text))
	for _, r := range text {
		g := s.glyph(r, st)
		g.width *= st.size() / 1000
		all = append(all, g)
	}
	return all
}

// glyph asks the style's font, then the one with the most scripts of Europe,
// then the one of East Asia, and ends with the replacement character.
func (s *Sheet) glyph(r rune, st style) glyph {
	first := looks[st].face()
	key := glyphKey{first, r}
	if g, known := s.known[key]; known {
		return g
	}
	g := glyph{r: '?', face: first, width: 500}
	for _, try := range []struct {
		face func() *typeface
		r    rune
	}{{looks[st].face, r}, {sans, r}, {fallback, r}, {sans, unicode.ReplacementChar}} {
		face := try.face()
		if width, ok := face.advance(&s.buffer, try.r); ok {
			g = glyph{try.r, face, width}
			break
		}
		s.failed(face.err)
	}
	s.known[key] = g
	return g
}

type glyphKey struct {
	face *typeface
	r    rune
}

// wrap lays text out in lines no wider than width. A line ends after a space,
// between any two characters of East Asia, and within a word that is wider
// than a line. Text without a character is one empty line.
func (s *Sheet) wrap(text string, st style, width float64) [][]glyph {
	var lines [][]glyph
	for paragraph := range strings.SplitSeq(clean(text), "\n") {
		lines = append(lines, fill(s.glyphs(paragraph, st), width)...)
	}
	return lines
}

func fill(all []glyph, width float64) [][]glyph {
	var lines [][]glyph
	start, stop, used := 0, 0, 0.0 // stop is where the line may end, at the latest
	for i, g := range all {
		for used+g.width > width && i > start && g.r != ' ' {
			if stop <= start {
				stop = i
			}
			lines = append(lines, trim(all[start:stop]))
			start, used = stop, 0
			for _, moved := range all[start:i] {
				used += moved.width
			}
		}
		used += g.width
		if i+1 < len(all) && mayBreak(g.r, all[i+1].r) {
			stop = i + 1
		}
	}
	return append(lines, trim(all[start:]))
}

// trim takes away the spaces that a line ends with.
func trim(line []glyph) []glyph {
	for len(line) > 0 && line[len(line)-1].r == ' ' {
		line = line[:len(line)-1]
	}
	return line
}

// mayBreak says whether a line may end between a and b.
func mayBreak(a, b rune) bool {
	switch {
	case b == ' ':
		return false
	case a == ' ':
		return true
	case strings.ContainsRune("-/–—", a):
		return unicode.IsLetter(b)
	case wide(a) || wide(b):
		return !strings.ContainsRune("「『（［｛〈《【〔", a) && !strings.ContainsRune("、。，．・：；？！」』）］｝〉》】〕ー々ぁぃぅぇぉっゃゅょァィゥェォッャュョ", b)
	}
	return false
}

// wide says whether a character is of the scripts that are set without spaces.
func wide(r rune) bool {
	return r >= 0x1100 && (unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul) ||
		r >= 0x3000 && r <= 0x303F || r >= 0xFF00 && r <= 0xFFEF)
}

func length(line []glyph) float64 {
	sum := 0.0
	for _, g := range line {
		sum += g.width
	}
	return sum
}

// draw writes one line; x and y are its upper left corner.
func (s *Sheet) draw(x, y float64, line []glyph, st style) {
	baseline := y + st.height()/2 + 0.36*st.size()
	color := looks[st].color
	s.pdf.SetTextColor(color[0], color[1], color[2])
	for len(line) > 0 {
		end := slices.IndexFunc(line, func(g glyph) bool { return g.face != line[0].face })
		if end < 0 {
			end = len(line)
		}
		var run strings.Builder
		for _, g := range line[:end] {
			run.WriteRune(g.r)
		}
		s.use(line[0].face, looks[st].size)
		s.pdf.Text(x, baseline, run.String())
		x += length(line[:end])
		line = line[end:]
	}
}

// use selects a font and adds it to the file when it is the first time. fpdf
// writes into the bytes it is given, so it gets its own.
func (s *Sheet) use(face *typeface, size float64) {
	s.failed(face.err)
	if s.err != nil {
		return
	}
	if !s.added[face] {
		s.pdf.AddUTF8FontFromBytes(face.name, "", slices.Clone(face.data))
		s.added[face] = true
	}
	s.pdf.SetFont(face.name, "", size)
}
