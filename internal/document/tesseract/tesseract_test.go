package tesseract

import (
	"context"
	"errors"
	"image"
	"image/color"
	"image/draw"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

const sample = "The raw water impeller of the starboard engine was replaced in March.\n" +
	"Serial number 4711, warranty until the end of the second season.\n" +
	"Keep the receipt together with the certificate of the shipyard."

// compiledModules is one cache for all tests of the package; it lives as long
// as the test binary.
var compiledModules = sync.OnceValue(func() string {
	return filepath.Join(os.TempDir(), "navidocs-test-wazero")
})

func setup(t testing.TB, o Options) *Engine {
	t.Helper()
	o.CacheDir = compiledModules()
	e, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return e
}

// draws text black on white as a 200 dpi page of 12 pt would hold it.
func drawn(t testing.TB, text string) *image.Gray {
	t.Helper()
	f, err := opentype.Parse(goregular.TTF)
	if err != nil {
		t.Fatal(err)
	}
	face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: 12, DPI: 200, Hinting: font.HintingNone})
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(text, "\n")
	img := image.NewGray(image.Rect(0, 0, 1400, 120+50*len(lines)))
	draw.Draw(img, img.Rect, image.White, image.Point{}, draw.Src)
	for i, line := range lines {
		d := font.Drawer{Dst: img, Src: image.NewUniform(color.Black), Face: face, Dot: fixed.P(60, 80+50*i)}
		d.DrawString(line)
	}
	return img
}

func TestRecognizeReadsText(t *testing.T) {
	t.Parallel()
	e := setup(t, Options{})
	text, err := e.Recognize(t.Context(), drawn(t, sample), []string{"eng"}, 200)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Fields(sample), strings.Fields(text)); diff != "" {
		t.Errorf("words (-drawn +read):\n%s", diff)
	}
}

func TestReaderReadsPageAfterPage(t *testing.T) {
	t.Parallel()
	e := setup(t, Options{})
	r, err := e.Open(t.Context(), []string{"deu", "eng"})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close(t.Context())
	for _, line := range []string{"Der Motor wurde geprüft", "The engine was checked", "Die Größe der Schraube"} {
		page, err := r.Recognize(t.Context(), drawn(t, line), 200)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimSpace(page.Text); got != line {
			t.Errorf("read %q, want %q", got, line)
		}
		if page.Confidence < 80 || page.Confidence > 100 {
			t.Errorf("confidence %d of a clean line", page.Confidence)
		}
	}
}

func TestReaderTakesPaddedRows(t *testing.T) {
	t.Parallel()
	e := setup(t, Options{})
	whole := drawn(t, "padding\n"+sample)
	part, ok := whole.SubImage(image.Rect(40, 90, 1390, whole.Rect.Dy())).(*image.Gray)
	if !ok {
		t.Fatal("not grey")
	}
	text, err := e.Recognize(t.Context(), part, []string{"eng"}, 200)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text, "raw water impeller") || strings.Contains(text, "padding") {
		t.Errorf("read %q", text)
	}
}

func TestReaderRefusesImpossibleImages(t *testing.T) {
	t.Parallel()
	e := setup(t, Options{})
	for _, r := range []image.Rectangle{{}, image.Rect(0, 0, 40000, 1), image.Rect(0, 0, 1, 40000)} {
		if _, err := e.Recognize(t.Context(), image.NewGray(r), []string{"eng"}, 200); err == nil {
			t.Errorf("%v was accepted", r)
		}
	}
}

func TestReaderStartsAnewAfterAFailure(t *testing.T) {
	t.Parallel()
	e := setup(t, Options{})
	r, err := e.Open(t.Context(), []string{"eng"})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close(t.Context())
	if _, err := r.Recognize(t.Context(), drawn(t, "before"), 200); err != nil {
		t.Fatal(err)
	}
	r.inst.api = 0xfffffff0 // an engine object outside the memory
	if _, err := r.Recognize(t.Context(), drawn(t, "during"), 200); err == nil {
		t.Fatal("a wrong address was accepted")
	}
	page, err := r.Recognize(t.Context(), drawn(t, "after"), 200)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(page.Text); got != "after" {
		t.Errorf("read %q", got)
	}
}

func TestReaderEndsWhenNobodyWaits(t *testing.T) {
	t.Parallel()
	e := setup(t, Options{})
	r, err := e.Open(t.Context(), []string{"eng"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Recognize(ctx, drawn(t, sample), 200); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v before the start", err)
	}
	if _, err := r.Recognize(t.Context(), drawn(t, "first"), 200); err != nil {
		t.Fatal(err)
	}
	img := drawn(t, sample)
	r.inst.use(ctx)
	if _, err := r.inst.recognize(img.Pix, img.Rect.Dx(), img.Rect.Dy(), 200); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v in the middle", err)
	}
}

func TestOpenRefusesUnknownLanguages(t *testing.T) {
	t.Parallel()
	e := setup(t, Options{})
	for _, langs := range [][]string{nil, {"xxx"}, {"../eng"}, {"eng+deu"}, {""}} {
		if _, err := e.Open(t.Context(), langs); err == nil {
			t.Errorf("%q was accepted", langs)
		}
	}
}

func TestLanguagesComeFromBinaryAndFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	eng, err := newTessdata("").load("eng")
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"nld": eng, "osd": nil, "bad name": nil, "swe": []byte("not language data")} {
		if err := os.WriteFile(filepath.Join(dir, name+trained), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	e := setup(t, Options{TessdataDir: dir})
	got, err := e.Languages()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"deu", "eng", "fra", "ita", "nld", "spa", "swe"}, got); diff != "" {
		t.Error(diff)
	}
	text, err := e.Recognize(t.Context(), drawn(t, "from the folder"), []string{"nld"}, 200)
	if err != nil || strings.TrimSpace(text) != "from the folder" {
		t.Errorf("read %q, %v", text, err)
	}
	if _, err := e.Recognize(t.Context(), drawn(t, "broken"), []string{"swe"}, 200); err == nil {
		t.Error("broken data was accepted")
	}
}

func TestEngineStartsWithoutCache(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("compiles the module")
	}
	e, err := New(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func FuzzRecognize(f *testing.F) {
	f.Add([]byte("\x00\xff\x00\xff"), uint16(2), 200)
	f.Add(make([]byte, 4096), uint16(64), 70)
	f.Add([]byte(strings.Repeat("|_/ \\", 4000)), uint16(200), 0)
	e := setup(f, Options{})
	f.Fuzz(func(t *testing.T, pixels []byte, width uint16, dpi int) {
		w := max(1, int(width)%1024)
		h := len(pixels) / w
		if h == 0 {
			return
		}
		img := &image.Gray{Pix: pixels[:w*h], Stride: w, Rect: image.Rect(0, 0, w, h)}
		text, err := e.Recognize(t.Context(), img, []string{"eng"}, dpi)
		if err != nil && errors.Is(err, errThrown) {
			t.Logf("exception on %dx%d at %d dpi: %v", w, h, dpi, err)
		}
		if !strings.Contains(text, "") || strings.ContainsRune(text, 0) {
			t.Errorf("text %q", text)
		}
	})
}
