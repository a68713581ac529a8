package api

import (
	"context"
	"net/http"

	"navidocs/internal/account"
	"navidocs/internal/fleet"
	"navidocs/internal/warranty"
)

type warrantyList struct {
	Paging
	BoatID   string `query:"boat_id"`
	Status   string `query:"status" enum:"active,claimed,void,expired"`
	Provider string `query:"provider"`
	Within   int    `query:"expires_within_days" minimum:"-1" maximum:"3650" default:"-1"`
}

type expiringInput struct {
	Days    int    `query:"days" minimum:"1" maximum:"365" default:"30"`
	BoatID  string `query:"boat_id"`
	Expired bool   `query:"include_expired"`
}

type warrantyInput struct {
	Body warranty.Input
}

func (a *API) warrantyOperations() {
	add(a, op{id: "list-warranties", method: http.MethodGet, path: "/api/warranties", tag: "warranties", summary: "Warranties, soonest end first"},
		func(ctx context.Context, who account.Actor, in *warrantyList) (*list[warranty.Warranty], error) {
			f := warranty.Filter{BoatID: fleet.BoatID(in.BoatID), Status: warranty.Status(in.Status), Provider: in.Provider, Within: in.Within, Page: in.page()}
			all, total, err := a.Warranties.Warranties(ctx, who, f)
			return listed(&in.Paging, all, total, err)
		})
	add(a, op{id: "list-expiring-warranties", method: http.MethodGet, path: "/api/warranties/expiring", tag: "warranties", summary: "What ends within some days, soonest first"},
		func(ctx context.Context, who account.Actor, in *expiringInput) (*body[[]warranty.Warranty], error) {
			all, _, err := a.Warranties.Warranties(ctx, who, warranty.Filter{
				BoatID: fleet.BoatID(in.BoatID), Within: in.Days,
				IncludeExpired: in.Expired, Page: fleet.Page{Limit: 1000},
			})
			return answer(all, err)
		})
	add(a, op{id: "create-warranty", method: http.MethodPost, path: "/api/warranties", tag: "warranties", status: http.StatusCreated, summary: "Record a warranty; its expiry is computed"},
		func(ctx context.Context, who account.Actor, in *warrantyInput) (*resource[warranty.Warranty], error) {
			w, err := a.Warranties.Create(ctx, who, in.Body)
			return versioned(w, fleet.VersionOf(w.UpdatedAt), "/api/warranties/"+string(w.ID)), err
		})
	add(a, op{id: "get-warranty", method: http.MethodGet, path: "/api/warranties/{id}", tag: "warranties", summary: "One warranty"},
		func(ctx context.Context, who account.Actor, in *ByID) (*resource[warranty.Warranty], error) {
			w, err := a.Warranties.Warranty(ctx, who, warranty.ID(in.ID))
			return versioned(w, fleet.VersionOf(w.UpdatedAt), ""), err
		})
}
