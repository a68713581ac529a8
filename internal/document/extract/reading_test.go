package extract

import (
	"context"
	"image"
	"strings"
	"testing"
)

// engines are both implementations; the installed one only where it is.
func engines(t *testing.T) map[string]Recognizer {
	t.Helper()
	inside, err := newEmbedded(t.Context(), cacheDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]Recognizer{"embedded": inside}
	if program, ok := findNative(""); ok {
		all["native"] = &native{program: program}
	} else {
		t.Log("NOT TESTED: the native engine, because tesseract is not in PATH")
	}
	return all
}

func TestReadingFindsWords(t *testing.T) {
	t.Parallel()
	const few = "Warranty certificate for the engine"
	clean := drawn(t, longProse())
	for engine, recognizer := range engines(t) {
		for _, c := range []struct {
			name     string
			img      *image.Gray
			text     string
			rotation int
			least    float64
		}{
			{"clean", clean, longProse(), 0, 0.95},
			{"skewed and noisy", worn(clean, 3), longProse(), 0, 0.85},
			{"skewed the other way", worn(clean, -4.5), longProse(), 0, 0.85},
			{"quarter turn right", turnedGray(clean, 90), longProse(), 270, 0.95},
			{"worn on its head", turnedGray(worn(clean, 2), 180), longProse(), 180, 0.85},
			{"few words on its head", turnedGray(drawn(t, few), 180), few, 180, 0.95},
		} {
			t.Run(engine+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				tools := &tools{recognizer: recognizer, wanted: []string{"eng"}, langs: []string{"eng"}}
				if engine == "embedded" { // one instance cannot serve two pages at once
					inside, err := newEmbedded(t.Context(), cacheDir(), "")
					if err != nil {
						t.Fatal(err)
					}
					tools.recognizer = inside
				}
				got, err := tools.read(t.Context(), c.img, readDPI)
				if err != nil {
					t.Fatal(err)
				}
				r := recall(c.text, got.text)
				t.Logf("recall %.3f, quality %d, turned %d", r, got.quality, got.rotation)
				if r < c.least || got.rotation != c.rotation {
					t.Errorf("recall %.3f (least %.2f), turned %d (want %d)\n%.500s", r, c.least, got.rotation, c.rotation, got.text)
				}
			})
		}
	}
}

func TestReadingFindsTheLanguage(t *testing.T) {
	t.Parallel()
	const french = "La réquisition est faite par le propriétaire, et les pièces sont reçues dans le bureau des douanes.\n" +
		"Le navire est armé pour la plaisance et il ne peut pas être employé à la pêche.\nLes élèves sont avec leurs maîtres à la forêt."
	img := drawn(t, french)
	for engine, recognizer := range engines(t) {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			tools := &tools{recognizer: recognizer, wanted: []string{"eng", "deu", "fra"}, langs: []string{"eng"}}
			got, err := tools.read(t.Context(), img, readDPI)
			if err != nil {
				t.Fatal(err)
			}
			if r := recall(french, got.text); r < 0.95 || len(tools.langs) != 1 || tools.langs[0] != "fra" {
				t.Errorf("recall %.3f, now in %v: %s", r, tools.langs, got.text)
			}
		})
	}
}

// fickle takes a page for one on its head, and reads it as five languages do,
// when its left edge is marked.
type fickle struct{ Recognizer }

func (fickle) Recognize(_ context.Context, img *image.Gray, _ []string, _ int) (Recognized, error) {
	if img.GrayAt(5, 5).Y == markedEdge {
		return Recognized{Text: strings.Repeat("umoug peduunf x04 ", 20), Confidence: 87}, nil
	}
	return Recognized{Text: strings.Repeat("lazy quick brown ", 20), Confidence: 95}, nil
}

const markedEdge = 243

// The quality of the wrong way up is what the page phototest-rotated-180.png of
// tesseract's own tests gave.
func TestPlausiblePageOnItsHeadIsTurned(t *testing.T) {
	t.Parallel()
	page := drawn(t, longProse())
	for y := range page.Rect.Dy() {
		for x := range 10 {
			page.Pix[y*page.Stride+x] = markedEdge
		}
	}
	tools := &tools{recognizer: fickle{}, wanted: []string{"eng"}, langs: []string{"eng"}}
	wrong, err := tools.readTurned(t.Context(), page, 0, readDPI)
	if err != nil || wrong.quality != 58 {
		t.Fatalf("the wrong way up has quality %d: %v", wrong.quality, err)
	}
	got, err := tools.read(t.Context(), page, readDPI)
	if err != nil || got.rotation != 180 || !strings.HasPrefix(got.text, "lazy") {
		t.Errorf("turned %d: %.60s %v", got.rotation, got.text, err)
	}
}
