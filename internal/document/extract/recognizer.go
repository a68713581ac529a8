package extract

import (
	"context"
	"errors"
	"image"
	"slices"

	"navidocs/internal/document/tesseract"
)

// Recognizer is an OCR engine.
type Recognizer interface {
	// Languages lists what it can read, by Tesseract's names.
	Languages(ctx context.Context) ([]string, error)
	// Recognize reads an upright image in some of its languages. An image
	// without text gives an empty Recognized; an error says that this image
	// could not be read, and the next may be.
	Recognize(ctx context.Context, img *image.Gray, langs []string, dpi int) (Recognized, error)
	// Close ends what the engine started.
	Close(ctx context.Context) error
}

// Recognized is what stands on an image.
type Recognized struct {
	Text string
	// Confidence is the engine's mean over the words, from 0 to 100.
	Confidence int
}

// embedded is the engine inside the binary: one instance for all pages of the
// document.
type embedded struct {
	engine *tesseract.Engine
	reader *tesseract.Reader
	langs  []string
}

var _ Recognizer = (*embedded)(nil)

func newEmbedded(ctx context.Context, cacheDir, tessdataDir string) (*embedded, error) {
	engine, err := tesseract.New(ctx, tesseract.Options{CacheDir: cacheDir, TessdataDir: tessdataDir})
	if err != nil {
		return nil, err
	}
	return &embedded{engine: engine}, nil
}

func (e *embedded) Languages(context.Context) ([]string, error) { return e.engine.Languages() }

func (e *embedded) Recognize(ctx context.Context, img *image.Gray, langs []string, dpi int) (Recognized, error) {
	if e.reader == nil || !slices.Equal(e.langs, langs) {
		if err := e.closeReader(ctx); err != nil {
			return Recognized{}, err
		}
		reader, err := e.engine.Open(ctx, langs)
		if err != nil {
			return Recognized{}, err
		}
		e.reader, e.langs = reader, slices.Clone(langs)
	}
	page, err := e.reader.Recognize(ctx, img, dpi)
	return Recognized{Text: page.Text, Confidence: page.Confidence}, err
}

func (e *embedded) closeReader(ctx context.Context) error {
	if e.reader == nil {
		return nil
	}
	reader := e.reader
	e.reader = nil
	return reader.Close(ctx)
}

func (e *embedded) Close(ctx context.Context) error {
	return errors.Join(e.closeReader(ctx), e.engine.Close(ctx))
}

// chooseRecognizer gives the installed engine when it knows every wanted
// language, else the one of the two that knows more of them, the embedded one
// when equal; and the languages to read in.
func chooseRecognizer(ctx context.Context, q request) (Recognizer, []string, error) {
	var outside Recognizer
	var outsideLangs []string
	if program, found := findNative(q.Native); found {
		outside = &native{program: program}
		// A program that cannot even list its languages is not used.
		langs, _ := outside.Languages(ctx)
		if outsideLangs = wanted(q.Languages, langs); len(outsideLangs) == len(q.Languages) {
			return outside, outsideLangs, nil
		}
	}
	inside, err := newEmbedded(ctx, q.CacheDir, q.TessdataDir)
	if err != nil {
		return nil, nil, err
	}
	langs, err := inside.Languages(ctx)
	insideLangs := wanted(q.Languages, langs)
	switch {
	case err == nil && len(insideLangs) > 0 && len(insideLangs) >= len(outsideLangs):
		return inside, insideLangs, nil
	case len(outsideLangs) > 0:
		return outside, outsideLangs, inside.Close(ctx)
	}
	if err == nil {
		err = refuse(ReasonUnsupported, "no engine reads any of %v", q.Languages)
	}
	return nil, nil, errors.Join(err, inside.Close(ctx))
}

// wanted keeps the languages that the engine has, in the order of preference.
func wanted(languages, has []string) []string {
	var kept []string
	for _, l := range languages {
		if slices.Contains(has, l) && !slices.Contains(kept, l) {
			kept = append(kept, l)
		}
	}
	return kept
}
