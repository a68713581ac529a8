package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"navidocs/internal/account"
)

type leaveInput struct {
	Body struct {
		Password string `json:"password" minLength:"1" maxLength:"1000" doc:"yours, once more"`
	}
}

// AddressInput names a person by their e-mail address.
type AddressInput struct {
	Address string `json:"address" minLength:"3" maxLength:"254" doc:"an e-mail address"`
}

type personInput struct {
	ByID
	Body AddressInput
}

type eraseInput struct {
	ByID
	Body struct {
		AddressInput
		DryRun bool `json:"dry_run,omitempty" doc:"only say what would be erased"`
	}
}

type closeInput struct {
	ByID
	Confirm string `query:"confirm" maxLength:"200" doc:"the organization's name, unless the body gives it"`
	Body    *struct {
		Confirm string `json:"confirm,omitempty" maxLength:"200" doc:"the organization's name"`
	} `required:"false"`
}

type handOverInput struct {
	ByID
	Body struct {
		UserID account.UserID `json:"user_id" minLength:"1" maxLength:"64" doc:"the member who becomes admin"`
		Leave  bool           `json:"leave,omitempty" doc:"leave the organization instead of becoming a manager"`
	}
}

func (a *API) personOperations() {
	const export = "/api/auth/me/export"
	add(a, op{id: "export-me", method: http.MethodPost, path: export, tag: "auth", summary: "Everything that concerns you, as a JSON file"},
		func(ctx context.Context, who account.Actor, _ *struct{}) (*huma.StreamResponse, error) {
			m, err := a.Accounts.ExportMe(ctx, who)
			if err != nil {
				return nil, err
			}
			return a.attachment(ctx, m.Name, "application/json", m.Write), nil
		})
	add(a, op{
		id: "delete-me", method: http.MethodDelete, path: "/api/auth/me", tag: "auth",
		summary: "Delete your account: closed at once, erased after 30 days unless you sign in before",
	}, func(ctx context.Context, who account.Actor, in *leaveInput) (*body[account.Leaving], error) {
		return answer(a.Accounts.DeleteMe(ctx, who, in.Body.Password))
	})
	const people = "/api/organizations/{id}/people"
	add(a, op{id: "export-person", method: http.MethodPost, path: people + "/export", tag: "organizations", summary: "What the organization holds about an address"},
		func(ctx context.Context, who account.Actor, in *personInput) (*body[account.People], error) {
			return answer(a.Accounts.ExportPerson(ctx, who, account.OrgID(in.ID), in.Body.Address))
		})
	add(a, op{
		id: "erase-person", method: http.MethodPost, path: people + "/erase", tag: "organizations",
		summary: "Erase an address, and the name with it, where nothing needs it; says what was kept and why",
	}, func(ctx context.Context, who account.Actor, in *eraseInput) (*body[account.Erasing], error) {
		return answer(a.Accounts.ErasePerson(ctx, who, account.OrgID(in.ID), in.Body.Address, in.Body.DryRun))
	})
	holdings := a.huma.OpenAPI().Components.Schemas.Map()["People"].Properties["holdings"]
	a.huma.OpenAPI().Paths[export].Post.Responses["200"].Content = map[string]*huma.MediaType{"application/json": {Schema: holdings}}
	a.endingOperations()
}

func (a *API) endingOperations() {
	add(a, op{
		id: "delete-organization", method: http.MethodDelete, path: "/api/organizations/{id}", tag: "organizations",
		summary: "Delete an organization: gone at once, for good after 30 days unless it is restored",
	}, func(ctx context.Context, who account.Actor, in *closeInput) (*body[account.Organization], error) {
		confirm := in.Confirm
		if in.Body != nil && in.Body.Confirm != "" {
			confirm = in.Body.Confirm
		}
		return answer(a.Accounts.CloseOrganization(ctx, who, account.OrgID(in.ID), confirm))
	})
	add(a, op{
		id: "restore-organization", method: http.MethodPost, path: "/api/organizations/{id}/restore", tag: "organizations",
		summary: "Bring a deleted organization back, within 30 days; whoever was its admin may",
	}, func(ctx context.Context, who account.Actor, in *ByID) (*body[account.Organization], error) {
		return answer(a.Accounts.ReopenOrganization(ctx, who, account.OrgID(in.ID)))
	})
	add(a, op{
		id: "hand-over-organization", method: http.MethodPost, path: "/api/organizations/{id}/handover", tag: "organizations",
		summary: "Make a member admin in your place, and become a manager or leave",
	}, func(ctx context.Context, who account.Actor, in *handOverInput) (*body[account.Membership], error) {
		return answer(a.Accounts.HandOver(ctx, who, account.OrgID(in.ID), in.Body.UserID, in.Body.Leave))
	})
}
