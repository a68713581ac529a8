package extract

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	xunicode "golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

const (
	// maxPageText bounds the text of one page of any file.
	maxPageText = 64 << 10
	// pageRunes is the length of a page of a text file.
	pageRunes = 3000
	// maxTextFile bounds a text file; more is not read by anyone.
	maxTextFile = 32 << 20
)

// textDocument is a file without images: its pages are pieces of its text.
type textDocument struct {
	title string
	pages []string
}

func (d *textDocument) info() Info { return Info{Pages: len(d.pages), Title: d.title} }

func (d *textDocument) page(_ context.Context, n int) (Page, error) {
	return Page{Text: d.pages[n-1], Source: SourceNative}, nil
}

func (d *textDocument) close() {}

func openText(f *os.File, mediaType string) (document, error) {
	data, err := io.ReadAll(io.LimitReader(f, maxTextFile+1))
	if err != nil {
		return nil, unreadable(err)
	}
	if len(data) > maxTextFile {
		return nil, refuse(ReasonUnsupported, "text of more than %d MiB", maxTextFile>>20)
	}
	text, err := decodeText(data)
	if err != nil {
		return nil, refuse(ReasonBroken, "%v", err)
	}
	text = tidy(text)
	d := &textDocument{pages: paginate(text)}
	if mediaType == "text/markdown" {
		d.title = markdownTitle(text)
	}
	return d, nil
}

// decodeText finds out how the bytes are meant: by a byte order mark, as UTF-8
// when they are valid, else as Windows-1252, which contains Latin-1.
func decodeText(data []byte) (string, error) {
	var e encoding.Encoding
	switch {
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		return strings.ToValidUTF8(string(data[3:]), "\uFFFD"), nil
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		e = xunicode.UTF16(xunicode.LittleEndian, xunicode.UseBOM)
	case bytes.IndexByte(data, 0) >= 0:
		return "", errors.New("not a text: it holds NUL bytes")
	case utf8.Valid(data):
		return string(data), nil
	default:
		e = charmap.Windows1252
	}
	text, _, err := transform.Bytes(e.NewDecoder(), data)
	return string(text), err
}

// tidy keeps one kind of line end and no control characters.
func tidy(text string) string {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\f", "\n", "\u2028", "\n").Replace(text)
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || !unicode.IsControl(r) {
			return r
		}
		return -1
	}, strings.ToValidUTF8(text, "\uFFFD"))
}

// clean makes a page's text fit to be kept, whatever it comes from.
func clean(text string) string {
	text = strings.TrimSpace(tidy(text))
	return strings.TrimSpace(cutBytes(text, maxPageText))
}

// cutBytes gives at most limit bytes, ending with a whole line when there is
// one, else with a whole character.
func cutBytes(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	if end := strings.LastIndexByte(text[:limit], '\n'); end > limit/2 {
		return text[:end]
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}

// paginate cuts text at line ends into pages of at most pageRunes characters;
// a longer line is cut where the page ends. There is always one page.
func paginate(text string) []string {
	var pages []string
	for {
		end, lineEnd, count := 0, 0, 0
		for end < len(text) && count < pageRunes {
			r, size := utf8.DecodeRuneInString(text[end:])
			end += size
			count++
			if r == '\n' {
				lineEnd = end
			}
		}
		if end < len(text) && lineEnd > 0 {
			end = lineEnd
		}
		pages = append(pages, text[:end])
		if text = text[end:]; text == "" {
			return pages
		}
	}
}

// markdownTitle gives the first heading of the first level.
func markdownTitle(text string) string {
	for line := range strings.Lines(text) {
		if title, ok := strings.CutPrefix(line, "# "); ok {
			return strings.TrimSpace(title)
		}
	}
	return ""
}
