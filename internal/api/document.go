package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"navidocs/internal/account"
	"navidocs/internal/document"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
	"navidocs/internal/job"
	"navidocs/internal/warranty"
)

type documentsInput struct {
	Paging
	BoatID string `query:"boat_id"`
	Type   string `query:"type"`
	Status string `query:"status" enum:"pending,processing,ready,failed"`
	Query  string `query:"q" maxLength:"200" doc:"part of the title; GET /api/search looks inside"`
	Bin    bool   `query:"bin" doc:"the bin instead of what is present"`
	Sort   string `query:"sort" doc:"created_at, title or expires_on, with - for descending"`
}

type documentPatch struct {
	ByID
	IfMatched
	Body document.Patch
}

func (a *API) documentOperations() {
	add(a, op{id: "list-document-types", method: http.MethodGet, path: "/api/document-types", tag: "documents", summary: "The kinds of papers of a boat"},
		func(context.Context, account.Actor, *struct{}) (*body[[]document.Type], error) {
			return answer(document.Types(), nil)
		})
	add(a, op{id: "list-documents", method: http.MethodGet, path: "/api/documents", tag: "documents", summary: "Papers that you may see, newest first"},
		func(ctx context.Context, who account.Actor, in *documentsInput) (*list[document.Document], error) {
			all, total, err := a.Documents.Documents(ctx, who, document.Filter{
				BoatID: fleet.BoatID(in.BoatID), Type: in.Type,
				Status: document.Status(in.Status), Query: in.Query, Bin: in.Bin, Sort: in.Sort, Page: in.page(),
			})
			return listed(&in.Paging, all, total, err)
		})
	add(a, op{
		id: "upload-document", method: http.MethodPost, path: "/api/documents", tag: "documents", status: http.StatusCreated,
		summary: "Send a file; it is kept at once and read in the background",
	}, a.upload)
	a.describeUpload()
	add(a, op{id: "get-document", method: http.MethodGet, path: "/api/documents/{id}", tag: "documents", summary: "One paper"},
		func(ctx context.Context, who account.Actor, in *ByID) (*resource[document.Document], error) {
			d, err := a.Documents.Document(ctx, who, document.ID(in.ID))
			return versioned(d, fleet.VersionOf(d.UpdatedAt), ""), err
		})
	add(a, op{id: "update-document", method: http.MethodPatch, path: "/api/documents/{id}", tag: "documents", summary: "Change what is given"},
		func(ctx context.Context, who account.Actor, in *documentPatch) (*resource[document.Document], error) {
			d, err := a.Documents.Update(ctx, who, document.ID(in.ID), in.Body, in.version())
			return versioned(d, fleet.VersionOf(d.UpdatedAt), ""), err
		})
	add(a, op{id: "delete-document", method: http.MethodDelete, path: "/api/documents/{id}", tag: "documents", summary: "Move to the bin for 30 days"},
		func(ctx context.Context, who account.Actor, in *change) (*resource[document.Document], error) {
			d, err := a.Documents.Delete(ctx, who, document.ID(in.ID), in.version())
			return versioned(d, fleet.VersionOf(d.UpdatedAt), ""), err
		})
	add(a, op{id: "restore-document", method: http.MethodPost, path: "/api/documents/{id}/restore", tag: "documents", summary: "Bring back from the bin"},
		func(ctx context.Context, who account.Actor, in *ByID) (*resource[document.Document], error) {
			d, err := a.Documents.Restore(ctx, who, document.ID(in.ID))
			return versioned(d, fleet.VersionOf(d.UpdatedAt), ""), err
		})
	add(a, op{
		id: "reprocess-document", method: http.MethodPost, path: "/api/documents/{id}/reprocess", tag: "documents", status: http.StatusAccepted,
		summary: "Read the file again",
	},
		func(ctx context.Context, who account.Actor, in *ByID) (*resource[document.Document], error) {
			d, err := a.Documents.Reprocess(ctx, who, document.ID(in.ID))
			return versioned(d, fleet.VersionOf(d.UpdatedAt), "/api/jobs/"+d.JobID), err
		})
	a.pageOperations()
}

type uploadInput struct {
	Duplicate string `query:"duplicate" enum:"link" doc:"link: add the boats to the document that has these bytes already"`
	FormBody
}

// FormBody is a multipart body that comes unread: a member of type io.Reader or a
// declared request body would make the framework read it all into memory.
type FormBody struct {
	ContentType string `header:"Content-Type"`

	body io.Reader
}

// Resolve implements huma.Resolver: it keeps the body for the handler.
func (b *FormBody) Resolve(ctx huma.Context) []error {
	r, w := humago.Unwrap(ctx)
	b.body = &patient{r: r.Body, control: http.NewResponseController(w)}
	return nil
}

func (b *FormBody) parts() (*multipart.Reader, error) {
	kind, params, err := mime.ParseMediaType(b.ContentType)
	if err != nil || kind != "multipart/form-data" || params["boundary"] == "" {
		return nil, fault.New(fault.Unsupported, "send the file as multipart/form-data in a field named file")
	}
	return multipart.NewReader(b.body, params["boundary"]), nil
}

// silence is how long an upload may send nothing, and how long any other body may
// take: a boat's line is slow.
const silence = 30 * time.Second

// patient reads as long as bytes keep coming.
type patient struct {
	r       io.Reader
	control *http.ResponseController
}

func (p *patient) Read(b []byte) (int, error) {
	// A writer without deadlines (a test's recorder) never stalls either.
	_ = p.control.SetReadDeadline(time.Now().Add(silence)) //nolint:forbidigo // a deadline of the socket, not of the domain
	defer p.control.SetReadDeadline(time.Time{})           //nolint:errcheck // as above
	return p.r.Read(b)
}

// maxFields bounds what an upload sends besides its file.
const maxFields = 1 << 20

func (a *API) upload(ctx context.Context, who account.Actor, in *uploadInput) (*resource[document.Document], error) {
	form, err := in.parts()
	if err != nil {
		return nil, err
	}
	u := upload{Upload: document.Upload{Link: in.Duplicate == "link"}}
	var got *document.Received
	for left := int64(maxFields); ; {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, cutOff(err)
		}
		if part.FormName() == "file" && got == nil {
			u.FileName = part.FileName()
			if got, err = a.Documents.Receive(ctx, who, u.Upload, part); err != nil {
				return nil, cutOff(err)
			}
			continue
		}
		if left, err = field(&u, part, left); err != nil {
			return nil, err
		}
	}
	if got == nil {
		return nil, required("form.file")
	}
	if err := a.checkLinks(ctx, who, &u); err != nil {
		return nil, err
	}
	d, err := a.Documents.Add(ctx, who, u.Upload, *got)
	if err == nil && u.warranty != "" {
		err = a.Warranties.LinkUpload(ctx, who, u.warranty, d.ID, u.purpose)
	}
	return versioned(d, fleet.VersionOf(d.UpdatedAt), "/api/documents/"+string(d.ID)), err
}

// upload is what comes with a file, the warranty that it belongs to among it.
type upload struct {
	document.Upload

	warranty warranty.ID
	purpose  warranty.Purpose
}

// checkLinks refuses a warranty that the file could not be linked to, before
// there is a document. Without a boat, the paper is one of the warranty's.
func (a *API) checkLinks(ctx context.Context, who account.Actor, u *upload) error {
	if u.warranty == "" {
		return nil
	}
	if u.purpose == "" {
		u.purpose = "other"
	}
	if !slices.Contains(warranty.Purposes(), u.purpose) {
		return fault.Fields(fault.Field{Location: "form.purpose", Message: fmt.Sprintf("is none of %v", warranty.Purposes()), Value: fault.Echo(string(u.purpose))})
	}
	w, err := a.Warranties.Warranty(ctx, who, u.warranty)
	if err != nil {
		return err
	}
	if len(u.BoatIDs) == 0 && len(u.EquipmentIDs) == 0 {
		u.BoatIDs = append(u.BoatIDs, w.BoatID)
	}
	return a.sameOrg(ctx, who, u.Upload, w.OrgID)
}

// sameOrg demands that boats and equipment are of the warranty's organization.
func (a *API) sameOrg(ctx context.Context, who account.Actor, u document.Upload, org account.OrgID) error {
	var orgs []account.OrgID
	for _, id := range u.BoatIDs {
		b, err := a.Boats.Boat(ctx, who, id)
		if err != nil {
			return err
		}
		orgs = append(orgs, b.OrgID)
	}
	for _, id := range u.EquipmentIDs {
		e, err := a.Boats.Equipment(ctx, who, id)
		if err != nil {
			return err
		}
		orgs = append(orgs, e.OrgID)
	}
	if slices.ContainsFunc(orgs, func(o account.OrgID) bool { return o != org }) {
		return fault.Fields(fault.Field{Location: "form.warranty_id", Message: "belongs to another organization than the boat or the equipment"})
	}
	return nil
}

// cutOff tells an upload that broke off from one that was refused.
func cutOff(err error) error {
	if fault.KindOf(err) != fault.Internal {
		return err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(err.Error(), "multipart:") || strings.Contains(err.Error(), "timeout") {
		return fault.Because(err, fault.Invalid, "the upload broke off before its end: nothing was kept, send it again")
	}
	return err
}

// field reads one value of the form.
func field(u *upload, part *multipart.Part, left int64) (int64, error) {
	raw, err := io.ReadAll(io.LimitReader(part, left+1))
	if err != nil {
		return left, cutOff(err)
	}
	if left -= int64(len(raw)); left < 0 {
		return left, fault.New(fault.TooLarge, "the fields besides the file are larger than 1 MB")
	}
	value := strings.TrimSpace(string(raw))
	if value == "" {
		return left, nil
	}
	switch part.FormName() {
	case "boat_id":
		u.BoatIDs = append(u.BoatIDs, fleet.BoatID(value))
	case "equipment_id":
		u.EquipmentIDs = append(u.EquipmentIDs, fleet.EquipmentID(value))
	case "title":
		u.Title = value
	case "type":
		u.Type = value
	case "warranty_id":
		u.warranty = warranty.ID(value)
	case "purpose":
		u.purpose = warranty.Purpose(value)
	case "tags":
		u.Tags = append(u.Tags, strings.Split(value, ",")...)
	case "issued_on":
		u.IssuedOn = fleet.Date(value)
	case "expires_on":
		u.ExpiresOn = fleet.Date(value)
	default:
		return left, fault.Fields(fault.Field{
			Location: "form." + part.FormName(),
			Message:  "is unknown: an upload has file, boat_id, equipment_id, warranty_id, purpose, title, type, tags, issued_on, expires_on",
		})
	}
	return left, nil
}

// describeUpload adds the form to the contract after the fact: declared
// earlier, the framework would read the body itself.
func (a *API) describeUpload() {
	text := &huma.Schema{Type: "string"}
	texts := &huma.Schema{Type: "array", Items: text}
	date := &huma.Schema{Type: "string", Format: "date"}
	form := &huma.Schema{Type: "object", Required: []string{"file"}, Properties: map[string]*huma.Schema{
		"file":  {Type: "string", Format: "binary", Description: "PDF, JPEG, PNG, WebP, TIFF, text, Markdown or e-mail"},
		"title": text, "type": text, "boat_id": texts, "equipment_id": texts, "tags": text, "warranty_id": text, "purpose": text, "issued_on": date, "expires_on": date,
	}}
	operation := a.huma.OpenAPI().Paths["/api/documents"].Post
	operation.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"multipart/form-data": {Schema: form}}}
	operation.Responses["507"] = operation.Responses["413"]
}

// PageInput names one page of a document.
type PageInput struct {
	ByID
	Number int `path:"number" minimum:"1" maximum:"100000"`
}

type imageInput struct {
	PageInput
	Size string `query:"size" enum:"thumb,screen" default:"screen"`
}

type contentInput struct {
	ByID
	Download bool   `query:"download" doc:"ask the browser to save it"`
	Range    string `header:"Range"`
}

func (a *API) pageOperations() {
	add(a, op{id: "list-pages", method: http.MethodGet, path: "/api/documents/{id}/pages", tag: "documents", summary: "Pages with their text"},
		func(ctx context.Context, who account.Actor, in *pageOf) (*list[document.Page], error) {
			all, total, err := a.Documents.Pages(ctx, who, document.ID(in.ID), in.page())
			return listed(&in.Paging, all, total, err)
		})
	add(a, op{id: "get-page", method: http.MethodGet, path: "/api/documents/{id}/pages/{number}", tag: "documents", summary: "One page"},
		func(ctx context.Context, who account.Actor, in *PageInput) (*body[document.Page], error) {
			return answer(a.Documents.Page(ctx, who, document.ID(in.ID), in.Number))
		})
	add(a, op{id: "get-page-image", method: http.MethodGet, path: "/api/documents/{id}/pages/{number}/image", tag: "documents", summary: "A page as it looks, JPEG"}, a.pageImage)
	add(a, op{id: "get-outline", method: http.MethodGet, path: "/api/documents/{id}/outline", tag: "documents", summary: "Table of contents"},
		func(ctx context.Context, who account.Actor, in *ByID) (*body[[]document.OutlineItem], error) {
			return answer(a.Documents.Outline(ctx, who, document.ID(in.ID)))
		})
	add(a, op{id: "get-content", method: http.MethodGet, path: "/api/documents/{id}/content", tag: "documents", summary: "The file itself; ranges are served"}, a.content)
	add(a, op{
		id: "watch-progress", method: http.MethodGet, path: "/api/documents/{id}/progress", tag: "documents",
		summary: "Server-sent events while a document is read, the document each time",
	}, a.progress)
	a.describeFiles()
}

// describeFiles says in the contract what is not JSON.
func (a *API) describeFiles() {
	for path, media := range map[string]string{
		"/api/documents/{id}/content":              "application/octet-stream",
		"/api/documents/{id}/pages/{number}/image": "image/jpeg",
		"/api/documents/{id}/progress":             "text/event-stream",
	} {
		schema := &huma.Schema{Type: "string"}
		if media != "text/event-stream" {
			schema.Format = "binary"
		}
		responses := a.huma.OpenAPI().Paths[path].Get.Responses
		responses["200"].Content = map[string]*huma.MediaType{media: {Schema: schema}}
		if media != "text/event-stream" {
			responses["206"], responses["416"] = responses["200"], responses["400"]
			responses["304"] = &huma.Response{Description: "Not Modified"}
			continue
		}
		responses["200"].Description = "Events: progress, with the document, each time it changes; reconnect when the server stops, for the stream to be opened again"
	}
}

func (a *API) content(ctx context.Context, who account.Actor, in *contentInput) (*huma.StreamResponse, error) {
	whole := wholeRange(in.Range)
	d, f, err := a.Documents.Content(ctx, who, document.ID(in.ID), whole)
	if err != nil {
		return nil, err
	}
	disposition := "inline"
	if in.Download {
		disposition = "attachment"
	}
	return serveFile(f, d.CreatedAt, d.SHA256, d.MediaType, mime.FormatMediaType(disposition, map[string]string{"filename": d.FileName})), nil
}

// wholeRange says whether a range may be the whole file or nearly so: one from
// the beginning, without an end, or counted from the end. A viewer's chunks
// have both ends.
func wholeRange(header string) bool {
	spec, ok := strings.CutPrefix(strings.TrimSpace(header), "bytes=")
	return !ok || strings.HasPrefix(spec, "0-") || strings.HasPrefix(spec, "-") || strings.HasSuffix(spec, "-") || strings.Contains(spec, ",")
}

func (a *API) pageImage(ctx context.Context, who account.Actor, in *imageInput) (*huma.StreamResponse, error) {
	f, digest, err := a.Documents.PageImage(ctx, who, document.ID(in.ID), in.Number, document.Size(in.Size))
	if err != nil {
		return nil, err
	}
	return serveFile(f, time.Time{}, digest, "image/jpeg", ""), nil
}

// serveFile answers with stored bytes: ranges, ETag, and a sandbox around
// whatever a stranger's file might try in a browser.
func serveFile(f io.ReadSeekCloser, modified time.Time, digest, mediaType, disposition string) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		defer f.Close() //nolint:errcheck // only read from
		r, w := humago.Unwrap(ctx)
		h := w.Header()
		h.Set("ETag", `"`+digest+`"`)
		h.Set("Content-Type", mediaType)
		h.Set("Content-Security-Policy", "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'")
		h.Set("Cache-Control", "private, no-cache")
		if disposition != "" {
			h.Set("Content-Disposition", disposition)
		}
		http.ServeContent(&rangeWriter{ResponseWriter: w, r: r}, r, "", modified, f)
	}}
}

// rangeWriter answers a range that the file has not in our own form.
type rangeWriter struct {
	http.ResponseWriter
	r       *http.Request
	refused bool
}

func (w *rangeWriter) WriteHeader(status int) {
	if w.refused = status == http.StatusRequestedRangeNotSatisfiable; w.refused {
		writeProblem(w.ResponseWriter, w.r, newProblem(status, "the file has no such range; it has "+w.Header().Get("Content-Range")))
		return
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *rangeWriter) Write(b []byte) (int, error) {
	if w.refused {
		return len(b), nil
	}
	return w.ResponseWriter.Write(b)
}

// progress streams the document each time it changes, until it has ended or the
// server stops.
func (a *API) progress(ctx context.Context, who account.Actor, in *ByID) (*huma.StreamResponse, error) {
	id := document.ID(in.ID)
	if _, err := a.Documents.Document(ctx, who, id); err != nil {
		return nil, err
	}
	watch := func(ctx context.Context) <-chan struct{} { return a.config.Watch(ctx, id) }
	return a.stream(ctx, who, watch, func(ctx context.Context, who account.Actor, w io.Writer) (more bool, err error) {
		d, err := a.Documents.Document(ctx, who, id)
		if err == nil {
			err = a.event(w, d)
		}
		return !ended(d), err
	}), nil
}

func ended(d document.Document) bool {
	return d.Status == document.Ready || d.Status == document.Failed || d.DeletedAt != nil
}

func (a *API) event(w io.Writer, d document.Document) error {
	text, err := marshal(d)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "event: progress\ndata: %s\n\n", text)
	return err
}

type searchInput struct {
	Paging
	Query  string `query:"q" required:"true" maxLength:"500" doc:"words, \"phrases\", and prefixes with *"`
	BoatID string `query:"boat_id"`
	Type   string `query:"type" doc:"document type"`
	From   string `query:"from" doc:"date of the paper, YYYY-MM-DD"`
	To     string `query:"to"`
}

func (a *API) searchOperations() {
	add(a, op{id: "search", method: http.MethodGet, path: "/api/search", tag: "search", summary: "Find pages, titles and equipment by their words"},
		func(ctx context.Context, who account.Actor, in *searchInput) (*body[document.Results], error) {
			return answer(a.Documents.Search(ctx, who, document.Query{
				Text: in.Query, BoatID: fleet.BoatID(in.BoatID), Type: in.Type,
				From: fleet.Date(in.From), To: fleet.Date(in.To), Page: in.page(),
			}))
		})
	add(a, op{id: "get-job", method: http.MethodGet, path: "/api/jobs/{id}", tag: "jobs", summary: "How far background work is"}, a.job)
	add(a, op{id: "list-jobs", method: http.MethodGet, path: "/api/jobs", tag: "jobs", summary: "The newest background work of your organizations"},
		func(ctx context.Context, who account.Actor, _ *struct{}) (*body[[]job.Status], error) {
			var orgs []string
			for _, o := range who.Orgs(account.Admin) {
				orgs = append(orgs, string(o))
			}
			if len(orgs) == 0 {
				return nil, fault.New(fault.Forbidden, "this needs the role admin")
			}
			return answer(a.Jobs.List(ctx, orgs))
		})
}

func (a *API) job(ctx context.Context, who account.Actor, in *ByID) (*body[job.Status], error) {
	s, err := a.Jobs.Status(ctx, in.ID)
	if fault.Is(err, fault.NotFound) {
		return nil, fault.New(fault.NotFound, "job not found")
	}
	if err != nil {
		return nil, err
	}
	if s.UserID == string(who.UserID) {
		return answer(s, nil) // whoever asked for it, also by a grant
	}
	return answer(s, who.Require(account.OrgID(s.OrgID), account.Viewer, "job"))
}
