package extract

import (
	"context"
	"errors"
	"image"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// sureSides is how much sharper the lines must be one way than the other
	// to be sure which way they run.
	sureSides = 1.6
	// goodReading is the quality from which nobody asks whether the page
	// stands on its head. Read in five languages at once, even a clean page on
	// its head comes to 58.
	goodReading = 75
	// betterReading is how much better another way up must be to be believed.
	betterReading = 1.3
	// leastReading is the quality that another way up must have at all.
	leastReading = 20
	// probeHeight is the height of the strip that is read to try another way.
	probeHeight = 500
)

// tools are what one request needs to read images; the engine starts with the
// first image.
type tools struct {
	request    request
	recognizer Recognizer
	// wanted are the languages that the engine has of those asked for, and
	// langs the ones it reads in at present: the likeliest alone, until a page
	// turns out to be in another. Reading in five languages at once costs
	// twice the time of one and finds the same words.
	wanted, langs []string
}

func (t *tools) close(ctx context.Context) {
	if t.recognizer != nil {
		// The process ends soon, whatever happens here.
		_ = t.recognizer.Close(ctx)
	}
}

// reading is what was read from a page, and how far the page had to be turned
// clockwise for it.
type reading struct {
	text     string
	rotation int
	quality  int
}

// read finds out how a page lies and in which language it is, straightens it
// and reads it.
func (t *tools) read(ctx context.Context, img *image.Gray, dpi int) (reading, error) {
	lines := inkOf(img)
	if lines.blank() {
		return reading{}, nil
	}
	if t.recognizer == nil {
		var err error
		if t.recognizer, t.wanted, err = chooseRecognizer(ctx, t.request); err != nil {
			return reading{}, err
		}
		t.langs = t.wanted[:1]
	}
	first, err := t.readLying(ctx, img, lines, dpi)
	if err != nil {
		return first, err
	}
	before := t.langs
	if t.langs = t.nextLanguages(first); slices.Equal(before, t.langs) {
		return first, nil
	}
	second, err := t.readTurned(ctx, img, first.rotation, dpi)
	if err != nil || second.quality < first.quality {
		t.langs = before
		return first, err
	}
	if len(t.langs) > 1 { // too costly to begin the next page with
		t.langs = before
	}
	return second, nil
}

// nextLanguages are what a page should be read in, judged by its first
// reading: the wanted language whose stop words it holds, all of them when it
// reads badly and holds none's, else what it was read in.
func (t *tools) nextLanguages(r reading) []string {
	if guess := tesseractName(guessLanguage(r.text)); slices.Contains(t.wanted, guess) {
		return []string{guess}
	} else if guess == "" && r.quality < goodReading {
		return t.wanted
	}
	return t.langs
}

// readLying reads a page whichever way it lies.
func (t *tools) readLying(ctx context.Context, img *image.Gray, lines ink, dpi int) (reading, error) {
	turns := turnsToTry(lines)
	var first reading
	if turns[0] == 0 { // what most pages are
		var err error
		if first, err = t.readTurned(ctx, img, 0, dpi); err != nil || first.quality >= goodReading {
			return first, err
		}
	}
	turn, err := t.likeliest(ctx, img, dpi, turns)
	if err != nil || turn == 0 && turns[0] == 0 {
		return first, err
	}
	other, err := t.readTurned(ctx, img, turn, dpi)
	if err != nil || other.quality <= first.quality {
		return first, err
	}
	return other, nil
}

// turnsToTry gives the turns that are worth a trial, the likeliest first:
// text has sharp lines along its own lines and none across.
func turnsToTry(lines ink) []int {
	_, upright := lines.skew()
	_, sideways := lines.sideways().skew()
	switch {
	case upright > sureSides*sideways:
		return []int{0, 180}
	case sideways > sureSides*upright:
		return []int{90, 270}
	case sideways > upright:
		return []int{90, 270, 0, 180}
	}
	return []int{0, 180, 90, 270}
}

// likeliest reads a strip of the page each way and gives the turn that reads
// best; the first of them unless another is clearly better.
func (t *tools) likeliest(ctx context.Context, img *image.Gray, dpi int, turns []int) (int, error) {
	best, needed := turns[0], 0.0
	for i, turn := range turns {
		probe, err := t.readOnce(ctx, densest(turnedGray(img, turn)), dpi)
		if err != nil {
			return best, err
		}
		if q := float64(probe.quality); i == 0 || q > needed {
			best, needed = turn, max(q*betterReading, leastReading)
		}
	}
	return best, nil
}

func (t *tools) readTurned(ctx context.Context, img *image.Gray, turn, dpi int) (reading, error) {
	r, err := t.readOnce(ctx, turnedGray(img, turn), dpi)
	r.rotation = turn
	return r, err
}

// readOnce straightens and reads an image that is taken to be upright.
func (t *tools) readOnce(ctx context.Context, img *image.Gray, dpi int) (reading, error) {
	degrees, _ := inkOf(img).skew()
	found, err := t.recognizer.Recognize(ctx, straightened(img, degrees), t.langs, dpi)
	if err != nil && ctx.Err() != nil {
		return reading{}, errors.Join(ctx.Err(), err)
	}
	return reading{text: found.Text, quality: quality(found)}, err
}

// densest cuts the strip with the most ink out of the page.
func densest(img *image.Gray) *image.Gray {
	h := img.Rect.Dy()
	if h <= probeHeight {
		return img
	}
	lines := inkOf(img)
	rows := make([]int, h+1)
	for _, d := range lines.dots {
		rows[d.Y*h/lines.h+1]++
	}
	for y := range h {
		rows[y+1] += rows[y]
	}
	top, most := 0, -1
	for y := 0; y+probeHeight <= h; y += probeHeight / 10 {
		if n := rows[y+probeHeight] - rows[y]; n > most {
			top, most = y, n
		}
	}
	return &image.Gray{
		Pix:    img.Pix[top*img.Stride : (top+probeHeight)*img.Stride],
		Stride: img.Stride,
		Rect:   image.Rect(0, 0, img.Rect.Dx(), probeHeight),
	}
}

// quality is the engine's confidence, lowered by the share of words that do
// not look like words: text on its head reads as a salad of signs.
func quality(r Recognized) int {
	words, good := 0, 0
	for word := range strings.FieldsSeq(r.Text) {
		words++
		if wordLike(word) {
			good++
		}
	}
	if words == 0 {
		return 0
	}
	return r.Confidence * good / words
}

// wordLike accepts three letters or digits and more, of one kind, with little
// else around them.
func wordLike(word string) bool {
	letters, digits, vowels := 0, 0, 0
	for _, r := range word {
		switch {
		case unicode.IsLetter(r):
			letters++
			if strings.ContainsRune("aeiouyäöüàâéèêëîïôùûáíóúœæ", unicode.ToLower(r)) {
				vowels++
			}
		case unicode.IsDigit(r):
			digits++
		}
	}
	all := utf8.RuneCountInString(word)
	if letters+digits < all-2 {
		return false
	}
	return digits > 0 && letters == 0 || letters > 0 && vowels > 0 && digits == 0
}
