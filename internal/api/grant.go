package api

import (
	"context"
	"net/http"

	"navidocs/internal/account"
	"navidocs/internal/fleet"
)

// ByGrant is the parameter of an operation on a right on a boat.
type ByGrant struct {
	ByID
	User string `path:"user" maxLength:"254" doc:"the user's id; the address, while an invitation waits"`
}

type grantInput struct {
	ByID
	Body account.NewGrant
}

func (a *API) grantOperations() {
	add(a, op{id: "list-grants", method: http.MethodGet, path: "/api/boats/{id}/grants", tag: "boats", summary: "Who has a right on this boat alone, and until when"},
		func(ctx context.Context, who account.Actor, in *ByID) (*body[[]account.Grant], error) {
			return answer(a.Boats.Grants(ctx, who, fleet.BoatID(in.ID)))
		})
	add(a, op{
		id: "create-grant", method: http.MethodPost, path: "/api/boats/{id}/grants", tag: "boats", status: http.StatusCreated,
		summary: "Give somebody a right on this boat, which ends by itself; by an invitation where they have no account",
	}, func(ctx context.Context, who account.Actor, in *grantInput) (*body[account.Grant], error) {
		return answer(a.Boats.Grant(ctx, who, fleet.BoatID(in.ID), in.Body))
	})
	add(a, op{
		id: "end-grant", method: http.MethodDelete, path: "/api/boats/{id}/grants/{user}", tag: "boats",
		summary: "End a right on this boat at once; your own, to leave",
	}, func(ctx context.Context, who account.Actor, in *ByGrant) (*body[said], error) {
		return answer(said{"the right on this boat has ended"}, a.Boats.EndGrant(ctx, who, fleet.BoatID(in.ID), in.User))
	})
}
