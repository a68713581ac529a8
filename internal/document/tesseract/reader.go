package tesseract

import (
	"context"
	"errors"
	"fmt"
	"image"
	"math"
	"strconv"
	"strings"

	"github.com/tetratelabs/wazero"

	"navidocs/internal/fault"
)

const (
	// maxPixels bounds one image: an A3 page at 400 dpi has 31 million.
	maxPixels = 64 << 20
	// maxText bounds the text that is taken from the module for one page.
	maxText = 4 << 20
	// minDPI and maxDPI are the resolutions that the engine believes; any
	// other it replaces by a guess.
	minDPI, maxDPI = 70, 2400
)

// settings are the variables of every instance. Sauvola's threshold (method 2)
// reads grey and shadowed paper where the default loses the page; mode 3 finds
// columns.
var settings = [][2]string{
	{"thresholding_method", "2"},
	{"tessedit_pageseg_mode", "3"},
}

// Page is what was read from one image.
type Page struct {
	// Text has lines ended by a newline and an empty line between paragraphs.
	Text string
	// Confidence is the engine's own mean over the words, from 0 to 100.
	Confidence int
}

// Reader reads the pages of one document in its languages. An instance that
// fails is thrown away; the next page gets a new one. Not for concurrent use.
type Reader struct {
	engine *Engine
	langs  []string
	inst   *instance // nil before the first page and after a failure
}

// Open makes a Reader for the languages, the most likely one first. The data
// of each must exist; the instance itself starts with the first page.
func (e *Engine) Open(_ context.Context, langs []string) (_ *Reader, err error) {
	defer fault.Wrap(&err, "tesseract.Open %s", strings.Join(langs, "+"))
	if len(langs) == 0 {
		return nil, errors.New("no language")
	}
	for _, l := range langs {
		if _, err := e.data.load(l); err != nil {
			return nil, err
		}
	}
	return &Reader{engine: e, langs: langs}, nil
}

// Recognize reads one image; dpi is its resolution, brought into the range of
// 70 to 2400.
func (r *Reader) Recognize(ctx context.Context, img *image.Gray, dpi int) (_ Page, err error) {
	defer fault.Wrap(&err, "tesseract.Recognize")
	if err := ctx.Err(); err != nil {
		return Page{}, err
	}
	pixels, err := packed(img)
	if err != nil {
		return Page{}, err
	}
	if r.inst == nil {
		if r.inst, err = r.engine.start(ctx, r.langs); err != nil {
			return Page{}, err
		}
	}
	r.inst.use(ctx)
	page, err := r.inst.recognize(pixels, img.Rect.Dx(), img.Rect.Dy(), min(max(dpi, minDPI), maxDPI))
	if err != nil {
		err = errors.Join(err, r.Close(ctx))
	}
	return page, err
}

// Close throws the instance away. The Reader may be used again.
func (r *Reader) Close(ctx context.Context) error {
	if r.inst == nil {
		return nil
	}
	inst := r.inst
	r.inst = nil
	return inst.host.mod.Close(ctx)
}

// packed gives the rows of the image without padding.
func packed(img *image.Gray) ([]byte, error) {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	if w < 1 || h < 1 || w > math.MaxInt16 || h > math.MaxInt16 || w*h > maxPixels {
		return nil, fmt.Errorf("image of %dx%d pixels cannot be read", w, h)
	}
	if img.Stride == w {
		return img.Pix[:w*h], nil
	}
	pixels := make([]byte, 0, w*h)
	for y := range h {
		pixels = append(pixels, img.Pix[y*img.Stride:][:w]...)
	}
	return pixels, nil
}

// instance is one started module with its engine object.
type instance struct {
	*host
	api uint64
}

// start makes an instance with its languages loaded.
func (e *Engine) start(ctx context.Context, langs []string) (_ *instance, err error) {
	h := newHost()
	for _, l := range langs {
		if h.files["/"+l+trained], err = e.data.load(l); err != nil {
			return nil, err
		}
	}
	h.use(ctx)
	h.mod, err = e.runtime.InstantiateModule(h.ctx, e.compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		return nil, err
	}
	i := &instance{host: h}
	if err := i.prepare(strings.Join(langs, "+")); err != nil {
		return nil, errors.Join(err, h.mod.Close(ctx))
	}
	return i, nil
}

// prepare runs the constructors and initialises the engine object.
func (i *instance) prepare(langs string) (err error) {
	if err := i.bind(); err != nil {
		return err
	}
	if _, err := i.call("constructors"); err != nil {
		return err
	}
	if i.api, err = i.call("new"); err != nil {
		return err
	}
	const lstmOnly = 1
	code, err := i.withStrings("init", []string{"/", langs}, lstmOnly)
	if err != nil {
		return err
	}
	if code != 0 {
		return fmt.Errorf("the engine refused its language data: %s", i.said())
	}
	for _, s := range settings {
		if ok, err := i.withStrings("set", s[:]); err != nil || ok == 0 {
			return errors.Join(fmt.Errorf("setting %s", s[0]), err)
		}
	}
	return nil
}

// recognize hands over the pixels and fetches text and confidence.
func (i *instance) recognize(pixels []byte, width, height, dpi int) (Page, error) {
	if err := i.setImage(pixels, width, height, dpi); err != nil {
		return Page{}, err
	}
	code, err := i.call("recognize", i.api, 0)
	if err != nil {
		return Page{}, err
	}
	if code != 0 {
		return Page{}, errors.New("the engine gave up: code " + strconv.Itoa(int(code)))
	}
	text, err := i.text()
	if err != nil {
		return Page{}, err
	}
	confidence, err := i.call("confidence", i.api)
	if err != nil {
		return Page{}, err
	}
	_, err = i.call("clear", i.api)
	return Page{Text: text, Confidence: int(int32(confidence))}, err
}

func (i *instance) setImage(pixels []byte, width, height, dpi int) error {
	at, err := i.copyIn(pixels)
	if err != nil {
		return err
	}
	const bytesPerPixel, upright, noAngle = 1, 1, 0
	_, err = i.call("set_image", i.api, at, uint64(width), uint64(height), bytesPerPixel, uint64(width), upright, noAngle)
	if err != nil {
		return err
	}
	if _, err := i.call("free", at); err != nil {
		return err
	}
	_, err = i.call("resolution", i.api, uint64(dpi))
	return err
}

func (i *instance) text() (string, error) {
	at, err := i.call("text", i.api)
	if err != nil || at == 0 {
		return "", err
	}
	text, ok := i.cString(uint32(at), maxText)
	if !ok {
		return "", errors.New("the engine's text does not end")
	}
	_, err = i.call("free", at)
	return strings.ToValidUTF8(text, "\uFFFD"), err
}

// withStrings calls a method of the engine object with strings first, numbers
// after.
func (i *instance) withStrings(name string, texts []string, numbers ...uint64) (uint64, error) {
	args := []uint64{i.api}
	for _, s := range texts {
		at, err := i.copyIn(append([]byte(s), 0))
		if err != nil {
			return 0, err
		}
		args = append(args, at)
	}
	result, err := i.call(name, append(args, numbers...)...)
	if err != nil {
		return 0, err
	}
	for _, at := range args[1 : 1+len(texts)] {
		if _, err := i.call("free", at); err != nil {
			return 0, err
		}
	}
	return uint64(uint32(result)), nil
}
