package api

import (
	"context"
	"mime"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"navidocs/internal/account"
	"navidocs/internal/sale"
)

type decisionsInput struct {
	ByID
	Body sale.Decisions
}

type generateInput struct {
	ByID
	Body *sale.GenerateOptions `required:"false"`
}

type packageFile struct {
	ByID
	Range string `header:"Range"`
}

type keyList struct {
	Keys []sale.Key `json:"keys"`
}

func (a *API) selectionOperations() {
	const tag, one = "sales", "/api/sales/{id}"
	add(a, op{id: "get-selection", method: http.MethodGet, path: one + "/selection", tag: tag, summary: "What goes to the buyer, what is withheld and why, what is missing"},
		func(ctx context.Context, who account.Actor, in *ByID) (*body[sale.Selection], error) {
			return answer(a.Sales.Selection(ctx, who, sale.ID(in.ID)))
		})
	add(a, op{id: "change-selection", method: http.MethodPatch, path: one + "/selection", tag: tag, summary: "Decide about papers and equipment"},
		func(ctx context.Context, who account.Actor, in *decisionsInput) (*body[sale.Selection], error) {
			return answer(a.Sales.Choose(ctx, who, sale.ID(in.ID), in.Body))
		})
	add(a, op{id: "generate-package", method: http.MethodPost, path: one + "/generate-package", tag: tag, status: http.StatusAccepted, summary: "Build the as-built package in the background; while one is being built, that one"}, a.generate)
	add(a, op{id: "list-packages", method: http.MethodGet, path: one + "/packages", tag: tag, summary: "What was made for a sale, and how far it is, the newest first"},
		func(ctx context.Context, who account.Actor, in *ByID) (*body[[]sale.Package], error) {
			return answer(a.Sales.Packages(ctx, who, sale.ID(in.ID)))
		})
	add(a, op{id: "get-package", method: http.MethodGet, path: one + "/package", tag: tag, summary: "The newest package, a ZIP; ranges are served"}, a.packageContent)
	add(a, op{id: "get-package-contents", method: http.MethodGet, path: one + "/package/contents", tag: tag, summary: "The manifest of the newest package"},
		func(ctx context.Context, who account.Actor, in *ByID) (*body[sale.Manifest], error) {
			return answer(a.Sales.Contents(ctx, who, sale.ID(in.ID)))
		})
	const keys = "/api/organizations/{id}/signing-keys"
	add(a, op{id: "list-signing-keys", method: http.MethodGet, path: keys, tag: "organizations", summary: "The keys that an organization's packages are signed with"},
		func(ctx context.Context, who account.Actor, in *ByID) (*body[[]sale.Key], error) {
			return answer(a.Sales.OrganizationKeys(ctx, who, account.OrgID(in.ID)))
		})
	add(a, op{id: "rotate-signing-key", method: http.MethodPost, path: keys, tag: "organizations", status: http.StatusCreated, summary: "Sign with a new key from now on; what the old one has signed stays good"},
		func(ctx context.Context, who account.Actor, in *ByID) (*body[sale.Key], error) {
			return answer(a.Sales.RotateKey(ctx, who, account.OrgID(in.ID)))
		})
	add(a, op{id: "get-keys", method: http.MethodGet, path: "/.well-known/navidocs-keys", tag: "sales", summary: "The public keys of this server, for whoever checks a package"},
		func(ctx context.Context, _ account.Actor, _ *struct{}) (*body[keyList], error) {
			all, err := a.Sales.Keys(ctx)
			return answer(keyList{all}, err)
		})
	a.describeFile("/api/sales/{id}/package", "application/zip")
}

func (a *API) generate(ctx context.Context, who account.Actor, in *generateInput) (*resource[sale.Package], error) {
	var o sale.GenerateOptions
	if in.Body != nil {
		o = *in.Body
	}
	p, err := a.Sales.Generate(ctx, who, sale.ID(in.ID), o)
	return &resource[sale.Package]{Location: "/api/jobs/" + p.JobID, Body: p}, err
}

func (a *API) packageContent(ctx context.Context, who account.Actor, in *packageFile) (*huma.StreamResponse, error) {
	p, f, err := a.Sales.PackageContent(ctx, who, sale.ID(in.ID), wholeRange(in.Range))
	if err != nil {
		return nil, err
	}
	return serveFile(f, time.Time{}, p.SHA256, "application/zip", mime.FormatMediaType("attachment", map[string]string{"filename": p.FileName})), nil
}
