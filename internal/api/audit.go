package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"navidocs/internal/account"
)

// AuditQuery narrows the audit trail.
type AuditQuery struct {
	BoatID    string    `query:"boat_id" maxLength:"64"`
	Action    string    `query:"action" maxLength:"100" doc:"one, or with a dot at its end all of a subject" example:"document."`
	UserID    string    `query:"user_id" maxLength:"64" doc:"who did it"`
	Kind      string    `query:"subject_kind" maxLength:"100" doc:"what it was done to" example:"document"`
	SubjectID string    `query:"subject_id" maxLength:"100"`
	Since     time.Time `query:"since" doc:"from this instant on"`
	Until     time.Time `query:"until" doc:"before this instant"`
}

func (q *AuditQuery) filter() account.AuditFilter {
	return account.AuditFilter{
		BoatID: account.BoatID(q.BoatID), Action: q.Action, UserID: account.UserID(q.UserID), Kind: q.Kind, SubjectID: q.SubjectID,
		Since: q.Since, Until: q.Until,
	}
}

type auditInput struct {
	Paging
	AuditQuery
}

type auditExport struct {
	AuditQuery
	Format string `query:"format" enum:"csv,json" default:"csv"`
}

func (a *API) auditOperations() {
	add(a, op{id: "list-audit", method: http.MethodGet, path: "/api/audit", tag: "organizations", summary: "Who did what, newest first"},
		func(ctx context.Context, who account.Actor, in *auditInput) (*list[account.Record], error) {
			f := in.filter()
			f.Limit, f.Offset = in.Limit, in.Offset
			all, total, err := a.Accounts.AuditTrail(ctx, who, f)
			return listed(&in.Paging, all, total, err)
		})
	const path = "/api/audit/export"
	add(a, op{id: "export-audit", method: http.MethodGet, path: path, tag: "organizations", summary: "The audit trail as a file; the export is a line of it"},
		func(ctx context.Context, who account.Actor, in *auditExport) (*huma.StreamResponse, error) {
			t, err := a.Accounts.ExportAudit(ctx, who, in.filter(), in.Format)
			if err != nil {
				return nil, err
			}
			return a.attachment(ctx, t.Name, t.MediaType(), t.Write), nil
		})
	file := &huma.MediaType{Schema: &huma.Schema{Type: "string"}}
	lines := &huma.MediaType{Schema: a.huma.OpenAPI().Paths["/api/audit"].Get.Responses["200"].Content["application/json"].Schema}
	a.huma.OpenAPI().Paths[path].Get.Responses["200"].Content = map[string]*huma.MediaType{"text/csv": file, "application/json": lines}
}
