package extract

import (
	"image"
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
