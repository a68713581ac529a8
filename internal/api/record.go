package api

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"navidocs/internal/account"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
	"navidocs/internal/record"
)

func (a *API) recordOperations() {
	const tag = "packages"
	add(a, op{
		id: "import-package", method: http.MethodPost, path: "/api/packages/import", tag: tag, status: http.StatusAccepted,
		summary: "Take a package of NaviDocs into an organization: boats, equipment, warranties and papers arrive; the same one arrives once",
	}, a.importArchive(account.Manager))
	add(a, op{
		id: "import-organization", method: http.MethodPost, path: "/api/import", tag: tag, status: http.StatusAccepted,
		summary: "Take what an organization exported into another",
	}, a.importArchive(account.Admin))
	add(a, op{id: "get-import", method: http.MethodGet, path: "/api/packages/imports/{id}", tag: tag, summary: "How far an import is, and what came of it"},
		func(ctx context.Context, who account.Actor, in *ByID) (*body[record.Import], error) {
			return answer(a.Records.Imported(ctx, who, record.ImportID(in.ID)))
		})
	add(a, op{
		id: "create-export", method: http.MethodPost, path: "/api/export", tag: tag, status: http.StatusAccepted,
		summary: "Have everything that an organization has written to a signed archive, kept for 7 days",
	}, a.createExport)
	add(a, op{id: "get-export", method: http.MethodGet, path: "/api/exports/{id}", tag: tag, summary: "How far an export is"},
		func(ctx context.Context, who account.Actor, in *ByID) (*body[record.Export], error) {
			return answer(a.Records.Exported(ctx, who, record.ExportID(in.ID)))
		})
	add(a, op{id: "get-export-content", method: http.MethodGet, path: "/api/exports/{id}/content", tag: tag, summary: "The archive; ranges are served"}, a.exportContent)
	a.describeRecords()
}

// describeRecords says in the contract what is not JSON.
func (a *API) describeRecords() {
	paths := a.huma.OpenAPI().Paths
	form := &huma.Schema{Type: "object", Required: []string{"file"}, Properties: map[string]*huma.Schema{
		"file":            {Type: "string", Format: "binary", Description: "an archive of NaviDocs, of at most MAX_PACKAGE_MB"},
		"organization_id": {Type: "string", Description: "where it goes; before the file. Else X-Organization-Id, else the caller's only one"},
	}}
	for _, path := range []string{"/api/packages/import", "/api/import"} {
		operation := paths[path].Post
		operation.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"multipart/form-data": {Schema: form}}}
		operation.Responses["507"] = operation.Responses["413"]
	}
	responses := paths["/api/exports/{id}/content"].Get.Responses
	responses["200"].Content = map[string]*huma.MediaType{"application/zip": {Schema: &huma.Schema{Type: "string", Format: "binary"}}}
	responses["206"], responses["416"], responses["409"], responses["410"] = responses["200"], responses["400"], responses["400"], responses["400"]
	responses["304"] = &huma.Response{Description: "Not Modified"}
}

type importAnswer = resource[record.Import]

// importArchive reads the form: the organization, when it names one, and the
// file, which streams into the store.
func (a *API) importArchive(role account.Role) func(context.Context, account.Actor, *FormBody) (*importAnswer, error) {
	return func(ctx context.Context, who account.Actor, in *FormBody) (*importAnswer, error) {
		form, err := in.parts()
		if err != nil {
			return nil, err
		}
		for {
			part, err := form.NextPart()
			if errors.Is(err, io.EOF) {
				return nil, required("form.file")
			}
			if err != nil {
				return nil, cutOff(err)
			}
			switch part.FormName() {
			case "file":
				return a.importFile(ctx, who, role, part)
			case "organization_id":
				id, err := io.ReadAll(io.LimitReader(part, 65))
				if err != nil {
					return nil, cutOff(err)
				}
				who.Narrow = account.OrgID(strings.TrimSpace(string(id)))
			default:
				return nil, fault.Fields(fault.Field{Location: "form." + part.FormName(), Message: "is unknown: an import has organization_id and then file"})
			}
		}
	}
}

func (a *API) importFile(ctx context.Context, who account.Actor, role account.Role, file io.Reader) (*importAnswer, error) {
	org, err := who.Creating()
	if err != nil {
		return nil, err
	}
	if err := who.Require(org, role, "organization"); err != nil {
		return nil, err
	}
	x, err := a.Records.Import(ctx, who, org, file)
	if err != nil {
		return nil, cutOff(err)
	}
	return versioned(x, fleet.VersionOf(x.CreatedAt), "/api/packages/imports/"+string(x.ID)), nil
}

func (a *API) createExport(ctx context.Context, who account.Actor, _ *struct{}) (*resource[record.Export], error) {
	org, err := who.Creating()
	if err != nil {
		return nil, err
	}
	x, err := a.Records.Export(ctx, who, org)
	return versioned(x, fleet.VersionOf(x.CreatedAt), "/api/exports/"+string(x.ID)), err
}

type exportContentInput struct {
	ByID
	Range string `header:"Range"`
}

func (a *API) exportContent(ctx context.Context, who account.Actor, in *exportContentInput) (*huma.StreamResponse, error) {
	x, f, err := a.Records.Content(ctx, who, record.ExportID(in.ID), wholeRange(in.Range))
	if err != nil {
		return nil, err
	}
	disposition := mime.FormatMediaType("attachment", map[string]string{"filename": x.FileName()})
	return serveFile(f, x.CreatedAt, x.SHA256, "application/zip", disposition), nil
}
