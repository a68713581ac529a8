package api

import (
	"context"
	"net/http"

	"navidocs/internal/account"
	"navidocs/internal/document"
	"navidocs/internal/fleet"
	"navidocs/internal/warranty"
)

type boatsInput struct {
	Paging
	Query string `query:"q" maxLength:"200" doc:"part of name, make or model"`
	Sort  string `query:"sort" doc:"name, year or created_at, with - for descending"`
}

type boatInput struct {
	Body fleet.BoatInput
}

type boatPatch struct {
	ByID
	IfMatched
	Body fleet.BoatInput
}

type change struct {
	ByID
	IfMatched
}

type pageOf struct {
	ByID
	Paging
}

func (a *API) fleetOperations() {
	add(a, op{id: "list-boats", method: http.MethodGet, path: "/api/boats", tag: "boats", summary: "Boats that you may see"},
		func(ctx context.Context, who account.Actor, in *boatsInput) (*list[fleet.Boat], error) {
			all, total, err := a.Boats.Boats(ctx, who, fleet.BoatFilter{Query: in.Query, Sort: in.Sort, Page: in.page()})
			return listed(&in.Paging, all, total, err)
		})
	add(a, op{id: "create-boat", method: http.MethodPost, path: "/api/boats", tag: "boats", status: http.StatusCreated, summary: "Add a boat"}, a.createBoat)
	add(a, op{id: "get-boat", method: http.MethodGet, path: "/api/boats/{id}", tag: "boats", summary: "One boat with its identities and warnings"},
		func(ctx context.Context, who account.Actor, in *ByID) (*resource[fleet.Boat], error) {
			b, err := a.Boats.Boat(ctx, who, fleet.BoatID(in.ID))
			return versioned(b, fleet.VersionOf(b.UpdatedAt), ""), err
		})
	add(a, op{id: "update-boat", method: http.MethodPatch, path: "/api/boats/{id}", tag: "boats", summary: "Change what is given"},
		func(ctx context.Context, who account.Actor, in *boatPatch) (*resource[fleet.Boat], error) {
			b, err := a.Boats.UpdateBoat(ctx, who, fleet.BoatID(in.ID), in.Body, in.version())
			return versioned(b, fleet.VersionOf(b.UpdatedAt), ""), err
		})
	add(a, op{id: "delete-boat", method: http.MethodDelete, path: "/api/boats/{id}", tag: "boats", summary: "Delete a boat"},
		func(ctx context.Context, who account.Actor, in *change) (*body[fleet.Boat], error) {
			return answer(a.Boats.DeleteBoat(ctx, who, fleet.BoatID(in.ID), in.version()))
		})
	a.boatViews()
	a.engineOperations()
	a.equipmentOperations()
	a.photoOperations()
}

func (a *API) createBoat(ctx context.Context, who account.Actor, in *boatInput) (*resource[fleet.Boat], error) {
	org, err := who.Creating()
	if err != nil {
		return nil, err
	}
	b, err := a.Boats.CreateBoat(ctx, who, org, in.Body)
	return versioned(b, fleet.VersionOf(b.UpdatedAt), "/api/boats/"+string(b.ID)), err
}

// Summary is a boat on one screen.
type Summary struct {
	Boat      fleet.Boat `json:"boat"`
	Documents struct {
		Total      int `json:"total"`
		Processing int `json:"processing"`
		Failed     int `json:"failed"`
	} `json:"documents"`
	Equipment    int                 `json:"equipment"`
	Engines      []fleet.Engine      `json:"engines"`
	Warranties   []warranty.Warranty `json:"warranties_expiring" doc:"ending within 90 days, soonest first"`
	Cover        warranty.Totals     `json:"warranties"`
	Certificates []document.Document `json:"certificates" doc:"papers with an expiry, soonest first, at most 5"`
}

func (a *API) boatViews() {
	add(a, op{id: "get-boat-summary", method: http.MethodGet, path: "/api/boats/{id}/summary", tag: "boats", summary: "A boat on one screen"}, a.boatSummary)
	add(a, op{id: "get-boat-timeline", method: http.MethodGet, path: "/api/boats/{id}/timeline", tag: "boats", summary: "What happened to a boat, newest first"},
		func(ctx context.Context, who account.Actor, in *pageOf) (*body[[]fleet.Moment], error) {
			return answer(a.Boats.Timeline(ctx, who, fleet.BoatID(in.ID), in.page()))
		})
	add(a, op{id: "list-boat-warranties", method: http.MethodGet, path: "/api/boats/{id}/warranties", tag: "boats", summary: "A boat's warranties, soonest end first"},
		func(ctx context.Context, who account.Actor, in *pageOf) (*list[warranty.Warranty], error) {
			all, total, err := a.Warranties.Warranties(ctx, who, warranty.Filter{BoatID: fleet.BoatID(in.ID), Within: -1, Page: in.page()})
			return listed(&in.Paging, all, total, err)
		})
	add(a, op{id: "get-warranty-totals", method: http.MethodGet, path: "/api/boats/{id}/warranties/totals", tag: "boats", summary: "A boat's warranties in figures"},
		func(ctx context.Context, who account.Actor, in *ByID) (*body[warranty.Totals], error) {
			return answer(a.Warranties.Totals(ctx, who, fleet.BoatID(in.ID)))
		})
	add(a, op{id: "list-boat-documents", method: http.MethodGet, path: "/api/boats/{id}/documents", tag: "boats", summary: "A boat's papers, newest first"},
		func(ctx context.Context, who account.Actor, in *pageOf) (*list[document.Document], error) {
			all, total, err := a.Documents.Documents(ctx, who, document.Filter{BoatID: fleet.BoatID(in.ID), Page: in.page()})
			return listed(&in.Paging, all, total, err)
		})
	add(a, op{id: "list-boat-certificates", method: http.MethodGet, path: "/api/boats/{id}/certificates", tag: "boats", summary: "Papers with an expiry, soonest first"},
		func(ctx context.Context, who account.Actor, in *pageOf) (*list[document.Document], error) {
			all, total, err := a.Documents.Documents(ctx, who, document.Filter{BoatID: fleet.BoatID(in.ID), Certificates: true, Page: in.page()})
			return listed(&in.Paging, all, total, err)
		})
	add(a, op{id: "list-boat-equipment", method: http.MethodGet, path: "/api/boats/{id}/equipment", tag: "boats", summary: "A boat's equipment by system"},
		func(ctx context.Context, who account.Actor, in *pageOf) (*list[fleet.Equipment], error) {
			all, total, err := a.Boats.EquipmentList(ctx, who, fleet.EquipmentFilter{BoatID: fleet.BoatID(in.ID), Page: in.page()})
			return listed(&in.Paging, all, total, err)
		})
}

func (a *API) boatSummary(ctx context.Context, who account.Actor, in *ByID) (*body[Summary], error) {
	var s Summary
	var err error
	id := fleet.BoatID(in.ID)
	if s.Boat, err = a.Boats.Boat(ctx, who, id); err != nil {
		return nil, err
	}
	one := fleet.Page{Limit: 1}
	for status, count := range map[document.Status]*int{"": &s.Documents.Total, document.Processing: &s.Documents.Processing, document.Failed: &s.Documents.Failed} {
		if _, *count, err = a.Documents.Documents(ctx, who, document.Filter{BoatID: id, Status: status, Page: one}); err != nil {
			return nil, err
		}
	}
	if _, s.Equipment, err = a.Boats.EquipmentList(ctx, who, fleet.EquipmentFilter{BoatID: id, Page: one}); err != nil {
		return nil, err
	}
	if s.Engines, err = a.Boats.Engines(ctx, who, id); err != nil {
		return nil, err
	}
	if s.Warranties, _, err = a.Warranties.Warranties(ctx, who, warranty.Filter{BoatID: id, Within: 90, Page: fleet.Page{Limit: 20}}); err != nil {
		return nil, err
	}
	if s.Cover, err = a.Warranties.Totals(ctx, who, id); err != nil {
		return nil, err
	}
	s.Certificates, _, err = a.Documents.Documents(ctx, who, document.Filter{BoatID: id, Certificates: true, Page: fleet.Page{Limit: 5}})
	return answer(s, err)
}

type engineInput struct {
	ByID
	Body fleet.EngineInput
}

// EngineChange names an engine of a boat and the version that is changed.
type EngineChange struct {
	ByID
	IfMatched
	Engine string `path:"engine" maxLength:"64"`
}

type enginePatch struct {
	EngineChange
	Body fleet.EngineInput
}

func (a *API) engineOperations() {
	add(a, op{id: "list-engines", method: http.MethodGet, path: "/api/boats/{id}/engines", tag: "engines", summary: "A boat's engines"},
		func(ctx context.Context, who account.Actor, in *ByID) (*body[[]fleet.Engine], error) {
			return answer(a.Boats.Engines(ctx, who, fleet.BoatID(in.ID)))
		})
	add(a, op{id: "create-engine", method: http.MethodPost, path: "/api/boats/{id}/engines", tag: "engines", status: http.StatusCreated, summary: "Add an engine"},
		func(ctx context.Context, who account.Actor, in *engineInput) (*resource[fleet.Engine], error) {
			e, err := a.Boats.CreateEngine(ctx, who, fleet.BoatID(in.ID), in.Body)
			return versioned(e, fleet.VersionOf(e.UpdatedAt), "/api/boats/"+in.ID+"/engines/"+string(e.ID)), err
		})
	add(a, op{id: "update-engine", method: http.MethodPatch, path: "/api/boats/{id}/engines/{engine}", tag: "engines", summary: "Change an engine, or record its hours"},
		func(ctx context.Context, who account.Actor, in *enginePatch) (*resource[fleet.Engine], error) {
			e, err := a.Boats.UpdateEngine(ctx, who, fleet.BoatID(in.ID), fleet.EngineID(in.Engine), in.Body, in.version())
			return versioned(e, fleet.VersionOf(e.UpdatedAt), ""), err
		})
	add(a, op{id: "delete-engine", method: http.MethodDelete, path: "/api/boats/{id}/engines/{engine}", tag: "engines", summary: "Delete an engine"},
		func(ctx context.Context, who account.Actor, in *EngineChange) (*body[fleet.Engine], error) {
			return answer(a.Boats.DeleteEngine(ctx, who, fleet.BoatID(in.ID), fleet.EngineID(in.Engine), in.version()))
		})
}

type equipmentList struct {
	Paging
	BoatID string `query:"boat_id"`
	System string `query:"system" doc:"system number"`
	Query  string `query:"q" maxLength:"200"`
}

type equipmentInput struct {
	Body struct {
		BoatID string `json:"boat_id" maxLength:"64"`
		fleet.EquipmentInput
	}
}

type equipmentPatch struct {
	ByID
	IfMatched
	Body fleet.EquipmentInput
}

type readingInput struct {
	ByID
	Body fleet.Reading
}

func (a *API) equipmentOperations() {
	add(a, op{id: "list-systems", method: http.MethodGet, path: "/api/systems", tag: "equipment", summary: "The numbers under which equipment is filed"},
		func(context.Context, account.Actor, *struct{}) (*body[[]fleet.System], error) {
			return answer(fleet.Systems(), nil)
		})
	add(a, op{id: "list-equipment", method: http.MethodGet, path: "/api/equipment", tag: "equipment", summary: "Equipment by system"},
		func(ctx context.Context, who account.Actor, in *equipmentList) (*list[fleet.Equipment], error) {
			all, total, err := a.Boats.EquipmentList(ctx, who, fleet.EquipmentFilter{BoatID: fleet.BoatID(in.BoatID), System: in.System, Query: in.Query, Page: in.page()})
			return listed(&in.Paging, all, total, err)
		})
	add(a, op{id: "create-equipment", method: http.MethodPost, path: "/api/equipment", tag: "equipment", status: http.StatusCreated, summary: "Add equipment to a boat"},
		func(ctx context.Context, who account.Actor, in *equipmentInput) (*resource[fleet.Equipment], error) {
			e, err := a.Boats.CreateEquipment(ctx, who, fleet.BoatID(in.Body.BoatID), in.Body.EquipmentInput)
			return versioned(e, fleet.VersionOf(e.UpdatedAt), "/api/equipment/"+string(e.ID)), err
		})
	add(a, op{id: "get-equipment", method: http.MethodGet, path: "/api/equipment/{id}", tag: "equipment", summary: "One piece of equipment"},
		func(ctx context.Context, who account.Actor, in *ByID) (*resource[fleet.Equipment], error) {
			e, err := a.Boats.Equipment(ctx, who, fleet.EquipmentID(in.ID))
			return versioned(e, fleet.VersionOf(e.UpdatedAt), ""), err
		})
	add(a, op{id: "update-equipment", method: http.MethodPatch, path: "/api/equipment/{id}", tag: "equipment", summary: "Change what is given"},
		func(ctx context.Context, who account.Actor, in *equipmentPatch) (*resource[fleet.Equipment], error) {
			e, err := a.Boats.UpdateEquipment(ctx, who, fleet.EquipmentID(in.ID), in.Body, in.version())
			return versioned(e, fleet.VersionOf(e.UpdatedAt), ""), err
		})
	add(a, op{id: "delete-equipment", method: http.MethodDelete, path: "/api/equipment/{id}", tag: "equipment", summary: "Delete equipment"},
		func(ctx context.Context, who account.Actor, in *change) (*body[fleet.Equipment], error) {
			return answer(a.Boats.DeleteEquipment(ctx, who, fleet.EquipmentID(in.ID), in.version()))
		})
	add(a, op{id: "add-reading", method: http.MethodPost, path: "/api/equipment/{id}/readings", tag: "equipment", status: http.StatusCreated, summary: "Record hours on a day"},
		func(ctx context.Context, who account.Actor, in *readingInput) (*resource[fleet.Equipment], error) {
			e, err := a.Boats.AddReading(ctx, who, fleet.EquipmentID(in.ID), in.Body)
			return versioned(e, fleet.VersionOf(e.UpdatedAt), "/api/equipment/"+in.ID), err
		})
}

type photoInput struct {
	ByID
	Body struct {
		DocumentID string `json:"document_id" maxLength:"64" doc:"an image uploaded as a document"`
		Caption    string `json:"caption,omitempty" maxLength:"300"`
	}
}

type photoChange struct {
	ByID
	Photo string `path:"photo" maxLength:"64"`
}

func (a *API) photoOperations() {
	add(a, op{id: "list-photos", method: http.MethodGet, path: "/api/boats/{id}/photos", tag: "boats", summary: "A boat's pictures, in order"},
		func(ctx context.Context, who account.Actor, in *ByID) (*body[[]document.Photo], error) {
			return answer(a.Documents.Photos(ctx, who, fleet.BoatID(in.ID)))
		})
	add(a, op{id: "add-photo", method: http.MethodPost, path: "/api/boats/{id}/photos", tag: "boats", status: http.StatusCreated, summary: "Show an image with a boat"},
		func(ctx context.Context, who account.Actor, in *photoInput) (*resource[document.Photo], error) {
			p, err := a.Documents.AddPhoto(ctx, who, fleet.BoatID(in.ID), document.ID(in.Body.DocumentID), in.Body.Caption)
			return &resource[document.Photo]{Location: "/api/boats/" + in.ID + "/photos/" + p.ID, Body: p}, err
		})
	add(a, op{id: "remove-photo", method: http.MethodDelete, path: "/api/boats/{id}/photos/{photo}", tag: "boats", summary: "Stop showing it; the document stays"},
		func(ctx context.Context, who account.Actor, in *photoChange) (*body[document.Photo], error) {
			return answer(a.Documents.RemovePhoto(ctx, who, fleet.BoatID(in.ID), in.Photo))
		})
}
