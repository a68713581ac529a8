package extract

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"navidocs/internal/fault"
)

// Main is the child: it reads requests, answers each, and returns nil when the
// input ends, even in the middle of a request. Its caller must then end the
// process, because the work of a decoder cannot be interrupted. It trusts its
// parent and nothing in the file.
func Main(ctx context.Context, r io.Reader, w io.Writer) (err error) {
	defer fault.Wrap(&err, "extract.Main")
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	requests := make(chan request)
	inputEnd := make(chan error, 1)
	go func() { inputEnd <- readRequests(ctx, r, requests) }()
	workEnd := make(chan error, 1)
	go func() { workEnd <- answerAll(ctx, w, requests) }()
	select {
	case err = <-inputEnd:
	case err = <-workEnd:
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// readRequests passes requests on until the input ends.
func readRequests(ctx context.Context, r io.Reader, requests chan<- request) error {
	for {
		var q request
		if err := readFrame(r, &q); err != nil {
			return err
		}
		select {
		case requests <- q:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func answerAll(ctx context.Context, w io.Writer, requests <-chan request) error {
	for {
		select {
		case q := <-requests:
			if err := answer(ctx, w, q); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// answer does one request; its error is one of writing.
func answer(ctx context.Context, w io.Writer, q request) error {
	err := work(ctx, q, func(m reply) error { return writeFrame(w, m) })
	if err == nil {
		return nil
	}
	if refused, ok := errors.AsType[*Refused](err); ok {
		return writeFrame(w, reply{Refuse: refused})
	}
	return writeFrame(w, reply{Failed: err.Error()})
}

// work opens the file and sends what was asked for.
func work(ctx context.Context, q request, send func(reply) error) error {
	f, err := os.Open(q.Path)
	if err != nil {
		return unreadable(err)
	}
	defer f.Close()
	tools := &tools{request: q}
	defer tools.close(ctx)
	doc, err := open(ctx, f, tools)
	if err != nil {
		return err
	}
	defer doc.close()
	pages := doc.info().Pages
	if err := send(reply{Opened: &opened{Pages: pages}}); err != nil {
		return err
	}
	switch q.Op {
	case opInspect:
		info := doc.info()
		if err := send(reply{Info: &info}); err != nil {
			return err
		}
	case opPages:
		last := pages
		if q.To > 0 {
			last = min(last, q.To)
		}
		for n := max(q.From, 1); n <= last; n++ {
			page := pageOf(ctx, doc, n)
			if err := send(reply{Page: &page}); err != nil {
				return err
			}
		}
	default:
		return refuse(ReasonUnsupported, "operation %q", q.Op)
	}
	return send(reply{Done: true})
}

// pageOf takes one page apart; an error stays that page's own.
func pageOf(ctx context.Context, doc document, n int) Page {
	page, err := doc.page(ctx, n)
	if err != nil {
		page.Reason = ReasonCrashed
		if refused, ok := errors.AsType[*Refused](err); ok {
			page.Reason = refused.Reason
		}
		fmt.Fprintf(os.Stderr, "page %d: %v\n", n, err)
	}
	page.Number = n
	page.Text = clean(page.Text)
	page.Language = guessLanguage(page.Text)
	if page.Text == "" {
		page.Source = ""
	}
	return page
}

// unreadable keeps the names of our folders out of the answer.
func unreadable(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err
	}
	return refuse(ReasonBroken, "%v", err)
}

// document is an open file. Its pages are numbered from 1.
type document interface {
	// info is known once the file is open.
	info() Info
	// page takes one page apart. Its error concerns this page alone: a
	// *Refused when the file is to blame, any other when an engine is. What
	// it gives beside an error is shown.
	page(ctx context.Context, n int) (Page, error)
	close()
}

// open chooses the reader for the file's media type.
func open(ctx context.Context, f *os.File, t *tools) (document, error) {
	switch t.request.MediaType {
	case "application/pdf":
		return openPDF(ctx, f, t)
	case "image/jpeg", "image/png", "image/webp":
		return openImage(f, t)
	case "image/tiff":
		return openTIFF(f, t)
	case "text/plain", "text/markdown":
		return openText(f, t.request.MediaType)
	case "message/rfc822":
		return openMail(f)
	default:
		return nil, refuse(ReasonUnsupported, "media type %q", t.request.MediaType)
	}
}
