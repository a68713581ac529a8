package extract

import (
	"context"
	"image"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// conform is what every Recognizer keeps to.
func conform(t *testing.T, r Recognizer) {
	t.Helper()
	ctx := t.Context()
	langs, err := r.Languages(ctx)
	if err != nil || !slices.Contains(langs, "eng") || slices.Contains(langs, "osd") {
		t.Fatalf("languages %v, %v", langs, err)
	}
	got, err := r.Recognize(ctx, drawn(t, "Replace the impeller\nevery second year"), []string{"eng"}, readDPI)
	if err != nil || strings.TrimSpace(got.Text) != "Replace the impeller\nevery second year" {
		t.Errorf("read %q, %v", got.Text, err)
	}
	if got.Confidence < 80 || got.Confidence > 100 {
		t.Errorf("confidence %d", got.Confidence)
	}
	got, err = r.Recognize(ctx, image.NewGray(image.Rect(0, 0, 300, 200)), []string{"eng"}, readDPI)
	if err != nil || strings.TrimSpace(got.Text) != "" {
		t.Errorf("an empty page reads %q, %v", got.Text, err)
	}
	if _, err := r.Recognize(ctx, drawn(t, "x"), []string{"xxx"}, readDPI); err == nil {
		t.Error("an unknown language was accepted")
	}
	part, ok := drawn(t, "Padding\nof rows").SubImage(image.Rect(0, 180, 900, 320)).(*image.Gray)
	if !ok {
		t.Fatal("not grey")
	}
	if got, err = r.Recognize(ctx, part, []string{"eng"}, 0); err != nil || !strings.Contains(got.Text, "of rows") {
		t.Errorf("a part of an image reads %q, %v", got.Text, err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := r.Recognize(ended, drawn(t, prose), []string{"eng"}, readDPI); err == nil {
		t.Error("an ended context was accepted")
	}
	if err := r.Close(ctx); err != nil {
		t.Error(err)
	}
}

func TestRecognizersConform(t *testing.T) {
	t.Parallel()
	for name, r := range engines(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conform(t, r)
		})
	}
}

// fakeProgram is a tesseract that only knows how to list languages.
func fakeProgram(t *testing.T, langs string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tesseract")
	script := "#!/bin/sh\n[ \"$1\" = --list-langs ] || { echo broken >&2; exit 1; }\necho 'List of available languages (9):'\n"
	for l := range strings.FieldsSeq(langs) {
		script += "echo " + l + "\n"
	}
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestChooseRecognizer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		program string
		want    []string
		native  bool
		langs   []string
	}{
		"both have all":         {fakeProgram(t, "eng osd deu"), []string{"deu", "eng"}, true, []string{"deu", "eng"}},
		"only inside has all":   {fakeProgram(t, "eng"), []string{"eng", "deu"}, false, []string{"eng", "deu"}},
		"only outside has one":  {fakeProgram(t, "eng nld"), []string{"nld", "xxx"}, true, []string{"nld"}},
		"off":                   {NativeOff, []string{"eng", "eng"}, false, []string{"eng"}},
		"not installed":         {"/nonexistent/tesseract", []string{"fra", "xxx"}, false, []string{"fra"}},
		"nobody reads that":     {fakeProgram(t, "eng"), []string{"xxx"}, false, nil},
		"program does not work": {"/bin/false", []string{"eng"}, false, []string{"eng"}},
	} {
		r, langs, err := chooseRecognizer(t.Context(), request{CacheDir: cacheDir(), Languages: c.want, Native: c.program})
		if (err != nil) != (c.langs == nil) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(c.langs, langs); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if _, ok := r.(*native); err == nil && ok != c.native {
			t.Errorf("%s: got %T", name, r)
		}
	}
}

func TestBrokenProgramsTellWhy(t *testing.T) {
	t.Parallel()
	n := &native{program: fakeProgram(t, "eng")}
	_, err := n.Recognize(t.Context(), image.NewGray(image.Rect(0, 0, 9, 9)), []string{"eng"}, readDPI)
	if err == nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("got %v", err)
	}
}

func TestParseTSV(t *testing.T) {
	t.Parallel()
	table := strings.Join([]string{
		"level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext",
		"4\t1\t1\t1\t1\t0\t0\t0\t9\t9\t-1\t",
		"5\t1\t1\t1\t1\t1\t0\t0\t9\t9\t90.5\tone",
		"5\t1\t1\t1\t1\t2\t0\t0\t9\t9\t80\ttwo",
		"5\t1\t1\t1\t2\t1\t0\t0\t9\t9\t70\tthree",
		"5\t1\t1\t2\t1\t1\t0\t0\t9\t9\t60\tfour",
		"5\t1\t2\t1\t1\t1\t0\t0\t9\t9\tx\tlost",
		"5\t1\t2\t1\t1\t1\t0\t0\t9\t9\t50\tfive",
		"short\trow",
	}, "\n")
	want := Recognized{Text: "one two\nthree\n\nfour\n\nfive\n", Confidence: 70}
	if diff := cmp.Diff(want, parseTSV(table)); diff != "" {
		t.Error(diff)
	}
	if got := parseTSV("nothing"); got != (Recognized{}) {
		t.Errorf("got %+v", got)
	}
}
