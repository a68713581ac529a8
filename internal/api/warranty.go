package api

import (
	"context"
	"io"
	"math"
	"mime"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"navidocs/internal/account"
	"navidocs/internal/document"
	"navidocs/internal/fleet"
	"navidocs/internal/warranty"
)

type warrantyList struct {
	Paging
	BoatID   string `query:"boat_id"`
	Status   string `query:"status" enum:"active,claimed,void,expired,deleted" doc:"deleted ones are listed only when asked for"`
	Provider string `query:"provider" doc:"the whole name, whatever its case and accents"`
	Query    string `query:"q" maxLength:"200" doc:"part of the item's name"`
	Within   int    `query:"expires_within_days" minimum:"-1" maximum:"3650" default:"-1"`
	Sort     string `query:"sort" doc:"expiration_date, item_name, provider, purchase_date or created_at, with - for descending"`
}

type expiringInput struct {
	Days    int    `query:"days" minimum:"1" maximum:"365" default:"30"`
	BoatID  string `query:"boat_id"`
	Expired bool   `query:"include_expired"`
}

type warrantyInput struct {
	Body warranty.Input
}

type warrantyPut struct {
	ByID
	IfMatched
	Body warranty.Input
}

type warrantyPatch struct {
	ByID
	IfMatched
	Body warranty.Patch
}

func (a *API) warrantyOperations() {
	const tag, all, one = "warranties", "/api/warranties", "/api/warranties/{id}"
	add(a, op{id: "list-warranties", method: http.MethodGet, path: all, tag: tag, summary: "Warranties, soonest end first"},
		func(ctx context.Context, who account.Actor, in *warrantyList) (*list[warranty.Warranty], error) {
			f := warranty.Filter{
				BoatID: fleet.BoatID(in.BoatID), Status: warranty.Status(in.Status), Provider: in.Provider, Query: in.Query,
				Within: in.Within, Sort: in.Sort, Page: in.page(),
			}
			all, total, err := a.Warranties.Warranties(ctx, who, f)
			return listed(&in.Paging, all, total, err)
		})
	add(a, op{id: "list-expiring-warranties", method: http.MethodGet, path: all + "/expiring", tag: tag, summary: "What ends within some days, soonest first"},
		func(ctx context.Context, who account.Actor, in *expiringInput) (*body[[]warranty.Warranty], error) {
			all, _, err := a.Warranties.Warranties(ctx, who, warranty.Filter{
				BoatID: fleet.BoatID(in.BoatID), Within: in.Days,
				IncludeExpired: in.Expired, Page: fleet.Page{Limit: math.MaxInt32}, // a bare array, whole
			})
			return answer(all, err)
		})
	add(a, op{id: "create-warranty", method: http.MethodPost, path: all, tag: tag, status: http.StatusCreated, summary: "Record a warranty; its expiry is computed"},
		func(ctx context.Context, who account.Actor, in *warrantyInput) (*resource[warranty.Warranty], error) {
			w, err := a.Warranties.Create(ctx, who, in.Body)
			return warrantyAnswer(w, "/api/warranties/"+string(w.ID), err)
		})
	add(a, op{id: "get-warranty", method: http.MethodGet, path: one, tag: tag, summary: "One warranty"},
		func(ctx context.Context, who account.Actor, in *ByID) (*resource[warranty.Warranty], error) {
			w, err := a.Warranties.Warranty(ctx, who, warranty.ID(in.ID))
			return warrantyAnswer(w, "", err)
		})
	add(a, op{id: "replace-warranty", method: http.MethodPut, path: one, tag: tag, summary: "Put what is given in the place of what is recorded"},
		func(ctx context.Context, who account.Actor, in *warrantyPut) (*resource[warranty.Warranty], error) {
			w, err := a.Warranties.Replace(ctx, who, warranty.ID(in.ID), in.Body, in.version())
			return warrantyAnswer(w, "", err)
		})
	add(a, op{id: "update-warranty", method: http.MethodPatch, path: one, tag: tag, summary: "Change what is given; a changed end arms its reminders anew"},
		func(ctx context.Context, who account.Actor, in *warrantyPatch) (*resource[warranty.Warranty], error) {
			w, err := a.Warranties.Update(ctx, who, warranty.ID(in.ID), in.Body, in.version())
			return warrantyAnswer(w, "", err)
		})
	add(a, op{id: "delete-warranty", method: http.MethodDelete, path: one, tag: tag, summary: "Delete a warranty; its trail stays, its reminders stop"},
		func(ctx context.Context, who account.Actor, in *change) (*resource[warranty.Warranty], error) {
			w, err := a.Warranties.Delete(ctx, who, warranty.ID(in.ID), in.version())
			return warrantyAnswer(w, "", err)
		})
	add(a, op{id: "restore-warranty", method: http.MethodPost, path: one + "/restore", tag: tag, summary: "Bring back what was deleted"},
		func(ctx context.Context, who account.Actor, in *ByID) (*resource[warranty.Warranty], error) {
			w, err := a.Warranties.Restore(ctx, who, warranty.ID(in.ID))
			return warrantyAnswer(w, "", err)
		})
	a.warrantyPapers()
	a.warrantyTerms()
	a.claimOperations()
	a.claimPapers()
	a.claimPackage()
}

func warrantyAnswer(w warranty.Warranty, location string, err error) (*resource[warranty.Warranty], error) {
	return versioned(w, fleet.VersionOf(w.UpdatedAt), location), err
}

type linkInput struct {
	ByID
	Body warranty.Link
}

// WarrantyPaper names a document of a warranty.
type WarrantyPaper struct {
	ByID
	Document string `path:"document" maxLength:"64"`
}

func (a *API) warrantyPapers() {
	const tag, all = "warranties", "/api/warranties/{id}/documents"
	add(a, op{id: "list-warranty-documents", method: http.MethodGet, path: all, tag: tag, summary: "The papers of a warranty, each with its purpose"},
		func(ctx context.Context, who account.Actor, in *ByID) (*body[[]warranty.Paper], error) {
			return answer(a.Warranties.Papers(ctx, who, warranty.ID(in.ID)))
		})
	add(a, op{id: "link-warranty-document", method: http.MethodPost, path: all, tag: tag, status: http.StatusCreated, summary: "Link a paper, or change its purpose"},
		func(ctx context.Context, who account.Actor, in *linkInput) (*resource[warranty.Paper], error) {
			p, err := a.Warranties.LinkPaper(ctx, who, warranty.ID(in.ID), in.Body)
			return &resource[warranty.Paper]{Location: "/api/warranties/" + in.ID + "/documents/" + string(p.DocumentID), Body: p}, err
		})
	add(a, op{id: "unlink-warranty-document", method: http.MethodDelete, path: all + "/{document}", tag: tag, summary: "Take a paper from a warranty; the document stays"},
		func(ctx context.Context, who account.Actor, in *WarrantyPaper) (*body[warranty.Paper], error) {
			return answer(a.Warranties.UnlinkPaper(ctx, who, warranty.ID(in.ID), document.ID(in.Document)))
		})
}

type termsInput struct {
	Maker   string `query:"maker" maxLength:"200"`
	Model   string `query:"model" maxLength:"200"`
	Product string `query:"product" maxLength:"200" doc:"what it is, such as outboard or chartplotter; a system number helps"`
}

type applyInput struct {
	ByID
	IfMatched
	Term string `path:"term" maxLength:"200"`
	Body *struct {
		As string `json:"as,omitempty" enum:"warranty,line" default:"warranty" doc:"warranty: its own months and limits; line: a coverage line beside them"`
	}
}

func (a *API) warrantyTerms() {
	const tag = "warranties"
	add(a, op{id: "propose-terms", method: http.MethodGet, path: "/api/warranty-terms", tag: tag, summary: "Makers' usual terms for a product, with source and edition"},
		func(_ context.Context, _ account.Actor, in *termsInput) (*body[[]warranty.Term], error) {
			return answer(warranty.Propose(in.Maker, in.Model, in.Product), nil)
		})
	add(a, op{id: "list-warranty-suggestions", method: http.MethodGet, path: "/api/warranties/{id}/suggestions", tag: tag, summary: "Terms that fit a warranty's maker and product; none is applied unasked"},
		func(ctx context.Context, who account.Actor, in *ByID) (*body[[]warranty.Term], error) {
			return answer(a.Warranties.Suggestions(ctx, who, warranty.ID(in.ID)))
		})
	add(a, op{id: "apply-warranty-suggestion", method: http.MethodPost, path: "/api/warranties/{id}/suggestions/{term}/apply", tag: tag, summary: "Take over suggested terms"},
		func(ctx context.Context, who account.Actor, in *applyInput) (*resource[warranty.Warranty], error) {
			line := in.Body != nil && in.Body.As == "line"
			w, err := a.Warranties.Apply(ctx, who, warranty.ID(in.ID), in.Term, line, in.version())
			return warrantyAnswer(w, "", err)
		})
}

type claimInput struct {
	ByID
	Body *warranty.ClaimInput
}

// ClaimOf names a claim of a warranty.
type ClaimOf struct {
	ByID
	Claim string `path:"claim" maxLength:"64"`
}

func (c ClaimOf) ids() (warranty.ID, warranty.ClaimID) {
	return warranty.ID(c.ID), warranty.ClaimID(c.Claim)
}

type claimPatch struct {
	ClaimOf
	IfMatched
	Body warranty.ClaimInput
}

func (a *API) claimOperations() {
	const tag, all, one = "claims", "/api/warranties/{id}/claims", "/api/warranties/{id}/claims/{claim}"
	add(a, op{id: "list-claims", method: http.MethodGet, path: all, tag: tag, summary: "Claims under a warranty, newest first"},
		func(ctx context.Context, who account.Actor, in *ByID) (*body[[]warranty.Claim], error) {
			return answer(a.Warranties.Claims(ctx, who, warranty.ID(in.ID)))
		})
	add(a, op{id: "create-claim", method: http.MethodPost, path: all, tag: tag, status: http.StatusCreated, summary: "Begin a claim, as a draft"},
		func(ctx context.Context, who account.Actor, in *claimInput) (*resource[warranty.Claim], error) {
			given := warranty.ClaimInput{}
			if in.Body != nil {
				given = *in.Body
			}
			x, err := a.Warranties.CreateClaim(ctx, who, warranty.ID(in.ID), given)
			return versioned(x, fleet.VersionOf(x.UpdatedAt), "/api/warranties/"+in.ID+"/claims/"+string(x.ID)), err
		})
	add(a, op{id: "get-claim", method: http.MethodGet, path: one, tag: tag, summary: "One claim"},
		func(ctx context.Context, who account.Actor, in *ClaimOf) (*resource[warranty.Claim], error) {
			id, claim := in.ids()
			x, err := a.Warranties.Claim(ctx, who, id, claim)
			return versioned(x, fleet.VersionOf(x.UpdatedAt), ""), err
		})
	add(a, op{id: "update-claim", method: http.MethodPatch, path: one, tag: tag, summary: "Change what is given, and move it to a state that may follow"},
		func(ctx context.Context, who account.Actor, in *claimPatch) (*resource[warranty.Claim], error) {
			id, claim := in.ids()
			x, err := a.Warranties.UpdateClaim(ctx, who, id, claim, in.Body, in.version())
			return versioned(x, fleet.VersionOf(x.UpdatedAt), ""), err
		})
}

type claimLink struct {
	ClaimOf
	Body warranty.Link
}

// ClaimPaper names a document of a claim.
type ClaimPaper struct {
	ClaimOf
	Document string `path:"document" maxLength:"64"`
}

type letterInput struct {
	ClaimOf
	Body warranty.LetterInput
}

func (a *API) claimPapers() {
	const tag, one = "claims", "/api/warranties/{id}/claims/{claim}"
	add(a, op{id: "list-claim-documents", method: http.MethodGet, path: one + "/documents", tag: tag, summary: "The evidence of a claim"},
		func(ctx context.Context, who account.Actor, in *ClaimOf) (*body[[]warranty.Paper], error) {
			id, claim := in.ids()
			return answer(a.Warranties.Evidence(ctx, who, id, claim))
		})
	add(a, op{id: "link-claim-document", method: http.MethodPost, path: one + "/documents", tag: tag, status: http.StatusCreated, summary: "Add evidence, or change its purpose"},
		func(ctx context.Context, who account.Actor, in *claimLink) (*resource[warranty.Paper], error) {
			id, claim := in.ids()
			p, err := a.Warranties.LinkEvidence(ctx, who, id, claim, in.Body)
			return &resource[warranty.Paper]{Location: "/api/warranties/" + in.ID + "/claims/" + in.Claim + "/documents/" + string(p.DocumentID), Body: p}, err
		})
	add(a, op{id: "unlink-claim-document", method: http.MethodDelete, path: one + "/documents/{document}", tag: tag, summary: "Take evidence from a claim; the document stays"},
		func(ctx context.Context, who account.Actor, in *ClaimPaper) (*body[warranty.Paper], error) {
			id, claim := in.ids()
			return answer(a.Warranties.UnlinkEvidence(ctx, who, id, claim, document.ID(in.Document)))
		})
	add(a, op{id: "list-claim-log", method: http.MethodGet, path: one + "/log", tag: tag, summary: "The correspondence of a claim, oldest first"},
		func(ctx context.Context, who account.Actor, in *ClaimOf) (*body[[]warranty.Letter], error) {
			id, claim := in.ids()
			return answer(a.Warranties.Letters(ctx, who, id, claim))
		})
	add(a, op{id: "add-claim-log", method: http.MethodPost, path: one + "/log", tag: tag, status: http.StatusCreated, summary: "Record what was sent or came back"},
		func(ctx context.Context, who account.Actor, in *letterInput) (*resource[warranty.Letter], error) {
			id, claim := in.ids()
			l, err := a.Warranties.AddLetter(ctx, who, id, claim, in.Body)
			return &resource[warranty.Letter]{Location: "/api/warranties/" + in.ID + "/claims/" + in.Claim + "/log", Body: l}, err
		})
}

type packageInput struct {
	ByID
	Body *packageOptions
}

type packageOptions struct {
	ClaimID      string `json:"claim_id,omitempty" maxLength:"64" doc:"fills in the form and adds its evidence"`
	Jurisdiction string `json:"jurisdiction,omitempty" enum:"EU,UK,US,maker,private," doc:"of the form; as the claim and the boat's flag suggest unless given"`
	Paper        string `json:"paper,omitempty" enum:"A4,Letter" default:"A4"`
	As           string `json:"as,omitempty" enum:"zip,pdf" default:"zip" doc:"pdf: form, index and the pages of the papers as one PDF to be mailed; a ZIP of several where max_mb would be passed"`
	MaxMB        int    `json:"max_mb,omitempty" minimum:"1" maximum:"50" default:"15" doc:"of each part of as=pdf"`
}

func (a *API) claimPackage() {
	const path = "/api/warranties/{id}/claim-package"
	add(a, op{id: "make-claim-package", method: http.MethodPost, path: path, tag: "claims", summary: "The claim package: a ZIP of form, index and papers"}, a.streamPackage)
	file := &huma.MediaType{Schema: &huma.Schema{Type: "string", Format: "binary"}}
	a.huma.OpenAPI().Paths[path].Post.Responses["200"].Content = map[string]*huma.MediaType{"application/zip": file, "application/pdf": file}
}

func (a *API) streamPackage(ctx context.Context, who account.Actor, in *packageInput) (*huma.StreamResponse, error) {
	var o warranty.PackageOptions
	if b := in.Body; b != nil {
		o = warranty.PackageOptions{ClaimID: warranty.ClaimID(b.ClaimID), Jurisdiction: b.Jurisdiction, Letter: b.Paper == "Letter"}
	}
	p, err := a.Warranties.Package(ctx, who, warranty.ID(in.ID), o)
	if err != nil {
		return nil, err
	}
	if in.Body == nil || in.Body.As != "pdf" {
		return a.attachment(ctx, p.Name, "application/zip", p.Write), nil
	}
	b, err := p.Booklet(ctx, int64(in.Body.MaxMB)<<20)
	if err != nil {
		return nil, err
	}
	return a.attachment(ctx, b.Name, b.MediaType, b.Write), nil
}

// attachment streams a file that is made while it is sent.
func (a *API) attachment(ctx context.Context, name, mediaType string, write func(context.Context, io.Writer) error) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(out huma.Context) {
		_, w := humago.Unwrap(out)
		w.Header().Set("Content-Type", mediaType)
		w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
		w.Header().Set("Cache-Control", "private, no-store")
		if err := write(ctx, w); err != nil {
			a.config.Log.ErrorContext(ctx, "a file broke off while it was made", "request_id", requestID(ctx), "name", name, "error", err)
			panic(http.ErrAbortHandler) // the answer has begun: only a broken connection tells that it is no whole file
		}
	}}
}
