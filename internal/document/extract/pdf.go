package extract

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"math"
	"os"
	"strings"
	"unicode"

	"github.com/klippa-app/go-pdfium"
	"github.com/klippa-app/go-pdfium/enums"
	pdferrors "github.com/klippa-app/go-pdfium/errors"
	"github.com/klippa-app/go-pdfium/references"
	"github.com/klippa-app/go-pdfium/requests"
	"github.com/klippa-app/go-pdfium/responses"
	"github.com/klippa-app/go-pdfium/webassembly"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

const (
	// pdfMemoryPages bounds PDFium's memory: 512 MiB in pages of 64 KiB.
	pdfMemoryPages = 8192
	// fewCharacters is the amount of native text below which a page is taken
	// for a picture of text.
	fewCharacters = 50
	// maxReadPixels bounds the image of a page that is read; larger sheets
	// are read at a lower resolution.
	maxReadPixels = 24_000_000
	pointsPerInch = 72
	// maxOutline and maxLevel bound a table of contents, which a hostile file
	// can make endless.
	maxOutline = 5000
	maxLevel   = 16
	maxTitle   = 500
)

// pdfDocument is an open PDF file.
type pdfDocument struct {
	pool    pdfium.Pool
	cache   wazero.CompilationCache
	pdf     pdfium.Pdfium
	ref     references.FPDF_DOCUMENT
	pages   int
	title   string
	outline []OutlineItem
	tools   *tools
}

func openPDF(ctx context.Context, f *os.File, t *tools) (_ document, err error) {
	d := &pdfDocument{tools: t}
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	if err := d.start(ctx, t.request.CacheDir); err != nil {
		return nil, err
	}
	stat, err := f.Stat()
	if err != nil {
		return nil, unreadable(err)
	}
	doc, err := d.pdf.OpenDocument(&requests.OpenDocument{FileReader: f, FileReaderSize: stat.Size()})
	if err != nil {
		return nil, pdfError(err)
	}
	d.ref = doc.Document
	count, err := d.pdf.FPDF_GetPageCount(&requests.FPDF_GetPageCount{Document: d.ref})
	if err != nil {
		return nil, pdfError(err)
	}
	if d.pages = count.PageCount; d.pages < 1 {
		return nil, refuse(ReasonBroken, "no page in the file")
	}
	if t.request.Op == opInspect {
		d.describe()
	}
	return d, nil
}

// start readies PDFium without any file of ours in its sandbox and without
// our standard output, which belongs to the parent.
func (d *pdfDocument) start(ctx context.Context, cacheDir string) (err error) {
	config := wazero.NewRuntimeConfig().
		WithCoreFeatures(api.CoreFeaturesV2 | experimental.CoreFeaturesExceptionHandling).
		WithMemoryLimitPages(pdfMemoryPages)
	if cacheDir != "" {
		if d.cache, err = wazero.NewCompilationCacheWithDir(cacheDir); err != nil {
			return err
		}
		config = config.WithCompilationCache(d.cache)
	}
	d.pool, err = webassembly.Init(webassembly.Config{
		Context:       ctx,
		MaxIdle:       1,
		MaxTotal:      1,
		FSConfig:      wazero.NewFSConfig(),
		RuntimeConfig: config,
		Stdout:        io.Discard,
		Stderr:        io.Discard,
	})
	if err != nil {
		return err
	}
	d.pdf, err = d.pool.GetInstanceWithContext(ctx)
	return err
}

func pdfError(err error) error {
	if errors.Is(err, pdferrors.ErrPassword) || errors.Is(err, pdferrors.ErrSecurity) {
		return refuse(ReasonEncrypted, "%v", err)
	}
	return refuse(ReasonBroken, "%v", err)
}

func (d *pdfDocument) info() Info {
	return Info{Pages: d.pages, Title: d.title, Outline: d.outline}
}

// close lets go of PDFium; the process is about to end, so that nothing is
// left to do about an error.
func (d *pdfDocument) close() {
	if d.pdf != nil {
		_ = d.pdf.Close()
	}
	if d.pool != nil {
		_ = d.pool.Close()
	}
}

// describe finds title and outline, as far as the file has them.
func (d *pdfDocument) describe() {
	meta, err := d.pdf.FPDF_GetMetaText(&requests.FPDF_GetMetaText{Document: d.ref, Tag: "Title"})
	if err == nil {
		d.title = oneLine(meta.Value)
	}
	if !d.walkOutline(nil, 1) {
		return // cut short: titles are all that is wanted of an endless one
	}
	marks, err := d.pdf.GetBookmarks(&requests.GetBookmarks{Document: d.ref})
	if err == nil {
		d.outline = d.flatten(nil, marks.Bookmarks, 1)
	}
}

// walkOutline collects the titles below a bookmark step by step, and says
// whether they come to an end: the library's own list of them does not, when
// they turn in a circle.
func (d *pdfDocument) walkOutline(parent *references.FPDF_BOOKMARK, level int) bool {
	child, err := d.pdf.FPDFBookmark_GetFirstChild(&requests.FPDFBookmark_GetFirstChild{Document: d.ref, Bookmark: parent})
	if err != nil || child.Bookmark != nil && level > maxLevel {
		return false
	}
	for b := child.Bookmark; b != nil; {
		title, err := d.pdf.FPDFBookmark_GetTitle(&requests.FPDFBookmark_GetTitle{Bookmark: *b})
		if err != nil || len(d.outline) == maxOutline {
			return false
		}
		d.outline = append(d.outline, OutlineItem{Title: oneLine(title.Title), Level: level})
		if !d.walkOutline(b, level+1) {
			return false
		}
		next, err := d.pdf.FPDFBookmark_GetNextSibling(&requests.FPDFBookmark_GetNextSibling{Document: d.ref, Bookmark: *b})
		if err != nil {
			return false
		}
		b = next.Bookmark
	}
	return true
}

// flatten lists bookmarks with the pages that they lead to. (The library's
// way to ask for the destination of one bookmark asks PDFium for another.)
func (d *pdfDocument) flatten(items []OutlineItem, marks []responses.GetBookmarksBookmark, level int) []OutlineItem {
	for _, m := range marks {
		item := OutlineItem{Title: oneLine(m.Title), Level: level}
		if m.DestInfo != nil && m.DestInfo.PageIndex >= 0 && m.DestInfo.PageIndex < d.pages {
			item.Page = m.DestInfo.PageIndex + 1
		}
		items = d.flatten(append(items, item), m.Children, level+1)
	}
	return items
}

// oneLine makes a title of what a file gives as one.
func oneLine(text string) string {
	return cutBytes(strings.Join(strings.Fields(clean(text)), " "), maxTitle)
}

func (d *pdfDocument) page(ctx context.Context, n int) (Page, error) {
	ref := requests.Page{ByIndex: &requests.PageByIndex{Document: d.ref, Index: n - 1}}
	size, err := d.pdf.GetPageSize(&requests.GetPageSize{Page: ref})
	if err != nil {
		return Page{}, pdfError(err)
	}
	if !(size.Width > 0 && size.Height > 0) {
		return Page{}, refuse(ReasonBroken, "page without a size")
	}
	page, textErr := d.text(ref)
	if textErr != nil || characters(page.Text) < fewCharacters {
		found, err := d.read(ctx, ref, size)
		page.Rotation = found.rotation
		if characters(found.text) > characters(page.Text) {
			page.Text, page.Source = found.text, SourceOCR
		}
		textErr = errors.Join(textErr, err)
	}
	return page, errors.Join(textErr, d.dress(&page, ref, size))
}

// text gives the page with the text that the file holds.
func (d *pdfDocument) text(ref requests.Page) (Page, error) {
	text, err := d.pdf.GetPageText(&requests.GetPageText{Page: ref})
	if err != nil {
		return Page{}, pdfError(err)
	}
	// PDFium marks a hyphen at a line's end with a noncharacter.
	joined := strings.NewReplacer("\uFFFE\r\n", "", "\x02\r\n", "", "\uFFFE", "", "\x02", "").Replace(text.Text)
	return Page{Text: joined, Source: SourceNative}, nil
}

// characters counts what is not white space.
func characters(text string) int {
	n := 0
	for _, r := range text {
		if !unicode.IsSpace(r) && r != '\uFFFD' {
			n++
		}
	}
	return n
}

// read renders the page in grey and reads it.
func (d *pdfDocument) read(ctx context.Context, ref requests.Page, size *responses.GetPageSize) (reading, error) {
	dpi := readResolution(size.Width, size.Height)
	w, h := pixels(size, float64(dpi)/pointsPerInch)
	img, err := d.render(ref, w, h, requests.RenderImageFormatGrayscale)
	if err != nil {
		return reading{}, err
	}
	defer img.Cleanup()
	g, ok := img.Result.RenderedImage.(*image.Gray)
	if !ok {
		return reading{}, fmt.Errorf("rendered as %T", img.Result.RenderedImage)
	}
	return d.tools.read(ctx, g, dpi)
}

// pixels is the size of the page at so many pixels to the point.
func pixels(size *responses.GetPageSize, by float64) (int, int) {
	return max(1, int(math.Round(size.Width*by))), max(1, int(math.Round(size.Height*by)))
}

// readResolution is readDPI, or what keeps a large sheet within bounds.
func readResolution(width, height float64) int {
	pixels := width * height * readDPI * readDPI / (pointsPerInch * pointsPerInch)
	if pixels <= maxReadPixels {
		return readDPI
	}
	return max(1, int(readDPI*math.Sqrt(maxReadPixels/pixels)))
}

// dress renders both images of the page at their final size.
func (d *pdfDocument) dress(page *Page, ref requests.Page, size *responses.GetPageSize) error {
	for _, side := range []int{thumbSide, screenSide} {
		w, h := pixels(size, float64(side)/max(size.Width, size.Height))
		img, err := d.render(ref, w, h, requests.RenderImageFormatRGBA)
		if err != nil {
			return err
		}
		if err := page.picture(img, side); err != nil {
			return err
		}
	}
	return nil
}

// picture encodes one rendered image and lets go of it.
func (p *Page) picture(img *responses.RenderPageInPixels, side int) error {
	defer img.Cleanup()
	rgba, ok := img.Result.RenderedImage.(*image.RGBA)
	if !ok {
		return fmt.Errorf("rendered as %T", img.Result.RenderedImage)
	}
	upright := turnedRGBA(rgba, p.Rotation)
	data, err := encoded(upright)
	if err != nil {
		return err
	}
	if side == thumbSide {
		p.Thumb = data
		return nil
	}
	p.Screen, p.Width, p.Height = data, upright.Rect.Dx(), upright.Rect.Dy()
	return nil
}

// render draws the page with its form fields.
func (d *pdfDocument) render(ref requests.Page, w, h int, format requests.RenderImageFormat) (*responses.RenderPageInPixels, error) {
	img, err := d.pdf.RenderPageInPixels(&requests.RenderPageInPixels{
		Page:        ref,
		Width:       w,
		Height:      h,
		RenderFlags: enums.FPDF_RENDER_FLAG_ANNOT,
		RenderForm:  true,
		ImageFormat: format,
	})
	if err != nil {
		return nil, pdfError(err)
	}
	return img, nil
}
