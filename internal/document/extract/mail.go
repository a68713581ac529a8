package extract

import (
	"encoding/base64"
	"errors"
	"fmt"
	"html"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"path"
	"regexp"
	"strings"

	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/transform"
)

const (
	maxMail      = 64 << 20 // the whole message, attachments included
	maxMailText  = 4 << 20  // the text of one part
	maxMailParts = 200
	maxMailDepth = 8
)

var (
	htmlHidden = regexp.MustCompile(`(?is)<(script|style|head|title)\b.*?</(script|style|head|title)\s*>|<!--.*?-->`)
	htmlBreak  = regexp.MustCompile(`(?i)<(br|/p|/div|/tr|/li|/h[1-6]|/table)\b[^>]*>`)
	htmlTag    = regexp.MustCompile(`<[^>]*>`)
	manyBlanks = regexp.MustCompile(`\n{3,}`)
)

// openMail reads a message: the headers that people look for, the text, and
// the names of what is attached.
func openMail(f *os.File) (document, error) {
	m, err := mail.ReadMessage(io.LimitReader(f, maxMail))
	if err != nil {
		return nil, refuse(ReasonBroken, "%v", err)
	}
	r := mailReader{}
	r.part(partHeader(m.Header), m.Body, 0)
	title := decodeHeader(m.Header.Get("Subject"))
	var b strings.Builder
	for _, name := range []string{"From", "To", "Cc", "Date", "Subject"} {
		if value := decodeHeader(m.Header.Get(name)); value != "" {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	b.WriteString("\n" + strings.Join(r.texts, "\n\n"))
	if len(r.attached) > 0 {
		b.WriteString("\n\nAttachments: " + strings.Join(r.attached, ", "))
	}
	return &textDocument{title: oneLine(title), pages: paginate(tidyEnds(b.String()))}, nil
}

// tidyEnds tidies a text that is longer than a page.
func tidyEnds(text string) string { return strings.TrimSpace(tidy(text)) }

// partHeader is the header of a message or of one of its parts.
type partHeader map[string][]string

func (h partHeader) get(name string) string {
	if values := h[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// mailReader collects what a message holds, as far as it can be read: a
// broken part ends its own list of parts, not the message.
type mailReader struct {
	texts    []string
	attached []string
	parts    int
}

func (r *mailReader) part(h partHeader, body io.Reader, depth int) {
	if r.parts++; r.parts > maxMailParts || depth > maxMailDepth {
		return
	}
	kind, params, err := mime.ParseMediaType(h.get("Content-Type"))
	if err != nil {
		kind = "text/plain"
	}
	if name := attachmentName(h, params); name != "" {
		r.attached = append(r.attached, name)
		return
	}
	body = decodedBody(h, body)
	switch {
	case strings.HasPrefix(kind, "multipart/"):
		r.multipart(kind, params["boundary"], body, depth)
	case kind == "text/plain":
		r.text(plain(body, params["charset"]))
	case kind == "text/html":
		r.text(stripHTML(plain(body, params["charset"])))
	case kind == "message/rfc822":
		if m, err := mail.ReadMessage(body); err == nil {
			r.text("Subject: " + decodeHeader(m.Header.Get("Subject")))
			r.part(partHeader(m.Header), m.Body, depth+1)
		}
	}
}

func (r *mailReader) text(text string) {
	if text = strings.TrimSpace(text); text != "" {
		r.texts = append(r.texts, text)
	}
}

// multipart reads the parts; of alternatives it keeps the first with text,
// which is the plain one by convention.
func (r *mailReader) multipart(kind, boundary string, body io.Reader, depth int) {
	if boundary == "" {
		return
	}
	before := len(r.texts)
	for parts := multipart.NewReader(body, boundary); r.parts <= maxMailParts; {
		p, err := parts.NextRawPart()
		if err != nil {
			break
		}
		r.part(partHeader(p.Header), p, depth+1)
	}
	if kind == "multipart/alternative" && len(r.texts) > before+1 {
		r.texts = r.texts[:before+1]
	}
}

// attachmentName is the file name of a part that is not there to be read.
func attachmentName(h partHeader, contentParams map[string]string) string {
	disposition, params, err := mime.ParseMediaType(h.get("Content-Disposition"))
	if err != nil {
		params = nil
	}
	name := params["filename"]
	if name == "" {
		name = contentParams["name"]
	}
	name = path.Base(strings.ReplaceAll(decodeHeader(name), `\`, "/"))
	if name == "." || name == "/" {
		name = ""
	}
	if name == "" && disposition == "attachment" {
		name = "(unnamed)"
	}
	return name
}

func decodedBody(h partHeader, body io.Reader) io.Reader {
	switch strings.ToLower(strings.TrimSpace(h.get("Content-Transfer-Encoding"))) {
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, body)
	case "quoted-printable":
		return quotedprintable.NewReader(body)
	default:
		return body
	}
}

// plain reads as much text as can be read, in its character set.
func plain(body io.Reader, charset string) string {
	// What stands before the damage is worth showing.
	data, _ := io.ReadAll(io.LimitReader(body, maxMailText))
	if decoded, err := charsetReader(charset, strings.NewReader(string(data))); err == nil {
		if text, err := io.ReadAll(decoded); err == nil {
			return string(text)
		}
	}
	text, err := decodeText(data)
	if err != nil {
		return ""
	}
	return text
}

var errNoCharset = errors.New("no character set")

func charsetReader(charset string, r io.Reader) (io.Reader, error) {
	if charset == "" {
		return nil, errNoCharset
	}
	e, err := htmlindex.Get(charset)
	if err != nil {
		return nil, err
	}
	return transform.NewReader(r, e.NewDecoder()), nil
}

// decodeHeader undoes the encoding of names and subjects; what cannot be
// undone stays as it is.
func decodeHeader(value string) string {
	d := mime.WordDecoder{CharsetReader: charsetReader}
	if text, err := d.DecodeHeader(value); err == nil {
		value = text
	}
	return strings.Join(strings.Fields(strings.ToValidUTF8(value, "\uFFFD")), " ")
}

// stripHTML gives the words of an HTML text, for search, not for show.
func stripHTML(text string) string {
	text = htmlHidden.ReplaceAllString(text, " ")
	text = htmlBreak.ReplaceAllString(text, "\n")
	text = html.UnescapeString(htmlTag.ReplaceAllString(text, " "))
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.Join(strings.Fields(line), " ")
	}
	return manyBlanks.ReplaceAllString(strings.Join(lines, "\n"), "\n\n")
}
