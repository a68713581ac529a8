package api

import (
	"context"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"navidocs/internal/account"
	"navidocs/internal/fault"
	"navidocs/internal/sale"
)

type transferInput struct {
	ByID
	IfMatched
	Body *sale.Transfer `required:"false"`
}

type extendInput struct {
	ByID
	Body sale.Extension
}

type downloadsInput struct {
	ByID
	Paging
}

// VersionedID names one thing at a version.
type VersionedID struct {
	ByID
	IfMatched
}

func (a *API) handoverOperations() {
	const tag, one = "sales", "/api/sales/{id}"
	add(a, op{
		id: "transfer-sale", method: http.MethodPost, path: one + "/transfer", tag: tag,
		summary: "Mail the buyer a link to the package: 30 days, 5 complete downloads; an earlier link ends",
	}, a.transfer)
	add(a, op{id: "resend-handover", method: http.MethodPost, path: one + "/resend", tag: tag, summary: "Mail the same link with a new secret; the old one ends"},
		func(ctx context.Context, who account.Actor, in *ByID) (*body[sale.Handed], error) {
			return answer(a.Sales.Resend(ctx, who, sale.ID(in.ID)))
		})
	add(a, op{id: "extend-handover", method: http.MethodPost, path: one + "/extend", tag: tag, summary: "Give the link more days or downloads"},
		func(ctx context.Context, who account.Actor, in *extendInput) (*body[sale.Handed], error) {
			return answer(a.Sales.Extend(ctx, who, sale.ID(in.ID), in.Body))
		})
	add(a, op{id: "revoke-handover", method: http.MethodPost, path: one + "/revoke", tag: tag, summary: "End the link"},
		func(ctx context.Context, who account.Actor, in *ByID) (*resource[sale.Sale], error) {
			x, err := a.Sales.Revoke(ctx, who, sale.ID(in.ID))
			return saleAnswer(x, "", err)
		})
	add(a, op{id: "complete-sale", method: http.MethodPost, path: one + "/complete", tag: tag, summary: "The boat has changed hands"},
		func(ctx context.Context, who account.Actor, in *VersionedID) (*resource[sale.Sale], error) {
			x, err := a.Sales.Complete(ctx, who, sale.ID(in.ID), in.version())
			return saleAnswer(x, "", err)
		})
	add(a, op{id: "list-downloads", method: http.MethodGet, path: one + "/downloads", tag: tag, summary: "Each download of the package, the newest first"},
		func(ctx context.Context, who account.Actor, in *downloadsInput) (*list[sale.Download], error) {
			all, total, err := a.Sales.Downloads(ctx, who, sale.ID(in.ID), in.page())
			return listed(&in.Paging, all, total, err)
		})
	add(a, op{id: "get-handover-page", method: http.MethodGet, path: "/p/{token}", tag: "handover", summary: "The buyer's page; looking at it costs nothing"}, a.handoverPage)
	add(a, op{
		id: "get-handover-package", method: http.MethodGet, path: "/p/{token}/package", tag: "handover",
		summary: "The package; ranges are served. An answer with its last byte takes one of the downloads, and gives it back when it breaks off",
	}, a.handoverPackage)
	a.describeHandover()
}

// describeHandover says in the contract what is not JSON.
func (a *API) describeHandover() {
	page := map[string]*huma.MediaType{"text/html": {Schema: &huma.Schema{Type: "string"}}}
	for _, path := range []string{"/p/{token}", "/p/{token}/package"} {
		responses := a.huma.OpenAPI().Paths[path].Get.Responses
		responses["200"].Content = page
		responses["404"] = &huma.Response{Description: "There is no such link: a page", Content: page}
		responses["410"] = &huma.Response{Description: "The link ended, and why: a page", Content: page}
		responses["500"] = &huma.Response{Description: "Internal Server Error: a page", Content: page}
		responses["503"] = &huma.Response{Description: "Service Unavailable: a page", Content: page}
	}
	responses := a.huma.OpenAPI().Paths["/p/{token}/package"].Get.Responses
	responses["200"].Content = map[string]*huma.MediaType{"application/zip": {Schema: &huma.Schema{Type: "string", Format: "binary"}}}
	part := &huma.Response{Description: "Partial Content", Content: map[string]*huma.MediaType{"application/octet-stream": {Schema: &huma.Schema{Type: "string", Format: "binary"}}}}
	responses["206"], responses["304"] = part, &huma.Response{Description: "Not Modified"}
	responses["409"] = &huma.Response{Description: "All downloads that are left are under way: a page, with Retry-After", Content: page}
	responses["412"] = &huma.Response{Description: "Precondition Failed"}
	responses["416"] = &huma.Response{Description: "There is no such range: a page", Content: page}
}

func (a *API) transfer(ctx context.Context, who account.Actor, in *transferInput) (*body[sale.Handed], error) {
	var t sale.Transfer
	if in.Body != nil {
		t = *in.Body
	}
	return answer(a.Sales.Transfer(ctx, who, sale.ID(in.ID), t, in.version()))
}

// HandoverInput names a link, and what its reader's browser says.
type HandoverInput struct {
	Token          string `path:"token"`
	Language       string `query:"lang" doc:"en, fr, de, it or es instead of the buyer's"`
	AcceptLanguage string `header:"Accept-Language"`
}

func (a *API) handoverPage(ctx context.Context, _ account.Actor, in *HandoverInput) (*huma.StreamResponse, error) {
	h, err := a.Sales.Handover(ctx, in.Token)
	v := viewOf(in, "/p/", h.Language)
	if err == nil {
		v.show(h)
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		r, w := humago.Unwrap(ctx)
		a.showHandover(w, r, v, err)
	}}, nil
}

// showHandover writes the page, or what stands in its way.
func (a *API) showHandover(w http.ResponseWriter, r *http.Request, v handoverView, err error) {
	status := http.StatusOK
	if err != nil {
		p := problem(r.Context(), err)
		requestOf(r.Context()).cause = p.cause
		if status = p.Status; p.headers.Get("Retry-After") != "" {
			w.Header().Set("Retry-After", p.headers.Get("Retry-After"))
		}
		v.explain(p)
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Language", v.Language)
	header.Set("Content-Security-Policy", handoverPage().policy)
	header.Set("Cache-Control", "no-store")
	header.Set("X-Robots-Tag", "noindex, nofollow")
	header.Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_ = handoverPage().Execute(w, v) // the reader is gone
	}
}

func (a *API) handoverPackage(ctx context.Context, who account.Actor, in *HandoverInput) (*huma.StreamResponse, error) {
	h, err := a.Sales.Handover(ctx, in.Token)
	v := viewOf(in, "/p/", h.Language)
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		r, w := humago.Unwrap(ctx)
		if err == nil {
			v.back = "/p/" + in.Token
			err = a.deliver(w, r, &delivery{h: h, view: v, who: who})
		}
		if err != nil {
			a.showHandover(w, r, v, err)
		}
	}}, nil
}

// deliver serves the package with http.ServeContent: ranges, If-Range, ETag.
func (a *API) deliver(w http.ResponseWriter, r *http.Request, d *delivery) error {
	f, err := a.Sales.Content(r.Context(), d.h)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read from
	d.ResponseWriter, d.r, d.api = w, r, a
	d.control = http.NewResponseController(w)
	header := w.Header()
	header.Set("ETag", `"`+d.h.Package.SHA256+`"`)
	header.Set("Content-Type", "application/zip")
	header.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": d.h.Package.FileName}))
	header.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	header.Set("Cache-Control", "private, no-cache")
	header.Set("X-Robots-Tag", "noindex, nofollow")
	defer d.end(r.Context())
	http.ServeContent(d, r, "", time.Time{}, f)
	return nil
}

const (
	// stall is how long a reader may take nothing before the answer is cut. It is
	// less than a slot lives.
	stall = time.Minute
	// settling is how long it may take to count what went out.
	settling = 15 * time.Second
	// patience is about how long an answer waits for a slot that is about to end.
	patience = 500 * time.Millisecond
)

// delivery is an answer with a package's bytes: it takes a download before the
// first byte where the last one is among them, counts the others, and says
// afterwards what became of it.
type delivery struct {
	http.ResponseWriter
	r       *http.Request
	api     *API
	control *http.ResponseController
	h       sale.Handover
	view    handoverView
	who     account.Actor

	slot    *sale.Slot
	piece   int64 // bytes that were counted before they went out
	want    int64 // the length of the answer
	written int64
	failed  bool
	refused bool
}

// WriteHeader decides on what http.ServeContent is about to send.
func (d *delivery) WriteHeader(status int) {
	err := d.admit(status)
	if err == nil && status != http.StatusRequestedRangeNotSatisfiable {
		d.ResponseWriter.WriteHeader(status)
		return
	}
	d.refused = true
	header := d.Header()
	for _, name := range []string{"ETag", "Content-Disposition", "Content-Length", "Accept-Ranges", "Last-Modified"} {
		header.Del(name)
	}
	if err == nil {
		err = &Problem{Status: status}
	} else {
		header.Del("Content-Range")
	}
	d.api.showHandover(d.ResponseWriter, d.r, d.view, err)
}

// admit takes a slot or counts the bytes; a HEAD costs nothing.
func (d *delivery) admit(status int) (err error) {
	if d.r.Method != http.MethodGet || status != http.StatusOK && status != http.StatusPartialContent {
		return nil
	}
	if d.want, err = strconv.ParseInt(d.Header().Get("Content-Length"), 10, 64); err != nil {
		return fault.Because(err, fault.Internal, "an answer without a length")
	}
	if status == http.StatusOK || reachesEnd(d.r.Header.Get("Range"), d.h.Package.Bytes) {
		return d.take()
	}
	piece := min(d.want, d.h.Package.Bytes) // several ranges have words between them
	if err = d.api.Sales.Reserve(d.r.Context(), d.h, piece); err == nil {
		d.piece = piece
	}
	return err
}

// take takes a slot. One that is busy may end at this moment: whoever has just
// read the last byte, or was cut off, asks again before that is written down.
func (d *delivery) take() (err error) {
	ctx := d.r.Context()
	for wait := 50 * time.Millisecond; ; wait *= 2 {
		if d.slot, err = d.api.Sales.Take(ctx, d.h, d.who); !fault.Is(err, fault.Conflict) || wait > patience {
			break
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
	if err != nil {
		d.slot = nil
	}
	return err
}

// reachesEnd reports whether one of the ranges that are being served has the last
// byte of a file (RFC 9110, 14.1.2).
func reachesEnd(header string, size int64) bool {
	spec, _ := strings.CutPrefix(header, "bytes=")
	for one := range strings.SplitSeq(spec, ",") {
		first, last, ok := strings.Cut(strings.TrimSpace(one), "-")
		if !ok {
			continue
		}
		first, last = strings.TrimSpace(first), strings.TrimSpace(last)
		if first == "" || last == "" {
			return true // the last bytes, or from one to the end
		}
		if n, err := strconv.ParseInt(last, 10, 64); err != nil || n >= size-1 {
			return true
		}
	}
	return false
}

func (d *delivery) Write(b []byte) (int, error) {
	if d.refused {
		return len(b), nil
	}
	if d.slot != nil {
		if err := d.slot.Alive(d.r.Context(), d.written); err != nil {
			d.failed = true
			return 0, err
		}
	}
	// A writer without deadlines (a test's recorder) never stalls either.
	_ = d.control.SetWriteDeadline(time.Now().Add(stall)) //nolint:forbidigo // a deadline of the socket, not of the domain
	n, err := d.ResponseWriter.Write(b)
	d.written += int64(n)
	d.failed = d.failed || err != nil
	return n, err
}

// end counts what went out, also when its reader is gone.
func (d *delivery) end(ctx context.Context) {
	if d.slot == nil && d.piece == 0 {
		return
	}
	if d.control.Flush() != nil {
		d.failed = true
	}
	_ = d.control.SetWriteDeadline(time.Time{})
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settling)
	defer cancel()
	var err error
	if d.slot != nil {
		err = d.slot.End(ctx, !d.failed && d.written == d.want, min(d.written, d.h.Package.Bytes))
	} else {
		err = d.api.Sales.GiveBack(ctx, d.h, max(d.piece-d.written, 0))
	}
	if err != nil {
		d.api.config.Log.ErrorContext(ctx, "download not counted", "request_id", requestID(ctx), "error", err)
	}
}
