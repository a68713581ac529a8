package sheet

import (
	"bytes"
	"compress/gzip"
	"embed"
	"io"
	"math"
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

//go:embed fonts/*.ttf.gz
var fonts embed.FS

// typeface is one of the fonts in the binary. It is read when a sheet first
// needs it, once a process, and never written to.
type typeface struct {
	name string // as fpdf calls it
	data []byte
	font *sfnt.Font
	err  error
}

// The typefaces. The last one, for Chinese, Japanese and Korean, takes 3 MB of
// memory, so that sheets in Europe's scripts leave it alone.
var (
	sans     = sync.OnceValue(func() *typeface { return open("DejaVuSans") })
	bold     = sync.OnceValue(func() *typeface { return open("DejaVuSans-Bold") })
	mono     = sync.OnceValue(func() *typeface { return open("DejaVuSansMono") })
	fallback = sync.OnceValue(func() *typeface { return open("DroidSansFallback") })
)

func open(name string) *typeface {
	t := &typeface{name: name}
	t.data, t.err = unpack(name)
	if t.err == nil {
		t.font, t.err = sfnt.Parse(t.data)
	}
	return t
}

func unpack(name string) ([]byte, error) {
	packed, err := fonts.ReadFile("fonts/" + name + ".ttf.gz")
	if err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

// advance is the width of a character in thousandths of the font's size, as
// fpdf writes it into the file. Characters that the font lacks have none.
func (t *typeface) advance(buf *sfnt.Buffer, r rune) (width float64, ok bool) {
	if t.err != nil {
		return 0, false
	}
	index, err := t.font.GlyphIndex(buf, r)
	if err != nil || index == 0 {
		return 0, false
	}
	unit := t.font.UnitsPerEm()
	a, err := t.font.GlyphAdvance(buf, index, fixed.I(int(unit)), font.HintingNone)
	if err != nil {
		return 0, false
	}
	return math.Round(float64(a) / 64 * 1000 / float64(unit)), true
}
