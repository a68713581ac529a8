package api

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"navidocs/internal/account"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
)

// Permission is what an operation asks of its caller.
type Permission struct {
	// Public needs no sign-in.
	Public bool
	// Role is the lowest role in the organization concerned; Nobody asks for a
	// sign-in only.
	Role account.Role
	// Session asks for a sign-in: a personal token is refused, whatever its scope.
	Session bool
	// Fresh answers must not be repeated: auth, secrets, uploads.
	Fresh bool
}

// scope is what a personal token needs for an operation.
func (p Permission) scope(method string) account.Scope {
	switch {
	case p.Role == account.Admin:
		return account.Administer
	case method == http.MethodGet || method == http.MethodHead:
		return account.Read
	}
	return account.Write
}

var (
	public   = Permission{Public: true, Fresh: true}
	signedIn = Permission{}
	session  = Permission{Session: true, Fresh: true}
	viewer   = Permission{Role: account.Viewer}
	member   = Permission{Role: account.Member}
	manager  = Permission{Role: account.Manager}
	admin    = Permission{Role: account.Admin}
)

// Permissions maps every operation to what it asks. The services enforce it; a
// test walks it with every kind of caller, and registering an operation that
// has no row here stops the start.
var Permissions = map[string]Permission{
	"register": public, "login": public, "refresh": public,
	"logout": session, "logout-all": session, "get-me": signedIn, "update-me": signedIn,
	"verify-email": public, "resend-verification": session,
	"forgot-password": public, "reset-password": public, "change-password": session,
	"get-totp": session, "begin-totp": session, "confirm-totp": session, "make-recovery-codes": session, "end-totp": session,
	"unlock-account": public, "unlock-member": admin,
	"get-oidc": public, "start-oidc": public, "finish-oidc": public,
	"list-sessions": session, "end-session": session, "list-tokens": session, "create-token": session, "delete-token": session,
	"export-me": session, "delete-me": session,
	"list-organizations": signedIn, "create-organization": signedIn, "get-organization": viewer, "update-organization": admin,
	"get-settings": viewer, "put-settings": admin, "list-audit": admin, "export-audit": admin,
	"list-members": member, "update-member": admin, "remove-member": admin, // whoever leaves: any
	"list-invitations": admin, "create-invitation": {Role: account.Admin, Fresh: true}, "delete-invitation": admin, "accept-invitation": public,
	"delete-organization": {Role: account.Admin, Session: true, Fresh: true}, "restore-organization": session, // whoever was its admin: any
	"hand-over-organization": {Role: account.Admin, Fresh: true},
	"export-person":          {Role: account.Admin, Fresh: true}, "erase-person": {Role: account.Admin, Fresh: true},

	"list-boats": signedIn, "create-boat": manager, "get-boat": viewer, "update-boat": manager, "delete-boat": manager,
	"get-boat-summary": viewer, "get-boat-timeline": viewer, "list-boat-warranties": viewer, "list-boat-documents": viewer,
	"list-boat-equipment": viewer, "list-boat-certificates": viewer,
	"list-grants": manager, "create-grant": {Role: account.Manager, Fresh: true}, "end-grant": manager, // whoever leaves: any
	"list-engines": viewer, "create-engine": member, "update-engine": member, "delete-engine": manager,
	"list-photos": viewer, "add-photo": member, "remove-photo": manager,
	"list-systems": signedIn, "list-equipment": signedIn, "create-equipment": member, "get-equipment": viewer,
	"update-equipment": member, "delete-equipment": manager, "add-reading": member,
	"list-contacts": signedIn, "create-contact": member, "get-contact": viewer, "update-contact": member, "delete-contact": manager,

	"list-document-types": signedIn, "list-documents": signedIn, "upload-document": {Role: account.Member, Fresh: true},
	"get-document": viewer, "update-document": member, "delete-document": manager, "restore-document": manager,
	"reprocess-document": member, "get-content": viewer, "list-pages": viewer, "get-page": viewer, "get-page-image": viewer,
	"get-outline": viewer, "watch-progress": viewer, "search": signedIn,

	"list-warranties": signedIn, "list-expiring-warranties": signedIn, "create-warranty": member, "get-warranty": viewer,
	"replace-warranty": member, "update-warranty": member, "delete-warranty": manager, "restore-warranty": manager,
	"list-warranty-documents": viewer, "link-warranty-document": member, "unlink-warranty-document": member,
	"propose-terms": signedIn, "list-warranty-suggestions": viewer, "apply-warranty-suggestion": member, "get-warranty-totals": viewer,
	"list-claims": viewer, "create-claim": member, "get-claim": viewer, "update-claim": member,
	"list-claim-documents": viewer, "link-claim-document": member, "unlink-claim-document": member,
	"list-claim-log": viewer, "add-claim-log": member, "make-claim-package": {Role: account.Member, Fresh: true},

	"list-sales": signedIn, "list-boat-sales": member, "create-sale": manager, "get-sale": member, "update-sale": manager, "cancel-sale": manager,
	"get-selection": manager, "change-selection": manager, "generate-package": manager, "list-packages": member, "get-package": manager, "get-package-contents": manager,
	"list-signing-keys": admin, "rotate-signing-key": admin, "get-keys": public,
	"get-checklist": member, "tick-checklist": manager,
	"transfer-sale": {Role: account.Manager, Fresh: true}, "resend-handover": {Role: account.Manager, Fresh: true},
	"extend-handover": manager, "revoke-handover": manager, "list-downloads": member, "complete-sale": manager,
	"get-handover-page": public, "get-handover-package": public,
	"list-approvals": manager, "ask-approvals": {Role: account.Manager, Fresh: true}, "get-approval-page": public, "approve-package": public,
	"give-receipt": public, "list-receipts": member, "get-receipt": member, "get-protocol": manager,
	"list-sale-tasks": member, "update-sale-task": manager, "get-after-sale": manager, "make-supplement": manager,
	"accept-package": {Role: account.Manager, Fresh: true},
	"verify-package": public,

	"import-package": {Role: account.Manager, Fresh: true}, "get-import": manager, "import-organization": {Role: account.Admin, Fresh: true},
	"create-export": admin, "get-export": admin, "get-export-content": admin,

	"list-notifications": signedIn, "count-unread": signedIn, "stream-notifications": signedIn, "read-all-notifications": signedIn,
	"read-notification": signedIn, "delete-notification": signedIn, "resend-notification": signedIn, "report-bounce": signedIn,
	"get-notification-preferences": signedIn, "put-notification-preferences": signedIn,
	"set-phone": {Fresh: true}, "confirm-phone": {Fresh: true}, "forget-phone": signedIn, "resume-mail": signedIn,
	"subscribe-push": {Fresh: true}, "unsubscribe-push": signedIn,
	"list-notification-templates": manager, "get-notification-template": manager, "put-notification-template": admin,
	"reset-notification-template": admin, "preview-notification-template": manager,
	"list-event-types": signedIn,
	"list-webhooks":    manager, "create-webhook": {Role: account.Manager, Fresh: true}, "get-webhook": manager, "replace-webhook": manager,
	"update-webhook": manager, "delete-webhook": manager, "test-webhook": manager,
	"rotate-webhook-secret": {Role: account.Manager, Fresh: true}, "resume-webhook": manager,
	"list-deliveries": manager, "get-delivery": manager, "replay-delivery": manager, "replay-deliveries": manager,

	"list-home-assistants": manager, "get-first-home-assistant": manager, "create-home-assistant": {Role: account.Manager, Fresh: true},
	"replace-first-home-assistant": {Role: account.Manager, Fresh: true}, "delete-first-home-assistant": manager,
	"get-home-assistant": manager, "replace-home-assistant": {Role: account.Manager, Fresh: true}, "delete-home-assistant": manager,
	"test-home-assistant": manager, "confirm-home-assistant": public,

	"get-listing": viewer, "put-listing": member, // to make it public: manager
	"get-mls-status": viewer, "sync-mls": manager, "get-listing-sheet": member,
	"list-mls": admin, "create-mls": {Role: account.Admin, Fresh: true}, "get-mls": admin, "update-mls": {Role: account.Admin, Fresh: true}, "delete-mls": admin,
	"list-mls-log": admin, "import-mls": admin, "get-openmarine": public, "get-feed-photo": public,

	"list-feeds": signedIn, "create-feed": {Fresh: true}, "delete-feed": signedIn, "get-calendar": public,

	"get-job": viewer, "list-jobs": admin,
	"get-health": public,
}

// op describes an operation.
type op struct {
	id, method, path, summary, tag string
	status                         int
}

// add registers an operation: its contract, its permission, its handler.
func add[I, O any](a *API, o op, h func(ctx context.Context, who account.Actor, in *I) (*O, error)) {
	perm, ok := Permissions[o.id]
	if !ok {
		panic("operation " + o.id + " has no row in Permissions")
	}
	if o.status == 0 {
		o.status = http.StatusOK
	}
	spec := huma.Operation{
		OperationID: o.id, Method: o.method, Path: o.path, Summary: o.summary, Tags: []string{o.tag}, DefaultStatus: o.status,
		Errors: answers(o, perm), MaxBodyBytes: 1 << 20, BodyReadTimeout: silence,
	}
	if !perm.Public {
		spec.Security = []map[string][]string{{"bearer": {}}}
	}
	huma.Register(a.huma, spec, func(ctx context.Context, in *I) (*O, error) {
		requestOf(ctx).bodyRead()
		out, err := h(ctx, actor(ctx), in)
		if err != nil {
			p := problem(ctx, err)
			requestOf(ctx).cause = p.cause
			return nil, p
		}
		return out, nil
	})
}

// answers lists the errors that an operation can give.
func answers(o op, perm Permission) []int {
	all := []int{http.StatusBadRequest, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable}
	if !perm.Public || o.tag == "auth" {
		all = append(all, http.StatusUnauthorized, http.StatusForbidden)
	}
	if !perm.Public || strings.Contains(o.path, "{") { // X-Organization-Id may name one that is not theirs
		all = append(all, http.StatusNotFound)
	}
	switch o.method {
	case http.MethodPatch, http.MethodPut:
		all = append(all, http.StatusPreconditionFailed, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	case http.MethodDelete:
		all = append(all, http.StatusPreconditionFailed, http.StatusConflict)
	case http.MethodPost:
		all = append(all, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	return all
}

func actor(ctx context.Context) account.Actor {
	who, ok := ctx.Value(actorKey).(account.Actor)
	if !ok {
		return account.Actor{Address: requestOf(ctx).address, RequestID: requestID(ctx)}
	}
	return who
}

// body is an answer with a body alone.
type body[T any] struct {
	Body T
}

func answer[T any](v T, err error) (*body[T], error) {
	if err != nil {
		return nil, err
	}
	return &body[T]{v}, nil
}

// resource is an answer with the version of the row.
type resource[T any] struct {
	ETag     string `header:"ETag"`
	Location string `header:"Location"`
	Body     T
}

func versioned[T any](v T, version fleet.Version, location string) *resource[T] {
	return &resource[T]{ETag: `"` + string(version) + `"`, Location: location, Body: v}
}

// IfMatched is the version that a change is based on.
type IfMatched struct {
	IfMatch string `header:"If-Match" doc:"the ETag that you read; the change is refused with 412 when the row has changed since"`
}

func (m IfMatched) version() fleet.Version {
	v := strings.Trim(strings.TrimPrefix(strings.TrimSpace(m.IfMatch), "W/"), `"`)
	if v == "*" {
		return ""
	}
	return fleet.Version(v)
}

// Paging cuts a list.
type Paging struct {
	Limit  int `query:"limit" minimum:"1" maximum:"100" default:"50"`
	Offset int `query:"offset" minimum:"0" maximum:"1000000" default:"0"`

	path  string
	query string
}

// Resolve implements huma.Resolver: it keeps the address for the Link header.
func (p *Paging) Resolve(ctx huma.Context) []error {
	u := ctx.URL()
	p.path = u.Path
	q := u.Query()
	q.Del("offset")
	q.Del("limit")
	p.query = q.Encode()
	return nil
}

func (p *Paging) page() fleet.Page { return fleet.Page{Limit: p.Limit, Offset: p.Offset} }

// list is a page of a list as a bare array, with its total and neighbours.
type list[T any] struct {
	Total int    `header:"X-Total-Count"`
	Link  string `header:"Link"`
	Body  []T
}

func listed[T any](p *Paging, items []T, total int, err error) (*list[T], error) {
	if err != nil {
		return nil, err
	}
	return &list[T]{Total: total, Link: p.links(total), Body: items}, nil
}

func (p *Paging) links(total int) string {
	var out []string
	link := func(offset int, rel string) {
		query := "limit=" + strconv.Itoa(p.Limit) + "&offset=" + strconv.Itoa(offset)
		if p.query != "" {
			query = p.query + "&" + query
		}
		out = append(out, "<"+p.path+"?"+query+`>; rel="`+rel+`"`)
	}
	if p.Offset+p.Limit < total {
		link(p.Offset+p.Limit, "next")
	}
	if p.Offset > 0 {
		link(max(p.Offset-p.Limit, 0), "prev")
	}
	return strings.Join(out, ", ")
}

// ByID is the parameter of an operation on one thing.
type ByID struct {
	ID string `path:"id" maxLength:"64"`
}

func required(location string) error {
	return fault.Fields(fault.Field{Location: location, Message: "is required"})
}
