package api

import (
	"context"
	"net/http"

	"navidocs/internal/account"
	"navidocs/internal/fleet"
)

type contactsInput struct {
	Paging
	Query string `query:"q" maxLength:"200" doc:"part of name"`
	Kind  string `query:"kind" enum:"maker,dealer,yard,insurer,surveyor,other"`
}

type contactInput struct {
	Body fleet.ContactInput
}

type contactPatch struct {
	ByID
	IfMatched
	Body fleet.ContactInput
}

func (a *API) contactOperations() {
	add(a, op{id: "list-contacts", method: http.MethodGet, path: "/api/contacts", tag: "contacts", summary: "Contacts by name"},
		func(ctx context.Context, who account.Actor, in *contactsInput) (*list[fleet.Contact], error) {
			all, total, err := a.Boats.Contacts(ctx, who, fleet.ContactFilter{Query: in.Query, Kind: fleet.ContactKind(in.Kind), Page: in.page()})
			return listed(&in.Paging, all, total, err)
		})
	add(a, op{id: "create-contact", method: http.MethodPost, path: "/api/contacts", tag: "contacts", status: http.StatusCreated, summary: "Add a contact"}, a.createContact)
	add(a, op{id: "get-contact", method: http.MethodGet, path: "/api/contacts/{id}", tag: "contacts", summary: "One contact"},
		func(ctx context.Context, who account.Actor, in *ByID) (*resource[fleet.Contact], error) {
			c, err := a.Boats.Contact(ctx, who, fleet.ContactID(in.ID))
			return versioned(c, fleet.VersionOf(c.UpdatedAt), ""), err
		})
	add(a, op{id: "update-contact", method: http.MethodPatch, path: "/api/contacts/{id}", tag: "contacts", summary: "Change what is given"},
		func(ctx context.Context, who account.Actor, in *contactPatch) (*resource[fleet.Contact], error) {
			c, err := a.Boats.UpdateContact(ctx, who, fleet.ContactID(in.ID), in.Body, in.version())
			return versioned(c, fleet.VersionOf(c.UpdatedAt), ""), err
		})
	add(a, op{id: "delete-contact", method: http.MethodDelete, path: "/api/contacts/{id}", tag: "contacts", summary: "Delete a contact; what names it still shows it"},
		func(ctx context.Context, who account.Actor, in *change) (*body[fleet.Contact], error) {
			return answer(a.Boats.DeleteContact(ctx, who, fleet.ContactID(in.ID), in.version()))
		})
}

func (a *API) createContact(ctx context.Context, who account.Actor, in *contactInput) (*resource[fleet.Contact], error) {
	org, err := who.Creating()
	if err != nil {
		return nil, err
	}
	c, err := a.Boats.CreateContact(ctx, who, org, in.Body)
	return versioned(c, fleet.VersionOf(c.UpdatedAt), "/api/contacts/"+string(c.ID)), err
}
