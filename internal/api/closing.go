package api

import (
	"bytes"
	"context"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"navidocs/internal/account"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
	"navidocs/internal/sale"
)

type askInput struct {
	ByID
	Body *sale.Asking `required:"false"`
}

type taskInput struct {
	ByID
	Body sale.TaskDone
}

type takeInput struct {
	Body struct {
		Token string        `json:"token" maxLength:"200" doc:"the last part of the handover link"`
		Org   account.OrgID `json:"organization_id,omitempty" maxLength:"64" doc:"where it goes; else X-Organization-Id, else the caller's only one"`
	}
}

// ReceiptPath names a receipt of a sale.
type ReceiptPath struct {
	ByID
	Receipt string `path:"receipt" maxLength:"64"`
}

type protocolInput struct {
	ByID
	At    time.Time `query:"at" doc:"when the boat is handed over; absent: now"`
	Place string    `query:"place" maxLength:"200"`
	Fuel  string    `query:"fuel" maxLength:"200"`
	Hours string    `query:"hours" maxLength:"200" doc:"of the engines; absent: those that were read last"`
}

// FormInput is what a form of a page without scripts sends.
type FormInput struct {
	HandoverInput
	RawBody []byte `contentType:"application/x-www-form-urlencoded"`
}

// value is a field of the form; what is no form has none.
func (f *FormInput) value(name string) string {
	values, err := url.ParseQuery(string(f.RawBody))
	if err != nil {
		return ""
	}
	return values.Get(name)
}

func (a *API) closingOperations() {
	const tag, one, public = "sales", "/api/sales/{id}", "handover"
	add(a, op{id: "list-approvals", method: http.MethodGet, path: one + "/approvals", tag: tag, summary: "The owners who have to approve the package, and whether they did"},
		func(ctx context.Context, who account.Actor, in *ByID) (*body[[]sale.OwnersApproval], error) {
			return answer(a.Sales.Approvals(ctx, who, sale.ID(in.ID)))
		})
	add(a, op{id: "ask-approvals", method: http.MethodPost, path: one + "/approvals", tag: tag, summary: "Mail the owners a link to approve the package, or record that one approved by other means"},
		func(ctx context.Context, who account.Actor, in *askInput) (*body[[]sale.OwnersApproval], error) {
			var asking sale.Asking
			if in.Body != nil {
				asking = *in.Body
			}
			return answer(a.Sales.Ask(ctx, who, sale.ID(in.ID), asking))
		})
	add(a, op{id: "get-approval-page", method: http.MethodGet, path: "/approve/{token}", tag: public, summary: "An owner's page: what goes to the buyer; looking at it approves nothing"}, a.approvalPage)
	add(a, op{id: "approve-package", method: http.MethodPost, path: "/approve/{token}", tag: public, summary: "Approve what goes to the buyer; the page's button does it"}, a.approve)
	add(a, op{id: "give-receipt", method: http.MethodPost, path: "/p/{token}/receipt", tag: public, summary: "Confirm to have received the package; answers the receipt as PDF"}, a.giveReceipt)
	add(a, op{id: "list-receipts", method: http.MethodGet, path: one + "/receipts", tag: tag, summary: "What the buyer confirmed to have received"},
		func(ctx context.Context, who account.Actor, in *ByID) (*body[[]sale.Receipt], error) {
			return answer(a.Sales.Receipts(ctx, who, sale.ID(in.ID)))
		})
	add(a, op{id: "get-receipt", method: http.MethodGet, path: one + "/receipts/{receipt}", tag: tag, summary: "A receipt as PDF, the same that the buyer has"}, a.receipt)
	add(a, op{id: "get-protocol", method: http.MethodGet, path: one + "/protocol", tag: tag, summary: "The protocol of delivery and acceptance as PDF, to sign"}, a.protocol)
	add(a, op{id: "list-sale-tasks", method: http.MethodGet, path: one + "/tasks", tag: tag, summary: "What is left to do after the sale, and by when; before it, what would be"},
		func(ctx context.Context, who account.Actor, in *ByID) (*body[[]sale.Task], error) {
			return answer(a.Sales.Tasks(ctx, who, sale.ID(in.ID)))
		})
	add(a, op{id: "update-sale-task", method: http.MethodPatch, path: one + "/tasks", tag: tag, summary: "Say of a task whether it is done"},
		func(ctx context.Context, who account.Actor, in *taskInput) (*body[[]sale.Task], error) {
			return answer(a.Sales.EndTask(ctx, who, sale.ID(in.ID), in.Body))
		})
	add(a, op{id: "get-after-sale", method: http.MethodGet, path: one + "/after", tag: tag, summary: "Papers that came after the package, and the supplements that were sent"},
		func(ctx context.Context, who account.Actor, in *ByID) (*body[sale.After], error) {
			return answer(a.Sales.After(ctx, who, sale.ID(in.ID)))
		})
	add(a, op{
		id: "make-supplement", method: http.MethodPost, path: one + "/supplement", tag: tag, status: http.StatusAccepted,
		summary: "Build a package of the papers that came after, and mail the buyer a link to it when it is ready",
	}, func(ctx context.Context, who account.Actor, in *ByID) (*resource[sale.Package], error) {
		p, err := a.Sales.Supplement(ctx, who, sale.ID(in.ID))
		return &resource[sale.Package]{Location: "/api/jobs/" + p.JobID, Body: p}, err
	})
	add(a, op{
		id: "accept-package", method: http.MethodPost, path: "/api/packages/accept", tag: "packages", status: http.StatusAccepted,
		summary: "Take the record that a handover link of this server leads to into your organization, without a download",
	}, a.acceptPackage)
	a.describeClosing()
}

func (a *API) acceptPackage(ctx context.Context, who account.Actor, in *takeInput) (*importAnswer, error) {
	if in.Body.Org != "" {
		who.Narrow = in.Body.Org
	}
	org, err := who.Creating()
	if err != nil {
		return nil, err
	}
	x, err := a.Sales.Accept(ctx, who, org, in.Body.Token)
	if err != nil {
		return nil, err
	}
	return versioned(x, fleet.VersionOf(x.CreatedAt), "/api/packages/imports/"+string(x.ID)), nil
}

// describeClosing says in the contract what is not JSON.
func (a *API) describeClosing() {
	paths := a.huma.OpenAPI().Paths
	page := map[string]*huma.MediaType{"text/html": {Schema: &huma.Schema{Type: "string"}}}
	pdf := map[string]*huma.MediaType{"application/pdf": {Schema: &huma.Schema{Type: "string", Format: "binary"}}}
	for _, o := range []*huma.Operation{paths["/approve/{token}"].Get, paths["/approve/{token}"].Post, paths["/p/{token}/receipt"].Post} {
		o.Responses["200"].Content = page
		o.Responses["400"] = &huma.Response{Description: "The form lacks something: a page", Content: page}
		o.Responses["404"] = &huma.Response{Description: "There is no such link: a page", Content: page}
		o.Responses["409"] = &huma.Response{Description: "It cannot be done now, and why: a page", Content: page}
		o.Responses["410"] = &huma.Response{Description: "The link ended, and why: a page", Content: page}
		o.Responses["500"] = &huma.Response{Description: "Internal Server Error: a page", Content: page}
		o.Responses["503"] = &huma.Response{Description: "Service Unavailable: a page", Content: page}
	}
	paths["/p/{token}/receipt"].Post.Responses["200"].Content = pdf
	for _, path := range []string{"/api/sales/{id}/receipts/{receipt}", "/api/sales/{id}/protocol"} {
		paths[path].Get.Responses["200"].Content = pdf
	}
}

// printed is a PDF to keep. Its bytes are made for this answer.
func printed(name string, pdf []byte) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		r, w := humago.Unwrap(ctx)
		writePDF(w, r, name, pdf)
	}}
}

func writePDF(w http.ResponseWriter, r *http.Request, name string, pdf []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/pdf")
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("Content-Length", strconv.Itoa(len(pdf)))
	h.Set("Cache-Control", "private, no-store")
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = bytes.NewReader(pdf).WriteTo(w) // the reader is gone
	}
}

func (a *API) approvalPage(ctx context.Context, _ account.Actor, in *HandoverInput) (*huma.StreamResponse, error) {
	x, err := a.Sales.Approving(ctx, in.Token)
	return a.approvalAnswer(in, x, err), nil
}

// approve needs no field: its form is a button.
func (a *API) approve(ctx context.Context, who account.Actor, in *HandoverInput) (*huma.StreamResponse, error) {
	x, err := a.Sales.Approve(ctx, who, in.Token)
	return a.approvalAnswer(in, x, err), nil
}

func (a *API) approvalAnswer(in *HandoverInput, x sale.Approving, err error) *huma.StreamResponse {
	v := viewOf(in, "/approve/", x.Language)
	if err == nil {
		v.approve(x)
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		r, w := humago.Unwrap(ctx)
		a.showHandover(w, r, v, err)
	}}
}

func (a *API) giveReceipt(ctx context.Context, who account.Actor, in *FormInput) (*huma.StreamResponse, error) {
	h, err := a.Sales.Handover(ctx, in.Token)
	v := viewOf(&in.HandoverInput, "/p/", h.Language)
	var x sale.Receipt
	if err == nil {
		v.back = "/p/" + in.Token
		x, err = a.Sales.Receive(ctx, who, h, in.value("name"), v.Language)
	}
	var pdf []byte
	if err == nil {
		pdf, err = x.PDF()
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		r, w := humago.Unwrap(ctx)
		switch {
		case fault.Is(err, fault.Invalid):
			v.form = "nameless"
		case fault.Is(err, fault.Conflict):
			v.form = "enough"
		case err == nil:
			writePDF(w, r, x.FileNamePDF(), pdf)
			return
		}
		a.showHandover(w, r, v, err)
	}}, nil
}

func (a *API) receipt(ctx context.Context, who account.Actor, in *ReceiptPath) (*huma.StreamResponse, error) {
	x, err := a.Sales.Receipt(ctx, who, sale.ID(in.ID), sale.ReceiptID(in.Receipt))
	if err != nil {
		return nil, err
	}
	pdf, err := x.PDF()
	return printed(x.FileNamePDF(), pdf), err
}

func (a *API) protocol(ctx context.Context, who account.Actor, in *protocolInput) (*huma.StreamResponse, error) {
	name, pdf, err := a.Sales.Protocol(ctx, who, sale.ID(in.ID), sale.Delivery{At: in.At, Place: in.Place, Fuel: in.Fuel, Hours: in.Hours})
	return printed(name, pdf), err
}
