package api

import (
	"context"
	"net/http"

	"navidocs/internal/account"
	"navidocs/internal/fleet"
	"navidocs/internal/sale"
)

type saleList struct {
	Paging
	BoatID string `query:"boat_id" maxLength:"64"`
	Status string `query:"status" enum:"initiated,package_generated,transferred,completed,cancelled"`
	Query  string `query:"q" maxLength:"200" doc:"part of the boat's name, or of the buyer's name or address"`
}

type boatSales struct {
	ByID
	Paging
}

type saleInput struct {
	Body sale.Input
}

type salePatch struct {
	ByID
	IfMatched
	Body sale.Patch
}

type cancelInput struct {
	ByID
	IfMatched
	Body *struct {
		Reason string `json:"reason,omitempty" maxLength:"2000"`
	} `required:"false"`
}

type ticksInput struct {
	ByID
	Body []sale.Tick
}

func (a *API) saleOperations() {
	const tag, all, one = "sales", "/api/sales", "/api/sales/{id}"
	add(a, op{id: "list-sales", method: http.MethodGet, path: all, tag: tag, summary: "Sales, the newest first"},
		func(ctx context.Context, who account.Actor, in *saleList) (*list[sale.Sale], error) {
			f := sale.Filter{BoatID: fleet.BoatID(in.BoatID), Status: sale.Status(in.Status), Query: in.Query, Page: in.page()}
			all, total, err := a.Sales.Sales(ctx, who, f)
			return listed(&in.Paging, all, total, err)
		})
	add(a, op{id: "list-boat-sales", method: http.MethodGet, path: "/api/boats/{id}/sales", tag: "boats", summary: "The sales of a boat, the newest first"},
		func(ctx context.Context, who account.Actor, in *boatSales) (*list[sale.Sale], error) {
			all, total, err := a.Sales.Sales(ctx, who, sale.Filter{BoatID: fleet.BoatID(in.ID), Page: in.page()})
			return listed(&in.Paging, all, total, err)
		})
	add(a, op{id: "create-sale", method: http.MethodPost, path: all, tag: tag, status: http.StatusCreated, summary: "Begin to sell a boat; it has one open sale at most"},
		func(ctx context.Context, who account.Actor, in *saleInput) (*resource[sale.Sale], error) {
			x, err := a.Sales.Start(ctx, who, in.Body)
			return saleAnswer(x, "/api/sales/"+string(x.ID), err)
		})
	add(a, op{id: "get-sale", method: http.MethodGet, path: one, tag: tag, summary: "One sale, with what happened to it"},
		func(ctx context.Context, who account.Actor, in *ByID) (*resource[sale.Sale], error) {
			x, err := a.Sales.Sale(ctx, who, sale.ID(in.ID))
			return saleAnswer(x, "", err)
		})
	add(a, op{id: "update-sale", method: http.MethodPatch, path: one, tag: tag, summary: "Change what is given of an open sale"},
		func(ctx context.Context, who account.Actor, in *salePatch) (*resource[sale.Sale], error) {
			x, err := a.Sales.Update(ctx, who, sale.ID(in.ID), in.Body, in.version())
			return saleAnswer(x, "", err)
		})
	add(a, op{id: "cancel-sale", method: http.MethodPost, path: one + "/cancel", tag: tag, summary: "Call a sale off; ends the buyer's link and tells what was downloaded before"}, a.cancelSale)
	add(a, op{id: "get-checklist", method: http.MethodGet, path: one + "/checklist", tag: tag, summary: "What is to be done, ticked by the boat's papers and by hand"},
		func(ctx context.Context, who account.Actor, in *ByID) (*body[[]sale.Check], error) {
			return answer(a.Sales.Checklist(ctx, who, sale.ID(in.ID)))
		})
	add(a, op{id: "tick-checklist", method: http.MethodPatch, path: one + "/checklist", tag: tag, summary: "Say of some items whether they are done"},
		func(ctx context.Context, who account.Actor, in *ticksInput) (*body[[]sale.Check], error) {
			return answer(a.Sales.TickOff(ctx, who, sale.ID(in.ID), in.Body))
		})
}

func (a *API) cancelSale(ctx context.Context, who account.Actor, in *cancelInput) (*resource[sale.Sale], error) {
	reason := ""
	if in.Body != nil {
		reason = in.Body.Reason
	}
	x, err := a.Sales.Cancel(ctx, who, sale.ID(in.ID), reason, in.version())
	return saleAnswer(x, "", err)
}

func saleAnswer(x sale.Sale, location string, err error) (*resource[sale.Sale], error) {
	return versioned(x, fleet.VersionOf(x.UpdatedAt), location), err
}
