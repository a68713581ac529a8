package extract

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// roleVariable makes the test binary play a child.
const roleVariable = "NAVIDOCS_TEST_ROLE"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		if err := playChild(role); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// playChild is a real child, or one that meets a hostile file.
func playChild(role string) error {
	ctx := context.Background()
	if role == "child" {
		return Main(ctx, os.Stdin, os.Stdout)
	}
	var q request
	if err := readFrame(os.Stdin, &q); err != nil {
		return err
	}
	send := func(m reply) error { return writeFrame(os.Stdout, m) }
	if role == "mute" {
		forever()
	}
	if role == "unable" {
		return send(reply{Failed: "no room left"})
	}
	const pages = 30
	if err := send(reply{Opened: &opened{Pages: pages}}); err != nil {
		return err
	}
	for n := q.From; n <= pages; n++ {
		if n == 2 || role == "always" {
			misbehave(role)
		}
		if err := send(reply{Page: &Page{Number: n, Text: "fine"}}); err != nil {
			return err
		}
	}
	return send(reply{Done: true})
}

// forever blocks. A bare select{} would end the program where nothing else runs
// in it: the runtime calls that a deadlock.
func forever() {
	never := make(chan os.Signal, 1)
	signal.Notify(never, syscall.SIGUSR2)
	<-never
}

func misbehave(role string) {
	switch role {
	case "hang":
		forever()
	case "eat":
		var eaten [][]byte
		for range 400 {
			eaten = append(eaten, []byte(strings.Repeat("x", 4<<20)))
		}
		fmt.Fprintln(os.Stderr, len(eaten))
		forever()
	case "babble":
		fmt.Print("this is not a frame, and a very long one")
		forever()
	case "jump":
		if err := writeFrame(os.Stdout, reply{Page: &Page{Number: 4}}); err != nil {
			os.Exit(4)
		}
	default:
		fmt.Fprintln(os.Stderr, "no way on")
		os.Exit(3)
	}
}

// cacheDir is one cache of compiled modules for all tests; it outlives them,
// because compiling takes seconds.
var cacheDir = sync.OnceValue(func() string { return filepath.Join(os.TempDir(), "navidocs-test-wazero") })

func command(role string) []string { return []string{"env", roleVariable + "=" + role, os.Args[0]} }

func options() Options {
	return Options{
		Command:      command("child"),
		CacheDir:     cacheDir(),
		Languages:    []string{"eng"},
		Native:       NativeOff,
		PageDeadline: 2 * time.Minute,
		MemoryLimit:  3 << 30,
	}
}

// pagesOf takes a file apart in this process.
func pagesOf(t *testing.T, path, mediaType string) (Info, []Page, error) {
	t.Helper()
	var info Info
	var pages []Page
	collect := func(m reply) error {
		if m.Info != nil {
			info = *m.Info
		}
		if m.Page != nil {
			pages = append(pages, *m.Page)
		}
		return nil
	}
	q := request{Op: opInspect, Path: path, MediaType: mediaType, CacheDir: cacheDir(), Languages: []string{"eng"}, Native: NativeOff}
	if err := work(t.Context(), q, collect); err != nil {
		return info, nil, err
	}
	q.Op = opPages
	err := work(t.Context(), q, collect)
	return info, pages, err
}

func write(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// prose is what the drawn pages say, several times over.
const prose = `The raw water impeller of the starboard engine was replaced in March
by the yard at Kiel. The old one had lost two of its blades, which were
found in the heat exchanger and removed. Please keep this receipt with
the certificate of warranty: it is valid for twenty four months from the
date of delivery and covers parts as well as labour. The next inspection
should be done after one hundred hours or at the end of the season. Check
the belt tension, the anodes and the seacocks whenever the boat is ashore.
Should the temperature alarm sound again, stop the engine at once, close
the intake and inspect the strainer before calling our service partner.`

// drawn is a page of text, A4 upright at 200 dpi, black on paper.
func drawn(t testing.TB, text string) *image.Gray {
	t.Helper()
	f, err := opentype.Parse(goregular.TTF)
	if err != nil {
		t.Fatal(err)
	}
	face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: 11, DPI: readDPI, Hinting: font.HintingNone})
	if err != nil {
		t.Fatal(err)
	}
	img := image.NewGray(image.Rect(0, 0, 1654, 2339))
	draw.Draw(img, img.Rect, image.NewUniform(color.Gray{Y: 244}), image.Point{}, draw.Src)
	for i, line := range strings.Split(text, "\n") {
		d := font.Drawer{Dst: img, Src: image.NewUniform(color.Gray{Y: 20}), Face: face, Dot: fixed.P(150, 200+44*i)}
		d.DrawString(line)
	}
	return img
}

// longProse is a page of several paragraphs.
func longProse() string { return prose + "\n\n" + prose }

// worn is the page as a bad scanner gives it: askew, grey, shadowed and noisy.
func worn(img *image.Gray, degrees float64) *image.Gray {
	out := straightened(img, -degrees)
	random := rand.New(rand.NewPCG(1, 2))
	for y := range out.Rect.Dy() {
		row := out.Pix[y*out.Stride:][:out.Rect.Dx()]
		for x, p := range row {
			shadow := 0.75 + 0.25*float64(x)/float64(len(row))
			row[x] = byte(min(255, max(0, float64(p)*shadow*0.85+random.NormFloat64()*14)))
		}
	}
	return out
}

// recall is the share of the words of want that got has too.
func recall(want, got string) float64 {
	have := map[string]int{}
	for _, w := range strings.Fields(got) {
		have[w]++
	}
	words, hits := 0, 0
	for _, w := range strings.Fields(want) {
		words++
		if have[w] > 0 {
			have[w]--
			hits++
		}
	}
	return float64(hits) / float64(words)
}
